//! The small cargo ship: 89 m, one bridge switch, one machinery switch, one office network behind the satellite router.

use super::plan::{
    BridgePlan, GATEWAY, GYRO, GyroPlan, HousePlan, Mark, Marks, PC, PLC, PLC_B, PersonPlan, Place, RADAR, RECEIVER,
    RECORDER, SERIAL, STATION, SWITCH, WORK, controller, host, leg, master, node, pc, phone, poll, product, subnet,
};
use super::{HostPlan, MacPlan, NodePlan, Ship, SubnetPlan};
use crate::talk::ais::Identity;
use crate::talk::modbus::function::{READ_COILS, READ_HOLDING, READ_INPUT};
use crate::talker::bridge::{ReceiverPlan, Sensor};
use crate::talker::modbus::{MasterPlan, Value, Writes};
use crate::talker::plant::{Controller, Plant};
use crate::wire::net::{MILLI, Tap};
use crate::world::machinery::Engine;
use crate::world::motion::Leg;
use crate::world::{Departure, Voyage};

const SUBNETS: &[SubnetPlan] = &[
    subnet("navigation", Tap::Bridge, 310, [10, 20, 1, 0], 24, "bridge-gateway"),
    subnet("machinery", Tap::Machinery, 320, [10, 20, 2, 0], 24, "machinery-gateway"),
    subnet("ballast", Tap::Machinery, 330, [10, 20, 3, 0], 28, "ballast-gateway"),
    subnet("safety", Tap::Machinery, 331, [10, 20, 3, 16], 28, "safety-gateway"),
    subnet("communication", Tap::Bridge, 340, [10, 20, 4, 0], 28, "communication-gateway"),
    subnet("office", Tap::Bridge, 410, [10, 20, 10, 0], 24, "office-router"),
    subnet("crew", Tap::Bridge, 450, [10, 20, 50, 0], 23, "crew-router"),
];

/// New hosts go at the end: a host's place decides the order of frames with equal time.
const HOSTS: &[HostPlan] = &[
    host("bridge-gateway", "navigation", [10, 20, 1, 1], GATEWAY),
    host("bridge-switch", "navigation", [10, 20, 1, 2], SWITCH),
    host("gnss-1", "navigation", [10, 20, 1, 11], RECEIVER),
    host("gnss-2", "navigation", [10, 20, 1, 12], RECEIVER),
    host("gyro", "navigation", [10, 20, 1, 15], GYRO),
    host("log", "navigation", [10, 20, 1, 16], RECEIVER),
    host("echo-sounder", "navigation", [10, 20, 1, 17], RECEIVER),
    host("ais", "navigation", [10, 20, 1, 18], RECEIVER),
    host("wind", "navigation", [10, 20, 1, 19], SERIAL),
    host("radar-1", "navigation", [10, 20, 1, 21], RADAR),
    host("ecdis-1", "navigation", [10, 20, 1, 31], STATION),
    host("ecdis-2", "navigation", [10, 20, 1, 32], STATION),
    host("autopilot", "navigation", [10, 20, 1, 35], RECEIVER),
    host("conning", "navigation", [10, 20, 1, 36], STATION),
    host("recorder", "navigation", [10, 20, 1, 40], RECORDER),
    host("serial-server", "navigation", [10, 20, 1, 50], SERIAL),
    host("machinery-gateway", "machinery", [10, 20, 2, 1], GATEWAY),
    host("machinery-switch", "machinery", [10, 20, 2, 2], SWITCH),
    host("alarm-server", "machinery", [10, 20, 2, 10], STATION),
    host("me-gateway", "machinery", [10, 20, 2, 21], PLC),
    host("genset-gateway", "machinery", [10, 20, 2, 22], PLC),
    host("ballast-gateway", "ballast", [10, 20, 3, 1], GATEWAY),
    host("ballast-plc", "ballast", [10, 20, 3, 5], PLC_B),
    host("ballast-panel", "ballast", [10, 20, 3, 6], STATION),
    host("safety-gateway", "safety", [10, 20, 3, 17], GATEWAY),
    host("fire-panel", "safety", [10, 20, 3, 20], SERIAL),
    host("communication-gateway", "communication", [10, 20, 4, 1], GATEWAY),
    host("antenna", "communication", [10, 20, 4, 2], SWITCH),
    host("office-router", "office", [10, 20, 10, 1], GATEWAY),
    host("master-pc", "office", [10, 20, 10, 10], PC),
    host("chief-pc", "office", [10, 20, 10, 11], PC),
    host("eto-laptop", "office", [10, 20, 10, 77], MacPlan::Fixed([0x3C, 0x52, 0x82, 0x10, 0x20, 0x77])),
    host("crew-router", "crew", [10, 20, 50, 1], GATEWAY),
    host("crew-1", "crew", [10, 20, 50, 21], MacPlan::Private),
    host("crew-2", "crew", [10, 20, 50, 22], MacPlan::Private),
    host("crew-3", "crew", [10, 20, 50, 23], MacPlan::Private),
    host("crew-4", "crew", [10, 20, 50, 37], MacPlan::Private),
    host("crew-5", "crew", [10, 20, 50, 41], MacPlan::Private),
    host("crew-6", "crew", [10, 20, 51, 6], MacPlan::Private),
];

