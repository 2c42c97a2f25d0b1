//! `afs privacy`: what is stored about buyers, by order or by address.

use std::{collections::BTreeMap, io::BufRead as _, path::PathBuf, str::FromStr};

use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand};
use config::Config;
use domain::{EmailAddress, ShopId};
use jiff::{SignedDuration, Timestamp};
use mail::Files;
use serde::Serialize;
use store::{
    Store,
    erasure::{Person, StoredBounce, UnreadBody},
    privacy::Stored,
};
use uuid::Uuid;

use super::{say, say_warning};
use crate::{
    keys::Keys,
    lifecycle,
    services::{open_store, system_clock},
};

#[derive(Subcommand)]
pub(crate) enum PrivacyCommand {
    /// Print, as JSON, what is stored about a person, or about the buyers of some orders
    Export(Whom),
    /// Erase a person, or who bought in some orders, at once and for good
    ///
    /// An invitation that waits is not sent, and what platforms tell about these orders later names nobody
    /// either. What stays names nobody: that there was an order, what was decided about it, and the words
    /// of a review without its author. A list of addresses that want no mail holds keyed hashes only, and
    /// stays.
    ///
    /// With --email the person gets no mail any more, also about later orders, and a receipt is printed
    /// and kept. docs/privacy.md says what else it does, and what is out of reach.
    Erase(Whom),
    /// Erase who bought in any order of a shop, as when it leaves; some thousand orders at a time
    ///
    /// May be stopped and started again. Webhooks that could not be read are forgotten after 90 days.
    EraseShop {
        /// The shop, also one that is not configured any more
        #[arg(long)]
        shop: ShopId,
    },
    /// List the receipts of erasures by address, newest first
    Receipts {
        /// At most so many
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// Print a receipt again, as JSON
    Receipt {
        /// Its id
        id: Uuid,
    },
}

/// Orders that are erased in one transaction.
const PAGE: u32 = 1000;

/// How long an erasure waits for readers of SQLite's write-ahead log.
const LOG_PATIENCE: SignedDuration = SignedDuration::from_secs(30);

#[derive(Args)]
pub(crate) struct Whom {
    /// The person's address; - reads it from standard input, so that it stays out of the shell's history
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["shop", "orders"])]
    email: Option<Typed>,
    /// The shop, as in the configuration
    #[arg(long, required_unless_present = "email", requires = "orders")]
    shop: Option<ShopId>,
    /// The platform's id of an order; may be given again
    #[arg(long = "order", value_name = "ID", requires = "shop")]
    orders: Vec<String>,
}

/// An address as it was typed, or that it is on standard input.
#[derive(Clone)]
struct Typed(Option<EmailAddress>);

impl FromStr for Typed {
    type Err = domain::address::InvalidAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "-" {
            Ok(Self(None))
        } else {
            EmailAddress::parse(text).map(|it| Self(Some(it)))
        }
    }
}

/// All that is stored about a person.
#[derive(Serialize)]
struct Everything {
    /// Who was asked about.
    address: String,
    /// What stands for the address where the address itself must not.
    hash: String,
    /// By shop.
    orders: BTreeMap<String, Vec<Stored>>,
    /// How many mails went to the address.
    mails: usize,
    /// What came back of them.
    bounces: Vec<StoredBounce>,
    /// Why no mail is sent.
    suppressions: Vec<Suppression>,
    /// Orders that platforms are to be asked about.
    notices: usize,
    /// Webhooks that could not be read.
    unread_webhooks: Vec<UnreadBody>,
    /// Mails that were written into the outbox.
    mail_files: Vec<PathBuf>,
}

/// An entry of the list of people who want no mail.
#[derive(Serialize)]
struct Suppression {
    scope: String,
    reason: String,
    since: Timestamp,
    until: Option<Timestamp>,
}

