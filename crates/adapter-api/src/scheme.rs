//! The audited ways to prove an origin. Adapters choose one; they cannot write their own.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;

use crate::{Reject, Request, Verified};

/// How far a signed time may be from ours, both ways (Standard Webhooks reference libraries; a
/// difference of exactly this passes).
const TOLERANCE: SignedDuration = SignedDuration::from_secs(300);

/// Signatures in one header that are looked at: a bound on the work a forger can ask for.
const SIGNATURES_MAX: usize = 16;

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// A way to prove that whoever sent a request knows a secret.
#[derive(Clone, Copy, Debug)]
pub enum Scheme {
    /// One header holds `base64(HMAC-SHA256(key, body))`.
    HmacSha256Base64 {
        /// The header's name, lower case; further names are older or newer spellings.
        headers: &'static [&'static str],
        /// How the secret becomes the key.
        key: KeyForm,
    },
    /// Standard Webhooks 1.0: `webhook-signature` holds a list of
    /// `v1,base64(HMAC-SHA256(key, "{id}.{timestamp}.{body}"))`; versions we do not know are
    /// skipped, any match counts. The key is the base64-decoded secret, with or without `whsec_`.
    StandardWebhooks,
}

/// How the text an operator pastes becomes the bytes of a key.
#[derive(Clone, Copy, Debug)]
pub enum KeyForm {
    /// As it stands.
    Raw,
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
    /// Standard Webhooks secrets are base64, with or without `whsec_` in front.
    #[error("the secret is not base64 (Standard Webhooks secrets look like whsec_MfKQ9r8G…)")]
    NotBase64,
    /// Standard Webhooks asks for 24 to 64 bytes.
    #[error("the secret is shorter than 24 bytes once decoded")]
    TooShort,
}

impl Scheme {
    /// Proves that `request` was signed with one of `secrets`.
    ///
    /// The time it takes tells neither which secret came close, nor how close, nor whether there was
    /// a signature to compare: whatever stands in the headers, the body is hashed once per secret.
    pub fn verify<'a, S: AsRef<str>>(
        self,
        request: Request<'a>,
        secrets: &[S],
    ) -> Result<Verified<'a>, Reject> {
        match self {
            Self::HmacSha256Base64 { headers, key } => {
                let signature = headers.iter().find_map(|name| request.header(name));
                let given = signature.and_then(|signature| STANDARD.decode(signature).ok());
                let keys = secrets.iter().filter_map(|secret| key.bytes(secret.as_ref()).ok());
                let verdict = any_matches(keys, &[request.body], given.as_slice());
                match (signature, &given) {
                    (None, _) => return Err(Reject::MissingSignature),
                    (_, None) => return Err(Reject::MalformedSignature),
                    _ => verdict?,
                }
            }
            Self::StandardWebhooks => verify_standard(&request, secrets)?,
        }
        Ok(Verified { request })
    }

    /// Says whether `secret` can be used at all.
    pub fn check_secret(self, secret: &str) -> Result<(), SecretProblem> {
        match self {
            Self::HmacSha256Base64 { key, .. } => key.bytes(secret).map(|_| ()),
            Self::StandardWebhooks => {
                let key = standard_key(secret)?;
                if key.len() < 24 { Err(SecretProblem::TooShort) } else { Ok(()) }
            }
        }
    }

    /// The headers that make `body` genuine. For samples and tests; `delivery` is the id of the
    /// delivery, where the scheme has one.
    #[must_use]
    pub fn sign(self, secret: &str, body: &[u8], delivery: &str, now: Timestamp) -> HeaderMap {
        let mut signed = HeaderMap::new();
        let mut put = |name: HeaderName, value: String| {
            if let Ok(value) = HeaderValue::from_str(&value) {
                signed.insert(name, value);
            }
        };
        match self {
            Self::HmacSha256Base64 { headers, key } => {
                let tag = tag(&key.bytes(secret).unwrap_or_default(), &[body]);
                put(HeaderName::from_static(headers[0]), STANDARD.encode(tag));
            }
            Self::StandardWebhooks => {
                let timestamp = now.as_second().to_string();
                let key = standard_key(secret).unwrap_or_default();
                let text = [delivery.as_bytes(), b".", timestamp.as_bytes(), b".", body];
                put(WEBHOOK_SIGNATURE, format!("v1,{}", STANDARD.encode(tag(&key, &text))));
                put(WEBHOOK_ID, delivery.to_owned());
                put(WEBHOOK_TIMESTAMP, timestamp);
            }
        }
        signed
    }

    /// The names of the headers a signature of this scheme consists of.
    #[must_use]
    pub fn signature_headers(self) -> Vec<HeaderName> {
        match self {
            Self::HmacSha256Base64 { headers, .. } => {
                headers.iter().map(|name| HeaderName::from_static(name)).collect()
            }
            Self::StandardWebhooks => vec![WEBHOOK_SIGNATURE, WEBHOOK_ID, WEBHOOK_TIMESTAMP],
        }
    }
}

