//! HSRP: which Cisco router answers for a shared address. The password of versions 1 and 2 goes in clear, and everybody knows the default.
//!
//! Deliberately not kept: the password. Specification: RFC 2281 clause 5; version 2 as published by Cisco and read by others.

use std::net::{IpAddr, Ipv4Addr};

use dogwatch_model::{Act, Attribute, FactValue, Mac, Object, oddity};

use crate::acts::{Acts, Emit, Shown};
use crate::datagram::DatagramProtocol;
use crate::reader::Reader;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// HSRP.
pub(crate) static HSRP: DatagramProtocol = DatagramProtocol {
    name: "hsrp",
    hints: &[Hint::Udp(1985), Hint::Udp(2029)],
    carriers: &[Carrier::Udp],
    probe,
    read,
};

/// Bytes of version 1.
const LENGTH_1: usize = 20;

/// Version 1: known operation and state, sensible times. Version 2: a group state among parts that fill the datagram.
fn probe(head: &[u8]) -> Probe {
    let first = |head: &[u8]| {
        matches!(head, [0, 0..=2, 0 | 1 | 2 | 4 | 8 | 16, hello, hold, _, _, 0, ..] if *hello >= 1 && hold > hello)
            && head.len() == LENGTH_1
            && head.get(8..16).is_some_and(|word| {
                let end = word.iter().position(|byte| *byte == 0).unwrap_or(word.len());
                let (text, rest) = word.split_at(end);
                !text.is_empty() && text.iter().all(u8::is_ascii_graphic) && rest.iter().all(|byte| *byte == 0)
            })
    };
    // Interface states alone are six small bytes: too little to go by.
    if first(head) || matches!(parts(head), Some(Some(_))) { Probe::Yes } else { Probe::No }
}

/// The group state of version 2, when known parts fill the datagram and one of them tells of states of groups or interfaces.
fn parts(bytes: &[u8]) -> Option<Option<&[u8]>> {
    let mut reader = Reader::new("hsrp", bytes);
    let mut state = None;
    let mut known = false;
    while !reader.is_empty() {
        let [kind, length] = reader.array().ok()?;
        let content = reader.take(length.into()).ok()?;
        match (kind, length) {
            (1, 40) if content.first() == Some(&2) => {
                state = Some(content);
                known = true;
            }
            // Interface states: how many groups are active and passive.
            (2, 4) => known = matches!(content, [_, a, _, b] if *a < 64 && *b < 64) || known,
            (3, 8) | (4, 28) => {}
            _ => return None,
        }
    }
    known.then_some(state)
}

fn read(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    if chunk.bytes.first() != Some(&0) {
        return second(chunk.bytes, emit);
    }
    let mut reader = Reader::new("hsrp", chunk.bytes);
    let [version, operation, state, hello, hold, priority, group, _] = reader.array()?;
    let word = reader.array::<8>()?;
    let address = Ipv4Addr::from(reader.array::<4>()?);
    let mut acts = told();
    acts.odd("clear-text-credentials");
    if word == *b"cisco\0\0\0" {
        acts.odd(oddity::DEFAULT_PASSWORD);
    }
    let fields = Shown(|visit| {
        visit.number("version", version);
        visit.number("opcode", operation);
        visit.number("state", state);
        visit.number("hellotime", hello);
        visit.number("holdtime", hold);
        visit.number("priority", priority);
        visit.number("group", group);
        visit.shown("virt_ip", address);
    });
    emit.message(name(operation), &mut acts, &fields);
    Ok(())
}

const fn name(operation: u8) -> &'static str {
    match operation {
        0 => "hello",
        1 => "coup",
        2 => "resign",
        _ => "other",
    }
}

fn told<'a>() -> Acts<'a> {
    let mut acts = Acts::new();
    acts.push(Act::Publishes { object: Object::Named("virtual-router") });
    acts.says(Attribute::DeviceClass, FactValue::Text("router"), 60, "hsrp.hello");
    acts.says(Attribute::Manufacturer, FactValue::Text("Cisco"), 50, "hsrp.hello");
    acts
}

fn second(bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let state = parts(bytes).ok_or(ParseError::Malformed { what: "hsrp", at: 0, why: "parts do not fill it" })?;
    let mut acts = told();
    let Some(state) = state else {
        emit.message("interface-state", &mut acts, &dogwatch_model::NoFields);
        return Ok(());
    };
    let mut reader = Reader::new("hsrp group", state);
    let [_version, operation, state, family] = reader.array()?;
    let group = reader.be16()?;
    let identifier = Mac(reader.array()?);
    let priority = reader.be32()?;
    let _times = reader.take(8)?;
    let address = if family == 6 { IpAddr::from(reader.array::<16>()?) } else { IpAddr::from(reader.array::<4>()?) };
    let fields = Shown(|visit| {
        visit.number("opcode2", operation);
        visit.number("state2", state);
        visit.number("group2", group);
        visit.shown("identifier", identifier);
        visit.number("priority2", priority);
        visit.shown("virt_ip2", address);
    });
    emit.message(name(operation), &mut acts, &fields);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{datagram, hex};
    use dogwatch_model::Direction::ToServer;

    #[test]
    fn the_default_password() {
        let bytes = hex("00 00 10 03 0a 5a 0a 00 636973636f000000 0a1ca8fe");
        assert_eq!(HSRP.probe(Carrier::Udp, ToServer, &bytes), Probe::Yes);
        let seen = &datagram(&HSRP, Carrier::Udp, 1985, &bytes).seen[0];
        assert_eq!(seen.acts[3..], ["odd clear-text-credentials", "odd default-password"]);
        assert_eq!((seen.field("priority"), seen.field("virt_ip")), ("90".into(), "10.28.168.254".into()));
        assert!(!seen.fields.to_string().contains("cisco"));
    }

    #[test]
    fn version_2() {
        let group =
            format!("01 28 02 00 06 04 0010 020000000001 00000069 00002710 00004e20 0a000001 {}", "00".repeat(12));
        let seen = &datagram(&HSRP, Carrier::Udp, 1985, &hex(&group)).seen[0];
        assert_eq!((seen.field("group2"), seen.field("virt_ip2")), ("16".into(), "10.0.0.1".into()));
        for (bytes, want) in [
            (group.as_str(), Probe::Yes),
            ("02 04 0000 0001", Probe::No),
            ("02 04 0000", Probe::No),
            ("03 08 0000000000000000", Probe::No),
            ("", Probe::No),
        ] {
            assert_eq!(HSRP.probe(Carrier::Udp, ToServer, &hex(bytes)), want, "{bytes}");
        }
    }
}
