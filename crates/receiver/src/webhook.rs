//! `POST /webhooks/{shop}`: the way in for shop platforms; `/webhooks/{shop}/{secret}` for those that
//! sign nothing, some of which can only `GET`.
//!
//! The order matters. Nothing is looked at that was not bounded, nothing is parsed that was not
//! verified, and 200 is answered only after the commit. Whoever cannot sign learns nothing: an
//! unknown shop, a wrong signature and an old timestamp get the same answer after the same work.

use std::{future::Future, sync::Arc, time::Duration};

use adapter_api::{
    Adapter, Encoding, Event, KeyForm, Notice, PrivacyRequest, Reject, Request, Scheme, Signature,
    Verified,
};
use adapters::ShopAdapter;
use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use config::ShopSettings;
use domain::{Decision, OrderEvent, ShopId};
use jiff::SignedDuration;
use metrics::counter;
use queue::{Channel, Wakeup};
use store::{
    StoreError,
    intake::{Accepted, Arrival},
    notices::Notified,
};
use uuid::Uuid;

use crate::{
    Receiver,
    guard::{Held, TooLarge},
    problem::Problem,
    unread,
};

/// How long a commit may take: Shopify waits five seconds for the whole exchange.
pub(crate) const COMMIT_TIMEOUT: Duration = Duration::from_secs(4);

/// Signs nothing; makes an unknown shop cost what a known one does.
const NOBODYS_SCHEME: Scheme<'static> = Scheme::WholeBody(Signature::HmacSha256 {
    headers: &["x-signature"],
    encoding: Encoding::Base64,
    key: KeyForm::Raw,
});
const NOBODYS_SECRET: &str = "no shop has this secret";

/// Where a webhook was sent to.
struct Address<'a> {
    shop: &'a str,
    /// What stands behind the shop.
    secret: Option<&'a str>,
}

pub(crate) async fn receive(
    State(receiver): State<Arc<Receiver>>,
    Path(shop): Path<String>,
    // Not `HeaderMap`, which would be a copy.
    request: axum::extract::Request,
) -> Response {
    answer(&receiver, Address { shop: &shop, secret: None }, request).await
}

pub(crate) async fn receive_at_secret(
    State(receiver): State<Arc<Receiver>>,
    Path((shop, secret)): Path<(String, String)>,
    request: axum::extract::Request,
) -> Response {
    answer(&receiver, Address { shop: &shop, secret: Some(&secret) }, request).await
}

async fn answer(
    receiver: &Receiver,
    address: Address<'_>,
    request: axum::extract::Request,
) -> Response {
    let request_id = Uuid::new_v4();
    let (head, body) = request.into_parts();
    let outcome = take(receiver, address, &head, body, request_id).await;
    let mut response = match outcome {
        Ok(None) => StatusCode::OK.into_response(),
        Ok(Some(json)) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
        Err(refusal) => refusal.into_response(),
    };
    if let Ok(id) = request_id.to_string().parse() {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}

/// Why a webhook was not taken.
pub(crate) enum Refusal {
    /// Too large, too slow, or encoded in a way we do not read.
    Unreadable(Problem),
    /// Not proved to come from the shop.
    Untrusted,
    /// Genuine, and the record could not take it.
    Unavailable,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Unreadable(problem) => problem,
            Self::Untrusted => Problem::new(
                StatusCode::UNAUTHORIZED,
                "not_accepted",
                "no shop here accepts this request; check the address, the secret and the clock",
            ),
            Self::Unavailable => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "the event was not stored; deliver it again",
            ),
        }
        .into_response()
    }
}

async fn take(
    receiver: &Receiver,
    address: Address<'_>,
    head: &Parts,
    body: Body,
    request_id: Uuid,
) -> Result<Option<&'static str>, Refusal> {
    let config = receiver.config.load();
    let headers = &head.headers;
    let held = read(receiver, &config.server, headers, body).await.inspect_err(|refusal| {
        if let Refusal::Unreadable(problem) = refusal {
            rejected(receiver, request_id, problem.code);
        }
    })?;
    let body = match head.method {
        Method::GET => head.uri.query().unwrap_or_default().as_bytes(),
        _ => &held.bytes,
    };
    failpoint::hit("receiver_after_read");
    let (received_at, address_secret) = (receiver.now(), address.secret);
    let request = Request { headers, body, received_at, address_secret };
    // Whatever the address: a handshake must not tell which shops there are.
    if adapters::ADAPTERS.iter().any(|adapter| adapter.is_handshake(&request)) {
        counter!("afs_webhook_handshakes_total").increment(1);
        return Ok(None);
    }
    let shop = address.shop.parse::<ShopId>().ok().and_then(|id| config.shop(&id));
    let (adapter, verified) = verify(shop, request).map_err(|reject| {
        rejected(receiver, request_id, reject);
        Refusal::Untrusted
    })?;
    let Some(shop) = shop else { return Err(Refusal::Untrusted) };
    failpoint::hit("receiver_after_verify");
    match adapter_api::read(&*adapter, &verified) {
        Ok(events) => act_on(receiver, shop, &*adapter, &verified, events, request_id).await?,
        Err(error) => unread::keep(receiver, shop, &request, error, request_id).await?,
    }
    failpoint::hit("receiver_before_reply");
    Ok(adapter.answer())
}

