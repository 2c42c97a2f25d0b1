//! Whatever stands in the headers of a signature: without the secret it is refused, with an answer.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, too")]

use std::sync::LazyLock;

use adapter_api::{Adapter, Request, testkit};
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use proptest::prelude::*;

/// With the fields that some platforms sign instead of the body, or that say whom it is for.
const BODY: &[u8] = br#"{"eventCreated":1782900000,"eventId":"80aece08","id":1,
    "recipient_client_id":"0123456789abcdef0123456789abcdef"}"#;

/// A shop of each platform that signs in headers.
static SHOPS: LazyLock<Vec<Shop>> = LazyLock::new(|| {
    let shop = |adapter: &&'static dyn Adapter| {
        let (signing_key, secret) = testkit::secrets(*adapter);
        Shop { adapter: *adapter, signing_key, secret }
    };
    let signs = |adapter: &&&dyn Adapter| !adapter.scheme().signature_headers().is_empty();
    adapters::ADAPTERS.iter().filter(signs).map(shop).collect()
});

struct Shop {
    adapter: &'static dyn Adapter,
    signing_key: String,
    secret: String,
}

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

impl Shop {
    fn takes(&self, headers: &HeaderMap) -> bool {
        let request = Request { headers, body: BODY, received_at: now(), address_secret: None };
        self.adapter.is_handshake(&request);
        // More than one secret, one of which cannot be used.
        self.adapter.scheme().verify(request, &[self.secret.as_str(), "another", ""]).is_ok()
    }
}

/// A header's value: noise, or something that looks like a signature, a time or an id.
fn value() -> impl Strategy<Value = HeaderValue> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..100),
        "[A-Za-z0-9+/]{43}=".prop_map(String::into_bytes),
        "(v1,|v1a,|v2,|,| ){0,3}([A-Za-z0-9+/]{43}=| ){0,40}".prop_map(String::into_bytes),
        "((t|v0|v1)=([0-9]{10}|[0-9a-f]{64}),?){0,40}".prop_map(String::into_bytes),
        "[A-Za-z0-9_-]{0,80}\\.{0,3}[A-Za-z0-9_-]{342}".prop_map(String::into_bytes),
        "(-|\\+| )?(18000000[0-9]{2}|[0-9]{1,30})".prop_map(String::into_bytes),
    ]
    .prop_filter_map("no header can hold it", |bytes| HeaderValue::from_bytes(&bytes).ok())
}

proptest! {
    #[test]
    fn invented_signatures_are_refused(values in prop::collection::vec(value(), 6), repeat: bool) {
        for shop in SHOPS.iter() {
            let mut headers = HeaderMap::new();
            for (name, value) in shop.adapter.scheme().signature_headers().into_iter().zip(&values) {
                headers.insert(&name, value.clone());
                if repeat {
                    headers.append(&name, values[5].clone());
                }
            }
            prop_assert!(!shop.takes(&headers), "{}", shop.adapter.meta().id);
        }
    }

    #[test]
    fn a_genuine_signature_with_any_byte_changed_is_refused(which: usize, at: usize, byte in 0x20_u8..0x7f) {
        for shop in SHOPS.iter() {
            let scheme = shop.adapter.scheme();
            let signed = scheme.sign(&shop.signing_key, BODY, "delivery-1", now());
            prop_assert!(shop.takes(&signed));
            let names: Vec<_> = signed.keys().cloned().collect();
            let name = &names[which % names.len()];
            let genuine = signed[name].as_bytes();
            let mut bytes = genuine.to_vec();
            let at = at % bytes.len();
            prop_assume!(bytes[at] != byte);
            bytes[at] = byte;
            let mut changed = signed.clone();
            changed.insert(name, HeaderValue::from_bytes(&bytes).unwrap());
            prop_assert!(!shop.takes(&changed), "{name}: {:?}", changed[name]);
        }
    }
}
