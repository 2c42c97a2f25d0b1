//! The list of people who want no mail, as an operator handles it: entry by entry, or as a whole.

use std::{collections::HashMap, fmt, str::FromStr};

use domain::{AddressHash, ShopId};
use jiff::Timestamp;
use serde::Serialize;

use crate::{
    Store, StoreError,
    db::{read_on, write_on},
    instant,
    intake::rows,
    millis,
    statement::statements,
};

/// Whose mail an entry stops.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// That of all shops of this installation; `*` in writing.
    AllShops,
    /// That of one shop.
    Shop(ShopId),
}

/// Neither `*` nor the id of a shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither * nor the id of a shop")]
pub struct InvalidScope;

impl FromStr for Scope {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, InvalidScope> {
        match text {
            "*" => Ok(Self::AllShops),
            shop => shop.parse().map(Self::Shop).map_err(|_| InvalidScope),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AllShops => f.write_str("*"),
            Self::Shop(shop) => shop.fmt(f),
        }
    }
}

/// That somebody gets no mail from a shop, or from any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Who.
    pub recipient: AddressHash,
    /// Whose mail.
    pub scope: Scope,
    /// Why, in a word such as `unsubscribed`.
    pub reason: String,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when; for ever without.
    pub expires_at: Option<Timestamp>,
}

statements! {
    /// An entry is never made weaker: it only begins to hold for longer.
    SAVE_ENTRIES(recipient_hash text, scope text, reason text, created_at bigint, expires_at bigint) =
        "INSERT INTO suppressions (recipient_hash, scope, reason, created_at, expires_at)
         SELECT recipient_hash, scope, reason, created_at, expires_at FROM {rows} WHERE true
         ON CONFLICT (recipient_hash, scope) DO UPDATE SET
           reason = excluded.reason, expires_at = excluded.expires_at
         WHERE suppressions.expires_at IS NOT NULL
           AND (excluded.expires_at IS NULL OR excluded.expires_at > suppressions.expires_at)";
    ENTRIES_OF() =
        "SELECT recipient_hash, scope, reason, created_at, expires_at FROM suppressions
         WHERE recipient_hash = $1 ORDER BY scope";
    LIST_ENTRIES() =
        "SELECT recipient_hash, scope, reason, created_at, expires_at FROM suppressions
         WHERE (recipient_hash, scope) > ($1, $2) ORDER BY recipient_hash, scope LIMIT $3";
    REMOVE_ENTRY() = "DELETE FROM suppressions WHERE recipient_hash = $1 AND scope = $2";
}

#[derive(Serialize, sqlx::FromRow)]
struct EntryRow {
    recipient_hash: String,
    scope: String,
    reason: String,
    created_at: i64,
    expires_at: Option<i64>,
}

impl Store {
    /// Puts entries on the list, in one transaction. Returns how many of them are new there, or hold for
    /// longer than what was there; none is made weaker.
    pub async fn suppress(&self, entries: &[Entry]) -> Result<u64, StoreError> {
        // A statement may touch each row once only.
        let mut strongest: HashMap<(AddressHash, &Scope), &Entry> = HashMap::new();
        for entry in entries {
            let kept = strongest.entry((entry.recipient, &entry.scope)).or_insert(entry);
            if kept.lasts() < entry.lasts() {
                *kept = entry;
            }
        }
        let rows = rows(strongest.into_values().map(EntryRow::from))?;
        Ok(write_on!(self.db, |pool, sql, _begin| {
            sqlx::query(sql(&SAVE_ENTRIES)).bind(rows).execute(pool).await?.rows_affected()
        }))
    }

    /// What the list says about one person.
    pub async fn suppressions_of(&self, recipient: AddressHash) -> Result<Vec<Entry>, StoreError> {
        let found: Vec<EntryRow> = read_on!(self.db, |pool, sql| {
            sqlx::query_as(sql(&ENTRIES_OF)).bind(recipient.to_string()).fetch_all(pool).await?
        });
        found.into_iter().map(Entry::try_from).collect()
    }

    /// The list behind `after`, by hash and scope.
    pub async fn suppressions(
        &self,
        after: Option<&Entry>,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreError> {
        let after = after.map(|entry| (entry.recipient.to_string(), entry.scope.to_string()));
        let (hash, scope) = after.unwrap_or_default();
        let found: Vec<EntryRow> = read_on!(self.db, |pool, sql| {
            let list = sqlx::query_as(sql(&LIST_ENTRIES)).bind(&hash).bind(&scope);
            list.bind(i64::from(limit)).fetch_all(pool).await?
        });
        found.into_iter().map(Entry::try_from).collect()
    }

    /// Takes an entry off the list. `false` if it is not there.
    pub async fn lift(&self, recipient: AddressHash, scope: &Scope) -> Result<bool, StoreError> {
        let removed = write_on!(self.db, |pool, sql, _begin| {
            let remove = sqlx::query(sql(&REMOVE_ENTRY)).bind(recipient.to_string());
            remove.bind(scope.to_string()).execute(pool).await?.rows_affected()
        });
        Ok(removed == 1)
    }
}

impl Entry {
    /// What is compared to tell which of two entries is the stronger.
    fn lasts(&self) -> Timestamp {
        self.expires_at.unwrap_or(Timestamp::MAX)
    }
}

impl From<&Entry> for EntryRow {
    fn from(entry: &Entry) -> Self {
        Self {
            recipient_hash: entry.recipient.to_string(),
            scope: entry.scope.to_string(),
            reason: entry.reason.clone(),
            created_at: millis(entry.created_at),
            expires_at: entry.expires_at.map(millis),
        }
    }
}

impl TryFrom<EntryRow> for Entry {
    type Error = StoreError;

    fn try_from(row: EntryRow) -> Result<Self, StoreError> {
        let corrupt = || StoreError::Corrupt("suppressions");
        Ok(Self {
            recipient: row.recipient_hash.parse().map_err(|_| corrupt())?,
            scope: row.scope.parse().map_err(|_| corrupt())?,
            reason: row.reason,
            created_at: instant(row.created_at)?,
            expires_at: row.expires_at.map(instant).transpose()?,
        })
    }
}
