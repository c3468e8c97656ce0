//! Every link type down to what it carries.

use dogwatch_dissectors::Protocol;
use dogwatch_flow::{Engine, Limits};
use dogwatch_model::{Mac, Transport, Vlans};
use proptest::prelude::*;

use crate::support::build::{
    CLIENT, CLIENT_MAC, Feed, SERVER, SERVER_MAC, ethernet, ipv4, ipv6, tagged, udp, udp_frame,
};
use crate::support::record::{Log, Tape};

static TAPE: &[&dyn Protocol] = &[&Tape];

fn engine() -> Engine {
    Engine::new(Limits::default(), TAPE)
}

/// What one frame gives: the flow as `flow_started` shows it, and the bytes offered.
fn one(link: u32, bytes: &[u8]) -> (Log, dogwatch_flow::Counters) {
    let mut log = Log::default();
    let mut feed = Feed::new(engine(), &mut log);
    feed.link(link, bytes);
    let counters = *feed.engine.counters();
    (log, counters)
}

fn datagram() -> Vec<u8> {
    ipv4(CLIENT, SERVER, 17, &udp(4000, 4001, b"hi"))
}

/// `hi` in hexadecimal, on its way to the server.
const HI: &str = ">6869";

const AP: [u8; 6] = [0, 0x0b, 0x86, 1, 2, 3];

/// A token ring frame (IEEE 802.5): access and frame control of an LLC frame, destination, source, route.
fn ring(dst: [u8; 6], src: [u8; 6], route: &[u8]) -> Vec<u8> {
    [&[0x10, 0x40][..], &dst, &src, route].concat()
}

/// An 802.11 header (IEEE 802.11-2020, 9.2.4): frame control, duration, three addresses, sequence control, the rest.
fn wlan(first: u8, flags: u8, addresses: [[u8; 6]; 3], rest: &[u8]) -> Vec<u8> {
    [&[first, flags, 0, 0][..], &addresses.concat(), &[0x10, 0], rest].concat()
}

