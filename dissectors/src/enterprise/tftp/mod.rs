//! TFTP: which file is fetched or stored (switch and phone firmware travels so). The transfer itself goes on under other ports and is not followed.
//!
//! Specification: RFC 1350 clause 5, RFC 2347 (options).

use dogwatch_model::{Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::datagram::DatagramProtocol;
use crate::text::printable;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// TFTP.
pub(crate) static TFTP: DatagramProtocol = DatagramProtocol {
    name: "tftp",
    hints: &[Hint::Udp(69)],
    carriers: &[Carrier::Udp],
    probe: |head| if request(head).is_some() { Probe::Yes } else { Probe::No },
    read,
};

/// Operation, file and mode of a request.
fn request(bytes: &[u8]) -> Option<(u8, &str, &str)> {
    let [0, operation @ 1..=2, rest @ ..] = bytes else { return None };
    let mut parts = rest.split(|byte| *byte == 0);
    let file = printable(parts.next()?)?;
    let mode = printable(parts.next()?)?;
    // The mode too ends in a zero.
    parts.next()?;
    let known = ["netascii", "octet", "mail"].iter().any(|name| mode.eq_ignore_ascii_case(name));
    known.then_some((*operation, file, mode))
}

fn read(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let (operation, file, mode) =
        request(chunk.bytes).ok_or(ParseError::Malformed { what: "tftp", at: 0, why: "no request" })?;
    let mut acts = Acts::new();
    acts.request(Verb::Transfer, Object::Named(file));
    let fields = Shown(|visit| {
        visit.number("opcode", operation);
        visit.text("file", file);
        visit.text("mode", mode);
    });
    emit.message(if operation == 1 { "read-request" } else { "write-request" }, &mut acts, &fields);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::datagram;
    use dogwatch_model::Direction;

    #[test]
    fn files() {
        let heard = datagram(&TFTP, Carrier::Udp, 69, b"\x00\x02fw.bin\x00octet\x00blksize\x00512\x00");
        assert_eq!(
            (heard.seen[0].kind.as_str(), &heard.seen[0].acts[0][..]),
            ("write-request", "request transfer fw.bin")
        );
        for bad in [
            &b"\x00\x03fw.bin\x00octet\x00"[..],
            b"\x00\x01fw.bin\x00binary\x00",
            b"\x00\x01fw.bin\x00octet",
            b"\x00\x01",
        ] {
            assert_eq!(TFTP.probe(Carrier::Udp, Direction::ToServer, bad), Probe::No);
        }
    }
}
