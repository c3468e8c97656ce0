//! Facts to assets: an inventory from the first frame of any kind, every attribute with its source, confidence and history.
//!
//! A row is a device. On Ethernet it is found by MAC and IP address, on IEC 61162-450 its system function ids point to it, on a CAN bus its
//! ISO 11783-5 NAME does; the CAN source address never does, because it can move. Nothing has to be typed in first and no handshake is waited
//! for.
//!
//! Deliberately absent: clocks, files, zones (the policy places a device, the caller tells us the answer) and guesses presented as facts.

mod attributes;
mod identity;
mod limits;
pub mod oui;
mod table;

pub use limits::{Counters, Limits};
pub use table::{AssetIx, Inventory};
