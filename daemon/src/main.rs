//! `dogwatch`: the program aboard.

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use dogwatch::command;

/// Flows, devices and messages come and go by the million: measured over the benchmark mix this allocator takes a tenth less time than glibc's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Passive monitor of a ship's bridge, engine and cargo networks. Listens on mirror ports and never sends a frame into them.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// The daemon: listens on the configured interfaces until it is stopped
    Run(command::run::Options),
    /// Checks a settings file and the policy it names
    CheckConfig(command::run::CheckOptions),
    /// Interfaces, settings, policy, clock, disk: one line each, with a remedy
    Doctor(command::doctor::Options),
    /// The detections of this build
    #[command(subcommand)]
    Rules(command::rules::Verb),
    /// Indicators brought aboard: what a file holds and what of it is left out
    #[command(subcommand)]
    Intel(command::intel::Verb),
    /// The way ashore
    #[command(subcommand)]
    Uplink(command::uplink::Verb),
    /// Checks and shows zone policies
    #[command(subcommand)]
    Policy(command::policy::Verb),
    /// Tells the running daemon what the ship is doing
    State(command::state::Options),
    /// The whole pipeline over captures, as fast as it goes
    Analyze(command::analyze::Options),
    /// Every decoded message of captures, one JSON object a line
    Decode(command::decode::Options),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter =
        tracing_subscriber::EnvFilter::try_from_env("DOGWATCH_LOG").unwrap_or_else(|_| "info,rustls=warn".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
    let mut out = std::io::stdout().lock();
    let answer = match &cli.verb {
        Verb::Run(options) => command::run::run(options),
        Verb::CheckConfig(options) => command::run::check(options, &mut out),
        Verb::Doctor(options) => command::doctor::run(options, &mut out),
        Verb::Rules(verb) => command::rules::run(verb, &mut out),
        Verb::Intel(verb) => command::intel::run(verb, &mut out),
        Verb::Uplink(verb) => command::uplink::run(verb, &mut out),
        Verb::Policy(verb) => command::policy::run(verb, &mut out),
        Verb::State(options) => command::state::run(options, &mut out),
        Verb::Analyze(options) => command::analyze::run(options, &mut out),
        Verb::Decode(options) => command::decode::run(options, &mut out),
    };
    let flushed = out.flush();
    match answer {
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dogwatch: {error:#}");
            // settings a person must mend: the unit does not start the daemon again on this
            ExitCode::from(if error.is::<dogwatch::settings::SettingsError>() { 78 } else { 2 })
        }
        Ok(_) if flushed.is_err() => ExitCode::SUCCESS,
        Ok(answer) => answer.into(),
    }
}

/// Whoever reads us has enough: not an error.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
