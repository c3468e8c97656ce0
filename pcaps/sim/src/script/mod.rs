//! Scripts: what happens in a run. Normal life plays the ship as she is; an attack adds something from a set time on and changes
//! nothing before it.

mod backbone;
mod bridge;
mod chain;
mod controller;
mod identity;
mod intruder;
mod life;
mod monitor;
mod navigation;
mod network;
mod office;
mod outflow;
mod process;
mod registers;
mod segment;
mod sensors;
mod sentences;

pub use self::identity::ADVISORY;
pub use self::office::{INDICATORS, SIGNATURES};
use std::collections::BTreeMap;

use dogwatch_model::{CaptureTime, Severity};

use crate::capture::degrade::Faults;
use crate::error::SimError;
use crate::labels::{Expect, Party, Window};
use crate::ship::{Roster, Ship};
use crate::talker::Talker;
use crate::talker::plant::Controller;
use crate::wire::ip;
use crate::wire::link::Mac;
use crate::wire::net::{Frame, Host, SECOND, Tap};
use crate::world::{Voyage, World};

/// Changes the world once a step, from the attack on.
pub(crate) type Bend = Box<dyn FnMut(&mut World)>;

/// Packets between two hosts of one segment take a detour over a third.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Relay {
    /// The two addresses.
    pub(crate) between: ([u8; 4], [u8; 4]),
    /// Hardware address of the one in the middle.
    pub(crate) through: Mac,
    /// Since when, nanoseconds since 1970.
    pub(crate) from: i64,
    /// Since when the answers of the second address carry another value.
    pub(crate) altered_from: i64,
}

impl Relay {
    /// The two sightings of a packet on its detour, both before `until`, or the frame as it was.
    pub(crate) fn pass(&self, frame: Frame, until: i64) -> Vec<Frame> {
        let addresses: Option<[u8; 8]> = frame.bytes.get(26..).and_then(|rest| rest.first_chunk()).copied();
        let ((a, b), is_ip) = (self.between, frame.bytes.get(12..14) == Some(&[0x08, 0x00]));
        let between = addresses.is_some_and(|seen| [a, b].concat() == seen || [b, a].concat() == seen);
        if !is_ip || !between || frame.at < self.from {
            return vec![frame];
        }
        let (mut first, mut second) = (frame.clone(), Frame { at: (frame.at + 90_000).min(until - 1), ..frame });
        if let Some(destination) = first.bytes.get_mut(..6) {
            destination.copy_from_slice(&self.through);
        }
        if let Some(source) = second.bytes.get_mut(6..12) {
            source.copy_from_slice(&self.through);
        }
        if second.at >= self.altered_from && addresses.is_some_and(|seen| seen.starts_with(&b)) {
            // The last register of an answer with at least one (header, function, count, two bytes) becomes 7,777.
            ip::rewrite_tail(&mut second.bytes, 7_777_u16.to_be_bytes(), 11);
        }
        vec![first, second]
    }
}

/// What a script adds to normal life.
#[derive(Default)]
pub(crate) struct Play {
    pub(crate) talkers: Vec<Box<dyn Talker>>,
    pub(crate) bend: Option<Bend>,
    /// A mirror port that goes dark.
    pub(crate) blind: Option<Tap>,
    /// Hosts that fall silent, and until when.
    pub(crate) silent: Vec<(u32, i64)>,
    /// A second device takes over a host: the host, its own card and the other one.
    pub(crate) takeover: Option<(Mac, Mac)>,
    /// What is wrong with the capture from the attack on, and by how much its clock steps then.
    pub(crate) faults: Faults,
    pub(crate) clock_step: i64,
    /// Somebody in the middle of two hosts.
    pub(crate) relay: Option<Relay>,
    /// Words of the ship's policy and what stands there instead; then lines added to it.
    pub(crate) policy_edits: Vec<(String, String)>,
    pub(crate) policy: Option<String>,
    pub(crate) expect: Vec<Expect>,
}

