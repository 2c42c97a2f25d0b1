//! The shape of a mapping: how the webhooks of a shop system without an adapter are read.
//!
//! As in `document`, the comments on keys speak to operators, and rules between values live in `rules`.

use schemars::JsonSchema;
use serde::Deserialize;

/// The `platform` of a shop whose webhooks are read by a mapping.
pub const PLATFORM: &str = "mapping";

/// A JSON Pointer (RFC 6901) to something inside the body.
const POINTER: &str = "^(/([^~/]|~[01])*)+$";
/// A header's name (RFC 9110, 5.6.2).
const HEADER: &str = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$";

/// How webhooks are read with the platform `mapping`, which is for shop systems without an adapter.
/// Places in the body are JSON Pointers (RFC 6901), such as `/data/order/id`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// How the shop system signs its webhooks.
    pub signature: Signature,
    /// What happened to the order.
    pub event: Event,
    /// Where the details of the order stand in the body.
    pub order: Order,
    /// Where the products stand in the body.
    pub items: Option<Items>,
}

/// How the shop system signs its webhooks. There is no mapping without a signature of the whole body.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// How the signature is made, such as `hmac_sha256`.
    pub scheme: Scheme,
    /// The header that holds the signature, such as `x-acme-signature`.
    #[schemars(extend("pattern" = HEADER))]
    pub header: Option<String>,
    /// How the signature is written in the header; `hex` if not set.
    #[serde(default)]
    pub encoding: Encoding,
    /// How the shop's secret becomes the key; `raw` if not set.
    #[serde(default)]
    pub key: Key,
}

/// How the signature is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// HMAC-SHA256 of the body.
    HmacSha256,
    /// HMAC-SHA1 of the body.
    HmacSha1,
    /// `t=…,v1=…` in one header: HMAC-SHA256, in hexadecimal, of the time, a dot and the body. The time
    /// may be five minutes off.
    TimestampedHmacSha256,
    /// Standard Webhooks, which name their own headers; the secret is written as `whsec_…` or `whpk_…`.
    StandardWebhooks,
}

/// How the signature is written in the header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// In hexadecimal, in lower case.
    #[default]
    Hex,
    /// In base64, with padding.
    Base64,
}

/// How the shop's secret becomes the key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// As it stands.
    #[default]
    Raw,
    /// Decoded from hexadecimal.
    Hex,
    /// Decoded from base64.
    Base64,
}

/// What happened to the order. The body must say it: headers are not signed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Where the body says what happened: the name of the event or the status of the order, such as
    /// `/event`. Numbers, true and false count as text.
    #[schemars(extend("pattern" = POINTER))]
    pub path: String,
    /// What stands there when the buyer has, or soon gets, the goods, and nothing is known of how far
    /// they are, such as `["order.completed"]`.
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub completed: Option<Vec<String>>,
    /// What stands there when a part of the order was sent, such as `["order.partly_shipped"]`. It
    /// counts as completed then, too.
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub partial: Option<Vec<String>>,
    /// What stands there when all of the order was sent, such as `["order.shipped"]`.
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub shipped: Option<Vec<String>>,
    /// What stands there when all of the order arrived, such as `["order.delivered"]`.
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub delivered: Option<Vec<String>>,
    /// What stands there when the order was called off, such as `["order.cancelled"]`.
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub cancelled: Option<Vec<String>>,
    /// What stands there when the buyer got the money back, such as `["order.refunded"]`.
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub refunded: Option<Vec<String>>,
    /// What may stand there and does not count, such as `["order.created"]`; `null` is for nothing at
    /// all. A webhook whose value is in no list is kept until the mapping knows it.
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub ignored: Option<Vec<String>>,
}

