//! The contract between AFS and one shop platform.
//!
//! An adapter is data and a pure function: it *names* one of the audited [`Scheme`]s by which its
//! platform proves where a request comes from, and turns a [`Verified`] request into [`Event`]s.
//! It cannot verify anything itself, and nothing that was not verified can be parsed: only a
//! scheme makes a [`Verified`], and there is no scheme that accepts everything.
//!
//! `CONTRIBUTING.md` says how to add one. The list macro [`adapters!`] brings its tests.

pub mod json;
pub mod jwt;
mod scheme;
mod source;
#[cfg(feature = "testkit")]
pub mod testkit;

use domain::{Change, OrderEvent};
use http::HeaderMap;
use jiff::Timestamp;

pub use scheme::{Description, Encoding, KeyForm, Scheme, SecretProblem, Signature, StampedHeader};
pub use source::{Access, ApiRequest, Source};

/// Everything a platform sent us, before anybody vouched for it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The HTTP headers.
    pub headers: &'a HeaderMap,
    /// The body, byte for byte as received: signatures cover these bytes. For a GET, the query.
    pub body: &'a [u8],
    /// When we received it.
    pub received_at: Timestamp,
    /// What stands behind the shop in the address, for platforms that sign nothing.
    pub address_secret: Option<&'a str>,
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
    /// Whether what the body says was said by the platform.
    trusted: bool,
}

impl<'a> Verified<'a> {
    /// The body. Whether anybody vouches for what it says is the scheme's affair, and [`read`]'s.
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
    pub const fn as_str(self) -> &'static str {
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
pub enum Event {
    /// An order was completed or undone.
    Order(OrderEvent),
    /// Something happened to an order, and the platform's API has to be asked what.
    Notice(Notice),
    /// The platform passes on what a buyer is entitled to.
    Privacy(PrivacyRequest),
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

/// What a buyer is entitled to, as a platform passes it on. Orders are the platform's ids.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PrivacyRequest {
    /// To know what is stored about them, with these orders.
    Access {
        /// The orders.
        orders: Vec<String>,
    },
    /// That it is erased.
    Erasure {
        /// The orders.
        orders: Vec<String>,
    },
}

/// That something happened to an order. What, is read from the platform's API, by a [`Source`].
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Notice {
    /// The platform's id of the order, as its API takes it.
    pub reference: String,
    /// What the request itself says happened, if that is worth something: it counts where the API
    /// adds only details and the shop has no access to it, and, if it undoes an order, where the
    /// platform has no such order any more.
    pub told: Option<OrderEvent>,
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

/// A realistic request body with the headers that go with it, not yet signed. Where the signature is
/// part of the body, what it is around.
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
    fn scheme(&self) -> Scheme<'_>;

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

    /// The parameter of a query whose value the platform wants back when it tries out an address with
    /// a GET. [`challenge`] answers it.
    fn challenge_parameter(&self) -> Option<&'static str> {
        None
    }

    /// What the platform wants back, as JSON, from a GET by which it agrees on a secret with us before
    /// it sends webhooks. `request` has the query for a body. None, unless one of `secrets`, which
    /// are the shop's, proves where it comes from. `address` is that of the shop's webhooks.
    fn registration(
        &self,
        _request: &Request<'_>,
        _secrets: &[&str],
        _address: &str,
    ) -> Option<String> {
        None
    }

    /// What a webhook that was taken is answered with, as JSON, where the platform reads that.
    fn answer(&self) -> Option<&'static str> {
        None
    }

    /// How the platform's API is asked, where webhooks do not say all.
    fn source(&self) -> Option<&'static dyn Source> {
        None
    }

    /// What the platform would send about `event`. Demonstrations, load generators and the
    /// conformance tests are built on it.
    fn sample(&self, event: &OrderEvent) -> Sample;
}

/// The longest id of an order that we ask a platform about, in bytes.
const REFERENCE_MAX_LEN: usize = 200;

/// What `request` means. Every way from a webhook to an event leads through here.
///
/// Where the scheme does not vouch for the body, anybody may have written it who saw one request or
/// its address. Then it says no more than which order to look at: whatever else stands in it, only
/// the platform's answer counts.
pub fn read(adapter: &dyn Adapter, request: &Verified<'_>) -> Result<Vec<Event>, ParseError> {
    let trusted = request.trusted;
    let events = adapter.parse(request)?.into_iter();
    events.map(|event| if trusted { event } else { event.doubted() }).map(Event::checked).collect()
}

