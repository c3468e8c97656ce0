//! Sampled values: current and voltage by multicast. Reads stream name, counter and synchronisation of each ASDU; the samples are left as they are.
//!
//! Specification: IEC 61850-9-2:2011 clause 8.5 (savPdu) and annex A (Ethernet frame).

use dogwatch_model::{Act, Object};

use crate::acts::{Acts, Emit, Shown};
use crate::ber::{self, Element};
use crate::datagram::DatagramProtocol;
use crate::reader::Reader;
use crate::text::printable;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// Sampled values.
pub(crate) static SV: DatagramProtocol = DatagramProtocol {
    name: "sv",
    hints: &[Hint::EtherType(0x88ba)],
    carriers: &[Carrier::Ethernet],
    probe: |head| if pdu(head).is_ok() { Probe::Yes } else { Probe::No },
    read,
};

/// Application id and the elements of the list of ASDUs.
fn pdu(bytes: &[u8]) -> Result<(u16, &[u8]), ParseError> {
    let mut reader = Reader::new("sv", bytes);
    let (appid, _length, _reserved) = (reader.be16()?, reader.be16()?, reader.be32()?);
    let mut content = Reader::new("sv pdu", ber::expect(&mut reader, 0x60)?);
    let _count = ber::expect(&mut content, 0x80)?;
    let next = ber::element(&mut content)?;
    // Security parameters may stand before the list.
    let list = if next.tag == 0xa2 { next.content } else { ber::expect(&mut content, 0xa2)? };
    match ber::elements(list).next() {
        Some(Element { tag: 0x30, .. }) => Ok((appid, list)),
        _ => Err(ParseError::Incomplete { what: "sv asdu" }),
    }
}

/// The number in element `tag` of an ASDU.
fn number(asdu: &[u8], tag: u8) -> Option<u64> {
    ber::elements(asdu).find(|element| element.tag == tag).and_then(|element| ber::unsigned(element.content))
}

/// The stream's name: element 0 of an ASDU.
fn name(asdu: &[u8]) -> Option<&str> {
    ber::elements(asdu).find(|element| element.tag == 0x80).and_then(|element| printable(element.content))
}

fn read(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let (appid, list) = pdu(chunk.bytes)?;
    let asdus = || ber::elements(list).filter(|asdu| asdu.tag == 0x30).map(|asdu| asdu.content);
    let mut acts = Acts::new();
    for asdu in asdus().take(8) {
        acts.push(Act::Publishes { object: name(asdu).map_or(Object::Device { unit: None }, Object::Named) });
    }
    let fields = Shown(|visit| {
        visit.number("appid", appid);
        visit.one_or_list("sv_id", asdus().filter_map(name));
        visit.one_or_list("smp_cnt", asdus().filter_map(|asdu| number(asdu, 0x82)));
        visit.one_or_list("conf_rev", asdus().filter_map(|asdu| number(asdu, 0x83)));
        visit.one_or_list("smp_synch", asdus().filter_map(|asdu| number(asdu, 0x85)));
    });
    emit.message("samples", &mut acts, &fields);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{datagram, hex};
    use dogwatch_model::Direction;

    #[test]
    fn streams() {
        let bytes = hex("4000002600000000601c800101a217301580044d553031820208728304000000018501018700");
        let heard = datagram(&SV, Carrier::Ethernet, 0, &bytes);
        assert_eq!(heard.seen[0].acts, ["publishes MU01"]);
        assert_eq!((heard.seen[0].field("smp_cnt"), heard.seen[0].field("smp_synch")), ("2162".into(), "1".into()));
        assert_eq!(SV.probe(Carrier::Ethernet, Direction::ToServer, &bytes), Probe::Yes);
        assert_eq!(SV.probe(Carrier::Ethernet, Direction::ToServer, &bytes[..20]), Probe::No);
    }
}
