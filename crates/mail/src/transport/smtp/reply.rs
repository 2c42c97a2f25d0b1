//! Replies of a mail server (RFC 5321, 4.2), read within bounds.

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _};

/// The longest line, in bytes. RFC 5321 promises 512; real servers write longer ones.
const LINE_MAX_LEN: usize = 2_000;

/// The longest reply, in bytes.
const REPLY_MAX_LEN: usize = 64 * 1024;

/// What a server answered to one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    /// Three digits, the first of which is 2 to 5.
    pub code: u16,
    /// The text of each line, without code.
    pub lines: Vec<String>,
}

/// Why no reply came.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    /// The connection broke or ended.
    #[error("connection lost: {0}")]
    Lost(#[from] std::io::Error),
    /// These are not the words of a mail server.
    #[error("unintelligible reply")]
    Garbage,
}

/// An enhanced status code (RFC 3463), the class left out: it repeats the reply code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Enhanced {
    pub subject: u16,
    pub detail: u16,
}

impl Reply {
    /// Reads one reply, as a rule several lines.
    pub(super) async fn read(stream: &mut (impl AsyncBufRead + Unpin)) -> Result<Self, ReadError> {
        let (mut lines, mut len, mut first) = (Vec::new(), 0, None);
        loop {
            let line = read_line(stream).await?;
            let (code, last, text) = parse_line(&line).ok_or(ReadError::Garbage)?;
            lines.push(text.to_owned());
            len += line.len();
            if *first.get_or_insert(code) != code || len > REPLY_MAX_LEN {
                return Err(ReadError::Garbage);
            }
            if last {
                return Ok(Self { code, lines });
            }
        }
    }

    /// The text in one line.
    pub(super) fn text(&self) -> String {
        self.lines.join(" ")
    }

    /// The enhanced status code, if there is one that agrees with the reply code (RFC 2034, 4).
    pub(super) fn enhanced(&self) -> Option<Enhanced> {
        enhanced(self.code, self.lines.first()?)
    }
}

/// The enhanced code at the beginning of the text of a reply with this code.
fn enhanced(code: u16, text: &str) -> Option<Enhanced> {
    let word = text.split_whitespace().next()?;
    let mut parts = word.split('.').map(|part| part.parse().ok());
    let (Some(Some(class)), Some(Some(subject)), Some(Some(detail)), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    (code / 100 == class).then_some(Enhanced { subject, detail })
}

/// Subject and detail of the enhanced code at the beginning of the text of a reply with this code.
pub(in crate::transport) fn subject_and_detail(code: u16, text: &str) -> Option<(u16, u16)> {
    enhanced(code, text).map(|Enhanced { subject, detail }| (subject, detail))
}

/// Code and text of the first reply in `bytes`, if there is one: for tests from outside.
#[cfg(feature = "testkit")]
#[must_use]
pub fn first_reply(mut bytes: &[u8]) -> Option<(u16, String)> {
    let reply = futures::FutureExt::now_or_never(Reply::read(&mut bytes))?.ok()?;
    Some((reply.code, reply.text()))
}

async fn read_line(stream: &mut (impl AsyncBufRead + Unpin)) -> Result<String, ReadError> {
    let mut line = Vec::new();
    loop {
        let available = stream.fill_buf().await?;
        if available.is_empty() {
            return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
        }
        let end = available.iter().position(|&b| b == b'\n');
        let taken = end.map_or(available.len(), |at| at + 1);
        line.extend_from_slice(&available[..taken]);
        stream.consume(taken);
        if line.len() > LINE_MAX_LEN {
            return Err(ReadError::Garbage);
        }
        if end.is_some() {
            return Ok(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned());
        }
    }
}

/// Code, whether this is the last line, and text. The text may be missing with its space.
fn parse_line(line: &str) -> Option<(u16, bool, &str)> {
    let (digits, rest) = line.split_at_checked(3)?;
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let code = digits.parse().ok().filter(|code| (200..600).contains(code))?;
    match rest.as_bytes().first() {
        None => Some((code, true, "")),
        Some(b' ') => Some((code, true, &rest[1..])),
        Some(b'-') => Some((code, false, &rest[1..])),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(mut bytes: &[u8]) -> Option<(u16, String)> {
        Reply::read(&mut bytes).await.ok().map(|reply| (reply.code, reply.text()))
    }

    #[tokio::test]
    async fn replies_have_one_line_or_several_with_or_without_text() {
        assert_eq!(read(b"250 ok\r\n").await, Some((250, "ok".to_owned())));
        assert_eq!(read(b"250\r\n").await, Some((250, String::new())));
        assert_eq!(read(b"250-a\r\n250-\r\n250 b\n").await, Some((250, "a  b".to_owned())));
        assert_eq!(read(b"550 caf\xe9\r\n").await, Some((550, "caf\u{fffd}".to_owned())));
    }

    #[tokio::test]
    async fn a_reply_leaves_what_follows_it() {
        let mut bytes: &[u8] = b"250 a\r\n354 b\r\n";
        Reply::read(&mut bytes).await.unwrap();
        assert_eq!(bytes, b"354 b\r\n");
    }

    #[tokio::test]
    async fn anything_else_is_not_a_reply() {
        for bad in [
            &b""[..],
            b"250 ok",
            b"250-a\r\n",
            b"250-a\r\n550 b\r\n",
            b"25 ok\r\n",
            b"+50 ok\r\n",
            b"199 ok\r\n",
            b"600 ok\r\n",
            b"250ok\r\n",
            b"\xff\xfe\0\r\n",
            "é50 ok\r\n".as_bytes(),
            b"HTTP/1.1 400 Bad Request\r\n",
        ] {
            assert_eq!(read(bad).await, None, "{bad:?}");
        }
    }

    #[tokio::test]
    async fn lines_and_replies_are_bounded() {
        let line = |len: usize| [b"250-", "x".repeat(len - 6).as_bytes(), b"\r\n"].concat();
        assert_eq!(read(&[line(2_001), b"250 ok\r\n".to_vec()].concat()).await, None);
        assert!(read(&[line(2_000), b"250 ok\r\n".to_vec()].concat()).await.is_some());
        assert_eq!(read(&[line(1_000).repeat(70), b"250 ok\r\n".to_vec()].concat()).await, None);
    }

    #[test]
    fn the_enhanced_code_must_agree_with_the_code() {
        let enhanced = |code, text: &str| Reply { code, lines: vec![text.to_owned()] }.enhanced();
        assert_eq!(enhanced(550, "5.1.10 no"), Some(Enhanced { subject: 1, detail: 10 }));
        for text in ["", "no", "4.1.1 x", "5.1 x", "5.1.1.1 x", "5.1.x no"] {
            assert_eq!(enhanced(550, text), None, "{text}");
        }
    }
}
