//! S7comm-plus: Siemens S7-1200 and S7-1500 with their engineering tool and panels, over ISO on TCP.
//!
//! Reads operation, function and session of every unit, and the order number and firmware that a session's opening shows. Deliberately not read:
//! variables and their values, what TLS hides, checks of the digests.
//!
//! There is no public specification; layouts follow the published analyses that independent decoders are built on.

use dogwatch_model::{Act, Attribute, Direction, FactValue, Object, Verb};

use super::tpkt;
use crate::acts::{Acts, Emit, Shown};
use crate::asked::Asked;
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::reader::Reader;
use crate::text::{Text, printable};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// S7comm-plus.
pub(crate) static S7COMM_PLUS: FramedProtocol = FramedProtocol {
    name: "s7comm-plus",
    hints: &[Hint::Tcp(102)],
    carriers: &[Carrier::Tcp],
    probe: |_, head| tpkt::probe(head, judge),
    frames: |limits| Box::new(S7Plus { continued: [false; 2], asked: Asked::new(limits) }),
};

const PROTOCOL_ID: u8 = 0x72;
const REQUEST: u8 = 0x31;
const RESPONSE: u8 = 0x32;
const NOTIFICATION: u8 = 0x33;
/// A keep-alive has a version of its own.
const KEEP_ALIVE: u8 = 0xff;
/// An event of the system: acknowledgements of what was received.
const SYSTEM_EVENT: u8 = 0xfe;
/// Length of the digest in units of version 3.
const DIGEST: u8 = 32;

fn judge(cotp: &tpkt::Cotp<'_>) -> Probe {
    match (cotp.kind, cotp.payload) {
        (tpkt::CONNECT_REQUEST | tpkt::CONNECT_CONFIRM | tpkt::DATA, []) => Probe::NeedMore,
        (tpkt::DATA, [PROTOCOL_ID, 1 | 2, _, _, REQUEST..=NOTIFICATION, 0, 0, ..]) => Probe::Yes,
        (tpkt::DATA, [PROTOCOL_ID, 3, _, _, DIGEST, ..]) => Probe::Yes,
        (tpkt::DATA, [PROTOCOL_ID, KEEP_ALIVE | SYSTEM_EVENT, ..]) => Probe::NeedMore,
        _ => Probe::No,
    }
}

/// Name and verb of a function.
const fn function(code: u16) -> Option<(&'static str, Verb)> {
    Some(match code {
        0x04bb => ("explore", Verb::Discover),
        0x04ca => ("create-object", Verb::Program),
        0x04d4 => ("delete-object", Verb::Program),
        0x04f2 => ("set-variable", Verb::Write),
        0x04fc => ("get-variable", Verb::Read),
        0x0524 => ("get-link", Verb::Read),
        0x0542 => ("set-multi-variables", Verb::Write),
        0x054c => ("get-multi-variables", Verb::Read),
        0x0556 => ("begin-sequence", Verb::Program),
        0x0560 => ("end-sequence", Verb::Program),
        0x056b => ("invoke", Verb::Control),
        0x0586 => ("get-variable-sub-streamed", Verb::Read),
        _ => return None,
    })
}

/// What a session is called here.
const SESSION: &str = "session";
/// Class 287, the server's session objects, as number of variable length.
const SERVER_SESSION: [u8; 2] = [0x82, 0x1f];
/// Class 1001, subscriptions: how a panel asks to be told of values.
const SUBSCRIPTION: [u8; 2] = [0x87, 0x69];
/// The execution unit of the CPU (object 52) and, behind a count of one, its requested operating state (attribute 2167).
const OPERATING_STATE: [u8; 7] = [0, 0, 0, 52, 1, 0x90, 0x77];

/// The head of a unit, behind version and digest.
#[derive(Debug, Clone, Copy)]
struct Unit<'a> {
    operation: u8,
    function: Option<u16>,
    sequence: u16,
    session: Option<u32>,
    rest: &'a [u8],
}

