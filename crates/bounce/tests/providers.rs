//! What providers tell, and who else tries to.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, too")]

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bounce::{
    Event, Kind,
    provider::{Malformed, Reject, Request, mailgun, postmark, sendgrid, ses},
};
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, date_time_ymd};
use ring::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
    },
};
use serde_json::{Value, json};
use sha2::Sha256;

const MAIL: &str = "inv-0190a5e8-7c1d-7abc-8def-0123456789ab@mail.shop.example";

fn now() -> Timestamp {
    "2026-11-16T10:00:00Z".parse().unwrap()
}

fn fixture(name: &str) -> Value {
    let path = format!("{}/tests/fixtures/provider/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::File::open(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_reader(text).unwrap()
}

/// `hard_bounce 5.1.1`, and whether the mail and the address are known.
fn told(events: &[Event]) -> Vec<String> {
    events
        .iter()
        .map(|event| {
            assert!(event.key.len() <= 200 && !event.detail.contains('@'), "{event:?}");
            let known = |known, what| if known { what } else { "" };
            let kind = event.kind.as_str();
            let status = event.status.as_deref().unwrap_or("-");
            let mail = known(event.mail.is_some(), " mail");
            let address = known(event.address.is_some(), " address");
            format!("{kind} {status}{mail}{address}")
        })
        .collect()
}

/// Each provider with what its real counterpart knows.
mod sign {
    use super::*;

    pub(super) fn mailgun(data: &Value, at: Timestamp, token: &str) -> Value {
        let timestamp = at.as_second().to_string();
        let mut mac = Hmac::<Sha256>::new_from_slice(b"key-of-mailgun").unwrap();
        mac.update(timestamp.as_bytes());
        mac.update(token.as_bytes());
        let signature = HEXLOWER.encode(&mac.finalize().into_bytes());
        json!({
            "signature": { "timestamp": timestamp, "token": token, "signature": signature },
            "event-data": data,
        })
    }

    pub(super) struct SendGrid(EcdsaKeyPair);

    impl SendGrid {
        pub(super) fn new() -> Self {
            let random = SystemRandom::new();
            let signing = &ECDSA_P256_SHA256_ASN1_SIGNING;
            let pkcs8 = EcdsaKeyPair::generate_pkcs8(signing, &random).unwrap();
            Self(EcdsaKeyPair::from_pkcs8(signing, pkcs8.as_ref(), &random).unwrap())
        }

        /// As the page of the provider shows it.
        pub(super) fn settings(&self) -> sendgrid::Settings {
            // RFC 5480: a key on P-256, and its 65 bytes.
            let head = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
            let head = HEXLOWER.decode(head.as_bytes()).unwrap();
            let der = [head, self.0.public_key().as_ref().to_vec()].concat();
            sendgrid::Settings { public_key: STANDARD.encode(der) }
        }

        pub(super) fn headers(&self, body: &[u8], at: Timestamp) -> HeaderMap {
            let timestamp = at.as_second().to_string();
            let signed = [timestamp.as_bytes(), body].concat();
            let signature = self.0.sign(&SystemRandom::new(), &signed).unwrap();
            let mut headers = HeaderMap::new();
            let mut set = |name: &'static str, value: String| {
                headers.insert(name, HeaderValue::from_str(&value).unwrap());
            };
            set("x-twilio-email-event-webhook-signature", STANDARD.encode(signature));
            set("x-twilio-email-event-webhook-timestamp", timestamp);
            headers
        }
    }

    /// A key for nothing but these tests: `openssl genpkey -algorithm RSA`.
    const RSA: &str = include_str!("fixtures/provider/sns_test_key.pem");

    pub(super) const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:bounces";

    pub(super) fn certificate(from: i32, to: i32) -> String {
        let key = KeyPair::from_pem_and_sign_algo(RSA, &PKCS_RSA_SHA256).unwrap();
        let mut params =
            CertificateParams::new(["sns.eu-west-1.amazonaws.com".to_owned()]).unwrap();
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(to, 1, 1);
        params.self_signed(&key).unwrap().pem()
    }

    pub(super) fn sns(mut message: Value) -> Value {
        let names: &[&str] = if message["Type"] == "Notification" {
            &["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
        } else {
            &["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
        };
        let text: String = names
            .iter()
            .filter_map(|name| Some(format!("{name}\n{}\n", message[name].as_str()?)))
            .collect();
        let key = RsaKeyPair::from_pkcs8(&pem_bytes(RSA)).unwrap();
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
        message["Signature"] = STANDARD.encode(signature).into();
        message
    }

    fn pem_bytes(pem: &str) -> Vec<u8> {
        let lines: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        STANDARD.decode(lines).unwrap()
    }

    pub(super) fn notification(message: &Value) -> Value {
        sns(json!({
            "Type": "Notification",
            "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
            "TopicArn": TOPIC,
            "Subject": "Amazon SES Email Event Notification",
            "Message": message.to_string(),
            "Timestamp": "2026-11-16T09:59:58.000Z",
            "SignatureVersion": "2",
            "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-01.pem",
            "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe",
        }))
    }
}

fn request<'a>(headers: &'a HeaderMap, body: &'a [u8]) -> Request<'a> {
    Request { headers, body, received_at: now() }
}

// --- Mailgun

fn mailgun_settings() -> mailgun::Settings {
    mailgun::Settings { signing_key: "key-of-mailgun".into() }
}

fn mailgun(body: &Value) -> Result<Result<Vec<Event>, Malformed>, Reject> {
    let (headers, body) = (HeaderMap::new(), body.to_string());
    let verified = mailgun::verify(&request(&headers, body.as_bytes()), &mailgun_settings())?;
    Ok(verified.events())
}

#[test]
fn mailgun_tells() {
    for (name, expected) in [
        ("mailgun_permanent", "hard_bounce 5.1.1 mail address"),
        ("mailgun_permanent_policy", "soft_bounce 5.7.1 mail address"),
        ("mailgun_given_up", "soft_bounce - mail address"),
        ("mailgun_suppressed_bounce", "hard_bounce - mail address"),
        ("mailgun_suppressed_complaint", "unsubscribe - mail address"),
        ("mailgun_temporary", ""),
        ("mailgun_delivered", ""),
        ("mailgun_opened", ""),
        ("mailgun_complained", "complaint - mail address"),
        ("mailgun_unsubscribed", "unsubscribe - mail address"),
        ("mailgun_foreign_message_id", "hard_bounce 5.1.1 address"),
        ("mailgun_unheard_of", ""),
    ] {
        let events = mailgun(&sign::mailgun(&fixture(name), now(), "token")).unwrap().unwrap();
        assert_eq!(told(&events).join(", "), expected, "{name}");
    }
}

#[test]
fn mailgun_is_believed_with_its_signature_only() {
    let data = fixture("mailgun_permanent");
    let genuine = sign::mailgun(&data, now(), "token");
    assert!(mailgun(&genuine).is_ok());
    let changed = |pointer: &str, value: Value| {
        let mut body = genuine.clone();
        *body.pointer_mut(pointer).unwrap() = value;
        mailgun(&body).unwrap_err()
    };
    let signature = genuine["signature"]["signature"].as_str().unwrap();
    let other = if signature.starts_with('0') { "1" } else { "0" };
    let flipped = format!("{other}{}", &signature[1..]);
    assert_eq!(changed("/signature/signature", flipped.into()), Reject::Forged);
    assert_eq!(changed("/signature/signature", "".into()), Reject::Forged);
    assert_eq!(changed("/signature/signature", "xyz".into()), Reject::Malformed);
    assert_eq!(changed("/signature/token", "other".into()), Reject::Forged);
    assert_eq!(changed("/signature/timestamp", "1".into()), Reject::Forged);
    assert_eq!(changed("/signature", json!(null)), Reject::Malformed);
    assert_eq!(mailgun(&json!({ "event-data": data })).unwrap_err(), Reject::Missing);
    let ends = [(-9 * 3600, true), (-9 * 3600 - 1, false), (300, true), (301, false)];
    for (seconds, fresh) in ends {
        let at = now() + SignedDuration::from_secs(seconds);
        let answer = mailgun(&sign::mailgun(&data, at, "token"));
        assert_eq!(answer.err(), (!fresh).then_some(Reject::Stale), "{seconds}");
    }
}

/// The token is signed, what happened is not.
#[test]
fn a_token_of_mailgun_is_one_event_whatever_is_put_beside_it() {
    let key = |data: &str, token: &str| {
        mailgun(&sign::mailgun(&fixture(data), now(), token)).unwrap().unwrap()[0].key.clone()
    };
    assert_eq!(key("mailgun_permanent", "one"), key("mailgun_complained", "one"));
    assert_ne!(key("mailgun_permanent", "one"), key("mailgun_permanent", "two"));
}

// --- SendGrid

#[test]
fn sendgrid_tells() {
    let key = sign::SendGrid::new();
    let body = fixture("sendgrid_batch").to_string();
    let headers = key.headers(body.as_bytes(), now());
    let verified = sendgrid::verify(&request(&headers, body.as_bytes()), &key.settings()).unwrap();
    let events = verified.events().unwrap();
    assert_eq!(
        told(&events),
        [
            "hard_bounce 5.1.1 mail address",
            "soft_bounce 5.7.1 mail address",
            "soft_bounce 5.2.2 mail address",
            "hard_bounce - mail address",
            "unsubscribe - mail address",
            "unsubscribe - mail address",
            "complaint - mail address",
            "unsubscribe - mail address",
            "unsubscribe - address",
        ]
    );
    assert_eq!(events[0].detail, "550 5.1.1 <address>: user unknown");
    assert_eq!(events[0].address.as_ref().unwrap().as_str(), "anna.lind@recipient.example");
}

#[test]
fn sendgrid_is_believed_with_its_signature_only() {
    let key = sign::SendGrid::new();
    let body = fixture("sendgrid_batch").to_string().into_bytes();
    let settings = key.settings();
    let genuine = key.headers(&body, now());
    let verify = |headers: &HeaderMap, body: &[u8], settings: &sendgrid::Settings| {
        sendgrid::verify(&request(headers, body), settings).map(|_| ()).err()
    };
    assert_eq!(verify(&genuine, &body, &settings), None);
    for at in (0..body.len()).step_by(97) {
        let mut forged = body.clone();
        forged[at] ^= 1;
        assert_eq!(verify(&genuine, &forged, &settings), Some(Reject::Forged), "byte {at}");
    }
    let other = sign::SendGrid::new();
    assert_eq!(verify(&genuine, &body, &other.settings()), Some(Reject::Forged));
    for header in
        ["x-twilio-email-event-webhook-signature", "x-twilio-email-event-webhook-timestamp"]
    {
        let mut headers = genuine.clone();
        headers.append(header, HeaderValue::from_static("1"));
        assert_eq!(verify(&headers, &body, &settings), Some(Reject::Missing), "{header} twice");
        headers.remove(header);
        assert_eq!(verify(&headers, &body, &settings), Some(Reject::Missing), "no {header}");
        headers.insert(header, HeaderValue::from_static("1"));
        assert!(verify(&headers, &body, &settings).is_some(), "another {header}");
    }
    for hours in [-26, 1] {
        let old = key.headers(&body, now() + SignedDuration::from_hours(hours));
        assert_eq!(verify(&old, &body, &settings), Some(Reject::Stale), "{hours}");
    }
    for broken in ["", "x", "AAAA"] {
        let settings = sendgrid::Settings { public_key: broken.to_owned() };
        assert!(!settings.is_usable(), "{broken:?}");
        assert_eq!(verify(&genuine, &body, &settings), Some(Reject::Key), "{broken:?}");
    }
}

#[test]
fn a_genuine_body_of_another_shape_is_an_error_that_says_where() {
    let key = sign::SendGrid::new();
    let mut body = fixture("sendgrid_batch");
    body[2]["email"] = json!({ "anna@recipient.example": 7 });
    for (body, at) in [
        (body, "[2].email"),
        (json!({ "event": "bounce" }), "body"),
        (json!([{ "event": 5 }]), "[0].event"),
        (json!([{ "email": "x" }]), "[0]"),
    ] {
        let body = body.to_string();
        let headers = key.headers(body.as_bytes(), now());
        let verified = sendgrid::verify(&request(&headers, body.as_bytes()), &key.settings());
        let problem = verified.unwrap().events().unwrap_err();
        assert_eq!(problem.at, at, "{problem}");
        assert!(!problem.to_string().contains("anna"), "{problem}");
    }
    let headers = key.headers(b"[", now());
    let verified = sendgrid::verify(&request(&headers, b"["), &key.settings()).unwrap();
    assert_eq!(verified.events().unwrap_err().at, "body");
}

// --- Postmark

fn postmark(body: &Value, authorization: Option<&str>) -> Result<Vec<Event>, Reject> {
    let settings = postmark::Settings { user: "afs".to_owned(), password: "a password".into() };
    let mut headers = HeaderMap::new();
    if let Some(value) = authorization {
        headers.insert("authorization", HeaderValue::from_str(value).unwrap());
    }
    let body = body.to_string();
    let verified = postmark::verify(&request(&headers, body.as_bytes()), &settings)?;
    Ok(verified.events().unwrap())
}

#[test]
fn postmark_tells() {
    let password = format!("Basic {}", STANDARD.encode("afs:a password"));
    for (name, expected) in [
        ("postmark_hard", "hard_bounce 5.1.1 mail address"),
        ("postmark_hard_for_spam", "soft_bounce 5.7.1 address"),
        ("postmark_soft", "soft_bounce 4.2.2 address"),
        ("postmark_transient", ""),
        ("postmark_auto_responder", ""),
        ("postmark_blocked", "soft_bounce - address"),
        ("postmark_complaint", "complaint - address"),
        ("postmark_subscription", "unsubscribe - address"),
        ("postmark_subscription_of_bounce", ""),
        ("postmark_reactivated", ""),
        ("postmark_delivery", ""),
    ] {
        let events = postmark(&fixture(name), Some(&password)).unwrap();
        assert_eq!(told(&events).join(", "), expected, "{name}");
    }
}

#[test]
fn postmark_is_believed_with_its_password_only() {
    let body = fixture("postmark_hard");
    let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
    assert_eq!(postmark(&body, None), Err(Reject::Missing));
    for (header, why) in [
        (basic("afs:a passwore"), Reject::Forged),
        (basic("afs:"), Reject::Forged),
        (basic("afs"), Reject::Forged),
        (basic("afs:a password "), Reject::Forged),
        (basic("other:a password"), Reject::Forged),
        ("Basic ***".to_owned(), Reject::Malformed),
        ("Bearer a password".to_owned(), Reject::Malformed),
        ("Basic".to_owned(), Reject::Malformed),
    ] {
        assert_eq!(postmark(&body, Some(&header)), Err(why), "{header}");
    }
    let empty = mailgun::Settings { signing_key: "".into() };
    assert!(!empty.is_usable() && mailgun_settings().is_usable());
    let nobody = postmark::Settings { user: String::new(), password: "".into() };
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_str(&basic(":")).unwrap());
    let refused = postmark::verify(&request(&headers, b"{}"), &nobody);
    assert_eq!(refused.map(|_| ()), Err(Reject::Key), "no password is no password");
}

// --- SES

fn ses(message: &Value, certificate: &str) -> Result<ses::Verified, Reject> {
    ses_at(message, certificate, now())
}

fn ses_at(message: &Value, certificate: &str, at: Timestamp) -> Result<ses::Verified, Reject> {
    let settings = ses::Settings { topics: vec!["other".to_owned(), sign::TOPIC.to_owned()] };
    let (headers, body) = (HeaderMap::new(), message.to_string());
    let request = Request { received_at: at, ..request(&headers, body.as_bytes()) };
    ses::Message::read(&request, &settings)?.verify(certificate.as_bytes())
}

fn ses_events(message: &Value) -> Result<Vec<Event>, Malformed> {
    match ses(&sign::notification(message), &sign::certificate(2026, 2027)) {
        Ok(ses::Verified::Notification(notification)) => notification.events(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn ses_tells() {
    for (name, expected) in [
        ("ses_permanent", "hard_bounce 5.1.1 mail address"),
        ("ses_permanent_without_headers", "hard_bounce 5.1.1 address"),
        ("ses_permanent_suppressed", "hard_bounce 5.1.1 address"),
        ("ses_permanent_policy", "soft_bounce 5.7.1 mail address"),
        ("ses_transient", "soft_bounce 5.2.2 mail address"),
        ("ses_undetermined", "soft_bounce - mail address"),
        ("ses_two_recipients", "hard_bounce 5.1.1 address, hard_bounce 5.1.2 address"),
        ("ses_complaint", "complaint - mail address"),
        ("ses_complaint_not_spam", ""),
        ("ses_complaint_suppressed", "unsubscribe - address"),
        ("ses_event_subscription", "unsubscribe - mail address"),
        ("ses_event_bounce", "hard_bounce 5.1.1 mail address"),
        ("ses_delivery", ""),
        ("ses_event_delay", ""),
    ] {
        let events = ses_events(&fixture(name)).unwrap();
        assert_eq!(told(&events).join(", "), expected, "{name}");
    }
    let events = ses_events(&fixture("ses_two_recipients")).unwrap();
    assert_ne!(events[0].key, events[1].key);
}

#[test]
fn what_is_not_of_ses_is_an_error_that_says_where() {
    for (message, at) in [
        (json!({}), "notificationType"),
        (json!({ "notificationType": "Bounce" }), "bounce"),
        (
            json!({ "notificationType": "Bounce", "bounce": { "bounceType": 1 } }),
            "bounce.bounceType",
        ),
    ] {
        assert_eq!(ses_events(&message).unwrap_err().at, at);
    }
}

#[test]
fn sns_is_believed_for_our_topics_with_its_certificate_only() {
    let certificate = sign::certificate(2026, 2027);
    let genuine = sign::notification(&fixture("ses_permanent"));
    assert!(ses(&genuine, &certificate).is_ok());
    let with = |name: &str, value: &str| {
        let mut message = genuine.clone();
        message[name] = value.into();
        message
    };
    // What is signed, changed afterwards.
    for name in ["Message", "MessageId", "Subject", "Timestamp"] {
        let text = genuine[name].as_str().unwrap();
        let forged = with(name, &text.replacen(['0', 'A', '{'], "9", 1));
        assert_eq!(ses(&forged, &certificate).unwrap_err(), Reject::Forged, "{name}");
    }
    let forged = with("Type", "UnsubscribeConfirmation");
    assert!(ses(&forged, &certificate).is_err());
    assert_eq!(ses(&with("Signature", "AAAA"), &certificate).unwrap_err(), Reject::Forged);
    assert_eq!(ses(&with("Signature", "?"), &certificate).unwrap_err(), Reject::Malformed);
    let mut missing = genuine.clone();
    missing.as_object_mut().unwrap().remove("Signature");
    assert_eq!(ses(&missing, &certificate).unwrap_err(), Reject::Missing);
    // Somebody else's topic, signed as well as ours.
    let topic = sign::sns(with("TopicArn", "arn:aws:sns:eu-west-1:210987654321:bounces"));
    assert_eq!(ses(&topic, &certificate).unwrap_err(), Reject::WrongTopic);
    // SHA-1.
    let old = with("SignatureVersion", "1");
    assert_eq!(ses(&old, &certificate).unwrap_err(), Reject::Malformed);
    // A certificate from elsewhere.
    for url in [
        "https://sns.eu-west-1.amazonaws.com.evil.example/x.pem",
        "http://sns.eu-west-1.amazonaws.com/x.pem",
        "https://evil.example/x.pem",
        "https://sns.eu-west-1.amazonaws.com/x.txt",
        "https://sns.eu-west-1.amazonaws.com/?x=.pem",
    ] {
        let refused = ses(&with("SigningCertURL", url), &certificate).unwrap_err();
        assert_eq!(refused, Reject::WrongHost, "{url}");
    }
    for (from, to) in [(2020, 2026), (2027, 2028)] {
        let refused = ses(&genuine, &sign::certificate(from, to)).unwrap_err();
        assert_eq!(refused, Reject::Certificate, "{from} to {to}");
    }
    assert_eq!(ses(&genuine, "").unwrap_err(), Reject::Certificate);
    let another = rcgen::generate_simple_self_signed(["x.example".to_owned()]).unwrap().cert.pem();
    assert!(ses(&genuine, &another).is_err(), "somebody else's key");
    for hours in [26, -1] {
        let refused = ses_at(&genuine, &certificate, now() + SignedDuration::from_hours(hours));
        assert_eq!(refused.unwrap_err(), Reject::Stale, "{hours}");
    }
}

#[test]
fn a_subscription_is_an_address_at_sns_to_visit() {
    let certificate = sign::certificate(2026, 2027);
    let confirmation = |url: &str| {
        sign::sns(json!({
            "Type": "SubscriptionConfirmation",
            "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
            "Token": "2336412f37",
            "TopicArn": sign::TOPIC,
            "Message": "You have chosen to subscribe to the topic.",
            "SubscribeURL": url,
            "Timestamp": "2026-11-16T09:59:58.000Z",
            "SignatureVersion": "2",
            "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-01.pem",
        }))
    };
    let url = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=2336412f37";
    let subscription = ses(&confirmation(url), &certificate);
    assert_eq!(subscription, Ok(ses::Verified::Subscription(url.to_owned())));
    let elsewhere = confirmation("https://evil.example/?Action=ConfirmSubscription");
    assert_eq!(ses(&elsewhere, &certificate), Err(Reject::WrongHost));
    let mut forged = confirmation(url);
    forged["SubscribeURL"] = url.replace("2336", "2337").into();
    assert_eq!(ses(&forged, &certificate), Err(Reject::Forged));
}

// --- All

#[test]
fn secrets_are_not_shown() {
    let settings = format!(
        "{:?} {:?}",
        mailgun_settings(),
        postmark::Settings { user: "afs".to_owned(), password: "a password".into() }
    );
    assert!(!settings.contains("key-of-mailgun") && !settings.contains("a password"), "{settings}");
}

#[test]
fn the_same_webhook_has_the_same_keys_and_another_has_others() {
    let message = fixture("ses_permanent");
    assert_eq!(ses_events(&message).unwrap(), ses_events(&message).unwrap());
    assert_ne!(
        ses_events(&message).unwrap()[0].key,
        ses_events(&fixture("ses_complaint")).unwrap()[0].key
    );
    assert_eq!(ses_events(&message).unwrap()[0].mail.unwrap().to_string(), MAIL[4..40]);
    assert_eq!(ses_events(&message).unwrap()[0].kind, Kind::HardBounce);
}

proptest! {
    #[test]
    fn any_bytes_are_answered(body: Vec<u8>, header in "[ -~]{0,40}") {
        let mut headers = HeaderMap::new();
        for name in ["authorization", "x-twilio-email-event-webhook-signature",
            "x-twilio-email-event-webhook-timestamp"]
        {
            headers.insert(name, HeaderValue::from_str(&header).unwrap());
        }
        let request = request(&headers, &body);
        let postmark = postmark::Settings { user: "afs".to_owned(), password: "secret".into() };
        let sendgrid = sign::SendGrid::new().settings();
        let ses = ses::Settings { topics: vec![sign::TOPIC.to_owned()] };
        prop_assert!(mailgun::verify(&request, &mailgun_settings()).is_err());
        prop_assert!(postmark::verify(&request, &postmark).is_err());
        prop_assert!(sendgrid::verify(&request, &sendgrid).is_err());
        prop_assert!(ses::Message::read(&request, &ses).is_err());
    }

    /// Every value of a genuine body replaced by another.
    #[test]
    fn any_genuine_body_is_answered(
        name in prop::sample::select(vec!["mailgun_permanent", "mailgun_given_up", "mailgun_complained"]),
        pointer in prop::sample::select(vec!["/event", "/recipient", "/severity", "/reason",
            "/timestamp", "/delivery-status", "/delivery-status/message", "/message",
            "/message/headers/message-id"]),
        value in prop::sample::select(vec![json!(null), json!(-1e300), json!("a@b"), json!([]), json!({})]),
    ) {
        let mut data = fixture(name);
        if let Some(place) = data.pointer_mut(pointer) {
            *place = value;
        }
        let _either = mailgun(&sign::mailgun(&data, now(), "token")).unwrap();
    }
}
