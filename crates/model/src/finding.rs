//! What the monitor has to say: one finding per cause, repeats raise its count (data model b.7; JSON names of `findings.jsonl`).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{CaptureTime, Mac, Sfi};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Posture: good to know.
    Info,
    /// For the weekly digest.
    Low,
    /// For the daily digest.
    Medium,
    /// Within minutes, uploaded first.
    High,
    /// Bridge and engine control room now.
    Critical,
}

impl Severity {
    /// All of them, least severe first.
    pub const ALL: [Self; 5] = [Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The word used everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The number 1 (info) to 5 (critical) of the data model and of OCSF.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Info => 1,
            Self::Low => 2,
            Self::Medium => 3,
            Self::High => 4,
            Self::Critical => 5,
        }
    }
}

/// What kind of finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the categories of the detection catalogue, each says itself")]
pub enum Category {
    Asset,
    Zone,
    Protocol,
    Process,
    Navigation,
    Identity,
    MalwareIt,
    Exfil,
    Health,
}

/// Where a finding stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FindingStatus {
    /// Nobody looked yet.
    #[default]
    New,
    /// Somebody works on it.
    Acknowledged,
    /// Known and quiet until a date.
    Suppressed,
    /// Done.
    Resolved,
}

/// One step of a finding's life: who, when, why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatusChange {
    /// When.
    pub at: CaptureTime,
    /// Who.
    pub by: String,
    /// Status before.
    pub from: FindingStatus,
    /// Status after.
    pub to: FindingStatus,
    /// Why, in words.
    pub reason: String,
    /// Until when a suppression holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<CaptureTime>,
}

/// One end of what was seen; what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct FindingEnd {
    /// Asset id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset: Option<String>,
    /// Name a person would use.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// MAC address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<Mac>,
    /// IP address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
    /// Port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// ISO 11783-5 NAME.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n2k_name: Option<u64>,
    /// System function id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sfi: Option<Sfi>,
}

/// One observation behind a finding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Capture source or file.
    pub capture: String,
    /// Frame number within it, from 1.
    pub frame: u64,
    /// When.
    pub ts: CaptureTime,
    /// What was seen, decoded: name and value.
    pub fields: Vec<(String, String)>,
    /// What was expected instead.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub expected: String,
}

/// A technique of MITRE ATT&CK for ICS.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttackRef(pub String);

/// What the ship was doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the ship states of the policy file, each says itself")]
pub enum ShipState {
    AtSea,
    Manoeuvring,
    AtAnchor,
    InPort,
    Drydock,
    #[default]
    Unknown,
}

impl ShipState {
    /// The state in words that follow "while".
    #[must_use]
    pub const fn for_people(self) -> &'static str {
        match self {
            Self::AtSea => "at sea",
            Self::Manoeuvring => "manoeuvring",
            Self::AtAnchor => "at anchor",
            Self::InPort => "in port",
            Self::Drydock => "in dry dock",
            Self::Unknown => "in an unknown state",
        }
    }
}

/// Where the ship was.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Degrees north.
    pub lat: f64,
    /// Degrees east.
    pub lon: f64,
}

/// How far a finding got on its way ashore.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UplinkState {
    /// Waits for the link.
    #[default]
    Queued,
    /// Sent, not yet receipted.
    Sent,
    /// The shore holds it.
    Receipted,
}

/// A finding: one cause, with everything a person needs to judge it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// `fnd_` ULID; the same on every replay.
    #[serde(rename = "id")]
    pub finding_id: String,
    /// 32 hex digits over rule, ends, conduit and key parameters: what makes it one finding.
    pub fingerprint: String,
    /// Detection, e.g. `DW-2002`.
    #[serde(rename = "detection")]
    pub rule_id: String,
    /// Short title.
    pub title: String,
    /// Category.
    pub category: Category,
    /// Severity now.
    pub severity: Severity,
    /// How sure, 0..=1.
    pub confidence: f32,
    /// First observation.
    pub first_seen: CaptureTime,
    /// Latest observation.
    pub last_seen: CaptureTime,
    /// How often.
    pub count: u64,
    /// Who did it.
    pub source: FindingEnd,
    /// To whom.
    pub destination: FindingEnd,
    /// Zone of the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone_from: Option<String>,
    /// Zone of the destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone_to: Option<String>,
    /// Nearest conduit of the policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conduit: Option<String>,
    /// Protocol and port, e.g. `modbus tcp/502`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub service: String,
    /// What happened and where, at most 160 characters.
    pub summary: String,
    /// Why it matters on a ship.
    pub why: String,
    /// What to do.
    #[serde(rename = "action")]
    pub recommended_action: String,
    /// What it rests on; bounded, the first and the latest.
    pub evidence: Vec<Evidence>,
    /// MITRE ATT&CK for ICS techniques.
    pub attack: Vec<AttackRef>,
    /// Functional elements of MSC-FAL.1/Circ.3.
    pub imo: Vec<String>,
    /// Clauses of IACS UR E26.
    #[serde(rename = "e26")]
    pub e26_clause: Vec<String>,
    /// Where it stands.
    pub status: FindingStatus,
    /// Its life so far.
    #[serde(rename = "history")]
    pub status_history: Vec<StatusChange>,
    /// What the ship was doing.
    pub ship_state: ShipState,
    /// Where the ship was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// A ready-made policy line that would allow it, where one makes sense.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposal: Option<String>,
}
