//! Sampled values: current and voltage by multicast. Reads stream name, counter and synchronisation of each ASDU, and says when a stream is
//! simulated or its configuration changes; the samples are left as they are.
//!
//! Deliberately not judged: jumps of the counter, since a capture may have missed frames.
//!
//! Specification: IEC 61850-9-2:2011 clause 8.5 (savPdu) and annex A (Ethernet frame).

use std::collections::HashMap;

use dogwatch_model::{Act, Attribute, FactValue, Object};

use super::routed;
use crate::acts::{Acts, Emit, Shown};
use crate::ber::{self, Element};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::reader::Reader;
use crate::text::{Hex, Text, printable, text};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// Sampled values on Ethernet, and inside the sessions of IEC 61850-90-5.
pub(crate) static SV: FramedProtocol = FramedProtocol {
    name: "sv",
    hints: &[Hint::EtherType(0x88ba), Hint::Udp(102)],
    carriers: &[Carrier::Ethernet, Carrier::Udp],
    probe: |carrier, head| if Pdu::on(carrier, head).is_ok() { Probe::Yes } else { Probe::No },
    frames: |limits| Box::new(Samples { streams: HashMap::new(), limit: limits.bus_devices }),
};

/// Application id, simulation and the elements of the list of ASDUs.
#[derive(Debug, Clone, Copy)]
struct Pdu<'a> {
    appid: u16,
    simulation: bool,
    list: &'a [u8],
}

impl<'a> Pdu<'a> {
    /// Reads a message by what carries it.
    fn on(carrier: Carrier, bytes: &'a [u8]) -> Result<Self, ParseError> {
        if carrier == Carrier::Udp {
            let payload = routed::payload(bytes, routed::SAMPLES)?;
            return Self::of(payload.appid, payload.simulation, Reader::new("sv", payload.apdu));
        }
        let mut reader = Reader::new("sv", bytes);
        let (appid, _length, reserved) = (reader.be16()?, reader.be16()?, reader.be32()?);
        // The first bit of the reserved bytes marks simulated streams (edition 2).
        Self::of(appid, reserved >> 31 == 1, reader)
    }

    fn of(appid: u16, simulation: bool, mut reader: Reader<'a>) -> Result<Self, ParseError> {
        let mut content = Reader::new("sv pdu", ber::expect(&mut reader, 0x60)?);
        let _count = ber::expect(&mut content, 0x80)?;
        let next = ber::element(&mut content)?;
        // Security parameters may stand before the list.
        let list = if next.tag == 0xa2 { next.content } else { ber::expect(&mut content, 0xa2)? };
        match ber::elements(list).next() {
            Some(Element { tag: 0x30, .. }) => Ok(Self { appid, simulation, list }),
            _ => Err(ParseError::Incomplete { what: "sv asdu" }),
        }
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

/// The streams of one sender and the revision each had last. Names are chosen by whoever sends, so there is a limit; when it is hit, all start over.
struct Samples {
    streams: HashMap<Box<str>, Option<u64>>,
    limit: usize,
}

impl Samples {
    /// Whether a stream is new, or has another revision, which is odd.
    fn is_news(&mut self, name: &str, revision: Option<u64>, acts: &mut Acts<'_>) -> bool {
        match self.streams.get_mut(name) {
            Some(known) if *known == revision => false,
            Some(known) => {
                *known = revision;
                acts.odd("sv.revision-changed");
                true
            }
            None => {
                if self.streams.len() >= self.limit {
                    self.streams.clear();
                }
                self.streams.insert(name.into(), revision);
                true
            }
        }
    }
}

impl Frames for Samples {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        // A frame or datagram holds one message.
        Frame::whole(bytes.len().max(1))
    }

    fn read(&mut self, chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let pdu = Pdu::on(chunk.carrier, bytes)?;
        let asdus = || ber::elements(pdu.list).filter(|asdu| asdu.tag == 0x30).map(|asdu| asdu.content);
        let appid: Text<8> = text![Hex(pdu.appid, 4)];
        let mut acts = Acts::new();
        for asdu in asdus().take(8) {
            let stream = name(asdu);
            acts.push(Act::Publishes { object: stream.map_or(Object::Device { unit: None }, Object::Named) });
            if let Some(stream) = stream
                && self.is_news(stream, number(asdu, 0x83), &mut acts)
            {
                acts.says(Attribute::Publication, FactValue::Text(stream), 90, "sv.id");
                acts.says(Attribute::StationAddress, FactValue::Text(appid.as_str()), 80, "sv.appid");
            }
        }
        if pdu.simulation {
            acts.odd("sv.simulation");
        }
        tell(&pdu, &mut acts, emit);
        Ok(())
    }
}

fn tell(pdu: &Pdu<'_>, acts: &mut Acts<'_>, emit: &mut Emit<'_>) {
    let asdus = || ber::elements(pdu.list).filter(|asdu| asdu.tag == 0x30).map(|asdu| asdu.content);
    let fields = Shown(|visit| {
        visit.number("appid", pdu.appid);
        visit.one_or_list("sv_id", asdus().filter_map(name));
        visit.one_or_list("smp_cnt", asdus().filter_map(|asdu| number(asdu, 0x82)));
        visit.one_or_list("conf_rev", asdus().filter_map(|asdu| number(asdu, 0x83)));
        visit.one_or_list("smp_synch", asdus().filter_map(|asdu| number(asdu, 0x85)));
    });
    emit.message("samples", acts, &fields);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{Conversation, datagram, hex};
    use dogwatch_model::Direction;

    #[test]
    fn streams() {
        let bytes = hex("4000002600000000601c800101a217301580044d553031820208728304000000018501018700");
        let heard = datagram(&SV, Carrier::Ethernet, 0, &bytes);
        assert_eq!(
            heard.seen[0].acts,
            ["publishes MU01", "says publication=MU01 (sv.id)", "says station_address=0x4000 (sv.appid)"]
        );
        assert_eq!((heard.seen[0].field("smp_cnt"), heard.seen[0].field("smp_synch")), ("2162".into(), "1".into()));
        assert_eq!(SV.probe(Carrier::Ethernet, Direction::ToServer, &bytes), Probe::Yes);
        assert_eq!(SV.probe(Carrier::Ethernet, Direction::ToServer, &bytes[..20]), Probe::No);
    }

    #[test]
    fn simulation_and_revisions() {
        let with = |reserved: &str, revision: &str| {
            hex(&format!("40000026 {reserved} 601c800101a2173015 80044d553031 82020872 8304{revision} 850101 8700"))
        };
        let mut conversation = Conversation::new(&SV, Carrier::Ethernet, 0);
        for (reserved, revision) in [("00000000", "00000001"), ("80000000", "00000001"), ("00000000", "00000002")] {
            conversation.send(Direction::ToServer, &with(reserved, revision));
        }
        let seen = &conversation.heard.seen;
        assert_eq!(seen[1].acts, ["publishes MU01", "odd sv.simulation"]);
        assert_eq!(seen[2].acts, ["publishes MU01", "odd sv.revision-changed"], "facts are told once");
    }
}
