//! `afs demo`: the whole way on this machine, to watch.
//!
//! Nothing is pretended: the daemon that starts is the one `afs serve` starts, the orders are
//! posted over HTTP with real signatures, and mails are written into a folder instead of sent.

mod orders;
mod page;

use std::{
    collections::HashSet,
    fmt::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use clap::Args;
use config::Config;
use store::Store;
use tokio::net::TcpListener;

use super::say;
use crate::{
    lifecycle::{self, Daemon, Role, Signals},
    logs::LogLevel,
    services::{Services, platforms},
};

/// How often the terminal is brought up to date.
const LOOK_EVERY: Duration = Duration::from_millis(200);

#[derive(Args)]
pub(crate) struct DemoArgs {
    /// Keep the record and the mails here [default: a temporary folder, removed at the end]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(crate) fn run(args: &DemoArgs) -> anyhow::Result<()> {
    let temporary = tempfile::Builder::new().prefix("afs-demo-").tempdir()?;
    let dir = args.dir.as_deref().unwrap_or(temporary.path());
    lifecycle::runtime()?.block_on(show(dir, args.dir.is_some()))
}

async fn show(dir: &Path, keep: bool) -> anyhow::Result<()> {
    // Links in mails need the port before anything listens on it.
    let port = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
    let public_url = format!("http://127.0.0.1:{port}");
    let config = Config::from_toml(&configuration(dir, port)?, &platforms())?;
    LogLevel::install(&config)?;
    let outbox = config.mail.outbox_dir.clone();
    let services = Services::open(config).await?;
    let store = services.store.clone();
    let page = page::serve(store.clone(), outbox, public_url.clone(), services.clock.clone());
    let page_url = page.await?;
    let daemon = Daemon::start(services.clone(), Role::Both).await?;

    // Whatever ends it from here on, the folder is removed.
    let mut signals = Signals::listen()?;
    say("AFS runs on this machine with three shops. Everything you see is real but the shops:");
    say("signed webhooks come in, invitations wait a few seconds, mails go into a folder.");
    say("");
    say(format_args!("  ▶ Open {page_url} and watch, or follow here. Ctrl-C ends it."));
    say("");
    let showing = async {
        orders::post_all(&public_url, &(services.clock)()).await?;
        follow(&store, &page_url).await
    };
    tokio::select! {
        () = signals.any() => {}
        outcome = showing => outcome?,
    }
    daemon.shut_down().await;
    say("");
    if keep {
        say(format_args!("The record and the mails are in {}.", dir.display()));
    }
    say("Next: `afs config default > afs.toml`, add your shop, `afs config check`, `afs serve`.");
    Ok(())
}

/// A configuration with a shop per platform and delays of seconds.
fn configuration(dir: &Path, port: u16) -> anyhow::Result<String> {
    let path = |name: &str| {
        let path = dir.join(name);
        let text = path.to_str().context("the folder's name is not UTF-8")?;
        Ok::<_, anyhow::Error>(serde_json::to_string(text)?)
    };
    let database = serde_json::to_string(&format!("sqlite:{}", dir.join("afs.db").display()))?;
    let mut text = format!(
        "[server]\npublic_url = \"http://127.0.0.1:{port}\"\nlisten = [\"127.0.0.1:{port}\"]\n\
         operator_listen = []\n[database]\nurl = {database}\n[mail]\noutbox_dir = {}\n\
         [log]\nlevel = \"warn\"\n[sender]\naddress = \"reviews@afs-demo.example\"\n\
         [invitations]\nwindow_always_open = true\n\
         consent_notice = \"We will ask you for a review by e-mail. You can object at any time.\"\n",
        path("outbox")?,
    );
    for shop in &orders::SHOPS {
        // Writing into a text cannot fail.
        let _written = write!(
            text,
            "[shops.{}]\nplatform = \"{}\"\nname = \"{}\"\nlanguage = \"{}\"\nsecrets = [\"{}\"]\n\
             [shops.{0}.invitations]\ndelay_secs = {}\n",
            shop.id, shop.platform, shop.name, shop.language, shop.secret, shop.delay_secs,
        );
    }
    Ok(text)
}

/// Tells what happens, as it happens.
async fn follow(store: &Store, page_url: &str) -> anyhow::Result<()> {
    let mut told = HashSet::new();
    let mut tell = |key: String, line: String| {
        if told.insert(key) {
            say(line);
        }
    };
    loop {
        for order in store.last_orders(50).await?.into_iter().rev() {
            let (shop, number) = (order.shop_id, order.order_ref);
            match (&order.invitation_id, order.state.as_deref()) {
                (None, _) => tell(
                    format!("{number} not invited"),
                    format!(
                        "  ● order {number} from {shop}: {}",
                        page::in_words(order.decision.as_deref())
                    ),
                ),
                (Some(_), Some("scheduled" | "sending")) => tell(
                    format!("{number} scheduled"),
                    format!(
                        "  ● order {number} from {shop}: {}",
                        page::in_words(order.decision.as_deref())
                    ),
                ),
                (Some(_), Some("cancelled")) => tell(
                    format!("{number} cancelled"),
                    format!("  ✕ order {number} was cancelled: its invitation will not be sent"),
                ),
                (Some(id), Some("sent")) => tell(
                    format!("{number} sent"),
                    format!(
                        "  ✉ invitation for order {number} mailed: read it at {page_url}/mail/inv-{id}"
                    ),
                ),
                (Some(_), state) => tell(
                    format!("{number} {state:?}"),
                    format!("  ✕ order {number}: {}", state.unwrap_or_default()),
                ),
            }
        }
        for review in store.last_reviews(50).await?.into_iter().rev() {
            let stars = "★".repeat(usize::try_from(review.stars).unwrap_or(0));
            tell(
                format!("{} {}", review.id, review.label),
                match review.label.as_str() {
                    "verified" => {
                        format!("  ✔ the review {stars} is verified: it came from a real order")
                    }
                    "organic" => {
                        format!("  ✎ a review {stars} came without an invitation: it is organic")
                    }
                    label => format!("  ✎ a review {stars} came in; it is {label}"),
                },
            );
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
