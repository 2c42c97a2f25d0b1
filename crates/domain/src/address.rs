//! E-mail addresses, and the keyed hash that stands for one where the address itself must not.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::mac;

/// The longest address, in bytes (RFC 5321, 4.5.3.1.3 less the angle brackets).
const ADDRESS_MAX_LEN: usize = 254;

/// An address that a mail server accepts: ASCII, the host lower case and in A-labels.
///
/// `Debug` hides it: addresses do not belong into logs.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress(String);

/// Why a text is not an [`EmailAddress`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    /// No `@`, an empty part, white space, quotes, or a host without a dot.
    #[error("not an e-mail address")]
    Malformed,
    /// Longer than 254 bytes, or a local part longer than 64.
    #[error("e-mail address is too long")]
    TooLong,
    /// A local part beyond ASCII needs SMTPUTF8, which few servers offer.
    #[error("e-mail address has a local part beyond ASCII")]
    NonAsciiLocalPart,
}

impl EmailAddress {
    /// Reads an address: trimmed, the host lower-cased and turned into A-labels.
    pub fn parse(text: &str) -> Result<Self, InvalidAddress> {
        let (local, host) = text.trim().rsplit_once('@').ok_or(InvalidAddress::Malformed)?;
        if !local.is_ascii() {
            return Err(InvalidAddress::NonAsciiLocalPart);
        }
        let atext = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&c);
        let dots_fine = !local.starts_with('.') && !local.ends_with('.') && !local.contains("..");
        if local.is_empty() || !local.bytes().all(atext) || !dots_fine {
            return Err(InvalidAddress::Malformed);
        }
        let host = idna::domain_to_ascii_strict(host).map_err(|_| InvalidAddress::Malformed)?;
        if !host.contains('.') || host.ends_with('.') {
            return Err(InvalidAddress::Malformed);
        }
        let address = format!("{local}@{host}");
        if address.len() > ADDRESS_MAX_LEN || local.len() > 64 {
            return Err(InvalidAddress::TooLong);
        }
        Ok(Self(address))
    }

    /// The address as a mail server takes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part behind the `@`.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, host)| host)
    }

    /// The keyed hash under which this person is remembered when the address is gone.
    ///
    /// The local part counts in lower case: two people whose addresses differ in case only are
    /// rarer than one person who writes it both ways.
    #[must_use]
    pub fn hash(&self, pepper: &[u8]) -> AddressHash {
        let local_and_host = self.0.to_ascii_lowercase();
        AddressHash(mac::tag(pepper, &[b"afs address", local_and_host.as_bytes()]))
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = InvalidAddress;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<EmailAddress> for String {
    fn from(address: EmailAddress) -> Self {
        address.0
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailAddress(…)")
    }
}

/// HMAC-SHA256 of a normalised address: the same person, without saying who.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AddressHash([u8; 32]);

impl fmt::Display for AddressHash {
    /// 64 hexadecimal digits, as in the record.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Each order has one: two numbers are written much faster than 32.
        let (halves, _) = self.0.as_chunks::<16>();
        halves.iter().try_for_each(|half| write!(f, "{:032x}", u128::from_be_bytes(*half)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_become_ascii_and_lower_case() {
        let address = EmailAddress::parse("  Anna.Lind@BÜCHER.example ").unwrap();
        assert_eq!(address.as_str(), "Anna.Lind@xn--bcher-kva.example");
        assert_eq!(address.host(), "xn--bcher-kva.example");
    }

    #[test]
    fn what_a_mail_server_would_refuse_is_refused() {
        use InvalidAddress::{Malformed, NonAsciiLocalPart, TooLong};
        for (text, why) in [
            ("", Malformed),
            ("anna", Malformed),
            ("@x.example", Malformed),
            ("anna@localhost", Malformed),
            ("an na@x.example", Malformed),
            ("a..b@x.example", Malformed),
            ("anna@x.example\r\nRCPT TO:<b@x.example>", Malformed),
            ("\"a b\"@x.example", Malformed),
            ("åsa@x.example", NonAsciiLocalPart),
        ] {
            assert_eq!(EmailAddress::parse(text), Err(why), "{text:?}");
        }
        assert_eq!(EmailAddress::parse(&format!("{}@x.example", "a".repeat(65))), Err(TooLong));
    }

    #[test]
    fn the_hash_depends_on_the_key_and_not_on_case() {
        let hash = |text, key: &[u8]| EmailAddress::parse(text).unwrap().hash(key);
        assert_eq!(hash("Anna@x.example", b"k"), hash("anna@X.example", b"k"));
        assert_ne!(hash("anna@x.example", b"k"), hash("anna@x.example", b"l"));
    }

    #[test]
    fn debug_does_not_tell_the_address() {
        let address = EmailAddress::parse("anna@x.example").unwrap();
        assert!(!format!("{address:?}").contains("anna"));
    }
}
