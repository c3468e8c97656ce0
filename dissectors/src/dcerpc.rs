//! DCE/RPC packets: the header of datagrams (version 4, PROFINET's connection manager) and of connections (version 5, Windows services, also
//! inside SMB pipes).
//!
//! Deliberately not read: the arguments (NDR) of a call, which belong to each interface; authentication trailers.
//!
//! Specification: The Open Group C706, chapter 12.

use std::fmt;

use crate::ParseError;
use crate::reader::Reader;

/// A universal unique identifier in its written order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Uuid(pub(crate) [u8; 16]);

impl Uuid {
    /// The identifier written as one number: `0xdea0_0001_6c97_11d1_8271_00a0_2442_df7d`.
    pub(crate) const fn of(number: u128) -> Self {
        Self(number.to_be_bytes())
    }

    /// Takes one; the first three groups follow the byte order of the sender.
    pub(crate) fn take(reader: &mut Reader<'_>, order: Order) -> Result<Self, ParseError> {
        let mut bytes: [u8; 16] = reader.array()?;
        if order == Order::Little {
            let [a, b, c, d, e, f, g, h, ..] = &mut bytes;
            std::mem::swap(a, d);
            std::mem::swap(b, c);
            std::mem::swap(e, f);
            std::mem::swap(g, h);
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            let dash = if matches!(at, 4 | 6 | 8 | 10) { "-" } else { "" };
            write!(f, "{dash}{byte:02x}")?;
        }
        Ok(())
    }
}

/// The byte order of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

impl Order {
    /// By the first byte of the data representation.
    pub(crate) const fn of(representation: u8) -> Self {
        if representation & 0x10 == 0 { Self::Big } else { Self::Little }
    }

    /// Takes two bytes.
    pub(crate) fn u16(self, reader: &mut Reader<'_>) -> Result<u16, ParseError> {
        if self == Self::Little { reader.le16() } else { reader.be16() }
    }

    /// Takes four bytes.
    pub(crate) fn u32(self, reader: &mut Reader<'_>) -> Result<u32, ParseError> {
        if self == Self::Little { reader.le32() } else { reader.be32() }
    }
}

/// Packet types both versions share (table 12-1 and 12-2).
pub(crate) const REQUEST: u8 = 0;
/// A datagram that asks whether the other side is still working.
pub(crate) const PING: u8 = 1;
/// The answer.
pub(crate) const RESPONSE: u8 = 2;
/// The call failed in the server.
pub(crate) const FAULT: u8 = 3;
/// The call was not taken.
pub(crate) const REJECT: u8 = 6;

/// The header of a datagram.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Datagram<'a> {
    /// One of the types above, or another up to 10.
    pub(crate) kind: u8,
    /// Byte order of header and arguments.
    pub(crate) order: Order,
    /// The object called.
    pub(crate) object: Uuid,
    /// The interface called.
    pub(crate) interface: Uuid,
    /// What keeps request and answer together, with the sequence.
    pub(crate) activity: Uuid,
    /// Call within the activity.
    pub(crate) sequence: u32,
    /// Operation of the interface.
    pub(crate) operation: u16,
    /// Part of the call, from 0.
    pub(crate) fragment: u16,
    /// Arguments; cut where the datagram ends.
    pub(crate) body: &'a [u8],
}

impl<'a> Datagram<'a> {
    /// Whether it is a part of a call that goes on: only the first is read.
    pub(crate) const fn is_part(&self) -> bool {
        self.fragment > 0
    }

    /// Reads a datagram of version 4.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new("dce/rpc datagram", bytes);
        let [version, kind, _flags, _flags2, representation, _float, _reserved, _serial] = reader.array()?;
        if version != 4 || kind > 10 {
            return Err(ParseError::Malformed { what: "dce/rpc", at: 0, why: "version must be 4, type at most 10" });
        }
        let order = Order::of(representation);
        let object = Uuid::take(&mut reader, order)?;
        let interface = Uuid::take(&mut reader, order)?;
        let activity = Uuid::take(&mut reader, order)?;
        let _boot_and_version = reader.take(8)?;
        let sequence = order.u32(&mut reader)?;
        let operation = order.u16(&mut reader)?;
        let _hints = reader.take(4)?;
        let length = order.u16(&mut reader)?;
        let fragment = order.u16(&mut reader)?;
        let _authentication_and_serial = reader.take(2)?;
        let rest = reader.rest();
        let body = rest.get(..usize::from(length)).unwrap_or(rest);
        Ok(Self { kind, order, object, interface, activity, sequence, operation, fragment, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::hex;

    #[test]
    fn identifiers_in_both_orders() {
        let want = Uuid::of(0xdea0_0001_6c97_11d1_8271_00a0_2442_df7d);
        for (bytes, order) in
            [("dea000016c9711d1827100a02442df7d", Order::Big), ("0100a0de976cd111827100a02442df7d", Order::Little)]
        {
            assert_eq!(Uuid::take(&mut Reader::new("uuid", &hex(bytes)), order), Ok(want));
        }
        assert_eq!(want.to_string(), "dea00001-6c97-11d1-8271-00a02442df7d");
    }

    #[test]
    fn datagrams() {
        let bytes = hex("04 00 20 00 10 00 00 00 0000a0de976cd111827100010003015a 0100a0de976cd111827100a02442df7d \
             00112233445566778899aabbccddeeff 00000000 01000000 05000000 0300 ffff ffff 0200 0000 00 00 abcd ef");
        let datagram = Datagram::parse(&bytes).unwrap();
        assert_eq!((datagram.kind, datagram.operation, datagram.sequence), (REQUEST, 3, 5));
        assert_eq!(datagram.object, Uuid::of(0xdea0_0000_6c97_11d1_8271_0001_0003_015a));
        assert_eq!(datagram.body, [0xab, 0xcd], "what follows the fragment is not its own");
        assert!(Datagram::parse(&bytes[..79]).is_err());
        assert!(Datagram::parse(&[5; 90]).is_err());
    }
}
