//! One process of the product: started again whenever it ends, for whatever reason.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ::tests::{
    servers::{Process, free_port},
    shop::now,
};
use anyhow::Context as _;
use fastrand::Rng;
use jiff::Timestamp;
use reqwest::{Method, header::HeaderMap};
use tokio::{sync::Mutex as Lane, time::sleep};

use crate::{
    http::Http,
    ledger::{Book, Fault, FaultKind},
};

/// How often a process is looked after.
const LOOK: Duration = Duration::from_millis(10);

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Takes webhooks and serves pages.
    Receiver,
    /// Sends mails and verifies reviews.
    Worker,
}

/// One of the product's programs, and how to start it.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    /// The name in ledgers; unique.
    pub(crate) name: &'static str,
    /// The program and its arguments.
    pub(crate) command: &'static [&'static str],
    pub(crate) roles: &'static [Role],
}

/// A process that is started again whenever it ends.
#[derive(Debug)]
pub(crate) struct Daemon {
    pub(crate) program: Program,
    /// One fault at a time.
    pub(crate) lane: Lane<()>,
    dir: PathBuf,
    environment: Vec<(String, String)>,
    operator: Http,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    process: Option<Process>,
    /// What was done to end it, and when.
    ending: Option<(FaultKind, Timestamp)>,
    /// The failpoint that the next start arms, with its chance.
    arm: Option<(&'static str, f64)>,
    /// The running process has an armed failpoint.
    armed: bool,
    /// It is not to be started again.
    retired: bool,
}

impl Daemon {
    /// A process that does not run yet; its files lie in `dir`.
    pub(crate) fn new(
        program: Program,
        dir: &Path,
        mut environment: Vec<(String, String)>,
    ) -> anyhow::Result<Self> {
        let operator_port = free_port();
        let listen = format!("[\"127.0.0.1:{operator_port}\"]");
        environment.push(("AFS__SERVER__OPERATOR_LISTEN".into(), listen));
        // Mails tell by this name which worker they come from.
        environment.push(("AFS__MAIL__SMTP__HELLO_NAME".into(), program.name.into()));
        Ok(Self {
            program,
            lane: Lane::new(()),
            dir: dir.to_owned(),
            environment,
            operator: Http::new(vec![format!("http://127.0.0.1:{operator_port}")])?,
            state: Mutex::default(),
        })
    }

    pub(crate) fn has(&self, role: Role) -> bool {
        self.program.roles.contains(&role)
    }

    /// Starts the process.
    pub(crate) fn start(&self, seed: u64) -> anyhow::Result<()> {
        let programs = std::env::current_exe()?;
        let file = programs.with_file_name(self.program.command[0]);
        anyhow::ensure!(file.exists(), "{} is not there: use `cargo xtask faults`", file.display());
        let log = fs_err::OpenOptions::new().create(true).append(true).open(self.log_file())?;
        let mut command = Command::new(file);
        command
            .args(&self.program.command[1..])
            .env_clear()
            .current_dir(&self.dir)
            .env("AFS_CONFIG", self.dir.join("afs.toml"))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::null())
            .stderr(log.into_file());
        let mut state = self.state();
        state.armed = false;
        if let Some((failpoint, chance)) = state.arm.take() {
            command
                .env("AFS_FAILPOINTS", format!("{failpoint}={chance}"))
                .env("AFS_FAILPOINT_SEED", seed.to_string())
                .env("AFS_FAILPOINT_LEDGER", self.failpoint_file());
            state.armed = true;
        }
        state.process = Some(Process::start(&mut command));
        Ok(())
    }

    /// Waits until it can do its work.
    pub(crate) async fn until_ready(&self, limit: Duration) -> anyhow::Result<()> {
        let ready = async {
            loop {
                let answer = self.operator.send(Method::GET, "/readyz", HeaderMap::new(), "").await;
                if answer.is_some_and(|answer| answer.status == 200) {
                    return;
                }
                sleep(LOOK * 2).await;
            }
        };
        let waited = tokio::time::timeout(limit, ready).await;
        waited.with_context(|| format!("{} is not ready in {limit:?}", self.program.name))
    }

