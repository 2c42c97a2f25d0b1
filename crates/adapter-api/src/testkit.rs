//! What every adapter must survive. The [`adapters!`](crate::adapters) list calls it for each.
//!
//! A fixture is one file `tests/fixtures/adapters/<id>/<case>.json`: `secret`, `headers`, `body`
//! (the exact text) and `received_at`. Its meaning stands beside it as a snapshot. Where the secret
//! is a public key, `signing_key.txt` in the same folder holds the private one.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "test code"
)]

use std::{collections::BTreeMap, path::PathBuf};

use domain::{Change, EmailAddress, Item, Order, OrderEvent};
use http::{HeaderMap, HeaderName};
use jiff::Timestamp;
use proptest::prelude::*;

use crate::{Access, Adapter, Event, Notice, Reject, Request, Source, jwt, read, signed_sample};

/// A stored request.
#[derive(serde::Deserialize)]
struct Fixture {
    secret: String,
    headers: BTreeMap<String, String>,
    body: String,
    received_at: Timestamp,
    address_secret: Option<String>,
}

impl Fixture {
    fn headers(&self) -> HeaderMap {
        self.headers
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
            .collect()
    }

    fn request<'a>(&'a self, headers: &'a HeaderMap, body: &'a [u8]) -> Request<'a> {
        let address_secret = self.address_secret.as_deref();
        Request { headers, body, received_at: self.received_at, address_secret }
    }

    fn verify(
        &self,
        adapter: &dyn Adapter,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<(), Reject> {
        adapter.scheme().verify(self.request(headers, body), &[&self.secret]).map(|_| ())
    }
}

fn fixtures_dir(adapter: &dyn Adapter) -> PathBuf {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/adapters");
    PathBuf::from(root).join(adapter.meta().id)
}

/// The secret that signs for the fixtures of `adapter`, and the one that verifies.
#[must_use]
pub fn secrets(adapter: &dyn Adapter) -> (String, String) {
    let secret = load(adapter).swap_remove(0).1.secret;
    let key = std::fs::File::open(fixtures_dir(adapter).join("signing_key.txt"));
    let key = key.map(|file| std::io::read_to_string(file).unwrap().trim_end().to_owned());
    (key.unwrap_or_else(|_| secret.clone()), secret)
}

fn load(adapter: &dyn Adapter) -> Vec<(String, Fixture)> {
    let dir = fixtures_dir(adapter);
    let missing = |error| panic!("{} needs fixtures: {error}", dir.display());
    let mut fixtures: Vec<_> = std::fs::read_dir(&dir)
        .unwrap_or_else(missing)
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let file = std::fs::File::open(&path).unwrap();
            let fixture = serde_json::from_reader(file)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            (path.file_stem().unwrap().to_string_lossy().into_owned(), fixture)
        })
        .collect();
    fixtures.sort_by(|(a, _), (b, _)| a.cmp(b));
    assert!(!fixtures.is_empty(), "{} holds no fixture", dir.display());
    fixtures
}

/// Each stored request verifies, parses, and means what the snapshot beside it says.
pub fn fixtures(adapter: &dyn Adapter) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(fixtures_dir(adapter));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for (name, fixture) in load(adapter) {
            let headers = fixture.headers();
            let body = fixture.body.as_bytes();
            let request = fixture.request(&headers, body);
            let verified = adapter
                .scheme()
                .verify(request, &[&fixture.secret])
                .unwrap_or_else(|reject| panic!("{name}: {reject}"));
            match read(adapter, &verified) {
                Ok(events) => insta::assert_json_snapshot!(name, events),
                Err(error) => insta::assert_snapshot!(name, error.to_string()),
            }
        }
    });
}

/// The scheme vouches for what it says it does. If that is the whole body, one with any one bit
/// changed, one byte more, or one byte less is refused. Else no body leads to an order by itself.
pub fn forgery(adapter: &dyn Adapter) {
    for (name, fixture) in load(adapter) {
        let headers = fixture.headers();
        if !adapter.scheme().vouches_for_body() {
            let request = fixture.request(&headers, fixture.body.as_bytes());
            let verified = adapter.scheme().verify(request, &[&fixture.secret]).unwrap();
            let events = read(adapter, &verified).unwrap_or_default();
            assert!(!events.iter().any(|event| matches!(event, Event::Order(_))), "{name}");
            continue;
        }
        let mut body = fixture.body.clone().into_bytes();
        for at in 0..body.len() {
            let bit = 1 << (at % 8);
            body[at] ^= bit;
            assert!(fixture.verify(adapter, &headers, &body).is_err(), "{name}: byte {at}");
            body[at] ^= bit;
        }
        assert_eq!(fixture.verify(adapter, &headers, &body), Ok(()), "{name}: unchanged");
        assert!(
            fixture.verify(adapter, &headers, &body[..body.len() - 1]).is_err(),
            "{name}: shorter"
        );
        body.push(b' ');
        assert!(fixture.verify(adapter, &headers, &body).is_err(), "{name}: longer");
    }
}

