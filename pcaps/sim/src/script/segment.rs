//! Attacks below and beside the zone plan: hosts in two zones, doubled tags, rogue routers and servers, a copied network card.

use dogwatch_model::Severity;

use super::{Play, Repeated, Scene, Script, attack};
use crate::error::SimError;
use crate::rng::Rng;
use crate::wire::ip::{self, Ipv4, Segment, flag};
use crate::wire::ip6;
use crate::wire::link::{self, Arp, BROADCAST};
use crate::wire::names::{self, DhcpKind, Lease};
use crate::wire::net::{Host, MILLI, SECOND};

/// The scripts of this file.
pub(super) const SCRIPTS: &[Script] = &[
    attack("dual-home", "an office PC has a second cable into the machinery switch", &[], 60, dual_home),
    attack("vlan-hop", "a crew phone sends frames with two tags, the inner one of machinery", &[], 60, vlan_hop),
    attack("ipv6-rogue", "the conning display says it is an IPv6 router", &[], 60, ipv6_rogue),
    attack("rogue-dhcp", "an office PC gives out addresses, with itself as router and resolver", &[], 60, rogue_dhcp),
    attack(
        "stray-address",
        "a device on the machinery switch has an address of a network that nobody planned",
        &[],
        60,
        stray_address,
    ),
    attack("mac-clone", "a second device uses the card and the address of the alarm server", &[], 90, mac_clone),
];

/// dual-home: one network card with an address of each zone, at work in both.
fn dual_home(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (office, server) = (scene.roster.host("chief-pc")?, scene.roster.host("me-gateway")?);
    let resolver = scene.roster.host("office-router")?;
    let second = Host { ip: scene.roster.free_address("machinery", 90)?, subnet: server.subnet, ..office };
    let mut rng = Rng::stream(scene.seed, "dual-home", "ids");
    let talk = Repeated::boxed(scene.from, 2 * SECOND, u32::MAX, move |_, net, at| {
        net.resolve(at, &second, &server, false);
        let question = names::netbios_registration(rng.bits() as u16, "chief-pc", second.ip);
        net.udp(at + 20 * MILLI, (&second, 137), (&server, 137), &question, false);
        net.resolve(at + 50 * MILLI, &office, &resolver, true);
    });
    let bridges = scene.required(&["DW-2011"], "zone", Severity::High, 45).between(scene.party_by_card(&office), None);
    let moved = scene.required(&["DW-1003"], "asset", Severity::Medium, 45).optional();
    let denied = scene.required(&["DW-2001"], "zone", Severity::Medium, 45).optional();
    Ok(Play { talkers: vec![talk], expect: vec![bridges, moved, denied], ..Play::default() })
}

/// vlan-hop: the outer tag is the crew's own, the inner one that of machinery; a switch with a native VLAN strips the first.
fn vlan_hop(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (phone, server) = (scene.roster.host("crew-2")?, scene.roster.host("me-gateway")?);
    let (outer, inner) = (scene.vlan_of("crew")?, scene.vlan_of("machinery")?);
    let (segment, tagged) = (phone.subnet.unwrap_or_default(), scene.vlan);
    let mut id = 0_u16;
    let hop = Repeated::boxed(scene.from, 2 * SECOND, u32::MAX, move |_, net, at| {
        id += 1;
        let datagram = ip::udp((phone.ip, 40_000), (server.ip, 161), b"\x30\x26\x02\x01\x00\x04\x06public\xa0\x19\x02\x01\x01\x02\x01\x00\x02\x01\x00\x30\x0e\x30\x0c\x06\x08\x2b\x06\x01\x02\x01\x01\x01\x00\x05\x00");
        let packet =
            Ipv4 { source: phone.ip, destination: server.ip, protocol: ip::UDP, ttl: 64, id, router_alert: false };
        let mut payload = Vec::new();
        // A trunk mirror adds the outer tag itself.
        if !tagged {
            payload.extend_from_slice(&outer.to_be_bytes());
            payload.extend_from_slice(&[0x81, 0]);
        }
        payload.extend_from_slice(&inner.to_be_bytes());
        payload.extend_from_slice(&link::IPV4.to_be_bytes());
        payload.extend_from_slice(&packet.packet(&datagram));
        net.frame_on(at, phone.index, segment, link::frame(server.mac, phone.mac, 0x8100, &payload));
    });
    let hopped = scene.required(&["DW-2009"], "zone", Severity::High, 30).between(scene.party(&phone), None);
    let crossing = scene.required(&["DW-2005"], "zone", Severity::Medium, 30).optional();
    Ok(Play { talkers: vec![hop], expect: vec![hopped, crossing], ..Play::default() })
}

