//! Virtual time: what happens next, to whom, and what goes wrong.
//!
//! Whatever takes time is cut into steps. Between two steps of one process anything may happen:
//! steps of others, the end of the process, a stop of an hour. Each step waits for a random time,
//! so a seed is an interleaving. Looks at the timer that would find nothing are left out: time
//! jumps to the first that finds something.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
};

use domain::{Review, token::TokenKeys};
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use store::sending::{Claim, Claimed};

use crate::{
    Bug, Tally,
    ledger::{Checked, Ledger},
    people::{Form, Posting, Stop, Visit},
    plan::{Faults, Plan, Strike, chance, pick, up_to},
    receiver::{Deciding, Intake},
    record::Record,
    timer::{Job, Timer},
    worker::{Labelling, RETRY, Recording, Reply, Task, WorkerState},
};

/// A process and its life: what a process began ends with it.
pub(crate) type Owner = (usize, u32);

/// What happens next.
pub(crate) enum Step {
    // To people and platforms.
    Post(usize),
    NotHeard(usize, u32),
    Visit(Visit),
    Submit(Form),
    // To the machines.
    Strike(Strike),
    Restart(usize),
    Heal,
    // In a receiver.
    Load(Intake),
    Decide(Box<Deciding>),
    SetTimer(Box<Deciding>),
    Answer(Intake, bool),
    StoreReview(Box<Review>),
    Unsubscribe(Stop),
    Unsubscribed(Stop),
    // In a worker.
    LookAtSuppressions(Task, Claim),
    Claim(Task, Claim),
    Attempt(Task),
    Envelope(Task),
    Content(Task),
    FinalDot(Task),
    Reply(Task, Reply),
    TimeOut(Task, Reply),
    Finish(Task, Box<Recording>),
    WakeAgain(Task, Timestamp),
    Acknowledge(Task),
    Verify(Task),
    Label(Task, Box<Labelling>),
    Reconcile,
    Push(Vec<(Job, Timestamp)>, Timestamp),
    // In the mail server.
    Verdict(Task),
}

impl Step {
    /// What a process was about to do: where a kill can hit it.
    fn name(&self) -> &'static str {
        match self {
            Self::Load(_) => "intake: read what is known",
            Self::Decide(_) => "intake: commit",
            Self::SetTimer(_) => "intake: set the timer",
            Self::Answer(..) => "intake: answer",
            Self::StoreReview(_) => "review: commit",
            Self::Unsubscribe(_) => "unsubscribe: commit",
            Self::Unsubscribed(_) => "unsubscribe: answer",
            Self::LookAtSuppressions(..) | Self::Claim(..) => "mail: commit the claim",
            Self::Attempt(_) => "mail: hear of the claim",
            Self::Envelope(_) => "mail: hand over the envelope",
            Self::Content(_) => "mail: hand over the text",
            Self::FinalDot(_) => "mail: hand over the final dot",
            Self::Reply(..) | Self::TimeOut(..) => "mail: hear the reply",
            Self::Finish(..) => "mail: commit the outcome",
            Self::WakeAgain(..) => "mail: set the timer",
            Self::Acknowledge(_) => "acknowledge",
            Self::Verify(_) => "label: read the review",
            Self::Label(..) => "label: commit",
            Self::Reconcile => "reconcile: read the record",
            Self::Push(..) => "reconcile: push",
            _ => "outside",
        }
    }
}

struct Entry {
    at: Timestamp,
    /// What happens at the same time happens in any order.
    tie: u64,
    owner: Option<Owner>,
    step: Step,
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.tie).cmp(&(other.at, other.tie))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

/// A receiver or a worker.
pub(crate) struct Process {
    life: u32,
    up: bool,
    pub(crate) stopped_until: Timestamp,
    /// How much its clock is ahead.
    clock: SignedDuration,
    pub(crate) worker: WorkerState,
}

/// How a call of the record or the timer ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Done,
    /// Done, but the caller hears an error.
    Unheard,
    NotDone,
}

