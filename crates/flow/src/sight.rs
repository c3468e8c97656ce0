//! What the latest segments of one direction held, as short sums: enough to tell a repetition from a forgery, in one line of the cache.
//!
//! Compared are only copies of the same number and length: whoever stands between two devices passes segments on as they came. Of long ones the
//! first half kilobyte counts, which holds any answer of a controller.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;

/// Segments remembered: copies come within milliseconds.
const REMEMBERED: usize = 8;
/// Bytes of a segment that are looked at.
const LOOKED_AT: usize = 512;
/// A keep-alive repeats one byte, with any value (RFC 9293, 3.8.4); so does a probe of a closed window.
const SHORTEST: usize = 2;

/// The latest segments: sequence number, length, and a sum of the bytes.
#[derive(Debug, Default)]
pub(crate) struct Sights {
    latest: [(u32, u16, u16); REMEMBERED],
    next: u8,
}

impl Sights {
    /// Takes note of a segment; says whether it was seen before with other bytes.
    pub(crate) fn note(&mut self, seq: u32, bytes: &[u8]) -> bool {
        if bytes.len() < SHORTEST {
            return false;
        }
        let Ok(length) = u16::try_from(bytes.len()) else { return false };
        let looked_at = bytes.get(..LOOKED_AT).unwrap_or(bytes);
        let sum = FixedState::with_seed(u64::from(length)).hash_one(looked_at);
        let sum = u16::try_from(sum >> 48).unwrap_or(0);
        for (known_seq, known_length, known_sum) in self.latest {
            if (known_seq, known_length) == (seq, length) {
                return known_sum != sum;
            }
        }
        let place = usize::from(self.next) % REMEMBERED;
        self.next = self.next.wrapping_add(1);
        if let Some(slot) = self.latest.get_mut(place) {
            *slot = (seq, length, sum);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_altered_and_cut_otherwise() {
        let mut sights = Sights::default();
        assert!(!sights.note(1_000, b"level 40"));
        assert!(!sights.note(1_000, b"level 40"), "a repetition");
        assert!(sights.note(1_000, b"level 90"));
        assert!(!sights.note(1_000, b"level 40"), "the first copy stays");
        assert!(!sights.note(1_000, b"level"), "cut otherwise");
        assert!(!sights.note(1_007, b"\0") && !sights.note(1_007, b"\x01"), "keep-alives");
    }
}
