//! Mails out: who may send, and how it ended.
//!
//! A claim is one conditional update. It takes a lease, so that the invitation of a worker that
//! died comes back, and a fence, so that a worker that only seemed dead cannot record an outcome
//! for an invitation that another has claimed since.

use std::{collections::HashMap, sync::Arc};

use domain::{
    EarlierMail, InvitationId, InvitationState, MailKind, OrderRecord, ShopId, decision::Reason,
};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    Store, StoreError,
    db::{Db, read_on, write_on},
    instant,
    intake::{read_order, rows},
    millis,
    statement::statements,
};

/// Asks for the right to send one invitation.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// The invitation.
    pub id: InvitationId,
    /// The worker's clock: invitations due later are not claimed.
    pub now: Timestamp,
    /// For how long nobody else may claim it.
    pub lease: SignedDuration,
}

/// The right to send one invitation, with all that is needed to write it.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The mail.
    pub id: InvitationId,
    /// Which of the mails about the order it is.
    pub kind: MailKind,
    /// The first mail about the order: all of them carry its links.
    pub invitation: InvitationId,
    /// Whether the same person got another mail, or is getting one right now.
    pub is_known: bool,
    /// The keyed hash of the recipient's address.
    pub recipient: String,
    /// The number of this claim: an outcome counts only while it is the latest.
    pub fence: i64,
    /// The number of this attempt to mail it, from 1.
    pub attempt: u32,
    /// When it was first due: retries end some time after this.
    pub first_due_at: Timestamp,
    /// When the first attempt began: each attempt sends the same mail, with this date.
    pub first_attempt_at: Timestamp,
    /// When it was due this time.
    pub due_at: Timestamp,
    /// The shop.
    pub shop: ShopId,
    /// The request that led to it.
    pub request_id: Uuid,
    /// The order it is about.
    pub order: OrderRecord,
}

/// How an attempt ended.
#[derive(Clone, Debug)]
pub struct Finish {
    /// The invitation.
    pub id: InvitationId,
    /// The claim's fence.
    pub fence: i64,
    /// When it ended.
    pub at: Timestamp,
    /// How.
    pub outcome: AttemptOutcome,
    /// What follows if it was sent.
    pub sent: SentMail,
}

/// What is recorded with a mail that was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SentMail {
    /// The variant of an experiment that it was written in.
    pub variant: Option<String>,
    /// When its recipient is reminded. Only the first mail about an order has a reminder.
    pub remind_at: Option<Timestamp>,
}

/// How an attempt to mail an invitation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// The mail server took responsibility; its reply.
    Sent(String),
    /// To be tried again.
    Retry {
        /// When.
        at: Timestamp,
        /// What went wrong.
        error: String,
    },
    /// To be tried again; it was not for this mail's sake that it failed. Does not count as an attempt.
    Held {
        /// When.
        at: Timestamp,
        /// What went wrong.
        error: String,
    },
    /// Not to be tried again; why.
    Failed(String),
    /// Not tried: mail may not leave before then. Does not count as an attempt.
    Postponed(Timestamp),
    /// Not tried, and not to be: the recipient was asked about the same products not long ago.
    AskedBefore,
    /// Not tried, and not to be: by law its recipient may not be asked, or not any more.
    MayNotAsk(Reason),
}

impl Store {
    /// Claims an invitation: `None` if it is not due, not waiting, or not to be sent any more.
    ///
    /// Orders undone and people who said stop are looked at in the same statement, so that nothing
    /// is claimed after such an answer was given.
    pub async fn claim(&self, claim: Claim) -> Result<Option<Claimed>, StoreError> {
        self.claims.submit(claim).await
    }

    /// Records how an attempt ended. `false` if another worker has claimed the invitation since:
    /// then its outcome counts, and this one is kept in the log of deliveries only.
    pub async fn finish(&self, finish: Finish) -> Result<bool, StoreError> {
        self.outcomes.submit(finish).await
    }

