//! Protocols of the bridge and of the engine: sentences, AIS, parameter groups, and what carries them.

mod acts;
pub(crate) mod ais;
pub(crate) mod asterix;
pub mod gofree;
pub(crate) mod iec61162_450;
pub mod n2k;
pub(crate) mod nmea0183;
pub(crate) mod radar;
pub(crate) mod signalk;
