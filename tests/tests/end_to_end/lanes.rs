//! Nobody waits for another: shops take turns, and receivers that are slow hold up their own mail only.

#![expect(
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "what is measured is printed, and how much of it comes from the environment"
)]

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use domain::{EmailAddress, OrderEvent};
use jiff::SignedDuration;
use mail::{
    Stage,
    testkit::{Behaviour, Script},
};
use tests::{
    installation::{Installation, Profile, Setup},
    on_both_profiles,
    servers::{eventually, within},
    shop::{PAPER, TEA, completed, now},
};

on_both_profiles! {
    ten_mails_of_a_shop_do_not_wait_for_the_thousand_of_another,
    a_throttled_lane_delays_nobody_else_and_all_its_mails_arrive_once,
    a_refusal_of_all_mail_is_held_against_no_mail,
}

async fn ten_mails_of_a_shop_do_not_wait_for_the_thousand_of_another(profile: Profile) {
    const DELAY: i64 = 60;
    let afs = Setup::new(profile).set("invitations.delay_secs", DELAY).start().await;
    let completed_at = now() + SignedDuration::from_secs(12 - DELAY);
    let due = |order| OrderEvent { at: Some(completed_at), ..completed(order) };
    // All are due at the same moment; those of the one shop were there first.
    afs.web.deliver_all((1..=1000).map(|order| PAPER.webhook(&due(order)))).await;
    afs.web.deliver_all((90_000..=90_009).map(|order| TEA.webhook(&due(order)))).await;

    afs.until_sent(1010).await;
    let mails = afs.mails();
    let of_few = |mail: &tests::mailbox::Mail| mail.envelope_to.contains("buyer-9000");
    let before = mails.iter().rposition(of_few).unwrap();
    assert!(before < 200, "{before} mails left before the last of the ten");
}

fn to(host: &str, reference: u32) -> OrderEvent {
    let mut order = completed(reference);
    order.order.email = EmailAddress::parse(&format!("buyer-{reference}@{host}")).ok();
    order
}

/// How long after `since` half and all but a hundredth of the mails to `host` were there.
fn lateness(afs: &Installation, host: &str, since: Instant) -> (Duration, Duration) {
    let mut late: Vec<_> = afs.mail_server.look(|ledger| {
        let there = ledger.messages.iter().filter(|mail| mail.to.ends_with(host));
        there.map(|mail| mail.taken_at.duration_since(since)).collect()
    });
    late.sort_unstable();
    (late[late.len() / 2], late[late.len() * 99 / 100])
}

async fn a_throttled_lane_delays_nobody_else_and_all_its_mails_arrive_once(profile: Profile) {
    const SLOW: u32 = 30;
    const OTHERS: u32 = 200;
    let rations = Script::new().rations("slow.example", 4, Duration::from_secs(1));
    let mut figures = Vec::new();
    for slow in [0, SLOW] {
        let afs = Setup::new(profile).mail_server(rations.clone()).start().await;
        let since = Instant::now();
        let slow_ones = (1..=slow).map(|order| PAPER.webhook(&to("slow.example", order)));
        let others = (1..=OTHERS).map(|n| PAPER.webhook(&to("other.example", 1000 + n)));
        afs.web.deliver_all(slow_ones.chain(others)).await;
        afs.until_sent(u64::from(slow + OTHERS)).await;
        figures.push(lateness(&afs, "other.example", since));

        let recipients: Vec<_> = afs.mails().into_iter().map(|mail| mail.envelope_to).collect();
        assert_eq!(recipients.iter().collect::<BTreeSet<_>>().len(), recipients.len(), "once each");
        assert_eq!(recipients.len(), (slow + OTHERS) as usize);
        if slow > 0 {
            let (_, last) = lateness(&afs, "slow.example", since);
            eprintln!("{profile:?}: the throttled ones within {last:?}");
            let refused = afs.mail_server.look(|ledger| ledger.misbehaved.len());
            assert!(refused > 0, "nothing was throttled");
            assert!(refused < 60, "{refused} refusals for {SLOW} mails: the lane does not learn");
            assert!(afs.metrics().await.contains("afs_lane_rests_total"));
        }
    }
    let [(p50_alone, p99_alone), (p50, p99)] = figures[..] else { unreachable!() };
    eprintln!(
        "{profile:?}: others p50 {p50:?}, p99 {p99:?}; without a throttled lane {p50_alone:?}, {p99_alone:?}"
    );
    assert!(p99 < p99_alone * 3 + Duration::from_secs(2), "{p99:?} instead of {p99_alone:?}");
}

