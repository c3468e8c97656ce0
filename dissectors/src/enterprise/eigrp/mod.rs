//! EIGRP: Cisco routers that tell each other the way. Deliberately not read: the routes. Specification: RFC 7868 clause 6.

use dogwatch_model::{Act, Attribute, FactValue, Object, Transport};

use crate::acts::{Acts, Emit, Shown};
use crate::datagram::DatagramProtocol;
use crate::reader::Reader;
use crate::text::Text;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// EIGRP.
pub(crate) static EIGRP: DatagramProtocol = DatagramProtocol {
    name: "eigrp",
    hints: &[Hint::Ip(88)],
    carriers: &[Carrier::Ip],
    probe: |head| if parse(head).is_some() { Probe::Yes } else { Probe::No },
    read,
};

/// What a packet tells.
struct Packet {
    operation: u8,
    system: u16,
    proved: bool,
    /// Software release of the router, of its EIGRP.
    release: Option<[u8; 4]>,
}

/// A known version and operation, and parts that fill the packet.
fn parse(bytes: &[u8]) -> Option<Packet> {
    let mut reader = Reader::new("eigrp", bytes);
    let [2, operation @ (1 | 3 | 4 | 5 | 6 | 10 | 11)] = reader.array().ok()? else { return None };
    let _checksum_to_acknowledgment = reader.take(14).ok()?;
    let _router = reader.be16().ok()?;
    let system = reader.be16().ok().filter(|system| *system != 0)?;
    let mut packet = Packet { operation, system, proved: false, release: None };
    let mut parts = 0_u8;
    while !reader.is_empty() {
        let kind = reader.be16().ok()?;
        let length = usize::from(reader.be16().ok()?).checked_sub(4)?;
        let content = reader.take(length).ok()?;
        match kind {
            2 => packet.proved = true,
            4 => packet.release = content.first_chunk().copied(),
            0x0001 | 0x0003 | 0x0005..=0x000a | 0x0100..=0x0404 | 0x0600..=0x0604 => {}
            _ => return None,
        }
        parts = parts.saturating_add(1);
    }
    // A hello says at least what it weighs; only an acknowledgment is bare.
    (parts > 0 || operation == 5).then_some(packet)
}

fn read(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let error = ParseError::Malformed { what: "eigrp", at: 0, why: "parts do not fill it" };
    if chunk.flow.transport != Transport::Ip(88) {
        return Err(error);
    }
    let packet = parse(chunk.bytes).ok_or(error)?;
    let release = packet.release.map(|[a, b, c, d]| Text::<24>::of(format_args!("IOS {a}.{b} EIGRP {c}.{d}")));
    let mut acts = Acts::new();
    acts.push(Act::Publishes { object: Object::Named("routes") });
    acts.says(Attribute::DeviceClass, FactValue::Text("router"), 70, "eigrp.hello");
    acts.says_text(Attribute::OsVersion, release.as_ref().map(Text::as_str), 60, "eigrp.software-version");
    if !packet.proved && packet.operation == 5 {
        acts.odd("eigrp.no-authentication");
    }
    let name = match packet.operation {
        1 => "update",
        3 => "query",
        4 => "reply",
        5 => "hello",
        _ => "other",
    };
    let fields = Shown(|visit| {
        visit.number("opcode", packet.operation);
        visit.number("as", packet.system);
        visit.maybe_text("release", release.as_ref().map(Text::as_str));
    });
    emit.message(name, &mut acts, &fields);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{Conversation, flow, hex};
    use dogwatch_model::Direction::ToServer;

    #[test]
    fn a_hello() {
        let bytes =
            hex("02 05 eeca 00000000 00000000 00000000 0000 0064 0001 000c 010001000000000f 0004 0008 0c040102");
        assert_eq!(EIGRP.probe(Carrier::Ip, ToServer, &bytes), Probe::Yes);
        let mut flow = flow(Carrier::Ip, ToServer, 0, 0);
        flow.transport = Transport::Ip(88);
        let mut conversation = Conversation::new(&EIGRP, Carrier::Ip, 0);
        conversation.send_on(&flow, ToServer, &bytes);
        let seen = &conversation.heard.seen[0];
        assert_eq!(seen.acts[2], "says os_version=IOS 12.4 EIGRP 1.2 (eigrp.software-version)");
        assert_eq!(
            (seen.field("as"), seen.acts.last().unwrap().as_str()),
            ("100".into(), "odd eigrp.no-authentication")
        );
        assert_eq!(EIGRP.probe(Carrier::Ip, ToServer, &bytes[..30]), Probe::No);
        assert_eq!(
            EIGRP.probe(Carrier::Ip, ToServer, &hex("02 05 eeca 00000000 00000000 00000000 0000 0000")),
            Probe::No
        );
    }
}
