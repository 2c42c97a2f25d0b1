//! What came back of mails, who gets no more of them, and which shops' mail rests.
//!
//! What happened is recorded with all that follows from it alone, in one transaction. What follows from
//! several things together is looked at behind the commit: of two that are recorded at the same time,
//! only who looks afterwards sees both. It follows from the record alone, so that whoever is told again
//! makes up for a process that died in between.

use bounce::{Event, Kind};
use domain::{
    InvitationId, ShopId,
    bounce::{Alarm, COMPLAINTS_WITHIN, Reason, SOFT_WITHIN, alarm, stop},
};
use jiff::{SignedDuration, Timestamp};
use metrics::counter;
use serde::Serialize;

use crate::{
    Store, StoreError,
    db::{read_on, write_on},
    instant, millis,
    statement::statements,
    suppression::{ALL_SHOPS, FIND_RECIPIENTS, INSERT_SUPPRESSION},
};

/// What an event led to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// `false` if it was on record already. Then only what a process that died had left is done.
    pub is_new: bool,
    /// Whose mail it was about.
    pub shop: Option<ShopId>,
    /// The mail it was about.
    pub mail: Option<InvitationId>,
    /// Why its recipient gets no more mail, if that follows.
    pub stopped: Option<Reason>,
    /// What the shop's complaints call for.
    pub complaints: Option<Complaints>,
}

impl Applied {
    /// Tells operators, whichever way the event came in. Names nobody.
    fn report(&self, event: &Event) {
        let shop = self.shop.as_ref().map_or("unknown", ShopId::as_str);
        let Some(mail) = self.mail.filter(|_| self.is_new) else {
            if self.is_new {
                tracing::info!(kind = event.kind.as_str(), "an address we never mailed came back");
            }
            return;
        };
        counter!(
            "afs_bounces_total", "shop" => shop.to_owned(), "kind" => event.kind.as_str()
        )
        .increment(1);
        tracing::info!(
            %mail, shop, kind = event.kind.as_str(), status = event.status,
            stopped = self.stopped.map(Reason::as_str), "a mail came back"
        );
        let Some(Complaints { people, sent, alarm, pauses }) = self.complaints else { return };
        if pauses {
            tracing::error!(
                shop,
                people,
                sent,
                "too many people called this shop's mail spam: it rests until `afs shop resume {shop}`"
            );
        } else if alarm >= Alarm::Warn {
            tracing::warn!(shop, people, sent, "many people call this shop's mail spam");
        }
    }
}

/// How a shop's complaints stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Complaints {
    /// How many people complained lately.
    pub people: u64,
    /// About how many mails.
    pub sent: u64,
    /// What that calls for.
    pub alarm: Alarm,
    /// Its mail rests since this event.
    pub pauses: bool,
}

/// A shop whose mail rests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pause {
    /// The shop.
    pub shop: ShopId,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}

statements! {
    INSERT_BOUNCE() =
        "INSERT INTO bounces (key, kind, at, recipient_hash, invitation_id, shop_id, status, detail)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";
    /// Whom one mail went to: its recipient, and behind them those whose address the order had before.
    FIND_MAILED() =
        "SELECT shop_id, recipient_hash, 0 AS place FROM invitations WHERE id = $1
         UNION ALL
         SELECT i.shop_id, f.recipient_hash, 1 AS place FROM former_recipients f
         JOIN invitations i ON i.id = f.invitation_id WHERE f.invitation_id = $1
         ORDER BY place";
    /// The mail that somebody got last.
    LAST_MAIL() =
        "SELECT id, shop_id FROM invitations
         WHERE recipient_hash = $1 AND state IN ('sending', 'sent')
         ORDER BY first_attempt_at DESC LIMIT 1";
    /// Of one mail several reports may come.
    COUNT_SOFT() =
        "SELECT COUNT(DISTINCT COALESCE(invitation_id, key)), MAX(at) FROM bounces
         WHERE recipient_hash = $1 AND at > $2 AND kind = 'soft_bounce'";
    COUNT_COMPLAINTS() =
        "SELECT COUNT(DISTINCT recipient_hash) FROM bounces
         WHERE shop_id = $1 AND at > $2 AND kind = 'complaint'";
    COUNT_SENT() = "SELECT COUNT(*) FROM invitations WHERE shop_id = $1 AND sent_at > $2";
    RESUMED_AT() = "SELECT resumed_at FROM pauses WHERE shop_id = $1";
    /// Not if it was resumed after `$4`: then what led here was known to whoever resumed it.
    PAUSE() =
        "INSERT INTO pauses (shop_id, reason, since) VALUES ($1, $2, $3)
         ON CONFLICT (shop_id) DO UPDATE SET
           reason = excluded.reason, since = excluded.since, resumed_at = NULL
         WHERE pauses.resumed_at <= $4";
    RESUME() = "UPDATE pauses SET resumed_at = $2 WHERE shop_id = $1 AND resumed_at IS NULL";
    PAUSED() = "SELECT shop_id, reason, since FROM pauses WHERE resumed_at IS NULL ORDER BY shop_id";
    COUNT_BOUNCES() = "SELECT kind AS name, COUNT(*) AS count FROM bounces GROUP BY kind";
}

