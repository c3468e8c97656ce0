//! L2TP version 2: who builds a tunnel to whom, and what both call themselves.
//!
//! Deliberately not told: data. Hidden attributes stay hidden. Specification: RFC 2661 clauses 3, 4.1 and 6.

use dogwatch_model::{Attribute, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::datagram::DatagramProtocol;
use crate::reader::Reader;
use crate::text::printable;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// L2TP.
pub(crate) static L2TP: DatagramProtocol = DatagramProtocol {
    name: "l2tp",
    hints: &[Hint::Udp(1701)],
    carriers: &[Carrier::Udp],
    probe: |head| match control(head) {
        Some(control) if control.kind.is_some() => Probe::Yes,
        _ => Probe::No,
    },
    read,
};

/// A control message.
#[derive(Default)]
struct Control<'a> {
    kind: Option<u16>,
    host: Option<&'a str>,
    vendor: Option<&'a str>,
}

/// Flags, version 2, a length that is the datagram's, attributes that fill it, the first one the type.
fn control(bytes: &[u8]) -> Option<Control<'_>> {
    let mut reader = Reader::new("l2tp", bytes);
    let [0xc8, 2, h, l] = reader.array().ok()? else { return None };
    if usize::from(u16::from_be_bytes([h, l])) != bytes.len() {
        return None;
    }
    let _tunnel_session_and_numbers = reader.take(8).ok()?;
    let mut control = Control::default();
    while !reader.is_empty() {
        let head = reader.be16().ok()?;
        let length = usize::from(head & 0x3ff).checked_sub(6)?;
        let (vendor, number) = (reader.be16().ok()?, reader.be16().ok()?);
        let content = reader.take(length).ok()?;
        let is_hidden = head & 0x4000 != 0;
        match (vendor, number) {
            (0, 0) => control.kind = Some(u16::from_be_bytes(content.try_into().ok()?)),
            _ if control.kind.is_none() => return None,
            (0, 7) if !is_hidden => control.host = printable(content),
            (0, 8) if !is_hidden => control.vendor = printable(content),
            _ => {}
        }
    }
    Some(control)
}

fn read(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    // The top bit tells control from data.
    if chunk.bytes.first().is_some_and(|first| first & 0x80 == 0) {
        return Ok(());
    }
    let control =
        control(chunk.bytes).ok_or(ParseError::Malformed { what: "l2tp", at: 0, why: "attributes do not fill it" })?;
    let Some(kind) = control.kind else { return Ok(()) };
    let object = Object::Named("tunnel");
    let mut acts = Acts::new();
    let name = match kind {
        1 => {
            acts.request(Verb::Login, object);
            "start-control-connection-request"
        }
        2 => {
            acts.reply(Verb::Login, object, false);
            "start-control-connection-reply"
        }
        3 => "start-control-connection-connected",
        4 => "stop-control-connection-notification",
        6 => "hello",
        7..=9 => "outgoing-call",
        10..=12 => "incoming-call",
        14 => "call-disconnect-notify",
        _ => "other",
    };
    acts.says_text(Attribute::Name, control.host, 75, "l2tp.host-name");
    acts.says_text(Attribute::Manufacturer, control.vendor, 60, "l2tp.vendor-name");
    let fields = Shown(|visit| {
        visit.number("message_type", kind);
        visit.maybe_text("host_name", control.host);
        visit.maybe_text("vendor_name", control.vendor);
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
    fn a_tunnel() {
        let bytes = hex("c802 001d 0000 0000 0000 0000 8008 0000 0000 0001 8009 0000 0007 677731");
        assert_eq!(L2TP.probe(Carrier::Udp, ToServer, &bytes), Probe::Yes);
        let seen = &datagram(&L2TP, Carrier::Udp, 1701, &bytes).seen[0];
        assert_eq!(seen.acts, ["request login tunnel", "says name=gw1 (l2tp.host-name)"]);
        for bytes in
            ["c802 000c 0000 0000 0000 0000", "c802 0015 0000 0000 0000 0000 8009 0000 0007 677731", "4002 000c"]
        {
            assert_eq!(L2TP.probe(Carrier::Udp, ToServer, &hex(bytes)), Probe::No, "{bytes}");
        }
    }
}
