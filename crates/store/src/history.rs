//! One order's whole story, and the orders of a shop for a replay. Nothing is changed here.

use std::collections::{BTreeMap, HashMap};

use domain::{
    Change, Decision, InvitationId, InvitationState, MailKind, OrderRecord, ShopId, Stars,
    consent::Ground, review::Label,
};
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::{
    Store, StoreError,
    bounces::Pause,
    db::read_on,
    instant,
    intake::{read_order, rows},
    millis,
    statement::{containing, statements},
    suppression::{ALL_SHOPS, REMINDERS},
    unread::COUNT_UNREAD_OF,
};

/// What is on record of one order. Serialised, it names nobody.
#[derive(Clone, Debug, Serialize)]
pub struct History {
    /// The shop.
    pub shop: ShopId,
    /// The platform's id of the order.
    pub reference: String,
    /// What the buyer knows the order by.
    pub number: Option<String>,
    /// `completed`, `cancelled` or `refunded`.
    pub status: &'static str,
    /// The order as it was told last. Names its buyer.
    #[serde(skip)]
    pub order: OrderRecord,
    /// What the platform told, oldest first; at most 1,000.
    pub events: Vec<Event>,
    /// What buyers read at the checkout, by the hash that decisions name it by.
    pub checkout_notices: BTreeMap<String, String>,
    /// The mails about it, in the order in which they were decided on.
    pub mails: Vec<Mail>,
    /// What came back of those mails, oldest first.
    pub returned: Vec<Returned>,
    /// Why its recipients get no more mail.
    pub stops: Vec<Stop>,
    /// Set while the shop's mail rests.
    pub pause: Option<Pause>,
    /// The review that came of it.
    pub review: Option<ReviewOf>,
    /// Set while the platform is still to be asked about it, or did not answer.
    pub notice: Option<NoticeOf>,
}

/// Something that the platform told about an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// When it arrived.
    pub at: Timestamp,
    /// What happened.
    pub change: Change,
    /// What it led to.
    pub decision: Decision,
}

/// A mail about an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mail {
    /// Its id, as in the logs.
    pub id: InvitationId,
    /// Which one.
    #[serde(serialize_with = "kind_name")]
    pub kind: MailKind,
    /// Where it stands.
    pub state: InvitationState,
    /// Why it stands there, if it ended without leaving.
    pub reason: Option<String>,
    /// When it was decided on.
    pub decided_at: Timestamp,
    /// When it was due, before anything put it off.
    pub first_due_at: Timestamp,
    /// When it is, or was, due.
    pub due_at: Timestamp,
    /// How often it was due and had to wait: for the send window, its shop, its lane, or after another mail.
    pub postponed: u32,
    /// How often it was, or is being, handed to the mail server.
    pub attempts: u32,
    /// When the first of those attempts began.
    pub first_attempt_at: Option<Timestamp>,
    /// When the mail server took it.
    pub sent_at: Option<Timestamp>,
    /// How attempts ended, oldest first; at most 500. Those whose worker died are missing.
    pub outcomes: Vec<MailOutcome>,
}

/// How an attempt to mail something ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MailOutcome {
    /// When.
    pub at: Timestamp,
    /// `sent`, `retry` or `failed`.
    pub outcome: String,
    /// What the mail server said, or what kept us from asking it; without the recipient's address.
    pub words: String,
}

/// What became of a mail after the mail server had taken it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Returned {
    /// When.
    pub at: Timestamp,
    /// `hard_bounce`, `soft_bounce`, `complaint` or `unsubscribe`.
    pub kind: String,
    /// In the words of whoever told; without the recipient's address.
    pub words: String,
}

/// That a recipient gets no more mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stop {
    /// Since when.
    pub at: Timestamp,
    /// Whether it counts for all shops of this installation.
    pub all_shops: bool,
    /// Why, as [`Reason`](domain::bounce::Reason) names it.
    pub reason: String,
    /// When it is over; never without.
    pub expires_at: Option<Timestamp>,
    /// Whether it counts for reminders only.
    pub reminders_only: bool,
}