pub(crate) async fn act_on(
    receiver: &Receiver,
    shop: &ShopSettings,
    adapter: &dyn Adapter,
    verified: &Verified<'_>,
    events: Vec<Event>,
    request_id: Uuid,
) -> Result<(), Refusal> {
    for event in events {
        match event {
            Event::Order(event) => {
                let key = Arrival::key(adapter.event_id(verified), &event);
                accept(receiver, shop, event, key, request_id).await?;
            }
            Event::Notice(Notice { told: Some(told), .. })
                if shop.api.token.is_none() && adapter.scheme().vouches_for_body() =>
            {
                let key = Arrival::key(adapter.event_id(verified), &told);
                accept(receiver, shop, told, key, request_id).await?;
            }
            Event::Notice(notice) => notify(receiver, shop, notice, request_id).await?,
            Event::Privacy(PrivacyRequest::Access { orders }) => {
                alert(shop, &data_request(&shop.id, &orders), request_id);
            }
            Event::Privacy(PrivacyRequest::Erasure { orders }) => {
                erase(receiver, shop, &orders, request_id).await?;
            }
            Event::Ignored { reason } => {
                counter!("afs_webhooks_ignored_total", "shop" => shop.id.to_string(), "reason" => reason)
                    .increment(1);
                tracing::debug!(%request_id, shop = %shop.id, reason, "webhook ignored");
            }
            Event::Alert { reason } => alert(shop, reason, request_id),
        }
    }
    Ok(())
}

fn alert(shop: &ShopSettings, reason: &str, request_id: Uuid) {
    counter!("afs_webhook_alerts_total", "shop" => shop.id.to_string()).increment(1);
    tracing::error!(%request_id, shop = %shop.id, "the shop must act: {reason}");
}

/// What is to be done. The log names orders, and not the buyer.
fn data_request(shop: &ShopId, orders: &[String]) -> String {
    if orders.is_empty() {
        return "a buyer wants to know what is stored, and has no order here: say so to them"
            .to_owned();
    }
    let options = orders.join(" --order ");
    format!(
        "a buyer wants to know what is stored: give them, within 30 days, what \
         `afs privacy export --shop {shop} --order {options}` prints"
    )
}

/// Erases the buyer of these orders, before the platform is answered.
async fn erase(
    receiver: &Receiver,
    shop: &ShopSettings,
    orders: &[String],
    request_id: Uuid,
) -> Result<(), Refusal> {
    let erased =
        committed(shop, request_id, receiver.store.erase(&shop.id, orders, receiver.now())).await?;
    counter!("afs_erased_orders_total", "shop" => shop.id.to_string()).increment(erased);
    tracing::info!(%request_id, shop = %shop.id, asked = orders.len(), erased, "buyer erased");
    Ok(())
}

/// Puts on record that the platform is to be asked about an order; a worker will.
async fn notify(
    receiver: &Receiver,
    shop: &ShopSettings,
    notice: Notice,
    request_id: Uuid,
) -> Result<(), Refusal> {
    if shop.api.token.is_none() {
        let reason = "its webhooks do not say all, and AFS cannot ask the platform: set api.token \
                      of the shop; the platform's page in the documentation says how";
        alert(shop, reason, request_id);
    }
    let Notice { reference, told } = notice;
    let (shop_id, at) = (shop.id.clone(), receiver.now());
    let notified = Notified { shop: shop_id, reference, told, request_id, at };
    let id = committed(shop, request_id, receiver.store.save_notice(&notified)).await?;
    counter!("afs_webhooks_noticed_total", "shop" => shop.id.to_string()).increment(1);
    tracing::info!(
        %request_id, shop = %shop.id, order = notified.reference, notice = %id, "webhook noticed"
    );
    let wakeup = Wakeup { id: id.0, group: String::new(), due_at: at };
    if let Err(error) = receiver.queue.wake(Channel::Notices, &[wakeup]).await {
        timer_failed(request_id, &error);
    }
    Ok(())
}

/// The body, if it is small enough, quick enough and not compressed.
pub(crate) async fn read<'a>(
    receiver: &'a Receiver,
    limits: &config::Server,
    headers: &HeaderMap,
    body: Body,
) -> Result<Held<'a>, Refusal> {
    let refuse =
        |status, code, detail: String| Err(Refusal::Unreadable(Problem::new(status, code, detail)));
    if headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        let detail = "send the body as it is: signatures cover the bytes, and bombs are compressed";
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "compressed_body", detail.into());
    }
    let limit = limits.body_limit_kib * 1024;
    let too_large = || {
        let detail = format!("the body is larger than {} KiB", limits.body_limit_kib);
        refuse(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
    };
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    if announced.and_then(|length| length.parse().ok()).is_some_and(|length: usize| length > limit)
    {
        return too_large();
    }
    let patience = Duration::from_secs(limits.request_timeout_secs);
    match tokio::time::timeout(patience, receiver.guard.read(body, limit)).await {
        Ok(Ok(held)) => Ok(held),
        Ok(Err(TooLarge)) => too_large(),
        Err(_) => {
            let detail = format!("the body took longer than {} s", limits.request_timeout_secs);
            refuse(StatusCode::REQUEST_TIMEOUT, "body_too_slow", detail)
        }
    }
}

