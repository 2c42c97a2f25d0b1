//! The jobs: what happens when the timer rings.
//!
//! | job | what it does |
//! |---|---|
//! | [`invitation`] | claims an invitation, writes it, hands it to the mail server, records the outcome |
//! | [`review`] | checks a review against its invitation and order, and labels it |
//! | [`notice`] | asks a platform about an order that its webhook only pointed to |
//! | [`lanes`] | keeps up to date which receiving sides have no room |
//! | [`reconcile`] | wakes what the timer has lost |
//! | [`experiment`] | looks how experiments stand, and ends them |
//! | [`bounce`] | empties a mailbox of mails that came back |
//! | [`pause`] | looks which shops' mail rests |
//! | [`housekeeping`] | forgets what is kept only for a time |
//!
//! A job may be woken twice, late, or for nothing: the record decides, and every step can be
//! repeated.

pub mod bounce;
pub mod experiment;
mod housekeeping;
mod invitation;
pub mod lanes;
mod notice;
pub mod pause;
mod reconcile;
mod review;
#[cfg(test)]
mod smtp_faults;

use std::{collections::BTreeMap, num::NonZeroUsize, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use config::Config;
use domain::{InvitationId, NoticeId, ReviewId, ShopId, token::TokenKeys};
use fetch::Fetcher;
use jiff::Timestamp;
use mail::{Dkim, Transport};
use queue::{BoxError, Channel, Clock, DueJob, DueJobs, Queue, RunSettings};
use store::Store;
use templates::Templates;
use tokio_util::sync::CancellationToken;

/// Orders that platforms are asked about at the same time: a slow platform must not hold up others.
const FETCHERS: NonZeroUsize = NonZeroUsize::new(8).unwrap();

/// What nobody waits for is looked for this many times less often: looking is all that an idle daemon
/// does.
const PATIENT: u32 = 5;

/// What the shops sign their mails with, those that do.
pub type Signers = BTreeMap<ShopId, Arc<Dkim>>;

/// What the jobs work with.
pub struct Worker {
    /// The record.
    pub store: Store,
    /// The timer.
    pub queue: Queue,
    /// The way out for mail.
    pub transport: Transport,
    /// Asks platforms.
    pub fetcher: Fetcher,
    /// The configuration in force; replaced as a whole when it is reloaded.
    pub config: Arc<ArcSwap<Config>>,
    /// The mails; replaced with the configuration.
    pub templates: Arc<ArcSwap<Templates>>,
    /// The keys that mails are signed with; replaced with the configuration.
    pub signers: Arc<ArcSwap<Signers>>,
    /// Makes the links in mails.
    pub keys: TokenKeys,
    /// Tells the time.
    pub clock: Clock,
    /// The experiments that have ended.
    pub decided: experiment::Decisions,
    /// The shops whose mail rests.
    pub paused: pause::Pauses,
    /// How much may go where.
    pub lanes: lanes::Lanes,
}

impl Worker {
    /// Works until `shutdown`, then lets running jobs finish and hands the rest back. How long that
    /// may take is for the caller to say.
    pub async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        // Before the first mail: an experiment that has ended must not go on.
        experiment::settle_all(&self).await;
        if !pause::known(&self, &shutdown).await {
            return;
        }
        let config = self.config.load();
        let lease = Duration::from_secs(config.worker.lease_secs);
        let poll_interval = Duration::from_millis(config.queue.poll_interval_millis);
        let settings = |concurrency, poll_interval| RunSettings {
            concurrency,
            poll_interval,
            // Ends after the claim's, which begins later: an id that comes back before could not be
            // claimed, and would wait for the reconciler.
            lease: lease + Duration::from_secs(2),
        };
        let senders = NonZeroUsize::new(config.worker.concurrency).unwrap_or(NonZeroUsize::MIN);
        let invitations = {
            let worker = self.clone();
            let send = move |id| invitation::send(worker.clone(), InvitationId(id), lease);
            let settings = settings(senders, poll_interval);
            self.queue.run(Channel::Invitations, settings, send, shutdown.clone())
        };
        let reviews = {
            let worker = self.clone();
            let verify = move |id| review::verify(worker.clone(), ReviewId(id));
            let settings = settings(NonZeroUsize::MIN, poll_interval * PATIENT);
            self.queue.run(Channel::Reviews, settings, verify, shutdown.clone())
        };
        let notices = {
            let worker = self.clone();
            let ask = move |id| notice::ask(worker.clone(), NoticeId(id), lease);
            let settings = settings(FETCHERS, poll_interval * PATIENT);
            self.queue.run(Channel::Notices, settings, ask, shutdown.clone())
        };
        let reconciler = reconcile::run(self.clone(), shutdown.clone());
        let housekeeping = housekeeping::run(self.clone(), shutdown.clone());
        let experiments = experiment::run(self.clone(), shutdown.clone());
        let pauses = pause::run(self.clone(), shutdown.clone());
        let lanes = lanes::run(self.clone(), shutdown.clone());
        let bounces = bounce::run(self.clone(), shutdown.clone());
        tokio::join!(
            invitations,
            reviews,
            notices,
            reconciler,
            housekeeping,
            experiments,
            pauses,
            lanes,
            bounces
        );
    }

    fn now(&self) -> Timestamp {
        (self.clock)()
    }
}

/// The record as a timer of its own, for installations without Redis.
pub struct DueInRecord(pub Store);

#[async_trait]
impl DueJobs for DueInRecord {
    async fn due(
        &self,
        channel: Channel,
        now: Timestamp,
        limit: u32,
        after: &str,
    ) -> Result<Vec<DueJob>, BoxError> {
        let in_one_group = |id| DueJob { id, group: String::new() };
        Ok(match channel {
            Channel::Invitations => {
                let due = self.0.due_in_turns(now, limit, after).await?;
                due.into_iter().map(|due| DueJob { id: due.id.0, group: due.shop.into() }).collect()
            }
            Channel::Reviews => {
                let ids = self.0.pending_reviews(limit).await?;
                ids.into_iter().map(|id| in_one_group(id.0)).collect()
            }
            Channel::Notices => {
                let ids = self.0.due_notices(now, limit).await?;
                ids.into_iter().map(|id| in_one_group(id.0)).collect()
            }
        })
    }
}
