//! TCP as dissectors see it: order, gaps, both sides, ends of connections.

use dogwatch_dissectors::{Carrier, Hint, Protocol};
use dogwatch_flow::{Engine, Limits};
use dogwatch_model::Initiator;

use crate::support::build::{ACK, By, FIN, Feed, RST, SYN};
use crate::support::record::{Call, Lines, Log};

static X: Lines = Lines { name: "x", letter: b'x', hints: &[Hint::Tcp(7777)], carriers: &[Carrier::Tcp], wants: 2 };
static Y: Lines = Lines { name: "y", letter: b'y', hints: &[], carriers: &[Carrier::Tcp], wants: 2 };
static PROTOCOLS: &[&dyn Protocol] = &[&X, &Y];

fn engine() -> Engine {
    Engine::new(Limits::default(), PROTOCOLS)
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
    assert!(log.calls.contains(&Call::Established(Initiator::Sender)));
    assert_eq!(log.recognised(), [Some("x")]);
    let summary = log.ended.first().unwrap();
    assert!(summary.tcp.syn && summary.tcp.syn_ack && summary.tcp.established && summary.tcp.closed);
    assert_eq!((summary.forward.packets, summary.backward.packets), (4, 3));
    assert_eq!(summary.flow.initiator, Initiator::Sender);
    assert_eq!((summary.flow.src_port, summary.flow.dst_port), (40_000, 7777));
    let _ = (RST, SYN);
}
