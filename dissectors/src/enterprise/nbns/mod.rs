//! NetBIOS name service: Windows hosts registering, asking for and defending their names.
//!
//! A group's name (workgroup) is told as the domain of who registers it, the messenger's name as an account: Windows registers the logged-in
//! user under it, and the host itself. Deliberately not read: datagram and session services.
//!
//! Specification: RFC 1002 clauses 4.1 and 4.2; name encoding: RFC 1001 clause 14.1.

use std::net::{IpAddr, Ipv4Addr};

use dogwatch_model::{Act, Attribute, FactValue, Object, Subject, Verb};

use super::dns::name::walk;
use crate::acts::{Acts, Emit, Shown};
use crate::datagram::DatagramProtocol;
use crate::reader::Reader;
use crate::text::{Text, printable};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// NetBIOS name service.
pub(crate) static NBNS: DatagramProtocol = DatagramProtocol {
    name: "nbns",
    hints: &[Hint::Udp(137)],
    carriers: &[Carrier::Udp],
    probe: |head| if Packet::parse(head).is_ok() { Probe::Yes } else { Probe::No },
    read,
};

/// A NetBIOS name: 15 characters and what kind of service it stands for.
#[derive(Debug, Clone, Copy)]
pub(super) struct NetbiosName {
    text: [u8; 15],
    suffix: u8,
}

impl NetbiosName {
    fn new(bytes: [u8; 16]) -> Self {
        let [text @ .., suffix] = bytes;
        Self { text, suffix }
    }

    /// The name without the padding; `None` when it is not text.
    fn text(&self) -> Option<&str> {
        printable(&self.text)
    }

    /// The name of the host it stands for, if it stands for one.
    pub(super) fn host(&self) -> Option<&str> {
        self.text().filter(|_| matches!(self.suffix, 0x00 | 0x20))
    }

    /// The form used in output: `ECDIS-1<20>`.
    pub(super) fn shown(&self) -> Text<24> {
        Text::of(format_args!("{}<{:02x}>", self.text().unwrap_or("?"), self.suffix))
    }
}

/// Each byte of a name is two letters from `A` to `P`, one per half.
pub(super) fn decode(label: &[u8]) -> Option<NetbiosName> {
    let (pairs, []) = label.as_chunks::<2>() else { return None };
    let mut bytes = [0_u8; 16];
    if pairs.len() != bytes.len() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        let half = |letter: u8| (b'A'..=b'P').contains(&letter).then(|| letter.wrapping_sub(b'A'));
        *byte = half(*high)? << 4 | half(*low)?;
    }
    Some(NetbiosName::new(bytes))
}

struct Packet<'a> {
    id: u16,
    flags: u16,
    name: NetbiosName,
    kind: u16,
    /// Data of the first record, when there is one.
    data: Option<(u16, &'a [u8])>,
}

const MALFORMED: ParseError = ParseError::Malformed { what: "nbns", at: 12, why: "no NetBIOS name" };
const NODE_STATUS: u16 = 0x21;
const NAME_RECORD: u16 = 0x20;

