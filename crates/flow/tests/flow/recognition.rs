//! Whose bytes these are: hints, probing, second thoughts.

use dogwatch_dissectors::{Carrier, Hint, Protocol};
use dogwatch_flow::{Engine, Limits};
use dogwatch_model::{CaptureTime, Initiator, SourceId, Transport};

use crate::support::build::{ACK, By, CLIENT_MAC, Feed, SERVER_MAC, ethernet, udp_frame};
use crate::support::record::{Call, Lines, Log};

const ALL: &[Carrier] =
    &[Carrier::Tcp, Carrier::Udp, Carrier::Ethernet, Carrier::Llc, Carrier::Ip, Carrier::Can, Carrier::Serial];

/// Both read lines that start with `x`: only the hints tell them apart.
static FIRST: Lines = Lines { name: "first", letter: b'x', hints: &[], carriers: ALL, wants: 2 };
static HINTED: Lines = Lines {
    name: "hinted",
    letter: b'x',
    hints: &[Hint::Tcp(5000), Hint::Udp(5000), Hint::EtherType(0x9999), Hint::Ip(99), Hint::Can],
    carriers: ALL,
    wants: 2,
};
static Y: Lines = Lines { name: "y", letter: b'y', hints: &[], carriers: &[Carrier::Tcp, Carrier::Udp], wants: 4 };
static PROTOCOLS: &[&dyn Protocol] = &[&FIRST, &HINTED, &Y];

fn engine() -> Engine {
    Engine::new(Limits::default(), PROTOCOLS)
}

#[test]
fn a_hint_orders_the_candidates_and_names_the_server() {
    for (name, frame, want, initiator) in [
        ("no hint", udp_frame(1, 2, b"xa"), "first", Initiator::Unknown),
        ("to the port", udp_frame(1, 5000, b"xa"), "hinted", Initiator::Sender),
        ("from the port", udp_frame(5000, 1, b"xa"), "hinted", Initiator::Receiver),
        ("both ports", udp_frame(5000, 5000, b"xa"), "hinted", Initiator::Unknown),
        ("ether type", ethernet(CLIENT_MAC, SERVER_MAC, 0x9999, b"xa"), "hinted", Initiator::Unknown),
        ("other ether type", ethernet(CLIENT_MAC, SERVER_MAC, 0x9998, b"xa"), "first", Initiator::Unknown),
    ] {
        let mut log = Log::default();
        let mut feed = Feed::new(engine(), &mut log);
        feed.eth(&frame);
        feed.engine.finish(feed.observer);
        assert_eq!(log.recognised(), [Some(want)], "{name}");
        let seen_from_client = log.ended.first().unwrap().flow;
        let want = if initiator == Initiator::Unknown { Initiator::Unknown } else { Initiator::Sender };
        assert_eq!(seen_from_client.initiator, want, "{name}");
        if initiator != Initiator::Unknown {
            assert_eq!(seen_from_client.dst_port, 5000, "{name}: the client speaks to the usual port");
        }
    }
}

#[test]
fn a_port_is_no_proof() {
    let mut log = Log::default();
    let mut feed = Feed::new(engine(), &mut log);
    feed.eth(&udp_frame(1, 5000, b"yes it is y"));
    assert_eq!(feed.observer.recognised(), [Some("y")]);
}

#[test]
fn an_odd_first_datagram_loses_nothing_else() {
    let mut log = Log::default();
    let mut feed = Feed::new(engine(), &mut log);
    feed.eth(&udp_frame(1, 2, b"odd"));
    feed.eth(&udp_frame(1, 2, b""));
    feed.eth(&udp_frame(1, 2, b"xa"));
    assert_eq!(feed.observer.said(), [">xa"]);
    assert_eq!(feed.observer.recognised(), [Some("first")]);
}

