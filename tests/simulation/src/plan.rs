//! What a seed draws before the first step: shops, orders, and which faults strike how often.
//!
//! Each seed leaves out some kinds of faults and turns up others (swarm testing): bugs that need
//! many faults of one kind hide where all kinds are equally likely. One seed in eight has none.

use std::sync::Arc;

use domain::{Change, EmailAddress, Item, Order, OrderEvent, Policy, SendWindow, ShopId};
use fastrand::Rng;
use jiff::{
    SignedDuration, Timestamp,
    civil::{Time, time},
    tz::TimeZone,
};

use crate::{record::OrderKey, worker::LEASE};

pub(crate) struct Plan {
    /// The first order is completed some time after this.
    pub(crate) starts_at: Timestamp,
    /// From here on nothing fails any more.
    pub(crate) heals_at: Timestamp,
    pub(crate) shops: Vec<Shop>,
    pub(crate) buyers: Vec<Buyer>,
    pub(crate) orders: Vec<OrderPlan>,
    pub(crate) events: Vec<Event>,
    /// When which event is delivered: each at least once.
    pub(crate) deliveries: Vec<(Timestamp, usize)>,
    pub(crate) receivers: usize,
    pub(crate) workers: usize,
    /// Handlers one worker runs at a time.
    pub(crate) slots: usize,
    pub(crate) faults: Faults,
    /// Faults that strike at a time, not at a step.
    pub(crate) strikes: Vec<(Timestamp, Strike)>,
}

pub(crate) struct Shop {
    pub(crate) id: ShopId,
    pub(crate) policy: Arc<Policy>,
    pub(crate) hours: Option<Hours>,
}

/// The send window in its parts, for checks that must not ask the code they check.
pub(crate) struct Hours {
    opens: Time,
    closes: Time,
    zone: TimeZone,
}

pub(crate) struct Buyer {
    pub(crate) address: EmailAddress,
    /// The mail server knows no such mailbox.
    pub(crate) unknown: bool,
}

pub(crate) struct OrderPlan {
    pub(crate) shop: usize,
    pub(crate) reference: String,
    /// The platform marks it as a test.
    pub(crate) test: bool,
    /// It was completed longer ago than the shop invites for.
    pub(crate) old: bool,
    /// Writing its mail panics, each time.
    pub(crate) poison: bool,
    /// Its events, in the order they happened.
    pub(crate) events: Vec<usize>,
}

pub(crate) struct Event {
    pub(crate) order: usize,
    pub(crate) key: String,
    pub(crate) told: OrderEvent,
}

/// Chances, from 0 to 1.
#[derive(Clone, Copy, Default)]
pub(crate) struct Faults {
    /// A process ends before one of its steps.
    pub(crate) kill: f64,
    /// A process stands still before one of its steps, and goes on later.
    pub(crate) stop: f64,
    /// A call of the record fails, or succeeds without saying so.
    pub(crate) record: f64,
    /// The same for the timer.
    pub(crate) timer: f64,
    /// The mail server refuses for now, or falls silent, before it has the mail.
    pub(crate) refusal: f64,
    /// The answer to the final dot is lost.
    pub(crate) lost_reply: f64,
    /// The answer to the final dot is 354.
    pub(crate) odd_reply: f64,
    /// A platform does not hear our answer.
    pub(crate) cut: f64,
}

/// A fault that strikes at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Strike {
    /// Redis loses everything.
    Flush,
    /// Redis writes to disk what it holds, and some time later comes back with that.
    Save,
    Restore,
    /// Redis forgets one job.
    Forget,
    /// Redis wakes a job that nobody asked for.
    Stray,
    TimerAway,
    RecordAway,
    MailServerAway,
    Kill,
    Stop,
    /// Clocks step.
    Clock,
}

impl Strike {
    /// As it stands in time lines and counts.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Flush => "Redis loses everything",
            Self::Save => "Redis writes to disk",
            Self::Restore => "Redis comes back with what was on disk",
            Self::Forget => "Redis forgets a job",
            Self::Stray => "Redis wakes a job for nothing",
            Self::TimerAway => "Redis is away",
            Self::RecordAway => "the record is away",
            Self::MailServerAway => "the mail server is away",
            Self::Kill => "a process is killed at any time",
            Self::Stop => "a process is stopped at any time",
            Self::Clock => "clocks step",
        }
    }
}

const STRIKES: [Strike; 10] = [
    Strike::Flush,
    Strike::Save,
    Strike::Forget,
    Strike::Stray,
    Strike::TimerAway,
    Strike::RecordAway,
    Strike::MailServerAway,
    Strike::Kill,
    Strike::Stop,
    Strike::Clock,
];