/// A sender that is blocked for longer than mails are tried loses none of them, if it is cleared while
/// they may still be tried.
async fn a_refusal_of_all_mail_is_held_against_no_mail(profile: Profile) {
    let blocked = Behaviour::Reply("550 5.7.1 your address is on a list");
    let afs = Setup::new(profile)
        .mail_server(Script::new().always(Stage::MailFrom, blocked))
        .start()
        .await;
    afs.web.deliver_all((1..=20).map(|order| PAPER.webhook(&completed(order)))).await;
    let refusals = || afs.mail_server.look(|ledger| ledger.misbehaved.len());
    eventually("single mails go ahead", async || refusals() >= 14).await;
    let (waiting, sent) = (afs.status().invitations("failed"), afs.status().invitations("sent"));
    assert_eq!((waiting, sent), (0, 0));
    if profile == Profile::Distributed {
        let said =
            |arguments: &[&str]| String::from_utf8_lossy(&afs.afs(arguments).stdout).into_owned();
        let status = said(&["status"]);
        assert!(status.contains("slow lane     example.com"), "{status}");
        assert!(status.contains("refuse our mail"), "{status}");
        // A mail that is just being tried waits for nothing.
        eventually("explain says why the first mail waits", async || {
            let story = said(&["explain", "--shop", PAPER.id, "--order", "1"]);
            assert!(!story.contains("example.com"), "{story}");
            story.contains("refuse our mail")
        })
        .await;
    }
    afs.mail_server.follow(Script::new());
    afs.until_sent(20).await;
    assert_eq!(afs.mails().len(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_takes_no_room_in_a_lane_with_it_for_good() {
    let mut afs = Setup::new(Profile::Distributed)
        .with_short_leases()
        .set("mail.lanes.connections", 2)
        .mail_server(Script::new().always(Stage::FinalDot, Behaviour::Silence))
        .start()
        .await;
    afs.web.deliver_all((1..=8).map(|order| PAPER.webhook(&completed(order)))).await;
    eventually("mails are in hand", async || {
        afs.mail_server.look(|ledger| ledger.misbehaved.len()) >= 2
    })
    .await;
    let open = afs.mail_server.look(|ledger| ledger.most_open);
    afs.worker().kill();
    afs.mail_server.follow(Script::new());
    afs.worker().start_again().await;
    afs.until_sent(8).await;
    assert!(open <= 2, "{open} at a time");
    let recipients: BTreeSet<_> = afs.mails().into_iter().map(|mail| mail.envelope_to).collect();
    assert_eq!((recipients.len(), afs.mails().len()), (8, 8));
}

/// Prints how long ten mails take behind many others of the same shop, as all mails once had to, and
/// of another shop. `AFS_FAIRNESS_MAILS` is how many there are; beyond 20,000, nobody waits for the same
/// shop's.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes; prints figures"]
async fn fairness_in_figures() {
    let many: u32 = std::env::var("AFS_FAIRNESS_MAILS").map_or(20_000, |n| n.parse().unwrap());
    for profile in [Profile::Embedded, Profile::Distributed] {
        let shops = if many > 20_000 { &[TEA][..] } else { &[TEA, PAPER] };
        for shop in shops {
            let afs = Setup::new(profile).set("invitations.delay_secs", 86_400).start().await;
            afs.web.deliver(&PAPER.webhook(&completed(1))).await;
            afs.web.deliver_all((2001..=2010).map(|order| shop.webhook(&completed(order)))).await;
            let hex = |digits| match profile {
                Profile::Embedded => format!("printf('%0{digits}x', i)"),
                Profile::Distributed => format!("lpad(to_hex(i), {digits}, '0')"),
            };
            let (short, long) = (hex(8), hex(12));
            let numbers = format!(
                "WITH RECURSIVE n(i) AS (SELECT 10001 UNION ALL SELECT i + 1 FROM n WHERE i < {})",
                10_000 + many
            );
            afs.change_record(format!(
                "INSERT INTO orders (shop_id, order_ref, version, status, changed_at, details)
                 {numbers} SELECT shop_id, CAST(i AS TEXT), version, status, changed_at, details
                 FROM orders, n WHERE order_ref = '1'"
            ))
            .await;
            afs.change_record(format!(
                "INSERT INTO invitations (id, shop_id, order_ref, kind, recipient_hash, state,
                   first_due_at, due_at, attempt, fence, request_id)
                 {numbers} SELECT {short} || '-0000-7000-8000-' || {long}, shop_id, CAST(i AS TEXT),
                   kind, recipient_hash || i, state, 1, 1, 0, 0, request_id
                 FROM invitations, n WHERE order_ref = '1'"
            ))
            .await;
            let since = Instant::now();
            let ten = "UPDATE invitations SET due_at = 2, first_due_at = 2
                       WHERE state = 'scheduled' AND order_ref LIKE '20__'";
            assert_eq!(afs.change_record(ten.into()).await, 10);
            let arrived = || {
                afs.mail_server.look(|ledger| {
                    ledger.messages.iter().filter(|mail| mail.to.contains("-20")).count()
                })
            };
            within(Duration::from_mins(20), "the ten are there", async || arrived() >= 10).await;
            let (took, mails) = (since.elapsed(), afs.mail_server.look(|it| it.messages.len()));
            eprintln!(
                "{profile:?}, {many} due: ten of {} left within {took:?}, {mails} mails by then",
                if shop.id == PAPER.id { "the same shop" } else { "another shop" }
            );
        }
    }
}
