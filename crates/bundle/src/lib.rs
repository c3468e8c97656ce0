//! The signed, compact parcel between ship and shore: the same bytes over every carrier.
//!
//! Aboard, [`Record`]s wait in a queue. [`encode`] packs some of them into one bundle: a header, a body in columns that index [`Tables`] both
//! ends hold, and an Ed25519 signature over everything before it. Ashore, [`Frame::parse`] reads the header, [`Frame::verify`] the
//! signature, [`Frame::decode`] the records. The shore answers with a signed [`Receipt`]: what it holds without a hole, and what is missing.
//!
//! The layout, byte by byte, is in this crate's `README.md`. What is deliberately absent: sockets, files, clocks (keys and time are handed in),
//! a trained compression dictionary (measured: worth nothing on columns), and any way for the shore to command the ship.

mod body;
mod carried;
mod codes;
mod columns;
mod frame;
mod keys;
mod ranges;
mod receipt;
mod record;
mod tables;
mod template;
mod wire;

pub use frame::{Decoded, Encoded, Frame, Header, MAX_BODY_BYTES, MAX_RECORDS, Meta, encode};
pub use keys::{PublicKey, SigningKey, sha256};
pub use ranges::SeqRanges;
pub use receipt::{MAX_MISSING, Outcome, Receipt};
pub use record::{Class, FindingUpdate, Gap, Health, MAX_GAP_RANGES, Record, RecordError};
pub use tables::{Definition, EntryRef, RuleText, Tables};

/// Why a bundle, receipt or table cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The bytes end too early.
    #[error("the bytes end in the middle of {what}")]
    Truncated {
        /// What was being read.
        what: &'static str,
    },
    /// The bytes break the layout.
    #[error("not a valid bundle: {what}")]
    Malformed {
        /// What is wrong.
        what: &'static str,
    },
    /// A limit is passed; on the sending side: pack fewer records.
    #[error("too large: {what}")]
    TooLarge {
        /// Which limit.
        what: &'static str,
    },
    /// The signature does not fit the key.
    #[error("the signature does not fit the key")]
    BadSignature,
    /// The body points at a table entry this end does not hold: the sender must begin a new table generation.
    #[error("table entry not known here")]
    UnknownEntry,
    /// A definition differs from the entry already held under its number.
    #[error("table entry defined twice with different content")]
    ConflictingEntry,
    /// The key bytes are not an Ed25519 key.
    #[error("not an Ed25519 key")]
    BadKey,
    /// The system gave no randomness.
    #[error("no randomness from the system")]
    NoRandomness,
}
