//! One process of the product: started again whenever it ends, for whatever reason.

use std::{
    os::unix::process::ExitStatusExt as _,
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
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use reqwest::{
    Method,
    header::{DATE, HeaderMap},
};
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

/// A failpoint that a process is armed with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trap {
    pub(crate) failpoint: &'static str,
    /// Of springing, each time the process comes by.
    pub(crate) chance: f64,
    /// The process stops there, instead of ending.
    pub(crate) stops: bool,
}

/// The signal that asks to stop.
const SIGTERM: i32 = 15;

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
    /// What the next start is armed with.
    arm: Option<Trap>,
    /// What the running process is armed with.
    armed: Option<Trap>,
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
        state.armed = state.arm.take();
        if let Some(Trap { failpoint, chance, stops }) = state.armed {
            let variable = if stops { "AFS_STOPPOINTS" } else { "AFS_FAILPOINTS" };
            command
                .env(variable, format!("{failpoint}={chance}"))
                .env("AFS_FAILPOINT_SEED", seed.to_string())
                .env("AFS_FAILPOINT_LEDGER", self.failpoint_file());
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

    /// Kills it at once, if it runs.
    pub(crate) fn kill(&self, kind: FaultKind) {
        self.end(kind, Process::kill);
    }

    /// Asks it to stop, if it runs.
    pub(crate) fn terminate(&self) {
        self.end(FaultKind::Terminated, |process| process.signal("TERM"));
    }

    fn end(&self, kind: FaultKind, how: impl FnOnce(&mut Process)) {
        let mut state = self.state();
        if let Some(process) = state.process.as_mut()
            && process.is_running()
        {
            let at = now();
            how(process);
            state.ending = Some((kind, at));
        }
    }

    /// `true` while it runs.
    pub(crate) fn is_running(&self) -> bool {
        self.state().process.as_mut().is_some_and(Process::is_running)
    }

    /// Sends a signal that does not end it; `false` if it does not run.
    pub(crate) fn signal(&self, signal: &str) -> bool {
        let mut state = self.state();
        let Some(process) = state.process.as_mut() else { return false };
        let runs = process.is_running();
        if runs {
            process.signal(signal);
        }
        runs
    }

    /// Arms a failpoint from the next start on, until it is hit.
    pub(crate) fn arm(&self, trap: Trap) {
        self.state().arm = Some(trap);
    }

    /// Leaves no failpoint armed: a process that has one is ended, and starts without.
    pub(crate) fn disarm(&self) {
        let armed = self.is_armed();
        self.state().arm = None;
        if armed {
            self.kill(FaultKind::Killed);
        }
    }

    /// `true` while the running process has an armed failpoint, or the next one will.
    pub(crate) fn is_armed(&self) -> bool {
        let state = self.state();
        state.arm.is_some() || (state.armed.is_some() && state.process.is_some())
    }

    /// `true` if it was stopped, and does not go on yet.
    pub(crate) fn is_stopped(&self) -> bool {
        let Some(id) = self.state().process.as_ref().map(Process::id) else { return false };
        let stat = fs_err::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        // The name of the program stands in brackets before its state.
        stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('T'))
    }

    /// How far its clock is ahead of ours, if it answers.
    pub(crate) async fn clock_ahead(&self) -> Option<SignedDuration> {
        let answer = self.operator.send(Method::GET, "/readyz", HeaderMap::new(), "").await?;
        let date = answer.headers.get(DATE)?.to_str().ok()?;
        let time = rfc2822::parse(date).ok()?.timestamp();
        Some(time.duration_since(now()))
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
        self.terminate();
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
        let (id, status) = (process.id(), process.wait());
        let until = now();
        state.process = None;
        let ending = state.ending.take();
        // Whoever listens for it is not ended by it: this one was only starting.
        let unheard = status.signal() == Some(SIGTERM);
        let ended_itself = state.armed.is_some_and(|trap| !trap.stops);
        let failpoint = self.failpoint_hit_by(id).filter(|_| ended_itself);
        let (kind, from) = match (failpoint, ending) {
            (Some(failpoint), _) => (FaultKind::Failpoint(failpoint), until),
            (None, Some((FaultKind::Terminated, _))) if !status.success() && !unheard => {
                (FaultKind::Crashed(status.to_string()), until)
            }
            (None, Some((kind, from))) => (kind, from),
            (None, None) => (FaultKind::Crashed(status.to_string()), until),
        };
        Some(Fault { kind, target: self.program.name.to_owned(), from, until, hit: true })
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
