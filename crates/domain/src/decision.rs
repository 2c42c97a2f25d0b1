//! What an order event leads to, and why.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Change, InvitationState, OrderEvent, OrderRecord, OrderStatus, Policy, order::Order};

/// What the record holds about an order when an event arrives.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The order, if any event came before.
    pub order: Option<OrderRecord>,
    /// Its invitation, if one was ever decided on.
    pub invitation: Option<InvitationState>,
}

/// What an event leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The order as it is to be recorded.
    pub order: OrderRecord,
    /// What was decided about the invitation, with the rule that decided.
    pub decision: Decision,
}

/// A decision about an invitation. Recorded with every event: it answers "why was this (not) sent?".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum Decision {
    /// The buyer will be invited at `due_at`.
    Schedule {
        /// When the mail may leave.
        due_at: Timestamp,
        /// The rule that set the delay.
        rule: DelayRule,
        /// The event plus the delay, before the send window moved it.
        wanted_at: Timestamp,
    },
    /// The invitation that was waiting will not be sent.
    Cancel {
        /// Why.
        reason: Reason,
    },
    /// This order gets no invitation.
    DoNotInvite {
        /// Why.
        reason: Reason,
    },
    /// The event changes nothing about the invitation.
    Keep {
        /// Why.
        reason: Reason,
    },
}

/// Which rule set the delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DelayRule {
    /// The shop's `delay`.
    ShopDelay,
}

/// The reasons a decision can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The order was cancelled.
    OrderCancelled,
    /// The order was refunded.
    OrderRefunded,
    /// The platform marks the order as a test.
    TestOrder,
    /// The order carries no usable address.
    NoAddress,
    /// The order was completed longer ago than the shop's limit.
    TooOld,
    /// There is an invitation already: one per order.
    AlreadyInvited,
    /// The mail had left before the order was undone.
    TooLate,
}

impl Decision {
    /// The decision's stable name, as in metrics.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Schedule { .. } => "schedule",
            Self::Cancel { .. } => "cancel",
            Self::DoNotInvite { .. } => "do_not_invite",
            Self::Keep { .. } => "keep",
        }
    }
}

/// Decides what `event` leads to.
///
/// An undo (cancel, refund) is final: it stops a waiting invitation, and as a tombstone it keeps a
/// completion that arrives later, or is replayed, from inviting anybody. A shop that reopens a
/// cancelled order loses one invitation; the other way round a buyer would be asked about something
/// they never got. Details of the newest event win, whatever the order of arrival.
#[must_use]
pub fn decide(known: &Known, event: &OrderEvent, policy: &Policy, now: Timestamp) -> Outcome {
    let changed_at = event.at.unwrap_or(now);
    let change = event.change;
    let order = merge(known.order.as_ref(), event, changed_at);
    let decision = match (order.status, known.invitation) {
        (OrderStatus::Completed, None) => invite(&order.order, changed_at, policy, now),
        (OrderStatus::Completed, Some(_)) => Decision::Keep { reason: Reason::AlreadyInvited },
        (undone, invitation) => stop(undone, change, invitation),
    };
    Outcome { order, decision }
}

fn invite(order: &Order, completed_at: Timestamp, policy: &Policy, now: Timestamp) -> Decision {
    let refuse = |reason| Decision::DoNotInvite { reason };
    if order.test {
        return refuse(Reason::TestOrder);
    }
    if order.email.is_none() {
        return refuse(Reason::NoAddress);
    }
    if now.duration_since(completed_at) > policy.max_order_age {
        return refuse(Reason::TooOld);
    }
    // A platform's clock may run ahead of ours; the delay counts from now then.
    let wanted_at = add(completed_at.min(now), policy.delay).max(now);
    let due_at = policy.window.as_ref().map_or(wanted_at, |window| window.next_open(wanted_at));
    Decision::Schedule { due_at, rule: DelayRule::ShopDelay, wanted_at }
}

fn stop(undone: OrderStatus, change: Change, invitation: Option<InvitationState>) -> Decision {
    let reason = match undone {
        OrderStatus::Refunded => Reason::OrderRefunded,
        OrderStatus::Cancelled | OrderStatus::Completed => Reason::OrderCancelled,
    };
    match invitation {
        Some(InvitationState::Scheduled) => Decision::Cancel { reason },
        Some(InvitationState::Sending | InvitationState::Sent) if change != Change::Completed => {
            Decision::Keep { reason: Reason::TooLate }
        }
        _ => Decision::DoNotInvite { reason },
    }
}

fn merge(known: Option<&OrderRecord>, event: &OrderEvent, changed_at: Timestamp) -> OrderRecord {
    let status = OrderStatus::from(event.change);
    let incoming = event.order.cleaned();
    let Some(known) = known else {
        return OrderRecord { order: incoming, status, changed_at };
    };
    let status = if known.status == OrderStatus::Completed { status } else { known.status };
    let newer = changed_at >= known.changed_at;
    let (winner, other) =
        if newer { (incoming, &known.order) } else { (known.order.clone(), &incoming) };
    OrderRecord {
        order: fill_gaps(winner, other),
        status,
        changed_at: changed_at.max(known.changed_at),
    }
}

/// Undo events may carry nothing but the reference: what is missing stays as it was.
fn fill_gaps(order: Order, other: &Order) -> Order {
    Order {
        reference: order.reference,
        number: order.number.or_else(|| other.number.clone()),
        email: order.email.or_else(|| other.email.clone()),
        name: order.name.or_else(|| other.name.clone()),
        locale: order.locale.or_else(|| other.locale.clone()),
        country: order.country.or_else(|| other.country.clone()),
        items: if order.items.is_empty() { other.items.clone() } else { order.items },
        total: order.total.or_else(|| other.total.clone()),
        marketing_consent: order.marketing_consent.or(other.marketing_consent),
        placed_at: order.placed_at.or(other.placed_at),
        test: order.test || other.test,
    }
}

