//! What was seen, added up: who asks whom for what, how often, on how many days, in which ship states (zone policy page, "Learn"). Proposals for the
//! policy, its simulation, the coverage gate and the use of its lines are all read from here.
//!
//! Fed with the events and flows that the rules see; one look-up an event. No payload is kept. The table is bounded and lets go what was longest unused.

mod key;
mod presence;
mod row;

use std::collections::BTreeSet;
use std::time::Duration;

use dogwatch_model::{Act, CaptureTime, Event, Initiator, Object, Severity, ShipState, Transport};
use serde::{Deserialize, Serialize};

pub use key::{Carrier, Host, Key, What, Word};
pub use presence::Presence;
pub use row::Row;
pub(crate) use row::joined;

use crate::detector::Directory;
use crate::policy::{AppName, Class, Policy, ZoneIx, is_public};
use crate::remembered::Remembered;
use crate::seen::{FlowSeen, FlowStage, Identity, Party, Source};

/// Aggregates kept.
const MOST: usize = 16_384;
/// Zones whose names are kept; a policy has at most 250, and it may change.
const MOST_ZONES: usize = 1_000;
/// Declared assets whose being heard is remembered; a policy has no more.
const MOST_HEARD: usize = 20_000;
/// How often the inventory is asked for them.
const SURVEY_EVERY: Duration = Duration::from_secs(10);
/// No zone, or one too many.
const NO_ZONE: u16 = u16::MAX;
/// Below it stands a server's port, where nothing else tells which side serves (RFC 6335: dynamic ports begin here).
const FIRST_DYNAMIC_PORT: u16 = 32_768;

/// Everything added up.
#[derive(Debug)]
pub struct Aggregates {
    rows: Remembered<Key, Row>,
    /// Zone ids, in the order they were met.
    zones: Vec<String>,
    /// The place in `zones` of each zone of the policy in force.
    places: Vec<u16>,
    presence: Presence,
    /// Ids of declared assets of which the inventory has a row.
    heard: BTreeSet<String>,
    /// When is looked for them next.
    survey: CaptureTime,
}

/// The same as it is kept between runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Learned {
    /// Zone ids.
    pub zones: Vec<String>,
    /// How long was looked at.
    pub presence: Presence,
    /// Ids of declared assets that were heard, also of those that only keep the house in order, such as switches.
    #[serde(default)]
    pub heard: BTreeSet<String>,
    /// The aggregates, by key.
    pub rows: Vec<(Key, CaptureTime, Row)>,
}

impl Learned {
    /// The id of a zone a key speaks of.
    #[must_use]
    pub fn zone(&self, place: u16) -> Option<&str> {
        self.zones.get(usize::from(place)).map(String::as_str)
    }
}

impl Aggregates {
    /// An empty table for the policy in force.
    #[must_use]
    pub fn new(policy: Option<&Policy>) -> Self {
        let mut all = Self {
            rows: Remembered::new(MOST),
            zones: Vec::new(),
            places: Vec::new(),
            presence: Presence::default(),
            heard: BTreeSet::new(),
            survey: CaptureTime(i64::MIN),
        };
        all.follow(policy);
        all
    }

    /// Another policy is in force.
    pub(crate) fn follow(&mut self, policy: Option<&Policy>) {
        self.places =
            policy.into_iter().flat_map(|policy| &policy.zones).map(|zone| self.zones_place(&zone.id)).collect();
    }

    fn zones_place(&mut self, id: &str) -> u16 {
        let known = self.zones.iter().position(|known| known == id);
        let place = known.unwrap_or_else(|| {
            if self.zones.len() < MOST_ZONES {
                self.zones.push(id.to_owned());
            }
            self.zones.len().saturating_sub(1)
        });
        if self.zones.get(place).is_some_and(|known| known == id) {
            u16::try_from(place).unwrap_or(NO_ZONE)
        } else {
            NO_ZONE
        }
    }

    /// What was added up, for the next run and for proposals.
    #[must_use]
    pub fn learned(&self) -> Learned {
        let rows = self.rows.entries().into_iter().map(|(key, touched, row)| (key, touched, row.clone())).collect();
        Learned { zones: self.zones.clone(), presence: self.presence.clone(), heard: self.heard.clone(), rows }
    }

