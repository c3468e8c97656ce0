//! MAVLink: orders to and reports of unmanned craft.
//!
//! A message counts only with a right checksum, which includes a number each message definition has of its own; messages whose number is not in the
//! table here are passed over. Deliberately not read: values. Source: <https://mavlink.io>, serialization and the common message set.

use dogwatch_model::{Act, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::text::Text;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// MAVLink.
pub(crate) static MAVLINK: FramedProtocol = FramedProtocol {
    name: "mavlink",
    hints: &[Hint::Udp(14_550), Hint::Udp(14_540), Hint::Tcp(5_760)],
    carriers: &[Carrier::Udp, Carrier::Tcp],
    probe: |_, head| match parse(head) {
        Ok(Some(_)) => Probe::Yes,
        Ok(None) => Probe::NeedMore,
        Err(_) => Probe::No,
    },
    frames: |_| Box::new(MavLink),
};

/// Message number, seed of its checksum, name, what it does (nothing: a report).
type Definition = (u32, u8, &'static str, Option<Verb>);

const DEFINITIONS: &[Definition] = &[
    (0, 50, "heartbeat", None),
    (1, 124, "sys-status", None),
    (2, 137, "system-time", None),
    (4, 237, "ping", None),
    (11, 89, "set-mode", Some(Verb::Control)),
    (20, 214, "param-request-read", Some(Verb::Read)),
    (21, 159, "param-request-list", Some(Verb::Read)),
    (22, 220, "param-value", None),
    (23, 168, "param-set", Some(Verb::Write)),
    (24, 24, "gps-raw-int", None),
    (26, 170, "scaled-imu", None),
    (27, 144, "raw-imu", None),
    (29, 115, "scaled-pressure", None),
    (30, 39, "attitude", None),
    (31, 246, "attitude-quaternion", None),
    (32, 185, "local-position-ned", None),
    (33, 104, "global-position-int", None),
    (35, 244, "rc-channels-raw", None),
    (36, 222, "servo-output-raw", None),
    (39, 254, "mission-item", Some(Verb::Program)),
    (40, 230, "mission-request", Some(Verb::Read)),
    (41, 28, "mission-set-current", Some(Verb::Control)),
    (42, 28, "mission-current", None),
    (43, 132, "mission-request-list", Some(Verb::Read)),
    (44, 221, "mission-count", Some(Verb::Program)),
    (45, 232, "mission-clear-all", Some(Verb::Program)),
    (47, 153, "mission-ack", None),
    (62, 183, "nav-controller-output", None),
    (65, 118, "rc-channels", None),
    (66, 148, "request-data-stream", Some(Verb::Read)),
    (69, 243, "manual-control", Some(Verb::Control)),
    (70, 124, "rc-channels-override", Some(Verb::Control)),
    (73, 38, "mission-item-int", Some(Verb::Program)),
    (74, 20, "vfr-hud", None),
    (75, 158, "command-int", Some(Verb::Control)),
    (76, 152, "command-long", Some(Verb::Control)),
    (77, 143, "command-ack", None),
    (111, 34, "timesync", None),
    (147, 154, "battery-status", None),
    (148, 178, "autopilot-version", None),
    (241, 90, "vibration", None),
    (242, 104, "home-position", None),
    (245, 130, "extended-sys-state", None),
    (253, 83, "statustext", None),
];

/// A message at the front.
struct Message {
    len: usize,
    system: u8,
    component: u8,
    number: u32,
    definition: Option<&'static Definition>,
}

const ERROR: ParseError = ParseError::Malformed { what: "mavlink", at: 0, why: "marker or checksum" };

/// The checksum of X.25, one byte at a time.
fn checksum(sum: u16, byte: u8) -> u16 {
    let [low, _] = sum.to_le_bytes();
    let mut mixed = byte ^ low;
    mixed ^= mixed << 4;
    let mixed = u16::from(mixed);
    (sum >> 8) ^ (mixed << 8) ^ (mixed << 3) ^ (mixed >> 4)
}

/// Marker, length, numbers, payload, checksum; `None` while it is not complete.
fn frame(bytes: &[u8]) -> Result<Option<Message>, ParseError> {
    let (header, number, system, component, signed) = match bytes {
        [0xfe, _, _, system, component, number, ..] => (6_usize, u32::from(*number), *system, *component, false),
        [0xfd, _, flags @ 0..=1, _, _, system, component, a, b, c, ..] => {
            (10, u32::from_le_bytes([*a, *b, *c, 0]), *system, *component, flags & 1 != 0)
        }
        [0xfe | 0xfd, ..] if bytes.len() < 10 => return Ok(None),
        [] => return Ok(None),
        _ => return Err(ERROR),
    };
    let payload = usize::from(bytes.get(1).copied().unwrap_or(0));
    let end = header.saturating_add(payload);
    let len = end.saturating_add(if signed { 15 } else { 2 });
    let definition = DEFINITIONS.iter().find(|(known, ..)| *known == number);
    if let Some((_, seed, ..)) = definition {
        let Some((body, stated)) = bytes.get(1..end).zip(bytes.get(end..).and_then(|rest| rest.first_chunk())) else {
            return Ok(None);
        };
        let sum = body.iter().chain([seed]).fold(0xffff, |sum, byte| checksum(sum, *byte));
        if sum != u16::from_le_bytes(*stated) {
            return Err(ERROR);
        }
    }
    Ok(Some(Message { len, system, component, number, definition }))
}

/// A message that is known, or one that is not and is followed by one that is.
fn parse(bytes: &[u8]) -> Result<Option<Message>, ParseError> {
    match frame(bytes)? {
        Some(message) if message.definition.is_none() => match bytes.get(message.len..) {
            None => Err(ERROR),
            Some(rest) => match frame(rest)? {
                Some(next) if next.definition.is_some() => Ok(Some(message)),
                Some(_) => Err(ERROR),
                None => Ok(None),
            },
        },
        other => Ok(other),
    }
}

/// MAVLink messages.
struct MavLink;

impl Frames for MavLink {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        match frame(bytes) {
            Ok(Some(message)) => Frame::whole(message.len),
            Ok(None) => Frame::More,
            Err(error) => Frame::Lost(error),
        }
    }

    fn begins(&self, _carrier: Carrier, bytes: &[u8]) -> Probe {
        match frame(bytes) {
            Ok(Some(message)) if message.definition.is_some() => Probe::Yes,
            Ok(None) => Probe::NeedMore,
            _ => Probe::No,
        }
    }

    fn read(&mut self, _chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let message = frame(bytes)?.ok_or(ParseError::Incomplete { what: "mavlink" })?;
        let (name, verb) = message.definition.map_or(("other", None), |(_, _, name, verb)| (*name, *verb));
        let object = Text::<32>::of(format_args!("system {}", message.system));
        let object = Object::Named(object.as_str());
        let mut acts = Acts::new();
        match verb {
            Some(verb) => acts.request(verb, Object::Device { unit: None }),
            None => acts.push(Act::Publishes { object }),
        }
        let fields = Shown(|visit| {
            visit.number("sysid", message.system);
            visit.number("compid", message.component);
            visit.number("msgid", message.number);
        });
        emit.message(name, &mut acts, &fields);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{datagram, hex};
    use dogwatch_model::Direction::ToServer;

    #[test]
    fn the_checksum_of_x25() {
        // The check value of CRC-16/MCRF4XX, which this is: "123456789" gives 0x6f91.
        assert_eq!(b"123456789".iter().fold(0xffff, |sum, byte| checksum(sum, *byte)), 0x6f91);
    }

    fn message(number: u8, seed: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0xfe, u8::try_from(payload.len()).unwrap(), 1, 7, 1, number];
        bytes.extend(payload);
        let sum = bytes[1..].iter().chain([&seed]).fold(0xffff, |sum, byte| checksum(sum, *byte));
        bytes.extend(sum.to_le_bytes());
        bytes
    }

    #[test]
    fn reports_and_orders() {
        let bytes = [message(0, 50, &[0; 9]), message(76, 152, &[0; 33])].concat();
        assert_eq!(MAVLINK.probe(Carrier::Udp, ToServer, &bytes), Probe::Yes);
        let heard = datagram(&MAVLINK, Carrier::Udp, 14_550, &bytes);
        assert_eq!(heard.seen[0].acts, ["publishes system 7"]);
        assert_eq!(
            (heard.seen[1].kind.as_str(), &heard.seen[1].acts[..]),
            ("command-long", &["request control device".to_owned()][..])
        );
        let mut wrong = message(0, 50, &[0; 9]);
        wrong[7] ^= 1;
        assert_eq!(MAVLINK.probe(Carrier::Udp, ToServer, &wrong), Probe::No);
        assert_eq!(MAVLINK.probe(Carrier::Udp, ToServer, &hex("fe 00 00 01 01 ee 0000 00")), Probe::No);
    }
}
