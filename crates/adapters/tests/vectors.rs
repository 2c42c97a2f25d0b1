//! Published signature vectors and recorded bodies, where a checkout has them: their licences do
//! not allow to ship them, so they lie in a folder `shared/fixtures` beside the checkout, if at all.

#![expect(clippy::unwrap_used, reason = "test code")]

use std::path::{Path, PathBuf};

use adapter_api::{Adapter, Event, Reject, Request};
use domain::{Change, OrderEvent};
use fs_err::{self as fs, File};
use http::{HeaderMap, HeaderName};
use jiff::Timestamp;
use serde_json::Value;

fn fixtures() -> Option<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
    dir.is_dir().then_some(dir)
}

fn headers(vector: &Value) -> HeaderMap {
    let pairs = vector["headers"].as_object().unwrap();
    pairs
        .iter()
        .map(|(name, value)| {
            (name.parse::<HeaderName>().unwrap(), value.as_str().unwrap().parse().unwrap())
        })
        .collect()
}

#[test]
fn published_vectors_get_the_expected_verdict() {
    let Some(dir) = fixtures() else { return };
    let vectors: Vec<Value> =
        serde_json::from_reader(File::open(dir.join("vectors.json")).unwrap()).unwrap();
    let mut checked = 0;
    for vector in &vectors {
        let platform = match vector["scheme"].as_str().unwrap() {
            "standard_webhooks_ed25519" => "standard_webhooks",
            "saleor_jws_detached_rs256" => "saleor",
            scheme => scheme,
        };
        let Some(adapter) = adapters::find(platform) else { continue };
        let text = |secret: &Value| match secret {
            Value::String(text) => text.clone(),
            key_set => key_set.to_string(),
        };
        let secrets: Vec<String> = match (&vector["jwks"], &vector["secret"]) {
            (Value::Null, Value::Array(list)) => list.iter().map(text).collect(),
            (Value::Null, one) => vec![text(one)],
            (key_set, _) => vec![text(key_set)],
        };
        let headers = headers(vector);
        let received_at = Timestamp::from_second(vector["now"].as_i64().unwrap_or(0)).unwrap();
        let body = vector["body"].as_str().unwrap().as_bytes();
        let request = Request { headers: &headers, body, received_at, address_secret: None };
        let verdict = adapter.scheme().verify(request, &secrets);
        assert_eq!(verdict.is_ok(), vector["expect"].as_bool().unwrap(), "{}", vector["id"]);
        if vector["expect_action"] == "ack_ping" {
            assert!(adapter.is_handshake(&request), "{}", vector["id"]);
        }
        checked += 1;
    }
    assert!(checked >= 26, "only {checked} vectors matched a scheme");
}