pub(crate) struct World {
    pub(crate) now: Timestamp,
    pub(crate) rng: Rng,
    pub(crate) bug: Option<Bug>,
    pub(crate) plan: Plan,
    pub(crate) keys: TokenKeys,
    pub(crate) record: Record,
    pub(crate) timer: Timer,
    /// Receivers first.
    pub(crate) processes: Vec<Process>,
    pub(crate) postings: Vec<Posting>,
    pub(crate) ledger: Ledger,
    /// What each attempt of the ledger claimed.
    pub(crate) claims: Vec<Claimed>,
    pub(crate) tally: Tally,
    agenda: BinaryHeap<Reverse<Entry>>,
    saved_timer: Timer,
    pub(crate) timer_back_at: Timestamp,
    pub(crate) record_back_at: Timestamp,
    pub(crate) mail_server_back_at: Timestamp,
    /// What happened to which order, or to all of them; kept if somebody wants to read it.
    pub(crate) time_line: Option<Vec<(Timestamp, Option<usize>, String)>>,
}

impl World {
    pub(crate) fn new(seed: u64, bug: Option<Bug>, traced: bool) -> Self {
        let mut rng = Rng::with_seed(seed);
        let plan = Plan::draw(&mut rng);
        let now = plan.starts_at;
        let process = |_| Process {
            life: 0,
            up: true,
            stopped_until: now,
            clock: SignedDuration::ZERO,
            worker: WorkerState::new(plan.slots, now),
        };
        let mut world = Self {
            now,
            bug,
            keys: TokenKeys::new(vec![vec![7; 32]]).expect("a strong secret"),
            record: Record::new(vec![7; 32], bug),
            timer: Timer::default(),
            processes: (0..plan.receivers + plan.workers).map(process).collect(),
            postings: Vec::new(),
            ledger: Ledger::default(),
            claims: Vec::new(),
            tally: Tally::default(),
            agenda: BinaryHeap::new(),
            saved_timer: Timer::default(),
            timer_back_at: now,
            record_back_at: now,
            mail_server_back_at: now,
            time_line: traced.then(Vec::new),
            rng,
            plan,
        };
        world.begin();
        world
    }

    fn begin(&mut self) {
        for (at, event) in self.plan.deliveries.clone() {
            self.post_at(at, event);
        }
        for (at, strike) in self.plan.strikes.clone() {
            self.at(at, None, Step::Strike(strike));
        }
        self.at(self.plan.heals_at, None, Step::Heal);
        // Nothing fails any more, and Redis is emptied once again.
        self.at(self.plan.settled_at(), None, Step::Strike(Strike::Flush));
    }

    /// Lives until nothing is left to do, or for as long as that may take.
    pub(crate) fn run(&mut self) -> Checked {
        loop {
            let poll = self.next_poll();
            let planned = self.agenda.peek().map(|Reverse(entry)| entry.at);
            let polls_first =
                poll.as_ref().is_some_and(|(at, _)| planned.is_none_or(|planned| *at < planned));
            let next = if polls_first { poll.as_ref().map(|(at, _)| *at) } else { planned };
            let Some(at) = next.filter(|at| *at <= self.ends_by()) else { break };
            self.now = self.now.max(at);
            self.tally.steps += 1;
            if polls_first {
                if let Some((_, poll)) = poll {
                    self.poll(poll);
                }
            } else if let Some(Reverse(entry)) = self.agenda.pop() {
                self.take(entry)?;
            }
        }
        self.ledger.closes(&self.plan, &self.record)
    }

    /// Two hours after the last retry that the rules allow.
    fn ends_by(&self) -> Timestamp {
        let last = self.ledger.last_due_at.max(Some(self.plan.heals_at)).unwrap_or(self.now);
        let clocks = if self.plan.clocks_step() { CLOCK_STEP_MAX } else { SignedDuration::ZERO };
        last + RETRY.give_up_after + SignedDuration::from_hours(2) + clocks
    }

    pub(crate) fn at(&mut self, at: Timestamp, owner: Option<Owner>, step: Step) {
        let tie = self.rng.u64(..);
        self.agenda.push(Reverse(Entry { at, tie, owner, step }));
    }

    /// As [`Self::at`], after a short while: most steps take milliseconds, some a second.
    pub(crate) fn soon(&mut self, owner: Option<Owner>, step: Step) {
        let magnitude = self.rng.u32(0..=11);
        let millis = self.rng.i64(1..=1 << magnitude);
        self.at(self.now + SignedDuration::from_millis(millis), owner, step);
    }

