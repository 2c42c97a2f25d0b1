//! What mails say.

use std::collections::BTreeSet;

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

/// Why a buyer is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailKind {
    /// For the first time.
    Invitation,
    /// Once more, some days later.
    Reminder,
}

/// Asks a buyer for a review, for the first time or once more.
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
    /// The page that puts the question off, for buyers who have not tried yet what they bought.
    pub later_url: Option<String>,
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

impl MailKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Invitation, Self::Reminder];

    /// As in the name of its folder, `mail/invitation`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invitation => "invitation",
            Self::Reminder => "reminder",
        }
    }

    /// The folder of templates.
    pub(crate) fn folder(self, variant: Option<&str>) -> String {
        match variant {
            Some(variant) => format!("mail/{}.{variant}", self.as_str()),
            None => format!("mail/{}", self.as_str()),
        }
    }
}

/// One of the templates that make a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MailPart {
    Subject,
    Text,
    Html,
}

impl MailPart {
    pub(crate) const ALL: [Self; 3] = [Self::Subject, Self::Text, Self::Html];

    /// The name of the file.
    pub(crate) fn file(self) -> &'static str {
        match self {
            Self::Subject => "subject.txt",
            Self::Text => "body.txt",
            Self::Html => "body.html",
        }
    }
}

/// The variants that have at least one part of a mail among these templates.
pub(crate) fn variants<'a>(templates: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    let variant = |name: &'a str| {
        let (folder, file) = name.strip_prefix("mail/")?.rsplit_once('/')?;
        MailPart::ALL.iter().find(|part| part.file() == file)?;
        let (kind, variant) = folder.split_once('.')?;
        MailKind::ALL.iter().find(|it| it.as_str() == kind)?;
        Some(variant.to_owned())
    };
    templates.filter_map(variant).collect()
}

impl InvitationMail {
    /// What the templates are given; the HTML gets the `subject`, too.
    pub(crate) fn context(&self, subject: Option<&str>) -> Value {
        let Self { shop, buyer_name, order_number, items, review_url, later_url, unsubscribe_url } =
            self;
        let separator = if review_url.contains('?') { '&' } else { '?' };
        let star_links = (1..=5).map(|stars| {
            context! { stars, url => format!("{review_url}{separator}stars={stars}") }
        });
        context! {
            shop => shop.context(),
            buyer_name,
            order_number,
            review_url,
            later_url,
            unsubscribe_url,
            subject,
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
