//! BitTorrent: peers and the distributed hash table, which have no business on a ship's working networks.
//!
//! Deliberately not read: what is exchanged; encrypted peers and uTP, which nothing tells from noise. Specification: BEP 3, BEP 5.

use dogwatch_model::{Act, Attribute, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::text::printable;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// BitTorrent.
pub(crate) static BITTORRENT: FramedProtocol = FramedProtocol {
    name: "bittorrent",
    hints: &[Hint::Tcp(6881), Hint::Udp(6881)],
    carriers: &[Carrier::Tcp, Carrier::Udp],
    probe: |carrier, head| if carrier.is_stream() { peer(head) } else { table(head) },
    frames: |_| Box::new(BitTorrent),
};

const GREETING: &[u8] = b"\x13BitTorrent protocol";
/// Greeting, eight reserved bytes, hash of the content, peer id.
const HANDSHAKE: usize = 68;

fn peer(head: &[u8]) -> Probe {
    if !head.iter().zip(GREETING).all(|(byte, want)| byte == want) {
        Probe::No
    } else if head.len() < GREETING.len() {
        Probe::NeedMore
    } else {
        Probe::Yes
    }
}

/// A dictionary with the id of a node as its first argument.
fn table(head: &[u8]) -> Probe {
    let starts = [&b"d1:ad2:id20:"[..], b"d1:rd2:id20:"].iter().any(|start| head.starts_with(start));
    if starts && head.ends_with(b"e") { Probe::Yes } else { Probe::No }
}

/// BitTorrent on one flow.
struct BitTorrent;

impl Frames for BitTorrent {
    fn frame(&self, carrier: Carrier, bytes: &[u8]) -> Frame {
        if !carrier.is_stream() {
            return Frame::whole(bytes.len());
        }
        match peer(bytes) {
            Probe::Yes => Frame::Whole { len: usize::MAX, need: HANDSHAKE },
            Probe::NeedMore => Frame::More,
            Probe::No => crate::lines::REST,
        }
    }

    fn begins(&self, _carrier: Carrier, _bytes: &[u8]) -> Probe {
        Probe::No
    }

    fn read(&mut self, chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let object = Object::Named("content");
        let mut acts = Acts::new();
        if !chunk.carrier.is_stream() {
            if table(bytes) == Probe::Yes {
                acts.request(Verb::Discover, object);
                emit.message("node", &mut acts, &dogwatch_model::NoFields);
            }
            return Ok(());
        }
        let Some(id) = bytes.get(48..HANDSHAKE) else { return Ok(()) };
        // Peer ids begin with the client and its version between dashes: -qB4500-.
        let client = id.get(1..7).filter(|_| matches!(id, [b'-', _, _, _, _, _, _, b'-', ..])).and_then(printable);
        acts.push(Act::Request { verb: Verb::Transfer, object });
        acts.says_text(Attribute::ClientHint, client, 60, "bittorrent.peer-id");
        emit.message("handshake", &mut acts, &Shown(|visit| visit.maybe_text("client", client)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{Conversation, datagram};
    use dogwatch_model::Direction::ToServer;

    #[test]
    fn peers_and_nodes() {
        let open = [GREETING, &[0; 8], &[7; 20], b"-qB4500-abcdefghijkl"].concat();
        let mut conversation = Conversation::new(&BITTORRENT, Carrier::Tcp, 6881);
        conversation.send(ToServer, &open);
        conversation.send(ToServer, &[1; 5_000]);
        assert_eq!(
            conversation.heard.seen[0].acts,
            ["request transfer content", "says client_hint=qB4500 (bittorrent.peer-id)"]
        );
        assert_eq!(conversation.heard.seen.len(), 1);
        assert_eq!(BITTORRENT.probe(Carrier::Tcp, ToServer, &open[..9]), Probe::NeedMore);
        let node = b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe";
        assert_eq!(datagram(&BITTORRENT, Carrier::Udp, 6881, node).seen[0].acts, ["request discover content"]);
        assert_eq!(BITTORRENT.probe(Carrier::Udp, ToServer, &node[..40]), Probe::No);
    }
}
