//! CODESYS V3 runtimes (controllers of some 400 makers) over TCP 11740 and UDP 1740 to 1743.
//!
//! Recognises block driver and datagram layer; of the application layer reads service group and service. Deliberately not read: contents of
//! services (tagged, partly encrypted), channel reassembly, answers of the name service.
//!
//! Source: there is no public specification; A. Nochvay, "Security research: CODESYS Runtime, a PLC control framework", Kaspersky ICS CERT 2019,
//! parts 1 and 2. No capture was at hand: checked against the published layout only. Services are told by group; only those the analysis names
//! have a verb of their own.

use dogwatch_model::{Act, Direction, Object, Verb};

use crate::acts::{Emit, Shown};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::reader::Reader;
use crate::text::Text;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// CODESYS V3.
pub(crate) static CODESYS: FramedProtocol = FramedProtocol {
    name: "codesys",
    hints: &[Hint::Tcp(11_740), Hint::Udp(1_740), Hint::Udp(1_741), Hint::Udp(1_742), Hint::Udp(1_743)],
    carriers: &[Carrier::Tcp, Carrier::Udp],
    probe: |carrier, head| match carrier {
        Carrier::Tcp => begins(head),
        _ if is_datagram(head) => Probe::Yes,
        _ => Probe::No,
    },
    frames: |_| Box::new(Codesys),
};

/// In front of each datagram in a stream: this number, then the length of both, least significant byte first.
const BLOCK_MAGIC: [u8; 4] = [0x00, 0x01, 0x17, 0xe8];
const BLOCK_HEADER: usize = 8;
const LONGEST: u32 = 64 * 1024;
/// First byte of a datagram.
const DATAGRAM_MAGIC: u8 = 0xc5;
/// Services of the router: address service, name service, channels.
const CHANNEL: u8 = 64;
/// Identifier and header length of the application layer.
const APPLICATION: [u8; 2] = [0xcd, 0x55];

fn begins(bytes: &[u8]) -> Probe {
    let Some(header) = bytes.first_chunk::<BLOCK_HEADER>() else {
        let so_far = bytes.len().min(4);
        return if BLOCK_MAGIC.starts_with(bytes.get(..so_far).unwrap_or_default()) {
            Probe::NeedMore
        } else {
            Probe::No
        };
    };
    let [m0, m1, m2, m3, l0, l1, l2, l3] = *header;
    let length = u32::from_le_bytes([l0, l1, l2, l3]);
    let fits = [m0, m1, m2, m3] == BLOCK_MAGIC && (14..LONGEST).contains(&length);
    if fits { Probe::Yes } else { Probe::No }
}

/// The router's header: magic, hop count and header length, options, service, message id, lengths of both addresses.
#[derive(Debug, Clone, Copy)]
struct Datagram<'a> {
    service: u8,
    id: u8,
    rest: &'a [u8],
}

impl<'a> Datagram<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        const BAD: ParseError =
            ParseError::Malformed { what: "codesys datagram", at: 0, why: "magic, header length or service" };
        let mut reader = Reader::new("codesys datagram", bytes);
        let [magic, hops, _options, service, id, lengths] = reader.array()?;
        // The lower three bits count the header in words.
        if magic != DATAGRAM_MAGIC || hops & 7 != 3 || !matches!(service, 1..=4 | CHANNEL) {
            return Err(BAD);
        }
        let words = usize::from(lengths >> 4).saturating_add(usize::from(lengths & 15));
        let _addresses = reader.take(words.saturating_mul(2))?;
        // Filled up to a multiple of four.
        let _padding = reader.take(words.saturating_mul(2).saturating_add(2) % 4)?;
        Ok(Self { service, id, rest: reader.rest() })
    }

    /// The application header, when this block of a channel begins with one: group, service, session.
    fn application(&self) -> Option<(u16, u16, u32)> {
        if self.service != CHANNEL || self.rest.first() != Some(&1) {
            return None;
        }
        // Type, flags, channel, block and acknowledged block, then length and checksum of the whole.
        let mut reader = Reader::new("codesys application", self.rest.get(20..)?);
        if reader.array().ok()? != APPLICATION {
            return None;
        }
        let _header_length = reader.le16().ok()?;
        Some((reader.le16().ok()?, reader.le16().ok()?, reader.le32().ok()?))
    }
}

/// Strict enough for ports nobody expects it on: the header fits, addresses are there, and what follows is of a known kind.
fn is_datagram(bytes: &[u8]) -> bool {
    let Ok(datagram) = Datagram::parse(bytes) else { return false };
    let has_addresses =
        bytes.get(5).is_some_and(|lengths| (1..=12).contains(&(lengths >> 4).saturating_add(lengths & 15)));
    let kind = match (datagram.service, datagram.rest) {
        (CHANNEL, [kind, _, ..]) => matches!(kind, 1..=3 | 0x82..=0x84 | 0xc2..=0xc4),
        (CHANNEL, _) => false,
        (_, rest) => rest.len() >= 4,
    };
    has_addresses && kind
}

/// A group of services by its component, and what its services mostly do.
const fn group(code: u16) -> Option<(&'static str, Verb)> {
    Some(match code {
        0x01 => ("device", Verb::Diagnose),
        0x02 => ("application", Verb::Diagnose),
        0x04 => ("visualisation", Verb::Read),
        0x05 => ("log", Verb::Diagnose),
        0x06 => ("settings", Verb::Program),
        0x07 => ("ethernet", Verb::Diagnose),
        0x08 => ("file-transfer", Verb::Transfer),
        0x09 => ("variable-access", Verb::Read),
        0x0b => ("io-manager", Verb::Diagnose),
        0x0c => ("user-management", Verb::Program),
        0x0f => ("trace", Verb::Diagnose),
        0x11 => ("shell", Verb::Control),
        0x12 => ("breakpoints", Verb::Control),
        0x13 => ("force", Verb::Write),
        0x18 => ("alarms", Verb::Diagnose),
        0x1b => ("monitor", Verb::Read),
        0x1d => ("licence", Verb::Diagnose),
        0x1f => ("core-dump", Verb::Diagnose),
        _ => return None,
    })
}

