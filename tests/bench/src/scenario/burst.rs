//! All orders of a big day at once.

use std::time::Duration;

use crate::{
    afs::{Afs, Profile},
    lab::Lab,
    load::{self, Plan},
    meter::as_f64,
    peers::{ASYNQ, FASTIFY, PEERS},
    scenario::{Sample, Scenario, ingest::ensure_scheduled},
    target::Target,
};

/// More than any server works on at the same time, fewer than any refuses.
const CONNECTIONS: usize = 512;

/// Whoever takes longer has failed.
const PATIENCE: Duration = Duration::from_mins(2);

/// The peers that are fast enough for it.
const FAST_PEERS: [&str; 2] = [FASTIFY, ASYNQ];

const ABOUT: &str = "100,000 orders (40,000 with `--quick`) over 512 connections, each posted as soon as \
    the one before is answered. `refused` counts answers 503, which platforms deliver again; any other \
    answer fails the measurement.";

/// So many orders in the shortest time.
pub(crate) fn scenario(lab: &Lab) -> Scenario<'_> {
    let profiles = [Profile::Embedded, Profile::Distributed];
    let scenario = profiles.into_iter().fold(Scenario::new("burst", ABOUT), |scenario, profile| {
        scenario.contestant(profile.contestant(), move || measure(lab, &Afs::start(profile, &[])?))
    });
    PEERS.iter().filter(|peer| FAST_PEERS.contains(&peer.name)).fold(scenario, |scenario, peer| {
        scenario.contestant(peer.name, move || measure(lab, &peer.start()?))
    })
}

fn measure(lab: &Lab, target: &dyn Target) -> anyhow::Result<Sample> {
    let meters = target.meters();
    let load = load::run(&Plan {
        address: target.address(),
        requests: lab.requests(),
        copies: 1,
        repeat: false,
        connections: CONNECTIONS,
        rate: None,
        warm_up: Duration::ZERO,
        measured: PATIENCE,
        meters: &meters,
    })?;
    load.ensure_only(&[200, 503])?;
    ensure_scheduled(target, load.count(200))?;
    Ok(Sample::default()
        .with("took_s", load.total.as_secs_f64())
        .with("accepted_per_s", as_f64(load.count(200)) / load.total.as_secs_f64())
        .with("refused", as_f64(load.count(503)))
        .with("p99_ms", load.quantile_ms(0.99))
        .with("rss_mib", meters[0].rss_mib()))
}
