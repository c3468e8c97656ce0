//! A set of sequence numbers kept as ranges: what one end knows the other to hold.

use std::collections::BTreeMap;

/// A set of `u64` numbers, small as long as they come mostly in runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SeqRanges {
    /// First number of each run to its last; runs neither touch nor overlap.
    runs: BTreeMap<u64, u64>,
}

impl SeqRanges {
    /// An empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self { runs: BTreeMap::new() }
    }

    /// Adds every number `from..=to`; nothing when `from > to`.
    pub fn insert(&mut self, from: u64, to: u64) {
        if from > to {
            return;
        }
        let (mut from, mut to) = (from, to);
        // Every run that starts before or right behind the new one may melt into it; the last such run first.
        while let Some((&start, &end)) = self.runs.range(..=to.saturating_add(1)).next_back() {
            if end.saturating_add(1) < from {
                break;
            }
            self.runs.remove(&start);
            from = from.min(start);
            to = to.max(end);
        }
        self.runs.insert(from, to);
    }

    /// Takes every number `from..=to` out.
    pub fn remove(&mut self, from: u64, to: u64) {
        if from > to {
            return;
        }
        while let Some((&start, &end)) = self.runs.range(..=to).next_back() {
            if end < from {
                break;
            }
            self.runs.remove(&start);
            if end > to {
                self.runs.insert(to.saturating_add(1), end);
            }
            if start < from {
                self.runs.insert(start, from.saturating_sub(1));
            }
        }
    }

    /// Whether `seq` is in the set.
    #[must_use]
    pub fn contains(&self, seq: u64) -> bool {
        self.runs.range(..=seq).next_back().is_some_and(|(_, &end)| end >= seq)
    }

    /// The lowest number from `start` on that is not in the set: the contiguous mark.
    #[must_use]
    pub fn first_missing(&self, start: u64) -> u64 {
        match self.runs.range(..=start).next_back() {
            Some((_, &end)) if end >= start => end.saturating_add(1),
            _ => start,
        }
    }

    /// The highest number in the set.
    #[must_use]
    pub fn highest(&self) -> Option<u64> {
        self.runs.last_key_value().map(|(_, &end)| end)
    }

    /// The holes between `start` and the highest number, at most `limit` of them, lowest first.
    #[must_use]
    pub fn missing(&self, start: u64, limit: usize) -> Vec<(u64, u64)> {
        let mut holes = Vec::new();
        let mut next = start;
        for (&from, &to) in &self.runs {
            if holes.len() >= limit {
                break;
            }
            if from > next {
                holes.push((next, from.saturating_sub(1)));
            }
            next = next.max(to.saturating_add(1));
        }
        holes
    }

    /// The runs, lowest first.
    pub fn runs(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.runs.iter().map(|(&from, &to)| (from, to))
    }

    /// Number of runs: what the set costs in memory.
    #[must_use]
    pub fn run_count(&self) -> usize {
        self.runs.len()
    }

    /// Forgets every number below `seq`.
    pub fn forget_below(&mut self, seq: u64) {
        let kept = self.runs.split_off(&seq);
        let cut = std::mem::replace(&mut self.runs, kept);
        if let Some((_, &end)) = cut.last_key_value()
            && end >= seq
        {
            self.runs.insert(seq, end);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn behaves_like_a_plain_set(
            ops in proptest::collection::vec((0_u64..60, 0_u64..6, proptest::bool::weighted(0.8)), 0..40),
            start in 0_u64..60,
            forget in proptest::option::of(0_u64..60),
        ) {
            let (mut ranges, mut plain) = (SeqRanges::new(), BTreeSet::new());
            for (from, more, add) in ops {
                if add {
                    ranges.insert(from, from + more);
                    plain.extend(from..=from + more);
                } else {
                    ranges.remove(from, from + more);
                    plain.retain(|seq| !(from..=from + more).contains(seq));
                }
            }
            if let Some(below) = forget {
                ranges.forget_below(below);
                plain.retain(|&seq| seq >= below);
            }
            for seq in 0..70 {
                prop_assert_eq!(ranges.contains(seq), plain.contains(&seq));
            }
            prop_assert_eq!(ranges.highest(), plain.last().copied());
            let mark = (start..).find(|seq| !plain.contains(seq));
            prop_assert_eq!(Some(ranges.first_missing(start)), mark);
            let holes: BTreeSet<u64> =
                ranges.missing(start, usize::MAX).into_iter().flat_map(|(from, to)| from..=to).collect();
            let want: BTreeSet<u64> = (start..plain.last().map_or(0, |last| last + 1)).filter(|seq| !plain.contains(seq)).collect();
            prop_assert_eq!(holes, want);
            // Runs never touch: otherwise memory would grow with every bundle.
            let runs: Vec<_> = ranges.runs().collect();
            prop_assert!(runs.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
        }
    }

    #[test]
    fn the_last_number_does_not_overflow() {
        let mut ranges = SeqRanges::new();
        ranges.insert(u64::MAX, u64::MAX);
        ranges.insert(5, 4);
        assert_eq!(ranges.first_missing(u64::MAX), u64::MAX);
        assert_eq!(ranges.run_count(), 1);
        ranges.insert(0, u64::MAX);
        assert_eq!(ranges.run_count(), 1);
    }
}
