//! The audited ways to prove an origin. Adapters choose one; they cannot write their own.

mod claim;
mod describe;
mod key;
mod sign;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use data_encoding::HEXLOWER;
use http::{HeaderMap, HeaderName};
use jiff::{SignedDuration, Timestamp};

use self::claim::Claim;
use crate::{Reject, Request, Verified};

pub use describe::Description;

/// How far a signed time may be from ours, both ways (Standard Webhooks reference libraries; a
/// difference of exactly this passes).
const TOLERANCE: SignedDuration = SignedDuration::from_secs(300);

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// How a platform proves where a request comes from, and what that proof vouches for.
///
/// An adapter cannot name the one without the other. Where less than the body is signed, whoever
/// saw one request can make others, so nothing may be acted on that stands in such a body.
#[derive(Clone, Copy, Debug)]
pub enum Scheme<'a> {
    /// Every byte of the body is signed: what it says can be acted on as it stands.
    WholeBody(Signature<'a>),
    /// Some fields are signed, and the rest of the body is not: whoever saw one request can put
    /// anything else beside them. The platform must be asked.
    Envelope(Signature<'a>),
    /// Nothing is signed. The secret stands in the address that the platform calls, behind the shop,
    /// where proxies and logs see it. The platform must be asked.
    AddressSecret,
}

/// A way to sign a request with what only the platform and we know, or only the platform.
///
/// The form of the configured secret decides which algorithm counts, never the request.
#[derive(Clone, Copy, Debug)]
pub enum Signature<'a> {
    /// One header holds `HMAC-SHA256(key, body)`.
    HmacSha256 {
        /// The header's name, lower case; further names are older or newer spellings.
        headers: &'a [&'a str],
        /// How its bytes are written.
        encoding: Encoding,
        /// How the secret becomes the key.
        key: KeyForm,
    },
    /// One header holds a timestamp and `hex(HMAC-SHA256(key, "{timestamp}{joint}{body}"))`, any
    /// number of times; fields we do not know are skipped, any match counts. The key is the secret
    /// as it stands.
    StampedHmacSha256 {
        /// The header's name, lower case.
        header: &'a str,
        /// How it spells them.
        form: StampedHeader,
    },
    /// One header holds `HMAC-SHA1(key, body)`. SHA-1 is broken for documents that an attacker wrote,
    /// not for this use of it (RFC 6194, section 3.3).
    HmacSha1 {
        /// The header's name, lower case.
        header: &'a str,
        /// How its bytes are written.
        encoding: Encoding,
        /// How the secret becomes the key.
        key: KeyForm,
    },
    /// One header holds `base64(HMAC-SHA256(key, "{field}.{field}…"))` of members of the body, which
    /// is a JSON object. For [`Scheme::Envelope`]. The key is the secret as it stands.
    HmacSha256OfFields {
        /// The header's name, lower case.
        header: &'a str,
        /// The members, at the top of the body: texts or numbers.
        fields: &'a [&'a str],
    },
    /// Standard Webhooks 1.0: `webhook-signature` holds a list of signatures over
    /// `"{id}.{timestamp}.{body}"`; versions we do not know are skipped, any match counts.
    ///
    StandardWebhooks {
        /// How the secret becomes the key: [`KeyForm::StandardWebhooks`], unless the platform has a
        /// way of its own.
        key: KeyForm,
    },
    /// One header holds a JWS with detached payload (RFC 7515, appendix F) that is not encoded (RFC
    /// 7797), signed with RS256. The secret is the platform's JSON Web Key Set (RFC 7517): it comes
    /// from the configuration, whatever address a request names.
    DetachedJws {
        /// The header's name, lower case; further names are older or newer spellings.
        headers: &'a [&'a str],
    },
    /// The body is a JSON Web Token (RFC 7519), signed with RS256, and says what [`jwt::claims`]
    /// reads. If it says when it was made (`iat`) or ends (`exp`), that counts. The secret is the
    /// platform's public key, in PEM.
    ///
    /// [`jwt::claims`]: crate::jwt::claims
    JwtBody,
    /// Headers hold `base64(RSASSA-PKCS1-v1_5-SHA256(body))`, and any of them may hold. The secret is
    /// the platform's public key, in PEM.
    RsaSha256 {
        /// The headers' names, lower case.
        headers: &'a [&'a str],
        /// How the body is written in what is signed; as it stands, if `None`.
        body: Option<Encoding>,
        /// The member at the top of the body that names whom it was sent to, where the platform signs
        /// for everybody with one key: the secret is then `{recipient}:{key}`. Else anybody could
        /// have the platform sign what they please and send it to us.
        recipient: Option<&'a str>,
    },
}

