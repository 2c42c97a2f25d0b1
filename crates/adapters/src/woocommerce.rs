//! WooCommerce: the webhooks `order.created`, `order.updated`, `order.deleted`, and the actions
//! `woocommerce_order_status_…` as topics.
//!
//! The body is the order as it stands when the webhook is delivered, so the body's `status` says
//! what happened. The body of an action is its name and the id of the order: enough to undo it, and
//! when it is completed, the REST API is asked. Not used on purpose: `X-WC-Webhook-Delivery-ID`,
//! which two orders delivered in the same second share.
//!
//! Facts: `class-wc-webhook.php`, `class-wc-rest-orders-v2-controller.php` (what v3 is built on; newer
//! versions put a `global_unique_id`, the GTIN, into the lines of an order) and `class-wc-order.php`,
//! which names the actions. An order has no field for consent to marketing, and none for tags. *Completed*
//! does not say that anything was sent. A buyer with a company in the billing address counts as one.

use std::num::NonZeroU32;

use adapter_api::{
    Access, Adapter as ShopAdapter, ApiRequest, Encoding, Event, KeyForm, Meta, Notice, ParseError,
    Request, Sample, Scheme, Signature, Source, Verified, first_and_last,
    json::{self, Amount, Id, Instant, Text},
};
use domain::{Change, EmailAddress, Item, Money, Order, OrderEvent};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

static META: Meta = Meta {
    id: "woocommerce",
    title: "WooCommerce",
    docs_url: "https://woocommerce.com/document/webhooks/",
};

const SIGNATURE_HEADER: &str = "x-wc-webhook-signature";

/// What the actions are called that happen when the status of an order changes: the new status
/// follows, or `{old}_to_{new}`, or `changed`. Their first argument is the order's id.
const STATUS_ACTION: &str = "woocommerce_order_status_";

pub(crate) struct Adapter;

/// The bodies a WooCommerce webhook can have; which one shows by the fields that are there.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(default)]
    id: Option<Id>,
    #[serde(default)]
    status: Text,
    #[serde(default)]
    number: Text,
    #[serde(default)]
    currency: Text,
    #[serde(default)]
    total: Amount,
    #[serde(default)]
    billing: Option<Billing>,
    #[serde(default)]
    date_created_gmt: Instant,
    #[serde(default)]
    date_modified_gmt: Instant,
    #[serde(default)]
    date_completed_gmt: Instant,
    #[serde(default)]
    line_items: Vec<LineItem>,
    #[serde(default, borrow)]
    meta_data: Vec<MetaData<'a>>,
    /// Set in the error that is signed and sent instead of the order when the webhook's owner may
    /// not read it any more.
    #[serde(default)]
    code: Text,
    /// Set for the topics `action.*`.
    #[serde(default)]
    action: Text,
    /// The action's first argument, which can be anything.
    #[serde(default, borrow)]
    arg: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Billing {
    #[serde(default)]
    email: Text,
    #[serde(default)]
    first_name: Text,
    #[serde(default)]
    last_name: Text,
    #[serde(default)]
    company: Text,
    #[serde(default)]
    country: Text,
    /// The code that WooCommerce has for it; a text of the buyer's, in countries for which it has none.
    #[serde(default)]
    state: Text,
}

#[derive(Deserialize)]
struct LineItem {
    #[serde(default)]
    name: Text,
    #[serde(default)]
    sku: Text,
    #[serde(default)]
    global_unique_id: Text,
    #[serde(default)]
    image: Option<Image>,
}

#[derive(Deserialize)]
struct Image {
    #[serde(default)]
    src: Text,
}

#[derive(Deserialize)]
struct MetaData<'a> {
    #[serde(default)]
    key: Text,
    /// Plugins store anything here.
    #[serde(default, borrow)]
    value: Option<&'a RawValue>,
}

