//! `dogwatch`: the program aboard.

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use dogwatch::command;

/// Passive monitor of a ship's bridge, engine and cargo networks. Listens on mirror ports and never sends a frame into them.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// The whole pipeline over captures, as fast as it goes
    Analyze(command::analyze::Options),
    /// Every decoded message of captures, one JSON object a line
    Decode(command::decode::Options),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut out = std::io::stdout().lock();
    let answer = match &cli.verb {
        Verb::Analyze(options) => command::analyze::run(options, &mut out),
        Verb::Decode(options) => command::decode::run(options, &mut out),
    };
    let flushed = out.flush();
    match answer {
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dogwatch: {error:#}");
            ExitCode::from(2)
        }
        Ok(_) if flushed.is_err() => ExitCode::SUCCESS,
        Ok(answer) => answer.into(),
    }
}

/// Whoever reads us has enough: not an error.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
