//! What platforms tell beside what every adapter has to read: a sample holds what it was given of it,
//! and is read back as that.

#![expect(clippy::unwrap_used, reason = "test code")]

use adapter_api::{Event, Notice, Request, signed_sample, testkit};
use domain::{Change, Consent, Fulfilment, Item, Money, Order, OrderEvent};
use jiff::Timestamp;

#[derive(PartialEq)]
enum Detail {
    Business,
    Consent,
    Region,
    Tags,
}

/// Which of it a platform tells.
struct Tells {
    platform: &'static str,
    details: &'static [Detail],
    /// What an order is read as of which nothing is known, and ones that were sent and that arrived.
    reached: [Fulfilment; 3],
    /// `None` if it tells no products.
    item: Option<Item>,
}

fn all() -> Item {
    Item {
        name: "Mörkrost 500 g".into(),
        sku: Some("MR-500".into()),
        gtin: Some("7350053850019".into()),
        categories: vec!["Kaffe".into()],
        url: Some("https://shop.example/morkrost".into()),
        image: Some("https://shop.example/morkrost.jpg".into()),
    }
}

fn tells() -> [Tells; 7] {
    use Detail::{Business, Consent, Region, Tags};
    use Fulfilment::{Delivered, Shipped, Unknown};
    let Item { name, sku, gtin, categories, image, .. } = all();
    let item = Item { name, sku, ..Item::default() };
    let named = Item { sku: None, ..item.clone() };
    let saleor = Item { image: image.clone(), categories, ..item.clone() };
    let woocommerce = Item { gtin, image, ..item.clone() };
    let tells = |platform, details, reached, item| Tells { platform, details, reached, item };
    [
        tells("lemon_squeezy", &[][..], [Unknown; 3], Some(named)),
        tells("saleor", &[Business, Region], [Shipped; 3], Some(saleor)),
        tells(
            "shopify",
            &[Business, Consent, Region, Tags],
            [Shipped, Shipped, Delivered],
            Some(item.clone()),
        ),
        tells("shopware", &[Business, Region, Tags], [Unknown, Shipped, Delivered], Some(item)),
        tells(
            "standard_webhooks",
            &[Business, Consent, Region, Tags],
            [Unknown, Shipped, Delivered],
            Some(all()),
        ),
        tells("stripe", &[Consent, Region], [Unknown; 3], None),
        tells("woocommerce", &[Business, Region], [Unknown; 3], Some(woocommerce)),
    ]
}

/// The order of a sample, as it is read back.
fn read_back(platform: &str, order: &Order) -> Order {
    let now: Timestamp = "2026-07-01T10:00:00Z".parse().unwrap();
    let adapter = adapters::find(platform).unwrap();
    let (signing_key, secret) = testkit::secrets(adapter);
    let event = OrderEvent { change: Change::Completed, at: Some(now), order: order.clone() };
    let (headers, body) = signed_sample(adapter, &event, &signing_key, "d", now);
    let request =
        Request { headers: &headers, body: &body, received_at: now, address_secret: None };
    let verified = adapter.scheme().verify(request, &[secret]).unwrap();
    let [Event::Order(read) | Event::Notice(Notice { told: Some(read), .. })] =
        &adapter.parse(&verified).unwrap()[..]
    else {
        panic!("{platform} tells nothing")
    };
    read.order.clone()
}

/// The order that the platform's API tells, in answer to a notice.
fn answered(platform: &str, order: &Order) -> Order {
    let source = adapters::find(platform).unwrap().source().unwrap();
    let event = OrderEvent { change: Change::Completed, at: None, order: order.clone() };
    let [Event::Order(read)] = &source.parse(&order.reference, &source.sample(&event)).unwrap()[..]
    else {
        panic!("{platform} answers nothing")
    };
    read.order.clone()
}

