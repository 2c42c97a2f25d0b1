//! The product as an operator runs it, with the servers it needs, on free loopback ports.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use ::tests::{
    servers::{Postgres, Redis, free_port},
    shop::Shop,
};
use anyhow::Context as _;
use fastrand::Rng;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::{JoinSet, spawn_blocking};

use crate::{
    daemon::{Daemon, Program, Role},
    http::Http,
    ledger::{Book, FINAL_TIMEOUT, FaultKind, LEASE, SHUTDOWN_TIMEOUT, Sockets},
    record::Source,
};

/// How long a process may take until it is ready.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// How long processes may take to stop before they are killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// Connections to the database and to the mail server that one process may open.
const DATABASE_CONNECTIONS: usize = 8;
const MAIL_CONNECTIONS: usize = 10;

/// Sockets beside those: listeners, Redis, what the runtime needs.
const OTHER_SOCKETS: usize = 12;

/// The two ways to run the product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// `afs serve` on an SQLite file.
    Embedded,
    /// Two receivers and two workers on Postgres and Redis.
    Distributed,
}

impl Profile {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Distributed => "distributed",
        }
    }

    fn programs(self) -> Vec<Program> {
        use Role::{Receiver, Worker};
        let receiver = |name| Program { name, command: &["afs-receiver"], roles: &[Receiver] };
        let worker = |name| Program { name, command: &["afs-worker"], roles: &[Worker] };
        match self {
            Self::Embedded => {
                vec![Program {
                    name: "afs",
                    command: &["afs", "serve"],
                    roles: &[Receiver, Worker],
                }]
            }
            Self::Distributed => vec![
                receiver("receiver-1"),
                receiver("receiver-2"),
                worker("worker-1"),
                worker("worker-2"),
            ],
        }
    }
}

/// What a run needs beside the product.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wants {
    /// A disk for the record that can be filled.
    pub(crate) small_disk: bool,
    /// Clocks that can be set.
    pub(crate) clocks: bool,
    /// The known bug that is switched on.
    pub(crate) bug: Option<&'static str>,
}

/// A running installation. Everything ends when it is dropped.
pub(crate) struct Cluster {
    /// First, so that they end before what they use.
    pub(crate) daemons: Vec<Arc<Daemon>>,
    pub(crate) redis: Option<Arc<Mutex<Redis>>>,
    pub(crate) postgres: Option<Arc<Mutex<Postgres>>>,
    pub(crate) disk: Option<SmallDisk>,
    pub(crate) source: Source,
    pub(crate) http: Http,
    dir: TempDir,
}

