//! HART-IP: process instruments behind a gateway or with a network port of their own, over UDP and TCP.
//!
//! Reads sessions and the token-passing frames inside them: command, address, answer code, identity (commands 0, 11, 21), tags (13, 20, 22).
//! Deliberately not read: process values, device-specific commands beyond their number, direct messages of version 2 with encryption.
//!
//! Specification: FieldComm HCF_SPEC-085 (network), HCF_SPEC-081 (frames), HCF_SPEC-127 (universal commands), HCF_SPEC-307 (answer codes).

mod command;

use dogwatch_model::{Act, Attribute, Direction, FactValue, Object, Verb};

use crate::acts::{Acts, Emit, Shown, Stated};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::reader::Reader;
use crate::text::Text;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};
use command::{Identity, identity, refused, tag, verb};

/// HART-IP.
pub(crate) static HART_IP: FramedProtocol = FramedProtocol {
    name: "hart-ip",
    hints: &[Hint::Udp(5094), Hint::Tcp(5094)],
    carriers: &[Carrier::Udp, Carrier::Tcp],
    probe,
    frames: |_| Box::new(HartIp),
};

/// Bytes of the header.
const HEADER: usize = 8;
/// The largest message a TCP peer may send.
const LONGEST: usize = 4_096;

/// Message ids.
const INITIATE: u8 = 0;
const CLOSE: u8 = 1;
const KEEP_ALIVE: u8 = 2;
const TOKEN: u8 = 3;

/// The message header.
#[derive(Debug, Clone, Copy)]
struct Header {
    version: u8,
    kind: u8,
    id: u8,
    status: u8,
    sequence: u16,
    length: usize,
}

/// Reads the header; `None` when more bytes are needed.
fn header(bytes: &[u8]) -> Result<Option<Header>, ParseError> {
    const ODD: ParseError = ParseError::Malformed { what: "hart-ip header", at: 0, why: "version, type, id or length" };
    if bytes.first().is_some_and(|version| !matches!(version, 1 | 2)) {
        return Err(ODD);
    }
    let Some([version, kind, id, status, s0, s1, l0, l1]) = bytes.first_chunk::<HEADER>().copied() else {
        return Ok(None);
    };
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    // Types: request, response, publish, error, refusal (15); ids: session, token passing, direct, audit log, discovery.
    let fits = matches!(kind, 0..=3 | 15) && matches!(id, 0..=5 | 128) && (HEADER..=LONGEST).contains(&length);
    // Opening is a master type and a time; closing and keeping alive carry nothing.
    let fits = fits
        && match id {
            INITIATE => matches!(length, 8 | 13),
            CLOSE | KEEP_ALIVE => length == HEADER,
            _ => true,
        };
    if fits {
        Ok(Some(Header { version, kind, id, status, sequence: u16::from_be_bytes([s0, s1]), length }))
    } else {
        Err(ODD)
    }
}

fn probe(carrier: Carrier, head: &[u8]) -> Probe {
    let header = match header(head) {
        Err(_) => return Probe::No,
        Ok(None) => return if carrier.is_stream() { Probe::NeedMore } else { Probe::No },
        Ok(Some(header)) => header,
    };
    let Some(body) = head.get(HEADER..header.length) else {
        return if carrier.is_stream() { Probe::NeedMore } else { Probe::No };
    };
    if !carrier.is_stream() && header.length != head.len() {
        return Probe::No;
    }
    match (header.id, header.kind) {
        (TOKEN, 0..=2) if Pdu::parse(body).is_ok_and(|pdu| pdu.is_intact) => Probe::Yes,
        (INITIATE, 0 | 1) if body.len() == 5 && body.first().is_some_and(|master| *master <= 1) => Probe::Yes,
        // A message without content is too little to go by.
        (CLOSE | KEEP_ALIVE, 0 | 1) => Probe::NeedMore,
        _ => Probe::No,
    }
}

