//! Nothing is lost, whatever is killed; and what is sent twice is known.
//!
//! Shops behave as platforms do: what is not answered with 200 is delivered again.

use std::sync::Arc;

use futures::future::join_all;
use jiff::SignedDuration;
use mail::{
    Stage,
    testkit::{Behaviour, Script},
};
use tests::{installation::Profile, on_both_profiles, servers::eventually, shop::address};
use tokio::sync::Notify;

use crate::crowd::{
    CONCURRENCY, ORDERS, deliver_in_the_background, hurried, orders_due_over,
    repeats_of_mails_for_every_order, until_mails, webhook_due_in,
};

on_both_profiles! {
    orders_survive_the_death_of_every_process,
    only_mails_in_flight_at_a_kill_are_sent_twice,
    a_mail_server_that_is_busy_gets_each_mail_once_when_it_is_not,
}

async fn orders_survive_the_death_of_every_process(profile: Profile) {
    let mut afs = hurried(profile).start().await;
    let delivering = deliver_in_the_background(&afs, orders_due_over(SignedDuration::from_secs(6)));

    until_mails(&afs, 20).await;
    afs.receiver().kill();
    afs.receiver().start_again().await;
    if afs.has_servers() {
        afs.redis().flush_all();
    }
    until_mails(&afs, 60).await;
    afs.worker().kill();
    afs.worker().start_again().await;

    delivering.await.unwrap();
    afs.until_sent(u64::from(ORDERS)).await;
    let workers_killed = if profile == Profile::Embedded { 2 } else { 1 };
    let repeats = repeats_of_mails_for_every_order(&afs);
    assert!(repeats <= workers_killed * CONCURRENCY, "{repeats} mails were sent twice");
}

/// The mail server takes the mails, and the worker is killed before it can hear of it: nobody knows
/// then, and the buyers get their mail once more, marked as the same.
async fn only_mails_in_flight_at_a_kill_are_sent_twice(profile: Profile) {
    let taken = Arc::new(Notify::new());
    let holding = (0..CONCURRENCY).fold(Script::new(), |script, _| {
        script.then(Stage::FinalDot, Behaviour::Hold(taken.clone()))
    });
    let mut afs = hurried(profile).mail_server(holding).start().await;
    afs.web.deliver_all(orders_due_over(SignedDuration::ZERO)).await;

    eventually("every handler waits for the mail server", async || {
        let ledger = afs.mail_server.ledger();
        let waiting = |commands: &[String]| commands.last().is_some_and(|command| command == ".");
        ledger.sessions.iter().filter(|session| waiting(&session.commands)).count() == CONCURRENCY
    })
    .await;
    afs.worker().kill();
    eventually("the mail server has taken what it held", async || {
        taken.notify_waiters();
        afs.mail_server.ledger().messages.len() == CONCURRENCY
    })
    .await;
    afs.worker().start_again().await;

    afs.until_sent(u64::from(ORDERS)).await;
    assert_eq!(repeats_of_mails_for_every_order(&afs), CONCURRENCY);
}

async fn a_mail_server_that_is_busy_gets_each_mail_once_when_it_is_not(profile: Profile) {
    let busy = Script::new()
        .then(Stage::Connect, Behaviour::Reply("421 4.3.2 too many connections"))
        .then(Stage::MailFrom, Behaviour::Reply("451 4.3.0 out of memory"))
        .then(Stage::RcptTo, Behaviour::Reply("450 4.7.1 greylisted"))
        .then(Stage::Data, Behaviour::Drop)
        .then(Stage::FinalDot, Behaviour::Reply("452 4.3.1 out of space"));
    let afs = hurried(profile).mail_server(busy).start().await;

    afs.web.deliver_all(orders_due_over(SignedDuration::ZERO)).await;

    afs.until_sent(u64::from(ORDERS)).await;
    assert_eq!(repeats_of_mails_for_every_order(&afs), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_may_be_flushed_and_be_away_and_come_back_empty() {
    let mut afs = hurried(Profile::Distributed).start().await;
    let delivering = deliver_in_the_background(&afs, orders_due_over(SignedDuration::from_secs(8)));

    until_mails(&afs, 20).await;
    afs.redis().flush_all();
    until_mails(&afs, 60).await;
    afs.redis().kill();
    let order = webhook_due_in(ORDERS + 1, SignedDuration::ZERO);
    assert_eq!(afs.web.post(&order).await.status, 200, "orders are taken without Redis");
    assert!(afs.mails().len() < ORDERS as usize, "Redis is missed");
    for readiness in afs.ask_daemons("/readyz").await {
        assert_eq!(readiness.status, 200, "the record is enough: {}", readiness.body);
        assert!(!readiness.body.contains("\"queue\":\"ok\""), "it is told: {}", readiness.body);
    }
    afs.redis().start_again();

    delivering.await.unwrap();
    afs.until_sent(u64::from(ORDERS + 1)).await;
    assert_eq!(repeats_of_mails_for_every_order(&afs), 0);
    assert_eq!(afs.mails_to(&address(ORDERS + 1)).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_postgres_is_away_nothing_is_accepted_and_afterwards_nothing_is_missing() {
    // Longer than the outage: a worker that has sent a mail tries to record it for that long.
    let mut afs = hurried(Profile::Distributed).set("worker.lease_secs", 30).start().await;
    let delivering = deliver_in_the_background(&afs, orders_due_over(SignedDuration::from_secs(6)));

    until_mails(&afs, 40).await;
    afs.postgres().kill();
    let late: Vec<_> = (1..=20).map(|n| webhook_due_in(ORDERS + n, SignedDuration::ZERO)).collect();
    let answers = join_all(late.iter().map(|order| afs.web.post(order)));
    let (answers, readiness, health) =
        tokio::join!(answers, afs.ask_daemons("/readyz"), afs.ask_daemons("/healthz"));
    for answer in answers {
        assert_eq!(answer.status, 503, "{}", answer.body);
        assert!(answer.headers.contains_key("retry-after"));
    }
    assert!(readiness.iter().all(|answer| answer.status == 503), "{readiness:?}");
    assert!(health.iter().all(|answer| answer.status == 200), "a restart would not help");
    afs.postgres().start_again();

    delivering.await.unwrap();
    afs.web.deliver_all(late).await;
    afs.until_sent(u64::from(ORDERS + 20)).await;
    assert_eq!(repeats_of_mails_for_every_order(&afs), 0);
    assert_eq!(afs.mails().len(), ORDERS as usize + 20);
}
