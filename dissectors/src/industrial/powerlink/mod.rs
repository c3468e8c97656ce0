//! Ethernet POWERLINK: drives and controllers in a cyclic ring of polls.
//!
//! Reads message type and nodes of every frame, identity answers, network management commands and service data. Deliberately not read: process data,
//! sequences of service data as one transfer, version 1.
//!
//! Specification: EPSG DS 301 V1.3.0 clause 4.6 (frames), 7.3.3 (identity), 7.3.1 (commands), 6.3.2 (service data).

use dogwatch_model::{Act, Attribute, FactValue, Object, Verb};

use std::net::Ipv4Addr;

use crate::acts::{Acts, Emit, Shown};
use crate::datagram::DatagramProtocol;
use crate::reader::Reader;
use crate::text::{Text, printable};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// POWERLINK version 2.
pub(crate) static POWERLINK: DatagramProtocol = DatagramProtocol {
    name: "powerlink",
    hints: &[Hint::EtherType(0x88ab)],
    carriers: &[Carrier::Ethernet],
    probe: |head| match head {
        // The managing node is 240, all nodes 255 (table 10); starts and polls come from the managing node only.
        [1 | 5, 255, 240, ..]
        | [3, 1..=253, 240, ..]
        | [4, 255 | 240, 1..=240 | 253 | 254, ..]
        | [6, _, 1..=240 | 253 | 254, 1..=5 | 0xa0..=0xfe, ..]
            if head.len() >= 42 =>
        {
            Probe::Yes
        }
        _ => Probe::No,
    },
    read,
};

const fn kind_name(kind: u8) -> &'static str {
    match kind {
        1 => "start-of-cycle",
        3 => "poll-request",
        4 => "poll-response",
        5 => "start-of-asynchronous",
        6 => "asynchronous",
        7 => "active-managing-node",
        _ => "unknown",
    }
}

/// Commands of network management (table 123): name and what they do.
const fn command(id: u8) -> &'static str {
    match id {
        0x21 | 0x41 => "start-node",
        0x22 => "stop-node",
        0x23 => "enter-pre-operational-2",
        0x24 => "enable-ready-to-operate",
        0x28 => "reset-node",
        0x29 => "reset-communication",
        0x2a => "reset-configuration",
        0x2b => "software-reset",
        0x43 => "enter-pre-operational-2-group",
        0x62 => "set-host-name",
        0x63 => "flush-arp-entry",
        0x80 => "publish-configured-nodes",
        0x90 => "publish-active-nodes",
        0xb0 => "publish-time",
        _ => "command",
    }
}

/// What a node says it is.
#[derive(Debug, Clone, Copy)]
struct Identity<'a> {
    state: u8,
    device_type: u32,
    vendor: u32,
    product: u32,
    revision: u32,
    serial: u32,
    address: Ipv4Addr,
    host: Option<&'a str>,
}

impl<'a> Identity<'a> {
    /// Reads an identity answer behind its service id.
    fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new("powerlink identity", bytes);
        let [_, _, state, _, _version, _] = reader.array()?;
        // Features, sizes and the answer time.
        let _features = reader.take(16)?;
        let (device_type, vendor, product) = (reader.le32()?, reader.le32()?, reader.le32()?);
        let (revision, serial) = (reader.le32()?, reader.le32()?);
        let _vendor_extension_and_dates = reader.take(24)?;
        let address = Ipv4Addr::from(reader.array::<4>()?);
        let _mask_and_gateway = reader.take(8)?;
        Ok(Self { state, device_type, vendor, product, revision, serial, address, host: printable(reader.take(32)?) })
    }
}

/// Service data: command and object (clause 6.3.2.4).
#[derive(Debug, Clone, Copy)]
struct ServiceData {
    command: u8,
    is_answer: bool,
    aborted: bool,
    /// Index and sub-index, where the command names one.
    object: Option<(u16, u8)>,
}

impl ServiceData {
    fn parse(bytes: &[u8]) -> Option<Self> {
        // Sequence layer of four bytes, then reserved, transaction, flags, command, size, reserved.
        let [_, _, _, _, _, _, flags, command, _, _, _, _, rest @ ..] = bytes else { return None };
        if *command == 0 {
            return None;
        }
        let object = match rest {
            [i0, i1, sub, ..] if flags & 0x80 == 0 && matches!(command, 1 | 2) => {
                Some((u16::from_le_bytes([*i0, *i1]), *sub))
            }
            _ => None,
        };
        Some(Self { command: *command, is_answer: flags & 0x80 != 0, aborted: flags & 0x40 != 0, object })
    }

    const fn verb(&self) -> Verb {
        match self.command {
            1 | 3 | 6 | 7 | 0x31 => Verb::Write,
            0x20..=0x22 => Verb::Transfer,
            _ => Verb::Read,
        }
    }
}

