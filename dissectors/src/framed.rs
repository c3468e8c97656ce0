//! The frame around protocols that cut a byte stream into messages by a length in a header.
//!
//! A protocol says how long the message at the front is, how much of it it wants to see, and where a message could begin again after bytes
//! were lost. Everything decided here depends on the bytes alone, never on how they were cut into segments, so any split gives the same
//! messages. On datagram carriers the same messages stand one behind the other in one datagram.

use dogwatch_model::Direction;

use crate::acts::{Emit, Told};
use crate::{Carrier, Chunk, Dissector, Hint, Limits, ParseError, Probe, Progress, Protocol, Sink};

/// Losses of synchronisation after which a flow with fewer messages than losses counts as something else.
const PATIENCE: u32 = 8;

/// What stands at the front of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame {
    /// A message of `len` bytes of which the first `need` are wanted; `len` is at least one.
    Whole {
        /// Bytes to the next message.
        len: usize,
        /// Bytes of it to be read; the others are passed over.
        need: usize,
    },
    /// The header is not complete.
    More,
    /// No message can begin here.
    Lost(ParseError),
}

impl Frame {
    /// A message that is wanted whole.
    pub(crate) const fn whole(len: usize) -> Self {
        Self::Whole { len, need: len }
    }
}

/// One protocol's messages on one flow.
pub(crate) trait Frames: Send {
    /// Looks at the front of `bytes`. May only depend on a prefix of fixed length.
    fn frame(&self, carrier: Carrier, bytes: &[u8]) -> Frame;

    /// Whether a message begins here, after bytes were lost. Stricter than [`Frames::frame`]; waits for bytes rather than guess.
    fn begins(&self, carrier: Carrier, bytes: &[u8]) -> Probe {
        match self.frame(carrier, bytes) {
            Frame::Whole { .. } => Probe::Yes,
            Frame::More => Probe::NeedMore,
            Frame::Lost(_) => Probe::No,
        }
    }

    /// Reads one message: the bytes that [`Frame::Whole`] wanted.
    fn read(&mut self, chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError>;

    /// Bytes were lost: forget what depends on having seen all.
    fn lost(&mut self, _direction: Direction) {}

    /// Whether bytes that begin no message show that the flow was never this protocol's, so that another is asked at once.
    fn disowns(&self, _direction: Direction, _bytes: &[u8]) -> bool {
        false
    }

    /// The bytes at the front of a stream of ours begin no message: a chance to say what is odd about that.
    fn damaged(&mut self, _error: ParseError, _emit: &mut Emit<'_>) {}
}

/// A protocol of framed messages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FramedProtocol {
    pub(crate) name: &'static str,
    pub(crate) hints: &'static [Hint],
    pub(crate) carriers: &'static [Carrier],
    pub(crate) probe: fn(Carrier, &[u8]) -> Probe,
    pub(crate) frames: fn(&Limits) -> Box<dyn Frames>,
}

impl Protocol for FramedProtocol {
    fn name(&self) -> &'static str {
        self.name
    }

    fn hints(&self) -> &'static [Hint] {
        self.hints
    }

    fn carriers(&self) -> &'static [Carrier] {
        self.carriers
    }

    fn probes_by_direction(&self) -> bool {
        false
    }

    fn probe(&self, carrier: Carrier, _direction: Direction, head: &[u8]) -> Probe {
        if self.carriers.contains(&carrier) { (self.probe)(carrier, head) } else { Probe::No }
    }

    fn open(&self, limits: &Limits) -> Box<dyn Dissector> {
        Box::new(FramedFlow {
            name: self.name,
            frames: (self.frames)(limits),
            told: Told::new(limits.bus_devices),
            buffered_bytes: limits.buffered_bytes,
            to_server: Side::default(),
            to_client: Side::default(),
            messages: 0,
            losses: 0,
            hopeless: false,
        })
    }
}

/// Where one direction stands.
#[derive(Debug, Clone, Copy, Default)]
struct Side {
    /// Bytes of a message that nobody wants to see.
    skip: usize,
    /// Looking for the next message start.
    searching: bool,
}

