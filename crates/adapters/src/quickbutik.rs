//! Quickbutik: the webhooks `order.done` and `order.cancelled`.
//!
//! Quickbutik calls with a GET that names an event and an order in its query, and signs nothing. So
//! the secret stands in the address, and the order is read from the API.
//!
//! An order is completed when it is marked as sent (*done*).
//!
//! Documented (quickbutik.dev): the webhooks (webhooks/introduction, webhooks/events), the API with
//! the key as name and password (api-v1/authentication), the list of orders and its `order_id`
//! (api-v1/orders/get-orders), that it holds `refunds` (the change log of 2021-12-01). No webhook
//! tells of a refund, and no field when an order was sent: the delay counts from when it was read.
//!
//! Not confirmed: the numbers of the statuses, of which the page shows `1` only. In public code `1` is
//! paid and `2` is done, and unpaid is `0` or `-1`; cancelled is taken to be `-1` or `3`, which does
//! no harm to an unpaid order, as nobody is asked about one. Nor the form of `refunds` (any counts),
//! the fields of `customer` (from public code, too), the rate, the time zone of `date_created` (read
//! as UTC), and whether Quickbutik repeats what was not answered.

use std::num::NonZeroU32;

use adapter_api::{
    Access, Adapter as ShopAdapter, ApiRequest, Event, Meta, Notice, ParseError, Sample, Scheme,
    Source, Verified,
    json::{self, Amount, Id, Instant, Text},
};
use domain::{Change, EmailAddress, Fulfilment, Item, Money, Order, OrderEvent};
use serde::Deserialize;
use serde_json::{Value, json};

static META: Meta = Meta {
    id: "quickbutik",
    title: "Quickbutik",
    docs_url: "https://quickbutik.dev/webhooks/introduction",
};

pub(crate) struct Adapter;

struct Api;

#[derive(Deserialize)]
struct ShopOrder {
    order_id: Id,
    #[serde(default)]
    status: Text,
    #[serde(default)]
    date_created: Instant,
    #[serde(default)]
    total_amount: Amount,
    #[serde(default)]
    currency: Text,
    #[serde(default)]
    customer: Option<Customer>,
    #[serde(default)]
    products: Vec<Product>,
    #[serde(default)]
    refunds: Value,
}

#[derive(Default, Deserialize)]
struct Customer {
    #[serde(default)]
    email: Text,
    #[serde(default)]
    full_name: Text,
    #[serde(default)]
    country: Text,
}

#[derive(Deserialize)]
struct Product {
    #[serde(default)]
    title: Text,
    #[serde(default)]
    sku: Text,
    #[serde(default)]
    image: Text,
}

impl ShopAdapter for Adapter {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn scheme(&self) -> Scheme<'_> {
        Scheme::AddressSecret
    }

    fn parse(&self, request: &Verified<'_>) -> Result<Vec<Event>, ParseError> {
        let parameter = |name: &str| {
            let (_, value) = form_urlencoded::parse(request.body()).find(|(key, _)| key == name)?;
            Some(value.into_owned())
        };
        let is_cancelled = match parameter("event_type").as_deref() {
            Some("order.done") => false,
            Some("order.cancelled") => true,
            _ => return Ok(vec![Event::Ignored { reason: "event_not_used" }]),
        };
        let number = parameter("order_id").filter(|id| id.parse::<u64>().is_ok());
        let Some(reference) = number else {
            let (path, detail) = ("order_id".to_owned(), "expected a number".to_owned());
            return Err(ParseError { path, detail });
        };
        let told = is_cancelled.then(|| OrderEvent {
            change: Change::Cancelled,
            at: None,
            order: Order { reference: reference.clone(), ..Order::default() },
        });
        Ok(vec![Event::Notice(Notice { reference, told })])
    }

    fn source(&self) -> Option<&'static dyn Source> {
        Some(&Api)
    }

    fn sample(&self, event: &OrderEvent) -> Sample {
        let cancelled = event.change == Change::Cancelled;
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("event_type", if cancelled { "order.cancelled" } else { "order.done" });
        query.append_pair("order_id", &event.order.reference);
        Sample { headers: vec![], body: query.finish().into_bytes() }
    }
}

