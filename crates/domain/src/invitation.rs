//! Invitations: one mail that asks one buyer about one order.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::ShopId;

/// Identifies an invitation everywhere: in the record, in the queue, in links and as Message-ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InvitationId(pub Uuid);

impl InvitationId {
    /// The id of the invitation for this order, decided on at `now`.
    ///
    /// Ordered by time, so that databases append; the rest is a hash, so that no randomness is
    /// needed and a decision taken twice at the same time yields the same id.
    #[must_use]
    pub fn derive(now: Timestamp, shop: &ShopId, order_reference: &str) -> Self {
        Self(derive_uuid(now, &["invitation", shop.as_str(), order_reference]))
    }

    /// The id of the reminder of `invitation`, decided on at `now`.
    #[must_use]
    pub fn reminder(now: Timestamp, invitation: Self) -> Self {
        Self(derive_uuid(now, &["reminder", &invitation.to_string()]))
    }

    /// The id of the mail that the recipient of `invitation` asked for at `now`.
    #[must_use]
    pub fn later(now: Timestamp, invitation: Self) -> Self {
        Self(derive_uuid(now, &["later", &invitation.to_string()]))
    }
}

/// Which of the mails about one order it is. There is one of each at most, and all lead to the same
/// review.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MailKind {
    /// The first one.
    Invitation,
    /// To buyers who have not answered the first.
    Reminder,
    /// To buyers who wanted to be asked later.
    Later,
}

impl MailKind {
    const ALL: [Self; 3] = [Self::Invitation, Self::Reminder, Self::Later];

    /// The stable name, as in the record.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invitation => "invitation",
            Self::Reminder => "reminder",
            Self::Later => "later",
        }
    }

    /// The inverse of [`Self::as_str`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

impl fmt::Display for InvitationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for InvitationId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// A UUID of version 7 whose random part is a hash of `parts`.
pub(crate) fn derive_uuid(now: Timestamp, parts: &[&str]) -> Uuid {
    let mut hash = Sha256::new();
    hash.update(now.as_nanosecond().to_be_bytes());
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest: [u8; 32] = hash.finalize().into();
    let mut entropy = [0; 10];
    entropy.copy_from_slice(&digest[..10]);
    let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &entropy).into_uuid()
}

/// Where an invitation stands.
///
/// ```text
/// scheduled ──claim──▶ sending ──250──▶ sent
///     ▲  │                │ │
///     │  │                │ └──refused, or too late──▶ failed
///     │  │                └──temporary, unknown, or lease over──▶ scheduled
///     │  ├──order undone──▶ cancelled
///     │  └──buyer said stop──▶ suppressed
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InvitationState {
    /// Waits for its time.
    Scheduled,
    /// A worker holds the lease and may be talking to the mail server.
    Sending,
    /// The mail server took responsibility (250 to the final dot).
    Sent,
    /// The order was cancelled or refunded before the mail left.
    Cancelled,
    /// The buyer does not want mail.
    Suppressed,
    /// The mail server refused it for good, or nobody took it in time.
    Failed,
}

impl InvitationState {
    /// Every state, in the order of a life.
    pub const ALL: [Self; 6] = [
        Self::Scheduled,
        Self::Sending,
        Self::Sent,
        Self::Cancelled,
        Self::Suppressed,
        Self::Failed,
    ];

    /// The stable name, as in the record, in metrics and in `afs status`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Cancelled => "cancelled",
            Self::Suppressed => "suppressed",
            Self::Failed => "failed",
        }
    }

    /// The inverse of [`Self::as_str`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_repeat_for_the_same_decision_only_and_sort_by_time() {
        let shop: ShopId = "demo".parse().unwrap();
        let at = |ms| Timestamp::from_millisecond(ms).unwrap();
        let id = |ms, order| InvitationId::derive(at(ms), &shop, order);
        assert_eq!(id(1_000, "1"), id(1_000, "1"));
        assert_ne!(id(1_000, "1"), id(1_000, "2"));
        assert!(id(1_000, "9") < id(1_001, "1"));
        assert_eq!(id(5, "1").0.get_version_num(), 7);
    }

    #[test]
    fn states_have_one_name_each() {
        for state in InvitationState::ALL {
            assert_eq!(InvitationState::parse(state.as_str()), Some(state));
        }
    }
}
