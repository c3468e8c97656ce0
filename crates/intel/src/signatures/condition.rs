//! What a rule asks of one buffer: contents in an order, numbers, regular expressions. Evaluated with a bounded number of steps.

use super::numbers::{ByteJump, ByteTest};
use super::pcre::Pcre;

/// Steps one evaluation may take: contents that occur often and must stand at a distance from each other are tried again and again.
const MOST_STEPS: u32 = 2_000;

/// Where a rule looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Buffer {
    /// The bytes themselves.
    Payload,
    /// The name asked for.
    DnsQuery,
    /// The server name of a TLS hello.
    TlsSni,
    /// Path and query of a page.
    HttpUri,
    /// The method of a request.
    HttpMethod,
    /// The host asked for.
    HttpHost,
    /// What the browser calls itself.
    HttpUserAgent,
}

impl Buffer {
    /// How many.
    pub(super) const COUNT: usize = 7;
    /// Every one.
    pub(super) const ALL: [Self; Self::COUNT] = [
        Self::Payload,
        Self::DnsQuery,
        Self::TlsSni,
        Self::HttpUri,
        Self::HttpMethod,
        Self::HttpHost,
        Self::HttpUserAgent,
    ];

    pub(super) const fn index(self) -> usize {
        self as usize
    }

    /// The application that tells it.
    #[must_use]
    pub const fn protocol(self) -> Option<&'static str> {
        match self {
            Self::Payload => None,
            Self::DnsQuery => Some("dns"),
            Self::TlsSni => Some("tls"),
            Self::HttpUri | Self::HttpMethod | Self::HttpHost | Self::HttpUserAgent => Some("http"),
        }
    }
}

/// Bytes that must stand somewhere, or must not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Content {
    /// In lower case where the case does not matter.
    pub(super) bytes: Vec<u8>,
    pub(super) any_case: bool,
    pub(super) negated: bool,
    pub(super) offset: Option<u32>,
    pub(super) depth: Option<u32>,
    pub(super) distance: Option<i32>,
    pub(super) within: Option<u32>,
    pub(super) at_end: bool,
    /// The rule's author wants it to be searched for first.
    pub(super) is_fast: bool,
}

impl Content {
    pub(super) const fn is_relative(&self) -> bool {
        self.distance.is_some() || self.within.is_some()
    }

    /// Whether it is bound to the beginning of what it is looked for in.
    pub(super) const fn is_anchored(&self) -> bool {
        self.offset.is_some() || self.depth.is_some() || self.at_end
    }

    /// From where to where it may stand.
    fn range(&self, position: usize, length: usize) -> (usize, usize) {
        let (mut from, mut to) = (0_i64, length as i64);
        if let Some(offset) = self.offset {
            from = i64::from(offset);
        }
        if let Some(depth) = self.depth {
            to = to.min(from.saturating_add(i64::from(depth)));
        }
        if self.is_relative() {
            let start = (position as i64).saturating_add(i64::from(self.distance.unwrap_or(0)));
            from = from.max(start);
            if let Some(within) = self.within {
                to = to.min(start.saturating_add(i64::from(within)));
            }
        }
        if self.at_end {
            from = from.max((length as i64).saturating_sub(self.bytes.len() as i64));
        }
        let within = |at: i64| usize::try_from(at.max(0)).unwrap_or(0).min(length);
        (within(from), within(to))
    }

    /// Where it stands in `data` between the two places.
    fn find(&self, data: &[u8], (from, to): (usize, usize)) -> Option<usize> {
        let part = data.get(from..to)?;
        let found =
            if self.any_case { find_any_case(part, &self.bytes) } else { memchr::memmem::find(part, &self.bytes) };
        found.and_then(|at| from.checked_add(at))
    }
}

/// Looks for bytes given in lower case.
fn find_any_case(data: &[u8], lower: &[u8]) -> Option<usize> {
    let first = *lower.first()?;
    let last_start = data.len().checked_sub(lower.len())?;
    let starts = data.get(..=last_start)?;
    memchr::memchr2_iter(first, first.to_ascii_uppercase(), starts).find(|at| {
        let there = data.get(*at..).and_then(|rest| rest.get(..lower.len()));
        there.is_some_and(|there| there.eq_ignore_ascii_case(lower))
    })
}

/// A range of sizes, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) negated: bool,
}

impl Sizes {
    pub(super) fn has(self, size: usize) -> bool {
        (self.from as usize..=self.to as usize).contains(&size) != self.negated
    }

