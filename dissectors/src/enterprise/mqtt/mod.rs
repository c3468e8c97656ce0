//! MQTT: sensors, gateways and cloud agents that publish topics through a broker.
//!
//! Reads every control packet's header; client id, user name and protocol version of a connection (never the password); topics published, asked
//! for and given up; refusals. Deliberately not read: payloads, properties of version 5, MQTT-SN, MQTT inside web sockets.
//!
//! Specification: OASIS MQTT 3.1.1 clause 2 and 3, MQTT 5.0 clause 2 and 3; version 3.1 by IBM's published text.

mod packet;

use dogwatch_model::{Act, Attribute, Direction, FactValue, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::asked::Asked;
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::reader::Reader;
use crate::sides::from_client;
use crate::text::Text;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};
use packet::{Connect, Kind, filters, fixed_header, topic};

/// MQTT.
pub(crate) static MQTT: FramedProtocol = FramedProtocol {
    name: "mqtt",
    hints: &[Hint::Tcp(PORT)],
    carriers: &[Carrier::Tcp],
    probe,
    frames: |limits| Box::new(Mqtt { version: 0, asked: Asked::new(limits) }),
};

/// Port of brokers (IANA).
const PORT: u16 = 1883;
/// So much of a packet is read; what is behind it in a publication is payload.
const READ: usize = 4_096;

/// An answer to a connection is waited for up to here: names and numbers, no content.
const LONGEST_ANSWER: usize = 130;

fn frame_length(bytes: &[u8]) -> Frame {
    match fixed_header(bytes) {
        Ok(None) => Frame::More,
        Err(error) => Frame::Lost(error),
        Ok(Some((first, header, length))) => {
            let len = header.saturating_add(length);
            let need = if Kind(first).is_publish() { len.min(READ) } else { len };
            if Kind(first).number() == 0 && length > READ {
                return Frame::Lost(ParseError::Malformed { what: "mqtt header", at: 0, why: "reserved type" });
            }
            Frame::Whole { len, need }
        }
    }
}

/// Whether a packet with a content of its own begins here; `None` when more bytes would tell.
fn begins(bytes: &[u8]) -> Probe {
    let (first, header, length) = match fixed_header(bytes) {
        Ok(Some(found)) => found,
        Ok(None) => return Probe::NeedMore,
        Err(_) => return Probe::No,
    };
    let body = bytes.get(header..).unwrap_or_default();
    let whole = body.len() >= length;
    let body = body.get(..length).unwrap_or(body);
    match Kind(first).number() {
        1 => match Connect::parse(body) {
            Ok(_) => Probe::Yes,
            Err(ParseError::Incomplete { .. }) if !whole && Connect::is_possible(body) => Probe::NeedMore,
            Err(_) => Probe::No,
        },
        2 if whole && packet::is_answer_with_properties(body) => Probe::Yes,
        2 if !whole && length > 3 && length <= LONGEST_ANSWER => Probe::NeedMore,
        3 => match topic(first, body) {
            Ok((name, _)) if packet::is_topic(name) => Probe::Yes,
            Err(ParseError::Incomplete { .. }) if !whole && packet::may_be_topic(body, length) => Probe::NeedMore,
            _ => Probe::No,
        },
        8 | 10 if whole => {
            let is_list = [0, 5].iter().any(|version| {
                filters(first, body, *version)
                    .is_ok_and(|(_, list)| list.clone().count() > 0 && list.clone().all(packet::is_filter))
            });
            if is_list { Probe::Yes } else { Probe::No }
        }
        8 | 10 if length <= READ => Probe::NeedMore,
        _ => Probe::No,
    }
}

fn probe(_carrier: Carrier, head: &[u8]) -> Probe {
    let mut rest = head;
    // An acknowledgement or a ping alone is too little to go by; what follows it tells.
    for _ in 0..8 {
        match fixed_header(rest) {
            Ok(Some((first, header, length))) if Kind(first).is_short(length) => {
                rest = rest.get(header.saturating_add(length)..).unwrap_or_default();
            }
            _ => break,
        }
    }
    match (rest.is_empty(), begins(rest)) {
        (true, _) => Probe::NeedMore,
        (false, found) => found,
    }
}

/// Packets on one connection.
struct Mqtt {
    /// Level of the connection; 0 when its opening was not seen.
    version: u8,
    /// Packet identifiers of subscriptions.
    asked: Asked<u16, Verb>,
}

