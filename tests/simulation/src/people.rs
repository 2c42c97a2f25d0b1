//! What shops, buyers, scanners and forgers do.

use domain::{EmailAddress, InvitationId, token::Purpose};
use jiff::{SignedDuration, Timestamp};

use crate::{
    ledger::{Checked, Invariant, Violation},
    plan::{chance, up_to},
    world::{Step, World},
};

/// A platform's delivery of an event, which it repeats until it hears 200.
pub(crate) struct Posting {
    pub(crate) event: usize,
    pub(crate) tries: u32,
    pub(crate) heard: bool,
}

/// How often a platform tries (Shopify: 8 times in 4 hours).
const TRIES_MAX: u32 = 8;

/// How long a platform waits for an answer (Shopify: 5 seconds).
const PLATFORM_PATIENCE: SignedDuration = SignedDuration::from_secs(5);

/// Somebody follows a link of a mail; the number is that of the attempt which brought it.
#[derive(Clone, Copy)]
pub(crate) enum Visit {
    /// A program that follows, posts and changes everything.
    Probe(usize),
    /// A buyer who opens the form, and sends it.
    Read(usize),
    /// A buyer who does not want mail.
    Stop(usize),
}

/// A review form, filled in.
#[derive(Clone)]
pub(crate) struct Form {
    pub(crate) token: String,
    pub(crate) stamp: String,
}

/// Somebody's wish to get no more mail.
pub(crate) struct Stop {
    pub(crate) invitation: InvitationId,
    pub(crate) shop: usize,
    /// Whom the mail with the link was sent to.
    pub(crate) address: EmailAddress,
}

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

impl World {
    pub(crate) fn post_at(&mut self, at: Timestamp, event: usize) {
        let posting = self.postings.len();
        self.postings.push(Posting { event, tries: 0, heard: false });
        self.at(at, None, Step::Post(posting));
    }

    pub(crate) fn post(&mut self, number: usize) {
        let tries = self.postings[number].tries;
        let receiver = self.rng.usize(0..self.plan.receivers);
        if let Some(owner) = self.reach(receiver) {
            self.receive(owner, number);
        }
        self.at(self.now + PLATFORM_PATIENCE, None, Step::NotHeard(number, tries));
    }

    pub(crate) fn not_heard(&mut self, number: usize, tries: u32) {
        let posting = &mut self.postings[number];
        if posting.heard || posting.tries != tries || tries + 1 == TRIES_MAX {
            return;
        }
        posting.tries += 1;
        let pause = up_to(MINUTE * (1 << tries), &mut self.rng);
        self.at(self.now + pause, None, Step::Post(number));
    }

    /// A platform hears an answer, unless the line was cut, or it does not wait any more.
    pub(crate) fn heard(&mut self, number: usize, tries: u32, fine: bool) {
        let cut = chance(&mut self.rng, self.plan.faults.cut);
        let posting = &mut self.postings[number];
        posting.heard |= fine && !cut && posting.tries == tries;
    }

    /// The mail server took a mail: somebody will read it.
    pub(crate) fn mail_arrived(&mut self, attempt: usize) {
        let (quick, slow) = (up_to(MINUTE, &mut self.rng), up_to(DAY * 2, &mut self.rng));
        for (likely, visit) in
            [(0.3, Visit::Probe(attempt)), (0.4, Visit::Read(attempt)), (0.2, Visit::Stop(attempt))]
        {
            let after = if self.rng.bool() { quick } else { slow };
            if chance(&mut self.rng, likely) {
                self.at(self.now + after, None, Step::Visit(visit));
            }
        }
    }

