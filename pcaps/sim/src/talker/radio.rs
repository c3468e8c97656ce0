//! The AIS transponder: own reports (VDO) and what it hears (VDM), at the intervals of ITU-R M.1371.

use dogwatch_model::CaptureTime;

use super::bridge::ReceiverNoise;
use super::outlet::Outlet;
use super::{Cadence, Talker};
use crate::rng::Rng;
use crate::talk::ais::{self, Bits, Identity, Motion};
use crate::talk::lwe;
use crate::wire::net::{MILLI, Net, SECOND};
use crate::world::traffic::{Kind, Target};
use crate::world::{Voyage, World, geodesy};

/// When a target speaks next.
struct Slots {
    position: Cadence,
    identity: Cadence,
}

/// The transponder.
pub(crate) struct Transponder {
    outlet: Outlet,
    identity: Identity<'static>,
    noise: ReceiverNoise,
    rng: Rng,
    own: Cadence,
    own_identity: Cadence,
    slots: Vec<Slots>,
    sequence: u8,
    start: i64,
    seed: u64,
}

/// Static data goes out this often.
const STATIC_INTERVAL: i64 = 360 * SECOND;

impl Transponder {
    /// A transponder that starts with the run.
    pub(crate) fn new(outlet: Outlet, identity: Identity<'static>, seed: u64, start: i64) -> Self {
        let mut rng = Rng::stream(seed, "ais", "timing");
        let own = Cadence::new(start + 100 * MILLI + rng.nanos(40 * MILLI), SECOND);
        let own_identity = Cadence::new(start + rng.nanos(60 * SECOND), STATIC_INTERVAL);
        let noise = ReceiverNoise::new(seed, "ais");
        Self { outlet, identity, noise, rng, own, own_identity, slots: Vec::new(), sequence: 0, start, seed }
    }

    fn send(&mut self, net: &mut Net, at: i64, kind: &str, channel: char, message: &Bits) {
        let sentences = message.sentences(kind, channel, self.sequence);
        if sentences.len() > 1 {
            self.sequence = (self.sequence + 1) % 10;
        }
        self.outlet.send(net, at, lwe::TGTD, &sentences, sentences.len() > 1);
    }

    /// Gives a target its places in time when it is first heard.
    fn slots_for(&mut self, world: &World) {
        for target in world.traffic.targets.iter().skip(self.slots.len()) {
            let mut rng = Rng::stream(self.seed, "ais-slots", &target.mmsi.to_string());
            let period = seconds(target.report_interval());
            let from = world.now.max(self.start);
            self.slots.push(Slots {
                position: Cadence::new(from + rng.nanos(period), period),
                identity: Cadence::new(from + rng.nanos(STATIC_INTERVAL), STATIC_INTERVAL),
            });
        }
    }

    fn hear(&mut self, world: &World, net: &mut Net) {
        self.slots_for(world);
        for (number, target) in world.traffic.targets.iter().enumerate() {
            let period = seconds(target.report_interval());
            let Some(slots) = self.slots.get_mut(number) else { continue };
            slots.position.every(period);
            let (position, identity) = (slots.position.due(world.now), slots.identity.due(world.now));
            if let Some(at) = position {
                let channel = if self.rng.bits() & 1 == 0 { 'A' } else { 'B' };
                let message = self.position_of(target, world.now);
                self.send(net, at + self.delay(), "AIVDM", channel, &message);
            }
            if let Some(at) = identity {
                for message in identity_of(target, world.now) {
                    self.send(net, at + self.delay(), "AIVDM", 'A', &message);
                }
            }
        }
    }

    /// Slots are 26.7 ms long; the sentence comes out after the message has been received.
    fn delay(&self) -> i64 {
        30 * MILLI
    }

