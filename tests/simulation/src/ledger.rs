//! What truly happened, kept apart from the record, and the promises it is held against.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use domain::{
    Change, Decision, EmailAddress, InvitationId, InvitationState, OrderStatus, ReviewId,
    decision::Timing, review::Label,
};
use jiff::{SignedDuration, Timestamp};
use store::sending::{AttemptOutcome, Claimed};

use crate::{
    plan::{Event, Plan},
    record::{OrderKey, Record},
    worker::{LEASE, RETRY},
};

/// What must never be otherwise. The numbers are those of the published list of promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// I1
    AcceptedMeansInvited,
    /// I2
    NeverTwice,
    /// I3
    OneMail,
    /// I4
    StopMeansStop,
    /// I5
    NeverEarly,
    /// I6
    SentMeansTaken,
    /// I7
    AnyOrderOfEvents,
    /// I9
    TimerMayVanish,
    /// I11
    LooksChangeNothing,
    /// I12
    VerifiedByLink,
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AcceptedMeansInvited => {
                "I1: what was answered with 200 is on record, and every order that is to be \
                 invited has one invitation, which ends"
            }
            Self::NeverTwice => "I2: whatever was answered, an order has one invitation at most",
            Self::OneMail => {
                "I3: one worker at a time, and a second mail only after a fault hid what became \
                 of the first"
            }
            Self::StopMeansStop => {
                "I4: no mail begins after a cancel or an unsubscribe was answered, but by a \
                 worker that had claimed it before and still holds the lease"
            }
            Self::NeverEarly => {
                "I5: a mail begins when it is due and the window is open, which is the first \
                 such time"
            }
            Self::SentMeansTaken => "I6: sent means that the mail server took this attempt's mail",
            Self::AnyOrderOfEvents => {
                "I7: events in any order, repeated: an undo is final, and newer details win"
            }
            Self::TimerMayVanish => "I9: what is due is taken up soon, whatever the timer lost",
            Self::LooksChangeNothing => {
                "I11: looking, blind posts and forged links change nothing; one form, one review"
            }
            Self::VerifiedByLink => {
                "I12: verified means written through the link of a mail that arrived, and \
                 whoever does so is verified"
            }
        })
    }
}

/// A promise that was broken.
#[derive(Debug)]
pub(crate) struct Violation {
    pub(crate) invariant: Invariant,
    /// The order it is about, if it is about one.
    pub(crate) order: Option<usize>,
    pub(crate) what: String,
}

pub(crate) type Checked = Result<(), Violation>;

/// One claim, and what became of it.
pub(crate) struct Attempt {
    pub(crate) invitation: InvitationId,
    pub(crate) order: usize,
    pub(crate) fence: i64,
    /// The process and its life.
    pub(crate) owner: (usize, u32),
    pub(crate) to: Option<EmailAddress>,
    /// The step in which the claim was committed.
    claimed_in: u64,
    /// When the lease is over, by a clock that does not step.
    pub(crate) lease_ends: Timestamp,
    /// The mail server took responsibility.
    pub(crate) taken: bool,
    /// The outcome is on record.
    recorded: bool,
    /// The fault that kept the outcome from being recorded.
    excuse: Option<&'static str>,
}

#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) attempts: Vec<Attempt>,
    /// Events answered with 200.
    answered: BTreeSet<usize>,
    /// Decided events, with the time they arrived at.
    decided: Vec<(usize, Timestamp)>,
    invitations: BTreeMap<InvitationId, usize>,
    /// Orders whose undo was answered, with the step.
    undone: BTreeMap<usize, u64>,
    /// Shops, and people who told them to stop, with the step of the answer.
    stopped: Vec<(usize, EmailAddress, u64)>,
    /// Shops that somebody told to stop, answered or not.
    asked: BTreeSet<usize>,
    /// Reviews, and whether they were written through the link of a mail that arrived.
    reviews: BTreeMap<ReviewId, bool>,
    /// When the last of all invitations is first due.
    pub(crate) last_due_at: Option<Timestamp>,
}

impl Ledger {
    /// The order an invitation is about.
    pub(crate) fn order_of(&self, invitation: InvitationId) -> Option<usize> {
        self.invitations.get(&invitation).copied()
    }

