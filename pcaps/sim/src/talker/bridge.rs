//! Bridge sensors and stations: receivers, gyro, log, echo sounder, wind, radar, autopilot, ECDIS.

use std::collections::{BTreeMap, VecDeque};

use super::outlet::Outlet;
use super::{Cadence, Talker};
use crate::rng::{self, Rng};
use crate::ship::plan::GyroPlan;
use crate::talk::lwe::{self, Transfer};
use crate::talk::nmea::{self, Fix, RadarTarget, Satellite};
use crate::wire::net::{Host, MILLI, Net, SECOND};
use crate::world::geodesy;
use crate::world::traffic::Kind;
use crate::world::{GyroFault, KNOT, ReceiverFault, World};

/// How a receiver is fitted and what it sends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReceiverPlan {
    /// Counts from 1; attacks name receivers by it.
    pub(crate) number: u8,
    /// Metres forward and to starboard of the reference point, and above the sea.
    pub(crate) antenna: (f64, f64, f64),
    pub(crate) talker: &'static str,
    /// The first receiver sends single sentences and the sky; the second one datagram a second.
    pub(crate) full: bool,
}

/// A receiver's error: first-order noise, updated once a second.
#[derive(Debug, Clone)]
pub(crate) struct ReceiverNoise {
    rng: Rng,
    error: [f64; 3],
    seed: u64,
    name: String,
}

impl ReceiverNoise {
    /// Noise of its own for each receiver.
    pub(crate) fn new(seed: u64, name: &str) -> Self {
        Self { rng: Rng::stream(seed, name, "noise"), error: [0.0; 3], seed, name: name.to_owned() }
    }

    /// Draws the next error and makes a fix of the true place; `fault` is what an attack adds.
    pub(crate) fn fix(&mut self, world: &World, place: (f64, f64), height: f64, fault: ReceiverFault) -> Fix {
        for (error, deviation) in self.error.iter_mut().zip([0.75, 0.75, 2.0]) {
            // The drive is scaled so that the standing deviation is the one given.
            *error = 0.93 * *error + self.rng.normal(deviation * (1.0_f64 - 0.93 * 0.93).sqrt());
        }
        let [north, east, up] = self.error;
        let true_velocity = world.motion.ground_velocity();
        let velocity = (true_velocity.0 + fault.pull.0, true_velocity.1 + fault.pull.1);
        let hour = world.now.div_euclid(3_600 * SECOND).to_string();
        let weak = rng::hash(&[&self.name, &hour, &self.seed.to_string()]).is_multiple_of(50);
        // A signal below this level cannot be followed any more.
        let view = world.sky.in_view(&mut self.rng);
        let heard = view.iter().filter(|s| s.cn0 - fault.jam_db > FOLLOWED_DB && !is_hidden(s, fault)).count();
        let satellites = if fault.lost { 0 } else { heard as u8 };
        let (lat, lon) = geodesy::moved(place.0, place.1, north + fault.shift.0, east + fault.shift.1);
        let hdop = if weak { 2.6 } else { 0.7 + 1.6 / f64::from(satellites.max(1)) } + self.rng.normal(0.03);
        Fix {
            at: world.now + fault.late,
            lat,
            lon,
            height: height + up,
            sog_kn: fault
                .speed_kn
                .unwrap_or(libm::hypot(velocity.0, velocity.1) / KNOT + self.rng.normal(0.04))
                .max(0.0),
            cog: (geodesy::direction(velocity.0, velocity.1) + self.rng.normal(0.3)).rem_euclid(360.0),
            satellites: if weak { satellites.saturating_sub(4) } else { satellites },
            hdop,
            valid: !fault.lost && satellites >= 4,
            differential: world.effects.differential,
        }
    }
}

/// Whether something stands between a receiver and a satellite.
fn is_hidden(satellite: &Satellite, fault: ReceiverFault) -> bool {
    fault.masked.is_some_and(|(from, to)| (from..to).contains(&satellite.azimuth) && satellite.elevation < 60.0)
}

/// Carrier to noise density under which a receiver loses a satellite, dB-Hz.
const FOLLOWED_DB: f64 = 27.0;
/// Fixes a receiver remembers, for attacks that send old signals: twenty minutes.
const REMEMBERED: usize = 1_200;

/// A satellite receiver.
pub(crate) struct Receiver {
    plan: ReceiverPlan,
    outlet: Outlet,
    noise: ReceiverNoise,
    rng: Rng,
    second: Cadence,
    count: u64,
    delay: i64,
    past: VecDeque<Fix>,
}

