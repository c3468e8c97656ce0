//! BSAP: Bristol (Emerson) ControlWave controllers of gas and water plants, serial frames carried in UDP datagrams.
//!
//! Reads frames with their checksum, nodes, and requests to the real-time database by name and by address with their answers. Deliberately not
//! read: values, other services than the database by more than their number, the datagram format of later firmware.
//!
//! Specification: none public; layouts follow the published analyses that independent decoders are built on (CISA ICSNPP).

use dogwatch_model::{Direction, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::asked::Asked;
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::reader::Reader;
use crate::text::{Text, printable};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// BSAP over UDP.
pub(crate) static BSAP: FramedProtocol = FramedProtocol {
    name: "bsap",
    hints: &[Hint::Udp(1234), Hint::Udp(1235)],
    carriers: &[Carrier::Udp],
    probe: |_, head| if Body::parse(head).is_ok() { Probe::Yes } else { Probe::No },
    frames: |limits| Box::new(Bsap { asked: Asked::new(limits) }),
};

const DLE: u8 = 0x10;
const STX: u8 = 0x02;
const ETX: u8 = 0x03;
/// The service that reads and writes the real-time database.
const DATABASE: u8 = 0xa0;
/// The longest frame of the serial protocol, without doubled bytes.
const LONGEST: usize = 256;

/// CRC-16 with polynomial 0x1021 reflected, started with all ones.
fn crc(bytes: impl Iterator<Item = u8>) -> u16 {
    bytes.fold(0xffff_u16, |crc, byte| {
        (0..8).fold(crc ^ u16::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0x8408 } else { crc >> 1 })
    })
}

/// What stands between start and end of a frame, doubled bytes made single.
struct Body {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Body {
    fn parse(frame: &[u8]) -> Result<Self, ParseError> {
        const ODD: ParseError = ParseError::Malformed { what: "bsap frame", at: 0, why: "start, end or length" };
        let [DLE, STX, inner @ .., DLE, ETX, c0, c1] = frame else { return Err(ODD) };
        let mut body = Self { bytes: [0; LONGEST], length: 0 };
        let mut rest = inner.iter();
        while let Some(byte) = rest.next() {
            // A byte that looks like the escape is sent twice.
            if *byte == DLE && rest.next() != Some(&DLE) {
                return Err(ODD);
            }
            *body.bytes.get_mut(body.length).ok_or(ODD)? = *byte;
            body.length = body.length.saturating_add(1);
        }
        if crc(body.as_slice().iter().copied().chain([ETX])) != u16::from_le_bytes([*c0, *c1]) {
            return Err(ParseError::Checksum { what: "bsap frame" });
        }
        Ok(body)
    }

    fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// Header of a message: local, or global with addresses of the whole network.
#[derive(Debug, Clone, Copy)]
struct Header {
    node: u8,
    /// Destination and source, of a global message.
    ends: Option<(u16, u16)>,
    destination: u8,
    source: u8,
    sequence: u16,
    status: u8,
}

impl Header {
    fn parse<'a>(reader: &mut Reader<'a>) -> Result<Self, ParseError> {
        let [node, _serial] = reader.array()?;
        let mut ends = None;
        if node & 0x80 != 0 {
            ends = Some((reader.le16()?, reader.le16()?));
            let _control = reader.u8()?;
        }
        let destination = reader.u8()?;
        let sequence = reader.le16()?;
        let [source, status] = reader.array()?;
        Ok(Self { node: node & 0x7f, ends, destination, source, sequence, status })
    }
}

/// Name and verb of a request to the database.
const fn function(code: u8) -> (&'static str, Verb) {
    match code {
        0x00 => ("read-by-address", Verb::Read),
        0x04 => ("read-by-name", Verb::Read),
        0x0c => ("read-by-list", Verb::Read),
        0x0d => ("read-by-list-continued", Verb::Read),
        0x80 => ("write-by-address", Verb::Write),
        0x84 => ("write-by-name", Verb::Write),
        0x8c | 0x8d => ("write-by-list", Verb::Write),
        other if other & 0x80 != 0 => ("write", Verb::Write),
        _ => ("read", Verb::Read),
    }
}

/// The names in a request by name: counted, each up to a NUL. Between names of a write stand values, so only its first is taken.
fn names(data: &[u8]) -> impl Iterator<Item = &str> + Clone {
    let (count, mut rest) = match data {
        [0x04, _, _, _, count, rest @ ..] => (*count, rest),
        [0x84, _, count, rest @ ..] => ((*count).min(1), rest),
        _ => (0, &[][..]),
    };
    (0..count).map_while(move |_| {
        let end = rest.iter().position(|byte| *byte == 0)?;
        let name = printable(rest.get(..end)?);
        rest = rest.get(end.saturating_add(1)..).unwrap_or_default();
        name
    })
}

/// Messages between two ends.
struct Bsap {
    asked: Asked<u16, (Verb, Text<48>)>,
}

impl Frames for Bsap {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        // A datagram holds one frame.
        Frame::whole(bytes.len().max(1))
    }

