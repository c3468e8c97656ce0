//! Attacks on what sensors report: old or jammed satellite signals, lost fixes, another datum, impossible speeds and depths, and AIS.

use dogwatch_model::Severity;

use super::{Bend, Play, Scene, Script, attack};
use crate::error::SimError;
use crate::labels::Expect;
use crate::rng::Rng;
use crate::wire::net::SECOND;
use crate::world::traffic::Target;
use crate::world::{DepthFault, OwnReportFault, ReceiverFault, World, geodesy};

/// The scripts of this file.
pub(super) const SCRIPTS: &[Script] = &[
    attack("replay", "satellite signals recorded some time ago are sent again", &[("s", 120.0)], 90, replay),
    attack("jam", "a jammer takes the satellite signals away, decibel by decibel", &[("db", 15.0)], 150, jam),
    attack("fix-lost", "every receiver loses its fix", &[], 150, fix_lost),
    attack("datum", "the first receiver changes to another datum", &[], 150, datum),
    attack(
        "sog-limit",
        "the first receiver reports a speed that no such ship can make",
        &[("kn", 38.0)],
        60,
        sog_limit,
    ),
    attack("depth", "the echo sounder jumps to a shoal and back, then stands still", &[("factor", 0.3)], 240, depth),
    attack(
        "ais-own",
        "the transponder reports another place, or with identity=1 another number, for the own ship",
        &[("m", 900.0), ("identity", 0.0)],
        90,
        ais_own,
    ),
    attack("ais-clone", "another ship is heard with our own number, three miles away", &[("nm", 3.0)], 60, ais_clone),
    attack("ais-ghost", "ships that are not there appear on AIS", &[("n", 150.0)], 150, ais_ghost),
];

fn bent(bend: Bend, expect: Vec<Expect>) -> Result<Play, SimError> {
    Ok(Play { bend: Some(bend), expect, ..Play::default() })
}

/// Does the same to some receivers.
fn receivers(numbers: &'static [u8], fault: impl Fn(&World) -> ReceiverFault + 'static) -> Bend {
    Box::new(move |world: &mut World| {
        let fault = fault(world);
        for number in numbers {
            world.effects.receivers.insert(*number, fault);
        }
    })
}

/// replay: the first receiver hears what was in the air `s` seconds ago; time and place come again as they were.
fn replay(scene: &Scene<'_>) -> Result<Play, SimError> {
    let age = scene.parameter("s", 120.0).clamp(10.0, 1_000.0) as i64 * SECOND;
    let bend = receivers(&[1], move |_| ReceiverFault { replay: Some(age), ..ReceiverFault::default() });
    let receiver = scene.party(&scene.roster.host("gnss-1")?);
    let again = scene.required(&["DW-5014"], "navigation", Severity::High, 30).between(receiver.clone(), None);
    let time = scene.required(&["DW-5004"], "navigation", Severity::High, 30).between(receiver, None).optional();
    let jump = scene.required(&["DW-5001"], "navigation", Severity::High, 30).optional();
    let apart = scene.required(&["DW-5002"], "navigation", Severity::High, 90).optional();
    bent(bend, vec![again, time, jump, apart])
}

/// jam: within 20 s every signal at every antenna loses `db` decibels; satellites drop out one after the other.
fn jam(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (full, from) = (scene.parameter("db", 15.0).clamp(0.0, 60.0), scene.from);
    let bend = receivers(&[1, 2, 3, 4, 5], move |world| {
        let share = ((world.now - from) as f64 / (20 * SECOND) as f64).min(1.0);
        ReceiverFault { jam_db: full * share, ..ReceiverFault::default() }
    });
    let jammed = scene.required(&["DW-5005"], "navigation", Severity::Medium, 90);
    let lost = scene.required(&["DW-5015"], "navigation", Severity::Medium, 150).optional();
    bent(bend, vec![jammed, lost])
}

/// fix-lost: no receiver has a fix; their clocks go on.
fn fix_lost(scene: &Scene<'_>) -> Result<Play, SimError> {
    let bend = receivers(&[1, 2, 3, 4, 5], |_| ReceiverFault { lost: true, ..ReceiverFault::default() });
    let lost = scene.required(&["DW-5015"], "navigation", Severity::Medium, 90);
    let weak = scene.required(&["DW-5005"], "navigation", Severity::Medium, 90).optional();
    bent(bend, vec![lost, weak])
}

