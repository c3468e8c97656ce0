//! The packet thread: takes frames from all interfaces through the pipeline, to completion, and once a second hands over what is new.

use std::collections::BTreeSet;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use dogwatch_flow::{Frame, LinkType};
use dogwatch_model::{AssetChange, CaptureTime, SourceId};
use dogwatch_rules::PolicySeen;

use super::board::{Board, ImportView, SourceView};
use super::control::Control;
use super::intel_watch::Imported;
use super::itself::Itself;
use super::keeper::{Outbox, Parcel};
use super::policy_watch::Reading;
use super::still::{marks, zone_views};
use crate::capture::live::{LiveCapture, LiveCounters, Visit, wait};
use crate::capture::paced::PacedFile;
use crate::capture::serial::SerialLine;
use crate::clock;
use crate::pipeline::Pipeline;

/// Frames taken from one interface before the next one has its turn.
const TURN: u32 = 4_096;
/// And bytes from one serial line: more than the fastest brings between two turns.
const LINE_TURN: usize = 1 << 16;
/// Longest wait for a frame: a stop takes effect within it.
const LONGEST_WAIT: Duration = Duration::from_millis(100);
/// How often news is handed over and the picture renewed.
const BEAT: Duration = Duration::from_secs(1);
/// How often an interface that went away is tried again.
const REOPEN_EVERY: Duration = Duration::from_secs(5);
/// How often what was learned goes to the keeper.
const BASELINE_EVERY: Duration = Duration::from_secs(300);
/// How often the (possibly large) tables of assets and connections are copied for the console.
const TABLES_EVERY: Duration = Duration::from_secs(2);

/// Where a source's frames come from.
pub(super) enum Input {
    /// An interface.
    Live(LiveCapture),
    /// A file, played.
    Paced(PacedFile),
    /// A serial line.
    Serial(SerialLine),
}

impl Input {
    /// Gives what waits to `take`; a piece of a serial line has no link type.
    fn read(&mut self, mut take: impl FnMut(CaptureTime, Option<LinkType>, u32, &[u8])) -> Visit {
        let frame = |at, link, length, bytes: &[u8]| take(at, Some(link), length, bytes);
        match self {
            Self::Live(capture) => capture.read(TURN, frame),
            Self::Paced(file) => file.read(TURN, frame),
            Self::Serial(line) => line.read(clock::now(), LINE_TURN, |at, bytes| take(at, None, 0, bytes)),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Live(capture) => capture.interface().to_owned(),
            Self::Paced(file) => file.name(),
            Self::Serial(line) => line.device().display().to_string(),
        }
    }

    const fn is_up(&self) -> bool {
        match self {
            Self::Live(capture) => capture.is_up(),
            Self::Paced(file) => !file.is_over(),
            Self::Serial(line) => line.is_up(),
        }
    }

    /// What to wait on.
    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Live(capture) => capture.as_fd(),
            Self::Serial(line) => line.as_fd(),
            Self::Paced(_) => None,
        }
    }

    fn counters(&mut self) -> LiveCounters {
        match self {
            Self::Live(capture) => capture.counters(),
            Self::Paced(_) => LiveCounters::default(),
            // what a serial line loses shows in its sentences, not here
            Self::Serial(line) => LiveCounters { failures: line.failures(), ..LiveCounters::default() },
        }
    }
}

/// One source and what is remembered of it.
pub(super) struct Port {
    input: Input,
    source: SourceId,
    name: String,
    number: u64,
    opened: CaptureTime,
    frames_at_beat: u64,
    tried: Instant,
}

impl Port {
    pub(super) fn new(name: String, input: Input) -> Self {
        let opened = clock::now();
        Self { input, source: SourceId::default(), name, number: 0, opened, frames_at_beat: 0, tried: Instant::now() }
    }

    /// Tries to open a source again that went away, if it is time.
    fn reopen(&mut self) {
        match &mut self.input {
            Input::Live(capture) if self.tried.elapsed() >= REOPEN_EVERY => {
                self.tried = Instant::now();
                if capture.reopen().is_ok() {
                    tracing::info!(interface = %capture.interface(), "interface is back");
                }
            }
            Input::Serial(line) => {
                if line.reopen() {
                    tracing::info!(device = %line.device().display(), "serial line is open");
                }
            }
            Input::Live(_) | Input::Paced(_) => {}
        }
    }
}

