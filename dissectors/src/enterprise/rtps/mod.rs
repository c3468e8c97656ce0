//! RTPS: the wire protocol of DDS, by which control systems, radars and simulators publish data to each other.
//!
//! Reads header and submessages; of discovery data the participant's and the topics' names, vendor and host. Deliberately not read: data of users,
//! encapsulations other than parameter lists, fragments, secure submessages.
//!
//! Specification: OMG DDSI-RTPS 2.5 clause 8.3 (messages), 9.4 (UDP mapping), 9.6 (discovery).

use dogwatch_model::{Act, Attribute, Object};

use crate::acts::{Acts, Emit, Shown};
use crate::datagram::DatagramProtocol;
use crate::reader::Reader;
use crate::text::{Text, printable};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// RTPS over UDP.
pub(crate) static RTPS: DatagramProtocol = DatagramProtocol {
    name: "rtps",
    hints: &[Hint::Udp(7400), Hint::Udp(7401), Hint::Udp(7410), Hint::Udp(7411)],
    carriers: &[Carrier::Udp],
    probe: |head| match head {
        [b'R', b'T', b'P', b'S', 1 | 2, _, vendor, number, ..] if (*vendor, *number) != (0, 0) => Probe::Yes,
        _ => Probe::No,
    },
    read,
};

const DATA: u8 = 0x15;
/// Writers of discovery data (table 9.2): participants, publications, subscriptions.
const PARTICIPANTS: u32 = 0x0001_00c2;
const PUBLICATIONS: u32 = 0x0000_03c2;
const SUBSCRIPTIONS: u32 = 0x0000_04c2;

/// Vendors registered with the OMG, by their DDS product.
const fn product(vendor: u16) -> Option<&'static str> {
    Some(match vendor {
        0x0101 => "RTI Connext DDS",
        0x0102 => "OpenSplice DDS",
        0x0103 => "OpenDDS",
        0x0104 => "MilSoft DDS",
        0x0105 => "Gallium InterCOM DDS",
        0x0106 => "CoreDX DDS",
        0x010a => "RTI Connext DDS Micro",
        0x010b => "Vortex Cafe",
        0x010d => "Vortex Lite",
        0x010f => "eProsima Fast DDS",
        0x0110 => "Eclipse Cyclone DDS",
        0x0111 => "GurumDDS",
        0x0112 => "RustDDS",
        _ => return None,
    })
}

/// One submessage.
#[derive(Debug, Clone, Copy)]
struct Submessage<'a> {
    kind: u8,
    flags: u8,
    content: &'a [u8],
}

/// The submessages, up to the first that is cut.
fn submessages(bytes: &[u8]) -> impl Iterator<Item = Submessage<'_>> + Clone {
    let mut reader = Reader::new("rtps submessage", bytes);
    std::iter::from_fn(move || {
        let [kind, flags] = reader.array().ok()?;
        let length = reader.array().ok()?;
        let length = if flags & 1 == 0 { u16::from_be_bytes(length) } else { u16::from_le_bytes(length) };
        // The last one may leave its length out, which means the rest; padding and time stamps may be empty.
        let length = if length == 0 && !matches!(kind, 0x01 | 0x09) { reader.rest().len() } else { length.into() };
        Some(Submessage { kind, flags, content: reader.take(length).ok()? })
    })
}

/// A number of discovery data, in the order of the encapsulation.
#[derive(Debug, Clone, Copy)]
struct Parameters<'a> {
    reader: Reader<'a>,
    little: bool,
}

impl<'a> Iterator for Parameters<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (id, length) = (self.reader.array().ok()?, self.reader.array().ok()?);
        let both = |bytes| if self.little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) };
        // The sentinel ends the list.
        if both(id) == 1 {
            return None;
        }
        Some((both(id), self.reader.take(both(length).into()).ok()?))
    }
}

