//! What pages say.

use std::collections::BTreeMap;

use domain::{
    Item, ProductKey, Stars,
    review::{Label, PRODUCT_TEXT_MAX_CHARS, Product, TEXT_MAX_CHARS, TITLE_MAX_CHARS, products},
    text::NAME_MAX_CHARS,
};
use minijinja::{Value, context};

use crate::mail::Shop;

/// With more products than this, the fields for their texts are folded: the form stays short.
const PRODUCTS_UNFOLDED: usize = 3;

/// The weeks after which a buyer can be asked again, to choose from. The second is chosen at first.
pub const LATER_WEEKS: [u8; 3] = [1, 2, 4];

/// A page of the public service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page {
    /// The form that a review is written in.
    ReviewForm(Box<ReviewForm>),
    /// The review was received just now.
    Thanks {
        /// The shop it is about.
        shop: Shop,
        /// How many were given.
        stars: Stars,
        /// How the review is marked.
        label: Label,
    },
    /// The link was used before.
    AlreadyReviewed {
        /// The shop it is about.
        shop: Shop,
        /// How many were given.
        stars: Stars,
        /// How the review is marked.
        label: Label,
    },
    /// Asks when to ask again. Opening it changes nothing; its button posts `weeks`, one of
    /// [`LATER_WEEKS`], to `action`.
    Later {
        /// The shop that would ask again.
        shop: Shop,
        /// Where the form is sent to.
        action: String,
    },
    /// The buyer will be asked again.
    LaterDone {
        /// The shop that will ask.
        shop: Shop,
        /// In how many weeks.
        weeks: u8,
    },
    /// The buyer cannot be asked again.
    LaterNot {
        /// The shop that has asked.
        shop: Shop,
    },
    /// Says what mail somebody gets, and asks what they want. Opening it changes nothing; its button
    /// posts `List-Unsubscribe=One-Click` to `action`, as a mail program would (RFC 8058), and with it
    /// `choice`, a [`Choice`]. Also the answer to that.
    Preferences {
        /// The shop whose mail led here.
        shop: Shop,
        /// Where the form is sent to.
        action: String,
        /// What they said before, or just now.
        holds: Choice,
        /// Mail is stopped for a reason that is not theirs to take back.
        is_fixed: bool,
        /// They said it just now.
        saved: bool,
    },
    /// The link was real once.
    LinkExpired,
    /// There is nothing here.
    NotFound,
    /// More visitors than we can serve.
    Busy,
    /// Our fault.
    Error {
        /// What an operator finds the fault by in the log.
        request_id: String,
    },
}

/// What mail somebody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// All: an invitation after an order, and a reminder.
    All,
    /// No reminders from the shop.
    NoReminders,
    /// None from the shop.
    NoneFromShop,
    /// None from any shop of this installation.
    None,
}

impl Choice {
    /// All there are, as the page shows them.
    pub const ALL: [Self; 4] = [Self::All, Self::NoReminders, Self::NoneFromShop, Self::None];

    /// The value that the form posts.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::NoReminders => "no-reminders",
            Self::NoneFromShop => "none-from-shop",
            Self::None => "none",
        }
    }

    /// The inverse of [`Self::as_str`].
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|choice| choice.as_str() == value)
    }
}

/// The form that a review is written in: `stars` (1 to 5), `title`, `text`, `name`, the hidden
/// `stamp`, and `website`, which only programs fill in. For each of the [`products`] of the order
/// there is `stars-KEY` (1 to 5, or empty for no rating) and `text-KEY`, with its [`ProductKey`].
/// It works without scripts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReviewForm {
    /// The shop the review is about.
    pub shop: Shop,
    /// What the buyer knows the order by.
    pub order_number: Option<String>,
    /// What was bought.
    pub items: Vec<Item>,
    /// Where the form is sent to, by POST.
    pub action: String,
    /// Goes with the form, unseen.
    pub stamp: String,
    /// What the fields hold: a star chosen in the mail, or what was sent and not accepted.
    pub values: FormValues,
    /// Why it was not accepted; empty at first.
    pub errors: Vec<FormError>,
    /// The page that puts the question off, for buyers who have not tried yet what they bought.
    pub later_url: Option<String>,
    /// The page was not reached through an invitation.
    pub organic: bool,
}

/// What the fields of a [`ReviewForm`] hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FormValues {
    /// The chosen star.
    pub stars: Option<Stars>,
    /// The headline.
    pub title: String,
    /// The review.
    pub text: String,
    /// The name to show.
    pub name: String,
    /// What is said about products.
    pub products: BTreeMap<ProductKey, ProductValues>,
}

/// What the fields for one product hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProductValues {
    /// The chosen star.
    pub stars: Option<Stars>,
    /// The opinion.
    pub text: String,
}

/// Why a form was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormError {
    /// No star was chosen.
    StarsMissing,
    /// More than [`TITLE_MAX_CHARS`] characters.
    TitleTooLong,
    /// More than [`TEXT_MAX_CHARS`] characters.
    TextTooLong,
    /// More than [`NAME_MAX_CHARS`] characters.
    NameTooLong,
    /// A text about this product, but no star.
    ProductStarsMissing(ProductKey),
    /// More than [`PRODUCT_TEXT_MAX_CHARS`] characters about this product.
    ProductTextTooLong(ProductKey),
    /// The stamp is too old, or not ours.
    Expired,
}

