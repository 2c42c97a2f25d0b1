//! `GET /webhooks/{shop}`: how some platforms try out an address, or agree on a secret with us, before
//! they send webhooks to it.

use std::sync::Arc;

use adapter_api::Request;
use axum::{
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::ShopId;
use metrics::counter;

use crate::Receiver;

pub(crate) async fn answer(
    State(receiver): State<Arc<Receiver>>,
    Path(shop): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let query = query.unwrap_or_default();
    let counted = |response: Response| {
        counter!("afs_webhook_handshakes_total").increment(1);
        response
    };
    // Whatever the address: a handshake must not tell which shops there are.
    let challenge = |adapter: &&dyn adapter_api::Adapter| adapter_api::challenge(*adapter, &query);
    if let Some(value) = adapters::ADAPTERS.iter().find_map(challenge) {
        return counted(value.to_owned().into_response());
    }
    if let Some(answer) = registration(&receiver, &shop, &query, &headers) {
        return counted(([(header::CONTENT_TYPE, "application/json")], answer).into_response());
    }
    (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "POST")]).into_response()
}

/// What the shop's platform wants to know, if one of the shop's secrets proves that it asks.
fn registration(
    receiver: &Receiver,
    shop: &str,
    query: &str,
    headers: &HeaderMap,
) -> Option<String> {
    let config = receiver.config.load();
    let shop = shop.parse::<ShopId>().ok().and_then(|id| config.shop(&id))?;
    let adapter = adapters::of(shop)?;
    let secrets: Vec<&str> =
        shop.secrets.iter().map(secrecy::ExposeSecret::expose_secret).collect();
    let (body, received_at) = (query.as_bytes(), receiver.now());
    let request = Request { headers, body, received_at, address_secret: None };
    let address = format!("{}/webhooks/{}", config.server.public_url, shop.id);
    adapter.registration(&request, &secrets, &address)
}
