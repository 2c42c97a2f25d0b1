//! Stripe Checkout: `checkout.session.completed`, `checkout.session.async_payment_succeeded`,
//! `checkout.session.async_payment_failed` and `charge.refunded`.
//!
//! A session is an order, and it is completed when it is paid; some payment methods tell days later.
//! Its reference is the payment intent, which is all that a refund names; without one (nothing had
//! to be paid) it is the session's id. Stripe does not know when goods leave, so the delay before
//! the invitation has to allow for that.
//!
//! Documented (docs.stripe.com): the signature (webhooks/signature), which sessions are paid
//! (checkout/fulfillment), the fields (api/checkout/sessions/object, api/charges/object). What was
//! bought (`line_items`) is never part of an event, so invitations name no products. Thin events
//! (`v2.core.event`) hold no session: the endpoint's payload style must be “snapshot”.
//!
//! The buyer knows no number of the order: `client_reference_id` may be anything, also a customer's id.
//!
//! Subscriptions are left out: their refunds cannot be traced to the session that began them.

use adapter_api::{
    Adapter as ShopAdapter, Event, Meta, ParseError, Sample, Scheme, Signature, StampedHeader,
    Verified,
    json::{self, Id, Text, UnixSeconds},
};
use domain::{Change, EmailAddress, Order, OrderEvent};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{json, value::RawValue};

static META: Meta =
    Meta { id: "stripe", title: "Stripe Checkout", docs_url: "https://docs.stripe.com/webhooks" };

pub(crate) struct Adapter;

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(default)]
    object: Text,
    r#type: String,
    /// Thin events have another form of it.
    #[serde(borrow)]
    created: &'a RawValue,
    #[serde(default)]
    livemode: Option<bool>,
    #[serde(default, borrow)]
    data: Option<Data<'a>>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(default, borrow)]
    object: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Session {
    id: Id,
    #[serde(default)]
    mode: Text,
    #[serde(default)]
    payment_status: Text,
    #[serde(default)]
    payment_intent: Option<Id>,
    #[serde(default)]
    customer_details: Option<Customer>,
    #[serde(default)]
    customer_email: Text,
    #[serde(default)]
    locale: Text,
    #[serde(default)]
    created: UnixSeconds,
}

#[derive(Default, Deserialize)]
struct Customer {
    #[serde(default)]
    email: Text,
    #[serde(default)]
    name: Text,
    #[serde(default)]
    address: Option<Address>,
}

#[derive(Deserialize)]
struct Address {
    #[serde(default)]
    country: Text,
}

#[derive(Deserialize)]
struct Charge {
    /// Whether all of it was given back.
    refunded: bool,
    #[serde(default)]
    payment_intent: Option<Id>,
}

impl ShopAdapter for Adapter {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn scheme(&self) -> Scheme {
        Scheme::WholeBody(Signature::StampedHmacSha256 {
            header: "stripe-signature",
            form: StampedHeader::STRIPE,
        })
    }

    fn parse(&self, request: &Verified<'_>) -> Result<Vec<Event>, ParseError> {
        let body: Body<'_> = json::from_slice(request.body())?;
        if body.object.0.as_deref() == Some("v2.core.event") {
            return Ok(vec![Event::Alert {
                reason: "the webhook endpoint sends thin events, which hold no order: in Stripe's \
                         Workbench make a new endpoint with the payload style \"snapshot\"",
            }]);
        }
        let UnixSeconds(at) = json::from_raw(body.created, "created")?;
        let test = body.livemode == Some(false);
        let Some(object) = body.data.and_then(|data| data.object) else {
            return Ok(vec![Event::Ignored { reason: "event_not_used" }]);
        };
        let event = match body.r#type.as_str() {
            "checkout.session.completed" | "checkout.session.async_payment_succeeded" => {
                completed(json::from_raw(object, "data.object")?, at, test)
            }
            "checkout.session.async_payment_failed" => {
                let session: Session = json::from_raw(object, "data.object")?;
                Event::Order(session.event(Change::Cancelled, at, test))
            }
            "charge.refunded" => refunded(json::from_raw(object, "data.object")?, at, test),
            _ => Event::Ignored { reason: "event_not_used" },
        };
        Ok(vec![event])
    }

    fn sample(&self, event: &OrderEvent) -> Sample {
        let order = &event.order;
        let (kind, object) = match event.change {
            Change::Completed => ("checkout.session.completed", session(order, "paid")),
            Change::Cancelled => {
                ("checkout.session.async_payment_failed", session(order, "unpaid"))
            }
            Change::Refunded => (
                "charge.refunded",
                json!({
                    "id": "ch_3RgRPqEEXQJo9EEO1a43uB5g", "object": "charge", "refunded": true,
                    "amount": 1199, "amount_refunded": 1199, "currency": "eur",
                    "payment_intent": order.reference,
                }),
            ),
        };
        let body = json!({
            "id": "evt_1RgRPrEEXQJo9EEOWggvNEHe",
            "object": "event",
            "api_version": "2025-05-28.basil",
            "created": event.at.map(Timestamp::as_second),
            "type": kind,
            "livemode": !order.test,
            "data": { "object": object },
        });
        Sample {
            headers: vec![("content-type", "application/json".into())],
            body: body.to_string().into_bytes(),
        }
    }
}

fn session(order: &Order, payment_status: &str) -> serde_json::Value {
    json!({
        "id": "cs_test_a1RMSyzQu5Mk2cZYoAYLOCV9hfoc5z9RuYdE4jLY2htoizGr1AJZeAcnDh",
        "object": "checkout.session",
        "mode": "payment",
        "status": "complete",
        "payment_status": payment_status,
        "payment_intent": order.reference,
        "customer_details": {
            "email": order.email, "name": order.name, "address": { "country": order.country },
        },
        "locale": order.locale,
        "currency": "eur",
        "amount_total": 1199,
        "created": order.placed_at.map(Timestamp::as_second),
        "livemode": !order.test,
    })
}

fn completed(session: Session, at: Option<Timestamp>, test: bool) -> Event {
    if session.mode.0.as_deref() != Some("payment") {
        return Event::Ignored { reason: "mode_not_used" };
    }
    match session.payment_status.0.as_deref() {
        Some("paid" | "no_payment_required") => {
            Event::Order(session.event(Change::Completed, at, test))
        }
        // The payment method takes its time; another event tells how it ended.
        _ => Event::Ignored { reason: "order_not_paid" },
    }
}

fn refunded(charge: Charge, at: Option<Timestamp>, test: bool) -> Event {
    let Some(reference) = charge.payment_intent else {
        return Event::Ignored { reason: "charge_without_checkout" };
    };
    if !charge.refunded {
        return Event::Ignored { reason: "refunded_in_part" };
    }
    let order = Order { reference: reference.0, test, ..Order::default() };
    Event::Order(OrderEvent { change: Change::Refunded, at, order })
}

impl Session {
    fn event(self, change: Change, at: Option<Timestamp>, test: bool) -> OrderEvent {
        let customer = self.customer_details.unwrap_or_default();
        let email = customer.email.0.or(self.customer_email.0);
        let order = Order {
            reference: self.payment_intent.unwrap_or(self.id).0,
            number: None,
            email: email.and_then(|email| EmailAddress::parse(&email).ok()),
            name: customer.name.0,
            // `auto`: the browser's, which Stripe does not tell.
            locale: self.locale.0.filter(|locale| locale != "auto"),
            country: customer.address.and_then(|address| address.country.0),
            items: vec![],
            placed_at: self.created.0,
            test,
            ..Order::default()
        };
        OrderEvent { change, at, order }
    }
}
