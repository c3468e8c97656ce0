//! DoIP: diagnosis of engine and vehicle controllers over IP, with the service of UDS inside.
//!
//! Deliberately not read: contents of diagnostic answers. Specification: ISO 13400-2:2019 clauses 9 and table 17, ISO 14229-1 (services).

use dogwatch_model::{Act, Attribute, FactValue, Mac, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::reader::Reader;
use crate::text::{Text, printable};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// DoIP.
pub(crate) static DOIP: FramedProtocol = FramedProtocol {
    name: "doip",
    hints: &[Hint::Udp(13_400), Hint::Tcp(13_400)],
    carriers: &[Carrier::Udp, Carrier::Tcp],
    probe: |carrier, head| match begins(head) {
        // A datagram is one message.
        Probe::Yes if !carrier.is_stream() && length(head) != Some(head.len()) => Probe::No,
        other => other,
    },
    frames: |_| Box::new(Doip),
};

/// Bytes of a message that are looked at.
const LOOKED_AT: usize = 256;

/// Payload types (table 17) and the lengths they may have.
const fn kind(number: u16) -> Option<(&'static str, u32, u32)> {
    Some(match number {
        0x0000 => ("negative-acknowledge", 1, 1),
        0x0001 => ("vehicle-identification-request", 0, 0),
        0x0002 => ("vehicle-identification-request-eid", 6, 6),
        0x0003 => ("vehicle-identification-request-vin", 17, 17),
        0x0004 => ("vehicle-announcement", 32, 33),
        0x0005 => ("routing-activation-request", 7, 11),
        0x0006 => ("routing-activation-response", 9, 13),
        0x0007 => ("alive-check-request", 0, 0),
        0x0008 => ("alive-check-response", 2, 2),
        0x4001 => ("entity-status-request", 0, 0),
        0x4002 => ("entity-status-response", 3, 7),
        0x4003 => ("power-mode-request", 0, 0),
        0x4004 => ("power-mode-response", 1, 1),
        0x8001 => ("diagnostic-message", 5, 0x0010_0000),
        0x8002 => ("diagnostic-acknowledge", 5, 0x0010_0000),
        0x8003 => ("diagnostic-negative-acknowledge", 5, 0x0010_0000),
        _ => return None,
    })
}

/// Whole length of the message at the front.
fn length(bytes: &[u8]) -> Option<usize> {
    usize::try_from(u32::from_be_bytes(*bytes.get(4..)?.first_chunk()?)).ok()?.checked_add(8)
}

/// Version and its complement, a known type, a length it may have.
fn begins(bytes: &[u8]) -> Probe {
    match bytes {
        [version @ (1..=4 | 0xff), inverse, t0, t1, a, b, c, d, ..] if *version == !*inverse => {
            let length = u32::from_be_bytes([*a, *b, *c, *d]);
            match kind(u16::from_be_bytes([*t0, *t1])) {
                Some((_, least, most)) if (least..=most).contains(&length) => Probe::Yes,
                _ => Probe::No,
            }
        }
        [version @ (1..=4 | 0xff), inverse, ..] if *version == !*inverse && bytes.len() < 8 => Probe::NeedMore,
        [1..=4 | 0xff] | [] => Probe::NeedMore,
        _ => Probe::No,
    }
}

/// DoIP messages.
struct Doip;

impl Frames for Doip {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        match (begins(bytes), length(bytes)) {
            (Probe::Yes, Some(len)) => Frame::Whole { len, need: len.min(LOOKED_AT) },
            (Probe::No, _) => Frame::Lost(ParseError::Malformed { what: "doip", at: 0, why: "header" }),
            _ => Frame::More,
        }
    }

    fn read(&mut self, _chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let mut reader = Reader::new("doip", bytes);
        let [version, _inverse] = reader.array()?;
        let number = reader.be16()?;
        let _length = reader.be32()?;
        let (name, ..) = kind(number).ok_or(ParseError::Malformed { what: "doip", at: 2, why: "type" })?;
        let body = reader.rest();
        let device = Object::Device { unit: None };
        let mut acts = Acts::new();
        let mut vin = None;
        let mut service = None;
        let target = |at: usize| body.get(at..).and_then(|rest| rest.first_chunk()).map(|two| u16::from_be_bytes(*two));
        let object = Text::<24>::of(format_args!("ecu 0x{:04x}", target(2).unwrap_or(0)));
        match number {
            1..=3 => acts.request(Verb::Discover, device),
            4 => {
                vin = body.get(..17).and_then(printable);
                acts.push(Act::Publishes { object: device });
                acts.says_text(Attribute::SerialNumber, vin, 85, "doip.vin");
                if let Some(mac) = body.get(19..).and_then(|eid| eid.first_chunk()).map(|eid| Mac(*eid))
                    && !mac.is_group()
                    && !mac.is_none()
                {
                    acts.says(Attribute::MacAddress, FactValue::Mac(mac), 60, "doip.eid");
                }
            }
            5 => acts.request(Verb::Login, device),
            // 0x10 lets in, 0x11 asks for a person's consent.
            6 => acts.reply(Verb::Login, device, !matches!(body.get(4), Some(0x10 | 0x11))),
            0x4001 | 0x4003 | 7 => acts.request(Verb::Diagnose, device),
            0x8001 => {
                service = body.get(4).copied();
                uds(body.get(4..).unwrap_or_default(), Object::Named(object.as_str()), &mut acts);
            }
            _ => {}
        }
        let fields = Shown(|visit| {
            visit.number("version", version);
            visit.number("payload_type", number);
            visit.maybe_text("vin", vin);
            visit.maybe("uds_sid", service);
            if number >= 0x8000 {
                visit.maybe("source_address", target(0));
                visit.maybe("target_address", target(2));
            }
        });
        emit.message(name, &mut acts, &fields);
        Ok(())
    }
}

