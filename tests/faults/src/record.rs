//! Reads the product's database, without its help.

use std::{path::PathBuf, time::Duration};

use anyhow::Context as _;
use domain::{InvitationState, review::Label};
use jiff::Timestamp;
use sqlx::{
    ConnectOptions as _, Connection as _, postgres::PgConnectOptions, sqlite::SqliteConnectOptions,
};
use tokio::{sync::Semaphore, time::timeout};

use crate::ledger::{Attempt, Invitation, Record, Review};

/// How long one look may take while the database is in trouble.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many look at leases at a time: a server has few connections, and the product needs them.
static LOOKERS: Semaphore = Semaphore::const_new(8);

/// Where the record lies.
///
/// Each look opens a connection of its own and closes it: one that stayed open would recover an
/// SQLite file in place of the process that was killed, and hide how well that one does it.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Sqlite(PathBuf),
    Postgres(String),
}

/// Runs the same body on a connection to either database.
macro_rules! connected {
    ($source:expr, |$connection:ident| $body:expr) => {
        match $source {
            Source::Sqlite(file) => {
                let options = SqliteConnectOptions::new().filename(file).read_only(true);
                let mut $connection = options.busy_timeout(PATIENCE).connect().await?;
                let found = $body;
                $connection.close().await?;
                found
            }
            Source::Postgres(url) => {
                let options: PgConnectOptions = url.parse()?;
                let mut $connection = options.application_name("faults").connect().await?;
                let found = $body;
                $connection.close().await?;
                found
            }
        }
    };
}

/// How much is not done yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unfinished {
    /// Invitations that wait or are being sent.
    pub(crate) invitations: i64,
    /// Claims of those so far.
    pub(crate) claims: i64,
    /// Reviews that wait to be checked.
    pub(crate) reviews: i64,
}

impl Source {
    /// The ends of the leases of those of a shop's orders that are being sent.
    pub(crate) async fn leases(
        &self,
        shop: &str,
        orders: &[u32],
    ) -> anyhow::Result<Vec<(u32, Timestamp)>> {
        const LEASE: &str = "SELECT lease_until FROM invitations
             WHERE shop_id = $1 AND order_ref = $2 AND state = 'sending'";
        let look = async {
            let _turn = LOOKERS.acquire().await?;
            let mut leases = Vec::new();
            connected!(self, |connection| for order in orders {
                let lease: Option<(i64,)> = sqlx::query_as(LEASE)
                    .bind(shop)
                    .bind(order.to_string())
                    .fetch_optional(&mut connection)
                    .await?;
                if let Some((until,)) = lease {
                    leases.push((*order, Timestamp::from_millisecond(until)?));
                }
            });
            Ok(leases)
        };
        timeout(PATIENCE, look).await?
    }

    /// How much is not done yet.
    pub(crate) async fn unfinished(&self) -> anyhow::Result<Unfinished> {
        const INVITATIONS: &str = "SELECT COUNT(*), CAST(COALESCE(SUM(fence), 0) AS BIGINT)
             FROM invitations WHERE state IN ('scheduled', 'sending')";
        const REVIEWS: &str = "SELECT COUNT(*) FROM reviews WHERE label = 'pending'";
        let look = async {
            let ((invitations, claims), (reviews,)) = connected!(self, |connection| (
                sqlx::query_as::<_, (i64, i64)>(INVITATIONS).fetch_one(&mut connection).await?,
                sqlx::query_as::<_, (i64,)>(REVIEWS).fetch_one(&mut connection).await?,
            ));
            Ok(Unfinished { invitations, claims, reviews })
        };
        timeout(PATIENCE, look).await?
    }

    /// Everything that the checker compares.
    pub(crate) async fn read(&self) -> anyhow::Result<Record> {
        const INVITATIONS: &str = "SELECT id, order_ref, state, due_at, fence FROM invitations";
        const ATTEMPTS: &str =
            "SELECT invitation_id, fence, at, outcome, detail FROM mail_deliveries";
        const REVIEWS: &str = "SELECT invitation_id, stars, label FROM reviews";
        let (invitations, attempts, reviews) = connected!(self, |connection| (
            sqlx::query_as::<_, InvitationRow>(INVITATIONS).fetch_all(&mut connection).await?,
            sqlx::query_as::<_, AttemptRow>(ATTEMPTS).fetch_all(&mut connection).await?,
            sqlx::query_as::<_, ReviewRow>(REVIEWS).fetch_all(&mut connection).await?,
        ));
        Ok(Record {
            invitations: invitations.into_iter().map(invitation).collect::<Result<_, _>>()?,
            attempts: attempts.into_iter().map(attempt).collect::<Result<_, _>>()?,
            reviews: reviews.into_iter().map(review).collect::<Result<_, _>>()?,
        })
    }

    /// Ends every connection of the product to Postgres; how many there were.
    pub(crate) async fn disconnect_others(&self) -> anyhow::Result<usize> {
        const DISCONNECT: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE application_name = 'afs'";
        let ended = connected!(self, |connection| sqlx::query(DISCONNECT)
            .fetch_all(&mut connection)
            .await?
            .len());
        Ok(ended)
    }
}

type InvitationRow = (String, String, String, i64, i64);
type AttemptRow = (String, i64, i64, String, String);
type ReviewRow = (Option<String>, i64, String);

fn invitation((id, order, state, due_at, fence): InvitationRow) -> anyhow::Result<Invitation> {
    Ok(Invitation {
        id,
        // Orders of the generator are numbers; any other is nobody's.
        order: order.parse().unwrap_or(0),
        state: InvitationState::parse(&state).with_context(|| format!("state {state}"))?,
        due_at: Timestamp::from_millisecond(due_at)?,
        fence,
    })
}

fn attempt((invitation, fence, at, outcome, detail): AttemptRow) -> anyhow::Result<Attempt> {
    Ok(Attempt { invitation, fence, at: Timestamp::from_millisecond(at)?, outcome, detail })
}

fn review((invitation, stars, label): ReviewRow) -> anyhow::Result<Review> {
    let label = Label::parse(&label).with_context(|| format!("label {label}"))?;
    Ok(Review { invitation, stars, label })
}
