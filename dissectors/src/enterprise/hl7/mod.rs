//! HL7 version 2 over MLLP: which hospital programs speak to each other.
//!
//! Deliberately not read: anything of patients. Specification: HL7 v2.5.1 clause 2.14.9 (MSH), MLLP release 1.

use dogwatch_model::{Act, Attribute, Object};

use crate::acts::{Acts, Emit, Shown};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::text::printable;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// HL7.
pub(crate) static HL7: FramedProtocol = FramedProtocol {
    name: "hl7",
    hints: &[Hint::Tcp(2575)],
    carriers: &[Carrier::Tcp],
    probe: |_, head| begins(head),
    frames: |_| Box::new(Hl7),
};

const START: &[u8] = b"\x0bMSH|^~\\&";
/// Longest message that is waited for.
const LONGEST: usize = 32 * 1024;

fn begins(bytes: &[u8]) -> Probe {
    match bytes.iter().zip(START).all(|(byte, want)| byte == want) {
        true if bytes.len() >= START.len() => Probe::Yes,
        true => Probe::NeedMore,
        false => Probe::No,
    }
}

/// Messages between a vertical tab and a file separator with a carriage return.
struct Hl7;

impl Frames for Hl7 {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        match begins(bytes) {
            Probe::No => Frame::Lost(ParseError::Malformed { what: "hl7", at: 0, why: "no message start" }),
            Probe::NeedMore => Frame::More,
            Probe::Yes => match bytes.windows(2).take(LONGEST).position(|pair| pair == [0x1c, b'\r']) {
                Some(end) => Frame::whole(end.saturating_add(2)),
                None if bytes.len() >= LONGEST => Frame::Lost(ParseError::Limit { what: "hl7 message" }),
                None => Frame::More,
            },
        }
    }

    fn begins(&self, _carrier: Carrier, bytes: &[u8]) -> Probe {
        begins(bytes)
    }

    fn read(&mut self, _chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let line = bytes.get(1..).unwrap_or_default().split(|byte| *byte == b'\r').next().unwrap_or_default();
        let field = |at: usize| line.split(|byte| *byte == b'|').nth(at).and_then(printable);
        // The first bar is itself a field: MSH-3 stands third.
        let (application, facility, receiver, kind, version) = (field(2), field(3), field(4), field(8), field(11));
        let mut acts = Acts::new();
        acts.push(Act::Publishes { object: receiver.map_or(Object::Device { unit: None }, Object::Named) });
        acts.says_text(Attribute::SoftwareVersion, application, 60, "hl7.sending-application");
        let fields = Shown(|visit| {
            visit.maybe_text("sending_application", application);
            visit.maybe_text("sending_facility", facility);
            visit.maybe_text("receiving_application", receiver);
            visit.maybe_text("message_type", kind);
            visit.maybe_text("version", version);
        });
        emit.message("message", &mut acts, &fields);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::Conversation;
    use dogwatch_model::Direction::ToServer;

    #[test]
    fn who_speaks_and_not_of_whom() {
        let bytes = b"\x0bMSH|^~\\&|LAB|SHIP|CLINIC||2027||ORU^R01|1|P|2.5\rPID|||Doe^John\r\x1c\r";
        let mut conversation = Conversation::new(&HL7, Carrier::Tcp, 2575);
        conversation.send(ToServer, &[&bytes[..], bytes].concat());
        let seen = &conversation.heard.seen;
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[0].acts, ["publishes CLINIC", "says software_version=LAB (hl7.sending-application)"]);
        assert_eq!((seen[0].field("message_type"), seen[0].field("version")), ("ORU^R01".into(), "2.5".into()));
        assert!(!format!("{seen:?}").contains("Doe"));
        assert_eq!(HL7.probe(Carrier::Tcp, ToServer, b"\x0bMSH"), Probe::NeedMore);
        assert_eq!(HL7.probe(Carrier::Tcp, ToServer, b"MSH|"), Probe::No);
    }
}
