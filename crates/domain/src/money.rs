//! Amounts of money, exactly as they were written.

use rust_decimal::{Decimal, prelude::ToPrimitive as _};
use serde::{Deserialize, Serialize};

/// An amount in a currency. Never passes through a float.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// In units of the currency, such as 19.90.
    #[serde(with = "rust_decimal::serde::str")]
    pub amount: Decimal,
    /// ISO 4217, upper case.
    pub currency: String,
}

impl Money {
    /// An amount as platforms write it; `None` without both of them, or if the currency is no code.
    #[must_use]
    pub fn new(amount: Option<Decimal>, currency: Option<&str>) -> Option<Self> {
        let currency = currency?.trim().to_ascii_uppercase();
        let is_code = currency.len() == 3 && currency.bytes().all(|c| c.is_ascii_uppercase());
        is_code.then_some(Self { amount: amount?, currency })
    }

    /// An amount in the smallest unit of the currency, such as cents.
    #[must_use]
    pub fn from_minor(amount: Option<Decimal>, currency: Option<&str>) -> Option<Self> {
        let mut money = Self::new(amount, currency)?;
        let scale = money.amount.scale() + minor_digits(&money.currency);
        money.amount.set_scale(scale).ok()?;
        Some(money)
    }

    /// The inverse of [`Self::from_minor`]; `None` if it is not a whole number of smallest units.
    #[must_use]
    pub fn minor(&self) -> Option<i64> {
        let units = Decimal::from(10_u32.pow(minor_digits(&self.currency)));
        let minor = self.amount.checked_mul(units)?;
        if minor.is_integer() { minor.to_i64() } else { None }
    }
}

/// How many digits the smallest unit has (ISO 4217, table A.1, the minor units that are not 2).
fn minor_digits(currency: &str) -> u32 {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX"
        | "UYI" | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_what_was_written() {
        let amount = |text: &str| Some(text.parse::<Decimal>().unwrap());
        let minor = |text, currency| Money::from_minor(amount(text), Some(currency)).unwrap();
        assert_eq!(minor("1990", "eur").amount.to_string(), "19.90");
        assert_eq!(minor("1990", "JPY").amount.to_string(), "1990");
        assert_eq!(minor("1990", "KWD").amount.to_string(), "1.990");
        for currency in ["EUR", "JPY", "KWD"] {
            assert_eq!(minor("1990", currency).minor(), Some(1990));
        }
        assert_eq!(Money::new(amount("0.005"), Some("EUR")).unwrap().minor(), None);
        let exact = Money::new(amount("0.10000000000000000555"), Some("SEK")).unwrap();
        let json = serde_json::to_string(&exact).unwrap();
        assert_eq!(json, r#"{"amount":"0.10000000000000000555","currency":"SEK"}"#);
        assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), exact);
    }

    #[test]
    fn without_a_currency_it_is_no_money() {
        let one = Some(Decimal::ONE);
        assert_eq!(Money::new(one, None), None);
        assert_eq!(Money::new(one, Some("kr")), None);
        assert_eq!(Money::new(None, Some("SEK")), None);
    }
}
