//! Bodies of forms: our pages', and the one-click request of mail programs (RFC 8058).

use std::time::Duration;

use axum::body::Body;
use domain::{ProductKey, Stars, order::ITEMS_MAX};
use templates::{Choice, FormValues, LATER_WEEKS};

use crate::Receiver;

/// What mail programs post, as a form of either encoding; the page's button posts it too.
const ONE_CLICK: &[u8] = b"One-Click";

/// The fields of the review form, as they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReviewFields {
    /// What people fill in.
    pub values: FormValues,
    /// Proves when the page was shown, if we made it.
    pub stamp: String,
    /// The field that people do not see was filled in.
    pub by_program: bool,
}

impl ReviewFields {
    /// Reads a body of `application/x-www-form-urlencoded`. Whatever it holds: what is missing stays
    /// empty, what is unknown is passed over, and of a repeated field the last counts.
    #[must_use]
    pub fn parse(body: &[u8]) -> Self {
        let mut fields = Self::default();
        let Self { values, stamp, by_program } = &mut fields;
        for (name, value) in form_urlencoded::parse(body) {
            match &*name {
                "stars" => values.stars = read_stars(&value),
                "title" => values.title = value.into_owned(),
                "text" => values.text = value.into_owned(),
                "name" => values.name = value.into_owned(),
                "stamp" => *stamp = value.into_owned(),
                "website" => *by_program = !value.is_empty(),
                name => {
                    if let Some((field, key)) = name.split_once('-') {
                        read_product(values, field, key, &value);
                    }
                }
            }
        }
        fields
    }
}

fn read_stars(value: &str) -> Option<Stars> {
    value.parse().ok().and_then(|stars: u8| stars.try_into().ok())
}

/// Reads `stars-KEY` and `text-KEY`. No form of ours has more than [`ITEMS_MAX`] products.
fn read_product(values: &mut FormValues, field: &str, key: &str, value: &str) {
    let Ok(key) = key.parse::<ProductKey>() else { return };
    if values.products.len() == ITEMS_MAX && !values.products.contains_key(&key) {
        return;
    }
    match field {
        "stars" => values.products.entry(key).or_default().stars = read_stars(value),
        "text" => value.clone_into(&mut values.products.entry(key).or_default().text),
        _ => {}
    }
}

/// `true` if the body says that mail shall stop. A scanner that posts at random does not say it.
#[must_use]
pub fn is_one_click(body: &[u8]) -> bool {
    body.windows(ONE_CLICK.len()).any(|window| window == ONE_CLICK)
}

/// What mail somebody wants, if it is one of the choices that the page offers.
#[must_use]
pub fn choice(body: &[u8]) -> Option<Choice> {
    let (_, choice) = form_urlencoded::parse(body).find(|(name, _)| name == "choice")?;
    Choice::parse(&choice)
}

/// In how many weeks a buyer wants to be asked again, if it is one of those that the page offers.
#[must_use]
pub fn weeks(body: &[u8]) -> Option<u8> {
    let (_, weeks) = form_urlencoded::parse(body).find(|(name, _)| name == "weeks")?;
    weeks.parse().ok().filter(|weeks| LATER_WEEKS.contains(weeks))
}

/// The body of a form, if it is small and quick enough. While it comes in, it counts against the
/// memory for large bodies.
pub(crate) async fn read(receiver: &Receiver, body: Body, limit: usize) -> Option<Vec<u8>> {
    let patience = Duration::from_secs(receiver.config.load().server.request_timeout_secs);
    let held = tokio::time::timeout(patience, receiver.guard.read(body, limit)).await.ok()?;
    held.ok().map(|held| held.bytes)
}