impl Event {
    /// What is left of it if anybody may have said it.
    fn doubted(self) -> Self {
        let undone = |event: &OrderEvent| event.change != Change::Completed;
        match self {
            Self::Order(told) => {
                let reference = told.order.reference.clone();
                Self::Notice(Notice { reference, told: Some(told).filter(undone) })
            }
            Self::Notice(Notice { reference, told }) => {
                Self::Notice(Notice { reference, told: told.filter(undone) })
            }
            // What was stored must not be shown or erased because somebody said so.
            Self::Privacy(_) => Self::Ignored { reason: "privacy_request_not_proved" },
            other @ (Self::Ignored { .. } | Self::Alert { .. }) => other,
        }
    }

    /// The id of an order we are to ask about becomes part of an address, in which `..` would lead
    /// elsewhere.
    fn checked(self) -> Result<Self, ParseError> {
        match &self {
            Self::Notice(Notice { reference, .. })
                if reference.len() > REFERENCE_MAX_LEN
                    || !reference.contains(|c: char| c.is_ascii_alphanumeric()) =>
            {
                let (path, detail) = ("the order's id".to_owned(), "cannot be one".to_owned());
                Err(ParseError { path, detail })
            }
            _ => Ok(self),
        }
    }
}

/// The longest challenge that is answered, in bytes.
const CHALLENGE_MAX_LEN: usize = 64;

/// What a GET with this query is answered with, as `text/plain` and whatever the address, if it is
/// `adapter`'s platform trying one out.
///
/// The answer is what came. So it is short, and of characters that mean nothing to a browser.
#[must_use]
pub fn challenge<'q>(adapter: &dyn Adapter, query: &'q str) -> Option<&'q str> {
    let (parameter, value) = query.split_once('=')?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let fits = (1..=CHALLENGE_MAX_LEN).contains(&value.len()) && value.bytes().all(plain);
    (adapter.challenge_parameter() == Some(parameter) && fits).then_some(value)
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
    let body = adapter.scheme().enclose(secret, body);
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

#[cfg(test)]
mod tests {
    use domain::Order;

    use super::*;

    static META: Meta = Meta { id: "said", title: "Said", docs_url: "https://docs.example" };

    /// Says of any request whatever it is made of.
    struct Says(Event);

    impl Adapter for Says {
        fn meta(&self) -> &'static Meta {
            &META
        }

        fn scheme(&self) -> Scheme<'_> {
            Scheme::AddressSecret
        }

        fn parse(&self, _request: &Verified<'_>) -> Result<Vec<Event>, ParseError> {
            Ok(vec![self.0.clone()])
        }

        fn sample(&self, _event: &OrderEvent) -> Sample {
            Sample { headers: vec![], body: vec![] }
        }
    }

    fn event(change: Change, reference: &str) -> OrderEvent {
        let order = Order { reference: reference.into(), ..Order::default() };
        OrderEvent { change, at: None, order }
    }

    fn read_by(scheme: Scheme<'_>, said: Event) -> Result<Event, ParseError> {
        let headers = HeaderMap::new();
        let received_at = Timestamp::UNIX_EPOCH;
        let request = Request { headers: &headers, body: b"", received_at, address_secret: None };
        let trusted = scheme.vouches_for_body();
        read(&Says(said), &Verified { request, trusted }).map(|mut events| events.remove(0))
    }

    #[test]
    fn whoever_can_write_the_body_can_only_point_to_an_order() {
        let doubted = |said| read_by(Scheme::AddressSecret, said).unwrap();
        let completed = event(Change::Completed, "7");
        let notice = Event::Notice(Notice { reference: "7".into(), told: None });
        assert_eq!(doubted(Event::Order(completed.clone())), notice);
        let told = Some(completed.clone());
        assert_eq!(doubted(Event::Notice(Notice { reference: "7".into(), told })), notice);
        let cancelled = event(Change::Cancelled, "7");
        let told = Some(cancelled.clone());
        let notice = Event::Notice(Notice { reference: "7".into(), told });
        assert_eq!(doubted(Event::Order(cancelled)), notice, "for when there is no such order");

        let signed =
            Scheme::WholeBody(Signature::StandardWebhooks { key: KeyForm::StandardWebhooks });
        let order = Event::Order(completed);
        assert_eq!(read_by(signed, order.clone()).unwrap(), order);
    }

    #[test]
    fn nothing_is_asked_about_what_cannot_be_an_order() {
        for reference in ["", "..", ".", "/", "../", &"7".repeat(201)] {
            let said = Event::Order(event(Change::Completed, reference));
            let error = read_by(Scheme::AddressSecret, said).unwrap_err();
            assert_eq!(error.path, "the order's id", "{reference}");
        }
    }
}
