//! Lightspeed eCom (C-Series): the webhooks of the group `orders`.
//!
//! What Lightspeed sends as `x-signature` is, as its community has it, `md5(body + secret)`. That is
//! not proof enough: collisions of MD5 are cheap (RFC 6151), two bodies that collide have the same
//! signature, and Lightspeed itself promises none of it. So the secret stands in the address, and
//! the order is read from the API.
//!
//! An order is completed when its status says so: shipped, picked up (the buyer has it), or completed
//! otherwise, which says nothing of how far it is. `shipmentStatus` is not read: a recorded order that
//! was shipped has `not_shipped` there. An order is
//! refunded when all of its products came back or were refunded.
//!
//! Not confirmed: all of it, as the documentation could not be read. It was taken from the clients
//! that others wrote against the live API (the statuses, `orders/{id}.json` and its
//! `products.json`, the webhook's body, `false` for what is not there), and the rate from memory:
//! 300 requests in five minutes. The order does not name its currency, so no total is read.

use std::num::NonZeroU32;

use adapter_api::{
    Access, Adapter as ShopAdapter, ApiRequest, Event, Meta, Notice, ParseError, Sample, Scheme,
    Source, Verified,
    json::{self, Amount, Flag, Id, Instant, Text},
};
use domain::{Change, Consent, EmailAddress, Fulfilment, Item, Order, OrderEvent};
use serde::{Deserialize, Deserializer};
use serde_json::{json, value::RawValue};

static META: Meta = Meta {
    id: "lightspeed_ecom",
    title: "Lightspeed eCom (C-Series)",
    docs_url: "https://developers.lightspeedhq.com/ecom/endpoints/webhook/",
};

pub(crate) struct Adapter;

struct Api;

/// A webhook, of the group `orders` or another one.
#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    order: Option<Pointer>,
}

/// An order, of which the API knows the rest.
#[derive(Deserialize)]
struct Pointer {
    id: Id,
}

#[derive(Deserialize)]
struct OrderAnswer {
    order: ShopOrder,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ShopOrder {
    id: Id,
    #[serde(default)]
    number: Text,
    #[serde(default)]
    status: Text,
    #[serde(default)]
    email: Text,
    #[serde(default)]
    firstname: Text,
    #[serde(default)]
    middlename: Text,
    #[serde(default)]
    lastname: Text,
    #[serde(default)]
    is_company: Flag,
    #[serde(default)]
    newsletter_subscribed: Flag,
    #[serde(default, deserialize_with = "object")]
    language: Option<Language>,
    #[serde(default, deserialize_with = "object")]
    address_shipping_country: Option<Country>,
    #[serde(default, deserialize_with = "object")]
    address_billing_country: Option<Country>,
    #[serde(default)]
    created_at: Instant,
    #[serde(default)]
    updated_at: Instant,
}

#[derive(Deserialize)]
struct Language {
    #[serde(default)]
    locale: Text,
    #[serde(default)]
    code: Text,
}

#[derive(Deserialize)]
struct Country {
    #[serde(default)]
    code: Text,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProductsAnswer {
    order_products: Vec<OrderLine>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrderLine {
    #[serde(default)]
    product_title: Text,
    #[serde(default)]
    article_code: Text,
    #[serde(default)]
    sku: Text,
    #[serde(default)]
    ean: Text,
    #[serde(default)]
    quantity_ordered: Amount,
    #[serde(default)]
    quantity_refunded: Amount,
    #[serde(default)]
    quantity_returned: Amount,
}

/// An object; what is none, such as `false`, is not there.
fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Ok(serde_json::from_str(<&RawValue>::deserialize(deserializer)?.get()).ok())
}

impl ShopAdapter for Adapter {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn scheme(&self) -> Scheme<'_> {
        Scheme::AddressSecret
    }

    fn parse(&self, request: &Verified<'_>) -> Result<Vec<Event>, ParseError> {
        let Body { order } = json::from_slice(request.body())?;
        Ok(vec![match order {
            Some(Pointer { id }) => Event::Notice(Notice { reference: id.0, told: None }),
            None => Event::Ignored { reason: "event_not_used" },
        }])
    }

