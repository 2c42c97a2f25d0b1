//! `afs webhook replay`: reads again what could not be read, and fetches again what was not fetched.

use std::collections::BTreeMap;

use anyhow::{bail, ensure};
use config::Config;
use receiver::{Receiver, Replayed};
use store::unread::UnreadWebhook;

use crate::{commands::say, lifecycle, services::Services};

/// Webhooks that are in memory at the same time: each may have the size of a body.
const PAGE: u32 = 20;

/// What became of webhooks that were kept, with how many.
#[derive(Default)]
struct Outcome {
    read: usize,
    /// By what to say about them.
    left: BTreeMap<String, usize>,
}

pub(crate) fn replay(config: Config) -> anyhow::Result<()> {
    lifecycle::runtime()?.block_on(async {
        let services = Services::open(config).await?;
        let fetches = services.store.retry_failed_notices((services.clock)()).await?;
        let outcome = read_all(&services.receiver()).await?;
        services.store.close().await;
        say(format_args!("webhooks read   {}", outcome.read));
        for (what, count) in &outcome.left {
            say(format_args!("still kept      {count}: {what}"));
        }
        say(format_args!("orders          {fetches} to be fetched again by the worker"));
        ensure!(outcome.left.is_empty(), "some webhooks are still kept; see above");
        Ok(())
    })
}

async fn read_all(receiver: &Receiver) -> anyhow::Result<Outcome> {
    let (mut outcome, mut after) = (Outcome::default(), None);
    loop {
        let page = receiver.store.unread(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(outcome) };
        after = Some((last.received_at, last.id));
        for webhook in page {
            match left(receiver, &webhook).await? {
                None => outcome.read += 1,
                Some(what) => *outcome.left.entry(what).or_default() += 1,
            }
        }
    }
}

/// Why the webhook is still kept; `None` if it was read.
async fn left(receiver: &Receiver, webhook: &UnreadWebhook) -> anyhow::Result<Option<String>> {
    let shop = &webhook.shop;
    Ok(match receiver::replay(receiver, webhook).await {
        Replayed::Read => None,
        Replayed::Unread(error) => Some(format!("{shop}: cannot be read: {error}")),
        Replayed::Untrusted("unknown_shop") => Some(format!("{shop}: there is no such shop")),
        Replayed::Untrusted(_) => Some(format!(
            "{shop}: the secret has changed since; put the old one beside the new one for this"
        )),
        Replayed::Unavailable => bail!("the record does not take it: see `afs status`"),
    })
}
