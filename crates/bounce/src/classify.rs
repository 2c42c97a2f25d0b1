//! Gone for good, or not this time?
//!
//! Only what says that there is no such mailbox is hard: the enhanced status code decides, then the SMTP
//! code, then the words. Everything else is soft, and counts when it repeats: a filter's verdict is about
//! the mail, a full mailbox about the day. Sisimai (`hasmoved`, `hostunknown`, `userunknown`) and Postfix
//! draw the line at the same place.

use std::fmt;

use crate::Kind;

/// An enhanced status code (RFC 3463) of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    class: u8,
    subject: u16,
    detail: u16,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

/// How much a code says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Weight {
    Hard,
    Soft,
    /// The words have to tell.
    Open,
}

impl Status {
    /// The first one in `text`. Addresses and versions of programs have more parts, or larger ones.
    pub(crate) fn find(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        (0..bytes.len())
            .filter(|&at| matches!(bytes[at], b'4' | b'5'))
            .filter(|&at| at == 0 || !is_part_of_number(bytes[at - 1]))
            .find_map(|at| Self::begins(&bytes[at..]))
    }

    fn begins(bytes: &[u8]) -> Option<Self> {
        let (class, rest) = number(bytes)?;
        let (subject, rest) = number(rest.strip_prefix(b".")?)?;
        let (detail, rest) = number(rest.strip_prefix(b".")?)?;
        let ends = match rest {
            [b'.', next, ..] => !next.is_ascii_digit(),
            [next, ..] => !next.is_ascii_alphanumeric(),
            [] => true,
        };
        // RFC 3463, section 3: subjects are 0 to 7.
        (ends && class <= 5 && subject <= 7).then_some(Self {
            class: u8::try_from(class).ok()?,
            subject,
            detail,
        })
    }

    /// The registered meanings (IANA, SMTP Enhanced Status Codes), and those of Exchange Online above 100.
    fn weight(self) -> Weight {
        match (self.class, self.subject, self.detail) {
            // No such mailbox, host or domain; moved; disabled; a domain that takes no mail.
            (5, 1, 1 | 2 | 3 | 6 | 10 | 351) | (5, 2, 1) | (5, 4, 4 | 310) => Weight::Hard,
            // The address of the sender; full, too big; the system; routing; the content; policy.
            (4, ..)
            | (5, 1, 7 | 8)
            | (5, 2, 2 | 3)
            | (5, 3, 1..=5)
            | (5, 4, 2 | 3 | 5..=8)
            | (5, 6 | 7, _) => Weight::Soft,
            _ => Weight::Open,
        }
    }
}

fn is_part_of_number(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'.'
}

fn number(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let len = bytes.iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = bytes.split_at_checked(len).filter(|_| (1..=3).contains(&len))?;
    let value = digits.iter().fold(0, |value, digit| value * 10 + u16::from(digit - b'0'));
    Some((value, rest))
}

/// The SMTP code of a refusal (RFC 5321, section 4.2.3) in one line: at its beginning, or behind what
/// introduces a reply, so that house numbers and prices are none.
pub(crate) fn smtp_code(line: &str) -> Option<u16> {
    let bytes = line.as_bytes();
    (0..bytes.len().saturating_sub(2))
        .filter(|&at| matches!(bytes[at], b'4' | b'5'))
        .filter(|&at| {
            let before = line.as_bytes()[..at].trim_ascii_end().last();
            let apart = at == 0 || !is_part_of_number(bytes[at - 1]);
            apart && before.is_none_or(|byte| b":;(,\"'>-[#".contains(byte))
        })
        .find_map(|at| match number(&bytes[at..])? {
            (code @ (421 | 430..=459 | 500..=559 | 571), [] | [b' ' | b'-' | b'\t', ..]) => {
                Some(code)
            }
            _ => None,
        })
}

/// Says of any code that there is no such mailbox. Lower case.
const GONE: &[&str] = &[
    "user unknown",
    "unknown user",
    "no such user",
    "no such recipient",
    "no such mailbox",
    "no such address",
    "no such person",
    "no such domain",
    "no mailbox here",
    "no mailbox by that name",
    "not our customer",
    "unknown recipient",
    "recipient unknown",
    "recipient not found",
    "recipientnotfound",
    "invalid recipient",
    "recipient address rejected: access denied",
    "unknown address",
    "address unknown",
    "address not found",
    "unknown local part",
    "unknown or illegal alias",
    "unrouteable address",
    "unroutable address",
    "mailbox unavailable",
    "mailbox not found",
    "mailbox unknown",
    "mailbox is disabled",
    "mailbox is inactive",
    "mailbox disabled",
    "invalid mailbox",
    "not a valid mailbox",
    "user not found",
    "user doesn't have",
    "user does not have",
    "does not exist",
    "doesn't exist",
    "not listed in",
    "no longer valid",
    "no longer in use",
    "account is disabled",
    "account has been disabled",
    "account disabled",
    "account closed",
    "account inactive",
    "host not found",
    "host unknown",
    "unknown host",
    "domain not found",
    "couldn't find any host",
    "does not accept mail",
];

