//! The example policies of the design folder are read without errors. They are not part of this project: the test says plainly when it skipped.

use std::path::PathBuf;

use dogwatch_model::CaptureTime;
use dogwatch_rules::policy::{Level, check};

fn examples() -> Option<Vec<(String, String)>> {
    let corpus = std::env::var_os("DOGWATCH_CORPUS").map(PathBuf::from);
    let shared = corpus.and_then(|corpus| corpus.parent().map(PathBuf::from));
    let shared = shared.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared"));
    let mut found = Vec::new();
    for entry in std::fs::read_dir(shared.join("design/policy-examples")).ok()?.flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            found.push((name, std::fs::read_to_string(&path).unwrap()));
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
        for today in ["2026-11-22T00:00:00Z", "2027-04-15T12:00:00Z", "2029-01-01T00:00:00Z"] {
            let checked = check(&text, &name, CaptureTime::parse_rfc3339(today).unwrap());
            let shown: String = checked.diagnostics.iter().map(|problem| format!("{problem}\n")).collect();
            println!("{name} on {today}: {} warnings\n{shown}", checked.diagnostics.len());
            assert!(checked.diagnostics.iter().all(|problem| problem.severity == Level::Warning), "{shown}");
            assert!(checked.policy.is_some());
        }
    }
}
