//! DW-1005: a device that always talks has fallen silent.
//!
//! What a device's silence means is learned while it talks: in how many minutes it was heard, and how long its pauses were, for each state of the
//! ship (a radar is off in port). Only devices of OT zones that were heard in nearly every minute are expected to go on. Devices that fall silent
//! together, in one zone or in several (a black-out, a switch), have one cause and are one finding. When nothing at all is heard of a zone, that
//! is DW-9001's matter, with everybody who fell silent at that moment (`heard.rs`); and so is a pause of the capture.

use std::time::Duration;

use dogwatch_model::{CaptureTime, Event, Severity, ShipState};

use crate::detector::{Card, Context, Detector, Raise, Wants};
use crate::policy::{AssetRole, Class, Devices, Function, Mode, ZoneIx};
use crate::seen::{FlowSeen, FlowStage, Party, PolicySeen};

/// Shortest silence that means anything, and times the learned pause (catalogue: `min_s`, `factor`).
const LEAST: Duration = Duration::from_secs(60);
const FACTOR: u32 = 4;
/// How long a device may take to start again while others wait for it: a display is back in a minute or two.
const RESTART: Duration = Duration::from_secs(120);
/// Devices silent together that are one cause (catalogue: `group_min`), and how far apart they may have been heard last, beside their own pauses.
const TOGETHER: usize = 3;
const APART: Duration = Duration::from_secs(10);
/// Common causes kept, and for how long: who passes its limit later belongs to one of them.
const OUTAGES: usize = 16;
const REMEMBERED: Duration = Duration::from_secs(3_600);
/// Devices named in one finding.
const NAMED: usize = 8;
/// Minutes and hearings before silence can be told from habit.
const MINUTES: u32 = 3;
const HEARINGS: u32 = 20;
/// In the first minutes only a device that never pauses longer than this is steady: the rest needs more watching.
const FIRST_MINUTES: u32 = 15;
const CHATTY_MS: u32 = 10_000;
/// Share of minutes in which it must have been heard.
const STEADY: f64 = 0.95;
/// A capture that shows nothing at all for this long has a pause of its own.
const PAUSE: Duration = Duration::from_secs(20);
/// Seconds between two looks.
const LOOK: i64 = 5;
/// Rows of the inventory watched.
const ROWS: usize = 65_536;
const STATES: usize = 6;

const CARD: Card = Card {
    id: "DW-1005",
    why: "This device always spoke and now does not. It has failed, lost power or cable, or was pushed off the network; what it measured or steered is \
          missing.",
    e26: &["4.3.1", "4.4.1"],
};

/// How a device talks in one state of the ship.
#[derive(Debug, Clone, Copy, Default)]
struct Habit {
    /// Minutes in which it was heard, and the last of them.
    minutes: u32,
    last_minute: i64,
    first_minute: i64,
    hearings: u32,
    /// The two longest pauses, milliseconds: the second one is the habit, the first one may be chance.
    pauses: [u32; 2],
}

impl Habit {
    fn heard(&mut self, at: CaptureTime, pause: Duration) {
        let minute = at.seconds().div_euclid(60);
        if self.hearings == 0 {
            self.first_minute = minute;
        }
        if self.hearings == 0 || minute != self.last_minute {
            self.minutes = self.minutes.saturating_add(1);
            self.last_minute = minute;
        }
        self.hearings = self.hearings.saturating_add(1);
        let pause = u32::try_from(pause.as_millis()).unwrap_or(u32::MAX);
        let [longest, second] = self.pauses;
        if pause > longest {
            self.pauses = [pause, longest];
        } else if pause > second {
            self.pauses = [longest, pause];
        }
    }

    /// The pause that is habit.
    fn pause(&self) -> Duration {
        Duration::from_millis(self.pauses[1].into())
    }

    /// The silence that is not normal, when it is steady enough for one.
    fn limit(&self) -> Option<Duration> {
        let span = self.last_minute.saturating_sub(self.first_minute).saturating_add(1);
        let is_steady = f64::from(self.minutes) >= STEADY * span as f64;
        let is_known = self.minutes >= FIRST_MINUTES || self.pauses[0] <= CHATTY_MS;
        (self.minutes >= MINUTES && self.hearings >= HEARINGS && is_steady && is_known)
            .then(|| LEAST.max(self.pause() * FACTOR))
    }
}

