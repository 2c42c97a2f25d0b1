//! Shopify: `orders/*` and `refunds/create` webhooks, and the mandatory privacy topics.
//!
//! Only the body is signed, so the body says what happened (`cancelled_at`, `financial_status`,
//! `fulfillment_status`); the topic header, which anybody who replays a body can change, only says
//! how to read it. An order is completed when all of it is fulfilled, whichever topic tells it:
//! `orders/partially_fulfilled` does not complete it, and a later `orders/updated` may.
//!
//! Facts: <https://shopify.dev/docs/apps/build/webhooks/delivery-structure>, and for the privacy topics
//! <https://shopify.dev/docs/apps/build/compliance/privacy-law-compliance>.

use adapter_api::{
    Adapter as ShopAdapter, Encoding, Event, KeyForm, Meta, ParseError, Sample, Scheme, Signature,
    Verified, first_and_last,
    json::{self, Id, Instant, Text},
};
use domain::{Change, Item, Order, OrderEvent};
use serde::{Deserialize, Deserializer};
use serde_json::json;

static META: Meta = Meta {
    id: "shopify",
    title: "Shopify",
    docs_url: "https://shopify.dev/docs/apps/build/webhooks",
};

/// The newer Events product drops the `X-`.
const TOPIC_HEADERS: [&str; 2] = ["x-shopify-topic", "shopify-topic"];

pub(crate) struct Adapter;

#[derive(Deserialize)]
struct ShopifyOrder {
    id: Id,
    #[serde(default)]
    name: Text,
    #[serde(default)]
    email: Text,
    #[serde(default)]
    contact_email: Text,
    #[serde(default)]
    customer: Option<Customer>,
    #[serde(default)]
    customer_locale: Text,
    #[serde(default)]
    shipping_address: Option<Address>,
    #[serde(default)]
    billing_address: Option<Address>,
    #[serde(default)]
    created_at: Instant,
    #[serde(default)]
    updated_at: Instant,
    #[serde(default)]
    closed_at: Instant,
    #[serde(default)]
    cancelled_at: Instant,
    #[serde(default)]
    financial_status: Text,
    /// Absent (a subscription can drop fields) is not the same as `null` (nothing shipped yet).
    #[serde(default, deserialize_with = "present")]
    fulfillment_status: Option<Text>,
    #[serde(default)]
    fulfillments: Vec<Fulfillment>,
    #[serde(default)]
    line_items: Vec<LineItem>,
    #[serde(default)]
    test: bool,
}

#[derive(Deserialize)]
struct Customer {
    #[serde(default)]
    email: Text,
    #[serde(default)]
    first_name: Text,
    #[serde(default)]
    last_name: Text,
}

#[derive(Deserialize)]
struct Address {
    #[serde(default)]
    name: Text,
    #[serde(default)]
    country_code: Text,
}

#[derive(Deserialize)]
struct Fulfillment {
    #[serde(default)]
    created_at: Instant,
}

#[derive(Deserialize)]
struct LineItem {
    #[serde(default)]
    title: Text,
    #[serde(default)]
    name: Text,
    #[serde(default)]
    sku: Text,
}

#[derive(Deserialize)]
struct ShopifyRefund {
    order_id: Id,
    #[serde(default)]
    created_at: Instant,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Text>, D::Error> {
    Text::deserialize(deserializer).map(Some)
}

impl ShopAdapter for Adapter {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn scheme(&self) -> Scheme {
        Scheme::WholeBody(Signature::HmacSha256 {
            headers: &["x-shopify-hmac-sha256", "shopify-hmac-sha256"],
            encoding: Encoding::Base64,
            key: KeyForm::Raw,
        })
    }

    fn parse(&self, request: &Verified<'_>) -> Result<Vec<Event>, ParseError> {
        let topic = TOPIC_HEADERS.iter().find_map(|name| request.header(name)).unwrap_or_default();
        // `orders/fulfilled`, `ORDERS_FULFILLED` and `orders.fulfilled` are all in use.
        let topic: String = topic
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
            .collect();
        Ok(match topic.as_str() {
            "refunds_create" => vec![refund(json::from_slice(request.body())?)],
            "customers_data_request" => privacy_request(
                "customers_data_request",
                "Shopify passed on that a customer wants to know what is stored about them: give it \
                 to the shop's owner within 30 days",
            ),
            "customers_redact" => privacy_request(
                "customers_redact",
                "Shopify passed on that a customer's data must be erased: erase it within 30 days",
            ),
            "shop_redact" => privacy_request(
                "shop_redact",
                "the shop took the app away 48 hours ago, and Shopify asks to erase its data: erase \
                 it within 30 days",
            ),
            topic if topic.starts_with("orders_") => {
                vec![order(json::from_slice(request.body())?, topic)]
            }
            _ => vec![Event::Ignored { reason: "topic_not_used" }],
        })
    }

