//! The transmission groups of IEC 61162-450: multicast address and port, and the talkers a group is made for.
//!
//! Groups MISC to USR8 and binary transfer as published (edition 1 and AMD1:2016, quoted by makers' manuals); network administration and PGN
//! groups of edition 2 by their numbers as far as known.

use std::net::IpAddr;

use dogwatch_model::Flow;

/// A transmission group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group {
    /// Its name.
    pub(crate) name: &'static str,
    /// Last octet of 239.192.0.x; its port is 60000 more.
    number: u8,
    /// Talkers it is made for; empty when anybody may use it.
    talkers: &'static [&'static str],
}

const fn group(number: u8, name: &'static str, talkers: &'static [&'static str]) -> Group {
    Group { name, number, talkers }
}

/// The groups, by number.
#[rustfmt::skip] // a table
static GROUPS: &[Group] = &[
    group(1, "MISC", &[]),
    group(2, "TGTD", &["AI", "RA"]),
    group(3, "SATD", &["HE", "HN", "TI"]),
    group(4, "NAVD", &["AG", "AP", "DF", "EC", "EI", "GA", "GP", "GL", "GN", "HC", "HF", "IN", "LC", "SD", "SN", "VD", "VM", "VW", "WI"]),
    group(5, "VDRD", &["BN", "FD", "FE", "FR", "FS", "HD", "HS", "WD", "WL"]),
    group(6, "RCOM", &["CD", "CR", "CS", "CT", "CV", "CX", "EP"]),
    group(7, "TIME", &["ZA", "ZC", "ZQ", "ZV"]),
    group(8, "PROP", &["P"]),
    group(9, "USR1", &[]), group(10, "USR2", &[]), group(11, "USR3", &[]), group(12, "USR4", &[]),
    group(13, "USR5", &[]), group(14, "USR6", &[]), group(15, "USR7", &[]), group(16, "USR8", &[]),
    group(17, "BAM1", &[]), group(18, "BAM2", &[]), group(19, "CAM1", &[]), group(20, "CAM2", &[]),
    group(21, "BIN1", &[]), group(22, "BIN2", &[]), group(23, "BIN3", &[]), group(24, "BIN4", &[]), group(25, "BIN5", &[]),
    group(26, "BIN6", &[]), group(27, "BIN7", &[]), group(28, "BIN8", &[]), group(29, "BIN9", &[]), group(30, "BIN10", &[]),
    group(56, "NETA", &[]), group(57, "PGN1", &[]), group(58, "PGN2", &[]), group(59, "PGN3", &[]), group(60, "PGN4", &[]),
    group(61, "PGN5", &[]), group(62, "PGN6", &[]), group(63, "PGN7", &[]), group(64, "PGN8", &[]),
];

/// The last octet within the span reserved for the standard, 239.192.0.1 to .64.
fn number(flow: &Flow) -> Option<u8> {
    match flow.dst {
        Some(IpAddr::V4(to)) => match to.octets() {
            [239, 192, 0, number @ 1..=64] => Some(number),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a datagram goes to the span reserved for the standard.
pub(crate) fn is_reserved(flow: &Flow) -> bool {
    number(flow).is_some()
}

/// The group a datagram was sent to.
pub(crate) fn of(flow: &Flow) -> Option<&'static Group> {
    let number = number(flow)?;
    GROUPS.iter().find(|group| group.number == number)
}

impl Group {
    /// Whether the standard gives this talker another group. Alerts may go to MISC from anybody.
    pub(crate) fn is_wrong_for(&self, talker: &str) -> bool {
        if self.talkers.is_empty() || self.talkers.contains(&talker) {
            return false;
        }
        GROUPS.iter().any(|group| group.talkers.contains(&talker))
    }
}
