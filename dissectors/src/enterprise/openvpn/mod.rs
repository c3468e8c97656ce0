//! OpenVPN: who builds a tunnel to whom. Recognised by the packet with which a client opens, in its four dresses (bare, `tls-auth`, `tls-crypt`).
//!
//! Deliberately not told: data packets. Source: the protocol's own description in the OpenVPN sources' documentation (network protocol).

use dogwatch_model::{Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// OpenVPN.
pub(crate) static OPENVPN: FramedProtocol = FramedProtocol {
    name: "openvpn",
    hints: &[Hint::Udp(1194), Hint::Tcp(1194)],
    carriers: &[Carrier::Udp, Carrier::Tcp],
    probe: |carrier, head| {
        let Some(packet) = packet(carrier, head) else {
            return if head.len() < 2 { Probe::NeedMore } else { waits(head) };
        };
        if opens(packet) { Probe::Yes } else { Probe::No }
    },
    frames: |_| Box::new(OpenVpn),
};

/// Opcodes in the upper five bits.
const CLIENT_RESET: u8 = 7;
const SERVER_RESET: u8 = 8;
const CLIENT_RESET_3: u8 = 10;
/// Longest packet on a stream.
const LONGEST: usize = 0x4000;

/// On a stream the length stands in front.
fn packet(carrier: Carrier, head: &[u8]) -> Option<&[u8]> {
    if !carrier.is_stream() {
        return Some(head);
    }
    let (length, rest) = head.split_first_chunk::<2>()?;
    rest.get(..u16::from_be_bytes(*length).into())
}

/// A stream's first packet that is not complete yet.
fn waits(head: &[u8]) -> Probe {
    match head {
        [0, 14..=100, op, ..] if matches!(op >> 3, CLIENT_RESET | CLIENT_RESET_3) && op & 7 == 0 => Probe::NeedMore,
        [0, 14..=100] => Probe::NeedMore,
        _ => Probe::No,
    }
}

/// A reset of the client: opcode, session, and what follows by the dress it wears.
fn opens(packet: &[u8]) -> bool {
    let Some((op, rest)) = packet.split_first() else { return false };
    if op & 7 != 0 || !matches!(op >> 3, CLIENT_RESET | CLIENT_RESET_3) {
        return false;
    }
    let Some((session, rest)) = rest.split_first_chunk::<8>() else { return false };
    if session.iter().filter(|byte| **byte != 0).count() < 4 {
        return false;
    }
    // No acknowledgments, message number zero.
    let bare = |rest: &[u8]| rest == [0; 5];
    // Packet number one and a time of this century (RFC-less: seconds since 1970).
    let numbered = |bytes: &[u8]| matches!(bytes, [0, 0, 0, 1, 0x38..=0xf0, ..]);
    // `tls-auth`: digest, number, time, then as bare. `tls-crypt`: number, time, digest, then encrypted.
    let signed = |digest: usize| {
        rest.len() == digest.saturating_add(13)
            && rest.get(digest..).is_some_and(|tail| numbered(tail) && tail.get(8..).is_some_and(bare))
    };
    bare(rest)
        || [16, 20, 28, 32, 48, 64].into_iter().any(signed)
        || (rest.len() >= 45 && rest.len() < 1_200 && numbered(rest))
}

/// OpenVPN packets of one flow.
struct OpenVpn;

impl Frames for OpenVpn {
    fn frame(&self, carrier: Carrier, bytes: &[u8]) -> Frame {
        if !carrier.is_stream() {
            return Frame::Whole { len: bytes.len(), need: bytes.len().min(1) };
        }
        match bytes {
            [h, l, ..] => {
                let length = usize::from(u16::from_be_bytes([*h, *l]));
                if length == 0 || length > LONGEST {
                    return Frame::Lost(ParseError::Malformed { what: "openvpn", at: 0, why: "length" });
                }
                Frame::Whole { len: length.saturating_add(2), need: 3 }
            }
            _ => Frame::More,
        }
    }

    fn begins(&self, _carrier: Carrier, _bytes: &[u8]) -> Probe {
        // Nothing marks a packet's begin in the middle of a stream.
        Probe::No
    }

    fn read(&mut self, chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let op = if chunk.carrier.is_stream() { bytes.get(2) } else { bytes.first() };
        let Some(op) = op.map(|op| op >> 3) else { return Ok(()) };
        let object = Object::Named("tunnel");
        let mut acts = Acts::new();
        let name = match op {
            CLIENT_RESET | CLIENT_RESET_3 => {
                acts.request(Verb::Login, object);
                "client-reset"
            }
            SERVER_RESET => {
                acts.reply(Verb::Login, object, false);
                "server-reset"
            }
            _ => return Ok(()),
        };
        emit.message(name, &mut acts, &Shown(|visit| visit.number("opcode", op)));
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
    fn a_tunnel_over_both_carriers() {
        let open = hex("38 0102030405060708 00 00000000");
        let mut conversation = Conversation::new(&OPENVPN, Carrier::Udp, 1194);
        conversation.send(ToServer, &open);
        conversation.send(ToClient, &hex("40 0807060504030201 01 00000000 0102030405060708 00000000"));
        conversation.send(ToServer, &[0x30; 100]);
        let kinds: Vec<_> = conversation.heard.seen.iter().map(|seen| seen.kind.as_str()).collect();
        assert_eq!(kinds, ["client-reset", "server-reset"]);
        let framed = [&[0, 14][..], &open].concat();
        assert_eq!(OPENVPN.probe(Carrier::Tcp, ToServer, &framed), Probe::Yes);
        assert_eq!(OPENVPN.probe(Carrier::Tcp, ToServer, &framed[..6]), Probe::NeedMore);
    }

    #[test]
    fn the_dresses_of_an_opening() {
        let digest = |length: usize| "ab".repeat(length);
        for (name, bytes, want) in [
            ("signed", format!("38 0102030405060708 {} 00000001 5f000000 00 00000000", digest(20)), Probe::Yes),
            ("crypted", format!("38 0102030405060708 00000001 5f000000 {} 0102030405", digest(32)), Probe::Yes),
            ("another number", format!("38 0102030405060708 {} 00000002 5f000000 00 00000000", digest(20)), Probe::No),
            ("key id", "39 0102030405060708 00 00000000".into(), Probe::No),
            ("no session", "38 0000000000000000 00 00000000".into(), Probe::No),
            ("text", digest(54), Probe::No),
        ] {
            assert_eq!(OPENVPN.probe(Carrier::Udp, ToServer, &hex(&bytes)), want, "{name}");
        }
    }
}
