//! Known bugs that can be switched on, to show that the simulation would see them.
//!
//! Where a bug touches the decision core it is the one of the same name in the product
//! (`failpoint::bug`), rebuilt here on the models. The last three were real: this simulation found
//! them.

use domain::{Decision, Known, OrderEvent, Outcome, Policy, SendWindow, decide};
use jiff::{SignedDuration, Timestamp};

/// A bug to switch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// 200 is answered before the event is on record.
    AnswerBeforeCommit,
    /// The invitation is recorded as sent before it is.
    CheckpointBeforeSend,
    /// Every outcome counts, whoever has claimed since.
    NoFence,
    /// Nobody wakes what the timer has lost.
    RedisIsTheTruth,
    /// Any reply below 400 to the final dot counts as success.
    Any3xxIsSuccess,
    /// A cancel of an unknown order leaves nothing behind.
    NoTombstone,
    /// The suppression list is looked at, and some time later the invitation is claimed.
    SuppressionCheckedBeforeClaim,
    /// The send window takes every day for 24 hours long.
    ClockChangesIgnored,
    /// Opening a review link that names stars submits them.
    GetSubmits,
    /// A connection whose reply did not come in time carries the next message.
    ConnectionReusedAfterTimeout,
    /// A worker that stood still sends what it claimed, although the lease is over.
    MailOutlivesLease,
    /// An invitation whose attempts end their worker is tried for ever.
    CrashesRetriedForEver,
    /// An unsubscribe link stops only the address that the order has by now.
    StopFollowsTheOrder,
}

impl Bug {
    /// Every bug.
    pub const ALL: [Self; 13] = [
        Self::AnswerBeforeCommit,
        Self::CheckpointBeforeSend,
        Self::NoFence,
        Self::RedisIsTheTruth,
        Self::Any3xxIsSuccess,
        Self::NoTombstone,
        Self::SuppressionCheckedBeforeClaim,
        Self::ClockChangesIgnored,
        Self::GetSubmits,
        Self::ConnectionReusedAfterTimeout,
        Self::MailOutlivesLease,
        Self::CrashesRetriedForEver,
        Self::StopFollowsTheOrder,
    ];

    /// The name, as on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AnswerBeforeCommit => "answer_before_commit",
            Self::CheckpointBeforeSend => "checkpoint_before_send",
            Self::NoFence => "no_fence",
            Self::RedisIsTheTruth => "redis_is_the_truth",
            Self::Any3xxIsSuccess => "any_3xx_is_success",
            Self::NoTombstone => "no_tombstone",
            Self::SuppressionCheckedBeforeClaim => "suppression_checked_before_claim",
            Self::ClockChangesIgnored => "clock_changes_ignored",
            Self::GetSubmits => "get_submits",
            Self::ConnectionReusedAfterTimeout => "connection_reused_after_timeout",
            Self::MailOutlivesLease => "mail_outlives_lease",
            Self::CrashesRetriedForEver => "crashes_retried_for_ever",
            Self::StopFollowsTheOrder => "stop_follows_the_order",
        }
    }

    /// The inverse of [`Self::as_str`].
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|bug| bug.as_str() == name)
    }
}

/// [`SendWindow::next_open`], if every day had 24 hours: what opened yesterday opens at the same
/// distance today.
pub(crate) fn next_open_ignoring_clock_changes(window: &SendWindow, at: Timestamp) -> Timestamp {
    let day = SignedDuration::from_hours(24);
    if window.is_open(at) { at } else { window.next_open(at - day) + day }
}

/// [`decide`] with that window.
pub(crate) fn decide_ignoring_clock_changes(
    known: &Known,
    event: &OrderEvent,
    policy: &Policy,
    window: &SendWindow,
    now: Timestamp,
) -> Outcome {
    let always_open = Policy { window: None, ..policy.clone() };
    let mut outcome = decide(known, event, &always_open, now);
    if let Decision::Schedule(domain::decision::Timing { due_at, .. }) = &mut outcome.decision {
        *due_at = next_open_ignoring_clock_changes(window, *due_at);
    }
    outcome
}