/// Where the details of the order stand in the body. Only `reference` has to be there.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The shop system's own id of the order, the same in all its webhooks, such as `/data/id`.
    #[schemars(extend("pattern" = POINTER))]
    pub reference: String,
    /// What the buyer knows the order by, such as `/data/number`.
    #[schemars(extend("pattern" = POINTER))]
    pub number: Option<String>,
    /// The buyer's e-mail address, such as `/data/customer/email`. Without it nobody is invited.
    #[schemars(extend("pattern" = POINTER))]
    pub email: Option<String>,
    /// The buyer's name, if it is in one piece, such as `/data/customer/name`.
    #[schemars(extend("pattern" = POINTER))]
    pub name: Option<String>,
    /// The buyer's first name, such as `/data/customer/first_name`.
    #[schemars(extend("pattern" = POINTER))]
    pub first_name: Option<String>,
    /// The buyer's last name, such as `/data/customer/last_name`.
    #[schemars(extend("pattern" = POINTER))]
    pub last_name: Option<String>,
    /// The buyer's language, such as `/data/language`.
    #[schemars(extend("pattern" = POINTER))]
    pub language: Option<String>,
    /// The buyer's country in two letters, such as `/data/address/country`.
    #[schemars(extend("pattern" = POINTER))]
    pub country: Option<String>,
    /// The buyer's region, such as `/data/address/province_code`: the second part of its ISO 3166-2 code,
    /// or all of it. It tells the buyer's clock, in countries that have several.
    #[schemars(extend("pattern" = POINTER))]
    pub region: Option<String>,
    /// The buyer's company, such as `/data/address/company`: any text, or true, is one.
    #[schemars(extend("pattern" = POINTER))]
    pub company: Option<String>,
    /// What the shop sorts its orders by, such as `/data/tags`: a list, or a text with commas.
    #[schemars(extend("pattern" = POINTER))]
    pub tags: Option<String>,
    /// What the buyer pays, in units of the currency (19.90), such as `/data/total`.
    #[schemars(extend("pattern" = POINTER))]
    pub total: Option<String>,
    /// What the buyer pays, in the smallest units of the currency (1990), such as `/data/total_cents`.
    #[schemars(extend("pattern" = POINTER))]
    pub total_minor: Option<String>,
    /// The currency in three letters, such as `/data/currency`.
    #[schemars(extend("pattern" = POINTER))]
    pub currency: Option<String>,
    /// Whether the buyer agreed to marketing, such as `/data/customer/newsletter`.
    #[schemars(extend("pattern" = POINTER))]
    pub marketing_consent: Option<String>,
    /// When the buyer said so, written as `changed_at`, such as `/data/customer/newsletter_since`.
    #[schemars(extend("pattern" = POINTER))]
    pub marketing_consent_at: Option<String>,
    /// How the buyer said so, such as `/data/customer/newsletter_source`.
    #[schemars(extend("pattern" = POINTER))]
    pub marketing_consent_text: Option<String>,
    /// When it happened, such as `/data/updated_at`: a date with time (RFC 3339; UTC without a zone), or
    /// seconds since 1970. Without it, the time of the webhook.
    #[schemars(extend("pattern" = POINTER))]
    pub changed_at: Option<String>,
    /// When the buyer ordered, written as `changed_at`, such as `/data/created_at`.
    #[schemars(extend("pattern" = POINTER))]
    pub placed_at: Option<String>,
    /// When the shop wants the buyer to be asked, written as `changed_at`, such as `/data/ask_at`.
    #[schemars(extend("pattern" = POINTER))]
    pub ask_at: Option<String>,
    /// Whether the order is a test, which invites nobody, such as `/data/test`.
    #[schemars(extend("pattern" = POINTER))]
    pub test: Option<String>,
}

/// Where the products stand in the body. All but `list` start at one of its entries.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Items {
    /// The list of products, such as `/data/lines`.
    #[schemars(extend("pattern" = POINTER))]
    pub list: String,
    /// A product's name in its entry, such as `/title`.
    #[schemars(extend("pattern" = POINTER))]
    pub name: String,
    /// The shop's stock-keeping unit in the entry, such as `/sku`.
    #[schemars(extend("pattern" = POINTER))]
    pub sku: Option<String>,
    /// The GTIN (EAN, UPC or ISBN) in the entry, such as `/product/ean`.
    #[schemars(extend("pattern" = POINTER))]
    pub gtin: Option<String>,
    /// The product's categories in the entry, such as `/categories`: a list, or a text with commas.
    #[schemars(extend("pattern" = POINTER))]
    pub categories: Option<String>,
    /// The https address of the product's page in the entry, such as `/product/url`.
    #[schemars(extend("pattern" = POINTER))]
    pub url: Option<String>,
    /// The https address of a picture in the entry, such as `/product/image`.
    #[schemars(extend("pattern" = POINTER))]
    pub image: Option<String>,
}
