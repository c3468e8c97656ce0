//! Finds the corpus and reads its cases.

use std::path::PathBuf;

use serde_json::Value;

/// The corpus folder.
pub(super) fn root() -> PathBuf {
    std::env::var_os("DOGWATCH_CORPUS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus"), PathBuf::from)
}

/// Says plainly when there is nothing to compare with.
pub(super) fn here() -> Option<()> {
    if root().join("maritime").is_dir() {
        return Some(());
    }
    println!("skipped: no corpus at {} (set DOGWATCH_CORPUS)", root().display());
    None
}

/// One file of cases.
pub(super) struct File {
    pub(super) name: String,
    pub(super) path: PathBuf,
}

/// The files of a folder with an ending, in order.
pub(super) fn files(folder: &str, ending: &str) -> Vec<File> {
    let Ok(entries) = std::fs::read_dir(root().join(folder)) else { return Vec::new() };
    let mut files: Vec<File> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .map(|path| File { name: path.file_name().unwrap().to_string_lossy().into_owned(), path })
        .collect();
    files.sort_by(|one, other| one.name.cmp(&other.name));
    files
}

/// One line of a file.
pub(super) struct Case(pub(super) Value);

impl File {
    pub(super) fn cases(&self) -> Vec<Case> {
        let bytes = std::fs::read(&self.path).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        text.lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| Case(serde_json::from_str(line).unwrap()))
            .collect()
    }
}

impl Case {
    /// The input line of a case that has one.
    pub(super) fn input_text(&self) -> Option<String> {
        self.0["input"].as_str().map(str::to_owned)
    }

    /// What is expected of the message: the case itself when it is nothing else.
    pub(super) fn expect(&self) -> &Value {
        if self.0["expect"].is_object() { &self.0["expect"] } else { &self.0 }
    }
}
