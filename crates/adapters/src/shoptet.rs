//! Shoptet: the webhooks `order:create`, `order:update` and `order:delete`.
//!
//! They name the order by its code and no more, so it is read from the API. It is completed in the
//! status *Vyřízena* (processed), which each e-shop has, and cancelled in *Stornována*. What an e-shop's
//! own statuses mean, nobody but the e-shop knows; nor does *Vyřízena* say that anything was sent. Shoptet has no refunds of orders: credit notes are
//! documents of their own.
//!
//! Documented (developers.shoptet.com): the signature and the payload (Webhooks), how a private token is
//! sent (Private API), what bounds the requests (Rate limiter); and in the description of the API
//! (api.docs.shoptet.com): the order (Order detail), that a code may have letters in it (Orders), the
//! events and the types of items (Code lists).
//!
//! Not confirmed: the ids of the two statuses, -3 and -4. The first is in answers that were published,
//! the second goes by the order of the statuses in the administration. The API does not say when an
//! order got its status, only when it was last changed. It marks no test orders, and tells no agreement
//! to marketing.

use std::num::NonZeroU32;

use adapter_api::{
    Access, Adapter as ShopAdapter, ApiRequest, Encoding, Event, KeyForm, Meta, Notice, ParseError,
    Sample, Scheme, Signature, Source as ShopSource, Verified,
    json::{self, Amount, Id, Instant, Text},
};
use domain::{Change, EmailAddress, Item, Money, Order, OrderEvent};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{json, value::RawValue};

static META: Meta = Meta {
    id: "shoptet",
    title: "Shoptet",
    docs_url: "https://developers.shoptet.com/api/documentation/webhooks/",
};

/// How much one costs, of the ten "drops" in each second, is known only afterwards.
const REQUESTS_PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);

const PROCESSED: &str = "-3";
const CANCELLED: &str = "-4";

pub(crate) struct Adapter;

struct Source;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    event: String,
    #[serde(default)]
    event_created: Instant,
    /// The code of the order; other events have other things here.
    #[serde(borrow)]
    event_instance: &'a RawValue,
}

