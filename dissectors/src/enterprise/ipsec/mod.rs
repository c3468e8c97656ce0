//! IPsec: who builds a tunnel (IKE versions 1 and 2), and who uses one (ESP, AH, also inside UDP).
//!
//! Vendor ids in clear are told, and who makes the end where one says so. Deliberately not read: proposals and certificates, which later packets
//! encrypt, and with them whether a peer still answers (dead peer detection); ESP packets are told once a flow, not each.
//!
//! Specification: RFC 2408 clause 3.1, RFC 7296 clauses 3.1 and 3.12, RFC 3948 clause 2, RFC 4303 clause 2, RFC 4302 clause 2.

mod vendor;

use dogwatch_model::{Attribute, Object, Transport, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::reader::Reader;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// IPsec.
pub(crate) static IPSEC: FramedProtocol = FramedProtocol {
    name: "ipsec",
    hints: &[Hint::Udp(500), Hint::Udp(4500), Hint::Ip(50), Hint::Ip(51)],
    carriers: &[Carrier::Udp, Carrier::Ip],
    probe: |carrier, head| {
        let fits = match carrier {
            // The IP protocol number says what it is; the index says that it is in use.
            Carrier::Ip => head.len() >= 16,
            _ => header(head).is_some(),
        };
        if fits { Probe::Yes } else { Probe::No }
    },
    frames: |_| Box::new(Ipsec { told: false }),
};

/// What an IKE header tells.
#[derive(Debug, Clone, Copy)]
struct Header {
    version: u8,
    exchange: u8,
    flags: u8,
    first: u8,
    message: u32,
    answered: bool,
}

/// An IKE header, behind four zeros where IKE shares a port with ESP.
fn header(bytes: &[u8]) -> Option<Header> {
    let bytes = bytes.strip_prefix(&[0; 4]).unwrap_or(bytes);
    let mut reader = Reader::new("ike", bytes);
    let initiator: [u8; 8] = reader.array().ok()?;
    let responder: [u8; 8] = reader.array().ok()?;
    let [first, version, exchange, flags] = reader.array().ok()?;
    let message = reader.be32().ok()?;
    let length = usize::try_from(reader.be32().ok()?).ok()?;
    let right = match version >> 4 {
        // Base, identity, authentication only, aggressive, informational, quick, group; payloads 1 to 21 and those for address translation.
        1 => matches!(exchange, 1..=5 | 32 | 33) && flags & 0xf8 == 0 && matches!(first, 1..=21 | 130..=132),
        // Payloads 33 to 54; the lowest three bits of the flags are zero.
        2 => matches!(exchange, 34..=38 | 43) && flags & 0xc7 == 0 && matches!(first, 0 | 33..=54),
        _ => false,
    };
    let fits = right && length >= 28 && length == bytes.len() && initiator != [0; 8];
    fits.then_some(Header { version, exchange, flags, first, message, answered: responder != [0; 8] })
}

const fn exchange_name(header: Header) -> &'static str {
    match header.exchange {
        1 => "base",
        2 => "main-mode",
        4 => "aggressive-mode",
        5 => "informational",
        32 => "quick-mode",
        33 => "new-group",
        34 => "sa-init",
        35 => "auth",
        36 => "create-child-sa",
        37 => "informational-2",
        38 => "session-resume",
        43 => "intermediate",
        _ => "other",
    }
}

/// IPsec on one flow.
struct Ipsec {
    /// Encrypted packets were told of.
    told: bool,
}

impl Frames for Ipsec {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        Frame::whole(bytes.len())
    }

    fn read(&mut self, chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        match chunk.flow.transport {
            Transport::Ip(50) => self.packet("esp", bytes, 0, emit),
            Transport::Ip(51) => self.packet("ah", bytes, 4, emit),
            _ => match header(bytes) {
                Some(header) => {
                    ike(header, bytes, emit);
                    Ok(())
                }
                // A single byte keeps the address translation alive; four zeros with no header behind them are damage.
                None if bytes == [0xff] => Ok(()),
                None if bytes.len() >= 16 && !bytes.starts_with(&[0; 4]) => self.packet("esp-in-udp", bytes, 0, emit),
                None => Err(ParseError::Malformed { what: "ike", at: 0, why: "header" }),
            },
        }
    }
}

