//! Radar networks of Navico (Simrad, B&G, Lowrance), Furuno, Garmin and Raymarine: which device is a radar, whose, and what orders it gets.
//!
//! Recognised by content: multicast groups and ports differ between models and installations. The picture itself is muted: spokes are
//! counted, one message tells of the first and one a minute of how many came since. Reports are told when they change, at most every ten
//! seconds, orders always.
//!
//! Deliberately absent: decoding echoes, and anything of these unpublished protocols that public projects have not described. Layouts follow
//! the documents of mayara-server and radar_pi and the public dissector of FKIE; each maker's file names its own.

mod furuno;
mod garmin;
mod navico;
mod raymarine;

use std::hash::{BuildHasher, Hasher};
use std::net::Ipv4Addr;
use std::time::Duration;

use dogwatch_model::{Attribute, CaptureTime, Direction, FactValue, FieldValue, FieldVisitor, Fields, Object, Verb};
use foldhash::fast::FixedState;

use crate::acts::{Acts, Emit, Told};
use crate::{Carrier, Chunk, Dissector, Hint, Limits, Probe, Progress, Protocol, Sink};

/// The radar protocols.
pub(crate) static NAVICO: RadarProtocol =
    RadarProtocol { name: "radar-navico", maker: "Navico", hints: navico::HINTS, read: navico::read, settle: as_read };
pub(crate) static FURUNO: RadarProtocol =
    RadarProtocol { name: "radar-furuno", maker: "Furuno", hints: furuno::HINTS, read: furuno::read, settle: as_read };
pub(crate) static GARMIN: RadarProtocol = RadarProtocol {
    name: "radar-garmin",
    maker: "Garmin",
    hints: garmin::HINTS,
    read: garmin::read,
    settle: garmin::by_receiver,
};
pub(crate) static RAYMARINE: RadarProtocol = RadarProtocol {
    name: "radar-raymarine",
    maker: "Raymarine",
    hints: raymarine::HINTS,
    read: raymarine::read,
    settle: as_read,
};

/// How often a message repeats that says nothing new.
const REPEAT: Duration = Duration::from_secs(60);
/// The least time between two reports of one kind, whatever they say: some change with every spoke.
const CHANGED: Duration = Duration::from_secs(10);
/// The least time between two orders that say the same.
const SPACING: Duration = Duration::from_secs(1);
/// Kinds one flow remembers; no maker has more.
const KINDS: usize = 24;
/// How sure the shape of a datagram makes us.
const SHAPE: u8 = 75;

/// One maker's protocol.
pub(crate) struct RadarProtocol {
    name: &'static str,
    maker: &'static str,
    hints: &'static [Hint],
    read: Read,
    settle: Settle,
}

/// Reads one datagram; `None` when it is none the maker is known to send.
type Read = fn(&[u8]) -> Option<Seen<'_>>;
/// Settles what only the receiver tells: `true` when it is a group.
type Settle = fn(Seen<'_>, bool) -> Seen<'_>;

fn as_read(seen: Seen<'_>, _to_group: bool) -> Seen<'_> {
    seen
}

/// What a datagram is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// Part of the picture.
    Picture,
    /// Something a device tells of itself.
    Report,
    /// Something asked of the other side.
    Ask(Verb),
}

/// Which side sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Device {
    /// The antenna unit.
    Scanner,
    /// A plotter, radar display or program that drives one.
    Display,
    /// Either.
    Unknown,
}

/// Facts and fields one datagram may bring.
const FACTS: usize = 5;
const VALUES: usize = 8;

