//! DW-5015: a position or the heading is lost while the ship is under way.
//!
//! A receiver that told positions for a minute and then says for 60 s that it has no fix, or says nothing, has lost its position; the same for the
//! source that tells the heading most often, and for those that the plan has for the heading (a display that repeats one is no source of it). Only
//! under way (by ship state, else by the last speed), and only while the capture still hears something of that network and zone: what the mirror does
//! not show is DW-9001's. Sources lost within seconds of each other are one finding, which names what is left; the last one is high.

use dogwatch_model::{CaptureTime, Severity, ShipState, Speaker};

use super::of_talker::{Case, Hold, KNOT, raise_of};
use crate::detector::{Card, Context, Detector, Threshold, Wants};
use crate::own_ship::{OwnShip, PerTalker, Talker, TalkerIx, Trouble, What, is_near};
use crate::policy::{AssetRole, NavRole};

/// Messages a source must have told before its loss counts: a minute at one a second.
const ESTABLISHED: u64 = 60;
/// Above this speed the ship is under way, m/s; and how long that is believed after the last speed, seconds.
const UNDER_WAY: f64 = 3.0 * KNOT;
const BELIEVED: u64 = 900;
/// Losses within this many seconds belong together.
const TOGETHER: u64 = 30;
/// How long it is remembered of a talker that it is a stranger, seconds.
const STRANGE: u64 = 86_400;
/// Seconds within which the rest of the network must be heard.
const ALIVE: u64 = 5;

const CARD: Card = Card {
    id: "DW-5015",
    why: "Without position or heading the ECDIS dead-reckons, the AIS broadcasts nothing useful and the autopilot may drop out. The officer of the \
          watch must know which source is left.",
    e26: &["4.3.1", "4.5.1"],
};

/// What may be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Position,
    Heading,
}

#[derive(Debug, Default)]
struct Losses {
    position: Hold,
    heading: Hold,
}

/// See the file's head.
pub(super) struct Lost {
    losses: PerTalker<Losses>,
    under_way: Option<CaptureTime>,
    told: Option<(CaptureTime, Kind, String)>,
    hold_s: f64,
}

impl Default for Lost {
    fn default() -> Self {
        Self { losses: PerTalker::default(), under_way: None, told: None, hold_s: 60.0 }
    }
}

impl Detector for Lost {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        Wants::default()
    }

    fn thresholds(&mut self) -> Vec<Threshold<'_>> {
        vec![Threshold::new(CARD.id, "hold_s", &mut self.hold_s, 10.0..=3_600.0)]
    }

    fn tick(&mut self, at: CaptureTime, cx: &mut Context<'_>) {
        let ship = cx.ship;
        if ship.best(What::SpeedOverGround, at, 3).is_some_and(|speed| speed > UNDER_WAY) {
            self.under_way = Some(at);
        }
        let is_under_way = match cx.state {
            ShipState::AtSea | ShipState::Manoeuvring => true,
            ShipState::InPort | ShipState::Drydock | ShipState::AtAnchor => false,
            ShipState::Unknown => self.under_way.is_some_and(|when| is_near(at, when, BELIEVED)),
        };
        // alongside nobody steers by them: what is lost there counts from the time she sails
        if !is_under_way {
            self.losses = PerTalker::default();
            return;
        }
        let compass =
            ship.telling(&[What::Heading]).max_by_key(|(ix, _)| (ship.told(*ix, What::Heading), *ix)).map(|(ix, _)| ix);
        let mut lost = Vec::new();
        for (ix, talker) in ship.telling(&[What::Heading, What::Position]) {
            let no_fix = talker.fixes >= ESTABLISHED && !has_position(ship, (ix, talker), at);
            let no_heading = (Some(ix) == compass || is_for_heading(talker, cx))
                && ship.told(ix, What::Heading) >= ESTABLISHED
                && ship.fresh(ix, What::Heading, at, 5).is_none();
            let is_less = no_fix || no_heading;
            // whoever spoke in another's name leaves nothing behind
            if is_less && cx.troubles.of(Trouble::Stranger, ix, at, STRANGE) {
                continue;
            }
            let is_heard = is_less
                && ship.is_alive(talker.flow.source, at, ALIVE)
                && !cx.heard.is_silent(talker.party.end.zone, at, cx.policy);
            let losses = self.losses.of(ix);
            // the hold begins a few seconds after the last value
            let seconds = (self.hold_s - 5.0).max(1.0);
            if losses.position.holds(is_heard && no_fix, at, seconds) {
                lost.push((ix, Kind::Position));
            }
            if losses.heading.holds(is_heard && no_heading, at, seconds) {
                lost.push((ix, Kind::Heading));
            }
        }
        for (ix, kind) in lost {
            self.tell(ix, kind, at, cx);
        }
    }
}

