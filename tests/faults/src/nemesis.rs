//! What goes wrong, and when: drawn from the seed, done to processes, servers, disk and clocks.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::Command,
    sync::Arc,
    time::Duration,
};

use ::tests::{servers::Process, shop::now};
use anyhow::Context as _;
use fastrand::Rng;
use jiff::Timestamp;
use tokio::{
    sync::Mutex as Lane,
    task::{JoinSet, spawn_blocking},
    time::{Instant, sleep, sleep_until, timeout},
};

use crate::{
    cluster::{Cluster, Profile, Wants, locked},
    daemon::{Daemon, Role, Trap},
    ledger::{Book, Fault, FaultKind, LEASE},
    smtp::{MailServer, SLOW, TROUBLES, Trouble},
};

/// The places in the product where it ends itself if asked to.
pub(crate) const FAILPOINTS: [&str; 14] = [
    "receiver_after_read",
    "receiver_after_verify",
    "receiver_before_reply",
    "intake_before_commit",
    "intake_after_commit",
    "claim_before_commit",
    "claim_after_commit",
    "outcome_before_commit",
    "outcome_after_commit",
    "worker_after_attempt",
    "smtp_before_envelope",
    "smtp_before_content",
    "smtp_after_final_dot",
    "smtp_after_250",
];

/// Where a worker that stops past its lease does most harm.
const ZOMBIES: [&str; 4] =
    ["claim_after_commit", "smtp_before_content", "smtp_after_250", "outcome_before_commit"];

/// How long a moment that follows from the load is waited for.
const MOMENT_WAIT: Duration = Duration::from_secs(12);

/// The chance of an armed failpoint, each time.
const FAILPOINT_CHANCE: f64 = 0.05;

/// The lease of a claim.
const CLAIM_LEASE: Duration = Duration::from_secs(LEASE.as_secs().cast_unsigned());

/// After so long somebody takes over what a worker left behind: with Redis, the timer's lease ends
/// two seconds after the claim's.
const TAKEOVER: Duration = CLAIM_LEASE.saturating_add(Duration::from_secs(2));

/// Something to break.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Attack {
    /// Kills a process.
    Kill(Role),
    /// Kills a process, and again when it comes by this failpoint.
    FailAt(&'static str, f64),
    /// Kills a worker; it stops when it comes by this failpoint, and goes on when somebody else
    /// sends what it had claimed.
    Zombie(&'static str, f64),
    /// Kills a process while it folds SQLite's log into the database.
    KillInCheckpoint,
    /// Stops a process for so many milliseconds; then it goes on.
    Suspend(Role, u64),
    /// Asks a process to stop.
    Terminate(Role),
    /// Something happens to Redis, for so many milliseconds.
    Redis(RedisTrouble, u64),
    /// Something happens to Postgres, for so many milliseconds.
    Postgres(PostgresTrouble, u64),
    /// The mail server misbehaves.
    Mail(Trouble),
    /// Leaves no room on the record's disk.
    FillDisk(u64),
    /// A process sees another time.
    StepClock(Role, &'static str, u64),
}

/// What happens to Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RedisTrouble {
    /// Killed; it comes back with what it has written down.
    Killed,
    /// Killed, and its file is cut at a random byte: it comes back with less.
    Cut,
    /// Killed, and its file is lost: it comes back empty.
    Lost,
    /// Emptied.
    Flushed,
    /// Stopped; then it goes on.
    Stopped,
    /// Left without memory.
    Starved,
}

impl RedisTrouble {
    fn name(self) -> &'static str {
        match self {
            Self::Killed => "killed",
            Self::Cut => "append-only file cut",
            Self::Lost => "killed, comes back empty",
            Self::Flushed => "flushed",
            Self::Stopped => "stopped for a while",
            Self::Starved => "out of memory",
        }
    }
}

/// What happens to Postgres.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PostgresTrouble {
    /// Killed; it recovers when it comes back.
    Killed,
    /// All its processes are stopped; then they go on.
    Stopped,
    /// The product's connections are ended.
    Disconnected,
}

