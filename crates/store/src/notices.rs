//! Notices: orders that a platform only pointed to, until it was asked about them.
//!
//! There is one row for each order, however often it is pointed to, and no row any more once the
//! platform has answered. A notice that arrives while the platform is being asked makes that answer
//! old: the fence moves on, so the order is asked about once more.

use domain::{NoticeId, OrderEvent, ShopId};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    Store, StoreError,
    db::{read_on, write_on},
    instant,
    intake::rows,
    millis,
    statement::statements,
};

/// A platform pointed to an order.
#[derive(Clone, Debug)]
pub struct Notified {
    /// The shop.
    pub shop: ShopId,
    /// The platform's id of the order.
    pub reference: String,
    /// What the webhook itself says happened, if that is worth something.
    pub told: Option<OrderEvent>,
    /// Follows the order through the logs.
    pub request_id: Uuid,
    /// When; the platform is asked from then on.
    pub at: Timestamp,
}

/// The right to ask a platform about one order.
#[derive(Clone, Debug)]
pub struct ClaimedNotice {
    /// The notice.
    pub id: NoticeId,
    /// The number of this claim, and of the notices it answers.
    pub fence: i64,
    /// The shop.
    pub shop: ShopId,
    /// The platform's id of the order.
    pub reference: String,
    /// What the webhook itself said happened.
    pub told: Option<OrderEvent>,
    /// The request that led to it.
    pub request_id: Uuid,
    /// The number of this attempt, from 1.
    pub attempt: u32,
    /// When it was first to be asked.
    pub first_due_at: Timestamp,
}

/// How asking ended.
#[derive(Clone, Debug)]
pub enum Answered {
    /// The platform answered, and what it said is on record.
    Done,
    /// To be asked again.
    Retry {
        /// When.
        at: Timestamp,
        /// What went wrong.
        error: String,
    },
    /// Not to be asked again by itself; why.
    Failed(String),
}

statements! {
    SAVE_NOTICE(id text, shop_id text, order_ref text, told text, request_id text, at bigint) =
        "INSERT INTO notices (id, shop_id, order_ref, told, state, error, first_due_at, due_at,
                              attempt, fence, request_id)
         SELECT id, shop_id, order_ref, told, 'waiting', NULL, at, at, 0, 0, request_id
         FROM {rows} WHERE true
         ON CONFLICT (shop_id, order_ref) DO UPDATE SET
           told = COALESCE(excluded.told, notices.told), state = 'waiting', error = NULL,
           first_due_at = excluded.first_due_at, due_at = excluded.due_at, attempt = 0,
           fence = notices.fence + 1, request_id = excluded.request_id
         RETURNING id";
    CLAIM_NOTICE() =
        "UPDATE notices SET fence = fence + 1, attempt = attempt + 1, due_at = $3
         WHERE id = $1 AND CASE state WHEN 'waiting' THEN due_at <= $2 END
         RETURNING shop_id, order_ref, told, request_id, fence, attempt, first_due_at";
    FORGET_NOTICE() = "DELETE FROM notices WHERE id = $1 AND fence = $2";
    POSTPONE_NOTICE() =
        "UPDATE notices SET due_at = $3, error = $4 WHERE id = $1 AND fence = $2";
    FAIL_NOTICE() =
        "UPDATE notices SET state = 'failed', error = $3 WHERE id = $1 AND fence = $2";
    RETRY_FAILED_NOTICES() =
        "UPDATE notices SET state = 'waiting', attempt = 0, fence = fence + 1,
                            first_due_at = $1, due_at = $1
         WHERE state = 'failed'";
    DUE_NOTICES() =
        "SELECT id FROM notices WHERE state = 'waiting' AND due_at <= $1
         ORDER BY due_at, id LIMIT $2";
}

#[derive(Serialize)]
struct NoticeRow<'a> {
    id: NoticeId,
    shop_id: &'a str,
    order_ref: &'a str,
    told: Option<String>,
    request_id: Uuid,
    at: i64,
}

#[derive(sqlx::FromRow)]
struct ClaimedRow {
    shop_id: String,
    order_ref: String,
    told: Option<String>,
    request_id: String,
    fence: i64,
    attempt: i64,
    first_due_at: i64,
}

