//! `dogwatch run` and `dogwatch check-config`.

use std::io::Write;
use std::path::PathBuf;

use super::Answer;
use crate::settings::Settings;

/// How the daemon is started.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Settings file
    #[arg(long, value_name = "FILE", default_value = "/etc/dogwatch/dogwatch.toml")]
    config: PathBuf,
}

/// What to check.
#[derive(Debug, Clone, clap::Args)]
pub struct CheckOptions {
    /// Settings file
    #[arg(default_value = "/etc/dogwatch/dogwatch.toml")]
    file: PathBuf,
}

/// Runs the daemon.
///
/// # Errors
/// When the settings are wrong ([`crate::settings::SettingsError`]) or something they name cannot be opened.
pub fn run(options: &Options) -> anyhow::Result<Answer> {
    let settings = Settings::load(&options.config)?;
    crate::service::run(&settings)?;
    Ok(Answer::Done)
}

/// Checks a settings file and the policy it names, with the code that the daemon uses.
///
/// # Errors
/// When the file is wrong.
pub fn check(options: &CheckOptions, out: &mut dyn Write) -> anyhow::Result<Answer> {
    let settings = Settings::load(&options.file)?;
    if let Some(policy) = &settings.policy.file {
        crate::policy_file::load(policy)?;
    }
    writeln!(out, "{}: valid, {} source(s)", options.file.display(), settings.source.len())?;
    Ok(Answer::Done)
}
