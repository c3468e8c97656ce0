//! Packets inside packets.

use dogwatch_dissectors::Protocol;
use dogwatch_flow::{Engine, Limits};
use dogwatch_model::{Mac, Transport, Vlans};

use crate::support::build::{
    CLIENT, CLIENT_MAC, Feed, SERVER, SERVER_MAC, ethernet, ipv4, ipv4_part, ipv6, tagged, udp,
};
use crate::support::record::{Log, Tape};

static TAPE: &[&dyn Protocol] = &[&Tape];

const MIRROR: [u8; 4] = [192, 168, 1, 1];
const MONITOR: [u8; 4] = [192, 168, 1, 2];

fn inner_ip() -> Vec<u8> {
    ipv4(CLIENT, SERVER, 17, &udp(4000, 4001, b"hi"))
}

/// The traffic that matters, tagged.
fn inner_frame() -> Vec<u8> {
    ethernet(CLIENT_MAC, SERVER_MAC, 0x8100, &tagged(6, 0x0800, &inner_ip()))
}

fn gre(flags: u8, protocol: u16, options: &[u8], inner: &[u8]) -> Vec<u8> {
    let header = [&[flags, 0][..], &protocol.to_be_bytes(), options].concat();
    ipv4(MIRROR, MONITOR, 47, &[&header[..], inner].concat())
}

fn vxlan(inner: &[u8]) -> Vec<u8> {
    ipv4(MIRROR, MONITOR, 17, &udp(50_000, 4789, &[&[8, 0, 0, 0, 0, 0, 42, 0][..], inner].concat()))
}

fn geneve(protocol: u16, options: &[u8], inner: &[u8]) -> Vec<u8> {
    let words = u8::try_from(options.len() / 4).unwrap();
    let header = [&[words, 0x40][..], &protocol.to_be_bytes(), &[0, 0, 10, 0], options, inner].concat();
    ipv4(MIRROR, MONITOR, 17, &udp(50_000, 6081, &header))
}

#[test]
fn what_is_inside_is_read() {
    let erspan3 = |platform: bool| {
        let mut header = vec![0x20, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, u8::from(platform)];
        header.extend(platform.then_some([0_u8; 8]).into_iter().flatten());
        header
    };
    for (name, packet, is_frame) in [
        ("ip in ip", ipv4(MIRROR, MONITOR, 4, &inner_ip()), false),
        ("ipv4 in ipv6", ipv6(1, 2, 4, &inner_ip()), false),
        ("gre with ip", gre(0, 0x0800, &[], &inner_ip()), false),
        ("gre with checksum, key and sequence", gre(0xb0, 0x0800, &[7; 12], &inner_ip()), false),
        ("gre with ethernet", gre(0, 0x6558, &[], &inner_frame()), true),
        ("erspan i", gre(0, 0x88be, &[], &inner_frame()), true),
        ("erspan ii", gre(0x10, 0x88be, &[0, 0, 0, 1, 0x10, 6, 0, 1, 0, 0, 0, 0], &inner_frame()), true),
        ("erspan iii", gre(0x10, 0x22eb, &[&[0, 0, 0, 1][..], &erspan3(false)].concat(), &inner_frame()), true),
        (
            "erspan iii, platform header",
            gre(0x10, 0x22eb, &[&[0, 0, 0, 1][..], &erspan3(true)].concat(), &inner_frame()),
            true,
        ),
        ("vxlan", vxlan(&inner_frame()), true),
        ("geneve", geneve(0x6558, &[], &inner_frame()), true),
        ("geneve with a critical option", geneve(0x6558, &[0, 0, 0x80, 1, 0, 0, 0, 12], &inner_frame()), true),
        ("geneve with ip", geneve(0x0800, &[], &inner_ip()), false),
    ] {
        let mut log = Log::default();
        let mut feed = Feed::new(Engine::new(Limits::default(), TAPE), &mut log);
        feed.link(101, &packet);
        assert_eq!(feed.observer.said(), [">6869"], "{name}");
        assert_eq!((feed.counter("tunnelled"), feed.counter("flows_started")), (1, 2), "{name}");
        let inside = feed.observer.flows.get(1).unwrap();
        assert_eq!((inside.transport, inside.dst_port), (Transport::Udp, 4001), "{name}");
        let (mac, vlan) = if is_frame { (Mac(CLIENT_MAC), Some(6)) } else { (Mac::NONE, None) };
        assert_eq!((inside.src_mac, inside.vlans), (mac, Vlans { outer: vlan, inner: None }), "{name}");
    }
}

#[test]
fn what_only_looks_like_a_tunnel_is_read_as_it_is() {
    for (name, packet) in [
        ("vxlan port, reserved bits set", ipv4(CLIENT, SERVER, 17, &udp(1, 4789, &[8, 1, 0, 0, 0, 0, 42, 0, 9]))),
        ("geneve port, version 1", ipv4(CLIENT, SERVER, 17, &udp(1, 6081, &[0x40, 0, 0x65, 0x58, 0, 0, 1, 0, 9]))),
        (
            "geneve port, control message",
            ipv4(CLIENT, SERVER, 17, &udp(1, 6081, &[0, 0x80, 0x65, 0x58, 0, 0, 1, 0, 9])),
        ),
        ("geneve options past the end", ipv4(CLIENT, SERVER, 17, &udp(1, 6081, &[4, 0, 0x65, 0x58, 0, 0, 1, 0, 9]))),
        ("pptp", ipv4(CLIENT, SERVER, 47, &[0x30, 1, 0x88, 0x0b, 0, 0, 0, 0])),
        ("gre with keep-alive", gre(0, 0, &[], &[])),
        ("gre cut in its options", gre(0xb0, 0x0800, &[1], &[])),
    ] {
        let mut log = Log::default();
        let mut feed = Feed::new(Engine::new(Limits::default(), TAPE), &mut log);
        feed.link(101, &packet);
        assert_eq!((feed.counter("tunnelled"), feed.counter("flows_started")), (0, 1), "{name}");
        assert_eq!(feed.observer.said().len(), 1, "{name}");
    }
}

#[test]
fn nesting_ends() {
    let mut packet = inner_ip();
    for _ in 0..5 {
        packet = ipv4(MIRROR, MONITOR, 4, &packet);
    }
    let mut log = Log::default();
    let mut feed = Feed::new(Engine::new(Limits::default(), TAPE), &mut log);
    feed.link(101, &packet);
    assert_eq!((feed.counter("tunnelled"), feed.counter("tunnel_too_deep")), (3, 1));
}

#[test]
fn a_tunnel_in_fragments() {
    let inside = [&[0, 0, 8, 0][..], &inner_ip()].concat();
    let mut log = Log::default();
    let mut feed = Feed::new(Engine::new(Limits::default(), TAPE), &mut log);
    feed.link(101, &ipv4_part(MIRROR, MONITOR, 47, 3, 16, false, &inside[16..]));
    feed.link(101, &ipv4_part(MIRROR, MONITOR, 47, 3, 0, true, &inside[..16]));
    assert_eq!(feed.observer.said(), [">6869"]);
}
