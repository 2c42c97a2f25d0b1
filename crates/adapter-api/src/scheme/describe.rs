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

impl Scheme<'_> {
    /// This scheme in words.
    #[must_use]
    pub fn describe(self) -> Description {
        let (vouches_for, (signature, secret)) = match self {
            Self::WholeBody(signature) => ("Every byte of the body.", signature.describe()),
            Self::Envelope(signature) => (
                "Some fields of the body. What happened to the order is asked of the platform.",
                signature.describe(),
            ),
            Self::AddressSecret => (
                "Nothing. What happened to the order is asked of the platform.",
                (
                    "None; the secret stands in the address.".to_owned(),
                    "At least 24 letters and digits, made up by you, at the end of the address.",
                ),
            ),
        };
        Description { vouches_for, signature, secret }
    }
}

impl Signature<'_> {
    fn describe(self) -> (String, &'static str) {
        match self {
            Self::HmacSha256 { headers, encoding, key } => (
                format!("HMAC-SHA256 of the body, in {}, in {}.", encoding.name(), one_of(headers)),
                key.describe(),
            ),
            Self::StampedHmacSha256 { header, form } => (
                format!(
                    "HMAC-SHA256 of `{{timestamp}}{}{{body}}`, in hexadecimal, as a `{}` of \
                     `{header}`. The time may be {} seconds off.",
                    form.joint,
                    form.signature,
                    TOLERANCE.as_secs(),
                ),
                KeyForm::Raw.describe(),
            ),
            Self::HmacSha1 { header, encoding, key } => (
                format!("HMAC-SHA1 of the body, in {}, in `{header}`.", encoding.name()),
                key.describe(),
            ),
            Self::HmacSha256OfFields { header, fields } => (
                format!(
                    "HMAC-SHA256 of the fields `{}`, in base64, in `{header}`.",
                    fields.join("`.`")
                ),
                KeyForm::Raw.describe(),
            ),
            Self::StandardWebhooks { key } => (
                format!(
                    "HMAC-SHA256 (`v1`){} of `{{id}}.{{timestamp}}.{{body}}`, in base64, as one of \
                     the list in `webhook-signature`. The time may be {} seconds off.",
                    if matches!(key, KeyForm::StandardWebhooks) {
                        " or Ed25519 (`v1a`)"
                    } else {
                        ""
                    },
                    TOLERANCE.as_secs(),
                ),
                key.describe(),
            ),
            Self::DetachedJws { headers } => (
                format!(
                    "RS256 in a JSON Web Signature with detached payload (RFC 7515, RFC 7797), in {}.",
                    one_of(headers)
                ),
                "The platform's public keys: a JSON Web Key Set (RFC 7517), in one line.",
            ),
            Self::JwtBody => (
                "RS256 in a JSON Web Token (RFC 7519), which is the body.".to_owned(),
                "The platform's public key, as PEM in one line.",
            ),
            Self::RsaSha256 { headers, body, recipient } => (
                format!(
                    "RSA-SHA256 (PKCS #1 v1.5) of the body{}, in base64, in {}.",
                    body.map_or(String::new(), |encoding| format!(" in {}", encoding.name())),
                    one_of(headers),
                ),
                if recipient.is_some() {
                    "Your client id, a colon, and the platform's public key, as PEM in one line."
                } else {
                    "The platform's public key, as PEM in one line."
                },
            ),
        }
    }
}

impl KeyForm {
    fn describe(self) -> &'static str {
        match self {
            Self::Raw => "Shared with the platform. Its text is the key, as it stands.",
            Self::Hex => "Shared with the platform. Its text is the key in hexadecimal.",
            Self::Base64 => "Shared with the platform. Its text is the key in base64.",
            Self::WordPress => {
                "Shared with the platform. Its text is the key, after the HTML entities in it are \
                 undone as WordPress does."
            }
            Self::StandardWebhooks => {
                "`whsec_` and 24 to 64 bytes in base64, shared with the sender; or the sender's \
                 public key, `whpk_` and 32 bytes in base64."
            }
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