impl Receiver {
    /// A receiver that starts with the run.
    pub(crate) fn new(plan: ReceiverPlan, name: &str, outlet: Outlet, seed: u64, start: i64) -> Self {
        let mut rng = Rng::stream(seed, name, "timing");
        let delay = 70 * MILLI + rng.nanos(20 * MILLI);
        let noise = ReceiverNoise::new(seed, name);
        Self { plan, outlet, noise, rng, second: Cadence::new(start, SECOND), count: 0, delay, past: VecDeque::new() }
    }

    fn full_set(&mut self, net: &mut Net, at: i64, world: &World, fix: &Fix) {
        let talker = self.plan.talker;
        let group = lwe::NAVD;
        for (index, sentence) in (0..).zip([nmea::gga(talker, fix), nmea::rmc(talker, fix), nmea::vtg(talker, fix)]) {
            self.outlet.send(net, at + index * 2 * MILLI, group, &[sentence], false);
        }
        self.outlet.send(net, at + 6 * MILLI, group, &[nmea::zda(talker, fix.at, world.effects.zone_hours)], false);
        if self.count % 5 == 1 {
            let fault = world.receiver_fault(self.plan.number);
            let mut sky = world.sky.in_view(&mut self.rng);
            sky.retain(|satellite| !is_hidden(satellite, fault));
            sky.iter_mut().for_each(|satellite| satellite.cn0 = (satellite.cn0 - fault.jam_db).max(0.0));
            self.outlet.send(net, at + 9 * MILLI, group, &nmea::gsv(talker, &sky), true);
            sky.retain(|satellite| !fault.lost && satellite.cn0 > FOLLOWED_DB);
            self.outlet.send(net, at + 11 * MILLI, group, &[nmea::gsa(talker, &sky, fix.hdop)], false);
        }
        if self.count % 60 == 1 {
            let datum = world.effects.datum.unwrap_or(("W84", 0.0, 0.0, 0.0));
            self.outlet.send(net, at + 13 * MILLI, group, &[nmea::dtm(talker, datum)], false);
        }
    }

    /// What the receiver makes of what it hears: the sky of now, or signals recorded earlier and sent again.
    fn hear(&mut self, fix: Fix, replay: Option<i64>) -> Fix {
        if self.past.len() >= REMEMBERED {
            self.past.pop_front();
        }
        self.past.push_back(fix);
        let back = replay.map_or(0, |age| age.div_euclid(SECOND) as usize);
        let place = self.past.len().saturating_sub(1 + back);
        self.past.get(place).copied().unwrap_or(fix)
    }
}

impl Talker for Receiver {
    fn tick(&mut self, world: &World, net: &mut Net) {
        while let Some(at) = self.second.due(world.now) {
            self.count += 1;
            let (forward, starboard, height) = self.plan.antenna;
            let fault = world.receiver_fault(self.plan.number);
            let fix = self.noise.fix(world, world.point(forward, starboard), height, fault);
            let fix = self.hear(fix, fault.replay);
            let at = at + self.delay + self.rng.nanos(3 * MILLI);
            if self.plan.full {
                self.full_set(net, at, world, &fix);
            } else {
                let talker = self.plan.talker;
                let set = [nmea::gga(talker, &fix), nmea::rmc(talker, &fix), nmea::vtg(talker, &fix)];
                self.outlet.send(net, at, lwe::NAVD, &set, true);
            }
        }
    }
}

/// What a simple sensor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sensor {
    Log,
    EchoSounder,
    Wind,
}

/// A sensor that sends one or two sentences at a fixed rate.
pub(crate) struct SensorTalker {
    sensor: Sensor,
    outlet: Outlet,
    rng: Rng,
    cadence: Cadence,
}

impl SensorTalker {
    /// A sensor that sends every `period`.
    pub(crate) fn new(sensor: Sensor, outlet: Outlet, seed: u64, start: i64, period: i64) -> Self {
        let mut rng = Rng::stream(seed, &format!("{sensor:?}"), "sensor");
        let first = start + rng.nanos(period.min(SECOND));
        Self { sensor, outlet, rng, cadence: Cadence::new(first, period) }
    }

