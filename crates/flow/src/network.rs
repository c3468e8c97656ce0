//! IPv4 and IPv6 with extension headers, UDP and TCP headers: from an IP packet to the bytes an application sent.
//!
//! The packet's own length decides where it ends, so Ethernet padding is left behind. A length past the captured bytes means the capture cut
//! the packet; a length of zero means the network card had not filled it in yet (segmentation offload), and all bytes count.

use std::net::IpAddr;

use etherparse::{
    IpAuthHeaderSlice, IpNumber, Ipv6ExtensionsSlice, Ipv6FragmentHeaderSlice, Ipv6RawExtHeaderSlice, LaxIpv4Slice,
    LaxIpv6Slice, TcpSlice, UdpSlice,
};

/// IP authentication header.
const AUTH: u8 = 51;
/// IPv6 fragment header.
const FRAGMENT: u8 = 44;

/// An IP packet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packet<'a> {
    pub(crate) src: IpAddr,
    pub(crate) dst: IpAddr,
    pub(crate) ttl: u8,
    /// Protocol number of `payload`.
    pub(crate) protocol: u8,
    pub(crate) payload: &'a [u8],
    /// Bytes the capture cut off the end.
    pub(crate) missing: usize,
    /// Set when `payload` is only a part of a datagram.
    pub(crate) fragment: Option<Part>,
    /// An extension header makes no sense; `payload` starts with it.
    pub(crate) damaged: bool,
}

/// Where a fragment belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) id: u32,
    /// In bytes.
    pub(crate) offset: u32,
    pub(crate) more: bool,
    /// Bytes at its end that the capture cut off.
    pub(crate) missing: usize,
}

/// Reads an IP header with what extends it; `None` when there is none.
#[inline]
pub(crate) fn decode(bytes: &[u8]) -> Option<Packet<'_>> {
    match bytes.first()? >> 4 {
        4 => v4(bytes),
        6 => v6(bytes),
        _ => None,
    }
}

#[inline]
fn v4(bytes: &[u8]) -> Option<Packet<'_>> {
    let (slice, error) = LaxIpv4Slice::from_slice(bytes).ok()?;
    let header = slice.header();
    let total = usize::from(header.total_len());
    let mut packet = Packet {
        src: IpAddr::V4(header.source_addr()),
        dst: IpAddr::V4(header.destination_addr()),
        ttl: header.ttl(),
        protocol: slice.payload_ip_number().0,
        payload: slice.payload().payload,
        missing: total.saturating_sub(bytes.len()),
        fragment: None,
        damaged: error.is_some(),
    };
    if slice.is_payload_fragmented() {
        // The extension header, if any, is part of what was cut in pieces: it is read when they are together again.
        let whole = bytes.get(..total).unwrap_or(bytes);
        packet.payload = whole.get(header.slice().len()..)?;
        packet.protocol = header.protocol().0;
        packet.damaged = false;
        packet.fragment = Some(Part {
            id: u32::from(header.identification()),
            offset: u32::from(header.fragments_offset().value()).saturating_mul(8),
            more: header.more_fragments(),
            missing: packet.missing,
        });
    }
    Some(packet)
}

#[inline]
fn v6(bytes: &[u8]) -> Option<Packet<'_>> {
    let (slice, error) = LaxIpv6Slice::from_slice(bytes).ok()?;
    let header = slice.header();
    let inside = slice.payload();
    let length = usize::from(header.payload_length());
    let mut packet = Packet {
        src: IpAddr::V6(header.source_addr()),
        dst: IpAddr::V6(header.destination_addr()),
        ttl: header.hop_limit(),
        protocol: inside.ip_number.0,
        payload: inside.payload,
        missing: length.saturating_add(40).saturating_sub(bytes.len()),
        fragment: None,
        damaged: error.is_some(),
    };
    if inside.fragmented {
        let body = bytes.get(40..)?;
        let body = if length == 0 { body } else { body.get(..length).unwrap_or(body) };
        let (mut part, protocol, payload) = v6_fragment(header.next_header().0, body)?;
        part.missing = packet.missing;
        packet = Packet { fragment: Some(part), protocol, payload, damaged: false, ..packet };
    }
    Some(packet)
}

/// Walks the headers before the fragment header; all behind it is fragment payload, whatever it looks like (RFC 8200, 4.5).
fn v6_fragment(mut next: u8, mut rest: &[u8]) -> Option<(Part, u8, &[u8])> {
    while next != FRAGMENT {
        let header = Ipv6RawExtHeaderSlice::from_slice(rest).ok()?;
        next = header.next_header().0;
        rest = rest.get(header.slice().len()..)?;
    }
    let header = Ipv6FragmentHeaderSlice::from_slice(rest).ok()?;
    let part = Part {
        id: header.identification(),
        offset: u32::from(header.fragment_offset().value()).saturating_mul(8),
        more: header.more_fragments(),
        missing: 0,
    };
    Some((part, header.next_header().0, rest.get(header.slice().len()..)?))
}

/// Takes off what may stand before the transport header of a datagram put together again: protocol number, rest, whether all was well.
pub(crate) fn behind_extensions(is_v6: bool, protocol: u8, bytes: &[u8]) -> (u8, &[u8], bool) {
    if is_v6 {
        let (_, number, rest, error) = Ipv6ExtensionsSlice::from_slice_lax(IpNumber(protocol), bytes);
        (number.0, rest, error.is_none())
    } else if protocol == AUTH {
        match IpAuthHeaderSlice::from_slice(bytes) {
            Ok(auth) => (auth.next_header().0, bytes.get(auth.slice().len()..).unwrap_or(&[]), true),
            Err(_) => (protocol, bytes, false),
        }
    } else {
        (protocol, bytes, true)
    }
}

/// What stands behind the IP headers.
#[derive(Debug, Clone)]
pub(crate) enum Upper<'a> {
    /// A UDP datagram: ports and payload.
    Udp { src: u16, dst: u16, payload: &'a [u8] },
    /// A TCP segment.
    Tcp(TcpSlice<'a>),
    /// Another protocol.
    Other(&'a [u8]),
    /// A TCP or UDP header that is not whole or makes no sense.
    Bad,
}

/// Reads the transport header.
#[inline]
pub(crate) fn upper(protocol: u8, payload: &[u8]) -> Upper<'_> {
    match protocol {
        6 => TcpSlice::from_slice(payload).map_or(Upper::Bad, Upper::Tcp),
        17 => UdpSlice::from_slice_lax(payload).map_or(Upper::Bad, |udp| Upper::Udp {
            src: udp.source_port(),
            dst: udp.destination_port(),
            payload: udp.payload(),
        }),
        _ => Upper::Other(payload),
    }
}
