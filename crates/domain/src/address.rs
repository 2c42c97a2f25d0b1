//! E-mail addresses, and the keyed hash that stands for one where the address itself must not.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

use crate::{mac, text};

/// The longest address, in bytes (RFC 5321, 4.5.3.1.3 less the angle brackets).
const ADDRESS_MAX_LEN: usize = 254;

/// The longest local part, in bytes (RFC 5321, 4.5.3.1.1).
const LOCAL_PART_MAX_LEN: usize = 64;

/// An address that a mail server accepts: the host ASCII, lower case and in A-labels. The local part
/// may go beyond ASCII (RFC 6531), composed (NFC); then only servers with SMTPUTF8 take it.
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
}

impl EmailAddress {
    /// Reads an address: trimmed, the local part composed, the host lower-cased and turned into A-labels.
    pub fn parse(text: &str) -> Result<Self, InvalidAddress> {
        let (local, host) = text.trim().rsplit_once('@').ok_or(InvalidAddress::Malformed)?;
        let local: String = local.nfc().collect();
        let dots_fine = !local.starts_with('.') && !local.ends_with('.') && !local.contains("..");
        if local.is_empty() || !local.chars().all(is_atext_or_dot) || !dots_fine {
            return Err(InvalidAddress::Malformed);
        }
        let host = idna::domain_to_ascii_strict(host).map_err(|_| InvalidAddress::Malformed)?;
        if !host.contains('.') || host.ends_with('.') {
            return Err(InvalidAddress::Malformed);
        }
        let address = format!("{local}@{host}");
        if address.len() > ADDRESS_MAX_LEN || local.len() > LOCAL_PART_MAX_LEN {
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

    /// `false` if only a mail server with SMTPUTF8 (RFC 6531) takes it.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.0.is_ascii()
    }

    /// The address as people and platforms write it, in lower case: the host in A-labels, and in its
    /// own letters if they are others.
    #[must_use]
    pub fn spellings(&self) -> Vec<String> {
        let ascii = self.0.to_ascii_lowercase();
        let (letters, _) = idna::domain_to_unicode(self.host());
        let local = ascii.rsplit_once('@').map_or("", |(local, _)| local);
        let unicode = format!("{local}@{letters}");
        if unicode == ascii { vec![ascii] } else { vec![ascii, unicode] }
    }

    /// The keyed hash under which this person is remembered when the address is gone.
    ///
    /// The local part counts in lower case: two people whose addresses differ in case only are
    /// rarer than one person who writes it both ways.
    #[must_use]
    pub fn hash(&self, pepper: &[u8]) -> AddressHash {
        let local_and_host = self.0.to_lowercase();
        AddressHash(mac::tag(pepper, &[b"afs address", local_and_host.as_bytes()]))
    }
}

/// What needs no quotes in a local part (RFC 5322, 3.2.3), and beyond ASCII (RFC 6531, 3.3) whatever is
/// visible and shows its neighbours as they are. U+FFFD is what is left of a character that got lost.
fn is_atext_or_dot(c: char) -> bool {
    if c.is_ascii() {
        c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c)
    } else {
        !c.is_control() && !c.is_whitespace() && !text::is_trick(c) && c != '\u{FFFD}'
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AddressHash([u8; 32]);

/// Not the 64 hexadecimal digits of an [`AddressHash`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a hash of 64 hexadecimal digits")]
pub struct InvalidHash;

impl FromStr for AddressHash {
    type Err = InvalidHash;

    fn from_str(text: &str) -> Result<Self, InvalidHash> {
        let (bytes, rest) = text.as_bytes().as_chunks::<2>();
        let bytes: &[[u8; 2]; 32] = bytes.try_into().map_err(|_| InvalidHash)?;
        let mut hash = [0; 32];
        for (byte, digits) in hash.iter_mut().zip(bytes) {
            let digit =
                |digit: u8| char::from(digit).to_digit(16).and_then(|it| u8::try_from(it).ok());
            let (high, low) = digit(digits[0]).zip(digit(digits[1])).ok_or(InvalidHash)?;
            *byte = high << 4 | low;
        }
        if rest.is_empty() { Ok(Self(hash)) } else { Err(InvalidHash) }
    }
}

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
        use InvalidAddress::{Malformed, TooLong};
        for (text, why) in [
            ("", Malformed),
            ("anna", Malformed),
            ("@x.example", Malformed),
            ("anna@localhost", Malformed),
            ("an na@x.example", Malformed),
            ("a..b@x.example", Malformed),
            ("anna@x.example\r\nRCPT TO:<b@x.example>", Malformed),
            ("\"a b\"@x.example", Malformed),
            ("å\u{a0}sa@x.example", Malformed),
            ("å\u{85}sa@x.example", Malformed),
            ("å\u{202e}sa@x.example", Malformed),
            ("\u{fffd}sa@x.example", Malformed),
            ("åsa@x.example@x.example", Malformed),
        ] {
            assert_eq!(EmailAddress::parse(text), Err(why), "{text:?}");
        }
        assert_eq!(EmailAddress::parse(&format!("{}@x.example", "a".repeat(65))), Err(TooLong));
        assert_eq!(EmailAddress::parse(&format!("{}@x.example", "å".repeat(33))), Err(TooLong));
    }

