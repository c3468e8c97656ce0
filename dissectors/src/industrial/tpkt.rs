//! TPKT and COTP: the ISO transport over TCP that S7comm, MMS and RDP share (RFC 1006, RFC 905 clause 13).

use crate::framed::Frame;
use crate::reader::Reader;
use crate::{ParseError, Probe};

/// Bytes of the TPKT header.
pub(crate) const HEADER: usize = 4;

/// COTP types, without the credit half.
pub(crate) const CONNECT_REQUEST: u8 = 0xe0;
/// Connection confirm.
pub(crate) const CONNECT_CONFIRM: u8 = 0xd0;
/// Data.
pub(crate) const DATA: u8 = 0xf0;

/// A COTP unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cotp<'a> {
    /// One of the types above, or another.
    pub(crate) kind: u8,
    /// Whether this is the last part of a data message.
    pub(crate) end: bool,
    /// The variable part of the header (connection parameters).
    pub(crate) parameters: &'a [u8],
    /// What follows the header.
    pub(crate) payload: &'a [u8],
}

/// The length of the unit at the front of a stream.
pub(crate) fn frame(bytes: &[u8]) -> Frame {
    let Some([version, reserved, l0, l1]) = bytes.first_chunk::<HEADER>() else { return Frame::More };
    let length = u16::from_be_bytes([*l0, *l1]);
    if (*version, *reserved) != (3, 0) || length < 7 {
        return Frame::Lost(ParseError::Malformed {
            what: "tpkt",
            at: 0,
            why: "must be version 3 and at least 7 long",
        });
    }
    Frame::whole(length.into())
}

/// Takes a whole unit apart.
pub(crate) fn parse(bytes: &[u8]) -> Result<Cotp<'_>, ParseError> {
    let mut reader = Reader::new("cotp", bytes);
    let _tpkt = reader.take(HEADER)?;
    let length = usize::from(reader.u8()?);
    let mut header = reader.part("cotp header", length)?;
    let kind = header.u8()? & 0xf0;
    let mut end = true;
    if kind == DATA {
        end = header.u8()? & 0x80 != 0;
    } else {
        let _references_and_class = header.take(5.min(header.rest().len()))?;
    }
    Ok(Cotp { kind, end, parameters: header.rest(), payload: reader.rest() })
}

/// The connection parameter with `code`.
pub(crate) fn parameter<'a>(cotp: &Cotp<'a>, code: u8) -> Option<&'a [u8]> {
    let mut reader = Reader::new("cotp parameter", cotp.parameters);
    loop {
        let found = reader.u8().ok()?;
        let len = reader.u8().ok()?;
        let value = reader.take(len.into()).ok()?;
        if found == code {
            return Some(value);
        }
    }
}

/// Goes over whole units at the front of `head` until `judge` knows; connection set-up alone does not tell who rides on it.
pub(crate) fn probe(head: &[u8], judge: impl Fn(&Cotp<'_>) -> Probe) -> Probe {
    let mut rest = head;
    loop {
        match frame(rest) {
            Frame::More => {
                return if [3_u8, 0].starts_with(rest.get(..2.min(rest.len())).unwrap_or_default()) {
                    Probe::NeedMore
                } else {
                    Probe::No
                };
            }
            Frame::Lost(_) => return Probe::No,
            Frame::Whole { len, .. } => {
                let Some((unit, after)) = rest.split_at_checked(len) else {
                    // Enough of a data unit to judge is enough.
                    return match parse(rest) {
                        Ok(cotp) if cotp.payload.len() >= 2 => judge(&cotp),
                        _ => Probe::NeedMore,
                    };
                };
                let Ok(cotp) = parse(unit) else { return Probe::No };
                match judge(&cotp) {
                    Probe::NeedMore => rest = after,
                    known => return known,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::hex;

    #[test]
    fn units() {
        let request = hex("03 00 00 16 11 e0 0000 0001 00 c1 02 0100 c2 02 0102 c0 01 0a");
        let cotp = parse(&request).unwrap();
        assert_eq!((cotp.kind, cotp.payload.len()), (CONNECT_REQUEST, 0));
        assert_eq!(parameter(&cotp, 0xc2), Some(&[1_u8, 2][..]));
        assert_eq!(parameter(&cotp, 0xc9), None);
        let data = hex("03 00 00 09 02 f0 80 32 01");
        let cotp = parse(&data).unwrap();
        assert_eq!((cotp.kind, cotp.end, cotp.payload), (DATA, true, &[0x32_u8, 1][..]));
        assert_eq!(frame(&data[..3]), Frame::More);
        assert!(matches!(frame(b"GET / H"), Frame::Lost(_)));
    }
}
