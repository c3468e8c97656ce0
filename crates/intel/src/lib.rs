//! What people bring aboard from outside: indicators of known evil.
//!
//! Text goes in, compact read-only tables come out, with a report for every file that names each thing left out and why. Nothing here stops on a
//! bad file. Deliberately absent: files and the network (the daemon reads), clocks (time comes from the frame), what a hit means (the rules say).
//!
//! Formats: STIX 2.1 (OASIS, 10 June 2021), plain lists.

mod import;
mod indicators;

pub use import::{FileReport, Import, Skipped};
pub use indicators::{IndicatorHit, IndicatorKind, Indicators};

/// Everything imported, ready to be asked.
#[derive(Debug, Default)]
pub struct Intel {
    /// Addresses, names and fingerprints known to be bad.
    pub indicators: Indicators,
    /// What became of each file.
    pub files: Vec<FileReport>,
}
