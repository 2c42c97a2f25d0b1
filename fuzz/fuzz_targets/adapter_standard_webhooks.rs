#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::parse("standard_webhooks", "x-unused", data));
