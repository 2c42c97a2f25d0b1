//! Mails as their reader gets them.

use mail::testkit::Received;
use mail_parser::{HeaderName, Message, MessageParser};

/// A mail that the mail server took.
#[derive(Clone, Debug)]
pub struct Mail {
    /// The sender of the envelope.
    pub envelope_from: String,
    /// The recipient of the envelope.
    pub envelope_to: String,
    message: Message<'static>,
}

impl From<&Received> for Mail {
    fn from(received: &Received) -> Self {
        Self {
            envelope_from: received.from.clone(),
            envelope_to: received.to.clone(),
            message: MessageParser::default().parse(&received.bytes).unwrap().into_owned(),
        }
    }
}

impl Mail {
    /// The subject, decoded.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.message.subject().unwrap()
    }

    /// What tells repeats of a mail from other mails.
    #[must_use]
    pub fn message_id(&self) -> String {
        self.message.message_id().unwrap().to_owned()
    }

    /// The value of a header, as it travelled.
    #[must_use]
    pub fn header(&self, name: &'static str) -> Option<&str> {
        self.message.header_raw(HeaderName::from(name)).map(str::trim)
    }

    /// The plain text.
    #[must_use]
    pub fn text(&self) -> String {
        self.message.body_text(0).unwrap().into_owned()
    }

    /// The HTML.
    #[must_use]
    pub fn html(&self) -> String {
        self.message.body_html(0).unwrap().into_owned()
    }

    /// The link to the form, as it stands in the plain text.
    #[must_use]
    pub fn review_link(&self) -> String {
        let text = self.text();
        let link = text.lines().find(|line| line.starts_with("http") && line.contains("/r/"));
        link.unwrap().trim().to_owned()
    }

    /// The link for who wants to be asked later, as it stands in the plain text.
    #[must_use]
    pub fn later_link(&self) -> Option<String> {
        let text = self.text();
        let link = text.lines().find(|line| line.starts_with("http") && line.contains("/l/"));
        link.map(|link| link.trim().to_owned())
    }

    /// The link of the mail program's unsubscribe button.
    #[must_use]
    pub fn unsubscribe_link(&self) -> String {
        let value = self.header("List-Unsubscribe").unwrap();
        value.strip_prefix('<').and_then(|value| value.strip_suffix('>')).unwrap().to_owned()
    }
}
