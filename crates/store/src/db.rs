//! Connections to either database.

use std::{path::Path, str::FromStr as _, time::Duration};

use sqlx::{
    PgPool, SqlitePool,
    migrate::MigrateError,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::StoreError;

/// How long a statement waits for a lock or a free connection: a platform gives us five seconds.
const PATIENCE: Duration = Duration::from_secs(3);

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

impl Db {
    pub(crate) async fn open(url: &str, max_connections: u32) -> Result<Self, StoreError> {
        if url.starts_with("sqlite:") {
            Self::open_sqlite(url, max_connections).await
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Self::open_postgres(url, max_connections).await
        } else {
            Err(StoreError::UnknownDatabase)
        }
    }

    async fn open_sqlite(url: &str, max_connections: u32) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::from_str(url)?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // WAL with NORMAL loses the last commits at a power cut; we answered for them.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(PATIENCE)
            .foreign_keys(true);
        if let Some(dir) = options.get_filename().parent().filter(|dir| *dir != Path::new("")) {
            fs_err::create_dir_all(dir).map_err(StoreError::Directory)?;
        }
        let pool = |size| SqlitePoolOptions::new().max_connections(size).acquire_timeout(PATIENCE);
        let writer = pool(1).connect_with(options.clone()).await?;
        migrate(sqlx::migrate!("migrations/sqlite").run(&writer).await)?;
        let readers = pool(max_connections).connect_with(options.read_only(true)).await?;
        Ok(Self::Sqlite { writer, readers })
    }

    async fn open_postgres(url: &str, max_connections: u32) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url)?.application_name("afs");
        let migrator =
            PgPoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
        let outcome = sqlx::migrate!("migrations/postgres").run(&migrator).await;
        migrate(outcome)?;
        migrator.close().await;
        let patience = PATIENCE.as_millis().to_string();
        let options = options.options([
            // A role or database default of `off` would let us answer for what a crash forgets.
            ("synchronous_commit", "on"),
            ("statement_timeout", patience.as_str()),
            ("idle_in_transaction_session_timeout", "10000"),
        ]);
        let pool = PgPoolOptions::new()
            .max_connections(max_connections)
            .acquire_timeout(PATIENCE)
            .connect_with(options)
            .await?;
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

fn migrate(outcome: Result<(), MigrateError>) -> Result<(), StoreError> {
    outcome.map_err(|error| match error {
        MigrateError::VersionMissing(version) => StoreError::NewerSchema(version),
        error => StoreError::Migration(error),
    })
}
