//! `cargo run -p simulation --release -- --seeds 100000`
#![expect(clippy::print_stdout, reason = "a program for developers")]

use std::{collections::BTreeMap, process::ExitCode, time::Instant};

use clap::Parser;
use simulation::{Bug, Failure, Invariant, Tally, run};

/// Runs the decisions of the product under simulated time, faults and interleavings
#[derive(Parser)]
struct Arguments {
    /// How many seeds to run
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// A known bug to switch on, to see it caught; `all` for one after the other
    #[arg(long, value_parser = bugs)]
    bug: Option<Bugs>,
}

#[derive(Clone)]
struct Bugs(Vec<Bug>);

fn bugs(name: &str) -> Result<Bugs, String> {
    if name == "all" {
        return Ok(Bugs(Bug::ALL.to_vec()));
    }
    let unknown = || format!("known bugs: all, {}", Bug::ALL.map(Bug::as_str).join(", "));
    Bug::parse(name).map(|bug| Bugs(vec![bug])).ok_or_else(unknown)
}

/// What became of a range of seeds.
#[derive(Default)]
struct Runs {
    tally: Tally,
    broken: BTreeMap<Invariant, u64>,
    first: Option<Box<Failure>>,
}

impl Runs {
    fn of(seeds: std::ops::Range<u64>, bug: Option<Bug>) -> Self {
        let mut runs = Self::default();
        for seed in seeds {
            match run(seed, bug) {
                Ok(tally) => runs.tally.add(&tally),
                Err(failure) => {
                    *runs.broken.entry(failure.invariant).or_default() += 1;
                    runs.first.get_or_insert(failure);
                }
            }
        }
        runs
    }
}

fn main() -> ExitCode {
    let Arguments { seeds, from, bug } = Arguments::parse();
    let range = from..from.saturating_add(seeds);
    let kept = match bug {
        None => keeps_its_promises(range),
        Some(Bugs(bugs)) => {
            // All are tried, also behind one that is not caught.
            let caught = bugs.into_iter().map(|bug| is_caught(range.clone(), bug));
            caught.collect::<Vec<_>>().into_iter().all(|caught| caught)
        }
    };
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn keeps_its_promises(range: std::ops::Range<u64>) -> bool {
    let seeds = range.end - range.start;
    let started = Instant::now();
    let Runs { tally, broken, first } = Runs::of(range, None);
    let seconds = started.elapsed().as_secs_f64().max(0.001);
    println!("{seeds} seeds in {seconds:.1} s, {:.0} a second", seeds as f64 / seconds);
    for (count, what) in [
        (tally.steps, "steps"),
        (tally.claims, "claims"),
        (tally.mails, "mails taken by the mail server"),
        (tally.lost_replies, "replies of the mail server lost"),
        (tally.reviews, "reviews"),
    ] {
        println!("{count:>12} {what}");
    }
    println!("\nfaults at a time");
    table(&tally.strikes);
    println!("\nprocesses killed when about to");
    table(&tally.kills);
    println!("\npromises broken: {}", if broken.is_empty() { "none" } else { "" });
    for (promise, count) in &broken {
        println!("{count:>12} {promise}");
    }
    let kept = first.is_none();
    if let Some(failure) = first {
        println!("\n{failure}");
    }
    kept
}

fn table(counts: &BTreeMap<&str, u64>) {
    for (what, count) in counts {
        println!("{count:>12} {what}");
    }
}

fn is_caught(range: std::ops::Range<u64>, bug: Bug) -> bool {
    let seeds = range.end - range.start;
    let Runs { broken, first, .. } = Runs::of(range, Some(bug));
    let Some(first) = first else {
        println!("{}: NOT CAUGHT by {seeds} seeds", bug.as_str());
        return false;
    };
    let total: u64 = broken.values().sum();
    println!("{}: first by seed {}, by {total} of {seeds} seeds", bug.as_str(), first.seed);
    for (promise, count) in &broken {
        println!("{count:>12} {promise}");
    }
    true
}
