//! DHCP for IPv4 and the BOOTP below it: who asks for an address under which name, and who gets which.
//!
//! A vendor class (option 60) is a hint of what the client asks for, not a model. Deliberately not read: options laid over the server name
//! and file fields (option 52), DHCPv6.
//!
//! Specification: RFC 2131 (message), RFC 2132 (options), RFC 4702 (option 81).

use std::net::{IpAddr, Ipv4Addr};

use dogwatch_model::{Attribute, FactValue, Mac, Object, Subject, Verb};

use crate::acts::{Acts, Emit, Shown, Visit};
use crate::datagram::DatagramProtocol;
use crate::reader::Reader;
use crate::text::{Text, printable};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// DHCP for IPv4.
pub(crate) static DHCP: DatagramProtocol =
    DatagramProtocol { name: "dhcp", hints: &[Hint::Udp(67), Hint::Udp(68)], carriers: &[Carrier::Udp], probe, read };

/// Where the options begin: behind the fixed part and the magic cookie.
const OPTIONS_AT: usize = 240;
/// RFC 2132 clause 2.
const COOKIE: [u8; 4] = [99, 130, 83, 99];

fn probe(head: &[u8]) -> Probe {
    let cookie = head.get(236..OPTIONS_AT);
    match head {
        [1 | 2, 1..=37, 0..=16, ..] if cookie == Some(&COOKIE) => Probe::Yes,
        _ => Probe::No,
    }
}

/// The parts of a message that matter here.
#[derive(Debug, Clone, Copy)]
struct Packet<'a> {
    op: u8,
    id: u32,
    client: Ipv4Addr,
    your: Ipv4Addr,
    next_server: Ipv4Addr,
    relay: Ipv4Addr,
    mac: Option<Mac>,
    options: &'a [u8],
}

impl<'a> Packet<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new("dhcp", bytes);
        let [op, hardware, hardware_len, _hops] = reader.array()?;
        let id = reader.be32()?;
        let _seconds_and_flags = reader.be32()?;
        let [client, your, next_server, relay] = [reader.array()?, reader.array()?, reader.array()?, reader.array()?]
            .map(|octets: [u8; 4]| Ipv4Addr::from(octets));
        let mac = Mac(reader.array()?);
        let _rest_of_address_name_and_file = reader.take(10 + 64 + 128)?;
        let options = match reader.array::<4>() {
            Ok(COOKIE) => reader.rest(),
            _ => &[],
        };
        let mac = ((hardware, hardware_len) == (1, 6) && !mac.is_none()).then_some(mac);
        Ok(Self { op, id, client, your, next_server, relay, mac, options })
    }

    /// Every option in order; ends at the end option or where the bytes end.
    fn options(&self) -> impl Iterator<Item = (u8, &'a [u8])> + use<'a> {
        let mut reader = Reader::new("dhcp options", self.options);
        std::iter::from_fn(move || {
            loop {
                match reader.u8().ok()? {
                    0 => {}
                    255 => return None,
                    code => {
                        let len = reader.u8().ok()?;
                        return Some((code, reader.take(len.into()).ok()?));
                    }
                }
            }
        })
    }

    fn option(&self, code: u8) -> Option<&'a [u8]> {
        self.options().find(|(found, _)| *found == code).map(|(_, value)| value)
    }

    fn address(&self, code: u8) -> Option<Ipv4Addr> {
        let octets: [u8; 4] = self.option(code)?.get(..4)?.try_into().ok()?;
        Some(Ipv4Addr::from(octets))
    }

    fn message_type(&self) -> Option<u8> {
        self.option(53)?.first().copied()
    }
}

/// The name of a message type (RFC 2132 clause 9.6).
const fn kind(op: u8, message_type: Option<u8>) -> &'static str {
    match (message_type, op) {
        (Some(1), _) => "discover",
        (Some(2), _) => "offer",
        (Some(3), _) => "request",
        (Some(4), _) => "decline",
        (Some(5), _) => "ack",
        (Some(6), _) => "nak",
        (Some(7), _) => "release",
        (Some(8), _) => "inform",
        (_, 1) => "bootp-request",
        _ => "bootp-reply",
    }
}

