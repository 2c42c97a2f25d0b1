#![no_main]

use domain::token::{Purpose, TokenKeys};
use jiff::SignedDuration;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let keys = TokenKeys::new(vec![vec![1; 32], vec![2; 40]]).expect("long enough");
    // No input has the keys.
    for purpose in [Purpose::Review, Purpose::Unsubscribe] {
        assert_eq!(keys.open(purpose, text), None);
    }
    let day = SignedDuration::from_hours(24);
    assert!(!keys.check_stamp(text, "subject", day, fuzz::now()));
});
