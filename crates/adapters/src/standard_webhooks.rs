//! Standard Webhooks 1.0: the door for every shop without an adapter of its own.
//!
//! The body is `{"type": "order.completed", "timestamp": …, "data": {…}}`. `type` is one of
//! `order.completed`, `order.fulfilled`, `order.delivered`, `order.cancelled` and `order.refunded`;
//! `data` is an order as in [`Data`]. All of an order that is fulfilled was sent; how far one is that
//! is completed, its `fulfilment` may say. Facts: <https://www.standardwebhooks.com>.

use adapter_api::{
    Adapter as ShopAdapter, Event, KeyForm, Meta, ParseError, Sample, Scheme, Signature, Verified,
    json::{self, Amount, Flag, Id, Instant, Text, Texts},
};
use domain::{Change, Consent, EmailAddress, Fulfilment, Item, Money, Order, OrderEvent};
use serde::{Deserialize, Deserializer, de};
use serde_json::{json, value::RawValue};

static META: Meta = Meta {
    id: "standard_webhooks",
    title: "Standard Webhooks",
    docs_url: "https://www.standardwebhooks.com",
};

pub(crate) struct Adapter;

#[derive(Deserialize)]
struct Envelope<'a> {
    r#type: String,
    #[serde(default)]
    timestamp: Instant,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// An order. Only `id` is required; without `email` nobody can be invited.
#[derive(Deserialize)]
struct Data {
    id: Id,
    #[serde(default)]
    number: Text,
    #[serde(default)]
    email: Text,
    #[serde(default)]
    name: Text,
    #[serde(default)]
    locale: Text,
    #[serde(default)]
    country: Text,
    #[serde(default)]
    region: Text,
    #[serde(default)]
    placed_at: Instant,
    #[serde(default)]
    ask_at: Instant,
    #[serde(default)]
    fulfilment: Option<Fulfilment>,
    #[serde(default)]
    tags: Texts,
    #[serde(default)]
    business: Flag,
    #[serde(default)]
    total: Option<Total>,
    #[serde(default)]
    marketing_consent: MarketingConsent,
    #[serde(default)]
    items: Vec<DataItem>,
    #[serde(default)]
    test: bool,
}

/// A yes or no, or an object that also says when and how the buyer said so.
#[derive(Default)]
struct MarketingConsent(Option<Consent>);

impl<'de> Deserialize<'de> for MarketingConsent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Whole {
            #[serde(default)]
            given: Flag,
            #[serde(default)]
            at: Instant,
            #[serde(default)]
            text: Text,
        }
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        let whole = if raw.starts_with('{') {
            serde_json::from_str(raw).map_err(de::Error::custom)?
        } else {
            let given = serde_json::from_str(raw).map_err(de::Error::custom)?;
            Whole { given, at: Instant::default(), text: Text::default() }
        };
        let consent = whole.given.0.map(|given| Consent {
            at: whole.at.0,
            text: whole.text.0,
            ..Consent::stated(given, "marketing_consent")
        });
        Ok(Self(consent))
    }
}

#[derive(Deserialize)]
struct Total {
    #[serde(default)]
    amount: Amount,
    #[serde(default)]
    currency: Text,
}

#[derive(Deserialize)]
struct DataItem {
    name: String,
    #[serde(default)]
    sku: Text,
    #[serde(default)]
    gtin: Text,
    #[serde(default)]
    categories: Texts,
    #[serde(default)]
    url: Text,
    #[serde(default)]
    image: Text,
}

impl ShopAdapter for Adapter {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn scheme(&self) -> Scheme<'_> {
        Scheme::WholeBody(Signature::StandardWebhooks { key: KeyForm::StandardWebhooks })
    }

    fn event_id<'a>(&self, request: &Verified<'a>) -> Option<&'a str> {
        request.header("webhook-id")
    }

    fn parse(&self, request: &Verified<'_>) -> Result<Vec<Event>, ParseError> {
        let envelope: Envelope<'_> = json::from_slice(request.body())?;
        let (change, reached) = match envelope.r#type.as_str() {
            "order.completed" => (Change::Completed, Fulfilment::Unknown),
            "order.fulfilled" => (Change::Completed, Fulfilment::Shipped),
            "order.delivered" => (Change::Completed, Fulfilment::Delivered),
            "order.cancelled" => (Change::Cancelled, Fulfilment::Unknown),
            "order.refunded" => (Change::Refunded, Fulfilment::Unknown),
            _ => return Ok(vec![Event::Ignored { reason: "type_not_used" }]),
        };
        let order = Order::from(json::from_raw::<Data>(envelope.data, "data")?);
        let order = Order { fulfilment: order.fulfilment.max(reached), ..order };
        Ok(vec![Event::Order(OrderEvent { change, at: envelope.timestamp.0, order })])
    }

    fn sample(&self, event: &OrderEvent) -> Sample {
        let order = &event.order;
        let body = json!({
            "type": format!("order.{}", event.change.as_str()),
            "timestamp": event.at,
            "data": {
                "id": order.reference,
                "number": order.number,
                "email": order.email,
                "name": order.name,
                "locale": order.locale,
                "country": order.country,
                "region": order.region,
                "placed_at": order.placed_at,
                "ask_at": order.ask_at,
                "fulfilment": order.fulfilment,
                "tags": order.tags,
                "business": order.business,
                "total": order.total,
                "marketing_consent": order.marketing_consent.as_ref().map(|consent| {
                    json!({ "given": consent.is_given(), "at": consent.at, "text": consent.text })
                }),
                "test": order.test,
                "items": order.items,
            },
        });
        Sample {
            headers: vec![("content-type", "application/json".into())],
            body: body.to_string().into_bytes(),
        }
    }
}

impl From<Data> for Order {
    fn from(data: Data) -> Self {
        Self {
            reference: data.id.0,
            number: data.number.0,
            email: data.email.0.and_then(|email| EmailAddress::parse(&email).ok()),
            name: data.name.0,
            locale: data.locale.0,
            country: data.country.0,
            region: data.region.0,
            items: data
                .items
                .into_iter()
                .map(|item| Item {
                    name: item.name,
                    sku: item.sku.0,
                    gtin: item.gtin.0,
                    categories: item.categories.0,
                    url: item.url.0,
                    image: item.image.0,
                })
                .collect(),
            total: data.total.and_then(|it| Money::new(it.amount.0, it.currency.0.as_deref())),
            marketing_consent: data.marketing_consent.0,
            placed_at: data.placed_at.0,
            ask_at: data.ask_at.0,
            fulfilment: data.fulfilment.unwrap_or_default(),
            tags: data.tags.0,
            business: data.business.0 == Some(true),
            test: data.test,
        }
    }
}