    fn source(&self) -> Option<&'static dyn Source> {
        Some(&Api)
    }

    fn sample(&self, event: &OrderEvent) -> Sample {
        Sample {
            headers: vec![
                ("content-type", "application/json".into()),
                ("x-signature", "d41d8cd98f00b204e9800998ecf8427e".into()),
            ],
            body: order(event).to_string().into_bytes(),
        }
    }
}

impl Source for Api {
    /// There is one for each cluster and language.
    fn url(&self) -> Option<&'static str> {
        None
    }

    fn requests_per_second(&self) -> NonZeroU32 {
        NonZeroU32::MIN
    }

    fn requests(&self, reference: &str, access: &Access<'_>) -> Vec<ApiRequest> {
        let get = |segments: &[&str]| {
            let mut request = ApiRequest::get(segments).basic_auth(access.account, access.token);
            request.path += ".json";
            request
        };
        vec![get(&["orders", reference]), get(&["orders", reference, "products"])]
    }

    fn parse(&self, _reference: &str, answers: &[Vec<u8>]) -> Result<Vec<Event>, ParseError> {
        let answer = |index: usize| answers.get(index).map(Vec::as_slice).unwrap_or_default();
        let OrderAnswer { order } = json::from_slice(answer(0))?;
        let ProductsAnswer { order_products } = json::from_slice(answer(1))?;
        Ok(vec![order.event(order_products)])
    }

    fn sample(&self, event: &OrderEvent) -> Vec<Vec<u8>> {
        let refunded = u32::from(event.change == Change::Refunded);
        let products = event.order.items.iter().map(|item| {
            json!({
                "productTitle": item.name, "variantTitle": "", "articleCode": item.sku, "sku": "",
                "ean": item.gtin, "quantityOrdered": 1, "quantityRefunded": refunded,
                "quantityReturned": 0, "priceIncl": 11.99,
            })
        });
        let products = json!({ "orderProducts": products.collect::<Vec<_>>() });
        [order(event), products].map(|answer| answer.to_string().into_bytes()).into()
    }
}

fn order(event: &OrderEvent) -> serde_json::Value {
    let OrderEvent { change, at, order } = event;
    let (first, last) = adapter_api::first_and_last(order.name.as_deref());
    let status = match (change, order.fulfilment) {
        (Change::Cancelled, _) => "cancelled",
        (_, Fulfilment::Unknown) => "completed",
        (_, Fulfilment::Partial | Fulfilment::Shipped) => "completed_shipped",
        (_, Fulfilment::Delivered) => "completed_picked_up",
    };
    json!({ "order": {
        "id": order.reference.parse::<u64>().map_or(json!(order.reference), |id| json!(id)),
        "createdAt": order.placed_at,
        "updatedAt": at,
        "number": order.number,
        "status": status,
        "channel": "main",
        "priceIncl": 11.99,
        "email": order.email,
        "firstname": first,
        "middlename": "",
        "lastname": last,
        "newsletterSubscribed": order.marketing_consent.as_ref().is_some_and(Consent::is_given),
        "isCompany": order.business,
        "addressShippingCompany": false,
        "addressShippingCountry": { "code": order.country },
        "paymentStatus": "paid",
        "shipmentStatus": "shipped",
        "language": { "locale": order.locale },
    } })
}

impl OrderLine {
    fn came_back(&self) -> bool {
        let back = [self.quantity_refunded.0, self.quantity_returned.0].into_iter().flatten().max();
        let ordered = self.quantity_ordered.0.filter(|ordered| !ordered.is_zero());
        ordered.is_some() && ordered <= back
    }
}

