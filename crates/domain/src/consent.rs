//! Whom we may ask by law, and the evidence that we may.
//!
//! A request for a review is advertising, also when it comes with a bill: so the German Federal Court of
//! Justice (10 July 2018, VI ZR 225/17), and courts and authorities elsewhere in Europe see it alike.
//! Where that is so, who is asked has agreed, or was told at the checkout and could say no.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{decision::Reason, order::Order, text};

/// What a platform tells about a buyer and marketing by e-mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Recorded")]
pub struct Consent {
    /// What the buyer said.
    pub answer: Answer,
    /// The platform's name of the field that says so; empty in old records.
    pub field: String,
    /// When the buyer said it, if the platform tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// What the field held, or how the buyer said it, in the platform's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What a buyer said to marketing by e-mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Yes.
    Agreed,
    /// Nothing: a box was left empty. That is no consent, and no objection either.
    NotAgreed,
    /// No, or not any more.
    Refused,
}

/// As it may stand in the record: at first it was a yes or no alone. Of such a no it is not known
/// how it was meant.
#[derive(Deserialize)]
#[serde(untagged)]
enum Recorded {
    Bare(bool),
    Whole {
        answer: Answer,
        field: String,
        #[serde(default)]
        at: Option<Timestamp>,
        #[serde(default)]
        text: Option<String>,
    },
}

impl From<Recorded> for Consent {
    fn from(recorded: Recorded) -> Self {
        match recorded {
            Recorded::Bare(agreed) => Self::stated(agreed, ""),
            Recorded::Whole { answer, field, at, text } => Self { answer, field, at, text },
        }
    }
}

impl Consent {
    /// From a box at the checkout: left empty, it says nothing.
    #[must_use]
    pub fn ticked(is_ticked: bool, field: &str) -> Self {
        let answer = if is_ticked { Answer::Agreed } else { Answer::NotAgreed };
        Self { answer, field: field.to_owned(), at: None, text: None }
    }

    /// From a field that says no, too.
    #[must_use]
    pub fn stated(agreed: bool, field: &str) -> Self {
        let answer = if agreed { Answer::Agreed } else { Answer::Refused };
        Self { answer, field: field.to_owned(), at: None, text: None }
    }

    /// Whether the buyer agreed.
    #[must_use]
    pub fn is_given(&self) -> bool {
        self.answer == Answer::Agreed
    }

    /// What holds once this was told after `earlier`: a yes that is none any more was taken back, and
    /// only a yes ends a no.
    pub(crate) fn after(self, earlier: Option<&Self>) -> Self {
        let spoke = earlier.is_some_and(|earlier| earlier.answer != Answer::NotAgreed);
        if spoke && self.answer == Answer::NotAgreed {
            Self { answer: Answer::Refused, ..self }
        } else {
            self
        }
    }

    /// With its texts safe to show and bounded.
    pub(crate) fn cleaned(&self) -> Self {
        Self {
            answer: self.answer,
            field: text::line(&self.field),
            at: self.at,
            text: self.text.as_deref().map(text::line).filter(|text| !text.is_empty()),
        }
    }
}

/// What has to be there before a buyer may be asked. A buyer who said no is never asked: where the law
/// lets shops write first, it lets buyers object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The order alone.
    None,
    /// The order, and that the buyer was told at the checkout; or that the buyer agreed.
    SoftOptIn,
    /// That the buyer agreed.
    OptIn,
}

/// Where the order is a ground only for buyers who were told, and could say no: Directive 2002/58/EC,
/// Article 13(2), in the states of the EU, with the parts of them that have codes of their own, and of
/// the EEA. United Kingdom: Privacy and Electronic Communications Regulations 2003, regulation 22.
/// Switzerland: UWG, Article 3(1)(o). docs/consent.md names the national laws.
const SOFT_OPT_IN: [&str; 38] = [
    "AT", "AX", "BE", "BG", "CH", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GB", "GF", "GP",
    "GR", "HR", "HU", "IE", "IS", "IT", "LI", "LT", "LU", "LV", "MF", "MQ", "MT", "NL", "NO", "PT",
    "RE", "RO", "SE", "SI", "SK", "YT",
];

