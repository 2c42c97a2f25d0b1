//! Genuine webhooks that cannot be read: a platform changed, or uses what its documentation does not
//! tell. They are kept whole, so that a newer version loses no order.

use std::collections::BTreeMap;

use adapter_api::{ParseError, Request};
use axum::http::{HeaderMap, HeaderName, header};
use config::ShopSettings;
use domain::ShopId;
use metrics::counter;
use sha2::{Digest as _, Sha256};
use store::unread::{Kept, UnreadWebhook};
use uuid::Uuid;

use crate::{
    Receiver,
    webhook::{Refusal, act_on, committed, unavailable, verify},
};

/// Keeps whole what could not be read. The platform is told that it was taken: it would switch the
/// webhook off, and deliver nothing else in another form.
pub(crate) async fn keep(
    receiver: &Receiver,
    shop: &ShopSettings,
    request: &Request<'_>,
    error: ParseError,
    request_id: Uuid,
) -> Result<(), Refusal> {
    counter!("afs_webhooks_unread_total", "shop" => shop.id.to_string()).increment(1);
    tracing::error!(
        %request_id, shop = %shop.id, path = error.path, detail = error.detail,
        "a genuine webhook cannot be read: it is kept; install a newer AFS, then `afs webhook replay`"
    );
    let webhook = UnreadWebhook {
        id: identify(&shop.id, request.body),
        shop: shop.id.clone(),
        request_id,
        received_at: request.received_at,
        headers: worth_keeping(request.headers),
        body: request.body.to_vec(),
        path: error.path,
        detail: error.detail,
    };
    match committed(shop, request_id, receiver.store.keep_unread(&webhook)).await? {
        Kept::Yes => Ok(()),
        Kept::Full => {
            let what = "as many webhooks are kept unread for this shop as may be";
            Err(unavailable(shop, request_id, &what))
        }
    }
}

/// The headers that a signature or a meaning may depend on; not what lets somebody in elsewhere.
fn worth_keeping(headers: &HeaderMap) -> BTreeMap<String, String> {
    let secret = [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION];
    let kept = headers.iter().filter(|(name, _)| !secret.contains(name));
    kept.filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
        .collect()
}

/// The same for the same body of the same shop.
fn identify(shop: &ShopId, body: &[u8]) -> Uuid {
    let digest = Sha256::new().chain_update(shop.as_str()).chain_update([0]).chain_update(body);
    let digest: [u8; 32] = digest.finalize().into();
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    Uuid::from_bytes(half)
}

/// What became of a webhook that was kept.
#[derive(Debug)]
pub enum Replayed {
    /// It was read, and what it says is on record. It is not kept any more.
    Read,
    /// This version cannot read it either; where and why.
    Unread(ParseError),
    /// Its signature is not that of any secret of the shop; or there is no such shop.
    Untrusted(&'static str),
    /// The record could not take it.
    Unavailable,
}

/// Reads a webhook that was kept, as if it came in now.
pub async fn replay(receiver: &Receiver, webhook: &UnreadWebhook) -> Replayed {
    let config = receiver.config.load();
    let Some(shop) = config.shop(&webhook.shop) else { return Replayed::Untrusted("unknown_shop") };
    let headers: HeaderMap = webhook
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.parse::<HeaderName>().ok()?, value.parse().ok()?)))
        .collect();
    // Was checked when it came, and is not kept: the record must not hold what lets others in.
    let address_secret = shop.secrets.first().map(secrecy::ExposeSecret::expose_secret);
    let (body, received_at) = (&webhook.body, webhook.received_at);
    let request = Request { headers: &headers, body, received_at, address_secret };
    let (adapter, verified) = match verify(Some(shop), request) {
        Ok(verified) => verified,
        Err(reject) => return Replayed::Untrusted(reject),
    };
    let events = match adapter_api::read(&*adapter, &verified) {
        Ok(events) => events,
        Err(error) => return Replayed::Unread(error),
    };
    let acted = act_on(receiver, shop, &*adapter, &verified, events, webhook.request_id).await;
    // Forgotten last: repeating an event is harmless, losing it is not.
    let forgotten = receiver.store.forget_unread(webhook.id).await;
    if acted.is_err() || forgotten.is_err() { Replayed::Unavailable } else { Replayed::Read }
}
