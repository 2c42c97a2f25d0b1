//! `afs experiment`: how experiments stand.

use clap::Args;
use config::{Config, Experiment};
use domain::{
    ShopId,
    experiment::{Verdict, intervals},
};
use worker::experiment::{ALPHA, Standing, standing};

use super::say;
use crate::{
    lifecycle,
    services::{open_store, system_clock},
};

#[derive(Args)]
pub(crate) struct ExperimentArgs {
    /// Only this shop's
    #[arg(long)]
    shop: Option<ShopId>,
}

pub(crate) fn run(args: &ExperimentArgs, config: &Config) -> anyhow::Result<()> {
    lifecycle::runtime()?.block_on(async {
        // Needs no key, and must not change the schema under a running daemon.
        let store = open_store(config, vec![], false).await?;
        let mut shown = false;
        for shop in config.shops.values() {
            let Some(experiment) = &shop.experiment else { continue };
            if args.shop.as_ref().is_some_and(|only| *only != shop.id) {
                continue;
            }
            let now = (system_clock())();
            show(&shop.id, experiment, &standing(&store, &shop.id, experiment, now).await?);
            shown = true;
        }
        if !shown {
            say("no experiment runs: set name and variants under [invitations.experiment]");
        }
        store.close().await;
        Ok(())
    })
}

fn show(shop: &ShopId, experiment: &Experiment, standing: &Standing) {
    let Experiment { name, review_within, .. } = experiment;
    say(format_args!("{shop}: {name}"));
    say("  version              mails  reviews     rate   likely between");
    let likely = intervals(ALPHA, &standing.tallies);
    let lines = experiment.variants.iter().zip(&standing.tallies).zip(likely);
    for ((variant, tally), (low, high)) in lines {
        let rate = tally.rate().map_or("-".to_owned(), |rate| format!("{:.1} %", rate * 100.0));
        say(format_args!(
            "  {variant:<16} {:>9} {:>8} {rate:>8}   {:.1} and {:.1} %",
            tally.trials,
            tally.successes,
            low * 100.0,
            high * 100.0
        ));
    }
    let days = review_within.as_hours() / 24;
    say(format_args!("  a mail counts {days} days after it was sent, a person once"));
    say(match (&standing.decided, standing.verdict) {
        (Some(variant), _) => format!("  ended: all buyers get `{variant}`"),
        (None, Verdict::Uneven) => {
            "  nothing is decided: the versions were not sent equally often; did mails fail?".into()
        }
        (None, _) => "  goes on: no version has proved to be better".into(),
    });
}