impl PostgresTrouble {
    fn name(self) -> &'static str {
        match self {
            Self::Killed => "killed",
            Self::Stopped => "stopped for a while",
            Self::Disconnected => "connections ended",
        }
    }
}

impl Attack {
    /// The fault that it is in the ledger.
    pub(crate) fn fault(self) -> FaultKind {
        match self {
            Self::Kill(_) => FaultKind::Killed,
            Self::FailAt(failpoint, _) => FaultKind::Failpoint(failpoint.to_owned()),
            Self::Zombie(failpoint, _) => FaultKind::Zombie(failpoint),
            Self::KillInCheckpoint => FaultKind::KilledInCheckpoint,
            Self::Suspend(..) => FaultKind::Suspended,
            Self::Terminate(_) => FaultKind::Terminated,
            Self::Redis(trouble, _) => FaultKind::TimerAway(trouble.name()),
            Self::Postgres(trouble, _) => FaultKind::RecordAway(trouble.name()),
            Self::Mail(trouble) => trouble.fault(),
            Self::FillDisk(_) => FaultKind::RecordAway("disk full"),
            Self::StepClock(_, step, _) => FaultKind::ClockStepped(step),
        }
    }
}

/// An attack, and when it begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Planned {
    pub(crate) at: Duration,
    pub(crate) attack: Attack,
}

/// What this machine lets us do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Means {
    pub(crate) small_disk: bool,
    pub(crate) clocks: bool,
}

/// Draws so many attacks, spread over `span`. Every kind comes once before any comes again.
pub(crate) fn draw(
    rng: &mut Rng,
    faults: u32,
    span: Duration,
    profile: Profile,
    means: Means,
) -> Vec<Planned> {
    let mut deck = Vec::new();
    let mut planned: Vec<Planned> = (0..faults)
        .map(|_| {
            if deck.is_empty() {
                deck = full_deck(rng, profile, means);
                rng.shuffle(&mut deck);
            }
            // Not at the very end: a fault without load shows nothing.
            let at = span.mul_f64(0.02 + 0.93 * rng.f64());
            deck.pop().map(|attack| Planned { at, attack })
        })
        .map_while(|planned| planned)
        .collect();
    planned.sort_by_key(|planned| planned.at);
    planned
}

fn full_deck(rng: &mut Rng, profile: Profile, means: Means) -> Vec<Attack> {
    let past_lease = u64::try_from(LEASE.as_millis()).unwrap_or_default() + rng.u64(500..3000);
    let mut deck = vec![
        Attack::Kill(Role::Receiver),
        Attack::Kill(Role::Worker),
        Attack::Suspend(Role::Worker, past_lease),
        Attack::Suspend(Role::Receiver, rng.u64(500..4000)),
        Attack::Terminate(Role::Receiver),
        Attack::Terminate(Role::Worker),
    ];
    deck.extend(FAILPOINTS.map(|failpoint| Attack::FailAt(failpoint, FAILPOINT_CHANCE)));
    deck.extend(TROUBLES.map(Attack::Mail));
    let zombies = ZOMBIES.map(|failpoint| Attack::Zombie(failpoint, FAILPOINT_CHANCE));
    match profile {
        // One zombie at a time: nothing else is there to do the work meanwhile.
        Profile::Embedded => {
            deck.extend([Attack::KillInCheckpoint, zombies[rng.usize(..zombies.len())]]);
        }
        Profile::Distributed => deck.extend(zombies.into_iter().chain([
            Attack::Redis(RedisTrouble::Killed, rng.u64(500..4000)),
            Attack::Redis(RedisTrouble::Cut, rng.u64(200..2000)),
            Attack::Redis(RedisTrouble::Lost, rng.u64(200..2000)),
            Attack::Redis(RedisTrouble::Flushed, 0),
            Attack::Redis(RedisTrouble::Stopped, rng.u64(1000..5000)),
            Attack::Redis(RedisTrouble::Starved, rng.u64(1000..4000)),
            Attack::Postgres(PostgresTrouble::Killed, rng.u64(200..3000)),
            Attack::Postgres(PostgresTrouble::Stopped, rng.u64(1000..5000)),
            Attack::Postgres(PostgresTrouble::Disconnected, 0),
        ])),
    }
    if means.small_disk && profile == Profile::Embedded {
        deck.push(Attack::FillDisk(rng.u64(200..4000)));
    }
    if means.clocks {
        deck.extend([
            Attack::StepClock(Role::Worker, "+20", 3000),
            Attack::StepClock(Role::Worker, "-1h", 5000),
            Attack::StepClock(Role::Receiver, "-20", 5000),
        ]);
    }
    deck
}