impl<'a> Packet<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new("nbns", bytes);
        let (id, flags, questions) = (reader.be16()?, reader.be16()?, reader.be16()?);
        let records = [reader.be16()?, reader.be16()?, reader.be16()?].into_iter().fold(0_u16, u16::saturating_add);
        if questions > 1 || records > 2 || (questions == 0 && records == 0) {
            return Err(ParseError::Malformed { what: "nbns", at: 4, why: "record counts" });
        }
        let (name, mut at) = name_at(bytes, 12)?;
        let kind = Reader::new("nbns", bytes.get(at..).unwrap_or_default()).be16()?;
        if !matches!(kind, NAME_RECORD | NODE_STATUS) {
            return Err(ParseError::Malformed { what: "nbns", at: 46, why: "record type" });
        }
        let mut data = None;
        if questions == 1 {
            at = at.saturating_add(4);
        }
        if records > 0 {
            if questions == 1 {
                at = walk(bytes, at, |_| {})?;
            }
            let mut reader = Reader::new("nbns record", bytes.get(at..).unwrap_or_default());
            let kind = reader.be16()?;
            let _class_and_ttl = reader.take(6)?;
            let len = usize::from(reader.be16()?);
            data = Some((kind, reader.take(len)?));
        } else if at > bytes.len() {
            return Err(ParseError::Incomplete { what: "nbns" });
        }
        Ok(Self { id, flags, name, kind, data })
    }

    const fn opcode(&self) -> u16 {
        self.flags >> 11 & 15
    }

    const fn is_response(&self) -> bool {
        self.flags & 0x8000 != 0
    }

    const fn rcode(&self) -> u16 {
        self.flags & 15
    }

    /// Group bit and address of every entry of a name record.
    fn addresses(&self) -> impl Iterator<Item = (bool, Ipv4Addr)> + Clone + use<'a> {
        let data = match self.data {
            Some((NAME_RECORD, data)) => data,
            _ => &[],
        };
        data.as_chunks::<6>().0.iter().map(|[flags, _, a, b, c, d]| (flags & 0x80 != 0, Ipv4Addr::new(*a, *b, *c, *d)))
    }

    /// Names in a node status answer, with their group bit.
    fn status_names(&self) -> impl Iterator<Item = (NetbiosName, bool)> + use<'a> {
        let mut reader = match self.data {
            Some((NODE_STATUS, data)) => Reader::new("node status", data),
            _ => Reader::new("node status", &[]),
        };
        let count = reader.u8().unwrap_or(0);
        (0..count).map_while(move |_| {
            let name = NetbiosName::new(reader.array().ok()?);
            let flags = reader.be16().ok()?;
            Some((name, flags & 0x8000 != 0))
        })
    }
}

fn name_at(bytes: &[u8], at: usize) -> Result<(NetbiosName, usize), ParseError> {
    let mut first = None;
    let end = walk(bytes, at, |label| {
        first.get_or_insert(label);
    })?;
    let name = first.and_then(decode).ok_or(MALFORMED)?;
    Ok((name, end))
}