/// Whether the plan has it for the heading.
fn is_for_heading(talker: &Talker, cx: &Context<'_>) -> bool {
    let Some(policy) = cx.policy else { return false };
    let end = talker.party.end;
    let name = match talker.party.speaker {
        Speaker::Name { name, .. } => Some(name),
        _ => None,
    };
    let is_sensor = |asset| policy.asset(asset).is_some_and(|asset| asset.is(AssetRole::SensorHeading));
    end.asset.is_some_and(is_sensor) || policy.has_nav_role(end, talker.letters(), name, NavRole::Heading)
}

/// Whether a receiver tells positions it calls valid.
fn has_position(ship: &OwnShip, (ix, talker): (TalkerIx, &Talker), at: CaptureTime) -> bool {
    talker.fix.is_some_and(|fix| is_near(at, fix.at, 5)) && ship.fresh(ix, What::FixQuality, at, 5) != Some(0.0)
}

impl Lost {
    fn tell(&mut self, ix: TalkerIx, kind: Kind, at: CaptureTime, cx: &mut Context<'_>) {
        let ship = cx.ship;
        let Some(talker) = ship.talker(ix) else { return };
        let left: Vec<(TalkerIx, &Talker)> = match kind {
            Kind::Position => ship.talkers().filter(|other| has_position(ship, *other, at)).collect(),
            Kind::Heading => ship.tellers(What::Heading, at, 5),
        };
        let is_own = |ix| !cx.troubles.of(Trouble::Stranger, ix, at, STRANGE);
        let mut left: Vec<String> =
            left.into_iter().filter(|(ix, _)| is_own(*ix)).map(|(_, other)| other.name(cx)).collect();
        let mut named = std::collections::BTreeSet::new();
        left.retain(|name| named.insert(name.clone()));
        let together = self.told.take().filter(|(when, what, _)| is_near(at, *when, TOGETHER) && *what == kind);
        let key = together.map_or_else(|| format!("{kind:?}|{}", talker.key()), |(.., key)| key);
        self.told = Some((at, kind, key.clone()));
        let says_no_fix = kind == Kind::Position && ship.fresh(ix, What::FixQuality, at, 10) == Some(0.0);
        let what = match (kind, says_no_fix) {
            (Kind::Position, true) => "has no position fix",
            (Kind::Position, false) => "tells no position any more",
            (Kind::Heading, _) => "tells no heading any more",
        };
        let rest = if left.is_empty() { "none is left".to_owned() } else { format!("left: {}", left.join(", ")) };
        let case = Case {
            severity: left.is_empty().then_some(Severity::High),
            confidence: 0.9,
            to: None,
            summary: format!("{} {what}; {rest}", talker.name(cx)),
            fields: vec![
                ("last_heard", talker.last.to_string()),
                ("last_position", talker.fix.map_or_else(String::new, |fix| fix.at.to_string())),
                ("left", left.join(", ")),
            ],
            expected: format!("a value at least every {:.0} s under way", self.hold_s),
        };
        raise_of(cx, &CARD, talker, at, &key, case);
    }
}

#[cfg(test)]
mod tests {
    use dogwatch_model::{Finding, Quantity, Value};

    use super::*;
    use crate::detections::bench::Bench;

    fn watch(knots: f64, lost: &'static [&'static str]) -> Vec<Finding> {
        let mut bench = Bench::new(None, Box::<Lost>::default());
        for second in 0..300 {
            bench.at(f64::from(second));
            for receiver in ["10.0.0.1", "10.0.0.2"] {
                if second >= 150 && lost.contains(&receiver) {
                    bench.measures(receiver, &[(Quantity::FixQuality, Value::Number(0.0))]);
                    continue;
                }
                bench.measures(
                    receiver,
                    &[
                        (Quantity::Position, Value::Position { lat: 54.0, lon: 7.0 }),
                        (Quantity::FixQuality, Value::Number(1.0)),
                        (Quantity::SpeedOverGround, Value::Number(knots * KNOT)),
                    ],
                );
            }
            if second < 150 || !lost.contains(&"10.0.0.3") {
                bench.measures("10.0.0.3", &[(Quantity::HeadingTrue, Value::Number(10.0))]);
            }
        }
        bench.findings()
    }

    #[test]
    fn a_lost_fix_names_what_is_left() {
        let found = watch(11.0, &["10.0.0.1"]);
        assert_eq!(found.len(), 1, "{found:#?}");
        assert_eq!(found[0].severity, Severity::Medium);
        assert_eq!(found[0].summary, "10.0.0.1 has no position fix; left: 10.0.0.2");
        let seconds = found[0].first_seen.since(CaptureTime::from_parts(1_800_000_150, 0)).as_secs();
        assert!((50..=70).contains(&seconds), "{seconds}");
    }

    #[test]
    fn the_last_one_is_high_and_losses_at_once_are_one() {
        let found = watch(11.0, &["10.0.0.1", "10.0.0.2"]);
        assert_eq!(found.len(), 1, "{found:#?}");
        assert_eq!(found[0].severity, Severity::High);
    }

    #[test]
    fn a_lost_heading_is_told() {
        let found = watch(11.0, &["10.0.0.3"]);
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(found[0].summary.contains("no heading"), "{found:#?}");
    }

    #[test]
    fn a_bridge_of_which_nothing_is_heard_is_no_loss_of_its_sensors() {
        use crate::detections::bench::{SHIP, flow};
        let told = |others_go_on: bool| {
            let mut bench = Bench::new(Some(SHIP), Box::<Lost>::default());
            for second in 0..400 {
                bench.at(f64::from(second));
                bench.started(flow("10.0.2.10", "10.0.2.21", 502, dogwatch_model::Transport::Tcp));
                if second < 250 || others_go_on {
                    bench.started(flow("10.0.1.9", "10.0.1.8", 80, dogwatch_model::Transport::Tcp));
                }
                bench.measures("10.0.2.10", &[(Quantity::RateOfTurn, Value::Number(0.0))]);
                if second < 250 {
                    bench.started(flow("10.0.1.5", "239.192.0.4", 60_004, dogwatch_model::Transport::Udp));
                    let fix = Value::Position { lat: 54.0, lon: 7.0 };
                    let speed = (Quantity::SpeedOverGround, Value::Number(11.0 * KNOT));
                    bench.measures("10.0.1.5", &[(Quantity::Position, fix), speed]);
                }
            }
            bench.findings().len()
        };
        assert_eq!(told(true), 1, "the receiver alone");
        assert_eq!(told(false), 0);
    }

    const TALKERS: &str = r#"