/// Proves where the request comes from. An unknown shop costs the same, and fails.
pub(crate) fn verify<'s, 'a>(
    shop: Option<&'s ShopSettings>,
    request: Request<'a>,
) -> Result<(ShopAdapter<'s>, Verified<'a>), &'static str> {
    let known = shop.and_then(|shop| Some((shop, adapters::of(shop)?)));
    let Some((shop, adapter)) = known else {
        let _refused = NOBODYS_SCHEME.verify(request, &[NOBODYS_SECRET]);
        return Err("unknown_shop");
    };
    let secrets: Vec<&str> =
        shop.secrets.iter().map(secrecy::ExposeSecret::expose_secret).collect();
    let verified = adapter.scheme().verify(request, &secrets).map_err(Reject::as_str)?;
    Ok((adapter, verified))
}

fn rejected(receiver: &Receiver, request_id: Uuid, reason: &'static str) {
    counter!("afs_webhooks_rejected_total", "reason" => reason).increment(1);
    if receiver.guard.tells_refusal() {
        tracing::info!(%request_id, reason, "webhook rejected");
    }
}

/// What the record answered; without an answer in time, or with an error, the platform has to deliver
/// again.
pub(crate) async fn committed<T>(
    shop: &ShopSettings,
    request_id: Uuid,
    commit: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, Refusal> {
    tokio::time::timeout(COMMIT_TIMEOUT, commit)
        .await
        .map_err(|late| unavailable(shop, request_id, &late))?
        .map_err(|error| unavailable(shop, request_id, &error))
}

pub(crate) fn unavailable(
    shop: &ShopSettings,
    request_id: Uuid,
    error: &dyn std::fmt::Display,
) -> Refusal {
    counter!("afs_webhooks_rejected_total", "reason" => "unavailable").increment(1);
    tracing::error!(%request_id, shop = %shop.id, %error, "an event was not stored");
    Refusal::Unavailable
}

async fn accept(
    receiver: &Receiver,
    shop: &ShopSettings,
    event: OrderEvent,
    event_key: String,
    request_id: Uuid,
) -> Result<(), Refusal> {
    let change = event.change;
    let order = event.order.reference.clone();
    let arrival = Arrival {
        shop: shop.id.clone(),
        event,
        event_key,
        request_id,
        received_at: receiver.now(),
        policy: shop.policy.clone(),
    };
    if failpoint::bug("answer_before_commit") {
        let store = receiver.store.clone();
        tokio::spawn(async move { store.accept(arrival).await });
        return Ok(());
    }
    let accepted = committed(shop, request_id, receiver.store.accept(arrival)).await?;
    let Accepted::Decided { decision, invitation } = accepted else {
        counter!("afs_webhooks_duplicate_total", "shop" => shop.id.to_string()).increment(1);
        tracing::info!(%request_id, shop = %shop.id, order, "webhook delivered again");
        return Ok(());
    };
    counter!(
        "afs_webhooks_accepted_total",
        "shop" => shop.id.to_string(), "change" => change.as_str(), "decision" => decision.as_str()
    )
    .increment(1);
    tracing::info!(
        %request_id, shop = %shop.id, order, change = change.as_str(),
        decision = decision.as_str(), invitation = invitation.map(tracing::field::display),
        "webhook accepted"
    );
    if let Some(invitation) = invitation {
        adjust_timer(receiver, shop, invitation.0, &decision, request_id).await;
    }
    Ok(())
}

/// Tells the timer what was decided. It may fail: the record has it, and the reconciler repeats it.
async fn adjust_timer(
    receiver: &Receiver,
    shop: &ShopSettings,
    id: Uuid,
    decision: &Decision,
    request_id: Uuid,
) {
    let outcome = match decision {
        Decision::Schedule(timing) | Decision::Move(timing) => {
            let minutes = receiver.config.load().queue.horizon_minutes;
            let horizon =
                SignedDuration::from_mins(i64::try_from(minutes).unwrap_or(i64::MAX / 60));
            if timing.due_at.duration_since(receiver.now()) > horizon {
                return;
            }
            let wakeup = Wakeup { id, group: shop.id.to_string(), due_at: timing.due_at };
            receiver.queue.wake(Channel::Invitations, &[wakeup]).await
        }
        Decision::Cancel { .. } => {
            receiver.queue.cancel(Channel::Invitations, shop.id.as_str(), &[id]).await
        }
        Decision::DoNotInvite { .. } | Decision::Keep { .. } => return,
    };
    if let Err(error) = outcome {
        timer_failed(request_id, &error);
    }
}

fn timer_failed(request_id: Uuid, error: &queue::Error) {
    counter!("afs_queue_errors_total").increment(1);
    tracing::warn!(%request_id, %error, "the queue did not take a wake-up; the reconciler will");
}
