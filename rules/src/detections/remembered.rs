//! A map that forgets: what detectors remember is chosen by whoever sends the frames, so it has a size, and the longest untouched goes first.

use std::hash::Hash;

use dogwatch_model::CaptureTime;
use foldhash::quality::RandomState;
use indexmap::IndexMap;

/// Entries from which on a table is given its whole room.
const LARGE: usize = 2_048;

/// At most `limit` entries, each with the time it was last touched.
#[derive(Debug)]
pub(crate) struct Remembered<K, V> {
    /// Entries stand one behind the other and only their numbers are hashed.
    entries: IndexMap<K, (CaptureTime, V), RandomState>,
    limit: usize,
    forgotten: u64,
}

impl<K: Hash + Eq + Copy + Ord, V> Remembered<K, V> {
    pub(crate) fn new(limit: usize) -> Self {
        Self { entries: IndexMap::default(), limit, forgotten: 0 }
    }

    /// The entry of `key`, touched.
    pub(crate) fn touch(&mut self, key: K, at: CaptureTime) -> Option<&mut V> {
        let (touched, value) = self.entries.get_mut(&key)?;
        *touched = (*touched).max(at);
        Some(value)
    }

    /// The entry of `key`, as it is.
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|(_, value)| value)
    }

    /// The entry of `key`, touched; made when there is none.
    pub(crate) fn touch_or(&mut self, key: K, at: CaptureTime, make: impl FnOnce() -> V) -> &mut V {
        let (index, _) = self.index_or(key, at, make);
        #[expect(clippy::indexing_slicing, reason = "the index was given by this table a line above")]
        let (touched, value) = &mut self.entries[index];
        *touched = (*touched).max(at);
        value
    }

    /// Touches the entry of `key`, made when there is none; says whether it was made.
    pub(crate) fn note(&mut self, key: K, at: CaptureTime, make: impl FnOnce() -> V) -> bool {
        let (index, is_new) = self.index_or(key, at, make);
        if let Some((_, (touched, _))) = self.entries.get_index_mut(index) {
            *touched = (*touched).max(at);
        }
        is_new
    }

    /// Puts an entry in.
    pub(crate) fn put(&mut self, key: K, at: CaptureTime, value: V) {
        if let Some(entry) = self.entries.get_mut(&key) {
            *entry = (at, value);
            return;
        }
        self.make_room();
        self.entries.insert(key, (at, value));
    }

    /// Where the entry of `key` stands, made when there is none, and whether it was made. What is there already is found by one look.
    fn index_or(&mut self, key: K, at: CaptureTime, make: impl FnOnce() -> V) -> (usize, bool) {
        match self.entries.get_index_of(&key) {
            Some(index) => (index, false),
            None => {
                self.make_room();
                (self.entries.insert_full(key, (at, make())).0, true)
            }
        }
    }

    /// For a new entry: when full, an eighth goes, the longest untouched first (by key among equals, so that a replay forgets the same).
    fn make_room(&mut self) {
        if self.entries.len() < self.limit {
            return self.grow();
        }
        let going = (self.limit / 8).max(1);
        // only the times are copied: keys are several times as large, and this happens again and again while somebody floods
        let mut times: Vec<CaptureTime> = self.entries.values().map(|(touched, _)| *touched).collect();
        let Some(last) = going.checked_sub(1).filter(|last| *last < times.len()) else { return };
        let (_, last, _) = times.select_nth_unstable(last);
        let last = *last;
        let older = self.entries.values().filter(|(touched, _)| *touched < last).count();
        let mut equals: Vec<K> =
            self.entries.iter().filter(|(_, (touched, _))| *touched == last).map(|(key, _)| *key).collect();
        equals.sort_unstable();
        equals.truncate(going.saturating_sub(older));
        self.entries.retain(|key, (touched, _)| match (*touched).cmp(&last) {
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Equal => equals.binary_search(key).is_err(),
            std::cmp::Ordering::Greater => true,
        });
        self.forgotten = self.forgotten.saturating_add(going as u64);
    }

    /// A table that has become large gets room for all it may hold, at once. Doubling would copy it several times, each time to pages the kernel
    /// has to clear first; those of room not yet used cost nothing.
    fn grow(&mut self) {
        if self.entries.len() == LARGE {
            self.entries.reserve_exact(self.limit.saturating_sub(LARGE));
        }
    }

    /// Every entry with the time it was last touched, by key: the form kept in a baseline.
    pub(crate) fn entries(&self) -> Vec<(K, CaptureTime, &V)> {
        let mut entries: Vec<_> = self.entries.iter().map(|(key, (touched, value))| (*key, *touched, value)).collect();
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
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_grows_in_one_step_once_it_is_large() {
        let mut map = Remembered::new(3 * LARGE);
        for key in 0..=LARGE {
            map.put(key, CaptureTime(0), ());
        }
        let room = map.entries.capacity();
        assert!(room >= 3 * LARGE);
        for key in 0..4 * LARGE {
            map.put(key, CaptureTime(1), ());
        }
        assert_eq!(map.entries.capacity(), room);
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