/// One flow of framed messages.
struct FramedFlow {
    name: &'static str,
    frames: Box<dyn Frames>,
    told: Told,
    buffered_bytes: usize,
    to_server: Side,
    to_client: Side,
    messages: u32,
    losses: u32,
    hopeless: bool,
}

impl FramedFlow {
    /// Reads every whole message of `chunk`, starting from `side`; returns where the direction stands then and the bytes used.
    fn stream(&mut self, mut side: Side, chunk: &Chunk<'_>, out: &mut dyn Sink) -> (Side, usize) {
        let mut used = 0_usize;
        loop {
            let rest = chunk.bytes.get(used..).unwrap_or_default();
            if side.skip > 0 {
                let passed = side.skip.min(rest.len());
                side.skip = side.skip.saturating_sub(passed);
                used = used.saturating_add(passed);
                if side.skip > 0 {
                    break;
                }
                continue;
            }
            if rest.is_empty() {
                break;
            }
            if side.searching {
                match self.frames.begins(chunk.carrier, rest) {
                    Probe::Yes => side.searching = false,
                    Probe::No => {
                        used = used.saturating_add(1);
                        continue;
                    }
                    Probe::NeedMore => break,
                }
            }
            let frame = match self.frames.frame(chunk.carrier, rest) {
                Frame::Whole { need, .. } if need > self.buffered_bytes => {
                    Frame::Lost(ParseError::Limit { what: "message length" })
                }
                other => other,
            };
            match frame {
                Frame::More => break,
                Frame::Whole { len, need } => {
                    let Some(message) = rest.get(..need) else { break };
                    // A length of nothing would stand still for ever.
                    let len = len.max(1);
                    let mut emit = Emit::new(self.name, self.told.by(chunk.direction), out, &mut self.messages);
                    if let Err(error) = self.frames.read(chunk, message, &mut emit) {
                        emit.error(error);
                    }
                    let read = need.max(1).min(len);
                    used = used.saturating_add(read);
                    side.skip = len.saturating_sub(read);
                }
                Frame::Lost(error) => {
                    if self.frames.disowns(chunk.direction, rest) {
                        self.hopeless = true;
                        break;
                    }
                    out.error(self.name, error);
                    self.frames.lost(chunk.direction);
                    self.losses = self.losses.saturating_add(1);
                    self.hopeless = self.losses >= PATIENCE && self.losses > self.messages;
                    let mut emit = Emit::new(self.name, self.told.by(chunk.direction), out, &mut self.messages);
                    self.frames.damaged(error, &mut emit);
                    side.searching = true;
                    used = used.saturating_add(1);
                    // A datagram that lost its way ends there; only a stream has more behind it worth looking for.
                    if self.hopeless || !chunk.carrier.is_stream() {
                        break;
                    }
                }
            }
        }
        (side, used)
    }
}

impl Dissector for FramedFlow {
    fn data(&mut self, chunk: &Chunk<'_>, out: &mut dyn Sink) -> Progress {
        let used = if chunk.carrier.is_stream() {
            let side = match chunk.direction {
                Direction::ToServer => self.to_server,
                Direction::ToClient => self.to_client,
            };
            let (side, used) = self.stream(side, chunk, out);
            match chunk.direction {
                Direction::ToServer => self.to_server = side,
                Direction::ToClient => self.to_client = side,
            }
            used
        } else {
            let (side, used) = self.stream(Side::default(), chunk, out);
            if side.skip > 0 || (used < chunk.bytes.len() && !side.searching) {
                out.error(self.name, ParseError::Incomplete { what: "message in datagram" });
            }
            chunk.bytes.len()
        };
        if self.hopeless { Progress::GiveUp } else { Progress::Used(used) }
    }

    fn gap(&mut self, direction: Direction, missing: u32) {
        let side = match direction {
            Direction::ToServer => &mut self.to_server,
            Direction::ToClient => &mut self.to_client,
        };
        let missing = usize::try_from(missing).unwrap_or(usize::MAX);
        if side.skip >= missing && side.skip > 0 {
            // The hole lies wholly inside bytes that nobody wanted.
            side.skip = side.skip.saturating_sub(missing);
        } else {
            *side = Side { skip: 0, searching: true };
            self.frames.lost(direction);
        }
    }
}
