//! All that is stored about one person, found by the address: shown to them, or erased.
//!
//! An address is looked for in all texts that may hold one, page by page and without a lock, so that
//! orders are taken in meanwhile. What was found is then erased in one transaction, with a receipt. What
//! comes in between is as if it came afterwards: a new order is stored, and nobody is mailed.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{AddressHash, EmailAddress, Mention};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Store, StoreError,
    db::{Db, read_on, write_on},
    instant,
    intake::rows,
    millis,
    privacy::{
        CANCEL_ERASED, ERASE_AUTHORS, ERASE_NOTICES, ERASE_ORDERS, ERASE_PRODUCTS, ERASE_REPLIES,
        ErasedRow, FORGET_REASONS,
    },
    statement::{Statement, containing, statements},
};

/// Rows that are looked through at a time: some milliseconds' work.
const PAGE: i64 = 2000;

/// Whole bodies, which may be large, are looked through fewer at a time.
const BODIES: u32 = 16;

/// Who is looked for.
#[derive(Clone, Debug)]
pub struct Person {
    mention: Mention,
    hash: AddressHash,
}

impl Person {
    /// Whoever has this address. The key is that of the record.
    #[must_use]
    pub fn new(address: &EmailAddress, address_key: &[u8]) -> Self {
        Self { mention: Mention::of(address), hash: address.hash(address_key) }
    }

    /// The keyed hash that stands for the address.
    #[must_use]
    pub fn hash(&self) -> AddressHash {
        self.hash
    }

    /// Tells texts that mention the address.
    #[must_use]
    pub fn mention(&self) -> &Mention {
        &self.mention
    }
}

/// Where the record holds something about a person.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Orders, by shop and reference, that name the address.
    pub orders: Vec<(String, String)>,
    /// Mails that went to the address, about these orders or about others that have another address by
    /// now.
    pub mails: Vec<String>,
    /// Orders that platforms are to be asked about, whose webhook named the address.
    pub notices: Vec<String>,
    /// Webhooks that could not be read and contain the address.
    pub unread: Vec<UnreadBody>,
    /// Reviews whose words contain the address.
    reviews: Vec<WordsRow>,
    /// Opinions about products whose words contain the address.
    products: Vec<OpinionRow>,
}

/// A webhook that could not be read, as it came.
#[derive(Clone, Debug, Serialize)]
pub struct UnreadBody {
    /// Its id in the record.
    pub id: String,
    /// The shop.
    pub shop_id: String,
    /// When it came.
    pub received_at: Timestamp,
    /// As text.
    pub body: String,
}

/// What an erasure did, and what it left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Its id.
    pub id: Uuid,
    /// When it was done.
    pub at: Timestamp,
    /// The keyed hash of the address.
    pub recipient: String,
    /// What was erased, by kind.
    pub erased: Erased,
    /// What stays, and why.
    pub stays: Vec<String>,
}

/// How much was erased, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// Orders that do not name their buyer any more, nor what was bought.
    pub orders: u64,
    /// Invitations that waited and are not sent.
    pub invitations: u64,
    /// What mail servers said about mails.
    pub mail_replies: u64,
    /// Names of authors of reviews.
    pub authors: u64,
    /// Opinions about products.
    pub product_reviews: u64,
    /// Words of reviews that the address was taken out of.
    pub review_texts: u64,
    /// Orders that platforms were to be asked about.
    pub notices: u64,
    /// Webhooks that could not be read.
    pub unread_webhooks: u64,
    /// What was said about mails that came back.
    pub bounces: u64,
    /// Mails in the directory of the transport `file`.
    pub mail_files: u64,
}

/// A kind of which something was erased.
type Kind = fn(&mut Erased) -> &mut u64;

/// What stays after an erasure, and why. Written into every receipt.
const STAYS: [&str; 5] = [
    "the keyed hash of the address, in the list of people who want no mail, for all shops: so that \
     nobody mails it again",
    "that there were these orders and mails, when, and what was decided, under the keyed hash: so that an \
     event that is delivered again does not bring the data back or invite again",
    "reviews with their stars and words, without their author and without the address: they were written \
     to be read by others",
    "this receipt: to prove that the erasure was done",
    "out of reach: what mail servers and shop platforms store, and backups made before",
];

