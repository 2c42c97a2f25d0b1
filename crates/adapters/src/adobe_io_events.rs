//! Adobe I/O Events: the event `observer.sales_order_save_commit_after` of Adobe Commerce.
//!
//! Each save of an order makes an event. The order in it is that of the adapter `adobe_commerce`, and
//! its `state` says what happened.
//!
//! Adobe signs what it sends to anybody with the same keys, and whoever has a project of their own can
//! have it send what they please. So a request is genuine only if it is also for the client id that
//! the shop's configuration names. The keys come from there, too: they are never fetched from where a
//! request says.
//!
//! Documented (developer.adobe.com): the challenge, the two signatures, of which either may hold, and
//! `recipient_client_id` (Introduction to Adobe I/O Events Webhooks), the envelope and that `event_id`
//! is the event's (Debugging your project, of Commerce), the event (Subscribe to events, of the
//! integration starter kit), an order's fields (Events reference), what is repeated (the same
//! introduction).
//!
//! Not confirmed by a recorded body: the order as this event has it, as a whole; how often Adobe
//! changes its keys.

use adapter_api::{
    Adapter as ShopAdapter, Event, Meta, ParseError, Sample, Scheme, Signature, Verified,
    json::{self, Instant},
};
use domain::OrderEvent;
use serde::Deserialize;
use serde_json::{json, value::RawValue};

use crate::adobe_commerce::{SalesOrder, sample_order};

static META: Meta = Meta {
    id: "adobe_io_events",
    title: "Adobe I/O Events",
    docs_url: "https://developer.adobe.com/commerce/extensibility/events/",
};

/// The event's code. An event with rules has a name of its own, which then begins with it.
const EVENT: &str = "com.adobe.commerce.observer.sales_order_save_commit_after";

pub(crate) struct Adapter;

#[derive(Deserialize)]
struct Body<'a> {
    r#type: String,
    #[serde(default)]
    time: Instant,
    #[serde(borrow)]
    data: &'a RawValue,
}

#[derive(Deserialize)]
struct Data {
    value: SalesOrder,
}

impl ShopAdapter for Adapter {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn scheme(&self) -> Scheme<'_> {
        Scheme::WholeBody(Signature::RsaSha256 {
            headers: &["x-adobe-digital-signature-1", "x-adobe-digital-signature-2"],
            body: None,
            recipient: Some("recipient_client_id"),
        })
    }

    fn event_id<'a>(&self, request: &Verified<'a>) -> Option<&'a str> {
        #[derive(Deserialize)]
        struct Envelope<'a> {
            event_id: &'a str,
        }
        let envelope: Envelope<'a> = json::from_slice(request.body()).ok()?;
        Some(envelope.event_id)
    }

    fn challenge_parameter(&self) -> Option<&'static str> {
        Some("challenge")
    }

    fn parse(&self, request: &Verified<'_>) -> Result<Vec<Event>, ParseError> {
        let body: Body<'_> = json::from_slice(request.body())?;
        if !body.r#type.starts_with(EVENT) {
            return Ok(vec![Event::Ignored { reason: "event_not_used" }]);
        }
        let Data { value } = json::from_raw(body.data, "data")?;
        Ok(vec![value.meaning(body.time.0).unwrap_or(Event::Alert {
            reason: "the event does not have the fields that AFS needs: subscribe to it as \
                     docs/adapters/adobe_io_events.md says",
        })])
    }

    fn sample(&self, event: &OrderEvent) -> Sample {
        let body = json!({
            "specversion": "1.0",
            "id": "23f76cef-9f14-44b1-bbd0-29995789c98e",
            "source": "urn:uuid:fb58963f-d2e7-4ab4-83da-b6ff15b8ebc0",
            "type": EVENT,
            "datacontenttype": "application/json",
            "time": event.at,
            "event_id": format!("{}.{}", event.order.reference, event.change.as_str()),
            "recipient_client_id": "0123456789abcdef0123456789abcdef",
            "data": {
                "key": "31a86bbd-e51d-4b58-9f5a-34ec8df263c9",
                "value": sample_order(event),
                "source": "shop.production",
            },
        });
        Sample {
            headers: vec![("content-type", "application/json".into())],
            body: body.to_string().into_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use adapter_api::challenge;

    #[test]
    fn a_challenge_is_answered_with_what_came_if_it_is_harmless() {
        let asked = "challenge=8ec8d794-e0ab-42df-9017-e3dada8e84f7";
        assert_eq!(challenge(&Adapter, asked), Some("8ec8d794-e0ab-42df-9017-e3dada8e84f7"));
        assert_eq!(challenge(&crate::adobe_commerce::Adapter, asked), None);
        let long = format!("challenge={}", "a".repeat(65));
        for other in [
            "",
            "challenge",
            "challenge=",
            "challenge=a b",
            "challenge=<script>",
            "challenge=%3Cscript%3E",
            "challenge=a&x=y",
            "x=y&challenge=a",
            "Challenge=a",
            "challenge=é",
            &long,
        ] {
            assert_eq!(challenge(&Adapter, other), None, "{other}");
        }
    }
}
