//! DW-5009 and DW-5010: what the transponder says of own ship is not what the ship knows of herself, or own ship is heard from elsewhere.
//!
//! DW-5009 compares the own report (VDO, or the group marked as own) with the receivers and the gyro: 200 m for 30 s, 10 degrees for 60 s beyond the
//! usual offset, and the number, IMO number and name with the policy (high). A navigational status "moored" or "at anchor" above 3 knots for a
//! quarter of an hour is low: crews forget it. A position that is already known to be pulled or to have jumped is not told again.
//!
//! DW-5010: a received report (VDM) with own number more than a mile from where the ship is, twice. A repeater's echo says so (repeat indicator) or
//! gives a place where she just was.

use std::collections::VecDeque;

use dogwatch_model::{
    Act, Attribute, CaptureTime, Event, FactValue, FieldValue, FieldVisitor, Of, Quantity, Severity, Value,
};

use super::of_talker::{Case, Hold, KNOT, raise_of};
use crate::detector::{Card, Context, Detector, Raise, Threshold, Wants};
use crate::findings::call;
use crate::own_ship::{AisVoice, Trouble, What, angle_between, metres};
use crate::seen::{Party, service};

/// Seconds that a difference must last: position, heading, status.
const POSITION_SECONDS: f64 = 30.0;
const HEADING_SECONDS: f64 = 60.0;
const STATUS_SECONDS: f64 = 900.0;
/// Degrees of heading.
const HEADING: f64 = 10.0;
/// Metres of a nautical mile.
const MILE: f64 = 1_852.0;
/// Own places kept, one every half minute: ten minutes.
const PLACES: usize = 20;
const PLACE_SECONDS: u64 = 30;
/// Metres within which a report is an echo of one of them.
const ECHO: f64 = 300.0;

const DIFFERS: Card = Card {
    id: "DW-5009",
    why: "Other ships and the coast steer clear of us by what our transponder says. When it says another place, heading or name than ours, they act on \
          a ship that is not there.",
    e26: &["4.3.1"],
};
const ELSEWHERE: Card = Card {
    id: "DW-5010",
    why: "Somebody sends under our number. Traffic services and other ships may mistake that ship for us, and us for a ghost.",
    e26: &["4.3.1"],
};

/// See the file's head.
pub(super) struct OwnAis {
    place: Hold,
    heading: Hold,
    status: Hold,
    /// Usual offset of the transponder's heading, degrees, and samples.
    offset: (f64, f64),
    places: VecDeque<(CaptureTime, (f64, f64))>,
    /// Reports of own number from elsewhere, and when the last came.
    elsewhere: (u32, CaptureTime),
    pos_m: f64,
    nm: f64,
}

impl Default for OwnAis {
    fn default() -> Self {
        Self {
            place: Hold::default(),
            heading: Hold::default(),
            status: Hold::default(),
            offset: (0.0, 0.0),
            places: VecDeque::new(),
            elsewhere: (0, CaptureTime(0)),
            pos_m: 200.0,
            nm: 1.0,
        }
    }
}

