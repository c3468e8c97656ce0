//! ASN.1 basic encoding rules: tag and length, as far as SNMP, GOOSE, sampled values and MMS need them.
//!
//! Deliberately without indefinite lengths: none of these protocols uses them. Tags of several bytes only where asked for.
//!
//! Specification: ITU-T X.690 clause 8.1.

use crate::ParseError;
use crate::reader::Reader;
use crate::text::Text;

/// One element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Element<'a> {
    /// The identifier octet.
    pub(crate) tag: u8,
    /// Its content.
    pub(crate) content: &'a [u8],
}

const MALFORMED: ParseError = ParseError::Malformed { what: "ber element", at: 0, why: "tag or length form" };

/// Takes the next element.
pub(crate) fn element<'a>(reader: &mut Reader<'a>) -> Result<Element<'a>, ParseError> {
    let tag = reader.u8()?;
    if tag & 0x1f == 0x1f {
        return Err(MALFORMED);
    }
    let length = length(reader)?;
    Ok(Element { tag, content: reader.take(length)? })
}

/// Takes a length of up to four bytes.
fn length(reader: &mut Reader<'_>) -> Result<usize, ParseError> {
    Ok(match reader.u8()? {
        short @ 0..=0x7f => usize::from(short),
        0x81 => reader.u8()?.into(),
        0x82 => reader.be16()?.into(),
        0x83 => {
            let [a, b, c] = reader.array()?;
            usize::try_from(u32::from_be_bytes([0, a, b, c])).map_err(|_| MALFORMED)?
        }
        // Windows writes every length of LDAP in four bytes.
        0x84 => usize::try_from(reader.be32()?).map_err(|_| MALFORMED)?,
        _ => return Err(MALFORMED),
    })
}

/// An element whose tag number may take several bytes, as MMS services from 31 on do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tagged<'a> {
    /// The tag number, without class and form.
    pub(crate) number: u32,
    /// Class and form: the upper three bits of the identifier.
    pub(crate) class: u8,
    /// Its content.
    pub(crate) content: &'a [u8],
}

/// Takes the next element, whatever its tag.
pub(crate) fn tagged<'a>(reader: &mut Reader<'a>) -> Result<Tagged<'a>, ParseError> {
    let Some(first) = reader.rest().first().copied() else { return element(reader).and(Err(MALFORMED)) };
    if first & 0x1f != 0x1f {
        let Element { tag, content } = element(reader)?;
        return Ok(Tagged { number: (tag & 0x1f).into(), class: tag & 0xe0, content });
    }
    let _identifier = reader.u8()?;
    let mut number = 0_u32;
    for _ in 0..3 {
        let byte = reader.u8()?;
        number = number << 7 | u32::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            let length = length(reader)?;
            return Ok(Tagged { number, class: first & 0xe0, content: reader.take(length)? });
        }
    }
    Err(MALFORMED)
}

/// Takes the next element, which must have `tag`.
pub(crate) fn expect<'a>(reader: &mut Reader<'a>, tag: u8) -> Result<&'a [u8], ParseError> {
    let found = element(reader)?;
    if found.tag == tag { Ok(found.content) } else { Err(MALFORMED) }
}

/// Every element in `bytes`, up to the first that cannot be read.
pub(crate) fn elements(bytes: &[u8]) -> impl Iterator<Item = Element<'_>> + Clone {
    let mut reader = Reader::new("ber", bytes);
    std::iter::from_fn(move || if reader.is_empty() { None } else { element(&mut reader).ok() })
}

/// A number without sign of up to eight bytes.
pub(crate) fn unsigned(content: &[u8]) -> Option<u64> {
    let significant = content.strip_prefix(&[0]).unwrap_or(content);
    if content.is_empty() || significant.len() > 8 {
        return None;
    }
    Some(significant.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}

/// An object identifier as text: `1.3.6.1.2.1.1.1.0`.
pub(crate) fn oid(content: &[u8]) -> Option<Text<128>> {
    use std::fmt::Write;
    let mut text = Text::new();
    let mut value = 0_u32;
    let mut first = true;
    for byte in content {
        value = value.checked_shl(7)?.checked_add(u32::from(byte & 0x7f))?;
        if byte & 0x80 != 0 {
            continue;
        }
        let _ = if first {
            let root = (value / 40).min(2);
            write!(text, "{root}.{}", value.saturating_sub(root.saturating_mul(40)))
        } else {
            write!(text, ".{value}")
        };
        first = false;
        value = 0;
    }
    (!first).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_tags() {
        for (name, bytes, want) in [
            ("short", &b"\x04\x02ab"[..], Ok((4, &b"ab"[..]))),
            ("one more byte", b"\x04\x81\x02ab", Ok((4, b"ab"))),
            ("two more bytes", b"\x04\x82\x00\x02ab", Ok((4, b"ab"))),
            ("four more bytes", b"\x04\x84\x00\x00\x00\x02ab", Ok((4, b"ab"))),
            ("five more bytes", b"\x04\x85\x00\x00\x00\x00\x02ab", Err("malformed")),
            ("cut", b"\x04\x05ab", Err("incomplete")),
            ("indefinite", b"\x30\x80\x00\x00", Err("malformed")),
            ("long tag", b"\x1f\x81\x01\x00", Err("malformed")),
        ] {
            let got = element(&mut Reader::new("test", bytes)).map(|e| (e.tag, e.content)).map_err(ParseError::kind);
            assert_eq!(got, want, "{name}");
        }
    }

    #[test]
    fn tags_of_several_bytes() {
        let mut reader = Reader::new("test", b"\xbf\x48\x02ab\x82\x00");
        assert_eq!(tagged(&mut reader), Ok(Tagged { number: 72, class: 0xa0, content: b"ab" }));
        assert_eq!(tagged(&mut reader), Ok(Tagged { number: 2, class: 0x80, content: b"" }));
        assert!(tagged(&mut reader).is_err());
        assert!(tagged(&mut Reader::new("test", b"\x1f\xff\xff\xff\x01\x00")).is_err());
    }

    #[test]
    fn object_identifiers() {
        // X.690 clause 8.19.5: {joint-iso-itu-t 999 3}.
        assert_eq!(oid(&[0x88, 0x37, 0x03]).unwrap().as_str(), "2.999.3");
        assert_eq!(oid(&[0x2b, 6, 1, 2, 1, 1, 1, 0]).unwrap().as_str(), "1.3.6.1.2.1.1.1.0");
        assert!(oid(&[]).is_none());
        assert!(oid(&[0x88]).is_none());
    }

    #[test]
    fn numbers() {
        assert_eq!(unsigned(&[0, 0xff]), Some(255));
        assert_eq!(unsigned(&[]), None);
        assert_eq!(unsigned(&[1; 9]), None);
    }
}
