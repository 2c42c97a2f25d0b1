//! Finds what steers the opinion of who is asked for a review.

use std::{fmt, ops::Range, sync::LazyLock};

use fluent_syntax::{
    ast::{Entry, Expression, InlineExpression, Pattern as Value, PatternElement},
    parser,
};
use html5gum::{Token, Tokenizer};

use crate::{
    Language,
    files::{self, Files},
    language::ENGLISH,
    problem::{Problem, line_at},
};

/// The most words that `…` in a pattern stands for.
const GAP_WORDS: usize = 8;

static PATTERNS: LazyLock<Vec<Pattern>> = LazyLock::new(|| patterns(include_str!("steering.txt")));

/// Why a pattern may not appear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    Incentive,
    Gating,
}

/// One pattern of `steering.txt`.
struct Pattern {
    language: &'static str,
    reason: Reason,
    slots: Vec<Slot>,
}

enum Slot {
    /// One word, in one of these forms.
    Word(Vec<Form>),
    /// Some words.
    Gap,
}

struct Form {
    word: &'static str,
    any_beginning: bool,
    any_ending: bool,
}

/// What was found in a text.
#[derive(Debug, PartialEq, Eq)]
struct Match {
    words: String,
    /// Whose list they are on.
    language: &'static str,
    reason: Reason,
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { words, language, reason } = self;
        match reason {
            Reason::Incentive => write!(
                f,
                "\"{words}\" ({language}) promises something for a review, which 16 CFR 465.4 restricts and Google \
                 and Trustpilot forbid"
            ),
            Reason::Gating => write!(
                f,
                "\"{words}\" ({language}) asks for good reviews or holds back others (review gating), which 16 CFR \
                 465, Google and Trustpilot forbid"
            ),
        }
    }
}

/// What steers the reader of `rendered`, a mail made from `template` in `language` with neutral
/// names, each with the text or template it comes from.
pub(crate) fn lint(
    rendered: &str,
    template: &str,
    language: &Language,
    files: &Files,
) -> Vec<Problem> {
    let blocks =
        if files::is_html(template) { html_blocks(rendered) } else { vec![rendered.to_owned()] };
    let found = find_all(&blocks, language);
    let problem = |found: Match| match text_with(&found, language, files) {
        Some((problem, key)) => Problem { message: format!("{key}: {found}"), ..problem },
        None => Problem::new(files.shown_as(template), None, found.to_string()),
    };
    found.into_iter().map(problem).collect()
}

fn find_all(blocks: &[String], language: &Language) -> Vec<Match> {
    let base = language.tag().split('-').next().unwrap_or_default();
    let sentences: Vec<Vec<String>> = blocks.iter().flat_map(|block| sentences(block)).collect();
    PATTERNS
        .iter()
        .filter(|pattern| [base, ENGLISH].contains(&pattern.language))
        .filter_map(|pattern| {
            let words =
                sentences.iter().find_map(|words| Some(&words[find(&pattern.slots, words)?]))?;
            let Pattern { language, reason, .. } = *pattern;
            Some(Match { words: words.join(" "), language, reason })
        })
        .collect()
}

/// Where `slots` are first found.
fn find(slots: &[Slot], words: &[String]) -> Option<Range<usize>> {
    (0..words.len()).find_map(|at| Some(at..at + length(slots, &words[at..])?))
}

/// How many words `slots` take at the beginning of `words`.
fn length(slots: &[Slot], words: &[String]) -> Option<usize> {
    match slots.split_first() {
        None => Some(0),
        Some((Slot::Word(forms), rest)) => {
            let (word, words) = words.split_first()?;
            forms.iter().any(|form| form.is(word)).then(|| length(rest, words))?.map(|n| n + 1)
        }
        Some((Slot::Gap, rest)) => (0..=GAP_WORDS.min(words.len()))
            .find_map(|gap| length(rest, &words[gap..]).map(|n| n + gap)),
    }
}

impl Form {
    fn is(&self, word: &str) -> bool {
        match (self.any_beginning, self.any_ending) {
            (false, false) => word == self.word,
            (false, true) => word.starts_with(self.word),
            (true, false) => word.ends_with(self.word),
            (true, true) => word.contains(self.word),
        }
    }
}

