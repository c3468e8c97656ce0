//! RDP: the connection request and its answer, where user name and security are told in clear.
//!
//! Specification: MS-RDPBCGR clauses 2.2.1.1 and 2.2.1.2.

use dogwatch_model::{Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::framed::{Frame, FramedProtocol};
use crate::industrial::tpkt;
use crate::once::Greeting;
use crate::text::printable;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// RDP.
pub(crate) static RDP: FramedProtocol = FramedProtocol {
    name: "rdp",
    hints: &[Hint::Tcp(3389)],
    carriers: &[Carrier::Tcp],
    probe: |_, head| tpkt::probe(head, judge),
    frames: |_| Box::new(Greeting { length, read }),
};

const COOKIE: &[u8] = b"Cookie: ";

/// Behind the fixed COTP header: a cookie line, or a negotiation structure of eight bytes (type 1 asks, 2 grants, 3 refuses).
fn judge(cotp: &tpkt::Cotp<'_>) -> Probe {
    let negotiation = |kinds: &[u8]| match cotp.parameters {
        [kind, _, 8, 0, _, _, 0, 0] => kinds.contains(kind),
        _ => false,
    };
    let known = match cotp.kind {
        tpkt::CONNECT_REQUEST => cotp.parameters.starts_with(COOKIE) || negotiation(&[1]),
        tpkt::CONNECT_CONFIRM => negotiation(&[2, 3]),
        _ => false,
    };
    if known { Probe::Yes } else { Probe::No }
}

fn length(bytes: &[u8]) -> Result<Option<usize>, ParseError> {
    match tpkt::frame(bytes) {
        Frame::Whole { len, .. } => Ok(Some(len)),
        Frame::More => Ok(None),
        Frame::Lost(error) => Err(error),
    }
}

fn read(_chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let cotp = tpkt::parse(bytes)?;
    let is_request = cotp.kind == tpkt::CONNECT_REQUEST;
    let line = cotp.parameters.split(|byte| *byte == b'\r').next().filter(|line| line.starts_with(COOKIE));
    let cookie = line.and_then(printable);
    let user = cookie.and_then(|cookie| cookie.strip_prefix("Cookie: mstshash="));
    let object = user.map_or(Object::Device { unit: None }, Object::Named);
    let mut acts = Acts::new();
    let kind = if is_request {
        acts.request(Verb::Login, object);
        "connect-request"
    } else {
        acts.reply(Verb::Login, object, cotp.parameters.first() == Some(&3));
        // The security the server has chosen: 2 and 8 let it know who comes before it shows a screen (MS-RDPBCGR 2.2.1.2.1).
        if let [2, _, 8, 0, chosen, ..] = cotp.parameters
            && chosen & 0x0a == 0
        {
            acts.odd("weak.rdp-without-nla");
        }
        "connect-confirm"
    };
    let fields = Shown(|visit| visit.maybe_text("rt_cookie", cookie));
    emit.message(kind, &mut acts, &fields);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{Conversation, hex};
    use dogwatch_model::Direction::{ToClient, ToServer};

    fn request() -> Vec<u8> {
        let mut bytes = hex("03 00 00 2a 25 e0 0000 0000 00");
        bytes.extend(b"Cookie: mstshash=pilot\r\n");
        bytes.extend(hex("01 00 08 00 03000000"));
        bytes[3] = u8::try_from(bytes.len()).unwrap();
        bytes[4] = bytes[3] - 5;
        bytes
    }

    #[test]
    fn who_logs_in() {
        let mut conversation = Conversation::new(&RDP, Carrier::Tcp, 3389);
        conversation.send(ToServer, &request());
        conversation.send(ToClient, &hex("03 00 00 13 0e d0 0000 1234 00 02 00 08 00 02000000"));
        conversation.send(ToServer, &[0x16; 300]);
        assert_eq!(conversation.heard.seen[0].acts, ["request login pilot"]);
        assert_eq!(conversation.heard.seen[1].acts, ["reply login device"]);
        assert_eq!(conversation.heard.seen.len(), 2);
    }

    #[test]
    fn a_server_that_shows_a_screen_to_anybody() {
        for (chosen, want) in
            [("00", &["reply login device", "odd weak.rdp-without-nla"][..]), ("02", &["reply login device"])]
        {
            let mut conversation = Conversation::new(&RDP, Carrier::Tcp, 3389);
            conversation.send(ToServer, &request());
            conversation.send(ToClient, &hex(&format!("03 00 00 13 0e d0 0000 1234 00 02 00 08 00 {chosen}000000")));
            assert_eq!(conversation.heard.seen[1].acts, want);
        }
    }

    #[test]
    fn other_users_of_the_same_transport() {
        let s7 = hex("03 00 00 16 11 e0 0000 0001 00 c1 02 0100 c2 02 0102 c0 01 0a");
        assert_eq!(RDP.probe(Carrier::Tcp, ToServer, &s7), Probe::No);
        assert_eq!(RDP.probe(Carrier::Tcp, ToServer, &request()), Probe::Yes);
        assert_eq!(RDP.probe(Carrier::Tcp, ToServer, &request()[..3]), Probe::NeedMore);
    }
}