    /// The last mails to the recipient of this one, `since` then, and those that are being sent:
    /// newest first, at most 100.
    pub async fn earlier_mails(
        &self,
        id: InvitationId,
        since: Timestamp,
    ) -> Result<Vec<EarlierMail>, StoreError> {
        let rows: Vec<EarlierRow> = read_on!(self.db, |pool, sql| {
            sqlx::query_as(sql(&EARLIER_MAILS))
                .bind(id.to_string())
                .bind(millis(since))
                .fetch_all(pool)
                .await?
        });
        rows.into_iter().map(EarlierMail::try_from).collect()
    }

    /// Asks the recipient of this invitation again at `due_at`, and not in between. `false` if that is
    /// not possible: there is a review, the order was undone, its recipient said stop or is another by
    /// now, the mail that was asked for has left already, or there is no such invitation.
    pub async fn ask_later(
        &self,
        invitation: InvitationId,
        due_at: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let id = InvitationId::later(now, invitation);
        let asked = write_on!(self.db, |pool, sql, begin| {
            let mut tx = begin().await?;
            let asked = sqlx::query(sql(&ASK_LATER))
                .bind(id.to_string())
                .bind(invitation.to_string())
                .bind(millis(due_at))
                .bind(millis(now))
                .execute(&mut *tx)
                .await?
                .rows_affected();
            if asked > 0 {
                sqlx::query(sql(&DROP_OTHER_MAILS))
                    .bind(invitation.to_string())
                    .execute(&mut *tx)
                    .await?;
            }
            tx.commit().await?;
            asked
        });
        Ok(asked > 0)
    }
}

#[derive(sqlx::FromRow)]
struct EarlierRow {
    state: String,
    sent_at: Option<i64>,
    shop_id: String,
    status: String,
    changed_at: i64,
    details: String,
}

impl TryFrom<EarlierRow> for EarlierMail {
    type Error = StoreError;

    fn try_from(row: EarlierRow) -> Result<Self, StoreError> {
        let sent = row.sent_at.filter(|_| row.state == InvitationState::Sent.as_str());
        let order = read_order(&row.status, row.changed_at, &row.details)?;
        Ok(Self {
            sent_at: sent.map(instant).transpose()?,
            shop: row.shop_id.parse().map_err(|_| StoreError::Corrupt("invitations.shop_id"))?,
            items: order.order.items,
        })
    }
}

