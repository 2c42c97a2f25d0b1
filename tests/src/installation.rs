//! The product as an operator runs it: one configuration file, real processes, real servers.

use std::{
    collections::BTreeMap,
    fs::Permissions,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::Duration,
};

use futures::future::join_all;
use mail::testkit::{Script, SmtpServer};
use serde_json::Value;
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use tempfile::TempDir;

use crate::{
    mailbox::Mail,
    servers::{PATIENCE, Postgres, Process, Redis, eventually, free_port, wait_until},
    shop::SHOPS,
    usage::Usage,
    web::{Answer, Web},
};

/// The two ways to run the product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// `afs serve` on an SQLite file.
    Embedded,
    /// `afs-receiver` and `afs-worker` on Postgres and Redis.
    Distributed,
}

/// An installation that does not run yet.
#[derive(Debug)]
pub struct Setup {
    profile: Profile,
    settings: BTreeMap<String, Value>,
    environment: BTreeMap<&'static str, String>,
    script: Script,
}

impl Setup {
    /// All three [`SHOPS`], invitations due at once, for whoever orders how often, consent or not,
    /// without reminders, and a well-behaved mail server.
    #[must_use]
    pub fn new(profile: Profile) -> Self {
        let (settings, environment) = (BTreeMap::new(), BTreeMap::new());
        let setup = Self { profile, settings, environment, script: Script::new() }
            .set("queue.poll_interval_millis", 20)
            .set("queue.reconcile_interval_secs", 1)
            .set("retry.first_delay_secs", 1)
            .set("retry.max_delay_secs", 2)
            .set("retry.after_unknown_secs", 1)
            .set("mail.transport", "smtp")
            .set("mail.smtp.host", "127.0.0.1")
            .set("mail.smtp.tls", "none")
            .set("sender.address", "reviews@afs.example")
            .set("invitations.delay_secs", 0)
            .set("invitations.window_always_open", true)
            .set("invitations.consent", "none")
            .set("invitations.reminder_days", 0)
            .set("invitations.person_gap_hours", 0)
            .set("invitations.person_mails_per_30_days", 100)
            .set("invitations.same_product_days", 0);
        SHOPS.iter().fold(setup, |setup, shop| {
            let key = |name| format!("shops.{}.{name}", shop.id);
            setup
                .set(&key("platform"), shop.platform)
                .set(&key("name"), shop.name)
                .set(&key("secrets"), vec![shop.secret])
        })
    }

