//! DW-4002 and DW-4003: a value of a controller that changes faster than it ever did, or stands still while its neighbours move.
//!
//! Every register that answers hold is followed by itself: how fast it moves, how long it stands still, between which numbers. What counts from one
//! end to the other (hours run), what switches (status words) and what hardly moves (set points) is no measured value and is never judged. Numbers
//! are taken as they stand, with or without sign; the halves of a floating-point number judge themselves, the low one leaps all the time and so
//! learns that it may. The same tracks hold the learned envelope of DW-4001 (`tracks.rs`), so this detector asks its declared limits, too.
//!
//! A machine that starts, stops or takes load moves many of its values at once: then all of them learn and none is told. A value that stands still
//! at the edge of what it has shown is a machine at rest; one that stands still in between, while others of the same controller go on, is not.
//!
//! Needs a plan, because the zones tell what a controller is. Deliberately absent: relations between controllers, and values that are not registers.

use std::time::Duration;

use dogwatch_model::{Act, CaptureTime, Cells, Event, Table};

use super::dw_4001_envelope::{Envelope, OUTSIDE, beyond_learned, has_limits};
use super::tracks::{Judging, Reading, STILL_S, Track, Tracks};
use crate::detector::{Card, Context, Detector, Raise, Threshold, Wants};
use crate::policy::Mode;
use crate::remembered::Remembered;
use crate::seen::{Identity, Party, PolicySeen};

/// Times the fastest and the longest of what was learned (catalogue: `factor`).
const TIMES_FASTER: f64 = 1.5;
const TIMES_LONGER: f64 = 8.0;
/// How far outside of what was learned a value may go, as a share of the learned span (catalogue, DW-4001: `margin`).
const MARGIN: f64 = 0.1;
/// The time that readings must span before a value is judged.
const SPAN: Duration = Duration::from_secs(600);
/// Values of one controller that leap together, and within what time, when the machine itself does something.
const TOGETHER: usize = 3;
const AT_ONCE: Duration = Duration::from_secs(30);
/// Two masters may read the same block one after the other: readings closer than this are one.
const CLOSEST: Duration = Duration::from_millis(500);
/// Polls missed in a row after which the time between is nobody's standstill.
const POLLS_MISSED: u32 = 4;
/// A block that nobody read for this long begins anew with its next reading.
const STALE: Duration = Duration::from_secs(120);
/// Blocks of registers followed.
const BLOCKS: usize = 256;
/// Values named in one finding.
const NAMED: usize = 6;

const FASTER: Card = Card {
    id: "DW-4002",
    why: "Water, oil and steel cannot warm or move that fast. The sensor is broken, or somebody puts numbers in its place.",
    e26: &["4.3.1"],
};
const FROZEN: Card = Card {
    id: "DW-4003",
    why: "A display that shows yesterday's good values is worse than none: the machine may be in trouble and nobody sees it.",
    e26: &["4.3.1"],
};

/// A run of registers as one question asks for it: controller, unit, table, first, how many.
type Block = (Identity, u8, Table, u16, u16);

/// See the file's head.
pub(super) struct Motion {
    blocks: Remembered<Block, Tracks>,
    /// The limits that the plan declares: another half of DW-4001, with the same hold.
    declared: Envelope,
    times_faster: f64,
    times_longer: f64,
    /// Of the learned envelope.
    margin: f64,
}

impl Default for Motion {
    fn default() -> Self {
        let (times_faster, times_longer) = (TIMES_FASTER, TIMES_LONGER);
        let declared = Envelope::default();
        Self { blocks: Remembered::new(BLOCKS), declared, times_faster, times_longer, margin: MARGIN }
    }
}

