//! What detections have already told of a talker, so that one cause stays one finding: a receiver that jumped will also contradict the log, the
//! other receivers and the transponder, and the officer needs to read it once.

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
}

/// See the file's head.
#[derive(Debug, Default)]
pub(crate) struct Troubles {
    notes: Vec<(Trouble, TalkerIx, CaptureTime)>,
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
    let apart = if a.0 > b.0 { a.since(b) } else { b.since(a) };
    apart.as_secs() <= seconds && (apart.as_secs() < seconds || apart.subsec_nanos() == 0)
}
