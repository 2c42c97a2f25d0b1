//! Messages as written by us and as they travel.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::SystemTime,
};

use domain::{EmailAddress, text};
use jiff::Timestamp;
use lettre::message::{
    Body, MultiPart, SinglePart,
    header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue},
};
use memchr::memchr_iter;
use tokio::time::{Instant, timeout_at};

use crate::Dkim;

/// How many of the fields of a Feedback-ID say what a message is; the last one says whose it is.
const FEEDBACK_FIELDS_MAX: usize = 3;

/// How the name of a sender in a Feedback-ID begins.
const FEEDBACK_SENDER_START: &str = "afs-";

/// The longest name of a sender in a Feedback-ID.
const FEEDBACK_SENDER_MAX_LEN: usize = 15;

/// The longest body, in bytes, text and HTML each. Gmail cuts what it shows at 102 KB.
const BODY_MAX_LEN: usize = 256 * 1024;

/// The longest unsubscribe address, in bytes: it stands in one line (RFC 5322, 2.1.1: 998).
const URL_MAX_LEN: usize = 900;

/// The longest line, in bytes without CRLF (RFC 5322, 2.1.1).
const LINE_MAX_LEN: usize = 998;

/// Somebody who writes or reads a message.
#[derive(Clone, Debug)]
pub struct Mailbox {
    /// Shown instead of the address. Foreign text: it is cleaned while composing.
    pub name: Option<String>,
    /// Where the message comes from or goes to.
    pub address: EmailAddress,
}

/// A message to one person, as its author means it.
#[derive(Clone)]
pub struct Message {
    /// The left part of the Message-ID; the right part is the host of the sender. Give every
    /// attempt the same, so that a duplicate can be recognised. Letters, digits and `+-._`, at
    /// most 64.
    pub id: String,
    /// When the message was first due. Give every attempt the same.
    pub date: Timestamp,
    /// The sender.
    pub from: Mailbox,
    /// To whom mail servers report failures (the sender of the envelope), if not to the sender.
    pub return_path: Option<EmailAddress>,
    /// Where answers go, if not to the sender.
    pub reply_to: Option<EmailAddress>,
    /// The only recipient.
    pub to: Mailbox,
    /// One line; cleaned, at most 150 characters.
    pub subject: String,
    /// The body for readers without HTML.
    pub text: String,
    /// The same as HTML.
    pub html: String,
    /// An `https` (for trials `http`) address that takes a one-click POST (RFC 8058).
    pub unsubscribe: Option<String>,
    /// An address to which any mail means the same, for programs that send none by HTTP (RFC 2369).
    /// Only beside `unsubscribe`.
    pub unsubscribe_mailto: Option<EmailAddress>,
    /// Names the mailing as a whole (RFC 2919), as `reviews.shop.example`. Without a phrase in front:
    /// filters compare it, and the sender's name is in From.
    pub list_id: Option<String>,
    /// Groups of messages for the reports of mailbox providers: up to three fields parted by `:`,
    /// never something about one person. A fourth one, made of the sender's host, says whose they are.
    pub feedback_id: Option<String>,
    /// What the message is signed with.
    pub dkim: Option<Arc<Dkim>>,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A composed message: text in lines ended by CRLF and no longer than 998 bytes. It is 7-bit, but for
/// addresses beyond ASCII in its headers (RFC 6532).
///
/// Only [`compose`] makes one. `Debug` tells neither address nor content.
#[derive(Clone, PartialEq, Eq)]
pub struct Outgoing {
    message_id: String,
    from: EmailAddress,
    to: EmailAddress,
    bytes: Vec<u8>,
    begin_by: Option<Instant>,
}

impl Outgoing {
    /// The same message, whose text no transport begins to hand over from then on.
    ///
    /// What has begun goes on: only the other side knows how it ends.
    #[must_use]
    pub fn begin_by(self, deadline: Instant) -> Self {
        Self { begin_by: Some(deadline), ..self }
    }

