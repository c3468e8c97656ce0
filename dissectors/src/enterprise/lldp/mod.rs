//! LLDP: what a switch, controller or phone says of itself to its neighbour.
//!
//! System descriptions are kept as the text they are; no model or version is cut out of free text. Deliberately not read: 802.3 TLVs, DCBX.
//!
//! Specification: IEEE 802.1AB-2016 clause 8; LLDP-MED: ANSI/TIA-1057 clause 10.2.6; PROFINET: IEC 61158-6-10 LLDP extension.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use dogwatch_model::{Act, Attribute, FactValue, Mac, Object};

use crate::acts::{Acts, Emit, Shown, Visit};
use crate::datagram::DatagramProtocol;
use crate::reader::Reader;
use crate::text::printable;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// LLDP.
pub(crate) static LLDP: DatagramProtocol =
    DatagramProtocol { name: "lldp", hints: &[Hint::EtherType(0x88cc)], carriers: &[Carrier::Ethernet], probe, read };

const IEEE_802_1: [u8; 3] = [0x00, 0x80, 0xc2];
const MED: [u8; 3] = [0x00, 0x12, 0xbb];
const PROFINET: [u8; 3] = [0x00, 0x0e, 0xcf];

/// A chassis id that the device itself has chosen (table 8-2).
const LOCAL_NAME: u8 = 7;

/// One type-length-value: seven bits of type, nine of length.
#[derive(Debug, Clone, Copy)]
struct Tlv<'a> {
    kind: u8,
    value: &'a [u8],
}

/// The TLVs in order, up to the end mark.
fn tlvs(bytes: &[u8]) -> impl Iterator<Item = Result<Tlv<'_>, ParseError>> + Clone {
    let mut reader = Reader::new("lldp tlv", bytes);
    let mut done = false;
    std::iter::from_fn(move || {
        if done || reader.is_empty() {
            return None;
        }
        let tlv = reader.array().and_then(|[high, low]: [u8; 2]| {
            let len = u16::from_be_bytes([high & 1, low]);
            Ok(Tlv { kind: high >> 1, value: reader.take(len.into())? })
        });
        done = !matches!(tlv, Ok(Tlv { kind: 1.., .. }));
        match tlv {
            Ok(Tlv { kind: 0, .. }) => None,
            other => Some(other),
        }
    })
}

/// Chassis id, port id and time to live, in this order (clause 8.2).
fn probe(head: &[u8]) -> Probe {
    let mut kinds = [0_u8; 3];
    for (slot, tlv) in kinds.iter_mut().zip(tlvs(head)) {
        match tlv {
            Ok(tlv) => *slot = tlv.kind,
            Err(_) => return Probe::No,
        }
    }
    if kinds == [1, 2, 3] { Probe::Yes } else { Probe::No }
}

/// An address with its IANA family number in front: 1 IPv4, 2 IPv6, 6 MAC.
fn ip(value: &[u8]) -> Option<IpAddr> {
    match value {
        [1, octets @ ..] => <[u8; 4]>::try_from(octets).ok().map(|octets| IpAddr::V4(Ipv4Addr::from(octets))),
        [2, octets @ ..] => <[u8; 16]>::try_from(octets).ok().map(|octets| IpAddr::V6(Ipv6Addr::from(octets))),
        _ => None,
    }
}

/// The address in a management address TLV: a length that counts the family, then both.
fn management(value: &[u8]) -> Option<IpAddr> {
    let (len, rest) = value.split_first()?;
    ip(rest.get(..usize::from(*len))?)
}

/// An id of chassis (`mac_kind` 4) or port (`mac_kind` 3): its kind in front.
fn id(value: &[u8], mac_kind: u8) -> (Option<Mac>, Option<&str>) {
    match value {
        [kind, octets @ ..] if *kind == mac_kind => (<[u8; 6]>::try_from(octets).ok().map(Mac), None),
        [_, text @ ..] => (None, printable(text)),
        [] => (None, None),
    }
}

