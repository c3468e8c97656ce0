//! `dogwatch intel`: what the files brought aboard hold, and what of them is left out.

use std::io::Write;
use std::path::PathBuf;

use dogwatch_intel::{FileKind, IndicatorKind, Intel};

use super::Answer;
use crate::settings::Intel as Files;

/// What to do.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Verb {
    /// Reads files as the daemon would, and lists everything left out with the reason
    Check {
        /// What to read
        #[command(flatten)]
        files: Named,
        /// One JSON object a file
        #[arg(long)]
        json: bool,
    },
    /// Lists the signatures that are in force when these files are read
    List {
        /// What to read
        #[command(flatten)]
        files: Named,
    },
}

/// Files, and what their variables stand for.
#[derive(Debug, Clone, clap::Args)]
pub struct Named {
    /// STIX 2.1 bundles, plain lists, files of Suricata rules
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// What a variable of the rules stands for, e.g. HOME_NET=10.0.0.0/8; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    variable: Vec<(String, String)>,
}

/// Reads `NAME=VALUE`.
///
/// # Errors
/// When it is not that.
pub(super) fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.trim_start_matches('$').to_owned(), value.to_owned()))
}

impl Named {
    fn read(&self) -> Intel {
        let settings = Files { variables: self.variable.iter().cloned().collect(), ..Files::default() };
        crate::imports::read_by_look(&self.files, &settings)
    }
}

/// Runs the command; the answer is "no" when a file has an error or nothing of it is of use.
///
/// # Errors
/// When the output cannot be written.
pub fn run(verb: &Verb, out: &mut dyn Write) -> anyhow::Result<Answer> {
    match verb {
        Verb::Check { files, json } => check(&files.read(), *json, out),
        Verb::List { files } => list(&files.read(), out),
    }
}

fn check(intel: &Intel, json: bool, out: &mut dyn Write) -> anyhow::Result<Answer> {
    for report in &intel.files {
        if json {
            serde_json::to_writer(&mut *out, report)?;
            writeln!(out)?;
            continue;
        }
        let what = match report.kind {
            FileKind::Indicators => "indicator(s)",
            FileKind::Signatures => "signature(s)",
            FileKind::Advisories => "advisory document(s)",
            FileKind::Exploited => "exploited vulnerability(ies)",
        };
        writeln!(out, "{}: {} {what} loaded, {} left out", report.file, report.loaded, report.skipped_count)?;
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

fn list(intel: &Intel, out: &mut dyn Write) -> anyhow::Result<Answer> {
    for rule in intel.signatures.iter() {
        let class = rule.class.as_deref().unwrap_or("-");
        let place = format!("{}:{}", rule.file(), rule.line);
        writeln!(out, "{:>9}  priority {}  {class:24} {}  ({place})", rule.sid, rule.priority, rule.message)?;
    }
    Ok(if intel.signatures.is_empty() { Answer::No } else { Answer::Done })
}