    fn position_of(&mut self, target: &Target, now: i64) -> Bits {
        let (_, _, _, _, _, second, _) = CaptureTime(now).civil();
        let motion = Motion {
            lat: target.lat,
            lon: target.lon,
            sog_kn: target.sog_kn,
            cog: target.cog,
            heading: target.cog,
            rot: target.rot,
            second,
        };
        match target.kind {
            Kind::ClassA => {
                let kind = if target.rot == 0.0 { 1 } else { 3 };
                ais::position_report(kind, target.mmsi, 0, &motion, radio_status(&mut self.rng))
            }
            Kind::ClassB => ais::class_b_position(target.mmsi, &motion),
            Kind::Aid => ais::aid(target.mmsi, 20, &target.name, target.lat, target.lon, second),
            Kind::BaseStation => {
                let (year, month, day, hour, minute, second, _) = CaptureTime(now).civil();
                let utc = [year, month.into(), day.into(), hour.into(), minute.into(), second.into()];
                ais::base_station(target.mmsi, utc, target.lat, target.lon, radio_status(&mut self.rng))
            }
        }
    }
}

/// Nanoseconds of some seconds.
fn seconds(seconds: f64) -> i64 {
    (seconds * 1_000.0).round() as i64 * MILLI
}

/// A SOTDMA communication state: UTC direct, slot time-out 3, and a number of received stations.
fn radio_status(rng: &mut Rng) -> i64 {
    (3 << 14) | (20 + rng.below(12) as i64)
}

/// Name, size and destination messages of a target.
fn identity_of(target: &Target, now: i64) -> Vec<Bits> {
    let identity = Identity {
        mmsi: target.mmsi,
        imo: target.imo,
        callsign: &target.callsign,
        name: &target.name,
        ship_type: target.ship_type,
        size: target.size,
        draught_m: target.draught_m,
        destination: "SIMPORT",
    };
    match target.kind {
        Kind::ClassA => vec![ais::static_report(&identity, eta(now))],
        Kind::ClassB => vec![ais::class_b_name(&identity), ais::class_b_static(&identity)],
        Kind::Aid | Kind::BaseStation => vec![],
    }
}

/// Arrival at 18:00 on the day after tomorrow: month, day, hour, minute.
fn eta(now: i64) -> [i64; 4] {
    let (_, month, day, ..) = CaptureTime(now + 2 * 86_400 * SECOND).civil();
    [month.into(), day.into(), 18, 0]
}

impl Talker for Transponder {
    fn tick(&mut self, world: &World, net: &mut Net) {
        while let Some(at) = self.own.due(world.now) {
            // The transponder has a receiver of its own, amidships.
            let (own, wrong) = (world.point(-3.0, 2.0), world.effects.own_report);
            let place = geodesy::moved(own.0, own.1, wrong.shift.0, wrong.shift.1);
            let fix = self.noise.fix(world, place, 22.0, world.receiver_fault(4));
            let (_, _, _, _, _, second, _) = CaptureTime(world.now).civil();
            let motion = Motion {
                lat: fix.lat,
                lon: fix.lon,
                sog_kn: fix.sog_kn,
                cog: fix.cog,
                heading: world.motion.heading + 0.3,
                rot: world.motion.rot,
                second,
            };
            let motion =
                if fix.valid { motion } else { Motion { heading: motion.heading, rot: motion.rot, ..ais::NOWHERE } };
            // Navigational status: at anchor 1, moored 5, else under way using engine 0.
            let status = match world.motion.voyage {
                Voyage::Anchor => 1,
                Voyage::Berth => 5,
                _ => 0,
            };
            let mmsi = wrong.mmsi.unwrap_or(self.identity.mmsi);
            let report = ais::position_report(1, mmsi, status, &motion, radio_status(&mut self.rng));
            self.send(net, at, "AIVDO", 'A', &report);
        }
        while let Some(at) = self.own_identity.due(world.now) {
            let mmsi = world.effects.own_report.mmsi.unwrap_or(self.identity.mmsi);
            let report = ais::static_report(&Identity { mmsi, ..self.identity }, eta(self.start));
            self.send(net, at, "AIVDO", 'A', &report);
        }
        self.hear(world, net);
    }
}
