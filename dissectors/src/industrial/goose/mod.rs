//! GOOSE: switchgear events by multicast. Reads the header and the control block's state; the data set's values are left as they are.
//!
//! Specification: IEC 61850-8-1:2011 clause 18.1 and annex A (IECGoosePdu), annex C (Ethernet frame).

use dogwatch_model::{Act, Attribute, FactValue, Object};

use crate::acts::{Acts, Emit, Shown};
use crate::ber;
use crate::datagram::DatagramProtocol;
use crate::reader::Reader;
use crate::text::printable;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// GOOSE.
pub(crate) static GOOSE: DatagramProtocol = DatagramProtocol {
    name: "goose",
    hints: &[Hint::EtherType(0x88b8)],
    carriers: &[Carrier::Ethernet],
    probe: |head| if Pdu::parse(head).is_ok() { Probe::Yes } else { Probe::No },
    read,
};

/// The elements of an IECGoosePdu by context tag, in the order of annex A.
#[derive(Debug, Clone, Copy, Default)]
struct Pdu<'a> {
    appid: u16,
    reference: Option<&'a str>,
    time_to_live: Option<u64>,
    data_set: Option<&'a str>,
    id: Option<&'a str>,
    state: Option<u64>,
    sequence: Option<u64>,
    simulation: bool,
    revision: Option<u64>,
    needs_commissioning: bool,
    entries: Option<u64>,
}

impl<'a> Pdu<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new("goose", bytes);
        let (appid, length) = (reader.be16()?, reader.be16()?);
        let _reserved = reader.be32()?;
        // The length counts the eight bytes of this header.
        if length < 10 {
            return Err(ParseError::Malformed { what: "goose length", at: 2, why: "shorter than its header" });
        }
        let content = ber::expect(&mut reader, 0x61)?;
        let mut pdu = Self { appid, ..Self::default() };
        for element in ber::elements(content) {
            let (text, number) = (printable(element.content), ber::unsigned(element.content));
            match element.tag {
                0x80 => pdu.reference = text,
                0x81 => pdu.time_to_live = number,
                0x82 => pdu.data_set = text,
                0x83 => pdu.id = text,
                0x85 => pdu.state = number,
                0x86 => pdu.sequence = number,
                0x87 => pdu.simulation = number != Some(0),
                0x88 => pdu.revision = number,
                0x89 => pdu.needs_commissioning = number != Some(0),
                0x8a => pdu.entries = number,
                _ => {}
            }
        }
        if pdu.state.is_none() || pdu.sequence.is_none() {
            return Err(ParseError::Incomplete { what: "goose state" });
        }
        Ok(pdu)
    }
}

fn read(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let pdu = Pdu::parse(chunk.bytes)?;
    let mut acts = Acts::new();
    acts.push(Act::Publishes { object: pdu.reference.map_or(Object::Device { unit: None }, Object::Named) });
    // The reference starts with the name of the device and its logical device.
    let device = pdu.reference.and_then(|reference| reference.split('/').next());
    if let Some(device) = device {
        acts.says(Attribute::Name, FactValue::Text(device), 70, "goose.control-block");
    }
    if pdu.simulation {
        acts.odd("goose.simulation");
    }
    let fields = Shown(|visit| {
        visit.number("appid", pdu.appid);
        visit.maybe_text("goc_b_ref", pdu.reference);
        visit.maybe("time_allowedto_live", pdu.time_to_live);
        visit.maybe_text("dat_set", pdu.data_set);
        visit.maybe_text("go_id", pdu.id);
        visit.maybe("st_num", pdu.state);
        visit.maybe("sq_num", pdu.sequence);
        visit.flag("simulation", pdu.simulation);
        visit.maybe("conf_rev", pdu.revision);
        visit.flag("nds_com", pdu.needs_commissioning);
        visit.maybe("num_dat_set_entries", pdu.entries);
    });
    emit.message("event", &mut acts, &fields);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{datagram, hex};
    use dogwatch_model::Direction;

    #[test]
    fn state_and_simulation() {
        let body = "80 07 4445562f4c4c4e 81 01 0a 85 01 05 86 02 0100 87 01 01 88 01 01 89 01 00 8a 01 00";
        let body = hex(body);
        let mut bytes = hex("0001 0030 0000 0000 61");
        bytes.push(u8::try_from(body.len()).unwrap());
        bytes.extend(body);
        let heard = datagram(&GOOSE, Carrier::Ethernet, 0, &bytes);
        assert_eq!(
            heard.seen[0].acts,
            ["publishes DEV/LLN", "says name=DEV (goose.control-block)", "odd goose.simulation"]
        );
        assert_eq!((heard.seen[0].field("st_num"), heard.seen[0].field("sq_num")), ("5".into(), "256".into()));
        assert_eq!(GOOSE.probe(Carrier::Ethernet, Direction::ToServer, &bytes), Probe::Yes);
        assert_eq!(GOOSE.probe(Carrier::Ethernet, Direction::ToServer, &bytes[..30]), Probe::No);
    }
}
