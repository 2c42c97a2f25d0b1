//! How long after it is due an invitation is with the mail server.

use std::time::Duration;

use bench::orders::Orders;
use jiff::SignedDuration;
use tests::shop::now;

use crate::{
    afs::{Afs, Profile},
    lab::Lab,
    meter::as_f64,
    record::Record,
    scenario::{
        Goal, Round, Sample, Scenario, backlog,
        dispatch::{
            DELAY, MailServer, fill, mailing_to, post, until_sent, wait_for, with_lateness,
        },
    },
};

const AT_ONCE: &str = "SQLite, 10,000 due in the same second";
const AT_ONCE_REDIS: &str = "Postgres + Redis, 10,000 due in the same second";
const SPREAD: &str = "SQLite, 1,000 on a backlog";
const SPREAD_REDIS: &str = "Postgres + Redis, 1,000 on a backlog";

const ABOUT: &str = "From when an invitation was due until the mail server had taken it. 10,000 due in the \
    same second are limited by how fast mails leave; 1,000 spread over a minute (quick: ten seconds) \
    are not, but the record holds a million other invitations that are due later (quick: 100,000; \
    put there by SQL, in the shape of those that came as webhooks). No invitation was claimed early.";

/// Invitations due at once, and some now and then while many others wait.
pub(crate) fn scenario(lab: &Lab) -> Scenario<'_> {
    let waiting = if lab.pace.is_quick { 100_000 } else { 1_000_000 };
    let spread_over = Duration::from_secs(if lab.pace.is_quick { 10 } else { 60 });
    let p99 =
        |contestant: &'static str| move |round: &Round<'_>| round.get(contestant, "late_p99_ms");
    Scenario::new("lateness", ABOUT)
        .contestant(AT_ONCE, || at_once(Profile::Embedded))
        .contestant(AT_ONCE_REDIS, || at_once(Profile::Distributed))
        .contestant(SPREAD, move || spread(Profile::Embedded, waiting, spread_over))
        .contestant(SPREAD_REDIS, move || spread(Profile::Distributed, waiting, spread_over))
        .goal(Goal::at_most(
            "lateness_embedded",
            "lateness on a backlog of a million, SQLite: p99 at most 1 s, nothing early",
            1000.0,
            p99(SPREAD),
        ))
        .goal(Goal::at_most(
            "lateness_distributed",
            "lateness on a backlog of a million, Postgres + Redis: p99 at most 1 s, nothing early",
            1000.0,
            p99(SPREAD_REDIS),
        ))
        .at_most_rounds(1)
}

fn at_once(profile: Profile) -> anyhow::Result<Sample> {
    const COUNT: usize = 10_000;
    let server = MailServer::start(Duration::ZERO)?;
    let afs = Afs::start(profile, &mailing_to(server.port()))?;
    let mut record = Record::of(&afs)?;
    let due = now() + SignedDuration::from_secs(8);
    fill(&afs, 0..COUNT, due)?;
    wait_for(due);
    until_sent(&mut record, COUNT)?;
    with_lateness(Sample::default(), &record.mailed()?)
}

fn spread(profile: Profile, waiting: usize, over: Duration) -> anyhow::Result<Sample> {
    const COUNT: usize = 1_000;
    let server = MailServer::start(Duration::ZERO)?;
    let afs = Afs::start(profile, &mailing_to(server.port()))?;
    let mut record = Record::of(&afs)?;
    backlog::fill(&afs, &mut record, waiting)?;
    let first = now() + SignedDuration::from_secs(5);
    let step = SignedDuration::try_from(over)? / i32::try_from(COUNT)?;
    let requests: Vec<_> = (0..COUNT)
        .map(|number| {
            let due = first + step * i32::try_from(number).unwrap_or(0);
            // Behind those of the backlog.
            Orders::fulfilled_at(due - DELAY).request(10_000_000 + number)
        })
        .collect();
    post(&afs, &requests)?;
    let meters = [afs.meter(), afs.stores_meter()];
    let before = meters.each_ref().map(crate::meter::Meter::cpu);
    wait_for(first + SignedDuration::try_from(over)?);
    until_sent(&mut record, COUNT)?;
    let after = meters.each_ref().map(crate::meter::Meter::cpu);
    let cpu =
        |at: usize| after[at].saturating_sub(before[at]).as_secs_f64() * 1e6 / as_f64(COUNT as u64);
    let sample = Sample::default().with("server_cpu_us", cpu(0)).with("stores_cpu_us", cpu(1));
    with_lateness(sample, &record.mailed()?)
}
