//! What is measured, and what it must show.

mod backlog;
mod burst;
mod busy;
mod dispatch;
mod duplicates;
mod idle;
mod ingest;
mod lateness;
mod pages;
mod scale;

use std::{collections::BTreeMap, time::Instant};

use crate::{
    afs::{Afs, Profile},
    lab::{Lab, say},
    peers::PEERS,
    target::Target,
};

/// The scenarios that were asked for.
pub(crate) fn all(lab: &Lab) -> Vec<Scenario<'_>> {
    let mut scenarios = vec![
        ingest::at_full_speed(lab),
        ingest::at_fixed_rate(lab),
        busy::scenario(lab),
        burst::scenario(lab),
        duplicates::scenario(lab),
        pages::scenario(lab),
        dispatch::near(lab),
        dispatch::many(lab),
        dispatch::far(lab),
        lateness::scenario(lab),
        backlog::scenario(lab),
        scale::receivers(lab),
        scale::workers(lab),
        idle::scenario(lab),
    ];
    for scenario in &mut scenarios {
        let name = scenario.name;
        scenario.contestants.retain(|contestant| lab.wants(name, &contestant.name));
    }
    scenarios.retain(|scenario| !scenario.contestants.is_empty());
    scenarios
}

/// Contestants that do the same work, and what their figures must show.
pub(crate) struct Scenario<'a> {
    name: &'static str,
    about: &'static str,
    contestants: Vec<Contestant<'a>>,
    goals: Vec<Goal>,
    /// It takes part in so many rounds.
    pub(crate) rounds: usize,
}

/// What a scenario showed.
pub(crate) struct Outcome {
    pub(crate) name: &'static str,
    /// What was done and how to read the figures; Markdown.
    pub(crate) about: &'static str,
    pub(crate) contestants: Vec<Measured>,
    pub(crate) goals: Vec<Goal>,
}

/// A contestant with what was measured in each round.
pub(crate) struct Measured {
    pub(crate) name: String,
    pub(crate) rounds: Vec<Option<Sample>>,
}

/// What takes one measurement.
type Measure<'a> = Box<dyn FnMut() -> anyhow::Result<Sample> + 'a>;

struct Contestant<'a> {
    name: String,
    measure: Measure<'a>,
    rounds: Vec<Option<Sample>>,
}

impl<'a> Scenario<'a> {
    /// A scenario without contestants. `about` says what is done and how to read the figures.
    pub(crate) fn new(name: &'static str, about: &'static str) -> Self {
        Self { name, about, contestants: Vec::new(), goals: Vec::new(), rounds: usize::MAX }
    }

    /// For scenarios that take long, or have no goal: a few rounds must do.
    pub(crate) fn at_most_rounds(mut self, rounds: usize) -> Self {
        self.rounds = rounds;
        self
    }

    /// Adds a contestant. `measure` sets everything up, measures once and takes everything down.
    pub(crate) fn contestant(
        mut self,
        name: impl Into<String>,
        measure: impl FnMut() -> anyhow::Result<Sample> + 'a,
    ) -> Self {
        let (name, measure) = (name.into(), Box::new(measure));
        self.contestants.push(Contestant { name, measure, rounds: Vec::new() });
        self
    }

    /// Adds AFS, run in either way, and these peers: each is started for each measurement.
    pub(crate) fn takers_of_orders(
        self,
        peers: &[&str],
        measure: impl Fn(&dyn Target) -> anyhow::Result<Sample> + Copy + 'a,
    ) -> Self {
        let profiles = [Profile::Embedded, Profile::Distributed].into_iter();
        let scenario = profiles.fold(self, |scenario, profile| {
            scenario.contestant(profile.contestant(), move || measure(&Afs::start(profile, &[])?))
        });
        PEERS.iter().filter(|peer| peers.contains(&peer.name)).fold(scenario, |scenario, peer| {
            scenario.contestant(peer.name, move || measure(&peer.start()?))
        })
    }

    /// Adds a goal.
    pub(crate) fn goal(mut self, goal: Goal) -> Self {
        self.goals.push(goal);
        self
    }

