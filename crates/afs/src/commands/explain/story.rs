//! The story of one order, in sentences. Pure: what is on record goes in, text comes out.

use config::ShopSettings;
use domain::{
    Change, Consent, Decision, Fulfilment, InvitationState, Known, MailKind, OrderEvent,
    OrderStatus, Policy,
    consent::{Basis, Ground},
    decide,
    decision::{DelayRule, Reason, Timing},
    policy::Trigger,
    review::{Label, Refusal},
    zone::zone_of,
};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde::Serialize;
use store::history::{Event, History, Mail, MailOutcome, Returned, ReviewOf, Stop};
use worker::lanes::TroubledLane;

use crate::commands::words::{count, length, moment, name, setting, trouble, why};

/// What happened to an order, and what comes.
#[derive(Debug, Serialize)]
pub(super) struct Story {
    /// The clock that the texts go by.
    pub(super) time_zone: String,
    /// What happened, oldest first.
    pub(super) told: Vec<Entry>,
    /// What happens next, and what would change it.
    pub(super) next: Vec<String>,
}

/// Something that happened.
#[derive(Debug, Serialize)]
pub(super) struct Entry {
    /// When.
    pub(super) at: Timestamp,
    /// In one or more sentences.
    pub(super) text: String,
}

/// Tells a story.
pub(super) struct Teller<'a> {
    history: &'a History,
    settings: Option<&'a ShopSettings>,
    lane: Option<TroubledLane>,
    give_up_after: SignedDuration,
    now: Timestamp,
    zone: TimeZone,
}

impl<'a> Teller<'a> {
    /// `settings` are the shop's, unless it is not configured any more; `lane` is the buyer's, if it is
    /// known to have trouble; mails that nobody takes are given up after `give_up_after`.
    pub(super) fn new(
        history: &'a History,
        settings: Option<&'a ShopSettings>,
        lane: Option<TroubledLane>,
        give_up_after: SignedDuration,
        now: Timestamp,
    ) -> Self {
        let window = settings.and_then(|settings| settings.policy.window.as_ref());
        let zone = window.map_or(TimeZone::UTC, |window| window.zone().clone());
        Self { history, settings, lane, give_up_after, now, zone }
    }

    pub(super) fn story(&self) -> Story {
        let history = self.history;
        let mut told: Vec<Entry> = history.events.iter().map(|event| self.event(event)).collect();
        for mail in &history.mails {
            self.mail(mail, &mut told);
        }
        told.extend(history.returned.iter().map(returned));
        told.extend(history.stops.iter().map(|stop| self.stop(stop)));
        if let Some(review) = &history.review {
            self.review(review, &mut told);
        }
        told.sort_by_key(|entry| entry.at);
        Story { time_zone: name(&self.zone).to_owned(), told, next: self.next() }
    }

    /// The story as it is printed.
    pub(super) fn text(&self) -> String {
        let story = self.story();
        let History { shop, reference, number, .. } = self.history;
        let number = number.as_ref().map_or(String::new(), |number| format!(" ({number})"));
        let clock = &story.time_zone;
        let indented = textwrap::Options::new(80).initial_indent("    ").subsequent_indent("    ");
        let mut lines = vec![
            format!("Order {reference}{number} of {shop}. Times are by the clock of {clock}."),
            String::new(),
        ];
        for entry in &story.told {
            lines.push(self.at(entry.at));
            lines.push(textwrap::fill(&entry.text, &indented));
        }
        lines.extend([String::new(), "Next".to_owned()]);
        lines.extend(story.next.iter().map(|line| textwrap::fill(line, &indented)));
        lines.join("\n")
    }

    fn at(&self, at: Timestamp) -> String {
        moment(at, &self.zone)
    }

    fn policy(&self) -> Option<&Policy> {
        self.settings.map(|settings| &*settings.policy)
    }

    fn is_undone(&self) -> bool {
        self.history.order.status != OrderStatus::Completed
    }

    /// Where the shop's own rules stand in the configuration.
    fn table(&self) -> String {
        format!("[shops.{}.invitations]", self.history.shop)
    }

