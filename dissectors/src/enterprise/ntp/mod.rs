//! NTP: who gives time to whom, and management of it (modes 6 and 7). Specification: RFC 5905 clause 7.3, RFC 9327 (mode 6).

use dogwatch_model::{Act, Attribute, FactValue, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::datagram::DatagramProtocol;
use crate::reader::Reader;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// NTP.
pub(crate) static NTP: DatagramProtocol =
    DatagramProtocol { name: "ntp", hints: &[Hint::Udp(123)], carriers: &[Carrier::Udp], probe, read };

/// Bytes of a message without extensions.
const LENGTH: usize = 48;

/// There is no magic number, so every field that has a range must keep it.
fn probe(head: &[u8]) -> Probe {
    let Some([flags, stratum, poll, precision, rest @ ..]) = head.get(..LENGTH) else {
        return control(head);
    };
    let (version, mode) = (flags >> 3 & 7, flags & 7);
    // Root delay and dispersion in seconds: their upper halves.
    let small = |at: usize| rest.get(at..at.saturating_add(2)).is_some_and(|half| matches!(half, [0, 0..=63]));
    // Some clients hide their precision behind a fixed 32.
    let clock = *precision == 0 || *precision >= 0xe0 || (mode == 3 && *precision == 0x20);
    // The smallest client leaves everything but the first byte empty (RFC 4330 clause 5).
    let is_bare = mode == 3 && head.len() == LENGTH;
    let fits = (1..=4).contains(&version)
        && (1..=5).contains(&mode)
        && *stratum <= 16
        && *poll <= 17
        && clock
        && small(0)
        && small(4)
        && is_tail(head.get(LENGTH..).unwrap_or_default())
        && (is_bare || rest.iter().any(|byte| *byte != 0));
    if fits { Probe::Yes } else { control(head) }
}

/// What may follow: extension fields, each with its length of at least 16, and an authenticator of 4, 20 or 24 bytes (RFC 7822 clause 3).
fn is_tail(mut tail: &[u8]) -> bool {
    while !matches!(tail.len(), 0 | 4 | 20 | 24) {
        let Some([_, _, high, low]) = tail.first_chunk() else { return false };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        if length < 16 || !length.is_multiple_of(4) {
            return false;
        }
        let Some(rest) = tail.get(length..) else { return false };
        tail = rest;
    }
    true
}

/// Mode 6: a count that fits the datagram.
fn control(head: &[u8]) -> Probe {
    match head {
        [flags, code, _, _, s0, s1, _, _, o0, o1, c0, c1, data @ ..]
            if flags & 7 == 6 && (2..=4).contains(&(flags >> 3 & 7)) && code & 0x1f <= 12 && flags & 0xc0 == 0 =>
        {
            let count = usize::from(u16::from_be_bytes([*c0, *c1]));
            // A question has neither a status nor an offset yet (RFC 9327, clause 2).
            if code & 0x80 == 0 && [s0, s1, o0, o1].iter().any(|byte| **byte != 0) {
                return Probe::No;
            }
            let padded = count.next_multiple_of(4);
            if data.len() == count || data.len() == padded { Probe::Yes } else { Probe::No }
        }
        // Mode 7: a question of one of the three implementations about so many items of such a size (ntp_request.h of the reference
        // implementation); old programs pad it to a fixed length.
        [flags, _, 0 | 2 | 3, code, e0, e1, s0, s1, data @ ..]
            if flags & 0xc7 == 7 && (2..=4).contains(&(flags >> 3 & 7)) && *code <= 45 && e0 & 0xf0 == 0 =>
        {
            let (count, size) =
                (usize::from(u16::from_be_bytes([*e0, *e1])), usize::from(u16::from_be_bytes([*s0, *s1])));
            let needed = count.saturating_mul(size);
            if needed <= data.len() && matches!(data.len(), 0 | 40 | 152 | 160 | 180 | 184) {
                Probe::Yes
            } else {
                Probe::No
            }
        }
        _ => Probe::No,
    }
}

fn read(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let mut reader = Reader::new("ntp", chunk.bytes);
    let [flags, second] = reader.array()?;
    let (leap, version, mode) = (flags >> 6, flags >> 3 & 7, flags & 7);
    let object = Object::Device { unit: None };
    let mut acts = Acts::new();
    let kind = match mode {
        3 => {
            acts.request(Verb::Read, object);
            "client"
        }
        4 => {
            acts.reply(Verb::Read, object, false);
            "server"
        }
        5 => {
            acts.push(Act::Publishes { object });
            "broadcast"
        }
        1 | 2 => {
            acts.push(Act::Publishes { object });
            "symmetric"
        }
        // The answer bit of mode 6 stands in the second byte, that of mode 7 in the first.
        6 if second & 0x80 != 0 => {
            acts.reply(Verb::Diagnose, object, second & 0x40 != 0);
            "control"
        }
        7 if flags & 0x80 != 0 => {
            acts.reply(Verb::Diagnose, object, false);
            "private"
        }
        6 | 7 => {
            acts.request(Verb::Diagnose, object);
            if mode == 6 { "control" } else { "private" }
        }
        _ => return Err(ParseError::Malformed { what: "ntp", at: 0, why: "mode must not be 0" }),
    };
    if mode >= 6 {
        let fields = Shown(|visit| {
            visit.number("vn", version);
            visit.number("mode", mode);
        });
        emit.message(kind, &mut acts, &fields);
        return Ok(());
    }
    let _poll_precision_delay_dispersion = reader.take(10)?;
    let reference = reader.array::<4>()?;
    let _times = reader.take(32)?;
    if mode >= 4 && (1..=15).contains(&second) {
        acts.says(Attribute::Service, FactValue::Text("udp/123 ntp"), 90, "ntp.mode");
    }
    if mode >= 4 && leap == 3 {
        acts.odd("ntp.unsynchronised");
    }
    let fields = Shown(|visit| {
        visit.number("li", leap);
        visit.number("vn", version);
        visit.number("mode", mode);
        visit.number("stratum", second);
        visit.bytes("refid", &reference);
    });
    emit.message(kind, &mut acts, &fields);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{datagram, hex};
    use dogwatch_model::Direction;

    fn message(first: &str) -> Vec<u8> {
        let mut bytes = hex(first);
        bytes.resize(40, 0);
        bytes.extend([0xe0, 1, 2, 3, 4, 5, 6, 7]);
        bytes
    }

    #[test]
    fn modes() {
        for (first, kind, want) in [
            ("e3 00 04 fa", "client", &["request read device"][..]),
            ("24 01 04 ec", "server", &["reply read device", "says service=udp/123 ntp (ntp.mode)"]),
            (
                "e4 01 04 ec",
                "server",
                &["reply read device", "says service=udp/123 ntp (ntp.mode)", "odd ntp.unsynchronised"],
            ),
            ("25 02 04 ec", "broadcast", &["publishes device", "says service=udp/123 ntp (ntp.mode)"]),
        ] {
            let bytes = message(first);
            let heard = datagram(&NTP, Carrier::Udp, 123, &bytes);
            assert_eq!(
                (heard.seen[0].kind.as_str(), &heard.seen[0].acts[..]),
                (kind, &want.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>()[..])
            );
            assert_eq!(NTP.probe(Carrier::Udp, Direction::ToServer, &bytes), Probe::Yes);
        }
        let heard = datagram(&NTP, Carrier::Udp, 123, &hex("17 00 03 2a 00000000"));
        assert_eq!(heard.seen[0].acts, ["request diagnose device"], "a list of clients asked for");
    }

    #[test]
    fn not_time() {
        for bytes in [vec![0; 48], vec![0xff; 48], message("e3 30 04 fa"), message("e3 00 04 55"), vec![0x23; 20]] {
            assert_eq!(NTP.probe(Carrier::Udp, Direction::ToServer, &bytes), Probe::No);
        }
    }
}
