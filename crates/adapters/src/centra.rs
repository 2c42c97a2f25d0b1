//! Centra: the *Centra Webhook* plugin in its version *Integration API*.
//!
//! A call is a form with JSON in its field `payload`, and it may tell of many orders. What is signed
//! is the form as it was sent. It names orders by their numbers, so each is read from the *Order API*
//! plugin, with its returns.
//!
//! An order is completed when Centra says so: all its shipments are on their way. It counts as
//! refunded when all of its items came back, which the events of returns do not say: they name the
//! return, not the order.
//!
//! Documented (centra.dev and the repository of its documentation): the signature with an example,
//! the events (Centra Webhooks), that the number names an order (ID conversion), the statuses
//! (Order management), the fields of orders and returns and the header of the API's key (Order API).
//! Times are in the time zone of the shop, which is not told; they are read as UTC.
//!
//! Not confirmed: whether `orderStatus` is the status's name or its number (both are read); the
//! action `delete`; what the API answers for an order without returns; how often it may be asked;
//! `orders`, a list of ids as the other versions of the plugin send for their types.

use std::{collections::BTreeMap, num::NonZeroU32};

use adapter_api::{
    Access, Adapter as ShopAdapter, ApiRequest, Event, Meta, Notice, ParseError, Sample, Scheme,
    Signature, Source, StampedHeader, Verified,
    json::{self, Amount, Flag, Id, Instant, Text},
};
use domain::{Change, EmailAddress, Fulfilment, Item, Money, Order, OrderEvent};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

static META: Meta = Meta {
    id: "centra",
    title: "Centra",
    docs_url: "https://centra.dev/docs/extend-with-plugins/integrations/centra-webhooks",
};

/// The field of the form that holds the JSON.
const PAYLOAD: &str = "payload";

pub(crate) struct Adapter;

struct Api;

#[derive(Deserialize)]
struct Payload {
    #[serde(default)]
    events: Vec<PayloadEvent>,
    #[serde(default)]
    orders: Vec<Id>,
}

#[derive(Deserialize)]
struct PayloadEvent {
    #[serde(default)]
    r#type: Text,
    #[serde(default)]
    action: Text,
    #[serde(default)]
    id: Option<Id>,
}

#[derive(Deserialize)]
struct OrdersAnswer {
    #[serde(default)]
    orders: Vec<ShopOrder>,
}

#[derive(Deserialize)]
struct ReturnsAnswer {
    #[serde(default)]
    returns: Vec<Return>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ShopOrder {
    order_id: Id,
    #[serde(default)]
    order_status: Text,
    #[serde(default)]
    order_date: Instant,
    #[serde(default)]
    order_currency: Text,
    #[serde(default)]
    grand_total_value: Amount,
    #[serde(default)]
    billing_email: Text,
    #[serde(default)]
    delivery_email: Text,
    #[serde(default)]
    billing_name: Text,
    #[serde(default)]
    delivery_name: Text,
    #[serde(default)]
    billing_company: Text,
    #[serde(default)]
    delivery_country: Text,
    #[serde(default)]
    billing_country: Text,
    #[serde(default)]
    shipments: Vec<Shipment>,
    #[serde(default)]
    products: Vec<Product>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shipment {
    #[serde(default)]
    shipped_date: Instant,
}

#[derive(Deserialize)]
struct Product {
    #[serde(default)]
    name: Text,
    #[serde(default)]
    sku: Text,
    #[serde(default)]
    ean: Text,
    #[serde(default)]
    qty: Text,
}

#[derive(Deserialize)]
struct Return {
    #[serde(default)]
    completed: Flag,
    #[serde(default)]
    date: Instant,
    #[serde(default)]
    products: Vec<ReturnedProduct>,
}

#[derive(Deserialize)]
struct ReturnedProduct {
    #[serde(default)]
    quantity: Text,
}

impl ShopAdapter for Adapter {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn scheme(&self) -> Scheme<'_> {
        Scheme::WholeBody(Signature::StampedHmacSha256 {
            header: "x-centra-signature",
            form: StampedHeader::STRIPE,
        })
    }

    fn parse(&self, request: &Verified<'_>) -> Result<Vec<Event>, ParseError> {
        let mut fields = form_urlencoded::parse(request.body());
        let Some((_, payload)) = fields.find(|(name, _)| name == PAYLOAD) else {
            return Err(missing(PAYLOAD.to_owned()));
        };
        let Payload { events, orders } = json::from_slice(payload.as_bytes())?;
        // One call may tell of an order more than once.
        let mut notices: BTreeMap<String, Option<OrderEvent>> =
            orders.into_iter().map(|id| (id.0, None)).collect();
        for (index, event) in events.into_iter().enumerate() {
            if event.r#type.0.as_deref() != Some("order") {
                continue;
            }
            let Id(id) = event.id.ok_or_else(|| missing(format!("events[{index}].id")))?;
            let deleted = event.action.0.as_deref() == Some("delete");
            let told = deleted.then(|| cancelled(id.clone()));
            let notice = notices.entry(id).or_default();
            *notice = told.or(notice.take());
        }
        if notices.is_empty() {
            return Ok(vec![Event::Ignored { reason: "event_not_used" }]);
        }
        let notice = |(reference, told)| Event::Notice(Notice { reference, told });
        Ok(notices.into_iter().map(notice).collect())
    }

