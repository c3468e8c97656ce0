//! LACP: switches and servers that bundle several cables into one link. Specification: IEEE 802.1AX-2020 clause 6.4.2.

use dogwatch_model::{Act, Attribute, FactValue, Mac, Object};

use crate::acts::{Acts, Emit, Shown};
use crate::datagram::DatagramProtocol;
use crate::reader::Reader;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// LACP.
pub(crate) static LACP: DatagramProtocol = DatagramProtocol {
    name: "lacp",
    hints: &[Hint::EtherType(0x8809)],
    carriers: &[Carrier::Ethernet],
    probe: |head| {
        // Subtype and version, then actor and partner, 20 bytes each.
        let fits = matches!(head, [1, 1 | 2, 1, 20, ..]) && matches!(head.get(22..24), Some([2, 20]));
        if fits { Probe::Yes } else { Probe::No }
    },
    read,
};

/// One side of the link.
struct Side {
    system: Mac,
    key: u16,
    port: u16,
    state: u8,
}

fn side(reader: &mut Reader<'_>) -> Result<Side, ParseError> {
    let _kind_length_and_priority = reader.take(4)?;
    let system = Mac(reader.array()?);
    let key = reader.be16()?;
    let _port_priority = reader.be16()?;
    let port = reader.be16()?;
    let state = reader.u8()?;
    let _reserved = reader.take(3)?;
    Ok(Side { system, key, port, state })
}

fn read(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let mut reader = Reader::new("lacp", chunk.bytes);
    let [1, version] = reader.array()? else {
        return Err(ParseError::Malformed { what: "lacp", at: 0, why: "another slow protocol" });
    };
    let (actor, partner) = (side(&mut reader)?, side(&mut reader)?);
    let mut acts = Acts::new();
    acts.push(Act::Publishes { object: Object::Device { unit: None } });
    if !actor.system.is_group() && !actor.system.is_none() {
        acts.says(Attribute::MacAddress, FactValue::Mac(actor.system), 80, "lacp.actor");
    }
    let fields = Shown(|visit| {
        visit.number("version", version);
        visit.shown("actor_sysid", actor.system);
        visit.number("actor_key", actor.key);
        visit.number("actor_port", actor.port);
        visit.number("actor_state", actor.state);
        visit.shown("partner_sysid", partner.system);
        visit.number("partner_key", partner.key);
        visit.number("partner_port", partner.port);
    });
    emit.message("lacpdu", &mut acts, &fields);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{datagram, hex};
    use dogwatch_model::Direction::ToServer;

    #[test]
    fn a_link_of_several_cables() {
        let bytes = hex(
            "01 01 01 14 8000 020000000001 0001 8000 0003 3d 000000 02 14 8000 020000000002 0005 8000 0004 3d 000000 03 10 0000",
        );
        assert_eq!(LACP.probe(Carrier::Ethernet, ToServer, &bytes), Probe::Yes);
        let seen = &datagram(&LACP, Carrier::Ethernet, 0, &bytes).seen[0];
        assert_eq!(seen.acts, ["publishes device", "says mac_address=02:00:00:00:00:01 (lacp.actor)"]);
        assert_eq!((seen.field("actor_port"), seen.field("partner_key")), ("3".into(), "5".into()));
        assert_eq!(LACP.probe(Carrier::Ethernet, ToServer, &hex("03 01 01 14")), Probe::No);
    }
}
