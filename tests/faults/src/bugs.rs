//! Proves that the checks would notice: with each known bug switched on they must, without it they
//! must not.

use std::{
    collections::BTreeSet,
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use fastrand::Rng;
use tokio::process::Command;

use crate::{
    checker::Column,
    cluster::Profile,
    generator::{Habits, Plan},
    nemesis::{Attack, Planned, RedisTrouble},
    report::{say, say_defects},
    run::Run,
    smtp::{DOT_REFUSED, GO_AHEAD, LATE_ENVELOPE, REPLY_LOST},
};

/// How long a run may take to come to rest: the lease of a worker that was killed, the reconciler's
/// patience with what is overdue, and some more.
const PATIENCE: Duration = Duration::from_secs(40);

/// How long the tests of the domain may take, building them included.
const TESTS_LIMIT: Duration = Duration::from_mins(10);

/// A bug that the product has when it is asked to.
pub(crate) struct Bug {
    name: &'static str,
    detector: Detector,
}

/// What notices a bug.
enum Detector {
    /// A run, by this column.
    Run(fn() -> Scenario, Column),
    /// The tests of the domain with this word in their names.
    DomainTests(&'static str),
}

/// A small run made for one bug.
struct Scenario {
    profile: Profile,
    orders: u32,
    seconds: u64,
    habits: Habits,
    attacks: Vec<(u64, Attack)>,
}

impl Scenario {
    fn new(profile: Profile, orders: u32, seconds: u64) -> Self {
        Self { profile, orders, seconds, habits: Habits::default(), attacks: vec![] }
    }

    /// With an attack so many milliseconds after the start.
    fn with(mut self, at: u64, attack: Attack) -> Self {
        self.attacks.push((at, attack));
        self
    }

    fn run(&self, bug: Option<&'static str>) -> Run {
        let span = Duration::from_secs(self.seconds);
        let plan = Plan::draw(&mut Rng::with_seed(1), self.orders, span, self.habits);
        let planned = |&(at, attack)| Planned { at: Duration::from_millis(at), attack };
        Run {
            profile: self.profile,
            seed: 1,
            plan: Arc::new(plan),
            attacks: self.attacks.iter().map(planned).collect(),
            bug,
            patience: PATIENCE,
        }
    }
}

/// Every known bug, with what must notice it.
pub(crate) const BUGS: [Bug; 10] = [
    // Answers 200 and stores the event afterwards: a crash in between loses it.
    Bug {
        name: "answer_before_commit",
        detector: Detector::Run(
            || {
                let kill = Attack::FailAt("intake_before_commit", 0.2);
                Scenario::new(Profile::Embedded, 300, 8).with(1000, kill).with(4000, kill)
            },
            Column::Lost,
        ),
    },
    // Records a mail as sent before it is: what fails afterwards is never sent.
    Bug {
        name: "checkpoint_before_send",
        detector: Detector::Run(
            || {
                let refuse = Attack::Mail(DOT_REFUSED);
                Scenario::new(Profile::Embedded, 200, 8).with(2000, refuse).with(5000, refuse)
            },
            Column::Lost,
        ),
    },
    // Lets a zombie record its outcome over that of the worker who took over.
    Bug {
        name: "no_fence",
        detector: Detector::Run(
            || {
                let zombie = Attack::Zombie("smtp_after_250", 0.3);
                Scenario::new(Profile::Distributed, 300, 8).with(1000, zombie)
            },
            Column::Unrecorded,
        ),
    },
    // Goes on with a connection after a reply did not come in time, and takes it for the next one.
    Bug {
        name: "connection_reused_after_timeout",
        detector: Detector::Run(
            || {
                let late = Attack::Mail(LATE_ENVELOPE);
                Scenario::new(Profile::Embedded, 300, 10).with(2000, late).with(6000, late)
            },
            Column::WronglyInvited,
        ),
    },
    // Wakes nobody but by Redis: what Redis forgets is never sent.
    Bug {
        name: "redis_is_the_truth",
        detector: Detector::Run(
            || {
                Scenario::new(Profile::Distributed, 300, 10)
                    .with(4000, Attack::Redis(RedisTrouble::Flushed, 0))
                    .with(7000, Attack::Redis(RedisTrouble::Lost, 500))
            },
            Column::Stuck,
        ),
    },
    // Takes "go ahead" after the text for "taken".
    Bug {
        name: "any_3xx_is_success",
        detector: Detector::Run(
            || Scenario::new(Profile::Embedded, 200, 8).with(3000, Attack::Mail(GO_AHEAD)),
            Column::FalselySent,
        ),
    },
    // Forgets a cancel that comes before its order.
    Bug {
        name: "no_tombstone",
        detector: Detector::Run(
            || Scenario::new(Profile::Embedded, 300, 8),
            Column::WronglyInvited,
        ),
    },
    // Looks who said stop, and claims a moment later. Buyers who got a mail that its worker does not
    // know of say stop when it is about to be mailed again.
    Bug {
        name: "suppression_checked_before_claim",
        detector: Detector::Run(
            || {
                let lose = Attack::Mail(REPLY_LOST);
                let mut scenario = Scenario::new(Profile::Embedded, 300, 10);
                scenario.habits = Habits { unsubscribing: 100, hesitation: (500, 2500) };
                scenario.with(1500, lose).with(4500, lose).with(7500, lose)
            },
            Column::AfterUnsubscribe,
        ),
    },
    // Takes a link that is looked at for a review that is submitted.
    Bug {
        name: "get_submits",
        detector: Detector::Run(
            || Scenario::new(Profile::Embedded, 200, 6),
            Column::ReviewInvented,
        ),
    },
    // Takes every day for 24 hours long.
    Bug { name: "clock_changes_ignored", detector: Detector::DomainTests("schedule") },
];

/// The bug of this name.
pub(crate) fn find(name: &str) -> anyhow::Result<&'static Bug> {
    let Some(bug) = BUGS.iter().find(|bug| bug.name == name) else {
        let names: Vec<&str> = BUGS.iter().map(|bug| bug.name).collect();
        bail!("there is no known bug {name}; there are {}", names.join(", "));
    };
    Ok(bug)
}

/// Looks for each bug with it and without it, and prints what was found; `true` if each was found
/// where it is and nowhere else.
pub(crate) async fn prove(bugs: &[&'static Bug]) -> anyhow::Result<bool> {
    let mut rows = Vec::new();
    for bug in bugs {
        let began = Instant::now();
        let with = bug.look(true).await.with_context(|| bug.name)?;
        let took = began.elapsed();
        let without = bug.look(false).await.with_context(|| bug.name)?;
        let caught = with.contains(bug.detector.expected());
        rows.push((bug.name, caught, with, took, without));
    }
    say(format_args!(
        "{:<34}{:<8}{:>8}  {:<18}noticed by",
        "bug", "caught", "seconds", "without it"
    ));
    for (name, caught, with, took, without) in &rows {
        let caught = if *caught { "yes" } else { "NO" };
        let without = if without.is_empty() { "clean".to_owned() } else { list(without) };
        let seconds = took.as_secs();
        say(format_args!("{name:<34}{caught:<8}{seconds:>8}  {without:<18}{}", list(with)));
    }
    let proved = rows.iter().filter(|(_, caught, _, _, without)| *caught && without.is_empty());
    let proved = proved.count();
    say(format_args!("{proved} of {} bugs are noticed, and nothing without them", rows.len()));
    Ok(proved == rows.len())
}

fn list(found: &BTreeSet<String>) -> String {
    found.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

impl Detector {
    /// What must be found.
    fn expected(&self) -> &str {
        match self {
            Self::Run(_, column) => column.name(),
            Self::DomainTests(word) => word,
        }
    }
}

impl Bug {
    /// What is found with the bug switched on or off.
    async fn look(&self, switched_on: bool) -> anyhow::Result<BTreeSet<String>> {
        let bug = switched_on.then_some(self.name);
        match &self.detector {
            Detector::Run(scenario, _) => {
                let run = scenario().run(bug);
                let outcome = run.go().await?;
                if !switched_on {
                    say_defects(&run, &outcome);
                }
                let columns = outcome.findings.columns();
                Ok(columns.into_iter().map(|column| column.name().to_owned()).collect())
            }
            Detector::DomainTests(word) => {
                let failed = !domain_tests_pass(word, bug).await?;
                Ok(failed.then(|| (*word).to_owned()).into_iter().collect())
            }
        }
    }
}

/// Runs the tests of the domain with this word in their names, with the feature that bugs need.
async fn domain_tests_pass(word: &str, bug: Option<&str>) -> anyhow::Result<bool> {
    let test = async |arguments: &[&str]| {
        let mut command = Command::new("cargo");
        command
            .args(["test", "--quiet", "--package", "domain", "--features", "failpoint/armed"])
            .args(arguments)
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
            .env("AFS_BUG", bug.unwrap_or_default())
            // What fails because of a known bug is no case to keep.
            .env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "true")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let status = tokio::time::timeout(TESTS_LIMIT, command.status()).await??;
        anyhow::Ok(status.success())
    };
    anyhow::ensure!(test(&["--no-run"]).await?, "the tests of the domain do not compile");
    test(&[word]).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bug_has_a_name_of_its_own() {
        let names: BTreeSet<&str> = BUGS.iter().map(|bug| bug.name).collect();
        assert_eq!(names.len(), BUGS.len());
    }
}
