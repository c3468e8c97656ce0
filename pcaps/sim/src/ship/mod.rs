//! What a ship is made of, as data: networks, hosts, the NMEA 2000 backbone, her identity and her voyage.
//!
//! A new ship is a new data file here plus its policy text; the talkers are shared.

mod cruise_ship;
mod general_cargo;
mod lng_carrier;
pub(crate) mod outfit;
pub(crate) mod plan;

use std::collections::BTreeMap;

use crate::error::SimError;
use crate::rng;
use crate::talk::ais::Identity;
use crate::talk::n2k::{Name, Product};
use crate::talker::Talker;
use crate::talker::modbus::MasterPlan;
use crate::talker::outlet::Carrier;
use crate::talker::plant::Controller;
use crate::talker::service::ServicePlan;
use crate::wire::link::Mac;
use crate::wire::net::{Host, Net, Subnet, Tap};
use crate::world::machinery::Engine;
use crate::world::{Departure, Voyage};
use plan::{BridgePlan, HousePlan, Marks, PersonPlan};

/// A network of a ship.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SubnetPlan {
    pub(crate) zone: &'static str,
    pub(crate) tap: Tap,
    pub(crate) vlan: u16,
    pub(crate) network: [u8; 4],
    pub(crate) prefix: u8,
    /// The host that routes.
    pub(crate) gateway: &'static str,
}

/// A host of a ship.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HostPlan {
    pub(crate) id: &'static str,
    pub(crate) zone: &'static str,
    pub(crate) ip: [u8; 4],
    pub(crate) mac: MacPlan,
}

/// How a host gets its hardware address.
#[derive(Debug, Clone, Copy)]
pub(crate) enum MacPlan {
    /// The maker's prefix and a hash of the host's name.
    Vendor([u8; 3]),
    /// The maker's 36-bit block and a hash of the host's name.
    Block([u8; 5]),
    /// A locally administered address, as phones draw them.
    Private,
    /// This address.
    Fixed(Mac),
}

/// A device on the NMEA 2000 backbone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NodePlan {
    pub(crate) id: &'static str,
    pub(crate) address: u8,
    pub(crate) name: Name,
    pub(crate) product: Product,
    /// The PGNs it sends of its own accord.
    pub(crate) sends: &'static [u32],
}

/// A ship.
#[derive(Debug)]
pub(crate) struct Ship {
    pub(crate) id: &'static str,
    pub(crate) alias: &'static str,
    pub(crate) what: &'static str,
    /// The zone and conduit policy of this ship.
    pub(crate) policy: &'static str,
    pub(crate) identity: Identity<'static>,
    pub(crate) subnets: &'static [SubnetPlan],
    pub(crate) hosts: &'static [HostPlan],
    /// Hosts and zones by the names that scripts use for them, where the ship calls them otherwise.
    pub(crate) roles: &'static [(&'static str, &'static str)],
    pub(crate) nodes: &'static [NodePlan],
    /// Where she is when a run begins, for each voyage she can make.
    pub(crate) departures: &'static [Departure],
    pub(crate) engine: Engine,
    pub(crate) bridge: BridgePlan,
    pub(crate) controllers: &'static [Controller],
    pub(crate) masters: &'static [MasterPlan],
    pub(crate) services: &'static [ServicePlan],
    pub(crate) house: HousePlan,
    pub(crate) people: &'static [PersonPlan],
    pub(crate) marks: Marks,
}

/// Everyone who sends.
pub(crate) type Crew = Vec<Box<dyn Talker>>;

/// What a ship needs to come to life.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fitting<'a> {
    pub(crate) roster: &'a Roster,
    pub(crate) seed: u64,
    /// Nanoseconds since 1970.
    pub(crate) start: i64,
    pub(crate) carrier: Carrier,
    /// The radar sends its picture to the recorder.
    pub(crate) pictures: bool,
    /// What she is doing, which decides what is switched on.
    pub(crate) voyage: Voyage,
}

