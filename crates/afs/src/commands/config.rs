//! `afs config`: check and explain the configuration.

use clap::Subcommand;
use config::Config;

use super::say;
use crate::services::{Source, check_shops, load_config, load_templates};

#[derive(Subcommand)]
pub(crate) enum ConfigCommand {
    /// Read everything as `afs serve` would, and say what is wrong, where, and how to mend it
    Check,
    /// Print every setting with its meaning and default: a start for your own afs.toml
    Default,
    /// Print the JSON Schema that lets editors complete and check configuration files
    Schema,
}

pub(crate) fn run(command: &ConfigCommand, source: &Source) -> anyhow::Result<()> {
    match command {
        ConfigCommand::Check => check(source),
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

fn check(source: &Source) -> anyhow::Result<()> {
    let config = load_config(source)?;
    check_shops(&config)?;
    let templates = load_templates(&config)?;
    match &source.file {
        Some(file) => say(format_args!("{} is sound.", file.display())),
        None => say("There is no configuration file; the defaults are sound."),
    }
    for shop in config.shops.values() {
        say(format_args!(
            "  {} ({}): webhooks go to {}/webhooks/{}",
            shop.name, shop.platform, config.server.public_url, shop.id
        ));
    }
    if config.shops.is_empty() {
        say("  No shop yet: add a table [shops.<id>], or a file shops.d/<id>.toml.");
    }
    let languages: Vec<_> = templates.languages().map(templates::Language::tag).collect();
    say(format_args!("  Languages: {}.", languages.join(", ")));
    Ok(())
}
