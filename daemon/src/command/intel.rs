//! `dogwatch intel`: what the files brought aboard hold, and what of them is left out.

use std::io::Write;
use std::path::PathBuf;

use dogwatch_intel::IndicatorKind;

use super::Answer;

/// What to do.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Verb {
    /// Reads files of indicators as the daemon would, and lists everything left out with the reason
    Check {
        /// STIX 2.1 bundles and plain lists
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// One JSON object a file
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command; the answer is "no" when a file has an error or nothing of it is of use.
///
/// # Errors
/// When the output cannot be written.
pub fn run(verb: &Verb, out: &mut dyn Write) -> anyhow::Result<Answer> {
    let Verb::Check { files, json } = verb;
    let intel = crate::imports::read(files);
    for report in &intel.files {
        if *json {
            serde_json::to_writer(&mut *out, report)?;
            writeln!(out)?;
            continue;
        }
        writeln!(out, "{}: {} indicator(s) loaded, {} left out", report.file, report.loaded, report.skipped_count)?;
        for note in &report.notes {
            writeln!(out, "{}: {note}", report.file)?;
        }
        for skipped in &report.skipped {
            writeln!(out, "{}:{skipped}", report.file)?;
        }
        if let Some(error) = &report.error {
            writeln!(out, "{}: {error}", report.file)?;
        }
    }
    if !json {
        for kind in IndicatorKind::ALL {
            let count = intel.indicators.count(kind);
            if count > 0 {
                writeln!(out, "{:16} {count}", kind.as_str())?;
            }
        }
    }
    let is_good = intel.files.iter().all(|report| report.error.is_none() && report.loaded > 0);
    Ok(if is_good { Answer::Done } else { Answer::No })
}
