//! Who spoke to whom on which wire: the addresses of one packet, as plain copyable data.

use std::net::IpAddr;

use crate::Mac;

/// Which capture source a frame came from: its position in the list of sources the daemon opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
pub struct SourceId(pub u16);

/// The 802.1Q tags of a frame, outermost first; at most two are told apart, as QinQ does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Vlans {
    /// The outer (or only) VLAN id, 1..=4094.
    pub outer: Option<u16>,
    /// The inner VLAN id of a double tag.
    pub inner: Option<u16>,
}

impl Vlans {
    /// The VLAN the sending device is in: the innermost tag.
    #[must_use]
    pub const fn innermost(self) -> Option<u16> {
        if self.inner.is_some() { self.inner } else { self.outer }
    }
}

/// What carries the message directly below the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// An Ethernet frame with this EtherType (or 802.3 LLC when below 0x0600).
    Ethernet(u16),
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// Another IP protocol, by number (1 ICMP, 58 ICMPv6, 2 IGMP …).
    Ip(u8),
    /// A CAN bus.
    Can,
    /// A serial line or a log of one: bytes without addresses.
    Serial,
}

/// Which of the two ends of a message opened the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Initiator {
    /// The sender of this message: it is the client.
    Sender,
    /// The receiver of this message: the sender answers.
    Receiver,
    /// Not known: no handshake seen and nothing else tells.
    #[default]
    Unknown,
}

/// Direction of bytes within a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the side that opened the flow (or that was seen first).
    ToServer,
    /// From the other side.
    ToClient,
}

impl Direction {
    /// The other direction.
    #[must_use]
    pub const fn reversed(self) -> Self {
        match self {
            Self::ToServer => Self::ToClient,
            Self::ToClient => Self::ToServer,
        }
    }
}

/// The addresses of one packet, seen from its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    /// The capture source that saw it.
    pub source: SourceId,
    /// Its VLAN tags.
    pub vlans: Vlans,
    /// Link-layer sender; [`Mac::NONE`] where the capture has no link layer.
    pub src_mac: Mac,
    /// Link-layer receiver.
    pub dst_mac: Mac,
    /// Network-layer sender.
    pub src: Option<IpAddr>,
    /// Network-layer receiver.
    pub dst: Option<IpAddr>,
    /// What carries the payload.
    pub transport: Transport,
    /// Sender's port; 0 where there is none.
    pub src_port: u16,
    /// Receiver's port; 0 where there is none.
    pub dst_port: u16,
    /// Time to live (hop limit) of the IP header; 0 where there is none.
    pub ttl: u8,
    /// Who opened the connection.
    pub initiator: Initiator,
}

impl Flow {
    /// Whether the receiver is a group (broadcast or multicast) rather than one device.
    #[must_use]
    pub fn is_to_group(&self) -> bool {
        let by_ip = match self.dst {
            Some(IpAddr::V4(ip)) => ip.is_multicast() || ip.is_broadcast(),
            Some(IpAddr::V6(ip)) => ip.is_multicast(),
            None => false,
        };
        by_ip || self.dst_mac.is_group()
    }
}
