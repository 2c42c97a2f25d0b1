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
    FIND_RECIPIENT() = "SELECT shop_id, recipient_hash FROM invitations WHERE id = $1";
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
    pub async fn unsubscribe(
        &self,
        invitation: InvitationId,
        now: Timestamp,
    ) -> Result<Option<Unsubscribed>, StoreError> {
        write_on!(self.db, |pool, sql, begin| {
            let mut tx = begin().await?;
            let found: Option<(String, String)> = sqlx::query_as(sql(&FIND_RECIPIENT))
                .bind(invitation.to_string())
                .fetch_optional(&mut *tx)
                .await?;
            let Some((shop, hash)) = found else { return Ok(None) };
            sqlx::query(sql(&INSERT_SUPPRESSION))
                .bind(&hash)
                .bind(&shop)
                .bind("unsubscribed")
                .bind(millis(now))
                .execute(&mut *tx)
                .await?;
            let stopped = sqlx::query(sql(&STOP_WAITING))
                .bind(&hash)
                .bind(&shop)
                .execute(&mut *tx)
                .await?
                .rows_affected();
            tx.commit().await?;
            let shop = shop.parse().map_err(|_| StoreError::Corrupt("invitations.shop_id"))?;
            Ok(Some(Unsubscribed { shop, stopped }))
        })
    }
}
