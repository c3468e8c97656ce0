//! The pipeline over files, as `dogwatch analyze` runs it, with a note of the capture time at which each finding was first told.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dogwatch::capture::SourceInfo;
use dogwatch::capture::replay::{FrameSink, Replayed, replay};
use dogwatch::pipeline::Pipeline;
use dogwatch_flow::Frame;
use dogwatch_model::{CaptureTime, Finding, SourceId};
use dogwatch_rules::policy::Policy;
use dogwatch_rules::{SelfSeen, Settings};

use crate::scenario::Scenario;

/// A pipeline whose news are taken once a second of capture time, as the daemon does.
struct Listener {
    pipeline: Pipeline,
    second: i64,
    told: BTreeMap<String, CaptureTime>,
}

impl Listener {
    fn listen(&mut self, at: CaptureTime) {
        for finding in self.pipeline.take_news().findings {
            self.told.entry(finding.finding_id).or_insert(at);
        }
    }
}

impl FrameSink for Listener {
    fn add_source(&mut self, info: SourceInfo) -> SourceId {
        self.pipeline.add_source(info)
    }

    fn frame(&mut self, frame: &Frame<'_>) {
        self.pipeline.frame(frame);
        if frame.at.seconds() != self.second {
            self.second = frame.at.seconds();
            self.listen(frame.at);
        }
    }
}

/// What came of it.
pub struct Analysed {
    /// The pipeline after the last frame.
    pub pipeline: Pipeline,
    /// Frames and damage.
    pub replayed: Replayed,
    told: BTreeMap<String, CaptureTime>,
}

impl Analysed {
    /// The findings, oldest first.
    #[must_use]
    pub fn findings(&self) -> Vec<&Finding> {
        self.pipeline.rules().findings().findings().collect()
    }

    /// When a finding was first told.
    #[must_use]
    pub fn told_at(&self, finding: &Finding) -> CaptureTime {
        self.told.get(&finding.finding_id).copied().unwrap_or_default()
    }

    /// Findings and assets as they are written into files.
    ///
    /// # Errors
    /// When one has no JSON form.
    pub fn written(&self) -> anyhow::Result<Vec<u8>> {
        let assets: Vec<_> = self.pipeline.inventory().assets().collect();
        let mut bytes = serde_json::to_vec(&assets)?;
        for finding in self.findings() {
            bytes.push(b'\n');
            serde_json::to_writer(&mut bytes, finding)?;
        }
        Ok(bytes)
    }
}

/// Analyses captures, merged by their time.
///
/// # Errors
/// When a file is no capture.
pub fn analyse(files: &[PathBuf], policy: Option<Policy>) -> anyhow::Result<Analysed> {
    run(files, Pipeline::new(policy, &Settings::default()))
}

/// Analyses what a scenario wrote, with its policy and the list of indicators aboard.
///
/// # Errors
/// When a capture or the policy is none.
pub fn analyse_scenario(scenario: &Scenario) -> anyhow::Result<Analysed> {
    analyse_after(scenario, policy(&scenario.policy)?, None)
}

/// As [`analyse_scenario`], under another policy and with what was learned before.
///
/// # Errors
/// When a capture is none, or what was learned cannot be read.
pub fn analyse_after(scenario: &Scenario, policy: Policy, learned: Option<&Analysed>) -> anyhow::Result<Analysed> {
    let mut pipeline = Pipeline::new(Some(policy), &Settings::default());
    if let Some(learned) = learned {
        let assets = learned.pipeline.inventory().assets().cloned().collect();
        pipeline.restore(assets, Vec::new());
        let unread = pipeline.recall(learned.pipeline.rules().baseline().as_learned());
        anyhow::ensure!(unread.is_empty(), "what was learned cannot be read: {unread:?}");
    }
    let mut import = dogwatch_intel::Import::default();
    import.read("known-bad.txt", dogwatch_sim::INDICATORS.as_bytes());
    import.read_signatures("signatures.rules", dogwatch_sim::SIGNATURES.as_bytes());
    import.read_advisory("advisory.json", dogwatch_sim::ADVISORY.as_bytes());
    pipeline.import(&std::sync::Arc::new(import.finish()));
    // no capture tells the address of whoever took it
    let of_us = scenario.labels.expect.iter().filter(|expect| expect.detections.iter().any(|id| id == "DW-9008"));
    let addresses: Vec<_> = of_us.filter_map(|expect| expect.dst.as_ref()?.ip()).collect();
    let at = scenario.labels.run.from;
    pipeline.itself(&SelfSeen { at, addresses: &addresses, ..SelfSeen::default() });
    run(&scenario.captures, pipeline)
}

fn run(files: &[PathBuf], pipeline: Pipeline) -> anyhow::Result<Analysed> {
    let mut listener = Listener { pipeline, second: i64::MIN, told: BTreeMap::new() };
    let replayed = replay(files, &mut listener)?;
    listener.pipeline.finish();
    let last = listener.pipeline.sources().filter_map(|(_, source)| source.last).max().unwrap_or_default();
    listener.listen(last);
    Ok(Analysed { pipeline: listener.pipeline, replayed, told: listener.told })
}

/// Reads a policy that has to be right.
///
/// # Errors
/// With every problem of the file.
pub fn policy(file: &Path) -> anyhow::Result<Policy> {
    dogwatch::policy_file::load(file)
}
