//! What the tests of transports share.

use domain::EmailAddress;
use mail::{Mailbox, Message, Outgoing, compose};

/// A small message whose text is full of dots.
pub(crate) fn outgoing(id: &str, to: &str) -> Outgoing {
    let mailbox = |address| Mailbox { name: None, address: EmailAddress::parse(address).unwrap() };
    let message = Message {
        id: id.to_owned(),
        date: "2026-11-21T09:30:00Z".parse().unwrap(),
        from: mailbox("shop@shop.example"),
        return_path: None,
        reply_to: None,
        to: mailbox(to),
        subject: format!("About {id}"),
        text: ".\n..\nHello\n.".to_owned(),
        html: "<p>Hello</p>".to_owned(),
        unsubscribe: None,
        unsubscribe_mailto: None,
        list_id: None,
        feedback_id: None,
        dkim: None,
    };
    compose(&message).unwrap()
}
