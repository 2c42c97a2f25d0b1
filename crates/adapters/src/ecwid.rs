//! Ecwid (Lightspeed E-Series): the webhooks `order.created`, `order.updated` and `order.deleted`.
//!
//! Only `eventCreated` and `eventId` are signed: whoever saw one webhook can put another order beside
//! them. So a webhook says which order to look at, and the API says what happened to it: it is
//! completed when its fulfilment status is *Shipped*, *Out for delivery* or *Delivered*. A buyer with a
//! company counts as one.
//!
//! Documented (docs.ecwid.com): what is signed, and which answers count (How to process webhooks), the
//! payloads, and that `orderId` takes the place of `entityId` (Event data in webhooks), the order (Get
//! order), the rate (REST API overview). Of 2xx, only 200, 201, 202, 204 and 209 count as delivered.
//!
//! Not confirmed: that `order.deleted` has an `orderId`. If it has not, the internal id stands in for
//! it, by which the order that was completed before is not found. The status `OUT_FOR_DELIVERY` is not
//! in each list of statuses, nor `lang` in each list of fields. The API does not say when an order was
//! shipped, only when it was last changed; nor in which currency it was paid, so its total is left out.
//! It marks no test orders.

use std::num::NonZeroU32;

use adapter_api::{
    Access, Adapter as ShopAdapter, ApiRequest, Event, Meta, Notice, ParseError, Sample, Scheme,
    Signature, Source as ShopSource, Verified,
    json::{self, Flag, Id, Text, UnixSeconds},
};
use domain::{Change, Consent, EmailAddress, Fulfilment, Item, Order, OrderEvent};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{json, value::RawValue};

static META: Meta = Meta {
    id: "ecwid",
    title: "Ecwid",
    docs_url: "https://docs.ecwid.com/build-apps/webhook-automations",
};

/// Ten are allowed, for all that use the same token.
const REQUESTS_PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);

pub(crate) struct Adapter;

struct Source;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    event_type: String,
    #[serde(default)]
    event_created: UnixSeconds,
    /// Orders have an id; other events have other things here.
    #[serde(borrow)]
    entity_id: &'a RawValue,
    #[serde(default, borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrderData {
    #[serde(default)]
    order_id: Option<Id>,
    #[serde(default)]
    old_payment_status: Text,
    #[serde(default)]
    new_payment_status: Text,
    #[serde(default)]
    old_fulfillment_status: Text,
    #[serde(default)]
    new_fulfillment_status: Text,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ApiOrder {
    id: Id,
    #[serde(default)]
    email: Text,
    #[serde(default)]
    payment_status: Text,
    #[serde(default)]
    fulfillment_status: Text,
    #[serde(default)]
    create_timestamp: UnixSeconds,
    #[serde(default)]
    update_timestamp: UnixSeconds,
    #[serde(default)]
    lang: Text,
    #[serde(default)]
    accept_marketing: Flag,
    #[serde(default)]
    billing_person: Option<Person>,
    #[serde(default)]
    shipping_person: Option<Person>,
    #[serde(default)]
    items: Option<Vec<OrderItem>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Person {
    #[serde(default)]
    name: Text,
    #[serde(default)]
    company_name: Text,
    #[serde(default)]
    country_code: Text,
    #[serde(default)]
    state_or_province_code: Text,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrderItem {
    #[serde(default)]
    name: Text,
    #[serde(default)]
    sku: Text,
    #[serde(default)]
    image_url: Text,
}

impl ShopAdapter for Adapter {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn scheme(&self) -> Scheme<'_> {
        Scheme::Envelope(Signature::HmacSha256OfFields {
            header: "x-ecwid-webhook-signature",
            fields: &["eventCreated", "eventId"],
        })
    }

    fn parse(&self, request: &Verified<'_>) -> Result<Vec<Event>, ParseError> {
        let body: Body<'_> = json::from_slice(request.body())?;
        let kind = body.event_type.as_str();
        if !matches!(kind, "order.created" | "order.updated" | "order.deleted") {
            return Ok(vec![Event::Ignored { reason: "event_not_used" }]);
        }
        let data = body.data.map(|data| json::from_raw::<OrderData>(data, "data"));
        let data = data.transpose()?.unwrap_or_default();
        if data.status_unchanged() {
            return Ok(vec![Event::Ignored { reason: "status_unchanged" }]);
        }
        let Id(reference) = match data.order_id {
            Some(id) => id,
            None => json::from_raw(body.entity_id, "entityId")?,
        };
        let told = (kind == "order.deleted").then(|| OrderEvent {
            change: Change::Cancelled,
            at: body.event_created.0,
            order: Order { reference: reference.clone(), ..Order::default() },
        });
        Ok(vec![Event::Notice(Notice { reference, told })])
    }

    fn source(&self) -> Option<&'static dyn ShopSource> {
        Some(&Source)
    }

    fn sample(&self, event: &OrderEvent) -> Sample {
        let (payment, fulfillment) = statuses(event);
        let body = json!({
            "eventId": "80aece08-40e8-4145-8764-6c2f0d386780",
            "eventCreated": event.at.map_or(0, Timestamp::as_second),
            "storeId": 1003,
            "entityId": 103_878_161,
            "eventType": "order.updated",
            "data": {
                "orderId": event.order.reference,
                "oldPaymentStatus": "PAID",
                "newPaymentStatus": payment,
                "oldFulfillmentStatus": "PROCESSING",
                "newFulfillmentStatus": fulfillment,
            },
        });
        Sample {
            headers: vec![("content-type", "application/json; charset=UTF-8".into())],
            body: body.to_string().into_bytes(),
        }
    }
}

