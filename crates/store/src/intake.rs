//! Webhooks in: each event once, its decision with it, in one transaction.

use std::{collections::BTreeMap, sync::Arc};

use domain::{
    Decision, InvitationId, InvitationState, Known, Order, OrderEvent, OrderRecord, OrderStatus,
    Policy, ShopId, decide, decision::Reason,
};
use jiff::Timestamp;
use serde::Serialize;
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
    /// digest of the body.
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

impl Store {
    /// Records an event and what it leads to. When this returns `Ok`, it is committed.
    ///
    /// An error leaves open whether it was: the platform delivers again, and a repeat is a
    /// [`Accepted::Duplicate`].
    pub async fn accept(&self, arrival: Arrival) -> Result<Accepted, StoreError> {
        self.intake.submit(arrival).await
    }
}

statements! {
    INSERT_DELIVERIES(shop_id text, order_ref text, change text, event_key text, request_id text, received_at bigint) =
        "INSERT INTO webhook_deliveries (shop_id, order_ref, change, event_key, request_id, received_at)
         SELECT shop_id, order_ref, change, event_key, request_id, received_at FROM {rows} WHERE true
         ON CONFLICT DO NOTHING
         RETURNING shop_id, order_ref, change, event_key";
    LOAD_ORDERS(shop_id text, order_ref text) =
        "SELECT r.shop_id, r.order_ref, o.version, o.status, o.changed_at, o.details,
                i.id AS invitation_id, i.state, i.recipient_hash
         FROM {rows}
         LEFT JOIN orders o ON o.shop_id = r.shop_id AND o.order_ref = r.order_ref
         LEFT JOIN invitations i ON i.shop_id = r.shop_id AND i.order_ref = r.order_ref";
    /// Changes a row only if it still has the version we read: whoever lost a race reads again.
    SAVE_ORDERS(shop_id text, order_ref text, version bigint, status text, changed_at bigint, details text) =
        "INSERT INTO orders (shop_id, order_ref, version, status, changed_at, details)
         SELECT shop_id, order_ref, version, status, changed_at, details FROM {rows} WHERE true
         ON CONFLICT (shop_id, order_ref) DO UPDATE SET
           version = excluded.version, status = excluded.status,
           changed_at = excluded.changed_at, details = excluded.details
         WHERE orders.version = excluded.version - 1";
    INSERT_INVITATIONS(id text, shop_id text, order_ref text, recipient_hash text, state text, reason text, due_at bigint, request_id text) =
        "INSERT INTO invitations (id, shop_id, order_ref, recipient_hash, state, reason,
                                  first_due_at, due_at, attempt, fence, request_id)
         SELECT id, shop_id, order_ref, recipient_hash, state, reason, due_at, due_at, 0, 0, request_id
         FROM {rows} WHERE true
         ON CONFLICT DO NOTHING";
    CANCEL_INVITATIONS(id text, reason text) =
        "UPDATE invitations SET state = 'cancelled', reason = r.reason
         FROM {rows} WHERE invitations.id = r.id AND invitations.state = 'scheduled'";
    /// The address changed while the invitation waits: the new one may be suppressed.
    RETARGET_INVITATIONS(id text, recipient_hash text) =
        "UPDATE invitations SET recipient_hash = r.recipient_hash
         FROM {rows} WHERE invitations.id = r.id";
    /// Whoever was mailed before holds the links of that mail. Behind the statement above, which
    /// waits for a claim that is under way.
    KEEP_FORMER_RECIPIENTS(id text, former_hash text) =
        "INSERT INTO former_recipients (invitation_id, recipient_hash)
         SELECT r.id, r.former_hash FROM {rows} JOIN invitations ON invitations.id = r.id
         WHERE invitations.first_attempt_at IS NOT NULL
         ON CONFLICT DO NOTHING";
    INSERT_DECISIONS(shop_id text, order_ref text, at bigint, request_id text, decision text) =
        "INSERT INTO decisions (shop_id, order_ref, at, request_id, decision)
         SELECT shop_id, order_ref, at, request_id, decision FROM {rows}";
}

/// Attempts to write a group whose orders others change at the same time.
const ATTEMPTS_MAX: u32 = 8;

