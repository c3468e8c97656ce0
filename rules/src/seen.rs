//! What detectors are shown: who talks to whom, at which stage, and how well the monitor itself sees.

use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::time::Duration;

use dogwatch_model::{CaptureTime, Flow, Irregularity, Mac, Sfi, Speaker, Transport};

use crate::policy::{End, ZoneIx};

/// One end of a conversation, as far as it is known. Cheap to copy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Party {
    /// Row of the inventory.
    pub row: Option<u32>,
    /// Addresses, zone and declared asset, as the policy sees them.
    pub end: End,
    /// Port; 0 where there is none.
    pub port: u16,
    /// Who spoke, where the protocol knows better than the addresses.
    pub speaker: Speaker,
}

impl Party {
    /// An end that is nobody in particular: a place.
    #[must_use]
    pub fn nobody(zone: Option<ZoneIx>) -> Self {
        Self { row: None, end: End { zone, ..End::default() }, port: 0, speaker: Speaker::Sender }
    }

    /// Somebody with these addresses of whom no more is known, in the same place as `self`.
    #[must_use]
    pub fn neighbour(&self, row: Option<u32>, mac: Mac, ip: Option<IpAddr>) -> Self {
        Self { row, end: End { mac, ip, asset: None, ..self.end }, port: 0, speaker: Speaker::Sender }
    }

    /// What makes this end itself: NAME, system function, IP, else MAC or bus address. Ports and rows do not.
    #[must_use]
    pub const fn identity(&self) -> Identity {
        match (self.speaker, self.end.ip) {
            (Speaker::Name { name, .. }, _) => Identity::Name(BusName::new(name)),
            (Speaker::BusAddress(address), _) => Identity::BusAddress(address),
            (_, Some(ip)) => Identity::Ip(ip),
            _ => Identity::Mac(self.end.mac),
        }
    }

    /// Its system function id, when it told one.
    #[must_use]
    pub const fn sfi(&self) -> Option<Sfi> {
        match self.speaker {
            Speaker::Sfi(sfi) => Some(sfi),
            _ => None,
        }
    }
}

/// What one end is told apart by: seventeen bytes without padding, since it is part of the keys of most tables that detectors keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Identity {
    /// ISO 11783-5 NAME.
    Name(BusName),
    /// CAN address of a device whose NAME is not known.
    BusAddress(u8),
    /// IP address.
    Ip(IpAddr),
    /// MAC address.
    Mac(Mac),
}

const _: () = assert!(size_of::<Identity>() == 17, "keys grew");

/// An ISO 11783-5 NAME in an [`Identity`]: bytes, most significant first, since a number would widen every identity by its alignment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(from = "u64", into = "u64")]
pub struct BusName([u8; 8]);

impl BusName {
    /// From the NAME as a number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number.to_be_bytes())
    }

    /// The NAME as a number.
    #[must_use]
    pub const fn number(self) -> u64 {
        u64::from_be_bytes(self.0)
    }
}

impl From<u64> for BusName {
    fn from(number: u64) -> Self {
        Self::new(number)
    }
}

impl From<BusName> for u64 {
    fn from(name: BusName) -> Self {
        name.number()
    }
}

impl std::fmt::Debug for BusName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.number().fmt(f)
    }
}

impl Identity {
    /// What tells it apart in one word; of an IPv6 address the half that tells the devices of one network apart.
    pub(crate) const fn word(&self) -> u64 {
        const fn kind(kind: u64) -> u64 {
            kind << 56
        }
        match *self {
            Self::Name(name) => name.number(),
            Self::BusAddress(address) => kind(2) | address as u64,
            Self::Ip(IpAddr::V4(ip)) => kind(3) | ip.to_bits() as u64,
            Self::Ip(IpAddr::V6(ip)) => ip.to_bits() as u64,
            Self::Mac(mac) => {
                let [a, b, c, d, e, f] = mac.0;
                kind(4) | u64::from_be_bytes([0, 0, a, b, c, d, e, f])
            }
        }
    }
}