/// What a service does.
const fn verb(code: u16, service: u16) -> Option<Verb> {
    Some(match (code, service) {
        (0x01, 0x01) => Verb::Discover,
        (0x01 | 0x02, 0x02) | (0x02, 0x01) => Verb::Login,
        (0x02, 0x03..=0x08) => Verb::Program,
        (0x02, 0x10..=0x12) => Verb::Control,
        _ => match group(code) {
            Some((_, verb)) => verb,
            None => return None,
        },
    })
}

/// Datagrams, alone or behind block headers in a stream.
struct Codesys;

impl Frames for Codesys {
    fn frame(&self, carrier: Carrier, bytes: &[u8]) -> Frame {
        if carrier != Carrier::Tcp {
            return Frame::whole(bytes.len().max(1));
        }
        match (begins(bytes), bytes.first_chunk::<BLOCK_HEADER>()) {
            (Probe::Yes, Some([_, _, _, _, length @ ..])) => {
                Frame::whole(usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX))
            }
            (Probe::NeedMore, _) => Frame::More,
            _ => Frame::Lost(ParseError::Malformed { what: "codesys block header", at: 0, why: "magic or length" }),
        }
    }

    fn begins(&self, _carrier: Carrier, bytes: &[u8]) -> Probe {
        begins(bytes)
    }

    fn read(&mut self, chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let front = if chunk.carrier == Carrier::Tcp { BLOCK_HEADER } else { 0 };
        let datagram = Datagram::parse(bytes.get(front..).unwrap_or_default())?;
        let application = datagram.application();
        let mut act = None;
        let mut name = Text::<48>::new();
        if let Some((code, service, _)) = application {
            // Answers carry the group with its highest bit set.
            let (plain, is_answer) = (code & 0x7f, code & 0x80 != 0);
            if let Some((word, _)) = group(plain) {
                name = Text::of(format_args!("codesys.{word} {service:#x}"));
            }
            let object = if name.is_empty() { Object::Device { unit: None } } else { Object::Named(name.as_str()) };
            act = verb(plain, service).map(|verb| {
                if is_answer { Act::Reply { verb, object, refused: false } } else { Act::Request { verb, object } }
            });
        }
        let kind = match (datagram.service, datagram.rest.first()) {
            (1 | 2, _) => "address-service",
            (3 | 4, _) => "name-service",
            (_, Some(1)) if application.is_some() => "service",
            (_, Some(1)) => "block",
            (_, Some(2 | 3)) => "acknowledge",
            _ => "channel",
        };
        let fields = Shown(|visit| {
            visit.number("router_service", datagram.service);
            visit.number("message_id", datagram.id);
            if let Some((code, service, session)) = application {
                visit.coded("service_group", code, group(code & 0x7f).map(|(name, _)| name));
                visit.number("service", service);
                visit.number("session", session);
            }
        });
        let number = application.map_or(0, |(code, service, _)| u32::from(code) << 16 | u32::from(service));
        emit.function(number).plain(kind, act.as_slice(), &fields);
        Ok(())
    }

    fn lost(&mut self, _direction: Direction) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{Conversation, datagram, hex};
    use dogwatch_model::Direction::ToServer;

    /// A first block with the application header of a service.
    fn block(group: &str, service: &str) -> String {
        format!(
            "c5 6b 40 40 00 11 0301 0002 0000 01 81 0700 01000000 00000000 10000000 00000000 cd55 1000 {group} {service} 00000000 00000000 00000000"
        )
    }

    #[test]
    fn services_by_group() {
        for (group, service, want) in [
            ("0100", "0100", "request discover codesys.device 0x1"),
            ("0100", "0200", "request login codesys.device 0x2"),
            ("0200", "0500", "request program codesys.application 0x5"),
            ("0200", "1100", "request control codesys.application 0x11"),
            ("8200", "1100", "reply control codesys.application 0x11"),
            ("0800", "0100", "request transfer codesys.file-transfer 0x1"),
        ] {
            let bytes = hex(&block(group, service));
            assert_eq!(CODESYS.probe(Carrier::Udp, ToServer, &bytes), Probe::Yes);
            assert_eq!(datagram(&CODESYS, Carrier::Udp, 1_740, &bytes).seen[0].acts, [want]);
        }
    }

    #[test]
    fn in_a_stream() {
        let body = hex(&block("0100", "0100"));
        let mut bytes = BLOCK_MAGIC.to_vec();
        bytes.extend(u32::try_from(body.len() + BLOCK_HEADER).unwrap().to_le_bytes());
        bytes.extend(body);
        let mut conversation = Conversation::new(&CODESYS, Carrier::Tcp, 11_740);
        conversation.send(ToServer, &[bytes.clone(), bytes.clone()].concat());
        assert_eq!(conversation.heard.seen.len(), 2);
        assert_eq!(CODESYS.probe(Carrier::Tcp, ToServer, &bytes[..6]), Probe::NeedMore);
        assert_eq!(CODESYS.probe(Carrier::Tcp, ToServer, &hex("0001 0000 0006 01 03 0000 0001")), Probe::No);
    }
}