pub(crate) async fn accept(
    db: Arc<Db>,
    address_key: Arc<[u8]>,
    group: Vec<Arrival>,
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
    group: &[Arrival],
) -> Result<Option<Vec<Accepted>>, StoreError> {
    write_on!(db, |pool, sql, begin| {
        let mut tx = begin().await?;
        let new: Vec<DeliveryKey> = sqlx::query_as(sql(&INSERT_DELIVERIES))
            .bind(rows(group.iter().map(DeliveryRow::from))?)
            .fetch_all(&mut *tx)
            .await?;
        let mut batch = Batch::new(group, new);
        if !batch.orders.is_empty() {
            let known: Vec<KnownRow> = sqlx::query_as(sql(&LOAD_ORDERS))
                .bind(rows(batch.orders.keys())?)
                .fetch_all(&mut *tx)
                .await?;
            batch.load(known)?;
        }
        batch.decide(group, address_key);
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

#[derive(Serialize)]
struct DeliveryRow<'a> {
    shop_id: &'a str,
    order_ref: &'a str,
    change: &'a str,
    event_key: &'a str,
    request_id: Uuid,
    received_at: i64,
}

impl<'a> From<&'a Arrival> for DeliveryRow<'a> {
    fn from(arrival: &'a Arrival) -> Self {
        Self {
            shop_id: arrival.shop.as_str(),
            order_ref: &arrival.event.order.reference,
            change: arrival.event.change.as_str(),
            event_key: &arrival.event_key,
            request_id: arrival.request_id,
            received_at: millis(arrival.received_at),
        }
    }
}

#[derive(sqlx::FromRow, PartialEq, Eq, PartialOrd, Ord)]
struct DeliveryKey {
    shop_id: String,
    order_ref: String,
    change: String,
    event_key: String,
}

impl DeliveryKey {
    fn of(arrival: &Arrival) -> Self {
        Self {
            shop_id: arrival.shop.to_string(),
            order_ref: arrival.event.order.reference.clone(),
            change: arrival.event.change.as_str().to_owned(),
            event_key: arrival.event_key.clone(),
        }
    }
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct OrderKey {
    shop_id: String,
    order_ref: String,
}

#[derive(sqlx::FromRow)]
struct KnownRow {
    shop_id: String,
    order_ref: String,
    version: Option<i64>,
    status: Option<String>,
    changed_at: Option<i64>,
    details: Option<String>,
    invitation_id: Option<String>,
    state: Option<String>,
    recipient_hash: Option<String>,
}

#[derive(Serialize)]
struct OrderRow<'a> {
    #[serde(flatten)]
    key: &'a OrderKey,
    version: i64,
    status: &'static str,
    changed_at: i64,
    details: String,
}

#[derive(Serialize)]
struct InvitationRow {
    id: InvitationId,
    #[serde(flatten)]
    key: OrderKey,
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
struct RetargetRow {
    id: InvitationId,
    recipient_hash: String,
    former_hash: String,
}

#[derive(Serialize)]
struct DecisionRow {
    #[serde(flatten)]
    key: OrderKey,
    at: i64,
    request_id: Uuid,
    decision: String,
}

/// An order of the group: as the record has it, then as the group's events change it, one by one.
#[derive(Default)]
struct Working {
    version: i64,
    known: Known,
    invitation: Option<InvitationId>,
    /// The hash of the invitation's recipient.
    recipient_hash: Option<String>,
    /// The invitation to insert, if the group decided on one.
    insert: Option<InvitationRow>,
    /// Why the invitation on record is to be cancelled, if the group decided so.
    cancel: Option<Reason>,
    /// The hash of the recipient, if a newer event brought another address.
    retarget: Option<String>,
}

/// A statement, its rows, and how many rows it must change, if that is known.
type Write = (&'static Statement, String, Option<u64>);

/// A group on its way into the record.
struct Batch {
    /// Which arrivals are news, in the order of the group.
    news: Vec<bool>,
    accepted: Vec<Accepted>,
    orders: BTreeMap<OrderKey, Working>,
    decisions: Vec<DecisionRow>,
}

impl Batch {
    fn new(group: &[Arrival], mut new: Vec<DeliveryKey>) -> Self {
        new.sort_unstable();
        let mut news = Vec::with_capacity(group.len());
        let mut orders = BTreeMap::new();
        for arrival in group {
            // The first delivery of a key takes it; a repeat within the group is a repeat.
            let position = new.binary_search(&DeliveryKey::of(arrival)).ok();
            if let Some(position) = position {
                new.remove(position);
                orders.entry(OrderKey::of(arrival)).or_insert_with(Working::default);
            }
            news.push(position.is_some());
        }
        Self { news, accepted: Vec::new(), orders, decisions: Vec::new() }
    }

    fn load(&mut self, rows: Vec<KnownRow>) -> Result<(), StoreError> {
        for row in rows {
            let key = OrderKey { shop_id: row.shop_id, order_ref: row.order_ref };
            let Some(working) = self.orders.get_mut(&key) else { continue };
            if let (Some(version), Some(status), Some(changed_at), Some(details)) =
                (row.version, row.status, row.changed_at, row.details)
            {
                working.version = version;
                working.known.order = Some(read_order(&status, changed_at, &details)?);
            }
            if let (Some(id), Some(state)) = (row.invitation_id, row.state) {
                let state = InvitationState::parse(&state)
                    .ok_or(StoreError::Corrupt("invitations.state"))?;
                working.known.invitation = Some(state);
                working.recipient_hash = row.recipient_hash;
                working.invitation =
                    Some(id.parse().map_err(|_| StoreError::Corrupt("invitations.id"))?);
            }
        }
        Ok(())
    }

    fn decide(&mut self, group: &[Arrival], address_key: &[u8]) {
        for (arrival, is_news) in group.iter().zip(&self.news) {
            let key = OrderKey::of(arrival);
            let working = self.orders.get_mut(&key).filter(|_| *is_news);
            let Some(working) = working else {
                self.accepted.push(Accepted::Duplicate);
                continue;
            };
            let now = arrival.received_at;
            let undo = arrival.event.change != domain::Change::Completed;
            if undo && working.known.order.is_none() && failpoint::bug("no_tombstone") {
                self.accepted.push(Accepted::Duplicate);
                continue;
            }
            let outcome = decide(&working.known, arrival.event.clone(), &arrival.policy, now);
            working.apply(&key, arrival, &outcome.order, &outcome.decision, address_key);
            working.known.order = Some(outcome.order);
            self.decisions.push(DecisionRow {
                key,
                at: millis(now),
                request_id: arrival.request_id,
                decision: serde_json::to_string(&outcome.decision).unwrap_or_default(),
            });
            self.accepted.push(Accepted::Decided {
                decision: outcome.decision,
                invitation: working.invitation,
            });
        }
    }

    /// The statements that write the group, with the number of rows each must change.
    fn writes(&self) -> Result<Vec<Write>, StoreError> {
        let orders: Vec<OrderRow<'_>> =
            self.orders.iter().filter_map(|(key, working)| working.order_row(key)).collect();
        let inserts: Vec<&InvitationRow> =
            self.orders.values().filter_map(|working| working.insert.as_ref()).collect();
        let cancels: Vec<CancelRow> =
            self.orders.values().filter_map(Working::cancel_row).collect();
        let retargets: Vec<RetargetRow> =
            self.orders.values().filter_map(Working::retarget_row).collect();
        let retargeted = rows(retargets.iter())?;
        let all = |count: usize| Some(count as u64);
        let mut writes = vec![
            (&SAVE_ORDERS, rows(orders.iter())?, all(orders.len())),
            (&INSERT_INVITATIONS, rows(inserts.iter())?, all(inserts.len())),
            (&CANCEL_INVITATIONS, rows(cancels.iter())?, all(cancels.len())),
            (&RETARGET_INVITATIONS, retargeted.clone(), all(retargets.len())),
            (&KEEP_FORMER_RECIPIENTS, retargeted, None),
            (&INSERT_DECISIONS, rows(self.decisions.iter())?, all(self.decisions.len())),
        ];
        writes.retain(|(_, rows, _)| rows != "[]");
        Ok(writes)
    }
}

impl OrderKey {
    fn of(arrival: &Arrival) -> Self {
        Self { shop_id: arrival.shop.to_string(), order_ref: arrival.event.order.reference.clone() }
    }
}

impl Working {
    fn apply(
        &mut self,
        key: &OrderKey,
        arrival: &Arrival,
        order: &OrderRecord,
        decision: &Decision,
        address_key: &[u8],
    ) {
        match decision {
            Decision::Schedule { due_at, .. } => {
                let Some(email) = &order.order.email else { return };
                let id = InvitationId::derive(arrival.received_at, &arrival.shop, &key.order_ref);
                self.invitation = Some(id);
                self.known.invitation = Some(InvitationState::Scheduled);
                let recipient_hash = email.hash(address_key).to_string();
                self.recipient_hash = Some(recipient_hash.clone());
                self.insert = Some(InvitationRow {
                    id,
                    key: key.clone(),
                    recipient_hash,
                    state: InvitationState::Scheduled.as_str(),
                    reason: None,
                    due_at: millis(*due_at),
                    request_id: arrival.request_id,
                });
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
                let before = self.known.order.as_ref().and_then(|known| known.order.email.as_ref());
                let moved = order.order.email.as_ref().filter(|email| before != Some(*email));
                if let (Some(email), Some(_)) = (moved, self.invitation) {
                    self.retarget = Some(email.hash(address_key).to_string());
                }
            }
        }
    }

    fn order_row<'a>(&self, key: &'a OrderKey) -> Option<OrderRow<'a>> {
        let order = self.known.order.as_ref()?;
        Some(OrderRow {
            key,
            version: self.version + 1,
            status: order.status.as_str(),
            changed_at: millis(order.changed_at),
            details: serde_json::to_string(&order.order).unwrap_or_default(),
        })
    }

    fn retarget_row(&self) -> Option<RetargetRow> {
        Some(RetargetRow {
            id: self.invitation?,
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
