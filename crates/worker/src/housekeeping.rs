//! Forgets what is not needed any more.

use std::{sync::Arc, time::Duration};

use config::{Config, Retention};
use domain::ShopId;
use jiff::{SignedDuration, Timestamp};
use metrics::counter;
use store::{
    Store, StoreError,
    retention::{Aging, EXPIRED_MAX, NotNeeded},
};
use tokio_util::sync::CancellationToken;

use crate::Worker;

/// How often it looks.
const INTERVAL: Duration = Duration::from_hours(1);

/// How often it looks through all orders: that is work, and nothing is urgent after weeks.
const ORDERS_INTERVAL: SignedDuration = SignedDuration::from_hours(24);

/// How long links of shops that are not configured any more count as good.
const FORMER_SHOPS: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Between two pages of orders: who takes orders goes first.
const PAUSE: Duration = Duration::from_millis(5);

/// Looks every hour until `shutdown`.
pub(crate) async fn run(worker: Arc<Worker>, shutdown: CancellationToken) {
    let mut looked_through = None;
    loop {
        let tidying = tidy(&worker, &mut looked_through);
        match shutdown.run_until_cancelled(tidying).await {
            None => return,
            Some(Err(error)) => {
                tracing::warn!(%error, "what is not needed any more was not forgotten; it is tried again");
            }
            Some(Ok(())) => {}
        }
        if shutdown.run_until_cancelled(tokio::time::sleep(INTERVAL)).await.is_none() {
            return;
        }
    }
}

/// `looked_through` is when all orders were looked through last.
async fn tidy(worker: &Worker, looked_through: &mut Option<Timestamp>) -> Result<(), StoreError> {
    let (now, config) = (worker.now(), worker.config.load_full());
    for what in Aging::ALL {
        let forgotten = expire(&worker.store, what, before(what, config.retention, now)).await?;
        tell(what.as_str(), forgotten);
    }
    if looked_through.is_none_or(|at| now.duration_since(at) >= ORDERS_INTERVAL) {
        for shop in worker.store.shops_on_record().await? {
            forget_orders(&worker.store, &shop, not_needed(&config, &shop, now), now).await?;
        }
        *looked_through = Some(now);
    }
    Ok(())
}

/// The time before which this is deleted.
fn before(what: Aging, retention: Retention, now: Timestamp) -> Timestamp {
    let days = match what {
        Aging::UnreadWebhooks | Aging::Notices => retention.unread_days,
        Aging::Bounces => retention.bounce_days,
        Aging::Receipts => retention.receipt_days,
        // They say themselves how long they hold.
        Aging::Suppressions => 0,
    };
    earlier(now, day(days))
}

/// Which orders of a shop nothing needs any more, and has not for as long as the operator wants.
fn not_needed(config: &Config, shop: &ShopId, now: Timestamp) -> NotNeeded {
    let kept = day(config.retention.order_days);
    let (link_valid, max_order_age) = match config.shop(shop) {
        Some(shop) => (shop.link_valid, shop.policy.max_order_age),
        None => (FORMER_SHOPS, SignedDuration::ZERO),
    };
    NotNeeded {
        changed_before: earlier(now, kept),
        uninvited_before: earlier(now, kept.saturating_add(max_order_age)),
        mailed_before: earlier(now, kept.saturating_add(link_valid)),
    }
}

async fn expire(store: &Store, what: Aging, before: Timestamp) -> Result<u64, StoreError> {
    let mut forgotten = 0;
    loop {
        let some = store.expire(what, before).await?;
        forgotten += some;
        if some < EXPIRED_MAX {
            return Ok(forgotten);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn forget_orders(
    store: &Store,
    shop: &ShopId,
    not_needed: NotNeeded,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let page = store.forget_orders(shop, &after, not_needed, now).await?;
        tell("orders", page.forgotten);
        let Some(next) = page.next else { return Ok(()) };
        after = next;
        tokio::time::sleep(PAUSE).await;
    }
}

/// Counts, for whoever has to show that old data goes.
fn tell(kind: &'static str, forgotten: u64) {
    counter!("afs_forgotten_total", "kind" => kind).increment(forgotten);
    if forgotten > 0 {
        tracing::info!(kind, forgotten, "forgotten: nothing needs it any more");
    }
}

fn day(days: u32) -> SignedDuration {
    SignedDuration::from_hours(24 * i64::from(days))
}

fn earlier(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_sub(by).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_follows_from_the_configuration_and_the_clock() {
        let text = "
            [retention]
            order_days = 10
            [shops.demo]
            platform = 'mapped'
            name = 'Demo'
            secrets = ['whsec_dGhlLXNlY3JldC1vZi10aGUtcGFwZXItc2hvcC0hISE=']
            invitations.link_valid_days = 60
            invitations.max_order_age_days = 20
        ";
        let config = Config::from_toml(text, &["mapped"]).unwrap();
        let now: Timestamp = "2026-12-31T00:00:00Z".parse().unwrap();
        let ago = |days| earlier(now, day(days));
        let limits = not_needed(&config, &"demo".parse().unwrap(), now);
        let wanted = NotNeeded {
            changed_before: ago(10),
            uninvited_before: ago(30),
            mailed_before: ago(70),
        };
        assert_eq!(limits, wanted);
        let former = not_needed(&config, &"former".parse().unwrap(), now);
        assert_eq!((former.uninvited_before, former.mailed_before), (ago(10), ago(100)));
        let days = Aging::ALL.map(|what| now.duration_since(before(what, config.retention, now)));
        assert_eq!(days.map(|it| it.as_hours() / 24), [90, 90, 180, 0, 1095]);
    }
}
