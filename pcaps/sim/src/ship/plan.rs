//! The words in which a ship describes who sends on her networks. Data only; [`super::outfit`] brings it to life.

use super::{HostPlan, MacPlan, NodePlan, SubnetPlan};
use crate::talk::n2k::{Name, Product};
use crate::talker::bridge::{ReceiverPlan, Sensor};
use crate::talker::modbus::{MasterPlan, Poll};
use crate::talker::plant::{Controller, Plant};
use crate::wire::net::{MILLI, Tap};
use crate::world::motion::Leg;

/// Host and system function identifier of a source of sentences.
pub(crate) type Source = (&'static str, &'static str);

/// A gyro compass.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GyroPlan {
    pub(crate) source: Source,
    /// Counts from 1; attacks bend the first one.
    pub(crate) number: u8,
    /// Degrees by which it stands off.
    pub(crate) bias: f64,
    /// Nanoseconds between headings.
    pub(crate) period: i64,
}

/// The bridge.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BridgePlan {
    pub(crate) receivers: &'static [(Source, ReceiverPlan)],
    pub(crate) gyros: &'static [GyroPlan],
    pub(crate) sensors: &'static [(Sensor, Source)],
    pub(crate) transponder: Source,
    pub(crate) radar: Source,
    pub(crate) autopilot: Source,
    /// Chart displays; the first one steers the track.
    pub(crate) displays: &'static [Source],
    /// Where serial lines come in, and who listens to them.
    pub(crate) serial_server: &'static str,
    pub(crate) listener: &'static str,
}

/// What every network says besides its work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HousePlan {
    /// Pairs that keep each other's hardware address fresh.
    pub(crate) neighbours: &'static [(&'static str, &'static str)],
    /// Hosts that only ask for their router, and how often in seconds.
    pub(crate) quiet: &'static [(&'static str, &'static str, i64)],
    /// Managed switches and who takes their log.
    pub(crate) switches: &'static [(&'static str, Option<&'static str>)],
    /// Who asks for members of the sentence groups, and the members; the first speaks IGMP version 2.
    pub(crate) querier: &'static str,
    pub(crate) listeners: &'static [&'static str],
    /// Stations that ask a receiver for the time.
    pub(crate) clocks: &'static [&'static str],
    pub(crate) clock: &'static str,
}

/// Where a site is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    /// On the Internet: a running number and an address.
    Ashore(u32, [u8; 4]),
    /// A host of the ship.
    Aboard(&'static str),
}

/// Somebody's computer or phone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PersonPlan {
    pub(crate) host: &'static str,
    /// A Windows PC; else a phone.
    pub(crate) windows: bool,
    /// Mean seconds between sessions.
    pub(crate) mean_s: f64,
    /// Names and places visited.
    pub(crate) sites: &'static [&'static [(&'static str, Place)]],
}

/// A register or coil that a client may write.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    pub(crate) client: &'static str,
    pub(crate) server: &'static str,
    pub(crate) unit: u8,
    pub(crate) address: u16,
    pub(crate) is_coil: bool,
}

/// What scripts aim at, where ships differ in more than the name of a host. `None`: this ship's policy has nothing of the kind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Marks {
    /// A register that may be written within limits, and a value outside them.
    pub(crate) setpoint: Option<(Mark, u16)>,
    /// Something that may be switched, but not thirty times a minute, and how often it may.
    pub(crate) switched: Option<(Mark, u32)>,
    /// A unit of the generators' controller.
    pub(crate) generator_unit: u8,
    /// First register and number of those that the conning display may read, and the start of those that it may not.
    pub(crate) bridge_block: (u16, u16),
    pub(crate) outside: u16,
    /// Coils that the ballast panel may switch in port but not at sea.
    pub(crate) ballast_coils: &'static [u16],
    /// The chart displays copy charts to each other.
    pub(crate) shares_charts: bool,
    /// A host and the declared standby that may take its address.
    pub(crate) standby: Option<(&'static str, &'static str)>,
    /// Who loses power with the machinery.
    pub(crate) machinery: &'static [&'static str],
    /// Where new phones join: the router, how many in a run, how many a second, and the first address above the network's own.
    pub(crate) turnover: (&'static str, u32, u32, u32),
}

