//! Who wants no mail.

use domain::{InvitationId, ShopId, bounce::Reason};
use jiff::Timestamp;

use crate::{Store, StoreError, db::write_on, millis, statement::statements};

statements! {
    FIND_RECIPIENTS() =
        "SELECT m.shop_id, m.recipient_hash FROM invitations i
         JOIN invitations m ON m.shop_id = i.shop_id AND m.order_ref = i.order_ref
         WHERE i.id = $1
         UNION
         SELECT i.shop_id, f.recipient_hash FROM former_recipients f
         JOIN invitations i ON i.id = f.invitation_id WHERE f.invitation_id = $1";
    /// `$5` is when it ends; for ever without. What lasts longer stays.
    INSERT_SUPPRESSION() =
        "INSERT INTO suppressions (recipient_hash, scope, reason, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (recipient_hash, scope) DO UPDATE SET
           reason = excluded.reason, created_at = excluded.created_at, expires_at = excluded.expires_at
         WHERE COALESCE(excluded.expires_at, 9223372036854775807) > suppressions.expires_at";
}

/// Whose mail somebody wants no more of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// That of the shop whose mail led here.
    Shop,
    /// That of all shops of this installation.
    AllShops,
}

/// The scope of a suppression for all shops.
pub(crate) const ALL_SHOPS: &str = "*";

impl Store {
    /// Records that the recipient of this invitation wants no more mail, and says whose mail it was. Idempotent. `None` if there is no such invitation.
    ///
    /// What waits for that person ends when it is due, because nobody can claim it. Looking for it
    /// now would take an index by recipient, which costs every order of everybody.
    ///
    /// If the address changed after a mail had gone out, the link does not tell who holds it: then
    /// nobody it was sent to gets more mail.
    pub async fn unsubscribe(
        &self,
        invitation: InvitationId,
        from: From,
        now: Timestamp,
    ) -> Result<Option<ShopId>, StoreError> {
        write_on!(self.db, |pool, sql, begin| {
            let mut tx = begin().await?;
            let found: Vec<(String, String)> = sqlx::query_as(sql(&FIND_RECIPIENTS))
                .bind(invitation.to_string())
                .fetch_all(&mut *tx)
                .await?;
            for (shop, hash) in &found {
                sqlx::query(sql(&INSERT_SUPPRESSION))
                    .bind(hash)
                    .bind(match from {
                        From::Shop => shop,
                        From::AllShops => ALL_SHOPS,
                    })
                    .bind(Reason::Unsubscribed.as_str())
                    .bind(millis(now))
                    .bind(None::<i64>)
                    .execute(&mut *tx)
                    .await?;
            }
            tx.commit().await?;
            let shop = found.first().map(|(shop, _)| shop.parse());
            shop.transpose().map_err(|_| StoreError::Corrupt("invitations.shop_id"))
        })
    }
}
