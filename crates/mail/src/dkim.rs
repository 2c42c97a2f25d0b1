//! Signatures by which receivers know that a message is its sender's (DKIM: RFC 6376, RFC 8463).
//!
//! Written over `ring`, whose RSA is fast and not open to RUSTSEC-2023-0071. What a signature needs
//! beside the keys is short: `relaxed` forms of headers and body, and one header that says what they
//! cover. The other crates that sign bring the `rsa` crate, or a DNS resolver with some twenty more.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use jiff::Timestamp;
use memchr::{memchr, memchr_iter};
use pem::{EncodeConfig, LineEnding, Pem};
use ring::{
    digest::{SHA256, digest},
    error::{KeyRejected, Unspecified},
    rand::SystemRandom,
    rsa,
    signature::{Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256},
};
use secrecy::SecretString;
use spki::{
    AlgorithmIdentifierRef, ObjectIdentifier, SubjectPublicKeyInfoRef,
    der::{self, AnyRef, Encode as _, asn1::BitStringRef},
};

/// The header of a signature.
const NAME: &str = "DKIM-Signature";

/// The headers that a signature covers, whether or not they are there: each is named once more than it
/// occurs, so that nobody can add another one (RFC 6376, 5.4.2 and 8.15).
const SIGNED: [&str; 16] = [
    "From",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
    "Reply-To",
    "Sender",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "List-Id",
    "Feedback-ID",
    "Auto-Submitted",
];

/// The longest line of a signature, in bytes (RFC 5322, 2.1.1), where it can be folded.
const LINE_LEN: usize = 78;

/// What RSA keys are called in a `SubjectPublicKeyInfo` (RFC 8017, A.1).
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// A PKCS #8 key of Ed25519 without its last 32 bytes, the secret (RFC 8410, 7).
const ED25519_PKCS8_PREFIX: [u8; 16] =
    [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// The algorithm of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// `rsa-sha256`: every receiver knows it.
    Rsa,
    /// `ed25519-sha256`: short and fast, and not known to every receiver.
    Ed25519,
}

/// Why a file holds no key to sign with. Tells nothing of what it does hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// There is no PEM block of a private key.
    #[error(
        "there is no private key in it: PEM with `BEGIN PRIVATE KEY` or `BEGIN RSA PRIVATE KEY`"
    )]
    NotPem,
    /// The key is locked with a passphrase.
    #[error("its key is locked with a passphrase: store it without one, readable for AFS only")]
    Locked,
    /// The key is of another kind, or has too few or too many bits.
    #[error("its key is neither RSA of 2048 to 4096 bits nor Ed25519 ({0})")]
    Unfit(String),
}

/// A private key, with its public half. `Debug` tells its algorithm.
pub struct PrivateKey {
    pair: Pair,
    /// The value of `p=` before base64.
    public: Vec<u8>,
}

enum Pair {
    Rsa(rsa::KeyPair),
    Ed25519(Ed25519KeyPair),
}

