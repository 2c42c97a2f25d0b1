//! Paddle Billing: the events `transaction.completed`, `transaction.canceled`, `adjustment.created` and
//! `adjustment.updated`.
//!
//! A transaction is an order, and it is completed when Paddle says so: it is paid, and Paddle knows
//! nothing of deliveries. The event holds the products and no address, so the API is asked for the
//! transaction again, with its customer, address and adjustments in one answer. A refund of all of
//! it stands in the event and counts at once; after one of a part the API's sum of them counts.
//! Renewals of subscriptions are left out: nobody is invited every month. A transaction for one of the
//! customer's businesses (`business_id`) is a company's.
//!
//! Documented (developer.paddle.com): the signature (webhooks/signature-verification), the events and
//! their fields (webhooks/transactions/transaction-completed, webhooks/adjustments/adjustment-created),
//! `include` and the permissions (api-reference/transactions/get-transaction). Amounts are texts, in
//! the lowest unit of the currency.
//!
//! Not confirmed: how often the API may be asked (240 times in a minute, it is said), and that a
//! `chargeback` is `approved` as a refund is. Sandbox and live account send the same form: nothing
//! marks a test.

use std::num::NonZeroU32;

use adapter_api::{
    Access, Adapter as ShopAdapter, ApiRequest, Event, Meta, Notice, ParseError, Sample, Scheme,
    Signature, Source, StampedHeader, Verified,
    json::{self, Amount, Flag, Id, Instant, Text},
};
use domain::{Change, Consent, EmailAddress, Item, Money, Order, OrderEvent};
use serde::Deserialize;
use serde_json::{json, value::RawValue};

static META: Meta = Meta {
    id: "paddle",
    title: "Paddle Billing",
    docs_url: "https://developer.paddle.com/webhooks/overview",
};

pub(crate) struct Adapter;

struct Api;

#[derive(Deserialize)]
struct Body<'a> {
    event_type: String,
    #[serde(default)]
    occurred_at: Instant,
    #[serde(borrow)]
    data: &'a RawValue,
}

#[derive(Deserialize)]
struct Answer {
    data: Transaction,
}

#[derive(Deserialize)]
struct Transaction {
    id: Id,
    #[serde(default)]
    status: Text,
    #[serde(default)]
    origin: Text,
    #[serde(default)]
    invoice_number: Text,
    #[serde(default)]
    business_id: Text,
    #[serde(default)]
    currency_code: Text,
    #[serde(default)]
    details: Option<Details>,
    #[serde(default)]
    created_at: Instant,
    #[serde(default)]
    billed_at: Instant,
    #[serde(default)]
    updated_at: Instant,
    /// Only in answers of the API, as are the next two.
    #[serde(default)]
    customer: Option<Customer>,
    #[serde(default)]
    address: Option<Address>,
    #[serde(default)]
    adjustments: Option<Vec<Adjustment>>,
}

#[derive(Default, Deserialize)]
struct Details {
    #[serde(default)]
    totals: Totals,
    #[serde(default)]
    line_items: Vec<LineItem>,
}

/// What a transaction was for, or what an adjustment takes from it.
#[derive(Default, Deserialize)]
struct Totals {
    #[serde(default)]
    total: Amount,
}

#[derive(Deserialize)]
struct LineItem {
    #[serde(default)]
    product: Option<Product>,
}

#[derive(Deserialize)]
struct Product {
    #[serde(default)]
    name: Text,
    #[serde(default)]
    image_url: Text,
}

#[derive(Default, Deserialize)]
struct Customer {
    #[serde(default)]
    email: Text,
    #[serde(default)]
    name: Text,
    #[serde(default)]
    locale: Text,
    #[serde(default)]
    marketing_consent: Flag,
}

#[derive(Default, Deserialize)]
struct Address {
    #[serde(default)]
    country_code: Text,
    #[serde(default)]
    region: Text,
}

