//! DW-5006: heading sources contradict each other, the rate of turn, or the way the ship goes.
//!
//! Once a second, for every source of a true heading: (1) two sources differ by more than 5 degrees from what they usually differ by, for 30 s (15
//! degrees with a magnetic one, whose deviation goes with the heading); (2) the rate of turn of the last minute adds up to another turn than the
//! heading made, by more than 8 degrees and 15 %; (3) the heading stands still within 0.1 degrees for a minute while the course turns by more than
//! 15 degrees; (4) course and heading differ by more than 35 degrees for a minute above 8 knots. Constant offsets of each pair are learned, and not
//! while they move. One finding names the source to blame: the one that agrees with no other, else the one that left its usual place to the course
//! over ground. A source that was silent for a minute settles for four hours: low, as a gyro does after a start.

use std::collections::VecDeque;

use dogwatch_model::{CaptureTime, Severity};

use super::of_talker::{Case, Hold, KNOT, raise_of};
use crate::detector::{Card, Context, Detector, Threshold, Wants};
use crate::own_ship::{PerTalker, TalkerIx, Trouble, What, angle_between};

/// Seconds a heading may be old.
const FRESH: u64 = 3;
/// Heading sources compared.
const MOST: usize = 8;
/// Samples, one a second, before an offset is used, and over which it moves on.
const LEARNED: f64 = 30.0;
const MEMORY: f64 = 900.0;
/// Nothing is learned while two differ by more from their usual offset, degrees.
const QUIET: f64 = 2.0;
/// Degrees within which two sources agree.
const AGREE: f64 = 2.5;
/// Degrees that a magnetic source may leave its usual offset by.
const MAGNETIC: f64 = 15.0;
/// Largest usual offset of two true headings that is taken as one, degrees.
const LARGEST_OFFSET: f64 = 10.0;
const DIFF_SECONDS: f64 = 30.0;
/// Length of the looks back, seconds.
const WINDOW: usize = 60;
/// Share of a turn that a rate of turn may be wrong by.
const ROT_SCALE: f64 = 0.15;
/// Degrees within which a heading stands still.
const STILL: f64 = 0.1;
/// Course against heading: degrees, and the least speed; and the least speed at which a course means anything.
const CRAB: f64 = 35.0;
const CRAB_SPEED: f64 = 8.0 * KNOT;
const COURSE_SPEED: f64 = 5.0 * KNOT;
/// A source that was silent for that long starts again, and settles for that long, seconds.
const SILENT: u64 = 60;
const SETTLES: u64 = 4 * 3_600;

const CARD: Card = Card {
    id: "DW-5006",
    why: "The autopilot, the radar picture and the stabilised antennas turn with the heading. A heading that freezes or drifts steers the ship off \
          her course while every display looks steady.",
    e26: &["4.3.1"],
};

/// One second of a heading, with what else turned; turns are added up, so that nothing wraps.
#[derive(Debug, Clone, Copy, Default)]
struct Second {
    heading: f64,
    turn: Option<f64>,
    course: Option<f64>,
}

#[derive(Debug, Default)]
struct Track {
    seconds: VecDeque<Second>,
    last: Option<CaptureTime>,
    settles_from: Option<CaptureTime>,
    /// Usual heading less course, degrees, and samples.
    crab: (f64, f64),
    crab_now: f64,
    crossed: Hold,
    turned: Hold,
    frozen: Hold,
}

#[derive(Debug)]
struct Pair {
    a: TalkerIx,
    b: TalkerIx,
    last: CaptureTime,
    offset: f64,
    samples: f64,
    off: f64,
    hold: Hold,
}

/// See the file's head.
pub(super) struct Headings {
    tracks: PerTalker<Track>,
    pairs: Vec<Pair>,
    diff_deg: f64,
    rot_gap_deg: f64,
    freeze_turn_deg: f64,
}

impl Default for Headings {
    fn default() -> Self {
        Self { tracks: PerTalker::default(), pairs: Vec::new(), diff_deg: 5.0, rot_gap_deg: 8.0, freeze_turn_deg: 15.0 }
    }
}