impl PrivateKey {
    /// Reads the first private key in PEM: PKCS #8, or PKCS #1 for RSA.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let blocks = pem::parse_many(text).map_err(|_| KeyError::NotPem)?;
        let is_private = |block: &&Pem| block.tag().ends_with("PRIVATE KEY");
        let block = blocks.iter().find(is_private).ok_or(KeyError::NotPem)?;
        let der = block.contents();
        match block.tag() {
            "PRIVATE KEY" => match Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
                Ok(pair) => Ok(Self::ed25519(pair)),
                Err(_) => Self::rsa(rsa::KeyPair::from_pkcs8(der)),
            },
            "RSA PRIVATE KEY" if block.headers().get("Proc-Type").is_none() => {
                Self::rsa(rsa::KeyPair::from_der(der))
            }
            "RSA PRIVATE KEY" | "ENCRYPTED PRIVATE KEY" => Err(KeyError::Locked),
            other => Err(KeyError::Unfit(other.to_owned())),
        }
    }

    /// A key made of 32 random bytes, as PEM (PKCS #8).
    #[must_use]
    pub fn new_ed25519(secret: [u8; 32]) -> SecretString {
        let der = [&ED25519_PKCS8_PREFIX[..], &secret].concat();
        let config = EncodeConfig::new().set_line_ending(LineEnding::LF);
        pem::encode_config(&Pem::new("PRIVATE KEY", der), config).into()
    }

    fn rsa(pair: Result<rsa::KeyPair, KeyRejected>) -> Result<Self, KeyError> {
        let pair = pair.map_err(|rejected| KeyError::Unfit(rejected.to_string()))?;
        let public = subject_public_key_info(pair.public().as_ref())
            .map_err(|error| KeyError::Unfit(error.to_string()))?;
        Ok(Self { pair: Pair::Rsa(pair), public })
    }

    fn ed25519(pair: Ed25519KeyPair) -> Self {
        let public = pair.public_key().as_ref().to_vec();
        Self { pair: Pair::Ed25519(pair), public }
    }

    /// The algorithm.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        match self.pair {
            Pair::Rsa(_) => Algorithm::Rsa,
            Pair::Ed25519(_) => Algorithm::Ed25519,
        }
    }

    /// The public half as it stands in DNS: the text of the TXT record at
    /// `<selector>._domainkey.<domain>` (RFC 6376, 3.6.1; RFC 8463, 4).
    #[must_use]
    pub fn record(&self) -> String {
        let algorithm = match self.algorithm() {
            Algorithm::Rsa => "rsa",
            Algorithm::Ed25519 => "ed25519",
        };
        format!("v=DKIM1; k={algorithm}; p={}", BASE64.encode(&self.public))
    }

    /// The same signature for the same bytes: neither algorithm puts anything random into it.
    fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, Unspecified> {
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                // Randomness hides the key from who watches the time, and leaves no trace.
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), bytes, &mut signature)?;
                Ok(signature)
            }
            // What Ed25519 signs is the hash (RFC 8463, 3).
            Pair::Ed25519(pair) => Ok(pair.sign(digest(&SHA256, bytes).as_ref()).as_ref().to_vec()),
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PrivateKey").field(&self.algorithm()).finish()
    }
}

/// An RSA public key as DNS has it: not bare, as RFC 6376 says, but as everybody does (erratum 3017).
fn subject_public_key_info(rsa_public_key: &[u8]) -> der::Result<Vec<u8>> {
    SubjectPublicKeyInfoRef {
        algorithm: AlgorithmIdentifierRef { oid: RSA_ENCRYPTION, parameters: Some(AnyRef::NULL) },
        subject_public_key: BitStringRef::from_bytes(rsa_public_key)?,
    }
    .to_der()
}

/// What a sender signs with: a domain that answers for the message, and a key or two.
#[derive(Debug)]
pub struct Dkim {
    domain: String,
    keys: Vec<(String, PrivateKey)>,
}

impl Dkim {
    /// Keys, each with the selector under which receivers find it below `_domainkey.<domain>`. A message
    /// gets one signature by each.
    #[must_use]
    pub fn new(domain: String, keys: Vec<(String, PrivateKey)>) -> Self {
        Self { domain, keys }
    }

    /// The headers that sign `message`, to be put in front of it.
    ///
    /// `at` should be the same for every attempt, like all else in a message. No time is named at which
    /// the signature ends: an attempt may come days after the first one, and carries the same bytes.
    pub(crate) fn sign(&self, message: &[u8], at: Timestamp) -> Result<Vec<u8>, Unspecified> {
        let (headers, body) = split(message);
        let mut signed = Vec::with_capacity(2 * message.len().min(4096));
        let mut names = Vec::new();
        for name in SIGNED {
            let of_this_name =
                |header: &&Header<'_>| header.0.eq_ignore_ascii_case(name.as_bytes());
            names.push(name);
            // The last one is signed first (RFC 6376, 5.4.2).
            for (name_there, value) in headers.iter().rev().filter(of_this_name) {
                names.push(name);
                relaxed_header(name_there, value, &mut signed);
                signed.extend_from_slice(b"\r\n");
            }
        }
        let body_hash = BASE64.encode(digest(&SHA256, &relaxed_body(body)));
        let names = folded("h=", names.iter().map(|name| format!("{name}:")));
        let names = names.trim_end_matches(':');

        let mut all = Vec::new();
        for (selector, key) in &self.keys {
            let algorithm = match key.algorithm() {
                Algorithm::Rsa => "rsa-sha256",
                Algorithm::Ed25519 => "ed25519-sha256",
            };
            let value = format!(
                " v=1; a={algorithm}; c=relaxed/relaxed; d={};\r\n s={selector}; t={};\r\n \
                 bh={body_hash};\r\n {names};\r\n b=",
                self.domain,
                at.as_second(),
            );
            let mut bytes = signed.clone();
            relaxed_header(NAME.as_bytes(), value.as_bytes(), &mut bytes);
            let signature = BASE64.encode(key.sign(&bytes)?);
            let signature =
                folded("", signature.as_bytes().chunks(LINE_LEN - 4).map(String::from_utf8_lossy));
            all.extend_from_slice(format!("{NAME}:{value}{signature}\r\n").as_bytes());
        }
        Ok(all)
    }
}

