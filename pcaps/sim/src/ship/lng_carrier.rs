//! The LNG carrier: 290 m, a trunk mirror with all VLANs, the integrated automation as hub, a cargo zone with two address families.

use super::plan::{
    BridgePlan, GATEWAY, GYRO, GyroPlan, HousePlan, Mark, Marks, PC, PLC, PLC_B, PersonPlan, Place, RADAR, RECEIVER,
    RECORDER, SERIAL, STATION, SWITCH, WORK, controller, host, leg, master, pc, phone, poll, subnet,
};
use super::{HostPlan, MacPlan, Ship, SubnetPlan};
use crate::talk::ais::Identity;
use crate::talk::modbus::function::{READ_COILS, READ_HOLDING, READ_INPUT, WRITE_REGISTERS};
use crate::talker::bridge::{ReceiverPlan, Sensor};
use crate::talker::modbus::{MasterPlan, Value, Writes};
use crate::talker::plant::{Controller, Plant};
use crate::talker::service::{Other, ServicePlan, Work};
use crate::wire::net::{MILLI, Tap};
use crate::world::machinery::Engine;
use crate::world::motion::Leg;
use crate::world::{Departure, Voyage};

const SUBNETS: &[SubnetPlan] = &[
    subnet("navigation", Tap::Bridge, 310, [10, 10, 31, 0], 24, "nav-gateway"),
    subnet("communication", Tap::Bridge, 315, [10, 10, 35, 0], 26, "communication-gateway"),
    subnet("propulsion", Tap::Machinery, 320, [10, 10, 32, 0], 25, "propulsion-gateway"),
    subnet("power", Tap::Machinery, 321, [10, 10, 32, 128], 25, "power-gateway"),
    subnet("steering", Tap::Machinery, 322, [10, 10, 36, 0], 28, "steering-router"),
    subnet("cargo", Tap::Machinery, 330, [10, 10, 33, 0], 24, "cargo-gateway"),
    subnet("ballast", Tap::Machinery, 331, [10, 10, 37, 0], 26, "ballast-gateway"),
    subnet("safety", Tap::Machinery, 340, [10, 10, 34, 0], 26, "safety-gateway"),
    subnet("ias", Tap::Machinery, 345, [10, 10, 38, 0], 24, "ias-gateway"),
    subnet("hvac", Tap::Machinery, 350, [10, 10, 40, 0], 26, "hvac-gateway"),
    subnet("dmz", Tap::Bridge, 399, [10, 10, 99, 0], 27, "dmz-gateway"),
    subnet("business", Tap::Bridge, 390, [10, 10, 90, 0], 24, "business-router"),
    subnet("crew", Tap::Bridge, 395, [10, 10, 128, 0], 22, "crew-router"),
    subnet("satellite", Tap::Bridge, 398, [10, 10, 98, 0], 28, "sat-router"),
];

