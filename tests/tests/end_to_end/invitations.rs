//! Who gets no mail, and that nobody gets two.
//!
//! That a mail does not come is not shown by waiting. An order that comes after all others is
//! mailed, and then the record holds nothing that is still to be sent.

use std::collections::BTreeSet;

use futures::future::join_all;
use jiff::SignedDuration;
use tests::{
    installation::{Installation, Profile, Setup},
    on_both_profiles,
    servers::eventually,
    shop::{COFFEE, PAPER, SHOPS, TEA, address, cancelled, completed, now},
};

on_both_profiles! {
    orders_that_must_not_be_invited_get_no_mail,
    a_cancel_stops_an_invitation_that_is_about_to_be_sent,
    the_same_webhook_twenty_times_at_once_is_one_mail,
    two_thousand_invitations_due_at_the_same_moment_are_sent_once_each,
}

async fn orders_that_must_not_be_invited_get_no_mail(profile: Profile) {
    let afs = Installation::start(profile).await;
    let deliver = async |webhook| assert_eq!(afs.web.post(&webhook).await.status, 200);

    for (shop, order) in SHOPS.iter().zip(1..) {
        let order = completed(order);
        deliver(shop.webhook(&cancelled(&order))).await;
        deliver(shop.webhook(&order)).await;
    }
    for (shop, reference) in [(COFFEE, 11), (PAPER, 13)] {
        let mut order = completed(reference);
        order.order.test = true;
        deliver(shop.webhook(&order)).await;
    }
    for (shop, reference) in SHOPS.iter().zip(21..) {
        let mut order = completed(reference);
        order.order.email = None;
        deliver(shop.webhook(&order)).await;
    }
    let mut years_ago = completed(31);
    years_ago.at = now().checked_sub(SignedDuration::from_hours(24 * 365)).ok();
    deliver(PAPER.webhook(&years_ago)).await;

    deliver(PAPER.webhook(&completed(99))).await;
    afs.mail_to(&address(99)).await;
    afs.until_sent(1).await;
    let status = afs.status();
    assert_eq!(status.orders(), 10, "all of them are on record");
    assert_eq!(status.invitations("scheduled") + status.invitations("sending"), 0);
    assert_eq!(afs.mails().len(), 1);
}

async fn a_cancel_stops_an_invitation_that_is_about_to_be_sent(profile: Profile) {
    let afs = Setup::new(profile).set("invitations.delay_secs", 3).start().await;

    for (shop, order) in SHOPS.iter().zip(1..) {
        afs.web.deliver(&shop.webhook(&completed(order))).await;
    }
    assert_eq!(afs.status().invitations("scheduled"), 3);
    for (shop, order) in SHOPS.iter().zip(1..) {
        afs.web.deliver(&shop.webhook(&cancelled(&completed(order)))).await;
    }
    afs.web.deliver(&TEA.webhook(&completed(99))).await;

    afs.mail_to(&address(99)).await;
    afs.until_sent(1).await;
    assert_eq!(afs.status().invitations("cancelled"), 3);
    assert_eq!(afs.mails().len(), 1);
}

/// The timer holds a job that is due, and the record does not want it done any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_counts_although_the_invitation_is_overdue() {
    let mut afs = Setup::new(Profile::Distributed).set("invitations.delay_secs", 2).start().await;
    afs.web.deliver_all((1..=10).map(|order| PAPER.webhook(&completed(order)))).await;
    let due_at = now() + SignedDuration::from_secs(2);

    afs.worker().kill();
    eventually("the invitations are due", async || now() > due_at).await;
    assert_eq!(afs.status().invitations("scheduled"), 10);
    afs.web.deliver_all((1..=10).map(|order| PAPER.webhook(&cancelled(&completed(order))))).await;
    afs.worker().start_again().await;

    afs.web.deliver(&PAPER.webhook(&completed(99))).await;
    afs.until_sent(1).await;
    assert_eq!(afs.status().invitations("cancelled"), 10);
    assert_eq!(afs.mails().len(), 1);
}

async fn the_same_webhook_twenty_times_at_once_is_one_mail(profile: Profile) {
    let afs = Installation::start(profile).await;

    for (shop, order) in SHOPS.iter().zip(1..) {
        let webhook = shop.webhook(&completed(order));
        let answers = join_all((0..20).map(|_| afs.web.post(&webhook))).await;
        assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    }

    afs.web.deliver(&PAPER.webhook(&completed(99))).await;
    afs.until_sent(4).await;
    assert_eq!(afs.status().orders(), 4);
    let recipients: Vec<_> = afs.mails().into_iter().map(|mail| mail.envelope_to).collect();
    assert_eq!(recipients.len(), 4, "{recipients:?}");
    assert_eq!(recipients.iter().collect::<BTreeSet<_>>().len(), 4, "{recipients:?}");
}

async fn two_thousand_invitations_due_at_the_same_moment_are_sent_once_each(profile: Profile) {
    const ORDERS: u32 = 2000;
    const DELAY: i64 = 60;
    let afs = Setup::new(profile).set("invitations.delay_secs", DELAY).start().await;
    let all_completed_at = now() + SignedDuration::from_secs(6 - DELAY);

    let orders = (1..=ORDERS).map(|reference| {
        let mut order = completed(reference);
        order.at = Some(all_completed_at);
        PAPER.webhook(&order)
    });
    afs.web.deliver_all(orders).await;

    afs.until_sent(u64::from(ORDERS)).await;
    let recipients: Vec<_> = afs.mails().into_iter().map(|mail| mail.envelope_to).collect();
    assert_eq!(recipients.len(), ORDERS as usize);
    assert_eq!(recipients.iter().collect::<BTreeSet<_>>().len(), ORDERS as usize);
}
