//! Domain names on the wire: labels and compression (RFC 1035 clauses 3.1 and 4.1.4).
//!
//! A pointer must lead to an earlier place, so a name always ends; bytes that are no text are shown as `\ddd`.

use std::fmt::Write;

use crate::ParseError;
use crate::text::Text;

/// Longest name as text.
pub(crate) type Name = Text<256>;

const MALFORMED: ParseError =
    ParseError::Malformed { what: "domain name", at: 0, why: "a pointer must lead backwards" };
const INCOMPLETE: ParseError = ParseError::Incomplete { what: "domain name" };

/// Reads the name at `at` of `message`; returns it and where the bytes go on behind it.
pub(crate) fn read_name(message: &[u8], at: usize) -> Result<(Name, usize), ParseError> {
    let mut name = Name::new();
    let end = walk(message, at, |label| push_label(&mut name, label))?;
    Ok((name, end))
}

/// Walks over the labels of the name at `at`; returns where the bytes go on behind it.
pub(crate) fn walk<'a>(message: &'a [u8], at: usize, mut label: impl FnMut(&'a [u8])) -> Result<usize, ParseError> {
    let mut here = at;
    let mut earliest = at;
    let mut end = None;
    let mut total = 0_usize;
    loop {
        let len = *message.get(here).ok_or(INCOMPLETE)?;
        let next = here.saturating_add(1);
        match len {
            0 => return Ok(end.unwrap_or(next)),
            1..=63 => {
                let after = next.saturating_add(usize::from(len));
                label(message.get(next..after).ok_or(INCOMPLETE)?);
                total = total.saturating_add(usize::from(len)).saturating_add(1);
                if total > 254 {
                    return Err(ParseError::Malformed { what: "domain name", at: 0, why: "longer than 255 bytes" });
                }
                here = after;
            }
            0xc0.. => {
                let low = *message.get(next).ok_or(INCOMPLETE)?;
                let target = usize::from(u16::from_be_bytes([len & 0x3f, low]));
                if target >= earliest {
                    return Err(MALFORMED);
                }
                end = end.or(Some(next.saturating_add(1)));
                earliest = target;
                here = target;
            }
            64..=0xbf => {
                return Err(ParseError::Malformed { what: "domain name", at: 0, why: "reserved label type" });
            }
        }
    }
}

/// Adds one label behind a dot.
fn push_label(name: &mut Name, label: &[u8]) {
    if !name.is_empty() {
        let _ = name.write_str(".");
    }
    match std::str::from_utf8(label) {
        Ok(text) if !text.chars().any(char::is_control) => {
            let _ = name.write_str(text);
        }
        _ => {
            for byte in label {
                let _ = if byte.is_ascii_graphic() {
                    write!(name, "{}", char::from(*byte))
                } else {
                    write!(name, "\\{byte:03}")
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_pointers() {
        // RFC 1035 clause 4.1.4: F.ISI.ARPA at 20, FOO.F.ISI.ARPA at 40, ARPA at 64, the root at 92.
        let mut message = vec![0_u8; 93];
        message[20..32].copy_from_slice(b"\x01F\x03ISI\x04ARPA\x00");
        message[40..46].copy_from_slice(b"\x03FOO\xc0\x14");
        message[64..66].copy_from_slice(b"\xc0\x1a");
        for (at, want, end) in [(20, "F.ISI.ARPA", 32), (40, "FOO.F.ISI.ARPA", 46), (64, "ARPA", 66), (92, "", 93)] {
            let (name, behind) = read_name(&message, at).unwrap();
            assert_eq!((name.as_str(), behind), (want, end));
        }
    }

    #[test]
    fn a_name_always_ends() {
        for (name, message, kind) in [
            ("points at itself", &b"\xc0\x00"[..], "malformed"),
            ("points ahead", b"\xc0\x02\x00", "malformed"),
            ("label past the end", b"\x05ab", "incomplete"),
            ("no end", b"\x01a", "incomplete"),
            ("half a pointer", b"\xc0", "incomplete"),
            ("reserved", b"\x41a\x00", "malformed"),
        ] {
            assert_eq!(read_name(message, 0).unwrap_err().kind(), kind, "{name}");
        }
        let mut circle = b"\x01a\x01b\xc0\x00".to_vec();
        circle.extend_from_slice(b"\xc0\x02");
        assert_eq!(read_name(&circle, 6).unwrap_err().kind(), "malformed");
        let long: Vec<u8> = (0..5).flat_map(|_| std::iter::once(60).chain([b'x'; 60])).chain([0]).collect();
        assert_eq!(read_name(&long, 0).unwrap_err().kind(), "malformed");
    }

    #[test]
    fn bytes_that_are_no_text() {
        assert_eq!(read_name(b"\x03a\x00b\x00", 0).unwrap().0.as_str(), "a\\000b");
        assert_eq!(read_name("\u{4}über\0".replace('\u{4}', "\u{5}").as_bytes(), 0).unwrap().0.as_str(), "über");
    }
}
