//! The record in memory answers as the record on disk: random histories, every answer compared.

#![expect(clippy::unwrap_used, reason = "test code")]

use std::{fmt::Debug, sync::Arc};

use domain::{
    Change, EmailAddress, InvitationId, Item, Order, OrderEvent, Policy, ProductReview, Review,
    ReviewId,
    review::{Opinion, products, verify},
};
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use simulation::record::Record;
use store::{
    Store, StoreSettings,
    intake::{Accepted, Arrival},
    overview::Due,
    sending::{AttemptOutcome, Claim, Finish},
};
use tempfile::TempDir;
use uuid::Uuid;

const HISTORIES: u64 = 16;
const CALLS: usize = 300;
/// Some buyers give none, and one of the others may stop mail to all orders of theirs in a shop.
const ADDRESSES: [Option<&str>; 5] =
    [None, Some("a@x.example"), Some("b@x.example"), Some("c@x.example"), Some("d@x.example")];
const ADDRESS_KEY: [u8; 32] = [7; 32];
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// Both records, and what a history knows so far.
struct Pair {
    disk: Store,
    memory: Record,
    rng: Rng,
    now: Timestamp,
    invitations: Vec<InvitationId>,
    claims: Vec<(InvitationId, i64)>,
    reviews: Vec<ReviewId>,
    _dir: TempDir,
}

#[tokio::test(flavor = "multi_thread")]
async fn both_records_give_the_same_answers() {
    let mut claims = 0;
    for seed in 0..HISTORIES {
        let mut pair = Pair::open(seed).await;
        for call in 0..CALLS {
            pair.call().await.unwrap_or_else(|differ| panic!("seed {seed}, call {call}: {differ}"));
        }
        claims += pair.claims.len();
    }
    assert!(claims > 300, "only {claims} claims: these histories show nothing");
}

fn same(disk: &impl Debug, memory: &impl Debug) -> Result<(), String> {
    let (disk, memory) = (format!("{disk:?}"), format!("{memory:?}"));
    if disk == memory { Ok(()) } else { Err(format!("\n  disk:   {disk}\n  memory: {memory}")) }
}

/// In an order of their own: both may list ties as they like.
fn sorted(mut due: Vec<Due>) -> Vec<Due> {
    due.sort_by_key(|due| (due.at, due.id));
    due
}

impl Pair {
    async fn open(seed: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let settings = StoreSettings {
            url: format!("sqlite:{}", dir.path().join("afs.db").display()),
            max_connections: 2,
            address_key: ADDRESS_KEY.to_vec(),
            migrate: true,
        };
        Self {
            disk: Store::open(settings).await.unwrap(),
            memory: Record::new(ADDRESS_KEY.to_vec(), None),
            rng: Rng::with_seed(seed),
            now: "2026-07-01T10:00:00Z".parse().unwrap(),
            invitations: Vec::new(),
            claims: Vec::new(),
            reviews: Vec::new(),
            _dir: dir,
        }
    }

    async fn call(&mut self) -> Result<(), String> {
        self.now += MINUTE * self.rng.i32(-3..=20);
        match self.rng.usize(0..64) {
            0..18 => self.accept().await,
            18..36 => self.claim().await,
            36..46 => self.finish().await,
            46 => self.unsubscribe().await,
            47..52 => self.submit_review().await,
            52..56 => self.label_review().await,
            _ => self.list().await,
        }
    }

    async fn accept(&mut self) -> Result<(), String> {
        let changes = [Change::Completed, Change::Completed, Change::Completed, Change::Cancelled];
        let address = self.rng.choice(ADDRESSES).flatten();
        let order = Order {
            reference: self.rng.u32(0..25).to_string(),
            email: address.and_then(|address| EmailAddress::parse(address).ok()),
            name: self.rng.bool().then(|| format!("Version {}", self.rng.u8(..))),
            items: vec![Item { name: "Kaffe".into(), ..Item::default() }],
            test: self.rng.usize(0..10) == 0,
            ..Order::default()
        };
        let change = self.rng.choice(changes).unwrap();
        let at = self.rng.bool().then(|| self.now + MINUTE * self.rng.i32(-90..=10));
        let arrival = Arrival {
            shop: format!("shop-{}", self.rng.u8(0..2)).parse().unwrap(),
            event: OrderEvent { change, at, order },
            event_key: self.rng.u8(0..100).to_string(),
            request_id: Uuid::nil(),
            received_at: self.now,
            policy: Arc::new(Policy {
                max_order_age: MINUTE * 60,
                ..Policy::after(MINUTE * self.rng.i32(0..=30))
            }),
        };
        let order = (arrival.shop.clone(), arrival.event.order.reference.clone());
        let loaded = self.memory.load(&order);
        let memory = self.memory.accept(&arrival, loaded);
        let disk = self.disk.accept(arrival).await.unwrap();
        if let Accepted::Decided { invitation: Some(id), .. } = disk
            && !self.invitations.contains(&id)
        {
            self.invitations.push(id);
        }
        same(&Some(disk), &memory)
    }

