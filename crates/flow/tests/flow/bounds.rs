//! Every table at its limit, and clocks that jump.

use std::time::Duration;

use dogwatch_dissectors::{Carrier, Hint, Protocol};
use dogwatch_flow::{Engine, Frame, Limits, LinkType};
use dogwatch_model::{CaptureTime, SourceId};

use crate::support::build::{ACK, By, Feed, udp_frame};
use crate::support::record::{Call, Lines, Log};

static X: Lines = Lines {
    name: "x",
    letter: b'x',
    hints: &[Hint::Tcp(7777)],
    carriers: &[Carrier::Tcp, Carrier::Udp, Carrier::Serial],
    wants: 2,
};
static PROTOCOLS: &[&dyn Protocol] = &[&X];

fn with(limits: Limits) -> Engine {
    Engine::new(limits, PROTOCOLS)
}

#[test]
fn flows() {
    let mut log = Log::default();
    let mut feed = Feed::new(with(Limits { flows: 64, ..Limits::default() }), &mut log);
    for port in 0..1000 {
        feed.eth(&udp_frame(port, 9, b"?"));
    }
    assert_eq!((feed.counter("flows_started"), feed.counter("flows_evicted")), (1000, 936));
    assert_eq!(feed.engine.flows().count(), 64);
    feed.engine.finish(feed.observer);
    assert_eq!(feed.engine.flows().count(), 0);
    let slots = log.calls.iter().filter_map(|call| if let Call::Started(id) = call { Some(id.slot()) } else { None });
    assert_eq!(slots.max(), Some(63), "slots stay below the limit");
    let ids = log.calls.iter().filter_map(|call| if let Call::Started(id) = call { Some(*id) } else { None });
    assert_eq!(ids.collect::<std::collections::BTreeSet<_>>().len(), 1000, "a slot used again has another id");
    assert_eq!(log.ended.len(), 1000);
}

#[test]
fn a_flood_does_not_push_out_what_is_read() {
    let mut log = Log::default();
    let mut feed = Feed::new(with(Limits { flows: 64, ..Limits::default() }), &mut log);
    feed.handshake(99, 899);
    feed.tcp(By::Client, 100, 900, ACK, b"xa\n");
    for port in 0..5000 {
        feed.eth(&udp_frame(port, 9, b"?"));
    }
    feed.tcp(By::Client, 103, 900, ACK, b"xb\n");
    assert_eq!(feed.observer.said(), [">xa", ">xb"]);
    let summary = feed.engine.flows().find(|(_, flow)| flow.protocol == Some("x")).unwrap().1;
    assert_eq!((summary.forward.packets, summary.gaps), (4, 0), "one flow, not a new one joined in its middle");
}

#[test]
fn new_flows_find_room_among_many_proven_ones() {
    let mut log = Log::default();
    let mut feed = Feed::new(with(Limits { flows: 64, ..Limits::default() }), &mut log);
    for port in 0..64 {
        for _ in 0..20 {
            feed.eth(&udp_frame(port, 9, b"?"));
        }
    }
    for port in 1000..1006 {
        feed.eth(&udp_frame(port, 9, b"?"));
    }
    let new = feed.engine.flows().filter(|(_, flow)| flow.flow.src_port >= 1000).count();
    assert_eq!(new, 6, "the new ones do not push out each other");
    let oldest = feed.engine.flows().filter(|(_, flow)| flow.flow.src_port < 6).count();
    assert_eq!(oldest, 0, "those quiet longest went");
}

#[test]
fn dissectors() {
    let mut log = Log::default();
    let mut feed = Feed::new(with(Limits { dissectors: 10, ..Limits::default() }), &mut log);
    for port in 0..100 {
        feed.eth(&udp_frame(port, 9, b"xa"));
    }
    assert_eq!(feed.counter("dissectors_evicted"), 90);
    assert_eq!(feed.engine.flows().filter(|(_, flow)| flow.protocol.is_some()).count(), 10);
    let newest: Vec<_> = feed.engine.flows().map(|(_, flow)| flow.flow.src_port).collect();
    assert!(newest.iter().all(|port| *port >= 90), "{newest:?}");
}

#[test]
fn bytes_out_of_order_in_one_direction() {
    for (name, limits) in [
        ("bytes", Limits { stream_bytes: 4000, ..Limits::default() }),
        ("segments", Limits { stream_segments: 3, ..Limits::default() }),
        ("bytes of all streams", Limits { all_stream_bytes: 4000, ..Limits::default() }),
    ] {
        let mut log = Log::default();
        let mut feed = Feed::new(with(limits), &mut log);
        feed.handshake(99, 899);
        feed.tcp(By::Client, 100, 900, ACK, b"xa\n");
        let line = [&[b'x'; 999][..], b"\n"].concat();
        // one line is missing, every second one of the later ones as well
        for n in 0..10 {
            feed.tcp(By::Client, 1103 + n * 2000, 900, ACK, &line);
        }
        assert!(feed.counter("stream_buffer_overflows") > 0, "{name}");
        let said = feed.observer.said().len();
        assert!((6..=10).contains(&said), "{name}: {said} lines came through, the rest waits within the bound");
        assert_eq!(feed.counter("stream_lost_bytes"), 1000 * (said as u64 - 1), "{name}");
    }
}

