//! Text off the wire and text for objects: checked, bounded and without allocation.
//!
//! Deliberately without character set conversion: what is not UTF-8 is not text here, and no fact is made of it.

use std::fmt;
use std::net::Ipv4Addr;

use arrayvec::ArrayString;
use dogwatch_model::Mac;

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

    /// Adds one piece, without the formatting machinery: names of objects are made for every message. Written with [`text!`](crate::text).
    #[inline]
    pub(crate) fn put(&mut self, piece: impl Piece) {
        piece.add_to(&mut |text| self.add(text));
    }

    #[inline]
    fn add(&mut self, text: &str) {
        // what is cut to the room that is left fits
        let _ = self.0.try_push_str(cut(text, self.0.remaining_capacity()));
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
        self.add(text);
        Ok(())
    }
}

/// A piece of a text: words, or a number in digits.
pub(crate) trait Piece {
    /// Hands its text to `add`.
    fn add_to(self, add: &mut impl FnMut(&str));
}

impl Piece for &str {
    #[inline]
    fn add_to(self, add: &mut impl FnMut(&str)) {
        add(self);
    }
}

impl Piece for u64 {
    fn add_to(self, add: &mut impl FnMut(&str)) {
        digits(self, 10, 1, add);
    }
}

macro_rules! whole_numbers {
    ($($kind:ty),*) => {
        $(impl Piece for $kind {
            #[inline]
            fn add_to(self, add: &mut impl FnMut(&str)) {
                u64::from(self).add_to(add);
            }
        })*
    };
}
whole_numbers!(u8, u16, u32);

/// A number in hexadecimal digits, at least so many, after `0x`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hex<N>(pub(crate) N, pub(crate) usize);

impl<N: Into<u64>> Piece for Hex<N> {
    #[inline]
    fn add_to(self, add: &mut impl FnMut(&str)) {
        add("0x");
        digits(self.0.into(), 16, self.1, add);
    }
}

impl Piece for char {
    #[inline]
    fn add_to(self, add: &mut impl FnMut(&str)) {
        add(self.encode_utf8(&mut [0; 4]));
    }
}

impl Piece for Ipv4Addr {
    fn add_to(self, add: &mut impl FnMut(&str)) {
        for (octet, before) in self.octets().into_iter().zip(["", ".", ".", "."]) {
            add(before);
            octet.add_to(add);
        }
    }
}

impl Piece for Mac {
    fn add_to(self, add: &mut impl FnMut(&str)) {
        for (octet, before) in self.0.into_iter().zip(["", ":", ":", ":", ":", ":"]) {
            add(before);
            digits(u64::from(octet), 16, 2, add);
        }
    }
}

/// Hands a number over in digits of `base`, at least `least` of them, of 20 at most.
fn digits(mut number: u64, base: u64, least: usize, add: &mut impl FnMut(&str)) {
    let mut text = [b'0'; 20];
    let mut from = text.len();
    while number > 0 {
        let digit = number.checked_rem(base).and_then(|digit| usize::try_from(digit).ok()).unwrap_or_default();
        from = from.saturating_sub(1);
        if let (Some(slot), Some(letter)) = (text.get_mut(from), b"0123456789abcdef".get(digit)) {
            *slot = *letter;
        }
        number = number.checked_div(base).unwrap_or_default();
    }
    let from = from.min(text.len().saturating_sub(least));
    add(text.get(from..).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default());
}

/// Text of pieces: `text!["db", block, ".", first]`.
macro_rules! text {
    ($($piece:expr),+ $(,)?) => {{
        let mut text = $crate::text::Text::new();
        $(text.put($piece);)+
        text
    }};
}
pub(crate) use text;

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
    fn pieces_read_as_formatted() {
        for number in [0_u32, 1, 9, 10, 255, 65_535, 4_294_967_295] {
            let text: Text<64> = text!["a", number, " ", Hex(number, 4), Hex(number, 1)];
            assert_eq!(text.as_str(), format!("a{number} {number:#06x}{number:#x}"));
        }
        let text: Text<64> = text![u64::MAX, Hex(u64::MAX, 16)];
        assert_eq!(text.as_str(), format!("{}{:#x}", u64::MAX, u64::MAX));
        let (ip, mac) = (Ipv4Addr::new(10, 0, 255, 1), Mac([0, 0x1b, 0x1b, 0xff, 9, 0x10]));
        let text: Text<64> = text![ip, ' ', mac];
        assert_eq!(text.as_str(), format!("{ip} {mac}"));
        let text: Text<4> = text!["ab", 12_345_u32];
        assert_eq!(text.as_str(), "ab12");
    }

    #[test]
    fn stack_text_cuts_at_a_character() {
        assert_eq!(Text::<8>::of(format_args!("{}-{}", "db", 10)).as_str(), "db-10");
        assert_eq!(Text::<4>::of(format_args!("abcä")).as_str(), "abc");
        assert!(Text::<4>::new().is_empty());
    }
}
