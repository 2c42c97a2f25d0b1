//! The record: what we accepted, decided and did. SQLite (embedded) or Postgres, one code base.
//!
//! The record is the truth and the queue a timer: whatever wakes a worker, [`Store::claim`] decides
//! who sends. Everything that must happen together happens in one transaction, and a method
//! returns only after its commit.
//!
//! Writes that arrive while a commit is under way share the next one ([`batch`]), so that many
//! callers pay for one `fsync` and each still gets its own answer.
//!
//! | module | what it changes |
//! |---|---|
//! | [`intake`] | webhook deliveries, orders, invitations, decisions |
//! | [`notices`] | orders that a platform has to be asked about |
//! | [`unread`] | webhooks that could not be read |
//! | [`sending`] | claims, outcomes of attempts |
//! | [`reviews`] | reviews and their labels |
//! | [`privacy`] | who bought in an order, shown or erased |
//! | [`erasure`] | all about one person, shown or erased |
//! | [`retention`] | what is not needed any more |
//! | [`suppression`] | who wants no mail |
//! | [`bounces`] | what came back of mails, shops whose mail rests |
//! | [`suppression_list`] | the same, as an operator handles it |
//! | [`overview`] | nothing: what is due, counts, last errors |
//! | [`facts`] | nothing: what the database says about itself |
//! | [`history`] | nothing: all about one order, and orders to decide again |

mod batch;
pub mod bounces;
#[cfg(test)]
mod contract;
mod db;
pub mod erasure;
pub mod experiments;
pub mod facts;
pub mod history;
pub mod intake;
pub mod notices;
pub mod overview;
pub mod privacy;
pub mod retention;
pub mod reviews;
pub mod sending;
mod statement;
pub mod suppression;
pub mod suppression_list;
pub mod unread;

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    batch::Batcher,
    db::Db,
    intake::{Accepted, Arrival},
    sending::{Claim, Claimed, Finish},
};

/// Where the record lives.
#[derive(Clone)]
pub struct StoreSettings {
    /// `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`.
    pub url: String,
    /// The most connections to open.
    pub max_connections: u32,
    /// The key under which addresses are hashed for the suppression list.
    pub address_key: Vec<u8>,
    /// Make the record where there is none, and bring its schema up to date. A command that only
    /// looks must not change the schema under a running daemon.
    pub migrate: bool,
}

impl std::fmt::Debug for StoreSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreSettings")
            .field("max_connections", &self.max_connections)
            .finish_non_exhaustive()
    }
}

/// Why the record could not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// More is waiting to be written than the record takes: try again later.
    #[error("more is waiting to be written than the record takes")]
    Overloaded,
    /// The database did not do it. Whether it was done is known only where the method says so.
    #[error("the database did not answer as it should: {0}")]
    Database(sqlx::Error),
    /// There is no room left for the record.
    #[error(
        "the disk that holds the record is full: free some space there; what was accepted is safe, \
         and what is refused until then is answered with 503, so that it is delivered again"
    )]
    DiskFull,
    /// There is no record yet.
    #[error("there is no record yet: start `afs serve` first, or check database.url")]
    Missing,
    /// The database was written by an older version of AFS.
    #[error(
        "the database has an older schema: the daemon of this version brings it up to date when it starts"
    )]
    OlderSchema,
    /// The schema is not this version's, and this account may not change it.
    #[error(
        "the database needs the schema of this version, and this account may not change tables: \
         run `afs migrate` with the account that owns them"
    )]
    NotOwner,
    /// Others changed the same rows again and again.
    #[error("others kept changing the same rows")]
    Contention,
    /// The database was written by a newer version of AFS.
    #[error(
        "the database has schema version {0}, which this version of AFS does not know; \
         install the newer AFS again, or restore the backup made before the upgrade"
    )]
    NewerSchema(i64),
    /// The schema could not be brought up to date.
    #[error("the database schema could not be brought up to date: {0}")]
    Migration(sqlx::migrate::MigrateError),
    /// The address of the database is neither SQLite's nor Postgres's.
    #[error("the database url must begin with sqlite: or postgres://")]
    UnknownDatabase,
    /// The SQLite file, or its directory, cannot be made.
    #[error(transparent)]
    Directory(std::io::Error),
    /// A row does not read back as what we write.
    #[error("the record holds something unreadable in {0}")]
    Corrupt(&'static str),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        // SQLITE_FULL, and Postgres's disk_full.
        let full = |code: &str| code == "13" || code == "53100";
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        if code.as_deref().is_some_and(full) { Self::DiskFull } else { Self::Database(error) }
    }
}

/// The record. Cheap to clone; all clones share connections and groups.
#[derive(Clone)]
pub struct Store {
    db: Arc<Db>,
    address_key: Arc<[u8]>,
    intake: Batcher<Arc<Arrival>, Accepted>,
    claims: Batcher<Claim, Option<Claimed>>,
    outcomes: Batcher<Finish, bool>,
}

/// Entries that may wait for a group; more are refused with [`StoreError::Overloaded`].
const WAITING_MAX: usize = 4096;

/// Entries that share a commit at the most: bounds how long the first of them waits.
const GROUP_MAX: usize = 256;

impl Store {
    /// Opens the record, makes it where it does not exist, and brings its schema up to date.
    ///
    /// Must be called within a tokio runtime.
    pub async fn open(settings: StoreSettings) -> Result<Self, StoreError> {
        let db = Arc::new(Db::open(&settings).await?);
        let address_key: Arc<[u8]> = settings.address_key.into();
        let intake = {
            let (db, key) = (db.clone(), address_key.clone());
            Batcher::spawn(WAITING_MAX, GROUP_MAX, move |group| {
                intake::accept(db.clone(), key.clone(), group)
            })
        };
        let claims = {
            let db = db.clone();
            Batcher::spawn(WAITING_MAX, GROUP_MAX, move |group| sending::claim(db.clone(), group))
        };
        let outcomes = {
            let db = db.clone();
            Batcher::spawn(WAITING_MAX, GROUP_MAX, move |group| sending::finish(db.clone(), group))
        };
        Ok(Self { db, address_key, intake, claims, outcomes })
    }

    /// Ends the connections; waits for statements that are under way.
    pub async fn close(&self) {
        self.db.close().await;
    }
}

/// Milliseconds since 1970, as times are recorded.
fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// The inverse of [`millis`].
fn instant(millis: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_millisecond(millis).map_err(|_| StoreError::Corrupt("a time"))
}
