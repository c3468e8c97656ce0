//! What a flow asked and answered a moment ago: a poll comes again every second, and most detections learn nothing from its second time.
//!
//! Kept by whoever keeps the flow, so that looking at it costs no look-up. Forgets freely: what is forgotten is shown again.

use std::hash::{BuildHasher, Hash, Hasher};

use dogwatch_model::{Act, Event, Object};
use foldhash::quality::RandomState;

use crate::seen::Party;

/// Requests told apart at a time; those that share a place push each other out.
const PLACES: usize = 8;
/// Seconds that something counts as having just been said.
const MOMENT: u32 = 8;

/// See the file's head.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memo {
    said: [u64; PLACES],
    second: [u32; PLACES],
}

impl Memo {
    /// Whether all that an event does was done on this flow a moment ago; takes note of it. Requests are the same when verb, function and object
    /// are; answers when they grant what was asked and come from the same card. Whatever else a message holds makes it new.
    pub(crate) fn is_repeat(&mut self, event: &Event<'_>, from: &Party, hasher: &RandomState) -> bool {
        let second = u32::try_from(event.at.seconds() & 0xffff_ffff).unwrap_or_default();
        let mut is_repeat = true;
        for act in event.message.acts {
            let said = match *act {
                Act::Request { verb, object } => {
                    let mut state = hasher.build_hasher();
                    from.identity().hash(&mut state);
                    state.write_u64(u64::from(event.message.function) << 32 | verb as u64);
                    if event.message.function == 0 {
                        event.message.kind.hash(&mut state);
                    }
                    object_into(object, &mut state);
                    state.finish()
                }
                Act::Reply { refused: false, .. } => hasher.hash_one(event.flow.src_mac),
                // what came with the answer
                Act::Values { .. } => continue,
                _ => {
                    is_repeat = false;
                    continue;
                }
            };
            let place = said as usize % PLACES;
            if let (Some(known), Some(when)) = (self.said.get_mut(place), self.second.get_mut(place)) {
                // the time stays that of the first: what goes on for hours is shown again every few seconds
                if *known != said || second.wrapping_sub(*when) >= MOMENT {
                    (*known, *when) = (said, second);
                    is_repeat = false;
                }
            }
        }
        is_repeat
    }
}

/// What tells objects apart; values written do not.
fn object_into(object: Object<'_>, state: &mut impl Hasher) {
    match object {
        Object::Registers { unit, table, first, count, .. } => {
            let place = u64::from(unit) << 40 | (table as u64) << 32 | u64::from(first) << 16 | u64::from(count);
            state.write_u64(place);
        }
        Object::Device { unit } => state.write_u16(unit.map_or(0x100, u16::from)),
        Object::Named(name) => name.hash(state),
        Object::Sentence { talker, formatter } => (talker, formatter).hash(state),
        Object::Pgn { pgn, .. } => state.write_u32(pgn),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use dogwatch_model::{CaptureTime, Message, NoFields, Speaker, Table, Transport, Verb};

    use super::*;
    use crate::detections::bench::flow;

    fn reads(first: u16) -> Act<'static> {
        let object = Object::Registers { unit: 1, table: Table::Holding, first, count: 8, written: None };
        Act::Request { verb: Verb::Read, object }
    }

    #[test]
    fn a_poll_is_news_once_and_then_every_few_seconds() {
        let (mut memo, hasher) = (Memo::default(), RandomState::default());
        let flow = flow("10.0.2.11", "10.0.2.22", 502, Transport::Tcp);
        let mut is_repeat = |seconds: u64, acts: &[Act<'_>], from: &str| {
            let message = Message {
                protocol: "modbus",
                kind: "request",
                function: 3,
                speaker: Speaker::Sender,
                acts,
                fields: &NoFields,
            };
            let at = CaptureTime::default().plus(Duration::from_secs(1_800_000_000 + seconds));
            let mut party = Party::nobody(None);
            party.end.ip = from.parse().ok();
            memo.is_repeat(&Event { at, frame: 1, flow: &flow, message: &message }, &party, &hasher)
        };
        let told: Vec<bool> = (0..10).map(|second| is_repeat(second, &[reads(40)], "10.0.2.11")).collect();
        assert_eq!(told, [false, true, true, true, true, true, true, true, false, true]);
        assert!(!is_repeat(9, &[reads(41)], "10.0.2.11"), "other registers");
        assert!(!is_repeat(9, &[reads(41)], "10.0.2.22"), "the other side");
        assert!(!is_repeat(9, &[reads(41), Act::Odd("x")], "10.0.2.22"), "something odd with it");
        let refused = Act::Reply { verb: Verb::Read, object: Object::Device { unit: None }, refused: true };
        assert!(!is_repeat(9, &[refused], "10.0.2.22") && !is_repeat(9, &[refused], "10.0.2.22"), "a refusal");
    }
}
