//! What platforms tell beside what every adapter has to read: a sample holds what it was given of it,
//! and is read back as that.

use adapter_api::{Event, Notice, Request, signed_sample, testkit};
use domain::{Change, Item, Money, Order, OrderEvent};
use jiff::Timestamp;

/// Which of it a platform tells.
struct Tells {
    platform: &'static str,
    consent: bool,
    /// `None` if it tells no products.
    item: Option<Item>,
}

fn all() -> Item {
    Item {
        name: "Mörkrost 500 g".into(),
        sku: Some("MR-500".into()),
        gtin: Some("7350053850019".into()),
        url: Some("https://shop.example/morkrost".into()),
        image: Some("https://shop.example/morkrost.jpg".into()),
    }
}

fn tells() -> [Tells; 7] {
    let Item { name, sku, gtin, url: _, image } = all();
    let item = Item { name, sku, ..Item::default() };
    let named = Item { sku: None, ..item.clone() };
    let tells = |platform, consent, item| Tells { platform, consent, item };
    [
        tells("lemon_squeezy", false, Some(named)),
        tells("saleor", false, Some(Item { image: image.clone(), ..item.clone() })),
        tells("shopify", true, Some(item.clone())),
        tells("shopware", false, Some(item.clone())),
        tells("standard_webhooks", true, Some(all())),
        tells("stripe", true, None),
        tells("woocommerce", false, Some(Item { gtin, image, ..item })),
    ]
}

#[test]
fn a_sample_is_read_back_with_its_total_its_consent_and_what_is_known_of_its_products() {
    let now: Timestamp = "2026-07-01T10:00:00Z".parse().unwrap();
    let totals = [("498.05", "SEK"), ("1200", "JPY"), ("0.1", "EUR")]
        .map(|(amount, currency)| Money::new(amount.parse().ok(), Some(currency)))
        .into_iter()
        .chain([None]);
    for total in totals {
        for marketing_consent in [Some(true), Some(false), None] {
            for Tells { platform, consent, item } in tells() {
                let adapter = adapters::find(platform).unwrap();
                let (signing_key, secret) = testkit::secrets(adapter);
                let order = Order {
                    reference: "1".into(),
                    items: vec![all()],
                    total: total.clone(),
                    marketing_consent,
                    ..Order::default()
                };
                let event = OrderEvent { change: Change::Completed, at: Some(now), order };
                let (headers, body) = signed_sample(adapter, &event, &signing_key, "d", now);
                let request = Request {
                    headers: &headers,
                    body: &body,
                    received_at: now,
                    address_secret: None,
                };
                let verified = adapter.scheme().verify(request, &[secret]).unwrap();
                let events = adapter.parse(&verified).unwrap();
                let [Event::Order(read) | Event::Notice(Notice { told: Some(read), .. })] =
                    &events[..]
                else {
                    panic!("{platform}: {events:?}")
                };
                let order = &read.order;
                assert_eq!(order.total, total, "{platform}");
                let expected = marketing_consent.filter(|_| consent);
                assert_eq!(order.marketing_consent, expected, "{platform}");
                assert_eq!(order.items, Vec::from_iter(item), "{platform}");
            }
        }
    }
}
