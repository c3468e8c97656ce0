//! DW-5007, DW-5008 and DW-5013: values of one source that cannot be, contradict themselves, or mean another thing than before.
//!
//! DW-5007: for five seconds a speed over ground above the hull's (policy: top speed times 1.2; else 50 kn), a rate of turn above the hull's (policy
//! times 1.5; else 300 degrees a minute), or, away from port and with a good geometry (HDOP below 3), an antenna height 25 m off its usual one.
//! DW-5008: a depth below 200 m, above 3 knots, that steps by half of itself or more and stays for ten seconds, or goes back and does it again within a
//! minute, or stands still to the last digit for two minutes. Air under the hull and the screw's wash do that too: low. DW-5013: chart datum or its offsets change: low, once.

use dogwatch_model::{Act, CaptureTime, Event, Of, Quantity, Severity, ShipState, Value};

use super::of_talker::{Case, Hold, KNOT, raise_of};
use crate::detector::{Card, Context, Detector, Threshold, Wants};
use crate::own_ship::{PerTalker, Talker, What};
use crate::seen::Party;

/// Seconds that an impossible motion must last.
const MOTION_SECONDS: f64 = 5.0;
/// Without a policy: speed in m/s, turn in degrees a minute.
const TOP_SPEED: f64 = 50.0 * KNOT;
const TOP_TURN: f64 = 300.0;
/// HDOP below which a height means anything, and samples of the usual height.
const GOOD: f64 = 3.0;
const HEIGHTS: f64 = 60.0;
/// Depths above which a sounder only guesses, metres.
const DEEP: f64 = 200.0;
/// Seconds that a step, and that a standstill must last.
const STEP_SECONDS: f64 = 10.0;
const STILL_SECONDS: f64 = 120.0;
/// Seconds within which a second step and back makes two of three looks; and how long a step lasts at least.
const TWICE: u64 = 60;
const LASTS: u64 = 2;
/// Seconds without a depth after which the ship is over another bottom.
const SILENT: u64 = 60;
/// Samples of depth before it is judged, and over which it moves on.
const SOUNDINGS: f64 = 10.0;

const MOTION: Card = Card {
    id: "DW-5007",
    why: "The ship cannot move like that, so the sensor is wrong or somebody else speaks for it; what steers and warns by it goes wrong with it.",
    e26: &["4.3.1"],
};
const DEPTH: Card = Card {
    id: "DW-5008",
    why: "A depth that leaps or stands still hides shoal water, or cries shoal where there is none until nobody listens.",
    e26: &["4.3.1"],
};
const DATUM: Card = Card {
    id: "DW-5013",
    why: "Positions on another datum look right and lie hundreds of metres off on the chart.",
    e26: &["4.3.1"],
};

#[derive(Debug, Default)]
struct State {
    speed: Hold,
    turn: Hold,
    high: Hold,
    /// Usual height and samples.
    height: (f64, f64),
    stepped: Hold,
    still: Hold,
    /// Usual depth and samples, and the last one.
    depth: (f64, f64),
    last_depth: f64,
    sounded_at: Option<CaptureTime>,
    /// When a step began that has not ended, and when the last one ended.
    step_from: Option<CaptureTime>,
    stepped_back: Option<CaptureTime>,
    datum: Option<f64>,
    offset: Option<(f64, f64)>,
}

/// See the file's head.
pub(super) struct Values {
    states: PerTalker<State>,
    height_m: f64,
    jump: f64,
}

impl Default for Values {
    fn default() -> Self {
        Self { states: PerTalker::default(), height_m: 25.0, jump: 0.5 }
    }
}

