//! The way of one frame: decode, recognise, dissect, inventory, rules, to completion on one thread.
//!
//! The same pipeline serves the daemon, `analyze` and every test: only where frames come from and where findings go differs. There is no clock in
//! here; a capture replayed twice gives the same findings byte for byte.

mod connections;
mod counts;
mod directory;
mod scan;
mod watch;

use dogwatch_dissectors::PROTOCOLS;
use dogwatch_flow::{Counters, Engine, Frame, Limits};
use dogwatch_inventory::Inventory;
use dogwatch_model::{Asset, AssetChange, CaptureTime, Connection, Finding, ShipState, SourceId};
use dogwatch_rules::policy::Policy;
use dogwatch_rules::{Baseline, HealthSeen, PolicySeen, Rules, SelfSeen, Settings as RuleSettings};

use crate::capture::SourceInfo;
use crate::mirror::MirrorSeen;

pub use connections::Connections;
pub use counts::{ErrorCount, MessageCounts};
pub use scan::ScanCounters;
use watch::Watch;

/// Frames in, findings and assets out.
pub struct Pipeline {
    engine: Engine,
    watch: Watch,
    sources: Vec<SourceState>,
    /// The second of capture time that was last ticked: from, and up to but without.
    second: (CaptureTime, CaptureTime),
}

/// What is counted of one capture source.
#[derive(Debug, Clone, Default)]
pub struct SourceState {
    /// Frames taken from it.
    pub frames: u64,
    /// Bytes these had on the wire.
    pub bytes: u64,
    /// Frames lost before they reached us.
    pub dropped: u64,
    /// Time of its first frame.
    pub first: Option<CaptureTime>,
    /// Time of its latest frame.
    pub last: Option<CaptureTime>,
    /// Whether it is open.
    pub up: bool,
}

/// What is new since the last look.
#[derive(Debug, Default)]
pub struct News {
    /// New and changed findings.
    pub findings: Vec<Finding>,
    /// What changed in the inventory.
    pub changes: Vec<AssetChange>,
}

impl Pipeline {
    /// A pipeline with every protocol and detection of this build.
    #[must_use]
    pub fn new(policy: Option<Policy>, rules: &RuleSettings) -> Self {
        Self {
            engine: Engine::new(Limits::default(), PROTOCOLS),
            watch: Watch::new(Inventory::default(), Rules::new(policy, rules)),
            sources: Vec::new(),
            second: (CaptureTime(i64::MAX), CaptureTime(i64::MIN)),
        }
    }

    /// Puts what an earlier run knew back.
    pub fn restore(&mut self, assets: Vec<Asset>, findings: Vec<Finding>) {
        self.watch.inventory.restore(assets);
        self.watch.rules.restore(findings);
    }

    /// Takes up what the rules of an earlier run learned; gives the detections that could not read theirs.
    pub fn recall(&mut self, baseline: Baseline) -> Vec<String> {
        self.watch.rules.recall(baseline)
    }

    /// Gives the rules what people brought aboard from outside.
    pub fn import(&mut self, intel: &std::sync::Arc<dogwatch_intel::Intel>) {
        self.watch.rules.import(intel);
        self.watch.scan = scan::Scan::new(intel);
    }

    /// What the imported signatures did not look at.
    #[must_use]
    pub fn scan_counters(&self) -> ScanCounters {
        self.watch.scan.as_ref().map(|scan| scan.counters()).unwrap_or_default()
    }

    /// Another policy was read; with `policy` it takes over, without one the old one stays.
    pub fn policy_changed(&mut self, policy: Option<Policy>, seen: &PolicySeen<'_>) {
        self.watch.policy_changed(policy, seen);
    }

    /// How the monitor itself is, as far as the caller knows.
    pub fn itself(&mut self, seen: &SelfSeen<'_>) {
        self.watch.rules.itself(seen, &directory::Rows(&self.watch.inventory));
    }

    /// Sets the ship state by hand, until a time or until it is set to `None`.
    pub fn set_state(&mut self, manual: Option<(ShipState, Option<CaptureTime>)>, at: CaptureTime) {
        self.watch.rules.set_state(manual, at);
    }

    /// Adds a capture source.
    pub fn add_source(&mut self, info: SourceInfo) -> SourceId {
        let id = SourceId(u16::try_from(self.sources.len()).unwrap_or(u16::MAX));
        self.watch.add_source(info);
        self.sources.push(SourceState { up: true, ..SourceState::default() });
        id
    }

    /// Takes one frame through to its findings.
    pub fn frame(&mut self, frame: &Frame<'_>) {
        if let Some(source) = self.sources.get_mut(usize::from(frame.source.0)) {
            source.frames += 1;
            source.bytes += u64::from(frame.original_length);
            source.first.get_or_insert(frame.at);
            source.last = Some(frame.at);
        }
        self.engine.frame(frame, &mut self.watch);
        if frame.at < self.second.0 || frame.at >= self.second.1 {
            self.tick(frame.at);
        }
    }

