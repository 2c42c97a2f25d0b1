//! Published signature vectors and recorded bodies, where a checkout has them: their licences do
//! not allow to ship them, so they lie in a folder `shared/fixtures` beside the checkout, if at all.

#![expect(clippy::unwrap_used, reason = "test code")]

use std::path::{Path, PathBuf};

use adapter_api::{Adapter, Event, Notice, Reject, Request};
use domain::{Change, Consent, Money, OrderEvent, consent::Answer};
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
        if adapter.scheme().signature_headers().is_empty() {
            // A signature that we do not take for proof.
            continue;
        }
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
    assert!(checked >= 40, "only {checked} vectors matched a scheme");
}

/// What a genuine delivery of this recorded body means.
fn meaning(adapter: &dyn Adapter, topic: (&'static str, &str), path: &Path) -> Vec<Event> {
    let body = fs::read(path).unwrap();
    // Good in each form: as text, and in hexadecimal.
    let secret = "5ec4e7";
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
        Some(Event::Order(event) | Event::Notice(Notice { told: Some(event), .. })) => event,
        other => panic!("{other:?}"),
    }
}

fn money(amount: &str, currency: &str) -> Option<Money> {
    Money::new(amount.parse().ok(), Some(currency))
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
    assert_eq!(fulfilled.order.total, money("2147.58", "PLN"));
    let consent = fulfilled.order.marketing_consent.unwrap();
    assert_eq!(consent.answer, Answer::NotAgreed);
    assert_eq!(consent.text.as_deref(), Some("not_subscribed, single_opt_in"));
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
    assert_eq!(paid.order.total, money("30.00", "USD"));
    assert_eq!(paid.order.marketing_consent, None, "nobody asked");
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
    assert_eq!(paid.order.total, money("11.99", "USD"));
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
    assert_eq!(completed.order.total, money("29.35", "USD"));
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

#[test]
fn recorded_bodies_that_only_name_an_order_have_the_platform_asked() {
    let Some(dir) = fixtures() else { return };
    for (platform, file, reference, told) in [
        ("bigcommerce", "store_order_statusUpdated.json", "250", None),
        ("bigcommerce", "store_order_updated.json", "250", None),
        ("bigcommerce", "store_order_refund_created.json", "250", None),
        ("ecwid", "docs_order_created.json", "103", None),
        ("ecwid", "docs_order_updated.json", "103", None),
        ("ecwid", "docs_order_deleted.json", "102", Some(Change::Cancelled)),
        ("shoptet", "docs_order_create.json", "2018000057", None),
        ("squarespace", "docs_order_create.json", "5f3c39ce69e11e796f19990e", None),
    ] {
        let path = dir.join("webhooks").join(platform).join(file);
        let events = meaning(adapters::find(platform).unwrap(), ("x-unused", ""), &path);
        let [Event::Notice(notice)] = &events[..] else { panic!("{platform} {file}: {events:?}") };
        assert_eq!(notice.reference, reference, "{platform} {file}");
        assert_eq!(notice.told.as_ref().map(|told| told.change), told, "{platform} {file}");
    }
}

/// What a recorded answer of the API means, with `status` in its member `name`.
fn answered(platform: &str, path: &Path, name: &str, status: Value, more: &[&str]) -> Vec<Event> {
    let mut answer: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    answer[name] = status;
    let more = more.iter().map(|answer| answer.as_bytes().to_vec());
    let answers: Vec<_> = [answer.to_string().into_bytes()].into_iter().chain(more).collect();
    adapters::find(platform).unwrap().source().unwrap().parse("1", &answers).unwrap()
}

#[test]
fn recorded_bigcommerce_answers_mean_what_they_should() {
    let Some(dir) = fixtures() else { return };
    let path = dir.join("webhooks/bigcommerce/order_v2_resource.json");
    let with = |status: u8| answered("bigcommerce", &path, "status_id", status.into(), &["[]"]);
    assert_eq!(with(7), [Event::Ignored { reason: "order_not_completed" }]);
    let completed = order(with(10));
    assert_eq!(completed.change, Change::Completed);
    assert_eq!(completed.at.unwrap().to_string(), "2019-03-11T15:17:25Z");
    assert_eq!(completed.order.placed_at.unwrap().to_string(), "2019-03-05T21:40:11Z");
    assert_eq!(completed.order.name.as_deref(), Some("Jane Doe"));
    assert_eq!(completed.order.total.unwrap().amount.to_string(), "69.8400");
    let consent = Consent::ticked(false, "is_email_opt_in");
    assert_eq!(completed.order.marketing_consent, Some(consent));
}

#[test]
fn recorded_squarespace_answers_mean_what_they_should() {
    let Some(dir) = fixtures() else { return };
    let path = dir.join("webhooks/squarespace/docs_order_resource.json");
    let with =
        |status: &str| answered("squarespace", &path, "fulfillmentStatus", status.into(), &[]);
    assert_eq!(with("PENDING"), [Event::Ignored { reason: "order_not_completed" }]);
    let fulfilled = order(with("FULFILLED"));
    assert_eq!((fulfilled.change, fulfilled.order.test), (Change::Completed, true));
    assert_eq!(fulfilled.at.unwrap().to_string(), "2017-01-30T22:18:37.48Z");
    assert_eq!(fulfilled.order.total.unwrap().amount.to_string(), "57.70");
    assert!(fulfilled.order.email.is_some() && fulfilled.order.items[0].image.is_some());
    assert_eq!(order(with("CANCELED")).change, Change::Cancelled);
}

/// What this answer of a platform's API means.
fn meaning_of_answers(adapter: &dyn Adapter, reference: &str, answers: &[Value]) -> Vec<Event> {
    let answers: Vec<_> = answers.iter().map(|answer| answer.to_string().into_bytes()).collect();
    adapter.source().unwrap().parse(reference, &answers).unwrap()
}

fn json_of(path: &Path) -> Value {
    serde_json::from_reader(File::open(path).unwrap()).unwrap()
}

#[test]
fn recorded_paddle_bodies_mean_what_they_should() {
    let Some(dir) = fixtures() else { return };
    let paddle = adapters::find("paddle").unwrap();
    let path = dir.join("webhooks/paddle/transaction_completed.json");
    let reference = "txn_01h8dzxgkvdwemdhbpcapj2tbj".to_owned();
    let completed = meaning(paddle, ("x", ""), &path);
    assert_eq!(completed, [Event::Notice(Notice { reference: reference.clone(), told: None })]);
    // The API answers with the same transaction.
    let paid = order(meaning_of_answers(paddle, &reference, &[json_of(&path)]));
    assert_eq!(paid.change, Change::Completed);
    assert_eq!((paid.order.items.len(), &*paid.order.items[0].name), (3, "ChatApp Pro"));
    assert_eq!(paid.order.total.unwrap().amount.to_string(), "652.15");
    let customer = dir.join("webhooks/paddle/customer_created.json");
    let ignored = [Event::Ignored { reason: "event_not_used" }];
    assert_eq!(meaning(paddle, ("x", ""), &customer), ignored);
}

#[test]
fn recorded_centra_bodies_mean_what_they_should() {
    let Some(dir) = fixtures() else { return };
    let centra = adapters::find("centra").unwrap();
    let products = dir.join("webhooks/centra/docs_products_body.form");
    let ignored = [Event::Ignored { reason: "event_not_used" }];
    assert_eq!(meaning(centra, ("x", ""), &products), ignored);
}

#[test]
fn recorded_snipcart_bodies_mean_what_they_should() {
    let Some(dir) = fixtures() else { return };
    let snipcart = adapters::find("snipcart").unwrap();
    // The API answers with the same order.
    let mut body = json_of(&dir.join("webhooks/snipcart/order_completed_test_mode_de.json"));
    let paid = meaning_of_answers(snipcart, "", &[body["content"].clone()]);
    assert_eq!(paid, [Event::Ignored { reason: "order_not_completed" }]);
    body["content"]["status"] = "Shipped".into();
    let shipped = order(meaning_of_answers(snipcart, "", &[body["content"].clone()]));
    assert!(shipped.order.test && shipped.order.email.is_some());
    assert_eq!(shipped.order.name.as_deref(), Some("Alex Example"));
    assert_eq!(shipped.order.total.unwrap().amount.to_string(), "28.09");
}

#[test]
fn recorded_lightspeed_bodies_mean_what_they_should() {
    let Some(dir) = fixtures() else { return };
    let lightspeed = adapters::find("lightspeed_ecom").unwrap();
    // The API answers with the same order, and with its products apart.
    let body = json_of(&dir.join("webhooks/lightspeed_ecom/order_shipped_abridged.json"));
    let products = &body["order"]["products"]["resource"]["embedded"];
    let products = serde_json::json!({ "orderProducts": products });
    let shipped = order(meaning_of_answers(lightspeed, "123", &[body, products]));
    assert_eq!((shipped.change, &*shipped.order.reference), (Change::Completed, "123"));
    assert_eq!(shipped.order.items[0].name, "Product Title");
    assert_eq!(shipped.order.locale.as_deref(), Some("en_GB"));
}

#[test]
fn recorded_quickbutik_queries_mean_what_they_should() {
    let Some(dir) = fixtures() else { return };
    let quickbutik = adapters::find("quickbutik").unwrap();
    let call =
        fs::read_to_string(dir.join("webhooks/quickbutik/docs_order_done_query.http")).unwrap();
    let query = call.split(['?', ' ']).nth(2).unwrap();
    let secret = "anySecretOf24LettersWillDo";
    let request = Request {
        headers: &HeaderMap::new(),
        body: query.as_bytes(),
        received_at: Timestamp::UNIX_EPOCH,
        address_secret: Some(secret),
    };
    let verified = quickbutik.scheme().verify(request, &[secret]).unwrap();
    let done = Notice { reference: "12345".into(), told: None };
    assert_eq!(adapter_api::read(quickbutik, &verified), Ok(vec![Event::Notice(done)]));
}
