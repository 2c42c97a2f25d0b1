//! Shops whose platforms post orders: many, realistic, in the wrong order, more than once, and
//! again if they are not answered with 2xx.
//!
//! What will be posted follows from the seed alone; when it is posted, from the run.

use std::{sync::Arc, time::Duration};

use ::tests::shop::{Shop, now};
use domain::{Change, EmailAddress, Item, Order as DomainOrder, OrderEvent};
use fastrand::Rng;
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

use crate::{
    http::Http,
    ledger::{Book, Cause, Granted, Order, Request, Stop},
    record::Source,
};

/// The pauses between the attempts of a platform; after the last one it gives up.
const PAUSES: [Duration; 7] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(4),
    Duration::from_secs(4),
];

/// How long we try to look into the record after a stop was granted.
const LOOKS: u32 = 20;

/// The longest delay of an invitation, in seconds: a long run has to wait for it in the end.
const LATE_MAX: u32 = 300;

const SHOPIFY_SECRET: &str = "the-secret-of-the-shopify-shops";
const WOOCOMMERCE_SECRET: &str = "the-secret-of-the-woocommerce-shops";
const STANDARD_SECRET: &str = "whsec_dGhlLXNlY3JldC1vZi1hbGwtcGFwZXItc2hvcHMhISE=";
const FORGERS_SECRET: &str = "whsec_dGhpcy1pcy1ub3QtdGhlLXNlY3JldC1vZi1hLXNob3A=";

/// On each platform a shop that invites at once, one that waits a little, and one that waits long.
const SHOPS: [Shop; 9] = [
    shop("coffee-now", "shopify", SHOPIFY_SECRET),
    shop("coffee-soon", "shopify", SHOPIFY_SECRET),
    shop("coffee-late", "shopify", SHOPIFY_SECRET),
    shop("tea-now", "woocommerce", WOOCOMMERCE_SECRET),
    shop("tea-soon", "woocommerce", WOOCOMMERCE_SECRET),
    shop("tea-late", "woocommerce", WOOCOMMERCE_SECRET),
    shop("paper-now", "standard_webhooks", STANDARD_SECRET),
    shop("paper-soon", "standard_webhooks", STANDARD_SECRET),
    shop("paper-late", "standard_webhooks", STANDARD_SECRET),
];

const fn shop(id: &'static str, platform: &'static str, secret: &'static str) -> Shop {
    Shop { id, platform, name: "A shop among others", secret }
}

/// What will be posted and how buyers will react.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The shops with the delays of their invitations, in seconds.
    pub(crate) shops: Vec<(Shop, u32)>,
    pub(crate) buyers: Vec<Buyer>,
    /// From the first to the last order.
    pub(crate) span: Duration,
}

/// Somebody who orders in one shop, once or several times.
#[derive(Clone, Debug)]
pub(crate) struct Buyer {
    pub(crate) address: String,
    pub(crate) shop: Shop,
    pub(crate) delay_secs: u32,
    pub(crate) orders: Vec<PlannedOrder>,
    /// A program follows the links in the mail before the buyer does.
    pub(crate) scanned: bool,
    pub(crate) reaction: Reaction,
}

/// What a buyer does about a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reaction {
    Nothing,
    /// Submits a review of so many stars, this often at the same time.
    Review {
        stars: u8,
        copies: u8,
    },
    /// Says stop after a while.
    Unsubscribe(Duration),
}

/// An order and the webhooks about it.
#[derive(Clone, Debug)]
pub(crate) struct PlannedOrder {
    pub(crate) reference: u32,
    /// When it is posted first, from the start of the run.
    at: Duration,
    story: Story,
    /// How often each webhook is delivered.
    copies: u8,
    /// Over which time the copies are spread; zero: all at once.
    spread: Duration,
}

/// What happens to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Story {
    Completed,
    /// Undone so much later.
    UndoneAfter(Change, Duration),
    /// Undone before; the completion is posted once that was answered.
    UndoneBefore(Change),
    /// Completed and undone at about the same time.
    Crossed(Duration),
    Test,
    WithoutAddress,
    /// Signed by somebody who does not know the secret.
    Forged,
}

/// How buyers are inclined to react.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Habits {
    /// So many of a hundred say stop.
    pub(crate) unsubscribing: u8,
    /// How long they take for it, at least and at most, in milliseconds.
    pub(crate) hesitation: (u64, u64),
}

