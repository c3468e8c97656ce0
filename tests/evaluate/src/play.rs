//! One run: a capture is written, read, and judged by its labels.

use std::collections::BTreeMap;

use dogwatch_bundle::{Meta, Record, SigningKey, Tables, encode};
use dogwatch_model::{CaptureTime, Severity, TimeSource};
use dogwatch_sim::{Format, Link};
use dogwatch_tests::analysis::analyse_scenario;
use dogwatch_tests::scenario::Plan;

/// A way of writing a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Plain,
    Trunk,
    Cooked,
    PcapNg,
    Nanoseconds,
}

/// The ways in turn; their number shares no factor with that of the ships, so that all pairs come.
pub(crate) const SHAPES: [Shape; 5] = [Shape::Plain, Shape::Trunk, Shape::Cooked, Shape::PcapNg, Shape::Nanoseconds];

/// What is played.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) script: &'static str,
    pub(crate) attack: bool,
    pub(crate) ship: &'static str,
    pub(crate) seed: u64,
    pub(crate) shape: Shape,
    pub(crate) duration_s: u32,
}

/// Something the labels ask for.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) detections: Vec<String>,
    pub(crate) category: String,
    pub(crate) required: bool,
    /// Seconds of capture time until it was told; `None` when it was not found in time.
    pub(crate) after_s: Option<f64>,
}

/// What came of a run.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) job: Job,
    pub(crate) asked: Vec<Asked>,
    /// Findings of normal life: detection, severity, summary.
    pub(crate) findings: Vec<(String, Severity, String)>,
    /// Findings that nothing in the labels explains, before an attack or in normal life.
    pub(crate) too_early: usize,
    pub(crate) messages: u64,
    pub(crate) errors: u64,
    pub(crate) frames: u64,
    /// Bytes of flows whose protocol was not recognised, and of all flows.
    pub(crate) unread_bytes: u64,
    pub(crate) bytes: u64,
    /// Bytes of the signed bundles with its findings, and with its devices as the shore hears of them first.
    pub(crate) finding_bytes: usize,
    pub(crate) asset_bytes: usize,
}

/// Records in one bundle; a full queue is sent in several.
const BUNDLED: usize = 32;

/// Bytes of the signed bundles that carry `records`, tables defined on the way as for a shore that knows nothing.
fn bundled(records: Vec<Record>, at: CaptureTime) -> anyhow::Result<usize> {
    let (key, mut tables) = (SigningKey::from_seed(&[7; 32])?, Tables::new(1));
    // as they come out of the queue
    let queued = records.iter().map(|record| Ok(Record::from_bytes(&record.to_bytes()?)?));
    let records: Vec<(u64, Record)> = (1..).zip(queued.collect::<anyhow::Result<Vec<_>>>()?).collect();
    let created_ms = u64::try_from(at.0 / 1_000_000).unwrap_or_default();
    let meta = Meta { epoch: 1, created_ms, clock: TimeSource::default(), previous: [0; 8] };
    let mut sum = 0;
    for part in records.chunks(BUNDLED) {
        let bundle = encode(part, &meta, &mut tables, &key)?;
        tables.confirm(&bundle.defined);
        sum += bundle.bytes.len();
    }
    Ok(sum)
}

pub(crate) fn play(job: &Job) -> anyhow::Result<Outcome> {
    let folder = tempfile::tempdir()?;
    let mut plan = Plan::new(job.script, job.seed, 1, folder.path())?;
    plan.run.ship = job.ship.to_owned();
    plan.run.duration_s = job.duration_s;
    // the radar's picture is a third of the bytes and nothing is judged by it
    plan.run.pictures = false;
    if job.script == "dateline-midnight" {
        plan.run.start = plan.run.start.plus(std::time::Duration::from_secs(15 * 3_600 + 50 * 60));
    }
    match job.shape {
        Shape::Plain => {}
        Shape::Trunk => plan.run.vlan = true,
        Shape::Cooked => plan.files.link = Link::Sll2,
        Shape::PcapNg => plan.files.format = Format::PcapNg,
        Shape::Nanoseconds => (plan.files.nanoseconds, plan.files.big_endian) = (true, true),
    }
    let scenario = plan.play()?;
    let analysed = analyse_scenario(&scenario)?;
    let labels = &scenario.labels;
    let all = analysed.findings();
    let asked = labels.expect.iter().map(|expect| {
        let met = all.iter().filter(|finding| expect.is_met_by(finding, analysed.told_at(finding)).is_ok());
        let first = met.map(|finding| analysed.told_at(finding)).min();
        Asked {
            detections: expect.detections.clone(),
            category: expect.category.clone(),
            required: expect.required,
            after_s: first.map(|at| at.since(expect.window.from).as_secs_f64()),
        }
    });
    let from = labels.attack.map_or(labels.run.to, |attack| attack.from);
    let findings = all.iter().map(|finding| Record::Finding(Box::new((*finding).clone()))).collect();
    let assets = analysed.pipeline.inventory().assets().map(|asset| Record::Asset(Box::new(asset.clone()))).collect();
    let (mut bytes, mut unread_bytes) = (0, 0);
    for connection in analysed.pipeline.connections() {
        let moved = connection.bytes_ab + connection.bytes_ba;
        bytes += moved;
        unread_bytes += if connection.app_protocol == "unclassified" { moved } else { 0 };
    }
    let messages: BTreeMap<_, _> = analysed.pipeline.messages().sorted();
    Ok(Outcome {
        job: job.clone(),
        asked: asked.collect(),
        too_early: all.iter().filter(|finding| finding.first_seen < from).count(),
        findings: all.iter().map(|it| (it.rule_id.clone(), it.severity, it.summary.clone())).collect(),
        messages: messages.values().sum(),
        errors: analysed.pipeline.parse_errors().iter().map(|error| error.count).sum(),
        frames: scenario.frames,
        unread_bytes,
        bytes,
        finding_bytes: bundled(findings, labels.run.to)?,
        asset_bytes: bundled(assets, labels.run.to)?,
    })
}