#[test]
fn what_carries_an_ip_packet() {
    let ip = datagram();
    let ip6 = ipv6(1, 2, 17, &udp(4000, 4001, b"hi"));
    let with = |head: &[u8], tail: &[u8]| [head, tail].concat();
    let sll = |hardware: u16, protocol: u16, payload: &[u8]| {
        let head = [&[0, 0][..], &hardware.to_be_bytes(), &[0, 6], &CLIENT_MAC, &[0, 0], &protocol.to_be_bytes()];
        with(&head.concat(), payload)
    };
    let sll2 = |hardware: u16, protocol: u16, payload: &[u8]| {
        let head =
            [&protocol.to_be_bytes()[..], &[0, 0, 0, 0, 0, 3], &hardware.to_be_bytes(), &[0, 6], &CLIENT_MAC, &[0, 0]];
        with(&head.concat(), payload)
    };
    let snap = |packet: &[u8]| {
        let high = if packet[0] >> 4 == 4 { [8, 0] } else { [0x86, 0xdd] };
        [&[0xaa, 0xaa, 3, 0, 0, 0][..], &high, packet].concat()
    };
    let customer = ethernet(CLIENT_MAC, SERVER_MAC, 0x0800, &ip);
    let mut routed = CLIENT_MAC;
    routed[0] |= 0x80;
    for (name, link, bytes) in [
        ("ethernet", 1, ethernet(CLIENT_MAC, SERVER_MAC, 0x0800, &ip)),
        ("ethernet ipv6", 1, ethernet(CLIENT_MAC, SERVER_MAC, 0x86dd, &ip6)),
        ("padded to 60 bytes", 1, with(&ethernet(CLIENT_MAC, SERVER_MAC, 0x0800, &ip), &[0; 16])),
        ("padded ipv6", 1, with(&ethernet(CLIENT_MAC, SERVER_MAC, 0x86dd, &ip6), &[0; 9])),
        ("snap", 1, ethernet(CLIENT_MAC, SERVER_MAC, 38, &with(&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &ip))),
        ("hsr", 1, ethernet(CLIENT_MAC, SERVER_MAC, 0x892f, &with(&[0x10, 0x40, 0, 7, 8, 0], &ip))),
        ("backbone bridging", 1, ethernet(AP, AP, 0x88e7, &with(&[0, 0, 0x21, 7], &customer))),
        (
            "backbone bridging in a backbone vlan",
            1,
            ethernet(AP, AP, 0x88a8, &tagged(0x200, 0x88e7, &with(&[0, 0, 0x21, 7], &customer))),
        ),
        ("pppoe", 1, ethernet(CLIENT_MAC, SERVER_MAC, 0x8864, &with(&[0x11, 0, 0, 9, 0, 32, 0, 0x21], &ip))),
        ("pppoe ipv6", 1, ethernet(CLIENT_MAC, SERVER_MAC, 0x8864, &with(&[0x11, 0, 0, 9, 0, 52, 0, 0x57], &ip6))),
        // SecTAG without encryption, change bit or SCI: short length 0, packet number 1
        ("macsec, readable", 1, ethernet(CLIENT_MAC, SERVER_MAC, 0x88e5, &with(&[0, 0, 0, 0, 0, 1, 8, 0], &ip))),
        ("raw", 101, ip.clone()),
        ("raw of openbsd", 14, ip6.clone()),
        ("raw of bsd/os", 12, ip.clone()),
        ("raw ipv4", 228, ip.clone()),
        ("raw ipv6", 229, ip6.clone()),
        ("loopback, little endian", 0, with(&[2, 0, 0, 0], &ip)),
        ("loopback, big endian", 0, with(&[0, 0, 0, 2], &ip)),
        ("loopback openbsd ipv6", 108, with(&[0, 0, 0, 24], &ip6)),
        ("loopback freebsd ipv6", 0, with(&[28, 0, 0, 0], &ip6)),
        ("loopback darwin ipv6", 0, with(&[30, 0, 0, 0], &ip6)),
        ("cooked", 113, sll(1, 0x0800, &ip)),
        ("cooked loopback device", 113, sll(772, 0x86dd, &ip6)),
        ("cooked with a tag", 113, sll(1, 0x8100, &tagged(5, 0x0800, &ip))),
        ("cooked v2", 276, sll2(1, 0x0800, &ip)),
        ("token ring", 6, with(&ring(SERVER_MAC, CLIENT_MAC, &[]), &snap(&ip))),
        ("token ring, source-routed", 6, with(&ring(SERVER_MAC, routed, &[0x06, 0x80, 0, 0x11, 0, 0x20]), &snap(&ip))),
        ("arcnet, rfc 1201, bsd", 7, with(&[1, 2, 212, 0, 0, 9], &ip)),
        ("arcnet, exception header", 7, with(&[1, 2, 212, 0xff, 0xff, 0xff, 212, 0, 0, 9], &ip)),
        ("arcnet, rfc 1051, bsd", 7, with(&[1, 2, 240], &ip)),
        ("arcnet, rfc 1201, linux", 129, with(&[1, 2, 0, 0, 212, 0, 0, 9], &ip)),
        ("arcnet, ipv6, linux", 129, with(&[1, 2, 0, 0, 196, 0, 0, 9], &ip6)),
        ("arcnet, rfc 1051, linux", 129, with(&[1, 2, 0, 0, 240], &ip)),
        ("ppp", 9, with(&[0xff, 3, 0, 0x21], &ip)),
        ("ppp, header compressed away", 9, with(&[0x21], &ip)),
        ("ppp ipv6", 50, with(&[0xff, 3, 0, 0x57], &ip6)),
        ("cisco framing on a ppp line", 50, with(&[0x0f, 0, 8, 0], &ip)),
        ("cisco hdlc", 104, with(&[0x8f, 0, 0x86, 0xdd], &ip6)),
        ("802.11, station to access point", 105, with(&wlan(0x08, 1, [AP, CLIENT_MAC, SERVER_MAC], &[]), &snap(&ip))),
        ("802.11, access point to station", 105, with(&wlan(0x08, 2, [SERVER_MAC, AP, CLIENT_MAC], &[]), &snap(&ip))),
        ("802.11 without an access point", 105, with(&wlan(0x08, 0, [SERVER_MAC, CLIENT_MAC, AP], &[]), &snap(&ip))),
        ("802.11 bridge", 105, with(&wlan(0x08, 3, [AP, AP, SERVER_MAC], &CLIENT_MAC), &snap(&ip))),
        ("802.11 qos", 105, with(&wlan(0x88, 1, [AP, CLIENT_MAC, SERVER_MAC], &[0, 0]), &snap(&ip))),
        ("802.11 qos with ht control", 105, {
            with(&wlan(0x88, 0x81, [AP, CLIENT_MAC, SERVER_MAC], &[0, 0, 1, 2, 3, 4]), &snap(&ip))
        }),
        ("802.11 aggregate, its first", 105, {
            let inside = snap(&ip);
            let head = [&SERVER_MAC[..], &CLIENT_MAC, &(inside.len() as u16).to_be_bytes(), &inside, &[0; 3]].concat();
            with(&wlan(0x88, 1, [AP, CLIENT_MAC, AP], &[0x80, 0]), &head)
        }),
        ("radiotap, checksum behind", 127, {
            let air = with(&wlan(0x08, 1, [AP, CLIENT_MAC, SERVER_MAC], &[]), &snap(&ip6));
            // time stamp, flags: checksum there
            [&[0, 0, 17, 0, 3, 0, 0, 0][..], &[0; 8], &[0x10], &air, &[1, 2, 3, 4]].concat()
        }),
        ("radiotap, two presence words, padded", 127, {
            let air = with(&wlan(0x88, 1, [AP, CLIENT_MAC, SERVER_MAC], &[0, 0, 0xee, 0xee]), &snap(&ip));
            [&[0, 0, 25, 0, 3, 0, 0, 0x80, 0, 0, 0, 0, 9, 9, 9, 9][..], &[0; 8], &[0x20], &air].concat()
        }),
        ("per-packet information", 192, {
            with(&[0, 0, 8, 0, 105, 0, 0, 0], &with(&wlan(0x08, 1, [AP, CLIENT_MAC, SERVER_MAC], &[]), &snap(&ip)))
        }),
        ("prism", 119, {
            let header = [&[0x44, 0, 0, 0, 144, 0, 0, 0][..], &[0; 136]].concat();
            with(&header, &with(&wlan(0x08, 1, [AP, CLIENT_MAC, SERVER_MAC], &[]), &snap(&ip)))
        }),
        ("avs", 163, {
            let header = [&[0x80, 0x21, 0x10, 1, 0, 0, 0, 64][..], &[0; 56]].concat();
            with(&header, &with(&wlan(0x08, 1, [AP, CLIENT_MAC, SERVER_MAC], &[]), &snap(&ip)))
        }),
        ("udp shorter than the packet", 101, {
            let mut datagram = udp(4000, 4001, b"hi");
            datagram.extend_from_slice(b"trailer");
            ipv4(CLIENT, SERVER, 17, &datagram)
        }),
        ("hop-by-hop and destination options", 101, {
            let pad = [1, 4, 0, 0, 0, 0];
            let hop = with(&with(&[60, 0], &pad), &with(&[17, 0], &pad));
            ipv6(1, 2, 0, &with(&hop, &udp(4000, 4001, b"hi")))
        }),
        ("total length 0, filled in by the card later", 101, {
            let mut packet = ip.clone();
            packet[2..4].fill(0);
            packet
        }),
    ] {
        let (log, counters) = one(link, &bytes);
        assert_eq!(log.said(), [HI], "{name}");
        let flow = log.flows.first().unwrap();
        assert_eq!((flow.transport, flow.src_port, flow.dst_port), (Transport::Udp, 4000, 4001), "{name}");
        assert_eq!(flow.ttl, 64, "{name}");
        if matches!(link, 1 | 6 | 105 | 119 | 127 | 163 | 192) {
            assert_eq!((flow.src_mac, flow.dst_mac), (Mac(CLIENT_MAC), Mac(SERVER_MAC)), "{name}");
        }
        let damage: u64 = counters.iter().filter(|(name, _)| name.starts_with("bad")).map(|(_, value)| value).sum();
        assert_eq!((damage, counters.truncated), (0, 0), "{name}");
    }
}

