//! DW-5003: the position moves as the ship cannot: satellite movement contradicts log and gyro.
//!
//! What a receiver moves over ground less what log and heading say she moved through the water is the current, with the small errors of log and
//! gyro in it. Over ten seconds at a time that difference is taken for each receiver; the mean of the last minute is compared with what was learned
//! before it. A current changes within hours or miles, a position that is pulled away changes it within seconds: 0.35 m/s, and four standard
//! deviations of its own noise, for half a minute is a contradiction. While it is suspected nothing is learned.
//!
//! Turning moves the antenna and the water round the ship, so tens of seconds with more than 1.5 degrees of turn are left out, and after a turn the
//! limit is wider by what an unknown error of the log (5 %) makes of it. Nothing is judged below 3 knots, while manoeuvring or in port, while
//! headings disagree (DW-5006) or after a jump (DW-5001). Several receivers pulled together are one finding.

use std::collections::VecDeque;

use dogwatch_model::{CaptureTime, ShipState};

use super::of_talker::{Case, KNOT, raise_of};
use crate::detector::{Card, Context, Detector, Threshold, Wants};
use crate::own_ship::{Fix, PerTalker, TalkerIx, Trouble, What, angle_between, is_near, north_east};

/// Seconds of one piece.
const PIECE: f64 = 10.0;
/// Pieces judged together, and pieces kept back from learning: a pull must not be learned before it is seen.
const JUDGED: usize = 6;
const KEPT_BACK: usize = 9;
/// Pieces that must have been learned before anything is judged, and over which the learned current moves on.
const LEAST: f64 = 4.0;
const MEMORY: f64 = 45.0;
/// Degrees of turn between two pieces that spoil the second.
const TURN: f64 = 1.5;
/// Share of the speed through the water that log and leeway may be wrong by without anybody knowing.
const LOG_ERROR: f64 = 0.05;
/// Pieces in a row that must contradict.
const IN_A_ROW: u32 = 3;
/// Pieces after which something suspected is taken as it is: twenty minutes.
const GIVE_UP: u32 = 120;
/// Seconds between two counts of what goes on.
const AGAIN: u64 = 60;
/// Below this speed through the water leeway, tugs and thrusters decide, m/s.
const SLOWEST: f64 = 3.0 * KNOT;
/// Heading sources that differ by more from what they usually do are not to be reckoned with, degrees.
const HEADINGS: f64 = 2.5;

const CARD: Card = Card {
    id: "DW-5003",
    why: "The ship's own log and gyro cannot be deceived from outside, satellite positions can. When they part without a turn or a change of speed, \
          the position is being pulled away, and with it the track the autopilot steers.",
    e26: &["4.3.1"],
};

/// Ten seconds of one receiver.
#[derive(Debug, Clone, Copy, Default)]
struct Piece {
    drift: (f64, f64),
    seconds: f64,
    /// Sums of the heading's sine and cosine, and of the speed through the water.
    heading: (f64, f64),
    speed: f64,
    count: f64,
}

impl Piece {
    fn heading(&self) -> f64 {
        libm::atan2(self.heading.0, self.heading.1).to_degrees()
    }
}

#[derive(Debug, Default)]
struct Track {
    last: Option<Fix>,
    open: Piece,
    before: Option<f64>,
    waiting: VecDeque<Piece>,
    current: (f64, f64),
    heading: (f64, f64),
    variance: f64,
    learned: f64,
    in_a_row: u32,
    suspected: u32,
    /// What was last found: the step in the current, and the limit.
    step: (f64, f64),
    limit: f64,
}

/// See the file's head.
pub(super) struct DeadReckoning {
    tracks: PerTalker<Track>,
    /// The finding that is going on: its key, when it was last told, and the step.
    told: Option<(String, CaptureTime, (f64, f64))>,
    /// Learned difference of each heading from the most talkative one.
    offsets: PerTalker<(f64, f64)>,
    step_m_s: f64,
}

impl Default for DeadReckoning {
    fn default() -> Self {
        Self { tracks: PerTalker::default(), told: None, offsets: PerTalker::default(), step_m_s: 0.35 }
    }
}

