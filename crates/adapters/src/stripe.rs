//! Stripe Checkout: `checkout.session.completed`, `checkout.session.async_payment_succeeded`,
//! `checkout.session.async_payment_failed` and `charge.refunded`.
//!
//! A session is an order, and it is completed when it is paid; some payment methods tell days later.
//! Its reference is the payment intent, which is all that a refund names; without one (nothing had
//! to be paid) it is the session's id. Stripe does not know when goods leave, so the delay before
//! the invitation has to allow for that.
//!
//! What was bought (`line_items`) is never part of an event. A shop that gives us an API key has the
//! session read again, with it; for one that does not, the event counts as it is, and invitations
//! name no products. The API finds the session of a payment intent by listing. That all was given
//! back stands in the charge, not in the session: only events tell it.
//!
//! Documented (docs.stripe.com): the signature (webhooks/signature), which sessions are paid
//! (checkout/fulfillment), the fields (api/checkout/sessions/object, api/charges/object), that sessions
//! are listed by `payment_intent` (api/checkout/sessions/list). Thin events (`v2.core.event`) hold no
//! session: the endpoint's payload style must be “snapshot”.
//!
//! Not confirmed: that `line_items` can be expanded in a list (much public code does), and how often
//! the API may be asked.
//!
//! The buyer knows no number of the order: `client_reference_id` may be anything, also a customer's id.
//!
//! Subscriptions are left out: their refunds cannot be traced to the session that began them.

use std::num::NonZeroU32;

use adapter_api::{
    Access, Adapter as ShopAdapter, ApiRequest, Event, Meta, Notice, ParseError, Sample, Scheme,
    Signature, Source, StampedHeader, Verified,
    json::{self, Amount, Id, Text, UnixSeconds},
};
use domain::{Change, Consent, EmailAddress, Item, Money, Order, OrderEvent};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

static META: Meta =
    Meta { id: "stripe", title: "Stripe Checkout", docs_url: "https://docs.stripe.com/webhooks" };

/// The form of the API's answers, whatever the account's default is.
const API_VERSION: &str = "2025-05-28.basil";

/// What the ids of sessions begin with, unlike those of payment intents.
const SESSION_ID: &str = "cs_";

pub(crate) struct Adapter;

struct Api;

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
    currency: Text,
    #[serde(default)]
    amount_total: Amount,
    #[serde(default)]
    consent: Option<SessionConsent>,
    /// Only in answers of the API.
    #[serde(default)]
    line_items: Option<List<LineItem>>,
    #[serde(default)]
    created: UnixSeconds,
    #[serde(default)]
    livemode: Option<bool>,
}

#[derive(Deserialize)]
struct SessionConsent {
    #[serde(default)]
    promotions: Text,
}

#[derive(Deserialize)]
struct List<T> {
    data: Vec<T>,
}

#[derive(Deserialize)]
struct LineItem {
    /// The product's name.
    #[serde(default)]
    description: Text,
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

#[derive(Default, Deserialize)]
struct Address {
    #[serde(default)]
    country: Text,
    /// ISO 3166-2.
    #[serde(default)]
    state: Text,
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

    fn scheme(&self) -> Scheme<'_> {
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
                match completed(json::from_raw(object, "data.object")?, at, test) {
                    Event::Order(told) => {
                        let reference = told.order.reference.clone();
                        Event::Notice(Notice { reference, told: Some(told) })
                    }
                    not_paid => not_paid,
                }
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

    fn source(&self) -> Option<&'static dyn Source> {
        Some(&Api)
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

impl Source for Api {
    fn url(&self) -> Option<&'static str> {
        Some("https://api.stripe.com/v1")
    }

    fn requests_per_second(&self) -> NonZeroU32 {
        const { NonZeroU32::new(10).unwrap() }
    }

    fn requests(&self, reference: &str, access: &Access<'_>) -> Vec<ApiRequest> {
        let request = if reference.starts_with(SESSION_ID) {
            ApiRequest::get(&["checkout", "sessions", reference]).query("expand[]", "line_items")
        } else {
            ApiRequest::get(&["checkout", "sessions"])
                .query("payment_intent", reference)
                .query("expand[]", "data.line_items")
        };
        let token = format!("Bearer {}", access.token);
        vec![request.header("authorization", token).header("stripe-version", API_VERSION)]
    }

    fn parse(&self, reference: &str, answers: &[Vec<u8>]) -> Result<Vec<Event>, ParseError> {
        let answer = answers.first().map(Vec::as_slice).unwrap_or_default();
        let session: Option<Session> = if reference.starts_with(SESSION_ID) {
            Some(json::from_slice(answer)?)
        } else {
            json::from_slice::<List<_>>(answer)?.data.into_iter().next()
        };
        let Some(session) = session else {
            return Ok(vec![Event::Ignored { reason: "order_not_found" }]);
        };
        let test = session.livemode == Some(false);
        Ok(vec![completed(session, None, test)])
    }

