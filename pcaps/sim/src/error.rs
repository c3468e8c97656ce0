//! Why the simulator could not do what it was asked.

use std::path::PathBuf;

/// Why a capture could not be written.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// No ship of this name is known.
    #[error("there is no ship `{name}`; known are: {known}")]
    UnknownShip {
        /// What was asked for.
        name: String,
        /// The names that exist.
        known: String,
    },
    /// No script of this name is known.
    #[error("there is no script `{name}`; `dogwatch-sim list` shows them")]
    UnknownScript {
        /// What was asked for.
        name: String,
    },
    /// No frames can be picked by this name.
    #[error("there is nothing called `{name}` to pick; known are: {known}")]
    UnknownProtocol {
        /// What was asked for.
        name: String,
        /// The names that exist.
        known: String,
    },
    /// A script does not have this parameter.
    #[error("script `{script}` has no parameter `{key}`; it has: {known}")]
    UnknownParameter {
        /// The script.
        script: String,
        /// The parameter given.
        key: String,
        /// The parameters that exist.
        known: String,
    },
    /// An argument cannot be read.
    #[error("{what} `{given}`: expected {expected}")]
    Argument {
        /// Which argument.
        what: &'static str,
        /// What was given.
        given: String,
        /// What it should look like.
        expected: &'static str,
    },
    /// The run is too short for the attack.
    #[error(
        "the run lasts {have_s} s, but `{script}` needs at least {need_s} s; give a longer --duration or an earlier --at"
    )]
    TooShort {
        /// The script.
        script: String,
        /// Seconds of the run.
        have_s: i64,
        /// Seconds needed.
        need_s: i64,
    },
    /// The ship cannot do what the script needs.
    #[error("the ship {ship} has no voyage of the kind {voyage}")]
    NoVoyage {
        /// The ship.
        ship: String,
        /// What was needed.
        voyage: String,
    },
    /// The ship has nothing for a script to aim at.
    #[error("the ship {ship} has no {what}")]
    NotAboard {
        /// The ship.
        ship: &'static str,
        /// What was needed.
        what: &'static str,
    },
    /// The ship's data names a host that it does not have.
    #[error("the ship has no host `{0}`")]
    NoHost(String),
    /// A file could not be written.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}
