//! Signatures other people wrote: a subset of the rules of Suricata, read from files and asked with payload and with decoded names.
//!
//! A rule that needs more than the subset is left out with the word that is missing, never loaded in part: half a rule finds what its author did
//! not mean. Every rule has a bounded cost: its steps, its regular expressions and the number of rules that no search can sort out beforehand.
//! Not here: what is remembered of a stream between packets beyond one [`Window`], and what a hit means.
//!
//! Source: the Suricata user guide 7.0, chapter "Suricata Rules" (rule format, payload keywords, DNS, TLS and HTTP keywords, thresholding).

mod address;
mod classes;
mod condition;
mod draft;
mod header;
mod numbers;
mod options;
mod pcre;
mod port;
mod reader;
mod search;
mod uri;
mod window;

use std::net::IpAddr;

use dogwatch_model::Transport;

pub use condition::Buffer;
use condition::Condition;
use header::Header;
pub use header::Variables;
pub(crate) use reader::Collected;
pub(crate) use reader::looks_like_rules;
use search::Index;
pub use uri::plain_uri;
pub use window::{Scratch, Window};

/// Rules held; what comes after is left out, and said so. The largest free set has some forty thousand.
const MOST: usize = 50_000;

/// How a rule wants to be told when it matches again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threshold {
    /// How.
    pub kind: ThresholdKind,
    /// Whose matches are counted together.
    pub track: Track,
    /// Matches.
    pub count: u32,
    /// Within how many seconds.
    pub seconds: u32,
}

/// The kinds of `threshold` and `detection_filter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThresholdKind {
    /// At most `count` alerts in the time.
    Limit,
    /// One alert for every `count` matches in the time.
    Threshold,
    /// One alert in the time, with the match number `count`.
    Both,
    /// `detection_filter`: every match after the first `count` in the time.
    Filter,
}

/// Whose matches are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Track {
    /// Those of one sender.
    Source,
    /// Those to one receiver.
    Destination,
    /// Those between the same two.
    Both,
    /// All.
    Rule,
}

/// One rule, as far as people are told.
#[derive(Debug)]
pub struct Signature {
    /// Its number.
    pub sid: u64,
    /// Its revision.
    pub revision: u32,
    /// What its author says of it.
    pub message: Box<str>,
    /// Its class.
    pub class: Option<Box<str>>,
    /// 1 is urgent, 2 serious, 3 low, 4 and above for information only.
    pub priority: u8,
    /// The file it stands in.
    file: Box<str>,
    /// Its line there.
    pub line: u64,
    /// The rule, cut where it is very long.
    pub text: Box<str>,
    /// Its own threshold.
    pub threshold: Option<Threshold>,
    header: Header,
    flow: FlowWant,
    size: Option<condition::Sizes>,
    parts: Box<[(Buffer, Box<[Condition]>)]>,
    /// No condition is bound to the beginning of a packet.
    is_of_stream: bool,
}

impl Signature {
    /// The file it stands in.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Whether it matches payload, not decoded names.
    fn is_of_payload(&self) -> bool {
        self.parts.iter().all(|(buffer, _)| *buffer == Buffer::Payload)
    }
}

/// What the keyword `flow` asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct FlowWant {
    established: bool,
    /// To the server, or to the client.
    to_server: Option<bool>,
}

/// Who sends what is looked at to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Between<'a> {
    /// What it is carried by.
    pub transport: Transport,
    /// Sender and receiver.
    pub ips: Option<(IpAddr, IpAddr)>,
    /// Their ports.
    pub ports: (u16, u16),
    /// Whether it goes to the server.
    pub is_to_server: bool,
    /// Whether both sides have spoken.
    pub is_established: bool,
    /// The protocol that was recognised.
    pub protocol: Option<&'a str>,
}

/// Every rule that was loaded, ready to be asked.
#[derive(Debug, Default)]
pub struct Signatures {
    rules: Vec<Signature>,
    payload: Index,
    texts: [Index; Buffer::COUNT],
    reach: port::Reach,
}

impl Signatures {
    pub(crate) fn new(collected: Collected) -> Self {
        let rules = collected.into_rules();
        let mut reach = port::Reach::default();
        for rule in rules.iter().filter(|rule| rule.is_of_payload()) {
            reach.add(&rule.header);
        }
        let payload = Index::new(&rules, Buffer::Payload);
        let texts = Buffer::ALL
            .map(|buffer| if buffer == Buffer::Payload { Index::default() } else { Index::new(&rules, buffer) });
        Self { rules, payload, texts, reach }
    }

