#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some((code, text)) = mail::first_reply(bytes) {
        assert!((200..600).contains(&code));
        assert!(!text.contains('\n') && text.len() <= 3 * bytes.len());
    }
});
