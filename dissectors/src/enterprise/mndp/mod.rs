//! MNDP: MikroTik routers and access points tell who they are.
//!
//! Source: published descriptions of the format (no specification). Deliberately not read: the empty question that makes them answer, which
//! nothing tells from noise.

use std::net::{IpAddr, Ipv4Addr};

use dogwatch_model::{Act, Attribute, FactValue, Mac, Object};

use crate::acts::{Acts, Emit, Shown};
use crate::datagram::DatagramProtocol;
use crate::reader::Reader;
use crate::text::printable;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// MNDP.
pub(crate) static MNDP: DatagramProtocol = DatagramProtocol {
    name: "mndp",
    hints: &[Hint::Udp(5678)],
    carriers: &[Carrier::Udp],
    probe: |head| if parse(head).is_some() { Probe::Yes } else { Probe::No },
    read,
};

/// What a device tells.
#[derive(Default)]
struct Told<'a> {
    mac: Option<Mac>,
    identity: Option<&'a str>,
    version: Option<&'a str>,
    platform: Option<&'a str>,
    board: Option<&'a str>,
    interface: Option<&'a str>,
    address: Option<Ipv4Addr>,
}

/// Header of four bytes, then parts that fill the datagram, the hardware address first.
fn parse(bytes: &[u8]) -> Option<Told<'_>> {
    let mut reader = Reader::new("mndp", bytes);
    let _header_and_sequence = reader.array::<4>().ok()?;
    let mut told = Told::default();
    while !reader.is_empty() {
        let (kind, length) = (reader.be16().ok()?, reader.be16().ok()?);
        let content = reader.take(length.into()).ok()?;
        match kind {
            1 => told.mac = Some(Mac(content.try_into().ok()?)),
            _ if told.mac.is_none() => return None,
            5 => told.identity = printable(content),
            7 => told.version = printable(content),
            8 => told.platform = printable(content),
            12 => told.board = printable(content),
            16 => told.interface = printable(content),
            17 => told.address = content.first_chunk::<4>().map(|bytes| Ipv4Addr::from(*bytes)),
            10 | 11 | 14 | 15 => {}
            _ => return None,
        }
    }
    told.mac.is_some().then_some(told)
}

fn read(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let told = parse(chunk.bytes).ok_or(ParseError::Malformed { what: "mndp", at: 0, why: "parts do not fill it" })?;
    let mut acts = Acts::new();
    acts.push(Act::Publishes { object: Object::Device { unit: None } });
    acts.says_text(Attribute::Name, told.identity, 90, "mndp.identity");
    acts.says_text(Attribute::Manufacturer, told.platform, 85, "mndp.platform");
    acts.says_text(Attribute::Model, told.board, 90, "mndp.board");
    acts.says_text(Attribute::FirmwareVersion, told.version, 90, "mndp.version");
    acts.says_text(Attribute::SwitchPort, told.interface, 70, "mndp.interface");
    if let Some(mac) = told.mac.filter(|mac| !mac.is_group() && !mac.is_none()) {
        acts.says(Attribute::MacAddress, FactValue::Mac(mac), 90, "mndp.mac");
    }
    if let Some(address) = told.address.filter(|address| !address.is_unspecified()) {
        acts.says(Attribute::ManagementAddress, FactValue::Ip(IpAddr::V4(address)), 80, "mndp.address");
    }
    let fields = Shown(|visit| {
        visit.maybe_text("identity", told.identity);
        visit.maybe_text("version", told.version);
        visit.maybe_text("platform", told.platform);
        visit.maybe_text("board", told.board);
        visit.maybe_text("interface", told.interface);
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
        let bytes = hex("0000 0101 0001 0006 020000000009 0005 0003 737731 0007 0003 372e31 000c 0004 52423935");
        assert_eq!(MNDP.probe(Carrier::Udp, ToServer, &bytes), Probe::Yes);
        assert_eq!(
            datagram(&MNDP, Carrier::Udp, 5678, &bytes).seen[0].acts[1..],
            [
                "says name=sw1 (mndp.identity)",
                "says model=RB95 (mndp.board)",
                "says firmware_version=7.1 (mndp.version)",
                "says mac_address=02:00:00:00:00:09 (mndp.mac)"
            ]
        );
        for bytes in ["00000000", "0000 0101 0005 0003 737731", "0000 0101 0001 0006 0200000000"] {
            assert_eq!(MNDP.probe(Carrier::Udp, ToServer, &hex(bytes)), Probe::No, "{bytes}");
        }
    }
}
