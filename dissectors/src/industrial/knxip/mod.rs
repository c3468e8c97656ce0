//! KNX/IP: lighting, ventilation and cabin control of hotels and passenger ships, over UDP and TCP.
//!
//! Reads searches and descriptions (name, serial number, individual address, MAC), connections, and the KNX telegrams inside tunnels and routing:
//! group reads and writes, device management. Deliberately not read: values (their type is only in the project), KNX IP Secure contents.
//!
//! Specification: ISO 22510:2019 (KNXnet/IP), KNX standard 3/3/7 (application layer), 3/6/3 (common EMI).

mod cemi;
mod description;

use std::net::Ipv4Addr;

use dogwatch_model::{Act, Direction, Object, Verb};

use crate::acts::{Acts, Emit, Shown, Visit};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::reader::Reader;
use crate::text::Text;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};
use cemi::Telegram;

/// KNX/IP.
pub(crate) static KNXIP: FramedProtocol = FramedProtocol {
    name: "knxip",
    hints: &[Hint::Udp(3671), Hint::Tcp(3671)],
    carriers: &[Carrier::Udp, Carrier::Tcp],
    probe: |carrier, head| match frame_length(head) {
        Frame::Whole { len, .. } if carrier.is_stream() || len <= head.len() => Probe::Yes,
        Frame::More if carrier.is_stream() => Probe::NeedMore,
        _ => Probe::No,
    },
    frames: |_| Box::new(Knx),
};

const HEADER: usize = 6;
/// Longest frame; secure ones are the longest.
const LONGEST: usize = 1_024;

/// Name of a service (ISO 22510 annex); `None` for a number that is none.
const fn service_name(service: u16) -> Option<&'static str> {
    Some(match service {
        0x0201 => "search-request",
        0x0202 => "search-response",
        0x0203 => "description-request",
        0x0204 => "description-response",
        0x0205 => "connect-request",
        0x0206 => "connect-response",
        0x0207 => "connection-state-request",
        0x0208 => "connection-state-response",
        0x0209 => "disconnect-request",
        0x020a => "disconnect-response",
        0x020b => "search-request-extended",
        0x020c => "search-response-extended",
        0x0310 => "device-configuration-request",
        0x0311 => "device-configuration-acknowledge",
        0x0420 => "tunnelling-request",
        0x0421 => "tunnelling-acknowledge",
        0x0422 => "tunnelling-feature-get",
        0x0423 => "tunnelling-feature-response",
        0x0424 => "tunnelling-feature-set",
        0x0425 => "tunnelling-feature-information",
        0x0530 => "routing-indication",
        0x0531 => "routing-lost",
        0x0532 => "routing-busy",
        0x0533 => "routing-system-broadcast",
        0x0740 => "remote-diagnostic-request",
        0x0741 => "remote-diagnostic-response",
        0x0742 => "remote-configuration-request",
        0x0743 => "remote-reset-request",
        0x0950 => "secure-wrapper",
        0x0951 => "secure-session-request",
        0x0952 => "secure-session-response",
        0x0953 => "secure-session-authenticate",
        0x0954 => "secure-session-status",
        0x0955 => "secure-timer",
        _ => return None,
    })
}

fn frame_length(bytes: &[u8]) -> Frame {
    const LOST: Frame =
        Frame::Lost(ParseError::Malformed { what: "knx header", at: 0, why: "size, version, service or length" });
    let same = bytes.iter().zip([6_u8, 0x10]).all(|(byte, want)| *byte == want);
    if !same {
        return LOST;
    }
    let Some([_, _, s0, s1, l0, l1]) = bytes.first_chunk::<HEADER>() else { return Frame::More };
    let length = usize::from(u16::from_be_bytes([*l0, *l1]));
    let known = service_name(u16::from_be_bytes([*s0, *s1])).is_some();
    if known && (HEADER..=LONGEST).contains(&length) { Frame::whole(length) } else { LOST }
}

/// Frames of KNX/IP.
struct Knx;

