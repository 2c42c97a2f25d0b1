//! Orders, as every platform tells them to us.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Consent, EmailAddress, Money, text};

/// The longest order reference we store, in bytes.
pub const REFERENCE_MAX_LEN: usize = 128;

/// The most items of one order that we keep; an invitation shows no more.
pub const ITEMS_MAX: usize = 30;

/// The most tags of an order, and categories of an item, that we keep.
const TAGS_MAX: usize = 30;

/// One order. Everything but the reference may be missing: platforms redact, draft and forget.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The platform's own id, as text: ids go beyond 2^53.
    pub reference: String,
    /// What the buyer knows the order by, for example `#1001`.
    pub number: Option<String>,
    /// Where the buyer can be reached.
    pub email: Option<EmailAddress>,
    /// The buyer's name.
    pub name: Option<String>,
    /// The buyer's language, as the platform spells it (`sv`, `en-GB`, `de_DE`).
    pub locale: Option<String>,
    /// ISO 3166-1 alpha-2, upper case.
    pub country: Option<String>,
    /// The region within the country, as the platform writes it: mostly the second part of an
    /// ISO 3166-2 code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// What was bought.
    #[serde(default)]
    pub items: Vec<Item>,
    /// What the buyer paid, or is to pay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<Money>,
    /// What the buyer said to marketing; `None` where the platform does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marketing_consent: Option<Consent>,
    /// When the buyer ordered.
    pub placed_at: Option<Timestamp>,
    /// When the shop wants the buyer to be asked, if it says so for this order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask_at: Option<Timestamp>,
    /// How far it is on its way.
    #[serde(default, skip_serializing_if = "Fulfilment::is_unknown")]
    pub fulfilment: Fulfilment,
    /// What the shop sorts its orders by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Bought for a company.
    #[serde(default, skip_serializing_if = "is_false")]
    pub business: bool,
    /// The platform marks this order as a test.
    #[serde(default)]
    pub test: bool,
}

/// One line of an order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The product's name, as the buyer saw it.
    pub name: String,
    /// The shop's stock-keeping unit.
    pub sku: Option<String>,
    /// The product's number in trade (GTIN: EAN, UPC, ISBN), digits only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gtin: Option<String>,
    /// The categories it belongs to, as the shop names them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// The product's page.
    pub url: Option<String>,
    /// A picture of the product.
    pub image: Option<String>,
}

impl Order {
    /// What may stay when nobody has to be told about the order any more: by which products a later
    /// order is one of the same. Names nobody.
    #[must_use]
    pub fn forgotten(&self) -> Self {
        let product = |item: &Item| Item {
            name: item.name.clone(),
            sku: item.sku.clone(),
            gtin: item.gtin.clone(),
            ..Item::default()
        };
        Self {
            reference: self.reference.clone(),
            items: self.items.iter().map(product).collect(),
            ..Self::default()
        }
    }

    /// The order with every text made safe to show and bounded: control characters and text
    /// direction overrides gone, names shortened, at most [`ITEMS_MAX`] items, links only `https`.
    #[must_use]
    pub fn cleaned(&self) -> Self {
        let country = self.country.as_deref().map(|code| code.trim().to_ascii_uppercase());
        let is_code =
            |code: &String| code.len() == 2 && code.bytes().all(|c| c.is_ascii_uppercase());
        let items = self.items.iter().take(ITEMS_MAX).map(Item::cleaned);
        Self {
            reference: self.reference.clone(),
            number: line(self.number.as_deref()),
            email: self.email.clone(),
            name: self.name.as_deref().map(text::person_name).filter(|name| !name.is_empty()),
            locale: line(self.locale.as_deref()),
            country: country.filter(is_code),
            region: line(self.region.as_deref()),
            items: items.filter(|item| !item.name.is_empty()).collect(),
            total: self.total.clone(),
            marketing_consent: self.marketing_consent.as_ref().map(Consent::cleaned),
            placed_at: self.placed_at,
            ask_at: self.ask_at,
            fulfilment: self.fulfilment,
            tags: lines(&self.tags),
            business: self.business,
            test: self.test,
        }
    }
}

