//! Attacks on positions, sentence identities and the NMEA 2000 backbone.

use dogwatch_model::Severity;

use super::{Play, Repeated, Scene};
use crate::error::SimError;
use crate::labels::Party;
use crate::rng::Rng;
use crate::ship::{ATTACKER_INDEX, NodePlan};
use crate::talk::lwe::{self, Tagger};
use crate::talk::n2k::{self, Name};
use crate::talk::nmea::{self, Fix};
use crate::talker::bridge::ReceiverNoise;
use crate::talker::bus::{ADDRESS_CLAIM, GLOBAL, Sender};
use crate::wire::net::{Host, MILLI, SECOND};
use crate::world::{ReceiverFault, World, geodesy};

/// pos-jump: a step of `m` metres towards `bearing` in the first receiver, or in all with `receivers` above 1.
pub(super) fn pos_jump(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (metres, bearing) = (scene.parameter("m", 5_000.0), scene.parameter("bearing", 135.0).to_radians());
    let shift = (metres * libm::cos(bearing), metres * libm::sin(bearing));
    let all = scene.parameter("receivers", 1.0) > 1.0;
    let bend = Box::new(move |world: &mut World| {
        for receiver in if all { super::navigation::ALL_RECEIVERS } else { &[1] } {
            world.effects.receivers.insert(*receiver, ReceiverFault { shift, ..ReceiverFault::default() });
        }
    });
    let receiver = scene.roster.host("gnss-1")?;
    let jump = scene.required(&["DW-5001"], "navigation", Severity::High, 15).between(scene.party(&receiver), None);
    let apart = scene.required(&["DW-5002"], "navigation", Severity::High, 60);
    // When every receiver jumps together they still agree.
    let apart = if all { apart.optional() } else { apart };
    Ok(Play { bend: Some(bend), expect: vec![jump, apart], ..Play::default() })
}

/// Positions `metres` to the east, once a second, in datagrams of `host` under the name `sfi`.
fn false_positions(
    scene: &Scene<'_>,
    host: Host,
    sfi: &str,
    talker: &'static str,
    metres: f64,
) -> Box<dyn crate::talker::Talker> {
    let mut tagger = Tagger::new(sfi, true);
    let mut noise = ReceiverNoise::new(scene.seed, "false-position");
    let port = 51_000;
    let first = (scene.from + SECOND - 1).div_euclid(SECOND) * SECOND;
    Repeated::boxed(first, SECOND, u32::MAX, move |world: &World, net, at| {
        let place = world.point(0.0, 0.0);
        let place = geodesy::moved(place.0, place.1, 0.0, metres);
        let fix = Fix { ..noise.fix(world, place, 24.0, ReceiverFault::default()) };
        for (number, line) in
            (0..).zip([nmea::gga(talker, &fix), nmea::rmc(talker, &fix), nmea::zda(talker, fix.at, 0)])
        {
            let at = at + 140 * MILLI + number * 2 * MILLI;
            let payload = lwe::datagram(&tagger.lines(at, &[line], false));
            net.send_udp_to_many(at, (&host, port), lwe::NAVD.endpoint(), &payload);
        }
    })
}

/// sfi-clash: the recorder sends as GP0001, beside the receiver that owns the name.
pub(super) fn sfi_clash(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (liar, owner) = (scene.roster.host("recorder")?, scene.roster.host("gnss-1")?);
    let talker = false_positions(scene, liar, "GP0001", "GP", 40.0);
    let named = |host: &Host| scene.party(host).map(|party| Party { sfi: Some("GP0001".to_owned()), ..party });
    let clash = scene.required(&["DW-3011"], "protocol", Severity::High, 15).between(named(&liar), named(&owner));
    let unlisted = scene.required(&["DW-3010"], "protocol", Severity::High, 15).between(named(&liar), None).optional();
    Ok(Play { talkers: vec![talker], expect: vec![clash, unlisted], ..Play::default() })
}

