//! Registers over time: the one table of values that DW-4001 (learned), DW-4002 and DW-4003 judge by.
//!
//! A register's track says how fast it moves, how long it stands still, and between which numbers it stays in each state of the ship. What counts
//! from one end to the other, what switches and what hardly moves is no measured value and is never judged.
//!
//! The envelope of a state is what was read in it until enough was seen, and grows no more after that but in learn mode: whoever pulls a value
//! away slowly would otherwise take the envelope along. What differs more from one day to the next than within any of them (the level of a tank, the
//! temperature of the sea) has shown no envelope and is not judged. Deliberately absent: what a value means, and numbers of more than one register.

use std::time::Duration;

use dogwatch_model::{CaptureTime, ShipState};
use serde::{Deserialize, Serialize};

/// Readings before a value is judged.
const READINGS: u32 = 120;
/// Changes that make a measured value, and the share of them that must go each way.
const CHANGES: u32 = 30;
const EACH_WAY: f64 = 0.1;
/// A step that matters: of the span of all readings, and at least so many counts.
const STEP_SHARE: f64 = 0.5;
const STEP_COUNTS: i32 = 8;
/// Two such steps within this time are told.
const AGAIN: Duration = Duration::from_secs(60);
/// The shortest standstill that means anything; and how many times as long a value must have been watched before its standstill is judged: what
/// drifts slowly through coarse steps chatters at one step for minutes and then rests on the next.
pub(super) const STILL_S: f64 = 60.0;
const WATCHED: f64 = 10.0;
/// Counts that a value must have ranged over: one that chatters between two steps says nothing by resting on one.
const RANGED: i32 = 5;
/// Days on which a block was read before its envelopes are judged (catalogue: 7), and how many of them and how long in a state for that state's.
const DAYS: u16 = 7;
const STATE_DAYS: u16 = 2;
const STATE_SECONDS: f32 = 3_600.0;
/// What lies outside by less than this share of the number itself, or by less than so many counts, is another season or a coarse step.
const OF_NUMBER: f64 = 0.02;
const MARGIN_COUNTS: f64 = 2.0;
/// Values of one controller that leave their envelopes together for so long are at a new working point, which is learned.
const WORKING_POINT: Duration = Duration::from_secs(3_600);
/// How long is waited for others of the controller to follow a value out of its envelope.
const FOLLOWS: Duration = Duration::from_secs(60);
/// States of a ship.
const STATES: usize = 6;
const SECONDS_A_DAY: i64 = 86_400;

/// One register over time. Numbers are relative to the first one seen, so that a sign does not matter.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Track {
    base: u16,
    pub(super) last: i16,
    pub(super) low: i16,
    pub(super) high: i16,
    pub(super) readings: u32,
    changes: u32,
    ups: u32,
    /// Fastest change, counts a second.
    pub(super) fastest: f32,
    /// Longest time between two changes, seconds.
    longest_still: f32,
    /// When it changed last.
    pub(super) changed: CaptureTime,
    /// Between which numbers it stayed, by state of the ship.
    #[serde(default)]
    envelopes: [Option<Envelope>; STATES],
    /// The last step that was too fast.
    #[serde(skip)]
    pub(super) leapt: Option<CaptureTime>,
    #[serde(skip)]
    pub(super) is_told_frozen: bool,
    /// Since when it has been outside its envelope.
    #[serde(skip)]
    outside: Option<CaptureTime>,
    /// When it was outside last.
    #[serde(skip)]
    was_outside: Option<CaptureTime>,
    #[serde(skip)]
    is_told_outside: bool,
}

/// Between which numbers a register stayed in one state of the ship.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Envelope {
    low: i16,
    high: i16,
    /// The same of the present day.
    day: (i16, i16),
    /// Counts that the day of the widest range had.
    widest: u16,
}

impl Envelope {
    fn span(&self) -> i32 {
        i32::from(self.high) - i32::from(self.low)
    }

    /// Whether one day showed most of what all of them did.
    fn is_settled(&self) -> bool {
        i32::from(self.widest) * 2 >= self.span()
    }
}

/// What a reading means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    Usual,
    /// Too far too fast, for the first time in a while or again.
    Leap {
        is_again: bool,
    },
}

