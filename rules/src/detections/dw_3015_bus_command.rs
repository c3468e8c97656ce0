//! DW-3015: a device on NMEA 2000 commands another and may not.
//!
//! Commands are the group function (126208: command, write), the commanded address (65240), and what moves something by its nature: switches, loads,
//! engine control. Who may command whom is the policy's (`may_command`); where it says nothing about the bus, commanders are learned. An order that
//! moves something needs the policy or the learning; a setting written by a display (instances, names) is low. Steering has its own rule, DW-5012,
//! for what is broadcast; a group function addressed to a device is judged here as well.

use dogwatch_model::{Act, Event, Object, Severity, SourceId, Speaker, Verb};

use crate::detector::{Card, Context, Detector, Raise, Speaking, Wants};
use crate::findings::call;
use crate::policy::{Mode, Policy};
use crate::remembered::Remembered;
use crate::seen::{Identity, Party, service};

/// Addresses (256 a bus) and commanders remembered.
const ADDRESSES: usize = 8 * 256;
const COMMANDERS: usize = 2_048;
/// The address of everybody.
const GLOBAL: u8 = 255;

const CARD: Card = Card {
    id: "DW-3015",
    why: "A device that obeys on the bus obeys anybody: autopilots, engine gateways and switches cannot tell a display from a box somebody clipped to \
          the backbone.",
    e26: &["4.2.1", "4.3.1"],
};

/// See the file's head.
pub(super) struct BusCommand {
    holders: Remembered<(SourceId, u8), u64>,
    commanders: Remembered<(Identity, u8, u32), ()>,
}

impl Default for BusCommand {
    fn default() -> Self {
        Self { holders: Remembered::new(ADDRESSES), commanders: Remembered::new(COMMANDERS) }
    }
}

impl Detector for BusCommand {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        Wants { groups: true, orders: true, of: Speaking::Navigation, ..Wants::default() }
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, _to: &Party, cx: &mut Context<'_>) {
        let bus = event.flow.source;
        if let Speaker::Name { name, address } = event.message.speaker
            && address < 254
        {
            match self.holders.touch((bus, address), event.at) {
                Some(known) => *known = name,
                None => self.holders.put((bus, address), event.at, name),
            }
        }
        for act in event.message.acts {
            let Act::Request { verb: verb @ (Verb::Control | Verb::Write), object } = *act else { continue };
            let Object::Pgn { pgn, destination } = object else { continue };
            // what a pilot sends to all is DW-5012's, data asked of all move nothing
            if destination == GLOBAL && pgn == 127_237 {
                continue;
            }
            let target = self.holders.get(&(bus, destination)).copied();
            let allowed = cx.policy.and_then(|policy| may(policy, cx.source.selector, event.message.speaker, target));
            let key = (from.identity(), destination, pgn);
            let is_known = self.commanders.touch(key, event.at).is_some();
            if is_known && allowed.is_none() {
                continue;
            }
            let is_learning = cx.is_learning(event.at, from, from);
            if allowed.is_none() && is_learning {
                self.commanders.put(key, event.at, ());
            }
            let is_judged = cx.policy.is_none_or(|policy| policy.mode_of(from.end.zone) != Mode::Learn);
            if allowed == Some(true) || (allowed.is_none() && is_learning) || !is_judged {
                continue;
            }
            raise(event, from, target, object, verb, allowed.is_some(), cx);
        }
    }

    fn learned(&self) -> Option<serde_json::Value> {
        serde_json::to_value(self.commanders.entries()).ok()
    }

    fn recall(&mut self, learned: serde_json::Value) -> Result<(), serde_json::Error> {
        self.commanders.recall(serde_json::from_value(learned)?);
        Ok(())
    }
}

/// Whether the policy lets one command the other; `None` where it says nothing about the bus. Whom nobody knows may nothing.
fn may(policy: &Policy, bus: &str, speaker: Speaker, target: Option<u64>) -> Option<bool> {
    let commander = match speaker {
        Speaker::Name { name, .. } => Some(name),
        _ => None,
    };
    // NAME 0 is nobody's: asks only whether the bus is declared
    let is_declared = policy.n2k_may_command(bus, 0, 0).is_some();
    match (commander, target) {
        (Some(commander), Some(target)) => policy.n2k_may_command(bus, commander, target),
        // to everybody, or to somebody never heard: those may who may command anybody
        (Some(commander), None) => is_declared.then(|| {
            let own = policy.n2k.iter().filter(|entry| entry.bus == bus && entry.name.matches(commander));
            own.into_iter().any(|entry| !entry.may_command.is_empty())
        }),
        (None, _) => is_declared.then_some(false),
    }
}

