//! Where the row of a key stands, by its hash.
//!
//! Tables that outgrow the cache are looked up here hundreds of thousands of times a second, and what such a look-up costs is the lines of memory it
//! waits for. Hash and number of a row stand side by side in one word, so that a look waits for one line here and for the row; the tables of
//! `hashbrown` keep them apart and wait for a third one (measured over the benchmark mix). Nothing is ever taken out of an index: it is made anew.

/// Slots of an index that is not empty, at least.
const LEAST: usize = 8;

/// See the file's head.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// As many as a power of two; 0 where there is none. The upper half of a hash says where to begin to look: the first empty slot ends it.
    slots: Vec<u64>,
    filed: usize,
}

/// A slot: the upper half of the hash, and the number of the row plus one.
const fn slot_of(hash: u64, row: u32) -> u64 {
    hash >> u32::BITS << u32::BITS | row as u64
}

impl Index {
    /// The row with this hash that is the one looked for.
    pub(super) fn find(&self, hash: u64, is_it: impl Fn(usize) -> bool) -> Option<usize> {
        let last = self.slots.len().wrapping_sub(1);
        let mut place = self.place_of(hash);
        loop {
            let slot = *self.slots.get(place)?;
            let row = (slot as u32).checked_sub(1)? as usize;
            if (slot ^ hash) >> u32::BITS == 0 && is_it(row) {
                return Some(row);
            }
            place = (place + 1) & last;
        }
    }

    /// Enters a row that is not there yet. Rows beyond the four thousand millionth are not entered.
    pub(super) fn file(&mut self, hash: u64, row: usize) {
        let Some(row) = u32::try_from(row).ok().and_then(|row| row.checked_add(1)) else { return };
        // a fourth stays empty: searches are short and end
        if self.filed >= self.slots.len() / 4 * 3 {
            let more = vec![0; (self.slots.len() * 2).max(LEAST)];
            let filed = std::mem::replace(&mut self.slots, more);
            filed.into_iter().filter(|slot| *slot != 0).for_each(|slot| self.put(slot));
        }
        self.put(slot_of(hash, row));
        self.filed += 1;
    }

    /// Nothing is entered any more.
    pub(super) fn clear(&mut self) {
        self.slots.fill(0);
        self.filed = 0;
    }

    fn put(&mut self, slot: u64) {
        let last = self.slots.len().wrapping_sub(1);
        let mut place = self.place_of(slot);
        while let Some(there) = self.slots.get_mut(place) {
            if *there == 0 {
                *there = slot;
                return;
            }
            place = (place + 1) & last;
        }
    }

    const fn place_of(&self, hash: u64) -> usize {
        (hash >> u32::BITS) as usize & self.slots.len().wrapping_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_found_under_its_hash_and_no_other() {
        let mut index = Index::default();
        assert_eq!(index.find(7 << 32, |_| true), None, "nothing is there");
        // multiples of a large number: some begin at the same place
        let hash = |row: usize| (row as u64).wrapping_mul(0x0001_0000_8000_0001);
        for row in 0..3_000 {
            index.file(hash(row), row);
        }
        for row in 0..3_000 {
            assert_eq!(index.find(hash(row), |found| found == row), Some(row));
        }
        assert!((3_000..6_000).all(|row| index.find(hash(row), |found| found == row).is_none()));
        index.clear();
        assert!((0..3_000).all(|row| index.find(hash(row), |_| true).is_none()));
    }

    #[test]
    fn rows_of_one_hash_are_told_apart_by_who_asks() {
        let mut index = Index::default();
        (0..100).for_each(|row| index.file(u64::MAX, row));
        assert!((0..100).all(|row| index.find(u64::MAX, |found| found == row) == Some(row)));
        assert_eq!(index.find(u64::MAX, |_| false), None, "the search ends");
    }
}
