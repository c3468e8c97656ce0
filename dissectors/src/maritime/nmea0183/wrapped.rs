//! Parameter groups of NMEA 2000 that a gateway wrapped in sentences (`$PCDIN`, `$MXPGN`): one bus for each flow that carries any.
//!
//! The sentence itself is a message of its own protocol; what is inside comes out as messages of `nmea2000`. A sentence with a wrong
//! checksum is not unwrapped.

use dogwatch_model::CaptureTime;

use super::sentence::{Address, Sentence};
use crate::maritime::n2k::{Bus, Holds, LineBuffer, wrapped};
use crate::{Limits, Sink};

/// The bus behind the gateway of one flow; made when the first wrapped group comes.
pub(crate) struct Wrapped {
    limits: Limits,
    behind: Option<Box<Behind>>,
}

struct Behind {
    bus: Bus,
    buffer: LineBuffer,
}

impl Wrapped {
    /// No bus yet.
    pub(crate) const fn new(limits: &Limits) -> Self {
        Self { limits: *limits, behind: None }
    }

    /// Forgets half-read groups.
    pub(crate) fn clear(&mut self) {
        if let Some(behind) = &mut self.behind {
            behind.bus.clear();
        }
    }

    /// Takes a sentence; does nothing unless it wraps a group.
    pub(crate) fn take(&mut self, at: CaptureTime, sentence: &Sentence<'_>, out: &mut dyn Sink) {
        let wraps = matches!(
            sentence.address,
            Address::Proprietary { code: "CDIN" } | Address::Talker { talker: "MX", formatter: "PGN" }
        );
        let Some(text) = wraps.then(|| std::str::from_utf8(sentence.raw).ok()).flatten() else { return };
        let limits = &self.limits;
        let behind = self
            .behind
            .get_or_insert_with(|| Box::new(Behind { bus: Bus::new(limits), buffer: LineBuffer::default() }));
        let Behind { bus, buffer } = behind.as_mut();
        let Some(line) = wrapped(text, buffer) else { return };
        match line.holds {
            Holds::Frame => bus.frame(at, line.header, line.data, out),
            Holds::Message | Holds::Either => bus.message(at, line.header, line.data, out),
        }
    }
}