impl ShopSource for Source {
    fn url(&self) -> Option<&'static str> {
        Some("https://app.ecwid.com/api/v3")
    }

    fn requests_per_second(&self) -> NonZeroU32 {
        REQUESTS_PER_SECOND
    }

    fn requests(&self, reference: &str, access: &Access<'_>) -> Vec<ApiRequest> {
        let authorization = format!("Bearer {}", access.token);
        let request = ApiRequest::get(&[access.account, "orders", reference]);
        vec![request.header("authorization", authorization)]
    }

    fn parse(&self, _reference: &str, answers: &[Vec<u8>]) -> Result<Vec<Event>, ParseError> {
        let answer = answers.first().map(Vec::as_slice).unwrap_or_default();
        let order: ApiOrder = json::from_slice(answer)?;
        let status = |status: &Text| status.0.clone().unwrap_or_default();
        let (payment, fulfillment) =
            (status(&order.payment_status), status(&order.fulfillment_status));
        let (change, fulfilment) = match (payment.as_str(), fulfillment.as_str()) {
            ("CANCELLED", _) | (_, "WILL_NOT_DELIVER") => (Change::Cancelled, Fulfilment::Unknown),
            ("REFUNDED", _) | (_, "RETURNED") => (Change::Refunded, Fulfilment::Unknown),
            (_, "SHIPPED" | "OUT_FOR_DELIVERY") => (Change::Completed, Fulfilment::Shipped),
            (_, "DELIVERED") => (Change::Completed, Fulfilment::Delivered),
            _ => return Ok(vec![Event::Ignored { reason: "order_not_completed" }]),
        };
        let at = order.update_timestamp.0;
        let order = Order { fulfilment, ..order.into() };
        Ok(vec![Event::Order(OrderEvent { change, at, order })])
    }

    fn sample(&self, event: &OrderEvent) -> Vec<Vec<u8>> {
        let order = &event.order;
        let (payment, fulfillment) = statuses(event);
        let person = json!({
            "name": order.name, "companyName": if order.business { "Sample AB" } else { "" },
            "countryCode": order.country, "stateOrProvinceCode": order.region,
        });
        let answer = json!({
            "id": order.reference,
            "email": order.email,
            "total": 37.39,
            "paymentStatus": payment,
            "fulfillmentStatus": fulfillment,
            "createTimestamp": order.placed_at.map(Timestamp::as_second),
            "updateTimestamp": event.at.map(Timestamp::as_second),
            "lang": order.locale,
            "acceptMarketing": order.marketing_consent.as_ref().is_some_and(Consent::is_given),
            "billingPerson": person,
            "items": order.items.iter().map(|item| json!({
                "name": item.name, "sku": item.sku, "imageUrl": item.image, "quantity": 1,
                "price": 37.39,
            })).collect::<Vec<_>>(),
        });
        vec![answer.to_string().into_bytes()]
    }
}

