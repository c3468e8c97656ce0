//! DW-4001: a value that a controller reports stays outside the limits that the plan declares for it, or, where it declares none, outside of what
//! was learned of it in the present state of the ship.
//!
//! Learned envelopes stand in `tracks.rs`, with what DW-4002 and DW-4003 know of the same registers, and are told as low: three values or more of one
//! answer that leave them together are a machine at another working point, and are not told. A value is judged at the times it is read, so a limit
//! passed for less than two readings goes unseen. Deliberately absent: learned envelopes of what is not one register (32-bit and floating-point
//! numbers, of which each half is judged as the register it is).

use dogwatch_model::{Act, CaptureTime, Cells, Event, Severity, Table};

use super::tracks::Outside;
use crate::detector::{Card, Context, Detector, Raise, Wants};
use crate::policy::{AssetIx, Mode, PointPlan, Policy};
use crate::remembered::Remembered;
use crate::seen::{Party, PolicySeen};

/// Seconds a value must stay outside (catalogue: `hold_s`).
const HOLD_S: f64 = 10.0;
/// A value unread for this long begins anew.
const STALE_S: f64 = 120.0;
/// Values outside their limits that are remembered.
const REMEMBERED: usize = 4_096;

pub(super) const OUTSIDE: Card = Card {
    id: "DW-4001",
    why: "A value outside its limits is a machine in trouble, a broken sensor, or a number that somebody put there.",
    e26: &["4.3.1"],
};

/// A value outside its limits.
struct Out {
    since: CaptureTime,
    last: CaptureTime,
}

/// See the file's head.
pub(super) struct Envelope {
    /// By place, because positions in the plan change with it.
    outside: Remembered<(AssetIx, u64), Out>,
    pub(super) hold_s: f64,
}

impl Default for Envelope {
    fn default() -> Self {
        Self { outside: Remembered::new(REMEMBERED), hold_s: HOLD_S }
    }
}

impl Detector for Envelope {
    fn cards(&self) -> &'static [&'static Card] {
        &[&OUTSIDE]
    }

    fn wants(&self) -> Wants {
        Wants { values: true, planned: true, ..Wants::default() }
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, to: &Party, cx: &mut Context<'_>) {
        let (Some(policy), Some(asset)) = (cx.policy, from.end.asset) else { return };
        // what is written is an order, what is answered or published is how it is
        let is_so = |act: &Act<'_>| matches!(act, Act::Reply { .. } | Act::Publishes { .. });
        if !policy.has_points() || !event.message.acts.iter().any(is_so) {
            return;
        }
        for act in event.message.acts {
            match *act {
                Act::Values { unit, table, first, cells: cells @ Cells::Registers(bytes) } => {
                    let count = u16::try_from(bytes.len() / 2).unwrap_or(u16::MAX);
                    for (_, point) in policy.points_within((asset, unit, table), first, count) {
                        if let Some(value) = point.read(first, cells) {
                            self.judge(event, (from, to), (policy, point), value, cx);
                        }
                    }
                }
                Act::States(readings) => policy.points_read(asset, readings, &mut |point, value| {
                    self.judge(event, (from, to), (policy, point), value, cx);
                }),
                _ => {}
            }
        }
    }

    fn policy(&mut self, seen: &PolicySeen<'_>, _cx: &mut Context<'_>) {
        if seen.refused.is_none() {
            self.outside = Remembered::new(REMEMBERED);
        }
    }
}

impl Envelope {
    fn judge(
        &mut self,
        event: &Event<'_>,
        (from, to): (&Party, &Party),
        (policy, point): (&Policy, &PointPlan),
        value: f64,
        cx: &mut Context<'_>,
    ) {
        if point.low.is_none() && point.high.is_none() {
            return;
        }
        let (place, at) = ((point.asset, point.place.key()), event.at);
        if !point.is_outside(value) {
            if let Some(out) = self.outside.touch(place, at) {
                (out.since, out.last) = (CaptureTime::default(), CaptureTime::default());
            }
            return;
        }
        let out = self.outside.touch_or(place, at, || Out { since: at, last: at });
        if at.since(out.last).as_secs_f64() > STALE_S {
            out.since = at;
        }
        out.last = at;
        let zone = from.end.zone;
        if at.since(out.since).as_secs_f64() < self.hold_s
            || policy.mode_of(zone) == Mode::Learn
            || zone.is_some_and(|zone| policy.window_open(zone, at).is_some())
        {
            return;
        }
        let whose = cx.call(from);
        cx.raise(format!("{place:?}").as_bytes(), &OUTSIDE, at, || Raise {
            severity: Some(Severity::High),
            confidence: 0.9,
            to: Some(*to),
            summary: format!("\"{}\" of {whose} is {value:.1}, outside its limits ({})", point.name, point.limits()),
            fields: vec![("value".to_owned(), value.to_string()), ("object".to_owned(), point.place.to_string())],
            expected: point.limits(),
            ..Raise::of_event(&OUTSIDE, event, from)
        });
    }
}

/// Whether the plan declares limits for a register: they are judged, and not what was learned.
pub(super) fn has_limits(from: &Party, (unit, table, address): (u8, Table, u16), cx: &Context<'_>) -> bool {
    let Some((policy, asset)) = cx.policy.zip(from.end.asset) else { return false };
    // the register may be the second of a point
    let mut near = policy.points_within((asset, unit, table), address.saturating_sub(1), 2);
    near.any(|(_, point)| {
        let first = point.register().map(|(_, _, first)| first);
        let is_of_it = first == Some(address) || (point.kind.registers() == 2 && first < Some(address));
        is_of_it && (point.low.is_some() || point.high.is_some())
    })
}