    /// What keeps mail from the recipient at this time.
    fn stop_on(&self, kind: MailKind, at: Timestamp) -> Option<&Stop> {
        let in_force = |stop: &&Stop| {
            stop.ends(kind) && stop.expires_at.is_none_or(|expires_at| expires_at > at)
        };
        self.history.stops.iter().find(in_force)
    }

    fn stop(&self, stop: &Stop) -> Entry {
        let all = stop.all_shops;
        let text = if stop.reminders_only {
            "The buyer asked for no more reminders from this shop.".to_owned()
        } else if stop.reason == UNSUBSCRIBED {
            let whose = if all { "all shops of this installation" } else { "this shop" };
            format!("The buyer asked for no more mail from {whose}.")
        } else {
            let whose = if all { "any shop of this installation" } else { "this shop" };
            let until = stop.expires_at.map(|at| format!(" until {}", self.at(at)));
            format!(
                "From here on the buyer gets no mail from {whose}{}, as {}.",
                until.unwrap_or_default(),
                stopped_as(&stop.reason)
            )
        };
        Entry { at: stop.at, text }
    }

    fn event(&self, event: &Event) -> Entry {
        let told = match (event.change, &event.decision) {
            (Change::Cancelled, _) => "The platform told that the order is cancelled.",
            (Change::Refunded, _) => "The platform told that the order is refunded.",
            (Change::Completed, Decision::Move(_) | Decision::Keep { .. }) => {
                "The platform told about the order again."
            }
            (Change::Completed, _) => "The platform told that the order is completed.",
        };
        let led_to = match &event.decision {
            Decision::Schedule(timing) => {
                format!("{}{}", self.timing(timing, event.at), self.ground(timing))
            }
            Decision::Move(timing) => {
                format!("{} That moves the invitation.", self.timing(timing, event.at))
            }
            Decision::Cancel { reason: reason @ (Reason::NoConsent | Reason::Objected) } => {
                format!(
                    "No mail had left yet: the invitation that waited is not sent, as {}.",
                    why(*reason)
                )
            }
            Decision::Cancel { .. } => {
                "No mail had left yet: the invitation that waited is not sent.".to_owned()
            }
            Decision::Keep { reason: Reason::AlreadyInvited } => {
                "That changes nothing about its invitation.".to_owned()
            }
            Decision::Keep { reason: Reason::TooLate } => {
                "The mail had left by then, or was leaving, and cannot be called back.".to_owned()
            }
            Decision::Keep { reason } => format!("That changes nothing: {}.", why(*reason)),
            Decision::DoNotInvite { reason } => left_out(*reason, event.change),
        };
        Entry { at: event.at, text: format!("{told} {led_to}") }
    }

    /// Why the buyer may be asked, behind other sentences.
    fn ground(&self, timing: &Timing) -> String {
        match &timing.ground {
            None => String::new(),
            Some(Ground::None) => " No consent is needed for that (`consent`).".to_owned(),
            Some(Ground::SoftOptIn { notice }) => {
                let text = self.history.checkout_notices.get(notice);
                let text = text.map_or(String::new(), |text| format!(": “{text}”"));
                format!(
                    " The buyer may be asked because of the order itself: the platform told no \
                     objection, and this was to be read at the checkout (`consent_notice`, \
                     {notice}){text}"
                )
            }
            Some(Ground::OptIn { consent }) => {
                let Consent { field, at, text, .. } = consent;
                let at = at.map_or(String::new(), |at| format!(", since {}", self.at(at)));
                let text = text.as_ref().map_or(String::new(), |text| format!(" (“{text}”)"));
                format!(
                    " The buyer may be asked, having agreed to marketing by e-mail{at}: so the \
                     platform told in `{field}`{text}."
                )
            }
        }
    }

