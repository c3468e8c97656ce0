//! The frame around protocols whose every message is one datagram, Ethernet frame or IP payload.
//!
//! Deliberately without protocol knowledge: a protocol gives a probe and a read function, this adds the fact filter, the error count and the
//! giving up.

use dogwatch_model::Direction;

use crate::acts::{Emit, Told};
use crate::{Carrier, Chunk, Dissector, Hint, Limits, ParseError, Probe, Progress, Protocol, Sink};

/// Unreadable datagrams after which a flow that never gave a message counts as something else.
const PATIENCE: u32 = 4;

/// Reads one datagram.
pub(crate) type Read = fn(&Chunk<'_>, &mut Emit<'_>) -> Result<(), ParseError>;

/// A protocol of datagrams.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DatagramProtocol {
    pub(crate) name: &'static str,
    pub(crate) hints: &'static [Hint],
    pub(crate) carriers: &'static [Carrier],
    pub(crate) probe: fn(&[u8]) -> Probe,
    pub(crate) read: Read,
}

impl Protocol for DatagramProtocol {
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
        if self.carriers.contains(&carrier) { (self.probe)(head) } else { Probe::No }
    }

    fn open(&self, limits: &Limits) -> Box<dyn Dissector> {
        Box::new(DatagramFlow {
            name: self.name,
            read: self.read,
            told: Told::new(limits.bus_devices),
            messages: 0,
            failures: 0,
        })
    }
}

/// One flow of datagrams.
struct DatagramFlow {
    name: &'static str,
    read: Read,
    told: Told,
    messages: u32,
    failures: u32,
}

impl Dissector for DatagramFlow {
    fn data(&mut self, chunk: &Chunk<'_>, out: &mut dyn Sink) -> Progress {
        let mut emit = Emit::new(self.name, self.told.by(chunk.direction), out, &mut self.messages);
        if let Err(error) = (self.read)(chunk, &mut emit) {
            emit.error(error);
            self.failures = self.failures.saturating_add(1);
            if self.messages == 0 && self.failures >= PATIENCE {
                return Progress::GiveUp;
            }
        }
        Progress::Used(chunk.bytes.len())
    }

    fn gap(&mut self, _direction: Direction, _missing: u32) {}
}
