//! Decides again about orders on record, under a policy of choice. Nothing is written or sent.
//!
//! Two steps: [`plan`] takes one order after the other and needs no other; [`Replay::finish`] goes
//! through the mails of each person in time order, because caps are about persons.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, HashMap, VecDeque},
    sync::Arc,
};

use domain::{
    Allowed, Change, Decision, EarlierMail, Fulfilment, InvitationId, InvitationState, Item, Known,
    Order, OrderEvent, Policy, ShopId, decide,
    decision::{DelayRule, Reason, Timing},
};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use store::history::{Event, Told};

/// What becomes of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Its buyer gets a mail then; the rule that set the delay.
    Mailed(Timestamp, DelayRule),
    /// Its buyer does not.
    NotMailed(Why),
}

/// Why no mail leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// It was decided so.
    Decided(Reason),
    /// The same person was asked about the same products.
    AskedBefore,
    /// The buyer had said stop.
    SaidStop,
    /// Caps held it back for [`LATEST`].
    HeldBack,
}

/// One order under the policy in force, and under the one that is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Compared {
    pub(super) reference: Box<str>,
    /// The buyer's clock where it is known, or else the shop's.
    pub(super) zone: TimeZone,
    pub(super) now: Fate,
    pub(super) new: Fate,
}

/// A shop's policies.
#[derive(Clone)]
pub(super) struct Policies {
    pub(super) now: Arc<Policy>,
    pub(super) new: Arc<Policy>,
}

impl Policies {
    /// The shop's own clock, as the new policy has it.
    pub(super) fn zone(&self) -> TimeZone {
        self.new.window.as_ref().map_or(TimeZone::UTC, |window| window.zone().clone())
    }
}

/// Mails held back by caps for longer than this count as not sent.
const LATEST: SignedDuration = SignedDuration::from_hours(24 * 365);

/// The earlier mails to a person that caps look at, as in the record.
const EARLIER_MAX: usize = 100;

/// An order under both policies, before anybody else's orders are looked at.
struct Planned {
    shop: ShopId,
    reference: Box<str>,
    received_at: Timestamp,
    country: Option<String>,
    region: Option<String>,
    items: Vec<Item>,
    undone: Option<(Timestamp, Reason)>,
    stopped_at: Option<Timestamp>,
    now: Plan,
    new: Plan,
}

impl Planned {
    /// What the send window asks an order for.
    fn whereabouts(&self) -> Order {
        let (country, region) = (self.country.clone(), self.region.clone());
        Order { country, region, ..Order::default() }
    }
}

/// What one policy makes of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    Due(Timestamp, DelayRule),
    Not(Reason),
}

/// Orders that were planned, by person.
#[derive(Default)]
pub(super) struct Replay {
    /// By address in lower case; each order without one is a person of its own.
    persons: HashMap<String, Vec<Planned>>,
    /// Orders that two invitations were decided on for: each must have one.
    pub(super) twice: usize,
}

impl Replay {
    /// Plans an order that was completed `since` then. `false` if it was not.
    pub(super) fn add(
        &mut self,
        shop: &ShopId,
        told: &Told,
        policies: &Policies,
        since: Timestamp,
    ) -> bool {
        let events = events(told);
        let Some((received_at, first)) =
            events.iter().find(|(_, event)| event.change == Change::Completed)
        else {
            return false;
        };
        if first.at.is_none_or(|at| at < since) {
            return false;
        }
        let order = &told.order.order;
        let mut twice = false;
        let mut planned = |policy: &Policy| {
            let (plan, invitations) = plan(&events, policy);
            twice |= invitations > 1;
            plan
        };
        let (now, new) = (planned(&policies.now), planned(&policies.new));
        self.twice += usize::from(twice);
        let address = order.email.as_ref().map(|email| email.as_str().to_ascii_lowercase());
        let person = address.unwrap_or_else(|| format!("{shop} {}", order.reference));
        self.persons.entry(person).or_default().push(Planned {
            shop: shop.clone(),
            reference: order.reference.as_str().into(),
            received_at: *received_at,
            country: order.country.clone(),
            region: order.region.clone(),
            items: order.items.iter().map(bare).collect(),
            undone: undone(&events),
            stopped_at: told.stopped_at,
            now,
            new,
        });
        true
    }

