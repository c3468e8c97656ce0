//! Learned or judged: what detectors do with something they see for the first time, and what they take along to the next run.
//!
//! Learning is on where the policy's mode says so. Where it says watch or enforce, a monitor that begins without a baseline still only looks for
//! the first two minutes (the catalogue's grace after a start); without a policy it looks for a day. Only time in which somebody looked counts:
//! captures taken a month apart show no month. A run that takes up the baseline of an earlier one goes on where that one stopped, so that a power cut
//! in the first hours does not turn all that was not seen yet into findings; a baseline that somebody names for an analysis counts as learned.

use std::collections::BTreeMap;
use std::time::Duration;

use dogwatch_model::CaptureTime;
use serde::{Deserialize, Serialize};

use crate::aggregates::Learned;
use crate::policy::{Mode, Policy, ZoneIx};

/// How long is learned where no policy says otherwise (catalogue: at least 24 h).
const WITHOUT_POLICY: Duration = Duration::from_secs(24 * 3_600);
/// How long a monitor without a baseline only looks (catalogue: `grace.monitor_start_s`).
const WITHOUT_BASELINE: Duration = Duration::from_secs(120);
/// The longest silence that still was looked at; of a longer one, between two captures or with the box switched off, no more than this counts.
const LONGEST_SILENCE: Duration = Duration::from_secs(3_600);
/// The form this build writes.
const SCHEMA: u32 = 1;

/// Whether what is seen for the first time is learned or judged.
#[derive(Debug, Clone, Copy, Default)]
pub struct Learning {
    /// First thing seen.
    started: Option<CaptureTime>,
    /// Until when `watched` counts.
    last: Option<CaptureTime>,
    /// How long was looked.
    watched: Duration,
}

impl Learning {
    /// Takes the time of something seen; the first one starts the clock.
    pub(crate) fn seen(&mut self, at: CaptureTime) {
        self.started.get_or_insert(at);
    }

    /// Time goes by; to be told once a second.
    pub(crate) fn tick(&mut self, at: CaptureTime) {
        self.seen(at);
        self.watched = self.watched_until(at);
        self.last = Some(at);
    }

    fn watched_until(&self, at: CaptureTime) -> Duration {
        let Some(last) = self.last.or(self.started) else { return self.watched };
        self.watched.saturating_add(at.since(last).min(LONGEST_SILENCE))
    }

    /// Knows what an earlier run learned: all there is to learn, or what was seen in the time that it looked.
    pub(crate) fn take_up(&mut self, watched_s: Option<u64>) {
        self.watched = watched_s.map_or(WITHOUT_POLICY, Duration::from_secs);
    }

    /// Whether learning is on at `at` between two zones.
    #[must_use]
    pub fn is_on(&self, at: CaptureTime, policy: Option<&Policy>, from: Option<ZoneIx>, to: Option<ZoneIx>) -> bool {
        let grace = match policy {
            Some(policy) if policy.mode_between(from, to) == Mode::Learn => return true,
            Some(_) => WITHOUT_BASELINE,
            None => WITHOUT_POLICY,
        };
        self.watched_until(at) < grace
    }
}

/// What the detectors of a run learned, for the next one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// Form of this record.
    pub schema: u32,
    /// First thing seen by the run that wrote it.
    pub first: Option<CaptureTime>,
    /// Last thing seen.
    pub last: Option<CaptureTime>,
    /// Seconds in which somebody looked, by this run and those it took up; absent where it counts as learned however long that was.
    #[serde(default)]
    pub watched_s: Option<u64>,
    /// What each detector learned, by the first id it raises.
    pub learned: BTreeMap<String, serde_json::Value>,
    /// What was seen, added up.
    #[serde(default)]
    pub aggregates: Learned,
}

impl Baseline {
    /// A baseline of what was learned between `learning`'s start and `last`.
    pub(crate) fn new(
        learning: Learning,
        last: Option<CaptureTime>,
        learned: BTreeMap<String, serde_json::Value>,
        aggregates: Learned,
    ) -> Self {
        let watched_s = Some(learning.watched.as_secs());
        Self { schema: SCHEMA, first: learning.started, last, watched_s, learned, aggregates }
    }

    /// The same as what learning came to: who takes it up judges.
    #[must_use]
    pub fn as_learned(self) -> Self {
        Self { watched_s: None, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_policy_a_day_is_learned_unless_there_is_a_baseline() {
        let at = |seconds: i64| CaptureTime::from_parts(1_800_000_000 + seconds, 0);
        let mut learning = Learning::default();
        assert!(learning.is_on(at(0), None, None, None), "nothing was seen yet");
        learning.seen(at(0));
        (0..86_400).step_by(50).for_each(|second| learning.tick(at(second)));
        assert!(learning.is_on(at(86_399), None, None, None));
        assert!(!learning.is_on(at(86_400), None, None, None));
        learning.take_up(None);
        assert!(!learning.is_on(at(1), None, None, None));
    }

    #[test]
    fn a_run_goes_on_learning_where_the_one_before_was_cut_off() {
        let at = |seconds: i64| CaptureTime::from_parts(1_800_000_000 + seconds, 0);
        let mut before = Learning::default();
        (0..=7_200).for_each(|second| before.tick(at(second)));
        let baseline = Baseline::new(before, None, BTreeMap::new(), Learned::default());
        assert_eq!(baseline.watched_s, Some(7_200));
        let mut after = Learning::default();
        after.take_up(baseline.watched_s);
        assert!(after.is_on(at(90_000), None, None, None), "switched on again the next day");
        let rest = 86_400 - 7_200;
        (0..rest).for_each(|second| after.tick(at(90_000 + second)));
        assert!(after.is_on(at(90_000 + rest - 1), None, None, None));
        assert!(!after.is_on(at(90_000 + rest), None, None, None));
        let mut judging = Learning::default();
        judging.take_up(baseline.as_learned().watched_s);
        judging.seen(at(90_000));
        assert!(!judging.is_on(at(90_000), None, None, None), "an analysis that was given it");
    }

    #[test]
    fn captures_taken_a_month_apart_show_no_month() {
        let at = |seconds: i64| CaptureTime::from_parts(1_800_000_000 + seconds, 0);
        let mut learning = Learning::default();
        // ten minutes each of four months
        for month in 0..4 {
            (0..600).for_each(|second| learning.tick(at(month * 30 * 86_400 + second)));
        }
        let begun = 3 * 30 * 86_400 + 600;
        assert!(learning.is_on(at(begun), None, None, None));
        // a clock that goes back and forth takes nothing away and adds an hour at most
        learning.tick(at(0));
        learning.tick(at(begun));
        // three silences and that leap count an hour each; the rest of the day has to be seen
        let rest = 86_400 - 4 * 600 - 4 * 3_600;
        (0..rest).for_each(|second| learning.tick(at(begun + second)));
        assert!(learning.is_on(at(begun + rest), None, None, None));
        (rest..rest + 60).for_each(|second| learning.tick(at(begun + second)));
        assert!(!learning.is_on(at(begun + rest + 60), None, None, None));
    }
}
