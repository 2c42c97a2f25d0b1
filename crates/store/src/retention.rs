//! What is not needed any more is forgotten: a little at a time, so that intake does not notice.
//!
//! Every step may be done by several workers at once, be repeated, or stop half-way.

use domain::{Order, ShopId};
use jiff::Timestamp;
use serde::Serialize;

use crate::{
    Store, StoreError,
    db::{read_on, write_on},
    intake::rows,
    millis,
    privacy::{ERASE_REPLIES, FORGET_REASONS},
    statement::{Statement, statements},
};

/// Orders that are looked at, and forgotten, at a time.
const PAGE: i64 = 500;

/// Rows that are deleted at a time; some hold whole bodies.
pub const EXPIRED_MAX: u64 = 100;

/// Which orders of a shop are not needed any more: the times before which they are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotNeeded {
    /// When it last changed: any order.
    pub changed_before: Timestamp,
    /// When it last changed: an order that has no invitation, and may yet get one.
    pub uninvited_before: Timestamp,
    /// When it was first tried to mail its buyer, who has a link since.
    pub mailed_before: Timestamp,
}

/// What is deleted at a certain age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aging {
    /// Webhooks that could not be read.
    UnreadWebhooks,
    /// Orders that no platform told about.
    Notices,
    /// What became of mails after they were sent.
    Bounces,
    /// Entries of the suppression list, at the time when they hold no longer.
    Suppressions,
    /// Receipts of erasures.
    Receipts,
}

/// A page of a shop's orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForgottenPage {
    /// How many of them were forgotten.
    pub forgotten: u64,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
}

statements! {
    SHOPS_ON_RECORD() = "SELECT id FROM shops ORDER BY id";
    /// States and labels are asked for as in `sending`: Postgres must not begin with them.
    NOT_NEEDED() =
        "SELECT p.order_ref, p.version, p.details
         FROM (SELECT shop_id, order_ref, version, status, changed_at, details, forgotten_at
           FROM orders WHERE shop_id = $1 AND order_ref > $2 ORDER BY order_ref LIMIT $3) p
         WHERE p.forgotten_at IS NULL AND p.changed_at < $4
           AND (p.status <> 'completed' OR p.changed_at < $5
             OR EXISTS (SELECT 1 FROM invitations i
               WHERE i.shop_id = p.shop_id AND i.order_ref = p.order_ref))
           AND NOT EXISTS (SELECT 1 FROM invitations i
             LEFT JOIN reviews v ON v.invitation_id = i.id
             WHERE i.shop_id = p.shop_id AND i.order_ref = p.order_ref
               AND CASE WHEN i.state IN ('scheduled', 'sending') THEN true
                        WHEN v.label = 'pending' THEN true
                        ELSE i.first_attempt_at >= $6 END)
           AND NOT EXISTS (SELECT 1 FROM notices n
             WHERE n.shop_id = p.shop_id AND n.order_ref = p.order_ref)
         ORDER BY p.order_ref";
    PAGE_END() =
        "SELECT order_ref FROM orders WHERE shop_id = $1 AND order_ref > $2
         ORDER BY order_ref LIMIT 1 OFFSET $3";
    /// Not what has changed since it was looked at.
    FORGET_ORDERS(shop_id text, order_ref text, version bigint, details text, at bigint) =
        "UPDATE orders SET details = r.details, forgotten_at = r.at, version = orders.version + 1
         FROM {rows}
         WHERE orders.shop_id = r.shop_id AND orders.order_ref = r.order_ref
           AND orders.version = r.version";
    EXPIRE_UNREAD() =
        "DELETE FROM unread_webhooks WHERE id IN (SELECT id FROM unread_webhooks
           WHERE received_at < $1 ORDER BY received_at LIMIT $2)";
    EXPIRE_NOTICES() =
        "DELETE FROM notices WHERE CASE state WHEN 'failed' THEN true END
           AND id IN (SELECT id FROM notices
             WHERE state = 'failed' AND first_due_at < $1 ORDER BY first_due_at LIMIT $2)";
    EXPIRE_BOUNCES() =
        "DELETE FROM bounces WHERE key IN (SELECT key FROM bounces
           WHERE at < $1 ORDER BY at LIMIT $2)";
    /// Not what was made to hold for longer meanwhile.
    EXPIRE_SUPPRESSIONS() =
        "DELETE FROM suppressions WHERE COALESCE(expires_at < $1, false)
           AND (recipient_hash, scope) IN (SELECT recipient_hash, scope FROM suppressions
             WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";
    EXPIRE_RECEIPTS() =
        "DELETE FROM erasures WHERE id IN (SELECT id FROM erasures
           WHERE at < $1 ORDER BY at LIMIT $2)";
}

