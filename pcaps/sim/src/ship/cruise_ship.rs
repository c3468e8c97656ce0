//! The cruise ship: 320 m, 4,000 passengers, many IT zones, two of them open to anybody, the safety centre apart from the devices.

use super::plan::{
    BridgePlan, GATEWAY, GYRO, GyroPlan, HousePlan, Mark, Marks, PC, PLAY, PLC, PLC_B, PersonPlan, Place, RADAR,
    RECEIVER, RECORDER, SERIAL, STATION, SWITCH, WORK, controller, host, leg, master, node, pc, phone, poll, product,
    subnet,
};
use super::{HostPlan, MacPlan, NodePlan, Ship, SubnetPlan};
use crate::talk::ais::Identity;
use crate::talk::modbus::function::{READ_COILS, READ_HOLDING, READ_INPUT};
use crate::talker::bridge::{ReceiverPlan, Sensor};
use crate::talker::modbus::{MasterPlan, Value, Writes};
use crate::talker::plant::{Controller, Plant};
use crate::talker::service::{Other, ServicePlan, Work};
use crate::wire::net::{MILLI, Tap};
use crate::world::machinery::Engine;
use crate::world::motion::Leg;
use crate::world::{Departure, Voyage};

const SUBNETS: &[SubnetPlan] = &[
    subnet("navigation", Tap::Bridge, 110, [172, 20, 11, 0], 24, "nav-gateway"),
    subnet("communication", Tap::Bridge, 112, [172, 20, 12, 0], 25, "communication-gateway"),
    subnet("propulsion", Tap::Machinery, 120, [172, 20, 20, 0], 25, "propulsion-gateway"),
    subnet("power", Tap::Machinery, 121, [172, 20, 20, 128], 25, "power-gateway"),
    subnet("auxiliary", Tap::Machinery, 122, [172, 20, 21, 0], 24, "auxiliary-gateway"),
    subnet("ballast", Tap::Machinery, 123, [172, 20, 22, 0], 26, "ballast-gateway"),
    subnet("safety", Tap::Machinery, 130, [172, 20, 30, 0], 24, "safety-gateway"),
    subnet("safety-centre", Tap::Bridge, 131, [172, 20, 31, 0], 26, "safety-centre-gateway"),
    subnet("hvac", Tap::Machinery, 140, [172, 20, 40, 0], 22, "hvac-gateway"),
    subnet("hotel", Tap::Bridge, 210, [172, 21, 0, 0], 20, "hotel-gateway"),
    subnet("payment", Tap::Bridge, 220, [172, 21, 32, 0], 22, "payment-gateway"),
    subnet("cctv", Tap::Bridge, 230, [172, 21, 64, 0], 20, "cctv-gateway"),
    subnet("business", Tap::Bridge, 250, [172, 22, 0, 0], 21, "business-router"),
    subnet("dmz", Tap::Bridge, 290, [172, 23, 0, 0], 26, "dmz-gateway"),
    subnet("crew", Tap::Bridge, 310, [10, 128, 0, 0], 18, "crew-router"),
    subnet("passenger", Tap::Bridge, 320, [10, 192, 0, 0], 14, "passenger-router"),
    subnet("satellite", Tap::Bridge, 399, [172, 23, 1, 0], 27, "satellite-router"),
];