    /// Reads `n`, `>n`, `<n`, `>=n`, `<=n`, `n<>m` (between the two, without them), and `!n`.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (text, negated) = match text.trim().strip_prefix('!') {
            Some(rest) => (rest.trim(), true),
            None => (text.trim(), false),
        };
        let number = |word: &str| word.trim().parse::<u32>().ok();
        let (from, to) = if let Some((from, to)) = text.split_once("<>") {
            (number(from)?.checked_add(1)?, number(to)?.checked_sub(1)?)
        } else if let Some(rest) = text.strip_prefix(">=") {
            (number(rest)?, u32::MAX)
        } else if let Some(rest) = text.strip_prefix("<=") {
            (0, number(rest)?)
        } else if let Some(rest) = text.strip_prefix('>') {
            (number(rest)?.checked_add(1)?, u32::MAX)
        } else if let Some(rest) = text.strip_prefix('<') {
            (0, number(rest)?.checked_sub(1)?)
        } else {
            (number(text)?, number(text)?)
        };
        (from <= to).then_some(Self { from, to, negated })
    }
}

/// One thing a rule asks.
#[derive(Debug)]
pub(super) enum Condition {
    Content(Content),
    Pcre(Pcre),
    Test(ByteTest),
    Jump(ByteJump),
    /// Whether there is a byte so far behind the beginning, or behind the last match.
    DataAt {
        at: u32,
        relative: bool,
        negated: bool,
    },
    /// The size of the buffer.
    Size(Sizes),
    /// A dot is put before the buffer, so that a name can be compared together with its subdomains.
    DotPrefix,
}

impl Condition {
    pub(super) const fn is_relative(&self) -> bool {
        match self {
            Self::Content(content) => content.is_relative(),
            Self::Pcre(pcre) => pcre.is_relative(),
            Self::Test(test) => test.number.relative,
            Self::Jump(jump) => jump.number.relative,
            Self::DataAt { relative, .. } => *relative,
            Self::Size(_) | Self::DotPrefix => false,
        }
    }

    /// Whether it speaks of a place counted from the beginning of a packet.
    pub(super) fn is_anchored(&self) -> bool {
        match self {
            Self::Content(content) => content.is_anchored(),
            Self::Pcre(pcre) => pcre.is_anchored(),
            Self::Test(_) | Self::Jump(_) | Self::DataAt { .. } => !self.is_relative(),
            Self::Size(_) => true,
            Self::DotPrefix => false,
        }
    }
}

/// Whether a buffer is as the conditions want it.
pub(super) fn hold(conditions: &[Condition], data: &[u8]) -> bool {
    if let Some((Condition::DotPrefix, rest)) = conditions.split_first() {
        let dotted: Vec<u8> = std::iter::once(b'.').chain(data.iter().copied()).collect();
        return walk(rest, &dotted, 0, &mut { MOST_STEPS });
    }
    walk(conditions, data, 0, &mut { MOST_STEPS })
}

fn walk(conditions: &[Condition], data: &[u8], position: usize, steps: &mut u32) -> bool {
    let Some((first, rest)) = conditions.split_first() else { return true };
    let Some(left) = steps.checked_sub(1) else { return false };
    *steps = left;
    match first {
        Condition::Content(content) => walk_content(content, rest, data, position, steps),
        Condition::Pcre(pcre) => match pcre.find(data, position) {
            Some(end) => !pcre.is_negated() && walk(rest, data, end, steps),
            None => pcre.is_negated() && walk(rest, data, position, steps),
        },
        Condition::Test(test) => test.holds(data, position) && walk(rest, data, position, steps),
        Condition::Jump(jump) => jump.target(data, position).is_some_and(|target| walk(rest, data, target, steps)),
        Condition::DataAt { at, relative, negated } => {
            let is_there = if *relative {
                position.checked_add(*at as usize).is_some_and(|end| end <= data.len())
            } else {
                (*at as usize) < data.len()
            };
            is_there != *negated && walk(rest, data, position, steps)
        }
        Condition::Size(sizes) => sizes.has(data.len()) && walk(rest, data, position, steps),
        Condition::DotPrefix => walk(rest, data, position, steps),
    }
}

fn walk_content(content: &Content, rest: &[Condition], data: &[u8], position: usize, steps: &mut u32) -> bool {
    let (mut from, to) = content.range(position, data.len());
    if content.negated {
        return content.find(data, (from, to)).is_none() && walk(rest, data, position, steps);
    }
    let is_followed = rest.iter().any(Condition::is_relative);
    loop {
        let Some(at) = content.find(data, (from, to)) else { return false };
        if walk(rest, data, at.saturating_add(content.bytes.len()), steps) {
            return true;
        }
        // another place helps only what counts from this one
        if !is_followed || *steps == 0 {
            return false;
        }
        *steps = steps.saturating_sub(1);
        from = at.saturating_add(1);
    }
}
