//! IEC 61162-450: sentences and files over multicast UDP on the navigation network.
//!
//! Read: `UdPbC` datagrams with their TAG blocks and sentences, groups of lines, line counts as a loss meter; binary transfer (`RaUdP`,
//! `RrUdP`, `RpUdP`, headers of version 1 and 2) into a ledger of files; `NkPgN` datagrams by token. Recognised by the token, not by port or
//! group: real equipment uses other ports.
//!
//! Not read: the parameter groups inside `NkPgN` (their framing is not public), error logging by syslog (its own protocol).
//!
//! Specification: IEC 61162-450:2018 by its published abstracts and makers' manuals; the binary header as the public dissector of FKIE and a
//! public receiver read it.

mod binary;
pub(crate) mod line_count;
pub(crate) mod multicast;
mod transfer;

use dogwatch_model::{Act, Direction, FieldValue, FieldVisitor, Fields, Message, NoFields, Object, Speaker, Verb};

use self::binary::{Descriptor, Header, MessageType};
use self::transfer::Ledger;
use super::acts::ActList;
use super::nmea0183::for_each_line;
use super::nmea0183::lines::{Lines, Origin};
use super::nmea0183::tag;
use crate::{Carrier, Chunk, Dissector, Hint, Limits, ParseError, Probe, Progress, Protocol, Sink};

/// The protocol.
#[derive(Debug)]
pub(crate) struct Iec61162450;

/// Its name.
pub(crate) const NAME: &str = "iec61162-450";

/// Ports of the transmission groups: 60001 to 60064.
static HINTS: [Hint; 64] = {
    let mut hints = [Hint::Udp(60_001); 64];
    let mut at = 0;
    let mut port = 60_001;
    #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
    while at < 64 {
        hints[at] = Hint::Udp(port);
        at += 1;
        port += 1;
    }
    hints
};

/// Payload of one Ethernet frame: a datagram is never fragmented.
const MOST_BYTES: usize = 1_472;

impl Protocol for Iec61162450 {
    fn name(&self) -> &'static str {
        NAME
    }

    fn hints(&self) -> &'static [Hint] {
        &HINTS
    }

    fn carriers(&self) -> &'static [Carrier] {
        &[Carrier::Udp]
    }

    fn probes_by_direction(&self) -> bool {
        false
    }

    fn probe(&self, _carrier: Carrier, _direction: Direction, head: &[u8]) -> Probe {
        if Token::of(head).is_some() { Probe::Yes } else { Probe::No }
    }

    fn open(&self, limits: &Limits) -> Box<dyn Dissector> {
        Box::new(Flow { lines: Lines::new(limits), ledger: Ledger::new(limits), recognised: false })
    }
}

/// What a datagram begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Sentences,
    Binary,
    ParameterGroups,
    /// A known token in the wrong case.
    Misspelt,
}

impl Token {
    fn of(datagram: &[u8]) -> Option<Self> {
        match datagram.first_chunk::<6>()? {
            b"UdPbC\0" => Some(Self::Sentences),
            b"RaUdP\0" | b"RrUdP\0" | b"RpUdP\0" => Some(Self::Binary),
            b"NkPgN\0" => Some(Self::ParameterGroups),
            other if other.eq_ignore_ascii_case(b"udpbc\0") => Some(Self::Misspelt),
            _ => None,
        }
    }
}

/// One flow: one sender to one group.
struct Flow {
    lines: Lines,
    ledger: Ledger,
    recognised: bool,
}

impl Dissector for Flow {
    fn data(&mut self, chunk: &Chunk<'_>, out: &mut dyn Sink) -> Progress {
        let token = Token::of(chunk.bytes);
        let body = chunk.bytes.get(6..).unwrap_or_default();
        if chunk.bytes.len() > MOST_BYTES {
            odd("450.datagram-too-long", out);
        }
        match token {
            Some(Token::Sentences) => self.sentences(chunk, body, out),
            Some(Token::Misspelt) => {
                odd("450.token", out);
                self.sentences(chunk, body, out);
            }
            Some(Token::Binary) => self.binary(chunk, out),
            Some(Token::ParameterGroups) => {
                let acts = [Act::Publishes { object: Object::Named("parameter-groups") }];
                let fields = Raw(body);
                let kind = "parameter-groups";
                out.message(&Message {
                    protocol: NAME,
                    kind,
                    function: 0,
                    speaker: Speaker::Sender,
                    acts: &acts,
                    fields: &fields,
                });
            }
            None if self.recognised => odd("450.token", out),
            None => return Progress::GiveUp,
        }
        self.recognised = true;
        Progress::Used(chunk.bytes.len())
    }

    fn gap(&mut self, _direction: Direction, _missing: u32) {
        self.lines.gap();
    }
}

/// A message that only says what is odd about the datagram as a whole.
fn odd(name: &'static str, out: &mut dyn Sink) {
    let acts = [Act::Odd(name)];
    out.message(&Message {
        protocol: NAME,
        kind: "datagram",
        function: 0,
        speaker: Speaker::Sender,
        acts: &acts,
        fields: &NoFields,
    });
}

/// Bytes shown as they are.
struct Raw<'a>(&'a [u8]);

impl Fields for Raw<'_> {
    fn visit(&self, visitor: &mut dyn FieldVisitor) {
        visitor.field("data", FieldValue::Bytes(self.0));
    }
}

