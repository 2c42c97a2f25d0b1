//! Who did what, and when: all that a run leaves behind for the checker. Plain data.
//!
//! Nothing in here comes from what the product says about itself, but [`Record`], which is read
//! from its database and compared with everything else.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use domain::{Change, InvitationState, review::Label};
use jiff::{SignedDuration, Timestamp};

/// How long a worker owns an invitation: the shortest that the limits below allow.
pub(crate) const LEASE: SignedDuration = SignedDuration::from_secs(10);

/// How long a worker waits for the mail server to answer the final dot.
pub(crate) const FINAL_TIMEOUT: SignedDuration = SignedDuration::from_secs(3);

/// How long a process may take to stop when it is asked to.
pub(crate) const SHUTDOWN_TIMEOUT: SignedDuration = SignedDuration::from_secs(5);

/// Everything that is known about a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    /// The orders that shops have, by reference.
    pub(crate) orders: BTreeMap<u32, Order>,
    /// The webhooks that were posted, in the order of their answers.
    pub(crate) requests: Vec<Request>,
    /// What was to keep invitations from being sent.
    pub(crate) stops: Vec<Stop>,
    /// The reviews that buyers posted.
    pub(crate) submissions: Vec<Submission>,
    /// What the mail server took.
    pub(crate) mails: Vec<Mail>,
    /// What was broken, by us or by itself.
    pub(crate) faults: Vec<Fault>,
    /// Open sockets of each process once everything was quiet.
    pub(crate) sockets: Vec<Sockets>,
    /// Lines of the logs that tell of a panic.
    pub(crate) panics: Vec<String>,
    /// Lines of the logs that tell of an outcome that did not count: the fence held.
    pub(crate) fenced: usize,
    /// What the product has on record in the end.
    pub(crate) record: Record,
}

/// An order, as its shop knows it.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) shop: String,
    /// The buyer's address, if the order has one.
    pub(crate) address: Option<String>,
    /// The platform marks it as a test.
    pub(crate) test: bool,
    /// Its webhooks are signed with a secret that is not the shop's.
    pub(crate) forged: bool,
    /// The completion plus the shop's delay.
    pub(crate) due_at: Timestamp,
}

/// A webhook that was posted once.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) order: u32,
    pub(crate) change: Change,
    pub(crate) sent_at: Timestamp,
    /// When the exchange ended.
    pub(crate) ended_at: Timestamp,
    /// The status it was answered with; `None` if nobody answered.
    pub(crate) status: Option<u16>,
}

impl Request {
    /// The product took responsibility.
    pub(crate) fn is_accepted(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

/// A request that an order's invitation be not sent, any more or at all.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    pub(crate) order: u32,
    pub(crate) cause: Cause,
    /// When it was asked for.
    pub(crate) asked_at: Timestamp,
    /// When that was granted, with a 2xx, if it was.
    pub(crate) granted: Option<Granted>,
}

/// Why an invitation is to be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The order was cancelled or refunded.
    Undone,
    /// The buyer wants no mail.
    Unsubscribed,
}

/// A stop that was granted, and what the record said right after.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Granted {
    /// When the record was looked at: no claim after this.
    pub(crate) looked_at: Timestamp,
    /// The end of the lease, if the invitation was claimed before: its mail may still leave.
    pub(crate) in_flight_until: Option<Timestamp>,
}

/// A review form that was submitted.
#[derive(Clone, Debug)]
pub(crate) struct Submission {
    /// The invitation whose link it came through.
    pub(crate) invitation: String,
    pub(crate) stars: i64,
    pub(crate) sent_at: Timestamp,
    /// It was answered with a page that thanks, or says that there is a review already.
    pub(crate) accepted: bool,
}

/// A mail that the mail server took.
#[derive(Clone, Debug)]
pub(crate) struct Mail {
    /// The name it was queued under, as told in the reply.
    pub(crate) queued_as: usize,
    /// The invitation that its Message-ID names, if it names one.
    pub(crate) invitation: Option<String>,
    pub(crate) recipient: String,
    /// The process it came from.
    pub(crate) worker: String,
    /// When its sender was named.
    pub(crate) begun_at: Timestamp,
    /// When the server took it; the 250 follows at once.
    pub(crate) taken_at: Timestamp,
}

