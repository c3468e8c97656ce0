//! GOOSE: switchgear events by multicast. Reads the header and the control block's state and says when the state goes back, the revision changes
//! or a simulated event is sent; the data set's values are left as they are.
//!
//! Deliberately not judged: jumps forward and silence, since a capture may have missed frames.
//!
//! Specification: IEC 61850-8-1:2011 clause 18.1 and annex A (IECGoosePdu), annex C (Ethernet frame); IEC 61850-7-2 clause 18 (stNum, sqNum).

use std::collections::HashMap;

use dogwatch_model::{Act, Attribute, FactValue, Object};

use super::routed;
use crate::acts::{Acts, Emit, Shown};
use crate::ber;
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::reader::Reader;
use crate::text::{Text, printable};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// GOOSE on Ethernet, and inside the sessions of IEC 61850-90-5.
pub(crate) static GOOSE: FramedProtocol = FramedProtocol {
    name: "goose",
    hints: &[Hint::EtherType(0x88b8), Hint::Udp(102)],
    carriers: &[Carrier::Ethernet, Carrier::Udp],
    probe: |carrier, head| {
        if Pdu::on(carrier, head).is_ok() { Probe::Yes } else { Probe::No }
    },
    frames: |limits| Box::new(Goose { blocks: HashMap::new(), limit: limits.bus_devices }),
};

/// What the last frame of a control block said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Block {
    state: u64,
    sequence: u64,
    revision: Option<u64>,
}

/// The control blocks of one sender. Their names are chosen by whoever sends, so there is a limit; when it is hit, all start over.
struct Goose {
    blocks: HashMap<Box<str>, Block>,
    limit: usize,
}

impl Goose {
    /// What is odd about this frame after those before; the second value tells whether the block is new.
    fn judge(&mut self, pdu: &Pdu<'_>, acts: &mut Acts<'_>) -> bool {
        let (Some(name), Some(state), Some(sequence)) = (pdu.reference, pdu.state, pdu.sequence) else { return true };
        let now = Block { state, sequence, revision: pdu.revision };
        let Some(known) = self.blocks.get_mut(name) else {
            if self.blocks.len() >= self.limit {
                self.blocks.clear();
            }
            self.blocks.insert(name.into(), now);
            return true;
        };
        let before = std::mem::replace(known, now);
        // A device that starts again begins with state 1 and sequence 0 or 1; the counters return to 1 and 1 after their largest value.
        let starts_over = state <= 1 && sequence <= 1;
        if state < before.state && !starts_over {
            acts.odd("goose.state-went-back");
        } else if state == before.state && sequence < before.sequence && sequence > 1 {
            acts.odd("goose.sequence-went-back");
        }
        let is_changed = now.revision != before.revision;
        if is_changed {
            acts.odd("goose.revision-changed");
        }
        is_changed
    }
}

impl Frames for Goose {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        // A frame or datagram holds one message.
        Frame::whole(bytes.len().max(1))
    }

    fn read(&mut self, chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let pdu = Pdu::on(chunk.carrier, bytes)?;
        let mut acts = Acts::new();
        acts.push(Act::Publishes { object: pdu.reference.map_or(Object::Device { unit: None }, Object::Named) });
        let appid = Text::<8>::of(format_args!("{:#06x}", pdu.appid));
        if self.judge(&pdu, &mut acts) {
            facts(&pdu, &appid, &mut acts);
        }
        if pdu.simulation {
            acts.odd("goose.simulation");
        }
        tell(&pdu, &mut acts, emit);
        Ok(())
    }
}

