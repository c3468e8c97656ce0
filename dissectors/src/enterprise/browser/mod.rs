//! Windows browser announcements in NetBIOS datagrams: hosts that say their name, version and comment, and domains that are announced.
//!
//! A datagram of the NetBIOS service that carries something else (NETLOGON, messages) is shown with its names only. The version in a domain
//! announcement is that of the browser protocol, not of a system, and gives no fact. Deliberately not read: datagrams in fragments.
//!
//! Specifications: RFC 1002 clause 4.4 (datagram), MS-MAIL 2.2.1 (mailslot), MS-BRWS 2.2 (announcements).

use dogwatch_model::{Act, Attribute, FactValue, Object, Verb};

use super::dns::name::walk;
use super::nbns::NetbiosName;
use crate::acts::{Acts, Emit, Shown};
use crate::datagram::DatagramProtocol;
use crate::reader::Reader;
use crate::text::{Text, printable};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// Browser announcements.
pub(crate) static BROWSER: DatagramProtocol = DatagramProtocol {
    name: "browser",
    hints: &[Hint::Udp(138)],
    carriers: &[Carrier::Udp],
    probe: |head| match Datagram::parse(head) {
        Ok(_) => Probe::Yes,
        Err(_) => Probe::No,
    },
    read,
};

/// A NetBIOS datagram to one, to a group or to all.
struct Datagram<'a> {
    source: NetbiosName,
    destination: NetbiosName,
    user_data: &'a [u8],
}

impl<'a> Datagram<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        const MALFORMED: ParseError = ParseError::Malformed { what: "netbios datagram", at: 0, why: "no datagram" };
        let mut reader = Reader::new("netbios datagram", bytes);
        let [kind, flags] = reader.array()?;
        let _id_address_port_length_offset = reader.take(12)?;
        if !matches!(kind, 0x10..=0x12) || flags & 0xe0 != 0 {
            return Err(MALFORMED);
        }
        let (source, at) = name_at(bytes, 14)?;
        let (destination, at) = name_at(bytes, at)?;
        Ok(Self { source, destination, user_data: bytes.get(at..).unwrap_or_default() })
    }
}

fn name_at(bytes: &[u8], at: usize) -> Result<(NetbiosName, usize), ParseError> {
    let mut first = None;
    let end = walk(bytes, at, |label| {
        first.get_or_insert(label);
    })?;
    let name = first.and_then(super::nbns::decode);
    Ok((name.ok_or(ParseError::Malformed { what: "netbios datagram", at, why: "no NetBIOS name" })?, end))
}

/// The mailslot and its content, of an SMB transaction with 17 words of parameters.
fn mailslot(smb: &[u8]) -> Option<(&str, &[u8])> {
    let mut reader = Reader::new("mailslot", smb.strip_prefix(b"\xffSMB\x25")?);
    let _rest_of_header = reader.take(27).ok()?;
    if reader.u8().ok()? != 17 {
        return None;
    }
    let words = reader.take(34).ok()?;
    let _byte_count = reader.le16().ok()?;
    let number = |at: usize| words.get(at..)?.first_chunk().map(|bytes| usize::from(u16::from_le_bytes(*bytes)));
    let (length, offset) = (number(22)?, number(24)?);
    let content = smb.get(offset..)?;
    Some((printable(reader.rest())?, content.get(..length).unwrap_or(content)))
}

/// One message of the browser protocol.
struct Announcement<'a> {
    command: u8,
    server: Option<&'a str>,
    version: Option<(u8, u8)>,
    server_type: Option<u32>,
    comment: Option<&'a str>,
}

impl<'a> Announcement<'a> {
    fn parse(content: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new("browser", content);
        let command = reader.u8()?;
        let mut read = Self { command, server: None, version: None, server_type: None, comment: None };
        match command {
            HOST | LOCAL_MASTER | DOMAIN => {
                let _count_and_period = reader.take(5)?;
                read.server = printable(reader.take(16)?);
                let [major, minor] = reader.array()?;
                read.version = Some((major, minor));
                read.server_type = Some(reader.le32()?);
                let _browser_version_and_signature = reader.take(4)?;
                read.comment = printable(reader.rest());
            }
            REQUEST => {
                let _unused = reader.u8()?;
                read.server = printable(reader.rest());
            }
            ELECTION => {
                let _version_criteria_uptime_unused = reader.take(13)?;
                read.server = printable(reader.rest());
            }
            BECOME_BACKUP => read.server = printable(reader.rest()),
            _ => {}
        }
        Ok(read)
    }
}

const HOST: u8 = 1;
const REQUEST: u8 = 2;
const ELECTION: u8 = 8;
const BECOME_BACKUP: u8 = 0x0b;
const DOMAIN: u8 = 0x0c;
const LOCAL_MASTER: u8 = 0x0f;

/// The name of a command (MS-BRWS 2.2).
const fn kind(command: u8) -> &'static str {
    match command {
        HOST => "host-announcement",
        REQUEST => "announcement-request",
        ELECTION => "election",
        9 => "backup-list-request",
        10 => "backup-list-response",
        BECOME_BACKUP => "become-backup",
        DOMAIN => "domain-announcement",
        14 => "reset-state",
        LOCAL_MASTER => "local-master-announcement",
        _ => "unknown",
    }
}

