//! A replay mix for benchmarks: one file with the protocols of a ship in fixed shares, as dense as asked for, and always the same.
//!
//! 45 % IEC 61162-450 multicast, 34 % Modbus/TCP, 8 % NMEA 0183 over TCP, 8 % NMEA 2000 frames as gateway text, 5 % everything else.
//! No world behind it: values move, but nothing is detected in it.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use dogwatch_model::CaptureTime;

use crate::capture::file::{Format, Link, Style, Writer};
use crate::error::SimError;
use crate::rng::Rng;
use crate::ship::{self, Roster};
use crate::talk::lwe::{self, Tagger};
use crate::talk::modbus::{self, function};
use crate::talk::n2k;
use crate::talk::nmea::{self, Fix};
use crate::wire::link;
use crate::wire::names;
use crate::wire::net::{Frame, Host, Net, Tap};
use crate::wire::session::{End, Session};

/// Average distance of two packets: 50,000 a second.
const PACE: i64 = 20_000;
/// Packets handed to the file at a time.
const BATCH: u64 = 4_096;

/// What a packet belongs to, with its share in percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Groups,
    Modbus,
    Stream,
    Gateway,
    Noise,
}

const SHARES: [(Part, u64); 5] =
    [(Part::Groups, 45), (Part::Modbus, 34), (Part::Stream, 8), (Part::Gateway, 8), (Part::Noise, 5)];

/// Everyone who takes part.
struct Cast {
    net: Net,
    rng: Rng,
    talkers: Vec<(Host, Tagger, &'static str)>,
    masters: Vec<(Session, u16)>,
    stream: Session,
    display: Host,
    gateway: Host,
    router: Host,
    count: u64,
}

impl Cast {
    fn new(seed: u64) -> Result<Self, SimError> {
        let roster = Roster::new(ship::find("general-cargo")?)?;
        let mut rng = Rng::stream(seed, "mix", "cast");
        let mut talkers = Vec::new();
        for (id, sfi, talker) in
            [("gnss-1", "GP0001", "GP"), ("gnss-2", "GP0002", "GN"), ("gyro", "HE0001", "HE"), ("log", "VD0001", "VD")]
        {
            talkers.push((roster.host(id)?, Tagger::new(sfi, false), talker));
        }
        let mut masters = Vec::new();
        for (number, server) in (0_u16..8).zip(["me-gateway", "genset-gateway"].into_iter().cycle()) {
            let (client, server) = (roster.host("alarm-server")?, roster.host(server)?);
            masters.push((Session::new((client, 49_400 + number), (server, 502), rng.bits(), 10_000), number));
        }
        let (display, gateway) = (roster.host("ecdis-1")?, roster.host("serial-server")?);
        let stream = Session::new((display, 49_500), (gateway, 4_001), rng.bits(), 10_000);
        let router = roster.host("bridge-gateway")?;
        Ok(Self { net: roster.network(), rng, talkers, masters, stream, display, gateway, router, count: 0 })
    }

    /// Opens every connection; returns the packets that took.
    fn open(&mut self, at: i64) -> u64 {
        for (number, (session, _)) in (0..).zip(&mut self.masters) {
            session.open(&mut self.net, at + number * PACE * 4);
        }
        self.stream.open(&mut self.net, at);
        (self.masters.len() as u64 + 1) * 3
    }

    /// A fix that moves on with every call.
    fn fix(&mut self, at: i64) -> Fix {
        let step = self.count as f64;
        Fix {
            valid: true,
            differential: false,
            at,
            lat: 57.5 + step * 1e-7,
            lon: 7.5 + step * 2e-7,
            height: 24.0,
            sog_kn: 11.2 + self.rng.normal(0.1),
            cog: 62.0 + self.rng.normal(1.0),
            satellites: 9,
            hdop: 0.9,
        }
    }

    /// Sends one unit of a part from `at` on; returns its packets.
    fn send(&mut self, part: Part, at: i64) -> u64 {
        self.count += 1;
        match part {
            Part::Groups => self.group_sentence(at),
            Part::Modbus => self.transaction(at),
            Part::Stream => {
                let fix = self.fix(at);
                let line = nmea::rmc("GP", &fix) + "\r\n";
                let sent = self.stream.send(&mut self.net, at, End::Server, line.as_bytes());
                self.stream.ack(&mut self.net, sent + PACE, End::Client);
                2
            }
            Part::Gateway => self.gateway_line(at),
            Part::Noise => self.noise(at),
        }
    }

    fn group_sentence(&mut self, at: i64) -> u64 {
        let fix = self.fix(at);
        let which = self.count as usize % self.talkers.len().max(1);
        let Some((host, tagger, talker)) = self.talkers.get_mut(which) else { return 0 };
        let (line, group) = match *talker {
            "HE" => (nmea::sentence(&format!("HEHDT,{},T", nmea::angle(fix.cog))), lwe::SATD),
            "VD" => (nmea::sentence(&format!("VDVBW,{:.2},0.01,A,,,V,,V,,V", fix.sog_kn)), lwe::NAVD),
            talker if self.count.is_multiple_of(3) => (nmea::vtg(talker, &fix), lwe::NAVD),
            talker => (nmea::gga(talker, &fix), lwe::NAVD),
        };
        let payload = lwe::datagram(&tagger.lines(at, &[line], false));
        self.net.send_udp_to_many(at, (host, 50_000), group.endpoint(), &payload);
        1
    }

