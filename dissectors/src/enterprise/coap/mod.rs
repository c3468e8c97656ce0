//! CoAP: small sensors and lighting that offer resources over UDP.
//!
//! Reads the header, path, query and host of requests, and pairs answers by token. Deliberately not read: payloads, block-wise transfer as one
//! message, CoAP over TCP and DTLS.
//!
//! Specification: RFC 7252 clause 3 (format), 5 (requests and answers); RFC 7641, 7959, 8132 for further options and methods. Sensors older
//! than it speak its drafts (draft-ietf-core-coap-03 to -12), see [`draft`].

mod draft;

use dogwatch_model::{Direction, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::asked::Asked;
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::reader::Reader;
use crate::text::{Text, printable};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// CoAP over UDP.
pub(crate) static COAP: FramedProtocol = FramedProtocol {
    name: "coap",
    hints: &[Hint::Udp(5683)],
    carriers: &[Carrier::Udp],
    probe: |_, head| probe(head),
    frames: |limits| Box::new(Coap { asked: Asked::new(limits), draft: None }),
};

const URI_HOST: u32 = 3;
const URI_PATH: u32 = 11;
const URI_QUERY: u32 = 15;

/// Options that are registered with IANA and the longest value each may have.
const fn longest(option: u32) -> Option<usize> {
    Some(match option {
        1 | 4 | 252 | 292 => 8,
        URI_HOST | URI_PATH | 8 | URI_QUERY | 20 | 39 => 255,
        5 => 0,
        6 | 14 | 16 | 17 | 23 | 27 | 28 | 60 | 258 => 4,
        7 | 12 => 2,
        9 => 255,
        35 => 1_034,
        11_000..=65_535 => 1_034,
        _ => return None,
    })
}

/// Which options mean what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// RFC 7252.
    Final,
    /// A draft, by its numbers of options.
    Draft(draft::Numbers),
}

/// A message.
#[derive(Debug, Clone, Copy)]
struct Packet<'a> {
    form: Form,
    kind: u8,
    code: u8,
    id: u16,
    token: u64,
    options: &'a [u8],
    has_payload: bool,
    /// Whether every option is one that is registered.
    is_plain: bool,
}

impl<'a> Packet<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        const ODD: ParseError = ParseError::Malformed { what: "coap", at: 0, why: "version, token or code" };
        let mut reader = Reader::new("coap", bytes);
        let [first, code] = reader.array()?;
        let id = reader.be16()?;
        let (version, kind, length) = (first >> 6, first >> 4 & 3, first & 15);
        if version != 1 || length > 8 || !matches!(code >> 5, 0 | 2 | 4 | 5) {
            return Err(ODD);
        }
        let token = reader.take(length.into())?.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        // An empty message is four bytes and nothing else (clause 4.1).
        if code == 0 && (length != 0 || !reader.is_empty()) {
            return Err(ODD);
        }
        let start = reader.rest();
        let mut options = Options::new(reader, Form::Final, u8::MAX);
        let mut is_plain = true;
        while let Some((number, value)) = options.next()? {
            is_plain &= longest(number).is_some_and(|longest| value.len() <= longest);
        }
        let rest = options.reader.rest();
        // A payload marker needs a payload behind it (clause 3).
        if rest.len() == 1 {
            return Err(ODD);
        }
        let used = start.len().saturating_sub(rest.len());
        Ok(Self {
            form: Form::Final,
            kind,
            code,
            id,
            token,
            options: start.get(..used).unwrap_or_default(),
            has_payload: !rest.is_empty(),
            is_plain,
        })
    }

    const fn is_request(&self) -> bool {
        matches!(self.code, 1..=31)
    }

    /// Values of an option, as text.
    fn option(&self, wanted: u32) -> impl Iterator<Item = &'a str> + Clone + use<'a> {
        let mut options = Options::new(Reader::new("coap option", self.options), self.form, u8::MAX);
        std::iter::from_fn(move || options.next().ok().flatten())
            .filter(move |(number, _)| *number == wanted)
            .filter_map(|(_, value)| printable(value))
    }

    fn part(&self, part: Part) -> impl Iterator<Item = &'a str> + Clone + use<'a> {
        self.option(match (self.form, part) {
            (Form::Draft(numbers), part) => numbers.of(part),
            (Form::Final, Part::Host) => URI_HOST,
            (Form::Final, Part::Path) => URI_PATH,
            (Form::Final, Part::Query) => URI_QUERY,
        })
    }

    fn path(&self) -> Text<96> {
        let mut text = Text::new();
        for part in self.part(Part::Path) {
            let _ = std::fmt::Write::write_fmt(&mut text, format_args!("/{part}"));
        }
        if text.is_empty() { Text::of(format_args!("/")) } else { text }
    }

    /// Methods (clause 5.8, RFC 8132). A post may do anything; what it does is not told by the protocol.
    fn verb(&self) -> Verb {
        match self.code {
            1 if self.part(Part::Path).eq([".well-known", "core"]) => Verb::Discover,
            1 | 5 => Verb::Read,
            _ => Verb::Write,
        }
    }
}

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Host,
    Path,
    Query,
}

