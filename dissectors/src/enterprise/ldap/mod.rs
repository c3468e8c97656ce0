//! LDAP and CLDAP: who logs in to the directory and how, which part of it is read or changed.
//!
//! Deliberately not read: entries, filters, controls. Behind a SASL login that signs or seals, wrapped messages are passed over.
//!
//! Specification: RFC 4511 clauses 4 and 5, RFC 4513 clause 5; MS-ADTS 3.1.1.3.3 for CLDAP.

use dogwatch_model::{Attribute, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::ber::{self, element, unsigned};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::reader::Reader;
use crate::text::{Text, printable};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// LDAP.
pub(crate) static LDAP: FramedProtocol = FramedProtocol {
    name: "ldap",
    hints: &[Hint::Tcp(389), Hint::Tcp(3268), Hint::Udp(389)],
    carriers: &[Carrier::Tcp, Carrier::Udp],
    probe: |_, head| begins(head),
    frames: |_| Box::new(Ldap { encrypted: false, tls_asked: false }),
};

/// Bytes of a message that are looked at; entries are longer.
const LOOKED_AT: usize = 4_096;
/// Longest message believed.
const LONGEST: usize = 16 << 20;
const STARTTLS: &[u8] = b"1.3.6.1.4.1.1466.20037";

/// Operations of clause 4.2 to 4.13 by their number, and whether they are made of parts.
const fn operation(tag: u8) -> Option<&'static str> {
    Some(match tag {
        0x60 => "bind-request",
        0x61 => "bind-response",
        0x42 => "unbind-request",
        0x63 => "search-request",
        0x64 => "search-result-entry",
        0x65 => "search-result-done",
        0x66 => "modify-request",
        0x67 => "modify-response",
        0x68 => "add-request",
        0x69 => "add-response",
        0x4a => "delete-request",
        0x6b => "delete-response",
        0x6c => "rename-request",
        0x6d => "rename-response",
        0x6e => "compare-request",
        0x6f => "compare-response",
        0x50 => "abandon-request",
        0x73 => "search-result-reference",
        0x77 => "extended-request",
        0x78 => "extended-response",
        0x79 => "intermediate-response",
        _ => return None,
    })
}

const fn verb(tag: u8) -> Option<Verb> {
    Some(match tag {
        0x60 | 0x61 => Verb::Login,
        0x63 | 0x65 | 0x6e | 0x6f => Verb::Read,
        0x66..=0x69 | 0x4a | 0x6b..=0x6d => Verb::Write,
        _ => return None,
    })
}

/// Header bytes and content length of the element at the front.
fn outer(bytes: &[u8]) -> Option<(usize, usize)> {
    let be = |bytes: &[u8]| bytes.iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
    match bytes {
        [_, short @ 0..=0x7f, ..] => Some((2, usize::from(*short))),
        [_, many @ 0x81..=0x84, rest @ ..] => {
            let count = usize::from(many & 0x7f);
            Some((count.saturating_add(2), be(rest.get(..count)?)))
        }
        _ => None,
    }
}

/// A sequence of a message number and an operation whose length fits in it.
fn begins(bytes: &[u8]) -> Probe {
    if !matches!(bytes, [0x30, ..] | []) {
        return Probe::No;
    }
    let Some((head, length)) = outer(bytes) else {
        return if bytes.len() < 6 { Probe::NeedMore } else { Probe::No };
    };
    let Some(content) = bytes.get(head..) else { return Probe::NeedMore };
    if !(5..=LONGEST).contains(&length) {
        return Probe::No;
    }
    let [0x02, size @ 1..=4, rest @ ..] = content else {
        let could = content.first().is_none_or(|tag| *tag == 2) && content.len() < 2;
        return if could { Probe::NeedMore } else { Probe::No };
    };
    let Some(inner) = rest.get(usize::from(*size)..) else { return Probe::NeedMore };
    let room = length.saturating_sub(usize::from(*size)).saturating_sub(2);
    match (inner.first(), outer(inner)) {
        (Some(tag), Some((head, length))) if operation(*tag).is_some() => {
            let taken = head.saturating_add(length);
            // Behind the operation there may be controls, and nothing else.
            let controls = inner.get(taken).is_none_or(|tag| *tag == 0xa0);
            let fits = taken == room || (taken.saturating_add(2) <= room && controls);
            if fits { Probe::Yes } else { Probe::No }
        }
        (None, _) => Probe::NeedMore,
        (Some(tag), None) if operation(*tag).is_some() && inner.len() < 6 => Probe::NeedMore,
        _ => Probe::No,
    }
}

