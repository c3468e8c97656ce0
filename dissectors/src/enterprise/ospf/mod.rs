//! OSPF: routers that tell each other the way, and whether they prove who they are.
//!
//! Deliberately not read: the routes. Specification: RFC 2328 appendix A.3, RFC 5340 appendix A.3.

use std::net::Ipv4Addr;

use dogwatch_model::{Act, Attribute, FactValue, Object, Transport};

use crate::acts::{Acts, Emit, Shown};
use crate::datagram::DatagramProtocol;
use crate::reader::Reader;
use crate::text::Text;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// OSPF.
pub(crate) static OSPF: DatagramProtocol =
    DatagramProtocol { name: "ospf", hints: &[Hint::Ip(89)], carriers: &[Carrier::Ip], probe, read };

/// A known version and type, a length within the packet, a router that has a number.
fn probe(head: &[u8]) -> Probe {
    let fits = match head {
        [version @ 2..=3, 1..=5, h, l, r0, r1, r2, r3, _, _, _, _, _, _, a, b, ..] => {
            let length = usize::from(u16::from_be_bytes([*h, *l]));
            // Behind version 2 there may be a digest, behind both a signature block for the link.
            let proof = if *version == 2 { *a == 0 && *b <= 2 } else { *b == 0 };
            (16..=head.len()).contains(&length)
                && head.len().saturating_sub(length) <= 128
                && proof
                && [*r0, *r1, *r2, *r3] != [0; 4]
        }
        _ => false,
    };
    if fits { Probe::Yes } else { Probe::No }
}

fn read(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    if chunk.flow.transport != Transport::Ip(89) {
        return Err(ParseError::Malformed { what: "ospf", at: 0, why: "another IP protocol" });
    }
    let mut reader = Reader::new("ospf", chunk.bytes);
    let [version, kind] = reader.array()?;
    let _length = reader.be16()?;
    let (router, area) = (Ipv4Addr::from(reader.array::<4>()?), Ipv4Addr::from(reader.array::<4>()?));
    let _checksum = reader.be16()?;
    let proof = reader.be16()?;
    let id = Text::<16>::of(format_args!("{router}"));
    let mut acts = Acts::new();
    acts.push(Act::Publishes { object: Object::Named("routes") });
    acts.says(Attribute::DeviceClass, FactValue::Text("router"), 70, "ospf.hello");
    acts.says(Attribute::StationAddress, FactValue::Text(id.as_str()), 80, "ospf.router-id");
    match (version, proof) {
        (2, 0) => acts.odd("ospf.no-authentication"),
        (2, 1) => acts.odd("clear-text-credentials"),
        _ => {}
    }
    let name = match kind {
        1 => "hello",
        2 => "database-description",
        3 => "link-state-request",
        4 => "link-state-update",
        _ => "link-state-acknowledgment",
    };
    let fields = Shown(|visit| {
        visit.number("version", version);
        visit.number("msg", kind);
        visit.shown("srcrouter", router);
        visit.shown("area_id", area);
        if version == 2 {
            visit.number("auth_type", proof);
        }
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
    fn a_router_without_proof() {
        let bytes = hex(
            "02 01 002c 0a000001 00000000 0000 0000 0000000000000000 ffffff00 000a 02 01 00000028 0a000001 00000000",
        );
        assert_eq!(OSPF.probe(Carrier::Ip, ToServer, &bytes), Probe::Yes);
        let mut flow = flow(Carrier::Ip, ToServer, 0, 0);
        flow.transport = Transport::Ip(89);
        let mut conversation = Conversation::new(&OSPF, Carrier::Ip, 0);
        conversation.send_on(&flow, ToServer, &bytes);
        let seen = &conversation.heard.seen[0];
        assert_eq!(seen.acts[2..], ["says station_address=10.0.0.1 (ospf.router-id)", "odd ospf.no-authentication"]);
        for bytes in ["02 06 0010 0a000001 00000000 0000 0000", "02 01 0040 0a000001 00000000 0000 0000", "02 01 0010"]
        {
            assert_eq!(OSPF.probe(Carrier::Ip, ToServer, &hex(bytes)), Probe::No, "{bytes}");
        }
    }
}
