//! The record in memory: the conditional updates of `store`, statement by statement.
//!
//! Methods have the names and the types of [`store::Store`], and each does what the SQL behind that
//! name does (`store/src/{intake,sending,suppression,reviews,overview}.rs`): the same conditions,
//! the same columns. `tests/record.rs` runs random histories against both and compares every
//! answer. Left out is what decides nothing: reasons, request ids, the logs of decisions and
//! deliveries.
//!
//! Each call is one transaction, with one exception: what an event meets is read in
//! [`Record::load`] and written in [`Record::accept`], because on Postgres others may commit
//! in between.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use domain::{
    AddressHash, Change, Decision, InvitationId, InvitationState, Known, OrderRecord, OrderStatus,
    Policy, Review, ReviewId, ShopId, decide,
    review::{Evidence, Label, Origin, Refusal},
};
use jiff::{SignedDuration, Timestamp};
use store::{
    intake::{Accepted, Arrival},
    overview::Due,
    reviews::{Invited, Submitted},
    sending::{AttemptOutcome, Claim, Claimed, Finish},
};
use uuid::Uuid;

use crate::{Bug, bug};

/// A shop and the platform's reference of an order.
pub type OrderKey = (ShopId, String);

/// The tables.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    address_key: Vec<u8>,
    bug: Option<Bug>,
    /// By shop, order, change and event key.
    deliveries: HashSet<(OrderKey, Change, String)>,
    /// With their versions.
    orders: BTreeMap<OrderKey, (i64, OrderRecord)>,
    invitations: BTreeMap<InvitationId, Invitation>,
    /// Whom invitations were mailed to before their orders got another address.
    former_recipients: HashSet<(InvitationId, AddressHash)>,
    suppressions: HashSet<(AddressHash, ShopId)>,
    reviews: BTreeMap<ReviewId, (Review, Label)>,
}

/// A row of `invitations`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// The order it is about.
    pub order: OrderKey,
    /// Whom the suppression list is asked about.
    pub recipient: AddressHash,
    /// Where it stands.
    pub state: InvitationState,
    /// When it was first due.
    pub first_due_at: Timestamp,
    /// When it is due.
    pub due_at: Timestamp,
    /// Attempts made.
    pub attempt: u32,
    /// The number of the last claim.
    pub fence: i64,
    /// When the claim ends.
    pub lease_until: Option<Timestamp>,
    /// When the first attempt began.
    pub first_attempt_at: Option<Timestamp>,
}

/// What the record held about an order when an event was read.
#[derive(Clone)]
pub struct Loaded {
    version: i64,
    known: Known,
    invitation: Option<InvitationId>,
}

impl Record {
    /// An empty record. `bug` is switched on in it.
    #[must_use]
    pub fn new(address_key: Vec<u8>, bug: Option<Bug>) -> Self {
        Self {
            address_key,
            bug,
            deliveries: HashSet::new(),
            orders: BTreeMap::new(),
            invitations: BTreeMap::new(),
            former_recipients: HashSet::new(),
            suppressions: HashSet::new(),
            reviews: BTreeMap::new(),
        }
    }

    /// The orders.
    pub fn orders(&self) -> impl Iterator<Item = (&OrderKey, &OrderRecord)> {
        self.orders.iter().map(|(key, (_, order))| (key, order))
    }

    /// The invitations.
    pub fn invitations(&self) -> impl Iterator<Item = (InvitationId, &Invitation)> {
        self.invitations.iter().map(|(id, invitation)| (*id, invitation))
    }

    /// One invitation.
    #[must_use]
    pub fn invitation(&self, id: InvitationId) -> Option<&Invitation> {
        self.invitations.get(&id)
    }

    /// The reviews with their labels.
    pub fn reviews(&self) -> impl Iterator<Item = &(Review, Label)> {
        self.reviews.values()
    }

    /// `true` if this event is on record.
    #[must_use]
    pub fn has_delivery(&self, order: &OrderKey, change: Change, event_key: &str) -> bool {
        self.deliveries.contains(&(order.clone(), change, event_key.to_owned()))
    }

    /// `LOAD_ORDERS`.
    #[must_use]
    pub fn load(&self, order: &OrderKey) -> Loaded {
        let (version, record) = self.orders.get(order).cloned().unzip();
        let invitation = self.invitations.iter().find(|(_, row)| row.order == *order);
        Loaded {
            version: version.unwrap_or(0),
            known: Known {
                order: record,
                invitation: invitation.map(|(_, row)| row.state),
                attempted: invitation.is_some_and(|(_, row)| row.first_attempt_at.is_some()),
                ..Known::default()
            },
            invitation: invitation.map(|(id, _)| *id),
        }
    }

