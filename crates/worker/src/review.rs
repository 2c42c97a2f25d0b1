//! Verifies one review.

use std::sync::Arc;

use domain::ReviewId;
use metrics::counter;

use crate::Worker;

/// Checks the review against its invitation and order, and records the label with its evidence.
pub(crate) async fn verify(worker: Arc<Worker>, id: ReviewId) {
    let (review, origin) = match worker.store.pending_review(id).await {
        Ok(Some(found)) => found,
        // Labelled already.
        Ok(None) => return,
        Err(error) => return tracing::warn!(review = %id, %error, "review not read"),
    };
    let verdict = domain::review::verify(&review, origin.as_ref());
    match worker.store.label_review(id, &verdict, worker.now()).await {
        Ok(true) => {}
        Ok(false) => return,
        Err(error) => return tracing::warn!(review = %id, %error, "review not labelled"),
    }
    let shop = review.shop;
    match verdict {
        Ok(_) => {
            counter!("afs_reviews_verified_total", "shop" => shop.to_string()).increment(1);
            tracing::info!(review = %id, %shop, "review verified");
        }
        Err(refusal) => {
            counter!("afs_reviews_refused_total", "reason" => "not_verified").increment(1);
            tracing::warn!(review = %id, %shop, %refusal, "review not verified");
        }
    }
}
