//! The table, the reasons, and the bars a family must reach.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::verdict::{Report, Tally};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bars {
    /// Family -> least share of its judged cases that are equal or explained, in percent.
    least_percent: BTreeMap<String, f64>,
}

impl Bars {
    /// The bar of a family: its own, or that of the group before the `/`.
    fn of(&self, family: &str) -> Option<f64> {
        let group = family.split_once('/').map_or(family, |(group, _)| group);
        self.least_percent.get(family).or_else(|| self.least_percent.get(&format!("{group}/*"))).copied()
    }
}

/// Prints all that was compared; the answer is whether every bar is met and nothing crashed.
pub(crate) fn print(report: &Report, details: &Path) -> Result<bool> {
    let bars: Bars = toml::from_str(include_str!("../data/bars.toml")).context("bars.toml")?;
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{:<26} {:>6} {:>7} {:>7} {:>9} {:>9} {:>11} {:>8} {:>6} {:>7} {:>6}",
        "family",
        "files",
        "cases",
        "equal",
        "explained",
        "different",
        "not decoded",
        "unjudged",
        "panics",
        "percent",
        "bar"
    )?;
    let mut good = true;
    for (family, tally) in &report.families {
        let Tally { files, cases, equal, explained, different, not_decoded, unjudged, panics, .. } = tally;
        let bar = bars.of(family);
        let percent = tally.percent();
        // where nothing was judged nothing is claimed: the bar is not met, it is not asked
        let met = *panics == 0 && bar.zip(percent).is_none_or(|(bar, percent)| percent >= bar);
        let percent = percent.map_or_else(|| "-".to_owned(), |percent| format!("{percent:.2}"));
        good &= met;
        let bar = bar.map_or_else(|| "-".to_owned(), |bar| format!("{bar}"));
        let mark = if met { "" } else { "  below the bar" };
        writeln!(
            out,
            "{family:<26} {files:>6} {cases:>7} {equal:>7} {explained:>9} {different:>9} {not_decoded:>11} {unjudged:>8} {panics:>6} {percent:>7} {bar:>6}{mark}"
        )?;
    }
    writeln!(out)?;
    for (family, tally) in &report.families {
        for (reason, count) in &tally.reasons {
            writeln!(out, "explained {count:>6}  {family}: {reason}")?;
        }
    }
    writeln!(out, "every difference: {}", details.display())?;
    Ok(good)
}
