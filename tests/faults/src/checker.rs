//! Judges a run by its ledger: what became of every order, and which fault explains what is odd.
//!
//! A pure function, so that each kind of defect can be planted into a ledger and must be reported.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::{Change, InvitationState, review::Label};
use jiff::{SignedDuration, Timestamp};

use crate::ledger::{
    Attempt, Cause, FINAL_TIMEOUT, Fault, FaultKind, Invitation, LEASE, Ledger, Mail, Order,
    Request, Review, SHUTDOWN_TIMEOUT, Stop, Submission,
};

/// How much two of our own observations of one moment may differ on a busy machine.
const SLACK: SignedDuration = SignedDuration::from_millis(500);

/// How long a worker may take from hearing 250 to having it on record, if nothing is broken.
const COMMIT: SignedDuration = SignedDuration::from_secs(2);

/// How long a process waits for a database that is away before it ends at its start.
const START: SignedDuration = SignedDuration::from_secs(5);

/// What went on for so long before a process ended may be why.
const CIRCUMSTANCES: SignedDuration = SignedDuration::from_secs(20);

/// Times on record are whole milliseconds.
const ROUNDING: SignedDuration = SignedDuration::from_millis(2);

/// What must not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Column {
    /// Accepted, and not invited, or given up, without a reason that we gave.
    Lost,
    /// Mailed again, and no fault explains it.
    Duplicated,
    /// Mailed before its time.
    Early,
    /// Mailed after a cancel or refund had been answered.
    AfterCancel,
    /// Mailed after an unsubscribe had been answered.
    AfterUnsubscribe,
    /// Mailed to, or planned for, somebody who must not be invited.
    WronglyInvited,
    /// Recorded as sent, and the mail server never said so.
    FalselySent,
    /// Taken by the mail server, not recorded, and no fault explains it.
    Unrecorded,
    /// Neither sent nor stopped in the end.
    Stuck,
    /// A review that was taken and is not there, or not verified.
    ReviewLost,
    /// A review that nobody submitted, or one too many.
    ReviewInvented,
    /// Labelled as verified without a right to it.
    WronglyVerified,
    /// A genuine webhook was answered with an error that is no invitation to try again.
    Refused,
    /// A process ended by itself, or a task panicked.
    Crashed,
    /// More sockets open in the end than are needed.
    Leaked,
}

impl Column {
    /// Every column, in the order of the report.
    pub(crate) const ALL: [Self; 15] = [
        Self::Lost,
        Self::Duplicated,
        Self::Early,
        Self::AfterCancel,
        Self::AfterUnsubscribe,
        Self::WronglyInvited,
        Self::FalselySent,
        Self::Unrecorded,
        Self::Stuck,
        Self::ReviewLost,
        Self::ReviewInvented,
        Self::WronglyVerified,
        Self::Refused,
        Self::Crashed,
        Self::Leaked,
    ];

    /// Its name in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Duplicated => "duplicated, unexplained",
            Self::Early => "mailed early",
            Self::AfterCancel => "mailed after cancel",
            Self::AfterUnsubscribe => "mailed after unsubscribe",
            Self::WronglyInvited => "wrongly invited",
            Self::FalselySent => "falsely recorded as sent",
            Self::Unrecorded => "taken, not recorded",
            Self::Stuck => "stuck",
            Self::ReviewLost => "reviews lost",
            Self::ReviewInvented => "reviews invented or doubled",
            Self::WronglyVerified => "wrongly verified",
            Self::Refused => "genuine webhooks refused",
            Self::Crashed => "crashes and panics",
            Self::Leaked => "leaked connections",
        }
    }
}

/// Something that must not happen, and did.
#[derive(Clone, Debug)]
pub(crate) struct Defect {
    pub(crate) column: Column,
    /// The order it happened to, if it is about one.
    pub(crate) order: Option<u32>,
    /// What happened.
    pub(crate) what: String,
}

/// What a run shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings {
    pub(crate) counts: Counts,
    /// Mails sent once more, by the fault that explains them.
    pub(crate) repeats: BTreeMap<FaultKind, usize>,
    pub(crate) defects: Vec<Defect>,
}

