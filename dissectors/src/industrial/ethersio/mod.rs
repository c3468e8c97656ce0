//! Saia Ether-S-IO: cyclic data between PCD controllers and their remote I/O over UDP 6060.
//!
//! Deliberately not read: the data. Source: field layout of an independent decoder; there is no public specification.

use dogwatch_model::{Act, Object};

use crate::acts::{Emit, Shown};
use crate::datagram::DatagramProtocol;
use crate::reader::Reader;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// Ether-S-IO.
pub(crate) static ETHER_S_IO: DatagramProtocol = DatagramProtocol {
    name: "ether-s-io",
    hints: &[Hint::Udp(6_060)],
    carriers: &[Carrier::Udp],
    probe: |head| match head {
        [b'E', b'S', b'I', b'O', 0, 0..=4, 0, 0, ..] if head.len() >= 20 => Probe::Yes,
        _ => Probe::No,
    },
    read,
};

fn read(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let mut reader = Reader::new("ether-s-io", chunk.bytes);
    if reader.array()? != *b"ESIO" {
        return Err(ParseError::Malformed { what: "ether-s-io", at: 0, why: "letters" });
    }
    let kind = reader.be16()?;
    let _version = reader.be16()?;
    let transaction = reader.be32()?;
    let fields = Shown(|visit| {
        visit.number("type", kind);
        visit.number("transaction", transaction);
    });
    emit.plain("io", &[Act::Publishes { object: Object::Named("process-data") }], &fields);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::datagram;
    use dogwatch_model::Direction::ToServer;

    #[test]
    fn telegrams() {
        let bytes = *b"ESIO\0\x01\0\0\0\0\0\x07\0\0\0\x04\0\0\0\x01";
        assert_eq!(ETHER_S_IO.probe(Carrier::Udp, ToServer, &bytes), Probe::Yes);
        assert_eq!(datagram(&ETHER_S_IO, Carrier::Udp, 6_060, &bytes).seen[0].acts, ["publishes process-data"]);
        for end in 0..bytes.len() {
            assert_eq!(ETHER_S_IO.probe(Carrier::Udp, ToServer, &bytes[..end]), Probe::No, "cut at {end}");
        }
    }
}