impl Frames for Mqtt {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        frame_length(bytes)
    }

    fn begins(&self, _carrier: Carrier, bytes: &[u8]) -> Probe {
        begins(bytes)
    }

    fn read(&mut self, chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let Some((first, header, _)) = fixed_header(bytes)? else {
            return Err(ParseError::Incomplete { what: "mqtt header" });
        };
        let body = bytes.get(header..).unwrap_or_default();
        let kind = Kind(first);
        match kind.number() {
            1 => self.connect(first, &Connect::parse(body)?, emit),
            2 => self.connect_answer(first, body, chunk.flow.src_port, emit)?,
            3 => self.publish(first, body, from_client(chunk, &[PORT]), emit)?,
            8 | 10 => self.subscribe(first, body, emit)?,
            9 | 11 => self.subscribe_answer(first, body, emit)?,
            _ => {
                let mut acts = Acts::new();
                if matches!(kind.number(), 0) || (kind.number() == 15 && self.version != 5 && self.version != 0) {
                    acts.odd("mqtt.reserved-type");
                }
                emit.message(kind.name(), &mut acts, &Shown(|visit| visit.number("msgtype", kind.number())));
            }
        }
        Ok(())
    }

    fn lost(&mut self, _direction: Direction) {
        self.asked.clear();
    }
}

impl Mqtt {
    fn connect(&mut self, first: u8, connect: &Connect<'_>, emit: &mut Emit<'_>) {
        self.version = connect.level;
        let mut acts = Acts::new();
        let object = connect.client.map_or(Object::Named("session"), Object::Named);
        acts.request(Verb::Login, object);
        // How a program calls itself to its broker; seldom the name of the device it runs on.
        acts.says_text(Attribute::ClientHint, connect.client, 70, "mqtt.client-id");
        acts.says_text(Attribute::Account, connect.user, 80, "mqtt.connect");
        if connect.has_password {
            acts.odd("clear-text-credentials");
        }
        if let Some(will) = connect.will_topic {
            acts.says(Attribute::Publication, FactValue::Text(will), 70, "mqtt.will");
        }
        let fields = Shown(|visit| {
            visit.number("msgtype", Kind(first).number());
            visit.text("protoname", connect.protocol);
            visit.number("ver", connect.level);
            visit.number("keepalive", connect.keep_alive);
            visit.maybe_text("clientid", connect.client);
            visit.maybe_text("username", connect.user);
            visit.maybe_text("willtopic", connect.will_topic);
            visit.flag("has_password", connect.has_password);
        });
        emit.message("connect", &mut acts, &fields);
    }

    fn connect_answer(&mut self, first: u8, body: &[u8], port: u16, emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let mut reader = Reader::new("mqtt connect answer", body);
        let [_session, code] = reader.array()?;
        if self.version == 0 && packet::is_answer_with_properties(body) {
            self.version = 5;
        }
        let service = Text::<24>::of(format_args!("tcp/{port} mqtt"));
        let mut acts = Acts::new();
        acts.reply(Verb::Login, Object::Named("session"), code != 0);
        acts.says(Attribute::Service, FactValue::Text(service.as_str()), 85, "mqtt.connect-answer");
        let fields = Shown(|visit| {
            visit.number("msgtype", Kind(first).number());
            // Version 5 numbers its reasons anew.
            visit.number(if self.version == 5 { "reason_code" } else { "conack_val" }, code);
        });
        emit.message("connect-answer", &mut acts, &fields);
        Ok(())
    }

    fn publish(&mut self, first: u8, body: &[u8], client: bool, emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let (name, id) = topic(first, body)?;
        let mut acts = Acts::new();
        // Version 5 may send a number instead of a topic it sent before.
        acts.push(Act::Publishes { object: name.map_or(Object::Named("topic by alias"), Object::Named) });
        if client {
            acts.says_text(Attribute::Publication, name, 75, "mqtt.publish");
        }
        if name.is_some_and(|name| name.contains(['#', '+'])) {
            acts.odd("mqtt.wildcard-in-topic");
        }
        let fields = Shown(|visit| {
            visit.number("msgtype", Kind(first).number());
            visit.number("qos", first >> 1 & 3);
            visit.flag("retain", first & 1 != 0);
            visit.maybe_text("topic", name);
            visit.maybe("msgid", id);
        });
        emit.message("publish", &mut acts, &fields);
        Ok(())
    }

    fn subscribe(&mut self, first: u8, body: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let kind = Kind(first);
        let (id, list) = filters(first, body, self.version)?;
        let mut acts = Acts::new();
        if kind.number() == 8 {
            self.asked.ask(id, Verb::Read);
            list.clone().flatten().for_each(|filter| acts.request(Verb::Read, Object::Named(filter)));
        }
        let fields = Shown(|visit| {
            visit.number("msgtype", kind.number());
            visit.number("msgid", id);
            visit.one_or_list("topic", list.clone().flatten());
            visit.one_or_list("qos", packet::requested_qos(first, body, self.version));
        });
        emit.message(kind.name(), &mut acts, &fields);
        Ok(())
    }