    /// Sets a key of the configuration, given by its whole path.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.settings.insert(key.to_owned(), value.into());
        self
    }

    /// Starts the processes with these variables in their environment.
    #[must_use]
    pub fn environment(
        mut self,
        variables: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Self {
        self.environment.extend(variables);
        self
    }

    /// Leaves a key at its default.
    #[must_use]
    pub fn without(mut self, key: &str) -> Self {
        self.settings.remove(key);
        self
    }

    /// Leases and time limits so short that what a killed worker had in hand comes back in a test's
    /// time.
    #[must_use]
    pub fn with_short_leases(self) -> Self {
        self.set("mail.smtp.connect_timeout_secs", 1)
            .set("mail.smtp.command_timeout_secs", 1)
            .set("mail.smtp.final_timeout_secs", 5)
            .set("worker.lease_secs", 12)
    }

    /// A mail server that follows this script.
    #[must_use]
    pub fn mail_server(mut self, script: Script) -> Self {
        self.script = script;
        self
    }

    /// Starts everything and waits until it is ready.
    pub async fn start(mut self) -> Installation {
        // Secrets stand in its configuration.
        let private = Permissions::from_mode(0o700);
        let dir =
            tempfile::Builder::new().prefix("afs-installation-").permissions(private).tempdir();
        let dir = dir.unwrap();
        let mail_server = SmtpServer::start(self.script.clone()).await;
        let port = free_port();
        let (mut redis, mut postgres) = (None, None);
        if self.profile == Profile::Distributed {
            thread::scope(|scope| {
                let starting = scope.spawn(Redis::start);
                postgres = Some(Postgres::start());
                redis = Some(starting.join().unwrap());
            });
        }
        let mut given = vec![
            ("server.public_url", format!("http://127.0.0.1:{port}").into()),
            ("server.listen", vec![format!("127.0.0.1:{port}")].into()),
            ("mail.smtp.port", mail_server.address().port().into()),
        ];
        if let (Some(redis), Some(postgres)) = (&redis, &postgres) {
            // The name and password say nothing to these servers, and must not be told by ours.
            let url = redis.url().replace("redis://", "redis://default:redis-password@");
            let record = postgres.database("afs").replace("afs@", "afs:postgres-password@");
            given.extend([
                ("queue.backend", "redis".into()),
                ("queue.redis_url", url.into()),
                ("database.url", record.into()),
                ("secrets.link_keys", vec!["the-link-key-of-this-installation"].into()),
                ("secrets.address_key", "the-address-key-of-this-installation".into()),
            ]);
        }
        for (key, value) in given {
            self.settings.entry(key.to_owned()).or_insert(value);
        }
        let programs: &[&[&'static str]] = match self.profile {
            Profile::Embedded => &[&["afs", "serve"]],
            Profile::Distributed => &[&["afs-receiver"], &["afs-worker"]],
        };
        let daemon = |program: &&'static [_]| Daemon::new(program, &self.environment, dir.path());
        let daemons = programs.iter().map(daemon).collect();
        let public_url = self.settings["server.public_url"].as_str().unwrap().to_owned();
        let web = Web::behind_proxy(public_url, format!("http://127.0.0.1:{port}"));
        let mut installation = Installation {
            daemons,
            web,
            mail_server,
            redis,
            postgres,
            settings: self.settings,
            dir,
        };
        installation.write_config();
        for daemon in &mut installation.daemons {
            daemon.start();
        }
        for daemon in &mut installation.daemons {
            daemon.until_ready().await;
        }
        installation
    }
}

/// A running installation. Ends when dropped; shows what its processes logged if the test fails.
#[derive(Debug)]
pub struct Installation {
    /// First, so that they end before what they use.
    daemons: Vec<Daemon>,
    /// Its public side.
    pub web: Web,
    /// Where its mails go.
    pub mail_server: SmtpServer,
    redis: Option<Redis>,
    postgres: Option<Postgres>,
    settings: BTreeMap<String, Value>,
    dir: TempDir,
}

impl Installation {
    /// With the settings of [`Setup::new`].
    pub async fn start(profile: Profile) -> Self {
        Setup::new(profile).start().await
    }

    /// Where webhooks and pages are served.
    #[must_use]
    pub fn address(&self) -> String {
        self.settings["server.listen"][0].as_str().unwrap().to_owned()
    }

    /// Its directory, which its programs work in.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// All processes.
    pub fn daemons(&mut self) -> &mut [Daemon] {
        &mut self.daemons
    }

    /// The process that takes webhooks.
    pub fn receiver(&mut self) -> &mut Daemon {
        self.daemons.first_mut().unwrap()
    }

    /// The process that sends mail.
    pub fn worker(&mut self) -> &mut Daemon {
        self.daemons.last_mut().unwrap()
    }

    /// `true` if it has a Redis and a Postgres server.
    #[must_use]
    pub fn has_servers(&self) -> bool {
        self.redis.is_some()
    }

    /// The Redis server.
    pub fn redis(&mut self) -> &mut Redis {
        self.redis.as_mut().expect("the distributed profile")
    }

    /// The Postgres server.
    pub fn postgres(&mut self) -> &mut Postgres {
        self.postgres.as_mut().expect("the distributed profile")
    }

    /// The address of its database.
    #[must_use]
    pub fn database_url(&self) -> String {
        match self.settings.get("database.url") {
            Some(url) => url.as_str().unwrap().to_owned(),
            None => format!("sqlite:{}", self.dir.path().join("var/afs.db").display()),
        }
    }

    /// Changes a key in the configuration file. The processes notice when they are told to.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.settings.insert(key.to_owned(), value.into());
        self.write_config();
    }

    /// The line of the configuration file that sets a key, from 1.
    #[must_use]
    pub fn line_of(&self, key: &str) -> usize {
        1 + self.settings.keys().position(|set| set == key).unwrap()
    }

    fn write_config(&self) {
        // What JSON and TOML write the same way is all we need.
        let lines = self.settings.iter().map(|(key, value)| format!("{key} = {value}\n"));
        fs_err::write(config_file(self.dir.path()), lines.collect::<String>()).unwrap();
    }

    /// Runs a command of `afs` with the installation's configuration.
    #[must_use]
    pub fn afs(&self, arguments: &[&str]) -> Output {
        let mut command = program("afs", self.dir.path());
        command.args(arguments).output().unwrap()
    }

    /// Runs a command of `afs` that reads `input`.
    #[must_use]
    pub fn afs_reading(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = program("afs", self.dir.path());
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running = command.spawn().unwrap();
        running.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        running.wait_with_output().unwrap()
    }

    /// All bytes that it has written into files, by file, and what its servers hold: the record as it is
    /// backed up, and everything in Redis.
    #[must_use]
    pub fn everything_stored(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut stored = BTreeMap::new();
        let mut dirs = vec![self.dir.path().to_owned()];
        while let Some(dir) = dirs.pop() {
            for entry in fs_err::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    dirs.push(path);
                } else {
                    stored.insert(path.clone(), fs_err::read(path).unwrap());
                }
            }
        }
        if let (Some(redis), Some(postgres)) = (&self.redis, &self.postgres) {
            stored.insert("redis".into(), redis.everything());
            stored.insert("pg_dump".into(), postgres.dump("afs"));
        }
        stored
    }

    /// How the record stands, by `afs status`.
    #[must_use]
    pub fn status(&self) -> Status {
        let output = self.afs(&["status", "--json"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Status(serde_json::from_slice(&output.stdout).unwrap())
    }

    /// Changes the record behind the daemons' back: how tests let days pass. Returns how many rows.
    pub async fn change_record(&self, sql: String) -> u64 {
        let (url, sql) = (self.database_url(), sqlx::AssertSqlSafe(sql));
        let done = if url.starts_with("sqlite:") {
            let mut record = SqliteConnection::connect(&url).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut record).await.map(|done| done.rows_affected())
        } else {
            let mut record = PgConnection::connect(&url).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut record).await.map(|done| done.rows_affected())
        };
        done.unwrap()
    }

    /// Waits until so many invitations are sent; fails if there are more.
    pub async fn until_sent(&self, count: u64) {
        eventually(&format!("{count} invitations are sent"), async || {
            let sent = self.status().invitations("sent");
            assert!(sent <= count, "{sent} invitations are sent");
            sent == count
        })
        .await;
    }

    /// Every mail so far, in the order of arrival.
    #[must_use]
    pub fn mails(&self) -> Vec<Mail> {
        self.mail_server.ledger().messages.iter().map(Mail::from).collect()
    }

    /// The mails to one address so far.
    #[must_use]
    pub fn mails_to(&self, address: &str) -> Vec<Mail> {
        self.mails().into_iter().filter(|mail| mail.envelope_to == address).collect()
    }

    /// Waits for the first mail to this address.
    pub async fn mail_to(&self, address: &str) -> Mail {
        let wanted = |message: &mail::testkit::Received| message.to == address;
        eventually(&format!("there is a mail to {address}"), async || {
            self.mail_server.ledger().messages.iter().any(wanted)
        })
        .await;
        self.mails_to(address).remove(0)
    }

    /// What all processes logged so far.
    #[must_use]
    pub fn logs(&self) -> String {
        self.daemons.iter().map(Daemon::log).collect()
    }

    /// Asks the operator's listener of every process.
    pub async fn ask_daemons(&self, path: &str) -> Vec<Answer> {
        join_all(self.daemons.iter().map(|daemon| daemon.ask(path))).await
    }

    /// The metrics of all processes.
    pub async fn metrics(&self) -> String {
        self.ask_daemons("/metrics").await.into_iter().map(|answer| answer.body).collect()
    }
}

