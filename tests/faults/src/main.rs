//! Kills, stops and starves the real programs under load, and checks afterwards what became of
//! every order.
//!
//! | module | what it does |
//! |---|---|
//! | [`generator`] | shops post orders, buyers' reactions are drawn |
//! | [`buyers`] | read mail, follow links, review, unsubscribe |
//! | [`smtp`] | takes mails, and misbehaves |
//! | [`nemesis`] | draws and carries out faults |
//! | [`cluster`], [`daemon`] | the product's processes and the servers they need |
//! | [`ledger`], [`record`] | who did what when; what the product has on record |
//! | [`checker`] | compares the two: a pure function |
//! | [`report`] | what people read |
//! | [`bugs`] | proves with known bugs that all this would notice them |

mod bugs;
mod buyers;
mod checker;
mod cluster;
mod daemon;
mod generator;
mod http;
mod ledger;
mod nemesis;
mod record;
mod report;
mod run;
mod smtp;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, ValueEnum};

use crate::{
    cluster::{Profile, SmallDisk, settable_clock},
    nemesis::Means,
    report::{say, say_defects, say_faults, say_runs},
    run::Run,
};

/// Orders and faults of a short run, for each change.
const SMOKE: (u32, u32) = (300, 6);

/// The seed of a short run that is the same each time.
const FIXED_SEED: u64 = 1;

/// Orders and faults of a long run, for the night.
const LONG: (u32, u32) = (500_000, 1_500);

/// How often each kind of fault must have met work in a long run.
const LONG_HITS: usize = 20;

/// Runs the product under load, breaks what it depends on, and checks that nothing was lost,
/// repeated without cause, or sent against anybody's will.
#[derive(Debug, Parser)]
#[command(name = "faults", version)]
struct Arguments {
    /// How many orders are posted
    #[arg(long, default_value_t = 2_000)]
    orders: u32,
    /// How many faults are drawn
    #[arg(long, default_value_t = 20)]
    faults: u32,
    /// Draws orders and faults: the same seed plans the same run; without, a fresh one is taken
    #[arg(long)]
    seed: Option<u64>,
    /// How the product is run
    #[arg(long, value_enum, default_value_t = Profiles::Both)]
    profile: Profiles,
    /// Short runs, with a seed that stays the same and a fresh one: 300 orders and 6 faults each
    #[arg(long, conflicts_with_all = ["orders", "faults", "long"])]
    smoke: bool,
    /// A run for the night: 500,000 orders and 1,500 faults; each kind must be hit 20 times
    #[arg(long, conflicts_with_all = ["orders", "faults"])]
    long: bool,
    /// Prove with one known bug that it would be noticed
    #[arg(long, value_name = "NAME", conflicts_with = "bugs")]
    bug: Option<String>,
    /// Prove it with every known bug
    #[arg(long)]
    bugs: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Profiles {
    Embedded,
    Distributed,
    Both,
}

impl Profiles {
    fn list(self) -> &'static [Profile] {
        match self {
            Self::Embedded => &[Profile::Embedded],
            Self::Distributed => &[Profile::Distributed],
            Self::Both => &[Profile::Embedded, Profile::Distributed],
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let clean = tokio::select! {
        clean = start(&arguments) => clean?,
        // Leaving ends every process that was started.
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            anyhow::bail!("interrupted");
        }
    };
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn start(arguments: &Arguments) -> anyhow::Result<bool> {
    match &arguments.bug {
        Some(name) => bugs::prove(&[bugs::find(name)?]).await,
        None if arguments.bugs => bugs::prove(&bugs::BUGS.iter().collect::<Vec<_>>()).await,
        None => run(arguments).await,
    }
}

/// Runs each profile with each seed; `true` if there is no defect, and faults were hit as often as
/// they must be.
async fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(1..1_000_000_000));
    let seeds = if arguments.smoke { vec![FIXED_SEED, seed] } else { vec![seed] };
    let (orders, faults) = match arguments {
        Arguments { smoke: true, .. } => SMOKE,
        Arguments { long: true, .. } => LONG,
        _ => (arguments.orders, arguments.faults),
    };
    let means = Means { small_disk: SmallDisk::is_possible(), clocks: settable_clock().is_some() };
    let mut runs = Vec::new();
    for seed in seeds {
        for profile in arguments.profile.list() {
            let run = Run::drawn(*profile, seed, orders, faults, means);
            say(format_args!("{}, seed {seed}", profile.name()));
            let outcome = run.go().await.with_context(|| format!("seed {seed}"))?;
            runs.push((run, outcome));
        }
    }
    say_runs(&runs);
    let hit = say_faults(&runs, if arguments.long { LONG_HITS } else { 1 });
    if !means.small_disk {
        say("not run: a full disk (needs root, to mount a small one)");
    }
    if !means.clocks {
        say("not run: clock steps (need libfaketime)");
    }
    for (run, outcome) in &runs {
        say_defects(run, outcome);
    }
    let sound = runs.iter().all(|(_, outcome)| outcome.findings.defects.is_empty());
    Ok(sound && (hit || !arguments.long))
}