    /// The rest of an intake: `None` if somebody else changed the order since it was loaded.
    pub fn accept(&mut self, arrival: &Arrival, loaded: Loaded) -> Option<Accepted> {
        let order = (arrival.shop.clone(), arrival.event.order.reference.clone());
        let (change, now) = (arrival.event.change, arrival.received_at);
        let delivery = (order.clone(), change, arrival.event_key.clone());
        if self.deliveries.contains(&delivery) {
            return Some(Accepted::Duplicate);
        }
        let Loaded { version, known, mut invitation } = loaded;
        if self.bug == Some(Bug::NoTombstone)
            && change != Change::Completed
            && known.order.is_none()
        {
            self.deliveries.insert(delivery);
            return Some(Accepted::Duplicate);
        }
        let mut outcome = self.decide(&known, arrival, &arrival.policy);
        outcome.order.changed_at = whole_millis(outcome.order.changed_at);
        // SAVE_ORDERS: only over the version that was read.
        if self.orders.get(&order).map_or(0, |(version, _)| *version) != version {
            return None;
        }
        match &outcome.decision {
            Decision::Schedule(domain::decision::Timing { due_at, .. }) => {
                let id = InvitationId::derive(now, &arrival.shop, &order.1);
                let taken =
                    |(other, row): (&InvitationId, &Invitation)| *other == id || row.order == order;
                if self.invitations.iter().any(taken) {
                    return None;
                }
                let recipient = self.hash(&outcome.order)?;
                self.invitations.insert(id, Invitation::new(order.clone(), recipient, *due_at));
                invitation = Some(id);
            }
            Decision::Cancel { .. } => {
                let row = self.invitations.get_mut(&invitation?)?;
                if row.state != InvitationState::Scheduled {
                    return None;
                }
                row.state = InvitationState::Cancelled;
            }
            // No shop here waits for more than a completion.
            Decision::Move(_) | Decision::DoNotInvite { .. } | Decision::Keep { .. } => {
                let before = known.order.as_ref().and_then(|order| order.order.email.as_ref());
                let after = outcome.order.order.email.as_ref();
                if let (Some(id), true) = (invitation, after.is_some() && before != after) {
                    let recipient = self.hash(&outcome.order)?;
                    let row = self.invitations.get_mut(&id)?;
                    if row.first_attempt_at.is_some() {
                        self.former_recipients.insert((id, row.recipient));
                    }
                    if row.state != InvitationState::Sent {
                        row.recipient = recipient;
                    }
                }
            }
        }
        self.deliveries.insert(delivery);
        self.orders.insert(order, (version + 1, outcome.order));
        Some(Accepted::Decided { decision: outcome.decision, invitation })
    }

    fn decide(&self, known: &Known, arrival: &Arrival, policy: &Arc<Policy>) -> domain::Outcome {
        let (event, now) = (&arrival.event, arrival.received_at);
        match (self.bug, &policy.window) {
            (Some(Bug::ClockChangesIgnored), Some(window)) => {
                bug::decide_ignoring_clock_changes(known, event, policy, window, now)
            }
            _ => decide(known, event, policy, now),
        }
    }

    fn hash(&self, order: &OrderRecord) -> Option<AddressHash> {
        order.order.email.as_ref().map(|email| email.hash(&self.address_key))
    }

    /// `CLAIM`, then for what was not claimed `CANCEL_UNDONE` and `SUPPRESS`, then `LOAD_CLAIMED`.
    pub fn claim(&mut self, claim: Claim) -> Option<Claimed> {
        let row = self.invitations.get(&claim.id)?;
        let suppressed = self.is_suppressed(row);
        let looks = self.bug != Some(Bug::SuppressionCheckedBeforeClaim);
        if row.is_due(claim.now) && !self.is_undone(row) && !(suppressed && looks) {
            return self.take(claim);
        }
        self.cancel_undone(claim);
        self.suppress(claim);
        None
    }

