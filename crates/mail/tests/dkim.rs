//! Signatures hold for what we wrote and for nothing else: also in the eyes of a program that is not
//! ours.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, too")]

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use domain::EmailAddress;
use mail::{Algorithm, Dkim, KeyError, Mailbox, Message, PrivateKey, compose};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

const RSA: &str = include_str!("keys/rsa.pem");
/// That of RFC 8463, appendix A.
const ED25519: &str = include_str!("keys/ed25519.pem");

/// What a signature covers of our mails.
const COVERED: [&str; 13] = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Reply-To",
    "MIME-Version",
    "Content-Type",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "List-Id",
    "Feedback-ID",
    "Auto-Submitted",
];

fn key(pem: &str) -> PrivateKey {
    PrivateKey::from_pem(pem).unwrap()
}

fn both() -> Arc<Dkim> {
    let keys = vec![("rsa".to_owned(), key(RSA)), ("ed".to_owned(), key(ED25519))];
    Arc::new(Dkim::new("shop.example".to_owned(), keys))
}

fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

fn message() -> Message {
    Message {
        id: "inv-1".to_owned(),
        date: "2025-11-21T09:30:00Z".parse().unwrap(),
        from: Mailbox { name: Some("Shop".to_owned()), address: address("r@mail.shop.example") },
        return_path: Some(address("bounce+tag@bounces.shop.example")),
        reply_to: Some(address("support@shop.example")),
        to: Mailbox { name: Some("Anna Lind".to_owned()), address: address("anna@x.example") },
        subject: "How was your order?".to_owned(),
        text: "Hello  Anna!\t\n\n.\nFrom us \n\n\n".to_owned(),
        html: "<p>Hello Anna!</p>".to_owned(),
        unsubscribe: Some("https://shop.example/u/token".to_owned()),
        unsubscribe_mailto: Some(address("unsub+tag@bounces.shop.example")),
        list_id: Some("shop.reviews.mail.shop.example".to_owned()),
        feedback_id: Some("invitation:shop".to_owned()),
        dkim: Some(both()),
    }
}

fn composed(change: impl FnOnce(&mut Message)) -> Vec<u8> {
    let mut message = message();
    change(&mut message);
    compose(&message).unwrap().bytes().to_vec()
}

/// The header `name` of `bytes` in one line.
fn unfolded(bytes: &[u8], name: &str) -> Vec<String> {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let head = text.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ");
    let start = format!("{name}: ");
    head.lines().filter_map(|line| line.strip_prefix(&start).map(str::to_owned)).collect()
}

#[test]
fn keys_are_read_in_each_form_and_published_as_receivers_want_them() {
    // openssl pkey -in rsa.pem -pubout -outform DER | base64
    let record = "v=DKIM1; k=rsa; p=\
         MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAu2unn0vlQ/gpzVLmIUhyHSn6SF2PpkDLqVNLkP003W/Zxudwr\
         GRmHlklLk2TAw/SaXvOwTQvFnxzBiAxiXKuRi5oX3hsJjbX9O3c+YN2v/Obb5Evj2UzZOEVQ+RPjssXj6CoJ7ptDKi+W1\
         cfl4+vshNlpeMOIyzuIs6EEWXi83WpVpAiZALERa8yUUIO+JYCZrrnWOGNV7ZWdYxnqpSXi6wJTU7nF4yVPcxeGHQRVNX\
         NO2KwocHVQT03IUmC9SFl/ifBTjJjaFcRHavHpmIlziXBo8ThSBGxsHCH11icrUN6x1U8hJ8ZroXEaOZT2BGg7oC+NKso\
         mcHhZfYZDX5oEwIDAQAB";
    assert_eq!(key(RSA).record(), record);
    assert_eq!(key(include_str!("keys/rsa-pkcs1.pem")).record(), record);
    assert_eq!(
        key(ED25519).record(),
        "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
    );
    let commented = format!("# the key of 2026\n{ED25519}");
    assert_eq!(key(&commented).algorithm(), Algorithm::Ed25519);
    let made = PrivateKey::new_ed25519([7; 32]);
    assert_eq!(key(made.expose_secret()).algorithm(), Algorithm::Ed25519);
}