impl Drop for Installation {
    #[expect(clippy::print_stderr, reason = "for whoever reads why a test failed")]
    fn drop(&mut self) {
        if thread::panicking() {
            for daemon in &self.daemons {
                let log = daemon.log();
                let lines: Vec<_> = log.lines().collect();
                let last = lines.len().saturating_sub(40);
                eprintln!(
                    "--- the last lines of {}\n{}",
                    daemon.program(),
                    lines[last..].join("\n")
                );
            }
        }
    }
}

/// One process of an installation.
#[derive(Debug)]
pub struct Daemon {
    process: Option<Process>,
    command: &'static [&'static str],
    environment: BTreeMap<&'static str, String>,
    dir: PathBuf,
    operator_port: u16,
    web: Web,
}

impl Daemon {
    fn new(
        command: &'static [&'static str],
        environment: &BTreeMap<&'static str, String>,
        dir: &Path,
    ) -> Self {
        let operator_port = free_port();
        let web = Web::new(format!("http://127.0.0.1:{operator_port}"));
        let (environment, dir) = (environment.clone(), dir.to_owned());
        Self { process: None, command, environment, dir, operator_port, web }
    }

    /// The program's name.
    #[must_use]
    pub fn program(&self) -> &'static str {
        self.command[0]
    }

    fn start(&mut self) {
        let log = fs_err::OpenOptions::new().create(true).append(true).open(self.log_file());
        let log = log.unwrap().into_file();
        let mut command = program(self.command[0], &self.dir);
        command
            .args(&self.command[1..])
            .envs(&self.environment)
            .env("AFS__SERVER__OPERATOR_LISTEN", format!("[\"127.0.0.1:{}\"]", self.operator_port))
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        self.process = Some(Process::start(&mut command));
    }

    async fn until_ready(&mut self) {
        eventually(&format!("{} is ready", self.program()), async || {
            let process = self.process.as_mut().unwrap();
            assert!(process.is_running(), "{} ended:\n{}", self.command[0], self.log());
            self.web.try_get("/readyz").await.is_some_and(|answer| answer.status == 200)
        })
        .await;
    }

    /// Starts it again and waits until it is ready.
    pub async fn start_again(&mut self) {
        self.start();
        self.until_ready().await;
    }

    /// Kills it at once (SIGKILL).
    pub fn kill(&mut self) {
        self.process.take().unwrap().kill();
    }

    /// What it takes of the machine.
    #[must_use]
    pub fn usage(&self) -> Usage {
        Usage::of(self.process.as_ref().unwrap().id())
    }

    /// Sends a signal: `TERM`, `HUP`, `INT`.
    pub fn signal(&self, signal: &str) {
        self.process.as_ref().unwrap().signal(signal);
    }

    /// Waits until it ends, at most `limit`; its exit code.
    pub fn exit_code(&mut self, limit: Duration) -> Option<i32> {
        self.process.take().unwrap().wait_at_most(limit)
    }

    /// Asks the operator's listener.
    pub async fn ask(&self, path: &str) -> Answer {
        self.web.get(path).await
    }

    /// What it logged since the installation was set up, whatever number of times it was started.
    #[must_use]
    pub fn log(&self) -> String {
        fs_err::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// Waits until its log contains `text`.
    pub fn until_logged(&self, text: &str) {
        let what = format!("{} logs {text:?}", self.program());
        wait_until(&what, PATIENCE, || self.log().contains(text));
    }

    fn log_file(&self) -> PathBuf {
        self.dir.join(format!("{}.log", self.program()))
    }
}

