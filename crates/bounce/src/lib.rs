//! What comes back of mails: bounces, complaints, and answers that say stop.
//!
//! No I/O: raw mails and webhooks in, [`Event`]s out. Only what proves its origin becomes one.

use domain::{EmailAddress, InvitationId};
use jiff::Timestamp;

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
    /// The recipient, as the source tells. One of both is there.
    pub address: Option<EmailAddress>,
    /// The enhanced status code (RFC 3463), as `5.1.1`.
    pub status: Option<String>,
    /// In the words of the source: one line of at most 150 characters, addresses replaced by
    /// `<address>`.
    pub detail: String,
}