    /// How many.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// A rule by the number a hit gives.
    #[must_use]
    pub fn get(&self, rule: u32) -> Option<&Signature> {
        self.rules.get(rule as usize)
    }

    /// Every rule, in the order of the files.
    pub fn iter(&self) -> impl Iterator<Item = &Signature> {
        self.rules.iter()
    }

    /// Whether any rule looks at payload.
    #[must_use]
    pub fn has_payload(&self) -> bool {
        !self.payload.is_empty()
    }

    /// Whether any rule looks at a decoded name.
    #[must_use]
    pub fn has(&self, buffer: Buffer) -> bool {
        self.texts.get(buffer.index()).is_some_and(|index| !index.is_empty())
    }

    /// Whether any rule could match payload between the two: a few bit tests.
    #[must_use]
    pub fn reaches(&self, between: &Between<'_>) -> bool {
        self.reach.has(between)
    }

    /// Looks at one packet's payload, and with it at the end of what its sender sent before when a `window` of the stream is given.
    pub fn payload(
        &self,
        between: &Between<'_>,
        bytes: &[u8],
        window: Option<&mut Window>,
        scratch: &mut Scratch,
        hit: &mut dyn FnMut(u32),
    ) {
        scratch.begin(self.rules.len());
        self.payload.candidates(bytes, between, scratch);
        let Some(window) = window else {
            for place in 0..scratch.candidates() {
                if let Some((number, rule)) = self.candidate(scratch, place)
                    && rule.fits(between)
                    && rule.holds_payload(bytes)
                {
                    hit(number);
                }
            }
            return;
        };
        let seam = window.seam(bytes);
        self.payload.search(seam.as_slice(), scratch);
        window.recall(scratch);
        let mut is_joined = false;
        for place in 0..scratch.candidates() {
            let Some((number, rule)) = self.candidate(scratch, place) else { continue };
            if !rule.fits(between) {
                continue;
            }
            if rule.holds_payload(bytes) {
                window.forget(number);
                hit(number);
            } else if rule.is_of_stream {
                if !is_joined {
                    window.join(bytes);
                    is_joined = true;
                }
                if rule.holds_payload(window.bytes()) {
                    window.forget(number);
                    hit(number);
                } else {
                    window.remember(number);
                }
            }
        }
        if is_joined { window.cut() } else { window.push(bytes) }
    }

    /// Looks at the decoded names of one message.
    pub fn texts(
        &self,
        between: &Between<'_>,
        texts: &[(Buffer, &[u8])],
        scratch: &mut Scratch,
        hit: &mut dyn FnMut(u32),
    ) {
        scratch.begin(self.rules.len());
        for (buffer, bytes) in texts {
            if let Some(index) = self.texts.get(buffer.index()).filter(|index| !index.is_empty()) {
                index.candidates(bytes, between, scratch);
            }
        }
        for place in 0..scratch.candidates() {
            let Some((number, rule)) = self.candidate(scratch, place) else { continue };
            let holds = |(buffer, conditions): &(Buffer, Box<[Condition]>)| {
                let mut of_buffer = texts.iter().filter(|(of, _)| of == buffer);
                of_buffer.any(|(_, bytes)| condition::hold(conditions, bytes))
            };
            if rule.fits(between) && rule.parts.iter().all(holds) {
                hit(number);
            }
        }
    }

    fn candidate(&self, scratch: &Scratch, place: usize) -> Option<(u32, &Signature)> {
        let number = scratch.candidate(place)?;
        Some((number, self.rules.get(number as usize)?))
    }
}

impl Signature {
    /// Whether header and flow fit.
    fn fits(&self, between: &Between<'_>) -> bool {
        (!self.flow.established || between.is_established)
            && self.flow.to_server.is_none_or(|to_server| to_server == between.is_to_server)
            && self.header.fits(between)
    }

    fn holds_payload(&self, bytes: &[u8]) -> bool {
        self.size.is_none_or(|sizes| sizes.has(bytes.len()))
            && self.parts.iter().all(|(_, conditions)| condition::hold(conditions, bytes))
    }
}

#[cfg(test)]
mod tests;
