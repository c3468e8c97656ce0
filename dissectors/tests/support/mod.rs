//! Runs dissectors over bytes and keeps what they say, for the tests of this crate.
//!
//! Shared by the unit tests and the tests beside them; everything is turned into owned text so that a test can compare and print it.

pub(crate) mod capture;

use std::net::{IpAddr, Ipv4Addr};

use dogwatch_dissectors::{Carrier, Chunk, Dissector, ParseError, Progress, Protocol, Sink};
use dogwatch_model::{
    Act, CaptureTime, Direction, FactValue, FieldValue, FieldVisitor, Flow, Initiator, Mac, Message, SourceId,
    Transport, Vlans,
};
use serde_json::{Map, Value};

/// One message, owned.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    /// Protocol name.
    pub(crate) protocol: &'static str,
    /// Kind of message.
    pub(crate) kind: String,
    /// Acts in short text: `request read holding 0-1 unit 1`, `says model=X (method)`, `odd name`.
    pub(crate) acts: Vec<String>,
    /// Values of registers in short text.
    pub(crate) values: Vec<String>,
    /// Fields.
    pub(crate) fields: Value,
}

impl Seen {
    /// The field `name` as text, numbers in decimal; empty when absent.
    pub(crate) fn field(&self, name: &str) -> String {
        match self.fields.get(name) {
            None => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }
    }
}

/// Keeps everything it is given.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    /// Messages in order.
    pub(crate) seen: Vec<Seen>,
    /// Errors in order.
    pub(crate) errors: Vec<ParseError>,
}

impl Sink for Recorder {
    fn message(&mut self, message: &Message<'_>) {
        let mut fields = FieldTree::default();
        message.fields.visit(&mut fields);
        self.seen.push(Seen {
            protocol: message.protocol,
            kind: message.kind.to_owned(),
            acts: message.acts.iter().filter(|act| !is_values(act)).map(act_text).collect(),
            values: message.acts.iter().filter(|act| is_values(act)).map(act_text).collect(),
            fields: fields.finish(),
        });
    }

    fn error(&mut self, _protocol: &'static str, error: ParseError) {
        self.errors.push(error);
    }
}

/// Whether an act carries values: they are kept apart, for most tests ask who does what.
fn is_values(act: &Act<'_>) -> bool {
    matches!(act, Act::Values { .. } | Act::States(_))
}

/// One act in short text.
pub(crate) fn act_text(act: &Act<'_>) -> String {
    match act {
        Act::Request { verb, object } => match object {
            dogwatch_model::Object::Registers { written: Some((low, high)), .. } => {
                format!("request {} {object} = {low}..{high}", verb.as_str())
            }
            _ => format!("request {} {object}", verb.as_str()),
        },
        Act::Reply { verb, object, refused } => {
            format!("{} {} {object}", if *refused { "refusal" } else { "reply" }, verb.as_str())
        }
        Act::Publishes { object } => format!("publishes {object}"),
        Act::Says(fact) => {
            let attribute = serde_json::to_value(fact.attribute).unwrap();
            let value = match fact.value {
                FactValue::Text(text) => text.to_owned(),
                FactValue::Number(number) => number.to_string(),
                FactValue::Ip(ip) => ip.to_string(),
                FactValue::Mac(mac) => mac.to_string(),
            };
            let about = match fact.about {
                dogwatch_model::Subject::Speaker => String::new(),
                dogwatch_model::Subject::Mac(mac) => format!("{mac} "),
                dogwatch_model::Subject::Ip(ip) => format!("{ip} "),
                dogwatch_model::Subject::Name(name) => format!("{name:x} "),
                dogwatch_model::Subject::Unit(unit) => format!("unit {unit} "),
                dogwatch_model::Subject::Station(station) => format!("station {station} "),
            };
            format!("says {about}{}={value} ({})", attribute.as_str().unwrap(), fact.method)
        }
        Act::Measures { quantity, value, .. } => format!("measures {quantity:?} {value:?}"),
        Act::Values { unit, table, first, cells } => {
            let registers: Vec<u16> = cells.registers().collect();
            let bits: Vec<u8> = cells.bits().map(u8::from).collect();
            format!("values {} {first} unit {unit} {registers:?} {bits:?}", table.as_str())
        }
        Act::States(readings) => format!("states {readings:?}"),
        Act::Odd(name) => format!("odd {name}"),
    }
}

/// Builds JSON from fields.
#[derive(Debug, Default)]
struct FieldTree {
    stack: Vec<(String, Value)>,
    root: Map<String, Value>,
}

impl FieldTree {
    fn put(&mut self, name: &str, value: Value) {
        match self.stack.last_mut() {
            Some((_, Value::Array(list))) => list.push(value),
            Some((_, Value::Object(group))) => {
                group.insert(name.to_owned(), value);
            }
            _ => {
                self.root.insert(name.to_owned(), value);
            }
        }
    }

    fn finish(self) -> Value {
        assert!(self.stack.is_empty(), "a list or group was left open: {:?}", self.stack);
        Value::Object(self.root)
    }
}

