//! `afs webhook inspect`: what a stored request is worth.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use adapter_api::{Adapter, Event, PrivacyRequest, Request};
use anyhow::{Context as _, bail, ensure};
use clap::{Args, ValueEnum};
use domain::{EmailAddress, OrderEvent, ShopId, consent::Answer};
use fs_err as fs;
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde::Serialize;

use super::adapter;
use crate::{
    commands::{say, say_error},
    services::{Source, check_shops, load_config, system_clock},
};

/// The request would be refused.
const REJECTED: u8 = 3;

/// The question cannot be answered; what clap exits with, too.
const MISUSE: u8 = 2;

#[derive(Args)]
pub(crate) struct InspectArgs {
    /// The shop it was sent to: platform and secrets are those of the configuration
    #[arg(long, value_name = "ID")]
    shop: Option<ShopId>,
    /// Instead of `--shop`: the platform it is from, as in `afs adapter list`
    #[arg(long, required_unless_present = "shop", conflicts_with = "shop")]
    platform: Option<String>,
    /// Instead of `--shop`: a file with the shop's secrets, one in each line
    #[arg(long, value_name = "FILE", required_unless_present = "shop", conflicts_with = "shop")]
    secret_file: Option<PathBuf>,
    /// A file with the request's headers, as `name: value` in each line; where the secret stands in
    /// the address, with the request's first line
    #[arg(long, value_name = "FILE")]
    headers: PathBuf,
    /// A file with the request's body, byte for byte; of a GET, what stands behind the `?`
    #[arg(long, value_name = "FILE")]
    body: PathBuf,
    /// When it was received: signatures with a time are good for five minutes [default: now]
    #[arg(long, value_name = "RFC3339")]
    at: Option<Timestamp>,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    Text,
    Json,
}

#[derive(Serialize)]
struct Findings {
    verified: bool,
    /// The stable name of what is wrong, if something is.
    reason: Option<&'static str>,
    /// The same in words.
    detail: Option<String>,
    events: Vec<Event>,
}

pub(crate) fn inspect(args: &InspectArgs, source: &Source) -> ExitCode {
    match look(args, source)
        .and_then(|findings| findings.say(args.format).map(|()| findings.verified))
    {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(REJECTED),
        Err(error) => {
            say_error(&error);
            ExitCode::from(MISUSE)
        }
    }
}

fn look(args: &InspectArgs, source: &Source) -> anyhow::Result<Findings> {
    match (&args.shop, &args.platform, &args.secret_file) {
        (Some(id), ..) => {
            let config = load_config(source)?;
            check_shops(&config)?;
            let shop = config
                .shop(id)
                .with_context(|| format!("there is no shop `{id}` in the configuration"))?;
            let adapter = adapters::of(shop).context("there is no such platform")?;
            let secrets: Vec<&str> = shop.secrets.iter().map(ExposeSecret::expose_secret).collect();
            examine(args, &*adapter, &secrets)
        }
        (None, Some(platform), Some(file)) => {
            let adapter = adapter(platform)?;
            let text = fs::read_to_string(file)?;
            let secrets: Vec<&str> =
                text.lines().map(str::trim).filter(|secret| !secret.is_empty()).collect();
            ensure!(!secrets.is_empty(), "{} holds no secret", file.display());
            for secret in &secrets {
                let file = || file.display().to_string();
                adapter.scheme().check_secret(secret).with_context(file)?;
            }
            examine(args, adapter, &secrets)
        }
        (None, ..) => bail!("--shop is missing, or --platform with --secret-file"),
    }
}

fn examine(
    args: &InspectArgs,
    adapter: &dyn Adapter,
    secrets: &[&str],
) -> anyhow::Result<Findings> {
    let head = fs::read_to_string(&args.headers)?;
    let headers = headers(&head).with_context(|| args.headers.display().to_string())?;
    let body = fs::read(&args.body)?;
    let received_at = args.at.unwrap_or_else(&*system_clock());
    let address_secret = address_secret(&head);
    let request = Request { headers: &headers, body: &body, received_at, address_secret };
    if adapter.is_handshake(&request) {
        let detail = "the platform tries out the address: answered with 200, and nothing else";
        return Ok(Findings::refused("handshake", &detail));
    }
    let verified = match adapter.scheme().verify(request, secrets) {
        Ok(verified) => verified,
        Err(reject) => return Ok(Findings::refused(reject.as_str(), &reject)),
    };
    Ok(match adapter_api::read(adapter, &verified) {
        Ok(events) => Findings { verified: true, reason: None, detail: None, events },
        Err(error) => Findings { verified: true, ..Findings::refused("malformed_body", &error) },
    })
}

