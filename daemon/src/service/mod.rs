//! The daemon: opens what the settings name, starts the keeper, the console and the uplink, and watches until it is told to stop.

pub mod board;
pub mod control;
mod file_watch;
mod intel_watch;
mod itself;
mod keeper;
mod policy_watch;
mod queue;
pub mod still;
mod watchkeeper;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use dogwatch_bundle::{Class, Health, PublicKey, Record};
use dogwatch_model::{Asset, Finding, TimeQuality, TimeSource};
use dogwatch_rules::Settings as RuleSettings;
use dogwatch_rules::policy::Policy;
use dogwatch_store::{DurableStore, NewRecord, Options, Store};
use ring::rand::SecureRandom;
use tokio::sync::watch;

use crate::capture::live::{LiveCapture, LiveSettings};
use crate::capture::paced::PacedFile;
use crate::capture::serial::{SerialLine, SerialSettings};
use crate::settings::{Settings, Source, Uplink as UplinkSettings};
use crate::uplink::{Deadlines, Https, LinkState, Uplink, UplinkHandle, UplinkStatus, load_or_make_key};
use crate::{clock, console, policy_file};
use board::{Board, PolicyView, UplinkView};
use keeper::{SharedStore, lock};
use queue::{KIND_HEALTH, StoreQueue};
use watchkeeper::{Input, Port, Watchkeeper};

/// How often the box tells the shore how it is.
const HEALTH_EVERY: Duration = Duration::from_secs(3_600);

/// Runs the daemon until it is told to stop (SIGTERM, SIGINT).
///
/// # Errors
/// When something named in the settings cannot be opened. Once everything is open, faults are told and survived.
pub fn run(settings: &Settings) -> anyhow::Result<()> {
    anyhow::ensure!(!settings.source.is_empty(), "no [[source]] is configured: there is nothing to listen to");
    let reading = settings.policy.file.as_deref().map(first_policy).transpose()?;
    let (policy, view) = reading.unzip();
    let board = Arc::new(Board::new(clock::now()));
    show_policy(&board, policy.as_ref(), view.unwrap_or_default());
    let captures = settings.source.iter().map(open_source).collect::<anyhow::Result<Vec<_>>>()?;
    let (store, report) = open_store(settings)?;
    let store: SharedStore = Arc::new(std::sync::Mutex::new(store));
    let mut imported = Vec::new();
    let mut pipeline = crate::pipeline::Pipeline::new(policy, &RuleSettings::default());
    let has_imports = settings.intel.all().next().is_some();
    if has_imports {
        let intel = crate::imports::read(&settings.intel);
        crate::imports::tell(&intel.files);
        board.update(|picture| picture.imports.files = intel.files.iter().map(board::ImportView::of).collect());
        imported.clone_from(&intel.files);
        let intel = Arc::new(intel);
        pipeline.import(&intel);
        board.update(|picture| picture.intel = Some(intel));
    }
    let (assets, findings) = kept(&store)?;
    board.update(|picture| {
        picture.findings =
            Arc::new(findings.iter().map(|finding| (finding.finding_id.clone(), finding.clone())).collect());
    });
    pipeline.restore(assets, findings);
    recall(&mut pipeline, &store, &board);

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the console")?;
    let stop = Arc::new(AtomicBool::new(false));
    let (stopping, stopped) = watch::channel(false);
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind(settings.console.listen))
        .with_context(|| format!("the console cannot listen on {}", settings.console.listen))?;
    tracing::info!(address = %settings.console.listen, "console is open");
    let console = runtime.spawn(console::serve(listener, Arc::clone(&board), stopped.clone()));
    let uplink = settings
        .uplink
        .as_ref()
        .map(|uplink| start_uplink(&runtime, uplink, &store, &board, stopped.clone()))
        .transpose()?;
    let wake = uplink.as_ref().map(|(handle, _)| handle.clone());
    let on_commit = move || {
        if let Some(handle) = &wake {
            handle.wake();
        }
    };
    runtime.spawn(report_health(Arc::clone(&store), Arc::clone(&board), stopped));
    let directory = settings.store.directory.clone();
    let disk = move || itself::disk_used(&directory);
    let (outbox, keeper) = keeper::start(Arc::clone(&store), Arc::clone(&board), &report, disk, on_commit)?;
    runtime.spawn(stop_on_signal(Arc::clone(&stop)));
    let (reload, import) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    runtime.spawn(reload_on_signal([Arc::clone(&reload), Arc::clone(&import)]));
    let imports = match has_imports {
        true => Some(intel_watch::start(settings.intel.clone(), imported, import, Arc::clone(&stop))?),
        false => None,
    };
    let readings = match &settings.policy.file {
        Some(file) => {
            let in_force = board.picture().policy_view.hash.clone();
            Some(policy_watch::start(file.clone(), in_force, reload, Arc::clone(&stop))?)
        }
        None => None,
    };
    let control = control::Control::new(&settings.store.directory);

    Watchkeeper::new(pipeline, captures, outbox, board).listening(control, readings, imports).run(&stop);

    // the outbox is gone with the watchkeeper: the keeper writes what is left and ends
    if keeper.join().is_err() {
        tracing::error!("the keeper ended in panic");
    }
    let _ = stopping.send(true);
    runtime.block_on(async {
        let patience = Duration::from_secs(2);
        if let Some((_, task)) = uplink {
            let _ = tokio::time::timeout(patience, task).await;
        }
        let _ = tokio::time::timeout(patience, console).await;
    });
    runtime.shutdown_timeout(Duration::from_millis(200));
    Ok(())
}

