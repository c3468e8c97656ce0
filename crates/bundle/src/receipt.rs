//! The shore's answer: what it holds of a stream without a hole, and what is missing above. Signed, so that nobody between can make the ship
//! forget a record.
//!
//! The signature covers the receipt's bytes and the public key of the ship it is for. The layout is in this crate's `README.md`.

use crate::BundleError;
use crate::keys::{PublicKey, SigningKey};
use crate::ranges::SeqRanges;
use crate::wire::{Reader, put_varint};

/// Most holes one receipt lists; what lies above the last listed hole is told by the next receipt.
pub const MAX_MISSING: usize = 16;

const MAGIC: [u8; 4] = *b"DWR1";

/// What became of the bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Taken, or held already.
    Taken,
    /// A sequence number came with other content than before: kept aside for a person to look at.
    Quarantined,
}

/// What the shore holds of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Short number of the shore's key.
    pub key_id: u16,
    /// The stream.
    pub epoch: u32,
    /// First eight bytes of the hash of the bundle this answers.
    pub bundle: [u8; 8],
    /// What became of it.
    pub outcome: Outcome,
    /// When, milliseconds since 1970, shore's clock: also a time hint.
    pub shore_ms: u64,
    /// The lowest sequence number (from 1) not held.
    pub mark: u64,
    /// The shore holds every number in `mark..=highest` that is not in `missing`; `mark - 1` when it holds none above.
    pub highest: u64,
    /// Holes, lowest first.
    pub missing: Vec<(u64, u64)>,
}

impl Receipt {
    /// Tells what `held` holds.
    #[must_use]
    pub fn of(held: &SeqRanges, epoch: u32, bundle: &[u8; 32], outcome: Outcome, shore_ms: u64) -> Self {
        let mark = held.first_missing(1);
        let mut missing = held.missing(mark, MAX_MISSING.saturating_add(1));
        let highest = match missing.get(MAX_MISSING) {
            // Nothing is said of what lies above the first hole that has no room.
            Some(&(unlisted, _)) => unlisted.saturating_sub(1),
            None => held.highest().unwrap_or(0).max(mark.saturating_sub(1)),
        };
        missing.truncate(MAX_MISSING);
        let [a, b, c, d, e, f, g, h, ..] = *bundle;
        let bundle = [a, b, c, d, e, f, g, h];
        Self { key_id: 0, epoch, bundle, outcome, shore_ms, mark, highest, missing }
    }

    /// Whether the shore says it holds `seq`.
    #[must_use]
    pub fn holds(&self, seq: u64) -> bool {
        seq < self.mark || (seq <= self.highest && !self.missing.iter().any(|&(from, to)| (from..=to).contains(&seq)))
    }

