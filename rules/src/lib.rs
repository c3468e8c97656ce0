//! Zone policy and detections.

pub mod policy;
