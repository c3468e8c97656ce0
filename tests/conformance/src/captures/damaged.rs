//! Damaged captures: neither a crash nor a hang, every frame counted, and time and memory bounded.

use std::path::Path;

use anyhow::{Context, Result};
use nix::sys::resource::{UsageWho, getrusage};
use serde_json::{Value, json};

use crate::corpus::ManifestRow;
use crate::program::Program;
use crate::verdict::{Case, Report};

pub(super) const FAMILY: &str = "captures/malformed";

/// Most memory a run may hold, MiB (issue: industrial and office protocols).
const MOST_MEBIBYTES: f64 = 256.0;
/// Longest a run may take, seconds.
const MOST_SECONDS: f64 = 2.0;

/// Runs one capture through `decode` and `analyze`.
pub(super) fn run(program: &Program, folder: &Path, row: &ManifestRow, report: &mut Report) -> Result<()> {
    let name = row.get("file").map_or("", String::as_str);
    let path = folder.join(name);
    report.family(FAMILY).files += 1;
    let (_, decoded) = program.decode("auto", &path)?;
    report.crash(FAMILY, name, decoded.crash.as_deref())?;
    let ran = program.run(&["analyze".as_ref(), "--json".as_ref(), path.as_os_str()])?;
    report.crash(FAMILY, name, ran.crash.as_deref())?;
    let summary: Value = serde_json::from_slice(&ran.stdout).unwrap_or_default();
    let want: Value =
        row.get("frames").and_then(|text| text.parse::<u64>().ok()).map_or(Value::Null, |frames| json!(frames));
    let mut case = Case::new(FAMILY, name.to_owned(), ran.refused.as_deref().unwrap_or_default());
    // a frame that the end of the file cuts is told as damage here; others count it
    let read = summary["frames"].as_u64().unwrap_or(0);
    let damaged = summary["damaged"].as_array().map_or(0, |list| list.len() as u64);
    let is_all = [Some(read), Some(read + damaged)].contains(&want.as_u64());
    case.judge(is_all, "frames", &want, Some(&summary["frames"]));
    let seconds = decoded.seconds.max(ran.seconds);
    case.judge(seconds < MOST_SECONDS, "seconds", &json!(MOST_SECONDS), Some(&json!(seconds)));
    // KiB; of all children so far, so a run over the limit shows at every later one, too: once is once too often
    let kibibytes = getrusage(UsageWho::RUSAGE_CHILDREN).context("memory of the children")?.max_rss();
    let mebibytes = kibibytes as f64 / 1024.0;
    case.judge(mebibytes <= MOST_MEBIBYTES, "MiB", &json!(MOST_MEBIBYTES), Some(&json!(mebibytes)));
    report.most(FAMILY, "seconds", seconds, name);
    report.most(FAMILY, "MiB of memory", mebibytes, name);
    report.close(case)
}