impl Detector for Motion {
    fn cards(&self) -> &'static [&'static Card] {
        &[&FASTER, &FROZEN, &OUTSIDE]
    }

    fn wants(&self) -> Wants {
        Wants { values: true, planned: true, ..Wants::default() }
    }

    fn thresholds(&mut self) -> Vec<Threshold<'_>> {
        vec![
            Threshold::new(FASTER.id, "factor", &mut self.times_faster, 1.1..=100.0),
            Threshold::new(FROZEN.id, "factor", &mut self.times_longer, 2.0..=100.0),
            Threshold::new(OUTSIDE.id, "margin", &mut self.margin, 0.0..=10.0),
            Threshold::new(OUTSIDE.id, "hold_s", &mut self.declared.hold_s, 0.0..=3_600.0),
        ]
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, to: &Party, cx: &mut Context<'_>) {
        self.declared.event(event, from, to, cx);
        // what is written is an order, what is answered is how it is
        if !event.message.acts.iter().any(|act| matches!(act, Act::Reply { refused: false, .. })) {
            return;
        }
        for act in event.message.acts {
            if let Act::Values { unit, table, first, cells: cells @ Cells::Registers(bytes) } = *act {
                let count = u16::try_from(bytes.len() / 2).unwrap_or(u16::MAX);
                self.answered(event, (from, to), (from.identity(), unit, table, first, count), cells, cx);
            }
        }
    }

    fn policy(&mut self, seen: &PolicySeen<'_>, cx: &mut Context<'_>) {
        self.declared.policy(seen, cx);
    }

    fn learned(&self) -> Option<serde_json::Value> {
        serde_json::to_value(self.blocks.entries()).ok()
    }

    fn recall(&mut self, learned: serde_json::Value) -> Result<(), serde_json::Error> {
        self.blocks.recall(serde_json::from_value(learned)?);
        Ok(())
    }
}

impl Motion {
    fn answered(
        &mut self,
        event: &Event<'_>,
        (from, to): (&Party, &Party),
        block: Block,
        cells: Cells<'_>,
        cx: &mut Context<'_>,
    ) {
        let at = event.at;
        let (faster, longer) = (self.times_faster, self.times_longer);
        let known = self.blocks.touch_or(block, at, || Tracks::new(at));
        known.tracks.resize_with(usize::from(block.4), Track::default);
        let since = at.since(known.last);
        if since < CLOSEST && known.tracks.first().is_some_and(|track| track.readings > 0) {
            return;
        }
        let readings = known.tracks.first().map_or(0, |track| track.readings);
        let usual = known.last.since(known.first).checked_div(readings).unwrap_or(STALE).max(CLOSEST);
        known.last = at;
        let is_new_day = known.watch(cx.state, if since <= STALE { since } else { Duration::ZERO }, at);
        let zone = from.end.zone;
        let is_learning =
            cx.is_learning(at, from, to) || cx.policy.is_some_and(|policy| policy.mode_of(zone) == Mode::Learn);
        let is_judged = at.since(known.first) >= SPAN
            && since <= STALE
            && !cx.is_settling(at)
            && !is_learning
            && zone.is_none_or(|zone| cx.policy.is_some_and(|policy| policy.window_open(zone, at).is_none()));
        if since > STALE {
            // nobody looked meanwhile: neither a leap nor a standstill
            known.tracks.iter_mut().for_each(|track| track.changed = at);
        } else if since > usual.saturating_mul(POLLS_MISSED) {
            // a controller that was away for a minute did not stand still for that minute
            known.tracks.iter_mut().for_each(|track| track.changed = track.changed.plus(since).min(at));
        }
        let mut again = Vec::new();
        for ((place, track), value) in (0_u16..).zip(&mut known.tracks).zip(cells.registers()) {
            if track.read(value, since, at, (is_judged, faster)) == (Reading::Leap { is_again: true }) {
                again.push((place, track.last, track.fastest));
            }
        }
        let at_once =
            known.tracks.iter().filter(|track| track.leapt.is_some_and(|when| at.since(when) <= AT_ONCE)).count();
        if at_once >= TOGETHER {
            // the machine does something: all of them learn
            for track in &mut known.tracks {
                if track.leapt.take().is_some() {
                    (track.low, track.high) = (track.low.min(track.last), track.high.max(track.last));
                }
            }
            again.clear();
        }
        let frozen = if is_judged { frozen(known, at, longer) } else { Vec::new() };
        let judging =
            Judging { state: cx.state, margin: self.margin, hold_s: self.declared.hold_s, together: TOGETHER };
        let outside = if is_judged { known.outside(at, judging) } else { None };
        known.learn(cx.state, is_new_day, is_learning);
        for (place, ..) in again {
            faster_than_possible(event, (from, to), &block, place, cx);
        }
        if !frozen.is_empty() {
            stands_still(event, (from, to), &block, &frozen, cx);
        }
        if let Some(outside) = outside {
            let (_, unit, table, first, _) = block;
            let address = first.saturating_add(outside.place);
            if !has_limits(from, (unit, table, address), cx) {
                let what = name(from, &block, outside.place, cx);
                beyond_learned(event, (from, to), (&what, (unit, table, address)), &outside, cx);
            }
        }
    }
}

