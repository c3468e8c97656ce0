//! Kerberos 5 between clients and the key distribution centre: who asks for a ticket, for which service, in which realm.
//!
//! Deliberately not read: what is encrypted, application requests inside other protocols, password changes (port 464).
//!
//! Specification: RFC 4120 clauses 5.2.2, 5.4, 5.9 and 7.2.2 (TCP).

use dogwatch_model::{Attribute, FactValue, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::ber::{Element, element, elements, unsigned};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::reader::Reader;
use crate::text::{Text, printable};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// Kerberos.
pub(crate) static KERBEROS: FramedProtocol = FramedProtocol {
    name: "kerberos",
    hints: &[Hint::Udp(88), Hint::Tcp(88)],
    carriers: &[Carrier::Tcp, Carrier::Udp],
    probe: |carrier, head| if carrier.is_stream() { stream(head) } else { message(head) },
    frames: |_| Box::new(Kerberos),
};

/// Longest message believed: tickets of people in very many groups.
const LONGEST: usize = 48 * 1024;

/// Application tag, sequence, then the version (5) or the message type, each in its own tag, all lengths fitting.
fn message(bytes: &[u8]) -> Probe {
    let is = |bytes: &[u8]| {
        let mut reader = Reader::new("kerberos", bytes);
        let tag = reader.u8().ok()?;
        if !matches!(tag, 0x6a..=0x6d | 0x7e) {
            return None;
        }
        let outer = length(&mut reader)?;
        let (0x30, before) = (reader.u8().ok()?, reader.rest().len()) else { return None };
        let inner = length(&mut reader)?;
        let head = before.saturating_sub(reader.rest().len()).saturating_add(1);
        // Requests number their parts from one, the others from zero (clause 5.4.1).
        let first: u8 = if matches!(tag, 0x6a | 0x6c) { 0xa1 } else { 0xa0 };
        let start = reader.array::<10>().ok()?;
        let want = [first, 3, 2, 1, 5, first.wrapping_add(1), 3, 2, 1, tag & 0x1f];
        (outer == inner.saturating_add(head) && start == want).then_some(())
    };
    if is(bytes).is_some() {
        Probe::Yes
    } else if bytes.len() < 20 && bytes.first().is_none_or(|tag| matches!(tag, 0x6a..=0x6d | 0x7e)) {
        Probe::NeedMore
    } else {
        Probe::No
    }
}

/// A definite length.
fn length(reader: &mut Reader<'_>) -> Option<usize> {
    Some(match reader.u8().ok()? {
        short @ 0..=0x7f => short.into(),
        0x81 => reader.u8().ok()?.into(),
        0x82 => reader.be16().ok()?.into(),
        0x84 => usize::try_from(reader.be32().ok()?).ok()?,
        _ => return None,
    })
}

/// On a stream the length stands in front.
fn stream(bytes: &[u8]) -> Probe {
    match bytes.split_first_chunk::<4>() {
        None if bytes.iter().take(2).all(|byte| *byte == 0) => Probe::NeedMore,
        Some((&[0, 0, h, l], rest)) if (20..=LONGEST).contains(&usize::from(u16::from_be_bytes([h, l]))) => {
            message(rest)
        }
        _ => Probe::No,
    }
}

/// Kerberos messages of one flow.
struct Kerberos;

impl Frames for Kerberos {
    fn frame(&self, carrier: Carrier, bytes: &[u8]) -> Frame {
        if !carrier.is_stream() {
            return Frame::whole(bytes.len());
        }
        match bytes.first_chunk() {
            None => Frame::More,
            Some([0, 0, h, l]) => Frame::whole(usize::from(u16::from_be_bytes([*h, *l])).saturating_add(4)),
            Some(_) => Frame::Lost(ParseError::Malformed { what: "kerberos", at: 0, why: "length" }),
        }
    }

    fn begins(&self, _carrier: Carrier, bytes: &[u8]) -> Probe {
        stream(bytes)
    }

    fn read(&mut self, chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let bytes = if chunk.carrier.is_stream() { bytes.get(4..).unwrap_or_default() } else { bytes };
        tell(bytes, emit)
    }
}

/// Names told of one message: its own and that of a ticket it carries.
const MOST_NAMES: usize = 2;

/// What a message tells.
#[derive(Default)]
struct Said<'a> {
    types: [Option<u64>; MOST_NAMES],
    realms: [Option<&'a str>; MOST_NAMES],
    client: Option<&'a [u8]>,
    services: [Option<&'a [u8]>; MOST_NAMES],
    error: Option<u64>,
    /// Encryption of the ticket.
    encryption: Option<u64>,
}

fn put<T>(slots: &mut [Option<T>; MOST_NAMES], value: Option<T>) {
    if let (Some(slot), Some(value)) = (slots.iter_mut().find(|slot| slot.is_none()), value) {
        *slot = Some(value);
    }
}

/// The parts of the sequence in `content`, each in a tag of its own number.
fn parts(content: &[u8]) -> impl Iterator<Item = Element<'_>> + Clone {
    let inner = element(&mut Reader::new("kerberos", content)).map(|sequence| sequence.content).unwrap_or_default();
    elements(inner)
}

/// The element inside a numbered tag.
fn inside(content: &[u8]) -> &[u8] {
    element(&mut Reader::new("kerberos", content)).map(|inner| inner.content).unwrap_or_default()
}

fn text(content: &[u8]) -> Option<&str> {
    printable(inside(content))
}

/// The strings of a principal's name.
fn strings(name: &[u8]) -> impl Iterator<Item = &str> + Clone {
    let list = parts(name).find(|part| part.tag == 0xa1).map(|part| part.content).unwrap_or_default();
    parts(list).filter_map(|string| printable(string.content))
}

/// A name as people write it: its strings with slashes between.
fn joined(name: &[u8]) -> Text<128> {
    let mut text = Text::new();
    for part in strings(name) {
        let slash = if text.is_empty() { "" } else { "/" };
        let _ = std::fmt::Write::write_fmt(&mut text, format_args!("{slash}{part}"));
    }
    text
}

fn ticket<'a>(content: &'a [u8], said: &mut Said<'a>) {
    for part in parts(inside_application(content)) {
        match part.tag {
            0xa1 => put(&mut said.realms, text(part.content)),
            0xa2 => put(&mut said.services, Some(part.content)),
            0xa3 => {
                let kind = parts(part.content).find(|part| part.tag == 0xa0);
                said.encryption = said.encryption.or(kind.and_then(|kind| unsigned(inside(kind.content))));
            }
            _ => {}
        }
    }
}