impl Detector for Values {
    fn cards(&self) -> &'static [&'static Card] {
        &[&MOTION, &DEPTH, &DATUM]
    }

    fn wants(&self) -> Wants {
        Wants { own_ship_of: &[Quantity::Datum, Quantity::DatumOffset], ..Wants::default() }
    }

    fn thresholds(&mut self) -> Vec<Threshold<'_>> {
        vec![
            Threshold::new(MOTION.id, "height_m", &mut self.height_m, 5.0..=500.0),
            Threshold::new(DEPTH.id, "jump", &mut self.jump, 0.1..=5.0),
        ]
    }

    fn event(&mut self, event: &Event<'_>, _from: &Party, _to: &Party, cx: &mut Context<'_>) {
        let Some(ix) = cx.talker else { return };
        for act in event.message.acts {
            let (quantity, value) = match *act {
                Act::Measures { of: Of::OwnShip, quantity, value } => (quantity, value),
                _ => continue,
            };
            let state = match quantity {
                Quantity::Datum | Quantity::DatumOffset => self.states.of(ix),
                _ => continue,
            };
            let change = match value {
                Value::Number(code) => {
                    let before = state.datum.replace(code).filter(|before| *before != code);
                    before.map(|before| (letters(before), letters(code)))
                }
                Value::Position { lat, lon } => {
                    let is_other = |before: &(f64, f64)| (before.0 - lat).abs() > 1e-6 || (before.1 - lon).abs() > 1e-6;
                    let before = state.offset.replace((lat, lon)).filter(is_other);
                    let text = |(lat, lon): (f64, f64)| format!("offset {lat:.6} {lon:.6} deg");
                    before.map(|before| (text(before), text((lat, lon))))
                }
                _ => None,
            };
            let ship = cx.ship;
            let (Some((before, now)), Some(talker)) = (change, ship.talker(ix)) else { continue };
            let summary = format!("Chart datum of {} changed from {before} to {now}", talker.name(cx));
            let fields = vec![("before", before.clone()), ("now", now)];
            let case = Case { severity: None, confidence: 0.9, to: None, summary, fields, expected: before };
            raise_of(cx, &DATUM, talker, event.at, &talker.key(), case);
        }
    }

    fn tick(&mut self, at: CaptureTime, cx: &mut Context<'_>) {
        let ship = cx.ship;
        let vessel = cx.policy.map(|policy| &policy.vessel);
        let top_speed = vessel.and_then(|vessel| vessel.max_speed_kn).map_or(TOP_SPEED, |knots| knots * KNOT * 1.2);
        let top_turn = vessel.and_then(|vessel| vessel.max_turn_deg_min).map_or(TOP_TURN, |turn| turn * 1.5);
        let is_in_port = matches!(cx.state, ShipState::InPort | ShipState::Drydock);
        let own_speed = ship.best(What::SpeedThroughWater, at, 5).or_else(|| ship.best(What::SpeedOverGround, at, 5));
        let judged = [What::SpeedOverGround, What::RateOfTurn, What::Altitude, What::Depth];
        for (ix, talker) in ship.recent_telling(&judged, at, 3) {
            let fresh = |what| ship.fresh(ix, what, at, 3);
            let speed = fresh(What::SpeedOverGround).map(f64::abs);
            let turn = fresh(What::RateOfTurn).map(f64::abs);
            let height = fresh(What::Altitude).filter(|_| fresh(What::Hdop).is_some_and(|hdop| hdop < GOOD));
            let depth = fresh(What::Depth).filter(|depth| *depth > 0.0);
            if speed.is_none() && turn.is_none() && height.is_none() && depth.is_none() {
                continue;
            }
            let state = self.states.of(ix);
            if state.speed.holds(speed.is_some_and(|speed| speed > top_speed), at, MOTION_SECONDS) {
                let speed = speed.unwrap_or(0.0);
                let summary = format!("{} tells a speed over ground of {:.1} kn", talker.name(cx), speed / KNOT);
                motion(cx, talker, "speed", summary, format!("at most {:.1} kn", top_speed / KNOT), at);
            }
            if state.turn.holds(turn.is_some_and(|turn| turn > top_turn), at, MOTION_SECONDS) {
                let summary = format!("{} tells a rate of turn of {:.0} deg/min", talker.name(cx), turn.unwrap_or(0.0));
                motion(cx, talker, "turn", summary, format!("at most {top_turn:.0} deg/min"), at);
            }
            if let Some(height) = height {
                let is_off = state.height.1 >= HEIGHTS && (height - state.height.0).abs() > self.height_m;
                if !is_off {
                    state.height.1 = (state.height.1 + 1.0).min(900.0);
                    state.height.0 += (height - state.height.0) / state.height.1;
                }
                let usual = state.height.0;
                if state.high.holds(is_off && !is_in_port, at, MOTION_SECONDS) {
                    let summary = format!(
                        "{} tells an antenna height of {height:.0} m; it used to be {usual:.0} m",
                        talker.name(cx)
                    );
                    motion(cx, talker, "height", summary, format!("{usual:.0} m within {:.0} m", self.height_m), at);
                }
            }
            let is_sailing = own_speed.is_some_and(|speed| speed > 3.0 * KNOT);
            if let Some((what, depth, usual)) = depth.and_then(|depth| state.sounded(depth, is_sailing, self.jump, at))
            {
                let case = Case {
                    severity: Some(Severity::Low),
                    confidence: 0.5,
                    to: None,
                    summary: format!("Depth of {} {what}: {depth:.1} m, before it {usual:.1} m", talker.name(cx)),
                    fields: vec![("depth_m", format!("{depth:.1}")), ("before_m", format!("{usual:.1}"))],
                    expected: "a depth that changes as the bottom does".to_owned(),
                };
                raise_of(cx, &DEPTH, talker, at, &talker.key(), case);
            }
        }
    }
}

