//! The small cargo ship: 89 m, one bridge switch, one machinery switch, one office network behind the satellite router.

use super::{ASHORE_INDEX, Crew, Fitting, HostPlan, MacPlan, NodePlan, Ship, SubnetPlan};
use crate::error::SimError;
use crate::rng::Rng;
use crate::talk::ais::Identity;
use crate::talk::modbus::function::{READ_COILS, READ_HOLDING, READ_INPUT};
use crate::talk::n2k::{Name, Product};
use crate::talker::bridge::{Autopilot, ChartDisplay, Gyro, Radar, Receiver, ReceiverPlan, Sensor, SensorTalker};
use crate::talker::browser::{Browser, Habit, Site};
use crate::talker::bus::Node;
use crate::talker::housekeeping::{Clock, Membership, Neighbours, QuietHost, Switch};
use crate::talker::modbus::{Master, MasterPlan, Poll, Writes};
use crate::talker::outlet::{Carrier, Outlet, Wiring};
use crate::talker::plant::Plant;
use crate::talker::radio::Transponder;
use crate::wire::net::{Host, MILLI, SECOND, Tap};
use crate::world::motion::Leg;
use crate::world::{Departure, Voyage};

/// Prefixes that IEEE gave to makers of marine and industrial equipment.
const RECEIVER: MacPlan = MacPlan::Vendor([0x00, 0xD0, 0x1D]);
const RADAR: MacPlan = MacPlan::Vendor([0x00, 0x00, 0x27]);
const GYRO: MacPlan = MacPlan::Block([0x00, 0x50, 0xC2, 0x88, 0x60]);
const STATION: MacPlan = MacPlan::Vendor([0x00, 0x0B, 0xAB]);
const SERIAL: MacPlan = MacPlan::Vendor([0x00, 0x90, 0xE8]);
const PLC: MacPlan = MacPlan::Vendor([0x00, 0x30, 0xDE]);
const PLC_B: MacPlan = MacPlan::Vendor([0x00, 0x80, 0xF4]);
const SWITCH: MacPlan = MacPlan::Vendor([0x00, 0x80, 0x63]);
const GATEWAY: MacPlan = MacPlan::Vendor([0x00, 0x07, 0x7C]);
const RECORDER: MacPlan = MacPlan::Vendor([0x00, 0x11, 0xE4]);
const PC: MacPlan = MacPlan::Vendor([0x3C, 0x52, 0x82]);

const SUBNETS: &[SubnetPlan] = &[
    subnet("navigation", Tap::Bridge, 310, [10, 20, 1, 0], 24, "bridge-gateway"),
    subnet("machinery", Tap::Machinery, 320, [10, 20, 2, 0], 24, "machinery-gateway"),
    subnet("ballast", Tap::Machinery, 330, [10, 20, 3, 0], 28, "ballast-gateway"),
    subnet("safety", Tap::Machinery, 331, [10, 20, 3, 16], 28, "safety-gateway"),
    subnet("communication", Tap::Bridge, 340, [10, 20, 4, 0], 28, "communication-gateway"),
    subnet("office", Tap::Bridge, 410, [10, 20, 10, 0], 24, "office-router"),
    subnet("crew", Tap::Bridge, 450, [10, 20, 50, 0], 23, "crew-router"),
];

const fn subnet(
    zone: &'static str,
    tap: Tap,
    vlan: u16,
    network: [u8; 4],
    prefix: u8,
    gateway: &'static str,
) -> SubnetPlan {
    SubnetPlan { zone, tap, vlan, network, prefix, gateway }
}

const fn host(id: &'static str, zone: &'static str, ip: [u8; 4], mac: MacPlan) -> HostPlan {
    HostPlan { id, zone, ip, mac }
}

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

const fn node(
    id: &'static str,
    address: u8,
    name: (u16, u32, u8, u8),
    product: Product,
    sends: &'static [u32],
) -> NodePlan {
    let (manufacturer, unique, function, class) = name;
    NodePlan { id, address, name: Name { unique, manufacturer, function, class, instance: 0 }, product, sends }
}

const fn product(code: u16, model: &'static str, software: &'static str, serial: &'static str) -> Product {
    Product { code, model, software, version: "A", serial, load: 2 }
}

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

const fn leg(course: f64, speed_kn: f64, minutes: f64) -> Leg {
    Leg { course, speed_kn, minutes }
}

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
    // No ventilation network: the fire panel switches the fans. No jump host: the technical officer's laptop does service.
    roles: &[("vent-controller", "fire-panel"), ("jump-host", "eto-laptop")],
    nodes: NODES,
    departures: DEPARTURES,
    crew,
};

const fn poll(unit: u8, function: u8, address: u16, count: u16, period_ms: i64) -> Poll {
    Poll { unit, function, address, count, period: period_ms * MILLI }
}

