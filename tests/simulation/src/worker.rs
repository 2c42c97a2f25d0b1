//! The worker: sends, verifies, reconciles (`worker/src`, `queue/src/run.rs`, `mail`).
//!
//! Simplified: the mail server says one thing about a whole message, and a process has one
//! connection to it. What its replies mean is tested where they are read.

use std::collections::VecDeque;

use domain::{
    InvitationId, InvitationState, ReviewId,
    retry::{Failure, Next, RetryPolicy, after_failure},
    review::{Evidence, Refusal, verify},
};
use jiff::{SignedDuration, Timestamp};
use store::sending::{AttemptOutcome, Claim, Claimed, Finish};

use crate::{
    Bug,
    bug::next_open_ignoring_clock_changes,
    ledger::Checked,
    plan::chance,
    timer::{Job, Lease},
    world::{Call, Owner, Step, World},
};

// As in config/default.toml.

/// How long a worker owns an invitation.
pub(crate) const LEASE: SignedDuration = SignedDuration::from_mins(20);
/// What is due later than this need not lie in the timer.
pub(crate) const HORIZON: SignedDuration = SignedDuration::from_mins(60);
const POLL_INTERVAL: SignedDuration = SignedDuration::from_millis(200);
const RECONCILE_INTERVAL: SignedDuration = SignedDuration::from_secs(15);
const COMMAND_TIMEOUT: SignedDuration = SignedDuration::from_secs(60);
const FINAL_TIMEOUT: SignedDuration = SignedDuration::from_mins(10);
pub(crate) const RETRY: RetryPolicy = RetryPolicy {
    first_delay: SignedDuration::from_mins(1),
    max_delay: SignedDuration::from_hours(4),
    give_up_after: SignedDuration::from_hours(72),
    after_unknown: SignedDuration::from_mins(15),
};

// As in worker/src and queue/src.

/// What may be due without being overdue.
const GRACE: SignedDuration = SignedDuration::from_secs(10);
/// How long a worker rests after a fetch that failed.
const RETRY_PAUSE: SignedDuration = SignedDuration::from_secs(1);
/// Between attempts to record an outcome.
const RECORD_PAUSE: SignedDuration = SignedDuration::from_millis(200);
const RECORD_PAUSE_MAX: SignedDuration = SignedDuration::from_secs(5);

/// What a worker process holds in memory.
pub(crate) struct WorkerState {
    free_slots: usize,
    next_fetch: Timestamp,
    next_round: Timestamp,
    /// A round of the reconciler is under way.
    in_round: bool,
    epoch: Option<u64>,
    /// All that is due up to then has been pushed.
    swept: Timestamp,
    /// What the mail server said and nobody has read yet; empty but for a known bug.
    late_replies: VecDeque<Reply>,
}

impl WorkerState {
    pub(crate) fn new(slots: usize, now: Timestamp) -> Self {
        Self {
            free_slots: slots,
            next_fetch: now,
            next_round: now,
            in_round: false,
            epoch: None,
            swept: Timestamp::MIN,
            late_replies: VecDeque::new(),
        }
    }
}

/// A job that a handler works on.
#[derive(Clone, Copy)]
pub(crate) struct Task {
    owner: Owner,
    lease: Lease,
    /// When the claim's lease is over.
    deadline: Timestamp,
    /// The number of the attempt, once something was claimed.
    attempt: usize,
}

/// What the mail server said about a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// 250 to the final dot.
    Taken,
    /// 354 to the final dot.
    Odd,
    /// It does not have the message, and may take it later.
    NotNow,
    /// It will never take it.
    Never,
    /// Nothing, after the final dot.
    Nothing,
}

/// An outcome on its way into the record.
pub(crate) struct Recording {
    finish: Finish,
    pause: SignedDuration,
}

/// A label on its way into the record.
pub(crate) struct Labelling {
    review: ReviewId,
    invitation: Option<InvitationId>,
    verdict: Result<Evidence, Refusal>,
    undone: bool,
}

/// A look at the timer.
#[derive(Clone, Copy)]
pub(crate) enum Poll {
    Fetch(Owner),
    Round(Owner),
}

