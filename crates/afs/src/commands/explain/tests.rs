//! Orders with different fates, made through the real record and told.

use bounce::Kind;
use config::{Config, ShopSettings};
use domain::{
    Change, Consent, EmailAddress, Fulfilment, InvitationId, Item, Money, Order, OrderEvent,
    Review, ReviewId, ShopId,
    decision::Reason,
    lane::Trouble,
    review::{Opinion, verify},
};
use jiff::{SignedDuration, Timestamp, ToSpan as _, tz::TimeZone};
use store::{
    Store, StoreSettings,
    intake::{Accepted, Arrival},
    sending::{AttemptOutcome, Claim, Claimed, Finish, SentMail},
    suppression::Stop,
};
use uuid::Uuid;
use worker::lanes::TroubledLane;

use super::story::Teller;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// A shop in Stockholm with an empty record.
struct Bench {
    store: Store,
    config: Config,
    shop: ShopId,
    _dir: tempfile::TempDir,
}

/// A minute of a day in July 2026, by the clock of Stockholm.
fn july(day: i64, hour: i64, minute: i64) -> Timestamp {
    let first: Timestamp = "2026-06-30T22:00:00Z".parse().unwrap();
    first + ((day - 1) * 24).hours() + hour.hours() + minute.minutes()
}

fn order() -> Order {
    Order {
        reference: "4711".into(),
        number: Some("#1001".into()),
        email: EmailAddress::parse("anna@mail.example").ok(),
        name: Some("Anna Lind".into()),
        country: Some("SE".into()),
        items: vec![Item { sku: Some("TEA-1".into()), ..item("Tea") }],
        total: Money::new("19.90".parse().ok(), Some("EUR")),
        tags: vec!["wholesale".into()],
        ..Order::default()
    }
}

fn item(name: &str) -> Item {
    Item { name: name.into(), ..Item::default() }
}

impl Bench {
    /// The order alone is a ground to ask, unless `invitations` say something about that.
    async fn new(invitations: &str) -> Self {
        let consent = if invitations.contains("consent") { "" } else { "consent = 'none'\n" };
        let dir = tempfile::tempdir().unwrap();
        let config = format!(
            "[shops.tea]\nplatform = 'x'\nname = 'Tea'\nsecrets = ['a secret']\n\
             [shops.tea.invitations]\ntime_zone = 'Europe/Stockholm'\n{consent}{invitations}"
        );
        let store = Store::open(StoreSettings {
            url: format!("sqlite:{}", dir.path().join("afs.db").display()),
            max_connections: 2,
            address_key: vec![7; 32],
            migrate: true,
        });
        Self {
            store: store.await.unwrap(),
            config: Config::from_toml(&config, &["x"]).unwrap(),
            shop: "tea".parse().unwrap(),
            _dir: dir,
        }
    }

    fn settings(&self) -> &ShopSettings {
        self.config.shop(&self.shop).unwrap()
    }

    /// The platform tells it an hour later.
    async fn tell(&self, change: Change, at: Timestamp, order: Order) -> Option<InvitationId> {
        let event = OrderEvent { change, at: Some(at), order };
        let arrival = Arrival {
            shop: self.shop.clone(),
            event_key: Arrival::key(None, &event),
            event,
            request_id: Uuid::nil(),
            received_at: at + HOUR,
            policy: self.settings().policy.clone(),
        };
        match self.store.accept(arrival).await.unwrap() {
            Accepted::Decided { invitation, .. } => invitation,
            Accepted::Duplicate => panic!("told before"),
        }
    }

    async fn claim(&self, id: InvitationId, now: Timestamp) -> Option<Claimed> {
        self.store.claim(Claim { id, now, lease: HOUR }).await.unwrap()
    }

    /// A worker claims the mail when it is due, and ends with this.
    async fn attempt(&self, id: InvitationId, now: Timestamp, outcome: AttemptOutcome) {
        let fence = self.claim(id, now).await.unwrap().fence;
        let remind_at = Some(now + SignedDuration::from_hours(7 * 24));
        let sent = SentMail { variant: None, remind_at };
        let at = now + SignedDuration::from_secs(2);
        assert!(self.store.finish(Finish { id, fence, at, outcome, sent }).await.unwrap());
    }

    async fn told(&self, now: Timestamp) -> String {
        self.told_of_lane(None, now).await
    }

