//! The thread that owns writing: findings become durable, then visible, then queued for the shore. Capture never waits for the disk: news goes
//! through a bounded channel, and what does not fit stays with the pipeline until the next second.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dogwatch_bundle::{Class as UplinkClass, Record};
use dogwatch_model::{Asset, Finding};
use dogwatch_rules::Baseline;
use dogwatch_store::{Class, DurableStore, NewFinding, NewRecord, OpenReport, Store};

use super::board::Board;
use super::queue::{KIND_ASSET, KIND_FINDING, KIND_FINDING_CHANGED};

/// News waiting for the disk; the pipeline sends about one a second.
const CHANNEL: usize = 16;
/// How often assets, index and witness are made durable.
const FLUSH_EVERY: Duration = Duration::from_secs(30);

/// The store, shared by the keeper, the uplink and the commands.
pub(super) type SharedStore = Arc<Mutex<DurableStore>>;

/// Takes the store; poisoning cannot stop anybody: the store checks itself.
pub(super) fn lock(store: &SharedStore) -> MutexGuard<'_, DurableStore> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the pipeline hands over.
#[derive(Debug, Default)]
pub(super) struct Parcel {
    /// New and changed findings.
    pub(super) findings: Vec<Finding>,
    /// Assets that appeared or changed.
    pub(super) assets: Vec<Asset>,
    /// What was learned so far, now and then.
    pub(super) baseline: Option<Box<Baseline>>,
    /// Where it shall stand as files, too.
    pub(super) files: Option<PathBuf>,
}