    /// Takes up what an earlier run added up.
    pub(crate) fn recall(&mut self, learned: Learned, policy: Option<&Policy>) {
        self.zones = learned.zones.into_iter().take(MOST_ZONES).collect();
        self.presence = learned.presence;
        self.heard = learned.heard.into_iter().take(MOST_HEARD).collect();
        self.rows.recall(learned.rows);
        self.follow(policy);
    }

    /// How long was looked at.
    #[must_use]
    pub const fn presence(&self) -> &Presence {
        &self.presence
    }

    /// A second went by.
    pub(crate) fn tick(
        &mut self,
        at: CaptureTime,
        state: ShipState,
        policy: Option<&Policy>,
        directory: &dyn Directory,
    ) {
        self.presence.tick(at, state);
        if at < self.survey {
            return;
        }
        self.survey = at.plus(SURVEY_EVERY);
        for asset in policy.into_iter().flat_map(|policy| &policy.assets) {
            let is_heard = || {
                asset.ip.iter().any(|ip| directory.row_of_ip(*ip).is_some())
                    || asset.mac.iter().any(|mac| directory.row_of_mac(*mac).is_some())
            };
            if !self.heard.contains(&asset.id) && self.heard.len() < MOST_HEARD && is_heard() {
                self.heard.insert(asset.id.clone());
            }
        }
    }

    /// A flow reached a stage; `raised` is the worst finding it has just caused.
    pub(crate) fn flow(
        &mut self,
        seen: &FlowSeen<'_>,
        policy: Option<&Policy>,
        state: ShipState,
        raised: Option<Severity>,
    ) {
        // what has not been answered has reached nobody: an attempt is no habit
        let is_use = seen.stage == FlowStage::Recognised;
        let has_addresses = seen.from.end.ip.is_some() && seen.to.end.ip.is_some();
        if !has_addresses
            || seen.flow.is_to_group()
            || !(is_use || seen.stage == FlowStage::Progress || raised.is_some())
        {
            return;
        }
        let port = seen.flow.dst_port;
        if seen.protocol.is_none() && port >= FIRST_DYNAMIC_PORT && seen.flow.initiator == Initiator::Unknown {
            return;
        }
        let key = self.key(&seen.from, Some(&seen.to), policy, seen.protocol, seen.flow.transport, port, What::Talks);
        let known = self.rows.touch(key, seen.at);
        let row = match known {
            Some(row) => row,
            None if is_use => match self.begin(key, seen.at, &seen.from, Some(&seen.to), "") {
                Some(row) => row,
                None => return,
            },
            None => return,
        };
        if is_use {
            row.used(seen.at, state);
        }
        if seen.account.is_over {
            let moved = seen.account.sent.bytes.saturating_add(seen.account.received.bytes);
            row.bytes = row.bytes.saturating_add(moved);
        }
        row.last = row.last.max(seen.at);
        row.suspect = row.suspect.max(raised);
    }

    /// Something was said; `raised` is the worst finding it has just caused.
    #[inline(never)]
    #[expect(clippy::too_many_arguments, reason = "called from one place, which holds all of them")]
    pub(crate) fn event(
        &mut self,
        event: &Event<'_>,
        from: &Party,
        to: &Party,
        source: Source<'_>,
        policy: Option<&Policy>,
        state: ShipState,
        raised: Option<Severity>,
    ) {
        for act in event.message.acts {
            let (what, object, to) = match act {
                Act::Request { verb, object } if !event.flow.is_to_group() => {
                    let (unit, table) = match object {
                        Object::Registers { unit, table, .. } => (Some(*unit), Some(*table)),
                        Object::Device { unit } => (*unit, None),
                        Object::Named(_) => (None, None),
                        // who may command whom on a bus is not a matter of conduits
                        Object::Sentence { .. } | Object::Pgn { .. } => continue,
                    };
                    (What::Asks { verb: *verb, unit, table }, Some(object), Some(to))
                }
                Act::Publishes { object: Object::Sentence { talker, formatter } } => {
                    let (talker, formatter) = (Word::of(&[talker]), Word::of(&[formatter]));
                    (What::Says { sfi: from.sfi(), talker, formatter }, None, None)
                }
                Act::Publishes { object: Object::Pgn { pgn, .. } } => (What::Sends { pgn: *pgn }, None, None),
                _ => continue,
            };
            let protocol = Some(event.message.protocol);
            let port = if to.is_some() { event.flow.dst_port } else { 0 };
            let key = self.key(from, to, policy, protocol, event.flow.transport, port, what);
            let is_known = self.rows.touch(key, event.at).is_some();
            let bus = if event.flow.transport == Transport::Can { source.selector } else { "" };
            let row = if is_known { self.rows.touch(key, event.at) } else { self.begin(key, event.at, from, to, bus) };
            let Some(row) = row else { continue };
            row.used(event.at, state);
            row.suspect = row.suspect.max(raised);
            if let Some(object) = object {
                row.about(object);
            }
        }
    }