/// The packet thread's own things.
pub(super) struct Watchkeeper {
    pipeline: Pipeline,
    ports: Vec<Port>,
    outbox: Outbox,
    board: Arc<Board>,
    tables: Instant,
    baseline: Instant,
    /// What people aboard tell.
    control: Option<Control>,
    /// Policy files that were read.
    readings: Option<Receiver<Reading>>,
    /// What people brought aboard, read anew.
    imports: Option<Receiver<Imported>>,
    itself: Itself,
    /// The daemon stops: the beat is the last one.
    is_over: bool,
    /// The day of the latest summary of what is only watched, and the count then.
    watched: (i64, u64),
}

impl Watchkeeper {
    pub(super) fn new(mut pipeline: Pipeline, mut ports: Vec<Port>, outbox: Outbox, board: Arc<Board>) -> Self {
        for port in &mut ports {
            let info = crate::capture::SourceInfo { label: port.name.clone(), interface: Some(port.name.clone()) };
            port.source = pipeline.add_source(info);
        }
        Self {
            pipeline,
            ports,
            outbox,
            board,
            tables: Instant::now(),
            baseline: Instant::now(),
            control: None,
            readings: None,
            imports: None,
            itself: Itself::default(),
            is_over: false,
            watched: (i64::MIN, 0),
        }
    }

