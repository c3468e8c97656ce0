//! One run: a capture is written, read, and judged by its labels.

use std::collections::BTreeMap;

use dogwatch_model::Severity;
use dogwatch_sim::{Format, Link};
use dogwatch_tests::analysis::{analyse, policy};
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
    let analysed = analyse(&scenario.captures, Some(policy(&scenario.policy)?))?;
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
    let messages: BTreeMap<_, _> = analysed.pipeline.messages().sorted();
    Ok(Outcome {
        job: job.clone(),
        asked: asked.collect(),
        too_early: all.iter().filter(|finding| finding.first_seen < from).count(),
        findings: all.iter().map(|it| (it.rule_id.clone(), it.severity, it.summary.clone())).collect(),
        messages: messages.values().sum(),
        errors: analysed.pipeline.parse_errors().iter().map(|error| error.count).sum(),
        frames: scenario.frames,
    })
}
