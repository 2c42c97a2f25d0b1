//! Mails that came back: to `bounce+<tag>@…`, the envelope sender of our mails, and to `unsub+<tag>@…`,
//! which our mails offer for saying stop.
//!
//! Whom a mail is about is proved by the tag alone, wherever else it names somebody: whoever has one of our
//! mails can say about that mail what they please, and nothing about any other. Understood are delivery
//! reports (RFC 3464), complaints (RFC 5965, and Microsoft's without it), and what mail servers write that
//! know neither.

mod mime;
mod prose;
mod report;

use domain::{
    InvitationId,
    token::{Purpose, TokenKeys},
};
use jiff::Timestamp;

use self::mime::{Fields, Part};
use crate::{Event, Kind, classify::Status, words};

/// The longest mail that is read, in bytes. Ours are a tenth of that, and come back once.
pub const MAX_LEN: usize = 1024 * 1024;

/// What a mail that belongs to one of ours says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Something that counts.
    Event(Event),
    /// Nothing that counts.
    Ignored(Ignored),
}

/// Why a mail that belongs to one of ours leads to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// Its recipient is away, or thanks by machine (RFC 3834).
    AutoReply,
    /// Its recipient, or a machine, has seen it (RFC 8098).
    Receipt,
    /// Its recipient's machine wants to know whether we are human.
    Challenge,
    /// A mail server still tries.
    Delayed,
    /// It was delivered, relayed, or passed on to several.
    Delivered,
    /// A report that is not a complaint: not spam, or about authentication.
    NotComplaint,
    /// Nothing that we understand.
    Unknown,
}

impl Ignored {
    /// The stable name, as in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AutoReply => "auto_reply",
            Self::Receipt => "receipt",
            Self::Challenge => "challenge",
            Self::Delayed => "delayed",
            Self::Delivered => "delivered",
            Self::NotComplaint => "not_complaint",
            Self::Unknown => "unknown",
        }
    }
}

/// Why a mail is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Longer than [`MAX_LEN`].
    #[error("the mail is larger than 1 MiB")]
    TooLarge,
    /// More parts than any report has.
    #[error("the mail has more than 20 parts, or parts more than 5 levels deep")]
    TooComplex,
    /// No header.
    #[error("this is no mail: it does not begin with a header")]
    Malformed,
    /// Nothing in it proves that it is about a mail of ours.
    #[error(
        "nothing in the mail proves that it is about one of ours: no header says that it came to an \
         address that AFS made, or its tag is forged or of another secret"
    )]
    Unproven,
}

/// Where the address that a mail came to stands. The last mail server's word counts before the sender's.
const ENVELOPE_RECIPIENT: [&str; 6] =
    ["delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-delivered-to", "to"];

/// Reads a mail that came back. Time and cost are bounded, whatever `raw` is.
pub fn read(raw: &[u8], keys: &TokenKeys) -> Result<Reading, ReadError> {
    if raw.len() > MAX_LEN {
        return Err(ReadError::TooLarge);
    }
    let parts = mime::parts(raw)?;
    let (mail, inner) = parts.split_first().ok_or(ReadError::Malformed)?;
    if mail.fields.is_empty() {
        return Err(ReadError::Malformed);
    }
    let recipients = ENVELOPE_RECIPIENT.iter().flat_map(|name| mail.fields.all(name));
    let came_to = opened(recipients, keys);
    if let Some(complaint) = report::complaint(inner) {
        // Complaints come to one address for all mails, and enclose the one they are about.
        let about = came_to.or_else(|| opened(complaint.addresses(), keys));
        let (_, about) = about.ok_or(ReadError::Unproven)?;
        return Ok(if complaint.counts() {
            event(Kind::Complaint, None, &complaint.said(), about, mail)
        } else {
            Reading::Ignored(Ignored::NotComplaint)
        });
    }
    let (purpose, about) = came_to.ok_or(ReadError::Unproven)?;
    let told = if let Some(told) = report::delivery(&parts) {
        told
    } else if mail.report_type.as_deref() == Some("disposition-notification") {
        Told::Nothing(Ignored::Receipt)
    } else if purpose == Purpose::Unsubscribe {
        prose::request(mail)
    } else {
        prose::bounce(mail, &parts)
    };
    Ok(match told {
        // Nothing that we send has the unsubscribe address as its sender.
        Told::Failed { .. } if purpose == Purpose::Unsubscribe => {
            Reading::Ignored(Ignored::Unknown)
        }
        Told::Failed { kind, status, said } => event(kind, status, &said, about, mail),
        Told::Stop => event(Kind::Unsubscribe, None, "", about, mail),
        Told::Nothing(why) => Reading::Ignored(why),
    })
}

/// What a mail says, once it is known to be about one of ours.
enum Told {
    Failed { kind: Kind, status: Option<Status>, said: String },
    Stop,
    Nothing(Ignored),
}

fn event(
    kind: Kind,
    status: Option<Status>,
    said: &str,
    about: InvitationId,
    mail: &Part<'_>,
) -> Reading {
    let Part { fields, .. } = mail;
    // Its own id, or what else tells it from the next one.
    let identity = match fields.get("message-id").filter(|id| !id.is_empty()) {
        Some(id) => vec![id],
        None => vec![fields.get("date").unwrap_or_default(), said],
    };
    let about_text = about.to_string();
    let parts = [vec![about_text.as_str(), kind.as_str()], identity].concat();
    Reading::Event(Event {
        key: crate::key("mail", &parts),
        kind,
        at: fields.date().and_then(|date| Timestamp::from_second(date.to_timestamp()).ok()),
        mail: Some(about),
        address: None,
        status: status.map(|status| status.to_string()),
        detail: words::detail(said, &[]),
    })
}

/// What the first tag that is ours was made for.
fn opened<'a>(
    texts: impl Iterator<Item = &'a str>,
    keys: &TokenKeys,
) -> Option<(Purpose, InvitationId)> {
    // Somebody else's mail server may put up with more.
    const TAGS_MAX: usize = 32;
    texts.flat_map(tags).take(TAGS_MAX).find_map(|tag| {
        [Purpose::Bounce, Purpose::Unsubscribe]
            .into_iter()
            .find_map(|purpose| Some((purpose, keys.open_tag(purpose, tag)?)))
    })
}

/// What stands between `+` and `@`.
fn tags(text: &str) -> impl Iterator<Item = &str> {
    let mut before = text.split('@');
    // Behind the last one.
    before.next_back();
    before.filter_map(|local| local.rsplit_once('+')).map(|(_, tag)| tag)
}

/// The fields of the mail that `part` encloses, whole or its head only.
fn enclosed(part: &Part<'_>) -> Option<Fields> {
    matches!(part.kind.as_str(), "message/rfc822" | "message/global" | "text/rfc822-headers")
        .then(|| Fields::parse(part.text().trim_start()))
}
