//! What follows from mail that comes back, and from people who call mail spam.

use jiff::{SignedDuration, Timestamp};

/// What happened to a mail after the mail server had taken it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Could not be delivered, and never will be: there is no such mailbox.
    HardBounce,
    /// Could not be delivered this time: the mailbox is full, a filter refused it.
    SoftBounce,
    /// Its recipient called it spam.
    Complaint,
    /// Its recipient asks, by mail, for no more of this shop's.
    Unsubscribe,
}

impl Kind {
    /// As it stands in the record and in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HardBounce => "hard_bounce",
            Self::SoftBounce => "soft_bounce",
            Self::Complaint => "complaint",
            Self::Unsubscribe => "unsubscribe",
        }
    }
}

/// Why an address gets no mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Its owner asked for no more.
    Unsubscribed,
    /// There is no such mailbox.
    Bounced,
    /// Its owner called a mail spam.
    Complained,
    /// It refused too many mails in a row.
    SoftBounces,
}

impl Reason {
    const ALL: [Self; 4] = [Self::Unsubscribed, Self::Bounced, Self::Complained, Self::SoftBounces];

    /// The stable name, as in the record.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unsubscribed => "unsubscribed",
            Self::Bounced => "bounced",
            Self::Complained => "complained",
            Self::SoftBounces => "soft_bounces",
        }
    }

    /// The inverse of [`as_str`](Self::as_str).
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }
}

/// That an address gets no more mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Why.
    pub reason: Reason,
    /// From any shop of the installation, or only from the one whose mail it was.
    pub all_shops: bool,
    /// For how long; for ever without.
    pub lasts: Option<SignedDuration>,
}

/// So many mails to an address that come back within [`SOFT_WITHIN`] make it rest.
pub const SOFT_MAX: u32 = 3;

/// See [`SOFT_MAX`].
pub const SOFT_WITHIN: SignedDuration = SignedDuration::from_hours(14 * 24);

/// A mailbox that is full is often one that was left, but not always: it is tried again after this.
pub const SOFT_REST: SignedDuration = SignedDuration::from_hours(90 * 24);

/// What follows for the recipient. `soft` is how many mails to them came back for now within
/// [`SOFT_WITHIN`], with this one.
///
/// A mailbox that is not there is not there for any shop. Who complains says it to their mail provider,
/// which counts it against the sender of all of them.
#[must_use]
pub fn stop(kind: Kind, soft: u32) -> Option<Stop> {
    let for_ever = |reason, all_shops| Some(Stop { reason, all_shops, lasts: None });
    match kind {
        Kind::HardBounce => for_ever(Reason::Bounced, true),
        Kind::Complaint => for_ever(Reason::Complained, true),
        Kind::Unsubscribe => for_ever(Reason::Unsubscribed, false),
        Kind::SoftBounce if soft >= SOFT_MAX => {
            let (reason, lasts) = (Reason::SoftBounces, Some(SOFT_REST));
            Some(Stop { reason, all_shops: true, lasts })
        }
        Kind::SoftBounce => None,
    }
}

/// Complaints are held against the mail of this time.
pub const COMPLAINTS_WITHIN: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A shop that sent fewer mails counts as if it had sent this many. Of ten mails, one complaint is
/// 10 %, and says as much about that person as about the shop. With this, it takes two people to warn and
/// four to pause.
pub const SENT_MIN: u64 = 1_000;

/// Per mille of the mails sent. Gmail asks its senders to stay below 0.1 % and never to reach 0.3 %
/// (<https://support.google.com/a/answer/81126>).
const WARN_PER_MILLE: u64 = 1;
const PAUSE_PER_MILLE: u64 = 3;

/// What a shop's complaints call for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    /// Nothing.
    Calm,
    /// The operator should look what is wrong.
    Warn,
    /// The shop's mail rests until the operator has looked.
    Pause,
}

/// How bad it is that `people` complained about a shop that sent `sent` mails, both within
/// [`COMPLAINTS_WITHIN`].
#[must_use]
pub fn alarm(people: u64, sent: u64) -> Alarm {
    let people_per_1000 = people.saturating_mul(1_000);
    let is_over = |per_mille: u64| people_per_1000 > sent.max(SENT_MIN).saturating_mul(per_mille);
    match (is_over(WARN_PER_MILLE), is_over(PAUSE_PER_MILLE)) {
        (_, true) => Alarm::Pause,
        (true, false) => Alarm::Warn,
        (false, false) => Alarm::Calm,
    }
}

/// When a mail is looked at again whose shop rests since `since`: the longer it rests already, the
/// later, so that a million mails that wait for weeks cost little, and a short rest ends soon.
#[must_use]
pub fn look_again(since: Timestamp, now: Timestamp) -> Timestamp {
    const SOONEST: SignedDuration = SignedDuration::from_secs(5);
    const LATEST: SignedDuration = SignedDuration::from_mins(15);
    let wait = now.duration_since(since).clamp(SOONEST, LATEST);
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hard_bounces_and_complaints_stop_all_mail_for_ever() {
        for (kind, reason) in
            [(Kind::HardBounce, Reason::Bounced), (Kind::Complaint, Reason::Complained)]
        {
            assert_eq!(stop(kind, 0), Some(Stop { reason, all_shops: true, lasts: None }));
        }
    }

    #[test]
    fn a_mail_that_says_stop_is_meant_for_its_shop() {
        let stop = stop(Kind::Unsubscribe, 0).unwrap();
        assert_eq!((stop.reason, stop.all_shops), (Reason::Unsubscribed, false));
    }

    #[test]
    fn the_third_soft_bounce_stops_mail_for_a_time() {
        assert_eq!(stop(Kind::SoftBounce, 2), None);
        let third = stop(Kind::SoftBounce, 3).unwrap();
        assert_eq!((third.reason, third.lasts), (Reason::SoftBounces, Some(SOFT_REST)));
    }

    #[test]
    fn no_single_person_raises_an_alarm() {
        assert_eq!(alarm(0, 0), Alarm::Calm);
        assert_eq!(alarm(1, 1), Alarm::Calm);
        assert_eq!(alarm(2, 10), Alarm::Warn);
        assert_eq!(alarm(3, 10), Alarm::Warn);
        assert_eq!(alarm(4, 10), Alarm::Pause);
    }

    #[test]
    fn a_large_shop_is_judged_by_its_rate() {
        assert_eq!(alarm(100, 100_000), Alarm::Calm, "0.1 % is not over it");
        assert_eq!(alarm(101, 100_000), Alarm::Warn);
        assert_eq!(alarm(300, 100_000), Alarm::Warn);
        assert_eq!(alarm(301, 100_000), Alarm::Pause);
        assert_eq!(alarm(u64::MAX, u64::MAX), Alarm::Calm, "and nothing overflows");
    }

    #[test]
    fn mail_of_a_shop_that_rests_is_looked_at_less_and_less() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        assert_eq!(look_again(at(100), at(100)), at(105));
        assert_eq!(look_again(at(100), at(99)), at(104), "a clock that was set back");
        assert_eq!(look_again(at(0), at(60)), at(120));
        assert_eq!(look_again(at(0), at(90_000)), at(90_900));
    }

    #[test]
    fn reasons_have_names_that_last() {
        for reason in Reason::ALL {
            assert_eq!(Reason::parse(reason.as_str()), Some(reason));
        }
    }
}
