//! Templates written in MJML, made into templates that make HTML.

use std::panic::catch_unwind;

use mrml::prelude::{
    parser::{self, ParserOptions},
    render::RenderOptions,
};

use crate::problem::line_at;

/// Stand around the number of a tag while MJML is converted. Rare, but printable: the converter
/// writes others in attributes as Rust does.
const OPEN: char = '⸨';
const CLOSE: char = '⸩';

/// HTML that was made of MJML.
pub(crate) struct Converted {
    pub(crate) html: String,
    /// Where each tag of the template engine begins: its line in `html`, and in the MJML.
    lines: Vec<(usize, usize)>,
}

/// What is wrong with MJML: the line, counted from 1, if it is known, and the message.
pub(crate) type Fault = (Option<usize>, String);

impl Converted {
    /// The line of the MJML that made this `line` of the HTML.
    pub(crate) fn source_line(&self, line: usize) -> Option<usize> {
        let at = self.lines.partition_point(|&(html, _)| html <= line).checked_sub(1)?;
        let (html, source) = self.lines[at];
        Some(source + line - html)
    }
}

/// The HTML that `source` stands for. Tags of the template engine (`{{ … }}`, `{% … %}`) are left as
/// they are, wherever MJML takes text or the value of an attribute. Nothing is fetched.
pub(crate) fn convert(source: &str) -> Result<Converted, Fault> {
    if let Some(at) = source.find([OPEN, CLOSE]) {
        let message = format!("MJML: {OPEN} and {CLOSE} may not be used");
        return Err((Some(line_at(source.as_bytes(), at)), message));
    }
    let (masked, tags) = mask(source);
    // It panics at a bare `>` behind some characters: it looks for `]]>` in the middle of them.
    let parsed = catch_unwind(|| mrml::parse_with_options(&masked, &ParserOptions::default()))
        .map_err(|_| (None, "MJML: write &gt; for > in a text".to_owned()))?
        .map_err(|error| fault(&masked, &error))?;
    if let Some(warning) = parsed.warnings.first() {
        let line = line_at(masked.as_bytes(), warning.span.start);
        return Err((Some(line), format!("MJML: {}", warning.kind)));
    }
    // Fonts would be fetched by who reads the mail.
    let options = RenderOptions { fonts: [].into(), ..RenderOptions::default() };
    let html = parsed.element.render(&options).map_err(|error| (None, format!("MJML: {error}")))?;
    // Unknown elements are passed on.
    if let Some((_, rest)) = html.split_once("<mj-") {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(rest.len());
        let element = format!("<mj-{}", &rest[..end]);
        let line = masked.find(&element).map(|at| line_at(masked.as_bytes(), at));
        return Err((line, format!("MJML: there is no element {element}> here")));
    }
    unmask(&html, &tags)
}

/// A tag of the template engine, and the line it begins in.
struct Tag<'a> {
    text: &'a str,
    line: usize,
}

/// `source` with numbers for the tags of the template engine, so that MJML does not stumble over
/// quotes and angle brackets in them, and without its comments. The lines stay the same.
fn mask(source: &str) -> (String, Vec<Tag<'_>>) {
    let mut masked = String::with_capacity(source.len());
    let mut tags = Vec::new();
    let mut done = 0;
    while let Some((start, end)) = next_tag(source, done) {
        let tag = Tag { text: &source[start..end], line: line_at(source.as_bytes(), start) };
        masked.push_str(&source[done..start]);
        let line_feeds = "\n".repeat(tag.text.matches('\n').count());
        if tag.text.starts_with("{#") {
            masked.push_str(&line_feeds);
        } else {
            masked.extend([OPEN.to_string(), tags.len().to_string(), line_feeds, CLOSE.into()]);
            tags.push(tag);
        }
        done = end;
    }
    masked.push_str(&source[done..]);
    (masked, tags)
}

/// Where the next tag of the template engine begins and ends. One without an end goes to the end of
/// the source; the engine will complain of it.
fn next_tag(source: &str, from: usize) -> Option<(usize, usize)> {
    let opening = |(at, _): &(usize, &str)| {
        source.get(at + 1..at + 2).is_some_and(|next| "{%#".contains(next))
    };
    let (start, _) =
        source[from..].match_indices('{').map(|(at, it)| (from + at, it)).find(opening)?;
    let end = match &source[start + 1..start + 2] {
        "#" => source[start..].find("#}").map(|at| start + at + 2),
        "%" => code_end(source, start + 2, "%}"),
        _ => code_end(source, start + 2, "}}"),
    };
    Some((start, end.unwrap_or(source.len())))
}

/// Where code ends: after the first `closing` that is not in a string.
fn code_end(source: &str, from: usize, closing: &str) -> Option<usize> {
    let mut quote = None;
    let mut characters = source[from..].char_indices();
    while let Some((at, character)) = characters.next() {
        match quote {
            Some(_) if character == '\\' => _ = characters.next(),
            Some(open) if character == open => quote = None,
            None if matches!(character, '"' | '\'') => quote = Some(character),
            None if source[from + at..].starts_with(closing) => {
                return Some(from + at + closing.len());
            }
            _ => {}
        }
    }
    None
}

