//! Whatever is posted to a form is read without harm.

use proptest::prelude::*;
use receiver::form::{ReviewFields, is_one_click};

proptest! {
    #[test]
    fn any_bytes_are_a_form(body in prop::collection::vec(any::<u8>(), 0..2_000)) {
        let fields = ReviewFields::parse(&body);
        let kept = [&fields.values.title, &fields.values.text, &fields.values.name, &fields.stamp];
        // An invalid byte becomes one character of three bytes.
        prop_assert!(kept.iter().map(|text| text.len()).sum::<usize>() <= 3 * body.len());
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
