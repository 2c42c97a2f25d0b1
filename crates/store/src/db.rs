//! Connections to either database.

use std::{io, path::Path, str::FromStr as _, time::Duration};

use fs_err::os::unix::fs::OpenOptionsExt as _;
use sqlx::{
    Connection as _, PgPool, SqlitePool,
    migrate::{MigrateError, Migrator},
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{StoreError, StoreSettings};

/// How long a statement waits for a lock or a free connection: a platform gives us five seconds.
const PATIENCE: Duration = Duration::from_secs(3);

/// What SQLite's write-ahead log is cut to, in bytes, when it begins anew: a long reader, as a
/// backup, lets it grow meanwhile. In calm it stays below this by itself.
pub(crate) const WAL_MAX: u64 = 8 << 20;

/// Either database.
pub(crate) enum Db {
    Sqlite {
        /// SQLite has one writer; queueing for it here costs less than its busy loop.
        writer: SqlitePool,
        readers: SqlitePool,
    },
    Postgres(PgPool),
}

/// Runs the same body against the pool for writing of whichever database we hold. Inside, `$sql`
/// turns a [`Statement`](crate::statement::Statement) into its text, and `$begin` opens a
/// transaction that may write.
macro_rules! write_on {
    ($db:expr, |$pool:ident, $sql:ident, $begin:ident| $body:expr) => {
        match &*$db {
            $crate::db::Db::Sqlite { writer: $pool, .. } => {
                let $sql = |statement: &$crate::statement::Statement| {
                    statement.text($crate::statement::Dialect::Sqlite)
                };
                // Taking the write lock at once: a lock upgraded later can fail half-way.
                let $begin = || $pool.begin_with("BEGIN IMMEDIATE");
                $body
            }
            $crate::db::Db::Postgres($pool) => {
                let $sql = |statement: &$crate::statement::Statement| {
                    statement.text($crate::statement::Dialect::Postgres)
                };
                let $begin = || $pool.begin_with("BEGIN");
                $body
            }
        }
    };
}

/// Like [`write_on`], for statements that only read.
macro_rules! read_on {
    ($db:expr, |$pool:ident, $sql:ident| $body:expr) => {
        match &*$db {
            $crate::db::Db::Sqlite { readers: $pool, .. } => {
                let $sql = |statement: &$crate::statement::Statement| {
                    statement.text($crate::statement::Dialect::Sqlite)
                };
                $body
            }
            $crate::db::Db::Postgres($pool) => {
                let $sql = |statement: &$crate::statement::Statement| {
                    statement.text($crate::statement::Dialect::Postgres)
                };
                $body
            }
        }
    };
}

pub(crate) use {read_on, write_on};

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

impl Db {
    pub(crate) async fn open(settings: &StoreSettings) -> Result<Self, StoreError> {
        let url = &settings.url;
        if url.starts_with("sqlite:") {
            Self::open_sqlite(settings).await
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Self::open_postgres(settings).await
        } else {
            Err(StoreError::UnknownDatabase)
        }
    }

    async fn open_sqlite(settings: &StoreSettings) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::from_str(&settings.url)?
            .create_if_missing(settings.migrate)
            .journal_mode(SqliteJournalMode::Wal)
            // WAL with NORMAL loses the last commits at a power cut; we answered for them.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(PATIENCE)
            .pragma("journal_size_limit", WAL_MAX.to_string())
            // A group is one statement, and what would undo it half way would go to a file.
            .pragma("temp_store", "MEMORY")
            // What is erased, or replaced by a newer version, is overwritten with zeros.
            .pragma("secure_delete", "ON")
            .foreign_keys(true);
        let file = options.get_filename();
        if settings.migrate {
            if let Some(dir) = file.parent().filter(|dir| *dir != Path::new("")) {
                fs_err::create_dir_all(dir).map_err(StoreError::Directory)?;
            }
            make_private(file).map_err(StoreError::Directory)?;
        } else if !file.exists() {
            return Err(StoreError::Missing);
        }
        let pool = |size| {
            SqlitePoolOptions::new()
                .max_connections(size)
                .acquire_timeout(PATIENCE)
                // A file does not hang up, and asking would be one more wait in each transaction.
                .test_before_acquire(false)
                // On a full disk SQLite ends the transaction by itself. sqlx does not notice, and
                // would refuse every later one on this connection: it is replaced.
                .before_acquire(|connection, _| {
                    Box::pin(async move { Ok(!connection.is_in_transaction()) })
                })
        };
        let writer = pool(1).connect_with(options.clone()).await?;
        if settings.migrate {
            migrated(SQLITE.run(&writer).await)?;
        }
        let version = sqlx::query_as(VERSION).fetch_optional(&writer).await;
        check_version(version, &SQLITE)?;
        let readers = pool(settings.max_connections).connect_with(options.read_only(true)).await?;
        Ok(Self::Sqlite { writer, readers })
    }

    async fn open_postgres(settings: &StoreSettings) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(&settings.url)?.application_name("afs");
        if settings.migrate {
            // Not bound by the patience of the pool below: a migration takes what it takes.
            let migrator =
                PgPoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
            let version = sqlx::query_as(VERSION).fetch_optional(&migrator).await;
            // An account that may not change tables need not, once somebody else has.
            if check_version(version, &POSTGRES).is_err() {
                migrated(POSTGRES.run(&migrator).await)?;
            }
            migrator.close().await;
        }
        let patience = PATIENCE.as_millis().to_string();
        let options = options.options([
            // A role or database default of `off` would let us answer for what a crash forgets.
            ("synchronous_commit", "on"),
            ("statement_timeout", patience.as_str()),
            ("idle_in_transaction_session_timeout", "10000"),
            // A plan is kept, and may be made while tables are nearly empty. What was best then would
            // read all of them when they have grown: until they are analysed, a minute or more. All
            // our statements go by keys, so an index is right whatever the size.
            ("enable_seqscan", "off"),
            ("enable_hashjoin", "off"),
            ("enable_mergejoin", "off"),
            ("random_page_cost", "0.1"),
            // What a plan costs without them is a number that means nothing, and makes Postgres compile
            // statements for seconds that run for milliseconds.
            ("jit", "off"),
        ]);
        let pool = PgPoolOptions::new()
            .max_connections(settings.max_connections)
            .acquire_timeout(PATIENCE)
            .connect_with(options)
            .await?;
        let version = sqlx::query_as(VERSION).fetch_optional(&pool).await;
        check_version(version, &POSTGRES)?;
        Ok(Self::Postgres(pool))
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite { writer, readers } => {
                readers.close().await;
                // The last connection to close folds the write-ahead log into the file.
                writer.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// Makes the file if it is not there, for its owner alone: it is full of personal data. The files
/// that SQLite puts beside it get its mode.
fn make_private(file: &Path) -> io::Result<()> {
    fs_err::OpenOptions::new().create(true).append(true).mode(0o600).open(file).map(drop)
}

/// The newest migration that was applied.
const VERSION: &str = "SELECT version FROM _sqlx_migrations ORDER BY version DESC LIMIT 1";

fn migrated(outcome: Result<(), MigrateError>) -> Result<(), StoreError> {
    outcome.map_err(|error| match error {
        MigrateError::VersionMissing(version) => StoreError::NewerSchema(version),
        // Postgres's insufficient_privilege.
        MigrateError::Execute(sqlx::Error::Database(error))
            if error.code().as_deref() == Some("42501") =>
        {
            StoreError::NotOwner
        }
        error => StoreError::Migration(error),
    })
}

fn check_version(
    found: Result<Option<(i64,)>, sqlx::Error>,
    known: &Migrator,
) -> Result<(), StoreError> {
    let newest = known.iter().map(|migration| migration.version).max().unwrap_or(0);
    match found {
        Ok(Some((version,))) if version > newest => Err(StoreError::NewerSchema(version)),
        Ok(Some((version,))) if version == newest => Ok(()),
        Ok(Some(_)) => Err(StoreError::OlderSchema),
        // No such table: nobody has set up a record here.
        Ok(None) | Err(sqlx::Error::Database(_)) => Err(StoreError::Missing),
        Err(error) => Err(error.into()),
    }
}
