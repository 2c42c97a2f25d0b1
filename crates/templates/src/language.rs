//! Languages, and which of them a reader gets.

use fluent_langneg::{NegotiationStrategy, negotiate_languages};
use unic_langid::{CharacterDirection, LanguageIdentifier};

/// The language that is always there, and that stands in for texts a language lacks.
pub(crate) const ENGLISH: &str = "en";

/// A language there are texts in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Language {
    tag: String,
    direction: Direction,
}

/// Which way a language is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Left to right.
    Ltr,
    /// Right to left.
    Rtl,
}

impl Direction {
    /// As in the `dir` attribute of HTML.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ltr => "ltr",
            Self::Rtl => "rtl",
        }
    }
}

impl Language {
    /// The BCP 47 tag, for example `sv` or `pt-BR`.
    #[must_use]
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// Which way it is written.
    #[must_use]
    pub fn direction(&self) -> Direction {
        self.direction
    }
}

impl From<&LanguageIdentifier> for Language {
    fn from(id: &LanguageIdentifier) -> Self {
        let direction = match id.character_direction() {
            CharacterDirection::RTL => Direction::Rtl,
            CharacterDirection::LTR | CharacterDirection::TTB => Direction::Ltr,
        };
        Self { tag: id.to_string(), direction }
    }
}

pub(crate) fn english() -> LanguageIdentifier {
    LanguageIdentifier::from_bytes(ENGLISH.as_bytes()).unwrap_or_default()
}

/// The first of `wanted` that is `available`, at least in another region; failing that English.
pub(crate) fn negotiate<'a>(
    available: impl Iterator<Item = &'a Language>,
    wanted: impl Iterator<Item = &'a str>,
) -> Language {
    let parse = |tag: &str| tag.trim().parse::<LanguageIdentifier>().ok();
    let available: Vec<_> = available.filter_map(|language| parse(language.tag())).collect();
    let wanted: Vec<_> = wanted.filter_map(parse).flat_map(self_and_bokmal).collect();
    let english = english();
    let found =
        negotiate_languages(&wanted, &available, Some(&english), NegotiationStrategy::Lookup);
    Language::from(found.first().copied().unwrap_or(&english))
}

/// Many platforms say `no` for Norwegian, and who reads `nn` reads `nb` too.
fn self_and_bokmal(id: LanguageIdentifier) -> impl Iterator<Item = LanguageIdentifier> {
    let norwegian = ["no", "nn"].contains(&id.language.as_str());
    let bokmal = norwegian.then(|| "nb".parse().ok()).flatten();
    std::iter::once(id).chain(bokmal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn negotiated(wanted: &[&str]) -> String {
        let available = ["de", "en", "pt-BR", "sv"]
            .map(|tag| Language::from(&tag.parse::<LanguageIdentifier>().unwrap()));
        negotiate(available.iter(), wanted.iter().copied()).tag
    }

    #[test]
    fn every_spelling_of_a_language_finds_it() {
        for spelling in ["sv", "SV", "sv-SE", "sv_SE", "sv-FI", " sv "] {
            assert_eq!(negotiated(&[spelling, "de"]), "sv", "{spelling}");
        }
        assert_eq!(negotiated(&["de-AT", "sv"]), "de");
        assert_eq!(
            negotiated(&["pt-PT", "sv"]),
            "pt-BR",
            "another region is nearer than another language"
        );
    }

    #[test]
    fn norwegian_is_found_by_each_of_its_names() {
        let available =
            ["en", "nb"].map(|tag| Language::from(&tag.parse::<LanguageIdentifier>().unwrap()));
        for spelling in ["nb", "nb_NO", "no", "no-NO", "nn", "nn-NO"] {
            let found = negotiate(available.iter(), [spelling, "en"].into_iter());
            assert_eq!(found.tag(), "nb", "{spelling}");
        }
    }

    #[test]
    fn an_unknown_language_gets_the_fallback_and_then_english() {
        assert_eq!(negotiated(&["fi", "sv"]), "sv");
        assert_eq!(negotiated(&["not a language", "sv-SE"]), "sv");
        assert_eq!(negotiated(&["fi", "da"]), "en");
        assert_eq!(negotiated(&["", ""]), "en");
    }

    #[test]
    fn direction_follows_the_language() {
        for (tag, direction) in [
            ("ar", Direction::Rtl),
            ("he-IL", Direction::Rtl),
            ("fa", Direction::Rtl),
            ("ur", Direction::Rtl),
            ("sv", Direction::Ltr),
            ("az-Arab", Direction::Rtl),
        ] {
            let id: LanguageIdentifier = tag.parse().unwrap();
            assert_eq!(Language::from(&id).direction(), direction, "{tag}");
        }
    }
}
