//! What the console, the metrics and the commands are shown: one picture of the running daemon, replaced as a whole about once a second.
//!
//! A finding stands here only after the store holds it durably: what the console has shown survives a power cut.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use dogwatch_intel::{FileKind, FileReport, Intel};
use dogwatch_model::{Asset, CaptureTime, Connection, Finding, ShipState};
use serde::Serialize;
use tokio::sync::watch;

use crate::mirror::Verdict;

/// One capture source.
#[derive(Debug, Clone, Serialize)]
pub struct SourceView {
    /// Name in policy and findings.
    pub name: String,
    /// Interface of this machine.
    pub interface: String,
    /// Whether it is open.
    pub up: bool,
    /// Frames taken.
    pub frames: u64,
    /// Bytes these had on the wire.
    pub bytes: u64,
    /// Frames lost in the kernel's ring.
    pub dropped_kernel: u64,
    /// Frames lost by the interface.
    pub dropped_interface: u64,
    /// Times it went away.
    pub failures: u64,
    /// Frames a second, over the last picture.
    pub frames_per_second: f64,
    /// Latest frame.
    pub last_frame: Option<CaptureTime>,
    /// VLANs seen.
    pub vlans: Vec<u16>,
    /// Is the mirror right?
    pub verdict: Verdict,
    /// What the verdict means.
    pub meaning: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

/// One zone of the policy.
#[derive(Debug, Clone, Serialize)]
pub struct ZoneView {
    /// Its id.
    pub id: String,
    /// Name for people.
    pub label: String,
    /// What it is for.
    pub function: &'static str,
    /// Trust in it.
    pub class: &'static str,
    /// How much it matters.
    pub criticality: &'static str,
    /// Whether its devices are fixed.
    pub devices: &'static str,
    /// Mode in force.
    pub mode: &'static str,
    /// Devices the policy declares.
    pub declared: usize,
    /// Devices seen in it.
    pub seen: usize,
    /// Declared devices seen.
    pub declared_seen: usize,
    /// Declared devices not heard yet, by their ids.
    pub not_heard: Vec<String>,
}

/// Upload queue and link.
#[derive(Debug, Clone, Default, Serialize)]
pub struct UplinkView {
    /// Whether an uplink is configured.
    pub configured: bool,
    /// What it is doing, in a word.
    pub state: String,
    /// Records waiting: critical, high, routine, bulk.
    pub waiting: [u64; 4],
    /// Age of the oldest of them, seconds.
    pub oldest_unsent_s: u64,
    /// Age of the oldest finding of severity high or critical among them, seconds.
    pub oldest_urgent_s: u64,
    /// Bytes used today.
    pub bytes_today: u64,
    /// Bytes allowed a day.
    pub bytes_allowed: u64,
    /// Bytes since the start.
    pub bytes_total: u64,
    /// Bundles receipted since the start.
    pub bundles: u64,
    /// Failed attempts since the start.
    pub retries: u64,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
}

/// The store's health.
#[derive(Debug, Clone, Default, Serialize)]
pub struct StoreView {
    /// Whether writing works.
    pub healthy: bool,
    /// What happened at opening and since, in words; empty when all is well.
    pub notes: Vec<String>,
    /// Bytes on disk.
    pub bytes: u64,
    /// Part of its disk that is in use, 0 to 1; absent when the disk does not tell.
    pub disk_used: Option<f64>,
    /// Part of the upload queue's room that is in use; at 1 the least urgent records are let go.
    pub queue_used: Option<f64>,
}

/// The policy in force, and what became of changes.
#[derive(Debug, Clone, Default, Serialize)]
pub struct PolicyView {
    /// The file.
    pub file: String,
    /// SHA-256 of the text in force, hex.
    pub hash: String,
    /// Who put it in force by a command.
    pub author: Option<String>,
    /// Since when.
    pub since: CaptureTime,
    /// What is wrong with the file as it is now; the policy in force is the one before. Empty when all is well.
    pub refused: Vec<String>,
    /// Changes that took effect.
    pub changes: u64,
    /// Changes that were refused.
    pub refusals: u64,
    /// What would be told if the zones that are watched were enforced: kinds and times, since the policy is in force.
    pub would_alert: (u64, u64),
    /// The latest daily summary of that.
    pub summary: String,
}

/// One file that people brought aboard.
#[derive(Debug, Clone, Serialize)]
pub struct ImportView {
    /// The file.
    pub file: String,
    /// What it is for.
    pub kind: FileKind,
    /// Things taken up.
    pub loaded: u64,
    /// Things left out.
    pub skipped: u64,
    /// The first of them, with its line.
    pub first_skipped: Option<String>,
    /// Why nothing could be read, or only its beginning.
    pub error: Option<String>,
}

impl ImportView {
    /// What a report says in short.
    #[must_use]
    pub fn of(report: &FileReport) -> Self {
        Self {
            file: report.file.clone(),
            kind: report.kind,
            loaded: report.loaded,
            skipped: report.skipped_count,
            first_skipped: report.skipped.first().map(ToString::to_string),
            error: report.error.clone(),
        }
    }
}

/// What people brought aboard.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ImportsView {
    /// What became of each file when it was read last.
    pub files: Vec<ImportView>,
    /// Whether what was read before stays in force, because a file gives nothing any more.
    pub is_old: bool,
    /// Times all were read again and taken over.
    pub reloads: u64,
    /// Times they were read again and not taken over.
    pub refusals: u64,
}