#[test]
fn unclassified_once_and_recognised_late() {
    let mut log = Log::default();
    let limits = Limits { probe_packets: 8, probe_again_every: 16, ..Limits::default() };
    let mut feed = Feed::new(Engine::new(limits, PROTOCOLS), &mut log);
    for _ in 0..20 {
        feed.eth(&udp_frame(1, 2, b"odd"));
    }
    assert_eq!(feed.observer.recognised(), [None]);
    for _ in 0..32 {
        feed.eth(&udp_frame(1, 2, b"xa"));
    }
    assert_eq!(feed.observer.recognised(), [None, Some("first")]);
    // 8 + 12 went by before; the look that found it was the 16th after probing ended
    assert_eq!(feed.observer.said().len(), 32 - 3);
    assert_eq!((feed.counter("flows_recognised"), feed.counter("flows_unclassified")), (1, 1));
}

#[test]
fn giving_up_leads_to_another_protocol_and_then_to_none() {
    let mut log = Log::default();
    let mut feed = Feed::new(engine(), &mut log);
    feed.eth(&udp_frame(1, 2, b"xa"));
    feed.eth(&udp_frame(1, 2, b"yes it is y"));
    feed.eth(&udp_frame(1, 2, b"xb"));
    feed.eth(&udp_frame(1, 2, b"yes again"));
    assert_eq!(feed.observer.said(), [">xa", ">yes it is y"]);
    assert_eq!(feed.observer.recognised(), [Some("first"), Some("y"), None]);
    assert_eq!(feed.counter("dissectors_gave_up"), 2);
}

#[test]
fn a_stream_given_up_is_offered_again_from_there() {
    let mut log = Log::default();
    let mut feed = Feed::new(engine(), &mut log);
    feed.server_port = 1234;
    feed.handshake(99, 899);
    feed.tcp(By::Client, 100, 900, ACK, b"xa\n");
    // `!` makes the reader give up; the next protocol in line takes lines with `x` too
    feed.tcp(By::Client, 103, 900, ACK, b"!\n");
    feed.tcp(By::Client, 105, 900, ACK, b"xb\n");
    assert_eq!(feed.observer.said(), [">xa", ">xb"]);
    assert_eq!(feed.observer.recognised(), [Some("first"), Some("hinted")]);
}

#[test]
fn a_stream_waits_for_more_but_not_for_ever() {
    let mut log = Log::default();
    let mut feed = Feed::new(engine(), &mut log);
    feed.server_port = 1234;
    feed.handshake(99, 899);
    feed.tcp(By::Client, 100, 900, ACK, b"ye");
    feed.tcp(By::Client, 102, 900, ACK, b"s");
    assert!(feed.observer.recognised().is_empty());
    feed.tcp(By::Client, 103, 900, ACK, b"!\nyo\n");
    assert_eq!(feed.observer.said(), [">yes!", ">yo"]);

    let mut log = Log::default();
    let mut feed = Feed::new(engine(), &mut log);
    feed.server_port = 1234;
    feed.handshake(99, 899);
    for n in 0..8 {
        feed.tcp(By::Client, 100 + n, 900, ACK, b"z");
    }
    assert_eq!(feed.observer.recognised(), [None]);
    assert_eq!(feed.counter("flows_unclassified"), 1);
}

#[test]
fn an_unclassified_stream_is_joined_later() {
    let mut log = Log::default();
    let limits = Limits { probe_again_every: 16, ..Limits::default() };
    let mut feed = Feed::new(Engine::new(limits, PROTOCOLS), &mut log);
    feed.server_port = 1234;
    feed.handshake(99, 899);
    for n in 0..20 {
        feed.tcp(By::Client, 100 + n * 1000, 900, ACK, &[b'z'; 1000]);
    }
    for n in 0..10 {
        feed.tcp(By::Client, 20_100 + n * 3, 900, ACK, b"xa\n");
    }
    // 2 of the long ones fill the probe, 18 follow; the next look after the 16th is at the 32nd
    for n in 10..20 {
        feed.tcp(By::Client, 20_100 + n * 3, 900, ACK, b"xb\n");
    }
    assert_eq!(feed.observer.recognised(), [None, Some("first")]);
    let said = feed.observer.said().len();
    assert!(said > 0 && said < 20, "{said}");
    assert_eq!(feed.counter("stream_gaps"), 0, "what came before is not missed");
}

