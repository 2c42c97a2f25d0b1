//! Forgets what is kept only for a time.

use std::{sync::Arc, time::Duration};

use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use crate::Worker;

/// How often it looks.
const INTERVAL: Duration = Duration::from_hours(1);

/// Webhooks that could not be read, and orders that no platform answered for. Long enough for a new
/// version to come out and be installed; both hold personal data.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Looks every hour until `shutdown`.
pub(crate) async fn run(worker: Arc<Worker>, shutdown: CancellationToken) {
    loop {
        if let Err(error) = expire(&worker).await {
            tracing::warn!(%error, "what is too old was not forgotten; it is tried again");
        }
        if shutdown.run_until_cancelled(tokio::time::sleep(INTERVAL)).await.is_none() {
            return;
        }
    }
}

async fn expire(worker: &Worker) -> Result<(), store::StoreError> {
    let before = worker.now().checked_sub(KEPT_FOR).unwrap_or(jiff::Timestamp::MIN);
    let webhooks = worker.store.expire_unread(before).await?;
    let notices = worker.store.expire_notices(before).await?;
    if webhooks + notices > 0 {
        tracing::warn!(
            webhooks,
            notices,
            "forgotten: webhooks that were never read, orders that were never fetched"
        );
    }
    Ok(())
}
