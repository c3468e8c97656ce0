//! DW-1004: what a device says of itself has changed: maker, model, firmware, hardware or serial number.
//!
//! Compared by device, unit behind it, way of telling and port, so that two web servers of one box are no change. A new value must be told twice,
//! unless the device was asked who it is; values that stood side by side before are all known. An open window of kind `upgrade` explains it.

use dogwatch_model::{Act, Attribute, CaptureTime, Event, Fact, FactValue, Mac, Subject};

use crate::detector::{Card, Context, Detector, Raise, Wants};
use crate::policy::WindowKind;
use crate::remembered::Remembered;
use crate::seen::{Identity, Party};
use crate::text::bounded;

/// How sure a fact must be to count: banners and explicit identity, no guesses.
const SURE: u8 = 60;
/// How sure a fact is when the device was asked who it is.
const EXPLICIT: u8 = 85;
/// Values known of one attribute of one device.
const VALUES: usize = 4;
/// Longest value kept, characters.
const LONGEST: usize = 96;
/// Attributes remembered, over all devices.
const REMEMBERED: usize = 16_384;

const CARD: Card = Card {
    id: "DW-1004",
    why: "A device that calls itself something else today was replaced, updated or imitated. Work on ship equipment is announced and leaves a \
          service report.",
    e26: &["4.1.1", "4.3.1"],
};

/// What a device is, not what it does or where it is.
const IDENTITY: &[Attribute] = &[
    Attribute::Manufacturer,
    Attribute::Model,
    Attribute::ProductCode,
    Attribute::SerialNumber,
    Attribute::HwRevision,
    Attribute::FirmwareVersion,
    Attribute::SoftwareVersion,
    Attribute::Description,
];

/// Which statement: of whom, what, by which means and at which port.
type Statement = (Identity, Option<u64>, Attribute, u64, u16);

#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
struct Told {
    known: Vec<String>,
    /// A new value, told once.
    candidate: Option<String>,
}

/// See the file's head.
pub(super) struct IdentityChanged {
    statements: Remembered<Statement, Told>,
    hasher: foldhash::fast::FixedState,
}

impl Default for IdentityChanged {
    fn default() -> Self {
        Self { statements: Remembered::new(REMEMBERED), hasher: foldhash::fast::FixedState::default() }
    }
}

impl Detector for IdentityChanged {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        Wants { facts_of: IDENTITY, ..Wants::default() }
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, _to: &Party, cx: &mut Context<'_>) {
        for act in event.message.acts {
            let Act::Says(fact) = act else { continue };
            let FactValue::Text(value) = fact.value else { continue };
            if IDENTITY.contains(&fact.attribute) && fact.confidence >= SURE && !value.is_empty() {
                self.told(event, from, fact, value, cx);
            }
        }
    }

    fn learned(&self) -> Option<serde_json::Value> {
        serde_json::to_value(self.statements.entries()).ok()
    }

    fn recall(&mut self, learned: serde_json::Value) -> Result<(), serde_json::Error> {
        self.statements.recall(serde_json::from_value(learned)?);
        Ok(())
    }
}

impl IdentityChanged {
    fn told(&mut self, event: &Event<'_>, from: &Party, fact: &Fact<'_>, value: &str, cx: &mut Context<'_>) {
        let (who, part) = match fact.about {
            Subject::Speaker => (from.identity(), None),
            Subject::Mac(mac) => (Identity::Mac(mac), None),
            Subject::Ip(ip) => (Identity::Ip(ip), None),
            Subject::Name(name) => (Identity::Name(name.into()), None),
            Subject::Unit(unit) => (from.identity(), Some(u64::from(unit))),
            // Kept apart from units of the same number.
            Subject::Station(station) => (from.identity(), Some(0x1_0000 | u64::from(station))),
        };
        let part = match (who, from.row) {
            // Nobody in particular: those who send without an address would seem to change into each other. A serial line is who speaks there.
            (Identity::Mac(Mac::NONE), None) => return,
            (Identity::Mac(Mac::NONE), Some(_)) => {
                Some(std::hash::BuildHasher::hash_one(&self.hasher, cx.source.label))
            }
            _ => part,
        };
        let method = std::hash::BuildHasher::hash_one(&self.hasher, fact.method);
        let statement = (who, part, fact.attribute, method, event.flow.src_port);
        let told = self.statements.touch_or(statement, event.at, Told::default);
        if told.known.iter().any(|known| is_same(known, value)) {
            told.candidate = None;
            return;
        }
        let value = bounded(value, LONGEST);
        if told.known.is_empty() || cx.is_learning(event.at, from, from) {
            if told.known.len() < VALUES {
                // most only ever say one thing
                told.known.reserve_exact(1);
                told.known.push(value);
            }
            return;
        }
        // an identity protocol is read whole and told once for each connection; a banner may be a fluke
        let is_explicit = fact.confidence >= EXPLICIT;
        if !is_explicit && told.candidate.as_deref() != Some(value.as_str()) {
            told.candidate = Some(value);
            return;
        }
        let before = told.known.join(", ");
        told.candidate = None;
        if told.known.len() >= VALUES {
            told.known.remove(0);
        }
        told.known.push(value.clone());
        if is_upgrade(cx, from, event.at) {
            return;
        }
        let (name, what) = (cx.call(from), in_words(fact.attribute));
        let key = format!("{who:?}|{part:?}|{:?}|{value}", fact.attribute);
        cx.raise(key.as_bytes(), &CARD, event.at, || Raise {
            summary: format!("{name} now gives its {what} as {}, before: {before}", bounded(&value, 48)),
            fields: vec![
                ("attribute".to_owned(), what.to_owned()),
                ("before".to_owned(), before.clone()),
                ("now".to_owned(), value.clone()),
                ("method".to_owned(), fact.method.to_owned()),
            ],
            expected: before.clone(),
            ..Raise::of_event(&CARD, event, from)
        });
    }
}

