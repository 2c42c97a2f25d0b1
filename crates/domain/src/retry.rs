//! When to try again: to mail, or to ask a platform.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::decision::add;

/// How often and how long something is tried.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// Before the second attempt; doubles with each further one.
    pub first_delay: SignedDuration,
    /// Delays grow no further than this.
    pub max_delay: SignedDuration,
    /// What did not succeed this long after it was due has gone stale.
    pub give_up_after: SignedDuration,
    /// The same as the first delay, after an answer that was lost: the server may have the mail, so a
    /// repeat waits longer. A server that takes mails and never says so must not become a flood.
    pub after_unknown: SignedDuration,
}

/// How an attempt that did not succeed ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nobody has the mail; a later attempt may succeed.
    Temporary,
    /// The mail server may have the mail: the answer to the final dot was lost.
    Unknown,
    /// The mail server refuses this mail for good.
    Permanent,
}

/// What to do after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Try again then.
    RetryAt(Timestamp),
    /// Give up.
    GiveUp,
}

/// What follows after attempt number `attempt` (from 1) of what was first due at `first_due` failed.
///
/// The delay varies by ±20 %, by `id` and attempt, so that those that failed together do not come
/// back together. A retry is never due before the first attempt was: a worker whose clock is ahead
/// may have begun too early.
#[must_use]
pub fn after_failure(
    policy: &RetryPolicy,
    id: Uuid,
    attempt: u32,
    first_due: Timestamp,
    failure: Failure,
    now: Timestamp,
) -> Next {
    let delay = match failure {
        Failure::Permanent => return Next::GiveUp,
        Failure::Unknown => backoff(policy.after_unknown, policy.max_delay, attempt),
        Failure::Temporary => backoff(policy.first_delay, policy.max_delay, attempt),
    };
    let at = add(now, spread(delay, id, attempt)).max(first_due);
    if at.duration_since(first_due) > policy.give_up_after {
        Next::GiveUp
    } else {
        Next::RetryAt(at)
    }
}

/// `true` if it is too late to begin attempt number `attempt` (from 1).
///
/// Asked before each attempt, because one that ended its worker got no answer of [`after_failure`]:
/// a mail on which every worker crashes would be tried for ever. The first attempt is never too
/// late.
#[must_use]
pub fn is_too_late(
    policy: &RetryPolicy,
    attempt: u32,
    first_due: Timestamp,
    now: Timestamp,
) -> bool {
    attempt > 1 && now.duration_since(first_due) > policy.give_up_after
}

/// `first`, doubled with each attempt but the first, at most `max`.
fn backoff(first: SignedDuration, max: SignedDuration, attempt: u32) -> SignedDuration {
    let doublings = attempt.saturating_sub(1).min(30);
    first.checked_mul(1_i32 << doublings).map_or(max, |delay| delay.min(max))
}

/// `delay` ±20 %, the same for the same id and attempt.
fn spread(delay: SignedDuration, id: Uuid, attempt: u32) -> SignedDuration {
    // The low bits of the id are a hash; a multiplication spreads neighbouring attempts.
    let [.., a, b, c, d] = *id.as_bytes();
    let hash = u32::from_be_bytes([a, b, c, d]).wrapping_add(attempt.wrapping_mul(2_654_435_769));
    let permille = 800 + i128::from(hash % 401);
    let nanos = delay.as_nanos() * permille / 1000;
    SignedDuration::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const POLICY: RetryPolicy = RetryPolicy {
        first_delay: SignedDuration::from_mins(1),
        max_delay: SignedDuration::from_hours(4),
        give_up_after: SignedDuration::from_hours(72),
        after_unknown: SignedDuration::from_mins(15),
    };
    const DUE: Timestamp = Timestamp::UNIX_EPOCH;

    #[test]
    fn a_permanent_refusal_is_final() {
        let id = Uuid::nil();
        assert_eq!(after_failure(&POLICY, id, 1, DUE, Failure::Permanent, DUE), Next::GiveUp);
    }

    #[test]
    fn an_attempt_begun_too_early_does_not_make_the_next_one_early() {
        let id = Uuid::nil();
        let early = DUE - SignedDuration::from_hours(1);
        let next = after_failure(&POLICY, id, 1, DUE, Failure::Temporary, early);
        assert_eq!(next, Next::RetryAt(DUE));
    }

    #[test]
    fn only_a_repeat_comes_too_late() {
        let after = |attempt, hours| {
            is_too_late(&POLICY, attempt, DUE, DUE + SignedDuration::from_hours(hours))
        };
        assert!(!after(2, 72));
        assert!(after(2, 73));
        assert!(!after(1, 1_000));
    }

    #[test]
    fn answers_that_stay_lost_make_few_copies() {
        let (mut now, mut attempt) = (DUE, 0);
        loop {
            attempt += 1;
            let next = after_failure(&POLICY, Uuid::nil(), attempt, DUE, Failure::Unknown, now);
            let Next::RetryAt(at) = next else { break };
            now = at;
        }
        assert!((20..=25).contains(&attempt), "{attempt} copies in three days");
    }

    proptest! {
        #[test]
        fn retries_grow_stay_bounded_and_end(id: u128, unknown: bool) {
            let id = Uuid::from_u128(id);
            let failure = if unknown { Failure::Unknown } else { Failure::Temporary };
            let (mut now, mut attempt) = (DUE, 0_u32);
            loop {
                attempt += 1;
                prop_assert!(attempt < 400, "must end");
                let Next::RetryAt(at) = after_failure(&POLICY, id, attempt, DUE, failure, now) else { break };
                prop_assert!(!is_too_late(&POLICY, attempt + 1, DUE, at));
                let wait = at.duration_since(now);
                prop_assert!(wait >= POLICY.first_delay * 4 / 5);
                prop_assert!(wait <= POLICY.max_delay * 6 / 5);
                now = at;
            }
            prop_assert!(now.duration_since(DUE) <= POLICY.give_up_after);
            prop_assert!(now.duration_since(DUE) > POLICY.give_up_after - POLICY.max_delay * 6 / 5);
        }
    }
}
