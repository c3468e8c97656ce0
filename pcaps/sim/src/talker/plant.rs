//! The register maps of the controllers: what a Modbus master reads from engines, generators, cargo, ballast and safety systems.

use crate::talk::modbus::function;
use crate::wire::net::SECOND;
use crate::world::World;
use crate::world::machinery::Generator;

/// Which registers a controller has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plant {
    /// A main engine, or a podded drive: there "fuel" is the motor's current and the exhausts are its windings.
    MainEngine,
    /// Generator sets: each is a unit of its own from `first_unit` on, or with 0 all are blocks of sixteen registers of one unit.
    Generators {
        first_unit: u8,
    },
    Ballast,
    /// Gas valves: pressures and flow of the fuel gas, coils for the valves.
    GasValves,
    /// Steering gear: 0 rudder, 1-2 pumps, 3 oil pressure; 10-12 the order as it was given.
    Steering,
    /// Cargo tanks: level, pressure, temperature and density of each of four.
    CargoTanks,
    /// Reliquefaction: pressures, temperatures, speeds of the compressors; coils for starting them.
    Reliquefaction,
    /// Gas detectors, one register each, parts per million.
    GasDetection,
    /// Fire detectors or doors: states, all quiet; coils for commands.
    States,
}

/// A controller that answers Modbus.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Controller {
    pub(crate) host: &'static str,
    pub(crate) plant: Plant,
    /// What it says of itself: maker, product, revision.
    pub(crate) identification: [&'static str; 3],
}

/// A quantity as a register: scaled, rounded, kept within 16 bits.
fn register(value: f64, scale: f64) -> u16 {
    (value * scale).round().clamp(0.0, 65_535.0) as u16
}

impl Controller {
    /// A holding or input register as it stands now; a written one keeps what was written.
    pub(crate) fn register(&self, world: &World, unit: u8, address: u16) -> u16 {
        if let Some(value) = world.effects.written.get(&(self.host, unit, address)) {
            return *value;
        }
        match self.plant {
            Plant::MainEngine => engine_register(world, address),
            Plant::Generators { first_unit: 0 } => {
                let set = world.machinery.generators.get(usize::from(address / 16));
                set.map_or(0, |set| generator_register(set, address % 16))
            }
            Plant::Generators { first_unit } => {
                let set = world.machinery.generators.get(usize::from(unit.saturating_sub(first_unit)));
                set.map_or(0, |set| generator_register(set, address))
            }
            Plant::Ballast => match address {
                200..212 => {
                    register(world.machinery.tanks.get(usize::from(address - 200)).copied().unwrap_or(0.0), 10.0)
                }
                212 => register(world.motion.depth(), 10.0),
                _ => 0,
            },
            Plant::GasValves => gas_register(world, address),
            Plant::Steering => steering_register(world, address),
            Plant::CargoTanks => cargo_register(world, address),
            Plant::Reliquefaction => cold_register(world, address),
            // Detectors show a little of what is in the air, each a bit more or less.
            Plant::GasDetection => {
                if address < 48 {
                    2 + address % 5 + (slow(world, f64::from(address), 900.0) > 0.4) as u16
                } else {
                    0
                }
            }
            Plant::States => 0,
        }
    }

    /// A coil: what nobody has switched is off.
    pub(crate) fn coil(&self, world: &World, unit: u8, address: u16) -> bool {
        world.effects.written.get(&(self.host, unit, address)).is_some_and(|value| *value != 0)
    }

    /// The answer to a read of `count` items.
    pub(crate) fn read(&self, world: &World, unit: u8, function: u8, address: u16, count: u16) -> Vec<u8> {
        let addresses = address..address.saturating_add(count);
        if function == function::READ_COILS {
            let values: Vec<bool> = addresses.map(|at| self.coil(world, unit, at)).collect();
            return crate::talk::modbus::coils(function, &values);
        }
        let values: Vec<u16> = addresses.map(|at| self.register(world, unit, at)).collect();
        crate::talk::modbus::registers(function, &values)
    }
}

/// A slow swing between -1 and 1, `shift` radians into a period of `seconds`.
fn slow(world: &World, shift: f64, seconds: f64) -> f64 {
    // Folded by a multiple of every period used here, so that the argument stays small and exact.
    let now = world.now.rem_euclid(75_600 * SECOND) as f64 / SECOND as f64;
    libm::sin(std::f64::consts::TAU * now / seconds + shift)
}

