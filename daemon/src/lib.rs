//! The program aboard: capture, pipeline, console, uplink, commands.

pub mod uplink;
