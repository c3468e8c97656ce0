//! STUN and TURN: who looks for a way through address translation (calls, meetings, remote desktops).
//!
//! Deliberately not read: the messages without the magic number of older versions, which nothing tells from noise; what follows on the flow.
//!
//! Specification: RFC 8489 clauses 5, 6 and 14, RFC 8656 (TURN).

use dogwatch_model::{Attribute, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::datagram::DatagramProtocol;
use crate::reader::Reader;
use crate::text::printable;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// STUN.
pub(crate) static STUN: DatagramProtocol = DatagramProtocol {
    name: "stun",
    hints: &[Hint::Udp(3478)],
    carriers: &[Carrier::Udp],
    probe: |head| if length(head).is_some() { Probe::Yes } else { Probe::No },
    read,
};

/// Length of the message at the front: two zero bits, a length in words within the datagram, the magic number.
fn length(bytes: &[u8]) -> Option<usize> {
    let [kind, _, h, l, 0x21, 0x12, 0xa4, 0x42, ..] = bytes else { return None };
    let length = usize::from(u16::from_be_bytes([*h, *l]));
    let whole = length.checked_add(20)?;
    (kind & 0xc0 == 0 && length.is_multiple_of(4) && whole <= bytes.len()).then_some(whole)
}

fn read(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    // Media, relayed data and DTLS share the flow once a way is found.
    let Some(length) = length(chunk.bytes) else { return Ok(()) };
    let mut reader = Reader::new("stun", chunk.bytes.get(..length).unwrap_or_default());
    let kind = reader.be16()?;
    let _length_magic_and_transaction = reader.take(18)?;
    let (mut software, mut realm, mut user) = (None, None, None);
    while let Ok(number) = reader.be16() {
        let length = usize::from(reader.be16()?);
        let content = reader.take(length)?;
        // Attributes fill up to four bytes.
        let _padding = reader.take(length.next_multiple_of(4).saturating_sub(length)).ok();
        match number {
            0x0006 => user = printable(content),
            0x0014 => realm = printable(content),
            0x8022 => software = printable(content),
            _ => {}
        }
    }
    // The class stands in two bits among those of the method (figure 3).
    let class = (kind >> 7 & 2) | (kind >> 4 & 1);
    let method = (kind & 0x0f) | (kind >> 1 & 0x70) | (kind >> 2 & 0x0f80);
    let verb = match method {
        3 => Verb::Login,
        6 | 7 => Verb::Transfer,
        4 | 8 | 9 => Verb::Control,
        _ => Verb::Discover,
    };
    let object = Object::Device { unit: None };
    let mut acts = Acts::new();
    match class {
        0 => acts.request(verb, object),
        1 => {}
        _ => acts.reply(verb, object, class == 3),
    }
    let attribute = if class == 0 { Attribute::ClientHint } else { Attribute::SoftwareVersion };
    acts.says_text(attribute, software, 70, "stun.software");
    let name = match method {
        1 => "binding",
        3 => "allocate",
        4 => "refresh",
        6 => "send",
        7 => "data",
        8 => "create-permission",
        9 => "channel-bind",
        _ => "other",
    };
    let fields = Shown(|visit| {
        visit.number("type", kind);
        visit.number("class", class);
        visit.maybe_text("software", software);
        visit.maybe_text("realm", realm);
        visit.maybe_text("username", user);
    });
    emit.message(name, &mut acts, &fields);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{Conversation, hex};
    use dogwatch_model::Direction::{ToClient, ToServer};

    #[test]
    fn a_way_is_looked_for() {
        let ask = hex("0003 000c 2112a442 000102030405060708090a0b 8022 0005 41626364 65 000000");
        assert_eq!(STUN.probe(Carrier::Udp, ToServer, &ask), Probe::Yes);
        let mut conversation = Conversation::new(&STUN, Carrier::Udp, 3478);
        conversation.send(ToServer, &ask);
        conversation.send(ToClient, &hex("0113 0000 2112a442 000102030405060708090a0b"));
        conversation.send(ToClient, &[0x80; 60]);
        let seen = &conversation.heard.seen;
        assert_eq!(seen[0].acts, ["request login device", "says client_hint=Abcde (stun.software)"]);
        assert_eq!((seen[1].kind.as_str(), &seen[1].acts[..]), ("allocate", &["refusal login device".to_owned()][..]));
        assert_eq!(seen.len(), 2);
        for bytes in
            ["0001 0000 2112a443 000102030405060708090a0b", "0001 0004 2112a442 000102030405060708090a0b", "0001 0000"]
        {
            assert_eq!(STUN.probe(Carrier::Udp, ToServer, &hex(bytes)), Probe::No, "{bytes}");
        }
    }
}
