//! `afs webhook send`: an order as the shop's platform would post it.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use adapter_api::{Request, signed_sample};
use anyhow::{Context as _, bail, ensure};
use clap::{Args, ValueEnum};
use config::{Config, ShopSettings};
use domain::{Change, EmailAddress, Item, Order, OrderEvent, ShopId};
use fs_err as fs;
use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;

use crate::{commands::say, lifecycle, services::system_clock};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Args)]
pub(crate) struct SendArgs {
    /// The shop's id in the configuration
    #[arg(long, value_name = "ID")]
    shop: ShopId,
    /// The shop's platform, to be sure of it [default: as configured]
    #[arg(long)]
    platform: Option<String>,
    /// A JSON file with the order: `reference`, and `number`, `email`, `name`, `locale`, `country`,
    /// `items` (with `name`), `placed_at`, `test` as you like [default: a made-up test order]
    #[arg(long, value_name = "FILE")]
    order: Option<PathBuf>,
    /// What happened to it
    #[arg(long, value_enum, default_value_t = SentEvent::Completed)]
    event: SentEvent,
}

#[derive(Clone, Copy, ValueEnum)]
enum SentEvent {
    Completed,
    Cancelled,
    Refunded,
}

impl From<SentEvent> for Change {
    fn from(event: SentEvent) -> Self {
        match event {
            SentEvent::Completed => Self::Completed,
            SentEvent::Cancelled => Self::Cancelled,
            SentEvent::Refunded => Self::Refunded,
        }
    }
}

pub(crate) fn send(args: &SendArgs, config: &Config) -> anyhow::Result<()> {
    let shop = config
        .shop(&args.shop)
        .with_context(|| format!("there is no shop `{}` in the configuration", args.shop))?;
    if let Some(platform) = &args.platform {
        ensure!(
            *platform == shop.platform,
            "the platform of `{}` is `{}`, not `{platform}`",
            shop.id,
            shop.platform
        );
    }
    let now = (system_clock())();
    let order = match &args.order {
        Some(file) => serde_json::from_str(&fs::read_to_string(file)?)
            .with_context(|| file.display().to_string())?,
        None => made_up(shop, now)?,
    };
    let reference = order.reference.clone();
    let event = OrderEvent { change: args.event.into(), at: Some(now), order };
    let Signed { headers, body, address_secret } = signed(shop, &event, now)?;
    let address = reachable(config.server.listen.first().context("server.listen is empty")?);
    let mut url = format!("http://{address}/webhooks/{}", shop.id);
    say(format_args!("{} of order {reference} to {url}", event.change.as_str()));
    if let Some(secret) = address_secret {
        url = format!("{url}/{secret}");
    }
    lifecycle::runtime()?.block_on(post(&url, headers, body))
}

/// A request that the shop's platform could have sent.
struct Signed<'a> {
    headers: HeaderMap,
    body: Vec<u8>,
    address_secret: Option<&'a str>,
}

/// The request, if what is configured can sign it.
fn signed<'a>(
    shop: &'a ShopSettings,
    event: &OrderEvent,
    now: Timestamp,
) -> anyhow::Result<Signed<'a>> {
    let adapter =
        adapters::of(shop).with_context(|| format!("there is no platform `{}`", shop.platform))?;
    let secret = shop.secrets.first().context("the shop has no secret")?.expose_secret();
    let delivery = format!("afs-sample-{}", now.as_millisecond());
    let (headers, body) = signed_sample(&*adapter, event, secret, &delivery, now);
    let address_secret = adapter.scheme().address_secret(secret);
    let request = Request { headers: &headers, body: &body, received_at: now, address_secret };
    if adapter.scheme().verify(request, &[secret]).is_err() {
        bail!(
            "`{}` is configured with a public key, which cannot sign: only {} can send to it",
            shop.id,
            adapter.meta().title
        );
    }
    Ok(Signed { headers, body, address_secret })
}

async fn post(url: &str, headers: HeaderMap, body: Vec<u8>) -> anyhow::Result<()> {
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
    let answer = client
        .post(url)
        .headers(headers)
        .body(body)
        .send()
        .await
        .context("nothing answers there: is the daemon running?")?;
    let (status, request_id) = (answer.status(), answer.headers().get("x-request-id").cloned());
    let text = answer.text().await?;
    ensure!(status.is_success(), "answered with {status}: {text}");
    let request_id = request_id.as_ref().and_then(|id| id.to_str().ok()).unwrap_or("unknown");
    say(format_args!("answered with {status}; in the log it is request_id={request_id}"));
    Ok(())
}

/// An address to connect to: a listener on every address is on this machine, too.
fn reachable(listen: &SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, listen.port())
}

/// Nobody's order, under a number that no shop has reached.
fn made_up(shop: &ShopSettings, now: Timestamp) -> anyhow::Result<Order> {
    let reference = now.as_millisecond().to_string();
    Ok(Order {
        number: Some(reference.clone()),
        reference,
        email: Some(EmailAddress::parse("sample.buyer@example.com")?),
        name: Some("Sample Buyer".to_owned()),
        locale: Some(shop.language.clone()),
        country: None,
        items: vec![Item { name: "Sample product".to_owned(), ..Item::default() }],
        placed_at: now.checked_sub(SignedDuration::from_hours(24)).ok(),
        test: true,
        ..Order::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_every_address_is_reached_on_this_machine() {
        for (listen, reached) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8080", "[::1]:8080"),
            ("10.0.0.7:80", "10.0.0.7:80"),
        ] {
            assert_eq!(reachable(&listen.parse().unwrap()).to_string(), reached);
        }
    }
}
