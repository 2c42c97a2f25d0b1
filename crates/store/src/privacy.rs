//! What is stored about the buyers of some orders: shown to them, or erased.
//!
//! What stays after an erasure names nobody: that there was an order, what was decided about it, the
//! stars and the words of a review without its author, and the keyed hash that stops mail. What was
//! written about products goes: it would tell what was bought.

use domain::{Order, OrderRecord, ShopId};
use jiff::Timestamp;
use serde::Serialize;

use crate::{
    Store, StoreError,
    db::{read_on, write_on},
    instant,
    intake::{read_order, rows},
    millis,
    statement::statements,
};

/// What is stored about one order and its buyer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stored {
    /// As the platform told it.
    pub order: Order,
    /// `completed`, `cancelled` or `refunded`.
    pub status: &'static str,
    /// When that was.
    pub changed_at: Timestamp,
    /// The invitation's state, if one was decided on.
    pub invitation: Option<String>,
    /// When the mail left, if it did.
    pub invited_at: Option<Timestamp>,
    /// The review that came of it.
    pub review: Option<StoredReview>,
}

/// A review, as its author wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoredReview {
    /// One to five.
    pub stars: i64,
    /// Its title.
    pub title: String,
    /// Its text.
    pub body: String,
    /// The name to show.
    pub display_name: String,
    /// `pending`, `verified` or `refused`.
    pub label: String,
    /// What its author wrote about products of the order.
    pub products: Vec<StoredProduct>,
}

/// What the author of a review wrote about a product; labelled as the review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct StoredProduct {
    /// The product's name.
    pub name: String,
    /// The shop's stock-keeping unit.
    pub sku: Option<String>,
    /// The product's number in trade.
    pub gtin: Option<String>,
    /// The product's page.
    pub url: Option<String>,
    /// One to five.
    pub stars: i64,
    /// The text.
    pub body: String,
}

statements! {
    LOAD_STORED(shop_id text, order_ref text) =
        "SELECT o.status, o.changed_at, o.details, i.state, i.sent_at,
                w.stars, w.title, w.body, w.display_name, w.label
         FROM {rows}
         JOIN orders o ON o.shop_id = r.shop_id AND o.order_ref = r.order_ref
         LEFT JOIN invitations i ON i.shop_id = r.shop_id AND i.order_ref = r.order_ref
           AND i.kind = 'invitation'
         LEFT JOIN reviews w ON w.invitation_id = i.id
         ORDER BY o.order_ref";
    LOAD_STORED_PRODUCTS(shop_id text, order_ref text) =
        "SELECT r.order_ref, p.name, p.sku, p.gtin, p.url, p.stars, p.body
         FROM {rows}
         JOIN invitations i ON i.shop_id = r.shop_id AND i.order_ref = r.order_ref
         JOIN reviews w ON w.invitation_id = i.id
         JOIN product_reviews p ON p.review_id = w.id
         ORDER BY r.order_ref, p.position";
    ORDERS_OF() =
        "SELECT order_ref FROM orders WHERE shop_id = $1 AND order_ref > $2
         ORDER BY order_ref LIMIT $3";
    ERASE_ORDERS(shop_id text, order_ref text, details text, at bigint) =
        "UPDATE orders SET details = r.details, version = orders.version + 1,
                           forgotten_at = COALESCE(orders.forgotten_at, r.at)
         FROM {rows} WHERE orders.shop_id = r.shop_id AND orders.order_ref = r.order_ref";
    CANCEL_ERASED(shop_id text, order_ref text) =
        "UPDATE invitations SET state = 'cancelled', reason = 'erased'
         FROM {rows}
         WHERE invitations.shop_id = r.shop_id AND invitations.order_ref = r.order_ref
           AND CASE invitations.state WHEN 'scheduled' THEN true END";
    /// A mail server may have quoted the address in its reply.
    ERASE_REPLIES(shop_id text, order_ref text) =
        "UPDATE mail_deliveries SET detail = ''
         FROM {rows} JOIN invitations i ON i.shop_id = r.shop_id AND i.order_ref = r.order_ref
         WHERE mail_deliveries.invitation_id = i.id AND mail_deliveries.detail <> ''";
    /// The same reply, as the reason why there was no mail.
    FORGET_REASONS(shop_id text, order_ref text) =
        "UPDATE invitations SET reason = 'forgotten'
         FROM {rows}
         WHERE invitations.shop_id = r.shop_id AND invitations.order_ref = r.order_ref
           AND CASE invitations.state WHEN 'failed' THEN true END";
    ERASE_AUTHORS(shop_id text, order_ref text) =
        "UPDATE reviews SET display_name = ''
         FROM {rows} JOIN invitations i ON i.shop_id = r.shop_id AND i.order_ref = r.order_ref
         WHERE reviews.invitation_id = i.id AND reviews.display_name <> ''";
    ERASE_PRODUCTS(shop_id text, order_ref text) =
        "DELETE FROM product_reviews WHERE review_id IN (SELECT w.id FROM {rows}
           JOIN invitations i ON i.shop_id = r.shop_id AND i.order_ref = r.order_ref
           JOIN reviews w ON w.invitation_id = i.id)";
    ERASE_NOTICES(shop_id text, order_ref text) =
        "DELETE FROM notices WHERE id IN (SELECT n.id FROM {rows}
           JOIN notices n ON n.shop_id = r.shop_id AND n.order_ref = r.order_ref)";
}

