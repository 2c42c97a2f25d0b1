//! Wakes what the timer has lost.
//!
//! The record knows what is due; the timer may know less: it was flushed, it was away when
//! something was decided, or a decision lay beyond its horizon. So the record is read in order of
//! due times, up to the horizon, from a cursor on, and what is overdue is read again each round.

use std::{sync::Arc, time::Duration};

use jiff::SignedDuration;
use queue::{Channel, Epoch, Wakeup};
use store::overview::Due;
use tokio_util::sync::CancellationToken;

use crate::Worker;

/// Wake-ups pushed in one round trip.
const PAGE: u32 = 1000;

/// Overdue jobs pushed again in one round: the oldest. The next ones follow as these are done.
const OVERDUE_MAX: u32 = 5 * PAGE;

/// What may be due without being overdue: it was woken a moment ago, and is being worked on.
const GRACE: SignedDuration = SignedDuration::from_secs(10);

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Reconciles every few seconds until `shutdown`.
pub(crate) async fn run(worker: Arc<Worker>, shutdown: CancellationToken) {
    if failpoint::bug("redis_is_the_truth") {
        return shutdown.cancelled().await;
    }
    let mut reconciler = Reconciler { worker, epoch: None, cursor: None };
    loop {
        match reconciler.round().await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => tracing::warn!(%error, "reconciling failed; it is tried again"),
        }
        let seconds = reconciler.worker.config.load().queue.reconcile_interval_secs;
        let pause = tokio::time::sleep(Duration::from_secs(seconds));
        if shutdown.run_until_cancelled(pause).await.is_none() {
            return;
        }
    }
}

struct Reconciler {
    worker: Arc<Worker>,
    /// The life of the timer's data that the cursor belongs to.
    epoch: Option<Epoch>,
    /// The last invitation pushed.
    cursor: Option<Due>,
}

impl Reconciler {
    /// One round; `false` if this timer needs no reconciling.
    async fn round(&mut self) -> Result<bool, Error> {
        let Worker { store, queue, .. } = &*self.worker;
        // First ask, then push: what is lost in between shows as a new epoch in the next round.
        let Some(epoch) = queue.epoch(Channel::Invitations).await? else { return Ok(false) };
        if self.epoch.as_ref() != Some(&epoch) {
            tracing::info!("the timer's data is new: every job within the horizon is pushed");
            self.epoch = Some(epoch);
            self.cursor = None;
        }
        let now = self.worker.now();
        let overdue = store.due_invitations(now - GRACE, OVERDUE_MAX).await?;
        for page in overdue.chunks(PAGE as usize) {
            queue.wake(Channel::Invitations, &wakeups(page)).await?;
        }
        let reviews = store.pending_reviews(PAGE).await?;
        let reviews: Vec<Wakeup> =
            reviews.into_iter().map(|id| Wakeup { id: id.0, due_at: now }).collect();
        queue.wake(Channel::Reviews, &reviews).await?;
        let notices = store.due_notices(now, PAGE).await?;
        let notices: Vec<Wakeup> =
            notices.into_iter().map(|id| Wakeup { id: id.0, due_at: now }).collect();
        queue.wake(Channel::Notices, &notices).await?;
        let horizon = self.worker.horizon();
        loop {
            let page = store.upcoming_invitations(self.cursor, horizon, PAGE).await?;
            let Some(last) = page.last() else { return Ok(true) };
            queue.wake(Channel::Invitations, &wakeups(&page)).await?;
            self.cursor = Some(*last);
        }
    }
}

fn wakeups(page: &[Due]) -> Vec<Wakeup> {
    page.iter().map(|due| Wakeup { id: due.id.0, due_at: due.at }).collect()
}