/// The words of each sentence, in small letters; `%` is one, too.
fn sentences(text: &str) -> Vec<Vec<String>> {
    let mut sentences = vec![Vec::new()];
    for paragraph in text.split("\n\n") {
        for sentence in paragraph.split(['.', '!']) {
            sentences.push(words(sentence));
        }
    }
    sentences
}

fn words(sentence: &str) -> Vec<String> {
    let spaced = sentence.replace('%', " % ").to_lowercase();
    let words = spaced.split(|c: char| !(c.is_alphanumeric() || c == '%'));
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// What a reader of HTML sees or hears, in pieces that no sentence crosses.
fn html_blocks(html: &str) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut blocks = vec![String::new()];
    let mut in_style = false;
    for token in Tokenizer::new(html) {
        let Ok(token) = token;
        match token {
            Token::String(it) if !in_style => {
                if let Some(block) = blocks.last_mut() {
                    block.push_str(&text(&it));
                }
            }
            Token::StartTag(tag) => {
                in_style = *tag.name == b"style"[..];
                for name in ["alt", "title", "aria-label"] {
                    blocks.extend(tag.attributes.get(name.as_bytes()).map(|value| text(value)));
                }
                if !is_inline(&tag.name) {
                    blocks.push(String::new());
                }
            }
            Token::EndTag(tag) => {
                in_style = false;
                if !is_inline(&tag.name) {
                    blocks.push(String::new());
                }
            }
            _ => {}
        }
    }
    blocks
}

/// `true` for an element that does not interrupt a sentence.
fn is_inline(tag: &[u8]) -> bool {
    const INLINE: [&[u8]; 12] = [
        b"a", b"b", b"bdi", b"bdo", b"em", b"font", b"i", b"mark", b"small", b"span", b"strong",
        b"u",
    ];
    INLINE.contains(&tag)
}

/// The place and the key of the text that holds what was found; the message is empty.
fn text_with(found: &Match, language: &Language, files: &Files) -> Option<(Problem, String)> {
    let base = language.tag().split('-').next().unwrap_or_default();
    let names = [language.tag(), base, ENGLISH].map(|tag| format!("locales/{tag}.ftl"));
    let files = names
        .iter()
        .flat_map(|name| [files.overrides.get(name), files.built_in.get(name)])
        .flatten();
    for file in files {
        let source = file.text().ok()?;
        let (Ok(resource) | Err((resource, _))) = parser::parse(source);
        for entry in &resource.body {
            let Entry::Message(message) = entry else { continue };
            let mut blocks = vec![String::new()];
            message.value.iter().for_each(|value| flatten(value, &mut blocks));
            if find_all(&blocks, language).contains(found) {
                let key = message.id.name;
                let line = line_at(source.as_bytes(), key.as_ptr().addr() - source.as_ptr().addr());
                return Some((Problem::new(&file.shown_as, Some(line), ""), key.to_owned()));
            }
        }
    }
    None
}

/// The words of a text, each of its choices for itself.
fn flatten(value: &Value<&str>, blocks: &mut Vec<String>) {
    for element in &value.elements {
        let text = match element {
            PatternElement::TextElement { value } => *value,
            PatternElement::Placeable { expression: Expression::Inline(inline) } => match inline {
                InlineExpression::StringLiteral { value } => *value,
                _ => "x",
            },
            PatternElement::Placeable { expression: Expression::Select { variants, .. } } => {
                for variant in variants {
                    blocks.push(String::new());
                    flatten(&variant.value, blocks);
                }
                continue;
            }
        };
        if let Some(block) = blocks.last_mut() {
            block.push_str(text);
        }
    }
}

fn patterns(source: &'static str) -> Vec<Pattern> {
    let mut language = ENGLISH;
    let mut patterns = Vec::new();
    for line in source.lines().filter(|line| !line.starts_with('#')) {
        if let Some(tag) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            language = tag;
        } else if let Some((reason, listed)) = line.split_once(": ") {
            let reason = if reason == "incentive" { Reason::Incentive } else { Reason::Gating };
            patterns.extend(listed.split(", ").map(|pattern| Pattern {
                language,
                reason,
                slots: pattern.split(' ').map(slot).collect(),
            }));
        }
    }
    patterns
}