impl Detector for DeadReckoning {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        Wants::default()
    }

    fn thresholds(&mut self) -> Vec<Threshold<'_>> {
        vec![Threshold::new(CARD.id, "step_m_s", &mut self.step_m_s, 0.1..=5.0)]
    }

    fn tick(&mut self, at: CaptureTime, cx: &mut Context<'_>) {
        let ship = cx.ship;
        let heading = ship.best(What::Heading, at, 3).or_else(|| ship.best(What::HeadingMagnetic, at, 3));
        let water = ship.best(What::SpeedThroughWater, at, 5);
        let Some((heading, water)) = heading.zip(water) else { return };
        let wind = ship.best(What::WindSpeed, at, 10).unwrap_or(0.0);
        let agrees = self.headings_agree(at, cx);
        let is_steady =
            !matches!(cx.state, ShipState::Manoeuvring | ShipState::InPort | ShipState::AtAnchor | ShipState::Drydock);
        let mut found = Vec::new();
        for (ix, talker) in ship.receivers(at, 5) {
            let Some(fix) = talker.fix else { continue };
            let track = self.tracks.of(ix);
            let has_jumped = cx.troubles.of(Trouble::Jump, ix, at, 120);
            if water < SLOWEST || has_jumped {
                *track = Track { last: Some(fix), ..Track::default() };
                continue;
            }
            if track.moved(fix, heading, water, wind, self.step_m_s) && is_steady && agrees {
                found.push(ix);
            }
        }
        if let Some(first) = found.first() {
            self.tell(*first, &found, at, cx);
        }
    }
}

impl DeadReckoning {
    /// Whether the true headings stand to each other as they usually do, and none is under suspicion.
    fn headings_agree(&mut self, at: CaptureTime, cx: &Context<'_>) -> bool {
        let tellers = cx.ship.tellers(What::Heading, at, 3);
        let Some(first) = tellers.first().and_then(|(ix, _)| cx.ship.fresh(*ix, What::Heading, at, 3)) else {
            return true;
        };
        let mut agrees = !cx.troubles.any(Trouble::Heading, at, 600);
        for (ix, _) in tellers.iter().skip(1) {
            let Some(heading) = cx.ship.fresh(*ix, What::Heading, at, 3) else { continue };
            let (offset, samples) = self.offsets.of(*ix);
            let off = angle_between(*offset, angle_between(first, heading));
            if *samples >= 30.0 && off.abs() > HEADINGS {
                agrees = false;
                continue;
            }
            *samples = (*samples + 1.0).min(900.0);
            *offset += off / *samples;
        }
        agrees
    }

    fn tell(&mut self, first: TalkerIx, found: &[TalkerIx], at: CaptureTime, cx: &mut Context<'_>) {
        let ship = cx.ship;
        let (Some(talker), Some(track)) = (ship.talker(first), self.tracks.get(first)) else { return };
        let (step, limit, learned) = (track.step, track.limit, track.current);
        let going_on = self.told.take().filter(|(_, told, before)| {
            is_near(at, *told, 900) && (step.0 - before.0).hypot(step.1 - before.1) < 0.7 * before.0.hypot(before.1)
        });
        for ix in found {
            cx.troubles.note(Trouble::Drift, *ix, at);
        }
        if going_on.as_ref().is_some_and(|(_, told, _)| is_near(at, *told, AGAIN)) {
            self.told = going_on;
            return;
        }
        let key = going_on.map_or_else(|| talker.key(), |(key, ..)| key);
        let names: Vec<String> = found.iter().filter_map(|ix| Some(ship.talker(*ix)?.name(cx))).collect();
        let speed = step.0.hypot(step.1);
        let bearing = libm::atan2(step.1, step.0).to_degrees().rem_euclid(360.0);
        let current = |(north, east): (f64, f64)| {
            let set = libm::atan2(east, north).to_degrees().rem_euclid(360.0);
            format!("{:.1} kn towards {set:.0} deg", north.hypot(east) / KNOT)
        };
        let fix = talker.fix.map_or_else(String::new, |fix| format!("{:.5} {:.5}", fix.lat, fix.lon));
        let case = Case {
            severity: None,
            confidence: 0.8,
            to: None,
            summary: format!(
                "Position of {} is pulled {:.1} kn towards {bearing:.0} deg against log and gyro",
                names.join(", "),
                speed / KNOT
            ),
            fields: vec![
                ("position", fix),
                ("learned_current", current(learned)),
                ("current_now", current((learned.0 + step.0, learned.1 + step.1))),
            ],
            expected: format!("a current that changes by at most {:.1} kn within a minute", limit / KNOT),
        };
        self.told = Some((key.clone(), at, step));
        raise_of(cx, &CARD, talker, at, &key, case);
    }
}