impl Detector for OwnAis {
    fn cards(&self) -> &'static [&'static Card] {
        &[&DIFFERS, &ELSEWHERE]
    }

    fn wants(&self) -> Wants {
        let facts_of = &[Attribute::ImoNumber, Attribute::ShipName];
        Wants { targets: true, own_ship_of: &[Quantity::Position], facts_of, ..Wants::default() }
    }

    fn thresholds(&mut self) -> Vec<Threshold<'_>> {
        vec![
            Threshold::new(DIFFERS.id, "pos_m", &mut self.pos_m, 50.0..=10_000.0),
            Threshold::new(ELSEWHERE.id, "nm", &mut self.nm, 0.2..=50.0),
        ]
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, _to: &Party, cx: &mut Context<'_>) {
        for act in event.message.acts {
            match *act {
                Act::Measures {
                    of: Of::Target(mmsi),
                    quantity: Quantity::Position,
                    value: Value::Position { lat, lon },
                } if is_own(mmsi, cx) => self.heard(event, from, mmsi, (lat, lon), cx),
                Act::Measures { of: Of::OwnShipByAis(mmsi), quantity: Quantity::Position, .. } => {
                    let declared = cx.policy.and_then(|policy| policy.vessel.mmsi).filter(|own| *own != mmsi);
                    if let Some(own) = declared {
                        differs(event, from, "mmsi", &mmsi.to_string(), &own.to_string(), cx);
                    }
                }
                Act::Says(fact) if fact.method.starts_with("ais.vdo") || fact.method.starts_with("n2k.129") => {
                    identity(event, from, fact.attribute, fact.value, cx);
                }
                _ => {}
            }
        }
    }

    fn tick(&mut self, at: CaptureTime, cx: &mut Context<'_>) {
        let ship = cx.ship;
        let own = ship.place(at, 5);
        if let Some(own) = own
            && self.places.back().is_none_or(|(when, _)| at < *when || at.since(*when).as_secs() >= PLACE_SECONDS)
        {
            self.places.push_back((at, own.place()));
            if self.places.len() > PLACES {
                self.places.pop_front();
            }
        }
        let Some(voice) = ship.voices().iter().max_by_key(|voice| voice.last) else { return };
        self.place_differs(voice, at, cx);
        self.heading_differs(voice, at, cx);
        let moored = voice.fresh(voice.status, at, 400).filter(|status| *status == 1.0 || *status == 5.0);
        let speed = ship.best(What::SpeedOverGround, at, 10).unwrap_or(0.0);
        if self.status.holds(moored.is_some() && speed > 3.0 * KNOT, at, STATUS_SECONDS) {
            let knots = speed / KNOT;
            let what = if moored == Some(1.0) { "at anchor" } else { "moored" };
            let summary = format!("Own AIS says {what} while the ship makes {knots:.1} kn");
            tell(
                voice,
                "status",
                Severity::Low,
                summary,
                Vec::new(),
                "a status that fits the speed".to_owned(),
                at,
                cx,
            );
        }
    }
}

impl AisVoice {
    fn fresh(&self, what: Option<(CaptureTime, f64)>, at: CaptureTime, seconds: u64) -> Option<f64> {
        what.filter(|(when, _)| crate::own_ship::is_near(at, *when, seconds)).map(|(_, value)| value)
    }
}

impl OwnAis {
    fn place_differs(&mut self, voice: &AisVoice, at: CaptureTime, cx: &mut Context<'_>) {
        let ship = cx.ship;
        let off = voice.place.zip(ship.place(at, 5)).filter(|((when, ..), own)| {
            // between two reports the ship sails on: only a report beside a fix compares
            crate::own_ship::is_near(own.at, *when, 3)
        });
        let Some(((_, lat, lon), own)) = off else { return };
        let distance = metres((lat, lon), own.place());
        let is_known = [Trouble::Drift, Trouble::Jump].into_iter().any(|trouble| cx.troubles.any(trouble, at, 1_800));
        if self.place.holds(distance > self.pos_m && !is_known, at, POSITION_SECONDS) {
            let summary = format!("Own AIS tells a position {distance:.0} m from the ship's own");
            let fields =
                vec![("own_ais", format!("{lat:.5} {lon:.5}")), ("own_ship", format!("{:.5} {:.5}", own.lat, own.lon))];
            tell(voice, "position", Severity::Medium, summary, fields, format!("at most {:.0} m", self.pos_m), at, cx);
        }
    }

    fn heading_differs(&mut self, voice: &AisVoice, at: CaptureTime, cx: &mut Context<'_>) {
        let ship = cx.ship;
        let Some((theirs, own)) = voice.fresh(voice.heading, at, 2).zip(ship.best(What::Heading, at, 3)) else {
            return;
        };
        let off = angle_between(self.offset.0, angle_between(own, theirs));
        if self.offset.1 < 5.0 || off.abs() < HEADING / 4.0 {
            self.offset.1 = (self.offset.1 + 1.0).min(600.0);
            self.offset.0 = (self.offset.0 + off / self.offset.1).clamp(-HEADING / 2.0, HEADING / 2.0);
        }
        let is_known = cx.troubles.any(Trouble::Heading, at, 1_800);
        if self.heading.holds(off.abs() > HEADING && !is_known, at, HEADING_SECONDS) {
            let summary = format!("Own AIS tells a heading {:.0} deg from the ship's own", off.abs());
            let fields = vec![("own_ais", format!("{theirs:.0}")), ("own_ship", format!("{own:.1}"))];
            tell(voice, "heading", Severity::Medium, summary, fields, format!("at most {HEADING:.0} deg"), at, cx);
        }
    }