/// The name in option 81: behind flags and two codes; encoded as in DNS when flag E is set (RFC 4702 clause 2).
fn fqdn(value: &[u8]) -> Option<Text<256>> {
    let ([flags, _, _], name) = value.split_first_chunk::<3>()?;
    if flags & 4 == 0 {
        return printable(name).map(|name| Text::of(format_args!("{name}")));
    }
    let mut text = Text::new();
    let mut reader = Reader::new("fqdn", name);
    while let Ok(len @ 1..=63) = reader.u8() {
        let label = printable(reader.take(len.into()).ok()?)?;
        let dot = if text.is_empty() { "" } else { "." };
        let _ = std::fmt::Write::write_fmt(&mut text, format_args!("{dot}{label}"));
    }
    (!text.is_empty()).then_some(text)
}

fn read(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let packet = Packet::parse(chunk.bytes)?;
    let message_type = packet.message_type();
    let kind = kind(packet.op, message_type);
    let full_name = packet.option(81).and_then(fqdn);
    let asked_for = packet.option(55).map(code_list);
    let address = Text::<16>::of(format_args!("{}", packet.your));
    let mut acts = Acts::new();
    if packet.op == 1 {
        acts.request(Verb::Discover, Object::Device { unit: None });
        if let Some(mac) = packet.mac {
            client_facts(&mut acts, &packet, mac, full_name.as_ref());
            if let Some(list) = asked_for.as_ref().filter(|list| !list.is_empty()) {
                let value = FactValue::Text(list.as_str());
                acts.says_about(Subject::Mac(mac), Attribute::ClientHint, value, 60, "dhcp.opt55");
            }
        }
    } else {
        let object =
            if packet.your.is_unspecified() { Object::Device { unit: None } } else { Object::Named(address.as_str()) };
        acts.reply(Verb::Discover, object, message_type == Some(6));
        server_facts(&mut acts, &packet, message_type);
    }
    if message_type.is_none() && !packet.options.is_empty() {
        acts.odd("dhcp.no-message-type");
    }
    let fields = Shown(|visit| {
        visit.number("op", packet.op);
        visit.maybe("message_type", message_type);
        visit.shown("id", format_args!("{:#010x}", packet.id));
        if let Some(mac) = packet.mac {
            visit.shown("hw_mac_addr", mac);
        }
        visit.shown("ip_client", packet.client);
        visit.shown("ip_your", packet.your);
        visit.shown("ip_server", packet.next_server);
        visit.shown("ip_relay", packet.relay);
        packet.options().for_each(|(code, value)| show_option(visit, code, value));
        visit.maybe_text("fqdn_name", full_name.as_ref().map(Text::as_str));
    });
    emit.message(kind, &mut acts, &fields);
    Ok(())
}

/// The options a client asks for, in its order: each system has its own list, so it hints at which one it is.
fn code_list(codes: &[u8]) -> Text<256> {
    let mut text = Text::new();
    for code in codes {
        let comma = if text.is_empty() { "" } else { "," };
        let _ = std::fmt::Write::write_fmt(&mut text, format_args!("{comma}{code}"));
    }
    text
}

fn client_facts<'a>(acts: &mut Acts<'a>, packet: &Packet<'a>, mac: Mac, full_name: Option<&'a Text<256>>) {
    let about = Subject::Mac(mac);
    if let Some(name) = packet.option(12).and_then(printable) {
        acts.says_about(about, Attribute::Name, FactValue::Text(name), 80, "dhcp.opt12");
    }
    if let Some(name) = full_name {
        acts.says_about(about, Attribute::Name, FactValue::Text(name.as_str()), 80, "dhcp.opt81");
    }
    if let Some(class) = packet.option(60).and_then(printable) {
        acts.says_about(about, Attribute::ClientHint, FactValue::Text(class), 75, "dhcp.opt60");
    }
    if !packet.client.is_unspecified() {
        let value = FactValue::Ip(IpAddr::V4(packet.client));
        acts.says_about(about, Attribute::IpAddress, value, 75, "dhcp.ciaddr");
    }
}

fn server_facts(acts: &mut Acts<'_>, packet: &Packet<'_>, message_type: Option<u8>) {
    let leased = if packet.your.is_unspecified() { packet.client } else { packet.your };
    if message_type == Some(5)
        && let Some(mac) = packet.mac
        && !leased.is_unspecified()
    {
        let value = FactValue::Ip(IpAddr::V4(leased));
        acts.says_about(Subject::Mac(mac), Attribute::IpAddress, value, 90, "dhcp.ack");
    }
    if let Some(server) = packet.address(54).filter(|ip| !ip.is_unspecified()) {
        let about = Subject::Ip(IpAddr::V4(server));
        acts.says_about(about, Attribute::Service, FactValue::Text("udp/67 dhcp"), 90, "dhcp.opt54");
    }
}

