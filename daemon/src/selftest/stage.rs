//! Plays a run of the simulator through the pipeline and judges it by its labels.

use std::collections::BTreeMap;
use std::sync::Arc;

use dogwatch_flow::{Frame, LinkType};
use dogwatch_model::{CaptureTime, Finding};
use dogwatch_rules::policy::{Level, Policy, check};
use dogwatch_rules::{Baseline, SelfSeen, Settings};
use dogwatch_sim::{Faults, Labels, RunOptions, Sentences};

use super::Shown;
use super::pairs::{Deed, Run};
use crate::capture::SourceInfo;
use crate::pipeline::Pipeline;

/// The draw of the captures; any would do.
const SEED: u64 = 5;
/// 2027-01-10T08:00:00Z.
const START: i64 = 1_799_568_000;
/// Seconds of normal life before an attack: more than the two minutes a new monitor only looks.
pub(super) const LEAD_S: u32 = 180;
/// Seconds of normal life that a run without a policy learns from.
const LEARNED_S: u32 = 300;

/// A finding as it was first told.
#[derive(Debug, Clone)]
pub(super) struct Told {
    finding: Finding,
    at: CaptureTime,
    frames: u64,
}

/// What came of a run.
#[derive(Debug)]
pub(super) struct Played {
    labels: Labels,
    frames: u64,
    told: Vec<Told>,
}

/// The monitor of a run, with a look at its news once a second of capture time, as the daemon looks.
struct Monitor {
    pipeline: Pipeline,
    /// Network and backbone: what the pipeline calls them and their frames.
    sources: [Option<(dogwatch_model::SourceId, u64)>; 2],
    second: i64,
    frames: u64,
    told: BTreeMap<String, Told>,
}

impl Monitor {
    fn new(policy: Option<Policy>) -> Self {
        let mut pipeline = Pipeline::new(policy, &Settings::default());
        let mut import = dogwatch_intel::Import::default();
        import.read("known-bad.txt", dogwatch_sim::INDICATORS.as_bytes());
        import.read_signatures("signatures.rules", dogwatch_sim::SIGNATURES.as_bytes());
        import.read_advisory("advisory.json", dogwatch_sim::ADVISORY.as_bytes());
        pipeline.import(&Arc::new(import.finish()));
        Self { pipeline, sources: [None; 2], second: i64::MIN, frames: 0, told: BTreeMap::new() }
    }

    /// The address of the monitor, where the capture is about it: no capture tells that of itself.
    fn stands_at(&mut self, labels: &Labels) {
        let of_us = labels.expect.iter().filter(|expect| expect.detections.iter().any(|id| id == "DW-9008"));
        let addresses: Vec<std::net::IpAddr> =
            of_us.filter_map(|expect| expect.dst.as_ref()?.ip.as_ref()?.parse().ok()).collect();
        self.pipeline.itself(&SelfSeen { at: labels.run.from, addresses: &addresses, ..SelfSeen::default() });
    }

    fn frame(&mut self, sighting: &dogwatch_sim::Sighting<'_>) {
        let (slot, label, link) =
            if sighting.bus { (1, "backbone", LinkType::CAN_SOCKETCAN) } else { (0, "network", LinkType::ETHERNET) };
        let pipeline = &mut self.pipeline;
        let Some(slot) = self.sources.get_mut(slot) else { return };
        let (source, number) = slot
            .get_or_insert_with(|| (pipeline.add_source(SourceInfo { label: label.to_owned(), interface: None }), 0));
        *number += 1;
        self.frames += 1;
        let original_length = u32::try_from(sighting.bytes.len()).unwrap_or(u32::MAX);
        let (at, bytes) = (sighting.at, sighting.bytes);
        pipeline.frame(&Frame { at, source: *source, number: *number, link, original_length, bytes });
        if at.seconds() != self.second {
            self.second = at.seconds();
            self.listen(at);
        }
    }

    fn listen(&mut self, at: CaptureTime) {
        for finding in self.pipeline.take_news().findings {
            let id = finding.finding_id.clone();
            match self.told.get_mut(&id) {
                // a finding may become worse while it goes on
                Some(told) => told.finding = finding,
                None => _ = self.told.insert(id, Told { finding, at, frames: self.frames }),
            }
        }
    }

    fn finish(mut self, at: CaptureTime) -> (Vec<Told>, u64) {
        self.pipeline.finish();
        self.listen(at);
        (self.told.into_values().collect(), self.frames)
    }
}

fn options(run: &Run, script: &str, start_s: i64, duration_s: u32) -> RunOptions {
    RunOptions {
        ship: run.ship.to_owned(),
        script: script.to_owned(),
        seed: SEED,
        start: CaptureTime::from_parts(start_s, 0),
        duration_s,
        attack_after_s: LEAD_S,
        parameters: run.parameters.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
        sentences: Sentences::default(),
        pictures: false,
        vlan: run.trunk,
        faults: Faults::default(),
    }
}

fn policy_of(text: &str) -> Result<Policy, String> {
    let checked = check(text, "the ship's policy", CaptureTime::from_parts(START, 0));
    let error = checked.diagnostics.iter().find(|diagnostic| diagnostic.severity == Level::Error);
    checked.policy.ok_or_else(|| error.map_or_else(|| "no policy".to_owned(), ToString::to_string))
}

