//! The words of the queue: records, their classes, and the gaps that stand where records were dropped or lost.

use crate::codec::{take_u8, take_u16, take_u64};
use crate::error::{Result, StoreError};

/// Largest record payload, bytes.
pub const MAX_RECORD_BYTES: usize = 64 * 1024;
/// Most bytes one call may append, with 28 per record for the frame.
pub const MAX_BATCH_BYTES: usize = 8 * 1024 * 1024;
/// Longest id or key, bytes.
pub const MAX_ID_BYTES: usize = 255;
/// The kind of a gap record. Callers use 1 to 255.
pub const GAP_KIND: u8 = 0;

/// How urgent a record is. The lowest is dropped first when the queue reaches its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Inventory and the like: only when the link is cheap.
    Bulk,
    /// Hourly.
    Routine,
    /// Within minutes.
    High,
    /// At once, over any link.
    Critical,
}

impl Class {
    /// All of them, the first to be dropped first.
    pub const ALL: [Self; 4] = [Self::Bulk, Self::Routine, Self::High, Self::Critical];

    /// The number it is stored as, 0 (bulk) to 3 (critical).
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Bulk => 0,
            Self::Routine => 1,
            Self::High => 2,
            Self::Critical => 3,
        }
    }

    /// The class of a stored number; a number no class has counts as critical, so that nothing is dropped by mistake.
    #[must_use]
    pub const fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Bulk,
            1 => Self::Routine,
            2 => Self::High,
            _ => Self::Critical,
        }
    }

    /// The word used in metrics and settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bulk => "bulk",
            Self::Routine => "routine",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// Whether the reserve on the disk may be used for it.
    pub(crate) const fn is_urgent(self) -> bool {
        matches!(self, Self::High | Self::Critical)
    }
}

/// A record to be queued.
#[derive(Debug, Clone, Copy)]
pub struct NewRecord<'a> {
    /// How urgent.
    pub class: Class,
    /// What the payload is, 1..=255; the store only counts by it.
    pub kind: u8,
    /// The bytes, opaque to the store; at most [`MAX_RECORD_BYTES`].
    pub payload: &'a [u8],
}

/// A finding to be kept aboard and queued.
#[derive(Debug, Clone, Copy)]
pub struct NewFinding<'a> {
    /// The finding's id, 1..=255 bytes. A later version of the same finding replaces the earlier one aboard; both are queued.
    pub id: &'a str,
    /// How urgent.
    pub class: Class,
    /// What the payload is, 1..=255.
    pub kind: u8,
    /// The bytes; at most [`MAX_RECORD_BYTES`].
    pub payload: &'a [u8],
}

/// A finding as it is kept aboard: its latest version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFinding {
    /// The finding's id.
    pub id: String,
    /// Place of this version in the stream; receipted when below [`low_water`](crate::Store::low_water).
    pub seq: u64,
    /// How urgent.
    pub class: Class,
    /// What the payload is.
    pub kind: u8,
    /// The bytes as committed.
    pub payload: Vec<u8>,
}

/// One entry of the stream. Entries follow each other without holes: the next one's `seq` is this one's `last_seq` + 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Number in the stream, from 1.
    pub seq: u64,
    /// The same as `seq`, except for a gap, which stands for `seq..=last_seq`.
    pub last_seq: u64,
    /// How urgent. A gap is [`Class::High`]: the shore should soon know what it will not get.
    pub class: Class,
    /// What the payload is; [`GAP_KIND`] for a gap.
    pub kind: u8,
    /// The bytes; of a gap, what [`Gap::decode`] reads.
    pub payload: Vec<u8>,
}

impl Record {
    /// What was dropped or lost here, when this entry is a gap.
    #[must_use]
    pub fn gap(&self) -> Option<Gap> {
        if self.kind == GAP_KIND { Gap::decode(self.seq, &self.payload) } else { None }
    }
}

/// Why records are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum GapReason {
    /// Dropped on purpose: the queue had reached its limit.
    Dropped,
    /// Lost to damage on the disk. Counts may be unknown, and numbers within the gap may never have been used.
    Lost,
}

/// What stands in the stream where records were dropped or lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// First number it stands for.
    pub first: u64,
    /// Last number it stands for.
    pub last: u64,
    /// Why.
    pub reason: GapReason,
    /// How many records of each class and kind, as far as known.
    pub counts: Vec<GapCount>,
}

/// One line of a gap's account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GapCount {
    /// Class of the records.
    pub class: Class,
    /// Their kind.
    pub kind: u8,
    /// How many.
    pub count: u64,
}

const GAP_VERSION: u8 = 1;