/// Whom an event is about.
struct Subject {
    mail: Option<InvitationId>,
    shop: Option<String>,
    /// At least one.
    recipients: Vec<String>,
}

impl Store {
    /// Records what became of a mail, and does what follows from it. `None` if nobody knows whom it is
    /// about: the mail is not on record, and no address was told.
    ///
    /// Idempotent: an event counts once, by its key.
    pub async fn apply_bounce(
        &self,
        event: &Event,
        now: Timestamp,
    ) -> Result<Option<Applied>, StoreError> {
        let Some(subject) = self.subject(event).await? else { return Ok(None) };
        // Clocks of mail servers differ from ours.
        let at = event.at.map_or(now, |at| at.min(now));
        let own = stop(event.kind, 0);
        let is_new = write_on!(self.db, |pool, sql, begin| {
            let mut tx = begin().await?;
            let inserted = sqlx::query(sql(&INSERT_BOUNCE))
                .bind(&event.key)
                .bind(event.kind.as_str())
                .bind(millis(at))
                .bind(&subject.recipients[0])
                .bind(subject.mail.map(|mail| mail.to_string()))
                .bind(&subject.shop)
                .bind(&event.status)
                .bind(&event.detail)
                .execute(&mut *tx)
                .await?
                .rows_affected();
            for recipient in subject.recipients.iter().filter(|_| inserted > 0) {
                let Some(stop) = own else { break };
                let shop = subject.shop.as_deref().filter(|_| !stop.all_shops);
                sqlx::query(sql(&INSERT_SUPPRESSION))
                    .bind(recipient)
                    .bind(shop.unwrap_or(ALL_SHOPS))
                    .bind(stop.reason.as_str())
                    .bind(millis(at))
                    .bind(stop.lasts.map(|lasts| millis(after(at, lasts))))
                    .execute(&mut *tx)
                    .await?;
            }
            tx.commit().await?;
            inserted > 0
        });
        let mut applied = Applied { is_new, mail: subject.mail, ..Applied::default() };
        applied.stopped = own.map(|stop| stop.reason);
        let shop = subject.shop.map(|shop| shop.parse());
        applied.shop = shop.transpose().map_err(|_| StoreError::Corrupt("invitations.shop_id"))?;
        match (event.kind, &applied.shop) {
            (Kind::SoftBounce, _) => {
                applied.stopped = self.settle_soft(&subject.recipients[0], now).await?;
            }
            (Kind::Complaint, Some(shop)) => {
                applied.complaints = Some(self.settle_complaints(shop, now).await?);
            }
            _ => {}
        }
        applied.report(event);
        Ok(Some(applied))
    }

    /// Whom an event is about: whoever its mail went to, or else whoever has its address.
    async fn subject(&self, event: &Event) -> Result<Option<Subject>, StoreError> {
        let told =
            event.address.as_ref().map(|address| address.hash(&self.address_key).to_string());
        if let Some(mail) = event.mail {
            let found: Vec<(String, String)> = self.mailed(mail, event.kind).await?;
            if let Some((shop, _)) = found.first() {
                let shop = Some(shop.clone());
                let all = found.into_iter().map(|(_, hash)| hash);
                // If the order's address was changed, only what the source tells says which of them it
                // was. A mail that was forwarded comes back from elsewhere: then all of them.
                let recipients = match told {
                    Some(told) => {
                        let all: Vec<_> = all.collect();
                        if all.contains(&told) { vec![told] } else { all }
                    }
                    None => all.collect(),
                };
                return Ok(Some(Subject { mail: Some(mail), shop, recipients }));
            }
        }
        let Some(told) = told else { return Ok(None) };
        let last: Option<(String, String)> = read_on!(self.db, |pool, sql| {
            sqlx::query_as(sql(&LAST_MAIL)).bind(&told).fetch_optional(pool).await?
        });
        let (mail, shop) =
            last.map_or((None, None), |(mail, shop)| (mail.parse().ok(), Some(shop)));
        Ok(Some(Subject { mail, shop, recipients: vec![told] }))
    }

    /// The shop and the people that a mail went to. Who says stop means all mails about the order.
    async fn mailed(
        &self,
        mail: InvitationId,
        kind: Kind,
    ) -> Result<Vec<(String, String)>, StoreError> {
        Ok(read_on!(self.db, |pool, sql| {
            if kind == Kind::Unsubscribe {
                let all = sqlx::query_as(sql(&FIND_RECIPIENTS)).bind(mail.to_string());
                all.fetch_all(pool).await?
            } else {
                let all: Vec<(String, String, i32)> = sqlx::query_as(sql(&FIND_MAILED))
                    .bind(mail.to_string())
                    .fetch_all(pool)
                    .await?;
                all.into_iter().map(|(shop, hash, _)| (shop, hash)).collect()
            }
        }))
    }