const HOSTS: &[HostPlan] = &[
    host("nav-gateway", "navigation", [172, 20, 11, 1], GATEWAY),
    host("nav-switch", "navigation", [172, 20, 11, 2], SWITCH),
    host("gnss-1", "navigation", [172, 20, 11, 11], RECEIVER),
    host("gnss-2", "navigation", [172, 20, 11, 12], RECEIVER),
    host("gnss-3", "navigation", [172, 20, 11, 13], RECEIVER),
    host("gyro-1", "navigation", [172, 20, 11, 21], GYRO),
    host("gyro-2", "navigation", [172, 20, 11, 22], GYRO),
    host("log", "navigation", [172, 20, 11, 25], RECEIVER),
    host("echo-sounder", "navigation", [172, 20, 11, 26], RECEIVER),
    host("ais", "navigation", [172, 20, 11, 31], RECEIVER),
    host("radar-1", "navigation", [172, 20, 11, 41], RADAR),
    host("ecdis-1", "navigation", [172, 20, 11, 51], STATION),
    host("ecdis-2", "navigation", [172, 20, 11, 52], STATION),
    host("conning", "navigation", [172, 20, 11, 55], STATION),
    host("track-pilot", "navigation", [172, 20, 11, 61], RECEIVER),
    host("serial-server", "navigation", [172, 20, 11, 81], SERIAL),
    host("recorder", "navigation", [172, 20, 11, 91], RECORDER),
    host("communication-gateway", "communication", [172, 20, 12, 1], GATEWAY),
    host("propulsion-gateway", "propulsion", [172, 20, 20, 1], GATEWAY),
    host("propulsion-switch", "propulsion", [172, 20, 20, 2], SWITCH),
    host("pod-port", "propulsion", [172, 20, 20, 11], PLC),
    host("pod-starboard", "propulsion", [172, 20, 20, 12], PLC),
    host("power-gateway", "power", [172, 20, 20, 129], GATEWAY),
    host("power-manager", "power", [172, 20, 20, 140], PLC_B),
    host("auxiliary-gateway", "auxiliary", [172, 20, 21, 1], GATEWAY),
    host("auto-server-a", "auxiliary", [172, 20, 21, 10], STATION),
    host("auto-server-b", "auxiliary", [172, 20, 21, 11], STATION),
    host("auto-station-1", "auxiliary", [172, 20, 21, 31], STATION),
    host("ballast-gateway", "ballast", [172, 20, 22, 1], GATEWAY),
    host("ballast-plc", "ballast", [172, 20, 22, 5], PLC_B),
    host("stability", "ballast", [172, 20, 22, 10], STATION),
    host("safety-gateway", "safety", [172, 20, 30, 1], GATEWAY),
    host("fire-panel-1", "safety", [172, 20, 30, 11], SERIAL),
    host("door-controller", "safety", [172, 20, 30, 21], PLC),
    host("safety-centre-gateway", "safety-centre", [172, 20, 31, 1], GATEWAY),
    host("safety-station-1", "safety-centre", [172, 20, 31, 10], STATION),
    host("safety-station-2", "safety-centre", [172, 20, 31, 11], STATION),
    host("hvac-gateway", "hvac", [172, 20, 40, 1], GATEWAY),
    host("hvac-server", "hvac", [172, 20, 40, 5], STATION),
    host("chiller-1", "hvac", [172, 20, 40, 10], MacPlan::Vendor([0x00, 0x26, 0x77])),
    host("hotel-gateway", "hotel", [172, 21, 0, 1], GATEWAY),
    host("door-locks", "hotel", [172, 21, 0, 10], STATION),
    host("pms", "hotel", [172, 21, 0, 20], STATION),
    host("payment-gateway", "payment", [172, 21, 32, 1], GATEWAY),
    host("pos-server", "payment", [172, 21, 32, 10], STATION),
    host("cctv-gateway", "cctv", [172, 21, 64, 1], GATEWAY),
    host("video-server", "cctv", [172, 21, 64, 10], STATION),
    host("business-router", "business", [172, 22, 0, 1], GATEWAY),
    host("it-admin", "business", [172, 22, 0, 20], PC),
    host("office-pc-1", "business", [172, 22, 0, 31], PC),
    host("eto-laptop", "business", [172, 22, 0, 77], PC),
    host("dmz-gateway", "dmz", [172, 23, 0, 1], GATEWAY),
    host("jump-host", "dmz", [172, 23, 0, 10], STATION),
    host("update-mirror", "dmz", [172, 23, 0, 11], STATION),
    host("crew-router", "crew", [10, 128, 0, 1], GATEWAY),
    host("crew-1", "crew", [10, 128, 0, 21], MacPlan::Private),
    host("crew-2", "crew", [10, 128, 0, 22], MacPlan::Private),
    host("crew-3", "crew", [10, 128, 1, 23], MacPlan::Private),
    host("crew-4", "crew", [10, 128, 1, 37], MacPlan::Private),
    host("passenger-router", "passenger", [10, 192, 0, 1], GATEWAY),
    host("passenger-1", "passenger", [10, 192, 1, 11], MacPlan::Private),
    host("passenger-2", "passenger", [10, 192, 1, 12], MacPlan::Private),
    host("passenger-3", "passenger", [10, 192, 1, 13], MacPlan::Private),
    host("passenger-4", "passenger", [10, 192, 2, 44], MacPlan::Private),
    host("passenger-5", "passenger", [10, 192, 2, 45], MacPlan::Private),
    host("passenger-6", "passenger", [10, 192, 2, 46], MacPlan::Private),
    host("passenger-7", "passenger", [10, 192, 3, 71], MacPlan::Private),
    host("passenger-8", "passenger", [10, 192, 3, 72], MacPlan::Private),
    host("satellite-router", "satellite", [172, 23, 1, 1], GATEWAY),
    host("antenna-1", "satellite", [172, 23, 1, 5], SWITCH),
];

