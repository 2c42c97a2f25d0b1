//! Reading JSON bodies: errors that say where, and types that take what platforms really send.

use std::fmt;

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;

use crate::ParseError;

/// Reads `body` as `T`.
pub fn from_slice<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, ParseError> {
    // Once for the whole body costs less than once for each of its texts.
    let text = str::from_utf8(body).map_err(|error| ParseError {
        path: ".".into(),
        detail: format!("expected UTF-8, which ends at byte {}", error.valid_up_to()),
    })?;
    from_text(text)
}

/// Reads a part of a body, found at `path`, as `T`. For bodies of which one part says how the rest
/// is read.
pub fn from_raw<'a, T: Deserialize<'a>>(part: &'a RawValue, path: &str) -> Result<T, ParseError> {
    from_embedded(part.get(), path)
}

/// Reads a JSON text that was itself a text in a body, found at `path`, as `T`.
pub fn from_embedded<'a, T: Deserialize<'a>>(part: &'a str, path: &str) -> Result<T, ParseError> {
    from_text(part).map_err(|error: ParseError| {
        // Lines and columns of the part are not those of the body.
        let detail = error.detail.rsplit_once(" at line ").map_or(&*error.detail, |(what, _)| what);
        ParseError { path: format!("{path}.{}", error.path), detail: detail.to_owned() }
    })
}

fn from_text<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, ParseError> {
    // Keeping track of the path costs a third of the speed, so only a failure pays for it.
    serde_json::from_str(text).map_err(|_| locate::<T>(text))
}

fn locate<'a, T: Deserialize<'a>>(text: &'a str) -> ParseError {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
        Err(error) => {
            ParseError { path: error.path().to_string(), detail: expectation(error.inner()) }
        }
        Ok(_) => ParseError { path: ".".into(), detail: "something follows the JSON value".into() },
    }
}

/// What was expected, without what was found: that may be somebody's name or address, and senders
/// keep our answers in their logs.
fn expectation(error: &serde_json::Error) -> String {
    let message = error.to_string();
    match message.rsplit_once(", expected ") {
        Some((_found, expected)) => format!("expected {expected}"),
        None => message,
    }
}

/// An id: a whole number of any size or a text, kept as text. Never a float: ids go beyond 2^53.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Id(pub String);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Id;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "an id: a whole number, or a text of 1 to {MAX} bytes")
            }

            fn visit_u64<E: de::Error>(self, id: u64) -> Result<Id, E> {
                Ok(Id(id.to_string()))
            }

            fn visit_str<E: de::Error>(self, id: &str) -> Result<Id, E> {
                let id = id.trim();
                if (1..=MAX).contains(&id.len()) && !id.chars().any(char::is_control) {
                    Ok(Id(id.to_owned()))
                } else {
                    Err(E::invalid_value(de::Unexpected::Str(id), &self))
                }
            }
        }
        const MAX: usize = domain::order::REFERENCE_MAX_LEN;
        deserializer.deserialize_any(Visitor)
    }
}

/// A text that may be missing: `null`, an empty text and `false` all mean "not there"; a number is
/// taken as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(pub Option<String>);

impl Text {
    /// The text, if there is one and it is not blank.
    #[must_use]
    pub fn into_option(self) -> Option<String> {
        self.0
    }

    /// The texts that are there as one, with spaces between them, such as the parts of a name.
    #[must_use]
    pub fn joined<const N: usize>(texts: [Self; N]) -> Option<String> {
        let texts: Vec<_> = texts.into_iter().filter_map(|text| text.0).collect();
        (!texts.is_empty()).then(|| texts.join(" "))
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or null")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Text, E> {
                Ok(Text(None))
            }

            fn visit_none<E: de::Error>(self) -> Result<Text, E> {
                Ok(Text(None))
            }

            fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Text, D::Error> {
                inner.deserialize_any(self)
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Text, E> {
                if value {
                    Err(E::invalid_type(de::Unexpected::Bool(value), &self))
                } else {
                    Ok(Text(None))
                }
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Text, E> {
                Ok(Text(Some(number.to_string())))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Text, E> {
                Ok(Text(Some(number.to_string())))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
                let text = text.trim();
                Ok(Text((!text.is_empty()).then(|| text.to_owned())))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// An amount of money or another decimal, as a number or a text, exactly as it was written; what is
/// neither, or has more digits than can be kept (28), is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount(pub Option<Decimal>);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The number's own text: a float would be another number.
        let raw = <&RawValue>::deserialize(deserializer)?.get().trim_matches('"').trim();
        Ok(Self(exactly(raw)))
    }
}

/// The decimal that `text` is, if nothing has to be rounded to keep it.
fn exactly(text: &str) -> Option<Decimal> {
    let Some((digits, _power)) = text.split_once(['e', 'E']) else {
        return Decimal::from_str_exact(text).ok();
    };
    Decimal::from_str_exact(digits).ok()?;
    Decimal::from_scientific(text).ok()
}

/// A yes or no that may be missing; what is neither is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flag(pub Option<bool>);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match <&RawValue>::deserialize(deserializer)?.get().trim_matches('"') {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        }))
    }
}

/// Texts, such as tags: a list of them, or one text with commas between them; blank ones, and what is
/// no text, are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts(pub Vec<String>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        let text = |raw: &str| serde_json::from_str::<Text>(raw).ok().and_then(Text::into_option);
        if let Ok(list) = serde_json::from_str::<Vec<&RawValue>>(raw) {
            return Ok(Self(list.into_iter().filter_map(|entry| text(entry.get())).collect()));
        }
        let all = text(raw).unwrap_or_default();
        let parts = all.split(',').map(str::trim).filter(|part| !part.is_empty());
        Ok(Self(parts.map(ToOwned::to_owned).collect()))
    }
}

