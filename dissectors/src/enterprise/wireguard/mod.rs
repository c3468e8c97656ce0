//! WireGuard: who builds a tunnel to whom. Everything inside is encrypted.
//!
//! Deliberately not told: the data packets, of which there are many. Source: the protocol's own description, <https://www.wireguard.com/protocol/>.

use dogwatch_model::{Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::datagram::DatagramProtocol;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// WireGuard.
pub(crate) static WIREGUARD: DatagramProtocol = DatagramProtocol {
    name: "wireguard",
    hints: &[Hint::Udp(51_820)],
    carriers: &[Carrier::Udp],
    probe: |head| match kind(head) {
        // Data alone begins no conversation, and says too little.
        Some(INITIATION | RESPONSE | COOKIE) => Probe::Yes,
        _ => Probe::No,
    },
    read,
};

const INITIATION: u8 = 1;
const RESPONSE: u8 = 2;
const COOKIE: u8 = 3;
const DATA: u8 = 4;

/// The kind of a message whose length is that of its kind.
fn kind(bytes: &[u8]) -> Option<u8> {
    let [kind, 0, 0, 0, index @ ..] = bytes else { return None };
    // Indices, keys and digests are random; a row of zeros or a table of small numbers is something else. The last 16 bytes are often zeros.
    let random =
        |end: usize| index.get(..end).is_some_and(|body| body.iter().filter(|byte| **byte == 0).count() <= end / 16);
    let fits = match (*kind, bytes.len()) {
        (INITIATION, 148) => random(128),
        (RESPONSE, 92) => random(72),
        (COOKIE, 64) => random(60),
        (DATA, length) => length >= 32 && length.is_multiple_of(16),
        _ => false,
    };
    fits.then_some(*kind)
}

fn read(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let kind = kind(chunk.bytes).ok_or(ParseError::Malformed { what: "wireguard", at: 0, why: "type and length" })?;
    let object = Object::Named("tunnel");
    let mut acts = Acts::new();
    let name = match kind {
        INITIATION => {
            acts.request(Verb::Login, object);
            "handshake-initiation"
        }
        RESPONSE => {
            acts.reply(Verb::Login, object, false);
            "handshake-response"
        }
        COOKIE => "cookie-reply",
        _ => return Ok(()),
    };
    emit.message(name, &mut acts, &Shown(|visit| visit.number("type", kind)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::Conversation;
    use dogwatch_model::Direction::{ToClient, ToServer};

    fn message(kind: u8, length: usize) -> Vec<u8> {
        [&[kind, 0, 0, 0][..], &vec![0x5a; length - 4]].concat()
    }

    #[test]
    fn a_tunnel() {
        let mut conversation = Conversation::new(&WIREGUARD, Carrier::Udp, 51_820);
        conversation.send(ToServer, &message(1, 148));
        conversation.send(ToClient, &message(2, 92));
        conversation.send(ToServer, &message(4, 128));
        let seen = &conversation.heard.seen;
        assert_eq!(
            (&seen[0].acts[..], &seen[1].acts[..]),
            (&["request login tunnel".to_owned()][..], &["reply login tunnel".to_owned()][..])
        );
        assert_eq!(seen.len(), 2);
        for bytes in [message(1, 147), message(4, 128), message(5, 148), [&[1, 0, 0, 0][..], &[0; 144]].concat()] {
            assert_eq!(WIREGUARD.probe(Carrier::Udp, ToServer, &bytes), Probe::No);
        }
    }
}
