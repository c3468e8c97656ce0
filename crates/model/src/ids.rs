//! Ids that come out the same whenever the same capture is read again.
//!
//! An id is a ULID with a type prefix. Its time part is when the thing was first seen; its 80 "random" bits are a hash of what makes the thing
//! itself, so that a replay gives the same ids byte for byte and two boxes never invent the same id for different things.

use crate::CaptureTime;

/// What kind of record an id names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdKind {
    /// An asset.
    Asset,
    /// A finding.
    Finding,
    /// A connection.
    Connection,
    /// A change of an asset.
    Change,
    /// An upload batch.
    Batch,
}

impl IdKind {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Asset => "ast_",
            Self::Finding => "fnd_",
            Self::Connection => "cnx_",
            Self::Change => "chg_",
            Self::Batch => "bat_",
        }
    }
}

/// Makes the id of the thing that was first seen at `first_seen` and is told from all others by `key`.
#[must_use]
pub fn stable_id(kind: IdKind, first_seen: CaptureTime, key: &[u8]) -> String {
    let millis = u64::try_from(first_seen.millis()).unwrap_or(0);
    format!("{}{}", kind.prefix(), ulid::Ulid::from_parts(millis, fingerprint(key)))
}

/// A 128-bit hash (FNV-1a) of what makes a thing itself. Not for security: keys from the wire only ever collide with each other.
#[must_use]
pub fn fingerprint(key: &[u8]) -> u128 {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    key.iter().fold(OFFSET, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fnv1a_128_test_vectors() {
        // Published vectors of the FNV authors for the empty string and "a".
        assert_eq!(fingerprint(b""), 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
        assert_eq!(fingerprint(b"a"), 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
    }

    #[test]
    fn same_thing_same_id() {
        let at = CaptureTime::from_parts(1_795_305_600, 0);
        let id = stable_id(IdKind::Finding, at, b"DW-2002|a|b");
        assert_eq!(id, stable_id(IdKind::Finding, at, b"DW-2002|a|b"));
        assert_ne!(id, stable_id(IdKind::Finding, at, b"DW-2002|a|c"));
        assert!(id.starts_with("fnd_01"), "{id}");
        assert_eq!(id.len(), 30);
    }
}
