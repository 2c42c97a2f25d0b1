use super::*;
use crate::ledger::{Granted, Sockets};

fn at(seconds: i64) -> Timestamp {
    millis(seconds * 1000)
}

fn millis(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(1_800_000_000_000 + millis).unwrap()
}

fn request(change: Change, sent_at: Timestamp) -> Request {
    Request { order: 1, change, sent_at, ended_at: sent_at, status: Some(200) }
}

fn mail(queued_as: usize, begun_at: Timestamp) -> Mail {
    Mail {
        queued_as,
        invitation: Some("a".into()),
        recipient: "anna@example.com".into(),
        worker: "worker-1".into(),
        begun_at,
        taken_at: begun_at,
    }
}

fn attempt(fence: i64, at: Timestamp, outcome: &str, detail: &str) -> Attempt {
    Attempt { invitation: "a".into(), fence, at, outcome: outcome.into(), detail: detail.into() }
}

fn stop(cause: Cause, looked_at: Timestamp) -> Stop {
    let granted = Some(Granted { looked_at, in_flight_until: None });
    Stop { order: 1, cause, asked_at: looked_at, granted }
}

fn fault(kind: FaultKind, target: &str, from: Timestamp, until: Timestamp) -> Fault {
    Fault { kind, target: target.into(), from, until, hit: true }
}

fn submission(stars: i64, sent_at: Timestamp) -> Submission {
    Submission { invitation: "a".into(), stars, sent_at, accepted: true }
}

fn review(stars: i64, label: Label) -> Review {
    Review { invitation: Some("a".into()), stars, label }
}

/// One order: accepted at 0 s, due at 5 s, mailed at 6 s.
fn sound() -> Ledger {
    let order = Order {
        shop: "coffee".into(),
        address: Some("anna@example.com".into()),
        test: false,
        forged: false,
        due_at: at(5),
    };
    let invitation = Invitation {
        id: "a".into(),
        order: 1,
        state: InvitationState::Sent,
        due_at: at(5),
        fence: 1,
    };
    Ledger {
        orders: BTreeMap::from([(1, order)]),
        requests: vec![request(Change::Completed, at(0))],
        mails: vec![mail(0, at(6))],
        record: crate::ledger::Record {
            invitations: vec![invitation],
            attempts: vec![attempt(1, at(6), "sent", "2.0.0 queued as 0")],
            reviews: vec![],
        },
        ..Ledger::default()
    }
}

/// The order was mailed at 6 s and again at 17 s; the record heard of the second mail only.
fn mailed_twice() -> Ledger {
    let mut ledger = sound();
    ledger.mails.push(mail(1, at(17)));
    ledger.record.attempts = vec![attempt(2, at(17), "sent", "2.0.0 queued as 1")];
    ledger.record.invitations[0].fence = 2;
    ledger
}

#[track_caller]
fn finds(ledger: &Ledger, expected: &[Column]) {
    let findings = check(ledger);
    let found: Vec<Column> = findings.columns().into_iter().collect();
    assert_eq!(found, expected, "{:?}", findings.defects);
}

#[test]
fn a_sound_run_has_no_defect_and_is_counted() {
    let mut ledger = sound();
    ledger.submissions = vec![submission(4, at(7))];
    ledger.record.reviews = vec![review(4, Label::Verified)];
    let findings = check(&ledger);
    finds(&ledger, &[]);
    let Counts { accepted, invited, mailed, mails, reviews, .. } = findings.counts;
    assert_eq!([accepted, invited, mailed, mails, reviews], [1; 5]);
    assert!(findings.repeats.is_empty());
}

#[test]
fn an_order_that_was_not_accepted_may_be_missing() {
    let mut ledger = sound();
    ledger.requests[0].status = None;
    ledger.mails.clear();
    ledger.record = crate::ledger::Record::default();
    finds(&ledger, &[]);
}

#[test]
fn an_accepted_order_without_an_invitation_is_lost() {
    let mut ledger = sound();
    ledger.mails.clear();
    ledger.record = crate::ledger::Record::default();
    finds(&ledger, &[Column::Lost]);
}