    fn source(&self) -> Option<&'static dyn Source> {
        Some(&Api)
    }

    fn sample(&self, event: &OrderEvent) -> Sample {
        let payload = json!({ "events": [{
            "type": "order",
            "action": "update",
            "date": event.at.map(local),
            "id": id(&event.order),
        }] });
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair(PAYLOAD, &payload.to_string());
        Sample {
            headers: vec![("content-type", "application/x-www-form-urlencoded".into())],
            body: form.finish().into_bytes(),
        }
    }
}

impl Source for Api {
    /// Each shop has an address of its own for the plugin.
    fn url(&self) -> Option<&'static str> {
        None
    }

    fn requests_per_second(&self) -> NonZeroU32 {
        const { NonZeroU32::new(2).unwrap() }
    }

    fn requests(&self, reference: &str, access: &Access<'_>) -> Vec<ApiRequest> {
        let get = |list: &str| {
            let request = ApiRequest::get(&[list]).query("order", reference);
            request.header("api-authorization", access.token)
        };
        vec![get("orders"), get("returns")]
    }

    fn parse(&self, reference: &str, answers: &[Vec<u8>]) -> Result<Vec<Event>, ParseError> {
        let answer = |index: usize| answers.get(index).map(Vec::as_slice).unwrap_or_default();
        let OrdersAnswer { orders } = json::from_slice(answer(0))?;
        let ReturnsAnswer { returns } = json::from_slice(answer(1))?;
        let order = orders.into_iter().find(|order| order.order_id.0 == reference);
        Ok(vec![match order {
            Some(order) => order.event(&returns),
            None => Event::Ignored { reason: "order_not_found" },
        }])
    }

    fn sample(&self, event: &OrderEvent) -> Vec<Vec<u8>> {
        let OrderEvent { change, at, order } = event;
        let (cancelled, refunded) = (*change == Change::Cancelled, *change == Change::Refunded);
        let at = at.map(local);
        let orders = json!({ "status": "ok", "orders": [{
            "orderId": order.reference,
            "orderStatus": if cancelled { "cancelled" } else { "completed" },
            "orderDate": order.placed_at.map(local),
            "orderStore": "retail",
            "orderCurrency": "SEK",
            "billingEmail": order.email,
            "billingName": order.name,
            "billingCompany": if order.business { "Sample AB" } else { "" },
            "billingCountry": order.country,
            "grandTotalValue": 249.5,
            "shipments": [{ "shipmentId": format!("{}-1", order.reference), "shippedDate": at }],
            "products": order.items.iter().map(|item| json!({
                "sku": item.sku, "ean": item.gtin, "name": item.name, "qty": 1, "price": 249.5,
            })).collect::<Vec<_>>(),
        }] });
        let returned = json!({
            "returnId": 385, "completed": true, "orderId": id(order), "date": at,
            "products": [{ "quantity": order.items.len() }],
        });
        let returns = if refunded { vec![returned] } else { vec![] };
        let returns = json!({ "status": "ok", "returns": returns });
        [orders, returns].map(|answer| answer.to_string().into_bytes()).into()
    }
}