const ROLES: &[(&str, &str)] = &[
    ("gyro", "gyro-1"),
    ("autopilot", "track-pilot"),
    ("machinery", "propulsion"),
    ("machinery-gateway", "propulsion-gateway"),
    ("machinery-switch", "propulsion-switch"),
    ("office", "business"),
    ("office-router", "business-router"),
    ("master-pc", "it-admin"),
    ("chief-pc", "office-pc-1"),
    ("antenna", "antenna-1"),
    ("alarm-server", "auto-server-a"),
    ("me-gateway", "pod-port"),
    ("genset-gateway", "power-manager"),
    ("ballast-panel", "stability"),
    ("lan", "ballast"),
    ("lan-master", "stability"),
    ("lan-slave", "ballast-plc"),
    ("s7-client", "auto-server-a"),
    ("s7-controller", "power-manager"),
    ("bacnet-stranger", "auto-station-1"),
    ("vent-controller", "hvac-server"),
];

const NODES: &[NodePlan] = &[
    node(
        "tender-gps",
        20,
        (1_855, 120_501, 145, 60),
        product(5_201, "SIM GPS 30", "3.1.7", "G120501"),
        &[129_025, 129_026, 129_029],
    ),
    node("wind-mast", 21, (275, 120_777, 130, 85), product(5_202, "SIM WIND 40", "2.2.0", "W120777"), &[130_306]),
    node("bridge-display", 22, (1_855, 120_900, 120, 60), product(5_203, "SIM DISPLAY 12", "6.0.1", "S120900"), &[]),
];

/// Southward through the western Baltic.
const LEGS: &[Leg] = &[
    leg(212.0, 19.0, 10.0),
    leg(204.0, 19.0, 12.0),
    leg(220.0, 19.2, 12.0),
    leg(208.0, 19.0, 20.0),
    leg(226.0, 18.6, 25.0),
    leg(210.0, 19.0, 40.0),
    leg(218.0, 19.0, 60.0),
];
const ARRIVAL_LEGS: &[Leg] =
    &[leg(192.0, 14.0, 5.0), leg(184.0, 10.0, 5.0), leg(198.0, 7.0, 5.0), leg(210.0, 4.0, 5.0), leg(218.0, 1.3, 60.0)];
const DEPARTURE_LEGS: &[Leg] =
    &[leg(38.0, 0.0, 5.0), leg(38.0, 3.0, 4.0), leg(24.0, 6.0, 5.0), leg(14.0, 10.0, 6.0), leg(22.0, 15.0, 60.0)];
