//! TCP as dissectors see it: order, gaps, both sides, ends of connections.

use std::time::Duration;

use dogwatch_dissectors::{Carrier, Hint, Protocol};
use dogwatch_flow::{Carried, Engine, Limits};
use dogwatch_model::{Direction, Initiator, Irregularity};
use proptest::prelude::*;

use crate::support::build::{ACK, By, FIN, Feed, RST, SYN};
use crate::support::record::{Call, Lines, Log, Tape, heard};

static X: Lines = Lines { name: "x", letter: b'x', hints: &[Hint::Tcp(7777)], carriers: &[Carrier::Tcp], wants: 2 };
static Y: Lines = Lines { name: "y", letter: b'y', hints: &[], carriers: &[Carrier::Tcp], wants: 2 };
static W: Lines = Lines { name: "w", letter: b'w', hints: &[], carriers: &[Carrier::Tcp], wants: 4 };
static LINES: &[&dyn Protocol] = &[&X, &Y, &W];
static TAPE: &[&dyn Protocol] = &[&Tape];

fn engine() -> Engine {
    Engine::new(Limits::default(), LINES)
}

/// Plays client segments `(offset, bytes)` behind a handshake whose first byte is number `first`, with nothing from the server.
fn play(first: u32, segments: &[(u32, &[u8])]) -> (Log, dogwatch_flow::Counters) {
    let mut log = Log::default();
    let mut feed = Feed::new(engine(), &mut log);
    feed.handshake(first.wrapping_sub(1), 900);
    for (offset, bytes) in segments {
        feed.tcp(By::Client, first.wrapping_add(*offset), 901, ACK, bytes);
    }
    feed.engine.finish(feed.observer);
    let counters = *feed.engine.counters();
    (log, counters)
}

#[test]
fn a_conversation_from_syn_to_fin() {
    let mut log = Log::default();
    let mut feed = Feed::new(engine(), &mut log);
    feed.handshake(100, 900);
    feed.tcp(By::Client, 101, 901, ACK, b"xa\nxb");
    feed.tcp(By::Server, 901, 106, ACK, b"xr\n");
    feed.tcp(By::Client, 106, 904, ACK | FIN, b"c\n");
    feed.tcp(By::Server, 904, 109, ACK | FIN, b"");
    feed.engine.finish(feed.observer);
    assert_eq!(log.said(), [">xa", "<xr", ">xbc"]);
    assert_eq!(log.frames, [4, 5, 6], "an event carries the frame that completed it");
    assert!(log.calls.contains(&Call::Established(Initiator::Sender)));
    assert_eq!(log.recognised(), [Some("x")]);
    let summary = log.ended.first().unwrap();
    assert!(summary.tcp.syn && summary.tcp.syn_ack && summary.tcp.established && summary.tcp.closed);
    assert!(!summary.tcp.one_sided && !summary.tcp.reset);
    assert_eq!((summary.forward.packets, summary.backward.packets), (4, 3));
    // 54 bytes of headers a frame
    assert_eq!((summary.forward.bytes, summary.backward.bytes), (4 * 54 + 7, 3 * 54 + 3));
    assert_eq!(summary.flow.initiator, Initiator::Sender);
    assert_eq!((summary.flow.src_port, summary.flow.dst_port), (40_000, 7777));
}

