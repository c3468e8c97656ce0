//! What a capture source hands over: bytes, and what is known about them before decoding.

use dogwatch_model::{CaptureTime, SourceId};

/// How the first bytes of a frame are to be read: the number of the pcap link-layer type registry (LINKTYPE_*).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LinkType(pub u32);

impl LinkType {
    /// BSD loopback: address family in the byte order of the capturing machine.
    pub const NULL: Self = Self(0);
    /// Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// Token ring (IEEE 802.5).
    pub const IEEE802_5: Self = Self(6);
    /// ARCNET as the BSDs write it.
    pub const ARCNET_BSD: Self = Self(7);
    /// ARCNET as Linux writes it.
    pub const ARCNET_LINUX: Self = Self(129);
    /// Wireless LAN without a header of the capture.
    pub const IEEE802_11: Self = Self(105);
    /// Wireless LAN behind a Radiotap header.
    pub const IEEE802_11_RADIOTAP: Self = Self(127);
    /// Raw IP, version by its first four bits (LINKTYPE_RAW).
    pub const RAW: Self = Self(101);
    /// BSD loopback: address family in network byte order.
    pub const LOOP: Self = Self(108);
    /// Linux cooked capture.
    pub const LINUX_SLL: Self = Self(113);
    /// SocketCAN frames, identifier in network byte order.
    pub const CAN_SOCKETCAN: Self = Self(227);
    /// Raw IPv4.
    pub const IPV4: Self = Self(228);
    /// Raw IPv6.
    pub const IPV6: Self = Self(229);
    /// Linux cooked capture, second version.
    pub const LINUX_SLL2: Self = Self(276);
}

/// One captured frame.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// When it was captured, by the clock of its source.
    pub at: CaptureTime,
    /// Which source captured it.
    pub source: SourceId,
    /// Its number within the source, from 1.
    pub number: u64,
    /// How to read its first bytes.
    pub link: LinkType,
    /// Bytes it had on the wire; more than `bytes` holds when the capture cut it.
    pub original_length: u32,
    /// The bytes that were captured.
    pub bytes: &'a [u8],
}
