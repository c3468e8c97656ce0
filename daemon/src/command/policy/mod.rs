//! `dogwatch policy`: checks and shows a zone policy, proposes lines for what was seen, and puts a policy in force.

mod enforce;
mod explain;
mod known;
mod points;
mod propose;
mod review;
mod show;
mod simulate;

use std::io::Write;

use super::Answer;

/// What to do with a policy.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Verb {
    /// Prints every problem of a policy file with line, column and what would be right
    Check(show::CheckOptions),
    /// Prints which zone may do what in which other zone
    Matrix(show::MatrixOptions),
    /// Says which line decides on something: SRC DST APP [--op write --addr 40-47]
    Explain(explain::Options),
    /// Writes policy.proposed.toml: lines for what was seen and is not allowed yet
    Propose(propose::Options),
    /// Asks about each change, the most dangerous first; what is answered with yes goes into policy.proposed.toml
    Review(review::Options),
    /// Holds what was seen against a policy: the findings it would have raised, by day and by line
    Simulate(simulate::Options),
    /// Turns an I/O list (CSV) into the lines that declare its points in the plan
    Points(points::Options),
    /// Puts the proposed policy in force, for the vessel or one zone, if enough was seen
    Enforce(enforce::Options),
    /// Puts the policy that was in force before back, or lists the versions
    Rollback(enforce::RollbackOptions),
}

/// Runs the command.
///
/// # Errors
/// When a file cannot be read or written.
pub fn run(verb: &Verb, out: &mut dyn Write) -> anyhow::Result<Answer> {
    match verb {
        Verb::Check(options) => show::check(options, out),
        Verb::Matrix(options) => show::matrix(options, out),
        Verb::Explain(options) => explain::run(options, out),
        Verb::Propose(options) => propose::run(options, out),
        Verb::Review(options) => review::run(options, &mut std::io::stdin().lock(), out),
        Verb::Simulate(options) => simulate::run(options, out),
        Verb::Points(options) => points::run(options, out),
        Verb::Enforce(options) => enforce::run(options, out),
        Verb::Rollback(options) => enforce::rollback(options, out),
    }
}
