//! Webhooks in: each event once, its decision with it, in one transaction.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use domain::{
    Decision, InvitationId, InvitationState, Known, Order, OrderEvent, OrderRecord, OrderStatus,
    Policy, ShopId,
    consent::{CheckoutNotice, Ground},
    decide,
    decision::Reason,
};
use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{
    Store, StoreError,
    db::{Db, write_on},
    instant, millis,
    statement::{Statement, statements},
};

/// One event of a genuine webhook.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The shop whose webhook it was.
    pub shop: ShopId,
    /// What happened.
    pub event: OrderEvent,
    /// Tells deliveries of the same event from different events: the platform's event id, or a
    /// digest of what was read from the body.
    pub event_key: String,
    /// Follows the event through the logs, up to the mail.
    pub request_id: Uuid,
    /// When it arrived: the decision's "now".
    pub received_at: Timestamp,
    /// The shop's rules.
    pub policy: Arc<Policy>,
}

/// What became of an [`Arrival`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// Recorded, with this decision.
    Decided {
        /// The decision.
        decision: Decision,
        /// The invitation it is about, if there is one.
        invitation: Option<InvitationId>,
    },
    /// The same event was recorded before; nothing changed.
    Duplicate,
}

impl Arrival {
    /// What makes two deliveries the same event: the platform's id, where it can be relied on, or
    /// all that was read of it. The record puts the shop, the order and the change in front of it.
    #[must_use]
    pub fn key(event_id: Option<&str>, event: &OrderEvent) -> String {
        match event_id {
            // A digest too: ids are of any length, and may be of any alphabet.
            Some(id) => format!("id:{}", digest(id.as_bytes())),
            None => format!("event:{}", digest(&serde_json::to_vec(event).unwrap_or_default())),
        }
    }
}

fn digest(bytes: &[u8]) -> Uuid {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    Uuid::from_bytes(half)
}

impl Store {
    /// Records an event and what it leads to. When this returns `Ok`, it is committed.
    ///
    /// An error leaves open whether it was: the platform delivers again, and a repeat is a
    /// [`Accepted::Duplicate`].
    pub async fn accept(&self, arrival: Arrival) -> Result<Accepted, StoreError> {
        self.intake.submit(Arc::new(arrival)).await
    }
}