impl Item {
    /// Whether both are the same product: by its number in trade, or else by what its shop calls it.
    #[must_use]
    pub fn is_same_product(&self, other: &Self, same_shop: bool) -> bool {
        match (&self.gtin, &other.gtin) {
            (Some(gtin), Some(other)) => gtin == other,
            _ if !same_shop => false,
            _ => match (&self.sku, &other.sku) {
                (Some(sku), Some(other)) => sku == other,
                _ => self.name == other.name,
            },
        }
    }

    fn cleaned(&self) -> Self {
        let link = |url: &&String| text::is_https(url);
        Self {
            name: text::line(&self.name),
            sku: line(self.sku.as_deref()),
            gtin: self.gtin.as_deref().map(digits).filter(|gtin| is_gtin(gtin)),
            categories: lines(&self.categories),
            url: self.url.as_ref().filter(link).cloned(),
            image: self.image.as_ref().filter(link).cloned(),
        }
    }
}

/// Without the hyphens and spaces that people write for reading.
fn digits(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, '-' | ' ')).collect()
}

/// GS1 General Specifications: GTIN-8, -12, -13 and -14.
fn is_gtin(text: &str) -> bool {
    matches!(text.len(), 8 | 12 | 13 | 14) && text.bytes().all(|b| b.is_ascii_digit())
}

fn line(text: Option<&str>) -> Option<String> {
    text.map(text::line).filter(|line| !line.is_empty())
}

/// Tags and categories, safe to show and not too many.
fn lines(texts: &[String]) -> Vec<String> {
    texts.iter().filter_map(|text| line(Some(text))).take(TAGS_MAX).collect()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// How far an order is on its way, as far as its platform has told. It only ever rises.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Fulfilment {
    /// The platform has not told.
    #[default]
    Unknown,
    /// A part of it was sent.
    Partial,
    /// All of it was sent.
    Shipped,
    /// All of it arrived.
    Delivered,
}

impl Fulfilment {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
    fn is_unknown(&self) -> bool {
        *self == Self::Unknown
    }
}

/// What happened to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The buyer has, or is about to have, what was ordered.
    Completed,
    /// The order was called off, or deleted.
    Cancelled,
    /// The buyer got the money back.
    Refunded,
}

impl Change {
    /// The stable name, as in the record and in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Refunded => "refunded",
        }
    }
}

/// One thing a platform told us about one order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderEvent {
    /// What happened.
    pub change: Change,
    /// When it happened, by the platform's clock; `None` where the platform does not say.
    pub at: Option<Timestamp>,
    /// The order as it was then. Undo events may carry nothing but the reference.
    pub order: Order,
}

impl OrderEvent {
    /// What happened, without anything about the buyer or what was bought.
    pub(crate) fn bare(&self) -> Self {
        let order = Order { reference: self.order.reference.clone(), ..Order::default() };
        Self { change: self.change, at: self.at, order }
    }
}

/// Where an order stands, as far as we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderStatus {
    /// The buyer may be invited.
    Completed,
    /// Never to be invited. Also a tombstone: a cancel may arrive before the order.
    Cancelled,
    /// Never to be invited.
    Refunded,
}

impl OrderStatus {
    /// The stable name, as in the record.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Refunded => "refunded",
        }
    }

    /// The inverse of [`Self::as_str`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Completed, Self::Cancelled, Self::Refunded].into_iter().find(|s| s.as_str() == text)
    }
}

impl From<Change> for OrderStatus {
    fn from(change: Change) -> Self {
        match change {
            Change::Completed => Self::Completed,
            Change::Cancelled => Self::Cancelled,
            Change::Refunded => Self::Refunded,
        }
    }
}

/// An order in the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderRecord {
    /// The newest details we were told.
    pub order: Order,
    /// The newest status; an undo is final.
    pub status: OrderStatus,
    /// The platform's time of the event the details come from.
    pub changed_at: Timestamp,
}
