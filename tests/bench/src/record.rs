//! Looks into the record of an installation, without its help.

use sqlx::{
    AssertSqlSafe, ConnectOptions as _, PgConnection, SqliteConnection, postgres::PgConnectOptions,
    sqlite::SqliteConnectOptions,
};
use tokio::runtime::{Builder, Runtime};

use crate::afs::Afs;

/// A connection of its own to the database of an installation.
pub(crate) struct Record {
    runtime: Runtime,
    connection: Connection,
}

enum Connection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// Runs the same body on a connection to either database.
macro_rules! connected {
    ($record:expr, |$connection:ident| $body:expr) => {{
        let Record { runtime, connection } = $record;
        match connection {
            Connection::Sqlite($connection) => runtime.block_on($body),
            Connection::Postgres($connection) => runtime.block_on($body),
        }
    }};
}

/// When an invitation that was sent was due, claimed and taken by the mail server, in milliseconds
/// since 1970.
#[derive(Clone, Copy, Debug, sqlx::FromRow)]
pub(crate) struct Mailed {
    pub(crate) due: i64,
    pub(crate) claimed: i64,
    pub(crate) sent: i64,
}

impl Record {
    /// Opens the record of `afs`.
    pub(crate) fn of(afs: &Afs) -> anyhow::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let connection = if afs.postgres.is_some() {
            let options: PgConnectOptions = afs.database_url.parse()?;
            Connection::Postgres(runtime.block_on(options.connect())?)
        } else {
            let options = SqliteConnectOptions::new().filename(afs.dir().join("afs.db"));
            Connection::Sqlite(runtime.block_on(options.connect())?)
        };
        Ok(Self { runtime, connection })
    }

    /// The first column of the only row.
    pub(crate) fn number(&mut self, query: &str) -> anyhow::Result<i64> {
        let query = AssertSqlSafe(query.to_owned());
        Ok(connected!(self, |connection| sqlx::query_scalar(query).fetch_one(connection))?)
    }

    /// Runs statements that change something.
    pub(crate) fn execute(&mut self, statements: &str) -> anyhow::Result<()> {
        let statements = AssertSqlSafe(statements.to_owned());
        connected!(self, |connection| async {
            sqlx::raw_sql(statements).execute(connection).await.map(drop)
        })?;
        Ok(())
    }

    /// `true` while an invitation that is due waits or is being sent. Looks at one row.
    pub(crate) fn is_busy(&mut self, now: i64) -> anyhow::Result<bool> {
        let waiting = format!(
            "SELECT CASE WHEN
               EXISTS (SELECT 1 FROM invitations WHERE state = 'scheduled' AND due_at <= {now})
               OR EXISTS (SELECT 1 FROM invitations WHERE state = 'sending')
             THEN 1::bigint ELSE 0 END"
        );
        let waiting = match self.connection {
            Connection::Sqlite(_) => waiting.replace("::bigint", ""),
            Connection::Postgres(_) => waiting,
        };
        Ok(self.number(&waiting)? == 1)
    }

    /// Every invitation that was sent.
    pub(crate) fn mailed(&mut self) -> anyhow::Result<Vec<Mailed>> {
        const MAILED: &str = "SELECT due_at AS due, first_attempt_at AS claimed, sent_at AS sent
             FROM invitations WHERE state = 'sent'";
        Ok(connected!(self, |connection| sqlx::query_as(MAILED).fetch_all(connection))?)
    }

    /// Some invitations that wait, from all over the table.
    pub(crate) fn waiting_ids(&mut self, count: usize) -> anyhow::Result<Vec<String>> {
        let query = AssertSqlSafe(format!(
            "SELECT id FROM invitations WHERE state = 'scheduled'
             ORDER BY recipient_hash, id LIMIT {count}"
        ));
        Ok(connected!(self, |connection| sqlx::query_scalar(query).fetch_all(connection))?)
    }

    /// Puts `copies` more beside each order there is, with delivery and invitation, all with keys of
    /// their own that lie before those of new orders.
    pub(crate) fn multiply(&mut self, copies: usize) -> anyhow::Result<()> {
        /// Copies of each order that are made in one transaction.
        const STEP: usize = 100;
        let orders = self.number("SELECT COUNT(*) FROM orders")?;
        let last = self.number("SELECT MAX(CAST(order_ref AS BIGINT)) FROM orders")?;
        let time = match self.connection {
            Connection::Sqlite(_) => "printf('%08x-%04x', at >> 16, at & 65535)",
            Connection::Postgres(_) => {
                "lpad(to_hex(at >> 16), 8, '0') || '-' || lpad(to_hex(at & 65535), 4, '0')"
            }
        };
        for first in (1..=copies).step_by(STEP) {
            let end = copies.min(first + STEP - 1);
            // Times of arrival are the first part of an invitation's id.
            let copies = format!(
                "WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {end}),
                 copies AS (SELECT shop_id, order_ref AS model, i,
                     CAST(CAST(order_ref AS BIGINT) + i * {orders} AS TEXT) AS order_ref
                   FROM orders CROSS JOIN n WHERE CAST(order_ref AS BIGINT) <= {last})"
            );
            self.execute(&format!(
                "BEGIN;
                 INSERT INTO webhook_deliveries
                   (shop_id, order_ref, change, event_key, request_id, received_at, decision)
                 {copies} SELECT c.shop_id, c.order_ref, change, event_key || c.i, request_id,
                   received_at - c.i, decision
                 FROM copies c JOIN webhook_deliveries m
                   ON m.shop_id = c.shop_id AND m.order_ref = c.model;
                 INSERT INTO invitations (id, shop_id, order_ref, recipient_hash, state, reason,
                   first_due_at, due_at, attempt, fence, request_id)
                 {copies}, timed AS (SELECT c.*, m.*, m.due_at - 604800000 - c.i AS at
                   FROM copies c JOIN (SELECT id, shop_id AS shop, order_ref AS reference,
                     recipient_hash, due_at, request_id FROM invitations) m
                   ON m.shop = c.shop_id AND m.reference = c.model)
                 SELECT {time} || substr(id, 14), shop_id, order_ref,
                   substr(recipient_hash, 1 + i % 40) || substr(recipient_hash, 1, i % 40),
                   'scheduled', NULL, due_at + i, due_at + i, 0, 0, request_id
                 FROM timed;
                 INSERT INTO orders (shop_id, order_ref, version, status, changed_at, details)
                 {copies} SELECT c.shop_id, c.order_ref, version, status, changed_at - c.i,
                   replace(details, c.model, c.order_ref)
                 FROM copies c JOIN orders m ON m.shop_id = c.shop_id AND m.order_ref = c.model;
                 COMMIT"
            ))?;
        }
        Ok(())
    }

    /// Bytes of tables and indexes.
    pub(crate) fn bytes(&mut self) -> anyhow::Result<i64> {
        match self.connection {
            Connection::Sqlite(_) => {
                Ok(self.number("PRAGMA page_count")? * self.number("PRAGMA page_size")?)
            }
            Connection::Postgres(_) => self.number("SELECT pg_database_size(current_database())"),
        }
    }
}