impl Track {
    /// Takes a position with the heading and the speed through the water of that second; says whether it contradicts them.
    fn moved(&mut self, fix: Fix, heading: f64, water: f64, wind: f64, step_m_s: f64) -> bool {
        let Some(last) = self.last.replace(fix) else { return false };
        if last == fix {
            return false;
        }
        let seconds = last.seconds_to(&fix);
        if seconds <= 0.0 {
            return false;
        }
        if seconds > 5.0 {
            self.open = Piece::default();
            return false;
        }
        let (sin, cos) = (libm::sin(heading.to_radians()), libm::cos(heading.to_radians()));
        let (north, east) = north_east(last.place(), fix.place());
        let piece = &mut self.open;
        piece.drift.0 += north - water * cos * seconds;
        piece.drift.1 += east - water * sin * seconds;
        piece.seconds += seconds;
        piece.heading = (piece.heading.0 + sin, piece.heading.1 + cos);
        piece.speed += water;
        piece.count += 1.0;
        if piece.seconds < PIECE {
            return false;
        }
        let mut whole = std::mem::take(&mut self.open);
        whole.drift = (whole.drift.0 / whole.seconds, whole.drift.1 / whole.seconds);
        self.close(whole, wind, step_m_s)
    }

    fn close(&mut self, piece: Piece, wind: f64, step_m_s: f64) -> bool {
        let before = self.before.replace(piece.heading());
        if before.is_none_or(|before| angle_between(before, piece.heading()).abs() > TURN) {
            return false;
        }
        self.waiting.push_back(piece);
        let late = self.waiting.iter().rev().take(JUDGED);
        let (north, east, count) =
            late.fold((0.0, 0.0, 0.0), |sum, piece| (sum.0 + piece.drift.0, sum.1 + piece.drift.1, sum.2 + 1.0));
        self.step = (north / count - self.current.0, east / count - self.current.1);
        let speed = piece.speed / piece.count;
        let was = libm::atan2(self.heading.0, self.heading.1).to_degrees();
        let turned = angle_between(was, piece.heading()).abs().to_radians();
        let noise = 4.0 * (self.variance / count).sqrt();
        // an unknown error of the log goes with the heading; a gale drives her more on one side than on the other
        let by_turn = 2.0 * libm::sin(turned / 2.0) * LOG_ERROR * speed;
        self.limit = step_m_s.max(noise) + by_turn + 0.02 * (wind - 15.0).max(0.0);
        let off = self.step.0.hypot(self.step.1);
        let is_judged = self.learned >= LEAST && count >= JUDGED as f64;
        let is_suspect = is_judged && off > 0.6 * self.limit && self.suspected < GIVE_UP;
        self.suspected = if is_suspect { self.suspected + 1 } else { self.suspected.saturating_sub(GIVE_UP / 4) };
        self.in_a_row = if is_judged && off > self.limit { self.in_a_row + 1 } else { 0 };
        if self.waiting.len() > KEPT_BACK
            && let Some(oldest) = self.waiting.pop_front()
            && !is_suspect
        {
            self.learn(&oldest);
        }
        self.in_a_row >= IN_A_ROW && self.suspected > 0
    }