impl Page {
    /// The template it is rendered with.
    pub(crate) fn template(&self) -> &'static str {
        match self {
            Self::ReviewForm(_) => "pages/review.html",
            Self::Thanks { .. } => "pages/thanks.html",
            Self::AlreadyReviewed { .. } => "pages/already-reviewed.html",
            Self::Later { .. } => "pages/later.html",
            Self::LaterDone { .. } => "pages/later-done.html",
            Self::LaterNot { .. } => "pages/later-not.html",
            Self::Preferences { .. } => "pages/preferences.html",
            Self::LinkExpired => "pages/link-expired.html",
            Self::NotFound => "pages/not-found.html",
            Self::Busy => "pages/busy.html",
            Self::Error { .. } => "pages/error.html",
        }
    }

    /// What must appear on it, or it would not work.
    pub(crate) fn essentials(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::ReviewForm(form) => vec![("action", &form.action), ("stamp", &form.stamp)],
            Self::Later { action, .. } | Self::Preferences { action, .. } => {
                vec![("action", action)]
            }
            Self::Error { request_id } => vec![("request_id", request_id)],
            _ => vec![],
        }
    }

    /// What its template may use; `asset` is the function of that name.
    pub(crate) fn context(&self, asset: Value) -> Value {
        let own = match self {
            Self::ReviewForm(form) => form.context(),
            Self::Thanks { shop, stars, label } | Self::AlreadyReviewed { shop, stars, label } => {
                context! { shop => shop.context(), stars => u8::from(*stars), label => label.as_str() }
            }
            Self::Later { shop, action } => {
                context! { shop => shop.context(), action, choices => LATER_WEEKS }
            }
            Self::Preferences { shop, action, holds, is_fixed, saved } => {
                // Who comes here by the link in a mail wants less of it.
                let stop = *holds == Choice::All && !saved;
                let preselected = if stop { Choice::NoneFromShop } else { *holds };
                context! {
                    shop => shop.context(), action, is_fixed, saved, holds => holds.as_str(),
                    preselected => preselected.as_str(), choices => Choice::ALL.map(Choice::as_str),
                }
            }
            Self::LaterDone { shop, weeks } => context! { shop => shop.context(), weeks },
            Self::LaterNot { shop } => context! { shop => shop.context() },
            Self::LinkExpired | Self::NotFound | Self::Busy => context! { shop => () },
            Self::Error { request_id } => context! { shop => (), request_id },
        };
        context! { asset, ..own }
    }
}

impl ReviewForm {
    fn context(&self) -> Value {
        let Self { shop, order_number, items, action, stamp, values, errors, later_url, organic } =
            self;
        let FormValues { stars, title, text, name, products: _ } = values;
        let products = products(items);
        let errors = errors.iter().map(|error| error.context(&products));
        let fields = products.iter().map(|product| self.product_context(product));
        context! {
            shop => shop.context(),
            order_number,
            action,
            stamp,
            values => context! { stars => stars.map(u8::from), title, text, name },
            errors => errors.collect::<Vec<_>>(),
            later_url,
            organic,
            products => fields.collect::<Vec<_>>(),
            fold => products.len() > PRODUCTS_UNFOLDED,
            title_max => TITLE_MAX_CHARS,
            text_max => TEXT_MAX_CHARS,
            name_max => NAME_MAX_CHARS,
            product_text_max => PRODUCT_TEXT_MAX_CHARS,
        }
    }

    /// A product with what its fields hold and what is wrong with them. `key` is the end of the
    /// names and ids of its fields.
    fn product_context(&self, product: &Product<'_>) -> Value {
        let values = self.values.products.get(&product.key);
        let errors = self.errors.iter().filter(|error| error.product() == Some(product.key));
        context! {
            key => product.key.to_string(),
            name => &product.item.name,
            stars => values.and_then(|values| values.stars).map(u8::from),
            text => values.map_or("", |values| &values.text),
            errors => errors.map(|error| error.context(&[])).collect::<Vec<_>>(),
        }
    }
}

impl FormError {
    /// `name` chooses the text, `field` is the field's id if it belongs to one, `product` the name
    /// of the product if it is about one.
    fn context(self, products: &[Product<'_>]) -> Value {
        let (name, field, max) = match self {
            Self::StarsMissing => ("stars-missing", Some("stars".to_owned()), 0),
            Self::TitleTooLong => ("title-too-long", Some("title".to_owned()), TITLE_MAX_CHARS),
            Self::TextTooLong => ("text-too-long", Some("text".to_owned()), TEXT_MAX_CHARS),
            Self::NameTooLong => ("name-too-long", Some("name".to_owned()), NAME_MAX_CHARS),
            Self::ProductStarsMissing(key) => {
                ("product-stars-missing", Some(format!("stars-{key}")), 0)
            }
            Self::ProductTextTooLong(key) => {
                ("product-text-too-long", Some(format!("text-{key}")), PRODUCT_TEXT_MAX_CHARS)
            }
            Self::Expired => ("expired", None, 0),
        };
        let product = products.iter().find(|product| self.product() == Some(product.key));
        context! { name, field, max, product => product.map(|product| &product.item.name) }
    }

    fn product(self) -> Option<ProductKey> {
        match self {
            Self::ProductStarsMissing(key) | Self::ProductTextTooLong(key) => Some(key),
            _ => None,
        }
    }
}