fn raise(
    event: &Event<'_>,
    from: &Party,
    target: Option<u64>,
    object: Object<'_>,
    verb: Verb,
    by_policy: bool,
    cx: &mut Context<'_>,
) {
    let Object::Pgn { pgn, destination } = object else { return };
    let severity = match verb {
        Verb::Control => Severity::High,
        // a display that is on the list sets instances and names
        _ if matches!(event.message.speaker, Speaker::Name { name, .. } if is_listed(name, cx)) => Severity::Low,
        _ => Severity::Medium,
    };
    let victim = (destination != GLOBAL).then(|| {
        let speaker =
            target.map_or(Speaker::BusAddress(destination), |name| Speaker::Name { name, address: destination });
        Party { row: None, speaker, ..*from }
    });
    let listed = |speaker: Speaker| match speaker {
        Speaker::Name { name, .. } => {
            let entry = cx.policy.and_then(|policy| policy.n2k.iter().find(|entry| entry.name.matches(name)));
            entry.map(|entry| entry.source.clone())
        }
        _ => None,
    };
    let name = |party: &Party| listed(party.speaker).unwrap_or_else(|| call(party, cx.policy, cx.directory));
    let (who, whom) = (name(from), victim.as_ref().map_or_else(|| "everybody".to_owned(), name));
    let key = format!("{}|{:?}|{destination}|{pgn}", cx.source.label, from.identity());
    let address = match event.message.speaker {
        Speaker::Name { address, .. } | Speaker::BusAddress(address) => address.to_string(),
        _ => String::new(),
    };
    cx.policy_spoke();
    cx.raise(key.as_bytes(), &CARD, event.at, || Raise {
        card: &CARD,
        severity: Some(severity),
        confidence: if by_policy { 0.9 } else { 0.7 },
        at: event.at,
        frame: event.frame,
        from: *from,
        to: victim,
        service: service(Some(event.message.protocol), event.flow),
        summary: format!("{who} commands {whom} on the bus ({} {object}) and may not", verb.as_str()),
        fields: vec![
            ("command".to_owned(), format!("{} {object}", verb.as_str())),
            ("kind".to_owned(), event.message.kind.to_owned()),
            ("address".to_owned(), address),
            ("target_address".to_owned(), destination.to_string()),
        ],
        expected: "commands only from devices the policy lets command this one, or that did while learning".to_owned(),
        conduit: None,
        proposal: None,
    });
}

fn is_listed(name: u64, cx: &Context<'_>) -> bool {
    cx.policy.is_some_and(|policy| policy.n2k.iter().any(|entry| entry.name.matches(name)))
}

#[cfg(test)]
mod tests {
    use dogwatch_model::Transport;

    use super::*;
    use crate::detections::bench::{Bench, flow};

    const DISPLAY: u64 = 7 | 275 << 21 | 130 << 40 | 120 << 49;
    const ENGINE: u64 = 5 | 717 << 21 | 160 << 40 | 50 << 49;
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
may_command = ["engine-a"]
[[n2k]]
source = "engine-a"
bus = "can0"
name = { manufacturer = 717, unique = 5, function = 160, class = 50 }
pgn = [127488]
"#;

    fn commands(policy: Option<&str>, orders: &[(f64, u64, Verb)]) -> Vec<(Severity, Option<u64>)> {
        let mut bench = Bench::new(policy, Box::<BusCommand>::default());
        bench.bus("can0");
        let can = dogwatch_model::Flow { src: None, dst: None, ..flow("0.0.0.0", "0.0.0.0", 0, Transport::Can) };
        let report = [Act::Publishes { object: Object::Pgn { pgn: 127_488, destination: GLOBAL } }];
        for (second, name, verb) in orders {
            bench.at(*second);
            bench.says("nmea2000", Speaker::Name { name: ENGINE, address: 39 }, &can, &report);
            let order = [Act::Request { verb: *verb, object: Object::Pgn { pgn: 127_488, destination: 39 } }];
            bench.says("nmea2000", Speaker::Name { name: *name, address: 77 }, &can, &order);
        }
        bench.findings().into_iter().map(|finding| (finding.severity, finding.destination.n2k_name)).collect()
    }

    #[test]
    fn only_those_the_policy_lets() {
        assert!(commands(Some(POLICY), &[(200.0, DISPLAY, Verb::Control)]).is_empty());
        assert_eq!(
            commands(Some(POLICY), &[(200.0, 99, Verb::Control), (205.0, 99, Verb::Control)]),
            [(Severity::High, Some(ENGINE))]
        );
        assert_eq!(commands(Some(POLICY), &[(200.0, ENGINE, Verb::Write)]), [(Severity::Low, Some(ENGINE))]);
    }

    #[test]
    fn without_a_policy_commanders_are_learned() {
        let day = 90_000.0;
        assert!(commands(None, &[(0.0, DISPLAY, Verb::Control), (day, DISPLAY, Verb::Control)]).is_empty());
        assert_eq!(commands(None, &[(0.0, DISPLAY, Verb::Control), (day, 99, Verb::Control)]).len(), 1);
    }
}
