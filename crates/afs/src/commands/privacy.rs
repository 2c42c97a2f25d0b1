//! `afs privacy`: what is stored about the buyers of some orders.

use clap::{Args, Subcommand};
use config::Config;
use domain::ShopId;

use super::say;
use crate::{lifecycle, services::open_store};

#[derive(Subcommand)]
pub(crate) enum PrivacyCommand {
    /// Print, as JSON, what is stored about the buyers of some orders
    Export(Orders),
    /// Erase who bought in some orders, at once and for good
    ///
    /// An invitation that waits is not sent. What stays names nobody: that there was an order, what was
    /// decided about it, and the words of a review without its author. A list of addresses that want
    /// no mail holds keyed hashes only, and stays.
    Erase(Orders),
    /// Erase who bought in any order of a shop, as when it leaves; some thousand orders at a time
    ///
    /// May be stopped and started again. Webhooks that could not be read are forgotten after 90 days.
    EraseShop {
        /// The shop, also one that is not configured any more
        #[arg(long)]
        shop: ShopId,
    },
}

/// Orders that are erased in one transaction.
const PAGE: u32 = 1000;

#[derive(Args)]
pub(crate) struct Orders {
    /// The shop, as in the configuration
    #[arg(long)]
    shop: ShopId,
    /// The platform's id of an order; may be given again
    #[arg(long = "order", value_name = "ID", required = true)]
    orders: Vec<String>,
}

pub(crate) fn run(command: &PrivacyCommand, config: &Config) -> anyhow::Result<()> {
    lifecycle::runtime()?.block_on(async {
        // Needs no key, and must not change the schema under a running daemon.
        let store = open_store(config, vec![], false).await?;
        match command {
            PrivacyCommand::Export(Orders { shop, orders }) => {
                say(serde_json::to_string_pretty(&store.stored(shop, orders).await?)?);
            }
            PrivacyCommand::Erase(Orders { shop, orders }) => {
                let erased = store.erase(shop, orders).await?;
                let asked = orders.len();
                say(format_args!(
                    "erased {erased} of {asked} orders of {shop}; the others are not here"
                ));
            }
            PrivacyCommand::EraseShop { shop } => {
                let (mut erased, mut after) = (0, String::new());
                loop {
                    let orders = store.orders_of(shop, &after, PAGE).await?;
                    let Some(last) = orders.last() else { break };
                    erased += store.erase(shop, &orders).await?;
                    after.clone_from(last);
                    say(format_args!("erased {erased} orders of {shop}"));
                }
                say(format_args!("no order of {shop} names its buyer any more"));
            }
        }
        store.close().await;
        Ok(())
    })
}