// Every condition but the id is put so that Postgres cannot begin with it: the partial indexes and the
// state of an order are tempting while tables are small, and the plan is kept when they are not.
statements! {
    CLAIM(id text, now bigint, lease_until bigint) =
        "UPDATE invitations SET
           state = 'sending', fence = invitations.fence + 1, attempt = invitations.attempt + 1,
           lease_until = r.lease_until,
           first_attempt_at = COALESCE(invitations.first_attempt_at, r.now)
         FROM {rows}
         WHERE invitations.id = r.id
           AND CASE invitations.state WHEN 'scheduled' THEN invitations.due_at <= r.now
                                      WHEN 'sending' THEN invitations.lease_until <= r.now END
           AND (SELECT o.status FROM orders o WHERE o.shop_id = invitations.shop_id
             AND o.order_ref = invitations.order_ref) = 'completed'
           AND (invitations.kind = 'invitation' OR NOT EXISTS (SELECT 1 FROM reviews v
             WHERE v.invitation_id = (SELECT i.id FROM invitations i
               WHERE i.shop_id = invitations.shop_id AND i.order_ref = invitations.order_ref
                 AND i.kind = 'invitation')))
           AND (invitations.kind = 'later' OR NOT EXISTS (SELECT 1 FROM invitations l
             WHERE l.shop_id = invitations.shop_id AND l.order_ref = invitations.order_ref
               AND l.kind = 'later'))
           AND NOT EXISTS (SELECT 1 FROM suppressions s
             WHERE s.recipient_hash = invitations.recipient_hash
               AND s.scope IN (invitations.shop_id, '*', CASE invitations.kind
                 WHEN 'reminder' THEN invitations.shop_id || '/reminders' END)
               AND (s.expires_at IS NULL OR s.expires_at > r.now))
         RETURNING invitations.id";
    LOAD_CLAIMED(id text) =
        "SELECT i.id, i.kind, f.id AS invitation_id, i.recipient_hash, i.fence, i.attempt,
                i.first_due_at, i.first_attempt_at, i.due_at, i.shop_id, i.request_id, o.status, o.changed_at, o.details,
                EXISTS (SELECT 1 FROM invitations m WHERE m.recipient_hash = i.recipient_hash
                  AND m.state IN ('sending', 'sent') AND m.id <> i.id) AS is_known
         FROM {rows} JOIN invitations i ON i.id = r.id
         JOIN invitations f ON f.shop_id = i.shop_id AND f.order_ref = i.order_ref
           AND f.kind = 'invitation'
         JOIN orders o ON o.shop_id = i.shop_id AND o.order_ref = i.order_ref";
    /// What the same person was mailed, newest first. `$2` is the oldest that counts.
    EARLIER_MAILS() =
        "SELECT m.state, m.sent_at, m.shop_id, o.status, o.changed_at, o.details
         FROM invitations i
         JOIN invitations m ON m.recipient_hash = i.recipient_hash
           AND m.state IN ('sending', 'sent') AND m.id <> i.id
         JOIN orders o ON o.shop_id = m.shop_id AND o.order_ref = m.order_ref
         WHERE i.id = $1 AND COALESCE(m.sent_at, $2) >= $2
         ORDER BY m.sent_at DESC LIMIT 100";
    /// What could not be claimed because its order was undone while an attempt was under way.
    CANCEL_UNDONE(id text, now bigint) =
        "UPDATE invitations SET state = 'cancelled', reason = 'order_undone', lease_until = NULL
         FROM {rows}
         WHERE invitations.id = r.id
           AND CASE invitations.state WHEN 'scheduled' THEN true
                                      WHEN 'sending' THEN invitations.lease_until <= r.now END
           AND (SELECT o.status FROM orders o WHERE o.shop_id = invitations.shop_id
             AND o.order_ref = invitations.order_ref) <> 'completed'";
    /// What could not be claimed because its recipient gets no mail; the reason is the suppression's.
    SUPPRESS(id text, now bigint) =
        "UPDATE invitations SET state = 'suppressed', lease_until = NULL,
           reason = (SELECT MAX(s.reason) FROM suppressions s
             WHERE s.recipient_hash = invitations.recipient_hash
               AND s.scope IN (invitations.shop_id, '*')
               AND (s.expires_at IS NULL OR s.expires_at > r.now))
         FROM {rows}
         WHERE invitations.id = r.id
           AND CASE invitations.state WHEN 'scheduled' THEN true
                                      WHEN 'sending' THEN invitations.lease_until <= r.now END
           AND (SELECT COUNT(*) FROM suppressions s
             WHERE s.recipient_hash = invitations.recipient_hash
               AND s.scope IN (invitations.shop_id, '*', CASE invitations.kind
                 WHEN 'reminder' THEN invitations.shop_id || '/reminders' END)
               AND (s.expires_at IS NULL OR s.expires_at > r.now)) > 0";
    /// What could not be claimed because its recipient wants to be asked later.
    END_PUT_OFF(id text, now bigint) =
        "UPDATE invitations SET state = 'cancelled', reason = 'asked_later', lease_until = NULL
         FROM {rows}
         WHERE invitations.id = r.id AND invitations.kind <> 'later'
           AND CASE invitations.state WHEN 'scheduled' THEN true
                                      WHEN 'sending' THEN invitations.lease_until <= r.now END
           AND EXISTS (SELECT 1 FROM invitations l
             WHERE l.shop_id = invitations.shop_id AND l.order_ref = invitations.order_ref
               AND l.kind = 'later')";
    /// What could not be claimed because there is nothing left to ask for.
    END_ANSWERED(id text, now bigint) =
        "UPDATE invitations SET state = 'cancelled', reason = 'reviewed', lease_until = NULL
         FROM {rows}
         WHERE invitations.id = r.id AND invitations.kind <> 'invitation'
           AND CASE invitations.state WHEN 'scheduled' THEN true
                                      WHEN 'sending' THEN invitations.lease_until <= r.now END
           AND EXISTS (SELECT 1 FROM reviews v
             WHERE v.invitation_id = (SELECT i.id FROM invitations i
               WHERE i.shop_id = invitations.shop_id AND i.order_ref = invitations.order_ref
                 AND i.kind = 'invitation'))";
    FINISH(id text, fence bigint, state text, due_at bigint, reason text, sent_at bigint, uncounted bigint, variant text) =
        "UPDATE invitations SET
           state = r.state, reason = r.reason, sent_at = r.sent_at, lease_until = NULL,
           variant = r.variant,
           due_at = COALESCE(r.due_at, invitations.due_at),
           attempt = invitations.attempt - r.uncounted,
           first_attempt_at = CASE WHEN invitations.attempt = r.uncounted THEN NULL
                                   ELSE invitations.first_attempt_at END
         FROM {rows}
         WHERE invitations.id = r.id AND invitations.fence = r.fence
           AND invitations.lease_until IS NOT NULL
         RETURNING invitations.id";
    /// Behind the statement above: only what it recorded as sent has a reminder.
    INSERT_REMINDERS(id text, of text, fence bigint, due_at bigint) =
        "INSERT INTO invitations (id, shop_id, order_ref, kind, recipient_hash, state,
                                  first_due_at, due_at, attempt, fence, request_id)
         SELECT r.id, i.shop_id, i.order_ref, 'reminder', i.recipient_hash, 'scheduled',
                r.due_at, r.due_at, 0, 0, i.request_id
         FROM {rows} JOIN invitations i ON i.id = r.of
         WHERE i.fence = r.fence AND i.state = 'sent' AND i.kind = 'invitation'
           AND NOT EXISTS (SELECT 1 FROM invitations l
             WHERE l.shop_id = i.shop_id AND l.order_ref = i.order_ref AND l.kind = 'later')
         ON CONFLICT DO NOTHING";
    /// Moves the mail that was asked for before, if it has not left. Not for whoever holds a link of an
    /// order that has another recipient now.
    ASK_LATER() =
        "INSERT INTO invitations (id, shop_id, order_ref, kind, recipient_hash, state,
                                  first_due_at, due_at, attempt, fence, request_id)
         SELECT $1, i.shop_id, i.order_ref, 'later', i.recipient_hash, 'scheduled', $3, $3, 0, 0,
                i.request_id
         FROM invitations i
         JOIN orders o ON o.shop_id = i.shop_id AND o.order_ref = i.order_ref
         WHERE i.id = $2 AND i.first_attempt_at IS NOT NULL AND o.status = 'completed'
           AND NOT EXISTS (SELECT 1 FROM former_recipients f WHERE f.invitation_id = i.id)
           AND NOT EXISTS (SELECT 1 FROM suppressions s
             WHERE s.recipient_hash = i.recipient_hash AND s.scope IN (i.shop_id, '*')
               AND (s.expires_at IS NULL OR s.expires_at > $4))
           AND NOT EXISTS (SELECT 1 FROM reviews v WHERE v.invitation_id = i.id)
         ON CONFLICT (shop_id, order_ref, kind) DO UPDATE SET
           due_at = excluded.due_at, first_due_at = excluded.first_due_at
         WHERE invitations.state = 'scheduled' AND invitations.first_attempt_at IS NULL";
    /// Also the invitation itself, if its recipient has it although no mail server said so.
    DROP_OTHER_MAILS() =
        "UPDATE invitations SET state = 'cancelled', reason = 'asked_later'
         WHERE kind <> 'later' AND state = 'scheduled'
           AND (shop_id, order_ref) = (SELECT i.shop_id, i.order_ref FROM invitations i WHERE i.id = $1)";
    INSERT_MAIL_DELIVERIES(id text, fence bigint, at bigint, outcome text, detail text) =
        "INSERT INTO mail_deliveries (invitation_id, fence, at, outcome, detail)
         SELECT id, fence, at, outcome, detail FROM {rows} WHERE true
         ON CONFLICT DO NOTHING";
}

