#![no_main]

use adapter_api::Request;
use http::{HeaderMap, HeaderValue};

// Each line is the value of one header of the signature, in their order; the last is the body.
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut lines: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    let body = lines.pop().unwrap_or_default();
    for adapter in adapters::ADAPTERS {
        let mut headers = HeaderMap::new();
        for (name, value) in adapter.scheme().signature_headers().into_iter().zip(&lines) {
            if let Ok(value) = HeaderValue::from_bytes(value) {
                headers.append(name, value);
            }
        }
        let request =
            Request { headers: &headers, body, received_at: fuzz::now(), address_secret: None };
        adapter.is_handshake(&request);
        // No input has the secret.
        assert!(adapter.scheme().verify(request, &[fuzz::SECRET, "another"]).is_err());
        let _either = adapter.scheme().check_secret(&String::from_utf8_lossy(data));
    }
});