/// The policy the daemon starts with; it must be right.
fn first_policy(file: &Path) -> anyhow::Result<(Policy, PolicyView)> {
    let policy = policy_file::load(file)?;
    let reading = policy_watch::read(file);
    let view = PolicyView {
        file: file.display().to_string(),
        hash: reading.hash,
        author: reading.author,
        since: clock::now(),
        ..PolicyView::default()
    };
    Ok((policy, view))
}

fn show_policy(board: &Board, policy: Option<&Policy>, view: PolicyView) {
    board.update(|picture| {
        picture.policy = policy.map(|_| view.file.clone());
        picture.policy_view = view;
        picture.vessel = policy.map(|policy| policy.vessel.name.clone()).unwrap_or_default();
    });
}

fn open_source(source: &Source) -> anyhow::Result<Port> {
    let input = match (&source.interface, &source.file, &source.serial) {
        (Some(interface), ..) => Input::Live(LiveCapture::open(LiveSettings {
            interface: interface.clone(),
            filter: source.filter.clone(),
            snap_length: i32::try_from(source.snap_length.get()).unwrap_or(i32::MAX),
            buffer_bytes: i32::try_from(u64::from(source.buffer_mib.get()) << 20).unwrap_or(i32::MAX),
            promiscuous: source.promiscuous,
        })?),
        (None, Some(file), _) => Input::Paced(PacedFile::open(file.clone(), source.speed, clock::now())?),
        (None, None, Some(device)) => {
            Input::Serial(SerialLine::new(SerialSettings { device: device.clone(), baud: source.baud }))
        }
        (None, None, None) => anyhow::bail!("source `{}` names nothing to listen to", source.label()),
    };
    Ok(Port::new(source.label().to_owned(), input))
}

fn open_store(settings: &Settings) -> anyhow::Result<(DurableStore, dogwatch_store::OpenReport)> {
    let mut epoch = [0; 4];
    let random = ring::rand::SystemRandom::new();
    random.fill(&mut epoch).map_err(|_| anyhow::anyhow!("the system gives no random numbers"))?;
    let mut options = Options::new(u32::from_be_bytes(epoch));
    options.queue_bytes = settings.store.cap_mib.get() << 20;
    options.ballast_bytes = settings.store.ballast_mib << 20;
    let directory = &settings.store.directory;
    let (store, report) = DurableStore::open(directory, options)
        .with_context(|| format!("cannot open the store in {}", directory.display()))?;
    if report.has_losses() {
        tracing::error!(?report, "the store lost records that had been confirmed");
    } else {
        tracing::info!(findings = report.findings, assets = report.assets, waiting = report.waiting, "store is open");
    }
    Ok((store, report))
}

