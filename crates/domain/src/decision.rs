//! What an order event leads to, and why.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    Change, InvitationState, OrderEvent, OrderRecord, OrderStatus, Policy, consent::Ground,
    order::Order,
};

/// An order's own date counts no further ahead than this: a year in the wrong calendar is a mistake.
const ASKED_AT_MOST: SignedDuration = SignedDuration::from_hours(24 * 365);

/// What the record holds about an order when an event arrives.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The order, if any event came before.
    pub order: Option<OrderRecord>,
    /// Its invitation, if one was ever decided on.
    pub invitation: Option<InvitationState>,
    /// Whether an attempt was made to mail it.
    pub attempted: bool,
    /// Whether its buyer was forgotten: erased, or not needed any more.
    pub forgotten: bool,
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
    /// The buyer will be invited.
    Schedule(Timing),
    /// The buyer will be invited at another time than was decided before.
    Move(Timing),
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

/// When a buyer is invited, why then, and on what ground.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// When the mail may leave.
    pub due_at: Timestamp,
    /// The rule that set the delay.
    pub rule: DelayRule,
    /// The event plus the delay, before the send window moved it.
    pub wanted_at: Timestamp,
    /// The delay that the rule asked for, from the event that set the timer.
    #[serde(default)]
    pub delay: SignedDuration,
    /// The clock that the send window goes by, if the window moved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Why the buyer may be asked; `None` in decisions from before this was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ground: Option<Ground>,
}

/// Which rule set the delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DelayRule {
    /// The order says when.
    OrderDate,
    /// A rule for products.
    Product,
    /// A rule for the buyer's country.
    Country,
    /// The shop's delay after delivery.
    AfterDelivery,
    /// What the trigger waits for has not been told.
    Fallback,
    /// The shop's delay.
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
    /// The address is at one of the domains that the shop leaves out.
    ExcludedDomain,
    /// The order has a tag that the shop leaves out.
    ExcludedTag,
    /// The buyer is a company, and the shop asks people only.
    Business,
    /// The order is worth less than the shop's minimum.
    BelowMinimum,
    /// The shop asks one of several buyers, and this is another.
    NotSampled,
    /// A part of it was sent, and the shop waits until it is completed.
    PartlyShipped,
    /// Where the buyer lives, it takes more than an order to ask, and that is not there.
    NoConsent,
    /// The buyer said no to marketing, or took a yes back.
    Objected,
    /// Its buyer was forgotten.
    Forgotten,
}