    fn begin(&mut self, key: Key, at: CaptureTime, from: &Party, to: Option<&Party>, bus: &str) -> Option<&mut Row> {
        let to_mac = to.map_or(dogwatch_model::Mac::NONE, |to| to.end.mac);
        self.rows.put(key, at, Row::new(at, from.end.mac, to_mac, bus));
        self.rows.touch(key, at)
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a key")]
    fn key(
        &self,
        from: &Party,
        to: Option<&Party>,
        policy: Option<&Policy>,
        protocol: Option<&str>,
        transport: Transport,
        port: u16,
        what: What,
    ) -> Key {
        let place =
            |zone: Option<ZoneIx>| zone.and_then(|zone| self.places.get(zone.index())).copied().unwrap_or(NO_ZONE);
        // a system function is told apart by its own field; the device is whoever has the address
        let identity = |party: &Party| match party.sfi() {
            Some(_) => Party { speaker: dogwatch_model::Speaker::Sender, ..*party }.identity(),
            None => party.identity(),
        };
        let carrier = match (protocol, transport) {
            // the policy knows it by name, wherever it is served
            (Some(protocol), Transport::Tcp | Transport::Udp) if AppName::of_protocol(protocol).is_some() => {
                Carrier::of(transport, 0)
            }
            _ => Carrier::of(transport, port),
        };
        Key {
            from: host(identity(from), from.end.zone, policy),
            to: to.map_or(key::NOBODY, |to| host(identity(to), to.end.zone, policy)),
            from_zone: place(from.end.zone),
            to_zone: to.map_or(NO_ZONE, |to| place(to.end.zone)),
            protocol: protocol.map_or_else(Word::default, |protocol| Word::of(&[protocol])),
            carrier,
            what,
        }
    }
}

/// One device, or anybody where single hosts do not matter.
fn host(identity: Identity, zone: Option<ZoneIx>, policy: Option<&Policy>) -> Host {
    let Some(policy) = policy else {
        return match identity {
            Identity::Ip(ip) if is_public(ip) => Host::Any,
            _ => Host::One(identity),
        };
    };
    let is_any = zone.is_some_and(|zone| {
        zone == policy.outside() || policy.zone(zone).is_some_and(|zone| zone.class == Class::Untrusted)
    });
    if is_any { Host::Any } else { Host::One(identity) }
}

#[cfg(test)]
mod tests {
    use dogwatch_model::{Object, Speaker, Table, Transport, Verb};

    use super::*;
    use crate::detections::bench::{Bench, flow};

    const ZONES: &str = "[vessel]\nname = \"T\"\n[[zone]]\nid = \"bridge\"\nlabel = \"B\"\nfunction = \"navigation\"\nclass = \"ot\"\n\
        criticality = \"high\"\ndevices = \"fixed\"\nsubnet = [\"10.0.1.0/24\"]\n[[zone]]\nid = \"engine\"\nlabel = \"E\"\nfunction = \"propulsion\"\n\
        class = \"ot\"\ncriticality = \"high\"\ndevices = \"fixed\"\nsubnet = [\"10.0.2.0/24\"]\n[[zone]]\nid = \"crew\"\nlabel = \"C\"\n\
        function = \"crew\"\nclass = \"untrusted\"\ncriticality = \"low\"\ndevices = \"open\"\nsubnet = [\"10.0.9.0/24\"]\n";

    fn policy(mode: &str) -> String {
        format!("format = 1\nmode = \"{mode}\"\n{ZONES}")
    }

    fn reads(bench: &mut Bench, second: f64, first: u16) {
        bench.at(second);
        let object = Object::Registers { unit: 1, table: Table::Holding, first, count: 4, written: None };
        let flow = flow("10.0.1.5", "10.0.2.21", 502, Transport::Tcp);
        bench.says("modbus", Speaker::Sender, &flow, &[Act::Request { verb: Verb::Read, object }]);
    }

