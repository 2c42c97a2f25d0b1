//! Foreign text made fit to show: one line, no tricks, bounded.

/// The longest line we keep, in characters.
pub const LINE_MAX_CHARS: usize = 150;

/// The longest name we keep, in characters.
pub const NAME_MAX_CHARS: usize = 100;

/// One line of foreign text: control characters and text direction overrides removed, white space
/// collapsed, at most [`LINE_MAX_CHARS`] characters.
#[must_use]
pub fn line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    let mut gap = false;
    for c in text.chars().filter(|&c| !is_trick(c)) {
        if c.is_whitespace() || c.is_control() {
            gap = !line.is_empty();
            continue;
        }
        if std::mem::take(&mut gap) {
            line.push(' ');
        }
        line.push(c);
    }
    truncate_chars(&mut line, LINE_MAX_CHARS);
    line
}

/// A person's name: a [`line()`] without anything that a mail program would turn into a link, since
/// "Dear <http://…>" is how spam travels through forms.
#[must_use]
pub fn person_name(text: &str) -> String {
    let mut name: String =
        line(text).split(' ').filter(|word| !looks_like_a_link(word)).collect::<Vec<_>>().join(" ");
    truncate_chars(&mut name, NAME_MAX_CHARS);
    name
}

/// Several lines of foreign text, as a buyer wrote them: line breaks stay, tricks go, at most
/// `max_chars` characters.
#[must_use]
pub fn paragraphs(text: &str, max_chars: usize) -> String {
    let unix = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut clean: String =
        unix.chars().filter(|&c| (c == '\n' || !c.is_control()) && !is_trick(c)).collect();
    truncate_chars(&mut clean, max_chars);
    clean.trim().to_owned()
}

/// `true` for an absolute `https` address of bounded length without white space or quotes.
#[must_use]
pub fn is_https(url: &str) -> bool {
    url.len() <= 2_000
        && url
            .strip_prefix("https://")
            .is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        && !url.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '"' | '<' | '>'))
}

fn looks_like_a_link(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    word.contains("://") || word.starts_with("www.")
}

/// Characters that change how their neighbours are shown: bidirectional overrides and isolates,
/// zero-width characters but the joiners that scripts need, and the byte order mark.
pub(crate) fn is_trick(c: char) -> bool {
    matches!(c, '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2028}' | '\u{2029}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

fn truncate_chars(text: &mut String, max_chars: usize) {
    if let Some((at, _)) = text.char_indices().nth(max_chars) {
        text.truncate(at);
        text.truncate(text.trim_end().len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_no_breaks_and_no_overrides() {
        assert_eq!(line(" Anna\r\nBcc: x\0\u{202E}evil  \t!"), "Anna Bcc: x evil !");
        assert_eq!(line(&"å".repeat(500)).chars().count(), LINE_MAX_CHARS);
    }

    #[test]
    fn a_name_carries_no_link() {
        assert_eq!(person_name("Anna http://spam.example Lind www.x.example"), "Anna Lind");
    }

    #[test]
    fn paragraphs_keep_line_breaks_only() {
        assert_eq!(paragraphs("a\r\nb\rc\u{7}\n", 100), "a\nb\nc");
        assert_eq!(paragraphs("abcdef", 3), "abc");
    }

    #[test]
    fn only_absolute_https_is_https() {
        assert!(is_https("https://shop.example/p?id=1"));
        for bad in ["http://shop.example", "https://", "https:///x", "javascript:1", "https://a b"]
        {
            assert!(!is_https(bad), "{bad}");
        }
    }
}
