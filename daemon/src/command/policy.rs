//! `dogwatch policy check`: every problem of a policy file at once.

use std::io::Write;
use std::path::PathBuf;

use dogwatch_rules::policy::Level;

use super::Answer;
use crate::policy_file;

/// What to do with a policy.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Verb {
    /// Prints every problem of a policy file with line, column and what would be right
    Check(CheckOptions),
    /// Prints which zone may do what in which other zone
    Matrix(CheckOptions),
}

/// Which policy.
#[derive(Debug, Clone, clap::Args)]
pub struct CheckOptions {
    /// Policy file
    file: PathBuf,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// When the file cannot be read.
pub fn run(verb: &Verb, out: &mut dyn Write) -> anyhow::Result<Answer> {
    match verb {
        Verb::Check(options) => check(options, out),
        Verb::Matrix(options) => matrix(options, out),
    }
}

fn check(options: &CheckOptions, out: &mut dyn Write) -> anyhow::Result<Answer> {
    let checked = policy_file::read(&options.file)?;
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

fn matrix(options: &CheckOptions, out: &mut dyn Write) -> anyhow::Result<Answer> {
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
