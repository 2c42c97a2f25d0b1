//! Reading the record: what is due, how much there is, what went wrong last.

use domain::{InvitationId, ReviewId, ShopId};
use jiff::Timestamp;
use serde::Serialize;

use crate::{
    Store, StoreError,
    bounces::{COUNT_BOUNCES, Pause},
    db::{read_on, write_on},
    instant, millis,
    statement::statements,
};

/// An invitation and when it is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The invitation.
    pub id: InvitationId,
    /// Its shop.
    pub shop: ShopId,
    /// When it may be sent.
    pub at: Timestamp,
}

/// How the record stands, for `afs status` and the metrics.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Invitations by state.
    pub invitations: Vec<Count>,
    /// Reminders, and mails that buyers asked to get later, by state.
    pub reminders: Vec<Count>,
    /// Reviews by label.
    pub reviews: Vec<Count>,
    /// Orders on record.
    pub orders: i64,
    /// Addresses that get no mail.
    pub suppressions: i64,
    /// What came back of mails, by kind.
    pub bounces: Vec<Count>,
    /// Shops whose mail rests.
    pub pauses: Vec<Pause>,
    /// When the invitation that waits longest was due.
    pub oldest_due_at: Option<Timestamp>,
    /// The last attempts that did not succeed, newest first.
    pub last_errors: Vec<MailError>,
    /// Orders that platforms are still to be asked about, by state.
    pub notices: Vec<Count>,
    /// Those that no platform answered for, newest first.
    pub failed_notices: Vec<FailedNotice>,
    /// How many webhooks could not be read.
    pub unread: i64,
    /// Where most of them could not: by shop and place.
    pub unread_webhooks: Vec<Unread>,
}

/// An order that its platform did not tell us about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct FailedNotice {
    /// The shop.
    pub shop_id: String,
    /// The platform's id of the order.
    pub order_ref: String,
    /// Why.
    pub error: String,
}

/// Webhooks of one shop that could not be read for the same reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Unread {
    /// The shop.
    pub shop_id: String,
    /// Where they could not be read.
    pub path: String,
    /// What was expected there.
    pub detail: String,
    /// How many.
    pub count: i64,
}

/// How many there are of something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Count {
    /// Of what.
    pub name: String,
    /// How many.
    pub count: i64,
}

/// An attempt to mail an invitation that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MailError {
    /// When.
    pub at: Timestamp,
    /// The invitation.
    pub invitation: String,
    /// What the mail server said, or what kept us from asking it.
    pub detail: String,
}

/// A review as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct ReviewLine {
    /// The review.
    pub id: String,
    /// The shop it is about.
    pub shop_id: String,
    /// One to five.
    pub stars: i64,
    /// Its title.
    pub title: String,
    /// Its text.
    pub body: String,
    /// The name to show.
    pub display_name: String,
    /// `organic`, `pending`, `verified` or `refused`.
    pub label: String,
    /// What the label rests on, as JSON.
    pub evidence: Option<String>,
}

/// An order with its invitation, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct OrderLine {
    /// The shop.
    pub shop_id: String,
    /// The platform's id of the order.
    pub order_ref: String,
    /// `completed`, `cancelled` or `refunded`.
    pub status: String,
    /// The invitation, if one was decided on.
    pub invitation_id: Option<String>,
    /// The invitation's state.
    pub state: Option<String>,
    /// When the invitation is or was due, in milliseconds since 1970.
    pub due_at: Option<i64>,
    /// The last decision about the order, as JSON.
    pub decision: Option<String>,
}

