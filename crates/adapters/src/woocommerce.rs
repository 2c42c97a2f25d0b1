//! WooCommerce: the webhooks `order.created`, `order.updated`, `order.deleted`.
//!
//! The body is the order as it stands when the webhook is delivered, so the body's `status` says
//! what happened. Not used on purpose: `X-WC-Webhook-Delivery-ID`, which two orders delivered in
//! the same second share. Facts: `class-wc-webhook.php` of WooCommerce.

use adapter_api::{
    Adapter as ShopAdapter, Encoding, Event, KeyForm, Meta, ParseError, Request, Sample, Scheme,
    Signature, Verified, first_and_last,
    json::{self, Id, Instant, Text},
};
use domain::{Change, EmailAddress, Item, Order, OrderEvent};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{json, value::RawValue};

static META: Meta = Meta {
    id: "woocommerce",
    title: "WooCommerce",
    docs_url: "https://woocommerce.com/document/webhooks/",
};

const SIGNATURE_HEADER: &str = "x-wc-webhook-signature";

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
}

#[derive(Deserialize)]
struct Billing {
    #[serde(default)]
    email: Text,
    #[serde(default)]
    first_name: Text,
    #[serde(default)]
    last_name: Text,
    #[serde(default)]
    country: Text,
}

#[derive(Deserialize)]
struct LineItem {
    #[serde(default)]
    name: Text,
    #[serde(default)]
    sku: Text,
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

    fn scheme(&self) -> Scheme {
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

    fn sample(&self, event: &OrderEvent) -> Sample {
        let order = &event.order;
        let (first, last) = first_and_last(order.name.as_deref());
        let status = event.change.as_str();
        let completed = event.change == Change::Completed;
        let body = json!({
            "id": order.reference.parse::<u64>().map_or(json!(order.reference), |id| json!(id)),
            "number": order.number,
            "status": status,
            "currency": "EUR",
            "total": "29.35",
            "date_created_gmt": order.placed_at.map(without_zone),
            "date_modified_gmt": event.at.map(without_zone),
            "date_completed_gmt": event.at.filter(|_| completed).map(without_zone),
            "billing": {
                "first_name": first, "last_name": last, "email": order.email, "country": order.country,
            },
            "meta_data": [
                { "id": 1, "key": "wpml_language", "value": order.locale },
                { "id": 2, "key": "_wcpay_mode", "value": if order.test { "test" } else { "prod" } },
            ],
            "line_items": order.items.iter().map(|item| json!({
                "name": item.name, "sku": item.sku, "quantity": 1, "price": 29.35,
                "image": { "id": 1, "src": item.image.as_deref().unwrap_or_default() },
            })).collect::<Vec<_>>(),
        });
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
            body: body.to_string().into_bytes(),
        }
    }
}

fn event(body: Body<'_>, topic: &str) -> Result<Event, ParseError> {
    if body.code.0.is_some() && body.id.is_none() {
        return Ok(Event::Alert {
            reason: "WooCommerce may not read its own orders: the user who owns the webhook was \
                     deleted or lost rights; open the webhook in wp-admin and save it again",
        });
    }
    if body.action.0.is_some() && body.id.is_none() {
        return Ok(Event::Alert {
            reason: "the webhook's topic is an action, which carries no order: choose the topic \
                     \"Order updated\" instead",
        });
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
    let (email, name, country) = body.billing.map(contact).unwrap_or_default();
    Ok(Event::Order(OrderEvent {
        change,
        at,
        order: Order {
            reference: id.0,
            number: body.number.0,
            email,
            name,
            locale,
            country,
            items: body
                .line_items
                .into_iter()
                .map(|item| Item {
                    name: item.name.0.unwrap_or_default(),
                    sku: item.sku.0,
                    image: item.image.and_then(|image| image.src.0),
                    ..Item::default()
                })
                .collect(),
            placed_at: body.date_created_gmt.0,
            test,
            ..Order::default()
        },
    }))
}

fn contact(billing: Billing) -> (Option<EmailAddress>, Option<String>, Option<String>) {
    let email = billing.email.0.and_then(|email| EmailAddress::parse(&email).ok());
    (email, Text::joined([billing.first_name, billing.last_name]), billing.country.0)
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
        let request = Request { headers: &headers, body: &body, received_at: now, address_secret: None };
        let verified = Adapter.scheme().verify(request, &["secret"]).unwrap();
        let events = Adapter.parse(&verified).unwrap();
        assert!(matches!(&events[..], [Event::Order(read)] if read.order.test), "{events:?}");
    }

    #[test]
    fn the_activation_ping_is_known_by_its_shape() {
        let headers = HeaderMap::new();
        let is_ping = |headers: &HeaderMap, body: &[u8]| {
            Adapter.is_handshake(&Request { headers, body, received_at: Timestamp::UNIX_EPOCH, address_secret: None })
        };
        assert!(is_ping(&headers, b"webhook_id=7"));
        for body in [&b"webhook_id="[..], b"webhook_id=7&x=1", b"webhook_id=a", b"{}", b""] {
            assert!(!is_ping(&headers, body), "{body:?}");
        }
        let signed =
            HeaderMap::from_iter([(SIGNATURE_HEADER.parse().unwrap(), "AAAA".parse().unwrap())]);
        assert!(!is_ping(&signed, b"webhook_id=7"), "a signature asks to be checked");
    }
}
