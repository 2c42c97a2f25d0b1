//! Shopify: `orders/*`, `refunds/create` and `fulfillment_events/create` webhooks, and the mandatory
//! privacy topics.
//!
//! Only the body is signed, so the body says what happened (`cancelled_at`, `financial_status`,
//! `fulfillment_status`); the topic header, which anybody who replays a body can change, only says
//! how to read it. An order is completed when all of it is fulfilled, whichever topic tells it:
//! Of what is partially fulfilled a part was sent, and a later `orders/updated` may complete it.
//!
//! That a parcel was delivered, comes with the ids of the parcel and of the order and nothing else, so
//! the Admin API is asked. Its answer completes an order when all of it is fulfilled and no parcel is
//! known to be on its way.
//!
//! How far the order is, its parcels tell: it has arrived when all of them were delivered. A parcel that
//! no carrier tells about counts as sent.
//!
//! A buyer with a company (`company`, or in the billing address) counts as one. Tags stand in one text,
//! with commas between them.
//!
//! The total is what the buyer saw and paid (`presentment_money`), which may be in another currency
//! than the shop's. Whether the buyer agreed to marketing, is told by the record of the customer as it
//! is now; without one, by what was ticked in the checkout. Products come without a page, a picture
//! or a GTIN.
//!
//! Documented (shopify.dev): headers and bodies (docs/apps/build/webhooks/delivery-structure,
//! docs/api/webhooks), the privacy topics (docs/apps/build/compliance/privacy-law-compliance), the
//! order and the states of a parcel (docs/api/admin-rest, Order and Fulfillment), two requests per
//! second (docs/api/admin-rest/usage/rate-limits). The REST Admin API is called legacy there, and goes
//! on working for apps of one shop.
//!
//! Not confirmed: that a parcel's `updated_at` is when it was delivered, if nothing else happened to it.

use std::num::NonZeroU32;

use adapter_api::{
    Access, Adapter as ShopAdapter, ApiRequest, Encoding, Event, KeyForm, Meta, Notice, ParseError,
    PrivacyRequest, Sample, Scheme, Signature, Source, Verified, first_and_last,
    json::{self, Amount, Flag, Id, Instant, Text, Texts},
};
use domain::{Change, Consent, Fulfilment, Item, Money, Order, OrderEvent, consent::Answer};
use serde::{Deserialize, Deserializer, de::IgnoredAny};
use serde_json::{Value, json};

static META: Meta = Meta {
    id: "shopify",
    title: "Shopify",
    docs_url: "https://shopify.dev/docs/apps/build/webhooks",
};

/// The newer Events product drops the `X-`.
const TOPIC_HEADERS: [&str; 2] = ["x-shopify-topic", "shopify-topic"];

/// The version of the Admin API. Shopify answers in the oldest one it has when this one is gone.
const API_VERSION: &str = "2026-07";

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
    currency: Text,
    #[serde(default)]
    total_price: Amount,
    #[serde(default)]
    total_price_set: Option<PriceSet>,
    #[serde(default)]
    buyer_accepts_marketing: Flag,
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
    tags: Texts,
    /// Set when a company bought it.
    #[serde(default)]
    company: Option<IgnoredAny>,
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
    #[serde(default)]
    email_marketing_consent: Option<EmailMarketingConsent>,
}

#[derive(Deserialize)]
struct EmailMarketingConsent {
    #[serde(default)]
    state: Text,
    #[serde(default)]
    opt_in_level: Text,
    #[serde(default)]
    consent_updated_at: Instant,
}

#[derive(Deserialize)]
struct PriceSet {
    #[serde(default)]
    presentment_money: Option<Price>,
}

#[derive(Deserialize)]
struct Price {
    #[serde(default)]
    amount: Amount,
    #[serde(default)]
    currency_code: Text,
}

#[derive(Deserialize)]
struct Address {
    #[serde(default)]
    name: Text,
    #[serde(default)]
    company: Text,
    #[serde(default)]
    country_code: Text,
    #[serde(default)]
    province_code: Text,
}

