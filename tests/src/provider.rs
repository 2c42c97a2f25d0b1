//! Mail providers, as far as they tell of mails that came back.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use ring::{
    hmac,
    rand::{SecureRandom as _, SystemRandom},
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use serde_json::{Value, json};

use crate::{installation::Setup, mailbox::Mail, shop::Webhook};

/// A provider, with a key or a password that nobody else has.
#[derive(Debug)]
pub enum Provider {
    /// Signs a time and a token.
    Mailgun(String),
    /// Signs a time and the body.
    Sendgrid(Box<EcdsaKeyPair>),
    /// Signs nothing, and says a password.
    Postmark(String),
}

impl Provider {
    /// Mailgun.
    #[must_use]
    pub fn mailgun() -> Self {
        Self::Mailgun(random())
    }

    /// SendGrid.
    #[must_use]
    pub fn sendgrid() -> Self {
        let (random, signing) = (SystemRandom::new(), &ECDSA_P256_SHA256_ASN1_SIGNING);
        let key = EcdsaKeyPair::generate_pkcs8(signing, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(signing, key.as_ref(), &random).unwrap();
        Self::Sendgrid(Box::new(pair))
    }

    /// Postmark.
    #[must_use]
    pub fn postmark() -> Self {
        Self::Postmark(random())
    }

    /// As it is called in the configuration and in addresses.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Mailgun(_) => "mailgun",
            Self::Sendgrid(_) => "sendgrid",
            Self::Postmark(_) => "postmark",
        }
    }

    /// `setup`, told what proves that a webhook is this provider's.
    #[must_use]
    pub fn configured(&self, setup: Setup) -> Setup {
        let key = |name| format!("mail.bounces.{}.{name}", self.name());
        match self {
            Self::Mailgun(secret) => setup.set(&key("signing_key"), secret.as_str()),
            Self::Sendgrid(pair) => setup.set(&key("public_key"), shown(pair)),
            Self::Postmark(password) => {
                setup.set(&key("username"), "postmark").set(&key("password"), password.as_str())
            }
        }
    }

    /// What it tells when there is no mailbox for `mail`.
    #[must_use]
    pub fn hard_bounce(&self, mail: &Mail) -> Value {
        match self {
            Self::Mailgun(_) => told("mailgun_permanent", mail),
            Self::Sendgrid(_) => told("sendgrid_batch", mail)
                .as_array()
                .unwrap()
                .iter()
                .filter(|event| event["event"] == "bounce" && event["status"] == "5.1.1")
                .cloned()
                .collect(),
            Self::Postmark(_) => told("postmark_hard", mail),
        }
    }

    /// How it posts this at `at`.
    #[must_use]
    pub fn webhook(&self, told: &Value, at: Timestamp) -> Webhook {
        let time = at.as_second().to_string();
        let mut body = told.to_string();
        let mut headers = HeaderMap::new();
        let mut set = |name: HeaderName, value: String| {
            headers.insert(name, HeaderValue::try_from(value).unwrap());
        };
        set(CONTENT_TYPE, "application/json".to_owned());
        match self {
            Self::Mailgun(key) => {
                let token = random();
                let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
                let signature = hmac::sign(&key, format!("{time}{token}").as_bytes());
                let signature = HEXLOWER.encode(signature.as_ref());
                let proof = json!({ "timestamp": time, "token": token, "signature": signature });
                body = json!({ "signature": proof, "event-data": told }).to_string();
            }
            Self::Sendgrid(pair) => {
                let signed = format!("{time}{body}");
                let signature = pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
                let header = |end| format!("x-twilio-email-event-webhook-{end}").parse().unwrap();
                set(header("signature"), STANDARD.encode(signature));
                set(header("timestamp"), time);
            }
            Self::Postmark(password) => {
                let login = STANDARD.encode(format!("postmark:{password}"));
                set(AUTHORIZATION, format!("Basic {login}"));
            }
        }
        Webhook { path: format!("/providers/{}", self.name()), headers, body: body.into() }
    }
}

/// What a provider tells of `mail`, in the shape that our readers are tested with.
#[must_use]
pub fn told(fixture: &str, mail: &Mail) -> Value {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/bounce/tests/fixtures/provider");
    let text = fs_err::read_to_string(format!("{fixtures}/{fixture}.json")).unwrap();
    let text = text
        .replace("anna.lind@recipient.example", &mail.envelope_to)
        .replace("inv-0190a5e8-7c1d-7abc-8def-0123456789ab@mail.shop.example", &mail.message_id());
    serde_json::from_str(&text).unwrap()
}

/// The public key as SendGrid's page shows it.
fn shown(pair: &EcdsaKeyPair) -> String {
    // RFC 5480: a point on P-256, not compressed.
    const HEAD: [u8; 26] = *b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\
        \x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";
    STANDARD.encode([&HEAD[..], pair.public_key().as_ref()].concat())
}

fn random() -> String {
    let mut bytes = [0; 25];
    SystemRandom::new().fill(&mut bytes).unwrap();
    HEXLOWER.encode(&bytes)
}
