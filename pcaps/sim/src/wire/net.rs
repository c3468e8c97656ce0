//! The network of one ship as mirror ports see it: hosts, network segments, routed packets, and the queue that puts frames in time order.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::ip::{self, Ipv4};
use super::link::{self, Mac};

/// A millisecond in the simulator's unit of time.
pub(crate) const MILLI: i64 = 1_000_000;
/// A second in the simulator's unit of time.
pub(crate) const SECOND: i64 = 1_000 * MILLI;

/// Where a frame is picked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tap {
    /// Mirror port of the bridge switch (`mir0`).
    Bridge,
    /// Mirror port of the machinery switch (`mir1`).
    Machinery,
    /// The NMEA 2000 backbone (`can0`).
    Bus,
}

/// One network segment: a subnet on a switch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subnet {
    /// The zone it carries, as the policy names it.
    pub(crate) zone: &'static str,
    pub(crate) tap: Tap,
    /// VLAN number when the mirror carries tags.
    pub(crate) vlan: u16,
    pub(crate) network: [u8; 4],
    pub(crate) prefix: u8,
    /// The router's address here.
    pub(crate) gateway: [u8; 4],
    /// Hardware address of the router here.
    pub(crate) gateway_mac: Mac,
    /// Index of the router among the hosts.
    pub(crate) gateway_index: u32,
}

impl Subnet {
    /// The address that reaches every host here.
    pub(crate) fn broadcast(&self) -> [u8; 4] {
        let hosts = u32::MAX.checked_shr(u32::from(self.prefix)).unwrap_or(0);
        (u32::from_be_bytes(self.network) | hosts).to_be_bytes()
    }
}

/// A talker: its place in the order of hosts, its addresses, and the segment it is plugged into (`None`: ashore).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Host {
    pub(crate) index: u32,
    pub(crate) mac: Mac,
    pub(crate) ip: [u8; 4],
    pub(crate) subnet: Option<usize>,
}

impl Host {
    /// A host ashore, reached through the satellite.
    pub(crate) fn ashore(index: u32, ip: [u8; 4]) -> Self {
        Self { index, mac: [0; 6], ip, subnet: None }
    }
}

/// A frame with everything the writer needs to know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Nanoseconds since 1970.
    pub(crate) at: i64,
    pub(crate) host: u32,
    pub(crate) count: u64,
    pub(crate) tap: Tap,
    pub(crate) vlan: u16,
    /// Sent by the side that answers.
    pub(crate) reply: bool,
    /// The view of a routed packet on the side that is not the client's.
    pub(crate) far_view: bool,
    pub(crate) bytes: Vec<u8>,
}

impl Frame {
    fn order(&self) -> (i64, u32, u64) {
        (self.at, self.host, self.count)
    }
}

impl Ord for Frame {
    fn cmp(&self, other: &Self) -> Ordering {
        // The heap gives its largest first; the earliest frame must come first.
        other.order().cmp(&self.order())
    }
}

impl PartialOrd for Frame {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The network: where frames are handed in, in any order of time, and come out sorted.
#[derive(Debug)]
pub(crate) struct Net {
    subnets: Vec<Subnet>,
    queue: BinaryHeap<Frame>,
    counts: Vec<u64>,
    bus_free_at: i64,
}

/// A frame on a 250 kbit/s bus, 8 data bytes with stuffing and the gap behind it, takes about this long.
const BUS_FRAME: i64 = 560_000;

impl Net {
    /// A network without frames.
    pub(crate) fn new(subnets: Vec<Subnet>) -> Self {
        Self { subnets, queue: BinaryHeap::new(), counts: Vec::new(), bus_free_at: 0 }
    }

    /// The segment with this index.
    pub(crate) fn subnet(&self, index: usize) -> Option<&Subnet> {
        self.subnets.get(index)
    }

    /// Takes every frame stamped before `until`, earliest first.
    pub(crate) fn take_until(&mut self, until: i64) -> Vec<Frame> {
        let mut out = Vec::new();
        while self.queue.peek().is_some_and(|frame| frame.at < until) {
            let Some(mut frame) = self.queue.pop() else { break };
            if frame.tap == Tap::Bus {
                frame.at = frame.at.max(self.bus_free_at);
                self.bus_free_at = frame.at + BUS_FRAME;
            }
            out.push(frame);
        }
        out
    }

    /// How many frames each host has handed in so far, by its index.
    pub(crate) fn handed_in(&self) -> Vec<u64> {
        self.counts.clone()
    }

    /// The next running number of a host's frames.
    fn count(&mut self, host: u32) -> u64 {
        let at = host as usize;
        if self.counts.len() <= at {
            self.counts.resize(at + 1, 0);
        }
        self.counts.get_mut(at).map_or(0, |count| {
            *count += 1;
            *count
        })
    }

    /// Queues a finished Ethernet frame on a segment.
    pub(crate) fn frame_on(&mut self, at: i64, host: u32, subnet: usize, bytes: Vec<u8>) {
        self.queue_view(at, host, subnet, bytes, false, false);
    }

