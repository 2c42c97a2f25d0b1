#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::parse("lemon_squeezy", "x-unused", data));
