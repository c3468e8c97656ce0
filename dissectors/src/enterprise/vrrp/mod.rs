//! VRRP and CARP: which router answers for a shared address. Both are IP protocol 112 and are told apart by their lengths.
//!
//! Deliberately not read: authentication data. Specification: RFC 3768, RFC 5798 (RFC 9568) clause 5.2; CARP: ip_carp.h of OpenBSD.

use std::net::IpAddr;

use dogwatch_model::{Act, Attribute, FactValue, Object, Transport};

use crate::acts::{Acts, Emit, Shown};
use crate::datagram::DatagramProtocol;
use crate::reader::Reader;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// VRRP.
pub(crate) static VRRP: DatagramProtocol = DatagramProtocol {
    name: "vrrp",
    hints: &[Hint::Ip(112)],
    carriers: &[Carrier::Ip],
    probe: |head| if is_vrrp(head) { Probe::Yes } else { Probe::No },
    read: vrrp,
};

/// CARP.
pub(crate) static CARP: DatagramProtocol = DatagramProtocol {
    name: "carp",
    hints: &[Hint::Ip(112)],
    carriers: &[Carrier::Ip],
    probe: |head| if is_carp(head) { Probe::Yes } else { Probe::No },
    read: carp,
};

/// Bytes of a CARP packet; seven words of authentication are counted in its header.
const CARP_LENGTH: usize = 36;
/// Addresses told of one packet.
const MOST: usize = 8;

fn is_carp(head: &[u8]) -> bool {
    head.len() >= CARP_LENGTH && matches!(head, [0x21, id, _, 7, 0, _, ..] if *id != 0)
}

/// Length of addresses behind the header; `None` when it does not fit the number of addresses.
fn address_length(head: &[u8]) -> Option<usize> {
    let &[kind, id, _, count, third, ..] = head.get(..8)? else { return None };
    let count = usize::from(count);
    if id == 0 || count == 0 || count > 20 {
        return None;
    }
    let body = head.len().checked_sub(8)?;
    match kind {
        // Version 2: authentication of eight bytes behind the addresses; link layers may pad.
        0x21 if third <= 2 && body >= count.checked_mul(4)?.checked_add(8)? && !is_carp(head) => Some(4),
        // Version 3: four reserved bits are zero.
        0x31 if third & 0xf0 == 0 => match (body.checked_div(count)?, body.checked_rem(count)?) {
            (16, 0) => Some(16),
            _ if body >= count.checked_mul(4)? => Some(4),
            _ => None,
        },
        _ => None,
    }
}

fn is_vrrp(head: &[u8]) -> bool {
    address_length(head).is_some()
}

fn expect(chunk: &Chunk<'_>) -> Result<(), ParseError> {
    if chunk.flow.transport == Transport::Ip(112) {
        Ok(())
    } else {
        Err(ParseError::Malformed { what: "vrrp", at: 0, why: "another IP protocol" })
    }
}

fn vrrp(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    expect(chunk)?;
    let length = address_length(chunk.bytes).ok_or(ParseError::Malformed {
        what: "vrrp",
        at: 0,
        why: "length and number of addresses",
    })?;
    let mut reader = Reader::new("vrrp", chunk.bytes);
    let [kind, id, priority, count, third, fourth] = reader.array()?;
    let _checksum = reader.be16()?;
    let mut addresses = [None; MOST];
    for at in 0..usize::from(count) {
        let address =
            if length == 16 { IpAddr::from(reader.array::<16>()?) } else { IpAddr::from(reader.array::<4>()?) };
        if let Some(slot) = addresses.get_mut(at) {
            *slot = Some(address);
        }
    }
    let version = kind >> 4;
    let mut acts = Acts::new();
    acts.push(Act::Publishes { object: Object::Named("virtual-router") });
    acts.says(Attribute::DeviceClass, FactValue::Text("router"), 60, "vrrp.advertisement");
    if version == 2 && third == 1 {
        acts.odd("clear-text-credentials");
    }
    // Priority 0: the master takes its leave.
    let kind = if priority == 0 { "resignation" } else { "advertisement" };
    let fields = Shown(|visit| {
        visit.number("version", version);
        visit.number("virt_rtr_id", id);
        visit.number("prio", priority);
        visit.one_or_list(if length == 16 { "ip6_addr" } else { "ip_addr" }, addresses.iter().flatten());
        if version == 2 {
            visit.number("auth_type", third);
            visit.number("adver_int", fourth);
        }
    });
    emit.message(kind, &mut acts, &fields);
    Ok(())
}

fn carp(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    expect(chunk)?;
    let mut reader = Reader::new("carp", chunk.bytes);
    let [kind, id, skew, _words, _pad, base] = reader.array()?;
    let mut acts = Acts::new();
    acts.push(Act::Publishes { object: Object::Named("virtual-router") });
    let fields = Shown(|visit| {
        visit.number("version", kind >> 4);
        visit.number("vhid", id);
        visit.number("adv_skew", skew);
        visit.number("adv_base", base);
    });
    emit.message("advertisement", &mut acts, &fields);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{Conversation, flow, hex};
    use dogwatch_model::Direction::ToServer;

    fn hear(protocol: &dyn Protocol, bytes: &[u8]) -> Conversation {
        let mut flow = flow(Carrier::Ip, ToServer, 0, 0);
        flow.transport = Transport::Ip(112);
        let mut conversation = Conversation::new(protocol, Carrier::Ip, 0);
        conversation.send_on(&flow, ToServer, bytes);
        conversation
    }

    #[test]
    fn a_router_answers_for_an_address() {
        let bytes = hex("21 33 c8 01 01 01 0000 0ac7f501 0000000000000000");
        let seen = hear(&VRRP, &bytes).heard.seen;
        assert_eq!(
            seen[0].acts,
            ["publishes virtual-router", "says device_class=router (vrrp.advertisement)", "odd clear-text-credentials"]
        );
        assert_eq!(seen[0].field("ip_addr"), "10.199.245.1");
        let six = hex("31 01 64 01 0064 0000 fe800000000000000000000000000001");
        assert_eq!(hear(&VRRP, &six).heard.seen[0].field("ip6_addr"), "fe80::1");
    }

    #[test]
    fn carp_is_told_apart() {
        let bytes = [hex("21 01 00 07 00 01 0000"), vec![0x4f; 28]].concat();
        assert_eq!(CARP.probe(Carrier::Ip, ToServer, &bytes), Probe::Yes);
        assert_eq!(VRRP.probe(Carrier::Ip, ToServer, &bytes), Probe::No);
        assert_eq!(hear(&CARP, &bytes).heard.seen[0].field("vhid"), "1");
        assert_eq!(VRRP.probe(Carrier::Ip, ToServer, &hex("21 33 c8 05 00 01 0000 0ac7f501")), Probe::No);
    }
}
