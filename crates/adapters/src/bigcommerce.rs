//! BigCommerce: the webhooks `store/order/created`, `updated`, `statusUpdated`, `archived` and
//! `refund/created`, and `store/shipment/created`.
//!
//! They name the order and no more, so it is read from the API (v2), and its products with it. The
//! order's status says what happened: it is completed when it is *Shipped* or *Completed*, and
//! *Partially Refunded* changes nothing. *Completed* means that it arrived. An order that is archived is what BigCommerce has instead of
//! one that is deleted, and counts as cancelled.
//!
//! Documented (developer.bigcommerce.com): the signature, with the client secret as it stands (HTTPS
//! Webhooks Overview), the scopes and their payloads (Webhook Events), the order, with what its
//! currencies and `is_email_opt_in` mean (Orders V2), how often the API may be asked (API Rate
//! Limits); and in its help, that an order is *Completed* when its receipt is confirmed (Order
//! Statuses).
//!
//! When that was, is not told: it counts from the order's last change. The region has a name and no code,
//! and is left out. A buyer with a company in the billing address counts as one.
//!
//! Not confirmed: that `date_shipped` is set for every order that has the status *Shipped*; without
//! it, the last change of the order counts. Orders that were paid by the *Test Payment Gateway* are
//! taken for tests, by its name. The products' GTIN is read from `upc`.

use std::num::NonZeroU32;

use adapter_api::{
    Access, Adapter as ShopAdapter, ApiRequest, Event, KeyForm, Meta, Notice, ParseError, Sample,
    Scheme, Signature, Source as ShopSource, Verified, first_and_last,
    json::{self, Amount, Flag, Id, Text, UnixSeconds},
};
use domain::{Change, Consent, EmailAddress, Fulfilment, Item, Money, Order, OrderEvent};
use jiff::{Timestamp, fmt::rfc2822};
use serde::{Deserialize, Deserializer, de};
use serde_json::{json, value::RawValue};

static META: Meta = Meta {
    id: "bigcommerce",
    title: "BigCommerce",
    docs_url: "https://developer.bigcommerce.com/docs/integrations/webhooks",
};

/// The least of what a store allows is 150 in 30 seconds, for all its apps together.
const REQUESTS_PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);

const TEST_PAYMENT: &str = "Test Payment Gateway";

pub(crate) struct Adapter;

struct Source;

#[derive(Deserialize)]
struct Body<'a> {
    scope: String,
    #[serde(default)]
    created_at: UnixSeconds,
    /// Of another shape for each kind of scope.
    #[serde(borrow)]
    data: &'a RawValue,
}

#[derive(Deserialize)]
struct OrderData {
    id: Id,
    #[serde(default)]
    status: Option<StatusData>,
}

#[derive(Deserialize)]
struct StatusData {
    #[serde(default)]
    new_status_id: Text,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ShipmentData {
    order_id: Id,
}

#[derive(Deserialize)]
struct ApiOrder {
    id: Id,
    #[serde(default)]
    status_id: Text,
    #[serde(default)]
    is_deleted: Flag,
    #[serde(default)]
    date_created: Rfc2822,
    #[serde(default)]
    date_modified: Rfc2822,
    #[serde(default)]
    date_shipped: Rfc2822,
    #[serde(default)]
    billing_address: Option<Address>,
    #[serde(default)]
    customer_locale: Text,
    #[serde(default)]
    total_inc_tax: Amount,
    /// What the buyer pays in; `currency_code` is what the prices were shown in.
    #[serde(default)]
    default_currency_code: Text,
    #[serde(default)]
    is_email_opt_in: Flag,
    #[serde(default)]
    payment_method: Text,
}

#[derive(Default, Deserialize)]
struct Address {
    #[serde(default)]
    email: Text,
    #[serde(default)]
    first_name: Text,
    #[serde(default)]
    last_name: Text,
    #[serde(default)]
    company: Text,
    #[serde(default)]
    country_iso2: Text,
}

#[derive(Deserialize)]
struct Product {
    #[serde(default)]
    name: Text,
    #[serde(default)]
    sku: Text,
    #[serde(default)]
    upc: Text,
}

/// An instant as mails have it; blank is none.
#[derive(Clone, Copy, Default)]
struct Rfc2822(Option<Timestamp>);

impl<'de> Deserialize<'de> for Rfc2822 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Some(text) = Text::deserialize(deserializer)?.0 else { return Ok(Self(None)) };
        let instant = rfc2822::DateTimeParser::new().parse_timestamp(&text);
        instant.map(|at| Self(Some(at))).map_err(|_| {
            de::Error::invalid_value(de::Unexpected::Str(&text), &"a date and time (RFC 2822)")
        })
    }
}

