//! What ADS commands, index groups and states mean.
//!
//! Source: Beckhoff Information System, "ADS specification" and the constants of the public TwinCAT ADS library (`AdsDef.h`, `TcAdsDef.h`).

use dogwatch_model::Verb;

/// Port of the TwinCAT system service, which holds routes, files and the state of the whole device.
pub(super) const SYSTEM_SERVICE: u16 = 10_000;

pub(super) const READ_DEVICE_INFO: u16 = 1;
pub(super) const READ: u16 = 2;
pub(super) const WRITE: u16 = 3;
pub(super) const READ_STATE: u16 = 4;
pub(super) const WRITE_CONTROL: u16 = 5;
pub(super) const ADD_NOTIFICATION: u16 = 6;
pub(super) const DELETE_NOTIFICATION: u16 = 7;
pub(super) const NOTIFICATION: u16 = 8;
pub(super) const READ_WRITE: u16 = 9;

/// Symbol name in, handle out.
pub(super) const HANDLE_BY_NAME: u32 = 0xf003;
/// Value by symbol name.
pub(super) const VALUE_BY_NAME: u32 = 0xf004;
/// Value by handle.
pub(super) const VALUE_BY_HANDLE: u32 = 0xf005;

/// The name of a command.
pub(super) const fn command_name(command: u16) -> Option<&'static str> {
    Some(match command {
        READ_DEVICE_INFO => "read-device-info",
        READ => "read",
        WRITE => "write",
        READ_STATE => "read-state",
        WRITE_CONTROL => "write-control",
        ADD_NOTIFICATION => "add-notification",
        DELETE_NOTIFICATION => "delete-notification",
        NOTIFICATION => "notification",
        READ_WRITE => "read-write",
        _ => return None,
    })
}

/// The name of a state (`ADSSTATE`).
pub(super) const fn state_name(state: u16) -> Option<&'static str> {
    Some(match state {
        1 => "idle",
        2 => "reset",
        3 => "init",
        4 => "start",
        5 => "run",
        6 => "stop",
        7 => "save-config",
        8 => "load-config",
        9 => "power-failure",
        10 => "power-good",
        11 => "error",
        12 => "shutdown",
        13 => "suspend",
        14 => "resume",
        15 => "config",
        16 => "reconfig",
        _ => return None,
    })
}

/// What the system service does for an index group, in decimal as Beckhoff counts them: routes, files, registry, processes.
const fn system_service(group: u32) -> Option<(Verb, &'static str)> {
    Some(match group {
        110 | 120 => (Verb::Transfer, "ads.open-file"),
        111 | 121 => (Verb::Transfer, "ads.close-file"),
        112 | 122 => (Verb::Transfer, "ads.read-file"),
        113 | 123 => (Verb::Program, "ads.write-file"),
        114..=119 | 124..=130 => (Verb::Transfer, "ads.file"),
        131 => (Verb::Program, "ads.delete-file"),
        132 => (Verb::Program, "ads.rename-file"),
        133 => (Verb::Discover, "ads.find-file"),
        138 => (Verb::Program, "ads.make-directory"),
        139 => (Verb::Program, "ads.remove-directory"),
        200 => (Verb::Program, "ads.registry"),
        400 => (Verb::Read, "ads.time"),
        500 => (Verb::Control, "ads.start-process"),
        600 => (Verb::Program, "ads.change-net-id"),
        801 => (Verb::Program, "ads.add-route"),
        802 => (Verb::Program, "ads.delete-route"),
        803 => (Verb::Discover, "ads.list-routes"),
        _ => return None,
    })
}

/// What a command does to an index group of a port, and the name of the operation where it has one of its own.
pub(super) const fn operation(command: u16, port: u16, group: u32) -> Option<(Verb, Option<&'static str>)> {
    if port == SYSTEM_SERVICE
        && let READ | WRITE | READ_WRITE = command
        && let Some((verb, name)) = system_service(group)
    {
        // Reading changes nothing; of the registry a value is read by writing its name.
        let reads = command == READ || (command == READ_WRITE && group == 200);
        let verb = if reads && matches!(verb, Verb::Program) { Verb::Read } else { verb };
        return Some((verb, Some(name)));
    }
    Some(match command {
        READ_DEVICE_INFO => (Verb::Discover, None),
        READ_STATE => (Verb::Diagnose, None),
        WRITE_CONTROL => (Verb::Control, None),
        READ | ADD_NOTIFICATION | DELETE_NOTIFICATION => match group {
            // Symbol table: size, names, types, versions.
            0xf000..=0xf002 | 0xf007..=0xf00f => (Verb::Discover, None),
            _ => (Verb::Read, None),
        },
        READ_WRITE => match group {
            0xf000..=0xf002 | 0xf007..=0xf00f => (Verb::Discover, None),
            // What is written is only the name asked for; 0xf080 and 0xf083 are many reads at once.
            HANDLE_BY_NAME | VALUE_BY_NAME | 0xf080 | 0xf083 | 0xf084 => (Verb::Read, None),
            _ => (Verb::Write, None),
        },
        // Giving a handle back changes no value.
        WRITE if group == 0xf006 => (Verb::Read, None),
        WRITE => (Verb::Write, None),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_commands_do() {
        for (name, command, port, group, want) in [
            ("write by handle", WRITE, 851, VALUE_BY_HANDLE, Some((Verb::Write, None))),
            ("handle by name", READ_WRITE, 851, HANDLE_BY_NAME, Some((Verb::Read, None))),
            ("release handle", WRITE, 851, 0xf006, Some((Verb::Read, None))),
            ("sum write", READ_WRITE, 851, 0xf081, Some((Verb::Write, None))),
            ("symbols", READ, 801, 0xf00b, Some((Verb::Discover, None))),
            ("stop", WRITE_CONTROL, SYSTEM_SERVICE, 0, Some((Verb::Control, None))),
            ("add route", WRITE, SYSTEM_SERVICE, 801, Some((Verb::Program, Some("ads.add-route")))),
            ("list routes", READ, SYSTEM_SERVICE, 803, Some((Verb::Discover, Some("ads.list-routes")))),
            ("registry value", READ_WRITE, SYSTEM_SERVICE, 200, Some((Verb::Read, Some("ads.registry")))),
            ("registry change", WRITE, SYSTEM_SERVICE, 200, Some((Verb::Program, Some("ads.registry")))),
            ("801 of a controller is memory", WRITE, 851, 801, Some((Verb::Write, None))),
            ("write file", READ_WRITE, SYSTEM_SERVICE, 123, Some((Verb::Program, Some("ads.write-file")))),
            ("unknown", 77, 851, 0, None),
        ] {
            assert_eq!(operation(command, port, group), want, "{name}");
        }
    }
}
