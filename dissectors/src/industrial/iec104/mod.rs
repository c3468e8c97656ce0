//! IEC 60870-5-104: telecontrol over TCP.
//!
//! Reads every frame's control field, and type, cause, addresses, information objects and the values of the common types of each ASDU. Deliberately
//! not read: quality bits other than "invalid", time tags, contents of files.
//!
//! Specification: IEC 60870-5-104:2006 clause 5 (frames), IEC 60870-5-101 clause 7 (ASDUs).

mod element;

use dogwatch_model::{Act, Attribute, FactValue, Object, Verb};

use crate::acts::{Acts, Emit, Shown, Stated, number};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::reader::Reader;
use crate::sides::from_client;
use crate::text::{Text, text};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// IEC 60870-5-104.
pub(crate) static IEC104: FramedProtocol = FramedProtocol {
    name: "iec104",
    hints: &[Hint::Tcp(PORT)],
    carriers: &[Carrier::Tcp],
    probe,
    frames: |_| Box::new(Telecontrol),
};

/// Port of controlled stations (IANA).
const PORT: u16 = 2404;
/// First byte of every frame.
const START: u8 = 0x68;

/// The control field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Control {
    /// Numbered information.
    Information { sent: u16, received: u16 },
    /// Acknowledgement.
    Supervisory { received: u16 },
    /// STARTDT, STOPDT, TESTFR: the six function bits.
    Unnumbered(u8),
}

impl Control {
    /// Reads the four bytes; `None` for a form the standard does not have.
    const fn new([a, b, c, d]: [u8; 4]) -> Option<Self> {
        let received = u16::from_le_bytes([c, d]) >> 1;
        match a & 3 {
            0 | 2 if c & 1 == 0 => Some(Self::Information { sent: u16::from_le_bytes([a, b]) >> 1, received }),
            1 if a == 1 && b == 0 && c & 1 == 0 => Some(Self::Supervisory { received }),
            3 if matches!((a, b, c, d), (0x07 | 0x0b | 0x13 | 0x23 | 0x43 | 0x83, 0, 0, 0)) => {
                Some(Self::Unnumbered(a >> 2))
            }
            _ => None,
        }
    }
}

/// Type identifications that exist.
const fn is_type(id: u8) -> bool {
    matches!(id, 1..=21 | 30..=41 | 45..=51 | 58..=64 | 70 | 100..=107 | 110..=113 | 120..=127)
}

/// Whether `bytes` begin with a frame that the standard allows; `None` when they are too short to tell.
fn plausible(bytes: &[u8]) -> Option<bool> {
    let (START, len) = (*bytes.first()?, *bytes.get(1)?) else { return Some(false) };
    let control: [u8; 4] = bytes.get(2..6)?.try_into().ok()?;
    Some(match Control::new(control) {
        None => false,
        Some(Control::Information { .. }) => {
            let (id, cause) = (*bytes.get(6)?, *bytes.get(8)? & 0x3f);
            len >= 10 && is_type(id) && matches!(cause, 1..=13 | 20..=41 | 44..=47)
        }
        Some(_) => len == 4,
    })
}

fn probe(_carrier: Carrier, head: &[u8]) -> Probe {
    if head.first().is_some_and(|byte| *byte != START) {
        return Probe::No;
    }
    match plausible(head) {
        None => Probe::NeedMore,
        Some(false) => Probe::No,
        // Six bytes of an unnumbered frame are seldom something else, but the frame behind must fit too.
        Some(true) => {
            let next = head.get(1).map(|len| usize::from(*len).saturating_add(2));
            match next.and_then(|next| head.get(next..)) {
                Some([]) | None => Probe::Yes,
                Some(rest) if rest.first() == Some(&START) => Probe::Yes,
                Some(_) => Probe::No,
            }
        }
    }
}

/// An application service data unit.
#[derive(Debug, Clone, Copy)]
struct Asdu<'a> {
    kind: u8,
    count: u8,
    sequence: bool,
    cause: u8,
    negative: bool,
    test: bool,
    originator: u8,
    address: u16,
    /// The information objects with their addresses.
    objects: &'a [u8],
}

