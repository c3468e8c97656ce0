//! The policy file on disk: read, checked, and explained when it is wrong.

use std::path::Path;

use anyhow::Context;
use dogwatch_rules::policy::{Checked, Level, Policy, check};

use crate::clock;
use crate::settings::SettingsError;

/// Reads and checks a policy file.
///
/// # Errors
/// When it cannot be read.
pub fn read(file: &Path) -> anyhow::Result<Checked> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read the policy {}", file.display()))?;
    Ok(check_text(&text, file))
}

/// Checks the text of a policy file; `file` is only its name for messages.
#[must_use]
pub fn check_text(text: &str, file: &Path) -> Checked {
    check(text, &file.display().to_string(), clock::now())
}

/// Adds the maintenance windows of a file to a policy.
///
/// # Errors
/// When it cannot be read or has errors.
pub fn add_windows(policy: &mut Policy, file: &Path) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read the windows {}", file.display()))?;
    let diagnostics = policy.add_windows(&text, &file.display().to_string());
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.severity == Level::Error);
    let problems: Vec<_> = errors.map(ToString::to_string).collect();
    if problems.is_empty() { Ok(()) } else { Err(SettingsError::Policy { file: file.to_owned(), problems }.into()) }
}

/// Reads a policy that must be valid.
///
/// # Errors
/// When it cannot be read or has errors: all of them, with line, column and what would be right.
pub fn load(file: &Path) -> anyhow::Result<Policy> {
    let checked = read(file)?;
    let Some(policy) = checked.policy else {
        let errors = checked.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Level::Error);
        let problems = errors.map(ToString::to_string).collect();
        return Err(SettingsError::Policy { file: file.to_owned(), problems }.into());
    };
    Ok(policy)
}