/// What is in the application tag at the front of `content`, which is a sequence.
fn inside_application(content: &[u8]) -> &[u8] {
    inside(content)
}

/// The ticket with which a request proves itself (clause 7.5.2, type 1).
fn proof<'a>(padata: &'a [u8], said: &mut Said<'a>) {
    for entry in parts(padata) {
        let mut fields = elements(entry.content);
        let is_request = fields.next().is_some_and(|kind| unsigned(inside(kind.content)) == Some(1));
        let Some(value) = fields.next().filter(|_| is_request) else { continue };
        let application = inside(value.content);
        for part in parts(inside_application(application)) {
            match part.tag {
                0xa1 => put(&mut said.types, unsigned(inside(part.content))),
                0xa3 => ticket(part.content, said),
                _ => {}
            }
        }
    }
}

fn parse(bytes: &[u8]) -> Result<(u8, Said<'_>), ParseError> {
    let message = element(&mut Reader::new("kerberos", bytes))?;
    let tag = message.tag;
    let mut said = Said::default();
    for part in parts(message.content) {
        let content = part.content;
        match (tag, part.tag) {
            (0x6a | 0x6c, 0xa2) | (0x6b | 0x6d | 0x7e, 0xa1) => put(&mut said.types, unsigned(inside(content))),
            (0x6a | 0x6c, 0xa3) => proof(content, &mut said),
            (0x6a | 0x6c, 0xa4) => {
                for field in parts(content) {
                    match field.tag {
                        0xa1 => said.client = Some(field.content),
                        0xa2 => put(&mut said.realms, text(field.content)),
                        0xa3 => put(&mut said.services, Some(field.content)),
                        _ => {}
                    }
                }
            }
            (0x6b | 0x6d, 0xa4) | (0x7e, 0xa8) => said.client = Some(content),
            (0x6b | 0x6d, 0xa5) => ticket(content, &mut said),
            (0x7e, 0xa6) => said.error = unsigned(inside(content)),
            (0x7e, 0xa9) => put(&mut said.realms, text(content)),
            (0x7e, 0xaa) => put(&mut said.services, Some(content)),
            _ => {}
        }
    }
    Ok((tag, said))
}