#[derive(Serialize)]
struct StoredKey<'a> {
    shop_id: &'a str,
    order_ref: &'a str,
}

/// An order as it stands when its buyer is erased.
#[derive(Serialize)]
pub(crate) struct ErasedRow<'a> {
    shop_id: &'a str,
    order_ref: &'a str,
    details: String,
    at: i64,
}

#[derive(sqlx::FromRow)]
struct StoredRow {
    status: String,
    changed_at: i64,
    details: String,
    state: Option<String>,
    sent_at: Option<i64>,
    stars: Option<i64>,
    title: Option<String>,
    body: Option<String>,
    display_name: Option<String>,
    label: Option<String>,
}

#[derive(sqlx::FromRow)]
struct ProductRow {
    order_ref: String,
    #[sqlx(flatten)]
    product: StoredProduct,
}

impl Store {
    /// What is stored about these orders of a shop; those that are not there are left out.
    pub async fn stored(
        &self,
        shop: &ShopId,
        orders: &[String],
    ) -> Result<Vec<Stored>, StoreError> {
        let keys = rows(orders.iter().map(|order| StoredKey::new(shop, order)))?;
        let found: Vec<StoredRow> = read_on!(self.db, |pool, sql| {
            sqlx::query_as(sql(&LOAD_STORED)).bind(&keys).fetch_all(pool).await?
        });
        let products: Vec<ProductRow> = read_on!(self.db, |pool, sql| {
            sqlx::query_as(sql(&LOAD_STORED_PRODUCTS)).bind(&keys).fetch_all(pool).await?
        });
        let mut stored: Vec<Stored> =
            found.into_iter().map(Stored::try_from).collect::<Result<_, _>>()?;
        for ProductRow { order_ref, product } in products {
            let written = stored.iter_mut().find(|stored| stored.order.reference == order_ref);
            if let Some(review) = written.and_then(|stored| stored.review.as_mut()) {
                review.products.push(product);
            }
        }
        Ok(stored)
    }

    /// The platform's ids of a shop's orders, in order, behind `after`.
    pub async fn orders_of(
        &self,
        shop: &ShopId,
        after: &str,
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        let found: Vec<(String,)> = read_on!(self.db, |pool, sql| {
            sqlx::query_as(sql(&ORDERS_OF))
                .bind(shop.as_str())
                .bind(after)
                .bind(i64::from(limit))
                .fetch_all(pool)
                .await?
        });
        Ok(found.into_iter().map(|(order,)| order).collect())
    }

    /// Erases who bought in these orders of a shop, in one transaction. Returns how many of them are
    /// on record. What is being mailed at this moment may still leave. What is told about these orders
    /// from then on names nobody.
    pub async fn erase(
        &self,
        shop: &ShopId,
        orders: &[String],
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let keys = rows(orders.iter().map(|order| ErasedRow::new(shop.as_str(), order, now)))?;
        write_on!(self.db, |pool, sql, begin| {
            let mut tx = begin().await?;
            let erased = sqlx::query(sql(&ERASE_ORDERS)).bind(&keys).execute(&mut *tx).await?;
            for statement in [
                &CANCEL_ERASED,
                &ERASE_REPLIES,
                &FORGET_REASONS,
                &ERASE_AUTHORS,
                &ERASE_PRODUCTS,
                &ERASE_NOTICES,
            ] {
                sqlx::query(sql(statement)).bind(&keys).execute(&mut *tx).await?;
            }
            tx.commit().await?;
            Ok(erased.rows_affected())
        })
    }
}

impl<'a> StoredKey<'a> {
    fn new(shop: &'a ShopId, order_ref: &'a String) -> Self {
        Self { shop_id: shop.as_str(), order_ref }
    }
}

impl<'a> ErasedRow<'a> {
    pub(crate) fn new(shop_id: &'a str, order_ref: &'a str, now: Timestamp) -> Self {
        let nobody = Order { reference: order_ref.to_owned(), ..Order::default() };
        let details = serde_json::to_string(&nobody).unwrap_or_default();
        Self { shop_id, order_ref, details, at: millis(now) }
    }
}

impl TryFrom<StoredRow> for Stored {
    type Error = StoreError;

    fn try_from(row: StoredRow) -> Result<Self, StoreError> {
        let OrderRecord { order, status, changed_at } =
            read_order(&row.status, row.changed_at, &row.details)?;
        let review = row.stars.map(|stars| StoredReview {
            stars,
            title: row.title.unwrap_or_default(),
            body: row.body.unwrap_or_default(),
            display_name: row.display_name.unwrap_or_default(),
            label: row.label.unwrap_or_default(),
            products: vec![],
        });
        Ok(Self {
            order,
            status: status.as_str(),
            changed_at,
            invitation: row.state,
            invited_at: row.sent_at.map(instant).transpose()?,
            review,
        })
    }
}
