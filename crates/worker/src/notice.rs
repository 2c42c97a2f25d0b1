//! Asks a platform about one order that its webhook only pointed to.

use std::{sync::Arc, time::Duration};

use adapter_api::Event;
use config::ShopSettings;
use domain::{
    Change, NoticeId, OrderEvent,
    retry::{Failure, Next, RetryPolicy, after_failure},
};
use fetch::FetchError;
use jiff::SignedDuration;
use metrics::counter;
use queue::{Channel, Wakeup};
use store::{
    StoreError,
    intake::Arrival,
    notices::{Answered, ClaimedNotice},
};

use crate::Worker;

/// Why an order is not on record yet.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("the shop is not configured")]
    NoShop,
    #[error("this version does not know how to ask this platform")]
    NoSource,
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("the answer could not be recorded: {0}")]
    Store(#[from] StoreError),
}

/// Claims the notice, asks the platform, and records what it says as if a webhook had said it.
///
/// `lease` is how long nobody else asks about the same order.
pub(crate) async fn ask(worker: Arc<Worker>, id: NoticeId, lease: Duration) {
    let lease = SignedDuration::try_from(lease).unwrap_or(SignedDuration::MAX);
    let claimed = match worker.store.claim_notice(id, worker.now(), lease).await {
        Ok(Some(claimed)) => claimed,
        // Answered, failed, or being asked by another worker: nothing to do.
        Ok(None) => return,
        // Still waiting in the record: the reconciler wakes it again.
        Err(error) => return tracing::warn!(notice = %id, %error, "not claimed"),
    };
    let answered = match attempt(&worker, &claimed).await {
        Ok(()) => Answered::Done,
        Err(trouble) => after(&worker, &claimed, &trouble),
    };
    report(&claimed, &answered);
    let answered = match answered {
        Answered::Failed(error) => as_told(&worker, &claimed, error).await,
        done_or_later => done_or_later,
    };
    match worker.store.finish_notice(id, claimed.fence, &answered).await {
        // Not ours any more: whoever took it over, or pointed to the order again, has it asked again.
        Ok(false) => {}
        Ok(true) => wake_again(&worker, id, &answered).await,
        Err(error) => tracing::error!(notice = %id, %error, "an answer was not recorded"),
    }
}

async fn attempt(worker: &Worker, claimed: &ClaimedNotice) -> Result<(), Trouble> {
    let config = worker.config.load();
    let shop = config.shop(&claimed.shop).ok_or(Trouble::NoShop)?;
    let adapter = adapters::of(shop).ok_or(Trouble::NoSource)?;
    let source = adapter.source().ok_or(Trouble::NoSource)?;
    let asked = worker.fetcher.ask(&shop.id, source, &shop.api, &claimed.reference).await;
    let events = match (asked, &claimed.told) {
        (Err(FetchError::NotFound), Some(told)) if told.change != Change::Completed => {
            vec![Event::Order(told.clone())]
        }
        (asked, _) => asked?,
    };
    for event in events {
        match event {
            Event::Order(event) => accept(worker, shop, claimed, event).await?,
            Event::Ignored { reason } => {
                tracing::debug!(
                    request_id = %claimed.request_id, shop = %shop.id, reason, "order not used"
                );
            }
            Event::Alert { reason } => {
                counter!("afs_webhook_alerts_total", "shop" => shop.id.to_string()).increment(1);
                tracing::error!(
                    request_id = %claimed.request_id, shop = %shop.id, "the shop must act: {reason}"
                );
            }
            // An answer that points on would be followed for ever; and it is about an order.
            Event::Notice(_) | Event::Privacy(_) => return Err(Trouble::NoSource),
        }
    }
    Ok(())
}

/// What the webhook itself said counts if the platform does not answer for good: an invitation
/// without details is better than none.
async fn as_told(worker: &Worker, claimed: &ClaimedNotice, error: String) -> Answered {
    let config = worker.config.load();
    let Some((shop, told)) = config.shop(&claimed.shop).zip(claimed.told.clone()) else {
        return Answered::Failed(error);
    };
    if told.change != Change::Completed || accept(worker, shop, claimed, told).await.is_err() {
        return Answered::Failed(error);
    }
    tracing::warn!(
        request_id = %claimed.request_id, shop = %shop.id, order = claimed.reference, error,
        "order not fetched; it counts as its webhook told it"
    );
    Answered::Done
}

/// Puts on record what the platform said. The reconciler sets the timer.
async fn accept(
    worker: &Worker,
    shop: &ShopSettings,
    claimed: &ClaimedNotice,
    event: OrderEvent,
) -> Result<(), StoreError> {
    let arrival = Arrival {
        shop: shop.id.clone(),
        event_key: Arrival::key(None, &event),
        event,
        request_id: claimed.request_id,
        received_at: worker.now(),
        policy: shop.policy.clone(),
    };
    worker.store.accept(arrival).await.map(drop)
}

fn after(worker: &Worker, claimed: &ClaimedNotice, trouble: &Trouble) -> Answered {
    let failure = match trouble {
        // Only a newer version can read it, or ask at all.
        Trouble::NoSource | Trouble::Fetch(FetchError::Unread(_) | FetchError::TooLarge) => {
            Failure::Permanent
        }
        // Configuration is mended, and an order may show in the API later than in a webhook.
        Trouble::NoShop | Trouble::Store(_) | Trouble::Fetch(_) => Failure::Temporary,
    };
    let policy = RetryPolicy::from(worker.config.load().retry);
    let ClaimedNotice { id, attempt, first_due_at, .. } = *claimed;
    match after_failure(&policy, id.0, attempt, first_due_at, failure, worker.now()) {
        Next::GiveUp => Answered::Failed(trouble.to_string()),
        Next::RetryAt(at) => {
            let asked_for = match trouble {
                Trouble::Fetch(FetchError::Busy { retry_after: Some(wait), .. }) => *wait,
                _ => Duration::ZERO,
            };
            let asked_for = SignedDuration::try_from(asked_for).unwrap_or_default();
            let at = at.max(worker.now().checked_add(asked_for).unwrap_or(at));
            Answered::Retry { at, error: trouble.to_string() }
        }
    }
}

fn report(claimed: &ClaimedNotice, answered: &Answered) {
    let ClaimedNotice { request_id, shop, reference, attempt, .. } = claimed;
    let outcome = match answered {
        Answered::Done => "done",
        Answered::Retry { .. } => "retry",
        Answered::Failed(_) => "failed",
    };
    counter!("afs_fetches_total", "shop" => shop.to_string(), "outcome" => outcome).increment(1);
    match answered {
        Answered::Done => {
            tracing::info!(%request_id, %shop, order = reference, attempt, "order fetched");
        }
        Answered::Retry { at, error } => tracing::warn!(
            %request_id, %shop, order = reference, attempt, next = %at, error,
            "order not fetched; the platform will be asked again"
        ),
        Answered::Failed(error) => tracing::error!(
            %request_id, %shop, order = reference, attempt, error,
            "order not fetched; mend the cause and run `afs webhook replay`"
        ),
    }
}

/// Sets the timer for the next attempt.
async fn wake_again(worker: &Worker, id: NoticeId, answered: &Answered) {
    let Answered::Retry { at: due_at, .. } = *answered else { return };
    let wakeup = Wakeup { id: id.0, group: String::new(), due_at };
    if let Err(error) = worker.queue.wake(Channel::Notices, &[wakeup]).await {
        tracing::warn!(notice = %id, %error, "the queue did not take a wake-up; the reconciler will");
    }
}