impl Track {
    pub(super) fn read(
        &mut self,
        value: u16,
        since: Duration,
        at: CaptureTime,
        (is_judged, factor): (bool, f64),
    ) -> Reading {
        if self.readings == 0 {
            *self = Self { base: value, readings: 1, changed: at, ..Self::default() };
            return Reading::Usual;
        }
        let now = value.wrapping_sub(self.base).cast_signed();
        let step = now.wrapping_sub(self.last);
        self.readings = self.readings.saturating_add(1);
        self.last = now;
        if step == 0 {
            return Reading::Usual;
        }
        let speed = f64::from(step.unsigned_abs()) / since.as_secs_f64().max(0.001);
        let far = (f64::from(self.span()) * STEP_SHARE).max(f64::from(STEP_COUNTS));
        let is_leap = is_judged
            && self.is_measured()
            && f64::from(step.unsigned_abs()) >= far
            && speed > factor * f64::from(self.fastest);
        self.changes = self.changes.saturating_add(1);
        self.ups = self.ups.saturating_add(u32::from(step > 0));
        let still = at.since(self.changed).as_secs_f64() as f32;
        self.changed = at;
        self.is_told_frozen = false;
        if is_leap {
            let is_again = self.leapt.replace(at).is_some_and(|before| at.since(before) <= AGAIN);
            return Reading::Leap { is_again };
        }
        self.learn(speed, still, now);
        Reading::Usual
    }

    fn learn(&mut self, speed: f64, still: f32, now: i16) {
        self.fastest = self.fastest.max(speed as f32);
        self.longest_still = self.longest_still.max(still);
        (self.low, self.high) = (self.low.min(now), self.high.max(now));
    }

    pub(super) fn span(&self) -> i32 {
        i32::from(self.high) - i32::from(self.low)
    }

    /// Whether it moves to and fro, as measured values do.
    pub(super) fn is_measured(&self) -> bool {
        let ups = f64::from(self.ups) / f64::from(self.changes.max(1));
        self.readings >= READINGS && self.changes >= CHANGES && (EACH_WAY..=1.0 - EACH_WAY).contains(&ups)
    }

    /// Whether it has stood still for too long, in the middle of what it has shown.
    pub(super) fn is_frozen(&self, (first, at): (CaptureTime, CaptureTime), factor: f64) -> bool {
        let limit = (factor * f64::from(self.longest_still)).max(STILL_S);
        if self.span() < RANGED || self.changed.since(first).as_secs_f64() < WATCHED * limit {
            return false;
        }
        self.is_measured()
            && self.low < self.last
            && self.last < self.high
            && at.since(self.changed).as_secs_f64() > limit
    }

    /// The number as it was read: without sign, unless it went below zero by going down.
    fn read_as(self, relative: i16) -> i32 {
        let number = self.base.wrapping_add(relative.cast_unsigned());
        let is_signed =
            i32::from(self.base) + i32::from(self.low) < 0 || i32::from(self.base) + i32::from(self.high) > 65_535;
        if is_signed { i32::from(number.cast_signed()) } else { i32::from(number) }
    }

    /// Takes the last reading into the envelope of a state.
    fn widen(&mut self, state: ShipState, is_new_day: bool) {
        let now = self.last;
        let Some(slot) = self.envelopes.get_mut(state as usize) else { return };
        let envelope = slot.get_or_insert(Envelope { low: now, high: now, day: (now, now), widest: 0 });
        if is_new_day {
            envelope.day = (now, now);
        }
        (envelope.low, envelope.high) = (envelope.low.min(now), envelope.high.max(now));
        envelope.day = (envelope.day.0.min(now), envelope.day.1.max(now));
        envelope.widest = envelope.widest.max(envelope.day.1.abs_diff(envelope.day.0));
    }

    /// Between which numbers it stayed in the states that `is_learned` names; in a state that is not known, in any of them.
    fn envelope(&self, state: ShipState, is_learned: [bool; STATES]) -> Option<(i16, i16)> {
        let mut all = (0_usize..).zip(self.envelopes).zip(is_learned);
        let of = |((index, envelope), is_learned): ((usize, Option<Envelope>), bool)| {
            envelope.filter(|_| is_learned && (state == ShipState::Unknown || index == state as usize))
        };
        let first = all.by_ref().find_map(of)?;
        all.filter_map(of).chain([first]).try_fold((first.low, first.high), |(low, high), one| {
            one.is_settled().then(|| (low.min(one.low), high.max(one.high)))
        })
    }