    async fn told_of_lane(&self, lane: Option<TroubledLane>, now: Timestamp) -> String {
        let history = self.store.history(&self.shop, "4711").await.unwrap().unwrap();
        let json = serde_json::to_string(&history).unwrap();
        assert!(!json.contains("anna@") && !json.contains("Lind"), "{json}");
        Teller::new(&history, Some(self.settings()), lane, HOUR * 72, now).text()
    }
}

fn took() -> AttemptOutcome {
    AttemptOutcome::Sent("250 2.0.0 queued as 8F2A".into())
}

#[tokio::test(flavor = "multi_thread")]
async fn waits_for_the_window_by_the_buyers_clock() {
    let bench = Bench::new("spread_minutes = 0").await;
    let order = Order { country: Some("US".into()), region: Some("CA".into()), ..order() };
    bench.tell(Change::Completed, july(1, 11, 0), order.clone()).await;
    let changed = Order { name: Some("Anna L.".into()), ..order };
    bench.tell(Change::Completed, july(2, 9, 0), changed).await;
    insta::assert_snapshot!(bench.told(july(3, 9, 0)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn waits_longer_for_a_product() {
    let rule = "[shops.tea.invitations.products.tea]\nsku = 'TEA-*'\ndelay_days = 30\n";
    let bench = Bench::new(rule).await;
    bench.tell(Change::Completed, july(1, 11, 0), order()).await;
    insta::assert_snapshot!(bench.told(july(3, 9, 0)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn waits_by_the_rule_of_a_country_and_no_worker_runs() {
    let bench = Bench::new("[shops.tea.invitations.countries.SE]\ndelay_days = 5\n").await;
    bench.tell(Change::Completed, july(1, 11, 0), order()).await;
    insta::assert_snapshot!(bench.told(july(9, 9, 0)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn moves_when_it_arrives() {
    let bench = Bench::new("trigger = 'delivered'").await;
    let shipped = Order { fulfilment: Fulfilment::Shipped, ..order() };
    bench.tell(Change::Completed, july(1, 11, 0), shipped).await;
    let arrived = Order { fulfilment: Fulfilment::Delivered, ..order() };
    bench.tell(Change::Completed, july(4, 12, 30), arrived).await;
    insta::assert_snapshot!(bench.told(july(5, 9, 0)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn is_cancelled_before_the_mail() {
    let bench = Bench::new("").await;
    bench.tell(Change::Completed, july(1, 11, 0), order()).await;
    bench.tell(Change::Cancelled, july(2, 11, 0), order()).await;
    bench.tell(Change::Completed, july(3, 11, 0), order()).await;
    insta::assert_snapshot!(bench.told(july(9, 9, 0)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn is_refunded_after_the_mail() {
    let bench = Bench::new("delay_days = 3").await;
    let id = bench.tell(Change::Completed, july(1, 11, 0), order()).await.unwrap();
    bench.attempt(id, july(4, 11, 0), took()).await;
    bench.tell(Change::Refunded, july(6, 11, 0), order()).await;
    insta::assert_snapshot!(bench.told(july(7, 9, 0)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn is_left_out_below_the_minimum_with_a_tag_or_by_the_sample() {
    let mut told = String::new();
    for rule in [
        "minimum_total = '20.00 EUR'",
        "exclude_tags = ['Wholesale']",
        "exclude_domains = ['mail.example']",
        "one_in = 1000",
    ] {
        let bench = Bench::new(rule).await;
        bench.tell(Change::Completed, july(1, 11, 0), order()).await;
        told += &bench.told(july(2, 9, 0)).await;
        told += "\n\n";
    }
    insta::assert_snapshot!(told);
}

#[tokio::test(flavor = "multi_thread")]
async fn would_be_invited_by_the_settings_of_today() {
    let mut bench = Bench::new("invite_businesses = false").await;
    let business = Order { business: true, ..order() };
    bench.tell(Change::Completed, july(1, 11, 0), business).await;
    bench.config = Bench::new("").await.config;
    insta::assert_snapshot!(bench.told(july(2, 9, 0)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn is_stopped_by_its_buyer_before_it_is_due() {
    let bench = Bench::new("").await;
    let other = Order { reference: "4000".into(), ..order() };
    let earlier = bench.tell(Change::Completed, july(1, 10, 0), other).await.unwrap();
    let id = bench.tell(Change::Completed, july(2, 11, 0), order()).await.unwrap();
    bench.store.unsubscribe(earlier, Stop::AllShops, july(5, 8, 0)).await.unwrap();
    let before = bench.told(july(6, 9, 0)).await;
    assert!(bench.claim(id, july(16, 11, 0)).await.is_none());
    let after = bench.told(july(17, 9, 0)).await;
    insta::assert_snapshot!(format!("{before}\n\n{after}"));
}

/// The mail came back.
fn returned(
    kind: Kind,
    key: &str,
    mail: InvitationId,
    status: &str,
    detail: &str,
) -> bounce::Event {
    let (key, mail) = (key.into(), Some(mail));
    let (status, detail) = (Some(status.into()), detail.into());
    bounce::Event { key, kind, at: None, mail, address: None, status, detail }
}

#[tokio::test(flavor = "multi_thread")]
async fn is_not_mailed_as_an_earlier_mail_came_back() {
    let bench = Bench::new("").await;
    let other = Order { reference: "4000".into(), ..order() };
    let earlier = bench.tell(Change::Completed, july(1, 10, 0), other).await.unwrap();
    bench.attempt(earlier, july(16, 10, 0), took()).await;
    let id = bench.tell(Change::Completed, july(16, 11, 0), order()).await.unwrap();
    let said = "550 <address>: no such user";
    let event = returned(Kind::HardBounce, "k", earlier, "5.1.1", said);
    bench.store.apply_bounce(&event, july(16, 12, 0)).await.unwrap();
    let before = bench.told(july(17, 9, 0)).await;
    assert!(bench.claim(id, july(30, 11, 0)).await.is_none());
    let after = bench.told(july(30, 12, 0)).await;
    insta::assert_snapshot!(format!("{before}\n\n{after}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn is_mailed_and_the_buyer_calls_it_spam() {
    let bench = Bench::new("").await;
    let id = bench.tell(Change::Completed, july(1, 10, 0), order()).await.unwrap();
    bench.attempt(id, july(16, 10, 0), took()).await;
    let event = returned(Kind::Complaint, "k", id, "", "abuse");
    bench.store.apply_bounce(&event, july(16, 12, 0)).await.unwrap();
    insta::assert_snapshot!(bench.told(july(17, 9, 0)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn rests_with_its_mailbox() {
    let bench = Bench::new("").await;
    let id = bench.tell(Change::Completed, july(1, 10, 0), order()).await.unwrap();
    for key in ["4000", "4001", "4002"] {
        let other = Order { reference: key.into(), ..order() };
        let earlier = bench.tell(Change::Completed, july(1, 9, 0), other).await.unwrap();
        bench.attempt(earlier, july(15, 10, 0), took()).await;
        let event = returned(Kind::SoftBounce, key, earlier, "4.2.2", "452 mailbox full");
        bench.store.apply_bounce(&event, july(15, 12, 0)).await.unwrap();
    }
    let before = bench.told(july(15, 13, 0)).await;
    assert!(bench.claim(id, july(16, 11, 0)).await.is_none());
    let after = bench.told(july(16, 12, 0)).await;
    insta::assert_snapshot!(format!("{before}\n\n{after}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn waits_while_its_shop_rests() {
    let bench = Bench::new("").await;
    let id = bench.tell(Change::Completed, july(1, 11, 0), order()).await.unwrap();
    bench.store.pause_shop(&bench.shop, "paused by hand", july(10, 9, 30)).await.unwrap();
    bench.attempt(id, july(15, 11, 0), AttemptOutcome::Postponed(july(15, 11, 15))).await;
    insta::assert_snapshot!(bench.told(july(15, 11, 5)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn waits_while_the_domain_of_the_buyer_wants_less_mail() {
    let bench = Bench::new("").await;
    let id = bench.tell(Change::Completed, july(1, 11, 0), order()).await.unwrap();
    let lane = |trouble, rests_until, mails_per_hour| {
        let lane = "mail.example".to_owned();
        Some(TroubledLane { lane, trouble, rests_until, mails_per_hour })
    };
    let resting = lane(Trouble::Throttled, Some(july(15, 12, 0)), Some(600));
    let early = bench.told_of_lane(resting.clone(), july(14, 11, 0)).await;
    assert_eq!(early, bench.told(july(14, 11, 0)).await, "it may be over by then");
    bench.attempt(id, july(15, 11, 0), AttemptOutcome::Postponed(july(15, 12, 1))).await;
    let mut told = Vec::new();
    for lane in [
        resting,
        lane(Trouble::Throttled, None, Some(600)),
        lane(Trouble::Unwelcome, None, None),
        lane(Trouble::Unreachable, Some(july(15, 12, 0)), None),
    ] {
        let text = bench.told_of_lane(lane, july(15, 11, 5)).await;
        let (_, next) = text.split_once("\nNext\n").unwrap();
        told.push(next.split_once("    If the platform").unwrap().0.to_owned());
    }
    insta::assert_snapshot!(told.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn is_refused_by_the_mail_server_for_good() {
    let bench = Bench::new("delay_days = 3").await;
    let id = bench.tell(Change::Completed, july(1, 11, 0), order()).await.unwrap();
    bench.attempt(id, july(4, 11, 0), AttemptOutcome::Postponed(july(4, 12, 0))).await;
    assert!(bench.claim(id, july(4, 12, 0)).await.is_some(), "and is never heard of again");
    let busy = "451 4.3.0 <anna@mail.example>: try later";
    let retry = AttemptOutcome::Retry { at: july(4, 15, 0), error: busy.into() };
    bench.attempt(id, july(4, 14, 0), retry).await;
    let before = bench.told(july(4, 14, 30)).await;
    let refused = AttemptOutcome::Failed("550 5.1.1 <anna@mail.example>: unknown user".into());
    bench.attempt(id, july(4, 15, 0), refused).await;
    insta::assert_snapshot!(format!("{before}\n\n{}", bench.told(july(5, 9, 0)).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn is_mailed_reminded_reviewed_and_verified() {
    let bench = Bench::new("delay_days = 3").await;
    let id = bench.tell(Change::Completed, july(1, 11, 0), order()).await.unwrap();
    bench.attempt(id, july(4, 11, 0), took()).await;
    let mut told = bench.told(july(5, 9, 0)).await;
    let due = bench.store.due_invitations(july(30, 0, 0), 9).await.unwrap();
    bench.attempt(due[0].id, july(11, 12, 0), took()).await;
    told = format!("{told}\n\n{}", bench.told(july(12, 9, 0)).await);
    let opinion = Opinion {
        stars: 5.try_into().unwrap(),
        title: String::new(),
        text: String::new(),
        display_name: "Anna".into(),
    };
    let review = Review {
        id: ReviewId(Uuid::from_u128(1)),
        shop: bench.shop.clone(),
        invitation: Some(id),
        opinion,
        products: vec![],
        submitted_at: july(12, 20, 0),
    };
    bench.store.submit_review(&review).await.unwrap();
    let (review, origin) = bench.store.pending_review(review.id).await.unwrap().unwrap();
    let verdict = verify(&review, origin.as_ref());
    assert!(bench.store.label_review(review.id, &verdict, july(12, 20, 1)).await.unwrap());
    told = format!("{told}\n\n{}", bench.told(july(13, 9, 0)).await);
    insta::assert_snapshot!(told);
}

#[tokio::test(flavor = "multi_thread")]
async fn is_asked_for_later() {
    let bench = Bench::new("delay_days = 3").await;
    let id = bench.tell(Change::Completed, july(1, 11, 0), order()).await.unwrap();
    bench.attempt(id, july(4, 11, 0), took()).await;
    assert!(bench.store.ask_later(id, july(20, 11, 0), july(5, 8, 0)).await.unwrap());
    insta::assert_snapshot!(bench.told(july(6, 9, 0)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn is_not_mailed_as_the_buyer_was_asked_before() {
    let bench = Bench::new("delay_days = 3").await;
    let id = bench.tell(Change::Completed, july(1, 11, 0), order()).await.unwrap();
    bench.attempt(id, july(4, 11, 0), AttemptOutcome::AskedBefore).await;
    insta::assert_snapshot!(bench.told(july(5, 9, 0)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn is_found_by_its_reference_or_else_by_its_number() {
    let bench = Bench::new("").await;
    let numbered = |reference: &str, number: &str| Order {
        reference: reference.into(),
        number: Some(number.into()),
        ..order()
    };
    for order in
        [numbered("1", "#10"), numbered("2", "#1_0"), numbered("3", "10"), numbered("4", "1")]
    {
        bench.tell(Change::Completed, july(1, 11, 0), order).await;
    }
    let find = async |order: &str| {
        let found = super::find(&bench.store, &bench.shop, order, &bench.config).await;
        found.map(|history| history.reference).map_err(|error| error.to_string())
    };
    assert_eq!(find("1").await.as_deref(), Ok("1"), "the reference comes first");
    assert_eq!(find("1_0").await.as_deref(), Ok("2"));
    insta::assert_snapshot!(find("#10").await.unwrap_err());
    insta::assert_snapshot!(find("77").await.unwrap_err());
    let empty = Bench::new("").await;
    let other = "coffee".parse().unwrap();
    let unknown = super::find(&empty.store, &other, "77", &empty.config).await;
    insta::assert_snapshot!(unknown.unwrap_err().to_string());
}

#[test]
fn july_is_by_the_clock_of_stockholm() {
    let zone = TimeZone::get("Europe/Stockholm").unwrap();
    assert_eq!(crate::commands::words::moment(july(4, 11, 5), &zone), "Sat 4 Jul 2026, 11:05");
}

/// What Shopify tells, say.
fn agreed() -> Consent {
    Consent {
        at: Some(july(1, 9, 30)),
        text: Some("subscribed, confirmed_opt_in".into()),
        ..Consent::ticked(true, "customer.email_marketing_consent")
    }
}

fn german(marketing_consent: Option<Consent>) -> Order {
    Order { country: Some("DE".into()), marketing_consent, ..order() }
}

const LAW: &str = "consent = 'legal_default'\nspread_minutes = 0\n";

#[tokio::test(flavor = "multi_thread")]
async fn is_not_invited_from_germany_without_a_yes_or_a_notice() {
    let mut told = String::new();
    for order in [german(None), Order { country: None, ..german(None) }] {
        let bench = Bench::new(LAW).await;
        bench.tell(Change::Completed, july(1, 11, 0), order).await;
        told += &bench.told(july(2, 9, 0)).await;
        told += "\n\n";
    }
    insta::assert_snapshot!(told);
}

#[tokio::test(flavor = "multi_thread")]
async fn is_invited_as_the_buyer_agreed() {
    let bench = Bench::new(LAW).await;
    bench.tell(Change::Completed, july(1, 11, 0), german(Some(agreed()))).await;
    insta::assert_snapshot!(bench.told(july(2, 9, 0)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn is_invited_as_buyers_are_told_at_the_checkout() {
    let notice = "consent_notice = 'We will ask you for a review by e-mail. You can object.'\n";
    let bench = Bench::new(&format!("{LAW}{notice}")).await;
    bench.tell(Change::Completed, july(1, 11, 0), german(None)).await;
    insta::assert_snapshot!(bench.told(july(2, 9, 0)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn is_not_mailed_as_the_buyer_took_a_yes_back() {
    let bench = Bench::new(&format!("delay_days = 3\n{LAW}")).await;
    bench.tell(Change::Completed, july(1, 11, 0), german(Some(agreed()))).await;
    let unticked = Consent::ticked(false, "customer.email_marketing_consent");
    bench.tell(Change::Completed, july(2, 11, 0), german(Some(unticked))).await;
    insta::assert_snapshot!(bench.told(july(3, 9, 0)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn is_not_reminded_as_the_buyer_wants_none_or_took_a_yes_back() {
    let bench = Bench::new(&format!("delay_days = 3\n{LAW}")).await;
    let id = bench.tell(Change::Completed, july(1, 11, 0), german(Some(agreed()))).await.unwrap();
    bench.attempt(id, july(4, 11, 0), took()).await;
    let due = bench.store.due_invitations(july(30, 0, 0), 9).await.unwrap();
    bench.store.prefer(id, Some(Stop::Reminders), july(5, 8, 0)).await.unwrap();
    let unwanted = bench.told(july(6, 9, 0)).await;
    bench.store.prefer(id, None, july(7, 8, 0)).await.unwrap();
    let refused = Consent::stated(false, "customer.email_marketing_consent");
    bench.tell(Change::Completed, july(8, 11, 0), german(Some(refused))).await;
    let outcome = AttemptOutcome::MayNotAsk(Reason::Objected);
    bench.attempt(due[0].id, july(11, 12, 0), outcome).await;
    insta::assert_snapshot!(format!("{unwanted}\n\n{}", bench.told(july(12, 9, 0)).await));
}