impl Hash for Identity {
    /// One word instead of the derived half dozen of small pieces: detectors look up somebody with every message.
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Ip(IpAddr::V6(ip)) => state.write_u128(ip.to_bits()),
            _ => state.write_u64(self.word()),
        }
    }
}

/// A system function id as a number that sorts like it; 0 for none.
pub(crate) fn sfi_number(sfi: Option<Sfi>) -> u64 {
    sfi.map_or(0, |sfi| {
        let [a, b, c, d, e, f] = sfi.0;
        u64::from_be_bytes([0, 0, a, b, c, d, e, f])
    })
}

/// A capture source: what people call it, and what selectors of the policy call it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Source<'a> {
    /// Name for people: the interface, or the file and its interface.
    pub label: &'a str,
    /// Interface or bus name that the policy's selectors are compared with; empty where the capture does not tell.
    pub selector: &'a str,
}

/// How far a flow got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FlowStage {
    /// Its first packet.
    Started,
    /// TCP: the handshake completed, or data was seen.
    Established,
    /// Its protocol is known, or it is known that none fits.
    Recognised,
    /// It goes on (told at most every ten seconds).
    Progress,
}

impl FlowStage {
    /// Every stage, in the order a flow reaches them.
    pub const ALL: &'static [Self] = &[Self::Started, Self::Established, Self::Recognised, Self::Progress];
}

/// A flow, seen from the side that opened it (as far as that is known).
#[derive(Debug, Clone, Copy)]
pub struct FlowSeen<'a> {
    /// When.
    pub at: CaptureTime,
    /// Frame number within its source.
    pub frame: u64,
    /// The capture source.
    pub source: Source<'a>,
    /// Addresses; sender is the opening side.
    pub flow: &'a Flow,
    /// The opening side.
    pub from: Party,
    /// The other side.
    pub to: Party,
    /// Recognised protocol; `None` before recognition and when none fits.
    pub protocol: Option<&'static str>,
    /// How far it got.
    pub stage: FlowStage,
    /// Packets from the opening side since the flow was last told of.
    pub sent: u64,
    /// Packets from the other side since then.
    pub received: u64,
    /// What it has come to so far.
    pub account: Account,
}

/// What a flow has come to so far; exact with [`FlowStage::Progress`], only its beginning before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Account {
    /// When its first packet was seen.
    pub first: CaptureTime,
    /// From the opening side.
    pub sent: Volume,
    /// From the other side.
    pub received: Volume,
    /// Whether the other side said anything.
    pub is_answered: bool,
    /// TCP: whether the other side turned the connection down.
    pub is_refused: bool,
    /// Whether no more will come.
    pub is_over: bool,
}

/// Packets and bytes one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Volume {
    /// Packets.
    pub packets: u64,
    /// Bytes on the wire.
    pub bytes: u64,
}

impl FlowSeen<'_> {
    /// The ends that are there: those that sent something since the flow was last told of.
    pub(crate) fn speaking(&self) -> impl Iterator<Item = &Party> {
        let ends = [(&self.from, self.sent), (&self.to, self.received)];
        ends.into_iter().filter(|(_, packets)| *packets > 0).map(|(party, _)| party)
    }

    /// Packets either way since the flow was last told of.
    #[must_use]
    pub const fn packets(&self) -> u64 {
        self.sent.saturating_add(self.received)
    }

    /// The service for people: protocol and port.
    #[must_use]
    pub(crate) fn service(&self) -> String {
        service(self.protocol, self.flow)
    }
}

