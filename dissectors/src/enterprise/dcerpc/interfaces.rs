//! The interfaces of Windows, of distributed COM and of OPC Classic that matter on a ship, and what their calls do.
//!
//! Sources: MS-SCMR 3.1.4 (svcctl), MS-TSCH 3.2.4 and 3.2.5 (atsvc, tasks), MS-RRP 3.1.5 (winreg), MS-RSP (shutdown), MS-SAMR 3.1.5, MS-DRSR 4.1,
//! MS-SRVS 3.1.4, MS-WKST 3.2.4, MS-LSAD 3.1.4, MS-NRPC 3.5.4, MS-RPRN 3.1.4, MS-EVEN, MS-EFSR, MS-WMI 3.1.4, MS-DCOM 1.9; OPC Data Access 2.05.

use std::fmt::Write;

use dogwatch_model::Verb;

use crate::dcerpc::{Order, Uuid};
use crate::reader::Reader;
use crate::text::Text;

/// An interface.
pub(super) type Interface = &'static Described;

/// What is known of an interface.
#[derive(Debug)]
pub(super) struct Described {
    uuid: Uuid,
    pub(super) name: &'static str,
    /// What calls not listed do.
    pub(super) verb: Verb,
    calls: &'static [Known],
}

impl Described {
    /// The call of this number.
    pub(super) fn call(&self, number: u16) -> Option<&'static Known> {
        self.calls.iter().find(|call| call.number == number)
    }
}

/// A call.
#[derive(Debug)]
pub(super) struct Known {
    number: u16,
    pub(super) name: &'static str,
    pub(super) verb: Verb,
    /// Where among the arguments the name of what is made stands.
    pub(super) name_at: Option<NameAt>,
}

/// Where a name stands.
#[derive(Debug, Clone, Copy)]
pub(super) enum NameAt {
    /// Behind so many bytes, as a string.
    Behind(usize),
    /// Behind so many bytes, as a pointer and its string.
    Pointer(usize),
}

const fn call(number: u16, name: &'static str, verb: Verb) -> Known {
    Known { number, name, verb, name_at: None }
}

const fn named(number: u16, name: &'static str, verb: Verb, at: NameAt) -> Known {
    Known { number, name, verb, name_at: Some(at) }
}

/// The interface with this identifier.
pub(super) fn of(uuid: Uuid) -> Option<Interface> {
    INTERFACES.iter().find(|interface| interface.uuid == uuid)
}

/// A conformant and varying string: room, offset, count, letters (C706 clause 14.3.4).
pub(super) fn name(arguments: &[u8], at: NameAt, order: Order) -> Option<Text<96>> {
    let skip = match at {
        NameAt::Behind(skip) => skip,
        NameAt::Pointer(skip) => {
            let mut reader = Reader::new("dcerpc pointer", arguments.get(skip..)?);
            (order.u32(&mut reader).ok()? != 0).then_some(skip.checked_add(4)?)?
        }
    };
    let mut reader = Reader::new("dcerpc string", arguments.get(skip..)?);
    let room = order.u32(&mut reader).ok()?;
    let offset = order.u32(&mut reader).ok()?;
    let count = order.u32(&mut reader).ok()?;
    if offset != 0 || count > room || !(2..=512).contains(&count) {
        return None;
    }
    let letters = reader.take(usize::try_from(count).ok()?.checked_mul(2)?).ok()?;
    let units = letters.as_chunks::<2>().0.iter().map(|unit| match order {
        Order::Little => u16::from_le_bytes(*unit),
        Order::Big => u16::from_be_bytes(*unit),
    });
    let mut text = Text::new();
    for letter in char::decode_utf16(units.take_while(|unit| *unit != 0)) {
        let letter = letter.ok().filter(|letter| !letter.is_control())?;
        let _ = text.write_char(letter);
    }
    (!text.is_empty()).then_some(text)
}