#[test]
fn a_sample_is_read_back_with_its_total_its_consent_and_what_is_known_of_its_products() {
    let totals = [("498.05", "SEK"), ("1200", "JPY"), ("0.1", "EUR")]
        .map(|(amount, currency)| Money::new(amount.parse().ok(), Some(currency)))
        .into_iter()
        .chain([None]);
    for total in totals {
        for marketing_consent in [Some(true), Some(false), None] {
            for Tells { platform, details, item, .. } in tells() {
                let order = Order {
                    reference: "1".into(),
                    items: vec![all()],
                    total: total.clone(),
                    marketing_consent: marketing_consent.map(|yes| Consent::stated(yes, "")),
                    ..Order::default()
                };
                let order = read_back(platform, &order);
                assert_eq!(order.total, total, "{platform}");
                let expected = marketing_consent.filter(|_| details.contains(&Detail::Consent));
                let read = order.marketing_consent.as_ref();
                assert_eq!(read.map(Consent::is_given), expected, "{platform}");
                assert!(read.is_none_or(|consent| !consent.field.is_empty()), "{platform}");
                assert_eq!(order.items, Vec::from_iter(item), "{platform}");
            }
        }
    }
}

#[test]
fn a_sample_is_read_back_with_its_region_its_tags_its_company_and_how_far_it_is() {
    let steps = [Fulfilment::Unknown, Fulfilment::Shipped, Fulfilment::Delivered];
    for Tells { platform, details, reached, .. } in tells() {
        let told = |detail| details.contains(&detail);
        for (fulfilment, reached) in steps.into_iter().zip(reached) {
            for is_business in [true, false] {
                let order = Order {
                    reference: "1".into(),
                    country: Some("US".into()),
                    region: Some("CA".into()),
                    tags: vec!["gift wrap".into(), "b2b".into()],
                    business: is_business,
                    fulfilment,
                    ..Order::default()
                };
                let read = read_back(platform, &order);
                assert_eq!(
                    read.region,
                    order.region.filter(|_| told(Detail::Region)),
                    "{platform}"
                );
                let tags = if told(Detail::Tags) { order.tags } else { vec![] };
                assert_eq!(read.tags, tags, "{platform}");
                assert_eq!(read.business, is_business && told(Detail::Business), "{platform}");
                assert_eq!(read.fulfilment, reached, "{platform} {fulfilment:?}");
            }
        }
    }
}

#[test]
fn what_an_api_answers_holds_the_region_the_company_and_how_far_it_is() {
    use Fulfilment::{Delivered, Shipped, Unknown};
    for (platform, region, business, reached) in [
        ("bigcommerce", false, true, [Shipped, Shipped, Delivered]),
        ("centra", false, true, [Shipped; 3]),
        ("ecwid", true, true, [Shipped, Shipped, Delivered]),
        ("lightspeed_ecom", false, true, [Unknown, Shipped, Delivered]),
        ("paddle", true, true, [Unknown; 3]),
        ("quickbutik", false, false, [Shipped; 3]),
        ("shopify", true, true, [Shipped, Shipped, Delivered]),
        ("shoptet", false, true, [Unknown; 3]),
        ("snipcart", true, true, [Shipped, Shipped, Delivered]),
        ("squarespace", true, false, [Shipped; 3]),
        ("stripe", true, false, [Unknown; 3]),
        ("wix", true, true, [Shipped; 3]),
        ("woocommerce", true, true, [Unknown; 3]),
    ] {
        for (fulfilment, reached) in [Unknown, Shipped, Delivered].into_iter().zip(reached) {
            for is_business in [true, false] {
                let order = Order {
                    reference: "1".into(),
                    country: Some("US".into()),
                    region: Some("CA".into()),
                    business: is_business,
                    fulfilment,
                    ..Order::default()
                };
                let read = answered(platform, &order);
                assert_eq!(read.region, order.region.filter(|_| region), "{platform}");
                assert_eq!(read.business, business && is_business, "{platform}");
                assert_eq!(read.fulfilment, reached, "{platform} {fulfilment:?}");
            }
        }
    }
}

#[test]
fn our_own_format_holds_the_date_at_which_to_ask() {
    let ask_at = "2026-07-20T07:00:00Z".parse().ok();
    let order = Order { reference: "1".into(), ask_at, ..Order::default() };
    assert_eq!(read_back("standard_webhooks", &order).ask_at, ask_at);
    assert_eq!(read_back("woocommerce", &order).ask_at, None);
}
