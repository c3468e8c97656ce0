//! The self-test: every detection against a capture that it must tell and one that it must keep quiet about (`dogwatch rules selftest`).
//!
//! The program aboard has no internet and carries no captures: the simulator makes them in memory, from a fixed seed, and the pipeline of `analyze`
//! judges them. What is expected is taken from the labels that the simulator writes beside each capture, not from here. Nothing is read from the
//! disk, nothing is sent, and a running daemon is not touched.

mod pairs;
mod stage;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use dogwatch_rules::{catalogue, detections};
use serde::Serialize;

pub use pairs::{Deed, Pair, Part, Run, pair_of, pairs};
use stage::Played;

/// What one half of a pair showed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shown {
    /// Ship and script, or what was done.
    pub capture: String,
    /// It was as it must be.
    pub ok: bool,
    /// Frames the monitor had seen when it told the finding, and seconds of capture time since what there is to find began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub told: Option<(u64, f64)>,
    /// The finding, or what is wrong.
    pub words: String,
}

/// What came of one detection.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// `DW-nnnn`.
    pub id: &'static str,
    /// Its title.
    pub title: String,
    /// Told what it must tell.
    pub positive: Shown,
    /// Kept quiet about normal life.
    pub negative: Shown,
}

impl Verdict {
    /// Both halves are as they must be.
    #[must_use]
    pub const fn is_ok(&self) -> bool {
        self.positive.ok && self.negative.ok
    }
}

/// Tests the detections of this build, or the one that is named, with `workers` threads.
#[must_use]
pub fn run(only: Option<&str>, workers: usize) -> Vec<Verdict> {
    let mut ids: Vec<&'static str> = detections::cards().iter().map(|card| card.id).collect();
    ids.retain(|id| only.is_none_or(|only| only == *id));
    ids.sort_unstable();
    let mut runs: Vec<(Run, u32)> = Vec::new();
    for pair in ids.iter().filter_map(|id| pair_of(id)) {
        let needs_s = pair.seconds();
        for run in [&pair.positive, &pair.negative].into_iter().filter_map(Part::run) {
            match runs.iter_mut().find(|(known, _)| *known == run) {
                Some((_, seconds)) => *seconds = (*seconds).max(needs_s),
                None => runs.push((run, needs_s)),
            }
        }
    }
    let played = play_all(runs, workers);
    let verdict = |id: &&'static str| {
        let title = catalogue::row(id).map(|row| row.title.clone()).unwrap_or_default();
        let Some(pair) = pair_of(id) else {
            let missing = Shown { capture: "none".to_owned(), ok: false, told: None, words: "no capture".to_owned() };
            return Verdict { id, title, positive: missing.clone(), negative: missing };
        };
        let half = |part: &Part, must_tell: bool| match part {
            Part::Capture(run) => {
                let found = played.iter().find(|(known, _)| known == run);
                found.map_or_else(
                    || stage::failed(run, "was not played"),
                    |(_, it)| stage::judge(run, it, id, must_tell),
                )
            }
            Part::Deed(deed) => stage::act(deed, id, must_tell),
        };
        Verdict { id, title, positive: half(&pair.positive, true), negative: half(&pair.negative, false) }
    };
    ids.iter().map(verdict).collect()
}

/// Plays the runs; the longest first, so that no thread is left alone with one at the end.
fn play_all(mut runs: Vec<(Run, u32)>, workers: usize) -> Vec<(Run, Result<Played, String>)> {
    runs.sort_by_key(|(_, seconds)| std::cmp::Reverse(*seconds));
    let (next, done) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..workers.clamp(1, 16) {
            scope.spawn(|| {
                loop {
                    let turn = next.fetch_add(1, Ordering::Relaxed);
                    let Some((run, seconds)) = runs.get(turn) else { return };
                    let played = stage::play(run, *seconds);
                    if let Ok(mut done) = done.lock() {
                        done.insert(turn, (*run, played));
                    }
                }
            });
        }
    });
    done.into_inner().map(|done| done.into_values().collect()).unwrap_or_default()
}