#[derive(Deserialize)]
struct Adjustment {
    transaction_id: Id,
    #[serde(default)]
    action: Text,
    #[serde(default)]
    status: Text,
    /// `full` or `partial`; older ones have none.
    #[serde(default)]
    r#type: Text,
    #[serde(default)]
    totals: Totals,
    #[serde(default)]
    updated_at: Instant,
}

impl ShopAdapter for Adapter {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn scheme(&self) -> Scheme<'_> {
        Scheme::WholeBody(Signature::StampedHmacSha256 {
            header: "paddle-signature",
            form: StampedHeader::PADDLE,
        })
    }

    fn parse(&self, request: &Verified<'_>) -> Result<Vec<Event>, ParseError> {
        let body: Body<'_> = json::from_slice(request.body())?;
        Ok(vec![match body.event_type.as_str() {
            "transaction.completed" | "transaction.canceled" => {
                told(&json::from_raw(body.data, "data")?, body.occurred_at)
            }
            "adjustment.created" | "adjustment.updated" => {
                adjusted(json::from_raw(body.data, "data")?, body.occurred_at)
            }
            _ => Event::Ignored { reason: "event_not_used" },
        }])
    }

    fn source(&self) -> Option<&'static dyn Source> {
        Some(&Api)
    }

    fn sample(&self, event: &OrderEvent) -> Sample {
        let order = &event.order;
        let (kind, data) = match event.change {
            Change::Completed => ("transaction.completed", transaction(event)),
            Change::Cancelled => ("transaction.canceled", transaction(event)),
            Change::Refunded => ("adjustment.updated", adjustment(order)),
        };
        let body = json!({
            "event_id": "evt_01h8e1jxjnw9ra6zarhnz1a7y1",
            "event_type": kind,
            "occurred_at": event.at,
            "notification_id": "ntf_01h8e1jxna32kc43ev1vkqsq8x",
            "data": data,
        });
        Sample {
            headers: vec![("content-type", "application/json".into())],
            body: body.to_string().into_bytes(),
        }
    }
}

impl Source for Api {
    fn url(&self) -> Option<&'static str> {
        Some("https://api.paddle.com")
    }

    fn requests_per_second(&self) -> NonZeroU32 {
        const { NonZeroU32::new(3).unwrap() }
    }

    fn requests(&self, reference: &str, access: &Access<'_>) -> Vec<ApiRequest> {
        let request = ApiRequest::get(&["transactions", reference])
            .query("include", "address,adjustments,customer");
        vec![request.header("authorization", format!("Bearer {}", access.token))]
    }

    fn parse(&self, _reference: &str, answers: &[Vec<u8>]) -> Result<Vec<Event>, ParseError> {
        let answer = answers.first().map(Vec::as_slice).unwrap_or_default();
        let Answer { data } = json::from_slice(answer)?;
        Ok(vec![data.event()])
    }

    fn sample(&self, event: &OrderEvent) -> Vec<Vec<u8>> {
        let order = &event.order;
        let mut data = transaction(event);
        data["customer"] = json!({
            "id": "ctm_01h8e18bxp9hby49dnm8ewf0m0", "email": order.email, "name": order.name,
            "locale": order.locale, "marketing_consent": order.marketing_consent.as_ref().is_some_and(Consent::is_given),
        });
        data["address"] = json!({
            "id": "add_01h8e18bzb5av13cd16m5gz214", "country_code": order.country,
            "region": order.region,
        });
        if event.change == Change::Refunded {
            data["adjustments"] = json!([adjustment(order)]);
        }
        let answer = json!({
            "data": data, "meta": { "request_id": "9ad2ac0d-6ee0-4f0d-9b0d-2b5c8a4f1f11" },
        });
        vec![answer.to_string().into_bytes()]
    }
}

