//! `POST /providers/{provider}`: what mail providers tell of mails that came back.
//!
//! As with shops' webhooks, nothing is looked at that was not bounded, nothing counts that was not
//! proved, and 200 is answered only after the commit. A provider that is not configured has no address.

use std::{collections::HashMap, num::NonZeroU32, sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{Path, State},
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Response},
};
use bounce::{
    Event,
    provider::{Malformed, Reject, Request, mailgun, postmark, sendgrid, ses},
};
use config::Bounces;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use metrics::counter;
use tokio::{sync::Mutex, time::timeout};
use uuid::Uuid;

use crate::{
    Receiver,
    problem::Problem,
    webhook::{COMMIT_TIMEOUT, Refusal, read},
};

/// How long Amazon's certificate may take to come.
const CERTIFICATE_TIMEOUT: Duration = Duration::from_secs(5);

/// Certificates that are kept. Amazon has one for each region, and renews it once a year.
const CERTIFICATES_MAX: usize = 16;

/// Certificates that are fetched in a minute: strangers may name others than there are.
const FETCHES_PER_MINUTE: NonZeroU32 = NonZeroU32::new(10).unwrap();

/// Amazon's certificates, by address. Only those that proved something are kept.
pub struct Certificates {
    known: Mutex<HashMap<String, Arc<[u8]>>>,
    fetches: DefaultDirectRateLimiter,
}

impl Default for Certificates {
    fn default() -> Self {
        let fetches = RateLimiter::direct(Quota::per_minute(FETCHES_PER_MINUTE));
        Self { known: Mutex::default(), fetches }
    }
}

pub(crate) async fn receive(
    State(receiver): State<Arc<Receiver>>,
    Path(provider): Path<String>,
    request: axum::extract::Request,
) -> Response {
    let request_id = Uuid::new_v4();
    let (head, body) = request.into_parts();
    let (name, outcome) = match take(&receiver, &provider, &head, body, request_id).await {
        Ok(name) => (name, Ok(())),
        Err((name, refusal)) => (name, Err(refusal)),
    };
    let told = match &outcome {
        Ok(()) => "taken",
        Err(Refused::Reject(reject)) => reject.as_str(),
        Err(Refused::Malformed(_)) => "malformed",
        Err(Refused::Unknown) => "unknown",
        Err(Refused::Refusal(_)) => "not_taken",
    };
    counter!("afs_provider_webhooks_total", "provider" => name, "outcome" => told).increment(1);
    let Err(refused) = outcome else { return StatusCode::OK.into_response() };
    match &refused {
        Refused::Malformed(malformed) => {
            tracing::error!(%request_id, provider = name, error = %malformed, "not read");
        }
        _ if receiver.guard.tells_refusal() => {
            tracing::info!(%request_id, provider = name, reason = told, "provider's webhook rejected");
        }
        _ => {}
    }
    refused.into_response()
}

/// Why a provider's webhook was not taken.
enum Refused {
    /// There is no such provider here.
    Unknown,
    /// Not proved.
    Reject(Reject),
    /// Genuine, and not as documented. Most providers repeat it for some hours, in which a newer AFS may
    /// read it.
    Malformed(Malformed),
    /// As with shops' webhooks.
    Refusal(Refusal),
}

impl From<Reject> for Refused {
    fn from(reject: Reject) -> Self {
        Self::Reject(reject)
    }
}

impl From<Malformed> for Refused {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Unknown => Problem::new(StatusCode::NOT_FOUND, "not_found", "nothing is here"),
            Self::Reject(_) => Problem::new(
                StatusCode::UNAUTHORIZED,
                "not_accepted",
                "nothing proves where this comes from; check the keys and the clock",
            ),
            Self::Malformed(_) => Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "not_read",
                "this does not have the documented shape; it was not stored",
            ),
            Self::Refusal(refusal) => return refusal.into_response(),
        }
        .into_response()
    }
}

async fn take(
    receiver: &Receiver,
    provider: &str,
    head: &Parts,
    body: Body,
    request_id: Uuid,
) -> Result<&'static str, (&'static str, Refused)> {
    let config = receiver.config.load();
    let provider = Provider::configured(provider, &config.mail.bounces);
    let (name, provider) = provider.ok_or(("none", Refused::Unknown))?;
    let taken = async {
        let held = read(receiver, &config.server, &head.headers, body).await?;
        let (headers, received_at) = (&head.headers, receiver.now());
        let request = Request { headers, body: &held.bytes, received_at };
        for event in provider.events(receiver, &request).await? {
            let applied = receiver.store.apply_bounce(&event, received_at);
            let unavailable = |error: &dyn std::fmt::Display| {
                tracing::error!(%request_id, provider = name, %error, "an event was not stored");
                Refusal::Unavailable
            };
            timeout(COMMIT_TIMEOUT, applied)
                .await
                .map_err(|late| unavailable(&late))?
                .map_err(|error| unavailable(&error))?;
        }
        Ok(name)
    };
    taken.await.map_err(|refused| (name, refused))
}

