//! DW-5002: two position receivers disagree, or report one place where two antennas stand.
//!
//! Once a second the place of every receiver is brought to a common second by the ship's velocity, and the way from one to the other is turned into
//! the ship's own frame by her heading: there the distance of two antennas is constant, whatever she does. That offset and its noise are learned
//! (a constant difference of datum or reference point with it). Apart: the way differs from what was learned by more than 50 m and six standard
//! deviations for 10 s. Merged: it is shorter than 0.3 of the antenna distance for 60 s, which is what one false signal at both antennas does; the
//! distance is the declared one (`[navigation] antennas`), else the learned one, and at least 8 m.
//!
//! Two talkers that give the same digits from the start are one receiver on two lines and are not compared. Of more than two receivers the one that
//! agrees with no other is named.

use dogwatch_model::CaptureTime;

use super::of_talker::{Case, Hold, raise_of};
use crate::detector::{Card, Context, Detector, Threshold, Wants};
use crate::own_ship::{Talker, TalkerIx, Trouble, What, north_east};

/// Seconds a position may be old.
const FRESH: u64 = 4;
/// Receivers compared.
const MOST: usize = 8;
/// Seconds the disagreement must last.
const APART_SECONDS: f64 = 10.0;
/// Samples, one a second, before what was learned is used.
const LEARNED: f64 = 30.0;
/// Samples over which the learned offset moves on.
const MEMORY: f64 = 600.0;
/// Seconds over which the way is smoothed.
const SMOOTHING: f64 = 5.0;
/// Standard deviations of the ordinary noise.
const DEVIATIONS: f64 = 6.0;
/// Once they are merged, noise may bring them this many times as far from each other before they are not.
const STILL_MERGED: f64 = 4.0 / 3.0;
/// Merging is judged only where the noise is below this share of the distance.
const QUIET: f64 = 0.25;

const CARD: Card = Card {
    id: "DW-5002",
    why: "Two receivers are fitted so that one can be checked by the other. When they disagree one of them is wrong or deceived; when they report one \
          place for two antennas, both are likely to hear the same false signal.",
    e26: &["4.3.1"],
};

/// What is known of two receivers.
#[derive(Debug)]
struct Pair {
    a: TalkerIx,
    b: TalkerIx,
    last: CaptureTime,
    /// Learned way from a to b, ahead and to starboard where the heading is known, else north and east.
    mean: (f64, f64),
    variance: f64,
    samples: f64,
    low: Option<(f64, f64)>,
    has_heading: bool,
    apart: Hold,
    merged: Hold,
    is_merged: bool,
    /// How far the way is off what was learned, metres, and the limit.
    off: f64,
    limit: f64,
}

/// See the file's head.
pub(super) struct Receivers {
    pairs: Vec<Pair>,
    /// Behind the pair that was asked for last.
    asked: usize,
    high_m: f64,
    merge_ratio: f64,
    merge_s: f64,
    min_sep_m: f64,
}

impl Default for Receivers {
    fn default() -> Self {
        Self { pairs: Vec::new(), asked: 0, high_m: 50.0, merge_ratio: 0.3, merge_s: 60.0, min_sep_m: 8.0 }
    }
}

impl Detector for Receivers {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        Wants::default()
    }

    fn thresholds(&mut self) -> Vec<Threshold<'_>> {
        vec![
            Threshold::new(CARD.id, "high_m", &mut self.high_m, 20.0..=5_000.0),
            Threshold::new(CARD.id, "merge_ratio", &mut self.merge_ratio, 0.05..=0.8),
            Threshold::new(CARD.id, "merge_s", &mut self.merge_s, 20.0..=3_600.0),
            Threshold::new(CARD.id, "min_sep_m", &mut self.min_sep_m, 4.0..=200.0),
        ]
    }

    fn tick(&mut self, at: CaptureTime, cx: &mut Context<'_>) {
        let ship = cx.ship;
        let mut receivers = ship.receivers(at, FRESH);
        receivers.retain(|(_, talker)| talker.fixes >= 3);
        receivers.truncate(MOST);
        self.pairs.retain(|pair| ship.talker(pair.a).is_some() && ship.talker(pair.b).is_some());
        if receivers.len() < 2 {
            return;
        }
        let velocity = velocity(at, cx);
        let heading = ship.best(What::Heading, at, 3).map(Heading::new);
        let mut told = Vec::new();
        for (index, (a, first)) in receivers.iter().enumerate() {
            for (b, second) in receivers.iter().skip(index + 1) {
                if first.device() == second.device() {
                    continue;
                }
                let Some(way) = way(first, second, velocity) else { continue };
                let declared = declared(first, second, cx);
                told.extend(self.compare(at, (*a, *b), way, heading, declared));
            }
        }
        for (index, what) in told {
            self.raise(index, &what, at, cx);
        }
    }
}

