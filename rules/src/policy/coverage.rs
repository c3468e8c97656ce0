//! Whether enough of a zone was seen to enforce it (zone policy page, "Coverage gate"): seven days, four fifths of its assets, and a day in each ship state
//! she can be in, unless the file says that unlearned states are only watched.

use std::collections::BTreeSet;

use dogwatch_model::ShipState;
use serde::Serialize;

use super::types::ZoneIx;
use super::{Policy, StateRule, state_word};
use crate::aggregates::Learned;

/// Days of data a zone needs.
const DAYS: usize = 7;
/// Part of its assets that must have been seen, per cent.
const ASSETS_PERCENT: usize = 80;
/// Data a ship state needs.
const STATE_SECONDS: u64 = 24 * 3_600;

/// What was seen of one zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// The zone.
    pub zone: String,
    /// Days on which something of it was seen.
    pub days: usize,
    /// Assets declared in it.
    pub assets: usize,
    /// Those of them that were not seen.
    pub not_seen: Vec<String>,
    /// Ship states with too little data, with the hours there are.
    pub unlearned: Vec<(&'static str, u64)>,
    /// Whether these stay in `watch`.
    pub are_unlearned_watched: bool,
}

impl Coverage {
    /// What stands against enforcing the zone; nothing when it may be.
    #[must_use]
    pub fn objections(&self) -> Vec<String> {
        let mut all = Vec::new();
        if self.days < DAYS {
            all.push(format!("zone {}: {} of {DAYS} days of data", self.zone, self.days));
        }
        let seen = self.assets.saturating_sub(self.not_seen.len());
        if seen * 100 < self.assets * ASSETS_PERCENT {
            let names: Vec<_> = self.not_seen.iter().take(8).map(String::as_str).collect();
            let rest = self.not_seen.len().saturating_sub(names.len());
            let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
            all.push(format!(
                "zone {}: {seen} of {} assets seen, {ASSETS_PERCENT} % are needed; not seen: {}{more}",
                self.zone,
                self.assets,
                names.join(", ")
            ));
        }
        if !self.are_unlearned_watched {
            for (state, hours) in &self.unlearned {
                all.push(format!(
                    "{hours} of 24 hours of data while {state}; wait, or write unlearned_states = \"watch\""
                ));
            }
        }
        all
    }
}

impl Policy {
    /// What was seen of a zone.
    #[must_use]
    pub fn coverage(&self, learned: &Learned, zone: ZoneIx) -> Coverage {
        let (mut days, mut seen) = (BTreeSet::new(), BTreeSet::new());
        for (key, _, row) in &learned.rows {
            let (from, to) = self.ends_of(learned, key, row);
            for end in [from, to].into_iter().filter(|end| end.zone == Some(zone)) {
                days.extend(row.days.iter().map(|(day, _)| *day));
                seen.extend(end.asset);
            }
            // a source on a bus is declared by its NAME, not as an asset; what it says is data of its zone all the same
            if !row.bus.is_empty() && self.bus_zone(&row.bus) == Some(zone) {
                days.extend(row.days.iter().map(|(day, _)| *day));
            }
        }
        let declared = self.assets.iter().enumerate().filter(|(_, asset)| asset.zone == zone);
        let not_seen = declared
            .clone()
            .filter(|(at, asset)| !learned.heard.contains(&asset.id) && !seen.iter().any(|ix| ix.index() == *at));
        let states = self.state.rules.iter().filter(|(_, rule)| *rule != StateRule::Manual).map(|(state, _)| *state);
        let unlearned = states
            .filter(|state| *state != ShipState::Unknown)
            .map(|state| (state, learned.presence.seconds_in(state)))
            .filter(|(_, seconds)| *seconds < STATE_SECONDS)
            .map(|(state, seconds)| (state_word(state), seconds / 3_600))
            .collect();
        let plan = self.zone(zone);
        Coverage {
            zone: self.zone_id(Some(zone)).to_owned(),
            days: days.len(),
            assets: declared.count(),
            not_seen: not_seen.map(|(_, asset)| asset.id.clone()).collect(),
            unlearned,
            are_unlearned_watched: self.unlearned_states_watch || plan.is_some_and(|plan| plan.unlearned_states_watch),
        }
    }
}
