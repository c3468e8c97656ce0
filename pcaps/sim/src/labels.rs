//! The labels beside a capture: what happened, when, and which findings must and must not come of it.

use std::net::Ipv4Addr;

use dogwatch_model::{CaptureTime, Mac, Severity};
use serde::Serialize;

use crate::wire::net::Host;

/// A span of capture time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Window {
    /// First instant.
    pub from: CaptureTime,
    /// Last instant.
    pub to: CaptureTime,
}

/// Who a finding should name. Only what a monitor can know is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Party {
    /// The asset as the policy names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asset: Option<String>,
    /// Address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// Hardware address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// Address on the NMEA 2000 backbone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n2k_address: Option<u8>,
    /// System function identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sfi: Option<String>,
}

impl Party {
    /// A host, with its asset name when it has one.
    pub(crate) fn host(host: &Host, asset: Option<&str>) -> Self {
        Self {
            asset: asset.map(str::to_owned),
            ip: Some(Ipv4Addr::from(host.ip).to_string()),
            mac: Some(Mac(host.mac).to_string()),
            ..Self::default()
        }
    }
}

/// One thing that must be found, or may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Expect {
    /// Any of these detections will do.
    pub detections: Vec<String>,
    /// Category of the catalogue.
    pub category: String,
    /// At least this severe.
    pub min_severity: Severity,
    /// Who did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub src: Option<Party>,
    /// To whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dst: Option<Party>,
    /// When it went on.
    pub window: Window,
    /// Seconds of capture time from the start of the window to the finding.
    pub detect_within_s: u32,
    /// Counts for the detection rate.
    pub required: bool,
}

/// Something that must not be found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MustNot {
    /// These detections, or `*` for any.
    pub detections: Vec<String>,
    /// This severe or more.
    pub min_severity: Severity,
    /// Within this time.
    pub window: Window,
    /// Why.
    pub reason: String,
}

/// The labels of a capture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Labels {
    /// Layout of this file.
    pub schema: u32,
    /// The script.
    pub scenario: String,
    /// `normal` or `attack`.
    pub kind: &'static str,
    /// What happens, in one sentence.
    pub what: String,
    /// The ship.
    pub ship: String,
    /// The seed.
    pub seed: u64,
    /// First instant and end of the run.
    pub run: Window,
    /// When the attack goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attack: Option<Window>,
    /// Capture files and what they hold.
    pub files: Vec<String>,
    /// What must or may be found.
    pub expect: Vec<Expect>,
    /// What must not.
    pub must_not: Vec<MustNot>,
}