#[derive(Debug, Clone)]
struct Device {
    party: Party,
    /// Frame that was heard last.
    frame: u64,
    last: CaptureTime,
    /// Up to when its silence had a cause that is told elsewhere.
    excused: CaptureTime,
    /// When somebody last sent to it, or it to somebody, in a conversation that has two sides.
    sent_to: CaptureTime,
    habits: [Habit; STATES],
    is_told: bool,
}

impl Device {
    /// Since when its silence counts. Whoever is still sent to is not gone yet, for as long as it takes to start again.
    fn since(&self) -> CaptureTime {
        self.last.max(self.excused).max(self.sent_to.min(self.last.plus(RESTART)))
    }
}

/// A device that has been silent for longer than it ever is.
#[derive(Debug, Clone, Copy)]
struct Quiet {
    row: usize,
    zone: Option<ZoneIx>,
    last: CaptureTime,
    pause: Duration,
    /// Past its limit; otherwise only on the way there.
    is_over: bool,
}

impl Quiet {
    /// Whether it may have fallen silent with one that was heard last at `last` and pauses for `pause`: each of the two may just have been
    /// between two hearings.
    fn fell_silent_at(&self, last: CaptureTime, pause: Duration) -> bool {
        let apart = self.last.since(last).max(last.since(self.last));
        apart <= APART.saturating_add(self.pause.max(pause))
    }
}

/// A common cause that was told.
#[derive(Debug)]
struct Outage {
    at: CaptureTime,
    pause: Duration,
    key: String,
}

/// See the file's head.
#[derive(Default)]
pub(super) struct Silent {
    devices: Vec<Option<Box<Device>>>,
    last_heard: Option<CaptureTime>,
    last_look: i64,
    outages: Vec<Outage>,
    state: ShipState,
}

impl Detector for Silent {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        // what a device is used to is only learned where a plan tells which devices must never fall silent
        Wants { flows: &[FlowStage::Started, FlowStage::Progress], published: true, planned: true, ..Wants::default() }
    }

    fn policy(&mut self, seen: &PolicySeen<'_>, _cx: &mut Context<'_>) {
        if seen.refused.is_none() {
            self.devices.clear();
        }
    }

    fn flow(&mut self, seen: &FlowSeen<'_>, cx: &mut Context<'_>) {
        match seen.stage {
            FlowStage::Started => self.heard(&seen.from, (seen.at, seen.frame), cx),
            FlowStage::Progress => {
                seen.speaking().for_each(|party| self.heard(party, (seen.at, seen.frame), cx));
                if seen.account.is_answered && seen.packets() > 0 {
                    [&seen.from, &seen.to].into_iter().for_each(|party| self.sent_to(party, seen.at));
                }
            }
            _ => {}
        }
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, _to: &Party, cx: &mut Context<'_>) {
        self.heard(from, (event.at, event.frame), cx);
    }

    fn tick(&mut self, at: CaptureTime, cx: &mut Context<'_>) {
        let is_paused = self.last_heard.is_some_and(|last| at.since(last) > PAUSE);
        if is_paused || at.seconds().abs_diff(self.last_look) < LOOK.unsigned_abs() {
            return;
        }
        self.last_look = at.seconds();
        self.follow(cx.state);
        if cx.policy.is_some() && !cx.is_settling(at) {
            self.look(at, cx);
        }
    }
}

impl Silent {
    fn sent_to(&mut self, party: &Party, at: CaptureTime) {
        let device = party.row.and_then(|row| self.devices.get_mut(row as usize));
        if let Some(device) = device.and_then(Option::as_mut) {
            device.sent_to = device.sent_to.max(at);
        }
    }