impl State {
    /// Takes a depth; says what is wrong with it, with the depth and the one before.
    fn sounded(
        &mut self,
        depth: f64,
        is_sailing: bool,
        jump: f64,
        at: CaptureTime,
    ) -> Option<(&'static str, f64, f64)> {
        if self.sounded_at.is_some_and(|last| at.since(last).as_secs() > SILENT) {
            (self.depth, self.step_from, self.stepped_back) = ((0.0, 0.0), None, None);
            (self.stepped, self.still) = (Hold::default(), Hold::default());
        }
        self.sounded_at = Some(at);
        let is_same = self.last_depth == depth;
        self.last_depth = depth;
        let usual = self.depth.0;
        let ratio = if usual > 0.0 { (depth / usual).max(usual / depth) } else { 1.0 };
        let is_shallow = depth.min(usual) < DEEP && depth < 2.0 * DEEP;
        let is_step = self.depth.1 >= SOUNDINGS && ratio > 1.0 + jump && is_shallow;
        // after half a minute the new depth is the depth
        let has_stayed = self.stepped.holds(is_step && is_sailing, at, STEP_SECONDS);
        if !is_step || has_stayed {
            let anew = has_stayed || self.depth.1 == 0.0;
            self.depth.1 = if anew { SOUNDINGS } else { (self.depth.1 + 1.0).min(SOUNDINGS) };
            self.depth.0 = if anew { depth } else { usual + (depth - usual) / self.depth.1 };
        }
        if has_stayed {
            self.step_from = None;
            return Some(("stepped", depth, usual));
        }
        if is_step && is_sailing {
            self.step_from.get_or_insert(at);
        } else if let Some(from) = self.step_from.take().filter(|from| at.since(*from).as_secs() >= LASTS) {
            let before = self.stepped_back.replace(at);
            if before.is_some_and(|before| from >= before && at.since(before).as_secs() <= TWICE) {
                return Some(("stepped and went back, again and again", depth, usual));
            }
        }
        let stands = self.still.holds(is_same && is_sailing && depth < DEEP, at, STILL_SECONDS);
        stands.then_some(("stands still", depth, usual))
    }
}

fn motion<'a>(
    cx: &mut Context<'a>,
    talker: &'a Talker,
    what: &'static str,
    summary: String,
    expected: String,
    at: CaptureTime,
) {
    let case =
        Case { severity: None, confidence: 0.8, to: None, summary, fields: vec![("what", what.to_owned())], expected };
    raise_of(cx, &MOTION, talker, at, &format!("{what}|{}", talker.key()), case);
}

