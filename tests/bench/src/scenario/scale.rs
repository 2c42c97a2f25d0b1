//! More of the same programs on one Postgres and one Redis.

use std::time::Duration;

use crate::{
    afs::Afs,
    lab::Lab,
    scenario::{
        Scenario,
        dispatch::{self, MailServer, mailing_to},
        ingest,
    },
};

const COUNTS: [usize; 3] = [1, 2, 4];

/// A mail server in another city.
const ROUND_TRIP: Duration = Duration::from_millis(20);

const ABOUT_RECEIVERS: &str = "As in `ingest`, spread over several receivers that share one Postgres, one \
    Redis and all the processors of this machine: more receivers show what they cost each other, not \
    what more machines would give.";

const ABOUT_WORKERS: &str = "As in `dispatch-far`, by several workers, each with 10 connections of its own, \
    that share one Postgres, one Redis and all the processors of this machine.";

/// Orders over several receivers.
pub(crate) fn receivers(lab: &Lab) -> Scenario<'_> {
    let scenario = Scenario::new("scale-receivers", ABOUT_RECEIVERS).at_most_rounds(2);
    COUNTS.into_iter().fold(scenario, |scenario, count| {
        scenario.contestant(named(count, "receiver"), move || {
            ingest::measure(lab, &Afs::scaled(count, 1, &[])?, None)
        })
    })
}

/// Mails from several workers.
pub(crate) fn workers(lab: &Lab) -> Scenario<'_> {
    let mails = if lab.pace.is_quick { 2_000 } else { 4_000 };
    let scenario = Scenario::new("scale-workers", ABOUT_WORKERS).at_most_rounds(2);
    COUNTS.into_iter().fold(scenario, |scenario, count| {
        scenario.contestant(named(count, "worker"), move || {
            let server = MailServer::start(ROUND_TRIP)?;
            dispatch::send(&Afs::scaled(1, count, &mailing_to(server.port()))?, &server, mails)
        })
    })
}

fn named(count: usize, program: &str) -> String {
    format!("{count} {program}{}", if count == 1 { "" } else { "s" })
}