    /// Ends it by a signal; what ends it goes by this name.
    pub(crate) fn end(&self, signal: &str, kind: FaultKind) {
        let mut state = self.state();
        if state.process.as_mut().is_some_and(Process::is_running) {
            state.ending = Some((kind, now()));
            if let Some(process) = &state.process {
                process.signal(signal);
            }
        }
    }

    /// Sends a signal that does not end it.
    pub(crate) fn signal(&self, signal: &str) {
        let mut state = self.state();
        if let Some(process) = state.process.as_mut()
            && process.is_running()
        {
            process.signal(signal);
        }
    }

    /// Arms a failpoint from the next start on, until it is hit.
    pub(crate) fn arm(&self, failpoint: &'static str, chance: f64) {
        self.state().arm = Some((failpoint, chance));
    }

    /// Leaves no failpoint armed: a process that has one is asked to stop, and starts without.
    pub(crate) fn disarm(&self) {
        let armed = self.is_armed();
        self.state().arm = None;
        if armed {
            self.end("TERM", FaultKind::Terminated);
        }
    }

    /// `true` while the running process has an armed failpoint, or the next one will.
    pub(crate) fn is_armed(&self) -> bool {
        let state = self.state();
        state.arm.is_some() || (state.armed && state.process.is_some())
    }

    /// Its open sockets, if it runs.
    pub(crate) fn open_sockets(&self) -> Option<usize> {
        let id = self.state().process.as_ref()?.id();
        let descriptors = fs_err::read_dir(format!("/proc/{id}/fd")).ok()?.flatten();
        let targets =
            descriptors.filter_map(|descriptor| fs_err::read_link(descriptor.path()).ok());
        Some(targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count())
    }

    /// Asks it to stop for good.
    pub(crate) fn retire(&self) {
        self.state().retired = true;
        self.end("TERM", FaultKind::Terminated);
    }

    /// Starts it again after a pause whenever it ends, and notes how it ended. Returns once it is
    /// retired and gone.
    pub(crate) async fn look_after(self: Arc<Self>, book: Book, mut rng: Rng) {
        loop {
            sleep(LOOK).await;
            let Some(fault) = self.death() else { continue };
            book.open().faults.push(fault);
            if self.state().retired {
                return;
            }
            sleep(Duration::from_millis(rng.u64(50..1500))).await;
            if let Err(error) = self.start(rng.u64(..)) {
                crate::report::say(format_args!("{} does not start: {error}", self.program.name));
                return;
            }
        }
    }

    /// How it ended, if it did since the last look.
    fn death(&self) -> Option<Fault> {
        let mut state = self.state();
        let process = state.process.as_mut()?;
        if process.is_running() {
            return None;
        }
        let (id, code) = (process.id(), process.wait());
        let until = now();
        state.process = None;
        let ending = state.ending.take();
        let how = code.map_or("by a signal".to_owned(), |code| format!("exit code {code}"));
        let (kind, from) = match (self.failpoint_hit_by(id), ending) {
            (Some(failpoint), _) => (FaultKind::Failpoint(failpoint), until),
            (None, Some((FaultKind::Terminated, _))) if code != Some(0) => {
                (FaultKind::Crashed(how), until)
            }
            (None, Some((kind, from))) => (kind, from),
            (None, None) => (FaultKind::Crashed(how), until),
        };
        Some(Fault { kind, target: self.program.name.to_owned(), from, until })
    }

    /// The failpoint at which the process of this id ended itself.
    fn failpoint_hit_by(&self, id: u32) -> Option<String> {
        let hits = fs_err::read_to_string(self.failpoint_file()).ok()?;
        let (failpoint, last) = hits.lines().last()?.split_once(' ')?;
        (last == id.to_string()).then(|| failpoint.to_owned())
    }

    /// What it wrote since the run began.
    pub(crate) fn log(&self) -> String {
        fs_err::read(self.log_file())
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.dir.join(format!("{}.log", self.program.name))
    }

    fn failpoint_file(&self) -> PathBuf {
        self.dir.join(format!("{}.failpoints", self.program.name))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
