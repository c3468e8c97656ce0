//! ICMP for IPv4 and IPv6 with neighbour discovery: who answers to which address, and who calls itself a router.
//!
//! Deliberately not read: packets quoted in errors, redirect and router options beyond link-layer addresses.
//!
//! Specifications: RFC 792, RFC 4443, RFC 4861 (neighbour discovery).

mod mld;

use std::net::{IpAddr, Ipv6Addr};

use dogwatch_model::{Act, Attribute, FactValue, Mac, Object, Subject, Transport, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::datagram::DatagramProtocol;
use crate::reader::Reader;
use crate::text::Text;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// ICMP for IPv4.
pub(crate) static ICMP: DatagramProtocol = DatagramProtocol {
    name: "icmp",
    hints: &[Hint::Ip(1)],
    carriers: &[Carrier::Ip],
    probe: |head| match head {
        [0 | 3 | 4 | 5 | 8..=18, 0..=15, _, _, _, _, _, _, ..] => Probe::Yes,
        _ => Probe::No,
    },
    read,
};

/// ICMP for IPv6.
pub(crate) static ICMPV6: DatagramProtocol = DatagramProtocol {
    name: "icmpv6",
    hints: &[Hint::Ip(58)],
    carriers: &[Carrier::Ip],
    probe: |head| match head {
        [1..=4 | 128..=161, 0..=10, _, _, _, _, _, _, ..] => Probe::Yes,
        _ => Probe::No,
    },
    read: read6,
};

/// The IP protocol number is part of what these are: the two share no message.
fn expect(chunk: &Chunk<'_>, number: u8) -> Result<(), ParseError> {
    if chunk.flow.transport == Transport::Ip(number) {
        Ok(())
    } else {
        Err(ParseError::Malformed { what: "icmp", at: 0, why: "another IP protocol" })
    }
}

fn read(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    expect(chunk, 1)?;
    let mut reader = Reader::new("icmp", chunk.bytes);
    let [kind, code] = reader.array()?;
    let _checksum = reader.be16()?;
    let rest: [u8; 4] = reader.array()?;
    let gateway = Text::<16>::of(format_args!("{}", std::net::Ipv4Addr::from(rest)));
    let object = Object::Device { unit: None };
    let (name, act) = match kind {
        0 => ("echo-reply", Some(Act::Reply { verb: Verb::Diagnose, object, refused: false })),
        3 => ("unreachable", None),
        4 => ("source-quench", None),
        5 => ("redirect", Some(Act::Publishes { object: Object::Named(gateway.as_str()) })),
        8 => ("echo-request", Some(Act::Request { verb: Verb::Diagnose, object })),
        9 => ("router-advertisement", Some(Act::Publishes { object: Object::Named("router") })),
        10 => ("router-solicitation", Some(Act::Request { verb: Verb::Discover, object })),
        11 => ("time-exceeded", None),
        12 => ("parameter-problem", None),
        13 => ("timestamp-request", Some(Act::Request { verb: Verb::Diagnose, object })),
        14 => ("timestamp-reply", Some(Act::Reply { verb: Verb::Diagnose, object, refused: false })),
        17 => ("mask-request", Some(Act::Request { verb: Verb::Discover, object })),
        18 => ("mask-reply", Some(Act::Reply { verb: Verb::Discover, object, refused: false })),
        _ => ("other", None),
    };
    let fields = Shown(|visit| {
        visit.number("type", kind);
        visit.number("code", code);
    });
    emit.plain(name, act.as_slice(), &fields);
    Ok(())
}

/// The link-layer address in an option of `wanted` kind: 1 of the sender, 2 of the target.
fn link_address(mut options: Reader<'_>, wanted: u8) -> Option<Mac> {
    loop {
        let [kind, length] = options.array().ok()?;
        let body = usize::from(length).checked_mul(8)?.checked_sub(2)?;
        let content = options.take(body).ok()?;
        if kind == wanted {
            let mac = Mac(*content.first_chunk()?);
            return (!mac.is_group() && !mac.is_none()).then_some(mac);
        }
    }
}

/// A binding is told each time, as with ARP.
fn binding(acts: &mut Acts<'_>, mac: Option<Mac>, address: Option<IpAddr>, method: &'static str) {
    if let (Some(mac), Some(address)) = (mac, address)
        && !address.is_unspecified()
        && !address.is_multicast()
    {
        acts.says_about(Subject::Mac(mac), Attribute::IpAddress, FactValue::Ip(address), 90, method);
    }
}

fn read6(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    expect(chunk, 58)?;
    let mut reader = Reader::new("icmpv6", chunk.bytes);
    let [kind, code] = reader.array()?;
    let _checksum = reader.be16()?;
    if mld::is_ours(kind) {
        return mld::read(kind, reader, emit);
    }
    let object = Object::Device { unit: None };
    let mut acts = Acts::new();
    let mut target = None;
    let name;
    match kind {
        128 => {
            acts.request(Verb::Diagnose, object);
            name = "echo-request";
        }
        129 => {
            acts.reply(Verb::Diagnose, object, false);
            name = "echo-reply";
        }
        133 => {
            acts.request(Verb::Discover, object);
            let _reserved = reader.be32()?;
            binding(&mut acts, link_address(reader, 1), chunk.flow.src, "nd.solicitation");
            name = "router-solicitation";
        }
        134 => {
            acts.push(Act::Publishes { object: Object::Named("router") });
            let _limits_and_timers = reader.take(12)?;
            binding(&mut acts, link_address(reader, 1), chunk.flow.src, "nd.router");
            name = "router-advertisement";
        }
        135 | 136 => {
            let _flags = reader.be32()?;
            let address = IpAddr::V6(Ipv6Addr::from(reader.array::<16>()?));
            target = Some(address);
            if kind == 135 {
                binding(&mut acts, link_address(reader, 1), chunk.flow.src, "nd.solicitation");
                name = "neighbor-solicitation";
            } else {
                binding(&mut acts, link_address(reader, 2), target, "nd.advertisement");
                name = "neighbor-advertisement";
            }
        }
        137 => name = "redirect",
        1..=4 => name = "error",
        _ => name = "other",
    }
    let text = target.map(|target| Text::<46>::of(format_args!("{target}")));
    let mut all = Acts::new();
    if let Some(text) = &text {
        let object = Object::Named(text.as_str());
        if kind == 135 {
            all.request(Verb::Discover, object);
        } else {
            all.reply(Verb::Discover, object, false);
        }
    }
    acts.as_slice().iter().for_each(|act| all.push(*act));
    let fields = Shown(|visit| {
        visit.number("type", kind);
        visit.number("code", code);
        visit.maybe_text("target", text.as_ref().map(Text::as_str));
    });
    emit.plain(name, all.as_slice(), &fields);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{Conversation, flow, hex};
    use dogwatch_model::Direction::ToServer;

    fn hear(protocol: &dyn Protocol, number: u8, src: Option<&str>, bytes: &[u8]) -> Conversation {
        let mut flow = flow(Carrier::Ip, ToServer, 0, 0);
        flow.transport = Transport::Ip(number);
        flow.src = src.map(|src| src.parse().unwrap()).or(flow.src);
        let mut conversation = Conversation::new(protocol, Carrier::Ip, 0);
        conversation.send_on(&flow, ToServer, bytes);
        conversation
    }

    #[test]
    fn echoes() {
        let heard = hear(&ICMP, 1, None, &hex("08 00 f7ff 0000 0000")).heard;
        assert_eq!(
            (heard.seen[0].kind.as_str(), &heard.seen[0].acts[0][..]),
            ("echo-request", "request diagnose device")
        );
        let heard = hear(&ICMP, 1, None, &hex("05 01 0000 0a000009")).heard;
        assert_eq!(heard.seen[0].acts, ["publishes 10.0.0.9"]);
        assert_eq!(hear(&ICMP, 47, None, &hex("08 00 f7ff 0000 0000")).heard.errors.len(), 1, "another protocol");
    }

    #[test]
    fn neighbours() {
        let asked = hex("87 00 0000 00000000 fe800000000000000000000000000002 01 01 020000000001");
        assert_eq!(
            hear(&ICMPV6, 58, Some("fe80::1"), &asked).heard.seen[0].acts,
            ["request discover fe80::2", "says 02:00:00:00:00:01 ip_address=fe80::1 (nd.solicitation)"]
        );
        let answer = hex("88 00 0000 60000000 fe800000000000000000000000000002 02 01 020000000002");
        assert_eq!(
            hear(&ICMPV6, 58, Some("fe80::2"), &answer).heard.seen[0].acts,
            ["reply discover fe80::2", "says 02:00:00:00:00:02 ip_address=fe80::2 (nd.advertisement)"]
        );
        let stuck = hex("88 00 0000 60000000 fe800000000000000000000000000002 05 00");
        assert_eq!(hear(&ICMPV6, 58, Some("fe80::2"), &stuck).heard.seen[0].acts.len(), 1, "an option of no length");
    }

    #[test]
    fn groups_wanted_and_left() {
        let record = |kind: &str, last: &str| format!("{kind} 00 0000 ff0200000000000000000000000000{last}");
        let report = hex(&format!("8f 00 0000 0000 0002 {} {}", record("04", "fb"), record("03", "0c")));
        let heard = hear(&ICMPV6, 58, Some("fe80::1"), &report).heard;
        assert_eq!(
            heard.seen[0].acts,
            ["request read ff02::fb", "says multicast_group=ff02::fb (mld.report)"],
            "the second group is left"
        );
        let query = hex("82 00 0000 03e8 0000 00000000000000000000000000000000");
        assert_eq!(hear(&ICMPV6, 58, Some("fe80::1"), &query).heard.seen[0].acts, ["request discover device"]);
    }
}