    fn heard(&mut self, party: &Party, (at, frame): (CaptureTime, u64), cx: &Context<'_>) {
        if self.last_heard.is_some_and(|last| at.since(last) > PAUSE) {
            // the capture itself had a pause: nobody is to blame for it
            self.devices.iter_mut().flatten().for_each(|device| device.last = device.last.max(at));
        }
        self.last_heard = Some(self.last_heard.map_or(at, |last| last.max(at)));
        let Some(row) = party.row.map(|row| row as usize).filter(|row| *row < ROWS) else { return };
        if cx.policy.is_none() || party.end.is_behind_gateway() {
            return;
        }
        if self.devices.len() <= row {
            self.devices.resize_with(row.saturating_add(1), || None);
        }
        let Some(slot) = self.devices.get_mut(row) else { return };
        let device = slot.get_or_insert_with(|| {
            Box::new(Device {
                party: *party,
                frame,
                last: at,
                excused: at,
                sent_to: at,
                habits: [Habit::default(); STATES],
                is_told: false,
            })
        });
        // the account of a flow that has ended comes late, and is no sign of life
        if at < device.last || device.is_told && at == device.last {
            return;
        }
        let pause = at.since(device.since());
        device.last = device.last.max(at);
        device.frame = frame;
        device.is_told = false;
        // a device that asks for its address has none for a moment
        if party.end.ip.is_none_or(|ip| !ip.is_unspecified()) {
            device.party.end = party.end;
        }
        if let Some(habit) = device.habits.get_mut(index(cx.state)) {
            habit.heard(at, pause);
        }
    }

    /// When the state comes to be known, the ship was in it already while it was not: her devices' habits of then are those of this state.
    fn follow(&mut self, state: ShipState) {
        if std::mem::replace(&mut self.state, state) != ShipState::Unknown || state == ShipState::Unknown {
            return;
        }
        for device in self.devices.iter_mut().flatten() {
            let before = device.habits.get(index(ShipState::Unknown)).copied().unwrap_or_default();
            if let Some(habit) = device.habits.get_mut(index(state)).filter(|habit| habit.minutes < MINUTES) {
                *habit = before;
            }
        }
    }

    fn look(&mut self, at: CaptureTime, cx: &mut Context<'_>) {
        self.excuse(at, cx);
        let quiet = self.quiet(at, cx);
        self.outages.retain(|outage| at.since(outage.at) <= REMEMBERED);
        for one in quiet.iter().filter(|one| one.is_over) {
            if self.is_told(one.row) {
                continue;
            }
            if let Some(outage) = self.outages.iter().find(|outage| one.fell_silent_at(outage.at, outage.pause)) {
                let key = outage.key.clone();
                self.tell_together(at, &key, &[*one], cx);
                continue;
            }
            let together: Vec<Quiet> =
                quiet.iter().filter(|other| other.fell_silent_at(one.last, one.pause)).copied().collect();
            if together.len() < TOGETHER && !self.is_all_of_their_zones(&together, cx) {
                self.tell_device(at, one.row, cx);
                continue;
            }
            let key = format!("together|{}", zones_of(&together, cx).join("+"));
            if self.outages.len() >= OUTAGES {
                self.outages.remove(0);
            }
            self.outages.push(Outage { at: one.last, pause: one.pause, key: key.clone() });
            self.tell_together(at, &key, &together, cx);
        }
    }

    /// Whoever is silent together with a zone as a whole is part of that story, and may take its time to come back after it.
    fn excuse(&mut self, at: CaptureTime, cx: &Context<'_>) {
        let state = index(cx.state);
        for device in self.devices.iter_mut().flatten().filter(|device| at.since(device.last) >= LEAST / 2) {
            let pause = device.habits.get(state).map_or(Duration::ZERO, Habit::pause);
            let is_excused = cx.heard.is_silent(zone_of(cx, &device.party), at, cx.policy)
                || cx.heard.fell_silent_with_a_zone((device.last, pause), at, cx.policy);
            if is_excused {
                device.excused = at;
            }
        }
    }

    /// The devices whose silence is past its limit, and those on the way there: past half of it.
    fn quiet(&self, at: CaptureTime, cx: &Context<'_>) -> Vec<Quiet> {
        let state = index(cx.state);
        let of_device = |(row, device): (usize, &Option<Box<Device>>)| {
            let device = device.as_ref().filter(|device| is_expected(cx, &device.party))?;
            let habit = device.habits.get(state)?;
            let limit = habit.limit()?;
            let silent = at.since(device.since());
            (silent > limit / 2).then(|| Quiet {
                row,
                zone: zone_of(cx, &device.party),
                last: device.last,
                pause: habit.pause(),
                is_over: silent > limit,
            })
        };
        self.devices.iter().enumerate().filter_map(of_device).collect()
    }

