//! The worker: fetches an id for every free handler slot, and lets apalis run the handlers.
//!
//! apalis's own polling strategies are not used. Its interval forgets to wake up after a fetch that
//! took longer than the interval, and its storages fetch whenever anything wakes the worker.

use std::{
    collections::VecDeque, convert::Infallible, iter, num::NonZeroUsize, panic, sync::Arc,
    time::Duration,
};

use apalis::prelude::{WorkerBuilder, WorkerBuilderExt as _, WorkerContext, WorkerError};
use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinError,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::{error, warn};
use uuid::Uuid;

use crate::{Backend, Channel, Lease, Queue};

/// How long the worker rests after an error.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// While there is much to do, slots are gathered until one in so many is free, or for so long: a fetch, and
/// what its ids are then asked of the record, costs hardly more for many than for one.
const GATHERED_PART: usize = 4;
const GATHER_PAUSE: Duration = Duration::from_millis(10);

/// Acknowledgements that share a round trip at the most.
const ACKS_MAX: usize = 500;

/// How [`Queue::run`] works.
///
/// There is no batch size: an id is fetched only when a handler slot is free for it, as many at a
/// time as there are free slots. So no id waits in a buffer while its lease runs out.
#[derive(Clone, Copy, Debug)]
pub struct RunSettings {
    /// How many handlers run at a time, each as a task of its own.
    pub concurrency: NonZeroUsize,
    /// How often to look for due ids when there are none. While there are enough to fill the free
    /// slots, the worker looks again almost at once.
    pub poll_interval: Duration,
    /// After this time an id whose handler has not returned is given to the next who asks, because
    /// its worker is taken for dead. Bound the time of the handler well below it.
    pub lease: Duration,
}

impl Queue {
    /// Calls `handler` with every id that falls due, until `shutdown`.
    ///
    /// On shutdown no new handler is started, ids that were fetched but not started are handed back
    /// at once, and the call returns when the running handlers have. How long that may take is for
    /// the caller to say: dropping the future abandons the handlers, and their ids come back after
    /// the lease. So does the id of a handler that panics.
    ///
    /// Errors of the backend are logged and retried, for as long as it takes.
    pub async fn run<H, F>(
        &self,
        channel: Channel,
        settings: RunSettings,
        handler: H,
        shutdown: CancellationToken,
    ) where
        H: Fn(Uuid) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        while !shutdown.is_cancelled() {
            let worker = WorkerContext::new(channel.as_str());
            let (done, to_acknowledge) = mpsc::channel(settings.concurrency.get());
            let feed = Feed {
                backend: self.backend.clone(),
                channel,
                settings,
                shutdown: shutdown.clone(),
                worker: worker.clone(),
                done,
                slots: Arc::new(Semaphore::new(settings.concurrency.get())),
                fetched: VecDeque::new(),
                next_fetch: Instant::now(),
                busy: false,
                failing: false,
            };
            let working = work(worker, feed, handler.clone());
            let acknowledging = acknowledge(&self.backend, channel, to_acknowledge);
            if let (Err(error), ()) = tokio::join!(working, acknowledging) {
                error!(channel = channel.as_str(), %error, "the worker ended; it is restarted");
                shutdown.run_until_cancelled(sleep(RETRY_PAUSE)).await;
            }
        }
    }
}

/// Runs an apalis worker until the feed ends and the last handler has returned.
///
/// Boxed here, where the compiler still sees that it may move between threads.
fn work<H, F>(
    worker: WorkerContext,
    feed: Feed,
    handler: H,
) -> BoxFuture<'static, Result<(), WorkerError>>
where
    H: Fn(Uuid) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let jobs = stream::unfold(feed, |mut feed| async {
        feed.next().await.map(|job| (Ok::<_, Infallible>(job), feed))
    });
    let run = move |job: Job| {
        let handler = handler.clone();
        async move {
            // apalis polls all jobs in one task, which has one processor.
            let handled = AbortOnDropHandle::new(tokio::spawn(handler(job.lease.id))).await;
            match handled.map_err(JoinError::try_into_panic) {
                Ok(()) => job.finish().await,
                Err(Ok(panic)) => panic::resume_unwind(panic),
                // The runtime is shutting down.
                Err(Err(_)) => {}
            }
        }
    };
    WorkerBuilder::new(worker).backend(jobs.boxed()).catch_panic().build(run).run().boxed()
}