impl Ipsec {
    fn packet(&mut self, kind: &str, bytes: &[u8], at: usize, emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let mut reader = Reader::new("ipsec", bytes.get(at..).unwrap_or_default());
        let index = reader.be32()?;
        if !std::mem::replace(&mut self.told, true) {
            emit.plain(kind, &[], &Shown(|visit| visit.number("spi", index)));
        }
        Ok(())
    }
}

fn ike(header: Header, bytes: &[u8], emit: &mut Emit<'_>) {
    let object = Object::Named("tunnel");
    let mut acts = Acts::new();
    let is_version_2 = header.version >> 4 == 2;
    // Version 2 marks answers; in version 1 the first packet alone has no cookie of the responder.
    let is_answer = if is_version_2 { header.flags & 0x20 != 0 } else { header.answered };
    let opens = if is_version_2 { matches!(header.exchange, 34 | 35) } else { matches!(header.exchange, 1 | 2 | 4) };
    if opens && !is_answer {
        acts.request(Verb::Login, object);
    } else if opens && is_version_2 {
        acts.reply(Verb::Login, object, refuses(header, bytes));
    } else if opens && header.first == 1 {
        acts.reply(Verb::Login, object, false);
    }
    if !is_version_2 && header.exchange == 4 {
        // Identity and a hash of the shared key go in clear.
        acts.odd("ipsec.aggressive-mode");
    }
    for known in vendor_ids(header, bytes) {
        acts.says_text(Attribute::SoftwareVersion, known.software, 60, "ike.vendor-id");
        acts.says_text(Attribute::Manufacturer, known.maker, 70, "ike.vendor-id");
    }
    let fields = Shown(|visit| {
        visit.number("version", header.version);
        visit.number("exchangetype", header.exchange);
        visit.one_or_list("vendor_id", vendor_ids(header, bytes).map(|known| known.name));
        if is_version_2 {
            visit.flag("flag_r", header.flags & 0x20 != 0);
        }
        visit.number("messageid", header.message);
    });
    emit.message(exchange_name(header), &mut acts, &fields);
}

/// Payloads of one message that are gone over.
const MOST_PAYLOADS: usize = 32;

/// The known vendor ids among the payloads of a message in clear: each begins with the type of the next, and its length.
fn vendor_ids(header: Header, bytes: &[u8]) -> impl Iterator<Item = &'static vendor::Known> + Clone {
    let is_version_2 = header.version >> 4 == 2;
    let is_encrypted = !is_version_2 && header.flags & 1 != 0;
    let bytes = bytes.strip_prefix(&[0; 4]).unwrap_or(bytes);
    let mut reader = Reader::new("ike payloads", if is_encrypted { &[] } else { bytes.get(28..).unwrap_or_default() });
    let mut kind = header.first;
    let payloads = (0..MOST_PAYLOADS).map_while(move |_| {
        let [next, _reserved] = reader.array().ok()?;
        let length = usize::from(reader.be16().ok()?).checked_sub(4)?;
        let content = reader.take(length).ok()?;
        Some((std::mem::replace(&mut kind, next), content))
    });
    let wanted = if is_version_2 { 43 } else { 13 };
    payloads.filter(move |(kind, _)| *kind == wanted).filter_map(|(_, id)| vendor::find(id))
}

