//! DW-4006: two values of a controller that always moved together no longer fit each other.
//!
//! Only points of the plan that one answer, or one message that publishes them, holds are compared: they are of one moment. For each two, in each state of the ship, a straight line is
//! fitted, and slowly fitted anew. It counts when both the values and their changes go together (r above 0.95): what follows late, as temperatures
//! follow the load, changes at other times and is left out. What lies off the line by far is never learned; what lies where neither value was seen
//! before is learned and not judged, because a line says nothing far beyond its ends.
//!
//! A line is learned for as long as the zone learns, and after that goes on slowly: every reading at first, later one in so many that two weeks weigh
//! in it and not the last hours. The catalogue wants 14 days; a line counts after [`SPAN`] of watching, stays of low severity, and says by its
//! confidence how long it was watched. Deliberately absent: relations between controllers, and somebody who pulls a value away so slowly that the fit goes along.

use std::time::Duration;

use dogwatch_model::{Act, CaptureTime, Cells, Event, ShipState};
use serde::{Deserialize, Serialize};

use crate::detector::{Card, Context, Detector, Raise, Threshold, Wants};
use crate::policy::{Mode, PointPlan};
use crate::remembered::Remembered;
use crate::seen::{Identity, Party};

/// Median deviations that a value must be off, and for how many seconds (catalogue: `mad`, `hold_s`).
const MAD: f64 = 6.0;
const HOLD_S: f64 = 60.0;
/// How closely values and changes must go together (catalogue: r).
const TOGETHER: f64 = 0.95;
/// What is off by less than these shares, of the value and of the span that was learned, is a curve taken for a line, or fouling.
const OF_VALUE: f64 = 0.05;
const OF_SPAN: f64 = 0.25;
/// How far beyond its ends a line is believed: this share of the value.
const BEYOND: f64 = 0.1;
/// Readings, and the time they span, before two values are judged.
const READINGS: f64 = 120.0;
const SPAN: Duration = Duration::from_secs(600);
/// Readings that the fit rests on: older ones fade, so that it follows fouling and wear.
const FADING: f64 = 60_000.0;
/// A reading is learned when this share of the time watched so far has gone by since the last: in the 14 days that the catalogue asks for these are
/// about as many as [`FADING`], whatever the pace of the polls.
const SPACING: f64 = 1.0 / 10_000.0;
/// The time of watching that the catalogue asks for, and how sure a line is that was just learned and one that was watched for so long.
const WHOLE_S: f64 = 14.0 * 86_400.0;
const SURE: (f64, f64) = (0.3, 0.8);
/// Two masters may read the same block one after the other: readings closer than this are one.
const CLOSEST: Duration = Duration::from_millis(500);
/// Two values unread for this long: neither their change nor their standing off goes on.
const STALE: Duration = Duration::from_secs(120);
/// Points of one answer that are compared, and pairs remembered.
const MOST: usize = 12;
const REMEMBERED: usize = 2_048;

const APART: Card = Card {
    id: "DW-4006",
    why: "Speed, power and fuel of a machine go together. When one of them leaves the others, its sensor is broken or somebody put a number there.",
    e26: &["4.3.1"],
};

/// Two points of a controller in a state of the ship: controller, first and second place.
type Pair = (Identity, u64, u64, ShipState);

/// Sums of a correlation about running means, the old fading.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Sums {
    count: f64,
    mean: (f64, f64),
    xx: f64,
    yy: f64,
    xy: f64,
}

impl Sums {
    fn add(&mut self, (x, y): (f64, f64)) {
        if self.count >= FADING {
            let keep = (FADING - 1.0) / FADING;
            (self.count, self.xx, self.yy, self.xy) = (FADING - 1.0, self.xx * keep, self.yy * keep, self.xy * keep);
        }
        self.count += 1.0;
        let (dx, dy) = (x - self.mean.0, y - self.mean.1);
        self.mean = (self.mean.0 + dx / self.count, self.mean.1 + dy / self.count);
        self.xx += dx * (x - self.mean.0);
        self.yy += dy * (y - self.mean.1);
        self.xy += dx * (y - self.mean.1);
    }

    /// Whether the two go together.
    fn is_together(&self) -> bool {
        let both = (self.xx * self.yy).sqrt();
        both > 0.0 && self.xy.abs() / both > TOGETHER
    }

    /// The second value by the line, for the first.
    fn by_line(&self, x: f64) -> f64 {
        self.mean.1 + if self.xx > 0.0 { self.xy / self.xx * (x - self.mean.0) } else { 0.0 }
    }
}

