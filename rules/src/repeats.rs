//! What is said again and again: polls ask the same every second, and a detector that compares who asks what learns nothing from the next one.
//!
//! A message counts as a repeat when one of the same kind, with the same acts from the same card, came in the same flow and direction within a
//! moment. Values read are not looked at, values written are. For detectors to which only the speaker matters, any message of the same card in the
//! same flow and direction is one.

use std::hash::{BuildHasher, Hasher};

use dogwatch_model::{Act, CaptureTime, Event, Object, Speaker};
use foldhash::quality::RandomState;

/// Bits of a stamp that hold the second; they begin anew every 194 days.
const SECONDS: u32 = 24;
const LAST_SECONDS: u64 = (1 << SECONDS) - 1;
/// No stamp: those of a message are never 0.
const NOTHING: u64 = 0;
/// How long a moment is, in seconds. Nothing that detectors measure between two messages is as short.
const MOMENT: u64 = 15;
/// Messages and speakers remembered, two to the power of these: those of a moment, so that the cache holds them.
const MESSAGES: u32 = 13;
const SPEAKERS: u32 = 10;

/// See the file's head.
#[derive(Debug)]
pub(crate) struct Repeats {
    said: Moments,
    spoke: Moments,
    /// Seeded at random: nobody can make up two messages that are taken for one. Where they stand does not depend on it, so that the same capture
    /// gives the same findings each time.
    hasher: RandomState,
}

impl Repeats {
    pub(crate) fn new() -> Self {
        Self { said: Moments::new(MESSAGES), spoke: Moments::new(SPEAKERS), hasher: RandomState::default() }
    }

    /// Whether `event` repeats what was said in the `line` (a flow and direction) a moment ago; from now on it is what was said.
    pub(crate) fn is_said_again(&mut self, line: u64, event: &Event<'_>) -> bool {
        let Some(sender) = sender(line, event) else { return false };
        // two words at a time, which is what the hasher takes without packing
        let mut hasher = self.hasher.build_hasher();
        hasher.write_u128(sender);
        // names of protocols are constants: the place of one tells it apart
        hasher.write_u128(pair(event.message.protocol.as_ptr().addr() as u64, u64::from(event.message.function)));
        hasher.write(event.message.kind.as_bytes());
        let mut place = line ^ u64::from(event.message.function) << 4;
        for act in event.message.acts {
            let (is_reply, verb, object) = match *act {
                Act::Request { verb, object } => (0, verb, object),
                Act::Reply { verb, object, refused } => (1 + u64::from(refused), verb, object),
                _ => continue,
            };
            let word = write(object, is_reply << 8 | verb as u64, &mut hasher);
            place = place.wrapping_mul(31).wrapping_add(word);
        }
        self.said.is_again(place, stamp(hasher.finish(), event.at))
    }

    /// Whether the same card spoke in the `line` a moment ago, whatever it said; from now on it is who spoke.
    pub(crate) fn is_spoken_again(&mut self, line: u64, event: &Event<'_>) -> bool {
        let Some(sender) = sender(line, event) else { return false };
        self.spoke.is_again(line, stamp(self.hasher.hash_one(sender), event.at))
    }

    /// What was shown counts no more: it is to be judged anew.
    pub(crate) fn forget(&mut self) {
        self.said.forget();
        self.spoke.forget();
    }
}

/// What came within a moment, see [`stamp`]. Two that share a place push each other out.
#[derive(Debug)]
struct Moments(Vec<u64>);

impl Moments {
    fn new(bits: u32) -> Self {
        Self(vec![NOTHING; 1 << bits])
    }

    /// Whether the same came a moment before `now`; else it is what came last.
    fn is_again(&mut self, place: u64, now: u64) -> bool {
        // the high bits of a product with an odd number depend on every bit (2^64 by the golden ratio: Knuth, TAOCP vol. 3, 6.4)
        let place = place.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - self.0.len().trailing_zeros());
        let Some(heard) = self.0.get_mut(place as usize) else { return false };
        let is_again = (*heard ^ now) >> SECONDS == 0 && now.abs_diff(*heard) < MOMENT;
        if !is_again {
            *heard = now;
        }
        is_again
    }

    fn forget(&mut self) {
        self.0.fill(NOTHING);
    }
}