const ZONES: [&str; 6] = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Asia/Kathmandu",
    "UTC",
];

const HOUR: SignedDuration = SignedDuration::from_hours(1);

impl Plan {
    pub(crate) fn draw(rng: &mut Rng) -> Self {
        let shops: Vec<Shop> = (0..2).map(|n| Shop::draw(n, rng)).collect();
        let starts_at = start(&shops, rng);
        let heals_at = starts_at + HOUR * 18 + up_to(HOUR * 60, rng);
        let buyers = (0..rng.usize(2..=3)).map(|n| Buyer::draw(n, rng)).collect();
        let mut plan = Self {
            starts_at,
            heals_at,
            shops,
            buyers,
            orders: Vec::new(),
            events: Vec::new(),
            deliveries: Vec::new(),
            receivers: rng.usize(1..=2),
            workers: rng.usize(1..=3),
            slots: rng.usize(1..=4),
            faults: Faults::default(),
            strikes: Vec::new(),
        };
        for _ in 0..rng.usize(3..=8) {
            plan.draw_order(rng);
        }
        if rng.usize(0..8) > 0 {
            plan.faults = Faults::draw(rng);
            plan.draw_strikes(rng);
        }
        plan
    }

    fn draw_order(&mut self, rng: &mut Rng) {
        let order = self.orders.len();
        let mut buyer = rng.usize(0..self.buyers.len());
        self.orders.push(OrderPlan {
            shop: rng.usize(0..self.shops.len()),
            reference: order.to_string(),
            test: chance(rng, 0.05),
            old: chance(rng, 0.05),
            poison: chance(rng, 0.02),
            events: Vec::new(),
        });
        let completed_at = self.starts_at + up_to(HOUR * 12, rng);
        let mut at = completed_at;
        for _ in 0..pick(rng, &[1, 1, 1, 2, 2, 3]) {
            self.draw_event(order, Change::Completed, at, Some(buyer), rng);
            at += up_to(HOUR * pick(rng, &[1, 40]), rng);
            if chance(rng, 0.7) {
                buyer = rng.usize(0..self.buyers.len());
            }
        }
        if chance(rng, 0.35) {
            let change = pick(rng, &[Change::Cancelled, Change::Refunded]);
            let at = completed_at - HOUR + up_to(HOUR * pick(rng, &[2, 60]), rng);
            let buyer = rng.bool().then_some(buyer);
            self.draw_event(order, change, at, buyer, rng);
        }
    }

    fn draw_event(
        &mut self,
        order: usize,
        change: Change,
        at: Timestamp,
        buyer: Option<usize>,
        rng: &mut Rng,
    ) {
        let number = self.events.len();
        let planned = &mut self.orders[order];
        let buyer = buyer.filter(|_| !chance(rng, 0.1));
        let full = buyer.is_some();
        let said_at = match rng.usize(0..20) {
            _ if planned.old => Some(at - HOUR * 24 * 100),
            0 => None,
            1 => Some(at + up_to(HOUR * 2, rng)),
            _ => Some(at),
        };
        let details = Order {
            reference: planned.reference.clone(),
            email: buyer.map(|buyer| self.buyers[buyer].address.clone()),
            // Tells which event the details on record come from.
            name: full.then(|| format!("Version {number}")),
            items: if full {
                vec![Item { name: "Kaffe".into(), ..Item::default() }]
            } else {
                vec![]
            },
            test: planned.test,
            ..Order::default()
        };
        planned.events.push(number);
        let event = OrderEvent { change, at: said_at, order: details };
        self.events.push(Event { order, key: number.to_string(), told: event });
        let soon = |rng: &mut Rng| up_to(SignedDuration::from_secs(5), rng);
        let lag = if chance(rng, 0.7) { soon(rng) } else { up_to(HOUR * 24, rng) };
        self.deliveries.push((at + lag, number));
        if chance(rng, 0.4) {
            for _ in 0..rng.usize(1..=3) {
                let lag = if rng.bool() { lag + soon(rng) } else { up_to(HOUR * 36, rng) };
                self.deliveries.push((at + lag, number));
            }
        }
    }

    fn draw_strikes(&mut self, rng: &mut Rng) {
        // A clock that steps excuses much: only some seeds have one.
        let clocks = chance(rng, 0.25);
        let mut kinds: Vec<Strike> = STRIKES.into_iter().filter(|_| rng.bool()).collect();
        kinds.retain(|kind| clocks || !matches!(kind, Strike::Clock));
        for _ in 0..rng.usize(0..=12) {
            if let Some(kind) = rng.choice(&kinds) {
                let at = self.starts_at + up_to(self.heals_at.duration_since(self.starts_at), rng);
                self.strikes.push((at, *kind));
            }
        }
    }