impl World {
    /// The next look at the timer that finds something.
    pub(crate) fn next_poll(&self) -> Option<(Timestamp, Poll)> {
        let workers = self.plan.receivers..self.processes.len();
        workers
            .filter_map(|process| self.owner(process))
            .flat_map(|owner| {
                let fetch = self.next_fetch(owner).map(|at| (at, Poll::Fetch(owner)));
                let round = self.next_round(owner).map(|at| (at, Poll::Round(owner)));
                [fetch, round]
            })
            .flatten()
            .min_by_key(|(at, _)| *at)
    }

    fn next_fetch(&self, (process, _): Owner) -> Option<Timestamp> {
        let worker = &self.processes[process].worker;
        if worker.free_slots == 0 {
            return None;
        }
        let due_at = Timestamp::from_millisecond(self.timer.next()?).ok()?;
        Some(self.by_then(process, due_at).max(worker.next_fetch).max(self.timer_back_at))
    }

    fn next_round(&self, (process, _): Owner) -> Option<Timestamp> {
        let worker = &self.processes[process].worker;
        if worker.in_round || self.bug == Some(Bug::RedisIsTheTruth) {
            return None;
        }
        let new_life = worker.epoch.is_none() || worker.epoch != self.timer.marker();
        let reviews = self.record.pending_reviews();
        let work = if new_life || !reviews.is_empty() {
            Some(self.now)
        } else {
            let findable = self.record.invitations().filter_map(|(_, row)| match row.state {
                InvitationState::Sending => row.lease_until.map(|until| until + GRACE),
                InvitationState::Scheduled => {
                    let pushed = row.due_at <= worker.swept;
                    Some(if pushed { row.due_at + GRACE } else { row.due_at - HORIZON })
                }
                _ => None,
            });
            findable.min().map(|at| self.by_then(process, at))
        }?;
        let there_at = self.timer_back_at.max(self.record_back_at);
        Some(work.max(worker.next_round).max(there_at))
    }

    /// When it is so late by the clock of this process, and it runs.
    fn by_then(&self, process: usize, clock: Timestamp) -> Timestamp {
        let ahead = self.clock(process).duration_since(self.now);
        (clock - ahead).max(self.processes[process].stopped_until)
    }

    pub(crate) fn poll(&mut self, poll: Poll) {
        match poll {
            Poll::Fetch(owner) => self.fetch(owner),
            Poll::Round(owner) => self.round(owner),
        }
    }

    fn fetch(&mut self, owner: Owner) {
        let call = self.timer_call();
        let now = self.clock(owner.0).as_millisecond();
        let until = (self.clock(owner.0) + LEASE).as_millisecond();
        let worker = &mut self.processes[owner.0].worker;
        let free = worker.free_slots;
        let leases =
            if call == Call::NotDone { vec![] } else { self.timer.fetch(now, until, free) };
        if call != Call::Done {
            worker.next_fetch = self.now + RETRY_PAUSE;
            return;
        }
        if leases.len() < free {
            worker.next_fetch = self.now + POLL_INTERVAL;
        }
        worker.free_slots -= leases.len();
        for lease in leases {
            self.start(owner, lease);
        }
    }

    fn start(&mut self, owner: Owner, lease: Lease) {
        let deadline = self.now + LEASE;
        let task = Task { owner, lease, deadline, attempt: usize::MAX };
        match lease.job {
            Job::Review(_) => self.soon(Some(owner), Step::Verify(task)),
            Job::Invitation(id) => {
                let claim = Claim { id, now: self.clock(owner.0), lease: LEASE };
                if self.bug == Some(Bug::SuppressionCheckedBeforeClaim) {
                    self.soon(Some(owner), Step::LookAtSuppressions(task, claim));
                } else {
                    self.soon(Some(owner), Step::Claim(task, claim));
                }
                self.provoke(id);
            }
        }
    }

    pub(crate) fn look_at_suppressions(&mut self, task: Task, claim: Claim) {
        self.record.suppress(claim);
        self.soon(Some(task.owner), Step::Claim(task, claim));
    }

