//! MELSEC commands by code and device names.
//!
//! Source: Mitsubishi SH-080008 "MELSEC Communication Protocol Reference Manual", chapters 3 to 5 and 10.

use dogwatch_model::{Memory, ReadingVisitor, Verb};

use crate::text::Text;

/// Batch read of devices.
pub(super) const READ: u16 = 0x0401;
/// Batch write of devices.
pub(super) const WRITE: u16 = 0x1401;
/// Model of the CPU.
pub(super) const READ_MODEL: u16 = 0x0101;

/// Name and verb of a command.
pub(super) const fn command(code: u16) -> Option<(&'static str, Verb)> {
    Some(match code {
        READ => ("read", Verb::Read),
        WRITE => ("write", Verb::Write),
        0x0403 => ("read-random", Verb::Read),
        0x1402 => ("write-random", Verb::Write),
        0x0406 => ("read-blocks", Verb::Read),
        0x1406 => ("write-blocks", Verb::Write),
        0x0801 => ("register-monitor", Verb::Read),
        0x0802 => ("monitor", Verb::Read),
        0x0601 => ("read-extended-unit", Verb::Read),
        0x1601 => ("write-extended-unit", Verb::Write),
        0x0613 => ("read-buffer", Verb::Read),
        0x1613 => ("write-buffer", Verb::Write),
        0x1001 => ("remote-run", Verb::Control),
        0x1002 => ("remote-stop", Verb::Control),
        0x1003 => ("remote-pause", Verb::Control),
        0x1005 => ("remote-latch-clear", Verb::Control),
        0x1006 => ("remote-reset", Verb::Control),
        READ_MODEL => ("read-model", Verb::Discover),
        0x1617 => ("clear-error", Verb::Control),
        0x0619 => ("loopback", Verb::Diagnose),
        0x1630 => ("unlock", Verb::Login),
        0x1631 => ("lock", Verb::Login),
        0x1810 => ("read-directory", Verb::Discover),
        0x1811 => ("search-directory", Verb::Discover),
        0x1820 => ("create-file", Verb::Program),
        0x1822 => ("delete-file", Verb::Program),
        0x1824 => ("copy-file", Verb::Program),
        0x1825 => ("change-file-attribute", Verb::Program),
        0x1826 => ("change-file-date", Verb::Program),
        0x1827 => ("open-file", Verb::Transfer),
        0x1828 => ("read-file", Verb::Transfer),
        0x1829 => ("write-file", Verb::Program),
        0x182a => ("close-file", Verb::Transfer),
        0x2101 => ("on-demand", Verb::Read),
        0x0e30 => ("search-nodes", Verb::Discover),
        0x0e31 => ("set-address", Verb::Program),
        _ => return None,
    })
}

/// Letters of a device code and whether its numbers are hexadecimal.
pub(super) const fn device(code: u8) -> Option<(&'static str, bool)> {
    Some(match code {
        0x91 => ("SM", false),
        0xa9 => ("SD", false),
        0x9c => ("X", true),
        0x9d => ("Y", true),
        0x90 => ("M", false),
        0x92 => ("L", false),
        0x93 => ("F", false),
        0x94 => ("V", false),
        0xa0 => ("B", true),
        0xa8 => ("D", false),
        0xb4 => ("W", true),
        0xc1 => ("TS", false),
        0xc0 => ("TC", false),
        0xc2 => ("TN", false),
        0xc7 => ("STS", false),
        0xc6 => ("STC", false),
        0xc8 => ("STN", false),
        0xc4 => ("CS", false),
        0xc3 => ("CC", false),
        0xc5 => ("CN", false),
        0xa1 => ("SB", true),
        0xb5 => ("SW", true),
        0x98 => ("S", false),
        0xa2 => ("DX", true),
        0xa3 => ("DY", true),
        0xcc => ("Z", false),
        0xaf => ("R", false),
        0xb0 => ("ZR", true),
        _ => return None,
    })
}

/// Hands out words under their device names: `D100`, `R5`. Only devices that are words and whose numbers are decimal: of the others nobody could tell
/// the address from the name. Words come with the low byte first, double words with the low word first (chapter 5).
pub(super) fn word_memory(code: u8, first: u32, bytes: &[u8], to: &mut dyn ReadingVisitor) {
    if let (0xa8 | 0xa9 | 0xaf | 0xc2 | 0xc5 | 0xc8 | 0xcc, Some((letters, false))) = (code, device(code)) {
        let area = format_args!("{letters}");
        to.memory(&Memory { area, first, step: 2, big_endian: false, low_first: true, bytes });
    }
}

/// `D100-109`, `X1F`.
pub(super) fn place(letters: &str, is_hex: bool, first: u32, count: u16) -> Text<40> {
    let last = first.saturating_add(u32::from(count.max(1))).saturating_sub(1);
    match (is_hex, last > first) {
        (true, true) => Text::of(format_args!("{letters}{first:X}-{last:X}")),
        (true, false) => Text::of(format_args!("{letters}{first:X}")),
        (false, true) => Text::of(format_args!("{letters}{first}-{last}")),
        (false, false) => Text::of(format_args!("{letters}{first}")),
    }
}

/// Name and verb of a command of the engineering dialect. Only the groups are told apart: the same upper halves as above carry the same kinds
/// of operation, the lower halves are the maker's own.
pub(super) const fn dialect(code: u16) -> (&'static str, Verb) {
    match code {
        0x0121 => ("read-model", Verb::Discover),
        0x0100..=0x01ff => ("identify", Verb::Discover),
        0x0400..=0x04ff => ("read", Verb::Read),
        0x1400..=0x14ff => ("write", Verb::Write),
        0x1001 => ("remote-run", Verb::Control),
        0x1002 => ("remote-stop", Verb::Control),
        0x1003 => ("remote-pause", Verb::Control),
        0x1005 => ("remote-latch-clear", Verb::Control),
        0x1006 => ("remote-reset", Verb::Control),
        0x1000..=0x10ff => ("remote-control", Verb::Control),
        0x1600..=0x16ff => ("password", Verb::Login),
        0x1810..=0x181f | 0x185f => ("find-file", Verb::Discover),
        0x1828 | 0x1868 => ("read-file", Verb::Transfer),
        0x1827 | 0x182a | 0x1867 | 0x186a => ("open-close-file", Verb::Transfer),
        0x1800..=0x18ff => ("change-file", Verb::Program),
        0x0600..=0x06ff => ("read-unit", Verb::Read),
        _ => ("engineering", Verb::Diagnose),
    }
}
