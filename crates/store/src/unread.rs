//! Genuine webhooks that could not be read: kept whole until a newer version can.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::ShopId;
use jiff::Timestamp;
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

/// The most webhooks that are kept for one shop. There is something wrong with all of them, and
/// somebody has to look.
pub const UNREAD_MAX: i64 = 10_000;

/// A webhook as it came.
#[derive(Clone, PartialEq, Eq)]
pub struct UnreadWebhook {
    /// The same for the same body of the same shop.
    pub id: Uuid,
    /// The shop.
    pub shop: ShopId,
    /// Follows it through the logs.
    pub request_id: Uuid,
    /// When it came.
    pub received_at: Timestamp,
    /// What its signature and its meaning may depend on beside the body, by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// Byte for byte.
    pub body: Vec<u8>,
    /// Where it could not be read. Free of personal data.
    pub path: String,
    /// What was expected there. Free of personal data.
    pub detail: String,
}

/// What became of a webhook that was to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is kept, by now or since before.
    Yes,
    /// As many are kept for this shop as may be.
    Full,
}

statements! {
    COUNT_UNREAD_OF() = "SELECT COUNT(*) FROM unread_webhooks WHERE shop_id = $1";
    KEEP_UNREAD(id text, shop_id text, request_id text, received_at bigint, headers text, body text, path text, detail text) =
        "INSERT INTO unread_webhooks (id, shop_id, request_id, received_at, headers, body, path, detail)
         SELECT id, shop_id, request_id, received_at, headers, body, path, detail
         FROM {rows} WHERE true
         ON CONFLICT DO NOTHING";
    LIST_UNREAD() =
        "SELECT id, shop_id, request_id, received_at, headers, body, path, detail
         FROM unread_webhooks WHERE received_at > $1 OR (received_at = $1 AND id > $2)
         ORDER BY received_at, id LIMIT $3";
    FORGET_UNREAD() = "DELETE FROM unread_webhooks WHERE id = $1";
}

#[derive(Serialize)]
struct KeptRow<'a> {
    id: Uuid,
    shop_id: &'a str,
    request_id: Uuid,
    received_at: i64,
    headers: String,
    body: String,
    path: &'a str,
    detail: &'a str,
}

#[derive(sqlx::FromRow)]
struct UnreadRow {
    id: String,
    shop_id: String,
    request_id: String,
    received_at: i64,
    headers: String,
    body: String,
    path: String,
    detail: String,
}

impl Store {
    /// Keeps a webhook. When this returns [`Kept::Yes`], it is committed.
    pub async fn keep_unread(&self, webhook: &UnreadWebhook) -> Result<Kept, StoreError> {
        let headers = serde_json::to_string(&webhook.headers);
        let row = KeptRow {
            id: webhook.id,
            shop_id: webhook.shop.as_str(),
            request_id: webhook.request_id,
            received_at: millis(webhook.received_at),
            headers: headers.map_err(|_| StoreError::Corrupt("a row to write"))?,
            body: STANDARD.encode(&webhook.body),
            path: &webhook.path,
            detail: &webhook.detail,
        };
        let rows = rows(std::iter::once(row))?;
        write_on!(self.db, |pool, sql, begin| {
            let mut tx = begin().await?;
            let (count,): (i64,) = sqlx::query_as(sql(&COUNT_UNREAD_OF))
                .bind(webhook.shop.as_str())
                .fetch_one(&mut *tx)
                .await?;
            if count >= UNREAD_MAX {
                return Ok(Kept::Full);
            }
            sqlx::query(sql(&KEEP_UNREAD)).bind(rows).execute(&mut *tx).await?;
            tx.commit().await?;
        });
        Ok(Kept::Yes)
    }

    /// The webhooks that came after `after` and could not be read, oldest first.
    pub async fn unread(
        &self,
        after: Option<(Timestamp, Uuid)>,
        limit: u32,
    ) -> Result<Vec<UnreadWebhook>, StoreError> {
        let (at, id) =
            after.map_or((i64::MIN, String::new()), |(at, id)| (millis(at), id.to_string()));
        let found: Vec<UnreadRow> = read_on!(self.db, |pool, sql| {
            sqlx::query_as(sql(&LIST_UNREAD))
                .bind(at)
                .bind(id)
                .bind(i64::from(limit))
                .fetch_all(pool)
                .await?
        });
        found.into_iter().map(UnreadWebhook::try_from).collect()
    }

    /// Forgets a webhook that was read.
    pub async fn forget_unread(&self, id: Uuid) -> Result<(), StoreError> {
        write_on!(self.db, |pool, sql, _begin| {
            sqlx::query(sql(&FORGET_UNREAD)).bind(id.to_string()).execute(pool).await?;
        });
        Ok(())
    }
}

impl TryFrom<UnreadRow> for UnreadWebhook {
    type Error = StoreError;

    fn try_from(row: UnreadRow) -> Result<Self, StoreError> {
        let corrupt = || StoreError::Corrupt("unread_webhooks");
        Ok(Self {
            id: row.id.parse().map_err(|_| corrupt())?,
            shop: row.shop_id.parse().map_err(|_| corrupt())?,
            request_id: row.request_id.parse().map_err(|_| corrupt())?,
            received_at: instant(row.received_at)?,
            headers: serde_json::from_str(&row.headers).map_err(|_| corrupt())?,
            body: STANDARD.decode(&row.body).map_err(|_| corrupt())?,
            path: row.path,
            detail: row.detail,
        })
    }
}