#[derive(Deserialize)]
struct Fulfillment {
    #[serde(default)]
    created_at: Instant,
    #[serde(default)]
    updated_at: Instant,
    #[serde(default)]
    status: Text,
    /// What the carrier told; `null` if it told nothing, or nobody listens to it.
    #[serde(default)]
    shipment_status: Text,
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
    /// Refunds have none. Parcels, what happens to them and payments have one, and an `order_id`, too.
    #[serde(default)]
    status: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct FulfillmentEvent {
    order_id: Id,
    #[serde(default)]
    status: Text,
}

/// What `customers/data_request` asks for. No other body has its member, so none can be replayed as it.
#[derive(Deserialize)]
struct DataRequest {
    orders_requested: Vec<Id>,
}

/// What `customers/redact` asks for. No other body has its member, so none can be replayed as it.
#[derive(Deserialize)]
struct Redaction {
    orders_to_redact: Vec<Id>,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Text>, D::Error> {
    Text::deserialize(deserializer).map(Some)
}

impl ShopAdapter for Adapter {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn scheme(&self) -> Scheme<'_> {
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
            "fulfillment_events_create" => vec![parcel(json::from_slice(request.body())?)],
            "customers_data_request" => {
                let DataRequest { orders_requested: orders } = json::from_slice(request.body())?;
                vec![Event::Privacy(PrivacyRequest::Access { orders: ids(orders) })]
            }
            "customers_redact" => {
                let Redaction { orders_to_redact: orders } = json::from_slice(request.body())?;
                vec![Event::Privacy(PrivacyRequest::Erasure { orders: ids(orders) })]
            }
            // Whoever got hold of the secret must not be able to erase everything with one request.
            "shop_redact" => vec![Event::Alert {
                reason: "the shop took the app away 48 hours ago, and Shopify asks to erase its data \
                         within 30 days: take the shop out of the configuration, then run \
                         `afs privacy erase-shop`",
            }],
            topic if topic.starts_with("orders_") => {
                vec![order(json::from_slice(request.body())?, topic)]
            }
            _ => vec![Event::Ignored { reason: "topic_not_used" }],
        })
    }

    fn source(&self) -> Option<&'static dyn Source> {
        Some(&AdminApi)
    }

    fn sample(&self, event: &OrderEvent) -> Sample {
        let topic = match event.change {
            Change::Completed => "orders/fulfilled",
            Change::Cancelled => "orders/cancelled",
            Change::Refunded => "orders/updated",
        };
        Sample {
            headers: vec![
                ("content-type", "application/json".into()),
                ("x-shopify-topic", topic.into()),
                ("x-shopify-shop-domain", "demo.myshopify.com".into()),
                ("x-shopify-api-version", API_VERSION.into()),
                ("x-shopify-webhook-id", "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043".into()),
            ],
            body: resource(event).to_string().into_bytes(),
        }
    }
}

struct AdminApi;

impl Source for AdminApi {
    fn url(&self) -> Option<&'static str> {
        None
    }

    fn requests_per_second(&self) -> NonZeroU32 {
        const STANDARD_PLAN: NonZeroU32 = NonZeroU32::new(2).unwrap();
        STANDARD_PLAN
    }

    fn requests(&self, reference: &str, access: &Access<'_>) -> Vec<ApiRequest> {
        let order = format!("{reference}.json");
        let request = ApiRequest::get(&["admin", "api", API_VERSION, "orders", &order]);
        vec![request.header("x-shopify-access-token", access.token)]
    }

    fn parse(&self, _reference: &str, answers: &[Vec<u8>]) -> Result<Vec<Event>, ParseError> {
        #[derive(Deserialize)]
        struct Answer {
            order: ShopifyOrder,
        }
        let event =
            |answer: &Vec<u8>| json::from_slice::<Answer>(answer).map(|it| delivered(it.order));
        answers.iter().map(event).collect()
    }

    fn sample(&self, event: &OrderEvent) -> Vec<Vec<u8>> {
        vec![json!({ "order": resource(event) }).to_string().into_bytes()]
    }
}

