//! `afs explain`: what became of one order, and why.

mod story;
#[cfg(test)]
mod tests;

use anyhow::bail;
use clap::Args;
use config::Config;
use domain::{ShopId, lane::lane_of, retry::RetryPolicy};
use serde_json::json;
use store::{Store, history::History};
use worker::lanes::{TroubledLane, troubled};

use super::say;
use crate::{
    lifecycle,
    services::{open_queue, open_store, system_clock},
};
use story::Teller;

#[derive(Args)]
#[command(after_help = "Example:\n  \
        afs explain --shop my-shop --order 1001\n\n\
    It says what the platform told and when, which rule with which value decided, what the mail server\n\
    said, what the buyer did, what happens next, and which setting would change it.")]
pub(crate) struct ExplainArgs {
    /// The shop, as in the configuration
    #[arg(long)]
    shop: ShopId,
    /// The platform's id of the order, or the number that its buyer knows
    #[arg(long, value_name = "ID")]
    order: String,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &ExplainArgs, config: &Config) -> anyhow::Result<()> {
    lifecycle::runtime()?.block_on(async {
        // Only looks: needs no key, and must not change the schema under a running daemon.
        let store = open_store(config, vec![], false).await?;
        let history = find(&store, &args.shop, &args.order, config).await?;
        let give_up_after = RetryPolicy::from(config.retry).give_up_after;
        let queue = open_queue(config, &store, system_clock())?;
        let now = system_clock()();
        let lanes = troubled(&queue, now).await.unwrap_or_default();
        let lane = lane_of_buyer(&history, lanes);
        let teller = Teller::new(&history, config.shop(&args.shop), lane, give_up_after, now);
        if args.json {
            let story = json!({ "record": history, "story": teller.story() });
            say(serde_json::to_string_pretty(&story)?);
        } else {
            say(teller.text());
        }
        store.close().await;
        Ok(())
    })
}

/// The one of `lanes` that mail about the order takes.
fn lane_of_buyer(history: &History, lanes: Vec<TroubledLane>) -> Option<TroubledLane> {
    let address = history.order.order.email.as_ref()?;
    lanes.into_iter().find(|troubled| troubled.lane == lane_of(address.host()))
}

/// The order that the platform knows by `order`, or else the one that its buyer does.
async fn find(
    store: &Store,
    shop: &ShopId,
    order: &str,
    config: &Config,
) -> anyhow::Result<History> {
    if let Some(history) = store.history(shop, order).await? {
        return Ok(history);
    }
    let references = store.orders_numbered(shop, order).await?;
    match &references[..] {
        [] => bail!("{}", unknown(store, shop, order, config).await?),
        [reference] => match store.history(shop, reference).await? {
            Some(history) => Ok(history),
            None => bail!("the order was on record just now, and is not any more: try again"),
        },
        several => bail!(
            "{shop} has more than one order with the number {order}. Ask for one of them by the \
             platform's id:\n  {}",
            several.join("\n  ")
        ),
    }
}

/// Why an order may not be on record, and what to look at.
async fn unknown(
    store: &Store,
    shop: &ShopId,
    order: &str,
    config: &Config,
) -> anyhow::Result<String> {
    let mut text = format!("{shop} has no order on record with the id or number {order}");
    let mut hint = |line: String| text = format!("{text}\n  - {line}");
    if config.shop(shop).is_none() {
        let shops: Vec<_> = config.shops.keys().map(ShopId::as_str).collect();
        hint(format!("there is no shop {shop} in the configuration; it has: {}", shops.join(", ")));
    }
    match store.notice_of(shop, order).await? {
        Some(notice) if notice.state == "failed" => hint(format!(
            "its platform was asked about it, and did not tell ({}): mend the cause, then run \
             `afs webhook replay`",
            notice.error.unwrap_or_default()
        )),
        Some(notice) => hint(format!(
            "its platform is still to be asked about it, next at {}{}",
            notice.due_at,
            notice.error.map_or(String::new(), |error| format!("; the last answer was: {error}"))
        )),
        None => {}
    }
    match store.unread_of(shop).await? {
        0 => {}
        unread => hint(format!(
            "{unread} webhooks of this shop could not be read, and are kept; it may be in one of them: \
             `afs status` says why, `afs webhook replay` reads them again"
        )),
    }
    if store.count_orders_of(shop).await? == 0 {
        hint(format!(
            "no webhook of this shop ever arrived: compare the address ({}/webhooks/{shop}) and the \
             secret with what the shop's platform has; `afs webhook send --shop {shop}` tries ours",
            config.server.public_url
        ));
    } else {
        hint(
            "its webhook may never have arrived: look at what the shop's platform says about its \
             deliveries"
                .to_owned(),
        );
    }
    Ok(text)
}
