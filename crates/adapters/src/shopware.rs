//! Shopware 6: the webhooks of an app for `state_enter.order_delivery.state.shipped`,
//! `state_enter.order.state.completed` and `.cancelled`, and for deliveries that are `returned` and
//! transactions that are `refunded`.
//!
//! Only apps get signed webhooks. The secret is the one that the app gave the shop when it was
//! registered.
//!
//! Documented (developer.shopware.com): the signature, the envelope and that `source.eventId` stays
//! the same when a delivery is repeated (Webhook), the events and that they carry the order (Webhook
//! Events Reference). In Shopware's source: which parts of the order are loaded for them
//! (`OrderStateChangeEventListener`) and that these are not hidden from apps (`OrderDefinition`).
//!
//! Not confirmed by a recorded body: the order's fields as a whole. Nothing but its id is required.
//! Shopware has no test orders.
//!
//! The `timestamp` that is signed with the body is renewed for each attempt, and not checked:
//! whoever repeats a request repeats an event that is known.

use adapter_api::{
    Adapter as ShopAdapter, Encoding, Event, KeyForm, Meta, ParseError, Sample, Scheme, Signature,
    Verified, first_and_last,
    json::{self, Id, Instant, Text, UnixSeconds},
};
use domain::{Change, EmailAddress, Item, Order, OrderEvent};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{json, value::RawValue};

static META: Meta = Meta {
    id: "shopware",
    title: "Shopware 6",
    docs_url: "https://developer.shopware.com/docs/resources/references/app-reference/webhook-events-reference.html",
};

pub(crate) struct Adapter;

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    data: Data<'a>,
    #[serde(default)]
    timestamp: UnixSeconds,
}

#[derive(Deserialize)]
struct Data<'a> {
    event: String,
    /// An object or a list, depending on the event.
    #[serde(borrow)]
    payload: &'a RawValue,
}

#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow)]
    order: ShopwareOrder<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ShopwareOrder<'a> {
    id: Id,
    #[serde(default)]
    order_number: Text,
    #[serde(default)]
    order_date_time: Instant,
    #[serde(default)]
    order_customer: Option<Customer>,
    #[serde(default)]
    language: Option<Language>,
    #[serde(default)]
    billing_address_id: Text,
    #[serde(default)]
    addresses: Option<Vec<Address>>,
    #[serde(default, borrow)]
    line_items: Option<Vec<LineItem<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Customer {
    #[serde(default)]
    email: Text,
    #[serde(default)]
    first_name: Text,
    #[serde(default)]
    last_name: Text,
}

#[derive(Deserialize)]
struct Language {
    #[serde(default)]
    locale: Option<Locale>,
}

#[derive(Deserialize)]
struct Locale {
    #[serde(default)]
    code: Text,
}

#[derive(Deserialize)]
struct Address {
    #[serde(default)]
    id: Text,
    #[serde(default)]
    country: Option<Country>,
}

#[derive(Deserialize)]
struct Country {
    #[serde(default)]
    iso: Text,
}

#[derive(Deserialize)]
struct LineItem<'a> {
    #[serde(default)]
    label: Text,
    #[serde(default)]
    r#type: Text,
    /// Free in form; PHP writes an empty one as a list.
    #[serde(default, borrow)]
    payload: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LineItemPayload {
    #[serde(default)]
    product_number: Text,
}

impl ShopAdapter for Adapter {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn scheme(&self) -> Scheme {
        Scheme::WholeBody(Signature::HmacSha256 {
            headers: &["shopware-shop-signature"],
            encoding: Encoding::Hex,
            key: KeyForm::Raw,
        })
    }

