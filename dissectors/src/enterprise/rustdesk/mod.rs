//! RustDesk: how a computer makes itself known to a rendezvous server, asks for another one through it, meets it at a relay, and finds its
//! neighbours on the network.
//!
//! Deliberately not read: the session itself (encrypted), other messages of the servers, which are told by no mark of their own.
//!
//! Source: the program's published message definitions (`rendezvous.proto`: fields 6 register_peer, 8 punch_hole_request, 18 request_relay, 22
//! peer_discovery) and its framing of streams (the two low bits of the first byte are the length of the header less one, the rest of the header,
//! little-endian, is the length of the message).

use dogwatch_model::{Attribute, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::text::printable;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// RustDesk.
pub(crate) static RUSTDESK: FramedProtocol = FramedProtocol {
    name: "rustdesk",
    hints: &[Hint::Udp(21_116), Hint::Tcp(21_116), Hint::Tcp(21_117), Hint::Udp(21_119)],
    carriers: &[Carrier::Tcp, Carrier::Udp],
    probe: |carrier, head| match carrier {
        Carrier::Udp if Message::of(head).is_some_and(|message| message.is_datagram()) => Probe::Yes,
        Carrier::Tcp => match stream(head) {
            Some((header, length)) if head.len() >= header.saturating_add(length) => {
                match head.get(header..header.saturating_add(length)).and_then(Message::of) {
                    Some(message) if !message.is_datagram() => Probe::Yes,
                    _ => Probe::No,
                }
            }
            _ => Probe::No,
        },
        _ => Probe::No,
    },
    frames: |_| Box::new(RustDesk),
};

/// Longest opening message.
const LONGEST: usize = 1_024;

/// Length of the header and of the message behind it, of a message that may be an opening one.
fn stream(bytes: &[u8]) -> Option<(usize, usize)> {
    let (header, value) = match *bytes {
        [a, ..] if a & 3 == 0 => (1, usize::from(a)),
        [a, b, ..] if a & 3 == 1 => (2, usize::from(u16::from_le_bytes([a, b]))),
        _ => return None,
    };
    let length = value >> 2;
    (4..=LONGEST).contains(&length).then_some((header, length))
}

/// Something whole that opens a conversation.
#[derive(Debug, Clone, Copy, Default)]
struct Message<'a> {
    field: u64,
    id: Option<&'a str>,
    name: Option<&'a str>,
    account: Option<&'a str>,
}

/// A number of variable length.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in [0_u32, 7, 14, 21] {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// The next field: its number and its text; a number has no text.
fn field<'a>(bytes: &mut &'a [u8]) -> Option<(u64, Option<&'a [u8]>)> {
    let key = varint(bytes)?;
    match key & 7 {
        0 => varint(bytes).map(|_| (key >> 3, None)),
        2 => {
            let length = usize::try_from(varint(bytes)?).ok()?;
            let (text, rest) = bytes.split_at_checked(length)?;
            *bytes = rest;
            Some((key >> 3, Some(text)))
        }
        _ => None,
    }
}

/// 6 to 16 digits, letters and underscores.
fn id(bytes: &[u8]) -> Option<&str> {
    let fits =
        (6..=16).contains(&bytes.len()) && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    printable(bytes).filter(|_| fits)
}

