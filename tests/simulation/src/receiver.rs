//! The receiver: webhooks in, the review form, the way to stop mail (`receiver/src`).

use domain::{Decision, InvitationId, Review, ReviewId, review::Opinion, token::Purpose};
use jiff::{SignedDuration, Timestamp};
use store::{
    intake::{Accepted, Arrival},
    reviews::Submitted,
};
use uuid::Uuid;

use crate::{
    Bug,
    ledger::Checked,
    people::Stop,
    record::{Loaded, OrderKey},
    timer::Job,
    worker::HORIZON,
    world::{Call, Owner, Step, World},
};

/// How often an event that others overtake is decided again.
const ATTEMPTS_MAX: u32 = 8;

/// How long an open form can be sent.
const STAMP_VALID: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A webhook being taken in.
#[derive(Clone, Copy)]
pub(crate) struct Intake {
    posting: usize,
    tries: u32,
    received_at: Timestamp,
    attempts: u32,
    /// A known bug answers first.
    answered: bool,
}

/// A webhook, with what it meets or what it led to.
pub(crate) struct Deciding {
    intake: Intake,
    loaded: Loaded,
    accepted: Option<Accepted>,
}

impl World {
    pub(crate) fn receive(&mut self, owner: Owner, posting: usize) {
        let tries = self.postings[posting].tries;
        let received_at = self.clock(owner.0);
        let mut intake = Intake { posting, tries, received_at, attempts: 0, answered: false };
        if self.bug == Some(Bug::AnswerBeforeCommit) {
            self.soon(Some(owner), Step::Answer(intake, true));
            intake.answered = true;
        }
        self.soon(Some(owner), Step::Load(intake));
    }

    pub(crate) fn load(&mut self, owner: Owner, intake: Intake) {
        if self.record_call() == Call::NotDone {
            return self.reply_to(owner, intake, false);
        }
        let loaded = self.record.load(&self.order_key(intake));
        let deciding = Deciding { intake, loaded, accepted: None };
        self.soon(Some(owner), Step::Decide(Box::new(deciding)));
    }

    pub(crate) fn decide(&mut self, owner: Owner, deciding: Deciding) -> Checked {
        let Deciding { mut intake, loaded, .. } = deciding;
        let call = self.record_call();
        if call == Call::NotDone {
            self.reply_to(owner, intake, false);
            return Ok(());
        }
        let arrival = self.arrival(intake);
        let Some(accepted) = self.record.accept(&arrival, loaded.clone()) else {
            intake.attempts += 1;
            if intake.attempts == ATTEMPTS_MAX {
                self.reply_to(owner, intake, false);
            } else {
                self.soon(Some(owner), Step::Load(intake));
            }
            return Ok(());
        };
        let number = self.postings[intake.posting].event;
        self.note(Some(self.plan.events[number].order), || {
            format!("event {number} ({}): {accepted:?}", arrival.event.change.as_str())
        });
        if let Accepted::Decided { decision, invitation } = &accepted {
            let at = intake.received_at;
            self.ledger.decided(&self.plan, number, at, decision, *invitation)?;
        }
        if call == Call::Unheard {
            self.reply_to(owner, intake, false);
        } else {
            let deciding = Deciding { intake, loaded, accepted: Some(accepted) };
            self.soon(Some(owner), Step::SetTimer(Box::new(deciding)));
        }
        Ok(())
    }

    pub(crate) fn set_timer(&mut self, owner: Owner, deciding: Deciding) {
        let Deciding { intake, accepted, .. } = deciding;
        if let Some(Accepted::Decided { decision, invitation: Some(id) }) = accepted {
            let job = Job::Invitation(id);
            match decision {
                Decision::Schedule(domain::decision::Timing { due_at, .. })
                    if due_at <= self.clock(owner.0) + HORIZON =>
                {
                    self.wake(job, due_at);
                }
                Decision::Cancel { .. } if self.timer_call() != Call::NotDone => {
                    self.timer.cancel(job);
                }
                _ => {}
            }
        }
        self.reply_to(owner, intake, true);
    }

    fn reply_to(&mut self, owner: Owner, intake: Intake, fine: bool) {
        if !intake.answered {
            self.soon(Some(owner), Step::Answer(intake, fine));
        }
    }

    pub(crate) fn answer(&mut self, intake: &Intake, fine: bool) {
        let number = self.postings[intake.posting].event;
        if fine {
            self.ledger.answered(&self.plan, number, self.tally.steps);
        }
        let status = if fine { 200 } else { 503 };
        self.note(Some(self.plan.events[number].order), || {
            format!("event {number} is answered with {status}")
        });
        self.heard(intake.posting, intake.tries, fine);
    }

