//! Attacks on the values of the process: out of range, too fast, standing still, contradicting each other, switched to and fro.
//!
//! The values change in the controller, so that everyone who reads them sees the same.

use dogwatch_model::Severity;

use super::{Bend, Play, Repeated, Scene, Script, attack};
use crate::error::SimError;
use crate::labels::Expect;
use crate::rng::Rng;
use crate::talk::modbus::{self, function};
use crate::talker::modbus::Link;
use crate::talker::plant::Controller;
use crate::wire::net::{Host, SECOND};
use crate::world::World;

/// Normal life before an attack on values that a monitor must have learned.
const LEARNING_S: i64 = 900;

const fn learned(script: Script) -> Script {
    Script { lead_s: LEARNING_S, ..script }
}

/// The scripts of this file.
pub(super) const SCRIPTS: &[Script] = &[
    learned(attack("limit", "an exhaust temperature rises beyond everything seen", &[("celsius", 640.0)], 120, limit)),
    learned(attack("ramp", "the cooling water changes faster than water can", &[("k", 30.0)], 90, ramp)),
    learned(attack("freeze", "the values of the main engine stand still while she slows down", &[], 240, freeze)),
    learned(attack("inconsistent", "the fuel flow no longer fits the power", &[("factor", 1.8)], 150, inconsistent)),
    attack("flap", "a generator is started and stopped thirty times a minute", &[("n", 40.0)], 120, flap),
    attack("trip-limit", "the alarm system changes the limits that stop the main engine", &[], 60, trip_limit),
];

fn bent(bend: Bend, expect: Expect) -> Result<Play, SimError> {
    Ok(Play { bend: Some(bend), expect: vec![expect], ..Play::default() })
}

/// The main engine gateway's register gets a value.
fn write(world: &mut World, engine: Controller, address: u16, value: f64) {
    let value = value.round().clamp(0.0, 65_535.0) as u16;
    world.effects.written.insert((engine.host, 1, address), value);
}

fn seconds(world: &World, from: i64) -> f64 {
    (world.now - from) as f64 / SECOND as f64
}

/// limit: the temperature after the third cylinder climbs to `celsius` within 40 s and stays there.
fn limit(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (goal, from) = (scene.parameter("celsius", 640.0), scene.from);
    let engine = scene.controller("me-gateway")?;
    let mut start = None;
    let bend = Box::new(move |world: &mut World| {
        let now = world.machinery.exhaust_c.get(2).copied().unwrap_or_default();
        let start = *start.get_or_insert(now);
        let share = (seconds(world, from) / 40.0).min(1.0);
        write(world, engine, 5, (start + (goal - start) * share) * 10.0);
    });
    bent(bend, scene.required(&["DW-4001"], "process", Severity::Medium, 90))
}

/// ramp: every ten seconds the cooling water jumps up or down by `k` kelvin within two seconds.
fn ramp(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (step, from) = (scene.parameter("k", 30.0), scene.from);
    let engine = scene.controller("me-gateway")?;
    let bend = Box::new(move |world: &mut World| {
        let phase = seconds(world, from) % 20.0;
        let share = if phase < 10.0 { (phase / 2.0).min(1.0) } else { 1.0 - ((phase - 10.0) / 2.0).min(1.0) };
        write(world, engine, 12, (world.machinery.coolant_c - step * share) * 10.0);
    });
    bent(bend, scene.required(&["DW-4002", "DW-4001"], "process", Severity::Low, 60))
}

/// freeze: speed, power, fuel and exhaust stay as they were, though the ship is ordered to half her speed.
fn freeze(scene: &Scene<'_>) -> Result<Play, SimError> {
    let from = scene.from;
    let engine = scene.controller("me-gateway")?;
    let half =
        scene.ship.departure(crate::world::Voyage::Passage)?.legs.first().map_or(11.0, |leg| leg.speed_kn) * 5.5 / 11.2;
    let mut held: Option<Vec<(u16, u16)>> = None;
    let bend = Box::new(move |world: &mut World| {
        if world.now > from + 5 * SECOND {
            world.motion.order_speed(half);
        }
        let now = || (0..=8).map(|at| (at, engine.register(world, 1, at))).collect();
        for (address, value) in held.get_or_insert_with(now) {
            world.effects.written.insert((engine.host, 1, *address), *value);
        }
    });
    bent(bend, scene.required(&["DW-4003"], "process", Severity::Medium, 240))
}

