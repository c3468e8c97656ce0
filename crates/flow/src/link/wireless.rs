//! Wireless frames: IEEE 802.11 data and management frames, bare or behind the headers that monitor-mode captures put before them (Radiotap, PPI,
//! AVS). Aboard they come from a survey of the ship's access points, never from a mirror port.
//!
//! Read are addresses and what an unencrypted data frame carries. Deliberately absent: decryption, A-MSDU beyond its first subframe, mesh headers.
//! Sources: IEEE Std 802.11-2020, clauses 9.2.3, 9.2.4 and 9.3.2; radiotap.org; the pcap link-layer type registry.

use dogwatch_model::{Mac, Vlans};

use super::{Carried, Link, LinkError, logical};

/// Frame control, first byte: types.
const MANAGEMENT: u8 = 0;
const DATA: u8 = 2;
/// Subtype bits of a data frame: it carries nothing; it has a QoS control field.
const NO_DATA: u8 = 0x4;
const QOS: u8 = 0x8;
/// Frame control, second byte.
const TO_SYSTEM: u8 = 0x01;
const FROM_SYSTEM: u8 = 0x02;
const PROTECTED: u8 = 0x40;
const HT_CONTROL: u8 = 0x80;
/// What a readable frame that is no data is filed under, and encrypted data: the 802.2 null SAP, which nothing else uses.
const UNREADABLE: u16 = 0;

/// Radiotap flags: the frame check sequence is there; the header is padded to a multiple of four.
const HAS_FCS: u8 = 0x10;
const IS_PADDED: u8 = 0x20;

/// Reads a frame behind a Radiotap header.
pub(super) fn radiotap(bytes: &[u8]) -> Result<(Link, Carried<'_>), LinkError> {
    let Some(([0, _, low, high], _)) = bytes.split_first_chunk() else { return Err(LinkError::Bad) };
    let (header, frame) =
        bytes.split_at_checked(usize::from(u16::from_le_bytes([*low, *high]))).ok_or(LinkError::Bad)?;
    let flags = radiotap_flags(header).unwrap_or(0);
    let end = if flags & HAS_FCS == 0 { frame.len() } else { frame.len().saturating_sub(4) };
    ieee80211(frame.get(..end).unwrap_or(frame), flags & IS_PADDED != 0)
}

/// The flags field: the second one, behind the presence words and the time stamp, which is aligned to eight bytes.
fn radiotap_flags(header: &[u8]) -> Option<u8> {
    let mut words = header.get(4..)?.chunks_exact(4);
    let first = words.next()?.first_chunk::<4>().map(|word| u32::from_le_bytes(*word))?;
    let mut at: usize = 8;
    let mut last = first;
    while last & 0x8000_0000 != 0 {
        last = words.next()?.first_chunk::<4>().map(|word| u32::from_le_bytes(*word))?;
        at = at.checked_add(4)?;
    }
    if first & 1 != 0 {
        at = at.checked_next_multiple_of(8)?.checked_add(8)?;
    }
    if first & 2 == 0 { None } else { header.get(at).copied() }
}

/// Takes off the header of "per-packet information" and gives the link type and the frame inside.
pub(super) fn per_packet_information(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let ([_version, _flags, l0, l1, d0, d1, d2, d3], _) = bytes.split_first_chunk()?;
    let frame = bytes.get(usize::from(u16::from_le_bytes([*l0, *l1]))..)?;
    Some((u32::from_le_bytes([*d0, *d1, *d2, *d3]), frame))
}

/// Takes off the header of the AVS drivers, or the older Prism one: both tell their length in the second word.
pub(super) fn behind_avs(bytes: &[u8]) -> Option<&[u8]> {
    let ([m0, m1, m2, m3, length @ ..], _) = bytes.split_first_chunk::<8>()?;
    // AVS is big-endian and begins with a magic; Prism has a message code of 0x44 or 0x41 in the byte order of whoever captured
    let length = match [*m0, *m1, *m2, *m3] {
        [0x80, 0x21, 0x10, _] | [0, 0, 0, _] => u32::from_be_bytes(*length),
        _ => u32::from_le_bytes(*length),
    };
    bytes.get(usize::try_from(length).ok()?..)
}

/// Reads an 802.11 frame.
pub(super) fn ieee80211(bytes: &[u8], is_padded: bool) -> Result<(Link, Carried<'_>), LinkError> {
    let Some(([first, flags, _, _], _)) = bytes.split_first_chunk() else { return Err(LinkError::Bad) };
    let (version, kind, subtype) = (first & 0x03, first >> 2 & 0x03, first >> 4);
    if version != 0 {
        return Err(LinkError::Bad);
    }
    if !matches!(kind, MANAGEMENT | DATA) {
        // acknowledgements, requests to send and their like name at most a receiver
        return Err(LinkError::Housekeeping);
    }
    let address = |at: usize| bytes.get(at..).and_then(|rest| rest.first_chunk::<6>()).map(|octets| Mac(*octets));
    let [one, two, three] = [address(4), address(10), address(16)].map(|address| address.ok_or(LinkError::Bad));
    let (one, two, three) = (one?, two?, three?);
    let mut length: usize = 24;
    let (dst, src) = match flags & (TO_SYSTEM | FROM_SYSTEM) {
        _ if kind == MANAGEMENT => (one, two),
        0 => (one, two),
        TO_SYSTEM => (three, two),
        FROM_SYSTEM => (one, three),
        _ => {
            length = 30;
            (three, address(24).ok_or(LinkError::Bad)?)
        }
    };
    let link = Link { src, dst, vlans: Vlans::default() };
    if kind == MANAGEMENT {
        return Ok((link, Carried::Ether(UNREADABLE, bytes.get(length..).unwrap_or_default())));
    }
    let mut is_aggregate = false;
    if subtype & QOS != 0 {
        is_aggregate = bytes.get(length).is_some_and(|control| control & 0x80 != 0);
        length = length.saturating_add(if flags & HT_CONTROL == 0 { 2 } else { 6 });
    }
    if is_padded {
        length = length.next_multiple_of(4);
    }
    if subtype & NO_DATA != 0 {
        return Err(LinkError::Housekeeping);
    }
    let payload = bytes.get(length..).ok_or(LinkError::Bad)?;
    if flags & PROTECTED != 0 {
        return Ok((link, Carried::Ether(UNREADABLE, payload)));
    }
    if is_aggregate { subframe(payload) } else { logical(link, payload) }
}

/// The first subframe of an A-MSDU: addresses of its own, a length, an LLC frame.
fn subframe(bytes: &[u8]) -> Result<(Link, Carried<'_>), LinkError> {
    let Some((&[d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, high, low], rest)) = bytes.split_first_chunk() else {
        return Err(LinkError::Bad);
    };
    let link = Link { src: Mac([s0, s1, s2, s3, s4, s5]), dst: Mac([d0, d1, d2, d3, d4, d5]), vlans: Vlans::default() };
    logical(link, rest.get(..usize::from(u16::from_be_bytes([high, low]))).unwrap_or(rest))
}
