//! CDP: what Cisco devices (and some others) say of themselves to their neighbour.
//!
//! There is no public standard; the layout is as independent decoders document it.

use std::net::{IpAddr, Ipv4Addr};

use dogwatch_model::{Act, Attribute, FactValue, Object};

use crate::acts::{Acts, Emit, Shown};
use crate::datagram::DatagramProtocol;
use crate::reader::Reader;
use crate::text::printable;
use crate::{Carrier, Chunk, ParseError, Probe};

/// CDP.
pub(crate) static CDP: DatagramProtocol = DatagramProtocol {
    name: "cdp",
    hints: &[],
    carriers: &[Carrier::Llc],
    probe: |head| match head.strip_prefix(&SNAP) {
        Some([1 | 2, _, _, _, 0, 1, ..]) => Probe::Yes,
        _ => Probe::No,
    },
    read,
};

/// LLC and SNAP header of protocol 0x2000 of Cisco.
const SNAP: [u8; 8] = [0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0];

/// Kind and content of every element; their length counts the four bytes of the header.
fn elements(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut reader = Reader::new("cdp", bytes);
    std::iter::from_fn(move || {
        let (kind, length) = (reader.be16().ok()?, reader.be16().ok()?);
        Some((kind, reader.take(usize::from(length).checked_sub(4)?).ok()?))
    })
}

/// The IPv4 addresses of an address list.
fn addresses(content: &[u8]) -> impl Iterator<Item = Ipv4Addr> + Clone {
    let mut reader = Reader::new("cdp addresses", content);
    let count = reader.be32().unwrap_or(0);
    (0..count.min(16))
        .map_while(move |_| {
            let [_kind, length] = reader.array().ok()?;
            let protocol = reader.take(length.into()).ok()?;
            let length = reader.be16().ok()?;
            let address = reader.take(length.into()).ok()?;
            Some((protocol, address))
        })
        .filter_map(|(protocol, address)| {
            let octets: [u8; 4] = address.try_into().ok()?;
            (protocol == [0xcc]).then(|| Ipv4Addr::from(octets))
        })
}

fn read(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let Some([version, ttl, _, _, content @ ..]) = chunk.bytes.strip_prefix(&SNAP) else {
        return Err(ParseError::Malformed { what: "cdp", at: 0, why: "not Cisco's SNAP protocol 0x2000" });
    };
    let mut acts = Acts::new();
    acts.push(Act::Publishes { object: Object::Device { unit: None } });
    for (kind, value) in elements(content) {
        match kind {
            1 => acts.says_text(Attribute::Name, printable(value), 90, "cdp.device-id"),
            3 => acts.says_text(Attribute::SwitchPort, printable(value), 90, "cdp.port-id"),
            5 => acts.says_text(Attribute::FirmwareVersion, printable(value), 90, "cdp.software-version"),
            6 => acts.says_text(Attribute::Model, printable(value), 90, "cdp.platform"),
            2 | 0x16 => {
                for address in addresses(value).filter(|address| !address.is_unspecified()) {
                    acts.says(Attribute::ManagementAddress, FactValue::Ip(IpAddr::V4(address)), 90, "cdp.address");
                }
            }
            10 => {
                if let Ok(vlan) = <[u8; 2]>::try_from(value) {
                    acts.says(Attribute::PortVlan, FactValue::Number(u16::from_be_bytes(vlan).into()), 90, "cdp.vlan");
                }
            }
            _ => {}
        }
    }
    let fields = Shown(|visit| {
        visit.number("version", *version);
        visit.number("ttl", *ttl);
        for (kind, value) in elements(content) {
            match kind {
                1 => visit.maybe_text("deviceid", printable(value)),
                3 => visit.maybe_text("portid", printable(value)),
                5 => visit.maybe_text("software_version", printable(value)),
                6 => visit.maybe_text("platform", printable(value)),
                10 => visit.maybe("native_vlan", <[u8; 2]>::try_from(value).ok().map(u16::from_be_bytes)),
                _ => {}
            }
        }
    });
    emit.message("announcement", &mut acts, &fields);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::{datagram, hex};

    #[test]
    fn a_switch_introduces_itself() {
        let mut bytes = SNAP.to_vec();
        bytes.extend(hex("02 b4 0000 0001 0007 737731 0002 0011 00000001 01 01 cc 0004 0a000001"));
        bytes.extend(hex("0006 0008 57532d31 000a 0006 0136 0003 00ff"));
        let heard = datagram(&CDP, Carrier::Llc, 0, &bytes);
        assert_eq!(
            heard.seen[0].acts,
            [
                "publishes device",
                "says name=sw1 (cdp.device-id)",
                "says management_address=10.0.0.1 (cdp.address)",
                "says model=WS-1 (cdp.platform)",
                "says port_vlan=310 (cdp.vlan)",
            ],
            "the last element is cut"
        );
    }
}
