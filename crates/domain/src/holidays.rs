//! The days on which a country does not work.

use jiff::civil::Date;

use self::table::{FIRST_YEAR, TABLE};

mod table;

/// The nation-wide public holidays of one country, from 2024 to 2035.
///
/// Days that only a part of the country celebrates are not among them, nor are those of Spain that
/// fall on a Sunday, which each region moves as it likes. Which days they are, the Python package
/// `holidays` knows; `holidays/make.py` writes it down.
#[derive(Clone, Copy, Debug)]
pub struct Holidays {
    /// For each year the months and days, ascending: 1224 is Christmas Eve.
    years: &'static [&'static [u16]],
}

impl Holidays {
    /// Those of `country` (ISO 3166-1 alpha-2); `None` if they are not known.
    #[must_use]
    pub fn of(country: &str) -> Option<Self> {
        let known = TABLE.iter().find(|(known, _)| known.eq_ignore_ascii_case(country));
        known.map(|(_, years)| Self { years })
    }

    /// `true` if this day is one of them; `false` for any day outside the years that are known.
    #[must_use]
    pub fn contain(self, date: Date) -> bool {
        let year = usize::try_from(date.year() - FIRST_YEAR).ok();
        let days = year.and_then(|year| self.years.get(year));
        let day = u16::try_from(i16::from(date.month()) * 100 + i16::from(date.day())).ok();
        days.zip(day).is_some_and(|(days, day)| days.binary_search(&day).is_ok())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use jiff::{
        ToSpan as _,
        civil::{Weekday, date},
    };

    /// A country that does not work in 2024.
    pub(crate) fn all_of_2024() -> Holidays {
        let days = (1..=12).flat_map(|month| (1..=31).map(move |day| month * 100 + day));
        Holidays { years: vec![&*days.collect::<Vec<_>>().leak()].leak() }
    }

    #[track_caller]
    fn is_holiday(country: &str, day: &str) -> bool {
        Holidays::of(country).unwrap().contain(day.parse().unwrap())
    }

    #[test]
    fn holidays_are_known_by_their_dates() {
        for (country, day, expected) in [
            // Midsummer Day; on its eve shops close, too, but not by law.
            ("SE", "2026-06-20", true),
            ("SE", "2026-06-19", false),
            ("SE", "2026-06-06", true),
            // Sundays are red in the calendar, but no holidays.
            ("SE", "2026-06-21", false),
            ("NO", "2027-05-17", true),
            // Great Prayer Day was abolished with 2024.
            ("DK", "2024-04-26", false),
            ("FI", "2026-12-06", true),
            // Easter Monday, and where there is none.
            ("DE", "2026-04-06", true),
            ("FR", "2035-03-26", true),
            ("GB", "2026-04-06", false),
            ("ES", "2026-04-06", false),
            // Orthodox Easter.
            ("GR", "2026-04-13", true),
            ("DE", "2026-10-03", true),
            // Corpus Christi is a holiday in parts of Germany.
            ("DE", "2026-06-04", false),
            ("AT", "2026-06-04", true),
            ("NL", "2025-04-26", true),
            ("NL", "2025-04-27", false),
            ("BE", "2026-07-21", true),
            ("FR", "2026-07-14", true),
            ("IT", "2026-04-25", true),
            ("PL", "2026-05-03", true),
            ("PT", "2026-06-10", true),
            ("CH", "2026-08-01", true),
            ("CH", "2026-12-26", false),
            ("IE", "2026-03-17", true),
            // Thanksgiving: the fourth Thursday of November, and Canada's is not nation-wide.
            ("US", "2026-11-26", true),
            ("US", "2026-11-19", false),
            ("CA", "2026-10-12", false),
            ("CA", "2026-07-01", true),
            // Independence Day is a Saturday, so that Friday is free.
            ("US", "2026-07-03", true),
            ("GB", "2026-12-28", true),
            ("AU", "2026-01-26", true),
        ] {
            assert_eq!(is_holiday(country, day), expected, "{country} {day}");
        }
    }

    #[test]
    fn case_does_not_matter_and_unknown_countries_are_said_to_be_unknown() {
        assert!(is_holiday("se", "2026-12-25"));
        for unknown in ["", "S", "SWE", "XX", "S\u{e9}"] {
            assert!(Holidays::of(unknown).is_none(), "{unknown}");
        }
    }

    #[test]
    fn years_outside_the_table_have_none() {
        assert!(!is_holiday("SE", "2023-12-25"));
        assert!(is_holiday("SE", "2024-12-25"));
        assert!(is_holiday("SE", "2035-12-25"));
        assert!(!is_holiday("SE", "2036-12-25"));
        assert!(!is_holiday("SE", "-009999-01-01"));
        assert!(!is_holiday("SE", "9999-12-25"));
    }

    #[test]
    fn the_table_is_ordered_and_every_year_begins_with_a_day_off() {
        for (country, years) in TABLE {
            for (year, days) in (FIRST_YEAR..).zip(years) {
                assert!(days.is_sorted_by(|a, b| a < b), "{country} {year}");
                let sunday = date(year, 1, 1).weekday() == Weekday::Sunday;
                assert!(days.contains(&101) || sunday, "{country} {year}");
                for &day in *days {
                    let (month, day) = (i8::try_from(day / 100), i8::try_from(day % 100));
                    Date::new(year, month.unwrap(), day.unwrap()).unwrap();
                }
            }
        }
    }

    /// `SendWindow` looks 60 days ahead: who works on one weekday only must find one there.
    #[test]
    fn no_weekday_is_a_holiday_for_weeks() {
        for (country, _) in TABLE {
            let holidays = Holidays::of(country).unwrap();
            let days = date(2024, 1, 1).series(1.day()).take_while(|day| day.year() < 2036);
            for day in days {
                let weeks = day.series(7.days()).take_while(|&day| holidays.contain(day)).count();
                assert!(weeks < 4, "{country}: {weeks} weeks from {day}");
            }
        }
    }
}
