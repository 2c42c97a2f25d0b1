//! Saleor: the asynchronous webhooks `ORDER_FULFILLED`, `ORDER_CANCELLED`, `ORDER_EXPIRED` and
//! `ORDER_FULLY_REFUNDED`, with the subscription query on the page `docs/adapters/saleor.md`.
//!
//! The body is what the query asks for. So it says what happened, as `__typename`; the event's name
//! in a header is not signed.
//!
//! The secret is the shop's key set, the one line at `https://<shop>/.well-known/jwks.json`. It is
//! never fetched from where a request says; after a change of keys, both sets can be configured.
//!
//! Documented (docs.saleor.io): the signature (developer/extending/webhooks/payload-signature), the
//! events and the fields of events and orders (api-reference). In Saleor's source: that a delivery
//! which is answered with 3xx or 4xx is not repeated. Saleor has no test orders, and no field for a
//! GTIN, a product's page, tags or consent to marketing.
//!
//! An order is fulfilled when all of it was sent (developer/order/order-fulfillment); that it arrived,
//! Saleor does not tell. A buyer with a company in the billing address counts as one.

use adapter_api::{
    Adapter as ShopAdapter, Event, Meta, ParseError, Sample, Scheme, Signature, Verified,
    first_and_last,
    json::{self, Amount, Id, Instant, Text},
};
use domain::{Change, EmailAddress, Fulfilment, Item, Money, Order, OrderEvent};
use serde::Deserialize;
use serde_json::{Number, json};

static META: Meta = Meta {
    id: "saleor",
    title: "Saleor",
    docs_url: "https://docs.saleor.io/developer/extending/webhooks/overview",
};

const OTHER_QUERY: Event = Event::Alert {
    reason: "the webhook's subscription query does not ask for what happened to which order: put \
             the query of docs/adapters/saleor.md in its place",
};

pub(crate) struct Adapter;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    #[serde(default, rename = "__typename")]
    typename: Text,
    #[serde(default)]
    issued_at: Instant,
    #[serde(default)]
    order: Option<SaleorOrder>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SaleorOrder {
    id: Id,
    #[serde(default)]
    number: Text,
    #[serde(default)]
    created: Instant,
    #[serde(default)]
    user_email: Text,
    #[serde(default)]
    language_code_enum: Text,
    #[serde(default)]
    total: Option<TaxedMoney>,
    #[serde(default)]
    billing_address: Option<Address>,
    #[serde(default)]
    lines: Option<Vec<Line>>,
}

#[derive(Deserialize)]
struct TaxedMoney {
    #[serde(default)]
    gross: Option<Gross>,
}

#[derive(Deserialize)]
struct Gross {
    #[serde(default)]
    amount: Amount,
    #[serde(default)]
    currency: Text,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Address {
    #[serde(default)]
    first_name: Text,
    #[serde(default)]
    last_name: Text,
    #[serde(default)]
    company_name: Text,
    #[serde(default)]
    country: Option<Country>,
    #[serde(default)]
    country_area: Text,
}

#[derive(Deserialize)]
struct Country {
    #[serde(default)]
    code: Text,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    #[serde(default)]
    product_name: Text,
    #[serde(default)]
    product_sku: Text,
    #[serde(default)]
    thumbnail: Option<Image>,
    /// Gone with the product.
    #[serde(default)]
    variant: Option<Variant>,
}

#[derive(Deserialize)]
struct Variant {
    #[serde(default)]
    product: Option<Product>,
}

#[derive(Deserialize)]
struct Product {
    #[serde(default)]
    category: Option<Category>,
}

#[derive(Deserialize)]
struct Category {
    #[serde(default)]
    name: Text,
}

#[derive(Deserialize)]
struct Image {
    #[serde(default)]
    url: Text,
}

impl ShopAdapter for Adapter {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn scheme(&self) -> Scheme<'_> {
        // The `X-` goes with Saleor 4.
        Scheme::WholeBody(Signature::DetachedJws {
            headers: &["saleor-signature", "x-saleor-signature"],
        })
    }

