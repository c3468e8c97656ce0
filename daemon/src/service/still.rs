//! The picture of a pipeline that stands still: captures read to their end, shown by the same console as the running daemon.

use std::collections::BTreeMap;
use std::sync::Arc;

use dogwatch_model::{CaptureTime, SourceId};

use super::board::{Mark, Picture, SourceView, StoreView, ZoneView};
use crate::pipeline::Pipeline;

/// Everything a finished pipeline knows, as a picture taken at the time of its last frame. `policy` is the file's name.
#[must_use]
pub fn picture(pipeline: &Pipeline, policy: Option<String>) -> Picture {
    let first = pipeline.sources().filter_map(|(_, state)| state.first).min().unwrap_or_default();
    let last = pipeline.sources().filter_map(|(_, state)| state.last).max().unwrap_or_default();
    let findings = pipeline.rules().findings().findings();
    Picture {
        now: last,
        vessel: pipeline.rules().policy().map(|policy| policy.vessel.name.clone()).unwrap_or_default(),
        ship_state: pipeline.rules().ship_state(),
        policy,
        sources: source_views(pipeline, first, last),
        zones: zone_views(pipeline),
        assets: Arc::new(pipeline.inventory().assets().cloned().collect()),
        connections: Arc::new(pipeline.connections()),
        marks: Arc::new(marks(pipeline, last)),
        findings: Arc::new(findings.map(|finding| (finding.finding_id.clone(), finding.clone())).collect()),
        protocols: pipeline.messages().sorted(),
        parse_errors: pipeline.parse_errors().iter().map(|error| (error.protocol, error.kind, error.count)).collect(),
        engine: pipeline.counters().iter().collect(),
        store: StoreView {
            healthy: true,
            notes: vec!["captures are shown: nothing is stored".to_owned()],
            ..StoreView::default()
        },
        ..Picture::empty(first)
    }
}

/// What the policy says that devices are not affected by, by device.
pub(super) fn marks(pipeline: &Pipeline, at: CaptureTime) -> BTreeMap<String, Vec<Mark>> {
    let mut all: BTreeMap<String, Vec<Mark>> = BTreeMap::new();
    let Some(policy) = pipeline.rules().policy() else { return all };
    for accept in policy.accepts.iter().filter(|accept| !accept.cve.is_empty() && at <= accept.until) {
        for asset in pipeline.inventory().assets().filter(|asset| accept.asset.matches(&policy.asset_end(asset))) {
            let until = accept.until.to_string();
            let until = until.get(..10).unwrap_or(&until);
            let words = format!("{} ({}, until {until})", accept.reason, accept.owner);
            let marks = accept.cve.iter().map(|cve| Mark { cve: cve.clone(), words: words.clone() });
            all.entry(asset.asset_id.clone()).or_default().extend(marks);
        }
    }
    all
}

fn source_views(pipeline: &Pipeline, first: CaptureTime, last: CaptureTime) -> Vec<SourceView> {
    let seconds = last.since(first).as_secs_f64().max(1.0);
    let mut views = Vec::new();
    for (index, (info, state)) in (0_u16..).zip(pipeline.sources()) {
        let seen = pipeline.mirror(SourceId(index));
        let verdict = seen.verdict(first, last, state.frames, state.dropped, true);
        views.push(SourceView {
            name: info.label.clone(),
            interface: info.interface.clone().unwrap_or_default(),
            up: true,
            frames: state.frames,
            bytes: state.bytes,
            dropped_kernel: state.dropped,
            dropped_interface: 0,
            failures: 0,
            frames_per_second: state.frames as f64 / seconds,
            last_frame: state.last,
            vlans: seen.vlans.iter().copied().collect(),
            verdict,
            meaning: verdict.meaning(),
            remedy: verdict.remedy(),
        });
    }
    views
}

/// The zones of the pipeline's policy with what was seen in them.
#[must_use]
pub fn zone_views(pipeline: &Pipeline) -> Vec<ZoneView> {
    let Some(policy) = pipeline.rules().policy() else { return Vec::new() };
    let assets: Vec<_> =
        pipeline.inventory().assets().map(|asset| (asset.zone_id.as_deref(), asset.policy_id.as_deref())).collect();
    let is_heard = |id: &str| assets.iter().any(|(_, seen)| *seen == Some(id));
    (0_u16..)
        .zip(&policy.zones)
        .map(|(index, zone)| {
            let declared: Vec<&str> =
                policy.assets.iter().filter(|asset| asset.zone.0 == index).map(|asset| asset.id.as_str()).collect();
            let not_heard: Vec<String> =
                declared.iter().filter(|id| !is_heard(id)).map(|id| (*id).to_owned()).collect();
            ZoneView {
                id: zone.id.clone(),
                label: zone.label.clone(),
                function: zone.function.as_str(),
                class: zone.class.as_str(),
                criticality: zone.criticality.as_str(),
                devices: zone.devices.as_str(),
                mode: zone.mode.unwrap_or(policy.mode).as_str(),
                seen: assets.iter().filter(|(id, _)| *id == Some(zone.id.as_str())).count(),
                declared_seen: declared.len() - not_heard.len(),
                declared: declared.len(),
                not_heard,
            }
        })
        .collect()
}
