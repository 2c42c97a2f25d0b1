//! What a signature costs: composing the same mail with and without.

#![expect(clippy::unwrap_used, reason = "a bench")]

use std::{hint::black_box, sync::Arc};

use criterion::{Criterion, criterion_group, criterion_main};
use domain::EmailAddress;
use mail::{Dkim, Mailbox, Message, PrivateKey, compose};

fn message(dkim: Option<Dkim>) -> Message {
    let mailbox = |text| Mailbox { name: None, address: EmailAddress::parse(text).unwrap() };
    Message {
        id: "inv-1".to_owned(),
        date: "2025-11-21T09:30:00Z".parse().unwrap(),
        from: mailbox("reviews@shop.example"),
        return_path: None,
        reply_to: None,
        to: mailbox("anna@x.example"),
        subject: "How was your order?".to_owned(),
        text: "Hello, how was it?\n".repeat(50),
        html: "<p>Hello, how was it?</p>\n".repeat(300),
        unsubscribe: Some("https://shop.example/u/token".to_owned()),
        unsubscribe_mailto: None,
        list_id: Some("shop.example".to_owned()),
        feedback_id: Some("invitation:shop".to_owned()),
        dkim: dkim.map(Arc::new),
    }
}

fn compose_and_sign(criterion: &mut Criterion) {
    let signer = |pem| {
        let keys = vec![("a".to_owned(), PrivateKey::from_pem(pem).unwrap())];
        Some(Dkim::new("shop.example".to_owned(), keys))
    };
    for (name, dkim) in [
        ("unsigned", None),
        ("rsa_2048", signer(include_str!("../tests/keys/rsa.pem"))),
        ("ed25519", signer(include_str!("../tests/keys/ed25519.pem"))),
    ] {
        let message = message(dkim);
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| compose(black_box(&message)).unwrap());
        });
    }
}

criterion_group!(benches, compose_and_sign);
criterion_main!(benches);
