//! Why bytes could not be read: small, `Copy`, and with a fixed word for the metric label.

/// Why a message could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The message goes on past the bytes we hold.
    #[error("{what}: more bytes needed")]
    Incomplete {
        /// The part that was being read.
        what: &'static str,
    },
    /// The bytes break the protocol's rules.
    #[error("{what} at byte {at}: {why}")]
    Malformed {
        /// The part that was being read.
        what: &'static str,
        /// Offset within the message.
        at: usize,
        /// The rule that is broken.
        why: &'static str,
    },
    /// A checksum over the message is wrong.
    #[error("{what}: checksum does not match")]
    Checksum {
        /// Over what.
        what: &'static str,
    },
    /// Parts of a message went missing or came out of order.
    #[error("{what}: parts missing or out of order")]
    Sequence {
        /// Of what.
        what: &'static str,
    },
    /// A bound of ours was hit; what was let go is counted by this.
    #[error("{what}: limit reached")]
    Limit {
        /// Which bound.
        what: &'static str,
    },
}

impl ParseError {
    /// The fixed word used as metric label.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Incomplete { .. } => "incomplete",
            Self::Malformed { .. } => "malformed",
            Self::Checksum { .. } => "checksum",
            Self::Sequence { .. } => "sequence",
            Self::Limit { .. } => "limit",
        }
    }
}
