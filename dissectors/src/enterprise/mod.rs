//! Protocols of offices, networks and operating systems, as far as they tell who is who on a ship.

pub(crate) mod arp;
pub(crate) mod browser;
pub(crate) mod cdp;
pub(crate) mod dhcp;
pub(crate) mod dns;
pub(crate) mod ftp;
pub(crate) mod http;
pub(crate) mod icmp;
pub(crate) mod igmp;
pub(crate) mod lldp;
pub(crate) mod nbns;
pub(crate) mod ntp;
pub(crate) mod rdp;
pub(crate) mod smb;
pub(crate) mod snmp;
pub(crate) mod ssh;
pub(crate) mod stp;
pub(crate) mod syslog;
pub(crate) mod telnet;
pub(crate) mod tftp;
pub(crate) mod tls;
pub(crate) mod vnc;