    pub(crate) fn claim(&mut self, mut task: Task, claim: Claim) -> Checked {
        let call = self.record_call();
        let available_at = self.record.invitation(claim.id).map(|row| match row.state {
            InvitationState::Sending => row.lease_until.unwrap_or(row.due_at),
            _ => row.due_at,
        });
        let claimed = if call == Call::NotDone { None } else { self.record.claim(claim) };
        let Some(claimed) = claimed else {
            self.soon(Some(task.owner), Step::Acknowledge(task));
            return Ok(());
        };
        let (owner, now, step) = (task.owner, self.now, self.tally.steps);
        task.attempt =
            self.ledger.claimed(&self.plan, &claimed, owner, task.deadline, now, step)?;
        let order = self.ledger.attempts[task.attempt].order;
        self.note(Some(order), || {
            format!(
                "process {} makes claim {}, attempt {}",
                owner.0, claimed.fence, claimed.attempt
            )
        });
        if !self.plan.orders[order].poison {
            let available_at = available_at.unwrap_or(now);
            self.ledger.taken_up(&self.plan, claim.id, available_at, now)?;
        }
        self.claims.push(claimed);
        self.tally.claims += 1;
        let next = if call == Call::Done { Step::Attempt } else { Step::Acknowledge };
        self.soon(Some(owner), next(task));
        Ok(())
    }

    pub(crate) fn attempt(&mut self, task: Task) -> Checked {
        let order = self.ledger.attempts[task.attempt].order;
        if self.bug == Some(Bug::CheckpointBeforeSend) {
            let finish = self.ended(task, AttemptOutcome::Sent("not yet".into()));
            self.count(task, &finish)?;
        }
        let now = self.clock(task.owner.0);
        let shop = &self.plan.shops[self.plan.orders[order].shop];
        let Claimed { attempt, first_due_at, .. } = self.claims[task.attempt];
        if attempt > 1
            && now.duration_since(first_due_at) > RETRY.give_up_after
            && self.bug != Some(Bug::CrashesRetriedForEver)
        {
            self.end(task, AttemptOutcome::Failed(String::new()));
        } else if let Some(window) =
            shop.policy.window.as_ref().filter(|window| !window.is_open(now))
        {
            let next_open = if self.bug == Some(Bug::ClockChangesIgnored) {
                next_open_ignoring_clock_changes(window, now)
            } else {
                window.next_open(now)
            };
            self.end(task, AttemptOutcome::Postponed(next_open));
        } else if self.plan.orders[order].poison {
            self.note(Some(order), || "writing the mail panics".into());
            self.processes[task.owner.0].worker.free_slots += 1;
        } else if self.now < self.mail_server_back_at {
            self.soon(Some(task.owner), Step::Reply(task, Reply::NotNow));
        } else {
            self.soon(Some(task.owner), Step::Envelope(task));
        }
        Ok(())
    }

    pub(crate) fn envelope(&mut self, task: Task) {
        let to = &self.ledger.attempts[task.attempt].to;
        let unknown = self.plan.buyers.iter().any(|b| b.unknown && Some(&b.address) == to.as_ref());
        let refused = chance(&mut self.rng, self.plan.faults.refusal);
        let silent = refused && self.rng.bool();
        let owner = Some(task.owner);
        if silent {
            self.at(self.now + COMMAND_TIMEOUT, owner, Step::Reply(task, Reply::NotNow));
        } else if refused {
            self.soon(owner, Step::Reply(task, Reply::NotNow));
        } else if unknown {
            self.soon(owner, Step::Reply(task, Reply::Never));
        } else {
            self.soon(owner, Step::Content(task));
        }
    }

    pub(crate) fn content(&mut self, task: Task) -> Checked {
        if self.now >= task.deadline && self.bug != Some(Bug::MailOutlivesLease) {
            self.conclude(task, Reply::NotNow);
            return Ok(());
        }
        self.ledger.begins(&self.plan, task.attempt, self.now)?;
        if chance(&mut self.rng, self.plan.faults.refusal) {
            self.soon(Some(task.owner), Step::Reply(task, Reply::NotNow));
        } else {
            self.soon(Some(task.owner), Step::FinalDot(task));
        }
        Ok(())
    }

