//! PROFINET DCP: names and addresses of PROFINET stations, asked for and set.
//!
//! Deliberately not read: options of makers.
//!
//! Specification: IEC 61158-6-10, discovery and basic configuration protocol.

use std::net::{IpAddr, Ipv4Addr};

use dogwatch_model::{Act, Attribute, FactValue, Object, Verb};

use super::blocks::vendor_name;
use super::rt;
use crate::acts::{Acts, Emit, Shown};
use crate::datagram::DatagramProtocol;
use crate::reader::Reader;
use crate::text::{Text, printable};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// The name under which DCP is told.
pub(super) const NAME: &str = "profinet-dcp";
/// EtherType of all PROFINET frames.
pub(super) const ETHER_TYPE: u16 = 0x8892;
const GET: u8 = 3;
const SET: u8 = 4;
const IDENTIFY: u8 = 5;
const HELLO: u8 = 6;
/// Settings of one frame that are told.
const MOST_SETTINGS: usize = 8;

/// PROFINET DCP.
pub(crate) static PROFINET_DCP: DatagramProtocol = DatagramProtocol {
    name: NAME,
    hints: &[Hint::EtherType(ETHER_TYPE)],
    carriers: &[Carrier::Ethernet],
    probe: |head| match head {
        [0xfe, 0xfc..=0xff, 3..=6, 0 | 1 | 5, _, _, _, _, _, _, l0, l1, rest @ ..]
            if usize::from(u16::from_be_bytes([*l0, *l1])) <= rest.len() =>
        {
            Probe::Yes
        }
        _ => Probe::No,
    },
    read: |chunk, emit| {
        if is_dcp(chunk.bytes) {
            return read(chunk, emit);
        }
        rt::read(chunk, &mut emit.under(rt::NAME))
    },
};

/// One block: option, sub-option and content, filled up to an even length.
fn blocks(bytes: &[u8]) -> impl Iterator<Item = (u8, u8, &[u8])> {
    let mut reader = Reader::new("dcp block", bytes);
    std::iter::from_fn(move || {
        let [option, sub] = reader.array().ok()?;
        let length = usize::from(reader.be16().ok()?);
        let content = reader.take(length).ok()?;
        let _padding = reader.take(length % 2);
        Some((option, sub, content))
    })
}

/// Whether a frame is discovery or configuration.
pub(super) const fn is_dcp(bytes: &[u8]) -> bool {
    matches!(bytes, [0xfe, 0xfc..=0xff, ..])
}

/// What a setting sets, as object: each block is one.
fn setting(option: u8, sub: u8, value: &[u8]) -> Option<(Verb, Text<280>)> {
    Some(match (option, sub, value) {
        (1, 1 | 2, [a, b, c, d, ..]) => (Verb::Program, Text::of(format_args!("dcp.ip {a}.{b}.{c}.{d}"))),
        (2, 2, name) => (Verb::Program, Text::of(format_args!("dcp.name {}", printable(name).unwrap_or("(none)")))),
        (3, _, _) => (Verb::Program, Text::of(format_args!("dcp.dhcp"))),
        (5, 1 | 2, _) => return None,
        // It blinks, so that a person sees which one it is.
        (5, 3, _) => (Verb::Discover, Text::of(format_args!("dcp.signal"))),
        (5, 5 | 6, _) => (Verb::Control, Text::of(format_args!("dcp.factory-reset"))),
        _ => (Verb::Program, Text::of(format_args!("dcp.option {option}/{sub}"))),
    })
}

/// What the answer to a setting says of each block: option, sub-option, error.
fn answered(option: u8, sub: u8, value: &[u8]) -> Option<(u8, u8, u8)> {
    match (option, sub, value) {
        (5, 4, [option, sub, error, ..]) => Some((*option, *sub, *error)),
        _ => None,
    }
}

/// The role of a station (clause 4.3.1.4, DeviceRoleDetails): bits of which a station may have several.
fn role(bits: u8) -> Text<64> {
    use std::fmt::Write;
    let mut text = Text::new();
    for (bit, name) in [(1, "io-device"), (2, "io-controller"), (4, "io-multidevice"), (8, "supervisor")] {
        if bits & bit != 0 {
            let _ = write!(text, "{name} ");
        }
    }
    let _ = write!(text, "({bits:#04x})");
    text
}