/// One datagram read.
struct Seen<'a> {
    kind: &'static str,
    purpose: Purpose,
    device: Device,
    spokes: u32,
    facts: [Option<(Attribute, FactValue<'a>, u8)>; FACTS],
    values: [Option<(&'static str, FieldValue<'a>)>; VALUES],
    /// Firmware, when it must be put together first.
    firmware: Short,
}

impl<'a> Seen<'a> {
    const fn new(kind: &'static str, purpose: Purpose, device: Device) -> Self {
        let firmware = Short { bytes: [0; SHORT], len: 0 };
        Self { kind, purpose, device, spokes: 0, facts: [None; FACTS], values: [None; VALUES], firmware }
    }

    fn fact(mut self, attribute: Attribute, value: FactValue<'a>, confidence: u8) -> Self {
        if let Some(slot) = self.facts.iter_mut().find(|slot| slot.is_none()) {
            *slot = Some((attribute, value, confidence));
        }
        self
    }

    /// A fact from text that may be absent; shown as a field too.
    fn text(self, attribute: Attribute, name: &'static str, text: Option<&'a str>) -> Self {
        match text {
            Some(text) => self.fact(attribute, FactValue::Text(text), 90).value(name, FieldValue::Text(text)),
            None => self,
        }
    }

    fn value(mut self, name: &'static str, value: FieldValue<'a>) -> Self {
        if let Some(slot) = self.values.iter_mut().find(|slot| slot.is_none()) {
            *slot = Some((name, value));
        }
        self
    }

    fn number(self, name: &'static str, value: Option<impl Into<u64>>) -> Self {
        match value {
            Some(value) => self.value(name, FieldValue::Unsigned(value.into())),
            None => self,
        }
    }
}

/// Bytes of a short text.
const SHORT: usize = 48;

/// A short ASCII text of our own making.
struct Short {
    bytes: [u8; SHORT],
    len: usize,
}

impl Short {
    /// Adds UTF-16LE text up to its NUL, as far as it is printable ASCII, with runs of blanks made one.
    fn utf16(&mut self, text: &[u8]) {
        for pair in text.chunks_exact(2) {
            match pair {
                [0, 0] => return,
                [byte @ 0x20..=0x7e, 0] => self.push(*byte),
                _ => self.push(b'?'),
            }
        }
    }

    fn push(&mut self, byte: u8) {
        let last = self.len.checked_sub(1).and_then(|at| self.bytes.get(at));
        if byte == b' ' && last.is_none_or(|last| *last == b' ') {
            return;
        }
        if let Some(slot) = self.bytes.get_mut(self.len) {
            *slot = byte;
            self.len = self.len.saturating_add(1);
        }
    }

    fn as_str(&self) -> Option<&str> {
        let text = std::str::from_utf8(self.bytes.get(..self.len)?).ok()?.trim_ascii();
        (!text.is_empty()).then_some(text)
    }
}

/// Printable text in a field of fixed size that ends at its first NUL; `None` when there is none.
fn padded(field: Option<&[u8]>) -> Option<&str> {
    let field = field?;
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    let text = std::str::from_utf8(field.get(..end)?).ok()?.trim_ascii();
    (!text.is_empty() && text.bytes().all(|byte| matches!(byte, 0x20..=0x7e))).then_some(text)
}

fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|part| u16::from_le_bytes(*part))
}

fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|part| u32::from_le_bytes(*part))
}

fn ipv4(bytes: &[u8], at: usize) -> Option<Ipv4Addr> {
    bytes.get(at..)?.first_chunk().map(|part: &[u8; 4]| Ipv4Addr::from(*part))
}

impl Protocol for RadarProtocol {
    fn name(&self) -> &'static str {
        self.name
    }

    fn hints(&self) -> &'static [Hint] {
        self.hints
    }

    fn carriers(&self) -> &'static [Carrier] {
        &[Carrier::Udp]
    }

    fn probe(&self, carrier: Carrier, _direction: Direction, head: &[u8]) -> Probe {
        if carrier == Carrier::Udp && (self.read)(head).is_some() { Probe::Yes } else { Probe::No }
    }

    fn open(&self, limits: &Limits) -> Box<dyn Dissector> {
        Box::new(Flow {
            name: self.name,
            maker: self.maker,
            read: self.read,
            settle: self.settle,
            told: Told::new(limits.bus_devices),
            messages: 0,
            kinds: [const { None }; KINDS],
        })
    }
}

/// One sender to one receiver or group.
struct Flow {
    name: &'static str,
    maker: &'static str,
    read: Read,
    settle: Settle,
    told: Told,
    messages: u32,
    kinds: [Option<Kind>; KINDS],
}

/// What was seen of one kind of datagram since its last message.
struct Kind {
    name: &'static str,
    said: CaptureTime,
    content: u64,
    datagrams: u64,
    spokes: u64,
}

