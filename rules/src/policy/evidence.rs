//! What stands behind a proposed line, in words, and what speaks against it.

use std::collections::BTreeSet;

use dogwatch_model::{CaptureTime, Severity, ShipState};

use super::state_word;
use crate::aggregates::Row;

/// Occasions from which on something is a habit.
const HABIT: u32 = 3;

/// What was seen of one line.
#[derive(Debug, Clone)]
pub(super) struct Evidence {
    first: CaptureTime,
    last: CaptureTime,
    count: u64,
    pub(super) occasions: u32,
    days: BTreeSet<i32>,
    states: Vec<ShipState>,
    worst: Option<Severity>,
    is_suspect: bool,
}

impl Evidence {
    pub(super) fn of(row: &Row, is_suspect: bool) -> Self {
        Self {
            first: row.first,
            last: row.last,
            count: row.count,
            occasions: row.occasions,
            days: row.days.iter().map(|(day, _)| *day).collect(),
            states: row.states().collect(),
            worst: row.suspect,
            is_suspect,
        }
    }

    pub(super) fn join(&mut self, other: &Self) {
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.count = self.count.saturating_add(other.count);
        // a line is as well founded as the least of what it allows
        self.occasions = self.occasions.min(other.occasions);
        self.days.extend(&other.days);
        self.states.extend(&other.states);
        self.states.sort_unstable_by_key(|state| state_word(*state));
        self.states.dedup();
        self.worst = self.worst.max(other.worst);
        self.is_suspect |= other.is_suspect;
    }

    pub(super) fn words(&self) -> String {
        let states: Vec<_> = self.states.iter().map(|state| state_word(*state)).collect();
        let states = states.join(" + ");
        if self.occasions < HABIT || self.count < 10 {
            let times = if self.count == 1 { "once".to_owned() } else { format!("{} times", self.count) };
            let later = if self.occasions < 2 { " only" } else { " and later" };
            return format!("{times} on {}{later} ({states})", minute(self.first));
        }
        let apart = self.last.since(self.first).as_secs_f64() / self.count.saturating_sub(1).max(1) as f64;
        let days = self.days.len();
        format!("every {apart:.1} s, {days} day{}, {states}", if days == 1 { "" } else { "s" })
    }

    pub(super) fn doubts(&self) -> Vec<String> {
        let mut doubts = Vec::new();
        if let Some(worst) = self.worst.filter(|worst| *worst >= Severity::Medium) {
            doubts.push(format!("it raised a finding of severity {}", worst.as_str()));
        } else if self.is_suspect {
            doubts.push("a finding of severity medium or worse is about these devices".to_owned());
        }
        if self.occasions < HABIT {
            doubts.push(format!(
                "it was seen on {} occasion{} only",
                self.occasions,
                if self.occasions == 1 { "" } else { "s" }
            ));
        }
        doubts
    }
}

fn minute(at: CaptureTime) -> String {
    let (year, month, day, hour, minute, ..) = at.civil();
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}")
}
