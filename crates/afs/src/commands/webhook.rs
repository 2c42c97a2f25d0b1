//! `afs webhook`: look at a request that a platform sent, send one as a platform does, or read again
//! what could not be read.

mod inspect;
mod replay;
mod send;

use adapter_api::Adapter;
use anyhow::{Context as _, ensure};
use clap::Subcommand;
use config::mapping::PLATFORM;

pub(crate) use inspect::{Format, inspect, read_headers, say_event};
pub(crate) use replay::replay;
pub(crate) use send::send;

#[derive(Subcommand)]
pub(crate) enum WebhookCommand {
    /// Say what a stored request is worth: who vouches for it, and what it means
    ///
    /// Nothing is stored and nobody is told. Exits with 0 if the request is genuine, with 3 if it
    /// would be refused, and with 2 if the question cannot be answered.
    Inspect(inspect::InspectArgs),
    /// Post a made-up order to the running daemon, signed with the shop's own secret
    ///
    /// It is taken as what the shop sends. Where the platform has test orders, it is one, and nobody
    /// is invited; `--order` names another.
    Send(send::SendArgs),
    /// Read again what could not be read, and let the worker fetch what could not be fetched
    ///
    /// A genuine webhook that does not have the documented shape is kept whole, for 90 days; so is an
    /// order that the platform's API did not tell about. `afs status` shows both. Run this after an
    /// upgrade that reads them, or when the cause is mended. It may be repeated, also while the daemon
    /// runs. Exits with 1 if some webhooks are still kept.
    Replay,
}

fn adapter(platform: &str) -> anyhow::Result<&'static dyn Adapter> {
    ensure!(platform != PLATFORM, "each mapping is of a shop: say which with --shop");
    adapters::find(platform)
        .with_context(|| format!("there is no platform `{platform}`: see `afs adapter list`"))
}