/// What a plan needs of the installation.
pub(crate) fn wants(planned: &[Planned]) -> Wants {
    let any = |is: fn(&Attack) -> bool| planned.iter().any(|planned| is(&planned.attack));
    Wants {
        small_disk: any(|attack| matches!(attack, Attack::FillDisk(_))),
        clocks: any(|attack| matches!(attack, Attack::StepClock(..))),
        bug: None,
    }
}

/// Carries out attacks. Those on one target come one after the other.
pub(crate) struct Nemesis {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) mail: Arc<MailServer>,
    pub(crate) book: Book,
    pub(crate) started: Instant,
    lanes: Lanes,
}

#[derive(Default)]
struct Lanes {
    redis: Lane<()>,
    postgres: Lane<()>,
    mail: Lane<()>,
    disk: Lane<()>,
}

impl Nemesis {
    pub(crate) fn new(
        cluster: Arc<Cluster>,
        mail: Arc<MailServer>,
        book: Book,
        started: Instant,
    ) -> Self {
        Self { cluster, mail, book, started, lanes: Lanes::default() }
    }

    /// Does everything that is planned; returns when all of it is over.
    pub(crate) async fn run(self, planned: &[Planned], rng: &mut Rng) -> anyhow::Result<()> {
        let nemesis = Arc::new(self);
        let mut attacks = JoinSet::new();
        for Planned { at, attack } in planned.iter().copied() {
            let (nemesis, rng) = (nemesis.clone(), rng.fork());
            attacks.spawn(async move {
                sleep_until(nemesis.started + at).await;
                nemesis.attack(attack, rng).await.with_context(|| format!("{attack:?}"))
            });
        }
        while let Some(done) = attacks.join_next().await {
            done??;
        }
        Ok(())
    }

    async fn attack(&self, attack: Attack, mut rng: Rng) -> anyhow::Result<()> {
        match attack {
            Attack::Redis(trouble, millis) => {
                let _lane = self.lanes.redis.lock().await;
                let from = now();
                let hit = self.attack_redis(trouble, Duration::from_millis(millis), rng).await?;
                self.note(attack, "redis", from, hit);
            }
            Attack::Postgres(trouble, millis) => {
                let _lane = self.lanes.postgres.lock().await;
                let from = now();
                let hit = self.attack_postgres(trouble, Duration::from_millis(millis)).await?;
                self.note(attack, "postgres", from, hit);
            }
            Attack::Mail(trouble) => {
                let _lane = self.lanes.mail.lock().await;
                let from = now();
                let hit = self.mail.misbehave(trouble).await > 0;
                self.note(attack, "mail server", from, hit);
            }
            Attack::FillDisk(millis) => {
                let _lane = self.lanes.disk.lock().await;
                let disk = self.cluster.disk.as_ref().context("no small disk")?;
                let from = now();
                disk.fill()?;
                sleep(Duration::from_millis(millis)).await;
                disk.clear()?;
                self.note(attack, "disk", from, self.was_turned_away_since(from));
            }
            Attack::Kill(role) | Attack::Suspend(role, _) | Attack::Terminate(role) => {
                let daemon = self.one(role, &mut rng)?;
                let _lane = daemon.lane.lock().await;
                self.attack_process(attack, daemon).await;
            }
            Attack::StepClock(role, step, millis) => {
                let daemon = self.one(role, &mut rng)?;
                let _lane = daemon.lane.lock().await;
                let from = now();
                let hit = self.step_clock(daemon, step, Duration::from_millis(millis)).await?;
                self.note(attack, daemon.program.name, from, hit);
            }
            Attack::FailAt(failpoint, chance) => {
                let daemon = self.one(role_of(failpoint), &mut rng)?;
                let _lane = daemon.lane.lock().await;
                daemon.arm(Trap { failpoint, chance, stops: false });
                daemon.kill(FaultKind::Killed);
                // If it is not hit in time, it stays armed and may be hit later.
                let _in_time = timeout(MOMENT_WAIT, until(|| !daemon.is_armed())).await;
            }
            Attack::Zombie(failpoint, chance) => {
                let daemon = self.one(Role::Worker, &mut rng)?;
                let _lane = daemon.lane.lock().await;
                daemon.arm(Trap { failpoint, chance, stops: true });
                daemon.kill(FaultKind::Killed);
                if timeout(MOMENT_WAIT, until(|| daemon.is_stopped())).await.is_ok() {
                    let from = now();
                    self.bring_back(daemon).await;
                    self.note(attack, daemon.program.name, from, true);
                } else {
                    // It would stop some time later, with nobody to wake it.
                    daemon.disarm();
                }
            }
            Attack::KillInCheckpoint => {
                let daemon = self.one(Role::Worker, &mut rng)?;
                let _lane = daemon.lane.lock().await;
                let index = self.cluster.log_index().context("no SQLite")?;
                let (from, killed) = (now(), daemon.clone());
                if spawn_blocking(move || kill_in_checkpoint(&killed, &index)).await? {
                    self.note(attack, daemon.program.name, from, true);
                }
            }
        }
        Ok(())
    }

