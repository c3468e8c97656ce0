//! Every protocol of a ship: bytes in, events out.
//!
//! A [`Protocol`] is stateless and shared by all flows; [`Protocol::open`] gives a [`Dissector`] that lives with one flow (a UDP or TCP
//! conversation, a pair of link-layer addresses, one CAN bus, one serial line). A port or an EtherType only orders the guesses: the content
//! decides.
//!
//! Adding a protocol is one folder below `maritime/`, `industrial/` or `enterprise/`, one line in [`PROTOCOLS`], a folder `pcaps/<name>/` and
//! a section in `README.md`. No other room knows a protocol by name.
//!
//! Deliberately absent: sockets, clocks, logging, and any memory that is not bounded by [`Limits`].
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects, clippy::cast_possible_truncation))]

#[cfg(test)]
extern crate self as dogwatch_dissectors;
#[cfg(test)]
#[path = "../tests/support/mod.rs"]
#[expect(dead_code, reason = "shared with the tests beside the crate, which use other parts of it")]
mod support;

mod acts;
mod asked;
mod base64;
mod ber;
mod block;
mod datagram;
mod dcerpc;
mod enterprise;
mod error;
mod framed;
mod industrial;
mod lines;
pub mod maritime;
mod md5;
mod once;
mod program;
mod reader;
mod sides;
mod text;

pub use error::ParseError;
pub use maritime::nmea0183::{SentenceField, sentence_fields};

use dogwatch_model::{CaptureTime, Direction, Flow, Message};

/// One protocol: stateless, shared by every flow.
pub trait Protocol: Sync {
    /// The name used in rules, metrics, settings and folders.
    fn name(&self) -> &'static str;
    /// Where it is usually found; tried first there, never proof.
    fn hints(&self) -> &'static [Hint];
    /// What can carry it at all.
    fn carriers(&self) -> &'static [Carrier];
    /// Whether `probe` looks at the direction; where it does not, asking for the other direction as well is saved.
    fn probes_by_direction(&self) -> bool {
        true
    }
    /// Looks at the first bytes.
    fn probe(&self, carrier: Carrier, direction: Direction, head: &[u8]) -> Probe;
    /// How datagrams follow each other, for a protocol of which a single one tells nothing: a flow is its own after some in a row.
    fn run(&self) -> Option<Run> {
        None
    }
    /// Starts per-flow state within `limits`.
    fn open(&self, limits: &Limits) -> Box<dyn Dissector>;
}

/// Whether the second datagram follows the first, which the same side sent just before and of which at least the first [`RUN_HEAD`] bytes are
/// given; with nothing as the first, whether a run may begin with the second. Asked of unknown flows often: cheap, and strict.
pub type Run = fn(&[u8], &[u8]) -> bool;

/// Bytes of a datagram that are kept for the next one.
pub const RUN_HEAD: usize = 12;

/// One protocol on one flow.
pub trait Dissector: Send {
    /// Reads every whole message and says how many bytes they took. On a stream the rest is offered again with more behind it; of a datagram
    /// the rest is dropped.
    fn data(&mut self, chunk: &Chunk<'_>, out: &mut dyn Sink) -> Progress;
    /// Capture lost `missing` bytes of a stream: forget half-read messages and open requests, find the next message start.
    fn gap(&mut self, direction: Direction, missing: u32);
}

/// Bytes on their way into a dissector.
#[derive(Debug, Clone, Copy)]
pub struct Chunk<'a> {
    /// When the frame that completed these bytes was captured.
    pub at: CaptureTime,
    /// The addresses, seen from the sender of these bytes.
    pub flow: &'a Flow,
    /// Which way they go.
    pub direction: Direction,
    /// How they came.
    pub carrier: Carrier,
    /// The bytes: a whole datagram, a whole SocketCAN frame (16-byte header form), or what a stream holds that was not used yet.
    pub bytes: &'a [u8],
}