/// What a script has to work with.
pub(crate) struct Scene<'a> {
    pub(crate) ship: &'static Ship,
    pub(crate) roster: &'a Roster,
    pub(crate) seed: u64,
    /// Nanoseconds since 1970: when the attack begins, and when the run ends.
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) parameters: &'a BTreeMap<String, f64>,
    /// The capture carries tags as a trunk mirror gives them.
    pub(crate) vlan: bool,
}

impl Scene<'_> {
    /// The attack's span.
    pub(crate) fn window(&self) -> Window {
        Window { from: CaptureTime(self.from), to: CaptureTime(self.to) }
    }

    /// A parameter of the script, or its default.
    fn parameter(&self, name: &str, default: f64) -> f64 {
        self.parameters.get(name).copied().unwrap_or(default)
    }

    /// A finding that counts.
    fn required(&self, detections: &[&str], category: &str, min_severity: Severity, within_s: u32) -> Expect {
        Expect {
            detections: detections.iter().map(|id| (*id).to_owned()).collect(),
            category: category.to_owned(),
            min_severity,
            src: None,
            dst: None,
            window: self.window(),
            detect_within_s: within_s,
            required: true,
        }
    }

    /// The controller that a script knows by this name.
    fn controller(&self, host: &str) -> Result<Controller, SimError> {
        self.ship.controller(host)
    }

    /// What this ship has for a script, or an error that says it has nothing of the kind.
    fn mark<T>(&self, mark: Option<T>, what: &'static str) -> Result<T, SimError> {
        mark.ok_or(SimError::NotAboard { ship: self.ship.id, what })
    }

    /// The VLAN of a zone.
    fn vlan_of(&self, zone: &str) -> Result<u16, SimError> {
        Ok(self.roster.network_of(zone)?.vlan)
    }

    /// The label of a host that is known by its card, because it has or uses more than one address.
    fn party_by_card(&self, host: &Host) -> Option<Party> {
        self.party(host).map(|party| Party { ip: None, ..party })
    }

    /// The label of a host of the ship or of a stranger.
    fn party(&self, host: &Host) -> Option<Party> {
        Some(Party::host(host, self.roster.name_of(host.ip)))
    }
}

impl Expect {
    /// Names who did it to whom.
    fn between(mut self, src: Option<Party>, dst: Option<Party>) -> Self {
        self.src = src;
        self.dst = dst;
        self
    }

    /// May be found, but does not count.
    fn optional(mut self) -> Self {
        self.required = false;
        self
    }
}

/// A script.
pub(crate) struct Script {
    pub(crate) name: &'static str,
    /// What happens, in one sentence.
    pub(crate) what: &'static str,
    pub(crate) attack: bool,
    /// Parameters and their defaults.
    pub(crate) parameters: &'static [(&'static str, f64)],
    /// Seconds the attack needs to be seen.
    pub(crate) needs_s: i64,
    /// Seconds of normal life that the attack needs before it, more than usual for those that depend on the ship's state.
    pub(crate) lead_s: i64,
    pub(crate) voyage: Voyage,
    pub(crate) play: fn(&Scene<'_>) -> Result<Play, SimError>,
}

/// Nothing but the ship.
fn normal(_: &Scene<'_>) -> Result<Play, SimError> {
    Ok(Play::default())
}

const fn life(name: &'static str, what: &'static str, voyage: Voyage) -> Script {
    Script { name, what, attack: false, parameters: &[], needs_s: 0, lead_s: 0, voyage, play: normal }
}

const fn attack(
    name: &'static str,
    what: &'static str,
    parameters: &'static [(&'static str, f64)],
    needs_s: i64,
    play: fn(&Scene<'_>) -> Result<Play, SimError>,
) -> Script {
    Script { name, what, attack: true, parameters, needs_s, lead_s: 0, voyage: Voyage::Passage, play }
}

