//! CAN frames in SocketCAN form (LINKTYPE_CAN_SOCKETCAN 227: identifier big endian) and the 29-bit identifier of SAE J1939-21 clause 5.2.

/// The identifier has 29 bits.
pub(super) const EXTENDED: u32 = 1 << 31;
/// Remote transmission request.
const REMOTE: u32 = 1 << 30;
/// The frame is not from the bus but a report of the controller about it.
const ERROR: u32 = 1 << 29;
/// The fifth header byte marks CAN XL with this bit.
const XL: u8 = 0x80;
/// The controller left the bus (linux/can/error.h).
pub(super) const BUS_OFF: u32 = 0x40;

/// Who sends which group to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Header {
    /// 0 (highest) to 7.
    pub priority: u8,
    /// Parameter group number, without the destination.
    pub pgn: u32,
    /// Address of the sender.
    pub source: u8,
    /// Address of the receiver; 255 for all.
    pub destination: u8,
}

impl Header {
    /// Takes a 29-bit identifier apart. Of a PDU format below 240 the second byte is the destination, above it is part of the number.
    #[must_use]
    pub const fn from_id(id: u32) -> Self {
        let [first, format, specific, source] = id.to_be_bytes();
        let page = (first & 3) as u32;
        let (low, destination) = if format < 240 { (0, specific) } else { (specific, 255) };
        Self { priority: first >> 2 & 7, pgn: page << 16 | (format as u32) << 8 | low as u32, source, destination }
    }
}

/// What a SocketCAN frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    /// A data frame with a 29-bit identifier.
    Data(Header, &'a [u8]),
    /// A report of the controller: its error class bits.
    Error(u32),
    /// A frame of another protocol: 11-bit identifier, remote request or CAN XL.
    Other,
}

/// Reads a SocketCAN frame; `None` when it is shorter than its header or its length says.
pub(super) fn parse(bytes: &[u8]) -> Option<Frame<'_>> {
    let ([i0, i1, i2, i3, len, _, _, _], rest) = bytes.split_first_chunk()?;
    let id = u32::from_be_bytes([*i0, *i1, *i2, *i3]);
    if len & XL != 0 {
        return Some(Frame::Other);
    }
    if id & ERROR != 0 {
        return Some(Frame::Error(id & 0x1fff_ffff));
    }
    if id & EXTENDED == 0 || id & REMOTE != 0 {
        return Some(Frame::Other);
    }
    Some(Frame::Data(Header::from_id(id & 0x1fff_ffff), rest.get(..usize::from(*len))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers() {
        for (id, priority, pgn, source, destination) in [
            (0x09f1_12cc, 2, 127_250, 0xcc, 255),
            (0x18ee_ff01, 6, 60_928, 0x01, 255),
            (0x0ded_2301, 3, 126_208, 0x01, 0x23),
            (0x0cf0_0400, 3, 61_444, 0x00, 255),
            (0x19e2_400b, 6, 123_392, 0x0b, 0x40),
        ] {
            assert_eq!(Header::from_id(id), Header { priority, pgn, source, destination }, "{id:08x}");
        }
    }

    #[test]
    fn frames() {
        let whole = [0x89, 0xf1, 0x12, 0xcc, 2, 0, 0, 0, 1, 2, 0, 0];
        assert_eq!(parse(&whole), Some(Frame::Data(Header::from_id(0x09f1_12cc), &[1, 2])));
        assert_eq!(parse(&whole[..9]), None, "data cut off");
        assert_eq!(parse(&whole[..7]), None, "header cut off");
        assert_eq!(parse(&[0x00, 0, 1, 0x80, 0, 0, 0, 0]), Some(Frame::Other), "11-bit identifier");
        assert_eq!(parse(&[0x20, 0, 0, 0x40, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), Some(Frame::Error(BUS_OFF)));
    }
}
