//! Which rules are worth a look at these bytes: one search for all of them at once, by a piece of each rule's most telling content.
//!
//! A rule without a piece of three bytes that differ is looked at with every packet of its port. How many of these there may be is bounded.

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use hashbrown::HashMap;

use super::condition::{Buffer, Condition, Content};
use super::window::Scratch;
use super::{Between, Signature};

/// Longest piece searched for: longer ones make the table larger and hardly sort better.
pub(super) const LONGEST: usize = 8;
/// Shortest.
const SHORTEST: usize = 3;
/// Ports by which rules without a piece are sorted; those of more ports are looked at with every packet they reach.
const FEW_PORTS: usize = 16;
/// Bytes of all pieces up to which the faster, larger table is built: some 8 MiB.
const FAST_TABLE: usize = 16 << 10;

/// The rules of one buffer.
#[derive(Debug, Default)]
pub(super) struct Index {
    search: Option<AhoCorasick>,
    /// The rules of each piece.
    of_piece: Vec<Box<[u32]>>,
    to_port: HashMap<u16, Vec<u32>>,
    from_port: HashMap<u16, Vec<u32>>,
    always: Vec<u32>,
}

/// How a rule is found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// By a piece of a content in this buffer.
    Piece(Buffer, Vec<u8>),
    /// By the few ports it goes to.
    ToPorts(Vec<u16>),
    /// By the few ports it comes from.
    FromPorts(Vec<u16>),
    /// By nothing.
    Nothing(Buffer),
}

impl Key {
    pub(super) fn of(rule: &Signature) -> Self {
        let mut best: Option<(usize, Buffer, Vec<u8>)> = None;
        for (buffer, conditions) in &rule.parts {
            let has_dot = matches!(conditions.first(), Some(Condition::DotPrefix));
            for condition in conditions {
                let Condition::Content(content) = condition else { continue };
                let Some((score, piece)) = piece(content, has_dot) else { continue };
                if best.as_ref().is_none_or(|(so_far, ..)| score > *so_far) {
                    best = Some((score, *buffer, piece));
                }
            }
        }
        if let Some((_, buffer, piece)) = best {
            return Self::Piece(buffer, piece);
        }
        let buffer = rule.parts.first().map_or(Buffer::Payload, |(buffer, _)| *buffer);
        let is_one_way = buffer == Buffer::Payload && !rule.header.is_both_ways;
        if let Some(ports) = rule.header.to.ports.few(FEW_PORTS).filter(|_| is_one_way) {
            return Self::ToPorts(ports);
        }
        match rule.header.from.ports.few(FEW_PORTS).filter(|_| is_one_way) {
            Some(ports) => Self::FromPorts(ports),
            None => Self::Nothing(buffer),
        }
    }

    fn buffer(&self) -> Buffer {
        match self {
            Self::Piece(buffer, _) | Self::Nothing(buffer) => *buffer,
            Self::ToPorts(_) | Self::FromPorts(_) => Buffer::Payload,
        }
    }
}

/// The most telling piece of a content, in lower case, with how much it tells.
fn piece(content: &Content, has_dot: bool) -> Option<(usize, Vec<u8>)> {
    if content.negated {
        return None;
    }
    // the dot before a name is not in the name
    let bytes = content.bytes.strip_prefix(b".").filter(|_| has_dot).unwrap_or(&content.bytes);
    let told = |piece: &[u8]| {
        let mut sorted = piece.to_ascii_lowercase();
        sorted.sort_unstable();
        sorted.dedup();
        sorted.len()
    };
    let best = bytes.windows(LONGEST.min(bytes.len().max(1))).rev().max_by_key(|piece| told(piece))?;
    let distinct = told(best);
    (best.len() >= SHORTEST && distinct >= 2).then(|| {
        let wanted = if content.is_fast { 1_000 } else { 0 };
        (distinct.saturating_add(bytes.len().min(64)).saturating_add(wanted), best.to_ascii_lowercase())
    })
}

impl Index {
    pub(super) fn new(rules: &[Signature], buffer: Buffer) -> Self {
        let mut index = Self::default();
        let mut pieces: HashMap<Vec<u8>, Vec<u32>> = HashMap::new();
        for (number, rule) in (0_u32..).zip(rules) {
            let key = Key::of(rule);
            if key.buffer() != buffer {
                continue;
            }
            match key {
                Key::Piece(_, piece) => pieces.entry(piece).or_default().push(number),
                Key::ToPorts(ports) => add(&mut index.to_port, ports, number),
                Key::FromPorts(ports) => add(&mut index.from_port, ports, number),
                Key::Nothing(_) => index.always.push(number),
            }
        }
        let mut pieces: Vec<(Vec<u8>, Vec<u32>)> = pieces.into_iter().collect();
        pieces.sort_unstable();
        let size: usize = pieces.iter().map(|(piece, _)| piece.len()).sum();
        let kind = if size <= FAST_TABLE { AhoCorasickKind::DFA } else { AhoCorasickKind::ContiguousNFA };
        if !pieces.is_empty() {
            let built = AhoCorasick::builder()
                .ascii_case_insensitive(true)
                .kind(Some(kind))
                .build(pieces.iter().map(|(piece, _)| piece));
            match built {
                Ok(search) => index.search = Some(search),
                // more states than its numbers can name: cannot be with the bounds above, and no rule is lost if it is
                Err(_) => index.always.extend(pieces.iter().flat_map(|(_, rules)| rules)),
            }
        }
        index.of_piece = pieces.into_iter().map(|(_, rules)| rules.into()).collect();
        index
    }

    pub(super) fn is_empty(&self) -> bool {
        self.of_piece.is_empty() && self.always.is_empty() && self.to_port.is_empty() && self.from_port.is_empty()
    }

    /// Notes every rule worth a look.
    pub(super) fn candidates(&self, bytes: &[u8], between: &Between<'_>, scratch: &mut Scratch) {
        let (from, to) = between.ports;
        for list in [self.to_port.get(&to), self.from_port.get(&from), Some(&self.always)].into_iter().flatten() {
            for rule in list {
                scratch.add(*rule);
            }
        }
        self.search(bytes, scratch);
    }

    /// Notes the rules of which a piece stands in the bytes.
    pub(super) fn search(&self, bytes: &[u8], scratch: &mut Scratch) {
        let Some(search) = self.search.as_ref().filter(|_| bytes.len() >= SHORTEST) else { return };
        for found in search.find_overlapping_iter(bytes) {
            for rule in self.of_piece.get(found.pattern().as_usize()).into_iter().flatten() {
                scratch.add(*rule);
            }
        }
    }
}

fn add(map: &mut HashMap<u16, Vec<u32>>, ports: Vec<u16>, number: u32) {
    for port in ports {
        map.entry(port).or_default().push(number);
    }
}
