//! The timer: wakes jobs when they are due.
//!
//! The record decides what happens to a job; this crate only says *look at this id now*. What lies
//! in the queue is an id and a due time, which may be lost, repeated or late. So a handler claims
//! its job in the record, finds out there whether anything is to be done, and keeps attempts and
//! back-off there. To the queue a job whose handler has returned is done.
//!
//! Each id belongs to a *group*, and groups with due ids take turns: a million ids of one do not keep
//! ten of another waiting. Within a group the longest due comes first.
//!
//! | | [`Queue::record`] | [`Queue::redis`] |
//! |---|---|---|
//! | where due times live | the record's own table, polled | sorted sets per channel |
//! | [`Queue::wake`], [`Queue::cancel`] | nothing to do | one round trip |
//! | leases seen by | this process | every process |
//! | loses | nothing | what Redis loses: see [`Queue::epoch`] |

mod record;
mod redis;
mod run;

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

pub use self::redis::RedisFacts;
pub use run::RunSettings;

/// Any error, as the implementation of [`DueJobs`] has it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Tells the time. The same clock must decide in the record, or a wake-up finds nothing due.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How long [`Queue::wake`] and its siblings wait for Redis.
pub const CALL_TIMEOUT: Duration = Duration::from_millis(200);

/// After this time the queue looks again at an id it met in passing: one that is due although
/// somebody works on it, or one that the record calls due although its handler has returned.
const RECHECK: Duration = Duration::from_secs(1);

/// A kind of job. Channels share nothing but the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Mail an invitation.
    Invitations,
    /// Verify a review.
    Reviews,
    /// Ask a platform about an order.
    Notices,
}

impl Channel {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Invitations, Self::Reviews, Self::Notices];

    /// The name in keys, logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invitations => "invitations",
            Self::Reviews => "reviews",
            Self::Notices => "notices",
        }
    }
}

/// Wake this id at this time, rounded up to the millisecond.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wakeup {
    /// The job, as the record knows it.
    pub id: Uuid,
    /// Whose it is. An id keeps its group.
    pub group: String,
    /// Not before this time.
    pub due_at: Timestamp,
}

/// How many ids a channel holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depth {
    /// Waiting to be fetched, whether due or not.
    pub waiting: u64,
    /// Being worked on, or left behind by a worker that died.
    pub running: u64,
}

/// One life of the data in Redis. Another epoch means that what was pushed before may be gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epoch(String);

/// Why the queue did not do what it was asked. None of it is fatal: the record still has every job.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address of the Redis server is malformed.
    #[error("the address of the Redis server is not usable: {0}")]
    Address(BoxError),
    /// No answer within the given time; the request may still take effect.
    #[error("Redis did not answer within {0:?}")]
    Timeout(Duration),
    /// Redis, or the way to it, failed.
    #[error("Redis failed: {0}")]
    Redis(BoxError),
    /// [`DueJobs`] failed.
    #[error("the record failed: {0}")]
    Record(BoxError),
}

/// A job that the record calls due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueJob {
    /// The job.
    pub id: Uuid,
    /// Whose it is.
    pub group: String,
}

/// The record's view of what is due, for [`Queue::record`].
#[async_trait]
pub trait DueJobs: Send + Sync {
    /// At most `limit` ids that are due at `now`: one of each group in turn, in the order of the
    /// groups' names and beginning behind `after`, then a second one of each, and so on. Within a
    /// group the longest due comes first.
    ///
    /// Leave out what somebody has claimed. Whatever is reported again is woken again.
    async fn due(
        &self,
        channel: Channel,
        now: Timestamp,
        limit: u32,
        after: &str,
    ) -> Result<Vec<DueJob>, BoxError>;
}

/// Where the Redis server is and what our keys there begin with.
///
/// There is no `Debug`: the address may hold a password.
#[derive(Clone)]
pub struct RedisSettings {
    /// `redis://` or, with TLS, `rediss://`: `[user][:password@]host[:port][/db]`.
    pub url: String,
    /// Keeps installations that share a server apart. Must not contain braces, which would change
    /// the hash slot.
    pub namespace: String,
}

/// Wakes jobs when they are due. Clones share everything.
#[derive(Clone)]
pub struct Queue {
    backend: Backend,
}

#[derive(Clone)]
enum Backend {
    Record(Arc<record::Record>),
    Redis(redis::Redis),
}

/// The right to work on an id until a point in time.
///
/// The end is also the fence: a later lease of the same id always ends later, so a worker that was
/// too slow can tell that the lease is no longer its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lease {
    id: Uuid,
    /// In milliseconds since the Unix epoch.
    until: i64,
}

impl Queue {
    /// A queue without a server: polls the record, so nothing needs pushing and nothing gets lost.
    ///
    /// Processes that share a record do not see each other's leases; the claim in the record keeps
    /// them apart.
    pub fn record(due_jobs: Arc<dyn DueJobs>, clock: Clock) -> Self {
        Self { backend: Backend::Record(Arc::new(record::Record::new(due_jobs, clock))) }
    }

    /// A queue in Redis.
    ///
    /// Returns at once, whether or not the server is there: a task connects, and reconnects, for
    /// as long as it takes. Must be called within a Tokio runtime.
    pub fn redis(settings: &RedisSettings, clock: Clock) -> Result<Self, Error> {
        Ok(Self { backend: Backend::Redis(redis::Redis::connect(settings, clock)?) })
    }