    async fn attack_process(&self, attack: Attack, daemon: &Daemon) {
        let _runs = timeout(MOMENT_WAIT, until(|| daemon.is_running())).await;
        match attack {
            Attack::Suspend(_, millis) => {
                let from = now();
                let hit = daemon.signal("STOP");
                sleep(Duration::from_millis(millis)).await;
                daemon.signal("CONT");
                self.note(attack, daemon.program.name, from, hit);
            }
            // How a process ends is noted by who looks after it.
            Attack::Terminate(_) => daemon.terminate(),
            _ => daemon.kill(FaultKind::Killed),
        }
    }

    /// Lets a process that has just stopped go on once it has lost what it had claimed. The mail
    /// server is slow then, so that its successor is still sending: its outcome must not count.
    async fn bring_back(&self, daemon: &Daemon) {
        let stopped = Instant::now();
        let _mail = self.lanes.mail.lock().await;
        sleep_until(stopped + TAKEOVER - Duration::from_millis(200)).await;
        tokio::join!(self.mail.misbehave(SLOW.lasting(2300)), async {
            sleep(Duration::from_millis(1100)).await;
            daemon.signal("CONT");
        });
    }

    /// `true` if the process saw the other time.
    async fn step_clock(
        &self,
        daemon: &Daemon,
        step: &'static str,
        lasting: Duration,
    ) -> anyhow::Result<bool> {
        let clock = self.cluster.clock(daemon);
        clock.set(step)?;
        sleep(lasting).await;
        let ahead = daemon.clock_ahead().await;
        clock.set("+0")?;
        // The time is looked up when more than a second has begun since.
        sleep(Duration::from_secs(3)).await;
        Ok(ahead.is_some_and(|ahead| ahead.as_secs().abs() > 2))
    }