const NODES: &[NodePlan] = &[
    node("wind-a", 35, (275, 440_001, 130, 85), product(4_101, "SIM WIND 10", "1.4.0", "W440001"), &[130_306]),
    node("sounder", 36, (275, 440_002, 135, 60), product(4_102, "SIM DEPTH 200", "2.0.1", "D440002"), &[128_267]),
    node(
        "gps-a",
        37,
        (1_855, 440_003, 145, 60),
        product(4_103, "SIM GPS 30", "3.1.7", "G440003"),
        &[129_025, 129_026, 129_029, 126_992],
    ),
    node(
        "compass-a",
        38,
        (1_855, 440_004, 140, 60),
        product(4_104, "SIM COMPASS 5", "1.0.3", "C440004"),
        &[127_250, 127_251],
    ),
    node(
        "engine-a",
        39,
        (717, 440_005, 160, 50),
        product(4_105, "SIM ENGINE GW", "1.22", "E440005"),
        &[127_488, 127_489],
    ),
    node("battery-a", 40, (358, 440_006, 170, 35), product(4_106, "SIM BATTERY 24", "0.9.8", "B440006"), &[127_508]),
    node("display-a", 41, (275, 440_007, 130, 120), product(4_107, "SIM DISPLAY 7", "5.3.0", "S440007"), &[]),
];

/// North-east along the Norwegian coast of the Skagerrak, with turns an officer of the watch would make.
const LEGS: &[Leg] = &[
    leg(62.0, 11.2, 9.0),
    leg(71.0, 11.2, 8.0),
    leg(55.0, 11.4, 10.0),
    leg(64.0, 11.4, 14.0),
    leg(48.0, 11.0, 12.0),
    leg(66.0, 11.2, 25.0),
    leg(58.0, 11.2, 30.0),
    leg(75.0, 11.6, 40.0),
    leg(52.0, 11.2, 60.0),
];

/// From the fairway to the quay of an invented harbour: slower and slower, the last turns short.
const ARRIVAL_LEGS: &[Leg] = &[
    leg(342.0, 11.0, 4.0),
    leg(350.0, 8.5, 4.0),
    leg(335.0, 6.5, 4.0),
    leg(318.0, 5.0, 4.0),
    leg(300.0, 3.2, 4.0),
    leg(292.0, 1.2, 60.0),
];

/// From the quay out to sea: slow ahead, round the mole, sea speed.
const DEPARTURE_LEGS: &[Leg] =
    &[leg(118.0, 0.0, 5.0), leg(118.0, 2.5, 4.0), leg(150.0, 5.0, 5.0), leg(172.0, 8.0, 6.0), leg(185.0, 11.0, 60.0)];