/// Values that stand still too long while at least as many others of the block, or two, go on; each told once until it moves again.
fn frozen(known: &mut Tracks, at: CaptureTime, factor: f64) -> Vec<u16> {
    let is_moving = |track: &&Track| track.is_measured() && at.since(track.changed).as_secs_f64() <= STILL_S / 2.0;
    if known.tracks.iter().filter(is_moving).count() == 0 {
        return Vec::new();
    }
    let (mut found, first) = (Vec::new(), known.first);
    for (place, track) in (0_u16..).zip(&mut known.tracks) {
        if track.is_frozen((first, at), factor) {
            found.push((place, std::mem::replace(&mut track.is_told_frozen, true)));
        }
    }
    let is_news = found.iter().any(|(_, is_told)| !is_told);
    if is_news { found.into_iter().map(|(place, _)| place).collect() } else { Vec::new() }
}

/// What people call a register: as the plan does, else by its address.
fn name(from: &Party, block: &Block, place: u16, cx: &Context<'_>) -> String {
    let (_, unit, table, first, _) = *block;
    let address = first.saturating_add(place);
    let planned = cx.policy.zip(from.end.asset).and_then(|(policy, asset)| {
        let mut points = policy.points_within((asset, unit, table), address, 1);
        points.next().map(|(_, point)| format!("\"{}\"", point.name))
    });
    planned.unwrap_or_else(|| format!("{} {address} unit {unit}", table.as_str()))
}

fn faster_than_possible(
    event: &Event<'_>,
    (from, to): (&Party, &Party),
    block: &Block,
    place: u16,
    cx: &mut Context<'_>,
) {
    let (what, whose) = (name(from, block, place, cx), cx.call(from));
    let key = format!("{:?}|{}|{}|{}", block.0, block.1, block.2.as_str(), block.3.saturating_add(place));
    cx.raise(key.as_bytes(), &FASTER, event.at, || Raise {
        confidence: 0.7,
        to: Some(*to),
        summary: format!(
            "{what} of {whose} leaps faster than it ever changed; nothing else of that controller moves with it"
        ),
        fields: vec![("object".to_owned(), what.clone())],
        expected: "changes as fast as those learned, or together with the other values of the machine".to_owned(),
        ..Raise::of_event(&FASTER, event, from)
    });
}

