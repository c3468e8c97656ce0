//! One import: texts of files go in one after the other; a report says what became of each.

use std::fmt;

use crate::Intel;
use crate::advisories::{self, Advisories};
use crate::indicators::{self, Indicators};
use crate::signatures::{self, Signatures, Variables};

/// Left-out things kept word for word of one file; the rest is only counted. A rule file of another monitor can hold tens of thousands.
const MOST_SKIPPED: usize = 20_000;

/// Something left out.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Skipped {
    /// Line of the file, from 1; 0 where the format has no lines.
    pub line: u64,
    /// What: a value, an object's id, `sid 2001219`.
    pub what: String,
    /// Why.
    pub why: String,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "{}: ", self.line)?;
        }
        write!(f, "{}: {}", self.what, self.why)
    }
}

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// Known-bad addresses, names, fingerprints.
    Indicators,
    /// Rules.
    Signatures,
    /// Published advisories (CSAF).
    Advisories,
    /// A list of vulnerabilities known to be exploited.
    Exploited,
}

impl FileKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Indicators, Self::Signatures, Self::Advisories, Self::Exploited];

    /// The word for people and for metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Indicators => "indicators",
            Self::Signatures => "signatures",
            Self::Advisories => "advisories",
            Self::Exploited => "known exploited vulnerabilities",
        }
    }
}

/// What became of one file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FileReport {
    /// The file, as it was named.
    pub file: String,
    /// What it was read as.
    pub kind: FileKind,
    /// Things taken up.
    pub loaded: u64,
    /// Things left out.
    pub skipped_count: u64,
    /// The left-out things, one by one, as far as they are kept.
    pub skipped: Vec<Skipped>,
    /// Why nothing could be read at all, or only its beginning.
    pub error: Option<String>,
    /// What a person should know besides.
    pub notes: Vec<String>,
}

impl FileReport {
    fn new(file: &str, kind: FileKind) -> Self {
        Self {
            file: file.to_owned(),
            kind,
            loaded: 0,
            skipped_count: 0,
            skipped: Vec::new(),
            error: None,
            notes: Vec::new(),
        }
    }

    /// Notes something left out.
    pub(crate) fn skip(&mut self, line: u64, what: &str, why: impl Into<String>) {
        self.skipped_count = self.skipped_count.saturating_add(1);
        if self.skipped.len() < MOST_SKIPPED {
            self.skipped.push(Skipped { line, what: bounded(what, 120), why: why.into() });
        }
    }
}

/// Text cut to `limit` characters.
pub(crate) fn bounded(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    text.chars().take(limit.saturating_sub(1)).chain(['…']).collect()
}

/// Files being read.
#[derive(Debug, Default)]
pub struct Import {
    indicators: indicators::Collected,
    signatures: signatures::Collected,
    advisories: advisories::Collected,
    files: Vec<FileReport>,
}

impl Import {
    /// Reads signatures with these variables instead of the usual ones.
    #[must_use]
    pub fn with_variables(variables: Variables) -> Self {
        Self { signatures: signatures::Collected::new(variables), ..Self::default() }
    }

    /// Takes a file of indicators in: a STIX bundle or a plain list, by its look.
    pub fn read(&mut self, file: &str, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let mut report = FileReport::new(file, FileKind::Indicators);
        self.indicators.read(text.trim_start_matches('\u{feff}'), &mut report);
        self.files.push(report);
    }

    /// Takes a file of signatures in.
    pub fn read_signatures(&mut self, file: &str, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let mut report = FileReport::new(file, FileKind::Signatures);
        self.signatures.read(text.trim_start_matches('\u{feff}'), &mut report);
        if report.loaded == 0 && report.skipped_count == 0 {
            report.error = Some("there is no rule in it".to_owned());
        }
        self.files.push(report);
    }

    /// Takes one CSAF document in.
    pub fn read_advisory(&mut self, file: &str, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let mut report = FileReport::new(file, FileKind::Advisories);
        self.advisories.read(text.trim_start_matches('\u{feff}'), &mut report);
        self.files.push(report);
    }

    /// Takes a list of vulnerabilities known to be exploited in.
    pub fn read_exploited(&mut self, file: &str, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let mut report = FileReport::new(file, FileKind::Exploited);
        self.advisories.read_exploited(text.trim_start_matches('\u{feff}'), &mut report);
        self.files.push(report);
    }

    /// Notes a file that could not be read at all.
    pub fn unreadable(&mut self, file: &str, kind: FileKind, why: &str) {
        let mut report = FileReport::new(file, kind);
        report.error = Some(why.to_owned());
        self.files.push(report);
    }

    /// Makes the tables.
    #[must_use]
    pub fn finish(self) -> Intel {
        Intel {
            indicators: Indicators::new(self.indicators),
            signatures: Signatures::new(self.signatures),
            advisories: Advisories::new(self.advisories),
            files: self.files,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_left_out_things_is_counted() {
        let mut import = Import::default();
        let text = "not a value at all\n".repeat(MOST_SKIPPED + 5);
        import.read("list", text.as_bytes());
        let intel = import.finish();
        assert_eq!(intel.files[0].skipped_count, MOST_SKIPPED as u64 + 5);
        assert_eq!(intel.files[0].skipped.len(), MOST_SKIPPED);
    }
}
