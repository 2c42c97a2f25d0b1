//! Programs of a platform, on Node.js.

use std::{
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use fs_err::OpenOptions;
use tests::servers::{Process, wait_until};

/// How long a platform may take until it answers.
const START_TIMEOUT: Duration = Duration::from_mins(5);

/// A project that `cargo xtask integrations` has installed, and the environment of its programs.
#[derive(Clone)]
pub(crate) struct Project {
    dir: PathBuf,
    environment: Vec<(&'static str, String)>,
}

impl Project {
    /// The project of this platform.
    pub(crate) fn new(platform: &str) -> Self {
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
        let dir = target.join("integrations").join(platform);
        assert!(
            dir.join("node_modules").exists(),
            "it is not installed: run `cargo xtask integrations {platform}`"
        );
        Self { dir, environment: Vec::new() }
    }

    /// The same, with one more variable.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    fn node(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("node");
        command.args(arguments).current_dir(&self.dir);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a program to its end; what it prints.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let output = self.node(arguments).output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "node {}:\n{printed}\n{errors}", arguments.join(" "));
        printed
    }

    /// Starts a program that goes on until its process is dropped.
    pub(crate) fn start(&self, name: &str, arguments: &[&str]) -> Running {
        let log = self.dir.join(format!("{name}.log"));
        let file = OpenOptions::new().create(true).append(true).open(&log).unwrap().into_file();
        let mut command = self.node(arguments);
        command.stdin(Stdio::null()).stderr(file.try_clone().unwrap()).stdout(file);
        Running { process: Process::start(&mut command), log }
    }
}

/// A program that runs. Ends when dropped; shows what it logged if the test fails.
pub(crate) struct Running {
    process: Process,
    log: PathBuf,
}

impl Running {
    /// Asks it to end, as whoever installs a new version does, and waits until it has.
    pub(crate) fn stop(mut self) {
        self.process.signal("TERM");
        self.process.wait();
    }

    /// Waits until it listens on this port.
    pub(crate) fn until_listening(&mut self, port: u16) {
        let what = format!("something listens on port {port}, see {}", self.log.display());
        wait_until(&what, START_TIMEOUT, || {
            assert!(self.process.is_running(), "it ended, see {}", self.log.display());
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
    }
}

impl Drop for Running {
    #[expect(clippy::print_stderr, reason = "for whoever reads why a test failed")]
    fn drop(&mut self) {
        if thread::panicking() {
            let log = fs_err::read_to_string(&self.log).unwrap_or_default();
            let lines: Vec<_> = log.lines().collect();
            let last = lines.len().saturating_sub(60);
            eprintln!("--- the last lines of {}\n{}", self.log.display(), lines[last..].join("\n"));
        }
    }
}

/// A client that asks the platform itself, whatever proxy is configured, and gives it time.
pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().timeout(Duration::from_mins(2)).build().unwrap()
}
