//! The protocols in the order in which they are asked whether a flow is theirs: those whose usual port or EtherType it uses first, then all
//! others that its carrier can carry at all.

use dogwatch_dissectors::{Carrier, Hint, Probe, Protocol, Run};
use dogwatch_model::{Direction, Flow, Transport};

/// A protocol's place in the list.
pub(crate) type Index = u16;

/// The protocols, sorted for recognition once.
pub(crate) struct Catalogue {
    protocols: &'static [&'static dyn Protocol],
    /// Where each is usually found, sorted by place.
    hints: Vec<(Place, Index)>,
    by_carrier: [Vec<Index>; 7],
    /// Those known by several datagrams in a row.
    runs: Vec<(Index, Run)>,
}

/// A hint as a number: kind and value.
type Place = u32;

/// What is known of a flow when its bytes are looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look<'a> {
    pub(crate) carrier: Carrier,
    /// The addresses, seen from the sender of `head`.
    pub(crate) flow: &'a Flow,
    /// Which way the bytes go: known from a handshake, or assumed.
    pub(crate) direction: Direction,
    pub(crate) is_direction_known: bool,
    /// A protocol that has given this flow up.
    pub(crate) skip: Option<Index>,
    pub(crate) head: &'a [u8],
    /// Whether more bytes may be waited for.
    pub(crate) may_wait: bool,
}

/// What recognition came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is this protocol, and the bytes go this way; `by_hint` when the port tells who serves.
    Yes { protocol: Index, direction: Direction, by_hint: bool },
    /// More bytes would tell.
    More,
    /// None of them.
    No,
}

impl Catalogue {
    pub(crate) fn new(protocols: &'static [&'static dyn Protocol]) -> Self {
        let mut hints = Vec::new();
        let mut by_carrier: [Vec<Index>; 7] = Default::default();
        for (index, protocol) in (0..Index::MAX).zip(protocols) {
            for hint in protocol.hints() {
                let (place, carrier) = match *hint {
                    Hint::Tcp(port) => (place(1, port), Carrier::Tcp),
                    Hint::Udp(port) => (place(2, port), Carrier::Udp),
                    Hint::EtherType(number) => (place(3, number), Carrier::Ethernet),
                    Hint::Ip(number) => (place(4, u16::from(number)), Carrier::Ip),
                    Hint::Can => (place(5, 0), Carrier::Can),
                    Hint::Serial => (place(6, 0), Carrier::Serial),
                };
                if protocol.carriers().contains(&carrier) {
                    hints.push((place, index));
                }
            }
            for carrier in protocol.carriers() {
                // An EtherType and an IP protocol number are part of the format, not a habit as ports are: who names some is not asked
                // about others.
                let names_its_numbers = protocol.hints().iter().any(|hint| {
                    matches!((hint, carrier), (Hint::EtherType(_), Carrier::Ethernet) | (Hint::Ip(_), Carrier::Ip))
                });
                if names_its_numbers {
                    continue;
                }
                if let Some(list) = by_carrier.get_mut(*carrier as usize)
                    && list.last() != Some(&index)
                {
                    list.push(index);
                }
            }
        }
        hints.sort_unstable();
        hints.dedup();
        let runs = (0..Index::MAX).zip(protocols).filter_map(|(index, protocol)| Some((index, protocol.run()?)));
        Self { protocols, hints, by_carrier, runs: runs.collect() }
    }

    pub(crate) fn protocol(&self, index: Index) -> Option<&'static dyn Protocol> {
        self.protocols.get(usize::from(index)).copied()
    }

    /// The protocols known by several datagrams in a row, with how these follow each other.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (Index, Run)> {
        self.runs.iter().copied()
    }

    pub(crate) fn name(&self, index: Index) -> Option<&'static str> {
        self.protocol(index).map(Protocol::name)
    }

    /// Asks the protocols in turn.
    pub(crate) fn recognise(&self, look: &Look<'_>) -> Verdict {
        let (to, from) = match look.flow.transport {
            Transport::Tcp => (place(1, look.flow.dst_port), Some(place(1, look.flow.src_port))),
            Transport::Udp => (place(2, look.flow.dst_port), Some(place(2, look.flow.src_port))),
            Transport::Ethernet(number) => (place(3, number), None),
            Transport::Ip(number) => (place(4, u16::from(number)), None),
            Transport::Can => (place(5, 0), None),
            Transport::Serial => (place(6, 0), None),
        };
        let to = self.hinted(to);
        let from = from.map_or(&[][..], |from| self.hinted(from));
        let is_in = |list: &[(Place, Index)], index| list.iter().any(|hint| hint.1 == index);
        let mut waits = false;
        for &(_, index) in to.iter().chain(from.iter().filter(|hint| !is_in(to, hint.1))) {
            let server = match (is_in(to, index), is_in(from, index)) {
                (true, false) => Some(Direction::ToServer),
                (false, true) => Some(Direction::ToClient),
                _ => None,
            };
            // Where both ends look alike to the hint (an EtherType, a bus), nothing tells who serves.
            let server = server.filter(|_| matches!(look.flow.transport, Transport::Tcp | Transport::Udp));
            match self.ask(index, server, look) {
                Verdict::More => waits = true,
                Verdict::No => {}
                yes @ Verdict::Yes { .. } => return yes,
            }
        }
        if waits && look.may_wait {
            return Verdict::More;
        }
        let others = self.by_carrier.get(look.carrier as usize).map_or(&[][..], Vec::as_slice);
        for &index in others.iter().filter(|index| !is_in(to, **index) && !is_in(from, **index)) {
            match self.ask(index, None, look) {
                Verdict::More => waits = true,
                Verdict::No => {}
                yes @ Verdict::Yes { .. } => return yes,
            }
        }
        if waits && look.may_wait { Verdict::More } else { Verdict::No }
    }

    /// Asks one protocol; `by_port` is the direction its usual port suggests.
    fn ask(&self, index: Index, by_port: Option<Direction>, look: &Look<'_>) -> Verdict {
        let Some(protocol) = self.protocol(index).filter(|_| look.skip != Some(index)) else { return Verdict::No };
        let by_port = by_port.filter(|_| !look.is_direction_known);
        let direction = by_port.unwrap_or(look.direction);
        let yes = |direction| Verdict::Yes { protocol: index, direction, by_hint: by_port.is_some() };
        let first = protocol.probe(look.carrier, direction, look.head);
        if first == Probe::Yes {
            return yes(direction);
        }
        if !look.is_direction_known && by_port.is_none() && protocol.probes_by_direction() {
            // Nothing tells who serves: these may as well be the other side's bytes.
            let turned = direction.reversed();
            match protocol.probe(look.carrier, turned, look.head) {
                Probe::Yes => return yes(turned),
                Probe::NeedMore => return Verdict::More,
                Probe::No => {}
            }
        }
        if first == Probe::NeedMore { Verdict::More } else { Verdict::No }
    }

    fn hinted(&self, place: Place) -> &[(Place, Index)] {
        let start = self.hints.partition_point(|hint| hint.0 < place);
        let rest = self.hints.get(start..).unwrap_or(&[]);
        let count = rest.iter().take_while(|hint| hint.0 == place).count();
        rest.get(..count).unwrap_or(&[])
    }
}

const fn place(kind: u32, number: u16) -> Place {
    kind << 16 | number as u32
}