/// LDAP messages of one flow.
struct Ldap {
    tls_asked: bool,
    encrypted: bool,
}

impl Frames for Ldap {
    fn frame(&self, carrier: Carrier, bytes: &[u8]) -> Frame {
        if self.encrypted {
            return crate::lines::REST;
        }
        // A wrapped message: its length in four bytes, then the token (RFC 4752, MS-ADTS 3.1.1.3.4.5).
        if let [0, a, b, c, ..] = bytes
            && carrier.is_stream()
        {
            let length = usize::try_from(u32::from_be_bytes([0, *a, *b, *c])).unwrap_or(0);
            return Frame::Whole { len: length.saturating_add(4), need: 4 };
        }
        if matches!(bytes, [0, ..]) {
            return Frame::More;
        }
        match (begins(bytes), outer(bytes)) {
            (Probe::Yes, Some((head, length))) => {
                let len = head.saturating_add(length);
                Frame::Whole { len, need: len.min(LOOKED_AT) }
            }
            (Probe::No, _) => Frame::Lost(ParseError::Malformed { what: "ldap", at: 0, why: "no message" }),
            _ => Frame::More,
        }
    }

    fn begins(&self, _carrier: Carrier, bytes: &[u8]) -> Probe {
        begins(bytes)
    }

    fn read(&mut self, _chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        if self.encrypted {
            return Ok(());
        }
        if matches!(bytes, [0, ..]) {
            emit.plain("wrapped", &[], &dogwatch_model::NoFields);
            return Ok(());
        }
        let (head, _) = outer(bytes).ok_or(ParseError::Incomplete { what: "ldap" })?;
        let mut reader = Reader::new("ldap", bytes.get(head..).unwrap_or_default());
        let message = unsigned(ber::expect(&mut reader, 2)?).unwrap_or(0);
        let body = reader.rest();
        let tag = reader.u8()?;
        let (head, length) = outer(body).ok_or(ParseError::Incomplete { what: "ldap" })?;
        let content = body.get(head..).unwrap_or_default();
        // Of a long message only the front is here.
        let content = content.get(..length.min(content.len())).unwrap_or_default();
        self.tell(message, tag, content, emit)
    }
}

