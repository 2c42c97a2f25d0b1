//! Who wants no mail.

use domain::{InvitationId, ShopId};
use jiff::Timestamp;

use crate::{Store, StoreError, db::write_on, millis, statement::statements};

/// What an unsubscribe link led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsubscribed {
    /// The shop that may not write any more.
    pub shop: ShopId,
    /// Waiting invitations that will not be sent now.
    pub stopped: u64,
}

statements! {
    FIND_RECIPIENTS() =
        "SELECT shop_id, recipient_hash FROM invitations WHERE id = $1
         UNION
         SELECT i.shop_id, f.recipient_hash FROM former_recipients f
         JOIN invitations i ON i.id = f.invitation_id WHERE f.invitation_id = $1";
    INSERT_SUPPRESSION() =
        "INSERT INTO suppressions (recipient_hash, scope, reason, created_at)
         VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    STOP_WAITING() =
        "UPDATE invitations SET state = 'suppressed', reason = 'recipient_said_stop'
         WHERE recipient_hash = $1 AND shop_id = $2 AND state = 'scheduled'";
}

impl Store {
    /// Records that the recipient of this invitation wants no more mail from its shop, and stops
    /// what waits. Idempotent. `None` if there is no such invitation.
    ///
    /// If the address changed after a mail had gone out, the link does not tell who holds it: then
    /// nobody it was sent to gets more mail.
    pub async fn unsubscribe(
        &self,
        invitation: InvitationId,
        now: Timestamp,
    ) -> Result<Option<Unsubscribed>, StoreError> {
        write_on!(self.db, |pool, sql, begin| {
            let mut tx = begin().await?;
            let found: Vec<(String, String)> = sqlx::query_as(sql(&FIND_RECIPIENTS))
                .bind(invitation.to_string())
                .fetch_all(&mut *tx)
                .await?;
            let Some((shop, _)) = found.first().cloned() else { return Ok(None) };
            let mut stopped = 0;
            for (shop, hash) in found {
                sqlx::query(sql(&INSERT_SUPPRESSION))
                    .bind(&hash)
                    .bind(&shop)
                    .bind("unsubscribed")
                    .bind(millis(now))
                    .execute(&mut *tx)
                    .await?;
                stopped += sqlx::query(sql(&STOP_WAITING))
                    .bind(&hash)
                    .bind(&shop)
                    .execute(&mut *tx)
                    .await?
                    .rows_affected();
            }
            tx.commit().await?;
            let shop = shop.parse().map_err(|_| StoreError::Corrupt("invitations.shop_id"))?;
            Ok(Some(Unsubscribed { shop, stopped }))
        })
    }
}