/// stray-address: a box as it came from its maker says its name to everybody.
fn stray_address(scene: &Scene<'_>) -> Result<Play, SimError> {
    let stray = scene.roster.stranger("machinery", [0x00, 0x1D, 0x9C, 0x41, 0x07, 0x2E], [192, 168, 1, 3])?;
    let mut rng = Rng::stream(scene.seed, "stray-address", "ids");
    let hello = Repeated::boxed(scene.from, 5 * SECOND, u32::MAX, move |_, net, at| {
        let ask = Arp { operation: 1, sender: (stray.mac, stray.ip), target: ([0; 6], [192, 168, 1, 1]) };
        net.arp(at, &stray, BROADCAST, &ask);
        let name = names::netbios_registration(rng.bits() as u16, "factory", stray.ip);
        net.send_udp_to_many(at + 20 * MILLI, (&stray, 137), ([192, 168, 1, 255], 137), &name);
    });
    let found = scene.required(&["DW-2012"], "zone", Severity::Low, 30).between(scene.party(&stray), None);
    let newcomer = scene.required(&["DW-1001"], "asset", Severity::Medium, 45).optional();
    Ok(Play { talkers: vec![hello], expect: vec![found, newcomer], ..Play::default() })
}

/// ipv6-rogue: router advertisements in a network that has no IPv6.
fn ipv6_rogue(scene: &Scene<'_>) -> Result<Play, SimError> {
    let host = scene.roster.host("conning")?;
    let segment = host.subnet.unwrap_or_default();
    let advertise = Repeated::boxed(scene.from, 5 * SECOND, u32::MAX, move |_, net, at| {
        let packet = ip6::router_advertisement(host.mac, [0xFD, 0x66, 0, 0, 0, 0, 0, 0]);
        net.frame_on(at, host.index, segment, link::frame(ip6::ALL_NODES_MAC, host.mac, ip6::IPV6, &packet));
    });
    let who = scene.party_by_card(&host);
    let rogue = scene.required(&["DW-6002"], "identity", Severity::High, 30).between(who.clone(), None);
    let path = scene.required(&["DW-2013"], "zone", Severity::High, 30).between(who, None);
    Ok(Play { talkers: vec![advertise], expect: vec![rogue, path], ..Play::default() })
}

/// rogue-dhcp: a laptop asks anew for its address; the rogue answers before the router does.
fn rogue_dhcp(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (rogue, client) = (scene.roster.host("chief-pc")?, scene.roster.host("eto-laptop")?);
    let router = scene.roster.host("office-router")?;
    let mut rng = Rng::stream(scene.seed, "rogue-dhcp", "transactions");
    let lease = Repeated::boxed(scene.from, 15 * SECOND, 4, move |_, net, at| {
        let asked = Lease {
            transaction: rng.bits() as u32,
            client: client.mac,
            address: client.ip,
            server: rogue.ip,
            mask: [255, 255, 255, 0],
            resolver: rogue.ip,
            host_name: "eto-laptop",
            vendor_class: "MSFT 5.0",
            wanted: &[1, 3, 6, 15],
        };
        let nobody = Host { ip: [0; 4], ..client };
        let honest = Lease { server: router.ip, resolver: router.ip, ..asked };
        net.send_udp_to_many(at, (&nobody, 68), ([255; 4], 67), &names::dhcp(DhcpKind::Discover, &asked));
        let offer = names::dhcp(DhcpKind::Offer, &asked);
        net.send_udp_to_many(at + 4 * MILLI, (&rogue, 67), ([255; 4], 68), &offer);
        let offer = names::dhcp(DhcpKind::Offer, &honest);
        net.send_udp_to_many(at + 900 * MILLI, (&router, 67), ([255; 4], 68), &offer);
        let request = names::dhcp(DhcpKind::Request, &asked);
        net.send_udp_to_many(at + 905 * MILLI, (&nobody, 68), ([255; 4], 67), &request);
        let grant = names::dhcp(DhcpKind::Ack, &asked);
        net.send_udp_to_many(at + 909 * MILLI, (&rogue, 67), ([255; 4], 68), &grant);
    });
    let found = scene.required(&["DW-6002"], "identity", Severity::High, 30).between(scene.party(&rogue), None);
    Ok(Play { talkers: vec![lease], expect: vec![found], ..Play::default() })
}

/// mac-clone: packets of another system (time to live 128, its own count) between those of the alarm server, from the same card.
fn mac_clone(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (host, server) = (scene.roster.host("lan-master")?, scene.roster.host("lan-slave")?);
    let segment = host.subnet.unwrap_or_default();
    let mut rng = Rng::stream(scene.seed, "mac-clone", "packets");
    let mut id = 0x6000_u16;
    let speak = Repeated::boxed(scene.from, SECOND, u32::MAX, move |_, net, at| {
        id = id.wrapping_add(3);
        let segment_out = Segment { seq: rng.bits() as u32, ack: 0, flags: flag::SYN, window: 8_192, payload: &[] };
        let tcp = ip::tcp((host.ip, 49_152 + id % 1_000), (server.ip, 502), &segment_out);
        let packet =
            Ipv4 { source: host.ip, destination: server.ip, protocol: ip::TCP, ttl: 128, id, router_alert: false };
        net.frame_on(at, host.index, segment, link::frame(server.mac, host.mac, link::IPV4, &packet.packet(&tcp)));
        if id.is_multiple_of(5) {
            let hello = Arp { operation: 1, sender: (host.mac, host.ip), target: ([0; 6], host.ip) };
            net.arp(at + 5 * MILLI, &host, BROADCAST, &hello);
        }
    });
    let twin = scene.required(&["DW-6007"], "identity", Severity::Medium, 90).between(scene.party(&host), None);
    Ok(Play { talkers: vec![speak], expect: vec![twin], ..Play::default() })
}