fn transaction(event: &OrderEvent) -> serde_json::Value {
    let OrderEvent { change, at, order } = event;
    let status = if *change == Change::Cancelled { "canceled" } else { "completed" };
    let items = order.items.iter().map(|item| {
        json!({
            "id": "txnitm_01h8e18ck0g6b9r0247mdrh34r", "quantity": 1, "totals": { "total": "1199" },
            "product": {
                "id": "pro_01gsz97mq9pa4fkyy0wqenepkz", "name": item.name, "image_url": item.image,
            },
        })
    });
    json!({
        "id": order.reference,
        "status": status,
        "origin": "web",
        "customer_id": "ctm_01h8e18bxp9hby49dnm8ewf0m0",
        "business_id": order.business.then_some("biz_01h84a7hr4pzhsajkm8tev89ev"),
        "invoice_number": order.number,
        "currency_code": "EUR",
        "details": {
            "totals": { "total": "1199", "grand_total": "1199", "currency_code": "EUR" },
            "line_items": items.collect::<Vec<_>>(),
        },
        "created_at": order.placed_at,
        "billed_at": at,
        "updated_at": at,
    })
}

fn adjustment(order: &Order) -> serde_json::Value {
    json!({
        "id": "adj_01h8e1m4tzc3a9a4h5kcy2x8p3",
        "action": "refund",
        "status": "approved",
        "type": "full",
        "transaction_id": order.reference,
        "currency_code": "EUR",
        "totals": { "total": "1199", "currency_code": "EUR" },
    })
}

/// What a transaction's own event means: who bought is not in it.
fn told(transaction: &Transaction, at: Instant) -> Event {
    let reference = transaction.id.0.clone();
    match transaction.status.0.as_deref() {
        _ if transaction.is_renewal() => Event::Ignored { reason: "subscription_renewed" },
        Some("completed") => Event::Notice(Notice { reference, told: None }),
        Some("canceled") => undone(Change::Cancelled, reference, at),
        _ => Event::Ignored { reason: "order_not_completed" },
    }
}

fn adjusted(adjustment: Adjustment, at: Instant) -> Event {
    if !adjustment.gives_back() {
        return Event::Ignored { reason: "nothing_refunded" };
    }
    let reference = adjustment.transaction_id.0;
    match adjustment.r#type.0.as_deref() {
        Some("full") => undone(Change::Refunded, reference, at),
        // With others it may come to all of it.
        _ => Event::Notice(Notice { reference, told: None }),
    }
}

fn undone(change: Change, reference: String, at: Instant) -> Event {
    let order = Order { reference, ..Order::default() };
    Event::Order(OrderEvent { change, at: at.0, order })
}

impl Adjustment {
    fn gives_back(&self) -> bool {
        matches!(self.action.0.as_deref(), Some("refund" | "chargeback"))
            && self.status.0.as_deref() == Some("approved")
    }
}

impl Transaction {
    fn is_renewal(&self) -> bool {
        self.origin.0.as_deref().is_some_and(|origin| origin.starts_with("subscription_"))
    }