impl Decision {
    /// The decision's stable name, as in metrics.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Schedule(_) => "schedule",
            Self::Move(_) => "move",
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
///
/// Of an order whose buyer was forgotten, only the status is taken in: platforms repeat old events, and
/// what they tell must not come back with them.
#[must_use]
pub fn decide(known: &Known, event: &OrderEvent, policy: &Policy, now: Timestamp) -> Outcome {
    let changed_at = event.at.unwrap_or(now);
    let change = event.change;
    let order = match &known.order {
        Some(order) if known.forgotten => merge(Some(order), &event.bare(), changed_at),
        order => merge(order.as_ref(), event, changed_at),
    };
    let decision = match (order.status, known.invitation) {
        (OrderStatus::Completed, None) if known.forgotten => {
            Decision::DoNotInvite { reason: Reason::Forgotten }
        }
        (OrderStatus::Completed, None) => invite(&order.order, changed_at, policy, now),
        (OrderStatus::Completed, Some(invitation)) => {
            let waits = invitation == InvitationState::Scheduled && !known.attempted;
            let before = known.order.as_ref().map(|known| &known.order);
            match before.filter(|_| waits) {
                Some(before) => reconsider(before, &order.order, changed_at, policy, now),
                None => Decision::Keep { reason: Reason::AlreadyInvited },
            }
        }
        (undone, invitation) => stop(undone, change, invitation),
    };
    Outcome { order, decision }
}

fn invite(order: &Order, completed_at: Timestamp, policy: &Policy, now: Timestamp) -> Decision {
    let refuse = |reason| Decision::DoNotInvite { reason };
    if order.email.is_none() {
        return refuse(Reason::NoAddress);
    }
    if now.duration_since(completed_at) > policy.max_order_age {
        return refuse(Reason::TooOld);
    }
    match may_ask(order, policy) {
        Ok(ground) => Decision::Schedule(timing(order, completed_at, policy, ground, now)),
        Err(reason) => refuse(reason),
    }
}

/// On what ground the buyer of this order is asked, or why not, whatever happens to it.
fn may_ask(order: &Order, policy: &Policy) -> Result<Ground, Reason> {
    if order.test {
        return Err(Reason::TestOrder);
    }
    policy.leaves_out(order).map_or(Ok(()), Err)?;
    policy.consent.ground(order)
}

/// An invitation that waits ends when the order turns out to be one that is left out, and moves when
/// what the shop waits for has happened, or when the order names another date.
fn reconsider(
    before: &Order,
    order: &Order,
    changed_at: Timestamp,
    policy: &Policy,
    now: Timestamp,
) -> Decision {
    let ground = match may_ask(order, policy) {
        Ok(ground) => ground,
        Err(reason) => return Decision::Cancel { reason },
    };
    let dated = order.ask_at.is_some() && order.ask_at != before.ask_at;
    let restarts = order.ask_at.is_none() && policy.restarts(before.fulfilment, order.fulfilment);
    if dated || restarts {
        Decision::Move(timing(order, changed_at, policy, ground, now))
    } else {
        Decision::Keep { reason: Reason::AlreadyInvited }
    }
}

fn timing(
    order: &Order,
    changed_at: Timestamp,
    policy: &Policy,
    ground: Ground,
    now: Timestamp,
) -> Timing {
    // A platform's clock may run ahead of ours; the delay counts from now then.
    let from = changed_at.min(now);
    let (wanted_at, delay, rule) = if let Some(at) = order.ask_at {
        (at.min(add(now, ASKED_AT_MOST)), at.duration_since(from), DelayRule::OrderDate)
    } else {
        let (delay, rule) = policy.delay(order);
        (add(from, delay), delay, rule)
    };
    let wanted_at = wanted_at.max(now);
    let due_at = policy.next_open(order, wanted_at, &order.reference);
    let moved = policy.window(order).filter(|_| due_at != wanted_at);
    let zone = moved.and_then(|window| window.zone().iana_name().map(ToOwned::to_owned));
    Timing { due_at, rule, wanted_at, delay, zone, ground: Some(ground) }
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
        region: order.region.or_else(|| other.region.clone()),
        items: if order.items.is_empty() { other.items.clone() } else { order.items },
        total: order.total.or_else(|| other.total.clone()),
        marketing_consent: match order.marketing_consent {
            Some(told) => Some(told.after(other.marketing_consent.as_ref())),
            None => other.marketing_consent.clone(),
        },
        placed_at: order.placed_at.or(other.placed_at),
        ask_at: order.ask_at.or(other.ask_at),
        fulfilment: order.fulfilment.max(other.fulfilment),
        tags: if order.tags.is_empty() { other.tags.clone() } else { order.tags },
        business: order.business || other.business,
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
    use crate::{Consent, EmailAddress, Fulfilment, consent::ConsentPolicy, policy::Trigger};
    use proptest::prelude::*;

    const HOUR: SignedDuration = SignedDuration::from_hours(1);

    fn policy() -> Policy {
        Policy { max_order_age: HOUR * 24 * 90, ..Policy::after(HOUR * 24) }
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
                Decision::Schedule(_) => known.invitation = Some(InvitationState::Scheduled),
                Decision::Cancel { .. } => known.invitation = Some(InvitationState::Cancelled),
                Decision::Move(_) | Decision::DoNotInvite { .. } | Decision::Keep { .. } => {}
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
            [Decision::Schedule(Timing {
                due_at: at(24),
                wanted_at: at(24),
                rule: DelayRule::ShopDelay,
                delay: HOUR * 24,
                zone: None,
                ground: Some(Ground::None),
            })]
        );
    }

