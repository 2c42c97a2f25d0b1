//! What an invitation costs that waits, and whether many of them slow anything down.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use jiff::SignedDuration;
use store::{Store, StoreSettings, sending::Claim};
use tests::shop::now;
use tokio::runtime::Builder;

use crate::{
    afs::{Afs, Profile},
    lab::Lab,
    load::{self, Plan},
    meter::as_f64,
    peers::{ARQ, FASTIFY, PEERS, SIDEKIQ},
    record::Record,
    scenario::{
        Goal, Round, Sample, Scenario,
        dispatch::{fill as post_orders, mailing_to},
        ingest::ensure_scheduled,
    },
    target::Target as _,
};

/// Those that come as webhooks; the others are made in their shape.
const MODELS: usize = 1_000;

/// Accepts and claims that are timed, one after the other.
const TIMED: usize = 300;

const SIZES: [(&str, usize); 3] =
    [("10,000 waiting", 10_000), ("100,000 waiting", 100_000), ("1,000,000 waiting", 1_000_000)];

/// Job queues, each by the peer that schedules its jobs.
const JOB_QUEUES: [(&str, &str); 3] = [("BullMQ", FASTIFY), ("arq", ARQ), ("Sidekiq", SIDEKIQ)];

const ABOUT: &str = "So many invitations wait, for a week. 1,000 of them came as webhooks; the rest is put \
    into the record by SQL in the same shape, each with an order, a delivery and a decision of its \
    own. `record_bytes` and `redis_bytes` are per waiting invitation: Redis holds only what is due \
    within the hour; of the peers' job queues it is all they have. `accept_ms` is the median time of a webhook, `claim_ms` that of a claim, one at \
    a time, each with its own commit.";

/// Records of several sizes.
pub(crate) fn scenario(lab: &Lab) -> Scenario<'_> {
    let sizes = if lab.pace.is_quick { &SIZES[..2] } else { &SIZES[..] };
    let largest = sizes.last().map_or("", |(name, _)| *name);
    let growth = |contestant: String, smallest: String, figure: &'static str| {
        move |round: &Round<'_>| {
            Some(round.get(&contestant, figure)? / round.get(&smallest, figure)?)
        }
    };
    let profiles = [(Profile::Embedded, "SQLite"), (Profile::Distributed, "Postgres + Redis")];
    let scenario =
        profiles.into_iter().fold(Scenario::new("backlog", ABOUT), |scenario, (profile, name)| {
            sizes.iter().fold(scenario, |scenario, (size, count)| {
                scenario
                    .contestant(format!("{name}, {size}"), move || measure(lab, profile, *count))
            })
        });
    let scenario = JOB_QUEUES.iter().fold(scenario, |scenario, (name, peer)| {
        scenario.contestant(format!("{name}, 10,000 waiting"), move || delayed_jobs(lab, peer))
    });
    let of = |store: &str, size: &str| format!("{store}, {size}");
    scenario
        .goal(Goal::at_most(
            "backlog_accept",
            "backlog, SQLite: an accept takes at most twice as long on the largest as on 10,000",
            2.0,
            growth(of("SQLite", largest), of("SQLite", SIZES[0].0), "accept_ms"),
        ))
        .goal(Goal::at_most(
            "backlog_claim",
            "backlog, SQLite: a claim takes at most twice as long on the largest as on 10,000",
            2.0,
            growth(of("SQLite", largest), of("SQLite", SIZES[0].0), "claim_ms"),
        ))
        .goal(Goal::at_most(
            "backlog_redis",
            "backlog: Redis holds less than 5 MB, however many wait",
            5.0,
            {
                let contestant = of("Postgres + Redis", largest);
                move |round| round.get(&contestant, "redis_mb")
            },
        ))
        .at_most_rounds(1)
}