impl Findings {
    /// How many defects of one kind there are.
    pub(crate) fn count(&self, column: Column) -> usize {
        self.defects.iter().filter(|defect| defect.column == column).count()
    }

    /// The kinds of defects there are.
    pub(crate) fn columns(&self) -> BTreeSet<Column> {
        self.defects.iter().map(|defect| defect.column).collect()
    }
}

/// How much happened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Orders whose completion was accepted.
    pub(crate) accepted: usize,
    /// Orders with an invitation.
    pub(crate) invited: usize,
    /// Orders whose buyer got a mail.
    pub(crate) mailed: usize,
    /// Mails that the mail server took.
    pub(crate) mails: usize,
    /// Orders whose cancel or refund was accepted.
    pub(crate) undone: usize,
    /// Orders whose buyer said stop, and was heard.
    pub(crate) unsubscribed: usize,
    /// Reviews that were accepted.
    pub(crate) reviews: usize,
}

/// Judges a run.
pub(crate) fn check(ledger: &Ledger) -> Findings {
    let faults = Faults(&ledger.faults);
    let cases = cases(ledger);
    let mut findings = Findings { counts: count(ledger, &cases), ..Findings::default() };
    for case in &cases {
        let checks = [
            case.refused(&faults),
            case.lost(&faults),
            case.stuck(),
            case.repeated(&faults, &mut findings.repeats),
            case.unrecorded(&faults),
            case.falsely_sent(),
            case.early(&faults),
            case.mailed_after_a_stop(&faults),
            case.wrongly_invited(),
            case.reviews(&faults),
        ];
        let about = |(column, what)| Defect { column, order: Some(case.reference), what };
        findings.defects.extend(checks.into_iter().flatten().map(about));
    }
    let others = [strangers(ledger), crashes(ledger, &faults), leaks(ledger)];
    let about_none = |(column, what)| Defect { column, order: None, what };
    findings.defects.extend(others.into_iter().flatten().map(about_none));
    findings
}

type Found = Vec<(Column, String)>;

fn count(ledger: &Ledger, cases: &[Case<'_>]) -> Counts {
    let orders =
        |holds: &dyn Fn(&Case<'_>) -> bool| cases.iter().filter(|case| holds(case)).count();
    Counts {
        accepted: orders(&|case| case.accepted().is_some()),
        invited: orders(&|case| case.invitation.is_some()),
        mailed: orders(&|case| !case.mails.is_empty()),
        mails: ledger.mails.len(),
        undone: orders(&|case| case.was_granted(Cause::Undone)),
        unsubscribed: orders(&|case| case.was_granted(Cause::Unsubscribed)),
        reviews: orders(&|case| case.submissions.iter().any(|submission| submission.accepted)),
    }
}

/// All that is known about one order.
struct Case<'a> {
    reference: u32,
    order: &'a Order,
    requests: Vec<&'a Request>,
    stops: Vec<&'a Stop>,
    invitation: Option<&'a Invitation>,
    attempts: Vec<&'a Attempt>,
    /// In the order in which the mail server took them.
    mails: Vec<&'a Mail>,
    submissions: Vec<&'a Submission>,
    reviews: Vec<&'a Review>,
}

/// Sorts everything in the ledger by the order it is about.
fn cases(ledger: &Ledger) -> Vec<Case<'_>> {
    let requests = grouped(&ledger.requests, |request| Some(request.order));
    let stops = grouped(&ledger.stops, |stop| Some(stop.order));
    let invitations = grouped(&ledger.record.invitations, |invitation| Some(invitation.order));
    let attempts = grouped(&ledger.record.attempts, |attempt| Some(&attempt.invitation));
    let mails = grouped(&ledger.mails, |mail| mail.invitation.as_ref());
    let submissions = grouped(&ledger.submissions, |submission| Some(&submission.invitation));
    let reviews = grouped(&ledger.record.reviews, |review| review.invitation.as_ref());
    let case = |(&reference, order)| {
        let invitation = of(&invitations, &reference).first().copied();
        let id = invitation.map(|invitation| &invitation.id);
        let mut mails = id.map(|id| of(&mails, &id)).unwrap_or_default();
        mails.sort_by_key(|mail| mail.taken_at);
        Case {
            reference,
            order,
            requests: of(&requests, &reference),
            stops: of(&stops, &reference),
            invitation,
            attempts: id.map(|id| of(&attempts, &id)).unwrap_or_default(),
            mails,
            submissions: id.map(|id| of(&submissions, &id)).unwrap_or_default(),
            reviews: id.map(|id| of(&reviews, &id)).unwrap_or_default(),
        }
    };
    ledger.orders.iter().map(case).collect()
}

