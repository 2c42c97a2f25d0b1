//! Keys, made from configured secrets, and what they prove.

use base64::{
    Engine as _, alphabet,
    engine::{
        DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::URL_SAFE_NO_PAD,
    },
};
use data_encoding::HEXLOWER_PERMISSIVE;
use hmac::{Hmac, KeyInit as _, Mac as _};
use ring::signature::{
    ED25519, ED25519_PUBLIC_KEY_LEN, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use serde::Deserialize;
use sha1::Sha1;
use sha2::Sha256;

use super::{KeyForm, SecretProblem, Signature, claim::Claim};

/// The shortest RSA modulus that is secure enough, in bytes.
const RSA_MODULUS_MIN: usize = 2048 / 8;

/// Keys of one key set that are tried: a bound on the work a forger can ask for.
const KEYS_MAX: usize = 16;

/// How a signature is made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    HmacSha1,
    HmacSha256,
    Ed25519,
    Rs256,
}

/// A key. No `Debug`: it may be a secret.
pub(super) enum Key {
    HmacSha1(Vec<u8>),
    HmacSha256(Vec<u8>),
    Ed25519(Vec<u8>),
    Rs256(RsaPublicKeyComponents<Vec<u8>>),
}

impl Signature {
    /// The keys that `secret` stands for, at least one.
    pub(super) fn keys(self, secret: &str) -> Result<Vec<Key>, SecretProblem> {
        if secret.is_empty() {
            return Err(SecretProblem::Empty);
        }
        match self {
            Self::HmacSha256 { key, .. } | Self::StandardWebhooks { key } => {
                key.of(secret).map(|key| vec![key])
            }
            Self::StampedHmacSha256 { .. } | Self::HmacSha256OfFields { .. } => {
                KeyForm::Raw.of(secret).map(|key| vec![key])
            }
            Self::HmacSha1 { .. } => Ok(vec![Key::HmacSha1(secret.as_bytes().to_vec())]),
            Self::DetachedJws { .. } => key_set(secret),
        }
    }
}

impl Key {
    /// Whether any of the signatures holds. Compares with each, without stopping at the first match.
    pub(super) fn proves(&self, claim: &Claim<'_>) -> bool {
        let given = |algorithm| {
            let signatures = claim.given.iter().filter(move |given| given.algorithm == algorithm);
            signatures.map(|given| given.bytes.as_slice())
        };
        match self {
            Self::HmacSha1(key) => {
                let mac = keyed_sha1(key, &claim.text);
                given(Algorithm::HmacSha1)
                    .fold(false, |proved, tag| mac.clone().verify_slice(tag).is_ok() | proved)
            }
            Self::HmacSha256(key) => {
                let mac = keyed(key, &claim.text);
                given(Algorithm::HmacSha256)
                    .fold(false, |proved, tag| mac.clone().verify_slice(tag).is_ok() | proved)
            }
            Self::Ed25519(key) => {
                let (key, text) = (UnparsedPublicKey::new(&ED25519, key), claim.text.concat());
                given(Algorithm::Ed25519).any(|signature| key.verify(&text, signature).is_ok())
            }
            Self::Rs256(key) => {
                let text = claim.text.concat();
                given(Algorithm::Rs256).any(|signature| {
                    key.verify(&RSA_PKCS1_2048_8192_SHA256, &text, signature).is_ok()
                })
            }
        }
    }
}

/// HMAC-SHA256 over `text`, in parts.
pub(super) fn keyed<T: AsRef<[u8]>>(key: &[u8], text: &[T]) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key length");
    for part in text {
        mac.update(part.as_ref());
    }
    mac
}

/// HMAC-SHA1 over `text`, in parts.
pub(super) fn keyed_sha1<T: AsRef<[u8]>>(key: &[u8], text: &[T]) -> Hmac<Sha1> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("any key length");
    for part in text {
        mac.update(part.as_ref());
    }
    mac
}

