//! PTP version 2: who is the master clock of a network, and who manages clocks.
//!
//! Reads the header of every message, announcements and management. Deliberately not read: time stamps (nothing is measured from them), TLVs
//! behind a message, version 1.
//!
//! Specification: IEEE 1588-2019 clause 13 (messages) and 15 (management); annex C (UDP over IPv4), D (IPv6), E (Ethernet).

use dogwatch_model::{Act, Attribute, FactValue, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::datagram::DatagramProtocol;
use crate::reader::Reader;
use crate::text::{Hex, Text, text};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// PTP version 2.
pub(crate) static PTP: DatagramProtocol = DatagramProtocol {
    name: "ptp",
    hints: &[Hint::EtherType(0x88f7), Hint::Udp(319), Hint::Udp(320)],
    carriers: &[Carrier::Ethernet, Carrier::Udp],
    probe,
    read,
};

/// Bytes of the common header.
const HEADER: u16 = 34;
const ANNOUNCE: u8 = 0xb;
const MANAGEMENT: u8 = 0xd;

/// Name and shortest length of a message (table 36 and the clauses it names); `None` for a reserved type.
const fn message(kind: u8) -> Option<(&'static str, u16)> {
    Some(match kind {
        0 => ("sync", 44),
        1 => ("delay-request", 44),
        2 => ("peer-delay-request", 54),
        3 => ("peer-delay-response", 54),
        8 => ("follow-up", 44),
        9 => ("delay-response", 54),
        10 => ("peer-delay-response-follow-up", 54),
        ANNOUNCE => ("announce", 64),
        12 => ("signalling", 44),
        MANAGEMENT => ("management", 48),
        _ => return None,
    })
}

/// The common header (clause 13.3).
#[derive(Debug, Clone, Copy)]
struct Header {
    kind: u8,
    name: &'static str,
    version: u8,
    domain: u8,
    clock: u64,
    port: u16,
    sequence: u16,
}

impl Header {
    /// Reads the header; returns it and the body within the length it tells.
    fn parse(bytes: &[u8]) -> Result<(Self, Reader<'_>), ParseError> {
        const ODD: ParseError = ParseError::Malformed { what: "ptp", at: 0, why: "type, version or length" };
        let mut reader = Reader::new("ptp", bytes);
        let [kind, version, l0, l1, domain, _minor_sdo] = reader.array()?;
        let kind = kind & 0x0f;
        let length = u16::from_be_bytes([l0, l1]);
        let Some((name, shortest)) = message(kind) else { return Err(ODD) };
        if version & 0x0f != 2 || length < shortest || usize::from(length) > bytes.len() {
            return Err(ODD);
        }
        let _flags_correction_and_specific = reader.take(14)?;
        let clock = u64::from_be_bytes(reader.array()?);
        let (port, sequence) = (reader.be16()?, reader.be16()?);
        let [control, _interval] = reader.array()?;
        if clock == 0 || control > 5 {
            return Err(ODD);
        }
        let body = reader.part("ptp body", usize::from(length.saturating_sub(HEADER)))?;
        Ok((Self { kind, name, version: version & 0x0f, domain, clock, port, sequence }, body))
    }
}

/// A length that fits is no rare thing: editions 2.0 and 2.1 only, a domain that is not reserved (clause 7.1), a port that counts from 1 (only
/// management may mean every port), and behind the fixed part nothing but parts that say how long they are.
fn probe(head: &[u8]) -> Probe {
    let Ok((header, body)) = Header::parse(head) else { return Probe::No };
    let is_edition = head.get(1).is_some_and(|version| version >> 4 <= 1);
    let is_numbered = header.domain < 128 && (header.port != 0 || header.kind == MANAGEMENT);
    // Behind the message may be padding, never much.
    let padding = head.len().saturating_sub(body.rest().len().saturating_add(HEADER.into()));
    if is_edition && is_numbered && padding <= 64 && has_whole_parts(&header, body) { Probe::Yes } else { Probe::No }
}

/// Parts (TLVs) behind a message that are gone over.
const MOST_PARTS: usize = 32;

/// Whether the fixed part is followed by whole parts of type, length and value (clause 14.1), if by anything.
fn has_whole_parts(header: &Header, mut body: Reader<'_>) -> bool {
    let fixed = message(header.kind).map_or(0, |(_, shortest)| shortest.saturating_sub(HEADER));
    if body.take(fixed.into()).is_err() {
        return false;
    }
    for _ in 0..MOST_PARTS {
        if body.rest().is_empty() {
            return true;
        }
        let length = body.be16().and_then(|_type| body.be16());
        if length.and_then(|length| body.take(length.into())).is_err() {
            return false;
        }
    }
    false
}

/// What a master tells of the clock everybody follows (clause 13.5).
#[derive(Debug, Clone, Copy)]
struct Announce {
    utc_offset: u16,
    priorities: (u8, u8),
    class: u8,
    accuracy: u8,
    grandmaster: u64,
    steps: u16,
    source: u8,
}

impl Announce {
    fn parse(mut body: Reader<'_>) -> Result<Self, ParseError> {
        let _origin = body.take(10)?;
        let utc_offset = body.be16()?;
        let [_reserved, priority1, class, accuracy] = body.array()?;
        let _variance = body.be16()?;
        let priority2 = body.u8()?;
        let grandmaster = u64::from_be_bytes(body.array()?);
        let steps = body.be16()?;
        let priorities = (priority1, priority2);
        Ok(Self { utc_offset, priorities, class, accuracy, grandmaster, steps, source: body.u8()? })
    }

    /// Table 6: what the grandmaster takes its time from.
    const fn source_name(&self) -> Option<&'static str> {
        Some(match self.source {
            0x10 => "atomic clock",
            0x20 => "gnss",
            0x30 => "terrestrial radio",
            0x39 => "serial time code",
            0x40 => "ptp",
            0x50 => "ntp",
            0x60 => "hand set",
            0x90 => "other",
            0xa0 => "internal oscillator",
            _ => return None,
        })
    }
}

