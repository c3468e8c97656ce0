//! Reads the files that people bring aboard. One that is missing, too large or wrong is told with its place and left out: the monitor goes on.

use std::path::{Path, PathBuf};

use dogwatch_intel::{FileKind, FileReport, Import, Intel, Variables};

use crate::settings::Intel as Files;

/// Largest file read: it stands in memory twice while it is taken apart.
const LARGEST: u64 = 64 << 20;
/// Files read of one folder, and folders within folders. CISA has published four thousand advisories, by year.
const MOST_FILES: usize = 50_000;
const DEEPEST: usize = 8;

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
    for file in &files.advisories {
        read_one(&mut import, file, Some(FileKind::Advisories));
    }
    for file in &files.known_exploited {
        read_one(&mut import, file, Some(FileKind::Exploited));
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
    if file.is_dir() && kind.is_none_or(|kind| kind == FileKind::Advisories) {
        return read_folder(import, &name, file);
    }
    let bytes = match bytes_of(file) {
        Ok(bytes) => bytes,
        Err(why) => return import.unreadable(&name, kind.unwrap_or(FileKind::Indicators), &why),
    };
    match kind.unwrap_or_else(|| FileKind::by_look(&String::from_utf8_lossy(&bytes))) {
        FileKind::Indicators => import.read(&name, &bytes),
        FileKind::Signatures => import.read_signatures(&name, &bytes),
        FileKind::Advisories => import.read_advisory(&name, &bytes),
        FileKind::Exploited => import.read_exploited(&name, &bytes),
    }
}

/// Reads every advisory below a folder, in the order of their names: what is found must not depend on the disk.
fn read_folder(import: &mut Import, name: &str, folder: &Path) {
    let mut files = Vec::new();
    let mut open = vec![(folder.to_owned(), DEEPEST)];
    while let Some((folder, left)) = open.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                import.unreadable_of(name, &folder.display().to_string(), &format!("cannot be read: {error}"));
                continue;
            }
        };
        for entry in entries.flatten() {
            let (path, kind) = (entry.path(), entry.file_type());
            if kind.is_ok_and(|kind| kind.is_dir()) {
                // links are not followed, and so there are no circles
                left.checked_sub(1).map(|left| open.push((path, left))).unwrap_or_default();
            } else if path.extension().is_some_and(|end| end.eq_ignore_ascii_case("json")) {
                files.push(path);
            }
        }
    }
    files.sort_unstable();
    if files.is_empty() {
        import.unreadable_of(name, name, "there is no file with the ending .json in it");
    }
    for file in files.drain(..).take(MOST_FILES) {
        let short = file.strip_prefix(folder).map(PathBuf::from).unwrap_or_else(|_| file.clone()).display().to_string();
        match bytes_of(&file) {
            Ok(bytes) => import.read_advisory_of(name, &short, &bytes),
            Err(why) => import.unreadable_of(name, &short, &why),
        }
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

    #[test]
    fn advisories_one_by_one_and_by_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let year = folder.path().join("csaf/2026");
        std::fs::create_dir_all(&year).unwrap();
        let (one, list) = (year.join("a.json"), folder.path().join("exploited.csv"));
        std::fs::write(&one, dogwatch_sim::ADVISORY).unwrap();
        std::fs::write(year.join("b.json"), "{}").unwrap();
        std::fs::write(year.join("notes.txt"), "not for us").unwrap();
        std::fs::write(&list, "cveID,vendorProject\nCVE-2025-10001,Example\n").unwrap();
        let missing = folder.path().join("missing.json");
        let files = Files {
            advisories: vec![folder.path().join("csaf"), missing],
            known_exploited: vec![list.clone()],
            ..Files::default()
        };
        let intel = read(&files);
        assert_eq!(intel.advisories.len(), 1);
        let told: Vec<_> = intel.files.iter().map(|file| (file.kind, file.loaded, file.skipped_count)).collect();
        use FileKind::{Advisories, Exploited};
        assert_eq!(told, [(Advisories, 0, 0), (Exploited, 1, 0), (Advisories, 1, 1)]);
        assert!(intel.files[0].error.is_some() && intel.files[2].error.is_none());
        assert!(intel.files[2].skipped[0].what.ends_with("b.json"));
        let kinds: Vec<_> = read_by_look(&[one, list], &files).files.iter().map(|file| file.kind).collect();
        assert_eq!(kinds, [Advisories, Exploited]);
    }
}