fn slot(word: &'static str) -> Slot {
    if word == "…" {
        return Slot::Gap;
    }
    Slot::Word(
        word.split('|')
            .map(|form| Form {
                word: form.trim_matches('*'),
                any_beginning: form.starts_with('*'),
                any_ending: form.ends_with('*'),
            })
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(tag: &str, text: &str) -> Vec<String> {
        let language = Language::from(&tag.parse::<unic_langid::LanguageIdentifier>().unwrap());
        find_all(&[text.to_owned()], &language).into_iter().map(|found| found.words).collect()
    }

    #[test]
    fn the_list_has_every_language_and_both_reasons() {
        for language in ["en", "sv", "de", "da", "nb", "fi", "nl", "fr", "es", "it", "pl", "pt"] {
            for reason in [Reason::Incentive, Reason::Gating] {
                let of =
                    |pattern: &&Pattern| pattern.language == language && pattern.reason == reason;
                assert!(PATTERNS.iter().filter(of).count() >= 3, "{language} {reason:?}");
            }
        }
        for pattern in &*PATTERNS {
            assert!(matches!(pattern.slots.first(), Some(Slot::Word(_))));
            for slot in &pattern.slots {
                let Slot::Word(forms) = slot else { continue };
                assert!(
                    forms.iter().all(|form| words(form.word) == [form.word]),
                    "{}",
                    forms[0].word
                );
            }
        }
    }

    #[test]
    fn incentives_and_gating_are_found_in_every_language() {
        for (language, text) in [
            ("en", "Review us and get 10% OFF!"),
            ("en", "You can win a teapot"),
            ("en", "If you were happy with your order, please leave us a review."),
            ("en", "Not happy? Contact us first"),
            ("en", "A 5-star review would help us"),
            ("en-GB", "Leave a positive review"),
            ("sv", "Vinn ett presentkort"),
            ("sv", "Om du är nöjd med köpet, skriv ett omdöme."),
            ("de", "Als Dank: ein Einkaufsgutschein"),
            ("de", "Wenn Sie zufrieden sind, freuen wir uns über eine Bewertung."),
            ("da", "Er du utilfreds, så skriv til os"),
            ("nb", "Hvis du er fornøyd, skriv en omtale"),
            ("fi", "Saat alennuksen"),
            ("fi", "Jos olet tyytyväinen, kirjoita arvostelu"),
            ("nl", "Ontvang een kortingscode"),
            ("fr", "Un bon d'achat pour votre avis"),
            ("fr", "Si vous êtes satisfait, laissez un avis"),
            ("es", "Participa en el sorteo"),
            ("it", "Hai uno sconto del 10"),
            ("pl", "Odbierz kod rabatowy"),
            ("pt", "Se ficou satisfeito, deixe uma avaliação"),
            ("he", "A discount for you"),
        ] {
            assert!(!found(language, text).is_empty(), "{language}: {text}");
        }
    }

    #[test]
    fn neutral_words_are_left_alone() {
        for (language, text) in [
            ("en", "Every honest opinion is equally welcome, good or bad."),
            ("en", "1 star: poor, 5 stars: excellent. Write a review."),
            ("en", "Open the window of the winery"),
            ("en", "If you have a minute: what was good, and what was not? Write a review."),
            ("fi", "Kirjoita arvostelu. Arvonlisävero"),
            ("it", "Niente viene inviato finché non premi il pulsante. Buono o cattivo"),
            ("de", "Wie zufrieden waren Sie?"),
            ("sv", "Bra eller dåligt: alla omdömen är lika välkomna."),
        ] {
            assert_eq!(found(language, text), [""; 0], "{language}: {text}");
        }
    }

    #[test]
    fn html_is_read_as_people_do() {
        let html = "<style>.win { color: red }</style><!-- win --><p>You <b>w</b>in<br>5</p>\
                    <img alt=\"a coupon\">";
        let language = Language::from(&crate::language::english());
        let found: Vec<_> = find_all(&html_blocks(html), &language);
        let words: Vec<_> = found.iter().map(|found| &*found.words).collect();
        assert_eq!(words, ["coupon", "win"]);
    }
}