/// Protocol and port of a flow for people, e.g. `modbus tcp/502`.
#[must_use]
pub(crate) fn service(protocol: Option<&str>, flow: &Flow) -> String {
    let below = match flow.transport {
        Transport::Tcp => format!("tcp/{}", flow.dst_port),
        Transport::Udp => format!("udp/{}", flow.dst_port),
        Transport::Ip(number) => format!("ip/{number}"),
        Transport::Ethernet(kind) => format!("eth/0x{kind:04x}"),
        Transport::Can => "can".to_owned(),
        Transport::Serial => "serial".to_owned(),
    };
    match protocol {
        Some(protocol) => format!("{protocol} {below}"),
        None => below,
    }
}

/// Something about one packet that is told apart from what its protocol says.
#[derive(Debug, Clone, Copy)]
pub struct PacketSeen<'a, W> {
    /// When.
    pub at: CaptureTime,
    /// Frame number within its source.
    pub frame: u64,
    /// The capture source.
    pub source: Source<'a>,
    /// The addresses, seen from the sender of this packet; a fragment may not tell its ports.
    pub flow: &'a Flow,
    /// Who sent it.
    pub from: Party,
    /// To whom.
    pub to: Party,
    /// Recognised protocol of its flow.
    pub protocol: Option<&'static str>,
    /// What it is.
    pub what: W,
}

/// A packet that is not as it should be, below what its protocol says.
pub type IrregularSeen<'a> = PacketSeen<'a, Irregularity>;

/// Payload is as an imported signature describes it: the signature's number in the import.
pub type SignatureSeen<'a> = PacketSeen<'a, u32>;

/// How well one capture source sees, told about once a second of capture time.
#[derive(Debug, Clone, Copy)]
pub struct HealthSeen<'a> {
    /// When.
    pub at: CaptureTime,
    /// Name of the capture source.
    pub source: &'a str,
    /// Frames received since it was opened.
    pub frames: u64,
    /// Frames lost by kernel or interface since it was opened.
    pub dropped: u64,
    /// Whether the interface is up.
    pub up: bool,
    /// TCP segments with data that were acknowledged but never seen, since it was opened.
    pub unseen_segments: u64,
    /// TCP segments with data seen since it was opened, of the streams that are followed.
    pub seen_segments: u64,
}

/// A policy file was read while the monitor runs.
#[derive(Debug, Clone, Copy)]
pub struct PolicySeen<'a> {
    /// When.
    pub at: CaptureTime,
    /// The file.
    pub file: &'a str,
    /// SHA-256 of its text, hex.
    pub hash: &'a str,
    /// Who put it in force with `dogwatch policy enforce` or `rollback`; `None` when it was changed by other means.
    pub author: Option<&'a str>,
    /// The first problem, when it was refused; the old policy stays in force.
    pub refused: Option<&'a str>,
}

/// How the monitor itself is: told about once a second by the program that runs, and once by whoever reads captures, as far as he knows.
#[derive(Debug, Clone, Copy, Default)]
pub struct SelfSeen<'a> {
    /// When.
    pub at: CaptureTime,
    /// Part in use of the disk that holds the store, 0 to 1; `None` when nobody asked it.
    pub disk: Option<f64>,
    /// Part in use of the room the upload queue may take.
    pub queue: Option<f64>,
    /// Age of the oldest finding of severity high or critical that is not ashore yet; `None` when none waits, or nothing is sent ashore.
    pub oldest_urgent: Option<Duration>,
    /// Seconds by which the clock was set since it was last told: the time of day less the time that went by.
    pub clock_step_s: f64,
    /// Addresses of this machine, on whatever interface.
    pub addresses: &'a [IpAddr],
    /// Its network cards, those that only listen too.
    pub cards: &'a [Mac],
}

/// A zone is enforced from now on that was not before.
#[derive(Debug, Clone, Copy)]
pub struct EnforcedSeen {
    /// When.
    pub at: CaptureTime,
    /// The zone.
    pub zone: ZoneIx,
    /// Declared assets of it that were seen, and all of them.
    pub assets: (usize, usize),
    /// Seconds of data behind the present ship state, and those it needs; `None` where the state is not known or is only watched.
    pub state: Option<(u64, u64)>,
}
