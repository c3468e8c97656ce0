//! Function codes of Modbus: names, and what each does in the words of a zone policy.
//!
//! Codes and names: MODBUS Application Protocol Specification V1.1b3, clause 5 and 6. Classes: the project's policy language
//! (read 1-4, 7, 11, 12, 17, 20, 24; write 5, 6, 15, 16, 21, 22; 23 both; 8 diagnose, its sub-functions 1, 4 and 10 control; 43/14 discover;
//! 43/13 and 90 program).

use dogwatch_model::{Table, Verb};

/// Bit that marks the reply as an exception.
pub(super) const EXCEPTION: u8 = 0x80;
/// Diagnostics.
pub(super) const DIAGNOSTICS: u8 = 8;
/// Report Server ID.
pub(super) const REPORT_SERVER_ID: u8 = 17;
/// Encapsulated Interface Transport.
pub(super) const ENCAPSULATED: u8 = 43;
/// Schneider's UMAS, which rides in this otherwise unassigned code.
pub(super) const UMAS: u8 = 90;

/// MEI type of Read Device Identification.
pub(super) const MEI_DEVICE_ID: u8 = 14;

/// The name of a function code.
pub(super) const fn name(function: u8) -> Option<&'static str> {
    Some(match function & !EXCEPTION {
        1 => "read-coils",
        2 => "read-discrete-inputs",
        3 => "read-holding-registers",
        4 => "read-input-registers",
        5 => "write-single-coil",
        6 => "write-single-register",
        7 => "read-exception-status",
        8 => "diagnostics",
        11 => "get-comm-event-counter",
        12 => "get-comm-event-log",
        15 => "write-multiple-coils",
        16 => "write-multiple-registers",
        17 => "report-server-id",
        20 => "read-file-record",
        21 => "write-file-record",
        22 => "mask-write-register",
        23 => "read-write-multiple-registers",
        24 => "read-fifo-queue",
        43 => "encapsulated-interface",
        90 => "umas",
        _ => return None,
    })
}

/// Whether the specification leaves the code to the user (clause 4.1: 65-72 and 100-110).
pub(super) const fn is_user_defined(function: u8) -> bool {
    matches!(function, 65..=72 | 100..=110)
}

/// What a function does; `None` for a code nobody defined. `sub` is the sub-function of 8 and the MEI type of 43.
pub(super) const fn verb(function: u8, sub: Option<u16>) -> Option<Verb> {
    Some(match function {
        1..=4 | 7 | 11 | 12 | 17 | 20 | 23 | 24 => Verb::Read,
        5 | 6 | 15 | 16 | 21 | 22 => Verb::Write,
        DIAGNOSTICS => match sub {
            Some(1 | 4 | 10) => Verb::Control,
            _ => Verb::Diagnose,
        },
        ENCAPSULATED => match sub {
            // CANopen General Reference
            Some(13) => Verb::Program,
            Some(14) => Verb::Discover,
            _ => return None,
        },
        UMAS => Verb::Program,
        _ => return None,
    })
}

/// The table a function reads or writes.
pub(super) const fn table(function: u8) -> Option<Table> {
    Some(match function {
        1 | 5 | 15 => Table::Coil,
        2 => Table::Discrete,
        4 => Table::Input,
        3 | 6 | 16 | 22 | 23 | 24 => Table::Holding,
        _ => return None,
    })
}

/// Most values one request may move (clauses 6.1 to 6.17); `None` where the function has no quantity.
pub(super) const fn most(function: u8) -> Option<u16> {
    Some(match function {
        1 | 2 => 2_000,
        3 | 4 | 23 => 125,
        15 => 1_968,
        16 => 123,
        _ => return None,
    })
}

/// The name of an exception code (clause 7).
pub(super) const fn exception_name(code: u8) -> Option<&'static str> {
    Some(match code {
        1 => "illegal-function",
        2 => "illegal-data-address",
        3 => "illegal-data-value",
        4 => "server-device-failure",
        5 => "acknowledge",
        6 => "server-device-busy",
        8 => "memory-parity-error",
        10 => "gateway-path-unavailable",
        11 => "gateway-target-failed-to-respond",
        _ => return None,
    })
}

/// The name of a sub-function of 8 (clause 6.8).
pub(super) const fn diagnostic_name(sub: u16) -> Option<&'static str> {
    Some(match sub {
        0 => "return-query-data",
        1 => "restart-communications",
        2 => "return-diagnostic-register",
        3 => "change-ascii-input-delimiter",
        4 => "force-listen-only-mode",
        10 => "clear-counters",
        11 => "return-bus-message-count",
        12 => "return-bus-communication-error-count",
        13 => "return-bus-exception-error-count",
        14 => "return-server-message-count",
        15 => "return-server-no-response-count",
        16 => "return-server-nak-count",
        17 => "return-server-busy-count",
        18 => "return-bus-character-overrun-count",
        20 => "clear-overrun-counter",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_of_the_policy_language() {
        for (codes, want) in [
            (&[1_u8, 2, 3, 4, 7, 11, 12, 17, 20, 24][..], Some(Verb::Read)),
            (&[5, 6, 15, 16, 21, 22], Some(Verb::Write)),
            (&[90], Some(Verb::Program)),
            (&[0, 9, 10, 13, 14, 18, 19, 25, 42, 44, 65, 127, 128, 255], None),
        ] {
            for code in codes {
                assert_eq!(verb(*code, None), want, "function {code}");
            }
        }
        for (function, sub, want) in [
            (8, 0, Verb::Diagnose),
            (8, 1, Verb::Control),
            (8, 4, Verb::Control),
            (8, 10, Verb::Control),
            (8, 11, Verb::Diagnose),
            (43, 13, Verb::Program),
            (43, 14, Verb::Discover),
        ] {
            assert_eq!(verb(function, Some(sub)), Some(want), "function {function}/{sub}");
        }
    }
}