/// What carries a protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// A TCP stream: messages split and joined anywhere.
    Tcp,
    /// UDP datagrams.
    Udp,
    /// Payload of an Ethernet frame with an EtherType (VLAN tags already taken off).
    Ethernet,
    /// Payload of an 802.2 LLC/SNAP frame, from the DSAP on.
    Llc,
    /// Payload of an IP packet that is neither TCP nor UDP.
    Ip,
    /// CAN frames in SocketCAN form (identifier big endian with flags, length, three bytes, data).
    Can,
    /// A serial line or a log of one.
    Serial,
}

impl Carrier {
    /// Whether bytes come as a stream (rest is offered again) rather than one message box at a time.
    #[must_use]
    pub const fn is_stream(self) -> bool {
        matches!(self, Self::Tcp | Self::Serial)
    }
}

/// Where a protocol is usually found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hint {
    /// TCP port of either side.
    Tcp(u16),
    /// UDP port of either side.
    Udp(u16),
    /// EtherType.
    EtherType(u16),
    /// IP protocol number.
    Ip(u8),
    /// Any CAN bus.
    Can,
    /// Any serial line.
    Serial,
}

/// How sure a first look makes us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Probe {
    /// It is this protocol.
    Yes,
    /// It is not.
    No,
    /// Could be; more bytes would tell.
    NeedMore,
}

/// What became of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Progress {
    /// This many bytes were used; at most as many as were offered.
    Used(usize),
    /// This is not our protocol after all; the flow counts as unclassified from here.
    GiveUp,
}

/// Takes what a dissector makes of the bytes.
pub trait Sink {
    /// A message was decoded.
    fn message(&mut self, message: &Message<'_>);
    /// Something could not be read; counted by protocol and kind, the session goes on.
    fn error(&mut self, protocol: &'static str, error: ParseError);
}

/// What one flow's dissector may keep. Names and counts from the wire are attacker-chosen: every map, list and buffer is bounded by these.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes a half-read message may take.
    pub buffered_bytes: usize,
    /// Requests waiting for their reply.
    pub open_requests: usize,
    /// Multi-part messages being put together at the same time.
    pub partial_messages: usize,
    /// Devices remembered on one bus or line.
    pub bus_devices: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { buffered_bytes: 64 * 1024, open_requests: 256, partial_messages: 64, bus_devices: 256 }
    }
}