/// What the orders cost that a peer keeps as delayed jobs.
fn delayed_jobs(lab: &Lab, peer: &str) -> anyhow::Result<Sample> {
    let peer = PEERS.iter().find(|known| known.name == peer).context("no such peer")?.start()?;
    let empty = peer.redis.used_memory()?;
    let requests = &lab.requests()[..SIZES[0].1];
    let patience = Duration::from_mins(2);
    let load = load::run(&Plan {
        requests,
        warm_up: Duration::ZERO,
        measured: patience,
        ..Plan::steady(lab, peer.addresses(), &[])
    })?;
    ensure_scheduled(&peer, load.all_accepted()?)?;
    let bytes = peer.redis.used_memory()?.saturating_sub(empty);
    Ok(Sample::default().with("redis_bytes", as_f64(bytes) / as_f64(requests.len() as u64)))
}

fn measure(lab: &Lab, profile: Profile, count: usize) -> anyhow::Result<Sample> {
    // Nobody listens at that port, and nothing is sent.
    let afs = Afs::start(profile, &mailing_to(9))?;
    let mut record = Record::of(&afs)?;
    fill(&afs, &mut record, count)?;
    let bytes = record.bytes()?;
    let redis = afs.redis.as_ref().map(crate::stores::Redis::used_memory).transpose()?.unwrap_or(0);
    let per_invitation = |bytes: u64| as_f64(bytes) / as_f64(count as u64);
    let accept = accept_ms(lab, &afs, count)?;
    let claim = claim_ms(&afs, &mut record)?;
    Ok(Sample::default()
        .with("record_bytes", per_invitation(bytes.unsigned_abs()))
        .with("redis_bytes", per_invitation(redis))
        .with("redis_mb", as_f64(redis) / 1e6)
        .with("accept_ms", accept)
        .with("claim_ms", claim))
}

fn accept_ms(lab: &Lab, afs: &Afs, count: usize) -> anyhow::Result<f64> {
    let orders = bench::orders::Orders::fulfilled_at(now());
    let requests: Vec<_> =
        (0..TIMED).map(|number| orders.request(20_000_000 + count + number)).collect();
    let load = load::run(&Plan {
        requests: &requests,
        connections: 1,
        warm_up: Duration::ZERO,
        measured: Duration::from_mins(1),
        ..Plan::steady(lab, &afs.addresses, &[])
    })?;
    load.all_accepted()?;
    Ok(load.quantile_ms(0.5))
}

/// The median time of a claim, through the same code as the worker's, from a process beside it.
fn claim_ms(afs: &Afs, record: &mut Record) -> anyhow::Result<f64> {
    let url = match &afs.postgres {
        Some(_) => afs.database_url.clone(),
        None => format!("sqlite:{}", afs.dir().join("afs.db").display()),
    };
    let settings =
        StoreSettings { url, max_connections: 4, address_key: vec![7; 32], migrate: false };
    let ids = record.waiting_ids(TIMED)?;
    Builder::new_multi_thread().worker_threads(1).enable_all().build()?.block_on(async {
        let store = Store::open(settings).await?;
        let lease = SignedDuration::from_mins(20);
        // As if it were the day on which they are due.
        let day = now() + SignedDuration::from_hours(24 * 30);
        let mut times = Vec::new();
        for id in ids {
            let started = Instant::now();
            let claimed = store.claim(Claim { id: id.parse()?, now: day, lease }).await?;
            times.push(started.elapsed());
            ensure!(claimed.is_some(), "an invitation that waits was not claimed");
        }
        store.close().await;
        times.sort_unstable();
        Ok(times[times.len() / 2].as_secs_f64() * 1e3)
    })
}

/// Brings the record to `count` invitations that wait for a week.
pub(super) fn fill(afs: &Afs, record: &mut Record, count: usize) -> anyhow::Result<()> {
    let models = MODELS.min(count);
    post_orders(afs, 0..models, now() + SignedDuration::from_hours(7 * 24 - 1))?;
    record.multiply(count / models - 1)
}