/// What of a conversation is shown as payload.
fn shown(wants_payload: bool, play: impl FnOnce(&mut Feed<'_, Log>)) -> Vec<(Carried, char, bool, String)> {
    let mut log = Log { wants_payload, ..Log::default() };
    let mut feed = Feed::new(engine(), &mut log);
    feed.handshake(100, 900);
    play(&mut feed);
    feed.engine.finish(feed.observer);
    log.payload
}

#[test]
fn payload_of_a_stream_that_is_read_comes_in_order_and_once() {
    let talk = |feed: &mut Feed<'_, Log>| {
        feed.tcp(By::Client, 101, 901, ACK, b"xa\n");
        feed.tcp(By::Client, 107, 901, ACK, b"xc\n");
        feed.tcp(By::Client, 104, 901, ACK, b"xb\n");
        feed.tcp(By::Client, 101, 901, ACK, b"xa\n");
        feed.tcp(By::Server, 901, 110, ACK, b"xr\n");
        feed.tcp(By::Client, 117, 904, ACK, b"xd\n");
        feed.tcp(By::Server, 904, 120, ACK, b"");
    };
    assert_eq!(shown(false, talk), [], "nobody asked");
    let stream = |arrow, text: &str| (Carried::Stream, arrow, true, text.to_owned());
    let want = [('>', "xa\n"), ('>', "xb\n"), ('>', "xc\n"), ('<', "xr\n"), ('!', ""), ('>', "xd\n")];
    assert_eq!(shown(true, talk), want.map(|(arrow, text)| stream(arrow, text)));
}

#[test]
fn payload_of_a_stream_that_nobody_reads_goes_on_as_segments() {
    let payload = shown(true, |feed| {
        for n in 0..40 {
            feed.tcp(By::Client, 101 + 4 * n, 901, ACK, format!("q{n:02}.").as_bytes());
        }
    });
    let text: String = payload.iter().map(|(.., text)| text.as_str()).collect();
    assert_eq!(
        text,
        (0..40).map(|n| format!("q{n:02}.")).collect::<String>(),
        "nothing is left out, nothing comes twice"
    );
    let first = payload.iter().position(|(carried, ..)| *carried != Carried::Stream).unwrap();
    for (n, (carried, ..)) in payload.iter().enumerate().skip(first) {
        assert_eq!(*carried, Carried::Segment(101 + 4 * n as u32));
    }
}

#[test]
fn what_waited_behind_a_gap_comes_before_the_reply_and_keeps_its_frame() {
    let mut log = Log::default();
    let mut feed = Feed::new(engine(), &mut log);
    feed.handshake(100, 900);
    feed.tcp(By::Client, 101, 901, ACK, b"xa\n");
    // A filter left the next seven bytes out of the capture; the reply shows that they had been there.
    feed.tcp(By::Client, 111, 901, ACK, b"xb\n");
    feed.tcp(By::Server, 901, 114, ACK, b"xr\n");
    feed.engine.finish(feed.observer);
    assert_eq!(log.said(), [">xa", ">[7]xb", "<xr"]);
    assert_eq!(log.frames, [4, 5, 6]);
}

#[test]
fn order_and_overlap() {
    for (name, segments, want) in [
        ("in order", &[(0, &b"xa\n"[..]), (3, b"xb\n")][..], &[">xa", ">xb"][..]),
        ("several messages in one segment", &[(0, b"xa\nxb\nxc\n")], &[">xa", ">xb", ">xc"]),
        ("one message over many", &[(0, b"x"), (1, b"a"), (2, b"b"), (3, b"\n")], &[">xab"]),
        ("swapped", &[(0, b"xa\n"), (6, b"xc\n"), (3, b"xb\n")], &[">xa", ">xb", ">xc"]),
        ("the first one last", &[(3, b"xb\n"), (6, b"xc\n"), (0, b"xa\n")], &[">xa", ">xb", ">xc"]),
        ("sent again", &[(0, b"xa\n"), (0, b"xa\n"), (3, b"xb\n"), (0, b"xa\n")], &[">xa", ">xb"]),
        ("sent again with more", &[(0, b"xa\n"), (0, b"xZ\nxb\n")], &[">xa", ">xb"]),
        ("held twice, first copy stays", &[(3, b"xb\n"), (3, b"xQ\n"), (0, b"xa\n")], &[">xa", ">xb"]),
        ("filling over a held one", &[(0, b"xa\n"), (6, b"xc\n"), (3, b"xb\nxQ\nxd\n")], &[">xa", ">xb", ">xc", ">xd"]),
        (
            "held around a held one",
            &[(0, b"xa\n"), (9, b"xd\n"), (6, b"xc\nxQ\nxe\n"), (3, b"xb\n")],
            &[">xa", ">xb", ">xc", ">xd", ">xe"],
        ),
        ("keep-alive", &[(0, b"xa\n"), (2, b"\0"), (2, b""), (3, b"xb\n")], &[">xa", ">xb"]),
        ("wild segment", &[(0, b"xa\n"), (0x4000_0000, b"xw\n"), (3, b"xb\n")], &[">xa", ">xb"]),
    ] {
        for first in [1000, u32::MAX - 4, u32::MAX, 0] {
            let (log, _) = play(first, segments);
            assert_eq!(log.said(), want, "{name}, first byte {first}");
        }
    }
}