/// Something broken, for some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    /// The process or server it happened to.
    pub(crate) target: String,
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
    /// Something shows that it met work: a failpoint that was reached, a request that failed, a
    /// reply that was spoilt.
    pub(crate) hit: bool,
}

impl Fault {
    /// `true` if it was going on at some moment between these two.
    pub(crate) fn overlaps(&self, from: Timestamp, until: Timestamp) -> bool {
        self.from <= until && from <= self.until
    }
}

/// What was broken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FaultKind {
    /// A process was killed at a random moment; until it ran again.
    Killed,
    /// A process was killed while it folded SQLite's log into the database.
    KilledInCheckpoint,
    /// A process ended itself at this failpoint; until it ran again.
    Failpoint(String),
    /// A process was asked to stop, and did; until it ran again.
    Terminated,
    /// A process ended by itself; until it ran again.
    Crashed(String),
    /// A process was stopped at a random moment and went on later.
    Suspended,
    /// A process stopped at this failpoint and went on after its lease: a zombie.
    Zombie(&'static str),
    /// The clock of a process was wrong.
    ClockStepped(&'static str),
    /// The database did not do its work.
    RecordAway(&'static str),
    /// Redis did not do its work.
    TimerAway(&'static str),
    /// The mail server took mails, and its reply did not arrive in time.
    ReplyLost(&'static str),
    /// The mail server took no mails, for now.
    MailRefused(&'static str),
    /// The mail server said that recipients do not exist.
    MailboxesGone,
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Killed => f.write_str("killed (SIGKILL)"),
            Self::KilledInCheckpoint => f.write_str("killed in a checkpoint"),
            Self::Failpoint(name) => write!(f, "killed at {name}"),
            Self::Terminated => f.write_str("asked to stop (SIGTERM)"),
            Self::Crashed(how) => write!(f, "ended by itself, {how}"),
            Self::Suspended => f.write_str("stopped for a while (SIGSTOP)"),
            Self::Zombie(name) => write!(f, "zombie: stopped at {name}"),
            Self::ClockStepped(step) => write!(f, "clock stepped by {step}"),
            Self::RecordAway(how) => write!(f, "record: {how}"),
            Self::TimerAway(how) => write!(f, "timer: {how}"),
            Self::ReplyLost(how) => write!(f, "reply lost: {how}"),
            Self::MailRefused(how) => write!(f, "mail server: {how}"),
            Self::MailboxesGone => f.write_str("mail server: 550 no such user"),
        }
    }
}

/// How many sockets a process had open.
#[derive(Clone, Debug)]
pub(crate) struct Sockets {
    pub(crate) process: String,
    pub(crate) open: usize,
    /// As many as it may need.
    pub(crate) allowed: usize,
}

/// What the product has on record.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    pub(crate) invitations: Vec<Invitation>,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) reviews: Vec<Review>,
}

/// An invitation on record.
#[derive(Clone, Debug)]
pub(crate) struct Invitation {
    pub(crate) id: String,
    pub(crate) order: u32,
    pub(crate) state: InvitationState,
    pub(crate) due_at: Timestamp,
    pub(crate) fence: i64,
}

/// An attempt to mail an invitation, on record.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) invitation: String,
    pub(crate) fence: i64,
    pub(crate) at: Timestamp,
    /// `sent`, `retry` or `failed`.
    pub(crate) outcome: String,
    /// What the mail server said.
    pub(crate) detail: String,
}

/// A review on record.
#[derive(Clone, Debug)]
pub(crate) struct Review {
    pub(crate) invitation: Option<String>,
    pub(crate) stars: i64,
    pub(crate) label: Label,
}

/// A ledger that many write into.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book(Arc<Mutex<Ledger>>);

impl Book {
    /// Opens it for an entry. Not to be held across a pause.
    pub(crate) fn open(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