/// `pieces` behind `start`, in lines of bounded length that continue a header.
fn folded(start: &str, pieces: impl Iterator<Item = impl AsRef<str>>) -> String {
    let (mut text, mut line_len) = (start.to_owned(), 1 + start.len());
    for piece in pieces {
        let piece = piece.as_ref();
        if line_len + piece.len() > LINE_LEN {
            text.push_str("\r\n ");
            line_len = 1;
        }
        text.push_str(piece);
        line_len += piece.len();
    }
    text
}

/// A header's name, and its value with its folds.
type Header<'a> = (&'a [u8], &'a [u8]);

/// The headers and the body.
fn split(message: &[u8]) -> (Vec<Header<'_>>, &[u8]) {
    let (mut headers, mut start) = (Vec::new(), 0);
    for end in memchr_iter(b'\n', message) {
        let header = &message[start..=end];
        let Some(colon) = memchr(b':', header) else {
            start = end + 1;
            break;
        };
        // A line that begins with a blank continues the one before it.
        if !message.get(end + 1).is_some_and(|b| is_blank(*b)) {
            headers.push((&header[..colon], &header[colon + 1..]));
            start = end + 1;
        }
    }
    (headers, &message[start..])
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Name and value in their `relaxed` form (RFC 6376, 3.4.2), without the CRLF at the end.
fn relaxed_header(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.extend(name.iter().map(u8::to_ascii_lowercase));
    out.push(b':');
    let is_gap = |b: &u8| is_blank(*b) || matches!(b, b'\r' | b'\n');
    let words = value.split(is_gap).filter(|word| !word.is_empty());
    for (index, word) in words.enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word);
    }
}

/// The body in its `relaxed` form (RFC 6376, 3.4.4). Its lines end with CRLF.
fn relaxed_body(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    // Empty lines count once another line follows.
    let mut empty_lines = 0;
    for line in body.split_inclusive(|b| *b == b'\n') {
        let line = line.strip_suffix(b"\r\n").unwrap_or(line);
        let end = line.iter().rposition(|b| !is_blank(*b)).map_or(0, |last| last + 1);
        if end == 0 {
            empty_lines += 1;
            continue;
        }
        out.extend(std::iter::repeat_n(b"\r\n", empty_lines).flatten());
        empty_lines = 0;
        let mut rest = &line[..end];
        while let Some(gap) = rest.iter().position(|b| is_blank(*b)) {
            out.extend_from_slice(&rest[..gap]);
            out.push(b' ');
            let word = rest[gap..].iter().position(|b| !is_blank(*b)).unwrap_or_default();
            rest = &rest[gap + word..];
        }
        out.extend_from_slice(rest);
        out.extend_from_slice(b"\r\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> String {
        String::from_utf8(relaxed_body(text.as_bytes())).unwrap()
    }

    fn header(name: &str, value: &str) -> String {
        let mut out = Vec::new();
        relaxed_header(name.as_bytes(), value.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn headers_and_bodies_take_the_forms_of_the_standards_example() {
        // RFC 6376, 3.4.5.
        assert_eq!(header("A", " X\r\n"), "a:X");
        assert_eq!(header("B", " Y\t\r\n\tZ  \r\n"), "b:Y Z");
        assert_eq!(body(" C \r\nD \t E\r\n\r\n\r\n"), " C\r\nD E\r\n");
    }

    #[test]
    fn a_body_of_nothing_is_nothing_and_empty_lines_count_only_between_others() {
        assert_eq!(body(""), "");
        assert_eq!(body("\r\n \t\r\n"), "");
        assert_eq!(body("\r\na\r\n \r\nb"), "\r\na\r\n\r\nb\r\n");
    }

    #[test]
    fn a_message_parts_into_headers_and_body() {
        let (headers, body) = split(b"A: b\r\n c\r\nD: e\r\n\r\n F: g\r\n");
        assert_eq!(headers, [(&b"A"[..], &b" b\r\n c\r\n"[..]), (b"D", b" e\r\n")]);
        assert_eq!(body, b" F: g\r\n");
    }
}