    /// A report under own number from somebody else.
    fn heard(&mut self, event: &Event<'_>, from: &Party, mmsi: u32, place: (f64, f64), cx: &mut Context<'_>) {
        let Some(own) = cx.ship.place(event.at, 60) else { return };
        let distance = metres(place, own.place());
        let is_echo = self.places.iter().any(|(_, was)| metres(*was, place) < ECHO);
        if distance < self.nm * MILE || is_echo || is_repeated(event) {
            return;
        }
        let (count, last) = self.elsewhere;
        let count = if event.at.since(last).as_secs() > 3_600 { 1 } else { count.saturating_add(1) };
        self.elsewhere = (count, event.at);
        if count < 2 {
            return;
        }
        let (policy, directory) = (cx.policy, cx.directory);
        cx.raise(b"elsewhere", &ELSEWHERE, event.at, || Raise {
            card: &ELSEWHERE,
            severity: None,
            confidence: 0.9,
            at: event.at,
            frame: event.frame,
            from: *from,
            to: None,
            service: service(Some(event.message.protocol), event.flow),
            summary: format!(
                "{} hears own number {mmsi} from {:.1} nm away",
                call(from, policy, directory),
                distance / MILE
            ),
            fields: vec![
                ("heard".to_owned(), format!("{:.5} {:.5}", place.0, place.1)),
                ("own".to_owned(), format!("{:.5} {:.5}", own.lat, own.lon)),
            ],
            expected: "own number only from own transponder".to_owned(),
            conduit: None,
            proposal: None,
        });
    }
}

fn is_own(mmsi: u32, cx: &Context<'_>) -> bool {
    match cx.policy.and_then(|policy| policy.vessel.mmsi) {
        Some(own) => own == mmsi,
        None => cx.ship.voices().iter().any(|voice| voice.mmsi == mmsi && voice.count >= 3),
    }
}

/// Whether a report says that a repeater sent it again.
fn is_repeated(event: &Event<'_>) -> bool {
    struct Repeat(bool);
    impl FieldVisitor for Repeat {
        fn field(&mut self, name: &str, value: FieldValue<'_>) {
            self.0 |= name == "repeat" && matches!(value, FieldValue::Unsigned(1..));
        }
        fn open_list(&mut self, _name: &str) {}
        fn open_group(&mut self, _name: &str) {}
        fn close(&mut self) {}
    }
    let mut repeat = Repeat(false);
    event.message.fields.visit(&mut repeat);
    repeat.0
}

/// Compares what the transponder says of the ship with the policy.
fn identity(event: &Event<'_>, from: &Party, attribute: Attribute, value: FactValue<'_>, cx: &mut Context<'_>) {
    let Some(vessel) = cx.policy.map(|policy| &policy.vessel) else { return };
    let same_name = |a: &str, b: &str| a.trim().eq_ignore_ascii_case(b.trim());
    match (attribute, value) {
        (Attribute::ImoNumber, FactValue::Number(imo)) => {
            if let Some(own) = vessel.imo.filter(|own| u64::from(*own) != imo) {
                differs(event, from, "imo", &imo.to_string(), &own.to_string(), cx);
            }
        }
        (Attribute::ShipName, FactValue::Text(name)) if !vessel.name.is_empty() && !same_name(name, &vessel.name) => {
            let own = vessel.name.clone();
            // a transponder has room for twenty letters
            if !same_name(name, own.get(..20).unwrap_or(&own)) {
                differs(event, from, "name", name, &own, cx);
            }
        }
        _ => {}
    }
}