const HOSTS: &[HostPlan] = &[
    host("nav-gateway", "navigation", [10, 10, 31, 1], GATEWAY),
    host("nav-switch", "navigation", [10, 10, 31, 2], SWITCH),
    host("gnss-1", "navigation", [10, 10, 31, 11], RECEIVER),
    host("gnss-2", "navigation", [10, 10, 31, 12], RECEIVER),
    host("gyro-1", "navigation", [10, 10, 31, 21], GYRO),
    host("gyro-2", "navigation", [10, 10, 31, 22], GYRO),
    host("gyro-3", "navigation", [10, 10, 31, 23], GYRO),
    host("speed-log", "navigation", [10, 10, 31, 25], RECEIVER),
    host("echo-sounder", "navigation", [10, 10, 31, 26], RECEIVER),
    host("wind", "navigation", [10, 10, 31, 27], SERIAL),
    host("ais", "navigation", [10, 10, 31, 31], RECEIVER),
    host("radar-1", "navigation", [10, 10, 31, 41], RADAR),
    host("ecdis-1", "navigation", [10, 10, 31, 51], STATION),
    host("ecdis-2", "navigation", [10, 10, 31, 52], STATION),
    host("conning", "navigation", [10, 10, 31, 55], STATION),
    host("autopilot", "navigation", [10, 10, 31, 61], RECEIVER),
    host("serial-server", "navigation", [10, 10, 31, 81], SERIAL),
    host("recorder", "navigation", [10, 10, 31, 91], RECORDER),
    host("communication-gateway", "communication", [10, 10, 35, 1], GATEWAY),
    host("antenna", "communication", [10, 10, 35, 10], SWITCH),
    host("propulsion-gateway", "propulsion", [10, 10, 32, 1], GATEWAY),
    host("propulsion-switch", "propulsion", [10, 10, 32, 2], SWITCH),
    host("main-control-unit", "propulsion", [10, 10, 32, 41], PLC),
    host("gas-valve-unit", "propulsion", [10, 10, 32, 45], PLC_B),
    host("power-gateway", "power", [10, 10, 32, 129], GATEWAY),
    host("power-manager-a", "power", [10, 10, 32, 142], PLC),
    host("power-manager-b", "power", [10, 10, 32, 143], PLC),
    host("steering-router", "steering", [10, 10, 36, 1], GATEWAY),
    host("steering-gateway", "steering", [10, 10, 36, 3], PLC_B),
    host("cargo-gateway", "cargo", [10, 10, 33, 1], GATEWAY),
    host("cargo-station-1", "cargo", [10, 10, 33, 10], STATION),
    host("cargo-station-2", "cargo", [10, 10, 33, 11], STATION),
    host("custody-transfer", "cargo", [10, 10, 33, 31], PLC),
    host("reliquefaction", "cargo", [10, 10, 33, 32], PLC_B),
    host("ballast-gateway", "ballast", [10, 10, 37, 1], GATEWAY),
    host("ballast-plc", "ballast", [10, 10, 37, 5], PLC_B),
    host("loading-computer", "ballast", [10, 10, 37, 20], STATION),
    host("safety-gateway", "safety", [10, 10, 34, 1], GATEWAY),
    host("esd-controller", "safety", [10, 10, 34, 10], MacPlan::Vendor([0x00, 0x0E, 0x8C])),
    host("gas-detection", "safety", [10, 10, 34, 20], PLC_B),
    host("ias-gateway", "ias", [10, 10, 38, 1], GATEWAY),
    host("ias-server-1", "ias", [10, 10, 38, 10], STATION),
    host("ias-server-2", "ias", [10, 10, 38, 11], STATION),
    host("ias-station-1", "ias", [10, 10, 38, 21], STATION),
    host("ias-station-2", "ias", [10, 10, 38, 22], STATION),
    host("hvac-gateway", "hvac", [10, 10, 40, 1], GATEWAY),
    host("vent-controller", "hvac", [10, 10, 40, 9], MacPlan::Vendor([0x00, 0x26, 0x77])),
    host("dmz-gateway", "dmz", [10, 10, 99, 1], GATEWAY),
    host("jump-host", "dmz", [10, 10, 99, 10], STATION),
    host("historian-out", "dmz", [10, 10, 99, 12], STATION),
    host("business-router", "business", [10, 10, 90, 1], GATEWAY),
    host("office-pc-1", "business", [10, 10, 90, 21], PC),
    host("office-pc-2", "business", [10, 10, 90, 22], PC),
    host("eto-laptop", "business", [10, 10, 90, 77], PC),
    host("crew-router", "crew", [10, 10, 128, 1], GATEWAY),
    host("crew-1", "crew", [10, 10, 128, 21], MacPlan::Private),
    host("crew-2", "crew", [10, 10, 128, 22], MacPlan::Private),
    host("crew-3", "crew", [10, 10, 128, 23], MacPlan::Private),
    host("crew-4", "crew", [10, 10, 128, 37], MacPlan::Private),
    host("crew-5", "crew", [10, 10, 129, 41], MacPlan::Private),
    host("crew-6", "crew", [10, 10, 129, 42], MacPlan::Private),
    host("sat-router", "satellite", [10, 10, 98, 1], GATEWAY),
];

const ROLES: &[(&str, &str)] = &[
    ("gyro", "gyro-1"),
    ("log", "speed-log"),
    ("machinery", "propulsion"),
    ("machinery-gateway", "propulsion-gateway"),
    ("machinery-switch", "propulsion-switch"),
    ("office", "business"),
    ("office-router", "business-router"),
    ("master-pc", "office-pc-1"),
    ("chief-pc", "office-pc-2"),
    ("alarm-server", "ias-server-1"),
    ("me-gateway", "main-control-unit"),
    ("genset-gateway", "power-manager-a"),
    ("ballast-panel", "loading-computer"),
    ("lan", "cargo"),
    ("lan-master", "cargo-station-1"),
    ("lan-slave", "reliquefaction"),
    ("s7-client", "cargo-station-1"),
    ("s7-controller", "esd-controller"),
    ("bacnet-stranger", "ias-station-2"),
];