statements! {
    /// What is on record of each arrival's order; nothing for new orders. Every event that was
    /// delivered before left an order, if only a tombstone.
    LOAD_KNOWN(n bigint, shop_id text, order_ref text, change text, event_key text) =
        "SELECT r.n, d.received_at AS delivered_at, o.version, o.status, o.changed_at, o.details,
                o.forgotten_at, i.id AS invitation_id, i.state, i.recipient_hash, i.first_attempt_at
         FROM {rows}
         JOIN orders o ON o.shop_id = r.shop_id AND o.order_ref = r.order_ref
         LEFT JOIN webhook_deliveries d ON d.shop_id = r.shop_id AND d.order_ref = r.order_ref
           AND d.change = r.change AND d.event_key = r.event_key
         LEFT JOIN invitations i ON i.shop_id = r.shop_id AND i.order_ref = r.order_ref
           AND i.kind = 'invitation'";
    /// Changes a row only if it still has the version we read: whoever lost a race reads again.
    SAVE_ORDERS(shop_id text, order_ref text, version bigint, status text, changed_at bigint, details text) =
        "INSERT INTO orders (shop_id, order_ref, version, status, changed_at, details)
         SELECT shop_id, order_ref, version, status, changed_at, details FROM {rows} WHERE true
         ON CONFLICT (shop_id, order_ref) DO UPDATE SET
           version = excluded.version, status = excluded.status,
           changed_at = excluded.changed_at, details = excluded.details
         WHERE orders.version = excluded.version - 1";
    INSERT_INVITATIONS(id text, shop_id text, order_ref text, recipient_hash text, state text, reason text, due_at bigint, request_id text) =
        "INSERT INTO invitations (id, shop_id, order_ref, kind, recipient_hash, state, reason,
                                  first_due_at, due_at, attempt, fence, request_id)
         SELECT id, shop_id, order_ref, 'invitation', recipient_hash, state, reason, due_at, due_at,
                0, 0, request_id
         FROM {rows} WHERE true
         ON CONFLICT DO NOTHING";
    /// The state is asked for as in `sending`: Postgres must not begin with it.
    CANCEL_INVITATIONS(id text, reason text) =
        "UPDATE invitations SET state = 'cancelled', reason = r.reason
         FROM {rows}
         WHERE invitations.id = r.id AND CASE invitations.state WHEN 'scheduled' THEN true END";
    /// Not what an attempt has been made at: its retries have their own times.
    MOVE_INVITATIONS(id text, due_at bigint) =
        "UPDATE invitations SET due_at = r.due_at, first_due_at = r.due_at
         FROM {rows}
         WHERE invitations.id = r.id
           AND CASE invitations.state WHEN 'scheduled' THEN invitations.first_attempt_at IS NULL END";
    /// The address changed while a mail waits: the new one may be suppressed. Mails that were sent stay
    /// with whom they were sent to, and nobody is reminded of a mail that somebody else got.
    RETARGET_INVITATIONS(shop_id text, order_ref text, recipient_hash text) =
        "UPDATE invitations SET recipient_hash = r.recipient_hash,
           state = CASE WHEN invitations.kind = 'reminder' AND invitations.state = 'scheduled'
                        THEN 'cancelled' ELSE invitations.state END,
           reason = CASE WHEN invitations.kind = 'reminder' AND invitations.state = 'scheduled'
                         THEN 'address_changed' ELSE invitations.reason END
         FROM {rows}
         WHERE invitations.shop_id = r.shop_id AND invitations.order_ref = r.order_ref
           AND CASE invitations.state WHEN 'sent' THEN false ELSE true END";
    /// Whoever was mailed before holds the links of that mail. Behind the statement above, which
    /// waits for a claim that is under way.
    KEEP_FORMER_RECIPIENTS(id text, former_hash text) =
        "INSERT INTO former_recipients (invitation_id, recipient_hash)
         SELECT r.id, r.former_hash FROM {rows} JOIN invitations ON invitations.id = r.id
         WHERE invitations.first_attempt_at IS NOT NULL
         ON CONFLICT DO NOTHING";
    /// Sorted, so that two groups that bring the same new ones do not wait for each other.
    KEEP_CHECKOUT_NOTICES(hash text, text text, first_used_at bigint) =
        "INSERT INTO checkout_notices (hash, text, first_used_at)
         SELECT hash, text, first_used_at FROM {rows} WHERE true ON CONFLICT DO NOTHING";
    INSERT_DELIVERIES(shop_id text, order_ref text, change text, event_key text, request_id text, received_at bigint, decision text) =
        "INSERT INTO webhook_deliveries (shop_id, order_ref, change, event_key, request_id, received_at, decision)
         SELECT shop_id, order_ref, change, event_key, request_id, received_at, decision
         FROM {rows} WHERE true
         ON CONFLICT DO NOTHING";
}

/// Attempts to write a group whose orders others change at the same time.
const ATTEMPTS_MAX: u32 = 8;

pub(crate) async fn accept(
    db: Arc<Db>,
    address_key: Arc<[u8]>,
    group: Vec<Arc<Arrival>>,
) -> Result<Vec<Accepted>, StoreError> {
    for _ in 0..ATTEMPTS_MAX {
        if let Some(accepted) = try_accept(&db, &address_key, &group).await? {
            return Ok(accepted);
        }
    }
    Err(StoreError::Contention)
}

/// Writes the group, or rolls back and returns `None` if somebody else changed one of its orders.
async fn try_accept(
    db: &Db,
    address_key: &[u8],
    group: &[Arc<Arrival>],
) -> Result<Option<Vec<Accepted>>, StoreError> {
    write_on!(db, |pool, sql, begin| {
        let mut tx = begin().await?;
        let known: Vec<KnownRow> = sqlx::query_as(sql(&LOAD_KNOWN))
            .bind(rows(group.iter().map(Arc::as_ref).zip(0..).map(KeyRow::from))?)
            .fetch_all(&mut *tx)
            .await?;
        let batch = Batch::decide(group, known, address_key)?;
        for (statement, rows, count) in batch.writes()? {
            let written =
                sqlx::query(sql(statement)).bind(rows).execute(&mut *tx).await?.rows_affected();
            if count.is_some_and(|count| count != written) {
                tx.rollback().await?;
                return Ok(None);
            }
        }
        failpoint::hit("intake_before_commit");
        tx.commit().await?;
        failpoint::hit("intake_after_commit");
        Ok(Some(batch.accepted))
    })
}