    fn sample(&self, event: &OrderEvent) -> Sample {
        let order = &event.order;
        let (first, last) = first_and_last(order.name.as_deref());
        let done = event.change != Change::Cancelled;
        let topic = match event.change {
            Change::Completed => "orders/fulfilled",
            Change::Cancelled => "orders/cancelled",
            Change::Refunded => "orders/updated",
        };
        let number = order.number.as_deref().unwrap_or("1001");
        let body = json!({
            "id": order.reference.parse::<u64>().map_or(json!(order.reference), |id| json!(id)),
            "admin_graphql_api_id": format!("gid://shopify/Order/{}", order.reference),
            "name": format!("#{number}"),
            "order_number": number.parse::<u64>().unwrap_or(1001),
            "email": order.email,
            "contact_email": order.email,
            "customer": { "email": order.email, "first_name": first, "last_name": last },
            "customer_locale": order.locale,
            "billing_address": { "name": order.name, "country_code": order.country },
            "created_at": order.placed_at,
            "updated_at": event.at,
            "closed_at": done.then_some(event.at),
            "cancelled_at": (event.change == Change::Cancelled).then_some(event.at),
            "cancel_reason": (event.change == Change::Cancelled).then_some("customer"),
            "confirmed": true,
            "currency": "SEK",
            "total_price": "249.00",
            "financial_status": if event.change == Change::Refunded { "refunded" } else { "paid" },
            "fulfillment_status": done.then_some("fulfilled"),
            "fulfillments": if done { json!([{ "created_at": event.at, "status": "success" }]) } else { json!([]) },
            "line_items": order.items.iter().map(|item| json!({
                "title": item.name, "name": item.name, "sku": item.sku, "quantity": 1,
                "price": "249.00", "gift_card": false, "requires_shipping": true,
            })).collect::<Vec<_>>(),
            "test": order.test,
        });
        Sample {
            headers: vec![
                ("content-type", "application/json".into()),
                ("x-shopify-topic", topic.into()),
                ("x-shopify-shop-domain", "demo.myshopify.com".into()),
                ("x-shopify-api-version", "2026-07".into()),
            ],
            body: body.to_string().into_bytes(),
        }
    }
}

/// One of the topics that every app has to take. Who it is about is not told, since alerts are logged:
/// whoever runs the shop made the request in its admin.
fn privacy_request(reason: &'static str, what_to_do: &'static str) -> Vec<Event> {
    vec![Event::Ignored { reason }, Event::Alert { reason: what_to_do }]
}

fn order(order: ShopifyOrder, topic: &str) -> Event {
    let Some((change, at)) = what_happened(&order, topic) else {
        return Event::Ignored { reason: "order_not_completed" };
    };
    let customer_email = order.customer.as_ref().and_then(|customer| customer.email.0.clone());
    let email = [order.email.0, order.contact_email.0, customer_email].into_iter().flatten().next();
    let addresses = || [&order.shipping_address, &order.billing_address].into_iter().flatten();
    let customer_name =
        order.customer.and_then(|customer| Text::joined([customer.first_name, customer.last_name]));
    let name = customer_name.or_else(|| addresses().find_map(|address| address.name.0.clone()));
    Event::Order(OrderEvent {
        change,
        at: at.0,
        order: Order {
            reference: order.id.0,
            number: order.name.0,
            email: email.and_then(|email| domain::EmailAddress::parse(&email).ok()),
            name,
            locale: order.customer_locale.0,
            country: addresses().find_map(|address| address.country_code.0.clone()),
            items: order
                .line_items
                .into_iter()
                .map(|item| Item {
                    name: item.title.0.or(item.name.0).unwrap_or_default(),
                    sku: item.sku.0,
                    ..Item::default()
                })
                .collect(),
            placed_at: order.created_at.0,
            test: order.test,
            ..Order::default()
        },
    })
}

fn what_happened(order: &ShopifyOrder, topic: &str) -> Option<(Change, Instant)> {
    if order.cancelled_at.0.is_some() {
        return Some((Change::Cancelled, order.cancelled_at));
    }
    // The body of a deletion is the bare id; a body with a creation date was sent for something else.
    if topic == "orders_delete" && order.created_at.0.is_none() {
        return Some((Change::Cancelled, order.updated_at));
    }
    if order.financial_status.0.as_deref() == Some("refunded") {
        return Some((Change::Refunded, order.updated_at));
    }
    let fulfilled = match &order.fulfillment_status {
        Some(status) => status.0.as_deref() == Some("fulfilled"),
        None => topic == "orders_fulfilled",
    };
    let last_shipment =
        order.fulfillments.iter().filter_map(|shipment| shipment.created_at.0).max();
    let completed_at = last_shipment.or(order.closed_at.0).or(order.updated_at.0);
    fulfilled.then_some((Change::Completed, Instant(completed_at)))
}

/// The refund's extent is not in the body, so any refund counts: a buyer who sent something back is
/// not asked how they like it.
fn refund(refund: ShopifyRefund) -> Event {
    Event::Order(OrderEvent {
        change: Change::Refunded,
        at: refund.created_at.0,
        order: Order { reference: refund.order_id.0, ..Order::default() },
    })
}