/// Every script there is.
pub(crate) fn all() -> impl Iterator<Item = &'static Script> {
    [
        SCRIPTS,
        life::SCRIPTS,
        sensors::SCRIPTS,
        identity::SCRIPTS,
        segment::SCRIPTS,
        backbone::SCRIPTS,
        process::SCRIPTS,
        controller::SCRIPTS,
        sentences::SCRIPTS,
        office::SCRIPTS,
        outflow::SCRIPTS,
        monitor::SCRIPTS,
        chain::SCRIPTS,
    ]
    .into_iter()
    .flatten()
}

/// Normal life, and the attacks whose files have no list of their own.
const SCRIPTS: &[Script] = &[
    life("sea-day", "normal life on passage: sentences, polls, office and crew, NMEA 2000", Voyage::Passage),
    life("arrival", "normal life while she slows down from sea speed and turns towards a quay", Voyage::Arrival),
    life("anchor-swing", "normal life at anchor: she swings round it, autopilot off", Voyage::Anchor),
    life("berth-night", "normal life alongside: radar, log, echo sounder and autopilot are off", Voyage::Berth),
    attack(
        "rogue-device",
        "an unknown device joins the machinery network, asks for its router and for an address",
        &[],
        60,
        intruder::rogue_device,
    ),
    attack(
        "ip-takeover",
        "a foreign device answers for the main engine gateway while that one is alive",
        &[],
        60,
        intruder::ip_takeover,
    ),
    attack(
        "crew-to-bridge",
        "a crew phone opens the web page of the conning display",
        &[],
        60,
        intruder::crew_to_bridge,
    ),
    attack(
        "modbus-write",
        "the conning display, a reader by policy, writes limits of the main engine",
        &[("value", 700.0)],
        60,
        registers::modbus_write,
    ),
    attack(
        "modbus-range",
        "the conning display reads registers outside the block it is allowed (address -1: as fits the ship)",
        &[("address", -1.0), ("count", 60.0)],
        60,
        registers::modbus_range,
    ),
    attack(
        "pos-jump",
        "the position of one receiver (or of all) steps aside and stays there",
        &[("m", 5_000.0), ("bearing", 135.0), ("receivers", 1.0)],
        60,
        bridge::pos_jump,
    ),
    attack(
        "sfi-clash",
        "another station sends positions under the identity of the first receiver",
        &[],
        60,
        bridge::sfi_clash,
    ),
    attack("nmea-talker", "the autopilot, which may not, sends positions and times", &[], 60, bridge::nmea_talker),
    attack(
        "n2k-claim",
        "a foreign device takes the address of the echo sounder on the NMEA 2000 backbone and reports depths",
        &[("depth", 12.0)],
        60,
        bridge::n2k_claim,
    ),
    attack(
        "silent-device",
        "a device falls silent: 0 the gyro, 1 the first receiver, 2 the transponder, 3 the log",
        &[("asset", 0.0), ("s", 300.0)],
        150,
        network::silent_device,
    ),
    attack(
        "zone-hop",
        "an office PC is plugged into the machinery switch and reads the main engine",
        &[],
        60,
        network::zone_hop,
    ),
    attack("ot-internet", "the alarm server opens sessions with a host ashore", &[], 60, network::ot_internet),
    attack("sweep", "the alarm server looks for hosts that are not there and for open ports", &[], 60, network::sweep),
    attack(
        "arp-mitm",
        "a stranger puts itself between alarm server and main engine gateway",
        &[],
        60,
        network::arp_mitm,
    ),
    attack("window-overrun", "a service laptop goes on after its window has closed", &[], 60, network::window_overrun),
    attack(
        "modbus-scan",
        "the conning display tries twenty units and forty functions: fast, with style=1 slowly, with style=2 in fragments",
        &[("style", 0.0)],
        60,
        registers::modbus_scan,
    ),
    attack(
        "modbus-dangerous",
        "restart, listen-only and programming requests to the generators' gateway",
        &[],
        60,
        registers::modbus_dangerous,
    ),
    attack("pdm", "both receivers report the place of one antenna", &[], 150, navigation::pdm),
    attack(
        "drag",
        "positions are pulled away slowly, with courses and speeds that agree",
        &[("mps", 1.5), ("bearing", 150.0), ("receivers", 3.0)],
        300,
        navigation::drag,
    ),
    attack(
        "time-jump",
        "the time of one receiver (or of all) steps",
        &[("s", 40.0), ("weeks", 0.0), ("receivers", 1.0)],
        60,
        navigation::time_jump,
    ),
    attack("gyro-freeze", "the gyro stands still while the ship alters course", &[], 200, navigation::gyro_freeze),
    attack("gyro-bias", "the gyro drifts away", &[("deg", 8.0), ("ramp", 300.0)], 400, navigation::gyro_bias),
    attack("steer-cmd", "the conning display orders another heading", &[("deg", 30.0)], 60, navigation::steer_cmd),
    attack(
        "n2k-command",
        "an unknown device on the backbone orders another engine speed",
        &[("rpm", 40.0)],
        60,
        bridge::n2k_command,
    ),
    attack(
        "setpoint",
        "the alarm system, which may write 0 or 1, writes another value to a generator",
        &[("value", 7.0)],
        60,
        registers::setpoint,
    ),
    Script {
        lead_s: 720,
        ..attack(
            "ballast-sea",
            "the ballast panel opens valves and starts a pump at sea, where the policy allows it in port only",
            &[],
            60,
            registers::ballast_sea,
        )
    },
    attack(
        "nmea-badsum",
        "one in five lines of the echo sounder has a wrong checksum, as on a noisy cable",
        &[],
        90,
        bridge::nmea_badsum,
    ),
    attack(
        "n2k-flood",
        "a device fills the backbone with messages of high priority",
        &[("fps", 600.0), ("s", 10.0)],
        60,
        bridge::n2k_flood,
    ),
    attack("mirror-loss", "the machinery mirror port goes dark", &[], 150, intruder::mirror_loss),
];

