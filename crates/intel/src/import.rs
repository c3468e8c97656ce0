//! One import: texts of files go in one after the other; a report says what became of each.

use std::collections::BTreeMap;
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

    /// What a text looks like. A list of anything else is one of indicators.
    #[must_use]
    pub fn by_look(text: &str) -> Self {
        let text = text.trim_start_matches('\u{feff}').trim_start();
        let first = text.lines().next().unwrap_or_default();
        if text.starts_with('{') && text.contains("\"csaf_version\"") {
            Self::Advisories
        } else if text.starts_with('{') && text.contains("\"cveID\"")
            || first.contains("cveID")
            || first.starts_with("CVE-")
        {
            Self::Exploited
        } else if signatures::looks_like_rules(text) {
            Self::Signatures
        } else {
            Self::Indicators
        }
    }

    /// The word for labels of metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Exploited => "known_exploited",
            Self::Indicators | Self::Signatures | Self::Advisories => self.as_str(),
        }
    }

    /// The word for people.
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
    folders: BTreeMap<String, FileReport>,
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

    /// Takes one CSAF document of a folder in. The documents of a folder, which may be thousands, share one report; what is left out names its file.
    pub fn read_advisory_of(&mut self, folder: &str, file: &str, bytes: &[u8]) {
        let mut of_file = FileReport::new(file, FileKind::Advisories);
        let text = String::from_utf8_lossy(bytes);
        self.advisories.read(text.trim_start_matches('\u{feff}'), &mut of_file);
        let report = self.report_of(folder);
        report.loaded = report.loaded.saturating_add(of_file.loaded);
        let untold = of_file.skipped_count.saturating_sub(of_file.skipped.len() as u64);
        report.skipped_count = report.skipped_count.saturating_add(untold);
        for skipped in of_file.skipped {
            report.skip(skipped.line, &format!("{file}: {}", skipped.what), skipped.why);
        }
        if let Some(error) = of_file.error {
            report.skip(0, file, error);
        }
    }

    /// Notes a file of a folder that could not be read at all.
    pub fn unreadable_of(&mut self, folder: &str, file: &str, why: &str) {
        self.report_of(folder).skip(0, file, why);
    }

    /// The report that the files of a folder share.
    fn report_of(&mut self, folder: &str) -> &mut FileReport {
        self.folders.entry(folder.to_owned()).or_insert_with(|| FileReport::new(folder, FileKind::Advisories))
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
            files: self.files.into_iter().chain(self.folders.into_values()).collect(),
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

    #[test]
    fn the_files_of_a_folder_share_a_report() {
        let mut import = Import::default();
        import.read_advisory_of("csaf", "a.json", b"{");
        import.read_exploited("kev", b"CVE-2025-10001\n");
        import.unreadable_of("csaf", "b.json", "cannot be read");
        let intel = import.finish();
        let told: Vec<_> = intel.files.iter().map(|file| (file.file.as_str(), file.skipped_count)).collect();
        assert_eq!(told, [("kev", 0), ("csaf", 2)]);
        assert!(intel.files[1].skipped[0].to_string().starts_with("a.json: not a CSAF document: "));
    }
}