impl<'a> Unit<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new("s7comm-plus unit", bytes);
        let operation = reader.u8()?;
        match operation {
            REQUEST | RESPONSE => {
                let _reserved = reader.be16()?;
                let function = Some(reader.be16()?);
                let _reserved = reader.be16()?;
                let sequence = reader.be16()?;
                let session = if operation == REQUEST { Some(reader.be32()?) } else { None };
                let _transport_flags = reader.u8()?;
                Ok(Self { operation, function, sequence, session, rest: reader.rest() })
            }
            NOTIFICATION => {
                let session = Some(reader.be32()?);
                let _reserved = reader.be32()?;
                Ok(Self { operation, function: None, sequence: reader.be16()?, session, rest: reader.rest() })
            }
            _ => Err(ParseError::Malformed { what: "s7comm-plus unit", at: 0, why: "no such operation" }),
        }
    }

    /// Name and verb, with sessions and subscriptions told apart from other objects, and the order to stop or run from other variables.
    fn meaning(&self) -> (&'static str, Verb) {
        let (name, verb) = self.function.and_then(function).unwrap_or(("function", Verb::Control));
        let is_of = |class| self.rest.windows(2).take(64).any(|pair| pair == class);
        let deleted = self.rest.first_chunk().map(|id| u32::from_be_bytes(*id));
        match name {
            "create-object" if self.session == Some(0x0120) || is_of(SERVER_SESSION) => (SESSION, Verb::Login),
            "delete-object" if self.session.is_some() && deleted == self.session => (SESSION, Verb::Login),
            "create-object" if is_of(SUBSCRIPTION) => ("create-subscription", Verb::Read),
            "set-variable" if self.rest.starts_with(&OPERATING_STATE) => ("operating-state", Verb::Control),
            _ => (name, verb),
        }
    }
}

