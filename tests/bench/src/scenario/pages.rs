//! What buyers open and send.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use domain::{
    InvitationId,
    token::{Purpose, TokenKeys},
};
use serde_json::json;

use crate::{
    afs::{Afs, LINK_KEY, Profile},
    lab::Lab,
    load::{self, Load, Plan},
    scenario::{Sample, Scenario},
};

/// Until all invitations are sent.
const PATIENCE: Duration = Duration::from_mins(2);

const ABOUT: &str = "The review form behind an invitation's link: opened (`get`, any number of times) and \
    sent (`post`, once for each invitation), over 64 connections. Each review is committed before it \
    is answered, and checked by the worker while the next ones come in.";

/// The review form.
pub(crate) fn scenario(lab: &Lab) -> Scenario<'_> {
    let profiles = [Profile::Embedded, Profile::Distributed];
    let scenario = Scenario::new("pages", ABOUT).at_most_rounds(2);
    profiles.into_iter().fold(scenario, |scenario, profile| {
        scenario.contestant(profile.contestant(), move || measure(lab, profile))
    })
}

fn measure(lab: &Lab, profile: Profile) -> anyhow::Result<Sample> {
    let afs = Afs::start(
        profile,
        &[
            ("invitations.delay_days", json!(0)),
            ("invitations.window_always_open", json!(true)),
            ("mail.transport", json!("file")),
            ("mail.outbox_dir", json!("outbox")),
            ("sender.address", json!("reviews@shop.example")),
        ],
    )?;
    let count = if lab.pace.is_quick { 2_000 } else { 10_000 };
    let meter = afs.meter();
    let plan = |requests, measured| Plan {
        requests,
        warm_up: Duration::ZERO,
        measured,
        ..Plan::steady(lab, &afs.addresses, std::slice::from_ref(&meter))
    };
    load::run(&plan(&lab.requests()[..count], PATIENCE))?.all_accepted()?;
    let tokens = tokens(&afs, count)?;
    let keys = TokenKeys::new(vec![LINK_KEY.into()])?;
    let gets: Vec<_> = tokens.iter().map(|token| get(token)).collect();
    let posts: Vec<_> = tokens.iter().map(|token| post(token, &keys)).collect();
    let shown = load::run(&Plan { repeat: true, ..plan(&gets, lab.pace.measured) })?;
    let sent = load::run(&plan(&posts, PATIENCE))?;
    for load in [&shown, &sent] {
        load.all_accepted()?;
    }
    let micros = |load: &Load| load.cpu_micros(0);
    Ok(Sample::default()
        .with("get_per_s", shown.per_second())
        .with("get_p99_ms", shown.quantile_ms(0.99))
        .with("get_cpu_us", micros(&shown))
        .with("post_per_s", sent.per_second())
        .with("post_p99_ms", sent.quantile_ms(0.99))
        .with("post_cpu_us", micros(&sent)))
}

/// The tokens of all invitations, once they are sent. The names of mails hold the invitations' ids.
fn tokens(afs: &Afs, count: usize) -> anyhow::Result<Vec<String>> {
    let deadline = Instant::now() + PATIENCE;
    while afs.invitations("sent")? < count as u64 {
        anyhow::ensure!(Instant::now() < deadline, "not all invitations were sent");
        thread::sleep(Duration::from_millis(100));
    }
    let keys = TokenKeys::new(vec![LINK_KEY.into()])?;
    fs_err::read_dir(afs.dir().join("outbox"))?
        .map(|mail| {
            let name = mail?.file_name().to_string_lossy().into_owned();
            let id = name.strip_prefix("inv-").and_then(|name| name.split_once('@'));
            let id = id.context("a mail without an invitation's id")?.0.parse()?;
            Ok(keys.token(Purpose::Review, InvitationId(id)))
        })
        .collect()
}

fn get(token: &str) -> Vec<u8> {
    format!("GET /r/{token} HTTP/1.1\r\nhost: reviews.shop.example\r\naccept: text/html\r\n\r\n")
        .into()
}

fn post(token: &str, keys: &TokenKeys) -> Vec<u8> {
    let stamp = keys.stamp(token, tests::shop::now());
    let form = format!(
        "stars=4&title=Good+tea%2C+slow+parcel&text=The+sencha+is+fresh+and+the+pot+keeps+warm.&\
         name=Anna&website=&stamp={stamp}"
    );
    format!(
        "POST /r/{token} HTTP/1.1\r\nhost: reviews.shop.example\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    )
    .into()
}
