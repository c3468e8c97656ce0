//! Encoders of the application protocols: NMEA 0183, IEC 61162-450, AIS, NMEA 2000, Modbus/TCP.
//!
//! The simulator's own; nothing here is shared with the dissectors that are tested against its output.

pub(crate) mod ais;
pub(crate) mod bacnet;
pub(crate) mod lwe;
pub(crate) mod modbus;
pub(crate) mod n2k;
pub(crate) mod nmea;
pub(crate) mod remote;
pub(crate) mod s7;
pub(crate) mod smb;