    /// What becomes of each order when caps are applied to the orders of each person in time order.
    /// By shop, and there in the order of the references. Also how many persons get more than one
    /// mail, now and under the new policies. `shops` are those that orders were added of.
    pub(super) fn finish(
        self,
        shops: &BTreeMap<ShopId, Policies>,
    ) -> (BTreeMap<ShopId, Vec<Compared>>, [usize; 2]) {
        let mut compared: BTreeMap<ShopId, Vec<Compared>> = BTreeMap::new();
        let mut several = [0, 0];
        for mut orders in self.persons.into_values() {
            share_stops(&mut orders);
            let now = mail(&orders, |order| order.now, |shop| &shops[shop].now);
            let new = mail(&orders, |order| order.new, |shop| &shops[shop].new);
            for (count, fates) in several.iter_mut().zip([&now, &new]) {
                let mails = fates.iter().filter(|fate| matches!(fate, Fate::Mailed(..)));
                *count += usize::from(mails.count() > 1);
            }
            for ((order, now), new) in orders.into_iter().zip(now).zip(new) {
                let window = shops[&order.shop].new.window(&order.whereabouts());
                let zone = window.map_or(TimeZone::UTC, |window| window.zone().clone());
                let Planned { shop, reference, .. } = order;
                compared.entry(shop).or_default().push(Compared { reference, zone, now, new });
            }
        }
        for orders in compared.values_mut() {
            orders.sort_unstable_by(|a, b| a.reference.cmp(&b.reference));
        }
        (compared, several)
    }
}

/// Who said stop to a shop said so about all of its orders, also those that led to no invitation and
/// so have nobody on record to look for.
fn share_stops(orders: &mut [Planned]) {
    let mut first: BTreeMap<ShopId, Timestamp> = BTreeMap::new();
    for order in &*orders {
        if let Some(at) = order.stopped_at {
            let stop = first.entry(order.shop.clone()).or_insert(at);
            *stop = at.min(*stop);
        }
    }
    for order in orders {
        order.stopped_at = first.get(&order.shop).copied();
    }
}

/// What tells products from each other.
fn bare(item: &Item) -> Item {
    let Item { name, sku, gtin, .. } = item;
    Item { name: name.clone(), sku: sku.clone(), gtin: gtin.clone(), ..Item::default() }
}

/// What becomes of the orders of one person, in time order.
fn mail<'a>(
    orders: &[Planned],
    plan: impl Fn(&Planned) -> Plan,
    policy: impl Fn(&ShopId) -> &'a Policy,
) -> Vec<Fate> {
    let mut fates = Vec::with_capacity(orders.len());
    let mut due = BinaryHeap::new();
    for (n, order) in orders.iter().enumerate() {
        fates.push(match plan(order) {
            Plan::Due(at, rule) => {
                due.push(Reverse((at, n, at)));
                Fate::Mailed(at, rule)
            }
            Plan::Not(reason) => Fate::NotMailed(Why::Decided(reason)),
        });
    }
    let mut earlier = VecDeque::new();
    while let Some(Reverse((at, n, first_due))) = due.pop() {
        let (Some(order), Some(fate)) = (orders.get(n), fates.get_mut(n)) else { continue };
        match leave(order, policy(&order.shop), earlier.make_contiguous(), at) {
            Leaves::Now => {
                if let Fate::Mailed(leaves_at, _) = fate {
                    *leaves_at = at;
                }
                if earlier.len() == EARLIER_MAX {
                    earlier.pop_front();
                }
                // Only who has more orders is looked at again.
                if orders.len() > 1 {
                    let (shop, items) = (order.shop.clone(), order.items.clone());
                    earlier.push_back(EarlierMail { sent_at: Some(at), shop, items });
                }
            }
            Leaves::At(later) if later.duration_since(first_due) <= LATEST => {
                due.push(Reverse((later, n, first_due)));
            }
            Leaves::At(_) => *fate = Fate::NotMailed(Why::HeldBack),
            Leaves::Never(why) => *fate = Fate::NotMailed(why),
        }
    }
    fates
}

/// Whether a mail that is due leaves.
enum Leaves {
    Now,
    At(Timestamp),
    Never(Why),
}