impl FieldVisitor for FieldTree {
    fn field(&mut self, name: &str, value: FieldValue<'_>) {
        let value = match value {
            FieldValue::Bool(value) => value.into(),
            FieldValue::Unsigned(value) | FieldValue::Coded { value, .. } => value.into(),
            FieldValue::Signed(value) => value.into(),
            FieldValue::Number(value) => value.into(),
            FieldValue::Text(value) => value.into(),
            FieldValue::Bytes(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into(),
        };
        self.put(name, value);
    }

    fn open_list(&mut self, name: &str) {
        self.stack.push((name.to_owned(), Value::Array(Vec::new())));
    }

    fn open_group(&mut self, name: &str) {
        self.stack.push((name.to_owned(), Value::Object(Map::new())));
    }

    fn close(&mut self) {
        let (name, value) = self.stack.pop().expect("close without open");
        self.put(&name, value);
    }
}

/// Addresses of a conversation between 10.0.0.1 (client) and 10.0.0.2 (server), seen from the sender in `direction`.
pub(crate) fn flow(carrier: Carrier, direction: Direction, client_port: u16, server_port: u16) -> Flow {
    let client = (Mac([2, 0, 0, 0, 0, 1]), IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), client_port);
    let server = (Mac([2, 0, 0, 0, 0, 2]), IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)), server_port);
    let (from, to) = if direction == Direction::ToServer { (client, server) } else { (server, client) };
    let has_ip = matches!(carrier, Carrier::Tcp | Carrier::Udp | Carrier::Ip);
    Flow {
        source: SourceId(0),
        vlans: Vlans::default(),
        src_mac: from.0,
        dst_mac: to.0,
        src: has_ip.then_some(from.1),
        dst: has_ip.then_some(to.1),
        transport: match carrier {
            Carrier::Tcp => Transport::Tcp,
            Carrier::Udp => Transport::Udp,
            Carrier::Ethernet => Transport::Ethernet(0),
            Carrier::Llc => Transport::Ethernet(3),
            Carrier::Ip => Transport::Ip(1),
            Carrier::Can => Transport::Can,
            Carrier::Serial => Transport::Serial,
        },
        src_port: from.2,
        dst_port: to.2,
        ttl: 64,
        initiator: Initiator::Unknown,
    }
}

/// A conversation with one dissector that keeps unused stream bytes as the flow room does.
pub(crate) struct Conversation {
    carrier: Carrier,
    ports: (u16, u16),
    dissector: Box<dyn Dissector>,
    pending: [Vec<u8>; 2],
    /// What was said.
    pub(crate) heard: Recorder,
    /// Whether the dissector gave up.
    pub(crate) gave_up: bool,
}

impl Conversation {
    /// Opens `protocol` with the usual limits, client port 40000.
    pub(crate) fn new(protocol: &dyn Protocol, carrier: Carrier, server_port: u16) -> Self {
        Self {
            carrier,
            ports: (40_000, server_port),
            dissector: protocol.open(&dogwatch_dissectors::Limits::default()),
            pending: [Vec::new(), Vec::new()],
            heard: Recorder::default(),
            gave_up: false,
        }
    }

    /// Offers bytes; returns how many were left over.
    pub(crate) fn send(&mut self, direction: Direction, bytes: &[u8]) -> usize {
        let flow = flow(self.carrier, direction, self.ports.0, self.ports.1);
        self.send_on(&flow, direction, bytes)
    }

    /// Offers bytes from given addresses; returns how many were left over.
    pub(crate) fn send_on(&mut self, flow: &Flow, direction: Direction, bytes: &[u8]) -> usize {
        if self.gave_up {
            return 0;
        }
        let pending = &mut self.pending[usize::from(direction == Direction::ToClient)];
        pending.extend_from_slice(bytes);
        let chunk = Chunk { at: CaptureTime(0), flow, direction, carrier: self.carrier, bytes: pending };
        match self.dissector.data(&chunk, &mut self.heard) {
            Progress::Used(used) => {
                assert!(used <= pending.len(), "used {used} of {} bytes", pending.len());
                pending.drain(..used);
                if !self.carrier.is_stream() {
                    pending.clear();
                }
            }
            Progress::GiveUp => self.gave_up = true,
        }
        pending.len()
    }

    /// Loses bytes, as a capture does.
    pub(crate) fn lose(&mut self, direction: Direction, missing: u32) {
        self.pending[usize::from(direction == Direction::ToClient)].clear();
        self.dissector.gap(direction, missing);
    }
}

/// One datagram, and all it makes a dissector say.
pub(crate) fn datagram(protocol: &dyn Protocol, carrier: Carrier, port: u16, bytes: &[u8]) -> Recorder {
    let mut conversation = Conversation::new(protocol, carrier, port);
    conversation.send(Direction::ToServer, bytes);
    conversation.heard
}

/// Bytes from hexadecimal text with any blanks in it.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap_or_else(|_| panic!("{pair:?}")))
        .collect()
}
