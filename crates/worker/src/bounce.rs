//! Mails that came back: what each leads to, and a mailbox that is emptied of them.

use std::{sync::Arc, time::Duration};

use bounce::mail::{Ignored, MAX_LEN, ReadError, Reading};
use config::Imap;
use domain::token::TokenKeys;
use inbox::{Inbox, InboxError, Settings};
use jiff::Timestamp;
use metrics::counter;
use store::{Store, StoreError, bounces::Applied};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::Worker;

/// Mails that are read before the server is asked again how many there are.
const ROUND_MAX: usize = 100;

/// How long a round may take: a server that dribbles must not hold it for ever.
const ROUND_TIMEOUT: Duration = Duration::from_mins(10);

/// The longest pause after rounds that failed.
const PAUSE_MAX: Duration = Duration::from_mins(30);

/// How often it is looked whether there is a mailbox to look into by now.
const IDLE: Duration = Duration::from_mins(1);

/// What a mail that came back led to.
#[derive(Debug)]
pub enum Taken {
    /// It counts, and is on record.
    Applied(Applied),
    /// It belongs to a mail of ours, and says nothing that counts.
    Ignored(Ignored),
    /// It belongs to a mail of ours that is not on record any more.
    Unknown,
    /// It is none, or nothing proves that it belongs to a mail of ours.
    Refused(ReadError),
}

/// Reads one mail and puts on record what it says. Whatever it is, it can be given here again.
pub async fn take(
    store: &Store,
    keys: &TokenKeys,
    raw: &[u8],
    now: Timestamp,
) -> Result<Taken, StoreError> {
    let event = match bounce::mail::read(raw, keys) {
        Ok(Reading::Event(event)) => event,
        Ok(Reading::Ignored(why)) => {
            counter!("afs_bounces_ignored_total", "reason" => why.as_str()).increment(1);
            return Ok(Taken::Ignored(why));
        }
        Err(error) => {
            counter!("afs_bounces_refused_total").increment(1);
            return Ok(Taken::Refused(error));
        }
    };
    Ok(store.apply_bounce(&event, now).await?.map_or(Taken::Unknown, Taken::Applied))
}

/// Why a round ended before the mailbox was empty.
#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error(transparent)]
    Inbox(#[from] InboxError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("a round took longer than {} minutes", ROUND_TIMEOUT.as_secs() / 60)]
    TimedOut,
}

/// Empties the mailbox every minute or so until `shutdown`, if there is one.
pub(crate) async fn run(worker: Arc<Worker>, shutdown: CancellationToken) {
    let mut failures = 0;
    loop {
        let imap = worker.config.load().mail.bounces.imap.clone();
        let pause = match imap {
            None => IDLE,
            Some(imap) => {
                let round = tokio::time::timeout(ROUND_TIMEOUT, round(&worker, &imap));
                let Some(ended) = shutdown.run_until_cancelled(round).await else { return };
                let interval = Duration::from_secs(imap.poll_interval_secs);
                match ended.unwrap_or(Err(RoundError::TimedOut)) {
                    Ok(more) => {
                        failures = 0;
                        if more { Duration::ZERO } else { interval }
                    }
                    Err(error) => {
                        counter!("afs_inbox_errors_total").increment(1);
                        tracing::warn!(%error, "the mailbox for bounces was not emptied; tried again");
                        failures += 1;
                        longer(interval, failures, Uuid::new_v4().as_u128())
                    }
                }
            }
        };
        if shutdown.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
            return;
        }
    }
}

/// The pause after so many failures: twice as long each time, and half of it by chance, so that workers
/// do not come back all at once.
fn longer(interval: Duration, failures: u32, random: u128) -> Duration {
    let whole = interval.saturating_mul(1 << failures.min(10)).min(PAUSE_MAX.max(interval));
    let millis = whole.as_millis().max(2) / 2;
    let millis = millis + random % millis;
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

/// Takes what is in the mailbox. `true` if there may be more.
async fn round(worker: &Worker, imap: &Imap) -> Result<bool, RoundError> {
    let mut inbox = Inbox::open(&settings(imap)).await?;
    let listed = inbox.unseen(ROUND_MAX).await?;
    let more = listed.len() == ROUND_MAX;
    for mail in listed {
        // Longer than that it is refused, and need not be whole.
        let Some(raw) = inbox.read(mail.uid, MAX_LEN + 1).await? else { continue };
        // Committed when this returns: the mail is let go only then.
        match take(&worker.store, &worker.keys, &raw, worker.now()).await? {
            Taken::Applied(_) | Taken::Ignored(_) | Taken::Unknown => {
                inbox.delete(mail.uid).await?;
            }
            Taken::Refused(error) => {
                tracing::info!(%error, uid = mail.uid, "left in the mailbox, as seen");
                inbox.keep(mail.uid).await?;
            }
        }
    }
    inbox.close().await;
    Ok(more)
}

fn settings(imap: &Imap) -> Settings {
    Settings {
        host: imap.host.clone(),
        port: imap.port,
        tls: match imap.tls {
            config::Tls::Implicit => inbox::Tls::Implicit,
            config::Tls::Starttls => inbox::Tls::StartTls,
            config::Tls::Plaintext => inbox::Tls::None,
        },
        ca_file: imap.ca_file.clone(),
        username: imap.username.clone(),
        password: imap.password.clone(),
        mailbox: imap.mailbox.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_that_is_away_is_asked_less_and_less() {
        let minute = Duration::from_mins(1);
        assert_eq!(longer(minute, 1, 0), minute);
        assert_eq!(longer(minute, 1, 59_999), Duration::from_millis(119_999));
        assert_eq!(longer(minute, 3, 0), minute * 4);
        assert!(longer(minute, 99, u128::MAX) <= PAUSE_MAX);
        assert_eq!(longer(Duration::from_hours(1), 99, 0), Duration::from_mins(30));
    }
}