/// An order as webhooks and the API show it.
fn resource(event: &OrderEvent) -> Value {
    let order = &event.order;
    let (first, last) = first_and_last(order.name.as_deref());
    let done = event.change != Change::Cancelled;
    let arrived = order.fulfilment == Fulfilment::Delivered;
    let number = order.number.as_deref().unwrap_or("1001");
    let amount = order.total.as_ref().map(|total| total.amount.to_string());
    let currency = order.total.as_ref().map(|total| &total.currency);
    let money = json!({ "amount": amount, "currency_code": currency });
    let consent = order.marketing_consent.as_ref();
    let state = consent.map(|consent| match consent.answer {
        Answer::Agreed => "subscribed",
        Answer::NotAgreed => "not_subscribed",
        Answer::Refused => "unsubscribed",
    });
    json!({
        "id": order.reference.parse::<u64>().map_or(json!(order.reference), |id| json!(id)),
        "admin_graphql_api_id": format!("gid://shopify/Order/{}", order.reference),
        "name": format!("#{number}"),
        "order_number": number.parse::<u64>().unwrap_or(1001),
        "email": order.email,
        "contact_email": order.email,
        "buyer_accepts_marketing": consent.map(Consent::is_given),
        "customer": {
            "email": order.email, "first_name": first, "last_name": last,
            "email_marketing_consent": state.map(|state| json!({
                "state": state, "opt_in_level": "single_opt_in",
                "consent_updated_at": consent.and_then(|consent| consent.at),
            })),
        },
        "customer_locale": order.locale,
        "billing_address": {
            "name": order.name, "company": order.business.then_some("Sample AB"),
            "country_code": order.country, "province_code": order.region,
        },
        "created_at": order.placed_at,
        "updated_at": event.at,
        "closed_at": done.then_some(event.at),
        "cancelled_at": (event.change == Change::Cancelled).then_some(event.at),
        "cancel_reason": (event.change == Change::Cancelled).then_some("customer"),
        "confirmed": true,
        "currency": currency,
        "presentment_currency": currency,
        "total_price": amount,
        "total_price_set": { "shop_money": money, "presentment_money": money },
        "financial_status": if event.change == Change::Refunded { "refunded" } else { "paid" },
        "fulfillment_status": done.then_some("fulfilled"),
        "fulfillments": if done {
            json!([{
                "created_at": event.at, "updated_at": event.at, "status": "success",
                "shipment_status": arrived.then_some("delivered"),
            }])
        } else {
            json!([])
        },
        "line_items": order.items.iter().map(|item| json!({
            "title": item.name, "name": item.name, "sku": item.sku, "quantity": 1,
            "gift_card": false, "requires_shipping": true,
        })).collect::<Vec<_>>(),
        "tags": order.tags.join(", "),
        "test": order.test,
    })
}

fn ids(orders: Vec<Id>) -> Vec<String> {
    orders.into_iter().map(|Id(id)| id).collect()
}

fn order(order: ShopifyOrder, topic: &str) -> Event {
    let Some((change, at)) = what_happened(&order, topic) else {
        return Event::Ignored { reason: "order_not_completed" };
    };
    let (total, marketing_consent) = (total(&order), consent(&order));
    let fulfilment =
        if change == Change::Completed { how_far(&order) } else { Fulfilment::Unknown };
    let billed_company = order.billing_address.as_ref().and_then(|it| it.company.0.as_ref());
    let business = order.company.is_some() || billed_company.is_some();
    let customer_email = order.customer.as_ref().and_then(|customer| customer.email.0.clone());
    let email = [order.email.0, order.contact_email.0, customer_email].into_iter().flatten().next();
    let addresses = || [&order.shipping_address, &order.billing_address].into_iter().flatten();
    let customer_name =
        order.customer.and_then(|customer| Text::joined([customer.first_name, customer.last_name]));
    let name = customer_name.or_else(|| addresses().find_map(|address| address.name.0.clone()));
    let place = addresses().find(|address| address.country_code.0.is_some());
    Event::Order(OrderEvent {
        change,
        at: at.0,
        order: Order {
            reference: order.id.0,
            number: order.name.0,
            email: email.and_then(|email| domain::EmailAddress::parse(&email).ok()),
            name,
            locale: order.customer_locale.0,
            country: place.and_then(|address| address.country_code.0.clone()),
            region: place.and_then(|address| address.province_code.0.clone()),
            items: order
                .line_items
                .into_iter()
                .map(|item| Item {
                    name: item.title.0.or(item.name.0).unwrap_or_default(),
                    sku: item.sku.0,
                    ..Item::default()
                })
                .collect(),
            total,
            marketing_consent,
            placed_at: order.created_at.0,
            fulfilment,
            tags: order.tags.0,
            business,
            test: order.test,
            ..Order::default()
        },
    })
}