    #[test]
    fn a_late_arrival_is_due_at_once_and_a_clock_ahead_of_ours_does_not_postpone() {
        let due = |completed, now| match &live([event(Change::Completed, completed)], at(now)).1[..]
        {
            [Decision::Schedule(timing)] => timing.due_at,
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
        let sent = Known { invitation: Some(InvitationState::Sent), ..known };
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
    fn a_forgotten_order_takes_in_no_details_and_invites_nobody() {
        let record =
            decide(&Known::default(), &event(Change::Completed, 0), &policy(), at(0)).order;
        let order = Order { reference: "1".into(), ..Order::default() };
        let known = Known {
            order: Some(OrderRecord { order: order.clone(), ..record }),
            forgotten: true,
            ..Known::default()
        };
        let again = decide(&known, &event(Change::Completed, 5), &policy(), at(5));
        assert_eq!((&again.order.order, again.order.changed_at), (&order, at(5)));
        assert_eq!(again.decision, Decision::DoNotInvite { reason: Reason::Forgotten });
        let undone = decide(&known, &event(Change::Cancelled, 6), &policy(), at(6));
        assert_eq!((&undone.order.order, undone.order.status), (&order, OrderStatus::Cancelled));
        let sent = Known { invitation: Some(InvitationState::Sent), ..known };
        let kept = decide(&sent, &event(Change::Completed, 7), &policy(), at(7));
        assert_eq!(kept.decision, Decision::Keep { reason: Reason::AlreadyInvited });
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

    #[test]
    fn an_arrival_moves_what_waits_and_a_parcel_told_late_does_not() {
        let mut policy = policy();
        policy.trigger = Trigger::Delivered;
        policy.delays.fallback = HOUR * 100;
        let told = |fulfilment, hours| OrderEvent {
            order: Order { fulfilment, ..event(Change::Completed, hours).order },
            ..event(Change::Completed, hours)
        };
        let mut known = Known::default();
        let mut decisions = Vec::new();
        for event in [
            told(Fulfilment::Shipped, 0),
            told(Fulfilment::Delivered, 20),
            told(Fulfilment::Shipped, 1),
        ] {
            let outcome = decide(&known, &event, &policy, at(30));
            known = Known {
                order: Some(outcome.order),
                invitation: Some(InvitationState::Scheduled),
                ..Known::default()
            };
            decisions.push(outcome.decision);
        }
        let [Decision::Schedule(first), Decision::Move(moved), Decision::Keep { .. }] =
            &decisions[..]
        else {
            panic!("{decisions:?}");
        };
        assert_eq!((first.due_at, first.rule), (at(100), DelayRule::Fallback));
        assert_eq!((moved.due_at, moved.rule), (at(44), DelayRule::ShopDelay));
        assert_eq!(known.order.unwrap().order.fulfilment, Fulfilment::Delivered);
    }

    #[test]
    fn what_turns_out_to_be_left_out_is_not_mailed_and_what_was_attempted_does_not_move() {
        let mut known = live([event(Change::Completed, 0)], at(0)).0;
        let mut test = event(Change::Completed, 1);
        test.order.test = true;
        let cancelled = decide(&known, &test, &policy(), at(2)).decision;
        assert_eq!(cancelled, Decision::Cancel { reason: Reason::TestOrder });
        let mut dated = event(Change::Completed, 1);
        dated.order.ask_at = Some(at(70));
        known.attempted = true;
        let kept = decide(&known, &dated, &policy(), at(2)).decision;
        assert_eq!(kept, Decision::Keep { reason: Reason::AlreadyInvited });
    }

    #[test]
    fn what_was_sent_in_part_is_not_completed() {
        let told = |fulfilment| OrderEvent {
            order: Order { fulfilment, ..event(Change::Completed, 0).order },
            ..event(Change::Completed, 0)
        };
        let decided = |trigger, fulfilment| {
            let policy = Policy { trigger, ..policy() };
            decide(&Known::default(), &told(fulfilment), &policy, at(0)).decision
        };
        let partly = Decision::DoNotInvite { reason: Reason::PartlyShipped };
        assert_eq!(decided(Trigger::Completed, Fulfilment::Partial), partly);
        for (trigger, fulfilment) in [
            (Trigger::Completed, Fulfilment::Shipped),
            (Trigger::FirstShipment, Fulfilment::Partial),
            (Trigger::LastShipment, Fulfilment::Partial),
        ] {
            let decision = decided(trigger, fulfilment);
            assert!(matches!(decision, Decision::Schedule(_)), "{trigger:?}: {decision:?}");
        }
    }

    #[test]
    fn the_orders_own_date_comes_first_and_is_bounded() {
        let due = |ask_at| {
            let mut dated = event(Change::Completed, 0);
            dated.order.ask_at = Some(ask_at);
            match decide(&Known::default(), &dated, &policy(), at(1)).decision {
                Decision::Schedule(timing) => timing.due_at,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(due(at(50)), at(50));
        assert_eq!(due(at(-50)), at(1), "not in the past");
        assert_eq!(due(at(24 * 9000)), at(1 + 24 * 365), "nor in another age");
    }

    #[test]
    fn a_date_that_the_order_gets_later_moves_the_invitation() {
        let known = live([event(Change::Completed, 0)], at(0)).0;
        let mut dated = event(Change::Completed, 1);
        dated.order.ask_at = Some(at(70));
        let Decision::Move(moved) = decide(&known, &dated, &policy(), at(2)).decision else {
            panic!("it moves");
        };
        assert_eq!((moved.due_at, moved.rule), (at(70), DelayRule::OrderDate));
    }

    #[test]
    fn a_yes_that_is_taken_back_ends_what_waits_and_a_later_yes_does_not_bring_it_back() {
        let told = |agreed, hours| {
            let mut told = event(Change::Completed, hours);
            told.order.country = Some("DE".into());
            told.order.marketing_consent = Some(Consent::ticked(agreed, "newsletter"));
            told
        };
        let policy = Policy { consent: ConsentPolicy::default(), ..policy() };
        let decided = |known: &Known, event| decide(known, &event, &policy, at(10));
        let first = decided(&Known::default(), told(true, 0));
        let Decision::Schedule(Timing { ground: Some(Ground::OptIn { consent }), .. }) =
            &first.decision
        else {
            panic!("{first:?}");
        };
        assert_eq!(consent.field, "newsletter");
        let mut known = Known {
            order: Some(first.order),
            invitation: Some(InvitationState::Scheduled),
            attempted: false,
            forgotten: false,
        };
        let taken_back = decided(&known, told(false, 1));
        assert_eq!(taken_back.decision, Decision::Cancel { reason: Reason::Objected });
        known.order = Some(taken_back.order);
        known.invitation = Some(InvitationState::Cancelled);
        let again = decided(&known, told(true, 2)).decision;
        assert_eq!(again, Decision::Keep { reason: Reason::AlreadyInvited });
    }

    #[test]
    fn who_says_yes_later_is_invited_then() {
        let mut told = event(Change::Completed, 0);
        told.order.country = Some("DE".into());
        let policy = Policy { consent: ConsentPolicy::default(), ..policy() };
        let first = decide(&Known::default(), &told, &policy, at(1));
        assert_eq!(first.decision, Decision::DoNotInvite { reason: Reason::NoConsent });
        told.order.marketing_consent = Some(Consent::ticked(true, "newsletter"));
        let known = Known { order: Some(first.order), ..Known::default() };
        let second = decide(&known, &told, &policy, at(1)).decision;
        assert!(matches!(second, Decision::Schedule(_)), "{second:?}");
    }

    #[test]
    fn decisions_from_before_consent_was_looked_at_are_still_read() {
        let old = r#"{"decision":"schedule","due_at":"2026-07-01T10:00:00Z","rule":"shop_delay",
                      "wanted_at":"2026-07-01T10:00:00Z"}"#;
        let Decision::Schedule(timing) = serde_json::from_str(old).unwrap() else { panic!() };
        assert_eq!(timing.ground, None);
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
                decisions.iter().filter(|d| matches!(d, Decision::Schedule(_))).count();
            prop_assert!(scheduled <= 1);
            let waits = known.invitation == Some(InvitationState::Scheduled);
            prop_assert_eq!(waits, !undone);
        }
    }
}