impl ShopAdapter for Adapter {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn scheme(&self) -> Scheme<'_> {
        Scheme::WholeBody(Signature::StandardWebhooks { key: KeyForm::Raw })
    }

    fn event_id<'a>(&self, request: &Verified<'a>) -> Option<&'a str> {
        request.header("webhook-id")
    }

    fn parse(&self, request: &Verified<'_>) -> Result<Vec<Event>, ParseError> {
        let body: Body<'_> = json::from_slice(request.body())?;
        let order = || json::from_raw::<OrderData>(body.data, "data");
        let (Id(reference), undone) = match body.scope.as_str() {
            "store/order/created" | "store/order/updated" | "store/order/refund/created" => {
                (order()?.id, None)
            }
            "store/order/statusUpdated" => {
                let OrderData { id, status } = order()?;
                let meaning = status.and_then(|status| meaning(&status.new_status_id));
                let change = meaning.map(|(change, _)| change);
                (id, change.filter(|change| *change != Change::Completed))
            }
            "store/order/archived" => (order()?.id, Some(Change::Cancelled)),
            "store/shipment/created" => {
                (json::from_raw::<ShipmentData>(body.data, "data")?.order_id, None)
            }
            _ => return Ok(vec![Event::Ignored { reason: "scope_not_used" }]),
        };
        let told = undone.map(|change| OrderEvent {
            change,
            at: body.created_at.0,
            order: Order { reference: reference.clone(), ..Order::default() },
        });
        Ok(vec![Event::Notice(Notice { reference, told })])
    }

    fn source(&self) -> Option<&'static dyn ShopSource> {
        Some(&Source)
    }

    fn sample(&self, event: &OrderEvent) -> Sample {
        let body = json!({
            "scope": "store/order/statusUpdated",
            "store_id": "1001",
            "data": {
                "type": "order",
                "id": id(&event.order.reference),
                "status": { "previous_status_id": 11, "new_status_id": status_id(event) },
            },
            "hash": "7ee67cd1cf2ca60bc1aa9e5fe957d2de373be4ca",
            "created_at": event.at.map(Timestamp::as_second),
            "producer": "stores/demo",
        });
        Sample {
            headers: vec![("content-type", "application/json".into())],
            body: body.to_string().into_bytes(),
        }
    }
}

