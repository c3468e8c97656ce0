//! NMEA 0183, IEC 61162-450 and AIS against a corpus of inputs with values that independent decoders and upstream tests give.
//!
//! The corpus is third-party data beside the project; without it these tests say so and pass. Any other folder of the same layout can be run by
//! `DOGWATCH_CORPUS`. Rules of comparison: numbers within one step of their resolution, fields by position where names differ.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test: what is wrong must stop it, and its tables are for people to read"
)]

mod ais;
mod corpus;
mod damage;
mod iec61162_450;
mod measures;
mod nmea0183;
mod replay;
