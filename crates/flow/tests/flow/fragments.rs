//! IP datagrams in pieces.

use dogwatch_dissectors::Protocol;
use dogwatch_flow::{Engine, Limits};
use dogwatch_model::{Irregularity, Transport};
use proptest::prelude::*;

use crate::support::build::{CLIENT, Feed, SERVER, ipv4_part, ipv6, ipv6_part, udp};
use crate::support::record::{Log, Tape};

static TAPE: &[&dyn Protocol] = &[&Tape];

/// Raw IP frames of one datagram, cut at multiples of 8 bytes.
fn v4_parts(id: u16, datagram: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    parts(datagram, cuts)
        .map(|(from, to, more)| {
            ipv4_part(CLIENT, SERVER, 17, id, u16::try_from(from).unwrap(), more, &datagram[from..to])
        })
        .collect()
}

fn v6_parts(id: u32, datagram: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    parts(datagram, cuts)
        .map(|(from, to, more)| {
            ipv6(1, 2, 44, &ipv6_part(17, id, u16::try_from(from).unwrap(), more, &datagram[from..to]))
        })
        .collect()
}

fn parts(datagram: &[u8], cuts: &[usize]) -> impl Iterator<Item = (usize, usize, bool)> {
    let mut points = vec![0];
    points.extend_from_slice(cuts);
    points.push(datagram.len());
    (1..points.len()).map(move |i| (points[i - 1], points[i], i + 1 < points.len()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn in_order_and_out_of_order() {
    let payload: Vec<u8> = (0..100).collect();
    let datagram = udp(4000, 4001, &payload);
    for (name, link, frames) in [
        ("v4", 228, v4_parts(7, &datagram, &[16, 64])),
        ("v6", 229, v6_parts(7, &datagram, &[16, 64])),
        ("v4, last one without payload", 228, {
            let mut frames = v4_parts(7, &datagram[..104], &[16, 64]);
            frames.pop();
            frames.push(ipv4_part(CLIENT, SERVER, 17, 7, 64, true, &datagram[64..104]));
            frames.push(ipv4_part(CLIENT, SERVER, 17, 7, 104, false, &datagram[104..]));
            frames
        }),
    ] {
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]] {
            let mut log = Log::default();
            let mut feed = Feed::new(Engine::new(Limits::default(), TAPE), &mut log);
            for index in order {
                feed.link(link, &frames[index]);
            }
            for frame in frames.iter().skip(3) {
                feed.link(link, frame);
            }
            feed.engine.finish(feed.observer);
            assert_eq!(feed.counter("fragments_reassembled"), 1, "{name} {order:?}");
            assert_eq!(log.said(), [format!(">{}", hex(&payload))], "{name} {order:?}");
            let flow = log.ended.first().unwrap();
            assert_eq!((flow.flow.transport, flow.flow.dst_port), (Transport::Udp, 4001));
            assert_eq!(flow.forward.packets, frames.len() as u64, "{name}: each fragment counts");
            assert_eq!(flow.forward.bytes, frames.iter().map(|frame| frame.len() as u64).sum::<u64>(), "{name}");
        }
    }
}

#[test]
fn extension_header_in_the_first_fragment() {
    let datagram = [&[17, 0, 1, 4, 0, 0, 0, 0][..], &udp(4000, 4001, &[5; 40])].concat();
    let mut log = Log::default();
    let mut feed = Feed::new(Engine::new(Limits::default(), TAPE), &mut log);
    for (from, to, more) in parts(&datagram, &[24]) {
        let part = ipv6_part(60, 1, u16::try_from(from).unwrap(), more, &datagram[from..to]);
        feed.link(229, &ipv6(1, 2, 44, &part));
    }
    assert_eq!(feed.observer.said(), [format!(">{}", hex(&[5; 40]))]);
}

#[test]
fn authentication_header_in_the_first_fragment() {
    // RFC 4302: next header, length in 4-byte words minus 2, reserved, SPI, sequence number, integrity check value
    let header = [17, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9];
    let datagram = [&header[..], &udp(4000, 4001, &[5; 40])].concat();
    for order in [[0, 1], [1, 0]] {
        let frames: Vec<_> = parts(&datagram, &[32])
            .map(|(from, to, more)| {
                ipv4_part(CLIENT, SERVER, 51, 1, u16::try_from(from).unwrap(), more, &datagram[from..to])
            })
            .collect();
        let mut log = Log::default();
        let mut feed = Feed::new(Engine::new(Limits::default(), TAPE), &mut log);
        for index in order {
            feed.link(228, &frames[index]);
        }
        assert_eq!(feed.observer.said(), [format!(">{}", hex(&[5; 40]))], "{order:?}");
    }
}

#[test]
fn two_different_ends() {
    let datagram = udp(4000, 4001, &[1; 32]);
    let mut log = Log::default();
    let mut feed = Feed::new(Engine::new(Limits::default(), TAPE), &mut log);
    feed.link(228, &ipv4_part(CLIENT, SERVER, 17, 7, 40, false, &[]));
    feed.link(228, &ipv4_part(CLIENT, SERVER, 17, 7, 16, false, &[]));
    assert_eq!(feed.counter("fragments_bad"), 1);
    feed.link(228, &ipv4_part(CLIENT, SERVER, 17, 7, 0, true, &datagram[..16]));
    assert!(feed.observer.said().is_empty());
    feed.link(228, &ipv4_part(CLIENT, SERVER, 17, 7, 16, true, &datagram[16..]));
    assert_eq!(feed.observer.said(), [format!(">{}", hex(&[1; 32]))]);
}

#[test]
fn the_first_copy_of_a_byte_stays() {
    let mut log = Log::default();
    let mut feed = Feed::new(Engine::new(Limits::default(), TAPE), &mut log);
    let datagram = udp(4000, 4001, &[1; 32]);
    let other = udp(4000, 4001, &[2; 32]);
    feed.link(228, &ipv4_part(CLIENT, SERVER, 17, 7, 0, true, &datagram[..16]));
    // says again what is there, differently, and brings 8 new bytes
    feed.link(228, &ipv4_part(CLIENT, SERVER, 17, 7, 8, true, &other[8..24]));
    feed.link(228, &ipv4_part(CLIENT, SERVER, 17, 7, 16, false, &datagram[16..]));
    let want = [&[1_u8; 8][..], &[2; 8], &[1; 16]].concat();
    assert_eq!(feed.observer.said(), [format!(">{}", hex(&want))]);
    assert_eq!(feed.counter("fragments_overlapping"), 2);
}

#[test]
fn what_cannot_belong_is_counted() {
    let datagram = udp(4000, 4001, &[1; 32]);
    for (name, bad) in [
        ("past the end", ipv4_part(CLIENT, SERVER, 17, 7, 40, true, &[9; 8])),
        ("another end", ipv4_part(CLIENT, SERVER, 17, 7, 24, false, &[9; 8])),
        ("beyond 65,535 bytes", ipv4_part(CLIENT, SERVER, 17, 8, 65_528, false, &[9; 100])),
    ] {
        let mut log = Log::default();
        let mut feed = Feed::new(Engine::new(Limits::default(), TAPE), &mut log);
        feed.link(228, &ipv4_part(CLIENT, SERVER, 17, 7, 16, false, &datagram[16..]));
        feed.link(228, &bad);
        feed.link(228, &ipv4_part(CLIENT, SERVER, 17, 7, 0, true, &datagram[..16]));
        assert_eq!(feed.counter("fragments_bad"), 1, "{name}");
        assert_eq!(feed.observer.said(), [format!(">{}", hex(&[1; 32]))], "{name}");
    }
}

#[test]
fn same_id_of_other_hosts_and_after_the_time_out() {
    let datagram = udp(4000, 4001, &[1; 32]);
    let mut log = Log::default();
    let mut feed = Feed::new(Engine::new(Limits::default(), TAPE), &mut log);
    feed.link(228, &ipv4_part(CLIENT, SERVER, 17, 7, 0, true, &datagram[..16]));
    feed.link(228, &ipv4_part(SERVER, CLIENT, 17, 7, 16, false, &datagram[16..]));
    feed.link(228, &ipv4_part(CLIENT, SERVER, 17, 8, 16, false, &datagram[16..]));
    assert!(feed.observer.said().is_empty());
    feed.pass(31);
    feed.link(228, &ipv4_part(CLIENT, SERVER, 17, 7, 16, false, &datagram[16..]));
    assert!(feed.observer.said().is_empty());
    assert_eq!(feed.counter("fragments_expired"), 3);
    // a clock going back by days does not keep the other half
    feed.pass(-3 * 86_400);
    feed.link(228, &ipv4_part(CLIENT, SERVER, 17, 7, 0, true, &datagram[..16]));
    assert!(feed.observer.said().is_empty());
    assert_eq!(feed.counter("fragments_expired"), 4);
}

#[test]
fn every_bound_is_kept() {
    let datagram = udp(4000, 4001, &[1; 4000]);
    // datagrams
    let mut log = Log::default();
    let limits = Limits { fragmented_datagrams: 4, ..Limits::default() };
    let mut feed = Feed::new(Engine::new(limits, TAPE), &mut log);
    for id in 0..10 {
        feed.link(228, &v4_parts(id, &datagram, &[800])[0]);
    }
    assert_eq!(feed.counter("fragments_dropped"), 6);
    feed.link(228, &v4_parts(9, &datagram, &[800])[1]);
    feed.link(228, &v4_parts(0, &datagram, &[800])[1]);
    assert_eq!(feed.observer.said().len(), 1, "the newest is still there, the oldest is not");

    // bytes: fragments far back need room for all before them
    let mut log = Log::default();
    let limits = Limits { fragment_bytes: 200_000, ..Limits::default() };
    let mut feed = Feed::new(Engine::new(limits, TAPE), &mut log);
    for id in 0..10 {
        feed.link(228, &ipv4_part(CLIENT, SERVER, 17, id, 65_000, true, &[0; 8]));
    }
    assert_eq!(feed.counter("fragments_dropped"), 7);

    // pieces of one datagram
    let mut log = Log::default();
    let limits = Limits { fragment_ranges: 4, ..Limits::default() };
    let mut feed = Feed::new(Engine::new(limits, TAPE), &mut log);
    for piece in 0..10_u16 {
        feed.link(228, &ipv4_part(CLIENT, SERVER, 17, 1, piece * 16, true, &[0; 8]));
    }
    assert_eq!(feed.counter("fragments_bad"), 6);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_and_repetition_gives_the_datagram(
        payload in proptest::collection::vec(any::<u8>(), 1..500),
        picks in proptest::collection::vec(any::<prop::sample::Index>(), 0..40),
        v6 in any::<bool>(),
    ) {
        let datagram = udp(4000, 4001, &payload);
        let cuts: Vec<usize> = (24..datagram.len()).step_by(24).collect();
        let (link, frames) =
            if v6 { (229, v6_parts(1, &datagram, &cuts)) } else { (228, v4_parts(1, &datagram, &cuts)) };
        let mut log = Log::default();
        let mut feed = Feed::new(Engine::new(Limits::default(), TAPE), &mut log);
        let mut sent = vec![false; frames.len()];
        let mut wholes = 0;
        let order = picks.iter().map(|pick| pick.index(frames.len())).chain(0..frames.len());
        for index in order {
            feed.link(link, &frames[index]);
            sent[index] = true;
            if sent.iter().all(|sent| *sent) {
                wholes += 1;
                sent.fill(false);
            }
        }
        let want = format!(">{}", hex(&payload));
        // An atomic packet (nothing to cut) is not a fragment and comes out each time, which the same count describes.
        prop_assert_eq!(feed.observer.said(), vec![want.as_str(); wholes]);
    }
}

/// What is found wrong with raw IP frames, fed in this order.
fn wrong(link: u32, frames: &[Vec<u8>]) -> Vec<(u64, Irregularity, u16)> {
    let mut log = Log::default();
    let mut feed = Feed::new(Engine::new(Limits::default(), TAPE), &mut log);
    for frame in frames {
        feed.link(link, frame);
    }
    log.irregular
}

#[test]
fn ordinary_pieces_and_copies_of_them_are_daily_life() {
    let datagram = udp(4000, 4001, &[7; 3_000]);
    for (link, frames) in
        [(228, v4_parts(7, &datagram, &[1_480, 2_960])), (229, v6_parts(7, &datagram, &[1_448, 2_896]))]
    {
        let doubled: Vec<_> = frames.iter().flat_map(|frame| [frame.clone(), frame.clone()]).collect();
        assert_eq!(wrong(link, &doubled), [], "the last piece may be small");
    }
}

#[test]
fn tiny_and_overlapping_pieces() {
    let datagram = udp(4000, 4001, &[7; 1_000]);
    for (link, frames) in [(228, v4_parts(7, &datagram, &[16, 520])), (229, v6_parts(7, &datagram, &[16, 520]))] {
        assert_eq!(wrong(link, &frames), [(1, Irregularity::TinyFragment, 4001)]);
    }
    let other = udp(4000, 4001, &[8; 1_000]);
    let part = |bytes: &[u8], from: u16, to: u16| {
        ipv4_part(CLIENT, SERVER, 17, 7, from, true, &bytes[usize::from(from)..usize::from(to)])
    };
    let twice = [part(&datagram, 0, 512), part(&datagram, 256, 768)];
    assert_eq!(wrong(228, &twice), [(2, Irregularity::OverlappingFragment, 4001)], "another cut");
    let changed = [part(&datagram, 0, 512), part(&other, 0, 512)];
    assert_eq!(wrong(228, &changed), [(2, Irregularity::OverlappingFragment, 4001)], "other bytes");
}

#[test]
fn a_tcp_header_in_two_pieces() {
    // ports 40000 and 502, sequence and acknowledgement numbers, header of 20 bytes, PSH and ACK (RFC 9293, 3.1)
    let mut segment = vec![0x9C, 0x40, 0x01, 0xF6, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 0x20, 0, 0, 0, 0, 0];
    segment.extend_from_slice(&[9; 600]);
    let frames = [(0, 8), (8, 620)]
        .map(|(from, to)| ipv4_part(CLIENT, SERVER, 6, 7, u16::try_from(from).unwrap(), to < 620, &segment[from..to]));
    assert_eq!(wrong(228, &frames), [(1, Irregularity::HeaderInPieces, 502)]);
}

#[test]
fn a_short_snap_length_makes_no_tiny_pieces() {
    let datagram = udp(4000, 4001, &[7; 3_000]);
    for (link, frames) in
        [(228, v4_parts(7, &datagram, &[1_480, 2_960])), (229, v6_parts(7, &datagram, &[1_448, 2_896]))]
    {
        let cut: Vec<_> = frames.iter().map(|frame| frame[..frame.len().min(96)].to_vec()).collect();
        assert_eq!(wrong(link, &cut), []);
    }
}