#[test]
fn an_engine_may_move_to_another_thread() {
    const fn is_send<T: Send>(_: &T) {}
    is_send(&engine());
}

#[test]
fn a_serial_line_is_a_stream() {
    let mut log = Log::default();
    let mut engine = engine();
    let at = CaptureTime::from_parts(1_700_000_000, 0);
    for (number, bytes) in (1_u64..).zip([&b"noise"[..], b"x", b"a\nxb\nx", b"c\n"]) {
        engine.serial(at, SourceId(3), number, bytes, &mut log);
    }
    engine.finish(&mut log);
    assert_eq!(log.said(), [">xa", ">xb", ">xc"]);
    assert_eq!(log.frames, [3, 3, 4]);
    let flow = log.ended.first().unwrap().flow;
    assert_eq!((flow.transport, flow.source), (Transport::Serial, SourceId(3)));
}

#[test]
fn a_wire_stays_one_flow_however_long_it_is_quiet() {
    let mut log = Log::default();
    let mut engine = engine();
    for (number, (seconds, bytes)) in (1_u64..).zip([(0, &b"xa\nx"[..]), (1_000_000, b"b\n"), (1_000_001, b"xc\n")]) {
        engine.serial(CaptureTime::from_parts(1_700_000_000 + seconds, 0), SourceId(0), number, bytes, &mut log);
    }
    assert_eq!(log.said(), [">xa", ">xb", ">xc"]);
    assert!(log.ended.is_empty());
}

#[test]
fn a_line_that_began_with_noise_is_heard_once_it_speaks() {
    let mut log = Log::default();
    let mut engine = engine();
    let say = |engine: &mut Engine, log: &mut Log, number: u64, bytes: &[u8]| {
        let at = CaptureTime::from_parts(1_700_000_000 + i64::try_from(number).unwrap(), 0);
        engine.serial(at, SourceId(0), number, bytes, log);
    };
    for number in 0..100 {
        say(&mut engine, &mut log, number, b"??\n");
    }
    assert_eq!(log.recognised(), [None], "noise");
    for number in 100..300 {
        say(&mut engine, &mut log, number, b"xa\n");
    }
    assert_eq!(log.recognised().last(), Some(&Some("first")), "it is looked at again");
    // another device is plugged in: what was half said is forgotten, and it is looked at anew
    say(&mut engine, &mut log, 300, b"xhalf");
    engine.serial_ended(CaptureTime::from_parts(1_700_000_301, 0), SourceId(0), &mut log);
    assert_eq!(log.ended.len(), 1);
    say(&mut engine, &mut log, 302, b"xb\n");
    assert_eq!(log.said().last(), Some(&">xb"));
    assert_eq!(engine.counters().flows_started, 2);
}

#[test]
fn two_runs_say_the_same() {
    let run = || {
        let mut log = Log::default();
        let limits = Limits { flows: 40, ..Limits::default() };
        let mut feed = Feed::new(Engine::new(limits, PROTOCOLS), &mut log);
        for n in 0..3000_u32 {
            let port = u16::try_from(n * 7919 % 97).unwrap();
            feed.eth(&udp_frame(port, 5000, if n % 3 == 0 { b"xa" } else { b"??" }));
            if n % 50 == 0 {
                feed.pass(20);
            }
        }
        feed.engine.finish(feed.observer);
        log.calls
    };
    let first = run();
    assert!(first.iter().any(|call| matches!(call, Call::Progress(_))));
    assert_eq!(first, run(), "the seed of the hasher must not show");
}
