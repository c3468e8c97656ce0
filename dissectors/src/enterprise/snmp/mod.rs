//! SNMP 1, 2c and 3: what is read and set, and what devices state in the system and entity groups.
//!
//! Deliberately not read: encrypted version 3 content, tables other than the physical entity's.
//!
//! Specifications: RFC 1157, RFC 3416 (PDUs), RFC 3412 (version 3), RFC 3418 (system group), RFC 6933 (entity group), RFC 3411 (engine id).

use dogwatch_model::{Act, Attribute, FactValue, Mac, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::ber::{self, Element};
use crate::datagram::DatagramProtocol;
use crate::reader::Reader;
use crate::sides::from_client;
use crate::text::{Text, printable};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// SNMP.
pub(crate) static SNMP: DatagramProtocol = DatagramProtocol {
    name: "snmp",
    hints: &[Hint::Udp(161), Hint::Udp(162)],
    carriers: &[Carrier::Udp],
    probe: |head| if Packet::parse(head).is_ok() { Probe::Yes } else { Probe::No },
    read,
};

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 2;
const OCTETS: u8 = 4;
const OID: u8 = 6;

/// A message as far as it is in clear.
#[derive(Debug, Clone, Copy, Default)]
struct Packet<'a> {
    version: u64,
    community: Option<&'a [u8]>,
    engine: &'a [u8],
    user: &'a [u8],
    pdu: Option<(u8, &'a [u8])>,
}

impl<'a> Packet<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let malformed = ParseError::Malformed { what: "snmp", at: 0, why: "version or message type" };
        let mut reader = Reader::new("snmp", ber::expect(&mut Reader::new("snmp", bytes), SEQUENCE)?);
        let version = ber::unsigned(ber::expect(&mut reader, INTEGER)?).ok_or(malformed)?;
        match version {
            0 | 1 => {
                let community = ber::expect(&mut reader, OCTETS)?;
                let pdu = ber::element(&mut reader)?;
                if !matches!(pdu.tag, 0xa0..=0xa8) {
                    return Err(malformed);
                }
                Ok(Self { version, community: Some(community), pdu: Some((pdu.tag, pdu.content)), ..Self::default() })
            }
            3 => Self::version3(reader).ok_or(malformed),
            _ => Err(malformed),
        }
    }

    /// Global data, security parameters as a string of their own, and the scoped PDU in clear or encrypted. The global data must be right; what is
    /// damaged behind it is left out.
    fn version3(mut reader: Reader<'a>) -> Option<Self> {
        let mut global = Reader::new("snmp global data", ber::expect(&mut reader, SEQUENCE).ok()?);
        let _id_and_size = (ber::expect(&mut global, INTEGER).ok()?, ber::expect(&mut global, INTEGER).ok()?);
        let flags = ber::expect(&mut global, OCTETS).ok()?;
        let _model = ber::expect(&mut global, INTEGER).ok()?;
        if flags.len() != 1 {
            return None;
        }
        let security = ber::expect(&mut reader, OCTETS).ok()?;
        let (engine, user) = Self::security(security).unwrap_or((&[], &[]));
        let pdu = ber::element(&mut reader).ok().filter(|data| data.tag == SEQUENCE).and_then(|data| {
            let mut scoped = Reader::new("snmp scoped pdu", data.content);
            let _context = (ber::expect(&mut scoped, OCTETS).ok()?, ber::expect(&mut scoped, OCTETS).ok()?);
            ber::element(&mut scoped).ok().map(|pdu| (pdu.tag, pdu.content))
        });
        Some(Self { version: 3, engine, user, pdu, ..Self::default() })
    }

    /// Engine id and user of the user-based security model (RFC 3414 clause 2.4).
    fn security(parameters: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let mut reader =
            Reader::new("snmp security", ber::expect(&mut Reader::new("snmp", parameters), SEQUENCE).ok()?);
        let engine = ber::expect(&mut reader, OCTETS).ok()?;
        let _boots = ber::expect(&mut reader, INTEGER).ok()?;
        let _time = ber::expect(&mut reader, INTEGER).ok()?;
        Some((engine, ber::expect(&mut reader, OCTETS).ok()?))
    }

    /// Name and value of every binding; the first three numbers of a version 1 trap are others.
    fn bindings(&self) -> impl Iterator<Item = (&'a [u8], Element<'a>)> + use<'a> {
        let content = self.pdu.map_or(&[][..], |(_, content)| content);
        let list = ber::elements(content).filter(|element| element.tag == SEQUENCE).last();
        ber::elements(list.map_or(&[], |list| list.content)).filter_map(|binding| {
            let mut parts = Reader::new("snmp binding", binding.content);
            let name = ber::expect(&mut parts, OID).ok()?;
            Some((name, ber::element(&mut parts).ok()?))
        })
    }

    /// The error status of an answer.
    fn error(&self) -> u64 {
        let content = self.pdu.map_or(&[][..], |(_, content)| content);
        ber::elements(content).nth(1).and_then(|element| ber::unsigned(element.content)).unwrap_or(0)
    }
}