/// Somebody has said that a device is not affected by a vulnerability.
#[derive(Debug, Clone)]
pub struct Mark {
    /// Which.
    pub cve: String,
    /// Why, who says so and until when.
    pub words: String,
}

/// What was learned, and whether it is kept.
#[derive(Debug, Clone, Default, Serialize)]
pub struct BaselineView {
    /// Whether this run began with what an earlier one learned.
    pub restored: bool,
    /// Baselines, or parts of one, that could not be read and are learned anew.
    pub unread: u64,
    /// When it was last written.
    pub written: Option<CaptureTime>,
}

/// One picture of the daemon.
#[derive(Debug, Clone, Serialize)]
pub struct Picture {
    /// When the daemon started.
    pub started: CaptureTime,
    /// When the picture was taken.
    pub now: CaptureTime,
    /// Ship's name by the policy.
    pub vessel: String,
    /// What the ship is doing.
    pub ship_state: ShipState,
    /// Policy file, when there is one.
    pub policy: Option<String>,
    /// The policy in force.
    pub policy_view: PolicyView,
    /// Capture sources.
    pub sources: Vec<SourceView>,
    /// Zones.
    pub zones: Vec<ZoneView>,
    /// Devices.
    #[serde(skip)]
    pub assets: Arc<Vec<Asset>>,
    /// Connections.
    #[serde(skip)]
    pub connections: Arc<Vec<Connection>>,
    /// Findings the store holds, by id.
    #[serde(skip)]
    pub findings: Arc<BTreeMap<String, Finding>>,
    /// Messages by protocol.
    pub protocols: BTreeMap<&'static str, u64>,
    /// Parse errors by protocol and kind.
    pub parse_errors: Vec<(&'static str, &'static str, u64)>,
    /// The flow engine's counters.
    pub engine: Vec<(&'static str, u64)>,
    /// Whether the times told are to be believed: no step of this machine's clock a short while ago, no receivers that agree against it (DW-9003).
    pub is_clock_trusted: bool,
    /// Upload queue and link.
    pub uplink: UplinkView,
    /// Store.
    pub store: StoreView,
    /// What was learned.
    pub baseline: BaselineView,
    /// What people brought aboard.
    pub imports: ImportsView,
    /// The tables made of it.
    #[serde(skip)]
    pub intel: Option<Arc<Intel>>,
    /// What the policy marks as not affected, by device.
    #[serde(skip)]
    pub marks: Arc<BTreeMap<String, Vec<Mark>>>,
}

impl Picture {
    /// The picture before anything was seen.
    #[must_use]
    pub fn empty(started: CaptureTime) -> Self {
        Self {
            started,
            now: started,
            vessel: String::new(),
            ship_state: ShipState::Unknown,
            policy: None,
            policy_view: PolicyView::default(),
            sources: Vec::new(),
            zones: Vec::new(),
            assets: Arc::default(),
            connections: Arc::default(),
            findings: Arc::default(),
            protocols: BTreeMap::new(),
            parse_errors: Vec::new(),
            engine: Vec::new(),
            is_clock_trusted: true,
            uplink: UplinkView::default(),
            store: StoreView { healthy: true, ..StoreView::default() },
            baseline: BaselineView::default(),
            imports: ImportsView::default(),
            intel: None,
            marks: Arc::default(),
        }
    }
}

/// Holds the latest picture and tells when it changes.
#[derive(Debug)]
pub struct Board {
    picture: RwLock<Arc<Picture>>,
    changed: watch::Sender<u64>,
}

impl Board {
    /// A board with an empty picture.
    #[must_use]
    pub fn new(started: CaptureTime) -> Self {
        Self { picture: RwLock::new(Arc::new(Picture::empty(started))), changed: watch::Sender::new(0) }
    }

    /// The latest picture.
    #[must_use]
    pub fn picture(&self) -> Arc<Picture> {
        // a reader that panicked cannot have left a half-written picture: it is replaced as a whole
        Arc::clone(&self.picture.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the picture and tells everybody.
    pub fn update(&self, change: impl FnOnce(&mut Picture)) {
        {
            let mut slot = self.picture.write().unwrap_or_else(PoisonError::into_inner);
            let mut next = Picture::clone(&slot);
            change(&mut next);
            *slot = Arc::new(next);
        }
        self.changed.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Tells of every change.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}