fn show_option(visit: &mut Visit<'_>, code: u8, value: &[u8]) {
    match code {
        12 => visit.maybe_text("hostname", printable(value)),
        15 => visit.maybe_text("domain_name", printable(value)),
        60 => visit.maybe_text("vendor_class_id", printable(value)),
        55 => visit.numbers("request_list_item", value.iter().copied()),
        51 => visit.maybe("lease_seconds", <[u8; 4]>::try_from(value).ok().map(u32::from_be_bytes)),
        61 => visit.bytes("client_id", value),
        3 => addresses(visit, "router", value),
        6 => addresses(visit, "domain_name_server", value),
        42 => addresses(visit, "ntp_server", value),
        50 => addresses(visit, "requested_ip_address", value),
        54 => addresses(visit, "dhcp_server_id", value),
        _ => {}
    }
}

fn addresses(visit: &mut Visit<'_>, name: &str, value: &[u8]) {
    visit.one_or_list(name, value.as_chunks::<4>().0.iter().map(|octets| Ipv4Addr::from(*octets)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::datagram;
    use dogwatch_model::Direction;

    fn message(op: u8, your: [u8; 4], options: &[u8]) -> Vec<u8> {
        let mut bytes = vec![op, 1, 6, 0, 0x12, 0x34, 0x56, 0x78, 0, 0, 0, 0, 0, 0, 0, 0];
        bytes.extend(your);
        bytes.extend([0; 8]);
        bytes.extend([2, 0, 0, 0, 0, 7]);
        bytes.resize(236, 0);
        bytes.extend(COOKIE);
        bytes.extend(options);
        bytes
    }

    #[test]
    fn client_and_server() {
        let request = message(1, [0; 4], b"\x35\x01\x03\x0c\x05ecdis\x00\x00\x3c\x08MSFT 5.0\x37\x03\x01\x0f\x03\xff");
        let heard = datagram(&DHCP, Carrier::Udp, 67, &request);
        assert_eq!(heard.seen[0].kind, "request");
        assert_eq!(
            heard.seen[0].acts,
            [
                "request discover device",
                "says 02:00:00:00:00:07 name=ecdis (dhcp.opt12)",
                "says 02:00:00:00:00:07 client_hint=MSFT 5.0 (dhcp.opt60)",
                "says 02:00:00:00:00:07 client_hint=1,15,3 (dhcp.opt55)",
            ]
        );
        assert_eq!(heard.seen[0].fields["request_list_item"], serde_json::json!([1, 15, 3]));
        let ack = message(2, [10, 0, 0, 9], b"\x35\x01\x05\x36\x04\x0a\x00\x00\x01\xff");
        let heard = datagram(&DHCP, Carrier::Udp, 67, &ack);
        assert_eq!(
            heard.seen[0].acts,
            [
                "reply discover 10.0.0.9",
                "says 02:00:00:00:00:07 ip_address=10.0.0.9 (dhcp.ack)",
                "says 10.0.0.1 service=udp/67 dhcp (dhcp.opt54)",
            ]
        );
        let nak = message(2, [0; 4], b"\x35\x01\x06\xff");
        assert_eq!(datagram(&DHCP, Carrier::Udp, 67, &nak).seen[0].acts, ["refusal discover device"]);
    }

    #[test]
    fn names_in_option_81() {
        for (value, want) in [
            (&b"\x00\x00\x00ecdis.bridge"[..], Some("ecdis.bridge")),
            (b"\x04\x00\x00\x05ecdis\x06bridge\x00", Some("ecdis.bridge")),
            (b"\x04\x00\x00\x05ec", None),
            (b"\x00\x00", None),
        ] {
            assert_eq!(fqdn(value).as_ref().map(Text::as_str), want, "{value:?}");
        }
    }

    #[test]
    fn damaged_options_end_the_list() {
        let bytes = message(1, [0; 4], b"\x35\x01\x01\x0c\xffecdis");
        let heard = datagram(&DHCP, Carrier::Udp, 67, &bytes);
        assert_eq!(heard.seen[0].acts, ["request discover device"]);
        assert_eq!(DHCP.probe(Carrier::Udp, Direction::ToServer, &bytes), Probe::Yes);
        assert_eq!(DHCP.probe(Carrier::Udp, Direction::ToServer, &bytes[..239]), Probe::No);
        assert_eq!(datagram(&DHCP, Carrier::Udp, 67, &bytes[..100]).errors[0].kind(), "incomplete");
    }
}