/// Goes over options.
#[derive(Debug, Clone, Copy)]
struct Options<'a> {
    reader: Reader<'a>,
    number: u32,
    form: Form,
    /// So many more are there; the final form ends them by a mark instead.
    left: u8,
}

impl<'a> Options<'a> {
    const fn new(reader: Reader<'a>, form: Form, left: u8) -> Self {
        Self { reader, number: 0, form, left }
    }

    /// The next option; `None` at the end or at the payload marker, which stays in front.
    fn next(&mut self) -> Result<Option<(u32, &'a [u8])>, ParseError> {
        let is_final = self.form == Form::Final;
        match self.reader.rest().first() {
            None => return Ok(None),
            Some(0xff) if is_final => return Ok(None),
            Some(_) if self.left == 0 => return Ok(None),
            Some(_) => self.left = if is_final { self.left } else { self.left.saturating_sub(1) },
        }
        let first = self.reader.u8()?;
        let (delta, length) = if is_final {
            (self.extended(first >> 4)?, self.extended(first & 15)?)
        } else {
            (u32::from(first >> 4), draft::length(first & 15, &mut self.reader)?)
        };
        self.number = self.number.saturating_add(delta);
        let value = self.reader.take(usize::try_from(length).unwrap_or(usize::MAX))?;
        Ok(Some((self.number, value)))
    }

    fn extended(&mut self, nibble: u8) -> Result<u32, ParseError> {
        Ok(match nibble {
            13 => u32::from(self.reader.u8()?).saturating_add(13),
            14 => u32::from(self.reader.be16()?).saturating_add(269),
            15 => return Err(ParseError::Malformed { what: "coap option", at: 0, why: "reserved length" }),
            short => short.into(),
        })
    }
}

fn probe(head: &[u8]) -> Probe {
    let Ok(packet) = Packet::parse(head).map_err(drop) else { return probe_draft(head) };
    let fits = packet.is_plain
        && match (packet.kind, packet.code) {
            // Four bytes are too little to go by.
            (_, 0) => return if packet.kind >= 2 { Probe::NeedMore } else { Probe::No },
            // A request is never an acknowledgement, and names what it is for.
            (0 | 1, 1..=7) => {
                packet.part(Part::Path).chain(packet.part(Part::Host)).next().is_some() || packet.has_payload
            }
            (0..=2, 65..=69 | 73 | 95 | 128..=143 | 160..=168) => head.len() > 4,
            _ => false,
        };
    if fits { Probe::Yes } else { probe_draft(head) }
}

/// A request of a draft; answers hold too little that is their own.
fn probe_draft(head: &[u8]) -> Probe {
    if Packet::parse_draft(head, None).is_some_and(|packet| packet.is_request()) { Probe::Yes } else { Probe::No }
}

/// Messages between two ends.
struct Coap {
    /// The numbers of the draft that is spoken here, once a request has shown it.
    draft: Option<draft::Numbers>,
    asked: Asked<u64, (Verb, Text<96>)>,
}

