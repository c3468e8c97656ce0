//! `/metrics` for Prometheus: every metric is declared here. Labels come from closed sets (protocol, kind, reason, class, capture source by its
//! configured name); never an address, an asset or a file.

use std::sync::Arc;

use dogwatch_intel::FileKind;
use dogwatch_model::Severity;
use prometheus::core::{Collector, Desc};
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{Encoder, Registry, TextEncoder};

use crate::service::board::{Board, Picture};

/// Every metric: name, type, help.
const METRICS: &[(&str, MetricType, &str)] = &[
    ("dogwatch_up_seconds", MetricType::GAUGE, "Time since the daemon started."),
    ("dogwatch_source_up", MetricType::GAUGE, "Whether the capture source is open (1) or not (0)."),
    ("dogwatch_source_failures_total", MetricType::COUNTER, "Times the capture source went away."),
    ("dogwatch_mirror_verdict", MetricType::GAUGE, "1 for the present verdict on the mirror port."),
    ("dogwatch_frames_total", MetricType::COUNTER, "Frames taken from a capture source."),
    ("dogwatch_frame_bytes_total", MetricType::COUNTER, "Bytes these frames had on the wire."),
    ("dogwatch_frames_dropped_total", MetricType::COUNTER, "Frames lost before they could be read, by reason."),
    ("dogwatch_engine_events_total", MetricType::COUNTER, "What the flow engine met and let go, by reason."),
    ("dogwatch_messages_total", MetricType::COUNTER, "Decoded messages by protocol."),
    ("dogwatch_parse_errors_total", MetricType::COUNTER, "Messages that could not be read, by protocol and kind."),
    ("dogwatch_assets", MetricType::GAUGE, "Devices in the inventory."),
    ("dogwatch_findings", MetricType::GAUGE, "Findings kept aboard, by severity."),
    ("dogwatch_store_healthy", MetricType::GAUGE, "Whether findings can be written to disk (1) or not (0)."),
    ("dogwatch_store_bytes", MetricType::GAUGE, "Bytes of queue and ledger on disk."),
    ("dogwatch_store_disk_used_ratio", MetricType::GAUGE, "Part of the store's disk that is in use, 0 to 1."),
    (
        "dogwatch_store_queue_used_ratio",
        MetricType::GAUGE,
        "Part of the upload queue's room that is in use; at 1 the least urgent records are let go.",
    ),
    ("dogwatch_clock_trusted", MetricType::GAUGE, "Whether the monitor's clock is to be believed (1) or not (0)."),
    (
        "dogwatch_baseline_unread_total",
        MetricType::COUNTER,
        "Parts of the baseline that could not be read and are learned anew.",
    ),
    ("dogwatch_imports_loaded", MetricType::GAUGE, "What was taken up from imported files, by kind of file."),
    ("dogwatch_imports_skipped", MetricType::GAUGE, "Things left out of these files, by kind of file."),
    (
        "dogwatch_imports_errors",
        MetricType::GAUGE,
        "Files that could not be read, or not to their end, by kind of file.",
    ),
    ("dogwatch_imports_reloads_total", MetricType::COUNTER, "Times the files were read again and taken over."),
    (
        "dogwatch_imports_refused_total",
        MetricType::COUNTER,
        "Times the files were read again and not taken over, because one gave nothing any more.",
    ),
    (
        "dogwatch_policy_changes_total",
        MetricType::COUNTER,
        "Changes of the policy file that took effect while running.",
    ),
    (
        "dogwatch_policy_refused_total",
        MetricType::COUNTER,
        "Changes of the policy file that had errors; the old one stayed.",
    ),
    (
        "dogwatch_would_alert",
        MetricType::GAUGE,
        "Kinds of findings that are only counted because their zone is watched.",
    ),
    ("dogwatch_uplink_queue_records", MetricType::GAUGE, "Records waiting for the link, by class."),
    ("dogwatch_uplink_oldest_unsent_seconds", MetricType::GAUGE, "Age of the oldest record waiting for the link."),
    (
        "dogwatch_uplink_oldest_urgent_seconds",
        MetricType::GAUGE,
        "Age of the oldest finding of severity high or critical waiting for the link.",
    ),
    ("dogwatch_uplink_bytes_total", MetricType::COUNTER, "Bytes the uplink moved, both ways."),
    ("dogwatch_uplink_day_bytes", MetricType::GAUGE, "Bytes the uplink used today."),
    ("dogwatch_uplink_bundles_total", MetricType::COUNTER, "Bundles the shore has receipted."),
    ("dogwatch_uplink_retries_total", MetricType::COUNTER, "Failed attempts to reach the shore."),
];

