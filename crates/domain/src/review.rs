//! Reviews, and how one becomes verified.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{
    InvitationId, InvitationState, Item, OrderRecord, OrderStatus, ShopId, invitation::derive_uuid,
    order::ITEMS_MAX, text,
};

/// The longest title, in characters.
pub const TITLE_MAX_CHARS: usize = 120;
/// The longest review text, in characters.
pub const TEXT_MAX_CHARS: usize = 5_000;
/// The longest opinion of one product, in characters.
pub const PRODUCT_TEXT_MAX_CHARS: usize = 2_000;

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

/// Tells the products of one order apart, whatever happens to the order between the moment a form
/// is shown and the moment it is sent: what the buyer saw, and the stock-keeping unit behind it.
/// Written as 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProductKey(u64);

impl ProductKey {
    /// The key of an item. One that gets another name or SKU counts as another product.
    #[must_use]
    pub fn of(item: &Item) -> Self {
        let mut hash = Sha256::new();
        // No name contains a line break, so no two pairs look alike.
        hash.update(&item.name);
        hash.update("\n");
        hash.update(item.sku.as_deref().unwrap_or_default());
        let digest: [u8; 32] = hash.finalize().into();
        let mut short = [0; 8];
        short.copy_from_slice(&digest[..8]);
        Self(u64::from_be_bytes(short))
    }
}

impl fmt::Display for ProductKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A key is 16 hexadecimal digits, in lower case.
#[derive(Debug, thiserror::Error)]
#[error("a product's key is 16 hexadecimal digits, in lower case")]
pub struct InvalidProductKey;

impl std::str::FromStr for ProductKey {
    type Err = InvalidProductKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let key = u64::from_str_radix(text, 16).map(Self).map_err(|_| InvalidProductKey)?;
        if key.to_string() == text { Ok(key) } else { Err(InvalidProductKey) }
    }
}

/// A product of an order that an opinion can be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Product<'a> {
    /// Tells it from the others.
    pub key: ProductKey,
    /// Where it stands in the order's list of items, from 0.
    pub position: u8,
    /// The product itself.
    pub item: &'a Item,
}

/// The products among the items of an order, in their order, at most [`ITEMS_MAX`]. Items that look
/// alike to the buyer and are the same to the shop are one product: the first of them.
#[must_use]
pub fn products(items: &[Item]) -> Vec<Product<'_>> {
    let mut products: Vec<Product<'_>> = Vec::new();
    for (position, item) in (0..).zip(items.iter().take(ITEMS_MAX)) {
        let key = ProductKey::of(item);
        if products.iter().all(|other| other.key != key) {
            products.push(Product { key, position, item });
        }
    }
    products
}

/// What somebody thinks of one product of the order. It is exactly as verified as the review it
/// came with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductReview {
    /// Where the product stood in the order's list of items, from 0.
    pub position: u8,
    /// The product's name, as the buyer saw it.
    pub name: String,
    /// The shop's stock-keeping unit.
    pub sku: Option<String>,
    /// The product's number in trade (GTIN), digits only.
    pub gtin: Option<String>,
    /// The product's page.
    pub url: Option<String>,
    /// One to five.
    pub stars: Stars,
    /// At most [`PRODUCT_TEXT_MAX_CHARS`] characters; may be empty.
    pub text: String,
}

impl ProductReview {
    /// An opinion of `product` as it is kept: the text bounded, without control characters or
    /// direction overrides.
    #[must_use]
    pub fn new(product: Product<'_>, stars: Stars, text: &str) -> Self {
        let Item { name, sku, gtin, url, .. } = product.item.clone();
        let text = text::paragraphs(text, PRODUCT_TEXT_MAX_CHARS);
        Self { position: product.position, name, sku, gtin, url, stars, text }
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
    /// What was written about the shop.
    pub opinion: Opinion,
    /// What was written about products of the order, by position; those without stars are left out.
    pub products: Vec<ProductReview>,
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
            products: vec![],
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

    fn item(name: &str, sku: Option<&str>) -> Item {
        Item { name: name.into(), sku: sku.map(str::to_owned), ..Item::default() }
    }

    #[test]
    fn products_are_listed_once_and_keep_their_keys_wherever_they_stand() {
        let items = [
            item("Tea", None),
            item("Pot", Some("P-1")),
            item("Tea", None),
            item("Pot", Some("P-2")),
        ];
        let before = products(&items);
        assert_eq!(before.iter().map(|p| p.position).collect::<Vec<_>>(), [0, 1, 3]);
        let turned: Vec<Item> = items.iter().rev().cloned().collect();
        for product in products(&turned) {
            let same = before.iter().find(|other| other.key == product.key).unwrap();
            assert_eq!(same.item, product.item);
        }
        let many: Vec<Item> = (0..300).map(|n| item(&n.to_string(), None)).collect();
        assert_eq!(products(&many).len(), ITEMS_MAX);
    }

    #[test]
    fn a_key_is_another_one_for_another_name_or_unit_and_has_one_spelling() {
        let key = ProductKey::of(&item("Tea", Some("1")));
        for other in [item("Tea", None), item("Tea", Some("2")), item("Tea1", None)] {
            assert_ne!(ProductKey::of(&other), key);
        }
        assert_eq!(key.to_string().parse::<ProductKey>().unwrap(), key);
        for wrong in ["", "0", "-000000000000001", "+000000000000001", "000000000000000A"] {
            assert!(wrong.parse::<ProductKey>().is_err(), "{wrong}");
        }
        assert!(format!("0{key}").parse::<ProductKey>().is_err());
    }

    #[test]
    fn an_opinion_of_a_product_is_bounded_and_says_which() {
        let tea = Item { gtin: Some("12345670".into()), ..item("Tea", Some("T")) };
        let text = format!("\u{202E}{}", "x".repeat(9_000));
        let review = ProductReview::new(products(&[tea])[0], Stars(2), &text);
        assert_eq!(review.text.chars().count(), PRODUCT_TEXT_MAX_CHARS);
        assert!(!review.text.contains('\u{202E}'));
        assert_eq!((&*review.name, review.gtin.as_deref()), ("Tea", Some("12345670")));
    }
}
