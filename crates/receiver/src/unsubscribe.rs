//! Stopping mail, and getting it again: a page to choose on, and the one-click request of mail programs
//! (RFC 8058), which is a stop of the shop's mail.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use domain::token::Purpose;
use metrics::counter;
use store::suppression::Stop;
use templates::{Choice, Page};

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
    Ok(preferences(&receiver, token, &link, false).await)
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
        return Ok(preferences(&receiver, token, &link, false).await);
    };
    let (store, now) = (&receiver.store, receiver.now());
    let choice = form::choice(&body);
    let stop = choice.map_or(Some(Stop::Shop), stop);
    let saved = match (choice, stop) {
        // A mail program's request only ever stops mail.
        (None, Some(stop)) => store.unsubscribe(link.invitation, stop, now).await,
        _ => store.prefer(link.invitation, stop, now).await,
    };
    if let Err(error) = saved {
        return Ok(pages::failure(&receiver, &link.language, &error));
    }
    let (invitation, shop) = (link.invitation, &link.invited.shop);
    if stop >= Some(Stop::Shop) {
        counter!("afs_unsubscribes_total", "shop" => shop.to_string()).increment(1);
    }
    let said = if stop.is_some() { "unsubscribed" } else { "wants all mail again" };
    tracing::info!(%invitation, %shop, ?stop, "recipient {said}");
    Ok(preferences(&receiver, token, &link, true).await)
}

fn stop(choice: Choice) -> Option<Stop> {
    match choice {
        Choice::All => None,
        Choice::NoReminders => Some(Stop::Reminders),
        Choice::NoneFromShop => Some(Stop::Shop),
        Choice::None => Some(Stop::AllShops),
    }
}

/// `token` is the action: relative, since a proxy may have put a path in front of ours.
async fn preferences(receiver: &Receiver, token: String, link: &Link, saved: bool) -> Response {
    let held = match receiver.store.preferences(link.invitation, receiver.now()).await {
        Ok(held) => held,
        Err(error) => return pages::failure(receiver, &link.language, &error),
    };
    let holds = match held.stop {
        None => Choice::All,
        Some(Stop::Reminders) => Choice::NoReminders,
        Some(Stop::Shop) => Choice::NoneFromShop,
        Some(Stop::AllShops) => Choice::None,
    };
    let shop = link.shop(receiver);
    let is_fixed = held.is_fixed;
    let answer = Page::Preferences { shop, action: token, holds, is_fixed, saved };
    page(receiver, StatusCode::OK, &link.language, &answer)
}
