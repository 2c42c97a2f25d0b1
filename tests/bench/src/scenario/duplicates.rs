//! Platforms deliver at least once.

use crate::{
    afs::{Afs, Profile},
    lab::Lab,
    load::{self, Plan},
    peers::{ASYNQ, FASTIFY, PEERS},
    scenario::{
        Sample, Scenario,
        ingest::{CONNECTIONS, ensure_scheduled, sample},
    },
    target::Target,
};

/// How often each order comes.
const COPIES: usize = 5;

const PEERS_MEASURED: [&str; 2] = [FASTIFY, ASYNQ];

const ABOUT: &str = "As in `ingest`, but each order is delivered five times at the same moment. \
    Afterwards there must be one invitation for each order.";

/// Every order comes several times.
pub(crate) fn scenario(lab: &Lab) -> Scenario<'_> {
    let profiles = [Profile::Embedded, Profile::Distributed];
    let scenario = Scenario::new("duplicates", ABOUT);
    let scenario = profiles.into_iter().fold(scenario, |scenario, profile| {
        scenario.contestant(profile.contestant(), move || measure(lab, &Afs::start(profile, &[])?))
    });
    PEERS
        .iter()
        .filter(|peer| PEERS_MEASURED.contains(&peer.name))
        .fold(scenario, |scenario, peer| {
            scenario.contestant(peer.name, move || measure(lab, &peer.start()?))
        })
}

fn measure(lab: &Lab, target: &dyn Target) -> anyhow::Result<Sample> {
    let meters = target.meters();
    let load = load::run(&Plan {
        address: target.address(),
        requests: lab.requests(),
        copies: COPIES,
        repeat: false,
        connections: CONNECTIONS,
        rate: None,
        warm_up: lab.pace.warm_up,
        measured: lab.pace.measured,
        meters: &meters,
    })?;
    ensure_scheduled(target, load.all_accepted()?.div_ceil(COPIES as u64))?;
    Ok(sample(&load))
}