impl<'a> Asdu<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new("iec104 asdu", bytes);
        let [kind, count, cause, originator] = reader.array()?;
        let address = reader.le16()?;
        Ok(Self {
            kind,
            count: count & 0x7f,
            sequence: count & 0x80 != 0,
            cause: cause & 0x3f,
            negative: cause & 0x40 != 0,
            test: cause & 0x80 != 0,
            originator,
            address,
            objects: reader.rest(),
        })
    }

    /// Address and bytes of each information object; of a type of unknown size only the first address.
    fn objects(&self) -> impl Iterator<Item = (u32, &'a [u8])> + Clone + use<'a> {
        element::objects(self.kind, self.count, self.sequence, self.objects)
    }

    /// What it is about: station and object, or the first and last of several.
    fn name(&self) -> Text<48> {
        let station = self.address;
        let mut addresses = self.objects().map(|(address, _)| address);
        match (addresses.next(), addresses.last()) {
            (Some(first), Some(last)) if last != first => {
                text!["station ", station, " objects ", first, "-", last]
            }
            (Some(only), _) => text!["station ", station, " object ", only],
            (None, _) => text!["station ", station],
        }
    }

    /// What a command does; `None` for information that a station sends.
    const fn verb(&self) -> Option<Verb> {
        Some(match self.kind {
            45..=47 | 58..=60 | 105 => Verb::Control,
            // Set-points, parameters, the clock
            48..=51 | 61..=64 | 103 | 110..=113 => Verb::Write,
            100..=102 => Verb::Read,
            104 | 106 | 107 => Verb::Diagnose,
            120..=127 => Verb::Transfer,
            _ => return None,
        })
    }
}

/// Telecontrol frames in a stream.
struct Telecontrol;

impl Frames for Telecontrol {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        match bytes {
            [START, len @ 4..=253, ..] => Frame::whole(usize::from(*len).saturating_add(2)),
            [] | [START] => Frame::More,
            _ => Frame::Lost(ParseError::Malformed { what: "iec104 frame", at: 0, why: "start byte or length" }),
        }
    }

    fn begins(&self, _carrier: Carrier, bytes: &[u8]) -> Probe {
        match plausible(bytes) {
            _ if bytes.first().is_some_and(|byte| *byte != START) => Probe::No,
            Some(true) => Probe::Yes,
            Some(false) => Probe::No,
            None => Probe::NeedMore,
        }
    }

    fn read(&mut self, chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let mut reader = Reader::new("iec104", bytes);
        let [_, length] = reader.array()?;
        let control = Control::new(reader.array()?).ok_or(ParseError::Malformed {
            what: "iec104 control field",
            at: 2,
            why: "no such frame",
        })?;
        match control {
            Control::Information { sent, received } => {
                let asdu = Asdu::parse(reader.rest())?;
                information(&asdu, (sent, received, length), from_client(chunk, &[PORT]), emit);
            }
            Control::Supervisory { received } => {
                let fields = Shown(|visit| {
                    visit.number("apdulen", length);
                    visit.number("rx", received);
                });
                emit.plain("supervisory", &[], &fields);
            }
            Control::Unnumbered(bits) => unnumbered(bits, length, emit),
        }
        Ok(())
    }
}

fn unnumbered(bits: u8, length: u8, emit: &mut Emit<'_>) {
    let (kind, act) = match bits {
        0x01 => ("startdt", Some(true)),
        0x02 => ("startdt-confirm", Some(false)),
        0x04 => ("stopdt", Some(true)),
        0x08 => ("stopdt-confirm", Some(false)),
        0x10 => ("testfr", None),
        _ => ("testfr-confirm", None),
    };
    let object = Object::Named("data-transfer");
    let act = act.map(|asks| {
        if asks {
            Act::Request { verb: Verb::Control, object }
        } else {
            Act::Reply { verb: Verb::Control, object, refused: false }
        }
    });
    let fields = Shown(|visit| {
        visit.number("apdulen", length);
        visit.number("utype", bits);
    });
    emit.plain(kind, act.as_slice(), &fields);
}

