//! All orders of a big day at once.

use std::time::Duration;

use crate::{
    lab::Lab,
    load::{self, Plan},
    meter::as_f64,
    peers::{ASYNQ, FASTIFY},
    scenario::{Sample, Scenario, ingest::ensure_scheduled},
    target::Target,
};

/// More than any server works on at the same time, fewer than any refuses.
const CONNECTIONS: usize = 512;

/// Whoever takes longer has failed.
const PATIENCE: Duration = Duration::from_mins(2);

const ABOUT: &str = "100,000 orders (40,000 with `--quick`) over 512 connections, each posted as soon as \
    the one before is answered. `refused` counts answers 503, which platforms deliver again; any other \
    answer fails the measurement.";

/// So many orders in the shortest time. The other peers would take too long.
pub(crate) fn scenario(lab: &Lab) -> Scenario<'_> {
    Scenario::new("burst", ABOUT)
        .at_most_rounds(2)
        .takers_of_orders(&[FASTIFY, ASYNQ], move |target| measure(lab, target))
}

fn measure(lab: &Lab, target: &dyn Target) -> anyhow::Result<Sample> {
    let meters = target.meters();
    let load = load::run(&Plan {
        connections: CONNECTIONS,
        warm_up: Duration::ZERO,
        measured: PATIENCE,
        ..Plan::steady(lab, target.addresses(), &meters)
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
