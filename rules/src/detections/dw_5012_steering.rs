//! DW-5012: a steering or route command from a source that may not give one.
//!
//! Commands are the steering sentences (APB, HTC, HSC, RMB, XTE), routes (RTE, WPL: low), and on NMEA 2000 whatever asks for another heading, track or
//! rudder (127237, and commands to 127237 and 127245), navigation data (129283, 129284) and routes (129285, 130074). With a policy the role
//! `steering-command` decides, and the redundancy groups; it is asked whatever the mode but learn. Without one, who commands while learning is known.
//! Besides, a rightful commander whose heading differs by more than 20 degrees from the track it follows, for ten seconds, is told once.

use dogwatch_model::{Act, CaptureTime, Event, Object, Severity, ShipState, Verb};

use super::of_talker::{Case, Hold, KNOT, raise_of};
use crate::detector::{Card, Context, Detector, Raise, Speaking, Threshold, Wants};
use crate::findings::call;
use crate::own_ship::{PerTalker, What, angle_between};
use crate::policy::{AssetRole, Mode, NavRole, NmeaAsk, NmeaVerdict, Policy};
use crate::remembered::Remembered;
use crate::seen::{Identity, Party, PolicySeen, service, sfi_number};

/// Commanders remembered.
const REMEMBERED: usize = 1_024;
/// Seconds that heading and track must differ.
const DIFFERS_SECONDS: f64 = 10.0;

const CARD: Card = Card {
    id: "DW-5012",
    why: "The autopilot turns the rudder on these messages. One that comes from a station without business in steering can put the ship on another \
          course.",
    e26: &["4.2.1", "4.3.1"],
};

/// What a command is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Command {
    Steers,
    Routes,
}

/// See the file's head.
pub(super) struct Steering {
    /// Who commands, by identity, function id and kind; whether it may, and how often it did.
    commanders: Remembered<(Identity, u64, bool), bool>,
    differs: PerTalker<Hold>,
    diff_deg: f64,
}

impl Default for Steering {
    fn default() -> Self {
        Self { commanders: Remembered::new(REMEMBERED), differs: PerTalker::default(), diff_deg: 20.0 }
    }
}

impl Detector for Steering {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        Wants { sentences: true, groups: true, orders: true, of: Speaking::Navigation, ..Wants::default() }
    }

    fn thresholds(&mut self) -> Vec<Threshold<'_>> {
        vec![Threshold::new(CARD.id, "diff_deg", &mut self.diff_deg, 5.0..=90.0)]
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, to: &Party, cx: &mut Context<'_>) {
        for act in event.message.acts {
            let (object, command) = match *act {
                Act::Publishes { object } => (object, published(object)),
                Act::Request { verb: Verb::Control | Verb::Write, object } => (object, asked(object)),
                _ => continue,
            };
            let Some(command) = command else { continue };
            let key = (from.identity(), sfi_number(from.sfi()), command == Command::Routes);
            let known = self.commanders.touch(key, event.at).copied();
            let is_allowed = match known {
                Some(is_allowed) => is_allowed,
                None => {
                    let by_policy = cx.policy.and_then(|policy| allows(policy, from, to, object, command, cx));
                    let is_allowed = by_policy.unwrap_or_else(|| cx.is_learning(event.at, from, to));
                    self.commanders.put(key, event.at, is_allowed);
                    is_allowed
                }
            };
            let is_judged = cx.policy.is_none_or(|policy| policy.mode_of(from.end.zone) != Mode::Learn);
            if !is_allowed && is_judged {
                raise(event, from, to, object, command, cx);
            }
        }
    }

    fn tick(&mut self, at: CaptureTime, cx: &mut Context<'_>) {
        let ship = cx.ship;
        for (ix, talker) in ship.recent_telling(&[What::HeadingOrder], at, 5) {
            let fresh = |what| ship.fresh(ix, what, at, 5);
            let order = fresh(What::HeadingOrder).zip(fresh(What::TrackOrder));
            let Some((heading, track)) = order else { continue };
            let off = angle_between(track, heading);
            if !self.differs.of(ix).holds(off.abs() > self.diff_deg, at, DIFFERS_SECONDS) {
                continue;
            }
            let case = Case {
                severity: Some(Severity::Medium),
                confidence: 0.6,
                to: None,
                summary: format!("{} orders a heading {:.0} deg off the track it follows", talker.name(cx), off.abs()),
                fields: vec![("heading_order", format!("{heading:.1}")), ("track_order", format!("{track:.1}"))],
                expected: format!("at most {:.0} deg between heading and track", self.diff_deg),
            };
            raise_of(cx, &CARD, talker, at, &format!("differs|{}", talker.key()), case);
        }
    }

    fn policy(&mut self, _seen: &PolicySeen<'_>, _cx: &mut Context<'_>) {
        // who may is another question now
        self.commanders = Remembered::new(REMEMBERED);
    }

    fn learned(&self) -> Option<serde_json::Value> {
        let known: Vec<_> = self.commanders.entries().into_iter().filter(|(.., is_allowed)| **is_allowed).collect();
        serde_json::to_value(known).ok()
    }

    fn recall(&mut self, learned: serde_json::Value) -> Result<(), serde_json::Error> {
        self.commanders.recall(serde_json::from_value(learned)?);
        Ok(())
    }
}

