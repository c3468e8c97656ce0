//! What detections that watch the ship's talkers once a second share: a condition that has to hold for a while, and a finding about a talker.

use std::time::Duration;

use dogwatch_model::{CaptureTime, Severity};

use crate::detector::{Card, Context, Raise};
use crate::own_ship::Talker;
use crate::seen::{Party, Source};

/// Seconds between two counts of a finding that only goes on.
const AGAIN: Duration = Duration::from_secs(60);
/// A silence of the clock longer than this breaks what had to hold.
const BREAK: Duration = Duration::from_secs(15);

/// A condition that has to hold for a while.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Hold {
    since: Option<CaptureTime>,
    last: CaptureTime,
    told: Option<CaptureTime>,
}

impl Hold {
    /// Takes whether it holds now; says so when it has held for `seconds`, and then once a minute.
    pub(super) fn holds(&mut self, holds: bool, at: CaptureTime, seconds: f64) -> bool {
        let is_broken = at < self.last || at.since(self.last) > BREAK;
        self.last = at;
        if !holds {
            (self.since, self.told) = (None, None);
            return false;
        }
        if is_broken {
            (self.since, self.told) = (None, None);
        }
        let since = *self.since.get_or_insert(at);
        if at.since(since).as_secs_f64() < seconds || self.told.is_some_and(|told| at.since(told) < AGAIN) {
            return false;
        }
        self.told = Some(at);
        true
    }
}

/// A finding about a talker, in words.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) severity: Option<Severity>,
    pub(super) confidence: f32,
    pub(super) to: Option<Party>,
    pub(super) summary: String,
    pub(super) fields: Vec<(&'static str, String)>,
    pub(super) expected: String,
}

/// Raises a finding about a talker; the evidence is its last message.
pub(super) fn raise_of<'a>(
    cx: &mut Context<'a>,
    card: &'static Card,
    talker: &'a Talker,
    at: CaptureTime,
    key: &str,
    case: Case,
) {
    cx.source = Source { label: &talker.label, selector: "" };
    cx.raise(key.as_bytes(), card, at, || Raise {
        card,
        severity: case.severity,
        confidence: case.confidence,
        at,
        frame: talker.frame,
        from: talker.party,
        to: case.to,
        service: talker.service(),
        summary: case.summary,
        fields: case.fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        expected: case.expected,
        conduit: None,
        proposal: None,
    });
}

/// Metres per second of one knot (ISO 80000-3).
pub(super) const KNOT: f64 = 1_852.0 / 3_600.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_after_its_time_and_once_a_minute() {
        let mut hold = Hold::default();
        let told: Vec<i64> =
            (0..100).filter(|second| hold.holds(true, CaptureTime::from_parts(*second, 0), 10.0)).collect();
        assert_eq!(told, [10, 70]);
        assert!(!hold.holds(false, CaptureTime::from_parts(101, 0), 10.0));
        assert!(!hold.holds(true, CaptureTime::from_parts(102, 0), 10.0), "begins anew");
        assert!(!hold.holds(true, CaptureTime::from_parts(132, 0), 10.0), "nobody looked for half a minute");
    }
}