impl ShopSource for Source {
    fn url(&self) -> Option<&'static str> {
        Some("https://api.bigcommerce.com")
    }

    fn requests_per_second(&self) -> NonZeroU32 {
        REQUESTS_PER_SECOND
    }

    fn requests(&self, reference: &str, access: &Access<'_>) -> Vec<ApiRequest> {
        let order = ["stores", access.account, "v2", "orders", reference];
        let products = ["stores", access.account, "v2", "orders", reference, "products"];
        let get = |segments: &[&str]| {
            ApiRequest::get(segments)
                .header("x-auth-token", access.token)
                // Without it, the answer can be XML.
                .header("accept", "application/json")
        };
        vec![get(&order), get(&products)]
    }

    fn parse(&self, _reference: &str, answers: &[Vec<u8>]) -> Result<Vec<Event>, ParseError> {
        let answer = |n: usize| answers.get(n).map(Vec::as_slice).unwrap_or_default();
        let order: ApiOrder = json::from_slice(answer(0))?;
        let archived =
            (order.is_deleted.0 == Some(true)).then_some((Change::Cancelled, Fulfilment::Unknown));
        let Some((change, fulfilment)) = archived.or_else(|| meaning(&order.status_id)) else {
            return Ok(vec![Event::Ignored { reason: "order_not_completed" }]);
        };
        let items = match change {
            Change::Completed => products(answer(1))?,
            Change::Cancelled | Change::Refunded => vec![],
        };
        let shipped_at = order.date_shipped.0.filter(|_| fulfilment == Fulfilment::Shipped);
        let at = shipped_at.or(order.date_modified.0);
        let order = Order { items, fulfilment, ..order.into() };
        Ok(vec![Event::Order(OrderEvent { change, at, order })])
    }

    fn sample(&self, event: &OrderEvent) -> Vec<Vec<u8>> {
        let order = &event.order;
        let (first, last) = first_and_last(order.name.as_deref());
        let completed = event.change == Change::Completed;
        let date = |at: Option<Timestamp>| at.map_or_else(String::new, rfc2822);
        let total = order.total.as_ref();
        let answer = json!({
            "id": id(&order.reference),
            "date_created": date(order.placed_at),
            "date_modified": date(event.at),
            "date_shipped": date(event.at.filter(|_| completed)),
            "status_id": status_id(event),
            "is_deleted": false,
            "total_inc_tax": total.map(|total| total.amount),
            "default_currency_code": total.map(|total| &total.currency),
            "payment_method": if order.test { TEST_PAYMENT } else { "Manual" },
            "billing_address": {
                "first_name": first, "last_name": last, "email": order.email,
                "company": if order.business { "Sample AB" } else { "" },
                "country_iso2": order.country,
            },
            "is_email_opt_in": order.marketing_consent.as_ref().is_some_and(Consent::is_given),
            "customer_locale": order.locale,
        });
        let product = |item: &Item| json!({ "name": item.name, "sku": item.sku, "upc": item.gtin });
        let products: serde_json::Value = order.items.iter().map(product).collect();
        [answer, products].map(|answer| answer.to_string().into_bytes()).into()
    }
}

/// What the status of an order means. Its id is the same in each store; its name can be changed.
fn meaning(status_id: &Text) -> Option<(Change, Fulfilment)> {
    match status_id.0.as_deref()? {
        // Partially shipped, shipped, completed.
        "3" => Some((Change::Completed, Fulfilment::Partial)),
        "2" => Some((Change::Completed, Fulfilment::Shipped)),
        "10" => Some((Change::Completed, Fulfilment::Delivered)),
        // Cancelled, Declined.
        "5" | "6" => Some((Change::Cancelled, Fulfilment::Unknown)),
        "4" => Some((Change::Refunded, Fulfilment::Unknown)),
        _ => None,
    }
}

fn status_id(event: &OrderEvent) -> u8 {
    match event.change {
        Change::Completed if event.order.fulfilment == Fulfilment::Delivered => 10,
        Change::Completed => 2,
        Change::Cancelled => 5,
        Change::Refunded => 4,
    }
}

fn products(answer: &[u8]) -> Result<Vec<Item>, ParseError> {
    // An empty list is answered with 204, and no body.
    if answer.is_empty() {
        return Ok(vec![]);
    }
    let products: Vec<Product> =
        json::from_slice(answer).map_err(|ParseError { path, detail }| ParseError {
            path: format!("products{path}"),
            detail,
        })?;
    let item = |product: Product| Item {
        name: product.name.0.unwrap_or_default(),
        sku: product.sku.0,
        gtin: product.upc.0,
        ..Item::default()
    };
    Ok(products.into_iter().map(item).collect())
}

impl From<ApiOrder> for Order {
    fn from(order: ApiOrder) -> Self {
        let address = order.billing_address.unwrap_or_default();
        Self {
            number: Some(order.id.0.clone()),
            reference: order.id.0,
            email: address.email.0.and_then(|email| EmailAddress::parse(&email).ok()),
            name: Text::joined([address.first_name, address.last_name]),
            locale: order.customer_locale.0,
            country: address.country_iso2.0,
            items: vec![],
            total: Money::new(order.total_inc_tax.0, order.default_currency_code.0.as_deref()),
            marketing_consent: order
                .is_email_opt_in
                .0
                .map(|it| Consent::ticked(it, "is_email_opt_in")),
            placed_at: order.date_created.0,
            business: address.company.0.is_some(),
            test: order.payment_method.0.as_deref() == Some(TEST_PAYMENT),
            ..Order::default()
        }
    }
}