/// The line and the card that speaks in it; `None` where the protocol knows better than the addresses who that is.
fn sender(line: u64, event: &Event<'_>) -> Option<u128> {
    let [a, b, c, d, e, f] = event.flow.src_mac.0;
    (event.message.speaker == Speaker::Sender).then(|| pair(line, u64::from_be_bytes([0, 0, a, b, c, d, e, f])))
}

/// What came and when in one word, so that twice as many stay in the cache: 40 bits of the number, and the second.
const fn stamp(what: u64, at: CaptureTime) -> u64 {
    (what | 1 << SECONDS) & !LAST_SECONDS | at.seconds().cast_unsigned() & LAST_SECONDS
}

/// Writes all that makes an object itself, and what is done to it; gives a number of it that need not be its own.
fn write(object: Object<'_>, done: u64, hasher: &mut impl Hasher) -> u64 {
    let (word, more) = match object {
        Object::Device { unit } => (1 << 60 | unit.map_or(0x100, u64::from), 0),
        Object::Registers { unit, table, first, count, written } => (
            2 << 60 | u64::from(unit) << 40 | (table as u64) << 32 | u64::from(first) << 16 | u64::from(count),
            written.map_or(u64::from(u32::MAX) + 1, |(low, high)| u64::from(low) << 16 | u64::from(high)),
        ),
        Object::Sentence { talker, formatter } => {
            hasher.write(talker.as_bytes());
            hasher.write(formatter.as_bytes());
            (3 << 60, 0)
        }
        Object::Pgn { pgn, destination } => (4 << 60 | u64::from(destination) << 32 | u64::from(pgn), 0),
        Object::Named(name) => {
            hasher.write(name.as_bytes());
            (name.bytes().rev().take(4).fold(5, |word, byte| word << 8 | u64::from(byte)), name.len() as u64)
        }
    };
    hasher.write_u128(pair(word, done << 40 ^ more));
    word
}

const fn pair(low: u64, high: u64) -> u128 {
    low as u128 | (high as u128) << 64
}

#[cfg(test)]
mod tests {
    use dogwatch_model::{Mac, Message, NoFields, Table, Transport, Verb};

    use super::*;
    use crate::detections::bench::flow;

    fn ask(line: u64, mac: u8, acts: &[Act<'_>], second: i64, question: impl FnOnce(u64, &Event<'_>) -> bool) -> bool {
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
        question(line, &Event { at, frame: 1, flow: &flow, message: &message })
    }

    fn said(repeats: &mut Repeats, second: i64, line: u64, mac: u8, acts: &[Act<'_>]) -> bool {
        ask(line, mac, acts, second, |line, event| repeats.is_said_again(line, event))
    }

    fn spoke(repeats: &mut Repeats, second: i64, line: u64, mac: u8, acts: &[Act<'_>]) -> bool {
        ask(line, mac, acts, second, |line, event| repeats.is_spoken_again(line, event))
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

    #[test]
    fn who_speaks_is_known_whatever_he_says() {
        let mut repeats = Repeats::new();
        let (poll, order) = (asks(Verb::Read, 100, None), asks(Verb::Write, 7, Some((1, 1))));
        assert!(!spoke(&mut repeats, 0, 2, 1, &poll));
        assert!(spoke(&mut repeats, 14, 2, 1, &order), "something else");
        assert!(!spoke(&mut repeats, 14, 3, 1, &poll), "the other direction");
        assert!(!spoke(&mut repeats, 14, 2, 2, &poll) && !spoke(&mut repeats, 14, 2, 1, &poll), "two cards in turn");
        assert!(!spoke(&mut repeats, 29, 2, 1, &poll), "a moment is over");
        assert!(!said(&mut repeats, 29, 2, 1, &poll), "what was said is another question");
        repeats.forget();
        assert!(!spoke(&mut repeats, 29, 2, 1, &poll));
    }
}
