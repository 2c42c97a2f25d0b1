#![no_main]

use std::sync::LazyLock;

use bounce::{
    Event,
    provider::{Malformed, Request, mailgun, postmark, sendgrid, ses},
};
use http::{HeaderMap, HeaderValue};
use ring::hmac;

const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:bounces";
const SECRET: &str = "a secret of the operator";

static POSTMARK: LazyLock<HeaderMap> = LazyLock::new(|| {
    let mut headers = HeaderMap::new();
    // `afs` and the secret.
    let value = HeaderValue::from_static("Basic YWZzOmEgc2VjcmV0IG9mIHRoZSBvcGVyYXRvcg==");
    headers.insert("authorization", value);
    headers
});

// A body that nobody signed, and one that the provider did.
libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    let none = HeaderMap::new();
    let request = |headers, body| Request { headers, body, received_at: fuzz::now() };
    let postmark = postmark::Settings { user: "afs".to_owned(), password: SECRET.into() };
    let mailgun = mailgun::Settings { signing_key: SECRET.into() };
    let sendgrid = sendgrid::Settings { public_key: String::from_utf8_lossy(body).into_owned() };
    let ses = ses::Settings { topics: vec![TOPIC.to_owned()] };
    assert!(postmark::verify(&request(&none, body), &postmark).is_err());
    assert!(mailgun::verify(&request(&none, body), &mailgun).is_err());
    assert!(sendgrid::verify(&request(&none, body), &sendgrid).is_err());
    if let Ok(message) = ses::Message::read(&request(&none, body), &ses) {
        assert!(message.certificate_url().starts_with("https://sns."));
        assert!(message.verify(body).is_err(), "no input has a certificate");
    }

    let genuine = postmark::verify(&request(&*POSTMARK, body), &postmark).expect("the password");
    check(genuine.events());

    let timestamp = fuzz::now().as_second().to_string();
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let tag = hmac::sign(&key, format!("{timestamp}token").as_bytes());
    let tag: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    if let Ok(data) = serde_json::from_slice::<serde_json::Value>(body) {
        let body = serde_json::json!({
            "signature": { "timestamp": timestamp, "token": "token", "signature": tag },
            "event-data": data,
        });
        let body = body.to_string();
        if let Ok(genuine) = mailgun::verify(&request(&none, body.as_bytes()), &mailgun) {
            check(genuine.events());
        }
    }
});

fn check(events: Result<Vec<Event>, Malformed>) {
    for event in events.into_iter().flatten() {
        assert!(event.mail.is_some() || event.address.is_some());
        assert!(event.key.len() <= 200 && event.detail.chars().count() <= 150);
        assert!(!event.detail.contains(|c: char| c == '@' || c.is_control()));
    }
}
