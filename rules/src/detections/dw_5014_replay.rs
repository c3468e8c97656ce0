//! DW-5014: a source says again what it said before: recorded navigation data are played back.
//!
//! Of every receiver the positions of the last hour, and up to another, are remembered as they were told, to the last digit. A moving ship never tells the same
//! positions in the same order again; eight different positions in a row that repeat an earlier run at one and the same distance in time are a
//! replay, whatever the time of day in the sentences says (old, or written anew). A ship that lies still repeats one position, which does not count.
//! The recorder's own playback belongs on a network that is not the ship's; what is played back there has another sender and counts for itself.

use std::hash::BuildHasher;

use dogwatch_model::{Act, CaptureTime, Event, Of, Quantity, Value};
use foldhash::quality::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::of_talker::{Case, raise_of};
use crate::detector::{Card, Context, Detector, Threshold, Wants};
use crate::own_ship::{PerTalker, Trouble, metres};
use crate::seen::Party;

/// Positions of one receiver in one generation: an hour at one a second, less what would make the table twice as large. Two generations are kept, and
/// the older one goes as a whole: taking single ones out would cost more than all the rest, since each lies elsewhere.
const REMEMBERED: usize = 3_500;
/// Seconds that an earlier run must lie back: less is the same second told twice.
const LEAST_BACK: f64 = 5.0;
/// Seconds by which the distance in time of a run may vary.
const PACE: f64 = 1.0;
/// Metres that a run must lead away from where it began: small movements on a coarse grid repeat themselves.
const LED_AWAY: f64 = 15.0;
/// Metres between two positions that count as different ones.
const MOVED: f64 = 0.05;

const CARD: Card = Card {
    id: "DW-5014",
    why: "Displays that are fed an old recording show a ship sailing well where she is not. The numbers look right because they once were.",
    e26: &["4.3.1"],
};

/// A position to the last digit.
type Told = (u64, u64);

#[derive(Debug, Default)]
struct History {
    now: HashTable<(Told, CaptureTime)>,
    before: HashTable<(Told, CaptureTime)>,
    hasher: RandomState,
    last: Option<(Told, (f64, f64))>,
    /// Positions in a row that were told before, and how long before.
    run: u32,
    back: f64,
    began: (f64, f64),
    told_at: Option<CaptureTime>,
}

/// See the file's head.
pub(super) struct Replay {
    histories: PerTalker<History>,
    run: f64,
}

impl Default for Replay {
    fn default() -> Self {
        Self { histories: PerTalker::default(), run: 8.0 }
    }
}

impl Detector for Replay {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        Wants { own_ship_of: &[Quantity::Position], ..Wants::default() }
    }

    fn thresholds(&mut self) -> Vec<Threshold<'_>> {
        vec![Threshold::new(CARD.id, "run", &mut self.run, 4.0..=600.0)]
    }

    fn event(&mut self, event: &Event<'_>, _from: &Party, _to: &Party, cx: &mut Context<'_>) {
        let place = event.message.acts.iter().find_map(|act| match act {
            Act::Measures { of: Of::OwnShip, quantity: Quantity::Position, value: Value::Position { lat, lon } } => {
                Some((*lat, *lon))
            }
            _ => None,
        });
        let (Some(ix), Some(place)) = (cx.talker, place) else { return };
        let history = self.histories.of(ix);
        let Some(run) = history.told(place, event.at) else { return };
        // one count every so often is enough
        let is_due = event.at.since(history.told_at.unwrap_or_default()).as_secs() >= 60 || history.told_at.is_none();
        if f64::from(run) < self.run || metres(history.began, place) < LED_AWAY || !is_due {
            return;
        }
        history.told_at = Some(event.at);
        let back = history.back;
        let ship = cx.ship;
        let Some(talker) = ship.talker(ix) else { return };
        cx.troubles.note(Trouble::Time, ix, event.at);
        let case = Case {
            severity: None,
            confidence: 0.95,
            to: None,
            summary: format!("{} repeats its positions of {back:.0} s ago", talker.name(cx)),
            fields: vec![
                ("positions_repeated", run.to_string()),
                ("back_s", format!("{back:.1}")),
                ("position", format!("{:.6} {:.6}", place.0, place.1)),
            ],
            expected: "positions that were not told before, in that order, within an hour".to_owned(),
        };
        raise_of(cx, &CARD, talker, event.at, &talker.key(), case);
    }
}