impl Source for Api {
    fn url(&self) -> Option<&'static str> {
        Some("https://api.quickbutik.com/v1")
    }

    fn requests_per_second(&self) -> NonZeroU32 {
        NonZeroU32::MIN
    }

    fn requests(&self, reference: &str, access: &Access<'_>) -> Vec<ApiRequest> {
        let request = ApiRequest::get(&["orders"])
            .query("order_id", reference)
            .query("include_details", "true");
        vec![request.basic_auth(access.token, access.token)]
    }

    fn parse(&self, reference: &str, answers: &[Vec<u8>]) -> Result<Vec<Event>, ParseError> {
        let answer = answers.first().map(Vec::as_slice).unwrap_or_default();
        let orders: Vec<ShopOrder> = json::from_slice(answer)?;
        let order = orders.into_iter().find(|order| order.order_id.0 == reference);
        Ok(vec![order.map_or(Event::Ignored { reason: "order_not_found" }, ShopOrder::event)])
    }

    fn sample(&self, event: &OrderEvent) -> Vec<Vec<u8>> {
        let OrderEvent { change, at, order } = event;
        let refunds = match change {
            Change::Refunded => json!([{ "amount": "249.00", "date": at }]),
            Change::Completed | Change::Cancelled => json!([]),
        };
        let created = order.placed_at.map(|at| at.strftime("%Y-%m-%d %H:%M:%S").to_string());
        let answer = json!([{
            "order_id": order.reference,
            "date_created": created,
            "total_amount": "249.00",
            "currency": "SEK",
            "status": if *change == Change::Cancelled { "-1" } else { "2" },
            "customer": {
                "email": order.email, "full_name": order.name, "country": order.country,
            },
            "products": order.items.iter().map(|item| json!({
                "product_id": "123", "title": item.name, "sku": item.sku, "qty": "1",
                "price": "249.00", "image": item.image,
            })).collect::<Vec<_>>(),
            "refunds": refunds,
        }]);
        vec![answer.to_string().into_bytes()]
    }
}