#[test]
fn tags() {
    let ip = datagram();
    for (name, ether_type, payload, outer, inner) in [
        ("one", 0x8100, tagged(100, 0x0800, &ip), Some(100), None),
        ("priority bits are not the id", 0x8100, tagged(0xe064, 0x0800, &ip), Some(100), None),
        ("priority only", 0x8100, tagged(0xe000, 0x0800, &ip), None, None),
        ("802.1ad", 0x88a8, tagged(7, 0x8100, &tagged(8, 0x0800, &ip)), Some(7), Some(8)),
        ("old qinq", 0x9100, tagged(7, 0x8100, &tagged(8, 0x0800, &ip)), Some(7), Some(8)),
        (
            "backbone bridging: the customer's",
            0x88a8,
            // IEEE 802.1Q-2018, 9.7: four bytes of priorities and service, then the customer's frame
            tagged(
                9,
                0x88e7,
                &[&[0, 0, 1, 2][..], &ethernet(CLIENT_MAC, SERVER_MAC, 0x8100, &tagged(5, 0x0800, &ip))].concat(),
            ),
            Some(5),
            None,
        ),
        (
            "four deep: outermost and innermost",
            0x88a8,
            tagged(1, 0x8100, &tagged(2, 0x8100, &tagged(3, 0x8100, &tagged(4, 0x0800, &ip)))),
            Some(1),
            Some(4),
        ),
    ] {
        let (log, _) = one(1, &ethernet(CLIENT_MAC, SERVER_MAC, ether_type, &payload));
        assert_eq!(log.said(), [HI], "{name}");
        let flow = log.flows.first().unwrap();
        assert_eq!(flow.vlans, Vlans { outer, inner }, "{name}");
        assert_eq!((flow.src_mac, flow.dst_mac), (Mac(CLIENT_MAC), Mac(SERVER_MAC)), "{name}");
    }
}

