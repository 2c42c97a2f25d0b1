//! What comes back of mails: bounces, complaints, and answers that say stop.
//!
//! No I/O: raw mails and webhooks in, [`Event`]s out. Only what proves its origin becomes one.

mod classify;
pub mod mail;
pub mod provider;
mod words;

use data_encoding::HEXLOWER;
use domain::{EmailAddress, InvitationId};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

pub use domain::bounce::Kind;

/// What became of a mail after the mail server had taken it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The same each time its source repeats it, and unique among all sources: it counts once. At most
    /// 200 bytes.
    pub key: String,
    /// What happened.
    pub kind: Kind,
    /// When, if the source says so.
    pub at: Option<Timestamp>,
    /// The mail it is about, if it can be told.
    pub mail: Option<InvitationId>,
    /// The recipient, if the source proves who that is: a provider does, a mail does not. One of both is
    /// there.
    pub address: Option<EmailAddress>,
    /// The enhanced status code (RFC 3463), as `5.1.1`.
    pub status: Option<String>,
    /// In the words of the source: one line of at most 150 characters, addresses replaced by
    /// `<address>`.
    pub detail: String,
}

/// The [`Event::key`] of what `source` identifies by `parts`, however long they are.
fn key(source: &str, parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    format!("{source}:{}", HEXLOWER.encode(&hash.finalize()))
}
