#![no_main]

use domain::{EmailAddress, ShopId, text};

libfuzzer_sys::fuzz_target!(|foreign: &str| {
    let line = text::line(foreign);
    assert!(!line.contains(char::is_control));
    assert!(line.chars().count() <= text::LINE_MAX_CHARS);
    assert_eq!(text::line(&line), line);
    let name = text::person_name(foreign);
    assert!(!name.contains("://"));
    assert_eq!(text::person_name(&name), name);
    let paragraphs = text::paragraphs(foreign, 500);
    assert!(!paragraphs.replace('\n', "").contains(char::is_control));
    assert_eq!(text::paragraphs(&paragraphs, 500), paragraphs);
    let _answered = text::is_https(foreign);
    if let Ok(address) = EmailAddress::parse(foreign) {
        assert!(address.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
        assert_eq!(EmailAddress::parse(address.as_str()), Ok(address.clone()));
    }
    let _either = foreign.parse::<ShopId>();
});
