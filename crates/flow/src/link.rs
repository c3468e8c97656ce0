//! Link layers: from a frame to an IP packet, an Ethernet or LLC payload, or a CAN frame.
//!
//! Read are Ethernet II and 802.3 with 802.1Q/802.1ad tags (0x8100, 0x88A8, 0x9100 to 0x9300), frames inside provider backbone bridging
//! (802.1ah, 0x88E7), unencrypted MACsec, HSR tags (IEC 62439-3), PPPoE sessions, Linux cooked captures v1 and v2, BSD loopback, raw IP and SocketCAN, as the pcap link-layer registry describes them;
//! 802.11, token ring, ARCNET and point-to-point lines as far as addresses and an IP or LLC payload go. PRP trailers stay at the end of the payload.

mod line;
mod ring;
mod wireless;

use dogwatch_model::{Mac, Vlans};
use etherparse::{Ethernet2Slice, LaxMacsecPayloadSlice, LaxMacsecSlice, SingleVlanSlice};

use crate::frame::LinkType;

/// The smallest EtherType; below it the field is an 802.3 length.
const ETHER_TYPE_MIN: u16 = 0x0600;
/// LLC SAP of SNAP.
const SNAP: u8 = 0xAA;
/// Tags are taken off up to this depth; deeper nesting is noise.
const MAX_TAGS: usize = 8;
/// `ARPHRD_CAN` of Linux.
const ARPHRD_CAN: u16 = 280;
/// `LINUX_SLL_P_802_2`: the payload starts with an LLC header.
const SLL_LLC: u16 = 0x0004;

