//! Reviews, and how one becomes verified.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    InvitationId, InvitationState, OrderRecord, OrderStatus, ShopId, invitation::derive_uuid, text,
};

/// The longest title, in characters.
pub const TITLE_MAX_CHARS: usize = 120;
/// The longest review text, in characters.
pub const TEXT_MAX_CHARS: usize = 5_000;

/// Identifies a review.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReviewId(pub Uuid);

impl ReviewId {
    /// The id of a review submitted at `now`. The same text sent twice in the same instant is one
    /// review.
    #[must_use]
    pub fn derive(now: Timestamp, shop: &ShopId, opinion: &Opinion) -> Self {
        let Opinion { stars, title, text, display_name } = opinion;
        let stars = stars.0.to_string();
        Self(derive_uuid(now, &["review", shop.as_str(), &stars, title, text, display_name]))
    }
}

impl fmt::Display for ReviewId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for ReviewId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// One to five.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Stars(u8);

/// Stars are 1, 2, 3, 4 or 5.
#[derive(Debug, thiserror::Error)]
#[error("stars are 1, 2, 3, 4 or 5")]
pub struct InvalidStars;

impl TryFrom<u8> for Stars {
    type Error = InvalidStars;

    fn try_from(stars: u8) -> Result<Self, Self::Error> {
        if (1..=5).contains(&stars) { Ok(Self(stars)) } else { Err(InvalidStars) }
    }
}

impl From<Stars> for u8 {
    fn from(stars: Stars) -> Self {
        stars.0
    }
}

/// What somebody thinks: the part of a review that people write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opinion {
    /// One to five.
    pub stars: Stars,
    /// At most [`TITLE_MAX_CHARS`] characters; may be empty.
    pub title: String,
    /// At most [`TEXT_MAX_CHARS`] characters; may be empty.
    pub text: String,
    /// The name to show; may be empty.
    pub display_name: String,
}

impl Opinion {
    /// The opinion as it is kept: bounded, without control characters or direction overrides.
    #[must_use]
    pub fn cleaned(self) -> Self {
        Self {
            stars: self.stars,
            title: text::paragraphs(&text::line(&self.title), TITLE_MAX_CHARS),
            text: text::paragraphs(&self.text, TEXT_MAX_CHARS),
            display_name: text::person_name(&self.display_name),
        }
    }
}

/// A review in the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// Its id.
    pub id: ReviewId,
    /// The shop it is about.
    pub shop: ShopId,
    /// The invitation whose link it came through; `None` is an organic review, and stays one.
    pub invitation: Option<InvitationId>,
    /// What was written.
    pub opinion: Opinion,
    /// When it was submitted.
    pub submitted_at: Timestamp,
}

/// What is shown beside a review. It follows from how the review came in; nobody sets it by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// Written unprompted.
    Organic,
    /// Came through an invitation and waits to be checked.
    Pending,
    /// Came through an invitation for a real order; the evidence is on record.
    Verified,
    /// Came through an invitation, but the check failed; the refusal is on record.
    Refused,
}

impl Label {
    /// Every label.
    pub const ALL: [Self; 4] = [Self::Organic, Self::Pending, Self::Verified, Self::Refused];

    /// The stable name, as in the record.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Organic => "organic",
            Self::Pending => "pending",
            Self::Verified => "verified",
            Self::Refused => "refused",
        }
    }

    /// The inverse of [`Self::as_str`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|label| label.as_str() == text)
    }
}

/// Why a review is verified. Only [`verify`] makes one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Evidence {
    invitation: InvitationId,
    order_reference: String,
    order_completed_at: Timestamp,
    invitation_sent_at: Timestamp,
    review_submitted_at: Timestamp,
}

/// Why a review that came through an invitation is not verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// There is no such invitation.
    #[error("the review names an invitation that does not exist")]
    NoInvitation,
    /// The invitation belongs to another shop.
    #[error("the invitation belongs to another shop")]
    OtherShop,
    /// The invitation was never sent, so nobody can hold its link.
    #[error("the invitation was never sent")]
    NeverSent,
    /// The order behind it was cancelled or refunded.
    #[error("the order was cancelled or refunded")]
    OrderUndone,
}