/// What two receivers do.
enum Told {
    Apart,
    Merged { metres: f64, distance: f64 },
}

impl Receivers {
    /// Takes one second's way between two receivers.
    fn compare(
        &mut self,
        at: CaptureTime,
        (a, b): (TalkerIx, TalkerIx),
        way: (f64, f64),
        heading: Option<Heading>,
        declared: Option<f64>,
    ) -> Option<(usize, Told)> {
        let (high_m, merge_ratio, merge_s, min_sep) = (self.high_m, self.merge_ratio, self.merge_s, self.min_sep_m);
        let index = self.pair(a, b, at);
        let pair = self.pairs.get_mut(index)?;
        let is_same = way.0.hypot(way.1) < 1e-6;
        if is_same && pair.samples < LEARNED {
            return None;
        }
        if pair.has_heading != heading.is_some() {
            // another frame: what was learned does not hold in it
            (pair.has_heading, pair.samples, pair.low) = (heading.is_some(), 0.0, None);
        }
        let way = heading.map_or(way, |heading| heading.in_ship_frame(way));
        let step = at.since(pair.last).as_secs_f64().min(SMOOTHING);
        pair.last = at;
        let low = pair.low.map_or(way, |low| {
            let share = step / SMOOTHING;
            (low.0 + (way.0 - low.0) * share, low.1 + (way.1 - low.1) * share)
        });
        pair.low = Some(low);
        let sigma = pair.variance.sqrt();
        let learned = pair.mean.0.hypot(pair.mean.1);
        pair.limit = high_m.max(DEVIATIONS * sigma) + if pair.has_heading { 0.0 } else { 2.0 * learned };
        pair.off = if pair.samples < LEARNED { 0.0 } else { (low.0 - pair.mean.0).hypot(low.1 - pair.mean.1) };
        let distance = declared.unwrap_or(if pair.samples < 2.0 * LEARNED { 0.0 } else { learned });
        let metres = low.0.hypot(low.1);
        let ratio = if pair.is_merged { STILL_MERGED * merge_ratio } else { merge_ratio };
        let is_close = distance >= min_sep && sigma <= QUIET * distance && metres < ratio * distance;
        pair.is_merged = is_close;
        let is_suspect = pair.off > pair.limit / 2.0 || (learned >= min_sep && metres < 0.5 * learned);
        if pair.samples < LEARNED || !is_suspect {
            pair.learn(way);
        }
        let is_judged = pair.samples >= LEARNED;
        if pair.apart.holds(is_judged && pair.off > pair.limit, at, APART_SECONDS) {
            return Some((index, Told::Apart));
        }
        pair.merged.holds(is_judged && is_close, at, merge_s).then_some((index, Told::Merged { metres, distance }))
    }

