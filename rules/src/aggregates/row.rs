//! What is kept of one aggregate: when, how often, in which ship states, which registers and names. No payload, and everything bounded.

use dogwatch_model::{CaptureTime, Mac, Object, Severity, ShipState};
use serde::{Deserialize, Serialize};

use crate::policy::STATES;

/// Days whose counts are kept.
const DAYS: usize = 31;
/// Blocks of registers told apart; beyond that the two nearest become one.
const BLOCKS: usize = 64;
/// Names of objects or servers kept.
const NAMES: usize = 16;
/// Longest name kept.
const LONGEST_NAME: usize = 120;
/// Uses closer together than this to the beginning of the latest occasion belong to it.
const OCCASION_SECONDS: u64 = 300;
const DAY_SECONDS: i64 = 86_400;

/// One aggregate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Network card of who asks, as far as it was seen; a gateway's where it is behind one.
    pub from_mac: Mac,
    /// Network card of who is asked.
    pub to_mac: Mac,
    /// The bus it was on, empty elsewhere.
    pub bus: String,
    /// First use.
    pub first: CaptureTime,
    /// Latest use.
    pub last: CaptureTime,
    /// Uses.
    pub count: u64,
    /// Separate occasions: five minutes and more from the beginning of one to the next.
    pub occasions: u32,
    occasion_began: CaptureTime,
    /// Bits of the ship states it was seen in.
    states: u8,
    /// Uses by day (days since 1970), the latest `DAYS` days.
    pub days: Vec<(i32, u64)>,
    /// Registers touched: first and last, sorted, apart.
    pub blocks: Vec<(u16, u16)>,
    /// Smallest and largest value written.
    pub value: Option<(u16, u16)>,
    /// Objects and servers named.
    pub names: Vec<String>,
    /// Whether there were more names than are kept.
    pub more_names: bool,
    /// Most uses within one minute.
    pub most_a_minute: u32,
    minute: i64,
    in_minute: u32,
    /// Bytes moved, both ways, where that was told.
    pub bytes: u64,
    /// Worst finding that the traffic itself raised.
    pub suspect: Option<Severity>,
}

impl Row {
    pub(super) fn new(at: CaptureTime, from_mac: Mac, to_mac: Mac, bus: &str) -> Self {
        Self {
            from_mac,
            to_mac,
            bus: bus.to_owned(),
            first: at,
            last: at,
            count: 0,
            occasions: 0,
            occasion_began: at,
            states: 0,
            days: Vec::new(),
            blocks: Vec::new(),
            value: None,
            names: Vec::new(),
            more_names: false,
            most_a_minute: 0,
            minute: 0,
            in_minute: 0,
            bytes: 0,
            suspect: None,
        }
    }

    /// Counts one use.
    pub(super) fn used(&mut self, at: CaptureTime, state: ShipState) {
        self.count = self.count.saturating_add(1);
        self.last = self.last.max(at);
        self.states |= state_bit(state);
        if self.occasions == 0 || at.since(self.occasion_began).as_secs() >= OCCASION_SECONDS {
            self.occasions = self.occasions.saturating_add(1);
            self.occasion_began = at;
        }
        let day = i32::try_from(at.seconds().div_euclid(DAY_SECONDS)).unwrap_or_default();
        match self.days.last_mut() {
            Some((last, count)) if *last == day => *count = count.saturating_add(1),
            _ => {
                if self.days.len() >= DAYS {
                    self.days.remove(0);
                }
                self.days.push((day, 1));
            }
        }
        let minute = at.seconds().div_euclid(60);
        self.in_minute = if self.minute == minute { self.in_minute.saturating_add(1) } else { 1 };
        self.minute = minute;
        self.most_a_minute = self.most_a_minute.max(self.in_minute);
    }

    /// Takes in what an operation was about.
    pub(super) fn about(&mut self, object: &Object<'_>) {
        match *object {
            Object::Registers { first, count, written, .. } => {
                let last = first.saturating_add(count.max(1).saturating_sub(1));
                self.block(first, last);
                if let Some((low, high)) = written {
                    let (known_low, known_high) = self.value.unwrap_or((low, high));
                    self.value = Some((low.min(known_low), high.max(known_high)));
                }
            }
            Object::Named(name) if !name.is_empty() => self.name(name),
            _ => {}
        }
    }

    fn name(&mut self, name: &str) {
        if self.names.iter().any(|known| known == name) {
            return;
        }
        if self.names.len() >= NAMES || name.len() > LONGEST_NAME {
            self.more_names = true;
        } else {
            self.names.push(name.to_owned());
        }
    }