impl ShopAdapter for Adapter {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn scheme(&self) -> Scheme<'_> {
        Scheme::WholeBody(Signature::HmacSha256 {
            headers: &[SIGNATURE_HEADER],
            encoding: Encoding::Base64,
            key: KeyForm::WordPress,
        })
    }

    /// When a webhook is switched on, WooCommerce posts `webhook_id=7`, unsigned, and wants a 200.
    fn is_handshake(&self, request: &Request<'_>) -> bool {
        request.header(SIGNATURE_HEADER).is_none()
            && request
                .body
                .strip_prefix(b"webhook_id=")
                .is_some_and(|id| (1..=20).contains(&id.len()) && id.iter().all(u8::is_ascii_digit))
    }

    fn parse(&self, request: &Verified<'_>) -> Result<Vec<Event>, ParseError> {
        let body: Body<'_> = json::from_slice(request.body())?;
        Ok(vec![event(body, request.header("x-wc-webhook-topic").unwrap_or_default())?])
    }

    fn source(&self) -> Option<&'static dyn Source> {
        Some(&RestApi)
    }

    fn sample(&self, event: &OrderEvent) -> Sample {
        Sample {
            headers: vec![
                ("content-type", "application/json".into()),
                ("x-wc-webhook-source", "https://demo.example/".into()),
                ("x-wc-webhook-topic", "order.updated".into()),
                ("x-wc-webhook-resource", "order".into()),
                ("x-wc-webhook-event", "updated".into()),
                ("x-wc-webhook-id", "7".into()),
                ("x-wc-webhook-delivery-id", "a6a1c3a1c0f1c5b3".into()),
            ],
            body: resource(event).to_string().into_bytes(),
        }
    }
}

struct RestApi;

impl Source for RestApi {
    fn url(&self) -> Option<&'static str> {
        None
    }

    /// There is no limit, but the machine is the shop's own.
    fn requests_per_second(&self) -> NonZeroU32 {
        NonZeroU32::MIN
    }

    fn requests(&self, reference: &str, access: &Access<'_>) -> Vec<ApiRequest> {
        let request = ApiRequest::get(&["wp-json", "wc", "v3", "orders", reference]);
        vec![request.basic_auth(access.account, access.token)]
    }

    fn parse(&self, _reference: &str, answers: &[Vec<u8>]) -> Result<Vec<Event>, ParseError> {
        answers.iter().map(|answer| event(json::from_slice(answer)?, "")).collect()
    }

    fn sample(&self, event: &OrderEvent) -> Vec<Vec<u8>> {
        vec![resource(event).to_string().into_bytes()]
    }
}

/// An order as webhooks and the API show it.
fn resource(event: &OrderEvent) -> Value {
    let order = &event.order;
    let (first, last) = first_and_last(order.name.as_deref());
    let completed = event.change == Change::Completed;
    json!({
        "id": order.reference.parse::<u64>().map_or(json!(order.reference), |id| json!(id)),
        "number": order.number,
        "status": event.change.as_str(),
        "currency": order.total.as_ref().map(|total| &total.currency),
        "total": order.total.as_ref().map(|total| total.amount.to_string()),
        "date_created_gmt": order.placed_at.map(without_zone),
        "date_modified_gmt": event.at.map(without_zone),
        "date_completed_gmt": event.at.filter(|_| completed).map(without_zone),
        "billing": {
            "first_name": first, "last_name": last, "email": order.email, "country": order.country,
            "state": order.region, "company": if order.business { "Sample AB" } else { "" },
        },
        "meta_data": [
            { "id": 1, "key": "wpml_language", "value": order.locale },
            { "id": 2, "key": "_wcpay_mode", "value": if order.test { "test" } else { "prod" } },
        ],
        "line_items": order.items.iter().map(|item| json!({
            "name": item.name, "sku": item.sku, "quantity": 1,
            "global_unique_id": item.gtin.as_deref().unwrap_or_default(),
            "image": { "id": 1, "src": item.image.as_deref().unwrap_or_default() },
        })).collect::<Vec<_>>(),
    })
}

fn event(body: Body<'_>, topic: &str) -> Result<Event, ParseError> {
    if body.code.0.is_some() && body.id.is_none() {
        return Ok(Event::Alert {
            reason: "WooCommerce may not read its own orders: the user who owns the webhook was \
                     deleted or lost rights; open the webhook in wp-admin and save it again",
        });
    }
    if let (Some(action), None) = (&body.action.0, &body.id) {
        return happened(action, body.arg);
    }
    let Some(id) = body.id else {
        return Err(ParseError { path: "id".into(), detail: "missing field `id`".into() });
    };
    let (change, at) = match body.status.0.as_deref() {
        Some("completed") => {
            (Change::Completed, body.date_completed_gmt.0.or(body.date_modified_gmt.0))
        }
        Some("cancelled" | "failed" | "trash") => (Change::Cancelled, body.date_modified_gmt.0),
        Some("refunded") => (Change::Refunded, body.date_modified_gmt.0),
        // The body of a deletion is the bare id.
        None if topic == "order.deleted" => (Change::Cancelled, None),
        _ => return Ok(Event::Ignored { reason: "order_not_completed" }),
    };
    let meta = |key: &str| {
        let entry = body.meta_data.iter().find(|entry| entry.key.0.as_deref() == Some(key))?;
        serde_json::from_str::<Text>(entry.value?.get()).ok()?.0
    };
    let (locale, test) =
        (meta("wpml_language"), meta("_wcpay_mode").is_some_and(|mode| mode == "test"));
    let billing = body.billing.unwrap_or_default();
    let total = Money::new(body.total.0, body.currency.0.as_deref());
    Ok(Event::Order(OrderEvent {
        change,
        at,
        order: Order {
            reference: id.0,
            number: body.number.0,
            email: billing.email.0.and_then(|email| EmailAddress::parse(&email).ok()),
            name: Text::joined([billing.first_name, billing.last_name]),
            locale,
            country: billing.country.0,
            region: billing.state.0,
            items: body
                .line_items
                .into_iter()
                .map(|item| Item {
                    name: item.name.0.unwrap_or_default(),
                    sku: item.sku.0,
                    gtin: item.global_unique_id.0,
                    image: item.image.and_then(|image| image.src.0),
                    ..Item::default()
                })
                .collect(),
            total,
            placed_at: body.date_created_gmt.0,
            business: billing.company.0.is_some(),
            test,
            ..Order::default()
        },
    }))
}

