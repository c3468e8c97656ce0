//! DW-3001: a station writes to a controller it never wrote to before.
//!
//! Works without a policy: who writes is learned first. A station that wrote during learning, or whose write the policy allows, is known. Learning
//! ends when the mode says so (watch, enforce) or after the learning time below; without a policy it always takes that time.

use std::time::Duration;

use dogwatch_model::{Act, CaptureTime, Event, Object, Severity, Verb};

use super::remembered::Remembered;
use crate::detector::{Card, Context, Detector, Raise, Wants};
use crate::findings::call;
use crate::policy::Mode;
use crate::seen::{Identity, Party, service};

/// How long writers are learned where no policy says otherwise (catalogue: at least 24 h).
const LEARNING: Duration = Duration::from_secs(24 * 3_600);
/// Writers remembered.
const REMEMBERED: usize = 16_384;

const CARD: Card = Card {
    id: "DW-3001",
    why: "A write changes what pumps, valves and engines do. Stations that only read before and now write are either new work nobody announced or \
          someone using the station.",
    e26: &["4.2.1", "4.3.1"],
};

/// Who writes to whom, behind which unit.
type Pair = (Identity, Identity, Option<u8>, &'static str);

/// See the file's head.
pub(super) struct FirstWrite {
    writers: Remembered<Pair, ()>,
    /// Stations that write to anything.
    stations: Remembered<Identity, ()>,
    first: Option<CaptureTime>,
}

impl Default for FirstWrite {
    fn default() -> Self {
        Self { writers: Remembered::new(REMEMBERED), stations: Remembered::new(REMEMBERED), first: None }
    }
}

impl Detector for FirstWrite {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        Wants { requests: true, ..Wants::default() }
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, to: &Party, cx: &mut Context<'_>) {
        let first = *self.first.get_or_insert(event.at);
        for act in event.message.acts {
            let Act::Request { verb: Verb::Write, object } = act else { continue };
            // parameter groups on a bus are judged by who may command whom
            let unit = match object {
                Object::Registers { unit, .. } => Some(*unit),
                Object::Device { unit } => *unit,
                Object::Named(_) => None,
                Object::Sentence { .. } | Object::Pgn { .. } => continue,
            };
            let is_of_a_controller = matches!(object, Object::Registers { .. });
            let pair = (from.identity(), to.identity(), unit, event.message.protocol);
            if !is_of_a_controller || self.writers.touch(pair, event.at).is_some() {
                continue;
            }
            let is_known_station = self.stations.touch(pair.0, event.at).is_some();
            self.writers.put(pair, event.at, ());
            self.stations.put(pair.0, event.at, ());
            let is_learning = cx.policy.map_or(event.at.since(first) < LEARNING, |policy| {
                policy.mode_between(from.end.zone, to.end.zone) == Mode::Learn
            });
            if is_learning || cx.has_policy_spoken() {
                continue;
            }
            let severity = if is_known_station { Severity::Medium } else { Severity::High };
            let (who, whom) = (call(from, cx.policy, cx.directory), call(to, cx.policy, cx.directory));
            let key = format!("{pair:?}");
            cx.raise(key.as_bytes(), &CARD, event.at, || Raise {
                card: &CARD,
                severity: Some(severity),
                confidence: 0.8,
                at: event.at,
                frame: event.frame,
                from: *from,
                to: Some(*to),
                service: service(Some(event.message.protocol), event.flow),
                summary: format!("{who} wrote {object} of {whom}; it never wrote there before"),
                fields: vec![("object".to_owned(), object.to_string())],
                expected: "writes only by the stations that wrote while learning".to_owned(),
                conduit: None,
                proposal: None,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use dogwatch_model::{Table, Transport};

    use super::*;
    use crate::detections::bench::{Bench, flow};

    fn writes(writes: &[(f64, &str, u8)]) -> Vec<(String, Severity)> {
        let mut bench = Bench::new(None, Box::<FirstWrite>::default());
        for (second, from, unit) in writes {
            bench.at(*second);
            let object =
                Object::Registers { unit: *unit, table: Table::Holding, first: 10, count: 1, written: Some((1, 1)) };
            bench.says(
                "modbus",
                dogwatch_model::Speaker::Sender,
                &flow(from, "10.0.2.21", 502, Transport::Tcp),
                &[Act::Request { verb: Verb::Write, object }],
            );
        }
        bench.findings().into_iter().map(|finding| (finding.rule_id, finding.severity)).collect()
    }

    #[test]
    fn a_new_writer_after_learning() {
        let day = 25.0 * 3_600.0;
        let told =
            writes(&[(0.0, "10.0.2.10", 1), (day, "10.0.2.10", 1), (day, "10.0.2.66", 1), (day, "10.0.2.10", 2)]);
        assert_eq!(told, [("DW-3001".to_owned(), Severity::High), ("DW-3001".to_owned(), Severity::Medium)]);
    }

    #[test]
    fn who_writes_while_learning_is_known() {
        assert!(writes(&[(0.0, "10.0.2.10", 1), (60.0, "10.0.2.66", 1), (90_000.0, "10.0.2.66", 1)]).is_empty());
    }
}
