//! The bounded table of flows: a slab with a hash index, and one list per worth, each in the order of last use.
//!
//! The hasher is seeded at random so that nobody can choose colliding keys. Nothing ever walks the index, so the seed cannot show in what comes
//! out.

use std::hash::BuildHasher;

use dogwatch_model::SourceId;
use foldhash::quality::RandomState;
use hashbrown::HashTable;

use crate::FlowId;
use crate::entry::{Entry, Worth};
use crate::key::Key;

const NONE: u32 = u32::MAX;

/// A place in the slab, in the order of use like the entry in it.
#[repr(C)]
struct Slot {
    generation: u32,
    list: usize,
    previous: u32,
    next: u32,
    /// When it was moved to the front of its list last, in uses of the table.
    moved: u64,
    entry: Option<Entry>,
}

#[derive(Clone, Copy)]
struct List {
    /// Used last.
    front: u32,
    /// Quiet longest.
    back: u32,
    length: u32,
}

/// When a slot is worth a look.
#[derive(Clone, Copy, Default)]
pub(crate) struct Due {
    pub(crate) second: i64,
    pub(crate) source: SourceId,
}

impl Due {
    /// At any time: nothing is known yet, or something waits.
    pub(crate) const NOW: Self = Self { second: i64::MIN, source: SourceId(0) };
    /// Never: no flow is there, or one that does not end by itself.
    pub(crate) const NEVER: Self = Self { second: i64::MAX, source: SourceId(0) };
}

/// All live flows.
pub(crate) struct Table {
    hasher: RandomState,
    index: HashTable<u32>,
    slots: Vec<Slot>,
    /// Before which second of its source's clock each flow need not be looked at, and the source: looking for quiet flows then leaves the slab alone.
    due: Vec<Due>,
    free: Vec<u32>,
    lists: [List; 3],
    /// The slot found last: packets come in bursts.
    recent: u32,
    uses: u64,
    capacity: u32,
}

impl Table {
    pub(crate) fn new(capacity: u32) -> Self {
        Self {
            hasher: RandomState::default(),
            index: HashTable::new(),
            slots: Vec::new(),
            due: Vec::new(),
            free: Vec::new(),
            lists: [List { front: NONE, back: NONE, length: 0 }; 3],
            recent: NONE,
            uses: 0,
            capacity: capacity.clamp(1, NONE - 1),
        }
    }

    /// Finds a flow.
    #[inline]
    pub(crate) fn find(&mut self, key: &Key) -> Option<u32> {
        if self.get(self.recent).is_some_and(|entry| entry.key == *key) {
            return Some(self.recent);
        }
        let hash = self.hasher.hash_one(key);
        let slots = &self.slots;
        let found = self.index.find(hash, |slot| {
            slots.get(*slot as usize).and_then(|slot| slot.entry.as_ref()).is_some_and(|entry| entry.key == *key)
        });
        let slot = *found?;
        self.recent = slot;
        Some(slot)
    }

    #[inline]
    pub(crate) fn get(&self, slot: u32) -> Option<&Entry> {
        self.slots.get(slot as usize)?.entry.as_ref()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, slot: u32) -> Option<&mut Entry> {
        self.slots.get_mut(slot as usize)?.entry.as_mut()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.index.len() >= self.capacity as usize
    }

    /// How many slots were ever used at the same time.
    pub(crate) const fn slots(&self) -> usize {
        self.slots.len()
    }