/// Who polls which controller; the limits are those of the policy.
const MASTERS: &[(&str, MasterPlan)] = &[
    (
        "alarm-server",
        MasterPlan {
            name: "alarm-main-engine",
            plant: Plant::MainEngine,
            polls: &[poll(1, READ_HOLDING, 0, 100, 2_000), poll(1, READ_HOLDING, 100, 100, 2_000)],
            writes: None,
            identifies: true,
        },
    ),
    (
        "alarm-server",
        MasterPlan {
            name: "alarm-generators",
            plant: Plant::Generators,
            polls: &[
                poll(11, READ_INPUT, 0, 64, 3_000),
                poll(12, READ_INPUT, 0, 64, 3_000),
                poll(13, READ_INPUT, 0, 64, 3_000),
            ],
            writes: Some(Writes { units: &[11, 12, 13], address: 500, mean_s: 900.0 }),
            identifies: false,
        },
    ),
    (
        "alarm-server",
        MasterPlan {
            name: "alarm-ballast",
            plant: Plant::Ballast,
            polls: &[poll(1, READ_HOLDING, 200, 32, 5_000)],
            writes: None,
            identifies: false,
        },
    ),
    (
        "conning",
        MasterPlan {
            name: "conning-main-engine",
            plant: Plant::MainEngine,
            polls: &[poll(1, READ_HOLDING, 100, 21, 2_000)],
            writes: None,
            identifies: false,
        },
    ),
    (
        "ballast-panel",
        MasterPlan {
            name: "panel-ballast",
            plant: Plant::Ballast,
            polls: &[
                poll(1, READ_COILS, 0, 24, 2_000),
                poll(1, READ_HOLDING, 0, 64, 3_000),
                poll(1, READ_HOLDING, 200, 16, 2_000),
            ],
            writes: None,
            identifies: false,
        },
    ),
];

/// Everyone aboard who sends.
fn crew(fitting: &Fitting<'_>) -> Result<Crew, SimError> {
    let mut out = bridge(fitting)?;
    let Fitting { roster, seed, start, .. } = *fitting;
    for (client, plan) in MASTERS {
        let (client, server) = (roster.host(client)?, roster.host(plan.plant.host())?);
        out.push(Box::new(Master::new(plan, client, server, seed, start)));
    }
    housekeeping(fitting, &mut out)?;
    people(fitting, &mut out)?;
    for (number, plan) in (0..).zip(NODES) {
        out.push(Box::new(Node::new(number, plan, seed, start)));
    }
    Ok(out)
}

/// The antennas of the two receivers are 14.0 m apart, as the policy says.
const RECEIVERS: [(&str, &str, ReceiverPlan); 2] = [
    ("gnss-1", "GP0001", ReceiverPlan { number: 1, antenna: (0.0, 0.0, 24.0), talker: "GP", full: true }),
    ("gnss-2", "GP0002", ReceiverPlan { number: 2, antenna: (-12.6, 6.1, 22.5), talker: "GN", full: false }),
];

fn bridge(fitting: &Fitting<'_>) -> Result<Crew, SimError> {
    let Fitting { roster, seed, start, carrier, pictures, voyage } = *fitting;
    let (moored, alongside) = (matches!(voyage, Voyage::Anchor | Voyage::Berth), voyage == Voyage::Berth);
    let wiring =
        Wiring { seed, carrier, serial_server: roster.host("serial-server")?, listener: roster.host("ecdis-1")? };
    let outlet = |id: &str, sfi: &str| Ok::<_, SimError>(Outlet::new(roster.host(id)?, sfi, &wiring));
    let mut out: Crew = Vec::new();
    for (id, sfi, plan) in RECEIVERS {
        out.push(Box::new(Receiver::new(plan, id, outlet(id, sfi)?, seed, start)));
    }
    // Heading and rate of turn share one box and one identity, so one outlet counts the lines of both.
    out.push(Box::new(Gyro::new(outlet("gyro", "HE0001")?, seed, start, 500 * MILLI)));
    for (sensor, id, sfi) in [
        (Sensor::Log, "log", "VD0001"),
        (Sensor::EchoSounder, "echo-sounder", "SD0001"),
        (Sensor::Wind, "wind", "WI0001"),
    ] {
        if sensor == Sensor::Wind || !alongside {
            out.push(Box::new(SensorTalker::new(sensor, outlet(id, sfi)?, seed, start, SECOND)));
        }
    }
    out.push(Box::new(Transponder::new(outlet("ais", "AI0001")?, SHIP.identity, seed, start)));
    let pictures = pictures && carrier == Carrier::Groups;
    if !alongside {
        out.push(Box::new(Radar::new(roster.host("radar-1")?, outlet("radar-1", "RA0001")?, seed, start, pictures)));
    }
    if !moored {
        out.push(Box::new(Autopilot::new(outlet("autopilot", "AG0001")?, seed, start)));
    }
    out.push(Box::new(ChartDisplay::new(outlet("ecdis-1", "EI0001")?, "ecdis-1", seed, start, !moored)));
    out.push(Box::new(ChartDisplay::new(outlet("ecdis-2", "EI0002")?, "ecdis-2", seed, start, false)));
    Ok(out)
}

