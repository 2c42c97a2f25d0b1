//! The queue in Redis: sorted sets, those of a channel in one hash slot.
//!
//! | key | member | score |
//! |---|---|---|
//! | `{namespace:channel}:due:<group>` | id | due time |
//! | `{namespace:channel}:turns` | group | when its next turn is: not before its first id is due |
//! | | `epoch:` and a random UUID | `+inf`: see `epoch.lua` |
//! | `{namespace:channel}:lease` | id | end of the lease |
//!
//! And a hash, `{namespace:notes}`, of notes that workers share.
//!
//! Each group in `due` is in `turns` as well, with a score that is not too late. Too early, or without
//! an id, does no harm: its turn finds nothing, and puts that right.
//!
//! Times are milliseconds of the caller's clock, because the record compares with that clock too.

mod facts;
mod link;

use std::{
    collections::{BTreeMap, HashMap},
    sync::LazyLock,
    time::Duration,
};

use ::redis::{FromRedisValue, Pipeline, RedisResult, Script, ScriptInvocation};
use tracing::warn;
use uuid::Uuid;

use crate::{
    CALL_TIMEOUT, Channel, Clock, Depth, Epoch, Error, Lease, Queue, RECHECK, RedisSettings,
    Wakeup, ceil_ms, floor_ms, span_ms,
};
pub use facts::RedisFacts;
use link::Link;

/// How long the worker waits for an answer. Longer than a caller does: if the answer to a fetch is
/// lost, its ids wait for the end of their lease.
const WORK_TIMEOUT: Duration = Duration::from_secs(2);

/// How long notes are kept that nobody writes.
const NOTES_TTL: Duration = Duration::from_hours(72);

/// How many ids one command carries: Redis does nothing else while it executes one.
const IDS_PER_COMMAND: usize = 500;

static FETCH: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("redis/fetch.lua")));
static ACK: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("redis/ack.lua")));
static RELEASE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("redis/release.lua")));
static DEPTH: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("redis/depth.lua")));
static SWAP_NOTE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("redis/swap_note.lua")));
static EPOCH: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("redis/epoch.lua")));

#[derive(Clone)]
pub(crate) struct Redis {
    link: Link,
    namespace: String,
    clock: Clock,
}

impl Redis {
    pub(crate) fn connect(settings: &RedisSettings, clock: Clock) -> Result<Self, Error> {
        let link = Link::open(&settings.url).map_err(|error| Error::Address(error.into()))?;
        Ok(Self { link, namespace: settings.namespace.clone(), clock })
    }

    pub(crate) async fn wake(&self, channel: Channel, wakeups: &[Wakeup]) -> Result<(), Error> {
        let mut groups: BTreeMap<&str, Vec<(i64, String)>> = BTreeMap::new();
        for Wakeup { id, group, due_at } in wakeups {
            groups.entry(group).or_default().push((ceil_ms(*due_at), member(*id)));
        }
        let turns = self.key(channel, "turns");
        let mut pipeline = ::redis::pipe();
        for (group, members) in groups {
            for members in members.chunks(IDS_PER_COMMAND) {
                pipeline.zadd_multiple(self.due_key(channel, group), members).ignore();
            }
            // Behind the ids, so that no turn between both forgets the group.
            let first = members.iter().map(|(due_at, _)| *due_at).min();
            pipeline.cmd("ZADD").arg(&turns).arg("LT").arg(first).arg(group).ignore();
        }
        self.exec(&pipeline).await
    }

    pub(crate) async fn cancel(
        &self,
        channel: Channel,
        group: &str,
        ids: &[Uuid],
    ) -> Result<(), Error> {
        let due = self.due_key(channel, group);
        let mut pipeline = ::redis::pipe();
        for ids in ids.chunks(IDS_PER_COMMAND) {
            let members: Vec<_> = ids.iter().copied().map(member).collect();
            pipeline.zrem(&due, members).ignore();
        }
        self.exec(&pipeline).await
    }

    pub(crate) async fn depth(&self, channel: Channel) -> Result<Depth, Error> {
        let mut call = DEPTH.key(self.key(channel, "turns"));
        call.key(self.key(channel, "lease")).arg(self.due_key(channel, ""));
        let (waiting, running) = self.invoke(CALL_TIMEOUT, &call).await?;
        Ok(Depth { waiting, running })
    }

