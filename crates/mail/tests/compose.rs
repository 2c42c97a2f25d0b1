//! What travels is what was meant, whatever stands in names and subjects.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, too")]

use domain::{EmailAddress, text};
use jiff::Timestamp;
use mail::{ComposeError, Mailbox, Message, compose};
use mail_parser::{HeaderName, HeaderValue, MessageParser};
use proptest::prelude::*;

fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

fn message() -> Message {
    Message {
        id: "inv-0190a5e8-7c1d-7abc-8def-0123456789ab.first".to_owned(),
        date: "2026-11-21T09:30:00Z".parse().unwrap(),
        from: Mailbox {
            name: Some("Sköna hem".to_owned()),
            address: address("reviews@mail.shop.example"),
        },
        return_path: None,
        reply_to: Some(address("support@shop.example")),
        to: Mailbox { name: Some("Anna Lind".to_owned()), address: address("anna@x.example") },
        subject: "Hur var din beställning?".to_owned(),
        text: "Hej Anna!\n\n.\n..två punkter\nFrom här\n".to_owned(),
        html: "<p>Hej Anna!</p>".to_owned(),
        unsubscribe: Some(format!("https://reviews.shop.example/u/{}", "x".repeat(200))),
        unsubscribe_mailto: None,
        list_id: Some("reviews.shop.example".to_owned()),
        feedback_id: Some("first:shop:review-invite".to_owned()),
        dkim: None,
    }
}

#[test]
fn a_message_travels_as_these_bytes() {
    let outgoing = compose(&message()).unwrap();
    let expected = format!(
        "Date: Sat, 21 Nov 2026 09:30:00 +0000\r\n\
         From: =?utf-8?b?U2vDtm5hIGhlbQ==?= <reviews@mail.shop.example>\r\n\
         To: \"Anna Lind\" <anna@x.example>\r\n\
         Reply-To: support@shop.example\r\n\
         Message-ID: <inv-0190a5e8-7c1d-7abc-8def-0123456789ab.first@mail.shop.example>\r\n\
         Subject: Hur var din =?utf-8?b?YmVzdMOkbGxuaW5nPw==?=\r\n\
         List-Unsubscribe: <https://reviews.shop.example/u/{token}>\r\n\
         List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\
         List-Id: <reviews.shop.example>\r\n\
         Feedback-ID: first:shop:review-invite:afs-shopexample\r\n\
         Auto-Submitted: auto-generated\r\n\
         X-Auto-Response-Suppress: All\r\n\
         MIME-Version: 1.0\r\n\
         Content-Type: multipart/alternative;\r\n\x20boundary=\"=_inv-0190a5e8-7c1d-7abc-8def-0123456789ab.first\"\r\n\
         \r\n\
         --=_inv-0190a5e8-7c1d-7abc-8def-0123456789ab.first\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: quoted-printable\r\n\
         \r\n\
         Hej Anna!\r\n\
         \r\n\
         .\r\n\
         ..tv=C3=A5 punkter\r\n\
         From h=C3=A4r\r\n\
         \r\n\
         --=_inv-0190a5e8-7c1d-7abc-8def-0123456789ab.first\r\n\
         Content-Type: text/html; charset=utf-8\r\n\
         Content-Transfer-Encoding: quoted-printable\r\n\
         \r\n\
         <p>Hej Anna!</p>\r\n\
         --=_inv-0190a5e8-7c1d-7abc-8def-0123456789ab.first--\r\n",
        token = "x".repeat(200)
    );
    assert_eq!(String::from_utf8_lossy(outgoing.bytes()), expected);
    assert_eq!(
        outgoing.message_id(),
        "inv-0190a5e8-7c1d-7abc-8def-0123456789ab.first@mail.shop.example"
    );
    assert_eq!(outgoing.from(), &address("reviews@mail.shop.example"));
    assert_eq!(outgoing.to(), &address("anna@x.example"));
}

#[test]
fn debug_tells_neither_address_nor_content() {
    let debug = format!("{:?} {:?}", message(), compose(&message()).unwrap());
    for secret in ["anna", "Anna", "support", "reviews@", "Hur", "/u/"] {
        assert!(!debug.contains(secret), "{secret} in {debug}");
    }
}

