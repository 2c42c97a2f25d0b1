//! `afs shop`: which shops there are, and whose mail rests.

use anyhow::ensure;
use clap::{Args, Subcommand};
use config::Config;
use domain::ShopId;
use store::bounces::Pause;

use super::say;
use crate::{
    lifecycle,
    services::{open_store, system_clock},
};

#[derive(Subcommand)]
pub(crate) enum ShopCommand {
    /// List the shops, and say whose mail rests, and why
    List,
    /// Let a shop's mail rest, within seconds; what is due waits, and nothing is lost
    Pause(Shop),
    /// Let a shop's mail go on: what was due leaves within 15 minutes
    ///
    /// Complaints that came before do not pause it again.
    Resume(Shop),
}

#[derive(Args)]
pub(crate) struct Shop {
    /// The shop, as in the configuration
    shop: ShopId,
}

pub(crate) fn run(command: &ShopCommand, config: &Config) -> anyhow::Result<()> {
    lifecycle::runtime()?.block_on(async {
        // Needs no key, and must not change the schema under a running daemon.
        let store = open_store(config, vec![], false).await?;
        let now = system_clock()();
        match command {
            ShopCommand::List => {
                let pauses = store.pauses().await?;
                for shop in config.shops.values() {
                    let pause = pauses.iter().find(|pause| pause.shop == shop.id);
                    let state = pause.map_or("sends mail".to_owned(), resting);
                    say(format_args!("{}  {}  {}  {state}", shop.id, shop.platform, shop.name));
                }
                for pause in pauses.iter().filter(|pause| config.shop(&pause.shop).is_none()) {
                    say(format_args!("{}  is not configured  {}", pause.shop, resting(pause)));
                }
            }
            ShopCommand::Pause(Shop { shop }) => {
                ensure!(
                    config.shop(shop).is_some(),
                    "there is no shop {shop} in the configuration"
                );
                let begins = store.pause_shop(shop, "paused by hand", now).await?;
                say(if begins {
                    format!("the mail of {shop} rests until `afs shop resume {shop}`")
                } else {
                    format!("the mail of {shop} rests already")
                });
            }
            ShopCommand::Resume(Shop { shop }) => {
                let ends = store.resume_shop(shop, now).await?;
                say(if ends {
                    format!("the mail of {shop} goes on; what was due leaves within 15 minutes")
                } else {
                    format!("the mail of {shop} does not rest")
                });
            }
        }
        store.close().await;
        Ok(())
    })
}

/// Since when a shop's mail rests, and why.
pub(crate) fn resting(pause: &Pause) -> String {
    format!("rests since {}: {}", pause.since, pause.reason)
}
