//! Tunnels a mirror or a router adds around the traffic that matters: what is inside is read as if it had come without.
//!
//! Read are IP in IP (RFC 2003, RFC 4213), GRE (RFC 2784, RFC 2890) with IP, Ethernet and ERSPAN types I to III inside (draft-foschiano-erspan),
//! VXLAN (RFC 7348) and Geneve (RFC 8926). Deliberately absent: anything encrypted.

/// GRE protocol types beside the EtherTypes of IP.
const TRANSPARENT_ETHERNET: u16 = 0x6558;
const ERSPAN_1_OR_2: u16 = 0x88BE;
const ERSPAN_3: u16 = 0x22EB;
/// The VXLAN port of IANA, and the one Linux used before.
const VXLAN_PORTS: [u16; 2] = [4789, 8472];
/// The Geneve port of IANA.
const GENEVE_PORT: u16 = 6081;

/// What a tunnel carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inside<'a> {
    /// An Ethernet frame.
    Ethernet(&'a [u8]),
    /// An IP packet.
    Ip(&'a [u8]),
}

/// Looks for a tunnel directly on IP.
#[inline]
pub(crate) fn on_ip(protocol: u8, payload: &[u8]) -> Option<Inside<'_>> {
    match protocol {
        4 | 41 => Some(Inside::Ip(payload)),
        47 => gre(payload),
        _ => None,
    }
}

/// Looks for a tunnel on UDP. The port alone proves nothing: the reserved bits must be as they should.
#[inline]
pub(crate) fn on_udp(destination: u16, payload: &[u8]) -> Option<Inside<'_>> {
    if destination == GENEVE_PORT {
        return geneve(payload);
    }
    if !VXLAN_PORTS.contains(&destination) {
        return None;
    }
    match payload.split_first_chunk::<8>() {
        Some(([0x08, 0, 0, 0, _, _, _, 0], frame)) => Some(Inside::Ethernet(frame)),
        _ => None,
    }
}

/// Version 0, length of the options in words, no reserved bit set; a control message (bit O) carries no packet of a host.
fn geneve(payload: &[u8]) -> Option<Inside<'_>> {
    let ([length, flags, high, low, _, _, _, 0], rest) = payload.split_first_chunk()? else { return None };
    if length & 0xc0 != 0 || flags & 0xbf != 0 {
        return None;
    }
    let inside = rest.get(usize::from(*length).saturating_mul(4)..)?;
    match u16::from_be_bytes([*high, *low]) {
        0x0800 | 0x86DD => Some(Inside::Ip(inside)),
        TRANSPARENT_ETHERNET => Some(Inside::Ethernet(inside)),
        _ => None,
    }
}

fn gre(payload: &[u8]) -> Option<Inside<'_>> {
    let ([flags, version, high, low], mut rest) = payload.split_first_chunk()?;
    // Version 1 is PPTP; source routing was withdrawn by RFC 2784.
    if version & 0x07 != 0 || flags & 0x40 != 0 {
        return None;
    }
    let has_sequence = flags & 0x10 != 0;
    for is_present in [flags & 0x80 != 0, flags & 0x20 != 0, has_sequence] {
        if is_present {
            rest = rest.get(4..)?;
        }
    }
    match u16::from_be_bytes([*high, *low]) {
        0x0800 | 0x86DD => Some(Inside::Ip(rest)),
        TRANSPARENT_ETHERNET => Some(Inside::Ethernet(rest)),
        // Type I has neither a sequence number nor a header of its own.
        ERSPAN_1_OR_2 if !has_sequence => Some(Inside::Ethernet(rest)),
        ERSPAN_1_OR_2 => rest.get(8..).map(Inside::Ethernet),
        ERSPAN_3 => {
            let ([_, _, _, _, _, _, _, _, _, _, frame_type, options], rest) = rest.split_first_chunk()?;
            let rest = if options & 1 != 0 { rest.get(8..)? } else { rest };
            match (frame_type & 0x7c) >> 2 {
                0 => Some(Inside::Ethernet(rest)),
                2 => Some(Inside::Ip(rest)),
                _ => None,
            }
        }
        _ => None,
    }
}