    fn event_id<'a>(&self, request: &Verified<'a>) -> Option<&'a str> {
        #[derive(Deserialize)]
        struct Envelope<'a> {
            #[serde(borrow)]
            source: Source<'a>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Source<'a> {
            event_id: &'a str,
        }
        let envelope: Envelope<'a> = json::from_slice(request.body()).ok()?;
        Some(envelope.source.event_id)
    }

    fn parse(&self, request: &Verified<'_>) -> Result<Vec<Event>, ParseError> {
        let Body { data, timestamp } = json::from_slice(request.body())?;
        let change = match data.event.as_str() {
            "state_enter.order_delivery.state.shipped" | "state_enter.order.state.completed" => {
                Change::Completed
            }
            "state_enter.order.state.cancelled" => Change::Cancelled,
            "state_enter.order_delivery.state.returned"
            | "state_enter.order_transaction.state.refunded" => Change::Refunded,
            _ => return Ok(vec![Event::Ignored { reason: "event_not_used" }]),
        };
        let Payload { order } = json::from_raw(data.payload, "data.payload")?;
        Ok(vec![Event::Order(OrderEvent { change, at: timestamp.0, order: order.into() })])
    }

    fn sample(&self, event: &OrderEvent) -> Sample {
        let order = &event.order;
        let (first, last) = first_and_last(order.name.as_deref());
        let state = match event.change {
            Change::Completed => "state_enter.order_delivery.state.shipped",
            Change::Cancelled => "state_enter.order.state.cancelled",
            Change::Refunded => "state_enter.order_transaction.state.refunded",
        };
        let address = "0190a5e87c1d7abc8def0123456789ab";
        let body = json!({
            "data": {
                "event": state,
                "payload": { "order": {
                    "id": order.reference,
                    "orderNumber": order.number,
                    "orderDateTime": order.placed_at,
                    "amountTotal": 24.9,
                    "orderCustomer": {
                        "email": order.email, "firstName": first, "lastName": last,
                    },
                    "language": { "locale": { "code": order.locale } },
                    "billingAddressId": address,
                    "addresses": [{ "id": address, "country": { "iso": order.country } }],
                    "lineItems": order.items.iter().map(|item| json!({
                        "label": item.name, "type": "product", "quantity": 1,
                        "payload": { "productNumber": item.sku },
                    })).collect::<Vec<_>>(),
                } },
            },
            "source": {
                "url": "https://shop.example",
                "appVersion": "1.0.0",
                "shopId": "dgrH7nLU6tlE",
                "eventId": format!("{}.{}", order.reference, event.change.as_str()),
            },
            "timestamp": event.at.map(Timestamp::as_second),
        });
        Sample {
            headers: vec![
                ("content-type", "application/json".into()),
                ("sw-version", "6.7.0.0".into()),
            ],
            body: body.to_string().into_bytes(),
        }
    }
}

impl From<ShopwareOrder<'_>> for Order {
    fn from(order: ShopwareOrder<'_>) -> Self {
        let customer = order.order_customer.unwrap_or_default();
        let billing = order.billing_address_id.0;
        let mut addresses = order.addresses.unwrap_or_default().into_iter();
        let billing_address = addresses.find(|address| address.id.0 == billing);
        Self {
            reference: order.id.0,
            number: order.order_number.0,
            email: customer.email.0.and_then(|email| EmailAddress::parse(&email).ok()),
            name: Text::joined([customer.first_name, customer.last_name]),
            locale: order.language.and_then(|language| language.locale?.code.0),
            country: billing_address.and_then(|address| address.country?.iso.0),
            items: order.line_items.unwrap_or_default().into_iter().filter_map(item).collect(),
            placed_at: order.order_date_time.0,
            test: false,
            ..Order::default()
        }
    }
}

/// A line that is a product; vouchers and discounts are lines, too.
fn item(line: LineItem<'_>) -> Option<Item> {
    if line.r#type.0.is_some_and(|kind| kind != "product") {
        return None;
    }
    let payload = line
        .payload
        .and_then(|payload| serde_json::from_str::<LineItemPayload>(payload.get()).ok());
    let sku = payload.and_then(|payload| payload.product_number.0);
    Some(Item { name: line.label.0.unwrap_or_default(), sku, ..Item::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use adapter_api::{Request, signed_sample};

    #[test]
    fn a_repeated_delivery_is_known_by_its_event() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let order =
            Order { reference: "b7d2554b0ce847cd82f3ac9bd1c0dfad".into(), ..Order::default() };
        let event = OrderEvent { change: Change::Cancelled, at: Some(now), order };
        let (headers, body) = signed_sample(&Adapter, &event, "secret", "", now);
        let request = Request { headers: &headers, body: &body, received_at: now, address_secret: None };
        let verified = Adapter.scheme().verify(request, &["secret"]).unwrap();
        let id = Adapter.event_id(&verified);
        assert_eq!(id, Some("b7d2554b0ce847cd82f3ac9bd1c0dfad.cancelled"));
    }
}
