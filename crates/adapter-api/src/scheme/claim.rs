//! What the headers of a request claim.

use std::{borrow::Cow, collections::BTreeMap, hint::black_box};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use data_encoding::HEXLOWER;
use hmac::Mac as _;
use http::HeaderName;
use jiff::Timestamp;
use rust_decimal::prelude::ToPrimitive as _;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;
use subtle::ConstantTimeEq as _;

use super::{
    Encoding, Signature, StampedHeader, WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP,
    key::{Algorithm, keyed},
};
use crate::{Reject, Request, json::Amount, jwt::Token};

/// Signatures in one header that are looked at: a bound on the work a forger can ask for.
const SIGNATURES_MAX: usize = 16;

/// What the headers of a request claim. There is one for every request, also for one without a
/// signature: what it costs to refuse must not tell what stood in the headers.
pub(super) struct Claim<'a> {
    /// What is said to be signed, in parts.
    pub(super) text: Vec<Cow<'a, [u8]>>,
    /// The signatures, any of which may hold.
    pub(super) given: Vec<Given>,
    /// Whom it is said to have been sent to, where the scheme has that.
    pub(super) recipient: Option<String>,
    /// From when on it is said to hold, where the scheme has that.
    pub(super) since: Option<Timestamp>,
    /// Until when it is said to hold, where the scheme has that.
    pub(super) until: Option<Timestamp>,
    /// Why it cannot hold, whatever the keys say.
    pub(super) flaw: Option<Reject>,
}

/// One signature, as it came.
pub(super) struct Given {
    pub(super) algorithm: Algorithm,
    pub(super) bytes: Vec<u8>,
}

impl Signature<'_> {
    pub(super) fn claim<'a>(self, request: &Request<'a>) -> Claim<'a> {
        match self {
            Self::HmacSha256 { headers, encoding, .. } => {
                let value = first_of(request, headers);
                one_header(request, value, encoding, Algorithm::HmacSha256)
            }
            Self::StampedHmacSha256 { header, form } => {
                stamped(request, request.header(header), form)
            }
            Self::HmacSha1 { header, encoding, .. } => {
                one_header(request, request.header(header), encoding, Algorithm::HmacSha1)
            }
            Self::HmacSha256OfFields { header, fields } => of_fields(request, header, fields),
            Self::StandardWebhooks { .. } => standard_webhooks(request),
            Self::DetachedJws { headers } => detached_jws(request, first_of(request, headers)),
            Self::JwtBody => jwt_body(request),
            Self::RsaSha256 { headers, body, recipient } => {
                rsa_sha256(request, headers, body, recipient)
            }
        }
    }
}

fn first_of<'a>(request: &Request<'a>, headers: &[&str]) -> Option<&'a str> {
    headers.iter().find_map(|name| request.header(name))
}

fn one_header<'a>(
    request: &Request<'a>,
    value: Option<&str>,
    encoding: Encoding,
    algorithm: Algorithm,
) -> Claim<'a> {
    let bytes = value.and_then(|value| encoding.decode(value));
    let given = bytes.map(|bytes| Given { algorithm, bytes });
    Claim::new(&[request.body], given.into_iter().collect(), value.is_some())
}

fn stamped<'a>(request: &Request<'a>, value: Option<&'a str>, form: StampedHeader) -> Claim<'a> {
    let fields = || {
        let fields = value.unwrap_or_default().split(form.separator);
        fields.filter_map(|field| field.split_once('='))
    };
    let timestamp = fields().find(|(name, _)| *name == form.timestamp).map(|(_, value)| value);
    let given = fields()
        .filter(|(name, _)| *name == form.signature)
        .take(SIGNATURES_MAX)
        .filter_map(|(_, signature)| HEXLOWER.decode(signature.as_bytes()).ok())
        .map(|bytes| Given { algorithm: Algorithm::HmacSha256, bytes })
        .collect();
    let text = [timestamp.unwrap_or_default().as_bytes(), form.joint.as_bytes(), request.body];
    Claim::new(&text, given, value.is_some()).at(timestamp)
}

fn of_fields<'a>(request: &Request<'a>, header: &str, fields: &[&str]) -> Claim<'a> {
    let value = request.header(header);
    let body: BTreeMap<&'a str, &'a RawValue> =
        serde_json::from_slice(request.body).unwrap_or_default();
    let member = |field: &&str| Some(body.get(field)?.get().trim_matches('"').as_bytes());
    let signed: Option<Vec<&[u8]>> = fields.iter().map(member).collect();
    let given = signed.is_some().then(|| value.and_then(|value| STANDARD.decode(value).ok()));
    let given = given.flatten().map(|bytes| Given { algorithm: Algorithm::HmacSha256, bytes });
    let text = signed.unwrap_or_default().join(&b'.');
    let mut claim = Claim::new(&[], given.into_iter().collect(), value.is_some());
    claim.text.push(Cow::Owned(text));
    claim
}

fn standard_webhooks<'a>(request: &Request<'a>) -> Claim<'a> {
    let header = |name: HeaderName| request.header(name.as_str());
    let (id, timestamp) = (header(WEBHOOK_ID), header(WEBHOOK_TIMESTAMP));
    let signatures = header(WEBHOOK_SIGNATURE);
    let given = signatures
        .unwrap_or_default()
        .split(' ')
        .filter_map(|signature| match signature.split_once(',')? {
            ("v1", mac) => Some((Algorithm::HmacSha256, mac)),
            ("v1a", signature) => Some((Algorithm::Ed25519, signature)),
            _ => None,
        })
        .take(SIGNATURES_MAX)
        .filter_map(|(algorithm, signature)| {
            Some(Given { algorithm, bytes: STANDARD.decode(signature).ok()? })
        })
        .collect();
    let bytes = |header: Option<&'a str>| header.unwrap_or_default().as_bytes();
    let text = [bytes(id), b".", bytes(timestamp), b".", request.body];
    let complete = id.is_some() && timestamp.is_some() && signatures.is_some();
    Claim::new(&text, given, complete).at(timestamp)
}

