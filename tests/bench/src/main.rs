//! Measures AFS, its peers and the limits of the machine side by side.
//!
//! Absolute figures of a shared machine mean little: every claim is a ratio of two things that were
//! measured in turn, in the same minutes, on the same machine. A round measures each contestant of
//! each scenario once; a claim's ratio is taken within each round, and the median of the rounds counts.
//!
//! | module | what it does |
//! |---|---|
//! | [`scenario`] | what is measured: one file for each scenario |
//! | [`lab`] | what all scenarios share: the pace, the orders |
//! | [`afs`] | AFS as an operator runs it, started for one measurement |
//! | [`peers`] | what others build for this purpose: installed, and started for one measurement |
//! | [`target`] | what takes orders, whoever it is; the limits |
//! | [`stores`] | durable Redis and Postgres for one measurement |
//! | [`load`] | posts prepared requests, as fast as they are answered or at a fixed rate |
//! | [`mail`] | the mail server that mails are sent to, the way to it, the mail that all send |
//! | [`record`] | looks into AFS's record |
//! | [`meter`] | processor time and memory of processes |
//! | [`report`] | medians, ratios, tables, JSON and `docs/benchmarks.md` |

mod afs;
mod lab;
mod load;
mod mail;
mod meter;
mod peers;
mod record;
mod report;
mod scenario;
mod stores;
mod target;

use std::{
    io::Write as _,
    time::{Duration, Instant},
};

use clap::Parser;

use crate::{
    lab::{Lab, Pace},
    report::{Report, Results},
};

/// Measures AFS, its peers and the limits of the machine side by side, on loopback.
///
/// Nothing needs to be prepared: the peers are installed from their registries below
/// target/bench-peers. A peer whose language is not installed is skipped with a line that says so.
/// Run it on a machine that does nothing else.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", version)]
struct Arguments {
    /// Two short rounds instead of five: some minutes for everything
    #[arg(long)]
    quick: bool,
    /// How many rounds [default: 5, quick: 2]
    #[arg(long)]
    rounds: Option<usize>,
    /// Only these scenarios or contestants, for example `ingest` or `ingest/SQLite`
    filters: Vec<String>,
    /// Print one JSON object: goals, medians, and the figures of every round
    #[arg(long)]
    json: bool,
    /// Write docs/benchmarks.md
    #[arg(long)]
    write_docs: bool,
    /// Begin no round after so many minutes [default: 120, quick: 15]
    #[arg(long)]
    minutes: Option<u64>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let pace = if arguments.quick { Pace::QUICK } else { Pace::FULL };
    let minutes = arguments.minutes.unwrap_or(pace.minutes);
    let deadline = Instant::now() + Duration::from_secs(60 * minutes);
    let lab = Lab::new(pace, arguments.filters);
    let results = measure(&lab, arguments.rounds.unwrap_or(pace.rounds), deadline);
    let report = Report::new(&lab, results);
    if arguments.write_docs {
        report.write_docs()?;
    }
    let text = if arguments.json { report.json() } else { report.tables() };
    writeln!(std::io::stdout().lock(), "{text}")?;
    Ok(())
}

/// Measures every contestant of every scenario once in each round.
fn measure(lab: &Lab, rounds: usize, deadline: Instant) -> Results {
    let mut scenarios = scenario::all(lab);
    for round in 0..rounds {
        if Instant::now() > deadline {
            lab.skip(format!("rounds from {} on: the time was over", round + 1));
            break;
        }
        for scenario in scenarios.iter_mut().filter(|scenario| round < scenario.rounds) {
            scenario.run(lab, round, rounds);
        }
    }
    scenarios.into_iter().map(scenario::Scenario::into_outcome).collect()
}