    /// The bytes that go to the ship whose key is `ship`, signed by the shore's `key`.
    #[must_use]
    pub fn sign(&self, key: &SigningKey, ship: &PublicKey) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(key.public().key_id().to_be_bytes());
        bytes.extend(self.epoch.to_be_bytes());
        bytes.extend(self.bundle);
        bytes.push(match self.outcome {
            Outcome::Taken => 0,
            Outcome::Quarantined => 1,
        });
        bytes.extend(self.shore_ms.to_be_bytes().iter().skip(2));
        put_varint(&mut bytes, self.mark);
        put_varint(&mut bytes, self.highest.wrapping_add(1).wrapping_sub(self.mark));
        put_varint(&mut bytes, self.missing.len() as u64);
        let mut before = self.mark;
        for &(from, to) in &self.missing {
            put_varint(&mut bytes, from.wrapping_sub(before));
            put_varint(&mut bytes, to.wrapping_sub(from));
            before = to;
        }
        let signature = key.sign(&[bytes.as_slice(), &ship.0].concat());
        bytes.extend(signature);
        bytes
    }

    /// Reads a receipt and checks that the shore's `key` signed it for the ship whose key is `ship`.
    ///
    /// # Errors
    /// When it is damaged, forged, or for another ship.
    pub fn verify(bytes: &[u8], key: &PublicKey, ship: &PublicKey) -> Result<Self, BundleError> {
        let (signed, signature) = bytes.split_last_chunk::<64>().ok_or(BundleError::Truncated { what: "a receipt" })?;
        key.verify(&[signed, &ship.0].concat(), signature)?;
        let mut reader = Reader::new(signed);
        if reader.array::<4>("a receipt")? != MAGIC {
            return Err(BundleError::Malformed { what: "the first four bytes of a receipt" });
        }
        let key_id = u16::from_be_bytes(reader.array("a receipt")?);
        let epoch = u32::from_be_bytes(reader.array("a receipt")?);
        let bundle = reader.array("a receipt")?;
        let outcome = match reader.byte("a receipt")? {
            0 => Outcome::Taken,
            1 => Outcome::Quarantined,
            _ => return Err(BundleError::Malformed { what: "outcome of a receipt" }),
        };
        let [a, b, c, d, e, f] = reader.array("a receipt")?;
        let shore_ms = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
        let odd = BundleError::Malformed { what: "numbers of a receipt" };
        let mark = reader.varint("a receipt")?;
        let above = reader.varint("a receipt")?;
        let highest = mark.checked_add(above).and_then(|next| next.checked_sub(1)).ok_or(odd)?;
        let holes = reader.count(MAX_MISSING, "holes of a receipt")?;
        let mut missing = Vec::with_capacity(holes);
        let mut before = mark;
        for _ in 0..holes {
            let from = before.checked_add(reader.varint("a receipt")?).ok_or(odd)?;
            let to = from.checked_add(reader.varint("a receipt")?).ok_or(odd)?;
            missing.push((from, to));
            before = to;
        }
        if reader.is_empty() {
            Ok(Self { key_id, epoch, bundle, outcome, shore_ms, mark, highest, missing })
        } else {
            Err(BundleError::Malformed { what: "bytes after a receipt" })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SigningKey {
        SigningKey::from_pkcs8(&SigningKey::generate().unwrap()).unwrap()
    }

    fn held(runs: &[(u64, u64)]) -> SeqRanges {
        let mut held = SeqRanges::new();
        runs.iter().for_each(|&(from, to)| held.insert(from, to));
        held
    }

    #[test]
    fn tells_exactly_what_is_held() {
        let (shore, ship) = (key(), key());
        let many: Vec<(u64, u64)> = (1..40).map(|n| (n * 10, n * 10 + 3)).collect();
        for runs in [&[][..], &[(1, 5)], &[(3, 4)], &[(1, 9), (20, 29), (40, 41)], &many] {
            let held = held(runs);
            let receipt = Receipt::of(&held, 7, &[9; 32], Outcome::Taken, 1_795_305_600_000);
            let bytes = receipt.sign(&shore, &ship.public());
            assert!(bytes.len() <= 64 + 28 + 3 * MAX_MISSING, "{} bytes", bytes.len());
            let read = Receipt::verify(&bytes, &shore.public(), &ship.public()).unwrap();
            assert_eq!(read, Receipt { key_id: shore.public().key_id(), ..receipt });
            for seq in 1..500 {
                // Never claims what is not held; says everything up to where the list ends.
                assert!(held.contains(seq) || !read.holds(seq), "{runs:?} {seq}");
                assert!(!held.contains(seq) || read.holds(seq) || seq > read.highest, "{runs:?} {seq}");
            }
        }
    }

    #[test]
    fn forged_damaged_or_for_another_ship() {
        let (shore, ship, other) = (key(), key(), key());
        let bytes = Receipt::of(&held(&[(1, 5)]), 7, &[9; 32], Outcome::Taken, 5).sign(&shore, &ship.public());
        assert_eq!(Receipt::verify(&bytes, &shore.public(), &other.public()), Err(BundleError::BadSignature));
        assert_eq!(Receipt::verify(&bytes, &other.public(), &ship.public()), Err(BundleError::BadSignature));
        for at in 0..bytes.len() {
            let mut bent = bytes.clone();
            bent[at] ^= 1;
            assert!(Receipt::verify(&bent, &shore.public(), &ship.public()).is_err(), "byte {at}");
            assert!(Receipt::verify(&bytes[..at], &shore.public(), &ship.public()).is_err(), "cut at {at}");
        }
    }
}
