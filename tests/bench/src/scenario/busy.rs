//! Orders as fast as they are taken, while mails go out.

use std::time::Duration;

use anyhow::ensure;
use jiff::SignedDuration;
use tests::shop::now;

use crate::{
    afs::{Afs, Profile},
    lab::Lab,
    load::{self, Plan},
    meter::as_f64,
    record::Record,
    scenario::{
        Sample, Scenario,
        dispatch::{MailServer, fill, mailing_to, wait_for},
        ingest::sample,
    },
};

/// Orders that are due later are numbered from here on.
const OLDER: usize = 20_000_000;

const ABOUT: &str = "As in `ingest`, while more invitations are due than can be sent in that time. \
    `mails_per_s` is what the mail server takes meanwhile.";

/// Both at the same time.
pub(crate) fn scenario(lab: &Lab) -> Scenario<'_> {
    let profiles = [Profile::Embedded, Profile::Distributed];
    profiles.into_iter().fold(
        Scenario::new("ingest-while-dispatching", ABOUT).at_most_rounds(2),
        |scenario, profile| {
            scenario.contestant(profile.contestant(), move || measure(lab, profile))
        },
    )
}

fn measure(lab: &Lab, profile: Profile) -> anyhow::Result<Sample> {
    const SENT: &str = "SELECT COUNT(*) FROM invitations WHERE state = 'sent'";
    let due_count = if lab.pace.is_quick { 10_000 } else { 30_000 };
    let server = MailServer::start(Duration::ZERO)?;
    let afs = Afs::start(profile, &mailing_to(server.port()))?;
    let mut record = Record::of(&afs)?;
    let due = now() + SignedDuration::from_secs(3 + i64::try_from(due_count / 2_000)?);
    fill(&afs, OLDER..OLDER + due_count, due)?;
    wait_for(due);
    let meters = [afs.meter(), afs.stores_meter()];
    let plan = Plan { warm_up: Duration::ZERO, ..Plan::steady(lab, &afs.addresses, &meters) };
    let before = record.number(SENT)?;
    let load = load::run(&plan)?;
    let sent = record.number(SENT)?;
    load.all_accepted()?;
    ensure!(usize::try_from(sent)? < due_count, "there were too few invitations to send");
    let mailed = as_f64(sent.abs_diff(before));
    Ok(sample(&load).with("mails_per_s", mailed / load.total.as_secs_f64()))
}