/// Assets and findings of earlier runs. What cannot be read is told and left.
fn kept(store: &SharedStore) -> anyhow::Result<(Vec<Asset>, Vec<Finding>)> {
    let store = lock(store);
    let mut unreadable = 0_u64;
    let mut assets = Vec::new();
    store.each_asset(&mut |_, bytes| match serde_json::from_slice(&bytes) {
        Ok(asset) => assets.push(asset),
        Err(_) => unreadable += 1,
    })?;
    let mut findings = Vec::new();
    store.each_finding(&mut |stored| match Record::from_bytes(&stored.payload) {
        Ok(Record::Finding(finding)) => findings.push(*finding),
        _ => unreadable += 1,
    })?;
    if unreadable > 0 {
        tracing::error!(unreadable, "stored records of another version cannot be read; they stay in the store");
    }
    Ok((assets, findings))
}

/// Gives the rules what an earlier run learned. What cannot be read is told, counted, and learned anew.
fn recall(pipeline: &mut crate::pipeline::Pipeline, store: &SharedStore, board: &Board) {
    let found = crate::baseline::of_store(&*lock(store));
    let (restored, unread, note) = match found {
        Ok(None) => return,
        Ok(Some(baseline)) => {
            let unread = pipeline.recall(baseline);
            let note = format!("what was learned for {} is of another version and is learned anew", unread.join(", "));
            (true, unread.len() as u64, (!unread.is_empty()).then_some(note))
        }
        Err(error) => {
            (false, 1, Some(format!("what was learned before cannot be read and is learned anew: {error:#}")))
        }
    };
    if let Some(note) = &note {
        tracing::error!("{note}");
    }
    board.update(|picture| {
        picture.baseline = board::BaselineView { restored, unread, written: None };
        picture.store.notes.extend(note);
    });
}

fn start_uplink(
    runtime: &tokio::runtime::Runtime,
    settings: &UplinkSettings,
    store: &SharedStore,
    board: &Arc<Board>,
    stop: watch::Receiver<bool>,
) -> anyhow::Result<(UplinkHandle, tokio::task::JoinHandle<()>)> {
    let key = load_or_make_key(&settings.key_file).context("the vessel's key")?;
    tracing::info!(key = %key.public(), "this vessel's public key, for `dogwatch-shore enrol`");
    let pin = hex_32(&settings.pin).context("uplink.pin")?;
    let shore = PublicKey(hex_32(&settings.shore_key).context("uplink.shore_key")?);
    let carrier = Https::new(settings.url.trim_start_matches("https://").trim_end_matches('/'), pin)?;
    let routine = Duration::from_secs(settings.routine_every_s.get());
    let limits = crate::uplink::Settings {
        daily_bytes: settings.daily_bytes,
        deadlines: Deadlines {
            high: routine.min(Deadlines::default().high),
            routine,
            bulk: routine,
            ..Deadlines::default()
        },
        retry_longest: Duration::from_secs(settings.retry_max_s.get()),
        retry_shortest: Duration::from_secs(settings.retry_max_s.get().min(5)),
        ..crate::uplink::Settings::default()
    };
    let clock = Arc::new(|| (clock::now().millis(), TimeSource::FreeRunning));
    let queue = Arc::new(StoreQueue::new(Arc::clone(store)));
    let (uplink, handle) = Uplink::new(limits, key, shore, queue, carrier, clock)
        .map_err(|error| anyhow::anyhow!("the upload queue cannot be read: {error}"))?;
    board.update(|picture| picture.uplink.configured = true);
    runtime.spawn(show_uplink(handle.status(), Arc::clone(board)));
    let task = runtime.spawn(uplink.run(stop));
    Ok((handle, task))
}