fn tell(bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let (tag, said) = parse(bytes)?;
    let client = said.client.map(joined);
    let wanted = said.services.iter().rev().flatten().next().map(|name| joined(name));
    let object = wanted.as_ref().filter(|name| !name.is_empty());
    let object = object.map_or(Object::Device { unit: None }, |name| Object::Named(name.as_str()));
    let mut acts = Acts::new();
    let kind = match tag {
        0x6a | 0x6c => {
            acts.request(Verb::Login, object);
            match client.as_ref().map(Text::as_str) {
                // An account with a dollar sign is that of the machine itself.
                Some(name) if name.ends_with('$') => {
                    acts.says(Attribute::Name, FactValue::Text(name.trim_end_matches('$')), 80, "kerberos.cname");
                }
                Some(name) if !name.is_empty() => {
                    acts.says(Attribute::Account, FactValue::Text(name), 80, "kerberos.cname");
                }
                _ => {}
            }
            if tag == 0x6a { "as-req" } else { "tgs-req" }
        }
        0x6b | 0x6d => {
            acts.reply(Verb::Login, object, false);
            if tag == 0x6b { "as-rep" } else { "tgs-rep" }
        }
        _ => {
            // 25 asks for a proof first, 52 to come again by TCP.
            acts.reply(Verb::Login, object, !matches!(said.error, Some(25 | 52)));
            "error"
        }
    };
    let realm = said.realms.iter().flatten().next_back().copied();
    acts.says_text(Attribute::Domain, realm, 80, "kerberos.realm");
    let fields = Shown(|visit| {
        visit.one_or_list("msg_type", said.types.iter().flatten());
        visit.one_or_list("realm", said.realms.iter().flatten());
        visit.one_or_list("cname_string", said.client.into_iter().flat_map(strings));
        visit.one_or_list("sname_string", said.services.iter().flatten().flat_map(|name| strings(name)));
        visit.maybe("error_code", said.error);
        visit.maybe("ticket_etype", said.encryption);
    });
    emit.message(kind, &mut acts, &fields);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{Conversation, datagram};
    use dogwatch_model::Direction::ToServer;

    fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = vec![tag];
        match u8::try_from(content.len()) {
            Ok(short @ 0..=0x7f) => bytes.push(short),
            _ => {
                bytes.push(0x82);
                bytes.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
            }
        }
        bytes.extend_from_slice(content);
        bytes
    }

    fn number(tag: u8, value: u8) -> Vec<u8> {
        tlv(tag, &[2, 1, value])
    }

    fn name(tag: u8, parts: &[&str]) -> Vec<u8> {
        let strings: Vec<u8> = parts.iter().flat_map(|part| tlv(0x1b, part.as_bytes())).collect();
        tlv(tag, &tlv(0x30, &[number(0xa0, 1), tlv(0xa1, &tlv(0x30, &strings))].concat()))
    }

    fn realm(tag: u8) -> Vec<u8> {
        tlv(tag, &tlv(0x1b, b"SHIP.EXAMPLE"))
    }

    fn request(client: &str) -> Vec<u8> {
        let body = [name(0xa1, &[client]), realm(0xa2), name(0xa3, &["krbtgt", "SHIP.EXAMPLE"])].concat();
        let all = [number(0xa1, 5), number(0xa2, 10), tlv(0xa4, &tlv(0x30, &body))].concat();
        tlv(0x6a, &tlv(0x30, &all))
    }

    #[test]
    fn who_asks_for_what() {
        let heard = datagram(&KERBEROS, Carrier::Udp, 88, &request("mate"));
        assert_eq!(
            heard.seen[0].acts,
            [
                "request login krbtgt/SHIP.EXAMPLE",
                "says account=mate (kerberos.cname)",
                "says domain=SHIP.EXAMPLE (kerberos.realm)"
            ]
        );
        let heard = datagram(&KERBEROS, Carrier::Udp, 88, &request("ecdis-1$"));
        assert_eq!(heard.seen[0].acts[1], "says name=ecdis-1 (kerberos.cname)");
        assert_eq!(heard.seen[0].fields["sname_string"][1], "SHIP.EXAMPLE");
    }

    #[test]
    fn a_refusal() {
        for (code, want) in [(25, "reply login krbtgt"), (24, "refusal login krbtgt")] {
            let all =
                [number(0xa0, 5), number(0xa1, 30), number(0xa6, code), realm(0xa9), name(0xaa, &["krbtgt"])].concat();
            let bytes = tlv(0x7e, &tlv(0x30, &all));
            assert_eq!(KERBEROS.probe(Carrier::Udp, ToServer, &bytes), Probe::Yes);
            assert_eq!(datagram(&KERBEROS, Carrier::Udp, 88, &bytes).seen[0].acts[0], want);
        }
    }

    #[test]
    fn over_tcp_the_length_stands_in_front() {
        let message = request("mate");
        let mut bytes = u32::try_from(message.len()).unwrap().to_be_bytes().to_vec();
        bytes.extend(&message);
        assert_eq!(KERBEROS.probe(Carrier::Tcp, ToServer, &bytes), Probe::Yes);
        assert_eq!(KERBEROS.probe(Carrier::Tcp, ToServer, &bytes[..9]), Probe::NeedMore);
        assert_eq!(KERBEROS.probe(Carrier::Tcp, ToServer, &message), Probe::No);
        let mut conversation = Conversation::new(&KERBEROS, Carrier::Tcp, 88);
        conversation.send(ToServer, &[bytes.clone(), bytes].concat());
        assert_eq!(conversation.heard.seen.len(), 2);
    }
}