impl Ship {
    /// The controller that a host is.
    pub(crate) fn controller(&self, host: &str) -> Result<Controller, SimError> {
        let own = self.own_name(host);
        let found = self.controllers.iter().find(|controller| controller.host == own);
        found.copied().ok_or_else(|| SimError::NoHost(host.to_owned()))
    }

    /// What this ship calls a host or zone that a script knows by a common name.
    pub(crate) fn own_name<'a>(&self, name: &'a str) -> &'a str {
        self.roles.iter().find(|(role, _)| *role == name).map_or(name, |(_, own)| own)
    }

    /// Where a voyage begins.
    pub(crate) fn departure(&self, voyage: Voyage) -> Result<&Departure, SimError> {
        let found = self.departures.iter().find(|departure| departure.voyage == voyage);
        found.ok_or_else(|| SimError::NoVoyage { ship: self.id.to_owned(), voyage: format!("{voyage:?}") })
    }
}

/// Every ship there is.
pub(crate) const SHIPS: &[&Ship] = &[&general_cargo::SHIP, &lng_carrier::SHIP, &cruise_ship::SHIP];

/// Finds a ship by name or short name.
pub(crate) fn find(name: &str) -> Result<&'static Ship, SimError> {
    SHIPS.iter().find(|ship| ship.id == name || ship.alias == name).copied().ok_or_else(|| SimError::UnknownShip {
        name: name.to_owned(),
        known: SHIPS.iter().map(|ship| format!("{} ({})", ship.id, ship.alias)).collect::<Vec<_>>().join(", "),
    })
}

/// First index of bus nodes, of hosts ashore and of attackers: keeps the order of frames stable when a ship gets another host.
pub(crate) const NODE_INDEX: u32 = 300;
pub(crate) const ASHORE_INDEX: u32 = 500;
pub(crate) const ATTACKER_INDEX: u32 = 900;

/// The hosts of a ship with their addresses.
#[derive(Debug)]
pub(crate) struct Roster {
    hosts: BTreeMap<&'static str, Host>,
    roles: &'static [(&'static str, &'static str)],
    subnets: Vec<Subnet>,
}

impl Roster {
    /// Gives every host its place and hardware address.
    pub(crate) fn new(ship: &Ship) -> Result<Self, SimError> {
        let zone_index = |zone: &str| ship.subnets.iter().position(|subnet| subnet.zone == zone);
        let hosts: BTreeMap<&'static str, Host> = (0_u32..)
            .zip(ship.hosts)
            .map(|(index, plan)| {
                let mac = hardware_address(plan.id, plan.mac);
                (plan.id, Host { index, mac, ip: plan.ip, subnet: zone_index(plan.zone) })
            })
            .collect();
        let subnets = ship.subnets.iter().map(|plan| {
            let router = hosts.get(plan.gateway).ok_or_else(|| SimError::NoHost(plan.gateway.to_owned()))?;
            Ok(Subnet {
                zone: plan.zone,
                tap: plan.tap,
                vlan: plan.vlan,
                network: plan.network,
                prefix: plan.prefix,
                gateway: router.ip,
                gateway_mac: router.mac,
                gateway_index: router.index,
            })
        });
        Ok(Self { subnets: subnets.collect::<Result<_, SimError>>()?, hosts, roles: ship.roles })
    }

    /// The host with this name.
    pub(crate) fn host(&self, id: &str) -> Result<Host, SimError> {
        self.hosts.get(self.own_name(id)).copied().ok_or_else(|| SimError::NoHost(id.to_owned()))
    }