impl Stop {
    /// Whether a mail of this kind is not sent then.
    #[must_use]
    pub fn ends(&self, kind: MailKind) -> bool {
        !self.reminders_only || kind == MailKind::Reminder
    }
}

/// The review that came through an invitation.
#[derive(Clone, Debug, Serialize)]
pub struct ReviewOf {
    /// One to five.
    pub stars: Stars,
    /// What is shown beside it.
    pub label: Label,
    /// What the label rests on.
    pub evidence: Option<Value>,
    /// When it was written.
    pub submitted_at: Timestamp,
    /// When it got its label.
    pub labelled_at: Option<Timestamp>,
}

/// That a platform is to be asked about an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NoticeOf {
    /// `waiting`, or `failed` if it is not asked again by itself.
    pub state: String,
    /// Why it was not answered.
    pub error: Option<String>,
    /// When it is asked next.
    pub due_at: Timestamp,
    /// How often it was asked.
    pub attempts: u32,
}

/// An order with all that was told about it, to decide again.
#[derive(Clone, Debug)]
pub struct Told {
    /// The order as it was told last.
    pub order: OrderRecord,
    /// What the platform told, oldest first.
    pub events: Vec<Event>,
    /// Since when the recipient of its invitation gets no more mail, for good.
    pub stopped_at: Option<Timestamp>,
}

/// Some orders of a shop.
#[derive(Clone, Debug)]
pub struct ToldPage {
    /// Those that something was told about since the time asked for.
    pub orders: Vec<Told>,
    /// What to go on behind; `None` on the last page.
    pub next: Option<String>,
}

/// Orders that one statement looks through.
pub const PAGE: u32 = 2_000;

/// Orders with the same number that are named.
const NUMBERED_MAX: usize = 10;

statements! {
    FIND_ORDER() =
        "SELECT order_ref, status, changed_at, details FROM orders
         WHERE shop_id = $1 AND order_ref = $2";
    /// Behind `$2`, a page of the shop's orders at a time.
    FIND_NUMBERED() =
        "SELECT p.order_ref, p.details FROM (SELECT order_ref, details FROM orders
           WHERE shop_id = $1 AND order_ref > $2 ORDER BY order_ref LIMIT $3) p
         WHERE p.details LIKE $4 ESCAPE '!' OR p.details LIKE $5 ESCAPE '!'";
    /// The last order of the page behind `$2`, if the page is full.
    PAGE_END() =
        "SELECT order_ref FROM orders WHERE shop_id = $1 AND order_ref > $2
         ORDER BY order_ref LIMIT 1 OFFSET $3";
    LIST_EVENTS() =
        "SELECT order_ref, change, received_at, decision FROM webhook_deliveries
         WHERE shop_id = $1 AND order_ref = $2 ORDER BY received_at, event_key LIMIT 1000";
    FIND_CHECKOUT_NOTICES(hash text) =
        "SELECT n.hash, n.text FROM {rows} JOIN checkout_notices n ON n.hash = r.hash";
    LIST_MAILS() =
        "SELECT id, kind, state, reason, first_due_at, due_at, attempt, fence, first_attempt_at,
                sent_at
         FROM invitations WHERE shop_id = $1 AND order_ref = $2 ORDER BY id";
    LIST_OUTCOMES() =
        "SELECT at, outcome, detail FROM mail_deliveries WHERE invitation_id = $1
         ORDER BY fence LIMIT 500";
    LIST_RETURNED() =
        "SELECT b.at, b.kind, b.status, b.detail FROM invitations i
         JOIN bounces b ON b.recipient_hash = i.recipient_hash AND b.invitation_id = i.id
         WHERE i.shop_id = $1 AND i.order_ref = $2 ORDER BY b.at LIMIT 100";
    LIST_STOPS() =
        "SELECT DISTINCT s.scope, s.created_at, s.reason, s.expires_at FROM invitations i
         JOIN suppressions s ON s.recipient_hash = i.recipient_hash
           AND s.scope IN (i.shop_id, '*', i.shop_id || '/reminders')
         WHERE i.shop_id = $1 AND i.order_ref = $2 ORDER BY s.created_at";
    FIND_REVIEW() =
        "SELECT v.stars, v.label, v.evidence, v.submitted_at, v.labelled_at
         FROM invitations i JOIN reviews v ON v.invitation_id = i.id
         WHERE i.shop_id = $1 AND i.order_ref = $2";
    FIND_NOTICE() =
        "SELECT state, error, due_at, attempt FROM notices WHERE shop_id = $1 AND order_ref = $2";
    COUNT_ORDERS_OF() = "SELECT COUNT(*) FROM orders WHERE shop_id = $1";
    LIST_TOLD() =
        "SELECT p.order_ref, p.status, p.changed_at, p.details,
                (SELECT MIN(s.created_at) FROM invitations i
                 JOIN suppressions s ON s.recipient_hash = i.recipient_hash
                   AND s.scope IN (i.shop_id, '*') AND s.expires_at IS NULL
                 WHERE i.shop_id = $1 AND i.order_ref = p.order_ref
                   AND i.kind = 'invitation') AS stopped_at
         FROM (SELECT order_ref, status, changed_at, details, forgotten_at FROM orders
           WHERE shop_id = $1 AND order_ref > $2 ORDER BY order_ref LIMIT $3) p
         WHERE p.changed_at >= $4 AND p.forgotten_at IS NULL ORDER BY p.order_ref";
    LIST_TOLD_EVENTS(shop_id text, order_ref text) =
        "SELECT d.order_ref, d.change, d.received_at, d.decision
         FROM {rows}
         JOIN webhook_deliveries d ON d.shop_id = r.shop_id AND d.order_ref = r.order_ref";
}