impl Frames for Knx {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        frame_length(bytes)
    }

    fn read(&mut self, _chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let mut reader = Reader::new("knx", bytes);
        let _size_and_version = reader.be16()?;
        let (service, _length) = (reader.be16()?, reader.be16()?);
        let body = reader.rest();
        match service {
            0x0202 | 0x0204 | 0x020c => description::read(service, body, emit),
            0x0310 | 0x0420 | 0x0422..=0x0425 => tunnel(service, body, emit),
            0x0530 | 0x0533 => {
                let telegram = Telegram::parse(body)?;
                telegram.tell(service, None, emit);
                Ok(())
            }
            _ => {
                control(service, body, emit);
                Ok(())
            }
        }
    }

    fn lost(&mut self, _direction: Direction) {}
}

/// Address and port of a host information block: 8 bytes, protocol, address, port.
fn endpoint(body: &[u8]) -> Option<(Ipv4Addr, u16)> {
    let [8, 1 | 2, a, b, c, d, p0, p1, ..] = body else { return None };
    Some((Ipv4Addr::new(*a, *b, *c, *d), u16::from_be_bytes([*p0, *p1])))
}

/// Fields of the endpoint that a request names for its answer.
fn show_endpoint(visit: &mut Visit<'_>, endpoint: Option<(Ipv4Addr, u16)>) {
    if let Some((address, port)) = endpoint {
        visit.shown("ipaddr", address);
        visit.number("port", port);
    }
}

/// Searches, connections and what else has no telegram.
fn control(service: u16, body: &[u8], emit: &mut Emit<'_>) {
    let answer = |at: usize| body.get(at).is_some_and(|status| *status != 0);
    let (session, connection) = (Object::Named("session"), Object::Named("connection"));
    let mut acts = Acts::new();
    match service {
        0x0201 | 0x0203 | 0x020b => acts.request(Verb::Discover, Object::Device { unit: None }),
        0x0205 => acts.request(Verb::Login, connection),
        0x0206 => acts.reply(Verb::Login, connection, answer(1)),
        0x0740 => acts.request(Verb::Diagnose, Object::Device { unit: None }),
        0x0742 => acts.request(Verb::Program, Object::Device { unit: None }),
        0x0743 => acts.request(Verb::Control, Object::Named("reset")),
        0x0951 | 0x0953 => acts.request(Verb::Login, session),
        0x0954 => acts.reply(Verb::Login, session, answer(0)),
        _ => {}
    }
    let (channel, status, at) = match service {
        0x0206 | 0x0208 | 0x020a => (body.first(), body.get(1), 2),
        0x0207 | 0x0209 => (body.first(), None, 2),
        0x0311 | 0x0421 => (body.get(1), body.get(3), 4),
        _ => (None, None, 0),
    };
    let individual = match (service, body) {
        // A tunnel is lent an individual address of the server.
        (0x0206, [_, 0, _, _, _, _, _, _, _, _, 4, 4, a0, a1, ..]) => Some(cemi::individual([*a0, *a1])),
        _ => None,
    };
    let fields = Shown(|visit| {
        visit.number("service_type", service);
        show_endpoint(visit, body.get(at..).and_then(endpoint));
        visit.maybe("channel", channel.copied());
        visit.maybe("status", status.copied());
        visit.maybe_text("individual_address", individual.as_ref().map(Text::as_str));
    });
    emit.message(service_name(service).unwrap_or("unknown"), &mut acts, &fields);
}

/// A connection header of four bytes, then a telegram or a feature.
fn tunnel(service: u16, body: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let mut reader = Reader::new("knx tunnel", body);
    let [_size, channel, _sequence, status] = reader.array()?;
    if matches!(service, 0x0310 | 0x0420) {
        Telegram::parse(reader.rest())?.tell(service, Some(channel), emit);
        return Ok(());
    }
    let feature = reader.rest().first().copied();
    let object = Object::Named("tunnel-feature");
    let act = match service {
        0x0422 => Act::Request { verb: Verb::Read, object },
        0x0424 => Act::Request { verb: Verb::Write, object },
        0x0423 => Act::Reply { verb: Verb::Read, object, refused: body.get(5).is_some_and(|code| *code != 0) },
        _ => Act::Publishes { object },
    };
    let fields = Shown(|visit| {
        visit.number("service_type", service);
        visit.number("channel", channel);
        // Only an answer has a status in the last byte of the header; elsewhere it is reserved.
        visit.maybe("status", (service == 0x0423).then_some(status));
        visit.maybe("feature", feature);
    });
    emit.plain(service_name(service).unwrap_or("unknown"), &[act], &fields);
    Ok(())
}

#[cfg(test)]
mod tests;
