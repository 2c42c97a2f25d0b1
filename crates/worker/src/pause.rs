//! Which shops' mail rests, as every worker knows it within seconds.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use domain::ShopId;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::Worker;

/// How often the record is asked: one small question, instead of one for each mail.
const INTERVAL: Duration = Duration::from_secs(2);

/// The shops whose mail rests, and since when: none at first.
pub type Pauses = ArcSwap<BTreeMap<ShopId, Timestamp>>;

/// Looks once, before the first mail: as long as it takes. `false` if `shutdown` came first.
pub(crate) async fn known(worker: &Worker, shutdown: &CancellationToken) -> bool {
    while !look(worker).await {
        if shutdown.run_until_cancelled(tokio::time::sleep(INTERVAL)).await.is_none() {
            return false;
        }
    }
    true
}

/// Looks every few seconds until `shutdown`.
pub(crate) async fn run(worker: Arc<Worker>, shutdown: CancellationToken) {
    while shutdown.run_until_cancelled(tokio::time::sleep(INTERVAL)).await.is_some() {
        look(&worker).await;
    }
}

/// `false` if the record did not answer: then what is known stays.
async fn look(worker: &Worker) -> bool {
    let found = match worker.store.pauses().await {
        Ok(found) => found,
        Err(error) => {
            tracing::warn!(%error, "not known which shops' mail rests; asked again");
            return false;
        }
    };
    let known = worker.paused.load();
    let paused: BTreeMap<_, _> = found.iter().map(|it| (it.shop.clone(), it.since)).collect();
    if **known == paused {
        return true;
    }
    for pause in found.iter().filter(|it| !known.contains_key(&it.shop)) {
        tracing::warn!(shop = %pause.shop, reason = pause.reason, "this shop's mail rests");
    }
    for shop in known.keys().filter(|shop| !paused.contains_key(shop)) {
        tracing::info!(%shop, "this shop's mail goes on");
    }
    worker.paused.store(Arc::new(paused));
    true
}