async fn show_uplink(mut status: watch::Receiver<UplinkStatus>, board: Arc<Board>) {
    loop {
        let view = uplink_view(&status.borrow_and_update().clone());
        board.update(|picture| picture.uplink = view);
        if status.changed().await.is_err() {
            return;
        }
        // figures change with every record; a picture a second is enough
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn uplink_view(status: &UplinkStatus) -> UplinkView {
    let state = match status.state {
        LinkState::Idle => "idle".to_owned(),
        LinkState::Sending => "sending".to_owned(),
        LinkState::Waiting { until_ms } => {
            format!("link down, next try {}", dogwatch_model::CaptureTime::from_millis(until_ms))
        }
        LinkState::Parked { until_ms } => {
            format!(
                "refused ashore, next try {}; a person must look",
                dogwatch_model::CaptureTime::from_millis(until_ms)
            )
        }
        LinkState::OutOfBudget => "today's bytes are used up".to_owned(),
        LinkState::QueueFailed => "the queue cannot be read".to_owned(),
    };
    UplinkView {
        configured: true,
        state,
        waiting: status.waiting,
        oldest_unsent_s: u64::try_from(status.oldest_unsent_ms / 1_000).unwrap_or(0),
        oldest_urgent_s: u64::try_from(status.oldest_urgent_ms / 1_000).unwrap_or(0),
        bytes_today: status.bytes_today,
        bytes_allowed: status.bytes_allowed,
        bytes_total: status.bytes_total,
        bundles: status.bundles,
        retries: status.retries,
        last_error: status.last_error.clone(),
    }
}

/// Queues a record of the box's own health now and then: "no findings" and "saw nothing" must look different ashore, too.
async fn report_health(store: SharedStore, board: Arc<Board>, mut stop: watch::Receiver<bool>) {
    // the first one once there is something to tell
    let mut wait = Duration::from_secs(20);
    loop {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = stop.changed() => return,
        }
        wait = HEALTH_EVERY;
        let record = Record::Health(Box::new(health_of(&board)));
        let Ok(bytes) = record.to_bytes() else { continue };
        let store = Arc::clone(&store);
        let queued = tokio::task::spawn_blocking(move || {
            let class = keeper::class_of(Class::Routine);
            lock(&store).append(&[NewRecord { class, kind: KIND_HEALTH, payload: &bytes }]).map(drop)
        });
        if let Ok(Err(error)) = queued.await {
            tracing::error!(%error, "the health record could not be queued");
        }
    }
}

fn health_of(board: &Board) -> Health {
    let picture = board.picture();
    let small = |count: usize| u8::try_from(count).unwrap_or(u8::MAX);
    Health {
        at: clock::now(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime_s: picture.now.since(picture.started).as_secs(),
        frames: picture.sources.iter().map(|source| source.frames).sum(),
        frames_dropped: picture.sources.iter().map(|source| source.dropped_kernel + source.dropped_interface).sum(),
        parse_errors: picture.parse_errors.iter().map(|(.., count)| count).sum(),
        assets: picture.assets.len() as u64,
        queue_records: picture.uplink.waiting.iter().sum(),
        oldest_unsent_s: picture.uplink.oldest_unsent_s,
        uplink_bytes_today: picture.uplink.bytes_today,
        uplink_bytes_allowed: picture.uplink.bytes_allowed,
        sources_up: small(picture.sources.iter().filter(|source| source.up).count()),
        sources: small(picture.sources.len()),
        time_quality: TimeQuality::default(),
        ship_state: picture.ship_state,
        position: None,
        notes: picture.store.notes.clone(),
    }
}

/// SIGHUP: the policy file and what was brought aboard are read at once.
async fn reload_on_signal(reload: [Arc<AtomicBool>; 2]) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut hangup) = signal(SignalKind::hangup()) else {
        tracing::error!("SIGHUP cannot be received; a changed policy is noticed within seconds all the same");
        return;
    };
    while hangup.recv().await.is_some() {
        for reload in &reload {
            reload.store(true, Ordering::Relaxed);
        }
    }
}

async fn stop_on_signal(stop: Arc<AtomicBool>) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        tracing::error!("signals cannot be received; stop with SIGKILL (nothing confirmed is lost)");
        return;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
    tracing::info!("stopping");
    stop.store(true, Ordering::Relaxed);
}

fn hex_32(text: &str) -> anyhow::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    anyhow::ensure!(text.len() == 64 && text.is_ascii(), "expected 64 hexadecimal digits");
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair)?, 16).context("expected hexadecimal digits")?;
    }
    Ok(bytes)
}