impl Store {
    /// Records that the platform is to be asked about an order. When this returns `Ok`, it is
    /// committed. Returns the notice's id.
    pub async fn save_notice(&self, notified: &Notified) -> Result<NoticeId, StoreError> {
        let told = notified.told.as_ref().map(serde_json::to_string).transpose();
        let row = NoticeRow {
            id: NoticeId::derive(notified.at, &notified.shop, &notified.reference),
            shop_id: notified.shop.as_str(),
            order_ref: &notified.reference,
            told: told.map_err(|_| StoreError::Corrupt("a row to write"))?,
            request_id: notified.request_id,
            at: millis(notified.at),
        };
        let rows = rows(std::iter::once(row))?;
        let (id,): (String,) = write_on!(self.db, |pool, sql, _begin| {
            sqlx::query_as(sql(&SAVE_NOTICE)).bind(rows).fetch_one(pool).await?
        });
        id.parse().map_err(|_| StoreError::Corrupt("notices.id"))
    }

    /// Claims a notice: `None` if it is not due, or was answered. Nobody else may ask before the
    /// lease is over.
    pub async fn claim_notice(
        &self,
        id: NoticeId,
        now: Timestamp,
        lease: SignedDuration,
    ) -> Result<Option<ClaimedNotice>, StoreError> {
        let lease = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX);
        let row: Option<ClaimedRow> = write_on!(self.db, |pool, sql, _begin| {
            sqlx::query_as(sql(&CLAIM_NOTICE))
                .bind(id.to_string())
                .bind(millis(now))
                .bind(millis(now).saturating_add(lease))
                .fetch_optional(pool)
                .await?
        });
        row.map(|row| row.claimed(id)).transpose()
    }

    /// Records how asking ended. `false` if the order was pointed to again meanwhile, or another
    /// worker has claimed the notice: then the platform is asked once more.
    pub async fn finish_notice(
        &self,
        id: NoticeId,
        fence: i64,
        answered: &Answered,
    ) -> Result<bool, StoreError> {
        let finished = write_on!(self.db, |pool, sql, _begin| {
            match answered {
                Answered::Done => sqlx::query(sql(&FORGET_NOTICE)).bind(id.to_string()).bind(fence),
                Answered::Retry { at, error } => sqlx::query(sql(&POSTPONE_NOTICE))
                    .bind(id.to_string())
                    .bind(fence)
                    .bind(millis(*at))
                    .bind(error),
                Answered::Failed(error) => {
                    sqlx::query(sql(&FAIL_NOTICE)).bind(id.to_string()).bind(fence).bind(error)
                }
            }
            .execute(pool)
            .await?
            .rows_affected()
        });
        Ok(finished == 1)
    }

    /// Lets the platforms be asked again about every order they did not answer for. Returns how
    /// many there are.
    pub async fn retry_failed_notices(&self, now: Timestamp) -> Result<u64, StoreError> {
        Ok(write_on!(self.db, |pool, sql, _begin| {
            let retried = sqlx::query(sql(&RETRY_FAILED_NOTICES)).bind(millis(now));
            retried.execute(pool).await?.rows_affected()
        }))
    }

    /// The notices that have been waiting longest to be asked about.
    pub async fn due_notices(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<NoticeId>, StoreError> {
        let found: Vec<(String,)> = read_on!(self.db, |pool, sql| {
            sqlx::query_as(sql(&DUE_NOTICES))
                .bind(millis(now))
                .bind(i64::from(limit))
                .fetch_all(pool)
                .await?
        });
        let id = |(id,): (String,)| id.parse().map_err(|_| StoreError::Corrupt("notices.id"));
        found.into_iter().map(id).collect()
    }
}

impl ClaimedRow {
    fn claimed(self, id: NoticeId) -> Result<ClaimedNotice, StoreError> {
        let told = self.told.as_deref().map(serde_json::from_str).transpose();
        Ok(ClaimedNotice {
            id,
            fence: self.fence,
            shop: self.shop_id.parse().map_err(|_| StoreError::Corrupt("notices.shop_id"))?,
            reference: self.order_ref,
            told: told.map_err(|_| StoreError::Corrupt("notices.told"))?,
            request_id: self
                .request_id
                .parse()
                .map_err(|_| StoreError::Corrupt("notices.request_id"))?,
            attempt: u32::try_from(self.attempt)
                .map_err(|_| StoreError::Corrupt("notices.attempt"))?,
            first_due_at: instant(self.first_due_at)?,
        })
    }
}