impl Parcel {
    /// Adds what came later.
    pub(super) fn absorb(&mut self, later: Self) {
        self.findings.extend(later.findings);
        self.assets.extend(later.assets);
        self.baseline = later.baseline.or(self.baseline.take());
        self.files = later.files.or(self.files.take());
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub(super) fn is_empty(&self) -> bool {
        self.findings.is_empty() && self.assets.is_empty() && self.baseline.is_none()
    }
}

/// The pipeline's side of the channel.
pub(super) struct Outbox {
    sender: SyncSender<Parcel>,
    waiting: Parcel,
}

impl Outbox {
    /// Hands over what there is; what does not fit is kept and goes with the next.
    pub(super) fn send(&mut self, parcel: Parcel) {
        self.waiting.absorb(parcel);
        if self.waiting.is_empty() {
            return;
        }
        match self.sender.try_send(std::mem::take(&mut self.waiting)) {
            Ok(()) => {}
            Err(TrySendError::Full(parcel) | TrySendError::Disconnected(parcel)) => self.waiting = parcel,
        }
    }
}

impl Drop for Outbox {
    /// The last parcel waits for its place: what was seen just before a stop must not be lost because the disk was slow.
    fn drop(&mut self) {
        if !self.waiting.is_empty() {
            let _ = self.sender.send(std::mem::take(&mut self.waiting));
        }
    }
}

/// Starts the keeper. It ends when the outbox is dropped, after everything in it is on disk.
///
/// # Errors
/// When the thread cannot be started.
pub(super) fn start(
    store: SharedStore,
    board: Arc<Board>,
    report: &OpenReport,
    disk_used: impl Fn() -> Option<f64> + Send + 'static,
    on_commit: impl Fn() + Send + 'static,
) -> std::io::Result<(Outbox, std::thread::JoinHandle<()>)> {
    let (sender, receiver) = std::sync::mpsc::sync_channel(CHANNEL);
    let notes = notes_of(report);
    board.update(|picture| picture.store.notes.splice(0..0, notes).for_each(drop));
    let thread = std::thread::Builder::new().name("keeper".to_owned()).spawn(move || {
        let disk_used = Box::new(disk_used);
        Keeper { store, board, on_commit, disk_used, sent_assets: BTreeMap::new(), unsaved: Vec::new() }.run(&receiver)
    })?;
    Ok((Outbox { sender, waiting: Parcel::default() }, thread))
}

/// What opening the store found, in words.
fn notes_of(report: &OpenReport) -> Vec<String> {
    let mut notes = Vec::new();
    let mut note = |count: u64, text: &str| {
        if count > 0 {
            notes.push(format!("{count} {text}"));
        }
    };
    note(report.lost_records, "queued records are gone although the disk had confirmed them; the shore is told which");
    note(report.lost_entries, "stored findings, assets or states are gone although the disk had confirmed them");
    note(report.damaged_places, "damaged places were found in the store");
    note(report.rolled_forward, "records of an interrupted write were completed");
    note(report.torn_bytes, "bytes of an interrupted write were cut off; nothing confirmed was in them");
    notes
}

struct Keeper<F> {
    store: SharedStore,
    board: Arc<Board>,
    on_commit: F,
    /// Part of the store's disk that is in use.
    disk_used: Box<dyn Fn() -> Option<f64> + Send>,
    /// Fingerprint of what the shore was last told of an asset: a later sighting alone is not worth a byte.
    sent_assets: BTreeMap<String, u128>,
    /// Findings the disk refused; tried again until it takes them. They are not shown before.
    unsaved: Vec<Finding>,
}

impl<F: Fn()> Keeper<F> {
    fn run(mut self, receiver: &Receiver<Parcel>) {
        let mut flushed = Instant::now();
        self.measure();
        loop {
            match receiver.recv_timeout(Duration::from_secs(1)) {
                Ok(mut parcel) => {
                    while let Ok(later) = receiver.try_recv() {
                        parcel.absorb(later);
                    }
                    self.keep(parcel);
                }
                Err(RecvTimeoutError::Timeout) if !self.unsaved.is_empty() => self.keep(Parcel::default()),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if flushed.elapsed() >= FLUSH_EVERY {
                flushed = Instant::now();
                self.flush();
            }
        }
        self.flush();
    }

    fn keep(&mut self, parcel: Parcel) {
        self.keep_assets(&parcel.assets);
        // A finding names its devices by id. Lost in a power cut, they would come back under other ids, and each be reported as new once more.
        let known = self.board.picture();
        if parcel.findings.iter().any(|finding| !known.findings.contains_key(&finding.finding_id)) {
            self.flush();
        }
        self.keep_findings(parcel.findings);
        if let Some(baseline) = parcel.baseline {
            self.keep_baseline(&baseline);
            if let Some(folder) = parcel.files {
                self.write_files(&folder, &baseline);
            }
        }
        (self.on_commit)();
    }

    fn keep_findings(&mut self, later: Vec<Finding>) {
        let mut findings = std::mem::take(&mut self.unsaved);
        findings.extend(later);
        if findings.is_empty() {
            return;
        }
        let known = self.board.picture();
        let encoded: Vec<(Finding, Vec<u8>, u8)> = findings
            .into_iter()
            .map(|finding| {
                let kind =
                    if known.findings.contains_key(&finding.finding_id) { KIND_FINDING_CHANGED } else { KIND_FINDING };
                // a finding is plain data: it always has a JSON form
                let bytes = Record::Finding(Box::new(finding.clone())).to_bytes().unwrap_or_default();
                (finding, bytes, kind)
            })
            .collect();
        let new: Vec<NewFinding<'_>> = encoded
            .iter()
            .map(|(finding, bytes, kind)| NewFinding {
                id: &finding.finding_id,
                class: class_of(finding.severity.into()),
                kind: *kind,
                payload: bytes,
            })
            .collect();
        let committed = lock(&self.store).commit_findings(&new);
        match committed {
            Ok(_) => {
                let committed: Vec<Finding> = encoded.into_iter().map(|(finding, ..)| finding).collect();
                self.board.update(|picture| {
                    let all = Arc::make_mut(&mut picture.findings);
                    for finding in committed {
                        all.insert(finding.finding_id.clone(), finding);
                    }
                    picture.store.healthy = true;
                });
            }
            Err(error) => {
                self.troubled("findings could not be stored and wait in memory", &error);
                self.unsaved = latest_only(encoded.into_iter().map(|(finding, ..)| finding).collect());
            }
        }
    }

    fn keep_assets(&mut self, assets: &[Asset]) {
        let mut store = lock(&self.store);
        let mut queued = Vec::new();
        for asset in assets {
            let Ok(bytes) = serde_json::to_vec(asset) else { continue };
            if let Err(error) = store.put_asset(&asset.asset_id, &bytes) {
                self.troubled("an asset could not be stored", &error);
                return;
            }
            let print = dogwatch_model::fingerprint(&news_of(asset));
            if self.sent_assets.insert(asset.asset_id.clone(), print) != Some(print) {
                queued.extend(Record::Asset(Box::new(asset.clone())).to_bytes().ok());
            }
        }
        let records: Vec<NewRecord<'_>> =
            queued.iter().map(|payload| NewRecord { class: Class::Bulk, kind: KIND_ASSET, payload }).collect();
        if !records.is_empty()
            && let Err(error) = store.append(&records)
        {
            self.troubled("inventory changes could not be queued", &error);
        }
    }

    fn keep_baseline(&self, baseline: &Baseline) {
        let result = crate::baseline::put(&mut *lock(&self.store), baseline);
        match result {
            Ok(()) => self.board.update(|picture| picture.baseline.written = baseline.last),
            Err(error) => {
                self.troubled("what was learned could not be stored; the next try is in a few minutes", &error)
            }
        }
    }

    /// Writes the baseline and the findings behind it for the commands, which may not open the store while it is in use.
    fn write_files(&self, folder: &Path, baseline: &Baseline) {
        let findings = Arc::clone(&self.board.picture().findings);
        let mut lines = Vec::new();
        for finding in findings.values() {
            if serde_json::to_writer(&mut lines, finding).is_ok() {
                lines.push(b'\n');
            }
        }
        let written = std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(folder.with_file_name("findings.jsonl"), lines))
            .map_err(anyhow::Error::from)
            .and_then(|()| crate::baseline::write_folder(folder, baseline));
        if let Err(error) = written {
            tracing::warn!(%error, folder = %folder.display(), "what was learned could not be written for the commands");
        }
    }