    fn pair(&mut self, a: TalkerIx, b: TalkerIx, at: CaptureTime) -> usize {
        // they are asked for in one order every second
        let (before, from) = self.pairs.split_at(self.asked.min(self.pairs.len()));
        let is_it = |pair: &Pair| (pair.a, pair.b) == (a, b);
        let known = from.iter().position(is_it).map(|index| before.len() + index);
        if let Some(index) = known.or_else(|| before.iter().position(is_it)) {
            self.asked = index + 1;
            return index;
        }
        if self.pairs.len() >= MOST * MOST {
            let oldest = self.pairs.iter().enumerate().min_by_key(|(_, pair)| pair.last).map_or(0, |(index, _)| index);
            self.pairs.remove(oldest);
        }
        self.pairs.push(Pair {
            a,
            b,
            last: at,
            mean: (0.0, 0.0),
            variance: 0.0,
            samples: 0.0,
            low: None,
            has_heading: false,
            apart: Hold::default(),
            merged: Hold::default(),
            is_merged: false,
            off: 0.0,
            limit: f64::MAX,
        });
        self.pairs.len() - 1
    }

    /// Whether a receiver agrees with any other than `with`.
    fn has_friend(&self, of: TalkerIx, with: TalkerIx) -> bool {
        self.pairs.iter().any(|pair| {
            let other = if pair.a == of { pair.b } else { pair.a };
            (pair.a == of || pair.b == of) && other != with && pair.samples >= LEARNED && pair.off < pair.limit / 2.0
        })
    }

    fn raise(&self, index: usize, told: &Told, at: CaptureTime, cx: &mut Context<'_>) {
        let ship = cx.ship;
        let Some(pair) = self.pairs.get(index) else { return };
        let (a_fits, b_fits) = (self.has_friend(pair.a, pair.b), self.has_friend(pair.b, pair.a));
        let is_b = a_fits && !b_fits;
        let is_known = a_fits != b_fits;
        let (odd, other) = if is_b { (pair.b, pair.a) } else { (pair.a, pair.b) };
        let (Some(one), Some(two)) = (ship.talker(odd), ship.talker(other)) else { return };
        let (name, against) = (one.name(cx), two.name(cx));
        let place = |talker: &Talker| {
            talker.fix.map_or_else(String::new, |fix| format!("{:.5} {:.5} at {}", fix.lat, fix.lon, fix.at))
        };
        let (key, summary, expected) = match told {
            Told::Apart => {
                let key = if is_known {
                    format!("apart|{}", one.key())
                } else {
                    format!("apart|{}|{}", one.key(), two.key())
                };
                let off = pair.off;
                (
                    key,
                    format!("Positions of {name} and {against} are {off:.0} m from where they stand to each other"),
                    format!("at most {:.0} m off the learned antenna positions", pair.limit),
                )
            }
            Told::Merged { metres, distance } => (
                format!("merged|{}|{}", one.key(), two.key()),
                format!(
                    "{name} and {against} report one place, {metres:.1} m apart; their antennas are {distance:.0} m apart"
                ),
                format!("about {distance:.0} m between the two positions"),
            ),
        };
        if matches!(told, Told::Apart) {
            cx.troubles.note(Trouble::Drift, odd, at);
        }
        let fields = vec![
            ("first", place(one)),
            ("second", place(two)),
            ("learned_m", format!("{:.1}", pair.mean.0.hypot(pair.mean.1))),
            ("noise_m", format!("{:.1}", pair.variance.sqrt())),
        ];
        let case = Case { severity: None, confidence: 0.9, to: Some(two.party), summary, fields, expected };
        raise_of(cx, &CARD, one, at, &key, case);
    }
}

impl Pair {
    fn learn(&mut self, way: (f64, f64)) {
        self.samples = (self.samples + 1.0).min(MEMORY);
        let gain = 1.0 / self.samples;
        let off = (way.0 - self.mean.0, way.1 - self.mean.1);
        self.mean = (self.mean.0 + off.0 * gain, self.mean.1 + off.1 * gain);
        if self.samples > 1.0 {
            self.variance += ((off.0 * off.0 + off.1 * off.1) / 2.0 - self.variance) * gain;
        }
    }
}

/// Velocity over ground to north and east, m/s, as the receivers tell it.
pub(super) fn velocity(at: CaptureTime, cx: &Context<'_>) -> (f64, f64) {
    let speed = cx.ship.best(What::SpeedOverGround, at, 5);
    let course = cx.ship.best(What::CourseOverGround, at, 5);
    speed.zip(course).map_or((0.0, 0.0), |(speed, course)| {
        let course = course.to_radians();
        (speed * libm::cos(course), speed * libm::sin(course))
    })
}