/// The last part of the address in the request's first line, which some platforms prove themselves by.
fn address_secret(head: &str) -> Option<&str> {
    let path = head.lines().next()?.split(' ').nth(1).filter(|_| head.contains(" HTTP/"))?;
    path.split('?').next()?.strip_prefix("/webhooks/")?.split_once('/').map(|(_, secret)| secret)
}

/// The headers in a file.
pub(crate) fn read_headers(file: &Path) -> anyhow::Result<HeaderMap> {
    headers(&fs::read_to_string(file)?).with_context(|| file.display().to_string())
}

/// Headers as they stand in a request; blank lines and the request's first line do not count.
fn headers(text: &str) -> anyhow::Result<HeaderMap> {
    let lines = text.lines().map(str::trim).enumerate().filter(|(index, line)| {
        let is_request_line = *index == 0 && line.contains(" HTTP/");
        !line.is_empty() && !is_request_line
    });
    let mut headers = HeaderMap::new();
    for (index, line) in lines {
        // A header's value may be secret, and whole lines are pasted into tickets.
        let wrong = || format!("line {} is not `name: value`", index + 1);
        let (name, value) = line.split_once(':').with_context(wrong)?;
        let name = HeaderName::from_bytes(name.as_bytes()).with_context(wrong)?;
        headers.append(name, HeaderValue::from_str(value.trim()).with_context(wrong)?);
    }
    Ok(headers)
}

impl Findings {
    fn refused(reason: &'static str, detail: &impl ToString) -> Self {
        let detail = Some(detail.to_string());
        Self { verified: false, reason: Some(reason), detail, events: vec![] }
    }

    fn say(&self, format: Format) -> anyhow::Result<()> {
        if matches!(format, Format::Json) {
            say(serde_json::to_string(self)?);
            return Ok(());
        }
        say(if self.verified { "genuine" } else { "not genuine" });
        if let (Some(reason), Some(detail)) = (self.reason, &self.detail) {
            say(format_args!("  {reason}: {detail}"));
        }
        self.events.iter().for_each(say_event);
        Ok(())
    }
}

/// Tells what was read from a webhook.
pub(crate) fn say_event(event: &Event) {
    match event {
        Event::Order(event) => say_order(event),
        Event::Notice(notice) => {
            say(format_args!("  order {}: the platform is asked what happened", notice.reference));
            notice.told.iter().for_each(say_order);
        }
        Event::Privacy(PrivacyRequest::Access { orders }) => {
            say(format_args!("  a buyer wants to know what is stored: {orders:?}"));
        }
        Event::Privacy(PrivacyRequest::Erasure { orders }) => {
            say(format_args!("  a buyer is to be erased: {orders:?}"));
        }
        Event::Ignored { reason } => say(format_args!("  ignored: {reason}")),
        Event::Alert { reason } => say(format_args!("  the shop must act: {reason}")),
    }
}

fn say_order(event: &OrderEvent) {
    let order = &event.order;
    let test = if order.test { ", a test" } else { "" };
    say(format_args!("  order {} {}{test}", order.reference, event.change.as_str()));
    let line = |name: &str, value: Option<&str>| {
        say(format_args!("    {name:9} {}", value.unwrap_or("none")));
    };
    line("at", event.at.map(|at| at.to_string()).as_deref());
    line("number", order.number.as_deref());
    line("address", order.email.as_ref().map(EmailAddress::as_str));
    line("name", order.name.as_deref());
    line("language", order.locale.as_deref());
    line("country", order.country.as_deref());
    let total = order.total.as_ref().map(|total| format!("{} {}", total.amount, total.currency));
    line("total", total.as_deref());
    let consent = order.marketing_consent.as_ref().map(|consent| {
        let said = match consent.answer {
            Answer::Agreed => "yes",
            Answer::NotAgreed => "nothing",
            Answer::Refused => "no",
        };
        format!("{said}, by {}", consent.field)
    });
    line("marketing", consent.as_deref());
    line("placed at", order.placed_at.map(|at| at.to_string()).as_deref());
    for item in &order.items {
        line("product", Some(&item.name));
    }
}
