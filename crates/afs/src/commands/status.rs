//! `afs status`: how things stand.

use clap::Args;
use config::Config;
use queue::{Channel, Depth};
use serde_json::json;
use store::overview::{Count, FailedNotice, Status, Unread};
use worker::lanes::TroubledLane;

use super::{say, shop::resting, words::trouble as why};
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
        let status = store.status(clock()).await?;
        let mut depths = Vec::new();
        for channel in Channel::ALL {
            depths.push((channel.as_str(), depth(&queue, channel).await));
        }
        let now = clock();
        let lanes = worker::lanes::troubled(&queue, now).await.unwrap_or_default();
        store.close().await;
        if args.json {
            let depth = |depth: &Result<Option<Depth>, String>| match depth {
                Ok(Some(depth)) => json!({ "waiting": depth.waiting, "running": depth.running }),
                Ok(None) => json!(null),
                Err(error) => json!({ "error": error }),
            };
            let queue: serde_json::Map<_, _> =
                depths.iter().map(|(name, it)| ((*name).to_owned(), depth(it))).collect();
            say(serde_json::to_string_pretty(
                &json!({ "record": status, "queue": queue, "lanes": lanes }),
            )?);
        } else {
            say_status(&status, now);
            lanes.iter().for_each(say_lane);
            for (name, depth) in &depths {
                say_depth(name, depth);
            }
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
    if !status.reminders.is_empty() {
        say(format_args!("reminders     {}", counts(&status.reminders)));
    }
    say(format_args!("reviews       {}", counts(&status.reviews)));
    say(format_args!("suppressed    {} addresses", status.suppressions));
    if !status.bounces.is_empty() {
        say(format_args!("came back     {}", counts(&status.bounces)));
    }
    for pause in &status.pauses {
        say(format_args!("paused        {}  {}", pause.shop, resting(pause)));
        say(format_args!(
            "              when the cause is mended: `afs shop resume {}`",
            pause.shop
        ));
    }
    match status.oldest_due_at {
        Some(due) if due <= now => {
            let seconds = now.duration_since(due).as_secs();
            say(format_args!("oldest due    {due}, {seconds} s ago"));
        }
        Some(due) => say(format_args!("next due      {due}")),
        None => say("next due      nothing waits"),
    }
    if !status.notices.is_empty() {
        say(format_args!("to fetch      {}", counts(&status.notices)));
    }
    for notice in &status.failed_notices {
        let FailedNotice { shop_id, order_ref, error } = notice;
        say(format_args!("not fetched   {shop_id}  {order_ref}  {error}"));
    }
    for unread in &status.unread_webhooks {
        let Unread { shop_id, path, detail, count } = unread;
        say(format_args!("not read      {shop_id}  {count} webhooks  {path}: {detail}"));
    }
    if !status.failed_notices.is_empty() || !status.unread_webhooks.is_empty() {
        say("              mend the cause, or install a newer AFS; then run `afs webhook replay`");
    }
    for error in &status.last_errors {
        say(format_args!("last error    {}  {}  {}", error.at, error.invitation, error.detail));
    }
}

fn say_lane(troubled: &TroubledLane) {
    let TroubledLane { lane, trouble, rests_until, mails_per_hour } = troubled;
    let why = why(*trouble);
    let pace = mails_per_hour.map(|pace| format!(", at most {pace} mails an hour"));
    let rest = rests_until.map(|until| format!(", rests until {until}"));
    let (rest, pace) = (rest.unwrap_or_default(), pace.unwrap_or_default());
    say(format_args!("slow lane     {lane}{rest}{pace}: {why}"));
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
