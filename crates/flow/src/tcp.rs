//! The life of a TCP connection as far as a listener needs it: who opened it, whether it carries data, whether it is over.

use etherparse::TcpSlice;

use crate::side::{Pair, Side};

/// What one segment says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segment<'a> {
    pub(crate) seq: u32,
    /// Set when the ACK flag is.
    pub(crate) ack: Option<u32>,
    pub(crate) syn: bool,
    pub(crate) fin: bool,
    pub(crate) rst: bool,
    pub(crate) payload: &'a [u8],
    /// Bytes of payload the capture cut off.
    pub(crate) missing: u32,
}

impl<'a> Segment<'a> {
    pub(crate) fn new(slice: &TcpSlice<'a>, missing: usize) -> Self {
        Self {
            seq: slice.sequence_number(),
            ack: slice.ack().then(|| slice.acknowledgment_number()),
            syn: slice.syn(),
            fin: slice.fin(),
            rst: slice.rst(),
            // What a reset carries is text for people, not part of the stream (RFC 9293, 3.10.7).
            payload: if slice.rst() { &[] } else { slice.payload() },
            missing: u32::try_from(missing).unwrap_or(0),
        }
    }

    /// Sequence number of the first payload byte: a SYN takes one for itself.
    pub(crate) const fn first_byte(&self) -> u32 {
        self.seq.wrapping_add(self.syn as u32)
    }

    pub(crate) const fn has_data(&self) -> bool {
        !self.payload.is_empty() || self.missing > 0
    }
}

/// What was seen of a connection.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Connection {
    /// Initial sequence numbers, where the SYN was seen.
    isn: Pair<Option<u32>>,
    /// The first SYN had no ACK: somebody was seen opening it.
    pub(crate) has_syn: bool,
    pub(crate) has_syn_ack: bool,
    fin: Pair<bool>,
    pub(crate) is_reset: bool,
    pub(crate) is_established: bool,
}

impl Connection {
    /// Whether this segment opens another connection between the same ends.
    pub(crate) fn is_reopened_by(&self, side: Side, segment: &Segment<'_>) -> bool {
        if !segment.syn || segment.ack.is_some() || *self.isn.of(side) == Some(segment.seq) {
            return false;
        }
        // A SYN with another number while the first was not answered yet is another try of the same opening.
        self.is_over() || self.is_established || !self.has_syn
    }

    /// Takes note of a segment; gives the client if the segment tells, and whether the connection counts as established from here on.
    pub(crate) fn note(&mut self, side: Side, segment: &Segment<'_>) -> (Option<Side>, bool) {
        let mut client = None;
        if segment.syn {
            *self.isn.of_mut(side) = Some(segment.seq);
            if segment.ack.is_some() {
                self.has_syn_ack = true;
                client = Some(side.other());
            } else if !self.has_syn {
                self.has_syn = true;
                client = Some(side);
            }
        }
        *self.fin.of_mut(side) |= segment.fin;
        self.is_reset |= segment.rst;
        let is_answered = self.has_syn && self.has_syn_ack && !segment.syn && !segment.rst && segment.ack.is_some();
        let is_new = !self.is_established && (segment.has_data() || is_answered);
        self.is_established |= is_new;
        (client, is_new)
    }

    /// Number of the first byte a side sends, when its SYN was seen.
    pub(crate) fn first_byte(&self, side: Side) -> Option<u32> {
        self.isn.of(side).map(|isn| isn.wrapping_add(1))
    }

    pub(crate) const fn is_closed(&self) -> bool {
        self.fin.a && self.fin.b
    }

    /// Whether nothing more is expected.
    pub(crate) const fn is_over(&self) -> bool {
        self.is_reset || self.is_closed()
    }
}