    /// Follows what people aboard tell, changes of the policy, and of what was brought aboard.
    pub(super) fn listening(
        mut self,
        control: Control,
        readings: Option<Receiver<Reading>>,
        imports: Option<Receiver<Imported>>,
    ) -> Self {
        (self.control, self.readings, self.imports) = (Some(control), readings, imports);
        self.take_told();
        self
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
                let is_due = self.baseline.elapsed() >= BASELINE_EVERY;
                self.beat(since, is_due);
            }
        }
        self.pipeline.finish();
        self.is_over = true;
        self.beat(BEAT, true);
    }

    /// Gives every source its turn; whether any had frames.
    fn take_frames(&mut self) -> bool {
        let mut any = false;
        for port in &mut self.ports {
            let (pipeline, source, number) = (&mut self.pipeline, port.source, &mut port.number);
            let was_up = port.input.is_up();
            let visit = port.input.read(|at, link, original_length, bytes| {
                *number += 1;
                match link {
                    Some(link) => {
                        pipeline.frame(&Frame { at, source, number: *number, link, original_length, bytes });
                    }
                    None => pipeline.serial(at, source, *number, bytes),
                }
            });
            any |= matches!(visit, Visit::Frames(_));
            if visit == Visit::Down {
                if was_up && matches!(port.input, Input::Serial(_)) {
                    // whatever is plugged in next may be another device
                    pipeline.serial_ended(source, clock::now());
                }
                port.reopen();
            }
        }
        any
    }

    fn rest(&self) {
        let live = self.ports.iter().filter_map(|port| port.input.as_fd());
        // a played file has frames due at any moment
        let has_files = self.ports.iter().any(|port| matches!(&port.input, Input::Paced(file) if !file.is_over()));
        let longest = if has_files { LONGEST_WAIT / 20 } else { LONGEST_WAIT };
        if let Err(error) = wait(live, longest) {
            tracing::warn!(%error, "cannot wait for frames");
            std::thread::sleep(LONGEST_WAIT);
        }
    }

    /// Once a second: time goes by for the rules, news goes to the keeper, the picture to the board; now and then also what was learned.
    fn beat(&mut self, since: Duration, with_baseline: bool) {
        for port in &mut self.ports {
            if let Input::Live(capture) = &mut port.input {
                capture.look_at_carrier();
            }
            let counters = port.input.counters();
            self.pipeline.source_health(
                port.source,
                counters.dropped_kernel + counters.dropped_interface,
                port.input.is_up(),
            );
        }
        let with_all = self.take_reading();
        self.take_imports();
        let is_asked = self.take_told();
        self.tell_itself();
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
            .filter(|asset| with_all || changed.contains(asset.asset_id.as_str()))
            .cloned()
            .collect();
        let baseline = (with_baseline || is_asked).then(|| {
            self.baseline = Instant::now();
            Box::new(self.pipeline.rules().baseline())
        });
        // who asks, and who looks after a stop, reads it as files
        let files = self.control.as_ref().map(Control::baseline).filter(|_| is_asked || self.is_over);
        self.outbox.send(Parcel { findings: news.findings, assets, baseline, files });
        self.sum_up();
        self.show(since);
    }

    /// Gives the rules what is known of the box itself.
    fn tell_itself(&mut self) {
        let picture = self.board.picture();
        self.pipeline.itself(&self.itself.look(clock::now(), Instant::now(), &picture));
    }

    /// A policy file was read: takes it over, or keeps the old one and says so. Whether every device was placed anew.
    fn take_reading(&mut self) -> bool {
        let Some(reading) = self.readings.as_ref().and_then(|readings| readings.try_recv().ok()) else { return false };
        let view = self.board.picture().policy_view.clone();
        let refused = reading.problems.first().map(String::as_str).filter(|_| reading.policy.is_none());
        let (at, author) = (clock::now(), reading.author.as_deref());
        let seen = PolicySeen { at, file: &view.file, hash: &reading.hash, author, refused };
        let vessel = reading.policy.as_ref().map(|policy| policy.vessel.name.clone());
        match refused {
            Some(problem) => {
                tracing::error!(file = view.file, problem, "the changed policy has errors; the old one stays in force")
            }
            None => tracing::info!(file = view.file, hash = reading.hash, author, "the changed policy is in force"),
        }
        let is_taken = reading.policy.is_some();
        self.pipeline.policy_changed(reading.policy.map(|policy| *policy), &seen);
        self.board.update(|picture| {
            let view = &mut picture.policy_view;
            view.refused.clone_from(&reading.problems);
            if is_taken {
                (view.hash, view.author, view.since) = (reading.hash.clone(), reading.author.clone(), at);
                view.refused.clear();
                view.changes += 1;
            } else {
                view.refusals += 1;
            }
            if let Some(vessel) = vessel {
                picture.vessel = vessel;
            }
        });
        if is_taken {
            self.watched.1 = 0;
        }
        is_taken
    }

    /// Files brought aboard were read again: takes them over, unless one of them was spoilt.
    fn take_imports(&mut self) {
        let Some(imported) = self.imports.as_ref().and_then(|imports| imports.try_recv().ok()) else { return };
        let is_taken = imported.intel.is_some();
        if let Some(intel) = &imported.intel {
            self.pipeline.import(intel);
        }
        self.board.update(|picture| {
            let view = &mut picture.imports;
            view.files = imported.files.iter().map(ImportView::of).collect();
            view.is_old = !is_taken;
            if let Some(intel) = imported.intel {
                picture.intel = Some(intel);
            }
            let view = &mut picture.imports;
            let count = if is_taken { &mut view.reloads } else { &mut view.refusals };
            *count += 1;
        });
    }

    /// What people aboard told; whether somebody asks for the baseline.
    fn take_told(&mut self) -> bool {
        let Some(control) = &mut self.control else { return false };
        let told = control.look();
        if let Some(state) = told.state {
            self.pipeline.set_state(state, clock::now());
        }
        told.wants_baseline
    }

    /// Once a day: what was only watched.
    fn sum_up(&mut self) {
        let (mut kinds, mut times) = (0_u64, 0_u64);
        for would in self.pipeline.rules().findings().would_alert() {
            (kinds, times) = (kinds + 1, times.saturating_add(would.count));
        }
        let day = clock::now().seconds().div_euclid(86_400);
        let is_new_day = day != self.watched.0 && self.watched.0 != i64::MIN;
        let summary = is_new_day.then(|| {
            let today = times.saturating_sub(self.watched.1);
            format!("{today} times in a day something was seen that would be a finding if its zone were enforced ({kinds} kinds)")
        });
        if day != self.watched.0 {
            self.watched = (day, times);
        }
        if let Some(summary) = &summary {
            tracing::info!("{summary}");
        }
        self.board.update(|picture| {
            picture.policy_view.would_alert = (kinds, times);
            if let Some(summary) = summary {
                picture.policy_view.summary = summary;
            }
        });
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
                Arc::new(marks(&self.pipeline, now)),
            )
        });
        let pipeline = &self.pipeline;
        self.board.update(|picture| {
            picture.now = now;
            picture.is_clock_trusted = pipeline.rules().is_clock_trusted(now);
            picture.ship_state = pipeline.rules().ship_state();
            picture.sources = sources;
            picture.zones = zones;
            if let Some((assets, connections, marks)) = tables {
                (picture.assets, picture.connections, picture.marks) = (assets, connections, marks);
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
        for (port, state) in self.ports.iter_mut().zip(states) {
            let (counters, is_up) = (port.input.counters(), port.input.is_up());
            let seen = self.pipeline.mirror(port.source);
            let dropped = counters.dropped_kernel + counters.dropped_interface;
            let verdict = match port.input {
                Input::Serial(_) => seen.line_verdict(port.opened, now, state.frames, is_up),
                _ => seen.verdict(port.opened, now, state.frames, dropped, is_up),
            };
            let new = state.frames.saturating_sub(port.frames_at_beat);
            port.frames_at_beat = state.frames;
            views.push(SourceView {
                name: port.name.clone(),
                interface: port.input.name(),
                up: is_up,
                frames: state.frames,
                bytes: state.bytes,
                dropped_kernel: counters.dropped_kernel,
                dropped_interface: counters.dropped_interface,
                failures: counters.failures,
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