    fn take(&mut self, entry: Entry) -> Checked {
        if let Some((process, life)) = entry.owner {
            let Process { up, life: current, stopped_until, .. } = self.processes[process];
            if !up || life != current {
                return Ok(());
            }
            if chance(&mut self.rng, self.plan.faults.kill) {
                *self.tally.kills.entry(entry.step.name()).or_default() += 1;
                self.kill(process);
                return Ok(());
            }
            if stopped_until <= self.now && chance(&mut self.rng, self.plan.faults.stop) {
                self.stop(process);
            }
            let stopped_until = self.processes[process].stopped_until;
            if stopped_until > self.now {
                self.agenda.push(Reverse(Entry { at: stopped_until, ..entry }));
                return Ok(());
            }
        }
        self.perform(entry.step, entry.owner)
    }

    fn perform(&mut self, step: Step, owner: Option<Owner>) -> Checked {
        let owner = owner.unwrap_or_default();
        match step {
            Step::Post(posting) => self.post(posting),
            Step::NotHeard(posting, tries) => self.not_heard(posting, tries),
            Step::Visit(visit) => return self.visit(visit),
            Step::Submit(form) => self.submit(&form),
            Step::Strike(strike) => self.strike(strike),
            Step::Restart(process) => self.processes[process].up = true,
            Step::Heal => self.heal(),
            Step::Load(intake) => self.load(owner, intake),
            Step::Decide(deciding) => return self.decide(owner, *deciding),
            Step::SetTimer(deciding) => self.set_timer(owner, *deciding),
            Step::Answer(intake, fine) => self.answer(&intake, fine),
            Step::StoreReview(review) => self.store_review(&review),
            Step::Unsubscribe(stop) => self.unsubscribe(owner, stop),
            Step::Unsubscribed(stop) => self.unsubscribed(&stop),
            Step::LookAtSuppressions(task, claim) => self.look_at_suppressions(task, claim),
            Step::Claim(task, claim) => return self.claim(task, claim),
            Step::Attempt(task) => return self.attempt(task),
            Step::Envelope(task) => self.envelope(task),
            Step::Content(task) => return self.content(task),
            Step::FinalDot(task) => self.soon(None, Step::Verdict(task)),
            Step::Verdict(task) => return self.verdict(task),
            Step::Reply(task, reply) => self.reply(task, reply),
            Step::TimeOut(task, late) => self.time_out(task, late),
            Step::Finish(task, recording) => return self.finish(task, *recording),
            Step::WakeAgain(task, due_at) => self.wake_again(task, due_at),
            Step::Acknowledge(task) => self.acknowledge(task),
            Step::Verify(task) => self.verify(task),
            Step::Label(task, labelling) => return self.label(task, &labelling),
            Step::Reconcile => self.reconcile(owner),
            Step::Push(wakeups, until) => self.push(owner, &wakeups, until),
        }
        Ok(())
    }

    /// The process, if it hears whoever calls.
    pub(crate) fn reach(&self, process: usize) -> Option<Owner> {
        let Process { up, life, stopped_until, .. } = self.processes[process];
        (up && stopped_until <= self.now).then_some((process, life))
    }

    /// The process in its present life, unless it is down.
    pub(crate) fn owner(&self, process: usize) -> Option<Owner> {
        let Process { up, life, .. } = self.processes[process];
        up.then_some((process, life))
    }

    /// What time it is, as the process sees it.
    pub(crate) fn clock(&self, process: usize) -> Timestamp {
        self.now + self.processes[process].clock
    }

    pub(crate) fn record_call(&mut self) -> Call {
        let away = self.now < self.record_back_at;
        if away { Call::NotDone } else { self.call(self.plan.faults.record) }
    }

    pub(crate) fn timer_call(&mut self) -> Call {
        let away = self.now < self.timer_back_at;
        if away { Call::NotDone } else { self.call(self.plan.faults.timer) }
    }

    fn call(&mut self, fault: f64) -> Call {
        match (chance(&mut self.rng, fault), self.rng.bool()) {
            (false, _) => Call::Done,
            (true, true) => Call::Unheard,
            (true, false) => Call::NotDone,
        }
    }