fn total(order: &ShopifyOrder) -> Option<Money> {
    let seen = order.total_price_set.as_ref().and_then(|set| set.presentment_money.as_ref());
    seen.and_then(|price| Money::new(price.amount.0, price.currency_code.0.as_deref()))
        .or_else(|| Money::new(order.total_price.0, order.currency.0.as_deref()))
}

/// What holds for the customer now, if it is told, or what was ticked in the checkout. Who is not
/// subscribed, or has yet to confirm it, has not said no; who is unsubscribed, or redacted, has.
fn consent(order: &ShopifyOrder) -> Option<Consent> {
    let record = order.customer.as_ref().and_then(|it| it.email_marketing_consent.as_ref());
    let Some((record, state)) = record.and_then(|it| Some((it, it.state.0.as_deref()?))) else {
        let is_ticked = order.buyer_accepts_marketing.0?;
        return Some(Consent::ticked(is_ticked, "buyer_accepts_marketing"));
    };
    let answer = match state {
        "subscribed" => Answer::Agreed,
        "not_subscribed" | "pending" | "invalid" => Answer::NotAgreed,
        _ => Answer::Refused,
    };
    let level = record.opt_in_level.0.as_deref();
    Some(Consent {
        answer,
        field: "customer.email_marketing_consent".to_owned(),
        at: record.consent_updated_at.0,
        text: Some(level.map_or(state.to_owned(), |level| format!("{state}, {level}"))),
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
    let sent = match &order.fulfillment_status {
        Some(status) => matches!(status.0.as_deref(), Some("fulfilled" | "partial")),
        None => topic == "orders_fulfilled",
    };
    let parcels = || order.fulfillments.iter();
    let last_shipment = parcels().filter_map(|parcel| parcel.created_at.0).max();
    let arrivals = parcels().filter(|parcel| parcel.is_delivered());
    let last_arrival = arrivals.filter_map(|parcel| parcel.updated_at.0).max();
    let completed_at = last_arrival
        .filter(|_| how_far(order) == Fulfilment::Delivered)
        .or(last_shipment)
        .or(order.closed_at.0)
        .or(order.updated_at.0);
    sent.then_some((Change::Completed, Instant(completed_at)))
}

/// How far an order is of which something was sent.
fn how_far(order: &ShopifyOrder) -> Fulfilment {
    let status = order.fulfillment_status.as_ref().and_then(|status| status.0.as_deref());
    if status == Some("partial") {
        return Fulfilment::Partial;
    }
    let mut parcels = order.fulfillments.iter().filter(|parcel| !parcel.is_cancelled()).peekable();
    if parcels.peek().is_some() && parcels.all(Fulfillment::is_delivered) {
        Fulfilment::Delivered
    } else {
        Fulfilment::Shipped
    }
}

/// The refund's extent is not in the body, so any refund counts: a buyer who sent something back is
/// not asked how they like it.
fn refund(refund: ShopifyRefund) -> Event {
    if refund.status.is_some() {
        return Event::Ignored { reason: "topic_not_used" };
    }
    Event::Order(OrderEvent {
        change: Change::Refunded,
        at: refund.created_at.0,
        order: Order { reference: refund.order_id.0, ..Order::default() },
    })
}

/// What a carrier told about a parcel. The shop knows more: whether there are others.
fn parcel(event: FulfillmentEvent) -> Event {
    if event.status.0.as_deref() == Some("delivered") {
        Event::Notice(Notice { reference: event.order_id.0, told: None })
    } else {
        Event::Ignored { reason: "parcel_not_delivered" }
    }
}

/// What the order as it is now means, after a parcel of it was delivered.
fn delivered(answer: ShopifyOrder) -> Event {
    let parcels = answer.fulfillments.iter();
    let on_its_way = parcels.clone().any(Fulfillment::is_on_its_way);
    let arrived = parcels.filter(|parcel| parcel.is_delivered());
    let last_arrival = arrived.filter_map(|parcel| parcel.updated_at.0).max();
    match order(answer, "") {
        Event::Order(event) if event.change == Change::Completed => {
            if on_its_way {
                return Event::Ignored { reason: "parcel_not_delivered" };
            }
            Event::Order(OrderEvent { at: last_arrival.or(event.at), ..event })
        }
        other => other,
    }
}

impl Fulfillment {
    fn is_delivered(&self) -> bool {
        self.shipment_status.0.as_deref() == Some("delivered")
    }

    fn is_on_its_way(&self) -> bool {
        let is_tracked = self.shipment_status.0.is_some();
        is_tracked && !self.is_delivered() && !self.is_cancelled()
    }

    fn is_cancelled(&self) -> bool {
        self.status.0.as_deref() == Some("cancelled")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCESS: Access<'_> = Access { account: "", token: "shpat_1" };

    /// An order in two parcels, both delivered.
    fn order() -> Value {
        json!({ "order": {
            "id": 5_784_218_436_u64, "admin_graphql_api_id": "gid://shopify/Order/5784218436",
            "buyer_accepts_marketing": true,
            "cancelled_at": null, "closed_at": "2026-06-30T09:12:00+02:00", "confirmed": true,
            "contact_email": "asa.lind@example.com", "created_at": "2026-06-28T10:00:00+02:00",
            "currency": "SEK", "current_total_price": "498.00", "customer_locale": "sv",
            "email": "asa.lind@example.com", "financial_status": "paid",
            "fulfillment_status": "fulfilled", "name": "#1042", "order_number": 1042,
            "presentment_currency": "SEK", "processed_at": "2026-06-28T10:00:00+02:00",
            "tags": "wholesale, gift wrap", "company": null, "test": false, "total_price": "498.00",
            "total_price_set": {
                "shop_money": { "amount": "498.00", "currency_code": "SEK" },
                "presentment_money": { "amount": "498.00", "currency_code": "SEK" },
            },
            "updated_at": "2026-07-01T11:41:05+02:00",
            "billing_address": { "name": "Åsa Lind", "country": "Sweden", "country_code": "SE",
                "company": null, "province_code": "AB" },
            "customer": {
                "id": 9001, "email": "asa.lind@example.com", "first_name": "Åsa",
                "last_name": "Lind", "state": "disabled", "currency": "SEK",
                "email_marketing_consent": {
                    "state": "unsubscribed", "opt_in_level": "single_opt_in",
                    "consent_updated_at": "2026-06-29T08:00:00+02:00",
                },
            },
            "fulfillments": [
                {
                    "id": 1, "order_id": 5_784_218_436_u64, "status": "success",
                    "created_at": "2026-06-29T15:00:00+02:00", "shipment_status": "delivered",
                    "updated_at": "2026-06-30T13:20:00+02:00", "tracking_company": "PostNord",
                },
                {
                    "id": 2, "order_id": 5_784_218_436_u64, "status": "success",
                    "created_at": "2026-06-30T09:12:00+02:00", "shipment_status": "delivered",
                    "updated_at": "2026-07-01T11:41:02+02:00", "tracking_company": "PostNord",
                },
            ],
            "line_items": [{
                "id": 11, "title": "Mörkrost 500 g", "name": "Mörkrost 500 g - Hela bönor",
                "variant_title": "Hela bönor", "sku": "MR-500", "quantity": 2, "price": "249.00",
                "gift_card": false, "fulfillment_status": "fulfilled",
            }],
            "refunds": [],
        } })
    }

    fn read(answer: &Value) -> Result<Vec<Event>, ParseError> {
        AdminApi.parse("5784218436", &[answer.to_string().into_bytes()])
    }

    /// What the order means with the member at this place replaced.
    fn with(place: &str, value: Value) -> Event {
        let mut answer = order();
        *answer.pointer_mut(&format!("/order{place}")).unwrap() = value;
        read(&answer).unwrap().remove(0)
    }

    fn told(event: Event) -> OrderEvent {
        let Event::Order(event) = event else { panic!("{event:?}") };
        event
    }

    #[test]
    fn the_shop_is_asked_for_the_order_with_its_token() {
        let [request] = &AdminApi.requests("5784218436", &ACCESS)[..] else { panic!() };
        assert_eq!(request.path, "/admin/api/2026-07/orders/5784218436.json");
        assert!(request.headers == [("x-shopify-access-token", "shpat_1".to_owned())]);
    }

    #[test]
    fn an_order_is_completed_when_its_last_parcel_arrives() {
        let event = told(read(&order()).unwrap().remove(0));
        assert_eq!(event.change, Change::Completed);
        assert_eq!(event.at, Some("2026-07-01T09:41:02Z".parse().unwrap()));
        assert_eq!(event.order.reference, "5784218436");
        assert_eq!(event.order.email.unwrap().as_str(), "asa.lind@example.com");
        assert_eq!(event.order.total.unwrap().amount.to_string(), "498.00");
        let consent = Consent {
            answer: Answer::Refused,
            field: "customer.email_marketing_consent".into(),
            at: "2026-06-29T08:00:00+02:00".parse().ok(),
            text: Some("unsubscribed, single_opt_in".into()),
        };
        assert_eq!(event.order.marketing_consent, Some(consent), "taken back since");
        assert_eq!(event.order.items[0].name, "Mörkrost 500 g");
        assert_eq!(event.order.fulfilment, Fulfilment::Delivered);
        assert_eq!(event.order.region.as_deref(), Some("AB"));
        assert_eq!(event.order.tags, ["wholesale", "gift wrap"]);
        assert!(!event.order.business);
    }

    #[test]
    fn a_company_is_one_by_its_account_or_its_address() {
        let account = told(with("/company", json!({ "id": 7, "location_id": 8 })));
        assert!(account.order.business);
        assert!(told(with("/billing_address/company", json!("Lind AB"))).order.business);
        assert!(!told(with("/billing_address/company", json!(""))).order.business);
    }

    #[test]
    fn an_order_with_a_parcel_on_its_way_is_not_completed() {
        let waits = Event::Ignored { reason: "parcel_not_delivered" };
        for status in ["in_transit", "out_for_delivery", "failure"] {
            assert_eq!(with("/fulfillments/0/shipment_status", json!(status)), waits);
        }
        let untracked = told(with("/fulfillments/0/shipment_status", Value::Null));
        assert_eq!(untracked.change, Change::Completed);
        assert_eq!(untracked.order.fulfilment, Fulfilment::Shipped, "nobody tells of its arrival");
        let mut answer = order();
        let parcel = &mut answer["order"]["fulfillments"][0];
        parcel["shipment_status"] = json!("in_transit");
        parcel["status"] = json!("cancelled");
        let rest = told(read(&answer).unwrap().remove(0));
        assert_eq!(
            (rest.change, rest.order.fulfilment),
            (Change::Completed, Fulfilment::Delivered)
        );
    }

    #[test]
    fn what_is_undone_or_not_sent_is_not_completed() {
        let cancelled = told(with("/cancelled_at", json!("2026-07-02T10:00:00+02:00")));
        assert_eq!(cancelled.change, Change::Cancelled);
        assert_eq!(cancelled.at, Some("2026-07-02T08:00:00Z".parse().unwrap()));
        let refunded = told(with("/financial_status", json!("refunded")));
        assert_eq!(refunded.change, Change::Refunded);
        let open = with("/fulfillment_status", Value::Null);
        assert_eq!(open, Event::Ignored { reason: "order_not_completed" });
        let part = told(with("/fulfillment_status", json!("partial")));
        assert_eq!((part.change, part.order.fulfilment), (Change::Completed, Fulfilment::Partial));
    }

    #[test]
    fn what_is_missing_costs_only_itself() {
        assert!(told(with("/test", json!(true))).order.test);
        let mut answer = order();
        for place in ["/order/email", "/order/contact_email", "/order/customer"] {
            *answer.pointer_mut(place).unwrap() = Value::Null;
        }
        let order = told(read(&answer).unwrap().remove(0)).order;
        assert_eq!((order.email, order.name.as_deref()), (None, Some("Åsa Lind")));
        let ticked = Consent::ticked(true, "buyer_accepts_marketing");
        assert_eq!(order.marketing_consent, Some(ticked), "what was ticked in the checkout");
    }

    #[test]
    fn a_malformed_answer_is_told_with_the_place() {
        let mut answer = order();
        answer["order"]["line_items"][0]["title"] = json!(["anna"]);
        let error = read(&answer).unwrap_err();
        assert_eq!(error.path, "order.line_items[0].title");
        assert!(!error.detail.contains("anna"), "{}", error.detail);
        assert_eq!(read(&json!({ "errors": "Not Found" })).unwrap_err().path, ".");
    }
}
