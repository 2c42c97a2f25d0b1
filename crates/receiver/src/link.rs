//! The links that mails carry beside the one to the review: a question behind each, and a form of a few
//! bytes that answers it.

use axum::{body::Body, http::HeaderMap, response::Response};
use domain::{InvitationId, token::Purpose};
use store::reviews::Invited;
use templates::{Language, Shop};

use crate::{
    Receiver, form,
    pages::{self, buyers_language, no_such_page, shop_context, visitors_language},
};

/// The largest form behind such a link, in bytes.
const FORM_LIMIT: usize = 4096;

/// A link that we made.
pub(crate) struct Link {
    pub(crate) invitation: InvitationId,
    pub(crate) invited: Invited,
    pub(crate) language: Language,
}

impl Link {
    /// Opens a link, or says what to show instead.
    pub(crate) async fn open(
        receiver: &Receiver,
        purpose: Purpose,
        token: &str,
        headers: &HeaderMap,
    ) -> Result<Self, Response> {
        let Some(invitation) = receiver.keys.open(purpose, token) else {
            return Err(no_such_page(receiver, headers));
        };
        match receiver.store.invited(invitation).await {
            Ok(Some(invited)) => {
                let config = receiver.config.load();
                let locale = invited.order.order.locale.as_deref();
                let language = buyers_language(receiver, locale, config.shop(&invited.shop));
                Ok(Self { invitation, invited, language })
            }
            Ok(None) => Err(no_such_page(receiver, headers)),
            Err(error) => {
                Err(pages::failure(receiver, &visitors_language(receiver, headers), &error))
            }
        }
    }

    /// The link, and the form that was sent to it, if that is small and quick enough.
    pub(crate) async fn answered(
        receiver: &Receiver,
        purpose: Purpose,
        token: &str,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<(Self, Option<Vec<u8>>), Response> {
        let link = Self::open(receiver, purpose, token, headers).await?;
        Ok((link, form::read(receiver, body, FORM_LIMIT).await))
    }

    /// The shop whose mail led here, as pages speak of it.
    pub(crate) fn shop(&self, receiver: &Receiver) -> Shop {
        shop_context(&self.invited.shop, receiver.config.load().shop(&self.invited.shop))
    }
}
