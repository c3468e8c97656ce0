//! The NMEA 2000 backbone: devices that claim their addresses, say what they are when asked, and measure.

use super::bridge::ReceiverNoise;
use super::{Cadence, Talker};
use crate::rng::Rng;
use crate::ship::{NODE_INDEX, NodePlan};
use crate::talk::n2k;
use crate::talk::nmea::Fix;
use crate::wire::net::{MILLI, Net, SECOND};
use crate::world::{KNOT, World};

/// Network management PGNs.
pub(crate) const REQUEST: u32 = 59_904;
pub(crate) const ADDRESS_CLAIM: u32 = 60_928;
const PGN_LIST: u32 = 126_464;
const HEARTBEAT: u32 = 126_993;
const PRODUCT: u32 = 126_996;
/// Everybody.
pub(crate) const GLOBAL: u8 = 255;

/// When the display asks the bus who is there, after the start: PGN and time.
const QUESTIONS: [(u32, i64); 3] =
    [(ADDRESS_CLAIM, 1_200 * MILLI), (PRODUCT, 2_400 * MILLI), (PGN_LIST, 4_000 * MILLI)];

/// How a PGN goes out: priority, interval in milliseconds, and whether it is a fast packet.
fn habit(pgn: u32) -> Option<(u8, i64, bool)> {
    Some(match pgn {
        126_992 => (3, 1_000, false),
        127_250 | 127_251 | 127_488 | 129_025 | 130_306 => (2, 100, false),
        127_489 => (2, 500, true),
        127_508 => (6, 1_500, false),
        128_267 => (3, 1_000, false),
        129_026 => (2, 250, false),
        129_029 => (3, 1_000, true),
        _ => return None,
    })
}

/// Sends messages from one address.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    index: u32,
    pub(crate) address: u8,
    /// Fast-packet sequence counters by PGN.
    sequences: std::collections::BTreeMap<u32, u8>,
}

impl Sender {
    /// A sender with the host index `index`.
    pub(crate) fn new(index: u32, address: u8) -> Self {
        Self { index, address, sequences: std::collections::BTreeMap::new() }
    }

    /// A message of at most 8 bytes.
    pub(crate) fn single(&self, net: &mut Net, at: i64, priority: u8, pgn: u32, to: u8, data: &[u8]) {
        let id = n2k::identifier(priority, pgn, self.address, to);
        net.can_frame(at, self.index, id, n2k::padded(data), data.len() as u8);
    }

    /// A message to everybody in fast-packet frames, 1 ms apart.
    pub(crate) fn fast(&mut self, net: &mut Net, at: i64, priority: u8, pgn: u32, data: &[u8]) {
        self.fast_to(net, at, priority, (pgn, GLOBAL), data);
    }

    /// As [`Sender::fast`], to one address: `to` is PGN and address.
    pub(crate) fn fast_to(&mut self, net: &mut Net, at: i64, priority: u8, to: (u32, u8), data: &[u8]) {
        let (pgn, destination) = to;
        let sequence = self.sequences.entry(pgn).or_default();
        let frames = n2k::fast_packet(*sequence, data);
        *sequence = (*sequence + 1) % 8;
        let id = n2k::identifier(priority, pgn, self.address, destination);
        for (number, frame) in (0..).zip(frames) {
            net.can_frame(at + number * MILLI, self.index, id, frame, 8);
        }
    }
}

/// One device.
pub(crate) struct Node {
    plan: &'static NodePlan,
    sender: Sender,
    rng: Rng,
    claim: Cadence,
    answers: Vec<(u32, Cadence)>,
    asks: Vec<(u32, Cadence)>,
    heartbeat: Cadence,
    beats: u8,
    outputs: Vec<(u32, Cadence)>,
    noise: ReceiverNoise,
    fix: Option<Fix>,
    fixed_at: i64,
    sid: u8,
    was_muted: bool,
}