    /// When the last consequence of a fault is over: leases of dead workers end by then.
    pub(crate) fn settled_at(&self) -> Timestamp {
        self.heals_at + LEASE + SignedDuration::from_mins(1)
    }

    pub(crate) fn key(&self, order: usize) -> OrderKey {
        let order = &self.orders[order];
        (self.shops[order.shop].id.clone(), order.reference.clone())
    }

    /// `true` if a clock of ours is wrong at some time.
    pub(crate) fn clocks_step(&self) -> bool {
        self.strikes.iter().any(|(_, strike)| matches!(strike, Strike::Clock))
    }
}

impl Shop {
    fn draw(n: usize, rng: &mut Rng) -> Self {
        let hours = chance(rng, 0.6).then(|| Hours::draw(rng));
        let delays = [
            SignedDuration::ZERO,
            SignedDuration::from_mins(10),
            HOUR,
            HOUR * 6,
            HOUR * 24,
            HOUR * 48,
        ];
        let policy = Policy {
            window: hours.as_ref().map(Hours::window),
            max_order_age: HOUR * 24 * 90,
            ..Policy::after(pick(rng, &delays))
        };
        let id = format!("shop-{n}").parse().expect("a shop's id");
        Self { id, policy: Arc::new(policy), hours }
    }
}

impl Hours {
    fn draw(rng: &mut Rng) -> Self {
        let (opens, closes) = pick(
            rng,
            &[
                (time(9, 0, 0, 0), time(19, 0, 0, 0)),
                (time(2, 30, 0, 0), time(4, 0, 0, 0)),
                (time(0, 0, 0, 0), time(1, 0, 0, 0)),
                (time(16, 15, 0, 0), time(23, 45, 0, 0)),
            ],
        );
        let zone = TimeZone::get(pick(rng, &ZONES)).expect("a time zone");
        Self { opens, closes, zone }
    }

    fn window(&self) -> SendWindow {
        SendWindow::new(self.opens, self.closes, self.zone.clone()).expect("opens, then closes")
    }

    /// `true` if a clock on the wall there shows a time between opening and closing.
    pub(crate) fn contain(&self, at: Timestamp) -> bool {
        let wall = self.zone.to_datetime(at).time();
        self.opens <= wall && wall < self.closes
    }
}

impl Buyer {
    fn draw(n: usize, rng: &mut Rng) -> Self {
        let address = format!("buyer-{n}@x.example");
        Self {
            address: EmailAddress::parse(&address).expect("an address"),
            unknown: chance(rng, 0.1),
        }
    }
}

impl Faults {
    fn draw(rng: &mut Rng) -> Self {
        let mut draw = |rates: &[f64]| if rng.bool() { 0.0 } else { pick(rng, rates) };
        let per_step = &[0.003, 0.01, 0.04, 0.1];
        let per_mail = &[0.03, 0.1, 0.3];
        Self {
            kill: draw(per_step),
            stop: draw(per_step),
            record: draw(per_step),
            timer: draw(per_step),
            refusal: draw(per_mail),
            lost_reply: draw(per_mail),
            odd_reply: draw(per_mail),
            cut: draw(per_step),
        }
    }
}

/// Some time in these years; where the clocks of a shop change, shortly before they do.
fn start(shops: &[Shop], rng: &mut Rng) -> Timestamp {
    const Y2026: i64 = 1_767_225_600;
    let any = Timestamp::from_second(Y2026 + rng.i64(0..4 * 365 * 86_400)).expect("a time");
    let zone = shops.iter().find_map(|shop| shop.hours.as_ref()).map(|hours| &hours.zone);
    let change = zone.and_then(|zone| zone.following(any).next());
    let soon = |at: &Timestamp| at.duration_since(any) < HOUR * 24 * 366;
    let change = change.map(|change| change.timestamp()).filter(soon);
    change.map_or(any, |change| change - up_to(HOUR * 72, rng))
}

/// A whole number of milliseconds, up to `max`.
pub(crate) fn up_to(max: SignedDuration, rng: &mut Rng) -> SignedDuration {
    let millis = i64::try_from(max.as_millis()).unwrap_or(i64::MAX);
    SignedDuration::from_millis(rng.i64(0..=millis))
}

pub(crate) fn chance(rng: &mut Rng, chance: f64) -> bool {
    rng.f64() < chance
}

pub(crate) fn pick<T: Copy>(rng: &mut Rng, from: &[T]) -> T {
    from[rng.usize(0..from.len())]
}
