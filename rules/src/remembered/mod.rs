//! A map that forgets: what detectors remember is chosen by whoever sends the frames, so it has a size, and the longest untouched goes first.

mod index;
mod rows;

use std::hash::{BuildHasher, Hash};
use std::time::Duration;

use dogwatch_model::CaptureTime;
use foldhash::quality::RandomState;

use self::index::Index;
use self::rows::Rows;

/// Entries for each of the indexes of a table.
const INDEXED: usize = 512;

/// At most `limit` entries, each with the time it was last touched.
#[derive(Debug)]
pub(crate) struct Remembered<K, V> {
    rows: Rows<Row<K, V>>,
    /// Large tables have several, which grow one after the other.
    indexes: Box<[Index]>,
    hasher: RandomState,
    limit: usize,
    /// How long an untouched entry is worth anything.
    lasting: Duration,
    /// Room to look for the longest untouched: while somebody floods, that happens again and again.
    times: Vec<CaptureTime>,
}

#[derive(Debug)]
struct Row<K, V> {
    key: K,
    touched: CaptureTime,
    value: V,
}

impl<K: Hash + Eq + Copy + Ord, V> Remembered<K, V> {
    pub(crate) fn new(limit: usize) -> Self {
        let indexes = (0..(limit / INDEXED).next_power_of_two()).map(|_| Index::default()).collect();
        let lasting = Duration::MAX;
        Self { rows: Rows::new(), indexes, hasher: RandomState::default(), limit, lasting, times: Vec::new() }
    }

    /// The same for entries that are worth nothing once they were not touched for so long: when there is no room, all of those go.
    pub(crate) fn lasting(self, lasting: Duration) -> Self {
        Self { lasting, ..self }
    }

    /// The entry of `key`, touched.
    pub(crate) fn touch(&mut self, key: K, at: CaptureTime) -> Option<&mut V> {
        let row = self.rows.get_mut(self.find(self.hasher.hash_one(key), &key)?)?;
        row.touched = row.touched.max(at);
        Some(&mut row.value)
    }