    fn queue_view(&mut self, at: i64, host: u32, subnet: usize, bytes: Vec<u8>, reply: bool, far_view: bool) {
        let Some(&Subnet { tap, vlan, .. }) = self.subnets.get(subnet) else { return };
        let count = self.count(host);
        self.queue.push(Frame { at, host, count, tap, vlan, reply, far_view, bytes });
    }

    /// Queues a classic CAN frame with an extended identifier in the SocketCAN layout.
    pub(crate) fn can_frame(&mut self, at: i64, node: u32, id: u32, data: [u8; 8], length: u8) {
        let mut bytes = Vec::with_capacity(16);
        bytes.extend_from_slice(&(id | 0x8000_0000).to_be_bytes());
        bytes.extend_from_slice(&[length.min(8), 0, 0, 0]);
        bytes.extend_from_slice(&data);
        let count = self.count(node);
        self.queue.push(Frame { at, host: node, count, tap: Tap::Bus, vlan: 0, reply: false, far_view: false, bytes });
    }

    /// The address of the router on a host's segment.
    pub(crate) fn gateway_of(&self, host: &Host) -> Option<Host> {
        let at = host.subnet?;
        let subnet = self.subnets.get(at)?;
        Some(Host { index: subnet.gateway_index, mac: subnet.gateway_mac, ip: subnet.gateway, subnet: Some(at) })
    }

    /// Sends an IPv4 payload between two hosts, by way of the routers when they are on different segments.
    pub(crate) fn unicast(&mut self, at: i64, from: &Host, to: &Host, protocol: u8, payload: &[u8], reply: bool) {
        let id = self.count(from.index) as u16;
        let ttl = if from.subnet.is_some() { 64 } else { 52 };
        let packet = Ipv4 { source: from.ip, destination: to.ip, protocol, ttl, id, router_alert: false };
        if let (Some(a), Some(b)) = (from.subnet, to.subnet)
            && a == b
        {
            let bytes = link::frame(to.mac, from.mac, link::IPV4, &packet.packet(payload));
            self.queue_view(at, from.index, a, bytes, reply, false);
            return;
        }
        if let (Some(near), Some(gateway)) = (from.subnet, self.gateway_of(from)) {
            let bytes = link::frame(gateway.mac, from.mac, link::IPV4, &packet.packet(payload));
            self.queue_view(at, from.index, near, bytes, reply, reply && to.subnet.is_some());
        }
        if let (Some(far), Some(gateway)) = (to.subnet, self.gateway_of(to)) {
            let routed = Ipv4 { ttl: ttl - 1, ..packet };
            let bytes = link::frame(to.mac, gateway.mac, link::IPV4, &routed.packet(payload));
            self.queue_view(at + 60_000, from.index, far, bytes, reply, !reply && from.subnet.is_some());
        }
    }

    /// Sends an IPv4 payload between two hosts in fragments of `size` bytes, 50 microseconds apart.
    pub(crate) fn fragmented(&mut self, at: i64, from: &Host, to: &Host, protocol: u8, payload: &[u8], size: usize) {
        let Some((near, (mac, gateway))) = from.subnet.and_then(|near| Some((near, self.next_hop(from, to)?))) else {
            return;
        };
        let id = self.count(from.index) as u16;
        let packet = Ipv4 { source: from.ip, destination: to.ip, protocol, ttl: 64, id, router_alert: false };
        for (number, part) in (0..).zip(packet.fragments(payload, size)) {
            let at = at + number * 50_000;
            self.queue_view(at, from.index, near, link::frame(mac, from.mac, link::IPV4, &part), false, false);
        }
        if let (Some(far), Some(gateway)) = (to.subnet.filter(|_| gateway), self.gateway_of(to)) {
            let routed = Ipv4 { ttl: 63, ..packet };
            for (number, part) in (0..).zip(routed.fragments(payload, size)) {
                let at = at + 60_000 + number * 50_000;
                self.queue_view(at, from.index, far, link::frame(to.mac, gateway.mac, link::IPV4, &part), false, true);
            }
        }
    }

    /// The card a packet goes to first, and whether it is a router's.
    fn next_hop(&self, from: &Host, to: &Host) -> Option<(Mac, bool)> {
        if from.subnet == to.subnet { Some((to.mac, false)) } else { Some((self.gateway_of(from)?.mac, true)) }
    }

    /// Sends a UDP datagram between two hosts.
    pub(crate) fn udp(&mut self, at: i64, from: (&Host, u16), to: (&Host, u16), payload: &[u8], reply: bool) {
        let datagram = ip::udp((from.0.ip, from.1), (to.0.ip, to.1), payload);
        self.unicast(at, from.0, to.0, ip::UDP, &datagram, reply);
    }

