//! What an order costs at least: an HTTP server that does nothing, or that proves the signature and
//! parses, and stores nothing. One thread; written to be fast, not to be used.

use std::{borrow::Cow, convert::Infallible};

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bench::orders::SECRET;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http_body_util::{BodyExt as _, Empty};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use sha2::Sha256;
use tokio::net::TcpListener;

/// Borrows what has no escapes.
#[derive(Deserialize)]
struct Order<'a> {
    id: u64,
    #[serde(borrow)]
    email: Cow<'a, str>,
    #[serde(borrow)]
    fulfillment_status: Cow<'a, str>,
    #[serde(borrow)]
    line_items: Vec<Item<'a>>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    title: Cow<'a, str>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [stage, address] = &arguments[..] else {
        anyhow::bail!("usage: limit bare|verify ADDRESS")
    };
    let verifies = stage == "verify";
    let key = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).context("any key will do")?;
    let listener = TcpListener::bind(address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let key = key.clone();
        let service = service_fn(move |request| answer(request, verifies.then(|| key.clone())));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(
    request: Request<Incoming>,
    key: Option<Hmac<Sha256>>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let signature = head.headers.get("x-shopify-hmac-sha256");
    let accepted = match body.collect().await {
        Ok(body) => {
            let body = body.to_bytes();
            key.is_none_or(|key| accepts(key, signature.map(http::HeaderValue::as_bytes), &body))
        }
        Err(_) => false,
    };
    let mut response = Response::new(Empty::new());
    *response.status_mut() = if accepted { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    Ok(response)
}

fn accepts(key: Hmac<Sha256>, signature: Option<&[u8]>, body: &[u8]) -> bool {
    let given = signature.and_then(|signature| STANDARD.decode(signature).ok());
    let is_genuine = given.is_some_and(|given| key.chain_update(body).verify_slice(&given).is_ok());
    is_genuine
        && serde_json::from_slice::<Order<'_>>(body).is_ok_and(|order| {
            order.id > 0
                && order.fulfillment_status == "fulfilled"
                && !order.email.is_empty()
                && order.line_items.iter().all(|item| !item.title.is_empty())
        })
}