/// An instant: RFC 3339, or the same without a zone, which then means UTC; blank, `null` and the zero
/// date of `MySQL` (`0000-00-00 00:00:00`) are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Instant(pub Option<Timestamp>);

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text =
            Text::deserialize(deserializer)?.0.filter(|text| !text.starts_with("0000-00-00"));
        let Some(text) = text else { return Ok(Self(None)) };
        let with_zone = text.parse::<Timestamp>().ok();
        let instant = with_zone.or_else(|| {
            let civil = text.parse::<DateTime>().ok()?;
            TimeZone::UTC.to_timestamp(civil).ok()
        });
        instant.map(|at| Self(Some(at))).ok_or_else(|| {
            de::Error::invalid_value(de::Unexpected::Str(&text), &"a date and time (RFC 3339)")
        })
    }
}

/// An instant in whole seconds since 1970; `null` is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnixSeconds(pub Option<Timestamp>);

impl<'de> Deserialize<'de> for UnixSeconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Some(second) = Option::<i64>::deserialize(deserializer)? else { return Ok(Self(None)) };
        Timestamp::from_second(second).map(|at| Self(Some(at))).map_err(|_| {
            de::Error::invalid_value(de::Unexpected::Signed(second), &"seconds since 1970")
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_beyond_two_to_the_53_stay_exact() {
        let id: Id = from_slice(b"820982911946154508").unwrap();
        assert_eq!(id.0, "820982911946154508");
        assert_eq!(from_slice::<Id>(b"\"A-17\"").unwrap().0, "A-17");
        for bad in ["1.5", "-1", "null", "\"\"", "\"a\\u0000b\"", "1e30", "{}"] {
            assert!(from_slice::<Id>(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn blank_texts_are_not_there() {
        for blank in ["null", "\"\"", "\"  \"", "false"] {
            assert_eq!(from_slice::<Text>(blank.as_bytes()).unwrap().0, None, "{blank}");
        }
        assert_eq!(from_slice::<Text>(b"12").unwrap().0.as_deref(), Some("12"));
        let [first, none] = [Text(Some("Anna".into())), Text(None)];
        assert_eq!(Text::joined([first.clone(), first.clone()]).as_deref(), Some("Anna Anna"));
        assert_eq!(Text::joined([none.clone(), first]).as_deref(), Some("Anna"));
        assert_eq!(Text::joined([none]), None);
    }

    #[test]
    fn dates_without_a_zone_are_utc() {
        let at = |text: &str| {
            from_slice::<Instant>(format!("\"{text}\"").as_bytes()).unwrap().0.unwrap()
        };
        assert_eq!(at("2017-03-22T19:30:35"), at("2017-03-22T19:30:35Z"));
        assert_eq!(at("2017-03-22 19:30:35"), at("2017-03-22T19:30:35Z"));
        assert_eq!(at("2017-03-22T19:30:35+02:00"), at("2017-03-22T17:30:35Z"));
        assert_eq!(from_slice::<Instant>(b"\"0000-00-00 00:00:00\"").unwrap().0, None);
        assert!(from_slice::<Instant>(b"\"yesterday\"").is_err());
    }

    #[test]
    fn seconds_since_1970_are_whole() {
        let at = |text: &str| from_slice::<UnixSeconds>(text.as_bytes()).map(|at| at.0);
        assert_eq!(at("1648319959").unwrap(), Some("2022-03-26T18:39:19Z".parse().unwrap()));
        assert_eq!(at("null").unwrap(), None);
        for bad in ["1.5", "\"1648319959\"", "9223372036854775807", "1e3"] {
            assert!(at(bad).is_err(), "{bad}");
        }
    }

    fn amount(json: &str) -> Option<Decimal> {
        from_slice::<Amount>(json.as_bytes()).unwrap().0
    }

    fn flag(json: &str) -> Option<bool> {
        from_slice::<Flag>(json.as_bytes()).unwrap().0
    }

    #[test]
    fn what_is_no_amount_or_flag_is_none() {
        for json in ["null", "true", "\"\"", "\"12,50\"", "\"1e\"", "\"kr 5\"", "[1]", "{\"a\":1}"]
        {
            assert_eq!(amount(json), None, "{json}");
        }
        for json in ["null", "2", "\"\"", "\"yes\"", "[true]", "{\"a\":1}"] {
            assert_eq!(flag(json), None, "{json}");
        }
        assert_eq!(["true", "\"true\"", "1", "\"1\""].map(flag), [Some(true); 4]);
        assert_eq!(["false", "\"false\"", "0", "\"0\""].map(flag), [Some(false); 4]);
    }

    #[test]
    fn texts_are_a_list_or_stand_between_commas() {
        let texts = |json: &str| from_slice::<Texts>(json.as_bytes()).unwrap().0;
        assert_eq!(texts(r#""a, b ,, c d""#), ["a", "b", "c d"]);
        assert_eq!(texts(r#"["a, b", " c ", "", 7, null, {}]"#), ["a, b", "c", "7"]);
        for none in ["null", "\"\"", "[]", "true", "{}", "[[\"a\"]]", "\" , \""] {
            assert_eq!(texts(none), [""; 0], "{none}");
        }
    }

    proptest! {
        #[test]
        fn an_amount_keeps_every_digit(number in r"(0|-?[1-9][0-9]{0,13})(\.[0-9]{1,14})?") {
            for json in [number.clone(), format!("\"{number}\""), format!("\" {number} \"")] {
                prop_assert_eq!(amount(&json).unwrap().to_string(), number.as_str());
            }
        }

        #[test]
        fn an_amount_is_never_rounded(number in r"(0|-?[1-9][0-9]{0,40})(\.[0-9]{1,40})?") {
            prop_assert!(amount(&number).is_none_or(|amount| amount.to_string() == number));
        }

        #[test]
        fn a_power_of_ten_moves_the_point(
            whole in "[1-9][0-9]{0,5}",
            fraction in "[0-9]{1,6}",
            power in -8_i8..=8,
        ) {
            let zeros = "0".repeat(8);
            let digits = format!("{zeros}{whole}{fraction}{zeros}");
            let point = (zeros.len() + whole.len()).saturating_add_signed(power.into());
            let plain = format!("{}.{}", &digits[..point], &digits[point..]);
            let expected = Decimal::from_str_exact(&plain).unwrap();
            for e in ["e", "E"] {
                prop_assert_eq!(amount(&format!("{whole}.{fraction}{e}{power}")), Some(expected));
                prop_assert_eq!(amount(&format!("\"{whole}.{fraction}{e}{power:+}\"")), Some(expected));
            }
        }

        #[test]
        fn an_amount_or_flag_of_any_shape_is_read_without_a_panic(
            number in "[-+.eE_0-9]{0,60}",
            text in any::<String>(),
        ) {
            for json in [number.clone(), format!("\"{number}\""), json!(text).to_string(), text] {
                let _amount = from_slice::<Amount>(json.as_bytes());
                let _flag = from_slice::<Flag>(json.as_bytes());
                let _texts = from_slice::<Texts>(json.as_bytes());
            }
        }
    }

    #[test]
    fn an_error_does_not_quote_what_was_found() {
        #[derive(Debug, Deserialize)]
        #[expect(dead_code, reason = "only errors matter")]
        struct Body {
            id: Option<Id>,
            at: Option<Instant>,
            items: Option<Vec<u8>>,
        }
        for body in [
            json!("anna, expected "),
            json!({ "id": format!("anna{}", "x".repeat(200)) }),
            json!({ "at": "anna" }),
            json!({ "items": "anna" }),
            json!({ "items": ["anna"] }),
        ] {
            let whole = from_slice::<Body>(body.to_string().as_bytes()).unwrap_err().to_string();
            let raw = serde_json::value::to_raw_value(&body).unwrap();
            let part = from_raw::<Body>(&raw, "data").unwrap_err().to_string();
            for error in [whole, part] {
                assert!(!error.contains("anna") && error.contains("expected "), "{error}");
            }
        }
    }

    #[test]
    fn an_error_says_where() {
        #[derive(Debug, Deserialize)]
        struct Body {
            #[expect(dead_code, reason = "only its path matters")]
            items: Vec<Id>,
        }
        let error = from_slice::<Body>(br#"{"items":[1,{}]}"#).unwrap_err();
        assert_eq!(error.path, "items[1]");
        assert!(error.detail.starts_with("expected an id: "), "{}", error.detail);
        let garbled = from_slice::<Body>(b"{\"items\":[\"\xff\"]}").unwrap_err();
        assert_eq!(garbled.to_string(), ".: expected UTF-8, which ends at byte 11");
        let trailing = from_slice::<Body>(br#"{"items":[]} x"#).unwrap_err();
        assert_eq!(trailing.path, ".");
    }
}