/// Along the edge of the Norwegian Trench.
const LEGS: &[Leg] = &[
    leg(348.0, 17.2, 12.0),
    leg(356.0, 17.2, 11.0),
    leg(340.0, 17.4, 14.0),
    leg(352.0, 17.4, 20.0),
    leg(336.0, 17.0, 25.0),
    leg(350.0, 17.2, 40.0),
    leg(358.0, 17.2, 60.0),
];
const ARRIVAL_LEGS: &[Leg] =
    &[leg(78.0, 13.0, 5.0), leg(70.0, 9.5, 5.0), leg(84.0, 6.5, 5.0), leg(96.0, 3.6, 5.0), leg(104.0, 1.2, 60.0)];
const DEPARTURE_LEGS: &[Leg] =
    &[leg(284.0, 0.0, 5.0), leg(284.0, 2.5, 5.0), leg(262.0, 5.5, 6.0), leg(250.0, 9.0, 6.0), leg(258.0, 13.5, 60.0)];
const RIVER_LEGS: &[Leg] = &[leg(62.0, 10.5, 8.0), leg(72.0, 10.0, 8.0), leg(88.0, 9.5, 8.0), leg(74.0, 9.5, 60.0)];
const DATE_LINE_LEGS: &[Leg] = &[leg(88.0, 17.0, 25.0), leg(97.0, 17.0, 60.0)];

const DEPARTURES: &[Departure] = &[
    Departure { voyage: Voyage::Passage, lat: 60.905, lon: 3.352, legs: LEGS },
    Departure { voyage: Voyage::Arrival, lat: 60.542, lon: 4.682, legs: ARRIVAL_LEGS },
    Departure { voyage: Voyage::Anchor, lat: 60.631, lon: 4.801, legs: &[leg(238.0, 0.0, 1.0)] },
    Departure { voyage: Voyage::Departure, lat: 60.561, lon: 4.872, legs: DEPARTURE_LEGS },
    Departure { voyage: Voyage::River, lat: 53.868, lon: 8.902, legs: RIVER_LEGS },
    Departure { voyage: Voyage::DateLine, lat: 22.418, lon: 179.962, legs: DATE_LINE_LEGS },
    Departure { voyage: Voyage::Berth, lat: 60.562, lon: 4.874, legs: &[leg(284.0, 0.0, 1.0)] },
];

/// "Example Fulmar".
pub(crate) const SHIP: Ship = Ship {
    id: "lng-carrier",
    alias: "lng",
    what: "290 m LNG carrier: trunk mirror, integrated automation, gas plant, cargo zone with IPv6",
    policy: include_str!("../../ships/lng-carrier.toml"),
    identity: Identity {
        mmsi: 311_999_200,
        imo: 9_999_917,
        callsign: "PSIL",
        name: "EXAMPLE FULMAR",
        ship_type: 84,
        size: [238, 52, 23, 23],
        draught_m: 11.6,
        destination: "NOMON",
    },
    subnets: SUBNETS,
    hosts: HOSTS,
    roles: ROLES,
    nodes: &[],
    departures: DEPARTURES,
    engine: Engine { rpm_per_kn: 4.2, power_factor: 53_000.0, rated_kw: 24_000.0 },
    bridge: BRIDGE,
    controllers: CONTROLLERS,
    masters: MASTERS,
    services: SERVICES,
    house: HOUSE,
    people: PEOPLE,
    marks: MARKS,
};

const CONTROLLERS: &[Controller] = &[
    controller("main-control-unit", Plant::MainEngine, "Fulmar Power Control", "FPC-9", "5.12"),
    controller("gas-valve-unit", Plant::GasValves, "Fulmar Power Control", "GVU-2", "2.04"),
    controller("power-manager-a", Plant::Generators { first_unit: 0 }, "Quay Automation", "QA-64", "7.1.0"),
    controller("power-manager-b", Plant::Generators { first_unit: 0 }, "Quay Automation", "QA-64", "7.1.0"),
    controller("steering-gateway", Plant::Steering, "Quay Automation", "QA-8", "1.9.3"),
    controller("custody-transfer", Plant::CargoTanks, "Cold Gauge Works", "CTS-4", "3.3"),
    controller("reliquefaction", Plant::Reliquefaction, "Cold Gauge Works", "RLQ-1", "2.8"),
    controller("ballast-plc", Plant::Ballast, "Quay Automation", "QA-16", "3.0.2"),
    controller("gas-detection", Plant::GasDetection, "Cold Gauge Works", "GD-128", "1.4"),
];

