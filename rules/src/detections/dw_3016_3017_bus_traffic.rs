//! DW-3016 and DW-3017: an NMEA 2000 bus is flooded, or two devices tell the same thing.
//!
//! DW-3016: one device sends above 100 messages a second and three times what it used to, for two seconds; or all together fill more than 70 % of what
//! a bus of 250 kbit/s carries (an extended frame of eight bytes takes about 131 bits without stuffing, so 1,900 a second), counted from messages and
//! therefore never too much. DW-3017: a parameter group of one instance comes from a second device while the first goes on, for five seconds; pairs
//! that did so while learning, or that the policy allows both, are redundant sensors.

use dogwatch_model::{Act, CaptureTime, Event, Object, Of, SourceId, Speaker};

use super::of_talker::{Case, Hold, raise_of};
use crate::detector::{Card, Context, Detector, Threshold, Wants};
use crate::own_ship::{PerTalker, Talker, is_near};
use crate::policy::N2kVerdict;
use crate::remembered::Remembered;
use crate::seen::{Identity, Party};

/// Messages a second of one device that are never a flood, and times its usual rate.
const FLOOD: f64 = 100.0;
const TIMES: f64 = 3.0;
const FLOOD_SECONDS: f64 = 2.0;
/// Frames a second that a bus carries.
const CAPACITY: f64 = 250_000.0 / 131.0;
const LOAD_SECONDS: f64 = 3.0;
/// Seconds over which the usual rate moves on.
const MEMORY: f64 = 300.0;
/// Groups and instances remembered, and tellers of each.
const REMEMBERED: usize = 2_048;
const TELLERS: usize = 3;
/// Seconds after which a teller has stopped.
const STOPPED: u64 = 3;

const FLOODED: Card = Card {
    id: "DW-3016",
    why: "The bus has room for one message at a time. A device that talks without pause drowns rudder, engine and position messages.",
    e26: &["4.3.1"],
};
const TWO: Card = Card {
    id: "DW-3017",
    why: "Displays and the autopilot take whichever of two values comes last. A second device that tells the same instance may be a wrong setting, or \
          false values between true ones.",
    e26: &["4.3.1"],
};

#[derive(Debug, Default)]
struct Rate {
    counted: u64,
    /// Usual messages a second, and seconds behind it.
    usual: (f64, f64),
    hold: Hold,
}

#[derive(Debug, Clone, Copy)]
struct Teller {
    who: Identity,
    since: CaptureTime,
    last: CaptureTime,
    is_known: bool,
}

/// See the file's head.
pub(super) struct BusTraffic {
    rates: PerTalker<Rate>,
    loads: Vec<(SourceId, Hold)>,
    ticked: Option<CaptureTime>,
    tellers: Remembered<(SourceId, u32, u8), [Option<Teller>; TELLERS]>,
    load_pct: f64,
    min_s: f64,
}

impl Default for BusTraffic {
    fn default() -> Self {
        Self {
            rates: PerTalker::default(),
            loads: Vec::new(),
            ticked: None,
            tellers: Remembered::new(REMEMBERED),
            load_pct: 70.0,
            min_s: 5.0,
        }
    }
}

