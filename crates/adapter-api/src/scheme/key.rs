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
use spki::{
    ObjectIdentifier, SubjectPublicKeyInfoRef,
    der::{Decode as _, asn1::UintRef},
};

use super::{KeyForm, SecretProblem, Signature, claim::Claim};

/// The shortest RSA modulus that is secure enough, in bytes.
const RSA_MODULUS_MIN: usize = 2048 / 8;

/// RFC 8017, appendix A.1.
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

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
    /// Signs what is sent to anybody; what is sent to this one counts.
    Rs256For(String, RsaPublicKeyComponents<Vec<u8>>),
}

impl Signature<'_> {
    /// The keys that `secret` stands for, at least one.
    pub(super) fn keys(self, secret: &str) -> Result<Vec<Key>, SecretProblem> {
        if secret.is_empty() {
            return Err(SecretProblem::Empty);
        }
        match self {
            Self::HmacSha256 { key, .. } | Self::StandardWebhooks { key } => {
                key.of(secret, Key::HmacSha256).map(|key| vec![key])
            }
            Self::StampedHmacSha256 { .. } | Self::HmacSha256OfFields { .. } => {
                KeyForm::Raw.of(secret, Key::HmacSha256).map(|key| vec![key])
            }
            Self::HmacSha1 { key, .. } => key.of(secret, Key::HmacSha1).map(|key| vec![key]),
            Self::DetachedJws { .. } => key_set(secret),
            Self::JwtBody | Self::RsaSha256 { recipient: None, .. } => {
                rsa_key(secret).map(|key| vec![Key::Rs256(key)])
            }
            Self::RsaSha256 { recipient: Some(_), .. } => {
                let parts = secret.split_once(':').filter(|(recipient, _)| !recipient.is_empty());
                let (recipient, key) = parts.ok_or(SecretProblem::NoRecipient)?;
                rsa_key(key).map(|key| vec![Key::Rs256For(recipient.to_owned(), key)])
            }
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
            Self::Rs256For(recipient, _) if claim.recipient.as_ref() != Some(recipient) => false,
            Self::Rs256(key) | Self::Rs256For(_, key) => {
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
    /// The key that `secret` stands for, which is one for `hmac` unless it says otherwise.
    fn of(self, secret: &str, hmac: fn(Vec<u8>) -> Key) -> Result<Key, SecretProblem> {
        match self {
            Self::Raw => Ok(secret.as_bytes().to_vec()),
            Self::Hex => {
                HEXLOWER_PERMISSIVE.decode(secret.as_bytes()).map_err(|_| SecretProblem::NotHex)
            }
            Self::Base64 => decode(secret),
            Self::WordPress => Ok(decode_wordpress_entities(secret).into_bytes()),
            Self::StandardWebhooks => return standard_key(secret, hmac),
        }
        .map(hmac)
    }
}

fn standard_key(secret: &str, hmac: fn(Vec<u8>) -> Key) -> Result<Key, SecretProblem> {
    if let Some(public) = secret.strip_prefix("whpk_") {
        let key = decode(public)?;
        let fits = key.len() == ED25519_PUBLIC_KEY_LEN;
        return if fits { Ok(Key::Ed25519(key)) } else { Err(SecretProblem::NotEd25519) };
    }
    let key = decode(secret.strip_prefix("whsec_").unwrap_or(secret))?;
    if key.len() < 24 { Err(SecretProblem::TooShort) } else { Ok(hmac(key)) }
}

/// Decodes a key in base64: in Standard Webhooks, what follows the prefix.
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

/// The RSA key in a `PUBLIC KEY` of PEM (RFC 7468, section 13).
fn rsa_key(secret: &str) -> Result<RsaPublicKeyComponents<Vec<u8>>, SecretProblem> {
    let read = || {
        let block = pem::parse(secret).ok().filter(|block| block.tag() == "PUBLIC KEY")?;
        let info = SubjectPublicKeyInfoRef::from_der(block.contents()).ok()?;
        info.algorithm.assert_algorithm_oid(RSA_ENCRYPTION).ok()?;
        // RFC 8017, appendix A.1.1: a sequence of modulus and exponent.
        let numbers = Vec::<UintRef<'_>>::from_der(info.subject_public_key.as_bytes()?).ok()?;
        let [n, e] = &numbers[..] else { return None };
        let [n, e] = [n, e].map(|number| number.as_bytes().to_vec());
        (n.len() >= RSA_MODULUS_MIN).then_some(RsaPublicKeyComponents { n, e })
    };
    read().ok_or(SecretProblem::NotPublicKey)
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