/// Says of any code that it is about the mail, its sender or this hour. Lower case.
const NOT_GONE: &[&str] = &[
    "spam",
    "unsolicited",
    "blocked",
    "block list",
    "blocklist",
    "blacklist",
    "reputation",
    "policy",
    "greylist",
    "virus",
    "sender address",
    "sender domain",
    "sender verif",
    "too many",
    "too quickly",
    "at a rate",
    "rate limit",
    "quota",
    "mailbox full",
    "mailbox is full",
    "try again",
];

/// `true` if the words say one or the other.
pub(crate) fn has_phrase(said: &str) -> bool {
    let said = said.to_ascii_lowercase();
    GONE.iter().chain(NOT_GONE).any(|phrase| said.contains(phrase))
}

/// What a failure is: `status` as reported, `said` as the mail server put it.
pub(crate) fn failure(status: Option<&str>, said: &str) -> (Kind, Option<Status>) {
    let reported = status.and_then(Status::find);
    // Many report 5.0.0 and let the mail server say more.
    let status = reported
        .filter(|status| status.weight() != Weight::Open)
        .or_else(|| Status::find(said))
        .or(reported);
    let lower = said.to_ascii_lowercase();
    let any = |phrases: &[&str]| phrases.iter().any(|phrase| lower.contains(phrase));
    let gone = match status.map_or(Weight::Open, Status::weight) {
        Weight::Soft => false,
        // Filters hide behind “no such user”, and say so.
        Weight::Hard => !any(NOT_GONE),
        Weight::Open => match said.lines().find_map(smtp_code) {
            Some(400..=499 | 552) => false,
            // User not local; domain takes no mail (RFC 7504).
            Some(551 | 556) => true,
            _ => any(GONE) && !any(NOT_GONE),
        },
    };
    (if gone { Kind::HardBounce } else { Kind::SoftBounce }, status)
}

/// What a failure is that its provider calls permanent: hard, unless the code or the words say that it
/// is about the mail, its sender or this hour.
pub(crate) fn permanent(status: Option<&str>, said: &str) -> (Kind, Option<Status>) {
    let (kind, status) = failure(status, said);
    let lower = said.to_ascii_lowercase();
    let not_gone = status.is_some_and(|status| status.weight() == Weight::Soft)
        || NOT_GONE.iter().any(|phrase| lower.contains(phrase));
    (if not_gone { kind } else { Kind::HardBounce }, status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_three_numbers_and_no_part_of_more() {
        let find = |text| Status::find(text).map(|status| status.to_string());
        assert_eq!(find("550-5.1.1 no"), Some("5.1.1".to_owned()));
        assert_eq!(find("(#5.1.10)"), Some("5.1.10".to_owned()));
        assert_eq!(find("5.1.1."), Some("5.1.1".to_owned()));
        for none in
            ["5.1.1.2", "15.1.1", "v4.94.2", "Exim 4.94.2", "5.1", "2.0.0", "5.1.1000", "5..1"]
        {
            assert_eq!(find(none), None, "{none:?}");
        }
    }

    #[test]
    fn a_code_begins_a_reply() {
        for (line, code) in [
            ("550 no", Some(550)),
            ("  host said: 450-no", Some(450)),
            ("<-- 553 no", Some(553)),
            ("it costs 550 euro", None),
            ("5501 no", None),
            ("470 no", None),
            ("192.0.2.1: 550", Some(550)),
        ] {
            assert_eq!(smtp_code(line), code, "{line:?}");
        }
    }

    #[test]
    fn codes_count_before_words() {
        use Kind::{HardBounce as Hard, SoftBounce as Soft};
        for (status, said, kind) in [
            (Some("5.1.1"), "", Hard),
            (Some("5.1.1"), "550 5.1.1 rejected as spam", Soft),
            (Some("5.2.1"), "550-5.2.1 The user is receiving mail at a rate that prevents …", Soft),
            (Some("5.0.0"), "smtp; 550 5.1.1 unknown", Hard),
            (Some("5.0.0"), "smtp; 550 No such user", Hard),
            (Some("5.0.0"), "smtp; 550 no", Soft),
            (Some("5.7.1"), "user unknown", Soft),
            (Some("4.1.1"), "user unknown", Soft),
            (Some("5.2.2"), "user unknown", Soft),
            (None, "450 mailbox unavailable", Soft),
            (None, "550 Requested action not taken: mailbox unavailable", Hard),
            (None, "552 user unknown", Soft),
            (None, "556 no mail here", Hard),
            (None, "", Soft),
            (Some("5.4.4"), "Host or domain name not found", Hard),
            (Some("5.4.1"), "550 5.4.1 Recipient address rejected: Access denied.", Hard),
            (Some("5.4.1"), "550 5.4.1 all relays failed", Soft),
        ] {
            assert_eq!(failure(status, said).0, kind, "{status:?} {said:?}");
        }
    }

    #[test]
    fn a_provider_is_believed_unless_the_words_are_about_something_else() {
        assert_eq!(permanent(None, "").0, Kind::HardBounce);
        assert_eq!(permanent(Some("5.5.0"), "refused").0, Kind::HardBounce);
        assert_eq!(permanent(Some("5.7.1"), "refused").0, Kind::SoftBounce);
        assert_eq!(permanent(None, "550 blocked by a list").0, Kind::SoftBounce);
    }
}