#[test]
fn a_mail_that_is_recorded_as_sent_and_was_not_is_lost_and_false() {
    let mut ledger = sound();
    ledger.mails.clear();
    finds(&ledger, &[Column::Lost, Column::FalselySent]);
}

#[test]
fn an_invitation_that_was_stopped_or_given_up_without_cause_is_lost() {
    for state in [InvitationState::Cancelled, InvitationState::Suppressed, InvitationState::Failed]
    {
        let mut ledger = sound();
        ledger.mails.clear();
        ledger.record.attempts = vec![attempt(1, at(6), "failed", "550 5.1.1")];
        ledger.record.invitations[0].state = state;
        finds(&ledger, &[Column::Lost]);
    }
}

#[test]
fn an_invitation_whose_recipient_was_refused_may_fail() {
    let mut ledger = sound();
    ledger.mails.clear();
    ledger.record.attempts = vec![attempt(1, at(6), "failed", "550 5.1.1")];
    ledger.record.invitations[0].state = InvitationState::Failed;
    ledger.faults = vec![fault(FaultKind::MailboxesGone, "mail", at(5), at(7))];
    finds(&ledger, &[]);
    // Recorded later by a worker that had been stopped meanwhile.
    ledger.record.attempts[0].at = at(17);
    finds(&ledger, &[Column::Lost]);
    ledger.faults.push(fault(FaultKind::Suspended, "worker-1", at(6), at(17)));
    finds(&ledger, &[]);
}

#[test]
fn a_repeat_without_a_fault_is_a_duplicate_that_was_not_recorded() {
    finds(&mailed_twice(), &[Column::Duplicated, Column::Unrecorded]);
}

#[test]
fn a_repeat_is_explained_by_what_kept_the_worker_from_recording_the_first_mail() {
    let kinds = [
        FaultKind::Killed,
        FaultKind::Failpoint("smtp_after_250".into()),
        FaultKind::Suspended,
        FaultKind::RecordAway("killed"),
        FaultKind::ReplyLost("reset"),
    ];
    for kind in kinds {
        let mut ledger = mailed_twice();
        ledger.faults = vec![fault(kind.clone(), "worker-1", at(6), at(16))];
        finds(&ledger, &[]);
        assert_eq!(check(&ledger).repeats, BTreeMap::from([(kind, 1)]));
    }
}

#[test]
fn no_repeat_is_explained_by_another_worker_another_time_or_an_orderly_end() {
    let faults = [
        fault(FaultKind::Killed, "worker-2", at(6), at(7)),
        fault(FaultKind::Killed, "worker-1", at(9), at(10)),
        fault(FaultKind::Terminated, "worker-1", at(6), at(7)),
        fault(FaultKind::MailRefused("421"), "mail", at(6), at(7)),
        fault(FaultKind::TimerAway("flushed"), "redis", at(6), at(7)),
    ];
    for fault in faults {
        let mut ledger = mailed_twice();
        ledger.faults = vec![fault];
        finds(&ledger, &[Column::Duplicated, Column::Unrecorded]);
    }
}

#[test]
fn a_repeat_is_explained_by_a_slow_reply_only_if_it_came_too_late() {
    let mut ledger = mailed_twice();
    ledger.faults = vec![fault(FaultKind::MailRefused("slow"), "mail", at(6), at(11))];
    finds(&ledger, &[Column::Duplicated, Column::Unrecorded]);
    ledger.mails[0].taken_at = at(10);
    finds(&ledger, &[]);
}

#[test]
fn a_recorded_mail_is_repeated_by_zombies_only() {
    let mut ledger = mailed_twice();
    ledger.record.attempts.push(attempt(1, at(6), "sent", "2.0.0 queued as 0"));
    ledger.faults = vec![fault(FaultKind::Killed, "worker-1", at(6), at(7))];
    finds(&ledger, &[Column::Duplicated]);
    ledger.faults = vec![fault(FaultKind::Suspended, "worker-1", at(5), at(16))];
    finds(&ledger, &[]);
}

