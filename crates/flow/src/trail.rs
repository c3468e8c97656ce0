//! Recognition by several datagrams in a row, for protocols of which a single one tells nothing.
//!
//! One side of a flow is followed, and only while a protocol may be speaking there; the state is a small box that most flows never get.

use dogwatch_dissectors::{RUN_HEAD, Run};

use crate::catalogue::{Catalogue, Index};
use crate::side::Side;

/// Datagrams that must follow each other without a fault.
const ENOUGH: u8 = 4;
/// Datagrams of the followed side after which it is given up.
const PATIENCE: u8 = 24;

/// What was seen of one side.
pub(crate) struct Trail {
    protocol: Index,
    /// The protocol's own judgement of two datagrams in a row.
    run: Run,
    side: Side,
    head: [u8; RUN_HEAD],
    in_row: u8,
    seen: u8,
}

/// What a datagram came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The flow is this protocol's.
    Found(Index),
    /// It may be.
    On,
    /// It is not.
    Over,
}

impl Trail {
    /// Begins at a datagram that may be the first of a run.
    pub(crate) fn begin(catalogue: &Catalogue, side: Side, bytes: &[u8], skip: Option<Index>) -> Option<Box<Self>> {
        let head = *bytes.first_chunk()?;
        let (protocol, run) = catalogue.runs().find(|(index, run)| skip != Some(*index) && run(&[], bytes))?;
        Some(Box::new(Self { protocol, run, side, head, in_row: 0, seen: 0 }))
    }

    /// Takes the next datagram of the flow.
    pub(crate) fn next(&mut self, side: Side, bytes: &[u8]) -> Step {
        if side != self.side {
            return Step::On;
        }
        self.seen = self.seen.saturating_add(1);
        // A mirror port that copies both ways of a link shows everything twice.
        if bytes.first_chunk() == Some(&self.head) && self.seen < PATIENCE {
            return Step::On;
        }
        let follows = (self.run)(&self.head, bytes);
        self.in_row = if follows { self.in_row.saturating_add(1) } else { 0 };
        match bytes.first_chunk() {
            _ if self.in_row >= ENOUGH => Step::Found(self.protocol),
            Some(head) if self.seen < PATIENCE => {
                self.head = *head;
                Step::On
            }
            _ => Step::Over,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dogwatch_dissectors::PROTOCOLS;

    /// A packet of RTP (RFC 3550 clause 5.1): G.711, source 7.
    fn packet(sequence: u16) -> Vec<u8> {
        let mut bytes = vec![0x80, 8];
        bytes.extend(sequence.to_be_bytes());
        bytes.extend((u32::from(sequence) * 160).to_be_bytes());
        bytes.extend(7_u32.to_be_bytes());
        bytes.extend([0xd5; 160]);
        bytes
    }

    #[test]
    fn some_in_a_row() {
        let catalogue = Catalogue::new(PROTOCOLS);
        let begin = || Trail::begin(&catalogue, Side::A, &packet(1), None).unwrap();
        let mut trail = begin();
        let steps: Vec<_> = (2..=5).map(|at| trail.next(Side::A, &packet(at))).collect();
        assert!(matches!(steps[..], [Step::On, Step::On, Step::On, Step::Found(_)]), "{steps:?}");
        // The other side does not count, neither for nor against.
        let mut trail = begin();
        for at in 2..=4 {
            assert_eq!(trail.next(Side::A, &packet(at)), Step::On);
            assert_eq!(trail.next(Side::B, b"?"), Step::On);
        }
        // One missing: the row begins anew behind it.
        assert_eq!(trail.next(Side::A, &packet(6)), Step::On);
        let steps: Vec<_> = (7..=10).map(|at| trail.next(Side::A, &packet(at))).collect();
        assert!(matches!(steps[..], [Step::On, Step::On, Step::On, Step::Found(_)]), "{steps:?}");
    }

    #[test]
    fn everything_twice() {
        let catalogue = Catalogue::new(PROTOCOLS);
        let mut trail = Trail::begin(&catalogue, Side::A, &packet(1), None).unwrap();
        let numbers = [1, 2, 2, 3, 3, 4, 4, 5];
        let steps: Vec<_> = numbers.iter().map(|at| trail.next(Side::A, &packet(*at))).collect();
        assert!(matches!(steps.last(), Some(Step::Found(_))), "{steps:?}");
    }

    #[test]
    fn patience_ends() {
        let catalogue = Catalogue::new(PROTOCOLS);
        assert!(Trail::begin(&catalogue, Side::A, b"\x05 something else", None).is_none());
        let mut trail = Trail::begin(&catalogue, Side::A, &packet(1), None).unwrap();
        let over = (0..100).position(|_| trail.next(Side::A, &packet(1)) == Step::Over);
        assert_eq!(over, Some(usize::from(PATIENCE) - 1));
    }
}
