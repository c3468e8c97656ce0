//! TFTP: which file is fetched or stored (switch and phone firmware travels so). The transfer goes on under other ports; it is
//! recognised there by its first block or its agreed options. Of its content the first block tells whether it is a program; the rest is passed over.
//!
//! Specification: RFC 1350 clause 5, RFC 2347 (options).

use dogwatch_model::{Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::datagram::DatagramProtocol;
use crate::text::printable;
use crate::{Carrier, Chunk, Hint, ParseError, Probe, program};

/// TFTP.
pub(crate) static TFTP: DatagramProtocol = DatagramProtocol {
    name: "tftp",
    hints: &[Hint::Udp(69)],
    carriers: &[Carrier::Udp],
    probe: |head| if request(head).is_some() || begins_transfer(head) { Probe::Yes } else { Probe::No },
    read,
};

/// Operation, file and mode of a request. A name of nothing is none: whoever sends that tries out a server.
fn request(bytes: &[u8]) -> Option<(u8, Option<&str>, &str)> {
    let [0, operation @ 1..=2, rest @ ..] = bytes else { return None };
    let mut parts = rest.split(|byte| *byte == 0);
    let name = parts.next()?;
    let file = printable(name);
    if file.is_none() && !name.is_empty() {
        return None;
    }
    let mode = printable(parts.next()?)?;
    // The mode too ends in a zero.
    parts.next()?;
    let known = ["netascii", "octet", "mail"].iter().any(|name| mode.eq_ignore_ascii_case(name));
    known.then_some((*operation, file, mode))
}

/// What else goes back and forth (RFC 1350 clause 5, RFC 2347).
const fn kind(operation: u8) -> Option<&'static str> {
    Some(match operation {
        3 => "data",
        4 => "acknowledgement",
        5 => "error",
        6 => "option-acknowledgement",
        _ => return None,
    })
}

/// A full first block, or options agreed on: what a transfer on its own ports starts with.
fn begins_transfer(bytes: &[u8]) -> bool {
    match bytes {
        [0, 3, 0, 1, data @ ..] => data.len() == 512,
        [0, 6, options @ .., 0] => {
            let name = options.split(|byte| *byte == 0).next().unwrap_or_default();
            [&b"blksize"[..], b"tsize", b"timeout", b"windowsize"].iter().any(|known| name.eq_ignore_ascii_case(known))
        }
        _ => false,
    }
}

/// A message of the transfer itself.
fn transfer(bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let (operation, kind) = match bytes {
        [0, operation, ..] => kind(*operation).map(|kind| (*operation, kind)),
        _ => None,
    }
    .ok_or(ParseError::Malformed { what: "tftp", at: 0, why: "operation" })?;
    let block = bytes.get(2..).and_then(|rest| rest.first_chunk()).map(|number| u16::from_be_bytes(*number));
    let mut acts = Acts::new();
    if operation == 5 {
        acts.reply(Verb::Transfer, Object::Device { unit: None }, true);
    }
    // only a full first block: what fits into less is no program worth the name
    if let [_, 3, 0, 1, content @ ..] = bytes
        && content.len() >= 512
        && let Some(kind) = program::kind(content)
    {
        acts.odd(kind);
    }
    let fields = Shown(|visit| {
        visit.number("opcode", operation);
        visit.maybe("block", block.filter(|_| matches!(operation, 3 | 4)));
        visit.maybe("error", block.filter(|_| operation == 5));
    });
    emit.message(kind, &mut acts, &fields);
    Ok(())
}

fn read(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let Some((operation, file, mode)) = request(chunk.bytes) else { return transfer(chunk.bytes, emit) };
    let mut acts = Acts::new();
    acts.request(Verb::Transfer, file.map_or(Object::Device { unit: None }, Object::Named));
    let fields = Shown(|visit| {
        visit.number("opcode", operation);
        visit.maybe_text("file", file);
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
        let mut block = vec![0, 3, 0, 1];
        block.resize(516, b'x');
        assert_eq!(TFTP.probe(Carrier::Udp, Direction::ToServer, &block), Probe::Yes);
        assert_eq!(TFTP.probe(Carrier::Udp, Direction::ToServer, &block[..515]), Probe::No);
        assert_eq!(TFTP.probe(Carrier::Udp, Direction::ToServer, b"\x00\x06blksize\x001024\x00"), Probe::Yes);
        assert_eq!(datagram(&TFTP, Carrier::Udp, 50_000, &block).seen[0].field("block"), "1");
        let heard = datagram(&TFTP, Carrier::Udp, 69, b"\x00\x01\x00octet\x00");
        assert_eq!(
            (heard.seen[0].field("file"), &heard.seen[0].acts[0][..]),
            (String::new(), "request transfer device")
        );
        block[4..11].copy_from_slice(b"\x7fELF\x01\x02\x01");
        assert_eq!(datagram(&TFTP, Carrier::Udp, 50_000, &block).seen[0].acts, ["odd program.elf"]);
        block[3] = 2;
        assert_eq!(datagram(&TFTP, Carrier::Udp, 50_000, &block).seen[0].acts, [] as [&str; 0]);
        for bad in [
            &b"\x00\x01\x00\x00octet\x00"[..],
            &b"\x00\x03fw.bin\x00octet\x00"[..],
            b"\x00\x01fw.bin\x00binary\x00",
            b"\x00\x01fw.bin\x00octet",
            b"\x00\x01",
        ] {
            assert_eq!(TFTP.probe(Carrier::Udp, Direction::ToServer, bad), Probe::No);
        }
    }
}