/// Another secret, no secret, and each part of the signature missing, empty or changed are refused.
pub fn signatures(adapter: &dyn Adapter) {
    for (name, fixture) in load(adapter) {
        let headers = fixture.headers();
        let body = fixture.body.as_bytes();
        let request = fixture.request(&headers, body);
        let verify = |secrets: &[&str]| adapter.scheme().verify(request, secrets).map(|_| ());
        // Valid base64 too, so that every scheme gets as far as comparing.
        let other = "QW5vdGhlci1zZWNyZXQtb2YtMzItYnl0ZXMtISEhISE=";
        assert_eq!(verify(&[other]), Err(Reject::BadSignature), "{name}: another secret");
        assert_eq!(verify(&[]), Err(Reject::BadSignature), "{name}: no secret");
        assert_eq!(verify(&[""]), Err(Reject::BadSignature), "{name}: empty secret");
        for header in adapter.scheme().signature_headers() {
            let Some(value) = headers.get(&header) else { continue };
            let mut changed = headers.clone();
            changed.remove(&header);
            assert!(fixture.verify(adapter, &changed, body).is_err(), "{name}: no {header}");
            for forged in ["", " ", "v1,", "AAAA", "v1,AAAA", "0", "\u{7f}"] {
                let Ok(forged) = http::HeaderValue::from_bytes(forged.as_bytes()) else { continue };
                changed.insert(&header, forged);
                assert!(
                    fixture.verify(adapter, &changed, body).is_err(),
                    "{name}: forged {header}"
                );
            }
            let text = value.to_str().unwrap();
            let cut = &text[..text.len() - 1];
            changed.insert(&header, cut.parse().unwrap());
            assert!(fixture.verify(adapter, &changed, body).is_err(), "{name}: cut {header}");
        }
    }
}

/// A request signed with any secret of the list is accepted, wherever the secret stands.
pub fn rotation(adapter: &dyn Adapter) {
    for (name, fixture) in load(adapter) {
        let headers = fixture.headers();
        let body = fixture.body.as_bytes();
        let request = fixture.request(&headers, body);
        let other = "QW5vdGhlci1zZWNyZXQtb2YtMzItYnl0ZXMtISEhISE=";
        for secrets in [[other, &fixture.secret], [&fixture.secret, other]] {
            assert!(adapter.scheme().verify(request, &secrets).is_ok(), "{name}");
        }
    }
}

/// A genuine body of any shape gets an answer: noise, JSON of any shape, and every fixture with a
/// value replaced.
pub fn no_panic(adapter: &dyn Adapter) {
    let fixtures = load(adapter);
    let (signing_key, secret) = secrets(adapter);
    let parse = |fixture: &Fixture, body: &[u8]| {
        let body = adapter.scheme().enclose(&signing_key, body.to_vec());
        let mut headers = fixture.headers();
        let signed = adapter.scheme().sign(&signing_key, &body, "delivery", fixture.received_at);
        headers.extend(signed);
        // Some bodies cannot be genuine, whoever signs: they lack what the signature covers.
        let Ok(verified) = adapter.scheme().verify(fixture.request(&headers, &body), &[&secret])
        else {
            return;
        };
        let _answer = read(adapter, &verified);
        adapter.event_id(&verified);
    };
    if let Some(source) = adapter.source() {
        for answer in nasty_bodies() {
            let count = source.sample(&sample_event(Change::Completed)).len();
            let _answer = source.parse("1", &vec![answer; count]);
        }
    }
    for (_, fixture) in &fixtures {
        for nasty in nasty_bodies() {
            parse(fixture, &nasty);
        }
        if let Ok(value) = serde_json::from_slice::<serde_json::Value>(&told(&fixture.body)) {
            for mutant in mutants(&value) {
                parse(fixture, mutant.to_string().as_bytes());
            }
        }
    }
    let (_, first) = &fixtures[0];
    proptest!(|(body in proptest::collection::vec(any::<u8>(), 0..512))| parse(first, &body));
}

fn nasty_bodies() -> Vec<Vec<u8>> {
    let deep = |open: &str, close: &str| [open.repeat(20_000), close.repeat(20_000)].concat();
    [
        String::new(),
        "null".into(),
        "[]".into(),
        "{}".into(),
        "\u{feff}{}".into(),
        deep("[", "]"),
        deep("{\"a\":", "}"),
        format!("{{\"id\":{}}}", "9".repeat(5_000)),
        format!("{{\"id\":\"{}\"}}", "x".repeat(200_000)),
        "{\"id\":1,\"id\":2}".into(),
    ]
    .map(String::into_bytes)
    .into_iter()
    .chain([b"{\"id\":\"\xff\xfe\"}".to_vec()])
    .collect()
}

