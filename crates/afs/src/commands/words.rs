//! Decisions, in words that every command and page shares.

use domain::{decision::Reason, lane::Trouble};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

/// Why, as the end of a sentence.
pub(crate) fn why(reason: Reason) -> &'static str {
    match reason {
        Reason::OrderCancelled => "the order was cancelled",
        Reason::OrderRefunded => "the order was refunded",
        Reason::TestOrder => "it is a test order",
        Reason::NoAddress => "it has no usable e-mail address",
        Reason::TooOld => "it was completed too long ago",
        Reason::AlreadyInvited => "each order gets one invitation, and this one has its own",
        Reason::TooLate => "the mail had left before",
        Reason::ExcludedDomain => "the buyer's address is at a domain that the shop leaves out",
        Reason::ExcludedTag => "it has a tag that the shop leaves out",
        Reason::Business => "a company bought it, and the shop asks people only",
        Reason::BelowMinimum => "it is worth less than the shop's minimum",
        Reason::NotSampled => "the shop asks one of several buyers, and this is another",
        Reason::PartlyShipped => "only a part of it was sent, and the shop waits for the rest",
        Reason::NoConsent => "nothing says that the buyer may be asked by e-mail",
        Reason::Objected => "the buyer said no to marketing by e-mail, or took a yes back",
        Reason::Forgotten => "its buyer was forgotten: erased, or kept no longer",
    }
}

/// What is wrong with mail to a domain, which is named before.
pub(crate) fn trouble(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::Throttled => "its mail servers say that it is too much",
        Trouble::Unwelcome => {
            "its mail servers refuse our mail: `afs doctor` helps to find out why"
        }
        Trouble::Unreachable => "the mail server could not be reached several times in a row",
    }
}

/// The key under `[invitations]` that the reason follows from, if it follows from one.
pub(crate) fn setting(reason: Reason) -> Option<&'static str> {
    match reason {
        Reason::TooOld => Some("max_order_age_days"),
        Reason::ExcludedDomain => Some("exclude_domains"),
        Reason::ExcludedTag => Some("exclude_tags"),
        Reason::Business => Some("invite_businesses"),
        Reason::BelowMinimum => Some("minimum_total"),
        Reason::NotSampled => Some("one_in"),
        Reason::PartlyShipped => Some("trigger"),
        Reason::NoConsent => Some("consent"),
        Reason::OrderCancelled
        | Reason::OrderRefunded
        | Reason::TestOrder
        | Reason::NoAddress
        | Reason::AlreadyInvited
        | Reason::TooLate
        | Reason::Objected
        | Reason::Forgotten => None,
    }
}

/// A moment by the clock of `zone`, to the minute.
pub(crate) fn moment(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%a %-d %b %Y, %H:%M").to_string()
}

/// A length of time in its largest whole unit, such as `14 days`.
pub(crate) fn length(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    let units = [("day", 86_400), ("hour", 3_600), ("minute", 60)];
    let whole = units.into_iter().find(|(_, unit)| seconds % unit == 0);
    let (name, unit) = whole.unwrap_or(("second", 1));
    count(seconds / unit, name)
}

/// A number with its noun, such as `1 order` or `2 orders`.
pub(crate) fn count(number: i64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// A zone's name in the IANA list.
pub(crate) fn name(zone: &TimeZone) -> &str {
    zone.iana_name().unwrap_or("UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_said_in_their_largest_whole_unit() {
        let said = |seconds| length(SignedDuration::from_secs(seconds));
        assert_eq!(said(86_400), "1 day");
        assert_eq!(said(14 * 86_400), "14 days");
        assert_eq!(said(36 * 3_600), "36 hours");
        assert_eq!(said(90), "90 seconds");
        assert_eq!(said(0), "0 days");
    }
}
