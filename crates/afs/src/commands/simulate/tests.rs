//! Orders in the real record, decided again by another configuration.

use std::{collections::BTreeMap, time::Instant};

use config::Config;
use domain::{Change, EmailAddress, Fulfilment, InvitationId, Item, Order, OrderEvent, ShopId};
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use proptest::prelude::*;
use store::{
    Store, StoreSettings,
    intake::{Accepted, Arrival},
    suppression::Stop,
};
use uuid::Uuid;

use super::{
    Simulation, Since,
    replay::{Fate, Policies, Replay},
    simulate,
};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// A record, the configuration in force, and the one that is tried.
struct Bench {
    store: Store,
    now: Config,
    new: Config,
    _dir: tempfile::TempDir,
}

fn at(day: i64, hour: i64) -> Timestamp {
    let first: Timestamp = "2026-07-01T00:00:00Z".parse().unwrap();
    first + ((day - 1) * 24 + hour).hours()
}

/// The order alone is a ground to ask, unless `invitations` say something about that.
fn config(invitations: &str) -> Config {
    let consent = if invitations.contains("consent") { "" } else { "consent = 'none'\n" };
    let text = format!(
        "[invitations]\n{consent}{invitations}\n\
         [shops.paper]\nplatform = 'x'\nname = 'Paper'\nsecrets = ['a secret']\n\
         [shops.tea]\nplatform = 'x'\nname = 'Tea'\nsecrets = ['a secret']\n"
    );
    Config::from_toml(&text, &["x"]).unwrap()
}

fn order(reference: &str, buyer: &str, sku: &str) -> Order {
    Order {
        reference: reference.into(),
        email: EmailAddress::parse(&format!("{buyer}@mail.example")).ok(),
        items: vec![Item { name: sku.into(), sku: Some(sku.into()), ..Item::default() }],
        ..Order::default()
    }
}

fn shop(id: &str) -> ShopId {
    id.parse().unwrap()
}

impl Bench {
    async fn new(now: &str, new: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(StoreSettings {
            url: format!("sqlite:{}", dir.path().join("afs.db").display()),
            max_connections: 2,
            address_key: vec![7; 32],
            migrate: true,
        });
        Self { store: store.await.unwrap(), now: config(now), new: config(new), _dir: dir }
    }

    async fn tell(
        &self,
        id: &str,
        change: Change,
        at: Timestamp,
        order: Order,
    ) -> Option<InvitationId> {
        let event = OrderEvent { change, at: Some(at), order };
        let arrival = Arrival {
            shop: shop(id),
            event_key: Arrival::key(None, &event),
            event,
            request_id: Uuid::nil(),
            received_at: at,
            policy: self.now.shop(&shop(id)).unwrap().policy.clone(),
        };
        match self.store.accept(arrival).await.unwrap() {
            Accepted::Decided { invitation, .. } => invitation,
            Accepted::Duplicate => panic!("told before"),
        }
    }

    fn policies(&self) -> BTreeMap<ShopId, Policies> {
        let policies = |id: &ShopId| Policies {
            now: self.now.shop(id).unwrap().policy.clone(),
            new: self.new.shop(id).unwrap().policy.clone(),
        };
        self.now.shops.keys().map(|id| (id.clone(), policies(id))).collect()
    }

    async fn simulate(&self, since: Timestamp) -> Simulation {
        simulate(&self.store, &self.policies(), since, at(60, 0)).await.unwrap()
    }
}