    pub(crate) fn decided(
        &mut self,
        plan: &Plan,
        number: usize,
        received_at: Timestamp,
        decision: &Decision,
        invitation: Option<InvitationId>,
    ) -> Checked {
        let order = plan.events[number].order;
        self.decided.push((number, received_at));
        let Decision::Schedule(Timing { due_at, wanted_at, .. }) = decision else { return Ok(()) };
        let known = self.invitations.values().any(|other| *other == order);
        ensure(!known, Invariant::NeverTwice, order, || "a second invitation".into())?;
        self.invitations.extend(invitation.map(|id| (id, order)));
        self.last_due_at = self.last_due_at.max(Some(*due_at));
        let Some(hours) = &plan.shops[plan.orders[order].shop].hours else { return Ok(()) };
        ensure(hours.contain(*due_at), Invariant::NeverEarly, order, || {
            format!("due at {due_at}, when the window is closed")
        })?;
        let quarter = SignedDuration::from_mins(15);
        let mut before = *wanted_at;
        while before < *due_at {
            ensure(!hours.contain(before), Invariant::NeverEarly, order, || {
                format!("due at {due_at}, although the window is open at {before}")
            })?;
            before += quarter;
        }
        Ok(())
    }

    pub(crate) fn answered(&mut self, plan: &Plan, number: usize, step: u64) {
        self.answered.insert(number);
        let Event { order, told: event, .. } = &plan.events[number];
        if event.change != Change::Completed {
            self.undone.entry(*order).or_insert(step);
        }
    }

    pub(crate) fn asked_to_stop(&mut self, shop: usize) {
        self.asked.insert(shop);
    }

    pub(crate) fn unsubscribed(&mut self, shop: usize, address: EmailAddress, step: u64) {
        self.stopped.push((shop, address, step));
    }

    /// A claim was committed. Returns the number of the attempt.
    pub(crate) fn claimed(
        &mut self,
        plan: &Plan,
        claimed: &Claimed,
        owner: (usize, u32),
        lease_ends: Timestamp,
        now: Timestamp,
        step: u64,
    ) -> Result<usize, Violation> {
        let order = self.invitations[&claimed.id];
        for other in self.attempts.iter_mut().filter(|other| other.invitation == claimed.id) {
            if !other.recorded && other.lease_ends > now {
                ensure(plan.clocks_step(), Invariant::OneMail, order, || {
                    format!("claim {} while claim {} still holds", claimed.fence, other.fence)
                })?;
                other.excuse = Some("a clock stepped");
            }
        }
        self.attempts.push(Attempt {
            invitation: claimed.id,
            order,
            fence: claimed.fence,
            owner,
            to: claimed.order.order.email.clone(),
            claimed_in: step,
            lease_ends,
            taken: false,
            recorded: false,
            excuse: None,
        });
        Ok(self.attempts.len() - 1)
    }

    /// Something was due, and is being taken up.
    pub(crate) fn taken_up(
        &self,
        plan: &Plan,
        invitation: InvitationId,
        available_at: Timestamp,
        now: Timestamp,
    ) -> Checked {
        let settled_at = plan.settled_at();
        if plan.clocks_step() || now <= settled_at {
            return Ok(());
        }
        // A minute, and for each that may stand in line what a mail takes at most.
        let patience = SignedDuration::from_secs(60)
            + SignedDuration::from_secs(20) * i32::try_from(plan.orders.len()).unwrap_or(i32::MAX);
        let late = now.duration_since(available_at.max(settled_at));
        ensure(late <= patience, Invariant::TimerMayVanish, self.invitations[&invitation], || {
            format!("taken up {late:#} after it was due")
        })
    }

    /// A worker begins to hand over the text.
    pub(crate) fn begins(&self, plan: &Plan, number: usize, now: Timestamp) -> Checked {
        let attempt = &self.attempts[number];
        let order = attempt.order;
        let shop = plan.orders[order].shop;
        ensure(now < attempt.lease_ends, Invariant::OneMail, order, || {
            "a mail begins although the lease is over".into()
        })?;
        let undone = self.undone.get(&order).copied();
        let stopped = self
            .stopped
            .iter()
            .filter(|(by, address, _)| *by == shop && attempt.to.as_ref() == Some(address))
            .map(|(.., step)| *step);
        if let Some(step) = undone.into_iter().chain(stopped).min() {
            ensure(step > attempt.claimed_in, Invariant::StopMeansStop, order, || {
                "claimed after the stop was answered".into()
            })?;
        }
        if plan.clocks_step() {
            return Ok(());
        }
        let completed = self.decided.iter().filter_map(|(number, received_at)| {
            let Event { order: other, told: event, .. } = &plan.events[*number];
            let counts = *other == order && event.change == Change::Completed;
            counts.then(|| event.at.unwrap_or(*received_at).min(*received_at))
        });
        let policy = &plan.shops[shop].policy;
        let due_at = completed.min().map(|at| at + policy.delays.shop);
        ensure(due_at.is_some_and(|due| due <= now), Invariant::NeverEarly, order, || {
            "before the shop's delay is over".into()
        })?;
        // The window was looked at some time after the claim.
        let open = plan.shops[shop]
            .hours
            .as_ref()
            .is_none_or(|hours| hours.contain(now) || hours.contain(now - LEASE));
        ensure(open, Invariant::NeverEarly, order, || "the window is closed".into())
    }