fn stands_still(event: &Event<'_>, (from, to): (&Party, &Party), block: &Block, places: &[u16], cx: &mut Context<'_>) {
    let names: Vec<String> = places.iter().take(NAMED).map(|place| name(from, block, *place, cx)).collect();
    let whose = cx.call(from);
    let count = places.len();
    let what = if count == 1 { "1 value".to_owned() } else { format!("{count} values") };
    let verb = if count == 1 { "stands" } else { "stand" };
    cx.raise(format!("{:?}", block.0).as_bytes(), &FROZEN, event.at, || Raise {
        confidence: 0.7,
        to: Some(*to),
        summary: format!("{what} of {whose} {verb} still while its other values move: {}", names.join(", ")),
        fields: vec![("values".to_owned(), count.to_string()), ("names".to_owned(), names.join(", "))],
        expected: "measured values that move a little, as they did while learned".to_owned(),
        ..Raise::of_event(&FROZEN, event, from)
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::{Bench, SHIP, flow};
    use dogwatch_model::{Object, Severity, Speaker, Transport, Verb};

    /// A slow swing and a little noise, as a temperature has.
    fn wave(second: u32, place: usize) -> u16 {
        let noise = (second / 2 * 7_919 + place as u32 * 104_729) % 5;
        let swing = (f64::from(second) / 40.0 + place as f64).sin() * 20.0;
        u16::try_from(800 + 100 * place as i64 + swing as i64 + i64::from(noise)).unwrap()
    }

    /// Five values polled every two seconds for 15 minutes, then what `later` makes of them.
    fn told(later: impl Fn(u32, usize, u16) -> u16) -> Vec<(String, String)> {
        let mut bench = Bench::new(Some(SHIP), Box::<Motion>::default());
        for second in (0..1_400_u32).step_by(2) {
            bench.at(f64::from(second));
            let values: Vec<u16> = (0..5)
                .map(|place| if second < 900 { wave(second, place) } else { later(second, place, wave(second, place)) })
                .collect();
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_be_bytes()).collect();
            let cells = Cells::Registers(&bytes);
            let reply = Act::Reply { verb: Verb::Read, object: Object::Device { unit: Some(1) }, refused: false };
            let acts = [reply, Act::Values { unit: 1, table: Table::Holding, first: 0, cells }];
            bench.says("modbus", Speaker::Sender, &flow("10.0.2.21", "10.0.2.10", 40_000, Transport::Tcp), &acts);
        }
        bench.findings().into_iter().map(|finding| (finding.rule_id, finding.summary)).collect()
    }

    /// Eight days on which the same five values are read for ten minutes each, then what `later` makes of them.
    fn after_days(later: impl Fn(u32, usize, u16) -> u16) -> Vec<(String, Severity, String)> {
        after_days_of(|_, second, place| wave(second, place), later)
    }

    /// As [`after_days`], with the values of each day.
    fn after_days_of(
        daily: impl Fn(u32, u32, usize) -> u16,
        later: impl Fn(u32, usize, u16) -> u16,
    ) -> Vec<(String, Severity, String)> {
        let mut bench = Bench::new(Some(SHIP), Box::<Motion>::default());
        for day in 0..9_u32 {
            for second in (0..600_u32).step_by(2) {
                bench.at(f64::from(day * 86_400 + second));
                let value =
                    |place| if day < 8 { daily(day, second, place) } else { later(second, place, wave(second, place)) };
                let bytes: Vec<u8> = (0..5).flat_map(|place| value(place).to_be_bytes()).collect();
                let reply = Act::Reply { verb: Verb::Read, object: Object::Device { unit: Some(1) }, refused: false };
                let cells = Cells::Registers(&bytes);
                let acts = [reply, Act::Values { unit: 1, table: Table::Holding, first: 0, cells }];
                bench.says("modbus", Speaker::Sender, &flow("10.0.2.21", "10.0.2.10", 40_000, Transport::Tcp), &acts);
            }
        }
        let told = bench.findings().into_iter();
        told.map(|finding| (finding.rule_id, finding.severity, finding.summary)).collect()
    }

    #[test]
    fn a_value_outside_of_what_was_learned() {
        // it creeps there, as no leap would
        let creeps = |second: u32, place: usize, value: u16| {
            if place == 2 { value + u16::try_from(second / 5).unwrap().min(60) } else { value }
        };
        let told = after_days(creeps);
        assert!(told.len() == 1 && told[0].0 == "DW-4001" && told[0].1 == Severity::Low, "{told:?}");
        let learned = (0..600_u32).step_by(2).map(|second| wave(second, 2));
        let learned = (learned.clone().min().unwrap(), learned.max().unwrap());
        let words = format!("({} to {})", learned.0, learned.1);
        assert!(told[0].2.contains("holding 2 unit 1") && told[0].2.contains(&words), "{told:?}");
    }

    #[test]
    fn a_level_that_is_another_one_every_day_has_no_envelope() {
        let told = after_days_of(
            |day, second, place| {
                wave(second, place) + if place == 2 { u16::try_from(day).unwrap() * 97 % 400 } else { 0 }
            },
            |second, place, value| value + if place == 2 { 600 + u16::try_from(second / 60).unwrap() } else { 0 },
        );
        assert!(told.iter().all(|told| told.0 != "DW-4001"), "{told:?}");
    }

    #[test]
    fn what_is_within_the_margin_and_what_all_values_do() {
        assert!(after_days(|_, _, value| value).is_empty());
        // two per cent of 1000 are more than a tenth of the span of 44
        let near = after_days(|second, place, value| value + if place == 2 && second > 300 { 15 } else { 0 });
        assert!(near.is_empty(), "{near:?}");
        let load = after_days(|second, place, value| {
            value + if place < 3 { u16::try_from(second).unwrap().min(60) } else { 0 }
        });
        assert!(load.is_empty(), "the machine is at another working point: {load:?}");
        let short =
            after_days(|second, place, value| value + if place == 2 && (300..330).contains(&second) { 60 } else { 0 });
        assert!(short.iter().all(|told| told.0 != "DW-4001"), "half a minute: {short:?}");
    }

    #[test]
    fn an_ordinary_day() {
        assert!(told(|_, _, value| value).is_empty());
    }

    #[test]
    fn one_value_that_leaps() {
        let leaps = told(|second, place, value| if place == 2 && second / 10 % 2 == 0 { value + 300 } else { value });
        assert!(leaps.len() == 1 && leaps[0].0 == "DW-4002" && leaps[0].1.contains("holding 2 unit 1"), "{leaps:?}");
        let once = told(|second, place, value| if place == 2 && second >= 1_000 { value + 300 } else { value });
        assert!(once.is_empty(), "a single step may be a sensor put right: {once:?}");
    }

    #[test]
    fn a_machine_that_takes_load_moves_all_its_values() {
        let load = told(|second, _, value| if second / 10 % 2 == 0 { value + 300 } else { value });
        assert!(load.is_empty(), "{load:?}");
    }

    #[test]
    fn values_that_stand_still_among_others() {
        let frozen = told(|_, place, value| if place < 2 { 803 + 100 * u16::try_from(place).unwrap() } else { value });
        assert!(frozen.len() == 1 && frozen[0].0 == "DW-4003", "{frozen:?}");
        assert!(frozen[0].1.starts_with("2 values of"), "{frozen:?}");
        let stopped = told(|_, place, value| if place < 2 { 0 } else { value });
        assert!(stopped.is_empty(), "a machine at rest: {stopped:?}");
        let dead = told(|_, place, _| 803 + 100 * u16::try_from(place).unwrap());
        assert!(dead.is_empty(), "nothing moves at all: no neighbour says that time goes on: {dead:?}");
    }

    #[test]
    fn a_controller_that_was_away_did_not_stand_still() {
        let mut bench = Bench::new(Some(SHIP), Box::<Motion>::default());
        for second in (0..1_600_u32).step_by(2).filter(|second| !(1_200..1_300).contains(second)) {
            bench.at(f64::from(second));
            let swing = |place: u32| 800 + 100 * place + (second / 2 * 7_919 + place * 104_729) % 9;
            // the third value is the same before and after it was away
            let values =
                (0..5).map(|place| if (1_190..1_310).contains(&second) && place == 2 { 1_004 } else { swing(place) });
            let bytes: Vec<u8> = values.flat_map(|value| u16::try_from(value).unwrap().to_be_bytes()).collect();
            let reply = Act::Reply { verb: Verb::Read, object: Object::Device { unit: Some(1) }, refused: false };
            let values = Act::Values { unit: 1, table: Table::Holding, first: 0, cells: Cells::Registers(&bytes) };
            let flow = flow("10.0.2.21", "10.0.2.10", 40_000, Transport::Tcp);
            bench.says("modbus", Speaker::Sender, &flow, &[reply, values]);
        }
        assert!(bench.findings().is_empty(), "{:?}", bench.findings());
    }

    #[test]
    fn what_counts_and_what_switches_is_not_measured() {
        let mut hours = Track::default();
        let mut status = Track::default();
        for second in 0..1_000_u32 {
            let at = CaptureTime::from_parts(i64::from(second), 0);
            let second_before = Duration::from_secs(1);
            hours.read(u16::try_from(second % 60_000).unwrap(), second_before, at, (true, 1.5));
            status.read(u16::from(second % 200 == 0), second_before, at, (true, 1.5));
        }
        assert!(!hours.is_measured() && !status.is_measured());
    }
}