statements! {
    FIND_ORDERS() =
        "SELECT p.shop_id, p.order_ref, p.details FROM (SELECT shop_id, order_ref, details FROM orders
           WHERE (shop_id, order_ref) > ($1, $2) ORDER BY shop_id, order_ref LIMIT $3) p
         WHERE lower(p.details) LIKE $4 ESCAPE '!'";
    ORDERS_END() =
        "SELECT shop_id, order_ref FROM orders WHERE (shop_id, order_ref) > ($1, $2)
         ORDER BY shop_id, order_ref LIMIT 1 OFFSET $3";
    FIND_REVIEWS() =
        "SELECT p.id, p.title, p.body, p.display_name
         FROM (SELECT id, title, body, display_name FROM reviews
           WHERE id > $1 ORDER BY id LIMIT $2) p
         WHERE lower(p.title || ' ' || p.body || ' ' || p.display_name) LIKE $3 ESCAPE '!'";
    REVIEWS_END() = "SELECT id FROM reviews WHERE id > $1 ORDER BY id LIMIT 1 OFFSET $2";
    FIND_OPINIONS() =
        "SELECT p.review_id, p.position, p.body
         FROM (SELECT review_id, position, body FROM product_reviews
           WHERE (review_id, position) > ($1, $2) ORDER BY review_id, position LIMIT $3) p
         WHERE lower(p.body) LIKE $4 ESCAPE '!'";
    OPINIONS_END() =
        "SELECT review_id, position FROM product_reviews WHERE (review_id, position) > ($1, $2)
         ORDER BY review_id, position LIMIT 1 OFFSET $3";
    FIND_NOTICES() =
        "SELECT p.id, p.told FROM (SELECT id, told FROM notices
           WHERE id > $1 ORDER BY id LIMIT $2) p
         WHERE lower(p.told) LIKE $3 ESCAPE '!'";
    NOTICES_END() = "SELECT id FROM notices WHERE id > $1 ORDER BY id LIMIT 1 OFFSET $2";
    MAILED_TO() =
        "SELECT id FROM invitations WHERE recipient_hash = $1 AND state IN ('sending', 'sent')";
    FORMERLY_MAILED_TO() = "SELECT invitation_id FROM former_recipients WHERE recipient_hash = $1";
    /// The strongest reason there is: for all shops, and for ever.
    SUPPRESS_ERASED() =
        "INSERT INTO suppressions (recipient_hash, scope, reason, created_at)
         VALUES ($1, '*', 'erased', $2)
         ON CONFLICT (recipient_hash, scope) DO UPDATE SET reason = 'erased', expires_at = NULL
         WHERE suppressions.expires_at IS NOT NULL";
    ERASE_MAIL_REPLIES(id text) =
        "UPDATE mail_deliveries SET detail = ''
         FROM {rows} WHERE mail_deliveries.invitation_id = r.id AND mail_deliveries.detail <> ''";
    ERASE_MAIL_AUTHORS(id text) =
        "UPDATE reviews SET display_name = ''
         FROM {rows} WHERE reviews.invitation_id = r.id AND reviews.display_name <> ''";
    REWRITE_REVIEWS(id text, title text, body text, display_name text) =
        "UPDATE reviews SET title = r.title, body = r.body, display_name = r.display_name
         FROM {rows} WHERE reviews.id = r.id";
    REWRITE_OPINIONS(review_id text, position bigint, body text) =
        "UPDATE product_reviews SET body = r.body
         FROM {rows}
         WHERE product_reviews.review_id = r.review_id AND product_reviews.position = r.position";
    DELETE_NOTICES(id text) = "DELETE FROM notices WHERE id IN (SELECT r.id FROM {rows})";
    DELETE_UNREAD(id text) = "DELETE FROM unread_webhooks WHERE id IN (SELECT r.id FROM {rows})";
    ERASE_BOUNCES() =
        "UPDATE bounces SET detail = '' WHERE recipient_hash = $1 AND detail <> ''";
    INSERT_RECEIPT() =
        "INSERT INTO erasures (id, at, recipient_hash, receipt) VALUES ($1, $2, $3, $4)";
    FIND_RECEIPT() = "SELECT receipt FROM erasures WHERE id = $1";
    LIST_RECEIPTS() =
        "SELECT receipt FROM erasures WHERE at >= $1 ORDER BY at DESC, id DESC LIMIT $2";
    LIST_BOUNCES() =
        "SELECT kind, at, shop_id, status FROM bounces WHERE recipient_hash = $1
         ORDER BY at LIMIT 1000";
}

