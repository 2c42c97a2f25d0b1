//! What pages say.

use domain::{
    Item, Stars,
    review::{Label, TEXT_MAX_CHARS, TITLE_MAX_CHARS},
    text::NAME_MAX_CHARS,
};
use minijinja::{Value, context};

use crate::mail::{Shop, items_context};

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
    /// Asks whether mail shall stop. Opening it changes nothing; its button posts
    /// `List-Unsubscribe=One-Click` to `action`, as a mail program would (RFC 8058).
    Unsubscribe {
        /// The shop that would stop asking.
        shop: Shop,
        /// Where the form is sent to.
        action: String,
    },
    /// Mail has stopped.
    Unsubscribed {
        /// The shop that stopped asking.
        shop: Shop,
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

/// The form that a review is written in: `stars` (1 to 5), `title`, `text`, `name`, the hidden
/// `stamp`, and `website`, which only programs fill in. It works without scripts.
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
            Self::Unsubscribe { .. } => "pages/unsubscribe.html",
            Self::Unsubscribed { .. } => "pages/unsubscribed.html",
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
            Self::Unsubscribe { action, .. } => vec![("action", action)],
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
            Self::Unsubscribe { shop, action } => context! { shop => shop.context(), action },
            Self::Unsubscribed { shop } => context! { shop => shop.context() },
            Self::LinkExpired | Self::NotFound | Self::Busy => context! { shop => () },
            Self::Error { request_id } => context! { shop => (), request_id },
        };
        context! { asset, ..own }
    }
}

impl ReviewForm {
    fn context(&self) -> Value {
        let Self { shop, order_number, items, action, stamp, values, errors, organic } = self;
        let FormValues { stars, title, text, name } = values;
        context! {
            shop => shop.context(),
            order_number,
            action,
            stamp,
            values => context! { stars => stars.map(u8::from), title, text, name },
            errors => errors.iter().map(|error| error.context()).collect::<Vec<_>>(),
            organic,
            title_max => TITLE_MAX_CHARS,
            text_max => TEXT_MAX_CHARS,
            name_max => NAME_MAX_CHARS,
            ..items_context(items)
        }
    }
}

impl FormError {
    /// `name` chooses the text, `field` is the field's id if it belongs to one.
    fn context(self) -> Value {
        let (name, field, max) = match self {
            Self::StarsMissing => ("stars-missing", Some("stars"), 0),
            Self::TitleTooLong => ("title-too-long", Some("title"), TITLE_MAX_CHARS),
            Self::TextTooLong => ("text-too-long", Some("text"), TEXT_MAX_CHARS),
            Self::NameTooLong => ("name-too-long", Some("name"), NAME_MAX_CHARS),
            Self::Expired => ("expired", None, 0),
        };
        context! { name, field, max }
    }
}
