//! The ship in moving water: legs of a voyage, speed, heading, current, wind and depth.

use super::geodesy;
use super::{Departure, KNOT, STEP_SECONDS, Voyage};
use crate::rng::Rng;

/// One leg of a voyage: steer `course`, order `speed_kn`, for `minutes`. The last leg never ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Leg {
    pub(crate) course: f64,
    pub(crate) speed_kn: f64,
    pub(crate) minutes: f64,
}

/// How she moves, and what moves her.
#[derive(Debug, Clone)]
pub(crate) struct Motion {
    pub(crate) lat: f64,
    pub(crate) lon: f64,
    /// Degrees true.
    pub(crate) heading: f64,
    /// Degrees a minute, starboard positive.
    pub(crate) rot: f64,
    /// Speed through the water, knots.
    pub(crate) stw_kn: f64,
    /// Degrees, starboard positive.
    pub(crate) rudder: f64,
    /// Current to north and east, knots, and what it comes back to.
    current: (f64, f64),
    mean_current: (f64, f64),
    /// True wind: from where, and metres a second.
    pub(crate) wind: (f64, f64),
    gust: f64,
    yaw: f64,
    legs: &'static [Leg],
    leg: usize,
    leg_seconds: f64,
    /// Metres off the line of the leg, starboard positive.
    pub(crate) off_track: f64,
    /// A course that replaces those of the legs.
    altered: Option<f64>,
    /// A speed that replaces those of the legs, knots.
    ordered: Option<f64>,
    pub(crate) voyage: Voyage,
    /// Where the anchor or the berth is, and how long she has been there in seconds.
    moored: (f64, f64, f64),
    /// Velocity over ground to north and east, metres a second, when moored.
    swing: (f64, f64),
    rng: Rng,
}

/// Mean current to north and east, knots: 0.6 in all.
const MEAN_CURRENT: (f64, f64) = (0.36, 0.48);
/// Three knots down a river, to north and east.
const RIVER: (f64, f64) = (-2.5, -1.66);
/// Time constant of the current, seconds.
const CURRENT_CONSTANT: f64 = 6.0 * 3_600.0;

/// Metres north and east from the anchor to the ship: 160 m of chain, the anchor ahead of her.
fn behind_anchor(heading: f64) -> (f64, f64) {
    let heading = heading.to_radians();
    (-160.0 * libm::cos(heading), -160.0 * libm::sin(heading))
}

impl Motion {
    pub(super) fn new(seed: u64, departure: &Departure) -> Self {
        let first = departure.legs.first().copied().unwrap_or(Leg { course: 0.0, speed_kn: 0.0, minutes: 0.0 });
        let mut rng = Rng::stream(seed, "world", "motion");
        let wind = (rng.between(215.0, 255.0), rng.between(6.0, 10.0));
        let mean_current = if departure.voyage == Voyage::River { RIVER } else { MEAN_CURRENT };
        let current = (MEAN_CURRENT.0 + rng.normal(0.15), MEAN_CURRENT.1 + rng.normal(0.15));
        let current = (current.0 + mean_current.0 - MEAN_CURRENT.0, current.1 + mean_current.1 - MEAN_CURRENT.1);
        let (north, east) = if departure.voyage == Voyage::Anchor { behind_anchor(first.course) } else { (0.0, 0.0) };
        let (lat, lon) = geodesy::moved(departure.lat, departure.lon, north, east);
        Self {
            lat,
            lon,
            heading: first.course,
            rot: 0.0,
            stw_kn: first.speed_kn,
            rudder: 0.0,
            current,
            mean_current,
            wind,
            gust: 0.0,
            yaw: 0.0,
            legs: departure.legs,
            leg: 0,
            leg_seconds: 0.0,
            off_track: 0.0,
            altered: None,
            ordered: None,
            voyage: departure.voyage,
            moored: (departure.lat, departure.lon, 0.0),
            swing: (0.0, 0.0),
            rng,
        }
    }

    /// The leg she is on.
    pub(crate) fn leg(&self) -> Leg {
        let leg = self.planned_leg();
        let (course, speed_kn) = (self.altered.unwrap_or(leg.course), self.ordered.unwrap_or(leg.speed_kn));
        Leg { course, speed_kn, ..leg }
    }

    /// Leaves the plan and makes this speed from now on.
    pub(crate) fn order_speed(&mut self, knots: f64) {
        self.ordered = Some(knots);
    }

    /// Leaves the plan and steers this course from now on.
    pub(crate) fn alter_course(&mut self, course: f64) {
        if self.altered != Some(course) {
            self.altered = Some(course);
            self.off_track = 0.0;
        }
    }

    fn planned_leg(&self) -> Leg {
        self.legs.get(self.leg).or(self.legs.last()).copied().unwrap_or(Leg {
            course: 0.0,
            speed_kn: 0.0,
            minutes: 0.0,
        })
    }

    /// Number of the leg, from 0.
    pub(crate) fn leg_number(&self) -> usize {
        self.leg
    }

    /// The legs still to come, this one included.
    pub(crate) fn legs_ahead(&self) -> usize {
        self.legs.len().saturating_sub(self.leg)
    }

    /// Held by an anchor or by ropes.
    pub(crate) fn is_moored(&self) -> bool {
        matches!(self.voyage, Voyage::Anchor | Voyage::Berth)
    }