#[test]
fn what_is_no_key_to_sign_with_is_refused_by_its_fault() {
    assert_eq!(PrivateKey::from_pem("hunter2").unwrap_err(), KeyError::NotPem);
    for locked in [include_str!("keys/locked.pem"), include_str!("keys/locked-pkcs1.pem")] {
        assert_eq!(PrivateKey::from_pem(locked).unwrap_err(), KeyError::Locked);
    }
    for (unfit, why) in [
        (include_str!("keys/rsa-1024.pem"), "TooSmall"),
        (include_str!("keys/p256.pem"), "WrongAlgorithm"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "InvalidEncoding"),
        ("-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n", "EC PRIVATE KEY"),
    ] {
        assert_eq!(PrivateKey::from_pem(unfit).unwrap_err(), KeyError::Unfit(why.to_owned()));
    }
}

#[test]
fn debug_tells_no_key() {
    assert_eq!(format!("{:?}", key(RSA)), "PrivateKey(Rsa)");
    assert_eq!(format!("{:?}", key(ED25519)), "PrivateKey(Ed25519)");
    let keys = r#"[("rsa", PrivateKey(Rsa)), ("ed", PrivateKey(Ed25519))]"#;
    assert_eq!(
        format!("{:?}", both()),
        format!(r#"Dkim {{ domain: "shop.example", keys: {keys} }}"#)
    );
}

#[test]
fn every_attempt_carries_the_same_two_signatures_in_front() {
    let bytes = composed(|_| {});
    assert_eq!(bytes, composed(|_| {}));
    let unsigned = composed(|message| message.dkim = None);
    assert!(bytes.ends_with(&unsigned));

    let signatures = unfolded(&bytes, "DKIM-Signature");
    let tags: Vec<Vec<&str>> =
        signatures.iter().map(|signature| signature.split("; ").collect()).collect();
    let [rsa, ed25519] = &tags[..] else { panic!("{signatures:?}") };
    assert_eq!(
        rsa[..6],
        ["v=1", "a=rsa-sha256", "c=relaxed/relaxed", "d=shop.example", "s=rsa", "t=1763717400"]
    );
    assert_eq!(ed25519[1], "a=ed25519-sha256");
    assert_eq!(ed25519[4], "s=ed");
    assert_eq!(rsa[6..8], ed25519[6..8], "the same hash of the same headers");
    // What we send is covered, and named once more, so that nobody can add another.
    let mut covered: Vec<String> =
        rsa[7].strip_prefix("h=").unwrap().replace(' ', "").split(':').map(str::to_owned).collect();
    for name in COVERED {
        assert!(!unfolded(&unsigned, name).is_empty(), "{name}");
        for time in ["once", "twice"] {
            let at = covered.iter().position(|covered| covered == name);
            covered.remove(at.unwrap_or_else(|| panic!("{name} is not covered {time}")));
        }
    }
    covered.sort();
    assert_eq!(covered, ["Cc", "Content-Transfer-Encoding", "Sender"], "and must not be added");
    let lines = str::from_utf8(&bytes).unwrap().lines();
    assert!(lines.take(20).all(|line| line.len() <= 78));
}

/// Messages whose signatures must hold.
fn sound() -> Vec<(&'static str, Vec<u8>)> {
    let plain = composed(|_| {});
    let text = String::from_utf8(plain.clone()).unwrap();
    vec![
        ("plain", plain),
        (
            "names beyond ASCII",
            composed(|message| {
                message.from.name = Some("Sköna hem – Ångström & Söner".to_owned());
                message.to.name = Some("Żaneta \"Ż\" 😀".to_owned());
                message.subject = format!("Hur var din beställning? {}", "å".repeat(120));
                message.text = "Hej Åsa!\n".repeat(2_000);
            }),
        ),
        (
            "long lines",
            composed(|message| {
                message.text = "x".repeat(60_000);
                message.html = format!("<p>{}</p>", "é ".repeat(20_000));
                message.unsubscribe = Some(format!("https://shop.example/{}", "x".repeat(870)));
                message.subject = "word ".repeat(30);
            }),
        ),
        (
            "empty bodies",
            composed(|message| {
                message.text = String::new();
                message.html = String::new();
            }),
        ),
        (
            "blanks everywhere",
            composed(|message| {
                message.text = String::from(" \n\t\n a \t b \n\n\n");
                message.subject = String::from("a  \t b");
            }),
        ),
        (
            "an address beyond ASCII",
            composed(|message| {
                message.to.address = address("åsa.żółć@bücher.example");
            }),
        ),
        // What relays may do.
        (
            "refolded",
            text.replace("List-Unsubscribe-Post: ", "List-Unsubscribe-Post:\r\n\t ").into_bytes(),
        ),
        ("names in another case", text.replace("\r\nSubject: ", "\r\nSUBJECT:  ").into_bytes()),
        ("empty lines at the end", format!("{text}\r\n\r\n").into_bytes()),
        ("headers in front", format!("Received: from x\r\nX-Spam: no\r\n{text}").into_bytes()),
    ]
}

/// Messages whose signatures must not hold: something of what we wrote was changed or added.
fn forged() -> Vec<(String, Vec<u8>)> {
    let text = String::from_utf8(composed(|_| {})).unwrap();
    let mut forged = vec![
        ("a word of the body".to_owned(), text.replace("<p>Hello", "<p>Hallo")),
        ("a line more".to_owned(), format!("{text}Buy!\r\n")),
        ("a line less".to_owned(), text.replace("<p>Hello Anna!</p>\r\n", "")),
    ];
    let (signatures, rest) = text.split_at(text.find("Date: ").unwrap());
    for name in COVERED {
        let start = format!("{name}: ");
        let changed = rest.replacen(&start, &format!("{start}x"), 1);
        assert_ne!(changed, rest, "{name}");
        forged.push((format!("{name} changed"), format!("{signatures}{changed}")));
        forged.push((format!("{name} added in front"), format!("{start}x\r\n{text}")));
        let behind = rest.replacen("\r\n\r\n", &format!("\r\n{start}x\r\n\r\n"), 1);
        forged.push((format!("{name} added behind"), format!("{signatures}{behind}")));
    }
    for name in ["Cc", "Sender", "Content-Transfer-Encoding"] {
        forged.push((format!("{name} added"), format!("{name}: x\r\n{text}")));
    }
    for tag in ["d=shop.", "t=17", "h=From", "c=relaxed"] {
        let changed = signatures.replace(tag, &tag.replace(['s', '1', 'F', 'r'], "x"));
        forged.push((format!("{tag} changed"), format!("{changed}{rest}")));
    }
    forged.into_iter().map(|(name, text)| (name, text.into_bytes())).collect()
}

/// `cargo xtask cross-check` installs the library and runs this.
#[test]
#[ignore = "asks a library of Python's"]
fn another_program_believes_what_we_signed_and_nothing_else() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let (sound, forged) = (sound(), forged());
    let messages =
        sound.iter().map(|(_, bytes)| bytes).chain(forged.iter().map(|(_, bytes)| bytes));
    let asked = json!({
        "records": {
            "rsa._domainkey.shop.example": key(RSA).record(),
            "ed._domainkey.shop.example": key(ED25519).record(),
        },
        "messages": messages.map(|bytes| BASE64.encode(bytes)).collect::<Vec<_>>(),
    });
    let mut python = Command::new(root.join("target/cross-check/venv/bin/python"))
        .arg(root.join("tests/cross-check/dkim_verify.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    let verdicts: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut verdicts = verdicts.as_array().unwrap().iter();
    for (name, _) in &sound {
        assert_eq!(verdicts.next(), Some(&json!([true, true])), "{name}");
    }
    for (name, _) in &forged {
        assert_eq!(verdicts.next(), Some(&json!([false, false])), "{name}");
    }
    assert_eq!(verdicts.next(), None);
}