statements! {
    PING() = "SELECT 1";
    /// Of each shop that has any due, `$2`; of many shops fewer, but one at least and some hundreds
    /// together. As `due_at id,due_at id`, because a join would leave it to the plan whether all that is
    /// due is read.
    DUE() =
        "WITH RECURSIVE shop(id) AS (
           SELECT MIN(shop_id) FROM invitations WHERE state = 'scheduled'
           UNION ALL
           SELECT (SELECT MIN(i.shop_id) FROM invitations i
                   WHERE i.state = 'scheduled' AND i.shop_id > shop.id)
           FROM shop WHERE shop.id IS NOT NULL
         ), due(shop_id) AS MATERIALIZED (
           SELECT shop.id FROM shop
           WHERE (SELECT MIN(i.due_at) FROM invitations i
                  WHERE i.state = 'scheduled' AND i.shop_id = shop.id) <= $1
         )
         SELECT due.shop_id,
           (SELECT string_agg(first.due_at || ' ' || first.id, ',') FROM (
              SELECT i.due_at, i.id FROM invitations i
              WHERE i.state = 'scheduled' AND i.shop_id = due.shop_id AND i.due_at <= $1
              ORDER BY i.due_at, i.id LIMIT (
                SELECT CASE WHEN $2 * COUNT(*) <= 500 THEN $2 ELSE ($2 + 500) / COUNT(*) + 1 END
                FROM due)) first)
         FROM due";
    LEASES_OVER() =
        "SELECT shop_id, id, lease_until AS due_at FROM invitations
         WHERE state = 'sending' AND lease_until <= $1 ORDER BY lease_until LIMIT $2";
    /// Of each shop that has any waiting: the first that is due later than `$1`.
    FIRST_DUE() =
        "WITH RECURSIVE shop(id) AS (
           SELECT MIN(shop_id) FROM invitations WHERE state = 'scheduled'
           UNION ALL
           SELECT (SELECT MIN(i.shop_id) FROM invitations i
                   WHERE i.state = 'scheduled' AND i.shop_id > shop.id)
           FROM shop WHERE shop.id IS NOT NULL
         )
         SELECT shop.id, (SELECT MIN(i.due_at) FROM invitations i
           WHERE i.state = 'scheduled' AND i.shop_id = shop.id AND i.due_at > $1)
         FROM shop WHERE shop.id IS NOT NULL";
    UPCOMING() =
        "SELECT shop_id, id, due_at FROM invitations
         WHERE state = 'scheduled' AND shop_id = $1 AND (due_at, id) > ($2, $3) AND due_at <= $4
         ORDER BY due_at, id LIMIT $5";
    PENDING_REVIEWS() =
        "SELECT id, submitted_at AS due_at FROM reviews
         WHERE label = 'pending' ORDER BY submitted_at LIMIT $1";
    COUNT_INVITATIONS() =
        "SELECT state AS name, COUNT(*) AS count FROM invitations
         WHERE kind = 'invitation' GROUP BY state";
    COUNT_REMINDERS() =
        "SELECT state AS name, COUNT(*) AS count FROM invitations
         WHERE kind <> 'invitation' GROUP BY state";
    COUNT_REVIEWS() = "SELECT label AS name, COUNT(*) AS count FROM reviews GROUP BY label";
    COUNT_ORDERS() = "SELECT COUNT(*) FROM orders";
    COUNT_SUPPRESSIONS() =
        "SELECT COUNT(*) FROM suppressions WHERE expires_at IS NULL OR expires_at > $1";
    LAST_ERRORS() =
        "SELECT at, invitation_id, detail FROM mail_deliveries
         WHERE outcome <> 'sent' ORDER BY at DESC LIMIT $1";
    COUNT_NOTICES() = "SELECT state AS name, COUNT(*) AS count FROM notices GROUP BY state";
    FAILED_NOTICES() =
        "SELECT shop_id, order_ref, COALESCE(error, '') AS error FROM notices
         WHERE state = 'failed' ORDER BY first_due_at DESC LIMIT $1";
    COUNT_UNREAD() = "SELECT COUNT(*) FROM unread_webhooks";
    UNREAD() =
        "SELECT shop_id, path, detail, COUNT(*) AS count FROM unread_webhooks
         GROUP BY shop_id, path, detail ORDER BY count DESC LIMIT $1";
    LAST_REVIEWS() =
        "SELECT id, shop_id, stars, title, body, display_name, label, evidence
         FROM reviews ORDER BY submitted_at DESC, id LIMIT $1";
    LAST_ORDERS() =
        "SELECT o.shop_id, o.order_ref, o.status, i.id AS invitation_id, i.state, i.due_at,
                (SELECT d.decision FROM webhook_deliveries d WHERE d.shop_id = o.shop_id
                   AND d.order_ref = o.order_ref ORDER BY d.received_at DESC LIMIT 1) AS decision
         FROM orders o LEFT JOIN invitations i ON i.shop_id = o.shop_id AND i.order_ref = o.order_ref
           AND i.kind = 'invitation'
         ORDER BY o.changed_at DESC, o.order_ref LIMIT $1";
    SAVE_SHOP() =
        "INSERT INTO shops (id, platform, name) VALUES ($1, $2, $3)
         ON CONFLICT (id) DO UPDATE SET platform = excluded.platform, name = excluded.name";
}