    /// Velocity over ground to north and east, metres a second.
    pub(crate) fn ground_velocity(&self) -> (f64, f64) {
        if self.is_moored() {
            return self.swing;
        }
        let heading = self.heading.to_radians();
        let north = self.stw_kn * libm::cos(heading) + self.current.0;
        let east = self.stw_kn * libm::sin(heading) + self.current.1;
        (north * KNOT, east * KNOT)
    }

    /// Speed over ground, knots.
    pub(crate) fn sog_kn(&self) -> f64 {
        let (north, east) = self.ground_velocity();
        libm::hypot(north, east) / KNOT
    }

    /// Course over ground, degrees true.
    pub(crate) fn cog(&self) -> f64 {
        let (north, east) = self.ground_velocity();
        geodesy::direction(north, east)
    }

    /// Depth of water in metres: a sea bed with slow waves, the same for every run that comes here.
    pub(crate) fn depth(&self) -> f64 {
        let (a, b) = (self.lat * 310.0, self.lon * 170.0);
        72.0 + 18.0 * libm::sin(a) + 9.0 * libm::sin(b + 1.0) + 3.0 * libm::sin(2.7 * (a + b))
    }

    /// Apparent wind: angle off the bow (0 to 360, starboard side first) and metres a second.
    pub(crate) fn apparent_wind(&self) -> (f64, f64) {
        let (from, speed) = (self.wind.0.to_radians(), self.wind.1 + self.gust);
        let (north, east) = self.ground_velocity();
        // Air moves away from where the wind comes from; aboard, the ship's own motion blows against it.
        let air = (-speed * libm::cos(from) - north, -speed * libm::sin(from) - east);
        let comes_from = geodesy::direction(-air.0, -air.1);
        ((comes_from - self.heading).rem_euclid(360.0), libm::hypot(air.0, air.1))
    }

    pub(super) fn step(&mut self) {
        if self.is_moored() {
            self.weather();
            return self.swing();
        }
        self.next_leg();
        let leg = self.leg();
        let gain = 0.03 * STEP_SECONDS;
        self.stw_kn += (leg.speed_kn - self.stw_kn).clamp(-gain, gain) + self.rng.normal(0.002);
        self.turn(leg.course);
        self.weather();
        let (north, east) = self.ground_velocity();
        (self.lat, self.lon) = geodesy::moved(self.lat, self.lon, north * STEP_SECONDS, east * STEP_SECONDS);
        let course = leg.course.to_radians();
        self.off_track += (east * libm::cos(course) - north * libm::sin(course)) * STEP_SECONDS;
    }

    /// Swings 25 degrees to either side of the anchor in half an hour, always heading towards it; alongside she lies still.
    fn swing(&mut self) {
        if self.voyage == Voyage::Berth {
            return;
        }
        let (lat, lon, seconds) = self.moored;
        self.moored.2 += STEP_SECONDS;
        let turn = std::f64::consts::TAU / 1_800.0;
        let heading = self.leg().course + 25.0 * libm::sin(turn * self.moored.2);
        self.rot = 60.0 * 25.0 * turn * libm::cos(turn * self.moored.2);
        self.heading = heading.rem_euclid(360.0);
        let before = behind_anchor(self.leg().course + 25.0 * libm::sin(turn * seconds));
        let after = behind_anchor(heading);
        self.swing = ((after.0 - before.0) / STEP_SECONDS, (after.1 - before.1) / STEP_SECONDS);
        (self.lat, self.lon) = geodesy::moved(lat, lon, after.0, after.1);
    }

    fn next_leg(&mut self) {
        self.leg_seconds += STEP_SECONDS;
        if self.leg_seconds >= self.leg().minutes * 60.0 && self.leg + 1 < self.legs.len() {
            self.leg += 1;
            self.leg_seconds = 0.0;
            self.off_track = 0.0;
        }
    }

    /// Steers: the rate of turn ordered is the one that can still be stopped in time, up to 12 degrees a minute.
    fn turn(&mut self, course: f64) {
        // The autopilot makes up for drift across the line, gently.
        let correction = (-self.off_track / 40.0).clamp(-4.0, 4.0);
        let error = geodesy::angle_between(self.heading, course + correction);
        let ordered = (86.0 * error.abs()).sqrt().min(12.0).copysign(error);
        self.yaw += -self.yaw * STEP_SECONDS / 8.0 + self.rng.normal(0.12);
        let change = 1.2 * STEP_SECONDS;
        self.rot += (ordered + self.yaw - self.rot).clamp(-change, change);
        self.heading = (self.heading + self.rot / 60.0 * STEP_SECONDS).rem_euclid(360.0);
        let wanted = (0.9 * ordered + 4.0 * (ordered - self.rot)).clamp(-25.0, 25.0);
        self.rudder += (wanted - self.rudder).clamp(-0.3, 0.3);
    }

    /// Lets current and wind drift.
    fn weather(&mut self) {
        let pull = STEP_SECONDS / CURRENT_CONSTANT;
        // A first-order process of this pull and noise has a standard deviation of 0.4 knots.
        let noise = 0.4 * (2.0 * pull).sqrt();
        self.current.0 += (self.mean_current.0 - self.current.0) * pull + self.rng.normal(noise);
        self.current.1 += (self.mean_current.1 - self.current.1) * pull + self.rng.normal(noise);
        self.wind.0 = (self.wind.0 + self.rng.normal(0.02)).rem_euclid(360.0);
        self.wind.1 = (self.wind.1 + self.rng.normal(0.004)).clamp(3.0, 16.0);
        self.gust += -self.gust * STEP_SECONDS / 5.0 + self.rng.normal(0.09);
    }
}
