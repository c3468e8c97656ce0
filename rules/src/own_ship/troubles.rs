//! What detections have already told of a talker, so that one cause stays one finding: a receiver that jumped will also contradict the log, the
//! other receivers and the transponder, and the officer needs to read it once.

use std::time::Duration;

use dogwatch_model::CaptureTime;

use super::talkers::TalkerIx;

/// Notes kept; the oldest goes.
const KEPT: usize = 64;

/// What is wrong with a talker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Its position jumped.
    Jump,
    /// Its position moves against log and gyro, or away from the others.
    Drift,
    /// Its time jumped, or is an old one.
    Time,
    /// Its heading is wrong.
    Heading,
    /// It hears its satellites badly.
    Signal,
    /// It speaks in another's name, or is nobody who may speak.
    Stranger,
}

/// See the file's head.
#[derive(Debug, Default)]
pub(crate) struct Troubles {
    notes: Vec<(Trouble, TalkerIx, CaptureTime)>,
    /// From when until when the monitor's own clock is doubtful.
    clock: Option<(CaptureTime, CaptureTime)>,
}

impl Troubles {
    /// Notes that something is wrong with a talker.
    pub(crate) fn note(&mut self, trouble: Trouble, talker: TalkerIx, at: CaptureTime) {
        self.notes.retain(|(known, who, _)| (*known, *who) != (trouble, talker));
        if self.notes.len() >= KEPT {
            self.notes.remove(0);
        }
        self.notes.push((trouble, talker, at));
    }

    /// Notes that the monitor's own clock is doubtful for a while.
    pub(crate) fn doubt_clock(&mut self, at: CaptureTime, span: Duration) {
        let until = self.clock.filter(|(from, until)| (*from..=*until).contains(&at)).map_or(at, |(_, until)| until);
        self.clock = Some((at, until.max(at.plus(span))));
    }

    /// Whether the monitor's own clock is doubtful: then nothing is late or early by it.
    pub(crate) fn is_clock_doubtful(&self, at: CaptureTime) -> bool {
        self.clock.is_some_and(|(from, until)| (from..=until).contains(&at))
    }

    /// Whether it was noted of anybody within the last `seconds`.
    pub(crate) fn any(&self, trouble: Trouble, now: CaptureTime, seconds: u64) -> bool {
        self.notes.iter().any(|(known, _, at)| *known == trouble && is_near(now, *at, seconds))
    }

    /// Whether it was noted of this talker within the last `seconds`.
    pub(crate) fn of(&self, trouble: Trouble, talker: TalkerIx, now: CaptureTime, seconds: u64) -> bool {
        self.notes.iter().any(|(known, who, at)| (*known, *who) == (trouble, talker) && is_near(now, *at, seconds))
    }
}

/// Whether two times lie within `seconds` of each other, whichever is first: capture clocks jump both ways.
pub(crate) const fn is_near(a: CaptureTime, b: CaptureTime, seconds: u64) -> bool {
    a.0.abs_diff(b.0) <= seconds.saturating_mul(1_000_000_000)
}