#[derive(sqlx::FromRow)]
struct NotNeededRow {
    order_ref: String,
    version: i64,
    details: String,
}

#[derive(Serialize)]
struct ForgottenRow<'a> {
    shop_id: &'a str,
    order_ref: String,
    version: i64,
    details: String,
    at: i64,
}

impl Store {
    /// Every shop that was ever configured.
    pub async fn shops_on_record(&self) -> Result<Vec<ShopId>, StoreError> {
        let found: Vec<(String,)> = read_on!(self.db, |pool, sql| {
            sqlx::query_as(sql(&SHOPS_ON_RECORD)).fetch_all(pool).await?
        });
        let shop = |(id,): (String,)| id.parse().map_err(|_| StoreError::Corrupt("shops.id"));
        found.into_iter().map(shop).collect()
    }

    /// Looks at a page of a shop's orders, behind `after`, and forgets who bought in those that are not
    /// needed any more, with what mail servers said about them. What was bought stays, for the rule that
    /// nobody is asked about the same products again.
    pub async fn forget_orders(
        &self,
        shop: &ShopId,
        after: &str,
        not_needed: NotNeeded,
        now: Timestamp,
    ) -> Result<ForgottenPage, StoreError> {
        let found: Vec<NotNeededRow> = read_on!(self.db, |pool, sql| {
            sqlx::query_as(sql(&NOT_NEEDED))
                .bind(shop.as_str())
                .bind(after)
                .bind(PAGE)
                .bind(millis(not_needed.changed_before))
                .bind(millis(not_needed.uninvited_before))
                .bind(millis(not_needed.mailed_before))
                .fetch_all(pool)
                .await?
        });
        let end: Option<(String,)> = read_on!(self.db, |pool, sql| {
            let end = sqlx::query_as(sql(&PAGE_END)).bind(shop.as_str()).bind(after);
            end.bind(PAGE - 1).fetch_optional(pool).await?
        });
        let next = end.map(|(end,)| end);
        if found.is_empty() {
            return Ok(ForgottenPage { forgotten: 0, next });
        }
        let forgotten = found.into_iter().map(|row| row.forgotten(shop, now));
        let keys = rows(forgotten.collect::<Result<Vec<_>, _>>()?.into_iter())?;
        let forgotten = write_on!(self.db, |pool, sql, begin| {
            let mut tx = begin().await?;
            let forgotten = sqlx::query(sql(&FORGET_ORDERS)).bind(&keys).execute(&mut *tx).await?;
            for statement in [&ERASE_REPLIES, &FORGET_REASONS] {
                sqlx::query(sql(statement)).bind(&keys).execute(&mut *tx).await?;
            }
            tx.commit().await?;
            forgotten.rows_affected()
        });
        Ok(ForgottenPage { forgotten, next })
    }

    /// Deletes what is from before then, the oldest first, at most [`EXPIRED_MAX`]. Returns how many
    /// there were.
    pub async fn expire(&self, what: Aging, before: Timestamp) -> Result<u64, StoreError> {
        let limit = i64::try_from(EXPIRED_MAX).unwrap_or(i64::MAX);
        Ok(write_on!(self.db, |pool, sql, _begin| {
            let expired = sqlx::query(sql(what.statement())).bind(millis(before)).bind(limit);
            expired.execute(pool).await?.rows_affected()
        }))
    }
}

impl Aging {
    /// Everything that ages.
    pub const ALL: [Self; 5] =
        [Self::UnreadWebhooks, Self::Notices, Self::Bounces, Self::Suppressions, Self::Receipts];

    /// The stable name, as in metrics and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnreadWebhooks => "unread_webhooks",
            Self::Notices => "notices",
            Self::Bounces => "bounces",
            Self::Suppressions => "suppressions",
            Self::Receipts => "receipts",
        }
    }

    fn statement(self) -> &'static Statement {
        match self {
            Self::UnreadWebhooks => &EXPIRE_UNREAD,
            Self::Notices => &EXPIRE_NOTICES,
            Self::Bounces => &EXPIRE_BOUNCES,
            Self::Suppressions => &EXPIRE_SUPPRESSIONS,
            Self::Receipts => &EXPIRE_RECEIPTS,
        }
    }
}

impl NotNeededRow {
    fn forgotten(self, shop: &ShopId, now: Timestamp) -> Result<ForgottenRow<'_>, StoreError> {
        let order: Order = serde_json::from_str(&self.details)
            .map_err(|_| StoreError::Corrupt("orders.details"))?;
        let details = serde_json::to_string(&order.forgotten());
        Ok(ForgottenRow {
            shop_id: shop.as_str(),
            order_ref: self.order_ref,
            version: self.version,
            details: details.map_err(|_| StoreError::Corrupt("a row to write"))?,
            at: millis(now),
        })
    }
}