/// What a sentence or a group sent to everybody commands.
fn published(object: Object<'_>) -> Option<Command> {
    match object {
        Object::Sentence { talker: "P", .. } => None,
        Object::Sentence { formatter: "APB" | "HTC" | "HSC" | "RMB" | "XTE", .. } => Some(Command::Steers),
        Object::Sentence { formatter: "RTE" | "WPL", .. } => Some(Command::Routes),
        Object::Pgn { pgn: 129_283 | 129_284, .. } => Some(Command::Steers),
        Object::Pgn { pgn: 129_285 | 130_074, .. } => Some(Command::Routes),
        _ => None,
    }
}

/// What a request on the bus commands.
fn asked(object: Object<'_>) -> Option<Command> {
    matches!(object, Object::Pgn { pgn: 127_237 | 127_245, .. }).then_some(Command::Steers)
}

/// Whether the policy gives the command to the source; `None` where it says nothing about such sources.
fn allows(
    policy: &Policy,
    from: &Party,
    to: &Party,
    object: Object<'_>,
    command: Command,
    cx: &Context<'_>,
) -> Option<bool> {
    match object {
        Object::Sentence { talker, formatter } => {
            let ask = NmeaAsk { from: from.end, to: to.end, sfi: from.sfi(), talker, formatter };
            match policy.nmea_allows(&ask) {
                NmeaVerdict::NotDeclared => None,
                NmeaVerdict::Allowed(_) => Some(true),
                NmeaVerdict::Denied { .. } => Some(false),
            }
        }
        Object::Pgn { pgn, .. } => {
            let bus = cx.source.selector;
            let name = match from.speaker {
                dogwatch_model::Speaker::Name { name, .. } => Some(name),
                _ => None,
            };
            policy.n2k.iter().any(|entry| entry.bus == bus).then_some(())?;
            // a pilot reports 127237 and 127245 itself; whoever commands others needs the role
            let may = |entry: &&crate::policy::N2kAllowance| {
                entry.bus == bus && name.is_some_and(|name| entry.name.matches(name))
            };
            let mut own = policy.n2k.iter().filter(may);
            Some(own.any(|entry| {
                entry.role == Some(NavRole::SteeringCommand)
                    || entry.pgn.contains(&pgn)
                    || (command == Command::Steers && !entry.may_command.is_empty())
            }))
        }
        _ => None,
    }
}

fn raise(event: &Event<'_>, from: &Party, to: &Party, object: Object<'_>, command: Command, cx: &mut Context<'_>) {
    cx.policy_spoke();
    let speed = cx.ship.best(What::SpeedOverGround, event.at, 30).unwrap_or(0.0);
    let is_under_way = matches!(cx.state, ShipState::AtSea | ShipState::Manoeuvring) || speed > 2.0 * KNOT;
    let severity = match command {
        Command::Routes => Severity::Low,
        Command::Steers if is_under_way => Severity::Critical,
        Command::Steers => Severity::High,
    };
    let key = format!("{:?}|{:?}|{command:?}", from.identity(), from.sfi());
    let target = (!event.flow.is_to_group() && to.end.ip.is_some()).then_some(*to);
    let (policy, directory, ship) = (cx.policy, cx.directory, cx.ship);
    cx.raise(key.as_bytes(), &CARD, event.at, || {
        let who = call(from, policy, directory);
        let who = from.sfi().map_or_else(|| who.clone(), |sfi| format!("{who} as {sfi}"));
        let number = |what| ship.best(what, event.at, 10).map_or_else(String::new, |value| format!("{value:.1}"));
        let steers = policy.map_or_else(String::new, |policy| {
            let pilots = policy.assets.iter().filter(|asset| asset.is(AssetRole::HeadingControl));
            pilots.map(|asset| asset.id.as_str()).collect::<Vec<_>>().join(", ")
        });
        Raise {
            card: &CARD,
            severity: Some(severity),
            confidence: 0.9,
            at: event.at,
            frame: event.frame,
            from: *from,
            to: target,
            service: service(Some(event.message.protocol), event.flow),
            summary: match command {
                Command::Steers => format!("{who} gives a steering command ({object}) and may not"),
                Command::Routes => format!("{who} sends a route ({object}) and may not"),
            },
            fields: vec![
                ("command".to_owned(), object.to_string()),
                ("heading".to_owned(), number(What::Heading)),
                ("heading_order".to_owned(), number(What::HeadingOrder)),
                ("steered_by".to_owned(), steers),
            ],
            expected: "steering commands only from sources with the role steering-command".to_owned(),
            conduit: None,
            proposal: None,
        }
    });
}