    async fn attack_redis(
        &self,
        trouble: RedisTrouble,
        lasting: Duration,
        mut rng: Rng,
    ) -> anyhow::Result<bool> {
        let redis = self.cluster.redis.clone().context("no Redis")?;
        let url = locked(&redis).url();
        Ok(match trouble {
            RedisTrouble::Killed | RedisTrouble::Cut | RedisTrouble::Lost => {
                locked(&redis).kill();
                let file = locked(&redis).append_only_file().context("no append-only file")?;
                let length = fs_err::metadata(&file)?.len();
                let left = match trouble {
                    RedisTrouble::Cut => rng.u64(..=length),
                    RedisTrouble::Lost => 0,
                    _ => length,
                };
                fs_err::OpenOptions::new().write(true).open(&file)?.set_len(left)?;
                sleep(lasting).await;
                spawn_blocking(move || locked(&redis).start_again()).await?;
                left < length || trouble == RedisTrouble::Killed
            }
            RedisTrouble::Flushed => {
                let held = ask_redis(&url, "DBSIZE")?;
                locked(&redis).flush_all();
                held != ":0\r\n"
            }
            RedisTrouble::Stopped => {
                locked(&redis).process().signal("STOP");
                sleep(lasting).await;
                locked(&redis).process().signal("CONT");
                true
            }
            RedisTrouble::Starved => {
                ask_redis(&url, "CONFIG RESETSTAT")?;
                ask_redis(&url, "CONFIG SET maxmemory 1")?;
                sleep(lasting).await;
                ask_redis(&url, "CONFIG SET maxmemory 0")?;
                ask_redis(&url, "INFO errorstats")?.contains("errorstat_OOM")
            }
        })
    }

    async fn attack_postgres(
        &self,
        trouble: PostgresTrouble,
        lasting: Duration,
    ) -> anyhow::Result<bool> {
        let postgres = self.cluster.postgres.clone().context("no Postgres")?;
        match trouble {
            PostgresTrouble::Killed => {
                let killed = postgres.clone();
                spawn_blocking(move || locked(&killed).kill()).await?;
                sleep(lasting).await;
                spawn_blocking(move || locked(&postgres).start_again()).await?;
            }
            PostgresTrouble::Stopped => {
                let family = locked(&postgres).process().map(family).unwrap_or_default();
                let suspended = Suspended::new(family)?;
                sleep(lasting).await;
                drop(suspended);
            }
            PostgresTrouble::Disconnected => {
                // Nobody is there while the server is full or just starting.
                return Ok(self.cluster.source.disconnect_others().await.is_ok_and(|n| n > 0));
            }
        }
        Ok(true)
    }

    fn one(&self, role: Role, rng: &mut Rng) -> anyhow::Result<&Arc<Daemon>> {
        let daemons: Vec<_> = self.cluster.daemons.iter().filter(|d| d.has(role)).collect();
        rng.choice(daemons).context("no such process")
    }

    /// `true` if a webhook was not accepted, and told so.
    fn was_turned_away_since(&self, from: Timestamp) -> bool {
        let book = self.book.open();
        let since = book.requests.iter().rev().take_while(|request| request.ended_at >= from);
        since.into_iter().any(|request| request.status == Some(503))
    }

    fn note(&self, attack: Attack, target: &str, from: Timestamp, hit: bool) {
        let (kind, target) = (attack.fault(), target.to_owned());
        self.book.open().faults.push(Fault { kind, target, from, until: now(), hit });
    }
}

async fn until(holds: impl Fn() -> bool) {
    while !holds() {
        sleep(Duration::from_millis(20)).await;
    }
}

/// Which processes come by this failpoint.
fn role_of(failpoint: &str) -> Role {
    let receives = failpoint.starts_with("receiver") || failpoint.starts_with("intake");
    if receives { Role::Receiver } else { Role::Worker }
}

/// Waits for a checkpoint and kills the process in it; `true` if it did not get to its end.
fn kill_in_checkpoint(daemon: &Daemon, index: &Path) -> bool {
    let deadline = std::time::Instant::now() + MOMENT_WAIT;
    while std::time::Instant::now() < deadline {
        if is_checkpoint_under_way(index) {
            daemon.kill(FaultKind::Killed);
            return is_checkpoint_under_way(index);
        }
        std::thread::park_timeout(Duration::from_micros(200));
    }
    false
}

/// Reads SQLite's index of its log (`WalCkptInfo`, <https://sqlite.org/walformat.html>): pages are
/// being folded while more are attempted (at byte 128) than are done (at byte 96).
fn is_checkpoint_under_way(index: &Path) -> bool {
    let mut head = [0; 132];
    let read = fs_err::File::open(index).and_then(|mut file| file.read_exact(&mut head));
    let number =
        |at: usize| u32::from_ne_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    read.is_ok() && number(128) > number(96)
}