fn grouped<'a, T, K: std::hash::Hash + Eq>(
    entries: &'a [T],
    key: impl Fn(&'a T) -> Option<K>,
) -> HashMap<K, Vec<&'a T>> {
    let mut groups: HashMap<K, Vec<&T>> = HashMap::new();
    for entry in entries {
        if let Some(key) = key(entry) {
            groups.entry(key).or_default().push(entry);
        }
    }
    groups
}

fn of<'a, K: std::hash::Hash + Eq, T>(groups: &HashMap<K, Vec<&'a T>>, key: &K) -> Vec<&'a T> {
    groups.get(key).cloned().unwrap_or_default()
}

impl Case<'_> {
    /// The first request with the completed order that was accepted.
    fn accepted(&self) -> Option<&Request> {
        let completed = |request: &&&Request| request.change == Change::Completed;
        self.requests.iter().filter(completed).find(|request| request.is_accepted()).copied()
    }

    fn was_granted(&self, cause: Cause) -> bool {
        self.stops.iter().any(|stop| stop.cause == cause && stop.granted.is_some())
    }

    fn may_be_invited(&self) -> bool {
        !self.order.test && !self.order.forged && self.order.address.is_some()
    }

    /// The outcome on record says that the mail server took this mail.
    fn is_recorded(&self, mail: &Mail) -> bool {
        self.attempts.iter().any(|attempt| queued_as(attempt) == Some(mail.queued_as))
    }

    fn refused(&self, faults: &Faults<'_>) -> Found {
        let refused = |request: &&&Request| {
            let status = request.status.filter(|status| (400..500).contains(status));
            status.is_some_and(|status| ![408, 429].contains(&status))
                && !self.order.forged
                && !faults.clock_was_wrong(request.sent_at, request.ended_at)
        };
        let refused = self.requests.iter().filter(refused);
        refused
            .map(|request| (Column::Refused, format!("answered with {:?}", request.status)))
            .collect()
    }

    fn lost(&self, faults: &Faults<'_>) -> Found {
        if self.accepted().is_none() || !self.may_be_invited() || !self.stops.is_empty() {
            return vec![];
        }
        let Some(invitation) = self.invitation else {
            return vec![(Column::Lost, "accepted with 2xx, and has no invitation".into())];
        };
        let what = match invitation.state {
            InvitationState::Sent if self.mails.is_empty() => {
                "recorded as sent, and the mail server never got it"
            }
            InvitationState::Cancelled | InvitationState::Suppressed => {
                "stopped, and nobody asked for that"
            }
            InvitationState::Failed if !self.attempts.iter().any(|a| faults.gave_up(a)) => {
                "given up, and the mail server had not refused its recipient"
            }
            _ => return vec![],
        };
        vec![(Column::Lost, what.into())]
    }

    fn stuck(&self) -> Found {
        let waits = |state| matches!(state, InvitationState::Scheduled | InvitationState::Sending);
        let invitation = self.invitation.filter(|invitation| waits(invitation.state));
        let invitation = invitation.map(|invitation| format!("{:?} in the end", invitation.state));
        let pending = self.reviews.iter().any(|review| review.label == Label::Pending);
        let review = pending.then(|| "its review was never checked".to_owned());
        invitation.into_iter().chain(review).map(|what| (Column::Stuck, what)).collect()
    }

    /// Every mail behind the first needs a fault that explains it.
    fn repeated(&self, faults: &Faults<'_>, repeats: &mut BTreeMap<FaultKind, usize>) -> Found {
        let mut found = Vec::new();
        for pair in self.mails.windows(2) {
            let [first, again] = pair else { continue };
            let explanation = if self.is_recorded(first) {
                // Then nobody may begin once more, but who had begun before, or who took over
                // before it was recorded.
                let overtaken = faults.outlived_its_claim(again);
                let overtaken = overtaken.or_else(|| faults.outlived_its_claim(first));
                let overtaken = overtaken.or_else(|| faults.kept_waiting(first));
                overtaken.or_else(|| faults.reply_lost(again))
            } else {
                faults.kept_from_recording(first)
            };
            match explanation {
                Some(fault) => *repeats.entry(fault.kind.clone()).or_default() += 1,
                None => found.push((
                    Column::Duplicated,
                    format!("mailed as {} and again as {}", first.queued_as, again.queued_as),
                )),
            }
        }
        found
    }

    fn unrecorded(&self, faults: &Faults<'_>) -> Found {
        let unexplained =
            |mail: &&&Mail| !self.is_recorded(mail) && faults.kept_from_recording(mail).is_none();
        let mails = self.mails.iter().filter(unexplained);
        mails
            .map(|mail| (Column::Unrecorded, format!("nothing on record of {}", mail.queued_as)))
            .collect()
    }

    fn falsely_sent(&self) -> Found {
        let taken: BTreeSet<usize> = self.mails.iter().map(|mail| mail.queued_as).collect();
        let untrue = |attempt: &&&Attempt| {
            attempt.outcome == "sent"
                && queued_as(attempt).is_none_or(|name| !taken.contains(&name))
        };
        let untrue = self.attempts.iter().filter(untrue);
        untrue.map(|attempt| (Column::FalselySent, format!("attempt {}", attempt.fence))).collect()
    }

    fn early(&self, faults: &Faults<'_>) -> Found {
        let misjudged = || {
            self.requests.iter().any(|request| {
                request.change == Change::Completed
                    && faults.clock_was_wrong(request.sent_at, request.ended_at)
            })
        };
        let early = |mail: &&&Mail| {
            mail.begun_at + ROUNDING < self.order.due_at
                && !misjudged()
                && !faults.clock_was_wrong(mail.begun_at - COMMIT, mail.begun_at)
        };
        let early = self.mails.iter().filter(early);
        early
            .map(|mail| {
                let by = self.order.due_at.duration_since(mail.begun_at);
                (Column::Early, format!("{} left {by:#} early", mail.queued_as))
            })
            .collect()
    }

    /// Once a stop was answered, no mail begins but those that were claimed before.
    fn mailed_after_a_stop(&self, faults: &Faults<'_>) -> Found {
        let mut found = Vec::new();
        for mail in &self.mails {
            let too_late = |granted: crate::ledger::Granted| {
                mail.begun_at > granted.looked_at + ROUNDING
                    && granted.in_flight_until.is_none_or(|until| mail.begun_at > until)
            };
            let violated = self.stops.iter().find(|stop| stop.granted.is_some_and(too_late));
            let Some(stop) = violated else { continue };
            if faults.outlived_its_claim(mail).is_none() {
                let column = match stop.cause {
                    Cause::Undone => Column::AfterCancel,
                    Cause::Unsubscribed => Column::AfterUnsubscribe,
                };
                found.push((column, format!("mailed as {}", mail.queued_as)));
            }
        }
        found
    }

    fn wrongly_invited(&self) -> Found {
        let mut found = Vec::new();
        let mut find = |what: &str| found.push((Column::WronglyInvited, what.to_owned()));
        if self.order.forged && self.requests.iter().any(|request| request.is_accepted()) {
            find("a forged webhook was accepted");
        }
        if self.mails.iter().any(|mail| Some(&mail.recipient) != self.order.address.as_ref()) {
            find("mailed to somebody else");
        }
        if self.invitation.is_some() {
            if !self.may_be_invited() {
                find("a test, a forgery or without an address, and has an invitation");
            }
            if self.was_undone_before_it_was_completed() {
                find("undone before it was completed, and has an invitation");
            }
        }
        found
    }

    fn was_undone_before_it_was_completed(&self) -> bool {
        let completed = self.requests.iter().filter(|request| request.change == Change::Completed);
        let Some(first) = completed.map(|request| request.sent_at).min() else { return false };
        self.stops.iter().any(|stop| {
            stop.cause == Cause::Undone
                && stop.granted.is_some_and(|granted| granted.looked_at < first)
        })
    }

    fn reviews(&self, faults: &Faults<'_>) -> Found {
        let mut found = Vec::new();
        let mut find = |column, what: &str| found.push((column, what.to_owned()));
        let accepted = self.submissions.iter().any(|submission| submission.accepted);
        if accepted && self.reviews.is_empty() {
            find(Column::ReviewLost, "a review was accepted and is not there");
        }
        if self.reviews.len() > 1 {
            find(Column::ReviewInvented, "more than one review");
        }
        let first_sent = self.submissions.iter().map(|submission| submission.sent_at).min();
        let undone_before = |stop: &&Stop| {
            let before = |granted: crate::ledger::Granted| Some(granted.looked_at) < first_sent;
            stop.cause == Cause::Undone && stop.granted.is_some_and(before)
        };
        let undone = self.stops.iter().any(|stop| stop.cause == Cause::Undone);
        let misjudged = self
            .submissions
            .iter()
            .any(|submission| faults.clock_was_wrong(submission.sent_at, submission.sent_at));
        for review in &self.reviews {
            if !self.submissions.iter().any(|submission| submission.stars == review.stars) {
                find(Column::ReviewInvented, "nobody submitted this review");
            }
            match review.label {
                Label::Verified if self.mails.is_empty() => {
                    find(Column::WronglyVerified, "verified, and nobody was mailed");
                }
                Label::Verified if self.stops.iter().copied().any(|stop| undone_before(&stop)) => {
                    find(Column::WronglyVerified, "verified, and the order was undone before");
                }
                Label::Refused if !undone && !misjudged => {
                    find(Column::ReviewLost, "a genuine review was not verified");
                }
                _ => {}
            }
        }
        found
    }
}