    #[test]
    fn beyond_ascii_a_person_has_one_spelling_and_one_hash() {
        let composed = EmailAddress::parse("Åsa@bücher.example").unwrap();
        let decomposed = EmailAddress::parse("A\u{30a}sa@BÜCHER.example").unwrap();
        assert_eq!(composed.as_str(), "Åsa@xn--bcher-kva.example");
        assert_eq!(composed, decomposed);
        assert!(!composed.is_ascii());
        let lower = EmailAddress::parse("åsa@bücher.example").unwrap();
        assert_eq!(composed.hash(b"k"), lower.hash(b"k"));
        assert!(EmailAddress::parse("asa@bücher.example").unwrap().is_ascii());
    }

    #[test]
    fn hashes_on_record_stay_what_they_are() {
        let hash = EmailAddress::parse("Anna.Lind@x.example").unwrap().hash(&[7; 32]);
        assert_eq!(
            hash.to_string(),
            "e4560257a1bc648a40218206f9077c31278b7f858f3088c0670a07d042d02273"
        );
    }

    #[test]
    fn the_hash_depends_on_the_key_and_not_on_case() {
        let hash = |text, key: &[u8]| EmailAddress::parse(text).unwrap().hash(key);
        assert_eq!(hash("Anna@x.example", b"k"), hash("anna@X.example", b"k"));
        assert_ne!(hash("anna@x.example", b"k"), hash("anna@x.example", b"l"));
    }

    #[test]
    fn a_hash_is_read_back_as_it_is_written() {
        let hash = EmailAddress::parse("anna@x.example").unwrap().hash(b"k");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert_eq!(hash.to_string().to_uppercase().parse(), Ok(hash));
        for text in ["", "12", &"g".repeat(64), &"0".repeat(63), &"0".repeat(65), "anna@x.example"]
        {
            assert_eq!(text.parse::<AddressHash>(), Err(InvalidHash), "{text}");
        }
    }

    #[test]
    fn an_address_is_known_in_the_letters_of_its_host_too() {
        let spellings = |text| EmailAddress::parse(text).unwrap().spellings();
        assert_eq!(spellings("Anna@X.example"), ["anna@x.example"]);
        let both = ["anna@xn--bcher-kva.example", "anna@bücher.example"];
        assert_eq!(spellings("Anna@Bücher.example"), both);
    }

    #[test]
    fn debug_does_not_tell_the_address() {
        let address = EmailAddress::parse("anna@x.example").unwrap();
        assert!(!format!("{address:?}").contains("anna"));
    }
}