impl<'a> Submessage<'a> {
    /// Writer and parameter list of discovery data.
    fn discovery(&self) -> Option<(u32, Parameters<'a>)> {
        if self.kind != DATA || self.flags & 0x0c == 0 {
            return None;
        }
        let mut reader = Reader::new("rtps data", self.content);
        let _extra_flags = reader.be16().ok()?;
        let offset = reader.array().ok()?;
        let offset = if self.flags & 1 == 0 { u16::from_be_bytes(offset) } else { u16::from_le_bytes(offset) };
        let mut header = reader.part("rtps data header", offset.into()).ok()?;
        let (_reader, writer) = (header.be32().ok()?, header.be32().ok()?);
        if !matches!(writer, PARTICIPANTS | PUBLICATIONS | SUBSCRIPTIONS) {
            return None;
        }
        if self.flags & 2 != 0 {
            let mut inline = Parameters { reader, little: self.flags & 1 != 0 };
            inline.by_ref().for_each(drop);
            reader = inline.reader;
        }
        let [0, encapsulation, _, _] = reader.array().ok()? else { return None };
        let little = match encapsulation {
            2 => false,
            3 => true,
            _ => return None,
        };
        Some((writer, Parameters { reader, little }))
    }
}

/// A CDR string: length with its final NUL, then the text.
fn string<'a>(reader: &mut Reader<'a>, little: bool) -> Option<&'a str> {
    let length = reader.array().ok()?;
    let length = if little { u32::from_le_bytes(length) } else { u32::from_be_bytes(length) };
    let length = usize::try_from(length).ok()?;
    let text = reader.take(length).ok()?;
    // Strings start at a multiple of four.
    let padding = length.next_multiple_of(4).saturating_sub(length);
    let _padding = reader.take(padding.min(reader.rest().len()));
    printable(text)
}

/// What discovery data tells.
#[derive(Debug, Clone, Copy, Default)]
struct Told<'a> {
    entity: Option<&'a str>,
    topic: Option<&'a str>,
    kind: Option<&'a str>,
    host: Option<&'a str>,
    user: Option<&'a str>,
    version: Option<u16>,
    vendor: Option<u16>,
}