/// Up a river against the stream, with its bends.
const RIVER_LEGS: &[Leg] =
    &[leg(62.0, 9.5, 6.0), leg(75.0, 9.5, 6.0), leg(95.0, 9.0, 7.0), leg(82.0, 9.0, 6.0), leg(60.0, 9.5, 60.0)];
/// Eastward over the date line.
const DATE_LINE_LEGS: &[Leg] = &[leg(84.0, 11.2, 25.0), leg(95.0, 11.2, 60.0)];

/// Where she is when a run begins.
const DEPARTURES: &[Departure] = &[
    Departure { voyage: Voyage::Passage, lat: 57.742, lon: 7.512, legs: LEGS },
    Departure { voyage: Voyage::Arrival, lat: 58.035, lon: 8.051, legs: ARRIVAL_LEGS },
    Departure { voyage: Voyage::Anchor, lat: 58.092, lon: 8.071, legs: &[leg(225.0, 0.0, 1.0)] },
    Departure { voyage: Voyage::Departure, lat: 58.135, lon: 7.995, legs: DEPARTURE_LEGS },
    Departure { voyage: Voyage::River, lat: 53.872, lon: 9.105, legs: RIVER_LEGS },
    Departure { voyage: Voyage::DateLine, lat: -17.212, lon: 179.978, legs: DATE_LINE_LEGS },
    Departure { voyage: Voyage::Berth, lat: 58.137, lon: 7.993, legs: &[leg(118.0, 0.0, 1.0)] },
];

/// "Example Tern".
pub(crate) const SHIP: Ship = Ship {
    id: "general-cargo",
    alias: "cargo",
    what: "89 m general cargo ship: two untagged mirror ports, one NMEA 2000 backbone",
    policy: include_str!("../../ships/general-cargo.toml"),
    identity: Identity {
        mmsi: 244_999_100,
        imo: 9_999_905,
        callsign: "PSIM",
        name: "EXAMPLE TERN",
        ship_type: 70,
        size: [72, 17, 7, 7],
        draught_m: 5.4,
        destination: "NOKRS",
    },
    subnets: SUBNETS,
    hosts: HOSTS,
    roles: ROLES,
    nodes: NODES,
    departures: DEPARTURES,
    engine: Engine::SMALL,
    bridge: BRIDGE,
    controllers: CONTROLLERS,
    masters: MASTERS,
    services: &[],
    house: HOUSE,
    people: PEOPLE,
    marks: MARKS,
};

/// No ventilation network: the fire panel switches the fans. No jump host: the technical officer's laptop does service.
const ROLES: &[(&str, &str)] = &[
    ("vent-controller", "fire-panel"),
    ("jump-host", "eto-laptop"),
    ("lan", "machinery"),
    ("lan-master", "alarm-server"),
    ("lan-slave", "me-gateway"),
    ("s7-client", "alarm-server"),
    ("s7-controller", "me-gateway"),
    ("bacnet-stranger", "alarm-server"),
];

const CONTROLLERS: &[Controller] = &[
    controller("me-gateway", Plant::MainEngine, "Tern Marine Controls", "TMC-750", "V2.04"),
    controller("genset-gateway", Plant::Generators { first_unit: 11 }, "Tern Marine Controls", "TMC-320", "V1.11"),
    controller("ballast-plc", Plant::Ballast, "Quay Automation", "QA-16", "3.0.2"),
];