#[test]
fn what_is_not_ip() {
    let can = [0x98, 0xf1, 0x12, 0x23, 8, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    let can_hex = "98f11223080000000102030405060708";
    let sll_can =
        |protocol: u16| [&[0, 1, 1, 24, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &protocol.to_be_bytes(), &can].concat();
    let padded = [&[0x42, 0x42, 3, 9][..], &[0; 40]].concat();
    for (name, link, bytes, transport, said) in [
        ("arp", 1, ethernet(CLIENT_MAC, [0xff; 6], 0x0806, &[1, 2]), Transport::Ethernet(0x0806), "0102".to_owned()),
        (
            "goose in a vlan",
            1,
            ethernet(CLIENT_MAC, SERVER_MAC, 0x8100, &tagged(4, 0x88b8, &[3])),
            Transport::Ethernet(0x88b8),
            "03".to_owned(),
        ),
        (
            "llc without its padding",
            1,
            ethernet(CLIENT_MAC, SERVER_MAC, 4, &padded),
            Transport::Ethernet(0x42),
            "42420309".to_owned(),
        ),
        (
            "snap of a vendor",
            1,
            ethernet(CLIENT_MAC, SERVER_MAC, 9, &[0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0, 9]),
            Transport::Ethernet(0xaa),
            "aaaa0300000c200009".to_owned(),
        ),
        (
            "macsec, encrypted",
            1,
            ethernet(CLIENT_MAC, SERVER_MAC, 0x88e5, &[0x0c, 0, 0, 0, 0, 1, 9, 9]),
            Transport::Ethernet(0x88e5),
            "0c00000000010909".to_owned(),
        ),
        ("icmp", 101, ipv4(CLIENT, SERVER, 1, &[8, 0, 0, 0]), Transport::Ip(1), "08000000".to_owned()),
        ("can", 227, can.to_vec(), Transport::Can, can_hex.to_owned()),
        ("short can", 227, can[..10].to_vec(), Transport::Can, format!("{}{}", &can_hex[..20], "0".repeat(12))),
        ("cooked can", 113, sll_can(0x000c), Transport::Can, can_hex.to_owned()),
        ("cooked can fd", 113, sll_can(0x000d), Transport::Can, can_hex.to_owned()),
        ("802.11 beacon", 105, wlan(0x80, 0, [[0xff; 6], AP, AP], &[1, 2]), Transport::Ethernet(0), "0102".to_owned()),
        (
            "802.11, encrypted",
            105,
            wlan(0x08, 0x41, [AP, CLIENT_MAC, SERVER_MAC], &[9, 9]),
            Transport::Ethernet(0),
            "0909".to_owned(),
        ),
        (
            "token ring netbios",
            6,
            [&ring(SERVER_MAC, CLIENT_MAC, &[])[..], &[0xf0, 0xf0, 3]].concat(),
            Transport::Ethernet(0xf0),
            "f0f003".to_owned(),
        ),
        ("arcnet arp", 129, vec![1, 2, 0, 0, 241, 0, 7], Transport::Ethernet(0x0806), "0007".to_owned()),
        (
            "cooked llc",
            113,
            [&[0, 0, 0, 1, 0, 6][..], &CLIENT_MAC, &[0, 0, 0, 4, 0x42, 0x42, 3]].concat(),
            Transport::Ethernet(0x42),
            "424203".to_owned(),
        ),
    ] {
        let (log, _) = one(link, &bytes);
        assert_eq!(log.said(), [format!(">{said}")], "{name}");
        assert_eq!(log.flows.first().unwrap().transport, transport, "{name}");
    }
}

#[test]
fn one_bus_is_one_flow() {
    let mut log = Log::default();
    let mut feed = Feed::new(engine(), &mut log);
    for id in 0..20_u8 {
        feed.link(227, &[0x80, id, 0, 1, 0, 0, 0, 0]);
    }
    assert_eq!(feed.counter("flows_started"), 1);
    assert_eq!(feed.observer.said().len(), 20);
}

#[test]
fn damage_is_counted_by_kind() {
    let whole = udp_frame(4000, 4001, b"hi");
    for (name, link, bytes, counter) in [
        ("802.15.4", 195, whole.clone(), "unsupported_link"),
        ("netlink in a cooked frame", 113, [&[0, 0, 3, 56, 0, 0][..], &[0; 20]].concat(), "unsupported_link"),
        ("cut in the mac addresses", 1, whole[..9].to_vec(), "bad_link_header"),
        ("cut in the tag", 1, ethernet(CLIENT_MAC, SERVER_MAC, 0x8100, &[0, 5]), "bad_link_header"),
        ("tags without end", 1, ethernet(CLIENT_MAC, SERVER_MAC, 0x8100, &[0x81, 0].repeat(40)), "bad_link_header"),
        ("unknown family", 0, vec![77, 0, 0, 0, 0x45], "bad_link_header"),
        ("can without a length", 227, vec![0; 7], "bad_link_header"),
        ("802.11 acknowledgement", 105, vec![0xd4, 0, 0, 0, 1, 2, 3, 4, 5, 6], "link_housekeeping"),
        ("802.11 without data", 105, wlan(0x48, 1, [AP, CLIENT_MAC, SERVER_MAC], &[]), "link_housekeeping"),
        ("802.11 cut in its addresses", 105, vec![8, 1, 0, 0, 1, 2, 3, 4, 5, 6], "bad_link_header"),
        ("radiotap longer than the frame", 127, vec![0, 0, 200, 0, 0, 0, 0, 0], "bad_link_header"),
        ("link header within itself", 192, vec![0, 0, 8, 0, 192, 0, 0, 0, 0, 0, 8, 0, 1, 0, 0, 0], "bad_link_header"),
        (
            "token ring route past the end",
            6,
            [&ring(SERVER_MAC, [0x80; 6], &[0x1f])[..], &[0; 9]].concat(),
            "bad_link_header",
        ),
        ("ppp, line negotiated", 9, vec![0xff, 3, 0xc0, 0x21, 1, 1, 0, 4], "link_housekeeping"),
        ("cisco keepalive", 104, vec![0x8f, 0, 0x80, 0x35, 0, 0, 0, 2], "link_housekeeping"),
        ("cut in the ip header", 1, whole[..20].to_vec(), "bad_ip_header"),
        ("ip version 9", 101, vec![0x90; 40], "bad_ip_header"),
        ("cut in the udp header", 101, ipv4(CLIENT, SERVER, 17, &[0; 5]), "bad_transport_header"),
        ("tcp header length 3", 101, ipv4(CLIENT, SERVER, 6, &[0x30; 20]), "bad_transport_header"),
    ] {
        let (log, counters) = one(link, &bytes);
        assert!(log.said().is_empty(), "{name}");
        let value = counters.iter().find(|(name, _)| *name == counter).unwrap().1;
        assert_eq!((counters.frames, value), (1, 1), "{name}");
    }
}

#[test]
fn a_cut_datagram_is_offered_as_far_as_it_goes() {
    let mut log = Log::default();
    let mut feed = Feed::new(engine(), &mut log);
    let whole = udp_frame(4000, 4001, b"hiding");
    feed.cut(1, &whole[..whole.len() - 4], u32::try_from(whole.len()).unwrap());
    assert_eq!(feed.observer.said(), [HI]);
    assert_eq!(feed.counter("truncated"), 1);
    assert_eq!(feed.counter("bytes"), whole.len() as u64);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_safe(
        frames in proptest::collection::vec(
            (proptest::sample::select(vec![0_u32, 1, 6, 7, 9, 12, 14, 50, 101, 104, 105, 108, 113, 119, 127, 129, 163, 192, 195, 227, 228, 229, 276, 99]),
             proptest::collection::vec(any::<u8>(), 0..200), 0..400_u32), 1..30),
    ) {
        let mut log = Log::default();
        let mut feed = Feed::new(engine(), &mut log);
        for (link, bytes, length) in &frames {
            feed.cut(*link, bytes, *length);
        }
        feed.engine.finish(feed.observer);
        prop_assert_eq!(feed.counter("frames"), frames.len() as u64);
        prop_assert_eq!(feed.counter("flows_started"), feed.counter("flows_ended"));
    }

    #[test]
    fn damaged_headers_are_safe(
        changes in proptest::collection::vec((0..80_usize, any::<u8>()), 0..6),
        cut in 0..100_usize,
        kind in 0..4_usize,
    ) {
        let mut frame = match kind {
            0 => udp_frame(1, 2, &[7; 30]),
            1 => ethernet(CLIENT_MAC, SERVER_MAC, 0x8100, &tagged(3, 0x86dd, &ipv6(1, 2, 44, &crate::support::build::ipv6_part(17, 1, 8, true, &[1; 24])))),
            2 => ethernet(CLIENT_MAC, SERVER_MAC, 0x0800, &ipv4(CLIENT, SERVER, 6, &crate::support::build::tcp(1, 2, 3, 4, 0x18, &[9; 30]))),
            _ => ethernet(CLIENT_MAC, SERVER_MAC, 40, &[0xaa; 60]),
        };
        for (at, value) in changes {
            if let Some(byte) = frame.get_mut(at) {
                *byte = value;
            }
        }
        frame.truncate(cut.max(1));
        let (_, counters) = one(1, &frame);
        prop_assert_eq!(counters.frames, 1);
    }
}
