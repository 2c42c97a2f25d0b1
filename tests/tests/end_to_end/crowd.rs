//! Many orders, and the account of their mails.
//!
//! Each order has a buyer of its own, so mails are told apart by their recipients and repeats of a
//! mail by their Message-IDs.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use tests::{
    installation::{Installation, Profile, Setup},
    servers::eventually,
    shop::{SHOPS, Webhook, address, completed, now},
};
use tokio::task::JoinHandle;

/// How many orders there are. Their numbers begin with 1.
pub(crate) const ORDERS: u32 = 200;

/// How many mails a worker sends at the same time.
pub(crate) const CONCURRENCY: usize = 4;

/// A minute, so that an order that was completed a minute ago is due at once.
const DELAY: SignedDuration = SignedDuration::from_mins(1);

/// An installation whose leases are over soon.
pub(crate) fn hurried(profile: Profile) -> Setup {
    Setup::new(profile)
        .with_short_leases()
        .set("worker.concurrency", CONCURRENCY)
        .set("invitations.delay_secs", DELAY.as_secs())
}

/// Orders of all platforms whose invitations fall due one after the other, from now on.
pub(crate) fn orders_due_over(span: SignedDuration) -> Vec<Webhook> {
    (1..=ORDERS).map(|order| webhook_due_in(order, span * i32_of(order) / i32_of(ORDERS))).collect()
}

fn i32_of(n: u32) -> i32 {
    i32::try_from(n).unwrap()
}

/// An order whose invitation is due after this time.
pub(crate) fn webhook_due_in(reference: u32, span: SignedDuration) -> Webhook {
    let mut order = completed(reference);
    order.at = Some(now() - DELAY + span);
    SHOPS[reference as usize % SHOPS.len()].webhook(&order)
}

/// Delivers them while the test does something else.
pub(crate) fn deliver_in_the_background(
    afs: &Installation,
    webhooks: Vec<Webhook>,
) -> JoinHandle<()> {
    let web = afs.web.clone();
    tokio::spawn(async move { web.deliver_all(webhooks).await })
}

/// Waits until the mail server has taken so many mails.
pub(crate) async fn until_mails(afs: &Installation, count: usize) {
    eventually(&format!("{count} mails are sent"), async || {
        afs.mail_server.ledger().messages.len() >= count
    })
    .await;
}

/// Checks that every order got its mail, and that all mails for an order are the same one; returns
/// how many more mails there are than orders.
pub(crate) fn repeats_of_mails_for_every_order(afs: &Installation) -> usize {
    let mails = afs.mails();
    let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for mail in &mails {
        ids.entry(mail.envelope_to.clone()).or_default().insert(mail.message_id());
    }
    for order in 1..=ORDERS {
        assert!(ids.contains_key(&address(order)), "order {order} was lost");
    }
    assert!(ids.values().all(|ids| ids.len() == 1), "one order, one Message-ID: {ids:?}");
    let all: BTreeSet<_> = ids.values().flatten().collect();
    assert_eq!(all.len(), ids.len(), "one Message-ID, one order");
    mails.len() - ids.len()
}