impl Dissector for Flow {
    fn data(&mut self, chunk: &Chunk<'_>, out: &mut dyn Sink) -> Progress {
        let used = Progress::Used(chunk.bytes.len());
        let seen = match (self.read)(chunk.bytes) {
            Some(seen) => (self.settle)(seen, chunk.flow.is_to_group()),
            None if self.messages == 0 => return Progress::GiveUp,
            // These protocols hold more than is publicly known: counted, never an error.
            None => Seen::new("other", Purpose::Picture, Device::Unknown),
        };
        if let Some((datagrams, spokes)) = note(&mut self.kinds, chunk, &seen) {
            let mut emit = Emit::new(self.name, &mut self.told, out, &mut self.messages);
            tell(self.maker, self.name, &seen, datagrams, spokes, &mut emit);
        }
        used
    }

    fn gap(&mut self, _direction: Direction, _missing: u32) {}
}

/// Counts a datagram; gives the counts when it is time for a message.
fn note(kinds: &mut [Option<Kind>], chunk: &Chunk<'_>, seen: &Seen<'_>) -> Option<(u64, u64)> {
    let content = || {
        let mut hasher = FixedState::default().build_hasher();
        hasher.write(chunk.bytes);
        hasher.finish()
    };
    let is_picture = seen.purpose == Purpose::Picture;
    for slot in kinds {
        match slot {
            Some(kind) if kind.name == seen.kind => {
                kind.datagrams = kind.datagrams.saturating_add(1);
                kind.spokes = kind.spokes.saturating_add(u64::from(seen.spokes));
                let since = chunk.at.since(kind.said);
                let went_back = chunk.at < kind.said;
                if is_picture && since < REPEAT && !went_back {
                    return None;
                }
                let content = if is_picture { 0 } else { content() };
                let is_other = content != kind.content;
                let due = match seen.purpose {
                    Purpose::Ask(Verb::Control | Verb::Write) => is_other || since >= SPACING,
                    _ => since >= REPEAT || (is_other && since >= CHANGED),
                };
                let due = due || went_back;
                if !due {
                    return None;
                }
                kind.said = chunk.at;
                kind.content = content;
                let counts = (kind.datagrams, kind.spokes);
                (kind.datagrams, kind.spokes) = (0, 0);
                return Some(counts);
            }
            Some(_) => {}
            None => {
                let content = if is_picture { 0 } else { content() };
                *slot = Some(Kind { name: seen.kind, said: chunk.at, content, datagrams: 0, spokes: 0 });
                return Some((1, u64::from(seen.spokes)));
            }
        }
    }
    None
}

fn tell(maker: &'static str, method: &'static str, seen: &Seen<'_>, datagrams: u64, spokes: u64, emit: &mut Emit<'_>) {
    let mut acts = Acts::new();
    let object = Object::Named(seen.kind);
    match seen.purpose {
        Purpose::Picture | Purpose::Report => acts.push(dogwatch_model::Act::Publishes { object }),
        Purpose::Ask(verb) => acts.request(verb, object),
    }
    match seen.device {
        Device::Scanner => {
            acts.says(Attribute::Manufacturer, FactValue::Text(maker), SHAPE, method);
            acts.says(Attribute::DeviceClass, FactValue::Text("radar"), SHAPE, method);
            acts.says(Attribute::NavigationRole, FactValue::Text("radar"), SHAPE, method);
        }
        Device::Display => {
            acts.says(Attribute::NavigationRole, FactValue::Text("radar-display"), SHAPE, method);
        }
        Device::Unknown => {}
    }
    for (attribute, value, confidence) in seen.facts.iter().flatten() {
        acts.says(*attribute, *value, *confidence, method);
    }
    acts.says_text(Attribute::FirmwareVersion, seen.firmware.as_str(), 90, method);
    emit.message(seen.kind, &mut acts, &Shown { seen, datagrams, spokes });
}

struct Shown<'a> {
    seen: &'a Seen<'a>,
    datagrams: u64,
    spokes: u64,
}

impl Fields for Shown<'_> {
    fn visit(&self, visitor: &mut dyn FieldVisitor) {
        visitor.field("datagrams", FieldValue::Unsigned(self.datagrams));
        if self.spokes > 0 {
            visitor.field("spokes", FieldValue::Unsigned(self.spokes));
        }
        for (name, value) in self.seen.values.iter().flatten() {
            visitor.field(name, *value);
        }
        if let Some(firmware) = self.seen.firmware.as_str() {
            visitor.field("firmware", FieldValue::Text(firmware));
        }
    }
}

#[cfg(test)]
mod tests;
