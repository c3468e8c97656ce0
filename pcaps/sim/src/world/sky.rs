//! Satellites above the ship: which are up, how high, how strong, and how well they place a receiver.
//!
//! Not real orbits: each satellite crosses the sky on a slow arc, which is enough for elevations, azimuths and signal strengths to move
//! as they do.

use crate::rng::Rng;
use crate::talk::nmea::Satellite;

/// One satellite's arc: half a turn of its phase is one pass from horizon to horizon.
#[derive(Debug, Clone, Copy)]
struct Arc {
    prn: u8,
    phase: f64,
    highest: f64,
    azimuth: f64,
    swing: f64,
}

/// The sky.
#[derive(Debug, Clone)]
pub(crate) struct Sky {
    arcs: Vec<Arc>,
    now: i64,
}

/// Seconds of one pass above the horizon.
const PASS: f64 = 6.0 * 3_600.0;

impl Sky {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = Rng::stream(seed, "world", "sky");
        let arc = |number: u8| Arc {
            // 13 and 32 share no factor, so no two satellites get one number.
            prn: (u16::from(number) * 13 % 32 + 1) as u8,
            phase: f64::from(number) / 10.0 + rng.unit() * 0.1,
            highest: rng.between(28.0, 86.0),
            azimuth: rng.between(0.0, 360.0),
            swing: rng.between(60.0, 150.0),
        };
        Self { arcs: (0..20).map(arc).collect(), now: 0 }
    }

    pub(super) fn step(&mut self, now: i64) {
        self.now = now;
    }

    /// The satellites in view, at most twelve, with 2 dB of noise on each signal drawn from `rng`.
    pub(crate) fn in_view(&self, rng: &mut Rng) -> Vec<Satellite> {
        // Folding by a multiple of the pass keeps the argument small and the result exact.
        let seconds = self.now.rem_euclid(2 * 6 * 3_600 * 1_000_000_000) as f64 / 1e9;
        let mut out = Vec::with_capacity(12);
        for arc in &self.arcs {
            let turn = std::f64::consts::PI * (seconds / PASS + arc.phase);
            let elevation = arc.highest * libm::sin(turn);
            if elevation > 5.0 {
                let azimuth = (arc.azimuth + arc.swing * libm::cos(turn)).rem_euclid(360.0);
                let cn0 = 34.0 + 14.0 * libm::sin(elevation.to_radians()) + rng.normal(1.0);
                out.push(Satellite { prn: arc.prn, elevation, azimuth, cn0 });
            }
        }
        out.truncate(12);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enough_satellites_at_any_time() {
        for seed in 0..20 {
            let mut sky = Sky::new(seed);
            let mut rng = Rng::stream(seed, "test", "sky");
            for hour in 0..48 {
                sky.step(hour * 1_800_000_000_000 + 1_799_568_000_000_000_000);
                let view = sky.in_view(&mut rng);
                assert!((4..=12).contains(&view.len()), "seed {seed}, half hour {hour}: {}", view.len());
                assert!(view.iter().all(|s| (28.0..=52.0).contains(&s.cn0) && (1..=32).contains(&s.prn)));
            }
        }
    }
}