#[derive(sqlx::FromRow)]
struct OrderRow {
    order_ref: String,
    status: String,
    changed_at: i64,
    details: String,
}

#[derive(sqlx::FromRow)]
struct ToldRow {
    #[sqlx(flatten)]
    order: OrderRow,
    stopped_at: Option<i64>,
}

#[derive(Serialize)]
struct KeyRow<'a> {
    shop_id: &'a str,
    order_ref: &'a str,
}

#[derive(sqlx::FromRow)]
struct EventRow {
    order_ref: String,
    change: String,
    received_at: i64,
    decision: String,
}

#[derive(sqlx::FromRow)]
struct MailRow {
    id: String,
    kind: String,
    state: String,
    reason: Option<String>,
    first_due_at: i64,
    due_at: i64,
    attempt: i64,
    fence: i64,
    first_attempt_at: Option<i64>,
    sent_at: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct OutcomeRow {
    at: i64,
    outcome: String,
    detail: String,
}

#[derive(sqlx::FromRow)]
struct StopRow {
    scope: String,
    created_at: i64,
    reason: String,
    expires_at: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct ReturnedRow {
    at: i64,
    kind: String,
    status: Option<String>,
    detail: String,
}

#[derive(sqlx::FromRow)]
struct ReviewRow {
    stars: i64,
    label: String,
    evidence: Option<String>,
    submitted_at: i64,
    labelled_at: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct NoticeRow {
    state: String,
    error: Option<String>,
    due_at: i64,
    attempt: i64,
}

/// The rows of one order, as statement after statement finds them.
macro_rules! find_all {
    ($store:expr, $statement:expr, $first:expr, $($more:expr),*) => {
        read_on!($store.db, |pool, sql| {
            sqlx::query_as(sql(&$statement)).bind($first)$(.bind($more))*.fetch_all(pool).await?
        })
    };
}

impl Store {
    /// What is on record of the order that the platform knows as `reference`.
    pub async fn history(
        &self,
        shop: &ShopId,
        reference: &str,
    ) -> Result<Option<History>, StoreError> {
        let id = shop.as_str();
        let orders: Vec<OrderRow> = find_all!(self, FIND_ORDER, id, reference);
        let Some(row) = orders.into_iter().next() else { return Ok(None) };
        let order = read_order(&row.status, row.changed_at, &row.details)?;
        let events: Vec<EventRow> = find_all!(self, LIST_EVENTS, id, reference);
        let found: Vec<MailRow> = find_all!(self, LIST_MAILS, id, reference);
        let events: Vec<Event> =
            events.into_iter().map(|row| Ok(row.event()?.1)).collect::<Result<_, StoreError>>()?;
        let named = rows(events.iter().filter_map(Event::checkout_notice))?;
        let checkout_notices: Vec<(String, String)> =
            find_all!(self, FIND_CHECKOUT_NOTICES, named,);
        let address = order.order.email.as_ref().map(domain::EmailAddress::as_str);
        let mut mails = Vec::new();
        for row in found {
            let outcomes: Vec<OutcomeRow> = find_all!(self, LIST_OUTCOMES, &row.id,);
            mails.push(row.mail(outcomes, address)?);
        }
        mails.sort_by_key(|mail| mail.decided_at);
        let returned: Vec<ReturnedRow> = find_all!(self, LIST_RETURNED, id, reference);
        let returned = returned.into_iter().map(|row| row.returned(address));
        let returned = returned.collect::<Result<_, _>>()?;
        let stops: Vec<StopRow> = find_all!(self, LIST_STOPS, id, reference);
        let reviews: Vec<ReviewRow> = find_all!(self, FIND_REVIEW, id, reference);
        Ok(Some(History {
            shop: shop.clone(),
            reference: row.order_ref,
            number: order.order.number.clone(),
            status: order.status.as_str(),
            order,
            events,
            checkout_notices: checkout_notices.into_iter().collect(),
            mails,
            returned,
            pause: self.pauses().await?.into_iter().find(|pause| pause.shop == *shop),
            stops: stops.into_iter().map(Stop::try_from).collect::<Result<_, _>>()?,
            review: reviews.into_iter().next().map(ReviewOf::try_from).transpose()?,
            notice: self.notice_of(shop, reference).await?,
        }))
    }

