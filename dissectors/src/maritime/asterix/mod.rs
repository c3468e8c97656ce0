//! ASTERIX: radar and tracker data in blocks, each a category, a length and records (EUROCONTROL-SPEC-0149, part 1 edition 3.1, clause 5).
//!
//! Read: category and length of every block, the field specification (FSPEC) of its first record, and who sends it: system area and identification
//! code (SAC, SIC), the first item of every category listed. Radar video (category 240) is muted: one message when first seen and one a minute.
//!
//! Not read: the items behind, whose layout each category defines, and so the number of records.

use std::time::Duration;

use dogwatch_model::{Attribute, CaptureTime, Direction, FactValue, FieldValue, FieldVisitor, Fields, Object};

use crate::acts::{Acts, Emit, Told};
use crate::{Carrier, Chunk, Dissector, Hint, Limits, ParseError, Probe, Progress, Protocol, Sink};

/// The protocol.
#[derive(Debug)]
pub(crate) struct Asterix;
pub(crate) static ASTERIX: Asterix = Asterix;

const NAME: &str = "asterix";
/// How often video is told of again.
const REPEAT: Duration = Duration::from_secs(60);
/// Unreadable datagrams after which a flow that never gave a message counts as something else.
const PATIENCE: u32 = 4;
/// Bytes of an FSPEC looked at: no category has more than 49 items.
const FSPEC: usize = 7;

/// What a category holds. All of them begin with item 010, the data source.
fn category_name(category: u8) -> Option<&'static str> {
    Some(match category {
        1 => "monoradar-targets",
        2 => "monoradar-service",
        8 => "monoradar-weather",
        10 => "surface-movement",
        11 => "surface-movement-fusion",
        19 => "multilateration-status",
        20 => "multilateration-targets",
        21 => "ads-b-targets",
        23 => "ads-b-station",
        34 => "radar-service",
        48 => "radar-targets",
        62 => "system-tracks",
        63 => "sensor-status",
        65 => "tracker-status",
        240 => "radar-video",
        _ => return None,
    })
}

/// One block.
struct Block<'a> {
    category: u8,
    length: u16,
    fspec: &'a [u8],
    sac: Option<u8>,
    sic: Option<u8>,
}

/// Reads one block from the start of `bytes`; returns it and what follows it.
fn block(bytes: &[u8]) -> Result<(Block<'_>, &[u8]), ParseError> {
    let Some((&[category, high, low], _)) = bytes.split_first_chunk() else {
        return Err(ParseError::Incomplete { what: "block header" });
    };
    let length = u16::from_be_bytes([high, low]);
    if length < 5 {
        return Err(ParseError::Malformed { what: "block length", at: 1, why: "no room for a record" });
    }
    let Some((block, rest)) = bytes.split_at_checked(usize::from(length)) else {
        return Err(ParseError::Incomplete { what: "block" });
    };
    let record = block.get(3..).unwrap_or_default();
    // The lowest bit of each byte says whether another follows.
    let extended = record.iter().take(FSPEC).take_while(|byte| **byte & 1 == 1).count();
    let Some((fspec, items)) = extended.checked_add(1).and_then(|len| record.split_at_checked(len)) else {
        return Err(ParseError::Incomplete { what: "field specification" });
    };
    if fspec.len() > FSPEC {
        return Err(ParseError::Malformed { what: "field specification", at: 3, why: "longer than any category's" });
    }
    let tells_source = fspec.first().is_some_and(|byte| byte & 0x80 != 0);
    let source = tells_source.then(|| items.first_chunk::<2>()).flatten();
    let (sac, sic) = (source.map(|[sac, _]| *sac), source.map(|[_, sic]| *sic));
    Ok((Block { category, length, fspec, sac, sic }, rest))
}

/// Whether the datagram is blocks of known categories to its last byte, the first of which tells its source.
fn is_asterix(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    let mut blocks = 0_u32;
    while !rest.is_empty() {
        let Ok((block, after)) = block(rest) else { return false };
        if category_name(block.category).is_none() || block.sac.is_none() {
            return false;
        }
        blocks = blocks.saturating_add(1);
        rest = after;
    }
    blocks > 0
}

impl Protocol for Asterix {
    fn name(&self) -> &'static str {
        NAME
    }

    fn hints(&self) -> &'static [Hint] {
        &[Hint::Udp(8_600)]
    }

    fn carriers(&self) -> &'static [Carrier] {
        &[Carrier::Udp]
    }

    fn probe(&self, carrier: Carrier, _direction: Direction, head: &[u8]) -> Probe {
        if carrier == Carrier::Udp && is_asterix(head) { Probe::Yes } else { Probe::No }
    }

    fn open(&self, limits: &Limits) -> Box<dyn Dissector> {
        Box::new(Flow { told: Told::new(limits.bus_devices), messages: 0, failures: 0, video: None, muted: 0 })
    }
}

