//! The world the equipment measures: one ship in moving water, its machinery, the sky, and the traffic around it.
//!
//! Stepped ten times a second. Everything that an attack may bend lies in [`Effects`], which a normal run never touches.

pub(crate) mod geodesy;
pub(crate) mod machinery;
pub(crate) mod motion;
pub(crate) mod sky;
pub(crate) mod traffic;

use std::collections::BTreeMap;

use machinery::{Engine, Machinery};
use motion::{Leg, Motion};
use sky::Sky;
use traffic::Traffic;

/// One step of the world, in nanoseconds.
pub(crate) const STEP: i64 = 100_000_000;
/// The same in seconds.
pub(crate) const STEP_SECONDS: f64 = 0.1;

/// Knots to metres a second.
pub(crate) const KNOT: f64 = 1_852.0 / 3_600.0;

/// What a deceived receiver reports.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct ReceiverFault {
    /// Metres north and east added to its position.
    pub(crate) shift: (f64, f64),
    /// Metres a second north and east added to its velocity.
    pub(crate) pull: (f64, f64),
    /// Nanoseconds added to its time.
    pub(crate) late: i64,
    /// It has no fix any more.
    pub(crate) lost: bool,
    /// Decibels that a jammer takes from every signal.
    pub(crate) jam_db: f64,
    /// The speed over ground it reports instead of its own, knots.
    pub(crate) speed_kn: Option<f64>,
    /// Satellites between these two bearings are hidden behind something.
    pub(crate) masked: Option<(f64, f64)>,
    /// It receives signals that were recorded this long ago, nanoseconds.
    pub(crate) replay: Option<i64>,
}

/// What a faulty gyro reports.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct GyroFault {
    /// Degrees added to the heading.
    pub(crate) bias: f64,
    /// The heading it is stuck at.
    pub(crate) frozen: Option<f64>,
    /// Each heading goes out twice.
    pub(crate) doubled: bool,
}

/// What the transponder says wrongly of the own ship.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct OwnReportFault {
    /// Metres north and east added to its position.
    pub(crate) shift: (f64, f64),
    /// A number that is not ours.
    pub(crate) mmsi: Option<u32>,
}

/// What the echo sounder reports instead of the depth.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct DepthFault {
    /// Metres below the transducer at which it is stuck.
    pub(crate) frozen: Option<f64>,
    /// Times the true depth.
    pub(crate) factor: Option<f64>,
}

/// A datum for DTM: its name, and the offsets to WGS 84 in minutes north, minutes east and metres.
pub(crate) type Datum = (&'static str, f64, f64, f64);

/// What an attack does to what sensors report.
#[derive(Debug, Clone, Default)]
pub(crate) struct Effects {
    /// What is wrong with a receiver, by its number from 1; 3 is the one on the backbone, 4 the one inside the transponder, 5 a third one
    /// on the network.
    pub(crate) receivers: BTreeMap<u8, ReceiverFault>,
    /// What is wrong with the gyro.
    pub(crate) gyro: GyroFault,
    /// What is wrong with the own reports of the transponder.
    pub(crate) own_report: OwnReportFault,
    /// What is wrong with the echo sounder.
    pub(crate) depth: DepthFault,
    /// The datum of the first receiver, when it is not WGS 84.
    pub(crate) datum: Option<Datum>,
    /// Registers that somebody has written: (host, unit, register) to value.
    pub(crate) written: BTreeMap<(&'static str, u8, u16), u16>,
    /// Corrections from a reference station reach the first receiver.
    pub(crate) differential: bool,
    /// Hours of the ship's own time zone, as ZDA tells them.
    pub(crate) zone_hours: i8,
    /// The machinery has no power.
    pub(crate) blackout: bool,
    /// No answer comes from ashore.
    pub(crate) link_down: bool,
    /// An alert of the autopilot: its number, and whether somebody has acknowledged it.
    pub(crate) alert: Option<(u16, bool)>,
    /// NMEA 2000 nodes that lost their address and fell silent.
    pub(crate) muted_nodes: Vec<u8>,
}

/// What the ship is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Voyage {
    /// Under way at sea.
    #[default]
    Passage,
    /// From sea speed to a stop, with the helm busy.
    Arrival,
    /// Swinging round her anchor.
    Anchor,
    /// Made fast; radar, log and echo sounder are off.
    Berth,
    /// From the quay to sea speed.
    Departure,
    /// In a river that runs at three knots.
    River,
    /// Over the date line.
    DateLine,
}

/// How a voyage starts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Departure {
    pub(crate) voyage: Voyage,
    pub(crate) lat: f64,
    pub(crate) lon: f64,
    pub(crate) legs: &'static [Leg],
}

/// Everything there is to measure.
#[derive(Debug, Clone)]
pub(crate) struct World {
    /// Nanoseconds since 1970.
    pub(crate) now: i64,
    pub(crate) motion: Motion,
    pub(crate) machinery: Machinery,
    pub(crate) sky: Sky,
    pub(crate) traffic: Traffic,
    pub(crate) effects: Effects,
}