#[derive(sqlx::FromRow)]
struct OrderRow {
    shop_id: String,
    order_ref: String,
    details: String,
}

#[derive(Clone, Debug, Serialize, sqlx::FromRow)]
struct WordsRow {
    id: String,
    title: String,
    body: String,
    display_name: String,
}

#[derive(Clone, Debug, Serialize, sqlx::FromRow)]
struct OpinionRow {
    review_id: String,
    position: i64,
    body: String,
}

/// What was told about a mail that had been sent.
#[derive(Clone, Debug, Serialize)]
pub struct StoredBounce {
    /// What it was, as `hard` or `complaint`.
    pub kind: String,
    /// When.
    pub at: Timestamp,
    /// The shop whose mail it was about.
    pub shop_id: Option<String>,
    /// The status code that came with it.
    pub status: Option<String>,
}

#[derive(Serialize)]
struct IdRow<'a> {
    id: &'a str,
}

impl Store {
    /// Looks for a person in all that is stored. Changes nothing and locks nothing.
    pub async fn find_person(&self, person: &Person) -> Result<Found, StoreError> {
        let mut found = Found::default();
        self.find_orders(person, &mut found).await?;
        self.find_words(person, &mut found).await?;
        self.find_notices(person, &mut found).await?;
        self.find_unread(person, &mut found).await?;
        let hash = person.hash.to_string();
        for statement in [&MAILED_TO, &FORMERLY_MAILED_TO] {
            let mails: Vec<(String,)> = read_on!(self.db, |pool, sql| {
                sqlx::query_as(sql(statement)).bind(&hash).fetch_all(pool).await?
            });
            found.mails.extend(mails.into_iter().map(|(id,)| id));
        }
        found.mails.sort_unstable();
        found.mails.dedup();
        Ok(found)
    }

    async fn find_orders(&self, person: &Person, found: &mut Found) -> Result<(), StoreError> {
        let pattern = person.pattern();
        let mut after = (String::new(), String::new());
        loop {
            let orders: Vec<OrderRow> = read_on!(self.db, |pool, sql| {
                let find = sqlx::query_as(sql(&FIND_ORDERS)).bind(&after.0).bind(&after.1);
                find.bind(PAGE).bind(&pattern).fetch_all(pool).await?
            });
            let named = orders.into_iter().filter(|row| person.mention.is_in(&row.details));
            found.orders.extend(named.map(|row| (row.shop_id, row.order_ref)));
            let end: Option<(String, String)> = read_on!(self.db, |pool, sql| {
                let end = sqlx::query_as(sql(&ORDERS_END)).bind(&after.0).bind(&after.1);
                end.bind(PAGE - 1).fetch_optional(pool).await?
            });
            let Some(end) = end else { return Ok(()) };
            after = end;
        }
    }

    async fn find_words(&self, person: &Person, found: &mut Found) -> Result<(), StoreError> {
        let pattern = person.pattern();
        let mut after = String::new();
        loop {
            let reviews: Vec<WordsRow> = read_on!(self.db, |pool, sql| {
                let find = sqlx::query_as(sql(&FIND_REVIEWS)).bind(&after).bind(PAGE);
                find.bind(&pattern).fetch_all(pool).await?
            });
            let texts =
                |row: &WordsRow| [&row.title, &row.body, &row.display_name].map(String::clone);
            let named = |row: &WordsRow| texts(row).iter().any(|text| person.mention.is_in(text));
            found.reviews.extend(reviews.into_iter().filter(named));
            let Some(end) = self.end_of(&REVIEWS_END, &after).await? else { break };
            after = end;
        }
        let mut after = (String::new(), 0);
        loop {
            let opinions: Vec<OpinionRow> = read_on!(self.db, |pool, sql| {
                let find = sqlx::query_as(sql(&FIND_OPINIONS)).bind(&after.0).bind(after.1);
                find.bind(PAGE).bind(&pattern).fetch_all(pool).await?
            });
            found
                .products
                .extend(opinions.into_iter().filter(|row| person.mention.is_in(&row.body)));
            let end: Option<(String, i64)> = read_on!(self.db, |pool, sql| {
                let end = sqlx::query_as(sql(&OPINIONS_END)).bind(&after.0).bind(after.1);
                end.bind(PAGE - 1).fetch_optional(pool).await?
            });
            let Some(end) = end else { return Ok(()) };
            after = end;
        }
    }