impl KeyForm {
    fn of(self, secret: &str) -> Result<Key, SecretProblem> {
        match self {
            Self::Raw => Ok(secret.as_bytes().to_vec()),
            Self::Hex => {
                HEXLOWER_PERMISSIVE.decode(secret.as_bytes()).map_err(|_| SecretProblem::NotHex)
            }
            Self::WordPress => Ok(decode_wordpress_entities(secret).into_bytes()),
            Self::StandardWebhooks => return standard_key(secret),
        }
        .map(Key::HmacSha256)
    }
}

fn standard_key(secret: &str) -> Result<Key, SecretProblem> {
    if let Some(public) = secret.strip_prefix("whpk_") {
        let key = decode(public)?;
        let fits = key.len() == ED25519_PUBLIC_KEY_LEN;
        return if fits { Ok(Key::Ed25519(key)) } else { Err(SecretProblem::NotEd25519) };
    }
    let key = decode(secret.strip_prefix("whsec_").unwrap_or(secret))?;
    if key.len() < 24 { Err(SecretProblem::TooShort) } else { Ok(Key::HmacSha256(key)) }
}

/// Decodes what follows the prefix of a Standard Webhooks key.
pub(super) fn decode(encoded: &str) -> Result<Vec<u8>, SecretProblem> {
    // Senders' libraries write the padding, leave it out, or accept both.
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    if encoded.is_empty() {
        return Err(SecretProblem::Empty);
    }
    LENIENT.decode(encoded).map_err(|_| SecretProblem::NotBase64)
}

/// The keys of a JSON Web Key Set that verify RS256. Which one signed (`kid`) need not be known: all
/// of them are the platform's.
fn key_set(secret: &str) -> Result<Vec<Key>, SecretProblem> {
    #[derive(Deserialize)]
    struct KeySet<'a> {
        #[serde(borrow)]
        keys: Vec<WebKey<'a>>,
    }
    #[derive(Deserialize)]
    struct WebKey<'a> {
        kty: &'a str,
        alg: Option<&'a str>,
        r#use: Option<&'a str>,
        n: Option<&'a str>,
        e: Option<&'a str>,
    }
    let set: KeySet<'_> = serde_json::from_str(secret).map_err(|_| SecretProblem::NotKeySet)?;
    let keys: Vec<Key> = set
        .keys
        .into_iter()
        .filter(|key| key.kty == "RSA")
        .filter(|key| key.alg.is_none_or(|alg| alg == "RS256"))
        .filter(|key| key.r#use.is_none_or(|purpose| purpose == "sig"))
        .filter_map(|key| {
            let n = URL_SAFE_NO_PAD.decode(key.n?).ok()?;
            let e = URL_SAFE_NO_PAD.decode(key.e?).ok()?;
            (n.len() >= RSA_MODULUS_MIN).then_some(Key::Rs256(RsaPublicKeyComponents { n, e }))
        })
        .take(KEYS_MAX)
        .collect();
    if keys.is_empty() { Err(SecretProblem::NotKeySet) } else { Ok(keys) }
}

fn decode_wordpress_entities(text: &str) -> String {
    const ENTITIES: [(&str, &str); 14] = [
        ("&quot;", "\""),
        ("&#034;", "\""),
        ("&#34;", "\""),
        ("&#x22;", "\""),
        ("&#039;", "'"),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&lt;", "<"),
        ("&#060;", "<"),
        ("&gt;", ">"),
        ("&#062;", ">"),
        ("&amp;", "&"),
        ("&#038;", "&"),
        ("&#x26;", "&"),
    ];
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        // One pass, as PHP's strtr: what a replacement brings is not looked at again.
        if let Some((entity, plain)) = ENTITIES.iter().find(|(entity, _)| rest.starts_with(entity))
        {
            decoded.push_str(plain);
            rest = &rest[entity.len()..];
        } else {
            decoded.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wordpress_secrets_are_decoded_once() {
        assert_eq!(decode_wordpress_entities("a&amp;lt;b&#039;&quot;é&"), "a&lt;b'\"é&");
    }
}
