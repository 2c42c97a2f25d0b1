//! Redis and Postgres as durable as they are in production, started for one measurement.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpStream,
    time::Duration,
};

use anyhow::Context as _;
use tests::servers;
pub(crate) use tests::servers::Postgres;

/// A redis-server that writes every change to its append-only file and flushes that every second.
pub(crate) struct Redis(servers::Redis);

impl Redis {
    /// Starts one, empty, and waits until it listens.
    pub(crate) fn start() -> Self {
        Self(servers::Redis::start_durable())
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.0.process().id()
    }

    /// Where it is reached.
    pub(crate) fn url(&self) -> String {
        self.0.url()
    }

    /// The host and the port.
    pub(crate) fn address(&self) -> String {
        self.url().trim_start_matches("redis://").to_owned()
    }

    /// The port.
    pub(crate) fn port(&self) -> String {
        self.address().trim_start_matches("127.0.0.1:").to_owned()
    }

    /// The size of a sorted set.
    pub(crate) fn sorted_set_len(&self, key: &str) -> anyhow::Result<u64> {
        let answer = self.ask(&format!("ZCARD {key}"))?;
        answer.strip_prefix(':').context("ZCARD gives no number")?.parse().context("ZCARD")
    }

    /// The bytes it uses for data.
    pub(crate) fn used_memory(&self) -> anyhow::Result<u64> {
        let mut connection = self.connect("INFO memory")?;
        let line = connection.find(|line| line.starts_with("used_memory:"));
        let line = line.context("INFO has no used_memory")?;
        line.trim_start_matches("used_memory:").parse().context("used_memory")
    }

    /// The first line of what it answers.
    fn ask(&self, command: &str) -> anyhow::Result<String> {
        self.connect(command)?.next().context("Redis does not answer")
    }

    fn connect(&self, command: &str) -> anyhow::Result<impl Iterator<Item = String> + use<>> {
        let mut connection = TcpStream::connect(self.address())?;
        connection.set_read_timeout(Some(Duration::from_secs(10)))?;
        connection.write_all(format!("{command}\r\n").as_bytes())?;
        Ok(BufReader::new(connection).lines().map_while(Result::ok))
    }
}
