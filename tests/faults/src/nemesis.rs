//! What goes wrong, and when: drawn from the seed, done to processes, servers, disk and clocks.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    process::Command,
    sync::Arc,
    time::Duration,
};

use ::tests::{servers::Process, shop::now};
use anyhow::Context as _;
use fastrand::Rng;
use tokio::{
    sync::Mutex as Lane,
    task::{JoinSet, spawn_blocking},
    time::{Instant, sleep, sleep_until},
};

use crate::{
    cluster::{Cluster, Profile, Wants, locked},
    daemon::{Daemon, Role},
    ledger::{Book, Fault, FaultKind, LEASE},
    smtp::{MailServer, TROUBLES, Trouble},
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

/// How long an armed failpoint is waited for before other faults may follow.
const FAILPOINT_WAIT: Duration = Duration::from_secs(8);

/// The chance of an armed failpoint, each time.
const FAILPOINT_CHANCE: f64 = 0.05;

/// Something to break.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Attack {
    /// Kills a process.
    Kill(Role),
    /// Kills a process, and again when it comes by this failpoint.
    FailAt(&'static str, f64),
    /// Stops a process for so many milliseconds; then it goes on.
    Suspend(Role, u64),
    /// Asks a process to stop.
    Terminate(Role),
    /// Kills Redis; it comes back empty.
    KillRedis(u64),
    /// Empties Redis.
    FlushRedis,
    /// Stops Redis; then it goes on.
    SuspendRedis(u64),
    /// Leaves Redis no memory.
    StarveRedis(u64),
    /// Kills Postgres; it recovers when it comes back.
    KillPostgres(u64),
    /// Stops every process of Postgres; then they go on.
    SuspendPostgres(u64),
    /// Ends the product's connections to Postgres.
    Disconnect,
    /// The mail server misbehaves.
    Mail(Trouble),
    /// Leaves no room on the record's disk.
    FillDisk(u64),
    /// A process sees another time.
    StepClock(Role, &'static str, u64),
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
    let zombie = u64::try_from(LEASE.as_millis()).unwrap_or_default();
    let mut deck = vec![
        Attack::Kill(Role::Receiver),
        Attack::Kill(Role::Receiver),
        Attack::Kill(Role::Worker),
        Attack::Kill(Role::Worker),
        Attack::Suspend(Role::Worker, zombie + rng.u64(500..3000)),
        Attack::Suspend(Role::Receiver, rng.u64(500..4000)),
        Attack::Terminate(Role::Receiver),
        Attack::Terminate(Role::Worker),
    ];
    deck.extend(FAILPOINTS.map(|failpoint| Attack::FailAt(failpoint, FAILPOINT_CHANCE)));
    deck.extend(TROUBLES.map(Attack::Mail));
    if profile == Profile::Distributed {
        deck.extend([
            Attack::KillRedis(rng.u64(500..4000)),
            Attack::FlushRedis,
            Attack::FlushRedis,
            Attack::SuspendRedis(rng.u64(1000..5000)),
            Attack::StarveRedis(rng.u64(1000..4000)),
            Attack::KillPostgres(rng.u64(200..3000)),
            Attack::SuspendPostgres(rng.u64(1000..5000)),
            Attack::Disconnect,
            Attack::Disconnect,
        ]);
    }
    if means.small_disk && profile == Profile::Embedded {
        deck.extend([Attack::FillDisk(rng.u64(1000..4000)), Attack::FillDisk(200)]);
    }
    if means.clocks {
        deck.extend([
            Attack::StepClock(Role::Worker, "+20", 3000),
            Attack::StepClock(Role::Worker, "-1h", 3000),
            Attack::StepClock(Role::Receiver, "-20", 3000),
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
            Attack::Kill(role) => {
                let daemon = self.one(role, &mut rng)?;
                let _lane = daemon.lane.lock().await;
                daemon.end("KILL", FaultKind::Killed);
            }
            Attack::FailAt(failpoint, chance) => {
                let daemon = self.one(role_of(failpoint), &mut rng)?;
                let _lane = daemon.lane.lock().await;
                daemon.arm(failpoint, chance);
                daemon.end("KILL", FaultKind::Killed);
                let hit = async {
                    while daemon.is_armed() {
                        sleep(Duration::from_millis(50)).await;
                    }
                };
                // If it is not hit in time, it stays armed and may be hit later.
                let _in_time = tokio::time::timeout(FAILPOINT_WAIT, hit).await;
            }
            Attack::Suspend(role, millis) => {
                let daemon = self.one(role, &mut rng)?;
                let _lane = daemon.lane.lock().await;
                let from = now();
                daemon.signal("STOP");
                sleep(Duration::from_millis(millis)).await;
                daemon.signal("CONT");
                self.note(FaultKind::Suspended, daemon.program.name, from);
            }
            Attack::Terminate(role) => {
                let daemon = self.one(role, &mut rng)?;
                let _lane = daemon.lane.lock().await;
                daemon.end("TERM", FaultKind::Terminated);
            }
            Attack::StepClock(role, step, millis) => {
                let daemon = self.one(role, &mut rng)?;
                let _lane = daemon.lane.lock().await;
                let clock = self.cluster.clock(daemon);
                let from = now();
                clock.set(step)?;
                sleep(Duration::from_millis(millis)).await;
                clock.set("+0")?;
                // The time is looked up once a second.
                sleep(Duration::from_secs(1)).await;
                self.note(FaultKind::ClockStepped(step), daemon.program.name, from);
            }
            Attack::Mail(trouble) => {
                let _lane = self.lanes.mail.lock().await;
                let from = now();
                self.mail.misbehave(trouble).await;
                self.note(trouble.fault(), "mail server", from);
            }
            Attack::FillDisk(millis) => {
                let _lane = self.lanes.disk.lock().await;
                let disk = self.cluster.disk.as_ref().context("no small disk")?;
                let from = now();
                disk.fill()?;
                sleep(Duration::from_millis(millis)).await;
                disk.clear()?;
                self.note(FaultKind::RecordAway("disk full"), "disk", from);
            }
            Attack::KillRedis(_)
            | Attack::FlushRedis
            | Attack::SuspendRedis(_)
            | Attack::StarveRedis(_) => self.attack_redis(attack).await?,
            Attack::KillPostgres(_) | Attack::SuspendPostgres(_) | Attack::Disconnect => {
                self.attack_postgres(attack).await?;
            }
        }
        Ok(())
    }

    async fn attack_redis(&self, attack: Attack) -> anyhow::Result<()> {
        let _lane = self.lanes.redis.lock().await;
        let redis = self.cluster.redis.clone().context("no Redis")?;
        let from = now();
        let how = match attack {
            Attack::KillRedis(millis) => {
                locked(&redis).kill();
                sleep(Duration::from_millis(millis)).await;
                spawn_blocking(move || locked(&redis).start_again()).await?;
                "killed"
            }
            Attack::SuspendRedis(millis) => {
                locked(&redis).process().signal("STOP");
                sleep(Duration::from_millis(millis)).await;
                locked(&redis).process().signal("CONT");
                "stopped for a while"
            }
            Attack::StarveRedis(millis) => {
                let url = locked(&redis).url();
                tell_redis(&url, "CONFIG SET maxmemory 1")?;
                sleep(Duration::from_millis(millis)).await;
                tell_redis(&url, "CONFIG SET maxmemory 0")?;
                "out of memory"
            }
            _ => {
                locked(&redis).flush_all();
                "flushed"
            }
        };
        self.note(FaultKind::TimerAway(how), "redis", from);
        Ok(())
    }

    async fn attack_postgres(&self, attack: Attack) -> anyhow::Result<()> {
        let _lane = self.lanes.postgres.lock().await;
        let postgres = self.cluster.postgres.clone().context("no Postgres")?;
        let from = now();
        let how = match attack {
            Attack::KillPostgres(millis) => {
                let killed = postgres.clone();
                spawn_blocking(move || locked(&killed).kill()).await?;
                sleep(Duration::from_millis(millis)).await;
                spawn_blocking(move || locked(&postgres).start_again()).await?;
                "killed"
            }
            Attack::SuspendPostgres(millis) => {
                let family = locked(&postgres).process().map(family).unwrap_or_default();
                let suspended = Suspended::new(family)?;
                sleep(Duration::from_millis(millis)).await;
                drop(suspended);
                "stopped for a while"
            }
            _ => {
                self.cluster.source.disconnect_others().await?;
                "connections ended"
            }
        };
        self.note(FaultKind::RecordAway(how), "postgres", from);
        Ok(())
    }

    fn one(&self, role: Role, rng: &mut Rng) -> anyhow::Result<&Arc<Daemon>> {
        let daemons: Vec<_> = self.cluster.daemons.iter().filter(|d| d.has(role)).collect();
        rng.choice(daemons).context("no such process")
    }

    fn note(&self, kind: FaultKind, target: &str, from: jiff::Timestamp) {
        let fault = Fault { kind, target: target.to_owned(), from, until: now() };
        self.book.open().faults.push(fault);
    }
}

/// Which processes come by this failpoint.
fn role_of(failpoint: &str) -> Role {
    let receives = failpoint.starts_with("receiver") || failpoint.starts_with("intake");
    if receives { Role::Receiver } else { Role::Worker }
}

/// Sends one command to Redis.
fn tell_redis(url: &str, command: &str) -> anyhow::Result<()> {
    let mut connection = TcpStream::connect(url.trim_start_matches("redis://"))?;
    connection.set_read_timeout(Some(Duration::from_secs(5)))?;
    connection.write_all(format!("{command}\r\n").as_bytes())?;
    let mut answer = [0; 3];
    connection.read_exact(&mut answer)?;
    anyhow::ensure!(&answer == b"+OK", "Redis does not take {command}");
    Ok(())
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
        let _told = Command::new("kill").args(["-s", signal]).args(ids).status();
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