/// Acknowledges what is done, until nothing more can be: while one group is under way the next
/// gathers, so that a busy time costs few round trips.
async fn acknowledge(backend: &Backend, channel: Channel, mut done: mpsc::Receiver<Lease>) {
    let mut group = Vec::new();
    while done.recv_many(&mut group, ACKS_MAX).await > 0 {
        if let Err(error) = backend.ack(channel, &group).await {
            let (channel, ids) = (channel.as_str(), group.len());
            warn!(channel, ids, %error, "cannot acknowledge; the ids come back after their lease");
        }
        group.clear();
    }
}

/// What an apalis worker works off: fetched ids, each with its slot.
struct Feed {
    backend: Backend,
    channel: Channel,
    settings: RunSettings,
    shutdown: CancellationToken,
    worker: WorkerContext,
    /// One permit for each handler that may run.
    slots: Arc<Semaphore>,
    /// Where jobs say that they are done.
    done: mpsc::Sender<Lease>,
    fetched: VecDeque<(Lease, OwnedSemaphorePermit)>,
    next_fetch: Instant,
    /// The last fetch filled all free slots: there is more.
    busy: bool,
    /// The last fetch failed; has been logged.
    failing: bool,
}

impl Feed {
    /// The next job; `None` after shutdown.
    async fn next(&mut self) -> Option<Job> {
        while !self.shutdown.is_cancelled() {
            if let Some((lease, slot)) = self.fetched.pop_front() {
                let (done, channel) = (self.done.clone(), self.channel);
                return Some(Job { lease, done, channel, finished: false, _slot: slot });
            }
            tokio::select! {
                biased;
                () = self.shutdown.cancelled() => {}
                // Not part of the race: a fetch that is dropped half-way loses the ids it leased.
                slots = self.free_slots() => self.fetch(slots).await,
            }
        }
        self.hand_back().await;
        // The end of its jobs alone does not end an apalis worker.
        if let Err(error) = self.worker.stop() {
            error!(channel = self.channel.as_str(), %error, "the worker does not stop");
        }
        None
    }

    /// Waits until it is time to fetch and there is a free slot, or some if there is much to do; then
    /// takes all that are free.
    async fn free_slots(&self) -> OwnedSemaphorePermit {
        sleep_until(self.next_fetch).await;
        #[expect(clippy::expect_used, reason = "nobody closes the semaphore")]
        let mut slots = Arc::clone(&self.slots).acquire_owned().await.expect("open");
        if self.busy {
            let more = self.settings.concurrency.get() / GATHERED_PART;
            let more = u32::try_from(more.saturating_sub(1)).unwrap_or(u32::MAX);
            let gathering = Arc::clone(&self.slots).acquire_many_owned(more);
            if let Ok(Ok(gathered)) = timeout(GATHER_PAUSE, gathering).await {
                slots.merge(gathered);
            }
        }
        while let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
            slots.merge(slot);
        }
        slots
    }

    async fn fetch(&mut self, mut slots: OwnedSemaphorePermit) {
        let free = slots.num_permits();
        match self.backend.fetch(self.channel, free, self.settings.lease).await {
            Ok(leases) => {
                self.busy = leases.len() == free;
                if !self.busy {
                    self.next_fetch = Instant::now() + self.settings.poll_interval;
                }
                self.failing = false;
                self.fetched = leases.into_iter().zip(iter::from_fn(|| slots.split(1))).collect();
            }
            Err(error) => {
                if !self.failing {
                    warn!(channel = self.channel.as_str(), %error, "cannot fetch; will go on trying");
                }
                self.failing = true;
                self.next_fetch = Instant::now() + RETRY_PAUSE;
            }
        }
    }

    async fn hand_back(&mut self) {
        let leases: Vec<_> = self.fetched.drain(..).map(|(lease, _)| lease).collect();
        if let Err(error) = self.backend.release(self.channel, &leases).await {
            let ids = leases.len();
            warn!(channel = self.channel.as_str(), %error, ids, "cannot hand back; the ids come back after their lease");
        }
    }
}

/// An id whose handler runs.
struct Job {
    lease: Lease,
    done: mpsc::Sender<Lease>,
    channel: Channel,
    finished: bool,
    _slot: OwnedSemaphorePermit,
}

impl Job {
    async fn finish(mut self) {
        self.finished = true;
        if self.done.send(self.lease).await.is_err() {
            let (channel, id) = (self.channel.as_str(), self.lease.id);
            warn!(channel, %id, "nobody acknowledges any more; the id comes back after its lease");
        }
    }
}

impl Drop for Job {
    /// Here, because apalis's panic handler does not know the id.
    fn drop(&mut self) {
        if !self.finished {
            let (channel, id) = (self.channel.as_str(), self.lease.id);
            error!(channel, %id, "the handler panicked or was abandoned; the id comes back after its lease");
        }
    }
}