const RIVER_LEGS: &[Leg] = &[leg(62.0, 11.0, 8.0), leg(74.0, 10.5, 8.0), leg(90.0, 10.0, 8.0), leg(78.0, 10.0, 60.0)];
const DATE_LINE_LEGS: &[Leg] = &[leg(92.0, 19.0, 25.0), leg(84.0, 19.0, 60.0)];

const DEPARTURES: &[Departure] = &[
    Departure { voyage: Voyage::Passage, lat: 55.302, lon: 14.604, legs: LEGS },
    Departure { voyage: Voyage::Arrival, lat: 54.281, lon: 12.142, legs: ARRIVAL_LEGS },
    Departure { voyage: Voyage::Anchor, lat: 54.262, lon: 12.181, legs: &[leg(244.0, 0.0, 1.0)] },
    Departure { voyage: Voyage::Departure, lat: 54.152, lon: 12.102, legs: DEPARTURE_LEGS },
    Departure { voyage: Voyage::River, lat: 53.869, lon: 8.934, legs: RIVER_LEGS },
    Departure { voyage: Voyage::DateLine, lat: -16.803, lon: 179.958, legs: DATE_LINE_LEGS },
    Departure { voyage: Voyage::Berth, lat: 54.151, lon: 12.101, legs: &[leg(38.0, 0.0, 1.0)] },
];

/// "Example Skylark".
pub(crate) const SHIP: Ship = Ship {
    id: "cruise-ship",
    alias: "cruise",
    what: "320 m cruise ship: trunk mirror, podded drives, hotel and passenger networks, one NMEA 2000 backbone",
    policy: include_str!("../../ships/cruise-ship.toml"),
    identity: Identity {
        mmsi: 308_999_300,
        imo: 9_999_929,
        callsign: "PSIC",
        name: "EXAMPLE SKYLARK",
        ship_type: 60,
        size: [250, 70, 20, 20],
        draught_m: 8.4,
        destination: "DEROS",
    },
    subnets: SUBNETS,
    hosts: HOSTS,
    roles: ROLES,
    nodes: NODES,
    departures: DEPARTURES,
    engine: Engine { rpm_per_kn: 6.2, power_factor: 9_600.0, rated_kw: 20_000.0 },
    bridge: BRIDGE,
    controllers: CONTROLLERS,
    masters: MASTERS,
    services: SERVICES,
    house: HOUSE,
    people: PEOPLE,
    marks: MARKS,
};

const CONTROLLERS: &[Controller] = &[
    controller("pod-port", Plant::MainEngine, "Skylark Drives", "SD-20", "4.40"),
    controller("pod-starboard", Plant::MainEngine, "Skylark Drives", "SD-20", "4.40"),
    controller("power-manager", Plant::Generators { first_unit: 0 }, "Quay Automation", "QA-64", "7.1.0"),
    controller("ballast-plc", Plant::Ballast, "Quay Automation", "QA-16", "3.0.2"),
    controller("fire-panel-1", Plant::States, "Harbour Fire Systems", "HF-2000", "9.2"),
    controller("door-controller", Plant::States, "Harbour Fire Systems", "WTD-64", "3.1"),
];

