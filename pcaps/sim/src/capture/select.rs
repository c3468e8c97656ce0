//! Picks the frames of one protocol out of a run, for small sample files. Looks at addresses and ports only: the simulator knows what it
//! puts there.

use crate::wire::net::{Frame, Tap};

/// What can be picked.
pub(crate) const KINDS: &[&str] = &[
    "ais",
    "arp",
    "dhcp",
    "dns",
    "igmp",
    "iec61162-450",
    "lldp",
    "mdns",
    "modbus",
    "nbns",
    "nmea0183",
    "nmea2000",
    "ntp",
    "stp",
    "syslog",
    "tls",
];

/// A big-endian number of two bytes at a place.
fn word(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|two| u16::from_be_bytes(*two))
}

/// Protocol, source port and destination port of an Ethernet frame with IPv4.
fn transport(bytes: &[u8]) -> Option<(u8, u16, u16)> {
    let header = usize::from(bytes.get(14)? & 0xF) * 4;
    Some((*bytes.get(23)?, word(bytes, 14 + header)?, word(bytes, 16 + header)?))
}

/// Whether a frame belongs to the protocol called `kind`.
pub(crate) fn is_of(kind: &str, frame: &Frame) -> bool {
    let bytes = &frame.bytes;
    if frame.tap == Tap::Bus || kind == "nmea2000" {
        return frame.tap == Tap::Bus && kind == "nmea2000";
    }
    match word(bytes, 12) {
        Some(0x0806) => kind == "arp",
        Some(0x88CC) => kind == "lldp",
        Some(0..=1_500) => kind == "stp",
        Some(0x0800) => is_ip_of(kind, bytes),
        _ => false,
    }
}

fn is_ip_of(kind: &str, bytes: &[u8]) -> bool {
    let Some((protocol, source, destination)) = transport(bytes) else { return false };
    let port = |wanted: u16| source == wanted || destination == wanted;
    match (kind, protocol) {
        ("igmp", 2) => true,
        ("modbus", 6) => port(502),
        ("tls", 6) => port(443),
        ("nmea0183", 6) => (4_001..=4_016).contains(&source) || (4_001..=4_016).contains(&destination),
        ("nmea0183", 17) => destination == 10_110,
        ("iec61162-450", 17) => (60_001..=60_064).contains(&destination),
        // Targets come from the transponder and from the radar: the name of the source stands in the TAG block.
        ("ais", 17) => destination == 60_002 && bytes.windows(8).any(|eight| eight == b"s:AI0001"),
        ("dhcp", 17) => destination == 67 || destination == 68,
        ("dns", 17) => port(53),
        ("mdns", 17) => destination == 5_353,
        ("nbns", 17) => destination == 137,
        ("ntp", 17) => port(123),
        ("syslog", 17) => destination == 514,
        _ => false,
    }
}
