//! The other side: signing as a platform does, for samples and tests.

use std::borrow::Borrow;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use data_encoding::HEXLOWER;
use hmac::Mac as _;
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use ring::{
    rand::SystemRandom,
    signature::{ED25519_PUBLIC_KEY_LEN, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};

use super::{
    Signature, StampedHeader, WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP, header_name,
    key::{self, Key, keyed, keyed_sha1},
};
use crate::{Request, jwt};

impl Signature<'_> {
    /// The headers that make `body` genuine, if `secret` can sign.
    pub(super) fn headers_for(
        self,
        secret: &str,
        body: &[u8],
        delivery: &str,
        now: Timestamp,
    ) -> Option<HeaderMap> {
        let timestamp = now.as_second().to_string();
        let headers = HeaderMap::new();
        let unsigned = Request { headers: &headers, body, received_at: now, address_secret: None };
        let signed = match self {
            Self::HmacSha256 { headers, encoding, .. } => {
                let tag = self.tag(secret, &[body])?;
                vec![(header_name(headers[0])?, encoding.encode(&tag))]
            }
            Self::StampedHmacSha256 { header, form } => {
                let StampedHeader { separator, timestamp: time, signature, joint } = form;
                let tag = self.tag(secret, &[timestamp.as_bytes(), joint.as_bytes(), body])?;
                let tag = HEXLOWER.encode(&tag);
                let value = format!("{time}={timestamp}{separator}{signature}={tag}");
                vec![(header_name(header)?, value)]
            }
            Self::HmacSha1 { header, encoding, .. } => {
                let tag = self.tag(secret, &[body])?;
                vec![(header_name(header)?, encoding.encode(&tag))]
            }
            Self::HmacSha256OfFields { header, .. } => {
                let tag = self.tag(secret, &self.claim(&unsigned).text)?;
                vec![(header_name(header)?, STANDARD.encode(tag))]
            }
            Self::StandardWebhooks { .. } => {
                let text = [delivery.as_bytes(), b".", timestamp.as_bytes(), b".", body];
                let signature = match secret.strip_prefix("whsk_") {
                    Some(private) => format!("v1a,{}", STANDARD.encode(ed25519(private, &text)?)),
                    None => format!("v1,{}", STANDARD.encode(self.tag(secret, &text)?)),
                };
                vec![
                    (WEBHOOK_SIGNATURE, signature),
                    (WEBHOOK_ID, delivery.to_owned()),
                    (WEBHOOK_TIMESTAMP, timestamp),
                ]
            }
            Self::DetachedJws { headers } => {
                let header =
                    URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","b64":false,"crit":["b64"]}"#);
                let signature = rs256(secret, &[header.as_bytes(), b".", body])?;
                let value = format!("{header}..{}", URL_SAFE_NO_PAD.encode(signature));
                vec![(header_name(headers[0])?, value)]
            }
            Self::JwtBody => vec![],
            Self::RsaSha256 { headers, .. } => {
                let signature = rs256(secret, &self.claim(&unsigned).text)?;
                vec![(header_name(headers[0])?, STANDARD.encode(signature))]
            }
        };
        signed
            .into_iter()
            .map(|(name, value)| Some((name, HeaderValue::from_str(&value).ok()?)))
            .collect()
    }

    /// The body that proves itself, if the signature is part of it, and `secret` can sign.
    pub(super) fn body_for(self, secret: &str, claims: &[u8]) -> Option<Vec<u8>> {
        let Self::JwtBody = self else { return None };
        let signed = jwt::to_be_signed(r#"{"alg":"RS256","typ":"JWT"}"#, claims);
        let signature = URL_SAFE_NO_PAD.encode(rs256(secret, &[signed.as_bytes()])?);
        Some(format!("{signed}.{signature}").into_bytes())
    }

    fn tag<T: AsRef<[u8]>>(self, secret: &str, text: &[T]) -> Option<Vec<u8>> {
        match self.keys(secret).ok()?.first()? {
            Key::HmacSha1(key) => Some(keyed_sha1(key, text).finalize().into_bytes().to_vec()),
            Key::HmacSha256(key) => Some(keyed(key, text).finalize().into_bytes().to_vec()),
            Key::Ed25519(_) | Key::Rs256(_) | Key::Rs256For(..) => None,
        }
    }
}

/// Private keys are written as the seed, or as the seed with the public key behind it.
fn ed25519(private: &str, text: &[&[u8]]) -> Option<Vec<u8>> {
    let bytes = key::decode(private).ok()?;
    let seed = bytes.get(..ED25519_PUBLIC_KEY_LEN)?;
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
    Some(pair.sign(&text.concat()).as_ref().to_vec())
}

fn rs256<T: Borrow<[u8]>>(private: &str, text: &[T]) -> Option<Vec<u8>> {
    let pair = RsaKeyPair::from_pkcs8(&STANDARD.decode(private).ok()?).ok()?;
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &text.concat(), &mut signature).ok()?;
    Some(signature)
}