    /// Which rule set the time, to what, and what moved it.
    fn timing(&self, timing: &Timing, received_at: Timestamp) -> String {
        let rule = self.rule(timing);
        let (wanted, due) = (self.at(timing.wanted_at), self.at(timing.due_at));
        let from = timing.wanted_at.checked_sub(timing.delay).ok();
        let from = from.filter(|_| timing.rule != DelayRule::OrderDate);
        let is_over = timing.wanted_at <= received_at;
        let Some(zone) = &timing.zone else {
            return match from {
                _ if is_over => {
                    format!("{rule} That time is over, so the invitation is due at once.")
                }
                Some(from) => {
                    format!(
                        "{rule} Counted from {}, the invitation is due on {due}.",
                        self.at(from)
                    )
                }
                None => format!("{rule} The invitation is due on {due}."),
            };
        };
        let by_rule = match from {
            _ if is_over => "That time is over, so it could leave at once.".to_owned(),
            Some(from) => format!("Counted from {}, that is {wanted}.", self.at(from)),
            None => format!("That is {wanted}."),
        };
        let clock = self.whose_clock(zone);
        let there = TimeZone::get(zone).ok().filter(|zone| *zone != self.zone);
        let there = there.map_or(String::new(), |zone| {
            format!(" (there it is {})", moment(timing.due_at, &zone))
        });
        format!(
            "{rule} {by_rule} Mail does not leave at that time: the send window goes by the clock of \
             {clock}. So the invitation is due on {due}{there}, when it is open."
        )
    }

    fn whose_clock(&self, zone: &str) -> String {
        let order = &self.history.order.order;
        let country = order.country.as_deref().unwrap_or_default();
        let lives_there =
            zone_of(country, order.region.as_deref()).is_some_and(|buyers| name(&buyers) == zone);
        let whose = if lives_there { "the buyer" } else { "the shop" };
        format!("{whose}, {zone}")
    }

    fn rule(&self, timing: &Timing) -> String {
        let delay = length(timing.delay);
        // Delays to try things out are in seconds, and have a key of their own.
        let in_days = timing.delay.as_secs() % 86_400 == 0;
        let key = |days| if in_days { days } else { "delay_secs" };
        let order = &self.history.order.order;
        match timing.rule {
            DelayRule::OrderDate => {
                "The order itself says when its buyer is to be asked.".to_owned()
            }
            DelayRule::Product => format!(
                "A rule for what was bought says to wait for {delay}, the longest that fits \
                 (`products`)."
            ),
            DelayRule::Country => format!(
                "The rule for buyers in {} says to wait for {delay} (`countries`).",
                order.country.as_deref().unwrap_or("that country")
            ),
            DelayRule::AfterDelivery => format!(
                "It has arrived, and the shop waits for {delay} from then (`{}`).",
                key("delivered_delay_days")
            ),
            DelayRule::Fallback => format!(
                "It has not told yet that {}, and may never; until it does, the shop waits for {delay} \
                 (`{}`).",
                self.awaited(),
                key("fallback_delay_days")
            ),
            DelayRule::ShopDelay => {
                format!("The shop waits for {delay} (`{}`).", key("delay_days"))
            }
        }
    }