/// The value with each member in turn replaced by things it is not.
fn mutants(value: &serde_json::Value) -> Vec<serde_json::Value> {
    fn pointers(value: &serde_json::Value, at: &str, found: &mut Vec<String>) {
        found.push(at.to_owned());
        let mut child = |key: &str, value| {
            let key = key.replace('~', "~0").replace('/', "~1");
            pointers(value, &format!("{at}/{key}"), found);
        };
        match value {
            serde_json::Value::Object(map) => map.iter().for_each(|(key, value)| child(key, value)),
            serde_json::Value::Array(list) => {
                list.iter().enumerate().for_each(|(i, value)| child(&i.to_string(), value));
            }
            _ => {}
        }
    }
    let mut places = Vec::new();
    pointers(value, "", &mut places);
    let others = [
        serde_json::json!(null),
        serde_json::json!(false),
        serde_json::json!(-1),
        serde_json::json!(1.5e300),
        serde_json::json!("\u{0}\r\n"),
        serde_json::json!([]),
        serde_json::json!({}),
    ];
    places
        .iter()
        .flat_map(|place| others.iter().map(move |other| (place, other)))
        .map(|(place, other)| {
            let mut mutant = value.clone();
            *mutant.pointer_mut(place).unwrap() = other.clone();
            mutant
        })
        .collect()
}

/// What [`Adapter::sample`] writes, [`Adapter::parse`] reads back: the change, the reference, the
/// person and, where the platform tells them, the products, for every change. Where the platform
/// has to be asked, so does [`Source::parse`] with [`Source::sample`]. A platform that knows no
/// refunds may tell that the order is cancelled.
pub fn samples(adapter: &dyn Adapter) {
    let (signing_key, secret) = secrets(adapter);
    let now: Timestamp = "2026-07-01T10:00:00Z".parse().unwrap();
    for change in [Change::Completed, Change::Cancelled, Change::Refunded] {
        let event = sample_event(change);
        let (headers, body) = signed_sample(adapter, &event, &signing_key, "delivery-1", now);
        let address_secret = adapter.scheme().address_secret(&secret);
        let request = Request { headers: &headers, body: &body, received_at: now, address_secret };
        let verified = adapter.scheme().verify(request, &[&secret]).expect("a sample is genuine");
        let events = read(adapter, &verified).expect("a sample can be read");
        match (&events[..], adapter.source()) {
            ([Event::Order(read)], _) => assert_same(read, &event, &[told(&body)]),
            ([Event::Notice(notice)], Some(source)) => assert_answered(source, notice, &event),
            _ => panic!("{change:?}: {events:?}"),
        }
    }
}

/// An order with everything in it that an adapter can read.
fn sample_event(change: Change) -> OrderEvent {
    let order = Order {
        reference: "820982911946154508".into(),
        number: Some("1001".into()),
        email: EmailAddress::parse("asa.lind@example.com").ok(),
        name: Some("Åsa Lind".into()),
        locale: Some("sv".into()),
        country: Some("SE".into()),
        items: vec![Item {
            name: "Kaffe \"Mörk\"".into(),
            sku: Some("K-1".into()),
            ..Item::default()
        }],
        placed_at: Some("2026-06-28T08:00:00Z".parse().unwrap()),
        test: false,
        ..Order::default()
    };
    OrderEvent { change, at: Some("2026-07-01T09:00:00Z".parse().unwrap()), order }
}

/// The platform, asked as the notice says, answers with the event.
fn assert_answered(source: &dyn Source, notice: &Notice, event: &OrderEvent) {
    assert_eq!(notice.reference, event.order.reference);
    let answers = source.sample(event);
    let asked = source.requests(&notice.reference, &Access { account: "account", token: "token" });
    assert_eq!(asked.len(), answers.len(), "an answer for each request");
    for request in asked {
        let segments: Vec<&str> = request.path.split(['/', '?']).collect();
        assert!(request.path.starts_with('/') && !segments.contains(&".."), "{}", request.path);
    }
    let events = source.parse(&notice.reference, &answers).expect("a sample can be read");
    let [Event::Order(read)] = &events[..] else { panic!("{:?}: {events:?}", event.change) };
    // Not every API says when; then the delay counts from when it was asked.
    let read = OrderEvent { at: read.at.or(event.at), ..read.clone() };
    assert_same(&read, event, &answers);
}

/// What a body says, inside of a token, too.
fn told(body: impl AsRef<[u8]>) -> Vec<u8> {
    jwt::claims(body.as_ref()).unwrap_or_else(|_| body.as_ref().to_vec())
}

fn assert_same(read: &OrderEvent, event: &OrderEvent, bodies: &[Vec<u8>]) {
    let no_refunds = event.change == Change::Refunded && read.change == Change::Cancelled;
    assert!(read.change == event.change || no_refunds, "{:?}: {read:?}", event.change);
    assert_eq!(read.order.reference, event.order.reference);
    if event.change == Change::Completed {
        assert_eq!(read.at, event.at, "the delay counts from the platform's time");
        assert_eq!(read.order.email, event.order.email);
        assert_eq!(read.order.name, event.order.name);
        let tells_items = bodies.iter().any(|body| String::from_utf8_lossy(body).contains("Kaffe"));
        let items = if tells_items { &event.order.items[..] } else { &[] };
        let names = |items: &[Item]| items.iter().map(|item| item.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&read.order.items), names(items));
        assert!(!read.order.test);
    }
}
