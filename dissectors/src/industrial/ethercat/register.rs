//! Registers of an EtherCAT slave by address, and what reading or writing them means.
//!
//! Specification: ETG.1000.4 clause 6 (address space of a slave controller).

use dogwatch_model::Verb;

use crate::text::{Hex, Text, text};

/// What is done to memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// It is read.
    Read,
    /// It is written.
    Write,
    /// Both at once.
    Both,
}

/// The state a slave is told to take.
const fn state_name(code: u16) -> &'static str {
    match code & 15 {
        1 => "init",
        2 => "preop",
        3 => "boot",
        4 => "safeop",
        8 => "op",
        _ => "(unknown)",
    }
}

/// The verb and the name of a place.
pub(super) fn place(address: u16, access: Access, data: &[u8]) -> (Verb, Text<80>) {
    let is_read = access == Access::Read;
    let first = data.first_chunk().map_or(0, |bytes| u16::from_le_bytes(*bytes));
    let pick = |read, write| if is_read { read } else { write };
    let (verb, name) = match address {
        0x0000..=0x000f => (pick(Verb::Discover, Verb::Program), "information"),
        0x0010..=0x0013 => (pick(Verb::Discover, Verb::Program), "station-address"),
        0x0040..=0x0041 => (Verb::Control, "reset"),
        0x0100..=0x0103 => (pick(Verb::Diagnose, Verb::Control), "dl-control"),
        0x0110..=0x0111 => (Verb::Diagnose, "dl-status"),
        0x0120..=0x0121 if !is_read => {
            return (Verb::Control, text!["al-control ", state_name(first)]);
        }
        0x0120..=0x0121 => (Verb::Diagnose, "al-control"),
        0x0130..=0x0135 => (Verb::Diagnose, "al-status"),
        0x0140..=0x0151 => (pick(Verb::Discover, Verb::Program), "pdi"),
        0x0200..=0x0223 => (pick(Verb::Diagnose, Verb::Program), "interrupts"),
        0x0300..=0x0313 => (Verb::Diagnose, "error-counters"),
        0x0400..=0x0443 => (pick(Verb::Diagnose, Verb::Program), "watchdog"),
        // Asking the memory for a word is a write, too: only the write command of clause 6.4 changes it.
        0x0502..=0x0503 if !is_read && first & 0x0700 == 0x0200 => (Verb::Program, "eeprom-write"),
        0x0500..=0x050f => (Verb::Discover, "eeprom"),
        0x0510..=0x051b => (Verb::Diagnose, "phy"),
        0x0600..=0x06ff => (pick(Verb::Discover, Verb::Program), "fmmu"),
        0x0800..=0x08ff => (pick(Verb::Discover, Verb::Program), "sync-manager"),
        0x0900..=0x09ff => (pick(Verb::Read, Verb::Program), "clock"),
        _ => {
            let verb = if is_read { Verb::Read } else { Verb::Write };
            return (verb, text!["memory ", Hex(address, 4)]);
        }
    };
    (verb, text![name])
}
