//! The template engine, set up for each language.

use std::borrow::Cow;

use fluent_bundle::{FluentArgs, FluentValue};
use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value,
    syntax::SyntaxConfig, value::Kwargs,
};

use crate::{
    files::{self, Files},
    problem::{Findings, Problem},
    texts::Texts,
};

/// The most instructions one template may take. The largest sample takes a third of it.
const FUEL: u64 = 50_000;

/// The width of plain text, in columns (RFC 5322 asks for less than 78).
const TEXT_WIDTH: usize = 72;

/// Every template, compiled, without the words.
pub(crate) fn environment(files: &Files, findings: &mut Findings) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    // Names what is undefined. Costs something only when a template fails.
    environment.set_debug(true);
    environment.set_syntax(syntax());
    environment.set_formatter(format_value);
    // Nothing that comes in is HTML.
    environment.remove_filter("safe");
    environment.set_path_join_callback(html_from_html);
    environment.add_filter("wrap", wrap);
    for name in files.names(files::is_template) {
        if let Err(problem) = add_template(&mut environment, name, files) {
            findings.problem(problem);
        }
    }
    environment
}

/// The same templates, with the texts of one language. What was compiled is shared, not copied.
pub(crate) fn in_language(
    environment: &Environment<'static>,
    texts: Texts,
) -> Environment<'static> {
    let mut environment = environment.clone();
    environment.add_global("lang", texts.language().tag());
    environment.add_global("dir", texts.language().direction().as_str());
    environment.add_function("t", text_function(texts));
    environment
}

fn syntax() -> SyntaxConfig {
    #[expect(clippy::expect_used, reason = "the delimiters are the usual ones")]
    SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()
        .expect("valid delimiters")
}

/// A template that makes HTML may not take in one that does not, for that one escapes nothing: to
/// the engine, there is no such template.
fn html_from_html<'s>(name: &'s str, parent: &'s str) -> Cow<'s, str> {
    if files::is_html(parent) && !files::is_html(name) {
        format!("{name} (as HTML)").into()
    } else {
        name.into()
    }
}

fn add_template(
    environment: &mut Environment<'static>,
    name: &str,
    files: &Files,
) -> Result<(), Problem> {
    let mut add = |source: &str| environment.add_template_owned(name.to_owned(), source.to_owned());
    let overriding = files.overrides.get(name).map(|file| {
        let added = add(file.text()?);
        added.map_err(|error| file.placed(Problem::from_template_error(name, &error)))
    });
    // The built-in one stands in for a broken one, so that one mistake does not hide the others.
    if !matches!(overriding, Some(Ok(())))
        && let Some(file) = files.built_in.get(name)
    {
        add(file.text()?).map_err(|error| Problem::from_template_error(name, &error))?;
    }
    overriding.unwrap_or(Ok(()))
}

/// `t("key", name = value, …)`: the text for `key`, filled in.
fn text_function(
    texts: Texts,
) -> impl Fn(&str, Kwargs) -> Result<String, Error> + Send + Sync + 'static {
    move |key: &str, kwargs: Kwargs| {
        let mut args = FluentArgs::new();
        for name in kwargs.args() {
            let value = kwargs.get::<Value>(name)?;
            args.set(name.to_owned(), fluent_value(name, &value)?);
        }
        match texts.text(key, &args) {
            Some(Ok(text)) => Ok(text),
            Some(Err(error)) => {
                Err(Error::new(ErrorKind::InvalidOperation, "text").with_source(error))
            }
            None => {
                let message = format!("there is no text \"{key}\"");
                Err(Error::new(ErrorKind::InvalidOperation, message))
            }
        }
    }
}

fn fluent_value(name: &str, value: &Value) -> Result<FluentValue<'static>, Error> {
    if value.is_undefined() || value.is_none() {
        let message = format!("there is no value for {name}");
        return Err(Error::new(ErrorKind::UndefinedError, message));
    }
    Ok(value.as_i64().map_or_else(|| value.to_string().into(), FluentValue::from))
}

/// Writes a value. In HTML it is escaped; where escaping was switched off, nothing is written. A
/// value that is not there is a mistake, not the word `none`.
fn format_value(out: &mut Output, state: &mut State, value: &Value) -> Result<(), Error> {
    if value.is_none() {
        return Err(Error::new(ErrorKind::UndefinedError, "there is no value here"));
    }
    let text = value.as_str().map_or_else(|| value.to_string().into(), Cow::from);
    if value.is_safe() {
        return Ok(out.write_str(&text)?);
    }
    match state.auto_escape() {
        AutoEscape::None if files::is_html(state.name()) => {
            Err(Error::new(ErrorKind::InvalidOperation, "HTML must be escaped"))
        }
        AutoEscape::None => Ok(out.write_str(&text)?),
        _ => Ok(out.write_str(&escape_html(&text))?),
    }
}

/// Text for HTML, between tags or in a quoted attribute. Unlike the engine's own, it leaves `/` as
/// it is: not every mail program decodes a link.
pub(crate) fn escape_html(text: &str) -> Cow<'_, str> {
    let escaped = |byte| match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'"' => Some("&quot;"),
        b'\'' => Some("&#39;"),
        _ => None,
    };
    let mut html = String::new();
    let mut done = 0;
    for (at, byte) in text.bytes().enumerate() {
        if let Some(escaped) = escaped(byte) {
            html.push_str(&text[done..at]);
            html.push_str(escaped);
            done = at + 1;
        }
    }
    if done == 0 { text.into() } else { (html + &text[done..]).into() }
}

/// Breaks a paragraph of plain text into lines. A long word, such as a link, stays whole.
fn wrap(text: &str) -> String {
    let options = textwrap::Options::new(TEXT_WIDTH)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::fill(text, options)
}
