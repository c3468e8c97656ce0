//! DW-1009: a device on an NMEA 2000 bus that nobody knows.
//!
//! A device is its NAME (ISO 11783-5), never its address, which changes at every power-up. With a policy that lists the bus, whoever is not on the list
//! is new; without one, who spoke while learning is known. A NAME of which only instance or function changed is the same unit set up anew: low. An
//! address that speaks for five seconds without ever having claimed is told too, unless it spoke while learning: a monitor that starts later than the
//! bus has not heard the claims.

use dogwatch_model::{Act, CaptureTime, Event, Severity, Speaker};

use crate::detector::{Card, Context, Detector, Raise, Threshold, Wants};
use crate::findings::call;
use crate::own_ship::PerTalker;
use crate::policy::Mode;
use crate::remembered::Remembered;
use crate::seen::{Identity, Party, PolicySeen, service};

/// Devices remembered.
const REMEMBERED: usize = 2_048;
/// Bits of the NAME that the maker gives once for ever: unique number and manufacturer.
const MAKERS: u64 = 0xffff_ffff;

const CARD: Card = Card {
    id: "DW-1009",
    why: "Any device clipped to the backbone is heard and obeyed by all others. A new one is a spare part, a passenger's gadget, or a way in.",
    e26: &["4.1.1", "4.3.1"],
};

/// What is known of a talker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Standing {
    /// Just heard.
    #[default]
    Open,
    Known,
    Stranger,
}

/// See the file's head.
pub(super) struct BusNewcomer {
    known: Remembered<Identity, ()>,
    standings: PerTalker<Standing>,
    grace_s: f64,
}

impl Default for BusNewcomer {
    fn default() -> Self {
        Self { known: Remembered::new(REMEMBERED), standings: PerTalker::default(), grace_s: 5.0 }
    }
}

impl Detector for BusNewcomer {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        Wants { groups: true, ..Wants::default() }
    }

    fn thresholds(&mut self) -> Vec<Threshold<'_>> {
        vec![Threshold::new(CARD.id, "grace_s", &mut self.grace_s, 1.0..=600.0)]
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, to: &Party, cx: &mut Context<'_>) {
        let (Speaker::Name { .. } | Speaker::BusAddress(_)) = event.message.speaker else { return };
        let Some(ix) = cx.talker else { return };
        if *self.standings.of(ix) == Standing::Known {
            return;
        }
        let who = from.identity();
        let standing = match event.message.speaker {
            Speaker::Name { name, .. } => self.judge(name, who, event.at, from, to, cx),
            _ => {
                let first = cx.ship.talker(ix).map_or(event.at, |talker| talker.first);
                if cx.is_learning(event.at, from, to) || self.known.get(&who).is_some() {
                    self.known.put(who, event.at, ());
                    Standing::Known
                } else if event.at.since(first).as_secs_f64() < self.grace_s {
                    Standing::Open
                } else {
                    Standing::Stranger
                }
            }
        };
        *self.standings.of(ix) = standing;
        if standing == Standing::Stranger {
            self.raise(event, from, cx);
        }
    }

    fn policy(&mut self, _seen: &PolicySeen<'_>, _cx: &mut Context<'_>) {
        self.standings = PerTalker::default();
    }

    fn learned(&self) -> Option<serde_json::Value> {
        serde_json::to_value(self.known.entries()).ok()
    }

    fn recall(&mut self, learned: serde_json::Value) -> Result<(), serde_json::Error> {
        self.known.recall(serde_json::from_value(learned)?);
        Ok(())
    }
}

impl BusNewcomer {
    fn judge(
        &mut self,
        name: u64,
        who: Identity,
        at: CaptureTime,
        from: &Party,
        to: &Party,
        cx: &Context<'_>,
    ) -> Standing {
        let bus = cx.source.selector;
        let listed = cx.policy.filter(|policy| policy.n2k.iter().any(|entry| entry.bus == bus));
        let is_known = match listed {
            Some(policy) => {
                policy.n2k.iter().any(|entry| entry.bus == bus && entry.name.matches(name))
                    || policy.mode_of(from.end.zone) == Mode::Learn
            }
            None => self.known.get(&who).is_some() || cx.is_learning(at, from, to),
        };
        if is_known {
            self.known.put(who, at, ());
            return Standing::Known;
        }
        Standing::Stranger
    }