    fn read(&mut self, _chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let body = Body::parse(bytes)?;
        let mut reader = Reader::new("bsap", body.as_slice());
        let Ok(header) = Header::parse(&mut reader) else {
            // Polls and acknowledgements have no header of their own.
            emit.plain("poll", &[], &dogwatch_model::NoFields);
            return Ok(());
        };
        let data = reader.rest();
        let mut acts = Acts::new();
        let code = data.first().copied().filter(|_| header.destination == DATABASE);
        let (kind, verb) = code.map_or(("message", Verb::Read), function);
        let first = names(data).next().map(|name| Text::<48>::of(format_args!("{name}")));
        let answered = if header.source == DATABASE { self.asked.answer(&header.sequence) } else { None };
        let name = answered.map(|(_, name)| name).or(first).unwrap_or_else(|| Text::of(format_args!("{kind}")));
        if code.is_some() {
            if first.is_none() {
                acts.request(verb, Object::Named(name.as_str()));
            }
            names(data).take(8).for_each(|name| acts.request(verb, Object::Named(name)));
            self.asked.ask(header.sequence, (verb, name));
        } else if header.source == DATABASE {
            let verb = answered.map_or(Verb::Read, |(verb, _)| verb);
            // The first byte of an answer tells errors, its top bit that the request as a whole failed.
            acts.reply(verb, Object::Named(name.as_str()), data.first().is_some_and(|error| error & 0x80 != 0));
        }
        let fields = Shown(|visit| {
            visit.number("node", header.node);
            visit.maybe("dst", header.ends.map(|(destination, _)| destination));
            visit.maybe("src", header.ends.map(|(_, source)| source));
            visit.number("dfun", header.destination);
            visit.number("sfun", header.source);
            visit.number("seq", header.sequence);
            visit.number("nsb", header.status);
            visit.maybe("function", code);
            visit.one_or_list("names", names(data));
        });
        let kind = if header.source == DATABASE { "answer" } else { kind };
        emit.function(code.unwrap_or_default()).message(kind, &mut acts, &fields);
        Ok(())
    }

    fn lost(&mut self, _direction: Direction) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{Conversation, hex};
    use dogwatch_model::Direction::{ToClient, ToServer};

    fn frame(body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![DLE, STX];
        for byte in body {
            bytes.extend(if *byte == DLE { vec![DLE, DLE] } else { vec![*byte] });
        }
        bytes.extend([DLE, ETX]);
        bytes.extend(crc(body.iter().copied().chain([ETX])).to_le_bytes());
        bytes
    }

    #[test]
    fn checksum() {
        // The catalogue of CRCs gives 0x6F91 for CRC-16/MCRF4XX over "123456789".
        assert_eq!(crc(b"123456789".iter().copied()), 0x6f91);
    }

    #[test]
    fn requests_by_name_and_their_answers() {
        let mut conversation = Conversation::new(&BSAP, Carrier::Udp, 1235);
        let read = [&hex("01 10 a0 0800 03 00 04 0140 0f 02")[..], b"P1.RUN.\0P1.FLOW.\0"].concat();
        let write = [&hex("01 11 a0 0900 03 00 84 0f 01")[..], b"P1.SET.\0\x0b\x00\x00\x70\x42"].concat();
        conversation.send(ToServer, &frame(&read));
        conversation.send(ToClient, &frame(&hex("00 10 03 0800 a0 00 00 02 01 02")));
        conversation.send(ToServer, &frame(&write));
        conversation.send(ToClient, &frame(&hex("00 11 03 0900 a0 00 84 00")));
        let acts: Vec<_> = conversation.heard.seen.iter().map(|seen| seen.acts.join(", ")).collect();
        assert_eq!(conversation.heard.errors, []);
        assert_eq!(
            acts,
            [
                "request read P1.RUN., request read P1.FLOW.",
                "reply read P1.RUN.",
                "request write P1.SET.",
                "refusal write P1.SET."
            ]
        );
    }

    #[test]
    fn what_the_first_bytes_tell() {
        let bytes = frame(&hex("01 10 a0 0800 03 00 04 0140 0f 00"));
        assert_eq!(BSAP.probe(Carrier::Udp, ToServer, &bytes), Probe::Yes);
        let mut bad = bytes.clone();
        bad[4] ^= 1;
        assert_eq!(BSAP.probe(Carrier::Udp, ToServer, &bad), Probe::No, "checksum");
        assert_eq!(BSAP.probe(Carrier::Udp, ToServer, &bytes[..8]), Probe::No);
        assert_eq!(BSAP.probe(Carrier::Udp, ToServer, &frame(&[0x41; 400])), Probe::No, "longer than any");
    }
}