/// Every protocol this build knows. The order matters only where two probes say yes: a gateway's `!PDGY` lines look like sentences, so buses come
/// before sentences.
pub static PROTOCOLS: &[&dyn Protocol] = &[
    &maritime::iec61162_450::Iec61162450,
    &maritime::n2k::Nmea2000,
    &maritime::nmea0183::Nmea0183,
    &maritime::ais::Ais,
    &maritime::gofree::GoFree,
    &maritime::radar::NAVICO,
    &maritime::radar::FURUNO,
    &maritime::radar::GARMIN,
    &maritime::radar::RAYMARINE,
    &maritime::asterix::ASTERIX,
    &maritime::signalk::SignalK,
    // Stricter than Modbus, whose header its own opening may look like.
    &enterprise::dicom::DICOM,
    // The checksum is that of Modbus on a line, and unit and group may look like unit and function.
    &industrial::rocplus::ROC_PLUS,
    &industrial::modbus::MODBUS,
    &industrial::modbus::MODBUS_RTU,
    &industrial::s7comm::S7COMM,
    &industrial::s7plus::S7COMM_PLUS,
    &industrial::mms::MMS,
    &industrial::iec104::IEC104,
    &industrial::enip::ENIP,
    &industrial::enip::ENIP_IO,
    &industrial::bacnet::BACNET,
    &industrial::dnp3::DNP3,
    &industrial::opcua::OPCUA,
    &industrial::goose::GOOSE,
    &industrial::sv::SV,
    &industrial::profinet::PROFINET_DCP,
    &industrial::ptp::PTP,
    &industrial::synchrophasor::SYNCHROPHASOR,
    &industrial::hartip::HART_IP,
    &industrial::knxip::KNXIP,
    &industrial::powerlink::POWERLINK,
    &industrial::egd::EGD,
    &industrial::bsap::BSAP,
    &industrial::profinet::PROFINET_RT,
    &industrial::profinet::PROFINET_CM,
    &industrial::ads::ADS,
    &industrial::ads::DISCOVERY,
    &industrial::fins::FINS,
    &industrial::melsec::MELSEC,
    &industrial::ethercat::ETHERCAT,
    &industrial::gesrtp::GE_SRTP,
    &industrial::codesys::CODESYS,
    &industrial::fox::FOX,
    &industrial::ethersbus::ETHER_S_BUS,
    &industrial::ethersio::ETHER_S_IO,
    &industrial::c1222::C1222,
    &enterprise::arp::ARP,
    // What is TLS or HTTP under another name is asked before them.
    &enterprise::anydesk::ANYDESK,
    &enterprise::winrm::WINRM,
    &enterprise::teamviewer::TEAMVIEWER,
    &enterprise::dhcp::DHCP,
    &enterprise::lldp::LLDP,
    &enterprise::nbns::NBNS,
    &enterprise::browser::BROWSER,
    &enterprise::http::HTTP,
    &enterprise::http::SSDP,
    &enterprise::mqtt::MQTT,
    &enterprise::amqp::AMQP,
    &enterprise::rtps::RTPS,
    &enterprise::coap::COAP,
    &enterprise::tls::TLS,
    &enterprise::ssh::SSH,
    &enterprise::quic::QUIC,
    &enterprise::dcerpc::DCERPC,
    &enterprise::vrrp::VRRP,
    &enterprise::vrrp::CARP,
    &enterprise::hsrp::HSRP,
    &enterprise::dhcpv6::DHCPV6,
    &enterprise::eapol::EAPOL,
    &enterprise::lacp::LACP,
    &enterprise::ospf::OSPF,
    &enterprise::rip::RIP,
    &enterprise::eigrp::EIGRP,
    &enterprise::mndp::MNDP,
    &enterprise::ubnt::UBNT,
    &enterprise::bittorrent::BITTORRENT,
    &enterprise::ipsec::IPSEC,
    &enterprise::l2tp::L2TP,
    &enterprise::mysql::MYSQL,
    &enterprise::openvpn::OPENVPN,
    &enterprise::postgresql::POSTGRESQL,
    &enterprise::pptp::PPTP,
    &enterprise::stratum::STRATUM,
    &enterprise::stun::STUN,
    &enterprise::rtp::Rtp,
    &enterprise::tds::TDS,
    &enterprise::wireguard::WIREGUARD,
    &enterprise::doip::DOIP,
    &enterprise::hl7::HL7,
    &enterprise::mavlink::MAVLINK,
    &enterprise::sip::SIP,
    &enterprise::rtsp::RTSP,
    &enterprise::smtp::SMTP,
    &enterprise::imap::IMAP,
    &enterprise::pop3::POP3,
    &enterprise::ldap::LDAP,
    &enterprise::kerberos::KERBEROS,
    &enterprise::radius::RADIUS,
    &enterprise::rdp::RDP,
    &enterprise::vnc::VNC,
    &enterprise::telnet::TELNET,
    &enterprise::rlogin::RLOGIN,
    &enterprise::rlogin::RSH,
    &enterprise::rustdesk::RUSTDESK,
    &enterprise::dcerpc::SMB_WITH_PIPES,
    &enterprise::ftp::FTP,
    &enterprise::snmp::SNMP,
    &enterprise::ntp::NTP,
    &enterprise::icmp::ICMP,
    &enterprise::icmp::ICMPV6,
    &enterprise::igmp::IGMP,
    &enterprise::stp::STP,
    &enterprise::cdp::CDP,
    &enterprise::syslog::SYSLOG,
    &enterprise::tftp::TFTP,
    // Before its relatives: a name in plain DNS may look like theirs.
    &enterprise::dns::DNS,
    &enterprise::dns::MDNS,
    &enterprise::dns::LLMNR,
];