#[test]
fn a_recorded_mail_is_repeated_by_who_took_over_before_it_was_recorded() {
    let mut ledger = mailed_twice();
    ledger.record.attempts.push(attempt(1, at(18), "sent", "2.0.0 queued as 0"));
    ledger.faults = vec![fault(FaultKind::Zombie("smtp_after_250"), "worker-1", at(6), at(18))];
    finds(&ledger, &[]);
    ledger.faults[0].target = "worker-2".into();
    finds(&ledger, &[Column::Duplicated]);
}

#[test]
fn a_reply_of_another_mail_is_no_proof_that_this_one_was_sent() {
    let mut ledger = sound();
    ledger.record.attempts[0].detail = "2.0.0 queued as 7".into();
    finds(&ledger, &[Column::FalselySent, Column::Unrecorded]);
    ledger.record.attempts[0].detail = "go ahead".into();
    finds(&ledger, &[Column::FalselySent, Column::Unrecorded]);
}

#[test]
fn a_mail_before_its_time_is_early_unless_a_clock_was_wrong() {
    let mut ledger = sound();
    ledger.mails[0] = mail(0, millis(4_990));
    finds(&ledger, &[Column::Early]);
    ledger.faults = vec![fault(FaultKind::ClockStepped("+20 s"), "worker-1", at(4), at(5))];
    finds(&ledger, &[]);
}

#[test]
fn a_mail_after_a_stop_is_a_defect_unless_it_was_claimed_before() {
    let columns =
        [(Cause::Undone, Column::AfterCancel), (Cause::Unsubscribed, Column::AfterUnsubscribe)];
    for (cause, column) in columns {
        let mut ledger = sound();
        ledger.stops = vec![stop(cause, millis(5_900))];
        finds(&ledger, &[column]);
        ledger.stops[0].granted = Some(Granted { looked_at: at(5), in_flight_until: Some(at(7)) });
        finds(&ledger, &[]);
        ledger.stops[0].granted = Some(Granted { looked_at: at(1), in_flight_until: Some(at(2)) });
        finds(&ledger, &[column]);
        ledger.stops = vec![stop(cause, millis(6_100))];
        finds(&ledger, &[]);
        ledger.stops[0].granted = None;
        finds(&ledger, &[]);
    }
}

#[test]
fn a_zombies_mail_after_a_stop_is_explained() {
    let mut ledger = sound();
    ledger.stops = vec![stop(Cause::Undone, at(5))];
    ledger.faults = vec![fault(FaultKind::Suspended, "worker-1", at(1), at(6))];
    finds(&ledger, &[]);
}

#[test]
fn whoever_must_not_be_invited_and_is_is_wrongly_invited() {
    let wrongly = |change: fn(&mut Ledger)| {
        let mut ledger = sound();
        change(&mut ledger);
        finds(&ledger, &[Column::WronglyInvited]);
    };
    wrongly(|ledger| ledger.orders.get_mut(&1).unwrap().test = true);
    wrongly(|ledger| ledger.orders.get_mut(&1).unwrap().forged = true);
    wrongly(|ledger| ledger.orders.get_mut(&1).unwrap().address = None);
    wrongly(|ledger| ledger.mails[0].recipient = "bert@example.com".into());
    wrongly(|ledger| {
        let stranger = ledger.record.invitations[0].clone();
        ledger.record.invitations.push(Invitation { id: "b".into(), order: 2, ..stranger });
    });
    let mut ledger = sound();
    ledger.stops = vec![stop(Cause::Undone, at(-1))];
    finds(&ledger, &[Column::AfterCancel, Column::WronglyInvited]);
}

#[test]
fn a_forgery_that_is_accepted_is_a_defect_and_one_that_is_refused_is_not() {
    let mut ledger = sound();
    ledger.orders.get_mut(&1).unwrap().forged = true;
    ledger.mails.clear();
    ledger.record = crate::ledger::Record::default();
    finds(&ledger, &[Column::WronglyInvited]);
    ledger.requests[0].status = Some(401);
    finds(&ledger, &[]);
}