#[derive(Serialize)]
struct ClaimRow {
    id: InvitationId,
    now: i64,
    lease_until: i64,
}

#[derive(sqlx::FromRow)]
struct ClaimedRow {
    id: String,
    kind: String,
    invitation_id: String,
    recipient_hash: String,
    is_known: bool,
    fence: i64,
    attempt: i64,
    first_due_at: i64,
    first_attempt_at: i64,
    due_at: i64,
    shop_id: String,
    request_id: String,
    status: String,
    changed_at: i64,
    details: String,
}

pub(crate) async fn claim(
    db: Arc<Db>,
    group: Vec<Claim>,
) -> Result<Vec<Option<Claimed>>, StoreError> {
    let mut asked: Vec<ClaimRow> = group.iter().map(ClaimRow::from).collect();
    asked.sort_unstable_by_key(|row| row.id);
    asked.dedup_by_key(|row| row.id);
    if failpoint::bug("suppression_checked_before_claim") {
        return claim_checked_before(&db, &group, &asked).await;
    }
    let claimed: Vec<ClaimedRow> = write_on!(db, |pool, sql, begin| {
        let mut tx = begin().await?;
        let ids: Vec<(String,)> =
            sqlx::query_as(sql(&CLAIM)).bind(rows(asked.iter())?).fetch_all(&mut *tx).await?;
        if ids.len() < asked.len() {
            for statement in [&CANCEL_UNDONE, &END_ANSWERED, &END_PUT_OFF, &SUPPRESS] {
                sqlx::query(sql(statement)).bind(rows(asked.iter())?).execute(&mut *tx).await?;
            }
        }
        let ids = rows(ids.iter().map(|(id,)| IdRow { id }))?;
        failpoint::hit("claim_before_commit");
        tx.commit().await?;
        failpoint::hit("claim_after_commit");
        // Only now: of two workers that claim mails to one person at the same time, one sees the
        // other's.
        sqlx::query_as(sql(&LOAD_CLAIMED)).bind(ids).fetch_all(pool).await?
    });
    by_claim(&group, claimed)
}

