//! `afs simulate`: what another configuration would have done to the orders on record.

mod replay;
mod report;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, path::PathBuf, str::FromStr};

use anyhow::{bail, ensure};
use clap::Args;
use config::Config;
use domain::ShopId;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::{Span, Timestamp, civil::Date, tz::TimeZone};
use serde::Serialize;
use store::{Store, history::PAGE};

use super::{say, words::count};
use crate::{
    lifecycle,
    services::{Source, check_shops, load_config, open_store, system_clock},
};
use replay::{Policies, Replay};
use report::Report;

#[derive(Args)]
#[command(after_help = "Example:\n  \
        cp afs.toml afs-new.toml                    # and change delays, windows, rules, caps\n  \
        afs simulate afs-new.toml --since 30d\n\n\
    The orders that were completed since then are decided about once more in memory: by the\n\
    configuration in force, and by the new one. Nothing is written, and nobody is mailed. Reminders, and\n\
    mails before that time, do not count; so look back for longer to see caps at work.")]
pub(crate) struct SimulateArgs {
    /// The configuration to try, whole, as it would replace the one in force
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// Orders completed since then: `30d`, `12h` ago, or a date such as `2026-06-01` (UTC)
    #[arg(long, default_value = "30d", value_name = "WHEN")]
    since: Since,
    /// Tell about this shop only
    #[arg(long)]
    shop: Option<ShopId>,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

/// A time in the past.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Since {
    Ago(Span),
    On(Date),
}

impl FromStr for Since {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        match (text.parse::<Date>(), text.parse::<Span>()) {
            (Ok(date), _) => Ok(Self::On(date)),
            (_, Ok(span)) if span.is_positive() => Ok(Self::Ago(span)),
            _ => bail!("write how long ago, as `30d` or `12h`, or a date, as `2026-06-01`"),
        }
    }
}

impl Since {
    /// The beginning of time if it is further back.
    fn before(self, now: Timestamp) -> Timestamp {
        let at = match self {
            Self::Ago(span) => now.to_zoned(TimeZone::UTC).checked_sub(span),
            Self::On(date) => date.to_zoned(TimeZone::UTC),
        };
        at.map_or(Timestamp::MIN, |at| at.timestamp())
    }
}

/// What is printed with `--json`.
#[derive(Serialize)]
struct Simulation {
    since: Timestamp,
    until: Timestamp,
    /// By shop.
    shops: BTreeMap<ShopId, Report>,
    /// Orders that two invitations were decided on for. There must be none.
    invited_twice: usize,
    /// Persons who get more than one mail, now and new.
    persons_mailed_again: [usize; 2],
}

pub(crate) fn run(
    args: &SimulateArgs,
    config: &Config,
    environment: &[(String, String)],
) -> anyhow::Result<()> {
    let source = Source { file: Some(args.new.clone()), environment: environment.to_vec() };
    let new = load_config(&source)?;
    check_shops(&new)?;
    if let Some(shop) = &args.shop {
        ensure!(
            config.shop(shop).is_some(),
            "there is no shop {shop} in the configuration in force"
        );
    }
    let until = system_clock()();
    let since = args.since.before(until);
    let wanted = |id: &ShopId| args.shop.as_ref().is_none_or(|shop| shop == id);
    let shops: BTreeMap<ShopId, Policies> = config
        .shops
        .values()
        .filter_map(|shop| {
            let new = new.shop(&shop.id)?.policy.clone();
            Some((shop.id.clone(), Policies { now: shop.policy.clone(), new }))
        })
        .collect();
    let mut simulation = lifecycle::runtime()?.block_on(async {
        // Only looks: needs no key, and must not change the schema under a running daemon.
        let store = open_store(config, vec![], false).await?;
        let simulation = simulate(&store, &shops, since, until).await;
        store.close().await;
        simulation
    })?;
    // All are replayed: caps count a person's mails from every shop.
    simulation.shops.retain(|id, _| wanted(id));
    if args.json {
        say(serde_json::to_string_pretty(&simulation)?);
    } else {
        for id in config.shops.keys().filter(|id| wanted(id) && !shops.contains_key(*id)) {
            say(format_args!("{id}: not in the new configuration, so it is left out\n"));
        }
        say_simulation(&simulation, &shops);
    }
    Ok(())
}

/// Replays the orders of `shops` that were completed since then.
async fn simulate(
    store: &Store,
    shops: &BTreeMap<ShopId, Policies>,
    since: Timestamp,
    until: Timestamp,
) -> anyhow::Result<Simulation> {
    let mut replay = Replay::default();
    let progress = progress(store, shops).await?;
    for (shop, policies) in shops {
        let mut after = String::new();
        loop {
            let page = store.told(shop, &after, since).await?;
            for told in &page.orders {
                replay.add(shop, told, policies, since);
            }
            progress.inc(PAGE.into());
            match page.next {
                Some(next) => after = next,
                None => break,
            }
        }
    }
    progress.finish_and_clear();
    let invited_twice = replay.twice;
    let (mut compared, persons_mailed_again) = replay.finish(shops);
    let report = |shop: &ShopId| {
        let orders = compared.remove(shop).unwrap_or_default();
        (shop.clone(), Report::new(&orders))
    };
    let shops = shops.keys().map(report).collect();
    Ok(Simulation { since, until, shops, invited_twice, persons_mailed_again })
}

/// Shows nothing unless standard error is a terminal.
async fn progress(
    store: &Store,
    shops: &BTreeMap<ShopId, Policies>,
) -> anyhow::Result<ProgressBar> {
    let mut orders = 0;
    for shop in shops.keys() {
        orders += store.count_orders_of(shop).await?;
    }
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} orders, {eta} left")?;
    Ok(ProgressBar::new(orders).with_style(style))
}

fn say_simulation(simulation: &Simulation, shops: &BTreeMap<ShopId, Policies>) {
    let Simulation { since, until, invited_twice, persons_mailed_again: [now, new], .. } =
        simulation;
    say(format_args!(
        "Orders completed from {since:.0} to {until:.0}, decided again in memory: nothing is sent.\n"
    ));
    for (id, report) in &simulation.shops {
        if let Some(policies) = shops.get(id) {
            say(report.text(id.as_str(), &policies.zone()));
        }
    }
    say(format_args!("persons who get more than one mail: {now} now, {new} new"));
    let twice = i64::try_from(*invited_twice).unwrap_or(i64::MAX);
    say(format_args!("invited twice: {}", count(twice, "order")));
}
