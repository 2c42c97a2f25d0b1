//! What a Redis server says about itself.

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;
use redis::{AsyncConnectionConfig, Client, RedisResult, aio::MultiplexedConnection, cmd};

use crate::{Error, RedisSettings};

/// How long one answer may take; there are six.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// How long it may take to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// What a Redis server says about itself, as far as it tells us. What it does not tell is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RedisFacts {
    /// Its version, such as `8.0.2`.
    pub version: Option<String>,
    /// What it does when its memory is full: `noeviction`, or which keys it throws away.
    pub maxmemory_policy: Option<String>,
    /// The most memory it may use, in bytes; 0 is no bound.
    pub maxmemory: Option<u64>,
    /// The memory it uses, in bytes.
    pub used_memory: Option<u64>,
    /// Whether it writes each change to a file.
    pub append_only: Option<bool>,
    /// When that file reaches the disk: `always`, `everysec` or `no`.
    pub append_fsync: Option<String>,
    /// `true` if it follows another server, and takes no changes from us.
    pub is_replica: Option<bool>,
    /// What it said by its clock.
    pub time: Option<Timestamp>,
    /// Why it runs no scripts for us, if it does not.
    pub scripts_refused: Option<String>,
}

impl RedisFacts {
    /// Asks on a connection of its own, at most ten seconds. Changes nothing.
    pub async fn ask(settings: &RedisSettings) -> Result<Self, Error> {
        let client =
            Client::open(settings.url.as_str()).map_err(|error| Error::Address(error.into()))?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(ANSWER_TIMEOUT));
        let connecting = client.get_multiplexed_async_connection_with_config(&config);
        let mut server = connecting.await.map_err(|error| Error::Redis(error.into()))?;
        let time: RedisResult<(i64, i64)> = cmd("TIME").query_async(&mut server).await;
        let info: String = cmd("INFO").query_async(&mut server).await.unwrap_or_default();
        let info = read_info(&info);
        let said = |key| info.get(key).map(|value| (*value).to_owned());
        let number = |key| info.get(key).and_then(|value| value.parse().ok());
        let script: RedisResult<i64> =
            cmd("EVAL").arg("return 1").arg(0).query_async(&mut server).await;
        Ok(Self {
            version: said("redis_version"),
            maxmemory_policy: said("maxmemory_policy"),
            maxmemory: number("maxmemory"),
            used_memory: number("used_memory"),
            append_only: info.get("aof_enabled").map(|enabled| *enabled == "1"),
            append_fsync: setting(&mut server, "appendfsync").await,
            is_replica: info.get("role").map(|role| *role != "master"),
            time: time.ok().and_then(|(seconds, micros)| {
                Timestamp::from_microsecond(seconds.checked_mul(1_000_000)?.checked_add(micros)?)
                    .ok()
            }),
            scripts_refused: script.err().map(|error| error.to_string()),
        })
    }
}

/// Lines of `key:value`, with headings that begin with `#`.
fn read_info(info: &str) -> HashMap<&str, &str> {
    info.lines().filter_map(|line| line.trim_end().split_once(':')).collect()
}

/// A setting; managed servers often forbid to look.
async fn setting(server: &mut MultiplexedConnection, name: &str) -> Option<String> {
    let found: RedisResult<HashMap<String, String>> =
        cmd("CONFIG").arg("GET").arg(name).query_async(server).await;
    found.ok()?.remove(name)
}