/// The invitation and the order a review came from, as the record holds them.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The invitation.
    pub invitation: InvitationId,
    /// The invitation's shop.
    pub shop: ShopId,
    /// The invitation's state.
    pub state: InvitationState,
    /// When the first attempt to mail it began, if any did.
    pub first_attempt_at: Option<Timestamp>,
    /// The order.
    pub order: OrderRecord,
}

/// Checks a review against where it came from. The only way to [`Evidence`].
///
/// An invitation counts as sent from its first attempt on: a mail server may have delivered it
/// although its answer was lost, and the buyer may be faster than our retry. Whether the review came
/// later is not asked of two machines' clocks: without the mail nobody has the link.
pub fn verify(review: &Review, origin: Option<&Origin>) -> Result<Evidence, Refusal> {
    let origin = origin
        .filter(|origin| review.invitation == Some(origin.invitation))
        .ok_or(Refusal::NoInvitation)?;
    if origin.shop != review.shop {
        return Err(Refusal::OtherShop);
    }
    let sent_at = origin.first_attempt_at.ok_or(Refusal::NeverSent)?;
    if origin.order.status != OrderStatus::Completed {
        return Err(Refusal::OrderUndone);
    }
    Ok(Evidence {
        invitation: origin.invitation,
        order_reference: origin.order.order.reference.clone(),
        order_completed_at: origin.order.changed_at,
        invitation_sent_at: sent_at,
        review_submitted_at: review.submitted_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Order;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn review() -> Review {
        Review {
            id: ReviewId(Uuid::nil()),
            shop: "demo".parse().unwrap(),
            invitation: Some(InvitationId(Uuid::max())),
            opinion: Opinion {
                stars: Stars(5),
                title: String::new(),
                text: String::new(),
                display_name: String::new(),
            },
            submitted_at: at(20),
        }
    }

    fn origin() -> Origin {
        Origin {
            invitation: InvitationId(Uuid::max()),
            shop: "demo".parse().unwrap(),
            state: InvitationState::Sent,
            first_attempt_at: Some(at(10)),
            order: OrderRecord {
                order: Order { reference: "1".into(), ..Order::default() },
                status: OrderStatus::Completed,
                changed_at: at(1),
            },
        }
    }

    #[test]
    fn a_review_through_a_sent_invitation_of_a_real_order_is_verified() {
        let evidence = verify(&review(), Some(&origin())).unwrap();
        assert_eq!(evidence.order_reference, "1");
        assert_eq!(evidence.invitation_sent_at, at(10));
    }

    #[test]
    fn a_receiver_whose_clock_is_behind_the_workers_refuses_no_genuine_review() {
        let early = Review { submitted_at: at(5), ..review() };
        let evidence = verify(&early, Some(&origin())).unwrap();
        assert_eq!((evidence.invitation_sent_at, evidence.review_submitted_at), (at(10), at(5)));
    }

    #[test]
    fn everything_else_is_refused_with_a_reason() {
        assert_eq!(verify(&review(), None), Err(Refusal::NoInvitation));
        let organic = Review { invitation: None, ..review() };
        assert_eq!(verify(&organic, Some(&origin())), Err(Refusal::NoInvitation));
        let other = Origin { shop: "other".parse().unwrap(), ..origin() };
        assert_eq!(verify(&review(), Some(&other)), Err(Refusal::OtherShop));
        let unsent = Origin { first_attempt_at: None, ..origin() };
        assert_eq!(verify(&review(), Some(&unsent)), Err(Refusal::NeverSent));
        let mut undone = origin();
        undone.order.status = OrderStatus::Refunded;
        assert_eq!(verify(&review(), Some(&undone)), Err(Refusal::OrderUndone));
    }

    #[test]
    fn stars_are_one_to_five() {
        assert!(Stars::try_from(0).is_err() && Stars::try_from(6).is_err());
        assert_eq!(u8::from(Stars::try_from(3).unwrap()), 3);
    }
}