#[derive(Deserialize)]
struct Answer {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    order: ApiOrder,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ApiOrder {
    code: Id,
    #[serde(default)]
    status: Option<Status>,
    #[serde(default)]
    creation_time: Instant,
    #[serde(default)]
    change_time: Instant,
    #[serde(default)]
    email: Text,
    #[serde(default)]
    language: Text,
    #[serde(default)]
    billing_address: Option<Address>,
    #[serde(default)]
    delivery_address: Option<Address>,
    #[serde(default)]
    price: Option<Price>,
    #[serde(default)]
    items: Option<Vec<OrderItem>>,
}

#[derive(Deserialize)]
struct Status {
    #[serde(default)]
    id: Text,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Address {
    #[serde(default)]
    company: Text,
    #[serde(default)]
    full_name: Text,
    #[serde(default)]
    country_code: Text,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Price {
    #[serde(default)]
    with_vat: Amount,
    #[serde(default)]
    currency_code: Text,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrderItem {
    #[serde(default)]
    item_type: Text,
    #[serde(default)]
    name: Text,
    #[serde(default)]
    code: Text,
    #[serde(default)]
    ean: Text,
}

impl ShopAdapter for Adapter {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn scheme(&self) -> Scheme<'_> {
        Scheme::WholeBody(Signature::HmacSha1 {
            header: "shoptet-webhook-signature",
            encoding: Encoding::Hex,
            key: KeyForm::Raw,
        })
    }

    fn parse(&self, request: &Verified<'_>) -> Result<Vec<Event>, ParseError> {
        let body: Body<'_> = json::from_slice(request.body())?;
        let deleted = match body.event.as_str() {
            "order:create" | "order:update" => false,
            "order:delete" => true,
            _ => return Ok(vec![Event::Ignored { reason: "event_not_used" }]),
        };
        let Id(reference) = json::from_raw(body.event_instance, "eventInstance")?;
        let told = deleted.then(|| OrderEvent {
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
        let body = json!({
            "eshopId": 222_651,
            "event": "order:update",
            "eventCreated": event.at.map(with_offset),
            "eventInstance": event.order.reference,
        });
        Sample {
            headers: vec![("content-type", "application/json".into())],
            body: body.to_string().into_bytes(),
        }
    }
}

impl ShopSource for Source {
    fn url(&self) -> Option<&'static str> {
        Some("https://api.myshoptet.com")
    }

    fn requests_per_second(&self) -> NonZeroU32 {
        REQUESTS_PER_SECOND
    }

    fn requests(&self, reference: &str, access: &Access<'_>) -> Vec<ApiRequest> {
        let request = ApiRequest::get(&["api", "orders", reference])
            .header("shoptet-private-api-token", access.token)
            // Asked for although a GET has no content: it names the version of the API.
            .header("content-type", "application/vnd.shoptet.v1.0");
        vec![request]
    }

    fn parse(&self, _reference: &str, answers: &[Vec<u8>]) -> Result<Vec<Event>, ParseError> {
        let answer = answers.first().map(Vec::as_slice).unwrap_or_default();
        let Answer { data: Data { order } } = json::from_slice(answer)?;
        let change = match order.status.as_ref().and_then(|status| status.id.0.as_deref()) {
            Some(PROCESSED) => Change::Completed,
            Some(CANCELLED) => Change::Cancelled,
            _ => return Ok(vec![Event::Ignored { reason: "order_not_completed" }]),
        };
        let at = order.change_time.0;
        Ok(vec![Event::Order(OrderEvent { change, at, order: order.into() })])
    }

    fn sample(&self, event: &OrderEvent) -> Vec<Vec<u8>> {
        let order = &event.order;
        let status = match event.change {
            Change::Completed => json!({ "id": -3, "name": "Vyřízena" }),
            Change::Cancelled | Change::Refunded => json!({ "id": -4, "name": "Stornována" }),
        };
        let total = order.total.as_ref();
        let answer = json!({
            "data": { "order": {
                "code": order.reference,
                "creationTime": order.placed_at.map(with_offset),
                "changeTime": event.at.map(with_offset),
                "email": order.email,
                "language": order.locale,
                "billingAddress": {
                    "company": order.business.then_some("Sample s.r.o."),
                    "fullName": order.name, "countryCode": order.country,
                },
                "status": status,
                "price": {
                    "withVat": total.map(|total| total.amount),
                    "currencyCode": total.map(|total| &total.currency),
                },
                "items": order.items.iter().map(|item| json!({
                    "itemType": "product", "name": item.name, "code": item.sku, "ean": item.gtin,
                    "amount": 1.0,
                })).collect::<Vec<_>>(),
            } },
            "errors": null,
        });
        vec![answer.to_string().into_bytes()]
    }
}

impl From<ApiOrder> for Order {
    fn from(order: ApiOrder) -> Self {
        let address = order.billing_address.or(order.delivery_address).unwrap_or_default();
        let items = order.items.unwrap_or_default().into_iter();
        let price = order.price;
        Self {
            number: Some(order.code.0.clone()),
            reference: order.code.0,
            email: order.email.0.and_then(|email| EmailAddress::parse(&email).ok()),
            name: address.full_name.0,
            locale: order.language.0,
            country: address.country_code.0,
            items: items.filter(OrderItem::is_product).map(Item::from).collect(),
            total: price
                .and_then(|price| Money::new(price.with_vat.0, price.currency_code.0.as_deref())),
            marketing_consent: None,
            placed_at: order.creation_time.0,
            business: address.company.0.is_some(),
            test: false,
            ..Order::default()
        }
    }
}

impl OrderItem {
    /// Shipping, payment, discounts and gifts are items, too.
    fn is_product(&self) -> bool {
        matches!(
            self.item_type.0.as_deref(),
            None | Some("product" | "bazar" | "service" | "product-set" | "gift-certificate")
        )
    }
}

impl From<OrderItem> for Item {
    fn from(item: OrderItem) -> Self {
        Self {
            name: item.name.0.unwrap_or_default(),
            sku: item.code.0,
            gtin: item.ean.0,
            ..Self::default()
        }
    }
}

/// As Shoptet writes instants.
fn with_offset(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S+0000").to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// What the API answers about an order that was processed.
    fn order() -> Value {
        json!({
            "code": "126020373",
            "guid": "01a0c541-3e64-72b6-aa40-1be99e651226",
            "externalCode": null,
            "customerGuid": null,
            "email": "  asa.lind@example.com ",
            "phone": null,
            "creationTime": "2026-06-28T10:00:11+0200",
            "changeTime": "2026-07-01T11:00:00+0200",
            "cashDeskOrder": false,
            "stockId": 1,
            "paid": true,
            "language": "cs",
            "billingAddress": {
                "company": null, "fullName": "Åsa Lind", "street": "Storgatan 1", "city": "Brno",
                "zip": "602 00", "countryCode": "CZ",
            },
            "deliveryAddress": null,
            "price": {
                "vat": "104.15", "toPay": "600.00", "currencyCode": "CZK", "withVat": "600.00",
                "withoutVat": "495.85", "exchangeRate": "1.00000000",
            },
            "status": { "id": -3, "name": "Vyřízena" },
            "paymentMethod": { "guid": "d538520e-e920-11e0-baa3-7dc668b75ca8", "name": "Dobírkou" },
            "shipping": null,
            "items": [
                { "itemType": "product", "productType": "product", "name": "Káva",
                  "variantName": "250 g", "ean": "8594001021512", "code": "KAVA-250",
                  "amount": 2.0, "amountUnit": "ks",
                  "itemPrice": { "withVat": "700.00", "vatRate": "21.00" } },
                { "itemType": "product-set", "name": "Dárková sada", "code": "SADA", "ean": null },
                { "itemType": "shipping", "name": "Zásilkovna", "code": null },
                { "itemType": "billing", "name": "Dobírkou", "code": null },
                { "itemType": "discount-coupon", "name": "Sleva", "code": null },
            ],
            "completion": [],
        })
    }

    /// The order with one of its members changed.
    fn with(member: &str, value: Value) -> Value {
        let mut order = order();
        order[member] = value;
        order
    }

    fn answered(order: &Value) -> Result<Event, ParseError> {
        let answer = json!({ "data": { "order": order }, "errors": null, "metadata": {} });
        let answers = [answer.to_string().into_bytes()];
        Source.parse("126020373", &answers).map(|mut events| events.remove(0))
    }

    fn told(order: &Value) -> OrderEvent {
        match answered(order).unwrap() {
            Event::Order(event) => event,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_order_that_was_processed_is_completed_with_all_that_is_known() {
        let event = told(&order());
        assert_eq!(event.change, Change::Completed);
        assert_eq!(event.at.unwrap().to_string(), "2026-07-01T09:00:00Z");
        let order = event.order;
        assert_eq!(order.reference, "126020373");
        assert_eq!(order.number.as_deref(), Some("126020373"));
        assert_eq!(order.email, EmailAddress::parse("asa.lind@example.com").ok());
        assert_eq!(order.name.as_deref(), Some("Åsa Lind"));
        assert_eq!((order.locale.as_deref(), order.country.as_deref()), (Some("cs"), Some("CZ")));
        let total = order.total.unwrap();
        assert_eq!((total.amount.to_string().as_str(), total.currency.as_str()), ("600.00", "CZK"));
        assert_eq!((order.marketing_consent, order.test), (None, false));
        assert_eq!(order.placed_at.unwrap().to_string(), "2026-06-28T08:00:11Z");
        let [coffee, set] = &order.items[..] else { panic!("{:?}", order.items) };
        assert_eq!((coffee.name.as_str(), coffee.sku.as_deref()), ("Káva", Some("KAVA-250")));
        assert_eq!(coffee.gtin.as_deref(), Some("8594001021512"));
        assert_eq!((set.name.as_str(), &set.gtin), ("Dárková sada", &None));
    }

    #[test]
    fn a_company_in_the_address_is_one() {
        let mut order = order();
        assert!(!told(&order).order.business);
        order["billingAddress"]["company"] = json!("Lind s.r.o.");
        assert!(told(&order).order.business);
    }

    #[test]
    fn the_status_says_what_happened_and_its_name_does_not() {
        let status = |id: i64| with("status", json!({ "id": id, "name": "Vyřízena" }));
        assert_eq!(told(&status(-4)).change, Change::Cancelled);
        let ignored = Event::Ignored { reason: "order_not_completed" };
        // Not processed, being processed, and one of the e-shop's own.
        for id in [-1, -2, 70] {
            assert_eq!(answered(&status(id)).unwrap(), ignored, "{id}");
        }
        assert_eq!(answered(&with("status", json!(null))).unwrap(), ignored);
    }

    #[test]
    fn what_is_missing_costs_that_detail_only() {
        let event = told(&json!({ "code": "A-1", "status": { "id": -3 } }));
        let order =
            Order { reference: "A-1".into(), number: Some("A-1".into()), ..Order::default() };
        assert_eq!(event, OrderEvent { change: Change::Completed, at: None, order });
        assert_eq!(told(&with("email", json!(null))).order.email, None, "sold over the counter");
    }

    #[test]
    fn an_answer_of_another_shape_is_told_with_its_place() {
        let path = |order: Value| answered(&order).unwrap_err().path;
        assert_eq!(path(with("changeTime", json!("yesterday"))), "data.order.changeTime");
        assert_eq!(path(with("items", json!([{ "name": [] }]))), "data.order.items[0].name");
        assert_eq!(path(json!(null)), "data.order");
        let refused = br#"{ "data": null, "errors": [{ "errorCode": "x" }] }"#.to_vec();
        assert_eq!(Source.parse("1", &[refused]).unwrap_err().path, "data");
        assert!(Source.parse("1", &[]).is_err());
    }

    #[test]
    fn the_order_is_asked_for_with_the_private_token() {
        let access = Access { account: "", token: "secret" };
        let [request] = &Source.requests("2026/A-1", &access)[..] else { panic!() };
        assert_eq!(request.path, "/api/orders/2026%2FA-1");
        assert!(request.headers.contains(&("shoptet-private-api-token", "secret".into())));
    }
}