    /// What the shop waits for.
    fn awaited(&self) -> &'static str {
        match self.policy().map(|policy| policy.trigger) {
            Some(Trigger::FirstShipment) => "a part of the order was sent",
            Some(Trigger::LastShipment) => "all of the order was sent",
            Some(Trigger::Delivered) => "the order arrived",
            Some(Trigger::Completed) | None => "what the shop waits for has happened",
        }
    }

    /// What happened to a mail, behind what is told already.
    fn mail(&self, mail: &Mail, told: &mut Vec<Entry>) {
        let called = called(mail.kind);
        let first_due = self.at(mail.first_due_at);
        let mut tell = |at, text| told.push(Entry { at, text });
        match mail.kind {
            MailKind::Invitation => {}
            MailKind::Reminder => {
                let text =
                    format!("A reminder is planned for {first_due}, if there is no review then.");
                tell(mail.decided_at, text);
            }
            MailKind::Later => tell(
                mail.decided_at,
                format!(
                    "The buyer asked to be asked later: on {first_due}. Until then there is no \
                     reminder either."
                ),
            ),
        }
        if mail.postponed > 0 && mail.state != InvitationState::Cancelled {
            let times = count(mail.postponed.into(), "time");
            tell(
                mail.first_due_at,
                format!(
                    "The {called} was due, but had to wait ({times}): the send window was closed, the \
                     shop's mail rested, mail to the same domain had to wait, or the same person had \
                     got another mail not long before (`person_gap_hours`, \
                     `person_mails_per_30_days`)."
                ),
            );
        }
        let running = u32::from(mail.state == InvitationState::Sending);
        let ended = u32::try_from(mail.outcomes.len()).unwrap_or(u32::MAX);
        let lost = mail.attempts.saturating_sub(ended).saturating_sub(running);
        if let Some(at) = mail.first_attempt_at.filter(|_| lost > 0) {
            let attempts = count(lost.into(), "attempt");
            tell(
                at,
                format!(
                    "{attempts} to mail the {called} ended without a word, as when the machine \
                     stops. The buyer may have got it; it carries the same Message-ID each time."
                ),
            );
        }
        for (n, outcome) in mail.outcomes.iter().enumerate() {
            tell(outcome.at, attempt_text(called, n, outcome));
        }
        let cancels = |event: &Event| matches!(event.decision, Decision::Cancel { .. });
        let was_told = self.history.events.iter().any(cancels);
        if let Some(text) = ended_text(mail, called, was_told) {
            let last = mail.outcomes.last().map_or(mail.due_at, |outcome| outcome.at);
            tell(mail.due_at.max(last), text);
        }
    }

    fn review(&self, review: &ReviewOf, told: &mut Vec<Entry>) {
        let stars = count(u8::from(review.stars).into(), "star");
        let text = format!("The buyer left a review of {stars}, through the link in the mail.");
        told.push(Entry { at: review.submitted_at, text });
        let Some(at) = review.labelled_at else { return };
        let text = match review.label {
            Label::Verified => {
                let sent = review.evidence.as_ref().and_then(|it| it.get("invitation_sent_at"));
                let sent = sent.and_then(|at| at.as_str()?.parse().ok());
                let sent = sent.map_or(String::new(), |at| {
                    format!(", which was first mailed on {}", self.at(at))
                });
                format!(
                    "The review is verified: it came through the invitation for this order{sent}, \
                     and the order was not undone."
                )
            }
            _ => format!("The review is refused: {}.", refusal(review)),
        };
        told.push(Entry { at, text });
    }

    fn next(&self) -> Vec<String> {
        let mut next = Vec::new();
        if self.settings.is_none() {
            next.push(format!(
                "The shop {} is not configured any more: nothing is mailed in its name. Add its table \
                 [shops.{0}] again if it should be.",
                self.history.shop
            ));
        }
        if let Some(notice) = &self.history.notice {
            let error = notice.error.as_deref().map_or(String::new(), |it| format!(" ({it})"));
            next.push(if notice.state == "failed" {
                format!(
                    "The platform did not tell what happened to the order last{error}. Mend the \
                     cause, then run `afs webhook replay`."
                )
            } else {
                let at = self.at(notice.due_at);
                format!("The platform is asked what happened to the order last, on {at}{error}.")
            });
        }
        let open = |mail: &&Mail| {
            matches!(mail.state, InvitationState::Scheduled | InvitationState::Sending)
        };
        let first = self.history.mails.iter().find(|mail| mail.kind == MailKind::Invitation);
        match (self.history.mails.iter().find(open), first) {
            // Said above.
            (Some(_), _) if self.settings.is_none() => {}
            (Some(mail), _) => self.waits(mail, &mut next),
            (None, Some(invitation)) => next.push(self.over(invitation)),
            (None, None) => self.never(&mut next),
        }
        next
    }

    /// What a mail that has not left waits for.
    fn waits(&self, mail: &Mail, next: &mut Vec<String>) {
        let called = called(mail.kind);
        if mail.state == InvitationState::Sending {
            return next.push(format!(
                "A worker is mailing the {called}, or was stopped while it did: then another one goes \
                 on when `worker.lease_secs` are over."
            ));
        }
        let ends = if self.is_undone() {
            Some("the order is undone")
        } else if let Some(stop) = self.stop_on(mail.kind, self.now.max(mail.due_at)) {
            Some(stopped_as(&stop.reason))
        } else if self.history.review.is_some() && mail.kind != MailKind::Invitation {
            Some("there is a review")
        } else {
            None
        };
        if let Some(why) = ends {
            return next.push(format!("Nothing: the {called} that waits is not sent, as {why}."));
        }
        let due = self.at(mail.due_at);
        if let Some(pause) = &self.history.pause {
            return next.push(format!(
                "The {called} was due on {}, and waits: the mail of {} rests since {} ({}). It goes on \
                 after `afs shop resume {1}`.",
                self.at(mail.first_due_at),
                pause.shop,
                self.at(pause.since),
                pause.reason
            ));
        }
        if let Some(lane) = self.lane.as_ref().filter(|_| mail.first_due_at <= self.now) {
            next.push(self.trouble_with(lane));
        }
        next.push(if mail.due_at <= self.now {
            format!(
                "The {called} has been due since {due}. It leaves as soon as a worker runs; if none \
                 does, `afs status` says what it waits for."
            )
        } else if mail.attempts > 0 {
            let until = mail.first_due_at.checked_add(self.give_up_after).unwrap_or(Timestamp::MAX);
            format!(
                "The {called} is tried again on {due}. What nobody takes is given up on {} \
                 (`give_up_after_hours` under [retry]).",
                self.at(until)
            )
        } else {
            format!(
                "The {called} is mailed on {due}, unless the order is cancelled or refunded before, \
                 or the buyer says stop{}.",
                if mail.kind == MailKind::Invitation { "" } else { " or leaves a review" }
            )
        });
        if mail.kind == MailKind::Invitation && mail.attempts == 0 {
            self.may_change(next);
        } else if mail.kind == MailKind::Reminder {
            next.push(format!(
                "Set `reminder_days` under {} to 0, and mails that leave from then on have no \
                 reminder.",
                self.table()
            ));
        }
    }

    /// Without the domain: that of a single person would name them.
    fn trouble_with(&self, lane: &TroubledLane) -> String {
        let how = match (lane.rests_until, lane.mails_per_hour) {
            (Some(until), _) => format!("rests until {}", self.at(until)),
            (None, Some(pace)) => format!("leaves at {pace} mails an hour at most"),
            (None, None) => "leaves one by one".to_owned(),
        };
        format!("Mail to the domain of the buyer's address {how}: {}.", trouble(lane.trouble))
    }

    /// What moves an invitation that waits, and what would have set another time.
    fn may_change(&self, next: &mut Vec<String>) {
        let Some(policy) = self.policy() else { return };
        let order = &self.history.order.order;
        let unsettled = order.ask_at.is_none() && order.fulfilment < Fulfilment::Delivered;
        if let Some(delay) = policy.delays.after_delivery.filter(|_| unsettled) {
            next.push(format!(
                "If the platform tells that the order arrived, the invitation moves: to {} from then \
                 (`delivered_delay_days`), unless a rule for a product or the country says otherwise.",
                length(delay)
            ));
        }
        let timings = self.history.events.iter().rev().find_map(|event| match &event.decision {
            Decision::Schedule(timing) | Decision::Move(timing) => Some(timing),
            _ => None,
        });
        let Some(timing) = timings else { return };
        if timing.rule == DelayRule::Fallback && policy.trigger != Trigger::Delivered {
            next.push(format!(
                "If the platform tells that {}, the invitation moves: the shop's delay counts from \
                 then.",
                self.awaited()
            ));
        }
        let table = self.table();
        let country = order.country.as_deref().unwrap_or_default();
        let by_days = timing.delay.as_secs() % 86_400 == 0;
        let key = |days: &str| {
            format!("Set `{}` under {table}", if by_days { days } else { "delay_secs" })
        };
        let change = match timing.rule {
            DelayRule::OrderDate => "Have the shop send another date with the order".to_owned(),
            DelayRule::Product => {
                format!("Set `delay_days` of the product's rule, under {table} or [invitations]")
            }
            DelayRule::Country => format!(
                "Set `delay_days` under [shops.{}.invitations.countries.{country}]",
                self.history.shop
            ),
            DelayRule::AfterDelivery => key("delivered_delay_days"),
            DelayRule::Fallback => key("fallback_delay_days"),
            DelayRule::ShopDelay => key("delay_days"),
        };
        next.push(if timing.rule == DelayRule::OrderDate {
            format!("{change}, and the invitation moves.")
        } else {
            format!(
                "{change} to have orders wait for longer, or less long. It counts for what arrives \
                 from then on; this order keeps its time."
            )
        });
    }

    /// Why no mail waits any more.
    fn over(&self, invitation: &Mail) -> String {
        let table = self.table();
        match (invitation.state, invitation.reason.as_deref()) {
            (InvitationState::Sent, _) if self.history.review.is_some() => {
                "Nothing: the review is here, and one order leads to one.".to_owned()
            }
            (InvitationState::Sent, _) if self.is_undone() => {
                "No more mail. A review that still comes through the link is refused, as the order is \
                 undone."
                    .to_owned()
            }
            (InvitationState::Sent, _) => self.link_is_open(invitation),
            (InvitationState::Suppressed, Some("soft_bounces")) => {
                "Nothing: each order gets one invitation. The next order is asked about once that \
                 mailbox has rested."
                    .to_owned()
            }
            (InvitationState::Suppressed, _) => {
                "Nothing: this person gets no more mail. AFS has no way to take that back for them."
                    .to_owned()
            }
            (InvitationState::Failed, _) => {
                "Nothing: it is not tried again, and each order gets one invitation. An address that \
                 is put right in the shop counts for the next order."
                    .to_owned()
            }
            (_, Some("asked_before")) => format!(
                "Nothing. It would have been mailed if `same_product_days` under {table} were shorter, \
                 or if one of the products were new to the buyer."
            ),
            (_, Some("asked_later")) => {
                "Nothing beside the mail that the buyer asked to get later.".to_owned()
            }
            (_, Some("no_consent" | "objected")) => {
                "Nothing: an invitation that has ended stays so, also if the buyer agrees later. \
                 Their next order counts anew."
                    .to_owned()
            }
            (_, Some("erased")) => {
                "Nothing: who bought was erased, on request, before the mail left.".to_owned()
            }
            _ => "Nothing: an undone order stays undone, also if the shop opens it again.".to_owned(),
        }
    }

    fn link_is_open(&self, invitation: &Mail) -> String {
        let valid = self.settings.map(|settings| settings.link_valid);
        let until = valid.zip(invitation.first_attempt_at);
        let until = until.and_then(|(valid, at)| at.checked_add(valid).ok());
        match until {
            Some(at) if at <= self.now => format!(
                "Nothing: the link in the mail stopped to work on {} (`link_valid_days` under {}).",
                self.at(at),
                self.table()
            ),
            Some(at) => format!(
                "No more mail. The buyer can leave a review through the link until {}.",
                self.at(at)
            ),
            None => "No more mail. The buyer can still leave a review.".to_owned(),
        }
    }

    /// Why there is no invitation, and what would bring one.
    fn never(&self, next: &mut Vec<String>) {
        let reason = self.history.events.iter().rev().find_map(|event| match &event.decision {
            Decision::DoNotInvite { reason } => Some(*reason),
            _ => None,
        });
        let Some(reason) = reason else { return };
        let undone = matches!(reason, Reason::OrderCancelled | Reason::OrderRefunded);
        if undone || self.is_undone() {
            return next.push(
                "Nothing: an undone order stays undone, also if the shop opens it again."
                    .to_owned(),
            );
        }
        next.push(format!("Nothing, as it is. {}", self.would_have(reason)));
        if let Some(policy) = self.policy() {
            let again = match self.left_out_by(policy) {
                Some(today) if today == reason => "it would be left out again".to_owned(),
                Some(today) => format!("it would be left out as well, but because {}", why(today)),
                None => {
                    "it is invited, when the platform tells something about it again".to_owned()
                }
            };
            next.push(format!("By the settings of today, {again}."));
        }
    }

    fn would_have(&self, reason: Reason) -> String {
        let order = &self.history.order.order;
        let (table, policy) = (self.table(), self.policy());
        match reason {
            Reason::TestOrder => {
                "It would have been invited if the platform did not mark it as a test.".to_owned()
            }
            Reason::NoAddress => {
                "It would have been invited if it had an e-mail address that mail \
                                  servers take."
                    .to_owned()
            }
            Reason::ExcludedTag => {
                let tags = order.tags.iter().map(|tag| format!("“{tag}”")).collect::<Vec<_>>();
                format!(
                    "It would have been invited without its tags ({}), or if `exclude_tags` under \
                     {table} did not name one of them.",
                    tags.join(", ")
                )
            }
            Reason::BelowMinimum => {
                let total = order.total.as_ref();
                let total = total.map_or(String::new(), |total| {
                    format!(" ({} {})", total.amount, total.currency)
                });
                let minimum = policy.and_then(|policy| policy.selection.minimum_total.as_ref());
                let minimum = minimum.map_or(String::new(), |minimum| {
                    format!(", now {} {}", minimum.amount, minimum.currency)
                });
                format!(
                    "It would have been invited if its total{total} were not below `minimum_total` \
                     under {table}{minimum}."
                )
            }
            Reason::NotSampled => {
                let one_in = policy.map(|policy| policy.selection.one_in);
                let now = one_in.map_or(String::new(), |one_in| format!(" (now {one_in})"));
                format!(
                    "It would have been invited with `one_in = 1` under {table}{now}; which orders are \
                     asked follows from their references alone."
                )
            }
            Reason::PartlyShipped => format!(
                "It is invited once the rest of it was sent; with `trigger = \"first_shipment\"` under \
                 {table} it would have been already."
            ),
            Reason::ExcludedDomain => format!(
                "It would have been invited if `exclude_domains` under {table} did not name the \
                 domain of the buyer's address."
            ),
            Reason::NoConsent => {
                let country = order.country.as_deref();
                let law = match policy.map_or(Basis::by_law(country), |it| it.consent.basis(order))
                {
                    Basis::None => return String::new(),
                    Basis::SoftOptIn => format!(
                        ", or if `consent_notice` under {table} held what buyers read at the checkout"
                    ),
                    Basis::OptIn => String::new(),
                };
                let whose = country.map_or(
                    "The order names no country, so it is taken for a European one.".to_owned(),
                    |code| format!("That is the rule for buyers in {code}."),
                );
                format!(
                    "It would have been invited if the platform told that the buyer agreed to \
                     marketing by e-mail{law}. {whose} docs/consent.md has the rules."
                )
            }
            Reason::Objected => {
                "It would have been invited if the buyer had not said no, and is if \
                                 they agree."
                    .to_owned()
            }
            Reason::Business => {
                format!("It would have been invited with `invite_businesses = true` under {table}.")
            }
            Reason::TooOld => format!(
                "It would have been invited if it had been told sooner, or if `max_order_age_days` \
                 under {table} were more."
            ),
            Reason::OrderCancelled
            | Reason::OrderRefunded
            | Reason::AlreadyInvited
            | Reason::TooLate
            | Reason::Forgotten => String::new(),
        }
    }

    /// Why a policy leaves the order out today, if it does.
    fn left_out_by(&self, policy: &Policy) -> Option<Reason> {
        let record = &self.history.order;
        let order = record.order.clone();
        let event = OrderEvent { change: Change::Completed, at: Some(record.changed_at), order };
        match decide(&Known::default(), &event, policy, self.now).decision {
            Decision::DoNotInvite { reason } => Some(reason),
            _ => None,
        }
    }
}