/// One sender of blocks.
struct Flow {
    told: Told,
    messages: u32,
    failures: u32,
    /// When video was last told of, and how many blocks of it came since.
    video: Option<CaptureTime>,
    muted: u64,
}

impl Dissector for Flow {
    fn data(&mut self, chunk: &Chunk<'_>, out: &mut dyn Sink) -> Progress {
        let mut rest = chunk.bytes;
        while !rest.is_empty() {
            match block(rest) {
                Ok((block, after)) => {
                    self.block(chunk.at, &block, out);
                    rest = after;
                }
                Err(error) => {
                    out.error(NAME, error);
                    self.failures = self.failures.saturating_add(1);
                    if self.messages == 0 && self.failures >= PATIENCE {
                        return Progress::GiveUp;
                    }
                    break;
                }
            }
        }
        Progress::Used(chunk.bytes.len())
    }

    fn gap(&mut self, _direction: Direction, _missing: u32) {}
}

impl Flow {
    fn block(&mut self, at: CaptureTime, block: &Block<'_>, out: &mut dyn Sink) {
        let mut blocks = None;
        if block.category == 240 {
            self.muted = self.muted.saturating_add(1);
            if self.video.is_some_and(|last| at >= last && at.since(last) < REPEAT) {
                return;
            }
            self.video = Some(at);
            blocks = Some(std::mem::take(&mut self.muted));
        }
        let kind = category_name(block.category).unwrap_or("block");
        let mut acts = Acts::new();
        acts.push(dogwatch_model::Act::Publishes { object: Object::Named(kind) });
        match block.category {
            1 | 2 | 8 | 34 | 48 | 240 => {
                acts.says(Attribute::DeviceClass, FactValue::Text("radar"), 75, "asterix.category");
                acts.says(Attribute::NavigationRole, FactValue::Text("radar"), 75, "asterix.category");
            }
            62 | 65 => {
                acts.says(Attribute::NavigationRole, FactValue::Text("target-tracker"), 75, "asterix.category");
            }
            _ => {}
        }
        let mut emit = Emit::new(NAME, &mut self.told, out, &mut self.messages);
        emit.message(kind, &mut acts, &Shown { block, blocks });
    }
}

struct Shown<'a> {
    block: &'a Block<'a>,
    /// Blocks of video since the last message.
    blocks: Option<u64>,
}

impl Fields for Shown<'_> {
    fn visit(&self, visitor: &mut dyn FieldVisitor) {
        let Block { category, length, fspec, sac, sic } = *self.block;
        visitor.field("category", FieldValue::Coded { value: u64::from(category), name: category_name(category) });
        visitor.field("length", FieldValue::Unsigned(u64::from(length)));
        visitor.field("fspec", FieldValue::Bytes(fspec));
        for (name, value) in [("sac", sac), ("sic", sic)] {
            if let Some(value) = value {
                visitor.field(name, FieldValue::Unsigned(u64::from(value)));
            }
        }
        if let Some(blocks) = self.blocks {
            visitor.field("blocks", FieldValue::Unsigned(blocks));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::{Conversation, hex};
    use dogwatch_model::Direction::ToServer;

    #[test]
    fn blocks_to_the_last_byte() {
        let two = hex("30 0008 80 19 07 00 00  22 0006 c0 19 08");
        assert!(is_asterix(&two));
        for cut in 0..two.len() {
            assert_eq!(is_asterix(&two[..cut]), cut == 8, "cut at {cut}");
        }
        for (name, other) in [
            ("unknown category", "05 0006 80 19 07"),
            ("no source", "30 0006 40 19 07"),
            ("length 0", "30 0000 80 19 07"),
            ("endless field specification", "30 000c 81 81 81 81 81 81 81 81 81"),
        ] {
            assert!(!is_asterix(&hex(other)), "{name}");
        }
    }

    #[test]
    fn video_is_told_once_and_then_by_the_minute() {
        let mut conversation = Conversation::new(&ASTERIX, Carrier::Udp, 8_600);
        let video = hex("f0 0008 e8 19 07 02 00");
        for _ in 0..100 {
            conversation.send(ToServer, &video);
        }
        assert_eq!(conversation.heard.seen.len(), 1);
        let message = &conversation.heard.seen[0];
        assert_eq!((message.kind.as_str(), message.field("sac").as_str()), ("radar-video", "25"));
        assert!(
            message.acts.contains(&"says navigation_role=radar (asterix.category)".to_owned()),
            "{:?}",
            message.acts
        );
        conversation.send(ToServer, &hex("30 0006 80 19 07"));
        assert_eq!(conversation.heard.seen.len(), 2, "targets are not muted");
    }
}
