//! DHCPv6: who asks for an address, under which name, and who answers.
//!
//! Deliberately not read: options of providers, authentication. A unique identifier made of a hardware address tells that address.
//!
//! Specification: RFC 8415 clauses 8, 9, 11 and 21, RFC 4704 (names).

use std::net::{IpAddr, Ipv6Addr};

use dogwatch_model::{Attribute, FactValue, Mac, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::datagram::DatagramProtocol;
use crate::reader::Reader;
use crate::text::Text;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// DHCPv6.
pub(crate) static DHCPV6: DatagramProtocol = DatagramProtocol {
    name: "dhcpv6",
    hints: &[Hint::Udp(547), Hint::Udp(546)],
    carriers: &[Carrier::Udp],
    probe: |head| if is_message(head) { Probe::Yes } else { Probe::No },
    read,
};

const RELAY_FORWARD: u8 = 12;
const RELAY_REPLY: u8 = 13;

/// Names of the messages (clause 7.3).
const fn name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        1 => "solicit",
        2 => "advertise",
        3 => "request",
        4 => "confirm",
        5 => "renew",
        6 => "rebind",
        7 => "reply",
        8 => "release",
        9 => "decline",
        10 => "reconfigure",
        11 => "information-request",
        RELAY_FORWARD => "relay-forward",
        RELAY_REPLY => "relay-reply",
        _ => return None,
    })
}

/// Options, each with its number; ends at one that does not fit.
fn options(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut reader = Reader::new("dhcpv6 options", bytes);
    std::iter::from_fn(move || {
        let kind = reader.be16().ok()?;
        let length = reader.be16().ok()?;
        Some((kind, reader.take(length.into()).ok()?))
    })
}

/// Where the options begin.
const fn header(kind: u8) -> usize {
    if matches!(kind, RELAY_FORWARD | RELAY_REPLY) { 34 } else { 4 }
}

/// A known message whose options fill it, with the identifier of a client, or what a relay passes on.
fn is_message(head: &[u8]) -> bool {
    let Some(kind) = head.first().copied().filter(|kind| name(*kind).is_some()) else { return false };
    let Some(body) = head.get(header(kind)..) else { return false };
    let mut filled = 0_usize;
    let mut known = false;
    for (number, content) in options(body) {
        filled = filled.saturating_add(content.len()).saturating_add(4);
        known |= match number {
            1 | 2 => matches!(content, [0, 1..=4, _, _, _, _, ..]),
            9 => kind >= RELAY_FORWARD && content.first().is_some_and(|inner| name(*inner).is_some()),
            _ => false,
        };
    }
    known && filled == body.len()
}

/// The hardware address in a unique identifier of type 1 (with time) or 3.
fn hardware(identifier: &[u8]) -> Option<Mac> {
    let address = match identifier {
        [0, 1, 0, 1, _, _, _, _, address @ ..] | [0, 3, 0, 1, address @ ..] => address,
        _ => return None,
    };
    let mac = Mac(address.try_into().ok()?);
    (!mac.is_group() && !mac.is_none()).then_some(mac)
}

/// A name in DNS form: labels behind their lengths.
fn domain_name(content: &[u8]) -> Option<Text<128>> {
    let mut reader = Reader::new("dhcpv6 name", content);
    let mut text = Text::new();
    while let Ok(length @ 1..=63) = reader.u8() {
        let label = crate::text::printable(reader.take(length.into()).ok()?)?;
        let dot = if text.is_empty() { "" } else { "." };
        let _ = std::fmt::Write::write_fmt(&mut text, format_args!("{dot}{label}"));
    }
    (!text.is_empty()).then_some(text)
}

/// What the options tell.
#[derive(Default)]
struct Told {
    client: Option<Mac>,
    server: Option<Mac>,
    name: Option<Text<128>>,
    address: Option<Ipv6Addr>,
    status: u16,
}

impl Told {
    fn read(bytes: &[u8]) -> Self {
        let mut told = Self::default();
        for (number, content) in options(bytes) {
            match number {
                1 => told.client = hardware(content),
                2 => told.server = hardware(content),
                // An association: its number and times, then options.
                3 => told.association(content.get(12..).unwrap_or_default()),
                13 => told.status = content.first_chunk().map_or(0, |code| u16::from_be_bytes(*code)),
                39 => told.name = content.get(1..).and_then(domain_name),
                _ => {}
            }
        }
        told
    }