fn called(kind: MailKind) -> &'static str {
    match kind {
        MailKind::Invitation => "invitation",
        MailKind::Reminder => "reminder",
        MailKind::Later => "mail that was asked for",
    }
}

fn left_out(reason: Reason, change: Change) -> String {
    let undone = matches!(reason, Reason::OrderCancelled | Reason::OrderRefunded);
    if undone && change != Change::Completed {
        return "There was no invitation to stop, and there will be none.".to_owned();
    }
    let why = why(reason);
    match setting(reason) {
        _ if undone => format!("Its buyer is not invited: {why} before that."),
        Some(key) => format!("Its buyer is not invited: {why} (`{key}`)."),
        None => format!("Its buyer is not invited: {why}."),
    }
}

const UNSUBSCRIBED: &str = "unsubscribed";

/// Why somebody gets no mail, as the end of a sentence.
fn stopped_as(reason: &str) -> &'static str {
    use domain::bounce::Reason;
    match Reason::parse(reason) {
        Some(Reason::Bounced) => "there is no mailbox with that address",
        Some(Reason::Complained) => "the buyer called a mail spam",
        Some(Reason::SoftBounces) => "that mailbox refused several mails",
        Some(Reason::Unsubscribed) | None => "the buyer asked for no more mail",
    }
}