fn read(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let mut reader = Reader::new("powerlink", chunk.bytes);
    let [kind, destination, source] = reader.array()?;
    let kind = kind & 0x7f;
    let service = if kind == 6 { Some(reader.u8()?) } else { None };
    let identity = if service == Some(1) { Some(Identity::parse(reader.rest())?) } else { None };
    let node = Text::<8>::of(format_args!("{source}"));
    let mut name = Text::<48>::of(format_args!("node {destination}"));
    let mut acts = Acts::new();
    match (kind, service) {
        (3, _) => acts.request(Verb::Read, Object::Named(name.as_str())),
        (4, _) => {
            name = Text::of(format_args!("node {source}"));
            acts.push(Act::Publishes { object: Object::Named(name.as_str()) });
        }
        (_, Some(1)) => acts.reply(Verb::Discover, Object::Named("identity"), false),
        (_, Some(2)) => acts.reply(Verb::Diagnose, Object::Named("status"), false),
        (_, Some(4)) => {
            let id = reader.rest().first().copied().unwrap_or_default();
            name = Text::of(format_args!("node {destination} {}", command(id)));
            acts.request(Verb::Control, Object::Named(name.as_str()));
        }
        (_, Some(5)) => {
            if let Some(data) = ServiceData::parse(reader.rest()) {
                if let Some((index, sub)) = data.object {
                    name = Text::of(format_args!("node {destination} object {index:#06x}:{sub}"));
                } else if data.is_answer {
                    name = Text::of(format_args!("node {source}"));
                }
                let object = Object::Named(name.as_str());
                if data.is_answer {
                    acts.reply(data.verb(), object, data.aborted);
                } else {
                    acts.request(data.verb(), object);
                }
            }
        }
        // Which service the managing node invites a node to.
        (5, _) if matches!(chunk.bytes.get(6), Some(1)) => acts.request(Verb::Discover, Object::Named("identity")),
        _ => {}
    }
    acts.says(Attribute::StationAddress, FactValue::Text(node.as_str()), 85, "powerlink.node");
    let vendor = identity.map(|identity| Text::<12>::of(format_args!("{}", identity.vendor)));
    let texts = identity.map(|identity| {
        (
            Text::<12>::of(format_args!("{}", identity.product)),
            Text::<12>::of(format_args!("{}", identity.revision)),
            Text::<12>::of(format_args!("{}", identity.serial)),
        )
    });
    if let (Some(identity), Some(vendor), Some((product, revision, serial))) = (&identity, &vendor, &texts) {
        let method = "powerlink.identity";
        acts.says(Attribute::Manufacturer, FactValue::Text(vendor.as_str()), 60, method);
        acts.says(Attribute::ProductCode, FactValue::Text(product.as_str()), 90, method);
        acts.says(Attribute::HwRevision, FactValue::Text(revision.as_str()), 80, method);
        acts.says(Attribute::SerialNumber, FactValue::Text(serial.as_str()), 90, method);
        acts.says_text(Attribute::Name, identity.host, 85, method);
        if !identity.address.is_unspecified() {
            acts.says(Attribute::IpAddress, FactValue::Ip(identity.address.into()), 85, method);
        }
    }
    let fields = Shown(|visit| {
        visit.coded("mtyp", kind, Some(kind_name(kind)));
        visit.number("dest", destination);
        visit.number("src", source);
        visit.maybe("asnd_svid", service);
        if let Some(identity) = &identity {
            visit.number("nmt_state", identity.state);
            visit.number("device_type", identity.device_type);
            visit.number("vendorid", identity.vendor);
            visit.number("productcode", identity.product);
            visit.number("revisionno", identity.revision);
            visit.number("serialno", identity.serial);
            visit.maybe_text("hostname", identity.host);
        }
    });
    let name = match service {
        Some(1) => "identity",
        Some(2) => "status",
        Some(3) => "command-request",
        Some(4) => "command",
        Some(5) => "service-data",
        _ => kind_name(kind),
    };
    emit.message(name, &mut acts, &fields);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{datagram, hex};
    use dogwatch_model::Direction::ToServer;

    fn padded(text: &str) -> Vec<u8> {
        let mut bytes = hex(text);
        bytes.resize(bytes.len().max(46), 0);
        bytes
    }

    #[test]
    fn a_node_tells_who_it_is() {
        let mut bytes = hex("06 ff 11 01 00 00 cc 00 20 00 e7000000 dc05 4000 4000 e8030000 0000");
        bytes.extend(hex("91010000 9f000000 01020000 00000100 15cd5b07"));
        bytes.extend([0; 24]);
        bytes.extend(hex("c0a86411 ffffff00 c0a864fe"));
        bytes.extend(b"pump-drive");
        bytes.resize(bytes.len() + 22 + 48, 0);
        let heard = datagram(&POWERLINK, Carrier::Ethernet, 0, &bytes);
        assert_eq!(
            heard.seen[0].acts,
            [
                "reply discover identity",
                "says station_address=17 (powerlink.node)",
                "says manufacturer=159 (powerlink.identity)",
                "says product_code=513 (powerlink.identity)",
                "says hw_revision=65536 (powerlink.identity)",
                "says serial_number=123456789 (powerlink.identity)",
                "says name=pump-drive (powerlink.identity)",
                "says ip_address=192.168.100.17 (powerlink.identity)"
            ]
        );
    }

    #[test]
    fn polls_commands_and_service_data() {
        for (name, bytes, want) in [
            ("poll", "03 11 f0", "request read node 17"),
            ("answer", "04 ff 11", "publishes node 17"),
            ("stop", "06 11 f0 04 22 00", "request control node 17 stop-node"),
            ("reset", "06 11 f0 04 28 00", "request control node 17 reset-node"),
            ("write", "06 11 f0 05 02020302 00 01 00 01 0800 0000 0010 01", "request write node 17 object 0x1000:1"),
            ("abort", "06 f0 11 05 02020302 00 01 c0 02 0400 0000 02000106", "refusal read node 17"),
        ] {
            let heard = datagram(&POWERLINK, Carrier::Ethernet, 0, &padded(bytes));
            assert_eq!(heard.seen[0].acts[0], want, "{name}");
        }
        assert_eq!(POWERLINK.probe(Carrier::Ethernet, ToServer, &padded("01 ff f0")), Probe::Yes);
        assert_eq!(POWERLINK.probe(Carrier::Ethernet, ToServer, &padded("01 11 f0")), Probe::No);
        assert_eq!(POWERLINK.probe(Carrier::Ethernet, ToServer, &hex("01 ff f0")), Probe::No, "too short");
    }
}