/// What was claimed, in the order it was asked for. An id asked for twice is claimed once: the
/// first takes it.
fn by_claim(group: &[Claim], claimed: Vec<ClaimedRow>) -> Result<Vec<Option<Claimed>>, StoreError> {
    let mut claimed = claimed
        .into_iter()
        .map(|row| Claimed::try_from(row).map(|claimed| (claimed.id, claimed)))
        .collect::<Result<HashMap<_, _>, _>>()?;
    Ok(group.iter().map(|claim| claimed.remove(&claim.id)).collect())
}

#[derive(Serialize)]
pub(crate) struct IdRow<'a> {
    pub(crate) id: &'a str,
}

impl From<&Claim> for ClaimRow {
    fn from(claim: &Claim) -> Self {
        let now = millis(claim.now);
        let lease = i64::try_from(claim.lease.as_millis()).unwrap_or(i64::MAX);
        Self { id: claim.id, now, lease_until: now.saturating_add(lease) }
    }
}

impl TryFrom<ClaimedRow> for Claimed {
    type Error = StoreError;

    fn try_from(row: ClaimedRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id.parse().map_err(|_| StoreError::Corrupt("invitations.id"))?,
            kind: MailKind::parse(&row.kind).ok_or(StoreError::Corrupt("invitations.kind"))?,
            invitation: row
                .invitation_id
                .parse()
                .map_err(|_| StoreError::Corrupt("invitations.id"))?,
            is_known: row.is_known,
            recipient: row.recipient_hash,
            fence: row.fence,
            attempt: u32::try_from(row.attempt)
                .map_err(|_| StoreError::Corrupt("invitations.attempt"))?,
            first_due_at: instant(row.first_due_at)?,
            first_attempt_at: instant(row.first_attempt_at)?,
            due_at: instant(row.due_at)?,
            shop: row.shop_id.parse().map_err(|_| StoreError::Corrupt("invitations.shop_id"))?,
            request_id: row
                .request_id
                .parse()
                .map_err(|_| StoreError::Corrupt("invitations.request_id"))?,
            order: read_order(&row.status, row.changed_at, &row.details)?,
        })
    }
}

