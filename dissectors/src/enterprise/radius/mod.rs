//! RADIUS: which network device asks whether somebody may come in, and the answer.
//!
//! Deliberately not read: passwords (hidden by a shared secret) and what vendors add; authenticators are not checked.
//!
//! Specification: RFC 2865 clauses 3 and 5, RFC 2866 (accounting), RFC 5176 (disconnect and change of authorisation).

use dogwatch_model::{Act, Attribute, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::datagram::DatagramProtocol;
use crate::reader::Reader;
use crate::text::printable;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// RADIUS.
pub(crate) static RADIUS: DatagramProtocol = DatagramProtocol {
    name: "radius",
    hints: &[Hint::Udp(1812), Hint::Udp(1813), Hint::Udp(1645), Hint::Udp(1646), Hint::Udp(3799), Hint::Udp(1700)],
    carriers: &[Carrier::Udp],
    probe,
    read,
};

/// Codes with their names (IANA radius-types).
const fn name(code: u8) -> Option<&'static str> {
    Some(match code {
        1 => "access-request",
        2 => "access-accept",
        3 => "access-reject",
        4 => "accounting-request",
        5 => "accounting-response",
        11 => "access-challenge",
        12 => "status-server",
        13 => "status-client",
        40 => "disconnect-request",
        41 => "disconnect-ack",
        42 => "disconnect-nak",
        43 => "coa-request",
        44 => "coa-ack",
        45 => "coa-nak",
        _ => return None,
    })
}

/// A known code, the length of the datagram, and attributes that fill it to the last byte.
fn probe(head: &[u8]) -> Probe {
    let fits = |head: &[u8]| {
        let mut reader = Reader::new("radius", head);
        let [code, _id] = reader.array().ok()?;
        let length = usize::from(reader.be16().ok()?);
        let authenticator: [u8; 16] = reader.array().ok()?;
        name(code)?;
        if length != head.len() || (length == 20 && authenticator == [0; 16]) {
            return None;
        }
        // Requests for access or about sessions name somebody or something.
        if length == 20 && !matches!(code, 2 | 3 | 5 | 41 | 42 | 44 | 45) {
            return None;
        }
        while !reader.is_empty() {
            let [kind, length] = reader.array().ok()?;
            let body = usize::from(length).checked_sub(2).filter(|_| kind != 0)?;
            let value = reader.take(body).ok()?;
            let right = match kind {
                // Numbers and addresses of four bytes, the proof of 16.
                4 | 5 | 6 | 7 | 8 | 9 | 10 | 12 | 13 | 14 | 15 | 16 | 27 | 28 | 40 | 41 | 42 | 43 | 46 | 47 | 48
                | 61 => value.len() == 4,
                80 => value.len() == 16,
                _ => true,
            };
            right.then_some(())?;
        }
        Some(())
    };
    if fits(head).is_some() { Probe::Yes } else { Probe::No }
}

fn read(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let mut reader = Reader::new("radius", chunk.bytes);
    let [code, id] = reader.array()?;
    let length = reader.be16()?;
    let _authenticator = reader.take(16)?;
    let body = usize::from(length).saturating_sub(20);
    let mut attributes = Reader::new("radius attributes", reader.rest().get(..body).unwrap_or(reader.rest()));
    let kind = name(code).ok_or(ParseError::Malformed { what: "radius", at: 0, why: "unknown code" })?;
    let (mut user, mut device, mut calling, mut nas) = (None, None, None, None);
    while let Ok([kind, length]) = attributes.array() {
        let Some(value) = usize::from(length).checked_sub(2).and_then(|body| attributes.take(body).ok()) else {
            emit.error(ParseError::Malformed { what: "radius attribute", at: 0, why: "length" });
            break;
        };
        match kind {
            1 => user = printable(value),
            4 => nas = value.first_chunk::<4>().map(|bytes| std::net::Ipv4Addr::from(*bytes)),
            31 => calling = printable(value),
            32 => device = printable(value),
            _ => {}
        }
    }
    let object = user.map_or(Object::Device { unit: None }, Object::Named);
    let mut acts = Acts::new();
    match code {
        1 => acts.request(Verb::Login, object),
        2 => acts.reply(Verb::Login, object, false),
        3 => acts.reply(Verb::Login, object, true),
        4 => acts.push(Act::Publishes { object }),
        12 | 13 => acts.request(Verb::Diagnose, object),
        40 | 43 => acts.request(Verb::Control, object),
        41 | 44 => acts.reply(Verb::Control, object, false),
        42 | 45 => acts.reply(Verb::Control, object, true),
        _ => {}
    }
    if matches!(code, 1 | 4) {
        acts.says_text(Attribute::Name, device, 80, "radius.nas-identifier");
    }
    let fields = Shown(|visit| {
        visit.coded("code", code, Some(kind));
        visit.number("id", id);
        visit.maybe_text("user_name", user);
        visit.maybe_text("nas_identifier", device);
        visit.maybe_text("calling_station_id", calling);
        if let Some(nas) = nas {
            visit.shown("nas_ip_address", nas);
        }
    });
    emit.message(kind, &mut acts, &fields);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{datagram, hex};
    use dogwatch_model::Direction::ToServer;

    fn packet(code: u8, attributes: &str) -> Vec<u8> {
        let attributes = hex(attributes);
        let mut bytes = vec![code, 7];
        bytes.extend(u16::try_from(20 + attributes.len()).unwrap().to_be_bytes());
        bytes.extend([9; 16]);
        bytes.extend(attributes);
        bytes
    }

    #[test]
    fn somebody_asks_to_come_in() {
        let asked = packet(1, "01 06 6d617465 02 12 00112233445566778899aabbccddeeff 20 04 7331 04 06 0a000001");
        assert_eq!(RADIUS.probe(Carrier::Udp, ToServer, &asked), Probe::Yes);
        let seen = &datagram(&RADIUS, Carrier::Udp, 1812, &asked).seen[0];
        assert_eq!(seen.acts, ["request login mate", "says name=s1 (radius.nas-identifier)"]);
        assert_eq!(seen.field("nas_ip_address"), "10.0.0.1");
        assert!(!seen.fields.to_string().contains("00112233"));
        assert_eq!(datagram(&RADIUS, Carrier::Udp, 1812, &packet(3, "")).seen[0].acts, ["refusal login device"]);
    }

    #[test]
    fn lengths_must_fit() {
        let mut long = packet(1, "01 06 6d617465");
        long.push(0);
        for bytes in
            [long, packet(1, "01 07 6d617465"), packet(1, ""), packet(9, "01 06 6d617465"), packet(1, "04 05 0a0000")]
        {
            assert_eq!(RADIUS.probe(Carrier::Udp, ToServer, &bytes), Probe::No, "{bytes:02x?}");
        }
    }
}
