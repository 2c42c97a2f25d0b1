//! Lemon Squeezy: the webhooks `order_created` and `order_refunded`.
//!
//! What is sold is delivered by download, so an order is completed when it is paid. The event's name
//! and the order's status stand in the body, which is signed as a whole.
//!
//! Documented (docs.lemonsqueezy.com): the signature (help/webhooks/signing-requests), the events
//! and that a partial refund is one too (help/webhooks/event-types), the order's fields with only
//! its first item (api/orders). Any answer but 200 counts as failed.
//!
//! Not confirmed: the status `fraudulent`, and `test_mode` in `meta`, which is read beside the
//! documented one of the order; what “cents” (api/orders) are in a currency that has none: taken as
//! its smallest unit. The buyer's language and country are not told, and no consent to marketing.

use adapter_api::{
    Adapter as ShopAdapter, Encoding, Event, KeyForm, Meta, ParseError, Sample, Scheme, Signature,
    Verified,
    json::{self, Amount, Id, Instant, Text},
};
use domain::{Change, EmailAddress, Item, Money, Order, OrderEvent};
use serde::Deserialize;
use serde_json::{json, value::RawValue};

static META: Meta = Meta {
    id: "lemon_squeezy",
    title: "Lemon Squeezy",
    docs_url: "https://docs.lemonsqueezy.com/help/webhooks",
};

pub(crate) struct Adapter;

#[derive(Deserialize)]
struct Body<'a> {
    meta: BodyMeta,
    #[serde(borrow)]
    data: &'a RawValue,
}

#[derive(Deserialize)]
struct BodyMeta {
    event_name: String,
    #[serde(default)]
    test_mode: Option<bool>,
}

#[derive(Deserialize)]
struct Data {
    id: Id,
    attributes: Attributes,
}

#[derive(Deserialize)]
struct Attributes {
    #[serde(default)]
    order_number: Text,
    #[serde(default)]
    user_name: Text,
    #[serde(default)]
    user_email: Text,
    #[serde(default)]
    currency: Text,
    #[serde(default)]
    total: Amount,
    #[serde(default)]
    status: Text,
    #[serde(default)]
    refunded: Option<bool>,
    #[serde(default)]
    refunded_at: Instant,
    #[serde(default)]
    first_order_item: Option<OrderItem>,
    #[serde(default)]
    created_at: Instant,
    #[serde(default)]
    updated_at: Instant,
    #[serde(default)]
    test_mode: Option<bool>,
}

#[derive(Deserialize)]
struct OrderItem {
    #[serde(default)]
    product_name: Text,
}

impl ShopAdapter for Adapter {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn scheme(&self) -> Scheme<'_> {
        Scheme::WholeBody(Signature::HmacSha256 {
            headers: &["x-signature"],
            encoding: Encoding::Hex,
            key: KeyForm::Raw,
        })
    }

    fn parse(&self, request: &Verified<'_>) -> Result<Vec<Event>, ParseError> {
        let Body { meta, data } = json::from_slice(request.body())?;
        let part = || json::from_raw::<Data>(data, "data");
        let test = meta.test_mode == Some(true);
        Ok(vec![match meta.event_name.as_str() {
            "order_created" => part()?.created(test),
            "order_refunded" => part()?.refunded(test),
            _ => Event::Ignored { reason: "event_not_used" },
        }])
    }

    fn sample(&self, event: &OrderEvent) -> Sample {
        let order = &event.order;
        let refunded = event.change == Change::Refunded;
        let (name, status) = match event.change {
            Change::Completed => ("order_created", "paid"),
            Change::Cancelled => ("order_created", "fraudulent"),
            Change::Refunded => ("order_refunded", "refunded"),
        };
        let body = json!({
            "meta": { "event_name": name, "test_mode": order.test },
            "data": {
                "type": "orders",
                "id": order.reference,
                "attributes": {
                    "store_id": 1,
                    "identifier": "104e18a2-d755-4d4b-80c4-a6c1dcbe1c10",
                    "order_number": order.number.as_ref().and_then(|number| number.parse::<u64>().ok()),
                    "user_name": order.name,
                    "user_email": order.email,
                    "currency": order.total.as_ref().map(|total| &total.currency),
                    "total": order.total.as_ref().and_then(Money::minor),
                    "status": status,
                    "refunded": refunded,
                    "refunded_at": event.at.filter(|_| refunded),
                    "first_order_item": order.items.first().map(|item| json!({
                        "product_name": item.name, "variant_name": "Default", "quantity": 1,
                    })),
                    "created_at": if refunded { order.placed_at } else { event.at },
                    "updated_at": event.at,
                    "test_mode": order.test,
                },
            },
        });
        Sample {
            headers: vec![
                ("content-type", "application/json".into()),
                ("x-event-name", name.into()),
            ],
            body: body.to_string().into_bytes(),
        }
    }
}

impl Data {
    fn created(self, test: bool) -> Event {
        let order = &self.attributes;
        let (change, at) = match order.status.0.as_deref() {
            Some("paid") => (Change::Completed, order.created_at),
            Some("refunded") => (Change::Refunded, order.refunded_at),
            Some("fraudulent") => (Change::Cancelled, order.updated_at),
            _ => return Event::Ignored { reason: "order_not_paid" },
        };
        self.event(change, at, test)
    }

    fn refunded(self, test: bool) -> Event {
        let order = &self.attributes;
        let at = order.refunded_at;
        if order.refunded == Some(true) || order.status.0.as_deref() == Some("refunded") {
            self.event(Change::Refunded, at, test)
        } else {
            Event::Ignored { reason: "refunded_in_part" }
        }
    }

    fn event(self, change: Change, at: Instant, test: bool) -> Event {
        let order = self.attributes;
        Event::Order(OrderEvent {
            change,
            at: at.0.or(order.updated_at.0),
            order: Order {
                reference: self.id.0,
                number: order.order_number.0,
                email: order.user_email.0.and_then(|email| EmailAddress::parse(&email).ok()),
                name: order.user_name.0,
                items: order
                    .first_order_item
                    .and_then(|item| item.product_name.0)
                    .map(|name| Item { name, ..Item::default() })
                    .into_iter()
                    .collect(),
                total: Money::from_minor(order.total.0, order.currency.0.as_deref()),
                placed_at: order.created_at.0,
                test: test || order.test_mode == Some(true),
                ..Order::default()
            },
        })
    }
}