/// The transponder says another identity than the policy.
fn differs(event: &Event<'_>, from: &Party, what: &str, says: &str, own: &str, cx: &mut Context<'_>) {
    let key = format!("identity|{what}|{says}");
    let (policy, directory) = (cx.policy, cx.directory);
    cx.raise(key.as_bytes(), &DIFFERS, event.at, || Raise {
        card: &DIFFERS,
        severity: Some(Severity::High),
        confidence: 0.9,
        at: event.at,
        frame: event.frame,
        from: *from,
        to: None,
        service: service(Some(event.message.protocol), event.flow),
        summary: format!("Own AIS of {} tells {what} {says}; the ship's is {own}", call(from, policy, directory)),
        fields: vec![(what.to_owned(), says.to_owned())],
        expected: format!("{what} {own}"),
        conduit: None,
        proposal: None,
    });
}

#[expect(clippy::too_many_arguments, reason = "the words of one finding, from three places of this file")]
fn tell(
    voice: &AisVoice,
    what: &str,
    severity: Severity,
    summary: String,
    fields: Vec<(&'static str, String)>,
    expected: String,
    at: CaptureTime,
    cx: &mut Context<'_>,
) {
    let ship = cx.ship;
    // the transponder's sentences make it a talker, which knows the capture source
    let talker = ship.talkers().find(|(_, talker)| talker.party.identity() == voice.party.identity());
    let Some((_, talker)) = talker else { return };
    let case = Case { severity: Some(severity), confidence: 0.8, to: None, summary, fields, expected };
    raise_of(cx, &DIFFERS, talker, at, &format!("{what}|{}", voice.mmsi), case);
}

#[cfg(test)]
mod tests {
    use dogwatch_model::{Speaker, Transport};

    use super::*;
    use crate::detections::bench::{Bench, flow};

    const OWN: u32 = 244_999_100;

    struct Case<'a> {
        ais: &'a dyn Fn(u32) -> (f64, f64),
        heard: Option<(f64, f64)>,
    }

    fn watch(case: &Case<'_>) -> Vec<(String, String)> {
        let mut bench = Bench::new(None, Box::<OwnAis>::default());
        let radio = flow("10.0.0.18", "239.192.0.2", 60_002, Transport::Udp);
        for second in 0..200_u32 {
            bench.at(f64::from(second));
            let lat = 54.0 + f64::from(second) * 5e-5;
            let place = |lat, lon| (Quantity::Position, Value::Position { lat, lon });
            bench.measures("10.0.0.11", &[place(lat, 7.0)]);
            bench.sentence("10.0.0.18", Speaker::Sender, "AI", "VDO");
            let (north, east) = (case.ais)(second);
            let own = |of, (quantity, value)| Act::Measures { of, quantity, value };
            if second % 3 == 0 {
                bench.says(
                    "ais",
                    Speaker::Sender,
                    &radio,
                    &[own(Of::OwnShipByAis(OWN), place(lat + north, 7.0 + east))],
                );
            }
            if let Some((north, east)) = case.heard.filter(|_| second % 10 == 0 && second > 100) {
                bench.says("ais", Speaker::Sender, &radio, &[own(Of::Target(OWN), place(lat + north, 7.0 + east))]);
            }
        }
        bench.findings().into_iter().map(|finding| (finding.rule_id, finding.summary)).collect()
    }

    #[test]
    fn a_transponder_with_another_place_is_told() {
        let told = watch(&Case { ais: &|second| (if second < 80 { 0.0 } else { 0.005 }, 0.0), heard: None });
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].0 == "DW-5009" && told[0].1.contains("556 m"), "{told:?}");
    }

    #[test]
    fn own_number_from_three_miles_away_is_told() {
        let told = watch(&Case { ais: &|_| (0.0, 0.0), heard: Some((0.05, 0.0)) });
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].0, "DW-5010");
    }

    #[test]
    fn an_antenna_aft_and_an_echo_are_quiet() {
        let told = watch(&Case { ais: &|_| (-0.0005, 0.0), heard: Some((-0.001, 0.0)) });
        assert!(told.is_empty(), "{told:?}");
    }
}