    /// The entry of `key`, as it is.
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.rows.get(self.find(self.hasher.hash_one(key), key)?).map(|row| &row.value)
    }

    /// The entry of `key`, touched; made when there is none.
    pub(crate) fn touch_or(&mut self, key: K, at: CaptureTime, make: impl FnOnce() -> V) -> &mut V {
        self.row_or(key, at, make).0
    }

    /// Touches the entry of `key`, made when there is none; says whether it was made.
    pub(crate) fn note(&mut self, key: K, at: CaptureTime, make: impl FnOnce() -> V) -> bool {
        self.row_or(key, at, make).1
    }

    /// Puts an entry in.
    pub(crate) fn put(&mut self, key: K, at: CaptureTime, value: V) {
        let hash = self.hasher.hash_one(key);
        let known = self.find(hash, &key).and_then(|row| self.rows.get_mut(row));
        match known {
            Some(row) => (row.touched, row.value) = (at, value),
            None => {
                self.add(hash, Row { key, touched: at, value });
            }
        }
    }

    /// The entry of `key`, touched or made, and whether it was made.
    fn row_or(&mut self, key: K, at: CaptureTime, make: impl FnOnce() -> V) -> (&mut V, bool) {
        let hash = self.hasher.hash_one(key);
        let known = self.find(hash, &key);
        let number = known.unwrap_or_else(|| self.add(hash, Row { key, touched: at, value: make() }));
        #[expect(clippy::expect_used, reason = "the number was given by this table a line above")]
        let row = self.rows.get_mut(number).expect("a row of this table");
        row.touched = row.touched.max(at);
        (&mut row.value, known.is_none())
    }

    fn find(&self, hash: u64, key: &K) -> Option<usize> {
        let is_it = |number| self.rows.get(number).is_some_and(|row| row.key == *key);
        self.indexes.get(self.index_of(hash))?.find(hash, is_it)
    }

    /// Which of the indexes; by the half of the hash that those do not look at themselves.
    fn index_of(&self, hash: u64) -> usize {
        hash as usize & self.indexes.len().wrapping_sub(1)
    }

    /// A new entry; gives its number.
    #[cold]
    fn add(&mut self, hash: u64, row: Row<K, V>) -> usize {
        if self.rows.len() >= self.limit {
            self.forget(row.touched);
        }
        let number = self.rows.len();
        self.rows.push(row);
        self.file(hash, number);
        number
    }

    /// Enters a row into its index.
    fn file(&mut self, hash: u64, number: usize) {
        let index = self.index_of(hash);
        if let Some(index) = self.indexes.get_mut(index) {
            index.file(hash, number);
        }
    }

    /// An eighth goes, the longest untouched first (by key among equals, so that a replay forgets the same), and whatever is worth nothing any more.
    fn forget(&mut self, now: CaptureTime) {
        // only the times are copied: keys are several times as large, and this happens again and again while somebody floods
        self.times.clear();
        self.times.extend(self.rows.iter().map(|row| row.touched));
        let worthless = self.times.iter().filter(|touched| now.since(**touched) > self.lasting).count();
        let going = (self.limit / 8).max(worthless).max(1);
        let Some(last) = going.checked_sub(1).filter(|last| *last < self.times.len()) else { return };
        let (_, last, _) = self.times.select_nth_unstable(last);
        let last = *last;
        let older = self.rows.iter().filter(|row| row.touched < last).count();
        let mut equals: Vec<K> = self.rows.iter().filter(|row| row.touched == last).map(|row| row.key).collect();
        equals.sort_unstable();
        equals.truncate(going.saturating_sub(older));
        let goes = |row: &Row<K, V>| match row.touched.cmp(&last) {
            std::cmp::Ordering::Less => true,
            std::cmp::Ordering::Equal => equals.binary_search(&row.key).is_ok(),
            std::cmp::Ordering::Greater => false,
        };
        let mut number = 0;
        while let Some(row) = self.rows.get(number) {
            if goes(row) {
                self.rows.swap_remove(number);
            } else {
                number += 1;
            }
        }
        self.indexes.iter_mut().for_each(Index::clear);
        for number in 0..self.rows.len() {
            let Some(hash) = self.rows.get(number).map(|row| self.hasher.hash_one(row.key)) else { continue };
            self.file(hash, number);
        }
    }

    /// Every entry with the time it was last touched, by key: the form kept in a baseline.
    pub(crate) fn entries(&self) -> Vec<(K, CaptureTime, &V)> {
        let mut entries: Vec<_> = self.rows.iter().map(|row| (row.key, row.touched, &row.value)).collect();
        entries.sort_unstable_by_key(|(key, ..)| *key);
        entries
    }

    /// Puts entries of an earlier run back.
    pub(crate) fn recall(&mut self, entries: Vec<(K, CaptureTime, V)>) {
        for (key, touched, value) in entries {
            self.put(key, touched, value);
        }
    }

    /// How many entries.
    #[cfg(test)]
    pub(crate) const fn len(&self) -> usize {
        self.rows.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_is_found_after_some_were_forgotten() {
        let mut map = Remembered::new(3_000);
        for key in 0..10_000_u32 {
            map.put(key, CaptureTime(i64::from(key)), key * 2);
            assert!(map.len() <= 3_000);
        }
        let kept: Vec<u32> = map.entries().into_iter().map(|(key, ..)| key).collect();
        assert_eq!(kept.last(), Some(&9_999));
        assert!(kept.is_sorted() && kept.windows(2).all(|two| two[1] == two[0] + 1), "the newest, without gaps");
        for key in 0..10_000 {
            assert_eq!(map.get(&key).copied(), kept.binary_search(&key).ok().map(|_| key * 2));
        }
    }

    #[test]
    fn among_equals_the_key_decides() {
        let mut map = Remembered::new(16);
        for key in (0..17).rev() {
            map.put(key, CaptureTime(0), ());
        }
        let kept: Vec<i32> = map.entries().into_iter().map(|(key, ..)| key).collect();
        assert_eq!(kept, [0, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16], "1 and 2 went before 0 came");
    }

    #[test]
    fn what_is_worth_nothing_goes_at_once() {
        let second = |second: i64| CaptureTime::from_parts(second, 0);
        let mut map = Remembered::new(100).lasting(Duration::from_secs(120));
        for key in 0..100 {
            map.put(key, second(key * 10), ());
            map.touch(0, second(key * 10));
        }
        map.put(100, second(1_000), ());
        let kept: Vec<i64> = map.entries().into_iter().map(|(key, ..)| key).collect();
        assert_eq!(
            kept,
            [&[0][..], &(88..=100).collect::<Vec<_>>()].concat(),
            "those of two minutes, and who was touched"
        );
    }

    #[test]
    fn the_longest_untouched_goes_first() {
        let mut map = Remembered::new(8);
        for key in 0..8 {
            map.put(key, CaptureTime(i64::from(key)), ());
        }
        map.touch(0, CaptureTime(100));
        map.put(8, CaptureTime(9), ());
        assert_eq!(map.len(), 8);
        assert!(map.get(&0).is_some() && map.get(&1).is_none() && map.get(&8).is_some());
    }
}
