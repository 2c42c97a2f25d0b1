//! Reviews, and the label each of them earns.

use domain::{
    InvitationId, InvitationState, OrderRecord, ProductReview, Review, ReviewId, ShopId, Stars,
    review::{Evidence, Label, Opinion, Origin, Refusal},
};
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

/// What a review link leads to.
#[derive(Clone, Debug)]
pub struct Invited {
    /// The shop.
    pub shop: ShopId,
    /// The order.
    pub order: OrderRecord,
    /// When the first attempt to mail the invitation began; `None` if nobody can hold its link.
    pub first_attempt_at: Option<Timestamp>,
    /// The stars and the label of the review that was left already, if one was.
    pub review: Option<(Stars, Label)>,
}

/// What became of a submitted review.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Submitted {
    /// Recorded.
    Stored(ReviewId),
    /// There was one already: one invitation, one review.
    AlreadyThere,
}

statements! {
    FIND_INVITED() =
        "SELECT i.shop_id, i.first_attempt_at, o.status, o.changed_at, o.details, v.stars, v.label
         FROM invitations i
         JOIN orders o ON o.shop_id = i.shop_id AND o.order_ref = i.order_ref
         LEFT JOIN reviews v ON v.invitation_id = i.id
         WHERE i.id = $1";
    INSERT_REVIEW() =
        "INSERT INTO reviews (id, shop_id, invitation_id, stars, title, body, display_name, label, submitted_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING";
    INSERT_PRODUCTS(review_id text, position bigint, name text, sku text, gtin text, url text, stars bigint, body text) =
        "INSERT INTO product_reviews (review_id, position, name, sku, gtin, url, stars, body)
         SELECT r.review_id, r.position, r.name, r.sku, r.gtin, r.url, r.stars, r.body FROM {rows}";
    FIND_PRODUCTS() =
        "SELECT position, name, sku, gtin, url, stars, body FROM product_reviews
         WHERE review_id = $1 ORDER BY position";
    FIND_PENDING() =
        "SELECT v.id, v.shop_id, v.invitation_id, v.stars, v.title, v.body, v.display_name, v.submitted_at,
                i.shop_id AS invited_shop_id, i.state, i.first_attempt_at,
                o.status, o.changed_at, o.details
         FROM reviews v
         LEFT JOIN invitations i ON i.id = v.invitation_id
         LEFT JOIN orders o ON o.shop_id = i.shop_id AND o.order_ref = i.order_ref
         WHERE v.id = $1 AND v.label = 'pending'";
    LABEL_REVIEW() =
        "UPDATE reviews SET label = $2, evidence = $3, labelled_at = $4
         WHERE id = $1 AND label = 'pending'";
}

#[derive(sqlx::FromRow)]
struct InvitedRow {
    shop_id: String,
    first_attempt_at: Option<i64>,
    status: String,
    changed_at: i64,
    details: String,
    stars: Option<i64>,
    label: Option<String>,
}

#[derive(Serialize)]
struct NewProduct<'a> {
    review_id: String,
    position: u8,
    name: &'a str,
    sku: &'a Option<String>,
    gtin: &'a Option<String>,
    url: &'a Option<String>,
    stars: Stars,
    body: &'a str,
}

#[derive(sqlx::FromRow)]
struct ProductRow {
    position: i64,
    name: String,
    sku: Option<String>,
    gtin: Option<String>,
    url: Option<String>,
    stars: i64,
    body: String,
}

#[derive(sqlx::FromRow)]
struct PendingRow {
    id: String,
    shop_id: String,
    invitation_id: Option<String>,
    stars: i64,
    title: String,
    body: String,
    display_name: String,
    submitted_at: i64,
    invited_shop_id: Option<String>,
    state: Option<String>,
    first_attempt_at: Option<i64>,
    status: Option<String>,
    changed_at: Option<i64>,
    details: Option<String>,
}

impl Store {
    /// What the link of this invitation leads to. `None` if there is no such invitation.
    pub async fn invited(&self, id: InvitationId) -> Result<Option<Invited>, StoreError> {
        let row: Option<InvitedRow> = read_on!(self.db, |pool, sql| {
            sqlx::query_as(sql(&FIND_INVITED)).bind(id.to_string()).fetch_optional(pool).await?
        });
        row.map(|row| {
            Ok(Invited {
                shop: row
                    .shop_id
                    .parse()
                    .map_err(|_| StoreError::Corrupt("invitations.shop_id"))?,
                order: read_order(&row.status, row.changed_at, &row.details)?,
                first_attempt_at: row.first_attempt_at.map(instant).transpose()?,
                review: match row.stars.zip(row.label) {
                    Some((stars, label)) => Some((read_stars(stars)?, read_label(&label)?)),
                    None => None,
                },
            })
        })
        .transpose()
    }

