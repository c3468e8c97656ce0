//! Text off the wire and text for objects: checked, bounded and without allocation.
//!
//! Deliberately without character set conversion: what is not UTF-8 is not text here, and no fact is made of it.

use std::fmt;

use arrayvec::ArrayString;

/// Longest text taken from the wire for a fact, in bytes. Longer text is cut at a character.
pub(crate) const LONGEST_TEXT: usize = 512;

/// The text in `bytes` up to the first NUL, without blanks around it; `None` when it is empty, not UTF-8 or holds control characters.
pub(crate) fn printable(bytes: &[u8]) -> Option<&str> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let text = std::str::from_utf8(bytes.get(..end)?).ok()?.trim();
    let clean = text.chars().all(|c| !c.is_control() || matches!(c, '\r' | '\n' | '\t'));
    if text.is_empty() || !clean {
        return None;
    }
    Some(cut(text, LONGEST_TEXT))
}

/// At most the first `room` bytes of `text`, ending at a character.
fn cut(text: &str, room: usize) -> &str {
    if text.len() <= room {
        return text;
    }
    let end = (0..=room.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

/// Up to `N` bytes of text made on the stack; what does not fit is left off.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text<const N: usize>(ArrayString<N>);

impl<const N: usize> Text<N> {
    /// No text.
    pub(crate) const fn new() -> Self {
        Self(ArrayString::new_const())
    }

    /// Formats `arguments`.
    pub(crate) fn of(arguments: fmt::Arguments<'_>) -> Self {
        let mut text = Self::new();
        // Writing to `Self` never fails: it cuts.
        let _ = fmt::Write::write_fmt(&mut text, arguments);
        text
    }

    /// The text.
    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether there is none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.len() == 0
    }
}

impl<const N: usize> fmt::Write for Text<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // what is cut to the room that is left fits
        let _ = self.0.try_push_str(cut(text, self.0.remaining_capacity()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_as_text() {
        for (bytes, want) in [
            (&b"GoAhead\0\0\0"[..], Some("GoAhead")),
            (b"  6ES7 315  ", Some("6ES7 315")),
            (b"line one\r\nline two", Some("line one\r\nline two")),
            (b"", None),
            (b"\0abc", None),
            (b"   ", None),
            (b"a\x01b", None),
            (b"\xff\xfe", None),
            ("Kühlraum".as_bytes(), Some("Kühlraum")),
        ] {
            assert_eq!(printable(bytes), want, "{bytes:?}");
        }
        let long = "ä".repeat(400);
        assert_eq!(printable(long.as_bytes()).unwrap().len(), LONGEST_TEXT);
    }

    #[test]
    fn stack_text_cuts_at_a_character() {
        assert_eq!(Text::<8>::of(format_args!("{}-{}", "db", 10)).as_str(), "db-10");
        assert_eq!(Text::<4>::of(format_args!("abcä")).as_str(), "abc");
        assert!(Text::<4>::new().is_empty());
    }
}
