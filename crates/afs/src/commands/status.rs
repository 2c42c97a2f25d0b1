//! `afs status`: how things stand.

use clap::Args;
use config::Config;
use queue::{Channel, Depth};
use serde_json::json;
use store::overview::{Count, Status};

use super::say;
use crate::{
    lifecycle,
    services::{open_queue, open_store, system_clock},
};

#[derive(Args)]
pub(crate) struct StatusArgs {
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &StatusArgs, config: &Config) -> anyhow::Result<()> {
    lifecycle::runtime()?.block_on(async {
        // Only looks: needs no key, and must not change the schema under a running daemon.
        let store = open_store(config, vec![], false).await?;
        let clock = system_clock();
        let queue = open_queue(config, &store, clock.clone())?;
        let status = store.status().await?;
        let invitations = depth(&queue, Channel::Invitations).await;
        let reviews = depth(&queue, Channel::Reviews).await;
        store.close().await;
        if args.json {
            let depth = |depth: &Result<Option<Depth>, String>| match depth {
                Ok(Some(depth)) => json!({ "waiting": depth.waiting, "running": depth.running }),
                Ok(None) => json!(null),
                Err(error) => json!({ "error": error }),
            };
            let queue = json!({ "invitations": depth(&invitations), "reviews": depth(&reviews) });
            say(serde_json::to_string_pretty(&json!({ "record": status, "queue": queue }))?);
        } else {
            say_status(&status, clock());
            say_depth("invitations", &invitations);
            say_depth("reviews", &reviews);
        }
        Ok(())
    })
}

async fn depth(queue: &queue::Queue, channel: Channel) -> Result<Option<Depth>, String> {
    queue.depth(channel).await.map_err(|error| error.to_string())
}

fn say_status(status: &Status, now: jiff::Timestamp) {
    let counts = |counts: &[Count]| {
        let list: Vec<String> =
            counts.iter().map(|count| format!("{} {}", count.count, count.name)).collect();
        if list.is_empty() { "none".to_owned() } else { list.join(", ") }
    };
    say(format_args!("orders        {}", status.orders));
    say(format_args!("invitations   {}", counts(&status.invitations)));
    say(format_args!("reviews       {}", counts(&status.reviews)));
    say(format_args!("suppressed    {} addresses", status.suppressions));
    match status.oldest_due_at {
        Some(due) if due <= now => {
            let seconds = now.duration_since(due).as_secs();
            say(format_args!("oldest due    {due}, {seconds} s ago"));
        }
        Some(due) => say(format_args!("next due      {due}")),
        None => say("next due      nothing waits"),
    }
    for error in &status.last_errors {
        say(format_args!("last error    {}  {}  {}", error.at, error.invitation, error.detail));
    }
}

fn say_depth(name: &str, depth: &Result<Option<Depth>, String>) {
    match depth {
        Ok(Some(depth)) => say(format_args!(
            "queue         {name}: {} waiting, {} running",
            depth.waiting, depth.running
        )),
        Ok(None) => {}
        Err(error) => say(format_args!("queue         {name}: {error}")),
    }
}
