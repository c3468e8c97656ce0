//! Point-to-point lines: PPP in HDLC-like framing (RFC 1661, RFC 1662) and Cisco HDLC, as modems of satellite terminals and routers show them;
//! and the BACnet MS/TP line (ASHRAE 135 clause 9).
//!
//! Read is IP, and of MS/TP whole data frames, for their dissector. Deliberately absent: compression of headers and payload, and the negotiation of the line.

use super::{Carried, Link, LinkError, ether_type};

/// All stations and unnumbered information, which begin a PPP frame unless that was negotiated away.
const ADDRESS_CONTROL: [u8; 2] = [0xff, 0x03];

/// Reads a PPP frame, or what stands in its place on a line with Cisco's framing.
pub(super) fn ppp(bytes: &[u8]) -> Result<(Link, Carried<'_>), LinkError> {
    if matches!(bytes, [0x0f | 0x8f, 0, ..]) {
        return cisco(bytes);
    }
    let rest = bytes.strip_prefix(&ADDRESS_CONTROL[..]).unwrap_or(bytes);
    // a protocol number whose first byte is odd was compressed to that byte
    let (protocol, packet) = match rest {
        [first, rest @ ..] if first & 1 == 1 => (u16::from(*first), rest),
        [high, low, rest @ ..] => (u16::from_be_bytes([*high, *low]), rest),
        _ => return Err(LinkError::Bad),
    };
    match protocol {
        0x0021 | 0x0057 => Ok((Link::default(), Carried::Ip(packet))),
        _ => Err(LinkError::Housekeeping),
    }
}

/// Reads an MS/TP frame: preamble, type, receiver, sender, length, checksum of these, data. Stations have a number and no hardware address;
/// tokens and polls keep the line going.
pub(super) fn mstp(bytes: &[u8]) -> Result<(Link, Carried<'_>), LinkError> {
    match bytes {
        [0x55, 0xff, 5 | 6, _, _, _, _, _, ..] => Ok((Link::default(), Carried::Llc(bytes))),
        [0x55, 0xff, ..] => Err(LinkError::Housekeeping),
        _ => Err(LinkError::Bad),
    }
}

/// Reads a frame of Cisco HDLC: address, control, EtherType.
pub(super) fn cisco(bytes: &[u8]) -> Result<(Link, Carried<'_>), LinkError> {
    match bytes {
        // 0x8035 is the line's own keepalive here
        [0x0f | 0x8f, _, 0x80, 0x35, ..] => Err(LinkError::Housekeeping),
        [0x0f | 0x8f, _, high, low, rest @ ..] => ether_type(Link::default(), u16::from_be_bytes([*high, *low]), rest),
        _ => Err(LinkError::Bad),
    }
}