impl Default for Habits {
    fn default() -> Self {
        Self { unsubscribing: 10, hesitation: (0, 3000) }
    }
}

impl Plan {
    /// Draws so many orders, posted over `span`.
    pub(crate) fn draw(rng: &mut Rng, orders: u32, span: Duration, habits: Habits) -> Self {
        let late = u32::try_from(span.as_secs() / 3).unwrap_or(u32::MAX);
        let delays = [0, 4, late.clamp(8, LATE_MAX)];
        let shops: Vec<(Shop, u32)> = SHOPS.into_iter().zip(delays.into_iter().cycle()).collect();
        let mut buyers = Vec::new();
        let mut reference = 1_000_000;
        while reference < 1_000_000 + orders {
            let (shop, delay_secs) = shops[rng.usize(..shops.len())];
            let left = 1_000_000 + orders - reference;
            let several = if percent(rng, 15) { rng.u32(2..=3) } else { 1 };
            let orders: Vec<PlannedOrder> = (0..several.min(left))
                .map(|n| PlannedOrder::draw(rng, reference + n, span, shop.platform))
                .collect();
            reference += several.min(left);
            buyers.push(Buyer {
                address: format!("buyer-{}@example.com", buyers.len()),
                shop,
                delay_secs,
                orders,
                scanned: percent(rng, 30),
                reaction: Reaction::draw(rng, habits),
            });
        }
        Self { shops, buyers, span }
    }
}

impl PlannedOrder {
    fn draw(rng: &mut Rng, reference: u32, span: Duration, platform: &str) -> Self {
        let several = percent(rng, 40);
        Self {
            reference,
            at: span.mul_f64(rng.f64()),
            story: Story::draw(rng, platform),
            copies: if several { rng.u8(2..=5) } else { 1 },
            spread: if rng.bool() {
                Duration::ZERO
            } else {
                Duration::from_millis(rng.u64(..3000))
            },
        }
    }
}

impl Story {
    fn draw(rng: &mut Rng, platform: &str) -> Self {
        let later = |rng: &mut Rng| Duration::from_millis(rng.u64(..12_000));
        let undo = if rng.bool() { Change::Cancelled } else { Change::Refunded };
        match rng.u8(..100) {
            0..8 => Self::UndoneAfter(undo, later(rng)),
            8..12 => Self::UndoneBefore(undo),
            12..15 => Self::Crossed(Duration::from_millis(rng.u64(..60))),
            // What WooCommerce posts does not mark tests.
            15..18 if platform != "woocommerce" => Self::Test,
            18..21 => Self::WithoutAddress,
            21..23 => Self::Forged,
            _ => Self::Completed,
        }
    }
}

impl Reaction {
    fn draw(rng: &mut Rng, habits: Habits) -> Self {
        let (shortest, longest) = habits.hesitation;
        if percent(rng, habits.unsubscribing) {
            Self::Unsubscribe(Duration::from_millis(rng.u64(shortest..=longest)))
        } else if percent(rng, 35) {
            let copies = if percent(rng, 30) { rng.u8(2..=8) } else { 1 };
            Self::Review { stars: rng.u8(1..=5), copies }
        } else {
            Self::Nothing
        }
    }
}

fn percent(rng: &mut Rng, chance: u8) -> bool {
    rng.u8(..100) < chance
}

/// Posts webhooks, and keeps the ledger.
#[derive(Clone, Debug)]
pub(crate) struct Platforms {
    pub(crate) http: Http,
    pub(crate) book: Book,
    pub(crate) source: Source,
    /// When the run started, by either clock.
    pub(crate) started: (Instant, Timestamp),
}

impl Platforms {
    /// Posts everything; returns when all is answered or given up.
    pub(crate) async fn run(self, plan: Arc<Plan>) {
        let buyers = plan.buyers.iter();
        let mut orders: Vec<(&Buyer, &PlannedOrder)> =
            buyers.flat_map(|buyer| buyer.orders.iter().map(move |order| (buyer, order))).collect();
        orders.sort_by_key(|(_, order)| order.at);
        let mut posting = JoinSet::new();
        for (buyer, order) in orders {
            sleep_until(self.started.0 + order.at).await;
            let delivery = Delivery::new(&self, buyer, order);
            self.book.open().orders.insert(order.reference, delivery.entry());
            posting.spawn(delivery.run());
        }
        posting.join_all().await;
    }
}

