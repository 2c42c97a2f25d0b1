//! `afs webhook`: look at a request that a platform sent, or send one as a platform does.

mod inspect;
mod send;

use adapter_api::Adapter;
use anyhow::Context as _;
use clap::Subcommand;

pub(crate) use inspect::inspect;
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
}

fn adapter(platform: &str) -> anyhow::Result<&'static dyn Adapter> {
    adapters::find(platform)
        .with_context(|| format!("there is no platform `{platform}`: see `afs adapter list`"))
}
