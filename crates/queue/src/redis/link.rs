//! A connection to Redis that a task keeps up.
//!
//! Not redis's own `ConnectionManager`: that one says nothing about why it cannot connect, and
//! gives up for good on an error that is not about I/O, such as a wrong password.

use std::{sync::Arc, time::Duration};

use futures::FutureExt as _;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, IntoConnectionInfo as _, Pipeline, RedisError,
    RedisFuture, RedisResult, Value,
    aio::{ConnectionLike, MultiplexedConnection},
    io::tcp::TcpSettings,
};
use tokio::{
    sync::{Notify, watch},
    time::sleep,
};
use tracing::{info, warn};

/// How long one attempt to connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Between two attempts to connect.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// Requests wait for a connection, without a limit of their own. Clones share it.
#[derive(Clone)]
pub(super) struct Link {
    connection: watch::Receiver<Option<MultiplexedConnection>>,
    broken: Arc<Notify>,
    database: i64,
}

impl Link {
    /// Starts to connect, and does so again whenever the connection breaks, until the last clone is
    /// dropped. Must be called within a Tokio runtime.
    pub(super) fn open(url: &str) -> RedisResult<Self> {
        let tcp = TcpSettings::default().set_nodelay(true);
        // A server that vanished without a word would else be waited for a quarter of an hour.
        #[cfg(target_os = "linux")]
        let tcp = tcp.set_user_timeout(Duration::from_secs(10));
        let client = Client::open(url.into_connection_info()?.set_tcp_settings(tcp))?;

        let database = client.get_connection_info().redis_settings().db();
        let broken = Arc::new(Notify::new());
        let (sender, connection) = watch::channel(None);
        tokio::spawn(keep_up(client, sender, Arc::clone(&broken)));
        Ok(Self { connection, broken, database })
    }

    async fn connection(&mut self) -> RedisResult<MultiplexedConnection> {
        let connection = self.connection.wait_for(Option::is_some).await;
        let connection = connection.ok().and_then(|connection| connection.clone());
        connection.ok_or_else(|| RedisError::from((ErrorKind::Io, "nobody connects any more")))
    }

    fn checked<T>(&self, answer: RedisResult<T>) -> RedisResult<T> {
        if let Err(error) = &answer
            && (error.is_io_error() || error.is_unrecoverable_error())
        {
            self.broken.notify_waiters();
        }
        answer
    }
}

impl ConnectionLike for Link {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        async move {
            let mut connection = self.connection().await?;
            self.checked(connection.req_packed_command(command).await)
        }
        .boxed()
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        async move {
            let mut connection = self.connection().await?;
            self.checked(connection.req_packed_commands(pipeline, offset, count).await)
        }
        .boxed()
    }

    fn get_db(&self) -> i64 {
        self.database
    }
}

async fn keep_up(
    client: Client,
    current: watch::Sender<Option<MultiplexedConnection>>,
    broken: Arc<Notify>,
) {
    // Requests have time limits of their own.
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(None);
    let mut said_why = false;
    while !current.is_closed() {
        match client.get_multiplexed_async_connection_with_config(&config).await {
            Ok(connection) => {
                info!("connected to Redis");
                said_why = false;
                let broken = broken.notified();
                current.send_replace(Some(connection));
                tokio::select! {
                    () = broken => warn!("lost the connection to Redis"),
                    () = current.closed() => {}
                }
                current.send_replace(None);
            }
            Err(error) => {
                if !said_why {
                    warn!(%error, "cannot connect to Redis; will go on trying");
                    said_why = true;
                }
                sleep(RETRY_PAUSE).await;
            }
        }
    }
}
