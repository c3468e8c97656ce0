//! The register from outside: its store, what ships send it, what people see, and the whole path from a ship's queue.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test stops at the first surprise")]

#[path = "../../../crates/bundle/tests/fleet/mod.rs"]
mod fleet;

mod delivery;
mod faults;
mod ingest;
mod killed;
mod pages;
mod repo;
mod ship;
