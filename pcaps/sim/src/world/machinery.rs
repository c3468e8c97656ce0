//! Main engine, generators and tanks: values that follow the ship's speed and the time of day.

use super::STEP_SECONDS;
use crate::rng::Rng;

/// One generator set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Generator {
    pub(crate) running: bool,
    pub(crate) load_kw: f64,
    pub(crate) hertz: f64,
    pub(crate) volt: f64,
    pub(crate) coolant_c: f64,
}

/// What the engine room's instruments would show.
#[derive(Debug, Clone)]
pub(crate) struct Machinery {
    pub(crate) engine: Engine,
    pub(crate) rpm: f64,
    pub(crate) power_kw: f64,
    pub(crate) fuel_kg_h: f64,
    /// Exhaust temperature after each cylinder, degrees Celsius.
    pub(crate) exhaust_c: [f64; 6],
    pub(crate) oil_bar: f64,
    pub(crate) oil_c: f64,
    pub(crate) coolant_c: f64,
    pub(crate) scavenge_bar: f64,
    pub(crate) start_air_bar: f64,
    pub(crate) generators: [Generator; 3],
    /// Level of each ballast tank, percent.
    pub(crate) tanks: [f64; 12],
    /// Seconds the main engine has run in its life.
    pub(crate) run_seconds: f64,
    rng: Rng,
}

/// How a main engine (or a driving motor) is sized.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Engine {
    /// Revolutions a minute for each knot.
    pub(crate) rpm_per_kn: f64,
    /// Kilowatts per rpm cubed, in millionths.
    pub(crate) power_factor: f64,
    /// Full power, kilowatts.
    pub(crate) rated_kw: f64,
}

impl Engine {
    /// 1,450 kW at 84 rpm.
    pub(crate) const SMALL: Self = Self { rpm_per_kn: 7.5, power_factor: 2_446.0, rated_kw: 1_800.0 };
}

/// Exhaust temperatures follow the power with this lag, seconds.
const EXHAUST_LAG: f64 = 90.0;

/// By what an engine's power is multiplied to stand where the small one's would at the same load.
fn small(engine: Engine) -> f64 {
    Engine::SMALL.rated_kw / engine.rated_kw
}

impl Machinery {
    pub(super) fn new(seed: u64, speed_kn: f64, engine: Engine) -> Self {
        let mut rng = Rng::stream(seed, "world", "machinery");
        let rpm = engine.rpm_per_kn * speed_kn;
        let power_kw = engine.power_factor * rpm * rpm * rpm / 1e6;
        let exhaust = if rpm > 5.0 { 255.0 + 0.055 * power_kw * small(engine) } else { 48.0 };
        let set = |running| Generator {
            running,
            load_kw: 0.0,
            hertz: 0.0,
            volt: 0.0,
            coolant_c: if running { 78.0 } else { 41.0 },
        };
        Self {
            engine,
            rpm,
            power_kw,
            fuel_kg_h: 0.2 * power_kw,
            exhaust_c: std::array::from_fn(|_| exhaust + rng.normal(5.0)),
            oil_bar: 4.2,
            oil_c: 52.0,
            coolant_c: 79.0,
            scavenge_bar: 1.1,
            start_air_bar: 27.5,
            generators: [set(true), set(true), set(false)],
            tanks: std::array::from_fn(|_| rng.between(8.0, 92.0)),
            run_seconds: 4.1e7,
            rng,
        }
    }

    pub(super) fn step(&mut self, now: i64, speed_kn: f64) {
        // The governor holds the speed; what is left is the noise of the pick-up. A stopped engine makes none.
        let noise = self.rng.normal(0.03);
        self.rpm += (self.engine.rpm_per_kn * speed_kn - self.rpm) * STEP_SECONDS / 6.0
            + if speed_kn > 0.0 { noise } else { 0.0 };
        self.power_kw = self.engine.power_factor * self.rpm * self.rpm * self.rpm / 1e6;
        self.fuel_kg_h = 0.2 * self.power_kw;
        // The curves below were drawn for the small engine.
        let power_kw = self.power_kw * small(self.engine);
        let lag = STEP_SECONDS / EXHAUST_LAG;
        let goal = if self.rpm > 5.0 { 255.0 + 0.055 * power_kw } else { 48.0 };
        for (cylinder, spread) in self.exhaust_c.iter_mut().zip([-4.0, 3.0, 0.0, 6.0, -2.0, 1.0]) {
            *cylinder += (goal + spread - *cylinder) * lag + self.rng.normal(0.02);
        }
        self.oil_c += (44.0 + 0.006 * power_kw - self.oil_c) * lag + self.rng.normal(0.004);
        let running = self.rpm > 5.0;
        self.oil_bar = if running { 3.4 + 0.012 * self.rpm - 0.005 * (self.oil_c - 50.0) } else { 0.0 };
        self.coolant_c += (76.0 + 0.002 * power_kw - self.coolant_c) * lag + self.rng.normal(0.01);
        self.scavenge_bar = 0.2 + power_kw / 1_600.0;
        self.start_air_bar += (27.5 - self.start_air_bar) * lag + self.rng.normal(0.003);
        self.run_seconds += if running { STEP_SECONDS } else { 0.0 };
        self.share_load(now);
        for level in &mut self.tanks {
            *level = (*level + self.rng.normal(0.002)).clamp(0.0, 100.0);
        }
    }

    /// The running sets share the hotel load, which rises and falls with the day.
    fn share_load(&mut self, now: i64) {
        let day = now.rem_euclid(86_400_000_000_000) as f64 / 86_400e9;
        let total = 185.0 + 35.0 * libm::sin(std::f64::consts::TAU * (day - 0.33));
        let running = self.generators.iter().filter(|set| set.running).count().max(1) as f64;
        for set in &mut self.generators {
            if set.running {
                set.load_kw += (total / running - set.load_kw) * 0.02 + self.rng.normal(0.25);
                set.hertz = 50.0 - 0.004 * (set.load_kw - 90.0) + self.rng.normal(0.01);
                set.volt = 400.0 + self.rng.normal(0.4);
                set.coolant_c += (72.0 + 0.07 * set.load_kw - set.coolant_c) * 0.001;
            }
        }
    }
}
