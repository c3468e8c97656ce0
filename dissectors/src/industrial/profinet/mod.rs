//! PROFINET DCP: names and addresses of PROFINET stations, asked for and set.
//!
//! Deliberately not read: cyclic data, alarms and the connection manager.
//!
//! Specification: IEC 61158-6-10, discovery and basic configuration protocol.

use std::net::{IpAddr, Ipv4Addr};

use dogwatch_model::{Act, Attribute, FactValue, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::datagram::DatagramProtocol;
use crate::reader::Reader;
use crate::text::printable;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// PROFINET DCP.
pub(crate) static PROFINET_DCP: DatagramProtocol = DatagramProtocol {
    name: "profinet-dcp",
    hints: &[Hint::EtherType(0x8892)],
    carriers: &[Carrier::Ethernet],
    probe: |head| match head {
        [0xfe, 0xfc..=0xff, 3..=6, 0 | 1 | 5, _, _, _, _, _, _, l0, l1, rest @ ..]
            if usize::from(u16::from_be_bytes([*l0, *l1])) <= rest.len() =>
        {
            Probe::Yes
        }
        _ => Probe::No,
    },
    read,
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

fn read(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let mut reader = Reader::new("profinet dcp", chunk.bytes);
    let frame = reader.be16()?;
    let [service, kind] = reader.array()?;
    let transaction = reader.be32()?;
    let _delay = reader.be16()?;
    let length = reader.be16()?;
    if !matches!(frame, 0xfefc..=0xfeff) {
        return Err(ParseError::Malformed { what: "profinet frame id", at: 0, why: "not discovery" });
    }
    let content = reader.take(length.into())?;
    let is_reply = kind != 0;
    // Answers and hellos put two bytes of information in front of a value, settings two of qualifier.
    let prefix = if is_reply || matches!(service, 4 | 6) { 2 } else { 0 };
    let values = || blocks(content).filter_map(move |(option, sub, value)| Some((option, sub, value.get(prefix..)?)));
    let name = values().find(|(option, sub, _)| (*option, *sub) == (2, 2)).and_then(|(_, _, value)| printable(value));
    let object = name.map_or(Object::Device { unit: None }, Object::Named);
    let mut acts = Acts::new();
    let verb = match service {
        3 => Verb::Read,
        4 => set_verb(content),
        _ => Verb::Discover,
    };
    match (service, is_reply) {
        (6, _) => acts.push(Act::Publishes { object }),
        (_, false) => acts.request(verb, object),
        (_, true) => {
            let refused = service == 4
                && blocks(content).any(|(option, sub, value)| (option, sub) == (5, 4) && value.get(2) != Some(&0));
            acts.reply(verb, object, refused);
        }
    }
    // What a station says of itself; in a request the values are what somebody looks for or wants.
    if (is_reply && matches!(service, 3 | 5)) || service == 6 {
        acts.says_text(Attribute::Name, name, 90, "dcp.name");
        for (option, sub, value) in values() {
            match (option, sub, value) {
                (2, 1, text) => acts.says_text(Attribute::Model, printable(text), 90, "dcp.type"),
                (1, 2, [a, b, c, d, ..]) if [*a, *b, *c, *d] != [0; 4] => {
                    let ip = FactValue::Ip(IpAddr::V4(Ipv4Addr::new(*a, *b, *c, *d)));
                    acts.says(Attribute::IpAddress, ip, 90, "dcp.ip");
                }
                _ => {}
            }
        }
    }
    let fields = Shown(|visit| {
        visit.number("frame_id", frame);
        visit.number("service_id", service);
        visit.number("service_type", kind);
        visit.number("xid", transaction);
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
    emit.message(if is_reply { "response" } else { "request" }, &mut acts, &fields);
    Ok(())
}

/// Setting a name or address changes configuration; factory reset and the blinking signal are control.
fn set_verb(content: &[u8]) -> Verb {
    let is_control = blocks(content).any(|(option, sub, _)| option == 5 && matches!(sub, 3 | 5 | 6));
    if is_control { Verb::Control } else { Verb::Program }
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
            ("set name", "fefd 04 00 01000002 0000 000a 0202 0006 0001 706c6331", &["request program plc1"]),
            ("factory reset", "fefd 04 00 01000002 0000 0006 0506 0002 0000", &["request control device"]),
        ] {
            let heard = datagram(&PROFINET_DCP, Carrier::Ethernet, 0, &hex(bytes));
            assert_eq!(heard.errors, [], "{name}");
            assert_eq!(heard.seen[0].acts, want, "{name}");
            assert_eq!(PROFINET_DCP.probe(Carrier::Ethernet, Direction::ToServer, &hex(bytes)), Probe::Yes, "{name}");
        }
        assert_eq!(PROFINET_DCP.probe(Carrier::Ethernet, Direction::ToServer, &hex("8000 0000 0000")), Probe::No);
    }
}