    /// Wakes each id when it is due. An id that is waiting already is moved to its new time.
    ///
    /// One round trip, whatever the number. Takes no longer than [`CALL_TIMEOUT`], so push large
    /// numbers in pages of about a thousand. On an error log and go on: some of the wake-ups may
    /// have been lost, and the reconciler repeats them (see [`Queue::epoch`]).
    pub async fn wake(&self, channel: Channel, wakeups: &[Wakeup]) -> Result<(), Error> {
        match &self.backend {
            Backend::Record(_) => Ok(()),
            Backend::Redis(redis) => redis.wake(channel, wakeups).await,
        }
    }

    /// Forgets ids of a group that are waiting. An id that is being worked on is left alone.
    ///
    /// A convenience: it spares idle wake-ups. What cancels a job is the record.
    pub async fn cancel(&self, channel: Channel, group: &str, ids: &[Uuid]) -> Result<(), Error> {
        match &self.backend {
            Backend::Record(_) => Ok(()),
            Backend::Redis(redis) => redis.cancel(channel, group, ids).await,
        }
    }

    /// How many ids the channel holds; `None` if the record is the queue: ask the record.
    pub async fn depth(&self, channel: Channel) -> Result<Option<Depth>, Error> {
        match &self.backend {
            Backend::Record(_) => Ok(None),
            Backend::Redis(redis) => redis.depth(channel).await.map(Some),
        }
    }

    /// In which epoch the channel's data lives; `None` if the record is the queue, which needs no
    /// reconciler.
    ///
    /// A reconciler pushes, every few seconds, the jobs of the record that fall due within its
    /// horizon, from a cursor on, and all that are overdue. The epoch tells it when to start over:
    /// in its first round, and whenever Redis was flushed, replaced or restarted without its data.
    ///
    /// ```no_run
    /// # use queue::{Channel, Epoch, Error, Queue, Wakeup};
    /// # use jiff::Timestamp;
    /// # async fn rows_after(_: Timestamp) -> Vec<Wakeup> { vec![] }
    /// # async fn overdue_rows() -> Vec<Wakeup> { vec![] }
    /// struct Reconciler { epoch: Option<Epoch>, cursor: Timestamp }
    ///
    /// # impl Reconciler {
    /// async fn round(&mut self, queue: &Queue, channel: Channel) -> Result<(), Error> {
    ///     // First ask, then push: what is lost in between shows up as a new epoch next time.
    ///     let Some(epoch) = queue.epoch(channel).await? else { return Ok(()) };
    ///     if self.epoch.as_ref() != Some(&epoch) {
    ///         self.epoch = Some(epoch);
    ///         self.cursor = Timestamp::MIN;
    ///     }
    ///     queue.wake(channel, &overdue_rows().await).await?;
    ///     let rows = rows_after(self.cursor).await;
    ///     queue.wake(channel, &rows).await?;
    ///     // Move on only after a push that succeeded.
    ///     self.cursor = rows.last().map_or(self.cursor, |row| row.due_at);
    ///     Ok(())
    /// }
    /// # }
    /// ```
    pub async fn epoch(&self, channel: Channel) -> Result<Option<Epoch>, Error> {
        match &self.backend {
            Backend::Record(_) => Ok(None),
            Backend::Redis(redis) => redis.epoch(channel).await.map(Some),
        }
    }
}

/// Notes that processes share, by name. Whoever changes one says what it believes is there.
impl Queue {
    /// The most notes there are; more are not kept.
    pub const NOTES_MAX: usize = 10_000;

    /// All notes; `None` if the record is the queue: then every process has its own.
    pub async fn notes(&self) -> Result<Option<HashMap<String, String>>, Error> {
        match &self.backend {
            Backend::Record(_) => Ok(None),
            Backend::Redis(redis) => redis.notes().await.map(Some),
        }
    }

    /// Makes the note `name` into `new` if it is `old`; empty is none. Returns what was there: if that is
    /// not `old`, nothing has changed. `None` if the record is the queue.
    ///
    /// One round trip. Notes that nobody has written for three days are gone.
    pub async fn swap_note(
        &self,
        name: &str,
        old: &str,
        new: &str,
    ) -> Result<Option<String>, Error> {
        match &self.backend {
            Backend::Record(_) => Ok(None),
            Backend::Redis(redis) => redis.swap_note(name, old, new).await.map(Some),
        }
    }
}

impl Backend {
    /// Leases up to `limit` ids for `lease`: those whose lease ran out, and those that are due.
    async fn fetch(
        &self,
        channel: Channel,
        limit: usize,
        lease: Duration,
    ) -> Result<Vec<Lease>, Error> {
        match self {
            Self::Record(record) => record.fetch(channel, limit, lease).await,
            Self::Redis(redis) => redis.fetch(channel, limit, lease).await,
        }
    }

    /// Ends leases whose work is done, unless somebody else holds them by now.
    async fn ack(&self, channel: Channel, leases: &[Lease]) -> Result<(), Error> {
        match self {
            Self::Record(record) => {
                record.ack(channel, leases).await;
                Ok(())
            }
            Self::Redis(redis) => redis.ack(channel, leases).await,
        }
    }

    /// Ends leases whose work was not begun: whoever fetches next gets these ids.
    async fn release(&self, channel: Channel, leases: &[Lease]) -> Result<(), Error> {
        match self {
            Self::Record(record) => {
                record.release(channel, leases).await;
                Ok(())
            }
            Self::Redis(redis) => redis.release(channel, leases).await,
        }
    }
}

/// The last millisecond that has begun at `time`.
fn floor_ms(time: Timestamp) -> i64 {
    i64::try_from(time.as_nanosecond().div_euclid(1_000_000)).unwrap_or(i64::MAX)
}

/// The first millisecond that is not before `time`.
fn ceil_ms(time: Timestamp) -> i64 {
    i64::try_from((time.as_nanosecond() + 999_999).div_euclid(1_000_000)).unwrap_or(i64::MAX)
}

/// `span` in whole milliseconds.
fn span_ms(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