    /// Sends an IPv4 payload to a group or to everyone on the sender's segment.
    pub(crate) fn send_to_many(&mut self, at: i64, from: &Host, destination: [u8; 4], protocol: u8, payload: &[u8]) {
        let Some(segment) = from.subnet else { return };
        let [first, ..] = destination;
        let multicast = (224..240).contains(&first);
        let mac = if multicast { link::multicast_mac(destination) } else { link::BROADCAST };
        let id = self.count(from.index) as u16;
        let local = protocol == ip::IGMP;
        // Packets that must not leave the link show it by the largest time to live (mDNS), IGMP by the smallest.
        let ttl = match (local, destination) {
            (true, _) => 1,
            (false, [224, 0, 0, _]) => 255,
            _ => 64,
        };
        let packet = Ipv4 { source: from.ip, destination, protocol, ttl, id, router_alert: local };
        let bytes = link::frame(mac, from.mac, link::IPV4, &packet.packet(payload));
        self.frame_on(at, from.index, segment, bytes);
    }

    /// Sends a UDP datagram to a group or to everyone on the sender's segment.
    pub(crate) fn send_udp_to_many(&mut self, at: i64, from: (&Host, u16), to: ([u8; 4], u16), payload: &[u8]) {
        let datagram = ip::udp((from.0.ip, from.1), to, payload);
        self.send_to_many(at, from.0, to.0, ip::UDP, &datagram);
    }

    /// Puts an ARP packet on the sender's segment; `to` is the link-layer destination.
    pub(crate) fn arp(&mut self, at: i64, from: &Host, to: Mac, packet: &link::Arp) {
        let Some(segment) = from.subnet else { return };
        let bytes = link::frame(to, from.mac, link::ARP, &packet.packet());
        self.frame_on(at, from.index, segment, bytes);
    }

    /// One ARP question and its answer between two hosts of a segment; for hosts elsewhere the router is asked for. `known` asks the
    /// held address directly, as a refresh does.
    pub(crate) fn resolve(&mut self, at: i64, from: &Host, to: &Host, known: bool) {
        let target = if from.subnet == to.subnet { Some(*to) } else { self.gateway_of(from) };
        let Some(target) = target else { return };
        let ask = link::Arp { operation: 1, sender: (from.mac, from.ip), target: ([0; 6], target.ip) };
        self.arp(at, from, if known { target.mac } else { link::BROADCAST }, &ask);
        let answer = link::Arp { operation: 2, sender: (target.mac, target.ip), target: (from.mac, from.ip) };
        self.arp(at + 210_000, &target, from.mac, &answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(zone: &'static str, tap: Tap, network: [u8; 4]) -> Subnet {
        let [a, b, c, _] = network;
        let gateway = [a, b, c, 1];
        Subnet { zone, tap, vlan: 10, network, prefix: 24, gateway, gateway_mac: [9, 9, 9, 9, 9, c], gateway_index: 90 }
    }

    #[test]
    fn a_routed_packet_is_seen_twice_with_gateway_mac_and_one_hop_less() {
        let mut net =
            Net::new(vec![subnet("a", Tap::Bridge, [10, 0, 1, 0]), subnet("b", Tap::Machinery, [10, 0, 2, 0])]);
        let from = Host { index: 1, mac: [1; 6], ip: [10, 0, 1, 5], subnet: Some(0) };
        let to = Host { index: 2, mac: [2; 6], ip: [10, 0, 2, 5], subnet: Some(1) };
        net.udp(0, (&from, 1000), (&to, 2000), b"hello", false);
        net.udp(SECOND, (&to, 2000), (&from, 1000), b"world", true);
        let frames = net.take_until(2 * SECOND);
        let seen: Vec<_> = frames.iter().map(|f| (f.tap, f.far_view, f.bytes[0], f.bytes[6], f.bytes[22])).collect();
        assert_eq!(
            seen,
            [
                (Tap::Bridge, false, 9, 1, 64),
                (Tap::Machinery, true, 2, 9, 63),
                (Tap::Machinery, true, 9, 2, 64),
                (Tap::Bridge, false, 1, 9, 63),
            ],
            "the client's side is the near view in both directions"
        );
    }

    #[test]
    fn frames_leave_in_order_of_time_host_and_count() {
        let mut net = Net::new(vec![subnet("a", Tap::Bridge, [10, 0, 1, 0])]);
        for (at, host) in [(5, 2), (5, 1), (3, 7), (9, 0)] {
            net.frame_on(at, host, 0, vec![]);
        }
        let order: Vec<_> = net.take_until(9).iter().map(|f| (f.at, f.host)).collect();
        assert_eq!(order, [(3, 7), (5, 1), (5, 2)]);
    }

    #[test]
    fn the_bus_carries_one_frame_at_a_time() {
        let mut net = Net::new(vec![]);
        for node in 0..3 {
            net.can_frame(100, node, 0x09F8_0101, [0; 8], 8);
        }
        let times: Vec<i64> = net.take_until(SECOND).iter().map(|f| f.at).collect();
        assert_eq!(times, [100, 100 + BUS_FRAME, 100 + 2 * BUS_FRAME]);
    }

    #[test]
    fn broadcast_address() {
        let mut wide = subnet("crew", Tap::Bridge, [10, 20, 50, 0]);
        wide.prefix = 23;
        assert_eq!(wide.broadcast(), [10, 20, 51, 255]);
    }
}
