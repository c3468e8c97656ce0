//! Work between machines that is neither sentences nor Modbus: files, logs, building gear, controllers of other makers, video, TLS.
//!
//! Payloads that no reader could look into anyway (TLS records, proprietary frames) are of random bytes; the rest is as its
//! specification says: S7 (RFC 1006), BACnet/IP (ASHRAE 135 annex J), syslog over TCP (RFC 6587), RTSP (RFC 2326), ICMPv6 (RFC 4443).

use super::{Cadence, Talker};
use crate::error::SimError;
use crate::rng::Rng;
use crate::ship::{ASHORE_INDEX, Roster};
use crate::talk::{bacnet, s7, smb};
use crate::wire::net::{Host, MILLI, Net, SECOND};
use crate::wire::session::{End, Session};
use crate::wire::{ip6, link, tls};
use crate::world::World;

/// What one machine does with another.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Work {
    /// A TLS session each time: the name asked for, bytes out and in.
    Tls { name: &'static str, bytes: (usize, usize) },
    /// An open connection to this port on which `bytes` go out and in, of a protocol nobody can read.
    Frames { port: u16, bytes: (usize, usize) },
    /// Log lines on an open connection.
    Lines { port: u16 },
    /// Reads of a data block on an open connection.
    S7 { block: u16, bytes: usize },
    /// A file is copied to a share.
    Copy { share: &'static str },
    /// Reads of binary values up to this one, and now and then a write.
    Bacnet { points: u32, writes: bool },
    /// Video announced and sent to the other end, inside the control connection.
    Video,
    /// IPv6 neighbours that look whether the other one is there.
    Ping6 { network: [u8; 8] },
}

/// The other end.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Other {
    Aboard(&'static str),
    /// A running number and an address.
    Ashore(u32, [u8; 4]),
}

/// Who does what with whom, and how often.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServicePlan {
    pub(crate) client: &'static str,
    pub(crate) server: Other,
    pub(crate) work: Work,
    pub(crate) period_ms: i64,
}

/// A machine at work.
pub(crate) struct Service {
    plan: &'static ServicePlan,
    client: Host,
    server: Host,
    cadence: Cadence,
    session: Session,
    opened: bool,
    port: u16,
    round: u32,
    rng: Rng,
    free_at: i64,
    /// One of the two ends goes dark with the machinery.
    loses_power: bool,
    was_off: bool,
}

impl Service {
    /// Begins within the first seconds of the run.
    pub(crate) fn new(
        plan: &'static ServicePlan,
        roster: &Roster,
        loses_power: bool,
        seed: u64,
        start: i64,
    ) -> Result<Self, SimError> {
        let client = roster.host(plan.client)?;
        let server = match plan.server {
            Other::Aboard(id) => roster.host(id)?,
            Other::Ashore(number, ip) => Host::ashore(ASHORE_INDEX + number, ip),
        };
        let [a, b, c, d] = server.ip;
        let mut rng = Rng::stream(seed, plan.client, &format!("service {a}.{b}.{c}.{d}"));
        let period = plan.period_ms * MILLI;
        let cadence = Cadence::new(start + 3 * SECOND + rng.nanos(period.min(40 * SECOND)), period);
        let port = 49_200 + rng.below(8_000) as u16;
        let trip = round_trip(&client, &server);
        let session = Session::new((client, port), (server, port_of(plan.work)), rng.bits(), trip);
        Ok(Self {
            plan,
            client,
            server,
            cadence,
            session,
            opened: false,
            port,
            round: 0,
            rng,
            free_at: 0,
            loses_power,
            was_off: false,
        })
    }

    /// Opens the connection when it is not, and says whether it was opened now and when one may speak.
    fn open(&mut self, net: &mut Net, at: i64) -> (bool, i64) {
        if std::mem::replace(&mut self.opened, true) { (false, at) } else { (true, self.session.open(net, at)) }
    }

