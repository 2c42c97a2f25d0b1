//! Links that prove which invitation they belong to.
//!
//! A token is `base64url(version ‖ key id ‖ invitation ‖ MAC)`. It is derived, not stored: a retry
//! of a mail carries the same link, and nothing in the record opens anything.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use data_encoding::BASE32_NOPAD_NOCASE;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::{InvitationId, mac};

const VERSION: u8 = 1;
/// 128 bits (OWASP ASVS 5.0, 11.5.1).
const MAC_LEN: usize = 16;
const TOKEN_LEN: usize = 2 + 16 + MAC_LEN;
const STAMP_LEN: usize = 8 + MAC_LEN;
/// 64 bits: an address has room for 64 characters in all, and each guess is a mail.
const TAG_MAC_LEN: usize = 8;
const TAG_LEN: usize = 1 + 16 + TAG_MAC_LEN;
/// Base32 without padding: mail servers may turn the letters of an address from one case to the other.
const TAG_TEXT_LEN: usize = TAG_LEN * 8 / 5;

/// The shortest secret that may make tokens, in bytes.
pub const SECRET_MIN_LEN: usize = 32;

/// What a link allows its holder to do. A token for one purpose is worth nothing for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Write the review.
    Review,
    /// Stop mail.
    Unsubscribe,
    /// Be asked later.
    Later,
    /// Say that the mail could not be delivered.
    Bounce,
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Review => b"afs review",
            Self::Unsubscribe => b"afs unsubscribe",
            Self::Later => b"afs later",
            Self::Bounce => b"afs bounce",
        }
    }
}

/// A secret is shorter than [`SECRET_MIN_LEN`], or there is none, or there are more than 8.
#[derive(Debug, thiserror::Error)]
#[error("1 to 8 secrets of at least {SECRET_MIN_LEN} bytes are needed")]
pub struct WeakSecret;

/// Makes and checks tokens. The first secret makes; all of them check, so that secrets can rotate.
#[derive(Clone)]
pub struct TokenKeys {
    secrets: Vec<Vec<u8>>,
}

impl std::fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenKeys(…)")
    }
}

impl TokenKeys {
    /// Keys from the operator's secrets, the current one first.
    pub fn new(secrets: Vec<Vec<u8>>) -> Result<Self, WeakSecret> {
        let strong = secrets.iter().all(|secret| secret.len() >= SECRET_MIN_LEN);
        if strong && (1..=8).contains(&secrets.len()) {
            Ok(Self { secrets })
        } else {
            Err(WeakSecret)
        }
    }

    /// The token that lets its holder act on `invitation`.
    #[must_use]
    pub fn token(&self, purpose: Purpose, invitation: InvitationId) -> String {
        let mut token = Vec::with_capacity(TOKEN_LEN);
        let secret = &self.secrets[0];
        token.extend([VERSION, key_id(secret)]);
        token.extend(invitation.0.as_bytes());
        let tag = mac::tag(secret, &[purpose.label(), &token]);
        token.extend(&tag[..MAC_LEN]);
        URL_SAFE_NO_PAD.encode(token)
    }

    /// The invitation `token` belongs to, if we made it for this purpose.
    #[must_use]
    pub fn open(&self, purpose: Purpose, token: &str) -> Option<InvitationId> {
        let token = decode::<TOKEN_LEN>(token)?;
        let (signed, tag) = token.split_at(TOKEN_LEN - MAC_LEN);
        let (&[version, key], id) = signed.split_first_chunk::<2>()?;
        if version != VERSION {
            return None;
        }
        self.secrets
            .iter()
            .filter(|secret| key_id(secret) == key)
            .any(|secret| mac::matches(secret, &[purpose.label(), signed], tag))
            .then(|| Uuid::from_slice(id).ok().map(InvitationId))?
    }

    /// What proves, in the local part of a mail address, that mail to it belongs to `invitation`: 40
    /// lower-case letters and digits.
    #[must_use]
    pub fn tag(&self, purpose: Purpose, invitation: InvitationId) -> String {
        let mut tag = Vec::with_capacity(TAG_LEN);
        let secret = &self.secrets[0];
        tag.push(key_id(secret));
        tag.extend(invitation.0.as_bytes());
        let mac = mac::tag(secret, &[b"afs address tag", purpose.label(), &tag]);
        tag.extend(&mac[..TAG_MAC_LEN]);
        BASE32_NOPAD_NOCASE.encode(&tag).to_ascii_lowercase()
    }

    /// The invitation `tag` belongs to, if we made it for this purpose.
    #[must_use]
    pub fn open_tag(&self, purpose: Purpose, tag: &str) -> Option<InvitationId> {
        if tag.len() != TAG_TEXT_LEN {
            return None;
        }
        let tag = BASE32_NOPAD_NOCASE.decode(tag.as_bytes()).ok()?;
        let (signed, mac) = tag.split_at_checked(TAG_LEN - TAG_MAC_LEN)?;
        let (&[key], id) = signed.split_first_chunk::<1>()?;
        self.secrets
            .iter()
            .filter(|secret| key_id(secret) == key)
            .any(|secret| mac::matches(secret, &[b"afs address tag", purpose.label(), signed], mac))
            .then(|| Uuid::from_slice(id).ok().map(InvitationId))?
    }