    fn block(&mut self, first: u16, last: u16) {
        if self.blocks.iter().any(|block| block.0 <= first && last <= block.1) {
            return;
        }
        self.blocks.push((first, last));
        self.blocks.sort_unstable();
        self.blocks = joined(&self.blocks, 0);
        if self.blocks.len() > BLOCKS {
            let gap = |pair: &[(u16, u16)]| match pair {
                [(_, end), (start, _)] => start.saturating_sub(*end),
                _ => u16::MAX,
            };
            let smallest = self.blocks.windows(2).map(gap).min().unwrap_or_default();
            self.blocks = joined(&self.blocks, smallest);
        }
    }

    /// The ship states it was seen in.
    pub fn states(&self) -> impl Iterator<Item = ShipState> {
        let states = self.states;
        STATES.into_iter().filter(move |state| states & state_bit(*state) != 0)
    }

    /// Days it was seen on, among the latest.
    #[must_use]
    pub fn day_count(&self) -> usize {
        self.days.len()
    }

    /// Uses after a time, as far as days tell them apart.
    #[must_use]
    pub fn count_after(&self, at: CaptureTime) -> u64 {
        let day = i32::try_from(at.seconds().div_euclid(DAY_SECONDS)).unwrap_or_default();
        let later: u64 = self.days.iter().filter(|(seen, _)| *seen > day).map(|(_, count)| count).sum();
        if later == 0 && self.last > at { 1 } else { later }
    }
}

/// Sorted blocks with those joined that have at most `gap` registers between them.
#[must_use]
pub(crate) fn joined(blocks: &[(u16, u16)], gap: u16) -> Vec<(u16, u16)> {
    let mut out: Vec<(u16, u16)> = Vec::with_capacity(blocks.len());
    for (first, last) in blocks {
        match out.last_mut() {
            Some(before) if u32::from(*first) <= u32::from(before.1) + u32::from(gap) + 1 => {
                before.1 = before.1.max(*last);
            }
            _ => out.push((*first, *last)),
        }
    }
    out
}

/// The bit of a ship state.
pub(super) fn state_bit(state: ShipState) -> u8 {
    1 << state_index(state)
}

/// The place of a ship state in the list of all.
pub(super) fn state_index(state: ShipState) -> usize {
    STATES.iter().position(|known| *known == state).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        Row::new(CaptureTime::from_parts(1_800_000_000, 0), Mac::NONE, Mac::NONE, "")
    }

    #[test]
    fn occasions_days_and_rates() {
        let mut row = row();
        let at = |seconds: i64| CaptureTime::from_parts(1_800_000_000 + seconds, 0);
        // a poll every two seconds for eleven minutes: 330 uses, three occasions (0, 300, 600 s), thirty a minute
        for step in 0..330 {
            row.used(at(step * 2), ShipState::InPort);
        }
        assert_eq!((row.count, row.occasions, row.most_a_minute, row.day_count()), (330, 3, 30, 1));
        row.used(at(86_400 * 40), ShipState::AtSea);
        assert_eq!((row.day_count(), row.occasions), (2, 4));
        assert_eq!(row.states().collect::<Vec<_>>(), [ShipState::AtSea, ShipState::InPort]);
        for day in 41..90 {
            row.used(at(86_400 * day), ShipState::AtSea);
        }
        assert_eq!(row.day_count(), DAYS, "only the latest days are kept");
        assert_eq!(row.count_after(at(86_400 * 87)), 2);
    }

    #[test]
    fn blocks_stay_apart_until_there_are_too_many() {
        let mut row = row();
        let read = |first, count| Object::Registers {
            unit: 1,
            table: dogwatch_model::Table::Holding,
            first,
            count,
            written: None,
        };
        row.about(&read(100, 10));
        row.about(&read(110, 5));
        row.about(&read(130, 1));
        assert_eq!(row.blocks, [(100, 114), (130, 130)]);
        for step in 0..200_u16 {
            row.about(&read(1_000 + step * 3, 1));
        }
        assert!(row.blocks.len() <= BLOCKS, "{}", row.blocks.len());
        assert!(row.blocks.iter().any(|(first, last)| *first <= 1_597 && 1_597 <= *last), "nothing is lost");
        row.about(&read(65_535, 10));
        assert_eq!(row.blocks.last(), Some(&(65_535, 65_535)), "a range that runs over the end");
        assert_eq!(joined(&[(1, 2), (11, 12), (22, 23)], 8), [(1, 12), (22, 23)]);
    }

    #[test]
    fn names_are_bounded() {
        let mut row = row();
        for name in 0..20 {
            row.about(&Object::Named(&format!("host{name}.example")));
            row.about(&Object::Named("host0.example"));
        }
        assert!(row.names.len() == NAMES && row.more_names);
    }
}