enum Provider {
    Ses(ses::Settings),
    Mailgun(mailgun::Settings),
    Sendgrid(sendgrid::Settings),
    Postmark(postmark::Settings),
}

/// The provider whose keys can prove nothing, as when one was cut while it was copied.
#[must_use]
pub fn unusable_provider(bounces: &Bounces) -> Option<&'static str> {
    let all = ["ses", "mailgun", "sendgrid", "postmark"];
    let mut configured = all.into_iter().filter_map(|name| Provider::configured(name, bounces));
    configured.find(|(_, provider)| !provider.is_usable()).map(|(name, _)| name)
}

impl Provider {
    fn is_usable(&self) -> bool {
        match self {
            Self::Ses(settings) => !settings.topics.is_empty(),
            Self::Mailgun(settings) => settings.is_usable(),
            Self::Sendgrid(settings) => settings.is_usable(),
            Self::Postmark(settings) => settings.is_usable(),
        }
    }

    fn configured(name: &str, bounces: &Bounces) -> Option<(&'static str, Self)> {
        Some(match name {
            "ses" => {
                let topics = bounces.ses.as_ref()?.topics.clone();
                ("ses", Self::Ses(ses::Settings { topics }))
            }
            "mailgun" => {
                let signing_key = bounces.mailgun.as_ref()?.signing_key.clone();
                ("mailgun", Self::Mailgun(mailgun::Settings { signing_key }))
            }
            "sendgrid" => {
                let public_key = bounces.sendgrid.as_ref()?.public_key.clone();
                ("sendgrid", Self::Sendgrid(sendgrid::Settings { public_key }))
            }
            "postmark" => {
                let postmark = bounces.postmark.as_ref()?;
                let (user, password) = (postmark.username.clone(), postmark.password.clone());
                ("postmark", Self::Postmark(postmark::Settings { user, password }))
            }
            _ => return None,
        })
    }

    async fn events(
        &self,
        receiver: &Receiver,
        request: &Request<'_>,
    ) -> Result<Vec<Event>, Refused> {
        Ok(match self {
            Self::Ses(settings) => {
                let message = ses::Message::read(request, settings)?;
                amazon(receiver, message).await?
            }
            Self::Mailgun(settings) => mailgun::verify(request, settings)?.events()?,
            Self::Sendgrid(settings) => sendgrid::verify(request, settings)?.events()?,
            Self::Postmark(settings) => postmark::verify(request, settings)?.events()?,
        })
    }
}

/// What Amazon SNS tells, with the certificate that it is signed with. A topic that asks whether we want
/// it is told so: it is one of the configured.
async fn amazon(receiver: &Receiver, message: ses::Message) -> Result<Vec<Event>, Refused> {
    let url = message.certificate_url().to_owned();
    let certificates = &receiver.certificates;
    // One after the other: who names certificates that are not there waits for themselves.
    let mut known = timeout(CERTIFICATE_TIMEOUT, certificates.known.lock())
        .await
        .map_err(|_| Refusal::Unavailable)?;
    let certificate = if let Some(certificate) = known.get(&url) {
        certificate.clone()
    } else {
        certificates.fetches.check().map_err(|_| Refusal::Unavailable)?;
        visit(receiver, &url).await?.into()
    };
    let verified = message.verify(&certificate)?;
    if known.len() >= CERTIFICATES_MAX {
        known.clear();
    }
    known.insert(url, certificate);
    drop(known);
    match verified {
        ses::Verified::Notification(notification) => Ok(notification.events()?),
        ses::Verified::Subscription(url) => {
            visit(receiver, &url).await?;
            tracing::info!("a topic of Amazon SNS sends to us from now on");
            Ok(vec![])
        }
        ses::Verified::Unsubscribed => {
            tracing::warn!("a topic of Amazon SNS does not send to us any longer");
            Ok(vec![])
        }
    }
}

async fn visit(receiver: &Receiver, url: &str) -> Result<Vec<u8>, Refusal> {
    let page = timeout(CERTIFICATE_TIMEOUT, receiver.fetcher.public_page(url)).await;
    let unreachable = |error: &dyn std::fmt::Display| {
        tracing::warn!(%error, "Amazon SNS was not reached");
        Refusal::Unavailable
    };
    page.map_err(|late| unreachable(&late))?.map_err(|error| unreachable(&error))
}
