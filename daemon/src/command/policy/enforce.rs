//! `dogwatch policy enforce` and `rollback`: puts a policy in force with hash, author and date. The running daemon notices the new file within seconds.

use std::io::Write;

use dogwatch_rules::policy::Level;

use super::known::{Source, read};
use crate::command::Answer;
use crate::policy_edit::Editor;
use crate::policy_versions::{Versions, proposed};
use crate::{clock, policy_file};

/// Which policy, which zone, who.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    #[command(flatten)]
    source: Source,
    /// Enforces this zone only; the vessel when absent
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    /// Who decides: name or post
    #[arg(long, value_name = "NAME")]
    author: String,
}

/// Which policy, who, how far back.
#[derive(Debug, Clone, clap::Args)]
pub struct RollbackOptions {
    #[command(flatten)]
    source: Source,
    /// Who decides: name or post
    #[arg(long, value_name = "NAME", required_unless_present = "list")]
    author: Option<String>,
    /// The version to go back to; the one before the present when absent
    #[arg(long, value_name = "NUMBER")]
    to: Option<u32>,
    /// Only lists the versions
    #[arg(long)]
    list: bool,
}

pub(super) fn run(options: &Options, out: &mut dyn Write) -> anyhow::Result<Answer> {
    anyhow::ensure!(!options.author.trim().is_empty(), "--author needs a name: somebody decides");
    let file = options.source.file()?;
    let fresh = proposed(&file);
    let text = read(if fresh.exists() { &fresh } else { &file })?;
    let mut editor = Editor::open(&text)?;
    editor.set_mode(options.zone.as_deref(), "enforce")?;
    let text = editor.text();
    let checked = policy_file::check_text(&text, if fresh.exists() { &fresh } else { &file });
    let errors = checked.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Level::Error);
    for error in errors {
        writeln!(out, "{error}")?;
    }
    let Some(policy) = checked.policy else { return Ok(Answer::No) };
    let (baseline, _) = options.source.learned()?;
    let zones = policy.zones.iter().filter(|zone| zone.line > 0);
    let zones = zones.filter(|zone| match &options.zone {
        Some(id) => zone.id == *id,
        // a zone with a mode of its own is not touched
        None => zone.mode.is_none(),
    });
    let mut objections = Vec::new();
    for zone in zones {
        if let Some(index) = policy.zone_named(&zone.id) {
            objections.extend(policy.coverage(&baseline.aggregates, index).objections());
        }
    }
    // what is said of the ship is the same for every zone
    let mut known = std::collections::BTreeSet::new();
    objections.retain(|objection| known.insert(objection.clone()));
    for objection in &objections {
        writeln!(out, "not yet: {objection}")?;
    }
    if !objections.is_empty() {
        return Ok(Answer::No);
    }
    let what = options.zone.as_ref().map_or_else(|| "enforce".to_owned(), |zone| format!("enforce zone {zone}"));
    let version = Versions::open(&file)?.put(&text, &options.author, &what, clock::now())?;
    if fresh.exists() {
        std::fs::remove_file(&fresh)?;
    }
    for zone in policy.zones.iter().filter(|zone| options.zone.is_none() && zone.mode.is_some()) {
        writeln!(out, "zone {} keeps its own mode, {}", zone.id, zone.mode.map_or("", |mode| mode.as_str()))?;
    }
    writeln!(out, "{}: version {} by {}, sha256 {}", file.display(), version.number, version.author, version.hash)?;
    Ok(Answer::Done)
}

pub(super) fn rollback(options: &RollbackOptions, out: &mut dyn Write) -> anyhow::Result<Answer> {
    let file = options.source.file()?;
    let mut versions = Versions::open(&file)?;
    if options.list {
        for version in versions.log() {
            writeln!(
                out,
                "{:4}  {}  {}  {}  {}",
                version.number, version.at, version.author, version.what, version.hash
            )?;
        }
        return Ok(Answer::Done);
    }
    let present = read(&file)?;
    let number = match options.to {
        Some(number) => Some(number),
        None => versions.before(&present).map(|version| version.number),
    };
    let Some(number) = number else {
        writeln!(out, "there is no earlier version of {}", file.display())?;
        return Ok(Answer::No);
    };
    let text = versions.text(number)?;
    let checked = policy_file::check_text(&text, &file);
    anyhow::ensure!(checked.policy.is_some(), "version {number} has errors by the rules of this build");
    let author = options.author.clone().unwrap_or_default();
    anyhow::ensure!(!author.trim().is_empty(), "--author needs a name: somebody decides");
    let version = versions.put(&text, &author, &format!("rollback to {number}"), clock::now())?;
    writeln!(out, "{}: version {} by {}, the text of version {number}", file.display(), version.number, author)?;
    Ok(Answer::Done)
}
