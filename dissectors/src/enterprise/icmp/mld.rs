//! Multicast listener discovery: who wants which group of IPv6. It is the IGMP of ICMPv6. Specification: RFC 2710 clause 3, RFC 3810 clause 5.

use std::net::Ipv6Addr;

use dogwatch_model::{Attribute, FactValue, Object, Verb};

use crate::ParseError;
use crate::acts::{Acts, Emit, Shown};
use crate::reader::Reader;
use crate::text::Text;

/// Groups of one report that are told.
const MOST: usize = 8;
const QUERY: u8 = 130;
const REPORT: u8 = 131;
const DONE: u8 = 132;
const REPORT_2: u8 = 143;

/// Whether this type is one of ours.
pub(super) const fn is_ours(kind: u8) -> bool {
    matches!(kind, QUERY | REPORT | DONE | REPORT_2)
}

/// Reads a message behind type, code and checksum.
pub(super) fn read(kind: u8, mut reader: Reader<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let mut groups = [const { Text::<46>::new() }; MOST];
    let name = match kind {
        REPORT_2 => {
            let _reserved = reader.be16()?;
            let count = reader.be16()?;
            let mut told = groups.iter_mut();
            for _ in 0..count {
                let [record, auxiliary] = reader.array()?;
                let sources = reader.be16()?;
                let group = Ipv6Addr::from(reader.array::<16>()?);
                let _sources = reader.take(usize::from(sources).saturating_mul(16))?;
                let _auxiliary = reader.take(usize::from(auxiliary).saturating_mul(4))?;
                // To include nobody is to leave; to block sources is not to join.
                let joins = !matches!((record, sources), (1 | 3, 0) | (6, _));
                if let Some(slot) = joins.then(|| told.next()).flatten() {
                    *slot = Text::of(format_args!("{group}"));
                }
            }
            "multicast-listener-report"
        }
        _ => {
            let _delay_and_reserved = reader.be32()?;
            let group = Ipv6Addr::from(reader.array::<16>()?);
            if let Some(slot) = groups.first_mut().filter(|_| !group.is_unspecified()) {
                *slot = Text::of(format_args!("{group}"));
            }
            match kind {
                QUERY => "multicast-listener-query",
                DONE => "multicast-listener-done",
                _ => "multicast-listener-report",
            }
        }
    };
    let told = || groups.iter().filter(|group| !group.is_empty());
    let mut acts = Acts::new();
    match kind {
        QUERY => acts.request(Verb::Discover, Object::Device { unit: None }),
        DONE => {}
        _ => {
            for group in told() {
                acts.request(Verb::Read, Object::Named(group.as_str()));
                acts.says(Attribute::MulticastGroup, FactValue::Text(group.as_str()), 80, "mld.report");
            }
        }
    }
    let fields = Shown(|visit| {
        visit.number("type", kind);
        visit.one_or_list("multicast_address", told().map(Text::as_str));
    });
    emit.message(name, &mut acts, &fields);
    Ok(())
}