impl Store {
    /// Answers if the database does.
    pub async fn ping(&self) -> Result<(), StoreError> {
        read_on!(self.db, |pool, sql| {
            sqlx::query(sql(&PING)).execute(pool).await?;
        });
        Ok(())
    }

    /// Records a configured shop, so that what it left behind keeps its name.
    pub async fn save_shop(
        &self,
        id: &ShopId,
        platform: &str,
        name: &str,
    ) -> Result<(), StoreError> {
        write_on!(self.db, |pool, sql, _begin| {
            sqlx::query(sql(&SAVE_SHOP))
                .bind(id.as_str())
                .bind(platform)
                .bind(name)
                .execute(pool)
                .await?;
        });
        Ok(())
    }

    /// What [`Store::due_in_turns`] finds, beginning with the first shop.
    pub async fn due_invitations(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Due>, StoreError> {
        self.due_in_turns(now, limit, "").await
    }

    /// At most `limit` invitations to send: those whose worker did not come back, then those that have
    /// been due longest, one of each shop in turn, in the order of the shops' ids and beginning behind
    /// the shop `after`.
    pub async fn due_in_turns(
        &self,
        now: Timestamp,
        limit: u32,
        after: &str,
    ) -> Result<Vec<Due>, StoreError> {
        if limit == 0 {
            return Ok(vec![]);
        }
        let (over, shares): (Vec<DueRow>, Vec<(String, String)>) =
            read_on!(self.db, |pool, sql| {
                let bounds = (millis(now), i64::from(limit));
                let over = sqlx::query_as(sql(&LEASES_OVER)).bind(bounds.0).bind(bounds.1);
                let shares = sqlx::query_as(sql(&DUE)).bind(bounds.0).bind(bounds.1);
                (over.fetch_all(pool).await?, shares.fetch_all(pool).await?)
            });
        let mut found = due(over)?;
        found.extend(in_turns(&shares, after)?);
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(found)
    }

    /// The shops of which something waits that is due later than `after`, and not later than `until`.
    pub async fn shops_due(
        &self,
        after: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<ShopId>, StoreError> {
        let first: Vec<(String, Option<i64>)> = read_on!(self.db, |pool, sql| {
            sqlx::query_as(sql(&FIRST_DUE)).bind(millis(after)).fetch_all(pool).await?
        });
        let by_then = |at: &Option<i64>| at.is_some_and(|at| at <= millis(until));
        first.iter().filter(|(_, at)| by_then(at)).map(|(id, _)| shop(id)).collect()
    }

    /// The invitations of a shop that will be due next, up to `until`, in order, behind `after`.
    pub async fn upcoming_invitations(
        &self,
        after: &Due,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Due>, StoreError> {
        let found: Vec<DueRow> = read_on!(self.db, |pool, sql| {
            sqlx::query_as(sql(&UPCOMING))
                .bind(after.shop.as_str())
                .bind(millis(after.at))
                .bind(after.id.to_string())
                .bind(millis(until))
                .bind(i64::from(limit))
                .fetch_all(pool)
                .await?
        });
        due(found)
    }

    /// The reviews that have been waiting longest to be checked.
    pub async fn pending_reviews(&self, limit: u32) -> Result<Vec<ReviewId>, StoreError> {
        let found: Vec<(String, i64)> = read_on!(self.db, |pool, sql| {
            sqlx::query_as(sql(&PENDING_REVIEWS)).bind(i64::from(limit)).fetch_all(pool).await?
        });
        found
            .into_iter()
            .map(|(id, _)| id.parse().map_err(|_| StoreError::Corrupt("reviews.id")))
            .collect()
    }

    /// How the record stands. Counts rows: for people and for scrapes, not for every request.
    pub async fn status(&self, now: Timestamp) -> Result<Status, StoreError> {
        let pauses = self.pauses().await?;
        read_on!(self.db, |pool, sql| {
            let (orders,): (i64,) = sqlx::query_as(sql(&COUNT_ORDERS)).fetch_one(pool).await?;
            let (unread,): (i64,) = sqlx::query_as(sql(&COUNT_UNREAD)).fetch_one(pool).await?;
            let (suppressions,): (i64,) =
                sqlx::query_as(sql(&COUNT_SUPPRESSIONS)).bind(millis(now)).fetch_one(pool).await?;
            let first: Vec<(String, Option<i64>)> =
                sqlx::query_as(sql(&FIRST_DUE)).bind(i64::MIN).fetch_all(pool).await?;
            let oldest = first.into_iter().filter_map(|(_, at)| at).min();
            let errors: Vec<(i64, String, String)> =
                sqlx::query_as(sql(&LAST_ERRORS)).bind(5_i64).fetch_all(pool).await?;
            Ok(Status {
                invitations: sqlx::query_as(sql(&COUNT_INVITATIONS)).fetch_all(pool).await?,
                reminders: sqlx::query_as(sql(&COUNT_REMINDERS)).fetch_all(pool).await?,
                reviews: sqlx::query_as(sql(&COUNT_REVIEWS)).fetch_all(pool).await?,
                orders,
                suppressions,
                bounces: sqlx::query_as(sql(&COUNT_BOUNCES)).fetch_all(pool).await?,
                pauses,
                oldest_due_at: oldest.map(instant).transpose()?,
                last_errors: errors
                    .into_iter()
                    .map(|(at, invitation, detail)| {
                        Ok(MailError { at: instant(at)?, invitation, detail })
                    })
                    .collect::<Result<_, StoreError>>()?,
                notices: sqlx::query_as(sql(&COUNT_NOTICES)).fetch_all(pool).await?,
                failed_notices: sqlx::query_as(sql(&FAILED_NOTICES))
                    .bind(5_i64)
                    .fetch_all(pool)
                    .await?,
                unread,
                unread_webhooks: sqlx::query_as(sql(&UNREAD)).bind(5_i64).fetch_all(pool).await?,
            })
        })
    }

    /// The newest reviews.
    pub async fn last_reviews(&self, limit: u32) -> Result<Vec<ReviewLine>, StoreError> {
        Ok(read_on!(self.db, |pool, sql| {
            sqlx::query_as(sql(&LAST_REVIEWS)).bind(i64::from(limit)).fetch_all(pool).await?
        }))
    }

    /// The newest orders with their invitations.
    pub async fn last_orders(&self, limit: u32) -> Result<Vec<OrderLine>, StoreError> {
        Ok(read_on!(self.db, |pool, sql| {
            sqlx::query_as(sql(&LAST_ORDERS)).bind(i64::from(limit)).fetch_all(pool).await?
        }))
    }
}

type DueRow = (String, String, i64);

fn due(rows: Vec<DueRow>) -> Result<Vec<Due>, StoreError> {
    rows.into_iter()
        .map(|(shop_id, id, at)| {
            let id = id.parse().map_err(|_| StoreError::Corrupt("invitations.id"))?;
            Ok(Due { id, shop: shop(&shop_id)?, at: instant(at)? })
        })
        .collect()
}

fn shop(id: &str) -> Result<ShopId, StoreError> {
    id.parse().map_err(|_| StoreError::Corrupt("invitations.shop_id"))
}

/// What [`DUE`] found, one of each shop in turn.
fn in_turns(shares: &[(String, String)], after: &str) -> Result<Vec<Due>, StoreError> {
    let mut rows = Vec::new();
    for (shop_id, share) in shares {
        let mut own: Vec<(i64, &str)> = share
            .split(',')
            .map(|due| due.split_once(' ').and_then(|(at, id)| Some((at.parse().ok()?, id))))
            .collect::<Option<_>>()
            .ok_or(StoreError::Corrupt("invitations.due_at"))?;
        own.sort_unstable();
        let behind = shop_id.as_str() <= after;
        rows.extend(own.into_iter().enumerate().map(|(round, due)| (round, behind, shop_id, due)));
    }
    rows.sort_unstable();
    due(rows
        .into_iter()
        .map(|(.., shop_id, (at, id))| (shop_id.clone(), id.to_owned(), at))
        .collect())
}
