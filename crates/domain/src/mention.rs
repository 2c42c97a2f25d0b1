//! Whether a text mentions an address: to find, and to take out, what names a person.

use crate::EmailAddress;

/// How often a body may be wrapped: JSON in a form, in JSON.
const WRAPPINGS_MAX: usize = 3;

/// An address as texts of others may mention it: in either case, its host in A-labels or in its own
/// letters.
///
/// `Debug` hides it: addresses do not belong into logs.
#[derive(Clone)]
pub struct Mention(Vec<String>);

impl Mention {
    /// Of this address.
    #[must_use]
    pub fn of(address: &EmailAddress) -> Self {
        Self(address.spellings())
    }

    /// The address up to its host, in lower case: any text that mentions the address contains this, in
    /// some case.
    #[must_use]
    pub fn needle(&self) -> &str {
        self.0.first().and_then(|address| Some(&address[..=address.find('@')?])).unwrap_or("@")
    }

    /// Whether this text mentions the address, and not a longer one that it is a part of.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        self.first_in(&text.to_lowercase(), 0).is_some()
    }

    /// Whether a body mentions the address: as it is, or in the escapes of JSON and of forms.
    #[must_use]
    pub fn is_in_body(&self, body: &[u8]) -> bool {
        let mut text = String::from_utf8_lossy(body).to_lowercase();
        for _ in 0..=WRAPPINGS_MAX {
            if self.first_in(&text, 0).is_some() {
                return true;
            }
            let unwrapped = unescaped(&text).to_lowercase();
            if unwrapped == text {
                break;
            }
            text = unwrapped;
        }
        false
    }

    /// The text with `…` where the address was.
    #[must_use]
    pub fn taken_out_of(&self, text: &str) -> String {
        // Case by case, so that places in both texts are the same.
        let lower: String = text
            .chars()
            .map(|c| {
                c.to_lowercase().next().filter(|it| it.len_utf8() == c.len_utf8()).unwrap_or(c)
            })
            .collect();
        let (mut kept, mut from) = (String::new(), 0);
        while let Some((at, end)) = self.first_in(&lower, from) {
            kept += text.get(from..at).unwrap_or_default();
            kept.push('…');
            from = end;
        }
        kept + text.get(from..).unwrap_or_default()
    }

    /// Where the first mention begins and ends, from `from` on.
    fn first_in(&self, lower: &str, from: usize) -> Option<(usize, usize)> {
        let found = self.0.iter().filter_map(|needle| {
            let rest = lower.get(from..)?;
            let places = rest.match_indices(needle).map(|(at, _)| from + at);
            places.map(|at| (at, at + needle.len())).find(|(at, end)| {
                let before = lower.get(..*at).and_then(|text| text.chars().next_back());
                let after = lower.get(*end..).unwrap_or_default();
                !before.is_some_and(is_local) && !goes_on(after)
            })
        });
        found.min()
    }
}

impl std::fmt::Debug for Mention {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mention(…)")
    }
}

/// Characters that people have in addresses, and not those that stand around addresses.
fn is_local(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '+')
}

/// Whether a host goes on after the end of a needle.
fn goes_on(after: &str) -> bool {
    let mut after = after.chars();
    match after.next() {
        Some('.') => after.next().is_some_and(char::is_alphanumeric),
        next => next.is_some_and(|c| c.is_alphanumeric() || c == '-'),
    }
}

/// The text with the escapes of JSON (`\u0040`, `\n`, `\/`) and of forms (`%40`) undone once.
fn unescaped(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some(at) = rest.find(['\\', '%']) {
        let (plain, escape) = rest.split_at(at);
        bytes.extend_from_slice(plain.as_bytes());
        let hex = |from: usize, to| {
            let digits = escape.get(from..to)?;
            let all = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            u32::from_str_radix(digits, 16).ok().filter(|_| all)
        };
        let taken = if let Some(byte) = hex(1, 3).filter(|_| escape.starts_with('%')) {
            bytes.push(u8::try_from(byte).unwrap_or(b' '));
            3
        } else if let Some(c) = hex(2, 6).filter(|_| escape.starts_with("\\u")) {
            let c = char::from_u32(c).unwrap_or(char::REPLACEMENT_CHARACTER);
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            6
        } else if let Some(next) = escape.strip_prefix('\\').and_then(|text| text.chars().next()) {
            let meant = if matches!(next, 'b' | 'f' | 'n' | 'r' | 't') { ' ' } else { next };
            bytes.extend_from_slice(meant.encode_utf8(&mut [0; 4]).as_bytes());
            1 + next.len_utf8()
        } else {
            bytes.extend_from_slice(&escape.as_bytes()[..1]);
            1
        };
        rest = escape.get(taken..).unwrap_or_default();
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mention(text: &str) -> Mention {
        Mention::of(&EmailAddress::parse(text).unwrap())
    }

    #[test]
    fn an_address_is_found_and_longer_ones_are_not() {
        let anna = mention("Anna@X.example");
        for text in
            ["anna@x.example", "ANNA@x.Example", "<anna@x.example>.", "email=anna@x.example&n=1"]
        {
            assert!(anna.is_in(text), "{text}");
        }
        for text in [
            "joanna@x.example",
            "jo.anna@x.example",
            "a+anna@x.example",
            "anna@x.example.org",
            "anna@x.examples",
            "anna@x.example-shop.org",
            "anna @x.example",
            "",
        ] {
            assert!(!anna.is_in(text), "{text}");
        }
    }

    #[test]
    fn escapes_of_bodies_hide_no_address() {
        let anna = mention("anna+1@bücher.example");
        for body in [
            "anna+1@bücher.example",
            "anna+1@XN--BCHER-KVA.example",
            r#"{"to":"\u0041nna\u002b1\u0040b\u00FCcher.example"}"#,
            r#"{"text":"hello\nanna+1@b\u00fccher.example\r\n"}"#,
            "a=b&to=%41nna%2B1%40b%C3%BCcher.example",
            "payload=%7B%22to%22%3A%22anna%2b1%40b%5Cu00fccher.example%22%7D",
            r#"{"raw":"{\"to\":\"\\u0061nna+1@b\\u00fccher.example\"}"}"#,
        ] {
            assert!(anna.is_in_body(body.as_bytes()), "{body}");
        }
        assert!(!anna.is_in_body(br#"{"to":"joanna+1@xn--bcher-kva.example"}"#));
        assert!(!anna.is_in_body(b"\\u00 % \\ %4 \xff \\"));
    }

    #[test]
    fn an_address_is_taken_out_and_the_rest_stays() {
        let anna = mention("anna@x.example");
        let text = "ÅSA und ANNA@x.example, joanna@x.example; anna@x.example";
        assert_eq!(anna.taken_out_of(text), "ÅSA und …, joanna@x.example; …");
        assert_eq!(anna.taken_out_of("İ anna@x.example ẞ"), "İ … ẞ");
    }

    proptest! {
        #[test]
        fn nothing_is_left_of_it_and_nothing_else_is_taken(before in ".{0,20}", after in ".{0,20}") {
            let anna = mention("anna@x.example");
            let out = anna.taken_out_of(&format!("{before} Anna@X.example {after}"));
            prop_assert!(!anna.is_in(&out));
            prop_assert_eq!(out, format!("{before} … {after}"));
        }

        #[test]
        fn any_bytes_are_a_body(bytes: Vec<u8>, text in r"[\\%u0-9a-f@.x]{0,60}") {
            let anna = mention("anna@x.example");
            let _found = (anna.is_in_body(&bytes), anna.is_in_body(text.as_bytes()));
        }
    }
}