/// How two values go together.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Relation {
    last: CaptureTime,
    values: Sums,
    changes: Sums,
    /// The pair read last.
    latest: (f64, f64),
    /// When a reading was learned last, and for how many seconds somebody has watched.
    #[serde(default)]
    learned: CaptureTime,
    #[serde(default)]
    watched_s: f64,
    /// Between which numbers each was seen.
    x: (f64, f64),
    y: (f64, f64),
    /// Median of how far the second value lies off the line.
    mad: f64,
    /// Since when it has been off on one side, and above or below.
    #[serde(skip)]
    off: Option<(CaptureTime, bool)>,
}

impl Relation {
    fn new((x, y): (f64, f64), at: CaptureTime) -> Self {
        let (values, changes) = (Sums::default(), Sums::default());
        let (learned, watched_s) = (at, 0.0);
        Self {
            last: at,
            values,
            changes,
            latest: (x, y),
            learned,
            watched_s,
            x: (x, x),
            y: (y, y),
            mad: 0.0,
            off: None,
        }
    }

    /// Takes in a pair of readings; gives the expected second value when it has been off for `hold_s`.
    fn read(&mut self, (x, y): (f64, f64), at: CaptureTime, is_judged: bool, (mad, hold_s): (f64, f64)) -> Option<f64> {
        let since = at.since(self.last);
        if self.values.count > 0.0 && since < CLOSEST {
            return None;
        }
        self.last = at;
        let before = std::mem::replace(&mut self.latest, (x, y));
        if since > STALE {
            self.off = None;
        } else {
            self.watched_s += since.as_secs_f64();
        }
        let (expected, is_known) = (self.values.by_line(x), is_judged && self.is_known());
        let off = y - expected;
        // a little beyond what was seen the line still holds: a cubic is off by less than `OF_VALUE` there
        let is_within = |(low, high): (f64, f64), value: f64| {
            let beyond = BEYOND * value.abs();
            low - beyond <= value && value <= high + beyond
        };
        let is_seen = is_within(self.x, x) || is_within(self.y, y);
        let floor = (OF_VALUE * expected.abs()).max(OF_SPAN * (self.y.1 - self.y.0));
        if is_known && is_seen && off.abs() > (mad * self.mad).max(floor) {
            let side = off > 0.0;
            let (from, _) = *self.off.insert(self.off.filter(|(_, before)| *before == side).unwrap_or((at, side)));
            return (at.since(from).as_secs_f64() >= hold_s).then_some(expected);
        }
        self.off = None;
        (self.x, self.y) = ((self.x.0.min(x), self.x.1.max(x)), (self.y.0.min(y), self.y.1.max(y)));
        if self.values.count > 0.0 && at.since(self.learned).as_secs_f64() < SPACING * self.watched_s {
            return None;
        }
        self.learned = at;
        self.learn((x, y), off.abs());
        // a change over a gap, or from a value that was off, is none that was learned
        if since <= STALE && self.values.count > 1.0 {
            self.changes.add((x - before.0, y - before.1));
        }
        None
    }

    fn learn(&mut self, (x, y): (f64, f64), off: f64) {
        // the median is followed in steps: each reading moves it by as much, whether it is a little off or wildly
        let step = self.mad.max(off) / self.values.count.clamp(1.0, 500.0);
        self.mad = if off > self.mad { (self.mad + step).min(off) } else { (self.mad - step).max(off) };
        self.values.add((x, y));
    }

    /// How sure it is, by how long it was watched.
    fn confidence(&self) -> f32 {
        let share = (self.watched_s / WHOLE_S).clamp(0.0, 1.0).sqrt();
        (SURE.0 + (SURE.1 - SURE.0) * share) as f32
    }

    /// Whether it says anything.
    fn is_known(&self) -> bool {
        self.values.count >= READINGS
            && self.watched_s >= SPAN.as_secs_f64()
            && self.values.is_together()
            && self.changes.is_together()
    }
}

/// See the file's head.
pub(super) struct Relations {
    pairs: Remembered<Pair, Relation>,
    mad: f64,
    hold_s: f64,
}

impl Default for Relations {
    fn default() -> Self {
        Self { pairs: Remembered::new(REMEMBERED), mad: MAD, hold_s: HOLD_S }
    }
}