/// Rows as the one JSON parameter that a statement unfolds.
pub(crate) fn rows<T: Serialize>(rows: impl Iterator<Item = T>) -> Result<String, StoreError> {
    let rows: Vec<T> = rows.collect();
    serde_json::to_string(&rows).map_err(|_| StoreError::Corrupt("a row to write"))
}

/// What tells deliveries of the same event from different events.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize)]
struct DeliveryKey<'a> {
    #[serde(flatten)]
    order: OrderKey<'a>,
    change: &'static str,
    event_key: &'a str,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
struct OrderKey<'a> {
    shop_id: &'a str,
    order_ref: &'a str,
}

impl<'a> From<&'a Arrival> for DeliveryKey<'a> {
    fn from(arrival: &'a Arrival) -> Self {
        Self {
            order: OrderKey {
                shop_id: arrival.shop.as_str(),
                order_ref: &arrival.event.order.reference,
            },
            change: arrival.event.change.as_str(),
            event_key: &arrival.event_key,
        }
    }
}

/// An arrival, by its place in the group.
#[derive(Serialize)]
struct KeyRow<'a> {
    n: i64,
    #[serde(flatten)]
    key: DeliveryKey<'a>,
}

impl<'a> From<(&'a Arrival, i64)> for KeyRow<'a> {
    fn from((arrival, n): (&'a Arrival, i64)) -> Self {
        Self { n, key: arrival.into() }
    }
}

#[derive(sqlx::FromRow)]
struct KnownRow {
    n: i64,
    delivered_at: Option<i64>,
    version: i64,
    status: String,
    changed_at: i64,
    details: String,
    forgotten_at: Option<i64>,
    invitation_id: Option<String>,
    state: Option<String>,
    recipient_hash: Option<String>,
    first_attempt_at: Option<i64>,
}

#[derive(Serialize)]
struct OrderRow<'a> {
    #[serde(flatten)]
    key: OrderKey<'a>,
    version: i64,
    status: &'static str,
    changed_at: i64,
    details: String,
}

#[derive(Serialize)]
struct InvitationRow<'a> {
    id: InvitationId,
    #[serde(flatten)]
    key: OrderKey<'a>,
    recipient_hash: String,
    state: &'static str,
    reason: Option<Reason>,
    due_at: i64,
    request_id: Uuid,
}

#[derive(Serialize)]
struct CancelRow {
    id: InvitationId,
    reason: Reason,
}

#[derive(Serialize)]
struct MoveRow {
    id: InvitationId,
    due_at: i64,
}

#[derive(Serialize)]
struct RetargetRow<'a> {
    id: InvitationId,
    #[serde(flatten)]
    key: OrderKey<'a>,
    recipient_hash: String,
    former_hash: String,
}

#[derive(Serialize)]
struct DeliveryRow<'a> {
    #[serde(flatten)]
    key: DeliveryKey<'a>,
    request_id: Uuid,
    received_at: i64,
    decision: String,
}

#[derive(Serialize)]
struct CheckoutNoticeRow<'a> {
    hash: &'a str,
    text: &'a str,
    first_used_at: i64,
}

/// An order of the group: as the record has it, then as the group's events change it, one by one.
#[derive(Default)]
struct Working<'a> {
    version: i64,
    known: Known,
    /// Whether the group says anything new about it.
    changed: bool,
    invitation: Option<InvitationId>,
    /// The hash of the invitation's recipient.
    recipient_hash: Option<String>,
    /// The invitation to insert, if the group decided on one.
    insert: Option<InvitationRow<'a>>,
    /// Why the invitation on record is to be cancelled, if the group decided so.
    cancel: Option<Reason>,
    /// When the invitation on record is due instead, if the group decided so.
    moved: Option<i64>,
    /// The hash of the recipient, if a newer event brought another address.
    retarget: Option<String>,
}

/// A statement, its rows, and how many rows it must change, if that is known.
type Write = (&'static Statement, String, Option<u64>);

/// A group on its way into the record.
struct Batch<'a> {
    accepted: Vec<Accepted>,
    orders: BTreeMap<OrderKey<'a>, Working<'a>>,
    deliveries: Vec<DeliveryRow<'a>>,
    /// What buyers read at the checkout, where an invitation rests on it: by its hash.
    checkout_notices: BTreeMap<&'a str, CheckoutNoticeRow<'a>>,
}

