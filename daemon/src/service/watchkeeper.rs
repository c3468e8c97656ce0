//! The packet thread: takes frames from all interfaces through the pipeline, to completion, and once a second hands over what is new.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dogwatch_flow::Frame;
use dogwatch_model::{AssetChange, CaptureTime, SourceId};

use super::board::{Board, SourceView};
use super::keeper::{Outbox, Parcel};
use super::still::zone_views;
use crate::capture::live::{LiveCapture, Visit, wait};
use crate::clock;
use crate::pipeline::Pipeline;

/// Frames taken from one interface before the next one has its turn.
const TURN: u32 = 4_096;
/// Longest wait for a frame: a stop takes effect within it.
const LONGEST_WAIT: Duration = Duration::from_millis(100);
/// How often news is handed over and the picture renewed.
const BEAT: Duration = Duration::from_secs(1);
/// How often an interface that went away is tried again.
const REOPEN_EVERY: Duration = Duration::from_secs(5);
/// How often the (possibly large) tables of assets and connections are copied for the console.
const TABLES_EVERY: Duration = Duration::from_secs(2);

/// One interface and what is remembered of it.
struct Port {
    source: SourceId,
    interface: String,
    name: String,
    number: u64,
    opened: CaptureTime,
    frames_at_beat: u64,
    tried: Instant,
}

/// The packet thread's own things.
pub(super) struct Watchkeeper {
    pub(super) pipeline: Pipeline,
    pub(super) captures: Vec<LiveCapture>,
    ports: Vec<Port>,
    outbox: Outbox,
    board: Arc<Board>,
    tables: Instant,
}

impl Watchkeeper {
    pub(super) fn new(
        mut pipeline: Pipeline,
        captures: Vec<(String, LiveCapture)>,
        outbox: Outbox,
        board: Arc<Board>,
    ) -> Self {
        let mut ports = Vec::new();
        let mut open = Vec::new();
        for (name, capture) in captures {
            let info = crate::capture::SourceInfo { label: name.clone(), interface: Some(name.clone()) };
            let source = pipeline.add_source(info);
            let interface = capture.interface().to_owned();
            ports.push(Port {
                source,
                interface,
                name,
                number: 0,
                opened: clock::now(),
                frames_at_beat: 0,
                tried: Instant::now(),
            });
            open.push(capture);
        }
        Self { pipeline, captures: open, ports, outbox, board, tables: Instant::now() }
    }

    /// Runs until `stop` is set; what is new then is handed over before it returns.
    pub(super) fn run(mut self, stop: &AtomicBool) {
        let mut beat = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            if !self.take_frames() {
                self.rest();
            }
            if beat.elapsed() >= BEAT {
                let since = beat.elapsed();
                beat = Instant::now();
                self.beat(since);
            }
        }
        self.pipeline.finish();
        self.beat(BEAT);
    }

    /// Gives every interface its turn; whether any had frames.
    fn take_frames(&mut self) -> bool {
        let mut any = false;
        for (capture, port) in self.captures.iter_mut().zip(&mut self.ports) {
            let pipeline = &mut self.pipeline;
            let visit = capture.read(TURN, |at, link, original_length, bytes| {
                port.number += 1;
                pipeline.frame(&Frame { at, source: port.source, number: port.number, link, original_length, bytes });
            });
            any |= matches!(visit, Visit::Frames(_));
            if visit == Visit::Down && port.tried.elapsed() >= REOPEN_EVERY {
                port.tried = Instant::now();
                if capture.reopen().is_ok() {
                    tracing::info!(interface = %port.interface, "interface is back");
                }
            }
        }
        any
    }

    fn rest(&self) {
        if let Err(error) = wait(&self.captures, LONGEST_WAIT) {
            tracing::warn!(%error, "cannot wait for frames");
            std::thread::sleep(LONGEST_WAIT);
        }
    }

    /// Once a second: time goes by for the rules, news goes to the keeper, the picture to the board.
    fn beat(&mut self, since: Duration) {
        for (capture, port) in self.captures.iter_mut().zip(&self.ports) {
            let counters = capture.counters();
            self.pipeline.source_health(
                port.source,
                counters.dropped_kernel + counters.dropped_interface,
                capture.is_up(),
            );
        }
        self.pipeline.tick(clock::now());
        let news = self.pipeline.take_news();
        let changed: BTreeSet<&str> = news
            .changes
            .iter()
            .map(|change| match change {
                AssetChange::Appeared { asset_id, .. }
                | AssetChange::Attribute { asset_id, .. }
                | AssetChange::Merged { asset_id, .. } => asset_id.as_str(),
            })
            .collect();
        let assets = self
            .pipeline
            .inventory()
            .assets()
            .filter(|asset| changed.contains(asset.asset_id.as_str()))
            .cloned()
            .collect();
        self.outbox.send(Parcel { findings: news.findings, assets });
        self.show(since);
    }

    fn show(&mut self, since: Duration) {
        let now = clock::now();
        let sources = self.source_views(now, since);
        let zones = zone_views(&self.pipeline);
        let tables = (self.tables.elapsed() >= TABLES_EVERY).then(|| {
            self.tables = Instant::now();
            (
                Arc::new(self.pipeline.inventory().assets().cloned().collect::<Vec<_>>()),
                Arc::new(self.pipeline.connections()),
            )
        });
        let pipeline = &self.pipeline;
        self.board.update(|picture| {
            picture.now = now;
            picture.ship_state = pipeline.rules().ship_state();
            picture.sources = sources;
            picture.zones = zones;
            if let Some((assets, connections)) = tables {
                (picture.assets, picture.connections) = (assets, connections);
            }
            picture.protocols = pipeline.messages().sorted();
            picture.parse_errors =
                pipeline.parse_errors().iter().map(|error| (error.protocol, error.kind, error.count)).collect();
            picture.engine = pipeline.counters().iter().collect();
        });
    }

    fn source_views(&mut self, now: CaptureTime, since: Duration) -> Vec<SourceView> {
        let states: Vec<_> = self.pipeline.sources().map(|(_, state)| state.clone()).collect();
        let mut views = Vec::new();
        for ((capture, port), state) in self.captures.iter_mut().zip(&mut self.ports).zip(states) {
            let counters = capture.counters();
            let seen = self.pipeline.mirror(port.source);
            let dropped = counters.dropped_kernel + counters.dropped_interface;
            let verdict = seen.verdict(port.opened, now, state.frames, dropped, capture.is_up());
            let new = state.frames.saturating_sub(port.frames_at_beat);
            port.frames_at_beat = state.frames;
            views.push(SourceView {
                name: port.name.clone(),
                interface: port.interface.clone(),
                up: capture.is_up(),
                frames: state.frames,
                bytes: state.bytes,
                dropped_kernel: counters.dropped_kernel,
                dropped_interface: counters.dropped_interface,
                frames_per_second: new as f64 / since.as_secs_f64().max(0.001),
                last_frame: state.last,
                vlans: seen.vlans.iter().copied().collect(),
                verdict,
                meaning: verdict.meaning(),
                remedy: verdict.remedy(),
            });
        }
        views
    }
}