/// Action and object of a management message (clause 15.4): what is done and the number of what it is done to.
fn management(mut body: Reader<'_>) -> Result<(u8, Option<u16>), ParseError> {
    let _target = body.take(10)?;
    let [_starting_hops, _hops, action, _reserved] = body.array()?;
    let id = match body.rest() {
        [0, 1, _, _, i0, i1, ..] => Some(u16::from_be_bytes([*i0, *i1])),
        _ => None,
    };
    Ok((action & 0x0f, id))
}

/// A clock identity in the form of IEEE EUI-64 hexadecimal, as tools of the trade print it.
fn identity(clock: u64) -> Text<20> {
    text![Hex(clock, 16)]
}

fn read(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let (header, body) = Header::parse(chunk.bytes)?;
    let domain: Text<24> = text!["domain ", header.domain];
    let object = Object::Named(domain.as_str());
    let clock = identity(header.clock);
    let mut acts = Acts::new();
    let announce = if header.kind == ANNOUNCE { Some(Announce::parse(body)?) } else { None };
    let managed = if header.kind == MANAGEMENT { Some(management(body)?) } else { None };
    let item: Text<24> = text!["management ", Hex(managed.and_then(|(_, id)| id).unwrap_or_default(), 4)];
    let item = Object::Named(item.as_str());
    match (header.kind, managed) {
        (1 | 2, _) => acts.request(Verb::Read, object),
        (3 | 9 | 10, _) => acts.reply(Verb::Read, object, false),
        // Actions of table 58: get, set, response, command, acknowledge.
        (_, Some((0, _))) => acts.request(Verb::Diagnose, item),
        (_, Some((1, _))) => acts.request(Verb::Write, item),
        (_, Some((3, _))) => acts.request(Verb::Control, item),
        (_, Some((2, _))) => acts.reply(Verb::Diagnose, item, false),
        (_, Some((4, _))) => acts.reply(Verb::Control, item, false),
        _ => acts.push(Act::Publishes { object }),
    }
    acts.says(Attribute::ClockIdentity, FactValue::Text(clock.as_str()), 85, "ptp.source-port");
    let grandmaster = announce.map(|announce| identity(announce.grandmaster));
    if let (Some(announce), Some(grandmaster)) = (&announce, &grandmaster) {
        acts.says(Attribute::TimeSource, FactValue::Text(grandmaster.as_str()), 85, "ptp.announce");
        let own = announce.grandmaster == header.clock;
        acts.says_text(Attribute::TimeSource, announce.source_name().filter(|_| own), 85, "ptp.time-source");
    }
    let fields = Shown(|visit| {
        visit.number("messagetype", header.kind);
        visit.number("versionptp", header.version);
        visit.number("domainnumber", header.domain);
        visit.text("clockidentity", clock.as_str());
        visit.number("sourceportid", header.port);
        visit.number("sequenceid", header.sequence);
        if let (Some(announce), Some(grandmaster)) = (&announce, &grandmaster) {
            visit.text("grandmasterclockidentity", grandmaster.as_str());
            visit.number("grandmasterclockclass", announce.class);
            visit.number("grandmasterclockaccuracy", announce.accuracy);
            visit.number("priority1", announce.priorities.0);
            visit.number("priority2", announce.priorities.1);
            visit.number("utcoffset", announce.utc_offset);
            visit.number("localstepsremoved", announce.steps);
            visit.coded("timesource", announce.source, announce.source_name());
        }
        if let Some((action, id)) = managed {
            visit.number("action", action);
            visit.maybe("managementid", id);
        }
    });
    emit.message(header.name, &mut acts, &fields);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{datagram, hex};
    use dogwatch_model::Direction::ToServer;

    /// A message of `kind` from clock 00:0c:cd:ff:fe:00:00:01, port 1, domain 5, sequence 9.
    fn ptp(kind: u8, control: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![kind, 2];
        bytes.extend(u16::try_from(body.len() + 34).unwrap().to_be_bytes());
        bytes.extend(hex("05 00 0000 0000000000000000 00000000 000ccdfffe000001 0001 0009"));
        bytes.extend([control, 0]);
        bytes.extend_from_slice(body);
        bytes
    }

    #[test]
    fn an_announcement_names_the_grandmaster() {
        let body = hex("00000000000000000000 0025 00 80 06 21 4e5d 7f 000ccdfffe000001 0000 20");
        let heard = datagram(&PTP, Carrier::Ethernet, 0, &ptp(0xb, 5, &body));
        assert_eq!(
            heard.seen[0].acts,
            [
                "publishes domain 5",
                "says clock_identity=0x000ccdfffe000001 (ptp.source-port)",
                "says time_source=0x000ccdfffe000001 (ptp.announce)",
                "says time_source=gnss (ptp.time-source)"
            ]
        );
        let seen = &heard.seen[0];
        assert_eq!((seen.field("grandmasterclockclass"), seen.field("priority2")), ("6".into(), "127".into()));
        assert_eq!((seen.field("sequenceid"), seen.field("utcoffset")), ("9".into(), "37".into()));
    }

    #[test]
    fn who_asks_and_who_manages() {
        for (name, bytes, want) in [
            ("sync", ptp(0, 0, &[0; 10]), "publishes domain 5"),
            ("delay request", ptp(1, 1, &[0; 10]), "request read domain 5"),
            ("delay response", ptp(9, 3, &[0; 20]), "reply read domain 5"),
            (
                "set priority 1",
                ptp(0xd, 4, &hex("ffffffffffffffffffff 01 01 01 00 0001 0004 2005 8000")),
                "request write management 0x2005",
            ),
            (
                "get default data set",
                ptp(0xd, 4, &hex("ffffffffffffffffffff 01 01 00 00 0001 0002 2000")),
                "request diagnose management 0x2000",
            ),
        ] {
            let heard = datagram(&PTP, Carrier::Udp, 319, &bytes);
            assert_eq!(heard.seen[0].acts[0], want, "{name}");
        }
    }

    #[test]
    fn what_the_first_bytes_tell() {
        let sync = ptp(0, 0, &[0; 10]);
        assert_eq!(PTP.probe(Carrier::Udp, ToServer, &sync), Probe::Yes);
        assert_eq!(PTP.probe(Carrier::Ethernet, ToServer, &[&sync[..], &[0; 16]].concat()), Probe::Yes, "padding");
        assert_eq!(PTP.probe(Carrier::Udp, ToServer, &sync[..40]), Probe::No, "cut");
        let mut version1 = sync.clone();
        version1[1] = 1;
        assert_eq!(PTP.probe(Carrier::Udp, ToServer, &version1), Probe::No);
    }
}
