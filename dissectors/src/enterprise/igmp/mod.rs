//! IGMP: who wants which multicast group. Specification: RFC 1112, RFC 2236, RFC 3376 clause 4.

use std::net::Ipv4Addr;

use dogwatch_model::{Object, Transport, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::datagram::DatagramProtocol;
use crate::reader::Reader;
use crate::text::Text;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// IGMP.
pub(crate) static IGMP: DatagramProtocol = DatagramProtocol {
    name: "igmp",
    hints: &[Hint::Ip(2)],
    carriers: &[Carrier::Ip],
    probe: |head| match head {
        [0x11 | 0x12 | 0x16 | 0x17, _, _, _, 0 | 224..=239, _, _, _, ..] => Probe::Yes,
        [0x22, 0, _, _, _, _, 0, 1..=64, ..] => Probe::Yes,
        _ => Probe::No,
    },
    read,
};

/// Groups of one report that are told.
const MOST: usize = 12;

fn read(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    if chunk.flow.transport != Transport::Ip(2) {
        return Err(ParseError::Malformed { what: "igmp", at: 0, why: "another IP protocol" });
    }
    let mut reader = Reader::new("igmp", chunk.bytes);
    let kind = reader.u8()?;
    let _code_and_checksum = reader.array::<3>()?;
    let mut groups = [const { Text::<16>::new() }; MOST];
    if kind == 0x22 {
        let _reserved = reader.be16()?;
        let count = reader.be16()?;
        for slot in groups.iter_mut().take(count.into()) {
            let [_record, auxiliary] = reader.array()?;
            let sources = reader.be16()?;
            *slot = Text::of(format_args!("{}", Ipv4Addr::from(reader.array::<4>()?)));
            let _sources = reader.take(usize::from(sources).saturating_mul(4))?;
            let _auxiliary = reader.take(usize::from(auxiliary).saturating_mul(4))?;
        }
    } else if let Some(slot) = groups.first_mut() {
        *slot = Text::of(format_args!("{}", Ipv4Addr::from(reader.array::<4>()?)));
    }
    let told = || groups.iter().filter(|group| !group.is_empty());
    let mut acts = Acts::new();
    let name = match kind {
        0x11 => {
            acts.request(Verb::Discover, Object::Device { unit: None });
            "query"
        }
        0x17 => "leave",
        _ => {
            told().for_each(|group| acts.request(Verb::Read, Object::Named(group.as_str())));
            "report"
        }
    };
    let fields = Shown(|visit| {
        visit.number("type", kind);
        visit.one_or_list("maddr", told().map(Text::as_str));
    });
    emit.message(name, &mut acts, &fields);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::{Conversation, flow, hex};
    use dogwatch_model::Direction::ToServer;

    #[test]
    fn groups_wanted() {
        let mut flow = flow(Carrier::Ip, ToServer, 0, 0);
        flow.transport = Transport::Ip(2);
        let mut conversation = Conversation::new(&IGMP, Carrier::Ip, 0);
        conversation.send_on(&flow, ToServer, &hex("16 00 0000 efc00001"));
        conversation.send_on(
            &flow,
            ToServer,
            &hex("22 00 0000 0000 0002 04 00 0000 efc00001 04 00 0001 efc00002 0a000001"),
        );
        conversation.send_on(&flow, ToServer, &hex("22 00 0000 0000 0002 04 00 0000 efc00001"));
        assert_eq!(conversation.heard.seen[0].acts, ["request read 239.192.0.1"]);
        assert_eq!(conversation.heard.seen[1].acts, ["request read 239.192.0.1", "request read 239.192.0.2"]);
        assert_eq!(conversation.heard.errors[0].kind(), "incomplete");
    }
}
