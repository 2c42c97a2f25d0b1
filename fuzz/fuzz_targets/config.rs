#![no_main]

use config::Config;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let platforms = ["shopify", "standard_webhooks", "woocommerce"];
    if let Err(problems) = Config::from_toml(text, &platforms) {
        assert!(problems.iter().count() > 0);
        assert!(!problems.to_string().contains("cannot be used"), "{problems}");
    }
});
