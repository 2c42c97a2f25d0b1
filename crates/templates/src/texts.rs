//! The words, from Fluent files.

use std::{collections::BTreeMap, sync::Arc};

use fluent_bundle::{
    FluentArgs, FluentError, FluentResource, FluentValue, concurrent::FluentBundle,
};
use fluent_syntax::ast::Entry;
use unic_langid::LanguageIdentifier;
use unicode_bidi::{BidiClass, bidi_class};

use crate::{
    files::{self, File, Files},
    language::{self, Direction, Language},
    problem::{Findings, Problem, TextError, line_at},
};

/// The texts of one language, with those of its base language and of English behind them.
pub(crate) struct Texts {
    language: Language,
    /// Each with its own plural rules; the first that has a text gives it.
    bundles: Vec<Arc<Bundle>>,
}

/// The texts that one language itself has.
struct Bundle {
    fluent: FluentBundle<FluentResource>,
    /// Where each text is written.
    places: BTreeMap<String, Place>,
}

struct Place {
    file: String,
    line: usize,
}

impl Texts {
    /// The texts of every language that has a file, and what is wrong with them.
    pub(crate) fn load(files: &Files, findings: &mut Findings) -> Vec<Self> {
        let mut bundles = BTreeMap::new();
        for name in files.names(|name| files::language_tag(name).is_some()) {
            let Some(id) = language_id(name) else {
                let message =
                    "the name of the file is not a language (such as sv.ftl or pt-BR.ftl)";
                findings.problem(Problem::new(files.shown_as(name), None, message));
                continue;
            };
            let mut bundle = Bundle::new(&id);
            for file in [files.built_in.get(name), files.overrides.get(name)].into_iter().flatten()
            {
                bundle.add(file, findings);
            }
            bundles.insert(id, Arc::new(bundle));
        }
        warn_of_unused_texts(bundles.values(), files, findings);
        let english = bundles.get(&language::english());
        let mut languages = Vec::new();
        for id in bundles.keys() {
            let mut own: Vec<_> =
                self_and_base(id).iter().filter_map(|id| bundles.get(id)).cloned().collect();
            for key in english.into_iter().flat_map(|english| english.places.keys()) {
                if !own.iter().any(|bundle| bundle.places.contains_key(key)) {
                    let file = files.shown_as(&format!("locales/{id}.ftl"));
                    let message =
                        format!("the text \"{key}\" is missing, so it appears in English");
                    findings.warn(Problem::new(file, None, message));
                }
            }
            own.extend(english.cloned());
            languages.push(Self { language: Language::from(id), bundles: own });
        }
        languages
    }

    pub(crate) fn language(&self) -> &Language {
        &self.language
    }

    /// The text for `key`, filled in; `None` if there is no such text.
    pub(crate) fn text(
        &self,
        key: &str,
        args: &FluentArgs<'_>,
    ) -> Option<Result<String, TextError>> {
        let (bundle, pattern) = self
            .bundles
            .iter()
            .find_map(|bundle| Some((bundle, bundle.fluent.get_message(key)?.value()?)))?;
        let mut errors = Vec::new();
        let mut text = String::new();
        // Writing to a string does not fail; `format_pattern` would isolate the text as a whole.
        let written = bundle.fluent.write_pattern(&mut text, pattern, Some(args), &mut errors);
        Some(match errors.first() {
            None => written.map(|()| text).map_err(|error| bundle.error(key, &error)),
            Some(FluentError::ResolverError(error)) => Err(bundle.error(key, error)),
            Some(error) => Err(bundle.error(key, error)),
        })
    }
}

impl Bundle {
    fn new(id: &LanguageIdentifier) -> Self {
        let mut fluent = FluentBundle::new_concurrent(vec![id.clone()]);
        // In a language that runs right to left, anything filled in may run against it. In others
        // only right-to-left words do, and plain text stays free of invisible characters.
        if Language::from(id).direction() == Direction::Rtl {
            fluent.set_use_isolating(true);
        } else {
            fluent.set_use_isolating(false);
            fluent.set_formatter(Some(isolate_rtl));
        }
        Self { fluent, places: BTreeMap::new() }
    }

    /// Lays the texts of `file` over those that are there.
    fn add(&mut self, file: &File, findings: &mut Findings) {
        let source = match file.text() {
            Ok(source) => source.to_owned(),
            Err(problem) => return findings.problem(problem),
        };
        let resource = FluentResource::try_new(source).unwrap_or_else(|(resource, errors)| {
            for error in errors {
                let line = line_at(resource.source().as_bytes(), error.pos.start);
                findings.problem(Problem::new(&file.shown_as, Some(line), error.to_string()));
            }
            resource
        });
        let mut lines = BTreeMap::new();
        for key in keys(&resource) {
            // The key is a slice of the source.
            let start = key.as_ptr().addr() - resource.source().as_ptr().addr();
            let line = line_at(resource.source().as_bytes(), start);
            if let Some(first) = lines.insert(key.to_owned(), line) {
                let message = format!("the text \"{key}\" is already in line {first}");
                findings.problem(Problem::new(&file.shown_as, Some(line), message));
            }
        }
        self.places.extend(
            lines.into_iter().map(|(key, line)| (key, Place { file: file.shown_as.clone(), line })),
        );
        self.fluent.add_resource_overriding(resource);
    }

    fn error(&self, key: &str, error: &impl ToString) -> TextError {
        TextError(self.problem(key, &error.to_string()))
    }

    fn problem(&self, key: &str, message: &str) -> Problem {
        let place = self.places.get(key);
        Problem::new(
            place.map_or("", |place| &place.file),
            place.map(|place| place.line),
            format!("{key}: {message}"),
        )
    }
}

/// Isolates words that run right to left, so that a Hebrew name does not turn the end of an English
/// sentence around (Unicode UAX #9, first strong isolate).
fn isolate_rtl<M>(value: &FluentValue<'_>, _: &M) -> Option<String> {
    let FluentValue::String(text) = value else { return None };
    // Most names are ASCII, and looking up what each letter is takes its time.
    let rtl = !text.is_ascii()
        && text.chars().any(|c| matches!(bidi_class(c), BidiClass::R | BidiClass::AL));
    rtl.then(|| format!("\u{2068}{text}\u{2069}"))
}

/// The language of a file, if its name is spelled as the language's tag is.
fn language_id(name: &str) -> Option<LanguageIdentifier> {
    let tag = files::language_tag(name)?;
    tag.parse().ok().filter(|id: &LanguageIdentifier| *id == tag)
}

/// `de-AT` has the texts of `de` behind it.
fn self_and_base(id: &LanguageIdentifier) -> Vec<LanguageIdentifier> {
    let base = LanguageIdentifier::from_parts(id.language, None, None, &[]);
    if base == *id { vec![base] } else { vec![id.clone(), base] }
}

/// A mistyped key, mostly.
fn warn_of_unused_texts<'a>(
    bundles: impl Iterator<Item = &'a Arc<Bundle>>,
    files: &Files,
    findings: &mut Findings,
) {
    let sources: Vec<&str> = files
        .names(files::is_template)
        .into_iter()
        .filter_map(|name| files.get(name)?.text().ok())
        .collect();
    for bundle in bundles {
        for key in bundle.places.keys() {
            if !sources.iter().any(|source| source.contains(&format!("\"{key}\""))) {
                findings.warn(bundle.problem(key, "no template asks for this text"));
            }
        }
    }
}

fn keys(resource: &FluentResource) -> impl Iterator<Item = &str> {
    resource.entries().filter_map(|entry| match entry {
        Entry::Message(message) => Some(message.id.name),
        _ => None,
    })
}