    fn association(&mut self, bytes: &[u8]) {
        for (number, content) in options(bytes) {
            match (number, content.first_chunk::<16>()) {
                (5, Some(address)) => self.address = Some(Ipv6Addr::from(*address)),
                (13, _) => self.status = content.first_chunk().map_or(0, |code| u16::from_be_bytes(*code)),
                _ => {}
            }
        }
    }
}

fn read(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    if !is_message(chunk.bytes) {
        return Err(ParseError::Malformed { what: "dhcpv6", at: 0, why: "options do not fill it" });
    }
    let kind = chunk.bytes.first().copied().unwrap_or(0);
    let title = name(kind).unwrap_or("other");
    let told = Told::read(chunk.bytes.get(header(kind)..).unwrap_or_default());
    let object = Object::Device { unit: None };
    let mut acts = Acts::new();
    match kind {
        1 | 3..=6 | 8 | 9 | 11 => {
            acts.request(Verb::Discover, told.name.as_ref().map_or(object, |name| Object::Named(name.as_str())));
            if let Some(mac) = told.client {
                acts.says(Attribute::MacAddress, FactValue::Mac(mac), 70, "dhcpv6.duid");
            }
            acts.says_text(Attribute::Name, told.name.as_ref().map(Text::as_str), 85, "dhcpv6.opt39");
        }
        2 | 7 => {
            acts.reply(Verb::Discover, object, told.status != 0);
            acts.says(Attribute::Service, FactValue::Text("udp/547 dhcpv6"), 90, "dhcpv6.server");
            if let (7, Some(mac), Some(address)) = (kind, told.client, told.address) {
                let about = dogwatch_model::Subject::Mac(mac);
                acts.says_about(about, Attribute::IpAddress, FactValue::Ip(IpAddr::V6(address)), 80, "dhcpv6.reply");
            }
        }
        _ => {}
    }
    let fields = Shown(|visit| {
        visit.coded("msgtype", kind, Some(title));
        if let Some(mac) = told.client {
            visit.shown("client_mac", mac);
        }
        if let Some(mac) = told.server {
            visit.shown("server_mac", mac);
        }
        visit.maybe_text("client_fqdn", told.name.as_ref().map(Text::as_str));
        if let Some(address) = told.address {
            visit.shown("ia_address", address);
        }
        visit.number("status", told.status);
    });
    emit.message(title, &mut acts, &fields);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{datagram, hex};
    use dogwatch_model::Direction::ToServer;

    const CLIENT: &str = "0001 000e 0001 0001 2a2b2c2d 020000000007";

    #[test]
    fn a_station_asks_and_gets() {
        let ask = hex(&format!("01 00abcd {CLIENT} 0027 0007 01 0565636469 73 0006 0002 0017"));
        let seen = &datagram(&DHCPV6, Carrier::Udp, 547, &ask).seen[0];
        assert_eq!(
            seen.acts,
            [
                "request discover ecdis",
                "says mac_address=02:00:00:00:00:07 (dhcpv6.duid)",
                "says name=ecdis (dhcpv6.opt39)"
            ]
        );
        let address =
            "0003 0028 00000001 00000000 00000000 0005 0018 20010db8000000000000000000000007 00000e10 00001c20";
        let reply = hex(&format!("07 00abcd {CLIENT} 0002 000a 0003 0001 020000000001 {address}"));
        let seen = &datagram(&DHCPV6, Carrier::Udp, 547, &reply).seen[0];
        assert_eq!(seen.acts[0], "reply discover device");
        assert_eq!(seen.acts[2], "says 02:00:00:00:00:07 ip_address=2001:db8::7 (dhcpv6.reply)");
    }

    #[test]
    fn options_must_fill_the_message() {
        let right = hex(&format!("01 00abcd {CLIENT}"));
        assert_eq!(DHCPV6.probe(Carrier::Udp, ToServer, &right), Probe::Yes);
        let long = [&right[..], &[0]].concat();
        for bytes in [&long[..], &right[..10], &hex("01 00abcd 0008 0002 0000"), &hex("0e 00abcd")] {
            assert_eq!(DHCPV6.probe(Carrier::Udp, ToServer, bytes), Probe::No, "{bytes:02x?}");
        }
    }
}