/// `at + duration`, saturating at the ends of time.
pub(crate) fn add(at: Timestamp, duration: SignedDuration) -> Timestamp {
    at.checked_add(duration).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EmailAddress;
    use proptest::prelude::*;

    const HOUR: SignedDuration = SignedDuration::from_hours(1);

    fn policy() -> Policy {
        Policy { delay: HOUR * 24, window: None, max_order_age: HOUR * 24 * 90 }
    }

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + hours * 3600).unwrap()
    }

    fn event(change: Change, hours: i64) -> OrderEvent {
        OrderEvent {
            change,
            at: Some(at(hours)),
            order: Order {
                reference: "1".into(),
                email: EmailAddress::parse("anna@x.example").ok(),
                ..Order::default()
            },
        }
    }

    /// Applies events one after the other, as the record would.
    fn live(
        events: impl IntoIterator<Item = OrderEvent>,
        now: Timestamp,
    ) -> (Known, Vec<Decision>) {
        let mut known = Known::default();
        let mut decisions = Vec::new();
        for event in events {
            let outcome = decide(&known, &event, &policy(), now);
            match outcome.decision {
                Decision::Schedule { .. } => known.invitation = Some(InvitationState::Scheduled),
                Decision::Cancel { .. } => known.invitation = Some(InvitationState::Cancelled),
                Decision::DoNotInvite { .. } | Decision::Keep { .. } => {}
            }
            known.order = Some(outcome.order);
            decisions.push(outcome.decision);
        }
        (known, decisions)
    }

    #[test]
    fn the_delay_counts_from_the_completion_not_from_the_arrival() {
        let (_, decisions) = live([event(Change::Completed, 0)], at(5));
        assert_eq!(
            decisions,
            [Decision::Schedule { due_at: at(24), wanted_at: at(24), rule: DelayRule::ShopDelay }]
        );
    }

    #[test]
    fn a_late_arrival_is_due_at_once_and_a_clock_ahead_of_ours_does_not_postpone() {
        let due = |completed, now| match &live([event(Change::Completed, completed)], at(now)).1[..]
        {
            [Decision::Schedule { due_at, .. }] => *due_at,
            other => panic!("{other:?}"),
        };
        assert_eq!(due(0, 48), at(48));
        assert_eq!(due(100, 0), at(24));
    }

    #[test]
    fn a_cancel_before_the_order_is_a_tombstone() {
        let bare = OrderEvent {
            order: Order { reference: "1".into(), ..Order::default() },
            ..event(Change::Cancelled, 1)
        };
        let (known, decisions) = live([bare, event(Change::Completed, 0)], at(2));
        assert_eq!(decisions, vec![Decision::DoNotInvite { reason: Reason::OrderCancelled }; 2]);
        let order = known.order.unwrap();
        assert_eq!(order.status, OrderStatus::Cancelled);
        assert!(order.order.email.is_some(), "the details that came later fill the gaps");
    }

    #[test]
    fn a_refund_stops_a_waiting_invitation_and_is_too_late_for_a_sent_one() {
        let (known, decisions) =
            live([event(Change::Completed, 0), event(Change::Refunded, 1)], at(2));
        assert_eq!(decisions[1], Decision::Cancel { reason: Reason::OrderRefunded });
        let sent = Known { invitation: Some(InvitationState::Sent), order: known.order };
        let outcome = decide(&sent, &event(Change::Refunded, 1), &policy(), at(3));
        assert_eq!(outcome.decision, Decision::Keep { reason: Reason::TooLate });
    }

    #[test]
    fn orders_that_must_not_be_invited_say_why() {
        let reason = |event, now| match decide(&Known::default(), &event, &policy(), now).decision {
            Decision::DoNotInvite { reason } => reason,
            other => panic!("{other:?}"),
        };
        let mut test = event(Change::Completed, 0);
        test.order.test = true;
        assert_eq!(reason(test, at(0)), Reason::TestOrder);
        let mut anonymous = event(Change::Completed, 0);
        anonymous.order.email = None;
        assert_eq!(reason(anonymous, at(0)), Reason::NoAddress);
        assert_eq!(reason(event(Change::Completed, 0), at(24 * 91)), Reason::TooOld);
    }

    #[test]
    fn an_older_event_does_not_overwrite_newer_details() {
        let mut newer = event(Change::Completed, 5);
        newer.order.name = Some("New".into());
        let mut older = event(Change::Completed, 1);
        older.order.name = Some("Old".into());
        let (known, _) = live([newer, older], at(6));
        assert_eq!(known.order.unwrap().order.name.as_deref(), Some("New"));
    }

    proptest! {
        /// Whatever arrives in whatever order and however often: one invitation at most, and none
        /// that waits once an undo was seen.
        #[test]
        fn at_most_one_invitation(changes in prop::collection::vec(
            (prop::sample::select(vec![Change::Completed, Change::Cancelled, Change::Refunded]), 0_i64..9),
            1..12,
        )) {
            let undone = changes.iter().any(|(change, _)| *change != Change::Completed);
            let (known, decisions) =
                live(changes.into_iter().map(|(change, hours)| event(change, hours)), at(10));
            let scheduled =
                decisions.iter().filter(|d| matches!(d, Decision::Schedule { .. })).count();
            prop_assert!(scheduled <= 1);
            let waits = known.invitation == Some(InvitationState::Scheduled);
            prop_assert_eq!(waits, !undone);
        }
    }
}