impl Detector for Headings {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        Wants::default()
    }

    fn thresholds(&mut self) -> Vec<Threshold<'_>> {
        vec![
            Threshold::new(CARD.id, "diff_deg", &mut self.diff_deg, 1.0..=45.0),
            Threshold::new(CARD.id, "rot_gap_deg", &mut self.rot_gap_deg, 2.0..=90.0),
            Threshold::new(CARD.id, "freeze_turn_deg", &mut self.freeze_turn_deg, 5.0..=90.0),
        ]
    }

    fn tick(&mut self, at: CaptureTime, cx: &mut Context<'_>) {
        let ship = cx.ship;
        let mut sources: Vec<Source> = ship
            .tellers(What::Heading, at, FRESH)
            .into_iter()
            .filter_map(|(ix, _)| {
                Some(Source { ix, heading: ship.fresh(ix, What::Heading, at, FRESH)?, is_true: true })
            })
            .collect();
        sources.truncate(MOST);
        self.follow(&sources, at, cx);
        let magnetic = ship.tellers(What::HeadingMagnetic, at, FRESH).into_iter().filter_map(|(ix, _)| {
            let heading = ship.fresh(ix, What::HeadingMagnetic, at, FRESH)?;
            let is_new = !sources.iter().any(|source| source.ix == ix);
            is_new.then_some(Source { ix, heading, is_true: false })
        });
        let magnetic: Vec<Source> = magnetic.take(2).collect();
        sources.extend(magnetic);
        self.compare(&sources, at, cx);
    }
}

/// A source of heading at this second.
#[derive(Debug, Clone, Copy)]
struct Source {
    ix: TalkerIx,
    heading: f64,
    is_true: bool,
}

impl Headings {
    /// Each source by itself: against the rate of turn and the course over ground.
    fn follow(&mut self, sources: &[Source], at: CaptureTime, cx: &mut Context<'_>) {
        let ship = cx.ship;
        let speed = ship.best(What::SpeedOverGround, at, 5).unwrap_or(0.0);
        let course = ship.best(What::CourseOverGround, at, 5).filter(|_| speed > COURSE_SPEED);
        let any_rate = ship.best(What::RateOfTurn, at, 2);
        for source in sources {
            let rate = ship.fresh(source.ix, What::RateOfTurn, at, 2).or(any_rate);
            let (rot_gap, freeze_turn) = (self.rot_gap_deg, self.freeze_turn_deg);
            let track = self.tracks.of(source.ix);
            track.take(at, source.heading, rate, course);
            let Some((heading, turn, over_ground, spread)) = track.last_minute() else { continue };
            let limit = rot_gap + ROT_SCALE * turn.unwrap_or(0.0).abs();
            let turned = track.turned.holds(turn.is_some_and(|turn| (turn - heading).abs() > limit), at, 3.0);
            let is_frozen = spread <= STILL && over_ground.is_some_and(|turn| turn.abs() > freeze_turn);
            let frozen = track.frozen.holds(is_frozen, at, 3.0);
            let crab = course.map(|course| angle_between(course, source.heading));
            let is_across = speed > CRAB_SPEED && crab.is_some_and(|crab| crab.abs() > CRAB);
            let crossed = track.crossed.holds(is_across, at, 60.0);
            let what = if turned {
                // others that turned as this one did say that the rate of turn is wrong, which is not the heading's fault
                let others = self.others_that_turned(sources, source.ix, heading);
                if others > 0 {
                    continue;
                }
                let turn = turn.unwrap_or(0.0);
                format!("turned {heading:.0} deg in a minute while the rate of turn adds up to {turn:.0} deg")
            } else if frozen {
                format!("stands still while the course over ground turned {:.0} deg", over_ground.unwrap_or(0.0))
            } else if crossed {
                format!("is {:.0} deg off the course over ground at {:.1} kn", crab.unwrap_or(0.0), speed / KNOT)
            } else {
                continue;
            };
            self.tell(source.ix, None, &what, at, cx);
        }
    }

