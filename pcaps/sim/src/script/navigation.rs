//! Attacks on what the ship believes of her own position, time and heading, and on who may steer her.

use dogwatch_model::Severity;

use super::{Play, Repeated, Scene};
use crate::error::SimError;
use crate::labels::Party;
use crate::talk::lwe::{self, Tagger};
use crate::talk::nmea;
use crate::wire::net::SECOND;
use crate::world::{GyroFault, ReceiverFault, World, geodesy};

/// The receivers that a script bends: the first one, or all of them when `receivers` is above 1.
fn receivers(scene: &Scene<'_>, default: f64) -> &'static [u8] {
    if scene.parameter("receivers", default) > 1.0 { ALL_RECEIVERS } else { &[1] }
}

/// All receivers but the one inside the transponder.
pub(super) const ALL_RECEIVERS: &[u8] = &[1, 2, 3, 5];

/// pdm: a single false signal reaches both antennas, so that both receivers report the place of the first.
pub(super) fn pdm(scene: &Scene<'_>) -> Result<Play, SimError> {
    let receivers = scene.ship.bridge.receivers;
    let bend = Box::new(move |world: &mut World| {
        let [first, second] = [0, 1].map(|at| {
            let (forward, starboard, _) = receivers.get(at).map_or((0.0, 0.0, 0.0), |(_, plan)| plan.antenna);
            world.point(forward, starboard)
        });
        let shift = geodesy::offset(second.0, second.1, first.0, first.1);
        world.effects.receivers.insert(2, ReceiverFault { shift, ..ReceiverFault::default() });
    });
    let merged = scene.required(&["DW-5002"], "navigation", Severity::High, 120);
    Ok(Play { bend: Some(bend), expect: vec![merged], ..Play::default() })
}

/// drag: the position is pulled away slowly, course and speed agreeing with it.
pub(super) fn drag(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (speed, bearing) = (scene.parameter("mps", 1.5), scene.parameter("bearing", 150.0).to_radians());
    let pull = (speed * libm::cos(bearing), speed * libm::sin(bearing));
    let (from, which) = (scene.from, receivers(scene, 3.0));
    let all = which.len() > 1;
    let bend = Box::new(move |world: &mut World| {
        let seconds = (world.now - from) as f64 / SECOND as f64;
        let shift = (pull.0 * seconds, pull.1 * seconds);
        for number in which.iter().copied() {
            world.effects.receivers.insert(number, ReceiverFault { shift, pull, ..ReceiverFault::default() });
        }
    });
    let moved = scene.required(&["DW-5003"], "navigation", Severity::High, 240);
    let apart = scene.required(&["DW-5002"], "navigation", Severity::High, 120);
    let apart = if all { apart.optional() } else { apart };
    let own = scene.required(&["DW-5009"], "navigation", Severity::Medium, 300).optional();
    Ok(Play { bend: Some(bend), expect: vec![moved, apart, own], ..Play::default() })
}

/// time-jump: the time of the first receiver steps by seconds, or by weeks as a rolled-over receiver does.
pub(super) fn time_jump(scene: &Scene<'_>) -> Result<Play, SimError> {
    let seconds = scene.parameter("s", 40.0) + scene.parameter("weeks", 0.0) * 604_800.0;
    let late = (seconds * 1e3) as i64 * 1_000_000;
    let which = receivers(scene, 1.0);
    let bend = Box::new(move |world: &mut World| {
        for number in which.iter().copied() {
            world.effects.receivers.insert(number, ReceiverFault { late, ..ReceiverFault::default() });
        }
    });
    let receiver = scene.roster.host("gnss-1")?;
    let jump = scene.required(&["DW-5004"], "navigation", Severity::High, 15).between(scene.party(&receiver), None);
    Ok(Play { bend: Some(bend), expect: vec![jump], ..Play::default() })
}

/// gyro-freeze: the heading stands still while the ship alters course by 40 degrees.
pub(super) fn gyro_freeze(scene: &Scene<'_>) -> Result<Play, SimError> {
    let from = scene.from;
    let mut frozen = None;
    let bend = Box::new(move |world: &mut World| {
        let held = *frozen.get_or_insert(world.motion.heading);
        world.effects.gyro = GyroFault { frozen: Some(held), ..GyroFault::default() };
        if world.now > from + 10 * SECOND {
            world.motion.alter_course((held + 40.0).rem_euclid(360.0));
        }
    });
    gyro_play(scene, bend, 180)
}

/// gyro-bias: the heading drifts away by `deg` over `ramp` seconds and stays there.
pub(super) fn gyro_bias(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (degrees, ramp) = (scene.parameter("deg", 8.0), scene.parameter("ramp", 300.0).max(1.0));
    let from = scene.from;
    let bend = Box::new(move |world: &mut World| {
        let share = ((world.now - from) as f64 / SECOND as f64 / ramp).min(1.0);
        world.effects.gyro = GyroFault { bias: degrees * share, ..GyroFault::default() };
    });
    gyro_play(scene, bend, ramp as u32 + 60)
}

fn gyro_play(scene: &Scene<'_>, bend: super::Bend, within_s: u32) -> Result<Play, SimError> {
    let gyro = scene.roster.host("gyro")?;
    let found = scene.required(&["DW-5006"], "navigation", Severity::High, within_s).between(scene.party(&gyro), None);
    Ok(Play { bend: Some(bend), expect: vec![found], ..Play::default() })
}

/// steer-cmd: the conning display, which may only show, orders another heading and another track.
pub(super) fn steer_cmd(scene: &Scene<'_>) -> Result<Play, SimError> {
    let liar = scene.roster.host("conning")?;
    let change = scene.parameter("deg", 30.0);
    let mut tagger = Tagger::new("EI0003", false);
    let order = Repeated::boxed(scene.from, SECOND, u32::MAX, move |world: &World, net, at| {
        let course = (world.motion.leg().course + change).rem_euclid(360.0);
        let lines = [nmea::htc("EI", course, course), nmea::apb("EI", 0.2, course, "WP099", course)];
        let payload = lwe::datagram(&tagger.lines(at, &lines, false));
        net.send_udp_to_many(at, (&liar, 51_001), lwe::NAVD.endpoint(), &payload);
    });
    let src = scene.party(&liar).map(|party| Party { sfi: Some("EI0003".to_owned()), ..party });
    let steers = scene.required(&["DW-5012"], "navigation", Severity::High, 15).between(src.clone(), None);
    let unlisted = scene.required(&["DW-3010"], "protocol", Severity::High, 15).between(src, None).optional();
    Ok(Play { talkers: vec![order], expect: vec![steers, unlisted], ..Play::default() })
}
