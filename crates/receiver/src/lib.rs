//! Public HTTP: webhooks in, review pages out.
//!
//! | route | what it does |
//! |---|---|
//! | `POST /webhooks/{shop}` | takes a shop platform's webhook ([`webhook`]) |
//! | `GET /webhooks/{shop}` | answers platforms that try out an address ([`handshake`]) |
//! | `GET`, `POST /webhooks/{shop}/{secret}` | the same, of platforms that sign nothing |
//! | `POST /providers/{provider}` | what mail providers tell of mails that came back ([`provider`]) |
//! | `GET`, `POST /r/{token}` | the review an invitation asks for ([`review`]) |
//! | `GET`, `POST /review/{shop}` | a review nobody asked for |
//! | `GET`, `POST /u/{token}` | stops mail ([`unsubscribe`]) |
//! | `GET`, `POST /l/{token}` | has the buyer asked later ([`later`]) |
//! | `GET /assets/{name}` | what pages are styled with |
//!
//! `GET` and `HEAD` change nothing anywhere in mails and pages: mail scanners follow every link.

pub mod form;
mod guard;
mod handshake;
mod later;
mod link;
mod pages;
mod problem;
mod provider;
mod review;
pub mod serve;
mod stream;
mod unread;
mod unsubscribe;
mod webhook;

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderName, HeaderValue, header},
    routing::{get, post},
};
use config::Config;
use domain::token::TokenKeys;
use fetch::Fetcher;
use jiff::Timestamp;
use queue::{Clock, Queue};
use store::Store;
use templates::Templates;
use tower_http::{catch_panic::CatchPanicLayer, set_header::SetResponseHeaderLayer};

pub use crate::{
    guard::Guard,
    provider::{Certificates, unusable_provider},
    unread::{Replayed, replay},
};

/// What the handlers work with.
pub struct Receiver {
    /// The record.
    pub store: Store,
    /// The timer.
    pub queue: Queue,
    /// The configuration in force; replaced as a whole when it is reloaded.
    pub config: Arc<ArcSwap<Config>>,
    /// The pages; replaced with the configuration.
    pub templates: Arc<ArcSwap<Templates>>,
    /// Opens the links in mails.
    pub keys: TokenKeys,
    /// Tells the time.
    pub clock: Clock,
    /// Bounds what strangers take together.
    pub guard: Guard,
    /// Gets what a mail provider signs with.
    pub fetcher: Fetcher,
    /// What was got.
    pub certificates: Certificates,
}

impl Receiver {
    fn now(&self) -> Timestamp {
        (self.clock)()
    }
}

/// The public routes.
pub fn router(receiver: Arc<Receiver>) -> Router {
    Router::new()
        .route(
            "/webhooks/{shop}",
            post(webhook::receive).get(handshake::answer).head(pages::not_found),
        )
        .route(
            "/webhooks/{shop}/{secret}",
            post(webhook::receive_at_secret).get(webhook::receive_at_secret).head(pages::not_found),
        )
        .route("/providers/{provider}", post(provider::receive).get(pages::not_found))
        .route("/r/{token}", get(review::show_invited).post(review::submit_invited))
        .route("/review/{shop}", get(review::show_organic).post(review::submit_organic))
        .route("/u/{token}", get(unsubscribe::show).post(unsubscribe::submit))
        .route("/l/{token}", get(later::show).post(later::submit))
        .route("/assets/{name}", get(pages::asset))
        .fallback(pages::not_found)
        // As one: each layer by itself would cost each request a box.
        .layer((
            // Each handler bounds its own body: a webhook may be larger than a form.
            DefaultBodyLimit::disable(),
            // What nobody said may be kept is not for keeping.
            SetResponseHeaderLayer::if_not_present(
                header::CACHE_CONTROL,
                HeaderValue::from_static("no-store"),
            ),
            header(header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            // Links are capabilities: they must not travel on as referrers, into caches or indexes.
            header(header::REFERRER_POLICY, "no-referrer"),
            header(HeaderName::from_static("x-robots-tag"), "noindex"),
            header(
                header::CONTENT_SECURITY_POLICY,
                "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; \
                 frame-ancestors 'none'; base-uri 'none'",
            ),
            CatchPanicLayer::custom(|_| problem::internal_error()),
        ))
        .with_state(receiver)
}

fn header(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value))
}
