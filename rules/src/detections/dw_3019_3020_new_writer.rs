//! DW-3019 and DW-3020: somebody changes something by a protocol he never used for that.
//!
//! DW-3019: writes to building automation, ventilation and network equipment (BACnet, KNX, SNMP). DW-3020: control of process equipment over OPC UA,
//! IEC 104, EtherNet/IP, PROFINET, MMS, DNP3 and others. Writes to Modbus registers are DW-3001. Who a line of the policy allows is known.

use dogwatch_model::{Act, Event, Severity, Verb};

use super::zones::asked;
use crate::detector::{Card, Context, Detector, Once, Raise, Wants};
use crate::policy::AppName;
use crate::remembered::Remembered;
use crate::seen::{Identity, Party};

/// Writers remembered.
const REMEMBERED: usize = 8_192;

const BUILDING: Card = Card {
    id: "DW-3019",
    why: "Fans, dampers, boilers and switches keep people and equipment alive below deck. A station that never set them now does.",
    e26: &["4.2.1", "4.3.1"],
};
const CONTROL: Card = Card {
    id: "DW-3020",
    why: "A station that never controlled this equipment now does: a new operator's place, or somebody who learned how.",
    e26: &["4.2.1", "4.3.1"],
};

/// See the file's head.
pub(super) struct NewWriter {
    writers: Remembered<(Identity, Identity), ()>,
}

impl Default for NewWriter {
    fn default() -> Self {
        Self { writers: Remembered::new(REMEMBERED) }
    }
}

impl Detector for NewWriter {
    fn cards(&self) -> &'static [&'static Card] {
        &[&BUILDING, &CONTROL]
    }

    fn wants(&self) -> Wants {
        Wants { orders: true, once: Once::Said, ..Wants::default() }
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, to: &Party, cx: &mut Context<'_>) {
        for act in event.message.acts {
            let Act::Request { verb: verb @ (Verb::Write | Verb::Control | Verb::Program), object } = *act else {
                continue;
            };
            let Some(card) = cx.app.and_then(card) else { continue };
            let pair = (from.identity(), to.identity());
            if self.writers.touch(pair, event.at).is_some() {
                continue;
            }
            let ask = asked(event, from, to, (verb, object), cx);
            self.writers.put(pair, event.at, ());
            if cx.is_learning(event.at, from, to) || cx.policy.is_some_and(|policy| policy.judge(&ask).is_allowed()) {
                continue;
            }
            let (who, whom) = (cx.call(from), cx.call(to));
            let key = format!("{pair:?}");
            cx.raise(key.as_bytes(), card, event.at, || Raise {
                severity: Some(if card.id == BUILDING.id { Severity::Medium } else { Severity::High }),
                to: Some(*to),
                summary: format!("{who} changed {object} of {whom}; it never changed anything there before"),
                fields: vec![
                    ("operation".to_owned(), verb.as_str().to_owned()),
                    ("object".to_owned(), object.to_string()),
                ],
                expected: "changes only by the stations that made them while learning".to_owned(),
                ..Raise::of_event(card, event, from)
            });
        }
    }

    fn learned(&self) -> Option<serde_json::Value> {
        serde_json::to_value(self.writers.entries()).ok()
    }

    fn recall(&mut self, learned: serde_json::Value) -> Result<(), serde_json::Error> {
        self.writers.recall(serde_json::from_value(learned)?);
        Ok(())
    }
}

fn card(app: AppName) -> Option<&'static Card> {
    match app {
        AppName::Bacnet | AppName::Knx | AppName::Snmp => Some(&BUILDING),
        AppName::Modbus => None,
        app if app.is_industrial() => Some(&CONTROL),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::{Bench, SHIP, flow};
    use dogwatch_model::{Object, Speaker, Transport};

    fn told(writes: &[(f64, &'static str, &str)]) -> Vec<String> {
        let mut bench = Bench::new(Some(SHIP), Box::<NewWriter>::default());
        bench.at(0.0);
        for (second, protocol, from) in writes {
            bench.at(*second);
            let act = Act::Request { verb: Verb::Write, object: Object::Named("analog-value:4") };
            bench.says(protocol, Speaker::Sender, &flow(from, "10.0.2.22", 47_808, Transport::Udp), &[act]);
        }
        bench.ids()
    }

    #[test]
    fn a_new_writer_once() {
        let known = (5.0, "bacnet", "10.0.2.11");
        assert_eq!(told(&[known, (200.0, "bacnet", "10.0.2.66"), (201.0, "bacnet", "10.0.2.66")]), ["DW-3019"]);
        assert_eq!(told(&[(200.0, "opcua", "10.0.2.66")]), ["DW-3020"]);
        assert!(told(&[known, (200.0, "bacnet", "10.0.2.11"), (201.0, "modbus", "10.0.2.66")]).is_empty());
    }
}
