//! Ways to hand a message over.

mod file;
#[cfg(feature = "testkit")]
mod memory;
mod smtp;

use std::fmt;

use domain::{retry::Failure, text};

pub use self::file::Files;
#[cfg(feature = "testkit")]
pub use self::memory::Memory;
#[cfg(feature = "testkit")]
pub use self::smtp::first_reply;
pub use self::smtp::{
    BadCertificate, Certificate, CheckError, Credentials, Limits, Relay, SetupError, Smtp,
    SmtpSettings, Timeouts, Tls,
};
use crate::Outgoing;

/// A way to hand a message over. Cheap to clone; the clones share their connections.
#[derive(Clone, Debug)]
pub enum Transport {
    /// To a mail server.
    Smtp(Smtp),
    /// Into a directory.
    Files(Files),
    /// Into memory, for tests.
    #[cfg(feature = "testkit")]
    Memory(Memory),
}

impl Transport {
    /// Hands the message over; `Ok` means that the other side took it.
    ///
    /// Dropping the future leaves open whether the message was sent, but harms no other message.
    pub async fn send(&self, outgoing: &Outgoing) -> Result<Accepted, SendError> {
        if outgoing.is_late() {
            return Err(SendError::too_late());
        }
        match self {
            Self::Smtp(smtp) => smtp.send(outgoing).await,
            Self::Files(files) => files.send(outgoing).await,
            #[cfg(feature = "testkit")]
            Self::Memory(memory) => memory.send(outgoing),
        }
    }

    /// Tries everything but a message: connect, TLS, sign in, and says what the mail server let us see;
    /// or whether the directory takes files.
    pub async fn check(&self) -> Result<Option<Relay>, CheckError> {
        match self {
            Self::Smtp(smtp) => smtp.check().await.map(Some),
            Self::Files(files) => Ok(files.check().await.map(|()| None)?),
            #[cfg(feature = "testkit")]
            Self::Memory(_) => Ok(None),
        }
    }

    /// Takes leave of the mail server on every idle connection. Messages may still be sent after.
    pub async fn close(&self) {
        if let Self::Smtp(smtp) = self {
            smtp.close().await;
        }
    }
}

/// The other side took the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Its last words, often with the name under which it queued the message. One line of at most
    /// 150 characters, addresses replaced by `<address>`.
    pub reply: String,
}

/// Where in the handing over something happened, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// The TCP connection and the server's greeting.
    Connect,
    /// `EHLO`.
    Hello,
    /// `STARTTLS` or the TLS handshake.
    Tls,
    /// `AUTH`.
    Auth,
    /// `MAIL FROM`.
    MailFrom,
    /// `RCPT TO`.
    RcptTo,
    /// `DATA`.
    Data,
    /// The message was being written: the server cannot have it yet.
    Content,
    /// The whole message was written: only the server knows whether it has it.
    FinalDot,
}

impl Stage {
    /// As it stands in messages and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Hello => "hello",
            Self::Tls => "tls",
            Self::Auth => "auth",
            Self::MailFrom => "mail_from",
            Self::RcptTo => "rcpt_to",
            Self::Data => "data",
            Self::Content => "content",
            Self::FinalDot => "final_dot",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Our set-up, our reputation, or the mail server: other messages would fail alike.
    Ours,
    /// The recipient's address or mailbox.
    Recipient,
}

/// The message was not handed over, or nobody knows whether it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendError {
    /// Where it happened.
    pub stage: Stage,
    /// What it means for another attempt.
    pub failure: Failure,
    /// Whose fault it is.
    pub fault: Fault,
    /// The server's reply code (RFC 5321, 4.2), if it replied.
    pub code: Option<u16>,
    /// What the server said or what happened. One line of at most 150 characters, addresses
    /// replaced by `<address>`.
    pub text: String,
}

impl SendError {
    /// Subject and detail of the server's enhanced status code (RFC 3463), if it gave one: `(7, 1)` for
    /// 4.7.1 and 5.7.1.
    #[must_use]
    pub fn enhanced(&self) -> Option<(u16, u16)> {
        smtp::subject_and_detail(self.code?, &self.text)
    }
}

/// What happened to a message whose text was not begun in time.
const TOO_LATE: &str = "the time to begin was over";

impl SendError {
    /// Nobody was asked to take the message.
    fn too_late() -> Self {
        Self {
            stage: Stage::Connect,
            failure: Failure::Temporary,
            fault: Fault::Ours,
            code: None,
            text: TOO_LATE.to_owned(),
        }
    }

    /// The server was not asked: it does not offer SMTPUTF8 (RFC 6531). It will not tomorrow, and what is
    /// wrong is this one address, as far as other messages are concerned.
    fn beyond_ascii() -> Self {
        Self {
            stage: Stage::MailFrom,
            failure: Failure::Permanent,
            fault: Fault::Recipient,
            code: None,
            text: "the mail server does not take addresses beyond ASCII".to_owned(),
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mail failed at {}: ", self.stage)?;
        if let Some(code) = self.code {
            write!(f, "{code} ")?;
        }
        f.write_str(&self.text)
    }
}

impl std::error::Error for SendError {}

/// Foreign words fit for a log: one bounded line in which nobody is named.
///
/// Servers love to repeat the recipient in a refusal, with or without the host, and with the `@`
/// escaped in links.
fn without_addresses(foreign: &str, outgoing: Option<&Outgoing>) -> String {
    let recipient = outgoing.and_then(|outgoing| outgoing.to().as_str().split('@').next());
    let names_somebody = |word: &str| {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        word.contains('@')
            || word.to_ascii_lowercase().contains("%40")
            || recipient.is_some_and(|local| bare.to_lowercase() == local.to_lowercase())
    };
    let words: Vec<&str> = foreign
        .split_whitespace()
        .map(|word| if names_somebody(word) { "<address>" } else { word })
        .collect();
    text::line(&words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_words_name_nobody_and_are_one_bounded_line() {
        for (said, kept) in [
            ("5.1.1 <anna@x.example>: no such user", "5.1.1 <address> no such user"),
            ("rejected ANNA@X.EXAMPLE, sorry", "rejected <address> sorry"),
            ("bounce+anna=x.example@relay.example", "<address>"),
            ("see https://help.example/?r=anna%40x.example", "see <address>"),
            ("2.0.0 Ok: queued as 4F1\r\n\u{202e}x\0y", "2.0.0 Ok: queued as 4F1 x y"),
        ] {
            assert_eq!(without_addresses(said, None), kept);
        }
        assert_eq!(without_addresses(&"é ".repeat(500), None).chars().count(), 149);
    }
}
