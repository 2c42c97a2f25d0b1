//! Notices: that something happened to an order, which the platform has to be asked about.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{ShopId, invitation::derive_uuid};

/// Identifies a notice in the record and in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NoticeId(pub Uuid);

impl NoticeId {
    /// The id of the notice about this order, if it is the first one. Ordered by time.
    #[must_use]
    pub fn derive(now: Timestamp, shop: &ShopId, order_reference: &str) -> Self {
        Self(derive_uuid(now, &["notice", shop.as_str(), order_reference]))
    }
}

impl fmt::Display for NoticeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for NoticeId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}