/// Prefixes that IEEE gave to makers of marine and industrial equipment.
pub(crate) const RECEIVER: MacPlan = MacPlan::Vendor([0x00, 0xD0, 0x1D]);
pub(crate) const RADAR: MacPlan = MacPlan::Vendor([0x00, 0x00, 0x27]);
pub(crate) const GYRO: MacPlan = MacPlan::Block([0x00, 0x50, 0xC2, 0x88, 0x60]);
pub(crate) const STATION: MacPlan = MacPlan::Vendor([0x00, 0x0B, 0xAB]);
pub(crate) const SERIAL: MacPlan = MacPlan::Vendor([0x00, 0x90, 0xE8]);
pub(crate) const PLC: MacPlan = MacPlan::Vendor([0x00, 0x30, 0xDE]);
pub(crate) const PLC_B: MacPlan = MacPlan::Vendor([0x00, 0x80, 0xF4]);
pub(crate) const SWITCH: MacPlan = MacPlan::Vendor([0x00, 0x80, 0x63]);
pub(crate) const GATEWAY: MacPlan = MacPlan::Vendor([0x00, 0x07, 0x7C]);
pub(crate) const RECORDER: MacPlan = MacPlan::Vendor([0x00, 0x11, 0xE4]);
pub(crate) const PC: MacPlan = MacPlan::Vendor([0x3C, 0x52, 0x82]);

pub(crate) const fn subnet(
    zone: &'static str,
    tap: Tap,
    vlan: u16,
    network: [u8; 4],
    prefix: u8,
    gateway: &'static str,
) -> SubnetPlan {
    SubnetPlan { zone, tap, vlan, network, prefix, gateway }
}

pub(crate) const fn host(id: &'static str, zone: &'static str, ip: [u8; 4], mac: MacPlan) -> HostPlan {
    HostPlan { id, zone, ip, mac }
}

pub(crate) const fn node(
    id: &'static str,
    address: u8,
    name: (u16, u32, u8, u8),
    product: Product,
    sends: &'static [u32],
) -> NodePlan {
    let (manufacturer, unique, function, class) = name;
    NodePlan { id, address, name: Name { unique, manufacturer, function, class, instance: 0 }, product, sends }
}

pub(crate) const fn product(code: u16, model: &'static str, software: &'static str, serial: &'static str) -> Product {
    Product { code, model, software, version: "A", serial, load: 2 }
}

pub(crate) const fn leg(course: f64, speed_kn: f64, minutes: f64) -> Leg {
    Leg { course, speed_kn, minutes }
}

pub(crate) const fn controller(
    host: &'static str,
    plant: Plant,
    maker: &'static str,
    product: &'static str,
    revision: &'static str,
) -> Controller {
    Controller { host, plant, identification: [maker, product, revision] }
}

pub(crate) const fn poll(unit: u8, function: u8, address: u16, count: u16, period_ms: i64) -> Poll {
    Poll { unit, function, address, count, period: period_ms * MILLI }
}

pub(crate) const fn master(
    name: &'static str,
    ends: (&'static str, &'static str),
    polls: &'static [Poll],
) -> MasterPlan {
    MasterPlan { name, client: ends.0, server: ends.1, polls, writes: None, identifies: false, keeps_alive: false }
}

pub(crate) const WORK: &[(&str, Place)] = &[
    ("mail.example-shipping.com", Place::Ashore(1, [198, 51, 100, 20])),
    ("weather.example.net", Place::Ashore(2, [203, 0, 113, 40])),
    ("class.example.org", Place::Ashore(3, [198, 51, 100, 77])),
];
pub(crate) const PLAY: &[(&str, Place)] = &[
    ("video.example.com", Place::Ashore(4, [203, 0, 113, 80])),
    ("chat.example.net", Place::Ashore(5, [203, 0, 113, 91])),
    ("news.example.org", Place::Ashore(6, [198, 51, 100, 140])),
];
pub(crate) const fn pc(
    host: &'static str,
    mean_s: f64,
    sites: &'static [&'static [(&'static str, Place)]],
) -> PersonPlan {
    PersonPlan { host, windows: true, mean_s, sites }
}

pub(crate) const fn phone(host: &'static str) -> PersonPlan {
    PersonPlan { host, windows: false, mean_s: 170.0, sites: &[PLAY] }
}
