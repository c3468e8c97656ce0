//! `dogwatch policy check` and `matrix`.

use std::io::Write;
use std::path::PathBuf;

use dogwatch_rules::policy::{Level, check_with_usage};

use super::known::read;
use crate::command::Answer;
use crate::{baseline, clock, policy_file};

/// Which policy.
#[derive(Debug, Clone, clap::Args)]
pub struct CheckOptions {
    /// Policy file
    file: PathBuf,
    /// What was seen (--out directory of an analysis): warns of lines nobody uses and of exceptions used after their end
    #[arg(long, value_name = "DIR")]
    baseline: Option<PathBuf>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// Which policy.
#[derive(Debug, Clone, clap::Args)]
pub struct MatrixOptions {
    /// Policy file
    file: PathBuf,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

pub(super) fn check(options: &CheckOptions, out: &mut dyn Write) -> anyhow::Result<Answer> {
    let mut checked = policy_file::read(&options.file)?;
    if let (Some(folder), Some(policy)) = (&options.baseline, &checked.policy) {
        let learned = baseline::read_folder(folder)?;
        let usage = policy.usage(&learned.aggregates);
        // a line is unused or not by the time of what was seen, whenever that is looked at
        let today = learned.last.unwrap_or_else(clock::now);
        checked = check_with_usage(&read(&options.file)?, &options.file.display().to_string(), today, Some(&usage));
    }
    for diagnostic in &checked.diagnostics {
        if options.json {
            serde_json::to_writer(&mut *out, diagnostic)?;
            writeln!(out)?;
        } else {
            writeln!(out, "{diagnostic}")?;
        }
    }
    let errors = checked.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Level::Error).count();
    if !options.json {
        writeln!(
            out,
            "{}: {errors} error(s), {} warning(s)",
            options.file.display(),
            checked.diagnostics.len() - errors
        )?;
    }
    Ok(if errors == 0 { Answer::Done } else { Answer::No })
}

pub(super) fn matrix(options: &MatrixOptions, out: &mut dyn Write) -> anyhow::Result<Answer> {
    let policy = policy_file::load(&options.file)?;
    for cell in policy.matrix() {
        if options.json {
            serde_json::to_writer(&mut *out, &cell)?;
            writeln!(out)?;
            continue;
        }
        writeln!(out, "{} -> {}", cell.from, cell.to)?;
        for entry in &cell.allows {
            let ops = if entry.ops.is_empty() { "everything".to_owned() } else { entry.ops.join(", ") };
            let limit = if entry.limited { ", within limits" } else { "" };
            writeln!(out, "    {}: {ops}{limit}   ({}, line {})", entry.app, entry.id, entry.line)?;
        }
    }
    Ok(Answer::Done)
}
