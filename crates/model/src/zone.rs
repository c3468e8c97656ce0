//! Zones and conduits as records (data model b.2, b.3; IEC 62443-3-2 ZCR 6.3 and 6.4). The policy file is read by `rules`.

use serde::{Deserialize, Serialize};

use crate::CaptureTime;

/// What a zone is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words of the data model, each says itself")]
pub enum ZoneClass {
    Safety,
    Navigation,
    Communication,
    Machinery,
    Power,
    Cargo,
    SafetyGasFire,
    Wireless,
    LocalControl,
    Management,
    Dmz,
    Crew,
    Passenger,
    Admin,
    Shore,
    UntrustedOther,
}

/// Whether a zone is inside the scope of UR E26.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// Inside the scope.
    InScope,
    /// Outside it: untrusted, even on board.
    Untrusted,
}

/// How much a zone matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "each says itself")]
pub enum Criticality {
    Low,
    Medium,
    High,
}

/// How much of a zone the mirror ports show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "each says itself")]
pub enum CoverageState {
    Full,
    Partial,
    Blind,
}

/// What makes a zone a zone on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LogicalBoundary {
    /// Subnets in CIDR form.
    pub subnets: Vec<String>,
    /// VLAN ids.
    pub vlans: Vec<u16>,
    /// CAN buses.
    pub can: Vec<String>,
}

/// A zone: declared boundary, observed contents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    /// Id in the policy file.
    pub zone_id: String,
    /// Name for people.
    pub name: String,
    /// What it is for.
    pub zone_class: ZoneClass,
    /// Inside the scope or not.
    pub trust: Trust,
    /// How much it matters.
    pub criticality: Criticality,
    /// Its boundary on the wire.
    pub logical_boundary: LogicalBoundary,
    /// Devices seen in it.
    pub observed_hosts_count: u64,
    /// How much of it is seen.
    pub coverage_state: CoverageState,
    /// When something was last seen in it.
    pub last_seen: Option<CaptureTime>,
}

/// A conduit: what was declared, what was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conduit {
    /// Id in the policy file.
    pub conduit_id: String,
    /// From this zone.
    pub zone_a: String,
    /// To this zone.
    pub zone_b: String,
    /// Why it exists.
    pub purpose: String,
    /// Packets seen that fit it.
    pub packets: u64,
    /// First use.
    pub first_seen: Option<CaptureTime>,
    /// Latest use.
    pub last_seen: Option<CaptureTime>,
}