const fn in_words(attribute: Attribute) -> &'static str {
    match attribute {
        Attribute::Manufacturer => "maker",
        Attribute::Model => "model",
        Attribute::ProductCode => "product code",
        Attribute::SerialNumber => "serial number",
        Attribute::HwRevision => "hardware revision",
        Attribute::FirmwareVersion => "firmware version",
        Attribute::SoftwareVersion => "software version",
        _ => "description",
    }
}

/// Compared in the bounded form that is kept.
fn is_same(known: &str, value: &str) -> bool {
    known == value || known.ends_with('…') && bounded(value, LONGEST) == known
}

fn is_upgrade(cx: &Context<'_>, party: &Party, at: CaptureTime) -> bool {
    cx.policy.zip(party.end.zone).is_some_and(|(policy, zone)| {
        policy.windows_open(zone, at).any(|window| matches!(window.kind, WindowKind::Upgrade | WindowKind::Service))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::{Bench, SHIP, flow};
    use dogwatch_model::{Flow, Speaker, Transport};

    fn told(values: &[(f64, &str)]) -> usize {
        told_with(60, values)
    }

    fn told_with(confidence: u8, values: &[(f64, &str)]) -> usize {
        let mut bench = Bench::new(Some(SHIP), Box::<IdentityChanged>::default());
        bench.at(0.0);
        for (second, value) in values {
            bench.at(*second);
            let fact = Fact {
                about: Subject::Speaker,
                attribute: Attribute::FirmwareVersion,
                value: FactValue::Text(value),
                confidence,
                method: "modbus.fc43_14",
            };
            let flow = flow("10.0.2.21", "10.0.2.10", 40_000, Transport::Tcp);
            bench.says("modbus", Speaker::Sender, &flow, &[Act::Says(fact)]);
        }
        bench.findings().len()
    }

    #[test]
    fn a_new_version_told_twice() {
        assert_eq!(told(&[(5.0, "2.1"), (200.0, "2.1"), (300.0, "3.0"), (400.0, "3.0"), (500.0, "3.0")]), 1);
        assert_eq!(told(&[(5.0, "2.1"), (300.0, "3.0"), (400.0, "2.1"), (500.0, "3.0")]), 0, "never twice running");
    }

    #[test]
    fn a_device_that_was_asked_is_believed_at_once() {
        assert_eq!(told_with(90, &[(5.0, "2.1"), (300.0, "3.0")]), 1);
    }

    #[test]
    fn the_first_value_whenever_it_comes_is_the_known_one() {
        assert_eq!(told(&[(900.0, "2.1"), (901.0, "2.1")]), 0);
        assert_eq!(told(&[(5.0, "2.1"), (6.0, "9"), (200.0, "9"), (201.0, "2.1"), (202.0, "9")]), 0, "both were there");
    }

    #[test]
    fn senders_without_an_address_do_not_change_into_each_other() {
        let told = |mac: Mac| {
            let mut bench = Bench::new(Some(SHIP), Box::<IdentityChanged>::default());
            let sent = flow("10.0.2.21", "10.0.2.10", 0, Transport::Ethernet(0x88cc));
            let sent = Flow { src: None, dst: None, src_mac: mac, ..sent };
            for (second, name) in [(5.0, "Switch OS 1"), (400.0, "Switch OS 2"), (500.0, "Switch OS 1")] {
                bench.at(second);
                let fact = Fact {
                    about: Subject::Speaker,
                    attribute: Attribute::Description,
                    value: FactValue::Text(name),
                    confidence: 90,
                    method: "lldp.tlv6",
                };
                bench.says("lldp", Speaker::Sender, &sent, &[Act::Says(fact)]);
            }
            bench.findings().len()
        };
        assert_eq!(told(Mac([2, 0, 0, 0, 0, 9])), 1, "one card with another description");
        assert_eq!(told(Mac::NONE), 0);
    }
}
