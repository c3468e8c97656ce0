//! Supporting records: uploads, register entries, evidence of coverage and of tests (data model b.8 to b.10).
//!
//! These are the names that ship, shore and reports agree on. What fills them comes with the parts that need them.

use serde::{Deserialize, Serialize};

use crate::CaptureTime;

/// Where the monitor's clock gets its time from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each says itself")]
pub enum TimeSource {
    GnssZda,
    Ntp,
    Ptp,
    Rtc,
    #[default]
    FreeRunning,
}

/// How far a time stamp can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct TimeQuality {
    /// Source.
    pub source: TimeSource,
    /// Offset against it, milliseconds.
    pub offset_ms: i64,
    /// Last synchronisation.
    pub last_sync: Option<CaptureTime>,
    /// Seconds since then without a source.
    pub holdover_s: u32,
}

/// One parcel ashore (b.8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the field names of the data model, each says itself")]
pub struct UploadBatch {
    pub batch_id: String,
    pub vessel_id: String,
    pub seq: u64,
    pub created_at: CaptureTime,
    pub time_quality: TimeQuality,
    pub from_record: u64,
    pub to_record: u64,
    pub prev_batch_hash: String,
    pub raw_bytes: u64,
    pub wire_bytes: u64,
    pub priority: u8,
    pub key_id: u16,
}

/// One row of the register ashore, per vessel and issue (b.9). Never holds addresses, serial numbers or host names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the field names of the data model, each says itself")]
pub struct RegisterEntry {
    pub entry_id: String,
    pub vessel_id: String,
    pub issue_no: u32,
    pub vessel_risk_index: u8,
    pub band: String,
    pub inventory_completeness_pct: f32,
    pub coverage_pct: f32,
    pub segmentation_conformity_pct: f32,
    pub overdue_count: u32,
    pub package_sha256: String,
}

/// A change of any record (Rec 190 column V).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the field names of the data model, each says itself")]
pub struct Change {
    pub change_id: String,
    pub at: CaptureTime,
    pub entity: String,
    pub field: String,
    pub old: Option<String>,
    pub new: Option<String>,
    pub source: String,
    pub permit_id: Option<String>,
    pub by: Option<String>,
}

/// Leave for a person or firm to work on board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the field names of the data model, each says itself")]
pub struct Permit {
    pub permit_id: String,
    pub who: String,
    pub company: Option<String>,
    pub role: Option<String>,
    pub purpose: String,
    pub zones: Vec<String>,
    pub assets: Vec<String>,
    pub from: CaptureTime,
    pub to: CaptureTime,
    pub issued_by: String,
}

/// A remote access session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the field names of the data model, each says itself")]
pub struct RemoteSession {
    pub from: String,
    pub to: String,
    pub protocol: String,
    pub started_at: CaptureTime,
    pub ended_at: Option<CaptureTime>,
    pub bytes: u64,
    pub permit_id: Option<String>,
    pub accepted_by: Option<String>,
}

/// A witnessed test (UR E26 clause 5.2.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the field names of the data model, each says itself")]
pub struct TestSession {
    pub case_id: String,
    pub e26_clause: String,
    pub set_up: String,
    pub equipment: Vec<String>,
    pub initial_conditions: String,
    pub steps: Vec<String>,
    pub expected: Vec<String>,
    pub observed_finding_ids: Vec<String>,
    pub result: String,
    pub witness: String,
}

/// What one capture source saw, and missed, in a stretch of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the field names of the data model, each says itself")]
pub struct CoverageInterval {
    pub capture_source: String,
    pub from: CaptureTime,
    pub to: CaptureTime,
    pub packets: u64,
    pub dropped_kernel: u64,
    pub dropped_iface: u64,
    pub decode_errors: u64,
    pub utilisation_pct: Option<u8>,
    pub reason_down: Option<String>,
}

/// One line of the monitor's own audit log, chained to the one before by hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the field names of the data model, each says itself")]
pub struct AuditRecord {
    pub at: CaptureTime,
    pub by: String,
    pub action: String,
    pub detail: String,
    pub prev_hash: String,
}

/// An issue of the inventory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the field names of the data model, each says itself")]
pub struct Snapshot {
    pub issue_no: u32,
    pub hash: String,
    pub counts: std::collections::BTreeMap<String, u64>,
}
