//! EAPOL: stations that log in at a switch port (802.1X).
//!
//! Deliberately not read: methods and keys. Specification: IEEE 802.1X-2020 clause 11.3, RFC 3748 clauses 4 and 5.

use dogwatch_model::{Attribute, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::datagram::DatagramProtocol;
use crate::reader::Reader;
use crate::text::printable;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// EAPOL.
pub(crate) static EAPOL: DatagramProtocol =
    DatagramProtocol { name: "eapol", hints: &[Hint::EtherType(0x888e)], carriers: &[Carrier::Ethernet], probe, read };

/// A known version and type, a length that fits, and inside an EAP packet of the same length.
fn probe(head: &[u8]) -> Probe {
    let fits = match head {
        [1..=3, kind @ 0..=8, h, l, body @ ..] => {
            let length = usize::from(u16::from_be_bytes([*h, *l]));
            let inner = match (*kind, body) {
                (0, [1..=4, _, a, b, ..]) => usize::from(u16::from_be_bytes([*a, *b])) == length,
                (0, _) => false,
                (1 | 2, _) => length == 0 && body.iter().all(|byte| *byte == 0),
                (3, [1 | 2 | 254, ..]) => length >= 4,
                (3, _) => false,
                _ => length > 0,
            };
            inner && length <= body.len()
        }
        _ => false,
    };
    if fits { Probe::Yes } else { Probe::No }
}

fn read(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let mut reader = Reader::new("eapol", chunk.bytes);
    let [version, kind] = reader.array()?;
    let length = reader.be16()?;
    let body = reader.take(length.into())?;
    let device = Object::Device { unit: None };
    let mut acts = Acts::new();
    let mut identity = None;
    let name = match (kind, body) {
        (0, [2, _, _, _, 1, name @ ..]) => {
            identity = printable(name);
            acts.request(Verb::Login, identity.map_or(device, Object::Named));
            acts.says_text(Attribute::Account, identity, 80, "eap.identity");
            "identity"
        }
        (0, [3, ..]) => {
            acts.reply(Verb::Login, device, false);
            "success"
        }
        (0, [4, ..]) => {
            acts.reply(Verb::Login, device, true);
            "failure"
        }
        (0, [1, ..]) => "request",
        (0, _) => "response",
        (1, _) => {
            acts.request(Verb::Login, device);
            "start"
        }
        (2, _) => "logoff",
        (3, _) => "key",
        _ => "other",
    };
    let method = match body {
        [1 | 2, _, _, _, method, ..] if kind == 0 => Some(*method),
        _ => None,
    };
    // MD5 challenges and one-time passwords prove nothing of the network to the station.
    if matches!(method, Some(4..=6)) {
        acts.odd("eapol.weak-method");
    }
    let fields = Shown(|visit| {
        visit.number("version", version);
        visit.number("type", kind);
        visit.maybe("eap_type", method);
        visit.maybe_text("eap_identity", identity);
    });
    emit.message(name, &mut acts, &fields);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{datagram, hex};
    use dogwatch_model::Direction::ToServer;

    #[test]
    fn a_station_logs_in_and_is_refused() {
        for (bytes, kind, acts) in [
            ("01 01 0000", "start", &["request login device"][..]),
            (
                "02 00 0009 02 01 0009 01 6d617465",
                "identity",
                &["request login mate", "says account=mate (eap.identity)"],
            ),
            ("01 00 0004 04 01 0004", "failure", &["refusal login device"]),
        ] {
            let seen = &datagram(&EAPOL, Carrier::Ethernet, 0, &hex(bytes)).seen[0];
            assert_eq!(
                (seen.kind.as_str(), &seen.acts[..]),
                (kind, &acts.iter().map(|a| (*a).to_owned()).collect::<Vec<_>>()[..])
            );
            assert_eq!(EAPOL.probe(Carrier::Ethernet, ToServer, &hex(bytes)), Probe::Yes, "{bytes}");
        }
        for bytes in ["01 00 0009 02 01 0008 01 6d617465", "01 01 0001 00", "04 01 0000", "01 00 0004 05 01 0004"] {
            assert_eq!(EAPOL.probe(Carrier::Ethernet, ToServer, &hex(bytes)), Probe::No, "{bytes}");
        }
    }
}