    /// The references of the orders that buyers know by `number`, with or without a `#` before it;
    /// at most 10. Looks through all orders of the shop, some thousand at a time.
    pub async fn orders_numbered(
        &self,
        shop: &ShopId,
        number: &str,
    ) -> Result<Vec<String>, StoreError> {
        let plain = number.trim_start_matches('#');
        let numbers = [plain.to_owned(), format!("#{plain}")];
        let patterns = numbers.each_ref().map(|number| pattern(number));
        let (mut found, mut after) = (Vec::new(), String::new());
        loop {
            let matches: Vec<(String, String)> = find_all!(
                self,
                FIND_NUMBERED,
                shop.as_str(),
                &after,
                i64::from(PAGE),
                &patterns[0],
                &patterns[1]
            );
            for (reference, details) in matches {
                let order: domain::Order = serde_json::from_str(&details)
                    .map_err(|_| StoreError::Corrupt("orders.details"))?;
                if order.number.is_some_and(|number| numbers.contains(&number)) {
                    found.push(reference);
                }
            }
            match self.page_end(shop, &after).await? {
                Some(end) if found.len() < NUMBERED_MAX => after = end,
                _ => break,
            }
        }
        found.truncate(NUMBERED_MAX);
        Ok(found)
    }

    /// Whether the platform is still to be asked about an order, known or not.
    pub async fn notice_of(
        &self,
        shop: &ShopId,
        reference: &str,
    ) -> Result<Option<NoticeOf>, StoreError> {
        let found: Vec<NoticeRow> = find_all!(self, FIND_NOTICE, shop.as_str(), reference);
        found.into_iter().next().map(NoticeOf::try_from).transpose()
    }

    /// How many webhooks of this shop could not be read, and are kept.
    pub async fn unread_of(&self, shop: &ShopId) -> Result<i64, StoreError> {
        let counts: Vec<(i64,)> = find_all!(self, COUNT_UNREAD_OF, shop.as_str(),);
        Ok(counts.first().map_or(0, |(count,)| *count))
    }