impl Cluster {
    /// Starts everything and waits until it is ready.
    pub(crate) async fn start(
        profile: Profile,
        shops: &[(Shop, u32)],
        mail_port: u16,
        wants: Wants,
    ) -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new().prefix("afs-faults-").tempdir()?;
        let data = dir.path().join("data");
        fs_err::create_dir(&data)?;
        let disk = if wants.small_disk { Some(SmallDisk::mount(&data)?) } else { None };
        let (redis, postgres) = match profile {
            Profile::Embedded => (None, None),
            Profile::Distributed => {
                let redis = spawn_blocking(Redis::start_durable);
                let postgres = spawn_blocking(Postgres::start);
                (
                    Some(Arc::new(Mutex::new(redis.await?))),
                    Some(Arc::new(Mutex::new(postgres.await?))),
                )
            }
        };
        let mut settings = settings(shops, mail_port);
        let source = match &postgres {
            None => Source::Sqlite(data.join("afs.db")),
            Some(postgres) => Source::Postgres(locked(postgres).database("afs")),
        };
        match (&source, &redis) {
            (Source::Postgres(url), Some(redis)) => settings.extend([
                ("database.url".into(), json!(url)),
                ("queue.backend".into(), json!("redis")),
                ("queue.redis_url".into(), json!(locked(redis).url())),
            ]),
            _ => settings.extend([("database.url".into(), json!("sqlite:data/afs.db"))]),
        }
        let mut daemons = Vec::new();
        let mut receivers = Vec::new();
        for program in profile.programs() {
            let mut environment = environment(&program, dir.path(), wants)?;
            if program.roles.contains(&Role::Receiver) {
                let address = format!("127.0.0.1:{}", free_port());
                environment.push(("AFS__SERVER__LISTEN".into(), format!("[\"{address}\"]")));
                receivers.push(format!("http://{address}"));
            }
            daemons.push(Arc::new(Daemon::new(program, dir.path(), environment)?));
        }
        settings.insert("server.public_url".into(), json!(receivers[0]));
        write_config(dir.path(), &settings)?;
        for daemon in &daemons {
            daemon.start(0)?;
        }
        let http = Http::new(receivers)?;
        let cluster = Self { daemons, redis, postgres, disk, source, http, dir };
        for daemon in &cluster.daemons {
            if let Err(error) = daemon.until_ready(START_TIMEOUT).await {
                return Err(error.context(daemon.log()));
            }
            anyhow::ensure!(
                daemon.log().contains("armed for fault tests"),
                "{} is built without failpoints: use `cargo xtask faults`",
                daemon.program.command[0]
            );
        }
        Ok(cluster)
    }

    /// From now on, whatever ends is started again, until it is told to stop.
    pub(crate) fn look_after(&self, book: &Book, rng: &mut Rng) -> JoinSet<()> {
        let watch = |daemon: &Arc<Daemon>| daemon.clone().look_after(book.clone(), rng.fork());
        self.daemons.iter().map(watch).collect()
    }

    /// Starts processes with an armed failpoint once more, and waits until all are ready.
    pub(crate) async fn heal(&self) -> anyhow::Result<()> {
        for daemon in &self.daemons {
            daemon.disarm();
        }
        for daemon in &self.daemons {
            daemon.until_ready(START_TIMEOUT).await?;
        }
        Ok(())
    }

    /// The open sockets of each process.
    pub(crate) fn sockets(&self) -> Vec<Sockets> {
        let sockets = |daemon: &Arc<Daemon>| {
            let process = daemon.program.name.to_owned();
            let allowed = DATABASE_CONNECTIONS + MAIL_CONNECTIONS + OTHER_SOCKETS;
            Some(Sockets { process, open: daemon.open_sockets()?, allowed })
        };
        self.daemons.iter().filter_map(sockets).collect()
    }

    /// Asks all processes to stop and waits until they have; kills those that do not.
    pub(crate) async fn stop(&self, mut watchers: JoinSet<()>) {
        for daemon in &self.daemons {
            daemon.retire();
        }
        let stopped = async { while watchers.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_TIMEOUT, stopped).await.is_err() {
            for daemon in &self.daemons {
                daemon.kill(FaultKind::Crashed("it did not stop".to_owned()));
            }
            while watchers.join_next().await.is_some() {}
        }
    }

    /// The lines of all logs with these words.
    pub(crate) fn log_lines(&self, words: &str) -> Vec<String> {
        let lines = |daemon: &Arc<Daemon>| {
            let log = daemon.log();
            let lines = log.lines().filter(|line| line.contains(words));
            lines.map(|line| format!("{}: {line}", daemon.program.name)).collect::<Vec<_>>()
        };
        self.daemons.iter().flat_map(lines).collect()
    }

    /// The index of SQLite's write-ahead log, if that is the record.
    pub(crate) fn log_index(&self) -> Option<PathBuf> {
        match &self.source {
            Source::Sqlite(file) => Some(file.with_extension("db-shm")),
            Source::Postgres(_) => None,
        }
    }

    /// Keeps logs and database, and says where.
    pub(crate) fn keep_files(mut self) -> PathBuf {
        // A small disk goes with the run; what is on it is kept.
        if let Some(disk) = self.disk.take() {
            let kept = self.dir.path().join("data-kept");
            let copied = Command::new("cp").arg("-r").arg(&disk.dir).arg(kept).status();
            drop(copied);
        }
        self.dir.disable_cleanup(true);
        self.dir.path().to_owned()
    }
}