    /// Proves later that a form was shown at `now` for `subject`: a blind POST has no stamp.
    #[must_use]
    pub fn stamp(&self, subject: &str, now: Timestamp) -> String {
        let at = now.as_millisecond().to_be_bytes();
        let tag = mac::tag(&self.secrets[0], &[b"afs form", &at, subject.as_bytes()]);
        URL_SAFE_NO_PAD.encode([&at[..], &tag[..MAC_LEN]].concat())
    }

    /// `true` if we made `stamp` for `subject` at most `max_age` ago.
    #[must_use]
    pub fn check_stamp(
        &self,
        stamp: &str,
        subject: &str,
        max_age: SignedDuration,
        now: Timestamp,
    ) -> bool {
        let Some(stamp) = decode::<STAMP_LEN>(stamp) else { return false };
        let Some((at, tag)) = stamp.split_first_chunk::<8>() else { return false };
        let ours = self
            .secrets
            .iter()
            .any(|secret| mac::matches(secret, &[b"afs form", at, subject.as_bytes()], tag));
        let Ok(shown_at) = Timestamp::from_millisecond(i64::from_be_bytes(*at)) else {
            return false;
        };
        let age = now.duration_since(shown_at);
        ours && !age.is_negative() && age <= max_age
    }
}

fn decode<const LEN: usize>(text: &str) -> Option<[u8; LEN]> {
    // Longer than any token: not worth decoding.
    if text.len() > 64 {
        return None;
    }
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

/// Tells secrets apart without telling them.
fn key_id(secret: &[u8]) -> u8 {
    mac::tag(secret, &[b"afs key id"])[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys(seeds: &[u8]) -> TokenKeys {
        TokenKeys::new(seeds.iter().map(|seed| vec![*seed; 32]).collect()).unwrap()
    }

    const ID: InvitationId = InvitationId(Uuid::from_u128(0x1234));

    #[test]
    fn a_token_opens_what_it_was_made_for_and_nothing_else() {
        let keys = keys(&[1]);
        let token = keys.token(Purpose::Review, ID);
        assert_eq!(token.len(), 46);
        assert_eq!(keys.open(Purpose::Review, &token), Some(ID));
        assert_eq!(keys.open(Purpose::Unsubscribe, &token), None);
        assert_eq!(keys.token(Purpose::Review, ID), token, "a retry carries the same link");
    }

    #[test]
    fn secrets_rotate() {
        let token = keys(&[1]).token(Purpose::Review, ID);
        assert_eq!(keys(&[2, 1]).open(Purpose::Review, &token), Some(ID));
        assert_eq!(keys(&[2]).open(Purpose::Review, &token), None);
    }

    #[test]
    fn weak_secrets_are_refused() {
        assert!(TokenKeys::new(vec![]).is_err());
        assert!(TokenKeys::new(vec![vec![0; 31]]).is_err());
    }

    #[test]
    fn a_stamp_ages_and_belongs_to_one_form() {
        let keys = keys(&[1]);
        let now = Timestamp::from_second(1_000).unwrap();
        let later = |s: i64| Timestamp::from_second(1_000 + s).unwrap();
        let hour = SignedDuration::from_hours(1);
        let stamp = keys.stamp("a", now);
        assert!(keys.check_stamp(&stamp, "a", hour, later(3600)));
        assert!(!keys.check_stamp(&stamp, "a", hour, later(3601)));
        assert!(!keys.check_stamp(&stamp, "a", hour, later(-1)));
        assert!(!keys.check_stamp(&stamp, "b", hour, now));
        assert!(!keys.check_stamp("", "a", hour, now));
    }

    #[test]
    fn a_tag_fits_into_an_address_and_outlives_a_change_of_case() {
        let keys = keys(&[1]);
        let tag = keys.tag(Purpose::Bounce, ID);
        assert_eq!(tag.len(), TAG_TEXT_LEN);
        assert!(tag.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()), "{tag}");
        assert_eq!(keys.open_tag(Purpose::Bounce, &tag), Some(ID));
        assert_eq!(keys.open_tag(Purpose::Bounce, &tag.to_ascii_uppercase()), Some(ID));
        assert_eq!(keys.open_tag(Purpose::Unsubscribe, &tag), None);
        let rotated = super::tests::keys(&[2, 1]);
        assert_eq!(rotated.open_tag(Purpose::Bounce, &tag), Some(ID));
        assert_eq!(super::tests::keys(&[2]).open_tag(Purpose::Bounce, &tag), None);
    }

    proptest! {
        #[test]
        fn a_changed_tag_opens_nothing(id: u128, bit in 0_usize..TAG_LEN * 8) {
            let keys = keys(&[1]);
            let tag = keys.tag(Purpose::Bounce, InvitationId(Uuid::from_u128(id)));
            let mut bytes = BASE32_NOPAD_NOCASE.decode(tag.as_bytes()).unwrap();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let forged = BASE32_NOPAD_NOCASE.encode(&bytes);
            prop_assert_eq!(keys.open_tag(Purpose::Bounce, &forged), None);
        }

        #[test]
        fn a_changed_token_opens_nothing(id: u128, bit in 0_usize..TOKEN_LEN * 8) {
            let keys = keys(&[1]);
            let token = keys.token(Purpose::Review, InvitationId(Uuid::from_u128(id)));
            let mut bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(keys.open(Purpose::Review, &URL_SAFE_NO_PAD.encode(bytes)), None);
        }

        #[test]
        fn any_text_is_answered(text: String) {
            prop_assert_eq!(keys(&[1]).open(Purpose::Review, &text), None);
            prop_assert_eq!(keys(&[1]).open_tag(Purpose::Bounce, &text), None);
        }
    }
}
