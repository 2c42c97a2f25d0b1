//! What a request of each platform costs: `cargo bench -p bench --bench platforms`.
//!
//! Beside it stand the same bytes through bare SHA-256, and through a JSON reader that keeps them all.
#![expect(clippy::unwrap_used, reason = "measuring code")]

use std::{hint::black_box, path::Path, time::Duration};

use adapter_api::{Adapter, Request, testkit};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use domain::{Change, Consent, EmailAddress, Item, Money, Order, OrderEvent};
use fs_err as fs;
use http::{HeaderMap, HeaderName};
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Orders of real shops have 5 to 8 KB.
const LENGTH: usize = 5_000;

/// So many products make any body as long as that, if the platform tells them.
const ITEMS_MAX: usize = 60;

fn platforms(criterion: &mut Criterion) {
    for adapter in adapters::ADAPTERS {
        platform(criterion, *adapter);
    }
}

fn platform(criterion: &mut Criterion, adapter: &dyn Adapter) {
    let now = now();
    let (signing_key, secret) = testkit::secrets(adapter);
    let (mut headers, body) = request(adapter);
    let body = adapter.scheme().enclose(&signing_key, body);
    headers.extend(adapter.scheme().sign(&signing_key, &body, "delivery", now));
    let address_secret = adapter.scheme().address_secret(&secret);
    let request = Request { headers: &headers, body: &body, received_at: now, address_secret };
    let verified = adapter.scheme().verify(request, &[&secret]).unwrap();

    let mut group = criterion.benchmark_group(format!("platform/{}", adapter.meta().id));
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("sha256", |bencher| {
        bencher.iter(|| Sha256::digest(black_box(&body)));
    });
    group.bench_function("verify", |bencher| {
        bencher.iter(|| adapter.scheme().verify(black_box(request), &[&secret]).unwrap());
    });
    if serde_json::from_slice::<Value>(&body).is_ok() {
        group.bench_function("json", |bencher| {
            bencher.iter(|| serde_json::from_slice::<Value>(black_box(&body)).unwrap());
        });
    }
    group.bench_function("parse", |bencher| {
        bencher.iter(|| adapter.parse(black_box(&verified)).unwrap());
    });
    if let Some(source) = adapter.source() {
        let answers = source.sample(&order(ITEMS_MAX));
        let length = answers.iter().map(Vec::len).sum::<usize>();
        group.throughput(Throughput::Bytes(length as u64));
        group.bench_function("parse_answer", |bencher| {
            bencher.iter(|| source.parse("820982911946154508", black_box(&answers)).unwrap());
        });
    }
    group.finish();
}

/// The shortest sample that is long enough; else the longest fixture that can be read, since not all
/// platforms tell more of an order than its id.
fn request(adapter: &dyn Adapter) -> (HeaderMap, Vec<u8>) {
    let mut samples = (1..=ITEMS_MAX).map(|items| adapter.sample(&order(items)));
    let Some(sample) = samples.find(|sample| sample.body.len() >= LENGTH) else {
        return longest_fixture(adapter);
    };
    let header = |(name, value): (&'static str, String)| {
        (HeaderName::from_static(name), value.parse().unwrap())
    };
    (sample.headers.into_iter().map(header).collect(), sample.body)
}

fn longest_fixture(adapter: &dyn Adapter) -> (HeaderMap, Vec<u8>) {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/adapters");
    let files = fs::read_dir(Path::new(fixtures).join(adapter.meta().id)).unwrap();
    let fixtures = files.map(|file| file.unwrap().path()).filter(|path| {
        path.extension().is_some_and(|extension| extension == "json")
            && path.file_stem().is_some_and(|name| name != "malformed")
    });
    let body = |fixture: &Value| fixture["body"].as_str().unwrap().to_owned();
    let longest = fixtures
        .map(|path| serde_json::from_slice::<Value>(&fs::read(path).unwrap()).unwrap())
        .max_by_key(|fixture| body(fixture).len())
        .unwrap();
    let headers = longest["headers"].as_object().unwrap().iter().map(|(name, value)| {
        (name.parse::<HeaderName>().unwrap(), value.as_str().unwrap().parse().unwrap())
    });
    (headers.collect(), body(&longest).into_bytes())
}

/// An order of so many products.
fn order(items: usize) -> OrderEvent {
    let item = |number: usize| Item {
        name: format!("Kaffe \"Mörk\", {number} g"),
        sku: Some(format!("K-{number}")),
        gtin: Some("7350053850019".into()),
        url: Some(format!("https://shop.example/products/kaffe-{number}")),
        image: Some(format!("https://shop.example/products/kaffe-{number}.jpg")),
        ..Item::default()
    };
    let order = Order {
        reference: "820982911946154508".into(),
        number: Some("1001".into()),
        email: EmailAddress::parse("asa.lind@example.com").ok(),
        name: Some("Åsa Lind".into()),
        locale: Some("sv".into()),
        country: Some("SE".into()),
        items: (1..=items).map(item).collect(),
        total: Money::new("498.00".parse().ok(), Some("SEK")),
        marketing_consent: Some(Consent::ticked(false, "buyer_accepts_marketing")),
        placed_at: Some(now()),
        ..Order::default()
    };
    OrderEvent { change: Change::Completed, at: Some(now()), order }
}

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

/// There are many platforms, and none of the figures needs four digits.
fn short() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
}

criterion_group! { name = benches; config = short(); targets = platforms }
criterion_main!(benches);