    fn subscribe_answer(&mut self, first: u8, body: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let kind = Kind(first);
        let mut reader = Reader::new("mqtt subscription answer", body);
        let id = reader.be16()?;
        let codes = packet::reason_codes(reader.rest(), self.version);
        let mut acts = Acts::new();
        if kind.number() == 9 {
            let verb = self.asked.answer(&id).unwrap_or(Verb::Read);
            let refused = !codes.is_empty() && codes.iter().all(|code| code & 0x80 != 0);
            acts.reply(verb, Object::Named("subscription"), refused);
        }
        let fields = Shown(|visit| {
            visit.number("msgtype", kind.number());
            visit.number("msgid", id);
            visit.bytes("codes", codes);
        });
        emit.message(kind.name(), &mut acts, &fields);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{Conversation, hex};
    use dogwatch_model::Direction::{ToClient, ToServer};

    /// MQTT 3.1.1, clean session, keep alive 60, client "dw1", user "eng", password "x".
    fn connect() -> Vec<u8> {
        hex("10 17 0004 4d515454 04 c2 003c 0003 647731 0003 656e67 0001 78")
    }

    #[test]
    fn who_connects_and_never_the_password() {
        let mut conversation = Conversation::new(&MQTT, Carrier::Tcp, PORT);
        conversation.send(ToServer, &connect());
        conversation.send(ToClient, &hex("20 02 00 05"));
        let seen = &conversation.heard.seen;
        assert_eq!(
            seen[0].acts,
            [
                "request login dw1",
                "says client_hint=dw1 (mqtt.client-id)",
                "says account=eng (mqtt.connect)",
                "odd clear-text-credentials"
            ]
        );
        assert!(!seen[0].fields.to_string().contains("\"x\""));
        assert_eq!(seen[1].acts[0], "refusal login session");
    }

    #[test]
    fn topics() {
        let mut conversation = Conversation::new(&MQTT, Carrier::Tcp, PORT);
        conversation.send(ToServer, &hex("82 0a 0001 0005 746b2f2b2f 00"));
        conversation.send(ToClient, &hex("90 03 0001 80"));
        conversation.send(ToServer, &hex("32 0a 0004 746b2f31 0007 3432"));
        conversation.send(ToClient, &hex("30 08 0004 746b2f31 3432"));
        let seen = &conversation.heard.seen;
        assert_eq!(seen[0].acts, ["request read tk/+/"]);
        assert_eq!(seen[1].acts, ["refusal read subscription"]);
        assert_eq!(seen[2].acts, ["publishes tk/1", "says publication=tk/1 (mqtt.publish)"]);
        assert_eq!((seen[2].field("qos"), seen[2].field("msgid")), ("1".into(), "7".into()));
        assert_eq!(seen[3].acts, ["publishes tk/1"], "the broker only passes it on");
    }

    #[test]
    fn version_5_has_properties_in_between() {
        let mut conversation = Conversation::new(&MQTT, Carrier::Tcp, PORT);
        // Session expiry interval (property 17) of 10 s, client "a"; then a subscription with a subscription identifier.
        conversation.send(ToServer, &hex("10 13 0004 4d515454 05 02 000a 05 11 0000000a 0001 61"));
        conversation.send(ToServer, &hex("82 0a 0002 02 0b07 0002 742f 01"));
        let seen = &conversation.heard.seen;
        assert_eq!((seen[0].field("ver"), seen[0].field("clientid")), ("5".into(), "a".into()));
        assert_eq!((seen[1].field("topic"), seen[1].field("qos")), ("t/".into(), "1".into()));
    }

    #[test]
    fn what_the_first_bytes_tell() {
        let probe = |bytes: &[u8]| MQTT.probe(Carrier::Tcp, ToServer, bytes);
        assert_eq!(probe(&connect()), Probe::Yes);
        assert_eq!(probe(&connect()[..7]), Probe::NeedMore);
        assert_eq!(probe(b"GET / HTTP/1.1\r\n"), Probe::No);
        assert_eq!(probe(b"0123456789 text 0"), Probe::No);
        assert_eq!(probe(&hex("c000")), Probe::NeedMore);
        // MQTT 5.0 clause 3.2: session 0, success, 14 bytes of properties: topic alias maximum 10, client identifier "auto-1b4".
        let answer = hex("20 11 00 00 0e 22 000a 12 0008 6175746f2d316234");
        assert_eq!(probe(&answer), Probe::Yes, "the broker's side of version 5 alone");
        assert_eq!(probe(&answer[..9]), Probe::NeedMore);
        assert_eq!(
            probe(&hex("20 11 00 00 0e 23 000a 12 0008 6175746f2d316234")),
            Probe::No,
            "no property 0x23 in an answer"
        );
        assert_eq!(probe(&hex("c000 30 08 0004 746b2f31 3432")), Probe::Yes, "in the middle");
        assert_eq!(probe(&hex("30 08 0004 74002f31 3432")), Probe::No, "NUL in a topic");
    }
}