#[test]
fn a_hole_that_is_never_filled_becomes_a_gap() {
    let segments: &[(u32, &[u8])] = &[(0, b"xa\n"), (6, b"xc\n")];
    // at the end of the capture
    let (log, counters) = play(1000, segments);
    assert_eq!(log.said(), [">xa", ">[3]xc"]);
    assert_eq!((counters.stream_gaps, counters.stream_lost_bytes), (1, 3));
    assert_eq!(log.ended.first().map(|flow| (flow.gaps, flow.lost_bytes)), Some((1, 3)));

    // when the receiver acknowledges what we never saw
    let mut log = Log::default();
    let mut feed = Feed::new(engine(), &mut log);
    feed.handshake(999, 900);
    feed.tcp(By::Client, 1000, 901, ACK, b"xa\n");
    feed.tcp(By::Client, 1006, 901, ACK, b"xc\n");
    feed.tcp(By::Server, 901, 1003, ACK, b"");
    assert_eq!(feed.observer.said(), [">xa"], "acknowledged up to the hole only");
    feed.tcp(By::Server, 901, 1009, ACK, b"");
    assert_eq!(feed.observer.said(), [">xa", ">[3]xc"]);
    // and at once when the acknowledgement was there first
    feed.tcp(By::Server, 901, 1020, ACK, b"");
    feed.tcp(By::Client, 1012, 901, ACK, b"xe\n");
    assert_eq!(feed.observer.said(), [">xa", ">[3]xc", ">[3]xe"]);

    // when it takes too long, seen by the next segment of that side
    let mut log = Log::default();
    let mut feed = Feed::new(engine(), &mut log);
    feed.handshake(999, 900);
    feed.tcp(By::Client, 1000, 901, ACK, b"xa\n");
    feed.tcp(By::Client, 1006, 901, ACK, b"xc\n");
    feed.pass(1);
    feed.tcp(By::Client, 1009, 901, ACK, b"xd\n");
    assert_eq!(feed.observer.said(), [">xa"]);
    feed.pass(2);
    feed.tcp(By::Client, 1012, 901, ACK, b"xe\n");
    assert_eq!(feed.observer.said(), [">xa", ">[3]xc", ">xd", ">xe"]);

    // when both sides are done
    let mut log = Log::default();
    let mut feed = Feed::new(engine(), &mut log);
    feed.handshake(999, 900);
    feed.tcp(By::Client, 1000, 901, ACK, b"xa\n");
    feed.tcp(By::Client, 1006, 901, ACK | FIN, b"xc\n");
    assert_eq!(feed.observer.said(), [">xa"]);
    feed.tcp(By::Server, 901, 1003, ACK | FIN, b"");
    assert_eq!(feed.observer.said(), [">xa", ">[3]xc"]);

    // and when a reset ends it
    let mut log = Log::default();
    let mut feed = Feed::new(engine(), &mut log);
    feed.handshake(999, 900);
    feed.tcp(By::Client, 1000, 901, ACK, b"xa\n");
    feed.tcp(By::Client, 1006, 901, ACK, b"xc\n");
    feed.tcp(By::Server, 901, 0, RST, b"go away");
    assert_eq!(feed.observer.said(), [">xa", ">[3]xc"]);
}