fn information(asdu: &Asdu<'_>, (sent, received, length): (u16, u16, u8), client: bool, emit: &mut Emit<'_>) {
    let name = asdu.name();
    let station: Text<8> = text![asdu.address];
    let object = Object::Named(name.as_str());
    let mut acts = Acts::new();
    match (asdu.verb(), asdu.cause) {
        // Activation and deactivation are asked; their confirmations, terminations and the "unknown" causes are answers.
        (Some(verb), 6 | 8 | 5) if client || asdu.cause != 5 => acts.request(verb, object),
        (Some(verb), 7 | 9 | 10) => acts.reply(verb, object, asdu.negative),
        (Some(verb), 44..=47) => acts.reply(verb, object, true),
        (Some(verb), _) if client => acts.request(verb, object),
        _ => {
            acts.push(Act::Publishes { object });
            if !client && matches!(asdu.kind, 1..=40) {
                acts.says(Attribute::StationAddress, FactValue::Text(station.as_str()), 85, "iec104.common-address");
            }
        }
    }
    // What is measured, and what a set-point is to be; a refused one is not. Bit strings are no numbers.
    let readings = Stated(|to| {
        for (address, bytes) in asdu.objects().filter(|(_, bytes)| element::is_valid(asdu.kind, bytes)) {
            if let Some(value) = element::value(asdu.kind, bytes).and_then(number) {
                to.number(format_args!("ca:{}/ioa:{address}", asdu.address), value);
            }
        }
    });
    if matches!(asdu.kind, 1..=6 | 9..=16 | 21 | 30..=32 | 34..=37 | 48..=50 | 61..=63)
        && !asdu.negative
        && asdu.cause < 44
    {
        acts.push(Act::States(&readings));
    }
    if !is_type(asdu.kind) {
        acts.odd("iec104.unknown-type");
    }
    let fields = Shown(|visit| {
        visit.number("apdulen", length);
        visit.number("tx", sent);
        visit.number("rx", received);
        visit.number("typeid", asdu.kind);
        visit.flag("sq", asdu.sequence);
        visit.number("numix", asdu.count);
        visit.number("causetx", asdu.cause);
        visit.flag("nega", asdu.negative);
        visit.flag("test", asdu.test);
        visit.number("oa", asdu.originator);
        visit.number("addr", asdu.address);
        visit.one_or_list("ioa", asdu.objects().map(|(address, _)| address));
        visit.0.open_list("values");
        for (_, bytes) in asdu.objects() {
            if let Some(value) = element::value(asdu.kind, bytes) {
                visit.0.field("", value);
            }
        }
        visit.0.close();
    });
    emit.message("information", &mut acts, &fields);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{Conversation, hex};
    use dogwatch_model::Direction::{self, ToClient, ToServer};

    #[test]
    fn measured_values() {
        // short floating point (IEC 60870-5-101, clause 7.3.1.13) of object 1201: IEEE 754 of 440.0 is 43DC0000, its quality the last byte
        for (quality, want) in [
            ("00", "states [\"ca:1/ioa:1201 = 440\"]"),
            ("80", "states []"),
            ("10", "states [\"ca:1/ioa:1201 = 440\"]"),
        ] {
            let mut conversation = Conversation::new(&IEC104, Carrier::Tcp, 2404);
            let frame = format!("68 12 0000 0000 0d 01 03 00 0100 b10400 0000dc43 {quality}");
            conversation.send(ToClient, &hex(&frame));
            assert_eq!(conversation.heard.seen[0].values, [want], "{quality}");
        }
        // scaled values in a sequence: 7.3.1.11
        let mut conversation = Conversation::new(&IEC104, Carrier::Tcp, 2404);
        conversation.send(ToClient, &hex("68 13 0000 0000 0b 82 03 00 0500 0a0000 6400 00 ffff 00"));
        assert_eq!(conversation.heard.seen[0].values, ["states [\"ca:5/ioa:10 = 100\", \"ca:5/ioa:11 = -1\"]"]);
        let mut conversation = Conversation::new(&IEC104, Carrier::Tcp, 2404);
        conversation.send(ToServer, &hex("68 12 0000 0000 32 01 06 00 0100 b10400 0000dc43 00"));
        assert_eq!(conversation.heard.seen[0].values, ["states [\"ca:1/ioa:1201 = 440\"]"], "a set-point");
    }

    #[test]
    fn frames_in_the_words_of_a_policy() {
        for (name, direction, bytes, want) in [
            (
                "single command",
                ToServer,
                "68 0e 0000 0000 2d 01 06 00 0100 0a0000 01",
                "request control station 1 object 10",
            ),
            ("confirmed", ToClient, "68 0e 0000 0000 2d 01 07 00 0100 0a0000 01", "reply control station 1 object 10"),
            ("refused", ToClient, "68 0e 0000 0000 2d 01 47 00 0100 0a0000 01", "refusal control station 1 object 10"),
            (
                "unknown object",
                ToClient,
                "68 0e 0000 0000 2d 01 6f 00 0100 0a0000 01",
                "refusal control station 1 object 10",
            ),
            (
                "set point",
                ToServer,
                "68 10 0000 0000 31 01 06 00 0100 0a0000 010000",
                "request write station 1 object 10",
            ),
            (
                "interrogation",
                ToServer,
                "68 0e 0000 0000 64 01 06 00 0100 000000 14",
                "request read station 1 object 0",
            ),
            ("reset", ToServer, "68 0e 0000 0000 69 01 06 00 0100 000000 01", "request control station 1 object 0"),
            (
                "measurement",
                ToClient,
                "68 10 0000 0000 0b 01 03 00 0100 580200 010000",
                "publishes station 1 object 600",
            ),
            ("stop", ToServer, "68 04 13 00 00 00", "request control data-transfer"),
        ] {
            let mut conversation = Conversation::new(&IEC104, Carrier::Tcp, PORT);
            conversation.send(direction, &hex(bytes));
            assert_eq!(conversation.heard.seen[0].acts[0], want, "{name}");
        }
    }

    #[test]
    fn a_station_says_its_address() {
        let mut conversation = Conversation::new(&IEC104, Carrier::Tcp, PORT);
        for _ in 0..2 {
            conversation.send(ToClient, &hex("68 10 0000 0000 0b 01 03 00 0700 580200 010000"));
        }
        assert_eq!(conversation.heard.seen[0].acts[1], "says station_address=7 (iec104.common-address)");
        assert_eq!(conversation.heard.seen[1].acts.len(), 1, "told once");
    }

    #[test]
    fn several_objects_and_their_values() {
        let mut conversation = Conversation::new(&IEC104, Carrier::Tcp, PORT);
        // Two short floating point values with addresses of their own, then three single points in sequence.
        conversation.send(ToClient, &hex("68 1a 0000 0000 0d 02 03 00 0100 580200 00002041 00 5a0200 0000c0bf 00"));
        conversation.send(ToClient, &hex("68 10 0200 0000 01 83 14 00 0100 0a0000 00 01 81"));
        let seen = &conversation.heard.seen;
        assert_eq!(seen[0].acts[0], "publishes station 1 objects 600-602");
        assert_eq!(seen[0].fields["values"], serde_json::json!([10.0, -1.5]));
        assert_eq!(seen[1].acts[0], "publishes station 1 objects 10-12");
        assert_eq!(seen[1].fields["values"], serde_json::json!([false, true, true]));
    }

    #[test]
    fn what_the_first_bytes_tell() {
        let probe = |text: &str| IEC104.probe(Carrier::Tcp, Direction::ToServer, &hex(text));
        assert_eq!(probe("68 04 07 00 00 00"), Probe::Yes);
        assert_eq!(probe("68 04 07 00 00 00 68 04"), Probe::Yes);
        assert_eq!(probe("68 04 07"), Probe::NeedMore);
        assert_eq!(probe("68 04 07 00 00 01"), Probe::No);
        assert_eq!(probe("68 04 07 00 00 00 41"), Probe::No);
        assert_eq!(probe("68 65 6c 6c 6f 20 77 6f 72 6c 64"), Probe::No, "hello world");
    }
}