    fn sample(&self, event: &OrderEvent) -> Vec<Vec<u8>> {
        let order = &event.order;
        let paid = event.change != Change::Cancelled;
        let mut session = session(order, if paid { "paid" } else { "unpaid" });
        let items = order.items.iter().map(|item| {
            json!({
                "id": "li_1RgRPoEEXQJo9EEOeWFHnEXy", "object": "item", "description": item.name,
                "quantity": 1, "amount_total": 1199, "currency": "eur",
            })
        });
        session["line_items"] =
            list(&items.collect::<Vec<_>>(), "/v1/checkout/sessions/cs/line_items");
        let answer = if order.reference.starts_with(SESSION_ID) {
            session
        } else {
            list(&[session], "/v1/checkout/sessions")
        };
        vec![answer.to_string().into_bytes()]
    }
}

fn list(data: &[Value], url: &str) -> Value {
    json!({ "object": "list", "data": data, "has_more": false, "url": url })
}

fn session(order: &Order, payment_status: &str) -> Value {
    let (amount, currency) = amount(order);
    let promotions = order.marketing_consent.as_ref();
    let promotions =
        promotions.map(|consent| if consent.is_given() { "opt_in" } else { "opt_out" });
    json!({
        "id": "cs_test_a1RMSyzQu5Mk2cZYoAYLOCV9hfoc5z9RuYdE4jLY2htoizGr1AJZeAcnDh",
        "object": "checkout.session",
        "mode": "payment",
        "status": "complete",
        "payment_status": payment_status,
        "payment_intent": order.reference,
        "customer_details": {
            "email": order.email, "name": order.name,
            "address": { "country": order.country, "state": order.region },
        },
        "locale": order.locale,
        "consent": promotions.map(|promotions| json!({ "promotions": promotions })),
        "currency": currency,
        "amount_total": amount,
        "created": order.placed_at.map(Timestamp::as_second),
        "livemode": !order.test,
    })
}

/// The total as Stripe writes it.
fn amount(order: &Order) -> (Option<i64>, Option<String>) {
    let total = order.total.as_ref();
    let amount = total.and_then(|total| {
        let minor = total.minor()?;
        Some(match digits_beyond_iso(&total.currency) {
            2 => minor * 100,
            -2 => minor / 100,
            _ => minor,
        })
    });
    (amount, total.map(|total| total.currency.to_ascii_lowercase()))
}

fn total(amount: Amount, currency: &Text) -> Option<Money> {
    let mut money = Money::from_minor(amount.0, currency.0.as_deref())?;
    let scale = money.amount.scale().checked_add_signed(digits_beyond_iso(&money.currency))?;
    money.amount.set_scale(scale).ok()?;
    Some(money)
}

/// How many digits more Stripe's smallest unit of a currency has than ISO 4217's: it kept those that
/// two currencies have lost, and counts the ariary as a whole.
fn digits_beyond_iso(currency: &str) -> i32 {
    match currency {
        "ISK" | "UGX" => 2,
        "MGA" => -2,
        _ => 0,
    }
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
        let address = customer.address.unwrap_or_default();
        let order = Order {
            reference: self.payment_intent.unwrap_or(self.id).0,
            number: None,
            email: email.and_then(|email| EmailAddress::parse(&email).ok()),
            name: customer.name.0,
            // `auto`: the browser's, which Stripe does not tell.
            locale: self.locale.0.filter(|locale| locale != "auto"),
            country: address.country.0,
            region: address.state.0,
            items: self
                .line_items
                .into_iter()
                .flat_map(|list| list.data)
                .filter_map(|item| item.description.0)
                .map(|name| Item { name, ..Item::default() })
                .collect(),
            total: total(self.amount_total, &self.currency),
            marketing_consent: self.consent.and_then(SessionConsent::read),
            placed_at: self.created.0,
            test,
            ..Order::default()
        };
        OrderEvent { change, at, order }
    }
}