/// How the bytes of a signature are written in a header.
#[derive(Clone, Copy, Debug)]
pub enum Encoding {
    /// Base64 with padding.
    Base64,
    /// Hexadecimal in lower case, as every platform writes it: one signature has one spelling.
    Hex,
}

/// How a header spells a timestamp and the signatures that go with it.
#[derive(Clone, Copy, Debug)]
pub struct StampedHeader {
    /// Stands between fields.
    pub separator: char,
    /// The name of the timestamp's field.
    pub timestamp: &'static str,
    /// The name of the signatures' fields.
    pub signature: &'static str,
    /// Stands between timestamp and body in what is signed.
    pub joint: &'static str,
}

impl StampedHeader {
    /// `t=…,v1=…`, over `{t}.{body}`.
    pub const STRIPE: Self = Self { separator: ',', timestamp: "t", signature: "v1", joint: "." };
    /// `ts=…;h1=…`, over `{ts}:{body}`.
    pub const PADDLE: Self = Self { separator: ';', timestamp: "ts", signature: "h1", joint: ":" };
}

/// How the text an operator pastes becomes the bytes of a key.
#[derive(Clone, Copy, Debug)]
pub enum KeyForm {
    /// As it stands.
    Raw,
    /// Decoded from hexadecimal.
    Hex,
    /// Decoded from base64.
    Base64,
    /// In base64, with or without `whsec_`: the key of `v1` (HMAC-SHA256). One that begins with
    /// `whpk_` is the public key of `v1a` (Ed25519).
    StandardWebhooks,
    /// After undoing the entities `&amp; &lt; &gt; &quot; &#039;` as `WordPress`'s
    /// `wp_specialchars_decode(…, ENT_QUOTES)` does.
    WordPress,
}

/// Why a secret cannot be used with a scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretProblem {
    /// Anybody can sign with an empty secret.
    #[error("the secret is empty")]
    Empty,
    /// Standard Webhooks secrets are base64, with or without `whsec_` or `whpk_` in front.
    #[error("the secret is not base64 (Standard Webhooks secrets look like whsec_MfKQ9r8G…)")]
    NotBase64,
    /// Standard Webhooks asks for 24 to 64 bytes.
    #[error("the secret is shorter than 24 bytes once decoded")]
    TooShort,
    /// Ed25519 keys have one length.
    #[error("the public key is not 32 bytes once decoded (whpk_…)")]
    NotEd25519,
    /// Some platforms give their secrets in hexadecimal.
    #[error("the secret is not hexadecimal")]
    NotHex,
    /// It stands in an address.
    #[error(
        "the secret stands in the address that the platform calls: use at least 24 letters and \
         digits, for example from `openssl rand -hex 24`"
    )]
    NotForAddress,
    /// A key set that verifies nothing.
    #[error(
        "the secret is not a JSON Web Key Set, in one line, with an RSA key of 2048 bits or more \
         that is for signatures"
    )]
    NotKeySet,
    /// No key, a private one, or one of another algorithm.
    #[error(
        "the secret is not an RSA public key of 2048 bits or more, as PEM in one line \
         (-----BEGIN PUBLIC KEY-----MIIB…)"
    )]
    NotPublicKey,
    /// The key signs what is sent to anybody.
    #[error(
        "the secret does not say whom the platform sends to: put your client id and a colon before \
         the key (0123…:-----BEGIN PUBLIC KEY-----MIIB…)"
    )]
    NoRecipient,
}