impl<'a> Batch<'a> {
    /// Decides about each arrival in turn, given what is on record.
    fn decide(
        group: &'a [Arc<Arrival>],
        known: Vec<KnownRow>,
        address_key: &[u8],
    ) -> Result<Self, StoreError> {
        let keys: Vec<DeliveryKey<'a>> = group.iter().map(|arrival| (&**arrival).into()).collect();
        let mut delivered = HashSet::new();
        let mut orders = BTreeMap::new();
        for row in known {
            let key = usize::try_from(row.n).ok().and_then(|n| keys.get(n));
            let key = key.ok_or(StoreError::Corrupt("the answer to a question"))?;
            if row.delivered_at.is_some() {
                delivered.insert(*key);
            }
            orders.insert(key.order, Working::try_from(row)?);
        }
        let mut batch = Self {
            accepted: Vec::new(),
            orders,
            deliveries: Vec::new(),
            checkout_notices: BTreeMap::new(),
        };
        for (arrival, key) in group.iter().zip(keys) {
            let accepted = if delivered.insert(key) {
                batch.accept(arrival, key, address_key)
            } else {
                Accepted::Duplicate
            };
            batch.accepted.push(accepted);
        }
        Ok(batch)
    }

    fn accept(
        &mut self,
        arrival: &'a Arrival,
        key: DeliveryKey<'a>,
        address_key: &[u8],
    ) -> Accepted {
        let working = self.orders.entry(key.order).or_default();
        let undo = arrival.event.change != domain::Change::Completed;
        if undo && working.known.order.is_none() && failpoint::bug("no_tombstone") {
            return Accepted::Duplicate;
        }
        let now = arrival.received_at;
        let outcome = decide(&working.known, &arrival.event, &arrival.policy, now);
        working.apply(key.order, arrival, &outcome.order, &outcome.decision, address_key);
        if let Decision::Schedule(timing) | Decision::Move(timing) = &outcome.decision
            && matches!(timing.ground, Some(Ground::SoftOptIn { .. }))
            && let Some(CheckoutNotice { hash, text }) =
                arrival.policy.consent.notice(&outcome.order.order)
        {
            let row = CheckoutNoticeRow { hash, text, first_used_at: millis(now) };
            self.checkout_notices.entry(hash).or_insert(row);
        }
        working.known.order = Some(outcome.order);
        working.changed = true;
        self.deliveries.push(DeliveryRow {
            key,
            request_id: arrival.request_id,
            received_at: millis(now),
            decision: serde_json::to_string(&outcome.decision).unwrap_or_default(),
        });
        Accepted::Decided { decision: outcome.decision, invitation: working.invitation }
    }

    /// The statements that write the group, with the number of rows each must change.
    fn writes(&self) -> Result<Vec<Write>, StoreError> {
        let orders: Vec<OrderRow<'_>> =
            self.orders.iter().filter_map(|(key, working)| working.order_row(*key)).collect();
        let inserts: Vec<&InvitationRow<'_>> =
            self.orders.values().filter_map(|working| working.insert.as_ref()).collect();
        let cancels: Vec<CancelRow> =
            self.orders.values().filter_map(Working::cancel_row).collect();
        let moves: Vec<MoveRow> = self.orders.values().filter_map(Working::move_row).collect();
        let retargets: Vec<RetargetRow<'_>> =
            self.orders.iter().filter_map(|(key, working)| working.retarget_row(*key)).collect();
        let retargeted = rows(retargets.iter())?;
        let all = |count: usize| Some(count as u64);
        let mut writes = vec![
            (&SAVE_ORDERS, rows(orders.iter())?, all(orders.len())),
            (&INSERT_INVITATIONS, rows(inserts.iter())?, all(inserts.len())),
            (&CANCEL_INVITATIONS, rows(cancels.iter())?, all(cancels.len())),
            (&MOVE_INVITATIONS, rows(moves.iter())?, None),
            (&RETARGET_INVITATIONS, retargeted.clone(), None),
            (&KEEP_FORMER_RECIPIENTS, retargeted, None),
            (&KEEP_CHECKOUT_NOTICES, rows(self.checkout_notices.values())?, None),
            (&INSERT_DELIVERIES, rows(self.deliveries.iter())?, all(self.deliveries.len())),
        ];
        writes.retain(|(_, rows, _)| rows != "[]");
        Ok(writes)
    }
}