/// What an action means, whose topic the shop chose by its name.
fn happened(action: &str, argument: Option<&RawValue>) -> Result<Event, ParseError> {
    let (Some(change), Some(argument)) = (action.strip_prefix(STATUS_ACTION), argument) else {
        return Ok(Event::Alert {
            reason: "the webhook's topic is an action that tells of no order: choose the topic \
                     \"Order updated\" instead",
        });
    };
    let Id(reference) = json::from_raw(argument, "arg")?;
    let status = change.rsplit_once("_to_").map_or(change, |(_old, new)| new);
    let change = match status {
        "completed" | "changed" => return Ok(Event::Notice(Notice { reference, told: None })),
        "cancelled" | "failed" => Change::Cancelled,
        "refunded" => Change::Refunded,
        _ => return Ok(Event::Ignored { reason: "order_not_completed" }),
    };
    let order = Order { reference, ..Order::default() };
    Ok(Event::Order(OrderEvent { change, at: None, order }))
}

/// WooCommerce's `_gmt` fields are UTC without saying so.
fn without_zone(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use adapter_api::signed_sample;
    use http::HeaderMap;

    #[test]
    fn a_test_order_is_told_as_one() {
        let order = Order { reference: "7".into(), test: true, ..Order::default() };
        let (change, now) = (Change::Completed, Timestamp::UNIX_EPOCH);
        let event = OrderEvent { change, at: Some(now), order };
        let (headers, body) = signed_sample(&Adapter, &event, "secret", "", now);
        let request =
            Request { headers: &headers, body: &body, received_at: now, address_secret: None };
        let verified = Adapter.scheme().verify(request, &["secret"]).unwrap();
        let events = Adapter.parse(&verified).unwrap();
        assert!(matches!(&events[..], [Event::Order(read)] if read.order.test), "{events:?}");
    }

    #[test]
    fn the_activation_ping_is_known_by_its_shape() {
        let headers = HeaderMap::new();
        let is_ping = |headers: &HeaderMap, body: &[u8]| {
            Adapter.is_handshake(&Request {
                headers,
                body,
                received_at: Timestamp::UNIX_EPOCH,
                address_secret: None,
            })
        };
        assert!(is_ping(&headers, b"webhook_id=7"));
        for body in [&b"webhook_id="[..], b"webhook_id=7&x=1", b"webhook_id=a", b"{}", b""] {
            assert!(!is_ping(&headers, body), "{body:?}");
        }
        let signed =
            HeaderMap::from_iter([(SIGNATURE_HEADER.parse().unwrap(), "AAAA".parse().unwrap())]);
        assert!(!is_ping(&signed, b"webhook_id=7"), "a signature asks to be checked");
    }

    /// A completed order, as the API shows it.
    fn order() -> Value {
        json!({
            "id": 727, "parent_id": 0, "status": "completed", "currency": "EUR",
            "version": "10.2.1", "prices_include_tax": true, "date_created": "2026-06-28T12:00:00",
            "date_modified": "2026-06-30T11:30:35", "discount_total": "0.00",
            "shipping_total": "0.00", "total": "29.35", "total_tax": "1.92", "customer_id": 26,
            "order_key": "wc_order_x", "number": "727",
            "billing": {
                "first_name": "Jürgen", "last_name": "Müller", "company": "", "country": "DE",
                "state": "DE-BE", "email": "juergen@example.com", "phone": "",
            },
            "shipping": { "first_name": "Jürgen", "last_name": "Müller", "country": "DE" },
            "payment_method": "bacs", "created_via": "checkout",
            "date_completed": "2026-06-30T11:30:30", "date_paid": "2026-06-28T12:01:00",
            "meta_data": [
                { "id": 1, "key": "odd", "value": { "nested": [1, 2] } },
                { "id": 2, "key": "wpml_language", "value": "de" },
                { "id": 3, "key": "_wcpay_mode", "value": "prod" },
            ],
            "line_items": [{
                "id": 315, "name": "Assam 250 g", "product_id": 93, "variation_id": 0,
                "quantity": 2, "subtotal": "27.43", "total": "27.43", "sku": "AS-250",
                "global_unique_id": "7350053850019", "price": 13.715,
                "image": { "id": "59", "src": "https://tehaus.example/assam.jpg" },
                "parent_name": null,
            }],
            "shipping_lines": [], "fee_lines": [], "coupon_lines": [], "refunds": [],
            "date_created_gmt": "2026-06-28T10:00:00", "date_modified_gmt": "2026-06-30T09:30:35",
            "date_completed_gmt": "2026-06-30T09:30:30", "date_paid_gmt": "2026-06-28T10:01:00",
            "currency_symbol": "€",
            "_links": { "self": [{ "href": "https://tehaus.example/wp-json/wc/v3/orders/727" }] },
        })
    }

    fn read(answer: &Value) -> Result<Vec<Event>, ParseError> {
        RestApi.parse("727", &[answer.to_string().into_bytes()])
    }

    /// What the order means with the member at this place replaced.
    fn with(place: &str, value: Value) -> Event {
        let mut answer = order();
        *answer.pointer_mut(place).unwrap() = value;
        read(&answer).unwrap().remove(0)
    }

    fn told(event: Event) -> OrderEvent {
        let Event::Order(event) = event else { panic!("{event:?}") };
        event
    }

    #[test]
    fn the_shop_is_asked_for_the_order_with_its_keys() {
        let access = Access { account: "ck_1", token: "cs_1" };
        let [request] = &RestApi.requests("727", &access)[..] else { panic!() };
        assert_eq!(request.path, "/wp-json/wc/v3/orders/727");
        let credentials = "Basic Y2tfMTpjc18x".to_owned();
        assert!(request.headers == [("authorization", credentials)]);
    }

    #[test]
    fn the_answer_means_what_the_status_says() {
        let event = told(read(&order()).unwrap().remove(0));
        assert_eq!(event.change, Change::Completed);
        assert_eq!(event.at, Some("2026-06-30T09:30:30Z".parse().unwrap()));
        assert_eq!(event.order.reference, "727");
        assert_eq!(event.order.email.unwrap().as_str(), "juergen@example.com");
        assert_eq!(event.order.total, Money::new("29.35".parse().ok(), Some("EUR")));
        assert_eq!(event.order.items[0].gtin.as_deref(), Some("7350053850019"));
        assert_eq!(event.order.region.as_deref(), Some("DE-BE"));
        assert!(!event.order.business);
        assert!(told(with("/billing/company", json!("Müller GmbH"))).order.business);
        for (status, change) in [
            ("cancelled", Change::Cancelled),
            ("failed", Change::Cancelled),
            ("trash", Change::Cancelled),
            ("refunded", Change::Refunded),
        ] {
            assert_eq!(told(with("/status", json!(status))).change, change, "{status}");
        }
        for open in ["processing", "on-hold", "pending", "shipped"] {
            let ignored = Event::Ignored { reason: "order_not_completed" };
            assert_eq!(with("/status", json!(open)), ignored, "{open}");
        }
    }

    #[test]
    fn what_the_answer_lacks_costs_only_itself() {
        assert!(told(with("/meta_data/2/value", json!("test"))).order.test);
        assert_eq!(told(with("/billing/email", json!(""))).order.email, None);
        let order = told(with("/line_items/0/image", Value::Null)).order;
        assert_eq!((order.items[0].image.as_deref(), order.items.len()), (None, 1));
        assert_eq!(told(with("/total", json!(""))).order.total, None);
    }

    #[test]
    fn a_malformed_answer_is_told_with_the_place() {
        let mut answer = order();
        answer["billing"]["email"] = json!(["anna"]);
        let error = read(&answer).unwrap_err();
        assert_eq!(error.path, "billing.email");
        assert!(!error.detail.contains("anna"), "{}", error.detail);
        assert_eq!(read(&json!({})).unwrap_err().path, "id");
    }
}