    fn talks(bench: &mut Bench, second: f64, from: &str, to: &str) {
        bench.at(second);
        bench.flow(from, to, 502, Some("modbus"), FlowStage::Started);
        bench.flow(from, to, 502, Some("modbus"), FlowStage::Recognised);
    }

    fn bench(mode: &str) -> Bench {
        Bench::new(Some(&policy(mode)), crate::detections::raising("DW-2001"))
    }

    #[test]
    fn one_row_for_one_station_doing_one_thing_to_another() {
        let mut bench = bench("learn");
        for (second, first) in [(0.0, 100), (2.0, 104), (400.0, 200)] {
            reads(&mut bench, second, first);
        }
        let learned = bench.learned();
        let [(key, _, row)] = learned.rows.as_slice() else { panic!("{:?}", learned.rows) };
        assert_eq!((learned.zone(key.from_zone), learned.zone(key.to_zone)), (Some("bridge"), Some("engine")));
        assert_eq!(key.what, What::Asks { verb: Verb::Read, unit: Some(1), table: Some(Table::Holding) });
        assert_eq!((row.count, row.occasions, row.blocks.as_slice()), (3, 2, [(100, 107), (200, 203)].as_slice()));
        let again: Learned = serde_json::from_str(&serde_json::to_string(&learned).unwrap()).unwrap();
        assert_eq!(again, learned);
    }

    #[test]
    fn passengers_are_not_told_apart_and_an_unanswered_call_is_no_habit() {
        let mut bench = bench("learn");
        for host in 1..9 {
            talks(&mut bench, 1.0, &format!("10.0.9.{host}"), "1.1.1.1");
        }
        bench.flow("10.0.1.5", "10.0.2.66", 502, None, FlowStage::Started);
        let learned = bench.learned();
        let [(key, ..)] = learned.rows.as_slice() else { panic!("{:?}", learned.rows) };
        assert_eq!((key.from, key.to), (Host::Any, Host::Any));
    }

    #[test]
    fn what_raised_a_finding_is_suspect() {
        let mut bench = bench("enforce");
        talks(&mut bench, 200.0, "10.0.1.5", "10.0.2.21");
        let learned = bench.learned();
        assert_eq!(learned.rows[0].2.suspect, Some(Severity::High));
        assert_eq!(bench.findings().len(), 1);
    }

    #[test]
    fn learned_is_silent_watched_is_counted_enforced_is_told_and_a_reload_keeps_what_was_told() {
        let mut bench = bench("learn");
        talks(&mut bench, 200.0, "10.0.1.5", "10.0.2.21");
        assert!(bench.findings().is_empty() && bench.would_alert().is_empty());
        bench.policy(&policy("watch"));
        talks(&mut bench, 300.0, "10.0.1.5", "10.0.2.21");
        talks(&mut bench, 301.0, "10.0.1.5", "10.0.2.21");
        assert!(bench.findings().is_empty());
        let would: Vec<_> = bench.would_alert().into_iter().map(|would| (would.detection, would.count > 1)).collect();
        assert_eq!(would, [("DW-2001".to_owned(), true)]);
        bench.policy(&policy("enforce"));
        assert!(bench.would_alert().is_empty(), "judged anew");
        talks(&mut bench, 400.0, "10.0.1.5", "10.0.2.21");
        let told = bench.findings();
        assert_eq!(told.len(), 1);
        bench.policy(&policy("watch"));
        talks(&mut bench, 500.0, "10.0.1.5", "10.0.2.21");
        let after = bench.findings();
        assert!(after.len() == 1 && after[0].finding_id == told[0].finding_id && after[0].count > told[0].count);
    }

    #[test]
    fn a_state_of_which_little_was_seen_is_only_watched_where_the_file_says_so() {
        let held = policy("enforce").replace("format = 1\n", "format = 1\nunlearned_states = \"watch\"\n");
        for (text, findings) in [(policy("enforce"), 1), (held, 0)] {
            let mut bench = Bench::new(Some(&text), crate::detections::raising("DW-2001"));
            for second in 0..700_u32 {
                bench.at(f64::from(second));
                let speed = dogwatch_model::Value::Number(7.0);
                bench.measures("10.0.1.7", &[(dogwatch_model::Quantity::SpeedOverGround, speed)]);
            }
            talks(&mut bench, 700.0, "10.0.1.5", "10.0.2.21");
            assert_eq!(bench.findings().len(), findings);
            assert_eq!(bench.would_alert().len(), 1 - findings);
        }
    }
}