/// The normal life that a script disturbs: the first one of the same voyage.
pub(crate) fn normal_of(script: &Script) -> &'static str {
    let same = |life: &&Script| !life.attack && life.voyage == script.voyage;
    SCRIPTS.iter().find(same).map_or("", |life| life.name)
}

/// Finds a script by name.
pub(crate) fn find(name: &str) -> Result<&'static Script, SimError> {
    all().find(|script| script.name == name).ok_or_else(|| SimError::UnknownScript { name: name.to_owned() })
}

impl Script {
    /// Checks parameters given by the user.
    pub(crate) fn check(&self, given: &BTreeMap<String, f64>, have_s: i64, at_s: i64) -> Result<(), SimError> {
        for key in given.keys() {
            if !self.parameters.iter().any(|(name, _)| name == key) {
                let known: Vec<String> =
                    self.parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                return Err(SimError::UnknownParameter { script: self.name.to_owned(), key: key.clone(), known });
            }
        }
        let need_s = at_s + self.needs_s;
        if self.attack && have_s < need_s {
            return Err(SimError::TooShort { script: self.name.to_owned(), have_s, need_s });
        }
        Ok(())
    }
}

/// Runs `act` for each due time from a first one on, at a fixed interval, at most `times` times.
pub(crate) struct Repeated<F> {
    next: i64,
    period: i64,
    left: u32,
    act: F,
}

impl<F: FnMut(&World, &mut crate::wire::net::Net, i64)> Repeated<F> {
    /// First at `first`, then every `period`.
    pub(crate) fn boxed(first: i64, period: i64, times: u32, act: F) -> Box<dyn Talker>
    where
        F: 'static,
    {
        Box::new(Self { next: first, period: period.max(SECOND / 10), left: times, act })
    }
}

impl<F: FnMut(&World, &mut crate::wire::net::Net, i64)> Talker for Repeated<F> {
    fn tick(&mut self, world: &World, net: &mut crate::wire::net::Net) {
        while self.left > 0 && self.next < world.now + crate::world::STEP {
            (self.act)(world, net, self.next.max(world.now));
            self.next += self.period;
            self.left -= 1;
        }
    }
}