/// What an earlier run without a policy learned from normal life.
fn learned(run: &Run) -> Result<(Baseline, Vec<dogwatch_model::Asset>), String> {
    let before = START - i64::from(LEARNED_S);
    let normal = Run { parameters: &[], ..*run };
    let played = dogwatch_sim::Played::new(&options(&normal, run.normal(), before, LEARNED_S));
    let mut monitor = Monitor::new(None);
    played.map_err(|error| error.to_string())?.play(&mut |sighting| monitor.frame(sighting));
    monitor.pipeline.finish();
    Ok((monitor.pipeline.rules().baseline(), monitor.pipeline.inventory().assets().cloned().collect()))
}

/// Plays a run to its end.
pub(super) fn play(run: &Run, seconds: u32) -> Result<Played, String> {
    let played = dogwatch_sim::Played::new(&options(run, run.script, run.start_s.unwrap_or(START), seconds));
    let played = played.map_err(|error| error.to_string())?;
    let labels = played.labels().clone();
    let mut monitor = Monitor::new(if run.learned { None } else { Some(policy_of(played.policy())?) });
    if run.learned {
        let (baseline, assets) = learned(run)?;
        monitor.pipeline.restore(assets, Vec::new());
        let unread = monitor.pipeline.recall(baseline.as_learned());
        if !unread.is_empty() {
            return Err(format!("what was learned could not be read: {}", unread.join(", ")));
        }
    }
    monitor.stands_at(&labels);
    played.play(&mut |sighting| monitor.frame(sighting));
    let (told, frames) = monitor.finish(labels.run.to);
    Ok(Played { labels, frames, told })
}

/// A half that could not be played.
pub(super) fn failed(run: &Run, why: &str) -> Shown {
    Shown { capture: run.to_string(), ok: false, told: None, words: why.to_owned() }
}

/// Judges a run for one detection.
pub(super) fn judge(run: &Run, played: &Result<Played, String>, id: &str, must_tell: bool) -> Shown {
    let played = match played {
        Ok(played) => played,
        Err(why) => return failed(run, why),
    };
    if must_tell { judge_attack(run, played, id) } else { judge_normal(run, played, id) }
}

fn judge_normal(run: &Run, played: &Played, id: &str) -> Shown {
    if played.labels.kind != "normal" {
        return failed(run, "is not normal life");
    }
    match played.told.iter().find(|told| told.finding.rule_id == id) {
        Some(told) => failed(run, &format!("told: {}", told.finding.summary)),
        None => Shown {
            capture: run.to_string(),
            ok: true,
            told: None,
            words: format!("quiet over {} frames", played.frames),
        },
    }
}

/// The label that names the detection says from when to when it must be told, how soon and how severe.
fn judge_attack(run: &Run, played: &Played, id: &str) -> Shown {
    let mut labels = played.labels.expect.iter().filter(|expect| expect.detections.iter().any(|name| name == id));
    let Some(label) = labels.next() else { return failed(run, "the labels of the capture do not ask for it") };
    let mut why = "not told".to_owned();
    for told in played.told.iter().filter(|told| told.finding.rule_id == id) {
        let (finding, from) = (&told.finding, label.window.from);
        let after_s = told.at.since(from).as_secs_f64();
        if finding.first_seen < from {
            return failed(run, &format!("told before it began: {}", finding.summary));
        }
        if after_s > f64::from(label.detect_within_s) {
            why = format!("told after {after_s:.0} s, at most {} s are allowed", label.detect_within_s);
        } else if finding.severity < label.min_severity {
            why = format!("told as {}, must be {}", finding.severity.as_str(), label.min_severity.as_str());
        } else {
            let words = finding.summary.clone();
            return Shown { capture: run.to_string(), ok: true, told: Some((told.frames, after_s)), words };
        }
    }
    failed(run, &why)
}

/// What no capture can show: something is done to a monitor that has watched normal life for a while.
pub(super) fn act(deed: &Deed, id: &str, must_tell: bool) -> Shown {
    let words =
        |ok: bool, told: Option<(u64, f64)>, words: String| Shown { capture: deed.what.to_owned(), ok, told, words };
    let played = dogwatch_sim::Played::new(&options(&pairs_run(), "sea-day", START, LEAD_S));
    let played = match played {
        Ok(played) => played,
        Err(error) => return words(false, None, error.to_string()),
    };
    let policy = match policy_of(played.policy()) {
        Ok(policy) => policy,
        Err(why) => return words(false, None, why),
    };
    let mut monitor = Monitor::new(Some(policy));
    played.play(&mut |sighting| monitor.frame(sighting));
    let at = CaptureTime::from_parts(START + i64::from(LEAD_S), 0);
    let was_told = |monitor: &Monitor| monitor.told.values().any(|told| told.finding.rule_id == id);
    if was_told(&monitor) {
        return words(false, None, "told before it was done".to_owned());
    }
    (deed.act)(&mut monitor.pipeline, at);
    monitor.listen(at);
    let frames = monitor.frames;
    let told = monitor.told.values().find(|told| told.finding.rule_id == id);
    match (told, must_tell) {
        (Some(told), true) => words(true, Some((frames, 0.0)), told.finding.summary.clone()),
        (Some(told), false) => words(false, None, format!("told: {}", told.finding.summary)),
        (None, true) => words(false, None, "not told".to_owned()),
        (None, false) => words(true, None, format!("quiet over {frames} frames")),
    }
}

/// The ship on which deeds are done.
const fn pairs_run() -> Run {
    Run::on("general-cargo", "sea-day")
}