    /// `true` from then on.
    pub(crate) fn is_late(&self) -> bool {
        self.begin_by.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Waits for `turn`; `None` if it is too late before that.
    pub(crate) async fn in_time<T>(&self, turn: impl Future<Output = T>) -> Option<T> {
        match self.begin_by {
            Some(deadline) => timeout_at(deadline, turn).await.ok(),
            None => Some(turn.await),
        }
    }

    /// The Message-ID without angle brackets, `id@host`. Fit for a file name.
    #[must_use]
    pub fn message_id(&self) -> &str {
        &self.message_id
    }

    /// `true` if only a mail server with SMTPUTF8 (RFC 6531) takes it: an address is beyond ASCII.
    #[must_use]
    pub fn needs_smtputf8(&self) -> bool {
        !(self.from.is_ascii() && self.to.is_ascii() && self.bytes.is_ascii())
    }

    /// The sender of the envelope.
    #[must_use]
    pub fn from(&self) -> &EmailAddress {
        &self.from
    }

    /// The recipient of the envelope.
    #[must_use]
    pub fn to(&self) -> &EmailAddress {
        &self.to
    }

    /// The message itself, headers and body.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("message_id", &self.message_id)
            .field("len", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// Why a message cannot be composed. Trying again does not help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    /// The left part of the Message-ID is empty, too long, or has characters that need quoting.
    #[error("message id is not made of letters, digits and +-._")]
    Id,
    /// The date lies before 1970.
    #[error("message date is out of range")]
    Date,
    /// Nothing is left of the subject after cleaning.
    #[error("message has no subject")]
    Subject,
    /// The unsubscribe address is not plain `http` or `https`, or longer than 900 bytes; or there is only
    /// one for mail, or that is beyond ASCII.
    #[error("unsubscribe address is not an http(s) URL, or its mail address is not plain")]
    Unsubscribe,
    /// The list id is not a host name.
    #[error("list id is not a host name")]
    ListId,
    /// The feedback id has more than three fields or characters beyond letters, digits and `+-._`.
    #[error("feedback id is malformed")]
    FeedbackId,
    /// A body has more than 256 KiB.
    #[error("message body is too large")]
    TooLarge,
    /// The system has no randomness, which a key is protected with.
    #[error("message cannot be signed")]
    Signature,
    /// The mail library refuses an address, or made something that must not travel.
    #[error("message cannot be built")]
    Builder,
}

/// Writes the message: the same bytes for the same message, so that a repeat can be recognised.
pub fn compose(message: &Message) -> Result<Outgoing, ComposeError> {
    // lettre panics on some names. We clean them first; should one slip through, it must fail this
    // message and not the task that would meet it again and again.
    catch_unwind(AssertUnwindSafe(|| build(message))).unwrap_or(Err(ComposeError::Builder))
}

fn build(message: &Message) -> Result<Outgoing, ComposeError> {
    if !is_dot_atom(&message.id, 64) {
        return Err(ComposeError::Id);
    }
    let message_id = format!("{}@{}", message.id, message.from.address.host());
    let subject = header_text(&message.subject, text::line);
    if subject.is_empty() {
        return Err(ComposeError::Subject);
    }

    let mut builder = lettre::Message::builder()
        .date(date(message.date)?)
        .from(mailbox(&message.from, text::line)?)
        .to(mailbox(&message.to, text::person_name)?);
    if let Some(address) = &message.reply_to {
        builder = builder.reply_to(lettre::message::Mailbox::new(None, lettre_address(address)?));
    }
    builder = builder.raw_header(header("Message-ID", format!("<{message_id}>"))).subject(subject);
    if let Some(value) = list_unsubscribe(message)? {
        builder = builder
            .raw_header(header("List-Unsubscribe", value))
            .raw_header(header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()));
    }
    if let Some(id) = &message.list_id {
        if !is_dot_atom(id, 253) {
            return Err(ComposeError::ListId);
        }
        builder = builder.raw_header(header("List-Id", format!("<{id}>")));
    }
    if let Some(id) = &message.feedback_id {
        let fits = |field: &str| is_dot_atom(field, 64);
        if id.split(':').count() > FEEDBACK_FIELDS_MAX || !id.split(':').all(fits) {
            return Err(ComposeError::FeedbackId);
        }
        let sender = feedback_sender(message.from.address.host());
        builder = builder.raw_header(header("Feedback-ID", format!("{id}:{sender}")));
    }
    let built = builder
        // RFC 3834 and its Exchange cousin: no "I am on holiday" in return.
        .raw_header(header("Auto-Submitted", "auto-generated".to_owned()))
        .raw_header(header("X-Auto-Response-Suppress", "All".to_owned()))
        .multipart(
            MultiPart::alternative()
                // `=_` occurs in no quoted-printable text (RFC 2045, 6.7), hence in neither part.
                .boundary(format!("=_{}", message.id))
                .singlepart(part(ContentType::TEXT_PLAIN, &message.text)?)
                .singlepart(part(ContentType::TEXT_HTML, &message.html)?),
        )
        .map_err(|_| ComposeError::Builder)?;

    let mut bytes = built.formatted();
    if let Some(dkim) = &message.dkim {
        let signatures = dkim.sign(&bytes, message.date).map_err(|_| ComposeError::Signature)?;
        bytes.splice(..0, signatures);
    }
    let addresses =
        [Some(&message.from.address), Some(&message.to.address), message.reply_to.as_ref()];
    if !is_fit_to_travel(&bytes, &addresses.map(|address| address.map_or("", EmailAddress::as_str)))
    {
        return Err(ComposeError::Builder);
    }
    let from = message.return_path.as_ref().unwrap_or(&message.from.address).clone();
    Ok(Outgoing { message_id, from, to: message.to.address.clone(), bytes, begin_by: None })
}

/// The ways to stop mail, each in one piece.
fn list_unsubscribe(message: &Message) -> Result<Option<String>, ComposeError> {
    match (&message.unsubscribe, &message.unsubscribe_mailto) {
        (None, None) => Ok(None),
        (Some(url), None) if is_plain_url(url) => Ok(Some(format!("<{url}>"))),
        (Some(url), Some(address)) if is_plain_url(url) && is_plain_address(address) => {
            Ok(Some(format!("<{url}>,\r\n <mailto:{}>", address.as_str())))
        }
        _ => Err(ComposeError::Unsubscribe),
    }
}

/// The name of a sender in Feedback-ID: 5 to 15 characters, the same in all its messages.
///
/// The reports of mailbox providers are for the domain that signed, so it need not be unlike those of
/// strangers.
fn feedback_sender(host: &str) -> String {
    let letters: String = host.chars().filter(char::is_ascii_alphanumeric).collect();
    let room = FEEDBACK_SENDER_MAX_LEN - FEEDBACK_SENDER_START.len();
    format!("{FEEDBACK_SENDER_START}{}", &letters[letters.len().saturating_sub(room)..])
}

fn date(at: Timestamp) -> Result<SystemTime, ComposeError> {
    if at < Timestamp::UNIX_EPOCH { Err(ComposeError::Date) } else { Ok(at.into()) }
}

fn mailbox(
    mailbox: &Mailbox,
    clean: fn(&str) -> String,
) -> Result<lettre::message::Mailbox, ComposeError> {
    let name = mailbox.name.as_deref().map(|name| header_text(name, clean));
    let name = name.filter(|name| !name.is_empty());
    Ok(lettre::message::Mailbox::new(name, lettre_address(&mailbox.address)?))
}

fn lettre_address(address: &EmailAddress) -> Result<lettre::Address, ComposeError> {
    address.as_str().parse().map_err(|_| ComposeError::Builder)
}

/// Foreign text as one clean line, in which no mail program finds an encoded word (RFC 2047):
/// anything could hide behind one.
fn header_text(foreign: &str, clean: fn(&str) -> String) -> String {
    clean(foreign).replace("=?", "= ?")
}

/// A header that lettre must neither encode nor fold: some readers lose a folded Message-ID, and
/// a List-Unsubscribe address must stay in one piece. The value is printable ASCII.
fn header(name: &'static str, value: String) -> HeaderValue {
    let name = HeaderName::new_from_ascii_str(name);
    HeaderValue::dangerous_new_pre_encoded(name, value.clone(), value)
}

fn part(content_type: ContentType, body: &str) -> Result<SinglePart, ComposeError> {
    if body.len() > BODY_MAX_LEN {
        return Err(ComposeError::TooLarge);
    }
    // Always quoted-printable: it keeps the boundary unique and lines short, needs no 8BITMIME, and
    // spam filters distrust texts in base64. Encoded here, because lettre would look at all of it three
    // times to find out whether it could.
    let encoded = quoted_printable::encode(with_crlf(body));
    let encoding = ContentTransferEncoding::QuotedPrintable;
    Ok(SinglePart::builder()
        .header(content_type)
        .body(Body::dangerous_pre_encoded(encoded, encoding)))
}

/// Lines ended by CRLF, whatever ended them before; control characters but the tab removed.
fn with_crlf(body: &str) -> String {
    let mut out = String::with_capacity(body.len() + body.len() / 32);
    for line in body.split_inclusive('\n') {
        let text = line.strip_suffix('\n').unwrap_or(line);
        let ends = text.len() < line.len();
        let text = if ends { text.strip_suffix('\r').unwrap_or(text) } else { text };
        if may_have_controls(text) {
            text.chars().for_each(|c| match c {
                '\r' => out.push_str("\r\n"),
                c if c.is_control() && c != '\t' => {}
                c => out.push(c),
            });
        } else {
            out.push_str(text);
        }
        if ends {
            out.push_str("\r\n");
        }
    }
    out
}

/// `false` for nearly all lines: looks at bytes, without an early end, which is what runs fast. 0xC2 begins
/// the controls from U+0080 on, among others.
fn may_have_controls(line: &str) -> bool {
    line.bytes().fold(false, |may, b| may | matches!(b, 0..=8 | 10..=31 | 0x7f | 0xc2))
}

/// Words of letters, digits and `+-_`, joined by single dots: needs no quoting in any header.
fn is_dot_atom(text: &str, max_len: usize) -> bool {
    let word = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-_".contains(&b))
    };
    text.len() <= max_len && text.split('.').all(word)
}

/// `true` for an address that needs nothing percent-encoded in a `mailto:` (RFC 6068, 2).
fn is_plain_address(address: &EmailAddress) -> bool {
    let local = address.as_str().split('@').next().unwrap_or_default();
    is_dot_atom(local, 64)
}

fn is_plain_url(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    url.len() <= URL_MAX_LEN
        && rest
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '['))
        && url.bytes().all(|b| b.is_ascii_graphic() && !b"<>\"\\".contains(&b))
}

