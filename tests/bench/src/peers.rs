//! What others build for this purpose: a web framework and a job queue, as their documentation
//! shows them. Their sources lie in `tests/bench/peers`, what they need is installed below
//! `target/bench-peers`.

use std::{
    net::TcpStream,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use bench::orders;
use tests::servers::{Process, free_port};

use crate::{lab::repository, meter::Meter, stores::Redis, target::Target};

/// How long a peer may take until it listens.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// A web framework with a job queue on Redis.
#[derive(Debug)]
pub(crate) struct Peer {
    /// As in reports; the number of processes where it has several.
    pub(crate) name: &'static str,
    language: Language,
    environment: &'static [(&'static str, &'static str)],
    command: &'static [&'static str],
    /// The sorted set that holds its delayed jobs.
    delayed: &'static str,
}

/// What a peer is written in: what must be installed on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Language {
    Node,
    Python,
    Go,
    Ruby,
}

/// Node has one process in each contest that counts: with its Redis it fills the two processors
/// of the machines this was written on, and two processes were hardly faster there.
pub(crate) const PEERS: [Peer; 6] = [
    Peer {
        name: FASTIFY,
        language: Language::Node,
        environment: &[("FRAMEWORK", "fastify"), ("PROCESSES", "1")],
        command: &["node", "receiver.js"],
        delayed: "bull:invitations:delayed",
    },
    Peer {
        name: FASTIFY_TWICE,
        language: Language::Node,
        environment: &[("FRAMEWORK", "fastify"), ("PROCESSES", "2")],
        command: &["node", "receiver.js"],
        delayed: "bull:invitations:delayed",
    },
    Peer {
        name: EXPRESS,
        language: Language::Node,
        environment: &[("FRAMEWORK", "express"), ("PROCESSES", "1")],
        command: &["node", "receiver.js"],
        delayed: "bull:invitations:delayed",
    },
    Peer {
        name: ASYNQ,
        language: Language::Go,
        environment: &[],
        command: &["./receiver"],
        delayed: "asynq:{default}:scheduled",
    },
    Peer {
        name: ARQ,
        language: Language::Python,
        environment: &[],
        command: &[
            "venv/bin/uvicorn",
            "receiver:app",
            "--workers",
            "2",
            "--loop",
            "uvloop",
            "--http",
            "httptools",
            "--no-access-log",
            "--log-level",
            "warning",
            "--port",
        ],
        delayed: "arq:queue",
    },
    Peer {
        name: SIDEKIQ,
        language: Language::Ruby,
        environment: &[("RACK_ENV", "production"), ("RUBYOPT", "-W0")],
        command: &["puma", "--quiet", "--workers", "2", "--threads", "8:8", "config.ru", "--port"],
        delayed: "schedule",
    },
];

pub(crate) const FASTIFY: &str = "Fastify + BullMQ";
pub(crate) const FASTIFY_TWICE: &str = "Fastify + BullMQ, 2 processes";
pub(crate) const EXPRESS: &str = "Express + BullMQ";
pub(crate) const ASYNQ: &str = "Go + asynq";
pub(crate) const ARQ: &str = "FastAPI + arq, 2 processes";
pub(crate) const SIDEKIQ: &str = "Puma + Sidekiq, 2 processes";

/// Those that run on Node.
pub(crate) const ON_NODE: [&str; 3] = [FASTIFY, FASTIFY_TWICE, EXPRESS];

impl Language {
    /// Installs what its peers need, unless that was done before; gives the directory.
    fn install(self) -> anyhow::Result<PathBuf> {
        match self {
            Self::Node => npm("node"),
            Self::Python => install("python", "apt-get install python3-venv", |dir| {
                run(dir, &["python3", "-m", "venv", "venv"])?;
                run(dir, &["venv/bin/pip", "install", "--quiet", "-r", "requirements.txt"])
            }),
            Self::Go => install("go", "apt-get install golang-go", |dir| {
                run(dir, &["go", "build", "-o", "receiver", "."])
            }),
            Self::Ruby => install("ruby", "apt-get install ruby-sidekiq puma", |dir| {
                run(dir, &["ruby", "-e", "require 'sidekiq'; require 'puma'"])
            }),
        }
    }
}

