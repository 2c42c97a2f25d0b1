//! Redis and Postgres, started for one test on free loopback ports.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// How long a server may take until it answers.
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// How long a test waits before it fails.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// A port nobody listens on, given to nobody else in this process.
///
/// It lies below the ports that systems give to outgoing connections (from 32768 on Linux): a
/// server that is stopped for a while finds its port free when it starts again.
#[must_use]
pub fn free_port() -> u16 {
    const PORTS: std::ops::Range<u32> = 10_000..32_000;
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    // Test processes that run at the same time begin at different places.
    let first = std::process::id().wrapping_mul(97);
    loop {
        let next = first.wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(PORTS.start + next % (PORTS.end - PORTS.start)).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Waits until `condition` holds; says what was waited for if it does not in time.
pub fn wait_until(what: &str, timeout: Duration, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + timeout;
    while !condition() {
        assert!(Instant::now() < deadline, "waited {timeout:?} in vain until {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Waits until `condition` holds, at most [`PATIENCE`]; says what was waited for if it does not.
pub async fn eventually(what: &str, condition: impl AsyncFnMut() -> bool) {
    within(PATIENCE, what, condition).await;
}

/// The same, at most `limit`.
pub async fn within(limit: Duration, what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !condition().await {
        assert!(Instant::now() < deadline, "waited {limit:?} in vain until {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A child process, killed when it goes out of scope.
#[derive(Debug)]
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts `command`.
    pub fn start(command: &mut Command) -> Self {
        let name = command.get_program().to_owned();
        let child = command.spawn().unwrap_or_else(|error| {
            panic!("{} does not start ({error}); `cargo xtask test` installs it", name.display())
        });
        Self { child }
    }

    /// Sends a signal, as `kill` names it: `TERM`, `KILL`, `STOP`, `CONT`, `HUP`, `QUIT`.
    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", signal, &pid]).status().unwrap();
        assert!(status.success(), "kill -s {signal} {pid}");
    }

    /// Waits until it ends, and says how.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Waits until it ends, but no longer than `limit`; its exit code, if it was not killed.
    pub fn wait_at_most(&mut self, limit: Duration) -> Option<i32> {
        wait_until("the process ends", limit, || !self.is_running());
        self.wait().code()
    }

    /// Kills it at once and waits until it is gone.
    pub fn kill(&mut self) {
        // It may have ended by itself.
        let _ended = self.child.kill();
        self.wait();
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// `true` while it runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// The lines of its standard output, if that was piped.
    pub fn stdout_lines(&mut self) -> impl Iterator<Item = String> + use<> {
        let stdout = self.child.stdout.take().unwrap();
        BufReader::new(stdout).lines().map_while(Result::ok)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A redis-server.
#[derive(Debug)]
pub struct Redis {
    process: Option<Process>,
    port: u16,
    /// Where it writes down what it holds, if it does.
    dir: Option<TempDir>,
}

impl Redis {
    /// Starts one that writes nothing down, and waits until it answers.
    #[must_use]
    pub fn start() -> Self {
        Self::start_in(None)
    }

    /// Starts one with an append-only file, and waits until it answers.
    #[must_use]
    pub fn start_durable() -> Self {
        Self::start_in(Some(tempfile::Builder::new().prefix("afs-redis-").tempdir().unwrap()))
    }

    fn start_in(dir: Option<TempDir>) -> Self {
        let mut redis = Self { process: None, port: free_port(), dir };
        redis.start_again();
        redis
    }

    /// Starts it again on the same port, with what it has written down.
    pub fn start_again(&mut self) {
        let port = self.port.to_string();
        let mut command = Command::new("redis-server");
        command.args(["--port", &port, "--bind", "127.0.0.1", "--save", ""]);
        if let Some(dir) = &self.dir {
            command.args(["--appendonly", "yes", "--dir"]).arg(dir.path());
        }
        self.process = Some(Process::start(command.stdout(Stdio::null())));
        // While it reads what it has written down, it listens and does nothing else.
        wait_until("redis-server answers", START_TIMEOUT, || {
            self.answer(b"PING\r\n").is_ok_and(|answer| &answer == b"+PONG")
        });
    }

    /// The beginning of the answer to a command.
    fn answer(&self, command: &[u8]) -> std::io::Result<[u8; 5]> {
        let mut connection = TcpStream::connect(("127.0.0.1", self.port))?;
        connection.write_all(command)?;
        let mut answer = [0; 5];
        connection.read_exact(&mut answer)?;
        Ok(answer)
    }

    /// The append-only file, if it has one: what came in since that was last rewritten.
    #[must_use]
    pub fn append_only_file(&self) -> Option<PathBuf> {
        let files = fs_err::read_dir(self.dir.as_ref()?.path().join("appendonlydir")).ok()?;
        let is_newest = |path: &PathBuf| path.to_string_lossy().ends_with(".incr.aof");
        files.flatten().map(|file| file.path()).filter(is_newest).max()
    }

    /// Kills it at once.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Forgets everything.
    pub fn flush_all(&self) {
        assert_eq!(&self.answer(b"FLUSHALL\r\n").unwrap(), b"+OK\r\n");
    }

    /// All keys with their values, for reading.
    #[must_use]
    pub fn everything(&self) -> Vec<u8> {
        const SCRIPT: &str = "local all = {}
            for _, key in ipairs(redis.call('KEYS', '*')) do
              local read = {
                string = {'GET', key}, hash = {'HGETALL', key}, set = {'SMEMBERS', key},
                list = {'LRANGE', key, 0, -1}, zset = {'ZRANGE', key, 0, -1, 'WITHSCORES'},
              }
              local kind = redis.call('TYPE', key).ok
              table.insert(all, {key, redis.call(unpack(read[kind]))})
            end
            return all";
        let mut command = Command::new("redis-cli");
        let port = self.port.to_string();
        let read = command.args(["-p", &port, "EVAL", SCRIPT, "0"]).output().unwrap();
        let told = String::from_utf8_lossy(&read.stdout);
        assert!(read.status.success() && !told.contains("ERR"), "{told}");
        read.stdout
    }

    /// The running process.
    #[must_use]
    pub fn process(&self) -> &Process {
        self.process.as_ref().unwrap()
    }

    /// Where it is reached.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

/// A Postgres cluster of its own, with `fsync` on.
#[derive(Debug)]
pub struct Postgres {
    process: Option<Process>,
    dir: PathBuf,
    port: u16,
}

impl Postgres {
    /// Makes a cluster and starts it.
    #[must_use]
    pub fn start() -> Self {
        let mktemp =
            unprivileged("mktemp").args(["-d", "-t", "afs-postgres-XXXXXX"]).output().unwrap();
        let dir = PathBuf::from(String::from_utf8(mktemp.stdout).unwrap().trim());
        let initdb = unprivileged(&binary("initdb"))
            .args(["--auth=trust", "--username=afs", "--no-sync", "--encoding=UTF8", "-D"])
            .arg(&dir)
            .output()
            .unwrap();
        assert!(initdb.status.success(), "initdb: {}", String::from_utf8_lossy(&initdb.stderr));
        let mut postgres = Self { process: None, dir, port: free_port() };
        postgres.start_again();
        postgres
    }

    /// Starts it again on the same data and port.
    pub fn start_again(&mut self) {
        let mut command = unprivileged(&binary("postgres"));
        command.arg("-D").arg(&self.dir).arg("-k").arg(&self.dir);
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string()]);
        self.process = Some(Process::start(command.stdout(Stdio::null()).stderr(Stdio::null())));
        let port = self.port.to_string();
        wait_until("postgres accepts connections", START_TIMEOUT, || {
            let ready = Command::new(binary("pg_isready"))
                .args(["-q", "-h", "127.0.0.1", "-p", &port, "-U", "afs", "-d", "postgres"])
                .status();
            ready.is_ok_and(|status| status.success())
        });
    }

    /// Stops it at once, without tidying up: it recovers when it starts again.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.signal("QUIT");
            process.wait();
        }
    }

    /// The process that started all others; `None` while it is stopped.
    #[must_use]
    pub fn process(&self) -> Option<&Process> {
        self.process.as_ref()
    }

    /// An empty database of this name.
    #[must_use]
    pub fn database(&self, name: &str) -> String {
        let created = Command::new(binary("createdb"))
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "afs", name])
            .output()
            .unwrap();
        assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
        format!("postgres://afs@127.0.0.1:{}/{name}", self.port)
    }

    /// A database as it is backed up.
    #[must_use]
    pub fn dump(&self, name: &str) -> Vec<u8> {
        let dumped = Command::new(binary("pg_dump"))
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "afs", name])
            .output()
            .unwrap();
        assert!(dumped.status.success(), "{}", String::from_utf8_lossy(&dumped.stderr));
        dumped.stdout
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
        let _gone = fs_err::remove_dir_all(&self.dir);
    }
}

/// Postgres refuses to run as root: then it runs as the user its Debian package makes.
fn unprivileged(program: &str) -> Command {
    let root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
    if !root {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--", program]);
    command
}

/// Debian keeps the server's programs out of the path.
fn binary(name: &str) -> String {
    let installed = fs_err::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = installed
        .map(|version| version.path().join("bin").join(name))
        .filter(|path| path.exists())
        .collect();
    versions.sort();
    versions.pop().as_deref().unwrap_or(Path::new(name)).display().to_string()
}
