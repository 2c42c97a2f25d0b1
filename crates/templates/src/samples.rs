//! What templates are tried with: the ordinary, the long, the empty, the hostile.

use domain::{
    Item, Stars,
    review::{Label, PRODUCT_TEXT_MAX_CHARS, TEXT_MAX_CHARS, TITLE_MAX_CHARS, products},
};

use crate::{Choice, FormError, FormValues, InvitationMail, Page, ProductValues, ReviewForm, Shop};

/// One buyer and one order, as every mail and page shows them.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Such as `thirty-products`; fit for a file name.
    pub name: &'static str,
    /// The mail this buyer gets.
    pub mail: InvitationMail,
    /// The pages this buyer may meet, each with a name that is fit for a file name.
    pub pages: Vec<(&'static str, Page)>,
}

/// What differs between samples.
struct Buyer {
    shop: Shop,
    name: Option<&'static str>,
    order_number: Option<&'static str>,
    items: Vec<Item>,
    opinion: FormValues,
}

/// The samples that every template is tried with when it is loaded, in tests, and in previews.
#[must_use]
pub fn samples() -> Vec<Sample> {
    vec![
        sample("normal", normal()),
        sample("long-names", long_names()),
        sample("one-product", Buyer { items: many(1), ..normal() }),
        sample("no-products", Buyer { items: vec![], ..normal() }),
        sample("thirty-products", Buyer { items: many(30), ..normal() }),
        sample("six-products", Buyer { items: many(6), ..normal() }),
        sample("nothing-known", nothing_known()),
        sample("hostile", hostile()),
        sample("right-to-left", right_to_left()),
    ]
}

fn normal() -> Buyer {
    Buyer {
        shop: shop("Nordic Tea", "Nordic Tea AB\nStorgatan 1\n111 22 Stockholm"),
        name: Some("Anna Lind"),
        order_number: Some("#1001"),
        items: vec![
            item("Sencha, loose leaf, 100 g", Some("sencha"), Some("sencha")),
            item("Cast iron teapot, 0.8 l", Some("teapot"), None),
        ],
        opinion: opinion(
            Some(4),
            "Good tea, slow parcel",
            "The sencha is fresh and the pot keeps warm.\n\nThe parcel took nine days.",
            "Anna",
        ),
    }
}

fn long_names() -> Buyer {
    let word = "Donaudampfschifffahrtsgesellschaftskapitänsmützenfachgeschäft";
    let line = [word, word].join(" ");
    Buyer {
        shop: shop(&line, &[line.as_str(); 4].join("\n")),
        name: Some(
            "Maximiliane-Friederike Freifrau von und zu Hohenlohe-Waldenburg-Schillingsfürst",
        ),
        order_number: Some("WEB-2026-000000000000000000000000000000001001"),
        items: vec![item(&line, Some("a"), Some("a")), item(&"x".repeat(150), None, None)],
        opinion: opinion(
            Some(1),
            &"Überschrift ".repeat(TITLE_MAX_CHARS / 12),
            &"Rindfleischetikettierungsüberwachung ".repeat(TEXT_MAX_CHARS / 37),
            &"n".repeat(100),
        ),
    }
}

fn nothing_known() -> Buyer {
    Buyer {
        shop: Shop { name: "Nordic Tea".into(), ..Shop::default() },
        name: None,
        order_number: None,
        items: vec![],
        opinion: FormValues::default(),
    }
}

fn hostile() -> Buyer {
    let script = "<script>alert(1)</script>";
    let breakout = "\"'><img src=x onerror=alert(1)>&amp;{{ 7 * 7 }}{% raw %}";
    Buyer {
        shop: shop(&format!("Tea {breakout}"), script),
        name: Some("Anna <script>alert(1)</script> & 'Co'"),
        order_number: Some("\"><script>alert(1)</script>"),
        items: vec![
            item(script, Some("a?b=1&c=2"), None),
            Item {
                name: breakout.into(),
                url: Some("javascript:alert(1)".into()),
                image: Some("http://tracker.example/pixel.gif".into()),
                ..Item::default()
            },
        ],
        opinion: opinion(Some(2), breakout, &format!("</textarea>{script}"), script),
    }
}

fn right_to_left() -> Buyer {
    Buyer {
        shop: shop("חנות התה", "רחוב הרצל 1\nתל אביב"),
        name: Some("דנה כהן"),
        order_number: Some("#1001"),
        items: vec![item("תה ירוק, 100 גרם", Some("a"), Some("a")), item("Teapot", None, None)],
        opinion: opinion(Some(5), "תה טוב", "הכול הגיע בזמן.", "דנה"),
    }
}

fn many(count: usize) -> Vec<Item> {
    (1..=count).map(|n| item(&format!("Tea no. {n}"), Some("tea"), None)).collect()
}

fn shop(name: &str, postal_address: &str) -> Shop {
    Shop {
        name: name.into(),
        website: Some("https://shop.example/".into()),
        postal_address: Some(postal_address.into()),
        privacy_url: Some("https://shop.example/privacy".into()),
    }
}

