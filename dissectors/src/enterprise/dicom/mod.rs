//! DICOM: pictures of the ship's hospital; who offers whom to transfer them.
//!
//! Deliberately not read: pictures, patients. Specification: DICOM PS3.8 clause 9.3.

use dogwatch_model::{Attribute, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::reader::Reader;
use crate::text::printable;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// DICOM.
pub(crate) static DICOM: FramedProtocol = FramedProtocol {
    name: "dicom",
    hints: &[Hint::Tcp(104), Hint::Tcp(11_112)],
    carriers: &[Carrier::Tcp],
    probe: |_, head| opening(head),
    frames: |_| Box::new(Dicom),
};

/// Bytes of a message that are looked at.
const LOOKED_AT: usize = 1_024;
/// Longest opening.
const LONGEST: u32 = 0x0004_0000;

/// A question or answer of association: type, length, version 1, two titles of printable letters, zeros.
fn opening(head: &[u8]) -> Probe {
    let right = |at: usize, byte: u8| match at {
        0 => matches!(byte, 1 | 2),
        1 | 2 | 6 | 8 | 9 => byte == 0,
        7 => byte == 1,
        10..=41 => (0x20..=0x7e).contains(&byte),
        42..=73 => head.first() == Some(&2) || byte == 0,
        74 => byte == 0x10,
        _ => true,
    };
    if !head.iter().take(75).enumerate().all(|(at, byte)| right(at, *byte)) {
        return Probe::No;
    }
    let length = head.get(2..).and_then(|rest| rest.first_chunk()).map(|four| u32::from_be_bytes(*four));
    match length {
        Some(length) if !(68..=LONGEST).contains(&length) => Probe::No,
        _ if head.len() >= 75 => Probe::Yes,
        _ => Probe::NeedMore,
    }
}

/// DICOM messages.
struct Dicom;

impl Frames for Dicom {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        match bytes {
            [1..=7, 0, a, b, c, d, ..] => {
                let length = usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).unwrap_or(usize::MAX);
                let len = length.saturating_add(6);
                // Of pictures only the type is looked at.
                let need = if bytes.first() == Some(&4) { 6 } else { len.min(LOOKED_AT) };
                Frame::Whole { len, need }
            }
            _ if bytes.len() < 6 => Frame::More,
            _ => Frame::Lost(ParseError::Malformed { what: "dicom", at: 0, why: "type" }),
        }
    }

    fn begins(&self, _carrier: Carrier, bytes: &[u8]) -> Probe {
        opening(bytes)
    }

    fn read(&mut self, _chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let mut reader = Reader::new("dicom", bytes);
        let kind = reader.u8()?;
        let mut acts = Acts::new();
        let (mut called, mut calling) = (None, None);
        let name = match kind {
            1 | 2 => {
                let _length_version_reserved = reader.take(9)?;
                called = printable(reader.take(16)?);
                calling = printable(reader.take(16)?);
                let object = called.map_or(Object::Device { unit: None }, Object::Named);
                if kind == 1 {
                    acts.request(Verb::Login, object);
                    acts.says_text(Attribute::Name, calling, 70, "dicom.calling-ae");
                    "associate-request"
                } else {
                    acts.reply(Verb::Login, object, false);
                    acts.says_text(Attribute::Name, called, 70, "dicom.called-ae");
                    "associate-accept"
                }
            }
            3 => {
                acts.reply(Verb::Login, Object::Device { unit: None }, true);
                "associate-reject"
            }
            // The data of which there is much.
            4 => return Ok(()),
            5 => "release-request",
            6 => "release-response",
            _ => "abort",
        };
        let fields = Shown(|visit| {
            visit.number("pdu_type", kind);
            visit.maybe_text("called_ae", called);
            visit.maybe_text("calling_ae", calling);
        });
        emit.message(name, &mut acts, &fields);
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
    fn an_association_refused() {
        let mut open = hex("01 00 00000048 0001 0000");
        open.extend(b"ARCHIVE         XRAY            ");
        open.extend([0; 32]);
        open.extend(hex("10 00 0000"));
        assert_eq!(DICOM.probe(Carrier::Tcp, ToServer, &open), Probe::Yes);
        assert_eq!(DICOM.probe(Carrier::Tcp, ToServer, &open[..40]), Probe::NeedMore);
        assert_eq!(DICOM.probe(Carrier::Tcp, ToServer, &hex("01 00 00000048 0002")), Probe::No);
        let mut conversation = Conversation::new(&DICOM, Carrier::Tcp, 104);
        conversation.send(ToServer, &open);
        conversation.send(ToClient, &hex("03 00 00000004 00010101"));
        let seen = &conversation.heard.seen;
        assert_eq!(seen[0].acts, ["request login ARCHIVE", "says name=XRAY (dicom.calling-ae)"]);
        assert_eq!(seen[1].acts, ["refusal login device"]);
    }
}