/// Puts the tags back. Each gets a line feed behind its opening, where it means nothing, so that the
/// line tells which tag an error is about.
fn unmask(html: &str, tags: &[Tag<'_>]) -> Result<Converted, Fault> {
    let mut pieces = html.split(OPEN);
    let mut unmasked = pieces.next().unwrap_or_default().to_owned();
    let mut line = line_at(unmasked.as_bytes(), unmasked.len());
    let mut lines = Vec::new();
    for piece in pieces {
        let tag = piece.split_once(CLOSE).and_then(|(number, after)| {
            let digits = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
            Some((tags.get(number[..digits].parse::<usize>().ok()?)?, after))
        });
        let Some((tag, after)) = tag else {
            return Err((None, "MJML: a tag stands where MJML takes none".to_owned()));
        };
        let opening = 2 + usize::from(tag.text[2..].starts_with(['-', '+']));
        let (opening, code) = tag.text.split_at(opening);
        let piece = format!("{opening}\n{code}{after}");
        lines.push((line + 1, tag.line));
        line += piece.matches('\n').count();
        unmasked.push_str(&piece);
    }
    Ok(Converted { html: unmasked, lines })
}

fn fault(masked: &str, error: &parser::Error) -> Fault {
    use parser::Error;
    let (line, what) = match error {
        Error::UnexpectedElement { position, .. } => {
            (Some(at(masked, position)), "this element is not expected here")
        }
        Error::UnexpectedToken { position, .. } => {
            (Some(at(masked, position)), "this is not expected here")
        }
        Error::MissingAttribute { name, position, .. } => {
            return (Some(at(masked, position)), format!("MJML: the attribute {name} is missing"));
        }
        Error::InvalidAttribute { position, .. } => {
            (Some(at(masked, position)), "this attribute is not valid")
        }
        Error::InvalidFormat { position, .. } => (Some(at(masked, position)), "this is not valid"),
        Error::IncludeLoaderError { position, .. } => {
            (Some(at(masked, position)), "nothing is included; use {% include %}")
        }
        Error::ParserError { source, .. } => {
            return (usize::try_from(source.pos().row).ok(), format!("MJML: {source}"));
        }
        Error::NoRootNode => (Some(1), "there is no <mjml>"),
        Error::EndOfStream { .. } => (None, "an element is not closed"),
        Error::SizeLimit { .. } => (None, "the file is too large"),
    };
    (line, format!("MJML: {what}"))
}

fn at(masked: &str, position: &parser::Span) -> usize {
    line_at(masked.as_bytes(), position.start)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mail(body: &str) -> String {
        format!(
            "<mjml>\n<mj-body><mj-section><mj-column><mj-text>\n{body}\n</mj-text></mj-column>\
             </mj-section></mj-body>\n</mjml>"
        )
    }

    #[test]
    fn tags_stay_as_they_are_and_know_their_line() {
        let source = mail("<a href=\"{{ t(\"a\", b='}}') }}\">\n{% if 1 < 2 -%}x{%- endif %}</a>");
        let converted = convert(&source).unwrap();
        for tag in ["{{\n t(\"a\", b='}}') }}", "{%\n if 1 < 2 -%}x{%-\n endif %}"] {
            assert!(converted.html.contains(tag), "{}", converted.html);
        }
        let line =
            |text: &str| line_at(converted.html.as_bytes(), converted.html.find(text).unwrap());
        assert_eq!(converted.source_line(line(" t(")), Some(3));
        assert_eq!(converted.source_line(line(" if 1")), Some(4));
        assert_eq!(converted.source_line(line(" endif")), Some(4));
        assert_eq!(converted.source_line(1), None);
    }

    #[test]
    fn nothing_is_fetched() {
        let html = convert(&mail("x")).unwrap().html;
        assert!(!html.contains("fonts.googleapis.com"), "{html}");
        let include = mail("x").replace("<mj-body>", "<mj-include path=\"a.mjml\" /><mj-body>");
        assert_eq!(convert(&include).err().map(|(line, _)| line), Some(Some(2)));
    }

    #[test]
    fn what_is_wrong_has_its_line() {
        let fault = |source: &str| convert(source).err().unwrap();
        assert_eq!(
            fault("<mjml>{#\n#}\n<mj-bodi></mj-bodi></mjml>"),
            (Some(3), "MJML: this element is not expected here".to_owned())
        );
        assert_eq!(
            fault("<mjml>\n<mj-body widht=\"1\"><mj-text wat=\"1\">x</mj-text>"),
            (None, "MJML: an element is not closed".to_owned())
        );
        assert_eq!(fault("text").0, Some(1));
    }

    #[test]
    fn a_bare_bracket_behind_any_letter_is_no_panic() {
        let refused = convert("<mjml>મ>").err().unwrap();
        assert_eq!(refused, (None, "MJML: write &gt; for > in a text".to_owned()));
    }

    proptest! {
        #[test]
        fn any_source_is_converted_or_refused(source in "(<mj(ml|-body|-raw|-text)>|[{}%#\"'<>/a\\\\ \n-]|</mj(ml|-body)>|\\PC){0,40}") {
            if let Ok(converted) = convert(&source) {
                prop_assert!(!converted.html.contains([OPEN, CLOSE]));
            }
        }

        #[test]
        fn masking_keeps_lines_and_loses_nothing(source in "[{}%\"'\\\\a \né]{0,60}") {
            let (masked, tags) = mask(&source);
            prop_assert_eq!(masked.matches('\n').count(), source.matches('\n').count());
            let unmasked = unmask(&masked, &tags).ok().unwrap().html;
            let bare = |text: &str| text.replace('\n', "");
            prop_assert_eq!(bare(&unmasked), bare(&source));
        }
    }
}