    fn work(&mut self, net: &mut Net, at: i64) -> i64 {
        match self.plan.work {
            Work::Tls { name, bytes } => {
                self.port = 49_200 + (self.port - 49_200 + 1) % 8_000;
                visit(net, at, &mut self.rng, (self.client, self.port, self.server), name, bytes)
            }
            Work::Frames { bytes: (out, back), .. } => {
                let (_, at) = self.open(net, at);
                let (out, back) = (self.rng.bytes(out), self.rng.bytes(back));
                self.session.exchange(net, at, &out, &back, 3 * MILLI)
            }
            Work::Lines { .. } => {
                let (_, at) = self.open(net, at);
                let values: Vec<String> =
                    (0..12).map(|tag| format!("T{tag:03}={:.2}", 40.0 + self.rng.normal(3.0))).collect();
                let line = format!("<134>1 - ias historian - - - {}\n", values.join(" "));
                let sent = self.session.send(net, at, End::Client, line.as_bytes());
                self.session.ack(net, sent + 40 * MILLI, End::Server);
                sent + 41 * MILLI
            }
            Work::S7 { block, bytes } => self.read_block(net, at, block, bytes),
            Work::Copy { share } => {
                self.port = 49_200 + (self.port - 49_200 + 1) % 8_000;
                let file = format!(r"backup\trend{:04}.dat", self.round);
                open_share(net, at, &mut self.rng, (self.client, self.port, self.server), share, &file);
                at + 2 * SECOND
            }
            Work::Bacnet { points, writes } => self.building(net, at, points, writes),
            Work::Video => self.video(net, at),
            Work::Ping6 { network } => {
                self.ping(net, at, network);
                at
            }
        }
    }

    fn read_block(&mut self, net: &mut Net, at: i64, block: u16, bytes: usize) -> i64 {
        let (is_new, mut at) = self.open(net, at);
        if is_new {
            for [question, answer] in [s7::connect(), s7::set_up()] {
                at = self.session.exchange(net, at, &question, &answer, 5 * MILLI) + 30 * MILLI;
            }
        }
        let mut data = vec![0; bytes];
        if let Some(life) = data.first_mut() {
            *life = self.round as u8;
        }
        let [question, answer] = s7::read(2 + self.round as u16 % 60_000, block, 0, &data);
        self.session.exchange(net, at, &question, &answer, 8 * MILLI)
    }

    /// One point after the other; every fortieth time one is switched.
    fn building(&mut self, net: &mut Net, at: i64, points: u32, writes: bool) -> i64 {
        let (point, invoke) = (1 + self.round % points.max(1), self.round as u8);
        let state = !point.is_multiple_of(3);
        let [question, answer] = if writes && self.round % 40 == 39 {
            bacnet::write_binary(invoke, point, state)
        } else {
            bacnet::read_binary(invoke, point, state)
        };
        let trip = round_trip(&self.client, &self.server) + 9 * MILLI;
        net.udp(at, (&self.client, 47_808), (&self.server, 47_808), &question, false);
        net.udp(at + trip, (&self.server, 47_808), (&self.client, 47_808), &answer, true);
        at + trip
    }

    /// Options and an announcement once, then packets in the control connection: `$`, channel, length.
    fn video(&mut self, net: &mut Net, at: i64) -> i64 {
        let (is_new, mut at) = self.open(net, at);
        if is_new {
            let [a, b, c, d] = self.server.ip;
            let address = format!("rtsp://{a}.{b}.{c}.{d}/deck");
            let description = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=deck\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n";
            let lines = [
                (format!("OPTIONS {address} RTSP/1.0\r\nCSeq: 1\r\n\r\n"), "Public: ANNOUNCE, SETUP, RECORD\r\n"),
                (
                    format!(
                        "ANNOUNCE {address} RTSP/1.0\r\nCSeq: 2\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{description}",
                        description.len()
                    ),
                    "",
                ),
                (
                    format!(
                        "SETUP {address} RTSP/1.0\r\nCSeq: 3\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1;mode=record\r\n\r\n"
                    ),
                    "Session: 7\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n",
                ),
                (format!("RECORD {address} RTSP/1.0\r\nCSeq: 4\r\nSession: 7\r\n\r\n"), "Session: 7\r\n"),
            ];
            for (number, (question, extra)) in (1..).zip(lines) {
                let answer = format!("RTSP/1.0 200 OK\r\nCSeq: {number}\r\n{extra}\r\n");
                at = self.session.exchange(net, at, question.as_bytes(), answer.as_bytes(), 5 * MILLI);
            }
        }
        let mut packet = vec![b'$', 0];
        let picture = self.rng.bytes(900);
        packet.extend_from_slice(&(picture.len() as u16 + 12).to_be_bytes());
        // RTP: version 2, marker, payload type 96, number, time in ninetieths of a millisecond, source.
        packet.extend_from_slice(&[0x80, 0xE0]);
        packet.extend_from_slice(&(self.round as u16).to_be_bytes());
        packet.extend_from_slice(&((at / MILLI * 90) as u32).to_be_bytes());
        packet.extend_from_slice(&[0, 0, 0x5C, 0x7A]);
        packet.extend_from_slice(&picture);
        let sent = self.session.send(net, at, End::Client, &packet);
        self.session.ack(net, sent + 40 * MILLI, End::Server);
        sent + 41 * MILLI
    }

