//! What comes back of mails, as mail servers, mailbox providers and people write it.
//!
//! The fixtures are made up after the shapes that are met; their tags are filled in here.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, too")]

use std::{collections::BTreeSet, path::PathBuf, time::Instant};

use bounce::{
    Event, Kind,
    mail::{self, Ignored, ReadError, Reading},
};
use domain::{
    InvitationId,
    token::{Purpose, TokenKeys},
};
use proptest::prelude::*;

use Expected::{Complaint, Hard, Nothing, Refused, Soft, Stop};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Expected {
    Hard(&'static str),
    Soft(&'static str),
    Complaint,
    Stop,
    Nothing(Ignored),
    Refused(ReadError),
}

/// Each fixture, and what it means. An empty status is none.
const EXPECTED: &[(&str, Expected)] = &[
    ("answer_of_a_person", Nothing(Ignored::Unknown)),
    ("arf_authentication_failure", Nothing(Ignored::NotComplaint)),
    ("arf_forged", Refused(ReadError::Unproven)),
    ("arf_generic", Complaint),
    ("arf_headers_only_unsubscribe_tag", Complaint),
    ("arf_microsoft_jmrp", Complaint),
    ("arf_not_spam", Nothing(Ignored::NotComplaint)),
    ("arf_to_the_bounce_address", Complaint),
    ("arf_yahoo_cfl", Complaint),
    ("away_autoresponder", Nothing(Ignored::AutoReply)),
    ("away_exchange", Nothing(Ignored::AutoReply)),
    ("away_german", Nothing(Ignored::AutoReply)),
    ("away_gmail", Nothing(Ignored::AutoReply)),
    ("away_swedish", Nothing(Ignored::AutoReply)),
    ("away_unix_vacation", Nothing(Ignored::AutoReply)),
    ("barracuda_blocked", Soft("5.0.0")),
    ("challenge_boxbe", Nothing(Ignored::Challenge)),
    ("challenge_tmda", Nothing(Ignored::Challenge)),
    ("courier_unknown", Hard("5.0.0")),
    ("domino_not_listed", Hard("5.0.0")),
    ("exchange_2003_text", Hard("5.1.1")),
    ("exchange_full", Soft("5.2.2")),
    ("exchange_html_in_base64", Hard("5.1.1")),
    ("exchange_not_found", Hard("5.1.1")),
    ("exchange_online_access_denied", Hard("5.4.1")),
    ("exchange_online_expired", Soft("5.4.300")),
    ("exchange_online_no_domain", Hard("5.4.310")),
    ("exchange_online_not_found", Hard("5.1.10")),
    ("exchange_online_restricted", Soft("5.7.133")),
    ("exchange_online_unknown_remote", Hard("5.1.351")),
    ("exchange_size", Soft("5.2.3")),
    ("exim_remote_unknown", Hard("5.0.0")),
    ("exim_unrouteable", Hard("5.0.0")),
    ("exim_warning", Nothing(Ignored::Delayed)),
    ("exim_without_code", Hard("")),
    ("exim_without_report", Hard("5.1.1")),
    ("expanded_list", Nothing(Ignored::Delivered)),
    ("forged_tag", Refused(ReadError::Unproven)),
    ("gmail_delayed", Nothing(Ignored::Delayed)),
    ("gmail_disabled", Hard("5.2.1")),
    ("gmail_full", Soft("5.2.2")),
    ("gmail_no_such_user", Hard("5.1.1")),
    ("gmail_too_quickly", Soft("5.2.1")),
    ("gmail_unauthenticated", Soft("5.7.26")),
    ("gmx_policy", Soft("5.0.0")),
    ("gmx_unavailable", Hard("5.0.0")),
    ("icloud_policy", Soft("5.7.1")),
    ("icloud_unknown", Hard("5.1.1")),
    ("japanese", Hard("5.1.1")),
    ("jmrp_without_report", Complaint),
    ("latin1", Hard("5.1.1")),
    ("many_parts", Refused(ReadError::TooComplex)),
    ("mdaemon_transcript", Hard("")),
    ("microsoft_consumer_blocked", Soft("5.7.1")),
    ("microsoft_consumer_unavailable", Hard("5.5.0")),
    ("nested_deep", Refused(ReadError::TooComplex)),
    ("no_tag", Refused(ReadError::Unproven)),
    ("not_a_mail", Refused(ReadError::Malformed)),
    ("postfix_delayed", Nothing(Ignored::Delayed)),
    ("postfix_delivered", Nothing(Ignored::Delivered)),
    ("postfix_eai", Hard("5.1.1")),
    ("postfix_full_mailbox", Soft("5.2.2")),
    ("postfix_given_up", Soft("4.4.1")),
    ("postfix_greylisted_to_the_end", Soft("4.2.0")),
    ("postfix_host_not_found", Hard("5.4.4")),
    ("postfix_local_unknown_user", Hard("5.1.1")),
    ("postfix_moved", Hard("5.1.6")),
    ("postfix_null_mx", Hard("5.1.10")),
    ("postfix_spam", Soft("5.7.1")),
    ("postfix_too_large", Soft("5.3.4")),
    ("postfix_unknown_user_as_spam", Soft("5.1.1")),
    ("postfix_user_unknown", Hard("5.1.1")),
    ("proton_unknown", Hard("5.1.1")),
    ("qmail_given_up", Soft("4.4.1")),
    ("qmail_no_host", Hard("5.1.2")),
    ("qmail_no_mailbox", Hard("5.1.1")),
    ("qmail_quota", Soft("5.2.2")),
    ("qmail_remote_without_status", Hard("")),
    ("quoted_printable_text", Hard("5.1.1")),
    ("read_receipt", Nothing(Ignored::Receipt)),
    ("report_in_base64", Hard("5.1.1")),
    ("report_in_multipart_mixed", Hard("5.1.1")),
    ("report_names_somebody_else", Hard("5.1.1")),
    ("report_to_the_unsubscribe_address", Nothing(Ignored::Unknown)),
    ("review_token_as_tag", Refused(ReadError::Unproven)),
    ("sendmail_before_reports", Hard("")),
    ("sendmail_host_unknown", Hard("5.1.2")),
    ("sendmail_user_unknown", Hard("5.1.1")),
    ("sendmail_warning", Nothing(Ignored::Delayed)),
    ("ses_report", Hard("5.1.1")),
    ("several_recipients_all_gone", Hard("5.1.2")),
    ("several_recipients_one_full", Soft("5.2.2")),
    ("several_recipients_one_reached", Soft("5.1.1")),
    ("status_without_action", Hard("5.1.1")),
    ("tag_in_body_only", Refused(ReadError::Unproven)),
    ("tag_of_another_secret", Refused(ReadError::Unproven)),
    ("truncated_before_report", Hard("5.1.1")),
    ("truncated_in_report", Hard("5.1.1")),
    ("two_messages_in_one", Hard("5.1.1")),
    ("unknown_words_only", Nothing(Ignored::Unknown)),
    ("unsubscribe_auto_reply", Nothing(Ignored::AutoReply)),
    ("unsubscribe_empty", Stop),
    ("unsubscribe_in_to_only", Stop),
    ("unsubscribe_mail_program", Stop),
    ("upper_cased_on_the_way", Hard("5.1.1")),
    ("webde_full", Soft("5.2.2")),
    ("yahoo_deferred_to_the_end", Soft("4.7.0")),
    ("yahoo_no_account", Hard("5.0.0")),
    ("zimbra_unknown", Hard("5.1.1")),
];

fn keys(seed: u8) -> TokenKeys {
    TokenKeys::new(vec![vec![seed; 32]]).unwrap()
}

fn mail() -> InvitationId {
    InvitationId("0190a5e8-7c1d-7abc-8def-0123456789ab".parse().unwrap())
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/mail")
}

/// The fixture with the tags of [`mail`] in place.
#[expect(
    clippy::disallowed_methods,
    reason = "the error says which fixture, as the name is in the panic"
)]
fn fixture(name: &str) -> Vec<u8> {
    let path = folder().join(format!("{name}.eml"));
    let mut raw = std::fs::read(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    let bounce = keys(1).tag(Purpose::Bounce, mail());
    let unsubscribe = keys(1).tag(Purpose::Unsubscribe, mail());
    let last = if bounce.ends_with('a') { 'b' } else { 'a' };
    for (placeholder, value) in [
        ("{bounce}", bounce.clone()),
        ("{BOUNCE}", bounce.to_ascii_uppercase()),
        ("{unsub}", unsubscribe.clone()),
        ("{UNSUB}", unsubscribe.to_ascii_uppercase()),
        ("{forged}", format!("{}{last}", &bounce[..bounce.len() - 1])),
        ("{foreign}", keys(2).tag(Purpose::Bounce, mail())),
        ("{token}", keys(1).token(Purpose::Review, mail())),
    ] {
        raw = replace(&raw, placeholder, &value);
    }
    raw
}

fn replace(raw: &[u8], from: &str, to: &str) -> Vec<u8> {
    let mut replaced = Vec::new();
    let mut rest = raw;
    while let Some(at) = rest.windows(from.len()).position(|window| window == from.as_bytes()) {
        replaced.extend(&rest[..at]);
        replaced.extend(to.as_bytes());
        rest = &rest[at + from.len()..];
    }
    replaced.extend(rest);
    replaced
}

fn read(name: &str) -> Result<Reading, ReadError> {
    mail::read(&fixture(name), &keys(1))
}

fn event(name: &str) -> Event {
    match read(name) {
        Ok(Reading::Event(event)) => event,
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn what_came_back_means_what_the_table_says() {
    let files: BTreeSet<String> = folder()
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    let listed: BTreeSet<String> = EXPECTED.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(files, listed, "each fixture is in the table, and the other way round");
    let wrong: Vec<String> = EXPECTED
        .iter()
        .map(|(name, expected)| (name, expected, read(name)))
        .filter(|(_, expected, found)| !fits(**expected, found))
        .map(|(name, expected, found)| format!("{name}: expected {expected:?}, found {found:?}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn fits(expected: Expected, found: &Result<Reading, ReadError>) -> bool {
    let is = |event: &Event, kind, status: &str| {
        event.kind == kind && event.status.as_deref().unwrap_or_default() == status
    };
    match (expected, found) {
        (Hard(status), Ok(Reading::Event(event))) => is(event, Kind::HardBounce, status),
        (Soft(status), Ok(Reading::Event(event))) => is(event, Kind::SoftBounce, status),
        (Complaint, Ok(Reading::Event(event))) => is(event, Kind::Complaint, ""),
        (Stop, Ok(Reading::Event(event))) => is(event, Kind::Unsubscribe, ""),
        (Nothing(why), Ok(Reading::Ignored(found))) => why == *found,
        (Refused(why), Err(found)) => why == *found,
        _ => false,
    }
}

#[test]
fn every_event_is_about_the_mail_of_its_tag_and_names_nobody() {
    for (name, _) in EXPECTED {
        let Ok(Reading::Event(event)) = read(name) else { continue };
        assert_eq!(event.mail, Some(mail()), "{name}");
        // What a mail says of addresses, anybody can have written.
        assert_eq!(event.address, None, "{name}");
        assert!(event.key.len() <= 200, "{name}");
        assert!(event.detail.chars().count() <= 150, "{name}: {}", event.detail);
        for word in ["@", "anna", "Anna", "Lind", "victim", "\n"] {
            assert!(!event.detail.contains(word), "{name}: {}", event.detail);
        }
    }
}

#[test]
fn what_is_kept_of_a_bounce_is_its_reason() {
    let bounce = event("postfix_user_unknown");
    assert_eq!(
        bounce.detail,
        "smtp; 550 5.1.1 <address>: Recipient address rejected: User unknown in virtual mailbox table"
    );
    assert_eq!(bounce.at, Some("2026-11-16T09:05:00Z".parse().unwrap()));
    assert_eq!(event("postfix_local_unknown_user").detail, "x-unix; user unknown: \"<address>\"");
    assert_eq!(event("qmail_no_mailbox").detail, "Sorry, no mailbox here by that name. (#5.1.1)");
    assert_eq!(event("arf_yahoo_cfl").detail, "Yahoo!-Mail-Feedback/2.0");
}

#[test]
fn the_same_report_has_the_same_key_however_often_it_is_read() {
    let keys_of_all: Vec<String> = EXPECTED
        .iter()
        .filter_map(|(name, _)| match read(name) {
            Ok(Reading::Event(event)) => Some((name, event)),
            _ => None,
        })
        .map(|(name, event)| {
            assert_eq!(self::event(name).key, event.key, "{name}");
            event.key
        })
        .collect();
    // It may travel twice, and collect other headers and ends of lines.
    for name in ["postfix_user_unknown", "qmail_no_mailbox", "unsubscribe_empty"] {
        let raw = [b"Received: by another.example\n".to_vec(), fixture(name)].concat();
        let raw = replace(&raw, "\n", "\r\n");
        let Ok(Reading::Event(again)) = mail::read(&raw, &keys(1)) else { panic!("{name}") };
        assert_eq!(again, event(name), "{name}");
    }
    // Two bounces of one mail are two.
    assert_ne!(event("qmail_no_mailbox").key, event("qmail_no_host").key);
    assert!(keys_of_all.iter().all(|key| key.starts_with("mail:")));
}

#[test]
fn the_ends_of_lines_do_not_matter() {
    for (name, expected) in EXPECTED {
        let found = mail::read(&replace(&fixture(name), "\n", "\r\n"), &keys(1));
        assert!(fits(*expected, &found), "{name}: {found:?}");
    }
}

#[test]
fn a_tag_counts_under_a_secret_of_before_and_under_no_other() {
    let raw = fixture("postfix_user_unknown");
    let rotated = TokenKeys::new(vec![vec![9; 32], vec![1; 32]]).unwrap();
    assert!(mail::read(&raw, &rotated).is_ok());
    assert_eq!(mail::read(&raw, &keys(9)), Err(ReadError::Unproven));
}

#[test]
fn a_tag_with_any_character_changed_is_refused() {
    let raw = fixture("qmail_no_mailbox");
    let tag = keys(1).tag(Purpose::Bounce, mail());
    for at in 0..tag.len() {
        let mut forged = tag.clone().into_bytes();
        forged[at] = if forged[at] == b'a' { b'b' } else { b'a' };
        let forged = replace(&raw, &tag, std::str::from_utf8(&forged).unwrap());
        assert_eq!(mail::read(&forged, &keys(1)), Err(ReadError::Unproven), "character {at}");
    }
}

#[test]
fn what_is_too_large_or_built_to_be_slow_is_answered_at_once() {
    let head = String::from_utf8(fixture("postfix_user_unknown")).unwrap();
    let filled = |unit: &str| {
        let mut raw = head.clone();
        while raw.len() + unit.len() <= mail::MAX_LEN {
            raw.push_str(unit);
        }
        raw.into_bytes()
    };
    let mut large = filled("x");
    large.extend(b"xx");
    assert_eq!(mail::read(&large, &keys(1)), Err(ReadError::TooLarge));

    let tag = keys(1).tag(Purpose::Bounce, mail());
    let to = format!("Delivered-To: bounce+{tag}@b.example\n");
    let built = |unit: &str| {
        let repeats = (mail::MAX_LEN - to.len()) / unit.len();
        (to.clone() + &unit.repeat(repeats)).into_bytes()
    };
    let start = Instant::now();
    for raw in [
        filled("y"),
        filled("\n"),
        built("Content-Type: message/rfc822\n\n"),
        built("Content-Type: multipart/mixed; boundary=a\n\n--a\n"),
        built("Content-Type: multipart/digest; boundary=a\n\n--a\n\n"),
        built("To: bounce+aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@x.example\n"),
        built("Subject: =?utf-8?q?a?= =?utf-8?b?YQ==?=\n"),
        built("Subject: (((((((((("),
        built("Date: (((((((((("),
        built("Content-Type: text/plain; a*0*=b; ((("),
        built("\n<<<<&&&&"),
        built("From: mailer-daemon@x.example\n\n5.1.5.1.5.1"),
        built("From: mailer-daemon@x.example\nContent-Type: text/html\n\n<a <b>"),
    ] {
        let _answer = mail::read(&raw, &keys(1));
    }
    // A second for a mail would be slow; on a busy machine and without optimisation.
    assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
}

proptest! {
    #[test]
    fn any_bytes_are_answered(raw: Vec<u8>) {
        let read = mail::read(&raw, &keys(1));
        prop_assert!(matches!(read, Err(ReadError::Malformed | ReadError::Unproven)), "{:?}", read);
    }

    #[test]
    fn any_mail_with_a_tag_is_answered(
        name in prop::sample::select(EXPECTED.iter().map(|(name, _)| *name).collect::<Vec<_>>()),
        cut in 0.0..1.0_f64,
        changes in prop::collection::vec((0.0..1.0_f64, any::<u8>()), 0..20),
    ) {
        let mut raw = fixture(name);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss,
            reason = "a place within the mail")]
        let place = |part: f64, len: usize| (part * len as f64) as usize;
        for (at, byte) in changes {
            let at = place(at, raw.len());
            raw[at] = byte;
        }
        raw.truncate(place(cut, raw.len() + 1));
        if let Ok(Reading::Event(event)) = mail::read(&raw, &keys(1)) {
            prop_assert_eq!(event.mail, Some(mail()));
            prop_assert!(event.key.len() <= 200);
            prop_assert!(event.detail.chars().count() <= 150);
            prop_assert!(!event.detail.contains('@'), "{}", event.detail);
            prop_assert!(!event.detail.contains(char::is_control), "{}", event.detail);
        }
    }
}