fn missing(path: String) -> ParseError {
    ParseError { path, detail: "is missing".to_owned() }
}

/// Orders are numbered.
fn id(order: &Order) -> serde_json::Value {
    order.reference.parse::<u64>().map_or(json!(order.reference), |id| json!(id))
}

fn cancelled(reference: String) -> OrderEvent {
    let order = Order { reference, ..Order::default() };
    OrderEvent { change: Change::Cancelled, at: None, order }
}

/// How many; what is no number is none.
fn count(text: &Text) -> u64 {
    text.0.as_deref().and_then(|text| text.parse::<u32>().ok()).unwrap_or(0).into()
}

/// A time as Centra writes it.
fn local(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

impl ShopOrder {
    /// Whether as many items came back as were ordered.
    fn came_back(&self, returns: &[&Return]) -> bool {
        let products = returns.iter().flat_map(|it| &it.products);
        let back = products.map(|it| count(&it.quantity)).sum::<u64>();
        let ordered = self.products.iter().map(|it| count(&it.qty)).sum::<u64>();
        0 < ordered && ordered <= back
    }

    fn event(self, returns: &[Return]) -> Event {
        let returns: Vec<_> = returns.iter().filter(|it| it.completed.0 == Some(true)).collect();
        let status = self.order_status.0.as_deref().map(str::to_ascii_lowercase);
        let (change, at) = match status.as_deref() {
            Some("cancelled" | "canceled" | "6") => (Change::Cancelled, None),
            _ if self.came_back(&returns) => {
                (Change::Refunded, returns.iter().filter_map(|it| it.date.0).max())
            }
            Some("completed" | "4") => {
                let shipped = self.shipments.iter().filter_map(|it| it.shipped_date.0);
                (Change::Completed, shipped.max())
            }
            _ => return Event::Ignored { reason: "order_not_completed" },
        };
        let fulfilment = match change {
            Change::Completed => Fulfilment::Shipped,
            Change::Cancelled | Change::Refunded => Fulfilment::Unknown,
        };
        let email = self.billing_email.0.or(self.delivery_email.0);
        Event::Order(OrderEvent {
            change,
            at,
            order: Order {
                number: Some(self.order_id.0.clone()),
                reference: self.order_id.0,
                email: email.and_then(|email| EmailAddress::parse(&email).ok()),
                name: self.billing_name.0.or(self.delivery_name.0),
                locale: None,
                country: self.delivery_country.0.or(self.billing_country.0),
                items: self
                    .products
                    .into_iter()
                    .map(|product| Item {
                        name: product.name.0.unwrap_or_default(),
                        sku: product.sku.0,
                        gtin: product.ean.0,
                        ..Item::default()
                    })
                    .collect(),
                total: Money::new(self.grand_total_value.0, self.order_currency.0.as_deref()),
                marketing_consent: None,
                placed_at: self.order_date.0,
                fulfilment,
                business: self.billing_company.0.is_some(),
                test: false,
                ..Order::default()
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use adapter_api::{Request, read};
    use http::HeaderMap;
    use serde_json::Value;

    use super::*;

    /// What the API answers about an order and its returns, which `change` has changed.
    fn answers(change: impl FnOnce(&mut Value, &mut Value)) -> [Value; 2] {
        let mut order = json!({
            "orderId": "83651",
            "orderStatus": "completed",
            "selectionId": "7dee9426b07b13ec452f87a3b67aa6be",
            "orderDate": "2026-06-28 10:16:13",
            "cancelDate": "0000-00-00 00:00:00",
            "orderStore": "retail",
            "orderCurrency": "SEK",
            "customerId": "12345",
            "accountId": "",
            "deliveryName": "Åsa Lind",
            "deliveryCompany": "",
            "deliveryEmail": "asa.lind@example.com",
            "deliveryCountry": "SE",
            "billingName": "Åsa Lind",
            "billingEmail": "asa.lind@example.com",
            "billingCountry": "SE",
            "internalOrder": 0,
            "hold": 0,
            "shippingValue": 25,
            "grandTotalValue": 1378.75,
            "grandTotalTaxValue": 275.75,
            "paymentType": "3rd",
            "paymentReference": null,
            "shipments": [
                { "shipmentId": "83651-1", "shippedDate": "2026-06-30 14:00:00", "carrier": "" },
                { "shipmentId": "83651-2", "shippedDate": "2026-07-01 09:00:00", "carrier": "" },
            ],
            "products": [
                {
                    "lineId": "43243", "sku": "S123", "variantSku": "", "ean": "7340112910426",
                    "name": "Tröja", "variant": "Vit", "size": "XS", "qty": 1, "price": 450.5,
                    "warehouses": [{ "name": "Default", "itemQty": 1 }], "isBundle": false,
                },
                { "lineId": "43244", "sku": "S124", "ean": "", "name": "Sockor", "qty": 2 },
            ],
        });
        let mut returns = json!([]);
        change(&mut order, &mut returns);
        [
            json!({ "status": "ok", "orders": [order] }),
            json!({ "status": "ok", "returns": returns }),
        ]
    }

    fn answered(answers: &[Value; 2]) -> Result<Event, ParseError> {
        let answers = answers.each_ref().map(|answer| answer.to_string().into_bytes());
        let [event] = Source::parse(&Api, "83651", &answers)?.try_into().unwrap();
        Ok(event)
    }

    fn order(answers: &[Value; 2]) -> OrderEvent {
        match answered(answers) {
            Ok(Event::Order(event)) => event,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_documented_signature_is_genuine() {
        let headers = HeaderMap::from_iter([(
            "x-centra-signature".parse().unwrap(),
            "t=12345678,v1=0b9cd84f5d583e5e1aadfb9f160aa8080b51d5b85ff85808d6b75bdac356c549"
                .parse()
                .unwrap(),
        )]);
        let request = Request {
            headers: &headers,
            body: b"payload=%7B%22x%22%3A%22test%22%7D",
            received_at: Timestamp::from_second(12_345_678).unwrap(),
            address_secret: None,
        };
        let verified = Adapter.scheme().verify(request, &["test123"]).unwrap();
        let events = read(&Adapter, &verified);
        assert_eq!(events, Ok(vec![Event::Ignored { reason: "event_not_used" }]));
    }

    #[test]
    fn an_order_is_read_with_its_returns() {
        let access = Access { account: "", token: "xyz123" };
        let requests = Api.requests("83651", &access);
        let paths: Vec<_> = requests.iter().map(|request| request.path.as_str()).collect();
        assert_eq!(paths, ["/orders?order=83651", "/returns?order=83651"]);
        let key = ("api-authorization", "xyz123".to_owned());
        assert!(requests.iter().all(|request| request.headers.contains(&key)));

        let event = order(&answers(|_, _| {}));
        assert_eq!(event.change, Change::Completed);
        assert_eq!(event.at, "2026-07-01T09:00:00Z".parse().ok());
        let order = event.order;
        assert_eq!((order.reference.as_str(), order.number.as_deref()), ("83651", Some("83651")));
        assert_eq!(order.email, EmailAddress::parse("asa.lind@example.com").ok());
        assert_eq!(order.name.as_deref(), Some("Åsa Lind"));
        assert_eq!(order.country.as_deref(), Some("SE"));
        assert_eq!(order.placed_at, "2026-06-28T10:16:13Z".parse().ok());
        assert_eq!(order.total.unwrap().amount.to_string(), "1378.75");
        let [shirt, socks] = &order.items[..] else { panic!("{:?}", order.items) };
        assert_eq!((shirt.name.as_str(), shirt.sku.as_deref()), ("Tröja", Some("S123")));
        assert_eq!(shirt.gtin.as_deref(), Some("7340112910426"));
        assert_eq!((socks.name.as_str(), socks.gtin.as_deref()), ("Sockor", None));
    }

    #[test]
    fn an_order_counts_as_what_its_status_says() {
        let change =
            |status: Value| match answered(&answers(|order, _| order["orderStatus"] = status))
                .unwrap()
            {
                Event::Order(event) => Some(event.change),
                Event::Ignored { reason: "order_not_completed" } => None,
                other => panic!("{other:?}"),
            };
        for done in [json!("completed"), json!("Completed"), json!("4"), json!(4)] {
            assert_eq!(change(done), Some(Change::Completed));
        }
        for undone in [json!("Cancelled"), json!("canceled"), json!(6)] {
            assert_eq!(change(undone), Some(Change::Cancelled));
        }
        for open in [json!("processing"), json!(3), json!("archived"), json!(""), json!(null)] {
            assert_eq!(change(open), None);
        }
    }

    #[test]
    fn an_order_is_refunded_when_all_of_it_came_back() {
        let returned = |completed: bool, quantity: u32, date: &str| {
            json!({
                "returnId": 385, "completed": completed, "shipment": "83651-1", "orderId": 83651,
                "date": date, "comment": null,
                "products": [{ "returnLineId": 555, "productName": "Tröja", "quantity": quantity }],
            })
        };
        let change = |list: Vec<Value>| {
            let event = order(&answers(|_, returns| *returns = json!(list)));
            (event.change, event.at.unwrap().to_string())
        };
        let [one, two] = ["2026-07-05 08:00:00", "2026-07-06 08:00:00"];
        let completed = (Change::Completed, "2026-07-01T09:00:00Z".to_owned());
        assert_eq!(change(vec![returned(true, 1, one)]), completed);
        assert_eq!(change(vec![returned(true, 1, one), returned(false, 2, two)]), completed);
        assert_eq!(
            change(vec![returned(true, 2, two), returned(true, 1, one)]),
            (Change::Refunded, "2026-07-06T08:00:00Z".to_owned())
        );
    }

    #[test]
    fn what_is_missing_costs_no_more_than_itself() {
        let order = order(&answers(|order, _| {
            order["shipments"] = json!([]);
            order["products"] = json!([]);
            for field in ["billingEmail", "deliveryEmail", "orderDate", "grandTotalValue"] {
                order[field] = json!("");
            }
        }))
        .order;
        assert!(order.email.is_none() && order.items.is_empty());
        assert!(order.placed_at.is_none() && order.total.is_none());
        let other = answers(|order, _| order["orderId"] = json!("83652"));
        assert_eq!(answered(&other), Ok(Event::Ignored { reason: "order_not_found" }));
        let unknown = [json!({ "status": "no", "msg": "?" }), json!({ "status": "no" })];
        assert_eq!(answered(&unknown), Ok(Event::Ignored { reason: "order_not_found" }));
    }

    #[test]
    fn an_answer_of_another_form_is_an_error_that_says_where() {
        let error = answered(&answers(|order, _| order["billingEmail"] = json!({}))).unwrap_err();
        assert_eq!(error.path, "orders[0].billingEmail");
        let error =
            answered(&answers(|_, returns| *returns = json!([{ "date": {} }]))).unwrap_err();
        assert_eq!(error.path, "returns[0].date");
    }
}
