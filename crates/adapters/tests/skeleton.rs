//! What `cargo xtask new-adapter` begins an adapter with compiles, and does what an adapter does.

#[path = "skeleton/adapter.rs"]
mod adapter;

use adapter_api::{Adapter as _, Event, Request, signed_sample};
use domain::{Change, EmailAddress, Order, OrderEvent};
use jiff::Timestamp;

#[test]
fn the_skeleton_reads_what_it_writes() {
    let now = Timestamp::UNIX_EPOCH;
    let email = EmailAddress::parse("asa.lind@example.com").ok();
    let name = Some("Åsa Lind".to_owned());
    for change in [Change::Completed, Change::Cancelled, Change::Refunded] {
        let order = Order {
            reference: "1001".into(),
            email: email.clone(),
            name: name.clone(),
            ..Order::default()
        };
        let event = OrderEvent { change, at: Some(now), order };
        let (headers, body) = signed_sample(&adapter::Adapter, &event, "secret", "delivery", now);
        let request =
            Request { headers: &headers, body: &body, received_at: now, address_secret: None };
        let verified = adapter::Adapter.scheme().verify(request, &["secret"]).unwrap();
        let events = adapter::Adapter.parse(&verified).unwrap();
        assert_eq!(events, [Event::Order(event)]);
    }
    assert_eq!(adapter::Adapter.meta().id, "skeleton");
}
