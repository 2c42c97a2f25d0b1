//! Squarespace: the webhooks `order.create`, `order.update` and `extension.uninstall`.
//!
//! They name the order and no more, so it is read from the Orders API. It is completed when it is
//! fulfilled (all of it was sent), and refunded when as much was given back as was paid; a refund of a part changes
//! nothing. A new e-mail address (`EMAIL_UPDATED`) reaches the invitation, as the order is read
//! again.
//!
//! Documented (developers.squarespace.com): the signature, with the secret decoded from hexadecimal
//! (Verifying notifications), the payloads (Order create, Order update, Extension uninstall), that
//! they come in any order and some twice (Notification delivery), the order (Orders API, Retrieve a
//! specific order), that a request needs a `User-Agent`, which every request of ours has (Making
//! requests), and the rate (Rate limits).
//!
//! Not confirmed: that `grandTotal` stays what it was when something is refunded. The buyer's
//! language and agreement to marketing are not told, nor whether the order arrived.

use std::num::NonZeroU32;

use adapter_api::{
    Access, Adapter as ShopAdapter, ApiRequest, Encoding, Event, KeyForm, Meta, Notice, ParseError,
    Sample, Scheme, Signature, Source as ShopSource, Verified, first_and_last,
    json::{self, Amount, Flag, Id, Instant, Text},
};
use domain::{Change, EmailAddress, Fulfilment, Item, Money, Order, OrderEvent};
use serde::Deserialize;
use serde_json::{json, value::RawValue};

static META: Meta = Meta {
    id: "squarespace",
    title: "Squarespace",
    docs_url: "https://developers.squarespace.com/webhooks/overview",
};

/// Five are allowed.
const REQUESTS_PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(3);

pub(crate) struct Adapter;

struct Source;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    topic: String,
    #[serde(default)]
    created_on: Instant,
    /// Of another shape for each topic.
    #[serde(borrow)]
    data: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrderData {
    order_id: Id,
    #[serde(default)]
    update: Text,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ApiOrder {
    id: Id,
    #[serde(default)]
    order_number: Text,
    #[serde(default)]
    created_on: Instant,
    #[serde(default)]
    modified_on: Instant,
    #[serde(default)]
    fulfilled_on: Instant,
    #[serde(default)]
    fulfillment_status: Text,
    #[serde(default)]
    testmode: Flag,
    #[serde(default)]
    customer_email: Text,
    #[serde(default)]
    billing_address: Option<Address>,
    #[serde(default)]
    shipping_address: Option<Address>,
    #[serde(default)]
    line_items: Option<Vec<LineItem>>,
    #[serde(default)]
    grand_total: Option<Price>,
    #[serde(default)]
    refunded_total: Option<Price>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Address {
    #[serde(default)]
    first_name: Text,
    #[serde(default)]
    last_name: Text,
    #[serde(default)]
    country_code: Text,
    #[serde(default)]
    state: Text,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LineItem {
    #[serde(default)]
    product_name: Text,
    #[serde(default)]
    sku: Text,
    #[serde(default)]
    image_url: Text,
}

#[derive(Deserialize)]
struct Price {
    #[serde(default)]
    value: Amount,
    #[serde(default)]
    currency: Text,
}

impl ShopAdapter for Adapter {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn scheme(&self) -> Scheme<'_> {
        Scheme::WholeBody(Signature::HmacSha256 {
            headers: &["squarespace-signature"],
            encoding: Encoding::Hex,
            key: KeyForm::Hex,
        })
    }

    fn event_id<'a>(&self, request: &Verified<'a>) -> Option<&'a str> {
        #[derive(Deserialize)]
        struct Envelope<'a> {
            id: &'a str,
        }
        let envelope: Envelope<'a> = json::from_slice(request.body()).ok()?;
        Some(envelope.id)
    }

    fn parse(&self, request: &Verified<'_>) -> Result<Vec<Event>, ParseError> {
        let body: Body<'_> = json::from_slice(request.body())?;
        match body.topic.as_str() {
            "order.create" | "order.update" => {}
            "extension.uninstall" => {
                return Ok(vec![Event::Alert {
                    reason: "the extension that sends the webhooks was taken off the site, and no \
                             more will come: connect it again, make a new webhook subscription, and \
                             put its secret into the secrets file",
                }]);
            }
            _ => return Ok(vec![Event::Ignored { reason: "topic_not_used" }]),
        }
        let OrderData { order_id: Id(reference), update } = json::from_raw(body.data, "data")?;
        let cancelled = update.0.as_deref() == Some("CANCELED");
        let told = cancelled.then(|| OrderEvent {
            change: Change::Cancelled,
            at: body.created_on.0,
            order: Order { reference: reference.clone(), ..Order::default() },
        });
        Ok(vec![Event::Notice(Notice { reference, told })])
    }

    fn source(&self) -> Option<&'static dyn ShopSource> {
        Some(&Source)
    }

    fn sample(&self, event: &OrderEvent) -> Sample {
        let update = match event.change {
            Change::Completed => "FULFILLED",
            Change::Cancelled => "CANCELED",
            Change::Refunded => "REFUNDED",
        };
        let body = json!({
            "id": "5c2ba184b63ed3cb411ce2b1",
            "websiteId": "5f3c3d55ac435e1a051f77b3",
            "subscriptionId": "5f3c2155d947844beedda991",
            "topic": "order.update",
            "createdOn": event.at,
            "data": { "orderId": event.order.reference, "update": update },
        });
        Sample {
            headers: vec![
                ("content-type", "application/json".into()),
                ("user-agent", "Squarespace/1.0".into()),
            ],
            body: body.to_string().into_bytes(),
        }
    }
}

