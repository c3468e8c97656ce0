//! What is wrong with packets below the application: told by whoever puts them together, judged by the rules.

/// One thing that is not as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Irregularity {
    /// A dissector could not read something and went on.
    Unreadable,
    /// A TCP segment that was seen before came again with other bytes in it (RFC 9293, 3.8: a repetition repeats).
    Altered,
    /// A fragment that is not the last one and yet far smaller than any link of a ship needs.
    TinyFragment,
    /// A fragment that says something else, or a different part, of bytes that another one brought (RFC 1858, RFC 5722).
    OverlappingFragment,
    /// The first fragment does not hold the whole TCP header: what looks at ports and flags is passed by (RFC 1858, clause 3).
    HeaderInPieces,
}
