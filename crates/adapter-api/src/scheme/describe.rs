//! Schemes in words, for the pages of the adapters.

use super::{Encoding, KeyForm, Scheme, Signature, TOLERANCE};

/// A scheme in words: whole sentences, with code in Markdown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// What the signature vouches for.
    pub vouches_for: &'static str,
    /// How the signature is made, and where it stands.
    pub signature: String,
    /// The form of the configured secret.
    pub secret: &'static str,
}

impl Scheme {
    /// This scheme in words.
    #[must_use]
    pub fn describe(self) -> Description {
        let Self::WholeBody(signature) = self;
        let (signature, secret) = signature.describe();
        Description { vouches_for: "Every byte of the body.", signature, secret }
    }
}

impl Signature {
    fn describe(self) -> (String, &'static str) {
        match self {
            Self::HmacSha256 { headers, encoding, key } => (
                format!("HMAC-SHA256 of the body, in {}, in {}.", encoding.name(), one_of(headers)),
                match key {
                    KeyForm::Raw => "Shared with the platform. Its text is the key, as it stands.",
                    KeyForm::WordPress => {
                        "Shared with the platform. Its text is the key, after the HTML entities in \
                         it are undone as WordPress does."
                    }
                },
            ),
            Self::TimestampedHmacSha256 { header } => (
                format!(
                    "HMAC-SHA256 of `{{timestamp}}.{{body}}`, in hexadecimal, as a `v1` of \
                     `{header}`. The time may be {} seconds off.",
                    TOLERANCE.as_secs(),
                ),
                "Shared with the platform. Its text is the key, as it stands.",
            ),
            Self::StandardWebhooks => (
                format!(
                    "HMAC-SHA256 (`v1`) or Ed25519 (`v1a`) of `{{id}}.{{timestamp}}.{{body}}`, in \
                     base64, as one of the list in `webhook-signature`. The time may be {} seconds off.",
                    TOLERANCE.as_secs(),
                ),
                "`whsec_` and 24 to 64 bytes in base64, shared with the sender; or the sender's \
                 public key, `whpk_` and 32 bytes in base64.",
            ),
            Self::DetachedJws { headers } => (
                format!(
                    "RS256 in a JSON Web Signature with detached payload (RFC 7515, RFC 7797), in {}.",
                    one_of(headers)
                ),
                "The platform's public keys: a JSON Web Key Set (RFC 7517), in one line.",
            ),
        }
    }
}

impl Encoding {
    fn name(self) -> &'static str {
        match self {
            Self::Base64 => "base64",
            Self::Hex => "hexadecimal",
        }
    }
}

fn one_of(headers: &[&str]) -> String {
    headers.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ")
}