/// Raises for a register that stays outside of what was learned; `what` is its name.
pub(super) fn beyond_learned(
    event: &Event<'_>,
    (from, to): (&Party, &Party),
    (what, (unit, table, address)): (&str, (u8, Table, u16)),
    outside: &Outside,
    cx: &mut Context<'_>,
) {
    let (whose, state) = (cx.call(from), cx.state.for_people());
    let (value, (low, high)) = (outside.value, outside.envelope);
    let key = format!("learned|{:?}|{unit}|{}|{address}", from.identity(), table.as_str());
    cx.raise(key.as_bytes(), &OUTSIDE, event.at, || Raise {
        severity: Some(Severity::Low),
        confidence: 0.6,
        to: Some(*to),
        summary: format!("{what} of {whose} is {value} as read, never seen while {state} ({low} to {high})"),
        fields: vec![
            ("value as read".to_owned(), value.to_string()),
            ("object".to_owned(), format!("{} {address} unit {unit}", table.as_str())),
            ("state".to_owned(), state.to_owned()),
        ],
        expected: format!(
            "{low} to {high} as read, learned while {state}; limits in the plan ([[point]]) replace this"
        ),
        ..Raise::of_event(&OUTSIDE, event, from)
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::{Bench, SHIP, flow};
    use dogwatch_model::{Object, Speaker, Transport, Verb};

    const POINT: &str =
        "[[point]]\nname = \"Exhaust 3\"\nasset = \"plc\"\naddr = 5\nscale = 0.1\nlow = 20\nhigh = 450\n";

    fn told(values: &[(f64, u16)], act: Act<'_>) -> Vec<String> {
        let mut bench = Bench::new(Some(&format!("{SHIP}{POINT}")), Box::<Envelope>::default());
        for (second, value) in values {
            bench.at(*second);
            let bytes = [[0, 0], value.to_be_bytes()].concat();
            let cells = Cells::Registers(&bytes);
            let values = Act::Values { unit: 1, table: Table::Holding, first: 4, cells };
            bench.says(
                "modbus",
                Speaker::Sender,
                &flow("10.0.2.21", "10.0.2.10", 40_000, Transport::Tcp),
                &[act, values],
            );
        }
        bench.findings().into_iter().map(|finding| format!("{:?} {}", finding.severity, finding.summary)).collect()
    }

    fn read(values: &[(f64, u16)]) -> Vec<String> {
        told(values, Act::Reply { verb: Verb::Read, object: Object::Device { unit: None }, refused: false })
    }

    #[test]
    fn a_value_that_stays_outside() {
        let polled = |value: u16| (0..10).map(|n| (f64::from(n) * 2.0, value)).collect::<Vec<_>>();
        let hot = read(&polled(6_400));
        assert!(hot.len() == 1 && hot[0].starts_with("High ") && hot[0].contains("640.0"), "{hot:?}");
        assert_eq!(read(&polled(100)).len(), 1, "below the lower limit");
        assert!(read(&polled(4_500)).is_empty(), "at the limit");
    }

    #[test]
    fn not_long_enough_or_not_at_once() {
        assert!(read(&[(0.0, 6_400), (2.0, 6_400), (9.0, 6_400)]).is_empty());
        let spikes: Vec<_> = (0..30).map(|n| (f64::from(n) * 2.0, if n % 3 == 0 { 3_000 } else { 6_400 })).collect();
        assert!(read(&spikes).is_empty(), "it comes back each time");
        assert!(read(&[(0.0, 6_400), (600.0, 6_400)]).is_empty(), "nobody looked between");
    }

    #[test]
    fn what_is_written_is_not_yet_so() {
        let order = Act::Request { verb: Verb::Write, object: Object::Device { unit: None } };
        let polled: Vec<_> = (0..10).map(|n| (f64::from(n) * 2.0, 6_400)).collect();
        assert!(told(&polled, order).is_empty());
    }

    #[test]
    fn a_named_object_that_stays_outside() {
        struct Said(f64);
        impl dogwatch_model::Readings for Said {
            fn visit(&self, visitor: &mut dyn dogwatch_model::ReadingVisitor) {
                visitor.number(format_args!("ca:1/ioa:1201"), self.0);
            }
        }
        const POINT: &str = "[[point]]\nname = \"Bus voltage\"\nasset = \"plc\"\nobject = \"ioa:1201\"\nlow = 400\n";
        let told = |value: f64, act: Act<'_>| {
            let mut bench = Bench::new(Some(&format!("{SHIP}{POINT}")), Box::<Envelope>::default());
            for second in 0..10 {
                bench.at(f64::from(second) * 2.0);
                let flow = flow("10.0.2.21", "10.0.2.10", 40_000, Transport::Tcp);
                bench.says("iec104", Speaker::Sender, &flow, &[act, Act::States(&Said(value))]);
            }
            bench.findings().into_iter().map(|finding| finding.summary).collect::<Vec<_>>()
        };
        let published = Act::Publishes { object: Object::Named("station 1") };
        let low = told(350.0, published);
        assert!(low.len() == 1 && low[0].contains("\"Bus voltage\"") && low[0].contains("350.0"), "{low:?}");
        assert!(told(440.0, published).is_empty());
        let order = Act::Request { verb: Verb::Write, object: Object::Device { unit: None } };
        assert!(told(350.0, order).is_empty());
    }
}
