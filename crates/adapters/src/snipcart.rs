//! Snipcart: the webhooks `order.completed`, `order.status.changed`, `order.paymentStatus.changed` and
//! `order.refund.created`.
//!
//! Snipcart signs nothing. It sends a token in a header, and says with another request whether the
//! token is its own, but nothing binds that token to the body beside it. So the secret stands in the
//! address, and the order is read from the API.
//!
//! `order.completed` means that the order is paid. It counts as completed when it is shipped or, if
//! none of its items is to be shipped, when it is paid. A buyer with a company in the billing address
//! counts as one.
//!
//! Documented (docs.snipcart.com): how requests are to be proved (v3/webhooks/introduction), the
//! events with the statuses (v3/webhooks/order-events), the API and its password
//! (api-reference/orders).
//!
//! Not confirmed: how often the API may be asked; whether a refund of a part leaves `paymentStatus`
//! as it is (the sum of the refunds counts, too); whether Snipcart repeats what was not answered.

use std::num::NonZeroU32;

use adapter_api::{
    Access, Adapter as ShopAdapter, ApiRequest, Event, Meta, Notice, ParseError, Sample, Scheme,
    Source, Verified,
    json::{self, Amount, Flag, Id, Instant, Text, Texts},
};
use domain::{Change, EmailAddress, Fulfilment, Item, Money, Order, OrderEvent};
use serde::Deserialize;
use serde_json::{json, value::RawValue};

static META: Meta = Meta {
    id: "snipcart",
    title: "Snipcart",
    docs_url: "https://docs.snipcart.com/v3/webhooks/introduction",
};

pub(crate) struct Adapter;

struct Api;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    event_name: String,
    #[serde(borrow)]
    content: &'a RawValue,
}

/// An order, of which the API knows the rest.
#[derive(Deserialize)]
struct Pointer {
    token: Id,
}

/// A refund.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Refund {
    order_token: Id,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    token: Id,
    #[serde(default)]
    mode: Text,
    #[serde(default)]
    status: Text,
    #[serde(default)]
    payment_status: Text,
    #[serde(default)]
    invoice_number: Text,
    #[serde(default)]
    email: Text,
    #[serde(default)]
    lang: Text,
    #[serde(default)]
    currency: Text,
    #[serde(default)]
    final_grand_total: Amount,
    #[serde(default)]
    refunds_amount: Amount,
    #[serde(default)]
    billing_address: Option<Address>,
    #[serde(default)]
    shipping_address: Option<Address>,
    #[serde(default)]
    items: Vec<OrderItem>,
    #[serde(default)]
    completion_date: Instant,
    #[serde(default)]
    modification_date: Instant,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Address {
    #[serde(default)]
    full_name: Text,
    #[serde(default)]
    name: Text,
    #[serde(default)]
    company: Text,
    #[serde(default)]
    country: Text,
    #[serde(default)]
    province: Text,
}

#[derive(Deserialize)]
struct OrderItem {
    /// The shop's own.
    #[serde(default)]
    id: Text,
    #[serde(default)]
    name: Text,
    #[serde(default)]
    url: Text,
    #[serde(default)]
    image: Text,
    #[serde(default)]
    categories: Texts,
    #[serde(default)]
    shippable: Flag,
}