/// inconsistent: the fuel flow reported is `factor` times what the power needs.
fn inconsistent(scene: &Scene<'_>) -> Result<Play, SimError> {
    let factor = scene.parameter("factor", 1.8);
    let engine = scene.controller("me-gateway")?;
    let bend = Box::new(move |world: &mut World| {
        let fuel = world.machinery.fuel_kg_h * factor * 10.0;
        write(world, engine, 2, fuel);
        write(world, engine, 102, fuel);
    });
    bent(bend, scene.required(&["DW-4006"], "process", Severity::Low, 120))
}

fn link(scene: &Scene<'_>, client: Host, server: Host, port: u16) -> Link {
    Link::new(client, port, server, Rng::stream(scene.seed, "process", "link"))
}

/// flap: start and stop requests to the third set, one every two seconds, each allowed by itself.
fn flap(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (mark, per_minute) =
        scene.mark(scene.ship.marks.switched, "output that may be switched a few times a minute")?;
    let (client, server) = (scene.roster.host(mark.client)?, scene.roster.host(mark.server)?);
    let mut link = link(scene, client, server, 48_031);
    let count = scene.parameter("n", 40.0).clamp(2.0, 10_000.0) as u32;
    let mut on = false;
    let toggle = Repeated::boxed(scene.from, 2 * SECOND, count, move |_, net, at| {
        on = !on;
        let request = if mark.is_coil {
            modbus::pair(function::WRITE_COIL, mark.address, if on { 0xFF00 } else { 0 })
        } else {
            modbus::pair(function::WRITE_REGISTER, mark.address, u16::from(on))
        };
        link.ask(net, at, mark.unit, &request, &request);
    });
    let pair = (scene.party(&client), scene.party(&server));
    let rate = scene.required(&["DW-2008"], "zone", Severity::Medium, 120).between(pair.0.clone(), pair.1.clone());
    // A rate is forgiven for some of its periods: three times what a line allows takes longer to show than this goes on.
    let rate = if per_minute * 4 > 30 { rate.optional() } else { rate };
    let flaps = scene.required(&["DW-4005"], "process", Severity::Medium, 60).between(pair.0, pair.1);
    Ok(Play { talkers: vec![toggle], expect: vec![rate, flaps], ..Play::default() })
}

/// trip-limit: the limits of speed, load and exhaust temperature are raised, one after the other.
fn trip_limit(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (client, server) = (scene.roster.host("alarm-server")?, scene.roster.host("me-gateway")?);
    let mut link = link(scene, client, server, 48_032);
    let mut left = [(110, 1_150_u16), (111, 1_400), (112, 7_000)].into_iter();
    let raise = Repeated::boxed(scene.from, 8 * SECOND, 3, move |_, net, at| {
        if let Some((address, value)) = left.next() {
            let request = modbus::pair(function::WRITE_REGISTER, address, value);
            link.ask(net, at, 1, &request, &request);
        }
    });
    let from = scene.from;
    let engine = scene.controller("me-gateway")?;
    let bend = Box::new(move |world: &mut World| {
        for (number, (address, value)) in (0..).zip([(110, 1_150.0), (111, 1_400.0), (112, 7_000.0)]) {
            if world.now > from + number * 8 * SECOND + SECOND {
                write(world, engine, address, value);
            }
        }
    });
    let pair = (scene.party(&client), scene.party(&server));
    let raised = scene.required(&["DW-4008"], "process", Severity::High, 30).between(pair.0.clone(), pair.1.clone());
    let denied = scene.required(&["DW-2002", "DW-3001"], "zone", Severity::High, 15).between(pair.0, pair.1).optional();
    Ok(Play { talkers: vec![raise], bend: Some(bend), expect: vec![raised, denied], ..Play::default() })
}