    /// The mail server has the whole message, and says what becomes of it.
    pub(crate) fn verdict(&mut self, task: Task) -> Checked {
        let reply = if chance(&mut self.rng, self.plan.faults.refusal) {
            Reply::NotNow
        } else if chance(&mut self.rng, self.plan.faults.odd_reply) {
            Reply::Odd
        } else {
            Reply::Taken
        };
        let order = self.ledger.attempts[task.attempt].order;
        self.note(Some(order), || format!("the mail server decides: {reply:?}"));
        if reply == Reply::Taken {
            self.ledger.taken(task.attempt)?;
            self.tally.mails += 1;
            self.mail_arrived(task.attempt);
        }
        if !chance(&mut self.rng, self.plan.faults.lost_reply) {
            self.soon(Some(task.owner), Step::Reply(task, reply));
            return Ok(());
        }
        self.tally.lost_replies += 1;
        self.ledger.excuse(task.attempt, "the reply was lost");
        if self.rng.bool() {
            self.soon(Some(task.owner), Step::Reply(task, Reply::Nothing));
            return Ok(());
        }
        self.at(self.now + FINAL_TIMEOUT, Some(task.owner), Step::TimeOut(task, reply));
        Ok(())
    }

    /// Nobody waits for the reply any more. A connection that is kept brings it later.
    pub(crate) fn time_out(&mut self, task: Task, late: Reply) {
        self.conclude(task, Reply::Nothing);
        if self.bug == Some(Bug::ConnectionReusedAfterTimeout) {
            self.processes[task.owner.0].worker.late_replies.push_back(late);
        }
    }

    pub(crate) fn reply(&mut self, task: Task, reply: Reply) {
        let late_replies = &mut self.processes[task.owner.0].worker.late_replies;
        late_replies.push_back(reply);
        if let Some(first) = late_replies.pop_front() {
            self.conclude(task, first);
        }
    }

    fn conclude(&mut self, task: Task, reply: Reply) {
        let outcome = match reply {
            Reply::Taken => AttemptOutcome::Sent("250".into()),
            Reply::Odd if self.bug == Some(Bug::Any3xxIsSuccess) => {
                AttemptOutcome::Sent("354".into())
            }
            Reply::Odd | Reply::Nothing => self.failed(task, Failure::Unknown),
            Reply::NotNow => self.failed(task, Failure::Temporary),
            Reply::Never => self.failed(task, Failure::Permanent),
        };
        self.end(task, outcome);
    }

    fn failed(&self, task: Task, failure: Failure) -> AttemptOutcome {
        let Claimed { id, attempt, first_due_at, .. } = self.claims[task.attempt];
        let now = self.clock(task.owner.0);
        match after_failure(&RETRY, id.0, attempt, first_due_at, failure, now) {
            Next::RetryAt(at) => AttemptOutcome::Retry { at, error: String::new() },
            Next::GiveUp => AttemptOutcome::Failed(String::new()),
        }
    }

    fn end(&mut self, task: Task, outcome: AttemptOutcome) {
        let finish = self.ended(task, outcome);
        let recording = Box::new(Recording { finish, pause: RECORD_PAUSE });
        self.soon(Some(task.owner), Step::Finish(task, recording));
    }

    fn ended(&self, task: Task, outcome: AttemptOutcome) -> Finish {
        let Claimed { id, fence, .. } = self.claims[task.attempt];
        Finish {
            id,
            fence,
            at: self.clock(task.owner.0),
            outcome,
            sent: store::sending::SentMail::default(),
        }
    }

    /// Records the outcome; `true` if it counts.
    fn count(&mut self, task: Task, finish: &Finish) -> Result<bool, crate::ledger::Violation> {
        let counts = self.record.finish(finish);
        let order = self.ledger.attempts[task.attempt].order;
        self.note(Some(order), || {
            let counts = if counts { "is recorded" } else { "does not count" };
            format!("claim {} ended, which {counts}: {:?}", finish.fence, finish.outcome)
        });
        if counts {
            let first_due_at = self.claims[task.attempt].first_due_at;
            let Finish { outcome, at, .. } = finish;
            self.ledger.recorded(&self.plan, task.attempt, outcome, *at, first_due_at)?;
        }
        Ok(counts)
    }

    pub(crate) fn finish(&mut self, task: Task, recording: Recording) -> Checked {
        let Recording { finish, pause } = recording;
        let owner = Some(task.owner);
        let call = self.record_call();
        let counts = call != Call::NotDone && self.count(task, &finish)?;
        if call == Call::Done {
            let next = match finish.outcome {
                AttemptOutcome::Retry { at, .. } | AttemptOutcome::Postponed(at) if counts => {
                    Step::WakeAgain(task, at)
                }
                _ => Step::Acknowledge(task),
            };
            self.soon(owner, next);
        } else if self.now + pause >= task.deadline {
            self.ledger.excuse(task.attempt, "the record was away");
            self.soon(owner, Step::Acknowledge(task));
        } else {
            let pause_next = (pause * 2).min(RECORD_PAUSE_MAX);
            let recording = Box::new(Recording { finish, pause: pause_next });
            self.at(self.now + pause, owner, Step::Finish(task, recording));
        }
        Ok(())
    }