/// What the link layer tells about a frame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) src: Mac,
    pub(crate) dst: Mac,
    pub(crate) vlans: Vlans,
}

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carried<'a> {
    /// An IP packet, followed by padding if any.
    Ip(&'a [u8]),
    /// The payload behind another EtherType; padding cannot be told from it.
    Ether(u16, &'a [u8]),
    /// An 802.2 LLC frame from the DSAP on, padding taken off.
    Llc(&'a [u8]),
    /// A SocketCAN frame.
    Can(&'a [u8]),
}

/// Why a frame could not be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LinkError {
    /// A link type nobody here reads.
    Unsupported,
    /// The header is cut or makes no sense.
    Bad,
    /// A well-formed frame that only keeps the link itself going: an acknowledgement, a line being negotiated.
    Housekeeping,
}

/// Takes the link-layer headers off a frame.
pub(crate) fn decode(link: LinkType, bytes: &[u8]) -> Result<(Link, Carried<'_>), LinkError> {
    match link.0 {
        1 => ethernet(bytes),
        0 | 108 => loopback(bytes),
        // 12 and 14 are what LINKTYPE_RAW is called in files of some BSDs.
        12 | 14 | 101 | 228 | 229 => Ok((Link::default(), Carried::Ip(bytes))),
        113 => cooked(bytes),
        276 => cooked2(bytes),
        227 => can(Link::default(), bytes),
        6 => ring::token_ring(bytes),
        7 => ring::arcnet_bsd(bytes),
        129 => ring::arcnet_linux(bytes),
        165 => line::mstp(bytes),
        9 | 50 => line::ppp(bytes),
        104 => line::cisco(bytes),
        105 => wireless::ieee80211(bytes, false),
        127 => wireless::radiotap(bytes),
        119 | 163 => wireless::ieee80211(wireless::behind_avs(bytes).ok_or(LinkError::Bad)?, false),
        192 => match wireless::per_packet_information(bytes).ok_or(LinkError::Bad)? {
            // a header within a header within a header is an attack on our stack
            (192, _) => Err(LinkError::Bad),
            (inner, frame) => decode(LinkType(inner), frame),
        },
        _ => Err(LinkError::Unsupported),
    }
}

/// Reads an Ethernet frame; tunnels use it for the frame they carry.
pub(crate) fn ethernet(bytes: &[u8]) -> Result<(Link, Carried<'_>), LinkError> {
    let header = Ethernet2Slice::from_slice_without_fcs(bytes).map_err(|_| LinkError::Bad)?;
    let link = Link { src: Mac(header.source()), dst: Mac(header.destination()), vlans: Vlans::default() };
    ether_type(link, header.ether_type().0, header.payload_slice())
}

/// Follows an EtherType through tags down to what is carried.
#[inline]
pub(crate) fn ether_type<'a>(
    mut link: Link,
    mut ether_type: u16,
    mut payload: &'a [u8],
) -> Result<(Link, Carried<'a>), LinkError> {
    for _ in 0..MAX_TAGS {
        match ether_type {
            0x0800 | 0x86DD => return Ok((link, Carried::Ip(payload))),
            0x8100 | 0x88A8 | 0x9100 | 0x9200 | 0x9300 => {
                let tag = SingleVlanSlice::from_slice(payload).map_err(|_| LinkError::Bad)?;
                // VLAN id 0 only carries a priority: the frame is untagged.
                let id = Some(tag.vlan_identifier().value()).filter(|id| *id != 0);
                if link.vlans.outer.is_none() {
                    link.vlans.outer = id;
                } else if id.is_some() {
                    link.vlans.inner = id;
                }
                ether_type = tag.ether_type().0;
                payload = tag.payload_slice();
            }
            0x88E5 => {
                let tag = LaxMacsecSlice::from_slice(payload).map_err(|_| LinkError::Bad)?;
                let LaxMacsecPayloadSlice::Unmodified(inner) = tag.payload else {
                    return Ok((link, Carried::Ether(ether_type, payload)));
                };
                ether_type = inner.ether_type.0;
                payload = inner.payload;
            }
            // HSR: path and LSDU size, sequence number, then the EtherType that was there before (IEC 62439-3:2016, 5.8).
            0x892F => {
                let Some(([_, _, _, _, high, low], rest)) = payload.split_first_chunk() else {
                    return Err(LinkError::Bad);
                };
                ether_type = u16::from_be_bytes([*high, *low]);
                payload = rest;
            }
            // Provider backbone bridging (IEEE 802.1Q-2018, 9.7): priorities and service, then the customer's frame. What is inside is read as if
            // it had come without: its own addresses and VLANs.
            0x88E7 => {
                let Some(([_, _, _, _, frame @ ..], rest)) = payload.split_first_chunk::<18>() else {
                    return Err(LinkError::Bad);
                };
                let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, high, low] = *frame;
                link.dst = Mac([d0, d1, d2, d3, d4, d5]);
                link.src = Mac([s0, s1, s2, s3, s4, s5]);
                link.vlans = Vlans::default();
                ether_type = u16::from_be_bytes([high, low]);
                payload = rest;
            }
            // PPPoE session data (RFC 2516): version and type, code, session, length, PPP protocol.
            0x8864 => match payload.split_first_chunk() {
                Some(([0x11, 0, _, _, _, _, 0, 0x21 | 0x57], packet)) => return Ok((link, Carried::Ip(packet))),
                _ => return Ok((link, Carried::Ether(ether_type, payload))),
            },
            length if length < ETHER_TYPE_MIN => {
                // A length past the end is a cut frame or one of the undefined values 1501..=1535: take what is there.
                let (inside, _padding) = payload.split_at_checked(usize::from(length)).unwrap_or((payload, &[]));
                match llc(inside) {
                    Ok(inner) => (ether_type, payload) = inner,
                    Err(carried) => return Ok((link, carried)),
                }
            }
            other => return Ok((link, Carried::Ether(other, payload))),
        }
    }
    Err(LinkError::Bad)
}

/// Follows an LLC frame down to what it carries.
fn logical(link: Link, bytes: &[u8]) -> Result<(Link, Carried<'_>), LinkError> {
    match llc(bytes) {
        Ok((inner, rest)) => ether_type(link, inner, rest),
        Err(carried) => Ok((link, carried)),
    }
}