    /// All live flows, by slot.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.slots.iter().filter_map(|slot| slot.entry.as_ref())
    }

    /// Puts a flow in that is not there yet; `make` gets the id it will have.
    pub(crate) fn insert(&mut self, key: Key, make: impl FnOnce(FlowId) -> Entry) -> Option<u32> {
        let number = match self.free.pop() {
            Some(number) => number,
            None => {
                let number = u32::try_from(self.slots.len()).ok().filter(|number| *number < self.capacity)?;
                self.due.push(Due::NOW);
                self.slots.push(Slot { generation: 0, list: 0, previous: NONE, next: NONE, moved: 0, entry: None });
                number
            }
        };
        self.wake(number);
        let slot = self.slots.get_mut(number as usize)?;
        slot.entry = Some(make(FlowId { slot: number, generation: slot.generation }));
        slot.list = Worth::Unproven as usize;
        slot.moved = self.uses;
        let (slots, hasher) = (&self.slots, &self.hasher);
        self.index.insert_unique(hasher.hash_one(key), number, |other| {
            slots
                .get(*other as usize)
                .and_then(|slot| slot.entry.as_ref())
                .map_or(0, |entry| hasher.hash_one(entry.key))
        });
        self.link(number);
        self.recent = number;
        Some(number)
    }

    /// When a slot is worth a look.
    #[inline]
    pub(crate) fn due(&self, slot: u32) -> Due {
        self.due.get(slot as usize).copied().unwrap_or(Due::NEVER)
    }

    /// A slot need not be looked at before `due`.
    pub(crate) fn sleep(&mut self, slot: u32, due: Due) {
        if let Some(kept) = self.due.get_mut(slot as usize) {
            *kept = due;
        }
    }

    /// A slot is to be looked at next time.
    pub(crate) fn wake(&mut self, slot: u32) {
        self.sleep(slot, Due::NOW);
    }

    /// Takes a flow out.
    pub(crate) fn remove(&mut self, number: u32) -> Option<Entry> {
        self.get(number)?;
        self.unlink(number);
        let slot = self.slots.get_mut(number as usize)?;
        let entry = slot.entry.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        if let Ok(found) = self.index.find_entry(self.hasher.hash_one(entry.key), |other| *other == number) {
            found.remove();
        }
        self.free.push(number);
        self.sleep(number, Due::NEVER);
        Some(entry)
    }

    /// Notes a use of the flow. It moves to the front only when it has not for a while: a flow cannot reach the back of a list of `n` before `n`
    /// others came, so an eighth of that is soon enough, and spares most packets the neighbours' cache lines.
    #[inline]
    pub(crate) fn touch(&mut self, number: u32) {
        self.uses = self.uses.wrapping_add(1);
        let stale = u64::from(self.capacity / 8);
        let Some(slot) = self.slots.get(number as usize) else { return };
        let Some(entry) = &slot.entry else { return };
        let list = entry.worth() as usize;
        if list == slot.list && self.uses.wrapping_sub(slot.moved) <= stale {
            return;
        }
        self.unlink(number);
        if let Some(slot) = self.slots.get_mut(number as usize) {
            slot.list = list;
            slot.moved = self.uses;
        }
        self.link(number);
    }

    /// The flow that is missed least: of the worth that holds more than its share, the one quiet longest.
    pub(crate) fn victim(&self) -> Option<u32> {
        let share = self.capacity / 8;
        let crowded = self.lists.iter().find(|list| list.length > share);
        let any = || self.lists.iter().find(|list| list.length > 0);
        crowded.or_else(any).map(|list| list.back)
    }

    /// Flows with a dissector, and the one of them quiet longest.
    pub(crate) fn dissected(&self) -> (u32, u32) {
        let [_, _, read] = self.lists;
        (read.length, read.back)
    }

    fn link(&mut self, number: u32) {
        let Some(slot) = self.slots.get_mut(number as usize) else { return };
        let Some(list) = self.lists.get_mut(slot.list) else { return };
        slot.previous = NONE;
        slot.next = list.front;
        let second = std::mem::replace(&mut list.front, number);
        list.length = list.length.wrapping_add(1);
        if second == NONE {
            list.back = number;
        } else if let Some(second) = self.slots.get_mut(second as usize) {
            second.previous = number;
        }
    }

    fn unlink(&mut self, number: u32) {
        let Some(&Slot { list, previous, next, .. }) = self.slots.get(number as usize) else { return };
        let Some(list) = self.lists.get_mut(list) else { return };
        list.length = list.length.wrapping_sub(1);
        match self.slots.get_mut(previous as usize) {
            Some(slot) => slot.next = next,
            None => list.front = next,
        }
        match self.slots.get_mut(next as usize) {
            Some(slot) => slot.previous = previous,
            None => list.back = previous,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_takes_what_the_limits_say() {
        assert!(size_of::<Slot>() <= 448, "{} bytes: Limits counts on some 400", size_of::<Slot>());
    }
}