/// `true` for 7-bit text in CRLF lines of bounded length: what a transport may send as it is. Beyond that,
/// the headers may hold `addresses` that go beyond ASCII.
fn is_fit_to_travel(message: &[u8], addresses: &[&str]) -> bool {
    if !addresses.concat().is_ascii() {
        let end = message.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap_or_default();
        let (head, body) = message.split_at(end);
        let Ok(head) = str::from_utf8(head) else { return false };
        // As long as they are, and 7-bit: so the lines keep their length, and only they are excused.
        let plain = addresses
            .iter()
            .filter(|address| !address.is_ascii())
            .fold(head.to_owned(), |head, address| {
                head.replace(address, &"x".repeat(address.len()))
            });
        return is_fit_to_travel(&[plain.as_bytes(), body].concat(), &[]);
    }
    // Looks at every byte of a line, without an early end: that is what runs fast.
    let is_text = |line: &[u8]| {
        line.iter().fold(true, |fit, b| fit & (*b == b'\t' || (b' '..=b'~').contains(b)))
    };
    let mut start = 0;
    for end in memchr_iter(b'\n', message) {
        let line = message[start..end].strip_suffix(b"\r");
        if !line.is_some_and(|line| line.len() <= LINE_MAX_LEN && is_text(line)) {
            return false;
        }
        start = end + 1;
    }
    start > 0 && start == message.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_get_crlf_lines_and_lose_control_characters() {
        assert_eq!(with_crlf("a\nb\r\nc\rd\0\u{7}\te\r"), "a\r\nb\r\nc\r\nd\te\r\n");
        assert_eq!(with_crlf("\u{7f}5\u{a0}\u{80}\u{9f}§ é\u{85}"), "5\u{a0}§ é");
    }

    #[test]
    fn only_7_bit_crlf_lines_of_bounded_length_may_travel() {
        let is_fit_to_travel = |message: &[u8]| is_fit_to_travel(message, &["a@x.example"]);
        assert!(is_fit_to_travel(b"A: b\r\n\r\nc\r\n"));
        for bad in [
            &b"A: b"[..],
            b"A: b\n",
            b"A\rB\r\n",
            b"A\nB\r\n",
            b"A\r\n\n",
            b"\xc3\xa4\r\n",
            b"A\0\r\n",
            b"\r\r\n",
        ] {
            assert!(!is_fit_to_travel(bad), "{bad:?}");
        }
        assert!(is_fit_to_travel(&[&[b'a'; 998][..], b"\r\n"].concat()));
        assert!(!is_fit_to_travel(&[&[b'a'; 999][..], b"\r\n"].concat()));
    }

    #[test]
    fn beyond_ascii_there_is_nothing_but_addresses_in_headers() {
        let fit = |message: &str| is_fit_to_travel(message.as_bytes(), &["", "åsa@x.example"]);
        assert!(fit("To: <åsa@x.example>\r\n\r\nc\r\n"));
        assert!(!fit("To: Åsa <åsa@x.example>\r\n\r\nc\r\n"));
        assert!(!fit("To: <åsa@x.example>\r\n\r\nåsa@x.example\r\n"));
        assert!(!fit("To: <åsa@x.example>\r\n"), "no end of the headers");
        let line = |len: usize| format!("{}åsa@x.example\r\n\r\n", "a".repeat(len - 14));
        assert!(fit(&line(998)));
        assert!(!fit(&line(999)));
    }

    #[test]
    fn the_name_of_a_sender_for_reports_is_of_the_wanted_length() {
        for (host, name) in [
            ("shop.example", "afs-shopexample"),
            ("reviews.xn--bcher-kva.example", "afs-rkvaexample"),
            ("a.se", "afs-ase"),
        ] {
            assert_eq!(feedback_sender(host), name);
        }
    }
}
