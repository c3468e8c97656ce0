//! PPTP: who builds a tunnel to whom, and what both call themselves. A tunnel of this kind no longer keeps secrets.
//!
//! Specification: RFC 2637 clause 2.

use dogwatch_model::{Attribute, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::reader::Reader;
use crate::text::printable;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// PPTP.
pub(crate) static PPTP: FramedProtocol = FramedProtocol {
    name: "pptp",
    hints: &[Hint::Tcp(1723)],
    carriers: &[Carrier::Tcp],
    probe: |_, head| begins(head),
    frames: |_| Box::new(Pptp),
};

/// Longest message is the one that opens (156 bytes), or an outgoing call (168).
const LONGEST: u8 = 220;

/// Length, type 1, the magic number.
fn begins(bytes: &[u8]) -> Probe {
    let right = |at: usize, byte: u8| match at {
        0 | 2 => byte == 0,
        1 => (12..=LONGEST).contains(&byte),
        _ => [1, 0x1a, 0x2b, 0x3c, 0x4d].get(at.saturating_sub(3)).is_none_or(|want| *want == byte),
    };
    match bytes.iter().take(8).enumerate().all(|(at, byte)| right(at, *byte)) {
        true if bytes.len() >= 8 => Probe::Yes,
        true => Probe::NeedMore,
        false => Probe::No,
    }
}

/// PPTP control messages.
struct Pptp;

impl Frames for Pptp {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        match (begins(bytes), bytes.get(1)) {
            (Probe::Yes, Some(length)) => Frame::whole(usize::from(*length)),
            (Probe::No, _) => Frame::Lost(ParseError::Malformed { what: "pptp", at: 0, why: "magic number" }),
            _ => Frame::More,
        }
    }

    fn read(&mut self, _chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let mut reader = Reader::new("pptp", bytes);
        let _length_type_and_magic = reader.take(8)?;
        let kind = reader.be16()?;
        let object = Object::Named("tunnel");
        let mut acts = Acts::new();
        let (mut host, mut vendor) = (None, None);
        let name = match kind {
            1 | 2 => {
                let mut rest = reader;
                let _reserved_and_version = rest.take(4)?;
                let result = rest.u8()?;
                let _error_to_revision = rest.take(13)?;
                host = printable(rest.take(64)?);
                vendor = printable(rest.take(64)?);
                if kind == 1 {
                    acts.request(Verb::Login, object);
                } else {
                    acts.reply(Verb::Login, object, result != 1);
                }
                acts.odd("pptp.broken-encryption");
                if kind == 1 { "start-control-connection-request" } else { "start-control-connection-reply" }
            }
            3 | 4 => "stop-control-connection",
            5 | 6 => "echo",
            7 | 8 => "outgoing-call",
            9..=11 => "incoming-call",
            12 | 13 => "call-clear",
            _ => "other",
        };
        acts.says_text(Attribute::Name, host, 70, "pptp.host-name");
        acts.says_text(Attribute::Manufacturer, vendor, 60, "pptp.vendor-name");
        let fields = Shown(|visit| {
            visit.number("type", kind);
            visit.maybe_text("host_name", host);
            visit.maybe_text("vendor_name", vendor);
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
    fn a_tunnel_refused() {
        let message = |kind: &str, result: &str| {
            let mut bytes =
                hex(&format!("009c 0001 1a2b3c4d {kind} 0000 0100 {result} 00 00000001 00000001 0000 0001"));
            bytes.extend(b"gw1");
            bytes.resize(92, 0);
            bytes.extend(b"MikroTik");
            bytes.resize(156, 0);
            bytes
        };
        let mut conversation = Conversation::new(&PPTP, Carrier::Tcp, 1723);
        conversation.send(ToServer, &message("0001", "00"));
        conversation.send(ToClient, &message("0002", "02"));
        let seen = &conversation.heard.seen;
        assert_eq!(
            seen[0].acts,
            [
                "request login tunnel",
                "odd pptp.broken-encryption",
                "says name=gw1 (pptp.host-name)",
                "says manufacturer=MikroTik (pptp.vendor-name)"
            ]
        );
        assert_eq!(seen[1].acts[0], "refusal login tunnel");
        assert_eq!(PPTP.probe(Carrier::Tcp, ToServer, &hex("009c 0001 1a2b3c4e")), Probe::No);
        assert_eq!(PPTP.probe(Carrier::Tcp, ToServer, &hex("009c 0001")), Probe::NeedMore);
    }
}
