//! The register maps of the controllers: what a Modbus master reads from the main engine, the generators and the ballast system.

use crate::talk::modbus::function;
use crate::world::World;
use crate::world::machinery::Generator;

/// A controller that answers Modbus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plant {
    MainEngine,
    Generators,
    Ballast,
}

/// A quantity as a register: scaled, rounded, kept within 16 bits.
fn register(value: f64, scale: f64) -> u16 {
    (value * scale).round().clamp(0.0, 65_535.0) as u16
}

impl Plant {
    /// The name of its host.
    pub(crate) fn host(self) -> &'static str {
        match self {
            Self::MainEngine => "me-gateway",
            Self::Generators => "genset-gateway",
            Self::Ballast => "ballast-plc",
        }
    }

    /// What it says of itself: maker, product, revision.
    pub(crate) fn identification(self) -> [&'static str; 3] {
        match self {
            Self::MainEngine => ["Tern Marine Controls", "TMC-750", "V2.04"],
            Self::Generators => ["Tern Marine Controls", "TMC-320", "V1.11"],
            Self::Ballast => ["Quay Automation", "QA-16", "3.0.2"],
        }
    }

    /// A holding or input register as it stands now; a written one keeps what was written.
    pub(crate) fn register(self, world: &World, unit: u8, address: u16) -> u16 {
        if let Some(value) = world.effects.written.get(&(self.host(), unit, address)) {
            return *value;
        }
        match self {
            Self::MainEngine => engine_register(world, address),
            Self::Generators => {
                let set = world.machinery.generators.get(usize::from(unit.saturating_sub(11)));
                set.map_or(0, |set| generator_register(set, address))
            }
            Self::Ballast => match address {
                200..212 => {
                    register(world.machinery.tanks.get(usize::from(address - 200)).copied().unwrap_or(0.0), 10.0)
                }
                0..24 => 0,
                212 => register(world.motion.depth(), 10.0),
                _ => 0,
            },
        }
    }

    /// A coil: pumps and valves of the ballast system are shut at sea.
    pub(crate) fn coil(self, world: &World, unit: u8, address: u16) -> bool {
        world.effects.written.get(&(self.host(), unit, address)).is_some_and(|value| *value != 0)
    }

    /// The answer to a read of `count` items.
    pub(crate) fn read(self, world: &World, unit: u8, function: u8, address: u16, count: u16) -> Vec<u8> {
        let addresses = address..address.saturating_add(count);
        if function == function::READ_COILS {
            let values: Vec<bool> = addresses.map(|at| self.coil(world, unit, at)).collect();
            return crate::talk::modbus::coils(function, &values);
        }
        let values: Vec<u16> = addresses.map(|at| self.register(world, unit, at)).collect();
        crate::talk::modbus::registers(function, &values)
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
        105 => register(engine.power_kw / 1_800.0, 1_000.0),
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
