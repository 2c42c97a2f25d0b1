//! What was found, and how it is told.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Value, json};

use crate::dkim::txt_strings;

/// How wide lines are, where they are sentences.
const WIDTH: usize = 100;
/// Where sentences begin: behind mark and check.
const INDENT: usize = 24;

/// How bad it is. In order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Severity {
    /// As it should be.
    Ok,
    /// Worth to know, or could not be seen.
    Note,
    /// Works, and will bite.
    Warning,
    /// Mail does not arrive, is not trusted, or orders are at risk.
    Fault,
}

impl Severity {
    /// Told apart without colours.
    fn mark(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "WARNING",
            Self::Fault => "FAULT",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// What was looked at, in a word or two.
    check: &'static str,
    severity: Severity,
    /// What was seen.
    seen: String,
    /// What follows from that.
    #[serde(skip_serializing_if = "Option::is_none")]
    means: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
    /// The lines to put somewhere, exactly.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    add: Vec<String>,
}

impl Finding {
    pub(super) fn ok(check: &'static str, seen: impl Into<String>) -> Self {
        Self::new(check, Severity::Ok, seen)
    }

    pub(super) fn note(check: &'static str, seen: impl Into<String>) -> Self {
        Self::new(check, Severity::Note, seen)
    }

    pub(super) fn warning(check: &'static str, seen: impl Into<String>) -> Self {
        Self::new(check, Severity::Warning, seen)
    }

    pub(super) fn fault(check: &'static str, seen: impl Into<String>) -> Self {
        Self::new(check, Severity::Fault, seen)
    }

    fn new(check: &'static str, severity: Severity, seen: impl Into<String>) -> Self {
        let (means, remedy) = (None, None);
        Self { check, severity, seen: seen.into(), means, remedy, add: Vec::new() }
    }

    pub(super) fn means(self, means: impl Into<String>) -> Self {
        Self { means: Some(means.into()), ..self }
    }

    pub(super) fn remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }

    pub(super) fn add(mut self, line: impl Into<String>) -> Self {
        self.add.push(line.into());
        self
    }
}

/// Findings about one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Section {
    title: String,
    findings: Vec<Finding>,
}

impl Section {
    pub(super) fn new(title: impl Into<String>, findings: Vec<Finding>) -> Self {
        Self { title: title.into(), findings }
    }

    #[cfg(test)]
    pub(super) fn worst(&self) -> Severity {
        self.findings.iter().map(|finding| finding.severity).max().unwrap_or(Severity::Ok)
    }
}

/// All that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Report(pub(super) Vec<Section>);

impl Report {
    pub(super) fn has_faults(&self) -> bool {
        self.count(Severity::Fault) > 0
    }

    fn count(&self, severity: Severity) -> usize {
        let findings = self.0.iter().flat_map(|section| &section.findings);
        findings.filter(|finding| finding.severity == severity).count()
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        json!({
            "faults": self.count(Severity::Fault),
            "warnings": self.count(Severity::Warning),
            "sections": self.0,
        })
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for section in &self.0 {
            line(&mut text, &section.title);
            for finding in &section.findings {
                tell(&mut text, finding);
            }
            line(&mut text, "");
        }
        let counts = [(Severity::Fault, "fault"), (Severity::Warning, "warning")];
        let counts = counts.map(|(severity, noun)| match self.count(severity) {
            0 => format!("no {noun}s"),
            1 => format!("1 {noun}"),
            more => format!("{more} {noun}s"),
        });
        line(&mut text, &format!("{} and {}", counts[0], counts[1]));
        text
    }
}

fn tell(text: &mut String, finding: &Finding) {
    let start = format!("  {:<9}{:<13}", finding.severity.mark(), finding.check);
    let rest = " ".repeat(INDENT);
    sentence(text, &start, &rest, &finding.seen);
    for said in finding.means.iter().chain(&finding.remedy) {
        sentence(text, &rest, &rest, said);
    }
    // Records and keys are copied: in one line, whatever its length.
    for add in &finding.add {
        line(text, &format!("{rest}  {add}"));
    }
}

fn sentence(text: &mut String, first: &str, rest: &str, said: &str) {
    let options = textwrap::Options::new(WIDTH)
        .initial_indent(first)
        .subsequent_indent(rest)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    for wrapped in textwrap::wrap(said, options) {
        line(text, &wrapped);
    }
}

fn line(text: &mut String, line: &str) {
    // Writing to a String cannot fail.
    let _written = writeln!(text, "{}", line.trim_end());
}

/// The line of a zone file that publishes a text.
pub(super) fn txt_record(name: &str, text: &str) -> String {
    format!("{name}. TXT \"{}\"", txt_strings(text).join("\" \""))
}

/// `1 thing`, `2 things`.
pub(super) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Bytes, as people say them.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    let unit = UNITS.into_iter().find(|(_, unit)| bytes >= *unit);
    let (name, unit) = unit.unwrap_or(("bytes", 1));
    let tenths = u128::from(bytes) * 10 / u128::from(unit);
    if unit == 1 || tenths >= 100 {
        format!("{} {name}", tenths / 10)
    } else {
        format!("{}.{} {name}", tenths / 10, tenths % 10)
    }
}