    /// What this ship calls a host or zone that a script knows by a common name.
    pub(crate) fn own_name<'a>(&self, name: &'a str) -> &'a str {
        self.roles.iter().find(|(role, _)| *role == name).map_or(name, |(_, own)| own)
    }

    /// Every host with its name, in order of names.
    #[cfg(test)]
    pub(crate) fn hosts(&self) -> impl Iterator<Item = (&'static str, Host)> {
        self.hosts.iter().map(|(id, host)| (*id, *host))
    }

    /// The name of the host with this address.
    pub(crate) fn name_of(&self, ip: [u8; 4]) -> Option<&'static str> {
        self.hosts.iter().find(|(_, host)| host.ip == ip).map(|(id, _)| *id)
    }

    /// The network of a zone.
    pub(crate) fn network_of(&self, zone: &str) -> Result<Subnet, SimError> {
        let zone = self.own_name(zone);
        let subnet = self.subnets.iter().find(|subnet| subnet.zone == zone);
        subnet.copied().ok_or_else(|| SimError::NoHost(zone.to_owned()))
    }

    /// The zone that a host is plugged into.
    pub(crate) fn zone_of(&self, host: &Host) -> &'static str {
        host.subnet.and_then(|at| self.subnets.get(at)).map_or("outside", |subnet| subnet.zone)
    }

    /// An address of a zone that no host has: `number` above the network's own, or the next free one in networks too small for that.
    pub(crate) fn free_address(&self, zone: &str, number: u8) -> Result<[u8; 4], SimError> {
        let subnet = self.network_of(zone)?;
        let size = 1_u32.checked_shl(32 - u32::from(subnet.prefix)).unwrap_or(u32::MAX);
        let places = (0..size).map(|step| (u32::from(number) + step) % size);
        let mut free = places.map(|place| (u32::from_be_bytes(subnet.network) + place).to_be_bytes()).filter(|ip| {
            let is_host = *ip != subnet.network && *ip != subnet.broadcast();
            is_host && self.name_of(*ip).is_none()
        });
        free.next().ok_or_else(|| SimError::NoHost(format!("a free address in {zone}")))
    }

    /// An unknown device plugged into a zone.
    pub(crate) fn stranger(&self, zone: &str, mac: Mac, ip: [u8; 4]) -> Result<Host, SimError> {
        let zone = self.own_name(zone);
        let subnet = self.subnets.iter().position(|subnet| subnet.zone == zone);
        subnet
            .map(|at| Host { index: ATTACKER_INDEX, mac, ip, subnet: Some(at) })
            .ok_or_else(|| SimError::NoHost(zone.to_owned()))
    }

    /// The network without frames.
    pub(crate) fn network(&self) -> Net {
        Net::new(self.subnets.clone())
    }
}

/// A hardware address made from a host's name, so that it never changes.
fn hardware_address(id: &str, plan: MacPlan) -> Mac {
    let [a, b, c, d, e, ..] = rng::hash(&[id, "mac"]).to_le_bytes();
    match plan {
        MacPlan::Vendor([x, y, z]) => [x, y, z, a, b, c],
        // The fifth byte holds four bits of the maker's block and four of the device.
        MacPlan::Block([x, y, z, w, v]) => [x, y, z, w, (v & 0xF0) | (a & 0x0F), b],
        MacPlan::Private => [0x02 | (a & 0xFC), b, c, d, e, a],
        MacPlan::Fixed(mac) => mac,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ship_has_distinct_addresses_and_fits_its_networks() {
        for ship in SHIPS {
            let roster = Roster::new(ship).unwrap();
            let macs: std::collections::BTreeSet<Mac> = roster.hosts().map(|(_, host)| host.mac).collect();
            let ips: std::collections::BTreeSet<[u8; 4]> = roster.hosts().map(|(_, host)| host.ip).collect();
            assert_eq!((macs.len(), ips.len()), (ship.hosts.len(), ship.hosts.len()));
            for plan in ship.hosts {
                let zone = ship.subnets.iter().find(|subnet| subnet.zone == plan.zone).unwrap();
                let shift = 32 - u32::from(zone.prefix);
                assert_eq!(
                    u32::from_be_bytes(plan.ip) >> shift,
                    u32::from_be_bytes(zone.network) >> shift,
                    "{}",
                    plan.id
                );
            }
        }
    }

    #[test]
    fn the_policy_names_every_fixed_host() {
        for ship in SHIPS {
            for host in ship.hosts.iter().filter(|host| !["crew", "passenger"].contains(&host.zone)) {
                assert!(ship.policy.contains(&format!("id = \"{}\"", host.id)), "{} is missing in the policy", host.id);
            }
        }
    }
}
