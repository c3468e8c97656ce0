//! Reads the files that people bring aboard. One that is missing, too large or wrong is told with its place and left out: the monitor goes on.

use std::path::Path;

use dogwatch_intel::{FileKind, FileReport, Import, Intel, Variables, looks_like_rules};

use crate::settings::Intel as Files;

/// Largest file read: it stands in memory twice while it is taken apart.
const LARGEST: u64 = 64 << 20;

/// Reads every file the settings name.
#[must_use]
pub fn read(files: &Files) -> Intel {
    let mut import = Import::with_variables(variables(files));
    for file in &files.indicators {
        read_one(&mut import, file, Some(FileKind::Indicators));
    }
    for file in &files.signatures {
        read_one(&mut import, file, Some(FileKind::Signatures));
    }
    import.finish()
}

/// Reads files as what they look like.
#[must_use]
pub fn read_by_look(files: &[std::path::PathBuf], settings: &Files) -> Intel {
    let mut import = Import::with_variables(variables(settings));
    for file in files {
        read_one(&mut import, file, None);
    }
    import.finish()
}

fn variables(files: &Files) -> Variables {
    let mut variables = Variables::default();
    for (name, value) in &files.variables {
        variables.set(name, value);
    }
    variables
}

fn read_one(import: &mut Import, file: &Path, kind: Option<FileKind>) {
    let name = file.display().to_string();
    let bytes = match bytes_of(file) {
        Ok(bytes) => bytes,
        Err(why) => return import.unreadable(&name, kind.unwrap_or(FileKind::Indicators), &why),
    };
    let kind = kind.unwrap_or_else(|| {
        let is_rules = looks_like_rules(&String::from_utf8_lossy(&bytes));
        if is_rules { FileKind::Signatures } else { FileKind::Indicators }
    });
    match kind {
        FileKind::Indicators => import.read(&name, &bytes),
        FileKind::Signatures => import.read_signatures(&name, &bytes),
        FileKind::Advisories => import.read_advisory(&name, &bytes),
        FileKind::Exploited => import.read_exploited(&name, &bytes),
    }
}

fn bytes_of(file: &Path) -> Result<Vec<u8>, String> {
    let size = std::fs::metadata(file).map_err(|error| format!("cannot be read: {error}"))?.len();
    if size > LARGEST {
        return Err(format!("{size} bytes; at most {LARGEST} are read"));
    }
    std::fs::read(file).map_err(|error| format!("cannot be read: {error}"))
}

/// Whether any file that gave something before gives nothing now: half written, deleted, or another altogether.
#[must_use]
pub fn is_worse(before: &[FileReport], now: &[FileReport]) -> bool {
    now.iter().any(|now| {
        let had = before.iter().any(|before| before.file == now.file && before.loaded > 0);
        had && now.loaded == 0
    })
}

/// Tells the log what became of the files: each error, and one line where something was left out.
pub fn tell(files: &[FileReport]) {
    for report in files {
        let (file, loaded, skipped) = (&report.file, report.loaded, report.skipped_count);
        if let Some(error) = &report.error {
            tracing::error!(%file, loaded, "imported file has an error: {error}");
        }
        if let Some(first) = report.skipped.first() {
            tracing::warn!(%file, loaded, skipped, %first, "imported; some was left out: `dogwatch intel check` lists it");
        } else if report.error.is_none() {
            tracing::info!(%file, loaded, "imported");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_file_does_not_keep_the_next_from_being_read() {
        let folder = tempfile::tempdir().unwrap();
        let (list, rules) = (folder.path().join("list.txt"), folder.path().join("local.rules"));
        std::fs::write(&list, "evil.example\nnonsense\n").unwrap();
        std::fs::write(&rules, "alert tcp $ENGINE any -> any any (content:\"abc\"; sid:1;)\nnonsense\n").unwrap();
        let mut files = Files {
            indicators: vec![folder.path().join("missing"), folder.path().to_owned(), list.clone()],
            ..Files::default()
        };
        files.signatures = vec![folder.path().join("no.rules"), rules.clone()];
        files.variables.insert("ENGINE".to_owned(), "10.0.2.0/24".to_owned());
        let intel = read(&files);
        assert_eq!((intel.indicators.len(), intel.signatures.len()), (1, 1));
        let errors: Vec<_> = intel.files.iter().map(|file| file.error.is_some()).collect();
        assert_eq!(errors, [true, true, false, true, false]);
        assert_eq!((intel.files[2].skipped_count, intel.files[2].skipped[0].line), (1, 2));
        assert_eq!((intel.files[4].skipped_count, intel.files[4].skipped[0].line), (1, 2));
        assert!(!is_worse(&intel.files, &intel.files));
        let kinds: Vec<_> = read_by_look(&[list.clone(), rules], &files).files.iter().map(|file| file.kind).collect();
        assert_eq!(kinds, [FileKind::Indicators, FileKind::Signatures]);
        std::fs::write(list, "").unwrap();
        assert!(is_worse(&intel.files, &read(&files).files));
    }
}
