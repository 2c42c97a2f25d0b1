//! Commands for developers: `cargo xtask test`, `faults`, `simulate`, `bench`, `integrations`, `check`,
//! `cross-check`, `pictures`, `new-adapter`, `adapter-pages`.

mod adapter_pages;
mod bench;
mod check;
mod cross_check;
mod faults;
mod integrations;
mod layers;
mod new_adapter;
mod packages;
mod pictures;
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
    /// Run what lies in `deploy/integrations` in real installations of Vendure and Medusa, from npm
    /// (needs Node.js), and check what is in PHP, if PHP is there
    Integrations {
        /// Only this platform
        platform: Option<integrations::Platform>,
    },
    /// Check what needs no server: format, lints, docs, layers, pages, licences and advisories
    Check,
    /// Compare our verdicts on signatures with those of the platforms' own libraries, from npm
    CrossCheck,
    /// Picture every mail and page in a browser: desktop and phone, light and dark (needs Chromium)
    Pictures(pictures::PicturesArgs),
    /// Begin an adapter: its file, its word in the list, its first fixture and its page
    NewAdapter {
        /// Its id in `snake_case`: the `platform` of a shop's configuration
        name: String,
    },
    /// Write the generated part of each page in `docs/adapters`
    AdapterPages,
}

fn main() -> anyhow::Result<()> {
    match Xtask::parse().command {
        Command::Test { arguments } => test::run(&arguments),
        Command::Faults { release, arguments } => faults::run(release, &arguments),
        Command::Simulate { release, arguments } => faults::simulate(release, &arguments),
        Command::Bench { arguments } => bench::run(&arguments),
        Command::Integrations { platform } => integrations::run(platform),
        Command::Check => check::run(),
        Command::CrossCheck => cross_check::run(),
        Command::Pictures(args) => pictures::run(&args),
        Command::NewAdapter { name } => new_adapter::run(&name),
        Command::AdapterPages => adapter_pages::write(),
    }
}