fn told(parameters: Parameters<'_>) -> Told<'_> {
    let little = parameters.little;
    let mut told = Told::default();
    for (id, value) in parameters {
        let mut reader = Reader::new("rtps parameter", value);
        match id {
            0x0005 => told.topic = string(&mut reader, little),
            0x0007 => told.kind = string(&mut reader, little),
            0x0015 => told.version = reader.be16().ok(),
            0x0016 => told.vendor = reader.be16().ok(),
            0x0062 => told.entity = string(&mut reader, little),
            0x0059 => {
                let Ok(_count) = reader.be32() else { continue };
                while let Some(name) = string(&mut reader, little) {
                    let value = string(&mut reader, little);
                    match name {
                        "dds.sys_info.hostname" => told.host = value,
                        "dds.sys_info.username" => told.user = value,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    told
}

fn read(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let mut reader = Reader::new("rtps", chunk.bytes);
    let _magic = reader.be32()?;
    let (version, vendor) = (reader.be16()?, reader.be16()?);
    // RTI's keep-alive stops behind the first bytes of the prefix.
    let prefix = reader.array::<12>().ok();
    let content = if prefix.is_some() { reader.rest() } else { &[] };
    let discovered = || submessages(content).filter_map(|submessage| submessage.discovery()).map(|(w, p)| (w, told(p)));
    let mut acts = Acts::new();
    let is_user_data = submessages(content).any(|s| matches!(s.kind, DATA | 0x16) && s.discovery().is_none());
    let first = discovered().next();
    match first {
        Some((PARTICIPANTS, _)) => acts.push(Act::Publishes { object: Object::Named("participant") }),
        Some((_, told)) => acts.push(Act::Publishes { object: Object::Named(told.topic.unwrap_or("endpoint")) }),
        None if is_user_data => acts.push(Act::Publishes { object: Object::Named("data") }),
        None => {}
    }
    acts.says_text(Attribute::SoftwareVersion, product(vendor), 80, "rtps.vendor");
    for (writer, told) in discovered().take(4) {
        acts.says_text(Attribute::SoftwareVersion, told.entity, 75, "rtps.entity-name");
        acts.says_text(Attribute::Name, told.host, 80, "rtps.hostname");
        acts.says_text(Attribute::Account, told.user, 70, "rtps.username");
        if writer == PUBLICATIONS {
            acts.says_text(Attribute::Publication, told.topic, 85, "rtps.publication");
        }
    }
    let hex = prefix.map(|prefix| {
        prefix.iter().fold(Text::<24>::new(), |mut text, byte| {
            let _ = std::fmt::Write::write_fmt(&mut text, format_args!("{byte:02x}"));
            text
        })
    });
    let fields = Shown(|visit| {
        visit.one_or_list("version", std::iter::once(version).chain(discovered().filter_map(|(_, told)| told.version)));
        visit.one_or_list("vendor_id", std::iter::once(vendor).chain(discovered().filter_map(|(_, told)| told.vendor)));
        visit.maybe_text("guid_prefix", hex.as_ref().map(Text::as_str));
        visit.one_or_list("sm_id", submessages(content).map(|submessage| submessage.kind));
        visit.one_or_list("entity_name", discovered().filter_map(|(_, told)| told.entity));
        visit.one_or_list("topic", discovered().filter_map(|(_, told)| told.topic));
        visit.one_or_list("type_name", discovered().filter_map(|(_, told)| told.kind));
    });
    let kind = match first {
        Some((PARTICIPANTS, _)) => "participant",
        Some((PUBLICATIONS, _)) => "publication",
        Some(_) => "subscription",
        None if is_user_data => "data",
        None => "protocol",
    };
    emit.message(kind, &mut acts, &fields);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{datagram, hex};
    use dogwatch_model::Direction::ToServer;

    const HEADER: &str = "52545053 0203 0110 0102030405060708090a0b0c";

    /// A data submessage of `writer` with a little endian parameter list.
    fn data(writer: &str, parameters: &str) -> Vec<u8> {
        let mut content = hex("0000 1000 00000000");
        content.extend(hex(writer));
        content.extend(hex("00000000 01000000 0003 0000"));
        content.extend(hex(parameters));
        content.extend(hex("0100 0000"));
        let mut bytes = hex(HEADER);
        bytes.extend([DATA, 5]);
        bytes.extend(u16::try_from(content.len()).unwrap().to_le_bytes());
        bytes.extend(content);
        bytes
    }

    #[test]
    fn participants_and_topics() {
        // Entity name "ecdis"; then a publication of the topic "Track".
        let heard = datagram(
            &RTPS,
            Carrier::Udp,
            7400,
            &data("000100c2", "1500 0400 0203 0000 6200 0c00 06000000 6563646973 00 0000"),
        );
        let seen = &heard.seen[0];
        assert_eq!(
            seen.acts,
            [
                "publishes participant",
                "says software_version=Eclipse Cyclone DDS (rtps.vendor)",
                "says software_version=ecdis (rtps.entity-name)"
            ]
        );
        assert_eq!((seen.field("guid_prefix"), seen.field("sm_id")), ("0102030405060708090a0b0c".into(), "21".into()));
        let heard = datagram(&RTPS, Carrier::Udp, 7400, &data("000003c2", "0500 0c00 06000000 547261636b 00 0000"));
        assert_eq!(heard.seen[0].acts[0], "publishes Track");
        assert_eq!(heard.seen[0].acts[2], "says publication=Track (rtps.publication)");
    }

    #[test]
    fn host_and_user_among_the_properties() {
        let pair = |name: &str, value: &str| -> String {
            let string = |text: &str| -> String {
                let mut bytes = u32::try_from(text.len() + 1).unwrap().to_le_bytes().to_vec();
                bytes.extend(text.bytes());
                bytes.push(0);
                bytes.resize(bytes.len().next_multiple_of(4), 0);
                bytes.iter().map(|byte| format!("{byte:02x}")).collect()
            };
            string(name) + &string(value)
        };
        let list = format!("01000000{}{}", pair("dds.sys_info.hostname", "bridge-pc"), pair("x", "y"));
        let length: String =
            u16::try_from(list.len() / 2).unwrap().to_le_bytes().iter().map(|b| format!("{b:02x}")).collect();
        let heard = datagram(&RTPS, Carrier::Udp, 7400, &data("000100c2", &format!("5900 {length} {list}")));
        assert!(heard.seen[0].acts.contains(&"says name=bridge-pc (rtps.hostname)".to_owned()), "{:?}", heard.seen[0]);
    }

    #[test]
    fn what_the_first_bytes_tell() {
        assert_eq!(RTPS.probe(Carrier::Udp, ToServer, &hex(HEADER)), Probe::Yes);
        assert_eq!(RTPS.probe(Carrier::Udp, ToServer, b"RTPS"), Probe::No);
        assert_eq!(RTPS.probe(Carrier::Udp, ToServer, b"RTSP/1.0 200 OK"), Probe::No);
        let heard = datagram(&RTPS, Carrier::Udp, 7410, b"RTPS\x02\x01\x01\x01NDDSPING");
        assert_eq!(heard.seen[0].kind, "protocol");
        assert_eq!(heard.seen[0].field("guid_prefix"), "");
    }
}
