//! What the steps of an order cost by themselves: `cargo bench -p bench`.
#![expect(clippy::unwrap_used, reason = "measuring code")]

use std::hint::black_box;

use adapter_api::Request;
use bench::orders::{Orders, SECRET};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use domain::{
    EmailAddress, InvitationId,
    schedule::SendWindow,
    token::{Purpose, TokenKeys},
};
use jiff::{Timestamp, civil::time, tz::TimeZone};
use mail::{Mailbox, Message};
use templates::{MailKind, Templates};
use uuid::Uuid;

fn webhook(criterion: &mut Criterion) {
    let now = "2026-07-01T12:00:00Z".parse().unwrap();
    let body = Orders::fulfilled_at(now).body(1);
    let shopify = adapters::find("shopify").unwrap();
    let mut headers = shopify.scheme().sign(SECRET, body.as_bytes(), "", now);
    headers.insert("x-shopify-topic", "orders/fulfilled".parse().unwrap());
    let request = Request {
        headers: &headers,
        body: body.as_bytes(),
        received_at: now,
        address_secret: None,
    };
    let verified = shopify.scheme().verify(request, &[SECRET]).unwrap();

    let mut group = criterion.benchmark_group("webhook");
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("verify", |bencher| {
        bencher.iter(|| shopify.scheme().verify(black_box(request), &[SECRET]).unwrap());
    });
    group.bench_function("parse", |bencher| {
        bencher.iter(|| shopify.parse(black_box(&verified)).unwrap());
    });
    group.finish();
}

fn render(criterion: &mut Criterion) {
    let templates = Templates::load(None).unwrap();
    let language = templates.language(Some("de"), "en");
    let sample = templates::samples().remove(0);
    let (_, form) = &sample.pages[0];

    let mut group = criterion.benchmark_group("render");
    group.bench_function("mail", |bencher| {
        bencher.iter(|| {
            templates
                .invitation(&language, MailKind::Invitation, None, black_box(&sample.mail))
                .unwrap()
        });
    });
    group.bench_function("form", |bencher| {
        bencher.iter(|| templates.page(&language, black_box(form)).unwrap());
    });
    group.finish();
}

fn compose(criterion: &mut Criterion) {
    let templates = Templates::load(None).unwrap();
    let language = templates.language(Some("de"), "en");
    let sample = templates::samples().remove(0).mail;
    let rendered = templates.invitation(&language, MailKind::Invitation, None, &sample).unwrap();
    let somebody = |name: &str, address| Mailbox {
        name: Some(name.to_owned()),
        address: EmailAddress::parse(address).unwrap(),
    };
    let message = Message {
        id: "inv-0197c1f6-0000-7000-8000-000000000000".to_owned(),
        date: Timestamp::UNIX_EPOCH,
        from: somebody("Nordic Tea", "reviews@shop.example"),
        return_path: None,
        reply_to: None,
        to: somebody("Anna Berg", "anna@example.com"),
        subject: rendered.subject,
        text: rendered.text,
        html: rendered.html,
        unsubscribe: Some(sample.unsubscribe_url),
        unsubscribe_mailto: None,
        list_id: Some("nordic-tea.reviews.shop.example".to_owned()),
        feedback_id: Some("invitation:nordic-tea".to_owned()),
        dkim: None,
    };
    let mut group = criterion.benchmark_group("compose");
    group.throughput(Throughput::Bytes(mail::compose(&message).unwrap().bytes().len() as u64));
    group.bench_function("mail", |bencher| {
        bencher.iter(|| mail::compose(black_box(&message)).unwrap());
    });
    group.finish();
}

fn token(criterion: &mut Criterion) {
    let keys = TokenKeys::new(vec![vec![7; 32]]).unwrap();
    let invitation = InvitationId(Uuid::from_u128(1 << 100));
    let token = keys.token(Purpose::Review, invitation);

    let mut group = criterion.benchmark_group("token");
    group.bench_function("make", |bencher| {
        bencher.iter(|| keys.token(Purpose::Review, black_box(invitation)));
    });
    group.bench_function("open", |bencher| {
        bencher.iter(|| keys.open(Purpose::Review, black_box(&token)).unwrap());
    });
    group.finish();
}

fn schedule(criterion: &mut Criterion) {
    let zone = TimeZone::get("Europe/Stockholm").unwrap();
    let window = SendWindow::new(time(9, 0, 0, 0), time(19, 0, 0, 0), zone).unwrap();
    let evening = "2026-07-01T20:00:00Z".parse().unwrap();
    criterion.bench_function("schedule/next_open", |bencher| {
        bencher.iter(|| window.next_open(black_box(evening)));
    });
}

criterion_group!(benches, webhook, render, compose, token, schedule);
criterion_main!(benches);
