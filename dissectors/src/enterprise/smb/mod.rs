//! SMB 1 and 2/3 over TCP: who logs in, which shares and files are opened, and what Windows tells of itself on the way.
//!
//! Deliberately not read: compressed and encrypted messages, texts in other sets than UTF-16, remote procedure calls inside, NetBIOS datagrams.
//!
//! Specifications: MS-CIFS 2.2.3, MS-SMB2 2.2.1, MS-NLMP 2.2.1 (NTLM), RFC 1002 clause 4.3 (session service).

mod ntlm;

use dogwatch_model::{Attribute, FactValue, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::reader::Reader;
use crate::text::Text;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// SMB.
pub(crate) static SMB: FramedProtocol = FramedProtocol {
    name: "smb",
    hints: &[Hint::Tcp(445), Hint::Tcp(139)],
    carriers: &[Carrier::Tcp],
    probe: |_, head| begins(head),
    frames: |_| Box::new(Smb),
};

/// Bytes of a message that are looked at; data written and read is longer.
const LOOKED_AT: usize = 4_096;
/// Chained requests of one message that are read.
const MOST_CHAINED: usize = 16;
const SMB1: [u8; 4] = [0xff, b'S', b'M', b'B'];
const SMB2: [u8; 4] = [0xfe, b'S', b'M', b'B'];

fn begins(bytes: &[u8]) -> Probe {
    match bytes {
        [0, _, _, _, a, b, c, d, ..] => {
            if [SMB1, SMB2].contains(&[*a, *b, *c, *d]) {
                Probe::Yes
            } else {
                Probe::No
            }
        }
        // A session request of NetBIOS names comes first on port 139, and its answer.
        [0x81, 0, 0, 68, 32, ..] => Probe::Yes,
        [0 | 0x81 | 0x82, ..] | [] if bytes.len() < 8 => Probe::NeedMore,
        _ => Probe::No,
    }
}

/// SMB messages in a stream.
struct Smb;

impl Frames for Smb {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        match bytes.first_chunk() {
            None => Frame::More,
            Some([0 | 0x81..=0x85, a, b, c]) => {
                let length = u32::from_be_bytes([0, *a, *b, *c]);
                let len = usize::try_from(length).unwrap_or(usize::MAX).saturating_add(4);
                Frame::Whole { len, need: len.min(LOOKED_AT) }
            }
            Some(_) => Frame::Lost(ParseError::Malformed { what: "smb session", at: 0, why: "message type" }),
        }
    }

    fn begins(&self, _carrier: Carrier, bytes: &[u8]) -> Probe {
        match bytes {
            [0, 0 | 1, ..] if bytes.len() >= 8 => begins(bytes),
            _ if bytes.len() < 8 => Probe::NeedMore,
            _ => Probe::No,
        }
    }

    fn read(&mut self, _chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let Some((session, message)) = bytes.split_first_chunk::<4>() else { return Ok(()) };
        match (session.first(), message.first_chunk()) {
            (Some(0), Some(&SMB1)) => smb1(message, emit),
            (Some(0), Some(&SMB2)) => {
                // Requests may be chained: each header says where the next begins, 0 for none.
                let mut rest = message;
                for _ in 0..MOST_CHAINED {
                    let next = rest.get(20..24).and_then(|next| next.try_into().ok()).map_or(0, u32::from_le_bytes);
                    let part = usize::try_from(next)
                        .ok()
                        .filter(|next| *next >= 64)
                        .and_then(|next| rest.split_at_checked(next));
                    let Some((first, others)) = part else { return smb2(rest, emit) };
                    smb2(first, emit)?;
                    if !others.starts_with(&SMB2) {
                        break;
                    }
                    rest = others;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Little-endian UTF-16 up to the end or a zero; `None` when it is no text.
fn utf16(bytes: &[u8]) -> Option<Text<256>> {
    use std::fmt::Write;
    let mut text = Text::new();
    let units = bytes.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit)).take_while(|unit| *unit != 0);
    for unit in char::decode_utf16(units) {
        let letter = unit.ok().filter(|letter| !letter.is_control())?;
        let _ = text.write_char(letter);
    }
    (!text.is_empty()).then_some(text)
}

/// What an SMB 1 command does (MS-CIFS 2.2.2.1).
const fn verb1(command: u8) -> Option<Verb> {
    Some(match command {
        0x72 => Verb::Discover,
        0x73 => Verb::Login,
        0x2d | 0xa2 | 0x2e | 0x0a => Verb::Transfer,
        0x0b | 0x2f | 0x06 | 0x07 | 0x00 | 0x01 => Verb::Write,
        _ => return None,
    })
}

/// What an SMB 2 command does (MS-SMB2 2.2.1.2).
const fn verb2(command: u16) -> Option<Verb> {
    Some(match command {
        0 => Verb::Discover,
        1 => Verb::Login,
        3 | 5 | 8 => Verb::Transfer,
        9 | 17 => Verb::Write,
        14 => Verb::Discover,
        _ => return None,
    })
}

/// The facts in an NTLM message anywhere in `bytes`, and the acts around them.
fn finish(bytes: &[u8], verb: Option<Verb>, named: Option<&Text<256>>, header: &Head, emit: &mut Emit<'_>) {
    let ntlm = ntlm::find(bytes);
    let mut acts = Acts::new();
    let user = ntlm.as_ref().and_then(|ntlm| ntlm.user.as_ref());
    let object = named.or(user).map_or(Object::Device { unit: None }, |name| Object::Named(name.as_str()));
    if let Some(verb) = verb {
        if header.is_reply {
            // "More processing required" is the half-way answer of a login, not a refusal.
            acts.reply(verb, object, header.status >> 30 == 3 && header.status != 0xc000_0016);
        } else {
            acts.request(verb, object);
        }
    }
    if let Some(host) = ntlm.as_ref().and_then(|ntlm| ntlm.host.as_ref()) {
        acts.says(Attribute::Name, FactValue::Text(host.as_str()), 85, "ntlm.host");
    }
    if let Some(version) = ntlm.as_ref().and_then(|ntlm| ntlm.version.as_ref()) {
        acts.says(Attribute::OsVersion, FactValue::Text(version.as_str()), 75, "ntlm.version");
    }
    for (attribute, text) in header.natives.iter().flatten() {
        acts.says(*attribute, FactValue::Text(text.as_str()), 75, "smb.native");
    }
    let fields = Shown(|visit| {
        visit.number(header.command_field, header.command);
        visit.number("status", header.status);
        visit.maybe_text("name", named.map(Text::as_str));
        visit.maybe_text("user", user.map(Text::as_str));
        visit.maybe_text("host", ntlm.as_ref().and_then(|ntlm| ntlm.host.as_ref()).map(Text::as_str));
    });
    emit.message(if header.is_reply { "reply" } else { "request" }, &mut acts, &fields);
}

/// What both versions have in front.
struct Head {
    command_field: &'static str,
    command: u16,
    status: u32,
    is_reply: bool,
    natives: [Option<(Attribute, Text<256>)>; 2],
}

fn smb1(message: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let mut reader = Reader::new("smb header", message);
    let _id = reader.be32()?;
    let command = reader.u8()?;
    let status = reader.le32()?;
    let flags = reader.u8()?;
    let flags2 = reader.le16()?;
    let _rest_of_header = reader.take(20)?;
    let (is_reply, unicode) = (flags & 0x80 != 0, flags2 & 0x8000 != 0);
    let mut head = Head { command_field: "smb_cmd", command: command.into(), status, is_reply, natives: [None, None] };
    let words = usize::from(reader.u8()?);
    let parameters = reader.take(words.saturating_mul(2))?;
    let count = reader.le16()?;
    let data_at = message.len().saturating_sub(reader.rest().len());
    let data = reader.rest().get(..usize::from(count)).unwrap_or(reader.rest());
    if command == 0x73 && unicode {
        // The texts stand behind the security blob (extended) or the passwords, aligned to two bytes.
        let skip = match (is_reply, words) {
            (true, 4) | (false, 12) => {
                let at: usize = if is_reply { 6 } else { 14 };
                parameters.get(at..at.saturating_add(2)).and_then(|len| len.try_into().ok()).map(u16::from_le_bytes)
            }
            (true, 3) => Some(0),
            _ => None,
        };
        if let Some(skip) = skip {
            let start = usize::from(skip);
            let odd = data_at.saturating_add(start) % 2;
            let texts = data.get(start.saturating_add(odd)..).unwrap_or_default();
            let system = utf16(texts);
            let after = texts.as_chunks::<2>().0.iter().position(|unit| *unit == [0, 0]).map(|at| at.saturating_add(1));
            let manager = after.and_then(|at| texts.get(at.saturating_mul(2)..)).and_then(utf16);
            head.natives =
                [system.map(|text| (Attribute::OsName, text)), manager.map(|text| (Attribute::SoftwareVersion, text))];
        }
    }
    finish(message, verb1(command), None, &head, emit);
    Ok(())
}

fn smb2(message: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let mut reader = Reader::new("smb2 header", message);
    let _id_size_credits = reader.take(8)?;
    let status = reader.le32()?;
    let command = reader.le16()?;
    let _credits = reader.le16()?;
    let flags = reader.le32()?;
    let is_reply = flags & 1 != 0;
    let _rest_of_header = reader.take(44)?;
    let body = reader.rest();
    // Offsets count from the start of the header.
    let text_at = |at: usize| -> Option<Text<256>> {
        let mut place = Reader::new("smb2 name", body.get(at..)?);
        let (offset, length) = (usize::from(place.le16().ok()?), usize::from(place.le16().ok()?));
        utf16(message.get(offset..offset.checked_add(length)?)?)
    };
    let named = match (command, is_reply) {
        (3, false) => text_at(4),
        (5, false) => text_at(44),
        _ => None,
    };
    // On a request the status bytes are something else.
    let status = if is_reply { status } else { 0 };
    let head = Head { command_field: "smb2_cmd", command, status, is_reply, natives: [None, None] };
    finish(message, verb2(command), named.as_ref(), &head, emit);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::Conversation;
    use dogwatch_model::Direction::ToServer;

    pub(super) fn wide(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    fn session(message: &[u8]) -> Vec<u8> {
        let mut bytes = u32::try_from(message.len()).unwrap().to_be_bytes().to_vec();
        bytes.extend_from_slice(message);
        bytes
    }

    fn smb2_message(command: u16, body: &[u8]) -> Vec<u8> {
        let mut bytes = SMB2.to_vec();
        bytes.extend([64, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend(command.to_le_bytes());
        bytes.resize(64, 0);
        bytes.extend_from_slice(body);
        session(&bytes)
    }

    #[test]
    fn shares_and_logins() {
        let path = wide("\\\\srv\\charts");
        let mut body = vec![9, 0, 0, 0, 72, 0, u8::try_from(path.len()).unwrap(), 0];
        body.extend(&path);
        let mut conversation = Conversation::new(&SMB, Carrier::Tcp, 445);
        conversation.send(ToServer, &smb2_message(3, &body));
        conversation.send(ToServer, &smb2_message(1, &ntlm::tests::authenticate("pilot", "ECDIS-1")));
        assert_eq!(conversation.heard.seen[0].acts, ["request transfer \\\\srv\\charts"]);
        assert_eq!(
            conversation.heard.seen[1].acts,
            ["request login pilot", "says name=ECDIS-1 (ntlm.host)", "says os_version=6.1.7601 (ntlm.version)"]
        );
    }

    #[test]
    fn what_the_first_bytes_tell() {
        let bytes = smb2_message(0, &[]);
        assert_eq!(SMB.probe(Carrier::Tcp, ToServer, &bytes), Probe::Yes);
        assert_eq!(SMB.probe(Carrier::Tcp, ToServer, &bytes[..5]), Probe::NeedMore);
        assert_eq!(SMB.probe(Carrier::Tcp, ToServer, &[0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 1]), Probe::No);
    }
}
