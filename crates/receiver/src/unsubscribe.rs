//! Stopping mail: a page with one button, and the one-click request of mail programs (RFC 8058).

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use domain::{InvitationId, ShopId, token::Purpose};
use metrics::counter;
use templates::{Language, Page};

use crate::{
    Receiver, form,
    pages::{self, buyers_language, no_such_page, page, shop_context, visitors_language},
};

/// The largest request to stop, in bytes.
const FORM_LIMIT: usize = 4096;

pub(crate) async fn show(
    State(receiver): State<Arc<Receiver>>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Response {
    match open(&receiver, &token, &headers).await {
        Ok((_, shop, language)) => ask(&receiver, &token, &shop, &language),
        Err(response) => response,
    }
}

pub(crate) async fn submit(
    State(receiver): State<Arc<Receiver>>,
    Path(token): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let (invitation, shop, language) = match open(&receiver, &token, &headers).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    let body = form::read(&receiver, body, FORM_LIMIT).await;
    if !body.is_some_and(|body| form::is_one_click(&body)) {
        return ask(&receiver, &token, &shop, &language);
    }
    match receiver.store.unsubscribe(invitation, receiver.now()).await {
        Ok(_) => {
            counter!("afs_unsubscribes_total", "shop" => shop.to_string()).increment(1);
            tracing::info!(%invitation, %shop, "recipient unsubscribed");
            let config = receiver.config.load();
            let shop = shop_context(&shop, config.shop(&shop));
            page(&receiver, StatusCode::OK, &language, &Page::Unsubscribed { shop })
        }
        Err(error) => pages::failure(&receiver, &language, &error),
    }
}

async fn open(
    receiver: &Receiver,
    token: &str,
    headers: &HeaderMap,
) -> Result<(InvitationId, ShopId, Language), Response> {
    let Some(id) = receiver.keys.open(Purpose::Unsubscribe, token) else {
        return Err(no_such_page(receiver, headers));
    };
    match receiver.store.invited(id).await {
        Ok(Some(invited)) => {
            let config = receiver.config.load();
            let locale = invited.order.order.locale.as_deref();
            let language = buyers_language(receiver, locale, config.shop(&invited.shop));
            Ok((id, invited.shop, language))
        }
        Ok(None) => Err(no_such_page(receiver, headers)),
        Err(error) => Err(pages::failure(receiver, &visitors_language(receiver, headers), &error)),
    }
}

fn ask(receiver: &Receiver, token: &str, shop: &ShopId, language: &Language) -> Response {
    // Relative: a proxy may have put a path in front of ours.
    let action = token.to_owned();
    let shop = shop_context(shop, receiver.config.load().shop(shop));
    page(receiver, StatusCode::OK, language, &Page::Unsubscribe { shop, action })
}
