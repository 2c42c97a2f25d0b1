//! Commands for developers: `cargo xtask test`, `faults`, `simulate`, `bench`, `check`.

mod bench;
mod check;
mod faults;
mod layers;
mod packages;
mod shell;
mod test;

use clap::{Parser, Subcommand};

/// Commands for developers.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Xtask {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run every test; installs the servers they need (Redis, Postgres, an SMTP server) with apt
    Test {
        /// Passed on to `cargo test`, for example a test's name
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Kill, stop and starve the product under load, and check what became of every order
    Faults {
        /// Build without debug checks: for large runs
        #[arg(long)]
        release: bool,
        /// Passed on to `faults`, for example `--help`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Run the product's decisions under simulated time, faults and interleavings
    Simulate {
        /// Build without debug checks: for many seeds
        #[arg(long)]
        release: bool,
        /// Passed on to `simulation`, for example `--help`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Measure the product, its peers and the limits of the machine side by side
    Bench {
        /// Passed on to `bench`, for example `--help`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Check what needs no server: format, lints, docs, layers, licences and advisories
    Check,
}

fn main() -> anyhow::Result<()> {
    match Xtask::parse().command {
        Command::Test { arguments } => test::run(&arguments),
        Command::Faults { release, arguments } => faults::run(release, &arguments),
        Command::Simulate { release, arguments } => faults::simulate(release, &arguments),
        Command::Bench { arguments } => bench::run(&arguments),
        Command::Check => check::run(),
    }
}
