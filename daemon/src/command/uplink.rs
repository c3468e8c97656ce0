//! `dogwatch uplink`: what a person needs of the way ashore.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;

use super::Answer;
use crate::settings::Settings;
use crate::uplink::load_or_make_key;

/// What to do.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Verb {
    /// Prints this vessel's public key for `dogwatch-shore enrol`; makes the key if there is none
    Key(KeyOptions),
}

/// Whose key.
#[derive(Debug, Clone, clap::Args)]
pub struct KeyOptions {
    /// Settings file
    #[arg(long, value_name = "FILE", default_value = "/etc/dogwatch/dogwatch.toml")]
    config: PathBuf,
}

/// Runs the command.
///
/// # Errors
/// When the settings have no uplink, or the key cannot be read or made.
pub fn run(verb: &Verb, out: &mut dyn Write) -> anyhow::Result<Answer> {
    let Verb::Key(options) = verb;
    let settings = Settings::load(&options.config)?;
    let uplink = settings.uplink.with_context(|| format!("{} has no [uplink]", options.config.display()))?;
    writeln!(out, "{}", load_or_make_key(&uplink.key_file)?.public())?;
    Ok(Answer::Done)
}
