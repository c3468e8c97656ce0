//! The program aboard: capture, pipeline, console, uplink, metrics and commands.
//!
//! Packets never meet async code: one plain thread takes frames from all sources through to findings. tokio serves the console, `/metrics` and the
//! uplink, and meets the pipeline only through bounded channels and the store.

pub mod baseline;
pub mod capture;
pub mod clock;
pub mod command;
pub mod console;
pub mod imports;
pub mod json;
pub mod metrics;
pub mod mirror;
pub mod pipeline;
pub mod policy_edit;
pub mod policy_file;
pub mod policy_versions;
pub mod selftest;
pub mod service;
pub mod settings;
pub mod uplink;
