//! The commands, one file each. Results go to stdout, everything else to stderr. A command answers with what its exit status shall be.

pub mod analyze;
pub mod decode;
pub mod doctor;
pub mod intel;
pub mod policy;
pub mod rules;
pub mod run;
pub mod state;
pub mod uplink;

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Done.
    Done,
    /// Done, and the answer is "no", or problems were found.
    No,
}

impl From<Answer> for ExitCode {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Done => Self::SUCCESS,
            Answer::No => Self::from(1),
        }
    }
}