impl TryFrom<KnownRow> for Working<'_> {
    type Error = StoreError;

    fn try_from(row: KnownRow) -> Result<Self, StoreError> {
        let order = read_order(&row.status, row.changed_at, &row.details)?;
        let state = row.state.as_deref().map(InvitationState::parse);
        let state =
            state.map(|state| state.ok_or(StoreError::Corrupt("invitations.state"))).transpose()?;
        let id = row.invitation_id.map(|id| id.parse::<InvitationId>()).transpose();
        Ok(Self {
            version: row.version,
            known: Known {
                order: Some(order),
                invitation: state,
                attempted: row.first_attempt_at.is_some(),
                forgotten: row.forgotten_at.is_some(),
            },
            invitation: id.map_err(|_| StoreError::Corrupt("invitations.id"))?,
            recipient_hash: row.recipient_hash,
            ..Self::default()
        })
    }
}

impl<'a> Working<'a> {
    fn apply(
        &mut self,
        key: OrderKey<'a>,
        arrival: &Arrival,
        order: &OrderRecord,
        decision: &Decision,
        address_key: &[u8],
    ) {
        match decision {
            Decision::Schedule(timing) => {
                let Some(email) = &order.order.email else { return };
                let id = InvitationId::derive(arrival.received_at, &arrival.shop, key.order_ref);
                self.invitation = Some(id);
                self.known.invitation = Some(InvitationState::Scheduled);
                let recipient_hash = email.hash(address_key).to_string();
                self.recipient_hash = Some(recipient_hash.clone());
                self.insert = Some(InvitationRow {
                    id,
                    key,
                    recipient_hash,
                    state: InvitationState::Scheduled.as_str(),
                    reason: None,
                    due_at: millis(timing.due_at),
                    request_id: arrival.request_id,
                });
            }
            Decision::Move(timing) => {
                match &mut self.insert {
                    Some(row) => row.due_at = millis(timing.due_at),
                    None => self.moved = Some(millis(timing.due_at)),
                }
                self.retarget(order, address_key);
            }
            Decision::Cancel { reason } => {
                self.known.invitation = Some(InvitationState::Cancelled);
                match &mut self.insert {
                    Some(row) => {
                        row.state = InvitationState::Cancelled.as_str();
                        row.reason = Some(*reason);
                    }
                    None => self.cancel = Some(*reason),
                }
            }
            Decision::DoNotInvite { .. } | Decision::Keep { .. } => {
                self.retarget(order, address_key);
            }
        }
    }

    /// Takes over the address that `order` brings, if it is another.
    fn retarget(&mut self, order: &OrderRecord, address_key: &[u8]) {
        let before = self.known.order.as_ref().and_then(|known| known.order.email.as_ref());
        let moved = order.order.email.as_ref().filter(|email| before != Some(*email));
        if let (Some(email), Some(_)) = (moved, self.invitation) {
            self.retarget = Some(email.hash(address_key).to_string());
        }
    }

    fn order_row(&self, key: OrderKey<'a>) -> Option<OrderRow<'a>> {
        let order = self.known.order.as_ref().filter(|_| self.changed)?;
        Some(OrderRow {
            key,
            version: self.version + 1,
            status: order.status.as_str(),
            changed_at: millis(order.changed_at),
            details: serde_json::to_string(&order.order).unwrap_or_default(),
        })
    }

    fn move_row(&self) -> Option<MoveRow> {
        Some(MoveRow { id: self.invitation?, due_at: self.moved? })
    }

    fn retarget_row(&self, key: OrderKey<'a>) -> Option<RetargetRow<'a>> {
        Some(RetargetRow {
            id: self.invitation?,
            key,
            recipient_hash: self.retarget.clone()?,
            former_hash: self.recipient_hash.clone()?,
        })
    }

    fn cancel_row(&self) -> Option<CancelRow> {
        Some(CancelRow { id: self.invitation?, reason: self.cancel? })
    }
}

/// An order as it stands in the record.
pub(crate) fn read_order(
    status: &str,
    changed_at: i64,
    details: &str,
) -> Result<OrderRecord, StoreError> {
    let order: Order =
        serde_json::from_str(details).map_err(|_| StoreError::Corrupt("orders.details"))?;
    Ok(OrderRecord {
        order,
        status: OrderStatus::parse(status).ok_or(StoreError::Corrupt("orders.status"))?,
        changed_at: instant(changed_at)?,
    })
}