#[test]
fn a_quiet_flow_gives_up_waiting_by_itself() {
    let mut log = Log::default();
    let mut feed = Feed::new(engine(), &mut log);
    feed.handshake(999, 900);
    feed.tcp(By::Client, 1000, 901, ACK, b"xa\n");
    feed.tcp(By::Client, 1006, 901, ACK, b"xc\n");
    // only other traffic from here on
    for _ in 0..70 {
        feed.pass(1);
        feed.link(228, &[0; 4]);
    }
    assert_eq!(feed.observer.said(), [">xa", ">[3]xc"]);
}

#[test]
fn a_clock_that_goes_back_starts_the_wait_anew() {
    let mut log = Log::default();
    let mut feed = Feed::new(engine(), &mut log);
    feed.handshake(999, 900);
    feed.tcp(By::Client, 1000, 901, ACK, b"xa\n");
    feed.tcp(By::Client, 1006, 901, ACK, b"xc\n");
    feed.pass(-86_400);
    feed.tcp(By::Client, 1009, 901, ACK, b"xd\n");
    assert_eq!(feed.observer.said(), [">xa"]);
    feed.pass(3);
    feed.tcp(By::Client, 1012, 901, ACK, b"xe\n");
    assert_eq!(feed.observer.said(), [">xa", ">[3]xc", ">xd", ">xe"]);
}

#[test]
fn a_half_read_message_is_forgotten_at_a_gap() {
    let (log, _) = play(1000, &[(0, b"xa\nxhal"), (10, b"xc\n")]);
    assert_eq!(log.said(), [">xa", ">[3]xc"]);
}

#[test]
fn a_stream_that_moved_on_is_found_again() {
    let mut log = Log::default();
    let mut feed = Feed::new(engine(), &mut log);
    feed.handshake(999, 900);
    feed.tcp(By::Client, 1000, 901, ACK, b"xa\n");
    let far = 1000 + 200_000_000;
    feed.tcp(By::Client, far, 901, ACK, b"xl\n");
    feed.tcp(By::Client, far + 3, 901, ACK, b"xm\n");
    feed.tcp(By::Client, far + 6, 901, ACK, b"xn\n");
    assert_eq!(feed.observer.said(), [">xa", ">[200000000]xm", ">xn"]);
    assert_eq!(feed.counter("tcp_strays"), 1);

    // also backwards; what was acknowledged before says nothing about the stream as it is now
    feed.tcp(By::Server, 901, far + 9, ACK, b"");
    feed.tcp(By::Client, 1000, 901, ACK, b"xo\n");
    feed.tcp(By::Client, 1003, 901, ACK, b"xp\n");
    feed.tcp(By::Client, 1009, 901, ACK, b"xr\n");
    feed.tcp(By::Client, 1006, 901, ACK, b"xq\n");
    assert_eq!(feed.observer.said(), [">xa", ">[200000000]xm", ">xn", ">[0]xp", ">xq", ">xr"]);
}

#[test]
fn joined_in_the_middle() {
    // Only the server's side is seen, starting in the middle of a message; the port tells who serves.
    let mut log = Log::default();
    let mut feed = Feed::new(engine(), &mut log);
    feed.tcp(By::Server, 5000, 1, ACK, b"lf a line\n");
    feed.tcp(By::Server, 5010, 1, ACK, b"xa\n");
    feed.tcp(By::Server, 5013, 1, ACK, b"xb\n");
    feed.engine.finish(feed.observer);
    assert_eq!(log.said(), ["<xa", "<xb"]);
    let summary = log.ended.first().unwrap();
    assert!(summary.tcp.one_sided && !summary.tcp.syn && summary.tcp.established);
    assert_eq!(summary.flow.initiator, Initiator::Sender);
    assert_eq!((summary.flow.dst_port, summary.forward.packets, summary.backward.packets), (7777, 0, 3));
}

#[test]
fn a_keep_alive_is_not_the_front_of_a_stream() {
    let mut log = Log::default();
    let mut feed = Feed::new(engine(), &mut log);
    feed.tcp(By::Client, 999, 900, ACK, b"\0");
    feed.tcp(By::Server, 900, 1000, ACK, b"");
    feed.tcp(By::Client, 1000, 900, ACK, b"xa\n");
    feed.engine.finish(feed.observer);
    assert_eq!(log.said(), [">xa"]);
    assert_eq!(log.recognised(), [Some("x")]);
}