impl Gap {
    /// The payload of a gap record: version 1, reason (0 dropped, 1 lost), last u64, lines u16, then class, kind, count u64 a line;
    /// little-endian. `first` is the record's own number.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![GAP_VERSION, u8::from(self.reason == GapReason::Lost)];
        out.extend_from_slice(&self.last.to_le_bytes());
        out.extend_from_slice(&u16::try_from(self.counts.len()).unwrap_or(u16::MAX).to_le_bytes());
        for line in self.counts.iter().take(usize::from(u16::MAX)) {
            out.push(line.class.number());
            out.push(line.kind);
            out.extend_from_slice(&line.count.to_le_bytes());
        }
        out
    }

    /// Reads the payload of the gap record numbered `first`.
    #[must_use]
    pub fn decode(first: u64, mut input: &[u8]) -> Option<Self> {
        if take_u8(&mut input)? != GAP_VERSION {
            return None;
        }
        let reason = if take_u8(&mut input)? == 0 { GapReason::Dropped } else { GapReason::Lost };
        let last = take_u64(&mut input).filter(|last| *last >= first)?;
        let lines = take_u16(&mut input)?;
        let mut counts = Vec::new();
        for _ in 0..lines {
            let class = Class::from_number(take_u8(&mut input)?);
            let kind = take_u8(&mut input)?;
            counts.push(GapCount { class, kind, count: take_u64(&mut input)? });
        }
        Some(Self { first, last, reason, counts })
    }

    pub(crate) fn lost(first: u64, last: u64) -> Self {
        Self { first, last, reason: GapReason::Lost, counts: Vec::new() }
    }

    pub(crate) fn dropped(seq: u64, class: Class, kind: u8) -> Self {
        let counts = vec![GapCount { class, kind, count: 1 }];
        Self { first: seq, last: seq, reason: GapReason::Dropped, counts }
    }

    /// Takes in the gap that follows directly, if it is of the same reason.
    pub(crate) fn join(&mut self, next: &Self) -> bool {
        if self.reason != next.reason || self.last.checked_add(1) != Some(next.first) {
            return false;
        }
        self.last = next.last;
        for line in &next.counts {
            match self.counts.iter_mut().find(|own| own.class == line.class && own.kind == line.kind) {
                Some(own) => own.count = own.count.saturating_add(line.count),
                None => self.counts.push(*line),
            }
        }
        true
    }

    pub(crate) fn into_record(self) -> Record {
        let payload = self.encode();
        Record { seq: self.first, last_seq: self.last, class: Class::High, kind: GAP_KIND, payload }
    }
}

/// Refuses what cannot be queued.
pub(crate) fn check_record(kind: u8, payload: &[u8]) -> Result<()> {
    if kind == GAP_KIND {
        return Err(StoreError::Unfit { what: "record kind", why: "0 is the store's own (gap)" });
    }
    within("record", payload.len(), MAX_RECORD_BYTES)
}

/// Refuses an id or key that cannot be stored.
pub(crate) fn check_id(id: &str) -> Result<()> {
    if id.is_empty() {
        return Err(StoreError::Unfit { what: "id", why: "must not be empty" });
    }
    within("id", id.len(), MAX_ID_BYTES)
}

pub(crate) fn within(what: &'static str, size: usize, limit: usize) -> Result<()> {
    if size > limit {
        return Err(StoreError::TooLarge { what, size: size as u64, limit: limit as u64 });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_survives_its_encoding() {
        let counts = vec![
            GapCount { class: Class::Bulk, kind: 7, count: 3 },
            GapCount { class: Class::Routine, kind: 255, count: u64::MAX },
        ];
        let gap = Gap { first: 10, last: 99, reason: GapReason::Dropped, counts };
        assert_eq!(Gap::decode(10, &gap.encode()), Some(gap.clone()));
        for cut in 0..gap.encode().len() {
            assert_eq!(Gap::decode(10, &gap.encode()[..cut]), None, "cut at {cut}");
        }
    }

    #[test]
    fn neighbouring_gaps_join_and_their_counts_add_up() {
        let mut gap = Gap::dropped(4, Class::Bulk, 2);
        assert!(gap.join(&Gap::dropped(5, Class::Bulk, 2)));
        assert!(gap.join(&Gap::dropped(6, Class::Routine, 2)));
        assert!(!gap.join(&Gap::dropped(8, Class::Bulk, 2)), "7 is missing");
        assert!(!gap.join(&Gap::lost(7, 7)), "another reason");
        assert_eq!((gap.first, gap.last), (4, 6));
        assert_eq!(gap.counts.iter().map(|line| line.count).collect::<Vec<_>>(), [2, 1]);
    }
}
