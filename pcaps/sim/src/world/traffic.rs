//! The other ships, yachts, marks and shore stations within AIS range.

use super::geodesy;
use super::{KNOT, STEP_SECONDS};
use crate::rng::Rng;

/// What kind of station a target is; decides what it sends and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    ClassA,
    ClassB,
    Aid,
    BaseStation,
}

/// One target.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) kind: Kind,
    pub(crate) mmsi: u32,
    pub(crate) imo: u32,
    pub(crate) name: String,
    pub(crate) callsign: String,
    pub(crate) ship_type: i64,
    pub(crate) size: [i64; 4],
    pub(crate) draught_m: f64,
    pub(crate) lat: f64,
    pub(crate) lon: f64,
    pub(crate) sog_kn: f64,
    pub(crate) cog: f64,
    /// Degrees a minute.
    pub(crate) rot: f64,
    manoeuvre_left: f64,
    /// Heard by radio only: nobody is there.
    pub(crate) is_ghost: bool,
    rng: Rng,
}

/// Everyone around.
#[derive(Debug, Clone)]
pub(crate) struct Traffic {
    pub(crate) targets: Vec<Target>,
}

/// Ships on class A, yachts on class B.
const CLASS_A: u64 = 22;
const CLASS_B: u64 = 6;
/// First halves and second halves of invented names.
const FIRST: [&str; 12] =
    ["NORDIC", "ISLE OF", "CAPE", "BALTIC", "SOUTH", "SILVER", "OLD", "WESTERN", "LADY", "POLAR", "GREEN", "AMBER"];
const SECOND: [&str; 12] =
    ["PINE", "HERON", "TRADER", "SKUA", "BREEZE", "MERCHANT", "OTTER", "FJORD", "STAR", "PLOVER", "RIVER", "QUAY"];
/// Maritime identification digits of flags around the North Sea.
const FLAGS: [u32; 8] = [211, 219, 230, 244, 257, 265, 304, 636];

/// A seven-digit ship number with a valid check digit, from a six-digit one.
fn imo_number(six: u32) -> u32 {
    let digits = format!("{:06}", six % 1_000_000);
    let sum: u32 = digits.bytes().zip((2..=7).rev()).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    six % 1_000_000 * 10 + sum % 10
}

impl Traffic {
    pub(super) fn new(seed: u64, lat: f64, lon: f64) -> Self {
        let mut targets: Vec<Target> =
            (0..CLASS_A + CLASS_B).map(|number| ship(seed, number, number >= CLASS_A, (lat, lon))).collect();
        for (number, (kind, mmsi, name)) in [
            (Kind::Aid, 992_571_301, "HOLM NORTH"),
            (Kind::Aid, 992_571_302, "SKAGEN REV"),
            (Kind::BaseStation, 2_573_450, ""),
        ]
        .into_iter()
        .enumerate()
        {
            let mut rng = Rng::stream(seed, "traffic", &format!("mark-{number}"));
            let place = (rng.between(-15_000.0, 15_000.0), rng.between(5_000.0, 18_000.0));
            let (lat, lon) = geodesy::moved(lat, lon, place.0, place.1);
            targets.push(Target {
                kind,
                mmsi,
                imo: 0,
                name: name.to_owned(),
                callsign: String::new(),
                ship_type: 20,
                size: [0; 4],
                draught_m: 0.0,
                lat,
                lon,
                sog_kn: 0.0,
                cog: 0.0,
                rot: 0.0,
                manoeuvre_left: 0.0,
                is_ghost: false,
                rng,
            });
        }
        Self { targets }
    }

    pub(super) fn step(&mut self) {
        for target in &mut self.targets {
            target.step();
        }
    }
}

