//! Bodies of forms: our pages', and the one-click request of mail programs (RFC 8058).

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use templates::FormValues;

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
                "stars" => values.stars = value.parse().ok().and_then(|n: u8| n.try_into().ok()),
                "title" => values.title = value.into_owned(),
                "text" => values.text = value.into_owned(),
                "name" => values.name = value.into_owned(),
                "stamp" => *stamp = value.into_owned(),
                "website" => *by_program = !value.is_empty(),
                _ => {}
            }
        }
        fields
    }
}

/// `true` if the body says that mail shall stop. A scanner that posts at random does not say it.
#[must_use]
pub fn is_one_click(body: &[u8]) -> bool {
    body.windows(ONE_CLICK.len()).any(|window| window == ONE_CLICK)
}

/// The body of a form, if it is small and quick enough.
pub(crate) async fn read(receiver: &Receiver, body: Body, limit: usize) -> Option<Bytes> {
    let patience = Duration::from_secs(receiver.config.load().server.request_timeout_secs);
    tokio::time::timeout(patience, to_bytes(body, limit)).await.ok()?.ok()
}