/// The organisation, sub-type and content of a TLV of type 127.
fn organisation(value: &[u8]) -> Option<([u8; 3], u8, &[u8])> {
    let ([a, b, c, kind], content) = value.split_first_chunk::<4>()?;
    Some(([*a, *b, *c], *kind, content))
}

fn facts<'a>(acts: &mut Acts<'a>, tlv: Tlv<'a>) {
    match tlv.kind {
        1 => {
            match id(tlv.value, 4) {
                (Some(mac), _) if !mac.is_none() && !mac.is_group() => {
                    acts.says(Attribute::MacAddress, FactValue::Mac(mac), 90, "lldp.tlv1");
                }
                // what the device calls itself where it has no better name: PROFINET's station name stands here
                (None, name) if tlv.value.first() == Some(&LOCAL_NAME) => {
                    acts.says_text(Attribute::Name, name, 60, "lldp.tlv1");
                }
                _ => {}
            }
        }
        2 => acts.says_text(Attribute::SwitchPort, id(tlv.value, 3).1, 90, "lldp.tlv2"),
        4 => acts.says_text(Attribute::SwitchPort, printable(tlv.value), 70, "lldp.tlv4"),
        5 => acts.says_text(Attribute::Name, printable(tlv.value), 90, "lldp.tlv5"),
        6 => acts.says_text(Attribute::Description, printable(tlv.value), 90, "lldp.tlv6"),
        8 => {
            if let Some(address) = management(tlv.value).filter(|address| !address.is_unspecified()) {
                acts.says(Attribute::ManagementAddress, FactValue::Ip(address), 90, "lldp.tlv8");
            }
        }
        127 => organisation_facts(acts, tlv.value),
        _ => {}
    }
}

fn organisation_facts<'a>(acts: &mut Acts<'a>, value: &'a [u8]) {
    let Some((organisation, kind, content)) = organisation(value) else { return };
    match (organisation, kind) {
        (IEEE_802_1, 1) => {
            if let Ok(vlan) = <[u8; 2]>::try_from(content)
                && let vlan @ 1.. = u16::from_be_bytes(vlan)
            {
                acts.says(Attribute::PortVlan, FactValue::Number(vlan.into()), 90, "lldp.802.1.pvid");
            }
        }
        (PROFINET, 5) => {
            if let Ok(mac) = <[u8; 6]>::try_from(content) {
                acts.says(Attribute::MacAddress, FactValue::Mac(Mac(mac)), 90, "lldp.profinet.chassis-mac");
            }
        }
        (MED, _) => {
            let attribute = match kind {
                5 => Attribute::HwRevision,
                6 => Attribute::FirmwareVersion,
                7 => Attribute::SoftwareVersion,
                8 => Attribute::SerialNumber,
                9 => Attribute::Manufacturer,
                10 => Attribute::Model,
                _ => return,
            };
            acts.says_text(attribute, printable(content), 90, "lldp.med");
        }
        _ => {}
    }
}

fn read(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let mut acts = Acts::new();
    acts.push(Act::Publishes { object: Object::Device { unit: None } });
    if probe(chunk.bytes) == Probe::No {
        acts.odd("lldp.mandatory-tlv");
    }
    let mut damaged = None;
    for tlv in tlvs(chunk.bytes) {
        match tlv {
            Ok(tlv) => facts(&mut acts, tlv),
            Err(error) => damaged = Some(error),
        }
    }
    let fields = Shown(|visit| {
        let whole = || tlvs(chunk.bytes).filter_map(Result::ok);
        whole().for_each(|tlv| show(visit, tlv));
        visit.one_or_list("mgn_addr", whole().filter(|tlv| tlv.kind == 8).filter_map(|tlv| management(tlv.value)));
    });
    emit.message("announcement", &mut acts, &fields);
    damaged.map_or(Ok(()), Err)
}