impl Node {
    /// A device that is switched on shortly after `start`; the display (which sends nothing else) asks the others who they are.
    pub(crate) fn new(number: u32, plan: &'static NodePlan, seed: u64, start: i64) -> Self {
        let mut rng = Rng::stream(seed, plan.id, "bus");
        let claimed = start + 60 * MILLI + rng.nanos(400 * MILLI);
        let asks = if plan.sends.is_empty() { &QUESTIONS[..] } else { &[] };
        let asks = asks.iter().map(|(pgn, after)| (*pgn, Cadence::new(start + after, i64::MAX / 4))).collect();
        let mut answer = |(pgn, after): &(u32, i64)| {
            (*pgn, Cadence::new(start + after + 6 * MILLI + rng.nanos(180 * MILLI), i64::MAX / 4))
        };
        let answers = QUESTIONS.iter().map(&mut answer).collect();
        // 250 ms must pass after the claim before anything else is sent.
        let first = claimed + 260 * MILLI;
        let output = |pgn: &u32| {
            let (_, period, _) = habit(*pgn)?;
            Some((*pgn, Cadence::new(first + rng.nanos(period * MILLI), period * MILLI)))
        };
        let outputs = plan.sends.iter().filter_map(output).collect();
        let heartbeat = Cadence::new(first + rng.nanos(SECOND), 60 * SECOND);
        Self {
            plan,
            sender: Sender::new(NODE_INDEX + number, plan.address),
            claim: Cadence::new(claimed, i64::MAX / 4),
            answers,
            asks,
            heartbeat,
            beats: 0,
            outputs,
            noise: ReceiverNoise::new(seed, plan.id),
            fix: None,
            fixed_at: 0,
            sid: 0,
            was_muted: false,
            rng,
        }
    }

    fn manage(&mut self, world: &World, net: &mut Net) {
        let now = world.now;
        if let Some(at) = self.claim.due(now) {
            self.sender.single(net, at, 6, ADDRESS_CLAIM, GLOBAL, &self.plan.name.bytes());
        }
        for (pgn, cadence) in &mut self.asks {
            if let Some(at) = cadence.due(now) {
                self.sender.single(net, at, 6, REQUEST, GLOBAL, &n2k::request(*pgn));
            }
        }
        for (pgn, cadence) in &mut self.answers {
            let Some(at) = cadence.due(now) else { continue };
            match *pgn {
                ADDRESS_CLAIM => self.sender.single(net, at, 6, ADDRESS_CLAIM, GLOBAL, &self.plan.name.bytes()),
                PRODUCT => self.sender.fast(net, at, 6, PRODUCT, &n2k::product_information(&self.plan.product)),
                _ => {
                    let mut sends = vec![REQUEST, ADDRESS_CLAIM, PGN_LIST, HEARTBEAT, PRODUCT];
                    sends.extend_from_slice(self.plan.sends);
                    self.sender.fast(net, at, 6, PGN_LIST, &n2k::pgn_list(false, &sends));
                    let hears = n2k::pgn_list(true, &[REQUEST, ADDRESS_CLAIM]);
                    self.sender.fast(net, at + 20 * MILLI, 6, PGN_LIST, &hears);
                }
            }
        }
        while let Some(at) = self.heartbeat.due(now) {
            self.sender.single(net, at, 7, HEARTBEAT, GLOBAL, &n2k::heartbeat(self.beats));
            self.beats = if self.beats >= 252 { 0 } else { self.beats + 1 };
        }
    }