    /// Whether two or more are everybody who is expected to talk in their zones.
    fn is_all_of_their_zones(&self, together: &[Quiet], cx: &Context<'_>) -> bool {
        let state = index(cx.state);
        let is_beside_them = |device: &Device| {
            let zone = zone_of(cx, &device.party);
            together.iter().any(|one| one.zone == zone)
                && is_expected(cx, &device.party)
                && device.habits.get(state).is_some_and(|habit| habit.limit().is_some())
        };
        let expected = self.devices.iter().flatten().filter(|device| is_beside_them(device)).count();
        together.len() > 1 && expected == together.len()
    }

    fn is_told(&self, row: usize) -> bool {
        self.devices.get(row).and_then(Option::as_ref).is_some_and(|device| device.is_told)
    }

    fn tell_device(&mut self, at: CaptureTime, row: usize, cx: &mut Context<'_>) {
        let Some(device) = self.devices.get_mut(row).and_then(Option::as_mut) else { return };
        if std::mem::replace(&mut device.is_told, true) {
            return;
        }
        let (party, last, frame) = (device.party, device.last, device.frame);
        let is_vital = cx.state == ShipState::AtSea && is_vital(cx, &party);
        let who = cx.call(&party);
        let asset = party.row.and_then(|row| cx.directory.asset(row)).map(|asset| asset.asset_id.clone());
        let key = asset.unwrap_or_else(|| format!("{:?}", party.identity()));
        cx.raise(key.as_bytes(), &CARD, at, || Raise {
            severity: Some(if is_vital { Severity::High } else { Severity::Medium }),
            summary: format!("{who} has been silent for {} s; it always talks", at.since(last).as_secs()),
            fields: vec![("last_heard".to_owned(), last.to_string())],
            expected: "to be heard about as often as before".to_owned(),
            ..Raise::bare(&CARD, (at, frame), party, String::new())
        });
    }

    /// One finding for all of them; devices that pass their limit later are added to it.
    fn tell_together(&mut self, at: CaptureTime, key: &str, together: &[Quiet], cx: &mut Context<'_>) {
        let mut names = Vec::new();
        let (mut party, mut frame, mut is_any_vital) = (None, 0, false);
        for one in together {
            let Some(device) = self.devices.get_mut(one.row).and_then(Option::as_mut) else { continue };
            device.is_told = true;
            names.push(cx.call(&device.party));
            is_any_vital |= cx.state == ShipState::AtSea && is_vital(cx, &device.party);
            (party, frame) = (party.or(Some(device.party)), device.frame);
        }
        let Some(party) = party else { return };
        let zones = zones_of(together, cx).join(", ");
        let count = names.len();
        names.truncate(NAMED);
        cx.raise(key.as_bytes(), &CARD, at, || Raise {
            severity: Some(if is_any_vital { Severity::High } else { Severity::Medium }),
            summary: format!(
                "{count} devices ({zones}) fell silent together: look for one cause (power, switch, cable)"
            ),
            fields: vec![("devices".to_owned(), names.join(", ")), ("zones".to_owned(), zones.clone())],
            expected: "to be heard about as often as before".to_owned(),
            ..Raise::bare(&CARD, (at, frame), Party::nobody(party.end.zone), String::new())
        });
    }
}

/// The zones of devices by name, each once.
fn zones_of(together: &[Quiet], cx: &Context<'_>) -> Vec<String> {
    let name = |zone| cx.policy.map_or("?", |policy| policy.zone_id(zone)).to_owned();
    let mut zones: Vec<String> = together.iter().map(|one| name(one.zone)).collect();
    zones.sort_unstable();
    zones.dedup();
    zones
}

/// Whether the plan counts on a device: it stands in an OT zone whose devices are fixed.
fn is_expected(cx: &Context<'_>, party: &Party) -> bool {
    let Some(policy) = cx.policy else { return false };
    let zone = zone_of(cx, party).and_then(|zone| policy.zone(zone));
    let is_roaming =
        party.end.asset.and_then(|asset| policy.asset(asset)).is_some_and(|asset| !asset.roaming.is_empty());
    // people switch office computers off
    let is_fixed = zone.is_some_and(|zone| zone.devices == Devices::Fixed && zone.class == Class::Ot);
    let mode = policy.mode_of(zone_of(cx, party));
    is_fixed && !is_roaming && mode != Mode::Learn
}

