//! TeamViewer over TCP: the opening packet of either side, the same through the maker's routers and directly.
//!
//! Deliberately not read: what follows (encrypted), sessions inside TLS, the UDP form, whose only mark is two bytes behind a counter.
//!
//! There is no public specification. Source: the published signatures of libprotoident (37 bytes that begin 17 24 0a 20); the length in
//! little-endian order behind the command fits them and each packet that follows.

use dogwatch_model::{Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::framed::FramedProtocol;
use crate::once::Greeting;
use crate::sides::from_client;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// TeamViewer.
pub(crate) static TEAMVIEWER: FramedProtocol = FramedProtocol {
    name: "teamviewer",
    hints: &[Hint::Tcp(5938)],
    carriers: &[Carrier::Tcp],
    probe: |_, head| match length(head) {
        Ok(Some(_)) => Probe::Yes,
        Ok(None) => Probe::NeedMore,
        Err(_) => Probe::No,
    },
    frames: |_| Box::new(Greeting { length, read }),
};

/// Mark, command "identify", length of what follows.
const OPENING: [u8; 5] = [0x17, 0x24, 0x0a, 0x20, 0x00];
const WHOLE: usize = 37;

fn length(bytes: &[u8]) -> Result<Option<usize>, ParseError> {
    if OPENING.iter().zip(bytes).any(|(want, byte)| want != byte) {
        return Err(ParseError::Malformed { what: "teamviewer", at: 0, why: "must open with 17 24 0a 20 00" });
    }
    Ok((bytes.len() >= WHOLE).then_some(WHOLE))
}

fn read(chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let mut acts = Acts::new();
    if from_client(chunk, &[5938]) {
        acts.request(Verb::Login, Object::Device { unit: None });
    }
    emit.message("identify", &mut acts, &Shown(|visit| visit.maybe("command", bytes.get(2).copied())));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::Conversation;
    use dogwatch_model::Direction::{ToClient, ToServer};

    #[test]
    fn the_opening_of_both_sides() {
        let opening = [&OPENING[..], &[0; 32]].concat();
        let mut conversation = Conversation::new(&TEAMVIEWER, Carrier::Tcp, 5938);
        conversation.send(ToServer, &opening);
        conversation.send(ToClient, &opening);
        conversation.send(ToServer, &[0x5a; 200]);
        assert_eq!(conversation.heard.seen[0].acts, ["request login device"]);
        assert_eq!(conversation.heard.seen.len(), 2);
        for (bytes, want) in [
            (&opening[..], Probe::Yes),
            (&opening[..20], Probe::NeedMore),
            // a Modbus header with the same transaction number
            (&[0x17, 0x24, 0, 0, 0, 6, 1, 3, 0, 0, 0, 1][..], Probe::No),
        ] {
            assert_eq!(TEAMVIEWER.probe(Carrier::Tcp, ToServer, bytes), want, "{bytes:02x?}");
        }
    }
}