    pub(crate) async fn epoch(&self, channel: Channel) -> Result<Epoch, Error> {
        let mut call = EPOCH.key(self.key(channel, "turns"));
        call.key(self.key(channel, "due")).arg(format!("epoch:{}", Uuid::new_v4()));
        self.invoke(CALL_TIMEOUT, &call).await.map(Epoch)
    }

    pub(crate) async fn fetch(
        &self,
        channel: Channel,
        limit: usize,
        lease: Duration,
    ) -> Result<Vec<Lease>, Error> {
        let now = self.now();
        let until = now.saturating_add(span_ms(lease));
        let mut call = FETCH.key(self.key(channel, "turns"));
        call.key(self.key(channel, "lease")).arg(self.due_key(channel, ""));
        call.arg(now).arg(until).arg(now.saturating_add(span_ms(RECHECK))).arg(limit);
        let members: Vec<String> = self.invoke(WORK_TIMEOUT, &call).await?;

        let mut leases = Vec::with_capacity(members.len());
        for member in members {
            match member.parse() {
                Ok(id) => leases.push(Lease { id, until }),
                Err(error) => {
                    warn!(channel = channel.as_str(), member, %error, "skipped: not one of our ids");
                }
            }
        }
        Ok(leases)
    }

    pub(crate) async fn ack(&self, channel: Channel, leases: &[Lease]) -> Result<(), Error> {
        for leases in leases.chunks(IDS_PER_COMMAND) {
            let mut call = ACK.key(self.key(channel, "lease"));
            for lease in leases {
                call.arg(member(lease.id)).arg(lease.until);
            }
            self.invoke::<()>(WORK_TIMEOUT, &call).await?;
        }
        Ok(())
    }

    /// The leases must be from one fetch.
    pub(crate) async fn release(&self, channel: Channel, leases: &[Lease]) -> Result<(), Error> {
        let Some(first) = leases.first() else { return Ok(()) };
        let mut call = RELEASE.key(self.key(channel, "lease"));
        call.arg(self.now()).arg(first.until);
        for lease in leases {
            call.arg(member(lease.id));
        }
        self.invoke(WORK_TIMEOUT, &call).await
    }

    pub(crate) async fn notes(&self) -> Result<HashMap<String, String>, Error> {
        let mut command = ::redis::cmd("HGETALL");
        command.arg(self.notes_key());
        let mut link = self.link.clone();
        within(CALL_TIMEOUT, command.query_async(&mut link)).await
    }

    pub(crate) async fn swap_note(
        &self,
        name: &str,
        old: &str,
        new: &str,
    ) -> Result<String, Error> {
        let mut call = SWAP_NOTE.key(self.notes_key());
        call.arg(name).arg(old).arg(new).arg(Queue::NOTES_MAX).arg(NOTES_TTL.as_secs());
        self.invoke(CALL_TIMEOUT, &call).await
    }

    async fn exec(&self, pipeline: &Pipeline) -> Result<(), Error> {
        // The client refuses an empty one.
        if pipeline.is_empty() {
            return Ok(());
        }
        let mut link = self.link.clone();
        within(CALL_TIMEOUT, pipeline.exec_async(&mut link)).await
    }

    async fn invoke<T: FromRedisValue>(
        &self,
        limit: Duration,
        call: &ScriptInvocation<'_>,
    ) -> Result<T, Error> {
        let mut link = self.link.clone();
        within(limit, call.invoke_async(&mut link)).await
    }

    fn now(&self) -> i64 {
        floor_ms((self.clock)())
    }

    fn notes_key(&self) -> String {
        format!("{{{}:notes}}", self.namespace)
    }

    fn due_key(&self, channel: Channel, group: &str) -> String {
        self.key(channel, &format!("due:{group}"))
    }

    fn key(&self, channel: Channel, name: &str) -> String {
        format!("{{{}:{}}}:{name}", self.namespace, channel.as_str())
    }
}

fn member(id: Uuid) -> String {
    id.hyphenated().to_string()
}

async fn within<T>(
    limit: Duration,
    answer: impl Future<Output = RedisResult<T>>,
) -> Result<T, Error> {
    match tokio::time::timeout(limit, answer).await {
        Ok(answer) => answer.map_err(|error| Error::Redis(error.into())),
        Err(_) => Err(Error::Timeout(limit)),
    }
}
