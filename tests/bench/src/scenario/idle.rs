//! An installation that has nothing to do.

use std::time::Duration;

use crate::{
    afs::{Afs, Profile},
    lab::{Lab, built},
    meter::as_f64,
    scenario::{Goal, Sample, Scenario},
};

const ABOUT: &str = "Started with an empty record, and then left alone. `ready_ms` is the time from \
    the start of the process until it says that it is ready.";

/// What a daemon costs that nobody asks for anything.
pub(crate) fn scenario(lab: &Lab) -> Scenario<'_> {
    let embedded = Profile::Embedded.contestant();
    let scenario = Scenario::new("idle", ABOUT)
        .goal(Goal::at_most("idle_cpu", "idle, embedded: below 0.5 % of a core", 0.5, |round| {
            round.get(Profile::Embedded.contestant(), "cpu_percent")
        }))
        .goal(Goal::at_most("idle_rss", "idle, embedded: below 40 MiB", 40.0, |round| {
            round.get(Profile::Embedded.contestant(), "rss_mib")
        }));
    let settle = Duration::from_secs(1);
    let watched = if lab.pace.is_quick { Duration::from_secs(5) } else { Duration::from_secs(10) };
    [(embedded, Profile::Embedded), (Profile::Distributed.contestant(), Profile::Distributed)]
        .into_iter()
        .fold(scenario, |scenario, (name, profile)| {
            scenario.contestant(name, move || {
                let afs = Afs::start(profile, &[])?;
                let meter = afs.meter();
                std::thread::sleep(settle);
                let before = meter.cpu();
                std::thread::sleep(watched);
                let used = meter.cpu().saturating_sub(before);
                let program = if profile == Profile::Embedded { "afs" } else { "afs-receiver" };
                let bytes = fs_err::metadata(built(program)?)?.len();
                Ok(Sample::default()
                    .with("ready_ms", afs.ready_after.as_secs_f64() * 1e3)
                    .with("cpu_percent", 100.0 * used.as_secs_f64() / watched.as_secs_f64())
                    .with("rss_mib", meter.rss_mib())
                    .with("binary_mib", as_f64(bytes) / 1024.0 / 1024.0))
            })
        })
}
