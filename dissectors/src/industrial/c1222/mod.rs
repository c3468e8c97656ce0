//! ANSI C12.22: meters over TCP and UDP. Who speaks with whom by application titles, and what is done to which table.
//!
//! Recognised by the whole of a message: an association unit of titles and user information that is as long as it says. Deliberately not read:
//! values of tables, encrypted services, messages in segments, passwords.
//!
//! Specification: ANSI C12.22-2012 clauses 5.3 (message), 5.3.2 (services), as RFC 6142 and independent decoders quote it.

use dogwatch_model::{Attribute, FactValue, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::ber::{self, Element};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::reader::Reader;
use crate::text::{Text, printable, text};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// ANSI C12.22.
pub(crate) static C1222: FramedProtocol = FramedProtocol {
    name: "c1222",
    hints: &[Hint::Tcp(1153), Hint::Udp(1153)],
    carriers: &[Carrier::Tcp, Carrier::Udp],
    probe: |carrier, head| begins(carrier, head),
    frames: |_| Box::new(Meters),
};

/// Longest message.
const LONGEST: usize = 16 * 1_024;
/// The tag of a message: application 0, constructed.
const MESSAGE: u8 = 0x60;
const MALFORMED: ParseError =
    ParseError::Malformed { what: "c12.22 message", at: 0, why: "an association unit of titles" };

/// Bytes of the message at the front, `None` while its length is not complete.
fn length(bytes: &[u8]) -> Result<Option<usize>, ParseError> {
    let (content, head) = match bytes {
        [] | [MESSAGE] | [MESSAGE, 0x81] | [MESSAGE, 0x82] | [MESSAGE, 0x82, _] => return Ok(None),
        [MESSAGE, short @ 0..=0x7f, ..] => (usize::from(*short), 2_usize),
        [MESSAGE, 0x81, long, ..] => (usize::from(*long), 3),
        [MESSAGE, 0x82, a, b, ..] => (usize::from(u16::from_be_bytes([*a, *b])), 4),
        _ => return Err(MALFORMED),
    };
    let whole = content.saturating_add(head);
    if (12..=LONGEST).contains(&whole) { Ok(Some(whole)) } else { Err(MALFORMED) }
}

fn begins(carrier: Carrier, bytes: &[u8]) -> Probe {
    match length(bytes) {
        Ok(Some(whole)) if bytes.len() >= whole => {
            let is_alone = carrier.is_stream() || bytes.len() == whole;
            let message = bytes.get(..whole).map(Message::parse);
            if is_alone && matches!(message, Some(Ok(_))) { Probe::Yes } else { Probe::No }
        }
        // The first element tells already: a title, which begins with its kind.
        Ok(_) if carrier.is_stream() && may_begin(bytes) => Probe::NeedMore,
        _ => Probe::No,
    }
}

/// Whether what there is of the first element may be a title.
fn may_begin(bytes: &[u8]) -> bool {
    let head = match bytes.get(1) {
        Some(0x81) => 3,
        Some(0x82) => 4,
        _ => 2,
    };
    matches!(bytes.get(head..).unwrap_or_default(), [] | [0xa1 | 0xa2 | 0xa6] | [0xa1 | 0xa2 | 0xa6, 2..=0x7f, ..])
}

/// One message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Message<'a> {
    /// Title of the speaker.
    calling: Option<Element<'a>>,
    called: Option<Element<'a>>,
    /// Flags and services.
    services: &'a [u8],
}

impl<'a> Message<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader =
            Reader::new("c12.22 message", ber::expect(&mut Reader::new("c12.22 message", bytes), MESSAGE)?);
        let (mut calling, mut called, mut services) = (None, None, None);
        while !reader.is_empty() {
            let element = ber::element(&mut reader)?;
            match element.tag {
                // Title and invocation called, title and invocation calling, context, qualifiers, mechanism and authentication.
                0xa2 => called = Some(title(element.content)?),
                0xa6 => calling = Some(title(element.content)?),
                0xa1 | 0xa4 | 0xa7 | 0xa8 | 0x8b | 0xac => {}
                0xbe if reader.is_empty() => {
                    let external = ber::expect(&mut Reader::new("c12.22 user information", element.content), 0x28)?;
                    services = Some(ber::expect(&mut Reader::new("c12.22 services", external), 0x81)?);
                }
                _ => return Err(MALFORMED),
            }
        }
        match (services, calling.or(called)) {
            (Some([flags, services @ ..]), Some(_)) if flags & 0x80 != 0 => {
                // Bits 2 and 3 tell how it is protected; in clear there may be four bytes of device class in front.
                let is_clear = flags & 0x0c == 0;
                let class = if flags & 0x10 != 0 { 4 } else { 0 };
                let services = if is_clear { services.get(class..).ok_or(MALFORMED)? } else { &[] };
                Ok(Self { calling, called, services })
            }
            _ => Err(MALFORMED),
        }
    }

    /// The first service: its code and what follows.
    fn service(&self) -> Option<(u8, &'a [u8])> {
        let mut reader = Reader::new("c12.22 service", self.services);
        // A service has a length as elements have, without a tag in front.
        let length = match reader.u8().ok()? {
            short @ 0..=0x7f => usize::from(short),
            0x81 => reader.u8().ok()?.into(),
            0x82 => reader.be16().ok()?.into(),
            _ => return None,
        };
        reader.take(length).ok()?.split_first().map(|(code, rest)| (*code, rest))
    }
}

