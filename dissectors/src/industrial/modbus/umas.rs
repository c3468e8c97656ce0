//! Schneider's UMAS in function 90: what its codes do.
//!
//! There is no public specification; codes as published by reverse engineers and as in the project's table of operations. Only codes that
//! change a controller, and the plain readers around them, are told apart; any other code counts as programming, which is what function 90 is for.

use dogwatch_model::Verb;

/// Reply code: done.
pub(super) const DONE: u16 = 0xfe;
/// Reply code: refused.
pub(super) const REFUSED: u16 = 0xfd;
/// Read the identity of the controller.
pub(super) const READ_ID: u16 = 0x02;

/// Names of the two operations whose answers say who the controller is.
pub(super) const READ_ID_NAME: &str = "umas.read-id";
pub(super) const PROJECT_NAME: &str = "umas.read-project-info";

/// What a code does and its name as an object.
pub(super) const fn operation(code: u16) -> (Verb, &'static str) {
    match code {
        0x01 => (Verb::Diagnose, "umas.initialise"),
        READ_ID => (Verb::Discover, READ_ID_NAME),
        0x03 => (Verb::Discover, PROJECT_NAME),
        0x04 => (Verb::Diagnose, "umas.read-plc-status"),
        0x05 | 0x06 => (Verb::Diagnose, "umas.read-card-info"),
        0x0a => (Verb::Diagnose, "umas.repeat"),
        0x10 => (Verb::Control, "umas.take-reservation"),
        0x11 => (Verb::Control, "umas.release-reservation"),
        0x12 => (Verb::Diagnose, "umas.keep-alive"),
        0x20 => (Verb::Read, "umas.read-memory"),
        0x22 => (Verb::Read, "umas.read-variables"),
        0x23 => (Verb::Write, "umas.write-variables"),
        0x24 => (Verb::Read, "umas.read-coils-registers"),
        0x25 => (Verb::Write, "umas.write-coils-registers"),
        0x30 => (Verb::Program, "umas.begin-transfer-to-plc"),
        0x31 => (Verb::Program, "umas.transfer-block-to-plc"),
        0x32 => (Verb::Program, "umas.end-transfer-to-plc"),
        0x33 => (Verb::Transfer, "umas.begin-transfer-from-plc"),
        0x34 => (Verb::Transfer, "umas.transfer-block-from-plc"),
        0x35 => (Verb::Transfer, "umas.end-transfer-from-plc"),
        0x39 => (Verb::Read, "umas.read-ethernet-data"),
        0x40 => (Verb::Control, "umas.start-plc"),
        0x41 => (Verb::Control, "umas.stop-plc"),
        0x50 => (Verb::Read, "umas.monitor"),
        0x58 => (Verb::Diagnose, "umas.check-plc"),
        0x73 => (Verb::Diagnose, "umas.module-status"),
        0x70 => (Verb::Read, "umas.read-io"),
        0x71 => (Verb::Write, "umas.write-io"),
        _ => (Verb::Program, "umas"),
    }
}

/// The model text in the reply to [`READ_ID`]: 22 bytes of numbers, a length, the text.
pub(super) fn model(data: &[u8]) -> Option<&str> {
    let (len, rest) = data.get(22..)?.split_first()?;
    crate::text::printable(rest.get(..usize::from(*len))?)
}

/// The name of the project in the reply to the project information: 38 bytes of versions and times, a length, the text.
pub(super) fn project(data: &[u8]) -> Option<&str> {
    let (len, rest) = data.get(38..)?.split_first()?;
    crate::text::printable(rest.get(..usize::from(*len))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_that_change_a_controller() {
        for (code, verb) in [
            (0x23, Verb::Write),
            (0x25, Verb::Write),
            (0x71, Verb::Write),
            (0x40, Verb::Control),
            (0x41, Verb::Control),
            (0x10, Verb::Control),
            (0x31, Verb::Program),
            (0x34, Verb::Transfer),
            (0x99, Verb::Program),
        ] {
            assert_eq!(operation(code).0, verb, "{code:#x}");
        }
    }

    #[test]
    fn model_text_needs_its_whole_length() {
        let mut data = vec![0_u8; 22];
        data.extend_from_slice(b"\x0e140 CPU 651 60");
        assert_eq!(model(&data), Some("140 CPU 651 60"));
        assert_eq!(model(&data[..30]), None);
        assert_eq!(model(&[]), None);
        let mut data = vec![0_u8; 38];
        data.extend_from_slice(b"\x05Aft1\0");
        assert_eq!(project(&data), Some("Aft1"));
        assert_eq!(project(&data[..40]), None);
    }
}