#[test]
fn a_mail_that_belongs_to_no_invitation_is_a_defect() {
    let mut ledger = sound();
    ledger.mails.push(Mail { invitation: None, ..mail(1, at(9)) });
    finds(&ledger, &[Column::WronglyInvited]);
}

#[test]
fn whatever_is_neither_sent_nor_stopped_in_the_end_is_stuck() {
    for state in [InvitationState::Scheduled, InvitationState::Sending] {
        let mut ledger = sound();
        ledger.record.invitations[0].state = state;
        finds(&ledger, &[Column::Stuck]);
    }
    let mut ledger = sound();
    ledger.submissions = vec![submission(4, at(7))];
    ledger.record.reviews = vec![review(4, Label::Pending)];
    finds(&ledger, &[Column::Stuck]);
}

#[test]
fn a_review_that_was_accepted_must_be_there_and_verified() {
    let mut ledger = sound();
    ledger.submissions = vec![submission(4, at(7))];
    finds(&ledger, &[Column::ReviewLost]);
    ledger.record.reviews = vec![review(4, Label::Refused)];
    finds(&ledger, &[Column::ReviewLost]);
    ledger.stops = vec![stop(Cause::Undone, at(8))];
    finds(&ledger, &[]);
}

#[test]
fn a_review_that_nobody_wrote_or_that_is_there_twice_is_invented() {
    let mut ledger = sound();
    ledger.record.reviews = vec![review(1, Label::Verified)];
    finds(&ledger, &[Column::ReviewInvented]);
    ledger.submissions = vec![submission(4, at(7))];
    finds(&ledger, &[Column::ReviewInvented]);
    ledger.record.reviews = vec![review(4, Label::Verified), review(4, Label::Verified)];
    finds(&ledger, &[Column::ReviewInvented]);
}

#[test]
fn a_review_of_an_order_that_was_undone_before_or_never_mailed_must_not_be_verified() {
    let mut ledger = sound();
    ledger.submissions = vec![submission(4, at(9))];
    ledger.record.reviews = vec![review(4, Label::Verified)];
    ledger.stops = vec![stop(Cause::Undone, at(8))];
    finds(&ledger, &[Column::WronglyVerified]);

    ledger.stops = vec![stop(Cause::Undone, at(10))];
    finds(&ledger, &[]);

    ledger.stops.clear();
    ledger.mails.clear();
    finds(&ledger, &[Column::Lost, Column::FalselySent, Column::WronglyVerified]);
}

#[test]
fn a_genuine_webhook_must_not_be_refused() {
    let mut ledger = sound();
    ledger.requests.push(Request { status: Some(401), ..request(Change::Completed, at(1)) });
    finds(&ledger, &[Column::Refused]);
    for status in [408, 429, 500, 503] {
        ledger.requests[1].status = Some(status);
        finds(&ledger, &[]);
    }
}

#[test]
fn a_process_may_end_by_itself_only_while_the_record_is_away() {
    let mut ledger = sound();
    ledger.faults =
        vec![fault(FaultKind::Crashed("exit status: 1".into()), "worker-1", at(30), at(31))];
    finds(&ledger, &[Column::Crashed]);
    ledger.faults.push(fault(FaultKind::RecordAway("killed"), "postgres", at(28), at(33)));
    finds(&ledger, &[]);
    ledger.faults[0].kind = FaultKind::Crashed("signal: 11 (SIGSEGV)".into());
    finds(&ledger, &[Column::Crashed]);
    ledger.faults.clear();
    ledger.panics = vec!["worker-1: thread 'main' panicked at …".into()];
    finds(&ledger, &[Column::Crashed]);
}

#[test]
fn more_sockets_than_are_needed_are_leaked() {
    let mut ledger = sound();
    ledger.sockets = vec![Sockets { process: "worker-1".into(), open: 31, allowed: 30 }];
    finds(&ledger, &[Column::Leaked]);
    ledger.sockets[0].allowed = 31;
    finds(&ledger, &[]);
}
