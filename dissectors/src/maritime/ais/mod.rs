//! AIS: what ships, base stations and aids to navigation broadcast, as it comes in `!xxVDM` (others) and `!xxVDO` (own ship) sentences.
//!
//! Read: all 27 message types, on both channels, in up to nine parts; binary messages are identified by area and function (DAC/FI) and the
//! common ones taken apart. Other ships are targets by MMSI; what own ship broadcasts is told as identity of the transponder.
//!
//! Not read: encrypted binary messages, message 28 of the coming edition (shown as bytes), VDES. AIS has no carrier of its own here: it is found
//! inside sentences, so its `probe` never says yes.
//!
//! Specification: ITU-R M.1371-5; IEC 61162-1 (VDM, VDO); IMO SN.1/Circ.236 and 289; the inland standard of CCNR/UNECE for DAC 200.

mod assembly;
mod binary;
mod bits;
mod layout;
mod messages;
mod report;

use dogwatch_model::{Direction, FieldValue, FieldVisitor, Fields, Message, Speaker};

pub(crate) use self::assembly::{Assembly, Payload};
use self::bits::Bits;
use super::acts::ActList;
use super::nmea0183::Nmea0183;
use super::nmea0183::identity::Told;
use crate::{Carrier, Dissector, Hint, Limits, ParseError, Probe, Protocol, Sink};

/// The protocol's name.
pub(crate) const NAME: &str = "ais";

/// The protocol: known by name, found inside NMEA 0183 and IEC 61162-450.
#[derive(Debug)]
pub(crate) struct Ais;

impl Protocol for Ais {
    fn name(&self) -> &'static str {
        NAME
    }

    fn hints(&self) -> &'static [Hint] {
        &[]
    }

    fn carriers(&self) -> &'static [Carrier] {
        &[]
    }

    fn probe(&self, _carrier: Carrier, _direction: Direction, _head: &[u8]) -> Probe {
        Probe::No
    }

    fn open(&self, limits: &Limits) -> Box<dyn Dissector> {
        Nmea0183.open(limits)
    }
}

/// Hands out one whole AIS message.
pub(crate) fn emit(payload: &Payload<'_>, speaker: Speaker, told: &mut Told, out: &mut dyn Sink) {
    let mut bits = payload.bits;
    let (Some(kind), Some(mmsi)) = (bits.unsigned(0, 6), bits.unsigned(8, 30)) else {
        return out.error(NAME, ParseError::Incomplete { what: "ais message" });
    };
    let layout = messages::by_type(kind);
    // Some transponders count fill bits that are none: what makes the message whole belongs to it.
    if bits.len < layout.least && bits.len.saturating_add(usize::from(payload.fill)) >= layout.least {
        bits = bits.lengthened(usize::from(payload.fill));
    }
    let payload = &Payload { bits, ..*payload };
    let mut acts = ActList::new();
    let mut texts = report::Texts::new();
    if bits.len < layout.least {
        acts.push(dogwatch_model::Act::Odd("ais.cut"));
        out.error(NAME, ParseError::Incomplete { what: "ais message" });
    } else {
        let mmsi = u32::try_from(mmsi).unwrap_or(0);
        report::measure(&bits, kind, mmsi, payload.own, &mut acts);
        if payload.own {
            report::identify(&bits, kind, mmsi, speaker, told, &mut texts, &mut acts);
        }
    }
    let fields = Shown { payload, kind, mmsi, layout };
    out.message(&Message {
        protocol: NAME,
        kind: layout.kind,
        function: 0,
        speaker,
        acts: acts.as_slice(),
        fields: &fields,
    });
}

/// A message, ready to be shown.
struct Shown<'a> {
    payload: &'a Payload<'a>,
    kind: u64,
    mmsi: u64,
    layout: &'static messages::Layout,
}

/// First bit after type, repeat indicator and MMSI.
const BODY: usize = 38;

impl Fields for Shown<'_> {
    fn visit(&self, visitor: &mut dyn FieldVisitor) {
        let bits = &self.payload.bits;
        visitor.field("msg_type", FieldValue::Unsigned(self.kind));
        if let Some(repeat) = bits.unsigned(6, 2) {
            visitor.field("repeat", FieldValue::Unsigned(repeat));
        }
        visitor.field("mmsi", FieldValue::Unsigned(self.mmsi));
        visitor.field("own_ship", FieldValue::Bool(self.payload.own));
        if !self.payload.channel.is_empty() {
            visitor.field("channel", FieldValue::Text(self.payload.channel));
        }
        match self.kind {
            6 | 8 => {
                let at = layout::show(bits, BODY, self.layout.parts, visitor);
                binary::show(bits, self.kind, at, visitor);
            }
            22 if bits.flag(139) == Some(true) => {
                layout::show(bits, BODY, messages::CHANNELS_ADDRESSED, visitor);
            }
            24 if bits.unsigned(BODY, 2) == Some(1) => {
                let auxiliary = is_auxiliary(self.mmsi);
                let parts = if auxiliary { messages::STATIC_B_AUXILIARY } else { messages::STATIC_B };
                layout::show(bits, BODY, parts, visitor);
            }
            25 | 26 => slot_binary(bits, self.kind, visitor),
            _ => {
                layout::show(bits, BODY, self.layout.parts, visitor);
            }
        }
        self.turn_indicator(visitor);
    }
}

impl Shown<'_> {
    /// A transponder without rate-of-turn sensor tells only the side.
    fn turn_indicator(&self, visitor: &mut dyn FieldVisitor) {
        if !(1..=3).contains(&self.kind) {
            return;
        }
        match self.payload.bits.signed(42, 8) {
            Some(127) => visitor.field("turn_side", FieldValue::Text("starboard")),
            Some(-127) => visitor.field("turn_side", FieldValue::Text("port")),
            _ => {}
        }
    }
}

/// 98xxxxxxx: craft associated with a parent ship.
fn is_auxiliary(mmsi: u64) -> bool {
    (980_000_000..990_000_000).contains(&mmsi)
}

/// Messages 25 and 26: flags say whether a destination and an application id stand before the data.
fn slot_binary(bits: &Bits<'_>, kind: u64, visitor: &mut dyn FieldVisitor) {
    let (Some(addressed), Some(structured)) = (bits.flag(38), bits.flag(39)) else { return };
    visitor.field("addressed", FieldValue::Bool(addressed));
    visitor.field("structured", FieldValue::Bool(structured));
    let mut at = 40_usize;
    if addressed {
        if let Some(destination) = bits.unsigned(at, 30) {
            visitor.field("dest_mmsi", FieldValue::Unsigned(destination));
        }
        at = at.saturating_add(30);
    }
    if structured {
        if let (Some(dac), Some(fid)) = (bits.unsigned(at, 10), bits.unsigned(at.saturating_add(10), 6)) {
            visitor.field("dac", FieldValue::Unsigned(dac));
            visitor.field("fid", FieldValue::Unsigned(fid));
        }
        at = at.saturating_add(16);
    }
    let end = if kind == 26 { bits.len.saturating_sub(messages::RADIO_BITS) } else { bits.len };
    let mut room = [0; bits::ROOM];
    let data = bits.bytes(at, end, &mut room);
    if !data.is_empty() {
        visitor.field("data", FieldValue::Bytes(data));
    }
    if kind == 26
        && let Some(radio) = bits.unsigned(end, messages::RADIO_BITS)
    {
        visitor.field("radio", FieldValue::Unsigned(radio));
    }
}