/// All webhooks about one order.
#[derive(Clone)]
struct Delivery {
    platforms: Platforms,
    shop: Shop,
    delay_secs: u32,
    order: PlannedOrder,
    completed_at: Timestamp,
    details: DomainOrder,
}

impl Delivery {
    fn new(platforms: &Platforms, buyer: &Buyer, order: &PlannedOrder) -> Self {
        let posted_at = platforms.started.1 + order.at;
        // Platforms tell whole seconds.
        let completed_at = Timestamp::from_second(posted_at.as_second()).unwrap_or(posted_at);
        let address = EmailAddress::parse(&buyer.address).ok();
        let details = DomainOrder {
            reference: order.reference.to_string(),
            number: Some(order.reference.to_string()),
            email: address.filter(|_| order.story != Story::WithoutAddress),
            name: Some(name(order.reference).into()),
            locale: Some(if order.reference.is_multiple_of(3) { "sv" } else { "en" }.into()),
            country: Some("SE".into()),
            items: items(order.reference),
            placed_at: completed_at.checked_sub(SignedDuration::from_hours(72)).ok(),
            test: order.story == Story::Test,
            ..DomainOrder::default()
        };
        let shop = match order.story {
            Story::Forged => Shop { secret: FORGERS_SECRET, ..buyer.shop },
            _ => buyer.shop,
        };
        let (platforms, delay_secs) = (platforms.clone(), buyer.delay_secs);
        Self { platforms, shop, delay_secs, order: order.clone(), completed_at, details }
    }

    /// The order as the checker wants to know it.
    fn entry(&self) -> Order {
        Order {
            shop: self.shop.id.to_owned(),
            address: self.details.email.as_ref().map(|address| address.as_str().to_owned()),
            test: self.details.test,
            forged: self.order.story == Story::Forged,
            due_at: self.completed_at + SignedDuration::from_secs(self.delay_secs.into()),
        }
    }

    async fn run(self) {
        match self.order.story {
            Story::UndoneBefore(undo) => {
                self.deliver(undo).await;
                self.deliver(Change::Completed).await;
            }
            Story::UndoneAfter(undo, later) => {
                tokio::join!(self.deliver(Change::Completed), async {
                    sleep(later).await;
                    self.deliver(undo).await;
                });
            }
            Story::Crossed(apart) => {
                tokio::join!(self.deliver(Change::Completed), async {
                    sleep(apart).await;
                    self.deliver(Change::Cancelled).await;
                });
            }
            _ => self.deliver(Change::Completed).await,
        }
    }

    /// Delivers one webhook as often as planned.
    async fn deliver(&self, change: Change) {
        let at = if change == Change::Completed { self.completed_at } else { now() };
        let event = OrderEvent { change, at: Some(at), order: self.details.clone() };
        let copies = (0..u32::from(self.order.copies)).map(|n| {
            let event = &event;
            async move {
                sleep(self.order.spread * n).await;
                self.deliver_once(event).await;
            }
        });
        join_all(copies).await;
    }

    /// Delivers one copy: again until it is accepted, within bounds.
    async fn deliver_once(&self, event: &OrderEvent) {
        let asked_at = now();
        self.note_stop(event.change, asked_at, None);
        for pause in PAUSES.map(Some).into_iter().chain([None]) {
            if self.post(event).await {
                if event.change != Change::Completed
                    && let Some(granted) = self.look().await
                {
                    self.note_stop(event.change, asked_at, Some(granted));
                }
                return;
            }
            match pause.filter(|_| self.order.story != Story::Forged) {
                Some(pause) => sleep(pause).await,
                None => return,
            }
        }
    }

    /// Posts once; `true` if it was accepted.
    async fn post(&self, event: &OrderEvent) -> bool {
        let webhook = self.shop.webhook(event);
        let sent_at = now();
        let http = &self.platforms.http;
        let answer = http.send(Method::POST, &webhook.path, webhook.headers, webhook.body).await;
        let request = Request {
            order: self.order.reference,
            change: event.change,
            sent_at,
            ended_at: now(),
            status: answer.map(|answer| answer.status),
        };
        let accepted = request.is_accepted();
        self.platforms.book.open().requests.push(request);
        accepted
    }

