//! How long and in which ship states the monitor has been looking: what the coverage gate asks before a zone is enforced.

use dogwatch_model::{CaptureTime, ShipState};
use serde::{Deserialize, Serialize};

use super::row::state_index;

/// A pause longer than this between two looks was no looking.
const LONGEST_STEP_SECONDS: u64 = 60;
const DAY_SECONDS: i64 = 86_400;

/// See the file's head.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// Seconds looked at, by ship state in the order of the policy's list.
    seconds: [u64; 6],
    /// Days with a look, by ship state.
    days: [u32; 6],
    day: [i32; 6],
    last: Option<CaptureTime>,
}

impl Presence {
    /// Time went by while the ship was in `state`.
    pub(super) fn tick(&mut self, at: CaptureTime, state: ShipState) {
        let index = state_index(state);
        let step = self.last.map_or(0, |last| at.since(last).as_secs());
        self.last = Some(self.last.map_or(at, |last| last.max(at)));
        if let Some(seconds) = self.seconds.get_mut(index).filter(|_| step <= LONGEST_STEP_SECONDS) {
            *seconds = seconds.saturating_add(step);
        }
        let today = i32::try_from(at.seconds().div_euclid(DAY_SECONDS)).unwrap_or_default();
        if let (Some(day), Some(days)) = (self.day.get_mut(index), self.days.get_mut(index))
            && *day != today
        {
            *day = today;
            *days = days.saturating_add(1);
        }
    }

    /// Seconds looked at in a ship state.
    #[must_use]
    pub fn seconds_in(&self, state: ShipState) -> u64 {
        self.seconds.get(state_index(state)).copied().unwrap_or_default()
    }

    /// Days on which the ship was seen in a state.
    #[must_use]
    pub fn days_in(&self, state: ShipState) -> u32 {
        self.days.get(state_index(state)).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_no_looking() {
        let mut presence = Presence::default();
        let at = |seconds| CaptureTime::from_parts(1_800_000_000 + seconds, 0);
        for second in 0..=100 {
            presence.tick(at(second), ShipState::InPort);
        }
        presence.tick(at(5_000), ShipState::InPort);
        presence.tick(at(5_001), ShipState::AtSea);
        presence.tick(at(5_001 + DAY_SECONDS), ShipState::AtSea);
        assert_eq!((presence.seconds_in(ShipState::InPort), presence.seconds_in(ShipState::AtSea)), (100, 1));
        assert_eq!((presence.days_in(ShipState::InPort), presence.days_in(ShipState::AtSea)), (1, 2));
    }
}