/// The number that an id is, for samples.
fn id(reference: &str) -> serde_json::Value {
    reference.parse::<u64>().map_or(json!(reference), |id| json!(id))
}

/// As the API writes instants.
fn rfc2822(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// What the API answers about an order that was shipped.
    fn order() -> Value {
        json!({
            "id": 250,
            "customer_id": 11,
            "date_created": "Sun, 28 Jun 2026 08:00:11 +0000",
            "date_modified": "Wed, 01 Jul 2026 09:05:00 +0000",
            "date_shipped": "Wed, 01 Jul 2026 09:00:00 +0000",
            "status_id": 2,
            "status": "Shipped",
            "custom_status": "On its way",
            "total_ex_tax": "199.2000",
            "total_inc_tax": "249.0000",
            "items_total": 2,
            "items_shipped": 2,
            "payment_method": "Credit Card",
            "payment_status": "captured",
            "refunded_amount": "0.0000",
            "order_is_digital": false,
            "currency_id": 2,
            "currency_code": "EUR",
            "default_currency_id": 1,
            "default_currency_code": "SEK",
            "is_deleted": false,
            "is_email_opt_in": true,
            "credit_card_type": null,
            "billing_address": {
                "first_name": "Åsa", "last_name": "Lind", "company": "",
                "street_1": "Storgatan 1", "street_2": "", "city": "Umeå", "state": "",
                "zip": "903 26", "country": "Sweden", "country_iso2": "SE",
                "phone": "", "email": "asa.lind@example.com", "form_fields": [],
            },
            "products": { "url": "https://api.example/products", "resource": "/orders/250/products" },
            "external_id": null,
            "customer_locale": "sv",
        })
    }

    /// The order with one of its members changed.
    fn with(member: &str, value: Value) -> Value {
        let mut order = order();
        order[member] = value;
        order
    }

    fn answered(order: &Value, products: &str) -> Result<Event, ParseError> {
        let answers = [order.to_string().into_bytes(), products.as_bytes().to_vec()];
        Source.parse("250", &answers).map(|mut events| events.remove(0))
    }

    fn told(order: &Value) -> OrderEvent {
        match answered(order, "[]").unwrap() {
            Event::Order(event) => event,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_order_that_was_shipped_is_completed_with_all_that_is_known() {
        let products = r#"[
            { "id": 1, "order_id": 250, "product_id": 7, "name": "Kaffe", "name_merchant": "K",
              "sku": "K-1", "upc": "7310130003547", "type": "physical", "quantity": 1 },
            { "id": 2, "order_id": 250, "product_id": 0, "name": "Gåva", "sku": "", "upc": "" }
        ]"#;
        let Event::Order(event) = answered(&order(), products).unwrap() else { panic!() };
        assert_eq!(event.change, Change::Completed);
        assert_eq!(event.at.unwrap().to_string(), "2026-07-01T09:00:00Z");
        let order = event.order;
        assert_eq!((order.reference.as_str(), order.number.as_deref()), ("250", Some("250")));
        assert_eq!(order.email, EmailAddress::parse("asa.lind@example.com").ok());
        assert_eq!(order.name.as_deref(), Some("Åsa Lind"));
        assert_eq!((order.locale.as_deref(), order.country.as_deref()), (Some("sv"), Some("SE")));
        let total = order.total.unwrap();
        assert_eq!(
            (total.amount.to_string().as_str(), total.currency.as_str()),
            ("249.0000", "SEK")
        );
        assert_eq!(order.marketing_consent, Some(Consent::ticked(true, "is_email_opt_in")));
        assert_eq!(order.placed_at.unwrap().to_string(), "2026-06-28T08:00:11Z");
        assert!(!order.test);
        let [coffee, gift] = &order.items[..] else { panic!("{:?}", order.items) };
        assert_eq!((coffee.name.as_str(), coffee.sku.as_deref()), ("Kaffe", Some("K-1")));
        assert_eq!(coffee.gtin.as_deref(), Some("7310130003547"));
        assert_eq!((gift.name.as_str(), &gift.sku, &gift.gtin), ("Gåva", &None, &None));
    }

    #[test]
    fn the_status_says_what_happened_and_its_name_does_not() {
        for (status, change) in [
            (2, Change::Completed),
            (10, Change::Completed),
            (5, Change::Cancelled),
            (6, Change::Cancelled),
            (4, Change::Refunded),
        ] {
            assert_eq!(told(&with("status_id", json!(status))).change, change, "{status}");
        }
        let part = told(&with("status_id", json!(3)));
        assert_eq!((part.change, part.order.fulfilment), (Change::Completed, Fulfilment::Partial));
        // Pending, awaiting fulfilment, disputed, partially refunded.
        for status in [1, 11, 13, 14] {
            let event = answered(&with("status_id", json!(status)), "[]").unwrap();
            assert_eq!(event, Event::Ignored { reason: "order_not_completed" }, "{status}");
        }
    }

    #[test]
    fn an_undo_counts_from_the_last_change() {
        let event = told(&with("status_id", json!(5)));
        assert_eq!(event.at.unwrap().to_string(), "2026-07-01T09:05:00Z");
    }

    #[test]
    fn an_archived_order_is_cancelled_whatever_its_status() {
        assert_eq!(told(&with("is_deleted", json!(true))).change, Change::Cancelled);
    }

    #[test]
    fn an_order_that_nobody_shipped_is_completed_when_it_was_last_changed() {
        let event = told(&with("date_shipped", json!("")));
        assert_eq!(event.at.unwrap().to_string(), "2026-07-01T09:05:00Z");
    }

    #[test]
    fn an_order_paid_at_the_test_gateway_is_a_test() {
        assert!(told(&with("payment_method", json!(TEST_PAYMENT))).order.test);
    }

    #[test]
    fn an_order_that_is_completed_arrived_when_it_was_last_changed() {
        let arrived = told(&with("status_id", json!(10)));
        assert_eq!(arrived.at.unwrap().to_string(), "2026-07-01T09:05:00Z");
        assert_eq!(arrived.order.fulfilment, Fulfilment::Delivered);
        assert_eq!(told(&order()).order.fulfilment, Fulfilment::Shipped);
        assert!(!arrived.order.business);
        let company = with("billing_address", json!({ "company": "Lind AB" }));
        assert!(told(&company).order.business);
    }

    #[test]
    fn what_is_missing_costs_that_detail_only() {
        let event = told(&json!({ "id": 250, "status_id": "10" }));
        let order = Order {
            reference: "250".into(),
            number: Some("250".into()),
            fulfilment: Fulfilment::Delivered,
            ..Order::default()
        };
        assert_eq!(event, OrderEvent { change: Change::Completed, at: None, order });
        assert_eq!(told(&with("billing_address", json!({ "email": "" }))).order.email, None);
    }

    #[test]
    fn an_order_without_products_is_answered_with_nothing() {
        let Event::Order(event) = answered(&order(), "").unwrap() else { panic!() };
        assert!(event.order.items.is_empty());
    }

    #[test]
    fn an_answer_of_another_shape_is_told_with_its_place() {
        let path = |order: Value, products| answered(&order, products).unwrap_err().path;
        assert_eq!(path(with("date_shipped", json!("2026-07-01")), "[]"), "date_shipped");
        assert_eq!(
            path(with("billing_address", json!({ "email": [] })), "[]"),
            "billing_address.email"
        );
        assert_eq!(path(order(), r#"[{ "name": {} }]"#), "products[0].name");
        assert_eq!(path(json!([{ "status": 404, "message": "not found" }]), "[]"), "[0]");
        assert!(Source.parse("250", &[]).is_err());
    }

    #[test]
    fn the_order_and_its_products_are_asked_for_with_the_token() {
        let access = Access { account: "abc123", token: "secret" };
        let requests = Source.requests("250", &access);
        let paths: Vec<_> = requests.iter().map(|request| request.path.as_str()).collect();
        assert_eq!(
            paths,
            ["/stores/abc123/v2/orders/250", "/stores/abc123/v2/orders/250/products"]
        );
        for request in &requests {
            assert!(request.headers.contains(&("x-auth-token", "secret".into())));
            assert!(request.headers.contains(&("accept", "application/json".into())));
        }
    }
}
