//! Ubiquiti discovery: radios, access points and cameras tell who they are.
//!
//! Source: published descriptions of the format (no specification). Deliberately not read: keys of pairing.

use std::net::{IpAddr, Ipv4Addr};

use dogwatch_model::{Act, Attribute, FactValue, Mac, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::datagram::DatagramProtocol;
use crate::reader::Reader;
use crate::text::printable;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// Ubiquiti discovery.
pub(crate) static UBNT: DatagramProtocol = DatagramProtocol {
    name: "ubnt",
    hints: &[Hint::Udp(10_001)],
    carriers: &[Carrier::Udp],
    probe: |head| match parse(head) {
        Some(told) if told.mac.is_some() => Probe::Yes,
        _ => Probe::No,
    },
    read,
};

/// What a device tells.
#[derive(Default)]
struct Told<'a> {
    mac: Option<Mac>,
    address: Option<Ipv4Addr>,
    firmware: Option<&'a str>,
    name: Option<&'a str>,
    model: Option<&'a str>,
    platform: Option<&'a str>,
}

/// Version, command, length, and parts that fill it.
fn parse(bytes: &[u8]) -> Option<Told<'_>> {
    let mut reader = Reader::new("ubnt", bytes);
    let [1 | 2, 0 | 6 | 9 | 11, h, l] = reader.array().ok()? else { return None };
    if usize::from(u16::from_be_bytes([h, l])) != reader.rest().len() {
        return None;
    }
    let mut told = Told::default();
    while !reader.is_empty() {
        let kind = reader.u8().ok()?;
        let length = reader.be16().ok()?;
        let content = reader.take(length.into()).ok()?;
        match kind {
            1 => told.mac = Some(Mac(content.try_into().ok()?)),
            2 => {
                let (mac, address) = content.split_first_chunk::<6>()?;
                told.mac = told.mac.or(Some(Mac(*mac)));
                told.address = Some(Ipv4Addr::from(*address.first_chunk::<4>()?));
            }
            3 => told.firmware = printable(content),
            11 => told.name = printable(content),
            12 => told.platform = printable(content),
            20 | 21 => told.model = printable(content),
            _ => {}
        }
    }
    Some(told)
}

fn read(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let told = parse(chunk.bytes).ok_or(ParseError::Malformed { what: "ubnt", at: 0, why: "parts do not fill it" })?;
    let mut acts = Acts::new();
    let object = Object::Device { unit: None };
    if told.mac.is_none() {
        acts.request(Verb::Discover, object);
        emit.message("question", &mut acts, &dogwatch_model::NoFields);
        return Ok(());
    }
    acts.push(Act::Publishes { object });
    acts.says(Attribute::Manufacturer, FactValue::Text("Ubiquiti"), 85, "ubnt.discovery");
    acts.says_text(Attribute::Name, told.name, 90, "ubnt.hostname");
    acts.says_text(Attribute::Model, told.model.or(told.platform), 90, "ubnt.model");
    acts.says_text(Attribute::FirmwareVersion, told.firmware, 90, "ubnt.firmware");
    if let Some(mac) = told.mac.filter(|mac| !mac.is_group() && !mac.is_none()) {
        acts.says(Attribute::MacAddress, FactValue::Mac(mac), 90, "ubnt.mac");
    }
    if let Some(address) = told.address.filter(|address| !address.is_unspecified()) {
        acts.says(Attribute::ManagementAddress, FactValue::Ip(IpAddr::V4(address)), 80, "ubnt.address");
    }
    let fields = Shown(|visit| {
        visit.maybe_text("hostname", told.name);
        visit.maybe_text("model", told.model);
        visit.maybe_text("platform", told.platform);
        visit.maybe_text("firmware", told.firmware);
    });
    emit.message("announcement", &mut acts, &fields);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{datagram, hex};
    use dogwatch_model::Direction::ToServer;

    #[test]
    fn who_it_is() {
        let bytes = hex("01 00 001f 02 000a 020000000009 0a000009 03 0003 362e31 0b 0002 6170 0c 0004 55324844");
        assert_eq!(UBNT.probe(Carrier::Udp, ToServer, &bytes), Probe::Yes);
        assert_eq!(
            datagram(&UBNT, Carrier::Udp, 10_001, &bytes).seen[0].acts[1..5],
            [
                "says manufacturer=Ubiquiti (ubnt.discovery)",
                "says name=ap (ubnt.hostname)",
                "says model=U2HD (ubnt.model)",
                "says firmware_version=6.1 (ubnt.firmware)"
            ]
        );
        for bytes in ["01 00 0000", "01 00 001e 02 000a 020000000009 0a000009", "02 06 0003 0b 0000"] {
            assert_eq!(UBNT.probe(Carrier::Udp, ToServer, &hex(bytes)), Probe::No, "{bytes}");
        }
    }
}