impl ShopSource for Source {
    fn url(&self) -> Option<&'static str> {
        Some("https://api.squarespace.com/1.0/commerce")
    }

    fn requests_per_second(&self) -> NonZeroU32 {
        REQUESTS_PER_SECOND
    }

    fn requests(&self, reference: &str, access: &Access<'_>) -> Vec<ApiRequest> {
        let authorization = format!("Bearer {}", access.token);
        vec![ApiRequest::get(&["orders", reference]).header("authorization", authorization)]
    }

    fn parse(&self, _reference: &str, answers: &[Vec<u8>]) -> Result<Vec<Event>, ParseError> {
        let answer = answers.first().map(Vec::as_slice).unwrap_or_default();
        let order: ApiOrder = json::from_slice(answer)?;
        let unknown = Fulfilment::Unknown;
        let (change, fulfilment, at) = match order.fulfillment_status.0.as_deref() {
            Some("CANCELED") => (Change::Cancelled, unknown, order.modified_on),
            _ if order.refunded_in_full() => (Change::Refunded, unknown, order.modified_on),
            Some("FULFILLED") => (Change::Completed, Fulfilment::Shipped, order.fulfilled_on),
            _ => return Ok(vec![Event::Ignored { reason: "order_not_completed" }]),
        };
        let at = at.0.or(order.modified_on.0);
        let order = Order { fulfilment, ..order.into() };
        Ok(vec![Event::Order(OrderEvent { change, at, order })])
    }

    fn sample(&self, event: &OrderEvent) -> Vec<Vec<u8>> {
        let order = &event.order;
        let (first, last) = first_and_last(order.name.as_deref());
        let completed = event.change == Change::Completed;
        let total = order.total.as_ref();
        let value = total.map_or_else(|| "57.70".to_owned(), |total| total.amount.to_string());
        let currency = total.map_or("USD", |total| total.currency.as_str());
        let refunded = if event.change == Change::Refunded { value.as_str() } else { "0.00" };
        let answer = json!({
            "id": order.reference,
            "orderNumber": order.number,
            "createdOn": order.placed_at,
            "modifiedOn": event.at,
            "channel": "web",
            "testmode": order.test,
            "customerEmail": order.email,
            "billingAddress": {
                "firstName": first, "lastName": last, "countryCode": order.country,
                "state": order.region,
            },
            "fulfillmentStatus":
                if event.change == Change::Cancelled { "CANCELED" } else { "FULFILLED" },
            "fulfilledOn": event.at.filter(|_| completed),
            "lineItems": order.items.iter().map(|item| json!({
                "productName": item.name, "sku": item.sku, "imageUrl": item.image, "quantity": 1,
                "lineItemType": "PHYSICAL_PRODUCT",
            })).collect::<Vec<_>>(),
            "grandTotal": { "value": value, "currency": currency },
            "refundedTotal": { "value": refunded, "currency": currency },
        });
        vec![answer.to_string().into_bytes()]
    }
}

