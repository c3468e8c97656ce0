//! What people bring aboard from outside: indicators of known evil, signatures, and published advisories.
//!
//! Text goes in, compact read-only tables come out, with a report for every file that names each thing left out and why. Nothing here stops on a
//! bad file. Deliberately absent: files and the network (the daemon reads), clocks (time comes from the frame), what a hit means (the rules say).
//!
//! Formats: STIX 2.1 (OASIS, 10 June 2021), plain lists, a subset of the rules of Suricata (user guide 7.0), CSAF 2.0 (OASIS, 18 November 2022).

mod advisories;
mod import;
mod indicators;
mod signatures;

pub use advisories::{Advisories, Device, Document, Known, Match, Status};
pub use import::{FileKind, FileReport, Import, Skipped};
pub use indicators::{IndicatorHit, IndicatorKind, Indicators};
pub use signatures::{
    Between, Buffer, Scratch, Signature, Signatures, Threshold, ThresholdKind, Track, Variables, Window, plain_uri,
};

/// Everything imported, ready to be asked.
#[derive(Debug, Default)]
pub struct Intel {
    /// Addresses, names and fingerprints known to be bad.
    pub indicators: Indicators,
    /// Rules that describe an attack's bytes.
    pub signatures: Signatures,
    /// Published advisories about products.
    pub advisories: Advisories,
    /// What became of each file.
    pub files: Vec<FileReport>,
}