    fn others_that_turned(&self, sources: &[Source], ix: TalkerIx, heading: f64) -> usize {
        let others = sources.iter().filter(|other| other.ix != ix);
        let turns = others.filter_map(|other| self.tracks.get(other.ix)?.last_minute());
        turns.filter(|(turn, ..)| (turn - heading).abs() < 3.0).count()
    }

    /// Every two sources against each other.
    fn compare(&mut self, sources: &[Source], at: CaptureTime, cx: &mut Context<'_>) {
        let ship = cx.ship;
        self.pairs.retain(|pair| ship.talker(pair.a).is_some() && ship.talker(pair.b).is_some());
        let mut apart = Vec::new();
        for (index, a) in sources.iter().enumerate() {
            for b in sources.iter().skip(index + 1) {
                if !a.is_true && !b.is_true {
                    continue;
                }
                let is_true = a.is_true && b.is_true;
                let limit = if is_true { self.diff_deg } else { MAGNETIC.max(self.diff_deg) };
                let (first, second) = if a.ix <= b.ix { (a, b) } else { (b, a) };
                let pair = self.pair(first.ix, second.ix, at);
                let Some(pair) = self.pairs.get_mut(pair) else { continue };
                pair.take(angle_between(first.heading, second.heading), is_true, at);
                if pair.hold.holds(pair.samples >= LEARNED && pair.off.abs() > limit, at, DIFF_SECONDS) {
                    apart.push((pair.a, pair.b, pair.off));
                }
            }
        }
        for (a, b, off) in apart {
            let (blamed, other) = self.blame(a, b);
            let against = ship.talker(other).map_or_else(String::new, |talker| talker.name(cx));
            let what = format!("is {:.1} deg off where it usually stands to {against}", off.abs());
            self.tell(blamed, Some(other), &what, at, cx);
        }
    }

    fn pair(&mut self, a: TalkerIx, b: TalkerIx, at: CaptureTime) -> usize {
        if let Some(index) = self.pairs.iter().position(|pair| (pair.a, pair.b) == (a, b)) {
            return index;
        }
        if self.pairs.len() >= MOST * MOST {
            let oldest = self.pairs.iter().enumerate().min_by_key(|(_, pair)| pair.last).map_or(0, |(index, _)| index);
            self.pairs.remove(oldest);
        }
        self.pairs.push(Pair { a, b, last: at, offset: 0.0, samples: 0.0, off: 0.0, hold: Hold::default() });
        self.pairs.len() - 1
    }

    /// Which of two is to blame, and the other.
    fn blame(&self, a: TalkerIx, b: TalkerIx) -> (TalkerIx, TalkerIx) {
        let friends = |of: TalkerIx| {
            let its = self.pairs.iter().filter(|pair| (pair.a == of || pair.b == of) && pair.samples >= LEARNED);
            its.filter(|pair| pair.off.abs() < AGREE).count()
        };
        let off_course = |of: TalkerIx| {
            let track = self.tracks.get(of).filter(|track| track.crab.1 >= LEARNED);
            track.map_or(0.0, |track| angle_between(track.crab.0, track.crab_now).abs())
        };
        let (of_a, of_b) = (friends(a), friends(b));
        let is_b = if of_a == of_b { off_course(b) > off_course(a) } else { of_b < of_a };
        if is_b { (b, a) } else { (a, b) }
    }

    fn tell(&self, ix: TalkerIx, other: Option<TalkerIx>, what: &str, at: CaptureTime, cx: &mut Context<'_>) {
        let ship = cx.ship;
        let Some(talker) = ship.talker(ix) else { return };
        let is_settling = self.tracks.get(ix).is_some_and(|track| {
            track.settles_from.is_some_and(|from| at >= from && at.since(from).as_secs() < SETTLES)
        });
        cx.troubles.note(Trouble::Heading, ix, at);
        let told = |ix: TalkerIx| {
            let fresh = |what| ship.fresh(ix, what, at, 60);
            let heading = fresh(What::Heading).or_else(|| fresh(What::HeadingMagnetic));
            heading.map_or_else(String::new, |heading| format!("{heading:.1}"))
        };
        let number = |what| ship.best(what, at, 5).map_or_else(String::new, |value| format!("{value:.1}"));
        let case = Case {
            severity: is_settling.then_some(Severity::Low),
            confidence: 0.8,
            to: other.and_then(|other| Some(ship.talker(other)?.party)),
            summary: format!("Heading of {} {what}", talker.name(cx)),
            fields: vec![
                ("heading", told(ix)),
                ("other_heading", other.map_or_else(String::new, told)),
                ("course_over_ground", number(What::CourseOverGround)),
                ("rate_of_turn", number(What::RateOfTurn)),
            ],
            expected: "a heading that turns as the ship turns, as the other sources do".to_owned(),
        };
        raise_of(cx, &CARD, talker, at, &talker.key(), case);
    }
}

