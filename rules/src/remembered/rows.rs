//! Rows in chests of a few kilobytes: a table that grows neither moves what it holds nor asks for room that it may never use, and tables of all
//! kinds share the pages that the allocator keeps for blocks of one size. Each page the kernel has to clear costs more than a dozen look-ups.

/// Bytes of a chest, at most: what allocators still call small.
pub(super) const CHEST: usize = 8_192;

/// See the file's head.
#[derive(Debug)]
pub(super) struct Rows<T> {
    chests: Vec<Vec<T>>,
    len: usize,
}

impl<T> Rows<T> {
    /// Rows of one chest, two to the power of this.
    const BITS: u32 = match CHEST / size_of::<T>() {
        0 => 0,
        rows => rows.ilog2(),
    };
    const ROWS: usize = 1 << Self::BITS;

    pub(super) const fn new() -> Self {
        Self { chests: Vec::new(), len: 0 }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, row: usize) -> Option<&T> {
        self.chests.get(row >> Self::BITS)?.get(row % Self::ROWS)
    }

    pub(super) fn get_mut(&mut self, row: usize) -> Option<&mut T> {
        self.chests.get_mut(row >> Self::BITS)?.get_mut(row % Self::ROWS)
    }

    pub(super) fn push(&mut self, value: T) {
        let chest = self.len >> Self::BITS;
        if chest == self.chests.len() {
            // most tables stay small: the first chest begins with nothing
            self.chests.push(Vec::with_capacity(if chest == 0 { 0 } else { Self::ROWS }));
        }
        if let Some(chest) = self.chests.get_mut(chest) {
            chest.push(value);
            self.len += 1;
        }
    }

    /// Takes out a row; the last one comes in its place.
    pub(super) fn swap_remove(&mut self, row: usize) {
        let Some(last) = self.len.checked_sub(1).filter(|last| row <= *last) else { return };
        let Some(value) = self.chests.get_mut(last >> Self::BITS).and_then(Vec::pop) else { return };
        self.len = last;
        if let Some(place) = self.get_mut(row) {
            *place = value;
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chests.iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: usize = Rows::<usize>::ROWS;

    #[test]
    fn the_last_row_fills_the_gap_across_chests() {
        let mut rows = Rows::new();
        (0..=2 * ROWS).for_each(|n| rows.push(n));
        assert_eq!((rows.len(), rows.iter().count()), (2 * ROWS + 1, 2 * ROWS + 1));
        rows.swap_remove(3);
        assert_eq!((rows.get(3), rows.get(2 * ROWS), rows.len()), (Some(&(2 * ROWS)), None, 2 * ROWS));
        rows.swap_remove(2 * ROWS - 1);
        assert_eq!((rows.get(2 * ROWS - 1), rows.len()), (None, 2 * ROWS - 1));
        rows.push(7);
        assert_eq!(rows.get(2 * ROWS - 1), Some(&7));
        rows.swap_remove(2 * ROWS);
        assert_eq!(rows.len(), 2 * ROWS, "what is not there cannot be taken out");
    }
}
