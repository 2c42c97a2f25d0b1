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
    link::Link,
    pages::{self, page},
};

pub(crate) async fn show(
    State(receiver): State<Arc<Receiver>>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Response> {
    let link = Link::open(&receiver, Purpose::Unsubscribe, &token, &headers).await?;
    Ok(ask(&receiver, token, &link))
}

pub(crate) async fn submit(
    State(receiver): State<Arc<Receiver>>,
    Path(token): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Response> {
    let purpose = Purpose::Unsubscribe;
    let (link, body) = Link::answered(&receiver, purpose, &token, &headers, body).await?;
    let Some(body) = body.filter(|body| form::is_one_click(body)) else {
        return Ok(ask(&receiver, token, &link));
    };
    let from = if form::is_for_all_shops(&body) { From::AllShops } else { From::Shop };
    let stopped = receiver.store.unsubscribe(link.invitation, from, receiver.now()).await;
    Ok(match stopped {
        Ok(_) => {
            let (invitation, shop) = (link.invitation, &link.invited.shop);
            counter!("afs_unsubscribes_total", "shop" => shop.to_string()).increment(1);
            tracing::info!(%invitation, %shop, ?from, "recipient unsubscribed");
            let all = from == From::AllShops;
            let done = Page::Unsubscribed { shop: link.shop(&receiver), all };
            page(&receiver, StatusCode::OK, &link.language, &done)
        }
        Err(error) => pages::failure(&receiver, &link.language, &error),
    })
}

/// `token` is the action: relative, since a proxy may have put a path in front of ours.
fn ask(receiver: &Receiver, token: String, link: &Link) -> Response {
    let question = Page::Unsubscribe { shop: link.shop(receiver), action: token };
    page(receiver, StatusCode::OK, &link.language, &question)
}