/// The service of a diagnostic message: questions, answers (bit 6), refusals (0x7f).
fn uds<'a>(message: &[u8], object: Object<'a>, acts: &mut Acts<'a>) {
    let verb = |service: u8| {
        Some(match service {
            0x10 | 0x11 | 0x28 | 0x2f | 0x31 | 0x85 | 0x87 => Verb::Control,
            0x14 | 0x2e | 0x3d => Verb::Write,
            0x19 | 0x3e => Verb::Diagnose,
            0x22..=0x24 | 0x2a => Verb::Read,
            0x27 | 0x29 => Verb::Login,
            0x34 | 0x36..=0x38 => Verb::Program,
            0x35 => Verb::Transfer,
            _ => return None,
        })
    };
    match message {
        [0x7f, service, code, ..] => {
            if let Some(verb) = verb(*service) {
                // 0x78 asks for patience.
                acts.reply(verb, object, *code != 0x78);
            }
        }
        [service, ..] if service & 0x40 != 0 => {
            if let Some(verb) = verb(service & !0x40) {
                acts.reply(verb, object, false);
            }
        }
        [service, ..] => {
            if let Some(verb) = verb(*service) {
                acts.request(verb, object);
            }
        }
        [] => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{Conversation, hex};
    use dogwatch_model::Direction::{ToClient, ToServer};

    #[test]
    fn a_controller_is_programmed() {
        let mut conversation = Conversation::new(&DOIP, Carrier::Tcp, 13_400);
        for (direction, bytes) in [
            (ToServer, "02 fd 0005 00000007 0e00 00 00000000"),
            (ToClient, "02 fd 0006 00000009 0e00 0001 10 00000000"),
            (ToServer, "02 fd 8001 00000006 0e00 0001 34 00"),
            (ToClient, "02 fd 8001 00000007 0001 0e00 7f 34 70"),
            (ToServer, "02 fd 8001 00000006 0e00 0001 11 01"),
        ] {
            conversation.send(direction, &hex(bytes));
        }
        let acts: Vec<_> = conversation.heard.seen.iter().map(|seen| seen.acts.join(",")).collect();
        assert_eq!(
            acts,
            [
                "request login device",
                "reply login device",
                "request program ecu 0x0001",
                "refusal program ecu 0x0e00",
                "request control ecu 0x0001"
            ]
        );
    }

    #[test]
    fn what_the_first_bytes_tell() {
        for (bytes, want) in [
            ("ff 00 0001 00000000", Probe::Yes),
            ("02 fd 0001 00000001 00", Probe::No),
            ("02 fd 0001 00000000 00", Probe::No),
            ("02 fc 0001 00000000", Probe::No),
            ("02 fd 0009 00000000", Probe::No),
        ] {
            assert_eq!(DOIP.probe(Carrier::Udp, ToServer, &hex(bytes)), want, "{bytes}");
        }
    }
}
