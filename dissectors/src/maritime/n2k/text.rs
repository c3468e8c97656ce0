//! Text as NMEA 2000 devices send it: fixed width, with a length byte, one or two bytes a character, padded in four different ways.

use std::fmt::{self, Write};

/// Room for the longest string field (255 single-byte characters, two UTF-8 bytes each).
const CAPACITY: usize = 512;

/// Text put together on the stack; what does not fit is left out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text {
    bytes: [u8; CAPACITY],
    len: usize,
}

impl Text {
    pub(super) const fn new() -> Self {
        Self { bytes: [0; CAPACITY], len: 0 }
    }

    /// The text so far.
    pub(super) fn as_str(&self) -> &str {
        self.bytes.get(..self.len).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }

    fn push(&mut self, character: char) {
        let mut encoded = [0; 4];
        let _ = self.write_str(character.encode_utf8(&mut encoded));
    }

    /// Reads single-byte text: UTF-8 when it is that, else one character a byte (ISO 8859-1).
    pub(super) fn single(&mut self, bytes: &[u8]) {
        match std::str::from_utf8(bytes) {
            Ok(text) => {
                let _ = self.write_str(text);
            }
            Err(_) => bytes.iter().for_each(|byte| self.push(char::from(*byte))),
        }
    }

    /// Reads UTF-16, little endian; what is no character becomes U+FFFD.
    pub(super) fn double(&mut self, bytes: &[u8]) {
        let units = bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair));
        let units = units.take_while(|unit| *unit != 0);
        for character in char::decode_utf16(units) {
            self.push(character.unwrap_or(char::REPLACEMENT_CHARACTER));
        }
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut fits = text.len().min(CAPACITY.saturating_sub(self.len));
        while !text.is_char_boundary(fits) {
            fits = fits.saturating_sub(1);
        }
        let (Some(from), end) = (text.as_bytes().get(..fits), self.len.saturating_add(fits)) else { return Ok(()) };
        if let Some(to) = self.bytes.get_mut(self.len..end) {
            to.copy_from_slice(from);
            self.len = end;
        }
        Ok(())
    }
}

/// The text of a fixed field without what only fills it: it ends at the first NUL (junk follows in some makes), at the first 0xFF, and blanks,
/// `@` (AIS) and NULs at its end are not part of it.
pub(super) fn trim(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|byte| matches!(byte, 0 | 0xff)).unwrap_or(bytes.len());
    let bytes = bytes.get(..end).unwrap_or_default();
    let filled = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'@' | 0x0b);
    let end = bytes.iter().rposition(|byte| !filled(byte)).map_or(0, |last| last.saturating_add(1));
    bytes.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_not_text() {
        for (name, bytes, want) in [
            ("blanks", &b"NAC-3   "[..], &b"NAC-3"[..]),
            ("filled with ones", b"EV-1\xff\xff\xff", b"EV-1"),
            ("junk after NUL", b"ab\0xyz", b"ab"),
            ("AIS filler", b"QUEEN@@@ @", b"QUEEN"),
            ("nothing", b"\xff\xff", b""),
            ("empty", b"", b""),
        ] {
            assert_eq!(trim(bytes), want, "{name}");
        }
    }

    #[test]
    fn characters() {
        let mut text = Text::new();
        text.single(b"caf\xe9 ");
        text.double(&[0x53, 0x00, 0xf8, 0x00, 0x00, 0xd8]);
        assert_eq!(text.as_str(), "café Sø\u{fffd}");
    }
}
