//! `cargo run -p simulation --release -- --seeds 100000`
#![expect(clippy::print_stdout, reason = "a program for developers")]

use std::{collections::BTreeMap, process::ExitCode, time::Instant};

use clap::Parser;
use simulation::{Bug, Failure, run};

/// Runs the decisions of the product under simulated time, faults and interleavings.
#[derive(Parser)]
struct Arguments {
    /// How many seeds to run
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// A known bug to switch on, to see it caught
    #[arg(long, value_parser = bug)]
    bug: Option<Bug>,
}

fn bug(name: &str) -> Result<Bug, String> {
    Bug::parse(name).ok_or_else(|| format!("known bugs: {}", Bug::ALL.map(Bug::as_str).join(", ")))
}

fn main() -> ExitCode {
    let Arguments { seeds, from, bug } = Arguments::parse();
    let started = Instant::now();
    let (mut steps, mut mails, mut kills) = (0, 0, 0);
    let mut broken: BTreeMap<String, u64> = BTreeMap::new();
    let mut first: Option<Box<Failure>> = None;
    for seed in from..from + seeds {
        match run(seed, bug) {
            Ok(tally) => {
                steps += tally.steps;
                mails += tally.mails;
                kills += tally.kills.values().sum::<u64>();
            }
            Err(failure) => {
                *broken.entry(failure.invariant.to_string()).or_default() += 1;
                first.get_or_insert(failure);
            }
        }
    }
    let seconds = started.elapsed().as_secs_f64().max(0.001);
    println!("{seeds} seeds in {seconds:.1} s: {steps} steps, {mails} mails, {kills} kills");
    for (promise, count) in &broken {
        println!("broken by {count} seeds: {promise}");
    }
    match first {
        Some(failure) => {
            println!("\n{failure}");
            ExitCode::FAILURE
        }
        None => ExitCode::SUCCESS,
    }
}