    /// How many orders of this shop are on record.
    pub async fn count_orders_of(&self, shop: &ShopId) -> Result<u64, StoreError> {
        let counts: Vec<(i64,)> = find_all!(self, COUNT_ORDERS_OF, shop.as_str(),);
        Ok(counts.first().map_or(0, |(count,)| u64::try_from(*count).unwrap_or(0)))
    }

    /// The shop's orders behind `after` that something happened to `since` then, some thousand at a
    /// time, by reference.
    pub async fn told(
        &self,
        shop: &ShopId,
        after: &str,
        since: Timestamp,
    ) -> Result<ToldPage, StoreError> {
        let (id, since) = (shop.as_str(), millis(since));
        let orders: Vec<ToldRow> = find_all!(self, LIST_TOLD, id, after, i64::from(PAGE), since);
        let keys = orders.iter().map(|row| KeyRow { shop_id: id, order_ref: &row.order.order_ref });
        let found: Vec<EventRow> = find_all!(self, LIST_TOLD_EVENTS, rows(keys)?,);
        let mut events: HashMap<String, Vec<Event>> = HashMap::new();
        for row in found {
            let (reference, event) = row.event()?;
            events.entry(reference).or_default().push(event);
        }
        let told = orders.into_iter().map(|ToldRow { order: row, stopped_at }| {
            let mut events = events.remove(&row.order_ref).unwrap_or_default();
            events.sort_by_key(|event| event.at);
            Ok(Told {
                order: read_order(&row.status, row.changed_at, &row.details)?,
                events,
                stopped_at: stopped_at.map(instant).transpose()?,
            })
        });
        let orders = told.collect::<Result<_, StoreError>>()?;
        Ok(ToldPage { orders, next: self.page_end(shop, after).await? })
    }

    async fn page_end(&self, shop: &ShopId, after: &str) -> Result<Option<String>, StoreError> {
        let ends: Vec<(String,)> =
            find_all!(self, PAGE_END, shop.as_str(), after, i64::from(PAGE) - 1);
        Ok(ends.into_iter().next().map(|(end,)| end))
    }
}

/// What an order's details contain if it has this number, for `LIKE` with `!` as the escape.
fn pattern(number: &str) -> String {
    let json = serde_json::to_string(number).unwrap_or_default();
    containing(&format!("\"number\":{json}"))
}

/// `words` without the address, however a mail server wrote its letters.
fn without(words: &str, address: Option<&str>) -> String {
    let Some(address) = address else { return words.to_owned() };
    let (lower, address) = (words.to_ascii_lowercase(), address.to_ascii_lowercase());
    let (mut kept, mut from) = (String::new(), 0);
    for (at, _) in lower.match_indices(&address) {
        kept.push_str(&words[from..at]);
        kept.push('…');
        from = at + address.len();
    }
    kept + &words[from..]
}

fn count(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn kind_name<S: Serializer>(kind: &MailKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.as_str())
}

/// A [`CheckoutNotice`](domain::consent::CheckoutNotice), by its hash.
#[derive(Serialize)]
struct NamedNotice<'a> {
    hash: &'a str,
}

impl Event {
    fn checkout_notice(&self) -> Option<NamedNotice<'_>> {
        match &self.decision {
            Decision::Schedule(timing) | Decision::Move(timing) => match &timing.ground {
                Some(Ground::SoftOptIn { notice }) => Some(NamedNotice { hash: notice }),
                _ => None,
            },
            _ => None,
        }
    }
}

impl EventRow {
    fn event(self) -> Result<(String, Event), StoreError> {
        let corrupt = || StoreError::Corrupt("webhook_deliveries");
        let event = Event {
            at: instant(self.received_at)?,
            change: serde_json::from_value(self.change.into()).map_err(|_| corrupt())?,
            decision: serde_json::from_str(&self.decision).map_err(|_| corrupt())?,
        };
        Ok((self.order_ref, event))
    }
}

impl MailRow {
    fn mail(self, outcomes: Vec<OutcomeRow>, address: Option<&str>) -> Result<Mail, StoreError> {
        let corrupt = || StoreError::Corrupt("invitations");
        let id: InvitationId = self.id.parse().map_err(|_| corrupt())?;
        // Ids begin with the time of the decision.
        let (seconds, nanos) = id.0.get_timestamp().ok_or_else(corrupt)?.to_unix();
        let seconds = i64::try_from(seconds).map_err(|_| corrupt())?;
        let outcomes = outcomes.into_iter().map(|row| row.outcome(address));
        Ok(Mail {
            id,
            kind: MailKind::parse(&self.kind).ok_or_else(corrupt)?,
            state: InvitationState::parse(&self.state).ok_or_else(corrupt)?,
            reason: self.reason.map(|reason| without(&reason, address)),
            decided_at: instant(seconds.saturating_mul(1000) + i64::from(nanos / 1_000_000))?,
            first_due_at: instant(self.first_due_at)?,
            due_at: instant(self.due_at)?,
            // Every claim moves the fence; those that ended without an attempt do not count as one.
            postponed: count(self.fence - self.attempt),
            attempts: count(self.attempt),
            first_attempt_at: self.first_attempt_at.map(instant).transpose()?,
            sent_at: self.sent_at.map(instant).transpose()?,
            outcomes: outcomes.collect::<Result<_, _>>()?,
        })
    }
}

impl OutcomeRow {
    fn outcome(self, address: Option<&str>) -> Result<MailOutcome, StoreError> {
        let words = without(&self.detail, address);
        Ok(MailOutcome { at: instant(self.at)?, outcome: self.outcome, words })
    }
}

impl ReturnedRow {
    fn returned(self, address: Option<&str>) -> Result<Returned, StoreError> {
        let words = [self.status.unwrap_or_default(), without(&self.detail, address)];
        let words = words.join(" ").trim().to_owned();
        Ok(Returned { at: instant(self.at)?, kind: self.kind, words })
    }
}

impl TryFrom<StopRow> for Stop {
    type Error = StoreError;

