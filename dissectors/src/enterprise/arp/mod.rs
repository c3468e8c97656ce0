//! ARP and RARP for IPv4 over Ethernet: who has which address.
//!
//! Every binding is told each time, not only the first: a binding that jumps back and forth is what a spoofing detector looks for.
//! Deliberately not read: hardware types other than Ethernet (they are named in the fields and give no facts).
//!
//! Specification: RFC 826, RFC 903, RFC 5227 (probes and announcements).

use std::net::{IpAddr, Ipv4Addr};

use dogwatch_model::{Act, Attribute, FactValue, Mac, Object, Subject, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::datagram::DatagramProtocol;
use crate::reader::Reader;
use crate::text::{Text, text};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// ARP and RARP.
pub(crate) static ARP: DatagramProtocol = DatagramProtocol {
    name: "arp",
    hints: &[Hint::EtherType(0x0806), Hint::EtherType(0x8035)],
    carriers: &[Carrier::Ethernet],
    probe,
    read,
};

/// Hardware type of Ethernet.
const ETHERNET: u16 = 1;

/// Ethernet and IPv4 with their address lengths, and an operation that exists.
fn probe(head: &[u8]) -> Probe {
    match head {
        [0, 1, 8, 0, 6, 4, 0, 1..=9, rest @ ..] if rest.len() >= 20 => Probe::Yes,
        _ => Probe::No,
    }
}

struct Packet {
    operation: u16,
    sender_mac: Mac,
    sender_ip: Ipv4Addr,
    target_mac: Mac,
    target_ip: Ipv4Addr,
}

fn parse(bytes: &[u8]) -> Result<Packet, ParseError> {
    let mut reader = Reader::new("arp", bytes);
    let (hardware, protocol) = (reader.be16()?, reader.be16()?);
    let [hardware_len, protocol_len] = reader.array()?;
    if (hardware, protocol, hardware_len, protocol_len) != (ETHERNET, 0x0800, 6, 4) {
        return Err(ParseError::Malformed { what: "arp", at: 0, why: "not IPv4 over Ethernet" });
    }
    Ok(Packet {
        operation: reader.be16()?,
        sender_mac: Mac(reader.array()?),
        sender_ip: Ipv4Addr::from(reader.array()?),
        target_mac: Mac(reader.array()?),
        target_ip: Ipv4Addr::from(reader.array()?),
    })
}

fn read(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let packet = parse(chunk.bytes)?;
    let Packet { operation, sender_mac, sender_ip, target_mac, target_ip } = packet;
    let is_reply = matches!(operation, 2 | 4 | 9);
    let is_reverse = matches!(operation, 3 | 4 | 8 | 9);
    let gratuitous = !is_reverse && sender_ip == target_ip && !sender_ip.is_unspecified();
    let asked: Text<24> = if is_reverse {
        text![target_mac]
    } else if is_reply {
        text![sender_ip]
    } else {
        text![target_ip]
    };
    let object = Object::Named(asked.as_str());
    let mut acts = Acts::new();
    match (gratuitous, is_reply) {
        (true, _) => acts.push(Act::Publishes { object }),
        (false, true) => acts.reply(Verb::Discover, object, operation == 10),
        (false, false) => acts.request(Verb::Discover, object),
    }
    if sender_mac.is_group() {
        acts.odd("arp.group-sender");
    } else {
        if !sender_ip.is_unspecified() && !sender_ip.is_broadcast() && !sender_ip.is_multicast() {
            let value = FactValue::Ip(IpAddr::V4(sender_ip));
            acts.says_about(Subject::Mac(sender_mac), Attribute::IpAddress, value, 90, "arp.sender");
        }
        if operation == 4 && !target_mac.is_group() && !target_ip.is_unspecified() {
            let value = FactValue::Ip(IpAddr::V4(target_ip));
            acts.says_about(Subject::Mac(target_mac), Attribute::IpAddress, value, 80, "rarp.target");
        }
        if !chunk.flow.src_mac.is_none() && chunk.flow.src_mac != sender_mac {
            acts.odd("arp.sender-is-not-the-frame's");
        }
    }
    let fields = Shown(|visit| {
        visit.number("opcode", operation);
        visit.shown("src_hw_mac", sender_mac);
        visit.shown("src_proto_ipv4", sender_ip);
        visit.shown("dst_hw_mac", target_mac);
        visit.shown("dst_proto_ipv4", target_ip);
        visit.flag("gratuitous", gratuitous);
    });
    emit.plain(if is_reply { "reply" } else { "request" }, acts.as_slice(), &fields);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{datagram, hex};
    use dogwatch_model::Direction;

    fn packet(operation: u8, sender_mac: &str, sender_ip: &str, target_mac: &str, target_ip: &str) -> Vec<u8> {
        hex(&format!("0001 0800 06 04 00{operation:02x} {sender_mac} {sender_ip} {target_mac} {target_ip}"))
    }

    #[test]
    fn bindings() {
        let (a, b, none) = ("020000000001", "0200000000aa", "000000000000");
        for (name, bytes, kind, want) in [
            (
                "who has",
                packet(1, a, "0a000001", none, "0a000002"),
                "request",
                &["request discover 10.0.0.2", "says 02:00:00:00:00:01 ip_address=10.0.0.1 (arp.sender)"][..],
            ),
            (
                "it is at",
                packet(2, a, "0a000001", b, "0a000002"),
                "reply",
                &["reply discover 10.0.0.1", "says 02:00:00:00:00:01 ip_address=10.0.0.1 (arp.sender)"],
            ),
            ("probe", packet(1, a, "00000000", none, "0a000001"), "request", &["request discover 10.0.0.1"]),
            (
                "gratuitous",
                packet(1, a, "0a000001", none, "0a000001"),
                "request",
                &["publishes 10.0.0.1", "says 02:00:00:00:00:01 ip_address=10.0.0.1 (arp.sender)"],
            ),
            (
                "for another",
                packet(2, b, "0a000009", a, "0a000001"),
                "reply",
                &[
                    "reply discover 10.0.0.9",
                    "says 02:00:00:00:00:aa ip_address=10.0.0.9 (arp.sender)",
                    "odd arp.sender-is-not-the-frame's",
                ],
            ),
            (
                "group address as sender",
                packet(2, "ffffffffffff", "0a000009", a, "0a000001"),
                "reply",
                &["reply discover 10.0.0.9", "odd arp.group-sender"],
            ),
        ] {
            let heard = datagram(&ARP, Carrier::Ethernet, 0, &bytes);
            assert_eq!(heard.seen[0].acts, want, "{name}");
            assert_eq!(heard.seen[0].kind, kind, "{name}");
        }
    }

    #[test]
    fn cut_and_foreign() {
        let whole = packet(1, "020000000001", "0a000001", "000000000000", "0a000002");
        assert_eq!(datagram(&ARP, Carrier::Ethernet, 0, &whole[..27]).errors[0].kind(), "incomplete");
        assert_eq!(ARP.probe(Carrier::Ethernet, Direction::ToServer, &whole), Probe::Yes);
        assert_eq!(ARP.probe(Carrier::Ethernet, Direction::ToServer, &whole[..20]), Probe::No);
        assert_eq!(ARP.probe(Carrier::Udp, Direction::ToServer, &whole), Probe::No);
    }
}