/// The prefix 1.3.6.1.2.1.
const MIB_2: &[u8] = &[0x2b, 6, 1, 2, 1];

/// The attribute an object states.
fn attribute(name: &[u8]) -> Option<(Attribute, &'static str)> {
    Some(match name.strip_prefix(MIB_2)? {
        [1, 5, 0] => (Attribute::Name, "snmp.sysName"),
        [1, 6, 0] => (Attribute::Location, "snmp.sysLocation"),
        [1, 1, 0] => (Attribute::Description, "snmp.sysDescr"),
        [1, 4, 0] => (Attribute::Description, "snmp.sysContact"),
        [47, 1, 1, 1, 1, column, _, ..] => (
            match column {
                8 => Attribute::HwRevision,
                9 => Attribute::FirmwareVersion,
                10 => Attribute::SoftwareVersion,
                11 => Attribute::SerialNumber,
                12 => Attribute::Manufacturer,
                13 => Attribute::Model,
                _ => return None,
            },
            "snmp.entPhysical",
        ),
        _ => return None,
    })
}

/// sysObjectID: the maker's number of the product (RFC 3418).
const SYS_OBJECT_ID: &[u8] = &[0x2b, 6, 1, 2, 1, 1, 2, 0];

/// An engine id as it is written: hexadecimal (RFC 3411 clause 5, at most 32 bytes).
fn engine_text(engine: &[u8]) -> Option<Text<64>> {
    let mut text = Text::new();
    for byte in engine.get(..engine.len().min(32))? {
        let _ = std::fmt::Write::write_fmt(&mut text, format_args!("{byte:02x}"));
    }
    (engine.len() >= 5).then_some(text)
}

/// The MAC address inside an engine id of format 3 (RFC 3411 clause 5).
fn engine_mac(engine: &[u8]) -> Option<Mac> {
    match engine {
        [first, _, _, _, 3, mac @ ..] if first & 0x80 != 0 => mac.try_into().ok().map(Mac),
        _ => None,
    }
}