/// nmea-talker: the autopilot, under its own name, sends what only receivers may.
pub(super) fn nmea_talker(scene: &Scene<'_>) -> Result<Play, SimError> {
    let liar = scene.roster.host("autopilot")?;
    let talker = false_positions(scene, liar, "AG0001", "GP", 300.0);
    let src = scene.party(&liar).map(|party| Party { sfi: Some("AG0001".to_owned()), ..party });
    let unlisted = scene.required(&["DW-3010"], "protocol", Severity::High, 15).between(src.clone(), None);
    let counter = scene.required(&["DW-3011"], "protocol", Severity::High, 60).between(src, None).optional();
    Ok(Play { talkers: vec![talker], expect: vec![unlisted, counter], ..Play::default() })
}

/// The device that sends `pgn`, or on a bus without one the first that measures anything.
pub(super) fn speaking_node(scene: &Scene<'_>, pgn: u32) -> Option<&'static NodePlan> {
    let nodes = scene.ship.nodes;
    nodes.iter().find(|node| node.sends.contains(&pgn)).or_else(|| nodes.iter().rfind(|node| !node.sends.is_empty()))
}

/// n2k-claim: claims the sounder's address with a lower NAME; the sounder defends itself, loses, says it has no address, and falls
/// silent; the thief goes on with depths of its own.
pub(super) fn n2k_claim(scene: &Scene<'_>) -> Result<Play, SimError> {
    let victim = scene.mark(speaking_node(scene, 128_267), "NMEA 2000 backbone")?;
    let pgn = victim.sends.first().copied().unwrap_or(128_267);
    // Lower than any other NAME of the bus, so that it wins every arbitration.
    let thief = Name { unique: 17, manufacturer: 275, function: 130, class: 60, instance: 0 };
    let address = victim.address;
    let mine = Sender::new(ATTACKER_INDEX, address);
    let theirs = Sender::new(ATTACKER_INDEX + 1, address);
    let homeless = Sender::new(ATTACKER_INDEX + 1, 254);
    let name = victim.name;
    let mut round = 0;
    let fight = Repeated::boxed(scene.from, 700 * MILLI, 4, move |_, net, at| {
        mine.single(net, at, 6, ADDRESS_CLAIM, GLOBAL, &thief.bytes());
        if round == 0 {
            theirs.single(net, at + 40 * MILLI, 6, ADDRESS_CLAIM, GLOBAL, &name.bytes());
        } else if round == 1 {
            homeless.single(net, at + 90 * MILLI, 6, ADDRESS_CLAIM, GLOBAL, &name.bytes());
        }
        round += 1;
    });
    let depth = scene.parameter("depth", 12.0);
    let voice = Sender::new(ATTACKER_INDEX, address);
    let mut rng = Rng::stream(scene.seed, "n2k-claim", "depth");
    let mut sid = 0_u8;
    let report = Repeated::boxed(scene.from + 3 * SECOND, SECOND, u32::MAX, move |_, net, at| {
        sid = (sid + 1) % 252;
        let value = depth + rng.normal(0.05);
        let payload = if pgn == 128_267 { n2k::depth(sid, value, 4.6) } else { n2k::wind(sid, value, 1.2) };
        voice.single(net, at, 3, pgn, GLOBAL, &payload);
    });
    let bend = Box::new(move |world: &mut World| {
        if !world.effects.muted_nodes.contains(&address) {
            world.effects.muted_nodes.push(address);
        }
    });
    let party = Some(Party { n2k_address: Some(address), ..Party::default() });
    let taken = scene.required(&["DW-3014"], "protocol", Severity::High, 15).between(party, None);
    let unknown = scene.required(&["DW-1009"], "asset", Severity::Medium, 30).optional();
    let unlisted = scene.required(&["DW-3010"], "protocol", Severity::Medium, 60).optional();
    Ok(Play {
        talkers: vec![fight, report],
        bend: Some(bend),
        expect: vec![taken, unknown, unlisted],
        ..Play::default()
    })
}

/// n2k-command: a device that nobody knows claims a free address and orders the engine gateway to another speed.
pub(super) fn n2k_command(scene: &Scene<'_>) -> Result<Play, SimError> {
    let target = scene.mark(speaking_node(scene, 127_488), "NMEA 2000 backbone")?;
    let (is_engine, target) = (target.sends.contains(&127_488), target.address);
    let address = 77;
    let name = Name { unique: 990_001, manufacturer: 717, function: 130, class: 25, instance: 0 };
    let rpm = scene.parameter("rpm", 40.0);
    let mut sender = Sender::new(ATTACKER_INDEX, address);
    let claim = sender.clone();
    let join = Repeated::boxed(scene.from, SECOND, 1, move |_, net, at| {
        claim.single(net, at, 6, ADDRESS_CLAIM, GLOBAL, &name.bytes());
    });
    let order = Repeated::boxed(scene.from + 5 * SECOND, 5 * SECOND, 8, move |_, net, at| {
        // Where no engine is on the bus, the wind sensor is told to be something else.
        let command = if is_engine { n2k::command_engine_speed(rpm) } else { n2k::command_wind_reference(2) };
        sender.fast_to(net, at, 3, (126_208, target), &command);
    });
    let from = Some(Party { n2k_address: Some(address), ..Party::default() });
    let to = Some(Party { n2k_address: Some(target), ..Party::default() });
    let severity = if is_engine { Severity::High } else { Severity::Medium };
    let commanded = scene.required(&["DW-3015"], "protocol", severity, 15).between(from.clone(), to);
    let unknown = scene.required(&["DW-1009"], "asset", Severity::Medium, 30).between(from, None).optional();
    Ok(Play { talkers: vec![join, order], expect: vec![commanded, unknown], ..Play::default() })
}

/// nmea-badsum: a damaged depth sentence every 4 s beside the good ones, from the echo sounder's own address.
pub(super) fn nmea_badsum(scene: &Scene<'_>) -> Result<Play, SimError> {
    let sounder = scene.roster.host("echo-sounder")?;
    let mut tagger = Tagger::new("SD0001", false);
    let mut rng = Rng::stream(scene.seed, "nmea-badsum", "noise");
    let noise = Repeated::boxed(scene.from, 4 * SECOND, u32::MAX, move |world: &World, net, at| {
        let good = nmea::sentence(&format!("SDDPT,{:.1},5.0,200.0", world.motion.depth() - 5.0));
        // One bit of one digit flips on the way; the sum behind the star stays.
        let place = 7 + rng.below(2) as usize;
        let damaged: String =
            good.char_indices().map(|(at, c)| if at == place { char::from(c as u8 ^ 1) } else { c }).collect();
        let payload = lwe::datagram(&tagger.lines(at, &[damaged], false));
        net.send_udp_to_many(at, (&sounder, 50_000 + sounder.index as u16), lwe::NAVD.endpoint(), &payload);
    });
    let found = scene.required(&["DW-3009"], "protocol", Severity::Low, 90).between(scene.party(&sounder), None);
    let counter = scene.required(&["DW-3011"], "protocol", Severity::Medium, 120).optional();
    Ok(Play { talkers: vec![noise], expect: vec![found, counter], ..Play::default() })
}

/// n2k-flood: nonsense of the highest priority, as many frames a second as asked for and the bus can carry.
pub(super) fn n2k_flood(scene: &Scene<'_>) -> Result<Play, SimError> {
    scene.mark(speaking_node(scene, 127_250), "NMEA 2000 backbone")?;
    let address = 78;
    let (rate, seconds) =
        (scene.parameter("fps", 600.0).clamp(1.0, 2_000.0), scene.parameter("s", 10.0).clamp(1.0, 3_600.0));
    let sender = Sender::new(ATTACKER_INDEX, address);
    let each = (rate / 10.0).max(1.0) as i64;
    let mut rng = Rng::stream(scene.seed, "n2k-flood", "data");
    let flood = Repeated::boxed(scene.from, SECOND / 10, (seconds * 10.0) as u32, move |_, net, at| {
        for number in 0..each {
            let data = rng.bytes(8);
            sender.single(net, at + number * (SECOND / 10 / each), 0, 127_250, GLOBAL, &data);
        }
    });
    let party = Some(Party { n2k_address: Some(address), ..Party::default() });
    let found = scene.required(&["DW-3016", "DW-2008"], "protocol", Severity::Medium, 15).between(party.clone(), None);
    let unknown = scene.required(&["DW-1009"], "asset", Severity::Medium, 30).between(party, None).optional();
    Ok(Play { talkers: vec![flood], expect: vec![found, unknown], ..Play::default() })
}
