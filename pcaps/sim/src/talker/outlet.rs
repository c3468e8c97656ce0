//! How sentences leave a talker: IEC 61162-450 groups, plain UDP broadcast, or a serial line behind a serial server.

use std::collections::BTreeMap;

use crate::rng::Rng;
use crate::talk::lwe::{self, Group, Tagger};
use crate::wire::net::{Host, MILLI, Net};
use crate::wire::session::{End, Session};

/// The carrier of sentences in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// Multicast groups with TAG blocks.
    Groups,
    /// UDP broadcast to port 10110.
    Plain,
    /// TCP from a serial server.
    Serial,
}

/// A serial line brought onto the network: the server's port and the station that listens.
#[derive(Debug, Clone)]
struct Line {
    session: Session,
    opened: bool,
    /// The end of the last text that has not been sent yet: a serial server knows nothing of sentences.
    tail: Vec<u8>,
}

/// One source's way out.
#[derive(Debug, Clone)]
pub(crate) struct Outlet {
    host: Host,
    carrier: Carrier,
    sfi: String,
    /// Lines are counted for each group by itself, so that a listener to one group can tell a lost line.
    taggers: BTreeMap<u8, Tagger>,
    line: Option<Line>,
    rng: Rng,
    free_at: i64,
}

/// What an outlet needs to know about the ship.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wiring {
    pub(crate) seed: u64,
    pub(crate) carrier: Carrier,
    pub(crate) serial_server: Host,
    pub(crate) listener: Host,
}

impl Outlet {
    /// The way out of `host`, which calls itself `sfi`.
    pub(crate) fn new(host: Host, sfi: &str, wiring: &Wiring) -> Self {
        let mut rng = Rng::stream(wiring.seed, sfi, "outlet");
        let line = (wiring.carrier == Carrier::Serial).then(|| Line {
            session: Session::new(
                (wiring.listener, 49_200 + host.index as u16),
                (wiring.serial_server, 4_001 + (host.index % 16) as u16),
                rng.bits(),
                400_000,
            ),
            opened: false,
            tail: Vec::new(),
        });
        Self { host, carrier: wiring.carrier, sfi: sfi.to_owned(), taggers: BTreeMap::new(), line, rng, free_at: 0 }
    }

    /// Sends sentences that belong together; `linked` marks them as one group in their TAG blocks.
    pub(crate) fn send(&mut self, net: &mut Net, at: i64, group: Group, sentences: &[String], linked: bool) {
        // One host's datagrams do not overtake each other.
        let at = at.max(self.free_at);
        self.free_at = at + 200_000;
        let port = 50_000 + self.host.index as u16;
        match self.carrier {
            Carrier::Groups => {
                let sfi = &self.sfi;
                let tagger = self.taggers.entry(group.0).or_insert_with(|| Tagger::new(sfi, sfi.starts_with("GP")));
                let payload = lwe::datagram(&tagger.lines(at, sentences, linked));
                net.send_udp_to_many(at, (&self.host, port), group.endpoint(), &payload);
            }
            Carrier::Plain => {
                let text = sentences.iter().fold(String::new(), |sum, line| sum + line + "\r\n");
                let Some(to) = self.host.subnet.and_then(|at| net.subnet(at)).map(|subnet| subnet.broadcast()) else {
                    return;
                };
                net.send_udp_to_many(at, (&self.host, port), (to, 10_110), text.as_bytes());
            }
            Carrier::Serial => self.send_serial(net, at, sentences),
        }
    }

    fn send_serial(&mut self, net: &mut Net, at: i64, sentences: &[String]) {
        let Some(line) = &mut self.line else { return };
        let mut at = at;
        if !line.opened {
            line.opened = true;
            at = line.session.open(net, at);
        }
        let mut text = std::mem::take(&mut line.tail);
        for sentence in sentences {
            text.extend_from_slice(sentence.as_bytes());
            text.extend_from_slice(b"\r\n");
        }
        // The server sends what it has when its timer runs out, wherever that is in a sentence.
        let cut = text.len().saturating_sub(self.rng.below(24) as usize);
        if let Some((now, later)) = text.split_at_checked(cut)
            && !now.is_empty()
        {
            line.tail = later.to_vec();
            let sent = line.session.send(net, at, End::Server, now);
            line.session.ack(net, sent + 300_000, End::Client);
            self.free_at = sent + MILLI;
        }
    }
}