    /// When all of it had been given back, if it was.
    fn refunded(&self) -> Option<Instant> {
        let adjustments = self.adjustments.iter().flatten();
        let given_back: Vec<_> = adjustments.filter(|it| it.gives_back()).collect();
        let last = given_back.iter().map(|adjustment| adjustment.updated_at.0).max()?;
        let amounts = given_back.iter().filter_map(|adjustment| adjustment.totals.total.0);
        let sum = amounts.map(Some).reduce(|a, b| a?.checked_add(b?)).flatten();
        let paid = self.details.as_ref().and_then(|details| details.totals.total.0);
        let whole = given_back.iter().any(|it| it.r#type.0.as_deref() == Some("full"))
            || paid.is_none_or(|paid| sum.is_some_and(|sum| paid <= sum));
        whole.then_some(Instant(last))
    }

    fn event(self) -> Event {
        let (change, at) = match self.status.0.as_deref() {
            _ if self.is_renewal() => return Event::Ignored { reason: "subscription_renewed" },
            Some("canceled") => (Change::Cancelled, self.updated_at),
            Some("completed") => match self.refunded() {
                Some(at) => (Change::Refunded, at),
                None => (Change::Completed, self.billed_at),
            },
            _ => return Event::Ignored { reason: "order_not_completed" },
        };
        let customer = self.customer.unwrap_or_default();
        let address = self.address.unwrap_or_default();
        let details = self.details.unwrap_or_default();
        let products = details.line_items.into_iter().filter_map(|line| line.product);
        Event::Order(OrderEvent {
            change,
            at: at.0.or(self.updated_at.0),
            order: Order {
                reference: self.id.0,
                number: self.invoice_number.0,
                email: customer.email.0.and_then(|email| EmailAddress::parse(&email).ok()),
                name: customer.name.0,
                locale: customer.locale.0,
                country: address.country_code.0,
                region: address.region.0,
                items: products
                    .map(|product| Item {
                        name: product.name.0.unwrap_or_default(),
                        image: product.image_url.0,
                        ..Item::default()
                    })
                    .collect(),
                total: Money::from_minor(details.totals.total.0, self.currency_code.0.as_deref()),
                marketing_consent: customer
                    .marketing_consent
                    .0
                    .map(|it| Consent::ticked(it, "customer.marketing_consent")),
                placed_at: self.created_at.0,
                business: self.business_id.0.is_some(),
                test: false,
                ..Order::default()
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// What the API answers about a transaction, which `change` has changed.
    fn answer(change: impl FnOnce(&mut Value)) -> Value {
        let mut data = json!({
            "id": "txn_01k2rqx3tn0jv9vv1p2b4mjs6c",
            "status": "completed",
            "customer_id": "ctm_01k2rqxa7y5rz2b9cf6w4d3k8e",
            "address_id": "add_01k2rqxb1m4tq8h7y6v5n3c2j9",
            "business_id": null,
            "custom_data": { "cart": "a-17" },
            "origin": "web",
            "collection_mode": "automatic",
            "subscription_id": null,
            "invoice_id": "inv_01k2rr0q6d9w8e7r5t4y3u2i1o",
            "invoice_number": "4711-10042",
            "currency_code": "SEK",
            "items": [{ "price": { "id": "pri_01k2", "name": "Desktop licence" }, "quantity": 1 }],
            "details": {
                "totals": {
                    "subtotal": "39920", "discount": "0", "tax": "9980", "total": "49900",
                    "grand_total": "49900", "fee": null, "currency_code": "SEK",
                },
                "line_items": [
                    {
                        "id": "txnitm_01k2rqx3v5", "price_id": "pri_01k2", "quantity": 1,
                        "totals": { "subtotal": "39920", "tax": "9980", "total": "49900" },
                        "product": {
                            "id": "pro_01k2rqw8z9", "name": "Fält, a typeface", "type": "standard",
                            "image_url": "https://cdn.example.com/falt.png", "status": "active",
                        },
                    },
                ],
            },
            "payments": [{ "amount": "49900", "status": "captured" }],
            "created_at": "2026-07-01T09:41:12.114213Z",
            "billed_at": "2026-07-01T09:44:58.306113Z",
            "updated_at": "2026-07-01T09:45:01.123456Z",
            "customer": {
                "id": "ctm_01k2rqxa7y5rz2b9cf6w4d3k8e", "name": "Åsa Lind", "status": "active",
                "email": "asa.lind@example.com", "marketing_consent": true, "locale": "sv",
            },
            "address": {
                "id": "add_01k2rqxb1m4tq8h7y6v5n3c2j9", "country_code": "SE", "first_line": null,
            },
        });
        change(&mut data);
        json!({ "data": data, "meta": { "request_id": "fa176777-4bca-49ec-aa1e-f53885333cb7" } })
    }

    fn refund(action: &str, status: &str, total: &str) -> Value {
        json!({
            "id": "adj_01k2rt5m8n", "action": action, "status": status, "type": "partial",
            "transaction_id": "txn_01k2rqx3tn0jv9vv1p2b4mjs6c", "currency_code": "SEK",
            "reason": "sent back", "totals": { "subtotal": "1", "tax": "1", "total": total },
            "created_at": "2026-07-03T08:00:00Z", "updated_at": "2026-07-04T08:00:00Z",
        })
    }

    fn read(answer: &Value) -> Result<Event, ParseError> {
        let events = Source::parse(&Api, "txn_1", &[answer.to_string().into_bytes()])?;
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
    fn one_request_brings_the_order_with_its_buyer() {
        let access = Access { account: "", token: "pdl_live_apikey_1" };
        let request = Api.requests("txn_1", &access).swap_remove(0);
        assert_eq!(request.path, "/transactions/txn_1?include=address%2Cadjustments%2Ccustomer");
        assert!(request.headers == [("authorization", "Bearer pdl_live_apikey_1".to_owned())]);

        let event = order(&answer(|_| {}));
        assert_eq!(event.change, Change::Completed);
        assert_eq!(event.at, "2026-07-01T09:44:58.306113Z".parse().ok());
        let order = event.order;
        assert_eq!(order.reference, "txn_01k2rqx3tn0jv9vv1p2b4mjs6c");
        assert_eq!(order.number.as_deref(), Some("4711-10042"));
        assert_eq!(order.email, EmailAddress::parse("asa.lind@example.com").ok());
        assert_eq!(order.name.as_deref(), Some("Åsa Lind"));
        assert_eq!((order.locale.as_deref(), order.country.as_deref()), (Some("sv"), Some("SE")));
        assert_eq!(order.items[0].name, "Fält, a typeface");
        assert_eq!(order.items[0].image.as_deref(), Some("https://cdn.example.com/falt.png"));
        assert_eq!(order.total.unwrap().amount.to_string(), "499.00");
        assert_eq!(
            order.marketing_consent,
            Some(Consent::ticked(true, "customer.marketing_consent"))
        );
    }

    #[test]
    fn an_order_is_refunded_when_all_of_it_is() {
        let change = |refunds: Value| order(&answer(|it| it["adjustments"] = refunds)).change;
        let all =
            [refund("refund", "approved", "20000"), refund("chargeback", "approved", "29900")];
        assert_eq!(change(json!(all)), Change::Refunded);
        let mut full = refund("refund", "approved", "100");
        full["type"] = json!("full");
        assert_eq!(change(json!([full])), Change::Refunded);
        assert_eq!(change(json!([refund("refund", "approved", "20000")])), Change::Completed);
        assert_eq!(change(json!([refund("refund", "rejected", "49900")])), Change::Completed);
        assert_eq!(change(json!([refund("credit", "approved", "49900")])), Change::Completed);
        let at = order(&answer(|it| it["adjustments"] = json!(all))).at;
        assert_eq!(at, "2026-07-04T08:00:00Z".parse().ok());
    }

    #[test]
    fn an_order_counts_as_what_its_status_says() {
        let status = |status: &str| read(&answer(|it| it["status"] = json!(status))).unwrap();
        assert!(matches!(
            status("canceled"),
            Event::Order(OrderEvent { change: Change::Cancelled, .. })
        ));
        for open in ["draft", "ready", "billed", "paid", "past_due", ""] {
            assert_eq!(status(open), Event::Ignored { reason: "order_not_completed" }, "{open}");
        }
        let renewal = read(&answer(|it| it["origin"] = json!("subscription_recurring")));
        assert_eq!(renewal, Ok(Event::Ignored { reason: "subscription_renewed" }));
    }

    #[test]
    fn what_is_missing_costs_no_more_than_itself() {
        let event = order(&answer(|data| {
            for field in ["customer", "address", "details", "billed_at", "adjustments"] {
                data[field] = Value::Null;
            }
        }));
        assert_eq!(event.at, "2026-07-01T09:45:01.123456Z".parse().ok());
        let order = event.order;
        assert!(order.email.is_none() && order.items.is_empty() && order.total.is_none());
    }

    #[test]
    fn an_answer_of_another_form_is_an_error_that_says_where() {
        let error = read(&answer(|data| data["customer"]["email"] = json!({}))).unwrap_err();
        assert_eq!(error.path, "data.customer.email");
    }
}
