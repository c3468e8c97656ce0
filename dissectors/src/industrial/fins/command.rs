//! FINS commands by code, what each does, and the names of memory areas.
//!
//! Source: Omron W227 "FINS Commands Reference Manual" and W342 "SYSMAC CS/CJ Communications Commands", section 5.

use dogwatch_model::{Memory, ReadingVisitor, Verb};

use crate::text::{Hex, Text, text};

pub(super) const MEMORY_READ: u16 = 0x0101;
pub(super) const MEMORY_WRITE: u16 = 0x0102;
pub(super) const MEMORY_FILL: u16 = 0x0103;
pub(super) const CONTROLLER_DATA: u16 = 0x0501;
pub(super) const CONTROLLER_STATUS: u16 = 0x0601;
pub(super) const RUN: u16 = 0x0401;

/// Name and verb of a command.
pub(super) const fn command(code: u16) -> Option<(&'static str, Verb)> {
    Some(match code {
        MEMORY_READ => ("memory-area-read", Verb::Read),
        MEMORY_WRITE => ("memory-area-write", Verb::Write),
        MEMORY_FILL => ("memory-area-fill", Verb::Write),
        0x0104 => ("multiple-memory-area-read", Verb::Read),
        0x0105 => ("memory-area-transfer", Verb::Write),
        0x0201 => ("parameter-area-read", Verb::Read),
        0x0202 => ("parameter-area-write", Verb::Program),
        0x0203 => ("parameter-area-clear", Verb::Program),
        0x0220 => ("data-link-table-read", Verb::Read),
        0x0221 => ("data-link-table-write", Verb::Program),
        0x0304 => ("program-area-protect", Verb::Program),
        0x0305 => ("program-area-protect-clear", Verb::Program),
        0x0306 => ("program-area-read", Verb::Transfer),
        0x0307 => ("program-area-write", Verb::Program),
        0x0308 => ("program-area-clear", Verb::Program),
        RUN => ("run", Verb::Control),
        0x0402 => ("stop", Verb::Control),
        0x0403 => ("reset", Verb::Control),
        CONTROLLER_DATA => ("controller-data-read", Verb::Discover),
        0x0502 => ("connection-data-read", Verb::Discover),
        CONTROLLER_STATUS => ("controller-status-read", Verb::Diagnose),
        0x0602 => ("network-status-read", Verb::Diagnose),
        0x0603 => ("data-link-status-read", Verb::Diagnose),
        0x0620 => ("cycle-time-read", Verb::Diagnose),
        0x0701 => ("clock-read", Verb::Read),
        0x0702 => ("clock-write", Verb::Write),
        0x0801 => ("loopback-test", Verb::Diagnose),
        0x0802 => ("broadcast-test-read", Verb::Diagnose),
        0x0803 => ("broadcast-test-send", Verb::Diagnose),
        0x0920 => ("message-read-clear", Verb::Diagnose),
        0x0c01 => ("access-right-acquire", Verb::Control),
        0x0c02 => ("access-right-forced-acquire", Verb::Control),
        0x0c03 => ("access-right-release", Verb::Control),
        0x2101 => ("error-clear", Verb::Control),
        0x2102 => ("error-log-read", Verb::Diagnose),
        0x2103 => ("error-log-clear", Verb::Control),
        0x2140 => ("write-access-log-read", Verb::Diagnose),
        0x2141 => ("write-access-log-clear", Verb::Control),
        0x2201 => ("file-name-read", Verb::Discover),
        0x2202 => ("file-read", Verb::Transfer),
        0x2203 => ("file-write", Verb::Program),
        0x2204 => ("file-device-format", Verb::Program),
        0x2205 => ("file-delete", Verb::Program),
        0x2206 => ("volume-label", Verb::Program),
        0x2207 => ("file-copy", Verb::Program),
        0x2208 => ("file-name-change", Verb::Program),
        0x2209 => ("file-data-check", Verb::Diagnose),
        0x220a => ("memory-area-file-transfer", Verb::Transfer),
        0x220b => ("parameter-area-file-transfer", Verb::Program),
        0x220c => ("program-area-file-transfer", Verb::Program),
        0x220f => ("file-memory-index-read", Verb::Discover),
        0x2210 => ("file-memory-read", Verb::Transfer),
        0x2211 => ("file-memory-write", Verb::Program),
        0x2215 => ("directory-create-delete", Verb::Program),
        0x2301 => ("forced-set-reset", Verb::Write),
        0x2302 => ("forced-set-reset-cancel", Verb::Write),
        0x230a => ("forced-status-read", Verb::Read),
        0x2601 => ("name-set", Verb::Program),
        0x2602 => ("name-delete", Verb::Program),
        0x2603 => ("name-read", Verb::Discover),
        _ => return None,
    })
}

/// A place in memory: area, word, bit of a bit area, and how many (W342 section 5-2-2; codes of CS/CJ and, below 0x20, of C and CV).
pub(super) fn memory(area: u8, word: u16, bit: u8, count: u16) -> Text<48> {
    let name = match area {
        0x30 | 0xb0 | 0x00 | 0x80 => "cio",
        0x31 | 0xb1 => "wr",
        0x32 | 0xb2 => "hr",
        0x33 | 0xb3 => "ar",
        0x09 | 0x89 | 0x01 | 0x81 => "tim",
        0x02 | 0x82 => "dm",
        0x20..=0x2c | 0x90..=0x98 | 0xa0..=0xac => "em",
        0xdc => "ir",
        0xbc => "dr",
        _ => "",
    };
    let is_bit = area < 0x80 && !matches!(area, 0x09);
    let mut text = match name {
        "" => text!["area-", Hex(area, 2), " ", word],
        name => text![name, " ", word],
    };
    let more = match (is_bit, count) {
        (true, _) => Text::<16>::of(format_args!(".{bit:02}")),
        (false, 0 | 1) => Text::new(),
        (false, count) => {
            text!["-", u32::from(word).saturating_add(u32::from(count)).saturating_sub(1)]
        }
    };
    text.put(more.as_str());
    text
}

/// Hands out words under the names that Omron's tools give the areas: `D100`, `W3`, `H1`, `A0`, `CIO5` (banks of extended memory stay out). Words come
/// with the high byte first, double words with the low word first (W342 section 3-4).
pub(super) fn word_memory(area: u8, first: u16, bytes: &[u8], to: &mut dyn ReadingVisitor) {
    let name = match area {
        0x80 | 0xb0 => "CIO",
        0xb1 => "W",
        0xb2 => "H",
        0xb3 => "A",
        0x82 => "D",
        _ => return,
    };
    let (area, first) = (format_args!("{name}"), first.into());
    to.memory(&Memory { area, first, step: 2, big_endian: true, low_first: true, bytes });
}

/// What a controller does by the mode byte of its status.
pub(super) const fn mode_name(status: u8, mode: u8) -> Option<&'static str> {
    Some(match (status, mode) {
        (0x80, _) => "standby",
        (_, 0) => "program",
        (_, 1) => "debug",
        (_, 2) => "monitor",
        (_, 4) => "run",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        for (area, word, bit, count, want) in [
            (0x82, 100, 0, 10, "dm 100-109"),
            (0x30, 5, 7, 1, "cio 5.07"),
            (0xb1, 3, 0, 1, "wr 3"),
            (0x7f, 3, 0, 1, "area-0x7f 3.00"),
        ] {
            assert_eq!(memory(area, word, bit, count).as_str(), want);
        }
    }
}
