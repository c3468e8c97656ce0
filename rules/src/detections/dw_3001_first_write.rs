//! DW-3001: a station writes to a controller it never wrote to before.
//!
//! Works without a policy: who writes is learned first. A station that wrote while learning, or whose write the policy allows, is known.

use dogwatch_model::{Act, CaptureTime, Event, Object, Severity, Verb};

use super::zones::asked;
use crate::detector::{Card, Context, Detector, Once, Raise, Wants};
use crate::findings::call;
use crate::remembered::Remembered;
use crate::seen::{Identity, Party, service};

/// Writers remembered.
const REMEMBERED: usize = 16_384;

const CARD: Card = Card {
    id: "DW-3001",
    why: "A write changes what pumps, valves and engines do. Stations that only read before and now write are either new work nobody announced or \
          someone using the station.",
    e26: &["4.2.1", "4.3.1"],
};

/// Who writes to whom, behind which unit.
type Pair = (Identity, Identity, Option<u8>);

/// See the file's head.
pub(super) struct FirstWrite {
    writers: Remembered<Pair, ()>,
    /// Stations that write to anything.
    stations: Remembered<Identity, ()>,
}

impl Default for FirstWrite {
    fn default() -> Self {
        Self { writers: Remembered::new(REMEMBERED), stations: Remembered::new(REMEMBERED) }
    }
}

impl Detector for FirstWrite {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        Wants { orders: true, once: Once::Said, ..Wants::default() }
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, to: &Party, cx: &mut Context<'_>) {
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
            let pair = (from.identity(), to.identity(), unit);
            if !is_of_a_controller || self.writers.touch(pair, event.at).is_some() {
                continue;
            }
            let is_known_station = self.stations.touch(pair.0, event.at).is_some();
            self.writers.put(pair, event.at, ());
            self.stations.put(pair.0, event.at, ());
            if cx.is_learning(event.at, from, to) || cx.has_policy_spoken() {
                continue;
            }
            let severity = if is_known_station { Severity::Medium } else { Severity::High };
            let (who, whom) = (call(from, cx.policy, cx.directory), call(to, cx.policy, cx.directory));
            let key = format!("{pair:?}");
            let ask = asked(event, from, to, (Verb::Write, *object), cx);
            let proposal = cx.policy.and_then(|policy| policy.policy_line_for(&ask));
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
                proposal,
            });
        }
    }

    fn learned(&self) -> Option<serde_json::Value> {
        serde_json::to_value(self.writers.entries()).ok()
    }

    fn recall(&mut self, learned: serde_json::Value) -> Result<(), serde_json::Error> {
        let writers: Vec<(Pair, CaptureTime, ())> = serde_json::from_value(learned)?;
        self.stations.recall(writers.iter().map(|(pair, at, ())| (pair.0, *at, ())).collect());
        self.writers.recall(writers);
        Ok(())
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
    fn who_wrote_in_an_earlier_run_is_known() {
        let mut first = FirstWrite::default();
        let pair = |from: &str| {
            let ip = |text: &str| Identity::Ip(text.parse().unwrap());
            (ip(from), ip("10.0.2.21"), Some(1))
        };
        first.writers.put(pair("10.0.2.10"), CaptureTime(7), ());
        let mut next = FirstWrite::default();
        next.recall(first.learned().unwrap()).unwrap();
        assert!(next.writers.get(&pair("10.0.2.10")).is_some() && next.writers.get(&pair("10.0.2.11")).is_none());
        assert!(next.stations.get(&pair("10.0.2.10").0).is_some());
        assert!(next.recall(serde_json::json!({"not": "it"})).is_err());
    }

    #[test]
    fn who_writes_while_learning_is_known() {
        assert!(writes(&[(0.0, "10.0.2.10", 1), (60.0, "10.0.2.66", 1), (90_000.0, "10.0.2.66", 1)]).is_empty());
    }
}