/// Who polls which controller; the limits are those of the policy.
const MASTERS: &[MasterPlan] = &[
    MasterPlan {
        identifies: true,
        ..master(
            "alarm-main-engine",
            ("alarm-server", "me-gateway"),
            &[poll(1, READ_HOLDING, 0, 100, 2_000), poll(1, READ_HOLDING, 100, 100, 2_000)],
        )
    },
    MasterPlan {
        writes: Some(Writes {
            units: &[11, 12, 13],
            addresses: &[500],
            value: Value::Toggle,
            is_coil: false,
            mean_s: 900.0,
        }),
        ..master(
            "alarm-generators",
            ("alarm-server", "genset-gateway"),
            &[
                poll(11, READ_INPUT, 0, 64, 3_000),
                poll(12, READ_INPUT, 0, 64, 3_000),
                poll(13, READ_INPUT, 0, 64, 3_000),
            ],
        )
    },
    MasterPlan {
        keeps_alive: true,
        ..master("alarm-ballast", ("alarm-server", "ballast-plc"), &[poll(1, READ_HOLDING, 200, 32, 5_000)])
    },
    master("conning-main-engine", ("conning", "me-gateway"), &[poll(1, READ_HOLDING, 100, 21, 2_000)]),
    MasterPlan {
        keeps_alive: true,
        ..master(
            "panel-ballast",
            ("ballast-panel", "ballast-plc"),
            &[
                poll(1, READ_COILS, 0, 24, 2_000),
                poll(1, READ_HOLDING, 0, 64, 3_000),
                poll(1, READ_HOLDING, 200, 16, 2_000),
            ],
        )
    },
];

const BRIDGE: BridgePlan = BridgePlan {
    // The antennas of the two receivers are 14.0 m apart, as the policy says.
    receivers: &[
        (("gnss-1", "GP0001"), ReceiverPlan { number: 1, antenna: (0.0, 0.0, 24.0), talker: "GP", full: true }),
        (("gnss-2", "GP0002"), ReceiverPlan { number: 2, antenna: (-12.6, 6.1, 22.5), talker: "GN", full: false }),
    ],
    gyros: &[GyroPlan { source: ("gyro", "HE0001"), number: 1, bias: 0.3, period: 500 * MILLI }],
    sensors: &[
        (Sensor::Log, ("log", "VD0001")),
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
        ("alarm-server", "me-gateway"),
        ("alarm-server", "genset-gateway"),
        ("alarm-server", "machinery-gateway"),
        ("me-gateway", "machinery-gateway"),
        ("ballast-panel", "ballast-plc"),
        ("ballast-plc", "ballast-gateway"),
        ("conning", "bridge-gateway"),
        ("ecdis-1", "gnss-1"),
        ("ecdis-2", "gnss-1"),
        ("recorder", "gnss-1"),
        ("bridge-switch", "recorder"),
        ("machinery-switch", "machinery-gateway"),
    ],
    quiet: &[("fire-panel", "safety-gateway", 60), ("antenna", "communication-gateway", 120)],
    switches: &[("bridge-switch", Some("recorder")), ("machinery-switch", None)],
    querier: "bridge-gateway",
    listeners: &["recorder", "ecdis-1", "ecdis-2", "conning"],
    clocks: &["ecdis-1", "ecdis-2", "recorder", "conning"],
    clock: "gnss-1",
};

const ANTENNA: &[(&str, Place)] = &[("antenna.ship.example", Place::Aboard("antenna"))];

const PEOPLE: &[PersonPlan] = &[
    pc("master-pc", 150.0, &[WORK, ANTENNA]),
    pc("chief-pc", 240.0, &[WORK]),
    pc("eto-laptop", 200.0, &[WORK, ANTENNA]),
    phone("crew-1"),
    phone("crew-2"),
    phone("crew-3"),
    phone("crew-4"),
    phone("crew-5"),
    phone("crew-6"),
];

/// Start and stop requests to the generators: 0 or 1, six a minute at most.
const GENERATOR: Mark =
    Mark { client: "alarm-server", server: "genset-gateway", unit: 12, address: 500, is_coil: false };

const MARKS: Marks = Marks {
    setpoint: Some((GENERATOR, 7)),
    switched: Some((Mark { unit: 13, ..GENERATOR }, 6)),
    generator_unit: 11,
    bridge_block: (100, 20),
    outside: 0,
    ballast_coils: &[3, 4, 9, 17],
    shares_charts: true,
    standby: None,
    machinery: &["alarm-server", "me-gateway", "genset-gateway", "ballast-plc", "ballast-panel", "machinery-switch"],
    turnover: ("crew-router", 200, 1, 300),
};