/// Texts made of numbers, which facts borrow.
#[derive(Default)]
struct Made {
    vendor: Option<Text<16>>,
    device: Option<Text<16>>,
    role: Option<Text<64>>,
}

impl Made {
    fn of<'a>(values: impl Iterator<Item = (u8, u8, &'a [u8])>) -> Self {
        let mut made = Self::default();
        for (option, sub, value) in values {
            match (option, sub, value) {
                (2, 3, [v0, v1, d0, d1]) => {
                    made.vendor = Some(Text::of(format_args!("{:#06x}", u16::from_be_bytes([*v0, *v1]))));
                    made.device = Some(Text::of(format_args!("{:#06x}", u16::from_be_bytes([*d0, *d1]))));
                }
                (2, 4, [bits, ..]) => made.role = Some(role(*bits)),
                _ => {}
            }
        }
        made
    }
}

/// Reads one frame.
pub(super) fn read(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let mut reader = Reader::new("profinet dcp", chunk.bytes);
    let frame = reader.be16()?;
    let [service, kind] = reader.array()?;
    let transaction = reader.be32()?;
    let _delay = reader.be16()?;
    let length = reader.be16()?;
    let content = reader.take(length.into())?;
    let is_reply = kind & 3 != 0;
    // Answers and hellos put two bytes of information in front of a value, settings two of qualifier.
    let prefix = if is_reply || matches!(service, SET | HELLO) { 2 } else { 0 };
    let values = || blocks(content).filter_map(move |(option, sub, value)| Some((option, sub, value.get(prefix..)?)));
    let name = values().find(|(option, sub, _)| (*option, *sub) == (2, 2)).and_then(|(_, _, value)| printable(value));
    let object = name.map_or(Object::Device { unit: None }, Object::Named);
    let mut settings = [const { None::<(Verb, Text<280>)> }; MOST_SETTINGS];
    let mut errors = [const { None::<(u8, u8, u8)> }; MOST_SETTINGS];
    if service == SET && !is_reply {
        let known = values().filter_map(|(option, sub, value)| setting(option, sub, value));
        settings.iter_mut().zip(known).for_each(|(slot, known)| *slot = Some(known));
    } else if service == SET {
        let known = blocks(content).filter_map(|(option, sub, value)| answered(option, sub, value));
        // What was set is named by its option; the ends of the transaction are named, too, and change nothing.
        errors.iter_mut().zip(known).for_each(|(slot, known)| *slot = Some(known));
        let named = errors.iter().flatten().filter_map(|(option, sub, _)| setting(*option, *sub, &[]));
        settings.iter_mut().zip(named).for_each(|(slot, named)| *slot = Some(named));
    }
    let mut acts = Acts::new();
    let refused = errors.iter().flatten().any(|(_, _, error)| *error != 0) || kind & 4 != 0;
    match (service, is_reply) {
        (HELLO, _) => acts.push(Act::Publishes { object }),
        (SET, _) => {
            for (verb, what) in settings.iter().flatten() {
                let (verb, object) = (*verb, Object::Named(what.as_str()));
                if is_reply { acts.reply(verb, object, refused) } else { acts.request(verb, object) }
            }
        }
        (_, false) => acts.request(if service == GET { Verb::Read } else { Verb::Discover }, object),
        (_, true) => acts.reply(if service == GET { Verb::Read } else { Verb::Discover }, object, refused),
    }
    let made = Made::of(values());
    // What a station says of itself; in a request the values are what somebody looks for or wants.
    if (is_reply && matches!(service, GET | IDENTIFY)) || service == HELLO {
        facts(&mut acts, name, &made, values());
    }
    let fields = Shown(|visit| {
        visit.number("frame_id", frame);
        visit.number("service_id", service);
        visit.number("service_type", kind);
        visit.number("xid", transaction);
        visit.numbers("option", blocks(content).map(|(option, ..)| option));
        visit.maybe_text("nameofstation", name);
        for (option, sub, value) in values() {
            match (option, sub, value) {
                (2, 1, text) => visit.maybe_text("device_type", printable(text)),
                (2, 3, [v0, v1, d0, d1]) => {
                    visit.number("vendor_id", u16::from_be_bytes([*v0, *v1]));
                    visit.number("device_id", u16::from_be_bytes([*d0, *d1]));
                }
                (1, 2, [a, b, c, d, ..]) => visit.shown("ip", Ipv4Addr::new(*a, *b, *c, *d)),
                _ => {}
            }
        }
    });
    let kind = match (service, is_reply) {
        (HELLO, _) => "hello",
        (_, false) => "request",
        (_, true) => "response",
    };
    emit.function(service).message(kind, &mut acts, &fields);
    Ok(())
}