    fn learn(&mut self, piece: &Piece) {
        self.learned = (self.learned + 1.0).min(MEMORY);
        let gain = 1.0 / self.learned;
        let off = (piece.drift.0 - self.current.0, piece.drift.1 - self.current.1);
        self.current = (self.current.0 + off.0 * gain, self.current.1 + off.1 * gain);
        if self.learned > 1.0 {
            self.variance += ((off.0 * off.0 + off.1 * off.1) / 2.0 - self.variance) * gain;
        }
        let (sin, cos) = (piece.heading.0 / piece.count, piece.heading.1 / piece.count);
        self.heading = (self.heading.0 + (sin - self.heading.0) * gain, self.heading.1 + (cos - self.heading.1) * gain);
    }
}

#[cfg(test)]
mod tests {
    use dogwatch_model::{Quantity, Value};

    use super::*;
    use crate::detections::bench::Bench;

    /// A ship on a great circle near `from`, with log and gyro; `current` in m/s to north and east at a second, `course` in degrees.
    fn sail(
        seconds: u32,
        from: (f64, f64),
        course: impl Fn(f64) -> f64,
        current: impl Fn(f64) -> (f64, f64),
    ) -> Vec<f64> {
        let mut bench = Bench::new(None, Box::<DeadReckoning>::default());
        let (mut lat, mut lon) = from;
        let speed = 6.0;
        for second in 0..seconds {
            let t = f64::from(second);
            bench.at(t);
            let heading = course(t);
            let (north, east) = current(t);
            let (north, east) = (speed * heading.to_radians().cos() + north, speed * heading.to_radians().sin() + east);
            lat += north / 111_300.0;
            lon += east / (111_300.0 * lat.to_radians().cos());
            if lon > 180.0 {
                lon -= 360.0;
            }
            // noise of a metre, and a log that reads 1 % too much
            let wobble = f64::from(second % 13) / 6.5 - 0.92;
            let place = Value::Position { lat: lat + wobble / 111_300.0, lon };
            bench.measures("10.0.0.1", &[(Quantity::Position, place)]);
            bench.measures("10.0.0.2", &[(Quantity::HeadingTrue, Value::Number(heading))]);
            bench.measures("10.0.0.3", &[(Quantity::SpeedThroughWater, Value::Number(speed * 1.01 + 0.03 * wobble))]);
        }
        let start = CaptureTime::from_parts(1_800_000_000, 0);
        bench.findings().iter().map(|finding| finding.first_seen.since(start).as_secs_f64()).collect()
    }

    #[test]
    fn a_slow_pull_is_found_within_two_minutes() {
        for speed in [0.5, 1.0, 3.0] {
            for bearing in [0.0_f64, 90.0, 225.0] {
                let pull = (speed * bearing.to_radians().cos(), speed * bearing.to_radians().sin());
                let pulled = |t: f64| if t < 180.0 { (0.2, 0.3) } else { (0.2 + pull.0, 0.3 + pull.1) };
                let found = sail(420, (57.0, 7.5), |_| 60.0, pulled);
                assert_eq!(found.len(), 1, "{speed} m/s towards {bearing}");
                assert!((190.0..=300.0).contains(&found[0]), "{speed} m/s towards {bearing}: {found:?}");
            }
        }
    }

    #[test]
    fn tides_rivers_turns_the_date_line_and_high_latitudes_are_quiet() {
        // a tide of 2 knots either way in twelve hours, at its fastest change
        let tide = |t: f64| (0.0, 1.03 * (t * std::f64::consts::TAU / 44_700.0).sin());
        assert!(sail(3_600, (57.0, 7.5), |_| 60.0, tide).is_empty(), "tide");
        assert!(sail(1_200, (57.0, 7.5), |_| 60.0, |_| (1.5, 0.4)).is_empty(), "river");
        let zigzag = |t: f64| if (t as u32 / 300).is_multiple_of(2) { 60.0 } else { 100.0 };
        assert!(sail(2_400, (57.0, 7.5), zigzag, |_| (0.3, 0.2)).is_empty(), "turns");
        assert!(sail(1_200, (10.0, 179.98), |_| 90.0, |_| (0.3, 0.2)).is_empty(), "date line");
        assert!(sail(1_200, (85.0, 20.0), |_| 45.0, |_| (0.1, 0.2)).is_empty(), "high latitude");
    }
}