impl Detector for BusTraffic {
    fn cards(&self) -> &'static [&'static Card] {
        &[&FLOODED, &TWO]
    }

    fn wants(&self) -> Wants {
        Wants { groups: true, ..Wants::default() }
    }

    fn thresholds(&mut self) -> Vec<Threshold<'_>> {
        vec![
            Threshold::new(FLOODED.id, "load_pct", &mut self.load_pct, 20.0..=100.0),
            Threshold::new(TWO.id, "min_s", &mut self.min_s, 1.0..=600.0),
        ]
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, to: &Party, cx: &mut Context<'_>) {
        let (Speaker::Name { .. } | Speaker::BusAddress(_)) = event.message.speaker else { return };
        let (mut pgn, mut instance) = (None, None);
        for act in event.message.acts {
            match *act {
                Act::Publishes { object: Object::Pgn { pgn: group, .. } } => pgn = Some(group),
                Act::Measures { of: Of::Machine(number), .. } => instance = Some(number),
                Act::Measures { of: Of::OwnShip, .. } => instance = instance.or(Some(u8::MAX)),
                _ => {}
            }
        }
        let (Some(pgn), Some(instance)) = (pgn, instance) else { return };
        let key = (event.flow.source, pgn, instance);
        let who = from.identity();
        let Some(tellers) = self.tellers.touch(key, event.at) else {
            let first = Teller { who, since: event.at, last: event.at, is_known: true };
            self.tellers.put(key, event.at, [Some(first), None, None]);
            return;
        };
        let is_learning = cx.is_learning(event.at, from, to);
        let Some(teller) = teller_of(tellers, who, event.at, is_learning) else { return };
        let overlaps = tellers
            .iter()
            .flatten()
            .find(|other| other.who != who && is_near(event.at, other.last, STOPPED) && other.last > teller.since);
        let lasts = event.at.since(teller.since).as_secs_f64() >= self.min_s;
        let Some(other) = overlaps.copied().filter(|_| lasts && !teller.is_known) else { return };
        if is_allowed(event.message.speaker, pgn, cx) {
            return;
        }
        let ship = cx.ship;
        let Some(talker) = cx.talker.and_then(|ix| ship.talker(ix)) else { return };
        let first = ship.talkers().map(|(_, talker)| talker).find(|talker| talker.device().0 == other.who);
        tell_two(talker, first, pgn, instance, event.at, cx);
        // once is enough until it stops
        if let Some(told) = tellers_mut(&mut self.tellers, key, event.at, who) {
            told.since = event.at;
        }
    }

    fn tick(&mut self, at: CaptureTime, cx: &mut Context<'_>) {
        let before = self.ticked.replace(at);
        let seconds = before.map_or(0.0, |before| at.since(before).as_secs_f64());
        let ship = cx.ship;
        let mut loads: Vec<(SourceId, f64)> = Vec::new();
        let mut floods = Vec::new();
        for (ix, talker) in ship.on_bus() {
            let rate = self.rates.of(ix);
            let count = ship.count(ix);
            let sent = count.saturating_sub(std::mem::replace(&mut rate.counted, count));
            if !(0.5..=5.0).contains(&seconds) {
                continue;
            }
            let now = sent as f64 / seconds;
            match loads.iter_mut().find(|(source, _)| *source == talker.flow.source) {
                Some((_, load)) => *load += now,
                None => loads.push((talker.flow.source, now)),
            }
            let is_flood = now > FLOOD && now > TIMES * rate.usual.0;
            let is_learning = cx.is_learning(at, &talker.party, &talker.party);
            if !is_flood || is_learning {
                rate.usual.1 = (rate.usual.1 + 1.0).min(MEMORY);
                rate.usual.0 += (now - rate.usual.0) / rate.usual.1;
            }
            if rate.hold.holds(is_flood && !is_learning, at, FLOOD_SECONDS) {
                floods.push((ix, now, rate.usual.0));
            }
        }
        for (ix, now, usual) in floods {
            let Some(talker) = ship.talker(ix) else { continue };
            let what = format!("{} sends {now:.0} messages a second; it used to send {usual:.0}", talker.name(cx));
            tell_flood(
                talker,
                talker.key(),
                what,
                format!("at most {FLOOD:.0} a second, or {TIMES:.0} times the usual"),
                at,
                cx,
            );
        }
        for (source, load) in loads {
            let share = load / CAPACITY * 100.0;
            let index = self.loads.iter().position(|(known, _)| *known == source).unwrap_or_else(|| {
                self.loads.push((source, Hold::default()));
                self.loads.len() - 1
            });
            let Some((_, hold)) = self.loads.get_mut(index) else { continue };
            if hold.holds(share > self.load_pct, at, LOAD_SECONDS) {
                let on_bus = ship.talkers().map(|(_, talker)| talker).filter(|talker| talker.flow.source == source);
                let Some(talker) = on_bus.max_by_key(|talker| talker.last) else { continue };
                let what = format!("The bus {} is {share:.0} % full", talker.label);
                tell_flood(
                    talker,
                    format!("load|{}", source.0),
                    what,
                    format!("at most {:.0} %", self.load_pct),
                    at,
                    cx,
                );
            }
        }
        self.loads.truncate(64);
    }
}

/// The place of a teller among those of a group; a new one takes a free place, or that of who stopped first.
fn teller_of(
    tellers: &mut [Option<Teller>; TELLERS],
    who: Identity,
    at: CaptureTime,
    is_learning: bool,
) -> Option<Teller> {
    if let Some(teller) = tellers.iter_mut().flatten().find(|teller| teller.who == who) {
        // who stopped and comes again begins anew
        if !is_near(at, teller.last, STOPPED) {
            teller.since = at;
        }
        teller.last = at;
        teller.is_known |= is_learning;
        return Some(*teller);
    }
    let slot = tellers.iter_mut().min_by_key(|slot| slot.map(|teller| teller.last))?;
    let teller = Teller { who, since: at, last: at, is_known: is_learning };
    *slot = Some(teller);
    Some(teller)
}