    fn try_from(row: StopRow) -> Result<Self, StoreError> {
        Ok(Self {
            at: instant(row.created_at)?,
            all_shops: row.scope == ALL_SHOPS,
            reason: row.reason,
            expires_at: row.expires_at.map(instant).transpose()?,
            reminders_only: row.scope.ends_with(REMINDERS),
        })
    }
}

impl TryFrom<ReviewRow> for ReviewOf {
    type Error = StoreError;

    fn try_from(row: ReviewRow) -> Result<Self, StoreError> {
        let corrupt = || StoreError::Corrupt("reviews");
        let stars = u8::try_from(row.stars).map_err(|_| corrupt())?;
        let evidence = row.evidence.map(|json| serde_json::from_str(&json)).transpose();
        Ok(Self {
            stars: stars.try_into().map_err(|_| corrupt())?,
            label: Label::parse(&row.label).ok_or_else(corrupt)?,
            evidence: evidence.map_err(|_| corrupt())?,
            submitted_at: instant(row.submitted_at)?,
            labelled_at: row.labelled_at.map(instant).transpose()?,
        })
    }
}

impl TryFrom<NoticeRow> for NoticeOf {
    type Error = StoreError;

    fn try_from(row: NoticeRow) -> Result<Self, StoreError> {
        let NoticeRow { state, error, due_at, attempt } = row;
        Ok(Self { state, error, due_at: instant(due_at)?, attempts: count(attempt) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_servers_words_do_not_tell_the_address() {
        let words = "550 5.1.1 <Anna@X.example>: no anna@x.example here";
        assert_eq!(without(words, Some("anna@x.example")), "550 5.1.1 <…>: no … here");
        assert_eq!(without(words, None), words);
        assert_eq!(without("åÄ anna@x.example", Some("anna@x.example")), "åÄ …");
    }

    #[test]
    fn a_number_is_looked_for_literally() {
        assert_eq!(pattern("10_0%\"!"), "%\"number\":\"10!_0!%\\\"!!\"%");
    }
}