/// Whether the first payload is an error notification (types below 16384) other than the question for a cookie or another group.
fn refuses(header: Header, bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(&[0; 4]).unwrap_or(bytes);
    match bytes.get(28..36) {
        Some([_, _, _, _, _, _, high, low]) if header.first == 41 => {
            let kind = u16::from_be_bytes([*high, *low]);
            kind < 16_384 && kind != 17
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{Conversation, flow, hex};
    use dogwatch_model::Direction::{ToClient, ToServer};

    const OPEN: &str = "0102030405060708 0000000000000000 21 20 22 08 00000000 00000020 00000004";

    #[test]
    fn a_tunnel_refused() {
        let mut conversation = Conversation::new(&IPSEC, Carrier::Udp, 500);
        conversation.send(ToServer, &hex(OPEN));
        conversation.send(
            ToClient,
            &hex("0102030405060708 1112131415161718 29 20 22 20 00000000 00000024 0000 0008 0000 000e"),
        );
        let seen = &conversation.heard.seen;
        assert_eq!(seen[0].acts, ["request login tunnel"]);
        assert_eq!(seen[1].acts, ["refusal login tunnel"]);
        let mut conversation = Conversation::new(&IPSEC, Carrier::Udp, 500);
        conversation.send(ToServer, &hex("0102030405060708 0000000000000000 01 10 04 00 00000000 00000020 00000004"));
        assert_eq!(conversation.heard.seen[0].acts, ["request login tunnel", "odd ipsec.aggressive-mode"]);
    }

    #[test]
    fn who_makes_the_end() {
        // RFC 2408 clause 3.16: main mode with the ids of RFC 3706 and of FlexVPN, then one that is cut.
        let front = "0102030405060708 0000000000000000 0d 10 02 00 00000000";
        let ids =
            "0d00 0014 afcad71368a1f1c96b8696fc77570100 0d00 0015 464c455856504e2d535550504f52544544 0000 0014 882f";
        let bytes = hex(&format!("{front} 0000004b {ids}"));
        assert_eq!(bytes.len(), 0x4b, "the length in the header");
        let mut conversation = Conversation::new(&IPSEC, Carrier::Udp, 500);
        conversation.send(ToServer, &bytes);
        let seen = &conversation.heard.seen[0];
        assert_eq!(seen.acts, ["request login tunnel", "says manufacturer=Cisco (ike.vendor-id)"]);
        assert!(seen.field("vendor_id").contains("DPD"), "{}", seen.field("vendor_id"));
        // The same under encryption is no list of payloads.
        let mut bytes = bytes;
        bytes[19] = 1;
        conversation.send(ToServer, &bytes);
        assert_eq!(conversation.heard.seen[1].acts, ["request login tunnel"]);
    }

    #[test]
    fn encrypted_packets_are_told_once() {
        let mut conversation = Conversation::new(&IPSEC, Carrier::Udp, 4500);
        conversation.send(ToServer, &hex(&format!("00000000 {OPEN}")));
        conversation.send(ToServer, &[0xff]);
        for _ in 0..3 {
            conversation.send(ToServer, &[0x77; 40]);
        }
        let kinds: Vec<_> = conversation.heard.seen.iter().map(|seen| seen.kind.as_str()).collect();
        assert_eq!(kinds, ["sa-init", "esp-in-udp"]);
        let mut flow = flow(Carrier::Ip, ToServer, 0, 0);
        flow.transport = Transport::Ip(50);
        let mut conversation = Conversation::new(&IPSEC, Carrier::Ip, 0);
        conversation.send_on(&flow, ToServer, &[0x77; 40]);
        assert_eq!(conversation.heard.seen[0].kind, "esp");
    }

    #[test]
    fn what_the_first_bytes_tell() {
        assert_eq!(IPSEC.probe(Carrier::Udp, ToServer, &hex(OPEN)), Probe::Yes);
        for bytes in [
            OPEN.replace("00000020", "00000024"),
            OPEN.replace("21 20", "21 30"),
            OPEN.replace("0102030405060708", "0000000000000000"),
            "77".repeat(40),
        ] {
            assert_eq!(IPSEC.probe(Carrier::Udp, ToServer, &hex(&bytes)), Probe::No, "{bytes}");
        }
    }
}
