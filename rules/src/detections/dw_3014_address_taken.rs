//! DW-3014: a device on an NMEA 2000 bus takes the address of another.
//!
//! By ISO 11783-5 the lower NAME wins an address and the loser moves or falls silent, so a made-up NAME can push any sensor or the autopilot off
//! the bus. Normal arbitration at power-up is over within seconds; a claim for an address that its holder has used for longer is not that. A claim
//! of a higher NAME loses: a device that was pushed off looks for a free address that way. It counts only when it insists, or when the holder does
//! not defend itself and the claimer speaks in its place.

use std::time::Duration;

use dogwatch_model::{Act, Attribute, CaptureTime, Event, FactValue, SourceId, Speaker};

use crate::detector::{Card, Context, Detector, Raise, Speaking, Wants};
use crate::findings::call;
use crate::remembered::Remembered;
use crate::seen::{Party, service};

/// Arbitration after power-up: claims this soon after the first frame of a bus are normal.
const BUS_START: Duration = Duration::from_secs(10);
/// A holder that was silent for longer has left.
const HOLDS: Duration = Duration::from_secs(120);
/// Claims within this time by one that ought to give way (catalogue: `claims`, `window_s`).
const INSISTS: u32 = 3;
const INSISTING: Duration = Duration::from_secs(5);
/// Addresses remembered (256 per bus).
const REMEMBERED: usize = 8 * 256;

const CARD: Card = Card {
    id: "DW-3014",
    why: "On the bus a device is heard only while it holds an address. Taking it silences the rightful sensor or autopilot, and what comes from that \
          address afterwards is believed.",
    e26: &["4.2.1", "4.3.1"],
};

#[derive(Debug, Clone, Copy)]
struct Holder {
    name: u64,
    since: CaptureTime,
    last: CaptureTime,
    /// A higher NAME that claims the address, too.
    rival: Option<Rival>,
}

#[derive(Debug, Clone, Copy)]
struct Rival {
    name: u64,
    since: CaptureTime,
    claims: u32,
}

impl Holder {
    const fn new(name: u64, at: CaptureTime) -> Self {
        Self { name, since: at, last: at, rival: None }
    }

    /// Whether one with a higher NAME, which has to give way, gets the address all the same.
    fn yields_to(&mut self, name: u64, claims: bool, at: CaptureTime) -> bool {
        let known = self.rival.filter(|rival| rival.name == name);
        if !claims {
            // it speaks from the address, and the holder never defended it
            return known.is_some_and(|rival| self.last <= rival.since && at.since(rival.since) > INSISTING);
        }
        let known = known.filter(|rival| at.since(rival.since) <= INSISTING);
        let rival = known.unwrap_or(Rival { name, since: at, claims: 0 });
        let rival = Rival { claims: rival.claims.saturating_add(1), ..rival };
        self.rival = Some(rival);
        rival.claims >= INSISTS
    }
}

/// See the file's head.
pub(super) struct AddressTaken {
    holders: Remembered<(SourceId, u8), Holder>,
    started: Remembered<SourceId, CaptureTime>,
}

impl Default for AddressTaken {
    fn default() -> Self {
        Self { holders: Remembered::new(REMEMBERED), started: Remembered::new(64) }
    }
}

impl Detector for AddressTaken {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        Wants { groups: true, facts: true, of: Speaking::Navigation, ..Wants::default() }
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, _to: &Party, cx: &mut Context<'_>) {
        let Speaker::Name { name, address } = event.message.speaker else { return };
        let bus = event.flow.source;
        if self.started.get(&bus).is_none() {
            self.started.put(bus, event.at, event.at);
        }
        // 254: "cannot claim", held by nobody
        if address >= 254 {
            return;
        }
        let claims =
            event.message.acts.iter().any(|act| matches!(act, Act::Says(fact) if fact.attribute == Attribute::N2kName));
        let key = (bus, address);
        match self.holders.touch(key, event.at) {
            Some(holder) if holder.name == name => holder.last = event.at,
            Some(holder) => {
                let is_alive = event.at.since(holder.last) <= HOLDS;
                let has_to_yield = is_alive && name > holder.name;
                if has_to_yield && !holder.yields_to(name, claims, event.at) {
                    return;
                }
                let before = *holder;
                *holder = Holder::new(name, event.at);
                let is_start = self.started.get(&bus).is_some_and(|started| event.at.since(*started) <= BUS_START);
                let is_settled = before.last.since(before.since) > BUS_START;
                if (claims || has_to_yield) && is_alive && is_settled && !is_start {
                    raise(event, from, name, address, before.name, cx);
                }
            }
            None => self.holders.put(key, event.at, Holder::new(name, event.at)),
        }
    }
}

