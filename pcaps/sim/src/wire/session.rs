//! One TCP connection as a mirror port near the client sees it: handshake, data with acknowledgements, keep-alive, end.
//!
//! Both ends are played from here, in order of time. No loss and no retransmission: capture faults are made by the degrader.

use super::ip::{self, Segment, flag};
use super::net::{Host, MILLI, Net};

/// Which end speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Client,
    Server,
}

/// A TCP connection.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    client: Host,
    server: Host,
    client_port: u16,
    server_port: u16,
    client_seq: u32,
    server_seq: u32,
    /// Time from a segment of the client to the server's answer to it, without thinking.
    pub(crate) round_trip: i64,
    /// The client's data goes out in IP fragments of this many bytes.
    pub(crate) fragments: Option<usize>,
}

/// Largest payload of a segment.
const MSS: usize = 1_460;

impl Session {
    /// A connection not yet opened; `numbers` gives the two initial sequence numbers.
    pub(crate) fn new(client: (Host, u16), server: (Host, u16), numbers: u64, round_trip: i64) -> Self {
        Self {
            client: client.0,
            server: server.0,
            client_port: client.1,
            server_port: server.1,
            client_seq: numbers as u32,
            server_seq: (numbers >> 32) as u32,
            round_trip,
            fragments: None,
        }
    }

    fn segment(&mut self, net: &mut Net, at: i64, end: End, flags: u8, payload: &[u8]) {
        let client = (self.client.ip, self.client_port);
        let server = (self.server.ip, self.server_port);
        let (seq, ack) = match end {
            End::Client => (self.client_seq, self.server_seq),
            End::Server => (self.server_seq, self.client_seq),
        };
        let ack = if flags & flag::ACK == 0 { 0 } else { ack };
        let segment = Segment { seq, ack, flags, window: 0xFAF0, payload };
        match end {
            End::Client => {
                let bytes = ip::tcp(client, server, &segment);
                match self.fragments.filter(|_| !payload.is_empty()) {
                    Some(size) => net.fragmented(at, &self.client, &self.server, ip::TCP, &bytes, size),
                    None => net.unicast(at, &self.client, &self.server, ip::TCP, &bytes, false),
                }
            }
            End::Server => {
                let bytes = ip::tcp(server, client, &segment);
                net.unicast(at, &self.server, &self.client, ip::TCP, &bytes, true);
            }
        }
        let used = payload.len() as u32 + u32::from(flags & (flag::SYN | flag::FIN) != 0);
        let counter = if end == End::Client { &mut self.client_seq } else { &mut self.server_seq };
        *counter = counter.wrapping_add(used);
    }

    /// Becomes a connection not yet opened, from the next port.
    pub(crate) fn renew(&mut self, numbers: u64) {
        self.client_port = self.client_port.wrapping_add(1);
        self.client_seq = numbers as u32;
        self.server_seq = (numbers >> 32) as u32;
    }

    /// The three-way handshake from `at`; returns when the client may speak.
    pub(crate) fn open(&mut self, net: &mut Net, at: i64) -> i64 {
        self.segment(net, at, End::Client, flag::SYN, &[]);
        self.segment(net, at + self.round_trip, End::Server, flag::SYN | flag::ACK, &[]);
        let opened = at + self.round_trip + 120_000;
        self.segment(net, opened, End::Client, flag::ACK, &[]);
        opened + 150_000
    }

    /// A refused connection: SYN, then reset.
    pub(crate) fn refused(&mut self, net: &mut Net, at: i64) {
        self.segment(net, at, End::Client, flag::SYN, &[]);
        self.segment(net, at + self.round_trip, End::Server, flag::RST | flag::ACK, &[]);
    }

    /// Data from one end in as many segments as needed; returns when the last one was sent. The other end does not acknowledge by itself.
    pub(crate) fn send(&mut self, net: &mut Net, at: i64, end: End, payload: &[u8]) -> i64 {
        let mut at = at;
        let mut chunks = payload.chunks(MSS).peekable();
        while let Some(chunk) = chunks.next() {
            let last = chunks.peek().is_none();
            self.segment(net, at, end, flag::ACK | if last { flag::PSH } else { 0 }, chunk);
            at += if last { 0 } else { 130_000 };
        }
        at
    }

    /// A pure acknowledgement.
    pub(crate) fn ack(&mut self, net: &mut Net, at: i64, end: End) {
        self.segment(net, at, end, flag::ACK, &[]);
    }

    /// Asks the other end whether it is still there, with the last byte already acknowledged, and gets its answer.
    pub(crate) fn keep_alive(&mut self, net: &mut Net, at: i64) {
        self.client_seq = self.client_seq.wrapping_sub(1);
        self.segment(net, at, End::Client, flag::ACK, &[]);
        self.client_seq = self.client_seq.wrapping_add(1);
        self.segment(net, at + self.round_trip, End::Server, flag::ACK, &[]);
    }

    /// A question, its answer after `thinking`, and the client's late acknowledgement; returns when all is over.
    pub(crate) fn exchange(&mut self, net: &mut Net, at: i64, question: &[u8], answer: &[u8], thinking: i64) -> i64 {
        let asked = self.send(net, at, End::Client, question);
        let answered = self.send(net, asked + self.round_trip + thinking, End::Server, answer);
        let over = answered + 40 * MILLI;
        self.ack(net, over, End::Client);
        over
    }

    /// What both ends say in turn, each `pause` after the other; returns when the last was said.
    pub(crate) fn converse(&mut self, net: &mut Net, at: i64, lines: &[(End, Vec<u8>)], pause: i64) -> i64 {
        let mut at = at;
        for (end, bytes) in lines {
            at = self.send(net, at, *end, bytes) + self.round_trip + pause;
        }
        at
    }

    /// Closes in good order from the client's end.
    pub(crate) fn close(&mut self, net: &mut Net, at: i64) -> i64 {
        self.segment(net, at, End::Client, flag::FIN | flag::ACK, &[]);
        self.segment(net, at + self.round_trip, End::Server, flag::FIN | flag::ACK, &[]);
        let over = at + self.round_trip + 100_000;
        self.segment(net, over, End::Client, flag::ACK, &[]);
        over
    }
}