fn told(simulation: &Simulation, bench: &Bench, id: &str) -> String {
    let zone = bench.policies()[&shop(id)].zone();
    simulation.shops[&shop(id)].text(id, &zone)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_is_counted_and_shown() {
    let now = "delay_days = 14\nspread_minutes = 0\nexclude_tags = ['vip']";
    let new = "delay_days = 7\nspread_minutes = 0\nwindow_opens = '12:00'\nminimum_total = '20 EUR'\n\
               time_zone = 'Europe/Stockholm'";
    let bench = Bench::new(now, new).await;
    for n in 1..=3 {
        let order = order(&n.to_string(), &format!("buyer-{n}"), "a");
        bench.tell("tea", Change::Completed, at(1, 5 * n), order).await;
    }
    let small = domain::Money::new("9.90".parse().ok(), Some("EUR"));
    let cheap = Order { total: small, ..order("4", "buyer-4", "a") };
    bench.tell("tea", Change::Completed, at(2, 12), cheap).await;
    let tagged = Order { tags: vec!["vip".into()], ..order("5", "buyer-5", "a") };
    bench.tell("tea", Change::Completed, at(2, 12), tagged).await;
    bench.tell("tea", Change::Completed, at(2, 12), order("6", "buyer-6", "a")).await;
    bench.tell("tea", Change::Refunded, at(12, 12), order("6", "buyer-6", "a")).await;
    bench.tell("tea", Change::Cancelled, at(2, 12), order("7", "buyer-7", "a")).await;
    bench.tell("tea", Change::Completed, at(0, 12), order("8", "buyer-8", "a")).await;

    let simulation = bench.simulate(at(1, 0)).await;

    assert_eq!((simulation.invited_twice, simulation.persons_mailed_again), (0, [0, 0]));
    insta::assert_snapshot!(told(&simulation, &bench, "tea"));
    assert_eq!(simulation.shops[&shop("paper")].orders, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_be_asked_under_other_rules_is_counted() {
    let bench = Bench::new("", "consent = 'opt_in'").await;
    for (n, answer) in [Some(true), Some(false), None].into_iter().enumerate() {
        let consent = answer.map(|is_ticked| domain::Consent::ticked(is_ticked, "newsletter"));
        let order = order(&n.to_string(), &format!("buyer-{n}"), "a");
        let order = Order { marketing_consent: consent, ..order };
        bench.tell("tea", Change::Completed, at(1, 5), order).await;
    }
    let simulation = bench.simulate(at(1, 0)).await;
    let report = &simulation.shops[&shop("tea")];
    assert_eq!((report.changed(), report.new.not_mailed["no_consent"]), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_configuration_changes_nothing() {
    let rules = "trigger = 'delivered'\nfallback_delay_days = 30\nperson_gap_hours = 100";
    let bench = Bench::new(rules, rules).await;
    for n in 1..=20 {
        let buyer = format!("buyer-{}", n % 4);
        let order = order(&n.to_string(), &buyer, &format!("sku-{}", n % 3));
        bench.tell("tea", Change::Completed, at(n, n), order.clone()).await;
        if n % 3 == 0 {
            let arrived = Order { fulfilment: Fulfilment::Delivered, ..order };
            bench.tell("tea", Change::Completed, at(n + 3, n), arrived).await;
        }
    }
    let simulation = bench.simulate(at(1, 0)).await;
    let report = &simulation.shops[&shop("tea")];
    assert_eq!((report.orders, report.changed()), (20, 0));
    assert_eq!(report.now, report.new);
    assert!(report.now.not_mailed["asked_before"] > 0, "{:?}", report.now);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_under_the_rules_in_force_repeats_the_record() {
    let rules = "trigger = 'delivered'\nperson_gap_hours = 0\nsame_product_days = 0\n\
                 person_mails_per_30_days = 100";
    let bench = Bench::new(rules, rules).await;
    for n in 1..=12 {
        let mut order = order(&n.to_string(), "anna", "a");
        order.country = Some(if n % 2 == 0 { "SE" } else { "JP" }.into());
        bench.tell("tea", Change::Completed, at(n, 11), order.clone()).await;
        if n % 3 == 0 {
            let arrived = Order { fulfilment: Fulfilment::Delivered, ..order };
            bench.tell("tea", Change::Completed, at(n + 3, 7), arrived).await;
        }
    }
    let due = bench.store.due_invitations(at(90, 0), 100).await.unwrap();
    let mut due: Vec<_> = due.into_iter().map(|due| due.at).collect();
    due.sort_unstable();

    let policies = bench.policies();
    let mut replay = Replay::default();
    for told in bench.store.told(&shop("tea"), "", at(1, 0)).await.unwrap().orders {
        assert!(replay.add(&shop("tea"), &told, &policies[&shop("tea")], at(1, 0)));
    }
    let (compared, _) = replay.finish(&policies);
    let mut mailed: Vec<_> = compared[&shop("tea")]
        .iter()
        .map(|order| match order.now {
            Fate::Mailed(at, _) => at,
            Fate::NotMailed(why) => panic!("{}: {why:?}", order.reference),
        })
        .collect();
    mailed.sort_unstable();
    assert_eq!(mailed, due);
}

#[tokio::test(flavor = "multi_thread")]
async fn caps_hold_for_a_person_in_all_shops_and_in_time_order() {
    let none = "person_gap_hours = 0\nsame_product_days = 0\nperson_mails_per_30_days = 100\n\
                delay_days = 1\nspread_minutes = 0";
    let gap = none.replace("person_gap_hours = 0", "person_gap_hours = 72");
    let bench = Bench::new(none, &gap).await;
    bench.tell("tea", Change::Completed, at(1, 10), order("1", "anna", "a")).await;
    bench.tell("paper", Change::Completed, at(1, 12), order("2", "Anna", "b")).await;
    bench.tell("tea", Change::Completed, at(1, 14), order("3", "berta", "a")).await;

    let simulation = bench.simulate(at(1, 0)).await;

    assert_eq!(simulation.persons_mailed_again, [1, 1]);
    assert_eq!(simulation.shops[&shop("tea")].changed(), 0, "the first mail leaves as before");
    let paper = &simulation.shops[&shop("paper")].examples[0];
    assert_eq!(paper.now.mailed_at, Some(at(2, 12)));
    assert_eq!(paper.new.mailed_at, Some(at(5, 10)), "three days after the other shop's");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_said_stop_is_not_mailed_from_then_on() {
    let tagged = "delay_days = 5\nexclude_tags = ['vip']";
    let bench = Bench::new(tagged, "delay_days = 20").await;
    let done = Change::Completed;
    let vip = Order { tags: vec!["vip".into()], ..order("2", "anna", "b") };
    bench.tell("tea", done, at(1, 10), vip).await;
    let id = bench.tell("tea", done, at(1, 10), order("1", "anna", "a")).await.unwrap();
    bench.store.unsubscribe(id, Stop::Shop, at(10, 0)).await.unwrap();
    let simulation = bench.simulate(at(1, 0)).await;
    let report = &simulation.shops[&shop("tea")];
    assert_eq!((report.now.mailed, report.lost), (1, 1));
    assert_eq!(report.new.not_mailed["recipient_said_stop"], 2, "also for what had no invitation");
}

#[test]
fn a_time_in_the_past_is_a_length_or_a_date() {
    let before = |text: &str| text.parse::<Since>().map(|since| since.before(at(31, 12)));
    assert_eq!(before("30d").unwrap(), at(1, 12));
    assert_eq!(before("12h").unwrap(), at(31, 0));
    assert_eq!(before("2026-07-03").unwrap(), at(3, 0));
    for wrong in ["", "30", "-30d", "yesterday", "2026-13-01"] {
        assert!(before(wrong).is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn any_text_is_a_time_in_the_past_or_refused(text in ".{0,20}", days in 1_i64..4000) {
        if let Ok(since) = text.parse::<Since>() {
            since.before(at(1, 0));
        }
        let since: Since = format!("{days}d").parse().unwrap();
        prop_assert_eq!(at(1, 0).duration_since(since.before(at(1, 0))), HOUR * 24 * i32::try_from(days).unwrap());
    }
}

/// Prints how long the commands take: `cargo test -p afs -- --ignored --nocapture measured`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute or more; for figures"]
async fn measured_with_a_hundred_thousand_orders() {
    const ORDERS: i64 = 100_000;
    let bench = Bench::new("", "delay_days = 7\nrest_on_holidays = true").await;
    let policy = bench.now.shop(&shop("tea")).unwrap().policy.clone();
    let clock = Instant::now();
    let mut under_way = tokio::task::JoinSet::new();
    for n in 0..ORDERS {
        let countries = ["SE", "DE", "US", "JP"];
        let order = Order {
            number: Some(format!("#{n}")),
            name: Some("Anna Lind".into()),
            country: countries.get(usize::try_from(n % 4).unwrap()).map(ToString::to_string),
            ..order(
                &format!("gid-{n:08}"),
                &format!("buyer-{}", n % 60_000),
                &format!("sku-{}", n % 500),
            )
        };
        let event =
            OrderEvent { change: Change::Completed, at: Some(at(1 + n % 28, n % 24)), order };
        let arrival = Arrival {
            shop: shop("tea"),
            event_key: Arrival::key(None, &event),
            request_id: Uuid::nil(),
            received_at: event.at.unwrap(),
            event,
            policy: policy.clone(),
        };
        let store = bench.store.clone();
        under_way.spawn(async move { store.accept(arrival).await.unwrap() });
        if under_way.len() >= 1024 {
            under_way.join_next().await;
        }
    }
    under_way.join_all().await;
    eprintln!("{ORDERS} orders accepted in {:?}", clock.elapsed());

    let clock = Instant::now();
    let history = bench.store.history(&shop("tea"), "gid-00099999").await.unwrap();
    assert!(history.is_some());
    eprintln!("history by reference in {:?}", clock.elapsed());
    let clock = Instant::now();
    let found = bench.store.orders_numbered(&shop("tea"), "99999").await.unwrap();
    assert_eq!(found, ["gid-00099999"]);
    eprintln!("the last order by number in {:?}", clock.elapsed());
    let clock = Instant::now();
    let simulation = bench.simulate(at(1, 0)).await;
    assert_eq!(simulation.shops[&shop("tea")].orders, 100_000);
    eprintln!("simulated in {:?}", clock.elapsed());
    eprintln!("{}", told(&simulation, &bench, "tea"));
}
