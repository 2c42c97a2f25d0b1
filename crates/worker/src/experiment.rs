//! Tries versions of the invitation against each other, and keeps the better one.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use config::Experiment;
use domain::{
    ShopId,
    experiment::{Rule, Tally, Verdict, assign, judge},
};
use metrics::gauge;
use store::{Store, StoreError, sending::Claimed};
use tokio_util::sync::CancellationToken;

use crate::Worker;

/// The chance of ever choosing a version that is not better.
pub const ALPHA: f64 = 0.05;

/// How often experiments are looked at. They may be looked at as often as one likes.
const INTERVAL: Duration = Duration::from_mins(10);

/// The versions that have been chosen, by shop and experiment.
type Decided = BTreeMap<(ShopId, String), String>;

/// What the worker knows of experiments that have ended: nothing at first.
pub type Decisions = ArcSwap<Decided>;

/// How an experiment stands.
pub struct Standing {
    /// For each version, what it has led to.
    pub tallies: Vec<Tally>,
    /// What follows from that.
    pub verdict: Verdict,
    /// The version that was chosen, if it has ended.
    pub decided: Option<String>,
}

/// Looks how an experiment stands.
pub async fn standing(
    store: &Store,
    shop: &ShopId,
    experiment: &Experiment,
    now: jiff::Timestamp,
) -> Result<Standing, StoreError> {
    let mut tallies = Vec::new();
    for variant in &experiment.variants {
        let variant = recorded(experiment, variant);
        tallies.push(store.tally(shop, &variant, experiment.review_within, now).await?);
    }
    let rule = Rule { alpha: ALPHA, max_per_variant: experiment.max_per_variant };
    let verdict = judge(&rule, &tallies);
    let decided = store.decided_variant(shop, &experiment.name).await?;
    Ok(Standing { tallies, verdict, decided })
}

/// Ends an experiment if it is time. The first decision counts, whoever takes it.
async fn settle(
    worker: &Worker,
    shop: &ShopId,
    experiment: &Experiment,
) -> Result<Standing, StoreError> {
    let now = worker.now();
    let standing = standing(&worker.store, shop, experiment, now).await?;
    let stays = match standing.verdict {
        Verdict::Winner(index) => experiment.variants.get(index),
        Verdict::NoDifference => experiment.variants.first(),
        Verdict::Running | Verdict::Uneven => None,
    };
    let Some(variant) = stays.filter(|_| standing.decided.is_none()) else { return Ok(standing) };
    worker.store.decide_experiment(shop, &experiment.name, variant, now).await?;
    let decided = worker.store.decided_variant(shop, &experiment.name).await?;
    Ok(Standing { decided, ..standing })
}

/// A version as it is recorded with a mail.
fn recorded(experiment: &Experiment, variant: &str) -> String {
    format!("{}/{variant}", experiment.name)
}

/// Looks every few minutes until `shutdown`.
pub(crate) async fn run(worker: Arc<Worker>, shutdown: CancellationToken) {
    loop {
        settle_all(&worker).await;
        if shutdown.run_until_cancelled(tokio::time::sleep(INTERVAL)).await.is_none() {
            return;
        }
    }
}

/// Looks at all experiments. What cannot be looked at stays as it was.
pub(crate) async fn settle_all(worker: &Worker) {
    let config = worker.config.load();
    let mut decided = Decided::clone(&worker.decided.load());
    for shop in config.shops.values() {
        let Some(experiment) = &shop.experiment else { continue };
        let standing = match settle(worker, &shop.id, experiment).await {
            Ok(standing) => standing,
            Err(error) => {
                tracing::warn!(shop = %shop.id, %error, "an experiment was not looked at");
                continue;
            }
        };
        for (variant, tally) in experiment.variants.iter().zip(&standing.tallies) {
            let gauge = |name: &'static str, count| {
                let labels = [("shop", shop.id.to_string()), ("variant", variant.clone())];
                gauge!(name, &labels).set(f64::from(count));
            };
            gauge("afs_experiment_mails", tally.trials);
            gauge("afs_experiment_reviews", tally.successes);
        }
        if standing.verdict == Verdict::Uneven {
            tracing::warn!(
                shop = %shop.id, experiment = experiment.name,
                "the versions of this experiment were not sent equally often: nothing is decided"
            );
        }
        let Some(variant) = standing.decided else { continue };
        let key = (shop.id.clone(), experiment.name.clone());
        if !worker.decided.load().contains_key(&key) {
            tracing::info!(
                shop = %shop.id, experiment = experiment.name, variant,
                "the experiment has ended: all buyers get this version"
            );
        }
        decided.insert(key, variant);
    }
    worker.decided.store(Arc::new(decided));
}

/// The version of the invitation that somebody gets.
#[derive(Clone, Debug, Default)]
pub(crate) struct Version {
    /// The variant of the templates; `None` is the mail as it is.
    pub(crate) variant: Option<String>,
    /// How it is recorded; `None` if no experiment runs, or if it has ended.
    pub(crate) recorded: Option<String>,
}

/// The version of the invitation that the recipient of this mail gets.
pub(crate) fn version(worker: &Worker, claimed: &Claimed) -> Version {
    let config = worker.config.load();
    let Some(shop) = config.shop(&claimed.shop) else { return Version::default() };
    let Some(experiment) = &shop.experiment else { return Version::default() };
    let key = (shop.id.clone(), experiment.name.clone());
    let decided = worker.decided.load().get(&key).cloned();
    let Experiment { name, variants, .. } = experiment;
    let dealt = || variants.get(assign(name, &claimed.recipient, variants.len())).cloned();
    let running = decided.is_none();
    let variant = decided.or_else(dealt);
    Version {
        recorded: variant.as_deref().filter(|_| running).map(|name| recorded(experiment, name)),
        variant: variant.filter(|name| name != Experiment::USUAL),
    }
}
