//! What waits in the upload queue: one record each, as bytes the store need not understand.
//!
//! The bytes are one version byte and JSON. JSON because the model marks absent fields with `skip_serializing_if`, which formats without field
//! names (postcard, bincode) cannot read back, and because a box that was updated at sea must still read what its older self queued. Disk
//! aboard is cheap; the satellite link never sees this form.

use dogwatch_model::{
    Asset, AssetChange, CaptureTime, Finding, FindingStatus, Position, Severity, ShipState, StatusChange, TimeQuality,
};
use serde::{Deserialize, Serialize};

/// Most ranges one gap record may list.
pub const MAX_GAP_RANGES: usize = 1024;

/// Version byte of the queue form.
const VERSION: u8 = 1;

/// How urgent a record is; the order of sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Now, over any link.
    Critical,
    /// Within a quarter of an hour.
    High,
    /// Hourly, or when a bundle is full.
    Routine,
    /// When nothing else waits: inventory.
    Bulk,
}

impl Class {
    /// All classes, most urgent first.
    pub const ALL: [Self; 4] = [Self::Critical, Self::High, Self::Routine, Self::Bulk];

    /// The word used in metrics and pages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Routine => "routine",
            Self::Bulk => "bulk",
        }
    }

    /// The number the queue keeps: 0 is the most urgent.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Critical => 0,
            Self::High => 1,
            Self::Routine => 2,
            Self::Bulk => 3,
        }
    }

    /// The class of a number; anything unknown is bulk.
    #[must_use]
    pub const fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Critical,
            1 => Self::High,
            2 => Self::Routine,
            _ => Self::Bulk,
        }
    }
}

impl From<Severity> for Class {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Critical => Self::Critical,
            Severity::High => Self::High,
            Severity::Medium | Severity::Low | Severity::Info => Self::Routine,
        }
    }
}

/// A finding that the shore has, or will have, changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FindingUpdate {
    /// Which finding.
    pub finding_id: String,
    /// Latest observation.
    pub last_seen: CaptureTime,
    /// How often by now.
    pub count: u64,
    /// Severity now.
    pub severity: Severity,
    /// Whether the severity rose with this update: then it is as urgent as a new finding.
    #[serde(default)]
    pub raised: bool,
    /// Where it stands now.
    pub status: FindingStatus,
    /// The step of its life that this update reports, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<StatusChange>,
}

/// Records that were let go aboard before they could be sent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Gap {
    /// Exactly the numbers that were dropped, as ranges, both ends included.
    pub ranges: Vec<(u64, u64)>,
    /// How many of what: detection id, record kind, or reason.
    pub counts: Vec<(String, u64)>,
}

/// How the box is: sent now and then so that "no findings" and "saw nothing" look different ashore.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// When.
    pub at: CaptureTime,
    /// Version of the program aboard.
    pub version: String,
    /// Seconds since it started.
    pub uptime_s: u64,
    /// Frames seen since then.
    pub frames: u64,
    /// Frames lost since then, all reasons.
    pub frames_dropped: u64,
    /// Messages that could not be read since then.
    pub parse_errors: u64,
    /// Devices in the inventory.
    pub assets: u64,
    /// Records waiting for the link.
    pub queue_records: u64,
    /// Age of the oldest of them, seconds.
    pub oldest_unsent_s: u64,
    /// Bytes the uplink used today.
    pub uplink_bytes_today: u64,
    /// Bytes it may use a day.
    pub uplink_bytes_allowed: u64,
    /// Capture sources working / configured.
    pub sources_up: u8,
    /// Capture sources configured.
    pub sources: u8,
    /// Clock.
    pub time_quality: TimeQuality,
    /// What the ship is doing.
    pub ship_state: ShipState,
    /// Where she is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// Trouble in plain words, worst first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// One thing to tell the shore.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// A new finding.
    Finding(Box<Finding>),
    /// A known finding changed.
    FindingUpdate(FindingUpdate),
    /// A device as it stands now, whole.
    Asset(Box<Asset>),
    /// One change of the inventory.
    AssetChange(AssetChange),
    /// Records dropped aboard.
    Gap(Gap),
    /// The box itself.
    Health(Box<Health>),
}