/// What a control block tells of its device; the same in every frame, so told when it is new.
fn facts<'a>(pdu: &Pdu<'a>, appid: &'a Text<8>, acts: &mut Acts<'a>) {
    // The reference starts with the name of the device and its logical device.
    let device = pdu.reference.and_then(|reference| reference.split('/').next());
    acts.says_text(Attribute::Name, device, 70, "goose.control-block");
    acts.says_text(Attribute::Publication, pdu.reference, 90, "goose.control-block");
    acts.says_text(Attribute::Publication, pdu.data_set, 90, "goose.data-set");
    acts.says_text(Attribute::Publication, pdu.id.filter(|id| Some(*id) != pdu.reference), 85, "goose.id");
    acts.says(Attribute::StationAddress, FactValue::Text(appid.as_str()), 80, "goose.appid");
}

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
        Self::of(appid, false, reader)
    }

    /// Reads a message by what carries it.
    fn on(carrier: Carrier, bytes: &'a [u8]) -> Result<Self, ParseError> {
        if carrier != Carrier::Udp {
            return Self::parse(bytes);
        }
        let payload = routed::payload(bytes, routed::GOOSE)?;
        Self::of(payload.appid, payload.simulation, Reader::new("goose", payload.apdu))
    }

    fn of(appid: u16, simulation: bool, mut reader: Reader<'a>) -> Result<Self, ParseError> {
        let content = ber::expect(&mut reader, 0x61)?;
        let mut pdu = Self { appid, simulation, ..Self::default() };
        for element in ber::elements(content) {
            let (text, number) = (printable(element.content), ber::unsigned(element.content));
            match element.tag {
                0x80 => pdu.reference = text,
                0x81 => pdu.time_to_live = number,
                0x82 => pdu.data_set = text,
                0x83 => pdu.id = text,
                0x85 => pdu.state = number,
                0x86 => pdu.sequence = number,
                0x87 => pdu.simulation |= number != Some(0),
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

fn tell(pdu: &Pdu<'_>, acts: &mut Acts<'_>, emit: &mut Emit<'_>) {
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
    emit.message("event", acts, &fields);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{Conversation, datagram, hex};
    use dogwatch_model::Direction::{self, ToServer};

    /// A frame of control block DEV/LLN with state, sequence, revision and simulation.
    pub(super) fn frame(state: u8, sequence: u8, revision: u8, simulation: u8) -> Vec<u8> {
        let mut body = hex("80 07 4445562f4c4c4e 81 01 0a 82 05 4445562f44 85 01");
        body.push(state);
        body.extend([0x86, 1, sequence, 0x87, 1, simulation, 0x88, 1, revision, 0x89, 1, 0, 0x8a, 1, 0]);
        let mut bytes = hex("3001 0030 0000 0000 61");
        bytes.push(u8::try_from(body.len()).unwrap());
        bytes.extend(body);
        bytes
    }

    #[test]
    fn a_control_block_and_who_sends_it() {
        let heard = datagram(&GOOSE, Carrier::Ethernet, 0, &frame(5, 7, 1, 1));
        assert_eq!(
            heard.seen[0].acts,
            [
                "publishes DEV/LLN",
                "says name=DEV (goose.control-block)",
                "says publication=DEV/LLN (goose.control-block)",
                "says publication=DEV/D (goose.data-set)",
                "says station_address=0x3001 (goose.appid)",
                "odd goose.simulation"
            ]
        );
        assert_eq!((heard.seen[0].field("st_num"), heard.seen[0].field("sq_num")), ("5".into(), "7".into()));
        let bytes = frame(5, 7, 1, 0);
        assert_eq!(GOOSE.probe(Carrier::Ethernet, Direction::ToServer, &bytes), Probe::Yes);
        assert_eq!(GOOSE.probe(Carrier::Ethernet, Direction::ToServer, &bytes[..30]), Probe::No);
    }

    #[test]
    fn states_that_do_not_follow() {
        for (name, frames, want) in [
            ("repeated", [(5, 7), (5, 8)], None),
            ("an event", [(5, 7), (6, 0)], None),
            ("seen twice", [(5, 7), (5, 7)], None),
            ("device starts again", [(5, 7), (1, 0)], None),
            ("counter starts again", [(5, 255), (5, 1)], None),
            ("state back", [(5, 7), (4, 9)], Some("odd goose.state-went-back")),
            ("sequence back", [(5, 7), (5, 3)], Some("odd goose.sequence-went-back")),
        ] {
            let mut conversation = Conversation::new(&GOOSE, Carrier::Ethernet, 0);
            for (state, sequence) in frames {
                conversation.send(ToServer, &frame(state, sequence, 1, 0));
            }
            let acts = &conversation.heard.seen[1].acts;
            assert_eq!(acts.get(1).map(String::as_str), want, "{name}");
        }
        let mut conversation = Conversation::new(&GOOSE, Carrier::Ethernet, 0);
        conversation.send(ToServer, &frame(5, 7, 1, 0));
        conversation.send(ToServer, &frame(5, 8, 2, 0));
        assert_eq!(conversation.heard.seen[1].acts, ["publishes DEV/LLN", "odd goose.revision-changed"]);
    }

    #[test]
    fn blocks_are_bounded() {
        let mut goose = Goose { blocks: HashMap::new(), limit: 2 };
        for name in ["a/x", "b/x", "c/x", "d/x"] {
            let pdu = Pdu { reference: Some(name), state: Some(1), sequence: Some(1), ..Pdu::default() };
            assert!(goose.judge(&pdu, &mut Acts::new()));
            assert!(goose.blocks.len() <= 2);
        }
    }

    #[test]
    fn routed_over_udp() {
        // Session header of IEC 61850-90-5: LI 1, TI 0x40, goose (0xa1), its header, payload of one goose PDU.
        let inner = frame(5, 7, 1, 0);
        let apdu = inner.get(8..).unwrap();
        let mut bytes = hex("01 40 a1 18 80 16 00000040 00000001 0001 00000000 0000 000000000000");
        bytes.extend(u32::try_from(apdu.len() + 6).unwrap().to_be_bytes());
        bytes.extend(hex("81 00 3001"));
        bytes.extend(u16::try_from(apdu.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(apdu);
        let heard = datagram(&GOOSE, Carrier::Udp, 102, &bytes);
        assert_eq!(heard.seen[0].acts[0], "publishes DEV/LLN");
        assert_eq!(GOOSE.probe(Carrier::Udp, ToServer, &bytes), Probe::Yes);
        assert_eq!(GOOSE.probe(Carrier::Udp, ToServer, &inner), Probe::No);
    }
}