fn tellers_mut(
    all: &mut Remembered<(SourceId, u32, u8), [Option<Teller>; TELLERS]>,
    key: (SourceId, u32, u8),
    at: CaptureTime,
    who: Identity,
) -> Option<&mut Teller> {
    all.touch(key, at)?.iter_mut().flatten().find(|teller| teller.who == who)
}

fn is_allowed(speaker: Speaker, pgn: u32, cx: &Context<'_>) -> bool {
    let Speaker::Name { name, .. } = speaker else { return false };
    cx.policy.is_some_and(|policy| matches!(policy.n2k_allows(cx.source.selector, name, pgn), N2kVerdict::Allowed(_)))
}

fn address(talker: &Talker) -> String {
    match talker.party.speaker {
        Speaker::Name { address, .. } | Speaker::BusAddress(address) => address.to_string(),
        _ => String::new(),
    }
}

fn tell_two<'a>(
    talker: &'a Talker,
    first: Option<&Talker>,
    pgn: u32,
    instance: u8,
    at: CaptureTime,
    cx: &mut Context<'a>,
) {
    let of = if instance == u8::MAX { String::new() } else { format!(" instance {instance}") };
    let other = first.map_or_else(|| "another device".to_owned(), |first| first.name(cx));
    let case = Case {
        severity: None,
        confidence: 0.8,
        to: first.map(|first| first.party),
        summary: format!("{} tells PGN {pgn}{of} beside {other}", talker.name(cx)),
        fields: vec![
            ("address", address(talker)),
            ("first_address", first.map_or_else(String::new, address)),
            ("pgn", pgn.to_string()),
        ],
        expected: format!("PGN {pgn}{of} from one device"),
    };
    raise_of(cx, &TWO, talker, at, &format!("{pgn}|{instance}|{}", talker.key()), case);
}

fn tell_flood<'a>(
    talker: &'a Talker,
    key: String,
    summary: String,
    expected: String,
    at: CaptureTime,
    cx: &mut Context<'a>,
) {
    let fields = vec![("address", address(talker))];
    let case = Case { severity: None, confidence: 0.9, to: None, summary, fields, expected };
    raise_of(cx, &FLOODED, talker, at, &key, case);
}

#[cfg(test)]
mod tests {
    use dogwatch_model::{Quantity, Transport, Value};

    use super::*;
    use crate::detections::bench::{Bench, flow};

    /// Engine speeds: `sends` says how many of instance 0 a device sends in each tenth of a second from a time on.
    fn bus(seconds: std::ops::Range<u32>, sends: &[(f64, u64, u32)]) -> Vec<String> {
        let mut bench = Bench::new(None, Box::<BusTraffic>::default());
        let can = dogwatch_model::Flow { src: None, dst: None, ..flow("0.0.0.0", "0.0.0.0", 0, Transport::Can) };
        let say = |bench: &mut Bench, name| {
            let object = Object::Pgn { pgn: 127_488, destination: 255 };
            let value = Value::Number(1.5);
            let acts = [
                Act::Publishes { object },
                Act::Measures { of: Of::Machine(0), quantity: Quantity::RotationSpeed, value },
            ];
            bench.says("nmea2000", Speaker::Name { name, address: name as u8 }, &can, &acts);
        };
        bench.at(0.0);
        say(&mut bench, 1);
        for tenth in seconds.start * 10..seconds.end * 10 {
            let t = f64::from(tenth) / 10.0;
            bench.at(t);
            for (_, name, times) in sends.iter().filter(|(from, ..)| t >= *from) {
                (0..*times).for_each(|_| say(&mut bench, *name));
            }
        }
        bench.ids()
    }

    const DAY: u32 = 90_000;

    #[test]
    fn a_second_device_of_one_instance_is_told() {
        let from = f64::from(DAY);
        assert_eq!(bus(DAY..DAY + 60, &[(from, 1, 1), (from + 30.0, 2, 1)]), ["DW-3017"]);
    }

    #[test]
    fn a_known_pair_and_a_replaced_device_are_quiet() {
        assert!(bus(0..60, &[(0.0, 1, 1), (30.0, 2, 1)]).is_empty(), "while learning");
        let from = f64::from(DAY);
        assert!(bus(DAY..DAY + 60, &[(from + 20.0, 2, 1)]).is_empty(), "the first one is gone");
    }

    #[test]
    fn a_flood_is_told_with_its_sender() {
        let from = f64::from(DAY);
        let told = bus(DAY..DAY + 60, &[(from, 1, 1), (from + 30.0, 1, 60)]);
        assert_eq!(told, ["DW-3016"]);
    }
}