impl Ldap {
    fn tell(&mut self, message: u64, tag: u8, content: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let kind = operation(tag).unwrap_or("other");
        let mut reader = Reader::new("ldap operation", content);
        let mut acts = Acts::new();
        let (mut name, mut base, mut mechanism, mut result) = (None, None, None, None);
        match tag {
            0x60 => {
                let version = unsigned(ber::expect(&mut reader, 2)?).unwrap_or(0);
                name = printable(ber::expect(&mut reader, 4)?);
                let proof = element(&mut reader).ok();
                let object = name.map_or(Object::Device { unit: None }, Object::Named);
                acts.request(Verb::Login, object);
                match proof {
                    // A simple login with a name and a secret; without either it is anonymous.
                    Some(proof) if proof.tag == 0x80 && !proof.content.is_empty() => {
                        acts.odd("clear-text-credentials");
                    }
                    Some(proof) if proof.tag == 0xa3 => {
                        let mut sasl = Reader::new("ldap sasl", proof.content);
                        mechanism = ber::expect(&mut sasl, 4).ok().and_then(printable);
                        if mechanism.is_some_and(|name| matches!(name, "PLAIN" | "LOGIN")) {
                            acts.odd("clear-text-credentials");
                        }
                    }
                    _ => {}
                }
                acts.says_text(Attribute::Account, name, 75, "ldap.bind");
                if version < 3 {
                    acts.odd("ldap.version");
                }
            }
            0x63 | 0x66 | 0x68 | 0x6c | 0x6e => {
                base = ber::expect(&mut reader, 4).ok().and_then(printable);
                let object = base.map_or(Object::Device { unit: None }, Object::Named);
                acts.request(verb(tag).unwrap_or(Verb::Read), object);
            }
            0x4a => {
                base = printable(content);
                acts.request(Verb::Write, base.map_or(Object::Device { unit: None }, Object::Named));
            }
            0x77 => {
                let wanted = element(&mut reader).ok().filter(|name| name.tag == 0x80);
                self.tls_asked = wanted.is_some_and(|name| name.content == STARTTLS);
            }
            0x61 | 0x65 | 0x67 | 0x69 | 0x6b | 0x6d | 0x6f | 0x78 => {
                result = unsigned(ber::expect(&mut reader, 0x0a)?);
                // 14 asks for the next step of a login, 5 and 6 are answers to a comparison, 10 is a referral.
                let refused = !matches!(result, Some(0 | 5 | 6 | 10 | 14));
                if let Some(verb) = verb(tag) {
                    acts.reply(verb, Object::Device { unit: None }, refused);
                }
                if tag == 0x78 && std::mem::take(&mut self.tls_asked) {
                    self.encrypted = result == Some(0);
                }
            }
            _ => {}
        }
        let root = Text::<4>::of(format_args!("{}", tag & 0x1f));
        let fields = Shown(|visit| {
            visit.number("message_id", message);
            visit.coded("protocol_op", tag & 0x1f, Some(kind).filter(|_| !root.is_empty()));
            visit.maybe_text("name", name);
            visit.maybe_text("base_object", base);
            visit.maybe_text("mechanism", mechanism);
            visit.maybe("result_code", result);
        });
        emit.message(kind, &mut acts, &fields);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{Conversation, hex};
    use dogwatch_model::Direction::{ToClient, ToServer};

    #[test]
    fn a_simple_login_refused() {
        let mut conversation = Conversation::new(&LDAP, Carrier::Tcp, 389);
        // Bind version 3, cn=a, secret "pw!"; the lengths once in Windows' way.
        conversation.send(ToServer, &hex("30 11 020101 60 0c 020103 0404 636e3d61 8001 70"));
        conversation.send(ToClient, &hex("30 84 00000010 020101 61 84 00000007 0a0131 0400 0400"));
        conversation.send(ToServer, &hex("30 0c 020102 63 07 0405 64633d7878"));
        conversation.send(ToServer, &hex("00000004 aabbccdd"));
        let seen = &conversation.heard.seen;
        assert_eq!(seen[0].acts, ["request login cn=a", "odd clear-text-credentials", "says account=cn=a (ldap.bind)"]);
        assert_eq!(seen[1].acts, ["refusal login device"]);
        assert_eq!(seen[1].field("result_code"), "49");
        assert_eq!(seen[2].acts, ["request read dc=xx"]);
        assert_eq!(seen[3].kind, "wrapped");
        assert!(conversation.heard.errors.is_empty(), "{:?}", conversation.heard.errors);
    }

    #[test]
    fn starttls_ends_the_reading() {
        let mut conversation = Conversation::new(&LDAP, Carrier::Tcp, 389);
        let oid: String = STARTTLS.iter().map(|byte| format!("{byte:02x}")).collect();
        conversation.send(ToServer, &hex(&format!("30 1d 020101 77 18 8016 {oid}")));
        conversation.send(ToClient, &hex("30 0c 020101 78 07 0a0100 0400 0400"));
        conversation.send(ToServer, &[0x16; 3_000]);
        assert_eq!(conversation.heard.seen.len(), 2);
        assert!(conversation.heard.errors.is_empty());
    }

    #[test]
    fn what_the_first_bytes_tell() {
        for (bytes, want) in [
            ("30 0c 020101 60 07 020103 0400 8000", Probe::Yes),
            ("30 0c 020101", Probe::NeedMore),
            // SNMP begins alike.
            ("30 26 020101 0406 7075626c6963", Probe::No),
            ("30 0c 020101 60 06 020103 0400 8000", Probe::No),
            ("30 05 020101 42 00", Probe::Yes),
            ("16 03 01", Probe::No),
        ] {
            assert_eq!(LDAP.probe(Carrier::Tcp, ToServer, &hex(bytes)), want, "{bytes}");
        }
    }
}
