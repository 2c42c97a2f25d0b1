//! The queue over a Redis server that the test starts, stops and kills.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ::redis::{Client, FromRedisValue, Value};
use queue::{Queue, RedisSettings, Wakeup};
use tokio::time::sleep;
use uuid::Uuid;

use crate::{
    fixture::{CHANNEL, Fixture, GROUP, ManualClock, answered, within},
    record::FakeRecord,
};

#[derive(Clone)]
pub(crate) struct RedisFixture {
    clock: ManualClock,
    server: Arc<Server>,
    queue: Queue,
}

impl RedisFixture {
    pub(crate) fn server(&self) -> &Server {
        &self.server
    }
}

impl Fixture for RedisFixture {
    async fn start() -> Self {
        let server = Arc::new(Server::start().await);
        let clock = ManualClock::new();
        let queue = server.queue(&clock);
        Self { clock, server, queue }
    }

    fn queue(&self) -> Queue {
        self.server.queue(&self.clock)
    }

    fn clock(&self) -> &ManualClock {
        &self.clock
    }

    fn record(&self) -> Option<Arc<FakeRecord>> {
        None
    }

    async fn wake(&self, wakeups: &[Wakeup]) {
        for page in wakeups.chunks(1000) {
            answered(|| self.queue.wake(CHANNEL, page)).await;
        }
    }

    async fn cancel(&self, id: Uuid) {
        let ids = [id];
        answered(|| self.queue.cancel(CHANNEL, GROUP, &ids)).await;
    }

    async fn stall(&self, span: Duration) {
        let ms = span.as_millis().to_string();
        self.server.command::<()>(&["CLIENT", "PAUSE", &ms, "ALL"]).await;
    }

    async fn assert_nothing_left(&self) {
        // The epoch's marker is all that stays.
        answered(|| self.queue.epoch(CHANNEL)).await;
        let keys: Vec<String> = self.server.command(&["KEYS", "*"]).await;
        assert_eq!(keys, ["{test:invitations}:turns"]);
        assert_eq!(self.server.command::<u64>(&["ZCARD", &keys[0]]).await, 1);
    }
}

/// A server on a free port, without persistence. Dies with the test.
pub(crate) struct Server {
    port: u16,
    process: Mutex<Child>,
}

impl Server {
    async fn start() -> Self {
        // Another test may take the port between finding and using it.
        for _ in 0..10 {
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = free.local_addr().unwrap().port();
            drop(free);
            if let Some(process) = spawn(port).await {
                return Self { port, process: Mutex::new(process) };
            }
        }
        panic!("redis-server does not start");
    }

    pub(crate) fn queue(&self, clock: &ManualClock) -> Queue {
        queue(url(self.port), clock)
    }

    pub(crate) fn queue_with_password(&self, password: &str, clock: &ManualClock) -> Queue {
        queue(format!("redis://:{password}@127.0.0.1:{}", self.port), clock)
    }

    pub(crate) async fn command<T: FromRedisValue>(&self, words: &[&str]) -> T {
        query(self.port, words).await.unwrap()
    }

    /// Kills the server; what it held is gone.
    pub(crate) fn kill(&self) {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// Starts it again on the same port, after [`Self::kill`].
    pub(crate) async fn revive(&self) {
        let process = spawn(self.port).await.expect("redis-server does not start again");
        *self.process.lock().unwrap_or_else(PoisonError::into_inner) = process;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn queue(url: String, clock: &ManualClock) -> Queue {
    let settings = RedisSettings { url, namespace: "test".into() };
    Queue::redis(&settings, clock.as_clock()).unwrap()
}

fn url(port: u16) -> String {
    format!("redis://127.0.0.1:{port}")
}

async fn query<T: FromRedisValue>(port: u16, words: &[&str]) -> ::redis::RedisResult<T> {
    let mut connection = Client::open(url(port))?.get_multiplexed_async_connection().await?;
    let mut command = ::redis::cmd(words[0]);
    command.arg(&words[1..]).query_async(&mut connection).await
}

/// A server that listens on `port`; `None` if somebody else does.
async fn spawn(port: u16) -> Option<Child> {
    let mut process = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(["--save", "", "--appendonly", "no"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("cannot start redis-server ({error}): install it, or run `cargo xtask test`")
        });
    let listening = async {
        while process.try_wait().unwrap().is_none() {
            if query::<Value>(port, &["PING"]).await.is_ok() {
                return true;
            }
            sleep(Duration::from_millis(5)).await;
        }
        false
    };
    within("redis-server starts", listening).await.then_some(process)
}