fn housekeeping(fitting: &Fitting<'_>, out: &mut Crew) -> Result<(), SimError> {
    let Fitting { roster, seed, start, .. } = *fitting;
    let pairs = [
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
    ];
    let pair = |(a, b): &(&str, &str)| Ok((roster.host(a)?, roster.host(b)?));
    let pairs = pairs.iter().map(pair).collect::<Result<Vec<_>, SimError>>()?;
    out.push(Box::new(Neighbours::new(&pairs, seed, start)));
    for (host, router, period) in
        [("fire-panel", "safety-gateway", 60 * SECOND), ("antenna", "communication-gateway", 120 * SECOND)]
    {
        out.push(Box::new(QuietHost::new(roster.host(host)?, roster.host(router)?, host, seed, start, period)));
    }
    let text = "Managed Ethernet switch, 8 ports, L2P firmware 09.1.02";
    let recorder = Some(roster.host("recorder")?);
    out.push(Box::new(Switch::new(roster.host("bridge-switch")?, "bridge-switch", text, recorder, seed, start)));
    out.push(Box::new(Switch::new(roster.host("machinery-switch")?, "machinery-switch", text, None, seed, start)));
    let listeners = ["recorder", "ecdis-1", "ecdis-2", "conning"].map(|id| roster.host(id));
    let listeners = listeners.into_iter().collect::<Result<Vec<_>, SimError>>()?;
    out.push(Box::new(Membership::new(roster.host("bridge-gateway")?, listeners, seed, start)));
    for id in ["ecdis-1", "ecdis-2", "recorder", "conning"] {
        out.push(Box::new(Clock::new(roster.host(id)?, roster.host("gnss-1")?, id, seed, start)));
    }
    Ok(())
}

/// Option lists by which Windows and phones ask for an address.
const WINDOWS_WANTS: &[u8] = &[1, 3, 6, 15, 31, 33, 43, 44, 46, 47, 119, 121, 249, 252];
const PHONE_WANTS: &[u8] = &[1, 3, 6, 15, 26, 28, 51, 58, 59, 43];

fn people(fitting: &Fitting<'_>, out: &mut Crew) -> Result<(), SimError> {
    let Fitting { roster, seed, start, .. } = *fitting;
    let site = |number: u32, name, ip| Site { name, host: Host::ashore(ASHORE_INDEX + number, ip), aboard: false };
    let work = [
        site(1, "mail.example-shipping.com", [198, 51, 100, 20]),
        site(2, "weather.example.net", [203, 0, 113, 40]),
        site(3, "class.example.org", [198, 51, 100, 77]),
    ];
    let play = [
        site(4, "video.example.com", [203, 0, 113, 80]),
        site(5, "chat.example.net", [203, 0, 113, 91]),
        site(6, "news.example.org", [198, 51, 100, 140]),
    ];
    let resolver = Host::ashore(ASHORE_INDEX, [203, 0, 113, 53]);
    let antenna = Site { name: "antenna.ship.example", host: roster.host("antenna")?, aboard: true };
    for (name, mean_s, reads_antenna) in
        [("master-pc", 150.0, true), ("chief-pc", 240.0, false), ("eto-laptop", 200.0, true)]
    {
        let habit =
            Habit { name, vendor_class: "MSFT 5.0", wanted: WINDOWS_WANTS, windows: true, mean_s, fetch: 12_000.0 };
        let mut sites = work.to_vec();
        if reads_antenna {
            sites.push(antenna);
        }
        let on = start + 4 * SECOND + Rng::stream(seed, name, "switch-on").nanos(20 * SECOND);
        out.push(Box::new(Browser::new(habit, roster.host(name)?, resolver, sites, seed, on)));
    }
    for name in ["crew-1", "crew-2", "crew-3", "crew-4", "crew-5", "crew-6"] {
        let habit = Habit {
            name,
            vendor_class: "android-dhcp-14",
            wanted: PHONE_WANTS,
            windows: false,
            mean_s: 170.0,
            fetch: 13_000.0,
        };
        let on = start + 2 * SECOND + Rng::stream(seed, name, "switch-on").nanos(70 * SECOND);
        out.push(Box::new(Browser::new(habit, roster.host(name)?, resolver, play.to_vec(), seed, on)));
    }
    Ok(())
}
