//! Composes messages and hands them to a mail server.
//!
//! [`compose`] turns a [`Message`] into the bytes that travel, the same bytes for the same message,
//! signed if the sender has a [key](Dkim).
//! A [`Transport`] hands them over and reports exactly what the server said: nobody here decides
//! when to try again, or for whom.

mod dkim;
mod message;
#[cfg(feature = "testkit")]
pub mod testkit;
mod transport;

pub use dkim::{Algorithm, Dkim, KeyError, PrivateKey};
pub use message::{ComposeError, Mailbox, Message, Outgoing, compose};
pub use transport::{
    Accepted, BadCertificate, Certificate, CheckError, Credentials, Fault, Files, Limits, Relay,
    SendError, SetupError, Smtp, SmtpSettings, Stage, Timeouts, Tls, Transport,
};
#[cfg(feature = "testkit")]
pub use transport::{Memory, first_reply};
