//! Asks shop platforms about orders that their webhooks only point to.
//!
//! What to ask and what an answer means, a [`Source`] says; here is how: over TLS, at the address
//! that the operator configured or the platform documents and nowhere else, no faster than the
//! platform allows for one shop, and with a bound on the time and the size of an answer. Whether
//! and when to ask again is for the caller to say.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use adapter_api::{Access, ApiRequest, Event, ParseError, Source};
use config::Api;
use domain::ShopId;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use reqwest::{
    Client, Response, StatusCode,
    header::{HeaderMap, HeaderValue, RETRY_AFTER},
    redirect,
};
use rustls::crypto::ring;
use secrecy::ExposeSecret as _;
use trust::TrustError;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long one request may take, with its answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// The longest answer that is read, in bytes. An order with hundreds of lines has some 100 KB.
const ANSWER_MAX_LEN: usize = 1 << 20;

/// The longest that a platform may ask us to wait.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(6);

/// Makes ring what the process encrypts with. Every client of `reqwest` asks for that choice, also one
/// that speaks to this machine only.
pub fn use_ring() {
    // Made before: no harm.
    let _chosen = ring::default_provider().install_default();
}

/// Asks platforms. Cheap to clone; clones share connections and rates.
#[derive(Clone)]
pub struct Fetcher {
    client: Client,
    rates: Arc<Mutex<HashMap<ShopId, Arc<DefaultDirectRateLimiter>>>>,
}

/// Why there is no answer that could be used. Free of personal data and secrets.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The shop's configuration does not say where, or with what, to ask.
    #[error("{0}")]
    NotConfigured(&'static str),
    /// The platform has no such order.
    #[error("the platform has no such order (404)")]
    NotFound,
    /// The platform does not let us see it.
    #[error("the platform refuses our token ({0}): check shops.<id>.api")]
    Refused(StatusCode),
    /// The platform wants to be asked later, or less often.
    #[error("the platform is busy ({status})")]
    Busy {
        /// What it answered.
        status: StatusCode,
        /// For how long it wants to be left alone, if it says so.
        retry_after: Option<Duration>,
    },
    /// Another answer than the documented ones.
    #[error("the platform answered with {0}")]
    Status(StatusCode),
    /// No answer.
    #[error("the platform could not be asked: {0}")]
    Unreachable(String),
    /// More than we read.
    #[error("the platform's answer is larger than {} KiB", ANSWER_MAX_LEN / 1024)]
    TooLarge,
    /// The answer does not have the documented shape.
    #[error("the platform's answer does not have the documented shape: {0}")]
    Unread(ParseError),
}

impl Fetcher {
    /// A client that trusts Mozilla's list of certificates and the host's own.
    pub fn new() -> Result<Self, SetupError> {
        let client = Client::builder()
            .tls_backend_preconfigured(trust::client(None)?)
            .user_agent(concat!("afs/", env!("CARGO_PKG_VERSION")))
            // An answer that sends us elsewhere would take the token there.
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .build()?;
        Ok(Self { client, rates: Arc::default() })
    }

    /// What happened to an order, by the platform's answer.
    pub async fn ask(
        &self,
        shop: &ShopId,
        source: &dyn Source,
        api: &Api,
        reference: &str,
    ) -> Result<Vec<Event>, FetchError> {
        let token = api.token.as_ref().ok_or(FetchError::NotConfigured(
            "shops.<id>.api.token is missing: the platform cannot be asked",
        ))?;
        let url = api.url.as_deref().or_else(|| source.url()).ok_or(FetchError::NotConfigured(
            "shops.<id>.api.url is missing: each shop of this platform has an address of its own",
        ))?;
        let account = api.account.as_deref().unwrap_or_default();
        let access = Access { account, token: token.expose_secret() };
        let rate = self.rate(shop, source);
        let mut answers = Vec::new();
        for request in source.requests(reference, &access) {
            rate.until_ready().await;
            answers.push(self.get(url, request).await?);
        }
        source.parse(reference, &answers).map_err(FetchError::Unread)
    }

    /// A page that everybody may read, over HTTPS, without following redirects. Whether the address is
    /// one to be visited is for the caller to say.
    pub async fn public_page(&self, url: &str) -> Result<Vec<u8>, FetchError> {
        if !url.starts_with("https://") {
            return Err(FetchError::NotConfigured("only https:// is visited"));
        }
        let answer = self.client.get(url).send().await.map_err(unreachable)?;
        let status = answer.status();
        if status.is_success() { body(answer).await } else { Err(FetchError::Status(status)) }
    }

    fn rate(&self, shop: &ShopId, source: &dyn Source) -> Arc<DefaultDirectRateLimiter> {
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        let quota = || Quota::per_second(source.requests_per_second());
        rates.entry(shop.clone()).or_insert_with(|| Arc::new(RateLimiter::direct(quota()))).clone()
    }

    async fn get(&self, url: &str, request: ApiRequest) -> Result<Vec<u8>, FetchError> {
        let mut headers = HeaderMap::new();
        for (name, value) in request.headers {
            let not_a_header = FetchError::NotConfigured(
                "shops.<id>.api.token has characters that cannot stand in a header",
            );
            let mut value = HeaderValue::from_str(&value).map_err(|_| not_a_header)?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let url = format!("{}{}", url.trim_end_matches('/'), request.path);
        let answer = self.client.get(url).headers(headers).send().await.map_err(unreachable)?;
        match answer.status() {
            status if status.is_success() => body(answer).await,
            StatusCode::NOT_FOUND | StatusCode::GONE => Err(FetchError::NotFound),
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                Err(FetchError::Refused(status))
            }
            status if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() => {
                Err(FetchError::Busy { status, retry_after: retry_after(&answer) })
            }
            status => Err(FetchError::Status(status)),
        }
    }
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TrustError),
    /// The client cannot be made.
    #[error(transparent)]
    Client(#[from] reqwest::Error),
}

async fn body(mut answer: Response) -> Result<Vec<u8>, FetchError> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > ANSWER_MAX_LEN {
            return Err(FetchError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The time that a platform asks for, in seconds (RFC 9110, 10.2.3); a date is not looked at.
fn retry_after(answer: &Response) -> Option<Duration> {
    let seconds = answer.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

/// Without the address: it holds the order's id, and for some platforms the account.
fn unreachable(error: reqwest::Error) -> FetchError {
    let error = error.without_url();
    let what = if error.is_timeout() {
        "no answer in time".to_owned()
    } else {
        // The cause says more than the library: "connection refused".
        let mut cause: &dyn std::error::Error = &error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        cause.to_string()
    };
    FetchError::Unreachable(what)
}

#[cfg(test)]
mod tests;