impl Coap {
    /// A message in the form that is spoken here: where the final one fits, it is that.
    fn packet<'a>(&mut self, bytes: &'a [u8]) -> Result<Packet<'a>, ParseError> {
        let packet = Packet::parse(bytes);
        if packet.is_ok_and(|packet| packet.is_plain) && self.draft.is_none() {
            return packet;
        }
        match Packet::parse_draft(bytes, self.draft) {
            Some(old) if old.is_request() || self.draft.is_some() => {
                if let Form::Draft(numbers) = old.form {
                    self.draft = Some(numbers);
                }
                Ok(old)
            }
            _ => packet,
        }
    }
}

impl Frames for Coap {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        // A datagram holds one message.
        Frame::whole(bytes.len().max(1))
    }

    fn read(&mut self, _chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let packet = self.packet(bytes)?;
        let mut acts = Acts::new();
        let path = packet.path();
        let answered = if packet.code >= 64 { self.asked.answer(&packet.token) } else { None };
        if packet.is_request() {
            acts.request(packet.verb(), Object::Named(path.as_str()));
            self.asked.ask(packet.token, (packet.verb(), path));
        } else if packet.code >= 64 {
            let (verb, name) =
                answered.as_ref().map_or((Verb::Read, "resource"), |(verb, path)| (*verb, path.as_str()));
            acts.reply(verb, Object::Named(name), packet.code >= 128);
        }
        let fields = Shown(|visit| {
            visit.number("type", packet.kind);
            visit.number("code", packet.code);
            visit.number("mid", packet.id);
            if packet.form != Form::Final {
                visit.flag("draft", true);
            }
            visit.one_or_list("uri_host", packet.part(Part::Host));
            visit.one_or_list("uri_path", packet.part(Part::Path));
            visit.one_or_list("uri_query", packet.part(Part::Query));
        });
        let kind = match packet.code {
            0 => "empty",
            1 => "get",
            2 => "post",
            3 => "put",
            4 => "delete",
            5 => "fetch",
            6 | 7 => "patch",
            64.. => "response",
            _ => "request",
        };
        emit.message(kind, &mut acts, &fields);
        Ok(())
    }

    fn lost(&mut self, _direction: Direction) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{Conversation, datagram, hex};
    use dogwatch_model::Direction::{ToClient, ToServer};

    #[test]
    fn requests_and_their_answers() {
        let mut conversation = Conversation::new(&COAP, Carrier::Udp, 5683);
        // PUT coap://…/valve/2 with token 71 and payload "1"; answered 4.03 forbidden.
        conversation.send(ToServer, &hex("41 03 1234 71 b5 76616c7665 01 32 ff 31"));
        conversation.send(ToClient, &hex("61 83 1234 71"));
        conversation.send(ToServer, &hex("41 01 1235 72 bb 2e77656c6c2d6b6e6f776e 04 636f7265"));
        conversation.send(ToClient, &hex("61 45 1235 72 c1 28 ff 3c2f613e"));
        let seen = &conversation.heard.seen;
        assert_eq!(seen[0].acts, ["request write /valve/2"]);
        assert_eq!(seen[1].acts, ["refusal write /valve/2"]);
        assert_eq!(seen[2].acts, ["request discover /.well-known/core"]);
        assert_eq!(seen[3].acts, ["reply discover /.well-known/core"]);
        assert_eq!((seen[0].kind.as_str(), seen[0].field("mid")), ("put", "4660".into()));
    }

    #[test]
    fn what_the_first_bytes_tell() {
        for (name, bytes, want) in [
            ("get", hex("41 01 1235 72 b1 61"), Probe::Yes),
            ("empty acknowledgement", hex("60 00 1235"), Probe::NeedMore),
            ("text", b"@ABCDEFG hello".to_vec(), Probe::No),
            ("marker without payload", hex("41 01 1235 72 b1 61 ff"), Probe::No),
            ("unregistered option", hex("40 01 1235 21 61"), Probe::No),
            ("token of nine", hex("49 01 1235 010203040506070809"), Probe::No),
        ] {
            assert_eq!(COAP.probe(Carrier::Udp, ToServer, &bytes), want, "{name}");
        }
        let heard = datagram(&COAP, Carrier::Udp, 5683, &hex("40 01 1235 d1"));
        assert_eq!(heard.errors[0].kind(), "incomplete");
    }
}