    fn invitation(&mut self) -> InvitationId {
        let unknown = InvitationId(Uuid::nil());
        self.rng.choice(&self.invitations).copied().unwrap_or(unknown)
    }

    async fn claim(&mut self) -> Result<(), String> {
        let id = self.invitation();
        let claim = Claim { id, now: self.now, lease: MINUTE * self.rng.i32(0..=30) };
        let disk = self.disk.claim(claim).await.unwrap();
        self.claims.extend(disk.iter().map(|claimed| (claimed.id, claimed.fence)));
        let memory = self.memory.claim(claim);
        same(&disk, &memory)?;
        // `Debug` does not tell addresses.
        let order = |claimed: Option<store::sending::Claimed>| claimed.map(|claimed| claimed.order);
        if order(disk) == order(memory) { Ok(()) } else { Err("another address".into()) }
    }

    async fn finish(&mut self) -> Result<(), String> {
        // As a rule the last claim, so that it counts.
        let last = self.claims.last().filter(|_| self.rng.bool()).copied();
        let Some((id, fence)) = last.or_else(|| self.rng.choice(&self.claims).copied()) else {
            return Ok(());
        };
        let later = self.now + MINUTE * self.rng.i32(0..=30) + SignedDuration::from_micros(1_500);
        let outcome = match self.rng.usize(0..5) {
            0 => AttemptOutcome::Sent("250".into()),
            1 => AttemptOutcome::Failed("550".into()),
            2 => AttemptOutcome::Postponed(later),
            _ => AttemptOutcome::Retry { at: later, error: "451".into() },
        };
        let finish =
            Finish { id, fence, at: self.now, outcome, sent: store::sending::SentMail::default() };
        let memory = self.memory.finish(&finish);
        same(&self.disk.finish(finish).await.unwrap(), &memory)
    }

    async fn unsubscribe(&mut self) -> Result<(), String> {
        let id = self.invitation();
        let disk =
            self.disk.unsubscribe(id, store::suppression::Stop::Shop, self.now).await.unwrap();
        same(&disk, &self.memory.unsubscribe(id))
    }

    async fn submit_review(&mut self) -> Result<(), String> {
        let id = self.invitation();
        let invited = self.disk.invited(id).await.unwrap();
        same(&invited, &self.memory.invited(id))?;
        let Some(invited) = invited else { return Ok(()) };
        let opinion = Opinion {
            stars: self.rng.u8(1..=5).try_into().unwrap(),
            title: String::new(),
            text: "Gott kaffe.".into(),
            display_name: String::new(),
        };
        let review = Review {
            id: ReviewId(Uuid::from_u128(self.rng.u128(0..12))),
            shop: invited.shop,
            invitation: self.rng.bool().then_some(id),
            opinion,
            products: self.products(),
            submitted_at: self.now,
        };
        self.reviews.push(review.id);
        let disk = self.disk.submit_review(&review).await.unwrap();
        same(&disk, &self.memory.submit_review(&review))
    }

    fn products(&mut self) -> Vec<ProductReview> {
        let items = [Item { name: "Kaffe".into(), ..Item::default() }];
        let stars = self.rng.u8(1..=5).try_into().unwrap();
        let products = products(&items).into_iter();
        products.map(|product| ProductReview::new(product, stars, "Starkt.")).collect()
    }

    async fn label_review(&mut self) -> Result<(), String> {
        let Some(id) = self.rng.choice(&self.reviews).copied() else { return Ok(()) };
        let found = self.disk.pending_review(id).await.unwrap();
        same(&found, &self.memory.pending_review(id))?;
        let Some((review, origin)) = found else { return Ok(()) };
        let verdict = verify(&review, origin.as_ref());
        let disk = self.disk.label_review(id, &verdict, self.now).await.unwrap();
        same(&disk, &self.memory.label_review(id, &verdict))
    }

    async fn list(&mut self) -> Result<(), String> {
        let due = self.disk.due_invitations(self.now, 100).await.unwrap();
        same(&sorted(due), &sorted(self.memory.due_invitations(self.now)))?;
        let until = self.now + MINUTE * 20;
        let mut upcoming = Vec::new();
        for shop in self.disk.shops_due(self.now, until).await.unwrap() {
            let after = Due { id: InvitationId(Uuid::max()), shop, at: self.now };
            upcoming.extend(self.disk.upcoming_invitations(&after, until, 100).await.unwrap());
        }
        same(&sorted(upcoming), &self.memory.upcoming_invitations(self.now, until))?;
        let mut disk = self.disk.pending_reviews(100).await.unwrap();
        let mut memory = self.memory.pending_reviews();
        disk.sort_unstable();
        memory.sort_unstable();
        same(&disk, &memory)
    }
}
