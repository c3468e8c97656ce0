//! GE-SRTP: service requests of GE Fanuc, PACSystems and Emerson controllers over TCP 18245.
//!
//! Reads requests with their memory place, acknowledgements and refusals. Deliberately not read: values, program blocks, text of identity answers
//! (its layout is not public).
//!
//! Source: there is no public specification; G. Denton et al., "Leveraging the SRTP protocol for over-the-network memory acquisition of a GE
//! Fanuc Series 90-30", Digital Investigation 22 (2017). No capture was at hand: checked against the published layout only.

use dogwatch_model::{Direction, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::asked::Asked;
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::reader::Reader;
use crate::text::Text;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// GE-SRTP.
pub(crate) static GE_SRTP: FramedProtocol = FramedProtocol {
    name: "ge-srtp",
    hints: &[Hint::Tcp(18_245), Hint::Tcp(18_246)],
    carriers: &[Carrier::Tcp],
    probe: |_, head| begins(head),
    frames: |limits| Box::new(Srtp { open: Asked::new(limits) }),
};

const HEADER: usize = 56;
const REQUEST: u8 = 2;
const REPLY: u8 = 3;
/// Longest text behind a header that is believed.
const LONGEST_TEXT: u16 = 8_192;

/// Kinds of message, by the byte at 31.
const SHORT_REQUEST: u8 = 0xc0;
const LONG_REQUEST: u8 = 0x80;
const SHORT_REPLY: u8 = 0xd4;
const LONG_REPLY: u8 = 0x94;
const ERROR_REPLY: u8 = 0xd1;

/// Whether a message begins here: type, the message kinds that go with it, and bytes that are always zero.
fn begins(bytes: &[u8]) -> Probe {
    match bytes.first().copied() {
        None => return Probe::NeedMore,
        Some(0 | 1 | REQUEST | REPLY) => {}
        Some(_) => return Probe::No,
    }
    let quiet = |from: usize, to: usize| bytes.iter().take(to).skip(from).all(|byte| *byte == 0);
    let so_far = bytes.get(1).is_none_or(|byte| *byte == 0) && quiet(18, 26) && quiet(10, 17);
    let Some(header) = bytes.first_chunk::<HEADER>() else {
        return if so_far { Probe::NeedMore } else { Probe::No };
    };
    let fits = match (header[0], header[31]) {
        // The opening: nothing but zeros, answered by a one in front. Zeros alone prove nothing.
        (0, 0) if header.iter().all(|byte| *byte == 0) => {
            return match bytes.get(HEADER..) {
                Some([]) | None => Probe::NeedMore,
                Some(rest) if rest.first() == Some(&0) => Probe::No,
                Some(rest) => begins(rest),
            };
        }
        (1, 0) => header.iter().skip(1).filter(|byte| **byte != 0).count() <= 1 && matches!(header[8], 0 | 0x0f),
        (REQUEST, SHORT_REQUEST | LONG_REQUEST) | (REPLY, SHORT_REPLY | LONG_REPLY | ERROR_REPLY) => so_far,
        _ => false,
    };
    if fits { Probe::Yes } else { Probe::No }
}

/// Name and verb of a service request.
const fn service(code: u8) -> Option<(&'static str, Verb)> {
    Some(match code {
        0x00 => ("short-status", Verb::Diagnose),
        0x03 => ("program-names", Verb::Discover),
        0x04 => ("read-system-memory", Verb::Read),
        0x05 => ("read-task-memory", Verb::Read),
        0x06 => ("read-program-memory", Verb::Transfer),
        0x07 => ("write-system-memory", Verb::Write),
        0x08 => ("write-task-memory", Verb::Write),
        0x09 => ("write-program-memory", Verb::Program),
        0x20 => ("programmer-logon", Verb::Login),
        0x21 => ("change-privilege", Verb::Login),
        0x22 => ("set-controller-id", Verb::Program),
        0x23 => ("run-stop", Verb::Control),
        0x24 => ("set-clock", Verb::Write),
        0x25 => ("read-clock", Verb::Read),
        0x38 => ("read-faults", Verb::Diagnose),
        0x39 => ("clear-faults", Verb::Control),
        0x3f => ("upload-program", Verb::Transfer),
        0x40 => ("download-program", Verb::Program),
        0x43 => ("controller-type", Verb::Discover),
        0x44 => ("force-memory", Verb::Write),
        _ => return None,
    })
}

/// The place a segment selector and offset name; places count from one.
fn place(selector: u8, offset: u16, length: u16) -> Option<Text<48>> {
    let (name, size) = match selector {
        0x08 => ("R", 1),
        0x0a => ("AI", 1),
        0x0c => ("AQ", 1),
        0x10 => ("I", 8),
        0x12 => ("Q", 8),
        0x14 => ("T", 8),
        0x16 => ("M", 8),
        0x38 => ("G", 8),
        0x46 => ("I", 1),
        0x48 => ("Q", 1),
        0x4a => ("T", 1),
        0x4c => ("M", 1),
        0x56 => ("G", 1),
        _ => return None,
    };
    let first = u32::from(offset).saturating_mul(size).saturating_add(1);
    let last = first.saturating_add(u32::from(length.max(1)).saturating_mul(size)).saturating_sub(1);
    Some(if last > first {
        Text::of(format_args!("%{name}{first}-{last}"))
    } else {
        Text::of(format_args!("%{name}{first}"))
    })
}

/// SRTP messages in a stream.
struct Srtp {
    /// By sequence number.
    open: Asked<u8, (Verb, Text<48>)>,
}

impl Frames for Srtp {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        const LOST: Frame =
            Frame::Lost(ParseError::Malformed { what: "srtp header", at: 0, why: "type or text length" });
        match bytes {
            [0..=REPLY, 0, _, _, l0, l1, ..] => match u16::from_le_bytes([*l0, *l1]) {
                length if length <= LONGEST_TEXT => Frame::whole(HEADER.saturating_add(length.into())),
                _ => LOST,
            },
            [] | [0..=REPLY] => Frame::More,
            [0..=REPLY, 0, ..] => Frame::More,
            _ => LOST,
        }
    }

    fn begins(&self, _carrier: Carrier, bytes: &[u8]) -> Probe {
        begins(bytes)
    }

    fn read(&mut self, _chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let mut reader = Reader::new("srtp", bytes);
        let [kind, _reserved, sequence, _high] = reader.array()?;
        let _text_and_times = reader.take(27)?;
        let message = reader.u8()?;
        // Mailboxes, packet number and count; a request with text has its service eight bytes further on.
        let _addresses = reader.take(if message == LONG_REQUEST { 18 } else { 10 })?;
        let [code, selector] = reader.array()?;
        let (offset, length) = (reader.le16()?, reader.le16()?);
        let asked = if kind == REPLY { self.open.answer(&sequence) } else { None };
        let asked_object = asked.map(|(_, object)| object);
        let place = place(selector, offset, length).filter(|_| matches!(code, 0x04 | 0x07 | 0x44));
        let named = match (place, service(code)) {
            (Some(place), _) => place,
            (None, Some((name, _))) => Text::of(format_args!("srtp.{name}")),
            (None, None) => Text::new(),
        };
        let mut acts = Acts::new();
        let known = service(code).filter(|_| kind == REQUEST);
        match (kind, known) {
            (REQUEST, Some((_, verb))) => {
                self.open.ask(sequence, (verb, named));
                acts.request(verb, Object::Named(named.as_str()));
            }
            (REPLY, _) => {
                if let Some((verb, _)) = asked {
                    let object = asked_object.as_ref().map_or("", |text| text.as_str());
                    acts.reply(verb, Object::Named(object), message == ERROR_REPLY);
                }
            }
            _ => {}
        }
        let name = match kind {
            0 => "open",
            1 => "opened",
            REQUEST => "request",
            _ => "reply",
        };
        let fields = Shown(|visit| {
            visit.number("type", kind);
            visit.number("sequence", sequence);
            visit.number("message_type", message);
            if kind == REQUEST {
                visit.coded("service", code, known.map(|(name, _)| name));
                visit.number("selector", selector);
                visit.number("offset", offset);
                visit.number("length", length);
            }
        });
        emit.function(if kind == REQUEST { code } else { 0 }).message(name, &mut acts, &fields);
        Ok(())
    }

    fn lost(&mut self, _direction: Direction) {
        self.open.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{Conversation, hex};
    use dogwatch_model::Direction::{ToClient, ToServer};

    fn message(kind: u8, sequence: u8, message: u8, rest: &str) -> Vec<u8> {
        let mut bytes = vec![0; HEADER];
        (bytes[0], bytes[2], bytes[9], bytes[17], bytes[30], bytes[31]) = (kind, sequence, 1, 1, sequence, message);
        let rest = hex(rest);
        bytes[42..42 + rest.len()].copy_from_slice(&rest);
        bytes
    }

    #[test]
    fn requests_in_the_words_of_a_policy() {
        for (rest, want) in [
            ("04 08 6400 0a00", "request read %R101-110"),
            ("04 4c 0000 0100", "request read %M1"),
            ("23 00 0000 0000", "request control srtp.run-stop"),
            ("20 00 0000 0000", "request login srtp.programmer-logon"),
            ("40 00 0000 0000", "request program srtp.download-program"),
        ] {
            let mut conversation = Conversation::new(&GE_SRTP, Carrier::Tcp, 18_245);
            let bytes = message(REQUEST, 7, SHORT_REQUEST, rest);
            assert_eq!(GE_SRTP.probe(Carrier::Tcp, ToServer, &bytes), Probe::Yes);
            conversation.send(ToServer, &bytes);
            conversation.send(ToClient, &message(REPLY, 7, ERROR_REPLY, ""));
            assert_eq!(conversation.heard.seen[0].acts, [want]);
            assert_eq!(conversation.heard.seen[1].acts, [want.replace("request", "refusal")]);
        }
    }

    #[test]
    fn the_opening() {
        let zeros = vec![0; HEADER];
        assert_eq!(GE_SRTP.probe(Carrier::Tcp, ToServer, &zeros), Probe::NeedMore);
        assert_eq!(GE_SRTP.probe(Carrier::Tcp, ToServer, &[0; 200]), Probe::No, "zeros are anything");
        let mut opened = zeros.clone();
        (opened[0], opened[8]) = (1, 0x0f);
        assert_eq!(GE_SRTP.probe(Carrier::Tcp, ToClient, &opened), Probe::Yes);
        let both = [zeros, message(REQUEST, 1, SHORT_REQUEST, "43 00")].concat();
        assert_eq!(GE_SRTP.probe(Carrier::Tcp, ToServer, &both), Probe::Yes);
        assert_eq!(GE_SRTP.probe(Carrier::Tcp, ToServer, &hex("0001 0000 0006 01 03 0000 0001")), Probe::No);
    }
}