/// The interfaces, the most used first.
const INTERFACES: &[Described] = &[
    Described {
        uuid: Uuid::of(0x367a_bb81_9844_35f1_ad32_98f0_3800_1003),
        name: "svcctl",
        verb: Verb::Read,
        calls: &[
            call(1, "control-service", Verb::Control),
            call(2, "delete-service", Verb::Program),
            call(11, "change-service-config", Verb::Program),
            named(12, "create-service", Verb::Program, NameAt::Behind(20)),
            call(14, "enumerate-services", Verb::Discover),
            call(15, "open-manager", Verb::Discover),
            named(16, "open-service", Verb::Read, NameAt::Behind(20)),
            call(19, "start-service", Verb::Control),
            call(23, "change-service-config", Verb::Program),
            call(24, "create-service", Verb::Program),
            call(27, "open-manager", Verb::Discover),
            call(31, "start-service", Verb::Control),
            call(36, "change-service-config-2", Verb::Program),
            call(37, "change-service-config-2", Verb::Program),
            call(42, "enumerate-services", Verb::Discover),
            call(44, "create-service", Verb::Program),
            named(45, "create-service", Verb::Program, NameAt::Behind(20)),
            call(50, "control-service", Verb::Control),
            call(51, "control-service", Verb::Control),
        ],
    },
    Described {
        uuid: Uuid::of(0x1ff7_0682_0a51_30e8_076d_740b_e8ce_e98b),
        name: "atsvc",
        verb: Verb::Read,
        calls: &[
            call(0, "add-job", Verb::Program),
            call(1, "delete-jobs", Verb::Program),
            call(2, "enumerate-jobs", Verb::Discover),
        ],
    },
    Described {
        uuid: Uuid::of(0x86d3_5949_83c9_4044_b424_db36_3231_fd0c),
        name: "task-scheduler",
        verb: Verb::Read,
        calls: &[
            named(1, "register-task", Verb::Program, NameAt::Pointer(0)),
            call(3, "create-folder", Verb::Program),
            call(12, "run-task", Verb::Control),
            call(13, "delete-task", Verb::Program),
            call(19, "enable-task", Verb::Control),
        ],
    },
    Described {
        uuid: Uuid::of(0x338c_d001_2244_31f1_aaaa_9000_3800_1003),
        name: "winreg",
        verb: Verb::Read,
        calls: &[
            call(6, "create-key", Verb::Write),
            call(7, "delete-key", Verb::Write),
            call(8, "delete-value", Verb::Write),
            call(13, "load-key", Verb::Write),
            call(18, "replace-key", Verb::Write),
            call(19, "restore-key", Verb::Write),
            call(20, "save-key", Verb::Transfer),
            call(22, "set-value", Verb::Write),
            call(24, "initiate-shutdown", Verb::Control),
            call(30, "initiate-shutdown", Verb::Control),
        ],
    },
    Described {
        uuid: Uuid::of(0x894d_e0c0_0d55_11d3_a322_00c0_4fa3_21a1),
        name: "initshutdown",
        verb: Verb::Control,
        calls: &[],
    },
    Described {
        uuid: Uuid::of(0x1234_5778_1234_abcd_ef00_0123_4567_89ac),
        name: "samr",
        verb: Verb::Read,
        calls: &[
            call(6, "enumerate-domains", Verb::Discover),
            call(10, "create-group", Verb::Write),
            call(11, "enumerate-groups", Verb::Discover),
            call(12, "create-user", Verb::Write),
            call(13, "enumerate-users", Verb::Discover),
            call(22, "add-group-member", Verb::Write),
            call(31, "add-alias-member", Verb::Write),
            call(35, "delete-user", Verb::Write),
            call(37, "set-user", Verb::Write),
            call(38, "change-password", Verb::Write),
            call(50, "create-user", Verb::Write),
            call(55, "change-password", Verb::Write),
            call(58, "set-user", Verb::Write),
        ],
    },
    Described {
        uuid: Uuid::of(0xe351_4235_4b06_11d1_ab04_00c0_4fc2_dcd2),
        name: "drsuapi",
        verb: Verb::Read,
        calls: &[
            call(3, "get-changes", Verb::Transfer),
            call(5, "add-replica", Verb::Write),
            call(17, "add-entry", Verb::Write),
        ],
    },
    Described {
        uuid: Uuid::of(0x4b32_4fc8_1670_01d3_1278_5a47_bf6e_e188),
        name: "srvsvc",
        verb: Verb::Discover,
        calls: &[
            call(14, "add-share", Verb::Write),
            call(17, "set-share", Verb::Write),
            call(18, "delete-share", Verb::Write),
            call(22, "set-server", Verb::Write),
        ],
    },
    Described {
        uuid: Uuid::of(0x6bff_d098_a112_3610_9833_46c3_f87e_345a),
        name: "wkssvc",
        verb: Verb::Discover,
        calls: &[
            call(1, "set-workstation", Verb::Write),
            call(22, "join-domain", Verb::Write),
            call(23, "leave-domain", Verb::Write),
        ],
    },
    Described {
        uuid: Uuid::of(0x1234_5778_1234_abcd_ef00_0123_4567_89ab),
        name: "lsarpc",
        verb: Verb::Read,
        calls: &[
            call(10, "create-account", Verb::Write),
            call(16, "create-secret", Verb::Write),
            call(29, "set-secret", Verb::Write),
            call(37, "add-rights", Verb::Write),
        ],
    },
    Described {
        uuid: Uuid::of(0x1234_5678_1234_abcd_ef00_0123_4567_cffb),
        name: "netlogon",
        verb: Verb::Read,
        calls: &[
            call(2, "logon", Verb::Login),
            call(4, "request-challenge", Verb::Login),
            call(15, "authenticate", Verb::Login),
            call(26, "authenticate", Verb::Login),
            call(30, "set-password", Verb::Write),
            call(39, "logon", Verb::Login),
            call(45, "logon", Verb::Login),
        ],
    },
    Described {
        uuid: Uuid::of(0xe1af_8308_5d1f_11c9_91a4_0800_2b14_a0fa),
        name: "epmapper",
        verb: Verb::Discover,
        calls: &[call(0, "insert", Verb::Write), call(1, "delete", Verb::Write)],
    },
    Described {
        uuid: Uuid::of(0x1234_5678_1234_abcd_ef00_0123_4567_89ab),
        name: "spoolss",
        verb: Verb::Transfer,
        calls: &[
            call(0, "enumerate-printers", Verb::Discover),
            call(9, "add-driver", Verb::Program),
            call(10, "enumerate-drivers", Verb::Discover),
            call(65, "notify-of-change", Verb::Read),
            call(89, "add-driver", Verb::Program),
        ],
    },
    Described {
        uuid: Uuid::of(0x8227_3fdc_e32a_18c3_3f78_8279_29dc_23ea),
        name: "eventlog",
        verb: Verb::Read,
        calls: &[call(0, "clear-log", Verb::Write)],
    },
    Described {
        uuid: Uuid::of(0xc681_d488_d850_11d0_8c52_00c0_4fd9_0f7e),
        name: "efsrpc",
        verb: Verb::Read,
        calls: &[],
    },
    Described {
        uuid: Uuid::of(0xdf19_41c5_fe89_4e79_bf10_4636_57ac_f44d),
        name: "efsrpc",
        verb: Verb::Read,
        calls: &[],
    },
    Described {
        uuid: Uuid::of(0x3919_286a_b10c_11d0_9ba8_00c0_4fd9_2ef5),
        name: "dssetup",
        verb: Verb::Discover,
        calls: &[],
    },
    Described {
        uuid: Uuid::of(0x4d9f_4ab8_7d1c_11cf_861e_0020_af6e_7c57),
        name: "dcom-activation",
        verb: Verb::Control,
        calls: &[],
    },
    Described {
        uuid: Uuid::of(0x0000_01a0_0000_0000_c000_0000_0000_0046),
        name: "dcom-activation",
        verb: Verb::Control,
        calls: &[],
    },
    Described {
        uuid: Uuid::of(0x99fc_fec4_5260_101b_bbcb_00aa_0021_347a),
        name: "dcom-oxid",
        verb: Verb::Discover,
        calls: &[],
    },
    Described {
        uuid: Uuid::of(0x0000_0131_0000_0000_c000_0000_0000_0046),
        name: "dcom-unknown",
        verb: Verb::Discover,
        calls: &[],
    },
    Described {
        uuid: Uuid::of(0x0000_0143_0000_0000_c000_0000_0000_0046),
        name: "dcom-unknown",
        verb: Verb::Discover,
        calls: &[],
    },
    Described { uuid: Uuid::of(0xf309_ad18_d86a_11d0_a075_00c0_4fb6_8820), name: "wmi", verb: Verb::Login, calls: &[] },
    Described {
        uuid: Uuid::of(0x9556_dc99_828c_11cf_a37e_00aa_0032_40c7),
        name: "wmi",
        verb: Verb::Read,
        calls: &[
            call(8, "put-class", Verb::Write),
            call(10, "delete-class", Verb::Write),
            call(14, "put-instance", Verb::Write),
            call(16, "delete-instance", Verb::Write),
            call(24, "execute-method", Verb::Program),
            call(25, "execute-method", Verb::Program),
        ],
    },
    Described {
        uuid: Uuid::of(0x39c1_3a4d_011e_11d0_9675_0020_afd8_adb3),
        name: "opc-server",
        verb: Verb::Read,
        calls: &[call(3, "add-group", Verb::Read), call(7, "remove-group", Verb::Read)],
    },
    Described {
        uuid: Uuid::of(0x39c1_3a52_011e_11d0_9675_0020_afd8_adb3),
        name: "opc-sync-io",
        verb: Verb::Read,
        calls: &[call(4, "write", Verb::Write)],
    },
    Described {
        uuid: Uuid::of(0x39c1_3a71_011e_11d0_9675_0020_afd8_adb3),
        name: "opc-async-io",
        verb: Verb::Read,
        calls: &[call(4, "write", Verb::Write)],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_unique() {
        for (at, interface) in INTERFACES.iter().enumerate() {
            assert!(INTERFACES.iter().take(at).all(|other| other.uuid != interface.uuid), "{}", interface.name);
        }
    }

    #[test]
    fn names_are_checked_before_they_are_believed() {
        let right = [&[3, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0][..], b"a\0b\0\0\0"].concat();
        assert_eq!(name(&right, NameAt::Behind(0), Order::Little).unwrap().as_str(), "ab");
        let pointer = [&[1, 0, 0, 0][..], &right].concat();
        assert_eq!(name(&pointer, NameAt::Pointer(0), Order::Little).unwrap().as_str(), "ab");
        assert!(name(&[0; 40], NameAt::Pointer(0), Order::Little).is_none());
        assert!(name(&right[..14], NameAt::Behind(0), Order::Little).is_none());
        assert!(name(&[0xff; 40], NameAt::Behind(0), Order::Little).is_none());
    }
}
