//! What the register keeps, behind one trait so that another database can be put under it. `tests/repo.rs` holds the conformance suite
//! every implementation must pass.
//!
//! Idempotence lives here: [`Repo::take`] decides record by record, inside one transaction, what is new. It returns only when everything is on
//! disk, because a receipt follows it.

mod sqlite;

use std::future::Future;
use std::pin::Pin;

use dogwatch_bundle::{Definition, Gap, Health, PublicKey, Record, SeqRanges};
use dogwatch_model::{Asset, Finding, FindingStatus, Severity};
use serde::Serialize;

pub use sqlite::SqliteRepo;

/// Why the register cannot answer.
#[derive(Debug, thiserror::Error)]
pub enum RepoError {
    /// The database failed.
    #[error("database")]
    Database(#[from] sqlx::Error),
    /// What it holds cannot be read: damage, or a newer version wrote it.
    #[error("stored {what} cannot be read")]
    Stored {
        /// What.
        what: &'static str,
    },
    /// Written by a newer version of this program.
    #[error("the database has layout {found}, this program knows {known}")]
    Layout {
        /// Layout found.
        found: i64,
        /// Layout of this program.
        known: i64,
    },
    /// A table entry came with other content than before.
    #[error("table entry defined twice with different content")]
    ConflictingEntry,
    /// A sequence number is beyond what the register can keep.
    #[error("sequence number out of range")]
    SeqRange,
    /// The stream has too many holes to keep track of.
    #[error("too many holes in the stream")]
    TooScattered,
    /// Too many bundles were kept aside for this vessel.
    #[error("quarantine of this vessel is full")]
    QuarantineFull,
    /// The vessel or key is enrolled already, for another ship.
    #[error("this key is enrolled for vessel {0}")]
    KeyTaken(String),
}

/// An answer that comes later.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, RepoError>> + Send + 'a>>;

/// A ship to be enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolment {
    /// Id of the vessel, the same aboard and ashore.
    pub vessel_id: String,
    /// IMO number.
    pub imo: String,
    /// Name.
    pub name: String,
    /// Public key of her box.
    pub key: PublicKey,
}

/// A bundle, checked and decoded, to be taken.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// Whose.
    pub vessel_id: &'a str,
    /// Stream.
    pub epoch: u32,
    /// Table generation.
    pub generation: u16,
    /// SHA-256 of the bundle.
    pub hash: &'a [u8; 32],
    /// The bundle before it, as the ship says.
    pub previous: &'a [u8; 8],
    /// The bundle's bytes.
    pub bytes: &'a [u8],
    /// When it was made, ship's clock, milliseconds.
    pub created_ms: i64,
    /// When it came, milliseconds.
    pub received_ms: i64,
    /// What it brings.
    pub records: &'a [(u64, Record)],
    /// Table entries it defines.
    pub definitions: &'a [Definition],
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Everything held of the stream now.
    pub held: SeqRanges,
    /// Records that were new.
    pub fresh: usize,
    /// Sequence numbers that came with other content than before; the bundle was kept aside.
    pub conflicts: Vec<u64>,
}

/// Open findings by severity, most severe first: critical, high, medium, low, info.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[expect(missing_docs, reason = "each says itself")]
pub struct OpenCounts {
    pub critical: u64,
    pub high: u64,
    pub medium: u64,
    pub low: u64,
    pub info: u64,
}

/// One vessel of the fleet, in short.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VesselRow {
    /// Id.
    pub vessel_id: String,
    /// IMO number.
    pub imo: String,
    /// Name.
    pub name: String,
    /// Findings nobody closed or suppressed.
    pub open: OpenCounts,
    /// When a bundle last came, milliseconds since 1970; `None` before the first.
    pub last_heard_ms: Option<i64>,
    /// Records missing below the highest one held, over all streams.
    pub missing_records: u64,
    /// Records the ship let go before they could be sent.
    pub dropped_records: u64,
    /// Bundles kept aside because of conflicting content: a cloned disk or a stolen key.
    pub quarantined: u64,
    /// Devices known.
    pub assets: u64,
}