/// An invented ship or yacht somewhere around.
fn ship(seed: u64, number: u64, yacht: bool, centre: (f64, f64)) -> Target {
    let mut rng = Rng::stream(seed, "traffic", &format!("ship-{number}"));
    let (lat, lon) =
        geodesy::moved(centre.0, centre.1, rng.between(-28_000.0, 28_000.0), rng.between(-20_000.0, 36_000.0));
    // Digits after the flag end in the target's number, so that no two are the same, and no real ship is meant: 9 9 is unassigned here.
    let mmsi = rng.pick(&FLAGS) * 1_000_000 + 990_000 + rng.below(99) as u32 * 100 + number as u32;
    let length = if yacht { 8 + rng.below(7) as i64 } else { 70 + rng.below(150) as i64 };
    let beam = (length / 7).max(3);
    let aft = length / 5;
    Target {
        kind: if yacht { Kind::ClassB } else { Kind::ClassA },
        mmsi,
        imo: if yacht { 0 } else { imo_number(990_000 + number as u32 * 37) },
        name: format!("{} {}", rng.pick(&FIRST), rng.pick(&SECOND)),
        callsign: format!("SIM{:03}", number),
        ship_type: if yacht { 36 } else { 70 + rng.below(20) as i64 },
        size: [length - aft, aft, beam / 2, beam - beam / 2],
        draught_m: if yacht { 1.8 } else { rng.between(4.0, 11.0) },
        lat,
        lon,
        sog_kn: if yacht { rng.between(3.0, 7.0) } else { rng.between(8.0, 18.5) },
        cog: rng.between(0.0, 360.0),
        rot: 0.0,
        manoeuvre_left: 0.0,
        is_ghost: false,
        rng,
    }
}

impl Target {
    /// A ship that somebody invents by radio, at a place and with a course and speed of its own.
    pub(crate) fn ghost(seed: u64, number: u32, mmsi: u32, place: (f64, f64), course: f64, sog_kn: f64) -> Self {
        let mut ghost = ship(seed, 100 + u64::from(number), false, place);
        ghost.mmsi = mmsi;
        (ghost.lat, ghost.lon, ghost.cog, ghost.sog_kn, ghost.is_ghost) = (place.0, place.1, course, sog_kn, true);
        ghost
    }

    fn step(&mut self) {
        if matches!(self.kind, Kind::Aid | Kind::BaseStation) {
            return;
        }
        if self.manoeuvre_left > 0.0 {
            self.manoeuvre_left -= STEP_SECONDS;
        } else if self.rot != 0.0 {
            self.rot = 0.0;
        } else if self.rng.unit() < STEP_SECONDS / 900.0 {
            self.manoeuvre_left = self.rng.between(30.0, 120.0);
            self.rot = self.rng.between(-15.0, 15.0);
        }
        self.cog = (self.cog + self.rot / 60.0 * STEP_SECONDS).rem_euclid(360.0);
        let (step, course) = (self.sog_kn * KNOT * STEP_SECONDS, self.cog.to_radians());
        (self.lat, self.lon) = geodesy::moved(self.lat, self.lon, step * libm::cos(course), step * libm::sin(course));
    }

    /// Seconds between position reports (ITU-R M.1371, table 1 and 2).
    pub(crate) fn report_interval(&self) -> f64 {
        match self.kind {
            Kind::Aid => 180.0,
            Kind::BaseStation => 10.0,
            Kind::ClassB => 30.0,
            Kind::ClassA if self.sog_kn > 23.0 => 2.0,
            Kind::ClassA if self.rot.abs() > 5.0 && self.sog_kn > 14.0 => 2.0,
            Kind::ClassA if self.rot.abs() > 5.0 => 10.0 / 3.0,
            Kind::ClassA if self.sog_kn > 14.0 => 6.0,
            Kind::ClassA => 10.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ship_numbers_have_a_check_digit() {
        // IMO 9074729 is the example in public descriptions of the scheme.
        assert_eq!(imo_number(907_472), 9_074_729);
    }

    #[test]
    fn everyone_has_an_own_identity() {
        let traffic = Traffic::new(5, 57.0, 8.0);
        let numbers: std::collections::BTreeSet<u32> = traffic.targets.iter().map(|t| t.mmsi).collect();
        assert_eq!(numbers.len(), traffic.targets.len());
    }
}
