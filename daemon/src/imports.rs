//! Reads the files that people bring aboard. One that is missing, too large or wrong is told with its place and left out: the monitor goes on.

use std::path::{Path, PathBuf};

use dogwatch_intel::{FileReport, Import, Intel};

/// Largest file read: it stands in memory twice while it is taken apart.
const LARGEST: u64 = 64 << 20;

/// Reads files of indicators.
#[must_use]
pub fn read(indicators: &[PathBuf]) -> Intel {
    let mut import = Import::default();
    for file in indicators {
        let name = file.display().to_string();
        match bytes_of(file) {
            Ok(bytes) => import.read(&name, &bytes),
            Err(why) => import.unreadable(&name, &why),
        }
    }
    import.finish()
}

fn bytes_of(file: &Path) -> Result<Vec<u8>, String> {
    let size = std::fs::metadata(file).map_err(|error| format!("cannot be read: {error}"))?.len();
    if size > LARGEST {
        return Err(format!("{size} bytes; at most {LARGEST} are read"));
    }
    std::fs::read(file).map_err(|error| format!("cannot be read: {error}"))
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
        let good = folder.path().join("list.txt");
        std::fs::write(&good, "evil.example\nnonsense\n").unwrap();
        let intel = read(&[folder.path().join("missing"), folder.path().to_owned(), good]);
        assert_eq!(intel.indicators.len(), 1);
        let errors: Vec<_> = intel.files.iter().map(|file| file.error.is_some()).collect();
        assert_eq!(errors, [true, true, false]);
        assert_eq!((intel.files[2].skipped_count, intel.files[2].skipped[0].line), (1, 2));
    }
}
