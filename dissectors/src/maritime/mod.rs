//! Protocols of the bridge and of the engine: sentences, AIS, and what carries them.

mod acts;
pub(crate) mod ais;
pub(crate) mod iec61162_450;
pub(crate) mod nmea0183;
//! The protocols of the bridge and the engine room.

pub mod n2k;