    fn flush(&self) {
        let result = lock(&self.store).flush();
        if let Err(error) = result {
            self.troubled("the store could not be flushed", &error);
        }
        self.measure();
    }

    /// How full things are; here and not on the packet thread, because a failing disk may take its time to answer.
    fn measure(&self) {
        let size = lock(&self.store).size();
        let disk_used = (self.disk_used)();
        self.board.update(|picture| {
            picture.store.bytes = size.queue_bytes.saturating_add(size.ledger_bytes);
            picture.store.disk_used = disk_used;
            picture.store.queue_used = Some(size.queue_used());
        });
    }

    fn troubled(&self, what: &'static str, error: &dyn std::fmt::Display) {
        tracing::error!(%error, "{what}");
        let note = format!("{what}: {error}");
        self.board.update(|picture| {
            picture.store.healthy = false;
            picture.store.notes.retain(|old| *old != note);
            picture.store.notes.push(note);
            let surplus = picture.store.notes.len().saturating_sub(8);
            picture.store.notes.drain(..surplus);
        });
    }
}

/// The latest version of each finding, in the order of first appearance: what waits for a full disk must not grow without bound.
fn latest_only(findings: Vec<Finding>) -> Vec<Finding> {
    let mut latest: Vec<Finding> = Vec::new();
    for finding in findings {
        match latest.iter_mut().find(|known| known.finding_id == finding.finding_id) {
            Some(known) => *known = finding,
            None => latest.push(finding),
        }
    }
    latest
}

/// The part of an asset that is news ashore: not its counters and last sightings.
fn news_of(asset: &Asset) -> Vec<u8> {
    let values: Vec<_> = asset
        .attributes
        .iter()
        .map(|(attribute, values)| (attribute, values.first().map(|best| &best.value)))
        .collect();
    let protocols: Vec<_> = asset.protocols.iter().map(|protocol| (&protocol.name, protocol.role)).collect();
    let news = (&asset.policy_id, &asset.zone_id, &asset.interfaces, values, protocols, asset.state);
    serde_json::to_vec(&news).unwrap_or_default()
}

/// The store's word for an uplink class.
pub(super) const fn class_of(class: UplinkClass) -> Class {
    match class {
        UplinkClass::Critical => Class::Critical,
        UplinkClass::High => Class::High,
        UplinkClass::Routine => Class::Routine,
        UplinkClass::Bulk => Class::Bulk,
    }
}