    /// Lets an address rest that sent too many mails back.
    async fn settle_soft(
        &self,
        recipient: &str,
        now: Timestamp,
    ) -> Result<Option<Reason>, StoreError> {
        write_on!(self.db, |pool, sql, _begin| {
            let (soft, last): (i64, Option<i64>) = sqlx::query_as(sql(&COUNT_SOFT))
                .bind(recipient)
                .bind(millis(before(now, SOFT_WITHIN)))
                .fetch_one(pool)
                .await?;
            let stop = stop(Kind::SoftBounce, u32::try_from(soft).unwrap_or(u32::MAX));
            let (Some(stop), Some(last)) = (stop, last) else { return Ok(None) };
            let expires_at = stop.lasts.map(|lasts| instant(last).map(|last| after(last, lasts)));
            sqlx::query(sql(&INSERT_SUPPRESSION))
                .bind(recipient)
                .bind(ALL_SHOPS)
                .bind(stop.reason.as_str())
                .bind(last)
                .bind(expires_at.transpose()?.map(millis))
                .execute(pool)
                .await?;
            Ok(Some(stop.reason))
        })
    }

    /// Looks how many people complained about a shop's mail, and lets it rest if they are too many.
    /// Complaints from before it was resumed last do not count: whoever resumed it knew them.
    async fn settle_complaints(
        &self,
        shop: &ShopId,
        now: Timestamp,
    ) -> Result<Complaints, StoreError> {
        let since = millis(before(now, COMPLAINTS_WITHIN));
        let counted = |count: i64| u64::try_from(count).unwrap_or(0);
        let (resumed_at, people, sent) = read_on!(self.db, |pool, sql| {
            let resumed_at: Option<(Option<i64>,)> =
                sqlx::query_as(sql(&RESUMED_AT)).bind(shop.as_str()).fetch_optional(pool).await?;
            let resumed_at = resumed_at.and_then(|(at,)| at).unwrap_or(0);
            let (people,): (i64,) = sqlx::query_as(sql(&COUNT_COMPLAINTS))
                .bind(shop.as_str())
                .bind(since.max(resumed_at))
                .fetch_one(pool)
                .await?;
            let (sent,): (i64,) = sqlx::query_as(sql(&COUNT_SENT))
                .bind(shop.as_str())
                .bind(since)
                .fetch_one(pool)
                .await?;
            (resumed_at, counted(people), counted(sent))
        });
        let alarm = alarm(people, sent);
        let reason = format!("{people} people complained about {sent} mails of 7 days");
        let pauses = alarm == Alarm::Pause && self.pause(shop, &reason, now, resumed_at).await?;
        Ok(Complaints { people, sent, alarm, pauses })
    }

    /// Lets a shop's mail rest from now on. `false` if it does already.
    pub async fn pause_shop(
        &self,
        shop: &ShopId,
        reason: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.pause(shop, reason, now, i64::MAX).await
    }

    async fn pause(
        &self,
        shop: &ShopId,
        reason: &str,
        now: Timestamp,
        unless_resumed_after: i64,
    ) -> Result<bool, StoreError> {
        let paused = write_on!(self.db, |pool, sql, _begin| {
            sqlx::query(sql(&PAUSE))
                .bind(shop.as_str())
                .bind(reason)
                .bind(millis(now))
                .bind(unless_resumed_after)
                .execute(pool)
                .await?
                .rows_affected()
        });
        Ok(paused > 0)
    }

    /// Lets a shop's mail go on. `false` if it did not rest.
    pub async fn resume_shop(&self, shop: &ShopId, now: Timestamp) -> Result<bool, StoreError> {
        let resumed = write_on!(self.db, |pool, sql, _begin| {
            sqlx::query(sql(&RESUME))
                .bind(shop.as_str())
                .bind(millis(now))
                .execute(pool)
                .await?
                .rows_affected()
        });
        Ok(resumed > 0)
    }

    /// The shops whose mail rests, by id.
    pub async fn pauses(&self) -> Result<Vec<Pause>, StoreError> {
        let found: Vec<(String, String, i64)> =
            read_on!(self.db, |pool, sql| sqlx::query_as(sql(&PAUSED)).fetch_all(pool).await?);
        let pause = |(shop, reason, since): (String, String, i64)| {
            let shop = shop.parse().map_err(|_| StoreError::Corrupt("pauses.shop_id"))?;
            Ok(Pause { shop, reason, since: instant(since)? })
        };
        found.into_iter().map(pause).collect()
    }
}

fn before(at: Timestamp, span: SignedDuration) -> Timestamp {
    at.checked_sub(span).unwrap_or(Timestamp::MIN)
}

fn after(at: Timestamp, span: SignedDuration) -> Timestamp {
    at.checked_add(span).unwrap_or(Timestamp::MAX)
}
