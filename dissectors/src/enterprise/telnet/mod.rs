//! Telnet: recognised by the option negotiation at its start; what is typed is never read. Specification: RFC 854, RFC 855.

use dogwatch_model::{Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::framed::FramedProtocol;
use crate::once::Greeting;
use crate::sides::from_client;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// Telnet.
pub(crate) static TELNET: FramedProtocol = FramedProtocol {
    name: "telnet",
    hints: &[Hint::Tcp(23)],
    carriers: &[Carrier::Tcp],
    probe: |_, head| match length(head) {
        Ok(Some(_)) => Probe::Yes,
        Ok(None) => Probe::NeedMore,
        Err(_) => Probe::No,
    },
    frames: |_| Box::new(Greeting { length, read }),
};

/// WILL, WON'T, DO or DON'T and an option that IANA assigned.
fn length(bytes: &[u8]) -> Result<Option<usize>, ParseError> {
    match bytes {
        [0xff, 0xfb..=0xfe, 0..=49, ..] => Ok(Some(3)),
        [] | [0xff] | [0xff, 0xfb..=0xfe] => Ok(None),
        _ => Err(ParseError::Malformed { what: "telnet", at: 0, why: "no option negotiation" }),
    }
}

fn read(chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let mut acts = Acts::new();
    if from_client(chunk, &[23]) {
        acts.request(Verb::Login, Object::Device { unit: None });
        acts.odd("weak.telnet");
    }
    let fields = Shown(|visit| {
        visit.maybe("cmd", bytes.get(1).copied());
        visit.maybe("option", bytes.get(2).copied());
    });
    emit.message("negotiation", &mut acts, &fields);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::Conversation;
    use dogwatch_model::Direction::{ToClient, ToServer};

    #[test]
    fn negotiation_of_both_sides() {
        let mut conversation = Conversation::new(&TELNET, Carrier::Tcp, 23);
        conversation.send(ToClient, b"\xff\xfd\x18\xff\xfd\x20");
        conversation.send(ToServer, b"\xff\xfb\x18root\r\n");
        assert_eq!(conversation.heard.seen[1].acts, ["request login device", "odd weak.telnet"]);
        assert_eq!(TELNET.probe(Carrier::Tcp, ToClient, b"\xff\xff\xff"), Probe::No);
        assert_eq!(TELNET.probe(Carrier::Tcp, ToClient, b"\xff"), Probe::NeedMore);
    }
}