fn returned(returned: &Returned) -> Entry {
    let words = match returned.words.as_str() {
        "" => String::new(),
        words => format!(": “{words}”"),
    };
    let text = match returned.kind.as_str() {
        "hard_bounce" => format!("A mail came back, and would again{words}."),
        "soft_bounce" => format!("A mail came back this time{words}."),
        "complaint" => format!("The buyer called a mail spam{words}."),
        _ => format!("The buyer answered a mail to get no more{words}."),
    };
    Entry { at: returned.at, text }
}

fn attempt_text(called: &str, n: usize, outcome: &MailOutcome) -> String {
    let again = if n > 0 { ", again" } else { "" };
    let words = match outcome.words.as_str() {
        "" => String::new(),
        words => format!(": “{words}”"),
    };
    match outcome.outcome.as_str() {
        "sent" => format!("The {called} was mailed; the mail server took it{words}."),
        "retry" => format!("The {called} could not be mailed{again}{words}. It is tried again."),
        _ => format!("The {called} could not be mailed{again}{words}. It is not tried again."),
    }
}

/// How a mail ended that did not leave, unless the buyer's wish or, as `was_told`, an event told so
/// already.
fn ended_text(mail: &Mail, called: &str, was_told: bool) -> Option<String> {
    let why = match (mail.state, mail.reason.as_deref()) {
        (InvitationState::Suppressed, Some("bounced")) => "there is no mailbox with that address",
        (InvitationState::Suppressed, Some("complained")) => "the buyer had called a mail spam",
        (InvitationState::Suppressed, Some("soft_bounces")) => {
            "that mailbox had refused several mails"
        }
        (InvitationState::Suppressed, _) => "the buyer had asked for no more mail",
        (InvitationState::Cancelled, Some("asked_before")) => {
            "the same person had been asked about all of these products not long before \
             (`same_product_days`)"
        }
        (InvitationState::Cancelled, Some("no_consent")) if !was_told => why(Reason::NoConsent),
        (InvitationState::Cancelled, Some("objected")) if !was_told => why(Reason::Objected),
        (InvitationState::Cancelled, Some("reviewed")) => "there was a review already",
        (InvitationState::Cancelled, Some("address_changed")) => {
            "the order had got another address, to which the first mail had not gone"
        }
        (InvitationState::Cancelled, Some("order_undone")) => {
            "the order had been cancelled or refunded"
        }
        _ => return None,
    };
    Some(format!("The {called} was due, but not sent: {why}."))
}

fn refusal(review: &ReviewOf) -> String {
    let reason = review.evidence.as_ref().and_then(|it| it.as_str()).unwrap_or_default();
    let all = [Refusal::NoInvitation, Refusal::OtherShop, Refusal::NeverSent, Refusal::OrderUndone];
    let is_it = |refusal: &Refusal| serde_json::to_value(refusal).is_ok_and(|name| name == reason);
    all.into_iter().find(is_it).map_or(reason.to_owned(), |refusal| refusal.to_string())
}
