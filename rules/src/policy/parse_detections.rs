//! Reads the figures an owner sets for detections: `[detections.DW-5003] gap_m = 400`. Names and ranges are the detections' own; what is not
//! written keeps the figure of the catalogue.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::diagnostic::{Code, Report};
use super::reader::Section;
use crate::detections;

/// One figure as the file sets it.
#[derive(Debug, Clone, PartialEq)]
pub struct ThresholdSet {
    /// The detection, `DW-NNNN`.
    pub detection: String,
    /// Which of its figures.
    pub key: String,
    /// The value.
    pub value: f64,
}

/// Reads the table `[detections]`.
pub(super) fn thresholds(report: &mut Report<'_>, top: &Section<'_>) -> Vec<ThresholdSet> {
    let Some((table, span)) = top.table(report, "detections") else { return Vec::new() };
    let known = known();
    let ids: Vec<&'static str> = known.keys().copied().collect();
    let section = Section::open(report, table, "detections", span, &ids);
    let mut found = Vec::new();
    for (id, figures) in &known {
        let Some((table, span)) = section.table(report, id) else { continue };
        let keys: Vec<&'static str> = figures.iter().map(|(key, _)| *key).collect();
        let section = Section::open(report, table, id, span, &keys);
        for (key, range) in figures {
            let Some(number) = section.number(report, key, f64::MIN) else { continue };
            if range.contains(&number.value) {
                found.push(ThresholdSet { detection: (*id).to_owned(), key: (*key).to_owned(), value: number.value });
            } else {
                let help = format!("a number from {} to {}", range.start(), range.end());
                report.error(Code::P005, &number.span, format!("{key} = {} cannot be", number.value), help);
            }
        }
    }
    found
}

/// Every figure of every detection of this build.
fn known() -> BTreeMap<&'static str, Vec<(&'static str, RangeInclusive<f64>)>> {
    let mut known: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for mut detector in detections::all() {
        for threshold in detector.thresholds() {
            known.entry(threshold.id).or_default().push((threshold.key, threshold.range));
        }
    }
    known
}

#[cfg(test)]
mod tests {
    use dogwatch_model::CaptureTime;

    use crate::policy::check;

    const HEAD: &str = "format = 1\nmode = \"enforce\"\n[vessel]\nname = \"T\"\n";

    fn problems(text: &str) -> Vec<String> {
        let checked = check(&format!("{HEAD}{text}"), "t.toml", CaptureTime::from_parts(1_800_000_000, 0));
        checked.diagnostics.iter().map(|diagnostic| format!("{} {}", diagnostic.line, diagnostic.message)).collect()
    }

    #[test]
    fn figures_are_read_and_checked() {
        let text = format!("{HEAD}[detections.DW-5001]\njump_m = 250\n");
        let policy = check(&text, "t.toml", CaptureTime::from_parts(1_800_000_000, 0)).policy.unwrap();
        assert_eq!(policy.thresholds.len(), 1);
        assert_eq!((policy.thresholds[0].key.as_str(), policy.thresholds[0].value), ("jump_m", 250.0));
        assert_eq!(problems("[detections.DW-5001]\njump = 250\n"), ["6 \"jump\" is not a field of DW-5001"]);
        assert_eq!(problems("[detections.DW-5001]\njump_m = 0\n"), ["6 jump_m = 0 cannot be"]);
        assert_eq!(problems("[detections.DW-0001]\nx = 0\n"), ["5 \"DW-0001\" is not a field of detections"]);
    }
}
