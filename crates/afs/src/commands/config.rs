//! `afs config`: check and explain the configuration.

mod sample;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use config::Config;
use domain::{Order, ShopId, decision::Reason};

use super::{say, webhook::Format};
use crate::{
    dkim,
    services::{Source, check_shops, load_config, load_templates, sender_gaps},
};

#[derive(Subcommand)]
pub(crate) enum ConfigCommand {
    /// Read everything as `afs serve` would, and say what is wrong, where, and how to mend it
    ///
    /// With `--sample`, say also what the mapping of a shop makes of a webhook, and which of its paths
    /// tell nothing.
    Check(CheckArgs),
    /// Print every setting with its meaning and default: a start for your own afs.toml
    Default,
    /// Print the JSON Schema that lets editors complete and check configuration files
    Schema,
}

#[derive(Args)]
pub(crate) struct CheckArgs {
    /// A file with the body of a webhook, to be read by the mapping of a shop
    #[arg(long, value_name = "FILE", requires = "shop")]
    sample: Option<PathBuf>,
    /// A file with the headers of that webhook, as `name: value` in each line, to check its signature
    #[arg(long, value_name = "FILE", requires = "sample")]
    headers: Option<PathBuf>,
    /// The shop whose mapping it is
    #[arg(long, value_name = "ID", requires = "sample")]
    shop: Option<ShopId>,
    /// How the answer about the webhook is written
    #[arg(long, value_enum, default_value_t = Format::Text, requires = "sample")]
    format: Format,
}

pub(crate) fn run(command: &ConfigCommand, source: &Source) -> anyhow::Result<()> {
    match command {
        ConfigCommand::Check(args) => check(args, source),
        ConfigCommand::Default => {
            say(Config::default_text().trim_end());
            Ok(())
        }
        ConfigCommand::Schema => {
            say(config::schema().trim_end());
            Ok(())
        }
    }
}

fn check(args: &CheckArgs, source: &Source) -> anyhow::Result<()> {
    let config = load_config(source)?;
    check_shops(&config)?;
    if let (Some(body), Some(shop)) = (&args.sample, &args.shop) {
        return sample::try_out(&config, shop, body, args.headers.as_deref(), args.format);
    }
    let templates = load_templates(&config)?;
    dkim::load(&config)?;
    match &source.file {
        Some(file) => say(format_args!("{} is sound.", file.display())),
        None => say("There is no configuration file; the defaults are sound."),
    }
    for shop in config.shops.values() {
        say(format_args!(
            "  {} ({}): webhooks go to {}/webhooks/{}",
            shop.name, shop.platform, config.server.public_url, shop.id
        ));
        // An order that says nothing is the one that most is asked for.
        if shop.policy.consent.ground(&Order::default()) == Err(Reason::NoConsent) {
            say(
                "    In most of Europe it asks only buyers who agreed to marketing. If buyers are told at \
                 the checkout,\n    set consent_notice: docs/consent.md says how.",
            );
        }
    }
    if config.shops.is_empty() {
        say("  No shop yet: add a table [shops.<id>], or a file shops.d/<id>.toml.");
    }
    let languages: Vec<_> = templates.languages().map(templates::Language::tag).collect();
    say(format_args!("  Languages: {}.", languages.join(", ")));
    for gap in sender_gaps(&config) {
        say(format_args!("  Warning: {gap}"));
    }
    Ok(())
}