#[test]
fn what_cannot_stand_in_a_header_is_refused() {
    type Change = fn(&mut Message);
    let table: &[(ComposeError, Change)] = &[
        (ComposeError::Id, |m| m.id = String::new()),
        (ComposeError::Id, |m| m.id = "a b".to_owned()),
        (ComposeError::Id, |m| m.id = "a/../b".to_owned()),
        (ComposeError::Id, |m| m.id = "a@b".to_owned()),
        (ComposeError::Id, |m| m.id = "a..b".to_owned()),
        (ComposeError::Id, |m| m.id = "a>\r\nBcc: x@x.example".to_owned()),
        (ComposeError::Id, |m| m.id = "a".repeat(65)),
        (ComposeError::Date, |m| m.date = Timestamp::MIN),
        (ComposeError::Subject, |m| m.subject = " \r\n\u{202e}\u{200b}".to_owned()),
        (ComposeError::Unsubscribe, |m| m.unsubscribe = Some("mailto:u@x.example".to_owned())),
        (ComposeError::Unsubscribe, |m| m.unsubscribe = Some("https://".to_owned())),
        (ComposeError::Unsubscribe, |m| {
            m.unsubscribe = Some("https://a/>, <https://b/".to_owned());
        }),
        (ComposeError::Unsubscribe, |m| m.unsubscribe = Some("https://a/\r\nBcc: x".to_owned())),
        (ComposeError::Unsubscribe, |m| m.unsubscribe = Some("https://a/é".to_owned())),
        (ComposeError::Unsubscribe, |m| {
            m.unsubscribe = Some(format!("https://a/{}", "x".repeat(900)));
        }),
        (ComposeError::ListId, |m| m.list_id = Some("a b".to_owned())),
        (ComposeError::ListId, |m| m.list_id = Some(String::new())),
        (ComposeError::FeedbackId, |m| m.feedback_id = Some("a:b:c:d".to_owned())),
        (ComposeError::FeedbackId, |m| m.feedback_id = Some("a: b".to_owned())),
        (ComposeError::TooLarge, |m| m.text = "x".repeat(256 * 1024 + 1)),
        (ComposeError::TooLarge, |m| m.html = "x".repeat(256 * 1024 + 1)),
    ];
    for (error, change) in table {
        let mut message = message();
        change(&mut message);
        assert_eq!(compose(&message), Err(*error), "{}", message.subject);
    }
}

#[test]
fn the_largest_bodies_and_addresses_travel() {
    let mut message = message();
    message.text = "\n".repeat(256 * 1024);
    message.html = "é".repeat(128 * 1024);
    message.to.address = address(&format!("{}@{}x.example", "a".repeat(64), "b.".repeat(90)));
    message.to.name = Some("Å".repeat(300));
    message.unsubscribe = Some(format!("http://a/{}", "x".repeat(891)));
    compose(&message).unwrap();
}

/// Text as it comes through forms: anything, with a liking for what breaks headers.
fn foreign() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "\\PC{0,200}",
        "[ -~]{0,200}",
        "[a-z\"\\\\<>@,;:. ()=?\r\n\0\t]{0,60}",
        "(=\\?utf-8\\?[bq]\\?[A-Za-z0-9=_]{0,20}\\?= ?){1,4}",
        "[a-z]{0,9}\r?\n(Bcc|To|Subject|Content-Type): [a-z]{1,9}@x\\.example(\r\n\r\n)?[a-z]{0,9}",
        "[äöü😀 a-z]{0,200}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn whatever_the_names_say_a_reader_finds_just_our_headers(
        from in proptest::option::of(foreign()),
        to in proptest::option::of(foreign()),
        subject in foreign(),
        body in foreign(),
    ) {
        let mut message = message();
        message.from.name.clone_from(&from);
        message.to.name.clone_from(&to);
        message.subject.clone_from(&subject);
        message.text.clone_from(&body);
        let readable = |line: String| line.replace("=?", "= ?");
        let subject = readable(text::line(&subject));
        if subject.is_empty() {
            prop_assert_eq!(compose(&message), Err(ComposeError::Subject));
            return Ok(());
        }
        let outgoing = compose(&message).unwrap();
        prop_assert_eq!(&outgoing, &compose(&message).unwrap(), "the same bytes every time");

        let bytes = outgoing.bytes();
        prop_assert!(bytes.is_ascii());
        let mut lines = str::from_utf8(bytes).unwrap().split("\r\n");
        prop_assert!(lines.all(|line| line.len() <= 998 && !line.contains(['\r', '\n', '\0'])));

        let parsed = MessageParser::new().parse(bytes).unwrap();
        let names: Vec<&str> = parsed.headers().iter().map(mail_parser::Header::name).collect();
        prop_assert_eq!(names, [
            "Date", "From", "To", "Reply-To", "Message-ID", "Subject", "List-Unsubscribe",
            "List-Unsubscribe-Post", "List-ID", "Feedback-ID", "Auto-Submitted",
            "X-Auto-Response-Suppress", "MIME-Version", "Content-Type",
        ]);
        prop_assert_eq!(parsed.subject(), Some(subject.as_str()));
        for (header, name, address) in [
            (HeaderName::From, from.as_deref().map(text::line), "reviews@mail.shop.example"),
            (HeaderName::To, to.as_deref().map(text::person_name), "anna@x.example"),
        ] {
            let Some(HeaderValue::Address(list)) = parsed.header(header) else { panic!("no address") };
            let all: Vec<_> = list.iter().collect();
            prop_assert_eq!(all.len(), 1);
            let name = name.map(readable).filter(|name| !name.is_empty());
            prop_assert_eq!(all[0].name(), name.as_deref());
            prop_assert_eq!(all[0].address(), Some(address));
        }
        prop_assert_eq!(parsed.message_id(), Some(outgoing.message_id()));
        let lines: Vec<String> = parsed.body_text(0).unwrap().lines().map(str::to_owned).collect();
        let unix = body.replace("\r\n", "\n").replace('\r', "\n");
        let clean: String = unix.chars().filter(|&c| matches!(c, '\n' | '\t') || !c.is_control()).collect();
        let expected: Vec<String> = clean.lines().map(str::to_owned).collect();
        prop_assert_eq!(lines, expected);
    }
}