/// Where only a yes counts. Poland has not taken over Article 13(2): Electronic Communications Law of
/// 12 July 2024, Article 398.
const OPT_IN: [&str; 1] = ["PL"];

impl Basis {
    /// What the law asks for where the buyer lives. An order that names no country may be from
    /// anywhere. Countries that are not listed let shops write to their customers first, as the United
    /// States do (CAN-SPAM Act, 15 U.S.C. 7704), or take the purchase for a consent, as Canada does for
    /// two years (CASL, section 10(9) and (10)); or we do not know.
    #[must_use]
    pub fn by_law(country: Option<&str>) -> Self {
        match country {
            Some(code) if OPT_IN.contains(&code) => Self::OptIn,
            Some(code) if !SOFT_OPT_IN.contains(&code) => Self::None,
            _ => Self::SoftOptIn,
        }
    }
}

/// What buyers read at the checkout: that they will be asked for a review, and how to object. That
/// they read it is the operator's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckoutNotice {
    /// The text.
    pub text: String,
    /// What records name it by: the first half of its SHA-256, in hex.
    pub hash: String,
}

impl From<&str> for CheckoutNotice {
    fn from(text: &str) -> Self {
        let digest = Sha256::digest(text);
        let (half, _) = digest.split_at(16);
        let half = half.iter().fold(0_u128, |number, byte| (number << 8) | u128::from(*byte));
        Self { text: text.to_owned(), hash: format!("{half:032x}") }
    }
}

/// What one shop asks for before it asks buyers.
#[derive(Clone, Debug, Default)]
pub struct ConsentPolicy {
    /// Buyers anywhere.
    pub everywhere: ConsentRule,
    /// Buyers in some countries, by ISO 3166-1 alpha-2 code.
    pub countries: BTreeMap<String, ConsentRule>,
}

/// What is asked for before buyers are asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsentRule {
    /// `None` is what the law asks for where the buyer lives.
    pub basis: Option<Basis>,
    /// What these buyers read at the checkout.
    pub notice: Option<CheckoutNotice>,
}

/// On what ground a buyer is asked. Recorded with the decision; names nobody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "basis", rename_all = "snake_case")]
pub enum Ground {
    /// The order alone.
    None,
    /// The order, and what the buyer read at the checkout.
    SoftOptIn {
        /// The [`CheckoutNotice`], by its hash.
        notice: String,
    },
    /// The buyer agreed.
    OptIn {
        /// What says so.
        consent: Consent,
    },
}

impl ConsentPolicy {
    /// The order alone is a ground, everywhere.
    #[must_use]
    pub fn none() -> Self {
        let everywhere = ConsentRule { basis: Some(Basis::None), notice: None };
        Self { everywhere, countries: BTreeMap::new() }
    }

    /// On what ground the buyer of this order may be asked, or why not.
    pub fn ground(&self, order: &Order) -> Result<Ground, Reason> {
        let rule = self.rule(order);
        match (self.basis(order), order.marketing_consent.as_ref()) {
            (_, Some(Consent { answer: Answer::Refused, .. })) => Err(Reason::Objected),
            (Basis::None, _) => Ok(Ground::None),
            (_, Some(consent)) if consent.is_given() => {
                Ok(Ground::OptIn { consent: consent.clone() })
            }
            (Basis::SoftOptIn, _) => match &rule.notice {
                Some(notice) => Ok(Ground::SoftOptIn { notice: notice.hash.clone() }),
                None => Err(Reason::NoConsent),
            },
            (Basis::OptIn, _) => Err(Reason::NoConsent),
        }
    }