impl ShopAdapter for Adapter {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn scheme(&self) -> Scheme<'_> {
        Scheme::AddressSecret
    }

    fn parse(&self, request: &Verified<'_>) -> Result<Vec<Event>, ParseError> {
        let Body { event_name, content } = json::from_slice(request.body())?;
        let Id(reference) = match event_name.as_str() {
            "order.completed" | "order.status.changed" | "order.paymentStatus.changed" => {
                json::from_raw::<Pointer>(content, "content")?.token
            }
            "order.refund.created" => json::from_raw::<Refund>(content, "content")?.order_token,
            _ => return Ok(vec![Event::Ignored { reason: "event_not_used" }]),
        };
        Ok(vec![Event::Notice(Notice { reference, told: None })])
    }

    fn source(&self) -> Option<&'static dyn Source> {
        Some(&Api)
    }

    fn sample(&self, event: &OrderEvent) -> Sample {
        let reference = &event.order.reference;
        let (name, content) = match event.change {
            Change::Refunded => (
                "order.refund.created",
                json!({ "orderToken": reference, "amount": 11.99, "currency": "eur" }),
            ),
            Change::Completed | Change::Cancelled => ("order.status.changed", order(event)),
        };
        let body = json!({
            "eventName": name,
            "mode": if event.order.test { "Test" } else { "Live" },
            "createdOn": event.at,
            "content": content,
        });
        Sample {
            headers: vec![
                ("content-type", "application/json".into()),
                ("x-snipcart-requesttoken", "5d4e1d07-6f4b-4a4a-9d3b-2f1d1c0c9f0e".into()),
            ],
            body: body.to_string().into_bytes(),
        }
    }
}

impl Source for Api {
    fn url(&self) -> Option<&'static str> {
        Some("https://app.snipcart.com/api")
    }

    fn requests_per_second(&self) -> NonZeroU32 {
        const { NonZeroU32::new(2).unwrap() }
    }

    fn requests(&self, reference: &str, access: &Access<'_>) -> Vec<ApiRequest> {
        let request = ApiRequest::get(&["orders", reference]);
        vec![request.header("accept", "application/json").basic_auth(access.token, "")]
    }

    fn parse(&self, _reference: &str, answers: &[Vec<u8>]) -> Result<Vec<Event>, ParseError> {
        let answer = answers.first().map(Vec::as_slice).unwrap_or_default();
        Ok(vec![json::from_slice::<Answer>(answer)?.event()])
    }

    fn sample(&self, event: &OrderEvent) -> Vec<Vec<u8>> {
        vec![order(event).to_string().into_bytes()]
    }
}

fn order(event: &OrderEvent) -> serde_json::Value {
    let OrderEvent { change, at, order } = event;
    let status = match (change, order.fulfilment) {
        (Change::Cancelled, _) => "Cancelled",
        (_, Fulfilment::Delivered) => "Delivered",
        _ => "Shipped",
    };
    json!({
        "token": order.reference,
        "mode": if order.test { "Test" } else { "Live" },
        "status": status,
        "paymentStatus": if *change == Change::Refunded { "Refunded" } else { "Paid" },
        "invoiceNumber": order.number,
        "email": order.email,
        "lang": order.locale,
        "currency": "eur",
        "finalGrandTotal": 11.99,
        "billingAddress": {
            "fullName": order.name, "name": order.name, "country": order.country,
            "province": order.region, "company": order.business.then_some("Sample AB"),
        },
        "items": order.items.iter().map(|item| json!({
            "id": item.sku, "name": item.name, "url": item.url, "image": item.image,
            "quantity": 1, "price": 11.99, "shippable": true, "categories": item.categories,
        })).collect::<Vec<_>>(),
        "completionDate": order.placed_at,
        "modificationDate": at,
    })
}

impl Answer {
    fn what_happened(&self) -> Option<(Change, Fulfilment)> {
        let is_given_back = self.refunds_amount.0.is_some_and(|refunds| {
            !refunds.is_zero() && self.final_grand_total.0.is_some_and(|total| total <= refunds)
        });
        if is_given_back
            || matches!(self.payment_status.0.as_deref(), Some("Refunded" | "ChargedBack"))
        {
            return Some((Change::Refunded, Fulfilment::Unknown));
        }
        match self.status.0.as_deref() {
            Some("Cancelled") => Some((Change::Cancelled, Fulfilment::Unknown)),
            Some("Shipped" | "Dispatched") => Some((Change::Completed, Fulfilment::Shipped)),
            Some("Delivered") => Some((Change::Completed, Fulfilment::Delivered)),
            Some("Processed") => {
                let nothing_to_ship = !self.items.is_empty()
                    && self.items.iter().all(|i| i.shippable.0 == Some(false));
                nothing_to_ship.then_some((Change::Completed, Fulfilment::Unknown))
            }
            _ => None,
        }
    }

