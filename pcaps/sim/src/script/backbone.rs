//! Attacks on the NMEA 2000 backbone by devices with a NAME of their own: a newcomer, and a twin of one that is there.

use dogwatch_model::Severity;

use super::{Play, Repeated, Scene, Script, attack};
use crate::error::SimError;
use crate::labels::Party;
use crate::rng::Rng;
use crate::ship::ATTACKER_INDEX;
use crate::talk::n2k::{self, Name};
use crate::talker::Talker;
use crate::talker::bus::{ADDRESS_CLAIM, GLOBAL, Sender};
use crate::wire::net::{MILLI, SECOND};
use crate::world::World;

/// The scripts of this file.
pub(super) const SCRIPTS: &[Script] = &[
    attack("n2k-new", "an unknown device joins the NMEA 2000 backbone and reports a battery", &[], 60, newcomer),
    attack("n2k-twin", "a second device reports the speed of the same engine", &[("rpm", 20.0)], 60, twin),
];

/// Claims an address once.
fn claim(scene: &Scene<'_>, address: u8, name: Name) -> Box<dyn Talker> {
    let sender = Sender::new(ATTACKER_INDEX, address);
    Repeated::boxed(scene.from, SECOND, 1, move |_, net, at| {
        sender.single(net, at, 6, ADDRESS_CLAIM, GLOBAL, &name.bytes());
    })
}

fn party(address: u8) -> Option<Party> {
    Some(Party { n2k_address: Some(address), ..Party::default() })
}

/// n2k-new: claims a free address and reports a battery that nobody knows.
fn newcomer(scene: &Scene<'_>) -> Result<Play, SimError> {
    scene.mark(super::bridge::speaking_node(scene, 127_508), "NMEA 2000 backbone")?;
    let address = 90;
    let name = Name { unique: 990_090, manufacturer: 358, function: 170, class: 35, instance: 1 };
    let sender = Sender::new(ATTACKER_INDEX, address);
    let mut rng = Rng::stream(scene.seed, "n2k-new", "battery");
    let mut sid = 0_u8;
    let report = Repeated::boxed(scene.from + SECOND, 1_500 * MILLI, u32::MAX, move |_, net, at| {
        sid = (sid + 1) % 252;
        let payload = n2k::battery(7, 12.6 + rng.normal(0.02), 1.1, 295.0, sid);
        sender.single(net, at, 6, 127_508, GLOBAL, &payload);
    });
    let new = scene.required(&["DW-1009"], "asset", Severity::Medium, 30).between(party(address), None);
    let unlisted = scene.required(&["DW-3010"], "protocol", Severity::Low, 60).optional();
    Ok(Play { talkers: vec![claim(scene, address, name), report], expect: vec![new, unlisted], ..Play::default() })
}

/// n2k-twin: claims a free address and sends engine speeds of the same instance between those of the true gateway, at the same rate.
fn twin(scene: &Scene<'_>) -> Result<Play, SimError> {
    let engine = scene.ship.nodes.iter().find(|node| node.sends.contains(&127_488));
    scene.mark(engine, "engine on an NMEA 2000 backbone")?;
    let address = 91;
    let name = Name { unique: 990_091, manufacturer: 717, function: 160, class: 50, instance: 0 };
    let sender = Sender::new(ATTACKER_INDEX, address);
    let offset = scene.parameter("rpm", 20.0);
    let mut rng = Rng::stream(scene.seed, "n2k-twin", "speed");
    let report = Repeated::boxed(scene.from + SECOND, 100 * MILLI, u32::MAX, move |world: &World, net, at| {
        let rpm = (world.machinery.rpm + offset + rng.normal(0.3)).max(0.0);
        let payload = n2k::engine_rapid(rpm, world.machinery.scavenge_bar * 1e5);
        sender.single(net, at + 41 * MILLI, 2, 127_488, GLOBAL, &payload);
    });
    let two = scene.required(&["DW-3017"], "protocol", Severity::Medium, 30);
    let new = scene.required(&["DW-1009"], "asset", Severity::Medium, 30).between(party(address), None).optional();
    let unlisted = scene.required(&["DW-3010"], "protocol", Severity::Low, 60).optional();
    Ok(Play { talkers: vec![claim(scene, address, name), report], expect: vec![two, new, unlisted], ..Play::default() })
}
