//! The contract between AFS and one shop platform.
//!
//! An adapter is data and a pure function: it *names* one of the audited [`Scheme`]s by which its
//! platform proves where a request comes from, and turns a [`Verified`] request into [`Event`]s.
//! It cannot verify anything itself, and nothing that was not verified can be parsed: only a
//! scheme makes a [`Verified`], and there is no scheme that accepts everything.
//!
//! `CONTRIBUTING.md` says how to add one. The list macro [`adapters!`] brings its tests.

pub mod json;
mod scheme;
#[cfg(feature = "testkit")]
pub mod testkit;

use domain::OrderEvent;
use http::HeaderMap;
use jiff::Timestamp;

pub use scheme::{Description, Encoding, KeyForm, Scheme, SecretProblem, Signature};

/// Everything a platform sent us, before anybody vouched for it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The HTTP headers.
    pub headers: &'a HeaderMap,
    /// The body, byte for byte as received: signatures cover these bytes.
    pub body: &'a [u8],
    /// When we received it.
    pub received_at: Timestamp,
}

impl<'a> Request<'a> {
    /// A header's value, if it is there once and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?;
        if values.next().is_some() { None } else { value.to_str().ok() }
    }
}

/// A request whose origin was proved. Only a [`Scheme`] can make one.
#[derive(Debug)]
pub struct Verified<'a> {
    request: Request<'a>,
}

impl<'a> Verified<'a> {
    /// The signed body.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        self.request.body
    }

    /// A header's value. Most schemes sign the body only: a header may choose how the body is
    /// read, and must not be what it says.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.request.header(name)
    }
}

/// Why a request is not trusted. For our logs and counters; the sender is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// The signature, or another header that is part of it, is missing or there twice.
    #[error("the signature is missing")]
    MissingSignature,
    /// The signature, or another header that is part of it, is not well formed.
    #[error("the signature is not well formed")]
    MalformedSignature,
    /// No accepted secret makes this signature.
    #[error("the signature does not match")]
    BadSignature,
    /// The signed time is outside the tolerance.
    #[error("the timestamp is outside the tolerance")]
    Stale,
}

impl Reject {
    /// The stable name, as in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissingSignature => "missing_signature",
            Self::MalformedSignature => "malformed_signature",
            Self::BadSignature => "bad_signature",
            Self::Stale => "stale",
        }
    }
}

/// What one part of a webhook means.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "a request holds one event or a few")]
pub enum Event {
    /// An order was completed or undone.
    Order(OrderEvent),
    /// Genuine, and deliberately not used.
    Ignored {
        /// Why; a stable name, as in metrics.
        reason: &'static str,
    },
    /// Genuine, and the shop must act: the platform cannot tell us about orders as things are.
    Alert {
        /// What is wrong, with the next step. Shown to the operator.
        reason: &'static str,
    },
}

/// A genuine body that does not have the documented shape.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {detail}")]
pub struct ParseError {
    /// Where, for example `line_items[2].name`. Free of personal data.
    pub path: String,
    /// What was expected. Free of personal data.
    pub detail: String,
}

/// Who an adapter speaks to.
#[derive(Clone, Copy, Debug)]
pub struct Meta {
    /// Stable id: the `platform` of a shop's configuration, metric label, fixture folder.
    pub id: &'static str,
    /// The platform's name.
    pub title: &'static str,
    /// Where the platform documents its webhooks.
    pub docs_url: &'static str,
}

/// A realistic request body with the headers that go with it, not yet signed.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Headers beside the signature.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// One shop platform. Pure and synchronous: bytes in, meaning out.
pub trait Adapter: Sync {
    /// Who this adapter speaks to.
    fn meta(&self) -> &'static Meta;

    /// How a request of this platform proves its origin. No default, on purpose.
    fn scheme(&self) -> Scheme;

    /// What a genuine request means.
    fn parse(&self, request: &Verified<'_>) -> Result<Vec<Event>, ParseError>;

    /// The platform's own id of this event, the same for every delivery of it, where the platform
    /// has one that can be relied on. Else what was read from the body stands for it.
    fn event_id<'a>(&self, _request: &Verified<'a>) -> Option<&'a str> {
        None
    }

    /// `true` for the unsigned request by which the platform tries out an address. It is answered
    /// with 200, whatever the address, and has no effect.
    fn is_handshake(&self, _request: &Request<'_>) -> bool {
        false
    }

    /// What the platform would send about `event`. Demonstrations, load generators and the
    /// conformance tests are built on it.
    fn sample(&self, event: &OrderEvent) -> Sample;
}

/// A name as the two fields that many platforms have for it, for samples.
#[must_use]
pub fn first_and_last(name: Option<&str>) -> (&str, &str) {
    let name = name.unwrap_or_default();
    name.split_once(' ').unwrap_or((name, ""))
}

/// What `adapter`'s platform would send about `event`, signed with `secret`.
///
/// `delivery` is the platform's id of this delivery, where the scheme has one.
#[must_use]
pub fn signed_sample(
    adapter: &dyn Adapter,
    event: &OrderEvent,
    secret: &str,
    delivery: &str,
    now: Timestamp,
) -> (HeaderMap, Vec<u8>) {
    let Sample { headers, body } = adapter.sample(event);
    let mut signed = adapter.scheme().sign(secret, &body, delivery, now);
    for (name, value) in headers {
        if let Ok(value) = value.parse() {
            signed.insert(name, value);
        }
    }
    (signed, body)
}

/// `adapters! { shopify, woocommerce }`: module, registry entry and conformance tests from one word.
///
/// The crate that calls it needs a dev-dependency on `adapter-api` with the feature `testkit`.
#[macro_export]
macro_rules! adapters {
    ($($name:ident),* $(,)?) => {
        $(mod $name;)*

        /// Every platform we speak, in alphabetical order.
        pub static ADAPTERS: &[&dyn $crate::Adapter] = &[$(&$name::Adapter),*];

        #[cfg(test)]
        mod conformance {
            $(mod $name {
                use $crate::testkit;
                const ADAPTER: &dyn $crate::Adapter = &super::super::$name::Adapter;
                #[test] fn fixtures_mean_what_their_snapshots_say() { testkit::fixtures(ADAPTER); }
                #[test] fn forgery_of_every_byte_is_refused() { testkit::forgery(ADAPTER); }
                #[test] fn wrong_and_missing_signatures_are_refused() { testkit::signatures(ADAPTER); }
                #[test] fn every_accepted_secret_counts() { testkit::rotation(ADAPTER); }
                #[test] fn no_signed_body_panics() { testkit::no_panic(ADAPTER); }
                #[test] fn samples_read_back_as_what_they_were_made_of() { testkit::samples(ADAPTER); }
            })*
        }
    };
}