fn read(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let datagram = Datagram::parse(chunk.bytes)?;
    let names = [&datagram.source, &datagram.destination].map(NetbiosName::shown);
    let mailslot = mailslot(datagram.user_data);
    let message = match mailslot {
        Some((slot, content)) if slot.eq_ignore_ascii_case("\\MAILSLOT\\BROWSE") => Some(Announcement::parse(content)?),
        _ => None,
    };
    let mut acts = Acts::new();
    let [_, destination] = &names;
    let object = Object::Named(destination.as_str());
    let version = message.as_ref().and_then(|message| message.version);
    let version = version.map(|(major, minor)| Text::<8>::of(format_args!("{major}.{minor}")));
    match &message {
        Some(Announcement { command: REQUEST | 9, .. }) => acts.request(Verb::Discover, object),
        Some(Announcement { command: HOST | LOCAL_MASTER, server, comment, .. }) => {
            acts.push(Act::Publishes { object });
            acts.says_text(Attribute::Name, *server, 80, "browser.announcement");
            acts.says_text(Attribute::OsVersion, version.as_ref().map(Text::as_str), 50, "browser.announcement");
            acts.says_text(Attribute::Description, *comment, 75, "browser.announcement");
        }
        Some(Announcement { command: DOMAIN, server, .. }) => {
            acts.push(Act::Publishes { object });
            acts.says_text(Attribute::Domain, *server, 75, "browser.announcement");
        }
        _ => acts.push(Act::Publishes { object }),
    }
    if let Some(name) = datagram.source.host() {
        acts.says(Attribute::Name, FactValue::Text(name), 70, "netbios.datagram");
    }
    let fields = Shown(|visit| {
        let [source, destination] = &names;
        visit.text("source_name", source.as_str());
        visit.text("destination_name", destination.as_str());
        visit.maybe_text("mailslot", mailslot.map(|(slot, _)| slot));
        if let Some(message) = &message {
            visit.coded("command", message.command, Some(kind(message.command)));
            // of a request it is who shall be answered, and behind a domain stands its master browser
            let server = match message.command {
                REQUEST => "response_name",
                BECOME_BACKUP => "promoted",
                _ => "server",
            };
            visit.maybe_text(server, message.server);
            visit.maybe("os_major", message.version.map(|(major, _)| major));
            visit.maybe("os_minor", message.version.map(|(_, minor)| minor));
            visit.maybe("server_type", message.server_type);
            visit.maybe_text(if message.command == DOMAIN { "master" } else { "comment" }, message.comment);
        }
    });
    emit.message(message.as_ref().map_or("datagram", |message| kind(message.command)), &mut acts, &fields);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{datagram, hex};
    use dogwatch_model::Direction;

    fn encoded(text: &str, suffix: u8) -> Vec<u8> {
        let mut bytes = vec![32];
        for byte in text.bytes().chain(std::iter::repeat(b' ')).take(15).chain([suffix]) {
            bytes.extend([b'A' + (byte >> 4), b'A' + (byte & 15)]);
        }
        bytes.push(0);
        bytes
    }

    /// A datagram with a transaction to the browser's mailslot; its content starts 86 bytes into the SMB header.
    fn announcement(content: &[u8]) -> Vec<u8> {
        let mut bytes = hex("11 02 0001 0a000005 008a 0000 0000");
        bytes.extend(encoded("ECDIS-1", 0));
        bytes.extend(encoded("BRIDGE", 0x1d));
        let mut smb = b"\xffSMB\x25".to_vec();
        smb.resize(32, 0);
        smb.push(17);
        let mut words = [0; 34];
        (words[22], words[24]) = (u8::try_from(content.len()).unwrap(), 86);
        smb.extend(words);
        smb.extend([0, 0]);
        smb.extend(b"\\MAILSLOT\\BROWSE\0");
        assert_eq!(smb.len(), 86);
        smb.extend(content);
        bytes.extend(smb);
        bytes
    }

    #[test]
    fn hosts_and_domains() {
        let body = |command: u8, name: &[u8; 16], comment: &[u8]| {
            [&[command, 0, 0x80, 0xfc, 0x0a, 0][..], name, &hex("06 01 03900100 0f01 55aa"), comment].concat()
        };
        let host = announcement(&body(1, b"ECDIS-1\0\0\0\0\0\0\0\0\0", b"chart table\0"));
        let heard = datagram(&BROWSER, Carrier::Udp, 138, &host);
        assert_eq!(heard.seen[0].kind, "host-announcement");
        assert_eq!(
            heard.seen[0].acts,
            [
                "publishes BRIDGE<1d>",
                "says name=ECDIS-1 (browser.announcement)",
                "says os_version=6.1 (browser.announcement)",
                "says description=chart table (browser.announcement)",
            ]
        );
        let domain = announcement(&body(12, b"BRIDGE\0\0\0\0\0\0\0\0\0\0", b"ECDIS-1\0"));
        assert_eq!(
            datagram(&BROWSER, Carrier::Udp, 138, &domain).seen[0].acts[1],
            "says domain=BRIDGE (browser.announcement)"
        );
        assert_eq!(BROWSER.probe(Carrier::Udp, Direction::ToServer, &host), Probe::Yes);
        assert_eq!(BROWSER.probe(Carrier::Udp, Direction::ToServer, &host[..60]), Probe::No);
        let cut = datagram(&BROWSER, Carrier::Udp, 138, &announcement(&[1, 0, 0]));
        assert_eq!(cut.errors[0].kind(), "incomplete");
    }
}
