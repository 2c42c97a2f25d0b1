//! `afs suppression`: the list of people who want no mail.

mod export;
mod import;

use std::{io::BufRead as _, path::PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use config::Config;
use domain::{AddressHash, EmailAddress};
use store::{
    Store,
    suppression_list::{Entry, Scope},
};

use super::say;
use crate::{
    keys::Keys,
    lifecycle,
    services::{open_store, system_clock},
};

#[derive(Subcommand)]
pub(crate) enum SuppressionCommand {
    /// Put people on the list: they get no mail any more
    Add(AddArgs),
    /// Take people off the list, so that they may be mailed again; says what it was
    Remove(RemoveArgs),
    /// Say whether people are on the list, and why
    Check(PeopleArgs),
    /// Read a list as CSV with a header, such as another sender's export
    ///
    /// Needs a column with addresses (`email`, `address`, `recipient`) or with hashes of this installation
    /// (`hash`). Reads `scope` (a shop's id, or * for all), `reason`, `created_at` and `expires_at` where
    /// they are there. What is on the list already is never made weaker. A row that cannot be read is
    /// reported, and the others are read; then the command fails.
    Import(ImportArgs),
    /// Write the list as CSV
    ///
    /// Addresses are not known: it holds their hashes under this installation's address key, and can be
    /// imported where that key is the same.
    Export(ExportArgs),
}

#[derive(Args)]
pub(crate) struct PeopleArgs {
    /// Addresses, or hashes of an export. Without any they are read from standard input, one a line, so
    /// that they stay out of the shell's history
    #[arg(value_name = "ADDRESS")]
    people: Vec<String>,
}

#[derive(Args)]
pub(crate) struct AddArgs {
    #[command(flatten)]
    people: PeopleArgs,
    /// Whose mail they want no more of: a shop's id, or * for all
    #[arg(long, default_value = "*")]
    scope: Scope,
    /// Why, in a word of a-z and _
    #[arg(long, default_value = "operator", value_parser = reason)]
    reason: String,
}

#[derive(Args)]
pub(crate) struct RemoveArgs {
    #[command(flatten)]
    people: PeopleArgs,
    /// Only the entry for this shop's mail, or for all shops' (*)
    #[arg(long)]
    scope: Option<Scope>,
    /// Do it. Without this, it is only said what would be removed
    #[arg(long)]
    yes: bool,
}

#[derive(Args)]
pub(crate) struct ImportArgs {
    /// The file
    file: PathBuf,
    /// Whose mail is meant where a row does not say: a shop's id, or * for all
    #[arg(long, default_value = "*")]
    scope: Scope,
}

#[derive(Args)]
pub(crate) struct ExportArgs {
    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(crate) fn run(command: &SuppressionCommand, config: &Config) -> anyhow::Result<()> {
    lifecycle::runtime()?.block_on(async {
        // Must not change the schema under a running daemon.
        let store = open_store(config, vec![], false).await?;
        let address_key = || Keys::load(config).map(|keys| keys.address_key);
        let done = match command {
            SuppressionCommand::Add(args) => add(args, &store, config, &address_key()?).await,
            SuppressionCommand::Remove(args) => remove(args, &store, &address_key()?).await,
            SuppressionCommand::Check(args) => check(args, &store, &address_key()?).await,
            SuppressionCommand::Import(args) => {
                let list = import::List::open(&args.file, args.scope.clone(), address_key()?)?;
                import::run(list, &store, config).await
            }
            SuppressionCommand::Export(args) => export::run(args.out.as_deref(), &store).await,
        };
        store.close().await;
        done
    })
}

async fn add(
    args: &AddArgs,
    store: &Store,
    config: &Config,
    address_key: &[u8],
) -> anyhow::Result<()> {
    if let Scope::Shop(shop) = &args.scope {
        anyhow::ensure!(
            config.shop(shop).is_some(),
            "there is no shop {shop} in the configuration"
        );
    }
    let entry = |recipient| Entry {
        recipient,
        scope: args.scope.clone(),
        reason: args.reason.clone(),
        created_at: system_clock()(),
        expires_at: None,
    };
    let people = args.people.read(address_key)?;
    let entries: Vec<Entry> = people.into_iter().map(|(_, recipient)| entry(recipient)).collect();
    let added = store.suppress(&entries).await?;
    say(format_args!("added {added} of {}; the others were there already", entries.len()));
    Ok(())
}

async fn remove(args: &RemoveArgs, store: &Store, address_key: &[u8]) -> anyhow::Result<()> {
    for (person, recipient) in args.people.read(address_key)? {
        let entries = store.suppressions_of(recipient).await?;
        let meant = |entry: &&Entry| args.scope.as_ref().is_none_or(|scope| *scope == entry.scope);
        let mut found = false;
        for entry in entries.iter().filter(meant) {
            found = true;
            let removed = args.yes && store.lift(recipient, &entry.scope).await?;
            let done = if removed { "removed" } else { "would be removed with --yes" };
            say(format_args!("{person}: {done}: {}", describe(entry)));
        }
        if !found {
            say(format_args!("{person}: there is no such entry"));
        }
    }
    Ok(())
}

async fn check(args: &PeopleArgs, store: &Store, address_key: &[u8]) -> anyhow::Result<()> {
    let now = system_clock()();
    for (person, recipient) in args.read(address_key)? {
        let entries = store.suppressions_of(recipient).await?;
        if entries.is_empty() {
            say(format_args!("{person}: not on the list"));
        }
        for entry in entries {
            let over = entry.expires_at.is_some_and(|at| at <= now);
            let over = if over { ", which is over" } else { "" };
            say(format_args!("{person}: {}{over}", describe(&entry)));
        }
    }
    Ok(())
}

fn describe(entry: &Entry) -> String {
    let Entry { scope, reason, created_at, expires_at, .. } = entry;
    let shops = match scope {
        Scope::AllShops => "no mail from any shop".to_owned(),
        Scope::Shop(shop) => format!("no mail from {shop}"),
    };
    let until = expires_at.map_or(String::new(), |at| format!(" until {at}"));
    format!("{shops}: {reason}, since {created_at}{until}")
}

impl PeopleArgs {
    /// Who is meant, as typed, and by hash.
    fn read(&self, address_key: &[u8]) -> anyhow::Result<Vec<(String, AddressHash)>> {
        let typed = if self.people.is_empty() {
            let lines: Result<Vec<_>, _> = std::io::stdin().lock().lines().collect();
            lines.context("standard input cannot be read")?
        } else {
            self.people.clone()
        };
        let typed = typed.iter().map(|person| person.trim()).filter(|person| !person.is_empty());
        let people = typed.map(|person| Ok((person.to_owned(), recipient(person, address_key)?)));
        let people: Vec<_> = people.collect::<anyhow::Result<_>>()?;
        if people.is_empty() {
            bail!("no address was given");
        }
        Ok(people)
    }
}

/// By an address, or by the hash of one.
fn recipient(text: &str, address_key: &[u8]) -> anyhow::Result<AddressHash> {
    match text.parse() {
        Ok(hash) => Ok(hash),
        // The error does not repeat the address: it may end up in a log.
        Err(_) => Ok(EmailAddress::parse(text)?.hash(address_key)),
    }
}

/// A word, so that no address slips into the record as part of a reason.
fn reason(text: &str) -> Result<String, String> {
    let word = |c: char| c.is_ascii_lowercase() || c == '_';
    let fits = !text.is_empty() && text.len() <= 40 && text.chars().all(word);
    fits.then(|| text.to_owned()).ok_or("not a word of a-z and _, of at most 40".to_owned())
}