    /// Records a review with those of products, in one transaction: pending if it came through an
    /// invitation, organic otherwise.
    pub async fn submit_review(&self, review: &Review) -> Result<Submitted, StoreError> {
        let label = if review.invitation.is_some() { Label::Pending } else { Label::Organic };
        let opinion = &review.opinion;
        let products = rows(review.products.iter().map(|product| NewProduct::of(review, product)))?;
        write_on!(self.db, |pool, sql, begin| {
            let mut tx = begin().await?;
            let inserted = sqlx::query(sql(&INSERT_REVIEW))
                .bind(review.id.to_string())
                .bind(review.shop.as_str())
                .bind(review.invitation.map(|id| id.to_string()))
                .bind(i64::from(u8::from(opinion.stars)))
                .bind(&opinion.title)
                .bind(&opinion.text)
                .bind(&opinion.display_name)
                .bind(label.as_str())
                .bind(millis(review.submitted_at))
                .execute(&mut *tx)
                .await?
                .rows_affected();
            if inserted == 0 {
                return Ok(Submitted::AlreadyThere);
            }
            if !review.products.is_empty() {
                sqlx::query(sql(&INSERT_PRODUCTS)).bind(products).execute(&mut *tx).await?;
            }
            tx.commit().await?;
            Ok(Submitted::Stored(review.id))
        })
    }

    /// A review that waits to be checked, with where it says it came from. `None` if it does not
    /// wait any more.
    pub async fn pending_review(
        &self,
        id: ReviewId,
    ) -> Result<Option<(Review, Option<Origin>)>, StoreError> {
        let row: Option<PendingRow> = read_on!(self.db, |pool, sql| {
            sqlx::query_as(sql(&FIND_PENDING)).bind(id.to_string()).fetch_optional(pool).await?
        });
        let Some(row) = row else { return Ok(None) };
        let products: Vec<ProductRow> = read_on!(self.db, |pool, sql| {
            sqlx::query_as(sql(&FIND_PRODUCTS)).bind(&row.id).fetch_all(pool).await?
        });
        let products = products.into_iter().map(ProductReview::try_from).collect::<Result<_, _>>();
        Ok(Some((row.review(products?)?, row.origin()?)))
    }

    /// Records the label that [`domain::review::verify`] found. `false` if it had one already.
    pub async fn label_review(
        &self,
        id: ReviewId,
        verdict: &Result<Evidence, Refusal>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (label, evidence) = match verdict {
            Ok(evidence) => (Label::Verified, json(evidence)?),
            Err(refusal) => (Label::Refused, json(refusal)?),
        };
        let labelled = write_on!(self.db, |pool, sql, _begin| {
            sqlx::query(sql(&LABEL_REVIEW))
                .bind(id.to_string())
                .bind(label.as_str())
                .bind(evidence)
                .bind(millis(now))
                .execute(pool)
                .await?
                .rows_affected()
        });
        Ok(labelled == 1)
    }
}

impl<'a> NewProduct<'a> {
    fn of(review: &Review, product: &'a ProductReview) -> Self {
        let ProductReview { position, name, sku, gtin, url, stars, text } = product;
        let (position, stars) = (*position, *stars);
        Self { review_id: review.id.to_string(), position, name, sku, gtin, url, stars, body: text }
    }
}

impl TryFrom<ProductRow> for ProductReview {
    type Error = StoreError;

    fn try_from(row: ProductRow) -> Result<Self, StoreError> {
        let ProductRow { position, name, sku, gtin, url, stars, body } = row;
        let position = u8::try_from(position);
        Ok(Self {
            position: position.map_err(|_| StoreError::Corrupt("product_reviews.position"))?,
            name,
            sku,
            gtin,
            url,
            stars: read_stars(stars)?,
            text: body,
        })
    }
}

impl PendingRow {
    fn review(&self, products: Vec<ProductReview>) -> Result<Review, StoreError> {
        let invitation = self.invitation_id.as_deref().map(str::parse).transpose();
        Ok(Review {
            id: self.id.parse().map_err(|_| StoreError::Corrupt("reviews.id"))?,
            shop: self.shop_id.parse().map_err(|_| StoreError::Corrupt("reviews.shop_id"))?,
            invitation: invitation.map_err(|_| StoreError::Corrupt("reviews.invitation_id"))?,
            opinion: Opinion {
                stars: read_stars(self.stars)?,
                title: self.title.clone(),
                text: self.body.clone(),
                display_name: self.display_name.clone(),
            },
            products,
            submitted_at: instant(self.submitted_at)?,
        })
    }

    fn origin(&self) -> Result<Option<Origin>, StoreError> {
        let (
            Some(invitation),
            Some(shop),
            Some(state),
            Some(status),
            Some(changed_at),
            Some(details),
        ) = (
            &self.invitation_id,
            &self.invited_shop_id,
            &self.state,
            &self.status,
            self.changed_at,
            &self.details,
        )
        else {
            return Ok(None);
        };
        Ok(Some(Origin {
            invitation: invitation.parse().map_err(|_| StoreError::Corrupt("invitations.id"))?,
            shop: shop.parse().map_err(|_| StoreError::Corrupt("invitations.shop_id"))?,
            state: InvitationState::parse(state).ok_or(StoreError::Corrupt("invitations.state"))?,
            first_attempt_at: self.first_attempt_at.map(instant).transpose()?,
            order: read_order(status, changed_at, details)?,
        }))
    }
}

fn read_stars(stars: i64) -> Result<Stars, StoreError> {
    let stars = u8::try_from(stars).ok().and_then(|stars| Stars::try_from(stars).ok());
    stars.ok_or(StoreError::Corrupt("reviews.stars"))
}

fn read_label(label: &str) -> Result<Label, StoreError> {
    Label::parse(label).ok_or(StoreError::Corrupt("reviews.label"))
}

fn json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Corrupt("evidence"))
}