/// The way from one receiver to the other at the second of the first, metres north and east.
fn way(a: &Talker, b: &Talker, velocity: (f64, f64)) -> Option<(f64, f64)> {
    let (a, b) = (a.fix?, b.fix?);
    let later = a.seconds_to(&b);
    let (north, east) = north_east(a.place(), b.place());
    Some((north - velocity.0 * later, east - velocity.1 * later))
}

/// A heading, by the sine and cosine that turn ways into the frame of the ship.
#[derive(Debug, Clone, Copy)]
struct Heading {
    sin: f64,
    cos: f64,
}

impl Heading {
    fn new(degrees: f64) -> Self {
        Self { sin: libm::sin(degrees.to_radians()), cos: libm::cos(degrees.to_radians()) }
    }

    /// North and east as ahead and to starboard.
    fn in_ship_frame(self, (north, east): (f64, f64)) -> (f64, f64) {
        (north * self.cos + east * self.sin, east * self.cos - north * self.sin)
    }
}

fn declared(a: &Talker, b: &Talker, cx: &Context<'_>) -> Option<f64> {
    let (a, b) = (a.party.end.asset?, b.party.end.asset?);
    let pairs = &cx.policy?.antennas;
    pairs.iter().find(|pair| (pair.a, pair.b) == (a, b) || (pair.a, pair.b) == (b, a)).map(|pair| pair.distance_m)
}

#[cfg(test)]
mod tests {
    use dogwatch_model::{Quantity, Value};

    use super::*;
    use crate::detections::bench::Bench;

    const METRE: f64 = 1.0 / 111_200.0;

    /// Two receivers, the second `way` metres north of the first; a heading; noise of a metre.
    fn sail(seconds: u32, way: impl Fn(u32) -> f64) -> Vec<(String, String)> {
        let mut bench = Bench::new(None, Box::<Receivers>::default());
        for second in 0..seconds {
            bench.at(f64::from(second));
            let wobble = f64::from(second % 7) / 3.5 - 0.86;
            let lat = 54.0 + f64::from(second) * 5.0 * METRE;
            let place = |lat| [(Quantity::Position, Value::Position { lat, lon: 7.0 })];
            bench.measures("10.0.0.1", &place(lat + wobble * METRE));
            bench.measures("10.0.0.2", &place(lat + way(second) * METRE));
            bench.measures("10.0.0.3", &[(Quantity::HeadingTrue, Value::Number(0.0))]);
        }
        bench.findings().into_iter().map(|finding| (finding.rule_id, finding.summary)).collect()
    }

    #[test]
    fn receivers_that_drift_apart_are_told_once() {
        let told = sail(400, |second| 14.0 + f64::from(second.saturating_sub(120)));
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].1.contains("from where they stand"), "{told:?}");
    }

    #[test]
    fn two_antennas_at_one_place_are_told() {
        let told = sail(300, |second| if second < 150 { 14.0 } else { 0.4 });
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].1.contains("report one place"), "{told:?}");
    }

    #[test]
    fn noise_does_not_begin_the_wait_anew() {
        // twelve of forty seconds at five metres are more than 0.3 of fourteen
        let merged = |second: u32| if second % 40 < 12 { 5.0 } else { 0.4 };
        let told = sail(260, |second| if second < 150 { 14.0 } else { merged(second) });
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(sail(400, |second| if second < 150 { 14.0 } else { 5.6 }).is_empty(), "never merged");
    }

    #[test]
    fn a_constant_offset_and_one_receiver_on_two_lines_are_quiet() {
        assert!(sail(400, |_| 90.0).is_empty(), "another reference point");
        let same = |second: u32| f64::from(second % 7) / 3.5 - 0.86;
        assert!(sail(400, same).is_empty(), "the same digits");
        assert!(sail(400, |_| 3.0).is_empty(), "too close to tell");
    }
}
