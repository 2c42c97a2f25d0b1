//! Skeleton: say here which webhooks are read, and when an order counts as completed.
//!
//! Documented: say which facts, and where.
//!
//! Not confirmed: all of it. What follows is made up.

use adapter_api::{
    Adapter as ShopAdapter, Encoding, Event, KeyForm, Meta, ParseError, Sample, Scheme, Signature,
    Verified,
    json::{self, Id, Instant, Text},
};
use domain::{Change, EmailAddress, Order, OrderEvent};
use serde::Deserialize;
use serde_json::json;

static META: Meta =
    Meta { id: "skeleton", title: "Skeleton", docs_url: "https://docs.example/webhooks" };

pub(crate) struct Adapter;

#[derive(Deserialize)]
struct Body {
    id: Id,
    #[serde(default)]
    status: Text,
    #[serde(default)]
    email: Text,
    #[serde(default)]
    name: Text,
    #[serde(default)]
    updated_at: Instant,
}

impl ShopAdapter for Adapter {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn scheme(&self) -> Scheme<'_> {
        Scheme::WholeBody(Signature::HmacSha256 {
            headers: &["x-signature"],
            encoding: Encoding::Hex,
            key: KeyForm::Raw,
        })
    }

    fn parse(&self, request: &Verified<'_>) -> Result<Vec<Event>, ParseError> {
        let body: Body = json::from_slice(request.body())?;
        let change = match body.status.0.as_deref() {
            Some("completed") => Change::Completed,
            Some("cancelled") => Change::Cancelled,
            Some("refunded") => Change::Refunded,
            _ => return Ok(vec![Event::Ignored { reason: "order_not_completed" }]),
        };
        let order = Order {
            reference: body.id.0,
            email: body.email.0.and_then(|email| EmailAddress::parse(&email).ok()),
            name: body.name.0,
            ..Order::default()
        };
        Ok(vec![Event::Order(OrderEvent { change, at: body.updated_at.0, order })])
    }

    fn sample(&self, event: &OrderEvent) -> Sample {
        let order = &event.order;
        let body = json!({
            "id": order.reference,
            "status": event.change.as_str(),
            "email": order.email,
            "name": order.name,
            "updated_at": event.at,
        });
        Sample {
            headers: vec![("content-type", "application/json".into())],
            body: body.to_string().into_bytes(),
        }
    }
}