/// Fuel gas: 0 header pressure, 1 temperature, 2 flow, 3 valve opening, 4-9 pressures before the cylinders.
fn gas_register(world: &World, address: u16) -> u16 {
    let load = world.machinery.power_kw / world.machinery.engine.rated_kw;
    match address {
        0 => register(6.1 + 0.05 * slow(world, 0.0, 420.0), 100.0),
        1 => register(41.0 + slow(world, 1.0, 1_800.0), 10.0),
        2 => register(world.machinery.fuel_kg_h * 0.86, 1.0),
        3 => register(100.0 * load.min(1.0), 10.0),
        4..=9 => register(5.2 + 0.4 * load + 0.03 * slow(world, f64::from(address), 300.0), 100.0),
        _ => 0,
    }
}

fn steering_register(world: &World, address: u16) -> u16 {
    match address {
        0 | 10 => register(world.motion.rudder + 35.0, 10.0),
        1 | 2 | 11 | 12 => 1,
        3 => register(58.0 + 0.4 * world.motion.rudder.abs(), 10.0),
        4 => register(44.0 + slow(world, 0.5, 2_700.0), 10.0),
        _ => 0,
    }
}

/// Tank n from register 8n: 0 level in centimetres, 1 vapour pressure in tenths of millibars, 2 temperature below zero, 3 density.
fn cargo_register(world: &World, address: u16) -> u16 {
    let tank = f64::from(address / 8);
    match address % 8 {
        _ if address >= 32 => 0,
        0 => register(26.4 - 0.3 * tank + 0.02 * slow(world, tank, 11.0), 100.0),
        1 => register(108.0 + 1.5 * slow(world, tank * 0.2, 5_400.0), 10.0),
        2 => register(160.4 - 0.1 * tank, 10.0),
        3 => register(438.0 + tank, 10.0),
        _ => 0,
    }
}

/// 0-3 pressures, 4-9 temperatures below zero, 10-13 speeds, of compressors that run all the time.
fn cold_register(world: &World, address: u16) -> u16 {
    let shift = f64::from(address);
    match address {
        0..=3 => register(2.4 + 1.9 * shift + 0.04 * slow(world, shift, 600.0), 100.0),
        4..=9 => register(20.0 + 22.0 * (shift - 4.0) + 0.6 * slow(world, shift, 1_350.0), 10.0),
        10..=13 => register(8_400.0 + 35.0 * slow(world, shift, 280.0), 1.0),
        _ => 0,
    }
}

/// Main engine: 0 speed, 1 power, 2 fuel, 3-8 exhaust, 10-14 oil, water and air, 20-39 alarms, 40-47 governor, 100-120 for the bridge.
fn engine_register(world: &World, address: u16) -> u16 {
    let engine = &world.machinery;
    match address {
        0 | 100 => register(engine.rpm, 10.0),
        1 | 101 => register(engine.power_kw, 1.0),
        2 | 102 => register(engine.fuel_kg_h, 10.0),
        3..=8 => register(engine.exhaust_c.get(usize::from(address - 3)).copied().unwrap_or(0.0), 10.0),
        10 | 103 => register(engine.oil_bar, 100.0),
        11 => register(engine.oil_c, 10.0),
        12 | 104 => register(engine.coolant_c, 10.0),
        13 => register(engine.scavenge_bar, 100.0),
        14 => register(engine.start_air_bar, 10.0),
        // Running hours in two registers, the high one first.
        15 => (engine.run_seconds / 3_600.0 / 65_536.0) as u16,
        16 => (engine.run_seconds / 3_600.0 % 65_536.0) as u16,
        40 => 840,
        41 => 1_000,
        42 => 120,
        43 => 35,
        44..=47 => 50,
        105 => register(engine.power_kw / engine.engine.rated_kw, 1_000.0),
        106 => register(world.motion.stw_kn, 100.0),
        107 => register(world.motion.rudder + 100.0, 10.0),
        // Limits that the bridge shows: speed, load, exhaust temperature.
        110 => 900,
        111 => 1_050,
        112 => 4_500,
        _ => 0,
    }
}

/// Generator set: 0 breaker, 1 load, 2 frequency, 3-5 voltages, 6 coolant, 7 speed, 8 oil pressure.
fn generator_register(set: &Generator, address: u16) -> u16 {
    match address {
        0 => u16::from(set.running),
        1 => register(set.load_kw, 10.0),
        2 => register(set.hertz, 100.0),
        3..=5 => register(set.volt, 10.0),
        6 => register(set.coolant_c, 10.0),
        7 => register(if set.running { set.hertz * 30.0 } else { 0.0 }, 1.0),
        8 => register(if set.running { 4.1 } else { 0.0 }, 100.0),
        _ => 0,
    }
}
