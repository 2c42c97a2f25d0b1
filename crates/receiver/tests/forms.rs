//! Whatever is posted to a form is read without harm.

use domain::{ProductKey, order::ITEMS_MAX};
use proptest::prelude::*;
use receiver::form::{ReviewFields, is_one_click};

proptest! {
    #[test]
    fn any_bytes_are_a_form(body in prop::collection::vec(any::<u8>(), 0..2_000)) {
        let fields = ReviewFields::parse(&body);
        let kept = [&fields.values.title, &fields.values.text, &fields.values.name, &fields.stamp];
        let products = fields.values.products.values().map(|product| &product.text);
        // An invalid byte becomes one character of three bytes.
        prop_assert!(kept.into_iter().chain(products).map(String::len).sum::<usize>() <= 3 * body.len());
        let _answered = is_one_click(&body);
    }

    #[test]
    fn what_looks_like_our_form_is_read_field_by_field(
        fields in prop::collection::vec(("(stars|title|text|name|stamp|website|x|)", ".{0,20}"), 0..12)
    ) {
        let body: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
        let read = ReviewFields::parse(body.as_bytes());
        let last = |name: &str| fields.iter().rev().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        prop_assert_eq!(&read.values.title, last("title").unwrap_or_default());
        prop_assert_eq!(&read.values.text, last("text").unwrap_or_default());
        prop_assert_eq!(&read.values.name, last("name").unwrap_or_default());
        prop_assert_eq!(&read.stamp, last("stamp").unwrap_or_default());
        prop_assert_eq!(read.by_program, last("website").is_some_and(|value| !value.is_empty()));
        let stars = last("stars").and_then(|stars| stars.parse::<u8>().ok());
        prop_assert_eq!(read.values.stars.map(u8::from), stars.filter(|stars| (1..=5).contains(stars)));
    }

    #[test]
    fn products_are_read_by_their_keys_and_never_more_than_an_order_has(
        fields in prop::collection::vec((
            "(stars|text|name)-(000000000000000[0-9a-fA-F]|[0-9a-f]{15,17}|0|-1|)",
            prop_oneof!["[0-9-]{0,2}", ".{0,20}"],
        ), 0..200)
    ) {
        let body: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
        let read = ReviewFields::parse(body.as_bytes()).values;
        prop_assert!(read.products.len() <= ITEMS_MAX);
        for (key, product) in &read.products {
            let last = |name: &str| {
                let name = format!("{name}-{key}");
                fields.iter().rev().find(|(n, _)| *n == name).map(|(_, v)| v.as_str())
            };
            prop_assert_eq!(&product.text, last("text").unwrap_or_default());
            let stars = last("stars").and_then(|stars| stars.parse::<u8>().ok());
            prop_assert_eq!(product.stars.map(u8::from), stars.filter(|stars| (1..=5).contains(stars)));
            prop_assert!(last("text").or(last("stars")).is_some());
        }
        prop_assert_eq!((read.stars, &*read.text, &*read.name), (None, "", ""), "the shop's stay apart");
    }
}

#[test]
fn a_rating_is_taken_back_by_an_empty_one_and_thirty_thousand_products_are_thirty() {
    let key: ProductKey = "00000000000000ff".parse().unwrap();
    let read = |body: &str| ReviewFields::parse(body.as_bytes()).values.products;
    assert_eq!(read(&format!("stars-{key}=5&stars-{key}="))[&key].stars, None);
    let many = (0..30_000).map(|n| (format!("stars-{n:016x}"), "1"));
    let many = form_urlencoded::Serializer::new(String::new()).extend_pairs(many).finish();
    assert_eq!(read(&many).len(), ITEMS_MAX);
}

#[test]
fn one_click_is_heard_in_either_encoding_and_in_nothing_else() {
    assert!(is_one_click(b"List-Unsubscribe=One-Click"));
    assert!(is_one_click(
        b"--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n"
    ));
    for other in [&b""[..], b"List-Unsubscribe=", b"One Click", b"one-click", b"stars=5"] {
        assert!(!is_one_click(other), "{other:?}");
    }
}
