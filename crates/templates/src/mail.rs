//! What mails say.

use domain::{Item, text};
use minijinja::{Value, context};

/// A mail and a form show this many products, and say how many more there are.
const ITEMS_SHOWN: usize = 5;

/// The shop that asks, as readers see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shop {
    /// Its name.
    pub name: String,
    /// Its home page.
    pub website: Option<String>,
    /// Where it can be written to; several lines. Most countries' laws want it in every mail.
    pub postal_address: Option<String>,
    /// Its privacy notice.
    pub privacy_url: Option<String>,
}

/// Asks a buyer for a review.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InvitationMail {
    /// Who asks.
    pub shop: Shop,
    /// Whom.
    pub buyer_name: Option<String>,
    /// What the buyer knows the order by.
    pub order_number: Option<String>,
    /// What was bought. Links and pictures that are not `https` are left out.
    pub items: Vec<Item>,
    /// The page with the form. A star links to it with `stars=1` to `stars=5` added to its query.
    pub review_url: String,
    /// The page that stops further mail.
    pub unsubscribe_url: String,
}

/// A mail, ready to be put into a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderedMail {
    /// One line.
    pub subject: String,
    /// The plain text, with line feeds.
    pub text: String,
    /// The same as HTML.
    pub html: String,
}

impl InvitationMail {
    /// The name of the template for one part of the mail.
    pub(crate) fn template(part: &str) -> String {
        format!("mail/invitation/{part}")
    }

    pub(crate) fn context(&self) -> Value {
        let Self { shop, buyer_name, order_number, items, review_url, unsubscribe_url } = self;
        let separator = if review_url.contains('?') { '&' } else { '?' };
        let star_links = (1..=5).map(|stars| {
            context! { stars, url => format!("{review_url}{separator}stars={stars}") }
        });
        context! {
            shop => shop.context(),
            buyer_name,
            order_number,
            review_url,
            unsubscribe_url,
            star_links => star_links.collect::<Vec<_>>(),
            ..items_context(items)
        }
    }
}

impl Shop {
    pub(crate) fn context(&self) -> Value {
        let Self { name, website, postal_address, privacy_url } = self;
        let lines = postal_address.iter().flat_map(|address| address.lines()).map(Value::from);
        context! {
            name,
            website,
            privacy_url,
            postal_address => lines.collect::<Vec<_>>(),
        }
    }
}

/// `items`, at most [`ITEMS_SHOWN`], and `items_more`.
pub(crate) fn items_context(items: &[Item]) -> Value {
    let https = |url: &Option<String>| url.clone().filter(|url| text::is_https(url));
    let shown = items.iter().take(ITEMS_SHOWN).map(|item| {
        context! { name => &item.name, url => https(&item.url), image => https(&item.image) }
    });
    context! {
        items => shown.collect::<Vec<_>>(),
        items_more => items.len().saturating_sub(ITEMS_SHOWN),
    }
}
