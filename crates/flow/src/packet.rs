//! The way of one packet to its flow: IP, fragments, tunnels, transport header.

use dogwatch_dissectors::Carrier;
use dogwatch_model::{CaptureTime, Flow, Initiator, SourceId, Transport};

use crate::Engine;
use crate::fragment::FragmentKey;
use crate::link::{self, Carried, Link};
use crate::network::{self, Packet, Upper};
use crate::observer::{Observer, Traffic};
use crate::tcp::Segment;
use crate::tunnel::{self, Inside};

/// Bytes of a classic SocketCAN frame, unused data bytes included.
const CAN_FRAME: usize = 16;

/// Where a packet came from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin {
    pub(crate) at: CaptureTime,
    pub(crate) source: SourceId,
    /// Number of its frame.
    pub(crate) frame: u64,
    /// What it counts for.
    pub(crate) traffic: Traffic,
    pub(crate) link: Link,
    /// Tunnels around it.
    pub(crate) depth: u8,
}

impl Origin {
    /// Addresses of the link layer only.
    #[inline]
    pub(crate) const fn flow(&self, transport: Transport) -> Flow {
        Flow {
            source: self.source,
            vlans: self.link.vlans,
            src_mac: self.link.src,
            dst_mac: self.link.dst,
            src: None,
            dst: None,
            transport,
            src_port: 0,
            dst_port: 0,
            ttl: 0,
            initiator: Initiator::Unknown,
        }
    }
}

/// A packet that is ready for its flow.
pub(crate) struct Unit<'a> {
    pub(crate) at: CaptureTime,
    pub(crate) frame: u64,
    pub(crate) flow: Flow,
    pub(crate) carrier: Carrier,
    pub(crate) traffic: Traffic,
    pub(crate) bytes: &'a [u8],
    pub(crate) segment: Option<Segment<'a>>,
}

impl Engine {
    /// Takes in what a link layer carries.
    pub(crate) fn carried<O: Observer>(&mut self, origin: &Origin, carried: Carried<'_>, observer: &mut O) {
        let (transport, carrier, bytes) = match carried {
            Carried::Ip(bytes) => match network::decode(bytes) {
                Some(packet) => return self.packet(origin, &packet, observer),
                None => {
                    self.counters.bad_ip_header = self.counters.bad_ip_header.wrapping_add(1);
                    return;
                }
            },
            Carried::Ether(ether_type, bytes) => (Transport::Ethernet(ether_type), Carrier::Ethernet, bytes),
            // The first SAP tells the kinds of LLC traffic apart.
            Carried::Llc(bytes) => {
                let sap = bytes.first().copied().map_or(0, u16::from);
                (Transport::Ethernet(sap), Carrier::Llc, bytes)
            }
            Carried::Can(bytes) => (Transport::Can, Carrier::Can, bytes),
        };
        let mut padded = [0_u8; CAN_FRAME];
        let bytes = match padded.get_mut(..bytes.len()) {
            // Some writers leave unused data bytes away.
            Some(start) if carrier == Carrier::Can => {
                start.copy_from_slice(bytes);
                &padded[..]
            }
            _ => bytes,
        };
        self.ready(origin, origin.flow(transport), carrier, bytes, None, observer);
    }

    /// Takes an IP packet in, a fragment first through reassembly.
    fn packet<O: Observer>(&mut self, origin: &Origin, packet: &Packet<'_>, observer: &mut O) {
        if packet.damaged {
            self.counters.bad_ip_header = self.counters.bad_ip_header.wrapping_add(1);
        }
        let Some(part) = packet.fragment else { return self.datagram(origin, packet, observer) };
        let is_v6 = packet.src.is_ipv6();
        let key = FragmentKey {
            source: origin.source,
            vlans: origin.link.vlans,
            src: packet.src,
            dst: packet.dst,
            id: part.id,
            protocol: if is_v6 { 0 } else { packet.protocol },
        };
        let (at, wire, limits, counters) = (origin.at, origin.traffic.bytes, &self.limits, &mut self.counters);
        let taken = self.fragments.take(key, packet.protocol, part, packet.payload, at, wire, limits, counters);
        if let Some(what) = taken.irregular {
            let transport = match packet.protocol {
                6 => Transport::Tcp,
                17 => Transport::Udp,
                other => Transport::Ip(other),
            };
            let [a, b, c, d] = taken.head.filter(|_| matches!(packet.protocol, 6 | 17)).unwrap_or_default();
            let (src_port, dst_port) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            let (src, dst) = (Some(packet.src), Some(packet.dst));
            let flow = Flow { src, dst, ttl: packet.ttl, src_port, dst_port, ..origin.flow(transport) };
            observer.irregular(None, origin.at, origin.frame, &flow, what);
        }
        let Some(whole) = taken.whole else { return };
        let (protocol, payload, is_well) = network::behind_extensions(is_v6, whole.protocol, &whole.bytes);
        if !is_well {
            self.counters.bad_ip_header = self.counters.bad_ip_header.wrapping_add(1);
        }
        let together = Packet { protocol, payload, missing: 0, fragment: None, damaged: !is_well, ..*packet };
        self.datagram(&Origin { traffic: whole.traffic, ..*origin }, &together, observer);
        self.fragments.give_back(whole.bytes);
    }

