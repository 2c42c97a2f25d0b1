//! What people read.

use std::{collections::BTreeMap, fmt::Display, io::Write as _};

use jiff::Timestamp;

use crate::{
    checker::{Column, Counts, Defect},
    ledger::{Cause, FaultKind, Ledger},
    run::{Outcome, Run},
};

/// Defects whose time line is shown, for each kind.
const SHOWN_PER_COLUMN: usize = 2;

/// Prints a line of the report.
#[expect(clippy::print_stdout, reason = "the report")]
pub(crate) fn say(line: impl Display) {
    println!("{line}");
}

/// Tells how far it is, on a line that is written over and over on a terminal.
pub(crate) fn say_while_running(line: &str, terminal: bool) {
    let mut stderr = std::io::stderr().lock();
    // Nobody reads it: no harm.
    let _told =
        if terminal { write!(stderr, "\r{line}\x1b[K") } else { writeln!(stderr, "{line}") };
}

/// Prints what several runs show, one run per column.
pub(crate) fn say_runs(runs: &[(Run, Outcome)]) {
    let row = |name: &str, cell: &dyn Fn(&Run, &Outcome) -> String| {
        let cells = runs.iter().map(|(run, outcome)| format!("{:>16}", cell(run, outcome)));
        say(format_args!("{name:<31}{}", cells.collect::<String>()));
    };
    row("profile", &|run, _| run.profile.name().to_owned());
    row("seed", &|run, _| run.seed.to_string());
    row("orders", &|_, outcome| outcome.ledger.orders.len().to_string());
    row("faults planned", &|run, _| run.attacks.len().to_string());
    row("faults done", &|_, outcome| outcome.ledger.faults.len().to_string());
    row("webhooks posted", &|_, outcome| outcome.ledger.requests.len().to_string());
    row("seconds", &|_, outcome| outcome.took.as_secs().to_string());
    say("");
    #[expect(clippy::type_complexity, reason = "a table of columns")]
    let counts: [(&str, fn(&Counts) -> usize); 7] = [
        ("accepted", |counts| counts.accepted),
        ("undone", |counts| counts.undone),
        ("unsubscribed", |counts| counts.unsubscribed),
        ("invited", |counts| counts.invited),
        ("mailed", |counts| counts.mailed),
        ("mails", |counts| counts.mails),
        ("reviewed", |counts| counts.reviews),
    ];
    for (name, count) in counts {
        row(name, &|_, outcome| count(&outcome.findings.counts).to_string());
    }
    row("outcomes stopped by the fence", &|_, outcome| outcome.ledger.fenced.to_string());
    row("repeats, explained", &|_, outcome| {
        outcome.findings.repeats.values().sum::<usize>().to_string()
    });
    say("");
    for column in Column::ALL {
        row(column.name(), &|_, outcome| outcome.findings.count(column).to_string());
    }
}

/// How often one kind of fault was planned, happened, met work, and explains a repeat.
#[derive(Clone, Copy, Default)]
struct Window {
    planned: usize,
    happened: usize,
    hit: usize,
    repeats: usize,
}

/// Prints which faults there were, how often they met work, and how many repeats each explains;
/// `true` if each that was planned was hit at least `hits` times.
pub(crate) fn say_faults(runs: &[(Run, Outcome)], hits: usize) -> bool {
    let mut windows: BTreeMap<FaultKind, Window> = BTreeMap::new();
    for (run, outcome) in runs {
        for planned in &run.attacks {
            windows.entry(planned.attack.fault()).or_default().planned += 1;
        }
        for fault in &outcome.ledger.faults {
            let window = windows.entry(fault.kind.clone()).or_default();
            window.happened += 1;
            window.hit += usize::from(fault.hit);
        }
        for (kind, repeats) in &outcome.findings.repeats {
            windows.entry(kind.clone()).or_default().repeats += repeats;
        }
    }
    let cells = |cells: [&str; 5]| {
        let [name, planned, happened, hit, repeats] = cells;
        say(format_args!("{name:<44}{planned:>8}{happened:>10}{hit:>6}{repeats:>19}"));
    };
    say("");
    cells(["fault", "planned", "happened", "hit", "repeats explained"]);
    for (kind, window) in &windows {
        let Window { planned, happened, hit, repeats } = window;
        let [planned, happened, hit, repeats] =
            [planned, happened, hit, repeats].map(ToString::to_string);
        cells([&kind.to_string(), &planned, &happened, &hit, &repeats]);
    }
    let missed = windows.iter().filter(|(_, window)| window.planned > 0 && window.hit < hits);
    let missed: Vec<String> = missed.map(|(kind, _)| kind.to_string()).collect();
    if missed.is_empty() {
        say(format_args!("each was hit {hits} times or more"));
    } else {
        say(format_args!("hit less than {hits} times: {}", missed.join(", ")));
    }
    missed.is_empty()
}