/// Sends one command to Redis; the beginning of its answer.
fn ask_redis(url: &str, command: &str) -> anyhow::Result<String> {
    let mut connection = TcpStream::connect(url.trim_start_matches("redis://"))?;
    connection.set_read_timeout(Some(Duration::from_secs(5)))?;
    connection.write_all(format!("{command}\r\n").as_bytes())?;
    let mut answer = [0; 4096];
    let length = connection.read(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
    anyhow::ensure!(!answer.starts_with('-'), "Redis does not take {command}: {answer}");
    Ok(answer)
}

/// The ids of a process that we started and of those that it started.
fn family(process: &Process) -> Vec<u32> {
    let id = process.id();
    let children = fs_err::read_to_string(format!("/proc/{id}/task/{id}/children"));
    let children = children.unwrap_or_default();
    [id].into_iter().chain(children.split_whitespace().filter_map(|id| id.parse().ok())).collect()
}

/// Processes that are stopped, and go on when this is dropped.
struct Suspended(Vec<u32>);

impl Suspended {
    fn new(ids: Vec<u32>) -> anyhow::Result<Self> {
        anyhow::ensure!(!ids.is_empty(), "nobody to suspend");
        let suspended = Self(ids);
        suspended.signal("STOP");
        Ok(suspended)
    }

    fn signal(&self, signal: &str) {
        let ids = self.0.iter().map(u32::to_string);
        // A child may have ended by itself meanwhile.
        let _told = Command::new("kill").args(["-s", signal]).args(ids).output();
    }
}

impl Drop for Suspended {
    fn drop(&mut self) {
        self.signal("CONT");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const SPAN: Duration = Duration::from_secs(100);
    const MEANS: Means = Means { small_disk: true, clocks: true };

    fn drawn(seed: u64, faults: u32, profile: Profile) -> Vec<Planned> {
        draw(&mut Rng::with_seed(seed), faults, SPAN, profile, MEANS)
    }

    #[test]
    fn a_seed_says_everything() {
        assert_eq!(drawn(1, 30, Profile::Embedded), drawn(1, 30, Profile::Embedded));
        assert_ne!(drawn(1, 30, Profile::Embedded), drawn(2, 30, Profile::Embedded));
    }

    #[test]
    fn every_failpoint_and_trouble_comes_before_any_comes_again() {
        let cards = full_deck(&mut Rng::with_seed(1), Profile::Distributed, MEANS).len();
        let planned = drawn(1, u32::try_from(cards).unwrap(), Profile::Distributed);
        let failpoints: BTreeSet<&str> = planned
            .iter()
            .filter_map(|planned| match planned.attack {
                Attack::FailAt(failpoint, _) => Some(failpoint),
                _ => None,
            })
            .collect();
        assert_eq!(failpoints, BTreeSet::from(FAILPOINTS));
        for trouble in TROUBLES {
            assert!(planned.iter().any(|planned| planned.attack == Attack::Mail(trouble)));
        }
    }

    #[test]
    fn the_embedded_profile_has_no_servers_to_attack() {
        for planned in drawn(1, 200, Profile::Embedded) {
            assert!(!format!("{:?}", planned.attack).contains("Redis"));
            assert!(!format!("{:?}", planned.attack).contains("Postgres"));
        }
    }

    /// Whoever adds a failpoint to the product must not forget it here.
    #[test]
    fn every_failpoint_of_the_product_is_known() {
        fn collect(dir: &std::path::Path, found: &mut BTreeSet<String>) {
            for entry in fs_err::read_dir(dir).unwrap().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    collect(&path, found);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let text = fs_err::read_to_string(&path).unwrap();
                    let hits = text.split("failpoint::hit(\"").skip(1);
                    found.extend(hits.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
                }
            }
        }
        let mut found = BTreeSet::new();
        let crates = concat!(env!("CARGO_MANIFEST_DIR"), "/../../crates");
        collect(std::path::Path::new(crates), &mut found);
        assert_eq!(found, FAILPOINTS.map(str::to_owned).into());
    }
}