    pub(crate) fn wake_again(&mut self, task: Task, due_at: Timestamp) {
        if due_at <= self.clock(task.owner.0) + HORIZON {
            self.wake(task.lease.job, due_at);
        }
        self.soon(Some(task.owner), Step::Acknowledge(task));
    }

    pub(crate) fn acknowledge(&mut self, task: Task) {
        self.processes[task.owner.0].worker.free_slots += 1;
        if self.timer_call() != Call::NotDone {
            self.timer.ack(task.lease);
        }
    }

    pub(crate) fn verify(&mut self, task: Task) {
        let Job::Review(id) = task.lease.job else { return };
        let call = self.record_call();
        let found = self.record.pending_review(id).filter(|_| call != Call::NotDone);
        let next = found.map_or(Step::Acknowledge(task), |(review, origin)| {
            let undone = origin
                .as_ref()
                .is_some_and(|origin| origin.order.status != domain::OrderStatus::Completed);
            let verdict = verify(&review, origin.as_ref());
            let invitation = review.invitation;
            Step::Label(task, Box::new(Labelling { review: id, invitation, verdict, undone }))
        });
        self.soon(Some(task.owner), next);
    }

    pub(crate) fn label(&mut self, task: Task, labelling: &Labelling) -> Checked {
        let Labelling { review, invitation, verdict, undone } = labelling;
        self.soon(Some(task.owner), Step::Acknowledge(task));
        if self.record_call() == Call::NotDone || !self.record.label_review(*review, verdict) {
            return Ok(());
        }
        let order = invitation.and_then(|id| self.ledger.order_of(id));
        self.note(order, || format!("the review is checked: {verdict:?}"));
        self.ledger.labelled(&self.plan, *review, order, verdict.is_ok(), *undone)
    }

    /// First ask, then push: what is lost in between shows as a new epoch in the next round.
    fn round(&mut self, owner: Owner) {
        let fresh = self.rng.u64(..);
        let call = self.timer_call();
        let epoch = (call != Call::NotDone).then(|| self.timer.epoch(fresh));
        let worker = &mut self.processes[owner.0].worker;
        worker.next_round = self.now + RECONCILE_INTERVAL;
        if call != Call::Done {
            return;
        }
        if worker.epoch != epoch {
            worker.epoch = epoch;
            worker.swept = Timestamp::MIN;
        }
        worker.in_round = true;
        self.soon(Some(owner), Step::Reconcile);
    }

    pub(crate) fn reconcile(&mut self, owner: Owner) {
        if self.record_call() != Call::Done {
            return self.end_round(owner);
        }
        let now = self.clock(owner.0);
        let swept = self.processes[owner.0].worker.swept;
        let mut wakeups = self.record.due_invitations(now - GRACE);
        let until = now + HORIZON;
        let mut upcoming = self.record.upcoming_invitations(swept, until);
        wakeups.append(&mut upcoming);
        let invitations = wakeups.into_iter().map(|due| (Job::Invitation(due.id), due.at));
        let reviews = self.record.pending_reviews().into_iter().map(|id| (Job::Review(id), now));
        let wakeups = invitations.chain(reviews).collect();
        self.soon(Some(owner), Step::Push(wakeups, until));
    }

    pub(crate) fn push(&mut self, owner: Owner, wakeups: &[(Job, Timestamp)], until: Timestamp) {
        let calls: Vec<Call> = wakeups.iter().map(|(job, at)| self.wake(*job, *at)).collect();
        // Move on only after a push that succeeded.
        if calls.iter().all(|call| *call == Call::Done) {
            self.processes[owner.0].worker.swept = until;
        }
        self.end_round(owner);
    }

    fn end_round(&mut self, owner: Owner) {
        let worker = &mut self.processes[owner.0].worker;
        worker.in_round = false;
        worker.next_round = self.now + RECONCILE_INTERVAL;
    }
}
