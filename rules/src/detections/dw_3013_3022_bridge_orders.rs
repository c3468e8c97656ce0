//! DW-3013 and DW-3022: who sets receivers up or asks around on the navigation network, and who acknowledges alerts.
//!
//! DW-3013: a sentence that changes how a device is set up (set commands of the makers, EPV, static data for the transponder), or a burst of ten
//! questions within a minute. DW-3022: an alert command (ACN, ACK) from a station that may not give one, or more than six within a minute from
//! anybody: after a black-out a bridge team silences a cascade, which is worth one line and no more. With a policy its lists decide; without one,
//! who did it while learning is known.

use dogwatch_model::{Act, CaptureTime, Event, Object, Verb};

use crate::detector::{Card, Context, Detector, Raise, Speaking, Threshold, Wants};
use crate::findings::call;
use crate::policy::{Mode, NmeaAsk, NmeaVerdict};
use crate::remembered::Remembered;
use crate::seen::{Identity, Party, PolicySeen, service, sfi_number};

/// Stations remembered.
const REMEMBERED: usize = 2_048;
/// Seconds of a burst, and the questions that make one.
const BURST: u64 = 60;
const QUESTIONS: u32 = 10;

const SETTING: Card = Card {
    id: "DW-3013",
    why: "A receiver that is told to change its rate, its outputs or its mode does so without asking who speaks. Afterwards it may be silent, slow or \
          wrong, and look healthy.",
    e26: &["4.2.1", "4.3.1"],
};
const ALERTS: Card = Card {
    id: "DW-3022",
    why: "An alert that somebody else acknowledged is one the watch never saw.",
    e26: &["4.3.1"],
};

/// What somebody does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
enum Deed {
    Sets,
    Asks,
    Acknowledges,
}

#[derive(Debug, Clone, Copy)]
struct Station {
    may: bool,
    /// Deeds since a time.
    since: CaptureTime,
    times: u32,
}

/// See the file's head.
pub(super) struct BridgeOrders {
    stations: Remembered<(Identity, u64, Deed), Station>,
    max_acks: f64,
}

impl Default for BridgeOrders {
    fn default() -> Self {
        Self { stations: Remembered::new(REMEMBERED), max_acks: 6.0 }
    }
}

impl Detector for BridgeOrders {
    fn cards(&self) -> &'static [&'static Card] {
        &[&SETTING, &ALERTS]
    }

    fn wants(&self) -> Wants {
        Wants { sentences: true, queries: true, of: Speaking::Navigation, ..Wants::default() }
    }

    fn thresholds(&mut self) -> Vec<Threshold<'_>> {
        vec![Threshold::new(ALERTS.id, "max_acks", &mut self.max_acks, 1.0..=1_000.0)]
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, to: &Party, cx: &mut Context<'_>) {
        for act in event.message.acts {
            let (deed, object) = match *act {
                Act::Request { verb: Verb::Program, object: object @ Object::Sentence { .. } } => (Deed::Sets, object),
                Act::Request { verb: Verb::Discover, object: object @ Object::Sentence { .. } } => (Deed::Asks, object),
                Act::Publishes { object: object @ Object::Sentence { formatter: "ACN" | "ACK", talker } }
                    if talker != "P" =>
                {
                    (Deed::Acknowledges, object)
                }
                _ => continue,
            };
            let key = (from.identity(), sfi_number(from.sfi()), deed);
            let is_learning = cx.is_learning(event.at, from, to);
            let station = match self.stations.touch(key, event.at) {
                Some(station) => station,
                None => {
                    let may = allowed(from, to, object, cx).unwrap_or(is_learning);
                    self.stations.put(key, event.at, Station { may, since: event.at, times: 0 });
                    let Some(station) = self.stations.touch(key, event.at) else { continue };
                    station
                }
            };
            if event.at < station.since || event.at.since(station.since).as_secs() >= BURST {
                (station.since, station.times) = (event.at, 0);
            }
            station.times = station.times.saturating_add(1);
            let (may, times) = (station.may, station.times);
            let is_judged =
                cx.policy.map_or(!is_learning || !may, |policy| policy.mode_of(from.end.zone) != Mode::Learn);
            let is_told = match deed {
                Deed::Sets => !may,
                // ships' devices ask each other for versions now and then
                Deed::Asks => !may && times >= QUESTIONS,
                Deed::Acknowledges => !may || f64::from(times) > self.max_acks,
            };
            if is_told && is_judged {
                raise(event, from, deed, object, times, cx);
            }
        }
    }

    fn policy(&mut self, _seen: &PolicySeen<'_>, _cx: &mut Context<'_>) {
        self.stations = Remembered::new(REMEMBERED);
    }

    fn learned(&self) -> Option<serde_json::Value> {
        let known = self.stations.entries().into_iter().filter(|(_, _, station)| station.may);
        serde_json::to_value(known.map(|(key, at, _)| (key, at)).collect::<Vec<_>>()).ok()
    }

    fn recall(&mut self, learned: serde_json::Value) -> Result<(), serde_json::Error> {
        let known: Vec<((Identity, u64, Deed), CaptureTime)> = serde_json::from_value(learned)?;
        let stations = known.into_iter().map(|(key, at)| (key, at, Station { may: true, since: at, times: 0 }));
        self.stations.recall(stations.collect());
        Ok(())
    }
}

