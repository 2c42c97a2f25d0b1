//! AFS as an operator runs it: release programs, one configuration file, started for one
//! measurement.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use bench::orders;
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::servers::{Process, free_port};

use crate::{
    lab::built,
    meter::Meter,
    stores::{Postgres, Redis},
};

/// The two ways to run it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// `afs serve` on an SQLite file, which is flushed at every commit.
    Embedded,
    /// `afs-receiver` and `afs-worker` on Postgres and Redis.
    Distributed,
}

impl Profile {
    /// How the contestant is called in reports.
    pub(crate) const fn contestant(self) -> &'static str {
        match self {
            Self::Embedded => "AFS, SQLite",
            Self::Distributed => "AFS, Postgres + Redis",
        }
    }
}

/// A setting that differs from the defaults, by its whole key.
pub(crate) type Setting = (&'static str, Value);

/// Signs the links in mails.
pub(crate) const LINK_KEY: &str = "the-link-key-of-this-installation";

/// How long a program may take until it is ready.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// A running installation. Ends when dropped.
pub(crate) struct Afs {
    /// First, so that they end before what they use.
    processes: Vec<Process>,
    /// Where webhooks and pages are served: one address for each receiver.
    pub(crate) addresses: Vec<String>,
    /// From the start of the first process until all were ready.
    pub(crate) ready_after: Duration,
    /// The address of its record, as it is configured.
    pub(crate) database_url: String,
    pub(crate) redis: Option<Redis>,
    pub(crate) postgres: Option<Postgres>,
    dir: TempDir,
}

impl Afs {
    /// Starts it, with an empty record, and waits until it is ready.
    pub(crate) fn start(profile: Profile, settings: &[Setting]) -> anyhow::Result<Self> {
        match profile {
            Profile::Embedded => Self::start_as(&[&["afs", "serve"]], None, settings),
            Profile::Distributed => Self::scaled(1, 1, settings),
        }
    }

    /// The same with so many receivers and workers on one Postgres and one Redis.
    pub(crate) fn scaled(
        receivers: usize,
        workers: usize,
        settings: &[Setting],
    ) -> anyhow::Result<Self> {
        let receivers = std::iter::repeat_n(&["afs-receiver"][..], receivers);
        let workers = std::iter::repeat_n(&["afs-worker"][..], workers);
        let programs: Vec<&[&str]> = receivers.chain(workers).collect();
        Self::start_as(&programs, Some((Redis::start(), Postgres::start())), settings)
    }

    fn start_as(
        programs: &[&[&str]],
        stores: Option<(Redis, Postgres)>,
        settings: &[Setting],
    ) -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new().prefix("afs-bench-").tempdir()?;
        let mut all = defaults();
        let (redis, postgres) = stores.unzip();
        if let (Some(redis), Some(postgres)) = (&redis, &postgres) {
            all.extend([
                ("database.url", json!(postgres.database("afs"))),
                ("queue.backend", json!("redis")),
                ("queue.redis_url", json!(redis.url())),
            ]);
        }
        all.extend(settings.iter().cloned());
        // What JSON and TOML write the same way is all we need.
        let lines = all.iter().map(|(key, value)| format!("{key} = {value}\n"));
        fs_err::write(dir.path().join("afs.toml"), lines.collect::<String>())?;
        let mut afs = Self {
            processes: Vec::new(),
            addresses: Vec::new(),
            database_url: all["database.url"].as_str().unwrap_or_default().to_owned(),
            ready_after: Duration::ZERO,
            redis,
            postgres,
            dir,
        };
        afs.start_processes(programs)?;
        Ok(afs)
    }

    fn start_processes(&mut self, programs: &[&[&str]]) -> anyhow::Result<()> {
        let started = Instant::now();
        let mut operators = Vec::new();
        for (at, program) in programs.iter().enumerate() {
            let [address, operator] = [(), ()].map(|()| format!("127.0.0.1:{}", free_port()));
            let log = fs_err::File::create(self.log(at))?;
            let mut command = self.command(program)?;
            command
                .env("AFS__SERVER__LISTEN", format!("[\"{address}\"]"))
                .env("AFS__SERVER__OPERATOR_LISTEN", format!("[\"{operator}\"]"))
                .stdout(Stdio::null())
                .stderr(log.into_file());
            self.processes.push(Process::start(&mut command));
            operators.push(operator);
            if program[0] != "afs-worker" {
                self.addresses.push(address);
            }
        }
        for (at, operator) in operators.iter().enumerate() {
            while !is_ready(operator) {
                if started.elapsed() > START_TIMEOUT || !self.processes[at].is_running() {
                    let log = fs_err::read_to_string(self.log(at)).unwrap_or_default();
                    bail!("{} is not ready:\n{log}", programs[at][0]);
                }
                std::thread::park_timeout(Duration::from_millis(1));
            }
        }
        self.ready_after = started.elapsed();
        Ok(())
    }

    /// Its processes.
    pub(crate) fn meter(&self) -> Meter {
        Meter::new(self.processes.iter().map(Process::id))
    }

    /// The processes of its Redis and Postgres.
    pub(crate) fn stores_meter(&self) -> Meter {
        let redis = self.redis.iter().map(Redis::id);
        let postgres = self.postgres.iter().filter_map(|server| server.process().map(Process::id));
        Meter::new(redis.chain(postgres))
    }

    /// Invitations in a state, by `afs status`.
    pub(crate) fn invitations(&self, state: &str) -> anyhow::Result<u64> {
        let output = self.command(&["afs", "status", "--json"])?.output()?;
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        anyhow::ensure!(output.status.success(), "afs status: {error}");
        let status: Value = serde_json::from_slice(&output.stdout)?;
        let counts = status["record"]["invitations"].as_array().context("no invitations")?;
        let count = counts.iter().find(|count| count["name"] == state);
        Ok(count.and_then(|count| count["count"].as_u64()).unwrap_or(0))
    }

    /// Where its files lie.
    pub(crate) fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// Where one of its processes writes its log.
    fn log(&self, process: usize) -> PathBuf {
        self.dir.path().join(format!("{process}.log"))
    }

    fn command(&self, program: &[&str]) -> anyhow::Result<Command> {
        let mut command = Command::new(built(program[0])?);
        // Nothing of the environment, where settings may stand.
        command.args(&program[1..]).env_clear().current_dir(self.dir.path());
        command.env("AFS_CONFIG", self.dir.path().join("afs.toml"));
        Ok(command)
    }
}

/// What every installation is given; the rest has the value that operators get too.
fn defaults() -> BTreeMap<&'static str, Value> {
    BTreeMap::from([
        ("server.public_url", json!("http://127.0.0.1")),
        ("database.url", json!("sqlite:afs.db")),
        ("secrets.link_keys", json!([LINK_KEY])),
        ("secrets.address_key", json!("the-address-key-of-this-installation")),
        ("invitations.delay_days", json!(7)),
        ("invitations.consent", json!("none")),
        ("shops.bench.platform", json!("shopify")),
        ("shops.bench.name", json!("Bench")),
        ("shops.bench.secrets", json!([orders::SECRET])),
    ])
}

fn is_ready(operator: &str) -> bool {
    let ask = || {
        let mut connection = TcpStream::connect(operator)?;
        connection.write_all(b"GET /readyz HTTP/1.1\r\nhost: afs\r\nconnection: close\r\n\r\n")?;
        let mut answer = [0; 12];
        connection.read_exact(&mut answer)?;
        Ok::<_, std::io::Error>(answer == *b"HTTP/1.1 200")
    };
    ask().unwrap_or(false)
}