/// A title: an object identifier, or one that is relative to the standard's own.
fn title(content: &[u8]) -> Result<Element<'_>, ParseError> {
    let mut reader = Reader::new("c12.22 title", content);
    let title = ber::element(&mut reader)?;
    if matches!(title.tag, 0x06 | 0x80) && reader.is_empty() && !title.content.is_empty() {
        Ok(title)
    } else {
        Err(MALFORMED)
    }
}

/// A title as text; a relative one begins with a point.
fn words(title: Element<'_>) -> Option<Text<96>> {
    if title.tag == 0x06 {
        return Some(text![ber::oid(title.content)?.as_str()]);
    }
    let mut name = Text::new();
    let mut value = 0_u32;
    for byte in title.content {
        value = value.checked_shl(7)?.checked_add(u32::from(byte & 0x7f))?;
        if byte & 0x80 == 0 {
            name.put(".");
            name.put(value);
            value = 0;
        }
    }
    Some(name)
}

/// What a request does.
fn request(code: u8, rest: &[u8]) -> Option<(Verb, Text<48>)> {
    let table = rest.first_chunk().map(|table| u16::from_be_bytes(*table));
    Some(match (code, table) {
        (0x20, _) => (Verb::Discover, text!["identify"]),
        (0x21, _) => (Verb::Control, text!["terminate"]),
        (0x22, _) => (Verb::Control, text!["disconnect"]),
        (0x24, _) => (Verb::Program, text!["deregister"]),
        (0x25, _) => (Verb::Discover, text!["resolve"]),
        (0x26, _) => (Verb::Discover, text!["trace"]),
        (0x27, _) => (Verb::Discover, text!["register"]),
        (0x30..=0x3f, Some(table)) => (Verb::Read, text!["table ", table]),
        (0x3e, None) => (Verb::Read, text!["default-table"]),
        // Table 7 takes procedures to be carried out: resets, remote disconnection (ANSI C12.19).
        (0x40..=0x4f, Some(7)) => (Verb::Control, text!["procedure"]),
        (0x40..=0x4f, Some(table)) => (Verb::Write, text!["table ", table]),
        (0x50, _) => (Verb::Login, text!["logon"]),
        (0x51, _) => (Verb::Login, text!["security"]),
        (0x52, _) => (Verb::Login, text!["logoff"]),
        _ => return None,
    })
}

/// The conversation of meters: titles repeat in every message, so nothing is kept.
struct Meters;