    /// Takes bytes of a serial line through to their findings: a line, or what there is of one.
    pub fn serial(&mut self, at: CaptureTime, source: SourceId, number: u64, bytes: &[u8]) {
        if let Some(state) = self.sources.get_mut(usize::from(source.0)) {
            state.frames += 1;
            state.bytes += bytes.len() as u64;
            state.first.get_or_insert(at);
            state.last = Some(at);
        }
        self.engine.serial(at, source, number, bytes, &mut self.watch);
        if at < self.second.0 || at >= self.second.1 {
            self.tick(at);
        }
    }

    /// A serial line was unplugged: whatever speaks on it next begins anew.
    pub fn serial_ended(&mut self, source: SourceId, at: CaptureTime) {
        self.engine.serial_ended(at, source, &mut self.watch);
    }

    /// Time goes by, with or without frames.
    pub fn tick(&mut self, at: CaptureTime) {
        let start = CaptureTime::from_parts(at.seconds(), 0);
        self.second = (start, start.plus(std::time::Duration::from_secs(1)));
        self.watch.place_changed();
        for (index, source) in self.sources.iter().enumerate() {
            let label = self.watch.sources().get(index).map(|info| info.label.clone());
            // a source that has not opened its mouth yet is the doctor's matter
            let Some(label) = label.filter(|_| source.first.is_some()) else { continue };
            let segments = self.engine.segments(SourceId(u16::try_from(index).unwrap_or(u16::MAX)));
            let seen = HealthSeen {
                at,
                source: &label,
                frames: source.frames,
                dropped: source.dropped,
                up: source.up,
                unseen_segments: segments.unseen,
                seen_segments: segments.seen,
            };
            let directory = directory::Rows(&self.watch.inventory);
            self.watch.rules.health(&seen, &directory);
        }
        let directory = directory::Rows(&self.watch.inventory);
        self.watch.rules.tick(at, &directory);
    }

    /// Says what the kernel says of a source.
    pub fn source_health(&mut self, source: SourceId, dropped: u64, up: bool) {
        if let Some(state) = self.sources.get_mut(usize::from(source.0)) {
            (state.dropped, state.up) = (dropped, up);
        }
    }

    /// Ends every flow: the capture is over.
    pub fn finish(&mut self) {
        self.engine.finish(&mut self.watch);
        let last = self.sources.iter().filter_map(|source| source.last).max().unwrap_or_default();
        self.watch.place_changed();
        let directory = directory::Rows(&self.watch.inventory);
        // whatever waits for its second frame has had its time
        self.watch.rules.tick(last.plus(std::time::Duration::from_secs(10)), &directory);
    }

    /// What is new since the last call.
    pub fn take_news(&mut self) -> News {
        self.watch.place_changed();
        News { findings: self.watch.rules.take_changed(), changes: std::mem::take(&mut self.watch.changes) }
    }

    /// The sources with their names.
    pub fn sources(&self) -> impl Iterator<Item = (&SourceInfo, &SourceState)> {
        self.watch.sources().iter().zip(&self.sources)
    }

    /// What a source has shown of the ship's traffic.
    #[must_use]
    pub fn mirror(&self, source: SourceId) -> MirrorSeen {
        self.watch.mirror(source).cloned().unwrap_or_default()
    }

    /// The inventory.
    #[must_use]
    pub const fn inventory(&self) -> &Inventory {
        &self.watch.inventory
    }

    /// Policy and findings.
    #[must_use]
    pub const fn rules(&self) -> &Rules {
        &self.watch.rules
    }

    /// The engine's running totals.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        self.engine.counters()
    }

    /// Messages by protocol.
    #[must_use]
    pub const fn messages(&self) -> &MessageCounts {
        &self.watch.messages
    }

    /// Parse errors by protocol and kind.
    #[must_use]
    pub fn parse_errors(&self) -> &[ErrorCount] {
        &self.watch.errors
    }

    /// Who talked to whom, added up, with names and zones.
    #[must_use]
    pub fn connections(&self) -> Vec<Connection> {
        self.watch.connections.records(&self.watch.inventory, self.watch.rules.policy(), self.watch.sources())
    }

    /// Inventory changes let go because nobody took them: the history has a hole, the inventory has not.
    #[must_use]
    pub const fn changes_dropped(&self) -> u64 {
        self.watch.changes_dropped.saturating_add(self.watch.inventory.counters().changes_dropped)
    }

    /// How many connections.
    #[must_use]
    pub fn connection_count(&self) -> usize {
        self.watch.connections.len()
    }
}
