//! The orders of the demonstration, posted as the platforms would.

use adapter_api::signed_sample;
use anyhow::{Context as _, ensure};
use domain::{Change, EmailAddress, Item, Order, OrderEvent};
use jiff::{SignedDuration, Timestamp};

/// A shop of the demonstration.
pub(super) struct DemoShop {
    pub(super) id: &'static str,
    pub(super) platform: &'static str,
    pub(super) name: &'static str,
    pub(super) language: &'static str,
    pub(super) secret: &'static str,
    pub(super) delay_secs: u32,
}

/// One shop per platform. The secrets protect nothing: they are printed in this file.
pub(super) const SHOPS: [DemoShop; 3] = [
    DemoShop {
        id: "kaffebryggeriet",
        platform: "shopify",
        name: "Kaffebryggeriet",
        language: "sv",
        secret: "demo-secret-of-the-shopify-shop",
        delay_secs: 4,
    },
    DemoShop {
        id: "teehaus",
        platform: "woocommerce",
        name: "Teehaus am Markt",
        language: "de",
        secret: "demo-secret-of-the-woocommerce-shop",
        delay_secs: 6,
    },
    DemoShop {
        id: "paperbound",
        platform: "standard_webhooks",
        name: "Paperbound",
        language: "en",
        secret: "whsec_ZGVtby1zZWNyZXQtb2YtMzItYnl0ZXMtZm9yLWFmcyE=",
        delay_secs: 8,
    },
];

struct Buyer {
    shop: usize,
    reference: &'static str,
    name: &'static str,
    email: &'static str,
    items: &'static [&'static str],
    changes: &'static [Change],
    test: bool,
}

const BUYERS: [Buyer; 6] = [
    Buyer {
        shop: 0,
        reference: "820982911946154508",
        name: "Åsa Lind",
        email: "asa.lind@example.com",
        items: &["Mörkrost 500 g, hela bönor", "Mugg \"Morgon\""],
        // Platforms deliver twice now and then.
        changes: &[Change::Completed, Change::Completed],
        test: false,
    },
    Buyer {
        shop: 1,
        reference: "727",
        name: "Jürgen Müller",
        email: "juergen@example.com",
        items: &["Assam 250 g", "Teefilter aus Baumwolle", "Kandis braun"],
        changes: &[Change::Completed],
        test: false,
    },
    Buyer {
        shop: 2,
        reference: "PB-1007",
        name: "Sam Green",
        email: "sam@example.com",
        items: &["Field notebook, dotted"],
        changes: &[Change::Completed],
        test: false,
    },
    Buyer {
        shop: 1,
        reference: "728",
        name: "Ida Vogel",
        email: "ida@example.com",
        items: &["Darjeeling First Flush"],
        changes: &[Change::Completed, Change::Cancelled],
        test: false,
    },
    Buyer {
        shop: 2,
        reference: "PB-1008",
        name: "Max Early",
        email: "max@example.com",
        items: &["Pencil"],
        // A cancel may overtake its order.
        changes: &[Change::Cancelled, Change::Completed],
        test: false,
    },
    Buyer {
        shop: 0,
        reference: "5784218437",
        name: "Test Person",
        email: "test@example.com",
        items: &["Testkaffe"],
        changes: &[Change::Completed],
        test: true,
    },
];

/// Posts every order to `public_url`, signed.
pub(super) async fn post_all(public_url: &str, now: &Timestamp) -> anyhow::Result<()> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    for buyer in &BUYERS {
        let shop = &SHOPS[buyer.shop];
        let adapter = adapters::find(shop.platform).context("an adapter that exists")?;
        for (n, change) in buyer.changes.iter().enumerate() {
            let event =
                OrderEvent { change: *change, at: Some(*now), order: order(buyer, shop, *now)? };
            // Deliveries of the same event carry the same id.
            let delivery = format!("{}-{}", buyer.reference, change.as_str());
            let (headers, body) = signed_sample(adapter, &event, shop.secret, &delivery, *now);
            let url = format!("{public_url}/webhooks/{}", shop.id);
            let answer = client.post(url).headers(headers).body(body).send().await?;
            let status = answer.status();
            ensure!(
                status.is_success(),
                "webhook {n} of {} was answered {status}",
                buyer.reference
            );
        }
    }
    Ok(())
}

fn order(buyer: &Buyer, shop: &DemoShop, now: Timestamp) -> anyhow::Result<Order> {
    Ok(Order {
        reference: buyer.reference.into(),
        number: Some(buyer.reference.trim_start_matches("PB-").into()),
        email: Some(EmailAddress::parse(buyer.email)?),
        name: Some(buyer.name.into()),
        locale: Some(shop.language.into()),
        country: None,
        items: buyer
            .items
            .iter()
            .map(|name| Item { name: (*name).into(), ..Item::default() })
            .collect(),
        placed_at: now.checked_sub(SignedDuration::from_hours(72)).ok(),
        test: buyer.test,
        ..Order::default()
    })
}