impl<'s> Scheme<'s> {
    /// Proves that `request` was signed with one of `secrets`.
    ///
    /// With a shared secret, the time it takes tells neither which secret came close, nor how close,
    /// nor whether there was a signature to compare: whatever stands in the headers, the body is
    /// hashed once per secret. Public keys tell nothing that is not public.
    pub fn verify<'a, S: AsRef<str>>(
        self,
        request: Request<'a>,
        secrets: &[S],
    ) -> Result<Verified<'a>, Reject> {
        let (claim, proved) = match self {
            Self::WholeBody(signature) | Self::Envelope(signature) => {
                let claim = signature.claim(&request);
                let keys = secrets.iter().filter_map(|secret| signature.keys(secret.as_ref()).ok());
                let proved = keys.flatten().fold(false, |proved, key| key.proves(&claim) | proved);
                (claim, proved)
            }
            Self::AddressSecret => {
                let claim = Claim::address_secret(&request);
                let usable =
                    secrets.iter().map(AsRef::as_ref).filter(|secret| is_for_address(secret));
                let proved = usable.fold(false, |proved, secret| claim.held(secret) | proved);
                (claim, proved)
            }
        };
        if let Some(flaw) = claim.flaw {
            return Err(flaw);
        }
        if !proved {
            return Err(Reject::BadSignature);
        }
        // Whole seconds, as the reference libraries compare: ours are finer than the sender's.
        let seconds = |from: Timestamp, to: Timestamp| to.as_second() - from.as_second();
        let now = request.received_at;
        let early = claim.since.is_some_and(|since| seconds(now, since) > TOLERANCE.as_secs());
        let late = claim.until.is_some_and(|until| seconds(until, now) > TOLERANCE.as_secs());
        if early || late {
            return Err(Reject::Stale);
        }
        Ok(Verified { request, trusted: self.vouches_for_body() })
    }

    /// Says whether `secret` can be used at all.
    pub fn check_secret(self, secret: &str) -> Result<(), SecretProblem> {
        match self.signature() {
            Some(signature) => signature.keys(secret).map(|_| ()),
            None if secret.is_empty() => Err(SecretProblem::Empty),
            None if is_for_address(secret) => Ok(()),
            None => Err(SecretProblem::NotForAddress),
        }
    }

    /// Whether what the body says was said by the platform.
    #[must_use]
    pub fn vouches_for_body(self) -> bool {
        matches!(self, Self::WholeBody(_))
    }

    /// What stands behind the shop in the address, for platforms that sign nothing.
    #[must_use]
    pub fn address_secret(self, secret: &str) -> Option<&str> {
        matches!(self, Self::AddressSecret).then_some(secret)
    }

    /// The headers that make `body` genuine, for samples and tests; none, if `secret` cannot sign, or
    /// if [`Self::enclose`] does.
    ///
    /// `secret` is what the platform has: the shared secret, or the private key that belongs to the
    /// public one (`whsk_…`; PKCS #8 in base64). `delivery` is the id of the delivery, where the
    /// scheme has one.
    #[must_use]
    pub fn sign(self, secret: &str, body: &[u8], delivery: &str, now: Timestamp) -> HeaderMap {
        let headers = |signature: Signature<'_>| signature.headers_for(secret, body, delivery, now);
        self.signature().and_then(headers).unwrap_or_default()
    }

    /// The body as the platform sends it, for samples and tests: a token around `body`, where the
    /// scheme is that, and `secret` can sign. Else it is what it was.
    #[must_use]
    pub fn enclose(self, secret: &str, body: Vec<u8>) -> Vec<u8> {
        let enclosed = self.signature().and_then(|signature| signature.body_for(secret, &body));
        enclosed.unwrap_or(body)
    }

    /// The names of the headers a signature of this scheme consists of.
    #[must_use]
    pub fn signature_headers(self) -> Vec<HeaderName> {
        match self.signature() {
            None | Some(Signature::JwtBody) => vec![],
            Some(
                Signature::HmacSha256 { headers, .. }
                | Signature::DetachedJws { headers }
                | Signature::RsaSha256 { headers, .. },
            ) => headers.iter().filter_map(|name| header_name(name)).collect(),
            Some(
                Signature::StampedHmacSha256 { header, .. }
                | Signature::HmacSha1 { header, .. }
                | Signature::HmacSha256OfFields { header, .. },
            ) => header_name(header).into_iter().collect(),
            Some(Signature::StandardWebhooks { .. }) => {
                vec![WEBHOOK_SIGNATURE, WEBHOOK_ID, WEBHOOK_TIMESTAMP]
            }
        }
    }

    fn signature(self) -> Option<Signature<'s>> {
        match self {
            Self::WholeBody(signature) | Self::Envelope(signature) => Some(signature),
            Self::AddressSecret => None,
        }
    }
}

fn header_name(name: &str) -> Option<HeaderName> {
    HeaderName::from_bytes(name.as_bytes()).ok()
}

/// Long enough not to be guessed, and the same in an address as in the configuration.
fn is_for_address(secret: &str) -> bool {
    secret.len() >= 24 && secret.bytes().all(|b| b.is_ascii_alphanumeric())
}

impl Encoding {
    fn decode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Base64 => STANDARD.decode(text).ok(),
            Self::Hex => HEXLOWER.decode(text.as_bytes()).ok(),
        }
    }

    fn encode(self, bytes: &[u8]) -> String {
        match self {
            Self::Base64 => STANDARD.encode(bytes),
            Self::Hex => HEXLOWER.encode(bytes),
        }
    }
}

#[cfg(test)]
mod tests;