    fn ping(&mut self, net: &mut Net, at: i64, network: [u8; 8]) {
        let Some(segment) = self.client.subnet else { return };
        let ends = [self.client, self.server].map(|host| {
            let [.., last] = host.ip;
            // Addresses end as the decimal digits of the older ones do.
            let digits = ((last / 10) << 4) | (last % 10);
            let mut address = [0; 16];
            address.split_at_mut(8).0.copy_from_slice(&network);
            if let Some(end) = address.last_mut() {
                *end = digits;
            }
            (host, address)
        });
        let [(a, from), (b, to)] = ends;
        let (number, v6) = (self.round as u16, ip6::IPV6);
        if self.round.is_multiple_of(4) {
            let (group, group_mac) = ip6::solicited(to);
            let ask = ip6::solicitation((from, a.mac), to, group);
            net.frame_on(at - 4 * MILLI, a.index, segment, link::frame(group_mac, a.mac, v6, &ask));
            let told = ip6::advertisement((to, b.mac), from);
            net.frame_on(at - 3 * MILLI, b.index, segment, link::frame(a.mac, b.mac, v6, &told));
        }
        let ask = ip6::echo(128, (from, to), number);
        net.frame_on(at, a.index, segment, link::frame(b.mac, a.mac, v6, &ask));
        let answer = ip6::echo(129, (to, from), number);
        net.frame_on(at + 400_000, b.index, segment, link::frame(a.mac, b.mac, v6, &answer));
    }
}

impl Talker for Service {
    fn tick(&mut self, world: &World, net: &mut Net) {
        let is_dark = world.effects.blackout && self.loses_power;
        if !is_dark && std::mem::replace(&mut self.was_off, is_dark) {
            // What was open before is forgotten: another connection, from the next port.
            self.session.renew(self.rng.bits());
            self.opened = false;
            self.free_at = world.now + SECOND;
        }
        self.was_off = is_dark;
        let Some(at) = self.cadence.due(world.now) else { return };
        let is_off = is_dark || (self.server.subnet.is_none() && world.effects.link_down);
        if is_off || at < self.free_at {
            return;
        }
        let at = at + 5 * MILLI + self.rng.nanos(3 * MILLI);
        self.free_at = self.work(net, at);
        self.round += 1;
    }
}

/// Within a segment, over the router, or over a satellite.
fn round_trip(client: &Host, server: &Host) -> i64 {
    match (client.subnet, server.subnet) {
        (_, None) => 600 * MILLI,
        (a, b) if a == b => 400_000,
        _ => 900_000,
    }
}

fn port_of(work: Work) -> u16 {
    match work {
        Work::Frames { port, .. } | Work::Lines { port } => port,
        Work::S7 { .. } => 102,
        Work::Copy { .. } => 445,
        Work::Video => 554,
        Work::Bacnet { .. } => 47_808,
        Work::Tls { .. } | Work::Ping6 { .. } => 443,
    }
}

/// A TLS session: `sent` and `fetched` bytes of data. Returns when it is over.
pub(crate) fn visit(
    net: &mut Net,
    at: i64,
    rng: &mut Rng,
    ends: (Host, u16, Host),
    name: &str,
    (sent, fetched): (usize, usize),
) -> i64 {
    let (client, port, remote) = ends;
    let mut tcp = Session::new((client, port), (remote, 443), rng.bits(), round_trip(&client, &remote));
    let at = tcp.open(net, at);
    let id = rng.bytes(32);
    let lines = [
        (End::Client, tls::client_hello(rng, name, &id)),
        (End::Server, tls::server_flight(rng, &id)),
        (End::Client, tls::client_finished(rng)),
        (End::Server, tls::application_data(rng, 250)),
        (End::Client, tls::application_data(rng, sent)),
        (End::Server, tls::application_data(rng, fetched)),
    ];
    let at = tcp.converse(net, at, &lines, 4 * MILLI);
    tcp.close(net, at + 50 * MILLI)
}

/// One host opens a share of another and a pipe or file in it.
pub(crate) fn open_share(net: &mut Net, at: i64, rng: &mut Rng, ends: (Host, u16, Host), share: &str, file: &str) {
    let (client, port, server) = ends;
    let trip = if client.subnet == server.subnet { 400_000 } else { 900_000 };
    let mut tcp = Session::new((client, port), (server, 445), rng.bits(), trip);
    let mut at = tcp.open(net, at);
    let [a, b, c, d] = server.ip;
    let path = format!(r"\\{a}.{b}.{c}.{d}\{share}");
    for [question, answer] in smb::conversation(rng, &path, share == "IPC$", file) {
        at = tcp.exchange(net, at, &question, &answer, 3 * MILLI);
    }
    tcp.close(net, at + 100 * MILLI);
}
