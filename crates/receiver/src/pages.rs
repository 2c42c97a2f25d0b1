//! Answers for people.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use config::ShopSettings;
use domain::ShopId;
use store::StoreError;
use templates::{Language, Page, Shop};
use uuid::Uuid;

use crate::{Receiver, problem};

/// Renders a page.
pub(crate) fn page(
    receiver: &Receiver,
    status: StatusCode,
    language: &Language,
    page: &Page,
) -> Response {
    match receiver.templates.load().page(language, page) {
        Ok(html) => {
            (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            problem::internal_error()
        }
    }
}

/// The page for a failed look into the record.
pub(crate) fn failure(receiver: &Receiver, language: &Language, error: &StoreError) -> Response {
    let request_id = Uuid::new_v4().to_string();
    tracing::error!(request_id, %error, "a page could not be served");
    if matches!(error, StoreError::Overloaded) {
        return busy(receiver, StatusCode::SERVICE_UNAVAILABLE, language, "5");
    }
    page(receiver, StatusCode::INTERNAL_SERVER_ERROR, language, &Page::Error { request_id })
}

/// The page for visitors who shall come again in `retry_after` seconds.
pub(crate) fn busy(
    receiver: &Receiver,
    status: StatusCode,
    language: &Language,
    retry_after: &'static str,
) -> Response {
    let mut response = page(receiver, status, language, &Page::Busy);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(retry_after));
    response
}

pub(crate) async fn not_found(
    State(receiver): State<Arc<Receiver>>,
    headers: HeaderMap,
) -> Response {
    no_such_page(&receiver, &headers)
}

/// The page for links that lead nowhere, in the visitor's language: we know no other.
pub(crate) fn no_such_page(receiver: &Receiver, headers: &HeaderMap) -> Response {
    page(receiver, StatusCode::NOT_FOUND, &visitors_language(receiver, headers), &Page::NotFound)
}

pub(crate) async fn asset(
    State(receiver): State<Arc<Receiver>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let templates = receiver.templates.load();
    let Some(asset) = templates.asset(&name) else { return no_such_page(&receiver, &headers) };
    let headers = [
        (header::CONTENT_TYPE, asset.content_type),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, asset.bytes.clone()).into_response()
}

/// The first language the browser asks for that we have.
pub(crate) fn visitors_language(receiver: &Receiver, headers: &HeaderMap) -> Language {
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let first = accepted.and_then(|list| list.split([',', ';']).next()).map(str::trim);
    receiver.templates.load().language(first, "en")
}

/// The language of an order: the buyer's, or else the shop's.
pub(crate) fn buyers_language(
    receiver: &Receiver,
    locale: Option<&str>,
    shop: Option<&ShopSettings>,
) -> Language {
    let fallback = shop.map_or("en", |shop| shop.language.as_str());
    receiver.templates.load().language(locale, fallback)
}

/// How a page speaks of a shop. One that is not configured any more goes by its id.
pub(crate) fn shop_context(id: &ShopId, shop: Option<&ShopSettings>) -> Shop {
    match shop {
        Some(shop) => Shop {
            name: shop.name.clone(),
            website: shop.website.clone(),
            postal_address: shop.sender.postal_address.clone(),
            ..Shop::default()
        },
        None => Shop { name: id.to_string(), ..Shop::default() },
    }
}