fn facts<'a>(
    acts: &mut Acts<'a>,
    name: Option<&'a str>,
    made: &'a Made,
    values: impl Iterator<Item = (u8, u8, &'a [u8])>,
) {
    acts.says_text(Attribute::Name, name, 90, "dcp.name");
    for (option, sub, value) in values {
        match (option, sub, value) {
            (2, 1, text) => acts.says_text(Attribute::Model, printable(text), 90, "dcp.type"),
            (2, 3, [v0, v1, ..]) => {
                acts.says_text(
                    Attribute::Manufacturer,
                    vendor_name(u16::from_be_bytes([*v0, *v1])),
                    85,
                    "dcp.device-id",
                );
            }
            (1, 2, [a, b, c, d, ..]) if [*a, *b, *c, *d] != [0; 4] => {
                let ip = FactValue::Ip(IpAddr::V4(Ipv4Addr::new(*a, *b, *c, *d)));
                acts.says(Attribute::IpAddress, ip, 90, "dcp.ip");
            }
            _ => {}
        }
    }
    acts.says_text(Attribute::VendorId, made.vendor.as_ref().map(Text::as_str), 90, "dcp.device-id");
    acts.says_text(Attribute::DeviceTypeId, made.device.as_ref().map(Text::as_str), 90, "dcp.device-id");
    acts.says_text(Attribute::StatedRole, made.role.as_ref().map(Text::as_str), 90, "dcp.role");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{datagram, hex};
    use dogwatch_model::Direction;

    #[test]
    fn stations_and_settings() {
        for (name, bytes, want) in [
            ("identify all", "fefe 05 00 01000001 0080 0004 ffff 0000", &["request discover device"][..]),
            (
                "answer",
                "feff 05 01 01000001 0000 001c 0202 0006 0000 706c6331 0102 000e 0000 0a000009 ffffff00 00000000",
                &["reply discover plc1", "says name=plc1 (dcp.name)", "says ip_address=10.0.0.9 (dcp.ip)"],
            ),
            (
                "who it is",
                "feff 05 01 01000001 0000 0012 0203 0006 0000 002a 0101 0204 0004 0000 02 00",
                &[
                    "reply discover device",
                    "says manufacturer=Siemens (dcp.device-id)",
                    "says vendor_id=0x002a (dcp.device-id)",
                    "says device_type_id=0x0101 (dcp.device-id)",
                    "says stated_role=io-controller (0x02) (dcp.role)",
                ],
            ),
            ("set name", "fefd 04 00 01000002 0000 000a 0202 0006 0001 706c6331", &["request program dcp.name plc1"]),
            (
                "set address and end",
                "fefd 04 00 01000002 0000 0018 0102 000e 0001 0a000007 ffffff00 00000000 0502 0002 0001",
                &["request program dcp.ip 10.0.0.7"],
            ),
            ("blink", "fefd 04 00 01000002 0000 0008 0503 0004 0000 0100", &["request discover dcp.signal"]),
            ("done", "fefd 04 01 01000002 0000 0008 0504 0003 0506 00 00", &["reply control dcp.factory-reset"]),
            ("not done", "fefd 04 01 01000002 0000 0008 0504 0003 0202 05 00", &["refusal program dcp.name (none)"]),
            ("factory reset", "fefd 04 00 01000002 0000 0006 0506 0002 0000", &["request control dcp.factory-reset"]),
        ] {
            let heard = datagram(&PROFINET_DCP, Carrier::Ethernet, 0, &hex(bytes));
            assert_eq!(heard.errors, [], "{name}");
            assert_eq!(heard.seen[0].acts, want, "{name}");
            assert_eq!(PROFINET_DCP.probe(Carrier::Ethernet, Direction::ToServer, &hex(bytes)), Probe::Yes, "{name}");
        }
        assert_eq!(PROFINET_DCP.probe(Carrier::Ethernet, Direction::ToServer, &hex("8000 0000 0000")), Probe::No);
    }
}
