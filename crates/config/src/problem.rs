//! What is wrong with a configuration, and where.

use std::{collections::BTreeSet, fmt};

/// Where a value was set. Ordered by layer, then by position: of two places the greater one had the
/// last word.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub(crate) layer: usize,
    pub(crate) source: String,
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Place {
    /// A source without lines: an environment variable, or a file that cannot be read.
    pub(crate) fn whole(layer: usize, source: impl Into<String>) -> Self {
        Self { layer, source: source.into(), line: 0, column: 0 }
    }
}

impl fmt::Display for Place {
    /// `file:line:column`, both counted from 1, or the name of an environment variable.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)?;
        if self.line == 0 { Ok(()) } else { write!(f, ":{}:{}", self.line, self.column) }
    }
}

/// One thing that is wrong. Never holds the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What.
    pub message: String,
    /// What to do about it, or what the key is for.
    pub hint: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n  hint: {}", self.place, self.message, self.hint)
    }
}

/// Everything that is wrong with a configuration, sorted by place.
///
/// A set, because what is wrong in a default is wrong in every shop that inherits it, and is still
/// one mistake.
#[derive(Clone, Debug, Default)]
pub struct Problems(BTreeSet<Problem>);

impl Problems {
    /// The problems, sorted by place.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }

    pub(crate) fn add(
        &mut self,
        place: &Place,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.0.insert(Problem { place: place.clone(), message: message.into(), hint: hint.into() });
    }

    pub(crate) fn extend(&mut self, problems: impl IntoIterator<Item = Problem>) {
        self.0.extend(problems);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blocks: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&blocks.join("\n"))
    }
}

impl std::error::Error for Problems {}

/// The candidate that `name` was most likely meant to be, if one is near.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

/// `a`, `b`, `c`: as they stand in the configuration.
pub(crate) fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