/// The text of `/metrics`.
///
/// # Errors
/// When the metrics contradict each other; a test keeps that from happening.
pub fn text(board: &Arc<Board>) -> Result<String, prometheus::Error> {
    let registry = Registry::new();
    registry.register(Box::new(BoardCollector { board: Arc::clone(board), descriptions: descriptions()? }))?;
    let mut out = Vec::new();
    TextEncoder::new().encode(&registry.gather(), &mut out)?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

fn descriptions() -> Result<Vec<Desc>, prometheus::Error> {
    METRICS
        .iter()
        .map(|(name, _, help)| {
            Desc::new((*name).to_owned(), (*help).to_owned(), Vec::new(), std::collections::HashMap::new())
        })
        .collect()
}

struct BoardCollector {
    board: Arc<Board>,
    descriptions: Vec<Desc>,
}

impl Collector for BoardCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let picture = self.board.picture();
        let mut families: Vec<MetricFamily> = METRICS
            .iter()
            .map(|(name, kind, help)| {
                let mut family = MetricFamily::default();
                family.set_name((*name).to_owned());
                family.set_help((*help).to_owned());
                family.set_field_type(*kind);
                family
            })
            .collect();
        samples(&picture, &mut |name, labels, value| {
            if let Some(family) = families.iter_mut().find(|family| family.name() == name) {
                let metric = metric(family.get_field_type(), labels, value);
                family.mut_metric().push(metric);
            }
        });
        families.retain(|family| !family.get_metric().is_empty());
        families
    }
}

fn metric(kind: MetricType, labels: &[(&str, &str)], value: f64) -> Metric {
    let mut metric = Metric::default();
    metric.set_label(
        labels
            .iter()
            .map(|(name, text)| {
                let mut pair = LabelPair::default();
                pair.set_name((*name).to_owned());
                pair.set_value((*text).to_owned());
                pair
            })
            .collect(),
    );
    if kind == MetricType::COUNTER {
        let mut counter = Counter::default();
        counter.set_value(value);
        metric.set_counter(counter);
    } else {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        metric.set_gauge(gauge);
    }
    metric
}

/// Takes one sample: name, labels, value.
type Sample<'s> = dyn FnMut(&str, &[(&str, &str)], f64) + 's;