    fn sentences(&mut self, world: &World) -> Vec<String> {
        let motion = &world.motion;
        match self.sensor {
            Sensor::Log => {
                let along = motion.stw_kn * 1.01 + self.rng.normal(0.06);
                let across = self.rng.normal(0.03);
                let heading = nmea::angle(motion.heading + 0.3);
                let kmh = along * 1.852;
                vec![
                    nmea::sentence(&format!("VDVBW,{along:.2},{across:.2},A,,,V,,V,,V")),
                    nmea::sentence(&format!("VDVHW,{heading},T,,M,{along:.2},N,{kmh:.2},K")),
                ]
            }
            Sensor::EchoSounder => {
                let fault = world.effects.depth;
                let depth = (motion.depth() - 5.0) * fault.factor.unwrap_or(1.0);
                let depth = depth * (1.0 + self.rng.normal(0.005));
                let depth = fault.frozen.unwrap_or(depth);
                vec![nmea::sentence(&format!("SDDPT,{depth:.1},5.0,200.0"))]
            }
            Sensor::Wind => {
                let (angle, speed) = motion.apparent_wind();
                let (angle, speed) = (angle + self.rng.normal(1.5), (speed + self.rng.normal(0.2)).max(0.0));
                let angle = nmea::angle(angle);
                vec![nmea::sentence(&format!("WIMWV,{angle},R,{speed:.1},M,A"))]
            }
        }
    }
}

impl Talker for SensorTalker {
    fn tick(&mut self, world: &World, net: &mut Net) {
        while let Some(at) = self.cadence.due(world.now) {
            let at = at + self.rng.nanos(2 * MILLI);
            let sentences = self.sentences(world);
            self.outlet.send(net, at, lwe::NAVD, &sentences, false);
        }
    }
}

/// A gyro compass: heading at its own rate, rate of turn once a second.
pub(crate) struct Gyro {
    outlet: Outlet,
    rng: Rng,
    bias: f64,
    /// What is wrong with gyros is wrong with the first one.
    is_first: bool,
    heading: Cadence,
    turn: Cadence,
}

impl Gyro {
    /// A gyro that starts with the run.
    pub(crate) fn new(plan: &GyroPlan, outlet: Outlet, seed: u64, start: i64) -> Self {
        let mut rng = Rng::stream(seed, plan.source.0, "sensor");
        let heading = Cadence::new(start + rng.nanos(plan.period), plan.period);
        let turn = Cadence::new(start + rng.nanos(SECOND), SECOND);
        Self { outlet, rng, bias: plan.bias, is_first: plan.number == 1, heading, turn }
    }
}

impl Talker for Gyro {
    fn tick(&mut self, world: &World, net: &mut Net) {
        let fault = if self.is_first { world.effects.gyro } else { GyroFault::default() };
        while let Some(at) = self.heading.due(world.now) {
            let noise = self.rng.normal(0.05);
            let heading = fault.frozen.unwrap_or(world.motion.heading + self.bias + noise + fault.bias);
            let line = nmea::sentence(&format!("HEHDT,{},T", nmea::angle(heading)));
            let at = at + self.rng.nanos(2 * MILLI);
            self.outlet.send(net, at, lwe::SATD, std::slice::from_ref(&line), false);
            if fault.doubled {
                // Half an interval later for fast gyros, 90 ms for slow ones.
                self.outlet.send(net, at + self.heading.part(90 * MILLI), lwe::SATD, &[line], false);
            }
        }
        while let Some(at) = self.turn.due(world.now) {
            let rot = world.motion.rot + self.rng.normal(0.15);
            let line = nmea::sentence(&format!("HEROT,{rot:.1},A"));
            self.outlet.send(net, at + self.rng.nanos(2 * MILLI), lwe::SATD, &[line], false);
        }
    }
}

/// The radar: tracked targets, own ship data, heartbeat, and its picture for the recorder.
pub(crate) struct Radar {
    host: Host,
    outlet: Outlet,
    rng: Rng,
    targets: Cadence,
    own: Cadence,
    heartbeat: Cadence,
    picture: Option<Cadence>,
    tracks: BTreeMap<u32, u8>,
    beats: u8,
    block: u32,
}

/// Range within which the radar tracks, metres.
const TRACKING_RANGE: f64 = 12.0 * 1_852.0;
/// Tracks at a time.
const TRACKS: usize = 10;

impl Radar {
    /// A radar that starts with the run; `pictures` sends its image to the recorder every 15 s.
    pub(crate) fn new(host: Host, outlet: Outlet, seed: u64, start: i64, pictures: bool) -> Self {
        let mut rng = Rng::stream(seed, "radar-1", "radar");
        let mut phase = |period: i64| Cadence::new(start + rng.nanos(period), period);
        let (targets, own, heartbeat) = (phase(2_500 * MILLI), phase(2 * SECOND), phase(30 * SECOND));
        let picture = pictures.then(|| phase(15 * SECOND));
        Self { host, outlet, rng, targets, own, heartbeat, picture, tracks: BTreeMap::new(), beats: 0, block: 0 }
    }