/// Installs the Node packages of a folder of `tests/bench/peers`; gives the directory.
pub(crate) fn npm(folder: &str) -> anyhow::Result<PathBuf> {
    install(folder, "install Node.js 20 or newer with npm", |dir| {
        run(dir, &["npm", "install", "--silent", "--no-save", "--no-audit", "--no-fund"])
    })
}

/// Copies a folder of peers and prepares it, if it is not what it was the last time.
fn install(
    folder: &str,
    advice: &'static str,
    prepare: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<PathBuf> {
    let from = repository()?.join("tests/bench/peers").join(folder);
    let to = repository()?.join("target/bench-peers").join(folder);
    fs_err::create_dir_all(&to)?;
    let files = fs_err::read_dir(&from)?.map(|file| Ok(file?.path()));
    let mut files = files.collect::<anyhow::Result<Vec<_>>>()?;
    files.sort();
    let mut wanted = Vec::new();
    for file in files {
        wanted.extend(fs_err::read(&file)?);
        fs_err::copy(&file, to.join(file.file_name().unwrap_or_default()))?;
    }
    let done = to.join("installed");
    if fs_err::read(&done).ok().as_ref() != Some(&wanted) {
        prepare(&to).context(advice)?;
        fs_err::write(done, wanted)?;
    }
    Ok(to)
}

fn run(dir: &Path, line: &[&str]) -> anyhow::Result<()> {
    let mut command = Command::new(line[0]);
    let output = command.args(&line[1..]).current_dir(dir).output();
    let output = output.with_context(|| format!("{} is not there", line[0]))?;
    let error = String::from_utf8_lossy(&output.stderr);
    let last = error.lines().last().unwrap_or_default();
    anyhow::ensure!(output.status.success(), "{} failed: {last}", line.join(" "));
    Ok(())
}

/// A peer that runs, with a Redis of its own. Ends when dropped, with all its processes.
pub(crate) struct Running {
    group: Group,
    pub(crate) redis: Redis,
    address: String,
    delayed: &'static str,
}

impl Peer {
    /// Starts it and waits until it listens.
    pub(crate) fn start(&self) -> anyhow::Result<Running> {
        let dir = self.language.install()?;
        let (redis, port) = (Redis::start(), free_port());
        let mut command = Command::new(self.command[0]);
        if self.command[0].contains('/') {
            command = Command::new(dir.join(self.command[0]));
        }
        command.args(&self.command[1..]);
        if self.command.last() == Some(&"--port") {
            command.arg(port.to_string());
        }
        let log = fs_err::File::create(dir.join("log"))?;
        command
            .current_dir(&dir)
            .env("NODE_ENV", "production")
            .env("PORT", port.to_string())
            .env("REDIS_PORT", redis.port())
            .env("SECRET", orders::SECRET)
            .envs(self.environment.iter().copied())
            .stdout(Stdio::null())
            .stderr(log.into_file());
        let mut group = Group::start(&mut command);
        let address = format!("127.0.0.1:{port}");
        let started = Instant::now();
        while TcpStream::connect(&address).is_err() {
            if started.elapsed() > START_TIMEOUT || !group.0.is_running() {
                bail!("does not listen: {}", fs_err::read_to_string(dir.join("log"))?);
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
        Ok(Running { group, redis, address, delayed: self.delayed })
    }
}

impl Target for Running {
    fn addresses(&self) -> &[String] {
        std::slice::from_ref(&self.address)
    }

    fn meters(&self) -> [Meter; 2] {
        [Meter::new([self.group.0.id()]), Meter::new([self.redis.id()])]
    }

    fn scheduled(&self) -> anyhow::Result<Option<u64>> {
        self.redis.sorted_set_len(self.delayed).map(Some)
    }
}

/// A process and all that it starts: ended together.
pub(crate) struct Group(pub(crate) Process);

impl Group {
    /// Starts a process in a group of its own.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(Process::start(command.process_group(0)))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        // The group has the number of its first process, which nobody waited for yet: it is ours.
        let _ended = Command::new("kill").args(["-s", "KILL", "--", &group]).output();
    }
}