/// Mails that belong to no order we know, and invitations of such orders.
fn strangers(ledger: &Ledger) -> Found {
    let invitations = &ledger.record.invitations;
    let known: BTreeSet<&String> = invitations.iter().map(|invitation| &invitation.id).collect();
    let stray = |mail: &&Mail| mail.invitation.as_ref().is_none_or(|id| !known.contains(id));
    let mails = ledger.mails.iter().filter(stray);
    let mails = mails.map(|mail| format!("mail {} belongs to no invitation", mail.queued_as));
    let unknown = |invitation: &&Invitation| !ledger.orders.contains_key(&invitation.order);
    let invitations = invitations.iter().filter(unknown);
    let invitations =
        invitations.map(|invitation| format!("order {} is unknown", invitation.order));
    mails.chain(invitations).map(|what| (Column::WronglyInvited, what)).collect()
}

fn crashes(ledger: &Ledger, faults: &Faults<'_>) -> Found {
    let crashed = ledger.faults.iter().filter(|fault| {
        // Without the record a process cannot start, and says so with its exit code.
        let refused = |how: &str| {
            how.starts_with("exit status")
                && faults.record_away(fault.from - START, fault.from).is_some()
        };
        matches!(&fault.kind, FaultKind::Crashed(how) if !refused(how))
    });
    let crashed = crashed.map(|fault| {
        let meanwhile = ledger.faults.iter().filter(|other| {
            *other != fault && other.overlaps(fault.from - CIRCUMSTANCES, fault.from)
        });
        let meanwhile = meanwhile.map(|other| format!("{} {}", other.target, other.kind));
        let meanwhile = meanwhile.collect::<Vec<_>>().join(", ");
        format!("{} {} at {}; shortly before: {meanwhile}", fault.target, fault.kind, fault.from)
    });
    let panics = ledger.panics.iter().cloned();
    crashed.chain(panics).map(|what| (Column::Crashed, what)).collect()
}

