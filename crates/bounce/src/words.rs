//! What a source says, made fit to keep: no addresses, one line.

use domain::text;

/// One line of what a source says, without the addresses in it, and without the local parts of
/// `recipients`, which mail servers like to repeat alone (`unknown user: "anna"`).
pub(crate) fn detail(said: &str, recipients: &[&str]) -> String {
    let known: Vec<String> = recipients
        .iter()
        .filter_map(|recipient| recipient.rsplit_once('@'))
        .filter_map(|(before, _)| before.rsplit(|c| "<>()[]:;,\"' ".contains(c)).next())
        .map(str::to_ascii_lowercase)
        // A shorter one is part of ordinary words.
        .filter(|local| local.len() >= 3)
        .collect();
    let mut line = String::new();
    // Word by word: an address that is cut in two would be none, and be shown.
    for word in said.split_whitespace() {
        if line.chars().count() > text::LINE_MAX_CHARS {
            break;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        push_without_address(&mut line, word, &known);
    }
    text::line(&line)
}

fn push_without_address(line: &mut String, word: &str, known: &[String]) {
    let is_around = |c: char| c.is_ascii_punctuation() && c != '@';
    let bare = word.trim_matches(is_around);
    let lower = bare.to_ascii_lowercase();
    let is_address = lower.contains(['@', '\u{FF20}'])
        || lower.contains("%40")
        || known.iter().any(|local| lower.contains(local))
        || (word.starts_with('<') && word.contains('>') && !bare.is_empty());
    if !is_address {
        line.push_str(word);
        return;
    }
    // What stands around it stays, but brackets, which the replacement has of its own.
    let start = word.len() - word.trim_start_matches(is_around).len();
    let (before, rest) = word.split_at(start);
    let after = &rest[bare.len()..];
    line.push_str(before.trim_end_matches('<'));
    line.push_str("<address>");
    line.push_str(after.strip_prefix('>').unwrap_or(after));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_are_replaced_however_they_are_written() {
        for (said, shown) in [
            ("550 5.1.1 <anna@x.example>... User unknown", "550 5.1.1 <address>... User unknown"),
            ("<anna>: unknown user: \"anna\"", "<address>: unknown user: \"<address>\""),
            ("rfc822;Anna@X.example failed", "<address> failed"),
            ("host mx.x.example[192.0.2.1] said: no", "host mx.x.example[192.0.2.1] said: no"),
            ("see https://x.example/?to=anna%40x.example", "see <address>"),
            ("cut off behind anna@", "cut off behind <address>"),
            ("(anna@x.example,\r\n bert@y.example)", "(<address>, <address>)"),
        ] {
            assert_eq!(detail(said, &["anna@x.example"]), shown, "{said:?}");
        }
    }

    proptest! {
        #[test]
        fn no_address_survives_wherever_the_line_ends(before in "[a-z ]{0,170}", after in ".{0,40}") {
            let said = format!("{before} <somebody@recipient.example>{after}");
            let shown = detail(&said, &["somebody@recipient.example"]);
            prop_assert!(shown.chars().count() <= text::LINE_MAX_CHARS);
            prop_assert!(!shown.contains("someb"), "{}", shown);
        }
    }
}
