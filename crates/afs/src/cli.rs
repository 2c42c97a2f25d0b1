//! What can be typed.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};
use config::Config;

use crate::{
    commands::{self, mail::MailCommand, webhook::WebhookCommand},
    lifecycle::{self, Role},
    services::{Source, load_config},
};

/// Where the configuration is looked for if nobody says.
const USUAL_FILES: [&str; 2] = ["afs.toml", "/etc/afs/afs.toml"];

/// Automatic feedback service: invites the buyers of your shops to review their orders, and proves
/// that each verified review came from a real one.
///
/// A shop platform posts a signed "order completed" webhook to `/webhooks/SHOP`. AFS stores it,
/// waits, sends one invitation, and marks the review it leads to as verified.
#[derive(Parser)]
#[command(
    version,
    after_help = "First steps:\n  \
        afs demo              watch the whole way on this machine, nothing to set up\n  \
        afs config default    print every setting with its meaning, to write your own afs.toml\n  \
        afs config check      say what is wrong with it, and where\n  \
        afs doctor            say what else is wrong: DNS, mail server, databases, this machine\n  \
        afs serve             run it"
)]
struct Afs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Args, Clone)]
struct ConfigArgs {
    /// Your configuration file [default: ./afs.toml or /etc/afs/afs.toml, if there]
    ///
    /// One file per shop may lie beside it, as `shops.d/SHOP.toml`. Environment variables win over
    /// files: `AFS__SERVER__PUBLIC_URL=https://reviews.example.com`.
    #[arg(long, short, global = true, env = "AFS_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Take webhooks, serve pages, send invitations and verify reviews, in one process
    Serve,
    /// Show the whole way on this machine: orders in, mails out, reviews verified
    Demo(commands::demo::DemoArgs),
    /// Check and explain the configuration
    #[command(subcommand)]
    Config(commands::config::ConfigCommand),
    /// Say which shop platforms there are
    #[command(subcommand)]
    Adapter(commands::adapter::AdapterCommand),
    /// Look at a request that a platform sent, send one as a platform does, or read kept ones again
    #[command(subcommand)]
    Webhook(commands::webhook::WebhookCommand),
    /// Look at what buyers read, or send one sample
    #[command(subcommand)]
    Mail(commands::mail::MailCommand),
    /// Say who gets no mail, add to that list, or move it in and out as CSV
    #[command(subcommand)]
    Suppression(commands::suppression::SuppressionCommand),
    /// Show or erase what is stored about buyers
    #[command(subcommand)]
    Privacy(commands::privacy::PrivacyCommand),
    /// List the shops, or let the mail of one rest or go on
    #[command(subcommand)]
    Shop(commands::shop::ShopCommand),
    /// Take mail that came back, from a mail server
    #[command(subcommand)]
    Bounce(commands::bounce::BounceCommand),
    /// Say how the versions of the invitation do that are tried against each other
    Experiment(commands::experiment::ExperimentArgs),
    /// Check the whole installation, and say in plain words what is wrong and what to add where
    ///
    /// DNS of the senders (SPF, DKIM, DMARC), mail server, public address, record, Redis, clock, disks.
    Doctor(commands::doctor::DoctorArgs),
    /// Say how things stand: counts by state, what is due, what went wrong
    Status(commands::status::StatusArgs),
    /// Say what became of one order, and why, in sentences
    Explain(commands::explain::ExplainArgs),
    /// Say what another configuration would have done to the orders on record; nothing is sent
    Simulate(commands::simulate::SimulateArgs),
    /// Make the record's tables or bring them up to date, for daemons whose database account may not
    ///
    /// With an account that may, daemons do it themselves when they start.
    Migrate,
}

/// Takes signed order webhooks and serves the review pages. Needs the same configuration as
/// afs-worker; run as many of either as you like.
#[derive(Parser)]
#[command(version, name = "afs-receiver")]
struct AfsReceiver {
    #[command(flatten)]
    config: ConfigArgs,
}

/// Sends due invitations and verifies reviews. Needs the same configuration as afs-receiver; run
/// as many of either as you like.
#[derive(Parser)]
#[command(version, name = "afs-worker")]
struct AfsWorker {
    #[command(flatten)]
    config: ConfigArgs,
}

impl ConfigArgs {
    fn source(self) -> Source {
        let usual = || USUAL_FILES.map(PathBuf::from).into_iter().find(|path| path.exists());
        let mut environment: Vec<_> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        environment.sort();
        Source { file: self.config.or_else(usual), environment }
    }
}

/// The program `afs`.
#[must_use]
pub fn afs() -> ExitCode {
    fetch::use_ring();
    let Afs { config, command } = Afs::parse();
    let source = config.source();
    finish(match command {
        Command::Serve => lifecycle::run(&source, Role::Both),
        Command::Demo(args) => commands::demo::run(&args),
        Command::Config(command) => commands::config::run(&command, &source),
        Command::Adapter(command) => {
            commands::adapter::run(&command);
            Ok(())
        }
        Command::Webhook(WebhookCommand::Inspect(args)) => {
            return commands::webhook::inspect(&args, &source);
        }
        Command::Webhook(WebhookCommand::Send(args)) => {
            configured(&source).and_then(|config| commands::webhook::send(&args, &config))
        }
        Command::Webhook(WebhookCommand::Replay) => {
            configured(&source).and_then(commands::webhook::replay)
        }
        // Needs no configuration: it comes before there can be one.
        Command::Mail(MailCommand::DkimKey(args)) => commands::mail::dkim_key(&args),
        Command::Mail(command) => {
            configured(&source).and_then(|config| commands::mail::run(&command, &config))
        }
        Command::Privacy(command) => {
            configured(&source).and_then(|config| commands::privacy::run(&command, &config))
        }
        Command::Shop(command) => {
            configured(&source).and_then(|config| commands::shop::run(&command, &config))
        }
        Command::Suppression(command) => {
            configured(&source).and_then(|config| commands::suppression::run(&command, &config))
        }
        Command::Bounce(command) => return commands::bounce::run(&command, &source),
        Command::Experiment(args) => {
            configured(&source).and_then(|config| commands::experiment::run(&args, &config))
        }
        Command::Doctor(args) => {
            match configured(&source).and_then(|config| commands::doctor::run(&args, &config)) {
                Ok(code) => return code,
                Err(error) => Err(error),
            }
        }
        Command::Status(args) => {
            configured(&source).and_then(|config| commands::status::run(&args, &config))
        }
        Command::Explain(args) => {
            configured(&source).and_then(|config| commands::explain::run(&args, &config))
        }
        Command::Simulate(args) => configured(&source)
            .and_then(|config| commands::simulate::run(&args, &config, &source.environment)),
        Command::Migrate => configured(&source).and_then(|config| commands::migrate::run(&config)),
    })
}

fn configured(source: &Source) -> anyhow::Result<Config> {
    Ok(load_config(source)?)
}

/// The program `afs-receiver`.
#[must_use]
pub fn afs_receiver() -> ExitCode {
    finish(lifecycle::run(&AfsReceiver::parse().config.source(), Role::Receiver))
}

/// The program `afs-worker`.
#[must_use]
pub fn afs_worker() -> ExitCode {
    finish(lifecycle::run(&AfsWorker::parse().config.source(), Role::Worker))
}

fn finish(outcome: anyhow::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            commands::say_error(&error);
            ExitCode::FAILURE
        }
    }
}