const MASTERS: &[MasterPlan] = &[
    master("conning-engine", ("conning", "main-control-unit"), &[poll(1, READ_HOLDING, 100, 21, 2_000)]),
    master("autopilot-helm", ("autopilot", "steering-gateway"), &[poll(1, WRITE_REGISTERS, 10, 3, 500)]),
    master("conning-helm", ("conning", "steering-gateway"), &[poll(1, READ_INPUT, 0, 16, 1_000)]),
    MasterPlan {
        writes: Some(Writes {
            units: &[1],
            addresses: &[42, 43],
            value: Value::Between(30, 130),
            is_coil: false,
            mean_s: 700.0,
        }),
        ..master(
            "ias-engine",
            ("ias-server-1", "main-control-unit"),
            &[poll(1, READ_HOLDING, 0, 100, 1_000), poll(1, READ_HOLDING, 100, 100, 2_000)],
        )
    },
    MasterPlan {
        writes: Some(Writes {
            units: &[2],
            addresses: &[0, 1, 2, 3],
            value: Value::Toggle,
            is_coil: true,
            mean_s: 1_200.0,
        }),
        ..master(
            "ias-gas",
            ("ias-server-1", "gas-valve-unit"),
            &[poll(2, READ_HOLDING, 0, 32, 1_000), poll(2, READ_COILS, 0, 8, 2_000)],
        )
    },
    MasterPlan {
        writes: Some(Writes {
            units: &[1],
            addresses: &[4, 5, 6],
            value: Value::Toggle,
            is_coil: true,
            mean_s: 1_000.0,
        }),
        ..master(
            "ias-power",
            ("ias-server-1", "power-manager-a"),
            &[poll(1, READ_INPUT, 0, 48, 1_000), poll(1, READ_COILS, 0, 16, 3_000)],
        )
    },
    master("ias-helm", ("ias-server-1", "steering-gateway"), &[poll(1, READ_INPUT, 0, 32, 2_000)]),
    master("ias-detection", ("ias-server-1", "gas-detection"), &[poll(1, READ_INPUT, 0, 100, 2_000)]),
    master("cargo-custody", ("cargo-station-1", "custody-transfer"), &[poll(1, READ_INPUT, 0, 48, 2_000)]),
    master("cargo-custody-2", ("cargo-station-2", "custody-transfer"), &[poll(1, READ_INPUT, 0, 48, 5_000)]),
    MasterPlan {
        writes: Some(Writes { units: &[3], addresses: &[2, 3], value: Value::Toggle, is_coil: true, mean_s: 1_500.0 }),
        ..master("cargo-reliquefaction", ("cargo-station-1", "reliquefaction"), &[poll(3, READ_HOLDING, 0, 32, 1_000)])
    },
    MasterPlan {
        keeps_alive: true,
        ..master("cargo-ballast", ("cargo-station-1", "ballast-plc"), &[poll(1, READ_HOLDING, 200, 64, 5_000)])
    },
    MasterPlan {
        keeps_alive: true,
        ..master(
            "loading-ballast",
            ("loading-computer", "ballast-plc"),
            &[poll(1, READ_COILS, 0, 64, 2_000), poll(1, READ_HOLDING, 200, 16, 2_000)],
        )
    },
];

const fn service(client: &'static str, server: &'static str, work: Work, period_ms: i64) -> ServicePlan {
    ServicePlan { client, server: Other::Aboard(server), work, period_ms }
}

const SERVICES: &[ServicePlan] = &[
    service("cargo-station-1", "esd-controller", Work::S7 { block: 10, bytes: 64 }, 2_000),
    service("cargo-station-2", "esd-controller", Work::S7 { block: 10, bytes: 64 }, 5_000),
    service("ias-server-1", "vent-controller", Work::Bacnet { points: 24, writes: true }, 5_000),
    service("ias-station-1", "ias-server-1", Work::Frames { port: 4_841, bytes: (140, 900) }, 1_000),
    service("ias-station-2", "ias-server-1", Work::Frames { port: 4_841, bytes: (140, 900) }, 1_000),
    service("ias-server-1", "ias-server-2", Work::Copy { share: "history" }, 300_000),
    service("ias-server-1", "historian-out", Work::Lines { port: 5_514 }, 5_000),
    service("cargo-station-1", "cargo-station-2", Work::Ping6 { network: [0xFD, 0x10, 0, 0x33, 0, 0, 0, 0] }, 10_000),
    ServicePlan {
        client: "historian-out",
        server: Other::Ashore(8, [203, 0, 113, 120]),
        work: Work::Tls { name: "ingest.fleet.example", bytes: (14_000, 700) },
        period_ms: 120_000,
    },
];

