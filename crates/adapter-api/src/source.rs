//! Platforms whose webhooks do not say all: how their API is asked.

use std::num::NonZeroU32;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::OrderEvent;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{Event, ParseError};

/// What needs no encoding in a segment of a path, or in a query (RFC 3986, 2.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How orders are read from a platform's API. Pure, as an adapter is: it says what to ask, and what
/// the answers mean. Who asks, when, how often and how long is not its affair.
pub trait Source: Sync {
    /// Where the API is, such as `https://api.shop.example/v1`; `None` if each shop has an address
    /// of its own, which the configuration must name then.
    fn url(&self) -> Option<&'static str>;

    /// How often one shop may ask, in requests per second: what the platform allows, or less.
    fn requests_per_second(&self) -> NonZeroU32;

    /// What to ask about the order, in this order; each is a GET below the API's address.
    fn requests(&self, reference: &str, access: &Access<'_>) -> Vec<ApiRequest>;

    /// What the answers mean: one body for each request, all of them with a status of 200 to 299.
    fn parse(&self, reference: &str, answers: &[Vec<u8>]) -> Result<Vec<Event>, ParseError>;

    /// What the API would answer after `event`: one body for each request.
    fn sample(&self, event: &OrderEvent) -> Vec<Vec<u8>>;
}

/// What a shop's configuration gives us to ask its platform. No `Debug`: the token is secret.
#[derive(Clone, Copy)]
pub struct Access<'a> {
    /// Which account or store, where the API's addresses name it; empty if not configured.
    pub account: &'a str,
    /// What proves that we may ask.
    pub token: &'a str,
}

/// One question to a platform's API. No `Debug`: the headers hold the token.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiRequest {
    /// Path and query, below the API's address, beginning with `/`.
    pub path: String,
    /// The headers that this API asks for, that of the token among them.
    pub headers: Vec<(&'static str, String)>,
}

impl ApiRequest {
    /// A request for the path that consists of these segments, whatever characters are in them.
    #[must_use]
    pub fn get(segments: &[&str]) -> Self {
        let segment = |segment: &&str| format!("/{}", utf8_percent_encode(segment, SEGMENT));
        Self { path: segments.iter().map(segment).collect(), headers: Vec::new() }
    }

    /// With this parameter in its query, whatever characters are in it.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        let joint = if self.path.contains('?') { '&' } else { '?' };
        let [name, value] = [name, value].map(|text| utf8_percent_encode(text, SEGMENT));
        self.path = format!("{}{joint}{name}={value}", self.path);
        self
    }

    /// With this header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With a name and a password (RFC 7617).
    #[must_use]
    pub fn basic_auth(self, name: &str, password: &str) -> Self {
        let credentials = STANDARD.encode(format!("{name}:{password}"));
        self.header("authorization", format!("Basic {credentials}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_cannot_bring_another_one() {
        let request = ApiRequest::get(&["orders"]).query("id", "1&all=1#").query("expand[]", "a.b");
        assert_eq!(request.path, "/orders?id=1%26all%3D1%23&expand%5B%5D=a.b");
    }

    #[test]
    fn a_password_is_sent_as_the_standard_says() {
        let request = ApiRequest::get(&["orders", "1/2"]).basic_auth("Aladdin", "open sesame");
        assert_eq!(request.path, "/orders/1%2F2");
        let expected = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==".to_owned();
        assert!(request.headers == [("authorization", expected)]);
    }
}
