//! Spanning tree: which switch calls itself what, and whom it takes for the root. Specification: IEEE 802.1D-2004 clause 9.

use dogwatch_model::{Act, Attribute, FactValue, Mac, Object};

use crate::acts::{Acts, Emit, Shown};
use crate::datagram::DatagramProtocol;
use crate::reader::Reader;
use crate::{Carrier, Chunk, ParseError, Probe};

/// Spanning tree.
pub(crate) static STP: DatagramProtocol = DatagramProtocol {
    name: "stp",
    hints: &[],
    carriers: &[Carrier::Llc],
    probe: |head| match head {
        [0x42, 0x42, 3, 0, 0, 0..=4, 0 | 2 | 0x80, ..] => Probe::Yes,
        _ => Probe::No,
    },
    read,
};

fn read(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let mut reader = Reader::new("stp", chunk.bytes);
    let _llc_and_protocol = reader.array::<5>()?;
    let [version, kind] = reader.array()?;
    let act = Act::Publishes { object: Object::Device { unit: None } };
    if kind == 0x80 {
        let fields = Shown(|visit| {
            visit.number("version", version);
            visit.number("type", kind);
        });
        emit.plain("topology-change", &[act], &fields);
        return Ok(());
    }
    let flags = reader.u8()?;
    let (root_priority, root) = (reader.be16()?, Mac(reader.array()?));
    let cost = reader.be32()?;
    let (priority, bridge) = (reader.be16()?, Mac(reader.array()?));
    let port = reader.be16()?;
    let mut acts = Acts::new();
    acts.push(act);
    if !bridge.is_group() && !bridge.is_none() {
        acts.says(Attribute::MacAddress, FactValue::Mac(bridge), 80, "stp.bridge");
    }
    // The lower twelve bits of a priority are the VLAN of per-VLAN trees.
    let fields = Shown(|visit| {
        visit.number("version", version);
        visit.number("type", kind);
        visit.number("flags", flags);
        visit.number("root_prio", root_priority & 0xf000);
        visit.shown("root_hw", root);
        visit.number("root_cost", cost);
        visit.number("bridge_prio", priority & 0xf000);
        visit.shown("bridge_hw", bridge);
        visit.number("port", port);
    });
    emit.message("configuration", &mut acts, &fields);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::{datagram, hex};

    #[test]
    fn a_bridge_says_its_address() {
        let bytes =
            hex("424203 0000 02 02 3c 8001 020000000001 00000004 8001 020000000002 8001 0100 1400 0200 0f00 00");
        let heard = datagram(&STP, Carrier::Llc, 0, &bytes);
        assert_eq!(heard.seen[0].acts, ["publishes device", "says mac_address=02:00:00:00:00:02 (stp.bridge)"]);
        assert_eq!(heard.seen[0].field("root_hw"), "02:00:00:00:00:01");
        assert_eq!(heard.seen[0].field("root_prio"), "32768");
        assert_eq!(datagram(&STP, Carrier::Llc, 0, &bytes[..20]).errors[0].kind(), "incomplete");
    }
}
