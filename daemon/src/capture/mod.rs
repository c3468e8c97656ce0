//! Where frames come from: capture files, logs, live interfaces and serial lines.
//!
//! Nothing here can send: files are read, interfaces and serial lines are opened for receiving only.

pub mod file;
pub mod live;
pub mod paced;
mod pcapng;
pub mod replay;
pub mod serial;
pub mod text;
mod window;

/// What is known of a capture source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceInfo {
    /// Name shown to people: the interface, or the file and its interface.
    pub label: String,
    /// Interface name that zone selectors are compared with; `None` where the capture does not tell (a zone's `interface` then does not apply).
    pub interface: Option<String>,
}

/// Why a capture cannot be read on from here.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, thiserror::Error)]
#[error("{file}: damaged at byte {offset}: {why}")]
pub struct Damage {
    /// The file.
    pub file: String,
    /// Where, counted from the start of the (uncompressed) file.
    pub offset: u64,
    /// What is wrong there.
    pub why: String,
}
