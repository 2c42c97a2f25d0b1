//! Wakes what the timer has lost.
//!
//! The record knows what is due; the timer may know less: it was flushed, it was away when
//! something was decided, or a decision lay beyond its horizon. So each round reads from the record
//! what the horizon has come to since the round before, a page of each shop in turn, and again what
//! is overdue.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use domain::InvitationId;
use jiff::{SignedDuration, Timestamp};
use queue::{Channel, Epoch, Wakeup};
use store::overview::Due;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

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
    let mut reconciler = Reconciler { worker, epoch: None, sweep: Sweep::from_the_start() };
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
    /// The life of the timer's data that it was pushed to.
    epoch: Option<Epoch>,
    sweep: Sweep,
}

/// How far the record has been read.
struct Sweep {
    /// All that is due up to then has been pushed, but for what these shops have behind these
    /// invitations.
    until: Timestamp,
    left: VecDeque<Due>,
}

impl Sweep {
    fn from_the_start() -> Self {
        Self { until: Timestamp::MIN, left: VecDeque::new() }
    }
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
            self.sweep = Sweep::from_the_start();
        }
        let now = self.worker.now();
        let overdue = store.due_invitations(now - GRACE, OVERDUE_MAX).await?;
        for page in overdue.chunks(PAGE as usize) {
            queue.wake(Channel::Invitations, &wakeups(page)).await?;
        }
        let reviews = store.pending_reviews(PAGE).await?;
        let in_one_group = |id| Wakeup { id, group: String::new(), due_at: now };
        let reviews: Vec<Wakeup> = reviews.into_iter().map(|id| in_one_group(id.0)).collect();
        queue.wake(Channel::Reviews, &reviews).await?;
        let notices = store.due_notices(now, PAGE).await?;
        let notices: Vec<Wakeup> = notices.into_iter().map(|id| in_one_group(id.0)).collect();
        queue.wake(Channel::Notices, &notices).await?;
        if self.sweep.left.is_empty() {
            self.sweep = self.next_sweep().await?;
        }
        while let Some(after) = self.sweep.left.front() {
            let page = store.upcoming_invitations(after, self.sweep.until, PAGE).await?;
            queue.wake(Channel::Invitations, &wakeups(&page)).await?;
            // Move on only after a push that succeeded.
            self.sweep.left.pop_front();
            self.sweep.left.extend(page.last().cloned());
        }
        Ok(true)
    }

    /// From where the last one ended to the horizon.
    async fn next_sweep(&self) -> Result<Sweep, Error> {
        let (from, until) = (self.sweep.until, self.worker.horizon());
        let shops = self.worker.store.shops_due(from, until).await?;
        // Behind whatever is due at that moment.
        let id = InvitationId(Uuid::max());
        let left = shops.into_iter().map(|shop| Due { id, shop, at: from }).collect();
        Ok(Sweep { until, left })
    }
}

fn wakeups(page: &[Due]) -> Vec<Wakeup> {
    page.iter()
        .map(|due| Wakeup { id: due.id.0, group: due.shop.to_string(), due_at: due.at })
        .collect()
}
