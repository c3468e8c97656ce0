//! What the whole-system tests share: where things are, programs under test, captures, scenarios, namespaces.
//!
//! The tests themselves stand in `tests/`, one file for each promise. Nothing here judges; it starts, reads and cleans up.

pub mod analysis;
pub mod corpus;
pub mod daemon;
pub mod damage;
pub mod expectation;
pub mod http;
pub mod namespaces;
pub mod programs;
pub mod scenario;
pub mod shore;
pub mod strangers;
pub mod workspace;