/// The letters of a datum's code.
fn letters(code: f64) -> String {
    let code = if (0.0..4_294_967_296.0).contains(&code) { code as u32 } else { 0 };
    code.to_be_bytes().into_iter().filter(u8::is_ascii_alphanumeric).map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::Bench;

    fn watch(of: impl Fn(f64) -> Vec<(Quantity, f64)>) -> Vec<(String, String)> {
        let mut bench = Bench::new(None, Box::<Values>::default());
        for second in 0..300 {
            bench.at(f64::from(second));
            bench.measures("10.0.0.16", &[(Quantity::SpeedThroughWater, Value::Number(5.5))]);
            let values: Vec<_> =
                of(f64::from(second)).into_iter().map(|(quantity, value)| (quantity, Value::Number(value))).collect();
            bench.measures("10.0.0.17", &values);
        }
        bench.findings().into_iter().map(|finding| (finding.rule_id, finding.summary)).collect()
    }

    #[test]
    fn impossible_motion() {
        let late = |t: f64, normal: f64, odd: f64| if t < 100.0 { normal } else { odd };
        for (quantity, normal, odd) in [
            (Quantity::SpeedOverGround, 5.5, 40.0),
            (Quantity::RateOfTurn, 10.0, -700.0),
            (Quantity::Altitude, 24.0, 90.0),
        ] {
            let told = watch(|t| vec![(Quantity::Hdop, 0.9), (quantity, late(t, normal, odd))]);
            assert_eq!(told.len(), 1, "{quantity:?} {told:?}");
            assert_eq!(told[0].0, "DW-5007");
        }
        let told = watch(|t| vec![(Quantity::Hdop, 4.0), (Quantity::Altitude, late(t, 24.0, 90.0))]);
        assert!(told.is_empty(), "weak geometry: {told:?}");
        // one wild value is noise
        assert!(watch(|t| vec![(Quantity::SpeedOverGround, if t == 50.0 { 90.0 } else { 5.5 })]).is_empty());
    }

    #[test]
    fn depths() {
        let bottom = |t: f64| 60.0 + 20.0 * (t / 40.0).sin() + 0.1 * (t * 1.7).sin();
        assert!(watch(|t| vec![(Quantity::DepthBelowTransducer, bottom(t))]).is_empty(), "a sloping bottom");
        let step = |t: f64| if (100.0..150.0).contains(&t) { 12.0 } else { bottom(t) };
        let told = watch(|t| vec![(Quantity::DepthBelowTransducer, step(t))]);
        assert_eq!(told.len(), 1, "{told:?}");
        let still = |t: f64| if t < 100.0 { bottom(t) } else { 55.5 };
        let told = watch(|t| vec![(Quantity::DepthBelowTransducer, still(t))]);
        assert_eq!(told.len(), 1, "{told:?}");
        let bubbles = |t: f64| if (t as u32 + 45) % 90 < 4 { 1.2 } else { bottom(t) };
        assert!(
            watch(|t| vec![(Quantity::DepthBelowTransducer, bubbles(t))]).is_empty(),
            "air under the hull now and then"
        );
        let elsewhere = |t: f64| match t as u32 {
            0..100 => vec![(Quantity::DepthBelowTransducer, bottom(t))],
            100..200 => vec![],
            _ => vec![(Quantity::DepthBelowTransducer, bottom(t) * 0.3)],
        };
        assert!(watch(elsewhere).is_empty(), "a sounder that was off for a while");
        let back_and_forth = |t: f64| if t > 60.0 && t as u32 % 20 < 3 { bottom(t) * 0.3 } else { bottom(t) };
        let told = watch(|t| vec![(Quantity::DepthBelowTransducer, back_and_forth(t))]);
        assert_eq!(told.len(), 1, "{told:?}");
    }

    #[test]
    fn a_changed_datum_is_told_once() {
        // W84 and W72 as numbers (IEC 61162-1, DTM)
        let code = |text: &[u8; 3]| f64::from(u32::from_be_bytes([0, text[0], text[1], text[2]]));
        let told = watch(|t| vec![(Quantity::Datum, code(if t < 100.0 { b"W84" } else { b"W72" }))]);
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].1, "Chart datum of 10.0.0.17 changed from W84 to W72");
    }
}
