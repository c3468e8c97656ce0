//! TwinCAT's service on UDP 48899: who is there, and the entry of a route from afar.
//!
//! Deliberately not read: passwords and fingerprints in route requests.
//!
//! Source: layout as published by open client libraries (magic number, service, tagged fields); there is no public specification.

use dogwatch_model::{Attribute, FactValue, Object, Verb};

use super::net_id;
use crate::acts::{Acts, Emit, Shown};
use crate::datagram::DatagramProtocol;
use crate::reader::Reader;
use crate::text::{Text, printable};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// TwinCAT discovery.
pub(crate) static DISCOVERY: DatagramProtocol = DatagramProtocol {
    name: "ads-discovery",
    hints: &[Hint::Udp(48_899)],
    carriers: &[Carrier::Udp],
    probe: |head| match head {
        [0x03, 0x66, 0x14, 0x71, _, _, _, _, 1 | 6, 0, 0, 0 | 0x80, ..] => Probe::Yes,
        _ => Probe::No,
    },
    read,
};

const STATUS: u16 = 1;
const VERSION: u16 = 3;
const HOST_NAME: u16 = 5;
const NET_ID: u16 = 7;
const ROUTE_NAME: u16 = 12;
const USER: u16 = 13;
const ADD_ROUTE: u32 = 6;

/// The tagged fields: tag, length, content.
fn tags<'a>(count: u32, mut reader: Reader<'a>) -> impl Iterator<Item = (u16, &'a [u8])> + Clone {
    (0..count.min(32)).map_while(move |_| {
        let (tag, length) = (reader.le16().ok()?, reader.le16().ok()?);
        Some((tag, reader.take(length.into()).ok()?))
    })
}

fn read(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let mut reader = Reader::new("ads discovery", chunk.bytes);
    let _magic = reader.le32()?;
    let invoke = reader.le32()?;
    let service = reader.le32()?;
    let sender = net_id(reader.array()?);
    let port = reader.le16()?;
    let count = reader.le32()?;
    let content = tags(count, reader);
    let field = |wanted: u16| content.clone().find(|(tag, _)| *tag == wanted).map(|(_, value)| value);
    let (is_reply, service) = (service & 0x8000_0000 != 0, service & 0x7fff_ffff);
    let host = field(HOST_NAME).and_then(printable);
    let route = field(ROUTE_NAME).and_then(printable);
    let status = field(STATUS).and_then(|value| value.first_chunk()).map(|bytes| u32::from_le_bytes(*bytes));
    let version = match field(VERSION) {
        Some([major, minor, b0, b1, ..]) => {
            Text::<32>::of(format_args!("{major}.{minor}.{}", u16::from_le_bytes([*b0, *b1])))
        }
        _ => Text::new(),
    };
    let named = match (service, route) {
        (ADD_ROUTE, Some(route)) => Text::<80>::of(format_args!("ads.add-route {route}")),
        (ADD_ROUTE, None) => Text::of(format_args!("ads.add-route")),
        _ => Text::new(),
    };
    let (verb, object) = if service == ADD_ROUTE {
        (Verb::Program, Object::Named(named.as_str()))
    } else {
        (Verb::Discover, Object::Device { unit: None })
    };
    let mut acts = Acts::new();
    if is_reply {
        acts.reply(verb, object, status.is_some_and(|status| status != 0));
        acts.says(Attribute::StationAddress, FactValue::Text(sender.as_str()), 90, "ads.discovery");
        if service != ADD_ROUTE {
            acts.says_text(Attribute::Name, host, 90, "ads.discovery");
            let text = Some(version.as_str()).filter(|text| !text.is_empty());
            acts.says_text(Attribute::SoftwareVersion, text, 85, "ads.discovery");
        }
    } else {
        acts.request(verb, object);
    }
    let fields = Shown(|visit| {
        visit.number("service", service);
        visit.number("invoke_id", invoke);
        visit.text("sender_net_id", sender.as_str());
        visit.number("sender_port", port);
        visit.maybe("status", status);
        visit.maybe_text("host_name", host);
        visit.maybe_text("route_name", route);
        visit.maybe_text("user", field(USER).and_then(printable));
        visit.maybe_text("version", Some(version.as_str()).filter(|text| !text.is_empty()));
        if let Some(id) = field(NET_ID).and_then(|value| value.first_chunk()) {
            visit.text("route_net_id", net_id(*id).as_str());
        }
    });
    emit.function(service).message(if is_reply { "response" } else { "request" }, &mut acts, &fields);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{datagram, hex};
    use dogwatch_model::Direction;

    #[test]
    fn who_is_there_and_new_routes() {
        let head = "03661471 00000000";
        for (name, bytes, want) in [
            ("search", format!("{head} 01000000 0a0000010101 1027 00000000"), &["request discover device"][..]),
            (
                "answer",
                format!("{head} 01000080 0a0000020101 1027 02000000 0500 0500 4d45313100 0300 0400 03014c0f"),
                &[
                    "reply discover device",
                    "says station_address=10.0.0.2.1.1 (ads.discovery)",
                    "says name=ME11 (ads.discovery)",
                    "says software_version=3.1.3916 (ads.discovery)",
                ],
            ),
            (
                "add route",
                format!(
                    "{head} 06000000 0a0000010101 1027 03000000 0c00 0300 504300 0700 0600 0a0000010101 0200 0200 3100"
                ),
                &["request program ads.add-route PC"],
            ),
            (
                "refused",
                format!("{head} 06000080 0a0000020101 1027 01000000 0100 0400 04070000"),
                &["refusal program ads.add-route", "says station_address=10.0.0.2.1.1 (ads.discovery)"],
            ),
        ] {
            let bytes = hex(&bytes);
            let heard = datagram(&DISCOVERY, Carrier::Udp, 48_899, &bytes);
            assert_eq!(heard.errors, [], "{name}");
            assert_eq!(heard.seen[0].acts, want, "{name}");
            assert_eq!(DISCOVERY.probe(Carrier::Udp, Direction::ToServer, &bytes), Probe::Yes, "{name}");
            assert!(!heard.seen[0].fields.to_string().contains("31"), "{name}: no password is shown");
        }
    }
}