/// Prints the first defects of each kind, with all that happened to their orders.
pub(crate) fn say_defects(run: &Run, outcome: &Outcome) {
    let (seed, profile) = (run.seed, run.profile.name());
    for column in outcome.findings.columns() {
        let defects = outcome.findings.defects.iter().filter(|defect| defect.column == column);
        for Defect { order, what, .. } in defects.take(SHOWN_PER_COLUMN) {
            say(format_args!("\nDEFECT  {}: {what}  (seed {seed}, {profile})", column.name()));
            for line in order.iter().flat_map(|order| time_line(&outcome.ledger, *order)) {
                say(format_args!("  {line}"));
            }
        }
    }
    if let Some(files) = &outcome.files {
        say(format_args!("\nlogs and database are kept in {}", files.display()));
    }
}

/// All that happened to an order, in the order in which it happened.
fn time_line(ledger: &Ledger, reference: u32) -> Vec<String> {
    let mut lines: Vec<(Timestamp, String)> = Vec::new();
    let Some(order) = ledger.orders.get(&reference) else { return vec![] };
    lines.push((order.due_at, format!("due; order {reference} of {}", order.shop)));
    for request in ledger.requests.iter().filter(|request| request.order == reference) {
        let answer = request.status.map_or("no answer".to_owned(), |status| status.to_string());
        let took = request.ended_at.duration_since(request.sent_at);
        let change = request.change.as_str();
        lines.push((request.sent_at, format!("{change} posted: {answer} after {took:#}")));
    }
    for stop in ledger.stops.iter().filter(|stop| stop.order == reference) {
        let what = match stop.cause {
            Cause::Undone => "undoing",
            Cause::Unsubscribed => "unsubscribing",
        };
        lines.push(match stop.granted {
            None => (stop.asked_at, format!("{what} asked for")),
            Some(granted) => match granted.in_flight_until {
                Some(until) => (granted.looked_at, format!("{what} granted; leased until {until}")),
                None => (granted.looked_at, format!("{what} granted; nobody is sending")),
            },
        });
    }
    let invitation = ledger.record.invitations.iter().find(|i| i.order == reference);
    if let Some(invitation) = invitation {
        let (id, state, fence) = (&invitation.id, invitation.state.as_str(), invitation.fence);
        lines.push((invitation.due_at, format!("due on record: {id}, {state}, fence {fence}")));
        for mail in ledger.mails.iter().filter(|mail| mail.invitation.as_ref() == Some(id)) {
            lines.push((mail.begun_at, format!("mail begun by {}", mail.worker)));
            lines.push((mail.taken_at, format!("mail taken, queued as {}", mail.queued_as)));
        }
        for attempt in ledger.record.attempts.iter().filter(|a| a.invitation == *id) {
            let (fence, outcome, detail) = (attempt.fence, &attempt.outcome, &attempt.detail);
            lines.push((attempt.at, format!("attempt {fence} on record: {outcome}, {detail}")));
        }
        for submission in ledger.submissions.iter().filter(|s| s.invitation == *id) {
            let (stars, accepted) = (submission.stars, submission.accepted);
            lines.push((submission.sent_at, format!("review of {stars}, accepted: {accepted}")));
        }
    }
    let (first, last) = (lines.iter().map(|l| l.0).min(), lines.iter().map(|l| l.0).max());
    for fault in &ledger.faults {
        if first.zip(last).is_some_and(|(first, last)| fault.overlaps(first, last)) {
            let lasted = fault.until.duration_since(fault.from);
            lines.push((fault.from, format!("[{}: {} for {lasted:#}]", fault.target, fault.kind)));
        }
    }
    lines.sort();
    lines.into_iter().map(|(at, what)| format!("{}  {what}", at.strftime("%H:%M:%S.%3f"))).collect()
}