    /// The mail server took the mail.
    pub(crate) fn taken(&mut self, number: usize) -> Checked {
        self.attempts[number].taken = true;
        let this = &self.attempts[number];
        let unexplained = self.attempts.iter().enumerate().find(|(other, attempt)| {
            let both = *other != number && attempt.invitation == this.invitation && attempt.taken;
            both && attempt.excuse.is_none() && this.excuse.is_none()
        });
        ensure(unexplained.is_none(), Invariant::OneMail, this.order, || {
            let other = unexplained.map_or(0, |(_, attempt)| attempt.fence);
            format!("claims {other} and {} both sent a mail, and no fault explains it", this.fence)
        })
    }

    /// An outcome was recorded, and counts.
    pub(crate) fn recorded(
        &mut self,
        plan: &Plan,
        number: usize,
        outcome: &AttemptOutcome,
        at: Timestamp,
        first_due_at: Timestamp,
    ) -> Checked {
        let attempt = &mut self.attempts[number];
        attempt.recorded = true;
        let (order, fence) = (attempt.order, attempt.fence);
        match outcome {
            AttemptOutcome::Sent(_) => {
                ensure(attempt.taken, Invariant::SentMeansTaken, order, || {
                    format!("claim {fence} is recorded as sent; the mail server did not take it")
                })
            }
            AttemptOutcome::Failed(_) => {
                let unknown = |buyer: &&crate::plan::Buyer| {
                    buyer.unknown && Some(&buyer.address) == attempt.to.as_ref()
                };
                let hopeless = plan.orders[order].poison || plan.buyers.iter().any(|b| unknown(&b));
                let stale =
                    at.duration_since(first_due_at) > RETRY.give_up_after - RETRY.max_delay * 6 / 5;
                ensure(hopeless || stale, Invariant::AcceptedMeansInvited, order, || {
                    "given up too early".into()
                })
            }
            AttemptOutcome::Retry { .. }
            | AttemptOutcome::Held { .. }
            | AttemptOutcome::Postponed(_)
            | AttemptOutcome::AskedBefore
            | AttemptOutcome::MayNotAsk(_) => Ok(()),
        }
    }

    /// When the last lease of this process ends.
    pub(crate) fn last_lease(&self, owner: (usize, u32)) -> Option<Timestamp> {
        let last = self.attempts.iter().rev().find(|attempt| attempt.owner == owner);
        last.filter(|attempt| !attempt.recorded).map(|attempt| attempt.lease_ends)
    }

    /// A fault hides what became of an attempt.
    pub(crate) fn excuse(&mut self, number: usize, excuse: &'static str) {
        self.attempts[number].excuse = Some(excuse);
    }

    /// A fault hides what became of whatever this process works on beyond `until`.
    pub(crate) fn excuse_running(
        &mut self,
        owner: (usize, u32),
        until: Timestamp,
        excuse: &'static str,
    ) {
        for attempt in &mut self.attempts {
            if attempt.owner == owner && !attempt.recorded && attempt.lease_ends <= until {
                attempt.excuse = Some(excuse);
            }
        }
    }

    pub(crate) fn wrote(&mut self, review: ReviewId, genuine: bool) {
        self.reviews.insert(review, genuine);
    }

    /// A review was labelled. `undone`: its order was, when the label was found.
    pub(crate) fn labelled(
        &self,
        plan: &Plan,
        review: ReviewId,
        order: Option<usize>,
        verified: bool,
        undone: bool,
    ) -> Checked {
        let genuine = self.reviews.get(&review).copied().unwrap_or(false);
        let broken = |what: &str| {
            Err(Violation { invariant: Invariant::VerifiedByLink, order, what: what.into() })
        };
        if verified && (!genuine || undone) {
            return broken("verified, but not through the link of a mail for a real order");
        }
        if !verified && genuine && !undone && !plan.clocks_step() {
            return broken("refused, although written through the link of a mail that arrived");
        }
        Ok(())
    }

