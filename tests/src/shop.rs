//! Shops on each platform, and the webhooks they send.

use adapter_api::signed_sample;
use domain::{Change, EmailAddress, Item, Order, OrderEvent};
use jiff::{SignedDuration, Timestamp};
use reqwest::header::HeaderMap;

/// A shop that every [`Installation`](crate::installation::Installation) has configured.
#[derive(Clone, Copy, Debug)]
pub struct Shop {
    /// The last part of its webhook address.
    pub id: &'static str,
    /// Its platform's adapter.
    pub platform: &'static str,
    /// As buyers know it.
    pub name: &'static str,
    /// Signs its webhooks.
    pub secret: &'static str,
}

/// A shop on Shopify.
pub const COFFEE: Shop = Shop {
    id: "coffee",
    platform: "shopify",
    name: "Coffee Corner",
    secret: "the-secret-of-the-shopify-shop",
};

/// A shop on WooCommerce.
pub const TEA: Shop = Shop {
    id: "tea",
    platform: "woocommerce",
    name: "Tea Time",
    secret: "the-secret-of-the-woocommerce-shop",
};

/// A shop that posts Standard Webhooks.
pub const PAPER: Shop = Shop {
    id: "paper",
    platform: "standard_webhooks",
    name: "Paper Place",
    secret: "whsec_dGhlLXNlY3JldC1vZi10aGUtcGFwZXItc2hvcC0hISE=",
};

/// One shop for each platform.
pub const SHOPS: [Shop; 3] = [COFFEE, TEA, PAPER];

/// A signed request, as a platform sends it.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Where it is posted to, for example `/webhooks/coffee`.
    pub path: String,
    /// With the signature.
    pub headers: HeaderMap,
    /// What is signed.
    pub body: Vec<u8>,
}

impl Shop {
    /// What the shop's platform sends about `event`, signed now.
    #[must_use]
    pub fn webhook(&self, event: &OrderEvent) -> Webhook {
        self.webhook_signed_at(event, now())
    }

    /// The same, signed at another time.
    #[must_use]
    pub fn webhook_signed_at(&self, event: &OrderEvent, at: Timestamp) -> Webhook {
        let adapter = adapters::find(self.platform).unwrap();
        // Platforms deliver an event again under the id it had.
        let OrderEvent { change, order, .. } = event;
        let delivery = format!("{}-{}-{:?}", order.reference, change.as_str(), order.fulfilment);
        let (headers, body) = signed_sample(adapter, event, self.secret, &delivery, at);
        Webhook { path: format!("/webhooks/{}", self.id), headers, body }
    }

    /// `body` with the shop's genuine signature and `like`'s other headers.
    #[must_use]
    pub fn signed(&self, body: &[u8], like: &Webhook) -> Webhook {
        let adapter = adapters::find(self.platform).unwrap();
        let mut headers = like.headers.clone();
        headers.extend(adapter.scheme().sign(self.secret, body, "another-delivery", now()));
        Webhook { path: like.path.clone(), headers, body: body.to_vec() }
    }
}

/// An order that was completed just now, by a buyer whose address is [`address`].
#[must_use]
pub fn completed(reference: u32) -> OrderEvent {
    OrderEvent {
        change: Change::Completed,
        at: Some(now()),
        order: Order {
            reference: reference.to_string(),
            number: Some(reference.to_string()),
            email: EmailAddress::parse(&address(reference)).ok(),
            name: Some("Åsa Lind".into()),
            locale: Some("en".into()),
            country: Some("SE".into()),
            items: vec![Item {
                name: "Mörkrost 500 g".into(),
                sku: Some("K-1".into()),
                ..Item::default()
            }],
            placed_at: now().checked_sub(SignedDuration::from_hours(72)).ok(),
            test: false,
            ..Order::default()
        },
    }
}

/// The same, by the buyer of another order.
#[must_use]
pub fn completed_by_buyer_of(other: u32, reference: u32) -> OrderEvent {
    let mut event = completed(reference);
    event.order.email = EmailAddress::parse(&address(other)).ok();
    event
}

/// The same order, called off.
#[must_use]
pub fn cancelled(order: &OrderEvent) -> OrderEvent {
    OrderEvent { change: Change::Cancelled, at: Some(now()), ..order.clone() }
}

/// The address of the buyer of this order.
#[must_use]
pub fn address(reference: u32) -> String {
    format!("buyer-{reference}@example.com")
}

/// The time.
#[expect(clippy::disallowed_methods, reason = "the clock of the tests")]
#[must_use]
pub fn now() -> Timestamp {
    Timestamp::now()
}
