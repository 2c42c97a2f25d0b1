#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::parse("shopify", "x-shopify-topic", data));