/// Why queued bytes are not a record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Written by a newer version.
    #[error("queue record of version {0}, this program reads {VERSION}")]
    Version(u8),
    /// Nothing there.
    #[error("empty queue record")]
    Empty,
    /// Not the JSON it should be.
    #[error("queue record cannot be read")]
    Json(#[from] serde_json::Error),
}

impl Record {
    /// The form the queue keeps.
    ///
    /// # Errors
    /// When a value has no JSON form.
    pub fn to_bytes(&self) -> Result<Vec<u8>, RecordError> {
        let mut bytes = vec![VERSION];
        serde_json::to_writer(&mut bytes, self)?;
        Ok(bytes)
    }

    /// Reads what [`Record::to_bytes`] wrote; fields this version does not know are skipped.
    ///
    /// # Errors
    /// When the bytes are not that.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        match bytes.split_first() {
            None => Err(RecordError::Empty),
            Some((&VERSION, json)) => Ok(serde_json::from_slice(json)?),
            Some((&other, _)) => Err(RecordError::Version(other)),
        }
    }

    /// How urgent it is.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Finding(finding) => Class::from(finding.severity),
            Self::FindingUpdate(update) if update.raised => Class::from(update.severity),
            // A count that rose is news, but not the news: one step less urgent than the finding was.
            Self::FindingUpdate(update) => match update.severity {
                Severity::Critical => Class::High,
                _ => Class::Routine,
            },
            Self::Gap(_) => Class::High,
            Self::Health(_) => Class::Routine,
            Self::Asset(_) | Self::AssetChange(_) => Class::Bulk,
        }
    }

    /// The word for its kind.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Finding(_) => "finding",
            Self::FindingUpdate(_) => "finding_update",
            Self::Asset(_) => "asset",
            Self::AssetChange(_) => "asset_change",
            Self::Gap(_) => "gap",
            Self::Health(_) => "health",
        }
    }

    /// The number of its kind, in the queue and on the wire.
    #[must_use]
    pub const fn kind_number(&self) -> u8 {
        match self {
            Self::Finding(_) => 0,
            Self::FindingUpdate(_) => 1,
            Self::Asset(_) => 2,
            Self::AssetChange(_) => 3,
            Self::Gap(_) => 4,
            Self::Health(_) => 5,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queue_form() {
        let gap = Record::Gap(Gap { ranges: vec![(3, 9)], counts: vec![("DW-1001".into(), 7)] });
        let bytes = gap.to_bytes().unwrap();
        assert_eq!(Record::from_bytes(&bytes).unwrap(), gap);
        assert!(matches!(Record::from_bytes(&[]), Err(RecordError::Empty)));
        assert!(matches!(Record::from_bytes(&[2, b'{']), Err(RecordError::Version(2))));
        assert!(matches!(Record::from_bytes(&[1, b'{']), Err(RecordError::Json(_))));
        // A later version's extra field is skipped.
        let newer = br#"{"gap":{"ranges":[[3,9]],"counts":[["DW-1001",7]],"why":"full"}}"#;
        assert_eq!(Record::from_bytes(&[&[1_u8][..], newer].concat()).unwrap(), gap);
    }

    #[test]
    fn urgency() {
        for (severity, class) in
            [(Severity::Critical, Class::Critical), (Severity::High, Class::High), (Severity::Medium, Class::Routine)]
        {
            assert_eq!(Class::from(severity), class);
        }
        let update = |severity, raised| {
            Record::FindingUpdate(FindingUpdate {
                finding_id: String::new(),
                last_seen: CaptureTime(0),
                count: 1,
                severity,
                raised,
                status: FindingStatus::New,
                change: None,
            })
            .class()
        };
        assert_eq!(update(Severity::Critical, true), Class::Critical);
        assert_eq!(update(Severity::Critical, false), Class::High);
        assert_eq!(update(Severity::High, false), Class::Routine);
        assert!(Class::ALL.into_iter().all(|class| Class::from_number(class.number()) == class));
    }
}
