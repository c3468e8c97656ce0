//! What every fuzz target shares: how an input is cut into chunks, and a sink that looks at everything it is given.
//!
//! An input of a protocol target begins with five bytes: flags (bit 0 first direction, bits 1 to 2 carrier, bit 3 whether directions alternate)
//! and four that steer where a stream is split. Datagrams and CAN frames follow as records of a 16-bit length (big-endian) and bytes; a stream
//! is the rest as it stands. The frame target's inputs are a link type by position in [`LINK_TYPES`] and such records.

use dogwatch_dissectors::{Carrier, Chunk, Limits, PROTOCOLS, ParseError, Probe, Progress, Protocol, Sink};
use dogwatch_model::{
    Act, CaptureTime, Direction, FactValue, FieldValue, FieldVisitor, Fields, Flow, Initiator, Mac, Memory, Message,
    ReadingVisitor, SourceId, Transport, Vlans,
};

/// Link types a frame may have.
pub const LINK_TYPES: [u32; 19] = [1, 227, 113, 276, 101, 228, 229, 0, 108, 6, 7, 129, 9, 104, 105, 127, 163, 192, 165];

/// Length of what precedes the bytes of a protocol's input.
pub const HEADER: usize = 5;

/// Looks at everything and checks what must hold of any message.
#[derive(Debug, Default)]
pub struct Look {
    depth: usize,
    sum: usize,
}

impl Look {
    /// Looks at one message.
    pub fn at(&mut self, message: &Message<'_>) {
        self.fields(message.fields);
        self.sum = self.sum.wrapping_add(message.kind.len());
        for act in message.acts {
            match act {
                Act::Request { object, .. } | Act::Reply { object, .. } | Act::Publishes { object } => {
                    self.sum = self.sum.wrapping_add(object.to_string().len());
                }
                Act::Says(fact) => {
                    assert!(fact.confidence <= 100, "confidence {}", fact.confidence);
                    if let FactValue::Text(text) = fact.value {
                        self.sum = self.sum.wrapping_add(text.len());
                    }
                }
                Act::Measures { .. } => {}
                Act::Values { cells, .. } => {
                    self.sum = self.sum.wrapping_add(cells.registers().count().wrapping_add(cells.bits().count()));
                }
                Act::States(readings) => readings.visit(self),
                Act::Odd(name) => assert!(!name.is_empty()),
            }
        }
        std::hint::black_box(self.sum);
    }

    fn fields(&mut self, fields: &dyn Fields) {
        fields.visit(self);
        assert_eq!(self.depth, 0, "a list or group was left open");
    }
}

impl ReadingVisitor for Look {
    fn number(&mut self, place: std::fmt::Arguments<'_>, value: f64) {
        self.sum = self.sum.wrapping_add(place.to_string().len()).wrapping_add(usize::from(value > 0.0));
    }

    fn memory(&mut self, memory: &Memory<'_>) {
        self.sum = self.sum.wrapping_add(memory.area.to_string().len()).wrapping_add(memory.bytes.len());
    }
}

impl FieldVisitor for Look {
    fn field(&mut self, name: &str, value: FieldValue<'_>) {
        let len = match value {
            FieldValue::Text(text) => text.chars().count(),
            FieldValue::Bytes(bytes) => bytes.len(),
            FieldValue::Coded { name, .. } => name.map_or(0, str::len),
            _ => 1,
        };
        self.sum = self.sum.wrapping_add(len).wrapping_add(name.len());
    }

    fn open_list(&mut self, _name: &str) {
        self.depth += 1;
    }

    fn open_group(&mut self, _name: &str) {
        self.depth += 1;
    }

    fn close(&mut self) {
        self.depth = self.depth.checked_sub(1).expect("close without open");
    }
}

impl Sink for Look {
    fn message(&mut self, message: &Message<'_>) {
        self.at(message);
    }

    fn error(&mut self, _protocol: &'static str, error: ParseError) {
        self.sum = self.sum.wrapping_add(error.kind().len());
    }
}

/// Records of a 16-bit length and bytes; the last may be cut.
pub fn records(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*length)).min(after.len());
        let (record, after) = after.split_at(length);
        rest = after;
        Some(record)
    })
}