impl Detector for Relations {
    fn cards(&self) -> &'static [&'static Card] {
        &[&APART]
    }

    fn wants(&self) -> Wants {
        Wants { values: true, planned: true, ..Wants::default() }
    }

    fn thresholds(&mut self) -> Vec<Threshold<'_>> {
        vec![
            Threshold::new(APART.id, "mad", &mut self.mad, 3.0..=100.0),
            Threshold::new(APART.id, "hold_s", &mut self.hold_s, 5.0..=3_600.0),
        ]
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, to: &Party, cx: &mut Context<'_>) {
        let (Some(policy), Some(asset)) = (cx.policy, from.end.asset) else { return };
        // what is written is an order, what is answered is how it is
        let is_so = |act: &Act<'_>| matches!(act, Act::Reply { .. } | Act::Publishes { .. });
        if !policy.has_points() || !event.message.acts.iter().any(is_so) {
            return;
        }
        for act in event.message.acts {
            let mut points: [Option<(&PointPlan, f64)>; MOST] = [None; MOST];
            let mut places = points.iter_mut();
            let mut take = |point, value| {
                if let Some(place) = places.next() {
                    *place = Some((point, value));
                }
            };
            match *act {
                Act::Values { unit, table, first, cells: cells @ Cells::Registers(bytes) } => {
                    let count = u16::try_from(bytes.len() / 2).unwrap_or(u16::MAX);
                    let within = policy.points_within((asset, unit, table), first, count);
                    let untagged = within.filter(|(_, point)| point.tag.is_none());
                    untagged
                        .filter_map(|(_, point)| Some((point, point.read(first, cells)?)))
                        .for_each(|(point, value)| take(point, value));
                }
                Act::States(readings) => policy.points_read(asset, readings, &mut |point, value| {
                    if point.tag.is_none() {
                        take(point, value);
                    }
                }),
                _ => continue,
            }
            for (number, second) in points.iter().enumerate() {
                for first in points.iter().take(number) {
                    if let (Some(first), Some(second)) = (*first, *second) {
                        self.compare(event, (from, to), (first, second), cx);
                    }
                }
            }
        }
    }

    fn learned(&self) -> Option<serde_json::Value> {
        serde_json::to_value(self.pairs.entries()).ok()
    }

    fn recall(&mut self, learned: serde_json::Value) -> Result<(), serde_json::Error> {
        self.pairs.recall(serde_json::from_value(learned)?);
        Ok(())
    }
}