#[test]
fn no_port_tells_who_serves() {
    let mut log = Log::default();
    let mut feed = Feed::new(engine(), &mut log);
    feed.server_port = 9999;
    feed.tcp(By::Server, 5000, 1, ACK, b"ya\n");
    feed.engine.finish(feed.observer);
    assert_eq!(log.said(), [">ya"], "the side seen first counts as the client");
    assert_eq!(log.ended.first().unwrap().flow.initiator, Initiator::Unknown);
}

#[test]
fn an_answer_seen_first_names_the_client() {
    let mut log = Log::default();
    let mut feed = Feed::new(engine(), &mut log);
    feed.server_port = 9999;
    feed.tcp(By::Server, 900, 101, SYN | ACK, b"");
    feed.tcp(By::Client, 101, 901, ACK, b"ya\n");
    feed.engine.finish(feed.observer);
    assert_eq!(log.said(), [">ya"]);
    let summary = log.ended.first().unwrap();
    assert_eq!((summary.flow.src_port, summary.flow.initiator), (40_000, Initiator::Sender));
}

#[test]
fn the_server_may_speak_first_and_early_bytes_are_not_lost() {
    let mut log = Log::default();
    let mut feed = Feed::new(engine(), &mut log);
    feed.handshake(99, 899);
    feed.tcp(By::Server, 900, 100, ACK, b"x");
    feed.tcp(By::Client, 100, 901, ACK, b"xq\n");
    feed.tcp(By::Server, 901, 103, ACK, b"hello\n");
    assert_eq!(feed.observer.said(), [">xq", "<xhello"]);
}

#[test]
fn what_waited_is_read_in_the_order_it_came() {
    let mut log = Log::default();
    let mut feed = Feed::new(engine(), &mut log);
    feed.server_port = 9999;
    feed.handshake(99, 899);
    // two bytes are too few for a decision; the client's line is enough for both
    feed.tcp(By::Server, 900, 100, ACK, b"w\n");
    feed.tcp(By::Client, 100, 902, ACK, b"wide\n");
    assert_eq!(feed.observer.said(), ["<w", ">wide"]);
}

#[test]
fn a_connection_nobody_closed_is_opened_again() {
    let mut log = Log::default();
    let mut feed = Feed::new(engine(), &mut log);
    for (first, line) in [(100, b"xa\n"), (70_000, b"xb\n")] {
        feed.handshake(first, 900);
        feed.tcp(By::Client, first + 1, 901, ACK, line);
    }
    assert_eq!(feed.observer.said(), [">xa", ">xb"]);
    assert_eq!((feed.counter("flows_started"), feed.counter("stream_gaps")), (2, 0));
}

#[test]
fn ports_used_again() {
    let mut log = Log::default();
    let mut feed = Feed::new(engine(), &mut log);
    for (first, line) in [(100, b"xa\n"), (70_000, b"xb\n")] {
        feed.handshake(first, 900);
        // the SYN sent again is not another connection
        feed.tcp(By::Client, first, 0, SYN, b"");
        feed.tcp(By::Client, first + 1, 901, ACK, line);
        feed.tcp(By::Client, first + 4, 901, ACK | FIN, b"");
        feed.tcp(By::Server, 901, first + 5, ACK | FIN, b"");
    }
    feed.engine.finish(feed.observer);
    assert_eq!(log.said(), [">xa", ">xb"]);
    let ends: Vec<_> = log.ended.iter().map(|flow| (format!("{:?}", flow.ending), flow.forward.packets)).collect();
    assert_eq!(ends, [("Some(Reused)".to_owned(), 5), ("Some(Finished)".to_owned(), 5)]);
}

#[test]
fn an_opening_tried_again_is_the_same_flow() {
    let mut log = Log::default();
    let mut feed = Feed::new(engine(), &mut log);
    feed.tcp(By::Client, 100, 0, SYN, b"");
    feed.tcp(By::Client, 5000, 0, SYN, b"");
    feed.tcp(By::Server, 900, 5001, SYN | ACK, b"");
    feed.tcp(By::Client, 5001, 901, ACK, b"xa\n");
    assert_eq!(feed.observer.said(), [">xa"]);
    assert_eq!(feed.counter("flows_started"), 1);
}