const MASTERS: &[MasterPlan] = &[
    master("conning-pod-port", ("conning", "pod-port"), &[poll(1, READ_HOLDING, 0, 64, 1_000)]),
    master("conning-pod-starboard", ("conning", "pod-starboard"), &[poll(1, READ_HOLDING, 0, 64, 1_000)]),
    master(
        "auto-pod-port",
        ("auto-server-a", "pod-port"),
        &[poll(1, READ_HOLDING, 0, 100, 1_000), poll(1, READ_HOLDING, 100, 100, 2_000)],
    ),
    master(
        "auto-pod-starboard",
        ("auto-server-a", "pod-starboard"),
        &[poll(1, READ_HOLDING, 0, 100, 1_000), poll(1, READ_HOLDING, 100, 100, 2_000)],
    ),
    MasterPlan {
        writes: Some(Writes {
            units: &[1],
            addresses: &[8, 9, 10, 11],
            value: Value::Toggle,
            is_coil: true,
            mean_s: 900.0,
        }),
        ..master(
            "auto-power",
            ("auto-server-a", "power-manager"),
            &[poll(1, READ_INPUT, 0, 48, 1_000), poll(1, READ_COILS, 0, 32, 3_000)],
        )
    },
    master("safety-fire", ("safety-station-1", "fire-panel-1"), &[poll(1, READ_INPUT, 0, 120, 1_000)]),
    master("safety-fire-2", ("safety-station-2", "fire-panel-1"), &[poll(1, READ_INPUT, 0, 120, 2_000)]),
    MasterPlan {
        writes: Some(Writes {
            units: &[1],
            addresses: &[12, 13, 30],
            value: Value::Toggle,
            is_coil: true,
            mean_s: 1_100.0,
        }),
        ..master("safety-doors", ("safety-station-1", "door-controller"), &[poll(1, READ_COILS, 0, 64, 1_000)])
    },
    MasterPlan {
        keeps_alive: true,
        ..master(
            "stability-ballast",
            ("stability", "ballast-plc"),
            &[poll(1, READ_HOLDING, 200, 32, 2_000), poll(1, READ_COILS, 0, 64, 5_000)],
        )
    },
];

const fn service(client: &'static str, server: &'static str, work: Work, period_ms: i64) -> ServicePlan {
    ServicePlan { client, server: Other::Aboard(server), work, period_ms }
}

const fn tls(name: &'static str, sent: usize, fetched: usize) -> Work {
    Work::Tls { name, bytes: (sent, fetched) }
}

const SERVICES: &[ServicePlan] = &[
    service("auto-station-1", "auto-server-a", Work::Frames { port: 4_840, bytes: (140, 900) }, 1_000),
    service("auto-server-a", "hvac-server", Work::Bacnet { points: 64, writes: true }, 3_000),
    service("hvac-server", "chiller-1", Work::Bacnet { points: 40, writes: true }, 2_000),
    service("fire-panel-1", "door-locks", Work::Frames { port: 4_370, bytes: (16, 8) }, 10_000),
    service("video-server", "safety-station-1", Work::Video, 500),
    service("safety-station-1", "stability", tls("stability.ship.example", 300, 4_000), 60_000),
    service("pms", "pos-server", tls("pos.ship.example", 900, 600), 30_000),
    ServicePlan {
        client: "pos-server",
        server: Other::Ashore(9, [203, 0, 113, 130]),
        work: tls("gw.clearing.example", 1_200, 800),
        period_ms: 45_000,
    },
    ServicePlan {
        client: "update-mirror",
        server: Other::Ashore(10, [203, 0, 113, 140]),
        work: tls("mirror.updates.example", 400, 20_000),
        period_ms: 300_000,
    },
    ServicePlan {
        client: "pms",
        server: Other::Ashore(11, [203, 0, 113, 150]),
        work: tls("supply.example.com", 3_000, 6_000),
        period_ms: 180_000,
    },
];

const BRIDGE: BridgePlan = BridgePlan {
    // 18.0 and 41.0 m from the first one, as the policy says.
    receivers: &[
        (("gnss-1", "GP0001"), ReceiverPlan { number: 1, antenna: (0.0, 0.0, 58.0), talker: "GP", full: true }),
        (("gnss-2", "GP0002"), ReceiverPlan { number: 2, antenna: (-14.4, 10.8, 57.0), talker: "GN", full: false }),
        (("gnss-3", "GP0003"), ReceiverPlan { number: 5, antenna: (-40.0, -9.0, 56.0), talker: "GN", full: false }),
    ],
    gyros: &[
        GyroPlan { source: ("gyro-1", "HE0001"), number: 1, bias: 0.3, period: 500 * MILLI },
        GyroPlan { source: ("gyro-2", "HE0002"), number: 2, bias: -0.2, period: 500 * MILLI },
    ],
    sensors: &[(Sensor::Log, ("log", "VD0001")), (Sensor::EchoSounder, ("echo-sounder", "SD0001"))],
    transponder: ("ais", "AI0001"),
    radar: ("radar-1", "RA0001"),
    autopilot: ("track-pilot", "AG0001"),
    displays: &[("ecdis-1", "EI0001"), ("ecdis-2", "EI0002")],
    serial_server: "serial-server",
    listener: "ecdis-1",
};