/// The zone of a device: by its address, else as the inventory has placed it.
fn zone_of(cx: &Context<'_>, party: &Party) -> Option<ZoneIx> {
    let policy = cx.policy?;
    let by_row = || policy.zone_named(cx.directory.asset(party.row?)?.zone_id.as_deref()?);
    party.end.zone.filter(|zone| *zone != policy.outside()).or_else(by_row)
}

fn is_vital(cx: &Context<'_>, party: &Party) -> bool {
    let Some(policy) = cx.policy else { return false };
    let declared = party.end.asset.and_then(|asset| policy.asset(asset));
    declared.is_some_and(|asset| asset.is(AssetRole::SensorPosition) || asset.is(AssetRole::SensorHeading))
        || zone_of(cx, party).and_then(|zone| policy.zone(zone)).is_some_and(|zone| zone.function == Function::Safety)
}

const fn index(state: ShipState) -> usize {
    match state {
        ShipState::AtSea => 0,
        ShipState::Manoeuvring => 1,
        ShipState::AtAnchor => 2,
        ShipState::InPort => 3,
        ShipState::Drydock => 4,
        ShipState::Unknown => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::{Bench, SHIP, device, flow};
    use dogwatch_model::{Quantity, Transport, Value};

    const ALL: [&str; 6] = ["10.0.2.10", "10.0.2.21", "10.0.2.22", "10.0.2.23", "10.0.1.5", "10.0.1.6"];

    /// Two devices of the bridge and four of the machinery talk every second; from second 400 on only those named go on, and from second 600 on
    /// also those that come back. Judged by this detection and by DW-9001.
    fn told_of(go_on: &[&str], back: &[&str]) -> Vec<(String, String, String)> {
        let blind = Box::<crate::detections::dw_9001_blind::Blind>::default();
        let mut bench = Bench::of(Some(SHIP), vec![Box::<Silent>::default(), blind]);
        ALL.iter().for_each(|ip| bench.knows(device(ip)));
        for second in 0..800_u32 {
            bench.at(f64::from(second));
            for ip in ALL.iter().filter(|ip| second < 400 || go_on.contains(ip) || second >= 600 && back.contains(ip)) {
                // one of them is heard more seldom and passes its limit later
                if *ip == "10.0.2.23" && !second.is_multiple_of(20) && second > 150 {
                    continue;
                }
                bench.started(flow(ip, "10.0.4.9", 502, Transport::Tcp));
            }
        }
        let told = bench.findings().into_iter();
        told.map(|finding| (finding.rule_id, finding.source.name, finding.summary)).collect()
    }

    fn told(go_on: &[&str]) -> Vec<(String, String, String)> {
        told_of(go_on, &[])
    }

    #[test]
    fn one_device_is_one_finding() {
        let told = told(&["10.0.2.10", "10.0.2.22", "10.0.2.23", "10.0.1.5", "10.0.1.6"]);
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].0.as_str(), told[0].1.as_str()), ("DW-1005", "plc"));
    }

    #[test]
    fn the_account_of_a_flow_that_ended_is_no_sign_of_life() {
        let mut bench = Bench::new(Some(SHIP), Box::<Silent>::default());
        ALL.iter().for_each(|ip| bench.knows(device(ip)));
        let plc = flow("10.0.2.21", "10.0.4.9", 502, Transport::Tcp);
        for second in 0..600_u32 {
            bench.at(f64::from(second));
            for ip in ALL.iter().filter(|ip| second < 400 || **ip != "10.0.2.21") {
                bench.started(flow(ip, "10.0.4.9", 502, Transport::Tcp));
            }
            if second == 500 {
                // told at the time of its last packet
                bench.at(399.0);
                bench.told(&plc, None, FlowStage::Progress, 3, crate::seen::Account::default());
            }
        }
        let told: Vec<_> = bench.findings().into_iter().map(|finding| (finding.source.name, finding.count)).collect();
        assert_eq!(told, [("plc".to_owned(), 1)]);
    }

    #[test]
    fn who_is_asked_in_vain_has_time_to_start_again_and_no_more() {
        use crate::seen::Account;
        let told = |back: u32| {
            let mut bench = Bench::new(Some(SHIP), Box::<Silent>::default());
            ALL.iter().for_each(|ip| bench.knows(device(ip)));
            let polls = flow("10.0.2.10", "10.0.2.21", 4_840, Transport::Udp);
            for second in 0..900_u32 {
                bench.at(f64::from(second));
                ALL.iter().filter(|ip| **ip != "10.0.2.21").for_each(|ip| {
                    bench.started(flow(ip, "10.0.4.9", 502, Transport::Tcp));
                });
                if second.is_multiple_of(10) {
                    let answers = if (400..back).contains(&second) { 0 } else { 10 };
                    let account = Account { is_answered: true, ..Account::default() };
                    bench.moved(&polls, None, FlowStage::Progress, (10, answers), account);
                }
            }
            bench
                .findings()
                .into_iter()
                .map(|finding| (finding.source.name, finding.first_seen.seconds()))
                .collect::<Vec<_>>()
        };
        assert!(told(500).is_empty(), "it started again");
        let told = told(900);
        assert_eq!(told.len(), 1, "{told:?}");
        // heard last at 390; two minutes to start again and the shortest silence that counts
        let after = told[0].1 - 1_800_000_000 - 390;
        assert!((180..=190).contains(&after), "{told:?}");
    }

    #[test]
    fn two_devices_are_two() {
        assert_eq!(told(&["10.0.2.22", "10.0.2.23", "10.0.1.5", "10.0.1.6"]).len(), 2);
    }

    #[test]
    fn devices_behind_one_switch_are_one_finding() {
        let told = told(&["10.0.2.23", "10.0.1.5", "10.0.1.6"]);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].2.starts_with("3 devices (machinery) fell silent together"), "{told:?}");
    }

    #[test]
    fn a_zone_that_is_silent_as_a_whole_is_one_finding_of_health() {
        for go_on in [&["10.0.2.10", "10.0.2.21", "10.0.2.22", "10.0.2.23"][..], &["10.0.1.5", "10.0.1.6"]] {
            let told = told(go_on);
            assert_eq!(told.len(), 1, "{told:?}");
            assert_eq!(told[0].0, "DW-9001");
        }
    }

    #[test]
    fn a_black_out_over_two_zones_is_one_finding() {
        let told = told(&["10.0.1.5"]);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].0 == "DW-9001" && told[0].2.contains("zone machinery"), "{told:?}");
    }

    #[test]
    fn who_does_not_come_back_with_its_zone_is_told_then() {
        let back = ["10.0.2.10", "10.0.2.22", "10.0.2.23"];
        let told = told_of(&["10.0.1.5", "10.0.1.6"], &back);
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].0 == "DW-9001" && told[1].0 == "DW-1005" && told[1].1 == "plc", "{told:?}");
        let all = told_of(&["10.0.1.5", "10.0.1.6"], &ALL);
        assert_eq!(all.len(), 1, "{all:?}");
    }

    #[test]
    fn when_nothing_is_heard_at_all_it_is_the_mirror() {
        assert!(told(&[]).is_empty());
    }

    #[test]
    fn a_state_that_comes_to_be_known_keeps_what_was_learned() {
        let told = |silent_from: u32| {
            let mut bench = Bench::new(Some(SHIP), Box::<Silent>::default());
            ALL.iter().for_each(|ip| bench.knows(device(ip)));
            for second in 0..1_000_u32 {
                bench.at(f64::from(second));
                // ten minutes under way and it is known that she is at sea
                bench.measures("10.0.1.6", &[(Quantity::SpeedOverGround, Value::Number(8.0))]);
                for ip in ALL.iter().filter(|ip| second < silent_from || **ip != "10.0.2.21") {
                    bench.started(flow(ip, "10.0.4.9", 502, Transport::Tcp));
                }
            }
            let told = bench.findings().into_iter();
            told.map(|finding| (finding.source.name, finding.ship_state)).collect::<Vec<_>>()
        };
        assert_eq!(told(700), [("plc".to_owned(), ShipState::AtSea)]);
        assert!(told(1_000).is_empty());
    }

    #[test]
    fn everybody_talking_is_quiet() {
        assert!(told(&["10.0.2.10", "10.0.2.21", "10.0.2.22", "10.0.2.23", "10.0.1.5", "10.0.1.6"]).is_empty());
    }
}