impl Relations {
    fn compare(
        &mut self,
        event: &Event<'_>,
        (from, to): (&Party, &Party),
        ((one, x), (other, y)): ((&PointPlan, f64), (&PointPlan, f64)),
        cx: &mut Context<'_>,
    ) {
        let (at, zone, policy) = (event.at, from.end.zone, cx.policy);
        let is_judged = !cx.is_settling(at)
            && !cx.is_learning(at, from, to)
            && policy.is_some_and(|policy| policy.mode_of(zone) != Mode::Learn);
        let pair = (from.identity(), one.place.key(), other.place.key(), cx.state);
        // what was learned before the state was known was learned of the state she turns out to be in
        let unknown = (pair.0, pair.1, pair.2, ShipState::Unknown);
        let before = (self.pairs.get(&pair).is_none()).then(|| self.pairs.get(&unknown)).flatten();
        let before = before.filter(|before| at.since(before.last) <= STALE).copied();
        let relation = self.pairs.touch_or(pair, at, || before.unwrap_or_else(|| Relation::new((x, y), at)));
        let Some(expected) = relation.read((x, y), at, is_judged, (self.mad, self.hold_s)) else { return };
        if zone.zip(policy).is_some_and(|(zone, policy)| policy.window_open(zone, at).is_some()) {
            return;
        }
        let (confidence, hours) = (relation.confidence(), relation.watched_s / 3_600.0);
        let whose = cx.call(from);
        // one finding a controller: a value that leaves two others is one story
        let unit = one.register().map_or(0, |(unit, ..)| unit);
        cx.raise(format!("{:?}|{unit}", from.identity()).as_bytes(), &APART, at, || Raise {
            confidence,
            to: Some(*to),
            summary: format!(
                "\"{}\" and \"{}\" of {whose} no longer fit: {y:.1} where {expected:.1} would",
                one.name, other.name
            ),
            fields: vec![
                (one.name.clone(), format!("{x:.1}")),
                (other.name.clone(), format!("{y:.1}")),
                ("fits".to_owned(), format!("{expected:.1}")),
                ("learned_hours".to_owned(), format!("{hours:.1}")),
            ],
            expected: "two values that go together as they did while learned".to_owned(),
            ..Raise::of_event(&APART, event, from)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::{Bench, SHIP, flow};
    use dogwatch_model::{Object, Speaker, Table, Transport, Verb};

    const POINTS: &str = "[[point]]\nname = \"Power\"\nasset = \"plc\"\naddr = 1\n\
                          [[point]]\nname = \"Fuel\"\nasset = \"plc\"\naddr = 2\n";

    /// A power that swings slowly, with noise; the seconds it is asked for.
    fn power(second: u32) -> f64 {
        let noise = f64::from((second / 2 * 7_919) % 41) - 20.0;
        3_000.0 + 400.0 * (f64::from(second) / 120.0).sin() + noise
    }

    fn plays(bench: &mut Bench, seconds: std::ops::Range<u32>, values: &dyn Fn(u32) -> (f64, f64)) {
        for second in seconds.step_by(2) {
            bench.at(f64::from(second));
            let (x, y) = values(second);
            let bytes: Vec<u8> = [0, x as u16, y as u16].iter().flat_map(|value| value.to_be_bytes()).collect();
            let values = Act::Values { unit: 1, table: Table::Holding, first: 0, cells: Cells::Registers(&bytes) };
            let reply = Act::Reply { verb: Verb::Read, object: Object::Device { unit: Some(1) }, refused: false };
            let flow = flow("10.0.2.21", "10.0.2.10", 40_000, Transport::Tcp);
            bench.says("modbus", Speaker::Sender, &flow, &[reply, values]);
        }
    }

    fn told(before: impl Fn(u32) -> (f64, f64), later: impl Fn(u32) -> (f64, f64)) -> Vec<String> {
        let mut bench = Bench::new(Some(&format!("{SHIP}{POINTS}")), Box::<Relations>::default());
        plays(&mut bench, 0..900, &before);
        plays(&mut bench, 900..1_200, &later);
        bench.findings().into_iter().map(|finding| finding.summary).collect()
    }

    fn fits(second: u32) -> (f64, f64) {
        (power(second), power(second) * 2.0)
    }

    #[test]
    fn a_value_that_leaves_its_fellow() {
        let apart = told(fits, |second| (power(second), power(second) * 3.6));
        assert!(apart.len() == 1 && apart[0].contains("\"Power\" and \"Fuel\""), "{apart:?}");
        let low = told(fits, |second| (power(second), power(second)));
        assert_eq!(low.len(), 1, "{low:?}");
        let borrowed = told(fits, |second| (power(second) * 1.8, power(second) * 2.0));
        assert_eq!(borrowed.len(), 1, "the first of the two leaves: {borrowed:?}");
    }

    #[test]
    fn what_fits_and_what_is_new_to_both() {
        assert!(told(fits, fits).is_empty());
        let slower = told(fits, |second| (power(second) / 2.0, power(second)));
        assert!(slower.is_empty(), "a new working point: {slower:?}");
        let curve = told(fits, |second| (power(second) / 2.0, power(second) * 0.8));
        assert!(curve.is_empty(), "where no line was learned: {curve:?}");
        let short =
            told(fits, |second| (power(second), power(second) * if (900..940).contains(&second) { 3.6 } else { 2.0 }));
        assert!(short.is_empty(), "forty seconds: {short:?}");
    }

    #[test]
    fn what_was_watched_for_longer_is_surer() {
        let mut relation = Relation::new((0.0, 0.0), CaptureTime::default());
        for second in (0..86_400_u32).step_by(2) {
            let at = CaptureTime::from_parts(i64::from(second), 0);
            assert_eq!(relation.read(fits(second), at, true, (MAD, HOLD_S)), None);
        }
        // a day of fourteen: 0.3 and of the other 0.5 the root of 1/14
        assert!((relation.confidence() - 0.434).abs() < 0.001, "{}", relation.confidence());
        // every reading for 20,000 s, every second one for 20,000 s more, every third, fourth, and then every fifth
        let readings = 10_000.0 + 5_000.0 + 3_333.0 + 2_500.0 + 640.0;
        assert!((relation.values.count - readings).abs() < 5.0, "{}", relation.values.count);
    }

    #[test]
    fn what_does_not_go_together_is_not_compared() {
        let alone = |second: u32| (power(second), power(second * 7 + 400) * 2.0);
        assert!(told(alone, |second| (power(second), 20_000.0)).is_empty());
        // a temperature that follows its load with a lag of two minutes
        let lag = |second: u32| (power(second), 300.0 + 40.0 * ((f64::from(second) - 90.0) / 120.0).sin());
        assert!(told(lag, |second| (power(second), 600.0)).is_empty());
    }

    #[test]
    fn what_was_learned_outlives_the_program() {
        let mut first = Bench::new(Some(&format!("{SHIP}{POINTS}")), Box::<Relations>::default());
        plays(&mut first, 0..900, &fits);
        let mut second = Bench::new(Some(&format!("{SHIP}{POINTS}")), Box::<Relations>::default());
        second.recall(first.baseline());
        plays(&mut second, 1_000..1_200, &|second| (power(second), power(second) * 3.6));
        assert_eq!(second.ids(), ["DW-4006"]);
    }
}