    fn take(&mut self, claim: Claim) -> Option<Claimed> {
        let row = self.invitations.get_mut(&claim.id)?;
        row.state = InvitationState::Sending;
        row.fence += 1;
        row.attempt += 1;
        row.lease_until = Some(later(claim.now, claim.lease));
        row.first_attempt_at = row.first_attempt_at.or(Some(whole_millis(claim.now)));
        let row = self.invitations.get(&claim.id)?;
        let mailed = |other: &Invitation| {
            matches!(other.state, InvitationState::Sending | InvitationState::Sent)
        };
        let is_known = self.invitations.iter().any(|(id, other)| {
            *id != claim.id && other.recipient == row.recipient && mailed(other)
        });
        let (_, order) = self.orders.get(&row.order)?;
        Some(Claimed {
            id: claim.id,
            kind: domain::MailKind::Invitation,
            invitation: claim.id,
            is_known,
            recipient: row.recipient.to_string(),
            fence: row.fence,
            attempt: row.attempt,
            first_due_at: row.first_due_at,
            first_attempt_at: row.first_attempt_at?,
            due_at: row.due_at,
            shop: row.order.0.clone(),
            request_id: Uuid::nil(),
            order: order.clone(),
        })
    }

    fn cancel_undone(&mut self, claim: Claim) {
        let Some(row) = self.invitations.get(&claim.id) else { return };
        if row.is_free(claim.now) && self.is_undone(row) {
            self.end(claim.id, InvitationState::Cancelled);
        }
    }

    /// `SUPPRESS`, also by itself: a known bug looks too early.
    pub fn suppress(&mut self, claim: Claim) {
        let Some(row) = self.invitations.get(&claim.id) else { return };
        if row.is_free(claim.now) && self.is_suppressed(row) {
            self.end(claim.id, InvitationState::Suppressed);
        }
    }

    fn end(&mut self, id: InvitationId, state: InvitationState) {
        if let Some(row) = self.invitations.get_mut(&id) {
            (row.state, row.lease_until) = (state, None);
        }
    }

    fn is_undone(&self, row: &Invitation) -> bool {
        self.orders.get(&row.order).is_some_and(|(_, order)| order.status != OrderStatus::Completed)
    }

    fn is_suppressed(&self, row: &Invitation) -> bool {
        self.suppressions.contains(&(row.recipient, row.order.0.clone()))
    }

    /// `FINISH`: counts only for the last claim, and only while it is sending.
    pub fn finish(&mut self, finish: &Finish) -> bool {
        let fenced = self.bug != Some(Bug::NoFence);
        let Some(row) = self.invitations.get_mut(&finish.id) else { return false };
        if (fenced && row.fence != finish.fence) || row.state != InvitationState::Sending {
            return false;
        }
        row.lease_until = None;
        row.state = InvitationState::Scheduled;
        match &finish.outcome {
            AttemptOutcome::Sent(_) => row.state = InvitationState::Sent,
            AttemptOutcome::Retry { at, .. } => row.due_at = whole_millis(*at),
            AttemptOutcome::Failed(_) => row.state = InvitationState::Failed,
            AttemptOutcome::AskedBefore | AttemptOutcome::MayNotAsk(_) => {
                row.state = InvitationState::Cancelled;
            }
            AttemptOutcome::Postponed(at) | AttemptOutcome::Held { at, .. } => {
                row.due_at = whole_millis(*at);
                row.attempt -= 1;
                if row.attempt == 0 {
                    row.first_attempt_at = None;
                }
            }
        }
        true
    }

    /// `FIND_RECIPIENTS`, `INSERT_SUPPRESSION`.
    pub fn unsubscribe(&mut self, id: InvitationId) -> Option<ShopId> {
        let row = self.invitations.get(&id)?;
        let shop = row.order.0.clone();
        let mut recipients = vec![row.recipient];
        if self.bug != Some(Bug::StopFollowsTheOrder) {
            let former = self.former_recipients.iter().filter(|(of, _)| *of == id);
            recipients.extend(former.map(|(_, recipient)| *recipient));
        }
        self.suppressions.extend(recipients.into_iter().map(|hash| (hash, shop.clone())));
        Some(shop)
    }

    /// `FIND_INVITED`.
    #[must_use]
    pub fn invited(&self, id: InvitationId) -> Option<Invited> {
        let row = self.invitations.get(&id)?;
        let (_, order) = self.orders.get(&row.order)?;
        let review = self.reviews.values().find(|(review, _)| review.invitation == Some(id));
        Some(Invited {
            shop: row.order.0.clone(),
            order: order.clone(),
            first_attempt_at: row.first_attempt_at,
            review: review.map(|(review, label)| (review.opinion.stars, *label)),
        })
    }

