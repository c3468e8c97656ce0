//! Services and object types by number (ANSI/ASHRAE 135-2020 clause 21).

use dogwatch_model::Verb;

/// What a confirmed service does.
pub(super) const fn service_verb(service: u8) -> Option<Verb> {
    Some(match service {
        // AddListElement, RemoveListElement, WriteProperty, WritePropertyMultiple, alarm acknowledgement
        8 | 9 | 15 | 16 | 0 => Verb::Write,
        // SubscribeCOV, ReadProperty, ReadPropertyMultiple, ReadRange, SubscribeCOVProperty, event and alarm summaries
        3..=5 | 12 | 14 | 26 | 28 | 29 => Verb::Read,
        6 => Verb::Transfer,
        // AtomicWriteFile, CreateObject, DeleteObject
        7 | 10 | 11 => Verb::Program,
        // DeviceCommunicationControl, ReinitializeDevice, LifeSafetyOperation, private transfer stays out
        17 | 20 | 27 => Verb::Control,
        // Virtual terminal
        21..=23 => Verb::Login,
        _ => return None,
    })
}

/// What an unconfirmed service does; announcements have no verb.
pub(super) const fn unconfirmed_verb(service: u8) -> Option<Verb> {
    Some(match service {
        7 | 8 => Verb::Discover,
        // Time synchronisation sets a clock; WriteGroup
        6 | 9 | 10 => Verb::Write,
        _ => return None,
    })
}

/// Whether a verb changes something.
pub(super) const fn is_write_like(verb: Verb) -> bool {
    matches!(verb, Verb::Write | Verb::Control | Verb::Program)
}

/// The name of an object type.
pub(super) const fn object_type(kind: u32) -> Option<&'static str> {
    Some(match kind {
        0 => "analog-input",
        1 => "analog-output",
        2 => "analog-value",
        3 => "binary-input",
        4 => "binary-output",
        5 => "binary-value",
        6 => "calendar",
        7 => "command",
        8 => "device",
        9 => "event-enrollment",
        10 => "file",
        11 => "group",
        12 => "loop",
        13 => "multi-state-input",
        14 => "multi-state-output",
        15 => "notification-class",
        16 => "program",
        17 => "schedule",
        18 => "averaging",
        19 => "multi-state-value",
        20 => "trend-log",
        21 => "life-safety-point",
        22 => "life-safety-zone",
        _ => return None,
    })
}