/// What `afs status --json` says.
#[derive(Clone, Debug)]
pub struct Status(Value);

impl Status {
    /// Invitations in this state.
    #[must_use]
    pub fn invitations(&self, state: &str) -> u64 {
        self.count("invitations", state)
    }

    /// Reminders, and mails that buyers asked to get later, in this state.
    #[must_use]
    pub fn reminders(&self, state: &str) -> u64 {
        self.count("reminders", state)
    }

    /// Reviews with this label.
    #[must_use]
    pub fn reviews(&self, label: &str) -> u64 {
        self.count("reviews", label)
    }

    /// All reviews.
    #[must_use]
    pub fn all_reviews(&self) -> u64 {
        ["organic", "pending", "verified", "refused"].iter().map(|label| self.reviews(label)).sum()
    }

    /// Orders on record.
    #[must_use]
    pub fn orders(&self) -> u64 {
        self.0["record"]["orders"].as_u64().unwrap()
    }

    /// Addresses that want no mail.
    #[must_use]
    pub fn suppressions(&self) -> u64 {
        self.0["record"]["suppressions"].as_u64().unwrap()
    }

    /// Orders that platforms are still to be asked about, or did not tell about.
    #[must_use]
    pub fn notices(&self) -> u64 {
        ["waiting", "failed"].iter().map(|state| self.count("notices", state)).sum()
    }

    /// Why platforms did not tell about orders.
    #[must_use]
    pub fn failed_notices(&self) -> Vec<String> {
        let failed = self.0["record"]["failed_notices"].as_array().unwrap();
        failed.iter().map(|notice| notice["error"].as_str().unwrap().to_owned()).collect()
    }

    /// Webhooks that could not be read.
    #[must_use]
    pub fn unread(&self) -> u64 {
        self.0["record"]["unread"].as_u64().unwrap()
    }

    fn count(&self, of: &str, name: &str) -> u64 {
        let counts = self.0["record"][of].as_array().unwrap();
        let count = counts.iter().find(|count| count["name"] == name);
        count.map_or(0, |count| count["count"].as_u64().unwrap())
    }
}

/// One of our programs, in `dir` and with the configuration there. Cargo builds them into the
/// directory above the one that test programs lie in.
#[must_use]
pub fn program(name: &str, dir: &Path) -> Command {
    let tests = std::env::current_exe().unwrap();
    let path = tests.parent().and_then(Path::parent).unwrap().join(name);
    assert!(path.exists(), "{} is not there: run `cargo build -p afs` first", path.display());
    let mut command = Command::new(path);
    // Nothing of the environment, where settings may stand.
    command.env_clear().current_dir(dir);
    if config_file(dir).exists() {
        command.env("AFS_CONFIG", config_file(dir));
    }
    command
}

fn config_file(dir: &Path) -> PathBuf {
    dir.join("afs.toml")
}
