//! Who wants no mail, or less of it.

use domain::{InvitationId, ShopId, bounce::Reason};
use jiff::Timestamp;

use crate::{
    Store, StoreError,
    db::{read_on, write_on},
    millis,
    statement::statements,
};

statements! {
    FIND_RECIPIENTS() =
        "SELECT m.shop_id, m.recipient_hash FROM invitations i
         JOIN invitations m ON m.shop_id = i.shop_id AND m.order_ref = i.order_ref
         WHERE i.id = $1
         UNION
         SELECT i.shop_id, f.recipient_hash FROM former_recipients f
         JOIN invitations i ON i.id = f.invitation_id WHERE f.invitation_id = $1";
    /// `$5` is when it ends; for ever without. What lasts longer stays, but for what a person may take
    /// back: that gives way to what they may not.
    INSERT_SUPPRESSION() =
        "INSERT INTO suppressions (recipient_hash, scope, reason, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (recipient_hash, scope) DO UPDATE SET
           reason = excluded.reason, created_at = excluded.created_at, expires_at = excluded.expires_at
         WHERE COALESCE(excluded.expires_at, 9223372036854775807) > suppressions.expires_at
           OR (suppressions.reason = 'unsubscribed' AND excluded.reason <> 'unsubscribed'
             AND excluded.expires_at IS NULL)";
    /// Only what a person said: bounces, complaints and imported lists are not theirs to take back.
    DELETE_OWN() =
        "DELETE FROM suppressions
         WHERE recipient_hash = $1 AND scope IN ($2, $2 || '/reminders', '*')
           AND reason = 'unsubscribed'";
    LIST_OF_RECIPIENT() =
        "SELECT scope, reason FROM suppressions
         WHERE recipient_hash = $1 AND scope IN ($2, $2 || '/reminders', '*')
           AND (expires_at IS NULL OR expires_at > $3)";
}

/// The scope of a suppression for all shops. That of one shop is its id.
pub(crate) const ALL_SHOPS: &str = "*";

/// The end of a scope, behind the shop's id, that is about reminders only.
pub(crate) const REMINDERS: &str = "/reminders";

/// What somebody wants no more of; each is more than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    /// Reminders of the shop whose mail led here.
    Reminders,
    /// Any mail of that shop.
    Shop,
    /// Mail of all shops of this installation.
    AllShops,
}

impl Stop {
    fn scope(self, shop: &str) -> String {
        match self {
            Self::Reminders => format!("{shop}{REMINDERS}"),
            Self::Shop => shop.to_owned(),
            Self::AllShops => ALL_SHOPS.to_owned(),
        }
    }

    fn of_scope(scope: &str) -> Self {
        match scope {
            ALL_SHOPS => Self::AllShops,
            scope if scope.ends_with(REMINDERS) => Self::Reminders,
            _ => Self::Shop,
        }
    }
}

/// What holds for the recipient of an invitation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Preferences {
    /// What they said that they want no more of.
    pub stop: Option<Stop>,
    /// Mail is stopped, and not (only) because they said so: it came back, somebody complained, or an
    /// operator listed the address. Or the link was mailed to several addresses, and it is not known
    /// who holds it. Such a stop can be widened, and not be taken back.
    pub is_fixed: bool,
}

impl Store {
    /// Records that the recipient of this invitation wants no more of that, and says whose mail it
    /// was. What they said before stays, too. Idempotent. `None` if there is no such invitation.
    ///
    /// What waits for that person ends when it is due, because nobody can claim it. Looking for it
    /// now would take an index by recipient, which costs every order of everybody.
    ///
    /// If the address changed after a mail had gone out, the link does not tell who holds it: then
    /// nobody it was sent to gets more mail.
    pub async fn unsubscribe(
        &self,
        invitation: InvitationId,
        stop: Stop,
        now: Timestamp,
    ) -> Result<Option<ShopId>, StoreError> {
        self.write_stop(invitation, Some(stop), false, now).await
    }

    /// Records what the recipient of this invitation wants from now on, instead of what they said
    /// before: `None` is all mail. Otherwise as [`Self::unsubscribe`]; where the link was mailed to
    /// several addresses, nothing is taken back.
    pub async fn prefer(
        &self,
        invitation: InvitationId,
        stop: Option<Stop>,
        now: Timestamp,
    ) -> Result<Option<ShopId>, StoreError> {
        self.write_stop(invitation, stop, true, now).await
    }

    async fn write_stop(
        &self,
        invitation: InvitationId,
        stop: Option<Stop>,
        instead: bool,
        now: Timestamp,
    ) -> Result<Option<ShopId>, StoreError> {
        write_on!(self.db, |pool, sql, begin| {
            let mut tx = begin().await?;
            let found: Vec<(String, String)> = sqlx::query_as(sql(&FIND_RECIPIENTS))
                .bind(invitation.to_string())
                .fetch_all(&mut *tx)
                .await?;
            if let [(shop, hash)] = &found[..]
                && instead
            {
                sqlx::query(sql(&DELETE_OWN)).bind(hash).bind(shop).execute(&mut *tx).await?;
            }
            for (shop, hash) in &found {
                if let Some(stop) = stop {
                    sqlx::query(sql(&INSERT_SUPPRESSION))
                        .bind(hash)
                        .bind(stop.scope(shop))
                        .bind(Reason::Unsubscribed.as_str())
                        .bind(millis(now))
                        .bind(None::<i64>)
                        .execute(&mut *tx)
                        .await?;
                }
            }
            tx.commit().await?;
            let shop = found.first().map(|(shop, _)| shop.parse());
            shop.transpose().map_err(|_| StoreError::Corrupt("invitations.shop_id"))
        })
    }

    /// What holds for the recipient of this invitation; of several, what holds for the one who wants
    /// least.
    pub async fn preferences(
        &self,
        invitation: InvitationId,
        now: Timestamp,
    ) -> Result<Preferences, StoreError> {
        let found: Vec<(String, String)> = read_on!(self.db, |pool, sql| {
            sqlx::query_as(sql(&FIND_RECIPIENTS))
                .bind(invitation.to_string())
                .fetch_all(pool)
                .await?
        });
        let mut preferences = Preferences::default();
        for (shop, hash) in &found {
            let stops: Vec<(String, String)> = read_on!(self.db, |pool, sql| {
                sqlx::query_as(sql(&LIST_OF_RECIPIENT))
                    .bind(hash)
                    .bind(shop)
                    .bind(millis(now))
                    .fetch_all(pool)
                    .await?
            });
            for (scope, reason) in stops {
                if reason == "unsubscribed" {
                    preferences.stop = preferences.stop.max(Some(Stop::of_scope(&scope)));
                }
                preferences.is_fixed |= reason != "unsubscribed" || found.len() > 1;
            }
        }
        Ok(preferences)
    }
}