/// A token-passing frame (HCF_SPEC-081): delimiter, address, command, data.
#[derive(Debug, Clone, Copy)]
struct Pdu<'a> {
    is_answer: bool,
    is_burst: bool,
    address: &'a [u8],
    /// The command's number; command 31 carries the number of a longer one.
    command: u16,
    /// The command byte as it stands.
    carried: u8,
    /// Answer code and device status.
    status: Option<(u8, u8)>,
    data: &'a [u8],
    /// Whether the checksum fits. Gateways that make frames up themselves send some without, so it is no reason not to read them.
    is_intact: bool,
}

impl<'a> Pdu<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new("hart frame", bytes);
        let delimiter = reader.u8()?;
        let kind = delimiter & 7;
        if !matches!(kind, 1 | 2 | 6) {
            return Err(ParseError::Malformed { what: "hart frame", at: 0, why: "frame type" });
        }
        let address = reader.take(if delimiter & 0x80 == 0 { 1 } else { 5 })?;
        let _expansion = reader.take(usize::from(delimiter >> 5 & 3))?;
        let (command, count) = (reader.u8()?, reader.u8()?);
        let mut data = reader.take(count.into())?;
        let check = reader.u8()?;
        let covered = bytes.len().saturating_sub(reader.rest().len()).saturating_sub(1);
        let sum = bytes.iter().take(covered).fold(0, |sum, byte| sum ^ byte);
        let is_answer = kind != 2;
        let mut status = None;
        if is_answer && let [code, device, rest @ ..] = data {
            status = Some((*code, *device));
            data = rest;
        }
        let mut number = u16::from(command);
        if let (31, [n0, n1, rest @ ..]) = (command, data) {
            number = u16::from_be_bytes([*n0, *n1]);
            data = rest;
        }
        Ok(Self {
            is_answer,
            is_burst: kind == 1,
            address,
            command: number,
            carried: command,
            status,
            data,
            is_intact: sum == check,
        })
    }
}

/// HART-IP messages.
struct HartIp;

impl Frames for HartIp {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        match header(bytes) {
            Ok(Some(header)) => Frame::whole(header.length),
            Ok(None) => Frame::More,
            Err(error) => Frame::Lost(error),
        }
    }

    fn read(&mut self, _chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let Some(header) = header(bytes)? else { return Err(ParseError::Incomplete { what: "hart-ip header" }) };
        let body = bytes.get(HEADER..).unwrap_or_default();
        if header.id == TOKEN && header.kind <= 2 {
            frame(&header, &Pdu::parse(body)?, emit);
        } else {
            session(&header, emit);
        }
        Ok(())
    }

    fn lost(&mut self, _direction: Direction) {}
}

/// Opening, closing and keeping alive; others are only seen.
fn session(header: &Header, emit: &mut Emit<'_>) {
    let object = Object::Named("session");
    let mut acts = Acts::new();
    let is_refused = header.kind == 15 || header.status != 0;
    match (header.id, header.kind) {
        (INITIATE, 0) => acts.request(Verb::Login, object),
        (INITIATE, _) => acts.reply(Verb::Login, object, is_refused),
        (128, 0) => acts.request(Verb::Discover, object),
        (128, _) => acts.reply(Verb::Discover, object, is_refused),
        _ => {}
    }
    let kind = match header.id {
        INITIATE => "session-initiate",
        CLOSE => "session-close",
        KEEP_ALIVE => "keep-alive",
        TOKEN => "refusal",
        _ => "other",
    };
    emit.message(kind, &mut acts, &Shown(|visit| fields(visit, header)));
}

fn fields(visit: &mut crate::acts::Visit<'_>, header: &Header) {
    visit.number("version", header.version);
    visit.number("message_type", header.kind);
    visit.number("message_id", header.id);
    visit.number("status", header.status);
    visit.number("transaction_id", header.sequence);
}

