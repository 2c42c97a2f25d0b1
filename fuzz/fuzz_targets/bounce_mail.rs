#![no_main]

use bounce::mail::{self, ReadError, Reading};
use domain::{
    InvitationId,
    token::{Purpose, TokenKeys},
};

// The input as it is, which proves nothing, and behind the header that does.
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let keys = TokenKeys::new(vec![vec![1; 32]]).expect("long enough");
    assert!(mail::read(data, &keys).is_err(), "no input has the keys");
    let about = InvitationId("0190a5e8-7c1d-7abc-8def-0123456789ab".parse().expect("an id"));
    for purpose in [Purpose::Bounce, Purpose::Unsubscribe] {
        let head = format!("Delivered-To: bounce+{}@b.example\n", keys.tag(purpose, about));
        match mail::read(&[head.as_bytes(), data].concat(), &keys) {
            Ok(Reading::Event(event)) => {
                assert_eq!((event.mail, event.address), (Some(about), None));
                assert!(event.key.len() <= 200 && event.detail.chars().count() <= 150);
                assert!(!event.detail.contains(|c: char| c == '@' || c.is_control()));
            }
            Ok(Reading::Ignored(_)) => {}
            Err(why) => assert!(matches!(why, ReadError::TooLarge | ReadError::TooComplex)),
        }
    }
});