    fn raise(&self, event: &Event<'_>, from: &Party, cx: &mut Context<'_>) {
        let (name, address) = match event.message.speaker {
            Speaker::Name { name, address } => (Some(name), address),
            Speaker::BusAddress(address) => (None, address),
            _ => return,
        };
        let is_set_up_anew = name.is_some_and(|name| self.is_set_up_anew(name, cx));
        let says = event.message.acts.iter().find_map(|act| match act {
            Act::Publishes { object } => Some(object.to_string()),
            _ => None,
        });
        let key = format!("{}|{:?}", cx.source.label, from.identity());
        let (policy, directory) = (cx.policy, cx.directory);
        // what the plan calls the bus; a file of a capture is called something else
        let bus = if cx.source.selector.is_empty() { cx.source.label } else { cx.source.selector };
        cx.raise(key.as_bytes(), &CARD, event.at, || {
            let who = call(from, policy, directory);
            let who = match name.map(|name| format!("{name:016x}")) {
                Some(name) if !who.contains(&name) => format!("{who} (NAME {name})"),
                _ => who,
            };
            Raise {
                card: &CARD,
                severity: is_set_up_anew.then_some(Severity::Low),
                confidence: if name.is_some() { 0.9 } else { 0.6 },
                at: event.at,
                frame: event.frame,
                from: *from,
                to: None,
                service: service(Some(event.message.protocol), event.flow),
                summary: match (name, is_set_up_anew) {
                    (Some(_), true) => format!("{who} was set up anew on {bus}"),
                    (Some(_), false) => format!("{who} is new on {bus}"),
                    (None, _) => format!("Address {address} speaks on {bus} without having claimed it"),
                },
                fields: vec![
                    ("address".to_owned(), address.to_string()),
                    ("name".to_owned(), name.map_or_else(String::new, |name| format!("{name:016x}"))),
                    ("says".to_owned(), says.unwrap_or_default()),
                ],
                expected: "devices on the list of the bus, or heard while learning".to_owned(),
                conduit: None,
                proposal: None,
            }
        });
    }

    /// Whether a known device differs only in what an installer sets.
    fn is_set_up_anew(&self, name: u64, cx: &Context<'_>) -> bool {
        let same = |known: u64| known & MAKERS == name & MAKERS;
        let learned =
            self.known.entries().iter().any(|(who, ..)| matches!(who, Identity::Name(known) if same(known.number())));
        let listed = cx.policy.is_some_and(|policy| {
            policy.n2k.iter().any(|entry| entry.name.mask & MAKERS == MAKERS && same(entry.name.bits))
        });
        learned || listed
    }
}

#[cfg(test)]
mod tests {
    use dogwatch_model::{Object, Transport};

    use super::*;
    use crate::detections::bench::{Bench, flow};

    fn bus(policy: Option<&str>, said: &[(f64, Speaker)]) -> Vec<Severity> {
        told(policy, said).into_iter().map(|finding| finding.severity).collect()
    }

    fn told(policy: Option<&str>, said: &[(f64, Speaker)]) -> Vec<dogwatch_model::Finding> {
        let mut bench = Bench::new(policy, Box::<BusNewcomer>::default());
        bench.bus("can0");
        let can = dogwatch_model::Flow { src: None, dst: None, ..flow("0.0.0.0", "0.0.0.0", 0, Transport::Can) };
        for (second, speaker) in said {
            bench.at(*second);
            let object = Object::Pgn { pgn: 127_508, destination: 255 };
            bench.says("nmea2000", *speaker, &can, &[Act::Publishes { object }]);
        }
        bench.findings()
    }

    const DAY: f64 = 90_000.0;
    const NAME: u64 = 7 | 275 << 21 | 130 << 40 | 120 << 49;
    const POLICY: &str = r#"
format = 1
mode = "enforce"
[vessel]
name = "T"
[[zone]]
id = "bridge"
label = "B"
function = "navigation"
class = "ot"
criticality = "high"
devices = "fixed"
can = ["can0"]
[[n2k]]
source = "display-a"
bus = "can0"
name = { manufacturer = 275, unique = 7, function = 130, class = 120 }
pgn = []
"#;

    #[test]
    fn who_is_not_on_the_list_or_was_not_heard_is_new() {
        let named = |name| Speaker::Name { name, address: 9 };
        assert!(
            bus(Some(POLICY), &[(200.0, named(NAME)), (201.0, Speaker::Name { name: NAME, address: 12 })]).is_empty()
        );
        assert_eq!(bus(Some(POLICY), &[(200.0, named(99)), (201.0, named(99))]), [Severity::Medium]);
        assert_eq!(bus(Some(POLICY), &[(200.0, named(NAME | 3 << 56 | 1 << 40))]), [Severity::Low]);
        assert!(bus(None, &[(0.0, named(99)), (DAY, named(99))]).is_empty());
        assert_eq!(bus(None, &[(0.0, named(99)), (DAY, named(77))]), [Severity::Medium]);
    }

    #[test]
    fn it_is_named_once_and_the_bus_as_the_plan_calls_it() {
        let found = told(Some(POLICY), &[(200.0, Speaker::Name { name: 99, address: 9 })]);
        assert_eq!(found.len(), 1);
        let summary = &found[0].summary;
        assert_eq!(summary.matches("0000000000000063").count(), 1, "{summary}");
        assert!(summary.ends_with("is new on can0"), "{summary}");
    }

    #[test]
    fn an_address_that_never_claimed() {
        let nameless = Speaker::BusAddress(78);
        assert_eq!(bus(Some(POLICY), &[(0.0, Speaker::BusAddress(9)), (200.0, nameless), (206.0, nameless)]).len(), 1);
        assert!(bus(Some(POLICY), &[(0.0, nameless), (200.0, nameless)]).is_empty(), "there from the start");
        assert!(bus(Some(POLICY), &[(0.0, Speaker::BusAddress(9)), (200.0, nameless), (203.0, nameless)]).is_empty());
    }
}