    /// Takes a whole IP packet in.
    fn datagram<O: Observer>(&mut self, origin: &Origin, packet: &Packet<'_>, observer: &mut O) {
        let flow = |transport, src_port, dst_port| Flow {
            src: Some(packet.src),
            dst: Some(packet.dst),
            ttl: packet.ttl,
            src_port,
            dst_port,
            ..origin.flow(transport)
        };
        let other = || flow(Transport::Ip(packet.protocol), 0, 0);
        if packet.damaged {
            return self.ready(origin, other(), Carrier::Ip, packet.payload, None, observer);
        }
        match network::upper(packet.protocol, packet.payload) {
            Upper::Udp { src, dst, payload } => {
                let flow = flow(Transport::Udp, src, dst);
                match tunnel::on_udp(dst, payload) {
                    Some(inside) => self.tunnelled(origin, flow, Carrier::Udp, payload, inside, observer),
                    None => self.ready(origin, flow, Carrier::Udp, payload, None, observer),
                }
            }
            Upper::Tcp(slice) => {
                let segment = Segment::new(&slice, packet.missing);
                let flow = flow(Transport::Tcp, slice.source_port(), slice.destination_port());
                self.ready(origin, flow, Carrier::Tcp, segment.payload, Some(segment), observer);
            }
            Upper::Other(payload) => match tunnel::on_ip(packet.protocol, payload) {
                Some(inside) => self.tunnelled(origin, other(), Carrier::Ip, payload, inside, observer),
                None => self.ready(origin, other(), Carrier::Ip, payload, None, observer),
            },
            Upper::Bad => {
                self.counters.bad_transport_header = self.counters.bad_transport_header.wrapping_add(1);
                self.ready(origin, other(), Carrier::Ip, &[], None, observer);
            }
        }
    }

    /// Takes in a packet that carries another one: the tunnel counts as a flow of its own, whose payload is the packet inside.
    fn tunnelled<O: Observer>(
        &mut self,
        origin: &Origin,
        flow: Flow,
        carrier: Carrier,
        payload: &[u8],
        inside: Inside<'_>,
        observer: &mut O,
    ) {
        if origin.depth >= self.limits.tunnel_depth {
            self.counters.tunnel_too_deep = self.counters.tunnel_too_deep.wrapping_add(1);
            return self.ready(origin, flow, carrier, payload, None, observer);
        }
        self.counters.tunnelled = self.counters.tunnelled.wrapping_add(1);
        self.ready(origin, flow, carrier, &[], None, observer);
        let (link, carried, bytes) = match inside {
            // The addresses around an IP tunnel are those of its ends, not of the hosts inside.
            Inside::Ip(bytes) => (Link { vlans: origin.link.vlans, ..Link::default() }, Carried::Ip(bytes), bytes),
            Inside::Ethernet(bytes) => match link::ethernet(bytes) {
                Ok((link, carried)) => (link, carried, bytes),
                Err(_) => {
                    self.counters.bad_link_header = self.counters.bad_link_header.wrapping_add(1);
                    return;
                }
            },
        };
        let traffic = Traffic { packets: 1, bytes: bytes.len() as u64 };
        let depth = origin.depth.saturating_add(1);
        self.carried(&Origin { traffic, link, depth, ..*origin }, carried, observer);
    }

    #[inline]
    fn ready<O: Observer>(
        &mut self,
        origin: &Origin,
        flow: Flow,
        carrier: Carrier,
        bytes: &[u8],
        segment: Option<Segment<'_>>,
        observer: &mut O,
    ) {
        let Origin { at, frame, traffic, .. } = *origin;
        self.unit(&Unit { at, frame, flow, carrier, traffic, bytes, segment }, observer);
    }
}
