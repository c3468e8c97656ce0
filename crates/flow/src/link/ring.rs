//! Token ring (IEEE 802.5) and ARCNET (ANSI/ATA 878.1; IP over it by RFC 1201 and RFC 1051): rings and buses of older ships' automation, met in
//! captures of gateways and old recordings.
//!
//! Read are addresses and what a whole frame carries. Deliberately absent: MAC frames of the ring beyond their sender, ARCNET fragments.
//! Sources: IEEE 802.5:1998, clause 3.2; RFC 1201; the pcap link-layer type registry (LINKTYPE_IEEE802_5, ARCNET_BSD, ARCNET_LINUX).

use dogwatch_model::{Mac, Vlans};

use super::{Carried, Link, LinkError, ether_type, logical};

/// First address bit on the wire, which stands highest in captures: a group as destination, a route behind the header as source.
const FIRST_BIT: u8 = 0x80;

/// Reads a token ring frame.
pub(super) fn token_ring(bytes: &[u8]) -> Result<(Link, Carried<'_>), LinkError> {
    let Some((&[_access, control, d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5], mut rest)) =
        bytes.split_first_chunk()
    else {
        return Err(LinkError::Bad);
    };
    // the other rooms look for the group bit where Ethernet has it
    let dst = Mac([if d0 & FIRST_BIT == 0 { d0 } else { d0 | 1 }, d1, d2, d3, d4, d5]);
    let link = Link { src: Mac([s0 & !FIRST_BIT, s1, s2, s3, s4, s5]), dst, vlans: Vlans::default() };
    if s0 & FIRST_BIT != 0 {
        // routing information: its first byte tells its length, itself included
        let length = rest.first().map(|first| usize::from(first & 0x1f)).ok_or(LinkError::Bad)?;
        rest = rest.get(length.max(2)..).ok_or(LinkError::Bad)?;
    }
    match control >> 6 {
        1 => logical(link, rest),
        // claim token, beacon, standby monitor present: the ring keeping itself alive; its station is a device all the same
        _ => Ok((link, Carried::Ether(0, rest))),
    }
}

/// Protocol numbers of ARCNET.
const IP: u8 = 212;
const IPV6: u8 = 196;
const IP_OLD: u8 = 240;
const ARP_OLD: u8 = 241;

/// Reads an ARCNET frame as the BSDs write it: source, destination, protocol, then split flag and sequence number.
pub(super) fn arcnet_bsd(bytes: &[u8]) -> Result<(Link, Carried<'_>), LinkError> {
    let Some(([_source, _destination, protocol], rest)) = bytes.split_first_chunk() else {
        return Err(LinkError::Bad);
    };
    arcnet(*protocol, rest)
}

/// Reads an ARCNET frame as Linux writes it: two bytes of offset come before the protocol.
pub(super) fn arcnet_linux(bytes: &[u8]) -> Result<(Link, Carried<'_>), LinkError> {
    let Some(([_source, _destination, _, _, protocol], rest)) = bytes.split_first_chunk() else {
        return Err(LinkError::Bad);
    };
    arcnet(*protocol, rest)
}

/// The payload by its protocol. The address of a station is one byte, set by a switch: no card's identity, so the link has none.
fn arcnet(protocol: u8, rest: &[u8]) -> Result<(Link, Carried<'_>), LinkError> {
    let link = Link::default();
    if matches!(protocol, IP_OLD | ARP_OLD) {
        let number = if protocol == IP_OLD { 0x0800 } else { 0x0806 };
        return ether_type(link, number, rest);
    }
    let payload = match rest.split_first_chunk() {
        // the exception header, which only padded the frame, then the header proper: protocol, split flag, sequence number
        Some(([0xff, _, _], [_, 0, _, _, payload @ ..])) => payload,
        Some(([0, _, _], payload)) => payload,
        Some(_) => return Ok((link, Carried::Ether(0, rest))),
        None => return Err(LinkError::Bad),
    };
    match protocol {
        IP => ether_type(link, 0x0800, payload),
        IPV6 => ether_type(link, 0x86dd, payload),
        _ => Ok((link, Carried::Ether(0, payload))),
    }
}
