//! `afs config check --sample`: what a mapping makes of a webhook's body, for whoever writes one.

use std::path::Path;

use adapter_api::{Adapter as _, Event, Reject, Request};
use adapters::{Found, Mapping, Miss, ShopAdapter};
use anyhow::{Context as _, bail, ensure};
use config::{Config, ShopSettings};
use domain::ShopId;
use fs_err as fs;
use http::HeaderMap;
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde::Serialize;

use crate::{
    commands::{
        say,
        webhook::{Format, read_headers, say_event},
    },
    services::system_clock,
};

/// Something that every scheme of a mapping takes for a secret: hexadecimal, base64 and long enough. Who
/// wrote the sample does not matter, since what it means is only shown.
const STAND_IN: &str = "0123456789abcdef0123456789abcdef0123456789abcdef";

/// The names of signatures that fit.
const GENUINE: &str = "genuine";
const STALE: &str = Reject::Stale.as_str();

#[derive(Serialize)]
struct Findings<'a> {
    /// `genuine`, or the stable name of what is wrong with it; none if there were no headers.
    signature: Option<&'static str>,
    events: Vec<Event>,
    /// Why the webhook would be kept, not read.
    error: Option<String>,
    /// The configured paths that told nothing.
    misses: Vec<Miss<'a>>,
}

pub(super) fn try_out(
    config: &Config,
    id: &ShopId,
    body: &Path,
    headers: Option<&Path>,
    format: Format,
) -> anyhow::Result<()> {
    let shop =
        config.shop(id).with_context(|| format!("there is no shop `{id}` in the configuration"))?;
    let Some(ShopAdapter::Mapping(mapping)) = adapters::of(shop) else {
        bail!("`{id}` has no mapping: `afs webhook inspect --shop {id}` looks at its webhooks");
    };
    let body = fs::read(body)?;
    let headers = headers.map(read_headers).transpose()?;
    let findings = look(&mapping, shop, headers.as_ref(), &body, system_clock()())?;
    match format {
        Format::Json => say(serde_json::to_string(&findings)?),
        Format::Text => findings.say(),
    }
    ensure!(findings.error.is_none(), "the mapping of `{id}` does not fit this body");
    let fits = findings.signature.is_none_or(|verdict| [GENUINE, STALE].contains(&verdict));
    ensure!(
        fits,
        "the signature does not fit: check `signature` in the mapping of `{id}`, and its secret"
    );
    Ok(())
}

fn look<'a>(
    mapping: &Mapping<'a>,
    shop: &ShopSettings,
    headers: Option<&HeaderMap>,
    body: &[u8],
    now: Timestamp,
) -> anyhow::Result<Findings<'a>> {
    let request = |headers| Request { headers, body, received_at: now, address_secret: None };
    let secrets: Vec<&str> = shop.secrets.iter().map(ExposeSecret::expose_secret).collect();
    let verdict = |headers| match mapping.scheme().verify(request(headers), &secrets) {
        Ok(_) => GENUINE,
        Err(reject) => reject.as_str(),
    };
    let signed = mapping.scheme().sign(STAND_IN, body, "sample", now);
    let verified = mapping.scheme().verify(request(&signed), &[STAND_IN])?;
    let (events, error) = match adapter_api::read(mapping, &verified) {
        Ok(events) => (events, None),
        Err(error) => (vec![], Some(error.to_string())),
    };
    Ok(Findings {
        signature: headers.map(verdict),
        events,
        error,
        misses: mapping.misses(body).unwrap_or_default(),
    })
}

impl Findings<'_> {
    fn say(&self) {
        match self.signature {
            None => say("the signature was not looked at: --headers names a file with the headers"),
            Some(GENUINE) => say("genuine"),
            Some(STALE) => say("genuine, and signed too long ago to be taken now"),
            Some(reason) => say(format_args!("not genuine: {reason}")),
        }
        self.events.iter().for_each(say_event);
        if let Some(error) = &self.error {
            say(format_args!("  it would be kept, not read: {error}"));
        }
        for Miss { key, path, found } in &self.misses {
            let what = match found {
                Found::Nothing => "nothing is at",
                Found::Unusable => "of no use is",
            };
            say(format_args!("  {what} {key} = \"{path}\""));
        }
    }
}