    /// `INSERT_REVIEW`: unless one has this id or came through this invitation.
    pub fn submit_review(&mut self, review: &Review) -> Submitted {
        let taken = |(other, _): &(Review, Label)| {
            other.invitation.is_some() && other.invitation == review.invitation
        };
        if self.reviews.contains_key(&review.id) || self.reviews.values().any(taken) {
            return Submitted::AlreadyThere;
        }
        let label = if review.invitation.is_some() { Label::Pending } else { Label::Organic };
        self.reviews.insert(review.id, (review.clone(), label));
        Submitted::Stored(review.id)
    }

    /// `FIND_PENDING`.
    #[must_use]
    pub fn pending_review(&self, id: ReviewId) -> Option<(Review, Option<Origin>)> {
        let (review, _) = self.reviews.get(&id).filter(|(_, label)| *label == Label::Pending)?;
        let origin = review.invitation.and_then(|invitation| {
            let row = self.invitations.get(&invitation)?;
            let (_, order) = self.orders.get(&row.order)?;
            Some(Origin {
                invitation,
                shop: row.order.0.clone(),
                state: row.state,
                first_attempt_at: row.first_attempt_at,
                order: order.clone(),
            })
        });
        Some((review.clone(), origin))
    }

    /// `LABEL_REVIEW`.
    pub fn label_review(&mut self, id: ReviewId, verdict: &Result<Evidence, Refusal>) -> bool {
        let pending = self.reviews.get_mut(&id).filter(|(_, label)| *label == Label::Pending);
        let Some((_, label)) = pending else { return false };
        *label = if verdict.is_ok() { Label::Verified } else { Label::Refused };
        true
    }

    /// `DUE` and `LEASES_OVER`.
    #[must_use]
    pub fn due_invitations(&self, now: Timestamp) -> Vec<Due> {
        let mut due = self.scheduled(|row| row.at <= now);
        let mut over: Vec<Due> = self
            .invitations
            .iter()
            .filter(|(_, row)| row.state == InvitationState::Sending && row.is_due(now))
            .filter_map(|(id, row)| Some(row.due(*id, row.lease_until?)))
            .collect();
        over.sort_by_key(|due| due.at);
        due.append(&mut over);
        due
    }

    /// `UPCOMING` of all shops: due later than `after`, and not later than `until`.
    #[must_use]
    pub fn upcoming_invitations(&self, after: Timestamp, until: Timestamp) -> Vec<Due> {
        self.scheduled(|row| after < row.at && row.at <= until)
    }

    /// `PENDING_REVIEWS`.
    #[must_use]
    pub fn pending_reviews(&self) -> Vec<ReviewId> {
        let pending = self.reviews.values().filter(|(_, label)| *label == Label::Pending);
        let mut pending: Vec<&Review> = pending.map(|(review, _)| review).collect();
        pending.sort_by_key(|review| review.submitted_at);
        pending.iter().map(|review| review.id).collect()
    }

    /// What waits, in the order of due times.
    fn scheduled(&self, wanted: impl Fn(&Due) -> bool) -> Vec<Due> {
        let mut due: Vec<Due> = self
            .invitations
            .iter()
            .filter(|(_, row)| row.state == InvitationState::Scheduled)
            .map(|(id, row)| row.due(*id, row.due_at))
            .filter(wanted)
            .collect();
        due.sort_by_key(|due| (due.at, due.id));
        due
    }
}

impl Invitation {
    fn due(&self, id: InvitationId, at: Timestamp) -> Due {
        Due { id, shop: self.order.0.clone(), at }
    }

    fn new(order: OrderKey, recipient: AddressHash, due_at: Timestamp) -> Self {
        let due_at = whole_millis(due_at);
        Self {
            order,
            recipient,
            state: InvitationState::Scheduled,
            first_due_at: due_at,
            due_at,
            attempt: 0,
            fence: 0,
            lease_until: None,
            first_attempt_at: None,
        }
    }

    /// Nobody works on it: it waits, or its worker's time is over.
    fn is_free(&self, now: Timestamp) -> bool {
        self.state == InvitationState::Scheduled || self.is_abandoned(now)
    }

    fn is_due(&self, now: Timestamp) -> bool {
        let waits = self.state == InvitationState::Scheduled && self.due_at <= whole_millis(now);
        waits || self.is_abandoned(now)
    }

    fn is_abandoned(&self, now: Timestamp) -> bool {
        let over = self.lease_until.is_some_and(|until| until <= whole_millis(now));
        self.state == InvitationState::Sending && over
    }
}

/// As times are recorded.
fn whole_millis(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

fn later(at: Timestamp, span: SignedDuration) -> Timestamp {
    whole_millis(at).checked_add(span).unwrap_or(Timestamp::MAX)
}