    fn track(&mut self, world: &World) -> Vec<String> {
        let motion = &world.motion;
        let own = motion.ground_velocity();
        let mut out = Vec::new();
        for target in &world.traffic.targets {
            let (north, east) = geodesy::offset(motion.lat, motion.lon, target.lat, target.lon);
            let range = libm::hypot(north, east);
            if range > TRACKING_RANGE || target.is_ghost || matches!(target.kind, Kind::Aid | Kind::BaseStation) {
                self.tracks.remove(&target.mmsi);
                continue;
            }
            let free = (1..100).find(|number| !self.tracks.values().any(|used| used == number));
            let (Some(free), true) = (free, self.tracks.contains_key(&target.mmsi) || self.tracks.len() < TRACKS)
            else {
                continue;
            };
            let number = *self.tracks.entry(target.mmsi).or_insert(free);
            let (speed, course) = (target.sog_kn * KNOT, target.cog.to_radians());
            let relative = (speed * libm::cos(course) - own.0, speed * libm::sin(course) - own.1);
            let square = (relative.0 * relative.0 + relative.1 * relative.1).max(0.01);
            let seconds = -(north * relative.0 + east * relative.1) / square;
            let closest = libm::hypot(north + relative.0 * seconds, east + relative.1 * seconds);
            let seen = RadarTarget {
                number,
                range_nm: (range + self.rng.normal(12.0)) / 1_852.0,
                bearing: geodesy::direction(north, east) + self.rng.normal(0.2),
                speed_kn: (target.sog_kn + self.rng.normal(0.1)).max(0.0),
                course: target.cog + self.rng.normal(0.6),
                cpa_nm: (closest / 1_852.0).min(99.0),
                tcpa_min: (seconds / 60.0).clamp(-99.9, 99.9),
            };
            out.push(nmea::ttm("RA", &seen, world.now));
        }
        out
    }

    /// A screen of 2,800 radial lines in run-length form: mostly sea clutter near the centre, and nothing.
    fn image(&mut self) -> Vec<u8> {
        let mut out = Vec::with_capacity(46_000);
        while out.len() < 39_800 + self.block as usize % 7 * 200 {
            let echo = self.rng.bits();
            out.extend_from_slice(&[0x10 | (echo & 3) as u8, (echo >> 8) as u8 & 0x1F, 0, 0xFF, 0, 0xFF, 0, 0x7A]);
            if echo & 0xF00 == 0 {
                out.extend_from_slice(&[(echo >> 16) as u8, (echo >> 24) as u8, 3, 0xC0]);
            }
        }
        out
    }

    fn send_picture(&mut self, net: &mut Net, at: i64) {
        self.block += 1;
        let content = self.image();
        let file = Transfer {
            source: "RA0001",
            destination: None,
            block: self.block,
            device: 1,
            channel: 1,
            file_type: "image/x-rle",
            content: &content,
        };
        for (number, part) in (0..).zip(lwe::transfer(&file)) {
            // 2 MB a second at most.
            net.send_udp_to_many(at + number * 700_000, (&self.host, 50_126), lwe::VDR_IMAGE.endpoint(), &part);
        }
    }
}

impl Talker for Radar {
    fn tick(&mut self, world: &World, net: &mut Net) {
        while let Some(at) = self.targets.due(world.now) {
            let sentences = self.track(world);
            // A datagram holds what fits: eight lines with their TAG blocks.
            for (number, eight) in (0..).zip(sentences.chunks(8)) {
                self.outlet.send(net, at + number * MILLI, lwe::TGTD, eight, false);
            }
        }
        while let Some(at) = self.own.due(world.now) {
            let motion = &world.motion;
            let (heading, course) = (nmea::angle(motion.heading + 0.3), nmea::angle(motion.cog()));
            let speed = motion.sog_kn();
            let body = format!("RAOSD,{heading},A,{course},P,{speed:.1},P,,,N");
            self.outlet.send(net, at, lwe::TGTD, &[nmea::sentence(&body)], false);
        }
        while let Some(at) = self.heartbeat.due(world.now) {
            let beat = heartbeat("RA", &mut self.beats);
            self.outlet.send(net, at, lwe::MISC, &[beat], false);
        }
        while let Some(at) = self.picture.as_mut().and_then(|cadence| cadence.due(world.now)) {
            self.send_picture(net, at);
        }
    }
}

/// HBT every 30 s, working, numbered 0 to 9.
fn heartbeat(talker: &str, beats: &mut u8) -> String {
    let number = *beats;
    *beats = (number + 1) % 10;
    nmea::sentence(&format!("{talker}HBT,30,A,{number}"))
}