fn is_uuid(bytes: &[u8]) -> bool {
    bytes.len() == 36
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

impl<'a> Message<'a> {
    /// One outer field that fills the bytes, and in it the fields that its kind must have.
    fn of(mut bytes: &'a [u8]) -> Option<Self> {
        // what the four kinds begin with, so that others are left at the first byte
        if !matches!(bytes, [0x32 | 0x42, ..] | [0x92 | 0xb2, 1, ..]) {
            return None;
        }
        let (kind, Some(mut inner)) = field(&mut bytes)? else { return None };
        if !bytes.is_empty() {
            return None;
        }
        let mut message = Self { field: kind, ..Self::default() };
        let (mut has_uuid, mut is_ping) = (false, false);
        while !inner.is_empty() {
            match (kind, field(&mut inner)?) {
                (6 | 8, (1, Some(text))) => message.id = Some(id(text)?),
                (18, (1, Some(text))) => message.id = id(text),
                (18, (2, Some(text))) => has_uuid = is_uuid(text),
                (22, (1, Some(text))) => is_ping = matches!(text, b"ping" | b"pong"),
                (22, (3, Some(text))) => message.id = id(text),
                (22, (4, Some(text))) => message.account = printable(text),
                (22, (5, Some(text))) => message.name = printable(text),
                (6, (2, None)) => {}
                (8, (2 | 4, None)) | (8, (3 | 5, Some(_))) => {}
                (18, (3 | 4 | 6 | 8, Some(_)) | (5 | 7, None)) => {}
                (22, (2 | 6 | 7, Some(_))) => {}
                (8 | 18 | 22, (9.., _)) => {}
                _ => return None,
            }
        }
        let is_it = match kind {
            6 | 8 => message.id.is_some(),
            18 => has_uuid,
            22 => is_ping,
            _ => false,
        };
        is_it.then_some(message)
    }

    const fn is_datagram(&self) -> bool {
        matches!(self.field, 6 | 22)
    }
}

/// Openings; what follows on a stream is passed over.
struct RustDesk;

impl Frames for RustDesk {
    fn frame(&self, carrier: Carrier, bytes: &[u8]) -> Frame {
        if carrier == Carrier::Udp {
            return Frame::whole(bytes.len());
        }
        match stream(bytes) {
            Some((header, length)) => Frame::Whole { len: usize::MAX, need: header.saturating_add(length) },
            None => Frame::Whole { len: usize::MAX, need: 0 },
        }
    }

    fn begins(&self, _carrier: Carrier, _bytes: &[u8]) -> Probe {
        Probe::No
    }

    fn read(&mut self, chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let content = match (chunk.carrier, stream(bytes)) {
            (Carrier::Udp, _) => bytes,
            (_, Some((header, _))) => bytes.get(header..).unwrap_or_default(),
            _ => return Ok(()),
        };
        let Some(message) = Message::of(content) else { return Ok(()) };
        let mut acts = Acts::new();
        let kind = match message.field {
            6 => {
                acts.says_text(Attribute::Account, message.id, 75, "rustdesk.id");
                acts.request(Verb::Discover, Object::Device { unit: None });
                "register-peer"
            }
            8 => {
                acts.request(Verb::Login, message.id.map_or(Object::Device { unit: None }, Object::Named));
                "punch-hole-request"
            }
            18 => {
                acts.request(Verb::Login, message.id.map_or(Object::Device { unit: None }, Object::Named));
                "request-relay"
            }
            _ => {
                acts.says_text(Attribute::Name, message.name, 75, "rustdesk.discovery");
                acts.says_text(Attribute::Account, message.account, 75, "rustdesk.discovery");
                acts.request(Verb::Discover, Object::Device { unit: None });
                "peer-discovery"
            }
        };
        emit.message(kind, &mut acts, &Shown(|visit| visit.maybe_text("id", message.id)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{Conversation, datagram};
    use dogwatch_model::Direction::ToServer;

    /// A field with a text, by the encoding of Protocol Buffers; number and length below 128.
    fn text(key: &[u8], content: &[u8]) -> Vec<u8> {
        [key, &[u8::try_from(content.len()).unwrap()], content].concat()
    }

    #[test]
    fn registration_and_neighbours() {
        let register = text(&[6 << 3 | 2], &[text(&[0x0a], b"129473391"), vec![0x10, 0x07]].concat());
        let heard = datagram(&RUSTDESK, Carrier::Udp, 21_116, &register);
        assert_eq!(heard.seen[0].kind, "register-peer");
        assert_eq!(RUSTDESK.probe(Carrier::Udp, ToServer, &register), Probe::Yes);
        let pong =
            [text(&[0x0a], b"pong"), text(&[0x1a], b"129473391"), text(&[0x22], b"pilot"), text(&[0x2a], b"ecdis-2")];
        let heard = datagram(&RUSTDESK, Carrier::Udp, 21_119, &text(&[0xb2, 1], &pong.concat()));
        assert!(heard.seen[0].acts.contains(&"says name=ecdis-2 (rustdesk.discovery)".to_owned()), "{:?}", heard.seen);
        for other in [&b"2\x05hello"[..], b"2\x0b\x0a\x09129473391!", b"2\x07\x0a\x03abc\x10\x01", b""] {
            assert_eq!(RUSTDESK.probe(Carrier::Udp, ToServer, other), Probe::No, "{other:?}");
        }
    }

    #[test]
    fn a_relay() {
        let uuid = b"0f8fad5b-d9cb-469f-a165-70867728950e";
        let message = text(&[0x92, 1], &[text(&[0x0a], b"129473391"), text(&[0x12], uuid)].concat());
        let stream = [&[u8::try_from(message.len() << 2).unwrap()][..], &message].concat();
        assert_eq!(RUSTDESK.probe(Carrier::Tcp, ToServer, &stream), Probe::Yes);
        let mut conversation = Conversation::new(&RUSTDESK, Carrier::Tcp, 21_117);
        conversation.send(ToServer, &stream);
        conversation.send(ToServer, &[0xaa; 90]);
        assert_eq!(conversation.heard.seen.len(), 1);
        assert_eq!(conversation.heard.seen[0].acts, ["request login 129473391"]);
        assert_eq!(RUSTDESK.probe(Carrier::Tcp, ToServer, &stream[..20]), Probe::No);
    }
}