/// datum: the first receiver reports in a local datum; its positions shift by what it says.
fn datum(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (north_min, east_min) = (0.0581, 0.1123);
    let bend = Box::new(move |world: &mut World| {
        world.effects.datum = Some(("999", north_min, east_min, -42.0));
        // A minute of latitude is a mile; one of longitude shrinks with the latitude.
        let east = east_min * 1_852.0 * libm::cos(world.motion.lat.to_radians());
        let shift = (-north_min * 1_852.0, -east);
        world.effects.receivers.insert(1, ReceiverFault { shift, ..ReceiverFault::default() });
    });
    let receiver = scene.party(&scene.roster.host("gnss-1")?);
    let changed = scene.required(&["DW-5013"], "navigation", Severity::Low, 120).between(receiver, None);
    let apart = scene.required(&["DW-5002"], "navigation", Severity::High, 60).optional();
    let jump = scene.required(&["DW-5001"], "navigation", Severity::High, 30).optional();
    bent(bend, vec![changed, apart, jump])
}

/// sog-limit: course and speed of the first receiver say `kn`, its positions go on as before.
fn sog_limit(scene: &Scene<'_>) -> Result<Play, SimError> {
    let speed = scene.parameter("kn", 38.0).clamp(0.0, 99.0);
    let bend = receivers(&[1], move |_| ReceiverFault { speed_kn: Some(speed), ..ReceiverFault::default() });
    let receiver = scene.party(&scene.roster.host("gnss-1")?);
    let fast = scene.required(&["DW-5007"], "navigation", Severity::Medium, 30).between(receiver, None);
    bent(bend, vec![fast])
}

/// depth: three times for three seconds a share of the depth, then the same depth for minutes.
fn depth(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (factor, from) = (scene.parameter("factor", 0.3).clamp(0.01, 3.0), scene.from);
    let mut held = None;
    let bend = Box::new(move |world: &mut World| {
        let seconds = (world.now - from) / SECOND;
        world.effects.depth = match seconds {
            0..60 => DepthFault { factor: (seconds % 20 < 3).then_some(factor), frozen: None },
            _ => DepthFault { factor: None, frozen: Some(*held.get_or_insert(world.motion.depth() - 5.0)) },
        };
    });
    let sounder = scene.party(&scene.roster.host("echo-sounder")?);
    let found = scene.required(&["DW-5008"], "navigation", Severity::Low, 60).between(sounder, None);
    bent(bend, vec![found])
}

/// ais-own: the own reports (VDO) carry another place, or another number.
fn ais_own(scene: &Scene<'_>) -> Result<Play, SimError> {
    let metres = scene.parameter("m", 900.0);
    let mmsi = (scene.parameter("identity", 0.0) > 0.0).then_some(273_991_234);
    let shift = if mmsi.is_some() { (0.0, 0.0) } else { (metres * 0.8, -metres * 0.6) };
    let bend = Box::new(move |world: &mut World| world.effects.own_report = OwnReportFault { shift, mmsi });
    let severity = if mmsi.is_some() { Severity::High } else { Severity::Medium };
    let transponder = scene.party(&scene.roster.host("ais")?);
    let found = scene.required(&["DW-5009"], "navigation", severity, 60).between(transponder, None);
    bent(bend, vec![found])
}

/// ais-clone: a ship that is not there goes by our own number, some miles north of us.
fn ais_clone(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (mmsi, metres) = (scene.ship.identity.mmsi, scene.parameter("nm", 3.0) * 1_852.0);
    let seed = scene.seed;
    let mut there = false;
    let bend = Box::new(move |world: &mut World| {
        if !std::mem::replace(&mut there, true) {
            let place = geodesy::moved(world.motion.lat, world.motion.lon, metres, 0.0);
            world.traffic.targets.push(Target::ghost(seed, 0, mmsi, place, 200.0, 9.0));
        }
    });
    let clone = scene.required(&["DW-5010"], "navigation", Severity::High, 30);
    bent(bend, vec![clone])
}

/// ais-ghost: `n` ships within ten miles, half a second apart at first, and all of them go on to report.
fn ais_ghost(scene: &Scene<'_>) -> Result<Play, SimError> {
    let count = scene.parameter("n", 150.0).clamp(1.0, 1_000.0) as u32;
    let (from, seed) = (scene.from, scene.seed);
    let mut rng = Rng::stream(seed, "ais-ghost", "places");
    let mut made = 0;
    let bend = Box::new(move |world: &mut World| {
        let due = ((world.now - from) / (SECOND / 2)) as u32 + 1;
        while made < due.min(count) {
            let (bearing, range) = (rng.between(0.0, std::f64::consts::TAU), rng.between(1_500.0, 18_000.0));
            let (north, east) = (range * libm::cos(bearing), range * libm::sin(bearing));
            let place = geodesy::moved(world.motion.lat, world.motion.lon, north, east);
            // A flag and a block of numbers that the other targets do not use.
            let mmsi = 273_900_000 + made * 7;
            let ghost = Target::ghost(seed, made, mmsi, place, rng.between(0.0, 360.0), rng.between(6.0, 22.0));
            world.traffic.targets.push(ghost);
            made += 1;
        }
    });
    let found = scene.required(&["DW-5011"], "navigation", Severity::Medium, 120);
    bent(bend, vec![found])
}
