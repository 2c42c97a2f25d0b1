//! The database, and what lies in it.

use config::Config;
use jiff::{SignedDuration, Timestamp};
use store::{
    StoreError,
    facts::{Facts, PostgresFacts, SqliteFacts},
    overview::Status,
};

use super::finding::{Finding, Section, count};
use crate::commands::words;

/// A mail may wait so long for its turn.
const LATE: SignedDuration = SignedDuration::from_hours(1);

/// What was seen of the record.
#[derive(Debug)]
pub(super) enum Record {
    /// It is open.
    Open { facts: Result<Facts, String>, status: Result<Box<Status>, String> },
    /// It is not there yet.
    Missing,
    /// It was written by an older version.
    Older,
    /// It cannot be opened, or not in time.
    Closed(String),
}

impl Record {
    pub(super) fn of_error(error: &anyhow::Error) -> Self {
        match error.downcast_ref() {
            Some(StoreError::Missing) => Self::Missing,
            Some(StoreError::OlderSchema) => Self::Older,
            _ => Self::Closed(format!("{error:#}")),
        }
    }
}

pub(super) fn judge(config: &Config, record: &Record, now: Timestamp) -> Vec<Section> {
    let title = match config.database.sqlite_file() {
        Some(file) => format!("Record {}", file.display()),
        None => "Record in Postgres".to_owned(),
    };
    let section = |findings| Section::new(title, findings);
    match record {
        Record::Missing => {
            vec![section(vec![Finding::note("open", "there is no record yet").means(
                "The daemon makes it when it starts. If there should be one, check database.url.",
            )])]
        }
        Record::Older => vec![section(vec![
            Finding::warning("open", "the record was written by an older version of AFS")
                .means("The daemon of this version brings it up to date when it starts.")
                .remedy(
                    "Make a backup, and restart the daemons; or, if their database account may not \
                         change tables, run `afs migrate` with one that may.",
                ),
        ])],
        Record::Closed(why) => vec![section(vec![
            Finding::fault("open", why.clone())
                .means("Orders are answered with 503, and no mail leaves.")
                .remedy("Check database.url, whether the server runs, and who may reach it."),
        ])],
        Record::Open { facts, status } => {
            let findings = match facts {
                Ok(Facts::Sqlite(facts)) => sqlite(facts),
                Ok(Facts::Postgres(facts)) => postgres(facts, config.database.max_connections),
                Err(why) => vec![Finding::fault("set-up", format!("it does not answer: {why}"))],
            };
            let work = match status {
                Ok(status) => work(status, now),
                Err(why) => vec![Finding::warning("orders", format!("cannot be counted: {why}"))],
            };
            vec![section(findings), Section::new("Work", work)]
        }
    }
}

fn sqlite(facts: &SqliteFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.push(if facts.journal_mode == "wal" {
        Finding::ok("journal", "WAL")
    } else {
        Finding::fault("journal", format!("the journal is `{}`, not WAL", facts.journal_mode))
            .means("Pages and webhooks wait for each other.")
            .remedy("Keep the file on a disk of this machine, not on a network share.")
    });
    findings.push(if facts.synchronous >= 2 {
        Finding::ok("synchronous", "FULL: a commit is on the disk before it is answered")
    } else {
        Finding::fault("synchronous", "commits are answered before they are on the disk")
            .means("A power cut loses orders that were answered with 200.")
            .remedy("Remove `synchronous` from database.url.")
    });
    findings.push(match facts.quick_check.as_deref() {
        Some("ok") => Finding::ok("quick_check", "no damage"),
        Some(damage) => Finding::fault("quick_check", format!("the file is damaged: {damage}"))
            .means("Orders may be lost already, and more will be.")
            .remedy(
                "Stop the daemon, copy the file and those beside it away, and restore the last backup. \
                 Look at the disk before you go on.",
            ),
        None => Finding::note("quick_check", "the file is too large to be read through in 5 seconds")
            .remedy("When there is time, run `PRAGMA integrity_check` on a copy."),
    });
    findings
}

