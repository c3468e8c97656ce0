//! The session of IEC 61850-90-5 that carries GOOSE and sampled values over UDP from one station to another.
//!
//! Deliberately not checked: the signature behind the payload (its key is not ours) and further payloads of one datagram.
//!
//! Specification: IEC TR 61850-90-5:2012 clause 10.

use crate::ParseError;
use crate::reader::Reader;

/// Session identifiers and payload types that are read.
pub(super) const GOOSE: (u8, u8) = (0xa1, 0x81);
pub(super) const SAMPLES: (u8, u8) = (0xa2, 0x82);

/// The first payload of a session unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Payload<'a> {
    pub(super) appid: u16,
    pub(super) simulation: bool,
    pub(super) apdu: &'a [u8],
}

/// Reads a session unit that holds `wanted`.
pub(super) fn payload(bytes: &[u8], wanted: (u8, u8)) -> Result<Payload<'_>, ParseError> {
    const ODD: ParseError =
        ParseError::Malformed { what: "routed session", at: 0, why: "session or payload identifier" };
    let mut reader = Reader::new("routed session", bytes);
    // Transport of ISO without connections: one byte of header, unit data.
    let [1, 0x40, session, length] = reader.array()? else { return Err(ODD) };
    let mut header = reader.part("routed session header", length.into())?;
    let [0x80, common] = header.array()? else { return Err(ODD) };
    let _common = header.take(common.into())?;
    let _length = reader.be32()?;
    let [kind, simulation] = reader.array()?;
    if (session, kind) != wanted {
        return Err(ODD);
    }
    let (appid, length) = (reader.be16()?, reader.be16()?);
    Ok(Payload { appid, simulation: simulation != 0, apdu: reader.take(length.into())? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::hex;

    #[test]
    fn session_units() {
        let bytes = hex("0140 a1 14 8012 0000001c 00000001 0001 00000000 0000 0000 00000008 81 01 3001 0002 6100");
        let want = Payload { appid: 0x3001, simulation: true, apdu: &[0x61, 0] };
        assert_eq!(payload(&bytes, GOOSE), Ok(want));
        assert!(payload(&bytes, SAMPLES).is_err());
        assert!(payload(&bytes[..30], GOOSE).is_err(), "cut");
    }
}
