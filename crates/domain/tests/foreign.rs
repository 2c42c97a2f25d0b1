//! Whatever strangers write, what we keep of it is harmless, and it opens nothing.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, too")]

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{
    EmailAddress, InvitationId, Order, ShopId,
    review::{Opinion, TEXT_MAX_CHARS, TITLE_MAX_CHARS},
    text,
    token::{Purpose, TokenKeys},
};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn keys() -> TokenKeys {
    TokenKeys::new(vec![vec![1; 32], vec![2; 40]]).unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

/// Text with more of what does harm than chance would bring.
fn foreign() -> impl Strategy<Value = String> {
    let nasty = prop_oneof![
        any::<char>(),
        prop::char::range('\0', '\u{a0}'),
        prop::sample::select(vec![
            '\r', '\n', '\t', ' ', '\u{85}', '\u{200b}', '\u{200e}', '\u{202e}', '\u{2028}',
            '\u{2066}', '\u{feff}', '<', '"', '@', '.', ':', '/', 'w',
        ]),
    ];
    prop::collection::vec(nasty, 0..400).prop_map(String::from_iter)
}

fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
}

proptest! {
    #[test]
    fn a_line_is_one_visible_bounded_line(foreign in foreign()) {
        let line = text::line(&foreign);
        prop_assert!(!line.contains(is_hidden), "{line:?}");
        prop_assert!(line.chars().count() <= text::LINE_MAX_CHARS);
        prop_assert_eq!(text::line(&line), line, "cleaning again changes nothing");
    }

    #[test]
    fn a_name_is_a_line_without_links(foreign in foreign()) {
        let name = text::person_name(&foreign);
        prop_assert!(!name.contains(is_hidden) && !name.contains("://"), "{name:?}");
        prop_assert!(name.chars().count() <= text::NAME_MAX_CHARS);
        prop_assert_eq!(text::person_name(&name), name);
    }

    #[test]
    fn an_opinion_keeps_nothing_but_its_line_breaks(title in foreign(), body in foreign(), name in foreign()) {
        let opinion = Opinion {
            stars: 3.try_into().unwrap(), title, text: body.repeat(20), display_name: name,
        };
        let kept = opinion.cleaned();
        prop_assert!(!kept.title.contains(is_hidden) && !kept.display_name.contains(is_hidden));
        prop_assert!(!kept.text.replace('\n', "").contains(is_hidden), "{:?}", kept.text);
        prop_assert!(kept.title.chars().count() <= TITLE_MAX_CHARS);
        prop_assert!(kept.text.chars().count() <= TEXT_MAX_CHARS);
        prop_assert_eq!(kept.clone().cleaned(), kept);
    }

    #[test]
    fn an_order_is_cleaned_as_a_whole(number in foreign(), name in foreign(), url in foreign()) {
        let item = domain::Item {
            name: name.clone(), sku: Some(number.clone()), url: Some(url.clone()), image: Some(format!("https://{url}")), gtin: Some(number.clone()),
            categories: vec![number.clone(); 100],
        };
        let order = Order {
            number: Some(number.clone()), name: Some(name), locale: Some(number.clone()),
            country: Some(number.clone()), region: Some(number.clone()), tags: vec![number; 100],
            items: vec![item; 100], ..Order::default()
        };
        let cleaned = order.cleaned();
        let texts = [&cleaned.number, &cleaned.name, &cleaned.locale, &cleaned.country, &cleaned.region];
        let texts = texts.into_iter().flatten().chain(&cleaned.tags);
        prop_assert!(texts.into_iter().all(|text| !text.contains(is_hidden)));
        prop_assert!(cleaned.tags.len() <= 30);
        prop_assert!(cleaned.items.len() <= 30);
        for item in &cleaned.items {
            for url in item.url.iter().chain(&item.image) {
                prop_assert!(url.starts_with("https://") && !url.contains(['"', '<', '>', ' ', '\n', '\r']));
            }
        }
    }

    #[test]
    fn an_address_has_one_spelling_that_a_mail_server_takes(
        foreign in prop_oneof![foreign(), "[a-zA-Z.+_åé\"<> ]{0,70}@[a-zA-Z.åßЖ中-]{0,40}"]
    ) {
        if let Ok(address) = EmailAddress::parse(&foreign) {
            let text = address.as_str();
            prop_assert!(!text.contains(|c: char| c.is_whitespace() || is_hidden(c) || "<>()[]\\,;:\"".contains(c)), "{text}");
            prop_assert!(address.host().is_ascii(), "{text}");
            prop_assert!(text.len() <= 254 && text.matches('@').count() == 1, "{text}");
            prop_assert_eq!(EmailAddress::parse(text), Ok(address.clone()));
        }
    }

    #[test]
    fn a_shop_id_is_lower_case_letters_digits_and_dashes(foreign in prop_oneof![foreign(), "[a-zA-Z0-9/._-]{0,70}"]) {
        if let Ok(id) = foreign.parse::<ShopId>() {
            prop_assert!(id.as_str().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
            prop_assert!((1..=64).contains(&id.as_str().len()));
        }
    }

    #[test]
    fn no_text_is_a_link_or_a_stamp(foreign in prop_oneof![foreign(), "[A-Za-z0-9_-]{32}", "[A-Za-z0-9_-]{46}"]) {
        for purpose in [Purpose::Review, Purpose::Unsubscribe] {
            prop_assert_eq!(keys().open(purpose, &foreign), None);
        }
        prop_assert!(!keys().check_stamp(&foreign, "subject", DAY, now()));
    }

    #[test]
    fn a_stamp_with_any_bit_changed_is_no_stamp(bit in 0_usize..24 * 8) {
        let stamp = keys().stamp("subject", now());
        let mut bytes = URL_SAFE_NO_PAD.decode(&stamp).unwrap();
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(keys().check_stamp(&stamp, "subject", DAY, now()));
        prop_assert!(!keys().check_stamp(&URL_SAFE_NO_PAD.encode(bytes), "subject", DAY, now()));
    }

    /// The stamp of one form is none for another: neither for another invitation's, nor for a shop's.
    #[test]
    fn a_stamp_is_for_one_form(one: u128, other: u128, shop in "[a-z0-9-]{1,64}") {
        prop_assume!(one != other);
        let token = |id| keys().token(Purpose::Review, InvitationId(uuid::Uuid::from_u128(id)));
        let stamp = keys().stamp(&token(one), now());
        let uninvited = format!("organic {shop}");
        prop_assert!(keys().check_stamp(&stamp, &token(one), DAY, now()));
        prop_assert!(!keys().check_stamp(&stamp, &token(other), DAY, now()));
        prop_assert!(!keys().check_stamp(&stamp, &uninvited, DAY, now()));
    }
}
