//! The queue over a record, which is faked in memory.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use jiff::Timestamp;
use queue::{BoxError, Channel, DueJob, DueJobs, Queue, Wakeup};
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use crate::fixture::{CHANNEL, Fixture, GROUP, ManualClock};

#[derive(Clone)]
pub(crate) struct RecordFixture {
    clock: ManualClock,
    record: Arc<FakeRecord>,
    queue: Queue,
}

impl Fixture for RecordFixture {
    async fn start() -> Self {
        let clock = ManualClock::new();
        let record = Arc::new(FakeRecord::default());
        let queue = Queue::record(record.clone(), clock.as_clock());
        Self { clock, record, queue }
    }

    fn queue(&self) -> Queue {
        // Leases are known in one process only, so two workers are two of one process.
        self.queue.clone()
    }

    fn clock(&self) -> &ManualClock {
        &self.clock
    }

    fn record(&self) -> Option<Arc<FakeRecord>> {
        Some(self.record.clone())
    }

    async fn wake(&self, wakeups: &[Wakeup]) {
        self.queue.wake(CHANNEL, wakeups).await.unwrap();
        let mut rows = self.record.rows();
        for wakeup in wakeups {
            rows.group_of.insert(wakeup.id, wakeup.group.clone());
            rows.put(wakeup.id, Row { due_at: wakeup.due_at, claimed: false });
        }
    }

    async fn cancel(&self, id: Uuid) {
        self.queue.cancel(CHANNEL, GROUP, &[id]).await.unwrap();
        self.record.rows().remove(id);
    }

    async fn stall(&self, span: Duration) {
        self.record.rows().stalled_until = Some(Instant::now() + span);
    }

    async fn assert_nothing_left(&self) {
        assert_eq!(self.record.rows().by_id.len(), 0);
        assert_eq!(self.queue.depth(CHANNEL).await.unwrap(), None);
        assert_eq!(self.queue.epoch(CHANNEL).await.unwrap(), None);
    }
}

/// A table of jobs of one channel, with claims that run out.
#[derive(Default)]
pub(crate) struct FakeRecord(Mutex<Rows>);

#[derive(Default)]
struct Rows {
    by_id: HashMap<Uuid, Row>,
    by_time: BTreeSet<(Timestamp, Uuid)>,
    group_of: HashMap<Uuid, String>,
    stalled_until: Option<Instant>,
}

#[derive(Clone, Copy)]
struct Row {
    /// Of a claimed job: when the claim runs out.
    due_at: Timestamp,
    claimed: bool,
}

impl FakeRecord {
    /// What a handler does first.
    pub(crate) fn claim(&self, id: Uuid, until: Timestamp) {
        self.rows().put(id, Row { due_at: until, claimed: true });
    }

    /// What a handler does that gets nowhere: the job is as it was.
    pub(crate) fn release(&self, id: Uuid, due_at: Timestamp) {
        self.rows().put(id, Row { due_at, claimed: false });
    }

    /// What a handler does last: the job is done, unless it was put off in the meantime.
    pub(crate) fn settle(&self, id: Uuid) {
        let mut rows = self.rows();
        if rows.by_id.get(&id).is_some_and(|row| row.claimed) {
            rows.remove(id);
        }
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rows {
    fn put(&mut self, id: Uuid, row: Row) {
        self.remove(id);
        self.by_id.insert(id, row);
        self.by_time.insert((row.due_at, id));
    }

    fn remove(&mut self, id: Uuid) {
        if let Some(row) = self.by_id.remove(&id) {
            self.by_time.remove(&(row.due_at, id));
        }
    }
}

#[async_trait]
impl DueJobs for FakeRecord {
    async fn due(
        &self,
        channel: Channel,
        now: Timestamp,
        limit: u32,
        after: &str,
    ) -> Result<Vec<DueJob>, BoxError> {
        let stalled_until = self.rows().stalled_until;
        if let Some(end) = stalled_until {
            sleep_until(end).await;
        }
        if channel != CHANNEL {
            return Ok(vec![]);
        }
        let rows = self.rows();
        let mut rounds: BTreeMap<&str, usize> = BTreeMap::new();
        let mut due: Vec<_> = rows
            .by_time
            .range(..=(now, Uuid::max()))
            .map(|(_, id)| {
                let group = rows.group_of[id].as_str();
                let round = rounds.entry(group).or_default();
                *round += 1;
                ((*round, group <= after, group), *id)
            })
            .collect();
        due.sort_unstable();
        let job = |((_, _, group), id): ((_, _, &str), _)| DueJob { id, group: group.to_owned() };
        Ok(due.into_iter().map(job).take(limit as usize).collect())
    }
}
