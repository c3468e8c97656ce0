//! The table, the reasons, and the bars a family must reach.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::verdict::{Part, Report, Tally};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bars {
    /// Family -> least share of its judged cases that are equal or explained, in percent.
    least_percent: BTreeMap<String, f64>,
    /// Family -> most cases of the judged ones in which something wrong is said, in percent.
    most_wrong_percent: BTreeMap<String, f64>,
    /// Family -> why it has no bar.
    not_on_our_list: BTreeMap<String, String>,
    /// Family -> what is missing where the bar is missed.
    left_below: BTreeMap<String, String>,
}

/// The bar of a family: its own, or that of the group before the `/`.
fn bar(bars: &BTreeMap<String, f64>, family: &str) -> Option<f64> {
    let group = family.split_once('/').map_or(family, |(group, _)| group);
    bars.get(family).or_else(|| bars.get(&format!("{group}/*"))).copied()
}

/// One bar and how far it was reached.
struct Verdict {
    family: String,
    what: String,
    reached: f64,
    bar: f64,
    met: bool,
}

impl Bars {
    fn least(&self, family: &str) -> Option<f64> {
        bar(&self.least_percent, family).filter(|_| !self.not_on_our_list.contains_key(family))
    }

    /// Every bar of a family. Where nothing was judged nothing is claimed: the bar is not met, it is not asked.
    fn verdicts(&self, family: &str, tally: &Tally) -> Vec<Verdict> {
        let mut all = Vec::new();
        if let (Some(bar), Some(reached)) = (self.least(family), tally.percent()) {
            all.push(Verdict {
                family: family.to_owned(),
                what: format!("{family}: equal or explained, at least"),
                reached,
                bar,
                met: reached >= bar,
            });
        }
        if let (Some(bar), Some(reached)) = (self.most_wrong_percent.get(family).copied(), tally.wrong_percent()) {
            all.push(Verdict {
                family: family.to_owned(),
                what: format!("{family}: wrong, at most"),
                reached,
                bar,
                met: reached <= bar,
            });
        }
        if tally.panics > 0 {
            let reached = tally.panics as f64;
            all.push(Verdict {
                family: family.to_owned(),
                what: format!("{family}: crashes and hangs, at most"),
                reached,
                bar: 0.0,
                met: false,
            });
        }
        all
    }
}

/// Prints all that was compared; the answer is whether every bar is met and nothing crashed.
pub(crate) fn print(report: &Report, details: &Path, parts: &Path) -> Result<bool> {
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
    let mut verdicts = Vec::new();
    for (family, tally) in &report.families {
        let Tally { files, cases, equal, explained, different, not_decoded, unjudged, panics, .. } = tally;
        let own = bars.verdicts(family, tally);
        let percent = tally.percent().map_or_else(|| "-".to_owned(), |percent| format!("{percent:.2}"));
        let least = bars.least(family).map_or_else(|| "-".to_owned(), |bar| format!("{bar}"));
        let mark = if own.iter().all(|verdict| verdict.met) { "" } else { "  below the bar" };
        writeln!(
            out,
            "{family:<26} {files:>6} {cases:>7} {equal:>7} {explained:>9} {different:>9} {not_decoded:>11} {unjudged:>8} {panics:>6} {percent:>7} {least:>6}{mark}"
        )?;
        verdicts.extend(own);
    }
    writeln!(out)?;
    for (family, tally) in &report.families {
        for (reason, count) in &tally.reasons {
            writeln!(out, "explained {count:>6}  {family}: {reason}")?;
        }
        for (what, (value, place)) in &tally.most {
            writeln!(out, "most {value:>11.2}  {family}: {what} ({place})")?;
        }
    }
    writeln!(out)?;
    for (family, tally) in &report.families {
        for ((what, reason), count) in &tally.remaining {
            match reason {
                Some(reason) => writeln!(out, "left {count:>11}  {family} {what}: {reason}")?,
                None => writeln!(out, "NO REASON {count:>6}  {family} {what}")?,
            }
        }
    }
    for (family, why) in bars.not_on_our_list.iter().filter(|(family, _)| report.families.contains_key(*family)) {
        writeln!(out, "no bar  {family}: {why}")?;
    }
    writeln!(out)?;
    let (met, missed): (Vec<_>, Vec<_>) = verdicts.iter().partition(|verdict| verdict.met);
    for Verdict { family, what, reached, bar, .. } in &missed {
        let why = bars.left_below.get(family).map_or_else(String::new, |why| format!(" ({why})"));
        writeln!(out, "MISSED  {what} {bar} percent: {reached:.2}{why}")?;
    }
    writeln!(out, "{} bars met, {} missed", met.len(), missed.len())?;
    writeln!(out, "every difference: {}   by attribute and field: {}", details.display(), parts.display())?;
    write_parts(report, parts)?;
    Ok(missed.is_empty())
}

/// Writes how every kind of case and every field compares, the worst of a family first.
fn write_parts(report: &Report, path: &Path) -> Result<()> {
    let file = std::fs::File::create(path).with_context(|| path.display().to_string())?;
    let mut out = std::io::BufWriter::new(file);
    writeln!(out, "family\tpart\tequal\texplained\twrong\tmissing\textra")?;
    for (family, tally) in &report.families {
        let mut parts: Vec<_> = tally.parts.iter().collect();
        parts.sort_by_key(|(name, part)| (std::cmp::Reverse(part.wrong + part.missing), *name));
        for (name, Part { equal, explained, wrong, missing, extra }) in parts {
            writeln!(out, "{family}\t{name}\t{equal}\t{explained}\t{wrong}\t{missing}\t{extra}")?;
        }
    }
    Ok(out.flush()?)
}