/// What a function is about. A session is opened and closed without a password, by every panel: that is the device as a whole.
fn object(name: &'static str) -> Object<'static> {
    if name == SESSION { Object::Device { unit: None } } else { Object::Named(name) }
}

/// The session version a controller answers with: `1;6ES7 212-1BE40-0XB0 ;V4.2`.
fn version(bytes: &[u8]) -> Option<(&str, &str)> {
    let at = bytes.windows(6).position(|window| window == b";6ES7 ")?;
    let text = bytes.get(at.checked_add(1)?..)?;
    let end = text.iter().position(|byte| !(b' '..=b'~').contains(byte)).unwrap_or(text.len());
    let (order, firmware) = printable(text.get(..end.min(64))?)?.split_once(';')?;
    Some((order.trim(), firmware.trim()))
}

/// Units in a stream.
struct S7Plus {
    /// Whether the unit before was not the last part of its message.
    continued: [bool; 2],
    asked: Asked<u16, (&'static str, Verb)>,
}

impl Frames for S7Plus {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        tpkt::frame(bytes)
    }

    fn begins(&self, _carrier: Carrier, bytes: &[u8]) -> Probe {
        match bytes {
            [3, 0, _, _, 2, 0xf0, 0x80, PROTOCOL_ID, 1..=3 | SYSTEM_EVENT | KEEP_ALIVE, ..] => Probe::Yes,
            [3, 0, ..] | [3] if bytes.len() < 9 => Probe::NeedMore,
            _ => Probe::No,
        }
    }

    fn read(&mut self, chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let cotp = tpkt::parse(bytes)?;
        let mut reader = Reader::new("s7comm-plus", cotp.payload);
        if cotp.kind != tpkt::DATA || cotp.payload.is_empty() {
            emit.plain("transport", &[], &dogwatch_model::NoFields);
            return Ok(());
        }
        let [id, protocol_version] = reader.array()?;
        if id != PROTOCOL_ID {
            return Err(ParseError::Malformed { what: "s7comm-plus", at: 0, why: "protocol id must be 0x72" });
        }
        let length = reader.be16()?;
        if matches!(protocol_version, KEEP_ALIVE | SYSTEM_EVENT) {
            let kind = if protocol_version == KEEP_ALIVE { "keep-alive" } else { "system-event" };
            emit.plain(kind, &[], &Shown(|visit| visit.number("version", protocol_version)));
            return Ok(());
        }
        let mut body = reader.part("s7comm-plus body", length.into())?;
        // The last part of a message is followed by a trailer; without one the next unit goes on.
        let is_last = reader.rest().first() == Some(&PROTOCOL_ID);
        let at = usize::from(chunk.direction == Direction::ToClient);
        let was_continued = self.continued.get_mut(at).is_some_and(|open| std::mem::replace(open, !is_last));
        if protocol_version == 3 {
            let length = body.u8()?;
            let _digest = body.take(length.into())?;
        }
        if was_continued {
            emit.plain("part", &[], &Shown(|visit| visit.number("version", protocol_version)));
            return Ok(());
        }
        self.unit(protocol_version, &Unit::parse(body.rest())?, emit);
        Ok(())
    }

    fn lost(&mut self, _direction: Direction) {
        // Which parts are missing is not known: the next unit is taken for a whole one.
        self.continued = [false; 2];
        self.asked.clear();
    }
}

impl S7Plus {
    fn unit(&mut self, protocol_version: u8, unit: &Unit<'_>, emit: &mut Emit<'_>) {
        let (name, verb) = unit.meaning();
        let mut acts = Acts::new();
        let session = unit.session.map(|session| Text::<24>::of(format_args!("subscription {session:#010x}")));
        let kind = match unit.operation {
            REQUEST => {
                acts.request(verb, object(name));
                self.asked.ask(unit.sequence, (name, verb));
                "request"
            }
            RESPONSE => {
                let (name, verb) = self.asked.answer(&unit.sequence).unwrap_or((name, verb));
                // The return value: bit 63 and the error bits of a variable-length number; the first byte is zero for success.
                let refused = unit.rest.first().is_some_and(|first| first & 0x80 != 0);
                acts.reply(verb, object(name), refused);
                "response"
            }
            _ => {
                let name = session.as_ref().map_or("subscription", Text::as_str);
                acts.push(Act::Publishes { object: Object::Named(name) });
                "notification"
            }
        };
        if let Some((order, firmware)) = version(unit.rest).filter(|_| unit.operation == RESPONSE) {
            acts.says(Attribute::Model, FactValue::Text(order), 90, "s7comm-plus.session-version");
            acts.says(Attribute::FirmwareVersion, FactValue::Text(firmware), 85, "s7comm-plus.session-version");
            acts.says(Attribute::Manufacturer, FactValue::Text("Siemens"), 85, "s7comm-plus.session-version");
        }
        let fields = Shown(|visit| {
            visit.number("version", protocol_version);
            visit.number("opcode", unit.operation);
            if let Some(code) = unit.function {
                visit.coded("function", code, function(code).map(|(name, _)| name));
            }
            visit.number("seqnum", unit.sequence);
            visit.maybe("session", unit.session);
        });
        emit.function(unit.function.unwrap_or_default()).message(kind, &mut acts, &fields);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{Conversation, hex};
    use dogwatch_model::Direction::{ToClient, ToServer};

    /// A data unit of `version` around `body`, with or without the trailer.
    fn unit(version: u8, body: &[u8], last: bool) -> Vec<u8> {
        let mut pdu = vec![PROTOCOL_ID, version];
        let digest = if version == 3 { [&[DIGEST][..], &[0xab; 32]].concat() } else { vec![] };
        pdu.extend(u16::try_from(body.len() + digest.len()).unwrap().to_be_bytes());
        pdu.extend(digest);
        pdu.extend_from_slice(body);
        if last {
            pdu.extend([PROTOCOL_ID, version, 0, 0]);
        }
        let mut bytes = vec![3, 0];
        bytes.extend(u16::try_from(pdu.len() + 7).unwrap().to_be_bytes());
        bytes.extend([2, 0xf0, 0x80]);
        bytes.extend(pdu);
        bytes
    }

    fn request(function: &str) -> Vec<u8> {
        hex(&format!("31 0000 {function} 0000 0005 000003a2 34 00000000"))
    }

    #[test]
    fn functions_in_the_words_of_a_policy() {
        for (version, function, want) in [
            (1, "04bb", "request discover explore"),
            (2, "04f2", "request write set-variable"),
            (3, "0542", "request write set-multi-variables"),
            (3, "054c", "request read get-multi-variables"),
            (3, "04ca", "request program create-object"),
            (3, "04d4", "request program delete-object"),
        ] {
            let mut conversation = Conversation::new(&S7COMM_PLUS, Carrier::Tcp, 102);
            conversation.send(ToServer, &unit(version, &request(function), true));
            assert_eq!(conversation.heard.seen[0].acts, [want], "{function}");
        }
        // the numbers of objects and attributes are those of public drivers (class 1001, object 52, attribute 2167)
        for (what, body, want) in [
            (
                "a subscription",
                "31 0000 04ca 0000 0001 000003a2 34 00000120 00 04 00 a1 7fffc001 8769 00",
                "request read create-subscription",
            ),
            ("a session closed", "31 0000 04d4 0000 0001 000003a2 34 000003a2 00", "request login device"),
            ("another object", "31 0000 04d4 0000 0001 000003a2 34 8a0e0001 00", "request program delete-object"),
            ("stop", "31 0000 04f2 0000 0001 000003a2 34 00000034 01 9077 00 08 01", "request control operating-state"),
            (
                "another attribute",
                "31 0000 04f2 0000 0001 000003a2 34 00000034 01 9078 00 08 01",
                "request write set-variable",
            ),
        ] {
            let mut conversation = Conversation::new(&S7COMM_PLUS, Carrier::Tcp, 102);
            conversation.send(ToServer, &unit(2, &hex(body), true));
            assert_eq!(conversation.heard.seen[0].acts, [want], "{what}");
        }
    }

    #[test]
    fn a_session_shows_order_number_and_firmware() {
        let mut conversation = Conversation::new(&S7COMM_PLUS, Carrier::Tcp, 102);
        conversation.send(
            ToServer,
            &unit(1, &hex("31 0000 04ca 0000 0001 00000120 36 0000 011d 00 04 00 a1 000000d3 821f 00"), true),
        );
        let mut body = hex("32 0000 04ca 0000 0001 36 00 01 87");
        body.extend(b"\x15\x00\x1a1;6ES7 212-1BE40-0XB0 ;V4.2\x00");
        conversation.send(ToClient, &unit(1, &body, true));
        let seen = &conversation.heard.seen;
        assert_eq!(seen[0].acts, ["request login device"]);
        assert_eq!(
            seen[1].acts,
            [
                "reply login device",
                "says model=6ES7 212-1BE40-0XB0 (s7comm-plus.session-version)",
                "says firmware_version=V4.2 (s7comm-plus.session-version)",
                "says manufacturer=Siemens (s7comm-plus.session-version)"
            ]
        );
    }

    #[test]
    fn parts_and_notifications() {
        let mut conversation = Conversation::new(&S7COMM_PLUS, Carrier::Tcp, 102);
        conversation.send(ToServer, &unit(3, &request("0542"), false));
        conversation.send(ToServer, &unit(3, &[0x55; 20], true));
        conversation.send(ToServer, &unit(3, &request("04f2"), true));
        conversation.send(ToClient, &unit(3, &hex("33 70000e51 04000000 0000 c98e c148"), true));
        let kinds: Vec<_> = conversation.heard.seen.iter().map(|seen| seen.kind.as_str()).collect();
        assert_eq!(kinds, ["request", "part", "request", "notification"]);
        assert_eq!(conversation.heard.seen[3].acts, ["publishes subscription 0x70000e51"]);
    }

    #[test]
    fn what_the_first_bytes_tell() {
        let bytes = unit(3, &request("0542"), true);
        assert_eq!(S7COMM_PLUS.probe(Carrier::Tcp, ToServer, &bytes), Probe::Yes);
        assert_eq!(S7COMM_PLUS.probe(Carrier::Tcp, ToServer, &hex("0300000b 02f080 32 01 0000")), Probe::No);
    }
}
