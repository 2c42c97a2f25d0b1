//! What a promise needs from a backend, and the tools to watch a worker from outside.

use std::{
    collections::HashSet,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::future::BoxFuture;
use jiff::Timestamp;
use queue::{Channel, Clock, Depth, Queue, RunSettings, Wakeup};
use tokio::{sync::watch, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::record::FakeRecord;

pub(crate) const CHANNEL: Channel = Channel::Invitations;
/// Whose jobs are, where it does not matter.
pub(crate) const GROUP: &str = "shop";
pub(crate) const LEASE: Duration = Duration::from_mins(1);
pub(crate) const POLL: Duration = Duration::from_millis(5);

/// Only ever waited for in full when a promise is broken.
const PATIENCE: Duration = Duration::from_mins(1);

/// A backend under test, with a clock of its own.
pub(crate) trait Fixture: Clone + Send + Sync + 'static {
    fn start() -> impl Future<Output = Self> + Send;

    /// The queue as one more process would open it.
    fn queue(&self) -> Queue;

    fn clock(&self) -> &ManualClock;

    /// The record, if it is what the queue polls.
    fn record(&self) -> Option<Arc<FakeRecord>>;

    /// Makes `wakeups` known, however long it takes.
    fn wake(&self, wakeups: &[Wakeup]) -> impl Future<Output = ()> + Send;

    fn cancel(&self, id: Uuid) -> impl Future<Output = ()> + Send;

    /// From now on, and for that long, the backend does not answer.
    fn stall(&self, span: Duration) -> impl Future<Output = ()> + Send;

    fn assert_nothing_left(&self) -> impl Future<Output = ()> + Send;
}

/// Stands still until it is moved.
#[derive(Clone)]
pub(crate) struct ManualClock {
    now: Arc<Mutex<Timestamp>>,
    reads: watch::Sender<u64>,
}

impl ManualClock {
    pub(crate) fn new() -> Self {
        let now = "2026-03-01T12:00:00Z".parse().unwrap();
        Self { now: Arc::new(Mutex::new(now)), reads: watch::Sender::new(0) }
    }

    pub(crate) fn as_clock(&self) -> Clock {
        let clock = self.clone();
        Arc::new(move || {
            let now = clock.now();
            clock.reads.send_modify(|reads| *reads += 1);
            now
        })
    }

    pub(crate) fn now(&self) -> Timestamp {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn advance(&self, span: Duration) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) += span;
    }

    /// Waits until somebody has looked at the clock `times` more often: a worker looks once per
    /// fetch.
    pub(crate) async fn read(&self, times: u64) {
        let mut reads = self.reads.subscribe();
        let goal = *reads.borrow() + times;
        within("look at the clock", reads.wait_for(|reads| *reads >= goal)).await.unwrap();
    }
}

pub(crate) async fn within<F: Future>(what: &str, future: F) -> F::Output {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}

/// Repeats a call until it is answered: a busy machine may miss its time limit.
pub(crate) async fn answered<T, F>(mut call: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, queue::Error>>,
{
    within("an answer", async {
        loop {
            if let Ok(answer) = call().await {
                return answer;
            }
        }
    })
    .await
}

/// Holds handlers back until it is opened.
#[derive(Clone)]
pub(crate) struct Gate(watch::Sender<bool>);

impl Gate {
    pub(crate) fn closed() -> Self {
        Self(watch::Sender::new(false))
    }

    pub(crate) fn open(&self) {
        self.0.send_replace(true);
    }

    pub(crate) fn is_open(&self) -> bool {
        *self.0.borrow()
    }

    pub(crate) async fn passed(&self) {
        self.0.subscribe().wait_for(|open| *open).await.unwrap();
    }
}

/// What the handlers did, in order.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) started: Vec<Uuid>,
    pub(crate) finished: Vec<Uuid>,
    running: HashSet<Uuid>,
    /// Ids that ran twice at the same time.
    pub(crate) overlapped: Vec<Uuid>,
}

impl Log {
    pub(crate) fn starts_of(&self, id: Uuid) -> usize {
        self.started.iter().filter(|started| **started == id).count()
    }
}

/// One test: a backend, and a log of what the workers on it did.
pub(crate) struct Bench<F> {
    pub(crate) fixture: F,
    log: watch::Sender<Log>,
}

impl<F: Fixture> Bench<F> {
    pub(crate) async fn start() -> Self {
        Self { fixture: F::start().await, log: watch::Sender::default() }
    }