    /// Request, answer, acknowledgement.
    fn transaction(&mut self, at: i64) -> u64 {
        let (which, draw) = (self.count as usize % self.masters.len().max(1), self.rng.bits());
        let Some((session, transaction)) = self.masters.get_mut(which) else { return 0 };
        *transaction = transaction.wrapping_add(1);
        let (request, answer) = if draw & 0x3F == 0 {
            let write = modbus::pair(function::WRITE_REGISTER, 500, (draw >> 8) as u16 & 1);
            (write.clone(), write)
        } else {
            let count = 2 + (draw >> 8) as u16 % 30;
            let values: Vec<u16> = (0..count).map(|place| (draw >> (place % 40)) as u16).collect();
            (
                modbus::pair(function::READ_HOLDING, (draw >> 20) as u16 % 100, count),
                modbus::registers(function::READ_HOLDING, &values),
            )
        };
        let asked = session.send(&mut self.net, at, End::Client, &modbus::frame(*transaction, 1, &request));
        let answered = asked + PACE;
        session.send(&mut self.net, answered, End::Server, &modbus::frame(*transaction, 1, &answer));
        session.ack(&mut self.net, answered + PACE, End::Client);
        3
    }

    /// One or two bus frames as a Yacht Devices gateway writes them: time, direction, identifier, data.
    fn gateway_line(&mut self, at: i64) -> u64 {
        let (_, _, _, hour, minute, second, nanos) = CaptureTime(at).civil();
        let fix = self.fix(at);
        let mut text = String::new();
        for _ in 0..=self.rng.below(2) {
            let (pgn, data) = match self.rng.below(4) {
                0 => (129_025, n2k::position(fix.lat, fix.lon)),
                1 => (127_250, n2k::heading(1, fix.cog.rem_euclid(360.0).to_radians())),
                2 => (130_306, n2k::wind(1, 7.0 + self.rng.unit(), 1.0)),
                _ => (128_267, n2k::depth(1, 50.0 + self.rng.unit(), 4.6)),
            };
            let id = n2k::identifier(2, pgn, 35, 255);
            text.push_str(&format!("{hour:02}:{minute:02}:{second:02}.{:03} R {id:08X}", nanos / 1_000_000));
            for byte in data {
                text.push_str(&format!(" {byte:02X}"));
            }
            text.push_str("\r\n");
        }
        self.net.send_udp_to_many(at, (&self.gateway, 1_457), ([10, 20, 1, 255], 1_457), text.as_bytes());
        1
    }

    fn noise(&mut self, at: i64) -> u64 {
        match self.rng.below(6) {
            0 => self.net.resolve(at, &self.display, &self.router, false),
            1 => {
                let hello = link::spanning_tree(self.router.mac, 1);
                self.net.frame_on(at, self.router.index, 0, hello);
                return 1;
            }
            2 | 3 => {
                let id = self.rng.bits() as u16;
                let name = "chart.example.net";
                self.net.udp(at, (&self.display, 53_000), (&self.router, 53), &names::dns_query(id, name), false);
                let answer = names::dns_answer(id, name, [203, 0, 113, 9]);
                self.net.udp(at + PACE, (&self.router, 53), (&self.display, 53_000), &answer, true);
            }
            _ => {
                self.net.udp(at, (&self.display, 123), (&self.router, 123), &names::ntp_query(at), false);
                let answer = names::ntp_answer(at, at + 100, at + 200);
                self.net.udp(at + PACE, (&self.router, 123), (&self.display, 123), &answer, true);
            }
        }
        2
    }
}

/// Writes a mix of exactly `packets` packets to `path`; returns the bytes of the file.
///
/// # Errors
/// When the file cannot be written.
pub fn mix(packets: u64, seed: u64, start: CaptureTime, path: &Path) -> Result<u64, SimError> {
    let failed = |source| SimError::Write { path: path.to_owned(), source };
    let file = BufWriter::with_capacity(1 << 18, File::create(path).map_err(failed)?);
    let style =
        Style { format: Format::Pcap, link: Link::Ethernet, nanoseconds: false, big_endian: false, vlan: false };
    let mut writer = Writer::new(file, style, &["mix"]).map_err(failed)?;
    let mut cast = Cast::new(seed)?;
    let begin = start.seconds() * 1_000_000_000;
    let mut sent = [0_u64; SHARES.len()];
    let mut made = cast.open(begin);
    if let Some(modbus) = sent.get_mut(1) {
        *modbus = made;
    }
    let offset = begin + 100 * PACE;
    while writer.frames < packets {
        let goal = made + BATCH;
        while made < goal {
            // The part that lags most behind its share comes next.
            let lag = |(index, (_, share)): &(usize, (Part, u64))| {
                made as i64 * *share as i64 - sent.get(*index).copied().unwrap_or(0) as i64 * 100
            };
            let Some((index, (part, _))) = SHARES.into_iter().enumerate().max_by_key(lag) else { break };
            let count = cast.send(part, offset + made as i64 * PACE);
            made += count;
            if let Some(sum) = sent.get_mut(index) {
                *sum += count;
            }
        }
        let ready = cast.net.take_until(offset + made as i64 * PACE);
        for frame in ready.iter().filter(|frame| is_kept(frame)).take((packets - writer.frames) as usize) {
            writer.frame(frame).map_err(failed)?;
        }
    }
    let bytes = writer.bytes;
    writer.finish().map_err(failed)?;
    Ok(bytes)
}

/// Both mirror ports, one view of each packet.
fn is_kept(frame: &Frame) -> bool {
    frame.tap != Tap::Bus && !frame.far_view
}
