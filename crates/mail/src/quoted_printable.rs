//! Text as it travels: 7-bit, in short lines (RFC 2045, 6.7).
//!
//! A library would take four passes over a text to choose an encoding, to mend its line ends, to
//! clean it, and to encode it a character at a time: a third of what a mail cost altogether.

/// The longest line but for the `=` that continues it.
const ROOM: usize = 75;

/// Encodes `text`. Lines are ended by CRLF, whatever ended them before; control characters but the
/// tab are left out.
pub(crate) fn encode(text: &str) -> Vec<u8> {
    let mut lines = Lines { out: Vec::with_capacity(text.len() + text.len() / 8), len: 0 };
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let taken = match rest {
            [byte, ..] if is_plain(*byte) => lines.copy(rest),
            [b'\r', b'\n', ..] => lines.end(2),
            [b'\r' | b'\n', ..] => lines.end(1),
            [byte, ..] if byte.is_ascii_control() => 1,
            // U+0080 to U+009F are control characters, too.
            [0xc2, 0x80..=0x9f, ..] => 2,
            [byte, ..] => lines.escape(*byte),
            [] => break,
        };
        rest = &rest[taken..];
    }
    lines.protect_space();
    lines.out
}

/// Which bytes stand for themselves: printable ASCII but `=`, and the tab.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = b' ';
    while byte <= b'~' {
        plain[byte as usize] = byte != b'=';
        byte += 1;
    }
    plain[b'\t' as usize] = true;
    plain
};

fn is_plain(byte: u8) -> bool {
    PLAIN[usize::from(byte)]
}

/// Encoded lines. What is added returns how many bytes of the text it took.
struct Lines {
    out: Vec<u8>,
    /// The length of the last line.
    len: usize,
}

impl Lines {
    /// Adds what stands for itself at the beginning of `text`, as much as the line holds.
    fn copy(&mut self, text: &[u8]) -> usize {
        self.make_room(1);
        let room = &text[..text.len().min(ROOM - self.len)];
        let plain = room.iter().position(|byte| !is_plain(*byte)).unwrap_or(room.len());
        self.out.extend_from_slice(&room[..plain]);
        self.len += plain;
        plain
    }

    fn escape(&mut self, byte: u8) -> usize {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        self.make_room(3);
        let [high, low] = [byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)]);
        self.out.extend_from_slice(&[b'=', high, low]);
        self.len += 3;
        1
    }

    fn end(&mut self, taken: usize) -> usize {
        self.protect_space();
        self.out.extend_from_slice(b"\r\n");
        self.len = 0;
        taken
    }

    fn make_room(&mut self, len: usize) {
        if self.len + len > ROOM {
            self.out.extend_from_slice(b"=\r\n");
            self.len = 0;
        }
    }

    /// A space at the end of a line would get lost on the way.
    fn protect_space(&mut self) {
        if self.len > 0
            && let Some(space) = self.out.pop_if(|last| matches!(last, b' ' | b'\t'))
        {
            self.len -= 1;
            self.escape(space);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(text: &str) -> String {
        String::from_utf8(encode(text)).unwrap()
    }

    /// What a reader makes of it.
    fn decoded(encoded: &[u8]) -> String {
        let message = [b"Content-Transfer-Encoding: quoted-printable\r\n\r\n", encoded].concat();
        let message = mail_parser::MessageParser::default().parse(&message).unwrap();
        message.body_text(0).unwrap().into_owned()
    }

    #[test]
    fn what_is_not_plain_is_escaped_and_so_is_space_at_the_end_of_a_line() {
        assert_eq!(encoded("a=b é\n"), "a=3Db =C3=A9\r\n");
        assert_eq!(encoded("a \nb\t\r\n c "), "a=20\r\nb=09\r\n c=20");
    }

    #[test]
    fn lines_end_in_crlf_and_control_characters_are_left_out() {
        assert_eq!(encoded("a\nb\r\nc\rd\0\u{7}\te\r"), "a\r\nb\r\nc\r\nd\te\r\n");
        assert_eq!(encoded("\u{7f}5\u{a0}\u{80}\u{9f}§\u{85}"), "5=C2=A0=C2=A7");
    }

    #[test]
    fn a_long_line_is_continued_and_a_space_at_its_end_still_fits() {
        assert_eq!(encoded(&"x".repeat(80)), format!("{}=\r\nxxxxx", "x".repeat(75)));
        let full = "x".repeat(74);
        assert_eq!(encoded(&format!("{full} \n")), format!("{full}=\r\n=20\r\n"));
    }

    proptest! {
        #[test]
        fn a_reader_gets_what_was_written(text in "([ -~äß€\t]{0,90}\n){0,5}[!-~é🙂]{1,5}") {
            let bytes = encode(&text);
            prop_assert!(bytes.split(|&b| b == b'\n').all(|line| line.len() <= 77));
            prop_assert!(bytes.is_ascii());
            prop_assert_eq!(decoded(&bytes).replace("\r\n", "\n"), text);
        }
    }
}
