//! What the uplink must find again after a restart: the tables it shares with the shore, what was receipted, the bytes spent
//! today.
//!
//! Saved before a bundle goes out whenever the tables grew, so that a table number is never given to something else after a crash. When it is
//! lost or damaged, a new table generation begins: that costs bytes, not findings.

use dogwatch_bundle::{SeqRanges, Tables};
use ring::rand::SecureRandom as _;

const VERSION: u8 = 1;

/// The uplink's memory.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) epoch: u32,
    /// First eight bytes of the hash of the last bundle whose receipt came.
    pub(super) previous: [u8; 8],
    pub(super) day: i64,
    pub(super) used: u64,
    /// Records whose receipts came but that lie above one that still waits.
    pub(super) confirmed: SeqRanges,
    pub(super) tables: Tables,
}

impl State {
    /// A fresh memory for a stream.
    pub(super) fn fresh(epoch: u32) -> Self {
        Self {
            epoch,
            previous: [0; 8],
            day: 0,
            used: 0,
            confirmed: SeqRanges::new(),
            tables: Tables::new(random_generation()),
        }
    }

    /// Reads what was saved. Another epoch keeps only the bytes spent: the link's bill does not care about our queue.
    pub(super) fn read(bytes: &[u8], epoch: u32) -> Option<Self> {
        let (&VERSION, rest) = bytes.split_first()? else { return None };
        let (saved_epoch, rest) = rest.split_first_chunk::<4>()?;
        let (previous, rest) = rest.split_first_chunk::<8>()?;
        let (day, rest) = rest.split_first_chunk::<8>()?;
        let (used, rest) = rest.split_first_chunk::<8>()?;
        let (day, used) = (i64::from_be_bytes(*day), u64::from_be_bytes(*used));
        if u32::from_be_bytes(*saved_epoch) != epoch {
            return Some(Self { day, used, ..Self::fresh(epoch) });
        }
        let (runs, mut rest) = rest.split_first_chunk::<4>()?;
        let mut confirmed = SeqRanges::new();
        for _ in 0..u32::from_be_bytes(*runs) {
            let (from, after) = rest.split_first_chunk::<8>()?;
            let (to, after) = after.split_first_chunk::<8>()?;
            confirmed.insert(u64::from_be_bytes(*from), u64::from_be_bytes(*to));
            rest = after;
        }
        let tables = Tables::from_bytes(rest).ok()?;
        Some(Self { epoch, previous: *previous, day, used, confirmed, tables })
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend(self.epoch.to_be_bytes());
        bytes.extend(self.previous);
        bytes.extend(self.day.to_be_bytes());
        bytes.extend(self.used.to_be_bytes());
        bytes.extend(u32::try_from(self.confirmed.run_count()).unwrap_or(0).to_be_bytes());
        for (from, to) in self.confirmed.runs() {
            bytes.extend(from.to_be_bytes());
            bytes.extend(to.to_be_bytes());
        }
        bytes.extend(self.tables.to_bytes());
        bytes
    }

    /// Begins a new table generation.
    pub(super) fn forget_tables(&mut self) {
        self.tables = Tables::new(self.tables.generation().wrapping_add(1));
    }
}

/// A generation nobody is likely to have used: if it was used after all, the shore notices and asks for the next.
fn random_generation() -> u16 {
    let mut bytes = [0_u8; 2];
    // Without randomness generation 0 does as well, for the reason above.
    let _ = ring::rand::SystemRandom::new().fill(&mut bytes);
    u16::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_whole_or_not_at_all() {
        let mut state = State::fresh(7);
        (state.previous, state.day, state.used) = ([9; 8], 20_779, 12_345);
        state.confirmed.insert(4, 9);
        state.confirmed.insert(12, 12);
        let bytes = state.to_bytes();
        let back = State::read(&bytes, 7).unwrap();
        assert_eq!((back.previous, back.day, back.used), ([9; 8], 20_779, 12_345));
        assert_eq!(back.confirmed, state.confirmed);
        assert_eq!(back.tables.generation(), state.tables.generation());
        let other = State::read(&bytes, 8).unwrap();
        assert_eq!((other.epoch, other.previous, other.used), (8, [0; 8], 12_345));
        for cut in 0..bytes.len() {
            assert!(State::read(&bytes[..cut], 7).is_none(), "cut at {cut}");
        }
    }
}
