//! Runs the dissector and keeps what it says.

use std::path::Path;

use dogwatch_dissectors::maritime::n2k::{Header, Nmea2000};
use dogwatch_dissectors::{Carrier, Chunk, Limits, ParseError, Progress, Protocol, Sink};
use dogwatch_model::{
    Act, CaptureTime, Direction, FieldValue, FieldVisitor, Flow, Initiator, Mac, Message, SourceId, Transport, Vlans,
};
use serde_json::{Map, Value, json};

/// One message as plain data.
#[derive(Debug, Clone)]
pub(super) struct Collected {
    pub(super) kind: String,
    pub(super) odd: Vec<&'static str>,
    pub(super) acts: Vec<String>,
    pub(super) speaker: String,
    /// The bytes of a message without a layout of its own, in upper case.
    pub(super) payload_hex: String,
    pub(super) fields: Map<String, Value>,
}

impl Collected {
    fn of(message: &Message<'_>) -> Self {
        let mut tree = Tree { open: vec![(String::new(), Value::Object(Map::new()))] };
        message.fields.visit(&mut tree);
        let Some((_, Value::Object(fields))) = tree.open.pop() else { unreachable!("the root is an object") };
        let odd = message.acts.iter().filter_map(|act| if let Act::Odd(name) = act { Some(*name) } else { None });
        let bytes = ["data", "payload"].iter().find_map(|key| fields.get(*key)).and_then(Value::as_str);
        Self {
            kind: message.kind.to_owned(),
            odd: odd.collect(),
            acts: message.acts.iter().map(|act| format!("{act:?}")).collect(),
            speaker: format!("{:?}", message.speaker),
            payload_hex: bytes.unwrap_or_default().replace(' ', ""),
            fields,
        }
    }

    /// Priority, group number, sender and receiver as the fields show them.
    pub(super) fn header(&self) -> Header {
        let number = |key: &str| self.fields["header"][key].as_u64().unwrap();
        Header {
            priority: number("priority") as u8,
            pgn: number("pgn") as u32,
            source: number("source") as u8,
            destination: number("destination") as u8,
        }
    }
}

/// Fields as JSON: codes as `{"value": n, "name": s}`, bytes as hex like `0A FF`.
struct Tree {
    open: Vec<(String, Value)>,
}

impl Tree {
    fn put(&mut self, name: &str, value: Value) {
        match self.open.last_mut() {
            Some((_, Value::Object(map))) => {
                assert!(map.insert(name.to_owned(), value).is_none(), "field {name} twice in one group");
            }
            Some((_, Value::Array(list))) => list.push(value),
            _ => unreachable!("only objects and lists are open"),
        }
    }
}

impl FieldVisitor for Tree {
    fn field(&mut self, name: &str, value: FieldValue<'_>) {
        let value = match value {
            FieldValue::Bool(value) => json!(value),
            FieldValue::Unsigned(value) => json!(value),
            FieldValue::Signed(value) => json!(value),
            FieldValue::Number(value) => json!(value),
            FieldValue::Text(value) => json!(value),
            FieldValue::Bytes(value) => {
                json!(value.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(" "))
            }
            FieldValue::Coded { value, name } => json!({"value": value, "name": name}),
        };
        self.put(name, value);
    }

    fn open_list(&mut self, name: &str) {
        self.open.push((name.to_owned(), json!([])));
    }

    fn open_group(&mut self, name: &str) {
        self.open.push((name.to_owned(), json!({})));
    }

    fn close(&mut self) {
        let (name, value) = self.open.pop().unwrap();
        assert!(!self.open.is_empty(), "more closed than opened");
        self.put(&name, value);
    }
}

/// Keeps every message.
#[derive(Default)]
pub(super) struct Keep {
    pub(super) messages: Vec<Collected>,
    pub(super) errors: Vec<ParseError>,
    pub(super) gave_up: bool,
}

impl Sink for Keep {
    fn message(&mut self, message: &Message<'_>) {
        self.messages.push(Collected::of(message));
    }

    fn error(&mut self, _protocol: &'static str, error: ParseError) {
        self.errors.push(error);
    }
}

