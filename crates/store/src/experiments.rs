//! Experiments: what each variant of a mail led to, and how it ended.

use domain::{ShopId, experiment::Tally};
use jiff::{SignedDuration, Timestamp};

use crate::{
    Store, StoreError,
    db::{read_on, write_on},
    millis,
    statement::statements,
};

statements! {
    /// Of each person the first invitation only: a second one is no independent trial. `$3` is how
    /// long a review may take, `$4` is when the last mail that counts was sent.
    TALLY() =
        "SELECT COUNT(*) AS trials,
                COALESCE(SUM(CASE WHEN EXISTS (SELECT 1 FROM reviews v WHERE v.invitation_id = i.id
                  AND v.submitted_at <= i.sent_at + $3) THEN 1 ELSE 0 END), 0) AS successes
         FROM invitations i
         WHERE i.shop_id = $1 AND i.variant = $2 AND i.kind = 'invitation' AND i.sent_at <= $4
           AND NOT EXISTS (SELECT 1 FROM invitations e
             WHERE e.recipient_hash = i.recipient_hash AND e.state IN ('sending', 'sent')
               AND e.shop_id = i.shop_id AND e.variant = i.variant AND e.sent_at < i.sent_at)";
    FIND_DECISION() = "SELECT variant FROM experiments WHERE shop_id = $1 AND name = $2";
    DECIDE() =
        "INSERT INTO experiments (shop_id, name, variant, decided_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT DO NOTHING";
}

impl Store {
    /// What a variant has led to so far: the mails that were sent at least `within` before `now`, and
    /// those of them that a review followed `within` that time. `variant` as it was recorded with the
    /// mails.
    pub async fn tally(
        &self,
        shop: &ShopId,
        variant: &str,
        within: SignedDuration,
        now: Timestamp,
    ) -> Result<Tally, StoreError> {
        let last = now.checked_sub(within).unwrap_or(Timestamp::MIN);
        let within = i64::try_from(within.as_millis()).unwrap_or(i64::MAX);
        let (trials, successes): (i64, i64) = read_on!(self.db, |pool, sql| {
            sqlx::query_as(sql(&TALLY))
                .bind(shop.as_str())
                .bind(variant)
                .bind(within)
                .bind(millis(last))
                .fetch_one(pool)
                .await?
        });
        let count = |n| u32::try_from(n).unwrap_or(u32::MAX);
        Ok(Tally { trials: count(trials), successes: count(successes) })
    }

    /// The variant that stays, if the experiment has ended.
    pub async fn decided_variant(
        &self,
        shop: &ShopId,
        experiment: &str,
    ) -> Result<Option<String>, StoreError> {
        let found: Option<(String,)> = read_on!(self.db, |pool, sql| {
            sqlx::query_as(sql(&FIND_DECISION))
                .bind(shop.as_str())
                .bind(experiment)
                .fetch_optional(pool)
                .await?
        });
        Ok(found.map(|(variant,)| variant))
    }

    /// Ends an experiment. Only the first decision counts.
    pub async fn decide_experiment(
        &self,
        shop: &ShopId,
        experiment: &str,
        variant: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        write_on!(self.db, |pool, sql, _begin| {
            sqlx::query(sql(&DECIDE))
                .bind(shop.as_str())
                .bind(experiment)
                .bind(variant)
                .bind(millis(at))
                .execute(pool)
                .await?;
        });
        Ok(())
    }
}