#[test]
fn cut_by_the_snap_length() {
    let mut log = Log::default();
    let mut feed = Feed::new(engine(), &mut log);
    feed.handshake(999, 900);
    let whole = crate::support::build::ethernet(
        crate::support::build::CLIENT_MAC,
        crate::support::build::SERVER_MAC,
        0x0800,
        &crate::support::build::ipv4(
            crate::support::build::CLIENT,
            crate::support::build::SERVER,
            6,
            &crate::support::build::tcp(40_000, 7777, 1000, 901, ACK, b"xa\nxcut here\n"),
        ),
    );
    feed.cut(1, &whole[..54 + 6], u32::try_from(whole.len()).unwrap());
    feed.tcp(By::Client, 1013, 901, ACK, b"xb\n");
    assert_eq!(feed.observer.said(), [">xa", ">[7]xb"]);
    assert_eq!(feed.counter("truncated"), 1);
}

#[test]
fn a_reset_ends_the_flow_after_lingering() {
    let mut log = Log::default();
    let mut feed = Feed::new(engine(), &mut log);
    feed.handshake(999, 900);
    feed.tcp(By::Server, 901, 0, RST, b"");
    for _ in 0..100 {
        feed.pass(1);
        feed.link(228, &[0; 4]);
    }
    let summary = feed.observer.ended.first().unwrap();
    assert!(summary.tcp.reset);
    assert_eq!(format!("{:?}", summary.ending), "Some(Closed)");
}