    /// The payload of a PGN as the device measures it now.
    fn measure(&mut self, pgn: u32, at: i64, world: &World) -> Vec<u8> {
        let (motion, engine) = (&world.motion, &world.machinery);
        self.sid = (self.sid + 1) % 252;
        let sid = self.sid;
        match pgn {
            126_992 => n2k::system_time(sid, at + world.receiver_fault(3).late),
            127_250 => {
                let heading = (motion.heading - 0.6 + self.rng.normal(0.15)).rem_euclid(360.0);
                n2k::heading(sid, heading.to_radians())
            }
            127_251 => {
                let rot = motion.rot + self.rng.normal(0.2);
                n2k::rate_of_turn(sid, (rot / 60.0).to_radians())
            }
            127_488 => n2k::engine_rapid(engine.rpm.max(0.0), engine.scavenge_bar * 1e5),
            127_489 => {
                let oil = (engine.oil_bar * 1e5, engine.oil_c + 273.15);
                // A litre of gas oil weighs 0.85 kg.
                let fuel = engine.fuel_kg_h / 0.85;
                let load = engine.power_kw / engine.engine.rated_kw * 100.0;
                n2k::engine_dynamic(oil, engine.coolant_c + 273.15, fuel, engine.run_seconds as i64, load)
            }
            127_508 => {
                let (volt, ampere) = (27.4 + self.rng.normal(0.02), 3.2 + self.rng.normal(0.3));
                n2k::battery(0, volt, ampere, 297.0, sid)
            }
            128_267 => {
                let depth = (motion.depth() - 4.6) * (1.0 + self.rng.normal(0.005));
                n2k::depth(sid, depth, 4.6)
            }
            129_025..=129_029 => self.place(pgn, sid, at, world),
            _ => {
                let (angle, speed) = motion.apparent_wind();
                let angle = (angle + self.rng.normal(1.0)).rem_euclid(360.0);
                n2k::wind(sid, (speed + self.rng.normal(0.15)).max(0.0), angle.to_radians())
            }
        }
    }

    /// The positioning messages share one fix a second; between fixes the position moves with the ship.
    fn place(&mut self, pgn: u32, sid: u8, at: i64, world: &World) -> Vec<u8> {
        let antenna = world.point(2.0, -4.0);
        let fault = world.receiver_fault(3);
        let stale = self.fix.is_none() || world.now - self.fixed_at >= SECOND;
        if stale || pgn == 129_029 {
            self.fix = Some(self.noise.fix(world, antenna, 18.0, fault));
            self.fixed_at = world.now;
        }
        let Some(fix) = self.fix else { return Vec::new() };
        let since = (world.now - self.fixed_at) as f64 / SECOND as f64;
        let (north, east) = world.motion.ground_velocity();
        let (north, east) = (north + fault.pull.0, east + fault.pull.1);
        let (lat, lon) = crate::world::geodesy::moved(fix.lat, fix.lon, north * since, east * since);
        match pgn {
            129_025 if !fix.valid => n2k::no_position(),
            129_026 if !fix.valid => n2k::no_course_speed(sid),
            129_029 if !fix.valid => n2k::no_gnss(sid, at - at.rem_euclid(100_000) + fault.late),
            129_025 => n2k::position(lat, lon),
            129_026 => n2k::course_speed(sid, fix.cog.to_radians(), fix.sog_kn * KNOT),
            _ => n2k::gnss(
                sid,
                at - at.rem_euclid(100_000) + fault.late,
                (lat, lon, fix.height),
                fix.satellites,
                fix.hdop,
            ),
        }
    }
}

impl Talker for Node {
    fn tick(&mut self, world: &World, net: &mut Net) {
        if world.effects.muted_nodes.contains(&self.plan.address) {
            self.was_muted = true;
            return;
        }
        if std::mem::take(&mut self.was_muted) {
            // Switched on again, it claims its address first and waits before it measures.
            self.claim.again(world.now + 20 * MILLI);
            self.outputs.iter_mut().for_each(|(_, cadence)| cadence.again(world.now + 280 * MILLI));
        }
        self.manage(world, net);
        let mut due = Vec::new();
        for (pgn, cadence) in &mut self.outputs {
            while let Some(at) = cadence.due(world.now) {
                due.push((*pgn, at));
            }
        }
        for (pgn, at) in due {
            let Some((priority, _, fast)) = habit(pgn) else { continue };
            let at = at + self.rng.nanos(2 * MILLI);
            let payload = self.measure(pgn, at, world);
            if fast {
                self.sender.fast(net, at, priority, pgn, &payload);
            } else {
                self.sender.single(net, at, priority, pgn, GLOBAL, &payload);
            }
        }
    }
}