impl OrderData {
    /// Any edit is told, also of an order that was completed a year ago. That this is not signed does
    /// no harm: who can forge a webhook that is ignored can as well send none.
    fn status_unchanged(&self) -> bool {
        let same = |old: &Text, new: &Text| old.0.is_some() && old == new;
        same(&self.old_payment_status, &self.new_payment_status)
            && same(&self.old_fulfillment_status, &self.new_fulfillment_status)
    }
}

/// The statuses of payment and fulfilment of an order, for samples.
fn statuses(event: &OrderEvent) -> (&'static str, &'static str) {
    match event.change {
        Change::Completed if event.order.fulfilment == Fulfilment::Delivered => {
            ("PAID", "DELIVERED")
        }
        Change::Completed => ("PAID", "SHIPPED"),
        Change::Cancelled => ("PAID", "WILL_NOT_DELIVER"),
        Change::Refunded => ("REFUNDED", "SHIPPED"),
    }
}

impl From<ApiOrder> for Order {
    fn from(order: ApiOrder) -> Self {
        let person = order.billing_person.or(order.shipping_person).unwrap_or_default();
        let item = |item: OrderItem| Item {
            name: item.name.0.unwrap_or_default(),
            sku: item.sku.0,
            image: item.image_url.0,
            ..Item::default()
        };
        Self {
            number: Some(order.id.0.clone()),
            reference: order.id.0,
            email: order.email.0.and_then(|email| EmailAddress::parse(&email).ok()),
            name: person.name.0,
            locale: order.lang.0,
            country: person.country_code.0,
            region: person.state_or_province_code.0,
            items: order.items.unwrap_or_default().into_iter().map(item).collect(),
            total: None,
            marketing_consent: order
                .accept_marketing
                .0
                .map(|it| Consent::ticked(it, "acceptMarketing")),
            placed_at: order.create_timestamp.0,
            business: person.company_name.0.is_some(),
            test: false,
            ..Order::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// What the API answers about an order that was shipped.
    fn order() -> Value {
        json!({
            "id": "XJ12H",
            "internalId": 103_878_161,
            "orderNumber": 103_878_161,
            "vendorOrderNumber": "XJ12H",
            "refundedAmount": 0,
            "subtotal": 29.95,
            "total": 37.39,
            "email": "asa.lind@example.com",
            "paymentMethod": "Credit or debit card",
            "paymentStatus": "PAID",
            "fulfillmentStatus": "SHIPPED",
            "createDate": "2026-06-28 08:00:11 +0000",
            "updateDate": "2026-07-01 09:00:00 +0000",
            "createTimestamp": 1_782_633_611,
            "updateTimestamp": 1_782_896_400,
            "lang": "sv",
            "acceptMarketing": true,
            "customerTaxExempt": false,
            "items": [{
                "id": 40_989_227, "productId": 37_208_342, "price": 5.99, "sku": "00004",
                "quantity": 5, "name": "Kaffe", "imageUrl": "https://images.example/kaffe.jpg",
                "digital": false, "taxes": [],
            }],
            "billingPerson": {
                "name": "Åsa Lind", "companyName": "", "street": "Storgatan 1", "city": "Umeå",
                "countryCode": "SE", "countryName": "Sweden", "postalCode": "903 26",
                "stateOrProvinceCode": "AC", "stateOrProvinceName": "Västerbotten",
            },
            "shippingPerson": { "name": "Bo Ek", "countryCode": "FI" },
            "paymentParams": {},
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
        Source.parse("XJ12H", &answers).map(|mut events| events.remove(0))
    }

    fn told(order: &Value) -> OrderEvent {
        match answered(order).unwrap() {
            Event::Order(event) => event,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_order_that_was_shipped_is_completed_with_all_that_is_known() {
        let event = told(&order());
        assert_eq!(event.change, Change::Completed);
        assert_eq!(event.at.unwrap().to_string(), "2026-07-01T09:00:00Z");
        let order = event.order;
        assert_eq!((order.reference.as_str(), order.number.as_deref()), ("XJ12H", Some("XJ12H")));
        assert_eq!(order.email, EmailAddress::parse("asa.lind@example.com").ok());
        assert_eq!(order.name.as_deref(), Some("Åsa Lind"));
        assert_eq!((order.locale.as_deref(), order.country.as_deref()), (Some("sv"), Some("SE")));
        assert_eq!((order.total, order.test), (None, false));
        assert_eq!(order.marketing_consent, Some(Consent::ticked(true, "acceptMarketing")));
        assert_eq!((order.region.as_deref(), order.business), (Some("AC"), false));
        assert_eq!(order.fulfilment, Fulfilment::Shipped);
        assert_eq!(order.placed_at.unwrap().to_string(), "2026-06-28T08:00:11Z");
        let [coffee] = &order.items[..] else { panic!("{:?}", order.items) };
        assert_eq!((coffee.name.as_str(), coffee.sku.as_deref()), ("Kaffe", Some("00004")));
        assert_eq!(coffee.image.as_deref(), Some("https://images.example/kaffe.jpg"));
    }

    #[test]
    fn the_two_statuses_say_what_happened() {
        let change = |payment: &str, fulfillment: &str| {
            let mut order = with("paymentStatus", json!(payment));
            order["fulfillmentStatus"] = json!(fulfillment);
            match answered(&order).unwrap() {
                Event::Order(event) => Some(event.change),
                Event::Ignored { reason: "order_not_completed" } => None,
                other => panic!("{other:?}"),
            }
        };
        for shipped in ["SHIPPED", "OUT_FOR_DELIVERY", "DELIVERED"] {
            for payment in ["PAID", "AWAITING_PAYMENT", "PARTIALLY_REFUNDED"] {
                assert_eq!(
                    change(payment, shipped),
                    Some(Change::Completed),
                    "{payment} {shipped}"
                );
            }
            assert_eq!(change("CANCELLED", shipped), Some(Change::Cancelled), "{shipped}");
            assert_eq!(change("REFUNDED", shipped), Some(Change::Refunded), "{shipped}");
        }
        for open in ["AWAITING_PROCESSING", "PROCESSING", "READY_FOR_PICKUP", "CUSTOM_1"] {
            assert_eq!(change("PAID", open), None, "{open}");
        }
        assert_eq!(change("PAID", "WILL_NOT_DELIVER"), Some(Change::Cancelled));
        assert_eq!(change("PAID", "RETURNED"), Some(Change::Refunded));
    }

    #[test]
    fn what_is_missing_costs_that_detail_only() {
        let event = told(&json!({ "id": "XJ12H", "fulfillmentStatus": "DELIVERED" }));
        let order = Order {
            reference: "XJ12H".into(),
            number: Some("XJ12H".into()),
            fulfilment: Fulfilment::Delivered,
            ..Order::default()
        };
        assert_eq!(event, OrderEvent { change: Change::Completed, at: None, order });
        assert_eq!(told(&with("email", json!(""))).order.email, None);
        assert_eq!(told(&with("billingPerson", json!(null))).order.name.as_deref(), Some("Bo Ek"));
    }

    #[test]
    fn an_answer_of_another_shape_is_told_with_its_place() {
        let path = |order: Value| answered(&order).unwrap_err().path;
        assert_eq!(path(with("updateTimestamp", json!("2026-07-01"))), "updateTimestamp");
        assert_eq!(path(with("items", json!([{ "name": {} }]))), "items[0].name");
        assert_eq!(path(json!({ "errorMessage": "no" })), ".");
        assert!(Source.parse("XJ12H", &[]).is_err());
    }

    #[test]
    fn the_order_is_asked_for_in_the_store_with_the_token() {
        let access = Access { account: "1003", token: "secret_x" };
        let [request] = &Source.requests("SHOP-XJ12H/1", &access)[..] else { panic!() };
        assert_eq!(request.path, "/1003/orders/SHOP-XJ12H%2F1");
        assert_eq!(request.headers, [("authorization", "Bearer secret_x".to_owned())]);
    }
}