/// A stream, and a way of sending it: cut points, an order, which segments twice.
fn sending() -> impl Strategy<Value = (Vec<u8>, Vec<(usize, usize)>, u32)> {
    (proptest::collection::vec(any::<u8>(), 1..600), any::<u32>()).prop_flat_map(|(bytes, first)| {
        let length = bytes.len();
        let segment = (0..length, 1..80_usize).prop_map(move |(from, n)| (from, (from + n).min(length)));
        let extra = proptest::collection::vec(segment, 0..12);
        let cuts = proptest::collection::btree_set(0..length, 0..20);
        (Just(bytes), cuts, extra, Just(first)).prop_flat_map(move |(bytes, cuts, extra, first)| {
            let mut points: Vec<usize> = cuts.into_iter().collect();
            points.extend([0, length]);
            points.sort_unstable();
            points.dedup();
            let mut segments: Vec<_> = points.windows(2).map(|pair| (pair[0], pair[1])).collect();
            segments.extend(extra);
            (Just(bytes), Just(segments).prop_shuffle(), Just(first))
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_cut_order_and_repetition_gives_the_same_bytes((bytes, segments, first) in sending()) {
        let mut log = Log::default();
        let mut feed = Feed::new(Engine::new(Limits::default(), TAPE), &mut log);
        feed.handshake(first.wrapping_sub(1), 900);
        for (from, to) in segments {
            let seq = first.wrapping_add(u32::try_from(from).unwrap());
            feed.tcp(By::Client, seq, 901, ACK, &bytes[from..to]);
        }
        feed.engine.finish(feed.observer);
        prop_assert_eq!(feed.counter("stream_gaps"), 0);
        let want: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        prop_assert_eq!(heard(&log, Direction::ToServer), want);
    }

    #[test]
    fn lost_segments_lose_their_bytes_and_no_others((bytes, segments, first) in sending(), keep in proptest::collection::vec(any::<bool>(), 40)) {
        let mut log = Log::default();
        let mut feed = Feed::new(Engine::new(Limits::default(), TAPE), &mut log);
        feed.handshake(first.wrapping_sub(1), 900);
        let mut seen = vec![false; bytes.len()];
        for ((from, to), _) in segments.iter().zip(&keep).filter(|pair| *pair.1) {
            let seq = first.wrapping_add(u32::try_from(*from).unwrap());
            feed.tcp(By::Client, seq, 901, ACK, &bytes[*from..*to]);
            seen[*from..*to].fill(true);
        }
        feed.engine.finish(feed.observer);
        let want: String = bytes.iter().zip(&seen).filter(|pair| *pair.1).map(|(byte, _)| format!("{byte:02x}")).collect();
        let up_to = seen.iter().rposition(|seen| *seen).map_or(0, |last| last + 1);
        let lost = seen.iter().take(up_to).filter(|seen| !**seen).count();
        prop_assert_eq!(feed.counter("stream_lost_bytes"), lost as u64);
        prop_assert_eq!(heard(&log, Direction::ToServer), want);
    }
}

#[test]
fn a_copy_with_other_bytes_is_told_and_a_repetition_is_not() {
    let (log, counters) =
        play(100, &[(0, b"xa\n"), (0, b"xa\n"), (3, b"x level 40\n"), (3, b"x level 90\n"), (3, b"x lev")]);
    assert_eq!(log.said(), [">xa", ">x level 40"], "the first copy stays");
    assert_eq!(log.irregular, [(7, Irregularity::Altered, 7777)]);
    assert_eq!(counters.tcp_altered, 1);
}

#[test]
fn segments_the_receiver_had_and_the_capture_had_not() {
    let mut log = Log::default();
    let mut feed = Feed::new(engine(), &mut log);
    feed.handshake(100, 900);
    feed.tcp(By::Client, 101, 901, ACK, b"xa\n");
    // what goes to 107 is never seen, and yet the server acknowledges it
    feed.tcp(By::Server, 901, 107, ACK, b"xr\n");
    feed.tcp(By::Client, 107, 904, ACK, b"xc\n");
    feed.tcp(By::Server, 904, 110, ACK, b"xs\n");
    assert_eq!(feed.engine.segments(dogwatch_model::SourceId(0)), dogwatch_flow::Segments { seen: 4, unseen: 1 });
}

#[test]
fn a_direction_that_the_capture_no_longer_shows() {
    let mut log = Log::default();
    let mut feed = Feed::new(engine(), &mut log);
    feed.handshake(100, 900);
    feed.tcp(By::Client, 101, 901, ACK, b"xa\n");
    feed.tcp(By::Server, 901, 104, ACK, b"xr\n");
    // the client's questions of three bytes are gone, the answers to them are not
    for n in 1..=4_u32 {
        feed.at = feed.at.plus(Duration::from_millis(500));
        feed.tcp(By::Server, 901 + 3 * n, 104 + 3 * n, ACK, b"xr\n");
    }
    assert_eq!(feed.engine.segments(dogwatch_model::SourceId(0)), dogwatch_flow::Segments { seen: 6, unseen: 3 });
    assert_eq!(feed.counter("stream_lost_bytes"), 9);
    // it is seen again: what came is read, nothing twice
    feed.tcp(By::Client, 116, 916, ACK, b"xb\n");
    assert_eq!(log.said().last().copied(), Some(">[3]xb"), "the last question is lost, too");
}

#[test]
fn an_acknowledgement_that_comes_before_what_it_acknowledges() {
    let mut log = Log::default();
    let mut feed = Feed::new(engine(), &mut log);
    feed.handshake(100, 900);
    for n in 0..4_u32 {
        feed.at = feed.at.plus(Duration::from_millis(500));
        // two answers of the server are read before the client's bytes, a few milliseconds late
        feed.tcp(By::Server, 901, 103 + 6 * n, ACK, b"");
        feed.at = feed.at.plus(Duration::from_millis(2));
        feed.tcp(By::Server, 901, 107 + 6 * n, ACK, b"");
        feed.at = feed.at.plus(Duration::from_millis(2));
        feed.tcp(By::Client, 101 + 6 * n, 901, ACK, b"xa\nxb\n");
    }
    assert_eq!(feed.engine.segments(dogwatch_model::SourceId(0)).unseen, 0);
    assert_eq!(log.said().len(), 8, "{:?}", log.said());
}