const BRIDGE: BridgePlan = BridgePlan {
    // 9.5 m apart, as the policy says.
    receivers: &[
        (("gnss-1", "GP0001"), ReceiverPlan { number: 1, antenna: (0.0, 0.0, 48.0), talker: "GP", full: true }),
        (("gnss-2", "GP0002"), ReceiverPlan { number: 2, antenna: (-7.6, 5.7, 47.0), talker: "GN", full: false }),
    ],
    gyros: &[
        GyroPlan { source: ("gyro-1", "HE0001"), number: 1, bias: 0.3, period: 100 * MILLI },
        GyroPlan { source: ("gyro-2", "HE0002"), number: 2, bias: -0.2, period: 100 * MILLI },
        GyroPlan { source: ("gyro-3", "HE0003"), number: 3, bias: 0.1, period: 100 * MILLI },
    ],
    sensors: &[
        (Sensor::Log, ("speed-log", "VD0001")),
        (Sensor::EchoSounder, ("echo-sounder", "SD0001")),
        (Sensor::Wind, ("wind", "WI0001")),
    ],
    transponder: ("ais", "AI0001"),
    radar: ("radar-1", "RA0001"),
    autopilot: ("autopilot", "AG0001"),
    displays: &[("ecdis-1", "EI0001"), ("ecdis-2", "EI0002")],
    serial_server: "serial-server",
    listener: "ecdis-1",
};

const HOUSE: HousePlan = HousePlan {
    neighbours: &[
        ("ias-server-1", "ias-gateway"),
        ("ias-station-1", "ias-server-1"),
        ("ias-station-2", "ias-server-1"),
        ("main-control-unit", "propulsion-gateway"),
        ("gas-valve-unit", "propulsion-gateway"),
        ("power-manager-a", "power-gateway"),
        ("power-manager-b", "power-gateway"),
        ("steering-gateway", "steering-router"),
        ("cargo-station-1", "reliquefaction"),
        ("cargo-station-1", "custody-transfer"),
        ("cargo-station-1", "cargo-gateway"),
        ("cargo-station-2", "custody-transfer"),
        ("loading-computer", "ballast-plc"),
        ("ballast-plc", "ballast-gateway"),
        ("esd-controller", "safety-gateway"),
        ("gas-detection", "safety-gateway"),
        ("vent-controller", "hvac-gateway"),
        ("historian-out", "dmz-gateway"),
        ("conning", "nav-gateway"),
        ("autopilot", "nav-gateway"),
        ("ecdis-1", "gnss-1"),
        ("recorder", "gnss-1"),
        ("nav-switch", "recorder"),
        ("propulsion-switch", "propulsion-gateway"),
    ],
    quiet: &[("antenna", "communication-gateway", 120), ("jump-host", "dmz-gateway", 180)],
    switches: &[("nav-switch", Some("recorder")), ("propulsion-switch", None)],
    querier: "nav-gateway",
    listeners: &["recorder", "ecdis-1", "ecdis-2", "conning"],
    clocks: &["ecdis-1", "ecdis-2", "recorder", "conning"],
    clock: "gnss-1",
};

const ANTENNA: &[(&str, Place)] = &[("antenna.ship.example", Place::Aboard("antenna"))];

const PEOPLE: &[PersonPlan] = &[
    pc("office-pc-1", 150.0, &[WORK, ANTENNA]),
    pc("office-pc-2", 240.0, &[WORK]),
    pc("eto-laptop", 200.0, &[WORK]),
    phone("crew-1"),
    phone("crew-2"),
    phone("crew-3"),
    phone("crew-4"),
    phone("crew-5"),
    phone("crew-6"),
];

const MARKS: Marks = Marks {
    // The plan lets the automation set these points between 0 and 1,100.
    setpoint: Some((
        Mark { client: "ias-server-1", server: "main-control-unit", unit: 1, address: 42, is_coil: false },
        4_000,
    )),
    switched: Some((
        Mark { client: "ias-server-1", server: "power-manager-a", unit: 1, address: 6, is_coil: true },
        12,
    )),
    generator_unit: 1,
    bridge_block: (100, 20),
    outside: 0,
    ballast_coils: &[3, 4, 9, 17],
    shares_charts: true,
    standby: Some(("power-manager-a", "power-manager-b")),
    machinery: &[
        "main-control-unit",
        "gas-valve-unit",
        "power-manager-a",
        "power-manager-b",
        "steering-gateway",
        "custody-transfer",
        "reliquefaction",
        "ballast-plc",
        "loading-computer",
        "cargo-station-1",
        "cargo-station-2",
        "esd-controller",
        "gas-detection",
        "ias-server-1",
        "ias-server-2",
        "ias-station-1",
        "ias-station-2",
        "vent-controller",
        "propulsion-switch",
    ],
    turnover: ("crew-router", 120, 1, 300),
};