fn postgres(facts: &PostgresFacts, max_connections: u32) -> Vec<Finding> {
    let mut findings = vec![Finding::ok("server", format!("Postgres {}", facts.version))];
    if facts.is_standby || facts.is_read_only {
        let what = if facts.is_standby { "a standby" } else { "read-only" };
        findings.push(
            Finding::fault("writing", format!("the server is {what}"))
                .means("Nothing can be stored: orders are answered with 503.")
                .remedy(
                    "Set database.url to the primary, or let this account write \
                         (`default_transaction_read_only`).",
                ),
        );
    }
    let durable = [
        ("fsync", facts.fsync, "commits do not wait for the disk"),
        ("full_page_writes", facts.full_page_writes, "a page half written cannot be mended"),
        ("synchronous_commit", facts.synchronous_commit != "off", "commits are answered early"),
    ];
    for (name, _, harm) in durable.iter().filter(|(_, is_on, _)| !is_on) {
        findings.push(
            Finding::fault("durability", format!("`{name}` is off: {harm}"))
                .means("A crash loses orders that were answered with 200, or the whole database.")
                .remedy("Set in postgresql.conf, and reload the server:")
                .add(format!("{name} = on")),
        );
    }
    if durable.iter().all(|(_, is_on, _)| *is_on) {
        findings.push(Finding::ok(
            "durability",
            format!("fsync, full_page_writes, synchronous_commit = {}", facts.synchronous_commit),
        ));
    }
    let all = facts.account_connections_max.unwrap_or(i32::MAX).min(facts.connections_max);
    let room = u32::try_from(all).unwrap_or(0) / max_connections.max(1);
    let seen = format!("it takes {all}, and each process of AFS opens up to {max_connections}");
    findings.push(match room {
        0 => Finding::fault("connections", seen)
            .means("A process that is busy cannot get those it needs.")
            .remedy("Set in [database] less, or max_connections of Postgres higher:")
            .add(format!("max_connections = {}", (all / 4).max(1))),
        1 => Finding::warning("connections", seen)
            .means("There is room for one busy process; a receiver and a worker are two.")
            .remedy("Set in [database] less, or max_connections of Postgres higher:")
            .add(format!("max_connections = {}", (all / 4).max(1))),
        _ => Finding::ok("connections", format!("{seen}: room for {}", processes(room))),
    });
    if facts.connections_open * 10 >= i64::from(facts.connections_max) * 9 {
        let seen = format!("{} of {} are open", facts.connections_open, facts.connections_max);
        findings.push(
            Finding::warning("connections", seen)
                .means("When all are, orders are answered with 503.")
                .remedy("Find who holds them (pg_stat_activity), or set max_connections of Postgres higher."),
        );
    }
    if !facts.is_private {
        findings.push(
            Finding::warning("encryption", "the connection is not encrypted")
                .means("Buyers' names and addresses cross the network as they are.")
                .remedy("Switch TLS on in Postgres, and add to database.url:")
                .add("?sslmode=verify-full"),
        );
    }
    findings
}

fn processes(number: u32) -> String {
    if number == 1 { "1 process".to_owned() } else { format!("{number} processes") }
}

fn work(status: &Status, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    let late = status.oldest_due_at.map(|due| now.duration_since(due)).filter(|late| *late > LATE);
    findings.push(match late {
        None => Finding::ok("mails", "none is late"),
        Some(late) => {
            let hours = late.as_hours();
            Finding::warning(
                "mails",
                format!(
                    "one has been due for {}",
                    words::length(SignedDuration::from_hours(hours))
                ),
            )
            .means("No worker runs, or it cannot keep up, or the clocks differ.")
            .remedy("Look whether `afs serve` or afs-worker runs, and at its log.")
        }
    });
    let of = |counts: &[store::overview::Count], name: &str| {
        counts.iter().find(|count| count.name == name).map_or(0, |count| count.count)
    };
    let failed = of(&status.invitations, "failed") + of(&status.reminders, "failed");
    if failed > 0 {
        let mut finding = Finding::note(
            "mails",
            format!("{} could not be delivered", words::count(failed, "mail")),
        )
        .remedy("`afs status` shows the last errors.");
        if let Some(last) = status.last_errors.first() {
            finding = finding.means(format!("The last error: {}", last.detail));
        }
        findings.push(finding);
    }
    let untold = of(&status.notices, "failed");
    if untold > 0 {
        let seen = format!("platforms did not tell about {}", words::count(untold, "order"));
        let mut finding = Finding::warning("orders", seen).remedy(
            "Mend the cause ([shops.<id>.api]), and run `afs webhook replay`; `afs status` shows which.",
        );
        if let Some(last) = status.failed_notices.first() {
            finding = finding.means(format!("{}: {}", last.shop_id, last.error));
        }
        findings.push(finding);
    }
    if status.unread > 0 {
        let unread = usize::try_from(status.unread).unwrap_or(usize::MAX);
        let mut finding = Finding::warning(
            "webhooks",
            format!("{} could not be read", count(unread, "webhook")),
        )
        .remedy(
            "They are kept for 90 days. Install a newer AFS, or mend the mapping, and run `afs \
                     webhook replay`.",
        );
        if let Some(first) = status.unread_webhooks.first() {
            finding = finding.means(format!("{}: {}: {}", first.shop_id, first.path, first.detail));
        }
        findings.push(finding);
    }
    findings
}