impl ShopOrder {
    fn event(self, products: Vec<OrderLine>) -> Event {
        let (change, fulfilment) = match self.status.0.as_deref() {
            Some("cancelled") => (Change::Cancelled, Fulfilment::Unknown),
            _ if !products.is_empty() && products.iter().all(OrderLine::came_back) => {
                (Change::Refunded, Fulfilment::Unknown)
            }
            Some("completed") => (Change::Completed, Fulfilment::Unknown),
            Some("completed_shipped") => (Change::Completed, Fulfilment::Shipped),
            Some("completed_picked_up") => (Change::Completed, Fulfilment::Delivered),
            _ => return Event::Ignored { reason: "order_not_completed" },
        };
        let country = self.address_shipping_country.or(self.address_billing_country);
        Event::Order(OrderEvent {
            change,
            at: self.updated_at.0,
            order: Order {
                reference: self.id.0,
                number: self.number.0,
                email: self.email.0.and_then(|email| EmailAddress::parse(&email).ok()),
                name: Text::joined([self.firstname, self.middlename, self.lastname]),
                locale: self.language.and_then(|it| it.locale.0.or(it.code.0)),
                country: country.and_then(|country| country.code.0),
                items: products
                    .into_iter()
                    .map(|product| Item {
                        name: product.product_title.0.unwrap_or_default(),
                        sku: product.sku.0.or(product.article_code.0),
                        gtin: product.ean.0,
                        ..Item::default()
                    })
                    .collect(),
                total: None,
                marketing_consent: self
                    .newsletter_subscribed
                    .0
                    .map(|it| Consent::ticked(it, "newsletterSubscribed")),
                placed_at: self.created_at.0,
                fulfilment,
                business: self.is_company.0 == Some(true),
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

    /// What the API answers about an order and its products, which `change` has changed.
    fn answers(change: impl FnOnce(&mut Value, &mut Value)) -> [Value; 2] {
        let country = json!({ "id": 209, "code": "se", "code3": "swe", "title": "Sweden" });
        let mut order = json!({
            "id": 315_967_958,
            "createdAt": "2026-06-28T10:00:00+02:00",
            "updatedAt": "2026-07-01T11:00:00+02:00",
            "number": "ORD01042",
            "status": "completed_shipped",
            "customStatusId": null,
            "channel": "main",
            "referralId": false,
            "priceCost": 1.25,
            "priceExcl": 143.2,
            "priceIncl": 179,
            "gender": false,
            "email": "asa.lind@example.com",
            "firstname": "Åsa",
            "middlename": "",
            "lastname": "Lind",
            "newsletterSubscribed": true,
            "isCompany": true,
            "companyName": "Lind AB",
            "addressBillingCountry": country,
            "addressShippingCompany": false,
            "addressShippingCountry": country,
            "paymentStatus": "paid",
            "shipmentId": "core|85518|424529",
            "shipmentStatus": "shipped",
            "shippingDate": null,
            "language": { "id": 13, "code": "sv", "locale": "sv_SE", "title": "Svenska" },
            "customer": { "resource": { "id": 226_983_112, "url": "customers/226983112" } },
        });
        let mut products = json!([
            {
                "id": 1, "supplierTitle": "", "brandTitle": "Rosteriet", "productTitle": "Kaffe",
                "variantTitle": "250 g", "quantityOrdered": 2, "quantityRefunded": 0,
                "quantityReturned": 0, "articleCode": "K-1", "ean": "7310865004703", "sku": "",
                "weight": null, "customFields": false,
            },
            {
                "id": 2, "productTitle": "Te", "quantityOrdered": 1, "quantityRefunded": 0,
                "quantityReturned": 0, "articleCode": "", "ean": "", "sku": "T-1",
            },
        ]);
        change(&mut order, &mut products);
        [json!({ "order": order }), json!({ "orderProducts": products })]
    }

    fn read(answers: &[Value; 2]) -> Result<Event, ParseError> {
        let answers = answers.each_ref().map(|answer| answer.to_string().into_bytes());
        let [event] = Source::parse(&Api, "315967958", &answers)?.try_into().unwrap();
        Ok(event)
    }

    fn order(answers: &[Value; 2]) -> OrderEvent {
        match read(answers) {
            Ok(Event::Order(event)) => event,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_order_is_read_with_its_products() {
        let access = Access { account: "key", token: "secret" };
        let requests = Api.requests("315967958", &access);
        let paths: Vec<_> = requests.iter().map(|request| request.path.as_str()).collect();
        assert_eq!(paths, ["/orders/315967958.json", "/orders/315967958/products.json"]);
        let credentials = ("authorization", "Basic a2V5OnNlY3JldA==".to_owned());
        assert!(requests.iter().all(|request| request.headers.contains(&credentials)));

        let event = order(&answers(|_, _| {}));
        assert_eq!(event.change, Change::Completed);
        assert_eq!(event.at, "2026-07-01T09:00:00Z".parse().ok());
        let order = event.order;
        assert_eq!(order.reference, "315967958");
        assert_eq!(order.number.as_deref(), Some("ORD01042"));
        assert_eq!(order.email, EmailAddress::parse("asa.lind@example.com").ok());
        assert_eq!(order.name.as_deref(), Some("Åsa Lind"));
        assert_eq!(order.locale.as_deref(), Some("sv_SE"));
        assert_eq!(order.country.as_deref(), Some("se"));
        assert_eq!(order.marketing_consent, Some(Consent::ticked(true, "newsletterSubscribed")));
        assert_eq!((order.fulfilment, order.business), (Fulfilment::Shipped, true));
        let [coffee, tea] = &order.items[..] else { panic!("{:?}", order.items) };
        assert_eq!((coffee.name.as_str(), coffee.sku.as_deref()), ("Kaffe", Some("K-1")));
        assert_eq!(coffee.gtin.as_deref(), Some("7310865004703"));
        assert_eq!((tea.name.as_str(), tea.sku.as_deref()), ("Te", Some("T-1")));
    }

    #[test]
    fn an_order_counts_as_what_its_status_says() {
        let status = |status: &str| read(&answers(|order, _| order["status"] = json!(status)));
        let change = |event| match event {
            Ok(Event::Order(event)) => Some(event.change),
            Ok(Event::Ignored { reason: "order_not_completed" }) => None,
            other => panic!("{other:?}"),
        };
        for done in ["completed", "completed_shipped", "completed_picked_up"] {
            assert_eq!(change(status(done)), Some(Change::Completed), "{done}");
        }
        assert_eq!(change(status("cancelled")), Some(Change::Cancelled));
        for open in ["new", "on_hold", "processing_awaiting_shipment", ""] {
            assert_eq!(change(status(open)), None, "{open}");
        }
    }

    #[test]
    fn an_order_is_refunded_when_all_of_it_came_back() {
        let change = |coffee: u32, tea: u32| {
            order(&answers(|_, products| {
                products[0]["quantityReturned"] = json!(coffee);
                products[0]["quantityRefunded"] = json!(coffee);
                products[1]["quantityRefunded"] = json!(tea);
            }))
            .change
        };
        assert_eq!(change(2, 1), Change::Refunded);
        assert_eq!(change(2, 0), Change::Completed);
        assert_eq!(change(1, 1), Change::Completed);
    }

    #[test]
    fn what_is_missing_costs_no_more_than_itself() {
        let order = order(&answers(|order, products| {
            for field in ["email", "firstname", "lastname", "language", "newsletterSubscribed"] {
                order[field] = json!(false);
            }
            order["addressShippingCountry"] = json!(false);
            *products = json!([]);
        }))
        .order;
        assert!(order.email.is_none() && order.name.is_none() && order.locale.is_none());
        assert_eq!(order.country.as_deref(), Some("se"));
        assert!(order.items.is_empty());
    }

    #[test]
    fn an_answer_of_another_form_is_an_error_that_says_where() {
        let error = read(&answers(|order, _| order["email"] = json!({}))).unwrap_err();
        assert_eq!(error.path, "order.email");
        let error = read(&answers(|_, products| products[1]["ean"] = json!([]))).unwrap_err();
        assert_eq!(error.path, "orderProducts[1].ean");
    }
}
