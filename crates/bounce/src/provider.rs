//! Webhooks of mail providers.
//!
//! Each provider has a module with its settings and a way to prove that a [`Request`] is its own; only that
//! makes a [`Verified`], and only a [`Verified`] has [`Verified::events`]. Events of kinds that say nothing
//! about stopping (deliveries, openings, clicks, attempts that are repeated) and of kinds that are not known
//! are skipped.

pub mod mailgun;
pub mod postmark;
pub mod sendgrid;
pub mod ses;

use std::fmt;

use domain::{EmailAddress, InvitationId};
use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use crate::{Event, Kind, classify::Status, words};

/// The longest body that is read, in bytes. The largest batches (SendGrid's) are smaller.
pub const MAX_LEN: usize = 1024 * 1024;

/// How far a signed time may be ahead of ours.
const AHEAD_MAX: SignedDuration = SignedDuration::from_mins(5);

/// What a provider sent us, before anybody vouched for it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The HTTP headers.
    pub headers: &'a HeaderMap,
    /// The body, byte for byte as received.
    pub body: &'a [u8],
    /// When we received it.
    pub received_at: Timestamp,
}

impl<'a> Request<'a> {
    /// A header's value, if it is there once and is text.
    fn header(&self, name: &str) -> Option<&'a str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?;
        if values.next().is_some() { None } else { value.to_str().ok() }
    }

    fn check_len(&self) -> Result<(), Reject> {
        if self.body.len() > MAX_LEN { Err(Reject::TooLarge) } else { Ok(()) }
    }

    /// Fails if what was signed at `seconds` of the Unix epoch, a number, is not of now.
    fn check_time(&self, seconds: &str, age_max: SignedDuration) -> Result<(), Reject> {
        let seconds = seconds.parse().map_err(|_| Reject::Malformed)?;
        let signed_at = Timestamp::from_second(seconds).map_err(|_| Reject::Malformed)?;
        check_age(signed_at, self.received_at, age_max)
    }
}

/// Fails if what was signed at `signed_at` is older than `age_max`, or not yet.
fn check_age(signed_at: Timestamp, now: Timestamp, age_max: SignedDuration) -> Result<(), Reject> {
    let age = now.duration_since(signed_at);
    if age > age_max || age < -AHEAD_MAX { Err(Reject::Stale) } else { Ok(()) }
}

/// Why a request is not trusted. For logs and counters; the sender is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// Longer than [`MAX_LEN`].
    #[error("the body is larger than 1 MiB")]
    TooLarge,
    /// What has to prove the origin is not there, or there twice.
    #[error("the signature, or the password, is missing")]
    Missing,
    /// What has to prove the origin does not have the provider's form.
    #[error("the signature, or what is signed, is not well formed")]
    Malformed,
    /// Somebody else made it.
    #[error("the signature, or the password, does not match")]
    Forged,
    /// Signed too long ago, or not yet.
    #[error("the timestamp is outside the tolerance")]
    Stale,
    /// Genuine, perhaps, and of a topic that is not configured.
    #[error("the topic is not one of those in the configuration")]
    WrongTopic,
    /// The certificate, or the address to confirm, is not at Amazon SNS.
    #[error("an address in the message is not one of Amazon SNS")]
    WrongHost,
    /// Its certificate cannot be read, has another kind of key, or does not hold at this time.
    #[error("the certificate cannot be used, or is not valid at this time")]
    Certificate,
    /// The configured key is none.
    #[error("the configured key cannot be used")]
    Key,
}

impl Reject {
    /// The stable name, as in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Missing => "missing_signature",
            Self::Malformed => "malformed_signature",
            Self::Forged => "bad_signature",
            Self::Stale => "stale",
            Self::WrongTopic => "wrong_topic",
            Self::WrongHost => "wrong_host",
            Self::Certificate => "bad_certificate",
            Self::Key => "bad_key",
        }
    }
}

/// A genuine body that does not have the documented shape.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {what}")]
pub struct Malformed {
    /// The path to what is wrong, as `event-data.recipient`.
    pub at: String,
    /// What is wrong with it.
    pub what: String,
}

/// A webhook whose origin was proved.
#[derive(Clone)]
pub struct Verified<'a> {
    body: &'a [u8],
    read: fn(&[u8]) -> Result<Vec<Event>, Malformed>,
}

impl Verified<'_> {
    /// What it tells of mails that came back.
    pub fn events(&self) -> Result<Vec<Event>, Malformed> {
        (self.read)(self.body)
    }
}

impl fmt::Debug for Verified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verified(…)")
    }
}

/// What providers tell of one mail, in their own words.
struct Told<'a> {
    kind: Kind,
    at: Option<Timestamp>,
    message_id: Option<&'a str>,
    recipient: &'a str,
    status: Option<Status>,
    said: &'a str,
}

impl Told<'_> {
    /// `None` if neither the mail nor the recipient can be told.
    fn event(self, key: String) -> Option<Event> {
        let mail = self.message_id.and_then(invitation);
        // `Anna <anna@x.example>`, in some of Amazon's.
        let bare = self.recipient.rsplit_once('<').map_or(self.recipient, |(_, address)| address);
        let address = EmailAddress::parse(bare.trim_end_matches('>')).ok();
        (mail.is_some() || address.is_some()).then(|| Event {
            key,
            kind: self.kind,
            at: self.at,
            mail,
            address,
            status: self.status.map(|status| status.to_string()),
            detail: words::detail(self.said, &[bare]),
        })
    }
}

/// The mail that has this Message-ID: `inv-<uuid>@host`, with or without angle brackets.
fn invitation(message_id: &str) -> Option<InvitationId> {
    let bare = message_id.trim().trim_start_matches('<').trim_end_matches('>');
    let (id, _) = bare.strip_prefix("inv-")?.split_once('@')?;
    // In one spelling: the parser takes others.
    (id.len() == 36).then(|| Uuid::parse_str(id).ok().map(InvitationId))?
}

fn json(body: &[u8]) -> Result<Value, Malformed> {
    serde_json::from_slice(body)
        .map_err(|error| Malformed { at: "body".to_owned(), what: error.to_string() })
}

/// Reads one thing at `path`, and says where it does not fit.
fn typed<T: DeserializeOwned>(value: &Value, path: &str) -> Result<T, Malformed> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let inner = error.path().to_string();
        let at = match (path, inner.as_str()) {
            ("", ".") => "body".to_owned(),
            ("", _) => inner,
            (_, ".") => path.to_owned(),
            _ => format!("{path}.{inner}"),
        };
        let said = error.inner().to_string();
        // Without the value that was found: it may be somebody's address.
        let what = match said.rsplit_once(", expected ") {
            Some((_, expected)) => format!("expected {expected}"),
            None => said,
        };
        Malformed { at, what }
    })
}

fn timestamp(text: Option<&str>) -> Option<Timestamp> {
    text?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_id_of_ours_names_the_mail_and_no_other_does() {
        let id = "0190a5e8-7c1d-7abc-8def-0123456789ab";
        let expected = Some(InvitationId(id.parse().unwrap()));
        assert_eq!(invitation(&format!("<inv-{id}@shop.example>")), expected);
        assert_eq!(invitation(&format!("inv-{id}@shop.example")), expected);
        for other in [&format!("<{id}@shop.example>"), &format!("inv-{id}"), "inv-1@x", "", "<>"] {
            assert_eq!(invitation(other), None, "{other:?}");
        }
    }
}
