//! Stopping mail: a page with a button for the shop and one for all shops, and the one-click request
//! of mail programs (RFC 8058).

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use domain::token::Purpose;
use metrics::counter;
use store::suppression::From;
use templates::Page;

use crate::{
    Receiver, form,
    link::{FORM_LIMIT, Link},
    pages::{self, page},
};

pub(crate) async fn show(
    State(receiver): State<Arc<Receiver>>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Response {
    match Link::open(&receiver, Purpose::Unsubscribe, &token, &headers).await {
        Ok(link) => ask(&receiver, token, &link),
        Err(response) => response,
    }
}

pub(crate) async fn submit(
    State(receiver): State<Arc<Receiver>>,
    Path(token): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let link = match Link::open(&receiver, Purpose::Unsubscribe, &token, &headers).await {
        Ok(link) => link,
        Err(response) => return response,
    };
    let body = form::read(&receiver, body, FORM_LIMIT).await;
    let Some(body) = body.filter(|body| form::is_one_click(body)) else {
        return ask(&receiver, token, &link);
    };
    let from = if form::is_for_all_shops(&body) { From::AllShops } else { From::Shop };
    match receiver.store.unsubscribe(link.invitation, from, receiver.now()).await {
        Ok(_) => {
            let (invitation, shop) = (link.invitation, &link.invited.shop);
            counter!("afs_unsubscribes_total", "shop" => shop.to_string()).increment(1);
            tracing::info!(%invitation, %shop, ?from, "recipient unsubscribed");
            let all = from == From::AllShops;
            let done = Page::Unsubscribed { shop: link.shop(&receiver), all };
            page(&receiver, StatusCode::OK, &link.language, &done)
        }
        Err(error) => pages::failure(&receiver, &link.language, &error),
    }
}

/// `token` is the action: relative, since a proxy may have put a path in front of ours.
fn ask(receiver: &Receiver, token: String, link: &Link) -> Response {
    let question = Page::Unsubscribe { shop: link.shop(receiver), action: token };
    page(receiver, StatusCode::OK, &link.language, &question)
}
