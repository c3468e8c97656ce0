//! RIP: routers of the old kind that tell each other the way. Deliberately not read: the routes. Specification: RFC 1058, RFC 2453 clause 4.

use dogwatch_model::{Act, Attribute, FactValue, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::datagram::DatagramProtocol;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// RIP.
pub(crate) static RIP: DatagramProtocol =
    DatagramProtocol { name: "rip", hints: &[Hint::Udp(520)], carriers: &[Carrier::Udp], probe, read };

/// Entries of 20 bytes.
fn entries(bytes: &[u8]) -> Option<&[[u8; 20]]> {
    let (entries, rest) = bytes.get(4..)?.as_chunks();
    (rest.is_empty() && (1..=26).contains(&entries.len())).then_some(entries)
}

/// Command, version, zeros, and entries each of which is a route of IP, a question for all of them, or the proof.
fn probe(head: &[u8]) -> Probe {
    let fits = matches!(head, [1 | 2, 1 | 2, 0, 0, ..])
        && entries(head).is_some_and(|entries| {
            let version = head.get(1).copied().unwrap_or(0);
            entries.iter().enumerate().all(|(at, entry)| match entry {
                // The metric is 1 to 16; version 1 has zeros where version 2 has mask and next hop.
                [0, 2, t0, t1, _, _, _, _, rest @ .., 0, 0, 0, 1..=16] => {
                    version == 2 || (*t0 == 0 && *t1 == 0 && rest.iter().all(|byte| *byte == 0))
                }
                [0, 0, .., 0, 0, 0, 16] => head.first() == Some(&1),
                [0xff, 0xff, 0, 1..=3, ..] => version == 2 && (at == 0 || at.saturating_add(1) == entries.len()),
                _ => false,
            })
        });
    if fits { Probe::Yes } else { Probe::No }
}

fn read(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let error = ParseError::Malformed { what: "rip", at: 0, why: "entries do not fill it" };
    let [command, version, ..] = *chunk.bytes else { return Err(error) };
    let entries = entries(chunk.bytes).ok_or(error)?;
    let mut acts = Acts::new();
    if command == 1 {
        acts.request(Verb::Discover, Object::Named("routes"));
    } else {
        acts.push(Act::Publishes { object: Object::Named("routes") });
        acts.says(Attribute::DeviceClass, FactValue::Text("router"), 60, "rip.response");
    }
    match entries.first() {
        Some([0xff, 0xff, 0, 2, ..]) => acts.odd("clear-text-credentials"),
        Some([0xff, 0xff, ..]) => {}
        _ if command == 2 => acts.odd("rip.no-authentication"),
        _ => {}
    }
    let fields = Shown(|visit| {
        visit.number("command", command);
        visit.number("version", version);
        visit.number("entries", u8::try_from(entries.len()).unwrap_or(u8::MAX));
    });
    emit.message(if command == 1 { "request" } else { "response" }, &mut acts, &fields);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{datagram, hex};
    use dogwatch_model::Direction::ToServer;

    #[test]
    fn routes_are_told() {
        let route = "0002 0000 0a000000 ff000000 00000000 00000001";
        let told = hex(&format!("02 02 0000 {route}"));
        assert_eq!(RIP.probe(Carrier::Udp, ToServer, &told), Probe::Yes);
        let acts = &datagram(&RIP, Carrier::Udp, 520, &told).seen[0].acts;
        assert_eq!(acts.last().unwrap(), "odd rip.no-authentication");
        let proved = hex(&format!("02 02 0000 ffff 0002 {} {route}", "41".repeat(16)));
        let seen = &datagram(&RIP, Carrier::Udp, 520, &proved).seen[0];
        assert_eq!(seen.acts.last().unwrap(), "odd clear-text-credentials");
        assert!(!seen.fields.to_string().contains("4141"));
        for bytes in [format!("02 02 0000 {route} 00"), format!("02 01 0000 {route}"), "01 01 0000".into()] {
            assert_eq!(RIP.probe(Carrier::Udp, ToServer, &hex(&bytes)), Probe::No, "{bytes}");
        }
    }
}