/// The autopilot in track mode.
pub(crate) struct Autopilot {
    outlet: Outlet,
    rng: Rng,
    data: Cadence,
    heartbeat: Cadence,
    beats: u8,
    alert: Option<(u16, bool)>,
}

impl Autopilot {
    /// An autopilot that starts with the run.
    pub(crate) fn new(outlet: Outlet, seed: u64, start: i64) -> Self {
        let mut rng = Rng::stream(seed, "autopilot", "timing");
        let data = Cadence::new(start + rng.nanos(SECOND), SECOND);
        let heartbeat = Cadence::new(start + rng.nanos(30 * SECOND), 30 * SECOND);
        Self { outlet, rng, data, heartbeat, beats: 0, alert: None }
    }
}

impl Talker for Autopilot {
    fn tick(&mut self, world: &World, net: &mut Net) {
        while let Some(at) = self.data.due(world.now) {
            let motion = &world.motion;
            let seen = motion.heading + 0.3 + self.rng.normal(0.05);
            let line = nmea::htd("AG", motion.rudder, motion.leg().course, seen);
            self.outlet.send(net, at, lwe::NAVD, &[line], false);
        }
        while let Some(at) = self.heartbeat.due(world.now) {
            let beat = heartbeat("AG", &mut self.beats);
            self.outlet.send(net, at, lwe::MISC, &[beat], false);
        }
        if self.alert != world.effects.alert {
            self.alert = world.effects.alert;
            if let Some((number, acknowledged)) = self.alert {
                let line = nmea::alert("AG", world.now, number, acknowledged);
                self.outlet.send(net, world.now + 20 * MILLI, lwe::MISC, &[line], false);
            }
        }
    }
}

/// A chart display: the first one steers the track and sends its route, the second one only shows that it lives.
pub(crate) struct ChartDisplay {
    outlet: Outlet,
    leads: bool,
    command: Cadence,
    route: Cadence,
    heartbeat: Cadence,
    beats: u8,
    acknowledged: Option<u16>,
}

impl ChartDisplay {
    /// A display; `leads` is the one in track mode.
    pub(crate) fn new(outlet: Outlet, name: &str, seed: u64, start: i64, leads: bool) -> Self {
        let mut rng = Rng::stream(seed, name, "timing");
        let mut phase = |period: i64| Cadence::new(start + rng.nanos(period), period);
        Self {
            outlet,
            leads,
            command: phase(SECOND),
            route: phase(60 * SECOND),
            heartbeat: phase(30 * SECOND),
            beats: 0,
            acknowledged: None,
        }
    }

    fn route(&self, world: &World) -> Vec<String> {
        let first = world.motion.leg_number() + 1;
        let names: Vec<String> =
            (first..first + world.motion.legs_ahead()).take(8).map(|n| format!("WP{n:03}")).collect();
        let mut out = vec![nmea::sentence(&format!("EIRTE,1,1,c,KRS-01,{}", names.join(",")))];
        let leg = world.motion.leg();
        let course = leg.course.to_radians();
        let ahead = 4_000.0;
        let (lat, lon) =
            geodesy::moved(world.motion.lat, world.motion.lon, ahead * libm::cos(course), ahead * libm::sin(course));
        if let Some(name) = names.first() {
            out.push(nmea::sentence(&format!("EIWPL,{},{name}", nmea::position(lat, lon))));
        }
        out
    }
}

impl Talker for ChartDisplay {
    fn tick(&mut self, world: &World, net: &mut Net) {
        while let Some(at) = self.heartbeat.due(world.now) {
            let beat = heartbeat("EI", &mut self.beats);
            self.outlet.send(net, at, lwe::MISC, &[beat], false);
        }
        if !self.leads {
            return;
        }
        if let Some((number, true)) = world.effects.alert
            && self.acknowledged != Some(number)
        {
            self.acknowledged = Some(number);
            let body = format!("EIACN,{},SIM,{number},1,A,C", nmea::time(world.now));
            self.outlet.send(net, world.now + 5 * MILLI, lwe::MISC, &[nmea::sentence(&body)], false);
        }
        while let Some(at) = self.command.due(world.now) {
            let motion = &world.motion;
            let leg = motion.leg().course;
            let waypoint = format!("WP{:03}", motion.leg_number() + 1);
            let lines = [nmea::htc("EI", leg, leg), nmea::apb("EI", motion.off_track / 1_852.0, leg, &waypoint, leg)];
            self.outlet.send(net, at, lwe::NAVD, &lines, false);
        }
        while let Some(at) = self.route.due(world.now) {
            let lines = self.route(world);
            self.outlet.send(net, at, lwe::NAVD, &lines, true);
        }
    }
}
