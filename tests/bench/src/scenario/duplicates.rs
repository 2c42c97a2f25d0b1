//! Platforms deliver at least once.

use crate::{
    lab::Lab,
    load::{self, Plan},
    peers::{ASYNQ, FASTIFY},
    scenario::{
        Sample, Scenario,
        ingest::{ensure_scheduled, sample},
    },
    target::Target,
};

/// How often each order comes.
const COPIES: usize = 5;

const ABOUT: &str = "As in `ingest`, but each order is delivered five times at the same moment. \
    Afterwards there must be one invitation for each order.";

/// Every order comes several times.
pub(crate) fn scenario(lab: &Lab) -> Scenario<'_> {
    Scenario::new("duplicates", ABOUT)
        .at_most_rounds(2)
        .takers_of_orders(&[FASTIFY, ASYNQ], move |target| measure(lab, target))
}

fn measure(lab: &Lab, target: &dyn Target) -> anyhow::Result<Sample> {
    let meters = target.meters();
    let steady = Plan::steady(lab, target.addresses(), &meters);
    let load = load::run(&Plan { copies: COPIES, ..steady })?;
    ensure_scheduled(target, load.all_accepted()?.div_ceil(COPIES as u64))?;
    Ok(sample(&load))
}
