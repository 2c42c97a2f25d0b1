//! Orders as fast as they are taken, and at a fixed rate.

use crate::{
    afs::Profile,
    lab::Lab,
    load::{self, Load, Plan},
    peers::{ASYNQ, ON_NODE, PEERS},
    scenario::{Goal, Round, Sample, Scenario},
    target::{Limit, Target},
};

/// Far below what any peer takes on one processor, so that nobody queues.
const FIXED_RATE: f64 = 1000.0;

const EMBEDDED: &str = Profile::Embedded.contestant();
const DISTRIBUTED: &str = Profile::Distributed.contestant();

const ABOUT: &str = "Distinct signed orders of 5 to 8 KB, posted over 64 keep-alive connections, each \
    as soon as the one before is answered. Whoever takes an order proves its signature, parses it, \
    finds out whether it came before, stores it and schedules an invitation for a week later; \
    afterwards what it has scheduled is compared with what it has accepted. AFS commits a record to \
    SQLite (`synchronous=FULL`) or to Postgres (`fsync` on); the peers' only copy is the job in Redis \
    (append-only file, flushed every second). The limits store nothing and have one thread. \
    `server_cpu_us` and `stores_cpu_us` are processor time per order.";

const PROFILE: &str = "By `perf`, an order costs: HTTP 24 %, SQLite 24 % (an order, an event with its decision and \
    an invitation make six insertions into B-trees, about 30 µs), parsing 20 %, building the rows and \
    grouping 16 %, verifying 5 %; the rest is threads that hand over. 15 % of all is memory management, \
    spread over these. The peers store one job. Link-time optimisation over the whole program changes \
    nothing that can be told from noise.";

const PROFILE_DISTRIBUTED: &str = "Both processors are busy, and half of the time is Postgres's (`stores_cpu_us`): three \
    rows with their indexes and a flushed commit for what the peers write to Redis as one job.";

const PROFILE_AT_RATE: &str = "At this rate nobody is busy. An answer of AFS waits for three statements and a flush of \
    the disk, one of the peers for Redis, which flushes once a second.";

const ABOUT_AT_RATE: &str = "The same at 1,000 orders per second, whoever is asked. Latencies count from \
    when an order was due, so whoever stalls pays for all that waited.";

/// As fast as orders are taken.
pub(crate) fn at_full_speed(lab: &Lab) -> Scenario<'_> {
    let speed = |contestant: &'static str, others: &'static [&'static str]| {
        move |round: &Round<'_>| {
            let best = round.largest(others, "accepted_per_s")?;
            Some(round.get(contestant, "accepted_per_s")? / best)
        }
    };
    with_contestants(Scenario::new("ingest", ABOUT), lab, None)
        .goal(
            Goal::new(
                "ingest_embedded_node",
                "ingest, SQLite: 3.5 times the best peer on Node",
                3.5,
                speed(EMBEDDED, &ON_NODE),
            )
            .profiled(PROFILE),
        )
        .goal(
            Goal::new(
                "ingest_embedded_go",
                "ingest, SQLite: 2.5 times Go + asynq",
                2.5,
                speed(EMBEDDED, &[ASYNQ]),
            )
            .profiled(PROFILE),
        )
        .goal(
            Goal::at_most(
                "ingest_embedded_cpu",
                "ingest, SQLite: at most 1.7 times the processor time of HTTP, verify, parse",
                1.7,
                |round| {
                    let limit = round.get(Limit::Verify.contestant(), "server_cpu_us")?;
                    Some(round.get(EMBEDDED, "server_cpu_us")? / limit)
                },
            )
            .profiled(PROFILE),
        )
        .goal(
            Goal::new(
                "ingest_distributed_node",
                "ingest, Postgres + Redis: 2 times the best peer on Node",
                2.0,
                speed(DISTRIBUTED, &ON_NODE),
            )
            .profiled(PROFILE_DISTRIBUTED),
        )
        .goal(
            Goal::new(
                "ingest_distributed_go",
                "ingest, Postgres + Redis: 1.4 times Go + asynq",
                1.4,
                speed(DISTRIBUTED, &[ASYNQ]),
            )
            .profiled(PROFILE_DISTRIBUTED),
        )
}

/// At a rate that all can bear.
pub(crate) fn at_fixed_rate(lab: &Lab) -> Scenario<'_> {
    const NODE_AND_GO: [&str; 4] = [ON_NODE[0], ON_NODE[1], ON_NODE[2], ASYNQ];
    with_contestants(Scenario::new("ingest-at-rate", ABOUT_AT_RATE), lab, Some(FIXED_RATE)).goal(
        Goal::new(
            "ingest_distributed_p99",
            "ingest at a fixed rate, Postgres + Redis: p99 under half of that of the best peer",
            2.0,
            |round| {
                let best = round.smallest(&NODE_AND_GO, "p99_ms")?;
                Some(best / round.get(DISTRIBUTED, "p99_ms")?)
            },
        )
        .profiled(PROFILE_AT_RATE),
    )
}

fn with_contestants<'a>(scenario: Scenario<'a>, lab: &'a Lab, rate: Option<f64>) -> Scenario<'a> {
    let scenario = [Limit::Bare, Limit::Verify].into_iter().fold(scenario, |scenario, limit| {
        scenario.contestant(limit.contestant(), move || measure(lab, &limit.start()?, rate))
    });
    scenario.takers_of_orders(&PEERS.each_ref().map(|peer| peer.name), move |target| {
        measure(lab, target, rate)
    })
}

pub(super) fn measure(lab: &Lab, target: &dyn Target, rate: Option<f64>) -> anyhow::Result<Sample> {
    let stores_nothing = target.scheduled()?.is_none();
    let meters = target.meters();
    let steady = Plan::steady(lab, target.addresses(), &meters);
    let load = load::run(&Plan { repeat: stores_nothing, rate, ..steady })?;
    ensure_scheduled(target, load.all_accepted()?)?;
    Ok(sample(&load).with("rss_mib", meters[0].rss_mib()))
}

/// An error if a server that stores orders has scheduled another number of invitations than this.
pub(crate) fn ensure_scheduled(target: &dyn Target, expected: u64) -> anyhow::Result<()> {
    let scheduled = target.scheduled()?.unwrap_or(expected);
    anyhow::ensure!(scheduled == expected, "{expected} accepted, {scheduled} scheduled");
    Ok(())
}

/// The figures that all scenarios with orders have.
pub(crate) fn sample(load: &Load) -> Sample {
    Sample::default()
        .with("accepted_per_s", load.per_second())
        .with("p50_ms", load.quantile_ms(0.5))
        .with("p99_ms", load.quantile_ms(0.99))
        .with("p999_ms", load.quantile_ms(0.999))
        .with("server_cpu_us", load.cpu_micros(0))
        .with("stores_cpu_us", load.cpu_micros(1))
}