impl World {
    /// The world at `start`, the ship already under way on her first leg.
    pub(crate) fn new(seed: u64, start: i64, departure: &Departure, engine: Engine) -> Self {
        let motion = Motion::new(seed, departure);
        let machinery = Machinery::new(seed, motion.stw_kn, engine);
        let traffic = Traffic::new(seed, departure.lat, departure.lon);
        Self { now: start, motion, machinery, sky: Sky::new(seed), traffic, effects: Effects::default() }
    }

    /// Moves everything on by one step.
    pub(crate) fn step(&mut self) {
        self.now += STEP;
        self.motion.step();
        self.machinery.step(self.now, self.motion.stw_kn);
        self.sky.step(self.now);
        self.traffic.step();
    }

    /// What is wrong with a receiver.
    pub(crate) fn receiver_fault(&self, number: u8) -> ReceiverFault {
        self.effects.receivers.get(&number).copied().unwrap_or_default()
    }

    /// Position of a point of the ship, in metres forward and to starboard of the reference point.
    pub(crate) fn point(&self, forward: f64, starboard: f64) -> (f64, f64) {
        let heading = self.motion.heading.to_radians();
        let (sin, cos) = (libm::sin(heading), libm::cos(heading));
        geodesy::moved(
            self.motion.lat,
            self.motion.lon,
            forward * cos - starboard * sin,
            forward * sin + starboard * cos,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEPARTURE: Departure = Departure {
        voyage: Voyage::Passage,
        lat: 57.6,
        lon: 8.5,
        legs: &[Leg { course: 62.0, speed_kn: 11.0, minutes: 5.0 }, Leg { course: 92.0, speed_kn: 9.0, minutes: 20.0 }],
    };

    #[test]
    fn each_step_in_position_fits_the_speed_over_ground() {
        let mut world = World::new(7, 0, &DEPARTURE, Engine::SMALL);
        for _ in 0..6_000 {
            let before = (world.motion.lat, world.motion.lon);
            world.step();
            let (north, east) = geodesy::offset(before.0, before.1, world.motion.lat, world.motion.lon);
            let made = north.hypot(east);
            let want = world.motion.sog_kn() * KNOT * STEP_SECONDS;
            assert!((made - want).abs() < 0.001, "moved {made} m, speed says {want} m");
            assert!(world.motion.sog_kn() < 13.0 && world.motion.rot.abs() < 16.0);
        }
    }

    #[test]
    fn heading_is_the_integral_of_the_rate_of_turn_and_settles_on_the_leg() {
        let mut world = World::new(7, 0, &DEPARTURE, Engine::SMALL);
        let mut sum = world.motion.heading;
        for _ in 0..9_000 {
            world.step();
            sum += world.motion.rot / 60.0 * STEP_SECONDS;
        }
        let gap = geodesy::angle_between(sum, world.motion.heading);
        assert!(gap.abs() < 0.01, "{gap}");
        assert!(geodesy::angle_between(92.0, world.motion.heading).abs() < 5.5, "{}", world.motion.heading);
        assert!((world.motion.stw_kn - 9.0).abs() < 0.2, "{}", world.motion.stw_kn);
    }

    #[test]
    fn engine_follows_the_speed() {
        let mut world = World::new(7, 0, &DEPARTURE, Engine::SMALL);
        for _ in 0..3_000 {
            world.step();
        }
        let rpm = world.machinery.rpm;
        assert!((rpm - 7.5 * world.motion.stw_kn).abs() < 4.0, "{rpm}");
        assert!((world.machinery.fuel_kg_h / world.machinery.power_kw - 0.2).abs() < 0.02);
    }

    #[test]
    fn at_anchor_and_at_berth_the_velocity_is_that_of_the_positions() {
        for (voyage, farthest, fastest) in [(Voyage::Anchor, 330.0, 0.5), (Voyage::Berth, 0.01, 0.01)] {
            let legs: &[Leg] = &[Leg { course: 210.0, speed_kn: 0.0, minutes: 1.0 }];
            let mut world = World::new(7, 0, &Departure { voyage, legs, ..DEPARTURE }, Engine::SMALL);
            let begin = (world.motion.lat, world.motion.lon);
            for _ in 0..18_000 {
                let before = (world.motion.lat, world.motion.lon);
                world.step();
                let (north, east) = geodesy::offset(before.0, before.1, world.motion.lat, world.motion.lon);
                let sog = world.motion.sog_kn();
                assert!(
                    (north.hypot(east) - sog * KNOT * STEP_SECONDS).abs() < 0.001 && sog < fastest,
                    "{voyage:?} {sog}"
                );
                let (north, east) = geodesy::offset(begin.0, begin.1, world.motion.lat, world.motion.lon);
                assert!(north.hypot(east) < farthest, "{voyage:?}");
            }
            assert!(world.machinery.power_kw < 1.0);
        }
    }

    #[test]
    fn antennas_keep_their_distance_while_the_ship_turns() {
        let mut world = World::new(7, 0, &DEPARTURE, Engine::SMALL);
        for _ in 0..4_000 {
            world.step();
            let (a, b) = (world.point(0.0, 0.0), world.point(-12.6, 6.1));
            let (north, east) = geodesy::offset(a.0, a.1, b.0, b.1);
            assert!((north.hypot(east) - 14.0).abs() < 0.01);
        }
    }
}
