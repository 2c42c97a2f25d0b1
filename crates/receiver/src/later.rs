//! Being asked later, for buyers who have not tried yet what they bought.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use domain::token::Purpose;
use jiff::{SignedDuration, Timestamp};
use metrics::counter;
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
    let link = Link::open(&receiver, Purpose::Later, &token, &headers).await?;
    Ok(ask(&receiver, token, &link))
}

pub(crate) async fn submit(
    State(receiver): State<Arc<Receiver>>,
    Path(token): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Response> {
    let purpose = Purpose::Later;
    let (link, body) = Link::answered(&receiver, purpose, &token, &headers, body).await?;
    let Some(weeks) = body.and_then(|body| form::weeks(&body)) else {
        return Ok(ask(&receiver, token, &link));
    };
    let asked = match due_at(&receiver, &link, weeks) {
        Some(at) => receiver.store.ask_later(link.invitation, at, receiver.now()).await,
        None => Ok(false),
    };
    Ok(match asked {
        Ok(true) => {
            let (invitation, shop) = (link.invitation, &link.invited.shop);
            counter!("afs_asked_later_total", "shop" => shop.to_string()).increment(1);
            tracing::info!(%invitation, %shop, weeks, "recipient wants to be asked later");
            let done = Page::LaterDone { shop: link.shop(&receiver), weeks };
            page(&receiver, StatusCode::OK, &link.language, &done)
        }
        Ok(false) => not_possible(&receiver, &link),
        Err(error) => pages::failure(&receiver, &link.language, &error),
    })
}

/// The first moment in so many weeks at which mail may leave; `None` once the links of the mail will
/// have run out by then, or if the shop is not configured any more.
fn due_at(receiver: &Receiver, link: &Link, weeks: u8) -> Option<Timestamp> {
    let config = receiver.config.load();
    let shop = config.shop(&link.invited.shop)?;
    let ends = link.invited.first_attempt_at?.checked_add(shop.link_valid).ok()?;
    let wait = SignedDuration::from_hours(7 * 24 * i64::from(weeks));
    let at = receiver.now().checked_add(wait).ok()?;
    let at = shop.policy.next_open(&link.invited.order.order, at, &link.invitation.to_string());
    (at < ends).then_some(at)
}

fn ask(receiver: &Receiver, token: String, link: &Link) -> Response {
    if link.invited.review.is_some() {
        return not_possible(receiver, link);
    }
    let question = Page::Later { shop: link.shop(receiver), action: token };
    page(receiver, StatusCode::OK, &link.language, &question)
}

fn not_possible(receiver: &Receiver, link: &Link) -> Response {
    let answer = Page::LaterNot { shop: link.shop(receiver) };
    page(receiver, StatusCode::OK, &link.language, &answer)
}
