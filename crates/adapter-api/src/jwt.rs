//! JSON Web Tokens (RFC 7519) in compact form, where the body of a request is one.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::ParseError;

/// A token, taken apart. Nothing of it was verified.
pub(crate) struct Token<'a> {
    /// What is signed: header and claims, as they came.
    pub(crate) signed: &'a str,
    /// JSON, in a genuine one.
    pub(crate) header: Vec<u8>,
    /// JSON, in a genuine one.
    pub(crate) claims: Vec<u8>,
    pub(crate) signature: Vec<u8>,
}

impl<'a> Token<'a> {
    pub(crate) fn parse(token: &'a [u8]) -> Option<Self> {
        let (signed, signature) = str::from_utf8(token).ok()?.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let decode = |part| URL_SAFE_NO_PAD.decode(part).ok();
        Some(Self {
            signed,
            header: decode(header)?,
            claims: decode(claims)?,
            signature: decode(signature)?,
        })
    }
}

/// What is signed in a token with this header and these claims.
pub(crate) fn to_be_signed(header: &str, claims: &[u8]) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
}

/// The claims of a token, as JSON. That they are true is the affair of the scheme that verified it.
pub fn claims(token: &[u8]) -> Result<Vec<u8>, ParseError> {
    let malformed = || ParseError { path: ".".into(), detail: "expected a JSON Web Token".into() };
    Token::parse(token).map(|token| token.claims).ok_or_else(malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_claims_are_the_middle_part() {
        assert_eq!(claims(b"e30.eyJhIjoxfQ.AAAA").unwrap(), br#"{"a":1}"#);
        for malformed in ["", "e30", "e30.e30", "e30.e30.e30.e30", "e30.e3=.AAAA", "e30.e30.AAAA "]
        {
            assert!(claims(malformed.as_bytes()).is_err(), "{malformed:?}");
        }
    }
}