/// A flow without addresses.
pub(super) fn flow(transport: Transport) -> Flow {
    Flow {
        source: SourceId(0),
        vlans: Vlans::default(),
        src_mac: Mac::NONE,
        dst_mac: Mac::NONE,
        src: None,
        dst: None,
        transport,
        src_port: 0,
        dst_port: 0,
        ttl: 0,
        initiator: Initiator::Unknown,
    }
}

/// Offers bytes in pieces of `step`, with what was not used before them, and keeps what comes out.
pub(super) fn feed(carrier: Carrier, bytes: &[u8], step: usize) -> Keep {
    let mut keep = Keep::default();
    let mut dissector = Nmea2000.open(&Limits::default());
    let transport = if carrier == Carrier::Tcp { Transport::Tcp } else { Transport::Serial };
    let flow = flow(transport);
    let mut held: Vec<u8> = Vec::new();
    for piece in bytes.chunks(step) {
        held.extend_from_slice(piece);
        let chunk = Chunk { at: CaptureTime(0), flow: &flow, direction: Direction::ToClient, carrier, bytes: &held };
        match dissector.data(&chunk, &mut keep) {
            Progress::Used(used) => drop(held.drain(..used)),
            Progress::GiveUp => {
                keep.gave_up = true;
                break;
            }
        }
    }
    keep
}

/// The messages of a capture with LINKTYPE_CAN_SOCKETCAN (227), read by a small reader of our own.
pub(super) fn feed_pcap(path: &Path) -> Keep {
    let bytes = std::fs::read(path).unwrap();
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    assert!(matches!(word(0), 0xa1b2_c3d4 | 0xa1b2_3c4d), "little-endian pcap");
    let to_nanos = if word(0) == 0xa1b2_3c4d { 1 } else { 1_000 };
    assert_eq!(word(20) & 0x0fff_ffff, 227, "link type");
    let mut keep = Keep::default();
    let mut dissector = Nmea2000.open(&Limits::default());
    let flow = flow(Transport::Can);
    let mut at = 24;
    while at + 16 <= bytes.len() {
        let len = word(at + 8) as usize;
        let time = CaptureTime::from_parts(i64::from(word(at)), word(at + 4) * to_nanos);
        let Some(frame) = bytes.get(at + 16..at + 16 + len) else { break };
        let chunk =
            Chunk { at: time, flow: &flow, direction: Direction::ToServer, carrier: Carrier::Can, bytes: frame };
        assert_eq!(dissector.data(&chunk, &mut keep), Progress::Used(len));
        at += 16 + len;
    }
    keep
}

/// A SocketCAN frame with a 29-bit identifier.
pub(super) fn can_frame(id: u32, data: &[u8]) -> Vec<u8> {
    let mut frame = (id | 1 << 31).to_be_bytes().to_vec();
    frame.extend_from_slice(&[data.len() as u8, 0, 0, 0]);
    frame.extend_from_slice(data);
    frame
}

/// What one bus makes of frames that follow each other by a millisecond.
pub(super) fn feed_frames(frames: &[Vec<u8>]) -> Keep {
    let mut keep = Keep::default();
    let mut dissector = Nmea2000.open(&Limits::default());
    let flow = flow(Transport::Can);
    for (at, frame) in frames.iter().enumerate() {
        let chunk = Chunk {
            at: CaptureTime::from_millis(at as i64),
            flow: &flow,
            direction: Direction::ToServer,
            carrier: Carrier::Can,
            bytes: frame,
        };
        assert_eq!(dissector.data(&chunk, &mut keep), Progress::Used(frame.len()));
    }
    keep
}

/// The acts of the last message the frames give, as text.
pub(super) fn acts_of(frames: &[Vec<u8>]) -> Vec<String> {
    feed_frames(frames).messages.pop().map(|message| message.acts).unwrap_or_default()
}

/// Shows the acts of every message the frames give.
pub(super) fn told_by(frames: &[Vec<u8>], look: impl FnOnce(&[Vec<String>])) {
    let messages: Vec<_> = feed_frames(frames).messages.into_iter().map(|message| message.acts).collect();
    look(&messages);
}
