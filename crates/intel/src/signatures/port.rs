//! Ports of a rule's header, and which ports any rule reaches at all.

use dogwatch_model::Transport;

use super::Between;
use super::header::{Carrier, Header};

/// Words of a set of all ports.
const WORDS: usize = 1_024;

/// A set of ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ports {
    words: Box<[u64]>,
}

impl Ports {
    pub(super) fn none() -> Self {
        Self { words: vec![0; WORDS].into() }
    }

    pub(super) fn all() -> Self {
        Self { words: vec![u64::MAX; WORDS].into() }
    }

    /// Adds a range, both ends included.
    pub(super) fn add(&mut self, from: u16, to: u16) {
        for port in from..=to {
            if let Some(word) = self.words.get_mut(usize::from(port >> 6)) {
                *word |= 1 << (port & 63);
            }
        }
    }

    pub(super) fn has(&self, port: u16) -> bool {
        self.words.get(usize::from(port >> 6)).is_some_and(|word| word & (1 << (port & 63)) != 0)
    }

    pub(super) fn unite(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word |= other;
        }
    }

    pub(super) fn remove(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word &= !other;
        }
    }

    pub(super) fn is_all(&self) -> bool {
        self.words.iter().all(|word| *word == u64::MAX)
    }

    pub(super) fn is_none(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// The ports, when there are at most `most`.
    pub(super) fn few(&self, most: usize) -> Option<Vec<u16>> {
        let count: u32 = self.words.iter().map(|word| word.count_ones()).sum();
        (count as usize <= most).then(|| (0..=u16::MAX).filter(|port| self.has(*port)).collect())
    }
}

/// Which conversations any payload rule could be about: most traffic of machinery is none of theirs, and must cost next to nothing.
#[derive(Debug)]
pub(super) struct Reach {
    tcp: Ends,
    udp: Ends,
    /// Rules for anything else that is IP.
    other: bool,
    /// Rules of an application, whatever its ports.
    applications: Vec<&'static str>,
}

#[derive(Debug)]
struct Ends {
    from: Ports,
    to: Ports,
}

impl Default for Reach {
    fn default() -> Self {
        let ends = || Ends { from: Ports::none(), to: Ports::none() };
        Self { tcp: ends(), udp: ends(), other: false, applications: Vec::new() }
    }
}

impl Reach {
    pub(super) fn add(&mut self, header: &Header) {
        match header.carrier {
            Carrier::Tcp => self.tcp.add(header),
            Carrier::Udp => self.udp.add(header),
            Carrier::Icmp => self.other = true,
            Carrier::Ip => {
                self.other = true;
                self.tcp.add(header);
                self.udp.add(header);
            }
            Carrier::Application(name) => {
                if !self.applications.contains(&name) {
                    self.applications.push(name);
                }
            }
        }
    }

    pub(super) fn has(&self, between: &Between<'_>) -> bool {
        let (from, to) = between.ports;
        let by_port = match between.transport {
            Transport::Tcp => self.tcp.from.has(from) || self.tcp.to.has(to),
            Transport::Udp => self.udp.from.has(from) || self.udp.to.has(to),
            Transport::Ip(_) => self.other,
            Transport::Ethernet(_) | Transport::Can | Transport::Serial => return false,
        };
        by_port || between.protocol.is_some_and(|protocol| self.applications.contains(&protocol))
    }
}

impl Ends {
    /// A rule is reached by the end that is narrower; where both are open, by everything.
    fn add(&mut self, header: &Header) {
        let (from, to) = (&header.from.ports, &header.to.ports);
        let mut one_way = |from: &Ports, to: &Ports| {
            if to.is_all() && !from.is_all() { self.from.unite(from) } else { self.to.unite(to) }
        };
        one_way(from, to);
        if header.is_both_ways {
            one_way(to, from);
        }
    }
}