    fn kill(&mut self, process: usize) {
        let Process { life, up, worker, stopped_until, .. } = &mut self.processes[process];
        let owner = (process, *life);
        (*life, *up, *stopped_until) = (*life + 1, false, self.now);
        *worker = WorkerState::new(self.plan.slots, self.now);
        self.ledger.excuse_running(owner, Timestamp::MAX, "its worker was killed");
        self.note(None, || format!("process {process} is killed"));
        let back_at = self.spell(SignedDuration::from_mins(10));
        self.at(back_at, None, Step::Restart(process));
    }

    /// As SIGSTOP does: for some time, or until others begin what it has claimed.
    fn stop(&mut self, process: usize) {
        let owner = (process, self.processes[process].life);
        let minutes = pick(&mut self.rng, &[1, 25, 90]);
        let until = match self.ledger.last_lease(owner).filter(|_| self.rng.bool()) {
            Some(lease_ends) => {
                let late = up_to(SignedDuration::from_mins(1), &mut self.rng);
                (lease_ends + late).min(self.plan.heals_at).max(self.now)
            }
            None => self.spell(SignedDuration::from_mins(minutes)),
        };
        self.processes[process].stopped_until = until;
        self.ledger.excuse_running(owner, until, "its worker stood still");
        self.note(None, || format!("process {process} stands still until {until}"));
    }

    /// The end of a fault that lasts up to `longest`.
    fn spell(&mut self, longest: SignedDuration) -> Timestamp {
        (self.now + up_to(longest, &mut self.rng)).min(self.plan.heals_at).max(self.now)
    }

    fn strike(&mut self, strike: Strike) {
        *self.tally.strikes.entry(strike.as_str()).or_default() += 1;
        self.note(None, || strike.as_str().to_owned());
        let half_an_hour = SignedDuration::from_mins(30);
        match strike {
            Strike::Flush => self.timer = Timer::default(),
            Strike::Save => {
                self.saved_timer = self.timer.clone();
                let back_at = self.spell(half_an_hour);
                self.at(back_at, None, Step::Strike(Strike::Restore));
            }
            Strike::Restore => self.timer = self.saved_timer.clone(),
            Strike::Forget => {
                if let Some(job) = self.rng.choice(self.timer.jobs()) {
                    self.timer.forget(job);
                }
            }
            Strike::Stray => {
                let ids = self.record.invitations().map(|(id, _)| Job::Invitation(id));
                let reviews = self.record.reviews().map(|(review, _)| Job::Review(review.id));
                let jobs: Vec<Job> = ids.chain(reviews).collect();
                if let Some(job) = self.rng.choice(jobs) {
                    self.timer.wake(job, self.now.as_millisecond());
                }
            }
            Strike::TimerAway => self.timer_back_at = self.spell(half_an_hour),
            Strike::RecordAway => self.record_back_at = self.spell(half_an_hour),
            Strike::MailServerAway => self.mail_server_back_at = self.spell(half_an_hour * 12),
            Strike::Kill => {
                let process = self.rng.usize(0..self.processes.len());
                if self.processes[process].up {
                    self.kill(process);
                }
            }
            Strike::Stop => {
                let process = self.rng.usize(0..self.processes.len());
                self.stop(process);
            }
            Strike::Clock => self.step_clocks(),
        }
    }

    fn step_clocks(&mut self) {
        let hour = SignedDuration::from_hours(1);
        let by = pick(
            &mut self.rng,
            &[
                SignedDuration::from_secs(30),
                hour,
                CLOCK_STEP_MAX,
                SignedDuration::ZERO,
                -hour,
                -CLOCK_STEP_MAX,
            ],
        );
        let one = self.rng.usize(0..self.processes.len());
        let all = self.rng.bool();
        for (number, process) in self.processes.iter_mut().enumerate() {
            if all || number == one {
                process.clock = by;
            }
        }
        let whose = if all { "all clocks".into() } else { format!("the clock of process {one}") };
        self.note(None, || format!("{whose} differ by {by:#}"));
    }

    fn heal(&mut self) {
        self.plan.faults = Faults::default();
        for process in &mut self.processes {
            process.clock = SignedDuration::ZERO;
        }
        self.note(None, || "nothing fails any more".into());
    }

    pub(crate) fn note(&mut self, order: Option<usize>, what: impl FnOnce() -> String) {
        if let Some(time_line) = &mut self.time_line {
            time_line.push((self.now, order, what()));
        }
    }
}

/// Clocks step no further than this.
const CLOCK_STEP_MAX: SignedDuration = SignedDuration::from_hours(24);
