//! Cyclic I/O of EtherNet/IP (implicit messages): recognised and counted by connection.
//!
//! Deliberately not read: the data, whose layout only the connection knows.
//!
//! Specification: ODVA, The CIP Networks Library, volume 2, clauses 2-6 (common packet format) and 3-2 (class 0 and 1 over UDP 2222).

use dogwatch_model::{Act, Object};

use crate::acts::{Emit, Shown};
use crate::datagram::DatagramProtocol;
use crate::reader::Reader;
use crate::text::Text;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// EtherNet/IP implicit messages.
pub(crate) static ENIP_IO: DatagramProtocol = DatagramProtocol {
    name: "enip-io",
    hints: &[Hint::Udp(2_222)],
    carriers: &[Carrier::Udp],
    probe: |head| if parse(head).is_ok() { Probe::Yes } else { Probe::No },
    read,
};

/// Two items: a sequenced address (connection, sequence) and connected data that fill the datagram.
fn parse(bytes: &[u8]) -> Result<(u32, u32, usize), ParseError> {
    const BAD: ParseError = ParseError::Malformed { what: "enip i/o", at: 0, why: "items of a connection" };
    let mut reader = Reader::new("enip i/o", bytes);
    let head: [u8; 6] = reader.array()?;
    if head != [2, 0, 2, 0x80, 8, 0] {
        return Err(BAD);
    }
    let (connection, sequence) = (reader.le32()?, reader.le32()?);
    let (kind, length) = (reader.le16()?, reader.le16()?);
    let fits = kind == 0x00b1 && usize::from(length) == reader.rest().len();
    if fits { Ok((connection, sequence, length.into())) } else { Err(BAD) }
}

fn read(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let (connection, sequence, length) = parse(chunk.bytes)?;
    let name = Text::<32>::of(format_args!("connection {connection:#010x}"));
    let fields = Shown(|visit| {
        visit.number("connection_id", connection);
        visit.number("sequence", sequence);
        visit.number("length", length as u64);
    });
    emit.plain("io", &[Act::Publishes { object: Object::Named(name.as_str()) }], &fields);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{datagram, hex};
    use dogwatch_model::Direction::ToServer;

    #[test]
    fn connections() {
        let bytes = hex("0200 0280 0800 01000a00 2a000000 b100 0600 0100 01000000");
        assert_eq!(ENIP_IO.probe(Carrier::Udp, ToServer, &bytes), Probe::Yes);
        assert_eq!(datagram(&ENIP_IO, Carrier::Udp, 2_222, &bytes).seen[0].acts, ["publishes connection 0x000a0001"]);
        for end in 0..bytes.len() {
            assert_eq!(ENIP_IO.probe(Carrier::Udp, ToServer, &bytes[..end]), Probe::No, "cut at {end}");
        }
    }
}