    fn order_key(&self, intake: Intake) -> OrderKey {
        self.plan.key(self.plan.events[self.postings[intake.posting].event].order)
    }

    fn arrival(&self, intake: Intake) -> Arrival {
        let planned = &self.plan.events[self.postings[intake.posting].event];
        let shop = &self.plan.shops[self.plan.orders[planned.order].shop];
        Arrival {
            shop: shop.id.clone(),
            event: planned.told.clone(),
            event_key: planned.key.clone(),
            request_id: Uuid::nil(),
            received_at: intake.received_at,
            policy: shop.policy.clone(),
        }
    }

    /// Wakes a job then, if the timer takes it.
    pub(crate) fn wake(&mut self, job: Job, due_at: Timestamp) -> Call {
        let call = self.timer_call();
        if call != Call::NotDone {
            let up = SignedDuration::from_nanos(999_999);
            self.timer.wake(job, (due_at + up).as_millisecond());
        }
        call
    }

    /// `GET /r/{token}?stars=`: the stamp of the form, if there is one to show.
    pub(crate) fn review_page(
        &mut self,
        receiver: usize,
        token: &str,
        stars: Option<u8>,
    ) -> Option<String> {
        self.invited(token)?;
        if let (Some(Bug::GetSubmits), Some(stars)) = (self.bug, stars) {
            let review = self.review(receiver, token, stars)?;
            self.record.submit_review(&review);
        }
        Some(self.keys.stamp(token, self.clock(receiver)))
    }

    /// `POST /r/{token}`: the review to store, if the form is one that we showed.
    pub(crate) fn review_form(
        &mut self,
        receiver: usize,
        token: &str,
        stamp: &str,
    ) -> Option<Review> {
        self.invited(token)?;
        let now = self.clock(receiver);
        let stamped = self.keys.check_stamp(stamp, token, STAMP_VALID, now);
        let stars = self.rng.u8(1..=5);
        if stamped { self.review(receiver, token, stars) } else { None }
    }

    fn invited(&self, token: &str) -> Option<InvitationId> {
        let id = self.keys.open(Purpose::Review, token)?;
        let invited = self.record.invited(id)?;
        (invited.first_attempt_at.is_some() && invited.review.is_none()).then_some(id)
    }

    fn review(&self, receiver: usize, token: &str, stars: u8) -> Option<Review> {
        let invitation = self.invited(token)?;
        let shop = self.record.invited(invitation)?.shop;
        let opinion = Opinion {
            stars: stars.try_into().ok()?,
            title: String::new(),
            text: "Gott kaffe.".into(),
            display_name: String::new(),
        };
        let submitted_at = self.clock(receiver);
        let id = ReviewId::derive(submitted_at, &shop, &opinion);
        Some(Review {
            id,
            shop,
            invitation: Some(invitation),
            opinion,
            products: vec![],
            submitted_at,
        })
    }

    pub(crate) fn store_review(&mut self, review: &Review) {
        let call = self.record_call();
        if call == Call::NotDone {
            return;
        }
        if let Submitted::Stored(id) = self.record.submit_review(review) {
            self.tally.reviews += 1;
            self.ledger.wrote(id, true);
            let order = review.invitation.and_then(|id| self.ledger.order_of(id));
            self.note(order, || "a review is written".into());
            if call == Call::Done {
                self.wake(Job::Review(id), review.submitted_at);
            }
        }
    }

    /// `POST /u/{token}`: whose mail is to stop, if the request means it.
    pub(crate) fn stop_link(&self, token: &str, body: &str) -> Option<InvitationId> {
        let id = self.keys.open(Purpose::Unsubscribe, token)?;
        self.record.invited(id)?;
        body.contains("One-Click").then_some(id)
    }

    pub(crate) fn unsubscribe(&mut self, owner: Owner, stop: Stop) {
        let call = self.record_call();
        if call == Call::NotDone {
            return;
        }
        self.record.unsubscribe(stop.invitation);
        self.ledger.asked_to_stop(stop.shop);
        if call == Call::Done {
            self.soon(Some(owner), Step::Unsubscribed(stop));
        }
    }

    pub(crate) fn unsubscribed(&mut self, stop: &Stop) {
        self.note(None, || format!("{} has unsubscribed", stop.address.as_str()));
        self.ledger.unsubscribed(stop.shop, stop.address.clone(), self.tally.steps);
    }
}