impl KeyForm {
    fn bytes(self, secret: &str) -> Result<Vec<u8>, SecretProblem> {
        if secret.is_empty() {
            return Err(SecretProblem::Empty);
        }
        Ok(match self {
            Self::Raw => secret.as_bytes().to_vec(),
            Self::WordPress => decode_wordpress_entities(secret).into_bytes(),
        })
    }
}

fn verify_standard<'a, S: AsRef<str>>(request: &Request<'a>, secrets: &[S]) -> Result<(), Reject> {
    let header = |name: HeaderName| request.header(name.as_str());
    let (id, timestamp) = (header(WEBHOOK_ID), header(WEBHOOK_TIMESTAMP));
    let signatures = header(WEBHOOK_SIGNATURE);
    let given: Vec<Vec<u8>> = signatures
        .unwrap_or_default()
        .split(' ')
        .filter_map(|signature| signature.strip_prefix("v1,"))
        .take(SIGNATURES_MAX)
        .filter_map(|signature| STANDARD.decode(signature).ok())
        .collect();
    let bytes = |header: Option<&'a str>| header.unwrap_or_default().as_bytes();
    let text = [bytes(id), b".", bytes(timestamp), b".", request.body];
    let keys = secrets.iter().filter_map(|secret| standard_key(secret.as_ref()).ok());
    let verdict = any_matches(keys, &text, &given);
    let (Some(_), Some(timestamp), Some(_)) = (id, timestamp, signatures) else {
        return Err(Reject::MissingSignature);
    };
    if given.is_empty() {
        return Err(Reject::MalformedSignature);
    }
    let signed_at = timestamp
        .parse()
        .ok()
        .and_then(|second| Timestamp::from_second(second).ok())
        .ok_or(Reject::MalformedSignature)?;
    verdict?;
    // Whole seconds, as the reference libraries compare: ours are finer than the sender's.
    let age = SignedDuration::from_secs(request.received_at.as_second() - signed_at.as_second());
    if age.abs() > TOLERANCE { Err(Reject::Stale) } else { Ok(()) }
}

fn standard_key(secret: &str) -> Result<Vec<u8>, SecretProblem> {
    // Senders' libraries write the padding, leave it out, or accept both.
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let encoded = secret.strip_prefix("whsec_").unwrap_or(secret);
    if encoded.is_empty() {
        return Err(SecretProblem::Empty);
    }
    LENIENT.decode(encoded).map_err(|_| SecretProblem::NotBase64)
}

/// Compares every key with every given signature, without stopping at the first match.
fn any_matches(
    keys: impl Iterator<Item = Vec<u8>>,
    text: &[&[u8]],
    given: &[Vec<u8>],
) -> Result<(), Reject> {
    let mut matched = false;
    for key in keys {
        let mac = keyed(&key, text);
        for signature in given {
            matched |= mac.clone().verify_slice(signature).is_ok();
        }
    }
    if matched { Ok(()) } else { Err(Reject::BadSignature) }
}

fn tag(key: &[u8], text: &[&[u8]]) -> Vec<u8> {
    keyed(key, text).finalize().into_bytes().to_vec()
}

fn keyed(key: &[u8], text: &[&[u8]]) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key length");
    for part in text {
        mac.update(part);
    }
    mac
}

