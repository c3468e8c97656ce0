//! The example policies of the design folder are read without errors. They are not part of this project: the test says plainly when it skipped.

use std::path::{Path, PathBuf};

use dogwatch_model::CaptureTime;
use dogwatch_rules::policy::{Level, check};

/// Name and text of every example; `None` where the folder is absent.
fn examples() -> Option<Vec<(String, String)>> {
    let corpus = std::env::var_os("DOGWATCH_CORPUS").map(PathBuf::from);
    let shared = corpus.as_deref().and_then(Path::parent).map(PathBuf::from);
    let shared = shared.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared"));
    let mut found = Vec::new();
    for entry in std::fs::read_dir(shared.join("design/policy-examples")).ok()?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".toml") {
            found.push((name, std::fs::read_to_string(entry.path()).ok()?));
        }
    }
    found.sort();
    Some(found).filter(|found| !found.is_empty())
}

#[test]
fn examples_have_no_errors_whatever_the_day() {
    let Some(examples) = examples() else {
        println!("skipped: no folder ../shared/design/policy-examples beside the workspace");
        return;
    };
    for (name, text) in examples {
        for (today, most_warnings) in
            [("2026-11-22T00:00:00Z", 2), ("2027-04-15T12:00:00Z", 0), ("2029-01-01T00:00:00Z", 2)]
        {
            let checked = check(&text, &name, CaptureTime::parse_rfc3339(today).unwrap());
            let shown: String = checked.diagnostics.iter().map(|problem| format!("{problem}\n")).collect();
            assert!(checked.diagnostics.iter().all(|problem| problem.severity == Level::Warning), "{shown}");
            assert!(checked.diagnostics.len() <= most_warnings, "{name} on {today}: {shown}");
            assert!(checked.policy.is_some());
        }
    }
}