impl Flow {
    fn sentences(&mut self, chunk: &Chunk<'_>, body: &[u8], out: &mut dyn Sink) {
        let origin = Origin { chunk, protocol: NAME, group: multicast::of(chunk.flow), wants_tags: true, bare: false };
        let mut lines = 0_u32;
        for_each_line(body, |line| {
            lines = lines.saturating_add(1);
            self.lines.line(origin, line, out);
        });
        if lines == 0 {
            odd("450.empty", out);
        }
    }

    fn binary(&mut self, chunk: &Chunk<'_>, out: &mut dyn Sink) {
        let (header, data) = match binary::header(chunk.bytes) {
            Ok(read) => read,
            Err(error) => {
                out.error(NAME, error);
                return odd("450.binary-header", out);
            }
        };
        let (descriptor, data) = match (header.kind, header.sequence) {
            (MessageType::DATA, 1) => match binary::descriptor(header.version, data) {
                Ok((descriptor, data)) => (Some(descriptor), data),
                Err(error) => {
                    out.error(NAME, error);
                    (None, data)
                }
            },
            _ => (None, data),
        };
        let mut acts = ActList::new();
        if !matches!(header.version, 1 | 2) {
            acts.push(Act::Odd("450.binary-version"));
        }
        let object = Object::Named(descriptor.map_or("file", |descriptor| descriptor.data_type));
        let is_first = header.sequence == 1;
        match header.kind {
            MessageType::DATA if is_first => acts.push(Act::Request { verb: Verb::Transfer, object }),
            MessageType::QUERY => acts.push(Act::Request { verb: Verb::Transfer, object: Object::Named("query") }),
            MessageType::ACK => {
                acts.push(Act::Reply { verb: Verb::Transfer, object: Object::Named("file"), refused: false });
            }
            _ => {}
        }
        let speaker = tag::sfi(header.source).map_or(Speaker::Sender, Speaker::Sfi);
        if matches!(speaker, Speaker::Sender) {
            acts.push(Act::Odd("450.sfi-format"));
        }
        let group = multicast::of(chunk.flow).map(|group| group.name);
        let fields = BinaryShown { header: &header, descriptor: descriptor.as_ref(), data: data.len(), group };
        let kind = match header.kind.name() {
            Some("data") => "file-data",
            Some("query") => "file-query",
            Some("ack") => "file-ack",
            _ => "file-unknown",
        };
        out.message(&Message { protocol: NAME, kind, function: 0, speaker, acts: acts.as_slice(), fields: &fields });
        if header.kind == MessageType::DATA {
            self.ledger.data(chunk.at, &header, descriptor.as_ref(), data, |file| ended(file, out));
        }
    }
}

/// Reports a file that ended.
fn ended(file: &transfer::File, out: &mut dyn Sink) {
    let mut acts = ActList::new();
    acts.push(Act::Request { verb: Verb::Transfer, object: Object::Named(file.name()) });
    if file.kind() == "file-incomplete" {
        out.error(NAME, ParseError::Sequence { what: "binary transfer" });
    }
    if file.has_wrong_size() {
        acts.push(Act::Odd("450.file-size"));
    }
    let speaker = tag::sfi(file.source()).map_or(Speaker::Sender, Speaker::Sfi);
    out.message(&Message {
        protocol: NAME,
        kind: file.kind(),
        function: 0,
        speaker,
        acts: acts.as_slice(),
        fields: file,
    });
}

/// One datagram of binary transfer, ready to be shown.
struct BinaryShown<'a> {
    header: &'a Header<'a>,
    descriptor: Option<&'a Descriptor<'a>>,
    data: usize,
    group: Option<&'static str>,
}

impl Fields for BinaryShown<'_> {
    fn visit(&self, visitor: &mut dyn FieldVisitor) {
        let header = self.header;
        if let Some(group) = self.group {
            visitor.field("group", FieldValue::Text(group));
        }
        visitor.field("token", FieldValue::Text(header.token));
        visitor.field("version", FieldValue::Unsigned(u64::from(header.version)));
        if let Some(length) = header.length {
            visitor.field("header_length", FieldValue::Unsigned(u64::from(length)));
        }
        visitor.field("source", FieldValue::Text(header.source));
        visitor.field("destination", FieldValue::Text(header.destination));
        visitor.field("type", FieldValue::Coded { value: u64::from(header.kind.0), name: header.kind.name() });
        for (name, value) in [("block", header.block), ("sequence", header.sequence), ("last_sequence", header.last)] {
            visitor.field(name, FieldValue::Unsigned(u64::from(value)));
        }
        let device_channel = header.device_channel.or(self.descriptor.and_then(|descriptor| descriptor.device_channel));
        if let Some((device, channel)) = device_channel {
            visitor.field("device", FieldValue::Unsigned(u64::from(device)));
            visitor.field("channel", FieldValue::Unsigned(u64::from(channel)));
        }
        if let Some(descriptor) = self.descriptor {
            visitor.field("descriptor_length", FieldValue::Unsigned(u64::from(descriptor.length)));
            visitor.field("file_length", FieldValue::Unsigned(u64::from(descriptor.file_length)));
            visitor.field("status", FieldValue::Unsigned(u64::from(descriptor.status)));
            if let Some(port) = descriptor.ack_port {
                visitor.field("ack_port", FieldValue::Unsigned(u64::from(port)));
            }
            visitor.field("data_type", FieldValue::Text(descriptor.data_type));
            visitor.field("info", FieldValue::Text(descriptor.info));
        }
        visitor.field("data_length", FieldValue::Unsigned(self.data as u64));
    }
}
