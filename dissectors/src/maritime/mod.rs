//! The protocols of the bridge and the engine room.

pub mod gofree;
pub mod n2k;