    /// Whether the last reading lies outside by more than `margin` of what was learned.
    fn is_outside(&self, state: ShipState, is_learned: [bool; STATES], margin: f64) -> bool {
        let Some((low, high)) = self.envelope(state, is_learned) else { return false };
        if (low..=high).contains(&self.last) || !self.is_measured() {
            return false;
        }
        let beyond = (margin * f64::from(i32::from(high) - i32::from(low))).max(MARGIN_COUNTS);
        let beyond = |edge: i16| beyond.max(OF_NUMBER * f64::from(self.read_as(edge).abs()));
        f64::from(self.last) < f64::from(low) - beyond(low) || f64::from(self.last) > f64::from(high) + beyond(high)
    }
}

/// How much was seen of a block in one state of the ship.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Watched {
    seconds: f32,
    days: Days,
}

/// Days on which something was seen.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Days {
    last: i64,
    count: u16,
}

impl Days {
    /// Says whether this is another day.
    fn see(&mut self, at: CaptureTime) -> bool {
        let day = at.seconds().div_euclid(SECONDS_A_DAY);
        let is_new = self.count == 0 || day > self.last;
        if is_new {
            (self.last, self.count) = (day, self.count.saturating_add(1));
        }
        is_new
    }
}

/// The registers of one block.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Tracks {
    pub(super) first: CaptureTime,
    pub(super) last: CaptureTime,
    pub(super) tracks: Vec<Track>,
    #[serde(default)]
    days: Days,
    #[serde(default)]
    watched: [Watched; STATES],
}

/// How envelopes are judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judging {
    /// What the ship does.
    pub(super) state: ShipState,
    /// Share of the learned span (catalogue: `margin`), and the seconds a value must stay outside (`hold_s`).
    pub(super) margin: f64,
    pub(super) hold_s: f64,
    /// Values that go together when the machine itself does something.
    pub(super) together: usize,
}

/// A value outside its envelope: its place in the block, what it is, and the envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outside {
    pub(super) place: u16,
    pub(super) value: i32,
    pub(super) envelope: (i32, i32),
}

impl Tracks {
    pub(super) fn new(at: CaptureTime) -> Self {
        Self { first: at, last: at, ..Self::default() }
    }

    /// A reading of the whole block, `since` after the one before; says whether it is the first of a day in this state.
    pub(super) fn watch(&mut self, state: ShipState, since: Duration, at: CaptureTime) -> bool {
        self.days.see(at);
        self.watched.get_mut(state as usize).is_some_and(|watched| {
            watched.seconds += since.as_secs_f32();
            watched.days.see(at)
        })
    }

    /// The states of which enough was seen.
    fn learned(&self) -> [bool; STATES] {
        let is_old = self.days.count >= DAYS;
        self.watched.map(|watched| is_old && watched.days.count >= STATE_DAYS && watched.seconds >= STATE_SECONDS)
    }

    /// Takes the last readings into the envelopes: all of them in learn mode, else of a state that is not learned yet.
    pub(super) fn learn(&mut self, state: ShipState, is_new_day: bool, is_learning: bool) {
        if is_learning || !self.learned().get(state as usize).copied().unwrap_or_default() {
            self.tracks.iter_mut().for_each(|track| track.widen(state, is_new_day));
        }
    }

    /// The values that have now been outside for long enough and were not told yet.
    pub(super) fn outside(&mut self, at: CaptureTime, judging: Judging) -> Option<Outside> {
        let Judging { state, margin, hold_s, together } = judging;
        let is_learned = self.learned();
        if !is_learned.contains(&true) {
            return None;
        }
        let mut count = 0;
        for track in &mut self.tracks {
            if track.is_outside(state, is_learned, margin) {
                track.outside.get_or_insert(at);
                track.was_outside = Some(at);
            } else {
                (track.outside, track.is_told_outside) = (None, false);
            }
            count += usize::from(track.was_outside.is_some_and(|when| at.since(when) <= FOLLOWS));
        }
        if count == 0 {
            return None;
        }
        if count >= together {
            // the machine is at another working point; when it stays there, that is learned
            let is_new = |track: &&mut Track| track.outside.is_some_and(|since| at.since(since) >= WORKING_POINT);
            self.tracks.iter_mut().filter(is_new).for_each(|track| track.widen(state, false));
            return None;
        }
        let is_due = |track: &Track| {
            let stays = |since| at.since(since) >= FOLLOWS && at.since(since).as_secs_f64() >= hold_s;
            !track.is_told_outside && track.outside.is_some_and(stays)
        };
        let (place, track) = (0_u16..).zip(&mut self.tracks).find(|(_, track)| is_due(track))?;
        track.is_told_outside = true;
        let (low, high) = track.envelope(state, is_learned)?;
        let envelope = (track.read_as(low), track.read_as(high));
        Some(Outside { place, value: track.read_as(track.last), envelope })
    }
}