[[asset]]
id = "gyro"
zone = "bridge"
ip = ["10.0.1.7"]
[[asset]]
id = "gps"
zone = "bridge"
ip = ["10.0.1.5"]
[[asset]]
id = "compass"
zone = "bridge"
ip = ["10.0.1.8"]
[[nmea]]
source = "compass"
talkers = ["HC"]
sentences = ["HDT"]
role = "display"
[[nmea]]
source = "gyro"
talkers = ["HE"]
sentences = ["HDT"]
role = "heading"
[[nmea]]
source = "gps"
talkers = ["GP"]
sentences = ["GGA"]
role = "position"
"#;

    /// A gyro that the plan has for the heading and a faster compass speak; and a position from each of `receivers`. Those of `ends` stop.
    fn planned(receivers: &[&str], ends: &[&str]) -> Vec<String> {
        use crate::detections::bench::{SHIP, flow};
        use dogwatch_model::{Act, Object, Of, Speaker, Transport};
        let policy = format!("{SHIP}{TALKERS}");
        let allowance = Box::<crate::detections::dw_3010_allowance::Allowance>::default();
        let mut bench = Bench::of(Some(&policy), vec![Box::<Lost>::default(), allowance]);
        let measures = |quantity, value| Act::Measures { of: Of::OwnShip, quantity, value };
        let say = |bench: &mut Bench, ip: &str, talker: &str, formatter: &str, acts: &[Act<'_>]| {
            let publishes = Act::Publishes { object: Object::Sentence { talker, formatter } };
            let acts: Vec<_> = [publishes].into_iter().chain(acts.iter().copied()).collect();
            bench.says("nmea0183", Speaker::Sender, &flow(ip, "10.0.1.255", 10_110, Transport::Udp), &acts);
        };
        for second in 0..400 {
            bench.at(f64::from(second));
            let goes_on = |ip: &&str| second < 200 || !ends.contains(ip);
            for ip in receivers.iter().filter(|ip| goes_on(ip)) {
                let place = measures(Quantity::Position, Value::Position { lat: 54.0, lon: 7.0 });
                let speed = measures(Quantity::SpeedOverGround, Value::Number(11.0 * KNOT));
                say(&mut bench, ip, "GP", "GGA", &[place, speed]);
            }
            let heading = measures(Quantity::HeadingTrue, Value::Number(10.0));
            if goes_on(&"10.0.1.7") {
                say(&mut bench, "10.0.1.7", "HE", "HDT", &[heading]);
            }
            (0..5).for_each(|_| say(&mut bench, "10.0.1.8", "HC", "HDT", &[heading]));
        }
        let found = bench.findings().into_iter().filter(|finding| finding.rule_id == "DW-5015");
        found.map(|finding| finding.summary).collect()
    }

    #[test]
    fn a_silent_gyro_beside_a_faster_compass_is_told() {
        assert_eq!(planned(&["10.0.1.5"], &["10.0.1.7"]), ["gyro tells no heading any more; left: compass"]);
        assert!(planned(&["10.0.1.5"], &[]).is_empty());
    }

    #[test]
    fn the_end_of_an_impostor_is_nobodys_loss() {
        assert!(planned(&["10.0.1.5", "10.0.1.66"], &["10.0.1.66"]).is_empty());
        let own = planned(&["10.0.1.5", "10.0.1.66"], &["10.0.1.5"]);
        assert_eq!(own, ["gps tells no position any more; none is left"], "an impostor is nothing to steer by");
    }

    #[test]
    fn alongside_it_is_nobodys_business() {
        assert!(watch(0.1, &["10.0.0.1", "10.0.0.3"]).is_empty());
    }
}
