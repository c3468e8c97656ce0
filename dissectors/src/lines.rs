//! The frame around protocols of text lines with an answer code: SMTP, IMAP, POP3. A line is a message; after both sides agreed on encryption
//! the rest of the connection is passed over.
//!
//! Deliberately without protocol knowledge beyond that.

use crate::framed::Frame;
use crate::{ParseError, Probe};

/// Longest line that is read; what is longer is mail, not commands.
pub(crate) const LONGEST: usize = 2_048;

/// The line at the front, its end included.
pub(crate) fn frame(bytes: &[u8], what: &'static str) -> Frame {
    match bytes.iter().take(LONGEST).position(|byte| *byte == b'\n') {
        Some(end) => Frame::whole(end.saturating_add(1)),
        None if bytes.len() >= LONGEST => Frame::Lost(ParseError::Malformed { what, at: 0, why: "line too long" }),
        None => Frame::More,
    }
}

/// The rest of a connection that nobody can read.
pub(crate) const REST: Frame = Frame::Whole { len: usize::MAX, need: 1 };

/// Whether a line begins here after a loss: behind the first line feed, which is what remained of the line that was cut.
pub(crate) fn begins(bytes: &[u8], starts: impl Fn(&[u8]) -> bool) -> Probe {
    match bytes.iter().take(LONGEST).position(|byte| *byte == b'\n') {
        Some(end) if starts(bytes.get(..end).unwrap_or_default()) => Probe::Yes,
        None if bytes.len() < LONGEST => Probe::NeedMore,
        _ => Probe::No,
    }
}

/// The first line of `head` without its end, once it is there: `None` when it is not text, `Some(None)` while it is not complete.
pub(crate) fn first(head: &[u8]) -> Option<Option<&str>> {
    let end = head.iter().take(LONGEST).position(|byte| *byte == b'\n');
    let line = head.get(..end.unwrap_or(head.len())).unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let is_text = line.iter().all(|byte| matches!(byte, b'\t' | 0x20..=0x7e | 0x80..));
    if !is_text || (end.is_none() && head.len() >= LONGEST) {
        return None;
    }
    match end {
        Some(_) => std::str::from_utf8(line).ok().map(Some),
        None => Some(None),
    }
}

/// A word and what stands behind it, both without blanks around them.
pub(crate) fn split(line: &str) -> (&str, &str) {
    line.trim().split_once(' ').map_or((line.trim(), ""), |(word, rest)| (word, rest.trim()))
}

/// Whether `text` holds `word` in any case.
pub(crate) fn holds(text: &str, word: &str) -> bool {
    text.as_bytes().windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_line() {
        assert_eq!(first(b"220 a\r\nrest"), Some(Some("220 a")));
        assert_eq!(first(b"220 a"), Some(None));
        assert_eq!(first(b"\x00\x01\n"), None);
        assert_eq!(first(&[b'a'; LONGEST]), None, "too long");
        assert_eq!(split(" AUTH  PLAIN x "), ("AUTH", "PLAIN x"));
        assert!(holds("mail ESMTP Postfix", "smtp") && !holds("a", "smtp"));
    }
}