#[test]
fn bytes_a_dissector_leaves() {
    let mut log = Log::default();
    let mut feed = Feed::new(with(Limits { stream_bytes: 4000, ..Limits::default() }), &mut log);
    feed.handshake(99, 899);
    feed.tcp(By::Client, 100, 900, ACK, b"xa\n");
    // a line that never ends
    for n in 0..10 {
        feed.tcp(By::Client, 103 + n * 1000, 900, ACK, &[b'x'; 1000]);
    }
    feed.tcp(By::Client, 10_103, 900, ACK, b"\nxb\n");
    assert_eq!(feed.counter("stream_buffer_overflows"), 2);
    assert_eq!(feed.counter("stream_overflow_bytes"), 10_000);
    // the reader was told of the gap; what followed it was no line of its own
    assert_eq!(feed.observer.said(), [">xa", ">[10000]xb"]);
}

#[test]
fn streams_nobody_knows_hold_nothing_once_all_is_full() {
    let mut log = Log::default();
    let limits = Limits { all_stream_bytes: 2000, ..Limits::default() };
    let mut feed = Feed::new(with(limits), &mut log);
    feed.server_port = 9;
    for port in 0..100 {
        feed.client_port = port;
        feed.handshake(99, 899);
        feed.tcp(By::Client, 100, 900, ACK, &[b'?'; 500]);
    }
    assert!(feed.counter("flows_unclassified") >= 90);
}

#[test]
fn quiet_flows_end_by_the_clock_of_their_source() {
    let mut log = Log::default();
    let mut feed = Feed::new(with(Limits { other_idle: Duration::from_secs(60), ..Limits::default() }), &mut log);
    feed.eth(&udp_frame(1, 2, b"?"));
    // another source, whose clock is a year ahead, and goes on
    for n in 0..200 {
        let at = CaptureTime(feed.at.0 + 365 * 86_400 * 1_000_000_000 + n * 1_000_000_000);
        let bytes = udp_frame(3, 4, b"?");
        let original_length = u32::try_from(bytes.len()).unwrap();
        let frame =
            Frame { at, source: SourceId(1), number: 1, link: LinkType::ETHERNET, original_length, bytes: &bytes };
        feed.engine.frame(&frame, feed.observer);
    }
    assert_eq!(feed.counter("flows_ended"), 0);
    for _ in 0..200 {
        feed.pass(1);
        feed.link(228, &[0; 4]);
    }
    assert_eq!(feed.counter("flows_ended"), 1);
    assert_eq!(format!("{:?}", feed.observer.ended.first().unwrap().ending), "Some(Idle)");
}

#[test]
fn a_clock_that_goes_back_by_days() {
    let mut log = Log::default();
    let mut feed = Feed::new(with(Limits { other_idle: Duration::from_secs(60), ..Limits::default() }), &mut log);
    feed.handshake(99, 899);
    feed.tcp(By::Client, 100, 900, ACK, b"xa\n");
    feed.eth(&udp_frame(1, 2, b"?"));
    feed.pass(-10 * 86_400);
    feed.tcp(By::Client, 103, 900, ACK, b"xb\n");
    feed.tcp(By::Client, 109, 900, ACK, b"xd\n");
    feed.tcp(By::Client, 106, 900, ACK, b"xc\n");
    assert_eq!(feed.observer.said(), [">xa", ">xb", ">xc", ">xd"]);
    assert_eq!((feed.counter("clock_backwards"), feed.counter("flows_ended")), (1, 0));
    // the quiet flow from the future ends after its time by the new clock, not after ten days
    for _ in 0..300 {
        feed.pass(1);
        feed.link(228, &[0; 4]);
    }
    assert_eq!(feed.counter("flows_ended"), 1);
    let ended = feed.observer.ended.first().unwrap();
    assert!(ended.flow.src_port == 1 && ended.last > feed.at);
}

#[test]
fn a_single_frame_from_next_year_does_little_harm() {
    let mut log = Log::default();
    let mut feed = Feed::new(with(Limits::default()), &mut log);
    for port in 0..640 {
        feed.eth(&udp_frame(port, 9, b"?"));
    }
    feed.pass(365 * 86_400);
    feed.link(228, &[0; 4]);
    feed.pass(-365 * 86_400);
    feed.link(228, &[0; 4]);
    assert!(feed.counter("flows_ended") <= 10, "{}", feed.counter("flows_ended"));
}

#[test]
fn progress_comes_at_most_every_ten_seconds() {
    let mut log = Log::default();
    let mut feed = Feed::new(with(Limits::default()), &mut log);
    for _ in 0..50 {
        feed.eth(&udp_frame(1, 2, b"xa"));
        feed.pass(1);
    }
    let told: Vec<_> = feed
        .observer
        .calls
        .iter()
        .filter_map(|call| if let Call::Progress(n) = call { Some(*n) } else { None })
        .collect();
    assert_eq!(told, [11, 21, 31, 41]);
}