fn kind(packet: &Packet<'_>) -> &'static str {
    match (packet.opcode(), packet.is_response(), packet.kind) {
        (0, false, NODE_STATUS) => "status-query",
        (0, false, _) => "query",
        (0, true, _) if packet.data.is_some_and(|(kind, _)| kind == NODE_STATUS) => "status-response",
        (0, true, _) => "response",
        (5, false, _) => "registration",
        (5, true, _) => "registration-response",
        (6, _, _) => "release",
        (7, _, _) => "wait",
        (8 | 9, _, _) => "refresh",
        (15, _, _) => "multi-homed-registration",
        _ => "unknown",
    }
}

/// Names of a node status answer that are looked at.
const MOST_NAMES: usize = 16;

/// What a name stands for by its suffix: 00 the host or, as a group, its workgroup; 20 its file server; 03 the host or who is logged in there;
/// 1b to 1e browsers of the workgroup. The others are roles of programs.
const fn meaning(suffix: u8, is_group: bool) -> Option<Attribute> {
    match (suffix, is_group) {
        (0x00 | 0x20, false) => Some(Attribute::Name),
        (0x03, false) => Some(Attribute::Account),
        (0x00 | 0x1c | 0x1e, true) | (0x1b | 0x1d, _) => Some(Attribute::Domain),
        _ => None,
    }
}

fn read(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let packet = Packet::parse(chunk.bytes)?;
    let shown = packet.name.shown();
    let object = Object::Named(shown.as_str());
    let mut acts = Acts::new();
    match (packet.opcode(), packet.is_response()) {
        (0, false) => acts.request(Verb::Discover, object),
        (_, true) => acts.reply(Verb::Discover, object, packet.rcode() != 0),
        _ => acts.push(Act::Publishes { object }),
    }
    let name = packet.name;
    if let (Some((is_group, address)), Some(text)) = (packet.addresses().next(), name.text())
        && let Some(attribute) = meaning(name.suffix, is_group)
    {
        let claims = matches!(packet.opcode(), 5 | 8 | 9 | 15) && !packet.is_response();
        let answers = packet.opcode() == 0 && packet.is_response() && packet.rcode() == 0;
        // a group has many members: an answer does not say which of them the address is
        if (claims || (answers && !is_group)) && !address.is_unspecified() && text != "*" {
            let about = Subject::Ip(IpAddr::V4(address));
            let method = if claims { "nbns.registration" } else { "nbns.response" };
            acts.says_about(about, attribute, FactValue::Text(text), 80, method);
        }
    }
    let mut status = [const { None }; MOST_NAMES];
    for (slot, (name, is_group)) in status.iter_mut().zip(packet.status_names()) {
        *slot = meaning(name.suffix, is_group).map(|attribute| (attribute, name));
    }
    for (attribute, name) in status.iter().flatten() {
        acts.says_text(*attribute, name.text(), 85, "nbns.status");
    }
    let fields = Shown(|visit| {
        visit.number("id", packet.id);
        visit.number("opcode", packet.opcode());
        visit.flag("response", packet.is_response());
        visit.text("name", shown.as_str());
        if let Some((is_group, _)) = packet.addresses().next() {
            visit.flag("group", is_group);
        }
        visit.one_or_list("addr", packet.addresses().map(|(_, address)| address));
        if packet.data.is_some_and(|(kind, _)| kind == NODE_STATUS) {
            visit.0.open_list("netbios_names");
            packet.status_names().for_each(|(name, _)| visit.text("", name.shown().as_str()));
            visit.0.close();
        }
    });
    emit.message(kind(&packet), &mut acts, &fields);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::datagram;
    use dogwatch_model::Direction;

    fn encoded(text: &str, suffix: u8) -> Vec<u8> {
        let mut bytes = vec![32];
        for byte in text.bytes().chain(std::iter::repeat(b' ')).take(15).chain([suffix]) {
            bytes.extend([b'A' + (byte >> 4), b'A' + (byte & 15)]);
        }
        bytes.push(0);
        bytes
    }

    fn packet(flags: u16, counts: [u8; 4], parts: &[&[u8]]) -> Vec<u8> {
        let mut bytes = vec![0x12, 0x34];
        bytes.extend(flags.to_be_bytes());
        counts.iter().for_each(|count| bytes.extend([0, *count]));
        bytes.extend(parts.concat());
        bytes
    }

    #[test]
    fn rfc_1001_example_name() {
        // RFC 1001 clause 14.1: "FRED" padded with blanks.
        let name = decode(b"EGFCEFEECACACACACACACACACACACACA").unwrap();
        assert_eq!((name.text(), name.suffix), (Some("FRED"), 0x20));
        assert!(decode(b"EGFCEFEECACACACACACACACACACACAC").is_none());
        assert!(decode(b"egfcefeecacacacacacacacacacacaca").is_none());
    }

    #[test]
    fn who_says_its_name() {
        let question = [&encoded("ECDIS-1", 0)[..], &[0, 0x20, 0, 1]].concat();
        let record =
            |group: u8| [&b"\xc0\x0c\x00\x20\x00\x01\x00\x04\x93\xe0\x00\x06"[..], &[group, 0, 10, 0, 0, 5]].concat();
        for (name, bytes, want) in [
            ("query", packet(0x0110, [1, 0, 0, 0], &[&question]), &["request discover ECDIS-1<00>"][..]),
            (
                "registration",
                packet(0x2910, [1, 0, 0, 1], &[&question, &record(0)]),
                &["publishes ECDIS-1<00>", "says 10.0.0.5 name=ECDIS-1 (nbns.registration)"],
            ),
            (
                "workgroup",
                packet(0x2910, [1, 0, 0, 1], &[&question, &record(0x80)]),
                &["publishes ECDIS-1<00>", "says 10.0.0.5 domain=ECDIS-1 (nbns.registration)"],
            ),
        ] {
            let heard = datagram(&NBNS, Carrier::Udp, 137, &bytes);
            assert_eq!(heard.seen[0].acts, want, "{name}");
            assert_eq!(NBNS.probe(Carrier::Udp, Direction::ToServer, &bytes), Probe::Yes, "{name}");
            assert_eq!(NBNS.probe(Carrier::Udp, Direction::ToServer, &bytes[..40]), Probe::No, "{name}");
        }
    }

    #[test]
    fn node_status() {
        let owner = encoded("*", 0);
        let mut data = vec![2];
        data.extend(b"WORKGROUP      \x00\x80\x00");
        data.extend(b"ECDIS-1        \x00\x04\x00");
        let len = u8::try_from(data.len()).unwrap();
        let bytes = packet(0x8400, [0, 1, 0, 0], &[&owner, &[0, 0x21, 0, 1, 0, 0, 0, 0, 0, len], &data]);
        let heard = datagram(&NBNS, Carrier::Udp, 137, &bytes);
        assert_eq!(heard.seen[0].kind, "status-response");
        assert_eq!(heard.seen[0].acts[1..], ["says domain=WORKGROUP (nbns.status)", "says name=ECDIS-1 (nbns.status)"]);
    }
}