impl SessionConsent {
    fn read(self) -> Option<Consent> {
        let agreed = match self.promotions.0.as_deref()? {
            "opt_in" => true,
            "opt_out" => false,
            _ => return None,
        };
        let consent = Consent::stated(agreed, "consent.promotions");
        Some(Consent { text: self.promotions.0, ..consent })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the API answers about a session, which `change` has changed.
    fn answer(change: impl FnOnce(&mut Value)) -> Value {
        let mut session = json!({
            "id": "cs_live_a1RMSyzQu5Mk2cZYoAYLOCV9hfoc5z9RuYdE4jLY2htoizGr1AJZeAcnDh",
            "object": "checkout.session",
            "amount_subtotal": 24800,
            "amount_total": 29700,
            "automatic_tax": { "enabled": false, "liability": null, "status": null },
            "client_reference_id": "1042",
            "consent": { "promotions": "opt_in", "terms_of_service": null },
            "created": 1_782_899_400,
            "currency": "sek",
            "custom_fields": [],
            "customer": null,
            "customer_details": {
                "address": { "city": "Umeå", "country": "SE", "line1": "Storgatan 1", "line2": null },
                "email": "asa.lind@example.com",
                "name": "Åsa Lind",
                "phone": null,
                "tax_ids": [],
            },
            "customer_email": null,
            "line_items": {
                "object": "list",
                "data": [
                    {
                        "id": "li_1RgRPoEEXQJo9EEOeWFHnEXy", "object": "item", "quantity": 2,
                        "description": "Kaffe, mörkrost", "amount_total": 19800, "currency": "sek",
                        "price": { "id": "price_1RgR", "object": "price", "product": "prod_Sb1" },
                    },
                    {
                        "id": "li_1RgRPoEEXQJo9EEOaa0WEwAR", "object": "item", "quantity": 1,
                        "description": "Te, 250 g", "amount_total": 5000, "currency": "sek",
                    },
                ],
                "has_more": false,
                "url": "/v1/checkout/sessions/cs_live_a1RM/line_items",
            },
            "livemode": true,
            "locale": "sv",
            "mode": "payment",
            "payment_intent": "pi_3RgRPqEEXQJo9EEO1a43uB5g",
            "payment_status": "paid",
            "status": "complete",
        });
        change(&mut session);
        session
    }

    fn read(reference: &str, answer: &Value) -> Result<Event, ParseError> {
        let events = Source::parse(&Api, reference, &[answer.to_string().into_bytes()])?;
        let [event] = events.try_into().unwrap();
        Ok(event)
    }

    fn order(reference: &str, answer: &Value) -> OrderEvent {
        match read(reference, answer) {
            Ok(Event::Order(event)) => event,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_payment_leads_to_its_session_and_the_products() {
        let answer = list(&[answer(|_| {})], "/v1/checkout/sessions");
        let event = order("pi_3RgRPqEEXQJo9EEO1a43uB5g", &answer);
        assert_eq!((event.change, event.at), (Change::Completed, None));
        let order = event.order;
        assert_eq!(order.reference, "pi_3RgRPqEEXQJo9EEO1a43uB5g");
        assert_eq!(order.email, EmailAddress::parse("asa.lind@example.com").ok());
        assert_eq!(order.total.unwrap().amount.to_string(), "297.00");
        let consent = order.marketing_consent.unwrap();
        assert_eq!((consent.is_given(), &*consent.field), (true, "consent.promotions"));
        assert_eq!(consent.text.as_deref(), Some("opt_in"));
        let names: Vec<_> = order.items.into_iter().map(|item| item.name).collect();
        assert_eq!(names, ["Kaffe, mörkrost", "Te, 250 g"]);
    }

    #[test]
    fn a_session_in_which_nothing_was_paid_is_asked_for_by_its_own_id() {
        let free = answer(|session| {
            session["payment_intent"] = Value::Null;
            session["payment_status"] = json!("no_payment_required");
        });
        let id = free["id"].as_str().unwrap();
        assert_eq!(order(id, &free).order.reference, id);
    }

    #[test]
    fn requests_name_the_order_and_carry_the_key() {
        let access = Access { account: "", token: "rk_live_1" };
        let ask = |reference| Api.requests(reference, &access).swap_remove(0);
        let request = ask("pi_1");
        assert_eq!(
            request.path,
            "/checkout/sessions?payment_intent=pi_1&expand%5B%5D=data.line_items"
        );
        assert!(request.headers.contains(&("authorization", "Bearer rk_live_1".to_owned())));
        assert_eq!(ask("cs_1").path, "/checkout/sessions/cs_1?expand%5B%5D=line_items");
    }

    #[test]
    fn what_is_not_a_paid_order_is_left_out() {
        let reason = |answer: Value| match read("pi_1", &list(&[answer], "")) {
            Ok(Event::Ignored { reason }) => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(reason(answer(|it| it["payment_status"] = json!("unpaid"))), "order_not_paid");
        assert_eq!(reason(answer(|it| it["mode"] = json!("subscription"))), "mode_not_used");
        let none = read("pi_1", &list(&[], ""));
        assert_eq!(none, Ok(Event::Ignored { reason: "order_not_found" }));
    }

    #[test]
    fn what_is_missing_costs_no_more_than_itself() {
        let session = answer(|session| {
            session["livemode"] = json!(false);
            for field in ["customer_details", "line_items", "consent", "locale", "amount_total"] {
                session[field] = Value::Null;
            }
        });
        let order = order("pi_1", &list(&[session], "")).order;
        assert!(order.test && order.email.is_none() && order.items.is_empty());
        assert_eq!((order.total, order.marketing_consent), (None, None));
    }

    #[test]
    fn an_answer_of_another_form_is_an_error_that_says_where() {
        let session = answer(|session| session["customer_details"]["email"] = json!({ "a": 1 }));
        let error = read("pi_1", &list(&[session], "")).unwrap_err();
        assert_eq!(error.path, "data[0].customer_details.email");
    }
}