/// Reads an LLC frame: SNAP with an EtherType inside (RFC 1042) goes on as that EtherType, all else is LLC.
fn llc(bytes: &[u8]) -> Result<(u16, &[u8]), Carried<'_>> {
    match bytes.split_first_chunk::<8>() {
        Some(([SNAP, SNAP, 0x03, 0, 0, 0, high, low], rest)) => {
            let inner = u16::from_be_bytes([*high, *low]);
            if inner >= ETHER_TYPE_MIN { Ok((inner, rest)) } else { Err(Carried::Llc(bytes)) }
        }
        _ => Err(Carried::Llc(bytes)),
    }
}

fn loopback(bytes: &[u8]) -> Result<(Link, Carried<'_>), LinkError> {
    let (family, packet) = bytes.split_first_chunk::<4>().ok_or(LinkError::Bad)?;
    // The family is a small number in the byte order of whoever captured: the order in which it is small is the right one.
    let family = u32::from_le_bytes(*family).min(u32::from_be_bytes(*family));
    match family {
        // AF_INET; AF_INET6 of NetBSD/OpenBSD, FreeBSD, Darwin; and of Linux and Windows.
        2 | 24 | 28 | 30 | 10 | 23 => Ok((Link::default(), Carried::Ip(packet))),
        _ => Err(LinkError::Bad),
    }
}

/// Linux cooked capture. By hand because etherparse refuses hardware types it does not know, CAN among them.
fn cooked(bytes: &[u8]) -> Result<(Link, Carried<'_>), LinkError> {
    let (header, payload) = bytes.split_first_chunk::<16>().ok_or(LinkError::Bad)?;
    let [_, _, hardware0, hardware1, length0, length1, address @ .., protocol0, protocol1] = *header;
    cooked_payload(
        cooked_address(u16::from_be_bytes([length0, length1]), address),
        u16::from_be_bytes([hardware0, hardware1]),
        u16::from_be_bytes([protocol0, protocol1]),
        payload,
    )
}

fn cooked2(bytes: &[u8]) -> Result<(Link, Carried<'_>), LinkError> {
    let (header, payload) = bytes.split_first_chunk::<20>().ok_or(LinkError::Bad)?;
    let [protocol0, protocol1, _, _, _, _, _, _, hardware0, hardware1, _, length, address @ ..] = *header;
    cooked_payload(
        cooked_address(u16::from(length), address),
        u16::from_be_bytes([hardware0, hardware1]),
        u16::from_be_bytes([protocol0, protocol1]),
        payload,
    )
}

fn cooked_address(length: u16, address: [u8; 8]) -> Mac {
    let [a, b, c, d, e, f, ..] = address;
    if length == 6 { Mac([a, b, c, d, e, f]) } else { Mac::NONE }
}

fn cooked_payload(src: Mac, hardware: u16, protocol: u16, payload: &[u8]) -> Result<(Link, Carried<'_>), LinkError> {
    // The receiver's address is not in a cooked header.
    let link = Link { src, ..Link::default() };
    match (hardware, protocol) {
        (ARPHRD_CAN, _) => can(link, payload),
        // Netlink, 802.11 with monitor headers, Frame Relay: the protocol field means something else there.
        (824 | 801..=803 | 770, _) => Err(LinkError::Unsupported),
        (_, SLL_LLC) => logical(link, payload),
        (_, low) if low < ETHER_TYPE_MIN => Ok((link, Carried::Ether(low, payload))),
        (_, protocol) => ether_type(link, protocol, payload),
    }
}

fn can(link: Link, bytes: &[u8]) -> Result<(Link, Carried<'_>), LinkError> {
    // identifier and flags (4), length, FD flags, two reserved bytes
    if bytes.len() < 8 { Err(LinkError::Bad) } else { Ok((link, Carried::Can(bytes))) }
}
