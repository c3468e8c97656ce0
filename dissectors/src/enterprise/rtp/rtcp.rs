//! RTCP: reports about streams, and who sends them (RFC 3550 clause 6, RFC 3611, RFC 4585 for the further types).

use dogwatch_model::Attribute;

use crate::ParseError;
use crate::acts::{Acts, Emit, Shown};
use crate::reader::Reader;
use crate::text::printable;

/// Packets of one compound that are read; a report, a description and a farewell are usual.
const MOST_PACKETS: usize = 16;
const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const DESCRIPTION: u8 = 202;
const FAREWELL: u8 = 203;

/// One packet of a compound.
struct Packet<'a> {
    kind: u8,
    count: u8,
    body: Reader<'a>,
}

/// Takes the next packet: version, count, type, length in words without the first.
fn next<'a>(reader: &mut Reader<'a>) -> Result<Packet<'a>, ParseError> {
    let [first, kind, h, l] = reader.array()?;
    if first >> 6 != 2 || !(192..=223).contains(&kind) {
        return Err(ParseError::Malformed { what: "rtcp", at: 0, why: "version or type" });
    }
    let words = usize::from(u16::from_be_bytes([h, l]));
    let body = reader.part("rtcp packet", words.saturating_mul(4))?;
    Ok(Packet { kind, count: first & 0x1f, body })
}

/// Whether a datagram is a compound as clause 6.1 asks for: a report of the length its count needs first, without padding; all lengths
/// reach the end together; a description with a canonical name stands in it.
pub(super) fn is_compound(bytes: &[u8]) -> bool {
    if !matches!(bytes, [0x80..=0x9f, SENDER_REPORT | RECEIVER_REPORT, ..]) {
        return false;
    }
    let mut reader = Reader::new("rtcp", bytes);
    let mut is_named = false;
    for at in 0..MOST_PACKETS {
        let Ok(packet) = next(&mut reader) else { return false };
        if at == 0 && packet.body.rest().len() < least(packet.kind, packet.count) {
            return false;
        }
        is_named |= packet.kind == DESCRIPTION && items(packet.body, |number, _| number == 1);
        if reader.rest().is_empty() {
            return is_named;
        }
    }
    false
}

/// Bytes that a report has at least: the source, what a sender has sent, and 24 for each source it hears.
fn least(kind: u8, count: u8) -> usize {
    let own = if kind == SENDER_REPORT { 24 } else { 4 };
    usize::from(count).saturating_mul(24).saturating_add(own)
}

/// Goes over the items of the first source of a description (clause 6.5): whether `found` says yes to one.
fn items<'a>(mut body: Reader<'a>, mut found: impl FnMut(u8, &'a [u8]) -> bool) -> bool {
    let Ok(_source) = body.be32() else { return false };
    while let Ok(number @ 1..) = body.u8() {
        let Ok(text) = body.u8().and_then(|length| body.take(length.into())) else { return false };
        if found(number, text) {
            return true;
        }
    }
    false
}

/// What a compound tells of its sender.
#[derive(Default)]
struct Sender<'a> {
    source: Option<u32>,
    name: Option<&'a str>,
    place: Option<&'a str>,
    tool: Option<&'a str>,
    leaves: bool,
}

impl<'a> Sender<'a> {
    fn take(&mut self, packet: &Packet<'a>) {
        let mut body = packet.body;
        match packet.kind {
            DESCRIPTION => {
                items(body, |number, text| {
                    match number {
                        1 => self.name = printable(text),
                        5 => self.place = printable(text),
                        6 => self.tool = printable(text),
                        _ => {}
                    }
                    false
                });
            }
            FAREWELL => self.leaves = true,
            _ => {}
        }
        self.source = self.source.or_else(|| body.be32().ok());
    }
}

/// Reads a compound, or the single packet that a later rule allows (RFC 5506).
pub(super) fn read(bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let mut reader = Reader::new("rtcp", bytes);
    let first = next(&mut reader)?;
    let mut sender = Sender::default();
    sender.take(&first);
    for _ in 1..MOST_PACKETS {
        if reader.is_empty() {
            break;
        }
        sender.take(&next(&mut reader)?);
    }
    let mut acts = Acts::new();
    acts.says_text(Attribute::SoftwareVersion, sender.tool, 60, "rtcp.tool");
    acts.says_text(Attribute::Location, sender.place, 60, "rtcp.loc");
    let fields = Shown(|visit| {
        visit.number("pt", first.kind);
        visit.maybe("ssrc", sender.source);
        visit.maybe_text("cname", sender.name);
        visit.maybe_text("tool", sender.tool);
        visit.flag("bye", sender.leaves);
    });
    emit.message(name_of(first.kind), &mut acts, &fields);
    Ok(())
}

/// The name of a type (IANA registry of RTCP packet types).
const fn name_of(kind: u8) -> &'static str {
    match kind {
        SENDER_REPORT => "sender-report",
        RECEIVER_REPORT => "receiver-report",
        DESCRIPTION => "description",
        FAREWELL => "farewell",
        204 => "application",
        205 | 206 => "feedback",
        207 => "extended-report",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use crate::support::{datagram, hex};
    use crate::{Carrier, Probe, Protocol};
    use dogwatch_model::Direction::ToServer;

    use super::super::Rtp;

    /// Clause 6.4.2 and 6.5: an empty receiver report of source 1, then its name `cam@1` and tool `Vid`, filled to a word.
    const COMPOUND: &str = "80 c9 0001 00000001 81 ca 0005 00000001 01 05 63616d4031 06 03 566964 00 000000";

    #[test]
    fn a_compound_says_who_sends() {
        let bytes = hex(COMPOUND);
        assert_eq!(Rtp.probe(Carrier::Udp, ToServer, &bytes), Probe::Yes);
        let heard = datagram(&Rtp, Carrier::Udp, 5_005, &bytes);
        assert_eq!(heard.errors, []);
        assert_eq!(heard.seen[0].acts, ["says software_version=Vid (rtcp.tool)"]);
        assert_eq!(heard.seen[0].kind, "receiver-report");
        assert_eq!(heard.seen[0].field("cname"), "cam@1");
    }

    #[test]
    fn what_is_no_compound() {
        let bytes = hex(COMPOUND);
        for end in 0..bytes.len() {
            assert_eq!(Rtp.probe(Carrier::Udp, ToServer, &bytes[..end]), Probe::No, "cut at {end}");
        }
        for (text, why) in [
            ("80 c9 0001 00000001", "no description"),
            ("81 c9 0001 00000001 81 ca 0003 00000001 01 05 63616d4031 00", "a report shorter than its count"),
            ("80 ca 0003 00000001 01 05 63616d4031 00", "a description first"),
            ("40 c9 0001 00000001 81 ca 0003 00000001 01 05 63616d4031 00", "version 1"),
            ("80 c8 0001 00000001 81 ca 0003 00000001 01 05 63616d4031 00", "a sender that has sent nothing"),
        ] {
            assert_eq!(Rtp.probe(Carrier::Udp, ToServer, &hex(text)), Probe::No, "{why}");
        }
    }
}