fn leaks(ledger: &Ledger) -> Found {
    let leaking = ledger.sockets.iter().filter(|sockets| sockets.open > sockets.allowed);
    leaking
        .map(|sockets| {
            let (open, allowed) = (sockets.open, sockets.allowed);
            (Column::Leaked, format!("{}: {open} sockets, {allowed} allowed", sockets.process))
        })
        .collect()
}

/// The name under which the mail server queued the mail, if it said so in its reply.
fn queued_as(attempt: &Attempt) -> Option<usize> {
    let name = attempt.detail.strip_prefix("2.0.0 queued as ")?;
    name.parse().ok().filter(|_| attempt.outcome == "sent")
}

/// What was broken when.
struct Faults<'a>(&'a [Fault]);

impl<'a> Faults<'a> {
    /// Why this mail's worker may not have recorded that it was taken.
    fn kept_from_recording(&self, mail: &Mail) -> Option<&'a Fault> {
        let (begun, taken) = (mail.begun_at, mail.taken_at);
        let died = |fault: &&Fault| {
            let alone = match fault.kind {
                FaultKind::Killed | FaultKind::Failpoint(_) | FaultKind::Crashed(_) => true,
                // Only if work was abandoned: a process that stops finishes what it began.
                FaultKind::Terminated => fault.until.duration_since(fault.from) >= SHUTDOWN_TIMEOUT,
                _ => false,
            };
            let during = fault.from >= begun - SLACK && fault.from <= taken + COMMIT;
            alone && during && fault.target == mail.worker
        };
        self.0
            .iter()
            .find(died)
            .or_else(|| self.reply_lost(mail))
            .or_else(|| self.outlived_its_claim(mail))
            .or_else(|| self.kept_waiting(mail))
    }

    /// Why this mail's worker may have recorded late that it was taken.
    fn kept_waiting(&self, mail: &Mail) -> Option<&'a Fault> {
        let taken = mail.taken_at;
        self.suspended(&mail.worker, taken, taken + COMMIT)
            .or_else(|| self.record_away(taken - SLACK, taken + COMMIT))
    }

    /// Why this mail may have begun although its worker's claim had ended.
    fn outlived_its_claim(&self, mail: &Mail) -> Option<&'a Fault> {
        let (since, begun) = (mail.begun_at - LEASE - SLACK, mail.begun_at);
        let clock = |fault: &&Fault| matches!(fault.kind, FaultKind::ClockStepped(_));
        self.suspended(&mail.worker, since, begun)
            .or_else(|| self.0.iter().filter(clock).find(|fault| fault.overlaps(since, begun)))
    }

    fn suspended(&self, worker: &str, from: Timestamp, until: Timestamp) -> Option<&'a Fault> {
        let suspended = |fault: &&Fault| {
            matches!(fault.kind, FaultKind::Suspended | FaultKind::Zombie(_))
                && fault.target == worker
                && fault.overlaps(from, until)
        };
        self.0.iter().find(suspended)
    }

    /// Why the worker may not have heard that its mail was taken.
    fn reply_lost(&self, mail: &Mail) -> Option<&'a Fault> {
        // On a busy machine a slow reply is one that comes too late.
        let late = mail.taken_at.duration_since(mail.begun_at) >= FINAL_TIMEOUT;
        let lost = |fault: &&Fault| {
            let is_lost = match fault.kind {
                FaultKind::ReplyLost(_) => true,
                FaultKind::MailRefused(_) => late,
                _ => false,
            };
            is_lost && fault.overlaps(mail.begun_at, mail.taken_at)
        };
        self.0.iter().find(lost)
    }

    fn record_away(&self, from: Timestamp, until: Timestamp) -> Option<&'a Fault> {
        let away = |fault: &&Fault| {
            matches!(fault.kind, FaultKind::RecordAway(_)) && fault.overlaps(from, until)
        };
        self.0.iter().find(away)
    }

    fn clock_was_wrong(&self, from: Timestamp, until: Timestamp) -> bool {
        self.0.iter().any(|fault| {
            matches!(fault.kind, FaultKind::ClockStepped(_))
                && fault.overlaps(from - SLACK, until + SLACK)
        })
    }

    /// The mail server had said that the recipient does not exist.
    fn gave_up(&self, attempt: &Attempt) -> bool {
        // Who was stopped after it had heard so recorded it that much later.
        let stopped = self.0.iter().filter(|fault| {
            matches!(fault.kind, FaultKind::Suspended | FaultKind::Zombie(_))
                && fault.overlaps(attempt.at - COMMIT, attempt.at)
        });
        let since = stopped.map(|fault| fault.from).fold(attempt.at, Timestamp::min) - COMMIT;
        let gone = |fault: &&Fault| {
            fault.kind == FaultKind::MailboxesGone && fault.overlaps(since, attempt.at + SLACK)
        };
        attempt.outcome == "failed" && self.0.iter().any(|fault| gone(&fault))
    }
}

#[cfg(test)]
mod tests;