impl Frames for Meters {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        match length(bytes) {
            Ok(Some(whole)) => Frame::whole(whole),
            Ok(None) => Frame::More,
            Err(error) => Frame::Lost(error),
        }
    }

    fn begins(&self, carrier: Carrier, bytes: &[u8]) -> Probe {
        begins(carrier, bytes)
    }

    fn read(&mut self, _chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let message = Message::parse(bytes)?;
        let service = message.service();
        // Codes of answers are below those of requests (clause 5.3.2.4).
        let asked = service.and_then(|(code, rest)| request(code, rest));
        let answer = service.map(|(code, _)| code).filter(|code| *code < 0x20);
        let (calling, called) = (message.calling.and_then(words), message.called.and_then(words));
        let mut acts = Acts::new();
        if let Some((verb, object)) = &asked {
            acts.request(*verb, Object::Named(object.as_str()));
        }
        if let Some(calling) = &calling {
            acts.says(Attribute::StationAddress, FactValue::Text(calling.as_str()), 85, "c1222.calling-title");
        }
        match service {
            // Number and name of the user; a password in clear.
            Some((0x50, rest)) => {
                acts.says_text(Attribute::Account, rest.get(2..12).and_then(printable), 80, "c1222.logon");
            }
            Some((0x51, _)) => acts.odd("clear-text-credentials"),
            _ => {}
        }
        let kind = match (&asked, answer, service) {
            (Some(_), ..) => "request",
            (None, Some(0), _) => "ok",
            (None, Some(_), _) => "error",
            (None, None, Some(_)) => "other",
            (None, None, None) => "encrypted",
        };
        let fields = Shown(|visit| {
            visit.maybe("cmd", service.map(|(code, _)| code).filter(|code| *code >= 0x20));
            visit.maybe("err", answer);
            visit.maybe_text("calling_ap_title", calling.as_ref().map(Text::as_str));
            visit.maybe_text("called_ap_title", called.as_ref().map(Text::as_str));
        });
        emit.function(service.map_or(0, |(code, _)| code)).message(kind, &mut acts, &fields);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{Conversation, hex};
    use dogwatch_model::Direction::{ToClient, ToServer};

    /// A message from `.9.7` to 1.2.840.10066.9 with these services in clear.
    fn message(services: &str) -> Vec<u8> {
        let services = [hex("80"), hex(services)].concat();
        let wrap = |tag: u8, content: &[u8]| [&[tag, u8::try_from(content.len()).unwrap()], content].concat();
        let user = wrap(0xbe, &wrap(0x28, &wrap(0x81, &services)));
        wrap(MESSAGE, &[hex("a208 0606 2a8648ce5209 a604 8002 0907 a803 020105"), user].concat())
    }

    #[test]
    fn services_in_the_words_of_a_policy() {
        for (name, services, want) in [
            ("read table 1", "03 30 0001", "request read table 1"),
            ("part of table 23", "07 3f 0017 000000 04", "request read table 23"),
            ("write table 6", "07 40 0006 0001 aa 56", "request write table 6"),
            ("procedure", "07 40 0007 0001 aa 56", "request control procedure"),
            ("who are you", "01 20", "request discover identify"),
        ] {
            let mut conversation = Conversation::new(&C1222, Carrier::Tcp, 1153);
            conversation.send(ToServer, &message(services));
            assert_eq!(conversation.heard.errors, [], "{name}");
            let seen = &conversation.heard.seen[0];
            assert_eq!(seen.acts, [want, "says station_address=.9.7 (c1222.calling-title)"], "{name}");
            assert_eq!(seen.field("called_ap_title"), "1.2.840.10066.9", "{name}");
        }
    }

    #[test]
    fn answers_and_logins() {
        let mut conversation = Conversation::new(&C1222, Carrier::Tcp, 1153);
        conversation.send(ToServer, &message("0f 50 0002 70696c6f742020202020 0000"));
        conversation.send(ToServer, &message("15 51 736563726574736563726574736563726574 2020"));
        conversation.send(ToClient, &message("01 00"));
        conversation.send(ToClient, &message("01 03"));
        let seen = &conversation.heard.seen;
        assert!(seen[0].acts.contains(&"says account=pilot (c1222.logon)".to_owned()), "{:?}", seen[0].acts);
        assert!(seen[1].acts.contains(&"odd clear-text-credentials".to_owned()));
        assert!(!seen[1].fields.to_string().contains("secret"));
        assert_eq!((seen[2].kind.as_str(), seen[3].kind.as_str()), ("ok", "error"));
    }

    #[test]
    fn recognised_by_the_whole_message_only() {
        let whole = message("03 30 0001");
        for end in 1..whole.len() {
            assert_eq!(C1222.probe(Carrier::Tcp, ToServer, &whole[..end]), Probe::NeedMore, "cut at {end}");
            assert_eq!(C1222.probe(Carrier::Udp, ToServer, &whole[..end]), Probe::No, "cut at {end}");
        }
        assert_eq!(C1222.probe(Carrier::Udp, ToServer, &whole), Probe::Yes);
        for (name, other) in [
            // The association request of MMS begins with a context name and has a presentation around it.
            ("acse", hex("600d a107 0605 28ca220203 a603 0601 2a")),
            ("gss-api", hex("600b 0609 2a864886f712010202")),
            ("ldap", hex("300c 0201 01 6007 0201 03 0400 8000")),
        ] {
            assert_eq!(C1222.probe(Carrier::Tcp, ToServer, &other), Probe::No, "{name}");
        }
    }
}