impl ShopOrder {
    fn event(self) -> Event {
        let is_refunded = match &self.refunds {
            Value::Array(refunds) => !refunds.is_empty(),
            Value::Object(refunds) => !refunds.is_empty(),
            _ => false,
        };
        let change = match self.status.0.as_deref() {
            Some("-1" | "3" | "cancelled") => Change::Cancelled,
            Some("2" | "done") if is_refunded => Change::Refunded,
            Some("2" | "done") => Change::Completed,
            _ => return Event::Ignored { reason: "order_not_completed" },
        };
        let fulfilment = match change {
            Change::Completed => Fulfilment::Shipped,
            Change::Cancelled | Change::Refunded => Fulfilment::Unknown,
        };
        let customer = self.customer.unwrap_or_default();
        Event::Order(OrderEvent {
            change,
            at: None,
            order: Order {
                number: Some(self.order_id.0.clone()),
                reference: self.order_id.0,
                email: customer.email.0.and_then(|email| EmailAddress::parse(&email).ok()),
                name: customer.full_name.0,
                locale: None,
                country: customer.country.0,
                items: self
                    .products
                    .into_iter()
                    .map(|product| Item {
                        name: product.title.0.unwrap_or_default(),
                        sku: product.sku.0,
                        image: product.image.0,
                        ..Item::default()
                    })
                    .collect(),
                total: Money::new(self.total_amount.0, self.currency.0.as_deref()),
                marketing_consent: None,
                placed_at: self.date_created.0,
                fulfilment,
                test: false,
                ..Order::default()
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the API answers about an order, which `change` has changed.
    fn answer(change: impl FnOnce(&mut Value)) -> Value {
        let mut order = json!({
            "order_id": "10042",
            "date_created": "2026-06-28 11:35:39",
            "date_paid": "2026-06-28 11:36:02",
            "total_amount": "348.95",
            "total_pay_amount": "348.95",
            "shipping_amount": "49.00",
            "currency": "SEK",
            "status": "2",
            "shipping_name": "Postnord",
            "paymethod": { "method": "Klarna", "transaction_id": "a1b2" },
            "customer": {
                "customer_type": "consumer", "full_name": "Åsa Lind", "city": "Umeå",
                "email": "asa.lind@example.com", "phone": "", "country": "SE",
                "shipping_details": { "full_name": "Åsa Lind", "country": "SE" },
            },
            "products": [
                {
                    "id": 1, "product_id": 123, "variant_id": 456, "title": "Kaffe, mörkrost",
                    "price": "99.95", "qty": 2, "sku": "K-1", "variant": "250 g", "weight": "250",
                    "image": "https://cdn.example.com/kaffe.jpg",
                },
                { "id": 2, "product_id": 124, "title": "Te", "price": "100", "qty": 1, "sku": "" },
            ],
            "refunds": [],
        });
        change(&mut order);
        json!([order])
    }

    fn read(answer: &Value) -> Result<Event, ParseError> {
        let events = Source::parse(&Api, "10042", &[answer.to_string().into_bytes()])?;
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
    fn an_order_is_read_with_the_key_as_name_and_password() {
        let access = Access { account: "", token: "key" };
        let request = Api.requests("10042", &access).swap_remove(0);
        assert_eq!(request.path, "/orders?order_id=10042&include_details=true");
        assert!(request.headers == [("authorization", "Basic a2V5OmtleQ==".to_owned())]);

        let OrderEvent { change, at, order } = order(&answer(|_| {}));
        assert_eq!((change, at), (Change::Completed, None));
        assert_eq!(order.fulfilment, Fulfilment::Shipped);
        assert_eq!((order.reference.as_str(), order.number.as_deref()), ("10042", Some("10042")));
        assert_eq!(order.email, EmailAddress::parse("asa.lind@example.com").ok());
        assert_eq!(order.name.as_deref(), Some("Åsa Lind"));
        assert_eq!(order.country.as_deref(), Some("SE"));
        assert_eq!(order.placed_at, "2026-06-28T11:35:39Z".parse().ok());
        assert_eq!(order.total.unwrap().amount.to_string(), "348.95");
        let [coffee, tea] = &order.items[..] else { panic!("{:?}", order.items) };
        assert_eq!((coffee.name.as_str(), coffee.sku.as_deref()), ("Kaffe, mörkrost", Some("K-1")));
        assert_eq!(coffee.image.as_deref(), Some("https://cdn.example.com/kaffe.jpg"));
        assert_eq!((tea.name.as_str(), tea.sku.as_deref()), ("Te", None));
    }

    #[test]
    fn an_order_counts_as_what_its_status_says() {
        let change = |status: Value| match read(&answer(|order| order["status"] = status)).unwrap()
        {
            Event::Order(event) => Some(event.change),
            Event::Ignored { reason: "order_not_completed" } => None,
            other => panic!("{other:?}"),
        };
        for done in [json!("2"), json!(2), json!("done")] {
            assert_eq!(change(done), Some(Change::Completed));
        }
        for cancelled in [json!("-1"), json!(3), json!("cancelled")] {
            assert_eq!(change(cancelled), Some(Change::Cancelled));
        }
        for open in [json!("0"), json!("1"), json!(null)] {
            assert_eq!(change(open), None);
        }
    }

    #[test]
    fn any_refund_counts() {
        let change = |refunds| order(&answer(|order| order["refunds"] = refunds)).change;
        assert_eq!(change(json!([{ "amount": "49.00" }])), Change::Refunded);
        assert_eq!(change(json!({ "7": { "amount": "49.00" } })), Change::Refunded);
        for none in [json!([]), json!({}), json!(null), json!(false)] {
            assert_eq!(change(none), Change::Completed);
        }
    }

    #[test]
    fn what_is_missing_costs_no_more_than_itself() {
        let order = order(&answer(|order| {
            order["customer"] = json!([]);
            order["products"] = json!([]);
            order["date_created"] = json!("0000-00-00 00:00:00");
            order["currency"] = Value::Null;
        }))
        .order;
        assert!(order.email.is_none() && order.name.is_none() && order.items.is_empty());
        assert!(order.placed_at.is_none() && order.total.is_none());
        let other = answer(|order| order["order_id"] = json!("10043"));
        assert_eq!(read(&other), Ok(Event::Ignored { reason: "order_not_found" }));
    }

    #[test]
    fn an_answer_of_another_form_is_an_error_that_says_where() {
        let error = read(&answer(|order| order["customer"]["email"] = json!({}))).unwrap_err();
        assert_eq!(error.path, "[0].customer.email");
    }
}