    async fn find_notices(&self, person: &Person, found: &mut Found) -> Result<(), StoreError> {
        let pattern = person.pattern();
        let mut after = String::new();
        loop {
            let notices: Vec<(String, String)> = read_on!(self.db, |pool, sql| {
                let find = sqlx::query_as(sql(&FIND_NOTICES)).bind(&after).bind(PAGE);
                find.bind(&pattern).fetch_all(pool).await?
            });
            let named = notices.into_iter().filter(|(_, told)| person.mention.is_in(told));
            found.notices.extend(named.map(|(id, _)| id));
            let Some(end) = self.end_of(&NOTICES_END, &after).await? else { return Ok(()) };
            after = end;
        }
    }

    async fn find_unread(&self, person: &Person, found: &mut Found) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let page = self.unread(after, BODIES).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some((last.received_at, last.id));
            for webhook in page {
                let heads = webhook.headers.values().any(|value| person.mention.is_in(value));
                if heads || person.mention.is_in_body(&webhook.body) {
                    found.unread.push(UnreadBody {
                        id: webhook.id.to_string(),
                        shop_id: webhook.shop.to_string(),
                        received_at: webhook.received_at,
                        body: String::from_utf8(webhook.body)
                            .unwrap_or_else(|error| STANDARD.encode(error.as_bytes())),
                    });
                }
            }
        }
    }

    /// The last id of the page behind `after`, if the page is full.
    async fn end_of(
        &self,
        statement: &'static Statement,
        after: &str,
    ) -> Result<Option<String>, StoreError> {
        let end: Option<(String,)> = read_on!(self.db, |pool, sql| {
            let end = sqlx::query_as(sql(statement)).bind(after).bind(PAGE - 1);
            end.fetch_optional(pool).await?
        });
        Ok(end.map(|(id,)| id))
    }

    /// What is known about mails to this person that came back; the oldest 1000.
    pub async fn bounces_of(&self, hash: AddressHash) -> Result<Vec<StoredBounce>, StoreError> {
        type Row = (String, i64, Option<String>, Option<String>);
        let found: Vec<Row> = read_on!(self.db, |pool, sql| {
            sqlx::query_as(sql(&LIST_BOUNCES)).bind(hash.to_string()).fetch_all(pool).await?
        });
        let bounce = |(kind, at, shop_id, status)| {
            Ok(StoredBounce { kind, at: instant(at)?, shop_id, status })
        };
        found.into_iter().map(bounce).collect()
    }

    /// Erases what was found about a person and stops all mail to them, in one transaction with its
    /// receipt. `mail_files` is how many mails were deleted from the outbox, for the receipt.
    ///
    /// What is being mailed at this moment may still leave.
    pub async fn erase_person(
        &self,
        person: &Person,
        found: &Found,
        mail_files: u64,
        now: Timestamp,
    ) -> Result<Receipt, StoreError> {
        let hash = person.hash.to_string();
        let orders =
            rows(found.orders.iter().map(|(shop, order)| ErasedRow::new(shop, order, now)))?;
        let mails = rows(found.mails.iter().map(|id| IdRow { id }))?;
        let notices = rows(found.notices.iter().map(|id| IdRow { id }))?;
        let unread = rows(found.unread.iter().map(|webhook| IdRow { id: &webhook.id }))?;
        let reviews = rows(found.reviews.iter().map(|row| row.without(&person.mention)))?;
        let products = rows(found.products.iter().map(|row| row.without(&person.mention)))?;
        // Words first: what is deleted after them has none.
        let steps: [(&Statement, &str, Option<Kind>); 13] = [
            (&REWRITE_REVIEWS, &reviews, Some(|it| &mut it.review_texts)),
            (&REWRITE_OPINIONS, &products, Some(|it| &mut it.review_texts)),
            (&ERASE_ORDERS, &orders, Some(|it| &mut it.orders)),
            (&CANCEL_ERASED, &orders, Some(|it| &mut it.invitations)),
            (&FORGET_REASONS, &orders, None),
            (&ERASE_REPLIES, &orders, Some(|it| &mut it.mail_replies)),
            (&ERASE_MAIL_REPLIES, &mails, Some(|it| &mut it.mail_replies)),
            (&ERASE_AUTHORS, &orders, Some(|it| &mut it.authors)),
            (&ERASE_MAIL_AUTHORS, &mails, Some(|it| &mut it.authors)),
            (&ERASE_PRODUCTS, &orders, Some(|it| &mut it.product_reviews)),
            (&ERASE_NOTICES, &orders, Some(|it| &mut it.notices)),
            (&DELETE_NOTICES, &notices, Some(|it| &mut it.notices)),
            (&DELETE_UNREAD, &unread, Some(|it| &mut it.unread_webhooks)),
        ];
        let mut erased = Erased { mail_files, ..Erased::default() };
        write_on!(self.db, |pool, sql, begin| {
            let mut tx = begin().await?;
            sqlx::query(sql(&SUPPRESS_ERASED))
                .bind(&hash)
                .bind(millis(now))
                .execute(&mut *tx)
                .await?;
            for (statement, rows, kind) in &steps {
                let done = sqlx::query(sql(statement)).bind(*rows).execute(&mut *tx).await?;
                if let Some(kind) = kind {
                    *kind(&mut erased) += done.rows_affected();
                }
            }
            let bounces = sqlx::query(sql(&ERASE_BOUNCES)).bind(&hash).execute(&mut *tx).await?;
            erased.bounces = bounces.rows_affected();
            let receipt = Receipt::new(&hash, erased, now);
            let json = serde_json::to_string(&receipt);
            sqlx::query(sql(&INSERT_RECEIPT))
                .bind(receipt.id.to_string())
                .bind(millis(now))
                .bind(&hash)
                .bind(json.map_err(|_| StoreError::Corrupt("a row to write"))?)
                .execute(&mut *tx)
                .await?;
            tx.commit().await?;
            Ok(receipt)
        })
    }

    /// A receipt, if there is one of that id.
    pub async fn receipt(&self, id: Uuid) -> Result<Option<Receipt>, StoreError> {
        let row: Option<(String,)> = read_on!(self.db, |pool, sql| {
            sqlx::query_as(sql(&FIND_RECEIPT)).bind(id.to_string()).fetch_optional(pool).await?
        });
        row.map(|(json,)| read_receipt(&json)).transpose()
    }

    /// The receipts of erasures since then, newest first.
    pub async fn receipts(&self, since: Timestamp, limit: u32) -> Result<Vec<Receipt>, StoreError> {
        let found: Vec<(String,)> = read_on!(self.db, |pool, sql| {
            let list = sqlx::query_as(sql(&LIST_RECEIPTS)).bind(millis(since));
            list.bind(i64::from(limit)).fetch_all(pool).await?
        });
        found.iter().map(|(json,)| read_receipt(json)).collect()
    }

    /// Folds SQLite's write-ahead log into the file and empties it, so that no older version of a row is
    /// left there. `false` if others kept reading from it for longer than `patience`: then it is written
    /// over by and by. Postgres does its own housekeeping: `true`.
    pub async fn empty_log(&self, patience: SignedDuration) -> Result<bool, StoreError> {
        const PAUSE: SignedDuration = SignedDuration::from_millis(100);
        let Db::Sqlite { writer, .. } = &*self.db else { return Ok(true) };
        let mut left = patience;
        loop {
            let (busy, ..): (i64, i64, i64) =
                sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(writer).await?;
            if busy == 0 || left.is_negative() || left.is_zero() {
                return Ok(busy == 0);
            }
            left -= PAUSE;
            tokio::time::sleep(PAUSE.unsigned_abs()).await;
        }
    }
}

impl Person {
    /// For `LIKE`. Databases do not agree about the case of letters beyond ASCII.
    fn pattern(&self) -> String {
        containing(self.mention.needle()).replace(|c: char| !c.is_ascii(), "_")
    }
}

impl WordsRow {
    fn without(&self, mention: &Mention) -> Self {
        let Self { id, title, body, display_name } = self;
        let [title, body, display_name] =
            [title, body, display_name].map(|text| mention.taken_out_of(text));
        Self { id: id.clone(), title, body, display_name }
    }
}

impl OpinionRow {
    fn without(&self, mention: &Mention) -> Self {
        Self { body: mention.taken_out_of(&self.body), ..self.clone() }
    }
}

impl Receipt {
    fn new(recipient: &str, erased: Erased, at: Timestamp) -> Self {
        Self {
            id: Uuid::new_v4(),
            at,
            recipient: recipient.to_owned(),
            erased,
            stays: STAYS.map(str::to_owned).to_vec(),
        }
    }
}

fn read_receipt(json: &str) -> Result<Receipt, StoreError> {
    serde_json::from_str(json).map_err(|_| StoreError::Corrupt("erasures.receipt"))
}