pub(crate) fn run(command: &PrivacyCommand, config: &Config) -> anyhow::Result<()> {
    lifecycle::runtime()?.block_on(async {
        // Must not change the schema under a running daemon.
        let store = open_store(config, vec![], false).await?;
        match command {
            PrivacyCommand::Export(Whom { email: Some(email), .. }) => {
                export_person(&email.read()?, config, &store).await?;
            }
            PrivacyCommand::Erase(Whom { email: Some(email), .. }) => {
                erase_person(&email.read()?, config, &store).await?;
            }
            PrivacyCommand::Export(Whom { shop: Some(shop), orders, .. }) => {
                say(serde_json::to_string_pretty(&store.stored(shop, orders).await?)?);
            }
            PrivacyCommand::Erase(Whom { shop: Some(shop), orders, .. }) => {
                let erased = store.erase(shop, orders, system_clock()()).await?;
                let asked = orders.len();
                empty_log(&store).await?;
                say(format_args!(
                    "erased {erased} of {asked} orders of {shop}; the others are not here"
                ));
            }
            // One of both is there, or what was typed was refused.
            PrivacyCommand::Export(_) | PrivacyCommand::Erase(_) => {}
            PrivacyCommand::EraseShop { shop } => {
                let (mut erased, mut after) = (0, String::new());
                loop {
                    let orders = store.orders_of(shop, &after, PAGE).await?;
                    let Some(last) = orders.last() else { break };
                    erased += store.erase(shop, &orders, system_clock()()).await?;
                    after.clone_from(last);
                    say(format_args!("erased {erased} orders of {shop}"));
                }
                empty_log(&store).await?;
                say(format_args!("no order of {shop} names its buyer any more"));
            }
            PrivacyCommand::Receipts { limit } => {
                for receipt in store.receipts(Timestamp::MIN, *limit).await? {
                    let (id, at, hash) = (receipt.id, receipt.at, receipt.recipient);
                    say(format_args!("{id}  {at}  {hash}  {} orders", receipt.erased.orders));
                }
            }
            PrivacyCommand::Receipt { id } => {
                let receipt = store.receipt(*id).await?;
                let receipt = receipt.with_context(|| format!("there is no receipt {id}"))?;
                say(serde_json::to_string_pretty(&receipt)?);
            }
        }
        store.close().await;
        Ok(())
    })
}

async fn export_person(
    address: &EmailAddress,
    config: &Config,
    store: &Store,
) -> anyhow::Result<()> {
    let person = Person::new(address, &Keys::load(config)?.address_key);
    let found = store.find_person(&person).await?;
    let mut references: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (shop, order) in &found.orders {
        references.entry(shop).or_default().push(order.clone());
    }
    let mut orders = BTreeMap::new();
    for (shop, references) in references {
        let stored = store.stored(&shop.parse()?, &references).await?;
        orders.insert(shop.to_owned(), stored);
    }
    let suppressions = store.suppressions_of(person.hash()).await?.into_iter();
    let everything = Everything {
        address: address.as_str().to_owned(),
        hash: person.hash().to_string(),
        orders,
        mails: found.mails.len(),
        bounces: store.bounces_of(person.hash()).await?,
        suppressions: suppressions
            .map(|entry| Suppression {
                scope: entry.scope.to_string(),
                reason: entry.reason,
                since: entry.created_at,
                until: entry.expires_at,
            })
            .collect(),
        notices: found.notices.len(),
        unread_webhooks: found.unread,
        mail_files: mail_files(config, address)?,
    };
    say(serde_json::to_string_pretty(&everything)?);
    Ok(())
}

/// Files go first: whatever stops this command, the address still leads to all that is left.
async fn erase_person(
    address: &EmailAddress,
    config: &Config,
    store: &Store,
) -> anyhow::Result<()> {
    let person = Person::new(address, &Keys::load(config)?.address_key);
    let mut deleted = 0;
    for file in mail_files(config, address)? {
        fs_err::remove_file(file)?;
        deleted += 1;
    }
    let found = store.find_person(&person).await?;
    let receipt = store.erase_person(&person, &found, deleted, system_clock()()).await?;
    say(serde_json::to_string_pretty(&receipt)?);
    empty_log(store).await
}

/// Mails to this address in the outbox, if there is one.
fn mail_files(config: &Config, address: &EmailAddress) -> anyhow::Result<Vec<PathBuf>> {
    let outbox = &config.mail.outbox_dir;
    Ok(if outbox.is_dir() { Files::open(outbox)?.mails_to(address)? } else { vec![] })
}

async fn empty_log(store: &Store) -> anyhow::Result<()> {
    if !store.empty_log(LOG_PATIENCE).await? {
        say_warning(
            "all of it is erased from the record; older versions of what was erased may stand in the \
             write-ahead log (the file that ends in -wal) until it is written over: others kept reading \
             it; run this again when there is less to do",
        );
    }
    Ok(())
}

impl Typed {
    fn read(&self) -> anyhow::Result<EmailAddress> {
        if let Self(Some(address)) = self {
            return Ok(address.clone());
        }
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).context("standard input cannot be read")?;
        ensure!(!line.trim().is_empty(), "no address was given");
        Ok(EmailAddress::parse(&line)?)
    }
}