#[derive(Serialize)]
struct FinishRow<'a> {
    id: InvitationId,
    fence: i64,
    state: &'static str,
    due_at: Option<i64>,
    reason: Option<Why<'a>>,
    sent_at: Option<i64>,
    uncounted: i64,
    variant: Option<&'a str>,
}

/// Why a mail ended that did not leave.
#[derive(Serialize)]
#[serde(untagged)]
enum Why<'a> {
    Words(&'a str),
    Reason(Reason),
}

#[derive(Serialize)]
struct ReminderRow {
    id: InvitationId,
    of: InvitationId,
    fence: i64,
    due_at: i64,
}

#[derive(Serialize)]
struct MailDeliveryRow<'a> {
    id: InvitationId,
    fence: i64,
    at: i64,
    outcome: &'static str,
    detail: &'a str,
}

pub(crate) async fn finish(db: Arc<Db>, mut group: Vec<Finish>) -> Result<Vec<bool>, StoreError> {
    if failpoint::bug("no_fence") {
        forget_fences(&db, &mut group).await?;
    }
    let finishes = rows(group.iter().map(FinishRow::from))?;
    let deliveries = rows(group.iter().filter_map(mail_delivery))?;
    let reminders = rows(group.iter().filter_map(reminder))?;
    let counted: Vec<(String,)> = write_on!(db, |pool, sql, begin| {
        let mut tx = begin().await?;
        let counted = sqlx::query_as(sql(&FINISH)).bind(&finishes).fetch_all(&mut *tx).await?;
        sqlx::query(sql(&INSERT_MAIL_DELIVERIES)).bind(&deliveries).execute(&mut *tx).await?;
        if reminders != "[]" {
            sqlx::query(sql(&INSERT_REMINDERS)).bind(&reminders).execute(&mut *tx).await?;
        }
        failpoint::hit("outcome_before_commit");
        tx.commit().await?;
        failpoint::hit("outcome_after_commit");
        counted
    });
    let counted: std::collections::HashSet<String> = counted.into_iter().map(|(id,)| id).collect();
    Ok(group.iter().map(|finish| counted.contains(&finish.id.to_string())).collect())
}