impl ApiOrder {
    fn refunded_in_full(&self) -> bool {
        let value = |price: &Option<Price>| price.as_ref()?.value.0;
        let (total, refunded) = (value(&self.grand_total), value(&self.refunded_total));
        total
            .zip(refunded)
            .is_some_and(|(total, refunded)| !refunded.is_zero() && refunded >= total)
    }
}

impl From<ApiOrder> for Order {
    fn from(order: ApiOrder) -> Self {
        let address = order.billing_address.or(order.shipping_address).unwrap_or_default();
        let item = |line: LineItem| Item {
            name: line.product_name.0.unwrap_or_default(),
            sku: line.sku.0,
            image: line.image_url.0,
            ..Item::default()
        };
        let total = order.grand_total;
        Self {
            reference: order.id.0,
            number: order.order_number.0,
            email: order.customer_email.0.and_then(|email| EmailAddress::parse(&email).ok()),
            name: Text::joined([address.first_name, address.last_name]),
            locale: None,
            country: address.country_code.0,
            region: address.state.0,
            items: order.line_items.unwrap_or_default().into_iter().map(item).collect(),
            total: total.and_then(|total| Money::new(total.value.0, total.currency.0.as_deref())),
            marketing_consent: None,
            placed_at: order.created_on.0,
            test: order.testmode.0 == Some(true),
            ..Order::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// What the API answers about an order that was fulfilled.
    fn order() -> Value {
        json!({
            "id": "585d498fdee9f31a60284a37",
            "orderNumber": "1042",
            "createdOn": "2026-06-28T08:00:11.187Z",
            "modifiedOn": "2026-07-01T09:05:00.480Z",
            "channel": "web",
            "testmode": false,
            "customerEmail": "asa.lind@example.com",
            "billingAddress": {
                "firstName": "Åsa", "lastName": "Lind", "address1": "Storgatan 1", "address2": null,
                "city": "Umeå", "state": "AC", "countryCode": "SE", "postalCode": "903 26",
                "phone": null,
            },
            "shippingAddress": null,
            "fulfillmentStatus": "FULFILLED",
            "lineItems": [
                {
                    "id": "585d4975dee9f31a60284a16",
                    "sku": "SQ3381024",
                    "productId": "565c8f3da7c8a3cf71d5fd0a",
                    "productName": "Kaffe",
                    "quantity": 1,
                    "unitPricePaid": { "value": "55.00", "currency": "SEK" },
                    "variantOptions": [{ "value": "Stor", "optionName": "Storlek" }],
                    "customizations": null,
                    "imageUrl": "https://images.example/kaffe.jpg?format=300w",
                    "lineItemType": "PHYSICAL_PRODUCT",
                },
                { "id": "585d4975dee9f31a60284a17", "sku": null, "productName": null,
                  "imageUrl": null, "lineItemType": "CUSTOM" },
            ],
            "fulfillments": [{
                "shipDate": "2026-07-01T09:00:00.480Z", "carrierName": "PostNord",
                "trackingNumber": "1", "trackingUrl": null,
            }],
            "grandTotal": { "value": "57.70", "currency": "SEK" },
            "refundedTotal": { "value": "0.00", "currency": "SEK" },
            "fulfilledOn": "2026-07-01T09:00:00.480Z",
            "externalOrderReference": null,
        })
    }

    /// The order with one of its members changed.
    fn with(member: &str, value: Value) -> Value {
        let mut order = order();
        order[member] = value;
        order
    }

    fn answered(order: &Value) -> Result<Event, ParseError> {
        let answers = [order.to_string().into_bytes()];
        Source.parse("585d498fdee9f31a60284a37", &answers).map(|mut events| events.remove(0))
    }

    fn told(order: &Value) -> OrderEvent {
        match answered(order).unwrap() {
            Event::Order(event) => event,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_order_that_was_fulfilled_is_completed_with_all_that_is_known() {
        let event = told(&order());
        assert_eq!(event.change, Change::Completed);
        assert_eq!(event.at.unwrap().to_string(), "2026-07-01T09:00:00.48Z");
        let order = event.order.cleaned();
        assert_eq!(order.reference, "585d498fdee9f31a60284a37");
        assert_eq!(order.number.as_deref(), Some("1042"));
        assert_eq!(order.email, EmailAddress::parse("asa.lind@example.com").ok());
        assert_eq!(order.name.as_deref(), Some("Åsa Lind"));
        assert_eq!((order.locale.as_deref(), order.country.as_deref()), (None, Some("SE")));
        assert_eq!((order.region.as_deref(), order.fulfilment), (Some("AC"), Fulfilment::Shipped));
        let total = order.total.unwrap();
        assert_eq!((total.amount.to_string().as_str(), total.currency.as_str()), ("57.70", "SEK"));
        assert_eq!((order.marketing_consent, order.test), (None, false));
        assert_eq!(order.placed_at.unwrap().to_string(), "2026-06-28T08:00:11.187Z");
        // A line without a name is none.
        let [coffee] = &order.items[..] else { panic!("{:?}", order.items) };
        assert_eq!((coffee.name.as_str(), coffee.sku.as_deref()), ("Kaffe", Some("SQ3381024")));
        assert_eq!(coffee.image.as_deref(), Some("https://images.example/kaffe.jpg?format=300w"));
    }

    #[test]
    fn a_new_address_is_told_with_the_time_that_was_told_before() {
        let before = told(&order());
        let mut changed = with("customerEmail", json!("asa@example.com"));
        changed["modifiedOn"] = json!("2026-07-02T10:00:00.000Z");
        let after = told(&changed);
        assert_eq!(after.order.email, EmailAddress::parse("asa@example.com").ok());
        assert_eq!(after.at, before.at, "the delay counts from the same time");
    }

    #[test]
    fn an_order_that_is_pending_is_not_completed() {
        let ignored = Event::Ignored { reason: "order_not_completed" };
        assert_eq!(answered(&with("fulfillmentStatus", json!("PENDING"))).unwrap(), ignored);
    }

    #[test]
    fn an_undo_counts_from_the_last_change() {
        let cancelled = told(&with("fulfillmentStatus", json!("CANCELED")));
        assert_eq!(cancelled.change, Change::Cancelled);
        let refunded = told(&with("refundedTotal", json!({ "value": "57.7", "currency": "SEK" })));
        assert_eq!(refunded.change, Change::Refunded);
        for event in [cancelled, refunded] {
            assert_eq!(event.at.unwrap().to_string(), "2026-07-01T09:05:00.48Z");
        }
    }

    #[test]
    fn a_refund_of_a_part_changes_nothing() {
        let part = told(&with("refundedTotal", json!({ "value": "57.69", "currency": "SEK" })));
        assert_eq!(part.change, Change::Completed);
        let mut free = with("refundedTotal", json!({ "value": "0.00", "currency": "SEK" }));
        free["grandTotal"] = json!({ "value": "0.00", "currency": "SEK" });
        assert_eq!(told(&free).change, Change::Completed, "nothing was paid, nor given back");
    }

    #[test]
    fn an_order_in_test_mode_is_a_test() {
        assert!(told(&with("testmode", json!(true))).order.test);
    }

    #[test]
    fn what_is_missing_costs_that_detail_only() {
        let event = told(&json!({ "id": "1", "fulfillmentStatus": "FULFILLED" }));
        let fulfilment = Fulfilment::Shipped;
        let order = Order { reference: "1".into(), fulfilment, ..Order::default() };
        assert_eq!(event, OrderEvent { change: Change::Completed, at: None, order });
        assert_eq!(told(&with("customerEmail", json!(null))).order.email, None);
    }

    #[test]
    fn an_answer_of_another_shape_is_told_with_its_place() {
        let path = |order: Value| answered(&order).unwrap_err().path;
        assert_eq!(path(with("fulfilledOn", json!("yesterday"))), "fulfilledOn");
        assert_eq!(path(with("lineItems", json!([{ "sku": [] }]))), "lineItems[0].sku");
        assert_eq!(path(json!({ "type": "INVALID_REQUEST_ERROR" })), ".");
        assert!(Source.parse("1", &[]).is_err());
    }

    #[test]
    fn the_order_is_asked_for_with_the_token() {
        let access = Access { account: "", token: "secret" };
        let [request] = &Source.requests("585d498f", &access)[..] else { panic!() };
        assert_eq!(request.path, "/orders/585d498f");
        assert_eq!(request.headers, [("authorization", "Bearer secret".to_owned())]);
    }
}
