//! A topic of Amazon SNS, which Amazon SES tells through of mails that came back.

use std::process::Command;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use ring::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use serde_json::{Value, json};
use tokio_rustls::rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject as _};

use crate::shop::{Webhook, now};

/// Where Amazon has what it says to visit.
pub const HOST: &str = "sns.eu-west-1.amazonaws.com";

/// The path of Amazon's certificate.
pub const CERTIFICATE: &str = "/SimpleNotificationService-01.pem";

/// Signs as Amazon does, with a key that nobody else has.
#[derive(Debug)]
pub struct Amazon {
    key: RsaKeyPair,
    /// Whose key it is, in PEM.
    pub certificate: String,
}

impl Amazon {
    /// Makes the key.
    #[must_use]
    pub fn new() -> Self {
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"])
            .args(["-subj", "/CN=sns.amazonaws.com", "-keyout", "-", "-out", "-"])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let made = String::from_utf8(made.stdout).unwrap();
        let (key, certificate) = made.split_at(made.find("-----BEGIN CERTIFICATE").unwrap());
        let key = PrivatePkcs8KeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let key = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).unwrap();
        Self { key, certificate: certificate.to_owned() }
    }

    /// What a topic sends of something that happened.
    #[must_use]
    pub fn notification(topic: &str, told: &Value) -> Value {
        message("Notification", topic, &told.to_string())
    }

    /// What a topic sends to ask whether it may send more. Who visits the address says yes.
    #[must_use]
    pub fn subscription(topic: &str, address: &str) -> Value {
        let mut message = message("SubscriptionConfirmation", topic, "Do you want this topic?");
        message["Token"] = "2336412f37".into();
        message["SubscribeURL"] = address.into();
        message
    }

    /// How it posts a message.
    #[must_use]
    pub fn webhook(&self, mut message: Value) -> Webhook {
        const SIGNED: [&str; 8] = [
            "Message",
            "MessageId",
            "SubscribeURL",
            "Subject",
            "Timestamp",
            "Token",
            "TopicArn",
            "Type",
        ];
        let line = |name| Some(format!("{name}\n{}\n", message[name].as_str()?));
        let text: String = SIGNED.into_iter().filter_map(line).collect();
        let mut signature = vec![0; self.key.public().modulus_len()];
        let random = SystemRandom::new();
        self.key.sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signature).unwrap();
        message["Signature"] = STANDARD.encode(signature).into();
        let mut headers = HeaderMap::new();
        // JSON, and not said so.
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=UTF-8"));
        Webhook { path: "/providers/ses".to_owned(), headers, body: message.to_string().into() }
    }
}

impl Default for Amazon {
    fn default() -> Self {
        Self::new()
    }
}

fn message(kind: &str, topic: &str, text: &str) -> Value {
    json!({
        "Type": kind,
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": topic,
        "Message": text,
        "Timestamp": now().to_string(),
        "SignatureVersion": "2",
        "SigningCertURL": format!("https://{HOST}{CERTIFICATE}"),
    })
}