    fn note_stop(&self, change: Change, asked_at: Timestamp, granted: Option<Granted>) {
        if change != Change::Completed && self.order.story != Story::Forged {
            let order = self.order.reference;
            let stop = Stop { order, cause: Cause::Undone, asked_at, granted };
            self.platforms.book.open().stops.push(stop);
        }
    }

    async fn look(&self) -> Option<Granted> {
        let orders = [self.order.reference];
        let leases = leases_after_a_stop(&self.platforms.source, self.shop.id, &orders).await?;
        Some(Granted { looked_at: leases.looked_at, in_flight_until: leases.until(orders[0]) })
    }
}

/// What was being sent when a stop had been granted.
pub(crate) struct Leases {
    pub(crate) looked_at: Timestamp,
    leases: Vec<(u32, Timestamp)>,
}

impl Leases {
    pub(crate) fn until(&self, order: u32) -> Option<Timestamp> {
        self.leases.iter().find(|(leased, _)| *leased == order).map(|(_, until)| *until)
    }
}

/// Looks what is being sent of these orders; `None` if the record cannot be read for long.
pub(crate) async fn leases_after_a_stop(
    source: &Source,
    shop: &str,
    orders: &[u32],
) -> Option<Leases> {
    for _ in 0..LOOKS {
        if let Ok(leases) = source.leases(shop, orders).await {
            return Some(Leases { looked_at: now(), leases });
        }
        sleep(Duration::from_millis(100)).await;
    }
    None
}

fn name(reference: u32) -> &'static str {
    const NAMES: [&str; 6] =
        ["Åsa Lind", "Jürgen Groß", "José Núñez", "Nguyễn Văn An", "李 娜", "Anna\nMaria O'Neil"];
    NAMES[reference as usize % NAMES.len()]
}

fn items(reference: u32) -> Vec<Item> {
    let item = |n: u32| Item {
        name: format!("Mörkrost {n} × 250 g"),
        sku: Some(format!("K-{n}")),
        ..Item::default()
    };
    (1..=1 + reference % 3).map(item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Duration = Duration::from_mins(1);

    fn plan(seed: u64) -> Plan {
        Plan::draw(&mut Rng::with_seed(seed), 500, SPAN, Habits::default())
    }

    #[test]
    fn a_seed_says_everything() {
        assert_eq!(format!("{:?}", plan(1)), format!("{:?}", plan(1)));
        assert_ne!(format!("{:?}", plan(1)), format!("{:?}", plan(2)));
    }

    #[test]
    fn as_many_orders_are_drawn_as_asked_for_each_with_a_reference_of_its_own() {
        let plan = plan(3);
        let mut references: Vec<u32> =
            plan.buyers.iter().flat_map(|buyer| &buyer.orders).map(|o| o.reference).collect();
        references.sort_unstable();
        references.dedup();
        assert_eq!(references.len(), 500);
    }

    #[test]
    fn every_story_and_reaction_occurs() {
        let plan = plan(4);
        let orders = || plan.buyers.iter().flat_map(|buyer| &buyer.orders);
        let story = |is: fn(&Story) -> bool| orders().any(|order| is(&order.story));
        assert!(story(|s| matches!(s, Story::UndoneAfter(Change::Cancelled, _))));
        assert!(story(|s| matches!(s, Story::UndoneAfter(Change::Refunded, _))));
        assert!(story(|s| matches!(s, Story::UndoneBefore(_))));
        assert!(story(|s| matches!(s, Story::Crossed(_))));
        assert!(
            [Story::Test, Story::WithoutAddress, Story::Forged]
                .into_iter()
                .all(|wanted| orders().any(|order| order.story == wanted))
        );
        assert!(orders().any(|order| order.copies > 1 && order.spread.is_zero()));
        let reaction = |is: fn(&Reaction) -> bool| plan.buyers.iter().any(|b| is(&b.reaction));
        assert!(reaction(|r| matches!(r, Reaction::Unsubscribe(_))));
        assert!(reaction(|r| matches!(r, Reaction::Review { copies, .. } if *copies > 1)));
        assert!(plan.buyers.iter().any(|buyer| buyer.orders.len() > 1));
    }
}
