//! `dogwatch state`: tells the running daemon what the ship is doing, through its state directory. It takes effect within a second and outlives a restart.

use std::io::Write;
use std::path::PathBuf;

use dogwatch_model::CaptureTime;
use dogwatch_rules::policy::state_named;

use super::Answer;
use crate::clock;
use crate::service::control::{Manual, set_state};
use crate::settings::Settings;

/// Which state, how long.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// at_sea, manoeuvring, at_anchor, in_port, drydock; auto lets the daemon conclude it again
    state: String,
    /// Until when: 2027-03-20 (the end of that day, UTC) or 2027-03-20T12:00:00Z
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Who says so
    #[arg(long, value_name = "NAME", default_value = "")]
    by: String,
    /// Settings file of the daemon
    #[arg(long, value_name = "FILE", default_value = "/etc/dogwatch/dogwatch.toml")]
    config: PathBuf,
}

/// Runs the command.
///
/// # Errors
/// When the word is no state, or the state directory cannot be written.
pub fn run(options: &Options, out: &mut dyn Write) -> anyhow::Result<Answer> {
    let store = Settings::load(&options.config)?.store.directory;
    if options.state == "auto" {
        set_state(&store, None)?;
        writeln!(out, "the ship state is concluded from what she says")?;
        return Ok(Answer::Done);
    }
    anyhow::ensure!(
        state_named(&options.state).is_some(),
        "\"{}\" is no ship state; the words are at_sea, manoeuvring, at_anchor, in_port, drydock, auto",
        options.state
    );
    let now = clock::now();
    let until = options.until.as_deref().map(until).transpose()?;
    anyhow::ensure!(until.is_none_or(|until| until > now), "--until is over already");
    let manual = Manual { state: options.state.clone(), until, by: options.by.clone(), at: Some(now) };
    set_state(&store, Some(&manual))?;
    match until {
        Some(until) => writeln!(out, "{} until {until}", options.state)?,
        None => writeln!(out, "{} until `dogwatch state auto`", options.state)?,
    }
    Ok(Answer::Done)
}

/// A time, or a date that means its end.
fn until(text: &str) -> anyhow::Result<CaptureTime> {
    let whole = if text.len() == 10 { format!("{text}T23:59:59Z") } else { text.to_owned() };
    CaptureTime::parse_rfc3339(&whole)
        .ok_or_else(|| anyhow::anyhow!("\"{text}\" is no time; write 2027-03-20 or 2027-03-20T12:00:00Z"))
}