    /// What has to be there before the buyer of this order is asked.
    #[must_use]
    pub fn basis(&self, order: &Order) -> Basis {
        let by_law = || Basis::by_law(order.country.as_deref());
        self.rule(order).basis.unwrap_or_else(by_law)
    }

    /// What the buyer of this order read at the checkout, if that is known.
    #[must_use]
    pub fn notice(&self, order: &Order) -> Option<&CheckoutNotice> {
        self.rule(order).notice.as_ref()
    }

    fn rule(&self, order: &Order) -> &ConsentRule {
        let country = order.country.as_ref().and_then(|code| self.countries.get(code));
        country.unwrap_or(&self.everywhere)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn order(country: Option<&str>, answer: Option<Answer>) -> Order {
        let told = |answer| Consent { answer, ..Consent::ticked(true, "newsletter") };
        Order {
            reference: "1".into(),
            country: country.map(Into::into),
            marketing_consent: answer.map(told),
            ..Order::default()
        }
    }

    fn with_notice() -> ConsentPolicy {
        let notice = Some("We will ask you for a review.".into());
        ConsentPolicy {
            everywhere: ConsentRule { basis: None, notice },
            ..ConsentPolicy::default()
        }
    }

    #[test]
    fn the_law_of_the_buyers_country_says_what_must_be_there() {
        let law = |code| Basis::by_law(Some(code));
        assert_eq!(["US", "CA", "AU", "JP"].map(law), [Basis::None; 4]);
        assert_eq!(["DE", "AT", "SE", "NO", "GB", "CH", "AX"].map(law), [Basis::SoftOptIn; 7]);
        assert_eq!(law("PL"), Basis::OptIn);
        assert_eq!(Basis::by_law(None), Basis::SoftOptIn, "it may be any of them");
        assert!(SOFT_OPT_IN.is_sorted(), "so that nothing is in it twice");
    }

    #[test]
    fn a_german_order_needs_a_yes_or_a_notice_at_the_checkout() {
        let bare = ConsentPolicy::default();
        let told = with_notice();
        let german = |answer| order(Some("DE"), answer);
        assert_eq!(bare.ground(&german(None)), Err(Reason::NoConsent));
        assert_eq!(bare.ground(&german(Some(Answer::NotAgreed))), Err(Reason::NoConsent));
        let agreed = german(Some(Answer::Agreed));
        let consent = agreed.marketing_consent.clone().unwrap();
        assert_eq!(bare.ground(&agreed), Ok(Ground::OptIn { consent }));
        let notice = told.everywhere.notice.as_ref().unwrap().hash.clone();
        let soft = Ground::SoftOptIn { notice };
        assert_eq!(told.ground(&german(None)), Ok(soft.clone()));
        assert_eq!(
            told.ground(&german(Some(Answer::NotAgreed))),
            Ok(soft),
            "an empty box is no no"
        );
        assert_eq!(told.ground(&german(Some(Answer::Refused))), Err(Reason::Objected));
    }

    #[test]
    fn who_said_no_is_not_asked_anywhere() {
        let american = |answer| order(Some("US"), answer);
        let policy = ConsentPolicy::none();
        assert_eq!(policy.ground(&american(None)), Ok(Ground::None));
        assert_eq!(policy.ground(&american(Some(Answer::NotAgreed))), Ok(Ground::None));
        assert_eq!(policy.ground(&american(Some(Answer::Refused))), Err(Reason::Objected));
    }

    #[test]
    fn a_country_has_its_own_rule_and_notice() {
        let mut policy = with_notice();
        let strict = ConsentRule { basis: Some(Basis::OptIn), notice: None };
        policy.countries.insert("DE".into(), strict);
        assert_eq!(policy.ground(&order(Some("DE"), None)), Err(Reason::NoConsent));
        assert!(policy.ground(&order(Some("SE"), None)).is_ok());
        assert_eq!(policy.notice(&order(Some("DE"), None)), None);
        assert!(policy.notice(&order(None, None)).is_some());
    }

    #[test]
    fn a_yes_that_is_none_any_more_was_taken_back() {
        let told = |answer| Consent { answer, ..Consent::ticked(true, "newsletter") };
        let after =
            |now, earlier: Option<Answer>| told(now).after(earlier.map(told).as_ref()).answer;
        assert_eq!(after(Answer::NotAgreed, None), Answer::NotAgreed);
        assert_eq!(after(Answer::NotAgreed, Some(Answer::NotAgreed)), Answer::NotAgreed);
        assert_eq!(after(Answer::NotAgreed, Some(Answer::Agreed)), Answer::Refused);
        assert_eq!(after(Answer::NotAgreed, Some(Answer::Refused)), Answer::Refused);
        assert_eq!(after(Answer::Agreed, Some(Answer::Refused)), Answer::Agreed);
    }

    #[test]
    fn records_that_hold_a_yes_or_no_alone_are_still_read() {
        let read = |json: &str| serde_json::from_str::<Order>(json).unwrap().marketing_consent;
        let old = |value: &str| {
            read(&format!(
                r#"{{"reference":"1","number":null,"email":null,"name":null,"locale":null,
                    "country":null,"placed_at":null,"marketing_consent":{value}}}"#
            ))
        };
        assert_eq!(old("true"), Some(Consent::stated(true, "")));
        assert_eq!(old("false"), Some(Consent::stated(false, "")));
        assert_eq!(old("null"), None);
        let whole = Consent {
            at: "2026-06-29T06:00:00Z".parse().ok(),
            text: Some("confirmed_opt_in".into()),
            ..Consent::ticked(true, "email_marketing_consent")
        };
        assert_eq!(old(&serde_json::to_string(&whole).unwrap()), Some(whole));
    }

    #[test]
    fn what_a_platform_tells_is_made_safe_to_show() {
        let hostile = Consent {
            field: "a\u{202E}b\n".into(),
            text: Some("x".repeat(9_000)),
            ..Consent::ticked(true, "")
        };
        let clean = hostile.cleaned();
        assert_eq!(clean.field, "ab");
        assert_eq!(clean.text.unwrap().len(), text::LINE_MAX_CHARS);
        assert_eq!(Consent { text: Some(" ".into()), ..hostile }.cleaned().text, None);
    }

    proptest! {
        /// Whatever the rules: nobody who said no is asked, and where a yes is needed nobody without.
        #[test]
        fn nobody_is_asked_without_what_must_be_there(
            basis in prop::option::of(prop::sample::select(
                vec![Basis::None, Basis::SoftOptIn, Basis::OptIn])),
            notice in prop::option::of("[a-z]{1,20}"),
            country in prop::option::of(prop::sample::select(vec!["DE", "PL", "US", "SE", "ZZ"])),
            answer in prop::option::of(prop::sample::select(
                vec![Answer::Agreed, Answer::NotAgreed, Answer::Refused])),
        ) {
            let notice: Option<CheckoutNotice> = notice.as_deref().map(Into::into);
            let policy = ConsentPolicy {
                everywhere: ConsentRule { basis, notice: notice.clone() },
                ..ConsentPolicy::default()
            };
            let needed = basis.unwrap_or_else(|| Basis::by_law(country));
            let ground = policy.ground(&order(country, answer));
            if answer == Some(Answer::Refused) {
                prop_assert_eq!(&ground, &Err(Reason::Objected));
            }
            if needed == Basis::OptIn {
                prop_assert_eq!(ground.is_ok(), answer == Some(Answer::Agreed));
            }
            match ground {
                Ok(Ground::None) => prop_assert_eq!(needed, Basis::None),
                Ok(Ground::SoftOptIn { notice: hash }) => prop_assert_eq!(hash, notice.unwrap().hash),
                Ok(Ground::OptIn { consent }) => prop_assert!(consent.is_given()),
                Err(reason) => {
                    prop_assert!(matches!(reason, Reason::Objected | Reason::NoConsent));
                }
            }
        }
    }
}
