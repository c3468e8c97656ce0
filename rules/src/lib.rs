//! Zone policy and detections: events and assets in, findings out.
//!
//! The policy decides what is allowed; detectors keep bounded state and raise what departs from it, from a protocol's rules or from physics.
//! The catalogue (`catalogue.yaml`) says of every detection what it is called, how bad it is and what to do; a detector without a row there, or
//! without a card, does not pass the tests.
//!
//! Deliberately absent: clocks (time comes from the frame), files, any protocol's own types.

pub mod aggregates;
pub mod catalogue;
pub mod detections;
mod detector;
mod engine;
mod findings;
mod heard;
mod holders;
mod learning;
mod own_ship;
pub mod policy;
mod remembered;
mod repeats;
mod seen;
mod spoken;
mod text;
mod wanted;

pub use detector::{Card, Context, Detector, Directory, Raise, Threshold, Wants};
pub use engine::{Rules, RulesCounters, Settings};
pub use findings::{Cause, FindingTable, WouldAlert};
pub use learning::{Baseline, Learning};
pub use seen::{
    Account, BusName, EnforcedSeen, FlowSeen, FlowStage, HealthSeen, Identity, IrregularSeen, PacketSeen, Party,
    PolicySeen, SelfSeen, SignatureSeen, Source, Volume,
};