    /// Measures each contestant once. One that fails is reported and leaves the scenario's later
    /// rounds to the others.
    pub(crate) fn run(&mut self, lab: &Lab, round: usize, rounds: usize) {
        let count = self.contestants.len();
        // Nobody is always the first.
        for turn in (0..count).map(|turn| (turn + round) % count) {
            let contestant = &mut self.contestants[turn];
            if contestant.rounds.last().is_some_and(Option::is_none) {
                continue;
            }
            let started = Instant::now();
            let title = format!("{}/{}", self.name, contestant.name);
            let sample = match (contestant.measure)() {
                Ok(sample) => Some(sample),
                Err(error) => {
                    let error = format!("{error:#}");
                    lab.skip(format!("{title}: {}", error.lines().next().unwrap_or_default()));
                    None
                }
            };
            if let Some(sample) = &sample {
                let took = started.elapsed().as_secs_f64();
                say(format!("{}/{rounds} {title}: {sample} ({took:.1} s)", round + 1));
            }
            contestant.rounds.push(sample);
        }
    }

    /// What was measured.
    pub(crate) fn into_outcome(self) -> Outcome {
        let measured = |contestant: Contestant<'_>| Measured {
            name: contestant.name,
            rounds: contestant.rounds,
        };
        Outcome {
            name: self.name,
            about: self.about,
            contestants: self.contestants.into_iter().map(measured).collect(),
            goals: self.goals,
        }
    }
}

/// The figures of one measurement, in the order in which they are shown. A name ends in its unit:
/// `accepted_per_s`, `p99_ms`, `server_cpu_us`, `rss_mib`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample(Vec<(&'static str, f64)>);

impl Sample {
    /// Adds a figure.
    pub(crate) fn with(mut self, figure: &'static str, value: f64) -> Self {
        self.0.push((figure, value));
        self
    }

    /// A figure by its name.
    pub(crate) fn get(&self, figure: &str) -> Option<f64> {
        self.0.iter().find(|(name, _)| *name == figure).map(|(_, value)| *value)
    }

    /// The names of the figures.
    pub(crate) fn figures(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(name, _)| *name)
    }
}

impl std::fmt::Display for Sample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let figures = self.0.iter().map(|(name, value)| format!("{name} {value:.2}"));
        f.write_str(&figures.collect::<Vec<_>>().join(", "))
    }
}

/// A claim: a ratio, the larger the better, and what it must reach.
pub(crate) struct Goal {
    /// The key in `goals` of the JSON.
    pub(crate) key: &'static str,
    /// In words, for the report.
    pub(crate) claim: &'static str,
    /// What the ratio must reach.
    pub(crate) must_reach: f64,
    /// Where the time goes, by profiling, for a goal that was missed when this was written.
    pub(crate) profile: Option<&'static str>,
    pub(crate) ratio: Ratio,
}

/// The ratio within one round; `None` if something it needs was not measured.
type Ratio = Box<dyn Fn(&Round<'_>) -> Option<f64>>;

impl Goal {
    /// A goal for the median of a ratio within rounds.
    pub(crate) fn new(
        key: &'static str,
        claim: &'static str,
        must_reach: f64,
        ratio: impl Fn(&Round<'_>) -> Option<f64> + 'static,
    ) -> Self {
        Self { key, claim, must_reach, profile: None, ratio: Box::new(ratio) }
    }

    /// A goal for a figure that must stay below `bound`: the ratio is bound by measured.
    pub(crate) fn at_most(
        key: &'static str,
        claim: &'static str,
        bound: f64,
        measured: impl Fn(&Round<'_>) -> Option<f64> + 'static,
    ) -> Self {
        Self::new(key, claim, 1.0, move |round| Some(bound / measured(round)?))
    }

    /// Says where the time goes, for those who wonder why it is missed.
    pub(crate) fn profiled(mut self, profile: &'static str) -> Self {
        self.profile = Some(profile);
        self
    }
}

/// What the contestants of a scenario showed in one round.
pub(crate) struct Round<'a>(pub(crate) BTreeMap<&'a str, &'a Sample>);

impl Round<'_> {
    /// One figure of one contestant.
    pub(crate) fn get(&self, contestant: &str, figure: &str) -> Option<f64> {
        self.0.get(contestant)?.get(figure)
    }

    /// The largest of a figure among those contestants that were measured.
    pub(crate) fn largest(&self, contestants: &[&str], figure: &str) -> Option<f64> {
        self.figures(contestants, figure).reduce(f64::max)
    }

    /// The smallest.
    pub(crate) fn smallest(&self, contestants: &[&str], figure: &str) -> Option<f64> {
        self.figures(contestants, figure).reduce(f64::min)
    }

    fn figures(&self, contestants: &[&str], figure: &str) -> impl Iterator<Item = f64> {
        contestants.iter().filter_map(move |contestant| self.get(contestant, figure))
    }
}