/// Locks a server; nobody panics while holding it.
pub(crate) fn locked<T>(server: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    server.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn settings(shops: &[(Shop, u32)], mail_port: u16) -> BTreeMap<String, Value> {
    let mut settings: BTreeMap<String, Value> = [
        ("server.shutdown_timeout_secs", json!(SHUTDOWN_TIMEOUT.as_secs())),
        ("database.max_connections", json!(DATABASE_CONNECTIONS)),
        ("queue.poll_interval_millis", json!(50)),
        ("queue.reconcile_interval_secs", json!(1)),
        ("worker.lease_secs", json!(LEASE.as_secs())),
        ("retry.first_delay_secs", json!(1)),
        ("retry.max_delay_secs", json!(2)),
        ("retry.after_unknown_secs", json!(1)),
        ("secrets.link_keys", json!(["the-link-key-of-this-installation"])),
        ("secrets.address_key", json!("the-address-key-of-this-installation")),
        ("mail.transport", json!("smtp")),
        ("mail.smtp.host", json!("127.0.0.1")),
        ("mail.smtp.port", json!(mail_port)),
        ("mail.smtp.tls", json!("none")),
        ("mail.smtp.max_connections", json!(MAIL_CONNECTIONS)),
        ("mail.smtp.connect_timeout_secs", json!(1)),
        ("mail.smtp.command_timeout_secs", json!(1)),
        ("mail.smtp.final_timeout_secs", json!(FINAL_TIMEOUT.as_secs())),
        ("sender.address", json!("reviews@afs.example")),
        ("invitations.window_always_open", json!(true)),
        ("invitations.consent", json!("none")),
        // One order, one mail: that is what is counted.
        ("invitations.reminder_days", json!(0)),
        ("invitations.person_gap_hours", json!(0)),
        ("invitations.person_mails_per_30_days", json!(100)),
        ("invitations.same_product_days", json!(0)),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into();
    for (shop, delay_secs) in shops {
        let key = |name: &str| format!("shops.{}.{name}", shop.id);
        settings.insert(key("platform"), json!(shop.platform));
        settings.insert(key("name"), json!(shop.name));
        settings.insert(key("secrets"), json!([shop.secret]));
        settings.insert(key("invitations.delay_secs"), json!(delay_secs));
    }
    settings
}

fn write_config(dir: &Path, settings: &BTreeMap<String, Value>) -> anyhow::Result<()> {
    // What JSON and TOML write the same way is all we need.
    let lines = settings.iter().map(|(key, value)| format!("{key} = {value}\n"));
    Ok(fs_err::write(dir.join("afs.toml"), lines.collect::<String>())?)
}

fn environment(
    program: &Program,
    dir: &Path,
    wants: Wants,
) -> anyhow::Result<Vec<(String, String)>> {
    let mut environment = Vec::new();
    if let Some(bug) = wants.bug {
        environment.push(("AFS_BUG".to_owned(), bug.to_owned()));
    }
    if wants.clocks {
        let library = settable_clock().context("libfaketime is not installed")?;
        let clock = Clock::of(program.name, dir);
        clock.set("+0")?;
        environment.extend([
            ("LD_PRELOAD".to_owned(), library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE".to_owned(), clock.0.display().to_string()),
            ("FAKETIME_CACHE_DURATION".to_owned(), "1".to_owned()),
            // Time limits go by the monotonic clock, which nobody can set.
            ("FAKETIME_DONT_FAKE_MONOTONIC".to_owned(), "1".to_owned()),
        ]);
    }
    Ok(environment)
}

/// The library that lets a process see another time, if it is installed.
pub(crate) fn settable_clock() -> Option<PathBuf> {
    let machines = fs_err::read_dir("/usr/lib").ok()?.flatten();
    let library = |machine: fs_err::DirEntry| machine.path().join("faketime/libfaketime.so.1");
    machines.map(library).find(|library| library.exists())
}

/// The clock that a process sees.
#[derive(Clone, Debug)]
pub(crate) struct Clock(PathBuf);

impl Clock {
    fn of(process: &str, dir: &Path) -> Self {
        Self(dir.join(format!("{process}.clock")))
    }

    /// Steps away from the real time, for example by `-1h`.
    pub(crate) fn set(&self, step: &str) -> anyhow::Result<()> {
        // Renamed into place: nobody reads half a time.
        let draft = self.0.with_extension("draft");
        fs_err::write(&draft, step)?;
        Ok(fs_err::rename(draft, &self.0)?)
    }
}

impl Cluster {
    /// The clock that this process sees.
    pub(crate) fn clock(&self, daemon: &Daemon) -> Clock {
        Clock::of(daemon.program.name, self.dir.path())
    }
}

/// A disk whose size can be set, down to what is on it. Unmounted when dropped.
#[derive(Debug)]
pub(crate) struct SmallDisk {
    dir: PathBuf,
}

impl SmallDisk {
    /// `true` if we may mount one.
    pub(crate) fn is_possible() -> bool {
        let id = Command::new("id").arg("-u").output();
        let root = id.is_ok_and(|id| id.stdout == b"0\n");
        let dir = tempfile::Builder::new().prefix("afs-faults-").tempdir();
        root && dir.is_ok_and(|dir| Self::mount(dir.path()).is_ok())
    }

    fn mount(dir: &Path) -> anyhow::Result<Self> {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "tmpfs"]).arg(dir).output()?;
        let error = String::from_utf8_lossy(&mounted.stderr).into_owned();
        anyhow::ensure!(mounted.status.success(), "no small disk: {error}");
        Ok(Self { dir: dir.to_owned() })
    }

    /// Leaves no byte.
    pub(crate) fn fill(&self) -> anyhow::Result<()> {
        // Again if something was written between the look and the change.
        for _ in 0..100 {
            let used = Command::new("df").args(["-k", "--output=used"]).arg(&self.dir).output()?;
            let used = String::from_utf8(used.stdout)?;
            let used = used.lines().last().context("df says nothing")?.trim();
            if self.resize(&format!("{used}k"))? {
                return Ok(());
            }
        }
        anyhow::bail!("the disk does not get full")
    }

    /// Makes room again.
    pub(crate) fn clear(&self) -> anyhow::Result<()> {
        anyhow::ensure!(self.resize("50%")?, "the disk stays full");
        Ok(())
    }

    fn resize(&self, size: &str) -> anyhow::Result<bool> {
        let option = format!("remount,size={size}");
        let resized = Command::new("mount").args(["-o", &option]).arg(&self.dir).output()?;
        Ok(resized.status.success())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process that is being killed may still hold a file.
        let _unmounted = Command::new("umount").arg("-l").arg(&self.dir).status();
    }
}