    /// What must be so when nothing fails any more and nothing is left to do.
    pub(crate) fn closes(&self, plan: &Plan, record: &Record) -> Checked {
        for number in &self.answered {
            let Event { order, key, told: event } = &plan.events[*number];
            let there = record.has_delivery(&plan.key(*order), event.change, key);
            ensure(there, Invariant::AcceptedMeansInvited, *order, || {
                format!("event {number} was answered with 200 and is not on record")
            })?;
        }
        for order in 0..plan.orders.len() {
            self.order_closes(plan, record, order)?;
        }
        let mut reviewed = BTreeSet::new();
        for (review, label) in record.reviews() {
            let order = review.invitation.and_then(|id| self.order_of(id));
            let broken =
                |invariant, what: &str| Err(Violation { invariant, order, what: what.into() });
            if *label == Label::Pending {
                return broken(Invariant::VerifiedByLink, "a review was never checked");
            }
            if !reviewed.insert(review.invitation) {
                return broken(Invariant::LooksChangeNothing, "two reviews of one invitation");
            }
        }
        Ok(())
    }

    fn order_closes(&self, plan: &Plan, record: &Record, order: usize) -> Checked {
        let key = plan.key(order);
        let planned = &plan.orders[order];
        let events: Vec<&Event> = planned
            .events
            .iter()
            .map(|number| &plan.events[*number])
            .filter(|event| record.has_delivery(&key, event.told.change, &event.key))
            .collect();
        let undone = events.iter().any(|event| event.told.change != Change::Completed);
        history_is_whole(record, &key, order, &events, undone)?;
        let invitations: Vec<_> =
            record.invitations().filter(|(_, row)| row.order == key).map(|(_, row)| row).collect();
        ensure(invitations.len() <= 1, Invariant::NeverTwice, order, || {
            format!("{} invitations", invitations.len())
        })?;
        let state = invitations.first().map(|row| row.state);
        let ends = |ends: bool| {
            ensure(ends, Invariant::AcceptedMeansInvited, order, || {
                format!("its invitation ended as {state:?}")
            })
        };
        ends(!matches!(state, Some(InvitationState::Scheduled | InvitationState::Sending)))?;
        let reachable = events.iter().any(|event| {
            event.told.change == Change::Completed && event.told.order.email.is_some()
        });
        if undone {
            return Ok(());
        }
        if planned.test || planned.old || !reachable {
            return ends(state.is_none());
        }
        match state {
            Some(InvitationState::Sent | InvitationState::Failed) => Ok(()),
            Some(InvitationState::Suppressed) => ends(self.asked.contains(&planned.shop)),
            _ => ends(false),
        }
    }
}

fn history_is_whole(
    record: &Record,
    key: &OrderKey,
    order: usize,
    events: &[&Event],
    undone: bool,
) -> Checked {
    let found = record.orders().find(|(other, _)| *other == key).map(|(_, order)| order);
    let ensure =
        |holds, what: &str| ensure(holds, Invariant::AnyOrderOfEvents, order, || what.to_owned());
    ensure(found.is_some() != events.is_empty(), "an event left no order behind")?;
    let Some(found) = found else { return Ok(()) };
    let is_undone = found.status != OrderStatus::Completed;
    ensure(is_undone == undone, "an undo on record did not undo the order")?;
    // Details of an undone order matter no more. Where an event lacks some, an older one fills the
    // gap for good; where it lacks the time, that of its arrival counts.
    let whole = |event: &&Event| event.told.at.is_some() && event.told.order.name.is_some();
    if undone || !events.iter().all(whole) {
        return Ok(());
    }
    let newest = events.iter().map(|event| event.told.at).max();
    let source = events.iter().find(|event| event.told.order.name == found.order.name);
    ensure(newest == source.map(|event| event.told.at), "older details overwrote newer ones")
}

fn ensure(
    holds: bool,
    invariant: Invariant,
    order: usize,
    what: impl FnOnce() -> String,
) -> Checked {
    if holds { Ok(()) } else { Err(Violation { invariant, order: Some(order), what: what() }) }
}