/// Shows every sample of a picture.
fn samples(picture: &Picture, sample: &mut Sample<'_>) {
    sample("dogwatch_up_seconds", &[], picture.now.since(picture.started).as_secs_f64());
    for source in &picture.sources {
        let name = ("source", source.name.as_str());
        sample("dogwatch_source_up", &[name], f64::from(u8::from(source.up)));
        sample("dogwatch_source_failures_total", &[name], source.failures as f64);
        let verdict = serde_json::to_value(source.verdict).unwrap_or_default();
        sample("dogwatch_mirror_verdict", &[name, ("verdict", verdict.as_str().unwrap_or_default())], 1.0);
        sample("dogwatch_frames_total", &[name], source.frames as f64);
        sample("dogwatch_frame_bytes_total", &[name], source.bytes as f64);
        sample("dogwatch_frames_dropped_total", &[name, ("reason", "kernel")], source.dropped_kernel as f64);
        sample("dogwatch_frames_dropped_total", &[name, ("reason", "interface")], source.dropped_interface as f64);
    }
    for (reason, count) in &picture.engine {
        sample("dogwatch_engine_events_total", &[("reason", reason)], *count as f64);
    }
    for (protocol, count) in &picture.protocols {
        sample("dogwatch_messages_total", &[("protocol", protocol)], *count as f64);
    }
    for (protocol, kind, count) in &picture.parse_errors {
        sample("dogwatch_parse_errors_total", &[("protocol", protocol), ("kind", kind)], *count as f64);
    }
    sample("dogwatch_assets", &[], picture.assets.len() as f64);
    for severity in Severity::ALL {
        let count = picture.findings.values().filter(|finding| finding.severity == severity).count();
        sample("dogwatch_findings", &[("severity", severity.as_str())], count as f64);
    }
    sample("dogwatch_store_healthy", &[], f64::from(u8::from(picture.store.healthy)));
    sample("dogwatch_store_bytes", &[], picture.store.bytes as f64);
    for (name, used) in [
        ("dogwatch_store_disk_used_ratio", picture.store.disk_used),
        ("dogwatch_store_queue_used_ratio", picture.store.queue_used),
    ] {
        used.into_iter().for_each(|used| sample(name, &[], used));
    }
    sample("dogwatch_clock_trusted", &[], f64::from(u8::from(picture.is_clock_trusted)));
    sample("dogwatch_baseline_unread_total", &[], picture.baseline.unread as f64);
    let imports = &picture.imports;
    for kind in FileKind::ALL {
        let files = || imports.files.iter().filter(|file| file.kind == kind);
        let label = [("kind", kind.label())];
        sample("dogwatch_imports_loaded", &label, files().map(|file| file.loaded).sum::<u64>() as f64);
        sample("dogwatch_imports_skipped", &label, files().map(|file| file.skipped).sum::<u64>() as f64);
        sample("dogwatch_imports_errors", &label, files().filter(|file| file.error.is_some()).count() as f64);
    }
    sample("dogwatch_imports_reloads_total", &[], imports.reloads as f64);
    sample("dogwatch_imports_refused_total", &[], imports.refusals as f64);
    sample("dogwatch_policy_changes_total", &[], picture.policy_view.changes as f64);
    sample("dogwatch_policy_refused_total", &[], picture.policy_view.refusals as f64);
    sample("dogwatch_would_alert", &[], picture.policy_view.would_alert.0 as f64);
    let uplink = &picture.uplink;
    for (class, waiting) in ["critical", "high", "routine", "bulk"].into_iter().zip(uplink.waiting) {
        sample("dogwatch_uplink_queue_records", &[("class", class)], waiting as f64);
    }
    sample("dogwatch_uplink_oldest_unsent_seconds", &[], uplink.oldest_unsent_s as f64);
    sample("dogwatch_uplink_oldest_urgent_seconds", &[], uplink.oldest_urgent_s as f64);
    sample("dogwatch_uplink_bytes_total", &[], uplink.bytes_total as f64);
    sample("dogwatch_uplink_day_bytes", &[], uplink.bytes_today as f64);
    sample("dogwatch_uplink_bundles_total", &[], uplink.bundles as f64);
    sample("dogwatch_uplink_retries_total", &[], uplink.retries as f64);
}

#[cfg(test)]
mod tests {
    use super::*;
    use dogwatch_model::CaptureTime;

    #[test]
    fn every_sample_is_declared_and_follows_the_naming_rules() {
        let mut picture = Picture::empty(CaptureTime(0));
        picture.protocols.insert("modbus", 3);
        picture.engine.push(("frames", 1));
        let mut seen = std::collections::BTreeSet::new();
        samples(&picture, &mut |name, _, _| {
            assert!(METRICS.iter().any(|(known, ..)| *known == name), "{name} is not declared");
            seen.insert(name.to_owned());
        });
        assert!(seen.len() > 8);
        for (name, kind, help) in METRICS {
            assert_eq!(*kind == MetricType::COUNTER, name.ends_with("_total"), "{name}");
            assert!(help.ends_with('.'), "{name}");
        }
        let board = Arc::new(Board::new(CaptureTime(0)));
        board.update(|slot| *slot = picture);
        let text = text(&board).unwrap();
        assert!(text.contains("dogwatch_messages_total{protocol=\"modbus\"} 3"), "{text}");
        assert!(text.contains("# HELP dogwatch_assets Devices in the inventory."), "{text}");
    }
}
