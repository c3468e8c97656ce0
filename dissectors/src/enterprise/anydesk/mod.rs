//! AnyDesk: TLS whose server name is one of the maker's relays. Read as TLS, told as anydesk.
//!
//! Deliberately not named: sessions straight from machine to machine, whose opening carries no name; they stay TLS.
//!
//! Source: the maker's list of what a firewall must let through (`*.net.anydesk.com`, ports 80, 443 and 6568).

use crate::enterprise::tls;
use crate::framed::FramedProtocol;
use crate::{Carrier, Hint, Probe};

/// AnyDesk.
pub(crate) static ANYDESK: FramedProtocol = FramedProtocol {
    name: "anydesk",
    hints: &[Hint::Tcp(443), Hint::Tcp(80), Hint::Tcp(6568)],
    carriers: &[Carrier::Tcp],
    probe: |_, head| {
        let is_relay = tls::called(head).is_some_and(|name| name.ends_with(".net.anydesk.com"));
        if is_relay { Probe::Yes } else { Probe::No }
    },
    frames: tls::frames,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::Conversation;
    use dogwatch_model::Direction::ToServer;

    /// A client hello of TLS 1.2 that calls `name` (RFC 5246 clause 7.4.1.2, RFC 6066 clause 3).
    fn hello(name: &str) -> Vec<u8> {
        let size = u16::try_from(name.len()).unwrap();
        let mut extension = vec![0, 0];
        extension.extend((size + 5).to_be_bytes());
        extension.extend((size + 3).to_be_bytes());
        extension.push(0);
        extension.extend(size.to_be_bytes());
        extension.extend(name.bytes());
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.extend([0, 0, 2, 0xc0, 0x2f, 1, 0]);
        body.extend(u16::try_from(extension.len()).unwrap().to_be_bytes());
        body.extend(extension);
        let mut record = vec![22, 3, 1];
        record.extend(u16::try_from(body.len() + 4).unwrap().to_be_bytes());
        record.extend([1, 0]);
        record.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
        record.extend(body);
        record
    }

    #[test]
    fn only_the_relays_are_it() {
        let relay = hello("relay-a1b2c3d4.net.anydesk.com");
        for (bytes, want) in [
            (relay.clone(), Probe::Yes),
            (hello("anydesk.com"), Probe::No),
            (hello("net.anydesk.com.example.org"), Probe::No),
            (relay[..40].to_vec(), Probe::No),
        ] {
            assert_eq!(ANYDESK.probe(Carrier::Tcp, ToServer, &bytes), want);
        }
        let mut conversation = Conversation::new(&ANYDESK, Carrier::Tcp, 443);
        conversation.send(ToServer, &relay);
        assert_eq!(conversation.heard.seen[0].protocol, "anydesk");
        assert_eq!(conversation.heard.seen[0].field("server_name"), "relay-a1b2c3d4.net.anydesk.com");
    }
}