/// The protocol of that name.
pub fn protocol(name: &str) -> &'static dyn Protocol {
    *PROTOCOLS.iter().find(|protocol| protocol.name() == name).expect("a protocol of that name")
}

/// Runs one input through `protocol`: probe, open, every chunk, a gap now and then.
pub fn drive(protocol: &dyn Protocol, carriers: &[Carrier], input: &[u8]) {
    let Some((&[flags, a, b, c, d], bytes)) = input.split_first_chunk::<HEADER>() else { return };
    let Some(carrier) = carriers.get(usize::from(flags >> 1 & 3)).or(carriers.first()).copied() else { return };
    let limits = Limits { buffered_bytes: 4_096, open_requests: 8, partial_messages: 4, bus_devices: 8 };
    let mut direction = if flags & 1 == 0 { Direction::ToServer } else { Direction::ToClient };
    let mut steer = u32::from_be_bytes([a, b, c, d]);
    let mut next = || {
        // Knuth's generator: any sequence will do, it must only be the same for the same input.
        steer = steer.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        steer >> 16
    };
    let flow = flow(carrier, direction);
    let mut look = Look::default();
    let mut dissector = protocol.open(&limits);
    let mut at = CaptureTime::from_parts(1_800_000_000, 0);
    let mut pending: [Vec<u8>; 2] = [Vec::new(), Vec::new()];
    let pieces: Vec<&[u8]> = if carrier.is_stream() { split(bytes, &mut next) } else { records(bytes).collect() };
    for piece in pieces {
        let side = usize::from(direction == Direction::ToClient);
        let waiting = &mut pending[side];
        waiting.extend_from_slice(piece);
        let probe = protocol.probe(carrier, direction, waiting);
        std::hint::black_box(probe == Probe::Yes);
        let chunk = Chunk { at, flow: &flow, direction, carrier, bytes: waiting };
        match dissector.data(&chunk, &mut look) {
            Progress::Used(used) => {
                assert!(used <= waiting.len(), "used {used} of {}", waiting.len());
                waiting.drain(..used);
            }
            Progress::GiveUp => dissector = protocol.open(&limits),
        }
        if !carrier.is_stream() {
            waiting.clear();
        }
        assert!(waiting.len() <= 96 * 1_024, "{} bytes kept for later", waiting.len());
        match next() {
            0..1_024 if carrier.is_stream() => {
                waiting.clear();
                dissector.gap(direction, next());
            }
            // Clocks jump, also back.
            1_024..1_280 => at = CaptureTime::from_parts(i64::from(next()), 0),
            step => at = at.plus(std::time::Duration::from_millis(u64::from(step & 0xff))),
        }
        if flags & 8 != 0 && next() & 3 == 0 {
            direction = direction.reversed();
        }
    }
}

/// Cuts a stream into pieces of up to 64 bytes, or leaves it whole.
fn split<'a>(bytes: &'a [u8], next: &mut dyn FnMut() -> u32) -> Vec<&'a [u8]> {
    if next() & 3 == 0 {
        return vec![bytes];
    }
    let mut rest = bytes;
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let length = usize::try_from(next() % 64 + 1).unwrap_or(1).min(rest.len());
        let (piece, after) = rest.split_at(length);
        pieces.push(piece);
        rest = after;
    }
    pieces
}

fn flow(carrier: Carrier, direction: Direction) -> Flow {
    let to_group = direction == Direction::ToServer;
    Flow {
        source: SourceId(0),
        vlans: Vlans::default(),
        src_mac: Mac([2, 0, 0, 0, 0, 1]),
        dst_mac: Mac([2, 0, 0, 0, 0, 2]),
        src: Some([172, 16, 1, 10].into()),
        dst: Some(if to_group { [239, 192, 0, 4].into() } else { [172, 16, 1, 11].into() }),
        transport: match carrier {
            Carrier::Tcp => Transport::Tcp,
            Carrier::Udp => Transport::Udp,
            Carrier::Ethernet => Transport::Ethernet(0x0800),
            Carrier::Llc => Transport::Ethernet(3),
            Carrier::Ip => Transport::Ip(1),
            Carrier::Can => Transport::Can,
            Carrier::Serial => Transport::Serial,
        },
        src_port: 50_000,
        dst_port: 60_004,
        ttl: 1,
        initiator: Initiator::Unknown,
    }
}
