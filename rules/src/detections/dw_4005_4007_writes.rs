//! DW-4005 and DW-4007: writes that are wrong by what they do, whoever sends them.
//!
//! DW-4005: an output is switched to and fro faster than machinery bears. DW-4007: ballast or cargo gear is commanded while the ship is at sea and no
//! line of the policy allows that there.

use std::time::Duration;

use dogwatch_model::{Act, CaptureTime, Event, Object, Severity, ShipState, Table, Verb};

use super::zones::{asked, plan};
use crate::detector::{Card, Context, Detector, Raise, Wants};
use crate::policy::{Function, Mode};
use crate::remembered::Remembered;
use crate::seen::{Identity, Party};

/// Changes of one output within the window (catalogue: `n`, `window_s`), and times the most while learning.
const CHANGES: u32 = 10;
const WINDOW: Duration = Duration::from_secs(60);
const FACTOR: u32 = 3;
/// Outputs remembered.
const REMEMBERED: usize = 16_384;

const TOGGLING: Card = Card {
    id: "DW-4005",
    why: "Pumps, breakers and valves wear out or trip when they are switched to and fro. Automation does not do that; a fault or somebody does.",
    e26: &["4.2.1", "4.3.1"],
};
const WRONG_STATE: Card = Card {
    id: "DW-4007",
    why: "Moving ballast or cargo at sea changes the stability of the ship. It is done by plan, with the bridge knowing.",
    e26: &["4.2.1", "4.3.1"],
};

/// One output: controller, unit, table, number.
type Output = (Identity, u8, Table, u16);

#[derive(Debug, Clone, Copy, Default, serde::Serialize, serde::Deserialize)]
struct Switched {
    value: u16,
    since: CaptureTime,
    changes: u32,
    /// The most within a window while learning.
    most: u32,
}

/// See the file's head.
pub(super) struct Writes {
    outputs: Remembered<Output, Switched>,
}

impl Default for Writes {
    fn default() -> Self {
        Self { outputs: Remembered::new(REMEMBERED) }
    }
}

impl Detector for Writes {
    fn cards(&self) -> &'static [&'static Card] {
        &[&TOGGLING, &WRONG_STATE]
    }

    fn wants(&self) -> Wants {
        Wants { orders: true, ..Wants::default() }
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, to: &Party, cx: &mut Context<'_>) {
        for act in event.message.acts {
            let Act::Request { verb: verb @ (Verb::Write | Verb::Control), object } = *act else { continue };
            if let Object::Registers { unit, table, first, count: 1, written: Some((value, _)) } = object {
                self.switched(event, from, to, (to.identity(), unit, table, first), value, cx);
            }
            wrong_state(event, from, to, (verb, object), cx);
        }
    }

    fn learned(&self) -> Option<serde_json::Value> {
        serde_json::to_value(self.outputs.entries()).ok()
    }

    fn recall(&mut self, learned: serde_json::Value) -> Result<(), serde_json::Error> {
        self.outputs.recall(serde_json::from_value(learned)?);
        Ok(())
    }
}

impl Writes {
    fn switched(
        &mut self,
        event: &Event<'_>,
        from: &Party,
        to: &Party,
        output: Output,
        value: u16,
        cx: &mut Context<'_>,
    ) {
        let new = || Switched { value, since: event.at, changes: 0, most: 0 };
        let switched = self.outputs.touch_or(output, event.at, new);
        if switched.value == value {
            return;
        }
        if event.at.since(switched.since) > WINDOW {
            (switched.since, switched.changes) = (event.at, 0);
        }
        // a set-point that is led along a ramp changes often, but an output is only told apart by being the same few values
        switched.value = value;
        switched.changes = switched.changes.saturating_add(1);
        if cx.is_learning(event.at, from, to) {
            switched.most = switched.most.max(switched.changes);
            return;
        }
        let (changes, most) = (switched.changes, switched.most);
        let is_switch = output.2 == Table::Coil || value <= 1;
        if !is_switch || changes <= CHANGES.max(most.saturating_mul(FACTOR)) {
            return;
        }
        let (who, whom) = (cx.call(from), cx.call(to));
        let object = format!("{} {} unit {}", output.2.as_str(), output.3, output.1);
        let key = format!("{output:?}");
        cx.raise(key.as_bytes(), &TOGGLING, event.at, || Raise {
            severity: Some(Severity::Medium),
            to: Some(*to),
            summary: format!("{who} switched {object} of {whom} {changes} times within a minute"),
            fields: vec![("object".to_owned(), object.clone()), ("changes".to_owned(), changes.to_string())],
            expected: format!("at most {} changes a minute", CHANGES.max(most.saturating_mul(FACTOR))),
            ..Raise::of_event(&TOGGLING, event, from)
        });
    }
}

fn wrong_state(event: &Event<'_>, from: &Party, to: &Party, (verb, object): (Verb, Object<'_>), cx: &mut Context<'_>) {
    let Some(policy) = cx.policy else { return };
    let is_gear =
        plan(Some(policy), to).is_some_and(|zone| matches!(zone.function, Function::Ballast | Function::Cargo));
    if !is_gear || cx.state != ShipState::AtSea || policy.mode_between(from.end.zone, to.end.zone) == Mode::Learn {
        return;
    }
    let ask = asked(event, from, to, (verb, object), cx);
    if policy.judge(&ask).is_allowed() {
        return;
    }
    let (who, whom) = (cx.call(from), cx.call(to));
    let key = format!("{:?}|{:?}", from.identity(), to.identity());
    cx.raise(key.as_bytes(), &WRONG_STATE, event.at, || Raise {
        confidence: 0.9,
        to: Some(*to),
        summary: format!("{who} commanded {object} of {whom} while the ship is at sea"),
        fields: vec![("object".to_owned(), object.to_string())],
        expected: "no commands to ballast or cargo gear at sea but what the policy allows there".to_owned(),
        ..Raise::of_event(&WRONG_STATE, event, from)
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::{Bench, SHIP, flow};
    use dogwatch_model::{Speaker, Transport};

    fn told(writes: &[(f64, u16)]) -> Vec<String> {
        let mut bench = Bench::new(Some(SHIP), Box::<Writes>::default());
        bench.at(0.0);
        for (second, value) in writes {
            bench.at(*second);
            let object =
                Object::Registers { unit: 1, table: Table::Coil, first: 3, count: 1, written: Some((*value, *value)) };
            let flow = flow("10.0.2.10", "10.0.2.21", 502, Transport::Tcp);
            bench.says("modbus", Speaker::Sender, &flow, &[Act::Request { verb: Verb::Write, object }]);
        }
        bench.ids()
    }

    #[test]
    fn a_pump_to_and_fro() {
        let fast: Vec<_> = (0..13).map(|n| (200.0 + f64::from(n) * 2.0, n % 2)).collect();
        assert_eq!(told(&fast), ["DW-4005"]);
        let slow: Vec<_> = (0..40).map(|n| (200.0 + f64::from(n) * 10.0, n % 2)).collect();
        assert!(told(&slow).is_empty());
        let repeated: Vec<_> = (0..60).map(|n| (200.0 + f64::from(n), 1)).collect();
        assert!(told(&repeated).is_empty(), "the same order again is no change");
    }

    #[test]
    fn a_lamp_that_always_flashed() {
        let flashing: Vec<_> = (0..400).map(|n| (f64::from(n), n % 2)).collect();
        assert!(told(&flashing).is_empty());
    }
}