    /// While an invitation is claimed, its order may change, and its buyer may stop another mail.
    pub(crate) fn provoke(&mut self, invitation: InvitationId) {
        let Some(order) = self.ledger.order_of(invitation) else { return };
        let longest = if self.rng.bool() { MINUTE / 1200 } else { MINUTE / 20 };
        let at = self.now + up_to(longest, &mut self.rng);
        if chance(&mut self.rng, 0.2)
            && let Some(event) = self.rng.choice(&self.plan.orders[order].events)
        {
            self.post_at(at, *event);
        }
        let repeated = self.ledger.attempts.iter().any(|other| other.invitation == invitation);
        if chance(&mut self.rng, if repeated { 0.5 } else { 0.2 }) {
            let invited = self.record.invited(invitation);
            let address = invited.and_then(|invited| invited.order.order.email);
            let mails = self.ledger.attempts.iter().enumerate();
            let same = mails.filter(|(_, other)| other.taken && other.to == address);
            let same: Vec<usize> = same.map(|(number, _)| number).collect();
            if let Some(other) = self.rng.choice(same) {
                self.at(at, None, Step::Visit(Visit::Stop(other)));
            }
        }
    }

    pub(crate) fn visit(&mut self, visit: Visit) -> Checked {
        let receiver = self.rng.usize(0..self.plan.receivers);
        let Some(owner) = self.reach(receiver).filter(|_| self.now >= self.record_back_at) else {
            return Ok(());
        };
        match visit {
            Visit::Probe(attempt) => return self.probe(receiver, attempt),
            Visit::Read(attempt) => self.read(receiver, attempt),
            Visit::Stop(attempt) => {
                let attempt = &self.ledger.attempts[attempt];
                let (invitation, order) = (attempt.invitation, attempt.order);
                let Some(address) = attempt.to.clone() else { return Ok(()) };
                let token = self.keys.token(Purpose::Unsubscribe, invitation);
                let Some(invitation) = self.stop_link(&token, "List-Unsubscribe=One-Click") else {
                    return Ok(());
                };
                let shop = self.plan.orders[order].shop;
                let stop = Stop { invitation, shop, address };
                self.soon(Some(owner), Step::Unsubscribe(stop));
            }
        }
        Ok(())
    }

    fn read(&mut self, receiver: usize, attempt: usize) {
        let invitation = self.ledger.attempts[attempt].invitation;
        let token = self.keys.token(Purpose::Review, invitation);
        let Some(stamp) = self.review_page(receiver, &token, None) else { return };
        let after = up_to(MINUTE * 10, &mut self.rng);
        let impatient = if chance(&mut self.rng, 0.1) { 50 } else { 1 };
        for _ in 0..impatient {
            let form = Form { token: token.clone(), stamp: stamp.clone() };
            self.at(self.now + after, None, Step::Submit(form));
        }
    }

    pub(crate) fn submit(&mut self, form: &Form) {
        let receiver = self.rng.usize(0..self.plan.receivers);
        let Some(owner) = self.reach(receiver) else { return };
        if let Some(review) = self.review_form(receiver, &form.token, &form.stamp) {
            self.soon(Some(owner), Step::StoreReview(Box::new(review)));
        }
    }

    /// Follows every link, posts without having seen the form, and tries links that were not given
    /// out. None of it may change anything.
    fn probe(&mut self, receiver: usize, attempt: usize) -> Checked {
        let invitation = self.ledger.attempts[attempt].invitation;
        let before = self.record.clone();
        let review = self.keys.token(Purpose::Review, invitation);
        let stop = self.keys.token(Purpose::Unsubscribe, invitation);
        let mut forged = review.clone();
        forged.replace_range(20..21, if &review[20..21] == "A" { "B" } else { "A" });
        let others_stamp = self.keys.stamp(&stop, self.clock(receiver));
        let mut got_in = self.review_page(receiver, &stop, Some(5)).is_some()
            || self.review_page(receiver, &forged, Some(5)).is_some();
        self.review_page(receiver, &review, Some(5));
        for (token, stamp) in [
            (&review, ""),
            (&review, &others_stamp),
            (&forged, &others_stamp),
            (&stop, &others_stamp),
        ] {
            got_in |= self.review_form(receiver, token, stamp).is_some();
        }
        for (token, body) in [(&stop, ""), (&review, "One-Click"), (&forged, "One-Click")] {
            got_in |= self.stop_link(token, body).is_some();
        }
        if got_in || before != self.record {
            return Err(Violation {
                invariant: Invariant::LooksChangeNothing,
                order: Some(self.ledger.attempts[attempt].order),
                what: "a program that follows links changed the record".into(),
            });
        }
        Ok(())
    }
}
