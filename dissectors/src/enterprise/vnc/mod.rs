//! VNC (RFB): the version line that each side sends first. Specification: RFC 6143 clause 7.1.1.

use dogwatch_model::{Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::framed::FramedProtocol;
use crate::once::Greeting;
use crate::sides::from_client;
use crate::text::printable;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// VNC.
pub(crate) static VNC: FramedProtocol = FramedProtocol {
    name: "vnc",
    hints: &[Hint::Tcp(5900), Hint::Tcp(5901)],
    carriers: &[Carrier::Tcp],
    probe: |_, head| match length(head) {
        Ok(Some(_)) => Probe::Yes,
        Ok(None) => Probe::NeedMore,
        Err(_) => Probe::No,
    },
    frames: |_| Box::new(Greeting { length, read }),
};

fn length(bytes: &[u8]) -> Result<Option<usize>, ParseError> {
    let fits = bytes.iter().zip(b"RFB 000.000\n").all(|(byte, form)| match form {
        b'0' => byte.is_ascii_digit(),
        other => byte == other,
    });
    match (fits, bytes.len() >= 12) {
        (false, _) => Err(ParseError::Malformed { what: "vnc version", at: 0, why: "must be RFB xxx.yyy" }),
        (true, whole) => Ok(whole.then_some(12)),
    }
}

fn read(chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let client = from_client(chunk, &[5900, 5901]);
    let mut acts = Acts::new();
    if client {
        acts.request(Verb::Login, Object::Device { unit: None });
    }
    let fields = Shown(|visit| visit.maybe_text("protocol", printable(bytes)));
    emit.message(if client { "client-version" } else { "server-version" }, &mut acts, &fields);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::Conversation;
    use dogwatch_model::Direction::{ToClient, ToServer};

    #[test]
    fn versions_of_both_sides() {
        let mut conversation = Conversation::new(&VNC, Carrier::Tcp, 5900);
        conversation.send(ToClient, b"RFB 003.008\n\x01\x02");
        conversation.send(ToServer, b"RFB 003.008\n\x02");
        assert_eq!(conversation.heard.seen[0].acts, [] as [&str; 0]);
        assert_eq!(conversation.heard.seen[1].acts, ["request login device"]);
        assert_eq!(VNC.probe(Carrier::Tcp, ToClient, b"RFB 0"), Probe::NeedMore);
        assert_eq!(VNC.probe(Carrier::Tcp, ToClient, b"RFC 003.008\n"), Probe::No);
    }
}