impl Pair {
    fn take(&mut self, difference: f64, is_true: bool, at: CaptureTime) {
        self.last = at;
        if self.samples == 0.0 {
            self.offset = if is_true { difference.clamp(-LARGEST_OFFSET, LARGEST_OFFSET) } else { difference };
        }
        self.off = angle_between(self.offset, difference);
        if self.off.abs() <= QUIET || self.samples < LEARNED {
            self.samples = (self.samples + 1.0).min(MEMORY);
            self.offset += self.off / self.samples;
            if is_true {
                self.offset = self.offset.clamp(-LARGEST_OFFSET, LARGEST_OFFSET);
            }
        }
    }
}

impl Track {
    fn take(&mut self, at: CaptureTime, heading: f64, rate: Option<f64>, course: Option<f64>) {
        let before = self.last.replace(at);
        let step =
            before.map_or(f64::MAX, |before| if at < before { f64::MAX } else { at.since(before).as_secs_f64() });
        if step > SILENT as f64 && before.is_some_and(|before| at >= before) {
            self.settles_from = Some(at);
        }
        if step > 3.0 {
            self.seconds.clear();
        }
        let next = match self.seconds.back() {
            None => Second { heading, turn: rate.map(|_| 0.0), course },
            Some(last) => Second {
                heading: last.heading + angle_between(last.heading.rem_euclid(360.0), heading),
                turn: last.turn.zip(rate).map(|(turn, rate)| turn + rate / 60.0 * step),
                course: match (last.course, course) {
                    (Some(last), Some(course)) => Some(last + angle_between(last.rem_euclid(360.0), course)),
                    (_, course) => course,
                },
            },
        };
        // a rate of turn that begins in the middle counts from there
        let is_whole = self.seconds.back().is_none_or(|last| last.turn.is_some() == rate.is_some());
        if !is_whole {
            self.seconds.clear();
        }
        let next = if is_whole { next } else { Second { turn: rate.map(|_| 0.0), ..next } };
        self.seconds.push_back(next);
        if self.seconds.len() > WINDOW + 1 {
            self.seconds.pop_front();
        }
        if let Some(course) = course {
            let crab = angle_between(course, heading);
            self.crab_now = if self.crab.1 == 0.0 { crab } else { self.crab_now + (crab - self.crab_now) * 0.05 };
            let off = angle_between(self.crab.0, self.crab_now);
            if self.crab.1 < LEARNED || off.abs() < QUIET * 2.0 {
                self.crab.1 = (self.crab.1 + 1.0).min(MEMORY);
                self.crab.0 += off / self.crab.1;
            }
        }
    }

    /// Of the last minute: the turn of the heading, of the rate of turn, of the course over ground, and the spread of the heading.
    fn last_minute(&self) -> Option<(f64, Option<f64>, Option<f64>, f64)> {
        if self.seconds.len() <= WINDOW {
            return None;
        }
        let (first, last) = (self.seconds.front()?, self.seconds.back()?);
        let (low, high) = self
            .seconds
            .iter()
            .fold((f64::MAX, f64::MIN), |(low, high), second| (low.min(second.heading), high.max(second.heading)));
        let turn = first.turn.zip(last.turn).map(|(first, last)| last - first);
        let has_course = self.seconds.iter().all(|second| second.course.is_some());
        let course = first.course.zip(last.course).filter(|_| has_course).map(|(first, last)| last - first);
        Some((last.heading - first.heading, turn, course, high - low))
    }
}