/// What the policy says of the sentence; `None` when it lists no sentences.
fn allowed(from: &Party, to: &Party, object: Object<'_>, cx: &Context<'_>) -> Option<bool> {
    let Object::Sentence { talker, formatter } = object else { return None };
    let ask = NmeaAsk { from: from.end, to: to.end, sfi: from.sfi(), talker, formatter };
    match cx.policy?.nmea_allows(&ask) {
        NmeaVerdict::NotDeclared => None,
        NmeaVerdict::Allowed(_) => Some(true),
        NmeaVerdict::Denied { .. } => Some(false),
    }
}

fn raise(event: &Event<'_>, from: &Party, deed: Deed, object: Object<'_>, times: u32, cx: &mut Context<'_>) {
    let card = if deed == Deed::Acknowledges { &ALERTS } else { &SETTING };
    cx.policy_spoke();
    let key = format!("{:?}|{:?}", from.identity(), from.sfi());
    let (policy, directory) = (cx.policy, cx.directory);
    cx.raise(key.as_bytes(), card, event.at, || {
        let who = call(from, policy, directory);
        let who = from.sfi().map_or_else(|| who.clone(), |sfi| format!("{who} as {sfi}"));
        Raise {
            card,
            severity: None,
            confidence: 0.8,
            at: event.at,
            frame: event.frame,
            from: *from,
            to: None,
            service: service(Some(event.message.protocol), event.flow),
            summary: match deed {
                Deed::Sets => format!("{who} sends a set-up sentence ({object})"),
                Deed::Asks => format!("{who} asked for {times} sentences within a minute"),
                Deed::Acknowledges => {
                    format!("{who} acknowledges or silences alerts ({object}, {times} within a minute)")
                }
            },
            fields: vec![
                ("sentence".to_owned(), object.to_string()),
                ("within_a_minute".to_owned(), times.to_string()),
            ],
            expected: match deed {
                Deed::Acknowledges => "acknowledgements by the stations that may, a few at a time".to_owned(),
                _ => "no set-up of receivers outside a service window".to_owned(),
            },
            conduit: None,
            proposal: None,
        }
    });
}

#[cfg(test)]
mod tests {
    use dogwatch_model::{Speaker, Transport};

    use super::*;
    use crate::detections::bench::{Bench, flow};

    fn said(seconds: &[f64], from: &str, act: Act<'_>) -> Vec<String> {
        let mut bench = Bench::new(None, Box::<BridgeOrders>::default());
        bench.at(0.0);
        bench.sentence("10.0.0.31", Speaker::Sender, "EI", "ACN");
        let from = flow(from, "239.192.0.1", 60_001, Transport::Udp);
        for second in seconds {
            bench.at(*second);
            bench.says("nmea0183", Speaker::Sender, &from, &[act]);
        }
        bench.ids()
    }

    const DAY: f64 = 90_000.0;

    #[test]
    fn set_up_sentences_after_learning() {
        let object = Object::Sentence { talker: "P", formatter: "UBX,41" };
        let sets = Act::Request { verb: Verb::Program, object };
        assert_eq!(said(&[DAY], "10.0.0.36", sets), ["DW-3013"]);
        assert!(said(&[10.0, DAY], "10.0.0.36", sets).is_empty(), "done while learning");
    }

    #[test]
    fn a_question_is_none_a_burst_is_one() {
        let asks = Act::Request { verb: Verb::Discover, object: Object::Sentence { talker: "GP", formatter: "GGA" } };
        assert!(said(&[DAY], "10.0.0.36", asks).is_empty());
        let burst: Vec<f64> = (0..12).map(|n| DAY + f64::from(n)).collect();
        assert_eq!(said(&burst, "10.0.0.36", asks), ["DW-3013"]);
    }

    #[test]
    fn strangers_and_too_many_acknowledgements() {
        let acknowledges = Act::Publishes { object: Object::Sentence { talker: "EI", formatter: "ACN" } };
        assert_eq!(said(&[DAY], "10.0.0.36", acknowledges), ["DW-3022"]);
        assert!(said(&[DAY, DAY + 20.0], "10.0.0.31", acknowledges).is_empty(), "the chart display may");
        let many: Vec<f64> = (0..8).map(|n| DAY + f64::from(n)).collect();
        assert_eq!(said(&many, "10.0.0.31", acknowledges), ["DW-3022"]);
    }
}
