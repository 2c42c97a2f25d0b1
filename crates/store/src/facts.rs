//! What the database says about itself: how durable it is, how full, and by which clock it goes.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::{Store, StoreError, db::Db, instant};

/// How long SQLite may read its file through for damage.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// How many steps of SQLite's machine pass between two looks at the clock.
const STEPS_BETWEEN_LOOKS: i32 = 10_000;

/// What the database says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Facts {
    /// Of the embedded one.
    Sqlite(SqliteFacts),
    /// Of the server.
    Postgres(PostgresFacts),
}

/// How an SQLite file is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqliteFacts {
    /// How changes get into the file: `wal`, if the file system allows it.
    pub journal_mode: String,
    /// How careful a commit is, on our connections: 2 is `FULL`.
    pub synchronous: i64,
    /// The result of `PRAGMA quick_check`: `ok`, or the first damage. `None` if there was not enough
    /// time to read all of it.
    pub quick_check: Option<String>,
}

/// How a Postgres server is set up, as our connections see it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
#[expect(clippy::struct_excessive_bools, reason = "settings that are on or off")]
pub struct PostgresFacts {
    /// Its version, such as `17.6`.
    pub version: String,
    /// Commits reach the disk.
    pub fsync: bool,
    /// A page that was half written when the power failed can be mended.
    pub full_page_writes: bool,
    /// When a commit is answered: `off` is before it is on the disk.
    pub synchronous_commit: String,
    /// It follows another server, and takes no changes.
    pub is_standby: bool,
    /// Transactions may not change anything.
    pub is_read_only: bool,
    /// How many connections it takes from all accounts that are not its superuser's.
    pub connections_max: i32,
    /// How many it takes from this account; `None` is no bound of its own.
    pub account_connections_max: Option<i32>,
    /// How many are open now, from everybody.
    pub connections_open: i64,
    /// Nobody else can read what we say to it: TLS, or it is on this machine.
    pub is_private: bool,
    /// What it said by its clock, in milliseconds since 1970.
    pub now_millis: i64,
}

impl PostgresFacts {
    /// What it said by its clock.
    pub fn now(&self) -> Result<Timestamp, StoreError> {
        instant(self.now_millis)
    }
}

/// Everything in one row. Not one of the statements that both databases know.
const POSTGRES: &str = "
    SELECT current_setting('server_version') AS version,
           current_setting('fsync')::bool AS fsync,
           current_setting('full_page_writes')::bool AS full_page_writes,
           current_setting('synchronous_commit') AS synchronous_commit,
           pg_is_in_recovery() AS is_standby,
           current_setting('transaction_read_only')::bool AS is_read_only,
           current_setting('max_connections')::int4
             - current_setting('superuser_reserved_connections')::int4 AS connections_max,
           (SELECT NULLIF(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user)
             AS account_connections_max,
           (SELECT COALESCE(SUM(numbackends), 0)::int8 FROM pg_stat_database) AS connections_open,
           COALESCE(inet_server_addr() <<= '127.0.0.0/8' OR inet_server_addr() = '::1', true)
             OR COALESCE((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false)
             AS is_private,
           (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::int8 AS now_millis";

impl Store {
    /// Asks the database about itself. Changes nothing.
    pub async fn facts(&self) -> Result<Facts, StoreError> {
        match &*self.db {
            Db::Sqlite { readers, .. } => {
                let (journal_mode,) =
                    sqlx::query_as("PRAGMA journal_mode").fetch_one(readers).await?;
                let (synchronous,) =
                    sqlx::query_as("PRAGMA synchronous").fetch_one(readers).await?;
                let quick_check = quick_check(readers).await?;
                Ok(Facts::Sqlite(SqliteFacts { journal_mode, synchronous, quick_check }))
            }
            // Statements have a bound of their own.
            Db::Postgres(pool) => {
                Ok(Facts::Postgres(sqlx::query_as(POSTGRES).fetch_one(pool).await?))
            }
        }
    }
}

/// `None` if time was over first.
async fn quick_check(readers: &sqlx::SqlitePool) -> Result<Option<String>, StoreError> {
    let mut connection = readers.acquire().await?;
    let deadline = Instant::now() + CHECK_TIMEOUT;
    connection
        .lock_handle()
        .await?
        .set_progress_handler(STEPS_BETWEEN_LOOKS, move || Instant::now() < deadline);
    let found: Result<(String,), _> =
        sqlx::query_as("PRAGMA quick_check(1)").fetch_one(&mut *connection).await;
    connection.lock_handle().await?.remove_progress_handler();
    match found {
        Ok((found,)) => Ok(Some(found)),
        // SQLITE_INTERRUPT.
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("9") => Ok(None),
        Err(sqlx::Error::Database(error)) => Ok(Some(error.message().to_owned())),
        Err(error) => Err(error.into()),
    }
}