fn read(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let packet = Packet::parse(chunk.bytes)?;
    let first = packet.bindings().next().and_then(|(name, _)| ber::oid(name));
    let object = first.as_ref().map_or(Object::Device { unit: None }, |name| Object::Named(name.as_str()));
    let engine = engine_text(packet.engine);
    let product_code = packet
        .bindings()
        .find(|(name, value)| (*name, value.tag) == (SYS_OBJECT_ID, OID))
        .and_then(|(_, value)| ber::oid(value.content));
    let mut acts = Acts::new();
    let mut answers = false;
    let kind = match packet.pdu.map(|(tag, _)| tag) {
        Some(0xa0 | 0xa1 | 0xa5) => {
            acts.request(Verb::Read, object);
            "get"
        }
        Some(0xa3) => {
            acts.request(Verb::Write, object);
            "set"
        }
        Some(0xa2) => {
            answers = true;
            acts.reply(Verb::Read, object, packet.error() != 0);
            // The agent answers whoever knows a word that stands in every message.
            match packet.version {
                0 => acts.odd("weak.snmp-v1"),
                1 => acts.odd("weak.snmp-v2c"),
                _ => {}
            }
            "response"
        }
        Some(0xa4 | 0xa6 | 0xa7) => {
            answers = true;
            acts.push(Act::Publishes { object });
            "trap"
        }
        Some(_) => "report",
        None => "encrypted",
    };
    // The engine id is the agent's whoever speaks; reports and answers come from it.
    if answers || kind == "report" || (packet.version == 3 && !from_client(chunk, &[161])) {
        acts.says_text(Attribute::StationAddress, engine.as_ref().map(Text::as_str), 80, "snmp.engine-id");
    }
    if answers {
        for (name, value) in packet.bindings() {
            if let (Some((attribute, method)), OCTETS) = (attribute(name), value.tag) {
                acts.says_text(attribute, printable(value.content), 90, method);
            }
        }
        acts.says_text(Attribute::ProductCode, product_code.as_ref().map(Text::as_str), 85, "snmp.sysObjectID");
        if let Some(mac) = engine_mac(packet.engine) {
            acts.says(Attribute::MacAddress, FactValue::Mac(mac), 80, "snmp.engine-id");
        }
    }
    let fields = Shown(|visit| {
        visit.number("version", packet.version);
        visit.maybe_text("community", packet.community.and_then(printable));
        visit.maybe("data", packet.pdu.map(|(tag, _)| tag & 0x1f));
        visit.bytes("engine_id", packet.engine);
        visit.maybe_text("user", printable(packet.user));
        visit.0.open_list("names");
        packet
            .bindings()
            .filter_map(|(name, _)| ber::oid(name))
            .for_each(|name: Text<128>| visit.text("", name.as_str()));
        visit.0.close();
    });
    emit.message(kind, &mut acts, &fields);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{datagram, hex};
    use dogwatch_model::Direction;

    fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = vec![tag, u8::try_from(content.len()).unwrap()];
        bytes.extend_from_slice(content);
        bytes
    }

    fn message(pdu: u8, error: u8, name: &str, value: &[u8]) -> Vec<u8> {
        let binding = tlv(SEQUENCE, &[tlv(OID, &hex(name)), value.to_vec()].concat());
        let numbers = [tlv(INTEGER, &[9]), tlv(INTEGER, &[error]), tlv(INTEGER, &[0])].concat();
        let pdu = tlv(pdu, &[numbers, tlv(SEQUENCE, &binding)].concat());
        tlv(SEQUENCE, &[tlv(INTEGER, &[1]), tlv(OCTETS, b"public"), pdu].concat())
    }

    #[test]
    fn reads_sets_and_statements() {
        let (descr, name) = ("2b06010201010100", "2b06010201010500");
        for (bytes, want) in [
            (message(0xa0, 0, descr, &[5, 0]), &["request read 1.3.6.1.2.1.1.1.0"][..]),
            (message(0xa3, 0, name, &tlv(OCTETS, b"x")), &["request write 1.3.6.1.2.1.1.5.0"]),
            (
                message(0xa2, 0, descr, &tlv(OCTETS, b"Acme PLC v2")),
                &["reply read 1.3.6.1.2.1.1.1.0", "odd weak.snmp-v2c", "says description=Acme PLC v2 (snmp.sysDescr)"],
            ),
            (
                message(0xa2, 0, name, &tlv(OCTETS, b"plc1")),
                &["reply read 1.3.6.1.2.1.1.5.0", "odd weak.snmp-v2c", "says name=plc1 (snmp.sysName)"],
            ),
            (
                message(0xa2, 0, "2b060102012f010101010b01", &tlv(OCTETS, b"SN1")),
                &[
                    "reply read 1.3.6.1.2.1.47.1.1.1.1.11.1",
                    "odd weak.snmp-v2c",
                    "says serial_number=SN1 (snmp.entPhysical)",
                ],
            ),
            (message(0xa2, 2, descr, &[5, 0]), &["refusal read 1.3.6.1.2.1.1.1.0", "odd weak.snmp-v2c"]),
        ] {
            let heard = datagram(&SNMP, Carrier::Udp, 161, &bytes);
            assert_eq!(heard.seen[0].acts, want);
            assert_eq!(heard.seen[0].field("community"), "public");
            assert_eq!(SNMP.probe(Carrier::Udp, Direction::ToServer, &bytes), Probe::Yes);
            assert_eq!(SNMP.probe(Carrier::Udp, Direction::ToServer, &bytes[..20]), Probe::No);
        }
    }

    #[test]
    fn engine_id() {
        assert_eq!(engine_mac(&hex("80000009 03 00aabbcc0001")), Some(Mac([0, 0xaa, 0xbb, 0xcc, 0, 1])));
        assert_eq!(engine_mac(&hex("80000009 01 0a000001")), None);
    }
}