#[cfg(test)]
mod tests {
    use dogwatch_model::{Finding, Quantity, Value};

    use super::*;
    use crate::detections::bench::Bench;

    /// What the instruments show at a second: gyro, second heading, rate of turn, course and speed over ground.
    struct Shown {
        gyro: f64,
        other: Option<f64>,
        rate: Option<f64>,
        course: f64,
        knots: f64,
    }

    fn watch(seconds: u32, shown: impl Fn(f64) -> Shown) -> Vec<Finding> {
        let mut bench = Bench::new(None, Box::<Headings>::default());
        for second in 0..seconds {
            let t = f64::from(second);
            bench.at(t);
            let shown = shown(t);
            let number = |quantity, value: f64| (quantity, Value::Number(value));
            let mut gyro = vec![number(Quantity::HeadingTrue, shown.gyro.rem_euclid(360.0))];
            gyro.extend(shown.rate.map(|rate| number(Quantity::RateOfTurn, rate)));
            bench.measures("10.0.0.15", &gyro);
            if let Some(other) = shown.other {
                bench.measures("10.0.0.16", &[number(Quantity::HeadingTrue, other.rem_euclid(360.0))]);
            }
            bench.measures(
                "10.0.0.11",
                &[
                    number(Quantity::CourseOverGround, shown.course.rem_euclid(360.0)),
                    number(Quantity::SpeedOverGround, shown.knots * KNOT),
                ],
            );
        }
        bench.findings()
    }

    /// The ship's heading: through north, with turns of 60 degrees at 20 degrees a minute.
    fn ship(t: f64) -> (f64, f64) {
        let within = t % 600.0;
        if within < 300.0 {
            (350.0, 0.0)
        } else {
            (350.0 + ((within - 300.0) / 3.0).min(60.0), if within < 480.0 { 20.0 } else { 0.0 })
        }
    }

    #[test]
    fn a_frozen_gyro_is_found_by_turn_and_by_course() {
        for rate in [Some(()), None] {
            let found = watch(600, |t| {
                let (heading, turn) = ship(t);
                Shown { gyro: 350.0, other: None, rate: rate.map(|()| turn), course: heading, knots: 11.0 }
            });
            assert_eq!(found.len(), 1, "{found:#?}");
            assert_eq!((found[0].severity, found[0].source.ip), (Severity::High, Some("10.0.0.15".parse().unwrap())));
        }
    }

    #[test]
    fn a_gyro_that_drifts_away_is_blamed() {
        let found = watch(500, |t| {
            let bias = ((t - 200.0) / 15.0).clamp(0.0, 8.0);
            Shown { gyro: 60.0 + bias, other: Some(59.5), rate: Some(0.0), course: 62.0, knots: 11.0 }
        });
        assert_eq!(found.len(), 1, "{found:#?}");
        assert_eq!(found[0].source.ip, Some("10.0.0.15".parse().unwrap()));
    }

    #[test]
    fn turns_currents_constant_offsets_and_manoeuvres_are_quiet() {
        let turns = |t: f64| {
            let (heading, turn) = ship(t);
            Shown {
                gyro: heading,
                other: Some(heading + 1.5),
                rate: Some(turn * 1.05),
                course: heading + 12.0,
                knots: 11.0,
            }
        };
        // the jump back to the first heading every ten minutes is no ship's, so one round only
        assert!(watch(590, turns).is_empty(), "turns in a current");
        let drifts = |t: f64| Shown { gyro: 10.0, other: None, rate: Some(0.0), course: t, knots: 2.0 };
        assert!(watch(400, drifts).is_empty(), "drifting slowly, the course means nothing");
    }

    #[test]
    fn course_far_from_heading_at_speed_is_found() {
        let found = watch(200, |_| Shown { gyro: 10.0, other: None, rate: Some(0.0), course: 60.0, knots: 11.0 });
        assert_eq!(found.len(), 1, "{found:#?}");
    }
}