fn decode_wordpress_entities(text: &str) -> String {
    const ENTITIES: [(&str, &str); 14] = [
        ("&quot;", "\""),
        ("&#034;", "\""),
        ("&#34;", "\""),
        ("&#x22;", "\""),
        ("&#039;", "'"),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&lt;", "<"),
        ("&#060;", "<"),
        ("&gt;", ">"),
        ("&#062;", ">"),
        ("&amp;", "&"),
        ("&#038;", "&"),
        ("&#x26;", "&"),
    ];
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        // One pass, as PHP's strtr: what a replacement brings is not looked at again.
        if let Some((entity, plain)) = ENTITIES.iter().find(|(entity, _)| rest.starts_with(entity))
        {
            decoded.push_str(plain);
            rest = &rest[entity.len()..];
        } else {
            decoded.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    const STANDARD_SECRET: &str = "whsec_QUZTLXRlc3Qtc2VjcmV0LW9mLTMyLWJ5dGVzISE=";

    fn request<'a>(headers: &'a HeaderMap, body: &'a [u8], second: i64) -> Request<'a> {
        Request { headers, body, received_at: Timestamp::from_second(second).unwrap() }
    }

    #[test]
    fn a_signed_time_may_be_five_minutes_off_and_no_more() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let headers = Scheme::StandardWebhooks.sign(STANDARD_SECRET, b"{}", "m1", at(10_000));
        let verify = |second| {
            Scheme::StandardWebhooks
                .verify(request(&headers, b"{}", second), &[STANDARD_SECRET])
                .map(|_| ())
        };
        assert_eq!(verify(9_700), Ok(()));
        assert_eq!(verify(10_300), Ok(()));
        assert_eq!(verify(9_699), Err(Reject::Stale));
        assert_eq!(verify(10_301), Err(Reject::Stale));
    }

    #[test]
    fn a_signature_under_another_version_does_not_count() {
        let at = Timestamp::from_second(10_000).unwrap();
        let mut headers = Scheme::StandardWebhooks.sign(STANDARD_SECRET, b"{}", "m1", at);
        let v1 = headers[&WEBHOOK_SIGNATURE].to_str().unwrap().to_owned();
        let mut verify = |signature: String| {
            headers.insert(WEBHOOK_SIGNATURE, signature.parse().unwrap());
            Scheme::StandardWebhooks
                .verify(request(&headers, b"{}", 10_000), &[STANDARD_SECRET])
                .map(|_| ())
        };
        assert_eq!(verify(v1.replace("v1,", "v2,")), Err(Reject::MalformedSignature));
        assert_eq!(verify(format!("v2,AAAA v1,AAAA {v1}")), Ok(()));
    }

    #[test]
    fn secrets_that_protect_nothing_are_refused() {
        let shopify = Scheme::HmacSha256Base64 { headers: &["x"], key: KeyForm::Raw };
        assert_eq!(shopify.check_secret(""), Err(SecretProblem::Empty));
        for (secret, problem) in [
            ("", SecretProblem::Empty),
            ("whsec_", SecretProblem::Empty),
            ("not base64!", SecretProblem::NotBase64),
            ("whsec_c2hvcnQ=", SecretProblem::TooShort),
        ] {
            assert_eq!(Scheme::StandardWebhooks.check_secret(secret), Err(problem), "{secret:?}");
        }
        let headers = shopify.sign("", b"{}", "", Timestamp::UNIX_EPOCH);
        let forged = shopify.verify(request(&headers, b"{}", 0), &[""]);
        assert_eq!(forged.map(|_| ()), Err(Reject::BadSignature));
    }

    #[test]
    fn a_signature_header_that_is_there_twice_is_refused() {
        let scheme = Scheme::HmacSha256Base64 { headers: &["x-sig"], key: KeyForm::Raw };
        let mut headers = scheme.sign("secret", b"{}", "", Timestamp::UNIX_EPOCH);
        let again = headers["x-sig"].clone();
        headers.append("x-sig", again);
        let verdict = scheme.verify(request(&headers, b"{}", 0), &["secret"]);
        assert_eq!(verdict.map(|_| ()), Err(Reject::MissingSignature));
    }

    #[test]
    fn wordpress_secrets_are_decoded_once() {
        assert_eq!(decode_wordpress_entities("a&amp;lt;b&#039;&quot;é&"), "a&lt;b'\"é&");
    }
}