fn item(name: &str, page: Option<&str>, picture: Option<&str>) -> Item {
    Item {
        name: name.into(),
        sku: None,
        gtin: None,
        url: page.map(|page| format!("https://shop.example/products/{page}")),
        image: picture.map(|picture| format!("https://shop.example/images/{picture}.jpg")),
        ..Item::default()
    }
}

fn opinion(stars: Option<u8>, title: &str, text: &str, name: &str) -> FormValues {
    FormValues {
        stars: stars.and_then(|stars| Stars::try_from(stars).ok()),
        title: title.into(),
        text: text.into(),
        name: name.into(),
        ..FormValues::default()
    }
}

/// `values`, with something said about every other of the items: all there is, or a text alone.
fn with_products(values: FormValues, items: &[Item], rated: bool) -> FormValues {
    let text = "It is as it was described. ".repeat(PRODUCT_TEXT_MAX_CHARS / 54);
    let said = ProductValues { stars: values.stars.filter(|_| rated), text };
    let products = products(items).into_iter().step_by(2);
    FormValues { products: products.map(|product| (product.key, said.clone())).collect(), ..values }
}

fn sample(name: &'static str, buyer: Buyer) -> Sample {
    let Buyer { shop, name: buyer_name, order_number, items, opinion } = buyer;
    // A buyer of whom nothing is known cannot put it off: each branch is tried.
    let later = buyer_name.is_some();
    let mail = InvitationMail {
        shop: shop.clone(),
        buyer_name: buyer_name.map(str::to_owned),
        order_number: order_number.map(str::to_owned),
        items: items.clone(),
        review_url: "https://reviews.shop.example/r/AQF3b3VsZC1iZS1hLXRva2Vu".into(),
        later_url: later.then(|| "https://reviews.shop.example/l/AQF3b3VsZC1iZS1hLXRva2Vu".into()),
        unsubscribe_url: "https://reviews.shop.example/u/AQF3b3VsZC1iZS1hLXRva2Vu".into(),
    };
    let form = ReviewForm {
        shop: shop.clone(),
        order_number: mail.order_number.clone(),
        items: items.clone(),
        action: "/r/AQF3b3VsZC1iZS1hLXRva2Vu".into(),
        stamp: "AAABmq-c2FtcGxlLXN0YW1w".into(),
        later_url: Some("../l/AQF3b3VsZC1iZS1hLXRva2Vu".into()),
        ..ReviewForm::default()
    };
    let preselected = ReviewForm {
        values: FormValues { stars: opinion.stars, ..FormValues::default() },
        ..form.clone()
    };
    let of_products = products(&items).into_iter().step_by(2).flat_map(|product| {
        [FormError::ProductStarsMissing(product.key), FormError::ProductTextTooLong(product.key)]
    });
    let of_shop = [
        FormError::Expired,
        FormError::StarsMissing,
        FormError::TitleTooLong,
        FormError::TextTooLong,
        FormError::NameTooLong,
    ];
    let rejected = ReviewForm {
        values: FormValues { stars: None, ..with_products(opinion.clone(), &items, false) },
        errors: of_shop.into_iter().chain(of_products).collect(),
        ..form.clone()
    };
    let again = ReviewForm {
        values: with_products(opinion.clone(), &items, true),
        errors: vec![FormError::Expired],
        ..form.clone()
    };
    let organic = ReviewForm {
        order_number: None,
        items: vec![],
        action: "/s/nordic-tea".into(),
        later_url: None,
        organic: true,
        ..form.clone()
    };
    let review = |form| Page::ReviewForm(Box::new(form));
    let preferences = |holds, is_fixed, saved| Page::Preferences {
        shop: shop.clone(),
        action: "/u/AQF3b3VsZC1iZS1hLXRva2Vu".into(),
        holds,
        is_fixed,
        saved,
    };
    let mut pages = vec![
        ("review", review(form)),
        ("review-preselected", review(preselected)),
        ("review-rejected", review(rejected)),
        ("review-again", review(again)),
        ("review-organic", review(organic)),
        ("preferences", preferences(Choice::All, false, false)),
        ("preferences-fixed", preferences(Choice::NoReminders, true, false)),
        ("preferences-saved", preferences(Choice::NoneFromShop, false, true)),
        ("preferences-saved-all", preferences(Choice::None, false, true)),
        ("later", Page::Later { shop: shop.clone(), action: "/l/AQF3b3VsZC1iZS1hLXRva2Vu".into() }),
        ("later-done", Page::LaterDone { shop: shop.clone(), weeks: 2 }),
        ("later-not", Page::LaterNot { shop: shop.clone() }),
        ("link-expired", Page::LinkExpired),
        ("not-found", Page::NotFound),
        ("busy", Page::Busy),
        ("error", Page::Error { request_id: "0198f3a2-7c1e-7d30".into() }),
    ];
    if let Some(stars) = opinion.stars {
        let thanks = |label| Page::Thanks { shop: shop.clone(), stars, label };
        pages.extend([
            ("thanks-pending", thanks(Label::Pending)),
            ("thanks-verified", thanks(Label::Verified)),
            ("thanks-organic", thanks(Label::Organic)),
            ("thanks-refused", thanks(Label::Refused)),
            ("already-reviewed", Page::AlreadyReviewed { shop, stars, label: Label::Verified }),
        ]);
    }
    Sample { name, mail, pages }
}