/// What a genuine delivery of this recorded body means.
fn meaning(adapter: &dyn Adapter, topic: (&'static str, &str), path: &Path) -> Vec<Event> {
    let body = fs::read(path).unwrap();
    let secret = "any secret will do";
    let mut headers = adapter.scheme().sign(secret, &body, "d", Timestamp::UNIX_EPOCH);
    headers.insert(topic.0, topic.1.parse().unwrap());
    let request = Request {
        headers: &headers,
        body: &body,
        received_at: Timestamp::UNIX_EPOCH,
        address_secret: None,
    };
    let verified = adapter.scheme().verify(request, &[secret]).unwrap();
    adapter.parse(&verified).unwrap()
}

fn order(events: Vec<Event>) -> OrderEvent {
    match events.into_iter().next() {
        Some(Event::Order(event)) => event,
        other => panic!("{other:?}"),
    }
}

#[test]
fn recorded_shopify_bodies_mean_what_they_should() {
    let Some(dir) = fixtures() else { return };
    let shopify = adapters::find("shopify").unwrap();
    let read = |topic, file: &str| {
        meaning(shopify, ("x-shopify-topic", topic), &dir.join("webhooks/shopify").join(file))
    };
    let fulfilled = order(read("orders/fulfilled", "order_fulfilled_pl_2024-10.json"));
    assert_eq!(fulfilled.change, Change::Completed);
    assert_eq!(fulfilled.at.unwrap().to_string(), "2024-10-08T12:07:59Z");
    assert_eq!(fulfilled.order.locale.as_deref(), Some("pl"));
    assert!(fulfilled.order.email.is_some() && !fulfilled.order.items.is_empty());
    let created = read("orders/create", "order_create_capture_presentment_usd.json");
    assert_eq!(created, [Event::Ignored { reason: "order_not_completed" }]);
    let test = order(read("orders/cancelled", "order_test_notification_en_2019-04.json"));
    assert_eq!(test.order.reference, "820982911946154508");
    assert!(test.order.test && test.change == Change::Cancelled, "nobody is invited");
}

#[test]
fn recorded_stripe_bodies_mean_what_they_should() {
    let Some(dir) = fixtures() else { return };
    let stripe = adapters::find("stripe").unwrap();
    let read = |file: &str| meaning(stripe, ("x", ""), &dir.join("webhooks/stripe").join(file));
    let paid = order(read("checkout_session_completed.json"));
    assert_eq!((paid.change, paid.order.test), (Change::Completed, true));
    assert_eq!(paid.order.reference, "pi_000000000000000000000000");
    assert_eq!(paid.at.unwrap().to_string(), "2022-03-26T18:39:19Z");
    let refunded = read("charge_refunded.json");
    assert_eq!(refunded, [Event::Ignored { reason: "charge_without_checkout" }]);
}

#[test]
fn recorded_lemon_squeezy_bodies_mean_what_they_should() {
    let Some(dir) = fixtures() else { return };
    let lemon = adapters::find("lemon_squeezy").unwrap();
    let path = dir.join("webhooks/lemon_squeezy/docs_order_created_cut.json");
    let paid = order(meaning(lemon, ("x-event-name", "order_created"), &path));
    assert_eq!(paid.change, Change::Completed);
    assert_eq!(paid.order.reference, "1");
    assert!(paid.order.email.is_some() && !paid.order.test);
}

#[test]
fn recorded_shopware_bodies_mean_what_they_should() {
    let Some(dir) = fixtures() else { return };
    let shopware = adapters::find("shopware").unwrap();
    let path = dir.join("webhooks/shopware/docs_entity_written_envelope.json");
    let written = meaning(shopware, ("sw-version", "6.6.0.0"), &path);
    assert_eq!(written, [Event::Ignored { reason: "event_not_used" }]);
}

#[test]
fn recorded_woocommerce_bodies_mean_what_they_should() {
    let Some(dir) = fixtures() else { return };
    let woo = adapters::find("woocommerce").unwrap();
    let read = |file: &str| {
        let path = dir.join("webhooks/woocommerce").join(file);
        meaning(woo, ("x-wc-webhook-topic", "order.updated"), &path)
    };
    let completed = order(read("docs_order_727_completed.json"));
    assert_eq!(completed.at.unwrap().to_string(), "2017-03-22T19:30:35Z");
    assert_eq!(completed.order.name.as_deref(), Some("John Doe"));
    let ignored = [Event::Ignored { reason: "order_not_completed" }];
    assert_eq!(read("docs_order_727_processing.json"), ignored);
    assert_eq!(read("order_459_processing_attribution_image.json"), ignored);
    assert!(matches!(read("error_body_cannot_view.json")[..], [Event::Alert { .. }]));
    let ping = fs::read(dir.join("webhooks/woocommerce/ping_body.form")).unwrap();
    let headers = HeaderMap::new();
    let request = Request {
        headers: &headers,
        body: &ping,
        received_at: Timestamp::UNIX_EPOCH,
        address_secret: None,
    };
    assert!(woo.is_handshake(&request));
    assert_eq!(woo.scheme().verify(request, &["s"]).map(|_| ()), Err(Reject::MissingSignature));
}
