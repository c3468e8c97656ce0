//! Frames, built byte by byte from the standards; nothing here shares code with what is tested.

use dogwatch_flow::{Engine, Frame, LinkType, Observer};
use dogwatch_model::{CaptureTime, SourceId};

pub(crate) const CLIENT_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0x0c];
pub(crate) const SERVER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0x05];
pub(crate) const CLIENT: [u8; 4] = [10, 0, 0, 12];
pub(crate) const SERVER: [u8; 4] = [10, 0, 0, 5];

pub(crate) const FIN: u8 = 0x01;
pub(crate) const SYN: u8 = 0x02;
pub(crate) const RST: u8 = 0x04;
pub(crate) const ACK: u8 = 0x10;

/// An Ethernet II frame.
pub(crate) fn ethernet(src: [u8; 6], dst: [u8; 6], ether_type: u16, payload: &[u8]) -> Vec<u8> {
    [&dst[..], &src[..], &ether_type.to_be_bytes()[..], payload].concat()
}

/// A VLAN tag and what follows it, as payload of an Ethernet frame with the tag's own EtherType.
pub(crate) fn tagged(id: u16, ether_type: u16, payload: &[u8]) -> Vec<u8> {
    [&id.to_be_bytes()[..], &ether_type.to_be_bytes()[..], payload].concat()
}

/// An IPv4 packet; `offset` in bytes.
pub(crate) fn ipv4_part(
    src: [u8; 4],
    dst: [u8; 4],
    protocol: u8,
    id: u16,
    offset: u16,
    more: bool,
    payload: &[u8],
) -> Vec<u8> {
    let total = u16::try_from(20 + payload.len()).unwrap();
    let flags = (offset / 8) | if more { 0x2000 } else { 0 };
    [
        &[0x45, 0][..],
        &total.to_be_bytes()[..],
        &id.to_be_bytes()[..],
        &flags.to_be_bytes()[..],
        &[64, protocol, 0, 0][..],
        &src[..],
        &dst[..],
        payload,
    ]
    .concat()
}

pub(crate) fn ipv4(src: [u8; 4], dst: [u8; 4], protocol: u8, payload: &[u8]) -> Vec<u8> {
    ipv4_part(src, dst, protocol, 0, 0, false, payload)
}

/// An IPv6 packet whose addresses end in the given byte.
pub(crate) fn ipv6(src: u8, dst: u8, next: u8, payload: &[u8]) -> Vec<u8> {
    let address = |last: u8| [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
    let length = u16::try_from(payload.len()).unwrap();
    [&[0x60, 0, 0, 0][..], &length.to_be_bytes()[..], &[next, 64][..], &address(src)[..], &address(dst)[..], payload]
        .concat()
}

/// An IPv6 fragment header and the fragment behind it.
pub(crate) fn ipv6_part(next: u8, id: u32, offset: u16, more: bool, payload: &[u8]) -> Vec<u8> {
    let field = (offset / 8) << 3 | u16::from(more);
    [&[next, 0][..], &field.to_be_bytes()[..], &id.to_be_bytes()[..], payload].concat()
}

pub(crate) fn udp(src: u16, dst: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + payload.len()).unwrap();
    [&src.to_be_bytes()[..], &dst.to_be_bytes()[..], &length.to_be_bytes()[..], &[0, 0][..], payload].concat()
}

pub(crate) fn tcp(src: u16, dst: u16, seq: u32, ack: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    [
        &src.to_be_bytes()[..],
        &dst.to_be_bytes()[..],
        &seq.to_be_bytes()[..],
        &ack.to_be_bytes()[..],
        &[0x50, flags, 0x20, 0, 0, 0, 0, 0][..],
        payload,
    ]
    .concat()
}

/// A whole UDP frame from client to server.
pub(crate) fn udp_frame(src: u16, dst: u16, payload: &[u8]) -> Vec<u8> {
    ethernet(CLIENT_MAC, SERVER_MAC, 0x0800, &ipv4(CLIENT, SERVER, 17, &udp(src, dst, payload)))
}

/// Who sends a TCP segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Client,
    Server,
}

/// Feeds an engine, numbering frames and letting a millisecond pass between them.
pub(crate) struct Feed<'a, O> {
    pub(crate) engine: Engine,
    pub(crate) observer: &'a mut O,
    pub(crate) at: CaptureTime,
    pub(crate) number: u64,
    pub(crate) client_port: u16,
    pub(crate) server_port: u16,
}

impl<'a, O: Observer> Feed<'a, O> {
    pub(crate) fn new(engine: Engine, observer: &'a mut O) -> Self {
        let at = CaptureTime::from_parts(1_700_000_000, 0);
        Self { engine, observer, at, number: 0, client_port: 40_000, server_port: 7777 }
    }

    pub(crate) fn link(&mut self, link: u32, bytes: &[u8]) {
        self.cut(link, bytes, u32::try_from(bytes.len()).unwrap());
    }

    /// A frame that was longer on the wire.
    pub(crate) fn cut(&mut self, link: u32, bytes: &[u8], original_length: u32) {
        self.number += 1;
        self.at = CaptureTime(self.at.0 + 1_000_000);
        let (at, number) = (self.at, self.number);
        let frame = Frame { at, source: SourceId(0), number, link: LinkType(link), original_length, bytes };
        self.engine.frame(&frame, self.observer);
    }

    pub(crate) fn eth(&mut self, bytes: &[u8]) {
        self.link(1, bytes);
    }

    /// A TCP segment between client and server.
    pub(crate) fn tcp(&mut self, by: By, seq: u32, ack: u32, flags: u8, payload: &[u8]) {
        let (c, s) = (self.client_port, self.server_port);
        let frame = match by {
            By::Client => {
                ethernet(CLIENT_MAC, SERVER_MAC, 0x0800, &ipv4(CLIENT, SERVER, 6, &tcp(c, s, seq, ack, flags, payload)))
            }
            By::Server => {
                ethernet(SERVER_MAC, CLIENT_MAC, 0x0800, &ipv4(SERVER, CLIENT, 6, &tcp(s, c, seq, ack, flags, payload)))
            }
        };
        self.eth(&frame);
    }

    /// A whole handshake; the first bytes are `client + 1` and `server + 1`.
    pub(crate) fn handshake(&mut self, client: u32, server: u32) {
        self.tcp(By::Client, client, 0, SYN, b"");
        self.tcp(By::Server, server, client.wrapping_add(1), SYN | ACK, b"");
        self.tcp(By::Client, client.wrapping_add(1), server.wrapping_add(1), ACK, b"");
    }

    pub(crate) fn pass(&mut self, seconds: i64) {
        self.at = CaptureTime(self.at.0 + seconds * 1_000_000_000);
    }

    pub(crate) fn counter(&self, name: &str) -> u64 {
        self.engine.counters().iter().find(|counter| counter.0 == name).unwrap().1
    }
}