    fn event(self) -> Event {
        let Some((change, fulfilment)) = self.what_happened() else {
            return Event::Ignored { reason: "order_not_completed" };
        };
        let addresses = || [&self.billing_address, &self.shipping_address].into_iter().flatten();
        let name = |address: &Address| address.full_name.0.clone().or(address.name.0.clone());
        let billed_company = self.billing_address.as_ref().and_then(|it| it.company.0.as_ref());
        let business = billed_company.is_some();
        let place = addresses().find(|address| address.country.0.is_some());
        Event::Order(OrderEvent {
            change,
            at: self.modification_date.0.or(self.completion_date.0),
            order: Order {
                reference: self.token.0,
                number: self.invoice_number.0,
                email: self.email.0.and_then(|email| EmailAddress::parse(&email).ok()),
                name: addresses().find_map(name),
                locale: self.lang.0,
                country: place.and_then(|address| address.country.0.clone()),
                region: place.and_then(|address| address.province.0.clone()),
                items: self
                    .items
                    .into_iter()
                    .map(|item| Item {
                        name: item.name.0.unwrap_or_default(),
                        sku: item.id.0,
                        categories: item.categories.0,
                        url: item.url.0,
                        image: item.image.0,
                        ..Item::default()
                    })
                    .collect(),
                total: Money::new(self.final_grand_total.0, self.currency.0.as_deref()),
                marketing_consent: None,
                placed_at: self.completion_date.0,
                fulfilment,
                business,
                test: self.mode.0.as_deref() == Some("Test"),
                ..Order::default()
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// What the API answers about an order, which `change` has changed.
    fn answer(change: impl FnOnce(&mut Value)) -> Value {
        let address = json!({
            "fullName": "Åsa Lind", "firstName": null, "name": "Åsa Lind", "company": "Lind AB",
            "address1": "Storgatan 1", "city": "Umeå", "province": "AC", "country": "SE", "postalCode": "903 26",
        });
        let mut order = json!({
            "token": "0f7a1c52-93f2-4c65-8f0c-5c1a6d0b9e21",
            "creationDate": "2026-06-28T08:00:00Z",
            "modificationDate": "2026-07-01T09:00:00Z",
            "completionDate": "2026-06-28T08:02:11Z",
            "mode": "Live",
            "status": "Shipped",
            "paymentStatus": "Paid",
            "invoiceNumber": "SNIP-1042",
            "email": "asa.lind@example.com",
            "lang": "sv",
            "currency": "sek",
            "billingAddress": address,
            "shippingAddress": address,
            "user": { "id": "2463e188", "email": "asa.lind@example.com", "mode": "Live" },
            "items": [{
                "token": "0f7a1c52-93f2-4c65-8f0c-5c1a6d0b9e21",
                "uniqueId": "e595ebf2-8cf1-48e8-b9c4-99de7a9f166f",
                "id": "TEA-250", "name": "Te, 250 g", "price": 89.5, "totalPrice": 179,
                "quantity": 2, "url": "https://shop.example/te", "shippable": true,
                "image": "https://shop.example/te.png", "categories": ["Te", "Grönt"], "customFields": [], "weight": null,
            }],
            "plans": [],
            "refunds": [],
            "refundsAmount": 0,
            "adjustedAmount": 228,
            "finalGrandTotal": 228.00,
            "shippingFees": 49,
            "metadata": null,
        });
        change(&mut order);
        order
    }

    fn read(answer: &Value) -> Result<Event, ParseError> {
        let events = Source::parse(&Api, "0f7a1c52", &[answer.to_string().into_bytes()])?;
        let [event] = events.try_into().unwrap();
        Ok(event)
    }

    fn order(answer: &Value) -> OrderEvent {
        match read(answer) {
            Ok(Event::Order(event)) => event,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_order_is_read_with_the_secret_key_as_the_name() {
        let access = Access { account: "", token: "S_key" };
        let request = Api.requests("0f7a1c52", &access).swap_remove(0);
        assert_eq!(request.path, "/orders/0f7a1c52");
        assert!(request.headers.contains(&("authorization", "Basic U19rZXk6".to_owned())));

        let event = order(&answer(|_| {}));
        assert_eq!(event.change, Change::Completed);
        assert_eq!(event.at, "2026-07-01T09:00:00Z".parse().ok());
        let order = event.order;
        assert_eq!(order.reference, "0f7a1c52-93f2-4c65-8f0c-5c1a6d0b9e21");
        assert_eq!(order.number.as_deref(), Some("SNIP-1042"));
        assert_eq!(order.email, EmailAddress::parse("asa.lind@example.com").ok());
        assert_eq!(order.name.as_deref(), Some("Åsa Lind"));
        assert_eq!((order.locale.as_deref(), order.country.as_deref()), (Some("sv"), Some("SE")));
        assert_eq!((order.region.as_deref(), order.business), (Some("AC"), true));
        assert_eq!(order.fulfilment, Fulfilment::Shipped);
        assert_eq!(order.items[0].sku.as_deref(), Some("TEA-250"));
        assert_eq!(order.items[0].categories, ["Te", "Grönt"]);
        assert_eq!(order.items[0].image.as_deref(), Some("https://shop.example/te.png"));
        assert_eq!(order.total.unwrap().amount.to_string(), "228.0");
        assert!(!order.test);
    }

    #[test]
    fn an_order_is_completed_when_it_is_shipped_or_nothing_is_to_be_shipped() {
        let change = |status: &str, shippable: bool| {
            let answer = answer(|order| {
                order["status"] = json!(status);
                order["items"][0]["shippable"] = json!(shippable);
            });
            match read(&answer).unwrap() {
                Event::Order(event) => Some(event.change),
                Event::Ignored { reason: "order_not_completed" } => None,
                other => panic!("{other:?}"),
            }
        };
        for shipped in ["Shipped", "Dispatched", "Delivered"] {
            assert_eq!(change(shipped, true), Some(Change::Completed), "{shipped}");
        }
        assert_eq!(change("Processed", true), None);
        assert_eq!(change("Processed", false), Some(Change::Completed));
        assert_eq!(change("Cancelled", false), Some(Change::Cancelled));
        for open in ["InProgress", "Pending", "Disputed", ""] {
            assert_eq!(change(open, false), None, "{open}");
        }
    }

    #[test]
    fn an_order_is_refunded_when_all_of_it_is() {
        let change = |payment: &str, refunds: Value| {
            order(&answer(|order| {
                order["paymentStatus"] = json!(payment);
                order["refundsAmount"] = refunds;
            }))
            .change
        };
        assert_eq!(change("Refunded", json!(0)), Change::Refunded);
        assert_eq!(change("ChargedBack", json!(null)), Change::Refunded);
        assert_eq!(change("Paid", json!(228)), Change::Refunded);
        assert_eq!(change("Paid", json!(100.5)), Change::Completed);
    }

    #[test]
    fn what_is_missing_costs_no_more_than_itself() {
        let order = order(&answer(|order| {
            order["mode"] = json!("Test");
            order["items"] = json!([]);
            for field in ["email", "billingAddress", "shippingAddress", "finalGrandTotal"] {
                order[field] = Value::Null;
            }
        }))
        .order;
        assert!(order.test && order.email.is_none() && order.name.is_none());
        assert!(order.items.is_empty() && order.total.is_none());
    }

    #[test]
    fn an_answer_of_another_form_is_an_error_that_says_where() {
        let error = read(&answer(|order| order["items"][0]["name"] = json!([]))).unwrap_err();
        assert_eq!(error.path, "items[0].name");
    }
}