#[cfg(test)]
mod tests {
    use dogwatch_model::{Sfi, Speaker, Transport};

    use super::*;
    use crate::detections::bench::{Bench, flow};

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
subnet = ["10.0.1.0/24"]
can = ["can0"]
[[asset]]
id = "ecdis-1"
zone = "bridge"
ip = ["10.0.1.31"]
[[asset]]
id = "conning"
zone = "bridge"
ip = ["10.0.1.36"]
[[nmea]]
source = "ecdis-1"
sfi = ["EI0001"]
talkers = ["EI"]
sentences = ["HTC", "APB", "RTE"]
role = "steering-command"
"#;

    fn said(policy: Option<&str>, lines: &[(f64, &str, &[u8; 6], &str)]) -> Vec<(String, Severity)> {
        let mut bench = Bench::new(policy, Box::<Steering>::default());
        for (second, ip, sfi, formatter) in lines {
            bench.at(*second);
            bench.sentence(ip, Speaker::Sfi(Sfi::from_bytes(*sfi).unwrap()), "EI", formatter);
        }
        bench.findings().into_iter().map(|finding| (finding.rule_id, finding.severity)).collect()
    }

    #[test]
    fn only_the_role_may_command() {
        let own = (200.0, "10.0.1.31", b"EI0001", "HTC");
        assert!(said(Some(POLICY), &[own, own]).is_empty());
        let foreign = (200.0, "10.0.1.36", b"EI0003", "HTC");
        assert_eq!(said(Some(POLICY), &[own, foreign, foreign]), [("DW-5012".to_owned(), Severity::High)]);
        let route = (200.0, "10.0.1.36", b"EI0003", "RTE");
        assert_eq!(said(Some(POLICY), &[route]), [("DW-5012".to_owned(), Severity::Low)]);
        assert!(said(Some(POLICY), &[(200.0, "10.0.1.36", b"EI0003", "HTD")]).is_empty(), "data are no command");
    }

    #[test]
    fn without_a_policy_commanders_are_learned() {
        let day = 90_000.0;
        let told = said(
            None,
            &[
                (0.0, "10.0.1.31", b"EI0001", "APB"),
                (day, "10.0.1.31", b"EI0001", "APB"),
                (day, "10.0.1.36", b"EI0003", "APB"),
            ],
        );
        assert_eq!(told.len(), 1, "{told:?}");
    }

    #[test]
    fn a_command_on_the_bus_under_way_is_critical() {
        let policy = format!(
            "{POLICY}\n[[n2k]]\nsource = \"pilot\"\nbus = \"can0\"\nname = {{ manufacturer = 1, unique = 2, function = 150, class = 40 }}\npgn = [127237]\n"
        );
        let mut bench = Bench::new(Some(&policy), Box::<Steering>::default());
        bench.bus("can0");
        bench.at(200.0);
        bench.measures("10.0.1.31", &[(dogwatch_model::Quantity::SpeedOverGround, dogwatch_model::Value::Number(5.0))]);
        let pilot = 2 | 1 << 21 | 150 << 40 | 40 << 49;
        let can = dogwatch_model::Flow { src: None, dst: None, ..flow("0.0.0.0", "0.0.0.0", 0, Transport::Can) };
        for name in [pilot, 77] {
            let object = Object::Pgn { pgn: 127_237, destination: 255 };
            let acts = [Act::Request { verb: Verb::Control, object }];
            bench.says("nmea2000", Speaker::Name { name, address: 3 }, &can, &acts);
        }
        let told: Vec<_> = bench.findings().into_iter().map(|f| (f.severity, f.source.n2k_name)).collect();
        assert_eq!(told, [(Severity::Critical, Some(77))]);
    }

    #[test]
    fn a_heading_far_off_the_track_is_told() {
        let mut bench = Bench::new(None, Box::<Steering>::default());
        for second in 0..20 {
            bench.at(f64::from(second));
            let order = |quantity, value| (quantity, dogwatch_model::Value::Number(value));
            bench.measures(
                "10.0.1.31",
                &[
                    order(dogwatch_model::Quantity::HeadingOrder, 5.0),
                    order(dogwatch_model::Quantity::TrackOrder, 340.0),
                ],
            );
        }
        assert_eq!(bench.ids(), ["DW-5012"]);
    }
}