/// One stream of a vessel: the queue of one box since it was last created anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StreamRow {
    /// Epoch.
    pub epoch: u32,
    /// Lowest number not held.
    pub mark: u64,
    /// Highest number held.
    pub highest: u64,
    /// Holes, lowest first; at most 100 are listed.
    pub missing: Vec<(u64, u64)>,
    /// Bundles taken.
    pub bundles: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Bundles whose predecessor is not here.
    pub unlinked: u64,
    /// Last bundle received, milliseconds.
    pub last_received_ms: i64,
    /// Received minus created of that bundle: ship's clock error and transport time together, milliseconds.
    pub clock_lag_ms: i64,
}

/// Everything about one vessel but her findings and assets.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VesselDetail {
    /// In short.
    #[serde(flatten)]
    pub row: VesselRow,
    /// Her streams, the last heard first.
    pub streams: Vec<StreamRow>,
    /// What the box last said of itself.
    pub health: Option<Health>,
    /// The latest gap records, newest first.
    pub gaps: Vec<Gap>,
}

/// Which findings to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FindingQuery {
    /// Of one vessel, or of all.
    pub vessel_id: Option<String>,
    /// Of this severity.
    pub severity: Option<Severity>,
    /// In one of these statuses; empty: in any.
    pub statuses: Vec<FindingStatus>,
    /// Only those after this one in the order of the list.
    pub after: Option<FindingKey>,
    /// At most so many.
    pub limit: u32,
}

/// Place of a finding in a list: newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingKey {
    /// Last seen, milliseconds.
    pub last_ms: i64,
    /// Its id.
    pub finding_id: String,
    /// Whose.
    pub vessel_id: String,
}

/// A finding as the register holds it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FindingRow {
    /// Whose.
    pub vessel_id: String,
    /// Her name.
    pub vessel_name: String,
    /// When it was first received, milliseconds.
    pub received_ms: i64,
    /// The finding, with the latest count, status and severity.
    #[serde(flatten)]
    pub finding: Finding,
}

/// The register's store.
pub trait Repo: Send + Sync {
    /// Enrols a vessel, or gives an enrolled one another key; older keys stay valid.
    fn enrol<'a>(&'a self, enrolment: &'a Enrolment, now_ms: i64) -> Answer<'a, ()>;
    /// Vessels and keys that go by a key id.
    fn keys(&self, key_id: u16) -> Answer<'_, Vec<(String, PublicKey)>>;
    /// Table entries of a stream's generation.
    fn definitions<'a>(&'a self, vessel_id: &'a str, epoch: u32, generation: u16) -> Answer<'a, Vec<Definition>>;
    /// Takes a delivery: everything new in it, exactly once, on disk before it answers.
    fn take<'a>(&'a self, delivery: Delivery<'a>) -> Answer<'a, Taken>;
    /// The fleet, by name.
    fn vessels(&self) -> Answer<'_, Vec<VesselRow>>;
    /// One vessel.
    fn vessel<'a>(&'a self, vessel_id: &'a str) -> Answer<'a, Option<VesselDetail>>;
    /// Findings, last seen first.
    fn findings<'a>(&'a self, query: &'a FindingQuery) -> Answer<'a, Vec<FindingRow>>;
    /// One finding.
    fn finding<'a>(&'a self, vessel_id: &'a str, finding_id: &'a str) -> Answer<'a, Option<FindingRow>>;
    /// Devices of a vessel by name, after `after` (name, id), at most `limit`.
    fn assets<'a>(
        &'a self,
        vessel_id: &'a str,
        after: Option<(&'a str, &'a str)>,
        limit: u32,
    ) -> Answer<'a, Vec<Asset>>;
    /// Whether the store answers.
    fn ping(&self) -> Answer<'_, ()>;
}