    fn parse(&self, request: &Verified<'_>) -> Result<Vec<Event>, ParseError> {
        let body: Body = json::from_slice(request.body())?;
        let (change, fulfilment) = match body.typename.0.as_deref() {
            Some("OrderFulfilled") => (Change::Completed, Fulfilment::Shipped),
            Some("OrderCancelled" | "OrderExpired") => (Change::Cancelled, Fulfilment::Unknown),
            Some("OrderFullyRefunded") => (Change::Refunded, Fulfilment::Unknown),
            Some(_) => return Ok(vec![Event::Ignored { reason: "event_not_used" }]),
            None => return Ok(vec![OTHER_QUERY]),
        };
        let Some(order) = body.order else { return Ok(vec![OTHER_QUERY]) };
        let order = Order { fulfilment, ..order.into() };
        Ok(vec![Event::Order(OrderEvent { change, at: body.issued_at.0, order })])
    }

    fn sample(&self, event: &OrderEvent) -> Sample {
        let order = &event.order;
        let (first, last) = first_and_last(order.name.as_deref());
        let gross = order.total.as_ref().map(|total| {
            let amount = total.amount.to_string().parse::<Number>().ok();
            json!({ "amount": amount, "currency": total.currency })
        });
        let (typename, topic) = match event.change {
            Change::Completed => ("OrderFulfilled", "order_fulfilled"),
            Change::Cancelled => ("OrderCancelled", "order_cancelled"),
            Change::Refunded => ("OrderFullyRefunded", "order_fully_refunded"),
        };
        let body = json!({
            "__typename": typename,
            "issuedAt": event.at,
            "order": {
                "id": order.reference,
                "number": order.number,
                "created": order.placed_at,
                "userEmail": order.email,
                "languageCodeEnum": order.locale.as_ref().map(|locale| locale.to_uppercase()),
                "total": { "gross": gross },
                "billingAddress": {
                    "firstName": first, "lastName": last, "country": { "code": order.country },
                    "countryArea": order.region.as_deref().unwrap_or_default(),
                    "companyName": if order.business { "Sample AB" } else { "" },
                },
                "lines": order.items.iter().map(|item| json!({
                    "productName": item.name, "productSku": item.sku,
                    "thumbnail": item.image.as_ref().map(|url| json!({ "url": url })),
                    "variant": { "product": {
                        "category": item.categories.first().map(|name| json!({ "name": name })),
                    } },
                })).collect::<Vec<_>>(),
            },
        });
        Sample {
            headers: vec![
                ("content-type", "application/json".into()),
                ("saleor-event", topic.into()),
            ],
            body: body.to_string().into_bytes(),
        }
    }
}

impl From<SaleorOrder> for Order {
    fn from(order: SaleorOrder) -> Self {
        let address = order.billing_address.unwrap_or_default();
        let gross = order.total.and_then(|total| total.gross);
        Self {
            reference: order.id.0,
            number: order.number.0,
            email: order.user_email.0.and_then(|email| EmailAddress::parse(&email).ok()),
            name: Text::joined([address.first_name, address.last_name]),
            locale: order.language_code_enum.0,
            country: address.country.and_then(|country| country.code.0),
            region: address.country_area.0,
            items: order.lines.unwrap_or_default().into_iter().map(Item::from).collect(),
            total: gross.and_then(|it| Money::new(it.amount.0, it.currency.0.as_deref())),
            marketing_consent: None,
            placed_at: order.created.0,
            business: address.company_name.0.is_some(),
            test: false,
            ..Order::default()
        }
    }
}

impl From<Line> for Item {
    fn from(line: Line) -> Self {
        let category = line.variant.and_then(|variant| variant.product?.category?.name.0);
        Self {
            name: line.product_name.0.unwrap_or_default(),
            sku: line.product_sku.0,
            categories: category.into_iter().collect(),
            image: line.thumbnail.and_then(|image| image.url.0),
            ..Self::default()
        }
    }
}
