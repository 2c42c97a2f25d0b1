//! What the targets share.

use adapter_api::{Adapter, Event, Request};
use http::HeaderValue;
use jiff::Timestamp;

/// Signs with this, and knows nothing else.
pub const SECRET: &str = "whsec_QUZTLXRlc3Qtc2VjcmV0LW9mLTMyLWJ5dGVzISE=";

/// The time.
pub fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).expect("a time")
}

/// Lets the adapter read a genuine request. The first line of `data` is the topic, the rest the
/// body.
pub fn parse(platform: &str, topic_header: &'static str, data: &[u8]) {
    let adapter: &dyn Adapter = adapters::find(platform).expect("an adapter");
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (topic, body) = (&data[..end], data.get(end + 1..).unwrap_or_default());
    let mut headers = adapter.scheme().sign(SECRET, body, "delivery", now());
    if let Ok(topic) = HeaderValue::from_bytes(topic) {
        headers.insert(topic_header, topic);
    }
    let request = Request { headers: &headers, body, received_at: now(), address_secret: None };
    adapter.is_handshake(&request);
    let verified = adapter.scheme().verify(request, &[SECRET]).expect("we signed it");
    adapter.event_id(&verified);
    for event in adapter.parse(&verified).into_iter().flatten() {
        if let Event::Order(event) = event {
            let reference = &event.order.reference;
            assert!((1..=domain::order::REFERENCE_MAX_LEN).contains(&reference.len()));
            assert!(!reference.contains(char::is_control), "{reference:?}");
            let order = event.order.cleaned();
            assert_eq!(order.clone().cleaned(), order, "cleaning again changes nothing");
        }
    }
}
