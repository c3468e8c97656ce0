//! Protocols of offices, networks and operating systems, as far as they tell who is who on a ship.

pub(crate) mod arp;
pub(crate) mod dhcp;
pub(crate) mod dns;
pub(crate) mod lldp;
pub(crate) mod nbns;