/// As a worker that claims the mail at `at` finds it.
fn leave(order: &Planned, policy: &Policy, earlier: &[EarlierMail], at: Timestamp) -> Leaves {
    if let Some((_, reason)) = order.undone.filter(|(undone_at, _)| *undone_at <= at) {
        return Leaves::Never(Why::Decided(reason));
    }
    if order.stopped_at.is_some_and(|stopped_at| stopped_at <= at) {
        return Leaves::Never(Why::SaidStop);
    }
    let oldest = at.checked_sub(policy.caps.memory()).unwrap_or(Timestamp::MIN);
    let recent = earlier.partition_point(|mail| mail.sent_at.is_some_and(|sent| sent < oldest));
    let id = InvitationId::derive(order.received_at, &order.shop, &order.reference);
    let asks_about = Some((&order.shop, &*order.items));
    match policy.caps.allow(id, asks_about, earlier.get(recent..).unwrap_or_default(), at) {
        Allowed::Now => Leaves::Now,
        Allowed::Never => Leaves::Never(Why::AskedBefore),
        Allowed::NotBefore(later) => {
            Leaves::At(policy.next_open(&order.whereabouts(), later, &id.to_string()))
        }
    }
}

/// What a policy makes of an order if no other order counts, and how many invitations were decided on.
fn plan(events: &[(Timestamp, OrderEvent)], policy: &Policy) -> (Plan, usize) {
    let mut known = Known::default();
    let mut plan = Plan::Not(Reason::OrderCancelled);
    let mut invitations = 0;
    for (received_at, event) in events {
        let is_over = matches!(plan, Plan::Due(due_at, _) if due_at <= *received_at);
        if known.invitation == Some(InvitationState::Scheduled) && is_over {
            known.invitation = Some(InvitationState::Sent);
        }
        let outcome = decide(&known, event, policy, *received_at);
        match outcome.decision {
            Decision::Schedule(Timing { due_at, rule, .. }) => {
                plan = Plan::Due(due_at, rule);
                known.invitation = Some(InvitationState::Scheduled);
                invitations += 1;
            }
            Decision::Move(Timing { due_at, rule, .. }) => plan = Plan::Due(due_at, rule),
            Decision::Cancel { reason } => {
                plan = Plan::Not(reason);
                known.invitation = Some(InvitationState::Cancelled);
            }
            Decision::DoNotInvite { reason } if known.invitation.is_none() => {
                plan = Plan::Not(reason);
            }
            Decision::DoNotInvite { .. } | Decision::Keep { .. } => {}
        }
        known.order = Some(outcome.order);
    }
    (plan, invitations)
}

/// What was told about an order, as far as the record can say it again, with when it arrived.
///
/// The record has the newest details only. So an order has them from the beginning, but for what an
/// event is on record to have brought: what moved the invitation was not known before.
fn events(told: &Told) -> Vec<(Timestamp, OrderEvent)> {
    let moves = |event: &Event| matches!(event.decision, Decision::Move(_));
    let moved = told.events.iter().position(moves).unwrap_or(0);
    let newest = told.events.len().saturating_sub(1);
    let order = &told.order.order;
    let events = told.events.iter().enumerate().map(|(n, event)| {
        let mut order = order.clone();
        if n < moved {
            order.fulfilment = Fulfilment::Unknown;
            order.ask_at = None;
        }
        let changed_at = Some(told.order.changed_at).filter(|_| n == newest);
        let at = counted_from(event).or(changed_at).unwrap_or(event.at).min(event.at);
        (event.at, OrderEvent { change: event.change, at: Some(at), order })
    });
    events.collect()
}

/// By the platform's clock, when happened what set the timer; if the decision still tells.
fn counted_from(event: &Event) -> Option<Timestamp> {
    let (Decision::Schedule(timing) | Decision::Move(timing)) = &event.decision else {
        return None;
    };
    // What was over when it arrived was set to that time.
    let told = timing.wanted_at > event.at;
    told.then(|| timing.wanted_at.checked_sub(timing.delay).ok()).flatten()
}

/// When the order was called off, and how.
fn undone(events: &[(Timestamp, OrderEvent)]) -> Option<(Timestamp, Reason)> {
    events.iter().find_map(|(at, event)| match event.change {
        Change::Completed => None,
        Change::Cancelled => Some((*at, Reason::OrderCancelled)),
        Change::Refunded => Some((*at, Reason::OrderRefunded)),
    })
}