impl<'a> From<&'a Finish> for FinishRow<'a> {
    fn from(finish: &'a Finish) -> Self {
        let row = Self {
            id: finish.id,
            fence: finish.fence,
            state: InvitationState::Scheduled.as_str(),
            due_at: None,
            reason: None,
            sent_at: None,
            uncounted: 0,
            variant: None,
        };
        match &finish.outcome {
            AttemptOutcome::Sent(_) => Self {
                state: InvitationState::Sent.as_str(),
                sent_at: Some(millis(finish.at)),
                variant: finish.sent.variant.as_deref(),
                ..row
            },
            AttemptOutcome::Retry { at, .. } => Self { due_at: Some(millis(*at)), ..row },
            AttemptOutcome::Failed(reason) => Self {
                state: InvitationState::Failed.as_str(),
                reason: Some(Why::Words(reason)),
                ..row
            },
            AttemptOutcome::Postponed(at) | AttemptOutcome::Held { at, .. } => {
                Self { due_at: Some(millis(*at)), uncounted: 1, ..row }
            }
            AttemptOutcome::AskedBefore => Self {
                state: InvitationState::Cancelled.as_str(),
                reason: Some(Why::Words("asked_before")),
                uncounted: 1,
                ..row
            },
            AttemptOutcome::MayNotAsk(reason) => Self {
                state: InvitationState::Cancelled.as_str(),
                reason: Some(Why::Reason(*reason)),
                uncounted: 1,
                ..row
            },
        }
    }
}

fn reminder(finish: &Finish) -> Option<ReminderRow> {
    let due_at = finish.sent.remind_at?;
    let sent = matches!(finish.outcome, AttemptOutcome::Sent(_));
    let id = InvitationId::reminder(finish.at, finish.id);
    let (of, fence, due_at) = (finish.id, finish.fence, millis(due_at));
    sent.then_some(ReminderRow { id, of, fence, due_at })
}

fn mail_delivery(finish: &Finish) -> Option<MailDeliveryRow<'_>> {
    let (outcome, detail) = match &finish.outcome {
        AttemptOutcome::Sent(reply) => ("sent", reply),
        AttemptOutcome::Retry { error, .. } | AttemptOutcome::Held { error, .. } => {
            ("retry", error)
        }
        AttemptOutcome::Failed(reason) => ("failed", reason),
        AttemptOutcome::Postponed(_)
        | AttemptOutcome::AskedBefore
        | AttemptOutcome::MayNotAsk(_) => return None,
    };
    let (id, fence, at) = (finish.id, finish.fence, millis(finish.at));
    Some(MailDeliveryRow { id, fence, at, outcome, detail })
}

/// A known bug, for tests that must notice it: every outcome counts, whoever has claimed since.
async fn forget_fences(db: &Db, group: &mut [Finish]) -> Result<(), StoreError> {
    for finish in group {
        let fence: Option<(i64,)> = write_on!(db, |pool, _sql, _begin| {
            sqlx::query_as("SELECT fence FROM invitations WHERE id = $1")
                .bind(finish.id.to_string())
                .fetch_optional(pool)
                .await?
        });
        finish.fence = fence.map_or(finish.fence, |(fence,)| fence);
    }
    Ok(())
}

/// A known bug, for tests that must notice it: looks who wants no mail, then takes its time, then
/// claims.
async fn claim_checked_before(
    db: &Db,
    group: &[Claim],
    asked: &[ClaimRow],
) -> Result<Vec<Option<Claimed>>, StoreError> {
    let claimed: Vec<ClaimedRow> = write_on!(db, |pool, sql, _begin| {
        sqlx::query(sql(&SUPPRESS)).bind(rows(asked.iter())?).execute(pool).await?;
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let (claim, suppressions) =
            sql(&CLAIM).split_once("AND NOT EXISTS").unwrap_or((sql(&CLAIM), ""));
        let returning = suppressions.split_once("RETURNING").map_or("", |(_, columns)| columns);
        let claim = format!("{claim} RETURNING {returning}");
        let ids: Vec<(String,)> = sqlx::query_as(sqlx::AssertSqlSafe(claim))
            .bind(rows(asked.iter())?)
            .fetch_all(pool)
            .await?;
        let ids = rows(ids.iter().map(|(id,)| IdRow { id }))?;
        sqlx::query_as(sql(&LOAD_CLAIMED)).bind(ids).fetch_all(pool).await?
    });
    by_claim(group, claimed)
}