const HOUSE: HousePlan = HousePlan {
    neighbours: &[
        ("auto-server-a", "auxiliary-gateway"),
        ("auto-server-b", "auxiliary-gateway"),
        ("auto-station-1", "auto-server-a"),
        ("pod-port", "propulsion-gateway"),
        ("pod-starboard", "propulsion-gateway"),
        ("power-manager", "power-gateway"),
        ("stability", "ballast-plc"),
        ("ballast-plc", "ballast-gateway"),
        ("fire-panel-1", "safety-gateway"),
        ("door-controller", "safety-gateway"),
        ("safety-station-1", "safety-centre-gateway"),
        ("safety-station-2", "safety-centre-gateway"),
        ("hvac-server", "chiller-1"),
        ("hvac-server", "hvac-gateway"),
        ("door-locks", "hotel-gateway"),
        ("pms", "hotel-gateway"),
        ("pos-server", "payment-gateway"),
        ("video-server", "cctv-gateway"),
        ("update-mirror", "dmz-gateway"),
        ("conning", "nav-gateway"),
        ("ecdis-1", "gnss-1"),
        ("recorder", "gnss-1"),
        ("nav-switch", "recorder"),
        ("propulsion-switch", "propulsion-gateway"),
    ],
    quiet: &[("antenna-1", "satellite-router", 120), ("jump-host", "dmz-gateway", 180)],
    switches: &[("nav-switch", Some("recorder")), ("propulsion-switch", None)],
    querier: "nav-gateway",
    listeners: &["recorder", "ecdis-1", "ecdis-2", "conning"],
    clocks: &["ecdis-1", "ecdis-2", "recorder", "conning"],
    clock: "gnss-1",
};

const ANTENNA: &[(&str, Place)] = &[("antenna.ship.example", Place::Aboard("antenna-1"))];

const fn passenger(host: &'static str) -> PersonPlan {
    PersonPlan { host, windows: false, mean_s: 90.0, sites: &[PLAY] }
}

const PEOPLE: &[PersonPlan] = &[
    pc("it-admin", 150.0, &[WORK, ANTENNA]),
    pc("office-pc-1", 180.0, &[WORK]),
    pc("eto-laptop", 200.0, &[WORK]),
    phone("crew-1"),
    phone("crew-2"),
    phone("crew-3"),
    phone("crew-4"),
    passenger("passenger-1"),
    passenger("passenger-2"),
    passenger("passenger-3"),
    passenger("passenger-4"),
    passenger("passenger-5"),
    passenger("passenger-6"),
    passenger("passenger-7"),
    passenger("passenger-8"),
];

const MARKS: Marks = Marks {
    // The plan has no line with limits for a value, and nobody who may switch ballast pumps over the network.
    setpoint: None,
    switched: Some((
        Mark { client: "auto-server-a", server: "power-manager", unit: 1, address: 11, is_coil: true },
        20,
    )),
    generator_unit: 1,
    bridge_block: (0, 20),
    outside: 200,
    ballast_coils: &[],
    shares_charts: false,
    standby: Some(("auto-server-a", "auto-server-b")),
    // Fire panel, doors and the safety centre have batteries.
    machinery: &[
        "pod-port",
        "pod-starboard",
        "power-manager",
        "auto-server-a",
        "auto-server-b",
        "auto-station-1",
        "ballast-plc",
        "stability",
        "hvac-server",
        "chiller-1",
        "propulsion-switch",
    ],
    turnover: ("passenger-router", 600, 4, 2_000),
};