fn frame(header: &Header, pdu: &Pdu<'_>, emit: &mut Emit<'_>) {
    let name = match pdu.address {
        // A long address is the device's type and number; the two upper bits tell master and burst mode.
        [a, b, c, d, e] => {
            Text::<64>::of(format_args!("command {} device {:02x}{b:02x}{c:02x}{d:02x}{e:02x}", pdu.command, a & 0x3f))
        }
        [address, ..] => Text::of(format_args!("command {} address {}", pdu.command, address & 0x3f)),
        [] => Text::of(format_args!("command {}", pdu.command)),
    };
    let object = Object::Named(name.as_str());
    let verb = verb(pdu.command);
    let tells = pdu.is_answer && pdu.is_intact;
    let identity = if tells { identity(pdu.command, pdu.data) } else { None };
    let tag = if tells { tag(pdu.command, pdu.data) } else { None };
    let mut acts = Acts::new();
    if pdu.is_burst || header.kind == 2 {
        acts.push(Act::Publishes { object });
    } else if pdu.is_answer {
        acts.reply(verb, object, pdu.status.is_some_and(|(code, _)| refused(code)));
    } else {
        acts.request(verb, object);
    }
    let texts = identity.as_ref().map(Identity::texts);
    if let (Some(identity), Some(texts)) = (&identity, &texts) {
        identity.facts(texts, &mut acts);
    }
    // A device without a tag shows only zeros, the character '@' of packed text.
    let set = tag.as_ref().map(Text::as_str).filter(|tag| !tag.bytes().all(|byte| byte == b'@'));
    if let Some(tag) = set {
        acts.says(Attribute::Name, FactValue::Text(tag), 85, "hart-ip.tag");
    }
    let readings = Stated(|to| command::variables(pdu.command, pdu.data, pdu.address, to));
    let is_refused = pdu.status.is_some_and(|(code, _)| refused(code));
    if tells && !is_refused && matches!(pdu.command, 1..=3) {
        acts.push(Act::States(&readings));
    }
    if !pdu.is_intact {
        acts.odd("hart-ip.frame-checksum");
    }
    let kind = if header.kind == 2 || pdu.is_burst {
        "publish"
    } else if pdu.is_answer {
        "response"
    } else {
        "request"
    };
    let shown = Shown(|visit| {
        fields(visit, header);
        visit.number("pt_command", pdu.carried);
        visit.number("command", pdu.command);
        visit.bytes("address", pdu.address);
        if let Some((code, device)) = pdu.status {
            visit.number("response_code", code);
            visit.number("device_status", device);
        }
        if let Some(identity) = &identity {
            identity.fields(visit);
        }
        visit.maybe_text("tag", tag.as_ref().map(Text::as_str));
    });
    emit.function(pdu.command).message(kind, &mut acts, &shown);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{Conversation, datagram, hex};
    use dogwatch_model::Direction::{ToClient, ToServer};

    /// A message of `kind` and `id` with sequence number 5.
    fn message(kind: u8, id: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![1, kind, id, 0, 0, 5];
        bytes.extend(u16::try_from(body.len() + HEADER).unwrap().to_be_bytes());
        bytes.extend_from_slice(body);
        bytes
    }

    /// A token-passing frame to or from the device with a long address.
    fn token(delimiter: u8, command: u8, data: &[u8]) -> Vec<u8> {
        let mut pdu = vec![delimiter, 0xa6, 0x4e, 0x12, 0x34, 0x56, command, u8::try_from(data.len()).unwrap()];
        pdu.extend_from_slice(data);
        pdu.push(pdu.iter().fold(0, |sum, byte| sum ^ byte));
        pdu
    }

    #[test]
    fn commands_in_the_words_of_a_policy() {
        for (name, command, want) in [
            ("identity", 0, "request discover command 0 device 264e123456"),
            ("write tag", 18, "request write command 18 device 264e123456"),
            ("fix current", 40, "request control command 40 device 264e123456"),
            ("reset", 42, "request control command 42 device 264e123456"),
            ("read variables", 3, "request read command 3 device 264e123456"),
        ] {
            let heard = datagram(&HART_IP, Carrier::Udp, 5094, &message(0, TOKEN, &token(0x82, command, &[])));
            assert_eq!(heard.seen[0].acts, [want], "{name}");
        }
    }

    #[test]
    fn a_device_tells_who_it_is() {
        let mut conversation = Conversation::new(&HART_IP, Carrier::Udp, 5094);
        let data = hex("00 00 fe 264e 05 07 04 01 0e 00 0000d2 05 00 0001 00 0026 0026 01");
        conversation.send(ToServer, &message(0, TOKEN, &token(0x82, 0, &[])));
        conversation.send(ToClient, &message(1, TOKEN, &token(0x86, 0, &data)));
        assert_eq!(
            conversation.heard.seen[1].acts,
            [
                "reply discover command 0 device 264e123456",
                "says manufacturer=Rosemount (hart-ip.manufacturer-id)",
                "says manufacturer=38 (hart-ip.identity)",
                "says product_code=0x264e (hart-ip.identity)",
                "says serial_number=0000d2 (hart-ip.identity)",
                "says hw_revision=1 (hart-ip.identity)",
                "says firmware_version=1 (hart-ip.identity)",
                "says software_version=4 (hart-ip.device-revision)",
            ]
        );
    }

    #[test]
    fn tags_and_refusals() {
        // Packed text of HCF_SPEC-127: six bits a character, the upper two left out. "PUMP 01 ": 10 15 0D 10 20 30 31 20.
        let heard = datagram(
            &HART_IP,
            Carrier::Udp,
            5094,
            &message(1, TOKEN, &token(0x86, 13, &hex("0000 415350830c60 000000000000000000000000 010101"))),
        );
        assert_eq!(heard.seen[0].acts[1], "says name=PUMP 01 (hart-ip.tag)");
        let long = [&[0, 0][..], b"LT-204 ballast tank 3 port\0\0\0\0\0\0"].concat();
        let heard = datagram(&HART_IP, Carrier::Udp, 5094, &message(1, TOKEN, &token(0x86, 20, &long)));
        assert_eq!(heard.seen[0].acts[1], "says name=LT-204 ballast tank 3 port (hart-ip.tag)");
        let heard = datagram(&HART_IP, Carrier::Udp, 5094, &message(1, TOKEN, &token(0x86, 18, &[7, 0])));
        assert_eq!(heard.seen[0].acts, ["refusal write command 18 device 264e123456"]);
        let unset = [&[0, 0][..], &[0; 21]].concat();
        let heard = datagram(&HART_IP, Carrier::Udp, 5094, &message(1, TOKEN, &token(0x86, 13, &unset)));
        assert_eq!(heard.seen[0].acts.len(), 1, "a tag of zeros is none");
    }

    #[test]
    fn sessions_and_what_the_first_bytes_tell() {
        let open = message(0, INITIATE, &hex("01 0000ea60"));
        let heard = datagram(&HART_IP, Carrier::Udp, 5094, &open);
        assert_eq!(heard.seen[0].acts, ["request login session"]);
        assert_eq!(HART_IP.probe(Carrier::Udp, ToServer, &open), Probe::Yes);
        assert_eq!(HART_IP.probe(Carrier::Tcp, ToServer, &open[..9]), Probe::NeedMore);
        assert_eq!(HART_IP.probe(Carrier::Udp, ToServer, &message(0, KEEP_ALIVE, &[])), Probe::NeedMore);
        let mut bad = message(0, TOKEN, &token(0x82, 0, &[]));
        *bad.last_mut().unwrap() ^= 1;
        assert_eq!(HART_IP.probe(Carrier::Udp, ToServer, &bad), Probe::No, "checksum");
    }
}