fn detached_jws<'a>(request: &Request<'a>, value: Option<&'a str>) -> Claim<'a> {
    /// What of a JOSE header decides how the signature is made.
    #[derive(Deserialize)]
    struct Header {
        alg: String,
        b64: bool,
        crit: Vec<String>,
    }
    let parts = value.and_then(|value| {
        let (header, rest) = value.split_once('.')?;
        // Nothing between the dots: the payload is the body.
        let signature = rest.strip_prefix('.')?;
        let bytes = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let read: Header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        // What must be understood (`crit`) and is not, must be refused.
        (read.alg == "RS256" && !read.b64 && read.crit == ["b64"]).then_some((header, bytes))
    });
    let header = parts.as_ref().map_or("", |(header, _)| header);
    let text = [header.as_bytes(), b".", request.body];
    let given = parts.map(|(_, bytes)| Given { algorithm: Algorithm::Rs256, bytes });
    Claim::new(&text, given.into_iter().collect(), value.is_some())
}

fn jwt_body<'a>(request: &Request<'a>) -> Claim<'a> {
    /// What of a JOSE header decides how the signature is made.
    #[derive(Deserialize)]
    struct Header {
        alg: String,
        crit: Option<IgnoredAny>,
    }
    /// Seconds since 1970, which may have a fraction (RFC 7519, section 2).
    #[derive(Default, Deserialize)]
    struct Times {
        #[serde(default)]
        iat: Amount,
        #[serde(default)]
        exp: Amount,
    }
    let understood = |token: &Token<'_>| {
        let header = serde_json::from_slice(&token.header);
        // What must be understood (`crit`) and is not, must be refused.
        header.is_ok_and(|header: Header| header.alg == "RS256" && header.crit.is_none())
    };
    let token = Token::parse(request.body).filter(understood);
    let times: Times = token
        .as_ref()
        .and_then(|token| serde_json::from_slice(&token.claims).ok())
        .unwrap_or_default();
    let signed = token.as_ref().map_or("", |token| token.signed);
    let given = token.map(|token| Given { algorithm: Algorithm::Rs256, bytes: token.signature });
    let mut claim =
        Claim::new(&[signed.as_bytes()], given.into_iter().collect(), !request.body.is_empty());
    let instant = |at: Amount| Timestamp::from_second(at.0?.to_i64()?).ok();
    (claim.since, claim.until) = (instant(times.iat), instant(times.exp));
    claim
}

fn rsa_sha256<'a>(
    request: &Request<'a>,
    headers: &[&str],
    body: Option<Encoding>,
    recipient: Option<&str>,
) -> Claim<'a> {
    let values = || headers.iter().filter_map(|name| request.header(name));
    let given = values()
        .filter_map(|value| STANDARD.decode(value).ok())
        .map(|bytes| Given { algorithm: Algorithm::Rs256, bytes })
        .collect();
    let mut claim = Claim::new(&[], given, values().next().is_some());
    claim.text.push(match body {
        Some(encoding) => Cow::Owned(encoding.encode(request.body).into_bytes()),
        None => Cow::Borrowed(request.body),
    });
    claim.recipient = recipient.and_then(|member| {
        let body: BTreeMap<String, &RawValue> = serde_json::from_slice(request.body).ok()?;
        serde_json::from_str(body.get(member)?.get()).ok()
    });
    claim
}

impl<'a> Claim<'a> {
    /// The claim of a request that signs nothing: its address holds the secret.
    pub(super) fn address_secret(request: &Request<'a>) -> Self {
        let given = request.address_secret.unwrap_or_default();
        let flaw = given.is_empty().then_some(Reject::MissingSignature);
        let mut claim = Self::new(&[given.as_bytes(), request.body], vec![], true);
        claim.flaw = flaw;
        claim
    }

    /// Whether the address held this secret. The time it takes tells no more than its length.
    pub(super) fn held(&self, secret: &str) -> bool {
        // For its time only: a refusal costs what that of a signature does, or it would tell which
        // shops there are.
        black_box(keyed(secret.as_bytes(), &self.text).finalize());
        self.text[0].ct_eq(secret.as_bytes()).into()
    }

    /// A claim that has a flaw if its headers are not `complete`, or hold nothing that is readable.
    fn new(text: &[&'a [u8]], given: Vec<Given>, complete: bool) -> Self {
        let text = text.iter().map(|part| Cow::Borrowed(*part)).collect();
        let flaw = if !complete {
            Some(Reject::MissingSignature)
        } else if given.is_empty() {
            Some(Reject::MalformedSignature)
        } else {
            None
        };
        Self { text, given, recipient: None, since: None, until: None, flaw }
    }

    /// The claim, which must say when it was signed.
    fn at(mut self, timestamp: Option<&str>) -> Self {
        let signed_at = timestamp
            .and_then(|timestamp| timestamp.parse().ok())
            .and_then(|second| Timestamp::from_second(second).ok());
        (self.since, self.until) = (signed_at, signed_at);
        if signed_at.is_none() {
            self.flaw = self.flaw.or(Some(Reject::MalformedSignature));
        }
        self
    }
}