impl History {
    /// Takes a position; gives how many in a row were told before, when it is a new one.
    fn told(&mut self, place: (f64, f64), at: CaptureTime) -> Option<u32> {
        let told = (place.0.to_bits(), place.1.to_bits());
        if let Some((last, before)) = self.last {
            if last == told {
                return None;
            }
            // a millionth of a degree of latitude is eleven centimetres everywhere
            if (before.0 - place.0).abs() < 1e-6 && metres(before, place) < MOVED {
                // crept by a digit: neither a repetition nor a reason to end one
                self.last = Some((told, place));
                return None;
            }
        }
        self.last = Some((told, place));
        let hash = self.hasher.hash_one(told);
        let find = |table: &HashTable<(Told, CaptureTime)>| table.find(hash, |(known, _)| *known == told).map(|f| f.1);
        let earlier = find(&self.now).or_else(|| find(&self.before));
        let earlier = earlier.map(|when| (at.0.saturating_sub(when.0)) as f64 / 1e9);
        match earlier.filter(|back| *back >= LEAST_BACK) {
            Some(back) if self.run > 0 && (back - self.back).abs() <= PACE => self.run = self.run.saturating_add(1),
            Some(back) => (self.run, self.back, self.began) = (1, back, place),
            None => self.run = 0,
        }
        if self.run == 0 {
            self.remember(hash, told, at);
        }
        Some(self.run)
    }

    fn remember(&mut self, hash: u64, told: Told, at: CaptureTime) {
        if self.now.len() >= REMEMBERED {
            std::mem::swap(&mut self.now, &mut self.before);
            self.now.clear();
        }
        let hasher = &self.hasher;
        match self.now.entry(hash, |(known, _)| *known == told, |(known, _)| hasher.hash_one(known)) {
            Entry::Occupied(mut known) => known.get_mut().1 = at,
            Entry::Vacant(room) => {
                room.insert((told, at));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::Bench;

    fn track(places: impl Iterator<Item = (f64, f64, f64)>) -> Vec<String> {
        let mut bench = Bench::new(None, Box::<Replay>::default());
        for (second, lat, lon) in places {
            bench.at(second);
            bench.measures("10.0.0.1", &[(Quantity::Position, Value::Position { lat, lon })]);
            bench.measures("10.0.0.1", &[(Quantity::Position, Value::Position { lat, lon })]);
        }
        bench.ids()
    }

    fn sailed(second: u32) -> (f64, f64) {
        (54.0 + f64::from(second) * 5e-5, 7.0 + f64::from(second) * 3e-5)
    }

    #[test]
    fn a_recording_played_again_is_told_once() {
        let places = (0..300).map(|second| {
            let (lat, lon) = sailed(if second < 200 { second } else { second - 120 });
            (f64::from(second), lat, lon)
        });
        assert_eq!(track(places), ["DW-5014"]);
    }

    #[test]
    fn lying_still_swinging_and_crossing_the_own_track_are_quiet() {
        assert!(track((0..600).map(|second| (f64::from(second), 54.0, 7.0))).is_empty(), "still");
        // swings between a few places, told with few digits, like clockwork
        let swing = |second: u32| 7.0 + f64::from((second / 3) % 5) * 1e-5;
        assert!(track((0..600).map(|second| (f64::from(second), 54.0, swing(second)))).is_empty(), "swinging");
        let cross = (0..200).map(|second| {
            let (lat, lon) =
                if second < 100 { sailed(second) } else { (54.0025, 7.0 + f64::from(second - 100) * 3e-5) };
            (f64::from(second), lat, lon)
        });
        assert!(track(cross).is_empty(), "crossing");
    }

    #[test]
    fn memory_is_bounded_and_holds_an_hour() {
        let told = |history: &mut History, place: u32, second: u32| {
            history.told(sailed(place), CaptureTime::from_parts(i64::from(second), 0))
        };
        for end in [3_500, 6_000, 10_000] {
            let mut history = History::default();
            for second in 0..end {
                assert_eq!(told(&mut history, second, second), Some(0), "never told before");
            }
            assert!(history.now.len() <= REMEMBERED && history.before.len() <= REMEMBERED);
            assert_eq!(told(&mut history, end - 3_499, end), Some(1), "told an hour ago");
        }
    }
}
