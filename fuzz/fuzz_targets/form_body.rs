#![no_main]

use domain::review::Opinion;
use receiver::form::{ReviewFields, is_one_click};

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    let _answered = is_one_click(body);
    let values = ReviewFields::parse(body).values;
    assert!(values.products.len() <= domain::order::ITEMS_MAX);
    if let Some(stars) = values.stars {
        let opinion =
            Opinion { stars, title: values.title, text: values.text, display_name: values.name };
        let kept = opinion.cleaned();
        assert!(!kept.title.contains(char::is_control));
        assert!(!kept.display_name.contains(char::is_control));
    }
});
