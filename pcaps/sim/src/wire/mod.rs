//! Encoders below the application: Ethernet, IPv4, UDP, TCP, and the small protocols every network has.
//!
//! These are the simulator's own and share nothing with the parsers they are used to test.

pub(crate) mod ip;
pub(crate) mod ip6;
pub(crate) mod link;
pub(crate) mod names;
pub(crate) mod net;
pub(crate) mod session;
pub(crate) mod tls;
