//! Names of oddities that mean the same in every protocol, so that a rule can ask for the word and not for its spelling.
//!
//! What only one protocol knows keeps a name of its own, with the protocol in front (`modbus.length`).

/// An answer to which no question was seen.
pub const REPLY_WITHOUT_REQUEST: &str = "reply-without-request";
/// An answer to another question than the one that was asked.
pub const REPLY_MISMATCH: &str = "reply-mismatch";
/// The password that the manual prints.
pub const DEFAULT_PASSWORD: &str = "default-password";
