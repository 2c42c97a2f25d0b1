//! HMAC-SHA256 over several parts, each with its length in front: no two lists of parts look alike.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The tag of `parts` under `secret`.
pub(crate) fn tag(secret: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    keyed(secret, parts).finalize().into_bytes().into()
}

/// `true` if `tag` is the beginning of the tag of `parts`; in constant time.
pub(crate) fn matches(secret: &[u8], parts: &[&[u8]], tag: &[u8]) -> bool {
    keyed(secret, parts).verify_truncated_left(tag).is_ok()
}

fn keyed(secret: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any key length");
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac
}