fn show(visit: &mut Visit<'_>, tlv: Tlv<'_>) {
    match tlv.kind {
        1 | 2 => {
            let (subtype, name, mac_kind) =
                if tlv.kind == 1 { ("chassis_subtype", "chassis_id", 4) } else { ("port_subtype", "port_id", 3) };
            visit.maybe(subtype, tlv.value.first().copied());
            match id(tlv.value, mac_kind) {
                (Some(mac), _) => visit.shown(name, mac),
                (None, Some(text)) => visit.text(name, text),
                (None, None) => visit.bytes(name, tlv.value.get(1..).unwrap_or_default()),
            }
        }
        3 => visit.maybe("time_to_live", <[u8; 2]>::try_from(tlv.value).ok().map(u16::from_be_bytes)),
        4 => visit.maybe_text("port_desc", printable(tlv.value)),
        5 => visit.maybe_text("system_name", printable(tlv.value)),
        6 => visit.maybe_text("system_desc", printable(tlv.value)),
        7 => visit.maybe("system_cap", tlv.value.first_chunk().map(|octets| u16::from_be_bytes(*octets))),
        127 => {
            if let Some((IEEE_802_1, 1, content)) = organisation(tlv.value) {
                visit.maybe("port_vlan_id", <[u8; 2]>::try_from(content).ok().map(u16::from_be_bytes));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{datagram, hex};
    use dogwatch_model::Direction;

    fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
        let mut bytes = ((u16::from(kind) << 9) | u16::try_from(value.len()).unwrap()).to_be_bytes().to_vec();
        bytes.extend_from_slice(value);
        bytes
    }

    fn announcement(more: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = tlv(1, &hex("04 020000000007"));
        bytes.extend(tlv(2, b"\x07port-001"));
        bytes.extend(tlv(3, &[0, 120]));
        bytes.extend(more.concat());
        bytes.extend(tlv(0, &[]));
        bytes.extend([0; 12]);
        bytes
    }

    #[test]
    fn everything_a_switch_says() {
        let bytes = announcement(&[
            tlv(4, b"X1 P1"),
            tlv(5, b"bridge-sw1"),
            tlv(6, b"Acme Switch, FW 1.2"),
            tlv(7, &[0, 4, 0, 4]),
            tlv(8, &hex("05 01 0a000001 02 00000001 00")),
            tlv(127, &hex("0080c2 01 0136")),
            tlv(127, b"\x00\x12\xbb\x08SN-1"),
            tlv(127, b"\x00\x12\xbb\x0aPM7"),
        ]);
        let heard = datagram(&LLDP, Carrier::Ethernet, 0, &bytes);
        assert_eq!(
            heard.seen[0].acts,
            [
                "publishes device",
                "says mac_address=02:00:00:00:00:07 (lldp.tlv1)",
                "says switch_port=port-001 (lldp.tlv2)",
                "says switch_port=X1 P1 (lldp.tlv4)",
                "says name=bridge-sw1 (lldp.tlv5)",
                "says description=Acme Switch, FW 1.2 (lldp.tlv6)",
                "says management_address=10.0.0.1 (lldp.tlv8)",
                "says port_vlan=310 (lldp.802.1.pvid)",
                "says serial_number=SN-1 (lldp.med)",
                "says model=PM7 (lldp.med)",
            ]
        );
        assert_eq!(heard.errors, []);
        assert_eq!(heard.seen[0].field("time_to_live"), "120");
        assert_eq!(heard.seen[0].field("port_desc"), "X1 P1");
    }

    #[test]
    fn cut_and_foreign() {
        let whole = announcement(&[tlv(5, b"bridge-sw1")]);
        let cut = datagram(&LLDP, Carrier::Ethernet, 0, &whole[..30]);
        assert_eq!(cut.errors[0].kind(), "incomplete");
        assert_eq!(cut.seen[0].acts.len(), 3, "what was whole is read");
        assert_eq!(LLDP.probe(Carrier::Ethernet, Direction::ToServer, &whole), Probe::Yes);
        assert_eq!(LLDP.probe(Carrier::Ethernet, Direction::ToServer, &whole[9..]), Probe::No);
        let late = datagram(&LLDP, Carrier::Ethernet, 0, &whole[9..]);
        assert!(late.seen[0].acts.contains(&"odd lldp.mandatory-tlv".to_owned()));
    }
}