fn raise(event: &Event<'_>, from: &Party, name: u64, address: u8, before: u64, cx: &mut Context<'_>) {
    let victim = Party { row: None, speaker: Speaker::Name { name: before, address }, ..*from };
    let bus = cx.source.label.to_owned();
    let known = declared(name, cx);
    let rightful = declared(before, cx);
    let who = known.clone().unwrap_or_else(|| call(from, cx.policy, cx.directory));
    let whom = rightful.unwrap_or_else(|| format!("NAME {before:016x}"));
    let facts = event.message.acts.iter().filter_map(|act| match act {
        Act::Says(fact) => match fact.value {
            FactValue::Text(text) => Some((format!("{:?}", fact.attribute), text.to_owned())),
            FactValue::Number(number) => Some((format!("{:?}", fact.attribute), number.to_string())),
            _ => None,
        },
        _ => None,
    });
    let mut fields = vec![
        ("address".to_owned(), address.to_string()),
        ("new_name".to_owned(), format!("{name:016x}")),
        ("old_name".to_owned(), format!("{before:016x}")),
    ];
    fields.extend(facts.take(8));
    let key = format!("{bus}|{address}|{name:016x}|{before:016x}");
    cx.raise(key.as_bytes(), &CARD, event.at, || Raise {
        card: &CARD,
        severity: None,
        // both known to the policy: a changed unit or a start-up is likelier than an attack
        confidence: if known.is_some() { 0.6 } else { 0.9 },
        at: event.at,
        frame: event.frame,
        from: *from,
        to: Some(victim),
        service: service(Some(event.message.protocol), event.flow),
        summary: format!("{who} took bus address {address} of {whom} on {bus}"),
        fields,
        expected: format!("address {address} held by NAME {before:016x}"),
        conduit: None,
        proposal: None,
    });
}

/// The source of the policy with this NAME.
fn declared(name: u64, cx: &Context<'_>) -> Option<String> {
    cx.policy?.n2k.iter().find(|entry| entry.name.matches(name)).map(|entry| entry.source.clone())
}

#[cfg(test)]
mod tests {
    use dogwatch_model::{Fact, Subject, Transport};

    use super::*;
    use crate::detections::bench::{Bench, flow};

    fn bus(claims: &[(f64, u64, u8)]) -> Vec<String> {
        let mut bench = Bench::new(None, Box::<AddressTaken>::default());
        let bus = dogwatch_model::Flow { src: None, dst: None, ..flow("0.0.0.0", "0.0.0.0", 0, Transport::Can) };
        for (second, name, address) in claims {
            bench.at(*second);
            let fact = Fact {
                about: Subject::Speaker,
                attribute: Attribute::N2kName,
                value: FactValue::Number(*name),
                confidence: 90,
                method: "t",
            };
            bench.says("nmea2000", Speaker::Name { name: *name, address: *address }, &bus, &[Act::Says(fact)]);
        }
        bench.ids()
    }

    #[test]
    fn a_settled_address_is_taken() {
        assert_eq!(bus(&[(0.0, 5, 35), (30.0, 5, 35), (60.0, 5, 35), (61.0, 2, 35), (61.1, 2, 35)]), ["DW-3014"]);
    }

    #[test]
    fn one_that_has_to_give_way_and_does() {
        // ISO 11783-5: the lower NAME wins; pushed off 34, NAME 9 tries 35 and goes on to 36
        assert!(bus(&[(0.0, 5, 35), (60.0, 5, 35), (61.0, 9, 35), (61.1, 5, 35), (61.2, 9, 36)]).is_empty());
    }

    #[test]
    fn one_that_has_to_give_way_and_does_not() {
        let insists = [(0.0, 5, 35), (60.0, 5, 35), (61.0, 9, 35), (61.1, 5, 35), (61.2, 9, 35), (62.0, 9, 35)];
        assert_eq!(bus(&insists), ["DW-3014"]);
    }

    #[test]
    fn power_up_arbitration_and_an_empty_seat_are_quiet() {
        assert!(bus(&[(0.0, 1, 35), (0.2, 2, 35), (0.4, 1, 36)]).is_empty(), "arbitration");
        assert!(bus(&[(0.0, 1, 35), (30.0, 1, 35), (600.0, 2, 35)]).is_empty(), "the holder had left");
        assert!(bus(&[(0.0, 1, 35), (60.0, 1, 35), (61.0, 2, 254)]).is_empty(), "cannot claim");
    }
}
