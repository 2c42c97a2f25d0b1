//! The parts of a mail, no deeper than is looked at.
//!
//! `mail-parser` decodes; taking a mail apart is done here, because its own tree is as deep as a stranger
//! wants it, and dropping that tree takes a stack as deep.

use std::borrow::Cow;

use mail_parser::{
    DateTime, HeaderValue,
    decoders::{
        base64::base64_decode, charsets::map::charset_decoder, html::html_to_text,
        quoted_printable::quoted_printable_decode,
    },
    parsers::MessageStream,
};

use super::ReadError;

const PARTS_MAX: usize = 20;
const DEPTH_MAX: usize = 5;
/// Longer texts are cut: what went wrong stands in front.
const TEXT_MAX_LEN: usize = 64 * 1024;

/// `name: value` lines, unfolded: the head of a mail, or a group in a report.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads up to the first empty line. Lines that are no field are skipped.
    pub(super) fn parse(text: &str) -> Self {
        let mut fields: Vec<(String, String)> = Vec::new();
        for line in text.lines().take_while(|line| !line.trim_end().is_empty()) {
            if line.starts_with([' ', '\t']) {
                if let Some((_, value)) = fields.last_mut() {
                    value.push(' ');
                    value.push_str(line.trim());
                }
            } else if let Some((name, value)) = line.split_once(':') {
                fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
            }
        }
        Self(fields)
    }

    /// One of each group of lines.
    pub(super) fn groups(text: &str) -> Vec<Self> {
        let mut groups = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (group, behind) = split_head(rest.as_bytes());
            let group = &rest[..group.len()];
            rest = &rest[rest.len() - behind.len()..];
            let fields = Self::parse(group);
            if !fields.is_empty() {
                groups.push(fields);
            }
        }
        groups
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    pub(super) fn has_prefix(&self, prefix: &str) -> bool {
        self.0.iter().any(|(name, _)| name.starts_with(prefix))
    }

    /// A field of text, its encoded words (RFC 2047) decoded.
    pub(super) fn text(&self, name: &str) -> String {
        let line = format!("{}\n", self.get(name).unwrap_or_default());
        let value = MessageStream::new(line.as_bytes()).parse_unstructured();
        value.as_text().unwrap_or_default().to_owned()
    }

    pub(super) fn date(&self) -> Option<DateTime> {
        let line = format!("{}\n", self.get("date")?);
        let date = MessageStream::new(line.as_bytes()).parse_date().into_datetime()?;
        date.is_valid().then_some(date)
    }
}

/// One part. The first of a mail is the mail as a whole.
#[derive(Debug)]
pub(super) struct Part<'a> {
    /// `text/plain`, in lower case.
    pub(super) kind: String,
    /// Of a `multipart/report`, in lower case.
    pub(super) report_type: Option<String>,
    pub(super) fields: Fields,
    charset: Option<String>,
    body: &'a [u8],
}

impl Part<'_> {
    /// The body, decoded.
    pub(super) fn text(&self) -> String {
        let encoding = self.fields.get("content-transfer-encoding").unwrap_or_default();
        let decoded = match encoding.to_ascii_lowercase().as_str() {
            "base64" => base64_decode(self.body),
            "quoted-printable" => quoted_printable_decode(self.body),
            _ => None,
        };
        let bytes = decoded.map_or(Cow::Borrowed(self.body), Cow::Owned);
        let bytes = &bytes[..bytes.len().min(TEXT_MAX_LEN)];
        let decoder = self.charset.as_deref().and_then(|name| charset_decoder(name.as_bytes()));
        let text = match decoder {
            Some(decode) => decode(bytes),
            None => String::from_utf8_lossy(bytes).into_owned(),
        };
        if self.kind == "text/html" { html_to_text(&text) } else { text }
    }
}

/// Takes a mail apart. What a part of type `message/rfc822` encloses stays whole.
pub(super) fn parts(raw: &[u8]) -> Result<Vec<Part<'_>>, ReadError> {
    let mut parts = Vec::new();
    collect(raw, 0, &mut parts)?;
    Ok(parts)
}

fn collect<'a>(raw: &'a [u8], depth: usize, parts: &mut Vec<Part<'a>>) -> Result<(), ReadError> {
    if depth > DEPTH_MAX || parts.len() >= PARTS_MAX {
        return Err(ReadError::TooComplex);
    }
    let (head, body) = split_head(raw);
    let fields = Fields::parse(&String::from_utf8_lossy(head));
    let line = format!("{}\n", fields.get("content-type").unwrap_or_default());
    let content_type = match MessageStream::new(line.as_bytes()).parse_content_type() {
        HeaderValue::ContentType(content_type) => Some(content_type),
        _ => None,
    };
    let attribute = |name| content_type.as_ref().and_then(|kind| kind.attribute(name));
    let kind = content_type.as_ref().and_then(|kind| Some((kind.ctype(), kind.subtype()?)));
    let kind = kind.map_or("text/plain".to_owned(), |(main, sub)| {
        format!("{main}/{sub}").to_ascii_lowercase()
    });
    let boundary = attribute("boundary").filter(|_| kind.starts_with("multipart/"));
    let inner = boundary.map(|boundary| between(body, boundary.as_bytes())).unwrap_or_default();
    parts.push(Part {
        report_type: attribute("report-type").map(str::to_ascii_lowercase),
        charset: attribute("charset").map(str::to_owned),
        kind,
        fields,
        body,
    });
    inner.into_iter().try_for_each(|part| collect(part, depth + 1, parts))
}

/// The lines up to the first empty one, and what follows it.
fn split_head(bytes: &[u8]) -> (&[u8], &[u8]) {
    let mut start = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let end = start + line.len();
        if line.trim_ascii().is_empty() {
            return (&bytes[..start], &bytes[end..]);
        }
        start = end;
    }
    (bytes, &[])
}

/// What stands between lines that are the boundary (RFC 2046, section 5.1.1); up to the end, if the last
/// one is missing. One more than may be, at most.
fn between<'a>(body: &'a [u8], boundary: &[u8]) -> Vec<&'a [u8]> {
    let mut found = Vec::new();
    let mut begin = None;
    let mut start = 0;
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let end = start + line.len();
        let behind = line.strip_prefix(b"--").and_then(|rest| rest.strip_prefix(boundary));
        let closes = match behind.map(<[u8]>::trim_ascii_end) {
            Some(b"") => Some(false),
            Some(b"--") => Some(true),
            _ => None,
        };
        if let Some(last) = closes {
            found.extend(begin.map(|begin| &body[begin..start]));
            begin = (!last).then_some(end);
            if last || found.len() > PARTS_MAX {
                return found;
            }
        }
        start = end;
    }
    found.extend(begin.map(|begin| &body[begin..]));
    found
}
