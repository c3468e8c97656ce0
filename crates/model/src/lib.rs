//! The words every room of dogwatch shares: plain data, no behaviour beyond reading and writing itself.
//!
//! Two families live here. The *packet path* words ([`Flow`], [`Message`], [`Event`], [`Act`]) borrow from the packet, are `Copy` where
//! they can be, and never allocate. The *record* words ([`Asset`], [`Finding`], [`Vessel`] …) are owned, serde-able and carry the entity and
//! field names of the canonical data model (IACS UR E26/E27, Rec 190).
//!
//! Deliberately absent: sockets, threads, clocks, files, and any protocol's own types. A room that needs a protocol's name in a `match` is
//! missing a word here.

mod address;
mod asset;
mod connection;
mod event;
mod fields;
mod finding;
mod flow;
mod ids;
mod irregular;
mod object;
pub mod oddity;
mod reading;
mod records;
mod time;
mod vessel;
mod zone;

pub use address::{Mac, MacParseError, Sfi};
pub use asset::{
    Asset, AssetChange, AssetState, AttributeValue, DeviceClass, Disposition, Interface, ObservedProtocol,
    ProtocolRole, Provenance,
};
pub use connection::{Conformity, Connection, DirectionBoundary, UnknownTraffic};
pub use event::{Act, Attribute, Event, Fact, FactValue, Message, Of, Quantity, Speaker, Subject, Value, Verb};
pub use fields::{FieldValue, FieldVisitor, Fields, NoFields};
pub use finding::{
    AttackRef, Category, Evidence, Finding, FindingEnd, FindingStatus, Position, Severity, ShipState, StatusChange,
    UplinkState,
};
pub use flow::{Direction, Flow, Initiator, SourceId, Transport, Vlans};
pub use ids::{IdKind, fingerprint, stable_id};
pub use irregular::Irregularity;
pub use object::{Cells, Object, Table};
pub use reading::{Memory, ReadingVisitor, Readings};
pub use records::{
    AuditRecord, Change, CoverageInterval, Permit, RegisterEntry, RemoteSession, Snapshot, TestSession, TimeQuality,
    TimeSource, UploadBatch,
};
pub use time::CaptureTime;
pub use vessel::{E26Applicability, Vessel};
pub use zone::{Conduit, CoverageState, Criticality, LogicalBoundary, Trust, Zone, ZoneClass};
