//! What is said again and again: polls ask the same every second, and a detector that compares who asks what learns nothing from the next one.
//!
//! A message counts as a repeat when one of the same kind, with the same acts from the same card, came in the same flow and direction within a
//! moment. Values read are not looked at, values written are.

use std::hash::{BuildHasher, Hasher};

use dogwatch_model::{Act, Event, Object, Speaker};
use foldhash::quality::RandomState;

/// Messages remembered, two to the power of this: those of a moment, so that the cache holds them.
const REMEMBERED: u32 = 13;
/// How long a moment is, in seconds. Nothing that detectors measure between two messages is as short.
const MOMENT: u64 = 15;

/// See the file's head.
#[derive(Debug)]
pub(crate) struct Repeats {
    /// What was said, as a number, and in which second. Two that share a place push each other out.
    heard: Vec<(u64, i64)>,
    /// Seeded at random: nobody can make up two messages that are taken for one. Where they stand does not depend on it, so that the same capture
    /// gives the same findings each time.
    hasher: RandomState,
}

impl Repeats {
    pub(crate) fn new() -> Self {
        Self { heard: vec![(0, i64::MIN); 1 << REMEMBERED], hasher: RandomState::default() }
    }

    /// Whether `event` repeats what was said in the `line` (a flow and direction) a moment ago; from now on it is what was said.
    pub(crate) fn is_repeat(&mut self, line: u64, event: &Event<'_>) -> bool {
        if event.message.speaker != Speaker::Sender {
            return false;
        }
        let mut hasher = self.hasher.build_hasher();
        hasher.write_u64(line);
        let [a, b, c, d, e, f] = event.flow.src_mac.0;
        hasher.write_u64(u64::from_be_bytes([0, 0, a, b, c, d, e, f]));
        // names of protocols are constants: the place of one tells it apart
        hasher.write_usize(event.message.protocol.as_ptr().addr());
        hasher.write_u32(event.message.function);
        hasher.write(event.message.kind.as_bytes());
        let mut place = line ^ u64::from(event.message.function) << 4;
        for act in event.message.acts {
            let (is_reply, verb, object) = match *act {
                Act::Request { verb, object } => (0, verb, object),
                Act::Reply { verb, object, refused } => (1 + u64::from(refused), verb, object),
                _ => continue,
            };
            hasher.write_u64(is_reply << 8 | verb as u64);
            place = place.wrapping_mul(31).wrapping_add(write(object, &mut hasher));
        }
        let (said, second) = (hasher.finish(), event.at.seconds());
        // the high bits of a product with an odd number depend on every bit (2^64 by the golden ratio: Knuth, TAOCP vol. 3, 6.4)
        let place = place.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - REMEMBERED);
        let Some(heard) = self.heard.get_mut(place as usize) else { return false };
        let is_repeat = heard.0 == said && second.abs_diff(heard.1) < MOMENT;
        if !is_repeat {
            *heard = (said, second);
        }
        is_repeat
    }

    /// What was shown counts no more: it is to be judged anew.
    pub(crate) fn forget(&mut self) {
        self.heard.fill((0, i64::MIN));
    }
}

/// Writes all that makes an object itself; gives a number of it that need not be its own.
fn write(object: Object<'_>, hasher: &mut impl Hasher) -> u64 {
    match object {
        Object::Device { unit } => {
            let word = 1 << 60 | unit.map_or(0x100, u64::from);
            hasher.write_u64(word);
            word
        }
        Object::Registers { unit, table, first, count, written } => {
            let word =
                2 << 60 | u64::from(unit) << 40 | (table as u64) << 32 | u64::from(first) << 16 | u64::from(count);
            hasher.write_u64(word);
            hasher.write_u64(written.map_or(u64::MAX, |(low, high)| u64::from(low) << 16 | u64::from(high)));
            word
        }
        Object::Sentence { talker, formatter } => {
            hasher.write(talker.as_bytes());
            hasher.write(formatter.as_bytes());
            3
        }
        Object::Pgn { pgn, destination } => {
            let word = 4 << 60 | u64::from(destination) << 32 | u64::from(pgn);
            hasher.write_u64(word);
            word
        }
        Object::Named(name) => {
            hasher.write_u64(name.len() as u64);
            hasher.write(name.as_bytes());
            name.bytes().rev().take(4).fold(5, |word, byte| word << 8 | u64::from(byte))
        }
    }
}

#[cfg(test)]
mod tests {
    use dogwatch_model::{CaptureTime, Mac, Message, NoFields, Table, Transport, Verb};

    use super::*;
    use crate::detections::bench::flow;

    fn said(repeats: &mut Repeats, second: i64, line: u64, mac: u8, acts: &[Act<'_>]) -> bool {
        let mut flow = flow("10.0.2.10", "10.0.2.21", 502, Transport::Tcp);
        flow.src_mac = Mac([2, 0, 0, 0, 0, mac]);
        let message = Message {
            protocol: "modbus",
            kind: "request",
            function: 3,
            speaker: Speaker::Sender,
            acts,
            fields: &NoFields,
        };
        let at = CaptureTime::from_parts(1_800_000_000 + second, 0);
        repeats.is_repeat(line, &Event { at, frame: 1, flow: &flow, message: &message })
    }

    fn asks(verb: Verb, first: u16, written: Option<(u16, u16)>) -> [Act<'static>; 1] {
        [Act::Request { verb, object: Object::Registers { unit: 1, table: Table::Holding, first, count: 2, written } }]
    }

    #[test]
    fn only_the_same_from_the_same_within_a_moment() {
        let mut repeats = Repeats::new();
        let poll = asks(Verb::Read, 100, None);
        assert!(!said(&mut repeats, 0, 2, 1, &poll));
        assert!(said(&mut repeats, 1, 2, 1, &poll) && said(&mut repeats, 14, 2, 1, &poll));
        assert!(!said(&mut repeats, 15, 2, 1, &poll), "a moment is over, however often it was said meanwhile");
        assert!(!said(&mut repeats, 15, 3, 1, &poll), "the other direction");
        assert!(!said(&mut repeats, 15, 2, 2, &poll), "another card");
        assert!(!said(&mut repeats, 15, 2, 1, &asks(Verb::Read, 102, None)), "other registers");
        assert!(!said(&mut repeats, 15, 2, 1, &asks(Verb::Write, 100, Some((1, 1)))), "another verb");
        assert!(!said(&mut repeats, 15, 2, 1, &asks(Verb::Write, 100, Some((1, 2)))), "other values written");
        let named = |name| [Act::Request { verb: Verb::Write, object: Object::Named(name) }];
        assert!(!said(&mut repeats, 15, 2, 1, &named("pump-1.run")));
        assert!(!said(&mut repeats, 15, 2, 1, &named("pump-2.run")), "another name with the same end");
        assert!(said(&mut repeats, 16, 2, 1, &named("pump-2.run")));
        repeats.forget();
        assert!(!said(&mut repeats, 16, 2, 1, &named("pump-2.run")));
    }
}