    /// Wakes `id` that long after now.
    pub(crate) async fn wake_in(&self, id: Uuid, span: Duration) {
        self.fixture.wake(&[wakeup(id, self.fixture.clock().now() + span)]).await;
    }

    pub(crate) async fn wake_now(&self, ids: &[Uuid]) {
        let due_at = self.fixture.clock().now();
        let wakeups: Vec<_> = ids.iter().map(|id| wakeup(*id, due_at)).collect();
        self.fixture.wake(&wakeups).await;
    }

    pub(crate) fn log(&self) -> watch::Ref<'_, Log> {
        self.log.borrow()
    }

    pub(crate) async fn until(&self, what: &str, condition: impl FnMut(&Log) -> bool) {
        within(what, self.log.subscribe().wait_for(condition)).await.unwrap();
    }

    pub(crate) async fn until_finished(&self, id: Uuid) {
        self.until("the job finishes", |log| log.finished.contains(&id)).await;
    }

    /// Waits until a queue that counts its jobs has none.
    pub(crate) async fn until_nothing_waits(&self) {
        let queue = self.fixture.queue();
        let emptied = async {
            while !matches!(
                queue.depth(CHANNEL).await,
                Ok(None | Some(Depth { waiting: 0, running: 0 }))
            ) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        within("nothing waits", emptied).await;
    }

    /// A worker whose handler does nothing.
    pub(crate) fn idle_worker(&self, concurrency: usize) -> Worker {
        self.worker(concurrency, |_| Box::pin(async {}))
    }

    /// A worker whose handler does `act`.
    pub(crate) fn worker(
        &self,
        concurrency: usize,
        act: impl Fn(Uuid) -> BoxFuture<'static, ()> + Clone + Send + Sync + 'static,
    ) -> Worker {
        self.worker_with(settings(concurrency), act)
    }

    pub(crate) fn worker_with(
        &self,
        settings: RunSettings,
        act: impl Fn(Uuid) -> BoxFuture<'static, ()> + Clone + Send + Sync + 'static,
    ) -> Worker {
        let queue = self.fixture.queue();
        let record = self.fixture.record();
        let clock = self.fixture.clock().clone();
        let log = self.log.clone();
        let handler = move |id| {
            let (record, clock, log, act) =
                (record.clone(), clock.clone(), log.clone(), act.clone());
            async move {
                if let Some(record) = &record {
                    record.claim(id, clock.now() + LEASE);
                }
                let _running = Running::new(id, log.clone());
                act(id).await;
                if let Some(record) = &record {
                    record.settle(id);
                }
                log.send_modify(|log| log.finished.push(id));
            }
        };
        let shutdown = CancellationToken::new();
        let token = shutdown.clone();
        let task = tokio::spawn(async move { queue.run(CHANNEL, settings, handler, token).await });
        Worker { task, shutdown }
    }
}

pub(crate) fn wakeup(id: Uuid, due_at: Timestamp) -> Wakeup {
    Wakeup { id, group: GROUP.to_owned(), due_at }
}

pub(crate) fn settings(concurrency: usize) -> RunSettings {
    let concurrency = NonZeroUsize::new(concurrency).unwrap();
    RunSettings { concurrency, poll_interval: POLL, lease: LEASE }
}

/// A run under way; ends even if the handler does not.
struct Running {
    id: Uuid,
    log: watch::Sender<Log>,
}

impl Running {
    fn new(id: Uuid, log: watch::Sender<Log>) -> Self {
        log.send_modify(|log| {
            log.started.push(id);
            if !log.running.insert(id) {
                log.overlapped.push(id);
            }
        });
        Self { id, log }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.log.send_modify(|log| {
            log.running.remove(&self.id);
        });
    }
}

/// A worker in a task of its own.
pub(crate) struct Worker {
    task: JoinHandle<()>,
    shutdown: CancellationToken,
}

impl Worker {
    /// Asks it to stop.
    pub(crate) fn stop(&self) {
        self.shutdown.cancel();
    }

    /// Waits until it has stopped.
    pub(crate) async fn stopped(self) {
        within("the worker stops", self.task).await.unwrap();
    }

    pub(crate) fn is_running(&self) -> bool {
        !self.task.is_finished()
    }

    /// Ends it like a crash: nothing is finished, nothing is handed back.
    pub(crate) async fn crash(self) {
        self.task.abort();
        let end = within("the worker dies", self.task).await;
        assert!(end.unwrap_err().is_cancelled());
    }
}
