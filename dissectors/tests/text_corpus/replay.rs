//! Feeds bytes to a protocol and keeps what comes out, as owned values that can be compared.

use std::net::{IpAddr, Ipv4Addr};

use dogwatch_dissectors::{Carrier, Chunk, Dissector, Limits, PROTOCOLS, ParseError, Progress, Sink};
use dogwatch_model::{
    Act, CaptureTime, Direction, FieldValue, FieldVisitor, Fields, Flow, Initiator, Mac, Message, Quantity, SourceId,
    Transport, Value as Measured, Vlans,
};
use serde_json::{Map, Value, json};

/// One message, owned.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) protocol: &'static str,
    pub(crate) kind: String,
    pub(crate) speaker: String,
    pub(crate) acts: Vec<String>,
    pub(crate) measures: Vec<(Quantity, Measured)>,
    pub(crate) fields: Value,
}

impl Seen {
    /// Whether one of its acts is this oddity.
    pub(crate) fn is_odd(&self, name: &str) -> bool {
        self.acts.iter().any(|act| act == &format!("Odd(\"{name}\")"))
    }
}

/// Keeps everything.
#[derive(Debug, Default)]
pub(crate) struct Keep {
    pub(crate) messages: Vec<Seen>,
    pub(crate) errors: Vec<(&'static str, ParseError)>,
}

impl Sink for Keep {
    fn message(&mut self, message: &Message<'_>) {
        self.messages.push(Seen {
            protocol: message.protocol,
            kind: message.kind.to_owned(),
            speaker: format!("{:?}", message.speaker),
            acts: message.acts.iter().map(|act| format!("{act:?}")).collect(),
            measures: message
                .acts
                .iter()
                .filter_map(|act| match act {
                    Act::Measures { quantity, value, .. } => Some((*quantity, *value)),
                    _ => None,
                })
                .collect(),
            fields: json_of(message.fields),
        });
    }

    fn error(&mut self, protocol: &'static str, error: ParseError) {
        self.errors.push((protocol, error));
    }
}

/// The fields of a message as JSON.
pub(crate) fn json_of(fields: &dyn Fields) -> Value {
    let mut visitor = Json { open: vec![(String::new(), Value::Object(Map::new()))] };
    fields.visit(&mut visitor);
    assert_eq!(visitor.open.len(), 1, "every list and group is closed");
    visitor.open.pop().unwrap().1
}

struct Json {
    open: Vec<(String, Value)>,
}

impl Json {
    fn put(&mut self, name: &str, value: Value) {
        match &mut self.open.last_mut().unwrap().1 {
            Value::Object(map) => {
                let before = map.insert(name.to_owned(), value);
                assert!(before.is_none(), "field `{name}` shown twice");
            }
            Value::Array(list) => list.push(value),
            _ => unreachable!("only lists and groups are opened"),
        }
    }
}

impl FieldVisitor for Json {
    fn field(&mut self, name: &str, value: FieldValue<'_>) {
        let value = match value {
            FieldValue::Bool(value) => json!(value),
            FieldValue::Unsigned(value) => json!(value),
            FieldValue::Signed(value) => json!(value),
            FieldValue::Number(value) => json!(value),
            FieldValue::Text(value) => json!(value),
            FieldValue::Bytes(value) => json!(value.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
            FieldValue::Coded { value, .. } => json!(value),
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
        self.put(&name, value);
    }
}

/// A flow to this group and port.
pub(crate) fn flow(dst: Ipv4Addr, dst_port: u16) -> Flow {
    Flow {
        source: SourceId(0),
        vlans: Vlans::default(),
        src_mac: Mac([0, 0x30, 0xDE, 1, 2, 3]),
        dst_mac: Mac([1, 0, 0x5E, 0x40, 0, 4]),
        src: Some(IpAddr::V4(Ipv4Addr::new(172, 16, 1, 10))),
        dst: Some(IpAddr::V4(dst)),
        transport: Transport::Udp,
        src_port: 50_000,
        dst_port,
        ttl: 1,
        initiator: Initiator::Unknown,
    }
}

/// A flow that is no transmission group.
pub(crate) fn plain_flow() -> Flow {
    flow(Ipv4Addr::new(192, 168, 0, 2), 10_110)
}

/// One protocol on one flow, with what it said.
pub(crate) struct Replay {
    dissector: Box<dyn Dissector>,
    pub(crate) keep: Keep,
    pub(crate) at: CaptureTime,
}

impl Replay {
    pub(crate) fn of(protocol: &str) -> Self {
        let protocol = PROTOCOLS.iter().find(|known| known.name() == protocol).unwrap();
        let dissector = protocol.open(&Limits::default());
        Self { dissector, keep: Keep::default(), at: CaptureTime::from_parts(1_700_000_000, 0) }
    }

    /// Gives one datagram.
    pub(crate) fn datagram(&mut self, flow: &Flow, bytes: &[u8]) -> Progress {
        let chunk = Chunk { at: self.at, flow, direction: Direction::ToServer, carrier: Carrier::Udp, bytes };
        self.dissector.data(&chunk, &mut self.keep)
    }

    /// Gives stream bytes in these pieces, as a reassembler would: what was not used is offered again with the next piece.
    pub(crate) fn stream<'p>(&mut self, pieces: impl IntoIterator<Item = &'p [u8]>) {
        let flow = plain_flow();
        let mut held = Vec::new();
        for piece in pieces {
            held.extend_from_slice(piece);
            let chunk =
                Chunk { at: self.at, flow: &flow, direction: Direction::ToServer, carrier: Carrier::Tcp, bytes: &held };
            match self.dissector.data(&chunk, &mut self.keep) {
                Progress::Used(used) => {
                    assert!(used <= held.len(), "used more than was offered");
                    held.drain(..used);
                }
                Progress::GiveUp => return,
            }
            assert!(held.len() < 4_096, "a stream must not pile up");
        }
    }
}
