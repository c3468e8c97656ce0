//! `dogwatch policy explain SRC DST APP`: which line decides, or which comes nearest.

use std::io::Write;
use std::path::PathBuf;

use dogwatch_model::{CaptureTime, ShipState};
use dogwatch_rules::policy::{Question, state_named};

use super::known::Source;
use crate::clock;
use crate::command::Answer;

/// The question.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Who asks: asset id, IP or MAC address
    from: String,
    /// Who is asked
    to: String,
    /// Application word of the policy, or tcp/NNN, udp/NNN, ip/NN
    app: String,
    /// Operation: read, write, control, program, diagnose, discover, transfer, login
    #[arg(long)]
    op: Option<String>,
    /// Modbus unit
    #[arg(long)]
    unit: Option<u8>,
    /// Modbus table: coil, discrete, input, holding
    #[arg(long)]
    table: Option<String>,
    /// Registers, as in the policy: 40-47
    #[arg(long)]
    addr: Option<String>,
    /// Value to be written
    #[arg(long)]
    value: Option<u16>,
    /// Object or server name
    #[arg(long, conflicts_with = "addr")]
    object: Option<String>,
    /// Ship state; any when absent
    #[arg(long)]
    state: Option<String>,
    /// Time, 2027-05-21T08:00:00Z; now when absent
    #[arg(long)]
    at: Option<String>,
    /// The policy file; that of the settings when absent
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Settings file of the daemon
    #[arg(long, value_name = "FILE", default_value = "/etc/dogwatch/dogwatch.toml")]
    config: PathBuf,
    /// One JSON object instead of a text
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options, out: &mut dyn Write) -> anyhow::Result<Answer> {
    let source = Source { policy: options.policy.clone(), baseline: None, config: options.config.clone() };
    let (_, _, policy) = source.load()?;
    let state = match &options.state {
        Some(word) => state_named(word).ok_or_else(|| anyhow::anyhow!("\"{word}\" is no ship state"))?,
        None => ShipState::Unknown,
    };
    let at = match &options.at {
        Some(text) => CaptureTime::parse_rfc3339(text).ok_or_else(|| anyhow::anyhow!("\"{text}\" is no time"))?,
        None => clock::now(),
    };
    let question = Question {
        from: &options.from,
        to: &options.to,
        app: &options.app,
        op: options.op.as_deref(),
        unit: options.unit,
        table: options.table.as_deref(),
        addr: options.addr.as_deref(),
        value: options.value,
        object: options.object.as_deref(),
        at,
        state,
    };
    let (is_allowed, words) = policy.decide(&question).map_err(anyhow::Error::msg)?;
    if options.json {
        serde_json::to_writer(&mut *out, &serde_json::json!({"schema": 1, "allowed": is_allowed, "answer": words}))?;
        writeln!(out)?;
    } else {
        writeln!(out, "{words}")?;
    }
    Ok(if is_allowed { Answer::Done } else { Answer::No })
}
